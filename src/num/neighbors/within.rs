//! Radius queries for DBSCAN, which store no neighbourhood.
//!
//! *Counts* stop as soon as every query of a leaf has enough. *Components* join core rows level by
//! level of the tree: once all core rows below a node are known to be connected, a leaf that belongs
//! to the same component passes the node by after one look, which spares most of the work where
//! data are dense. *Claims* give each other row the lowest component with a core row within reach.
//!
//! Source: the skipping of what is connected already follows Wang, Gu, Shun 2020.
//! Cost: about the pairs of leaves within the radius that do not belong together yet; O(n) memory.

use super::kernel::Line;
use super::tree::Tree;
use super::walk::{LeafMeeting, LeafWalk, Visitor, bits};
use crate::num::pack::LANES;
use crate::num::parallel;
use crate::num::union_find::UnionFind;

/// No component.
pub(crate) const NONE: u32 = u32::MAX;

/// Leaves that are searched by one task.
const TOGETHER: usize = 16;

/// Pairs of places within a reduced radius.
#[derive(Debug)]
struct WithinRadius<'a> {
    tree: &'a Tree,
    meeting: LeafMeeting<'a>,
    radius: f64,
    reach: Line,
    surely: Line,
    /// The greatest gap to what may lie within the radius.
    limit: f32,
}

impl<'a> WithinRadius<'a> {
    fn new(tree: &'a Tree, radius: f64) -> Self {
        let (reach, surely) = tree.reaches(radius);
        Self {
            tree,
            meeting: LeafMeeting::new(tree, tree),
            radius,
            reach: Line([reach; LANES]),
            surely: Line([surely; LANES]),
            limit: tree.gap_limit(reach),
        }
    }

    /// Meets two leaves; returns the queries with candidates, whose `near` then are exact.
    #[inline]
    fn meet(&mut self, query: usize, leaf: usize, wanted: u16, candidates: u16) -> u16 {
        self.meeting.meet(query, leaf, &self.reach, &self.surely, wanted);
        let mut met = 0;
        for lane in bits(self.meeting.met.active) {
            let (near, sure) = (self.meeting.met.near[lane], self.meeting.met.sure[lane]);
            let mut within = sure & candidates;
            for unsure in bits(near & !sure & candidates) {
                let places = (query * LANES + lane, leaf * LANES + unsure);
                let is_near = self.meeting.reduced(places.0, places.1) <= self.radius;
                within |= u16::from(is_near) << unsure;
            }
            self.meeting.met.near[lane] = within;
            met |= u16::from(within != 0) << lane;
        }
        met
    }
}

impl Tree {
    /// Of each place, whether the rows within a reduced radius, itself included, weigh at least
    /// `least`; without weights each weighs 1. Weights go by row; sums saturate.
    pub(crate) fn weigh_at_least(
        &self,
        radius: f64,
        weights: Option<&[u64]>,
        least: u64,
    ) -> Vec<bool> {
        let by_place: Option<Vec<u64>> =
            weights.map(|weights| self.places().map(|row| weights[row]).collect());
        let groups = self.by_groups(|leaves| {
            let mut walk = LeafWalk::new(self, self);
            let within = WithinRadius::new(self, radius);
            let weights = by_place.as_deref();
            let mut count =
                CountVisitor { within, weights, least, query: 0, counts: [0; LANES], wanted: 0 };
            let mut enough = Vec::with_capacity(leaves.len() * LANES);
            for leaf in leaves {
                (count.query, count.counts, count.wanted) = (leaf, [0; LANES], self.filled(leaf));
                walk.climb(leaf, &mut count);
                let n_rows = self.rows_of(leaf).len();
                enough.extend(count.counts[..n_rows].iter().map(|&count| count >= least));
            }
            enough
        });
        groups.concat()
    }

