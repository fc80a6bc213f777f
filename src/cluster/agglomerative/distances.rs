//! Distances between all pairs of rows, condensed as scipy's `pdist`.

use super::linkage::Linkage;
use crate::num::check::Rows;
use crate::num::parallel;
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::num::triangle::Triangle;

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
