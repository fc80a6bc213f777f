//! The silhouette: is a row closer to its own cluster than to the nearest other one?
//!
//! s = (b − a) / max(a, b), where a is the mean distance to the other members of the row's own
//! cluster and b the least mean distance to the members of another cluster. Euclidean distances
//! from differences, so data far from the origin lose no digits that they still have.
//!
//! Source: Rousseeuw 1987. The odd cases are his: a cluster of one scores 0, not 1; rows that are
//! equidistant from everything (0/0) score 0. Where we differ from scikit-learn: noise is no
//! cluster. Its rows are neither scored nor neighbours, and the coverage says how many are left.
//! Cost: O(n² · d) time; memory for the rows once more, by cluster, and O(k) per thread.

use serde::{Deserialize, Serialize};

use super::external::check_length;
use super::grouped::Grouped;
use crate::num::check::{self, Rows};
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// The silhouette of every row, cluster and grouping; see [`silhouette`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Silhouette {
    /// The mean over all rows that are not noise, in [−1, 1].
    pub mean: f64,
    /// The share of rows that are not noise, in (0, 1]: what the mean speaks for.
    pub coverage: f64,
    /// The value of every row, in [−1, 1]; `None` for noise.
    pub values: Vec<Option<f64>>,
    /// The mean over the rows of each cluster; 0 for a cluster without rows.
    pub per_cluster: Vec<f64>,
}

/// A silhouette estimated from some of the rows; see [`silhouette_sampled`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SampledSilhouette {
    /// The mean over the rows drawn.
    pub mean: f64,
    /// The standard error of that mean; 0 if all rows were scored.
    pub standard_error: f64,
    /// How many rows were scored.
    pub n_rows: usize,
}

/// The exact silhouette of a grouping of `x`, `(n_samples, n_features)`.
///
/// Near 1, rows lie deep in their cluster; near 0, between two; below 0, closer to another. It does
/// not say whether there are groups at all: noise cut in two can score above 0.6.
///
/// ```
/// use personas::{Labels, ndarray::array, validate};
///
/// let x = array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]];
/// let labels = Labels::new([0, 0, 1, 1, 2, 2].map(Some))?;
/// let silhouette = validate::silhouette(&x, &labels)?;
/// assert!((silhouette.mean - 0.549386).abs() < 1e-6);
/// assert_eq!(silhouette.coverage, 1.0);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::UndefinedMetric`] unless the rows that are not noise form at least two clusters and
/// fewer clusters than rows; [`Error::DimensionMismatch`] if there is not one label per row; and as
/// every method for a matrix that is empty or not finite.
pub fn silhouette<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<Silhouette> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    let rows = ready(rows, labels, "the silhouette")?;
    let scored: Vec<usize> = (0..labels.len()).filter(|&row| labels.get(row).is_some()).collect();
    let scores = score_all(&rows, labels, &scored);
    let mut values = vec![None; labels.len()];
    let mut per_cluster = vec![0.0; labels.n_clusters()];
    for (&row, score) in scored.iter().zip(&scores) {
        values[row] = Some(*score);
        if let Some(cluster) = labels.get(row) {
            per_cluster[cluster] += score;
        }
    }
    let mean = scores.iter().sum::<f64>() / scored.len() as f64;
    per_cluster.iter_mut().zip(labels.sizes()).for_each(|(sum, &n)| *sum /= n.max(1) as f64);
    let coverage = scored.len() as f64 / labels.len() as f64;
    Ok(Silhouette { mean, coverage, values, per_cluster })
}

