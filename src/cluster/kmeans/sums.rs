//! Cluster sums as integers: exact under any order, and changed row by row without drift.
//!
//! Each column has a grid of its own, in steps of a power of two: a coordinate is split into coarse
//! steps and, of what they leave, fine ones, each small enough that 2⁶² holds the sum of all rows.
//! Together they keep 100 bits below the column's greatest magnitude up to 4,096 rows, 76 at ten
//! million: every coordinate of at least 2⁻²³ of that magnitude is kept exactly, any other to
//! 2⁻⁷⁷ of it. So a sum is not merely repeatable but right, and a mean is rounded once.
//!
//! Weights are integers too ([`Weights`](super::weights::Weights)). Weighted steps are products of
//! integers, so a row of weight 2 adds exactly what the row twice adds. They need 128 bits a sum and
//! keep 100 bits of a coordinate for any number of rows.

use std::ops::AddAssign;

use crate::num::check::Rows;
use crate::num::columns::Columns;
use crate::num::tally::{self, Move, NOWHERE};

/// Where the steps of every column lie.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// Coarse steps per unit, a power of two, per column.
    coarse: Vec<f64>,
    /// A fine step is this many bits below a coarse one.
    bits: u32,
    kind: SumKind,
}

/// What is added up on a grid.
#[derive(Debug, Clone, Copy)]
enum SumKind {
    Plain,
    Weighted,
}

/// Most bits of coarse steps, and of fine ones.
const MOST_BITS: u32 = 50;

impl Grid {
    pub(super) fn new(columns: &Columns, n_rows: usize) -> Self {
        let bits = MOST_BITS.min(62 - n_rows.next_power_of_two().trailing_zeros());
        Self { coarse: coarse(columns, bits), bits, kind: SumKind::Plain }
    }

    /// For weighted sums, whatever the number of rows.
    pub(super) fn weighted(columns: &Columns) -> Self {
        Self { coarse: coarse(columns, MOST_BITS), bits: MOST_BITS, kind: SumKind::Weighted }
    }

    /// A coordinate in coarse steps and fine ones.
    #[inline]
    fn steps(&self, column: usize, value: f64) -> (i64, i64) {
        tally::split(value, self.coarse[column], self.fine())
    }

    fn fine(&self) -> f64 {
        (1u64 << self.bits) as f64
    }

    /// Per column, the magnitude below which a step costs digits that f64 has.
    pub(super) fn least_exact(&self) -> impl Iterator<Item = f64> + '_ {
        let most = (1u64 << self.bits) as f64;
        let digits = (1u64 << 52) as f64;
        self.coarse.iter().map(move |coarse| most / coarse * (digits / (most * most)))
    }
}

/// Per column, the coarse steps per unit that bring its greatest magnitude to 2ᵇⁱᵗˢ of them.
fn coarse(columns: &Columns, bits: u32) -> Vec<f64> {
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
    coarse.collect()
}

/// Sums and sizes of clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClusterSums {
    totals: StepTotals,
    /// Rows per cluster.
    sizes: Vec<i64>,
    width: usize,
}

/// Steps per cluster and column, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StepTotals {
    Plain {
        coarse: Vec<i64>,
        fine: Vec<i64>,
    },
    /// Steps times weights, which sum to at most 2⁷⁴: 2¹²⁴ holds all.
    Weighted {
        coarse: Vec<i128>,
        fine: Vec<i128>,
        /// Per cluster.
        weights: Vec<i128>,
    },
}

impl ClusterSums {
    /// `k` clusters without rows.
    pub(super) fn new(grid: &Grid, k: usize) -> Self {
        let width = grid.coarse.len();
        let totals = match grid.kind {
            SumKind::Plain => {
                StepTotals::Plain { coarse: vec![0; k * width], fine: vec![0; k * width] }
            }
            SumKind::Weighted => StepTotals::Weighted {
                coarse: vec![0; k * width],
                fine: vec![0; k * width],
                weights: vec![0; k],
            },
        };
        Self { totals, sizes: vec![0; k], width }
    }

    /// Moves a row from one cluster (none: it is new) to another. Plain sums know no `weight`.
    #[inline]
    pub(super) fn change(
        &mut self,
        grid: &Grid,
        row: &[f64],
        weight: i64,
        from: Option<u32>,
        to: u32,
    ) {
        let at = |cluster: u32| {
            let start = cluster as usize * self.width;
            start..start + self.width
        };
        self.sizes[to as usize] += 1;
        if let Some(from) = from {
            self.sizes[from as usize] -= 1;
        }
        match &mut self.totals {
            StepTotals::Plain { coarse, fine } => {
                add_row(grid, row, &mut coarse[at(to)], &mut fine[at(to)], |steps| steps);
                if let Some(from) = from {
                    add_row(grid, row, &mut coarse[at(from)], &mut fine[at(from)], |steps| -steps);
                }
            }
            StepTotals::Weighted { coarse, fine, weights } => {
                let weight = i128::from(weight);
                let times = |steps: i64| i128::from(steps) * weight;
                weights[to as usize] += weight;
                add_row(grid, row, &mut coarse[at(to)], &mut fine[at(to)], times);
                if let Some(from) = from {
                    weights[from as usize] -= weight;
                    let minus = |steps| -times(steps);
                    add_row(grid, row, &mut coarse[at(from)], &mut fine[at(from)], minus);
                }
            }
        }
    }

