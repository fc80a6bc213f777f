//! The distances of the clusters that are left after some merges, from the rows.
//!
//! A block of the matrix is a few clusters by a few: the distances of all their rows are put side by
//! side, which the near cache holds, and the merges inside the clusters are made there in their order.
//! So every distance has the bits that the primitive algorithm would give it, and no matrix of all rows
//! is needed.
//!
//! Cost: O(n²·d) operations, O(n·d + m²) memory for m clusters.

use std::ops::Range;

use super::linkage::Linkage;
use super::sparse::Merged;
use crate::num::check::Rows;
use crate::num::parallel;
use crate::num::tiles::{Lanes, Tiles, WIDTH};
use crate::num::triangle::{COLUMNS, Panels, Triangle};

/// Most distances of rows that are put side by side unless two clusters alone have more.
const BLOCK: usize = 1 << 14;

/// A merge inside a cluster.
#[derive(Debug, Clone, Copy)]
struct BlockMerge {
    /// Its number among all merges.
    number: u32,
    /// Where the smallest rows of the two parts stand.
    a: u32,
    b: u32,
    weights: [f64; 2],
}

/// The clusters that are left, with their rows one after another.
struct BlockClusters<'a> {
    linkage: Linkage,
    rows: &'a Rows<'a>,
    /// Rows, by cluster, ascending in each.
    order: Vec<usize>,
    /// Where the rows of each cluster begin, and where those of the last end.
    starts: Vec<usize>,
    /// The merges inside each cluster, in their order; places are those in `order`.
    steps: Vec<Vec<BlockMerge>>,
}

/// The distances between all clusters that are left, by the linkage; `None` if memory is too small.
pub(super) fn of_clusters(rows: &Rows<'_>, merged: &Merged, linkage: Linkage) -> Option<Triangle> {
    debug_assert!(!linkage.is_on_squares());
    let clusters = BlockClusters::new(rows, merged, linkage);
    let n_clusters = clusters.steps.len();
    let mut distances = Triangle::new(n_clusters)?;
    let groups: Vec<Range<usize>> = (0..n_clusters)
        .step_by(COLUMNS)
        .map(|first| first..n_clusters.min(first + COLUMNS))
        .collect();
    let work = rows.n_rows().saturating_mul(rows.n_rows()) / 2 * rows.n_columns();
    parallel::for_each(distances.panels_mut(n_clusters, 1), work, |_, mut panel| {
        let mut block = Block::default();
        for group in &groups[panel.rows.start / COLUMNS..] {
            clusters.fill(panel.rows.clone(), group.clone(), &mut block, &mut panel);
        }
    });
    Some(distances)
}

/// Distances of rows by rows, each followed by padding.
#[derive(Default)]
struct Block {
    values: Vec<f64>,
    stride: usize,
    squares: Vec<Lanes>,
}

impl<'a> BlockClusters<'a> {
    fn new(rows: &'a Rows<'a>, merged: &Merged, linkage: Linkage) -> Self {
        let n_rows = rows.n_rows();
        // The smallest row of the cluster of each row: a merge points from the one to the other.
        let mut first: Vec<usize> = (0..n_rows).collect();
        merged.merges.iter().for_each(|&(a, b, _)| first[b] = a);
        (0..n_rows).for_each(|row| first[row] = first[first[row]]);
        let mut order: Vec<usize> = (0..n_rows).collect();
        order.sort_unstable_by_key(|&row| (first[row], row));
        let mut starts: Vec<usize> =
            (0..n_rows).filter(|&place| first[order[place]] == order[place]).collect();
        starts.push(n_rows);
        let (mut places, mut cluster_of) = (vec![0; n_rows], vec![0; n_rows]);
        for (cluster, range) in starts.windows(2).enumerate() {
            for place in range[0]..range[1] {
                (places[order[place]], cluster_of[order[place]]) = (place as u32, cluster);
            }
        }
        let mut steps = vec![Vec::new(); starts.len() - 1];
        for (number, &(a, b, _)) in merged.merges.iter().enumerate() {
            let weights = merged.weights_of(number);
            let step = BlockMerge { number: number as u32, a: places[a], b: places[b], weights };
            steps[cluster_of[a]].push(step);
        }
        Self { linkage, rows, order, starts, steps }
    }

