//! Single linkage: the minimum spanning tree of the rows, its edges sorted.
//!
//! Edges are ordered by (distance, smaller row, greater row). No two edges are equal then, the tree is
//! unique, and its edges in order are the merges of the primitive algorithm (Kruskal 1956). On rows the
//! neighbour engine finds it (`num/neighbors`). On distances it grows from row 0: of all rows outside,
//! the one that is nearest to a row inside joins it (Prim 1957).
//!
//! Cost: on rows see `num/neighbors/spanning.rs`; on distances O(n²) time. O(n) memory.

use crate::num::check::Rows;
use crate::num::condensed;
use crate::num::neighbors::{Metric, Tree};

/// An edge (smaller row, greater row, length).
type RowEdge = (usize, usize, f64);

/// Nearest rows that answer most of the engine's first rounds.
const N_NEAREST: usize = 4;

/// The edges of the tree by squared Euclidean distance, in order.
pub(super) fn of_rows(rows: &Rows<'_>) -> Vec<RowEdge> {
    let n_rows = rows.n_rows();
    if n_rows == 1 {
        return Vec::new();
    }
    let tree = Tree::new(rows, Metric::Euclidean);
    let nearest = tree.k_nearest(N_NEAREST.min(n_rows - 1));
    let edges = tree.spanning_tree(&nearest, &vec![0.0; n_rows]);
    edges.into_iter().map(|edge| (edge.low as usize, edge.high as usize, edge.weight)).collect()
}

/// The edges of the tree by condensed distances, in order.
pub(super) fn of_pairs(n_rows: usize, pairs: &[f64]) -> Vec<RowEdge> {
    // For every row outside its least edge to a row inside.
    let mut outside: Vec<(usize, RowEdge)> =
        (1..n_rows).map(|row| (row, (0, row, f64::INFINITY))).collect();
    let mut edges = Vec::with_capacity(n_rows - 1);
    let mut joined = 0;
    while !outside.is_empty() {
        let mut least = 0;
        for place in 0..outside.len() {
            let (row, edge) = &mut outside[place];
            let (low, high) = (joined.min(*row), joined.max(*row));
            let other = (low, high, pairs[condensed::place(n_rows, low, high)]);
            if order(&other, edge).is_lt() {
                *edge = other;
            }
            if order(&outside[place].1, &outside[least].1).is_lt() {
                least = place;
            }
        }
        let (row, edge) = outside.swap_remove(least);
        edges.push(edge);
        joined = row;
    }
    edges.sort_unstable_by(order);
    edges
}

fn order(x: &RowEdge, y: &RowEdge) -> std::cmp::Ordering {
    x.2.total_cmp(&y.2).then((x.0, x.1).cmp(&(y.0, y.1)))
}
