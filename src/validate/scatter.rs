//! How far rows scatter around their centroids, compared with how far the centroids lie apart.
//!
//! Calinski–Harabasz: the variance between clusters over the variance within them. Davies–Bouldin:
//! for every cluster the worst ratio (Sᵢ + Sⱼ) / Mᵢⱼ of mean distances S to the own centroid and the
//! distance M of two centroids, averaged. Both take a centroid as a row of the cluster plus the mean
//! difference from it, so data far from the origin lose no digits that they still have.
//!
//! Source: Caliński, Harabasz 1974; Davies, Bouldin 1979. Where we differ from scikit-learn: noise
//! is left out; what has no value is an error, where it says 1 (nothing scatters) or 0, which is
//! perfect (two centroids at one place).
//! Cost: O(n · d), and O(k² · d) for Davies–Bouldin; memory O(k · d).

use ndarray::ArrayView2;

use super::external::check_length;
use super::grouped;
use crate::num::check::{self, Rows};
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// Of two centroids closer than this part of their clusters' scatter only the rounding is known.
const ONE_PLACE: f64 = 1e-12;

/// The Calinski–Harabasz index of a grouping of `x`, `(n_samples, n_features)`: the greater, the
/// better; 0 or more.
///
/// For comparing numbers of clusters on the same rows, as it has no scale of its own. It does not
/// say whether there are groups at all, and prefers round ones of similar spread. Noise rows are left
/// out.
///
/// ```
/// use personas::{Labels, ndarray::array, validate};
///
/// let x = array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]];
/// let three = Labels::new([0, 0, 1, 1, 2, 2].map(Some))?;
/// let two = Labels::new([0, 0, 0, 0, 1, 1].map(Some))?;
/// let index = validate::calinski_harabasz(&x, &three)?;
/// assert!((index - 35.222222).abs() < 1e-6);
/// assert!(index > validate::calinski_harabasz(&x, &two)?);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::UndefinedMetric`] unless the rows that are not noise form at least two clusters and
/// fewer clusters than rows, and if every row equals its centroid (division by 0);
/// [`Error::DimensionMismatch`] if there is not one label per row; and as every method for a matrix
/// that is empty or not finite.
pub fn calinski_harabasz<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<f64> {
    let metric = "the Calinski–Harabasz index";
    index(x.into().into_rows()?.view(), labels, metric, Scatter::calinski_harabasz)
}

/// The Davies–Bouldin index of a grouping of `x`, `(n_samples, n_features)`: the less, the better;
/// 0 or more.
///
/// Below 1, clusters lie farther apart than they reach on average; 0 if all rows equal their
/// centroids. It does not say whether there are groups at all. Noise rows are left out.
///
/// ```
/// use personas::{Labels, ndarray::array, validate};
///
/// let x = array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]];
/// let labels = Labels::new([0, 0, 1, 1, 2, 2].map(Some))?;
/// assert!((validate::davies_bouldin(&x, &labels)? - 0.515691).abs() < 1e-6);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::UndefinedMetric`] unless the rows that are not noise form at least two clusters and
/// fewer clusters than rows, and if two centroids lie at one place, as far as rounding can tell; else
/// as [`calinski_harabasz`].
pub fn davies_bouldin<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<f64> {
    index(x.into().into_rows()?.view(), labels, "the Davies–Bouldin index", Scatter::davies_bouldin)
}

fn index(
    x: ArrayView2<'_, f64>,
    labels: &Labels,
    metric: &'static str,
    of: impl Fn(&Scatter) -> std::result::Result<f64, String>,
) -> Result<f64> {
    let rows = check::rows(x)?;
    check_length("labels", rows.n_rows(), labels)?;
    let value = grouped::undefined(labels).map_or_else(|| of(&Scatter::new(&rows, labels)), Err);
    value.map_err(|reason| Error::UndefinedMetric { metric, reason: reason.into() })
}

