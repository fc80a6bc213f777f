//! Powers of two that lift tiny data to where squares do not underflow.
//!
//! Below about 1e-160 the square of a difference loses digits or vanishes, and rows that differ
//! would count as equal. A power of two changes no digit, so distances are compared at a larger
//! scale and results brought back. Ordinary data keep the factor 1 and are not copied.
//!
//! Only the spread counts: an offset takes no part in differences. Where one column is huge and
//! another's spread is tiny, the factor is held back so that nothing overflows, and what is too
//! tiny even then is as equal as in plain f64.

use serde::{Deserialize, Serialize};

use super::check::Rows;
use super::columns::Columns;
use super::powers::{exponent, two_to};
use crate::{Error, Result};

/// Spreads of 2⁻²⁵⁰ and more are left alone: parts of 2⁻²⁶⁰ of them still have exact squares.
const SMALL: i32 = -250;

/// Scaled values stay below 2¹⁰⁰¹; only their differences, of at most the spread, are squared.
const ROOM: i32 = 1000;

/// Greatest exponent: 2¹⁰⁰⁰ lifts the smallest positive number to 2⁻⁷⁴ and has an exact inverse.
const MOST: i32 = 1000;

/// A factor 2ᵉ, e in 0..=1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub(crate) struct Scale(u16);

impl Scale {
    /// The factor for these rows together with `others`, to be scaled alike.
    pub(crate) fn of(rows: &Rows<'_>, others: Option<&Rows<'_>>) -> Self {
        Self::spanning(&Columns::of(rows), others)
    }

    /// [`Scale::of`] rows whose columns are known.
    pub(crate) fn spanning(columns: &Columns, others: Option<&Rows<'_>>) -> Self {
        let [mut low, mut high] = columns.extremes.clone();
        if let Some(others) = others {
            let [lows, highs] = Columns::of(others).extremes;
            low.iter_mut().zip(lows).for_each(|(low, other)| *low = low.min(other));
            high.iter_mut().zip(highs).for_each(|(high, other)| *high = high.max(other));
        }
        let spread = low.iter().zip(&high).map(|(low, high)| high - low).fold(0.0, f64::max);
        let magnitude = low.iter().chain(&high).map(|v| v.abs()).fold(0.0, f64::max);
        Self::lifting(spread, magnitude)
    }

    /// The factor that lifts `spread` to about 1 without lifting `magnitude` out of range.
    pub(crate) fn lifting(spread: f64, magnitude: f64) -> Self {
        if spread == 0.0 || exponent(spread) >= SMALL {
            return Self(0);
        }
        Self((-exponent(spread)).min(ROOM - exponent(magnitude)).clamp(0, MOST) as u16)
    }

    /// 2ᵉ.
    pub(crate) fn factor(self) -> f64 {
        two_to(i32::from(self.0))
    }

    /// 2⁻ᵉ.
    pub(crate) fn inverse(self) -> f64 {
        two_to(-i32::from(self.0))
    }
}

impl TryFrom<u16> for Scale {
    type Error = Error;

    fn try_from(exponent: u16) -> Result<Self> {
        if i32::from(exponent) > MOST {
            return Err(Error::snapshot("scale", "its exponent exceeds 1000"));
        }
        Ok(Self(exponent))
    }
}

impl From<Scale> for u16 {
    fn from(scale: Scale) -> Self {
        scale.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    fn scale(x: &ndarray::Array2<f64>) -> Scale {
        Scale::of(&check::rows(x.view()).unwrap(), None)
    }

    #[test]
    fn ordinary_and_constant_data_keep_their_scale() {
        assert_eq!(scale(&array![[1e-3], [1e145]]).factor(), 1.0);
        assert_eq!(scale(&array![[1e-300], [1e-300]]).factor(), 1.0);
    }

    #[test]
    fn tiny_spreads_are_lifted_even_beside_an_offset_and_nothing_overflows() {
        for (x, spread) in [
            (array![[0.0], [1e-200]], 1e-200),
            (array![[1.0, 0.0], [1.0, 1e-200]], 1e-200),
            (array![[0.0], [5e-324]], 5e-324),
            (array![[1e145, 0.0], [1e145, 1e-200]], 1e-200),
        ] {
            let scale = scale(&x);
            let lifted = spread * scale.factor();
            assert!(lifted * lifted > 1e-200 && lifted < 2.0, "{lifted:e}");
            assert_eq!(lifted * scale.inverse(), spread);
            assert!(x.iter().all(|v| (v * scale.factor()).is_finite()));
        }
    }

    #[test]
    fn a_stored_exponent_out_of_range_is_refused() {
        assert!(serde_json::from_str::<Scale>("1000").is_ok());
        assert!(serde_json::from_str::<Scale>("1001").is_err());
    }
}
