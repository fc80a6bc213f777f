//! Distances between all pairs of rows, condensed as scipy's `pdist`.

use serde::{Deserialize, Serialize};

use super::linkage::Linkage;
use crate::num::check::{MAX_MAGNITUDE, Rows};
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::num::{condensed, parallel};
use crate::{Error, Result};

/// The distances of all pairs of rows, and what kind they are.
///
/// They come in the order (0, 1), (0, 2), …, (0, n − 1), (1, 2), …, not squared; none at all is one
/// row. A plain vector counts as Euclidean.
///
/// ```
/// use personas::cluster::Distances;
/// use personas::{Agglomerative, Linkage};
///
/// let mixed = Distances::Other(vec![0.25, 1.0, 0.5]);
/// assert!(Agglomerative::new(Linkage::Ward).fit_condensed(mixed.clone()).is_err());
/// let tree = Agglomerative::new(Linkage::Complete).fit_condensed(mixed)?;
/// assert_eq!(tree.merges()[1].height, 1.0);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Distances {
    /// Lengths of straight lines between points: every linkage makes sense.
    Euclidean(Vec<f64>),
    /// Any other dissimilarities, such as Gower's: Ward, centroid and median, which reckon with
    /// means, refuse them.
    Other(Vec<f64>),
}

impl From<Vec<f64>> for Distances {
    fn from(distances: Vec<f64>) -> Self {
        Self::Euclidean(distances)
    }
}

impl Distances {
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

/// Fills `distances` with the distance of every pair, in condensed order; squared or not.
pub(super) fn pairwise(rows: &Rows<'_>, keep_squared: bool, distances: &mut Vec<f64>) {
    const TILES: usize = 32;
    let (n_rows, d) = (rows.n_rows(), rows.n_columns());
    distances.resize(n_rows * (n_rows - 1) / 2, 0.0);
    let tiles = Tiles::new(rows.iter(), d);
    let work = n_rows * n_rows / 2 * d;
    parallel::for_each(condensed::split(distances, n_rows), work, |row, part| {
        let mut out = [Lanes::FAR; TILES];
        let n_tiles = n_rows.div_ceil(WIDTH);
        let mut done = 0;
        for first in ((row + 1) / WIDTH..n_tiles).step_by(TILES) {
            let out = &mut out[..TILES.min(n_tiles - first)];
            tiles.squared(rows.row(row), first, out);
            let skip = (row + 1 + done) - first * WIDTH;
            let squares = out.iter().flat_map(|lanes| lanes.0).skip(skip);
            let rest = &mut part[done..];
            done += rest.len().min(out.len() * WIDTH - skip);
            for (distance, square) in rest.iter_mut().zip(squares) {
                *distance = if keep_squared { square } else { square.sqrt() };
            }
        }
        debug_assert_eq!(done, part.len());
    });
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
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            let naive: Vec<f64> = pairs.map(|(i, j)| squared(rows.row(i), rows.row(j))).collect();
            let mut found = Vec::new();
            pairwise(&rows, true, &mut found);
            assert_eq!(found, naive);
            pairwise(&rows, false, &mut found);
            assert!(found.iter().zip(naive).all(|(found, naive)| *found == naive.sqrt()));
        }
    }
}