    /// Makes many moves at once; `weight` of a row, in steps.
    pub(super) fn apply(
        &mut self,
        grid: &Grid,
        rows: &Rows<'_>,
        moves: &[Move],
        weight: impl Fn(usize) -> i64,
    ) {
        let StepTotals::Plain { coarse, fine } = &mut self.totals else {
            for &Move { row, from, to } in moves {
                let from = (from != NOWHERE).then_some(from);
                self.change(grid, rows.row(row), weight(row), from, to);
            }
            return;
        };
        for &Move { from, to, .. } in moves {
            self.sizes[to as usize] += 1;
            if from != NOWHERE {
                self.sizes[from as usize] -= 1;
            }
        }
        let steps = tally::Steps { coarse: &grid.coarse, fine: grid.fine() };
        tally::apply(rows, moves, steps, tally::TallySums { coarse, fine });
    }

    pub(super) fn add(&mut self, other: &Self) {
        add(&mut self.sizes, &other.sizes);
        match (&mut self.totals, &other.totals) {
            (StepTotals::Plain { coarse, fine }, StepTotals::Plain { coarse: c, fine: f }) => {
                add(coarse, c);
                add(fine, f);
            }
            (
                StepTotals::Weighted { coarse, fine, weights },
                StepTotals::Weighted { coarse: c, fine: f, weights: w },
            ) => {
                add(coarse, c);
                add(fine, f);
                add(weights, w);
            }
            _ => debug_assert!(false, "sums of one grid are of one kind"),
        }
    }

    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> + '_ {
        self.sizes.iter().map(|&size| size as usize)
    }

    /// The summed weight of a cluster's rows in steps; their number where there are no weights.
    pub(super) fn weight(&self, cluster: usize) -> f64 {
        match &self.totals {
            StepTotals::Plain { .. } => self.sizes[cluster] as f64,
            StepTotals::Weighted { weights, .. } => weights[cluster] as f64,
        }
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
        if self.sizes[cluster] == 0 {
            return None;
        }
        let at = cluster * self.width + column;
        let (coarse, fine, weight) = match &self.totals {
            StepTotals::Plain { coarse, fine } => {
                (coarse[at].into(), fine[at].into(), self.sizes[cluster].into())
            }
            StepTotals::Weighted { coarse, fine, weights } => {
                (coarse[at], fine[at], weights[cluster])
            }
        };
        let origin = grid.steps(column, origin);
        // Divided as integers, so that equal rows have exactly their own value as mean. What the
        // coarse steps leave is below 2⁷⁴, so that it can be shifted by 50 bits.
        let (high, left) = divide(coarse - weight * i128::from(origin.0), weight);
        let fine = (left << grid.bits) + fine - weight * i128::from(origin.1);
        let (low, rest) = divide(fine, weight);
        let steps = rounded((high << grid.bits) + low, rest, weight);
        Some(steps / grid.fine() / grid.coarse[column])
    }

    pub(super) fn renumber(&mut self, number: &[u32]) {
        renumber(&mut self.sizes, number, 1);
        match &mut self.totals {
            StepTotals::Plain { coarse, fine } => {
                renumber(coarse, number, self.width);
                renumber(fine, number, self.width);
            }
            StepTotals::Weighted { coarse, fine, weights } => {
                renumber(coarse, number, self.width);
                renumber(fine, number, self.width);
                renumber(weights, number, 1);
            }
        }
    }
}

/// Adds what `of` makes of a row's steps.
#[inline(always)]
fn add_row<T: AddAssign>(
    grid: &Grid,
    row: &[f64],
    coarse: &mut [T],
    fine: &mut [T],
    of: impl Fn(i64) -> T,
) {
    for (column, ((coarse, fine), &value)) in coarse.iter_mut().zip(fine).zip(row).enumerate() {
        let steps = grid.steps(column, value);
        *coarse += of(steps.0);
        *fine += of(steps.1);
    }
}

fn add<T: Copy + AddAssign>(sums: &mut [T], others: &[T]) {
    sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
}

