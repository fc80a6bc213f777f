//! What the order of a column says of every group, in one pass: Cliff's delta with its interval, medians,
//! and who lies on which side of the median of all.
//!
//! Between two members of a group all rows are others, for whom the share of members below is the same:
//! they are counted at once when the next member comes. Cost: O(n + groups) per column, and 4 bytes of
//! memory per row.

use super::effect::{Dominance, Effect};
use super::index::{Groups, IndexedNumbers, NONE};
use crate::num::stats;

/// What the order says of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    /// Members with a number.
    pub(super) n: usize,
    pub(super) effect: Effect,
    /// The median of the members, and of everyone else; NaN for none.
    pub(super) median: f64,
    pub(super) median_others: f64,
    /// Members below the median of all, and at it.
    pub(super) below: usize,
    pub(super) at: usize,
}

/// A group while the pass goes on.
#[derive(Debug, Clone, Default)]
struct RunningGroup {
    dominance: Dominance,
    /// Members so far, and in the run of equal numbers at hand.
    below: usize,
    equal: usize,
    /// The position behind the last run with a member.
    end: usize,
    /// Positions of the two middle members, and of the two middle others.
    middle: [usize; 2],
    middle_others: [usize; 2],
    /// Members below the median of all, and not above it.
    below_median: usize,
    upto_median: usize,
}

/// Every group, and η² of the mid-ranks less its bias (Kruskal, Wallis 1952; Kelley 1935): of rows in a
/// group, the share of the variance of the ranks that lies between groups, in [0, 1].
pub(super) fn ranked(
    numbers: &IndexedNumbers<'_>,
    groups: &Groups<'_>,
    known: &[usize],
) -> Vec<Ranked> {
    let n = numbers.order.len();
    let mut states: Vec<RunningGroup> = known
        .iter()
        .map(|&m| RunningGroup { dominance: Dominance::new(m, n - m), ..RunningGroup::default() })
        .collect();
    // Looked up for all rows at once: these reads are all over memory, and nothing waits for one of them.
    let in_order: Vec<u32> = numbers.order.iter().map(|&row| groups.of[row as usize]).collect();
    let mut start = 0;
    let mut touched: Vec<usize> = Vec::new();
    while start < n {
        if start == numbers.not_below {
            states.iter_mut().for_each(|state| state.below_median = state.below);
        }
        if start == numbers.above {
            states.iter_mut().for_each(|state| state.upto_median = state.below);
        }
        let end = numbers.end_of_run(start);
        for &group in &in_order[start..end] {
            if group != NONE {
                let state = &mut states[group as usize];
                if state.equal == 0 {
                    touched.push(group as usize);
                }
                state.equal += 1;
            }
        }
        touched.drain(..).for_each(|group| states[group].run(start, end, n));
        start = end;
    }
    let all = states.into_iter().map(|mut state| {
        if n == numbers.not_below {
            state.below_median = state.below;
        }
        if n == numbers.above {
            state.upto_median = state.below;
        }
        state.ended(numbers)
    });
    all.collect()
}

impl RunningGroup {
    /// The others since the last member, then a run of equal numbers with members in it.
    fn run(&mut self, start: usize, end: usize, n: usize) {
        let Dominance { n: members, n_others, .. } = self.dominance;
        self.gap(start);
        let equal = self.equal;
        let (others_below, others_equal) = (start - self.below, end - start - equal);
        let above = members - self.below - equal;
        let others_above = n - end - above;
        if n_others > 0 {
            self.dominance.members(others_below as i64 - others_above as i64, equal);
            self.dominance.others(self.below as i64 - above as i64, others_equal);
            self.dominance.ties(equal, others_equal);
        }
        let halves = |n: usize| [n.saturating_sub(1) / 2, n / 2];
        for (position, place) in self.middle.iter_mut().zip(halves(members)) {
            if (self.below..self.below + equal).contains(&place) {
                *position = start;
            }
        }
        for (position, place) in self.middle_others.iter_mut().zip(halves(n_others)) {
            if (others_below..others_below + others_equal).contains(&place) {
                *position = start;
            }
        }
        self.below += equal;
        self.equal = 0;
        self.end = end;
    }

