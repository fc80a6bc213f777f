//! Sums of products of all pairs of columns about their means, in one pass over the rows: covariance.
//!
//! Each block of rows is read once. Its columns are checked, summed about a point `a` near the first rows
//! of the chunk, and multiplied with each other in tiles of pairs that stay in registers. What chunks say
//! about their own points then moves to the means of all: with e = Σ(x − a) and b = a − m + e/n,
//! Σ(x − m)(x − m)ᵀ = Σ(x − a)(x − a)ᵀ − e·eᵀ/n + n·b·bᵀ. So an offset costs no digits, and a mean
//! that had to be rounded costs none either. `a` is the mean of one block of up to sixteen in a chunk: if it
//! is far from the others, those rows hold a sixteenth of the variance, so that at most two digits are lost.
//!
//! Every sum runs over the rows of a chunk in order and nothing is fused, so that all builds agree.
//!
//! Source: Chan, Golub, LeVeque 1983 (updating formulae for the two-pass algorithm).
//! Cost: n·d²/2 multiplications and additions; memory d² per chunk in flight.

use ndarray::ArrayView2;

use super::builds::{all_builds, builds, fastest};
use super::check::{self, Rows};
use super::columns::{Columns, Part};
use super::doubles::{Doubles, DoublesPortable, WIDE};
#[cfg(target_arch = "x86_64")]
use super::doubles::{DoublesAvx2, DoublesAvx512};
use super::parallel;
use crate::Result;

/// Rows centred at a time.
const BLOCK: usize = 256;

