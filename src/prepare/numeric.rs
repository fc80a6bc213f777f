//! Numbers: the long tail tamed, then centred and scaled; and all of it undone.
//!
//! Everything is computed from the *sorted* present values, so parameters do not depend on the
//! order of rows, to the bit, and missing values say nothing about centre or width. The mean is
//! corrected by a second pass and the deviation taken around the corrected mean; columns of very
//! large or small magnitude are measured in a power of two first, so that nothing overflows.
//!
//! Source: Yeo, Johnson 2000 (`num/yeo_johnson.rs`).
//! Cost: one sort per column, about 35 passes where λ is sought.

use serde::{Deserialize, Serialize};

use super::preprocessor::{Scaling, Tails};
use super::step::{Dropped, Encoding};
use crate::num::check::MAX_MAGNITUDE;
use crate::num::powers::two_to;
use crate::num::{portable, stats, yeo_johnson};

/// What was done to a column's tail before scaling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TailTransform {
    /// Nothing.
    Kept,
    /// `ln(1 + x)`. A negative number, met only after fitting, becomes `-ln(1 - x)`.
    Log1p,
    /// Yeo–Johnson.
    YeoJohnson {
        /// The exponent, in [0, 2]; 1 changes nothing, 0 is `ln(1 + x)` above zero.
        lambda: f64,
    },
}

impl TailTransform {
    /// Increasing; finite for every magnitude up to 1e145.
    pub(super) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Kept => x,
            Self::Log1p => portable::ln_1p(x.abs()).copysign(x),
            Self::YeoJohnson { lambda } => yeo_johnson::apply(x, lambda),
        }
    }

    pub(super) fn invert(self, t: f64) -> f64 {
        match self {
            Self::Kept => t,
            Self::Log1p => portable::exp_m1(t.abs()).copysign(t),
            Self::YeoJohnson { lambda } => yeo_johnson::invert(t, lambda),
        }
    }
}

/// How a column was centred and scaled: `(x - centre) / width`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Scale {
    /// Not at all.
    AsIs,
    /// To mean 0 and standard deviation 1.
    Standard {
        /// Mean of the values that are present.
        mean: f64,
        /// Their population standard deviation.
        sd: f64,
    },
    /// To median 0 and interquartile range 1.
    Robust {
        /// Median of the values that are present.
        median: f64,
        /// Their interquartile range, type 7.
        iqr: f64,
    },
    /// To median 0 and standard deviation 1: robust scaling where half the values are equal, so
    /// that the interquartile range is 0.
    MedianDeviation {
        /// Median of the values that are present.
        median: f64,
        /// Their population standard deviation.
        sd: f64,
    },
}

impl Scale {
    /// What is taken off.
    pub fn centre(&self) -> f64 {
        match *self {
            Self::AsIs => 0.0,
            Self::Standard { mean, .. } => mean,
            Self::Robust { median, .. } | Self::MedianDeviation { median, .. } => median,
        }
    }

    /// What is divided by.
    pub fn width(&self) -> f64 {
        match *self {
            Self::AsIs => 1.0,
            Self::Standard { sd, .. } | Self::MedianDeviation { sd, .. } => sd,
            Self::Robust { iqr, .. } => iqr,
        }
    }

    pub(super) fn apply(&self, t: f64) -> f64 {
        let distance = t - self.centre();
        if distance.is_finite() {
            distance / self.width()
        } else {
            // Two numbers near ±1.8e308: halves have a difference.
            (t / 2.0 - self.centre() / 2.0) / (self.width() / 2.0)
        }
    }

    pub(super) fn invert(&self, z: f64) -> f64 {
        z * self.width() + self.centre()
    }
}

/// Chooses tail transform, scale and fill for the values that are present; `values` not empty.
pub(super) fn fit(
    mut values: Vec<f64>,
    scaling: Scaling,
    tails: Tails,
) -> Result<Encoding, Dropped> {
    values.sort_unstable_by(f64::total_cmp);
    let shape = Shape::of(&values).ok_or(Dropped::Constant)?;
    let fill = shape.quantile(&values, 0.5);
    let (tail, tamed) = match tails {
        Tails::Auto => tame(&values, &shape),
        Tails::Keep => None,
    }
    .unwrap_or((TailTransform::Kept, values));
    let scale = scale(&tamed, scaling).ok_or(Dropped::Constant)?;
    Ok(Encoding::Numeric { tail, scale, fill })
}

