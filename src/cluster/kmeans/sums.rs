//! Cluster sums as integers: exact under any order, and changed row by row without drift.
//!
//! Each column has a grid of its own, in steps of a power of two: a coordinate is split into coarse
//! steps and, of what they leave, fine ones, each small enough that 2⁶² holds the sum of all rows.
//! Together they keep 100 bits below the column's greatest magnitude up to 4,096 rows, 76 at ten
//! million: every coordinate of at least 2⁻²³ of that magnitude is kept exactly, any other to
//! 2⁻⁷⁷ of it. So a sum is not merely repeatable but right, and a mean is rounded once.

use crate::num::pack::Columns;

/// Where the steps of every column lie.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// Coarse steps per unit, a power of two, per column.
    coarse: Vec<f64>,
    /// A fine step is this many bits below a coarse one.
    bits: u32,
}

/// Adding this rounds to an integer, half to even, and leaves it in the low bits: |v| ≤ 2⁵¹.
const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5·2⁵²

impl Grid {
    pub(super) fn new(columns: &Columns, n_rows: usize) -> Self {
        let bits = 50.min(62 - n_rows.next_power_of_two().trailing_zeros());
        let most = (1u64 << bits) as f64;
        let coarse = columns.magnitudes.iter().map(|&magnitude| {
            let mut coarse = most;
            while magnitude * coarse > most {
                coarse *= 0.5;
            }
            while magnitude > 0.0 && magnitude * coarse <= most / 2.0 && coarse < 1e300 {
                coarse *= 2.0;
            }
            coarse
        });
        Self { coarse: coarse.collect(), bits }
    }

    /// A coordinate in coarse steps and fine ones.
    #[inline(always)]
    fn steps(&self, column: usize, fine: f64, value: f64) -> (i64, i64) {
        let steps = value * self.coarse[column];
        let coarse = steps + MAGIC;
        // Exact: the difference of a number and its rounding.
        let rest = (steps - (coarse - MAGIC)) * fine + MAGIC;
        (integer(coarse), integer(rest))
    }

    fn fine(&self) -> f64 {
        (1u64 << self.bits) as f64
    }
}

/// The integer that [`MAGIC`] left in the low bits.
#[inline(always)]
fn integer(shifted: f64) -> i64 {
    shifted.to_bits() as i64 - MAGIC.to_bits() as i64
}

/// Sums and sizes of clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    coarse: Vec<i64>,
    fine: Vec<i64>,
    sizes: Vec<i64>,
    width: usize,
}

impl Sums {
    pub(super) fn new(k: usize, width: usize) -> Self {
        Self { coarse: vec![0; k * width], fine: vec![0; k * width], sizes: vec![0; k], width }
    }

    /// Moves a row from one cluster (none: it is new) to another.
    #[inline]
    pub(super) fn change(&mut self, grid: &Grid, row: &[f64], from: Option<u32>, to: u32) {
        let bits = grid.fine();
        let to_at = to as usize * self.width;
        // A row from nowhere is moved in place, with the sign of leaving masked out.
        let (from_at, keep) = from.map_or((to_at, 0), |from| (from as usize * self.width, -1));
        self.sizes[to as usize] += 1;
        if let Some(from) = from {
            self.sizes[from as usize] -= 1;
        }
        for (column, &value) in row.iter().enumerate() {
            let (coarse, fine) = grid.steps(column, bits, value);
            self.coarse[to_at + column] += coarse;
            self.fine[to_at + column] += fine;
            self.coarse[from_at + column] -= coarse & keep;
            self.fine[from_at + column] -= fine & keep;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.coarse.iter_mut().zip(&other.coarse).for_each(|(a, b)| *a += b);
        self.fine.iter_mut().zip(&other.fine).for_each(|(a, b)| *a += b);
        self.sizes.iter_mut().zip(&other.sizes).for_each(|(a, b)| *a += b);
    }

    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> + '_ {
        self.sizes.iter().map(|&size| size as usize)
    }

    pub(super) fn size(&self, cluster: usize) -> usize {
        self.sizes[cluster] as usize
    }

    /// Writes the mean of a cluster's rows; an empty one leaves `mean` as it is.
    pub(super) fn mean(&self, grid: &Grid, cluster: usize, mean: &mut [f64]) {
        for (column, mean) in mean.iter_mut().enumerate() {
            *mean = self.mean_beyond(grid, cluster, column, 0.0).unwrap_or(*mean);
        }
    }

    /// The mean of one column minus `origin`, rounded once; none for an empty cluster.
    pub(super) fn mean_beyond(
        &self,
        grid: &Grid,
        cluster: usize,
        column: usize,
        origin: f64,
    ) -> Option<f64> {
        let size = i128::from(self.sizes[cluster]);
        if size == 0 {
            return None;
        }
        // Below 2¹¹³: 62 bits, shifted by at most 50.
        let join =
            |(coarse, fine): (i64, i64)| (i128::from(coarse) << grid.bits) + i128::from(fine);
        let at = cluster * self.width + column;
        let origin = join(grid.steps(column, grid.fine(), origin));
        let sum = join((self.coarse[at], self.fine[at])) - size * origin;
        // Divided as integers first, so that equal rows have exactly their own value as mean.
        let (whole, rest) = (sum.div_euclid(size), sum.rem_euclid(size));
        let steps = whole as f64 + rest as f64 / size as f64;
        Some(steps / grid.fine() / grid.coarse[column])
    }

    pub(super) fn renumber(&mut self, number: &[u32]) {
        let old = self.clone();
        for (from, &to) in number.iter().enumerate() {
            let (from_at, to_at) = (from * self.width, to as usize * self.width);
            self.sizes[to as usize] = old.sizes[from];
            self.coarse[to_at..to_at + self.width]
                .copy_from_slice(&old.coarse[from_at..from_at + self.width]);
            self.fine[to_at..to_at + self.width]
                .copy_from_slice(&old.fine[from_at..from_at + self.width]);
        }
    }
}
