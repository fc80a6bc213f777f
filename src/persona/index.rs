//! Columns made ready to be compared by group, whatever the groups are: numbers in order, categories as
//! codes, and who has no value.
//!
//! A table is described many times while a number of personas is looked for; it is put in order once.
//!
//! Numbers are sorted by the upper half of their bits, packed with the row into one word; rows whose
//! halves are equal are sorted by the whole number afterwards. Cost: one sort of such words per column;
//! memory 4 bytes and 4 bits per value.

use std::ops::Range;

use super::bits::{Bits, Members};
/// A row in no group, or without a category.
pub(super) use crate::features::NONE;
use crate::features::{Categories, Column, Values};
use crate::num::radix::sort_by_upper_half;
use crate::num::{check, parallel, stats};
use crate::{FeatureTable, Labels, Result};

/// The columns of a table.
#[derive(Debug)]
pub(super) struct ColumnIndex<'a> {
    pub(super) columns: Vec<Indexed<'a>>,
    pub(super) n_rows: usize,
}

/// A column.
#[derive(Debug)]
pub(super) struct Indexed<'a> {
    pub(super) column: &'a Column,
    pub(super) kind: IndexedKind<'a>,
    /// The rows with a value.
    pub(super) known: Bits,
}

#[derive(Debug)]
pub(super) enum IndexedKind<'a> {
    Numbers(IndexedNumbers<'a>),
    Categories(Categories<'a>),
}

/// A column of numbers in ascending order; of equal numbers, the earlier row first.
#[derive(Debug)]
pub(super) struct IndexedNumbers<'a> {
    values: &'a [Option<f64>],
    pub(super) order: Vec<u32>,
    /// The positions at which another number begins.
    starts: Bits,
    /// The median; NaN without numbers. And who lies below and above it.
    pub(super) median: f64,
    pub(super) lower: Bits,
    pub(super) upper: Bits,
    /// The position of the first number that is not below the median, and of the first above it.
    pub(super) not_below: usize,
    pub(super) above: usize,
}

impl<'a> ColumnIndex<'a> {
    /// # Errors
    /// `TooManySamples` for more rows than 32 bits number.
    pub(super) fn new(table: &'a FeatureTable) -> Result<Self> {
        let n_rows = table.n_rows();
        check::at_most(n_rows, check::MAX_ROWS, "a description")?;
        let columns = table.columns();
        let unit = n_rows.saturating_mul(16);
        let columns = parallel::map(columns.len(), unit, |at| Indexed::new(&columns[at]));
        Ok(Self { columns, n_rows })
    }
}

impl<'a> Indexed<'a> {
    fn new(column: &'a Column) -> Self {
        let n = column.values.len();
        let (kind, known) = match &column.values {
            Values::Numeric(values) => {
                let numbers = IndexedNumbers::new(values);
                let known = Bits::from_fn(n, |row| values[row].is_some());
                (IndexedKind::Numbers(numbers), known)
            }
            Values::Categorical(values) => {
                let categories = Categories::new(values);
                let known = Bits::from_fn(n, |row| categories.codes[row] != NONE);
                (IndexedKind::Categories(categories), known)
            }
        };
        Self { column, kind, known }
    }
}

impl<'a> IndexedNumbers<'a> {
    fn new(values: &'a [Option<f64>]) -> Self {
        let (order, starts) = ascending(values);
        let at = |position: usize| number(values, order[position]);
        let median = match order.len() {
            0 => f64::NAN,
            n => stats::middle(at((n - 1) / 2), at(n / 2)),
        };
        let not_below = order.partition_point(|&row| number(values, row) < median);
        let above = order.partition_point(|&row| number(values, row) <= median);
        let lower = rows(values.len(), &order[..not_below]);
        let upper = rows(values.len(), &order[above..]);
        Self { values, order, starts, median, lower, upper, not_below, above }
    }

    /// The number at a position of the order.
    pub(super) fn at(&self, position: usize) -> f64 {
        number(self.values, self.order[position])
    }

    /// How far apart the first and the last of the middle half of people are; 0 without numbers.
    pub(super) fn middle_half(&self) -> f64 {
        match self.order.len() {
            0 => 0.0,
            n => self.at(n - 1 - n / 4) - self.at(n / 4),
        }
    }

    /// The positions of the middle third of people and of everybody who equals one of them; none if these are half of
    /// all, or fewer than `least` are below it, or above.
    pub(super) fn middle_third(&self, least: usize) -> Option<Range<usize>> {
        let n = self.order.len();
        if n == 0 {
            return None;
        }
        let (low, high) = (self.at(n / 3), self.at(n - 1 - n / 3));
        let start = self.order.partition_point(|&row| number(self.values, row) < low);
        let end = self.order.partition_point(|&row| number(self.values, row) <= high);
        (start.min(n - end) >= least.max(1) && 2 * (end - start) < n).then_some(start..end)
    }

    /// The position behind the last number that equals the one at `start`.
    pub(super) fn end_of_run(&self, start: usize) -> usize {
        self.starts.next(start + 1).unwrap_or(self.order.len())
    }

