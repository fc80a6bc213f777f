//! Whole numbers of any size on a fixed grid: exact sums of f64 values and of their products.
//!
//! A number is digits of 22 bits, from some place on; place 0 counts 2⁻¹⁰⁷⁴ in a sum of values, the least
//! f64, and its square in a sum of products. Nothing is rounded, so sums do not depend on order, split
//! or merge. The form is unique: a sign, no digit 0 at either end.
//!
//! Cost: a few digits per number, as many as the values' magnitudes span.

use serde::{Deserialize, Serialize};

/// Bits of a digit: the products of two digits add up exactly in f64, 512 of them.
pub(crate) const BITS: u32 = 22;

const BASE: i128 = 1 << BITS;

/// Places that the square of the greatest f64 reaches, and sums of 2⁶⁴ of these.
const PLACES: usize = 204;

/// sign · Σ digit · 2^(22 · place).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub(crate) struct Digits {
    negative: bool,
    /// The place of the first digit.
    low: usize,
    digits: Vec<u32>,
}

impl Digits {
    /// The digits of a sum of whole numbers, each at its place, from `low` on. The numbers can be negative, and must
    /// leave room for carries.
    pub(crate) fn of_places(low: usize, places: &[i128]) -> Self {
        let mut carried = Vec::with_capacity(places.len() + 4);
        let mut carry = 0;
        for place in places {
            carry += place;
            carried.push(carry.rem_euclid(BASE) as u32);
            carry = carry.div_euclid(BASE);
        }
        if carry < 0 {
            let negated: Vec<i128> = places.iter().map(|place| -place).collect();
            return Self { negative: true, ..Self::of_places(low, &negated) };
        }
        while carry > 0 {
            carried.push((carry % BASE) as u32);
            carry /= BASE;
        }
        let first = carried.iter().position(|&digit| digit != 0);
        let Some(first) = first else { return Self::default() };
        let last = carried.iter().rposition(|&digit| digit != 0).unwrap_or(first);
        Self { negative: false, low: low + first, digits: carried[first..=last].to_vec() }
    }

    /// Adds the digits, with their sign and times a factor, to places from 0 on.
    pub(crate) fn add_to(&self, places: &mut Vec<i128>, factor: i128) {
        let end = self.low + self.digits.len();
        if places.len() < end {
            places.resize(end, 0);
        }
        let factor = if self.negative { -factor } else { factor };
        for (place, &digit) in places[self.low..].iter_mut().zip(&self.digits) {
            *place += factor * i128::from(digit);
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        let mut places = Vec::new();
        self.add_to(&mut places, 1);
        other.add_to(&mut places, 1);
        Self::of_places(0, &places)
    }

    /// `self`·n − a·b.
    pub(crate) fn times_minus_product(&self, n: u64, a: &Self, b: &Self) -> Self {
        let mut places = Vec::new();
        self.add_to(&mut places, i128::from(n));
        let sign = if a.negative == b.negative { -1 } else { 1 };
        for (at, &digit) in a.digits.iter().enumerate() {
            let shifted =
                Self { negative: false, low: a.low + at + b.low, digits: b.digits.clone() };
            shifted.add_to(&mut places, sign * i128::from(digit));
        }
        Self::of_places(0, &places)
    }

    /// Whether it is below 0.
    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Bits of the magnitude, counted from place 0.
    pub(crate) fn n_bits(&self) -> usize {
        let Some(&last) = self.digits.last() else { return 0 };
        BITS as usize * (self.low + self.digits.len() - 1)
            + (u32::BITS - last.leading_zeros()) as usize
    }

    /// The nearest f64 and the power of two to multiply it by.
    pub(crate) fn value(&self) -> (f64, i32) {
        let n = self.digits.len();
        let from = n.saturating_sub(5);
        let top = self.digits[from..].iter().rev();
        let mut whole = top.fold(0u128, |whole, &digit| whole << BITS | u128::from(digit));
        // What lies below rounds a tie.
        whole |= u128::from(from > 0);
        let value = if self.negative { -(whole as f64) } else { whole as f64 };
        (value, (BITS as usize * (self.low + from)) as i32)
    }
}

/// [`Digits`] as they are stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    negative: bool,
    low: usize,
    digits: Vec<u32>,
}

