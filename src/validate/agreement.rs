//! How far two groupings of the same rows agree, by every usual measure at once.
//!
//! All come from the table of how often each pair of clusters meets. *Pair counts*: of the pairs of
//! rows together in either grouping, those together in both (Jaccard; Fowlkes–Mallows takes the
//! geometric mean of both shares). *Information*: what one grouping tells of the other, I = H(a) + H(b)
//! − H(a, b), as a share of the mean entropy (NMI, which is the V-measure), of each entropy
//! (completeness, homogeneity), and corrected for what chance would tell (AMI).
//!
//! Source: Rosenberg, Hirschberg 2007 (V-measure); Vinh, Epps, Bailey 2010 (AMI, with the arithmetic
//! mean); Fowlkes, Mallows 1983. As scikit-learn has them; noise counts as one more group.
//! Cost: one pass over the labels; the expected information of AMI, O(s·n), where s ≤ √2n is the number of
//! different sizes of the clusters of one grouping.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::external::{Contingency, check_length};
use crate::num::parallel;
use crate::num::portable::{exp, ln};
use crate::{Labels, Result};

/// How far two groupings agree; see [`agreement`]. Every number is 1 for equal groupings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Agreement {
    /// See [`adjusted_rand`](crate::validate::adjusted_rand).
    pub adjusted_rand: f64,
    /// Adjusted mutual information: at most 1, about 0 for chance, below 0 for less than that.
    pub adjusted_mutual_information: f64,
    /// Normalised mutual information by the arithmetic mean, in [0, 1]: the V-measure.
    pub normalised_mutual_information: f64,
    /// How far each cluster of `found` holds rows of only one cluster of `truth`, in [0, 1].
    pub homogeneity: f64,
    /// How far the rows of each cluster of `truth` are in one cluster of `found`, in [0, 1].
    pub completeness: f64,
    /// Geometric mean of the shares of pairs together in one that are together in the other, in [0, 1].
    pub fowlkes_mallows: f64,
    /// Of the pairs together in either, the share together in both, in [0, 1].
    pub jaccard: f64,
}

/// Compares two groupings of the same rows, the first as the truth where it matters.
///
/// Independent of how clusters are numbered. The noise of each counts as one more group. Where a
/// number divides 0 by 0 (no rows, one cluster in both, no pair together in either) it is 1.
///
/// ```
/// use personas::{Labels, validate};
///
/// let truth = Labels::new([0, 0, 1, 1].map(Some))?;
/// let found = Labels::new([0, 0, 1, 2].map(Some))?;
/// let agreement = validate::agreement(&truth, &found)?;
/// assert!((agreement.homogeneity - 1.0).abs() < 1e-12);
/// assert!((agreement.completeness - 2.0 / 3.0).abs() < 1e-12);
/// assert_eq!(agreement.jaccard, 0.5);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::DimensionMismatch`](crate::Error::DimensionMismatch) if the labelings have different
/// lengths.
pub fn agreement(truth: &Labels, found: &Labels) -> Result<Agreement> {
    check_length("labels", truth.len(), found)?;
    let table = Contingency::of(truth, found);
    let n: u64 = table.totals(0).iter().sum();
    let [in_a, in_b] = [0, 1].map(|side| entropy(table.totals(side), n));
    let shared = information(&table, n);
    let expected = expected_information(&table, n);
    let ratio =
        |part: f64, whole: f64| if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 1.0 };
    let mean = 0.5 * (in_a + in_b);
    let equal = in_a == 0.0 && in_b == 0.0 || table.is_one_to_one();
    let adjusted = {
        let scale = mean - expected;
        if equal || scale == 0.0 { 1.0 } else { (shared - expected) / scale }
    };
    let (both, [a, b]) = table.pairs_together();
    let ratio_of = |part: u128, whole: u128| {
        if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
    };
    Ok(Agreement {
        adjusted_rand: table.adjusted_rand(),
        adjusted_mutual_information: adjusted,
        normalised_mutual_information: if equal { 1.0 } else { ratio(shared, mean) },
        homogeneity: if equal { 1.0 } else { ratio(shared, in_a) },
        completeness: if equal { 1.0 } else { ratio(shared, in_b) },
        fowlkes_mallows: (ratio_of(both, a) * ratio_of(both, b)).sqrt(),
        jaccard: ratio_of(both, a + b - both),
    })
}

/// −Σ p·ln p.
fn entropy(totals: &[u64], n: u64) -> f64 {
    let part = |&count: &u64| {
        let share = count as f64 / n as f64;
        -share * ln(share)
    };
    totals.iter().filter(|count| **count > 0).map(part).sum()
}

