//! Do the clusters of one half of the rows predict those of the other half?
//!
//! The rows are split in two at random and both halves clustered. The rows of one half are placed
//! by the nearest centroid of the other, and for each of their own clusters the share of its pairs
//! of rows is taken that were placed together. The least share over the clusters, both ways and
//! over many splits, is averaged. The answer is the largest k with more than 0.8.
//!
//! Source: Tibshirani, Walther 2005, in the form of `prediction.strength` in R's fpc. A cluster of one
//! row has no pairs and counts as 1, as there. At most 2,000 rows are judged (ten per
//! cluster above 200).
//! Cost: two fits of k-means on half of the rows per k and split, in parallel.

use std::ops::RangeInclusive;

use super::external::Contingency;
use super::proposed_k::ProposedK;
use super::trials::{self, Purpose, stream};
use crate::Result;
use crate::cluster::KMeansFit;
use crate::num::check::{self, Rows};
use crate::num::samples::Samples;
use crate::num::{parallel, stats};

/// Clusters are predicted if the strength exceeds this; the authors say 0.8 to 0.9.
const PREDICTED_ABOVE: f64 = 0.8;

/// How well k-means on one half of `x`, `(n_samples, n_features)`, predicts its clusters on the other
/// half, for every k of `range`, which should start at 1.
///
/// The strength of k, in [0, 1], is the share of row pairs placed together again, in the cluster where this
/// share is least; the mean over splits and both directions. It is 1 for one cluster. The proposed k is the
/// largest one whose strength exceeds 0.8. The error is the standard error over the splits, as if they were
/// independent. A k for which some half has too few distinct rows is left out.
///
/// 50 splits are usual. Groups that are far apart are found in any arrangement. Like
/// [`stability`](crate::validate::stability), this measures whether clusters come back, not whether they are
/// natural: in trials it found groups in 92 of 300 data sets without groups, mostly long ones, single columns
/// and heavy tails. Keep k far below half the number of rows, because clusters of one row count as predicted.
///
/// ```
/// use personas::{ndarray::Array2, validate};
///
/// let x = Array2::from_shape_fn((80, 2), |(row, column)| {
///     (row / 40 * 30) as f64 + if column == 0 { row % 8 } else { row % 5 } as f64
/// });
/// let found = validate::prediction_strength(&x, 1..=4, 20, 7)?;
/// assert_eq!((found.k, found.per_k[1]), (Some(2), (2, 1.0, 0.0)));
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if `range` is empty, starts at 0 or ends above 1,000, or for no splits;
/// [`Error::TooFewSamples`](crate::Error::TooFewSamples) for fewer than two rows per cluster of the largest k; and as every method
/// for a matrix that is empty or not finite.
pub fn prediction_strength<'a>(
    x: impl Into<Samples<'a>>,
    range: RangeInclusive<usize>,
    n_splits: usize,
    seed: u64,
) -> Result<ProposedK> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    let needed = range.end().saturating_mul(2);
    trials::check_range(&range, 1, rows.n_rows(), ("prediction_strength", needed))?;
    trials::check_count("n_splits", n_splits, 1)?;
    let rows = trials::judged(&rows, *range.end(), seed, 0);
    let splits = parallel::map(n_splits, usize::MAX, |index| {
        let mut order: Vec<usize> = (0..rows.n_rows()).collect();
        stream(seed, Purpose::Halves, index).shuffle(&mut order);
        let (one, other) = order.split_at_mut(rows.n_rows() / 2);
        one.sort_unstable();
        other.sort_unstable();
        let halves = [rows.select(one), rows.select(other)];
        range.clone().map(|k| both_ways(&halves, k, seed)).collect::<Result<Vec<Option<f64>>>>()
    });
    let splits: Vec<Vec<Option<f64>>> = splits.into_iter().collect::<Result<_>>()?;
    let strength = |(at, k): (usize, usize)| {
        let each: Vec<f64> = splits.iter().map(|split| split[at]).collect::<Option<_>>()?;
        let (mean, std) = stats::mean_and_std(&each);
        Some((k, mean, std / (each.len() as f64).sqrt()))
    };
    let per_k: Vec<(usize, f64, f64)> = range.enumerate().filter_map(strength).collect();
    let predicted = per_k.iter().rev().find(|(_, strength, _)| *strength > PREDICTED_ABOVE);
    Ok(ProposedK { k: predicted.map(|(k, ..)| *k), per_k, n_rows: rows.n_rows() })
}

