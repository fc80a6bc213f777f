//! All sets at once, from the root of every node.
//!
//! For a range of roots at a time, a thread gathers what all nodes say of them; so no two threads write
//! to one place, and the order of nodes alone decides. What is gathered of a range lies near.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::evidence::{Node, Nodes, flag};
use super::super::kinds::Kinds;
use super::{Components, Member, ROOT, name_key};
use crate::num::{parallel, prefetch};

/// Nodes between asking for memory and reading it.
const AHEAD: usize = 64;

/// Ranges of roots: all nodes are looked at for each.
const N_RANGES: usize = 16;

impl Components {
    /// The sets in which every node belongs to that of its root, the smallest of them. Of
    /// [`flag::BITTEN`], roots take over what holds for any of their members.
    pub(crate) fn of_roots(roots: &[u32], nodes: &mut Nodes, kinds: &Kinds) -> Self {
        let (n, n_counters) = (roots.len(), kinds.n_counters());
        let next = parallel::map(n, 1, |node| AtomicU32::new(node as u32));
        let mut best = parallel::map(n, 1, |node| node as u32);
        let mut bitten = parallel::map(n, 1, |node| bites(&nodes.facts[node], kinds));
        let mut counts = Vec::new();
        parallel::extend(&mut counts, n * n_counters, |_| 0);
        let len = n.div_ceil(N_RANGES).max(1);
        let mut rest = &mut counts[..];
        let ranges: Vec<Roots<'_>> = best
            .chunks_mut(len)
            .zip(bitten.chunks_mut(len))
            .enumerate()
            .map(|(range, (best, bitten))| {
                let counts;
                (counts, rest) = std::mem::take(&mut rest).split_at_mut(best.len() * n_counters);
                Roots { first: (range * len) as u32, next: &next, best, bitten, counts }
            })
            .collect();
        parallel::for_each(ranges, 50 * n, |_, range| range.gather(roots, nodes, kinds));
        parallel::map_chunks_mut(&mut nodes.facts, parallel::CHUNK, 4, |chunk, facts| {
            for (node, &bitten) in facts.iter_mut().zip(&bitten[chunk * parallel::CHUNK..]) {
                node.flags = node.flags & !flag::BITTEN | if bitten { flag::BITTEN } else { 0 };
            }
        });
        let sets = parallel::map(n, 10, |node| {
            if let Some(&later) = roots.get(node + AHEAD) {
                prefetch::soon_at(&best, later as usize);
            }
            let (root, next) = (roots[node], next[node].load(Relaxed));
            // One level deep, so of rank one.
            let rank = ROOT | u32::from(next != root);
            let parent = if root as usize == node { rank } else { root };
            Member { parent, next, best: best[root as usize] }
        });
        Self { sets, counts, n_counters }
    }
}

/// What is found out of a root from its members, so far.
#[derive(Clone, Default)]
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
}

/// Roots of which one thread gathers what their members say.
struct Roots<'a> {
    first: u32,
    /// Of all nodes, the next in their rings.
    next: &'a [AtomicU32],
    best: &'a mut [u32],
    bitten: &'a mut [bool],
    counts: &'a mut [u16],
}

impl Roots<'_> {
    fn gather(self, roots: &[u32], nodes: &Nodes, kinds: &Kinds) {
        let n_counters = kinds.n_counters();
        let mut tops = vec![Top::default(); self.best.len()];
        for (node, &root) in (0..).zip(roots).skip(self.first as usize) {
            if let Some(&later) = roots.get(node as usize + AHEAD) {
                let place = later.wrapping_sub(self.first) as usize;
                prefetch::soon_at(&tops, place);
                prefetch::soon_at(self.counts, place.saturating_mul(n_counters));
            }
            let place = root.wrapping_sub(self.first) as usize;
            let Some(top) = tops.get_mut(place) else { continue };
            let facts = &nodes.facts[node as usize];
            if let Some(counter) = kinds.get(facts.kind).counter {
                let count = &mut self.counts[place * n_counters + counter as usize];
                *count = count.saturating_add(1);
            }
            let key = name_key(facts, kinds);
            let is_better = node == root || {
                self.bitten[place] |= bites(facts, kinds);
                self.next[node as usize].store(top.ring, Relaxed);
                let order = key.cmp(&(top.only_claimed, top.rank, top.first));
                let order = order.then_with(|| nodes.start(node).cmp(&top.start));
                order.then_with(|| nodes.value(node).cmp(nodes.value(top.best))).is_lt()
            };
            top.ring = node;
            if is_better {
                (top.only_claimed, top.rank, top.first) = key;
                (top.best, top.start) = (node, nodes.start(node));
            }
        }
        for (place, top) in tops.iter().enumerate() {
            let node = self.first as usize + place;
            if roots[node] as usize == node {
                self.next[node].store(top.ring, Relaxed);
                self.best[place] = top.best;
            }
        }
    }
}

/// Whether a rule may bite a node wherever it belongs.
fn bites(node: &Node, kinds: &Kinds) -> bool {
    kinds.get(node.kind).weak || node.flags & flag::CANNOT != 0
}
