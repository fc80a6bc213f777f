//! Eigenvalues and eigenvectors of a symmetric matrix; of a small one, by Jacobi's rotations.
//!
//! Every rotation zeroes one element off the diagonal; sweeps over all of them converge
//! quadratically. Slower than tridiagonal methods by a constant, but short, and accurate to the
//! last digits also for tiny eigenvalues of graded matrices.
//!
//! Source: Golub, Van Loan, Matrix Computations, 8.5 (cyclic by rows). Cost: O(d³) per sweep, some
//! 6 to 10 sweeps; the number of sweeps is capped, so it always ends.

use super::tridiagonal;

/// More than any matrix needs; what is left off the diagonal then is of rounding's size.
const MAX_SWEEPS: usize = 60;

/// From more columns on, the matrix is made tridiagonal first: a tenth of the time and less.
const LARGE: usize = 32;

/// Eigenvalues, greatest first, and their eigenvectors of length 1.
#[derive(Debug, Clone)]
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    /// Row-major: row i belongs to value i. The entry of greatest magnitude is positive.
    pub(crate) vectors: Vec<f64>,
}

/// Decomposes the symmetric `d` × `d` matrix; only finite entries, of which the upper triangle
/// counts.
pub(crate) fn symmetric(matrix: &[f64], d: usize) -> Eigen {
    debug_assert_eq!(matrix.len(), d * d);
    let greatest = matrix.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    // To magnitudes of at most 1, so that squares neither overflow nor vanish.
    let scale = if greatest > 0.0 { greatest } else { 1.0 };
    let mut a: Vec<f64> = matrix.iter().map(|v| v / scale).collect();
    for i in 0..d {
        for j in 0..i {
            a[i * d + j] = a[j * d + i];
        }
    }
    let (values, vectors) = if d > LARGE { tridiagonal::decompose(a, d) } else { jacobi(a, d) };
    let mut order: Vec<usize> = (0..d).collect();
    // A stable sort: equal values keep the order of the axes they came from.
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    let mut sorted = Vec::with_capacity(d * d);
    for &i in &order {
        let vector = &vectors[i * d..(i + 1) * d];
        let mut largest = 0.0_f64;
        vector.iter().for_each(|&v| largest = if v.abs() > largest.abs() { v } else { largest });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        sorted.extend(vector.iter().map(|v| v * sign));
    }
    Eigen { values: order.iter().map(|&i| values[i] * scale).collect(), vectors: sorted }
}

/// Rotates until nothing is left beside the diagonal: eigenvalues in no order, and their eigenvectors.
fn jacobi(mut a: Vec<f64>, d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; d * d];
    (0..d).for_each(|i| vectors[i * d + i] = 1.0);
    for _ in 0..MAX_SWEEPS {
        if !sweep(&mut a, &mut vectors, d) {
            break;
        }
    }
    ((0..d).map(|i| a[i * d + i]).collect(), vectors)
}

/// Rotates every pair of axes once; whether there was anything to rotate.
fn sweep(a: &mut [f64], vectors: &mut [f64], d: usize) -> bool {
    let mut rotated = false;
    for p in 0..d {
        for q in p + 1..d {
            let (app, aqq, apq) = (a[p * d + p], a[q * d + q], a[p * d + q]);
            // Below the rounding of both diagonal entries a rotation would change nothing.
            if apq.abs() <= f64::EPSILON * (app.abs() * aqq.abs()).sqrt()
                || apq.abs() < f64::MIN_POSITIVE
            {
                continue;
            }
            rotated = true;
            let theta = (aqq - app) / (2.0 * apq);
            // Not `hypot`, whose bits differ from platform to platform; a square that overflows turns nothing.
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let c = 1.0 / (t * t + 1.0).sqrt();
            rotate(a, d, p, q, c, t * c);
            a[p * d + p] = app - t * apq;
            a[q * d + q] = aqq + t * apq;
            a[p * d + q] = 0.0;
            a[q * d + p] = 0.0;
            for k in 0..d {
                let (vp, vq) = (vectors[p * d + k], vectors[q * d + k]);
                vectors[p * d + k] = c * vp - t * c * vq;
                vectors[q * d + k] = t * c * vp + c * vq;
            }
        }
    }
    rotated
}

