//! Single linkage: the minimum spanning tree of the rows, its edges sorted.
//!
//! The tree grows from row 0: of all rows outside, the one that is nearest to a row inside joins it
//! (Prim 1957). Each row outside remembers its nearest row inside, so memory is linear.
//!
//! Ties: edges are ordered by (distance, smaller row, greater row). No two edges are equal then, the
//! tree is unique, and sorting it gives the merges of the primitive algorithm (Kruskal 1956). Of two
//! equally long edges to one row outside, the one from the smaller row comes first.
//!
//! Cost: O(n²·d) time, O(n·d) memory.

use std::ops::Range;

use crate::num::check::Rows;
use crate::num::least::first_least;
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::num::{condensed, parallel};

/// An edge (smaller row, greater row, length).
type Edge = (usize, usize, f64);

/// The edges of the tree by squared Euclidean distance, in order.
pub(super) fn of_rows(rows: &Rows<'_>) -> Vec<Edge> {
    let tiles = Tiles::new(rows.iter(), rows.n_columns());
    grow(rows.n_rows(), rows.n_columns(), |row, tile, out| {
        tiles.squared(rows.row(row), tile, out);
    })
}

/// The edges of the tree by condensed distances, in order.
pub(super) fn of_matrix(n_rows: usize, distances: &[f64]) -> Vec<Edge> {
    grow(n_rows, 10, |row, tile, out| {
        for (i, out) in out.iter_mut().flat_map(|lanes| &mut lanes.0).enumerate() {
            let other = tile * WIDTH + i;
            *out = if other == row || other >= n_rows {
                f64::INFINITY
            } else {
                distances[condensed::place(n_rows, row.min(other), row.max(other))]
            };
        }
    })
}

/// What a row outside the tree knows, sixteen rows at a time.
struct Outside {
    /// The distance to the nearest row inside; infinite for rows that are inside.
    least: Vec<f64>,
    /// That row, as a number that is compared on registers as wide as distances are.
    from: Vec<u64>,
    /// Infinite for rows inside: added to a distance, it hides them.
    hidden: Vec<f64>,
}

/// Grows the tree; `distances(row, tile, out)` are those of a row to the tiles from `tile` on.
fn grow(
    n_rows: usize,
    unit: usize,
    distances: impl Fn(usize, usize, &mut [Lanes]) + Sync,
) -> Vec<Edge> {
    let n_tiles = n_rows.div_ceil(WIDTH);
    let n_padded = n_tiles * WIDTH;
    let mut outside = Outside {
        least: vec![f64::INFINITY; n_padded],
        from: vec![0; n_padded],
        hidden: (0..n_padded)
            .map(|row| if (1..n_rows).contains(&row) { 0.0 } else { f64::INFINITY })
            .collect(),
    };
    let tiles_each = n_tiles.div_ceil(parallel::n_threads()).max(64);
    let mut edges = parallel::beside(
        || {
            let mut edges = Vec::with_capacity(n_rows - 1);
            let mut joined = 0;
            for _ in 1..n_rows {
                let len = tiles_each * WIDTH;
                let parts = outside.least.chunks_mut(len).zip(outside.from.chunks_mut(len));
                let parts = parts.zip(outside.hidden.chunks(len));
                let work = n_padded * unit;
                let best =
                    parallel::map_each(parts.collect(), work, |i, ((least, from), hidden)| {
                        let first = i * tiles_each;
                        let tiles = first..n_tiles.min(first + tiles_each);
                        update(joined, tiles, &distances, least, from, hidden)
                    });
                let best = best.into_iter().flatten().min_by(|x, y| order(&x.0, &y.0));
                let (edge, next) = best.expect("a row is outside");
                outside.least[next] = f64::INFINITY;
                outside.hidden[next] = f64::INFINITY;
                edges.push(edge);
                joined = next;
            }
            edges
        },
        || (),
    );
    edges.sort_unstable_by(order);
    edges
}

/// Tells rows outside of a row that joined; the least edge to one of them, and that row.
fn update(
    joined: usize,
    tiles: Range<usize>,
    distances: impl Fn(usize, usize, &mut [Lanes]),
    least: &mut [f64],
    from: &mut [u64],
    hidden: &[f64],
) -> Option<(Edge, usize)> {
    const TILES: usize = 32;
    let mut out = [Lanes::FAR; TILES];
    let parts = least.chunks_mut(TILES * WIDTH).zip(from.chunks_mut(TILES * WIDTH));
    for (part, ((least, from), hidden)) in parts.zip(hidden.chunks(TILES * WIDTH)).enumerate() {
        let out = &mut out[..least.len() / WIDTH];
        distances(joined, tiles.start + part * TILES, out);
        let distances = out.iter().flat_map(|lanes| &lanes.0).zip(hidden);
        for ((least, from), (distance, hidden)) in least.iter_mut().zip(from).zip(distances) {
            let distance = distance + hidden;
            let nearer = distance < *least || (distance == *least && (joined as u64) < *from);
            *from = if nearer { joined as u64 } else { *from };
            *least = if nearer { distance } else { *least };
        }
    }
    let (first, distance) = first_least(least)?;
    let equal = (first..least.len()).filter(|&i| least[i] == distance);
    let edges = equal.map(|i| {
        let (row, from) = (tiles.start * WIDTH + i, from[i] as usize);
        ((row.min(from), row.max(from), distance), row)
    });
    edges.min_by(|x, y| order(&x.0, &y.0))
}

fn order(x: &Edge, y: &Edge) -> std::cmp::Ordering {
    x.2.total_cmp(&y.2).then((x.0, x.1).cmp(&(y.0, y.1)))
}
