//! `exp`, `log1p`, `expm1` and powers from plain additions and multiplications: the same bits on
//! every CPU.
//!
//! The C library has these with and without fused multiply-add and picks one at start, so that the
//! last bits depend on the machine. Rust never fuses by itself, so what is written here is what is
//! computed.
//!
//! exp: x = n·ln 2 + r, |r| ≤ ½ ln 2, with ln 2 in two parts; a polynomial of degree 13 in r.
//! ln: x = 2ⁿ·m, m in [√½, √2); ln m = 2 artanh(s) with s = (m − 1)/(m + 1), by its odd series to
//! s²⁵; what rounding s loses is added. exp is good to about one unit in the last place, ln to little more
//! than half of one: it is the nearest double for all but some 3 in 1,000 arguments.
//!
//! Source: the argument reductions are those of Cody, Waite 1980. Cost: some 20 multiplications.

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

use super::builds::{all_builds, fastest};
use super::powers::{exponent, times_two_to};

/// The first bits of ln 2, exact times any exponent, and the rest.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// eˣ.
pub(crate) fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 710.0 {
        return f64::INFINITY;
    }
    if x < -746.0 {
        return 0.0;
    }
    let n = (x * LOG2_E).round();
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Σ rⁱ/i!, the first two terms last, where they count most.
    scaled(1.0 + (r + r * r * exp_tail(r)), n as i32)
}

/// eˣ − 1, without loss near 0.
pub(crate) fn exp_m1(x: f64) -> f64 {
    if x.abs() < 0.5 * LN_2 { x + x * x * exp_tail(x) } else { exp(x) - 1.0 }
}

/// (eʳ − 1 − r)/r² for |r| up to ½ ln 2.
#[inline(always)]
fn exp_tail(r: f64) -> f64 {
    let mut sum = EXP_TERMS[0];
    for term in &EXP_TERMS[1..] {
        sum = sum * r + term;
    }
    sum
}

/// 1/15!, 1/14!, …, 1/2!
const EXP_TERMS: [f64; 14] = {
    let mut terms = [1.0 / 1_307_674_368_000.0; 14];
    let mut at = 1;
    while at < 14 {
        terms[at] = terms[at - 1] * (16 - at) as f64;
        at += 1;
    }
    terms
};

/// value · 2ⁿ, in two steps where one would leave the normal range.
fn scaled(value: f64, n: i32) -> f64 {
    let two_to = |n: i32| f64::from_bits(((n + 1023) as u64) << 52);
    if n > 1023 {
        value * two_to(n - 1) * 2.0
    } else if n < -1022 {
        value * two_to(n + 200) * two_to(-200)
    } else {
        value * two_to(n)
    }
}

/// ln x; −∞ for 0, NaN below.
pub(crate) fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return x;
    }
    // Subnormal numbers are lifted first.
    let (x, lifted) = if x < f64::MIN_POSITIVE { (x * 2f64.powi(54), 54.0) } else { (x, 0.0) };
    let (m, n) = parts(x);
    ln_of(m - 1.0, n - lifted)
}

/// m in [√½, √2] and n, so that m·2ⁿ is a normal x above 0.
#[inline(always)]
fn parts(x: f64) -> (f64, f64) {
    let bits = x.to_bits();
    let m = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // The exponent as the last digits of 2⁵² and some: no conversion, which few CPUs have for eight at once.
    let n = f64::from_bits(bits >> 52 | 1075 << 52) - (4_503_599_627_370_496.0 + 1023.0);
    if m > SQRT_2 { (0.5 * m, n + 1.0) } else { (m, n) }
}

/// ln((1 + f)·2ⁿ) for 1 + f in [√½, √2].
#[inline(always)]
fn ln_of(f: f64, n: f64) -> f64 {
    // ln(1 + f) = 2s + s³·(2/3 + 2s²/5 + …) with s = f/(2 + f): 2s carries nearly all, so what its rounding
    // lost is added to the rest, which is a hundredth of it at most.
    let whole = 2.0 + f;
    let s = f / whole;
    let [(w, w_rest), (q, q_rest)] = [halves(whole), halves(s)];
    let residue = ((f - w * q) - w * q_rest - w_rest * q) - w_rest * q_rest;
    let lost = (residue - (f - (whole - 2.0)) * s) / whole;
    let square = s * s;
    let rest = 2.0 * lost + s * square * artanh_tail(square);
    // The sum of the two great parts, and what its rounding lost.
    let (great, small) = (n * LN_2_HIGH, 2.0 * s);
    let sum = great + small;
    let left = if great == 0.0 { 0.0 } else { small - (sum - great) };
    sum + (left + (n * LN_2_LOW + rest))
}

/// A number as two of half as many digits, whose products are exact.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let high = f64::from_bits(x.to_bits() & !((1 << 27) - 1));
    (high, x - high)
}

