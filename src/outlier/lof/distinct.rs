//! Distances to the nearest *different* points, where a row has too many copies of itself.
//!
//! Cost: one sort of the rows, and a tree of the distinct points.

use std::cmp::Ordering;

use crate::num::check::Rows;
use crate::num::neighbors::{Metric, Tree};
use crate::num::parallel;

/// The reduced distance of each of `rows` to its `k`-th nearest different point, or the farthest if
/// there are fewer; 0 if there is none. `rows` holds either all copies of a point or none.
pub(super) fn nearest_different(
    x: &Rows<'_>,
    metric: Metric,
    rows: &[usize],
    k: usize,
) -> Vec<f64> {
    if rows.is_empty() {
        return Vec::new();
    }
    let first = first_copies(x);
    let points: Vec<usize> = (0..x.n_rows()).filter(|&row| first[row] == row).collect();
    let k = k.min(points.len() - 1);
    if k == 0 {
        return vec![0.0; rows.len()];
    }
    let kth = Tree::new(&x.select(&points), metric).kth_nearest(k);
    let mut of_row = vec![0.0; x.n_rows()];
    points.iter().zip(kth).for_each(|(&row, distance)| of_row[row] = distance);
    rows.iter().map(|&row| of_row[first[row]]).collect()
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
    use ndarray::array;

    #[test]
    fn copies_are_passed_over_and_zeros_of_either_sign_are_copies() {
        let x = array![[0.0], [-0.0], [3.0], [-4.0], [3.0], [0.0]];
        let rows = check::rows(x.view()).unwrap();
        assert_eq!(first_copies(&rows), [0, 0, 2, 3, 2, 0]);
        let nearest = |of: &[usize], k| nearest_different(&rows, Metric::Manhattan, of, k);
        for (k, distance) in [(1, 3.0), (2, 4.0), (3, 4.0)] {
            assert_eq!(nearest(&[0, 1, 5], k), [distance; 3]);
        }
        assert_eq!(nearest(&[2, 4], 2), [7.0, 7.0]);
        assert!(nearest(&[], 1).is_empty());
    }
}
