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
//! The sums behind a delta come from one pass over the sorted column.

use crate::num::normal;

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// How far a group differs from everyone else, with its 95 % interval; all in [−1, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Effect {
    /// Cliff's delta, or the difference of shares: 0 for no difference, 1 if every member is
    /// higher than every other person.
    pub(super) size: f64,
    /// Lower end of the interval.
    pub(super) low: f64,
    /// Upper end of the interval.
    pub(super) high: f64,
}

/// How much wider an interval must be that is right of `n` effects at once (Bonferroni, designed for
/// 97.5 %, measured above 95 %): of many columns and groups one always differs by chance.
pub(super) fn wider(n: usize) -> f64 {
    normal::quantile(1.0 - 0.0125 / n.max(1) as f64) / Z
}

impl Effect {
    /// Whether the size reaches `at_least`, and an interval `wider` times as wide leaves out 0.
    pub(super) fn holds(&self, at_least: f64, wider: f64) -> bool {
        let reach = if self.size < 0.0 { self.high - self.size } else { self.size - self.low };
        self.size.abs() >= at_least && self.size.abs() > reach * wider
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

/// The sums behind Cliff's delta of a group; whole numbers, so exact in any order. Of fewer than 2³² rows
/// there are fewer than 2⁶² pairs of a member and another.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dominance {
    /// Members with a value, and others with one.
    pub(super) n: usize,
    pub(super) n_others: usize,
    /// Σ over members of (others below − others above).
    balance: i64,
    /// Σ over members of (others below − others above)².
    members: u128,
    /// Σ over others of (members below − members above)².
    others: u128,
    /// Pairs of equal values.
    ties: u64,
}

impl Dominance {
    pub(super) fn new(n: usize, n_others: usize) -> Self {
        Self { n, n_others, ..Self::default() }
    }

    /// `count` members, each with so many more others below than above.
    pub(super) fn members(&mut self, balance: i64, count: usize) {
        self.balance += balance * count as i64;
        self.members += squares(balance, count);
    }

    /// `count` others, each with so many more members below than above.
    pub(super) fn others(&mut self, balance: i64, count: usize) {
        self.others += squares(balance, count);
    }

    /// Members and others with one and the same value.
    pub(super) fn ties(&mut self, members: usize, others: usize) {
        self.ties += members as u64 * others as u64;
    }

    /// Groups without members or without others get a size of 0.
    pub(super) fn effect(&self) -> Effect {
        let n_others = self.n_others;
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
        let of_members = (self.members as f64 / (n * n) - m * delta * delta).max(0.0);
        let of_others = (self.others as f64 / (m * m) - n * delta * delta).max(0.0);
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

/// The square of a number, so many times.
fn squares(number: i64, count: usize) -> u128 {
    let number = u128::from(number.unsigned_abs());
    number * number * count as u128
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
    let together = |a: f64, b: f64| (a * a + b * b).sqrt();
    Effect {
        size: p - q,
        low: (p - q - together(p - p_low, q_high - q)).max(-1.0),
        high: (p - q + together(p_high - p, q - q_low)).min(1.0),
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

    #[test]
    fn one_person_proves_nothing() {
        let mut one = Dominance::new(1, 50);
        one.members(50, 1);
        assert_eq!(one.effect(), Effect { size: 1.0, low: -1.0, high: 1.0 });
        assert_eq!(share_difference(1, 1, 0, 50), Effect { size: 1.0, low: -1.0, high: 1.0 });
        assert_eq!(Dominance::new(1, 0).effect(), Effect { size: 0.0, low: -1.0, high: 1.0 });
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
}
