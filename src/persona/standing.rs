//! Where groups stand in a column of numbers: which of them are higher than which.
//!
//! Two groups are apart if a pair of their members differs by Cliff's delta as clearly as a name needs it,
//! in an interval that covers all pairs of groups, and if their medians are not alike.
//!
//! Cost: one pass over the column, and n log n for the pairs that are compared; only where groups would
//! share a name.

use super::effect::{Dominance, wider};
use super::index::{ColumnIndex, Groups, IndexedKind, NONE};
use super::numbers::are_alike;
use super::thresholds::Describer;
use crate::num::stats;

/// What is looked up to put groups in order.
#[derive(Debug)]
pub(super) struct Standings<'a> {
    index: &'a ColumnIndex<'a>,
    groups: &'a Groups<'a>,
    rules: &'a Describer,
}

/// Groups in ascending order of their medians.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    /// Group and median.
    pub(super) ascending: Vec<(usize, f64)>,
    /// Whether no other described group is as low as the first.
    pub(super) is_lowest: bool,
    /// Whether no other described group is as high as the last.
    pub(super) is_highest: bool,
}

impl<'a> Standings<'a> {
    pub(super) fn new(
        index: &'a ColumnIndex<'a>,
        groups: &'a Groups<'a>,
        rules: &'a Describer,
    ) -> Self {
        Self { index, groups, rules }
    }

    /// The order of some groups in a column of the index; none if two of them are not apart.
    pub(super) fn order(&self, column: usize, tied: &[usize]) -> Option<Order> {
        let values = self.values(column)?;
        let median = |group: usize| stats::median(&values[group]);
        let mut ascending: Vec<(usize, f64)> =
            tied.iter().map(|&group| (group, median(group))).collect();
        if tied.iter().any(|&group| values[group].len() < self.rules.least()) {
            return None;
        }
        ascending.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        let (first, last) = (ascending.first()?.0, ascending.last()?.0);
        let are_apart = |pair: &[(usize, f64)]| self.is_above(&values, pair[1].0, pair[0].0);
        if !ascending.windows(2).all(are_apart) {
            return None;
        }
        let others = || {
            let groups = 0..values.len();
            groups.filter(|group| values[*group].len() >= self.rules.least())
        };
        Some(Order {
            is_lowest: others().all(|other| other == first || self.is_above(&values, other, first)),
            is_highest: others().all(|other| other == last || self.is_above(&values, last, other)),
            ascending,
        })
    }

    /// The numbers of every group that is large enough to be described, ascending.
    fn values(&self, column: usize) -> Option<Vec<Vec<f64>>> {
        let IndexedKind::Numbers(numbers) = &self.index.columns.get(column)?.kind else {
            return None;
        };
        let mut values = vec![Vec::new(); self.groups.sizes.len()];
        for (at, &row) in numbers.order.iter().enumerate() {
            let group = self.groups.of[row as usize];
            if group != NONE && self.groups.sizes[group as usize] >= self.rules.least() {
                values[group as usize].push(numbers.at(at));
            }
        }
        Some(values)
    }

    /// Whether one group is clearly above another.
    fn is_above(&self, values: &[Vec<f64>], high: usize, low: usize) -> bool {
        let (high, low) = (&values[high], &values[low]);
        let mut pairs = Dominance::new(high.len(), low.len());
        for &value in high {
            let (below, upto) = below_and_upto(low, value);
            pairs.members(below as i64 - (low.len() - upto) as i64, 1);
            pairs.ties(1, upto - below);
        }
        for &value in low {
            let (below, upto) = below_and_upto(high, value);
            pairs.others(below as i64 - (high.len() - upto) as i64, 1);
        }
        let effect = pairs.effect();
        let n_pairs = values.len() * values.len().saturating_sub(1) / 2;
        effect.size > 0.0
            && effect.holds(self.rules.min_name_effect, wider(n_pairs))
            && !are_alike(stats::median(high), stats::median(low))
    }
}

/// How many of ascending numbers are below a value, and how many are not above it.
fn below_and_upto(ascending: &[f64], value: f64) -> (usize, usize) {
    (ascending.partition_point(|&v| v < value), ascending.partition_point(|&v| v <= value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeatureTable, Labels};

    /// The order of some of the groups 0, 1, … of a column, 30 people each, 0 to 9 above these numbers.
    fn order(from: &[i32], tied: &[usize]) -> Option<Order> {
        let n = 30 * from.len();
        let value = |i: usize| Some(f64::from(from[i / 30] + i as i32 % 10));
        let table = FeatureTable::new(n).numeric("spend", (0..n).map(value).collect()).unwrap();
        let index = ColumnIndex::new(&table).unwrap();
        let labels = Labels::new((0..n).map(|i| Some(i / 30))).unwrap();
        let rules = Describer::default();
        Standings::new(&index, &Groups::new(&labels), &rules).order(0, tied)
    }

    #[test]
    fn groups_are_ordered_by_their_medians_if_all_are_apart() {
        let found = order(&[500, 10, 100], &[0, 1, 2]).unwrap();
        assert_eq!(found.ascending, [(1, 14.5), (2, 104.5), (0, 504.5)]);
        assert!(found.is_lowest && found.is_highest);
        let found = order(&[500, 10, 100], &[0, 2]).unwrap();
        assert_eq!((found.is_lowest, found.is_highest), (false, true));
        // 3 higher is higher in 7 of 10 pairs, and alike; 1 higher of 5 is not clear.
        assert_eq!(order(&[100, 103], &[0, 1]), None);
        assert_eq!(order(&[5, 6], &[0, 1]), None);
        assert_eq!(order(&[500, 10], &[]), None);
    }
}