/// Mean strength of each half predicting the other; `None` if one has too few distinct rows.
fn both_ways(halves: &[Rows<'_>; 2], k: usize, seed: u64) -> Result<Option<f64>> {
    if k == 1 {
        return Ok(Some(1.0));
    }
    let [one, other] = halves;
    let of_one = trials::fit(one.view(), k, trials::RUNS, seed)?;
    let of_other = trials::fit(other.view(), k, trials::RUNS, seed)?;
    let (Some(of_one), Some(of_other)) = (of_one, of_other) else { return Ok(None) };
    let there = predicted(&of_one, other, &of_other)?;
    let back = predicted(&of_other, one, &of_one)?;
    Ok(Some(0.5 * (there + back)))
}

/// How well `by` places the rows that were fitted by `own` together.
fn predicted(by: &KMeansFit, rows: &Rows<'_>, own: &KMeansFit) -> Result<f64> {
    let placed = by.predict(rows.view())?;
    let pairs = own.labels.iter().zip(placed.iter());
    Ok(Contingency::new(pairs).least_together())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use ndarray::{Array2, array};

    /// Groups of 20 on a line, 100 apart.
    fn groups(n: usize) -> Array2<f64> {
        Array2::from_shape_fn((20 * n, 1), |(row, _)| (row / 20 * 100 + row % 20) as f64)
    }

    #[test]
    fn groups_predict_each_other_and_more_clusters_do_not() {
        let found = prediction_strength(&groups(3), 1..=6, 20, 1).unwrap();
        let strengths: Vec<f64> = found.per_k.iter().map(|at| at.1).collect();
        assert_eq!((strengths[0], strengths[2]), (1.0, 1.0));
        assert!(strengths[3..].iter().all(|&strength| strength < 0.8), "{strengths:?}");
        assert_eq!((found.k, found.n_rows), (Some(3), 60));
    }

    #[test]
    fn a_range_without_the_answer_has_none() {
        assert_eq!(prediction_strength(&groups(3), 5..=6, 10, 1).unwrap().k, None);
    }

    #[test]
    fn by_hand() {
        // The halves of four rows are pairs; two clusters of one row each count as predicted.
        let x = array![[0.0], [1.0], [10.0], [11.0]];
        let found = prediction_strength(&x, 1..=2, 5, 0).unwrap();
        assert!(found.per_k.iter().all(|at| at.1 == 1.0));
        // Of the own pairs of {0, 1, 2} one of three is placed together by a cut between 1 and 2.
        let by = crate::KMeans::new(2).fit(&array![[0.0], [1.0], [2.0], [3.0]]).unwrap();
        let x = array![[0.0], [1.0], [2.0], [30.0]];
        let own = crate::KMeans::new(2).fit(&x).unwrap();
        let rows = check::rows(x.view()).unwrap();
        assert_eq!(predicted(&by, &rows, &own), Ok(1.0 / 3.0));
    }

    #[test]
    fn k_beyond_the_distinct_rows_of_a_half_is_left_out() {
        let x = Array2::from_shape_fn((60, 1), |(row, _)| (row % 3 * 10) as f64);
        let found = prediction_strength(&x, 1..=6, 10, 0).unwrap();
        assert_eq!(found.per_k.iter().map(|at| at.0).collect::<Vec<_>>(), [1, 2, 3]);
        let alike = prediction_strength(&Array2::<f64>::zeros((9, 2)), 1..=3, 5, 0).unwrap();
        assert_eq!((alike.per_k.len(), alike.k), (1, Some(1)));
    }

    #[test]
    fn offset_and_scale_do_not_change_the_strength() {
        let x = Array2::from_shape_fn((40, 2), |(row, column)| (row * (column + 3) % 17) as f64);
        let found = prediction_strength(&x, 1..=4, 10, 3).unwrap();
        for other in [&x + 1e12, &x * 2f64.powi(-800), &x * 2f64.powi(400)] {
            assert_eq!(prediction_strength(&other, 1..=4, 10, 3).unwrap(), found);
        }
    }

    #[test]
    fn equal_seeds_give_equal_strengths_on_any_number_of_threads_and_survive_json() {
        let x = Array2::from_shape_fn((40, 2), |(row, column)| (row * (column + 3) % 17) as f64);
        let alone = parallel::with_threads(1, || prediction_strength(&x, 1..=3, 5, 3)).unwrap();
        assert_eq!(
            parallel::with_threads(3, || prediction_strength(&x, 1..=3, 5, 3)).unwrap(),
            alone
        );
        let json = serde_json::to_string(&alone).unwrap();
        assert_eq!(serde_json::from_str::<ProposedK>(&json).unwrap(), alone);
    }

    #[test]
    fn bad_calls_are_refused() {
        let x = array![[0.0], [1.0], [5.0], [6.0], [7.0]];
        for (first, last) in [(0, 2), (2, 1)] {
            let error = prediction_strength(&x, first..=last, 5, 0).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "range", .. }), "{error}");
        }
        let error = prediction_strength(&x, 1..=2, 0, 0).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { name: "n_splits", .. }), "{error}");
        for last in [3, usize::MAX] {
            let error = prediction_strength(&x, 1..=last, 5, 0).unwrap_err();
            assert!(matches!(error, Error::TooFewSamples { got: 5, .. }), "{error}");
        }
        let nan = array![[0.0], [f64::NAN], [1.0]];
        let error = prediction_strength(&nan, 1..=1, 5, 0).unwrap_err();
        assert!(matches!(error, Error::NonFinite { row: 1, .. }), "{error}");
    }
}
