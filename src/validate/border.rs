//! Are the rows as dense on the border of two clusters as in them?
//!
//! A bent group, such as a half circle, is cut in parts by k-means, and on the line through the centroids of
//! two parts there is a valley, although the rows lie evenly along the bend: the line leaves the group. The
//! density around each row says so: on the border of two round groups it is far lower than in them, on a cut
//! through one group it is the same.
//!
//! The logarithm of a row's density is −dim · ln r, where r is the distance to its eighth neighbour and dim the
//! number of directions in which the rows spread (the participation ratio of the variances). The border of two
//! clusters are the rows in the middle quarter between the centroids that have no third centroid nearer. The
//! denser of the two clusters is what they are compared with, as a small group beside a large one has no
//! valley, but a shoulder.
//!
//! In more than three directions neighbours are too far away to tell, so nothing is said there. Tried
//! on 60 tables of each kind in a model of this test: with round groups in two and three columns, centres four
//! standard deviations apart, at most 2 of 60 tables of 2,000 rows had so dense a border, and at most 10 in 100
//! of 500 rows; with parts of half circles, rings and the surface of a ball 67 to 95 in 100 had.
//!
//! Source: the estimate of density is that of Loftsgaarden and Quesenberry 1965; the comparison is ours. Cost:
//! one search for neighbours, and O(n · k · d) for k clusters.

use crate::Labels;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::gram::Products;
use crate::num::neighbors::{Metric, Tree};
use crate::num::{portable, stats};

/// The neighbour whose distance measures density.
const NEIGHBOR: usize = 8;
/// Directions in which the rows spread at most for density to be measured.
const MOST_DIRECTIONS: f64 = 3.0;
/// Columns at most: their directions cost a product for each two of them.
const MOST_COLUMNS: usize = 64;
/// Half the width of the border, in units of the line between the centroids.
const HALF_WIDTH: f64 = 0.125;
/// Rows on a border at least, and in each cluster beside it.
const LEAST_ROWS: usize = 10;
/// A border counts as dense if its logarithm of density is certain to lie above the cluster's less this.
const AS_DENSE: f64 = 0.35;
/// Standard errors that are certain enough.
const CERTAIN: f64 = 2.0;

/// The logarithm of the distance of every row to its eighth neighbour.
pub(super) struct Density(Vec<f64>);

impl Density {
    /// Of rows near 1 in size, so that no square is lost. `None` where it says nothing: few rows, or more than one
    /// row in ten with [`NEIGHBOR`] copies.
    pub(super) fn of(rows: &Rows<'_>) -> Option<Self> {
        if rows.n_rows() <= NEIGHBOR {
            return None;
        }
        let squares = Tree::new(rows, Metric::Euclidean).kth_nearest(NEIGHBOR);
        let copies = squares.iter().filter(|&&square| square == 0.0).count();
        let distance = |square: f64| 0.5 * portable::ln(square.max(f64::MIN_POSITIVE));
        (copies * 10 <= squares.len()).then(|| Self(squares.into_iter().map(distance).collect()))
    }

    /// Whether the rows on the border of some two clusters are as dense as those in them. `centroids` are
    /// row-major.
    pub(super) fn goes_on_across(
        &self,
        rows: &Rows<'_>,
        labels: &Labels,
        centroids: &[f64],
    ) -> bool {
        let (d, k) = (rows.n_columns(), labels.n_clusters());
        let directions = directions(rows, labels, centroids);
        if directions > MOST_DIRECTIONS {
            return false;
        }
        let mut inside = vec![Vec::new(); k];
        let mut borders = vec![Vec::new(); k * k];
        let mut squares = vec![0.0; k];
        for ((row, own), &distance) in rows.iter().zip(labels.iter()).zip(&self.0) {
            let (Some(own), density) = (own, -directions * distance) else { continue };
            for (square, centroid) in squares.iter_mut().zip(centroids.chunks_exact(d)) {
                *square = squared(row, centroid);
            }
            let others = (0..k).filter(|&other| other != own);
            let Some(next) = others.min_by(|&a, &b| squares[a].total_cmp(&squares[b])) else {
                return false;
            };
            let line = squared(&centroids[own * d..][..d], &centroids[next * d..][..d]);
            if squares[next] - squares[own] <= 2.0 * HALF_WIDTH * line {
                borders[own.min(next) * k + own.max(next)].push(density);
            } else {
                inside[own].push(density);
            }
        }
        let inside: Vec<Option<f64>> = inside
            .iter()
            .map(|rows| (rows.len() >= LEAST_ROWS).then(|| stats::mean(rows)))
            .collect();
        (0..k * k).any(|pair| {
            let Some((a, b)) = inside[pair / k].zip(inside[pair % k]) else { return false };
            is_as_dense(&borders[pair], a.max(b))
        })
    }
}

