//! Distances between all pairs of rows, condensed as scipy's `pdist`.

use serde::{Deserialize, Serialize};

use super::linkage::Linkage;
use crate::num::check::{MAX_MAGNITUDE, Rows};
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::num::triangle::Triangle;
use crate::num::{condensed, parallel};
use crate::{Error, Result};

/// The distances of all pairs of rows, and what kind they are.
///
/// They come in the order (0, 1), (0, 2), …, (0, n − 1), (1, 2), …, not squared; none at all is one
/// row. A plain vector counts as Euclidean.
///
/// ```
/// use personas::cluster::Pairwise;
/// use personas::{Agglomerative, Linkage};
///
/// let mixed = Pairwise::Other(vec![0.25, 1.0, 0.5]);
/// assert!(Agglomerative::new(Linkage::Ward).fit_condensed(mixed.clone(), None).is_err());
/// let tree = Agglomerative::new(Linkage::Complete).fit_condensed(mixed, None)?;
/// assert_eq!(tree.merges()[1].height, 1.0);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Pairwise {
    /// Lengths of straight lines between points: every linkage makes sense.
    Euclidean(Vec<f64>),
    /// Any other dissimilarities, such as Gower's: Ward, centroid and median, which reckon with
    /// means, refuse them.
    Other(Vec<f64>),
}

impl From<Vec<f64>> for Pairwise {
    fn from(distances: Vec<f64>) -> Self {
        Self::Euclidean(distances)
    }
}

impl Pairwise {
    /// The numbers, if the linkage makes sense of them.
    pub(super) fn into_values(self, linkage: Linkage) -> Result<Vec<f64>> {
        match self {
            Self::Euclidean(values) => Ok(values),
            Self::Other(values) if !linkage.is_on_squares() => Ok(values),
            Self::Other(_) => Err(Error::parameter(
                "linkage",
                "single, complete, average or weighted for distances that are not Euclidean",
                format!("{linkage:?}"),
            )),
        }
    }
}

/// The linkage's distance of every pair of rows, squared if the linkage is on squares; none if there
/// is no memory for them.
pub(super) fn of_rows(rows: &Rows<'_>, weights: &[f64], linkage: Linkage) -> Option<Triangle> {
    let (n_rows, d) = (rows.n_rows(), rows.n_columns());
    let mut distances = Triangle::new(n_rows)?;
    let tiles = Tiles::new(rows.iter(), d);
    let work = n_rows.saturating_mul(n_rows) / 2 * d;
    parallel::for_each(distances.panels_mut(n_rows, 1), work, |_, mut panel| {
        let mut squares = [Lanes::FAR];
        for row in panel.rows.clone() {
            for tile in row / WIDTH..n_rows.div_ceil(WIDTH) {
                tiles.squared(rows.row(row), tile, &mut squares);
                let values = &mut squares[0].0;
                let columns = tile * WIDTH..n_rows.min((tile + 1) * WIDTH);
                if !linkage.is_on_squares() {
                    values.iter_mut().for_each(|value| *value = value.sqrt());
                }
                for (value, &other) in values.iter_mut().zip(&weights[columns.clone()]) {
                    *value = linkage.of_rows(*value, [weights[row], other]);
                }
                panel.set(row, columns.start, &values[..columns.len()]);
            }
        }
    });
    Some(distances)
}

/// Condensed distances, laid out as they are merged; none if there is no memory for them.
pub(super) fn of_pairs(pairs: &[f64], weights: &[f64], linkage: Linkage) -> Option<Triangle> {
    let n = weights.len();
    let mut distances = Triangle::new(n)?;
    let mut rest = pairs;
    for row in 0..n {
        let (here, after) = rest.split_at(n - 1 - row);
        let others = here.iter().zip(&weights[row + 1..]);
        let values: Vec<f64> =
            others.map(|(&pair, &other)| linkage.of_rows(pair, [weights[row], other])).collect();
        distances.set_row(row, &values);
        rest = after;
    }
    Some(distances)
}

/// The number of rows of a condensed matrix whose distances are all usable.
///
/// # Errors
/// As [`fit_condensed`](super::Agglomerative::fit_condensed).
pub(super) fn check(distances: &[f64]) -> Result<usize> {
    // n rows have n·(n − 1)/2 pairs, so n is about √(2·pairs) + 1/2; a step settles the rounding.
    let mut n = (2.0 * distances.len() as f64).sqrt() as usize;
    while n * n.saturating_sub(1) / 2 < distances.len() || n == 0 {
        n += 1;
    }
    let n_pairs = n * (n - 1) / 2;
    if n_pairs != distances.len() {
        let what = "condensed distances, n * (n - 1) / 2 of n rows";
        return Err(Error::DimensionMismatch {
            what: what.into(),
            expected: n_pairs,
            got: distances.len(),
        });
    }
    let Some(at) = distances.iter().position(|d| !(0.0..=MAX_MAGNITUDE).contains(d)) else {
        return Ok(n);
    };
    let row = (0..n - 1).take_while(|&row| condensed::place(n, row, row + 1) <= at).count() - 1;
    let (column, value) = (row + 1 + at - condensed::place(n, row, row + 1), distances[at]);
    Err(if !value.is_finite() {
        Error::NonFinite { row, column, value }
    } else if value < 0.0 {
        let got = format!("{value} for rows {row} and {column}");
        Error::parameter("distances", "0 or more", got)
    } else {
        Error::MagnitudeTooLarge { row, column, value, limit: MAX_MAGNITUDE }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check::rows;
    use crate::num::distance::squared;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn every_pair_has_the_naive_distance() {
        let mut stream = Stream::new(2, 0);
        for n in [1, 2, 15, 16, 17, 33, 700] {
            let x = Array2::from_shape_simple_fn((n, 3), || stream.normal());
            let rows = rows(x.view()).unwrap();
            let weights: Vec<f64> = (0..n).map(|row| (row % 3 + 1) as f64).collect();
            for linkage in [Linkage::Average, Linkage::Ward, Linkage::Centroid] {
                let found = of_rows(&rows, &weights, linkage).unwrap();
                for i in 0..n {
                    for j in i + 1..n {
                        let square = squared(rows.row(i), rows.row(j));
                        let naive = if linkage.is_on_squares() { square } else { square.sqrt() };
                        let naive = linkage.of_rows(naive, [weights[i], weights[j]]);
                        assert_eq!(found.get(i, j), naive);
                    }
                }
            }
        }
    }
}