/// Centroids and the distances from them, at a scale whose squares do not vanish.
#[derive(Debug)]
pub(super) struct Scatter {
    n_columns: usize,
    /// The clusters that have rows; everything below is by place in this list.
    numbers: Vec<usize>,
    sizes: Vec<usize>,
    /// Power of two that lifts differences; the fields below are lifted, where not said otherwise.
    factor: f64,
    /// Each cluster's first row, not lifted; row-major.
    firsts: Vec<f64>,
    /// Where each centroid lies, as seen from its cluster's first row; row-major.
    offsets: Vec<f64>,
    /// Mean distance of each cluster's rows to their centroid.
    radii: Vec<f64>,
    /// Sum of the squared distances of each cluster's rows to their centroid.
    within: Vec<f64>,
    /// Clusters, those without rows counted.
    n_clusters: usize,
}

impl Scatter {
    /// The labels must have at least one cluster.
    pub(super) fn new(rows: &Rows<'_>, labels: &Labels) -> Self {
        debug_assert!(labels.len() == rows.n_rows() && labels.n_occupied() > 0);
        let occupied = |&cluster: &usize| labels.sizes()[cluster] > 0;
        let numbers: Vec<usize> = (0..labels.n_clusters()).filter(occupied).collect();
        let sizes: Vec<usize> = numbers.iter().map(|&cluster| labels.sizes()[cluster]).collect();
        let mut place = vec![0; labels.n_clusters()];
        numbers.iter().enumerate().for_each(|(at, &cluster)| place[cluster] = at);
        // (row, place of its cluster) of all rows that are not noise.
        let clustered = || {
            let rows = labels.iter().enumerate();
            rows.filter_map(|(row, cluster)| Some((row, place[cluster?])))
        };
        let (d, k) = (rows.n_columns(), numbers.len());
        let mut first = vec![None; k];
        let mut offsets = vec![0.0; k * d];
        let mut spread = 0.0_f64;
        for (row, cluster) in clustered() {
            let from = rows.row(*first[cluster].get_or_insert(row));
            let sums = &mut offsets[cluster * d..(cluster + 1) * d];
            for ((sum, v), from) in sums.iter_mut().zip(rows.row(row)).zip(from) {
                *sum += v - from;
                spread = spread.max((v - from).abs());
            }
        }
        let first: Vec<usize> = first.into_iter().flatten().collect();
        let firsts: Vec<f64> = first.iter().flat_map(|&row| rows.row(row)).copied().collect();
        for other in firsts.chunks_exact(d) {
            let apart = other.iter().zip(&firsts).map(|(v, from)| (v - from).abs());
            spread = apart.fold(spread, f64::max);
        }
        // Differences are lifted, not rows: no offset and no noise row can hold the factor back.
        let factor = Scale::lifting(spread, spread).factor();
        for (sums, &size) in offsets.chunks_exact_mut(d).zip(&sizes) {
            sums.iter_mut().for_each(|sum| *sum = *sum * factor / size as f64);
        }
        let mut radii = vec![0.0; k];
        let mut within = vec![0.0; k];
        for (row, cluster) in clustered() {
            let offset = &offsets[cluster * d..(cluster + 1) * d];
            let mut squares = 0.0;
            let from = &firsts[cluster * d..(cluster + 1) * d];
            for ((v, from), offset) in rows.row(row).iter().zip(from).zip(offset) {
                let difference = (v - from) * factor - offset;
                squares += difference * difference;
            }
            within[cluster] += squares;
            radii[cluster] += squares.sqrt();
        }
        radii.iter_mut().zip(&sizes).for_each(|(sum, &size)| *sum /= size as f64);
        let n_clusters = labels.n_clusters();
        Self { n_columns: d, numbers, sizes, factor, firsts, offsets, radii, within, n_clusters }
    }

    pub(super) fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// By cluster, the sum of its rows' squared distances to its centroid; 0 for one without rows.
    pub(super) fn within(&self) -> Vec<f64> {
        let mut within = vec![0.0; self.n_clusters];
        self.numbers.iter().zip(&self.within).for_each(|(&cluster, &sum)| within[cluster] = sum);
        within
    }

