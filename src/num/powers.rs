//! Powers of two, by which numbers change their scale but not their digits.

/// 2ᵉ, −1022 ≤ e ≤ 1023.
#[inline]
pub(crate) const fn two_to(exponent: i32) -> f64 {
    debug_assert!(-1022 <= exponent && exponent <= 1023);
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// value·2ᵉ, |e| ≤ 2000: exact unless the result is subnormal.
pub(crate) fn times_two_to(value: f64, exponent: i32) -> f64 {
    debug_assert!(exponent.abs() <= 2000);
    let half = exponent / 2;
    value * two_to(half) * two_to(exponent - half)
}

/// ⌊log₂|v|⌋; −1023 for 0 and subnormal numbers.
pub(crate) fn exponent(v: f64) -> i32 {
    (v.to_bits() >> 52 & 0x7ff) as i32 - 1023
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for e in [-1022, -600, -1, 0, 1, 52, 1023] {
            assert_eq!(two_to(e), 2f64.powi(e));
            assert_eq!((exponent(two_to(e)), exponent(-1.5 * two_to(e))), (e, e));
        }
        assert_eq!((exponent(0.0), exponent(5e-324)), (-1023, -1023));
    }

    #[test]
    fn scaling_goes_beyond_what_one_factor_can() {
        assert_eq!(times_two_to(5e-324, 1074 + 900), 2f64.powi(900));
        assert_eq!(times_two_to(2f64.powi(900), -1074 - 900), 5e-324);
        assert_eq!(times_two_to(-3.0, 7), -384.0);
    }
}