/// Whether these densities are, for certain, hardly below this one.
fn is_as_dense(border: &[f64], inside: f64) -> bool {
    if border.len() < LEAST_ROWS {
        return false;
    }
    let (mean, std) = stats::mean_and_std(border);
    mean - CERTAIN * std / (border.len() as f64).sqrt() > inside - AS_DENSE
}

/// In how many directions the rows spread around the centroids of their clusters: 1 along a line, as many as columns
/// if these are uncorrelated and of one variance; endlessly many in more than [`MOST_COLUMNS`] columns.
fn directions(rows: &Rows<'_>, labels: &Labels, centroids: &[f64]) -> f64 {
    let d = rows.n_columns();
    if d > MOST_COLUMNS {
        return f64::INFINITY;
    }
    let moved = rows.iter().zip(labels.iter()).flat_map(|(row, own)| {
        let centroid = own.map_or(row, |own| &centroids[own * d..][..d]);
        row.iter().zip(centroid).map(|(value, mean)| value - mean)
    });
    let sums = Products::of(&Rows::owned(moved.collect(), d)).sums;
    let trace: f64 = (0..d).map(|c| sums[c * d + c]).sum();
    let squares: f64 = sums.iter().map(|sum| (sum / trace) * (sum / trace)).sum();
    1.0 / squares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KMeans;
    use crate::num::check;
    use crate::num::rng::Stream;
    use crate::validate::simplified;
    use ndarray::Array2;

    /// Whether k clusters of 800 rows, each placed by its number and draws, go on across a border.
    fn goes_on(k: usize, d: usize, place: impl Fn(usize, &mut Stream, &mut [f64])) -> Option<bool> {
        let mut stream = Stream::new(3, 0);
        let mut x = Array2::zeros((800, d));
        for (row, mut values) in x.rows_mut().into_iter().enumerate() {
            place(row, &mut stream, values.as_slice_mut().unwrap());
        }
        let labels = KMeans::new(k).fit(&x).unwrap().labels;
        let rows = check::rows(x.view()).unwrap();
        let centroids = simplified::centroids(rows.iter(), d, &labels);
        let density = Density::of(&rows)?;
        Some(density.goes_on_across(&rows, &labels, &centroids))
    }

    fn half_circles(row: usize, stream: &mut Stream, values: &mut [f64]) {
        let (sin, cos) = (stream.unit() * std::f64::consts::PI).sin_cos();
        let place = if row.is_multiple_of(2) { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
        for (value, place) in values.iter_mut().zip(place) {
            *value = place + 0.05 * stream.normal();
        }
    }

    #[test]
    fn parts_of_half_circles_go_on_in_each_other() {
        for k in [3, 4, 5, 6] {
            assert_eq!(goes_on(k, 2, half_circles), Some(true), "{k}");
        }
    }

    #[test]
    fn round_groups_do_not_whether_or_not_they_touch_or_one_is_ten_times_as_large() {
        for apart in [4.0, 6.0, 40.0] {
            let equal = |row: usize, s: &mut Stream, v: &mut [f64]| {
                v[0] = [0.0, 1.0, 0.5][row % 3] * apart + s.normal();
                v[1] = [0.0, 0.0, 0.866][row % 3] * apart + s.normal();
            };
            assert_eq!(goes_on(3, 2, equal), Some(false), "{apart}");
            let large = |row: usize, s: &mut Stream, v: &mut [f64]| {
                v[0] = [0.0, apart][usize::from(row.is_multiple_of(11))] + s.normal();
                v[1] = s.normal();
            };
            if apart > 4.0 {
                assert_eq!(goes_on(2, 2, large), Some(false), "{apart}");
            }
        }
    }

    #[test]
    fn no_border_is_dense_in_many_directions_and_of_few_values_nothing_is_said() {
        let wide = |_: usize, s: &mut Stream, v: &mut [f64]| v.fill_with(|| s.normal());
        assert_eq!(goes_on(2, 6, wide), Some(false));
        let few = |row: usize, _: &mut Stream, v: &mut [f64]| v[0] = (row % 5) as f64;
        assert_eq!(goes_on(2, 1, few), None);
    }

    #[test]
    fn rows_along_a_slanted_line_in_many_columns_spread_in_one_direction() {
        let x = Array2::from_shape_fn((50, 9), |(row, column)| (row * (column + 1)) as f64);
        let rows = check::rows(x.view()).unwrap();
        let labels = KMeans::new(2).fit(&x).unwrap().labels;
        let centroids = simplified::centroids(rows.iter(), 9, &labels);
        assert!((directions(&rows, &labels, &centroids) - 1.0).abs() < 1e-9);
    }
}
