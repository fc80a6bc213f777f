//! The minimum spanning tree of rows by mutual reachability, or by plain distance.
//!
//! The weight of an edge is the greatest of its length and the *core distances* of its two rows; with
//! core distances of 0 it is the length, and the tree that of single linkage. Edges are ordered by
//! (weight, lower row, higher row), so the tree is unique, whichever way it is found.
//!
//! Borůvka's rounds: every component finds its least edge to another one, and all of these join. A row
//! looks for its nearest *alien*, a row of another component. What it found in a round stays its
//! nearest alien for as long as it is one, and what it searched without finding stays a lower bound;
//! the nearest rows, which are known, answer most first rounds. The rest walks through the tree of
//! boxes, past nodes that lie in the row's own component, whose core distances are too great, or that
//! lie beyond the least edge that any row of the component has found so far.
//!
//! Source: Borůvka 1926; March, Ram, Gray 2010 (on trees of boxes); McInnes, Healy 2017 (mutual
//! reachability); the single-tree form with lists of neighbours follows Gagolewski et al. 2025.
//! Cost: a few searches for the nearest per row in few dimensions; O(n) memory.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::kernel::Line;
use super::nearest::Nearest;
use super::tree::Tree;
use super::walk::{Meeting, Visitor, Walk, bits};
use super::within::NONE;
use crate::num::pack::LANES;
use crate::num::parallel;
use crate::num::union_find::UnionFind;

/// An edge between two rows; `weight` is a reduced distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edge {
    pub(crate) weight: f64,
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl Edge {
    fn new(weight: f64, a: u32, b: u32) -> Self {
        Self { weight, low: a.min(b), high: a.max(b) }
    }

    /// After every edge of this weight.
    fn after(weight: f64) -> Self {
        Self { weight, low: NONE, high: NONE }
    }

    fn is_real(&self) -> bool {
        self.low != NONE
    }

    /// The total order of edges.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rows = (self.low, self.high).cmp(&(other.low, other.high));
        self.weight.total_cmp(&other.weight).then(rows)
    }

    fn is_less(&self, other: &Self) -> bool {
        self.order(other).is_lt()
    }
}

impl Tree {
    /// The n − 1 edges of the minimum spanning tree, ascending. `core` has the reduced core distance
    /// of every row; `nearest` some nearest rows of each, best a few more than core distances count.
    pub(crate) fn spanning_tree(&self, nearest: &Nearest, core: &[f64]) -> Vec<Edge> {
        let n = self.n_rows();
        debug_assert!(core.len() == n && n > 1);
        let sets = UnionFind::new(n);
        let mut edges = self.stars(core);
        edges.iter().for_each(|edge| _ = sets.union(edge.low as usize, edge.high as usize));
        let by_place: Vec<f64> = self.places().map(|row| core[row]).collect();
        let least_core = self.fold_up(&by_place, f64::INFINITY, f64::min);
        // What is known of each row's nearest alien: the edge to it, or a bound below all of them.
        let mut known: Vec<Edge> = core.iter().map(|&core| Edge::after(core)).collect();
        while edges.len() < n - 1 {
            let components: Vec<u32> = parallel::map(n, 8, |row| sets.find(row) as u32);
            let bounds: Vec<AtomicU64> =
                parallel::map(n, 1, |_| AtomicU64::new(f64::INFINITY.to_bits()));
            let lists = Lists { nearest, core, components: &components, bounds: &bounds };
            parallel::map_mut(&mut known, 64, |row, known| *known = lists.look(row, *known));
            let round = Round {
                tree: self,
                core: &by_place,
                least_core: &least_core,
                components: self.places().map(|row| components[row]).collect(),
                bounds: &bounds,
                known: &known,
            };
            for (row, edge) in round.search() {
                known[row] = edge;
            }
            let mut least = vec![Edge::after(f64::INFINITY); n];
            for (row, edge) in known.iter().enumerate() {
                let least = &mut least[components[row] as usize];
                if edge.is_real() && edge.is_less(least) {
                    *least = *edge;
                }
            }
            let joining = least.iter().filter(|edge| edge.is_real());
            edges.extend(joining.filter(|edge| sets.union(edge.low as usize, edge.high as usize)));
        }
        parallel::sort_by(&mut edges, Edge::order);
        edges
    }

