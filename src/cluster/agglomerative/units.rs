//! Units in which squares, weighted and summed, neither overflow nor vanish nor lose digits.
//!
//! Data are multiplied by a power of two, so that distances change no digit: tiny spreads are lifted
//! (`num/scale.rs`), huge ones lowered to 2³⁰⁰. A column whose values are all within a factor of two of
//! each other is shifted to start at 0, which is exact then (Sterbenz 1974): means of such a column
//! keep the digits that an offset would cost them.

use crate::num::check::Rows;
use crate::num::columns::Columns;
use crate::num::powers::{exponent, two_to};
use crate::num::scale::Scale;

/// Spreads are lowered to this exponent: 2⁶⁰⁰ times any weights and numbers of rows is finite.
const MOST: i32 = 300;

/// A power of two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    factor: f64,
    inverse: f64,
}

impl Units {
    /// The units of rows, and the rows in them.
    pub(super) fn of_rows<'a>(rows: Rows<'a>) -> (Rows<'a>, Self) {
        let columns = Columns::of(&rows);
        let [low, high] = &columns.extremes;
        let spread = low.iter().zip(high).map(|(low, high)| high - low).fold(0.0, f64::max);
        let magnitude = columns.magnitudes.iter().copied().fold(0.0, f64::max);
        let units = Self::of_spread(spread, magnitude);
        let shift: Vec<f64> = low.iter().zip(high).map(|(&low, &high)| offset(low, high)).collect();
        let rows = if shift.iter().any(|&shift| shift != 0.0) {
            let values = rows.iter().flat_map(|row| row.iter().zip(&shift));
            let values = values.map(|(value, shift)| value - shift).collect();
            rows.with_data(values)
        } else {
            rows
        };
        (rows.times(units.factor), units)
    }

    /// The units of numbers up to `magnitude` that differ by up to `spread`.
    pub(super) fn of_spread(spread: f64, magnitude: f64) -> Self {
        if exponent(spread) > MOST {
            let by = exponent(spread) - MOST;
            return Self { factor: two_to(-by), inverse: two_to(by) };
        }
        let scale = Scale::lifting(spread, magnitude);
        Self { factor: scale.factor(), inverse: scale.inverse() }
    }

    /// What numbers are multiplied by.
    pub(super) fn factor(self) -> f64 {
        self.factor
    }

    /// What brings a distance back.
    pub(super) fn inverse(self) -> f64 {
        self.inverse
    }
}

/// What can be subtracted from every value of a column without rounding; 0 if nothing.
fn offset(low: f64, high: f64) -> f64 {
    if low > 0.0 && high <= 2.0 * low {
        low
    } else if high < 0.0 && low >= 2.0 * high {
        high
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    #[test]
    fn offsets_go_where_that_costs_no_digit_and_scales_come_near_1() {
        let x = array![[1e9 + 0.25, -3.0, 1.0], [1e9, -5.5, 5.0]];
        let (rows, units) = Units::of_rows(check::rows(x.view()).unwrap());
        assert_eq!(rows.data(), [0.25, 0.0, 1.0, 0.0, -2.5, 5.0]);
        assert_eq!(units.factor(), 1.0);
        for magnitude in [1e-170, 1e-300, 1e140] {
            let x = array![[0.0], [magnitude]];
            let (rows, units) = Units::of_rows(check::rows(x.view()).unwrap());
            let square = rows.row(1)[0] * rows.row(1)[0];
            assert!((1e-200..1e200).contains(&square));
            assert_eq!(rows.row(1)[0] * units.inverse(), magnitude);
        }
    }
}
