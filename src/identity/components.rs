//! Who is connected to whom: disjoint sets that can be listed and taken apart again.
//!
//! Union by rank with path halving (Tarjan, van Leeuwen 1984); reads do not write, and rank keeps
//! them short. The members of a set form a ring, so a set can be listed, and dissolved, at a cost
//! that grows with its own size alone. Every root knows the best name among its members and how
//! many values of every limited kind there are.

mod many;

use super::evidence::{Node, Nodes, flag};
use super::kinds::Kinds;
use crate::num::prefetch;

/// Set on the parent of a root, which then holds its rank.
const ROOT: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
struct Member {
    parent: u32,
    /// The next member of the ring.
    next: u32,
    /// On roots: the member that names the set. On others: one that named it once; a hint, to ask
    /// for memory by.
    best: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Components {
    sets: Vec<Member>,
    /// On roots: values per limited kind, at most `u16::MAX`.
    counts: Vec<u16>,
    n_counters: usize,
}

impl Components {
    pub(crate) fn new(n_counters: usize) -> Self {
        Self { n_counters, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Adds the next node as a set of its own.
    pub(crate) fn push(&mut self, counter: Option<u16>) {
        let node = self.sets.len() as u32;
        self.sets.push(Member { parent: ROOT, next: node, best: node });
        self.counts.resize(self.counts.len() + self.n_counters, 0);
        self.count_own(node, counter);
    }

    fn count_own(&mut self, node: u32, counter: Option<u16>) {
        if let Some(counter) = counter {
            self.counts[node as usize * self.n_counters + counter as usize] = 1;
        }
    }

    /// Makes a node a set of its own again. All members of its set must be isolated together.
    pub(crate) fn isolate(&mut self, node: u32, counter: Option<u16>) {
        let i = node as usize;
        self.sets[i] = Member { parent: ROOT, next: node, best: node };
        self.counts[i * self.n_counters..(i + 1) * self.n_counters].fill(0);
        self.count_own(node, counter);
    }

    pub(crate) fn root(&self, mut node: u32) -> u32 {
        while self.sets[node as usize].parent & ROOT == 0 {
            node = self.sets[node as usize].parent;
        }
        node
    }

    /// Asks for what is known of a node here.
    pub(crate) fn soon(&self, node: u32) {
        prefetch::soon_at(&self.sets, node as usize);
    }

    /// Asks for the parent of a node that was asked for; a root is its own.
    pub(crate) fn soon_parent(&self, node: u32) -> u32 {
        let parent = self.sets[node as usize].parent;
        if parent & ROOT != 0 {
            return node;
        }
        self.soon(parent);
        parent
    }

    /// Asks for what a union reads of a root that was asked for beside it.
    pub(crate) fn soon_root(&self, root: u32, nodes: &Nodes) {
        prefetch::soon_at(&self.counts, root as usize * self.n_counters);
        nodes.soon_node(root);
        nodes.soon_node(self.best(root));
    }

    /// Asks for what tells the name of a node's set; a member that may be it.
    pub(crate) fn soon_name(&self, node: u32, nodes: &Nodes) -> u32 {
        let Member { best, .. } = self.sets[node as usize];
        nodes.soon_end(best);
        let root = self.root(node);
        self.soon(root);
        prefetch::soon_at(&self.counts, root as usize * self.n_counters);
        nodes.soon_node(root);
        best
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

    pub(crate) fn is_alone(&self, node: u32) -> bool {
        self.sets[node as usize].next == node
    }

    /// The members of a node's set, itself first.
    pub(crate) fn members(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = Some(node);
        std::iter::from_fn(move || {
            let here = at?;
            let next = self.sets[here as usize].next;
            at = (next != node).then_some(next);
            Some(here)
        })
    }

    pub(crate) fn best(&self, root: u32) -> u32 {
        self.sets[root as usize].best
    }

    /// Values per limited kind of a root.
    pub(crate) fn counts(&self, root: u32) -> &[u16] {
        let i = root as usize;
        &self.counts[i * self.n_counters..(i + 1) * self.n_counters]
    }

    /// Lets a member of a root's set name it, if it is better.
    pub(crate) fn offer(&mut self, root: u32, node: u32, nodes: &Nodes, kinds: &Kinds) {
        let best = &mut self.sets[root as usize].best;
        if *best != node && name_order(nodes, kinds, node, *best).is_lt() {
            *best = node;
        }
    }

    /// Joins the sets of two nodes.
    pub(crate) fn union(&mut self, a: u32, b: u32, nodes: &mut Nodes, kinds: &Kinds) {
        let (a, b) = (self.halve(a), self.halve(b));
        if a == b {
            return;
        }
        let (rank_a, rank_b) = (self.sets[a as usize].parent, self.sets[b as usize].parent);
        let (top, low) = if rank_a >= rank_b { (a, b) } else { (b, a) };
        if rank_a == rank_b {
            self.sets[top as usize].parent += 1;
        }
        self.sets[low as usize].parent = top;
        let ring = self.sets[top as usize].next;
        self.sets[top as usize].next = self.sets[low as usize].next;
        self.sets[low as usize].next = ring;
        let other = self.sets[low as usize].best;
        self.offer(top, other, nodes, kinds);
        for counter in 0..self.n_counters {
            let add = self.counts[low as usize * self.n_counters + counter];
            let sum = &mut self.counts[top as usize * self.n_counters + counter];
            *sum = sum.saturating_add(add);
        }
        nodes.facts[top as usize].flags |= nodes.facts[low as usize].flags & flag::BITTEN;
    }

    pub(crate) fn shrink(&mut self) {
        self.sets.shrink_to_fit();
        self.counts.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.sets.capacity() * size_of::<Member>() + self.counts.capacity() * 2
    }
}

/// Which of two nodes names a profile: one that somebody verified before one that is merely
/// claimed, then the stronger kind, the earlier first time, the smaller value.
pub(crate) fn name_order(nodes: &Nodes, kinds: &Kinds, a: u32, b: u32) -> std::cmp::Ordering {
    let key = |node: u32| name_key(&nodes.facts[node as usize], kinds);
    key(a).cmp(&key(b)).then_with(|| nodes.value(a).cmp(nodes.value(b)))
}

fn name_key(facts: &Node, kinds: &Kinds) -> (bool, u32, i64) {
    let only_claimed = facts.flags & (flag::VERIFIED | flag::SEEN) == flag::SEEN;
    (only_claimed, kinds.rank(facts.kind), facts.first)
}

#[cfg(test)]
mod tests {
    use super::super::rules::Rules;
    use super::*;

    #[test]
    fn a_set_is_listed_named_counted_and_taken_apart() {
        let rules = Rules::default();
        let mut kinds = Kinds::new(&rules);
        let (mut nodes, mut sets) = (Nodes::default(), Components::new(kinds.n_counters()));
        for (kind, value) in [("cookie", "c"), ("email", "b"), ("email", "a"), ("user_id", "7")] {
            let kind = kinds.add(kind, &rules);
            nodes.intern(nodes.hash(kind, value), kind, value);
            sets.push(kinds.get(kind).counter);
        }
        for (a, b) in [(0, 1), (1, 2), (2, 0)] {
            sets.union(a, b, &mut nodes, &kinds);
        }
        let mut members: Vec<u32> = sets.members(1).collect();
        members.sort_unstable();
        assert_eq!(members, [0, 1, 2]);
        assert_eq!((sets.best(sets.root(0)), sets.counts(sets.root(0))), (2, &[0u16, 2][..]));
        assert!(sets.is_alone(3));
        for node in 0..3 {
            sets.isolate(node, kinds.get(nodes.kind(node)).counter);
        }
        assert!((0..4).all(|node| sets.is_alone(node) && sets.root(node) == node));
        assert_eq!(sets.counts(1), [0, 1]);
    }

    #[test]
    fn a_long_chain_stays_shallow_for_readers() {
        let (mut nodes, mut sets) = (Nodes::default(), Components::new(0));
        let rules = Rules::default();
        let mut kinds = Kinds::new(&rules);
        let kind = kinds.add("x", &rules);
        for i in 0..100_000 {
            let value = i.to_string();
            nodes.intern(nodes.hash(kind, &value), kind, &value);
            sets.push(None);
        }
        (1..100_000).rev().for_each(|i| sets.union(i - 1, i, &mut nodes, &kinds));
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
