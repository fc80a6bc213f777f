//! The silhouette: is a row closer to its own cluster than to the nearest other one?
//!
//! s = (b − a) / max(a, b), where a is the mean distance to the other members of the row's own
//! cluster and b the least mean distance to the members of another cluster. Euclidean distances
//! from differences, or, of many rows, from products about the middle, with differences where products cancel
//! (`num/pair_distances.rs`): data far from the origin lose no digits that they still have.
//!
//! Three relatives cost less ([`SilhouetteKind`]). The mean *squared* distance to a cluster of n rows
//! with mean μ is ‖x − μ‖² + Σ‖y − μ‖²/n (König, Huygens): exact in one pass over the centroids, and
//! a sum of terms of one sign, so that nothing cancels. The *simplified* silhouette takes ‖x − μ‖
//! alone. A *sample* scores some rows against all.
//!
//! Source: Rousseeuw 1987; simplified: Hruschka, de Castro, Campello 2004. The odd cases are
//! Rousseeuw's: a cluster of one scores 0, not 1; rows that are equidistant from everything (0/0)
//! score 0. Where we differ from scikit-learn: noise is no cluster. Its rows are neither scored nor
//! neighbours, and the coverage says how many are left.
//! Cost: O(n² · d) time, each two rows measured once from 4,096 rows on (`pair_sums.rs`); memory for the rows once
//! more, by cluster, and O(k) per row, or per thread with more than 64 clusters. Squared and simplified:
//! O(n · k · d) time, O(n + k · d) memory.

use serde::{Deserialize, Serialize};

use super::grouped::{self, Grouped};
use super::pair_sums;
use super::scatter::Scatter;
use super::simplified;
use crate::num::check::Rows;
use crate::num::parallel;
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::{Error, Labels, Result};

/// Which [`silhouette`] is taken. Values of different kinds must not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SilhouetteKind {
    /// By mean distances, every row: the measure of the literature. O(n² · d). Rounding moves a value by
    /// n · 2⁻⁵¹ at most, and from 4,096 rows on by 1e-7 more; mostly by less than 1e-13.
    Exact,
    /// By mean squared distances, every row: as [`Exact`](Self::Exact) with another distance, and
    /// mostly greater. O(n · k · d). Rounding moves a value by (n + d) · 2⁻⁵⁰ at most, mostly by less
    /// than 1e-13.
    Squared,
    /// By distances to centroids, every row: mostly greater, and good for comparing groupings by
    /// k-means. O(n · k · d).
    Simplified,
    /// [`Exact`](Self::Exact) for rows drawn at random, each scored against all rows: O(n · d) per row.
    ///
    /// Rows are drawn without replacement, in rounds, until the standard error of their mean is at
    /// most `standard_error` or `max_rows` are scored. The error carries the correction for drawing
    /// from finitely many; where all rows are scored, the mean is exact and the error 0.
    Sampled {
        /// The error that is good enough, as 0.005; 0 draws `max_rows`.
        standard_error: f64,
        /// Most rows that are scored, at least 2.
        max_rows: usize,
        /// The seed of the random draws.
        seed: u64,
    },
}

/// The silhouette of every row, cluster and grouping; see [`silhouette`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Silhouette {
    /// The mean over all rows scored, in [−1, 1].
    pub mean: f64,
    /// The standard error of the mean; 0 where every row that is not noise was scored.
    pub standard_error: f64,
    /// How many rows were scored.
    pub n_scored: usize,
    /// The share of rows that are not noise, in (0, 1]: what the mean speaks for.
    pub coverage: f64,
    /// The value of every row, in [−1, 1]; `None` for noise and for rows that were not drawn.
    pub values: Vec<Option<f64>>,
    /// The mean over the scored rows of each cluster; `None` for a cluster without such rows.
    pub per_cluster: Vec<Option<f64>>,
}

