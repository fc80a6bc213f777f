//! Who is connected to whom: disjoint sets that can be listed and taken apart again.
//!
//! Union by rank with path halving (Tarjan, van Leeuwen 1984); reads do not write, and rank keeps
//! them short. The members of a set form a ring, so a set can be listed, and dissolved, at a cost
//! that grows with its own size alone. Every root knows the best name among its members, how many
//! values of every limited kind they have, and whether a rule may part them.

use super::basis::Basis;
use crate::num::{parallel, prefetch};

/// Set on the parent of a root, which then holds its rank and [`MAY_PART`].
const ROOT: u32 = 1 << 31;

/// Set on the parent of a root if a rule may part its members.
const MAY_PART: u32 = 1 << 30;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    parent: u32,
    /// The next member of the ring.
    next: u32,
    /// On roots: the member that names the set. On others: one that named it once, to prefetch by.
    best: u32,
}

impl Member {
    fn alone(node: u32, may_part: bool) -> Self {
        Self { parent: ROOT | if may_part { MAY_PART } else { 0 }, next: node, best: node }
    }

    /// A member of a set one level deep.
    pub(super) fn flat(node: u32, root: u32, next: u32, best: u32, may_part: bool) -> Self {
        let rank = u32::from(next != root);
        let of_root = ROOT | if may_part { MAY_PART } else { 0 } | rank;
        Self { parent: if root == node { of_root } else { root }, next, best }
    }
}

/// Disjoint sets of nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Components {
    sets: Vec<Member>,
    /// On roots: values per limited kind, at most `u16::MAX`.
    counts: Vec<u16>,
    n_counters: usize,
    /// Members beyond the first of every set.
    n_joined: usize,
}

