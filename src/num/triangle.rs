//! A number for every pair of rows, laid out so that rows and columns of pairs are near in memory.
//!
//! A condensed matrix keeps a row together; a column of it lies on as many pages as it has numbers.
//! Here sixteen rows and 32 columns make a block, which is a page: a column meets a new page every
//! sixteen numbers, a row every 32. Panels of sixteen rows hold their blocks from the diagonal on.
//!
//! Cost: 4·n² bytes and a little for the blocks on the diagonal.

use std::ops::Range;

use super::{parallel, prefetch};

/// Rows of a panel.
pub(crate) const ROWS: usize = 16;

/// Columns of a block.
pub(crate) const COLUMNS: usize = 32;

const BLOCK: usize = ROWS * COLUMNS;

/// The numbers of all pairs `i < j` of `n` rows.
#[derive(Debug, Clone)]
pub(crate) struct Triangle {
    n: usize,
    values: Vec<f64>,
    /// Where each panel begins, and where the last one ends.
    starts: Vec<usize>,
}

/// Where the panels of `n` rows begin.
fn starts(n: usize) -> Vec<usize> {
    let n_blocks = n.div_ceil(COLUMNS);
    let mut starts = vec![0];
    for panel in 0..n.div_ceil(ROWS) {
        starts.push(starts[panel] + (n_blocks - panel * ROWS / COLUMNS) * BLOCK);
    }
    starts
}

/// Where in its panel the pair of a row and a column stands.
#[inline(always)]
fn inside(row: usize, column: usize) -> usize {
    let block = column / COLUMNS - row / ROWS * ROWS / COLUMNS;
    block * BLOCK + row % ROWS * COLUMNS + column % COLUMNS
}

impl Triangle {
    /// All pairs infinite; none if there is no memory for them.
    pub(crate) fn new(n: usize) -> Option<Self> {
        n.checked_add(BLOCK)?.checked_mul(n + BLOCK)?;
        let starts = starts(n);
        let mut values = Vec::new();
        values.try_reserve_exact(starts[starts.len() - 1]).ok()?;
        parallel::extend(&mut values, starts[starts.len() - 1], |_| f64::INFINITY);
        Some(Self { n, values, starts })
    }

    /// Rows.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The numbers of the pairs of a row with those after it.
    pub(crate) fn row_into(&self, row: usize, out: &mut Vec<f64>) {
        out.clear();
        self.runs(row).for_each(|run| out.extend_from_slice(&self.values[run]));
    }

    pub(crate) fn set_row(&mut self, row: usize, mut values: &[f64]) {
        debug_assert_eq!(values.len(), self.n - 1 - row);
        for run in self.runs(row) {
            let (here, after) = values.split_at(run.len());
            self.values[run].copy_from_slice(here);
            values = after;
        }
    }

    /// The stretches of a row that lie together.
    fn runs(&self, row: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (start, n) = (self.starts[row / ROWS], self.n);
        let first = (row + 1) / COLUMNS * COLUMNS;
        (first..n).step_by(COLUMNS).map(move |column| {
            let from = start + inside(row, column);
            from + (row + 1).saturating_sub(column)..from + COLUMNS.min(n - column)
        })
    }

