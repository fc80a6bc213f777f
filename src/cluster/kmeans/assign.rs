//! Every row's nearest centroid, exactly as naive f64 finds it, at the speed of f32 tiles.
//!
//! A tile of sixteen rows is scanned in f32 ([`scan`](crate::num::scan)). Where best and second
//! best differ by more than the proved error bound, the label is certain; the few other rows ask
//! the naive f64 distance. So labels equal those of [`nearest`] on every CPU, ties included.
//!
//! Most tiles need no scan at all late in a run: each keeps a *margin*, a lower bound over its rows
//! of (distance to the second nearest centroid − distance to the nearest) (Hamerly 2010, kept per
//! tile instead of per row: 4 bytes per 16 rows to read). A centroid that moves by δ changes any
//! distance by at most δ, so while the margin exceeds twice the moves since, no label can change.
//!
//! Sums are kept in fixed point and changed only for rows whose label changed: integers, so they
//! are exact under any order, and equal to what summing all rows anew would give.
//!
//! Cost: O(n·k·d/16) vector operations at most, n/4 bytes at least; memory 4.25 bytes per row
//! beside the tiles.

use crate::num::check::Rows;
use crate::num::distance::{nearest, squared};
use crate::num::pack::{LANES, Packed, TILES_PER_CHUNK, round_down, round_up};
use crate::num::parallel;
use crate::num::scan::{self, Centroids, Scan, ScanFn, Tiles};

use super::sums::{Grid, Sums};

/// Tiles scanned in one call of the kernel, when they lie side by side.
const RUN: usize = 16;

/// Labels, sums and margins of all rows against centroids that move.
#[derive(Debug)]
pub(super) struct Assigner<'a> {
    rows: &'a Rows<'a>,
    packed: &'a Packed,
    grid: &'a Grid,
    scan: ScanFn,
    /// Cluster per row, padded to whole tiles; [`NONE`] before the first assignment.
    labels: Vec<u32>,
    /// Per tile: the margin plus [`Assigner::travelled`] at the time it was measured.
    margins: Vec<f32>,
    /// Twice the greatest move of any centroid, added up over all assignments, rounded up.
    travelled: f64,
    /// The centroids of the last assignment, in packed units.
    placed: Vec<f64>,
    sums: Sums,
    /// Rows whose label changed in the last assignment.
    n_changed: usize,
}

const NONE: u32 = u32::MAX;

impl<'a> Assigner<'a> {
    pub(super) fn new(rows: &'a Rows<'a>, packed: &'a Packed, grid: &'a Grid, k: usize) -> Self {
        let n_tiles = rows.n_rows().div_ceil(LANES);
        Self {
            rows,
            packed,
            grid,
            scan: scan::fastest(),
            labels: vec![NONE; n_tiles * LANES],
            margins: vec![f32::NEG_INFINITY; n_tiles],
            travelled: 0.0,
            placed: Vec::new(),
            sums: Sums::new(k, rows.n_columns()),
            n_changed: rows.n_rows(),
        }
    }

    pub(super) fn labels(&self) -> &[u32] {
        &self.labels[..self.rows.n_rows()]
    }

    pub(super) fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Labels every row by its nearest centroid, ties by the lowest number; how many rows changed.
    pub(super) fn assign(&mut self, centroids: &[f64]) -> usize {
        let d = self.rows.n_columns();
        let placed: Vec<f64> =
            centroids.chunks_exact(d).flat_map(|c| self.packed.place(c)).collect();
        self.travel(&placed);
        let mut fine = Centroids::default();
        let mut norm = 0.0f64;
        for centroid in placed.chunks_exact(d) {
            let square: f64 = centroid.iter().map(|v| v * v).sum();
            norm = norm.max(square.sqrt());
            fine.half_squares.push((0.5 * square) as f32);
        }
        fine.values = placed.iter().map(|&v| v as f32).collect();
        let norm = norm * (1.0 + 1e-12);
        self.placed = placed;

        let frame = Frame {
            rows: self.rows,
            packed: self.packed,
            grid: self.grid,
            scan: self.scan,
            centroids,
            fine: &fine,
            norm,
            travelled: self.travelled,
            armed: self.n_changed < self.rows.n_rows() / 8,
        };
        let changes = parallel::map_chunks_mut2(
            &mut self.labels,
            parallel::CHUNK,
            &mut self.margins,
            TILES_PER_CHUNK,
            centroids.len(),
            |chunk, labels, margins| frame.assign_chunk(chunk, labels, margins),
        );
        let mut n_changed = 0;
        for (changed, delta) in changes {
            n_changed += changed;
            if let Some(delta) = delta {
                self.sums.add(&delta);
            }
        }
        self.n_changed = n_changed;
        n_changed
    }

    /// Gives one row another label.
    pub(super) fn relabel(&mut self, row: usize, cluster: u32) {
        let old = std::mem::replace(&mut self.labels[row], cluster);
        self.sums.change(self.grid, self.rows.row(row), (old != NONE).then_some(old), cluster);
    }

