//! The rows of a grouping, cluster by cluster, and their distances to some of them.
//!
//! Cost: memory for the rows once more; every distance three operations per column and a root, on
//! sixteen rows at a time.

use crate::Labels;
use crate::num::check::Rows;
use crate::num::parallel;
use crate::num::tiles::{Lanes, Tiles, WIDTH};

/// Rows that meet the same part of the others while it is in the near cache.
const TOGETHER: usize = 16;

/// Tiles of such a part.
const PART: usize = 16;

/// The rows that are not noise, by cluster.
#[derive(Debug)]
pub(super) struct Grouped<'a> {
    rows: &'a Rows<'a>,
    tiles: Tiles,
    /// The row at each place.
    pub(super) order: Vec<usize>,
    /// Where each cluster begins, and where the last one ends.
    starts: Vec<usize>,
}

impl<'a> Grouped<'a> {
    pub(super) fn new(rows: &'a Rows<'a>, labels: &Labels) -> Self {
        let mut order: Vec<usize> =
            (0..labels.len()).filter(|&row| labels.get(row).is_some()).collect();
        order.sort_by_key(|&row| labels.get(row));
        let mut starts = vec![0];
        for (cluster, size) in labels.sizes().iter().enumerate() {
            starts.push(starts[cluster] + size);
        }
        let in_order: Vec<&[f64]> = order.iter().map(|&row| rows.row(row)).collect();
        let tiles = Tiles::new(in_order.into_iter(), rows.n_columns());
        Self { rows, tiles, order, starts }
    }

    /// `of` of each of some rows and what `add` gathered for it: `add` gets the distances of the row to
    /// rows of one cluster, several times per cluster, always in the same order.
    pub(super) fn gather<T: Clone + Send + Sync, R: Send>(
        &self,
        some: &[usize],
        empty: &T,
        add: impl Fn(&mut T, usize, &[f64]) + Sync,
        of: impl Fn(usize, T) -> R + Sync,
    ) -> Vec<R> {
        let work = (TOGETHER * self.order.len()).saturating_mul(self.rows.n_columns());
        let blocks = parallel::map(some.len().div_ceil(TOGETHER), work, |block| {
            let block = &some[block * TOGETHER..some.len().min((block + 1) * TOGETHER)];
            let mut gathered = vec![empty.clone(); block.len()];
            for first in (0..self.order.len()).step_by(PART * WIDTH) {
                let end = self.order.len().min(first + PART * WIDTH);
                for (&row, gathered) in block.iter().zip(&mut gathered) {
                    self.part(row, first..end, |cluster, run| add(gathered, cluster, run));
                }
            }
            let each = block.iter().zip(gathered);
            each.map(|(&row, gathered)| of(row, gathered)).collect::<Vec<R>>()
        });
        blocks.into_iter().flatten().collect()
    }

    /// The distances of a row to those at some places, in runs of one cluster each.
    fn part(&self, row: usize, places: std::ops::Range<usize>, mut run: impl FnMut(usize, &[f64])) {
        let tiles = &mut [Lanes::FAR; PART][..places.len().div_ceil(WIDTH)];
        self.tiles.distances(self.rows.row(row), places.start / WIDTH, tiles);
        let mut distances = [0.0; PART * WIDTH];
        for (values, lanes) in distances.chunks_exact_mut(WIDTH).zip(&*tiles) {
            values.copy_from_slice(&lanes.0);
        }
        let mut cluster = self.starts.partition_point(|&start| start <= places.start) - 1;
        let mut from = places.start;
        while from < places.end {
            let to = places.end.min(self.starts[cluster + 1]);
            if from < to {
                run(cluster, &distances[from - places.start..to - places.start]);
            }
            (from, cluster) = (to, cluster + 1);
        }
    }
}