/// Columns side by side in a panel.
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
        let (parts, sums) = passed(&rows);
        let columns = Columns::of_checked(&rows, &parts)?;
        Ok((rows, Self::joined(columns, &parts, sums)))
    }

    /// The products of rows whose values have been checked before.
    pub(crate) fn of(rows: &Rows<'_>) -> Self {
        let (parts, sums) = passed(rows);
        Self::joined(Columns::joined(rows, &parts), &parts, sums)
    }

    fn joined(columns: Columns, chunks: &[Part], mut sums: Vec<f64>) -> Self {
        let d = columns.means.len();
        let mut off = vec![0.0; d];
        for Part { n_rows: n, origin, sums: left, .. } in chunks {
            let places = origin.iter().zip(left).zip(&columns.means);
            let b: Vec<f64> = places.map(|((a, e), m)| a - m + e / n).collect();
            off.iter_mut().zip(&b).for_each(|(off, b)| *off += n * b);
            add(&mut sums, |i, j| n * b[i] * b[j] - left[i] * left[j] / n);
        }
        // The means of all were rounded, too.
        let n: f64 = chunks.iter().map(|part| part.n_rows).sum();
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

/// One pass over the rows, some chunks at a time: what is known of the columns of each, and the sums of
/// their products, each about its own point; the upper triangle counts.
fn passed(rows: &Rows<'_>) -> (Vec<Part>, Vec<f64>) {
    let (n, d) = (rows.n_rows(), rows.n_columns());
    let n_chunks = n.div_ceil(parallel::CHUNK);
    let at_once = (HELD / (8 * d * d)).max(4 * parallel::n_threads());
    let mut parts = Vec::with_capacity(n_chunks);
    let mut all = vec![0.0; d * d];
    for first in (0..n_chunks).step_by(at_once) {
        let work = parallel::CHUNK.min(n).saturating_mul(d * d / 2);
        let found = parallel::map(at_once.min(n_chunks - first), work, |at| {
            let start = (first + at) * parallel::CHUNK;
            chunk(rows.range(start..n.min(start + parallel::CHUNK)), d)
        });
        for (part, sums) in found {
            all.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
            parts.push(part);
        }
    }
    (parts, all)
}

builds! {
    /// Adds the products of all pairs of columns to the upper triangle of a square matrix. Columns lie in
    /// panels one after the other, row after row; their number is a multiple of [`PANEL`].
    pub(super) fn add_products(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
        ["avx512f"] => products::<DoublesAvx512, 8>,
        ["avx2"] => products::<DoublesAvx2, 4>,
        [] => products::<DoublesPortable, 4>,
    }
}

/// The body of every build of [`add_products`].
#[inline(always)]
fn products<W: Doubles, const I: usize>(panels: &[[f64; PANEL]], n_rows: usize, sums: &mut [f64]) {
    multiply::<W, I>(panels, n_rows, n_rows, sums);
}

/// The columns of some rows and the products of all pairs of them.
fn chunk(values: &[f64], d: usize) -> (Part, Vec<f64>) {
    fastest(chunks())(values, d)
}

all_builds! {
    /// The builds of [`chunk`].
    fn chunks(values: &[f64], d: usize) -> (Part, Vec<f64>) {
        ["avx512f"] => centred::<DoublesAvx512, 8>,
        ["avx2"] => centred::<DoublesAvx2, 4>,
        [] => centred::<DoublesPortable, 4>,
    }
}

/// The body of every build, with tiles of `I` columns by eight.
#[inline(always)]
fn centred<W: Doubles, const I: usize>(values: &[f64], d: usize) -> (Part, Vec<f64>) {
    let n_panels = d.div_ceil(PANEL);
    let width = n_panels * PANEL;
    let mut part = empty(values, d, width);
    let mut sums = vec![0.0; width * width];
    // Panel after panel, row after row; what no column fills stays 0.
    let mut panels = vec![[0.0; PANEL]; n_panels * BLOCK];
    for rows in values.chunks(BLOCK * d) {
        for (panel, panels) in panels.chunks_exact_mut(BLOCK).enumerate() {
            let from = panel * PANEL;
            let mut columns = PanelColumns::of(&part, from);
            let rows = rows.chunks_exact(d).map(|row| &row[from..]);
            for (out, row) in panels.iter_mut().zip(rows) {
                // The compiler keeps a row in registers only if it knows its length.
                match row.first_chunk::<PANEL>() {
                    Some(row) => columns.centre(row, out),
                    None => columns.centre(row, out),
                }
            }
            columns.into(&mut part, from);
        }
        multiply::<W, I>(&panels, BLOCK, rows.len() / d, &mut sums);
    }
    for each in [&mut part.origin, &mut part.sums, &mut part.low, &mut part.high] {
        each.truncate(d);
    }
    let upper = sums.chunks_exact(width).take(d).flat_map(|row| &row[..d]).copied().collect();
    (part, upper)
}

/// Nothing seen yet, about the mean of the first block, with room for whole panels.
#[inline(always)]
fn empty(values: &[f64], d: usize, width: usize) -> Part {
    let (first, block) = (&values[..d], &values[..values.len().min(BLOCK * d)]);
    let mut sums = vec![0.0; d];
    for row in block.chunks_exact(d) {
        sums.iter_mut().zip(row).zip(first).for_each(|((sum, v), first)| *sum += v - first);
    }
    let n = (block.len() / d) as f64;
    let mut origin: Vec<f64> = first.iter().zip(sums).map(|(first, sum)| first + sum / n).collect();
    origin.resize(width, 0.0);
    Part {
        n_rows: (values.len() / d) as f64,
        origin,
        sums: vec![0.0; width],
        low: vec![f64::INFINITY; width],
        high: vec![f64::NEG_INFINITY; width],
    }
}

/// What is known of the columns of a panel.
struct PanelColumns {
    origin: [f64; PANEL],
    sums: [f64; PANEL],
    low: [f64; PANEL],
    high: [f64; PANEL],
}

impl PanelColumns {
    #[inline(always)]
    fn of(part: &Part, from: usize) -> Self {
        let at = |values: &[f64]| *values[from..].first_chunk().expect("whole panels");
        Self {
            origin: at(&part.origin),
            sums: at(&part.sums),
            low: at(&part.low),
            high: at(&part.high),
        }
    }

    #[inline(always)]
    fn into(self, part: &mut Part, from: usize) {
        part.sums[from..from + PANEL].copy_from_slice(&self.sums);
        part.low[from..from + PANEL].copy_from_slice(&self.low);
        part.high[from..from + PANEL].copy_from_slice(&self.high);
    }

    /// Writes a row about the origin, and adds it.
    #[inline(always)]
    fn centre(&mut self, row: &[f64], out: &mut [f64; PANEL]) {
        for (at, &value) in row.iter().enumerate().take(PANEL) {
            out[at] = value - self.origin[at];
            self.sums[at] += out[at];
            self.low[at] = if value < self.low[at] { value } else { self.low[at] };
            self.high[at] = if value > self.high[at] { value } else { self.high[at] };
        }
    }
}

/// Adds the products of all pairs of columns, from the diagonal on, tile by tile; a panel has room for
/// `stride` rows.
#[inline(always)]
fn multiply<W: Doubles, const I: usize>(
    panels: &[[f64; PANEL]],
    stride: usize,
    n_rows: usize,
    sums: &mut [f64],
) {
    let width = panels.len() / stride * PANEL;
    debug_assert_eq!(sums.len(), width * width);
    for j in (0..width).step_by(WIDE) {
        let right = &panels[j / PANEL * stride..][..n_rows];
        for i in (0..j + WIDE).step_by(I) {
            let top = &panels[i / PANEL * stride..][..n_rows];
            let tile = tile::<W, I>(top, i % PANEL, right, j % PANEL);
            for (row, more) in sums[i * width..].chunks_mut(width).zip(tile) {
                let lanes = row[j..].first_chunk_mut().expect("whole panels");
                W::load(lanes).plus(more).store(lanes);
            }
        }
    }
}

/// Σ over the rows of the products of `I` columns with eight, in order.
#[inline(always)]
fn tile<W: Doubles, const I: usize>(
    top: &[[f64; PANEL]],
    i: usize,
    right: &[[f64; PANEL]],
    j: usize,
) -> [W; I] {
    let mut sums = [W::splat(0.0); I];
    for (top, right) in top.iter().zip(right) {
        let right = W::load(right[j..].first_chunk().expect("whole panels"));
        for (sum, top) in sums.iter_mut().zip(&top[i..]) {
            *sum = sum.plus(W::splat(*top).times(right));
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
                for build in chunks() {
                    let upper = |(part, sums): (Part, Vec<f64>)| {
                        let pairs = (0..d).flat_map(|i| (i..d).map(move |j| i * d + j));
                        let sums: Vec<f64> = pairs.map(|at| sums[at]).collect();
                        (part.origin, part.sums, part.low, part.high, sums)
                    };
                    let wide = upper(build(rows.data(), d));
                    assert_eq!(wide, upper(centred::<DoublesPortable, 8>(rows.data(), d)));
                    assert_eq!(wide, upper(centred::<DoublesPortable, 2>(rows.data(), d)));
                }
            }
        }
    }

    #[test]
    fn first_rows_far_from_all_others_cost_two_digits_at_most_and_a_constant_column_is_exact() {
        let mut stream = Stream::new(3, 0);
        let (n, far) = (parallel::CHUNK, 1e6);
        let x = Array2::from_shape_fn((n, 3), |(row, column)| match column {
            2 => 0.1,
            _ if row < BLOCK => far,
            _ => stream.below(1000) as f64,
        });
        let whole = |column: usize, row: usize| x[[row, column]] as i128;
        let sum = |of: &dyn Fn(usize) -> i128| (0..n).map(of).sum::<i128>();
        let sums = Products::checked(x.view()).unwrap().1.sums;
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let (a, b) = (sum(&|row| whole(i, row)), sum(&|row| whole(j, row)));
            let exact = n as i128 * sum(&|row| whole(i, row) * whole(j, row)) - a * b;
            let exact = exact as f64 / n as f64;
            assert!(
                (sums[i * 3 + j] - exact).abs() <= 1e-13 * exact,
                "{} {exact}",
                sums[i * 3 + j]
            );
        }
        assert_eq!([sums[2], sums[5], sums[8]], [0.0; 3]);
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
