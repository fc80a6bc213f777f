//! Is there less between two clusters than in them?
//!
//! For every pair of clusters their rows are projected on the line through both centroids. Three
//! windows of equal width, a third of the distance, are counted: around either centroid and around
//! the middle, where k-means cuts. In a single cloud, whatever its shape or tail, the middle holds
//! at least as many rows as the emptier end; only a valley holds fewer. The depth is by how much,
//! judged with caution: rows counted in the middle plus, at the ends minus, 1.64 standard errors.
//!
//! The idea is that of the dip test on projections (Hartigan, Hartigan 1985; Kalogeratos, Likas
//! 2012), with counts that can be read aloud. Cost: O(n · d + n · k · d) for k clusters.

use crate::Labels;
use crate::num::check::Rows;

/// Standard errors by which counts are judged to the disadvantage of a valley: one-sided 95 %.
const CAUTION: f64 = 1.64;

/// The depth of the shallowest valley between any two clusters, in [0, 1]: at 0.8 the middle holds at
/// least 80 % fewer rows than the emptier end; 0 if some pair has none, or too few rows to show
/// one, or there are fewer than two clusters. `centroids` are row-major.
pub(crate) fn shallowest(rows: &Rows<'_>, labels: &Labels, centroids: &[f64]) -> f64 {
    let (d, k) = (rows.n_columns(), labels.n_clusters());
    debug_assert_eq!(centroids.len(), k * d);
    if k < 2 {
        return 0.0;
    }
    // Rows near the end and near the middle, per (own cluster, other cluster).
    let mut ends = vec![0u64; k * k];
    let mut middles = vec![0u64; k * k];
    for (row, own) in rows.iter().zip(labels.iter()) {
        let Some(own) = own else { continue };
        let from = &centroids[own * d..(own + 1) * d];
        for (other, to) in centroids.chunks_exact(d).enumerate().filter(|&(c, _)| c != own) {
            // 0 at the own centroid, 1 at the other.
            let at = position(row, from, to);
            ends[own * k + other] += u64::from(at.abs() <= 1.0 / 6.0);
            middles[own * k + other] += u64::from((at - 0.5).abs() <= 1.0 / 6.0);
        }
    }
    let pairs = (0..k).flat_map(|b| (0..b).map(move |a| (a * k + b, b * k + a)));
    let depths = pairs.map(|(ab, ba)| depth(middles[ab] + middles[ba], ends[ab].min(ends[ba])));
    depths.fold(1.0, f64::min)
}

/// Where a row lies on the line from one centroid to another.
fn position(row: &[f64], from: &[f64], to: &[f64]) -> f64 {
    let (mut along, mut length) = (0.0, 0.0);
    for ((v, from), to) in row.iter().zip(from).zip(to) {
        along += (v - from) * (to - from);
        length += (to - from) * (to - from);
    }
    along / length
}

/// How much emptier the middle is than the emptier end, in [0, 1].
fn depth(middle: u64, end: u64) -> f64 {
    let (middle, end) = (middle as f64, end as f64);
    let most = middle + CAUTION * (middle + 1.0).sqrt();
    let least = end - CAUTION * end.sqrt();
    if least > most { 1.0 - most / least } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::{Array2, array};

    /// Cut at the middle between two centroids on a line.
    fn cut(x: &Array2<f64>, a: f64, b: f64) -> f64 {
        let nearer = |v: f64| Some(usize::from((v - b).abs() < (v - a).abs()));
        let labels = Labels::new(x.column(0).iter().map(|&v| nearer(v))).unwrap();
        let first = labels.rows_of(0)[0];
        let centroids = if nearer(x[[first, 0]]) == Some(0) { [a, b] } else { [b, a] };
        shallowest(&check::rows(x.view()).unwrap(), &labels, &centroids)
    }

    fn draws(n: usize, draw: impl Fn(usize, &mut Stream) -> f64) -> Array2<f64> {
        let mut stream = Stream::new(3, 1);
        Array2::from_shape_fn((n, 1), |(row, _)| draw(row, &mut stream))
    }

    #[test]
    fn one_cloud_has_no_valley_whatever_its_tail() {
        let gaussian = draws(2000, |_, s| s.normal());
        let uniform = draws(2000, |_, s| 4.0 * s.unit() - 2.0);
        let exponential = draws(2000, |_, s| -(1.0 - s.unit()).ln());
        assert_eq!(cut(&gaussian, -0.8, 0.8), 0.0);
        assert_eq!(cut(&uniform, -1.0, 1.0), 0.0);
        assert_eq!(cut(&exponential, 0.6, 2.6), 0.0);
    }

    #[test]
    fn the_deeper_the_valley_the_greater_the_depth() {
        let apart = |by: f64| draws(2000, |row, s| (row % 2) as f64 * by + s.normal());
        let depths = [2.0, 4.0, 6.0, 10.0].map(|by| cut(&apart(by), 0.0, by));
        assert!(depths[0] == 0.0 && depths[1] > 0.4 && depths[3] > 0.95, "{depths:?}");
        assert!(depths.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn three_rows_prove_no_valley_and_six_do() {
        let apart = |n: usize| Array2::from_shape_fn((n, 1), |(row, _)| (row % 2) as f64 * 9.0);
        assert_eq!(cut(&apart(4), 0.0, 9.0), 0.0);
        assert!(cut(&apart(12), 0.0, 9.0) > 0.0);
    }

    #[test]
    fn one_cluster_and_noise_have_no_valley() {
        let x = array![[0.0], [1.0]];
        let rows = check::rows(x.view()).unwrap();
        assert_eq!(shallowest(&rows, &Labels::new([None, None]).unwrap(), &[]), 0.0);
        assert_eq!(shallowest(&rows, &Labels::new([Some(0), None]).unwrap(), &[0.0]), 0.0);
    }
}
