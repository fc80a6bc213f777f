//! Rows that come and go: buckets of at most 64 rows under flat boxes, all in f64.
//!
//! A search tests all boxes, sixteen at a time, and compares the rows of those within the radius. The
//! lanes of a loop are rows or boxes, and every lane does what the naive distance does, so the
//! results are exact: rounding is monotone, so the gap of a box is never above the distance of a row
//! in it.
//!
//! Cost of a search: n/40 boxes and the rows of the buckets near by; an insertion of a
//! row that was searched for one bucket, as a removal. Memory 1.5·8·n·d bytes or so.

use super::metric::Metric;
use crate::num::builds::builds;
use crate::num::prefetch::prefetch;

/// Rows in a bucket at most; more are split along the widest column.
const ROOM: usize = 64;

/// Boxes that are tested together.
const BOXES: usize = 16;

/// Columns between two looks at whether any row of a bucket can still be near.
const BLOCK: usize = 4;

type BucketLanes = [f64; ROOM];

/// Rows, each in a slot of the caller's numbering.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    metric: Metric,
    width: usize,
    buckets: Vec<Bucket>,
    /// Per group of boxes and column, the low sides and then the high sides.
    boxes: Vec<[f64; BOXES]>,
    /// Per slot, where its row is.
    places: Vec<(u32, u32)>,
}

#[derive(Debug, Clone)]
struct Bucket {
    slots: Vec<u32>,
    /// One array of lanes per column.
    columns: Vec<BucketLanes>,
}

impl Buckets {
    pub(crate) fn new(metric: Metric, width: usize) -> Self {
        Self { metric, width, buckets: Vec::new(), boxes: Vec::new(), places: Vec::new() }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Puts a row, prepared and scaled, into a slot that is free, in the bucket that a search for it
    /// found nearest.
    pub(crate) fn insert(&mut self, slot: u32, row: &[f64], nearest: Option<usize>) {
        debug_assert_eq!(row.len(), self.width);
        let bucket = nearest.unwrap_or_else(|| self.add_bucket());
        let full = self.buckets[bucket].slots.len() == ROOM;
        let bucket = if full { self.split(bucket, row) } else { bucket };
        self.push(bucket, slot, row);
    }

    /// Takes the row out of a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        let (bucket, lane) = self.places[slot as usize];
        let (bucket, lane) = (bucket as usize, lane as usize);
        let last = self.buckets[bucket].slots.len() - 1;
        let Bucket { slots, columns } = &mut self.buckets[bucket];
        slots.swap_remove(lane);
        columns.iter_mut().for_each(|lanes| lanes[lane] = lanes[last]);
        if let Some(&moved) = slots.get(lane) {
            self.places[moved as usize] = (bucket as u32, lane as u32);
        }
        if last > 0 {
            self.set_box(bucket);
            return;
        }
        self.buckets.swap_remove(bucket);
        if bucket < self.buckets.len() {
            for (lane, &slot) in self.buckets[bucket].slots.iter().enumerate() {
                self.places[slot as usize] = (bucket as u32, lane as u32);
            }
            self.set_box(bucket);
        }
        let groups = self.buckets.len().div_ceil(BOXES);
        self.boxes.truncate(groups * 2 * self.width);
        self.clear_box(self.buckets.len());
    }

    /// The row in a slot.
    pub(crate) fn row(&self, slot: u32, row: &mut Vec<f64>) {
        let (bucket, lane) = self.places[slot as usize];
        row.clear();
        row.extend(self.buckets[bucket as usize].columns.iter().map(|lanes| lanes[lane as usize]));
    }

    /// Adds the slots of all rows within a reduced radius of a row; returns the nearest bucket.
    pub(crate) fn within(&self, row: &[f64], radius: f64, found: &mut Vec<u32>) -> Option<usize> {
        let mut gaps = Vec::with_capacity(self.buckets.len() + BOXES);
        self.gaps(row, &mut gaps);
        let mut nearest = (None, f64::INFINITY);
        let mut near_by: Vec<&Bucket> = Vec::new();
        for (at, (bucket, &gap)) in self.buckets.iter().zip(&gaps).enumerate() {
            if gap < nearest.1 || nearest.0.is_none() {
                nearest = (Some(at), gap);
            }
            if gap <= radius {
                near_by.push(bucket);
            }
        }
        let mut reduced = [0.0; ROOM];
        for (i, bucket) in near_by.iter().enumerate() {
            // Buckets are scattered, and reading them takes longer than comparing.
            if let Some(next) = near_by.get(i + 1) {
                next.columns.iter().take(BLOCK).for_each(|lanes| prefetch(lanes));
            }
            if reduce(self.metric, &bucket.columns, row, radius, &mut reduced) {
                let near = bucket.slots.iter().zip(&reduced);
                found.extend(near.filter(|(_, reduced)| **reduced <= radius).map(|near| *near.0));
            }
        }
        nearest.0
    }

