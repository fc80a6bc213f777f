//! One chunk of rows gets its labels: what is scanned, what is skipped, and in which order rows lie.
//!
//! A tile is skipped while its margin exceeds the centroids' moves since it was measured. The
//! margin of a tile is the least of its sixteen rows', so that rows between two clusters spoil it for
//! their neighbours. Where scanning rows far from any change has cost more than sorting would have,
//! the rows of a chunk are put in the order of their margins: those between clusters then share a
//! few tiles, and the others are left alone. Sorting stays within the chunk, so that memory is
//! still read from front to back, and needs two bytes per row.
//!
//! Cost: see `assign.rs`; sorting, some ten operations per value.

use std::ops::Range;

use crate::num::check::Rows;
use crate::num::distance::nearest;
use crate::num::pack::{self, Bounds, LANES, Limit, round_up};
use crate::num::parallel;
use crate::num::scan::{Centroids, Scan, ScanFn, ScanTiles};
use crate::num::tally::Move;

use super::sums::{ClusterSums, Grid};
use super::weights::Weights;

/// Tiles scanned in one call of the kernel, when they lie side by side.
const RUN: usize = 16;

/// Scans of the whole chunk, wasted, that are worth sorting it.
const PATIENCE: usize = 3;

/// A row is far from changing if its margin lasts so many moves like the last.
const HORIZON: f64 = 2.0;

/// What all chunks of one assignment share.
pub(super) struct AssignmentFrame<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) weights: Option<&'a Weights>,
    pub(super) grid: &'a Grid,
    pub(super) scan: ScanFn,
    pub(super) centroids: &'a [f64],
    pub(super) fine: &'a Centroids,
    pub(super) centroid_norm: f32,
    pub(super) bounds: Bounds,
    /// See [`Assigner`](super::assign::Assigner).
    pub(super) travelled: f64,
    /// What the last move added to it; none: margins are not worth their cost yet.
    pub(super) step: Option<f64>,
}

/// A chunk and what is known of its rows, in the order in which they lie.
pub(super) struct ChunkRows<'a> {
    pub(super) packed: pack::Chunk<'a>,
    pub(super) labels: &'a mut [u32],
    /// Per tile: the margin plus `travelled` at the time it was measured.
    pub(super) margins: &'a mut [f32],
    /// Rows far from changing that were scanned since the chunk was sorted.
    pub(super) wasted: &'a mut usize,
}