    /// Renumbers the clusters; `number[old]` is the new one. Distances stay what they are.
    pub(super) fn renumber(&mut self, number: &[u32]) {
        let d = self.rows.n_columns();
        for label in self.labels.iter_mut().filter(|label| **label != NONE) {
            *label = number[*label as usize];
        }
        self.sums.renumber(number);
        let mut placed = vec![0.0; self.placed.len()];
        for (old, centroid) in self.placed.chunks_exact(d).enumerate() {
            let new = number[old] as usize;
            placed[new * d..(new + 1) * d].copy_from_slice(centroid);
        }
        self.placed = placed;
        // Who is nearest may now be decided otherwise where two are equally near; margins are
        // lower bounds of a gap, and a gap above 0 is no tie.
    }

    /// Adds the greatest move since the last assignment to `travelled`.
    fn travel(&mut self, placed: &[f64]) {
        if self.placed.len() != placed.len() {
            return;
        }
        let d = self.rows.n_columns();
        let mut moved = 0.0f64;
        for (old, new) in self.placed.chunks_exact(d).zip(placed.chunks_exact(d)) {
            moved = moved.max(squared(old, new));
        }
        // Rounded up generously: sums of squares in f64 err by d·2⁻⁵³ relatively.
        self.travelled += 2.0 * moved.sqrt() * (1.0 + 1e-9) + f64::MIN_POSITIVE;
    }
}

/// What all chunks of one assignment share.
struct Frame<'a> {
    rows: &'a Rows<'a>,
    packed: &'a Packed,
    grid: &'a Grid,
    scan: ScanFn,
    centroids: &'a [f64],
    fine: &'a Centroids,
    /// Upper bound of every centroid's norm, in packed units.
    norm: f64,
    travelled: f64,
    /// Whether margins are worth their square roots yet.
    armed: bool,
}

impl Frame<'_> {
    fn assign_chunk(
        &self,
        chunk: usize,
        labels: &mut [u32],
        margins: &mut [f32],
    ) -> (usize, Option<Sums>) {
        let d = self.rows.n_columns();
        let first_tile = chunk * TILES_PER_CHUNK;
        let travelled = round_up(self.travelled);
        let mut scans = [Scan::EMPTY; RUN];
        let mut slack = [0.0f32; RUN];
        let mut changed = Changes { n: 0, sums: None };
        let mut t = 0;
        while t < margins.len() {
            if margins[t] > travelled {
                t += 1;
                continue;
            }
            let mut end = t + 1;
            while end < margins.len() && end - t < RUN && margins[end] <= travelled {
                end += 1;
            }
            let n = end - t;
            for (slack, tile) in slack[..n].iter_mut().zip(first_tile + t..) {
                *slack = self.packed.slack(self.packed.norm(tile), self.norm);
            }
            let tiles = Tiles {
                values: &self.packed.tiles()[(first_tile + t) * d * LANES..][..n * d * LANES],
                n_columns: d,
                slack: self.armed.then_some(&slack[..n]),
            };
            (self.scan)(tiles, self.fine, &mut scans[..n]);
            for (scan, tile) in scans[..n].iter().zip(t..) {
                let labels = &mut labels[tile * LANES..(tile + 1) * LANES];
                self.settle(first_tile + tile, scan, labels, &mut changed);
                // The square roots and their difference are rounded, by at most 2⁻²² together; twice
                // that also keeps what f64 cannot tell apart on this side.
                let margin = f64::from(scan.margin) - 5e-7 * f64::from(scan.reach);
                margins[tile] = round_down(margin + self.travelled);
            }
            t = end;
        }
        (changed.n, changed.sums)
    }

    /// Turns a scan into labels, asking f64 where f32 cannot tell.
    fn settle(&self, tile: usize, scan: &Scan, labels: &mut [u32], changed: &mut Changes) {
        let certain = self.packed.certain_gap(self.packed.norm(tile), self.norm);
        if scan.min_gap > certain && scan.index == *labels {
            return;
        }
        let first = tile * LANES;
        let n_lanes = (self.rows.n_rows() - first).min(LANES);
        for (lane, label) in labels[..n_lanes].iter_mut().enumerate() {
            let row = self.rows.row(first + lane);
            let nearest = if scan.gap[lane] > certain {
                scan.index[lane]
            } else {
                nearest(row, self.centroids).0 as u32
            };
            if nearest != *label {
                changed.push(self, row, *label, nearest);
                *label = nearest;
            }
        }
    }
}

/// Rows that changed sides within a chunk, and what that does to the sums.
struct Changes {
    n: usize,
    sums: Option<Sums>,
}

impl Changes {
    fn push(&mut self, frame: &Frame<'_>, row: &[f64], old: u32, new: u32) {
        self.n += 1;
        let d = row.len();
        let k = frame.centroids.len() / d;
        let sums = self.sums.get_or_insert_with(|| Sums::new(k, d));
        sums.change(frame.grid, row, (old != NONE).then_some(old), new);
    }
}