    /// The reduced gaps of all boxes.
    fn gaps(&self, row: &[f64], gaps: &mut Vec<f64>) {
        let mut of_group = [0.0; BOXES];
        for group in self.boxes.chunks_exact(2 * self.width) {
            gap(self.metric, group, row, &mut of_group);
            gaps.extend_from_slice(&of_group);
        }
        gaps.truncate(self.buckets.len());
    }

    fn push(&mut self, bucket: usize, slot: u32, row: &[f64]) {
        let Bucket { slots, columns } = &mut self.buckets[bucket];
        let lane = slots.len();
        for (lanes, &value) in columns.iter_mut().zip(row) {
            lanes[lane] = value;
        }
        slots.push(slot);
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, (0, 0));
        }
        self.places[slot as usize] = (bucket as u32, lane as u32);
        let (group, place) = (bucket / BOXES * 2 * self.width, bucket % BOXES);
        for (j, &value) in row.iter().enumerate() {
            let low = &mut self.boxes[group + j][place];
            *low = low.min(value);
            let high = &mut self.boxes[group + self.width + j][place];
            *high = high.max(value);
        }
    }

    fn add_bucket(&mut self) -> usize {
        let bucket = self.buckets.len();
        self.buckets.push(Bucket {
            slots: Vec::with_capacity(ROOM),
            columns: vec![[0.0; ROOM]; self.width],
        });
        if bucket.is_multiple_of(BOXES) {
            self.boxes.resize(self.boxes.len() + 2 * self.width, [0.0; BOXES]);
        }
        self.clear_box(bucket);
        bucket
    }

    /// Moves the upper half of a bucket, along its widest column, to a new one; returns the one that
    /// `row` belongs to.
    fn split(&mut self, bucket: usize, row: &[f64]) -> usize {
        let (group, place) = (bucket / BOXES * 2 * self.width, bucket % BOXES);
        let extent = |j: usize| {
            // Halves, so that the extent stays finite.
            self.boxes[group + self.width + j][place] / 2.0 - self.boxes[group + j][place] / 2.0
        };
        let widest = (0..self.width).rev().max_by(|&a, &b| extent(a).total_cmp(&extent(b)));
        let widest = widest.expect("rows have columns");
        let old = std::mem::take(&mut self.buckets[bucket].slots);
        let columns = self.buckets[bucket].columns.clone();
        self.clear_box(bucket);
        let new = self.add_bucket();
        let mut order: Vec<usize> = (0..old.len()).collect();
        let key = &columns[widest];
        order.sort_by(|&a, &b| key[a].total_cmp(&key[b]).then(old[a].cmp(&old[b])));
        let middle = key[order[ROOM / 2]];
        let mut values = Vec::with_capacity(self.width);
        for (rank, &lane) in order.iter().enumerate() {
            values.clear();
            values.extend(columns.iter().map(|lanes| lanes[lane]));
            self.push(if rank < ROOM / 2 { bucket } else { new }, old[lane], &values);
        }
        if row[widest] < middle { bucket } else { new }
    }

    /// An empty box: no row is near it.
    fn clear_box(&mut self, bucket: usize) {
        let (group, place) = (bucket / BOXES * 2 * self.width, bucket % BOXES);
        for j in 0..self.width {
            // Past the last bucket of a full group there is no box.
            if let Some(low) = self.boxes.get_mut(group + j) {
                low[place] = f64::INFINITY;
            }
            if let Some(high) = self.boxes.get_mut(group + self.width + j) {
                high[place] = f64::NEG_INFINITY;
            }
        }
    }

    /// The box of the rows that are in a bucket.
    fn set_box(&mut self, bucket: usize) {
        let (group, place) = (bucket / BOXES * 2 * self.width, bucket % BOXES);
        let n_rows = self.buckets[bucket].slots.len();
        for (j, lanes) in self.buckets[bucket].columns.iter().enumerate() {
            let lanes = &lanes[..n_rows];
            self.boxes[group + j][place] = lanes.iter().copied().fold(f64::INFINITY, f64::min);
            self.boxes[group + self.width + j][place] =
                lanes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        }
    }
}