/// The silhouette of a grouping of `x`, `(n_samples, n_features)`, of a `kind`.
///
/// The silhouette of a row is in [−1, 1]: near 1 it lies deep in its cluster, near 0 between two, below 0 closer
/// to another. It does not say whether there are groups at all: noise cut in two can score above 0.6. From
/// some ten thousand rows on, use a kind that costs less than the exact one.
///
/// ```
/// use personas::{Labels, ndarray::Array2, ndarray::array, validate, validate::SilhouetteKind};
///
/// let x = array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]];
/// let labels = Labels::new([0, 0, 1, 1, 2, 2].map(Some))?;
/// let silhouette = validate::silhouette(&x, &labels, SilhouetteKind::Exact)?;
/// assert!((silhouette.mean - 0.549386).abs() < 1e-6);
/// assert_eq!(silhouette.coverage, 1.0);
///
/// let x = Array2::from_shape_fn((1000, 1), |(row, _)| (row % 2 * 500 + row) as f64);
/// let labels = Labels::new((0..1000).map(|row| Some(row % 2)))?;
/// let exact = validate::silhouette(&x, &labels, SilhouetteKind::Exact)?;
/// let sampled = SilhouetteKind::Sampled { standard_error: 0.01, max_rows: 900, seed: 7 };
/// let estimate = validate::silhouette(&x, &labels, sampled)?;
/// assert!(estimate.standard_error <= 0.01 && estimate.n_scored < 900);
/// assert!((estimate.mean - exact.mean).abs() < 4.0 * estimate.standard_error);
/// // Another measure, for any number of rows.
/// let squared = validate::silhouette(&x, &labels, SilhouetteKind::Squared)?;
/// assert!(squared.mean > exact.mean);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::UndefinedMetric`] unless the rows that are not noise form at least two clusters and
/// fewer clusters than rows; [`Error::DimensionMismatch`] if there is not one label per row;
/// [`Error::InvalidParameter`] for a `standard_error` that is negative or not finite, and for
/// `max_rows` below 2 (one row has no error); and as every method for a matrix that is empty or not finite.
pub fn silhouette<'a>(
    x: impl Into<Samples<'a>>,
    labels: &Labels,
    kind: SilhouetteKind,
) -> Result<Silhouette> {
    let x = x.into().into_rows()?;
    if let SilhouetteKind::Sampled { standard_error, max_rows, .. } = kind {
        if !(standard_error >= 0.0 && standard_error.is_finite()) {
            return Err(Error::parameter("standard_error", "0 or more and finite", standard_error));
        }
        if max_rows < 2 {
            return Err(Error::parameter("max_rows", "at least 2", max_rows));
        }
    }
    let rows = grouped::ready(x.view(), labels, "the silhouette")?;
    let clustered: Vec<usize> =
        (0..labels.len()).filter(|&row| labels.get(row).is_some()).collect();
    let mut values = vec![None; labels.len()];
    let mut fill = |rows: &[usize], scores: Vec<f64>| {
        rows.iter().zip(scores).for_each(|(&row, score)| values[row] = Some(score));
    };
    match kind {
        SilhouetteKind::Exact => {
            let grouped = Grouped::new(&rows, labels);
            let scores = all_scores(&rows, &grouped, labels);
            fill(&grouped.order, scores);
        }
        SilhouetteKind::Squared => fill(&clustered, squared(&rows, labels, &clustered)),
        SilhouetteKind::Simplified => fill(&clustered, to_centroids(&rows, labels, &clustered)),
        SilhouetteKind::Sampled { standard_error, max_rows, seed } => {
            let mut drawn = clustered.clone();
            Stream::new(seed, 0).shuffle(&mut drawn);
            let grouped = Grouped::new(&rows, labels);
            let scores = rounds(drawn.len(), max_rows, standard_error, |from, to| {
                score_all(&grouped, labels, &drawn[from..to])
            });
            fill(&drawn, scores);
        }
    }
    Ok(summary(values, labels))
}

/// What the values of rows come to, added by row, so that equal values give equal bits.
fn summary(values: Vec<Option<f64>>, labels: &Labels) -> Silhouette {
    let mut sums = vec![(0.0, 0); labels.n_clusters()];
    let mut total = 0.0;
    for (value, cluster) in values.iter().zip(labels.iter()) {
        if let (Some(value), Some(cluster)) = (value, cluster) {
            sums[cluster].0 += value;
            sums[cluster].1 += 1;
            total += value;
        }
    }
    let n_scored: usize = sums.iter().map(|(_, n)| n).sum();
    let n_clustered = labels.len() - labels.n_noise();
    let mean = total / n_scored as f64;
    Silhouette {
        mean,
        standard_error: standard_error(values.iter().flatten(), mean, n_scored, n_clustered),
        n_scored,
        coverage: n_clustered as f64 / labels.len() as f64,
        per_cluster: sums.iter().map(|&(sum, n)| (n > 0).then(|| sum / n as f64)).collect(),
        values,
    }
}

