//! Which features separate the personas, over all of them at once.
//!
//! Numbers: η² of the mid-ranks, the share of their variance that lies between personas, so that
//! one huge spender does not decide (Kruskal, Wallis 1952), less its bias (Kelley 1935).
//! Categories: Cramér's V², less its bias (Bergsma 2013). Both are 0 for no relation and at most 1,
//! and without the bias correction many personas and few people would always look related.
//!
//! Only people in a persona and with a value count. Categories held by fewer than the smallest
//! described size are pooled. Cost: one sort per column.

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use crate::features::{Column, Values};
use crate::num::parallel;
use crate::{FeatureTable, Labels};

/// How strongly a feature separates the personas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// In [0, 1]: the share of a number's (ranked) variance, or the squared association of a
    /// category, that the personas account for.
    pub strength: f64,
    /// People in a persona and with a value.
    pub n: usize,
}

/// All columns, the strongest first; of equals, the earlier column first.
pub(super) fn importances(
    table: &FeatureTable,
    labels: &Labels,
    min_size: usize,
) -> Vec<Importance> {
    debug_assert_eq!(table.n_rows(), labels.len());
    let groups = labels.to_vec();
    let columns = table.columns();
    let mut found = parallel::map(columns.len(), groups.len().saturating_mul(16), |column| {
        importance(&columns[column], &groups, labels.n_clusters(), min_size)
    });
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    found
}

fn importance(
    column: &Column,
    groups: &[Option<usize>],
    n_groups: usize,
    min_size: usize,
) -> Importance {
    let (strength, n) = match &column.values {
        Values::Numeric(values) => ranked_eta_squared(values, groups, n_groups),
        Values::Categorical(values) => {
            let counts = Counts::new(values, groups, n_groups, min_size);
            (cramers_v_squared(&counts), counts.known.iter().sum())
        }
    };
    Importance { feature: column.name.clone(), strength, n }
}

/// η² of the mid-ranks less its bias, and the number of values.
fn ranked_eta_squared(
    values: &[Option<f64>],
    groups: &[Option<usize>],
    n_groups: usize,
) -> (f64, usize) {
    let rows = values.iter().zip(groups);
    let mut sorted: Vec<(f64, usize)> =
        rows.filter_map(|(&value, &group)| Some((value?, group?))).collect();
    parallel::sort_by(&mut sorted, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let n = sorted.len();
    // Twice the deviation of each mid-rank from the mean rank is a whole number: sums are exact.
    let mut sums = vec![0i128; n_groups];
    let mut sizes = vec![0usize; n_groups];
    let (mut below, mut total) = (0usize, 0i128);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let deviation = (2 * below + tied.len()) as i128 - n as i128;
        for &(_, group) in tied {
            sums[group] += deviation;
            sizes[group] += 1;
        }
        total += deviation * deviation * tied.len() as i128;
        below += tied.len();
    }
    let present = sizes.iter().filter(|&&size| size > 0).count();
    if total == 0 || n <= present {
        return (0.0, n);
    }
    let between: f64 = sums
        .iter()
        .zip(&sizes)
        .filter(|&(_, &size)| size > 0)
        .map(|(&sum, &size)| sum as f64 * sum as f64 / size as f64)
        .sum();
    let within = 1.0 - between / total as f64;
    let unbiased = 1.0 - within * (n - 1) as f64 / (n - present) as f64;
    (unbiased.clamp(0.0, 1.0), n)
}

/// Cramér's V² less its bias; 0 where there are not two categories and two groups.
fn cramers_v_squared(counts: &Counts<'_>) -> f64 {
    let n_groups = counts.known.len();
    let n: usize = counts.known.iter().sum();
    let frequent = |group: usize| (0..counts.names.len()).map(move |c| counts.of(c, group));
    let rest = (0..n_groups).map(|g| counts.known[g] - frequent(g).sum::<usize>());
    let mut table: Vec<Vec<usize>> =
        (0..counts.names.len()).map(|c| (0..n_groups).map(|g| counts.of(c, g)).collect()).collect();
    table.push(rest.collect());
    table.retain(|row| row.iter().any(|&cell| cell > 0));
    let (r, k) = (table.len(), counts.known.iter().filter(|&&known| known > 0).count());
    if r < 2 || k < 2 {
        return 0.0;
    }
    // χ²/n = Σ cell² / (row · column) − 1.
    let mut phi2 = -1.0;
    for row in &table {
        let in_row = row.iter().sum::<usize>() as f64;
        for (&cell, &known) in row.iter().zip(&counts.known) {
            if known > 0 {
                phi2 += cell as f64 * cell as f64 / (in_row * known as f64);
            }
        }
    }
    let (n, r, k) = (n as f64, r as f64, k as f64);
    let phi2 = (phi2 - (r - 1.0) * (k - 1.0) / (n - 1.0)).max(0.0);
    let corrected = |levels: f64| levels - (levels - 1.0).powi(2) / (n - 1.0) - 1.0;
    let least = corrected(r).min(corrected(k));
    // As many levels as people leave nothing to measure.
    if least > 0.0 { (phi2 / least).min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> FeatureTable {
        FeatureTable::new(n)
    }

    fn categories(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|&v| (!v.is_empty()).then(|| v.to_owned())).collect()
    }

    #[test]
    fn two_separate_threes_explain_what_the_ranks_say() {
        // Ranks 1 2 3 | 4 5 6: between 13.5, total 17.5; unbiased 1 − (4/17.5)·5/4 = 5/7.
        let table =
            rows(6).numeric("x", [1, 2, 3, 40, 50, 6000].map(|v| Some(f64::from(v))).to_vec());
        let labels = Labels::new([0, 0, 0, 1, 1, 1].map(Some)).unwrap();
        let found = importances(&table.unwrap(), &labels, 1);
        assert!((found[0].strength - 5.0 / 7.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_category_that_names_the_group_has_strength_one_and_an_unrelated_one_none() {
        let table = rows(8)
            .categorical("unrelated", categories(&["a", "a", "b", "b", "a", "a", "b", "b"]))
            .and_then(|t| {
                t.categorical("name", categories(&["p", "p", "p", "p", "q", "q", "q", "q"]))
            })
            .and_then(|t| t.numeric("constant", vec![Some(3.0); 8]))
            .unwrap();
        let labels = Labels::new([0, 0, 0, 0, 1, 1, 1, 1].map(Some)).unwrap();
        let found = importances(&table, &labels, 1);
        assert_eq!(found[0].feature, "name");
        // φ² = 1, less 1/7; levels 2 − 1/7 each: (6/7) / (6/7).
        assert!((found[0].strength - 1.0).abs() < 1e-12, "{found:?}");
        assert_eq!((found[1].strength, found[2].strength), (0.0, 0.0));
        assert_eq!(found[1].feature, "unrelated");
    }

    #[test]
    fn noise_missing_values_and_single_groups_count_for_nothing() {
        let values = [Some(1.0), None, Some(2.0), Some(9.0)].to_vec();
        let table = rows(4).numeric("x", values).unwrap();
        let noise = Labels::new([Some(0), Some(0), None, None]).unwrap();
        let found = importances(&table, &noise, 1);
        assert_eq!((found[0].strength, found[0].n), (0.0, 1));
        let all = Labels::new([Some(0); 4]).unwrap();
        assert_eq!(importances(&table, &all, 1)[0].strength, 0.0);
        let each = Labels::new((0..4).map(Some)).unwrap();
        assert_eq!(importances(&table, &each, 1)[0].strength, 0.0);
    }
}
