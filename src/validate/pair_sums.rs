//! The sums of every row's distances to the rows of every cluster, each two rows measured once.
//!
//! Rows are cut into blocks. In each round every block meets one other, as teams in a tournament do (the circle
//! method), so that threads never write to the same rows and every sum is added in one order. A distance is added
//! twice: to the sum of the one row, and to the sum of the other.
//!
//! Distances come from products of columns, and where these would cancel, from differences.
//!
//! Cost: half of the n²·d of measuring from both sides; memory for the rows once more and n·k sums.

use std::ops::Range;

use crate::Labels;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::pair_distances::{self, Centred, Met, TOGETHER};
use crate::num::parallel;
use crate::num::tiles::{Lanes, WIDTH};

/// Fewer rows are measured from both sides: one block would be most of them.
const LEAST_ROWS: usize = 4096;
/// More clusters are measured from both sides: their sums take much memory.
const MOST_CLUSTERS: usize = 64;
/// Blocks at most, enough of them for many threads.
const BLOCKS: usize = 32;
/// Values of a part of a block, which stay in the near cache.
const PART: usize = 2048;

/// Whether measuring each two rows once pays for so many rows and clusters.
pub(super) fn suits(n_rows: usize, n_clusters: usize) -> bool {
    n_rows >= LEAST_ROWS && n_clusters <= MOST_CLUSTERS
}

/// Up to sixteen rows of one cluster.
#[derive(Debug, Clone)]
struct Tile {
    cluster: usize,
    /// Where they stand among the rows by cluster.
    places: Range<usize>,
}

/// The rows that are not noise, by cluster, in tiles.
#[derive(Debug)]
struct PairSums<'a> {
    rows: &'a Rows<'a>,
    /// The row at each place.
    order: &'a [usize],
    tiles: Vec<Tile>,
    centred: Centred,
    n_clusters: usize,
}

/// `[place][cluster]`: the sum of the distances of the row at a place to the rows of a cluster. Places are those of
/// `order`, which holds the rows that are not noise by cluster.
pub(super) fn sums(rows: &Rows<'_>, order: &[usize], labels: &Labels) -> Vec<f64> {
    let mut tiles = Vec::new();
    let mut start = 0;
    for (cluster, &size) in labels.sizes().iter().enumerate() {
        let ends =
            (start..start + size).step_by(WIDTH).map(|at| at..(at + WIDTH).min(start + size));
        tiles.extend(ends.map(|places| Tile { cluster, places }));
        start += size;
    }
    let centred = Centred::new(rows, tiles.iter().map(|tile| &order[tile.places.clone()]));
    let n_clusters = labels.n_clusters();
    let pair_sums = PairSums { rows, order, tiles, centred, n_clusters };
    let mut sums = vec![0.0; order.len() * n_clusters];
    pair_sums.add_all(&mut sums);
    sums
}

