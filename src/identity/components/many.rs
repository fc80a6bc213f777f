//! All sets at once, from the root of every node.
//!
//! Every thread gathers, for roots of its own range, what all nodes say of them; so no two threads
//! write to one place, and the order of nodes alone decides.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::evidence::{Node, Nodes, flag};
use super::super::kinds::Kinds;
use super::{Components, Member, ROOT, name_key};
use crate::num::{parallel, prefetch};

/// Nodes between asking for memory and reading it.
const AHEAD: usize = 64;

impl Components {
    /// The sets in which every node belongs to that of its root, the smallest of them. Of
    /// [`flag::BITTEN`], roots take over what holds for any of their members.
    pub(crate) fn of_roots(roots: &[u32], nodes: &mut Nodes, kinds: &Kinds) -> Self {
        let (n, n_counters) = (roots.len(), kinds.n_counters());
        let next = parallel::map(n, 1, |node| AtomicU32::new(node as u32));
        let mut tops = parallel::map(n, 10, |node| Top::new(node as u32, nodes, kinds));
        let mut counts = Vec::new();
        parallel::extend(&mut counts, n * n_counters, |_| 0);
        let len = n.div_ceil(parallel::n_threads()).max(1);
        let mut rest = &mut counts[..];
        let ranges: Vec<Roots<'_>> = tops
            .chunks_mut(len)
            .enumerate()
            .map(|(range, tops)| {
                let counts;
                (counts, rest) = std::mem::take(&mut rest).split_at_mut(tops.len() * n_counters);
                Roots { base: (range * len) as u32, next: &next, tops, counts }
            })
            .collect();
        parallel::for_each(ranges, 50 * n, |_, mut range| range.gather(roots, nodes, kinds));
        parallel::map_chunks_mut(&mut nodes.facts, parallel::CHUNK, 4, |chunk, facts| {
            for (node, top) in facts.iter_mut().zip(&tops[chunk * parallel::CHUNK..]) {
                let bitten = top.bitten || bites(node, kinds);
                node.flags = node.flags & !flag::BITTEN | if bitten { flag::BITTEN } else { 0 };
            }
        });
        let sets = parallel::map(n, 10, |node| {
            if let Some(&later) = roots.get(node + AHEAD) {
                prefetch::soon_at(&tops, later as usize);
            }
            let (root, top) = (roots[node], &tops[roots[node] as usize]);
            if root as usize != node {
                return Member { parent: root, next: next[node].load(Relaxed), best: top.best };
            }
            // One level deep, so of rank one.
            let rank = u32::from(top.ring != root);
            Member { parent: ROOT | rank, next: top.ring, best: top.best }
        });
        Self { sets, counts, n_counters }
    }
}

/// What is found out of a root from its members, so far.
struct Top {
    /// The first time of the member that names the set.
    first: i64,
    /// The first bytes of its text. Identifiers that came together have one first time, and the texts
    /// themselves lie far apart.
    start: [u8; 8],
    /// That member.
    best: u32,
    /// The first of the ring.
    ring: u32,
    rank: u32,
    only_claimed: bool,
    bitten: bool,
}

impl Top {
    fn new(node: u32, nodes: &Nodes, kinds: &Kinds) -> Self {
        let facts = &nodes.facts[node as usize];
        let (only_claimed, rank, first) = name_key(facts, kinds);
        let (start, bitten) = (nodes.start(node), bites(facts, kinds));
        Self { first, start, best: node, ring: node, rank, only_claimed, bitten }
    }
}

/// Roots of which one thread gathers what their members say.
struct Roots<'a> {
    /// The first of them.
    base: u32,
    /// Of all nodes, the next in their rings.
    next: &'a [AtomicU32],
    tops: &'a mut [Top],
    counts: &'a mut [u16],
}

impl Roots<'_> {
    fn gather(&mut self, roots: &[u32], nodes: &Nodes, kinds: &Kinds) {
        let n_counters = kinds.n_counters();
        for (node, &root) in (0..).zip(roots) {
            if let Some(&later) = roots.get(node as usize + AHEAD) {
                let place = later.wrapping_sub(self.base) as usize;
                prefetch::soon_at(self.tops, place);
                prefetch::soon_at(self.counts, place.saturating_mul(n_counters));
            }
            let place = root.wrapping_sub(self.base) as usize;
            let Some(top) = self.tops.get_mut(place) else { continue };
            let facts = &nodes.facts[node as usize];
            if let Some(counter) = kinds.get(facts.kind).counter {
                let count = &mut self.counts[place * n_counters + counter as usize];
                *count = count.saturating_add(1);
            }
            if node == root {
                continue;
            }
            top.bitten |= bites(facts, kinds);
            self.next[node as usize].store(top.ring, Relaxed);
            top.ring = node;
            let key = name_key(facts, kinds);
            let order = key.cmp(&(top.only_claimed, top.rank, top.first));
            let order = order.then_with(|| nodes.start(node).cmp(&top.start));
            if order.then_with(|| nodes.value(node).cmp(nodes.value(top.best))).is_lt() {
                (top.only_claimed, top.rank, top.first) = key;
                (top.best, top.start) = (node, nodes.start(node));
            }
        }
    }
}

/// Whether a rule may bite a node wherever it belongs.
fn bites(node: &Node, kinds: &Kinds) -> bool {
    kinds.get(node.kind).weak || node.flags & flag::CANNOT != 0
}