    /// The components of the core rows, which are marked by place, within a reduced radius: sets of
    /// rows whose representative is the lowest.
    pub(crate) fn components(&self, radius: f64, is_core: &[bool]) -> UnionFind {
        let core = self.masks(is_core);
        let sets = UnionFind::new(self.n_rows());
        let mut uniform = Uniform::new(self, &core);
        for level in 0..=self.n_levels() {
            self.by_groups(|leaves| {
                let mut walk = LeafWalk::new(self, self);
                let within = WithinRadius::new(self, radius);
                let mut join =
                    JoinVisitor { within, core: &core, sets: &sets, uniform: &uniform, query: 0 };
                for leaf in leaves.filter(|&leaf| core[leaf] != 0) {
                    join.query = leaf;
                    match level.checked_sub(1) {
                        None => join.leaf(leaf),
                        // Every pair of leaves once.
                        Some(level) => {
                            walk.siblings(leaf, level, &mut join, |child, own| child < own);
                        }
                    }
                }
            });
            uniform.learn(self, &core, &sets, level);
        }
        sets
    }

    /// Of each place that is not core, the lowest component, by its root, with a core row within the
    /// reduced radius, or [`NONE`]; of core places their own. `roots` go by row.
    pub(crate) fn claims(&self, radius: f64, is_core: &[bool], roots: &[u32]) -> Vec<u32> {
        let core = self.masks(is_core);
        let groups = self.by_groups(|leaves| {
            let mut walk = LeafWalk::new(self, self);
            let within = WithinRadius::new(self, radius);
            let mut claim =
                Claim { within, core: &core, roots, query: 0, wanted: 0, lowest: [NONE; LANES] };
            let mut claims = Vec::with_capacity(leaves.len() * LANES);
            for leaf in leaves {
                let wanted = self.filled(leaf) & !core[leaf];
                (claim.query, claim.wanted, claim.lowest) = (leaf, wanted, [NONE; LANES]);
                for (lane, &row) in self.rows_of(leaf).iter().enumerate() {
                    if core[leaf] >> lane & 1 == 1 {
                        claim.lowest[lane] = roots[row as usize];
                    }
                }
                if wanted != 0 {
                    walk.climb(leaf, &mut claim);
                }
                claims.extend_from_slice(&claim.lowest[..self.rows_of(leaf).len()]);
            }
            claims
        });
        groups.concat()
    }

    /// The rows by place.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.n_rows()).map(|place| self.row_at(place))
    }

    /// `f` of some leaves at a time, in order.
    fn by_groups<T: Send>(&self, f: impl Fn(std::ops::Range<usize>) -> T + Sync) -> Vec<T> {
        let n_groups = self.n_leaves().div_ceil(TOGETHER);
        let work = TOGETHER * LANES * LANES * self.width();
        parallel::map(n_groups, work, |group| {
            f(group * TOGETHER..self.n_leaves().min((group + 1) * TOGETHER))
        })
    }

    /// Per leaf, a bit for every place that is marked.
    fn masks(&self, marked: &[bool]) -> Vec<u16> {
        let mask = |leaf: &[bool]| {
            leaf.iter().rev().fold(0, |mask, &marked| mask << 1 | u16::from(marked))
        };
        marked.chunks(LANES).map(mask).collect()
    }
}

struct CountVisitor<'a> {
    within: WithinRadius<'a>,
    /// By place.
    weights: Option<&'a [u64]>,
    least: u64,
    query: usize,
    counts: [u64; LANES],
    /// Queries that have not enough yet.
    wanted: u16,
}

impl Visitor for CountVisitor<'_> {
    fn limit(&self) -> f32 {
        if self.wanted == 0 { -1.0 } else { self.within.limit }
    }

    fn skips(&self, _: Option<usize>, _: usize) -> bool {
        false
    }

    fn leaf(&mut self, leaf: usize) {
        let met = self.within.meet(self.query, leaf, self.wanted, u16::MAX);
        for lane in bits(met) {
            let near = self.within.meeting.met.near[lane];
            let more = match self.weights {
                None => u64::from(near.count_ones()),
                Some(weights) => bits(near)
                    .fold(0, |sum: u64, near| sum.saturating_add(weights[leaf * LANES + near])),
            };
            self.counts[lane] = self.counts[lane].saturating_add(more);
            if self.counts[lane] >= self.least {
                self.wanted &= !(1 << lane);
            }
        }
    }
}

/// What is known of the core rows below the leaves and nodes: all in one set, none, or neither.
#[derive(Debug)]
struct Uniform {
    /// Per level, leaves first: a row of the set, [`Uniform::EMPTY`] or [`Uniform::MIXED`].
    levels: Vec<Vec<u32>>,
}