impl PairSums<'_> {
    fn add_all(&self, sums: &mut [f64]) {
        let n = self.tiles.len();
        let size = n.div_ceil(BLOCKS);
        let n_blocks = n.div_ceil(size);
        let tiles = |block: usize| block * size..n.min((block + 1) * size);
        let work = (size * WIDTH).saturating_mul(self.order.len());
        let work = work.saturating_mul(self.rows.n_columns());
        let own = self.blocks(size, sums);
        parallel::for_each(own, work, |block, sums| self.within(tiles(block), sums));
        for round in 0..n_blocks.next_multiple_of(2) - 1 {
            let mut blocks: Vec<_> = self.blocks(size, sums).into_iter().map(Some).collect();
            let mut take = |block: usize| blocks.get_mut(block).and_then(Option::take);
            let meetings: Vec<_> = pairs(n_blocks, round)
                .filter_map(|(a, b)| Some(((a, take(a)?), (b, take(b)?))))
                .collect();
            parallel::for_each(meetings, work, |_, ((a, of_a), (b, of_b))| {
                self.between((tiles(a), of_a), (tiles(b), of_b));
            });
        }
    }

    /// The sums of each block of so many tiles.
    fn blocks<'s>(&self, size: usize, mut sums: &'s mut [f64]) -> Vec<&'s mut [f64]> {
        let each = self.tiles.chunks(size).map(|tiles| {
            let n = tiles[tiles.len() - 1].places.end - tiles[0].places.start;
            sums.split_off_mut(..n * self.n_clusters).unwrap_or_default()
        });
        each.collect()
    }

    /// The sums of a block's rows to each other, from both sides.
    fn within(&self, block: Range<usize>, sums: &mut [f64]) {
        for part in self.parts(&block) {
            self.meet(block.clone(), part, sums, |_, _, _| ());
        }
    }

    /// Adds to the sums of two blocks what their rows are apart from each other.
    fn between(
        &self,
        (block, of_block): (Range<usize>, &mut [f64]),
        (others, of_others): (Range<usize>, &mut [f64]),
    ) {
        let first = self.tiles[others.start].places.start;
        for part in self.parts(&others) {
            self.meet(block.clone(), part, of_block, |cluster, tile, columns| {
                let places = &self.tiles[tile].places;
                let sums = &mut of_others[(places.start - first) * self.n_clusters..];
                let each = sums.chunks_exact_mut(self.n_clusters).zip(columns.0);
                each.take(places.len()).for_each(|(sums, column)| sums[cluster] += column);
            });
        }
    }

    /// The parts of some tiles.
    fn parts(&self, tiles: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (start, end) = (tiles.start, tiles.end);
        let size = (PART / WIDTH / self.rows.n_columns()).max(1);
        (start..end).step_by(size).map(move |at| at..end.min(at + size))
    }

    /// Adds to the sums of a block what its rows are apart from those of a part. For each cluster of the block,
    /// `columns` gets what its rows add to each tile of the part.
    fn meet(
        &self,
        block: Range<usize>,
        part: Range<usize>,
        sums: &mut [f64],
        mut columns: impl FnMut(usize, usize, &Lanes),
    ) {
        let first = self.tiles[block.start].places.start;
        let mut met = vec![Met::NONE; part.len()];
        let mut added = vec![Lanes::ZERO; part.len()];
        for tile in block.clone() {
            let Tile { cluster, places } = self.tiles[tile].clone();
            for lane in (0..places.len()).step_by(TOGETHER) {
                let from = places.start + lane;
                let four = from..places.end.min(from + TOGETHER);
                self.measure(tile, lane, part.clone(), &mut met);
                let sums = &mut sums[(four.start - first) * self.n_clusters..];
                self.add(four.len(), part.clone(), &met, &mut added, sums);
            }
            if tile + 1 == block.end || self.tiles[tile + 1].cluster != cluster {
                part.clone().zip(&added).for_each(|(tile, added)| columns(cluster, tile, added));
                added.fill(Lanes::ZERO);
            }
        }
    }

    /// The distances of four rows of a tile, from a lane on, to those of a part.
    fn measure(&self, tile: usize, lane: usize, part: Range<usize>, met: &mut [Met]) {
        self.centred.distances((tile, lane), part.start, met);
        let row = |place: usize| self.rows.row(self.order[place]);
        let Range { start, end } = self.tiles[tile].places;
        for (other, met) in part.zip(met) {
            let others = &self.tiles[other].places;
            for (at, other) in met.near() {
                let (place, other_place) = (start + lane + at, others.start + other);
                if place < end && other_place < others.end {
                    let distance = squared(row(place), row(other_place)).sqrt();
                    met.distances[at].0[other] = distance;
                }
            }
            // Lanes without a row add nothing.
            if others.len() < WIDTH {
                met.distances.iter_mut().for_each(|lanes| lanes.0[others.len()..].fill(0.0));
            }
        }
    }

    /// Adds the distances of `n` of four rows to their sums, and to those of the rows of a part.
    fn add(
        &self,
        n: usize,
        part: Range<usize>,
        met: &[Met],
        added: &mut [Lanes],
        sums: &mut [f64],
    ) {
        let mut from = 0;
        for tiles in self.tiles[part].chunk_by(|a, b| a.cluster == b.cluster) {
            let to = from + tiles.len();
            let of_rows = pair_distances::add(&met[from..to], n, &mut added[from..to]);
            for (sums, of_row) in sums.chunks_exact_mut(self.n_clusters).zip(of_rows).take(n) {
                sums[tiles[0].cluster] += of_row;
            }
            from = to;
        }
    }
}

/// The pairs of blocks that meet in a round: the last block stays in its place, the others move on by one.
fn pairs(n_blocks: usize, round: usize) -> impl Iterator<Item = (usize, usize)> {
    let turning = n_blocks.next_multiple_of(2) - 1;
    (0..=turning / 2).map(move |i| {
        let other = if i == 0 { turning } else { (round + turning - i) % turning };
        ((round + i) % turning, other)
    })
}

#[cfg(test)]
mod tests {
    use super::super::grouped::Grouped;
    use super::*;
    use crate::num::check;
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
        let order = Grouped::new(&rows, &labels).order;
        let found = sums(&rows, &order, &labels);
        for (&row, sums) in order.iter().zip(found.chunks_exact(4)) {
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
        assert_eq!(parallel::with_threads(1, || sums(&rows, &order, &labels)), found);
        assert_eq!(parallel::with_threads(3, || sums(&rows, &order, &labels)), found);
    }
}
