//! How many groups, and whether there are any.
//!
//! k-means splits whatever it is given, so for every k three questions are asked, and only a k
//! that passes all three counts as groups:
//!
//! 1. *Do the clusters come back?* [`stability`] of the least stable cluster, at least 0.75.
//! 2. *Are they tighter than noise would be?* The silhouette exceeds those of clouds without groups
//!    by more than three deviations, for Gaussian clouds and for boxes (`reference.rs`).
//! 3. *Is there less between them than in them?* A valley between every two clusters (`valley.rs`).
//!
//! Each alone is fooled: a square cut in four comes back every time (1), a long tail is tighter
//! than any Gaussian (2), a 0/1 column has valleys (3). Of the k that pass, the largest is chosen: the
//! silhouette alone prefers to merge neighbours when another group lies far off. If none passes, it
//! is the one that comes back best.
//!
//! Calinski–Harabasz, Davies–Bouldin and the bend of the inertia curve (`elbow.rs`) are given beside
//! it, for comparison: each has a best k on noise, too.
//!
//! Source: Hennig 2007 (1); Tibshirani, Walther, Hastie 2001 (2); Dolnicar, Grün, Leisch 2018 for
//! the three kinds of [`Structure`]. The combination is ours.
//! Cost: at most 2,000 rows are judged, drawn at random if there are more, so that it is bounded:
//! for every k some 80 runs of k-means, and 21 silhouettes of O(n² · d) for all k at once.

use std::ops::RangeInclusive;

use ndarray::ArrayView2;

use super::choice::{Candidate, DEVIATIONS, KChoice};
use super::elbow::kneedle;
use super::internal;
use super::reference::Reference;
use super::scatter::Scatter;
use super::stability::stability;
use super::trials::{self, Purpose, stream};
use super::valley;
use crate::cluster::KMeansFit;
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::scale::Scale;
use crate::num::stats;
use crate::{Error, Labels, Result};

/// Reference clouds of each kind.
const CLOUDS: usize = 10;
/// Bootstrap resamples per k.
const RESAMPLES: usize = 20;

/// Tries every number of clusters in `range` and says which the data support, if any.
///
/// `x` is `(n_samples, n_features)`, scaled as for k-means, which makes the clusters. The answer is
/// about groups that k-means can find: round or oval ones of similar spread. Rings and winding
/// bands, or groups inside one another, are not seen as such, however real they are; and a hollow
/// shape, such as the surface of a ball, can pass for several groups.
///
/// Not evidence of groups: a long or correlated cloud, a heavy tail, and columns of few values (at
/// most 12) by themselves, such as a category encoded in several columns; together with other
/// columns they are. (In trials, none of some two thousand smooth clouds passed for groups, and one
/// in a hundred of those cut up by two strong independent categories.) Far outliers claim clusters
/// of their own and hide the groups, so put them aside first. Few rows prove little: groups far
/// apart need about six rows each, two Gaussian ones four deviations apart some 300 in all. Such
/// close ones of very unequal size are missed.
///
/// ```
/// use personas::{ndarray::Array2, validate};
///
/// // Two groups on a grid, far apart.
/// let x = Array2::from_shape_fn((80, 2), |(row, column)| {
///     (row / 40 * 30) as f64 + if column == 0 { row % 8 } else { row % 5 } as f64
/// });
/// let choice = validate::choose_k(&x, 2..=4, 7)?;
/// assert!(choice.supported());
/// assert_eq!(choice.k(), 2);
/// assert!(choice.reason().starts_with("The data hold 2 groups."));
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] if `range` is empty or starts below 2; [`Error::TooFewSamples`] if it
/// does not end below the number of rows; and as every method for a matrix that is empty or not
/// finite. Data without groups are a result, not an error.
pub fn choose_k<'a>(
    x: impl Into<ArrayView2<'a, f64>>,
    range: RangeInclusive<usize>,
    seed: u64,
) -> Result<KChoice> {
    let rows = check::rows(x.into())?;
    trials::check_range(&range, 2)?;
    let last = *range.end();
    if last >= rows.n_rows() {
        let needed = last.saturating_add(1);
        return Err(Error::TooFewSamples { what: "choose_k", needed, got: rows.n_rows() });
    }
    judge(&trials::judged(rows, last, seed), range, seed)
}

