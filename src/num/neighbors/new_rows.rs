//! New rows beside training rows: which of them can be lifted with these, and their neighbours there.
//!
//! Tiny training rows are compared at a larger scale (`num/scale.rs`). A new row may lie so far from
//! them that squares of differences would overflow at that scale; such rows are told apart here, and
//! each method says what they are. Neighbours are found by brute force for a few new rows and on
//! trees for many, which gives the same answers.
//!
//! Cost: n_training · n_features per new row at most; memory for the neighbours of some thousand new
//! rows at a time.

use super::brute;
use super::metric::Metric;
use super::neighbor::Neighbor;
use super::tree::{PackingFrame, Tree};
use crate::num::check::Rows;
use crate::num::parallel;

/// New rows from which on a tree pays.
const MANY: usize = 64;

/// Neighbours that are held at once.
const HELD: usize = 1 << 22;

/// 2⁵⁰⁰: the square of a difference of twice that stays in range, and of a value this much larger than
/// training rows lifted by 2¹⁰⁰⁰ the square does not underflow where it is not lifted.
const REACH: f64 = 3.273_390_607_896_142e150;

/// Which new rows can be lifted by the factor of the training rows, and which lie too far off.
#[derive(Debug)]
pub(crate) struct NewRows<'a> {
    /// Those that can, ascending, and their lifted values in the same order; none if there are none.
    pub(crate) usual: Vec<usize>,
    pub(crate) lifted: Option<Rows<'a>>,
    /// The others.
    pub(crate) far: Vec<usize>,
}

impl<'a> NewRows<'a> {
    /// New rows, not lifted, beside training rows, which are. Both are prepared for their metric.
    pub(crate) fn beside(trained: &Rows<'_>, new: Rows<'a>, factor: f64) -> Self {
        if factor == 1.0 {
            let usual = (0..new.n_rows()).collect();
            return Self { usual, lifted: Some(new), far: Vec::new() };
        }
        let mut ends = vec![[f64::INFINITY, f64::NEG_INFINITY]; trained.n_columns()];
        for row in trained.iter() {
            for ([low, high], &value) in ends.iter_mut().zip(row) {
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
        let is_usual = |row: &usize| {
            let mut places = new.row(*row).iter().map(|value| value * factor).zip(&ends);
            places.all(|(value, [low, high])| low - REACH <= value && value <= high + REACH)
        };
        let (usual, far): (Vec<usize>, Vec<usize>) = (0..new.n_rows()).partition(is_usual);
        let lifted = (!usual.is_empty()).then(|| new.select(&usual).times(factor));
        Self { usual, lifted, far }
    }
}

/// What `tell` says of the `k` nearest training rows of each new row, among those within a reduced
/// radius; fewer than `k` where fewer lie there. 0 < `k` ≤ n.
pub(crate) fn by_neighbors<T: Send>(
    trained: &Rows<'_>,
    new: &Rows<'_>,
    metric: Metric,
    k: usize,
    radius: f64,
    tell: impl Fn(usize, &[Neighbor]) -> T + Sync,
) -> Vec<T> {
    if new.n_rows() < MANY {
        return parallel::map(new.n_rows(), trained.data().len(), |row| {
            let reduced = |other: usize| metric.reduced(new.row(row), trained.row(other));
            let mut near = brute::nearest(0..trained.n_rows(), k, reduced);
            near.truncate(near.partition_point(|near| near.reduced <= radius));
            tell(row, &near)
        });
    }
    let frame = PackingFrame::around(&[trained, new]);
    let tree = Tree::within(trained, metric, &frame);
    let all: Vec<usize> = (0..new.n_rows()).collect();
    let mut told = Vec::with_capacity(all.len());
    for block in all.chunks((HELD / k).max(MANY)) {
        let queries = Tree::within(&new.select(block), metric, &frame);
        let found = tree.k_nearest_of(&queries, k, radius);
        told.extend(parallel::map(block.len(), 4 * k, |at| {
            let near = found.of(at);
            let n_near = near.partition_point(|near| near.row != u32::MAX);
            tell(block[at], &near[..n_near])
        }));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};

    #[test]
    fn a_row_is_far_if_a_square_would_overflow_and_not_because_the_others_have_an_offset() {
        // The first column has an offset that stays in range when lifted, the second is tiny.
        let factor = 2f64.powi(500);
        let trained = array![[1e145, 0.0], [1e145, 1e-150]];
        let new = array![[1e145, 3e-150], [1e145, 8.0], [0.0, 0.0], [1e145, -1e-20], [1e145, 0.0]];
        let trained = check::rows(trained.view()).unwrap().times(factor);
        let found = NewRows::beside(&trained, check::rows(new.view()).unwrap(), factor);
        assert_eq!((found.usual, found.far), (vec![0, 3, 4], vec![1, 2]));
    }

    #[test]
    fn few_rows_and_many_have_the_same_neighbours() {
        let x = Array2::from_shape_fn((300, 2), |(i, j)| (i * (5 + 3 * j) % 37) as f64);
        let new = Array2::from_shape_fn((200, 2), |(i, j)| (i * (7 + 4 * j) % 41) as f64 + 0.5);
        let (x, new) = (check::rows(x.view()).unwrap(), check::rows(new.view()).unwrap());
        for (k, radius) in [(1, 2.0), (7, f64::INFINITY), (300, 9.0), (3, 0.4)] {
            let told = |new: &Rows<'_>| {
                by_neighbors(&x, new, Metric::Euclidean, k, radius, |row, near| {
                    (row, near.to_vec())
                })
            };
            for (row, near) in told(&new) {
                assert_eq!(near, told(&new.select(&[row]))[0].1, "{k} {radius}");
            }
        }
    }
}
