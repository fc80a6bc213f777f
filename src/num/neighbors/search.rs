//! The search of one query leaf for the k nearest rows of each of its rows.
//!
//! Contenders are gathered by their f32 distances (`contenders.rs`), and bounds of the k-th distance close the
//! search; the naive f64 distance decides among the few that are left. Where f32 cannot tell contenders apart, as
//! among equal rows, the naive distance is asked on the way.

use super::contenders::Contenders;
use super::kernel::Line;
use super::neighbor::Neighbor;
use super::tree::Tree;
use super::walk::{LeafMeeting, Visitor, bits};
use crate::num::pack::LANES;

/// New contenders that are worth another bound: so many, or an eighth of `k`, as a bound looks at all of them. From 8 to
/// 24 were measured to take the same time for k = 20.
fn every(k: usize) -> usize {
    LANES.max(k / 8)
}

/// Contenders beyond `k` from which on f32 is taken not to tell them apart; more than a bound leaves where it can.
fn too_many(k: usize) -> usize {
    (LANES / 2).max(k / 8)
}

/// The search of one query leaf.
#[derive(Debug)]
pub(super) struct LeafSearch<'a> {
    tree: &'a Tree,
    queries: &'a Tree,
    meeting: LeafMeeting<'a>,
    k: usize,
    among_themselves: bool,
    query: usize,
    contenders: Contenders,
    /// Per query, how many contenders the next bound waits for.
    next: [usize; LANES],
    /// Stands for every row beyond the radius.
    farthest: Neighbor,
    /// Per query, the k-th nearest so far by exact distance; equal to `farthest` until `resolve` ran.
    worst: [Neighbor; LANES],
    reach: Line,
    limit: f32,
    /// The greatest δ of the leaves that contenders come from.
    slack: f32,
    /// Scratch: contenders with their powers and places, and those that are left at the end.
    exact: Vec<(Neighbor, f32, u32)>,
    near: Vec<Neighbor>,
}

impl<'a> LeafSearch<'a> {
    pub(super) fn new(
        tree: &'a Tree,
        queries: &'a Tree,
        k: usize,
        radius: f64,
        among_themselves: bool,
    ) -> Self {
        let farthest = Neighbor { reduced: radius, row: u32::MAX };
        Self {
            farthest,
            tree,
            queries,
            meeting: LeafMeeting::new(tree, queries),
            k,
            among_themselves,
            query: 0,
            contenders: Contenders::new(k),
            next: [k; LANES],
            worst: [farthest; LANES],
            reach: Line([f32::INFINITY; LANES]),
            limit: f32::INFINITY,
            slack: 0.0,
            exact: Vec::new(),
            near: Vec::new(),
        }
    }

    pub(super) fn start(&mut self, query: usize) {
        self.query = query;
        self.contenders.clear();
        self.next = [self.k; LANES];
        self.worst = [self.farthest; LANES];
        let reach = self.tree.reaches(self.farthest.reduced).0;
        self.reach = Line([reach; LANES]);
        self.limit = self.tree.gap_limit(reach);
        self.slack = 0.0;
    }

    /// Calls `keep` with those of each query that may be among its k nearest, in any order.
    pub(super) fn finish(&mut self, mut keep: impl FnMut(&mut Vec<Neighbor>)) {
        let n_queries = self.queries.rows_of(self.query).len();
        for lane in 0..n_queries {
            if self.contenders.len(lane) > self.k && self.worst[lane] == self.farthest {
                self.close(lane);
            }
            self.contenders.cut(lane, self.most(lane));
            self.near.clear();
            for &place in self.contenders.of(lane).1 {
                self.near.push(self.neighbor(lane, place));
            }
            self.near.retain(|neighbor| neighbor.reduced <= self.farthest.reduced);
            keep(&mut self.near);
        }
    }

    /// A contender with its exact distance.
    #[inline]
    fn neighbor(&self, lane: usize, place: u32) -> Neighbor {
        let place = place as usize;
        let reduced = self.meeting.reduced(self.query * LANES + lane, place);
        Neighbor { reduced, row: self.tree.row_at(place) as u32 }
    }