/// Σ p_ab · ln(p_ab / (p_a·p_b)).
fn information(table: &Contingency, n: u64) -> f64 {
    let n = n as f64;
    let part = |(a, b, both): (u64, u64, u64)| {
        let both = both as f64;
        both / n * (ln(both) + ln(n) - ln(a as f64) - ln(b as f64))
    };
    table.meetings().map(part).sum::<f64>().max(0.0)
}

/// What two random groupings of these sizes tell of each other: hypergeometric counts.
fn expected_information(table: &Contingency, n: u64) -> f64 {
    let mut factorials = Vec::with_capacity(n as usize + 1);
    let mut sum = 0.0;
    factorials.push(0.0);
    for i in 1..=n {
        sum += ln(i as f64);
        factorials.push(sum);
    }
    let factorial = |count: u64| factorials[count as usize];
    // Clusters of one size are alike, and n rows have at most √2n different sizes.
    let sizes = |side: usize| -> Vec<(u64, f64)> {
        let mut sizes: BTreeMap<u64, f64> = BTreeMap::new();
        let all = table.totals(side).iter().filter(|size| **size > 0);
        all.for_each(|&size| *sizes.entry(size).or_default() += 1.0);
        sizes.into_iter().collect()
    };
    let (sizes_a, sizes_b) = (sizes(0), sizes(1));
    let of_size = |&(a, n_a): &(u64, f64)| {
        let mut expected = 0.0;
        for &(b, n_b) in &sizes_b {
            let fixed =
                factorial(a) + factorial(b) + factorial(n - a) + factorial(n - b) - factorial(n);
            let logs = ln(n as f64) - ln(a as f64) - ln(b as f64);
            let mut of_pair = 0.0;
            for both in (a + b).saturating_sub(n).max(1)..=a.min(b) {
                let chance = fixed
                    - factorial(both)
                    - factorial(a - both)
                    - factorial(b - both)
                    - factorial(n + both - a - b);
                of_pair += both as f64 / n as f64 * (ln(both as f64) + logs) * exp(chance);
            }
            expected += n_a * n_b * of_pair;
        }
        expected
    };
    parallel::map(sizes_a.len(), n as usize, |at| of_size(&sizes_a[at])).into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(raw: &[i32]) -> Labels {
        Labels::new(raw.iter().map(|&c| usize::try_from(c).ok())).unwrap()
    }

    #[test]
    fn the_golden_pair_has_scikit_learns_numbers() {
        let (a, b) = (labels(&[0, 0, 1, 1, 2, 0, 4]), labels(&[1, 0, 0, 0, 0, 1, 0]));
        let found = agreement(&a, &b).unwrap();
        for (got, golden) in [
            (found.adjusted_mutual_information, 0.026036919471177374),
            (found.normalised_mutual_information, 0.34712007071429435),
            (found.homogeneity, 0.25487006300775333),
            (found.completeness, 0.544032002266503),
            (found.fowlkes_mallows, 0.30151134457776363),
            (found.jaccard, 2.0 / 13.0),
        ] {
            assert!((got - golden).abs() < 1e-12, "{got} {golden}");
        }
    }

    #[test]
    fn expected_information_of_many_clusters_is_the_sum_over_all_pairs() {
        let mut stream = crate::num::rng::Stream::new(5, 0);
        let mut raw = || -> Vec<usize> { (0..200).map(|_| stream.below(40) % 31).collect() };
        let (a, b) = (raw(), raw());
        let table = Contingency::new(a.iter().zip(&b).map(|(a, b)| (Some(*a), Some(*b))));
        let choose =
            |n: u64, k: u64| (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product::<f64>();
        let mut naive = 0.0;
        for &a in table.totals(0).iter().filter(|a| **a > 0) {
            for &b in table.totals(1).iter().filter(|b| **b > 0) {
                for both in 1..=a.min(b) {
                    let chance = choose(a, both) * choose(200 - a, b - both) / choose(200, b);
                    let n = both as f64;
                    naive += chance * n / 200.0 * (200.0 * n / (a * b) as f64).ln();
                }
            }
        }
        let found = expected_information(&table, 200);
        assert!((found / naive - 1.0).abs() < 1e-10, "{found} {naive}");
    }

    #[test]
    fn equal_groupings_agree_wholly_whatever_their_numbers() {
        for raw in [&[][..], &[0], &[0, 0], &[0, 1], &[0, 1, 1, -1, 2, 2]] {
            let shifted: Vec<i32> = raw.iter().map(|c| if *c < 0 { -1 } else { 2 - c }).collect();
            let found = agreement(&labels(raw), &labels(&shifted)).unwrap();
            let all = [
                found.adjusted_rand,
                found.adjusted_mutual_information,
                found.normalised_mutual_information,
                found.homogeneity,
                found.completeness,
                found.fowlkes_mallows,
                found.jaccard,
            ];
            assert_eq!(all, [1.0; 7], "{raw:?}");
        }
    }
}