/// ln(1 + x), without loss near 0; −∞ for −1, NaN below.
pub(crate) fn ln_1p(x: f64) -> f64 {
    if x > -0.29 && x < SMALL {
        return ln_1p_small(x);
    }
    let sum = 1.0 + x;
    if !(sum > 0.0 && sum.is_finite()) {
        return ln(sum);
    }
    ln(sum) + lost(x, sum) / sum
}

/// Numbers below this are small to [`ln_1p`].
const SMALL: f64 = 0.41;

/// What rounding the sum of 1 and x lost.
#[inline(always)]
fn lost(x: f64, sum: f64) -> f64 {
    if x > 1.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) }
}

/// Fewer numbers than lanes are computed one by one.
const FEW: usize = 8;

/// [`ln_1p`] of all numbers, side by side: a sixth of the time where no number is negative.
pub(crate) fn ln_1p_all(values: &mut [f64]) {
    let is_ordinary = values.iter().all(|x| (0.0..f64::MAX).contains(x));
    if values.len() < FEW || !is_ordinary {
        return values.iter_mut().for_each(|x| *x = ln_1p(*x));
    }
    fastest(logarithms())(values);
}

all_builds! {
    /// The builds of [`ln_1p_all`], for ordinary numbers.
    fn logarithms(values: &mut [f64]) {
        ["avx512f", "avx512dq"] => ln_1p_ordinary,
        ["avx2"] => ln_1p_ordinary,
        [] => ln_1p_ordinary,
    }
}

/// The body of every build of [`ln_1p_all`], for numbers from 0 on: without branches, so that lanes stay together.
#[inline(always)]
fn ln_1p_ordinary(values: &mut [f64]) {
    for x in values {
        let small = *x < SMALL;
        let sum = 1.0 + *x;
        let (m, n) = parts(sum);
        let f = if small { *x } else { m - 1.0 };
        let of_small = ln_1p_small(f);
        let of_great = ln_of(f, n) + lost(*x, sum) / sum;
        *x = if small { of_small } else { of_great };
    }
}

/// ln(1 + f) for 1 + f in [√½, √2]: with s = f/(2 + f), f − s·(f − 2s²·(1/3 + s²/5 + …)).
#[inline(always)]
fn ln_1p_small(f: f64) -> f64 {
    let s = f / (2.0 + f);
    let square = s * s;
    f - s * (f - square * artanh_tail(square))
}

/// (ln((1 + s)/(1 − s)) − 2s)/s³, from s².
#[inline(always)]
fn artanh_tail(square: f64) -> f64 {
    let mut sum = ARTANH_TERMS[0];
    for term in &ARTANH_TERMS[1..] {
        sum = sum * square + term;
    }
    sum
}

/// 2/25, 2/23, …, 2/3.
const ARTANH_TERMS: [f64; 12] = [
    2.0 / 25.0,
    2.0 / 23.0,
    2.0 / 21.0,
    2.0 / 19.0,
    2.0 / 17.0,
    2.0 / 15.0,
    2.0 / 13.0,
    2.0 / 11.0,
    2.0 / 9.0,
    2.0 / 7.0,
    2.0 / 5.0,
    2.0 / 3.0,
];

/// 2 to the power x; exact for whole x.
pub(crate) fn exp2(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // Beyond these it is 0 or infinite.
    let x = x.clamp(-1100.0, 1100.0);
    let n = x.round();
    times_two_to(exp((x - n) * LN_2), n as i32)
}

/// The logarithm to base 2 of a normal x > 0; exact for powers of two.
pub(crate) fn log2(x: f64) -> f64 {
    debug_assert!(x.is_normal() && x > 0.0);
    let n = exponent(x);
    let m = times_two_to(x, -n);
    let (m, n) = if m > SQRT_2 { (0.5 * m, n + 1) } else { (m, n) };
    f64::from(n) + ln(m) * LOG2_E
}