/// Centre and width of sorted values; `None` for a constant.
pub(super) fn scale(sorted: &[f64], scaling: Scaling) -> Option<Scale> {
    let shape = Shape::of(sorted)?;
    Some(match scaling {
        Scaling::None => Scale::AsIs,
        Scaling::Standard => Scale::Standard { mean: shape.mean, sd: shape.sd },
        Scaling::Robust => {
            let median = shape.quantile(sorted, 0.5);
            let (q1, q3) = (shape.quantile(sorted, 0.25), shape.quantile(sorted, 0.75));
            // Against the quartiles, not the extremes: an outlier must not hide the middle.
            if is_noise(q3 - q1, q1.abs().max(q3.abs())) {
                Scale::MedianDeviation { median, sd: shape.sd }
            } else {
                Scale::Robust { median, iqr: q3 - q1 }
            }
        }
    })
}

/// Whether a width is no more than rounding of values of this magnitude, or not a number that can
/// be divided by without loss.
fn is_noise(width: f64, magnitude: f64) -> bool {
    !(width > f64::EPSILON * magnitude && width.is_normal())
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
    let tail = match sorted[0] >= 0.0 {
        true if shape.skewness > 0.0 => TailTransform::Log1p,
        false if shape.greatest <= MAX_MAGNITUDE => {
            TailTransform::YeoJohnson { lambda: likeliest_lambda(sorted) }
        }
        _ => return None,
    };
    let tamed: Vec<f64> = sorted.iter().map(|&x| tail.apply(x)).collect();
    let after = Shape::of(&tamed)?.skewness.abs();
    (after <= WORTHWHILE * shape.skewness.abs()).then_some((tail, tamed))
}

/// The likeliest λ of sorted values.
fn likeliest_lambda(sorted: &[f64]) -> f64 {
    yeo_johnson::likeliest_lambda(sorted, |grown| Shape::of(grown).map(|shape| shape.sd))
}

/// 2⁶⁰⁰: far enough to bring any magnitude to where squares neither overflow nor vanish.
const FAR: f64 = two_to(600);

/// Mean, deviation and skewness of a column that is not constant.
#[derive(Debug, Clone, Copy)]
struct Shape {
    mean: f64,
    sd: f64,
    skewness: f64,
    greatest: f64,
    /// Power of two the column is measured in.
    unit: f64,
}

impl Shape {
    /// `None` for a constant: all values equal, or apart by no more than rounding.
    /// `values` must be increasing.
    fn of(values: &[f64]) -> Option<Self> {
        let (&first, &last) = values.first().zip(values.last())?;
        let greatest = first.abs().max(last.abs());
        let unit = match greatest {
            _ if greatest > MAX_MAGNITUDE => FAR,
            _ if greatest < 1.0 / MAX_MAGNITUDE => 1.0 / FAR,
            _ => 1.0,
        };
        let n = values.len() as f64;
        let scaled: Vec<f64> = values.iter().map(|v| v / unit).collect();
        let (mean, sd) = stats::mean_and_deviation(&scaled);
        let cube = |v: f64| ((v - mean) / sd) * ((v - mean) / sd) * ((v - mean) / sd);
        let skewness = scaled.iter().copied().map(cube).sum::<f64>() / n;
        let shape = Self { mean: mean * unit, sd: sd * unit, skewness, greatest, unit };
        (first != last && !is_noise(shape.sd, greatest)).then_some(shape)
    }