impl AssignmentFrame<'_> {
    /// Labels the rows of a chunk; how many changed and what that does to the sums.
    pub(super) fn assign(
        &self,
        chunk: usize,
        mut part: ChunkRows<'_>,
    ) -> (usize, Option<ClusterSums>) {
        let first_row = chunk * parallel::CHUNK;
        // What margins are held against, and what is added to a new one: apart by more than the
        // rounding of that sum.
        let travelled = round_up(self.travelled);
        let added = travelled * (1.0 - 3e-7);
        let horizon = self.step.map(|step| (HORIZON * step) as f32);
        let n_rows = part.labels.len();
        let sorts = horizon.is_some() && *part.wasted > PATIENCE * n_rows;
        // Where rows were not measured, their tile's margin stands for them.
        let mut row_margins: Vec<[f32; LANES]> = Vec::new();
        if sorts {
            row_margins.extend(part.margins.iter().map(|&margin| [margin; LANES]));
        }
        let mut scans = [Scan::UNKNOWN; RUN];
        // Room for what moves in all but the first iterations.
        let mut moves = Vec::with_capacity(n_rows.min(1024));
        let n_tiles = part.margins.len();
        let mut t = 0;
        while t < n_tiles {
            if part.margins[t] > travelled {
                t += 1;
                continue;
            }
            let mut end = t + 1;
            while end < n_tiles && end - t < RUN && part.margins[end] <= travelled {
                end += 1;
            }
            self.scan(&part, t..end, horizon, &mut scans);
            for (scan, tile) in scans[..end - t].iter().zip(t..) {
                self.relabel(scan, &mut part, tile, first_row, &mut moves);
                part.margins[tile] = scan.margin + added;
                *part.wasted += scan.far.count_ones() as usize;
                if sorts {
                    let certain = |lane: usize| scan.uncertain >> lane & 1 == 0;
                    row_margins[tile] = std::array::from_fn(|lane| {
                        if certain(lane) { scan.margins[lane] + added } else { f32::NEG_INFINITY }
                    });
                }
            }
            t = end;
        }
        if let Some(step) = self.step.filter(|_| sorts) {
            self.sort(&mut part, row_margins.as_flattened(), first_row, step);
        }
        (moves.len(), self.sums_of(&moves))
    }

    /// Scans at most [`RUN`] tiles that lie side by side.
    #[inline]
    fn scan(
        &self,
        part: &ChunkRows<'_>,
        run: Range<usize>,
        horizon: Option<f32>,
        scans: &mut [Scan; RUN],
    ) {
        let (d, n) = (self.rows.n_columns(), run.len());
        let mut limits = [Limit::default(); RUN];
        for (limit, &norm) in limits.iter_mut().zip(&part.packed.norms[run.clone()]) {
            *limit = self.bounds.limit(norm, self.centroid_norm);
        }
        let size = d * LANES;
        let next = part.packed.tiles.get(run.end * size..(run.end + n) * size).unwrap_or(&[]);
        let tiles = ScanTiles {
            values: &part.packed.tiles[run.start * size..run.end * size],
            next,
            n_columns: d,
            labels: &part.labels.as_chunks::<LANES>().0[run],
            limits: &limits[..n],
            horizon,
        };
        (self.scan)(tiles, self.fine, &mut scans[..n]);
    }

    /// Gives the rows of a tile their labels, asking f64 where the scan is uncertain.
    #[inline]
    fn relabel(
        &self,
        scan: &Scan,
        part: &mut ChunkRows<'_>,
        tile: usize,
        first_row: usize,
        moves: &mut Vec<Move>,
    ) {
        let mut open = scan.uncertain | scan.differs;
        while open != 0 {
            let lane = open.trailing_zeros() as usize;
            open &= open - 1;
            let row = first_row + part.packed.row_at(tile * LANES + lane);
            if row >= self.rows.n_rows() {
                break;
            }
            let to = if scan.uncertain >> lane & 1 == 0 {
                scan.index[lane]
            } else {
                nearest(self.rows.row(row), self.centroids).0 as u32
            };
            let from = std::mem::replace(&mut part.labels[tile * LANES + lane], to);
            if to != from {
                moves.push(Move { row, from, to });
            }
        }
    }

    /// Puts the rows of a chunk in the order of their margins.
    fn sort(&self, part: &mut ChunkRows<'_>, row_margins: &[f32], first_row: usize, step: f64) {
        // Rows that fill up the last tile stay at its end.
        let n_rows = (self.rows.n_rows() - first_row).min(part.labels.len()) / LANES * LANES;
        let travelled = self.travelled as f32;
        let from = by_magnitude(&row_margins[..n_rows], travelled, (1.0 / step) as f32);
        part.packed.permute(&from);
        pack::permute(part.labels, &from);
        for (margin, from) in part.margins.iter_mut().zip(from.chunks_exact(LANES)) {
            let margins = from.iter().map(|&from| row_margins[usize::from(from)]);
            *margin = margins.fold(f32::INFINITY, f32::min);
        }
        *part.wasted = 0;
    }

    /// What the moves of a chunk do to the sums.
    fn sums_of(&self, moves: &[Move]) -> Option<ClusterSums> {
        if moves.is_empty() {
            return None;
        }
        let mut sums = ClusterSums::new(self.grid, self.centroids.len() / self.rows.n_columns());
        sums.apply(self.grid, self.rows, moves, |row| {
            self.weights.map_or(1, |weights| weights.steps(row))
        });
        Some(sums)
    }
}

/// The places of the values in ascending order of the magnitude of (value − least)·unit, to an
/// eighth of a power of two from 1/16 on; of equal ones, in the order given.
fn by_magnitude(values: &[f32], least: f32, unit: f32) -> Vec<u16> {
    const LEAST: f32 = 0.0625;
    let bucket = |value: f32| -> usize {
        let value = (value - least) * unit;
        if value > LEAST {
            (((value.to_bits() - LEAST.to_bits()) >> 20) + 1).min(255) as usize
        } else {
            0
        }
    };
    let mut starts = [0u16; 257];
    for &value in values {
        starts[bucket(value) + 1] += 1;
    }
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let mut places = vec![0u16; values.len()];
    for (place, &value) in values.iter().enumerate() {
        let start = &mut starts[bucket(value)];
        places[usize::from(*start)] = place as u16;
        *start += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_by_the_magnitude_of_their_margins_and_stay_in_order_where_alike() {
        let margins = [8.0, 0.5, 8.1, -3.0, f32::INFINITY, 0.1, f32::NEG_INFINITY, 0.52, 1e30];
        assert_eq!(by_magnitude(&margins, 0.1, 2.0), [3, 5, 6, 1, 7, 0, 2, 4, 8]);
    }
}