builds! {
    /// The reduced distances of a row to the lanes of a bucket, if any may be within a radius; nothing is
    /// fused, so all builds agree. Lanes without a row may be within it.
    fn reduce(
        m: Metric,
        columns: &[BucketLanes],
        row: &[f64],
        radius: f64,
        out: &mut BucketLanes,
    ) -> bool {
        ["avx512f"] => reduce_plain,
        ["avx2"] => reduce_plain,
        [] => reduce_plain,
    }
}

builds! {
    /// The reduced gaps of a row to a group of boxes.
    fn gap(m: Metric, sides: &[[f64; BOXES]], row: &[f64], out: &mut [f64; BOXES]) {
        ["avx512f"] => gap_plain,
        ["avx2"] => gap_plain,
        [] => gap_plain,
    }
}

#[inline(always)]
fn fold(metric: Metric, sum: f64, difference: f64) -> f64 {
    match metric {
        Metric::Euclidean | Metric::Cosine => sum + difference * difference,
        Metric::Manhattan => sum + difference.abs(),
        Metric::Chebyshev => {
            if sum > difference.abs() {
                sum
            } else {
                difference.abs()
            }
        }
    }
}

#[inline(always)]
fn reduce_plain(
    m: Metric,
    columns: &[BucketLanes],
    row: &[f64],
    radius: f64,
    out: &mut BucketLanes,
) -> bool {
    let mut sums = [0.0; ROOM];
    // Most buckets have no row within the radius, which the first columns often show: rounding is
    // monotone, so no sum shrinks.
    for (columns, row) in columns.chunks(BLOCK).zip(row.chunks(BLOCK)) {
        for (lanes, &value) in columns.iter().zip(row) {
            for (sum, &lane) in sums.iter_mut().zip(lanes) {
                *sum = fold(m, *sum, value - lane);
            }
        }
        // Counted, as a loop that stops early is not done side by side.
        if sums.iter().filter(|sum| **sum <= radius).count() == 0 {
            return false;
        }
    }
    *out = sums;
    true
}

#[inline(always)]
fn gap_plain(metric: Metric, sides: &[[f64; BOXES]], row: &[f64], out: &mut [f64; BOXES]) {
    let (lows, highs) = sides.split_at(row.len());
    let mut sums = [0.0; BOXES];
    for ((lows, highs), &value) in lows.iter().zip(highs).zip(row) {
        for ((sum, &low), &high) in sums.iter_mut().zip(lows).zip(highs) {
            let (below, above) = (low - value, value - high);
            let outside = if below > above { below } else { above };
            let outside = if outside > 0.0 { outside } else { 0.0 };
            *sum = fold(metric, *sum, outside);
        }
    }
    *out = sums;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    #[test]
    fn rows_that_come_and_go_are_found_as_brute_force_finds_them() {
        for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
            let mut stream = Stream::new(1, 0);
            let mut buckets = Buckets::new(metric, 2);
            let mut rows: Vec<Option<Vec<f64>>> = Vec::new();
            for step in 0..3000 {
                let alive: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].is_some()).collect();
                if (step % 3 == 2 || step > 2000) && !alive.is_empty() {
                    let slot = alive[stream.below(alive.len())];
                    buckets.remove(slot as u32);
                    rows[slot] = None;
                } else {
                    let row: Vec<f64> = (0..2).map(|_| stream.below(30) as f64 / 3.0).collect();
                    let slot = rows.iter().position(Option::is_none).unwrap_or(rows.len());
                    let nearest = buckets.within(&row, 0.0, &mut Vec::new());
                    buckets.insert(slot as u32, &row, nearest);
                    rows.resize(rows.len().max(slot + 1), None);
                    rows[slot] = Some(row);
                }
                let asked = [stream.unit() * 10.0, 5.0];
                let mut found = Vec::new();
                buckets.within(&asked, 4.0, &mut found);
                found.sort_unstable();
                let near = |row: &Option<Vec<f64>>| {
                    row.as_ref().is_some_and(|row| metric.reduced(&asked, row) <= 4.0)
                };
                let truth = (0..rows.len()).filter(|&i| near(&rows[i]));
                assert!(found.iter().map(|&slot| slot as usize).eq(truth), "step {step}");
                let mut row = Vec::new();
                if let Some(slot) = rows.iter().position(Option::is_some) {
                    buckets.row(slot as u32, &mut row);
                    assert_eq!(Some(&row), rows[slot].as_ref());
                }
            }
        }
    }
}
