//! How far a group differs from everyone else: one scale for numbers and for categories.
//!
//! For numbers, Cliff's delta: the share of (member, other) pairs in which the member is higher,
//! minus the share in which the other is. It knows ranks only, so no single large value decides.
//! For a yes-or-no value the same number is the difference of shares, so both kinds rank together.
//!
//! Intervals are at 95 %. Delta: Cliff's consistent variance (Cliff 1993; Hogarty, Kromrey 1999)
//! in the asymmetric interval of Feng, Cliff 2004; at ±1, where the variance vanishes, the bound
//! (m − z²) / (m + z²) with m the smaller side. Shares: Newcombe 1998, method 10, from Wilson's
//! intervals. A side of fewer than two people proves nothing: the interval is then all of [−1, 1].
//!
//! Cost: O(n + distinct values · groups) per column once its values are sorted.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How far a group differs from everyone else, with its 95 % interval; all in [−1, 1].
///
/// The interval counts chance in who was sampled only. It does not know that the groups were
/// looked for in the same data, so it is on the narrow side for the columns that made the groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effect {
    /// Cliff's delta, or the difference of shares: 0 for no difference, 1 if every member is
    /// higher than every other person.
    pub size: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Effect {
    /// Whether the size reaches `at_least` and the interval leaves out 0.
    pub(super) fn holds(&self, at_least: f64) -> bool {
        self.size.abs() >= at_least && (self.low > 0.0 || self.high < 0.0)
    }

    /// In how many of all (member, other) pairs the member lies on the group's side, ties half, and
    /// the interval of that.
    pub(super) fn pairs(&self) -> [f64; 3] {
        let side = if self.size < 0.0 { -1.0 } else { 1.0 };
        let mut pairs = [self.size, self.low, self.high].map(|d| f64::midpoint(1.0, side * d));
        pairs[1..].sort_unstable_by(f64::total_cmp);
        pairs
    }

    const fn unknown(size: f64) -> Self {
        Self { size, low: -1.0, high: 1.0 }
    }
}

/// What one pass over a sorted column finds for a group.
#[derive(Debug, Clone, Copy, Default)]
struct Dominance {
    /// Members with a value.
    n: usize,
    /// Members below the value at hand, and equal to it.
    below: usize,
    equal: usize,
    /// Σ over members of (others below − others above), in pairs; exact.
    balance: i128,
    /// Σ over members of (share of others below − share above)².
    members: f64,
    /// Σ over others of (share of members below − share above)².
    others: f64,
    /// Pairs of equal values.
    ties: i128,
}

/// Cliff's delta of every group against all other rows with a value. `column` holds (value, group)
/// sorted by value; rows in no group carry `None` and count among the others of every group.
/// Groups without members or without others get a size of 0.
pub(super) fn deltas(column: &[(f64, Option<usize>)], n_groups: usize) -> Vec<Effect> {
    debug_assert!(column.is_sorted_by(|a, b| a.0 <= b.0));
    let n = column.len();
    let mut groups = vec![Dominance::default(); n_groups];
    for &(_, group) in column {
        if let Some(group) = group {
            groups[group].n += 1;
        }
    }
    let mut below = 0;
    for tied in column.chunk_by(|a, b| a.0 == b.0) {
        for &(_, group) in tied {
            if let Some(group) = group {
                groups[group].equal += 1;
            }
        }
        let above = n - below - tied.len();
        for g in &mut groups {
            let n_others = n - g.n;
            if g.n > 0 && n_others > 0 {
                let others_below = below - g.below;
                let others_above = above - (g.n - g.below - g.equal);
                let balance = others_below as i128 - others_above as i128;
                g.balance += balance * g.equal as i128;
                g.members += (balance as f64 / n_others as f64).powi(2) * g.equal as f64;
                let share = (g.below as f64 - (g.n - g.below - g.equal) as f64) / g.n as f64;
                g.others += share * share * (tied.len() - g.equal) as f64;
                g.ties += g.equal as i128 * (tied.len() - g.equal) as i128;
            }
            g.below += g.equal;
            g.equal = 0;
        }
        below += tied.len();
    }
    groups.iter().map(|g| g.effect(n - g.n)).collect()
}