/// The silhouette's mean estimated from `n_rows` rows, each scored against *all* rows.
///
/// The rows are a simple random sample without replacement of those that are not noise; the error
/// carries the correction for drawing from finitely many. From as many rows as there are on, the
/// mean is exact and the error 0. O(n_rows · n · d).
///
/// ```
/// use personas::{Labels, ndarray::Array2, validate};
///
/// let x = Array2::from_shape_fn((1000, 1), |(row, _)| (row % 2 * 500 + row) as f64);
/// let labels = Labels::new((0..1000).map(|row| Some(row % 2)))?;
/// let exact = validate::silhouette(&x, &labels)?.mean;
/// let estimate = validate::silhouette_sampled(&x, &labels, 200, 7)?;
/// assert!((estimate.mean - exact).abs() < 4.0 * estimate.standard_error);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] if `n_rows` is below 2 (one row has no error), else as
/// [`silhouette`].
pub fn silhouette_sampled<'a>(
    x: impl Into<Samples<'a>>,
    labels: &Labels,
    n_rows: usize,
    seed: u64,
) -> Result<SampledSilhouette> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    if n_rows < 2 {
        return Err(Error::parameter("n_rows", "at least 2", n_rows));
    }
    let rows = ready(rows, labels, "the silhouette")?;
    let all: Vec<usize> = (0..labels.len()).filter(|&row| labels.get(row).is_some()).collect();
    let scored = if n_rows < all.len() {
        let mut drawn = Stream::new(seed, 0).sample(all.len(), n_rows);
        // Ascending: sums then go by row, as in the exact silhouette.
        drawn.sort_unstable();
        drawn.into_iter().map(|at| all[at]).collect()
    } else {
        all.clone()
    };
    let scores = score_all(&rows, labels, &scored);
    let n = scored.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let squares: f64 = scores.iter().map(|score| (score - mean) * (score - mean)).sum();
    let unseen = 1.0 - n / all.len() as f64;
    let standard_error = (squares / (n - 1.0) / n * unseen).sqrt();
    Ok(SampledSilhouette { mean, standard_error, n_rows: scored.len() })
}

/// The Dunn index of a grouping of `x`, `(n_samples, n_features)`: the least distance between rows of
/// different clusters, by the greatest within one; 0 or more, the greater, the better.
///
/// Above 1, no two rows of a cluster are as far apart as any two of different ones. One row decides it, so
/// that it suits small data without outliers. Noise rows are left out. Source: Dunn 1974. O(n² · d).
///
/// ```
/// use personas::{Labels, ndarray::array, validate};
///
/// let x = array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]];
/// let labels = Labels::new([0, 0, 1, 1, 2, 2].map(Some))?;
/// assert_eq!(validate::dunn(&x, &labels)?, 1.5);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// As [`silhouette`]; [`Error::UndefinedMetric`] too if the rows of every cluster are equal.
pub fn dunn<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<f64> {
    let metric = "the Dunn index";
    let x = x.into().into_rows()?;
    let rows = ready(check::rows(x.view())?, labels, metric)?;
    let grouped = Grouped::new(&rows, labels);
    // The farthest of the own cluster, and the nearest of another.
    let empty = vec![[0.0, f64::INFINITY]; labels.n_clusters()];
    let add = |ends: &mut Vec<[f64; 2]>, cluster: usize, run: &[f64]| {
        let ends = &mut ends[cluster];
        for &distance in run {
            *ends = [ends[0].max(distance), ends[1].min(distance)];
        }
    };
    let each = grouped.gather(&grouped.order, &empty, add, |row, ends| {
        let own = labels.get(row).unwrap_or(0);
        let others = ends.iter().enumerate().filter(|(cluster, _)| *cluster != own);
        (ends[own][0], others.fold(f64::INFINITY, |least: f64, (_, ends)| least.min(ends[1])))
    });
    let diameter = each.iter().fold(0.0, |most: f64, ends| most.max(ends.0));
    let gap = each.iter().fold(f64::INFINITY, |least: f64, ends| least.min(ends.1));
    if diameter > 0.0 {
        return Ok(gap / diameter);
    }
    let reason = "the rows of every cluster are equal".into();
    Err(Error::UndefinedMetric { metric, reason })
}

/// Rows that have the measure with these labels, tiny ones lifted so that squares do not vanish.
fn ready<'a>(rows: Rows<'a>, labels: &Labels, metric: &'static str) -> Result<Rows<'a>> {
    check_length("labels", rows.n_rows(), labels)?;
    if let Some(reason) = undefined(labels) {
        return Err(Error::UndefinedMetric { metric, reason: reason.into() });
    }
    let factor = Scale::of(&rows, None).factor();
    Ok(rows.times(factor))
}

