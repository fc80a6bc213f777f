//! Sums of products of all pairs of columns about their means, in one pass over the rows: covariance.
//!
//! Each chunk of rows is read into the cache once. There its columns are summed and checked, centred on
//! the chunk's own means, and multiplied with each other in tiles of pairs that stay in registers. What
//! chunks say about their own means then moves to the means of all: with e = Σ(x − a) and b = a − m + e/n,
//! Σ(x − m)(x − m)ᵀ = Σ(x − a)(x − a)ᵀ − e·eᵀ/n + n·b·bᵀ. So an offset costs no digits, and a mean
//! that had to be rounded costs none either.
//!
//! Every sum runs over the rows of a chunk in order and nothing is fused, so that all builds agree.
//!
//! Source: Chan, Golub, LeVeque 1983 (updating formulae for the two-pass algorithm).
//! Cost: n·d²/2 multiplications and additions; memory d² per chunk in flight.

use ndarray::ArrayView2;

use super::check::{self, Rows};
use super::columns::{self, Columns, Part};
use super::doubles::{Doubles, Portable, WIDE};
use super::parallel;
use crate::Result;

/// Rows centred at a time.
const BLOCK: usize = 256;

/// Columns side by side in a panel: two registers of eight, or four of four.
pub(super) const PANEL: usize = 16;

/// Bytes of sums of chunks that are held at once.
const HELD: usize = 1 << 26;

/// Where the columns lie, and Σ (xᵢ − mᵢ)(xⱼ − mⱼ) for all pairs of columns, row-major and symmetric.
#[derive(Debug)]
pub(crate) struct Products {
    pub(crate) columns: Columns,
    pub(crate) sums: Vec<f64>,
}

impl Products {
    /// Checks a matrix as [`check::rows`] does, in the same pass.
    ///
    /// # Errors
    /// As [`check::rows`].
    pub(crate) fn checked(x: ArrayView2<'_, f64>) -> Result<(Rows<'_>, Self)> {
        let rows = check::of_any_value(x)?;
        let (parts, chunks) = passed(&rows);
        let columns = Columns::of_checked(&rows, &parts)?;
        let products = Self::joined(columns, &chunks);
        Ok((rows, products))
    }

    /// The products of rows whose values have been checked before.
    pub(crate) fn of(rows: &Rows<'_>) -> Self {
        let (parts, chunks) = passed(rows);
        Self::joined(Columns::joined(rows, &parts), &chunks)
    }

    fn joined(columns: Columns, chunks: &Chunks) -> Self {
        let d = columns.means.len();
        let mut sums = chunks.sums.clone();
        let mut off = vec![0.0; d];
        let n: f64 = chunks.places.iter().map(|place| place.n).sum();
        for Place { n, centre, left } in &chunks.places {
            let places = centre.iter().zip(left).zip(&columns.means);
            let b: Vec<f64> = places.map(|((a, e), m)| a - m + e / n).collect();
            off.iter_mut().zip(&b).for_each(|(off, b)| *off += n * b);
            add(&mut sums, |i, j| n * b[i] * b[j] - left[i] * left[j] / n);
        }
        // The means of all were rounded, too.
        add(&mut sums, |i, j| -off[i] * (off[j] / n));
        for i in 0..d {
            for j in 0..i {
                sums[i * d + j] = sums[j * d + i];
            }
        }
        Self { columns, sums }
    }
}

/// Adds to the upper triangle of a square matrix.
fn add(sums: &mut [f64], value: impl Fn(usize, usize) -> f64) {
    let d = sums.len().isqrt();
    for (i, row) in sums.chunks_exact_mut(d).enumerate() {
        for (j, sum) in row.iter_mut().enumerate().skip(i) {
            *sum += value(i, j);
        }
    }
}

/// What all chunks say about their own means.
#[derive(Debug)]
struct Chunks {
    /// The upper triangle counts.
    sums: Vec<f64>,
    places: Vec<Place>,
}

/// What the products of a chunk are about, and what its rows sum to there.
#[derive(Debug)]
struct Place {
    n: f64,
    centre: Vec<f64>,
    left: Vec<f64>,
}

