//! Union-find whose representative is always the smallest member, on any number of threads.
//!
//! Linking the larger root under the smaller makes the result independent of the order of unions;
//! path halving keeps the trees flat (Tarjan, van Leeuwen 1984). Only a link must find its root
//! still a root (Anderson, Woll 1991); a halving that comes late still points at a smaller member of
//! the same set, which is all that anybody relies on. No recursion, no lock.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{parallel, prefetch};

/// Disjoint sets of `0..n`.
#[derive(Debug)]
pub(crate) struct UnionFind {
    parent: Vec<AtomicU32>,
}

impl UnionFind {
    /// `n` sets of one; `n` must fit 32 bits.
    pub(crate) fn new(n: usize) -> Self {
        debug_assert!(u32::try_from(n).is_ok());
        Self { parent: parallel::map(n, 1, |i| AtomicU32::new(i as u32)) }
    }

    /// Prefetches what finding `i` reads first.
    pub(crate) fn prefetch(&self, i: usize) {
        prefetch::prefetch_at(&self.parent, i);
    }

    fn parent(&self, i: u32) -> u32 {
        self.parent[i as usize].load(Relaxed)
    }

    /// The smallest member of `i`'s set, as long as no other thread joins it.
    pub(crate) fn find(&self, i: usize) -> usize {
        let mut i = i as u32;
        loop {
            let parent = self.parent(i);
            let grand = self.parent(parent);
            if parent == grand {
                return parent as usize;
            }
            self.parent[i as usize].store(grand, Relaxed);
            i = grand;
        }
    }

    /// Joins two sets; whether they were apart.
    pub(crate) fn union(&self, a: usize, b: usize) -> bool {
        loop {
            let (a, b) = (self.find(a), self.find(b));
            if a == b {
                return false;
            }
            let (low, high) = (a.min(b) as u32, a.max(b) as u32);
            let root = &self.parent[high as usize];
            if root.compare_exchange(high, low, Relaxed, Relaxed).is_ok() {
                return true;
            }
        }
    }

    /// Of every member, the smallest of its set.
    pub(crate) fn into_roots(self) -> Vec<u32> {
        parallel::map(self.parent.len(), 10, |i| self.find(i) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_representative_is_the_smallest_member_in_any_order_of_unions() {
        for pairs in [[(4, 3), (3, 1), (0, 2)], [(0, 2), (1, 3), (3, 4)]] {
            let sets = UnionFind::new(5);
            assert!(pairs.iter().all(|&(a, b)| sets.union(a, b)));
            assert!(!sets.union(1, 4));
            assert_eq!((0..5).map(|i| sets.find(i)).collect::<Vec<_>>(), [0, 1, 0, 1, 1]);
            assert_eq!(sets.into_roots(), [0, 1, 0, 1, 1]);
        }
    }

    #[test]
    fn threads_that_join_at_once_find_what_one_finds_alone() {
        // Every other union is of neighbours in one long chain, so that all threads meet.
        let pairs: Vec<(usize, usize)> =
            (1..20_000).map(|i| (i, if i % 2 == 0 { i - 1 } else { i * 7919 % i })).collect();
        let alone = UnionFind::new(20_000);
        let n_apart = pairs.iter().filter(|&&(a, b)| alone.union(a, b)).count();
        let roots = alone.into_roots();
        for n_threads in [2, 5] {
            let sets = UnionFind::new(20_000);
            let joined = parallel::with_threads(n_threads, || {
                parallel::map(pairs.len(), 10, |i| sets.union(pairs[i].0, pairs[i].1))
            });
            assert_eq!(joined.into_iter().filter(|&joined| joined).count(), n_apart);
            assert_eq!(sets.into_roots(), roots);
        }
    }

    #[test]
    fn a_chain_of_a_million_needs_no_stack() {
        let sets = UnionFind::new(1_000_000);
        (1..1_000_000).rev().for_each(|i| assert!(sets.union(i - 1, i)));
        assert_eq!(sets.find(999_999), 0);
    }
}