    /// The squared distances of a row to the centroids; those of clusters without rows are left alone.
    pub(super) fn squares(&self, row: &[f64], out: &mut [f64]) {
        debug_assert!(row.len() == self.n_columns && out.len() == self.n_clusters);
        let centroids =
            self.firsts.chunks_exact(row.len()).zip(self.offsets.chunks_exact(row.len()));
        for (&cluster, (from, offset)) in self.numbers.iter().zip(centroids) {
            let mut squares = 0.0;
            for ((v, from), offset) in row.iter().zip(from).zip(offset) {
                let difference = (v - from) * self.factor - offset;
                squares += difference * difference;
            }
            out[cluster] = squares;
        }
    }

    fn total_within(&self) -> f64 {
        self.within.iter().sum()
    }

    /// The index, or why there is none.
    pub(super) fn calinski_harabasz(&self) -> std::result::Result<f64, String> {
        let within = self.total_within();
        if within == 0.0 {
            return Err("every row equals its centroid, so nothing scatters within".to_owned());
        }
        let (n, k) = (self.sizes.iter().sum::<usize>() as f64, self.sizes.len() as f64);
        Ok(self.between() / within * ((n - k) / (k - 1.0)))
    }

    /// The index, or why there is none.
    pub(super) fn davies_bouldin(&self) -> std::result::Result<f64, String> {
        let mut worst = vec![0.0_f64; self.sizes.len()];
        for b in 0..self.sizes.len() {
            for a in 0..b {
                let (apart, reach) = (self.apart(a, b), self.radii[a] + self.radii[b]);
                if apart <= ONE_PLACE * reach {
                    let [a, b] = [self.numbers[a], self.numbers[b]];
                    return Err(format!("the centroids of clusters {a} and {b} are at one place"));
                }
                worst[a] = worst[a].max(reach / apart);
                worst[b] = worst[b].max(reach / apart);
            }
        }
        Ok(worst.iter().sum::<f64>() / worst.len() as f64)
    }

    /// The share of the rows' scatter around their common mean that the clusters leave, in [0, 1].
    pub(super) fn left(&self) -> f64 {
        let within = self.total_within();
        let total = within + self.between();
        if total > 0.0 { within / total } else { 0.0 }
    }

    /// Sum of the centroids' squared distances to the mean of all rows, each times its rows.
    fn between(&self) -> f64 {
        let d = self.n_columns;
        // As seen from the first row of the first cluster.
        let origin = self.firsts[..d].iter().cycle();
        let seen = self.firsts.iter().zip(origin).map(|(v, from)| (v - from) * self.factor);
        let centroids: Vec<f64> = seen.zip(&self.offsets).map(|(v, offset)| v + offset).collect();
        let mut mean = vec![0.0; d];
        for (centroid, &size) in centroids.chunks_exact(d).zip(&self.sizes) {
            mean.iter_mut().zip(centroid).for_each(|(sum, v)| *sum += size as f64 * v);
        }
        let n = self.sizes.iter().sum::<usize>() as f64;
        mean.iter_mut().for_each(|sum| *sum /= n);
        let squares = centroids.chunks_exact(d).map(|centroid| {
            centroid.iter().zip(&mean).map(|(v, mean)| (v - mean) * (v - mean)).sum::<f64>()
        });
        squares.zip(&self.sizes).map(|(squares, &size)| size as f64 * squares).sum()
    }

    /// The distance between two centroids.
    fn apart(&self, a: usize, b: usize) -> f64 {
        let d = self.n_columns;
        let mut squares = 0.0;
        for (a, b) in (a * d..(a + 1) * d).zip(b * d..(b + 1) * d) {
            let firsts = (self.firsts[a] - self.firsts[b]) * self.factor;
            let difference = firsts + (self.offsets[a] - self.offsets[b]);
            squares += difference * difference;
        }
        squares.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Axis, array, concatenate};
    use proptest::prelude::*;

    fn labels(raw: &[i32]) -> Labels {
        Labels::new(raw.iter().map(|&c| usize::try_from(c).ok())).unwrap()
    }

