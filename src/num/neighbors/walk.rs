//! The way through a tree: leaves near a query leaf, the nearest first.
//!
//! A leaf of the tree itself climbs: it meets its own leaf, then at every level the other children of
//! its node. A leaf of another tree starts at the top. Either way children are entered in the order
//! of their gaps, and not at all once the gap exceeds the visitor's limit, which may shrink on the
//! way.

use super::kernel::{LeafMatches, LeafPair, Line, NormKernels};
use super::tree::Tree;
use crate::num::pack::LANES;

/// What is done with the leaves that are found.
pub(super) trait Visitor {
    /// The greatest gap still of interest, as a power of the norm; below 0 to stop.
    fn limit(&self) -> f32;
    /// Whether nothing below the node, or the leaf if `level` is `None`, is of interest.
    fn skips(&self, level: Option<usize>, index: usize) -> bool;
    fn leaf(&mut self, leaf: usize);
}

/// A child that is yet to be entered.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    gap: f32,
    /// 0 for a leaf, above that the level of a node plus 1.
    height: u32,
    index: u32,
}

/// Walks from one query leaf after another.
#[derive(Debug)]
pub(super) struct LeafWalk<'a> {
    tree: &'a Tree,
    queries: &'a Tree,
    ahead: Vec<Ahead>,
}

impl<'a> LeafWalk<'a> {
    pub(super) fn new(tree: &'a Tree, queries: &'a Tree) -> Self {
        Self { tree, queries, ahead: Vec::new() }
    }

    /// All leaves within the limit of a leaf of the tree itself.
    pub(super) fn climb(&mut self, leaf: usize, visitor: &mut impl Visitor) {
        visitor.leaf(leaf);
        for level in 0..self.tree.n_levels() {
            self.siblings(leaf, level, visitor, |child, own| child != own);
        }
    }

    /// Those whose lowest node in common with the leaf is of this level, in children for which
    /// `wanted(child, own child)` holds.
    pub(super) fn siblings(
        &mut self,
        leaf: usize,
        level: usize,
        visitor: &mut impl Visitor,
        wanted: impl Fn(usize, usize) -> bool,
    ) {
        let (node, own) = (leaf >> (4 * (level + 1)), leaf >> (4 * level) & 15);
        self.enter(leaf, level, node, visitor, |child| wanted(child, own));
        self.run(leaf, visitor);
    }

    /// All leaves within the limit of a leaf of another tree.
    pub(super) fn descend(&mut self, leaf: usize, visitor: &mut impl Visitor) {
        match self.tree.n_levels().checked_sub(1) {
            None => visitor.leaf(0),
            Some(top) => {
                self.enter(leaf, top, 0, visitor, |_| true);
                self.run(leaf, visitor);
            }
        }
    }

    fn run(&mut self, leaf: usize, visitor: &mut impl Visitor) {
        while let Some(Ahead { gap, height, index }) = self.ahead.pop() {
            let (level, index) = ((height as usize).checked_sub(1), index as usize);
            if gap >= visitor.limit() || visitor.skips(level, index) {
                continue;
            }
            match level {
                None => visitor.leaf(index),
                Some(level) => self.enter(leaf, level, index, visitor, |_| true),
            }
        }
    }

    /// Puts the children of a node on the stack, the nearest on top.
    fn enter(
        &mut self,
        leaf: usize,
        level: usize,
        node: usize,
        visitor: &impl Visitor,
        wanted: impl Fn(usize) -> bool,
    ) {
        let gaps = self.tree.gaps(self.queries, leaf, level, node).0;
        let near = below(&gaps, visitor.limit());
        // Sorted as it grows, the farthest first; of equals the first child comes last. Gaps are no less than 0, so
        // their bits are ordered as they are.
        let (mut sorted, mut n) = ([0u64; LANES], 0);
        for child in bits(near).filter(|&child| wanted(child)) {
            let key = u64::from(gaps[child].to_bits()) << 32 | child as u64;
            let mut place = n;
            while place > 0 && sorted[place - 1] < key {
                sorted[place] = sorted[place - 1];
                place -= 1;
            }
            sorted[place] = key;
            n += 1;
        }
        self.ahead.extend(sorted[..n].iter().map(|&key| {
            let child = key as usize % LANES;
            let index = (node * LANES + child) as u32;
            Ahead { gap: gaps[child], height: level as u32, index }
        }));
    }
}

/// The lanes below a limit, as bits.
#[inline]
fn below(lanes: &[f32; LANES], limit: f32) -> u16 {
    lanes.iter().rev().fold(0, |mask, &lane| mask << 1 | u16::from(lane < limit))
}

/// The meeting of leaves of two trees, and the scratch it takes.
#[derive(Debug)]
pub(super) struct LeafMeeting<'a> {
    tree: &'a Tree,
    queries: &'a Tree,
    kernels: NormKernels,
    shifted: Vec<Line>,
    pub(super) met: LeafMatches,
}

impl<'a> LeafMeeting<'a> {
    pub(super) fn new(tree: &'a Tree, queries: &'a Tree) -> Self {
        let shifted = vec![Line([0.0; LANES]); tree.width()];
        Self { tree, queries, kernels: tree.kernels, shifted, met: LeafMatches::default() }
    }

    /// Which of the wanted queries may be, and which surely are, within their reaches.
    #[inline]
    pub(super) fn meet(
        &mut self,
        query: usize,
        leaf: usize,
        reach: &Line,
        surely: &Line,
        wanted: u16,
    ) {
        let pair = LeafPair {
            queries: self.queries.tile(query),
            candidates: self.tree.tile(leaf),
            half: self.tree.half(leaf),
            ball: self.tree.ball(leaf),
            from: self.queries.centre(query),
            to: self.tree.centre(leaf),
            scale: self.tree.scale(),
            slack: self.tree.slack(self.queries, query, leaf),
            reach,
            surely,
            wanted,
        };
        (self.kernels.meet)(&pair, &mut self.shifted, &mut self.met);
    }

    /// The exact reduced distance between places.
    #[inline]
    pub(super) fn reduced(&self, query_place: usize, place: usize) -> f64 {
        self.tree.metric.reduced(self.queries.values_at(query_place), self.tree.values_at(place))
    }
}

/// The set bits of a mask, lowest first.
#[inline]
pub(super) fn bits(mut mask: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        bit
    })
}