fn judge(rows: &Rows<'_>, range: RangeInclusive<usize>, seed: u64) -> Result<KChoice> {
    let first = *range.start();
    let x = rows.view();
    let fits: Vec<Option<KMeansFit>> =
        range.map(|k| trials::fit(x, k, seed)).collect::<Result<_>>()?;
    let fits: Vec<KMeansFit> = fits.into_iter().flatten().collect();
    // k-means lifts tiny data by itself; the other measures get them lifted.
    let factor = Scale::of(rows, None).factor();
    let lifted = rows.clone().times(factor);
    let all: Vec<usize> = (0..rows.n_rows()).collect();
    let labels: Vec<&Labels> = fits.iter().map(KMeansFit::labels).collect();
    let silhouettes = internal::means(&lifted, &labels, &all);
    let ks: Vec<usize> = labels.iter().map(|labels| labels.n_clusters()).collect();
    let nulls = null_silhouettes(&lifted, &ks, seed)?;
    let mut candidates = Vec::with_capacity(fits.len());
    // One cluster leaves all of the scatter; known, so a range from 2 can bend at 2.
    let mut curve: Vec<(f64, f64)> = (first == 2).then_some((1.0, 1.0)).into_iter().collect();
    for (at, fit) in fits.iter().enumerate() {
        let k = ks[at];
        let again =
            |sample: ArrayView2<'_, f64>| Ok(trials::fit_at_most(sample, k, seed)?.into_labels());
        let evidence = stability(x, fit.labels(), RESAMPLES, seed, again)?;
        let jaccards = evidence.per_cluster().iter().map(|cluster| cluster.mean_jaccard);
        let centroids: Vec<f64> = fit.centroids().iter().map(|v| v * factor).collect();
        let scatter = Scatter::new(rows, fit.labels());
        curve.push((k as f64, scatter.left()));
        candidates.push(Candidate {
            k,
            inertia: fit.inertia(),
            // Defined, as 2 ≤ k < n.
            silhouette: silhouettes[at].unwrap_or(0.0),
            calinski_harabasz: scatter.calinski_harabasz().ok(),
            davies_bouldin: scatter.davies_bouldin().ok(),
            null_silhouette: nulls[at].0,
            null_spread: nulls[at].1,
            stability: jaccards.fold(1.0, f64::min),
            valley: valley::shallowest(&lifted, fit.labels(), &centroids),
        });
    }
    let elbow = kneedle(&curve).map(|at| curve[at].0 as usize);
    Ok(KChoice::among(candidates, elbow, first, rows.n_rows()))
}