/// Why no index compares within and between clusters for these labels, if so.
pub(super) fn undefined(labels: &Labels) -> Option<String> {
    let (clusters, n) = (labels.n_occupied(), labels.len() - labels.n_noise());
    if clusters < 2 {
        Some(format!("it compares at least 2 clusters, and there are {clusters}"))
    } else if clusters >= n {
        Some(format!("each of the {n} rows is a cluster of its own"))
    } else {
        None
    }
}

/// The score of every row of `scored`, none of which is noise.
fn score_all(rows: &Rows<'_>, labels: &Labels, scored: &[usize]) -> Vec<f64> {
    let grouped = Grouped::new(rows, labels);
    let add = |sums: &mut Vec<f64>, cluster: usize, run: &[f64]| sums[cluster] += sum(run);
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
        let s = silhouette(&points(), &labels(&[0, 0, 1, 1, 2, 2])).unwrap();
        assert!((s.mean - 0.549_386_432_877_745_7).abs() < 1e-14, "{}", s.mean);
        let golden =
            [0.394_448_72, 0.394_448_72, 0.394_448_72, 0.394_448_72, 0.859_945_06, 0.858_578_64];
        for (value, golden) in s.values.iter().zip(golden) {
            assert!((value.unwrap() - golden).abs() < 1e-8, "{value:?} {golden}");
        }
        assert!((s.per_cluster[2] - 0.859_261_85).abs() < 1e-8);
    }

    #[test]
    fn a_cluster_of_one_scores_0_and_not_1() {
        let x = array![[0.0], [1.0], [10.0]];
        let s = silhouette(&x, &labels(&[0, 0, 1])).unwrap();
        assert_eq!(s.values, [Some(0.9), Some(8.0 / 9.0), Some(0.0)]);
    }

    #[test]
    fn equal_rows_in_two_clusters_score_0_and_not_nan() {
        let s = silhouette(&Array2::<f64>::zeros((4, 2)), &labels(&[0, 0, 1, 1])).unwrap();
        assert_eq!(s.values, [Some(0.0); 4]);
        assert_eq!(s.mean, 0.0);
    }

    #[test]
    fn one_cluster_a_cluster_per_row_and_all_noise_have_no_silhouette() {
        for raw in [[0, 0, 0], [0, 1, 2], [-1, -1, -1], [0, 0, -1], [0, 1, -1]] {
            let s = silhouette(&array![[0.0], [1.0], [5.0]], &labels(&raw));
            assert!(matches!(s, Err(Error::UndefinedMetric { .. })), "{raw:?}");
        }
    }

    #[test]
    fn noise_is_neither_scored_nor_a_neighbour() {
        let mut x = points();
        x.push_row(array![1.0, 1.0].view()).unwrap();
        x.push_row(array![2.0, 1.0].view()).unwrap();
        let with = silhouette(&x, &labels(&[0, 0, 1, 1, 2, 2, -1, -1])).unwrap();
        let without = silhouette(&points(), &labels(&[0, 0, 1, 1, 2, 2])).unwrap();
        assert_eq!(with.values[..6], *without.values);
        assert_eq!(with.values[6..], [None, None]);
        assert_eq!((with.mean, with.coverage), (without.mean, 0.75));
    }

    #[test]
    fn an_offset_of_1e12_changes_nothing() {
        let l = labels(&[0, 0, 1, 1, 2, 2]);
        assert_eq!(silhouette(&(points() + 1e12), &l), silhouette(&points(), &l));
    }

    #[test]
    fn the_greatest_magnitudes_stay_finite() {
        let x = array![[1e145], [-1e145], [1e145], [9e144]];
        let s = silhouette(&x, &labels(&[0, 1, 0, 1])).unwrap();
        assert!(s.values.iter().flatten().all(|v| (-1.0..=1.0).contains(v)), "{s:?}");
    }

    #[test]
    fn rows_too_close_for_their_squares_score_like_others() {
        let l = labels(&[0, 0, 1, 1, 2, 2]);
        let tiny = silhouette(&(points() * 1e-250), &l).unwrap();
        assert!((tiny.mean - 0.549_386_432_877_745_7).abs() < 1e-12);
    }

    #[test]
    fn another_length_and_a_nan_are_refused() {
        assert!(matches!(
            silhouette(&points(), &labels(&[0, 1])),
            Err(Error::DimensionMismatch { expected: 6, got: 2, .. })
        ));
        let x = array![[0.0], [f64::NAN], [1.0]];
        assert!(matches!(silhouette(&x, &labels(&[0, 0, 1])), Err(Error::NonFinite { .. })));
    }

    #[test]
    fn a_sample_of_all_rows_is_exact_and_a_smaller_one_covers_the_truth() {
        let mut stream = Stream::new(5, 0);
        let x = Array2::from_shape_fn((300, 2), |(i, _)| (i % 3) as f64 * 2.0 + stream.normal());
        let l = Labels::new((0..300).map(|i| if i == 0 { None } else { Some(i % 3) })).unwrap();
        let exact = silhouette(&x, &l).unwrap().mean;
        let all = silhouette_sampled(&x, &l, 1000, 0).unwrap();
        assert_eq!(all, SampledSilhouette { mean: exact, standard_error: 0.0, n_rows: 299 });
        let within = (0..100).filter(|&seed| {
            let s = silhouette_sampled(&x, &l, 60, seed).unwrap();
            assert!(s.standard_error > 0.0 && s.n_rows == 60);
            (s.mean - exact).abs() < 2.0 * s.standard_error
        });
        // 95 expected; 88 is more than three standard deviations below.
        assert!(within.count() >= 88);
        assert!(silhouette_sampled(&x, &l, 1, 0).is_err());
    }

    /// Straight from the definition: for every row, the mean distance to every cluster.
    fn naive(x: &Array2<f64>, labels: &Labels) -> Vec<Option<f64>> {
        let d = |i: usize, j: usize| {
            x.row(i).iter().zip(x.row(j)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
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
        for (value, naive) in silhouette(&x, &l).unwrap().values.iter().zip(naive(&x, &l)) {
            assert_eq!(value.is_some(), naive.is_some());
            assert!((value.unwrap_or(0.0) - naive.unwrap_or(0.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_dunn_index_is_the_least_gap_by_the_greatest_diameter_at_any_scale() {
        let mut stream = Stream::new(8, 0);
        let x = Array2::from_shape_simple_fn((70, 2), || stream.normal());
        let l = Labels::new((0..70).map(|i| (i % 7 > 0).then_some(i % 3))).unwrap();
        let (mut gap, mut diameter) = (f64::INFINITY, 0.0f64);
        for i in 0..70 {
            for j in 0..i {
                let (Some(a), Some(b)) = (l.get(i), l.get(j)) else { continue };
                let d = (&x.row(i) - &x.row(j)).mapv(|v: f64| v * v).sum().sqrt();
                if a == b { diameter = diameter.max(d) } else { gap = gap.min(d) }
            }
        }
        for unit in [1.0, 1e-200, 1e120] {
            assert!((dunn(&(&x * unit), &l).unwrap() / (gap / diameter) - 1.0).abs() < 1e-12);
        }
        let equal = array![[0.0], [0.0], [1.0]];
        assert!(matches!(dunn(&equal, &labels(&[0, 0, 1])), Err(Error::UndefinedMetric { .. })));
        assert!(matches!(dunn(&equal, &labels(&[0, 0, 0])), Err(Error::UndefinedMetric { .. })));
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
            let Ok(s) = silhouette(&x, &l) else { return Ok(()) };
            for (value, naive) in s.values.iter().zip(naive(&x, &l)) {
                prop_assert_eq!(value.is_some(), naive.is_some());
                let (value, naive) = (value.unwrap_or(0.0), naive.unwrap_or(0.0));
                prop_assert!((value - naive).abs() < 1e-12 && value.abs() <= 1.0);
            }
        }
    }
}
