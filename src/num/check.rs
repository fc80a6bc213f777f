//! The public door: a matrix comes in by any layout and leaves as finite, row-major rows.
//!
//! Every `fit` and `predict` goes through [`rows`], so one rule holds for all: at least one row and
//! one column, no NaN or infinity, no magnitude whose square would overflow a sum. C order is
//! borrowed, any other layout is copied once, and so every layout gives the same bits.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use ndarray::{Array2, ArrayView2};

use super::parallel;
use crate::{Error, Result};

/// Greatest magnitude whose squared differences can still be summed over any matrix in memory:
/// (2·1e145)² · 2⁵⁰ values is about 5e305, below f64::MAX.
pub(crate) const MAX_MAGNITUDE: f64 = 1e145;

/// Rows that 32 bits can number, with one number left for "none".
pub(crate) const MAX_ROWS: usize = u32::MAX as usize - 1;

/// Refuses more than `limit` rows, for what they are given to.
pub(crate) fn at_most(n_rows: usize, limit: usize, what: &'static str) -> Result<()> {
    match n_rows <= limit {
        true => Ok(()),
        false => Err(Error::TooManySamples { what, limit, got: n_rows }),
    }
}

/// A checked matrix, row-major and contiguous.
#[derive(Debug, Clone)]
pub(crate) struct Rows<'a> {
    data: Cow<'a, [f64]>,
    n_rows: usize,
    n_columns: usize,
}

impl Rows<'_> {
    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// All values, row after row.
    pub(crate) fn data(&self) -> &[f64] {
        &self.data
    }

    #[inline]
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.n_columns..(row + 1) * self.n_columns]
    }

    /// The values of a range of rows.
    #[inline]
    pub(crate) fn range(&self, rows: std::ops::Range<usize>) -> &[f64] {
        &self.data[rows.start * self.n_columns..rows.end * self.n_columns]
    }

    pub(crate) fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        self.data.chunks_exact(self.n_columns)
    }

    /// The rows as a matrix.
    pub(crate) fn view(&self) -> ArrayView2<'_, f64> {
        ArrayView2::from_shape((self.n_rows, self.n_columns), &self.data)
            .expect("whole rows, one after the other")
    }

    /// Finite values of whole rows, at least one.
    pub(crate) fn owned(data: Vec<f64>, n_columns: usize) -> Rows<'static> {
        debug_assert!(!data.is_empty() && data.len().is_multiple_of(n_columns));
        Rows { n_rows: data.len() / n_columns, data: Cow::Owned(data), n_columns }
    }

    /// A copy of some rows, at least one, in the order given.
    pub(crate) fn select(&self, chosen: &[usize]) -> Rows<'static> {
        debug_assert!(!chosen.is_empty());
        let data: Vec<f64> = chosen.iter().flat_map(|&row| self.row(row)).copied().collect();
        Rows { data: Cow::Owned(data), n_rows: chosen.len(), n_columns: self.n_columns }
    }

    /// Two rows of equal values, the lower number first.
    pub(crate) fn first_duplicate(&self) -> Option<(usize, usize)> {
        let mut order: Vec<usize> = (0..self.n_rows()).collect();
        let compare = |a: usize, b: usize| self.row(a).partial_cmp(self.row(b));
        order.sort_by(|&a, &b| compare(a, b).expect("the rows are finite"));
        let pairs = order.windows(2).filter(|pair| self.row(pair[0]) == self.row(pair[1]));
        pairs.map(|pair| (pair[0].min(pair[1]), pair[0].max(pair[1]))).min()
    }

    /// Rows of the same shape with these values.
    pub(crate) fn with_data(self, data: Vec<f64>) -> Self {
        debug_assert_eq!(data.len(), self.data.len());
        Self { data: Cow::Owned(data), ..self }
    }

    /// The same rows less one row.
    pub(crate) fn minus(self, row: &[f64]) -> Self {
        let values = self.iter().flat_map(|values| values.iter().zip(row));
        let data = values.map(|(value, shift)| value - shift).collect();
        Self { data: Cow::Owned(data), ..self }
    }

    /// The same rows with every value times `factor`; a copy unless that is 1.
    pub(crate) fn times(self, factor: f64) -> Self {
        if factor == 1.0 {
            return self;
        }
        let data = self.data.iter().map(|v| v * factor).collect();
        Self { data: Cow::Owned(data), ..self }
    }
}