/// The standard error of the mean of `n` values drawn from `n_all` without replacement.
fn standard_error<'a>(
    values: impl Iterator<Item = &'a f64>,
    mean: f64,
    n: usize,
    n_all: usize,
) -> f64 {
    let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    let (n, n_all) = (n as f64, n_all as f64);
    // At least two rows are scored: fewer clusters than rows, and `max_rows` is at least 2.
    (squares / (n - 1.0) / n * (1.0 - n / n_all)).sqrt()
}

/// Rows of the first round of a sample.
const FIRST_ROUND: usize = 256;

/// The scores of the first rows of `n_all` in random order, as many as the error needs. `score` has
/// those of a range.
///
/// From the variance so far follows how many are needed; a round goes there, but grows by a quarter
/// at least, so that there are few rounds, and fourfold at most, since a first guess may be far off.
fn rounds(
    n_all: usize,
    max_rows: usize,
    enough: f64,
    score: impl Fn(usize, usize) -> Vec<f64>,
) -> Vec<f64> {
    let most = max_rows.min(n_all);
    let mut scores = score(0, FIRST_ROUND.min(most));
    loop {
        let n = scores.len();
        let mean = scores.iter().sum::<f64>() / n as f64;
        let error = standard_error(scores.iter(), mean, n, n_all);
        if n == most || (enough > 0.0 && error <= enough) {
            return scores;
        }
        let unseen = 1.0 - n as f64 / n_all as f64;
        let variance = error * error * n as f64 / unseen;
        let needed = variance / (enough * enough + variance / n_all as f64);
        let next = (needed.ceil() as usize).clamp(n + n / 4 + 1, 4 * n).min(most);
        scores.extend(score(n, next));
    }
}

/// The scores of `some` rows by mean squared distances.
fn squared(rows: &Rows<'_>, labels: &Labels, some: &[usize]) -> Vec<f64> {
    let scatter = Scatter::new(rows, labels);
    let within = scatter.within();
    by_centroids(&scatter, rows, some, |row, squares| {
        let sizes = labels.sizes();
        let sums = squares.iter().zip(&within).zip(sizes);
        let sums: Vec<f64> =
            sums.map(|((square, within), &size)| size as f64 * square + within).collect();
        labels.get(row).map_or(0.0, |own| score(own, &sums, sizes))
    })
}

/// The scores of `some` rows by distances to centroids.
fn to_centroids(rows: &Rows<'_>, labels: &Labels, some: &[usize]) -> Vec<f64> {
    let scatter = Scatter::new(rows, labels);
    by_centroids(&scatter, rows, some, |row, squares| {
        labels.get(row).map_or(0.0, |own| simplified::score(own, squares, labels.sizes()))
    })
}

/// `of` each of some rows and its squared distances to the centroids of all clusters.
fn by_centroids(
    scatter: &Scatter,
    rows: &Rows<'_>,
    some: &[usize],
    of: impl Fn(usize, &[f64]) -> f64 + Sync,
) -> Vec<f64> {
    let work = scatter.n_clusters() * rows.n_columns();
    let chunks = parallel::map_chunks(some.len(), work, |range| {
        let mut squares = vec![0.0; scatter.n_clusters()];
        let each = some[range].iter().map(|&row| {
            scatter.squares(rows.row(row), &mut squares);
            of(row, &squares)
        });
        each.collect::<Vec<f64>>()
    });
    chunks.concat()
}

/// The score of every row that is not noise, by place.
fn all_scores(rows: &Rows<'_>, grouped: &Grouped<'_>, labels: &Labels) -> Vec<f64> {
    let k = labels.n_clusters();
    if !pair_sums::suits(grouped.order.len(), k) {
        return score_all(grouped, labels, &grouped.order);
    }
    let sums = pair_sums::sums(rows, &grouped.order, labels);
    let each = grouped.order.iter().zip(sums.chunks_exact(k));
    each.map(|(&row, sums)| labels.get(row).map_or(0.0, |own| score(own, sums, labels.sizes())))
        .collect()
}

/// The score of every row of `scored`, none of which is noise.
fn score_all(grouped: &Grouped<'_>, labels: &Labels, scored: &[usize]) -> Vec<f64> {
    let add =
        |sums: &mut Vec<f64>, cluster: usize, _: usize, run: &[f64]| sums[cluster] += sum(run);
    grouped.gather(scored, &vec![0.0; labels.n_clusters()], add, |row, sums| {
        labels.get(row).map_or(0.0, |own| score(own, &sums, labels.sizes()))
    })
}