    /// The two numbers of a column that holds no others, and the position at which the second begins.
    pub(super) fn two(&self) -> Option<([f64; 2], usize)> {
        let n = self.order.len();
        let second = if n > 0 { self.end_of_run(0) } else { 0 };
        (second < n && self.end_of_run(second) == n)
            .then(|| ([self.at(0), self.at(second)], second))
    }

    /// The rows at some positions.
    pub(super) fn rows(&self, positions: Range<usize>) -> Bits {
        rows(self.values.len(), &self.order[positions])
    }
}

fn rows(n: usize, rows: &[u32]) -> Bits {
    Bits::of(n, rows.iter().map(|&row| row as usize))
}

/// The number of a row that has one; −0 is 0.
fn number(values: &[Option<f64>], row: u32) -> f64 {
    values[row as usize].unwrap_or(f64::NAN) + 0.0
}

/// The rows with a number, in ascending order, of equal numbers the earlier row first; and the positions
/// at which another number begins.
fn ascending(values: &[Option<f64>]) -> (Vec<u32>, Bits) {
    // The order of floats is that of these words.
    let word = |value: f64| {
        let bits = (value + 0.0).to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    let mut packed: Vec<u64> = Vec::with_capacity(values.len());
    // Whether the upper half is all of every number, as it is of small whole ones.
    let mut is_whole = true;
    for (row, value) in values.iter().enumerate() {
        packed.extend(value.map(|value| {
            is_whole &= value.to_bits() as u32 == 0;
            word(value) >> 32 << 32 | row as u64
        }));
    }
    sort_by_upper_half(&mut packed);
    let mut order: Vec<u32> = packed.iter().map(|&word| word as u32).collect();
    let mut starts = Bits::none(order.len());
    let mut start = 0;
    for run in packed.chunk_by(|a, b| a >> 32 == b >> 32) {
        let rows = &mut order[start..start + run.len()];
        starts.insert(start);
        if run.len() > 1 && !is_whole {
            let first = number(values, rows[0]);
            if rows.iter().any(|&row| number(values, row) != first) {
                rows.sort_unstable_by(|&a, &b| {
                    number(values, a).total_cmp(&number(values, b)).then(a.cmp(&b))
                });
                for (at, pair) in rows.windows(2).enumerate() {
                    if number(values, pair[0]) != number(values, pair[1]) {
                        starts.insert(start + at + 1);
                    }
                }
            }
        }
        start += run.len();
    }
    (order, starts)
}

/// Who is in which group.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    /// The group of every row, or [`NONE`].
    pub(super) of: Vec<u32>,
    pub(super) sizes: &'a [usize],
    /// The members of every group.
    pub(super) members: Vec<Members>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(labels: &'a Labels) -> Self {
        let of: Vec<u32> =
            labels.iter().map(|group| group.map_or(NONE, |group| group as u32)).collect();
        let mut members: Vec<Vec<u32>> =
            labels.sizes().iter().map(|&size| Vec::with_capacity(size)).collect();
        for (row, group) in labels.iter().enumerate() {
            if let Some(group) = group {
                members[group].push(row as u32);
            }
        }
        let members = members.into_iter().map(|rows| Members::of(of.len(), rows)).collect();
        Self { of, sizes: labels.sizes(), members }
    }

    /// People in no group included.
    pub(super) fn n_rows(&self) -> usize {
        self.of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_column_of_two_numbers_is_known_by_its_runs() {
        let two = |values: &[f64]| {
            IndexedNumbers::new(&values.iter().map(|&v| Some(v)).collect::<Vec<_>>()).two()
        };
        assert_eq!(two(&[2.0, 1.0, 2.0]), Some(([1.0, 2.0], 1)));
        assert_eq!((two(&[1.0, 1.0]), two(&[1.0, 2.0, 3.0]), two(&[])), (None, None, None));
        assert_eq!(two(&[0.0, -0.0]), None);
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_a_plain_stable_sort(
            values in prop::collection::vec(
                prop_oneof![
                    Just(None),
                    (-3i8..3).prop_map(|v| Some(f64::from(v))),
                    // Equal in their upper halves.
                    (0u8..9).prop_map(|v| Some(1.0 + f64::from(v) * f64::EPSILON)),
                    (-1e300..1e300f64).prop_map(Some),
                    Just(Some(-0.0)),
                ],
                0..60,
            ),
        ) {
            let mut plain: Vec<u32> =
                (0..values.len() as u32).filter(|&row| values[row as usize].is_some()).collect();
            plain.sort_by(|&a, &b| number(&values, a).total_cmp(&number(&values, b)));
            let numbers = IndexedNumbers::new(&values);
            prop_assert_eq!(&numbers.order, &plain);
            let known: Vec<f64> = plain.iter().map(|&row| number(&values, row)).collect();
            if !known.is_empty() {
                prop_assert_eq!(numbers.median, stats::median(&known));
                let below = known.iter().filter(|&&v| v < numbers.median).count();
                let above = known.iter().filter(|&&v| v > numbers.median).count();
                prop_assert_eq!((numbers.not_below, numbers.above), (below, known.len() - above));
            }
        }
    }
}
