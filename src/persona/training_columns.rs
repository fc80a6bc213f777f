//! What a model keeps of the columns of the people it was made from.
//!
//! The tenths of numbers, or the categories, with how many people are in each; no bin and no category by
//! name is of fewer people than are described. Cost: O(bins · log n) per column that is in order.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::index::{ColumnIndex, Indexed, IndexedKind};
use crate::features::Values;
use crate::num::{parallel, stats};
use crate::prepare::Original;

/// Bins of a number, at most, and categories by name.
const BINS: usize = 10;
const CATEGORIES: usize = 30;

/// What a model keeps of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainingColumn {
    pub(super) feature: String,
    pub(super) bins: Bins,
    /// People per bin; those without a value last.
    pub(super) counts: Vec<usize>,
    pub(super) center: Option<Original>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Bins {
    /// The greatest number of every bin but the last; ascending.
    Upto(Vec<f64>),
    /// Categories; all others share the bin behind them.
    Named(Vec<String>),
}

impl TrainingColumn {
    pub(super) fn all(index: &ColumnIndex<'_>, least: usize) -> Vec<Self> {
        let unit = index.n_rows.saturating_mul(4);
        parallel::map(index.columns.len(), unit, |at| Self::of(&index.columns[at], least))
    }

    /// As [`Bins::count`] and [`Bins::center`] of the column, by what stands in order already.
    fn of(indexed: &Indexed<'_>, least: usize) -> Self {
        let n_missing = indexed.column.values.len() - indexed.known.count();
        let (bins, mut counts, center) = match &indexed.kind {
            IndexedKind::Numbers(numbers) => {
                let n = numbers.order.len();
                let n_bins = (n / least.max(1)).clamp(1, BINS);
                let mut edges: Vec<f64> = Vec::new();
                let mut counts: Vec<usize> = Vec::new();
                let mut start = 0;
                for bin in 1..n_bins {
                    let at = bin * n / n_bins - 1;
                    if at < start {
                        continue;
                    }
                    let end = numbers.end_of_run(at);
                    // Long runs of one value leave few around them: those join the next bin.
                    if end - start < least || n - end < least {
                        continue;
                    }
                    edges.push(numbers.at(at));
                    counts.push(end - start);
                    start = end;
                }
                counts.push(n - start);
                let center = (n >= least && n > 0).then_some(Original::Number(numbers.median));
                (Bins::Upto(edges), counts, center)
            }
            IndexedKind::Categories(categories) => {
                let frequent = categories.most_frequent(CATEGORIES, least);
                let n: usize = categories.totals.iter().sum();
                let mut counts: Vec<usize> =
                    frequent.iter().map(|&name| categories.totals[name]).collect();
                counts.push(n - counts.iter().sum::<usize>());
                let names: Vec<String> =
                    frequent.iter().map(|&name| categories.names[name].to_owned()).collect();
                let center = names.first().map(|category| Original::Share {
                    level: category.clone(),
                    share: counts[0] as f64 / n as f64,
                });
                (Bins::Named(names), counts, center)
            }
        };
        counts.push(n_missing);
        Self { feature: indexed.column.name.clone(), bins, counts, center }
    }

    /// What a restored one must hold.
    pub(super) fn is_sound(&self) -> bool {
        let (n_bins, is_ascending) = match &self.bins {
            Bins::Upto(edges) => (edges.len() + 2, edges.windows(2).all(|pair| pair[0] < pair[1])),
            Bins::Named(names) => (names.len() + 2, true),
        };
        let numbers = match self.center {
            Some(Original::Number(number) | Original::Share { share: number, .. }) => number,
            Some(Original::Level { .. }) => f64::NAN,
            None => 0.0,
        };
        let total = self.counts.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
        self.counts.len() == n_bins && is_ascending && numbers.is_finite() && total.is_some()
    }
}

