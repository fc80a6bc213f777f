//! Eigenvalues and eigenvectors of a large symmetric matrix, by way of a tridiagonal one.
//!
//! Householder's reflections make the matrix tridiagonal; then rotations, chased down the diagonal, make what
//! stands beside it vanish, one eigenvalue after the other. Rows are read and written from end to end, so that
//! loops run in the widest registers, and every sum has one order.
//!
//! An eigenvalue is off by roundings of the *greatest*, where Jacobi's rotations (`eigen.rs`) keep more digits of tiny ones.
//!
//! Source: Golub, Van Loan, Matrix Computations, 8.3 (tridiagonal QR with Wilkinson's shift). Cost: some 10·d³;
//! the number of steps is capped, so it always ends.

/// More steps per eigenvalue than any matrix needs: two are usual.
const MAX_STEPS: usize = 60;

/// Numbers below this vanish beside a matrix whose greatest entry is near 1.
const NOTHING: f64 = 1e-150;

/// A tridiagonal matrix, and the axes in which the original one is.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Beside the diagonal.
    beside: Vec<f64>,
    /// Row-major, each row an axis.
    axes: Vec<f64>,
}

/// Eigenvalues in no order, and their eigenvectors, row by row, of a symmetric `d` × `d` matrix whose entries
/// are at most 1 in magnitude; `d` is at least 2.
pub(super) fn decompose(a: Vec<f64>, d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut tridiagonal = reduce(a, d);
    let mut high = d - 1;
    for _ in 0..MAX_STEPS * d {
        tridiagonal.drop_rounding(high);
        while high > 0 && tridiagonal.beside[high - 1] == 0.0 {
            high -= 1;
        }
        if high == 0 {
            break;
        }
        let low = (0..high).rev().find(|&at| at == 0 || tridiagonal.beside[at - 1] == 0.0);
        tridiagonal.step(low.unwrap_or(0), high);
    }
    (tridiagonal.diagonal, tridiagonal.axes)
}

/// Reflects row after row into the two entries beside the diagonal.
fn reduce(mut a: Vec<f64>, d: usize) -> Tridiagonal {
    let mut beside = vec![0.0; d - 1];
    let mut factors = vec![0.0; d];
    let (mut along, mut mirror) = (vec![0.0; d], vec![0.0; d]);
    for k in 0..d - 2 {
        let (row, below) = a[k * d..].split_at_mut(d);
        let mirror = &mut mirror[k + 1..];
        mirror.copy_from_slice(&row[k + 1..]);
        let rest: f64 = mirror[1..].iter().map(|v| v * v).sum();
        let first = mirror[0];
        if rest < NOTHING {
            beside[k] = first;
            continue;
        }
        let square = first * first + rest;
        beside[k] = if first > 0.0 { -square.sqrt() } else { square.sqrt() };
        mirror[0] = first - beside[k];
        let factor = 1.0 / (square - first * beside[k]);
        // What the reflection takes off each row, and off each column.
        let along = &mut along[k + 1..];
        along.fill(0.0);
        for (row, v) in below.chunks_exact(d).zip(&*mirror) {
            add(along, *v, &row[k + 1..]);
        }
        along.iter_mut().for_each(|v| *v *= factor);
        let dot: f64 = along.iter().zip(&*mirror).map(|(a, v)| a * v).sum();
        add(along, -0.5 * factor * dot, mirror);
        for ((row, v), w) in below.chunks_exact_mut(d).zip(&*mirror).zip(&*along) {
            let row = &mut row[k + 1..];
            for ((cell, along), mirror) in row.iter_mut().zip(&*along).zip(&*mirror) {
                *cell -= v * along + w * mirror;
            }
        }
        row[k + 1..].copy_from_slice(mirror);
        factors[k] = factor;
    }
    beside[d - 2] = a[(d - 2) * d + d - 1];
    let diagonal = (0..d).map(|k| a[k * d + k]).collect();
    Tridiagonal { diagonal, beside, axes: axes(&a, &factors, d) }
}

/// The product of all reflections, the last first, transposed.
fn axes(mirrors: &[f64], factors: &[f64], d: usize) -> Vec<f64> {
    let mut product = vec![0.0; d * d];
    (0..d).for_each(|k| product[k * d + k] = 1.0);
    let mut along = vec![0.0; d];
    for k in (0..d - 2).rev().filter(|&k| factors[k] != 0.0) {
        let mirror = &mirrors[k * d + k + 1..(k + 1) * d];
        let along = &mut along[k + 1..];
        along.fill(0.0);
        let below = &mut product[(k + 1) * d..];
        for (row, v) in below.chunks_exact(d).zip(mirror) {
            add(along, *v, &row[k + 1..]);
        }
        for (row, v) in below.chunks_exact_mut(d).zip(mirror) {
            add(&mut row[k + 1..], -factors[k] * v, along);
        }
    }
    (0..d * d).map(|at| product[at % d * d + at / d]).collect()
}

/// Adds a multiple of a row.
fn add(row: &mut [f64], times: f64, other: &[f64]) {
    row.iter_mut().zip(other).for_each(|(v, other)| *v += times * other);
}

impl Tridiagonal {
    /// Entries beside the diagonal that rounding could have made are 0.
    fn drop_rounding(&mut self, high: usize) {
        for (beside, pair) in self.beside[..high].iter_mut().zip(self.diagonal.windows(2)) {
            if beside.abs() <= f64::EPSILON * (pair[0].abs() + pair[1].abs()) + NOTHING {
                *beside = 0.0;
            }
        }
    }

    /// One implicit step of QR from `low` to `high`, between which no entry beside the diagonal is 0.
    fn step(&mut self, low: usize, high: usize) {
        let d = self.diagonal.len();
        let (a, b) = (&mut self.diagonal, &mut self.beside);
        // Wilkinson's shift: the eigenvalue of the last two rows that is nearer to the last.
        let half = 0.5 * (a[high - 1] - a[high]);
        let last = b[high - 1];
        let root = (half * half + last * last).sqrt();
        let shift = a[high] - last * last / (half + if half < 0.0 { -root } else { root });
        let (mut x, mut z) = (a[low] - shift, b[low]);
        for k in low..high {
            let r = (x * x + z * z).sqrt();
            let (c, s) = if r > 0.0 { (x / r, z / r) } else { (1.0, 0.0) };
            if k > low {
                b[k - 1] = r;
            }
            let (first, second, beside) = (a[k], a[k + 1], b[k]);
            a[k] = c * c * first + 2.0 * c * s * beside + s * s * second;
            a[k + 1] = s * s * first - 2.0 * c * s * beside + c * c * second;
            b[k] = (c * c - s * s) * beside + c * s * (second - first);
            if k + 1 < high {
                x = b[k];
                z = s * b[k + 1];
                b[k + 1] *= c;
            }
            let (one, other) = self.axes[k * d..(k + 2) * d].split_at_mut(d);
            for (one, other) in one.iter_mut().zip(other) {
                (*one, *other) = (c * *one + s * *other, c * *other - s * *one);
            }
        }
    }
}