/// One pass over the rows, some chunks at a time.
fn passed(rows: &Rows<'_>) -> (Vec<Part>, Chunks) {
    let (n, d) = (rows.n_rows(), rows.n_columns());
    let n_chunks = n.div_ceil(parallel::CHUNK);
    let at_once = (HELD / (8 * d * d)).max(4 * parallel::n_threads());
    let mut parts = Vec::with_capacity(n_chunks);
    let mut all = Chunks { sums: vec![0.0; d * d], places: Vec::with_capacity(n_chunks) };
    for first in (0..n_chunks).step_by(at_once) {
        let work = parallel::CHUNK.min(n).saturating_mul(d * d / 2);
        let found = parallel::map(at_once.min(n_chunks - first), work, |at| {
            let start = (first + at) * parallel::CHUNK;
            let values = rows.range(start..n.min(start + parallel::CHUNK));
            let part = columns::part(values, d);
            let n_rows = (values.len() / d) as f64;
            let means = values[..d].iter().zip(&part.sums).map(|(v, sum)| v + sum / n_rows);
            let centre: Vec<f64> = means.collect();
            let (left, sums) = about(values, &centre);
            (part, Place { n: n_rows, centre, left }, sums)
        });
        for (part, place, sums) in found {
            all.sums.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
            all.places.push(place);
            parts.push(part);
        }
    }
    (parts, all)
}

/// Adds the products of all pairs of columns to the upper triangle of a square matrix. Columns lie in
/// panels one after the other, row after row; their number is a multiple of [`PANEL`].
pub(super) fn add_products(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return x86::avx512_products(panels, n_rows, sums);
        }
        if is_x86_feature_detected!("avx2") {
            return x86::avx2_products(panels, n_rows, sums);
        }
    }
    multiply::<Portable, 4, 1>(panels, n_rows, n_rows, sums);
}

/// Σ (x − a) and Σ (x − a)(x − a)ᵀ of some rows, built for the CPU at hand; the upper triangle counts.
fn about(values: &[f64], centre: &[f64]) -> (Vec<f64>, Vec<f64>) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return x86::avx512(values, centre);
        }
        if is_x86_feature_detected!("avx2") {
            return x86::avx2(values, centre);
        }
    }
    centred::<Portable, 4, 1>(values, centre)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use super::super::doubles::{Avx2, Avx512};
    use super::{PANEL, centred, multiply};

    type Sums = (Vec<f64>, Vec<f64>);

    #[target_feature(enable = "avx512f")]
    fn with_avx512(values: &[f64], centre: &[f64]) -> Sums {
        centred::<Avx512, 4, 2>(values, centre)
    }

    #[target_feature(enable = "avx2")]
    fn with_avx2(values: &[f64], centre: &[f64]) -> Sums {
        centred::<Avx2, 4, 1>(values, centre)
    }

    #[target_feature(enable = "avx512f")]
    fn products_with_avx512(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
        multiply::<Avx512, 4, 2>(panels, n_rows, n_rows, sums);
    }

    #[target_feature(enable = "avx2")]
    fn products_with_avx2(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
        multiply::<Avx2, 4, 1>(panels, n_rows, n_rows, sums);
    }

    pub(super) fn avx512_products(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
        // SAFETY: called only after detecting the feature.
        unsafe { products_with_avx512(panels, n_rows, sums) }
    }

    pub(super) fn avx2_products(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
        // SAFETY: called only after detecting the feature.
        unsafe { products_with_avx2(panels, n_rows, sums) }
    }

    pub(super) fn avx512(values: &[f64], centre: &[f64]) -> Sums {
        // SAFETY: called only after detecting the feature.
        unsafe { with_avx512(values, centre) }
    }

    pub(super) fn avx2(values: &[f64], centre: &[f64]) -> Sums {
        // SAFETY: called only after detecting the feature.
        unsafe { with_avx2(values, centre) }
    }
}

/// The body of every build, with tiles of `I` columns by `V` registers of columns.
#[inline(always)]
fn centred<W: Doubles, const I: usize, const V: usize>(
    values: &[f64],
    centre: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let d = centre.len();
    let n_panels = d.div_ceil(PANEL);
    let width = n_panels * PANEL;
    let (mut left, mut sums) = (vec![0.0; width], vec![0.0; width * width]);
    // Panel after panel, row after row; what no column fills stays 0.
    let mut panels = vec![[0.0; PANEL]; n_panels * BLOCK];
    for rows in values.chunks(BLOCK * d) {
        let n_rows = rows.len() / d;
        for (panel, panels) in panels.chunks_exact_mut(BLOCK).enumerate() {
            let from = panel * PANEL;
            let to = d.min(from + PANEL);
            let mut sums = [0.0; PANEL];
            for (out, row) in panels.iter_mut().zip(rows.chunks_exact(d)) {
                let each = row[from..to].iter().zip(&centre[from..to]).zip(&mut sums);
                for (out, ((v, a), sum)) in out.iter_mut().zip(each) {
                    *out = v - a;
                    *sum += *out;
                }
            }
            left[from..to].iter_mut().zip(sums).for_each(|(left, sum)| *left += sum);
        }
        multiply::<W, I, V>(&panels, BLOCK, n_rows, &mut sums);
    }
    left.truncate(d);
    let upper = sums.chunks_exact(width).take(d).flat_map(|row| &row[..d]).copied().collect();
    (left, upper)
}