/// Checks a matrix at the public door.
///
/// # Errors
/// `Empty`, `NoColumns`, `NonFinite` or `MagnitudeTooLarge`, the first in row-major order.
pub(crate) fn rows(x: ArrayView2<'_, f64>) -> Result<Rows<'_>> {
    let rows = of_any_value(x)?;
    match first_unusable(&rows) {
        None => Ok(rows),
        Some(error) => Err(error),
    }
}

/// As [`rows`], but NaN is a missing value and passes.
pub(crate) fn rows_with_gaps(x: ArrayView2<'_, f64>) -> Result<Rows<'_>> {
    let rows = of_any_value(x)?;
    match first(&rows, |v| v.abs() > MAX_MAGNITUDE) {
        None => Ok(rows),
        Some(error) => Err(error),
    }
}

/// As [`rows`], but the values are still to be checked.
pub(super) fn of_any_value(x: ArrayView2<'_, f64>) -> Result<Rows<'_>> {
    let (n_rows, n_columns) = x.dim();
    if n_rows == 0 {
        return Err(Error::Empty { what: "the matrix" });
    }
    if n_columns == 0 {
        return Err(Error::NoColumns { what: "the matrix" });
    }
    let data = match x.to_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(x.iter().copied().collect()),
    };
    Ok(Rows { data, n_rows, n_columns })
}

/// Returns what was computed from finite numbers, if it can be computed with in turn.
///
/// # Errors
/// `MagnitudeTooLarge`, also for a result that overflowed: NaN or infinity is not what came in.
pub(crate) fn computed(x: Array2<f64>) -> Result<Array2<f64>> {
    match rows(x.view()) {
        Err(Error::NonFinite { row, column, value }) => {
            Err(Error::MagnitudeTooLarge { row, column, value, limit: MAX_MAGNITUDE })
        }
        checked => checked.map(drop),
    }?;
    Ok(x)
}

/// What is wrong with the first value that is not a number within the magnitude allowed.
pub(super) fn first_unusable(rows: &Rows<'_>) -> Option<Error> {
    first(rows, |v| v.is_nan() || v.abs() > MAX_MAGNITUDE)
}

/// What is wrong with the first value that is.
#[inline]
fn first(rows: &Rows<'_>, is_wrong: impl Fn(f64) -> bool + Sync) -> Option<Error> {
    let data = rows.data();
    let fine = |v: &f64| !is_wrong(*v);
    // Chunks are checked without an early exit, which runs at memory speed.
    let chunks = parallel::map_chunks(data.len(), 1, |range| {
        data[range].iter().fold(true, |all, v| all & fine(v))
    });
    let start = chunks.iter().position(|fine| !fine)? * parallel::CHUNK;
    let at = start + data[start..].iter().position(|v| !fine(v))?;
    let (row, column, value) = (at / rows.n_columns, at % rows.n_columns, data[at]);
    Some(if value.is_finite() {
        Error::MagnitudeTooLarge { row, column, value, limit: MAX_MAGNITUDE }
    } else {
        Error::NonFinite { row, column, value }
    })
}

/// Checks a matrix that must have as many columns as a model was fitted with.
pub(crate) fn rows_of_width(x: ArrayView2<'_, f64>, n_columns: usize) -> Result<Rows<'_>> {
    width(x, n_columns)?;
    rows(x)
}

/// Checks that a matrix has as many columns as a model was fitted with.
pub(crate) fn width(x: ArrayView2<'_, f64>, n_columns: usize) -> Result<()> {
    if x.ncols() != n_columns {
        return Err(Error::DimensionMismatch {
            what: "columns".into(),
            expected: n_columns,
            got: x.ncols(),
        });
    }
    Ok(())
}

/// Checks weights of rows: finite, 0 or more, at least one above 0.
///
/// # Errors
/// `DimensionMismatch` for another number; `InvalidParameter` otherwise, naming the row.
pub(crate) fn weights(weights: &[f64], n_rows: usize) -> Result<()> {
    weights_within(weights, n_rows, 0.0..=f64::MAX, "0 or more and finite")?;
    if weights.iter().all(|&w| w == 0.0) {
        let got = format!("0 at all {n_rows} rows");
        return Err(Error::parameter("weights", "above 0 for at least one row", got));
    }
    Ok(())
}

/// Checks that there is a weight in a range for every row.
///
/// # Errors
/// `DimensionMismatch` for another number; `InvalidParameter` otherwise, naming the row.
pub(crate) fn weights_within(
    weights: &[f64],
    n_rows: usize,
    range: RangeInclusive<f64>,
    expected: &'static str,
) -> Result<()> {
    if weights.len() != n_rows {
        let what = "weights".into();
        return Err(Error::DimensionMismatch { what, expected: n_rows, got: weights.len() });
    }
    if let Some(row) = weights.iter().position(|weight| !range.contains(weight)) {
        let got = format!("{} at row {row}", weights[row]);
        return Err(Error::parameter("weights", expected, got));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn every_layout_gives_the_same_rows() {
        let c = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let mut f = Array2::zeros(ndarray::ShapeBuilder::f((2, 3)));
        f.assign(&c);
        assert_eq!(rows(c.view()).unwrap().data(), rows(f.view()).unwrap().data());
        assert_eq!(rows(c.slice(s![..;-1, ..])).unwrap().row(0), [4.0, 5.0, 6.0]);
        assert_eq!(rows(c.slice(s![.., 1..2])).unwrap().data(), [2.0, 5.0]);
    }

    #[test]
    fn rows_are_selected_in_the_order_given() {
        let x = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let chosen = rows(x.view()).unwrap().select(&[2, 0, 2]);
        assert_eq!(chosen.view(), array![[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]);
    }

    #[test]
    fn the_first_bad_value_is_named() {
        let mut x = array![[1.0, f64::INFINITY], [f64::NAN, 0.0]];
        assert!(matches!(rows(x.view()), Err(Error::NonFinite { row: 0, column: 1, .. })));
        x[[0, 1]] = -1e300;
        assert!(matches!(rows(x.view()), Err(Error::MagnitudeTooLarge { row: 0, column: 1, .. })));
        assert!(matches!(rows(Array2::zeros((0, 2)).view()), Err(Error::Empty { .. })));
        assert!(matches!(rows(Array2::zeros((2, 0)).view()), Err(Error::NoColumns { .. })));
    }
}