    /// The edges of weight 0 between equal rows: a star around the first of them each. Borůvka would
    /// find them as well, but would compare all copies with all.
    fn stars(&self, core: &[f64]) -> Vec<Edge> {
        let mut order: Vec<u32> = (0..self.n_rows() as u32).collect();
        let compare = |a: u32, b: u32| {
            let (a, b) = (self.values_at(a as usize), self.values_at(b as usize));
            a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)
        };
        let row = |place: u32| self.row_at(place as usize) as u32;
        parallel::sort_by(&mut order, |&a, &b| compare(a, b).then(row(a).cmp(&row(b))));
        let groups = order.chunk_by(|&a, &b| compare(a, b).is_eq());
        let alike = groups.filter(|group| core[row(group[0]) as usize] == 0.0);
        alike
            .flat_map(|group| {
                group[1..].iter().map(|&copy| Edge::new(0.0, row(group[0]), row(copy)))
            })
            .collect()
    }

    /// What a value of every place comes to below each leaf and node, leaves first.
    fn fold_up<T: Copy>(&self, by_place: &[T], none: T, f: impl Fn(T, T) -> T) -> Vec<Vec<T>> {
        let mut levels: Vec<Vec<T>> = Vec::new();
        for level in 0..=self.n_levels() {
            let below = level.checked_sub(1).map_or(by_place, |level| &levels[level]);
            levels.push(
                below.chunks(LANES).map(|node| node.iter().copied().fold(none, &f)).collect(),
            );
        }
        levels
    }
}

/// Looks for aliens among the nearest rows.
struct Lists<'a> {
    nearest: &'a Nearest,
    core: &'a [f64],
    components: &'a [u32],
    /// Per component, the least weight found so far, as bits.
    bounds: &'a [AtomicU64],
}

impl Lists<'_> {
    /// What is known of a row's nearest alien now: certain, or a bound below it.
    fn look(&self, row: usize, known: Edge) -> Edge {
        let component = self.components[row];
        let bound = &self.bounds[component as usize];
        let is_alien = |other: u32| self.components[other as usize] != component;
        if known.is_real() {
            if is_alien(known.low) || is_alien(known.high) {
                bound.fetch_min(known.weight.to_bits(), Relaxed);
                return known;
            }
            return self.look(row, Edge::after(known.weight));
        }
        let list = self.nearest.of(row);
        let mut least = Edge::after(f64::INFINITY);
        for near in list {
            if near.reduced > least.weight {
                break;
            }
            if is_alien(near.row) {
                let weight = near.reduced.max(self.core[row]).max(self.core[near.row as usize]);
                let edge = Edge::new(weight, row as u32, near.row);
                least = if edge.is_less(&least) { edge } else { least };
            }
        }
        if least.is_real() {
            bound.fetch_min(least.weight.to_bits(), Relaxed);
        }
        // Rows that are not listed are at least as far as the last that is.
        let beyond = list[list.len() - 1].reduced.max(known.weight);
        if least.weight < beyond { least } else { Edge::after(beyond) }
    }
}

/// The searches of one round.
struct Round<'a> {
    tree: &'a Tree,
    /// By place.
    core: &'a [f64],
    /// Per level, leaves first.
    least_core: &'a [Vec<f64>],
    /// By place.
    components: Vec<u32>,
    bounds: &'a [AtomicU64],
    /// By row.
    known: &'a [Edge],
}

