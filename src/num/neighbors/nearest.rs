//! The k nearest rows of every row, or of other rows: exact, ties to the lower row.
//!
//! The leaves of the queries are searched one by one (`search.rs`).
//!
//! Cost: about O(k·log n) distances per query where rows have few dimensions of their own, all n where
//! they have many; memory 16·k bytes per query for the answer.

use super::neighbor::Neighbor;
use super::search::LeafSearch;
use super::tree::Tree;
use super::walk::LeafWalk;
use crate::num::pack::LANES;
use crate::num::parallel;

/// The nearest rows of many, `k` of each, nearest first.
#[derive(Debug)]
pub(crate) struct Nearest {
    k: usize,
    /// By place, as they were searched: nothing is copied.
    groups: Vec<Vec<Neighbor>>,
    per_group: usize,
    /// The place of each row.
    places: Vec<u32>,
}

impl Nearest {
    /// Those of one row.
    #[inline]
    pub(crate) fn of(&self, row: usize) -> &[Neighbor] {
        self.at(self.places[row] as usize)
    }

    /// Those of the row at a place of the tree that was asked.
    #[inline]
    pub(super) fn at(&self, place: usize) -> &[Neighbor] {
        let (group, start) = (place / self.per_group, place % self.per_group * self.k);
        &self.groups[group][start..start + self.k]
    }

    /// The place of a row in the tree that was asked.
    #[inline]
    pub(super) fn place_of(&self, row: usize) -> usize {
        self.places[row] as usize
    }

    /// Of rows whose lists were found one by one, each of length `k`.
    pub(crate) fn from_lists(k: usize, lists: Vec<Vec<Neighbor>>) -> Self {
        let places = (0..lists.len() as u32).collect();
        Self { k, groups: lists, per_group: 1, places }
    }
}

/// Neighbours that can be listed at once: 4 GiB of them.
pub(crate) const MOST_LISTED: usize = 1 << 28;

/// Up to so many rows beyond `k`, dropping the farthest one by one is faster than a selection.
const FEW: usize = 3;

/// Leaves that are searched by one task, so that scratch is made once for all of them.
const TOGETHER: usize = 8;

impl Tree {
    /// The `k` nearest other rows of every row; 0 < `k` < n.
    pub(crate) fn k_nearest(&self, k: usize) -> Nearest {
        debug_assert!(0 < k && k < self.n_rows());
        self.search(self, k, f64::INFINITY, true)
    }

    /// The reduced distance of every row to its `k`-th nearest other row; 0 < `k` < n. No neighbour is
    /// kept, so `k` may be large.
    pub(crate) fn kth_nearest(&self, k: usize) -> Vec<f64> {
        debug_assert!(0 < k && k < self.n_rows());
        let kth = |near: &mut Vec<Neighbor>, found: &mut Vec<f64>| found.push(kth_of(near, k));
        self.by_row(&self.search_groups(self, k, f64::INFINITY, true, 1, kth).concat())
    }

    /// The `k` nearest rows within a reduced radius of every row of `queries`, which shares this tree's
    /// frame; 0 < `k` ≤ n. Where there are fewer, the list is filled up with row `u32::MAX`.
    pub(crate) fn k_nearest_of(&self, queries: &Tree, k: usize, radius: f64) -> Nearest {
        debug_assert!(0 < k && k <= self.n_rows());
        self.search(queries, k, radius, false)
    }

    /// Where fewer than `k` lie within the radius, the list is filled up with no row.
    fn search(&self, queries: &Tree, k: usize, radius: f64, among_themselves: bool) -> Nearest {
        let farthest = Neighbor { reduced: radius, row: u32::MAX };
        let all = |near: &mut Vec<Neighbor>, found: &mut Vec<Neighbor>| {
            near.sort_unstable_by(Neighbor::order);
            near.resize(k, farthest);
            found.extend_from_slice(near);
        };
        let groups = self.search_groups(queries, k, radius, among_themselves, k, all);
        let mut places = vec![0; queries.n_rows()];
        for (place, row) in queries.places().enumerate() {
            places[row] = place as u32;
        }
        Nearest { k, groups, per_group: TOGETHER * LANES, places }
    }