    fn points() -> Array2<f64> {
        array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]]
    }

    /// Both indices.
    fn both(x: &Array2<f64>, l: &Labels) -> [Result<f64>; 2] {
        [calinski_harabasz(x, l), davies_bouldin(x, l)]
    }

    const GOLDEN: [f64; 2] = [35.222_222_222_222_22, 0.515_691_494_432_354_1];

    #[test]
    fn the_golden_points_score_as_in_scikit_learn() {
        for (value, golden) in both(&points(), &labels(&[0, 0, 1, 1, 2, 2])).into_iter().zip(GOLDEN)
        {
            assert!((value.unwrap() / golden - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn offsets_up_to_1e12_change_nothing_that_the_data_still_hold() {
        let l = labels(&[0, 0, 1, 1, 2, 2]);
        for offset in [1e8, 1e9, 1e10, 1e12, -1e12, 1e15] {
            assert_eq!(both(&(points() + offset), &l), both(&points(), &l), "{offset:e}");
        }
        // Thirds: the rows are rounded, the indices are those of the rounded rows.
        for offset in [1e8, 1e10, 1e12] {
            let moved = both(&(points() / 3.0 + offset), &l);
            for (value, golden) in moved.into_iter().zip(GOLDEN) {
                assert!((value.unwrap() / golden - 1.0).abs() < 1e-15 * offset, "{offset:e}");
            }
        }
    }

    #[test]
    fn the_first_row_may_lie_far_off() {
        // Seen from cluster 0 alone, the others would lose all their digits.
        let x = concatenate![Axis(0), array![[1e17, 0.0], [1e17, 0.0], [1e17, 0.0]], points()];
        let l = labels(&[3, 3, 3, 0, 0, 1, 1, 2, 2]);
        // The far cluster's rows are equal: it adds a ratio of about 0.
        let index = davies_bouldin(&x, &l).unwrap();
        assert!((index / (GOLDEN[1] * 3.0 / 4.0) - 1.0).abs() < 1e-12, "{index}");
    }

    #[test]
    fn one_cluster_a_cluster_per_row_and_all_noise_are_undefined() {
        for raw in [[0, 0, 0], [0, 1, 2], [-1, -1, -1], [0, 0, -1], [0, 1, -1]] {
            for value in both(&array![[0.0], [1.0], [5.0]], &labels(&raw)) {
                assert!(matches!(value, Err(Error::UndefinedMetric { .. })), "{raw:?} {value:?}");
            }
        }
    }

    #[test]
    fn two_centroids_at_one_place_are_undefined_and_not_perfect() {
        let l = labels(&[0, 0, 1, 1]);
        for x in [
            array![[7.5], [7.5], [7.5], [7.5]],
            array![[-1.0], [1.0], [-2.0], [2.0]],
            // Means that differ by rounding alone.
            array![[0.1], [0.3], [0.2], [0.2]],
        ] {
            let error = davies_bouldin(&x, &l).unwrap_err();
            assert!(error.to_string().contains("at one place"), "{error}");
        }
    }

    #[test]
    fn rows_that_equal_their_centroids_are_perfect_for_one_index_and_undefined_for_the_other() {
        let x = array![[0.1, 0.7], [0.1, 0.7], [0.1, 0.7], [5.0, 1.0]];
        let l = labels(&[0, 0, 0, 1]);
        assert_eq!(davies_bouldin(&x, &l), Ok(0.0));
        assert!(matches!(calinski_harabasz(&x, &l), Err(Error::UndefinedMetric { .. })));
    }

    #[test]
    fn noise_is_left_out_even_if_it_is_huge_and_the_rest_tiny() {
        let x = concatenate![Axis(0), points() * 1e-250, array![[1e145, -1e145], [5.0, 5.0]]];
        for (value, golden) in
            both(&x, &labels(&[0, 0, 1, 1, 2, 2, -1, -1])).into_iter().zip(GOLDEN)
        {
            assert!((value.unwrap() / golden - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_smallest_and_greatest_magnitudes_score_like_others() {
        let l = labels(&[0, 0, 1, 1, 2, 2]);
        // The last, 2^-1073, makes every 1 the second smallest number there is.
        for factor in [2f64.powi(470), 2f64.powi(-900), 2f64.powi(-1000) * 2f64.powi(-73)] {
            assert_eq!(both(&(points() * factor), &l), both(&points(), &l), "{factor:e}");
        }
    }

    #[test]
    fn another_length_and_a_nan_are_refused() {
        for value in both(&points(), &labels(&[0, 1])) {
            assert!(matches!(value, Err(Error::DimensionMismatch { expected: 6, got: 2, .. })));
        }
        for value in both(&array![[0.0], [f64::NAN], [1.0]], &labels(&[0, 0, 1])) {
            assert!(matches!(value, Err(Error::NonFinite { row: 1, .. })));
        }
    }

    /// Straight from the definitions; NaN or infinite where undefined.
    fn naive(x: &Array2<f64>, l: &Labels) -> [f64; 2] {
        let mean = |rows: &[usize]| x.select(Axis(0), rows).mean_axis(Axis(0)).unwrap();
        let distance = |a: &ndarray::Array1<f64>, b: &ndarray::Array1<f64>| {
            (a - b).iter().map(|v| v * v).sum::<f64>().sqrt()
        };
        let k = l.n_clusters();
        let members: Vec<Vec<usize>> = (0..k).map(|c| l.rows_of(c)).collect();
        let centroids: Vec<_> = members.iter().map(|rows| mean(rows)).collect();
        let all = mean(&members.concat());
        let (mut between, mut within, mut radii) = (0.0, 0.0, vec![0.0; k]);
        for c in 0..k {
            between += members[c].len() as f64 * distance(&centroids[c], &all).powi(2);
            for &row in &members[c] {
                let d = distance(&x.row(row).to_owned(), &centroids[c]);
                within += d * d;
                radii[c] += d / members[c].len() as f64;
            }
        }
        let n = members.concat().len();
        let worst = |i: usize| {
            let others = (0..k).filter(|&j| j != i);
            let ratio = |j| (radii[i] + radii[j]) / distance(&centroids[i], &centroids[j]);
            others.map(ratio).fold(0.0_f64, |most, r| if r > most || r.is_nan() { r } else { most })
        };
        let calinski = (between / (k as f64 - 1.0)) / (within / (n as f64 - k as f64));
        [calinski, (0..k).map(worst).sum::<f64>() / k as f64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn they_equal_the_definitions_and_only_the_grouping_counts(
            rows in prop::collection::vec((-1..4i32, 0..9i32, 0..9i32), 5..30),
            turn in 1..29usize,
        ) {
            let raw: Vec<i32> = rows.iter().map(|r| r.0).collect();
            let l = labels(&raw);
            let x = Array2::from_shape_fn((rows.len(), 2), |(i, j)| {
                f64::from(if j == 0 { rows[i].1 } else { rows[i].2 })
            });
            let values = both(&x, &l);
            let renamed = labels(&raw.iter().map(|&c| if c < 0 { c } else { 7 - c }).collect::<Vec<_>>());
            prop_assert_eq!(&both(&x, &renamed), &values);
            prop_assert_eq!(&both(&(&x * 0.125), &l), &values);
            prop_assert_eq!(&both(&(&x - 1e12), &l), &values);
            let order: Vec<usize> = (0..rows.len()).map(|i| (i + turn) % rows.len()).rev().collect();
            let turned = labels(&order.iter().map(|&i| raw[i]).collect::<Vec<_>>());
            let turned = both(&x.select(Axis(0), &order), &turned);
            if grouped::undefined(&l).is_some() {
                prop_assert!(values.iter().chain(&turned).all(|v| v.is_err()));
                return Ok(());
            }
            for ((value, turned), naive) in values.iter().zip(&turned).zip(naive(&x, &l)) {
                let Ok(value) = value else {
                    // Nothing scatters, or centroids at one place, perhaps but for rounding.
                    prop_assert!(turned.is_err() && (naive.is_nan() || naive > 1e12));
                    continue;
                };
                let turned = turned.as_ref().unwrap();
                prop_assert!(*value >= 0.0 && value.is_finite());
                prop_assert!((value - turned).abs() <= 1e-12 * value.max(1.0));
                prop_assert!((value - naive).abs() <= 1e-12 * value.max(1.0), "{} {}", value, naive);
            }
        }
    }
}
