//! Joins all sets at once, from the root of every node.
//!
//! For a range of roots at a time, one thread gathers what their members say, so no two threads write
//! to one place, and the order of nodes alone decides.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::evidence::node_of;
use super::basis::Basis;
use super::components::{Components, Member};
use crate::num::union_find::UnionFind;
use crate::num::{parallel, prefetch};

/// Nodes between prefetching memory and reading it.
const AHEAD: usize = 64;

/// Ranges of roots: all nodes are looked at for each.
const N_RANGES: usize = 16;

/// The components that the links of all signatures and the must-links connect.
pub(super) fn all_components(basis: Basis<'_>) -> Components {
    of_roots(&roots(basis), basis)
}

/// For every node, the smallest one that links connect it with.
fn roots(basis: Basis<'_>) -> Vec<u32> {
    let (nodes, signatures) = (basis.evidence.nodes(), basis.evidence.signatures());
    let is_usable: Vec<bool> = parallel::map(nodes.len(), 1, |node| basis.is_usable(node as u32));
    let sets = UnionFind::new(nodes.len());
    parallel::map_chunks(signatures.len(), 20, |sigs| {
        let sigs = sigs.start as u32..sigs.end as u32;
        let all = signatures.slots_of_range(sigs.clone());
        let mut start = 0;
        for sig in sigs {
            let slots = signatures.slots(sig);
            for &later in all.iter().skip(start + AHEAD).take(slots.len()) {
                sets.prefetch(node_of(later) as usize);
            }
            start += slots.len();
            if !signatures.is_live(sig) {
                continue;
            }
            // The usual case: the first is the anchor, and linked with all others.
            let is_plain = |&slot: &u32| is_usable.get(slot as usize) == Some(&true);
            if slots.iter().all(is_plain) {
                for &other in &slots[1..] {
                    sets.union(slots[0] as usize, other as usize);
                }
            } else if let Some(anchor) = basis.anchor(slots) {
                for other in basis.connected(slots, anchor) {
                    sets.union(anchor as usize, other as usize);
                }
            }
        }
    });
    for (a, b) in basis.policy.manual.joining_links() {
        sets.union(a as usize, b as usize);
    }
    sets.into_roots()
}

/// The sets in which every node belongs to that of its root, the smallest of them.
fn of_roots(roots: &[u32], basis: Basis<'_>) -> Components {
    let (n, n_counters) = (roots.len(), basis.policy.kinds().n_counters());
    let next = parallel::map(n, 1, |node| AtomicU32::new(node as u32));
    let mut best = parallel::map(n, 1, |node| node as u32);
    let mut may_part = parallel::map(n, 1, |node| basis.may_part(node as u32));
    let mut counts = Vec::new();
    parallel::extend(&mut counts, n * n_counters, |_| 0);
    let len = n.div_ceil(N_RANGES).max(1);
    let mut rest = &mut counts[..];
    let ranges: Vec<Roots<'_>> = best
        .chunks_mut(len)
        .zip(may_part.chunks_mut(len))
        .enumerate()
        .map(|(range, (best, may_part))| {
            let counts;
            (counts, rest) = std::mem::take(&mut rest).split_at_mut(best.len() * n_counters);
            Roots { first: (range * len) as u32, next: &next, best, may_part, counts }
        })
        .collect();
    parallel::for_each(ranges, 50 * n, |_, range| range.gather(roots, basis));
    let sets = parallel::map(n, 10, |node| {
        if let Some(&later) = roots.get(node + AHEAD) {
            prefetch::prefetch_at(&best, later as usize);
        }
        let (root, next) = (roots[node], next[node].load(Relaxed));
        Member::flat(node as u32, root, next, best[root as usize], may_part[node])
    });
    Components::from_parts(sets, counts, n_counters)
}

/// What the members of a root say, so far.
#[derive(Clone, Default)]
struct Top {
    /// The first time of the member that names the set.
    first: i64,
    /// The first bytes of its text. Identifiers that came together have the same first time, and
    /// the texts lie far apart.
    start: [u8; 8],
    /// That member.
    best: u32,
    /// The first of the ring.
    ring: u32,
    rank: u32,
    only_claimed: bool,
}

/// Roots for which one thread gathers what their members say.
struct Roots<'a> {
    first: u32,
    /// The next in its ring, for every node.
    next: &'a [AtomicU32],
    best: &'a mut [u32],
    may_part: &'a mut [bool],
    counts: &'a mut [u16],
}

impl Roots<'_> {
    fn gather(self, roots: &[u32], basis: Basis<'_>) {
        let (nodes, n_counters) = (basis.evidence.nodes(), basis.policy.kinds().n_counters());
        let mut tops = vec![Top::default(); self.best.len()];
        for (node, &root) in (0..).zip(roots).skip(self.first as usize) {
            if let Some(&later) = roots.get(node as usize + AHEAD) {
                let place = later.wrapping_sub(self.first) as usize;
                prefetch::prefetch_at(&tops, place);
                prefetch::prefetch_at(self.counts, place.saturating_mul(n_counters));
            }
            let place = root.wrapping_sub(self.first) as usize;
            let Some(top) = tops.get_mut(place) else { continue };
            if let Some(counter) = basis.counter(node) {
                let count = &mut self.counts[place * n_counters + counter as usize];
                *count = count.saturating_add(1);
            }
            let key = basis.name_key(node);
            let is_better = node == root || {
                self.may_part[place] |= basis.may_part(node);
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
