//! How many groups, and whether there are any.
//!
//! k-means splits whatever it is given, so for every k three questions are asked, and only a k
//! that passes all three counts as groups:
//!
//! 1. *Do the clusters come back?* [`stability`] of the least stable cluster, at least 0.75.
//! 2. *Are they tighter than noise would be?* The silhouette exceeds those of clouds without groups
//!    by more than three deviations, for Gaussian clouds and for boxes (`reference.rs`).
//! 3. *Is there less between them than in them?* A gap between every two clusters (`gap.rs`).
//!
//! Each alone is fooled: a square cut in four comes back every time (1), a long tail is tighter
//! than any Gaussian (2), a 0/1 column has gaps (3). Of the k that pass, the largest is chosen: the
//! silhouette alone prefers to merge neighbours when another group lies far off. If none passes, it
//! is the one that comes back best.
//!
//! Source: Hennig 2007 (1); Tibshirani, Walther, Hastie 2001 (2); Dolnicar, Grün, Leisch 2018 for
//! the three kinds of [`Structure`]. The combination is ours.
//! Cost: at most 2,000 rows are judged, drawn at random if there are more, so that it is bounded:
//! for every k some 80 runs of k-means, and 21 silhouettes of O(n² · d) for all k at once.

use std::ops::RangeInclusive;

use ndarray::ArrayView2;

use super::choice::{Candidate, DEVIATIONS, KChoice};
use super::gap;
use super::internal;
use super::reference::Reference;
use super::stability::stability;
use crate::cluster::{KMeans, KMeansFit};
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::rng::Stream;
use crate::num::scale::Scale;
use crate::num::stats;
use crate::{Error, Labels, Result};

/// Rows judged at most. A group of 1 % still has 20 of them.
const MAX_ROWS: usize = 2000;
/// Reference clouds of each kind.
const CLOUDS: usize = 10;
/// Bootstrap resamples per k.
const RESAMPLES: usize = 20;
/// Runs of k-means per fit, the same for data, clouds and resamples so that they compare.
const RUNS: usize = 2;

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
    let (first, last) = (*range.start(), *range.end());
    if range.is_empty() || first < 2 {
        let got = format!("{first}..={last}");
        return Err(Error::parameter("range", "not empty and from 2 clusters on", got));
    }
    if last >= rows.n_rows() {
        let needed = last.saturating_add(1);
        return Err(Error::TooFewSamples { what: "choose_k", needed, got: rows.n_rows() });
    }
    // Many clusters need more rows to be seen at all.
    let n = MAX_ROWS.max(last.saturating_mul(10)).min(rows.n_rows());
    if n == rows.n_rows() {
        return judge(&rows, range, seed);
    }
    let mut drawn = stream(seed, Purpose::Rows, 0).sample(rows.n_rows(), n);
    drawn.sort_unstable();
    let data: Vec<f64> = drawn.iter().flat_map(|&row| rows.row(row)).copied().collect();
    judge(&check::rows(view(&data, rows.n_columns()))?, range, seed)
}

/// What random numbers are for: streams of different purposes never meet.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Rows = 1,
    Gaussian = 2,
    Uniform = 3,
}

fn stream(seed: u64, purpose: Purpose, index: usize) -> Stream {
    Stream::new(seed, ((purpose as u64) << 32) | index as u64)
}

fn view(data: &[f64], n_columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((data.len() / n_columns, n_columns), data)
        .expect("whole rows, one after the other")
}

fn judge(rows: &Rows<'_>, range: RangeInclusive<usize>, seed: u64) -> Result<KChoice> {
    let first = *range.start();
    let x = view(rows.data(), rows.n_columns());
    let fits = fit_all(x, range, seed)?;
    // k-means lifts tiny data by itself; the other measures get them lifted.
    let factor = Scale::of(rows, None).factor();
    let lifted = rows.clone().times(factor);
    let all: Vec<usize> = (0..rows.n_rows()).collect();
    let labels: Vec<&Labels> = fits.iter().map(KMeansFit::labels).collect();
    let silhouettes = internal::means(&lifted, &labels, &all);
    let ks: Vec<usize> = labels.iter().map(|labels| labels.n_clusters()).collect();
    let nulls = null_silhouettes(&lifted, &ks, seed)?;
    let mut candidates = Vec::with_capacity(fits.len());
    for (at, fit) in fits.iter().enumerate() {
        let k = ks[at];
        let again = |sample: ArrayView2<'_, f64>| Ok(fit_at_most(sample, k, seed)?.into_labels());
        let evidence = stability(x, fit.labels(), RESAMPLES, seed, again)?;
        let jaccards = evidence.per_cluster().iter().map(|cluster| cluster.mean_jaccard);
        let centroids: Vec<f64> = fit.centroids().iter().map(|v| v * factor).collect();
        candidates.push(Candidate {
            k,
            inertia: fit.inertia(),
            // Defined, as 2 ≤ k < n.
            silhouette: silhouettes[at].unwrap_or(0.0),
            null_silhouette: nulls[at].0,
            null_spread: nulls[at].1,
            stability: jaccards.fold(1.0, f64::min),
            gap: gap::shallowest(&lifted, fit.labels(), &centroids),
        });
    }
    Ok(KChoice::among(candidates, first, rows.n_rows()))
}

/// k-means for every k of the range that the distinct rows allow.
fn fit_all(
    x: ArrayView2<'_, f64>,
    ks: impl IntoIterator<Item = usize>,
    seed: u64,
) -> Result<Vec<KMeansFit>> {
    let mut fits = Vec::new();
    for k in ks {
        match KMeans::new(k).n_init(RUNS).seed(seed).fit(x) {
            Ok(fit) => fits.push(fit),
            Err(Error::TooFewSamples { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(fits)
}

/// k-means with k, or with as many clusters as there are distinct rows.
fn fit_at_most(x: ArrayView2<'_, f64>, k: usize, seed: u64) -> Result<KMeansFit> {
    match KMeans::new(k.min(x.nrows())).n_init(RUNS).seed(seed).fit(x) {
        Err(Error::TooFewSamples { got, .. }) if got > 0 && got < k => {
            KMeans::new(got).n_init(RUNS).seed(seed).fit(x)
        }
        other => other,
    }
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
        let cloud = check::rows(view(&cloud, rows.n_columns()))?;
        let x = view(cloud.data(), rows.n_columns());
        let fits: Vec<KMeansFit> =
            ks.iter().map(|&k| fit_at_most(x, k, seed)).collect::<Result<_>>()?;
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
        assert_eq!(choice.candidates()[1].silhouette, 1.0);
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
            }
        }
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