impl Uniform {
    const MIXED: u32 = u32::MAX;
    const EMPTY: u32 = u32::MAX - 1;

    fn new(tree: &Tree, core: &[u16]) -> Self {
        let known = |empty: bool| if empty { Self::EMPTY } else { Self::MIXED };
        let mut levels = vec![core.iter().map(|&core| known(core == 0)).collect::<Vec<u32>>()];
        for level in 0..tree.n_levels() {
            let is_empty = |node: &[u32]| node.iter().all(|&child| child == Self::EMPTY);
            levels.push(levels[level].chunks(LANES).map(|node| known(is_empty(node))).collect());
        }
        Self { levels }
    }

    fn one_set(sets: &UnionFind, mut rows: impl Iterator<Item = u32>) -> u32 {
        let Some(first) = rows.next() else { return Self::EMPTY };
        let root = sets.find(first as usize);
        let same = rows.all(|row| sets.find(row as usize) == root);
        if same { first } else { Self::MIXED }
    }

    /// Looks again at what was neither, up to the nodes of a level.
    fn learn(&mut self, tree: &Tree, core: &[u16], sets: &UnionFind, level: usize) {
        for (leaf, known) in self.levels[0].iter_mut().enumerate() {
            if *known == Self::MIXED {
                let rows = tree.rows_of(leaf);
                *known = Self::one_set(sets, bits(core[leaf]).map(|lane| rows[lane]));
            }
        }
        for level in 1..=level {
            let (below, here) = self.levels.split_at_mut(level);
            let (below, here) = (&below[level - 1], &mut here[0]);
            for (node, known) in here.iter_mut().enumerate() {
                let children = &below[node * LANES..below.len().min((node + 1) * LANES)];
                if *known == Self::MIXED && !children.contains(&Self::MIXED) {
                    let rows = children.iter().copied().filter(|&child| child != Self::EMPTY);
                    *known = Self::one_set(sets, rows);
                }
            }
        }
    }
}

struct JoinVisitor<'a> {
    within: WithinRadius<'a>,
    core: &'a [u16],
    sets: &'a UnionFind,
    uniform: &'a Uniform,
    query: usize,
}

impl Visitor for JoinVisitor<'_> {
    fn limit(&self) -> f32 {
        self.within.limit
    }

    fn skips(&self, level: Option<usize>, index: usize) -> bool {
        let known = self.uniform.levels[level.map_or(0, |level| level + 1)][index];
        let own = self.uniform.levels[0][self.query];
        match known {
            Uniform::EMPTY => true,
            Uniform::MIXED => false,
            row if own != Uniform::MIXED => {
                self.sets.find(row as usize) == self.sets.find(own as usize)
            }
            _ => false,
        }
    }

    fn leaf(&mut self, leaf: usize) {
        let met = self.within.meet(self.query, leaf, self.core[self.query], self.core[leaf]);
        let known = &self.uniform.levels[0];
        // Of two leaves that are in one set each, one pair joins all.
        let once = known[self.query] != Uniform::MIXED && known[leaf] != Uniform::MIXED;
        let tree = self.within.tree;
        for lane in bits(met) {
            let row = tree.row_at(self.query * LANES + lane);
            for near in bits(self.within.meeting.met.near[lane]) {
                self.sets.union(row, tree.row_at(leaf * LANES + near));
                if once {
                    return;
                }
            }
        }
    }
}

struct Claim<'a> {
    within: WithinRadius<'a>,
    core: &'a [u16],
    /// By row.
    roots: &'a [u32],
    query: usize,
    wanted: u16,
    lowest: [u32; LANES],
}

impl Visitor for Claim<'_> {
    fn limit(&self) -> f32 {
        self.within.limit
    }

    fn skips(&self, level: Option<usize>, index: usize) -> bool {
        level.is_none() && self.core[index] == 0
    }

    fn leaf(&mut self, leaf: usize) {
        let met = self.within.meet(self.query, leaf, self.wanted, self.core[leaf]);
        let rows = self.within.tree.rows_of(leaf);
        for lane in bits(met) {
            for near in bits(self.within.meeting.met.near[lane]) {
                self.lowest[lane] = self.lowest[lane].min(self.roots[rows[near] as usize]);
            }
        }
    }
}