impl Bins {
    /// People per bin; those without a value last.
    pub(super) fn count(&self, values: &Values) -> Vec<usize> {
        match (self, values) {
            (Self::Upto(edges), Values::Numeric(values)) => {
                let mut counts = vec![0; edges.len() + 2];
                for value in values {
                    let bin = value.map_or(edges.len() + 1, |v| edges.partition_point(|&e| e < v));
                    counts[bin] += 1;
                }
                counts
            }
            (Self::Named(names), Values::Categorical(values)) => {
                let bins: HashMap<&str, usize> =
                    names.iter().enumerate().map(|(bin, name)| (name.as_str(), bin)).collect();
                let mut counts = vec![0; names.len() + 2];
                for value in values {
                    let bin = value.as_ref().map_or(names.len() + 1, |value| {
                        bins.get(value.as_str()).copied().unwrap_or(names.len())
                    });
                    counts[bin] += 1;
                }
                counts
            }
            _ => unreachable!("the kind of the column was checked"),
        }
    }

    /// The median, or the most frequent of the categories by name, of at least so many people.
    pub(super) fn center(
        &self,
        values: &Values,
        counts: &[usize],
        least: usize,
    ) -> Option<Original> {
        let n: usize = counts[..counts.len() - 1].iter().sum();
        match (self, values) {
            (Self::Upto(_), Values::Numeric(values)) if n >= least && n > 0 => {
                let known: Vec<f64> = values.iter().flatten().map(|v| v + 0.0).collect();
                Some(Original::Number(stats::median(&stats::sorted(&known))))
            }
            (Self::Named(names), _) => {
                let named = names.iter().zip(counts).rev();
                let (category, &most) = named.max_by_key(|(_, n)| **n)?;
                (most >= least).then(|| Original::Share {
                    level: category.clone(),
                    share: most as f64 / n as f64,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeatureTable;

    #[test]
    fn a_bin_beside_a_long_run_of_one_value_is_not_of_a_single_person() {
        // So many of the same number, then different ones, then the same again.
        for (same, different, at_end) in
            [(39, 61, 0), (190, 810, 0), (0, 5, 95), (20, 1, 79), (95, 5, 0)]
        {
            let values = (0..same).map(|_| 0.0).chain((1..=different).map(f64::from));
            let values: Vec<_> = values.chain((0..at_end).map(|_| 1e4)).map(Some).collect();
            let table = FeatureTable::new(values.len()).numeric("n", values).unwrap();
            let seen = TrainingColumn::of(&ColumnIndex::new(&table).unwrap().columns[0], 20);
            let bins = &seen.counts[..seen.counts.len() - 1];
            assert!(bins.iter().all(|&n| n >= 20), "{seen:?}");
            assert_eq!(seen.bins.count(&table.columns()[0].values), seen.counts);
            assert!(bins.len() > 1 || same.max(at_end) > 80, "{seen:?}");
        }
    }

    #[test]
    fn what_is_kept_is_what_counting_gives() {
        let values = [3.0, 1.0, 1.0, 1.0, 7.0, 5.0, 1.0, 3.0, 0.0];
        let numbers = values.into_iter().map(Some).chain([None]).collect();
        let texts = "bbaac".chars().map(|c| Some(c.to_string()));
        let table = FeatureTable::new(10).numeric("n", numbers).unwrap();
        let table = table.categorical("t", texts.chain(vec![None; 5]).collect()).unwrap();
        let index = ColumnIndex::new(&table).unwrap();
        // Nine numbers are known.
        let median = Some(Original::Number(1.0));
        assert_eq!(TrainingColumn::of(&index.columns[0], 9).center, median);
        assert_eq!(TrainingColumn::of(&index.columns[0], 10).center, None);
        for (least, column) in [(1, 0), (2, 0), (4, 0), (10, 0), (1, 1), (2, 1), (3, 1)] {
            let seen = TrainingColumn::of(&index.columns[column], least);
            let values = &index.columns[column].column.values;
            assert_eq!(seen.counts, seen.bins.count(values), "{least} {column}");
            assert_eq!(seen.center, seen.bins.center(values, &seen.counts, least));
        }
    }
}
