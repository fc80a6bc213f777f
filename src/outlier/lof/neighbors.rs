//! The k nearest rows, by looking at all of them.
//!
//! Nearest means by squared Euclidean distance, ties by row: the truth for any faster search.
//! Cost per query: one distance per candidate; memory O(k).

use std::cmp::Ordering;

use crate::num::check::Rows;
use crate::num::{distance, parallel};

/// A training row and how far away it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbor {
    pub(super) distance: f64,
    pub(super) row: usize,
}

impl Neighbor {
    /// Nearest first, ties by row.
    fn order(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

/// The `k` nearest of the candidate rows, given in ascending order; fewer if there are fewer.
pub(super) fn nearest(
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
        let distance = distance::squared(query, x.row(row));
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

/// The distance of each of `rows` to its `k`-th nearest different point, or the farthest if there
/// are fewer; 0 if there is none, or its square is too small for a float. `rows` holds either all copies of a point or none.
pub(super) fn nearest_different(x: &Rows<'_>, rows: &[usize], k: usize) -> Vec<f64> {
    if rows.is_empty() {
        return Vec::new();
    }
    let first = first_copies(x);
    let points: Vec<usize> = (0..x.n_rows()).filter(|&row| first[row] == row).collect();
    // Copies share the answer, so only the first of them asks.
    let asked: Vec<usize> = rows.iter().copied().filter(|&row| first[row] == row).collect();
    let work = points.len().saturating_mul(x.n_columns());
    let answers = parallel::map(asked.len(), work, |i| {
        let others = points.iter().copied().filter(|&point| point != asked[i]);
        nearest(x.row(asked[i]), x, others, k).last().map_or(0.0, |neighbor| neighbor.distance)
    });
    let mut of_point = vec![0.0; x.n_rows()];
    for (&row, answer) in asked.iter().zip(answers) {
        of_point[row] = answer;
    }
    rows.iter().map(|&row| of_point[first[row]]).collect()
}

/// The first row equal to each row; itself where it is the first.
fn first_copies(x: &Rows<'_>) -> Vec<usize> {
    // Not `total_cmp`: 0 and −0 are the same point.
    let compare = |a: usize, b: usize| x.row(a).partial_cmp(x.row(b)).unwrap_or(Ordering::Equal);
    let mut order: Vec<usize> = (0..x.n_rows()).collect();
    parallel::sort_by(&mut order, |&a, &b| compare(a, b).then(a.cmp(&b)));
    let mut first = vec![0; x.n_rows()];
    for copies in order.chunk_by(|&a, &b| compare(a, b).is_eq()) {
        for &row in copies {
            first[row] = copies[0];
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};

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

    #[test]
    fn copies_are_passed_over_and_zeros_of_either_sign_are_copies() {
        let x = array![[0.0], [-0.0], [3.0], [-4.0], [3.0], [0.0]];
        let rows = check::rows(x.view()).unwrap();
        assert_eq!(first_copies(&rows), [0, 0, 2, 3, 2, 0]);
        for (k, distance) in [(1, 3.0), (2, 4.0), (3, 4.0)] {
            assert_eq!(nearest_different(&rows, &[0, 1, 5], k), [distance; 3]);
        }
        assert_eq!(nearest_different(&rows, &[2, 4], 2), [7.0, 7.0]);
        assert!(nearest_different(&rows, &[], 1).is_empty());
    }
}
