//! Every row's nearest centroid, exactly as naive f64 finds it, at the speed of f32 tiles.
//!
//! A tile of sixteen rows is scanned in f32 ([`scan`](crate::num::scan)). Where best and second
//! best differ by more than the proved error bound, the label is certain; the few other rows ask
//! the naive f64 distance. So labels equal those of
//! [`nearest`](crate::num::distance::nearest) on every CPU, ties included.
//!
//! Most tiles need no scan at all late in a run: each keeps a *margin*, a lower bound over its rows
//! of (distance to the second nearest centroid − distance to the nearest) (Hamerly 2010, kept per
//! tile instead of per row: 4 bytes per 16 rows to read). A centroid that moves by δ changes any
//! distance to it by at most δ, so while the margin exceeds the two greatest moves since, added up
//! over the iterations, no label can change. Rows of similar margins are brought together
//! (`chunk.rs`).
//!
//! Sums are kept in fixed point and changed only for rows whose label changed: integers, so they
//! are exact under any order, and equal to what summing all rows anew would give.
//!
//! Cost: O(n·k·d/16) vector operations at most, n/4 bytes at least; memory 6.25 bytes per row
//! beside the tiles.

use crate::num::distance::squared;
use crate::num::pack::{LANES, TILES_PER_CHUNK, round_up};
use crate::num::parallel;
use crate::num::scan::Centroids;
use crate::num::tally::NOWHERE;

/// Bytes of sums per chunk that are held at once.
const HELD: usize = 1 << 26;

use super::chunk::{AssignmentFrame, ChunkRows};
use super::sums::ClusterSums;
use super::tiled::Tiled;
use super::weights::Weights;

/// Labels, sums and margins of all rows against centroids that move.
#[derive(Debug)]
pub(super) struct Assigner<'t, 'a> {
    tiled: &'t mut Tiled<'a>,
    /// Cluster per place, padded to whole tiles; [`NOWHERE`] before the first assignment.
    labels: Vec<u32>,
    /// Per tile: the margin plus [`Assigner::travelled`] at the time it was measured.
    margins: Vec<f32>,
    /// The two greatest moves of centroids, added up over all assignments, rounded up.
    travelled: f64,
    /// The centroids of the last assignment, in packed units.
    placed: Vec<f64>,
    sums: ClusterSums,
    /// Rows whose label changed in the last assignment.
    n_changed: usize,
    /// Per chunk, rows scanned in vain since it was sorted.
    wasted: Vec<usize>,
}

impl<'t, 'a> Assigner<'t, 'a> {
    pub(super) fn new(tiled: &'t mut Tiled<'a>, k: usize) -> Self {
        let n_rows = tiled.rows.n_rows();
        let n_tiles = n_rows.div_ceil(LANES);
        let sums = ClusterSums::new(&tiled.grid, k);
        Self {
            tiled,
            labels: vec![NOWHERE; n_tiles * LANES],
            margins: vec![f32::NEG_INFINITY; n_tiles],
            travelled: 0.0,
            placed: Vec::new(),
            sums,
            n_changed: n_rows,
            wasted: vec![0; n_rows.div_ceil(parallel::CHUNK)],
        }
    }