/// Moves items of `width` values each from their old place to the one that `number` gives.
fn renumber<T: Copy>(values: &mut [T], number: &[u32], width: usize) {
    let old = values.to_vec();
    for (from, &to) in old.chunks_exact(width).zip(number) {
        values[to as usize * width..][..width].copy_from_slice(from);
    }
}

/// The floor of a / b and what is left, 0 or more; b above 0.
fn divide(a: i128, b: i128) -> (i128, i128) {
    debug_assert!(b > 0);
    // 64 bits, where they suffice, divide several times faster.
    let quotient = match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => i128::from(a / b),
        _ => a / b,
    };
    let rest = a - quotient * b;
    if rest < 0 { (quotient - 1, rest + b) } else { (quotient, rest) }
}

/// whole + rest / of, rounded once: to nearest, half to even. Below 2⁵ it may be off by 2⁻⁵⁰ steps.
fn rounded(whole: i128, rest: i128, of: i128) -> f64 {
    const MORE: u32 = 50;
    debug_assert!((0..of).contains(&rest) && of <= 1 << 74);
    if rest == 0 {
        return whole as f64;
    }
    // An odd last bit beyond the 53 that are kept stands for whatever follows: neither an f64 nor
    // halfway between two.
    if whole.unsigned_abs() >= 1 << 55 {
        return (whole | 1) as f64;
    }
    let (part, left) = divide(rest << MORE, of);
    let all = (whole << MORE) + part;
    (all | i128::from(left > 0)) as f64 / (1u64 << MORE) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn columns(x: &Array2<f64>) -> Columns {
        Columns::of(&check::rows(x.view()).unwrap())
    }

    #[test]
    fn a_quotient_is_rounded_once_to_nearest() {
        let third = rounded(0, 1, 3);
        assert!((third - 1.0 / 3.0).abs() < 1e-15);
        // 2⁵³ + 1 + 1/3 lies above the middle of its neighbours; rounding twice would fall below.
        let large = (1i128 << 53) + 1;
        assert_eq!(rounded(large, 1, 3), ((1i128 << 53) + 2) as f64);
        assert_eq!(rounded(-large - 1, 2, 3), -((1i128 << 53) as f64) - 2.0);
        let larger = (1i128 << 60) + 128;
        assert_eq!(rounded(larger, 1, 3), ((1i128 << 60) + 256) as f64);
        assert_eq!(rounded(larger, 0, 3), (1i128 << 60) as f64);
        assert_eq!((divide(-7, 2), divide(7, 2)), ((-4, 1), (3, 1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_weight_adds_what_as_many_equal_rows_add(
            rows in prop::collection::vec((-1e9f64..1e9, 1i64..1000), 1..20),
            share in -1.0f64..1.0,
            step in 0u32..40,
        ) {
            let x = Array2::from_shape_fn((rows.len(), 1), |(row, _)| rows[row].0);
            let (columns, origin) = (columns(&x), share * rows[0].0);
            let (grid, heavy) = (Grid::new(&columns, 1 << 14), Grid::weighted(&columns));
            let (mut plain, mut weighted) = (ClusterSums::new(&grid, 1), ClusterSums::new(&heavy, 1));
            for &(value, weight) in &rows {
                (0..weight).for_each(|_| plain.change(&grid, &[value], 1, None, 0));
                weighted.change(&heavy, &[value], weight << step, None, 0);
            }
            let mean = weighted.mean_beyond(&heavy, 0, 0, origin).unwrap();
            prop_assert_eq!(mean, plain.mean_beyond(&grid, 0, 0, origin).unwrap());
        }
    }

    #[test]
    fn weighted_rows_that_leave_take_all_with_them() {
        let x = array![[0.1, 1e9], [0.7, -3.0], [0.1, 5.0]];
        let grid = Grid::weighted(&columns(&x));
        let mut sums = ClusterSums::new(&grid, 2);
        let rows: Vec<Vec<f64>> = x.outer_iter().map(|row| row.to_vec()).collect();
        sums.change(&grid, &rows[0], (1 << 62) - 3, None, 0);
        sums.change(&grid, &rows[1], 12_345, None, 0);
        let mut moved = sums.clone();
        moved.change(&grid, &rows[2], 7, None, 1);
        moved.change(&grid, &rows[1], 12_345, Some(0), 1);
        moved.change(&grid, &rows[1], 12_345, Some(1), 0);
        let mut other = ClusterSums::new(&grid, 2);
        other.change(&grid, &rows[2], 7, None, 1);
        sums.add(&other);
        assert_eq!(sums, moved);
        assert_eq!(sums.mean_beyond(&grid, 1, 0, 0.0), Some(0.1));
        moved.renumber(&[1, 0]);
        assert_eq!(moved.mean_beyond(&grid, 0, 1, 0.0), Some(5.0));
        assert_eq!((moved.weight(0), moved.sizes().collect()), (7.0, vec![1, 2]));
    }
}