impl Components {
    pub(super) fn new(n_counters: usize) -> Self {
        Self { n_counters, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// The sets of these members, with the counts of all, end to end.
    pub(super) fn from_parts(sets: Vec<Member>, counts: Vec<u16>, n_counters: usize) -> Self {
        let is_root = |chunk: &[Member]| chunk.iter().filter(|m| m.parent & ROOT != 0).count();
        let n_roots: usize =
            parallel::map_chunks(sets.len(), 1, |range| is_root(&sets[range])).into_iter().sum();
        let n_joined = sets.len() - n_roots;
        Self { sets, counts, n_counters, n_joined }
    }

    /// Adds the next node as a set of its own.
    pub(super) fn push(&mut self, basis: Basis<'_>) {
        let node = self.sets.len() as u32;
        self.sets.push(Member::alone(node, basis.may_part(node)));
        self.counts.resize(self.counts.len() + self.n_counters, 0);
        self.count_own(node, basis.counter(node));
    }

    /// Number of members beyond the first of every set.
    pub(super) fn n_joined(&self) -> usize {
        self.n_joined
    }

    fn count_own(&mut self, node: u32, counter: Option<u16>) {
        if let Some(counter) = counter {
            self.counts[node as usize * self.n_counters + counter as usize] = 1;
        }
    }

    /// Makes each of some nodes a set of its own, which must be all members of their sets.
    pub(super) fn isolate(&mut self, nodes: &[u32], basis: Basis<'_>) {
        for &node in nodes {
            let i = node as usize;
            self.n_joined -= usize::from(self.sets[i].parent & ROOT == 0);
            self.sets[i] = Member::alone(node, basis.may_part(node));
            self.counts[i * self.n_counters..(i + 1) * self.n_counters].fill(0);
            self.count_own(node, basis.counter(node));
        }
    }

    pub(super) fn root(&self, mut node: u32) -> u32 {
        while self.sets[node as usize].parent & ROOT == 0 {
            node = self.sets[node as usize].parent;
        }
        node
    }

    /// Prefetches what is known of a node.
    pub(super) fn prefetch(&self, node: u32) {
        prefetch::prefetch_at(&self.sets, node as usize);
    }

    /// Prefetches the parent of a node that was prefetched; returns it, or the node if it is a root.
    pub(super) fn prefetch_parent(&self, node: u32) -> u32 {
        let parent = self.sets[node as usize].parent;
        if parent & ROOT != 0 {
            return node;
        }
        self.prefetch(parent);
        parent
    }

    /// Prefetches the counts of a root.
    pub(super) fn prefetch_counts(&self, root: u32) {
        prefetch::prefetch_at(&self.counts, root as usize * self.n_counters);
    }

    /// A member that may name the set of a node that was prefetched.
    pub(super) fn hint(&self, node: u32) -> u32 {
        self.sets[node as usize].best
    }

    fn halve(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.sets[node as usize].parent;
            if parent & ROOT != 0 {
                return node;
            }
            let grand = self.sets[parent as usize].parent;
            if grand & ROOT != 0 {
                return parent;
            }
            self.sets[node as usize].parent = grand;
            node = grand;
        }
    }

    pub(super) fn is_alone(&self, node: u32) -> bool {
        self.sets[node as usize].next == node
    }

    /// The members of a node's set, itself first.
    pub(super) fn members(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = Some(node);
        std::iter::from_fn(move || {
            let here = at?;
            let next = self.sets[here as usize].next;
            at = (next != node).then_some(next);
            Some(here)
        })
    }

    pub(super) fn best(&self, root: u32) -> u32 {
        self.sets[root as usize].best
    }

    /// Values per limited kind of a root.
    pub(super) fn counts(&self, root: u32) -> &[u16] {
        let i = root as usize;
        &self.counts[i * self.n_counters..(i + 1) * self.n_counters]
    }

    /// Lets a node name its set, if it is better than the one that does.
    pub(super) fn offer(&mut self, node: u32, basis: Basis<'_>) {
        if !self.is_alone(node) {
            let root = self.root(node);
            self.offer_at(root, node, basis);
        }
    }

    fn offer_at(&mut self, root: u32, node: u32, basis: Basis<'_>) {
        let best = &mut self.sets[root as usize].best;
        if *best != node && basis.name_order(node, *best).is_lt() {
            *best = node;
        }
    }

    /// Whether a rule may part the members of a root's set.
    pub(super) fn may_part(&self, root: u32) -> bool {
        self.sets[root as usize].parent & MAY_PART != 0
    }

    /// From now on a rule may part the members of a root's set.
    pub(super) fn set_may_part(&mut self, root: u32) {
        self.sets[root as usize].parent |= MAY_PART;
    }

    /// Joins the sets of two nodes; returns the root of both, if they were apart.
    pub(super) fn union(&mut self, a: u32, b: u32, basis: Basis<'_>) -> Option<u32> {
        let (a, b) = (self.halve(a), self.halve(b));
        if a == b {
            return None;
        }
        let (parent_a, parent_b) = (self.sets[a as usize].parent, self.sets[b as usize].parent);
        let (rank_a, rank_b) = (parent_a & !MAY_PART, parent_b & !MAY_PART);
        let (top, low) = if rank_a >= rank_b { (a, b) } else { (b, a) };
        let rank = rank_a.max(rank_b) + u32::from(rank_a == rank_b);
        self.sets[top as usize].parent = rank | (parent_a | parent_b) & MAY_PART;
        self.sets[low as usize].parent = top;
        let ring = self.sets[top as usize].next;
        self.sets[top as usize].next = self.sets[low as usize].next;
        self.sets[low as usize].next = ring;
        let other = self.sets[low as usize].best;
        self.offer_at(top, other, basis);
        for counter in 0..self.n_counters {
            let add = self.counts[low as usize * self.n_counters + counter];
            let sum = &mut self.counts[top as usize * self.n_counters + counter];
            *sum = sum.saturating_add(add);
        }
        self.n_joined += 1;
        Some(top)
    }

    pub(super) fn shrink(&mut self) {
        self.sets.shrink_to_fit();
        self.counts.shrink_to_fit();
    }

    pub(super) fn bytes(&self) -> usize {
        self.sets.capacity() * size_of::<Member>() + self.counts.capacity() * 2
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::IdentityEvidence;
    use super::super::super::policy::{Policy, Rules};
    use super::*;

    fn world(identifiers: &[(&str, &str)]) -> (Policy, IdentityEvidence) {
        let mut policy = Policy::new(Rules::default()).unwrap();
        let mut evidence = IdentityEvidence::default();
        for (kind, value) in identifiers {
            let kind = policy.add_kind(kind);
            evidence.intern(&policy, kind, value);
        }
        (policy, evidence)
    }

    fn alone(n: usize, basis: Basis<'_>) -> Components {
        let mut sets = Components::new(basis.policy.kinds().n_counters());
        (0..n).for_each(|_| sets.push(basis));
        sets
    }

    #[test]
    fn a_set_is_listed_named_counted_and_taken_apart() {
        let identifiers = [("cookie", "c"), ("email", "b"), ("email", "a"), ("user_id", "7")];
        let (policy, evidence) = world(&identifiers);
        let basis = Basis { policy: &policy, evidence: &evidence };
        let mut sets = alone(4, basis);
        let joined = [(0, 1), (1, 2), (2, 0)].map(|(a, b)| sets.union(a, b, basis).is_some());
        assert_eq!((joined, sets.n_joined()), ([true, true, false], 2));
        let mut members: Vec<u32> = sets.members(1).collect();
        members.sort_unstable();
        assert_eq!(members, [0, 1, 2]);
        assert_eq!((sets.best(sets.root(0)), sets.counts(sets.root(0))), (2, &[0u16, 2][..]));
        assert!(sets.is_alone(3));
        sets.isolate(&members, basis);
        assert!((0..4).all(|node| sets.is_alone(node) && sets.root(node) == node));
        assert_eq!((sets.counts(1), sets.n_joined()), (&[0u16, 1][..], 0));
    }

    #[test]
    fn a_long_chain_stays_shallow_for_readers() {
        let values: Vec<String> = (0..100_000).map(|i| i.to_string()).collect();
        let identifiers: Vec<_> = values.iter().map(|value| ("x", value.as_str())).collect();
        let (policy, evidence) = world(&identifiers);
        let basis = Basis { policy: &policy, evidence: &evidence };
        let mut sets = alone(100_000, basis);
        (1..100_000).rev().for_each(|i| _ = sets.union(i - 1, i, basis));
        let depth = |mut node: u32| {
            let mut steps = 0;
            while sets.sets[node as usize].parent & ROOT == 0 {
                node = sets.sets[node as usize].parent;
                steps += 1;
            }
            steps
        };
        assert!((0..100_000).map(depth).max() <= Some(17));
    }
}
