//! Rows that the null model draws on their own: where columns are constant together.
//!
//! A missing value and its indicator, or one visit and no gap between visits, say the same of a row. One row
//! in a hundred may differ: a missing value that is filled with the median equals a value that is there.
//!
//! Cost: a sort per column, and a pass for each two sets of rows of nearly equal size.

use std::collections::BTreeMap;

use super::varying::{Varying, follows};
use crate::num::union_find::UnionFind;

/// Rows that a regime has at least; fewer are kept as they are.
pub(super) const LEAST_ROWS: usize = 12;
/// Part of the rows of a regime by which the rows on which two columns are constant may differ.
const EXCEPTIONS: f64 = 0.01;
/// Regimes told apart at most; the rest stays together.
const MOST_SETS: usize = 12;

/// Rows by regime: told apart by the sets on which two columns or more are constant together.
pub(super) fn regimes(columns: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let n = columns[0].len();
    let whole: Vec<usize> = (0..n).collect();
    let varying: Vec<Varying> = columns
        .iter()
        .enumerate()
        .filter(|(_, values)| values.iter().any(|v| v != &values[0]))
        .map(|(c, values)| Varying::new(c, values))
        .collect();
    // Copies count once.
    let mut leaders: Vec<&Varying> = Vec::new();
    for column in &varying {
        let copies = |other: &&Varying| {
            let values = &columns[column.column];
            other.n_values == column.n_values
                && follows(other, &columns[other.column], values).is_some()
        };
        if !leaders.iter().any(copies) {
            leaders.push(column);
        }
    }
    let mut sets: Vec<ConstantOn> = Vec::new();
    for column in leaders {
        let values = &columns[column.column];
        for run in column.order.chunk_by(|&a, &b| values[a] == values[b]) {
            if run.len() >= LEAST_ROWS {
                let mut rows: Vec<u32> = run.iter().map(|&row| row as u32).collect();
                rows.sort_unstable();
                sets.push(ConstantOn { column: column.column, rows });
            }
        }
    }
    let mut shared = shared(sets);
    shared.sort_by_key(|set| std::cmp::Reverse(set.len()));
    shared.truncate(MOST_SETS);
    if shared.is_empty() {
        return vec![whole];
    }
    let mut marks = vec![0u32; n];
    for (bit, set) in shared.iter().enumerate() {
        set.iter().for_each(|&row| marks[row as usize] |= 1 << bit);
    }
    let mut regimes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    whole.iter().for_each(|&row| regimes.entry(marks[row]).or_default().push(row));
    regimes.into_values().collect()
}

/// A column and rows on which it is constant, ascending.
struct ConstantOn {
    column: usize,
    rows: Vec<u32>,
}

/// The rows on which two columns or more are constant together, but for [`EXCEPTIONS`]: a missing value
/// filled with the median is equal to a value that is there.
fn shared(mut sets: Vec<ConstantOn>) -> Vec<Vec<u32>> {
    // Sets that can be alike are neighbours.
    sets.sort_by(|a, b| (b.rows.len(), &b.rows, b.column).cmp(&(a.rows.len(), &a.rows, a.column)));
    let alike = UnionFind::new(sets.len());
    for (i, a) in sets.iter().enumerate() {
        let least = a.rows.len() - (a.rows.len() as f64 * EXCEPTIONS) as usize;
        let near = sets[i + 1..].iter().take_while(|b| b.rows.len() >= least);
        for (j, b) in (i + 1..).zip(near) {
            if a.column != b.column && common(&a.rows, &b.rows).len() >= least {
                alike.union(i, j);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<&ConstantOn>> = BTreeMap::new();
    for (i, set) in sets.iter().enumerate() {
        groups.entry(alike.find(i)).or_default().push(set);
    }
    let together = groups.into_values().filter(|group| group.len() > 1).map(|group| {
        let rows = group.iter().map(|set| &set.rows);
        rows.skip(1).fold(group[0].rows.clone(), |all, rows| common(&all, rows))
    });
    together.filter(|rows| rows.len() >= LEAST_ROWS).collect()
}

/// The rows of both; both ascend.
fn common(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut b = b.iter().peekable();
    let is_in = |row: &&u32| {
        while b.next_if(|other| other < row).is_some() {}
        b.peek() == Some(row)
    };
    a.iter().filter(is_in).copied().collect()
}
