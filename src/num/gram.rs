//! Sums of products of all pairs of columns about given means, in fixed chunks: covariance.
//!
//! Rows are centred before anything is multiplied, so an offset costs no digits. Four rows at a time
//! meet each pair of columns, so that every sum is loaded and stored once for four products. Nothing
//! is fused: the wide build gives the bits of the plain one.
//!
//! Cost: n·d²/2 multiplications and additions; memory d² per chunk in flight.

use super::check::Rows;
use super::parallel;

/// Rows centred at a time.
const BLOCK: usize = 4;

/// Σ (xᵢ − mᵢ)(xⱼ − mⱼ) for all pairs of columns, row-major and symmetric.
pub(crate) fn about(rows: &Rows<'_>, means: &[f64]) -> Vec<f64> {
    let d = rows.n_columns();
    debug_assert_eq!(means.len(), d);
    let parts = parallel::map_chunks(rows.n_rows(), d * d, |range| part(rows.range(range), means));
    let mut sums = vec![0.0; d * d];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    for i in 0..d {
        for j in 0..i {
            sums[i * d + j] = sums[j * d + i];
        }
    }
    sums
}

/// The sums of some rows, built for the CPU at hand; the upper triangle counts.
fn part(values: &[f64], means: &[f64]) -> Vec<f64> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return x86::avx2(values, means);
    }
    plain(values, means)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    #[target_feature(enable = "avx2")]
    fn with_avx2(values: &[f64], means: &[f64]) -> Vec<f64> {
        super::plain(values, means)
    }

    pub(super) fn avx2(values: &[f64], means: &[f64]) -> Vec<f64> {
        // SAFETY: called only after detecting the feature.
        unsafe { with_avx2(values, means) }
    }
}

#[inline(always)]
fn plain(values: &[f64], means: &[f64]) -> Vec<f64> {
    let d = means.len();
    let mut sums = vec![0.0; d * d];
    let mut centred = vec![0.0; BLOCK * d];
    for rows in values.chunks(BLOCK * d) {
        centred.fill(0.0);
        for (out, row) in centred.chunks_exact_mut(d).zip(rows.chunks_exact(d)) {
            for ((out, v), mean) in out.iter_mut().zip(row).zip(means) {
                *out = v - mean;
            }
        }
        let (a, rest) = centred.split_at(d);
        let (b, rest) = rest.split_at(d);
        let (c, e) = rest.split_at(d);
        for (i, sums) in sums.chunks_exact_mut(d).enumerate() {
            // From the diagonal on, by whole vectors.
            let from = i & !3;
            let (ai, bi, ci, ei) = (a[i], b[i], c[i], e[i]);
            let others = a[from..].iter().zip(&b[from..]).zip(&c[from..]).zip(&e[from..]);
            for (sum, (((aj, bj), cj), ej)) in sums[from..].iter_mut().zip(others) {
                *sum += (ai * aj + bi * bj) + (ci * cj + ei * ej);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn sums_are_those_of_the_definition_and_alike_in_every_build() {
        let mut stream = Stream::new(1, 0);
        for (n, d) in [(1, 1), (5, 3), (parallel::CHUNK + 7, 9)] {
            let x = Array2::from_shape_simple_fn((n, d), || 1e6 + stream.normal());
            let rows = check::rows(x.view()).unwrap();
            let means = vec![1e6; d];
            let sums = about(&rows, &means);
            for i in 0..d {
                for j in 0..d {
                    let products = rows.iter().map(|row| (row[i] - 1e6) * (row[j] - 1e6));
                    let naive: f64 = products.sum();
                    assert!((sums[i * d + j] - naive).abs() < 1e-10 * n as f64);
                }
            }
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                assert_eq!(x86::avx2(rows.data(), &means), plain(rows.data(), &means));
            }
        }
    }
}
