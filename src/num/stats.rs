//! Medians, quantiles, means and standard deviations of plain slices, each in one agreed way.
//!
//! Quantiles interpolate linearly between order statistics (type 7 of Hyndman, Fan 1996, as R and
//! NumPy do); standard deviations divide by n (population) and go around a corrected mean.

use super::powers::{exponent, two_to};

/// Sorts a copy by the total order of floats.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The `q` quantile of sorted values, `q` in [0, 1]; NaN for none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    debug_assert!((0.0..=1.0).contains(&q));
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    let between = |low: f64, high: f64| low + (high - low) * (at - at.floor());
    // Two numbers near ±1.8e308: halves have a difference.
    if (high - low).is_finite() { between(low, high) } else { 2.0 * between(low / 2.0, high / 2.0) }
}

/// The width of the middle half of sorted values; `None` if rounding alone makes it.
pub(crate) fn interquartile_range(sorted: &[f64]) -> Option<f64> {
    let (q1, q3) = (quantile(sorted, 0.25), quantile(sorted, 0.75));
    // Against the quartiles, not the extremes: one far value must not hide the middle.
    (!is_rounding(q3 - q1, q1.abs().max(q3.abs()))).then_some(q3 - q1)
}

/// The median of sorted finite values, without overflow at the ends of f64; NaN for none.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => middle(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}

/// Whether a width is so small that rounding alone makes it, beside values of this magnitude, or that dividing by it
/// loses digits.
pub(crate) fn is_rounding(width: f64, magnitude: f64) -> bool {
    !(width > f64::EPSILON * magnitude && width.is_normal())
}

/// The median by the two middle values, which are one and the same of an odd number of values.
pub(crate) fn middle(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) * 0.5;
    if middle.is_finite() { middle } else { f64::midpoint(low, high) }
}

/// The mean, in order; NaN for none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean and population standard deviation (divisor n); NaN for none.
///
/// A second pass takes back what rounding the long sum cost the mean, a third goes around it.
pub(crate) fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let rough = mean(values);
    let mean = rough + values.iter().map(|v| v - rough).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / n).sqrt())
}

/// Values of at most this magnitude, measured in a power of two near it, and that power: their squares
/// neither overflow nor vanish, and no digit is lost.
pub(crate) fn measured(values: &[f64], greatest: f64) -> (Vec<f64>, f64) {
    let unit = two_to(exponent(greatest).max(-1022));
    (values.iter().map(|v| v / unit).collect(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_between_the_ends_of_f64_do_not_overflow() {
        let ends = [-f64::MAX, f64::MAX];
        assert_eq!(quantile(&ends, 0.5), 0.0);
        assert_eq!(quantile(&ends, 0.25), -f64::MAX / 2.0);
    }

    #[test]
    fn a_far_value_does_not_widen_the_interquartile_range_and_equal_values_have_none() {
        assert_eq!(interquartile_range(&[0.0, 1.0, 2.0, 3.0, 1e30]), Some(2.0));
        assert_eq!(interquartile_range(&[0.0, 0.0, 0.0, 0.0, 5.0]), None);
        assert_eq!(interquartile_range(&[-1e30, 1.0, 1.0, 1.0 + f64::EPSILON, 1e30]), None);
    }

    #[test]
    fn quantiles_equal_those_of_numpy() {
        let column = sorted(&[3.0, 1.0, 10.0, 2.0]);
        assert_eq!(median(&column), 2.5);
        assert_eq!((quantile(&column, 0.25), quantile(&column, 0.75)), (1.75, 4.75));
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[-f64::MAX, f64::MAX]), 0.0);
    }

    #[test]
    fn the_standard_deviation_of_the_golden_column_is_3_5355() {
        let (mean, std) = mean_and_std(&[1.0, 2.0, 3.0, 10.0]);
        assert_eq!(mean, 4.0);
        assert!((std - 3.535_533_905_932_737_7).abs() < 1e-12);
    }

    #[test]
    fn a_long_column_far_from_0_keeps_its_mean_and_standard_deviation() {
        let far = 1.7e12 + 0.125;
        let values: Vec<f64> =
            (0..300_000).map(|i| if i % 2 == 0 { far - 1.0 } else { far + 1.0 }).collect();
        assert_eq!(mean_and_std(&values), (far, 1.0));
        // What the corrections are for: one sum alone is off.
        assert_ne!(mean(&values), far);
    }
}