/// Turns the rows and columns p and q apart from their common 2 × 2 block.
fn rotate(a: &mut [f64], d: usize, p: usize, q: usize, c: f64, s: f64) {
    for k in (0..d).filter(|&k| k != p && k != q) {
        let (akp, akq) = (a[k * d + p], a[k * d + q]);
        let (new_p, new_q) = (c * akp - s * akq, s * akp + c * akq);
        (a[k * d + p], a[p * d + k]) = (new_p, new_p);
        (a[k * d + q], a[q * d + k]) = (new_q, new_q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    #[test]
    fn a_matrix_of_two_is_as_by_hand() {
        let e = symmetric(&[2.0, 1.0, 1.0, 2.0], 2);
        let half = 0.5_f64.sqrt();
        for (value, hand) in e.values.iter().zip([3.0, 1.0]) {
            assert!((value - hand).abs() < 1e-15);
        }
        assert!((e.vectors[0] - half).abs() < 1e-15 && (e.vectors[1] - half).abs() < 1e-15);
        assert!((e.vectors[2] + e.vectors[3]).abs() < 1e-15);
    }

    #[test]
    fn zero_diagonal_and_one_by_one_matrices_are_their_own_answer() {
        assert_eq!(symmetric(&[0.0; 9], 3).values, [0.0; 3]);
        let e = symmetric(&[1.0, 0.0, 0.0, 5.0], 2);
        assert_eq!((e.values, e.vectors), (vec![5.0, 1.0], vec![0.0, 1.0, 1.0, 0.0]));
        assert_eq!(symmetric(&[-4.0], 1).values, [-4.0]);
    }

    #[test]
    fn vectors_are_orthonormal_and_rebuild_the_matrix_at_every_scale() {
        for (index, d, scale) in
            [(0, 7, 1.0), (1, 7, 1e280), (2, 7, 1e-280), (3, 40, 1.0), (4, 70, 1e-280)]
        {
            let mut stream = Stream::new(4, index);
            let mut m = vec![0.0; d * d];
            for i in 0..d {
                for j in i..d {
                    m[i * d + j] = scale * stream.normal();
                    m[j * d + i] = m[i * d + j];
                }
            }
            let e = symmetric(&m, d);
            assert!(e.values.is_sorted_by(|a, b| a >= b));
            for i in 0..d {
                for j in 0..d {
                    let dot: f64 =
                        (0..d).map(|k| e.vectors[i * d + k] * e.vectors[j * d + k]).sum();
                    assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-13);
                    let rebuilt: f64 = (0..d)
                        .map(|k| e.values[k] * e.vectors[k * d + i] * e.vectors[k * d + j])
                        .sum();
                    assert!((rebuilt - m[i * d + j]).abs() < 1e-13 * scale * d as f64);
                }
            }
        }
    }

    #[test]
    fn large_matrices_have_the_eigenvalues_that_rotations_find() {
        let (d, mut stream) = (LARGE + 9, Stream::new(5, 0));
        let mut matrix = |entry: &mut dyn FnMut(&mut Stream, usize, usize) -> f64| {
            let mut m = vec![0.0; d * d];
            for (i, j) in (0..d).flat_map(|i| (i..d).map(move |j| (i, j))) {
                m[i * d + j] = entry(&mut stream, i, j);
                m[j * d + i] = m[i * d + j];
            }
            m
        };
        let same = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
        for (name, m) in [
            ("random", matrix(&mut |stream, _, _| 2.0 * stream.unit() - 1.0)),
            ("0", matrix(&mut |_, _, _| 0.0)),
            ("1 on the diagonal", matrix(&mut |_, i, j| same(i, j))),
            ("all alike", matrix(&mut |_, _, _| 1.0)),
            ("of rank 3", matrix(&mut |_, i, j| (i % 3 * (j % 3)) as f64 + same(i % 3, j % 3))),
            ("graded", matrix(&mut |_, i, j| 0.5f64.powi((i + j) as i32))),
            ("two blocks", matrix(&mut |stream, i, j| same(i / 20, j / 20) * stream.unit())),
            (
                "tridiagonal",
                matrix(&mut |_, i, j| if j - i < 2 { 2.0 - 3.0 * (j - i) as f64 } else { 0.0 }),
            ),
        ] {
            let greatest = m.iter().fold(f64::MIN_POSITIVE, |most: f64, v| most.max(v.abs()));
            let sorted = |mut values: Vec<f64>| {
                values.sort_unstable_by(f64::total_cmp);
                values
            };
            let (values, vectors) = tridiagonal::decompose(m.clone(), d);
            for (i, (value, vector)) in values.iter().zip(vectors.chunks(d)).enumerate() {
                for (row, v) in m.chunks(d).zip(vector) {
                    let turned: f64 = row.iter().zip(vector).map(|(m, v)| m * v).sum();
                    assert!((turned - value * v).abs() < 1e-12 * greatest, "{name}, {i}");
                }
            }
            let rotated = sorted(jacobi(m, d).0);
            for (value, rotated) in sorted(values).iter().zip(rotated) {
                assert!((value - rotated).abs() < 1e-13 * d as f64 * greatest, "{name}");
            }
        }
    }

    #[test]
    fn a_singular_matrix_has_zeros_to_rounding() {
        // Rank 1: the outer product of (1, 2, 3).
        let m: Vec<f64> = (1..4).flat_map(|i| (1..4).map(move |j| f64::from(i * j))).collect();
        let e = symmetric(&m, 3);
        assert!((e.values[0] - 14.0).abs() < 1e-13);
        assert!(e.values[1].abs() < 1e-13 && e.values[2].abs() < 1e-13);
    }
}