impl Round<'_> {
    /// Rows that had to search, and what is known of them now.
    fn search(&self) -> Vec<(usize, Edge)> {
        const TOGETHER: usize = 8;
        let tree = self.tree;
        // One component below a node, or none in common.
        let common = |a: u32, b: u32| {
            if a == NONE - 1 {
                b
            } else if a == b {
                a
            } else {
                NONE
            }
        };
        let mut alike: Vec<Vec<u32>> = Vec::new();
        for level in 0..=tree.n_levels() {
            let below = level.checked_sub(1).map_or(&self.components, |level| &alike[level]);
            let node = |node: &[u32]| node.iter().copied().fold(NONE - 1, common);
            alike.push(below.chunks(LANES).map(node).collect());
        }
        let work = TOGETHER * LANES * LANES * tree.width();
        let found = parallel::map(tree.n_leaves().div_ceil(TOGETHER), work, |group| {
            let mut walk = Walk::new(tree, tree);
            let mut alien = Alien {
                round: self,
                alike: &alike,
                meeting: Meeting::new(tree, tree),
                query: 0,
                wanted: 0,
                best: [Edge::after(f64::INFINITY); LANES],
                reach: Line([-1.0; LANES]),
                limit: -1.0,
                limit_weight: 0.0,
            };
            let mut found = Vec::new();
            for leaf in group * TOGETHER..tree.n_leaves().min((group + 1) * TOGETHER) {
                if alien.start(leaf) {
                    walk.climb(leaf, &mut alien);
                    alien.finish(&mut found);
                }
            }
            found
        });
        found.concat()
    }

    /// The least weight that the component of a place has found so far.
    fn bound(&self, place: usize) -> f64 {
        f64::from_bits(self.bounds[self.components[place] as usize].load(Relaxed))
    }
}

/// The search of one leaf for aliens.
struct Alien<'a> {
    round: &'a Round<'a>,
    alike: &'a [Vec<u32>],
    meeting: Meeting<'a>,
    query: usize,
    wanted: u16,
    best: [Edge; LANES],
    reach: Line,
    limit: f32,
    /// The greatest weight that is still of interest.
    limit_weight: f64,
}

impl Alien<'_> {
    /// Whether any row of the leaf has to search.
    fn start(&mut self, leaf: usize) -> bool {
        (self.query, self.wanted) = (leaf, 0);
        for (lane, &row) in self.round.tree.rows_of(leaf).iter().enumerate() {
            let known = &self.round.known[row as usize];
            // Its nearest alien is at least as far as the bound that is known of it.
            let bound = self.round.bound(leaf * LANES + lane);
            if !known.is_real() && known.weight <= bound {
                self.wanted |= 1 << lane;
                self.best[lane] = Edge::after(bound);
            }
        }
        self.draw_in();
        self.wanted != 0
    }

    /// Sets reaches and limits by what has been found so far.
    fn draw_in(&mut self) {
        (self.limit, self.limit_weight) = (-1.0, 0.0);
        let mut farthest = -1.0f32;
        for lane in bits(self.wanted) {
            let bound = self.round.bound(self.query * LANES + lane).min(self.best[lane].weight);
            self.reach.0[lane] = self.round.tree.reaches(bound).0;
            farthest = farthest.max(self.reach.0[lane]);
            self.limit_weight = self.limit_weight.max(bound);
        }
        if self.wanted != 0 {
            self.limit = self.round.tree.gap_limit(farthest);
        }
    }

    fn finish(&self, found: &mut Vec<(usize, Edge)>) {
        for lane in bits(self.wanted) {
            let place = self.query * LANES + lane;
            // All that was passed over weighs more than this, which only shrinks.
            let bound = self.round.bound(place);
            let best = self.best[lane];
            let row = self.round.tree.row_at(place);
            let certain = best.is_real() && best.weight <= bound;
            found.push((row, if certain { best } else { Edge::after(bound) }));
        }
    }
}