/// Mean and deviation of the silhouettes of clouds without groups, per k; of the two kinds of
/// cloud the one that is harder to beat.
fn null_silhouettes(rows: &Rows<'_>, ks: &[usize], seed: u64) -> Result<Vec<(f64, f64)>> {
    let reference = Reference::new(rows);
    let all: Vec<usize> = (0..rows.n_rows()).collect();
    let drawn = parallel::map(2 * CLOUDS, usize::MAX, |index| {
        let cloud = if index < CLOUDS {
            reference.gaussian(&mut stream(seed, Purpose::Gaussian, index))
        } else {
            reference.uniform(&mut stream(seed, Purpose::Uniform, index))
        };
        let cloud = check::rows(trials::view(&cloud, rows.n_columns()))?;
        let fits: Vec<KMeansFit> = ks
            .iter()
            .map(|&k| trials::fit_at_most(cloud.view(), k, seed))
            .collect::<Result<_>>()?;
        let labels: Vec<&Labels> = fits.iter().map(KMeansFit::labels).collect();
        Ok(internal::means(&cloud, &labels, &all))
    });
    let drawn: Vec<Vec<Option<f64>>> = drawn.into_iter().collect::<Result<_>>()?;
    let of_kind = |kind: &[Vec<Option<f64>>], at: usize| {
        let values: Vec<f64> = kind.iter().filter_map(|of_cloud| of_cloud[at]).collect();
        if values.len() < 2 {
            return (0.0, 0.0);
        }
        let (mean, deviation) = stats::mean_and_deviation(&values);
        let n = values.len() as f64;
        (mean, deviation * (n / (n - 1.0)).sqrt())
    };
    let bar = |(mean, spread): (f64, f64)| mean + DEVIATIONS * spread;
    let (gaussian, uniform) = drawn.split_at(CLOUDS);
    Ok((0..ks.len())
        .map(|at| {
            let (g, u) = (of_kind(gaussian, at), of_kind(uniform, at));
            if bar(g) >= bar(u) { g } else { u }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::trials::MAX_ROWS;
    use ndarray::{Array2, array};

    /// Three groups of 15 on a grid; whole numbers, so that an offset rounds nothing.
    fn three_groups() -> Array2<f64> {
        Array2::from_shape_fn((45, 2), |(row, column)| match column {
            0 => (row / 15 * 40 + row % 5) as f64,
            _ => (row % 15 / 5 * 2) as f64,
        })
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused() {
        let x = three_groups();
        for (first, last) in [(0, 3), (1, 3), (4, 3)] {
            let error = choose_k(&x, first..=last, 0).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "range", .. }), "{error}");
        }
        for last in [45, usize::MAX] {
            assert!(matches!(choose_k(&x, 2..=last, 0), Err(Error::TooFewSamples { .. })));
        }
        let nan = array![[0.0], [f64::NAN], [1.0]];
        assert!(matches!(choose_k(&nan, 2..=2, 0), Err(Error::NonFinite { row: 1, .. })));
    }

    #[test]
    fn rows_that_are_all_alike_are_no_groups_and_no_error() {
        let choice = choose_k(&Array2::from_elem((20, 3), 7.5), 3..=5, 0).unwrap();
        assert_eq!((choice.k(), choice.supported(), choice.candidates().len()), (3, false, 0));
    }

    #[test]
    fn k_beyond_the_distinct_rows_is_left_out() {
        // Three distinct rows, 20 times each: few values, which are no evidence by themselves.
        let x = Array2::from_shape_fn((60, 1), |(row, _)| (row % 3 * 10) as f64);
        let choice = choose_k(&x, 2..=6, 0).unwrap();
        let ks: Vec<usize> = choice.candidates().iter().map(|c| c.k).collect();
        assert_eq!((ks, choice.supported()), (vec![2, 3], false));
        let three = choice.candidates()[1];
        assert_eq!((three.silhouette, three.davies_bouldin), (1.0, Some(0.0)));
        assert_eq!(three.calinski_harabasz, None);
    }

    #[test]
    fn a_handful_of_rows_is_judged_without_error() {
        for n in 3..8 {
            let x = Array2::from_shape_fn((n, 1), |(row, _)| (row * row) as f64);
            assert!(!choose_k(&x, 2..=n - 1, 0).unwrap().supported(), "{n}");
        }
    }

    #[test]
    fn offset_and_scale_do_not_change_the_choice() {
        let x = three_groups();
        let choice = choose_k(&x, 2..=4, 3).unwrap();
        assert_eq!((choice.k(), choice.supported()), (3, true), "{}", choice.reason());
        for other in [&x + 1e12, &x * 1e-250, &x * 1e140] {
            let other = choose_k(&other, 2..=4, 3).unwrap();
            assert_eq!((other.k(), other.supported()), (3, true), "{}", other.reason());
            for (a, b) in choice.candidates().iter().zip(other.candidates()) {
                assert!((a.silhouette - b.silhouette).abs() < 1e-9, "{a:?} {b:?}");
                for (a, b) in [
                    (a.calinski_harabasz, b.calinski_harabasz),
                    (a.davies_bouldin, b.davies_bouldin),
                ] {
                    let (a, b) = (a.unwrap(), b.unwrap());
                    assert!((a / b - 1.0).abs() < 1e-9, "{a:?} {b:?}");
                }
            }
            assert_eq!(other.elbow(), choice.elbow());
        }
    }

    #[test]
    fn the_cheap_columns_are_those_of_the_public_functions() {
        let x = three_groups();
        let choice = choose_k(&x, 2..=5, 3).unwrap();
        for candidate in choice.candidates() {
            let fit = trials::fit(x.view(), candidate.k, 3).unwrap().unwrap();
            let index = crate::validate::calinski_harabasz(&x, fit.labels()).ok();
            assert_eq!(candidate.calinski_harabasz, index);
            let index = crate::validate::davies_bouldin(&x, fit.labels()).ok();
            assert_eq!(candidate.davies_bouldin, index);
        }
    }

    #[test]
    fn two_groups_bend_the_curve_at_two_the_first_of_the_range() {
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row / 20 * 100 + row % 20) as f64);
        assert_eq!(choose_k(&x, 2..=5, 0).unwrap().elbow(), Some(2));
        // From 3 on nothing is known of the curve before.
        assert_eq!(choose_k(&x, 3..=5, 0).unwrap().elbow(), None);
    }

    #[test]
    fn equal_seeds_give_equal_choices_on_any_number_of_threads() {
        let x = three_groups();
        let alone = parallel::with_threads(1, || choose_k(&x, 2..=4, 3));
        assert_eq!(parallel::with_threads(3, || choose_k(&x, 2..=4, 3)), alone);
    }

    #[test]
    fn more_rows_than_are_judged_are_sampled() {
        let x = Array2::from_shape_fn((MAX_ROWS + 500, 1), |(row, _)| {
            // Two groups, each spread evenly over [0, 1): steps of the golden section.
            (row % 2 * 5) as f64 + (row as f64 * 0.618_033_988_749_894_9).fract()
        });
        let choice = choose_k(&x, 2..=2, 0).unwrap();
        assert_eq!((choice.n_rows(), choice.k(), choice.supported()), (MAX_ROWS, 2, true));
    }
}