impl TryFrom<Stored> for Digits {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { negative, low, digits } = stored;
        let is_trimmed = match (digits.first(), digits.last()) {
            (Some(&first), Some(&last)) => first != 0 && last != 0,
            _ => low == 0 && !negative,
        };
        if !is_trimmed || digits.iter().any(|&digit| i128::from(digit) >= BASE) {
            return Err("digits that are not trimmed or too large");
        }
        if low.saturating_add(digits.len()) > PLACES {
            return Err("digits beyond all sums");
        }
        Ok(Self { negative, low, digits })
    }
}

/// The digits of a value from its first place on, with its sign.
pub(crate) fn of_value(value: f64) -> (usize, [f64; 4]) {
    let bits = value.to_bits();
    let raw = (bits >> 52 & 0x7ff) as u32;
    let hidden = u64::from(raw > 0) << 52;
    let shift = raw.max(1) - 1;
    let mantissa = u128::from(bits & ((1 << 52) - 1) | hidden) << (shift % BITS);
    let sign = if value.is_sign_negative() { -1.0 } else { 1.0 };
    let digit = |at: u32| sign * ((mantissa >> (BITS * at)) as u32 & (BASE as u32 - 1)) as f64;
    ((shift / BITS) as usize, [digit(0), digit(1), digit(2), digit(3)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::powers::times_two_to;
    use proptest::prelude::*;

    fn exact(value: f64) -> Digits {
        let (low, digits) = of_value(value);
        Digits::of_places(low, &digits.map(|digit| digit as i128))
    }

    fn value(digits: &Digits) -> f64 {
        let (value, exponent) = digits.value();
        times_two_to(value, exponent - 1074)
    }

    #[test]
    fn ends_of_the_range_come_back() {
        for v in [0.0, 5e-324, -5e-324, f64::MIN_POSITIVE, 1.0, -0.1, f64::MAX, f64::MIN] {
            assert_eq!(value(&exact(v)), v);
            let json = serde_json::to_string(&exact(v)).unwrap();
            assert_eq!(serde_json::from_str::<Digits>(&json).unwrap(), exact(v));
        }
        for broken in [
            r#"{"negative":true,"low":0,"digits":[]}"#,
            r#"{"negative":false,"low":0,"digits":[0,1]}"#,
            r#"{"negative":false,"low":0,"digits":[4194304]}"#,
            r#"{"negative":false,"low":18446744073709551615,"digits":[1]}"#,
        ] {
            assert!(serde_json::from_str::<Digits>(broken).is_err());
        }
    }

    proptest! {
        #[test]
        fn values_come_back_and_sums_are_exact_and_of_one_form(
            values in prop::collection::vec(-1000i64..1000, 1..20),
            exponent in -900i32..900,
        ) {
            let each: Vec<f64> =
                values.iter().map(|&v| times_two_to(v as f64 / 7.0, exponent)).collect();
            let sum = each.iter().fold(Digits::default(), |sum, &v| sum.plus(&exact(v)));
            let back = each.iter().rev().fold(Digits::default(), |sum, &v| exact(v).plus(&sum));
            prop_assert_eq!(&sum, &back);
            each.iter().for_each(|&v| assert_eq!(value(&exact(v)), v));
            let negated = each.iter().fold(sum, |sum, &v| sum.plus(&exact(-v)));
            prop_assert_eq!(negated, Digits::default());
        }

        #[test]
        fn products_are_those_of_whole_numbers(
            a in -1_000_000_000_000i64..1_000_000_000_000,
            b in -1_000_000_000_000i64..1_000_000_000_000,
            p in -1_000_000_000_000i64..1_000_000_000_000,
            n in 1u64..1_000_000_000,
        ) {
            let whole = |v: i128| Digits::of_places(0, &[v]);
            let found = whole(p.into()).times_minus_product(n, &whole(a.into()), &whole(b.into()));
            let expected = i128::from(p) * i128::from(n) - i128::from(a) * i128::from(b);
            prop_assert_eq!(&found, &whole(expected));
            let (value, exponent) = found.value();
            prop_assert_eq!(times_two_to(value, exponent), expected as f64);
        }
    }
}
