//! How much each row counts: weights made whole numbers, so that their sums are exact.
//!
//! A weight is rounded once to steps of a power of two, 2⁶² of them for the greatest where there
//! are up to 4,096 rows, 2⁵⁰ at ten million; so the weights add up to at most 2⁷⁴ steps. Whole
//! numbers are kept exactly, and no positive weight becomes 0. Inside, weights are relative to the
//! greatest, so that neither 1e-300 nor 1e300 under- or overflows; results are brought back at the end.
//!
//! Rows of weight 0 are left out before anything else is computed, so that nothing can depend on
//! them; and where all other weights are equal, there is nothing to weigh.
//!
//! Cost: O(n); 8 bytes per row.

use ndarray::{ArrayView2, Axis, CowArray, Ix2};

use crate::Result;
use crate::num::check;
use crate::num::powers::times_two_to;

/// The rows that count and how much.
#[derive(Debug, Clone)]
pub(super) struct Weighting {
    /// The rows of weight above 0; none if that is all.
    present: Option<Vec<usize>>,
    /// None if all rows present weigh the same.
    weights: Option<Weights>,
    /// The weight that counts as 1 inside: a power of two, or what all rows weigh.
    unit: WeightUnit,
}

/// What brings sums of relative weights back to the caller's.
#[derive(Debug, Clone, Copy)]
enum WeightUnit {
    Weight(f64),
    PowerOfTwo(i32),
}

impl Weighting {
    /// Checks the weights of `n_rows` rows.
    ///
    /// # Errors
    /// `DimensionMismatch` for another number; `InvalidParameter` for one that is negative or not
    /// finite, and if none is above 0.
    pub(super) fn new(weights: &[f64], n_rows: usize) -> Result<Self> {
        check::weights(weights, n_rows)?;
        let positive: Vec<f64> = weights.iter().copied().filter(|&w| w > 0.0).collect();
        let first = positive[0];
        let present = (positive.len() < n_rows)
            .then(|| (0..n_rows).filter(|&row| weights[row] > 0.0).collect());
        if positive.iter().all(|&w| w == first) {
            return Ok(Self { present, weights: None, unit: WeightUnit::Weight(first) });
        }
        let (weights, exponent) = Weights::new(positive);
        Ok(Self { present, weights: Some(weights), unit: WeightUnit::PowerOfTwo(exponent) })
    }

    /// The weights of the rows present, none where they are equal.
    pub(super) fn weights(&self) -> Option<&Weights> {
        self.weights.as_ref()
    }

    /// The rows of weight above 0, none if all are.
    pub(super) fn present(&self) -> Option<&[usize]> {
        self.present.as_deref()
    }

    /// The rows present of a matrix.
    pub(super) fn select<'a>(&self, x: ArrayView2<'a, f64>) -> CowArray<'a, f64, Ix2> {
        match &self.present {
            None => x.into(),
            Some(present) => x.select(Axis(0), present).into(),
        }
    }

    /// A sum of relative weights times something, as if by the caller's weights.
    pub(super) fn restore(&self, sum: f64) -> f64 {
        match self.unit {
            WeightUnit::Weight(weight) => sum * weight,
            WeightUnit::PowerOfTwo(exponent) => times_two_to(sum, exponent),
        }
    }
}

/// A weight above 0 for every row, not all equal.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    /// Above 0 to 1, whole numbers of steps.
    relative: Vec<f64>,
    /// A power of two.
    steps_per_unit: f64,
    total: f64,
}

impl Weights {
    /// Positive weights relative to 2ᵉ, and e.
    fn new(mut weights: Vec<f64>) -> (Self, i32) {
        let mut greatest = weights.iter().copied().fold(0.0, f64::max);
        let mut exponent = 0;
        while greatest > 1.0 {
            greatest *= 0.5;
            exponent += 1;
        }
        while greatest <= 0.5 {
            greatest *= 2.0;
            exponent -= 1;
        }
        let bits = 62.min(74 - weights.len().next_power_of_two().trailing_zeros());
        let steps_per_unit = (1u64 << bits) as f64;
        let mut total = 0i128;
        for weight in &mut weights {
            let relative = times_two_to(*weight, -exponent);
            let steps = (relative * steps_per_unit).round_ties_even().max(1.0);
            total += steps as i128;
            *weight = steps / steps_per_unit;
        }
        let total = total as f64 / steps_per_unit;
        (Self { relative: weights, steps_per_unit, total }, exponent)
    }

    /// Per row, 1 at most.
    pub(super) fn relative(&self) -> &[f64] {
        &self.relative
    }

    /// The sum of all relative weights.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// A row's weight in steps, 2⁶² at most.
    #[inline]
    pub(super) fn steps(&self, row: usize) -> i64 {
        (self.relative[row] * self.steps_per_unit) as i64
    }

    /// A step as a relative weight.
    pub(super) fn step(&self) -> f64 {
        1.0 / self.steps_per_unit
    }
}

/// The weighted sum of the values of the rows from `first` on.
pub(super) fn sum(
    weights: Option<&Weights>,
    first: usize,
    values: impl Iterator<Item = f64>,
) -> f64 {
    match weights {
        None => values.sum(),
        Some(weights) => weights.relative[first..].iter().zip(values).map(|(w, v)| w * v).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn steps(weights: &[f64]) -> Vec<i64> {
        let weighting = Weighting::new(weights, weights.len()).unwrap();
        let weights = weighting.weights().unwrap();
        (0..weights.relative().len()).map(|row| weights.steps(row)).collect()
    }

    #[test]
    fn weights_keep_their_ratios_from_the_smallest_to_the_greatest_f64() {
        for factor in [1.0, 5e-324, 2f64.powi(1000)] {
            let steps = steps(&[3.0 * factor, factor, 8.0 * factor]);
            assert_eq!(steps, [3 << 59, 1 << 59, 1 << 62], "{factor:e}");
        }
        assert_eq!(steps(&[f64::MAX, 5e-324])[1], 1);
    }

    #[test]
    fn sums_come_back_in_the_callers_weights() {
        for weights in [[3.0, 1.0], [0.3, 0.3], [1e300, 1e-300], [5e-324, 1e-323]] {
            let weighting = Weighting::new(&weights, 2).unwrap();
            let total = weighting.weights().map_or(2.0, Weights::total);
            assert_eq!(weighting.restore(total), weights[0] + weights[1]);
        }
    }

    #[test]
    fn rows_without_weight_are_left_out() {
        let weighting = Weighting::new(&[0.0, 2.0, -0.0, 2.0], 4).unwrap();
        assert_eq!(weighting.present(), Some([1, 3].as_slice()));
        assert!(weighting.weights().is_none());
        let x = array![[0.0], [1.0], [2.0], [3.0]];
        assert_eq!(weighting.select(x.view()), array![[1.0], [3.0]]);
    }

    #[test]
    fn wrong_weights_are_named_with_their_row() {
        let message = |weights: &[f64]| Weighting::new(weights, 3).unwrap_err().to_string();
        assert_eq!(message(&[1.0]), "weights: expected 3, got 1");
        let rule = "weights must be 0 or more and finite, but is";
        assert_eq!(message(&[1.0, -0.5, f64::NAN]), format!("{rule} -0.5 at row 1"));
        assert_eq!(message(&[1.0, 1.0, f64::NAN]), format!("{rule} NaN at row 2"));
        assert_eq!(message(&[f64::INFINITY, 1.0, 1.0]), format!("{rule} inf at row 0"));
        assert!(
            message(&[0.0; 3]).contains("above 0 for at least one row, but is 0 at all 3 rows")
        );
    }
}