    /// The power that every contender that still counts stays below.
    #[inline]
    fn most(&self, lane: usize) -> f32 {
        self.tree.gap_limit(self.reach.0[lane] + self.slack)
    }

    /// Shortens the reach of a query to where its k nearest so far lie. Once exact distances were needed, they
    /// are needed again.
    #[inline]
    fn close(&mut self, lane: usize) {
        if self.worst[lane] != self.farthest {
            return self.resolve(lane);
        }
        let bound = self.contenders.bound(lane, self.most(lane));
        if let Some((power, n_below)) = bound {
            self.reach.0[lane] = self.reach.0[lane].min(self.tree.reach_of(power, self.slack));
            if n_below > self.k + too_many(self.k) {
                return self.resolve(lane);
            }
        }
        if self.contenders.is_full(lane) {
            self.contenders.cut(lane, self.most(lane));
            if self.contenders.is_full(lane) {
                self.resolve(lane);
            }
        }
    }

    /// Those of a leaf that are nearer than the worst by their exact distances.
    #[cold]
    fn nearer(&self, lane: usize, near: u16, leaf: usize) -> u16 {
        bits(near).fold(0, |nearer, at| {
            let neighbor = self.neighbor(lane, (leaf * LANES + at) as u32);
            nearer | u16::from(neighbor.order(&self.worst[lane]).is_lt()) << at
        })
    }

    /// Keeps the k nearest by their exact distances: for rows whose computed distances are too alike.
    #[cold]
    fn resolve(&mut self, lane: usize) {
        self.exact.clear();
        let (powers, places) = self.contenders.of(lane);
        for (&power, &place) in powers.iter().zip(places) {
            self.exact.push((self.neighbor(lane, place), power, place));
        }
        self.exact.retain(|contender| contender.0.order(&self.farthest).is_lt());
        if self.exact.len() >= self.k {
            self.exact.select_nth_unstable_by(self.k - 1, |a, b| a.0.order(&b.0));
            self.exact.truncate(self.k);
            self.worst[lane] = self.exact[self.k - 1].0;
            let reach = self.tree.reaches(self.worst[lane].reduced).0;
            self.reach.0[lane] = self.reach.0[lane].min(reach);
        }
        let kept = self.exact.iter().map(|&(_, power, place)| (power, place));
        self.contenders.replace(lane, kept);
    }
}

impl Visitor for LeafSearch<'_> {
    fn limit(&self) -> f32 {
        self.limit
    }

    fn skips(&self, level: Option<usize>, index: usize) -> bool {
        // Among equal rows only the lowest can still be nearer. Without this, all copies would be compared.
        let Some((place, row)) = self.tree.copies(level, index) else { return false };
        let n_queries = self.queries.rows_of(self.query).len();
        (0..n_queries).all(|lane| {
            let reduced = self.meeting.reduced(self.query * LANES + lane, place);
            self.worst[lane].order(&Neighbor { reduced, row }).is_lt()
        })
    }

    fn leaf(&mut self, leaf: usize) {
        let wanted = self.queries.filled(self.query);
        self.meeting.meet(self.query, leaf, &self.reach, &self.reach, wanted);
        if self.meeting.met.active == 0 {
            return;
        }
        self.slack = self.slack.max(self.tree.slack(self.queries, self.query, leaf));
        let own = u16::from(self.among_themselves && leaf == self.query);
        let mut changed = false;
        for lane in bits(self.meeting.met.active) {
            let mut near = self.meeting.met.near[lane] & !(own << lane);
            if self.worst[lane] != self.farthest {
                near = self.nearer(lane, near, leaf);
            }
            if near == 0 {
                continue;
            }
            self.contenders.add(lane, &self.meeting.met.powers[lane], near, leaf);
            if self.contenders.len(lane) >= self.next[lane] || self.contenders.is_full(lane) {
                self.close(lane);
                self.next[lane] = self.contenders.len(lane).max(self.k) + every(self.k);
                changed = true;
            }
        }
        if changed {
            let n_queries = self.queries.rows_of(self.query).len();
            let farthest = self.reach.0[..n_queries].iter().copied().fold(0.0, f32::max);
            self.limit = self.tree.gap_limit(farthest);
        }
    }
}
