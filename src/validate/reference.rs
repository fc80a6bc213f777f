//! The reference of the gap statistic: a box without groups along the principal axes of the data.
//!
//! Columns with few distinct values would look like groups against any smooth cloud: every 0/1
//! column cuts the rows in two. The reference keeps their values and shuffles the rows, so a column
//! of few values is no evidence of groups by itself; going together with others is. Two-valued
//! columns that never show all four pairs of values (one category in several columns, a column
//! and its copy) are shuffled as one block: that they exclude each other is how they were encoded.
//!
//! Source: Tibshirani, Walther, Hastie 2001 (reference (b)). [`choose_k`](super::choose_k) asks more of
//! its clouds (`null.rs`). Cost: O(n · d² + d³) once, O(n · d²) per cloud.

use super::exclusive;
use super::margin::FEW_VALUES;
use crate::num::check::Rows;
use crate::num::eigen;
use crate::num::rng::Stream;
use crate::num::stats;

/// Columns of few values, each held by at least this many rows on average, keep them.
const ROWS_PER_VALUE: usize = 4;

/// What the reference clouds have in common with the data, brought to magnitudes of at most 1: only
/// shapes are compared, and so a cloud never leaves the range of what can be squared.
#[derive(Debug)]
pub(crate) struct Reference {
    n_rows: usize,
    n_columns: usize,
    /// What the data were divided by; 0 if all rows are equal.
    unit: f64,
    /// Columns drawn from the clouds; `axes` and so on are theirs.
    smooth: Vec<usize>,
    /// Per principal axis: its direction and the range along it.
    axes: Vec<Axis>,
    /// Columns of few values, in blocks shuffled as one: (columns, their values row by row).
    blocks: Vec<(Vec<usize>, Vec<f64>)>,
}

#[derive(Debug)]
struct Axis {
    direction: Vec<f64>,
    range: (f64, f64),
}

impl Reference {
    pub(crate) fn new(rows: &Rows<'_>) -> Self {
        let d = rows.n_columns();
        let mut columns: Vec<Vec<f64>> = (0..d).map(|column| centred(rows, column)).collect();
        let greatest = columns.iter().flatten().fold(0.0, |most: f64, v| most.max(v.abs()));
        if greatest > 0.0 {
            columns.iter_mut().flatten().for_each(|v| *v /= greatest);
        }
        let distinct: Vec<Option<Vec<f64>>> = columns.iter().map(|c| few_values(c)).collect();
        let smooth: Vec<usize> = (0..d).filter(|&c| distinct[c].is_none()).collect();
        let axes = axes(&smooth.iter().map(|&c| columns[c].as_slice()).collect::<Vec<_>>());
        let blocks = blocks(&columns, &distinct).into_iter().map(|block| {
            let values = (0..rows.n_rows()).flat_map(|row| block.iter().map(move |&c| (row, c)));
            let values = values.map(|(row, c)| columns[c][row]).collect();
            (block, values)
        });
        let (n_rows, unit) = (rows.n_rows(), greatest);
        Self { n_rows, n_columns: d, unit, smooth, axes, blocks: blocks.collect() }
    }

    /// What 1 in the clouds is in the data; 0 if all rows are equal.
    pub(crate) fn unit(&self) -> f64 {
        self.unit
    }

    /// A uniform box, row-major, around 0, at a scale of its own.
    pub(crate) fn uniform(&self, stream: &mut Stream) -> Vec<f64> {
        let mut cloud = vec![0.0; self.n_rows * self.n_columns];
        for row in cloud.chunks_exact_mut(self.n_columns) {
            for axis in &self.axes {
                let value = axis.range.0 + (axis.range.1 - axis.range.0) * stream.unit();
                for (&column, part) in self.smooth.iter().zip(&axis.direction) {
                    row[column] += value * part;
                }
            }
        }
        for (block, values) in &self.blocks {
            let mut order: Vec<usize> = (0..self.n_rows).collect();
            stream.shuffle(&mut order);
            for (row, &from) in cloud.chunks_exact_mut(self.n_columns).zip(&order) {
                let values = &values[from * block.len()..(from + 1) * block.len()];
                block.iter().zip(values).for_each(|(&column, &value)| row[column] = value);
            }
        }
        cloud
    }
}

/// A column less its mean; by differences from the first row, so that an offset costs no digits.
fn centred(rows: &Rows<'_>, column: usize) -> Vec<f64> {
    let first = rows.row(0)[column];
    let moved: Vec<f64> = rows.iter().map(|row| row[column] - first).collect();
    let mean = stats::mean(&moved);
    moved.iter().map(|v| v - mean).collect()
}

