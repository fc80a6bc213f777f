//! A matrix prepared for k-means: f32 tiles, the grid of its sums, and where its rows lie.

use crate::num::check::Rows;
use crate::num::columns::Columns;
use crate::num::pack::Packed;
use crate::num::parallel;
use crate::num::scan::{self, ScanFn};

use super::sums::Grid;
use super::weights::Weights;

/// Rows with all that is worth computing once for every run over them.
#[derive(Debug, Clone)]
pub(super) struct Tiled<'a> {
    pub(super) rows: &'a Rows<'a>,
    /// None weighs every row as 1.
    pub(super) weights: Option<&'a Weights>,
    pub(super) packed: Packed,
    pub(super) grid: Grid,
    /// The mean of all rows, weighted.
    pub(super) origin: Vec<f64>,
    /// Σ w·|x − origin|² over all rows, in packed units.
    pub(super) scatter: f64,
    /// Per column, the magnitude below which means are summed in f64 instead; 0 where no row lies so
    /// low. One far value (a stand-in for a missing one) makes the grid of its column that coarse.
    pub(super) coarse_below: Vec<f64>,
    /// The build of the kernel that scans them.
    pub(super) scan: ScanFn,
}

impl<'a> Tiled<'a> {
    pub(super) fn new(rows: &'a Rows<'a>, columns: &Columns, weights: Option<&'a Weights>) -> Self {
        let packed = Packed::new(rows, columns);
        let (grid, (origin, scatter)) = match weights {
            None => (Grid::new(columns, rows.n_rows()), (packed.shift().to_vec(), packed.scatter)),
            Some(weights) => (Grid::weighted(columns), weighted_scatter(rows, weights, &packed)),
        };
        let coarse_below = coarse_below(rows, &grid);
        let scan = scan::fastest();
        Self { rows, weights, packed, grid, origin, scatter, coarse_below, scan }
    }

    /// Mean over the columns of their population variances, weighted.
    pub(super) fn mean_variance(&self) -> f64 {
        let unit = 1.0 / self.packed.scale();
        let weight = self.weights.map_or(self.rows.n_rows() as f64, Weights::total);
        let n = weight * self.rows.n_columns() as f64;
        self.scatter / n * unit * unit
    }
}

/// See [`Tiled::coarse_below`].
fn coarse_below(rows: &Rows<'_>, grid: &Grid) -> Vec<f64> {
    let mut least: Vec<f64> = grid.least_exact().collect();
    let lows = parallel::map_chunks(rows.n_rows(), rows.n_columns(), |range| {
        let mut low = vec![false; least.len()];
        for row in rows.range(range).chunks_exact(least.len()) {
            for ((low, v), least) in low.iter_mut().zip(row).zip(&least) {
                *low |= (v.abs() < *least) & (*v != 0.0);
            }
        }
        low
    });
    for (column, least) in least.iter_mut().enumerate() {
        if !lows.iter().any(|low| low[column]) {
            *least = 0.0;
        }
    }
    least
}

/// The weighted mean of all rows, and Σ w·|x − mean|² in packed units.
fn weighted_scatter(rows: &Rows<'_>, weights: &Weights, packed: &Packed) -> (Vec<f64>, f64) {
    let d = rows.n_columns();
    let sums = parallel::map_chunks(rows.n_rows(), d, |range| {
        let mut sums = vec![0.0; d];
        for row in range {
            let weight = weights.relative()[row];
            for (sum, (value, shift)) in
                sums.iter_mut().zip(rows.row(row).iter().zip(packed.shift()))
            {
                *sum += weight * (value - shift);
            }
        }
        sums
    });
    let mean: Vec<f64> = (0..d)
        .map(|j| packed.shift()[j] + sums.iter().map(|s| s[j]).sum::<f64>() / weights.total())
        .collect();
    let scatter = parallel::map_chunks(rows.n_rows(), d, |range| {
        let each = range.map(|row| {
            let offsets = rows.row(row).iter().zip(&mean).map(|(v, m)| (v - m) * packed.scale());
            weights.relative()[row] * offsets.map(|v| v * v).sum::<f64>()
        });
        each.sum::<f64>()
    });
    (mean, scatter.iter().sum())
}
