//! The rows of a grouping, cluster by cluster, and their distances to some of them.
//!
//! Cost: memory for the rows once more; every distance three operations per column and a root, on
//! sixteen rows at a time.

use std::ops::Range;

use ndarray::ArrayView2;

use super::external::check_length;
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::scale::Scale;
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::{Error, Labels, Result};

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

    /// `of` of each of some rows and what `add` gathered for it: `add` gets a cluster, the first of some
    /// places of its rows, and the row's distances to these, several times per cluster, always in the
    /// same order.
    pub(super) fn gather<T: Clone + Send + Sync, R: Send>(
        &self,
        some: &[usize],
        empty: &T,
        add: impl Fn(&mut T, usize, usize, &[f64]) + Sync,
        of: impl Fn(usize, T) -> R + Sync,
    ) -> Vec<R> {
        let work = (TOGETHER * self.order.len()).saturating_mul(self.rows.n_columns());
        let blocks = parallel::map(some.len().div_ceil(TOGETHER), work, |block| {
            let block = &some[block * TOGETHER..some.len().min((block + 1) * TOGETHER)];
            let mut gathered = vec![empty.clone(); block.len()];
            for first in (0..self.order.len()).step_by(PART * WIDTH) {
                let end = self.order.len().min(first + PART * WIDTH);
                for (&row, gathered) in block.iter().zip(&mut gathered) {
                    self.part(row, first..end, |cluster, place, run| {
                        add(gathered, cluster, place, run);
                    });
                }
            }
            let each = block.iter().zip(gathered);
            each.map(|(&row, gathered)| of(row, gathered)).collect::<Vec<R>>()
        });
        blocks.into_iter().flatten().collect()
    }

    /// The distances of a row to those at some places, in runs of one cluster each.
    fn part(&self, row: usize, places: Range<usize>, mut run: impl FnMut(usize, usize, &[f64])) {
        let mut distances = [0.0; PART * WIDTH];
        self.distances(self.rows.row(row), places.clone(), &mut distances);
        self.runs(places.clone(), |cluster, of| {
            run(cluster, of.start, &distances[of.start - places.start..of.end - places.start]);
        });
    }

    fn distances(&self, row: &[f64], places: Range<usize>, out: &mut [f64; PART * WIDTH]) {
        let tiles = &mut [Lanes::FAR; PART][..places.len().div_ceil(WIDTH)];
        self.tiles.distances(row, places.start / WIDTH, tiles);
        for (values, lanes) in out.chunks_exact_mut(WIDTH).zip(&*tiles) {
            values.copy_from_slice(&lanes.0);
        }
    }

    /// Some places in runs of one cluster each.
    fn runs(&self, places: Range<usize>, mut run: impl FnMut(usize, Range<usize>)) {
        let mut cluster = self.starts.partition_point(|&start| start <= places.start) - 1;
        let mut from = places.start;
        while from < places.end {
            let to = places.end.min(self.starts[cluster + 1]);
            if from < to {
                run(cluster, from..to);
            }
            (from, cluster) = (to, cluster + 1);
        }
    }
}

/// Rows that have the measure with these labels, tiny ones lifted so that squares do not vanish.
pub(super) fn ready<'a>(
    x: ArrayView2<'a, f64>,
    labels: &Labels,
    metric: &'static str,
) -> Result<Rows<'a>> {
    let rows = check::rows(x)?;
    check_length("labels", rows.n_rows(), labels)?;
    if let Some(reason) = undefined(labels) {
        return Err(Error::UndefinedMetric { metric, reason: reason.into() });
    }
    let factor = Scale::of(&rows, None).factor();
    Ok(rows.times(factor))
}

/// Why no index compares within and between clusters for these labels, if so.
pub(super) fn undefined(labels: &Labels) -> Option<String> {
    let (clusters, n) = (labels.n_occupied(), labels.len() - labels.n_noise());
    if clusters < 2 {
        Some(format!("it compares at least 2 clusters, and there are {clusters}"))
    } else if clusters >= n {
        Some(format!("each of the {n} rows is a cluster of its own"))
    } else {
        None
    }
}