/// A sum on eight lanes, the same on every CPU.
fn sum(values: &[f64]) -> f64 {
    let (blocks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(sum, value)| *sum += value);
    }
    lanes.iter().chain(rest).sum()
}

/// The silhouette of one row of cluster `own` from the sums of its distances to every cluster.
fn score(own: usize, sums: &[f64], sizes: &[usize]) -> f64 {
    if sizes[own] == 1 {
        return 0.0;
    }
    // The distance of the row to itself is 0 and adds nothing.
    let a = sums[own] / (sizes[own] - 1) as f64;
    let others = sizes.iter().zip(sums).enumerate();
    let others = others.filter(|&(cluster, (&size, _))| cluster != own && size > 0);
    let b = others.map(|(_, (&size, sum))| sum / size as f64).fold(f64::INFINITY, f64::min);
    // With clusters < rows at least one distance counts, yet all may be 0.
    let scale = a.max(b);
    if scale > 0.0 && scale.is_finite() { (b - a) / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn labels(raw: &[i32]) -> Labels {
        Labels::new(raw.iter().map(|&c| usize::try_from(c).ok())).unwrap()
    }

    fn points() -> Array2<f64> {
        array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]]
    }

    #[test]
    fn the_golden_points_score_as_in_scikit_learn() {
        let s = exactly(&points(), &labels(&[0, 0, 1, 1, 2, 2])).unwrap();
        assert!((s.mean - 0.549_386_432_877_745_7).abs() < 1e-14, "{}", s.mean);
        let golden =
            [0.394_448_72, 0.394_448_72, 0.394_448_72, 0.394_448_72, 0.859_945_06, 0.858_578_64];
        for (value, golden) in s.values.iter().zip(golden) {
            assert!((value.unwrap() - golden).abs() < 1e-8, "{value:?} {golden}");
        }
        assert!((s.per_cluster[2].unwrap() - 0.859_261_85).abs() < 1e-8);
    }

    #[test]
    fn a_cluster_of_one_scores_0_and_not_1() {
        let x = array![[0.0], [1.0], [10.0]];
        let s = exactly(&x, &labels(&[0, 0, 1])).unwrap();
        assert_eq!(s.values, [Some(0.9), Some(8.0 / 9.0), Some(0.0)]);
    }

    #[test]
    fn equal_rows_in_two_clusters_score_0_and_not_nan() {
        let s = exactly(&Array2::<f64>::zeros((4, 2)), &labels(&[0, 0, 1, 1])).unwrap();
        assert_eq!(s.values, [Some(0.0); 4]);
        assert_eq!(s.mean, 0.0);
    }

    #[test]
    fn one_cluster_a_cluster_per_row_and_all_noise_have_no_silhouette() {
        for raw in [[0, 0, 0], [0, 1, 2], [-1, -1, -1], [0, 0, -1], [0, 1, -1]] {
            let s = exactly(&array![[0.0], [1.0], [5.0]], &labels(&raw));
            assert!(matches!(s, Err(Error::UndefinedMetric { .. })), "{raw:?}");
        }
    }

    #[test]
    fn noise_is_neither_scored_nor_a_neighbour() {
        let mut x = points();
        x.push_row(array![1.0, 1.0].view()).unwrap();
        x.push_row(array![2.0, 1.0].view()).unwrap();
        let with = exactly(&x, &labels(&[0, 0, 1, 1, 2, 2, -1, -1])).unwrap();
        let without = exactly(&points(), &labels(&[0, 0, 1, 1, 2, 2])).unwrap();
        assert_eq!(with.values[..6], *without.values);
        assert_eq!(with.values[6..], [None, None]);
        assert_eq!((with.mean, with.coverage), (without.mean, 0.75));
    }

    #[test]
    fn an_offset_of_1e12_changes_nothing() {
        let l = labels(&[0, 0, 1, 1, 2, 2]);
        assert_eq!(exactly(&(points() + 1e12), &l), exactly(&points(), &l));
    }

    #[test]
    fn the_greatest_magnitudes_stay_finite() {
        let x = array![[1e145], [-1e145], [1e145], [9e144]];
        let s = exactly(&x, &labels(&[0, 1, 0, 1])).unwrap();
        assert!(s.values.iter().flatten().all(|v| (-1.0..=1.0).contains(v)), "{s:?}");
    }

    #[test]
    fn rows_too_close_for_their_squares_score_like_others() {
        let l = labels(&[0, 0, 1, 1, 2, 2]);
        let tiny = exactly(&(points() * 1e-250), &l).unwrap();
        assert!((tiny.mean - 0.549_386_432_877_745_7).abs() < 1e-12);
    }

    #[test]
    fn another_length_and_a_nan_are_refused() {
        assert!(matches!(
            exactly(&points(), &labels(&[0, 1])),
            Err(Error::DimensionMismatch { expected: 6, got: 2, .. })
        ));
        let x = array![[0.0], [f64::NAN], [1.0]];
        assert!(matches!(exactly(&x, &labels(&[0, 0, 1])), Err(Error::NonFinite { .. })));
    }

    /// A sample of exactly so many rows.
    fn exactly<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<Silhouette> {
        silhouette(x, labels, SilhouetteKind::Exact)
    }

    fn drawn(max_rows: usize, seed: u64) -> SilhouetteKind {
        SilhouetteKind::Sampled { standard_error: 0.0, max_rows, seed }
    }

    /// Three clouds that touch, and a row of noise.
    fn clouds(n: usize) -> (Array2<f64>, Labels) {
        let mut stream = Stream::new(5, 0);
        let x = Array2::from_shape_fn((n, 2), |(i, _)| (i % 3) as f64 * 2.0 + stream.normal());
        (x, Labels::new((0..n).map(|i| if i == 0 { None } else { Some(i % 3) })).unwrap())
    }

    #[test]
    fn a_sample_of_all_rows_is_exact_and_a_smaller_one_covers_the_truth() {
        let (x, l) = clouds(300);
        let exact = exactly(&x, &l).unwrap();
        assert_eq!((exact.standard_error, exact.n_scored), (0.0, 299));
        assert_eq!(silhouette(&x, &l, drawn(1000, 0)).unwrap(), exact);
        let within = (0..100).filter(|&seed| {
            let s = silhouette(&x, &l, drawn(60, seed)).unwrap();
            assert!(s.standard_error > 0.0 && s.n_scored == 60);
            assert_eq!(s.values.iter().flatten().count(), 60);
            (s.mean - exact.mean).abs() < 2.0 * s.standard_error
        });
        // 95 expected; 88 is more than three standard deviations below.
        assert!(within.count() >= 88);
        for (standard_error, max_rows) in [(0.0, 1), (-1.0, 9), (f64::NAN, 9), (f64::INFINITY, 9)] {
            let kind = SilhouetteKind::Sampled { standard_error, max_rows, seed: 0 };
            let refused = silhouette(&x, &l, kind);
            assert!(matches!(refused, Err(Error::InvalidParameter { .. })), "{kind:?}");
        }
    }

    #[test]
    fn rounds_stop_once_the_error_is_small_enough_and_not_much_later() {
        let (x, l) = clouds(6000);
        let exact = exactly(&x, &l).unwrap().mean;
        let mut last = 0;
        for standard_error in [0.02, 0.01, 0.007, 0.0001] {
            let kind = SilhouetteKind::Sampled { standard_error, max_rows: 4000, seed: 3 };
            let s = silhouette(&x, &l, kind).unwrap();
            let full = s.n_scored == 4000;
            assert!(full || s.standard_error <= standard_error, "{s:?}");
            assert!(full == (standard_error < 0.001) && s.n_scored >= last, "{}", s.n_scored);
            // As many as the error needs, and at most a quarter more after the first round.
            let needed = (s.standard_error / standard_error).powi(2) * s.n_scored as f64;
            assert!(full || s.n_scored == 256 || s.n_scored as f64 <= 1.3 * needed, "{needed}");
            assert!((s.mean - exact).abs() < 4.0 * s.standard_error);
            last = s.n_scored;
        }
    }

    /// Straight from the definition, with squared distances.
    fn naive_squared(x: &Array2<f64>, labels: &Labels) -> Vec<Option<f64>> {
        by_definition(x, labels, |square| square)
    }

    /// Straight from the definition: for every row, the mean distance to every cluster.
    fn naive(x: &Array2<f64>, labels: &Labels) -> Vec<Option<f64>> {
        by_definition(x, labels, f64::sqrt)
    }

    fn by_definition(
        x: &Array2<f64>,
        labels: &Labels,
        distance: impl Fn(f64) -> f64,
    ) -> Vec<Option<f64>> {
        let d = |i: usize, j: usize| {
            distance(x.row(i).iter().zip(x.row(j)).map(|(a, b)| (a - b).powi(2)).sum::<f64>())
        };
        let value = |i: usize| {
            let own = labels.get(i)?;
            let mean_to = |c: usize| {
                let others: Vec<usize> =
                    labels.rows_of(c).into_iter().filter(|&j| j != i).collect();
                others.iter().map(|&j| d(i, j)).sum::<f64>() / others.len() as f64
            };
            let b = (0..labels.n_clusters()).filter(|&c| c != own).map(mean_to);
            let (a, b) = (mean_to(own), b.fold(f64::INFINITY, f64::min));
            let s = (b - a) / a.max(b);
            Some(if s.is_nan() || labels.sizes()[own] == 1 { 0.0 } else { s })
        };
        (0..x.nrows()).map(value).collect()
    }

    #[test]
    fn more_rows_than_meet_at_once_equal_the_definition() {
        let n = 300;
        let x = Array2::from_shape_fn((n, 2), |(i, j)| (i * (7 + 4 * j) % 61) as f64);
        let l = Labels::new((0..n).map(|i| (i % 9 > 0).then_some(i * i % 5))).unwrap();
        for (value, naive) in exactly(&x, &l).unwrap().values.iter().zip(naive(&x, &l)) {
            assert_eq!(value.is_some(), naive.is_some());
            assert!((value.unwrap_or(0.0) - naive.unwrap_or(0.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn squared_and_simplified_hold_under_offsets_scales_and_thread_counts() {
        let (x, l) = clouds(500);
        for kind in [SilhouetteKind::Squared, SilhouetteKind::Simplified] {
            let plain = silhouette(&x, &l, kind).unwrap();
            for (offset, unit, error) in
                [(1e6, 1.0, 1e-8), (0.0, 1e-200, 1e-12), (0.0, 1e100, 1e-12)]
            {
                let moved = silhouette(&(&x * unit + offset), &l, kind).unwrap();
                assert!((moved.mean - plain.mean).abs() < error, "{offset:e} {unit:e} {kind:?}");
            }
            // Whole numbers lose nothing at 1e12.
            let whole = x.mapv(|v| (v * 64.0).round());
            let (near, far) =
                [0.0, 1e12].map(|offset| silhouette(&(&whole + offset), &l, kind).unwrap()).into();
            assert_eq!(near, far, "{kind:?}");
            let one = parallel::with_threads(1, || silhouette(&x, &l, kind).unwrap());
            assert_eq!(one, plain);
        }
    }

    #[test]
    fn the_simplified_silhouette_is_as_by_hand() {
        let x = array![[0.0], [2.0], [10.0], [14.0], [40.0], [7.0]];
        let l = labels(&[0, 0, 1, 1, 2, -1]);
        let s = silhouette(&x, &l, SilhouetteKind::Simplified).unwrap();
        // 1 − 1/12, 1 − 1/10, 1 − 2/9, 1 − 2/13, and 0 for the row alone.
        let by_hand = (4.0 - 1.0 / 12.0 - 0.1 - 2.0 / 9.0 - 2.0 / 13.0) / 5.0;
        assert!((s.mean - by_hand).abs() < 1e-15);
        assert_eq!((s.values[4], s.values[5]), (Some(0.0), None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_equals_the_definition_and_lies_between_minus_1_and_1(
            rows in prop::collection::vec((-1..3i32, 0..6i32, 0..6i32), 4..24)
        ) {
            let l = labels(&rows.iter().map(|r| r.0).collect::<Vec<_>>());
            let x = Array2::from_shape_fn((rows.len(), 2), |(i, j)| {
                f64::from(if j == 0 { rows[i].1 } else { rows[i].2 })
            });
            let Ok(s) = exactly(&x, &l) else { return Ok(()) };
            let squared = silhouette(&x, &l, SilhouetteKind::Squared).unwrap();
            let exact = s.values.iter().zip(naive(&x, &l));
            for (value, naive) in exact.chain(squared.values.iter().zip(naive_squared(&x, &l))) {
                prop_assert_eq!(value.is_some(), naive.is_some());
                let (value, naive) = (value.unwrap_or(0.0), naive.unwrap_or(0.0));
                prop_assert!((value - naive).abs() < 1e-12 && value.abs() <= 1.0);
            }
        }
    }
}
