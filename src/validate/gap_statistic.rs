//! The gap statistic: do k clusters save more inertia than they would in a box without groups?
//!
//! Gap(k) = mean of ln W* over the reference sets − ln W, where W is the inertia of k clusters and
//! the reference sets are uniform on the box along the data's principal axes. The answer is the
//! least k with Gap(k) ≥ Gap(k + 1) − s(k + 1), s being the standard deviation of ln W* times √(1 + 1/B)
//! for B sets. One cluster is an answer, too: there are no groups.
//!
//! Source: Tibshirani, Walther, Hastie 2001, reference (b). Where we differ: columns of few values
//! keep them (`reference.rs`), and at most 2,000 rows are judged (ten per
//! cluster above 200).
//! Cost: two runs of k-means per k for the data and for every reference set, in parallel.

use std::ops::RangeInclusive;

use super::proposed_k::ProposedK;
use super::reference::Reference;
use super::trials::{self, Purpose, stream};
use crate::Result;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::num::{check, parallel, portable, stats};

/// The least k whose gap is not clearly below that of k + 1.
fn proposed(per_k: Vec<(usize, f64, f64)>, n_rows: usize) -> ProposedK {
    let pairs = per_k.windows(2).filter(|pair| pair[1].0 == pair[0].0 + 1);
    let mut enough = pairs.filter(|pair| pair[0].1 >= pair[1].1 - pair[1].2);
    let k = enough.next().map(|pair| pair[0].0);
    ProposedK { k, per_k, n_rows }
}