    /// What is kept of the `k` nearest rows of every row of `queries`, `n_kept` items of each: by group
    /// of leaves, in the order of places.
    fn search_groups<T: Send>(
        &self,
        queries: &Tree,
        k: usize,
        radius: f64,
        among_themselves: bool,
        n_kept: usize,
        keep: impl Fn(&mut Vec<Neighbor>, &mut Vec<T>) + Sync,
    ) -> Vec<Vec<T>> {
        let n_groups = queries.n_leaves().div_ceil(TOGETHER);
        let work = TOGETHER * LANES * (k + 16) * self.width();
        parallel::map(n_groups, work, |group| {
            let mut walk = LeafWalk::new(self, queries);
            let mut search = LeafSearch::new(self, queries, k, radius, among_themselves);
            let leaves = group * TOGETHER..queries.n_leaves().min((group + 1) * TOGETHER);
            let mut found = Vec::with_capacity(leaves.len() * LANES * n_kept);
            for leaf in leaves {
                search.start(leaf);
                if among_themselves {
                    walk.climb(leaf, &mut search);
                } else {
                    walk.descend(leaf, &mut search);
                }
                search.finish(|near| keep(near, &mut found));
            }
            found
        })
    }
}

/// The `k`-th least distance of at least `k` rows.
fn kth_of(near: &mut Vec<Neighbor>, k: usize) -> f64 {
    if near.len() > k + FEW {
        return near.select_nth_unstable_by(k - 1, Neighbor::order).1.reduced;
    }
    loop {
        let farther =
            |most: usize, at: usize| if near[at].reduced > near[most].reduced { at } else { most };
        let farthest = near.swap_remove((1..near.len()).fold(0, farther));
        if near.len() < k {
            return farthest.reduced;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::PackingFrame;
    use super::super::{Metric, brute};
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    const METRICS: [Metric; 4] =
        [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev, Metric::Cosine];

    /// Random, gridded, duplicated and degenerate rows, at offsets and with outliers.
    fn cases(n: usize, d: usize, seed: u64) -> Vec<Array2<f64>> {
        let mut stream = Stream::new(seed, 0);
        let random = Array2::from_shape_simple_fn((n, d), || stream.normal());
        let grid = Array2::from_shape_simple_fn((n, d), || 1.0 + stream.below(4) as f64);
        let equal = Array2::from_elem((n, d), 0.3);
        let mut line = equal.clone();
        line.column_mut(0).iter_mut().enumerate().for_each(|(i, v)| *v = 1.0 + (i * i) as f64);
        let mut outlier = random.clone();
        outlier[[n / 2, 0]] = 1e12;
        let far = &random + 1e9;
        let huge = &random * 1e140;
        let tiny = &random * 1e-140;
        vec![random, grid, equal, line, outlier, far, huge, tiny]
    }

    fn agree(x: &Array2<f64>, k: usize, metric: Metric) {
        let rows = metric.prepare(check::rows(x.view()).unwrap()).unwrap();
        let n = rows.n_rows();
        let tree = Tree::new(&rows, metric);
        let found = tree.k_nearest(k);
        for row in 0..n {
            let others = (0..n).filter(|&other| other != row);
            let truth =
                brute::nearest(others, k, |other| metric.reduced(rows.row(row), rows.row(other)));
            assert_eq!(found.of(row), truth, "row {row}, k {k}, {metric:?}");
        }
    }

    #[test]
    fn the_kth_distances_are_those_of_the_lists() {
        for x in cases(300, 2, 4) {
            let tree = Tree::new(&check::rows(x.view()).unwrap(), Metric::Euclidean);
            for k in [1, 5, 299] {
                let lists = tree.k_nearest(k);
                let kth = tree.kth_nearest(k);
                assert!((0..300).all(|row| kth[row] == lists.of(row)[k - 1].reduced));
            }
        }
    }

    #[test]
    fn the_tree_finds_what_brute_force_finds_in_every_metric() {
        for (n, d, k) in [(2, 1, 1), (40, 2, 39), (300, 2, 5), (200, 7, 20), (150, 33, 3)] {
            for x in cases(n, d, 1) {
                METRICS.into_iter().for_each(|metric| agree(&x, k, metric));
            }
        }
    }

    #[test]
    fn other_rows_find_what_brute_force_finds_however_far_they_are() {
        for x in cases(400, 3, 2) {
            let others = &x.slice(s![..90, ..]) * 3.0 + 1e3;
            let rows = check::rows(x.view()).unwrap();
            let queries = check::rows(others.view()).unwrap();
            let frame = PackingFrame::around(&[&rows, &queries]);
            let tree = Tree::within(&rows, Metric::Euclidean, &frame);
            let asked = Tree::within(&queries, Metric::Euclidean, &frame);
            let found = tree.k_nearest_of(&asked, 4, f64::INFINITY);
            let radius = found.of(7)[0].reduced;
            let within = tree.k_nearest_of(&asked, 1, radius);
            for query in 0..90 {
                let reduced =
                    |row: usize| Metric::Euclidean.reduced(queries.row(query), rows.row(row));
                let truth = brute::nearest(0..400, 4, reduced);
                assert_eq!(found.of(query), truth);
                let none = Neighbor { reduced: radius, row: u32::MAX };
                let nearest = if truth[0].reduced <= radius { truth[0] } else { none };
                assert_eq!(within.of(query), [nearest]);
            }
        }
    }

    #[test]
    fn crowds_of_contenders_find_what_brute_force_finds() {
        for x in cases(1500, 2, 5) {
            for k in [1, 3] {
                agree(&x, k, Metric::Euclidean);
            }
        }
    }

    #[test]
    fn many_neighbours_are_those_of_brute_force() {
        for (n, d) in [(900, 2), (700, 8)] {
            for x in cases(n, d, 6) {
                [130, 400].into_iter().for_each(|k| agree(&x, k, Metric::Euclidean));
            }
        }
    }

    #[test]
    fn a_multitude_of_copies_is_searched_in_a_moment() {
        let x = Array2::from_shape_fn((60_000, 2), |(row, _)| (row % 3) as f64);
        let found = Tree::new(&check::rows(x.view()).unwrap(), Metric::Euclidean).k_nearest(5);
        let rows = |row: usize| found.of(row).iter().map(|n| n.row).collect::<Vec<_>>();
        assert_eq!(rows(59_999), [2, 5, 8, 11, 14]);
        assert_eq!(rows(6), [0, 3, 9, 12, 15]);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let x = &cases(3000, 2, 3)[0];
        let rows = check::rows(x.view()).unwrap();
        let found = [1, 3].map(|n_threads| {
            parallel::with_threads(n_threads, || {
                Tree::new(&rows, Metric::Euclidean).k_nearest(9).groups
            })
        });
        assert_eq!(found[0], found[1]);
    }

    proptest! {
        #[test]
        fn any_cloud_has_the_neighbours_of_brute_force(
            cells in prop::collection::vec(-20i32..20, 3..240),
            d in 1usize..4,
            k in 1usize..9,
            exponent in -140i32..130,
            offset in prop::sample::select(vec![0.0, 1.0, 1e8]),
            metric in prop::sample::select(METRICS[..3].to_vec()),
        ) {
            let n = cells.len() / d;
            prop_assume!(n > k);
            let unit = 10f64.powi(exponent);
            let value = |(i, j)| (f64::from(cells[i * d + j]).powi(3) + offset) * unit;
            agree(&Array2::from_shape_fn((n, d), value), k, metric);
        }
    }
}