impl Visitor for Alien<'_> {
    fn limit(&self) -> f32 {
        self.limit
    }

    fn skips(&self, level: Option<usize>, index: usize) -> bool {
        let up = level.map_or(0, |level| level + 1);
        let (here, own) = (self.alike[up][index], self.alike[0][self.query]);
        let least_core = self.round.least_core[up][index];
        if (here == own && own != NONE) || least_core > self.limit_weight {
            return true;
        }
        // Of equal rows only the lowest could still be nearer; else all copies would be compared.
        let Some((place, row)) = self.round.tree.copies(level, index) else { return false };
        bits(self.wanted).all(|lane| {
            let query = self.query * LANES + lane;
            let weight = self.meeting.reduced(query, place).max(self.round.core[query]);
            let edge = Edge::new(weight.max(least_core), self.round.tree.row_at(query) as u32, row);
            !edge.is_less(&self.best[lane])
        })
    }

    fn leaf(&mut self, leaf: usize) {
        if self.skips(None, leaf) {
            return;
        }
        self.meeting.meet(self.query, leaf, &self.reach, &self.reach, self.wanted);
        let mut changed = false;
        for lane in bits(self.meeting.met.active) {
            let query = self.query * LANES + lane;
            let (component, core) = (self.round.components[query], self.round.core[query]);
            let row = self.round.tree.row_at(query) as u32;
            for near in bits(self.meeting.met.near[lane]) {
                let place = leaf * LANES + near;
                let other_core = self.round.core[place];
                if self.round.components[place] == component || other_core > self.best[lane].weight
                {
                    continue;
                }
                let weight = self.meeting.reduced(query, place).max(core).max(other_core);
                let edge = Edge::new(weight, row, self.round.tree.row_at(place) as u32);
                if edge.is_less(&self.best[lane]) {
                    self.best[lane] = edge;
                    self.round.bounds[component as usize].fetch_min(weight.to_bits(), Relaxed);
                    changed = true;
                }
            }
        }
        if changed {
            self.draw_in();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;
    use crate::num::check::{self, Rows};
    use crate::num::rng::Stream;
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Kruskal over all pairs.
    fn naive(rows: &Rows<'_>, metric: Metric, core: &[f64]) -> Vec<Edge> {
        let n = rows.n_rows();
        let edge = |a: usize, b: usize| {
            let weight = metric.reduced(rows.row(a), rows.row(b)).max(core[a]).max(core[b]);
            Edge::new(weight, a as u32, b as u32)
        };
        let mut all: Vec<Edge> =
            (0..n).flat_map(|b| (0..b).map(move |a| (a, b))).map(|(a, b)| edge(a, b)).collect();
        all.sort_by(Edge::order);
        let sets = UnionFind::new(n);
        all.retain(|edge| sets.union(edge.low as usize, edge.high as usize));
        all
    }

    fn agree(x: &Array2<f64>, k: usize, min_samples: usize, metric: Metric) {
        let rows = check::rows(x.view()).unwrap();
        let tree = Tree::new(&rows, metric);
        let nearest = tree.k_nearest(k);
        let core: Vec<f64> = (0..rows.n_rows())
            .map(|row| if min_samples < 2 { 0.0 } else { nearest.of(row)[min_samples - 2].reduced })
            .collect();
        assert_eq!(tree.spanning_tree(&nearest, &core), naive(&rows, metric, &core));
    }

    #[test]
    fn the_tree_is_kruskals_on_one_thread_or_more() {
        let mut stream = Stream::new(6, 0);
        for (n, d) in [(2, 1), (17, 1), (300, 2), (700, 5)] {
            let x = Array2::from_shape_fn((n, d), |(i, _)| stream.normal() + (i % 3 * 4) as f64);
            for threads in [1, 3] {
                parallel::with_threads(threads, || {
                    agree(&x, 1, 1, Metric::Euclidean);
                    agree(&x, (n - 1).min(9), (n - 1).min(6), Metric::Euclidean);
                });
            }
        }
    }

    #[test]
    fn a_multitude_of_copies_is_joined_in_a_moment() {
        let x = Array2::from_shape_fn((60_000, 2), |(row, _)| (row % 3) as f64);
        let tree = Tree::new(&check::rows(x.view()).unwrap(), Metric::Euclidean);
        let edges = tree.spanning_tree(&tree.k_nearest(3), &vec![0.0; 60_000]);
        assert_eq!(edges[59_996], Edge { weight: 0.0, low: 2, high: 59_999 });
        assert_eq!(edges[59_998], Edge { weight: 2.0, low: 1, high: 2 });
    }

    proptest! {
        #[test]
        fn any_cloud_has_the_tree_of_kruskal(
            cells in prop::collection::vec(-9i32..9, 4..200),
            d in 1usize..4,
            k in 1usize..9,
            min_samples in 1usize..8,
            metric in prop::sample::select(vec![
                Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev,
            ]),
        ) {
            let n = cells.len() / d;
            prop_assume!(n > k && min_samples <= k + 1);
            let x = Array2::from_shape_fn((n, d), |(i, j)| f64::from(cells[i * d + j]).powi(3));
            agree(&x, k, min_samples, metric);
        }
    }
}