    /// The quantile, measured so that the difference of two values cannot overflow.
    fn quantile(&self, sorted: &[f64], q: f64) -> f64 {
        if self.unit > 1.0 {
            let scaled: Vec<f64> = sorted.iter().map(|v| v / self.unit).collect();
            return stats::quantile(&scaled, q) * self.unit;
        }
        stats::quantile(sorted, q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The naive formula, as in the paper.
    fn yeo_johnson(x: f64, lambda: f64) -> f64 {
        match (x >= 0.0, lambda) {
            (true, 0.0) => (x + 1.0).ln(),
            (true, _) => ((x + 1.0).powf(lambda) - 1.0) / lambda,
            (false, 2.0) => -(1.0 - x).ln(),
            (false, _) => -((1.0 - x).powf(2.0 - lambda) - 1.0) / (2.0 - lambda),
        }
    }

    fn naive_likelihood(x: &[f64], lambda: f64) -> f64 {
        let t: Vec<f64> = x.iter().map(|&x| yeo_johnson(x, lambda)).collect();
        let (_, sd) = stats::mean_and_deviation(&t);
        let jacobian: f64 = x.iter().map(|x| x.signum() * (x.abs() + 1.0).ln()).sum();
        (lambda - 1.0) * jacobian - x.len() as f64 * sd.ln()
    }

    const TWO_SIDED: [f64; 9] = [-3.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 40.0];

    #[test]
    fn yeo_johnson_equals_its_definition_and_comes_back() {
        for lambda in [0.0, 1e-9, 0.5, 1.0, 1.7, 2.0] {
            let tail = TailTransform::YeoJohnson { lambda };
            for x in [-1e6, -3.0, -1e-3, 0.0, 0.25, 7.0, 1e6] {
                let t = tail.apply(x);
                if lambda != 1e-9 {
                    let naive = yeo_johnson(x, lambda);
                    assert!((t - naive).abs() <= 1e-9 * naive.abs().max(1e-3), "{x} {lambda}");
                }
                assert!((tail.invert(t) - x).abs() <= 1e-12 * x.abs(), "{x} {lambda}");
            }
        }
    }

    #[test]
    fn lambda_is_the_likeliest_of_a_fine_grid() {
        let found = likeliest_lambda(&TWO_SIDED);
        let best = (0..=2000).map(|i| f64::from(i) / 1000.0).max_by(|&a, &b| {
            naive_likelihood(&TWO_SIDED, a).total_cmp(&naive_likelihood(&TWO_SIDED, b))
        });
        assert!((found - best.unwrap()).abs() <= 1e-3, "{found} {best:?}");
    }

    #[test]
    fn a_mirrored_column_gets_the_mirrored_lambda() {
        let mirrored: Vec<f64> = TWO_SIDED.iter().rev().map(|x| -x).collect();
        let (a, b) = (likeliest_lambda(&TWO_SIDED), likeliest_lambda(&mirrored));
        assert!((a + b - 2.0).abs() < 1e-5, "{a} {b}");
    }

    fn fitted(values: &[f64], scaling: Scaling, tails: Tails) -> (TailTransform, Scale) {
        match fit(values.to_vec(), scaling, tails) {
            Ok(Encoding::Numeric { tail, scale, .. }) => (tail, scale),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_long_tails_are_touched() {
        let tail = |values: &[f64]| fitted(values, Scaling::Standard, Tails::Auto).0;
        assert_eq!(tail(&[1.0, 2.0, 3.0, 4.0, 5.0]), TailTransform::Kept);
        assert_eq!(tail(&[1.0, 3.0, 9.0, 27.0, 81.0, 243.0]), TailTransform::Log1p);
        assert!(matches!(tail(&TWO_SIDED), TailTransform::YeoJohnson { .. }));
        // No increasing transform changes the shape of two values.
        assert_eq!(tail(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), TailTransform::Kept);
        // A long left tail of non-negative numbers: a logarithm would make it worse.
        assert_eq!(tail(&[0.0, 9.0, 9.5, 9.6, 9.7, 10.0]), TailTransform::Kept);
        assert_eq!(fitted(&TWO_SIDED, Scaling::Standard, Tails::Keep).0, TailTransform::Kept);
    }

    #[test]
    fn a_variance_of_1_at_1_7e12_is_exact_to_1e_6() {
        // Alternating ±1 about an offset: deviation 1.
        let values: Vec<f64> = (0..10_000).map(|i| 1.7e12 + f64::from(i % 2) * 2.0 - 1.0).collect();
        let (_, scale) = fitted(&values, Scaling::Standard, Tails::Keep);
        assert!((scale.width() - 1.0).abs() < 1e-6, "{scale:?}");
        assert!((scale.centre() - 1.7e12).abs() < 1e-3, "{scale:?}");
    }

    #[test]
    fn widths_within_rounding_are_constants() {
        let constant = |values: &[f64]| fit(values.to_vec(), Scaling::Standard, Tails::Auto);
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
                let (_, scale) = fitted(&values, scaling, Tails::Auto);
                assert!(scale.centre().is_finite() && scale.width().is_normal(), "{scale:?}");
                let z: Vec<f64> = values.iter().map(|&v| scale.apply(v)).collect();
                assert!(z.iter().all(|z| z.is_finite() && z.abs() < 2.0), "{z:?}");
            }
            let (_, scale) = fitted(&values, Scaling::Standard, Tails::Keep);
            assert!((scale.width() / sd - 1.0).abs() < 1e-12, "{scale:?}");
        }
    }

    #[test]
    fn a_robust_scale_without_a_middle_half_falls_back_to_the_deviation() {
        let (_, scale) = fitted(&[0.0, 0.0, 0.0, 0.0, 5.0], Scaling::Robust, Tails::Keep);
        assert_eq!(scale, Scale::MedianDeviation { median: 0.0, sd: 2.0 });
    }
}