    /// Rows `0..end` in pieces, each of so many panels but the last.
    pub(crate) fn panels_mut(&mut self, end: usize, len: usize) -> Vec<Panels<'_>> {
        let mut pieces = Vec::new();
        let (mut rest, n_panels) = (&mut self.values[..], end.div_ceil(ROWS));
        for first in (0..n_panels).step_by(len) {
            let last = n_panels.min(first + len);
            let (values, after) = rest.split_at_mut(self.starts[last] - self.starts[first]);
            rest = after;
            let starts = &self.starts[first..last];
            pieces.push(Panels { rows: first * ROWS..end.min(last * ROWS), starts, values });
        }
        pieces
    }

    /// The number of a pair `row < column`.
    #[inline(always)]
    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.values[self.starts[row / ROWS] + inside(row, column)]
    }

    /// Prefetches the number of a pair.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: usize, column: usize) {
        if let Some(start) = self.starts.get(row / ROWS) {
            prefetch::prefetch_at(&self.values, start + inside(row, column));
        }
    }

    /// Keeps some rows, ascending, at least one.
    pub(crate) fn keep(&mut self, kept: &[usize]) {
        let n = kept.len();
        let new_starts = starts(n);
        // A panel is put together aside. Its place is free then: it ends before the old panel of the
        // first row that is still to be read begins, as new panels are shorter and hold later rows.
        let mut panel = vec![0.0; new_starts.get(1).copied().unwrap_or(0)];
        for (number, rows) in kept.chunks(ROWS).enumerate() {
            let len = new_starts[number + 1] - new_starts[number];
            let first = number * ROWS / COLUMNS * COLUMNS;
            let (this, first_row) = (&*self, number * ROWS);
            parallel::map_chunks_mut(&mut panel[..len], BLOCK, 30, |block, values| {
                for (i, &row) in rows.iter().enumerate() {
                    let from = first + block * COLUMNS;
                    for column in from.max(first_row + i + 1)..n.min(from + COLUMNS) {
                        values[i * COLUMNS + column - from] = this.get(row, kept[column]);
                    }
                }
            });
            self.values[new_starts[number]..new_starts[number + 1]].copy_from_slice(&panel[..len]);
        }
        self.values.truncate(new_starts[new_starts.len() - 1]);
        (self.n, self.starts) = (n, new_starts);
    }
}

/// Some panels, to be changed beside others.
#[derive(Debug)]
pub(crate) struct Panels<'a> {
    pub(crate) rows: Range<usize>,
    starts: &'a [usize],
    values: &'a mut [f64],
}

impl Panels<'_> {
    /// The number of the pair of one of the rows and a column after it.
    #[inline(always)]
    pub(crate) fn at(&mut self, row: usize, column: usize) -> &mut f64 {
        debug_assert!(self.rows.contains(&row) && row < column);
        let panel = row / ROWS - self.rows.start / ROWS;
        &mut self.values[self.starts[panel] - self.starts[0] + inside(row, column)]
    }

    /// Prefetches the number of a pair.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: usize, column: usize) {
        if let Some(start) = self.starts.get(row / ROWS - self.rows.start / ROWS) {
            prefetch::prefetch_at(self.values, start - self.starts[0] + inside(row, column));
        }
    }

    /// Sets the numbers of the pairs of a row, some of them, from a column on.
    pub(crate) fn set(&mut self, row: usize, column: usize, values: &[f64]) {
        debug_assert!(column % COLUMNS + values.len() <= COLUMNS);
        let panel = row / ROWS - self.rows.start / ROWS;
        let from = self.starts[panel] - self.starts[0] + inside(row, column);
        self.values[from..from + values.len()].copy_from_slice(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair (i, j) as a number.
    fn number(i: usize, j: usize) -> f64 {
        (i * 1000 + j) as f64
    }

    fn triangle(n: usize) -> Triangle {
        let mut triangle = Triangle::new(n).unwrap();
        for row in 0..n {
            let values: Vec<f64> = (row + 1..n).map(|column| number(row, column)).collect();
            triangle.set_row(row, &values);
        }
        triangle
    }

    #[test]
    fn every_pair_is_where_it_was_put() {
        for n in [1, 2, 15, 16, 17, 31, 32, 33, 100] {
            let mut triangle = triangle(n);
            let mut row = Vec::new();
            for i in 0..n {
                triangle.row_into(i, &mut row);
                assert!(row.iter().copied().eq((i + 1..n).map(|j| number(i, j))));
                assert!((i + 1..n).all(|j| triangle.get(i, j) == number(i, j)));
            }
            let mut seen = 0;
            for mut panels in triangle.panels_mut(n, 2) {
                for i in panels.rows.clone() {
                    (i + 1..n).for_each(|j| assert_eq!(*panels.at(i, j), number(i, j)));
                    seen += 1;
                }
            }
            assert_eq!(seen, n);
        }
    }

    #[test]
    fn rows_that_are_kept_keep_their_pairs() {
        for n in [1, 17, 40, 131] {
            for step in [1, 2, 3, 50] {
                let kept: Vec<usize> = (step / 2..n).step_by(step).collect();
                if kept.is_empty() {
                    continue;
                }
                let mut triangle = triangle(n);
                triangle.keep(&kept);
                for i in 0..kept.len() {
                    for j in i + 1..kept.len() {
                        assert_eq!(triangle.get(i, j), number(kept[i], kept[j]));
                    }
                }
            }
        }
    }
}