/// Adds the products of all pairs of columns, from the diagonal on, tile by tile; a panel has room for
/// `stride` rows.
#[inline(always)]
fn multiply<W: Doubles, const I: usize, const V: usize>(
    panels: &[[f64; PANEL]],
    stride: usize,
    n_rows: usize,
    sums: &mut [f64],
) {
    let width = panels.len() / stride * PANEL;
    debug_assert_eq!(sums.len(), width * width);
    for j in (0..width).step_by(V * WIDE) {
        let right = &panels[j / PANEL * stride..][..n_rows];
        for i in (0..j + V * WIDE).step_by(I) {
            let top = &panels[i / PANEL * stride..][..n_rows];
            let tile = tile::<W, I, V>(top, i % PANEL, right, j % PANEL);
            for (row, tile) in sums[i * width..].chunks_mut(width).zip(&tile) {
                let (lanes, _) = row[j..].as_chunks_mut::<WIDE>();
                for (lanes, more) in lanes.iter_mut().zip(tile) {
                    W::load(lanes).plus(*more).store(lanes);
                }
            }
        }
    }
}

/// Σ over the rows of the products of `I` columns with `V` registers of columns, in order.
#[inline(always)]
fn tile<W: Doubles, const I: usize, const V: usize>(
    top: &[[f64; PANEL]],
    i: usize,
    right: &[[f64; PANEL]],
    j: usize,
) -> [[W; V]; I] {
    let mut sums = [[W::splat(0.0); V]; I];
    for (top, right) in top.iter().zip(right) {
        let (right, _) = right[j..].as_chunks::<WIDE>();
        let right: [W; V] = std::array::from_fn(|v| W::load(&right[v]));
        for (sums, top) in sums.iter_mut().zip(&top[i..]) {
            let top = W::splat(*top);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = sum.plus(top.times(right));
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn sums_are_those_of_the_definition_at_any_offset_and_alike_in_every_build() {
        let mut stream = Stream::new(1, 0);
        for (n, d) in [(1, 1), (5, 3), (parallel::CHUNK + 7, 9), (2 * BLOCK + 1, 35)] {
            // Whole numbers, whose means are not, so that both are exact enough to compare.
            let x = Array2::from_shape_simple_fn((n, d), || stream.below(1000) as f64);
            let means: Vec<f64> = (0..d).map(|j| x.column(j).sum() / n as f64).collect();
            let exact = |i: usize, j: usize| -> f64 {
                x.rows().into_iter().map(|row| (row[i] - means[i]) * (row[j] - means[j])).sum()
            };
            for offset in [0.0, 1e9, 1e12] {
                let x = &x + offset;
                let (rows, found) = Products::checked(x.view()).unwrap();
                for (i, j) in (0..d).flat_map(|i| (0..d).map(move |j| (i, j))) {
                    let off = found.sums[i * d + j] - exact(i, j);
                    assert!(off.abs() <= 1e-9 * n as f64 * 1e6, "{n} {d} {offset} {off}");
                }
                assert_eq!(Products::of(&rows).sums, found.sums);
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx2") {
                    let upper = |(left, sums): (Vec<f64>, Vec<f64>)| {
                        let pairs = (0..d).flat_map(|i| (i..d).map(move |j| i * d + j));
                        (left, pairs.map(|at| sums[at]).collect::<Vec<f64>>())
                    };
                    let wide = upper(x86::avx2(rows.data(), &means));
                    assert_eq!(wide, upper(centred::<Portable, 4, 2>(rows.data(), &means)));
                    assert_eq!(wide, upper(centred::<Portable, 2, 1>(rows.data(), &means)));
                }
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit_and_a_wide_matrix_is_summed_some_chunks_at_a_time() {
        let mut stream = Stream::new(2, 0);
        let x = Array2::from_shape_simple_fn((3 * parallel::CHUNK + 9, 5), || stream.normal());
        let rows = check::rows(x.view()).unwrap();
        let sums = [1, 3].map(|n| parallel::with_threads(n, || Products::of(&rows).sums));
        assert_eq!(sums[0], sums[1]);
    }
}
