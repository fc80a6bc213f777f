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
use crate::num::columns::Columns;
use crate::num::distance::{nearest, squared};
use crate::num::pack::{Bounds, LANES, Packed, TILES_PER_CHUNK, round_up};
use crate::num::parallel;
use crate::num::scan::{Centroids, Scan, ScanFn, Tiles};
use crate::num::tally::{Move, NOWHERE};

use super::sums::{Grid, Sums};
use super::weights::Weights;

/// Tiles scanned in one call of the kernel, when they lie side by side.
const RUN: usize = 16;

/// Rows with all that is worth computing once for every run over them.
#[derive(Debug)]
pub(super) struct Tiled<'a> {
    pub(super) rows: &'a Rows<'a>,
    /// None weighs every row as 1.
    pub(super) weights: Option<&'a Weights>,
    pub(super) packed: Packed,
    grid: Grid,
    /// The mean of all rows, weighted.
    origin: Vec<f64>,
    /// Σ w·|x − origin|² over all rows, in packed units.
    scatter: f64,
    /// None asks f64 for every row: the naive algorithm, to compare with.
    scan: Option<ScanFn>,
}

impl<'a> Tiled<'a> {
    pub(super) fn new(
        rows: &'a Rows<'a>,
        columns: &Columns,
        weights: Option<&'a Weights>,
        scan: Option<ScanFn>,
    ) -> Self {
        let packed = Packed::new(rows, columns);
        let (grid, (origin, scatter)) = match weights {
            None => (Grid::new(columns, rows.n_rows()), (packed.shift().to_vec(), packed.scatter)),
            Some(weights) => (Grid::weighted(columns), weighted_scatter(rows, weights, &packed)),
        };
        Self { rows, weights, packed, grid, origin, scatter, scan }
    }

    /// Mean over the columns of their population variances, weighted.
    pub(super) fn mean_variance(&self) -> f64 {
        let unit = 1.0 / self.packed.scale();
        let weight = self.weights.map_or(self.rows.n_rows() as f64, Weights::total);
        let n = weight * self.rows.n_columns() as f64;
        self.scatter / n * unit * unit
    }

    /// A row's weight in steps, 1 without weights.
    #[inline]
    fn weight(&self, row: usize) -> i64 {
        self.weights.map_or(1, |weights| weights.steps(row))
    }
}

/// The weighted mean of all rows, and Σ w·|x − mean|² in packed units.
fn weighted_scatter(rows: &Rows<'_>, weights: &Weights, packed: &Packed) -> (Vec<f64>, f64) {
    let d = rows.n_columns();
    let sums = parallel::map_chunks(rows.n_rows(), d, |range| {
        let mut sums = vec![0.0; d];
        for row in range {
            let weight = weights.relative()[row];
            for (sum, (value, shift)) in
                sums.iter_mut().zip(rows.row(row).iter().zip(packed.shift()))
            {
                *sum += weight * (value - shift);
            }
        }
        sums
    });
    let mean: Vec<f64> = (0..d)
        .map(|j| packed.shift()[j] + sums.iter().map(|s| s[j]).sum::<f64>() / weights.total())
        .collect();
    let scatter = parallel::map_chunks(rows.n_rows(), d, |range| {
        let each = range.map(|row| {
            let offsets = rows.row(row).iter().zip(&mean).map(|(v, m)| (v - m) * packed.scale());
            weights.relative()[row] * offsets.map(|v| v * v).sum::<f64>()
        });
        each.sum::<f64>()
    });
    (mean, scatter.iter().sum())
}

/// Labels, sums and margins of all rows against centroids that move.
#[derive(Debug)]
pub(super) struct Assigner<'a> {
    tiled: &'a Tiled<'a>,
    /// Cluster per row, padded to whole tiles; [`NOWHERE`] before the first assignment.
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

impl<'a> Assigner<'a> {
    pub(super) fn new(tiled: &'a Tiled<'a>, k: usize) -> Self {
        let n_tiles = tiled.rows.n_rows().div_ceil(LANES);
        Self {
            tiled,
            labels: vec![NOWHERE; n_tiles * LANES],
            margins: vec![f32::NEG_INFINITY; n_tiles],
            travelled: 0.0,
            placed: Vec::new(),
            sums: Sums::new(&tiled.grid, k),
            n_changed: tiled.rows.n_rows(),
        }
    }

    pub(super) fn labels(&self) -> &[u32] {
        &self.labels[..self.tiled.rows.n_rows()]
    }

    pub(super) fn into_labels(mut self) -> Vec<u32> {
        self.labels.truncate(self.tiled.rows.n_rows());
        self.labels
    }

    pub(super) fn sizes(&self) -> Vec<usize> {
        self.sums.sizes().collect()
    }

