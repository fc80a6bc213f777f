//! Where the columns of a matrix lie: mean, extremes and how far they reach, in one pass.
//!
//! Sums are of differences from a point near the rows of a chunk, in fixed chunks: exact for constant
//! columns, unhurt by a large offset, and the same on any number of threads.

use ndarray::ArrayView2;

use super::builds::builds;
use super::check::{self, MAX_MAGNITUDE, Rows};
use super::parallel;
use crate::{Error, Result};

/// Where the columns of a matrix lie.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Columns {
    /// Mean per column, from sums in fixed chunks.
    pub(crate) means: Vec<f64>,
    /// Greatest |x − mean| per column.
    pub(crate) reach: Vec<f64>,
    /// Greatest |x| per column.
    pub(crate) magnitudes: Vec<f64>,
    /// Smallest and greatest x per column.
    pub(crate) extremes: [Vec<f64>; 2],
}

impl Columns {
    /// One pass over the rows.
    pub(crate) fn of(rows: &Rows<'_>) -> Self {
        Self::joined(rows, &parts(rows))
    }

    /// Checks a matrix as [`check::rows`] does, in the same pass.
    ///
    /// # Errors
    /// As [`check::rows`].
    pub(crate) fn checked(x: ArrayView2<'_, f64>) -> Result<(Rows<'_>, Self)> {
        let rows = check::of_any_value(x)?;
        let columns = Self::of_checked(&rows, &parts(&rows))?;
        Ok((rows, columns))
    }

    /// Joins the parts of all chunks, and checks their values.
    ///
    /// # Errors
    /// As [`check::rows`].
    pub(super) fn of_checked(rows: &Rows<'_>, parts: &[Part]) -> Result<Self> {
        // A NaN is in its sum; sums of values within the magnitude allowed are finite.
        let fine = |part: &Part| {
            let mut extremes = part.low.iter().chain(&part.high);
            part.sums.iter().all(|sum| sum.is_finite())
                && extremes.all(|v| v.abs() <= MAX_MAGNITUDE)
        };
        if !parts.iter().all(fine) {
            let error = check::first_unusable(rows);
            return Err(error.unwrap_or(Error::Empty { what: "the matrix" }));
        }
        Ok(Self::joined(rows, parts))
    }

    pub(super) fn joined(rows: &Rows<'_>, chunks: &[Part]) -> Self {
        let n = rows.n_rows() as f64;
        let origin = rows.row(0);
        let (mut means, mut reach, mut magnitudes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lows, mut highs) = (Vec::new(), Vec::new());
        for (j, &origin) in origin.iter().enumerate() {
            let mut total = 0.0;
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for part in chunks {
                total += part.sums[j] + (part.origin[j] - origin) * part.n_rows;
                low = low.min(part.low[j]);
                high = high.max(part.high[j]);
            }
            let mean = (origin + total / n).clamp(low, high);
            means.push(mean);
            reach.push((high - mean).max(mean - low));
            magnitudes.push(high.abs().max(low.abs()));
            lows.push(low);
            highs.push(high);
        }
        Self { means, reach, magnitudes, extremes: [lows, highs] }
    }
}

/// What is known of the columns of one chunk.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) n_rows: f64,
    /// A point among the rows.
    pub(super) origin: Vec<f64>,
    /// The sums of the differences from `origin`.
    pub(super) sums: Vec<f64>,
    /// Smallest and greatest values.
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
}

fn parts(rows: &Rows<'_>) -> Vec<Part> {
    let d = rows.n_columns();
    parallel::map_chunks(rows.n_rows(), d, |range| part(rows.range(range), d))
}

builds! {
    /// The part of some rows, built for the CPU at hand: nothing is fused, so all builds agree.
    fn part(values: &[f64], d: usize) -> Part {
        ["avx512f"] => plain,
        ["avx2"] => plain,
        [] => plain,
    }
}

/// The body of every build.
#[inline(always)]
fn plain(values: &[f64], d: usize) -> Part {
    // Several rows side by side: a loop over a few columns would be mostly set-up. Sums are of
    // differences from the chunk's first row: exact for constant columns, and unhurt by a large
    // offset.
    let side_by_side = 64usize.div_ceil(d);
    let origin = values[..d].repeat(side_by_side);
    let (mut low, mut high, mut sums) = (origin.clone(), origin.clone(), vec![0.0; origin.len()]);
    for block in values.chunks(origin.len()) {
        for ((sum, &value), &origin) in sums.iter_mut().zip(block).zip(&origin) {
            *sum += value - origin;
        }
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(block) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    for i in d..origin.len() {
        sums[i % d] += sums[i];
        low[i % d] = low[i % d].min(low[i]);
        high[i % d] = high[i % d].max(high[i]);
    }
    let n_rows = (values.len() / d) as f64;
    let mut part = Part { n_rows, origin, sums, low, high };
    for each in [&mut part.origin, &mut part.sums, &mut part.low, &mut part.high] {
        each.truncate(d);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::Array2;

    #[test]
    fn an_offset_costs_no_digits_and_a_constant_column_is_exact() {
        let n = 3 * parallel::CHUNK + 7;
        let x = Array2::from_shape_fn((n, 2), |(row, column)| match column {
            0 => 1e9 + (row % 5) as f64,
            _ => 0.1,
        });
        let columns = Columns::of(&check::rows(x.view()).unwrap());
        let mean = 1e9 + (0..n).map(|row| (row % 5) as f64).sum::<f64>() / n as f64;
        assert_eq!(columns.means, [mean, 0.1]);
        assert_eq!(columns.extremes, [[1e9, 0.1], [1e9 + 4.0, 0.1]]);
        assert_eq!(columns.reach, [1e9 + 4.0 - mean, 0.0]);
        assert_eq!(columns.magnitudes, [1e9 + 4.0, 0.1]);
    }
}
