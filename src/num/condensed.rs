//! Numbers for all pairs of rows, each once: (0, 1), (0, 2), …, (0, n − 1), (1, 2), …

use super::check::MAX_MAGNITUDE;
use crate::{Error, Result};

/// The place of the pair `i < j` of `n` rows.
#[inline]
pub(crate) fn place(n: usize, i: usize, j: usize) -> usize {
    debug_assert!(i < j && j < n);
    i * (2 * n - i - 1) / 2 + (j - i - 1)
}

/// The number of rows of a condensed matrix whose distances are all usable.
///
/// # Errors
/// `DimensionMismatch` for another number than n·(n − 1)/2; `NonFinite`, `InvalidParameter` or
/// `MagnitudeTooLarge` for the first distance that is not usable, naming its rows.
pub(crate) fn check(distances: &[f64]) -> Result<usize> {
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
    let row = (0..n - 1).take_while(|&row| place(n, row, row + 1) <= at).count() - 1;
    let (column, value) = (row + 1 + at - place(n, row, row + 1), distances[at]);
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

    #[test]
    fn every_pair_has_its_place_in_order() {
        for n in 1..7 {
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            assert!(pairs.map(|(i, j)| place(n, i, j)).eq(0..n * (n - 1) / 2));
        }
    }
}
