//! Where the columns of a matrix lie: mean, extremes and how far they reach, in one pass.
//!
//! Sums are of differences from a row of the chunk, in fixed chunks: exact for constant columns,
//! unhurt by a large offset, and the same on any number of threads.

use super::check::Rows;
use super::parallel;

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
        let d = rows.n_columns();
        let chunks = parallel::map_chunks(rows.n_rows(), d, |range| {
            // Several rows side by side: a loop over a few columns would be mostly set-up. Sums are
            // of differences from the chunk's first row: exact for constant columns, and unhurt by
            // a large offset.
            let first = rows.row(range.start);
            let side_by_side = 64usize.div_ceil(d);
            let origin = first.repeat(side_by_side);
            let (mut low, mut high, mut sums) =
                (origin.clone(), origin.clone(), vec![0.0; origin.len()]);
            for block in rows.range(range).chunks(origin.len()) {
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
            (sums, low, high)
        });
        let n = rows.n_rows() as f64;
        let origin = rows.row(0);
        let (mut means, mut reach, mut magnitudes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lows, mut highs) = (Vec::new(), Vec::new());
        for j in 0..d {
            let mut total = 0.0;
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for (chunk, (sums, chunk_low, chunk_high)) in chunks.iter().enumerate() {
                let start = chunk * parallel::CHUNK;
                let len = (rows.n_rows() - start).min(parallel::CHUNK) as f64;
                total += sums[j] + (rows.row(start)[j] - origin[j]) * len;
                low = low.min(chunk_low[j]);
                high = high.max(chunk_high[j]);
            }
            let mean = (origin[j] + total / n).clamp(low, high);
            means.push(mean);
            reach.push((high - mean).max(mean - low));
            magnitudes.push(high.abs().max(low.abs()));
            lows.push(low);
            highs.push(high);
        }
        Self { means, reach, magnitudes, extremes: [lows, highs] }
    }
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
