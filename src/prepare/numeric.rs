//! Numbers: the long tail tamed, then centred and scaled; and all of it undone.
//!
//! Everything is computed from the *sorted* present values, so parameters do not depend on the
//! order of rows, to the bit, and missing values say nothing about centre or width. The mean is
//! corrected by a second pass and the standard deviation taken around the corrected mean; columns are
//! measured in a power of two first, so that nothing overflows or vanishes.
//!
//! A long tail is tamed by a signed logarithm that bends at a value of the column itself, so that no
//! unit of measurement changes the shape: cents and millions give the same groups, and a column times
//! a power of two the same bits.
//!
//! Cost: one sort and a few passes per column.

use super::options::Scaling;
use super::scale::{ColumnScale, TailTransform};
use super::step::{Dropped, Encoding};
use crate::num::stats;

/// Chooses tail transform, scale and fill for the values that are present; `values` not empty.
pub(super) fn fit(
    mut values: Vec<f64>,
    scaling: Scaling,
    tame_tails: bool,
) -> Result<Encoding, Dropped> {
    values.sort_unstable_by(f64::total_cmp);
    let shape = Shape::of(&values).ok_or(Dropped::Constant)?;
    let fill = stats::median(&values);
    let (tail, tamed) = tame_tails
        .then(|| tame(&values, &shape))
        .flatten()
        .unwrap_or((TailTransform::Kept, values));
    let scale = scale(&tamed, scaling).ok_or(Dropped::Constant)?;
    Ok(Encoding::Numeric { tail, scale, fill })
}

/// Centre and width of sorted values; `None` for a constant.
pub(super) fn scale(sorted: &[f64], scaling: Scaling) -> Option<ColumnScale> {
    let shape = Shape::of(sorted)?;
    Some(match scaling {
        Scaling::None => ColumnScale::AsIs,
        Scaling::Standard => ColumnScale::Standard { mean: shape.mean, sd: shape.sd },
        Scaling::Robust => {
            let median = stats::median(sorted);
            match stats::interquartile_range(sorted) {
                Some(iqr) => ColumnScale::Robust { median, iqr },
                None => ColumnScale::MedianStd { median, sd: shape.sd },
            }
        }
    })
}

/// Skewness from which a tail counts as long: "highly skewed" by Bulmer's rule (1979).
const LONG_TAIL: f64 = 1.0;

/// A transform must take at least a tenth off the skewness to be worth explaining.
const WORTHWHILE: f64 = 0.9;

/// A transform that takes skewness off, and the transformed values; `None` if none does.
fn tame(sorted: &[f64], shape: &Shape) -> Option<(TailTransform, Vec<f64>)> {
    if shape.skewness.abs() < LONG_TAIL {
        return None;
    }
    // A long left tail of numbers that are not negative would become longer.
    if sorted[0] >= 0.0 && shape.skewness < 0.0 {
        return None;
    }
    let tail = TailTransform::Log { bend: bend(sorted)? };
    let mut tamed = sorted.to_vec();
    tail.apply(&mut tamed);
    let after = Shape::of(&tamed)?.skewness.abs();
    (after <= WORTHWHILE * shape.skewness.abs()).then_some((tail, tamed))
}

/// The lower quartile of the magnitudes of values other than 0: a value of the column, so that it is in
/// the column's unit to the bit. `None` if no quotient by it can be computed with.
fn bend(sorted: &[f64]) -> Option<f64> {
    let mut magnitudes: Vec<f64> = sorted.iter().map(|x| x.abs()).filter(|x| *x > 0.0).collect();
    let quarter = magnitudes.len() / 4;
    if magnitudes.is_empty() {
        return None;
    }
    let (_, &mut bend, above) = magnitudes.select_nth_unstable_by(quarter, f64::total_cmp);
    let greatest = above.iter().fold(bend, |most, x| most.max(*x)) / bend;
    (bend.is_normal() && greatest.is_finite()).then_some(bend)
}

/// Mean, standard deviation and skewness of a column that is not constant.
#[derive(Debug, Clone, Copy)]
struct Shape {
    mean: f64,
    sd: f64,
    skewness: f64,
}