    /// The first row of every cluster, `usize::MAX` for none.
    pub(super) fn first_rows(&self) -> Vec<usize> {
        let mut missing = self.sums.sizes().filter(|&size| size > 0).count();
        let mut first = vec![usize::MAX; self.sums.sizes().count()];
        for (row, &cluster) in self.labels().iter().enumerate() {
            if first[cluster as usize] == usize::MAX {
                first[cluster as usize] = row;
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
        first
    }

    /// The mean of every cluster's rows; the old centroid where there are none.
    pub(super) fn means(&self, centroids: &[f64]) -> Vec<f64> {
        let mut means = centroids.to_vec();
        for (cluster, mean) in means.chunks_exact_mut(self.tiled.rows.n_columns()).enumerate() {
            self.sums.mean(&self.tiled.grid, cluster, mean);
        }
        means
    }

    /// Sum of squared distances to the centroids of the last assignment, weighted, from the sums
    /// alone: Σ w|x|² + Σ (W|c|² − 2c·Σ w·x), all from the rows' mean. Good to about 1e-12 of Σ w|x|².
    pub(super) fn inertia(&self, centroids: &[f64]) -> f64 {
        let Tiled { rows, weights, packed, grid, origin, scatter, .. } = self.tiled;
        let step = weights.map_or(1.0, Weights::step);
        let mut inertia = *scatter;
        for (cluster, centroid) in centroids.chunks_exact(rows.n_columns()).enumerate() {
            let weight = self.sums.weight(cluster) * step;
            for (column, (&c, &origin)) in centroid.iter().zip(origin).enumerate() {
                if let Some(mean) = self.sums.mean_beyond(grid, cluster, column, origin) {
                    let c = (c - origin) * packed.scale();
                    inertia += weight * c * (c - 2.0 * mean * packed.scale());
                }
            }
        }
        let unit = 1.0 / packed.scale();
        inertia.max(0.0) * unit * unit
    }

    /// Labels every row by its nearest centroid, ties by the lowest number; how many rows changed.
    pub(super) fn assign(&mut self, centroids: &[f64]) -> usize {
        let Tiled { rows, packed, .. } = self.tiled;
        let d = rows.n_columns();
        let placed: Vec<f64> = centroids.chunks_exact(d).flat_map(|c| packed.place(c)).collect();
        self.travel(&placed);
        let mut fine = Centroids::default();
        let mut norm = 0.0f64;
        for centroid in placed.chunks_exact(d) {
            let square: f64 = centroid.iter().map(|v| v * v).sum();
            norm = norm.max(square.sqrt());
            fine.half_squares.push((0.5 * square) as f32);
        }
        fine.values = placed.iter().map(|&v| v as f32).collect();
        self.placed = placed;

        let frame = Frame {
            tiled: self.tiled,
            rows,
            packed,
            centroids,
            fine: &fine,
            bounds: packed.bounds(norm * (1.0 + 1e-12)),
            travelled: self.travelled,
            armed: self.n_changed < rows.n_rows() / 8,
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
        let (grid, weight) = (&self.tiled.grid, self.tiled.weight(row));
        self.sums.change(grid, self.tiled.rows.row(row), weight, Some(old), cluster);
        // The label is not the nearest centroid's now: the margin no longer vouches for it.
        self.margins[row / LANES] = f32::NEG_INFINITY;
    }

    /// Renumbers the clusters; `number[old]` is the new one. Distances stay what they are.
    pub(super) fn renumber(&mut self, number: &[u32]) {
        let d = self.tiled.rows.n_columns();
        for label in self.labels.iter_mut().filter(|label| **label != NOWHERE) {
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
        let d = self.tiled.rows.n_columns();
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
    tiled: &'a Tiled<'a>,
    rows: &'a Rows<'a>,
    packed: &'a Packed,
    centroids: &'a [f64],
    fine: &'a Centroids,
    bounds: Bounds,
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
        let norms = &self.packed.norms()[first_tile..first_tile + margins.len()];
        let tiles = &self.packed.tiles()[first_tile * d * LANES..];
        let (labels, _) = labels.as_chunks_mut::<LANES>();
        // What margins are held against, and what is added to a new one: apart by more than the
        // rounding of that sum.
        let travelled = round_up(self.travelled);
        let added = travelled * (1.0 - 3e-7);
        let mut scans = [Scan::EMPTY; RUN];
        let mut slack = [0.0f32; RUN];
        let mut moves = Vec::new();
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
            for (slack, &norm) in slack[..n].iter_mut().zip(&norms[t..end]) {
                *slack = self.bounds.slack(norm);
            }
            let tiles = Tiles {
                values: &tiles[t * d * LANES..end * d * LANES],
                next: tiles.get(end * d * LANES..(end + n) * d * LANES).unwrap_or(&[]),
                n_columns: d,
                slack: self.armed.then_some(&slack[..n]),
            };
            match self.tiled.scan {
                Some(scan) => scan(tiles, self.fine, &mut scans[..n]),
                None => scans[..n].fill(Scan::EMPTY),
            }
            for (scan, tile) in scans[..n].iter().zip(t..) {
                let certain = self.bounds.certain_gap(norms[tile]);
                if scan.min_gap <= certain || differ(&scan.index, &labels[tile]) {
                    self.settle(first_tile + tile, scan, certain, &mut labels[tile], &mut moves);
                }
                // Square roots, differences and this line are rounded, by less than 2⁻²¹ of the
                // reach together; the rest keeps what f64 cannot tell apart on this side.
                margins[tile] = scan.margin - 8e-7 * scan.reach + added;
            }
            t = end;
        }
        (moves.len(), self.sums_of(&moves))
    }

    /// Turns a scan into labels, asking f64 where f32 cannot tell.
    fn settle(
        &self,
        tile: usize,
        scan: &Scan,
        certain: f32,
        labels: &mut [u32; LANES],
        moves: &mut Vec<Move>,
    ) {
        let first = tile * LANES;
        let n_lanes = (self.rows.n_rows() - first).min(LANES);
        for (lane, label) in labels[..n_lanes].iter_mut().enumerate() {
            let nearest = if scan.gap[lane] > certain {
                scan.index[lane]
            } else {
                nearest(self.rows.row(first + lane), self.centroids).0 as u32
            };
            if nearest != *label {
                moves.push(Move { row: first + lane, from: *label, to: nearest });
                *label = nearest;
            }
        }
    }

    /// What the moves of a chunk do to the sums.
    fn sums_of(&self, moves: &[Move]) -> Option<Sums> {
        if moves.is_empty() {
            return None;
        }
        let Tiled { rows, grid, .. } = self.tiled;
        let mut sums = Sums::new(grid, self.centroids.len() / rows.n_columns());
        sums.apply(grid, rows, moves, |row| self.tiled.weight(row));
        Some(sums)
    }
}

/// Whether any lane differs; without a branch per lane.
#[inline(always)]
fn differ(a: &[u32; LANES], b: &[u32; LANES]) -> bool {
    a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a ^ b)) != 0
}

#[cfg(test)]
mod tests {
    use super::super::weights::Weighting;
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use crate::num::scan;
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Labels and sums after each of `steps`, the last of which the margins may skip.
    fn trajectory(
        x: &Array2<f64>,
        weights: Option<&Weights>,
        steps: &[Vec<f64>],
        scan: Option<ScanFn>,
    ) -> Vec<Vec<u32>> {
        let rows = check::rows(x.view()).unwrap();
        let tiled = Tiled::new(&rows, &Columns::of(&rows), weights, scan);
        let mut assigner = Assigner::new(&tiled, steps[0].len() / x.ncols());
        let labels = steps.iter().map(|centroids| {
            assigner.assign(centroids);
            let mut anew = Sums::new(&tiled.grid, centroids.len() / x.ncols());
            for (row, &label) in assigner.labels().iter().enumerate() {
                anew.change(&tiled.grid, rows.row(row), tiled.weight(row), None, label);
            }
            assert_eq!(assigner.sums, anew);
            assigner.labels().to_vec()
        });
        labels.collect()
    }

