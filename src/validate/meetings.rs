//! The sums of every row's distances to the rows of every cluster, each two rows measured once.
//!
//! Rows are cut into blocks. In each round every block meets one other, as teams in a tournament do (the circle
//! method), so that threads never write to the same rows and every sum is added in one order. A distance is added
//! twice: to the sum of the one row, and to the sum of the other.
//!
//! Cost: half of the n²·d of measuring from both sides; memory for n·k sums.

use std::ops::Range;

use super::grouped::Grouped;
use crate::num::parallel;

/// Fewer rows are measured from both sides: one block would be most of them.
const LEAST_ROWS: usize = 4096;
/// More clusters are measured from both sides: their sums take much memory.
const MOST_CLUSTERS: usize = 64;
/// Blocks at least, so that there is work for many threads.
const BLOCKS: usize = 32;
/// Rows of a part of a block, whose columns stay in the near cache.
const PART: usize = 256;

/// Whether meeting is worth it for so many rows and clusters.
pub(super) fn suits(n_rows: usize, n_clusters: usize) -> bool {
    n_rows >= LEAST_ROWS && n_clusters <= MOST_CLUSTERS
}

/// `[place][cluster]`: the sum of the distances of the row at a place to the rows of a cluster.
pub(super) fn sums(grouped: &Grouped<'_>, n_clusters: usize) -> Vec<f64> {
    let n = grouped.order.len();
    let size = n.div_ceil(BLOCKS).next_multiple_of(PART);
    let mut sums = vec![0.0; n * n_clusters];
    let n_blocks = n.div_ceil(size);
    let places = |block: usize| block * size..n.min((block + 1) * size);
    let work = size.saturating_mul(n).saturating_mul(grouped.n_columns());
    let own: Vec<&mut [f64]> = sums.chunks_mut(size * n_clusters).collect();
    parallel::for_each(own, work, |block, sums| within(grouped, places(block), n_clusters, sums));
    for round in 0..n_blocks.next_multiple_of(2) - 1 {
        let mut blocks: Vec<Option<&mut [f64]>> =
            sums.chunks_mut(size * n_clusters).map(Some).collect();
        let mut take = |block: usize| blocks.get_mut(block).and_then(Option::take);
        let meetings: Vec<_> = pairs(n_blocks, round)
            .filter_map(|(a, b)| Some(((a, take(a)?), (b, take(b)?))))
            .collect();
        parallel::for_each(meetings, work, |_, ((a, of_a), (b, of_b))| {
            between(grouped, (places(a), of_a), (places(b), of_b), n_clusters);
        });
    }
    sums
}

/// Who meets whom in a round: all but the last turn in a circle.
fn pairs(n_blocks: usize, round: usize) -> impl Iterator<Item = (usize, usize)> {
    let turning = n_blocks.next_multiple_of(2) - 1;
    (0..=turning / 2).map(move |i| {
        let other = if i == 0 { turning } else { (round + turning - i) % turning };
        ((round + i) % turning, other)
    })
}

/// The sums of a block's rows to each other, from both sides.
fn within(grouped: &Grouped<'_>, places: Range<usize>, n_clusters: usize, sums: &mut [f64]) {
    let mut distances = [0.0; PART];
    for part in parts(&places) {
        for (row, sums) in places.clone().zip(sums.chunks_exact_mut(n_clusters)) {
            let distances = grouped.measure(row, part.clone(), &mut distances);
            grouped.runs(part.clone(), |cluster, run| {
                sums[cluster] += sum(&distances[run.start - part.start..run.end - part.start]);
            });
        }
    }
}

/// Adds to the sums of two blocks what their rows are apart from each other.
fn between(
    grouped: &Grouped<'_>,
    (rows, of_rows): (Range<usize>, &mut [f64]),
    (others, of_others): (Range<usize>, &mut [f64]),
    n_clusters: usize,
) {
    let mut distances = [0.0; PART];
    for part in parts(&others) {
        let of_part = &mut of_others[(part.start - others.start) * n_clusters..];
        grouped.runs(rows.clone(), |own, run| {
            // What the rows of one cluster add to each of the part.
            let mut columns = [0.0; PART];
            for row in run {
                let distances = grouped.measure(row, part.clone(), &mut distances);
                columns.iter_mut().zip(distances).for_each(|(sum, distance)| *sum += distance);
                let sums = &mut of_rows[(row - rows.start) * n_clusters..][..n_clusters];
                grouped.runs(part.clone(), |cluster, run| {
                    sums[cluster] += sum(&distances[run.start - part.start..run.end - part.start]);
                });
            }
            let each = of_part.chunks_exact_mut(n_clusters).zip(&columns);
            each.take(part.len()).for_each(|(sums, column)| sums[own] += column);
        });
    }
}

/// The parts of some places, each from a multiple of [`PART`] on.
fn parts(places: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = places.end;
    places.clone().step_by(PART).map(move |start| start..end.min(start + PART))
}

/// A sum on eight lanes, the same on every CPU.
pub(super) fn sum(values: &[f64]) -> f64 {
    let (blocks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(sum, value)| *sum += value);
    }
    lanes.iter().chain(rest).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;
    use crate::num::check;
    use crate::num::distance::squared;
    use ndarray::Array2;

    #[test]
    fn every_two_blocks_meet_once() {
        for n in 2..12usize {
            let mut met = vec![0; n * n];
            for round in 0..n.next_multiple_of(2) - 1 {
                for (a, b) in pairs(n, round).filter(|&(a, b)| a < n && b < n) {
                    met[a.min(b) * n + a.max(b)] += 1;
                }
            }
            for a in 0..n {
                assert!((0..n).all(|b| met[a * n + b] == usize::from(a < b)), "{n}: {met:?}");
            }
        }
    }

    #[test]
    fn sums_are_those_of_the_definition_and_the_same_on_any_number_of_threads() {
        let n = 1100;
        let x = Array2::from_shape_fn((n, 3), |(row, column)| {
            ((row * (7 + 4 * column)) % 131) as f64 + (row % 4 * 50) as f64
        });
        let labels = Labels::new((0..n).map(|row| (row % 17 != 0).then_some(row % 4))).unwrap();
        let rows = check::rows(x.view()).unwrap();
        let grouped = Grouped::new(&rows, &labels);
        let found = sums(&grouped, 4);
        for (&row, sums) in grouped.order.iter().zip(found.chunks_exact(4)) {
            let mut naive = [0.0; 4];
            for other in 0..n {
                if let Some(cluster) = labels.get(other) {
                    naive[cluster] += squared(rows.row(row), rows.row(other)).sqrt();
                }
            }
            for (sum, naive) in sums.iter().zip(naive) {
                assert!((sum / naive - 1.0).abs() < 1e-12, "{row}: {sum} {naive}");
            }
        }
        assert_eq!(parallel::with_threads(1, || sums(&grouped, 4)), found);
        assert_eq!(parallel::with_threads(3, || sums(&grouped, 4)), found);
    }
}