/// The gap statistic: compares k-means' inertia on `x`, `(n_samples, n_features)`, with that on
/// `n_references` boxes without groups, for every k of `range`, which should start at 1.
///
/// The gap of k is the mean logarithm of the inertia in the boxes minus the logarithm of the inertia of the
/// data. Its error is the standard deviation over the B boxes times √(1 + 1/B). The proposed k is the least
/// one whose gap is at least the gap of k + 1 minus its error; the last k has no successor and is never
/// proposed. A k for which the data or a box have no inertia left (as many clusters as distinct rows) is left
/// out.
///
/// 10 boxes give a rough value, 50 or more a precise one. The gap has nothing to do with the
/// [`valley`](crate::validate::Candidate::valley) between two clusters.
///
/// The rule is cautious: in trials it found groups in 4 of 300 data sets without groups (round, long, boxes,
/// heavy tails), and somewhat more often in hollow shapes. It finds two groups, and three at the corners of a
/// triangle. For most chains of three or more groups it returns 1, because two clusters then save less than
/// in a box and the rule stops there, even if the gap at the true k is large. So look at [`ProposedK::per_k`]
/// as well.
///
/// ```
/// use personas::{ndarray::Array2, validate};
///
/// let x = Array2::from_shape_fn((80, 2), |(row, column)| {
///     (row / 40 * 30) as f64 + if column == 0 { row % 8 } else { row % 5 } as f64
/// });
/// assert_eq!(validate::gap(&x, 1..=4, 10, 7)?.k, Some(2));
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if `range` is empty, starts at 0 or ends above 1,000, or for fewer than 2 reference
/// sets (one has no standard deviation); [`Error::TooFewSamples`](crate::Error::TooFewSamples) if the range does not end below the number
/// of rows; and as every method for a matrix that is empty or not finite.
pub fn gap<'a>(
    x: impl Into<Samples<'a>>,
    range: RangeInclusive<usize>,
    n_references: usize,
    seed: u64,
) -> Result<ProposedK> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    let last = *range.end();
    let needed = last.saturating_add(1);
    trials::check_range(&range, 1, rows.n_rows(), ("the gap statistic", needed))?;
    trials::check_count("n_references", n_references, 2)?;
    let rows = trials::judged(&rows, last, seed, 0);
    let factor = Scale::of(&rows, None).factor();
    let rows = rows.times(factor);
    let reference = Reference::new(&rows);
    let mut ks = Vec::new();
    // At the scale of the reference sets.
    let mut logarithms = Vec::new();
    for k in range {
        if let Some(fit) = trials::fit(rows.view(), k, trials::RUNS, seed)? {
            ks.push(k);
            logarithms.push(portable::ln(fit.inertia) - 2.0 * portable::ln(reference.unit()));
        }
    }
    let references = parallel::map(n_references, usize::MAX, |index| {
        let cloud = reference.uniform(&mut stream(seed, Purpose::Uniform, index));
        let x = trials::view(&cloud, rows.n_columns());
        let logarithm = |&k: &usize| Ok(portable::ln(trials::fit_at_most(x, k, seed)?.inertia));
        ks.iter().map(logarithm).collect::<Result<Vec<f64>>>()
    });
    let references: Vec<Vec<f64>> = references.into_iter().collect::<Result<_>>()?;
    let widening = (1.0 + 1.0 / n_references as f64).sqrt();
    let per_k = ks.iter().enumerate().map(|(at, &k)| {
        let of_references: Vec<f64> = references.iter().map(|logs| logs[at]).collect();
        let (mean, std) = stats::mean_and_std(&of_references);
        (k, mean - logarithms[at], std * widening)
    });
    let per_k = per_k.filter(|at| at.1.is_finite() && at.2.is_finite()).collect();
    Ok(proposed(per_k, rows.n_rows()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use ndarray::{Array2, array};

    #[test]
    fn the_least_k_within_one_error_of_its_successor_is_chosen() {
        let k = |per_k: &[(usize, f64, f64)]| proposed(per_k.to_vec(), 9).k;
        // 0.1 < 0.5 − 0.1; 0.5 ≥ 0.55 − 0.1, although 3 has the greater gap.
        assert_eq!(k(&[(1, 0.1, 0.1), (2, 0.5, 0.1), (3, 0.55, 0.1)]), Some(2));
        assert_eq!(k(&[(1, 0.5, 0.1), (2, 0.625, 0.125)]), Some(1));
        assert_eq!(k(&[(1, 0.1, 0.1), (2, 0.5, 0.1)]), None);
        assert_eq!((k(&[(4, 0.1, 0.1)]), k(&[])), (None, None));
    }

    #[test]
    fn evenly_spaced_rows_have_the_gap_computed_by_hand() {
        // ln W: 0..100 of step 1 has W = n(n² − 1)/12; a box drawn at random is a little wider apart.
        let x = Array2::from_shape_fn((100, 1), |(row, _)| row as f64);
        let found = gap(&x, 1..=1, 200, 3).unwrap();
        // A uniform draw over the range 99 has W = 99² · 100/12 on average, less one degree of freedom.
        let expected = (99.0_f64 * 99.0 * 99.0 / 12.0).ln() - (100.0_f64 * 9999.0 / 12.0).ln();
        let (_, gap, standard_error) = found.per_k[0];
        // The standard deviation of ln W* is √(4/5 / 100): the kurtosis of a uniform variable is 9/5.
        assert!((gap - expected).abs() < 0.02, "{gap} {expected}");
        assert!((standard_error - 0.0894).abs() < 0.02, "{standard_error}");
    }

    #[test]
    fn three_groups_in_line_are_missed_as_two_are_worse_than_one() {
        let x = Array2::from_shape_fn((45, 2), |(row, column)| match column {
            0 => (row / 15 * 40 + row % 15) as f64,
            _ => (row * 7 % 15) as f64,
        });
        let found = gap(&x, 1..=4, 10, 3).unwrap();
        let greatest = found.per_k.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        assert_eq!((found.k, greatest.map(|at| at.0)), (Some(1), Some(3)));
    }

    #[test]
    fn rows_that_are_all_alike_have_no_gap_and_no_error() {
        let found = gap(&Array2::from_elem((20, 3), 7.5), 1..=3, 5, 0).unwrap();
        assert_eq!((found.k, found.per_k.len(), found.n_rows), (None, 0, 20));
    }

    #[test]
    fn as_many_clusters_as_distinct_rows_are_left_out() {
        let x = Array2::from_shape_fn((9, 1), |(row, _)| ((row / 3) * 10) as f64);
        let ks: Vec<usize> = gap(&x, 1..=5, 5, 0).unwrap().per_k.iter().map(|at| at.0).collect();
        assert_eq!(ks, [1, 2]);
    }

    #[test]
    fn offset_and_scale_do_not_change_the_gap() {
        // The corners of a triangle.
        let x = Array2::from_shape_fn((45, 2), |(row, column)| match column {
            0 => (row / 15 * 30 + row % 15) as f64,
            _ => (row / 15 % 2 * 50 + row * 7 % 15) as f64,
        });
        let found = gap(&x, 1..=4, 10, 3).unwrap();
        assert_eq!(found.k, Some(3), "{found:?}");
        for other in [&x + 1e12, &x * 2f64.powi(-800), &x * 2f64.powi(400)] {
            let other = gap(&other, 1..=4, 10, 3).unwrap();
            for (a, b) in found.per_k.iter().zip(other.per_k) {
                assert!((a.1 - b.1).abs() < 1e-9, "{a:?} {b:?}");
                assert!((a.2 - b.2).abs() < 1e-9, "{a:?} {b:?}");
            }
            assert_eq!(other.k, Some(3));
        }
    }

    #[test]
    fn equal_seeds_give_equal_gaps_on_any_number_of_threads_and_survive_json() {
        let x = Array2::from_shape_fn((40, 2), |(row, column)| (row * (column + 3) % 17) as f64);
        let alone = parallel::with_threads(1, || gap(&x, 1..=3, 5, 3)).unwrap();
        assert_eq!(parallel::with_threads(3, || gap(&x, 1..=3, 5, 3)).unwrap(), alone);
        let json = serde_json::to_string(&alone).unwrap();
        assert_eq!(serde_json::from_str::<ProposedK>(&json).unwrap(), alone);
    }

    #[test]
    fn bad_calls_are_refused() {
        let x = array![[0.0], [1.0], [5.0]];
        for (first, last) in [(0, 2), (2, 1)] {
            let error = gap(&x, first..=last, 5, 0).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "range", .. }), "{error}");
        }
        let error = gap(&x, 1..=2, 1, 0).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { name: "n_references", .. }), "{error}");
        for last in [3, usize::MAX] {
            let error = gap(&x, 1..=last, 5, 0).unwrap_err();
            assert!(matches!(error, Error::TooFewSamples { got: 3, .. }), "{error}");
        }
        let nan = array![[0.0], [f64::NAN], [1.0]];
        assert!(matches!(gap(&nan, 1..=2, 5, 0), Err(Error::NonFinite { row: 1, .. })));
    }
}