    /// The places of the rows of some clusters.
    fn places(&self, clusters: &Range<usize>) -> Range<usize> {
        self.starts[clusters.start]..self.starts[clusters.end]
    }

    /// Puts the distances of some clusters, rows of the matrix, to some others into it.
    fn fill(
        &self,
        these: Range<usize>,
        others: Range<usize>,
        block: &mut Block,
        panel: &mut Panels<'_>,
    ) {
        let (below, beside) = (self.places(&these), self.places(&others));
        if below.len() * beside.len() > BLOCK && these.len().max(others.len()) > 1 {
            let halves = |range: &Range<usize>| {
                let middle = range.start + range.len() / 2;
                [range.start..middle, middle..range.end]
            };
            let along_rows = these.len() > 1 && (below.len() > beside.len() || others.len() == 1);
            let parts = match along_rows {
                true => halves(&these).map(|half| (half, others.clone())),
                false => halves(&others).map(|half| (these.clone(), half)),
            };
            for (these, others) in parts {
                // The matrix has what stands after the diagonal.
                if these.start < others.end - 1 {
                    self.fill(these, others, block, panel);
                }
            }
            return;
        }
        self.distances(below.clone(), beside.clone(), block);
        // The formula is chosen here, once for all distances.
        macro_rules! merge_by {
            ($($linkage:ident)*) => {
                match self.linkage {
                    $(Linkage::$linkage => self.merge(&these, &others, block, |a, b, [i, j]| {
                        Linkage::$linkage.updated(a, b, 0.0, [i, j, 0.0])
                    }),)*
                    other => unreachable!("{other:?} needs other distances"),
                }
            };
        }
        merge_by!(Single Complete Average Weighted);
        for cluster in these {
            let from = (self.starts[cluster] - below.start) * block.stride;
            for other in others.start.max(cluster + 1)..others.end {
                let distance = block.values[from + self.starts[other] - beside.start];
                *panel.at(cluster, other) = distance;
            }
        }
    }

    /// The distances of the rows at some places to those at others.
    fn distances(&self, below: Range<usize>, beside: Range<usize>, block: &mut Block) {
        let width = beside.len();
        // Not a power of two: a column must not share the same few places of the cache.
        block.stride = width.next_multiple_of(2 * WIDTH) + WIDTH / 2;
        block.values.resize(block.values.len().max(below.len() * block.stride), 0.0);
        let rows = self.order[beside].iter().map(|&row| self.rows.row(row));
        let tiles = Tiles::new(rows, self.rows.n_columns());
        block.squares.resize(width.div_ceil(WIDTH), Lanes::FAR);
        for (&row, values) in self.order[below].iter().zip(block.values.chunks_mut(block.stride)) {
            tiles.squared(self.rows.row(row), 0, &mut block.squares);
            for (values, lanes) in values[..width].chunks_mut(WIDTH).zip(&block.squares) {
                values.iter_mut().zip(&lanes.0).for_each(|(value, square)| *value = square.sqrt());
            }
        }
    }

    /// Makes the merges inside some clusters and some others, in their order.
    fn merge(
        &self,
        these: &Range<usize>,
        others: &Range<usize>,
        block: &mut Block,
        updated: impl Fn(f64, f64, [f64; 2]) -> f64,
    ) {
        let steps = |clusters: &Range<usize>, of_rows: bool| {
            let first = self.starts[clusters.start] as u32;
            let steps = self.steps[clusters.clone()].iter().flatten();
            steps.map(move |step| {
                (BlockMerge { a: step.a - first, b: step.b - first, ..*step }, of_rows)
            })
        };
        let mut all: Vec<(BlockMerge, bool)> =
            steps(these, true).chain(steps(others, false)).collect();
        all.sort_unstable_by_key(|(step, _)| step.number);
        let (height, width) = (self.places(these).len(), self.places(others).len());
        let stride = block.stride;
        for (step, of_rows) in all {
            let (a, b) = (step.a as usize, step.b as usize);
            if of_rows {
                let (before, from_b) = block.values.split_at_mut(b * stride);
                let row_a = &mut before[a * stride..][..width];
                for (to_a, &to_b) in row_a.iter_mut().zip(&from_b[..width]) {
                    *to_a = updated(*to_a, to_b, step.weights);
                }
            } else {
                for row in block.values[..height * stride].chunks_exact_mut(stride) {
                    row[a] = updated(row[a], row[b], step.weights);
                }
            }
        }
    }
}
