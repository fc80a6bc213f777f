//! A matrix of own distances, checked at the public door.

use std::borrow::Cow;

use ndarray::ArrayView2;

use crate::num::parallel;
use crate::{Error, Result};

/// Distances between rows: square, symmetric, 0 on the diagonal, finite and 0 or more.
#[derive(Debug)]
pub(crate) struct Distances<'a> {
    values: Cow<'a, [f64]>,
    n: usize,
}

impl<'a> Distances<'a> {
    /// # Errors
    /// `Empty`, `DimensionMismatch`, `TooManySamples` or `InvalidParameter`, the first in row-major
    /// order.
    pub(crate) fn new(distances: ArrayView2<'a, f64>) -> Result<Self> {
        let (n, n_columns) = distances.dim();
        if n == 0 {
            return Err(Error::Empty { what: "the matrix of distances" });
        }
        if n != n_columns {
            let what = "columns of the matrix of distances".into();
            return Err(Error::DimensionMismatch { what, expected: n, got: n_columns });
        }
        let limit = u32::MAX as usize - 1;
        if n > limit {
            return Err(Error::TooManySamples { what: "the matrix of distances", limit, got: n });
        }
        let values = match distances.to_slice() {
            Some(slice) => Cow::Borrowed(slice),
            None => Cow::Owned(distances.iter().copied().collect()),
        };
        let broken = parallel::map(n, n, |row| {
            let fine = |&column: &usize| {
                let distance = values[row * n + column];
                let is_distance = distance.is_finite() && distance >= 0.0;
                let is_self = column != row || distance == 0.0;
                is_distance && is_self && distance == values[column * n + row]
            };
            (0..n).find(|column| !fine(column))
        });
        match broken.iter().enumerate().find_map(|(row, column)| Some((row, (*column)?))) {
            None => Ok(Self { values, n }),
            Some((row, column)) => {
                let got = format!("{} at row {row}, column {column}", values[row * n + column]);
                let expected = "finite, 0 or more, symmetric and 0 on the diagonal";
                Err(Error::parameter("distances", expected, got))
            }
        }
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
    use ndarray::array;

    #[test]
    fn a_matrix_that_holds_no_distances_is_refused_with_the_place() {
        let d = array![[0.0, 2.0], [2.0, 0.0]];
        assert_eq!(Distances::new(d.view()).unwrap().of(1), [2.0, 0.0]);
        assert_eq!(Distances::new(d.t()).unwrap().of(0), [0.0, 2.0]);
        for (broken, place) in [
            (array![[0.0, 2.0], [3.0, 0.0]], "row 0, column 1"),
            (array![[0.0, 2.0], [2.0, 1.0]], "row 1, column 1"),
            (array![[0.0, f64::NAN], [2.0, 0.0]], "row 0, column 1"),
            (array![[0.0, -1.0], [-1.0, 0.0]], "row 0, column 1"),
        ] {
            let error = Distances::new(broken.view()).unwrap_err().to_string();
            assert!(error.contains(place), "{error}");
        }
        let wide = ndarray::Array2::zeros((2, 3));
        assert!(matches!(Distances::new(wide.view()), Err(Error::DimensionMismatch { .. })));
    }
}