impl Dominance {
    fn effect(&self, n_others: usize) -> Effect {
        if self.n == 0 || n_others == 0 {
            return Effect::unknown(0.0);
        }
        let (m, n) = (self.n as f64, n_others as f64);
        let delta = self.balance as f64 / (m * n);
        if self.n < 2 || n_others < 2 {
            return Effect::unknown(delta);
        }
        let z2 = Z * Z;
        if delta.abs() == 1.0 {
            let inner = ((m.min(n) - z2) / (m.min(n) + z2)).max(-1.0);
            let (low, high) = if delta > 0.0 { (inner, 1.0) } else { (-1.0, -inner) };
            return Effect { size: delta, low, high };
        }
        // Sums of squared deviations from delta; rounding may leave a tiny negative.
        let of_members = (self.members - m * delta * delta).max(0.0);
        let of_others = (self.others - n * delta * delta).max(0.0);
        let of_pairs = (m * n - self.ties as f64 - m * n * delta * delta).max(0.0);
        let variance = ((n - 1.0) / (m - 1.0) * of_members
            + (m - 1.0) / (n - 1.0) * of_others
            + of_pairs / ((m - 1.0) * (n - 1.0)))
            / (m * n);
        let d2 = delta * delta;
        let middle = delta - delta * d2;
        let reach = Z * (variance * ((1.0 - d2).powi(2) + z2 * variance)).sqrt();
        let scale = 1.0 - d2 + z2 * variance;
        Effect {
            size: delta,
            low: ((middle - reach) / scale).max(-1.0),
            high: ((middle + reach) / scale).min(1.0),
        }
    }
}

/// The difference of two shares, `k` of `n` against `k_others` of `n_others`.
pub(super) fn share_difference(k: usize, n: usize, k_others: usize, n_others: usize) -> Effect {
    debug_assert!(k <= n && k_others <= n_others);
    if n == 0 || n_others == 0 {
        return Effect::unknown(0.0);
    }
    let (p, q) = (k as f64 / n as f64, k_others as f64 / n_others as f64);
    if n < 2 || n_others < 2 {
        return Effect::unknown(p - q);
    }
    let ((p_low, p_high), (q_low, q_high)) = (wilson(k, n), wilson(k_others, n_others));
    Effect {
        size: p - q,
        low: (p - q - (p - p_low).hypot(q_high - q)).max(-1.0),
        high: (p - q + (p_high - p).hypot(q - q_low)).min(1.0),
    }
}

/// Wilson's 95 % interval of a share, `k` of `n` (Wilson 1927).
pub(super) fn wilson(k: usize, n: usize) -> (f64, f64) {
    debug_assert!(k <= n && n > 0);
    let (p, n, z2) = (k as f64 / n as f64, n as f64, Z * Z);
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let reach = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    // At 0 and n of n the bound is the share itself, but for rounding.
    ((middle - reach).clamp(0.0, p), (middle + reach).clamp(p, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    fn delta(members: &[f64], others: &[f64]) -> Effect {
        let mut column: Vec<_> = members.iter().map(|&v| (v, Some(0))).collect();
        column.extend(others.iter().map(|&v| (v, None)));
        column.sort_by(|a, b| a.0.total_cmp(&b.0));
        deltas(&column, 1)[0]
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
        assert!(!effect.holds(0.3), "{effect:?}");
        let effect = delta(&[1.0, 2.0, 3.0, 4.0], &[9.0, 9.0, 9.0, 9.0]);
        assert!((effect.high + (4.0 - Z * Z) / (4.0 + Z * Z)).abs() < 1e-15);
        assert!(effect.holds(0.3), "{effect:?}");
    }

    #[test]
    fn one_person_proves_nothing() {
        assert_eq!(delta(&[100.0], &[1.0; 50]), Effect { size: 1.0, low: -1.0, high: 1.0 });
        assert_eq!(share_difference(1, 1, 0, 50), Effect { size: 1.0, low: -1.0, high: 1.0 });
        assert_eq!(delta(&[1.0], &[]), Effect { size: 0.0, low: -1.0, high: 1.0 });
    }

    #[test]
    fn equal_values_everywhere_are_no_effect() {
        let effect = delta(&[7.0; 30], &[7.0; 30]);
        assert_eq!((effect.size, effect.holds(0.0)), (0.0, false));
    }

    #[test]
    fn the_difference_of_shares_is_the_published_one() {
        // Newcombe 1998, table II, example a: 56/70 against 48/80, method 10: 0.0524 to 0.3339.
        let effect = share_difference(56, 70, 48, 80);
        assert!((effect.size - 0.2).abs() < 1e-12);
        assert!((effect.low - 0.0524).abs() < 5e-5 && (effect.high - 0.3339).abs() < 5e-5);
        // ... and example f: 10/10 against 0/20, 0.6791 to 1.
        let effect = share_difference(10, 10, 0, 20);
        assert!((effect.low - 0.6791).abs() < 5e-5 && effect.high == 1.0);
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
    }
}
