//! Union-find whose representative is always the smallest member.
//!
//! Linking the larger root under the smaller makes the result independent of the order of unions;
//! path halving keeps the trees flat (Tarjan, van Leeuwen 1984). No recursion.

use super::prefetch;

/// Disjoint sets of `0..n`.
#[derive(Debug, Clone)]
pub(crate) struct UnionFind {
    parent: Vec<u32>,
}

impl UnionFind {
    /// `n` sets of one; `n` must fit 32 bits.
    pub(crate) fn new(n: usize) -> Self {
        debug_assert!(u32::try_from(n).is_ok());
        Self { parent: (0..n as u32).collect() }
    }

    /// Asks for what finding `i` reads first.
    pub(crate) fn soon(&self, i: usize) {
        prefetch::soon_at(&self.parent, i);
    }

    /// The smallest member of `i`'s set.
    pub(crate) fn find(&mut self, i: usize) -> usize {
        let mut i = i as u32;
        while self.parent[i as usize] != i {
            self.parent[i as usize] = self.parent[self.parent[i as usize] as usize];
            i = self.parent[i as usize];
        }
        i as usize
    }

    /// Joins two sets; whether they were apart.
    pub(crate) fn union(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        self.parent[a.max(b)] = a.min(b) as u32;
        a != b
    }

    /// Of every member, the smallest of its set.
    pub(crate) fn into_roots(mut self) -> Vec<u32> {
        // A parent is smaller than its children, so its own root is known by then.
        for i in 0..self.parent.len() {
            self.parent[i] = self.parent[self.parent[i] as usize];
        }
        self.parent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_representative_is_the_smallest_member_in_any_order_of_unions() {
        for pairs in [[(4, 3), (3, 1), (0, 2)], [(0, 2), (1, 3), (3, 4)]] {
            let mut sets = UnionFind::new(5);
            assert!(pairs.iter().all(|&(a, b)| sets.union(a, b)));
            assert!(!sets.union(1, 4));
            assert_eq!((0..5).map(|i| sets.find(i)).collect::<Vec<_>>(), [0, 1, 0, 1, 1]);
            assert_eq!(sets.into_roots(), [0, 1, 0, 1, 1]);
        }
    }

    #[test]
    fn a_chain_of_a_million_needs_no_stack() {
        let mut sets = UnionFind::new(1_000_000);
        (1..1_000_000).rev().for_each(|i| assert!(sets.union(i - 1, i)));
        assert_eq!(sets.find(999_999), 0);
    }
}