/// The distinct values of a column, ascending, if they are few.
fn few_values(column: &[f64]) -> Option<Vec<f64>> {
    let mut distinct: Vec<f64> = Vec::new();
    for &value in column {
        if let Err(at) = distinct.binary_search_by(|v| v.total_cmp(&value)) {
            distinct.insert(at, value);
            if distinct.len() > FEW_VALUES {
                return None;
            }
        }
    }
    (distinct.len() * ROWS_PER_VALUE <= column.len()).then_some(distinct)
}

/// Columns of few values, grouped into blocks, by their first columns.
fn blocks(columns: &[Vec<f64>], distinct: &[Option<Vec<f64>>]) -> Vec<Vec<usize>> {
    let (mut two_valued, mut blocks) = (Vec::new(), Vec::new());
    for (c, values) in distinct.iter().enumerate() {
        match values.as_deref() {
            Some(&[low, _]) => two_valued.push((c, low)),
            Some(_) => blocks.push(vec![c]),
            None => {}
        }
    }
    let pairs: Vec<(&[f64], f64)> =
        two_valued.iter().map(|&(c, low)| (&columns[c][..], low)).collect();
    let exclusive = exclusive::blocks(&pairs).into_iter();
    blocks.extend(exclusive.map(|block| block.into_iter().map(|at| two_valued[at].0).collect()));
    blocks.sort_unstable();
    blocks
}

/// Principal axes of centred columns.
fn axes(columns: &[&[f64]]) -> Vec<Axis> {
    let d = columns.len();
    let mut covariance = vec![0.0; d * d];
    for i in 0..d {
        for j in i..d {
            let products = columns[i].iter().zip(columns[j]).map(|(a, b)| a * b);
            covariance[i * d + j] = products.sum::<f64>() / columns[i].len() as f64;
            covariance[j * d + i] = covariance[i * d + j];
        }
    }
    let eigen = eigen::symmetric(&covariance, d);
    let axis = |direction: &[f64]| {
        let n = columns[0].len();
        let along = (0..n).map(|row| {
            direction.iter().zip(columns).map(|(part, column)| part * column[row]).sum::<f64>()
        });
        let range = along.fold((0.0_f64, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        Axis { direction: direction.to_vec(), range }
    };
    eigen.vectors.chunks_exact(d.max(1)).map(axis).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};

    fn reference(x: &Array2<f64>) -> Reference {
        Reference::new(&check::rows(x.view()).unwrap())
    }

    #[test]
    fn boxes_have_the_range_of_the_data() {
        // A line of slope 2 with spread along it alone.
        let x = Array2::from_shape_fn((2000, 2), |(row, j)| 1e9 + (row * (j + 1)) as f64);
        let reference = reference(&x);
        let cloud = reference.uniform(&mut Stream::new(1, 0));
        let least = cloud.iter().step_by(2).copied().fold(0.0, f64::min);
        let most = cloud.iter().step_by(2).copied().fold(0.0, f64::max);
        assert!((-0.5001..-0.49).contains(&least) && (0.49..0.5001).contains(&most));
    }

    #[test]
    fn columns_of_few_values_keep_them_and_one_category_stays_one_block() {
        // Columns 0 to 2 are one category; 3 is independent of it; 4 is smooth.
        let x = Array2::from_shape_fn((60, 5), |(row, column)| match column {
            0..=2 => f64::from(u8::from(row % 3 == column)),
            3 => f64::from(u8::from(row % 4 < 2)),
            _ => (row as f64).sqrt(),
        });
        let reference = reference(&x);
        let blocks: Vec<&[usize]> = reference.blocks.iter().map(|b| b.0.as_slice()).collect();
        assert_eq!((blocks, &reference.smooth[..]), (vec![&[0, 1, 2][..], &[3]], &[4][..]));
        let cloud = reference.uniform(&mut Stream::new(1, 0));
        let mut pairs = std::collections::BTreeSet::new();
        for row in cloud.chunks_exact(5) {
            let highs = row[..3].iter().filter(|&&v| v > 0.0).count();
            assert_eq!(highs, 1);
            pairs.insert((row[0] > 0.0, row[3] > 0.0));
        }
        assert_eq!(pairs.len(), 4);
    }

    #[test]
    fn a_few_rows_do_not_make_a_column_of_few_values() {
        let x = array![[0.0], [1.0], [5.0], [6.0]];
        assert_eq!(reference(&x).smooth, [0]);
        assert!(reference(&Array2::zeros((4, 1))).smooth.is_empty());
    }
}