    /// Every build of the kernel this CPU runs.
    fn builds() -> Vec<ScanFn> {
        let mut builds = vec![scan::portable as ScanFn, scan::fastest()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            builds.push(scan::avx2());
        }
        builds
    }

    /// Kinds of data that f32 is bad at.
    fn hostile(kind: usize, draw: f64) -> f64 {
        match kind {
            0 => draw,
            1 => (draw * 4.0).round(), // grids: ties and duplicates
            2 => 1e9 + draw,           // a large offset
            3 => 1e12 + (draw * 8.0).round() / 4096.0, // ... at the edge of f64
            4 => draw * 1e-120,        // far below the range of f32
            5 => {
                if draw > 0.9 {
                    draw * 1e8
                } else {
                    draw * 1e-3
                }
            } // far-off rows beside close ones
            _ => 1e140 * draw,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_build_labels_as_naive_f64_does_in_every_iteration(
            seed in 0u64..1_000_000, kind in 0usize..7,
            n in 1usize..150, d in 1usize..6, k in 1usize..12,
            weighted in any::<bool>(),
        ) {
            let mut stream = Stream::new(seed, 0);
            let x = Array2::from_shape_fn((n, d), |_| hostile(kind, stream.normal()));
            // Centroids on rows, then drifting ever less, so that margins come to skip tiles.
            let mut centroids: Vec<f64> =
                (0..k).flat_map(|_| x.row(stream.below(n)).to_vec()).collect();
            let mut steps = vec![centroids.clone()];
            for step in 0..8 {
                let target = x.row(stream.below(n)).to_vec();
                let part = 0.5f64.powi(3 * step);
                let moved = stream.below(k);
                for (value, to) in centroids[moved * d..(moved + 1) * d].iter_mut().zip(target) {
                    *value += (to - *value) * part;
                }
                steps.push(centroids.clone());
            }
            let weights: Vec<f64> = (0..n).map(|_| stream.unit() + 0.1).collect();
            let weighting = Weighting::new(&weights, n).unwrap();
            let weights = weighting.weights().filter(|_| weighted);
            let naive = trajectory(&x, weights, &steps, None);
            for build in builds() {
                prop_assert_eq!(&trajectory(&x, weights, &steps, Some(build)), &naive);
            }
        }
    }
}
