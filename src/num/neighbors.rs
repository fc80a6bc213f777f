//! Neighbours by brute force: within a radius, and the k nearest.
//!
//! Every row is compared with every other, in parallel over the queries; nothing is kept of a
//! neighbourhood but what the caller makes of it. The truth that faster searches have to equal.
//!
//! *Within* `eps` means: the Euclidean distance as f64 gives it, the rounded root of the rounded
//! sum of squares, is ≤ `eps`. So rows at a distance that is printed as `eps` are within it, which
//! squaring `eps` would not promise. As the root never falls where its argument rises, the
//! comparison is done on squares all the same, with the greatest square whose root is ≤ `eps`.
//! *Nearest* orders by (squared distance, row).

use super::check::Rows;
use super::distance::squared;
use super::parallel;

/// The greatest squared distance that lies within `eps`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Radius(f64);

impl Radius {
    pub(crate) fn new(eps: f64) -> Self {
        debug_assert!(eps >= 0.0 && eps.is_finite());
        // Two squares share a root at most, so this is a step or two.
        let mut square = (eps * eps).min(f64::MAX);
        while square.sqrt() > eps {
            square = square.next_down();
        }
        while square < f64::MAX && square.next_up().sqrt() <= eps {
            square = square.next_up();
        }
        Self(square)
    }

    #[inline]
    pub(crate) fn covers(self, a: &[f64], b: &[f64]) -> bool {
        squared(a, b) <= self.0
    }
}

/// For every row, whether at least `m` rows, itself included, lie within the radius.
pub(crate) fn have_at_least(rows: &Rows<'_>, radius: Radius, m: usize) -> Vec<bool> {
    parallel::map(rows.n_rows(), rows.data().len(), |row| {
        let near = rows.iter().filter(|other| radius.covers(rows.row(row), other));
        near.take(m).count() == m
    })
}

/// For every candidate, whether any of `others` lies within the radius; both are row numbers.
pub(crate) fn reached(
    rows: &Rows<'_>,
    radius: Radius,
    candidates: &[usize],
    others: &[usize],
) -> Vec<bool> {
    let work = others.len().saturating_mul(rows.n_columns());
    parallel::map(candidates.len(), work, |i| {
        let row = rows.row(candidates[i]);
        others.iter().any(|&other| radius.covers(row, rows.row(other)))
    })
}

/// For every query its `k` nearest rows, or all if there are fewer, as (squared distance, row).
pub(crate) fn k_nearest(rows: &Rows<'_>, queries: &Rows<'_>, k: usize) -> Vec<Vec<(f64, usize)>> {
    parallel::map(queries.n_rows(), rows.data().len(), |query| {
        nearest_of(rows, queries.row(query), k, None)
    })
}

/// For every row its `k` nearest other rows; equal rows count as others.
pub(crate) fn k_nearest_others(rows: &Rows<'_>, k: usize) -> Vec<Vec<(f64, usize)>> {
    parallel::map(rows.n_rows(), rows.data().len(), |row| {
        nearest_of(rows, rows.row(row), k, Some(row))
    })
}

fn nearest_of(
    rows: &Rows<'_>,
    point: &[f64],
    k: usize,
    except: Option<usize>,
) -> Vec<(f64, usize)> {
    let mut best: Vec<(f64, usize)> = Vec::with_capacity(k.min(rows.n_rows()) + 1);
    for (row, other) in rows.iter().enumerate() {
        let distance = squared(point, other);
        if Some(row) == except
            || best.len() == k && best.last().is_none_or(|&(worst, _)| distance >= worst)
        {
            continue;
        }
        // Rows come in order, so among equal distances the newest goes last.
        best.insert(best.partition_point(|&(d, _)| d <= distance), (distance, row));
        best.truncate(k);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    #[test]
    fn a_radius_includes_exactly_what_a_root_below_it_says() {
        for eps in [0.0, 0.1, 0.3, 1.0, 3f64.sqrt(), 1e-160, 5e-324, 1e154, 1e200, f64::MAX] {
            let Radius(square) = Radius::new(eps);
            assert!(square.sqrt() <= eps, "{eps:e}");
            assert!(square == f64::MAX || square.next_up().sqrt() > eps, "{eps:e}");
        }
    }

    #[test]
    fn equally_near_rows_come_in_row_order() {
        let x = array![[2.0], [0.0], [1.0], [0.0], [-1.0]];
        let rows = check::rows(x.view()).unwrap();
        let query = array![[0.0]];
        let query = check::rows(query.view()).unwrap();
        let found = k_nearest(&rows, &query, 4);
        assert_eq!(found, [vec![(0.0, 1), (0.0, 3), (1.0, 2), (1.0, 4)]]);
        let others = k_nearest_others(&rows, 2);
        assert_eq!(others[1], [(0.0, 3), (1.0, 2)]);
        assert_eq!(k_nearest(&rows, &query, 9)[0].len(), 5);
        assert!(k_nearest(&rows, &query, 0)[0].is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_k_nearest_are_the_first_k_of_all_sorted(
            cells in prop::collection::vec(0u8..5, 2..40),
            k in 0usize..25,
        ) {
            let x = Array2::from_shape_fn((cells.len() / 2, 2), |(i, j)| f64::from(cells[2 * i + j]));
            let rows = check::rows(x.view()).unwrap();
            let found = k_nearest_others(&rows, k);
            for (row, found) in found.iter().enumerate() {
                let mut all: Vec<(f64, usize)> = (0..x.nrows())
                    .filter(|&other| other != row)
                    .map(|other| (squared(rows.row(row), rows.row(other)), other))
                    .collect();
                all.sort_by(|a, b| a.partial_cmp(b).unwrap());
                all.truncate(k);
                prop_assert_eq!(found, &all);
            }
        }
    }
}
