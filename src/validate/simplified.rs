//! The silhouette with centroids in place of rows: O(n · k · d) instead of O(n² · d).
//!
//! s = (b − a) / max(a, b), where a is the distance to the centroid of the row's own cluster and b the
//! least distance to another centroid. Not the silhouette of Rousseeuw, and mostly greater; good for
//! comparing groupings of one kind. A row alone in its cluster scores 0, as there.
//!
//! Source: Hruschka, de Castro, Campello 2004. Noise is left out.

use crate::Labels;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::group_means::group_means;

/// The centroids of all clusters, row-major; zeros for a cluster without rows.
pub(super) fn centroids<'r>(
    rows: impl Iterator<Item = &'r [f64]>,
    d: usize,
    labels: &Labels,
) -> Vec<f64> {
    group_means(rows, d, labels.iter(), labels.n_clusters())
}

/// The mean over all rows that are not noise; 0 for none or fewer than two clusters.
pub(super) fn mean(rows: &Rows<'_>, labels: &Labels, centroids: &[f64]) -> f64 {
    let d = rows.n_columns();
    let mut squares = vec![0.0; centroids.len() / d];
    let (mut sum, mut n) = (0.0, 0);
    for (row, cluster) in rows.iter().zip(labels.iter()) {
        let Some(own) = cluster else { continue };
        n += 1;
        for (square, centroid) in squares.iter_mut().zip(centroids.chunks_exact(d)) {
            *square = squared(row, centroid);
        }
        sum += score(own, &squares, labels.sizes());
    }
    if n == 0 { 0.0 } else { sum / f64::from(n) }
}

/// The score of a row of cluster `own` from its squared distances to the centroids.
pub(super) fn score(own: usize, squares: &[f64], sizes: &[usize]) -> f64 {
    if sizes[own] == 1 {
        return 0.0;
    }
    let mut b = f64::INFINITY;
    for (cluster, &square) in squares.iter().enumerate() {
        if cluster != own && sizes[cluster] > 0 && square < b {
            b = square;
        }
    }
    let (a, b) = (squares[own].sqrt(), b.sqrt());
    let greater = a.max(b);
    if greater > 0.0 && greater.is_finite() { (b - a) / greater } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    #[test]
    fn the_mean_is_as_by_hand_and_leaves_noise_and_lone_rows_out() {
        let x = array![[0.0], [2.0], [10.0], [14.0], [40.0], [7.0]];
        let rows = check::rows(x.view()).unwrap();
        let raw = [Some(0), Some(0), Some(1), Some(1), Some(2), None];
        let labels = Labels::new(raw).unwrap();
        let centroids = centroids(rows.iter(), rows.n_columns(), &labels);
        assert_eq!(centroids, [1.0, 12.0, 40.0]);
        // 1 − 1/12, 1 − 1/10, 1 − 2/9, 1 − 2/13, and 0 for the row alone.
        let by_hand = (4.0 - 1.0 / 12.0 - 0.1 - 2.0 / 9.0 - 2.0 / 13.0) / 5.0;
        assert!((mean(&rows, &labels, &centroids) - by_hand).abs() < 1e-15);
    }
}
