//! Neighbours by brute force: within a radius, and the k nearest.
//!
//! Every row is compared with every other, in parallel over the queries; nothing is kept of a
//! neighbourhood but what the caller makes of it. The truth that faster searches have to equal.
//!
//! *Within* `eps` means: the Euclidean distance as f64 gives it, the rounded root of the rounded
//! sum of squares, is ≤ `eps`. So rows at a distance that is printed as `eps` are within it, which
//! squaring `eps` would not promise. As the root never falls where its argument rises, the
//! comparison is done on squares all the same, with the greatest square whose root is ≤ `eps`.
//! *Nearest* orders by (squared distance, row); memory O(k) per query.

use std::cmp::Ordering;

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

/// A row and how far away it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbor {
    pub(crate) distance: f64,
    pub(crate) row: usize,
}

impl Neighbor {
    /// Nearest first, ties by row.
    fn order(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

/// The `k` nearest of the candidate rows, given in ascending order; fewer if there are fewer.
pub(crate) fn nearest(
    query: &[f64],
    x: &Rows<'_>,
    candidates: impl Iterator<Item = usize>,
    k: usize,
) -> Vec<Neighbor> {
    debug_assert!(k > 0);
    // Up to 2k contenders; when they are that many, only the k best stay. Compared are squared
    // distances, of which only the winners' roots are taken.
    let mut best: Vec<Neighbor> = Vec::new();
    let mut worst = f64::INFINITY;
    for row in candidates {
        let distance = squared(query, x.row(row));
        // An equally distant row comes later and so loses the tie.
        if distance < worst {
            best.push(Neighbor { distance, row });
            if best.len() == 2 * k {
                worst = best.select_nth_unstable_by(k - 1, Neighbor::order).1.distance;
                best.truncate(k);
            }
        }
    }
    best.sort_unstable_by(Neighbor::order);
    best.truncate(k);
    best.shrink_to_fit();
    best.iter_mut().for_each(|neighbor| neighbor.distance = neighbor.distance.sqrt());
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::Array2;

    #[test]
    fn a_radius_includes_exactly_what_a_root_below_it_says() {
        for eps in [0.0, 0.1, 0.3, 1.0, 3f64.sqrt(), 1e-160, 5e-324, 1e154, 1e200, f64::MAX] {
            let Radius(square) = Radius::new(eps);
            assert!(square.sqrt() <= eps, "{eps:e}");
            assert!(square == f64::MAX || square.next_up().sqrt() > eps, "{eps:e}");
        }
    }

    #[test]
    fn the_nearest_are_those_of_a_full_sort() {
        let x = Array2::from_shape_fn((60, 1), |(i, _)| ((i * 17) % 12) as f64);
        let rows = check::rows(x.view()).unwrap();
        for k in [1, 2, 7, 30, 60, 100] {
            let mut all: Vec<(f64, usize)> =
                (0..60).map(|i| ((x[[i, 0]] - 4.0).abs(), i)).collect();
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            all.truncate(k);
            let near = nearest(&[4.0], &rows, 0..60, k);
            assert!(near.iter().map(|n| (n.distance, n.row)).eq(all), "{k}");
        }
    }
}
