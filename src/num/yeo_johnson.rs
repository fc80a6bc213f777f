//! Yeo–Johnson: a family of increasing transforms that take skew off a column, with an exponent λ.
//!
//! Above 0, ((1 + x)^λ − 1)/λ, with ln(1 + x) at λ = 0; below 0, the mirror image with 2 − λ. λ is
//! sought in [0, 2] only: outside it the transform is bounded on one side, so that not every
//! transformed number could be taken back. All from portable functions: the same bits on every CPU.
//!
//! Source: Yeo, Johnson 2000, "A new family of power transformations".
//! Cost: a logarithm and an exponential per value; some 35 passes to find λ.

use super::portable::{exp_m1, ln, ln_1p};

/// Increasing; finite for every magnitude up to 1e145 and λ in [0, 2].
pub(crate) fn apply(x: f64, lambda: f64) -> f64 {
    let power = if x < 0.0 { 2.0 - lambda } else { lambda };
    grow(ln_1p(x.abs()), power).copysign(x)
}

/// The x of which `t` is the transform.
pub(crate) fn invert(t: f64, lambda: f64) -> f64 {
    let power = if t < 0.0 { 2.0 - lambda } else { lambda };
    let log = if power == 0.0 { t.abs() } else { ln_1p(power * t.abs()) / power };
    exp_m1(log).copysign(t)
}

/// `((1 + |x|)^power - 1) / power` from `log = ln(1 + |x|)`; the limit `log` at power 0.
fn grow(log: f64, power: f64) -> f64 {
    if power == 0.0 { log } else { exp_m1(power * log) / power }
}

/// λ in [0, 2] of greatest normal likelihood, to 1e-7, by golden-section search: the likelihood
/// has a single peak. `std` gives the standard deviation of transformed values, `None` if constant.
pub(crate) fn likeliest_lambda(values: &[f64], std: impl Fn(&[f64]) -> Option<f64>) -> f64 {
    let logs: Vec<f64> = values.iter().map(|x| ln_1p(x.abs()).copysign(*x)).collect();
    let jacobian: f64 = logs.iter().sum();
    let mut grown = vec![0.0; logs.len()];
    let mut likelihood = |lambda: f64| {
        for (out, &log) in grown.iter_mut().zip(&logs) {
            let power = if log < 0.0 { 2.0 - lambda } else { lambda };
            *out = grow(log.abs(), power).copysign(log);
        }
        let Some(std) = std(&grown) else { return f64::NEG_INFINITY };
        (lambda - 1.0) * jacobian - logs.len() as f64 * ln(std)
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.0, 2.0);
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (likelihood(left), likelihood(right));
    while high - low > 1e-7 {
        if at_left >= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = likelihood(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = likelihood(right);
        }
    }
    (low + high) / 2.0
}
