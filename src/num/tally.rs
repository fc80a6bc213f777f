//! Adding rows to sums and taking them away, in whole steps: the kernel under cluster sums.
//!
//! A coordinate is split into coarse steps and, of what they leave, fine ones, by adding a number
//! so large that only whole ones remain in the low bits: a few additions and multiplications that
//! the compiler does for all columns at once, built for the CPU at hand. Every operation is exact
//! or rounded alike everywhere, so all builds give the same integers.
//!
//! Cost: some ten vector operations per eight columns and row.

use super::builds::{all_builds, fastest};
use super::check::Rows;
use super::prefetch;

/// Adding this rounds to an integer, half to even, and leaves it in the low bits: |v| ≤ 2⁵¹.
pub(crate) const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5·2⁵²

/// How many moves ahead a row is asked for: they lie too far apart for the CPU to guess.
const AHEAD: usize = 12;

/// A row that changes sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) row: usize,
    /// [`NOWHERE`] for a row that is new.
    pub(crate) from: u32,
    pub(crate) to: u32,
}

pub(crate) const NOWHERE: u32 = u32::MAX;

/// Per column, coarse steps per unit; and fine steps per coarse one, both powers of two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps<'a> {
    pub(crate) coarse: &'a [f64],
    pub(crate) fine: f64,
}

/// The sums of all clusters, row-major.
#[derive(Debug)]
pub(crate) struct TallySums<'a> {
    pub(crate) coarse: &'a mut [i64],
    pub(crate) fine: &'a mut [i64],
}

/// A coordinate in coarse steps and fine ones.
#[inline(always)]
pub(crate) fn split(value: f64, coarse: f64, fine: f64) -> (i64, i64) {
    let steps = value * coarse;
    let rounded = steps + MAGIC;
    // Exact: the difference of a number and its rounding.
    let rest = (steps - (rounded - MAGIC)) * fine + MAGIC;
    (integer(rounded), integer(rest))
}

/// The integer that [`MAGIC`] left in the low bits.
#[inline(always)]
fn integer(shifted: f64) -> i64 {
    shifted.to_bits() as i64 - MAGIC.to_bits() as i64
}

/// Applies moves to the sums.
pub(crate) fn apply(rows: &Rows<'_>, moves: &[Move], steps: Steps<'_>, sums: TallySums<'_>) {
    fastest(applications())(rows, moves, steps, sums);
}

all_builds! {
    /// The builds of [`apply`].
    fn applications(
        rows: &Rows<'_>,
        moves: &[Move],
        steps: Steps<'_>,
        sums: TallySums<'_>,
    ) {
        ["avx512f", "avx512dq"] => plain,
        ["avx2"] => plain,
        [] => plain,
    }
}

/// The body of every build.
#[inline(always)]
fn plain(rows: &Rows<'_>, moves: &[Move], steps: Steps<'_>, sums: TallySums<'_>) {
    let d = rows.n_columns();
    let TallySums { coarse, fine } = sums;
    for (i, &Move { row, from, to }) in moves.iter().enumerate() {
        if let Some(ahead) = moves.get(i + AHEAD) {
            prefetch::prefetch(rows.row(ahead.row));
        }
        let values = rows.row(row);
        let to = to as usize * d;
        let from = if from == NOWHERE { to } else { from as usize * d };
        // As many columns at once as the registers hold, then fewer: most matrices are narrow.
        let mut at = 0;
        at = columns::<8>(values, steps, coarse, fine, [from, to], at);
        at = columns::<4>(values, steps, coarse, fine, [from, to], at);
        columns::<1>(values, steps, coarse, fine, [from, to], at);
    }
}

/// Moves the columns from `at` on, `N` at a time, between the sums that start at two places, or to
/// them if these are one; the first column left over.
#[inline(always)]
fn columns<const N: usize>(
    values: &[f64],
    steps: Steps<'_>,
    coarse: &mut [i64],
    fine: &mut [i64],
    [from, to]: [usize; 2],
    mut at: usize,
) -> usize {
    while at + N <= values.len() {
        let (mut whole, mut rest) = ([0; N], [0; N]);
        let (some, per_unit) = (&values[at..at + N], &steps.coarse[at..at + N]);
        for i in 0..N {
            (whole[i], rest[i]) = split(some[i], per_unit[i], steps.fine);
        }
        add(&mut coarse[to + at..to + at + N], whole);
        add(&mut fine[to + at..to + at + N], rest);
        if from != to {
            subtract(&mut coarse[from + at..from + at + N], whole);
            subtract(&mut fine[from + at..from + at + N], rest);
        }
        at += N;
    }
    at
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [i64], steps: [i64; N]) {
    sums.iter_mut().zip(steps).for_each(|(sum, steps)| *sum += steps);
}

#[inline(always)]
fn subtract<const N: usize>(sums: &mut [i64], steps: [i64; N]) {
    sums.iter_mut().zip(steps).for_each(|(sum, steps)| *sum -= steps);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn every_build_gives_the_same_integers_and_they_stand_for_the_sum() {
        let mut stream = Stream::new(2, 0);
        let x = Array2::from_shape_fn((100, 11), |_| stream.normal());
        let rows = check::rows(x.view()).unwrap();
        let (coarse, fine) = (vec![2f64.powi(40); 11], 2f64.powi(40));
        let steps = Steps { coarse: &coarse, fine };
        let mut moves: Vec<Move> =
            (0..100).map(|row| Move { row, from: NOWHERE, to: (row % 3) as u32 }).collect();
        moves.extend((0..100).step_by(7).map(|row| Move { row, from: (row % 3) as u32, to: 2 }));
        let by = |apply: fn(&Rows<'_>, &[Move], Steps<'_>, TallySums<'_>)| {
            let (mut coarse, mut fine) = (vec![0; 33], vec![0; 33]);
            apply(&rows, &moves, steps, TallySums { coarse: &mut coarse, fine: &mut fine });
            (coarse, fine)
        };
        let truth = by(plain);
        for build in applications() {
            assert_eq!(by(build), truth);
        }
        let in_zero = |row: usize| row.is_multiple_of(3) && !row.is_multiple_of(7);
        let sum: f64 = (0..100).filter(|&row| in_zero(row)).map(|row| x[[row, 4]]).sum();
        let stands_for = truth.0[4] as f64 / coarse[4] + truth.1[4] as f64 / coarse[4] / fine;
        assert!((sum - stands_for).abs() < 1e-12, "{sum} {stands_for}");
    }
}