/// x to the power y, for x ≥ 0.
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    debug_assert!(x >= 0.0 || x.is_nan());
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    exp(y * ln(x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    fn near(got: f64, library: f64, ulps: f64) -> bool {
        got == library
            || (got - library).abs() <= ulps * f64::EPSILON * library.abs() + f64::from_bits(2)
    }

    #[test]
    fn logarithms_side_by_side_have_the_bits_of_single_ones() {
        let mut stream = Stream::new(2, 0);
        let some = [0.0, 1e-320, f64::MIN_POSITIVE, 0.41, 1.0, SQRT_2 - 1.0, 2f64.powi(53), 1e308];
        let mut x: Vec<f64> = some.iter().flat_map(|x| [x.next_down().max(0.0), *x]).collect();
        x.extend((0..40_000).map(|_| (80.0 * stream.unit() - 40.0).exp2() * (1.0 + stream.unit())));
        x.extend((0..4_001).map(|_| 2.0 * stream.unit()));
        let bits = |x: &[f64]| -> Vec<u64> { x.iter().map(|x| x.to_bits()).collect() };
        let single: Vec<u64> = x.iter().map(|x| ln_1p(*x).to_bits()).collect();
        type Build = fn(&mut [f64]);
        for build in logarithms().chain([ln_1p_all as Build]) {
            let mut all = x.clone();
            build(&mut all);
            assert_eq!(bits(&all), single);
        }
        // Others are computed one by one.
        for odd in [-0.0, -0.5, -1.0, -2.0, f64::NAN, f64::INFINITY, f64::MAX] {
            let mut all = [odd, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
            ln_1p_all(&mut all);
            assert_eq!(all[0].to_bits(), ln_1p(odd).to_bits(), "{odd}");
            assert_eq!(all[8].to_bits(), ln_1p(8.0).to_bits());
        }
    }

    #[test]
    fn they_agree_with_the_library_to_the_last_digits() {
        let mut stream = Stream::new(1, 0);
        for _ in 0..20_000 {
            let x = 1400.0 * stream.unit() - 700.0;
            assert!(near(exp(x), x.exp(), 2.0), "exp {x} {} {}", exp(x), x.exp());
            let small = 2.0 * stream.unit() - 1.0;
            for x in [small, small * 1e-9, 5.0 * small] {
                assert!(near(exp_m1(x), x.exp_m1(), 4.0), "exp_m1 {x}");
            }
            let positive = x.exp2() * (1.0 + stream.unit());
            assert!(near(ln(positive), positive.ln(), 2.0), "ln {positive}");
            for x in [small, small * 1e-12, positive, 30.0 * stream.unit()] {
                if x > -1.0 {
                    assert!(near(ln_1p(x), x.ln_1p(), 3.0), "ln_1p {x} {} {}", ln_1p(x), x.ln_1p());
                }
            }
            let (base, power) = (20.0 * stream.unit(), 4.0 * small);
            assert!(near(pow(base, power), base.powf(power), 24.0), "pow {base} {power}");
        }
    }

    #[test]
    fn powers_of_two_and_their_logarithms_are_exact_where_they_can_be() {
        for n in -1074..1024 {
            assert_eq!(exp2(f64::from(n)), f64::from(n).exp2());
        }
        assert_eq!((exp2(-1e300), exp2(1e300), exp2(1024.0)), (0.0, f64::INFINITY, f64::INFINITY));
        assert!(exp2(f64::NAN).is_nan());
        let mut stream = Stream::new(3, 0);
        for n in 0..5000 {
            let x = 40.0 * (stream.unit() - 0.5);
            assert!(near(exp2(x), x.exp2(), 2.0), "{x}");
            assert!(near(log2(exp2(x)), exp2(x).log2(), 4.0), "{x}");
            assert_eq!(log2(2f64.powi(n % 2000 - 1000)), f64::from(n % 2000 - 1000));
        }
    }

    #[test]
    fn logarithms_are_nearly_always_the_nearest_double() {
        // The library's are as well, so that two that differ are rare, and never far apart.
        let mut stream = Stream::new(2, 0);
        let numbers =
            (0..20_000).map(|i| if i < 5000 { f64::from(i + 1) } else { stream.unit() + 1e-9 });
        let differ = numbers.filter(|&x| {
            assert!(near(ln(x), x.ln(), 1.0), "{x}");
            ln(x) != x.ln()
        });
        let n = differ.count();
        assert!(n < 120, "{n}");
    }

    #[test]
    fn the_ends_of_the_range_are_as_the_library_has_them() {
        for x in [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 709.78, 710.1, -745.1, -746.5, 1.0] {
            assert!(near(exp(x), x.exp(), 2.0), "{x}");
            assert!(near(exp_m1(x), x.exp_m1(), 2.0), "{x}");
        }
        for x in [0.0, f64::INFINITY, f64::MIN_POSITIVE, 5e-324, 1.0, f64::MAX] {
            assert!(near(ln(x), x.ln(), 2.0), "{x}");
            assert!(near(ln_1p(x), x.ln_1p(), 2.0), "{x}");
        }
        assert!(ln(-1.0).is_nan() && ln_1p(-1.5).is_nan() && exp(f64::NAN).is_nan());
        assert_eq!((ln_1p(-1.0), pow(0.0, 2.0), pow(0.0, 0.0)), (f64::NEG_INFINITY, 0.0, 1.0));
    }

    #[test]
    fn the_bits_are_fixed() {
        let bits = [exp(0.1), exp(-7.25), exp_m1(0.3), ln(10.0), ln_1p(0.7), pow(1.7, 2.3)];
        let golden = [
            0x3ff1_aec7_b35a_00d4,
            0x3f47_455f_e323_fafd,
            0x3fd6_6416_3230_6a56,
            0x4002_6bb1_bbb5_5516,
            0x3fe0_fae8_1914_a991,
            0x400b_1c0c_46dc_b4ea,
        ];
        assert_eq!(bits.map(f64::to_bits), golden);
    }
}
