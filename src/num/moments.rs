//! Variances that do not depend on order: sums of squares on the grid of [`Fixed`], exactly.
//!
//! A value is an integer of up to 101 bits there, its square one of 202, and 256 bits hold 2²⁷ of the
//! largest with the factor n that the variance needs: Var = (n Σm² − (Σm)²) / n², in steps of 2⁻⁸⁰.
//! All of it is integer arithmetic until the last division; beyond 256 bits it saturates.

use super::fixed::Fixed;

/// A sum of squares: an unsigned integer of 256 bits, high half first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Squares {
    high: u128,
    low: u128,
}

impl Squares {
    /// The square of a value on the grid.
    pub(crate) fn of(value: Fixed) -> Self {
        let magnitude = value.steps().unsigned_abs();
        Self::product(magnitude, magnitude)
    }

    pub(crate) fn add(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self.high.checked_add(other.high);
        match high.and_then(|high| high.checked_add(u128::from(carry))) {
            Some(high) => Self { high, low },
            None => Self { high: u128::MAX, low: u128::MAX },
        }
    }

    /// The standard deviation (divisor n) of `n` values with this sum of squares and that sum.
    pub(crate) fn std(self, sum: Fixed, n: u64) -> f64 {
        debug_assert!(n > 0);
        let n_squares = self.times(n);
        let squared_sum = Self::of(sum);
        // Cauchy: never below 0, except where a sum was cut off.
        let steps = n_squares.minus(squared_sum).value().sqrt();
        steps / n as f64 * Fixed::STEP
    }

    /// As 64-bit words, lowest first.
    pub(crate) fn words(self) -> [u64; 4] {
        let halves = |x: u128| [x as u64, (x >> 64) as u64];
        let ([a, b], [c, d]) = (halves(self.low), halves(self.high));
        [a, b, c, d]
    }

    pub(crate) fn from_words([a, b, c, d]: [u64; 4]) -> Self {
        let join = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        Self { high: join(c, d), low: join(a, b) }
    }

    /// By 64-bit halves, as on paper.
    fn product(a: u128, b: u128) -> Self {
        const HALF: u128 = u64::MAX as u128;
        let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
        let (middle, carry) = (a1 * b0).overflowing_add(a0 * b1);
        let (low, carry_low) = (a0 * b0).overflowing_add(middle << 64);
        let high = a1 * b1 + (middle >> 64) + (u128::from(carry) << 64) + u128::from(carry_low);
        Self { high, low }
    }

    fn times(self, n: u64) -> Self {
        let low = Self::product(self.low, u128::from(n));
        match self.high.checked_mul(u128::from(n)).and_then(|high| high.checked_add(low.high)) {
            Some(high) => Self { high, low: low.low },
            None => Self { high: u128::MAX, low: u128::MAX },
        }
    }

    fn minus(self, other: Self) -> Self {
        if self <= other {
            return Self::default();
        }
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self { high: self.high - other.high - u128::from(borrow), low }
    }

    /// The nearest f64, but for a rounding of either half.
    fn value(self) -> f64 {
        self.high as f64 * 2f64.powi(128) + self.low as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::num::stats;

    fn std(values: &[f64]) -> f64 {
        let fixed: Vec<Fixed> = values.iter().filter_map(|&v| Fixed::new(v)).collect();
        let squares = fixed.iter().map(|&v| Squares::of(v)).fold(Squares::default(), Squares::add);
        squares.std(fixed.iter().copied().sum(), fixed.len() as u64)
    }

    #[test]
    fn the_standard_deviation_of_the_golden_column_is_3_5355() {
        assert!((std(&[1.0, 2.0, 3.0, 10.0]) - 3.535_533_905_932_737_7).abs() < 1e-15);
        assert_eq!(std(&[7.5]), 0.0);
    }

    #[test]
    fn far_from_0_nothing_is_lost() {
        let far = (1u64 << 59) as f64;
        assert_eq!(std(&[far, far, far]), 0.0);
        assert_eq!(std(&[far, -far]), far);
        assert_eq!(std(&[1e12 + 1.0, 1e12 + 3.0]), 1.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn it_is_the_standard_deviation_of_floats_in_any_order(
            values in prop::collection::vec(-1e6f64..1e6, 1..40), split in 0usize..40,
        ) {
            let mut turned = values.clone();
            turned.rotate_left(split % values.len());
            prop_assert_eq!(std(&values).to_bits(), std(&turned).to_bits());
            let (_, expected) = stats::mean_and_std(&values);
            prop_assert!((std(&values) - expected).abs() <= 1e-9 * (1.0 + expected));
        }

        #[test]
        fn words_and_back_are_the_same(a in any::<u128>(), b in any::<u128>()) {
            let squares = Squares::product(a, b);
            prop_assert_eq!(Squares::from_words(squares.words()), squares);
            // Modulo 2^64 − 1, where 2^64 is 1: the old check of casting out nines.
            let nines = |x: u128| x % u128::from(u64::MAX);
            let of_words = squares.words().iter().fold(0, |sum, &w| nines(sum + u128::from(w)));
            prop_assert_eq!(of_words, nines(nines(a) * nines(b)));
        }
    }
}
