//! Agreement of two groupings of the same rows, corrected for chance.
//!
//! The adjusted Rand index counts the pairs of rows on which both groupings say "together" or both
//! say "apart", and rescales so that chance agreement is 0 and equality is 1. Pairs are counted as
//! integers: with 10⁷ rows they exceed what f64 can hold exactly.
//!
//! Source: Hubert, Arabie 1985, in the pair-count form that scikit-learn uses. Cost: one pass over the
//! labels, at memory speed, where the table of all pairs of clusters is small; else O(n log n).

use crate::num::parallel;
use crate::{Error, Labels, Result};

/// Pairs of clusters that are counted in a table.
const MOST_CELLS: usize = 1 << 14;

/// The adjusted Rand index of two groupings, in [−0.5, 1]: 1 for equal ones, about 0 for chance.
///
/// Symmetric, and independent of how clusters are numbered. The noise of each labeling counts as
/// one more group of that labeling, so calling a row noise in only one of them is a disagreement.
/// No rows, one row, and two groupings without a pair to disagree on give 1.
///
/// ```
/// use personas::{Labels, validate};
///
/// let a = Labels::new([0, 0, 1, 1, 2, 0, 4].map(Some))?;
/// let b = Labels::new([1, 0, 0, 0, 0, 1, 0].map(Some))?;
/// assert_eq!(validate::adjusted_rand(&a, &a)?, 1.0);
/// assert!((validate::adjusted_rand(&a, &b)? - -0.017621).abs() < 1e-6);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::DimensionMismatch`] if the labelings have different lengths.
pub fn adjusted_rand(a: &Labels, b: &Labels) -> Result<f64> {
    check_length("labels", a.len(), b)?;
    Ok(Contingency::of(a, b).adjusted_rand())
}

/// Labels must have one entry per row.
pub(crate) fn check_length(what: &'static str, expected: usize, labels: &Labels) -> Result<()> {
    if labels.len() != expected {
        return Err(Error::DimensionMismatch { what: what.into(), expected, got: labels.len() });
    }
    Ok(())
}

/// How often each pair of clusters meets; `None` is noise.
#[derive(Debug, Clone)]
pub(crate) struct Contingency {
    /// (cluster in a, cluster in b, rows in both), ascending; no empty cells.
    cells: Vec<(Option<usize>, Option<usize>, u64)>,
    /// Rows per cluster of a, and of b; noise first, then cluster 0, 1, …
    totals: [Vec<u64>; 2],
}

impl Contingency {
    pub(crate) fn new(pairs: impl Iterator<Item = (Option<usize>, Option<usize>)>) -> Self {
        let mut sorted: Vec<_> = pairs.collect();
        sorted.sort_unstable();
        let mut totals = [Vec::new(), Vec::new()];
        let mut add = |side: usize, cluster: Option<usize>, count: u64| {
            let at = cluster.map_or(0, |c| c + 1);
            if totals[side].len() <= at {
                totals[side].resize(at + 1, 0);
            }
            totals[side][at] += count;
        };
        let mut cells = Vec::new();
        for run in sorted.chunk_by(|p, q| p == q) {
            let ((a, b), count) = (run[0], run.len() as u64);
            add(0, a, count);
            add(1, b, count);
            cells.push((a, b, count));
        }
        Self { cells, totals }
    }