    /// The others between the last run with a member and `start`.
    fn gap(&mut self, start: usize) {
        let Dominance { n: members, n_others, .. } = self.dominance;
        self.dominance.others(2 * self.below as i64 - members as i64, start - self.end);
        let others = self.end - self.below..start - self.below;
        let halves = [n_others.saturating_sub(1) / 2, n_others / 2];
        for (position, place) in self.middle_others.iter_mut().zip(halves) {
            if others.contains(&place) {
                *position = place + self.below;
            }
        }
    }

    fn ended(mut self, numbers: &IndexedNumbers<'_>) -> Ranked {
        self.gap(numbers.order.len());
        let Dominance { n, n_others, .. } = self.dominance;
        let median = |n: usize, [low, high]: [usize; 2]| match n {
            0 => f64::NAN,
            _ => stats::middle(numbers.at(low), numbers.at(high)),
        };
        Ranked {
            n,
            effect: self.dominance.effect(),
            median: median(n, self.middle),
            median_others: median(n_others, self.middle_others),
            below: self.below_median,
            at: self.upto_median - self.below_median,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::effect::share_difference;
    use super::super::index::ColumnIndex;
    use super::*;
    use crate::{FeatureTable, Labels};
    use proptest::prelude::*;

    /// The 97.5 % quantile of the standard normal distribution.
    const Z: f64 = 1.959_963_984_540_054;

    /// The definition, pair by pair.
    fn naive(members: &[f64], others: &[f64]) -> Effect {
        let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
        let (m, n) = (members.len() as f64, others.len() as f64);
        let mean = |sum: f64, n: f64| sum / n;
        let all: Vec<f64> =
            members.iter().flat_map(|&a| others.iter().map(move |&b| sign(a, b))).collect();
        let delta = mean(all.iter().sum(), m * n);
        let rows = members.iter().map(|&a| mean(others.iter().map(|&b| sign(a, b)).sum(), n));
        let columns = others.iter().map(|&b| mean(members.iter().map(|&a| sign(a, b)).sum(), m));
        let s_rows = rows.map(|d| (d - delta).powi(2)).sum::<f64>() / (m - 1.0);
        let s_columns = columns.map(|d| (d - delta).powi(2)).sum::<f64>() / (n - 1.0);
        let s_pairs = all.iter().map(|d| (d - delta).powi(2)).sum::<f64>();
        let variance =
            ((n - 1.0) * s_rows + (m - 1.0) * s_columns + s_pairs / ((m - 1.0) * (n - 1.0)))
                / (m * n);
        let (d2, z2) = (delta * delta, Z * Z);
        let reach = Z * variance.sqrt() * ((1.0 - d2).powi(2) + z2 * variance).sqrt();
        let scale = 1.0 - d2 + z2 * variance;
        Effect {
            size: delta,
            low: ((delta - delta.powi(3) - reach) / scale).max(-1.0),
            high: ((delta - delta.powi(3) + reach) / scale).min(1.0),
        }
    }

    /// All groups of labelled numbers.
    fn all(values: &[f64], labels: &[Option<usize>]) -> Vec<Ranked> {
        let values = values.iter().map(|&v| Some(v)).collect();
        let table = FeatureTable::new(labels.len()).numeric("x", values).unwrap();
        let index = ColumnIndex::new(&table).unwrap();
        let super::super::index::IndexedKind::Numbers(numbers) = &index.columns[0].kind else {
            unreachable!("numbers")
        };
        let labels = Labels::new(labels.iter().copied()).unwrap();
        ranked(numbers, &Groups::new(&labels), labels.sizes())
    }

    fn delta(members: &[f64], others: &[f64]) -> Effect {
        let labels = [vec![Some(0); members.len()], vec![None; others.len()]].concat();
        all(&[members, others].concat(), &labels)[0].effect
    }

    #[test]
    fn delta_counts_pairs_and_ties_count_for_neither_side() {
        // 1 against 2, 3, 4: −3; 2: −2; 3: +1 − 1 = 0. Together −5 of 9 pairs.
        let effect = delta(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0]);
        assert!((effect.size + 5.0 / 9.0).abs() < 1e-15, "{effect:?}");
        assert!(effect.low < -0.9 && effect.high > 0.0, "{effect:?}");
    }

    #[test]
    fn complete_separation_proves_something_from_four_people_on() {
        let effect = delta(&[1.0, 2.0, 3.0], &[9.0, 9.0, 9.0, 9.0]);
        assert_eq!(effect.size, -1.0);
        assert!(!effect.holds(0.3, 1.0), "{effect:?}");
        let effect = delta(&[1.0, 2.0, 3.0, 4.0], &[9.0, 9.0, 9.0, 9.0]);
        assert!((effect.high + (4.0 - Z * Z) / (4.0 + Z * Z)).abs() < 1e-15);
        assert!(effect.holds(0.3, 1.0), "{effect:?}");
    }

    #[test]
    fn equal_values_everywhere_are_no_effect() {
        let effect = delta(&[7.0; 30], &[7.0; 30]);
        assert_eq!((effect.size, effect.holds(0.0, 1.0)), (0.0, false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn one_sorted_pass_equals_all_pairs(
            members in prop::collection::vec(0u8..6, 2..12),
            others in prop::collection::vec(0u8..6, 2..12),
        ) {
            let numbers = |v: &[u8]| v.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (members, others) = (numbers(&members), numbers(&others));
            let (fast, slow) = (delta(&members, &others), naive(&members, &others));
            prop_assert!((fast.size - slow.size).abs() < 1e-12);
            if slow.size.abs() < 0.999 {
                prop_assert!((fast.low - slow.low).abs() < 1e-9, "{:?} {:?}", fast, slow);
                prop_assert!((fast.high - slow.high).abs() < 1e-9);
            }
            prop_assert!(fast.low <= fast.size && fast.size <= fast.high);
        }

        #[test]
        fn a_yes_or_no_value_has_the_same_effect_as_a_number_and_as_a_share(
            members in prop::collection::vec(0u8..2, 2..20),
            others in prop::collection::vec(0u8..2, 2..20),
        ) {
            let numbers = |v: &[u8]| v.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let yes = |v: &[u8]| v.iter().filter(|&&x| x == 1).count();
            let as_number = delta(&numbers(&members), &numbers(&others)).size;
            let as_share =
                share_difference(yes(&members), members.len(), yes(&others), others.len()).size;
            prop_assert!((as_number - as_share).abs() < 1e-12);
        }

        #[test]
        fn medians_and_sides_are_those_of_the_sorted_members(
            rows in prop::collection::vec((0i8..8, prop::option::of(0usize..3)), 1..40),
        ) {
            // All three groups have a member, as labels need.
            let mut rows = rows;
            rows.extend((0..3).map(|group| (0, Some(group))));
            let values: Vec<f64> = rows.iter().map(|(v, _)| f64::from(*v)).collect();
            // Labels number the larger groups first.
            let labels = Labels::new(rows.iter().map(|(_, group)| *group)).unwrap().to_vec();
            let median = stats::median(&stats::sorted(&values));
            for (group, found) in all(&values, &labels).iter().enumerate() {
                let side = |is: bool| {
                    let rows = values.iter().zip(&labels);
                    let chosen = rows.filter(|(_, g)| (**g == Some(group)) == is);
                    stats::sorted(&chosen.map(|(v, _)| *v).collect::<Vec<_>>())
                };
                let (members, others) = (side(true), side(false));
                prop_assert_eq!((found.n, found.median), (members.len(), stats::median(&members)));
                prop_assert_eq!(found.median_others, stats::median(&others));
                let below = members.iter().filter(|&&v| v < median).count();
                let at = members.iter().filter(|&&v| v == median).count();
                prop_assert_eq!((found.below, found.at), (below, at));
            }
        }
    }
}