impl Shape {
    /// `None` for a constant: all values equal, or apart by no more than rounding.
    /// `values` must be increasing.
    fn of(values: &[f64]) -> Option<Self> {
        let (&first, &last) = values.first().zip(values.last())?;
        let greatest = first.abs().max(last.abs());
        let (measured, unit) = stats::measured(values, greatest);
        let (mean, sd) = stats::mean_and_std(&measured);
        let cube = |v: f64| ((v - mean) / sd) * ((v - mean) / sd) * ((v - mean) / sd);
        let skewness = measured.iter().copied().map(cube).sum::<f64>() / values.len() as f64;
        let shape = Self { mean: mean * unit, sd: sd * unit, skewness };
        (first != last && !stats::is_rounding(shape.sd, greatest)).then_some(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::powers::two_to;

    const TWO_SIDED: [f64; 9] = [-3.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 40.0];

    #[test]
    fn the_signed_logarithm_equals_its_definition_and_comes_back() {
        for bend in [1e-9, 0.5, 1.0, 1e6] {
            let tail = TailTransform::Log { bend };
            for x in [-1e6, -3.0, -1e-3, 0.0, 0.25, 7.0, 1e6] {
                let mut t = [x];
                tail.apply(&mut t);
                let [t] = t;
                let naive = f64::signum(x) * (1.0 + f64::abs(x) / bend).ln();
                assert!((t - naive).abs() <= 1e-9 * naive.abs().max(1e-3), "{x} {bend}");
                assert!((tail.invert(t) - x).abs() <= 1e-12 * f64::abs(x), "{x} {bend}");
            }
        }
    }

    #[test]
    fn a_column_times_a_power_of_two_has_the_same_bits_and_times_ten_the_same_shape() {
        let values: Vec<f64> = (0..200).map(|i| (f64::from(i) / 20.0).exp() - 2.0).collect();
        let z = |factor: f64| -> Vec<f64> {
            let scaled: Vec<f64> = values.iter().map(|v| v * factor).collect();
            let (tail, scale) = fitted(&scaled, Scaling::Standard, true);
            assert!(matches!(tail, TailTransform::Log { .. }), "{tail:?}");
            let mut tamed = scaled.clone();
            tail.apply(&mut tamed);
            tamed.iter().map(|&t| scale.apply(t)).collect()
        };
        let one = z(1.0);
        for power in [-40, -3, 5, 60] {
            assert_eq!(z(two_to(power)), one, "{power}");
        }
        for factor in [1e-6, 1e-3, 10.0, 100.0] {
            let other = z(factor);
            assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-9), "{factor}");
        }
    }

    fn fitted(values: &[f64], scaling: Scaling, tame_tails: bool) -> (TailTransform, ColumnScale) {
        match fit(values.to_vec(), scaling, tame_tails) {
            Ok(Encoding::Numeric { tail, scale, .. }) => (tail, scale),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_long_tails_are_touched() {
        let tail = |values: &[f64]| fitted(values, Scaling::Standard, true).0;
        assert_eq!(tail(&[1.0, 2.0, 3.0, 4.0, 5.0]), TailTransform::Kept);
        assert_eq!(tail(&[1.0, 3.0, 9.0, 27.0, 81.0, 243.0]), TailTransform::Log { bend: 3.0 });
        // A few negative numbers among many are a tail like any other.
        assert_eq!(tail(&TWO_SIDED), TailTransform::Log { bend: 2.0 });
        // No increasing transform changes the shape of two values.
        assert_eq!(tail(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), TailTransform::Kept);
        // A long left tail of non-negative numbers: a logarithm would make it worse.
        assert_eq!(tail(&[0.0, 9.0, 9.5, 9.6, 9.7, 10.0]), TailTransform::Kept);
        assert_eq!(fitted(&TWO_SIDED, Scaling::Standard, false).0, TailTransform::Kept);
    }

    #[test]
    fn a_variance_of_1_at_1_7e12_is_exact_to_1e_6() {
        // Alternating ±1 about an offset: standard deviation 1.
        let values: Vec<f64> = (0..10_000).map(|i| 1.7e12 + f64::from(i % 2) * 2.0 - 1.0).collect();
        let (_, scale) = fitted(&values, Scaling::Standard, false);
        assert!((scale.width() - 1.0).abs() < 1e-6, "{scale:?}");
        assert!((scale.centre() - 1.7e12).abs() < 1e-3, "{scale:?}");
    }

    #[test]
    fn widths_within_rounding_are_constants() {
        let constant = |values: &[f64]| fit(values.to_vec(), Scaling::Standard, true);
        assert_eq!(constant(&[0.1; 7]), Err(Dropped::Constant));
        assert_eq!(constant(&[1.0, 1.0 + f64::EPSILON]), Err(Dropped::Constant));
        assert_eq!(constant(&[0.0, 5e-324]), Err(Dropped::Constant));
        assert_eq!(constant(&[0.0, -0.0]), Err(Dropped::Constant));
        assert!(constant(&[0.0, 1e-300]).is_ok());
    }

    #[test]
    fn extreme_magnitudes_are_measured_without_overflow() {
        for (values, sd) in [
            (vec![-f64::MAX, f64::MAX], f64::MAX),
            (vec![1e300, 3e300], 1e300),
            (vec![1e-300, 3e-300], 1e-300),
            (vec![-1e200, 1e200, 1e200, -1e200], 1e200),
        ] {
            for scaling in [Scaling::Standard, Scaling::Robust] {
                let (_, scale) = fitted(&values, scaling, true);
                assert!(scale.centre().is_finite() && scale.width().is_normal(), "{scale:?}");
                let z: Vec<f64> = values.iter().map(|&v| scale.apply(v)).collect();
                assert!(z.iter().all(|z| z.is_finite() && z.abs() < 2.0), "{z:?}");
            }
            let (_, scale) = fitted(&values, Scaling::Standard, false);
            assert!((scale.width() / sd - 1.0).abs() < 1e-12, "{scale:?}");
        }
    }

    #[test]
    fn a_robust_scale_without_a_middle_half_falls_back_to_the_standard_deviation() {
        let (_, scale) = fitted(&[0.0, 0.0, 0.0, 0.0, 5.0], Scaling::Robust, false);
        assert_eq!(scale, ColumnScale::MedianStd { median: 0.0, sd: 2.0 });
    }
}