    /// The table of two labelings of the same rows: counted where it is small, else sorted.
    pub(super) fn of(a: &Labels, b: &Labels) -> Self {
        let (k, width) = (a.n_clusters() + 1, b.n_clusters() + 1);
        let size = k.saturating_mul(width);
        if size > MOST_CELLS {
            return Self::new(a.iter().zip(b.iter()));
        }
        // Whole numbers: however the rows are cut, the sums are the same.
        let n_parts = parallel::n_threads().max(1);
        let length = a.len().div_ceil(n_parts).max(1);
        let parts = parallel::map(a.len().div_ceil(length), length, |part| {
            let mut counts = vec![0u64; size];
            for row in part * length..a.len().min((part + 1) * length) {
                let at = |labels: &Labels| labels.get(row).map_or(0, |cluster| cluster + 1);
                counts[at(a) * width + at(b)] += 1;
            }
            counts
        });
        let mut counts = vec![0u64; size];
        for part in parts {
            counts.iter_mut().zip(part).for_each(|(sum, count)| *sum += count);
        }
        let mut totals = [vec![0; k], vec![0; width]];
        let mut cells = Vec::new();
        for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (a, b) = (at / width, at % width);
            totals[0][a] += count;
            totals[1][b] += count;
            cells.push((a.checked_sub(1), b.checked_sub(1), count));
        }
        Self { cells, totals }
    }

    /// Rows per cluster of one side, noise first.
    pub(super) fn totals(&self, side: usize) -> &[u64] {
        &self.totals[side]
    }

    /// Of every pair of clusters that meet: the rows of each and those in both.
    pub(super) fn meetings(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let place = |cluster: Option<usize>| cluster.map_or(0, |c| c + 1);
        self.cells
            .iter()
            .map(move |&(a, b, both)| (self.totals[0][place(a)], self.totals[1][place(b)], both))
    }

    /// Of every pair of clusters that meet, noise left out: their numbers and the rows in both.
    pub(super) fn shared(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        self.cells.iter().filter_map(|&(a, b, both)| Some((a?, b?, both)))
    }

    /// Whether both say the same but for the numbers.
    pub(super) fn is_one_to_one(&self) -> bool {
        self.meetings().all(|(a, b, both)| a == both && b == both)
    }

    /// Pairs of rows together in both, and in each.
    pub(super) fn pairs_together(&self) -> (u128, [u128; 2]) {
        let pairs = |count: u64| u128::from(count) * u128::from(count.saturating_sub(1)) / 2;
        let both = self.cells.iter().map(|&(_, _, count)| pairs(count)).sum();
        (both, [0, 1].map(|side| self.totals[side].iter().map(|&count| pairs(count)).sum()))
    }

    /// Rows of a cluster of the first labeling.
    pub(crate) fn size_in_a(&self, cluster: usize) -> u64 {
        self.totals[0].get(cluster + 1).copied().unwrap_or(0)
    }

    /// For each cluster of the first labeling below `n_clusters`, the best Jaccard coefficient
    /// |A ∩ B| / |A ∪ B| over the clusters of the second; `None` if it has no rows here.
    pub(crate) fn best_jaccards(&self, n_clusters: usize) -> Vec<Option<f64>> {
        let mut best: Vec<Option<f64>> =
            (0..n_clusters).map(|c| (self.size_in_a(c) > 0).then_some(0.0)).collect();
        for &(a, b, both) in &self.cells {
            let (Some(a), Some(b)) = (a, b) else { continue };
            if a >= n_clusters {
                continue;
            }
            let union = self.totals[0][a + 1] + self.totals[1][b + 1] - both;
            let jaccard = both as f64 / union as f64;
            best[a] = best[a].map(|j| j.max(jaccard));
        }
        best
    }

    /// The least share, over the clusters of the first labeling, of pairs of rows that are together in
    /// the second, too; a cluster of one row has no pairs and counts as 1. Noise is left out.
    pub(crate) fn least_together(&self) -> f64 {
        let pairs = |count: u64| count * count.saturating_sub(1) / 2;
        let mut together = vec![0; self.totals[0].len()];
        for &(a, b, both) in &self.cells {
            if let (Some(a), Some(_)) = (a, b) {
                together[a + 1] += pairs(both);
            }
        }
        let clusters = together.iter().zip(&self.totals[0]).skip(1).filter(|&(_, &n)| n > 1);
        clusters.map(|(&both, &n)| both as f64 / pairs(n) as f64).fold(1.0, f64::min)
    }

    /// See [`adjusted_rand`]. All products fit: below 2³² rows make fewer than 2⁶³ pairs.
    pub(crate) fn adjusted_rand(&self) -> f64 {
        let pairs = |count: u64| i128::from(count) * (i128::from(count) - 1) / 2;
        let together = |totals: &[u64]| totals.iter().map(|&count| pairs(count)).sum::<i128>();
        let all = pairs(self.totals[0].iter().sum());
        let (in_a, in_b) = (together(&self.totals[0]), together(&self.totals[1]));
        let in_both: i128 = self.cells.iter().map(|&(_, _, count)| pairs(count)).sum();
        let (only_a, only_b) = (in_a - in_both, in_b - in_both);
        if only_a == 0 && only_b == 0 {
            return 1.0;
        }
        let neither = all - in_both - only_a - only_b;
        let agreement = 2 * (in_both * neither - only_a * only_b);
        let scale =
            (in_both + only_a) * (only_a + neither) + (in_both + only_b) * (only_b + neither);
        agreement as f64 / scale as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(raw: &[i32]) -> Labels {
        Labels::new(raw.iter().map(|&c| usize::try_from(c).ok())).unwrap()
    }

    #[test]
    fn counted_and_sorted_tables_agree() {
        let raw = |n: i32, step: i32| (0..n).map(|i| i * step % 7 - 1).collect::<Vec<_>>();
        for n in [0, 1, 50, 1000] {
            let (a, b) = (labels(&raw(n, 3)), labels(&raw(n, 5)));
            let (counted, sorted) =
                (Contingency::of(&a, &b), Contingency::new(a.iter().zip(b.iter())));
            assert_eq!(counted.cells, sorted.cells);
            let trim = |totals: &[u64]| {
                totals.iter().rposition(|n| *n > 0).map_or(vec![], |last| totals[..=last].to_vec())
            };
            for side in [0, 1] {
                assert_eq!(trim(counted.totals(side)), trim(sorted.totals(side)));
            }
        }
    }

    #[test]
    fn the_golden_pair_agrees_less_than_chance() {
        let (a, b) = (labels(&[0, 0, 1, 1, 2, 0, 4]), labels(&[1, 0, 0, 0, 0, 1, 0]));
        assert!((adjusted_rand(&a, &b).unwrap() - -0.017_621_145_374_449_34).abs() < 1e-15);
        assert_eq!(adjusted_rand(&a, &b), adjusted_rand(&b, &a));
    }

    #[test]
    fn groupings_without_a_pair_to_disagree_on_are_equal() {
        for raw in [&[][..], &[0], &[0, 0, 0], &[0, 1, 2], &[-1, -1]] {
            assert_eq!(adjusted_rand(&labels(raw), &labels(raw)).unwrap(), 1.0);
        }
        assert_eq!(adjusted_rand(&labels(&[0]), &labels(&[-1])).unwrap(), 1.0);
    }

    #[test]
    fn everything_together_says_nothing_about_everything_apart() {
        let (one, each) = (labels(&[0, 0, 0]), labels(&[0, 1, 2]));
        assert_eq!(adjusted_rand(&one, &each).unwrap(), 0.0);
    }

    #[test]
    fn noise_is_a_group_of_its_own() {
        let (a, b) = (labels(&[0, 0, 1, 1, -1, -1]), labels(&[0, 0, 1, 1, 2, 2]));
        assert_eq!(adjusted_rand(&a, &b).unwrap(), 1.0);
        let c = labels(&[0, 0, 1, 1, 1, 1]);
        assert!(adjusted_rand(&a, &c).unwrap() < 0.7);
    }

    #[test]
    fn other_lengths_are_refused() {
        assert_eq!(
            adjusted_rand(&labels(&[0, 1]), &labels(&[0])),
            Err(Error::DimensionMismatch { what: "labels".into(), expected: 2, got: 1 })
        );
    }

    #[test]
    fn pair_counts_beyond_2_to_the_62_are_exact() {
        let half = 2_000_000_000_u64;
        let table = Contingency {
            cells: vec![(Some(0), Some(0), half), (Some(1), Some(0), 1), (Some(1), Some(1), half)],
            totals: [vec![0, half, half + 1], vec![0, half + 1, half]],
        };
        // One row of four thousand million disagrees: two pairs in 2·half lost on either side.
        let index = table.adjusted_rand();
        assert!(index < 1.0 && index > 1.0 - 1e-8, "{index}");
        assert!((1.0 - index - 1e-9).abs() < 1e-14, "{index}");
    }

    #[test]
    fn the_best_jaccard_ignores_noise_and_absent_clusters() {
        let pairs = [(Some(0), Some(5)), (Some(0), Some(5)), (Some(0), None), (Some(2), None)];
        let best = Contingency::new(pairs.into_iter()).best_jaccards(3);
        assert_eq!(best, [Some(2.0 / 3.0), None, Some(0.0)]);
    }

    #[test]
    fn the_least_share_of_pairs_together_ignores_noise_and_singles() {
        // Cluster 0 has 3 of its 6 pairs together, cluster 1 its only one, cluster 2 no pair.
        let (a, b) = (labels(&[0, 0, 0, 0, 1, 1, 2, -1, -1]), labels(&[0, 0, 0, 1, 2, 2, 3, 4, 5]));
        let table = |a: &Labels, b: &Labels| Contingency::new(a.iter().zip(b.iter()));
        assert_eq!(table(&a, &b).least_together(), 0.5);
        assert_eq!(table(&a, &a).least_together(), 1.0);
        // Two rows that are noise in the second are not together there.
        assert_eq!(table(&labels(&[0, 0, 1]), &labels(&[-1, -1, 0])).least_together(), 0.0);
        assert_eq!(table(&labels(&[]), &labels(&[])).least_together(), 1.0);
    }

    /// By counting every pair of rows.
    fn naive(a: &Labels, b: &Labels) -> f64 {
        let (mut both, mut only_a, mut only_b, mut neither) = (0.0, 0.0, 0.0, 0.0);
        for j in 0..a.len() {
            for i in 0..j {
                match (a.get(i) == a.get(j), b.get(i) == b.get(j)) {
                    (true, true) => both += 1.0,
                    (true, false) => only_a += 1.0,
                    (false, true) => only_b += 1.0,
                    (false, false) => neither += 1.0,
                }
            }
        }
        if only_a + only_b == 0.0 {
            return 1.0;
        }
        2.0 * (both * neither - only_a * only_b)
            / ((both + only_a) * (only_a + neither) + (both + only_b) * (only_b + neither))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_equals_the_count_over_all_pairs_and_is_symmetric(
            rows in prop::collection::vec((-1..4i32, -1..4i32), 0..30)
        ) {
            let (a, b): (Vec<i32>, Vec<i32>) = rows.into_iter().unzip();
            let (a, b) = (labels(&a), labels(&b));
            let index = adjusted_rand(&a, &b).unwrap();
            prop_assert_eq!(index, naive(&a, &b));
            prop_assert_eq!(index, adjusted_rand(&b, &a).unwrap());
            prop_assert!((-0.5..=1.0).contains(&index));
        }
    }
}
