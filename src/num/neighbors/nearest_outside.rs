//! The search of every row for its nearest row outside, which is a row of another component.
//!
//! What a row found in an earlier round stays its nearest row outside until the two components join, and what
//! it searched without finding stays a lower bound; the nearest rows, which are known, answer most first
//! rounds. The rest walks through the tree of boxes, past nodes that lie in the row's own component,
//! whose core distances are too great, or that lie beyond the least edge that any row of the component
//! has found so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::edge::{KnownNearest, SpanningEdge};
use super::kernel::Line;
use super::nearest::Nearest;
use super::tree::Tree;
use super::walk::{LeafMeeting, LeafWalk, Visitor, bits};
use super::within::NONE;
use crate::num::pack::LANES;
use crate::num::parallel::{self, CHUNK};

/// One round: every row looks for its nearest row outside. All is by place.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) tree: &'a Tree,
    pub(super) nearest: &'a Nearest,
    pub(super) core: &'a [f64],
    /// Per level, leaves first.
    pub(super) least_core: &'a [Vec<f64>],
    pub(super) components: &'a [u32],
    /// Per component, the least weight found so far, as bits.
    pub(super) bounds: &'a [AtomicU64],
}

impl Round<'_> {
    /// Looks at what is known, and among the nearest rows.
    pub(super) fn look(&self, known: &mut [KnownNearest]) {
        parallel::map_chunks_mut(known, CHUNK, 16, |chunk, known| {
            for (lane, known) in known.iter_mut().enumerate() {
                self.look_at(chunk * CHUNK + lane, known);
            }
        });
    }

    /// Brings up to date what is known of a row's nearest row outside: certain, or a bound below it.
    fn look_at(&self, place: usize, known: &mut KnownNearest) {
        let component = self.components[place];
        let is_outside = |other: usize| self.components[other] != component;
        if known.edge.is_real() {
            if is_outside(known.outside as usize) {
                lower(&self.bounds[component as usize], known.edge.weight);
                return;
            }
            known.edge = SpanningEdge::after(known.edge.weight);
        }
        let list = self.nearest.at(place);
        let row = self.tree.row_at(place) as u32;
        let mut least = SpanningEdge::after(f64::INFINITY);
        let mut found = NONE;
        for (i, near) in list.iter().enumerate().skip(known.n_passed as usize) {
            if near.reduced > least.weight {
                break;
            }
            let other = self.nearest.place_of(near.row as usize);
            if is_outside(other) {
                let weight = near.reduced.max(self.core[place]).max(self.core[other]);
                let edge = SpanningEdge::new(weight, row, near.row);
                if edge.is_less(&least) {
                    (least, found) = (edge, other as u32);
                }
            } else if known.n_passed as usize == i {
                known.n_passed += 1;
            }
        }
        if least.is_real() {
            lower(&self.bounds[component as usize], least.weight);
        }
        // Rows that are not listed are at least as far as the last that is.
        let beyond = list[list.len() - 1].reduced.max(known.edge.weight);
        if least.weight < beyond {
            (known.edge, known.outside) = (least, found);
        } else {
            known.edge = SpanningEdge::after(beyond);
        }
    }

    /// Searches the tree for every row of which too little is known.
    pub(super) fn search(&self, known: &mut [KnownNearest]) {
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
            let below = level.checked_sub(1).map_or(self.components, |level| &alike[level]);
            let node = |node: &[u32]| node.iter().copied().fold(NONE - 1, common);
            alike.push(below.chunks(LANES).map(node).collect());
        }
        let work = LANES * tree.width();
        parallel::map_chunks_mut(known, TOGETHER * LANES, work, |group, known| {
            let mut walk = LeafWalk::new(tree, tree);
            let mut search = OutsideSearch {
                round: self,
                known,
                first: group * TOGETHER * LANES,
                alike: &alike,
                meeting: LeafMeeting::new(tree, tree),
                query: 0,
                wanted: 0,
                best: [SpanningEdge::after(f64::INFINITY); LANES],
                outside: [NONE; LANES],
                reach: Line([-1.0; LANES]),
                limit: -1.0,
                limit_weight: 0.0,
            };
            for leaf in group * TOGETHER..tree.n_leaves().min((group + 1) * TOGETHER) {
                if search.start(leaf) {
                    walk.climb(leaf, &mut search);
                    search.finish();
                }
            }
        });
    }

    /// The least weight that the component of a place has found so far.
    fn bound(&self, place: usize) -> f64 {
        f64::from_bits(self.bounds[self.components[place] as usize].load(Relaxed))
    }
}

/// Lowers a bound. Most weights do not, and reading is cheaper than what keeps others from reading.
fn lower(bound: &AtomicU64, weight: f64) {
    if weight < f64::from_bits(bound.load(Relaxed)) {
        bound.fetch_min(weight.to_bits(), Relaxed);
    }
}

/// The search of one leaf for rows outside.
struct OutsideSearch<'a> {
    round: &'a Round<'a>,
    /// What is known of the rows, by place; the first one is at place `first`.
    known: &'a mut [KnownNearest],
    first: usize,
    alike: &'a [Vec<u32>],
    meeting: LeafMeeting<'a>,
    query: usize,
    wanted: u16,
    best: [SpanningEdge; LANES],
    /// The place of the row outside that `best` leads to.
    outside: [u32; LANES],
    reach: Line,
    limit: f32,
    /// The greatest weight that is still of interest.
    limit_weight: f64,
}

impl OutsideSearch<'_> {
    /// Whether any row of the leaf has to search.
    fn start(&mut self, leaf: usize) -> bool {
        (self.query, self.wanted) = (leaf, 0);
        for lane in 0..self.round.tree.rows_of(leaf).len() {
            let known = self.known[leaf * LANES + lane - self.first].edge;
            // Its nearest row outside is at least as far as the bound that is known of it.
            let bound = self.round.bound(leaf * LANES + lane);
            if !known.is_real() && known.weight <= bound {
                self.wanted |= 1 << lane;
                self.best[lane] = SpanningEdge::after(bound);
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

    fn finish(&mut self) {
        for lane in bits(self.wanted) {
            let place = self.query * LANES + lane;
            // All that was passed over weighs more than this, which only shrinks.
            let bound = self.round.bound(place);
            let best = self.best[lane];
            let known = &mut self.known[place - self.first];
            if best.is_real() && best.weight <= bound {
                (known.edge, known.outside) = (best, self.outside[lane]);
            } else {
                known.edge = SpanningEdge::after(bound);
            }
        }
    }
}

impl Visitor for OutsideSearch<'_> {
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
            let edge = SpanningEdge::new(
                weight.max(least_core),
                self.round.tree.row_at(query) as u32,
                row,
            );
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
                let edge = SpanningEdge::new(weight, row, self.round.tree.row_at(place) as u32);
                if edge.is_less(&self.best[lane]) {
                    (self.best[lane], self.outside[lane]) = (edge, place as u32);
                    lower(&self.round.bounds[component as usize], weight);
                    changed = true;
                }
            }
        }
        if changed {
            self.draw_in();
        }
    }
}
