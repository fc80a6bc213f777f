//! Distances to the nearest *different* points, where a row has too many copies of itself.
//!
//! Cost: one sort of the rows; per distinct point asked for, one distance per distinct point.

use std::cmp::Ordering;

use crate::num::check::Rows;
use crate::num::neighbors::nearest;
use crate::num::parallel;

/// The distance of each of `rows` to its `k`-th nearest different point, or the farthest if there
/// are fewer; 0 if there is none, or its square is too small for a float. `rows` holds either all
/// copies of a point or none.
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
    use ndarray::array;

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
