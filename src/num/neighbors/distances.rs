//! A matrix of own distances, checked at the public door.

use std::borrow::Cow;

use ndarray::{CowArray, Ix2};

use crate::num::check::{self, MAX_MAGNITUDE};
use crate::num::samples::{self, Samples};
use crate::num::{condensed, parallel};
use crate::{Error, Result};

/// Distances between rows: square, symmetric, 0 on the diagonal, finite and 0 or more.
#[derive(Debug)]
pub(crate) struct Distances<'a> {
    values: Cow<'a, [f64]>,
    n: usize,
}

impl<'a> Distances<'a> {
    /// # Errors
    /// `Empty`, `DimensionMismatch`, `TooManySamples`, `NonFinite`, `MagnitudeTooLarge` or
    /// `InvalidParameter`, the first in row-major order; for condensed distances as
    /// [`condensed::check`].
    pub(crate) fn new(distances: &'a Samples<'_>) -> Result<Self> {
        match distances {
            Samples::Rows(square) | Samples::Distances(square) => Self::of_square(square),
            Samples::Condensed(pairs) | Samples::Euclidean(pairs) => {
                let n = condensed::check(pairs)?;
                let of = |row: usize, column: usize| match row == column {
                    true => 0.0,
                    false => pairs[condensed::place(n, row.min(column), row.max(column))],
                };
                let mut values = vec![0.0; n * n];
                parallel::map_chunks_mut(&mut values, n, n, |row, values| {
                    values.iter_mut().enumerate().for_each(|(column, v)| *v = of(row, column));
                });
                Ok(Self { values: Cow::Owned(values), n })
            }
            Samples::Weighted(..) => Err(samples::weighted()),
        }
    }

    fn of_square(distances: &'a CowArray<'_, f64, Ix2>) -> Result<Self> {
        let (n, n_columns) = distances.dim();
        if n == 0 {
            return Err(Error::Empty { what: "the matrix of distances" });
        }
        if n != n_columns {
            let what = "columns of the matrix of distances".into();
            return Err(Error::DimensionMismatch { what, expected: n, got: n_columns });
        }
        check::at_most(n, check::MAX_ROWS, "the matrix of distances")?;
        let values = match distances.as_slice() {
            Some(slice) => Cow::Borrowed(slice),
            None => Cow::Owned(distances.iter().copied().collect()),
        };
        let broken = parallel::map(n, n, |row| {
            let fine = |&column: &usize| {
                let distance = values[row * n + column];
                let is_distance = (0.0..=MAX_MAGNITUDE).contains(&distance);
                let is_self = column != row || distance == 0.0;
                is_distance && is_self && distance == values[column * n + row]
            };
            (0..n).find(|column| !fine(column))
        });
        match broken.iter().enumerate().find_map(|(row, column)| Some((row, (*column)?))) {
            None => Ok(Self { values, n }),
            Some((row, column)) => {
                let value = values[row * n + column];
                if !value.is_finite() {
                    return Err(Error::NonFinite { row, column, value });
                }
                if value > MAX_MAGNITUDE {
                    let limit = MAX_MAGNITUDE;
                    return Err(Error::MagnitudeTooLarge { row, column, value, limit });
                }
                let got = format!("{value} at row {row}, column {column}");
                let expected = "0 or more, symmetric and 0 on the diagonal";
                Err(Error::parameter("distances", expected, got))
            }
        }
    }

    /// The distances of all pairs, each once.
    pub(crate) fn condensed(&self) -> Vec<f64> {
        (0..self.n).flat_map(|row| &self.of(row)[row + 1..]).copied().collect()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n
    }

    /// The distances of one row to all.
    #[inline]
    pub(crate) fn of(&self, row: usize) -> &[f64] {
        &self.values[row * self.n..(row + 1) * self.n]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ArrayView2, array};

    fn square(x: ArrayView2<'_, f64>) -> Samples<'_> {
        Samples::Distances(x.into())
    }

    #[test]
    fn a_matrix_that_holds_no_distances_is_refused_with_the_place() {
        let d = array![[0.0, 2.0], [2.0, 0.0]];
        assert_eq!(Distances::new(&square(d.view())).unwrap().of(1), [2.0, 0.0]);
        assert_eq!(Distances::new(&square(d.t())).unwrap().of(0), [0.0, 2.0]);
        let pairs = Samples::Condensed(vec![1.0, 2.0, 3.0]);
        let pairs = Distances::new(&pairs).unwrap();
        assert_eq!([pairs.of(0), pairs.of(1)], [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0]]);
        assert_eq!(pairs.condensed(), [1.0, 2.0, 3.0]);
        assert!(Distances::new(&Samples::Condensed(vec![1.0, 2.0])).is_err());
        for (broken, place) in [
            (array![[0.0, 2.0], [3.0, 0.0]], "row 0, column 1"),
            (array![[0.0, 2.0], [2.0, 1.0]], "row 1, column 1"),
            (array![[0.0, f64::NAN], [2.0, 0.0]], "row 0, column 1"),
            (array![[0.0, -1.0], [-1.0, 0.0]], "row 0, column 1"),
        ] {
            let error = Distances::new(&square(broken.view())).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
        let wide = Array2::zeros((2, 3));
        assert!(matches!(
            Distances::new(&square(wide.view())),
            Err(Error::DimensionMismatch { .. })
        ));
    }
}
