//! Cluster sums in fixed point: exact under any order, and changed row by row without drift.
//!
//! Each column has a grid of its own: differences from the column's mean in steps of a power of
//! two so fine that 2⁶² steps hold the sum of all rows, and at most 2⁵⁰ steps the largest
//! difference. A coordinate is rounded once (by at most 2⁻⁵¹ of the column's reach up to 4,096
//! rows, 2⁻³⁹ at ten million), then added as an integer.

use crate::num::pack::Columns;

/// Where the steps of every column lie.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    origin: Vec<f64>,
    /// Steps per unit, a power of two.
    fineness: Vec<f64>,
}

/// Adding this rounds to an integer, half to even, and leaves it in the low bits: |v| ≤ 2⁵¹.
const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5·2⁵²

impl Grid {
    pub(super) fn new(columns: &Columns, n_rows: usize) -> Self {
        let bits = 50.min(62 - n_rows.next_power_of_two().trailing_zeros());
        let fineness = columns.reach.iter().map(|&reach| {
            let mut fineness = (1u64 << bits) as f64;
            while reach * fineness > (1u64 << bits) as f64 {
                fineness *= 0.5;
            }
            while reach > 0.0 && reach * fineness <= (1u64 << (bits - 1)) as f64 {
                fineness *= 2.0;
            }
            fineness
        });
        Self { origin: columns.means.clone(), fineness: fineness.collect() }
    }

    #[inline]
    fn steps(&self, column: usize, value: f64) -> i64 {
        let steps = (value - self.origin[column]) * self.fineness[column];
        (steps + MAGIC).to_bits() as i64 - MAGIC.to_bits() as i64
    }
}

/// Sums and sizes of clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    steps: Vec<i64>,
    sizes: Vec<i64>,
    width: usize,
}

impl Sums {
    pub(super) fn new(k: usize, width: usize) -> Self {
        Self { steps: vec![0; k * width], sizes: vec![0; k], width }
    }

    /// Moves a row from one cluster (none: it is new) to another.
    #[inline]
    pub(super) fn change(&mut self, grid: &Grid, row: &[f64], from: Option<u32>, to: u32) {
        let to = to as usize;
        self.sizes[to] += 1;
        let sums = &mut self.steps[to * self.width..(to + 1) * self.width];
        for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
            *sum += grid.steps(column, value);
        }
        if let Some(from) = from {
            let from = from as usize;
            self.sizes[from] -= 1;
            let sums = &mut self.steps[from * self.width..(from + 1) * self.width];
            for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                *sum -= grid.steps(column, value);
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.steps.iter_mut().zip(&other.steps).for_each(|(a, b)| *a += b);
        self.sizes.iter_mut().zip(&other.sizes).for_each(|(a, b)| *a += b);
    }

    pub(super) fn size(&self, cluster: usize) -> usize {
        self.sizes[cluster] as usize
    }

    /// The mean of a cluster's rows, or nothing for an empty one.
    pub(super) fn mean<'a>(
        &'a self,
        grid: &'a Grid,
        cluster: usize,
    ) -> Option<impl Iterator<Item = f64> + 'a> {
        let size = self.sizes[cluster] as f64;
        let sums = &self.steps[cluster * self.width..(cluster + 1) * self.width];
        let mean = move |(column, &sum): (usize, &i64)| {
            grid.origin[column] + sum as f64 / size / grid.fineness[column]
        };
        (size > 0.0).then(|| sums.iter().enumerate().map(mean))
    }

    pub(super) fn renumber(&mut self, number: &[u32]) {
        let old = self.clone();
        for (from, &to) in number.iter().enumerate() {
            let to = to as usize;
            self.sizes[to] = old.sizes[from];
            self.steps[to * self.width..(to + 1) * self.width]
                .copy_from_slice(&old.steps[from * self.width..(from + 1) * self.width]);
        }
    }
}