    pub(super) fn tiled(&self) -> &Tiled<'a> {
        self.tiled
    }

    /// The cluster of every row.
    pub(super) fn labels(&self) -> Vec<u32> {
        self.by_row(self.labels.clone())
    }

    /// [`Assigner::labels`], without a copy.
    pub(super) fn take_labels(&mut self) -> Vec<u32> {
        let labels = std::mem::take(&mut self.labels);
        self.by_row(labels)
    }

    fn by_row(&self, mut labels: Vec<u32>) -> Vec<u32> {
        let work = labels.len();
        let chunks = labels.chunks_mut(parallel::CHUNK).zip(self.tiled.packed.orders()).collect();
        parallel::for_each(chunks, work, |_, (labels, order): (&mut [u32], &Vec<u16>)| {
            if !order.is_empty() {
                let placed = labels.to_vec();
                for (&row, label) in order.iter().zip(placed) {
                    labels[usize::from(row)] = label;
                }
            }
        });
        labels.truncate(self.tiled.rows.n_rows());
        labels
    }

    pub(super) fn sizes(&self) -> Vec<usize> {
        self.sums.sizes().collect()
    }

    /// The first row of every cluster, `usize::MAX` for none.
    pub(super) fn first_rows(&self) -> Vec<usize> {
        let mut missing = self.sums.sizes().filter(|&size| size > 0).count();
        let mut first = vec![usize::MAX; self.sums.sizes().count()];
        let n_rows = self.tiled.rows.n_rows();
        let chunks = self.labels.chunks(parallel::CHUNK).zip(self.tiled.packed.orders());
        for (chunk, (labels, order)) in chunks.enumerate() {
            for (place, &cluster) in labels.iter().enumerate() {
                let row = order.get(place).map_or(place, |&row| usize::from(row));
                let row = chunk * parallel::CHUNK + row;
                if row < n_rows {
                    let first = &mut first[cluster as usize];
                    missing -= usize::from(*first == usize::MAX);
                    *first = row.min(*first);
                }
            }
            if missing == 0 {
                break;
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
        if self.is_coarse() {
            self.refine(&mut means);
        }
        means
    }

    /// Whether the grid of some column is too coarse for some of its values.
    pub(super) fn is_coarse(&self) -> bool {
        self.tiled.coarse_below.iter().any(|least| *least > 0.0)
    }

    /// Sums in f64 where a mean is so small that its column's grid costs it digits: differences from
    /// the cluster's first row, in row order.
    fn refine(&self, means: &mut [f64]) {
        let Tiled { rows, weights, coarse_below, .. } = &*self.tiled;
        let d = rows.n_columns();
        let labels = self.labels();
        let first = self.first_rows();
        let mut offsets = vec![0.0; means.len()];
        let mut totals = vec![0.0; means.len() / d];
        for (row, &cluster) in labels.iter().enumerate() {
            let cluster = cluster as usize;
            let weight = weights.map_or(1.0, |weights| weights.relative()[row]);
            totals[cluster] += weight;
            let offsets = &mut offsets[cluster * d..][..d];
            for ((offset, v), from) in
                offsets.iter_mut().zip(rows.row(row)).zip(rows.row(first[cluster]))
            {
                *offset += weight * (v - from);
            }
        }
        for (cluster, total) in totals.into_iter().enumerate().filter(|(_, total)| *total > 0.0) {
            for (column, least) in coarse_below.iter().enumerate() {
                let mean = &mut means[cluster * d + column];
                if mean.abs() < *least {
                    *mean =
                        rows.row(first[cluster])[column] + offsets[cluster * d + column] / total;
                }
            }
        }
    }

    /// Sum of squared distances to the centroids of the last assignment, weighted, from the sums
    /// alone: Σ w|x|² + Σ (W|c|² − 2c·Σ w·x), all from the rows' mean. Good to about 1e-12 of Σ w|x|².
    pub(super) fn inertia(&self, centroids: &[f64]) -> f64 {
        let Tiled { rows, weights, packed, grid, origin, scatter, .. } = &*self.tiled;
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
        let d = self.tiled.rows.n_columns();
        let packed = &self.tiled.packed;
        let placed: Vec<f64> = centroids.chunks_exact(d).flat_map(|c| packed.place(c)).collect();
        let step = self.travel(&placed);
        let squares = placed.chunks_exact(d).map(|c| c.iter().map(|v| v * v).sum::<f64>());
        let norm = squares.fold(0.0, f64::max).sqrt() * (1.0 + 1e-12);
        let fine = Centroids::new(&placed, d);
        self.placed = placed;

        let Tiled { rows, weights, packed, grid, scan, .. } = &mut *self.tiled;
        let frame = AssignmentFrame {
            rows,
            weights: *weights,
            grid,
            scan: *scan,
            centroids,
            fine: &fine,
            centroid_norm: round_up(norm),
            bounds: packed.bounds(norm),
            travelled: self.travelled,
            step: step.filter(|_| self.n_changed < rows.n_rows() / 8),
        };
        let work = rows.n_rows().saturating_mul(centroids.len());
        let mut parts = packed
            .chunks_mut()
            .zip(self.labels.chunks_mut(parallel::CHUNK))
            .zip(self.margins.chunks_mut(TILES_PER_CHUNK).zip(&mut self.wasted))
            .map(|((packed, labels), (margins, wasted))| ChunkRows {
                packed,
                labels,
                margins,
                wasted,
            });
        // As many chunks at once as their sums leave memory for: whole numbers, in any order.
        let at_once = (HELD / (32 * centroids.len())).max(4 * parallel::n_threads());
        let (mut n_changed, mut first) = (0, 0);
        loop {
            let some: Vec<ChunkRows<'_>> = parts.by_ref().take(at_once).collect();
            if some.is_empty() {
                break;
            }
            let n_chunks = some.len();
            let changes =
                parallel::map_each(some, work, |chunk, part| frame.assign(first + chunk, part));
            for (changed, delta) in changes {
                n_changed += changed;
                if let Some(delta) = delta {
                    self.sums.add(&delta);
                }
            }
            first += n_chunks;
        }
        self.n_changed = n_changed;
        n_changed
    }

    /// Gives one row another label.
    pub(super) fn relabel(&mut self, row: usize, cluster: u32) {
        let (chunk, within) = (row / parallel::CHUNK, row % parallel::CHUNK);
        let order = &self.tiled.packed.orders()[chunk];
        let place = order.iter().position(|&other| usize::from(other) == within);
        let place = chunk * parallel::CHUNK + place.unwrap_or(within);
        let old = std::mem::replace(&mut self.labels[place], cluster);
        let weight = self.tiled.weights.map_or(1, |weights| weights.steps(row));
        self.sums.change(&self.tiled.grid, self.tiled.rows.row(row), weight, Some(old), cluster);
        // The label is not the nearest centroid's now: the margin no longer vouches for it.
        self.margins[place / LANES] = f32::NEG_INFINITY;
    }

    /// Renumbers the clusters; `number[old]` is the new one. Distances stay what they are.
    pub(super) fn renumber(&mut self, number: &[u32]) {
        let d = self.tiled.rows.n_columns();
        parallel::map_chunks_mut(&mut self.labels, parallel::CHUNK, 1, |_, labels| {
            for label in labels.iter_mut().filter(|label| **label != NOWHERE) {
                *label = number[*label as usize];
            }
        });
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

    /// Adds the two greatest moves since the last assignment to `travelled`; their sum.
    fn travel(&mut self, placed: &[f64]) -> Option<f64> {
        if self.placed.len() != placed.len() {
            return None;
        }
        let d = self.tiled.rows.n_columns();
        let (mut most, mut second) = (0.0f64, 0.0f64);
        for (old, new) in self.placed.chunks_exact(d).zip(placed.chunks_exact(d)) {
            let moved = squared(old, new).sqrt();
            second = second.max(most.min(moved));
            most = most.max(moved);
        }
        // Rounded up generously: sums of squares in f64 err by d·2⁻⁵³ relatively.
        let step = (most + second) * (1.0 + 1e-9) + f64::MIN_POSITIVE;
        self.travelled += step;
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::super::weights::Weighting;
    use super::*;
    use crate::num::check;
    use crate::num::columns::Columns;
    use crate::num::distance::nearest;
    use crate::num::rng::Stream;
    use crate::num::scan::{self, ScanFn};
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Labels and sums after each of `steps`, the last of which the margins may skip.
    fn trajectory(
        x: &Array2<f64>,
        weights: Option<&Weights>,
        steps: &[Vec<f64>],
        scan: ScanFn,
    ) -> Vec<Vec<u32>> {
        let rows = check::rows(x.view()).unwrap();
        let mut tiled = Tiled { scan, ..Tiled::new(&rows, &Columns::of(&rows), weights) };
        let mut assigner = Assigner::new(&mut tiled, steps[0].len() / x.ncols());
        let labels = steps.iter().map(|centroids| {
            assigner.assign(centroids);
            let (labels, grid) = (assigner.labels(), &assigner.tiled.grid);
            let mut whole = ClusterSums::new(grid, centroids.len() / x.ncols());
            for (row, &label) in labels.iter().enumerate() {
                let weight = weights.map_or(1, |weights| weights.steps(row));
                whole.change(grid, rows.row(row), weight, None, label);
            }
            assert_eq!(assigner.sums, whole);
            labels
        });
        labels.collect()
    }

    /// Every build of the kernel this CPU runs.
    fn builds() -> Vec<ScanFn> {
        scan::scans().collect()
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
            let nearest = |c: &Vec<f64>| {
                x.rows().into_iter().map(|row| nearest(&row.to_vec(), c).0 as u32).collect()
            };
            let naive: Vec<Vec<u32>> = steps.iter().map(nearest).collect();
            for build in builds() {
                prop_assert_eq!(&trajectory(&x, weights, &steps, build), &naive);
            }
        }
    }

    #[test]
    fn rows_sorted_by_margin_are_labelled_as_naive_f64_does() {
        let mut stream = Stream::new(3, 0);
        let n = parallel::CHUNK + 1003;
        let x = Array2::from_shape_fn((n, 2), |_| stream.normal());
        let rows = check::rows(x.view()).unwrap();
        for build in builds() {
            let mut tiled = Tiled { scan: build, ..Tiled::new(&rows, &Columns::of(&rows), None) };
            let mut assigner = Assigner::new(&mut tiled, 3);
            // Moves by which a few rows change sides, and most tiles hold one that might.
            for step in 0..24 {
                let at = 0.05 * f64::from(step % 7);
                let centroids = [at, 1.0, -1.0, -0.5 + at / 2.0, 1.0, -0.5];
                assigner.assign(&centroids);
                let naive = rows.iter().map(|row| nearest(row, &centroids).0 as u32);
                assert!(assigner.labels().into_iter().eq(naive), "{step}");
                let first = |cluster| assigner.labels().iter().position(|&label| label == cluster);
                assert!(assigner.first_rows().into_iter().eq((0..3).map_while(first)));
            }
            assert!(assigner.tiled.packed.orders().iter().all(|order| !order.is_empty()));
            // A row given another label is found where it lies now.
            let (row, label) = (n - 2, assigner.labels()[n - 2]);
            assigner.relabel(row, (label + 1) % 3);
            assert_eq!(assigner.labels()[row], (label + 1) % 3);
            let centroids = [0.0, 1.0, -1.0, -0.5, 1.0, -0.5];
            assigner.assign(&centroids);
            let naive = rows.iter().map(|row| nearest(row, &centroids).0 as u32);
            assert!(assigner.take_labels().into_iter().eq(naive));
        }
    }
}
