//! Rows in leaves of sixteen, under a tree of boxes with sixteen children each.
//!
//! The rows are halved along the widest column until sixteen are left; every half but the last is a
//! power of two of leaves, so that sixteen leaves in a row are one node, sixteen nodes one of the
//! next level, and no pointer is stored. A leaf keeps its rows as f32 offsets from its own centre,
//! in packed units (a power of two that brings the farthest value to 2⁵⁰, so that the squares of
//! distances 2⁻¹¹³ times as large still are normal numbers), and in f64 as they are, in the order of
//! the leaves. Boxes are rounded outwards.
//!
//! Source: Bentley 1975 (k-d tree); the flat layout is ours.
//! Cost: O(n·d·log n) time to build; 12·n·d bytes for the rows, 2.5·n·d for the boxes.

use super::kernel::{Line, NormKernels, gap_limit};
use super::metric::Metric;
use crate::num::check::Rows;
use crate::num::pack::{LANES, round_up};
use crate::num::parallel;

/// Half the distance between 1 and the next f32.
const U: f64 = 1.0 / (1u64 << 24) as f64;

/// Not all rows are equal.
const DIFFERENT: u32 = u32::MAX;

/// Rows below which a half is not worth another thread.
const TOGETHER: usize = 1 << 12;

/// Where packed coordinates begin and how long their unit is: the same for trees that meet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackingFrame {
    shift: Vec<f64>,
    scale: f64,
}

impl PackingFrame {
    /// A frame that holds all these rows.
    pub(crate) fn around(rows: &[&Rows<'_>]) -> Self {
        let width = rows.first().map_or(0, |rows| rows.n_columns());
        let (mut low, mut high) = (vec![f64::INFINITY; width], vec![f64::NEG_INFINITY; width]);
        for row in rows.iter().flat_map(|rows| rows.iter()) {
            widen(&mut low, &mut high, row);
        }
        let shift: Vec<f64> = low.iter().zip(&high).map(|(a, b)| a / 2.0 + b / 2.0).collect();
        let reach = low.iter().zip(&high).map(|(a, b)| b / 2.0 - a / 2.0).fold(0.0, f64::max);
        // By halving and doubling, exact where `log2` and `powi` need not be.
        let (target, mut scale) = ((1u64 << 50) as f64, 1.0);
        while reach * scale > target {
            scale *= 0.5;
        }
        while reach > 0.0 && reach * scale <= 0.5 * target && scale < 1e300 {
            scale *= 2.0;
        }
        Self { shift, scale }
    }
}

fn widen(low: &mut [f64], high: &mut [f64], row: &[f64]) {
    for ((low, high), &value) in low.iter_mut().zip(high).zip(row) {
        *low = low.min(value);
        *high = high.max(value);
    }
}

/// Rows in the order of their leaves, and the boxes around these.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(super) metric: Metric,
    pub(super) kernels: NormKernels,
    width: usize,
    scale: f64,
    /// What underflow may hide of a distance, as a norm in packed units.
    lost: f64,
    /// Which row lies at each place.
    order: Vec<u32>,
    /// The rows, by place.
    values: Vec<f64>,
    /// Per leaf and column, the offsets from the centre.
    tiles: Vec<Line>,
    /// Per leaf, the centre in units of the data.
    centres: Vec<f64>,
    /// Per leaf, the greatest offset of each column, rounded up.
    halves: Vec<f32>,
    /// Per leaf, the norm of its halves: a bound of every row's offset.
    radii: Vec<f32>,
    /// Per leaf, the greatest norm of a row's offset, rounded up: the ball around its rows.
    balls: Vec<f32>,
    /// Per leaf, the low and then the high corner in the frame, rounded outwards.
    corners: Vec<f32>,
    /// Per level, leaves first, the lowest of the rows below if they are all equal, else [`DIFFERENT`].
    copies: Vec<Vec<u32>>,
    /// Per level and node, a line of low and one of high values of the children per column; the
    /// children of level 0 are leaves.
    levels: Vec<Vec<Line>>,
}

impl Tree {
    /// A tree of prepared, scaled rows; there must be fewer than 2³².
    pub(crate) fn new(rows: &Rows<'_>, metric: Metric) -> Self {
        Self::within(rows, metric, &PackingFrame::around(&[rows]))
    }

    /// A tree in a frame that holds the rows.
    pub(crate) fn within(rows: &Rows<'_>, metric: Metric, frame: &PackingFrame) -> Self {
        let (n, width) = (rows.n_rows(), rows.n_columns());
        debug_assert!(u32::try_from(n).is_ok());
        let mut order: Vec<u32> = Vec::new();
        parallel::extend(&mut order, n, |row| row as u32);
        halve(rows, &mut order);
        let n_leaves = n.div_ceil(LANES);
        let mut tree = Self {
            metric,
            kernels: NormKernels::of(metric),
            width,
            scale: frame.scale,
            lost: 2.0 * metric.norm(metric.lost(width)) * frame.scale,
            order,
            values: vec![0.0; n * width],
            tiles: vec![Line([f32::NAN; LANES]); n_leaves * width],
            centres: vec![0.0; n_leaves * width],
            halves: vec![0.0; n_leaves * width],
            radii: vec![0.0; n_leaves],
            balls: Vec::new(),
            corners: vec![0.0; 2 * n_leaves * width],
            copies: Vec::new(),
            levels: Vec::new(),
        };
        tree.fill(rows, frame);
        tree.raise();
        tree.find_copies();
        tree
    }

    /// Fills the leaves.
    fn fill(&mut self, rows: &Rows<'_>, frame: &PackingFrame) {
        let width = self.width;
        let leaves: Vec<_> = self
            .values
            .chunks_mut(LANES * width)
            .zip(self.order.chunks(LANES))
            .zip(self.tiles.chunks_mut(width))
            .zip(self.centres.chunks_mut(width))
            .zip(self.halves.chunks_mut(width).zip(self.corners.chunks_mut(2 * width)))
            .collect();
        let work = rows.data().len();
        parallel::for_each(leaves, work, |_, leaf| {
            let ((((values, order), tile), centre), (halves, corners)) = leaf;
            for (place, &row) in values.chunks_exact_mut(width).zip(order) {
                place.copy_from_slice(rows.row(row as usize));
            }
            for j in 0..width {
                let column = || values.iter().skip(j).step_by(width);
                let low = column().copied().fold(f64::INFINITY, f64::min);
                let high = column().copied().fold(f64::NEG_INFINITY, f64::max);
                centre[j] = low / 2.0 + high / 2.0;
                for (lane, value) in tile[j].0.iter_mut().zip(column()) {
                    *lane = ((value - centre[j]) * frame.scale) as f32;
                }
                halves[j] = round_up((high - centre[j]).max(centre[j] - low) * frame.scale);
                // A cast is off by at most the step that follows.
                corners[j] = (((low - frame.shift[j]) * frame.scale) as f32).next_down();
                corners[width + j] = (((high - frame.shift[j]) * frame.scale) as f32).next_up();
            }
        });
        self.balls = parallel::map(self.n_leaves(), width * LANES, |leaf| {
            let centre = self.centre(leaf);
            let places = leaf * LANES..leaf * LANES + self.rows_of(leaf).len();
            let reduced = places.map(|place| self.metric.reduced(self.values_at(place), centre));
            let lost = self.metric.lost(self.width);
            let norm = self.metric.norm(reduced.fold(0.0, f64::max) + lost) * self.scale;
            round_up(norm * (1.0 + U)) + f32::MIN_POSITIVE
        });
        for (radius, halves) in self.radii.iter_mut().zip(self.halves.chunks(width)) {
            let halves: Vec<f64> = halves.iter().map(|&half| f64::from(half)).collect();
            let norm = self.metric.norm(self.metric.reduced(&halves, &vec![0.0; width]));
            *radius = round_up(norm * (1.0 + U));
        }
    }

    /// Builds the boxes of all levels from the leaves' corners.
    fn raise(&mut self) {
        let width = self.width;
        let mut corners = self.corners.clone();
        while corners.len() > 2 * width {
            let n_nodes = corners.len().div_ceil(2 * width * LANES);
            let empty = [Line([f32::INFINITY; LANES]), Line([f32::NEG_INFINITY; LANES])];
            let mut level = empty.repeat(n_nodes * width);
            let mut above = Vec::with_capacity(2 * n_nodes * width);
            let nodes = level.chunks_mut(2 * width).zip(corners.chunks(2 * width * LANES));
            for (node, children) in nodes {
                for (child, corners) in children.chunks_exact(2 * width).enumerate() {
                    for j in 0..width {
                        node[2 * j].0[child] = corners[j];
                        node[2 * j + 1].0[child] = corners[width + j];
                    }
                }
                let lows = node.iter().step_by(2);
                above.extend(lows.map(|line| line.0.into_iter().fold(f32::INFINITY, f32::min)));
                let highs = node.iter().skip(1).step_by(2);
                above.extend(highs.map(|l| l.0.into_iter().fold(f32::NEG_INFINITY, f32::max)));
            }
            self.levels.push(level);
            corners = above;
        }
    }

    /// Finds the leaves and nodes whose rows are all equal.
    fn find_copies(&mut self) {
        let of_leaf = |leaf: usize| {
            let first = self.values_at(leaf * LANES);
            let rows = self.rows_of(leaf);
            let alike = (1..rows.len()).all(|i| self.values_at(leaf * LANES + i) == first);
            if alike { rows[0] } else { DIFFERENT }
        };
        let mut levels = vec![parallel::map(self.n_leaves(), self.width * LANES, of_leaf)];
        for level in 0..self.levels.len() {
            let leaves_per_child = 1 << (4 * level);
            let of_node = |(node, children): (usize, &[u32])| {
                let place = |child: usize| (node * LANES + child) * leaves_per_child * LANES;
                let first = self.values_at(place(0));
                let alike = |(child, &row): (usize, &u32)| {
                    row != DIFFERENT && self.values_at(place(child)) == first
                };
                let all = children.iter().enumerate().all(alike);
                if all { children.iter().copied().min().unwrap_or(DIFFERENT) } else { DIFFERENT }
            };
            levels.push(levels[level].chunks(LANES).enumerate().map(of_node).collect());
        }
        self.copies = levels;
    }

    /// The place and number of the lowest row below a leaf, if `level` is `None`, or node whose rows
    /// are all equal. (The place of an equal row, that is.)
    #[inline]
    pub(super) fn copies(&self, level: Option<usize>, index: usize) -> Option<(usize, u32)> {
        let level = level.map_or(0, |level| level + 1);
        let row = self.copies[level][index];
        (row != DIFFERENT).then(|| ((index << (4 * level)) * LANES, row))
    }

    pub(crate) fn n_leaves(&self) -> usize {
        self.radii.len()
    }

    pub(crate) fn n_levels(&self) -> usize {
        self.levels.len()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The rows at the places of a leaf, from place 16·leaf on.
    #[inline]
    pub(crate) fn rows_of(&self, leaf: usize) -> &[u32] {
        &self.order[leaf * LANES..self.order.len().min((leaf + 1) * LANES)]
    }

    /// Which row lies at a place.
    #[inline]
    pub(crate) fn row_at(&self, place: usize) -> usize {
        self.order[place] as usize
    }

    /// The values of the row at a place.
    #[inline]
    pub(crate) fn values_at(&self, place: usize) -> &[f64] {
        &self.values[place * self.width..(place + 1) * self.width]
    }

    /// Bit i is set where place i of a leaf holds a row.
    #[inline]
    pub(crate) fn filled(&self, leaf: usize) -> u16 {
        u16::MAX >> (LANES - self.rows_of(leaf).len())
    }

    /// What is at each place put to the row that lies there.
    pub(crate) fn by_row<T: Copy + Default>(&self, by_place: &[T]) -> Vec<T> {
        let mut by_row = vec![T::default(); by_place.len()];
        for (&row, &item) in self.order.iter().zip(by_place) {
            by_row[row as usize] = item;
        }
        by_row
    }

    /// A reduced distance as reaches of the kernel: one that is passed by what is farther, one that
    /// only what is certainly nearer stays below.
    #[inline]
    pub(super) fn reaches(&self, reduced: f64) -> (f32, f32) {
        // The kernel works on scaled rows, where no square underflows; in a reduced distance some may have.
        let lost = self.metric.lost(self.width);
        let norm = |reduced: f64| self.metric.norm(reduced) * self.scale;
        let rho = (self.width as f64 + 8.0) * U;
        let least = norm((reduced - lost).max(0.0)) * (1.0 - rho);
        let least = least.min(f64::from(f32::MAX)) as f32;
        (round_up(norm(reduced + lost) * (1.0 + rho)), least.next_down().max(0.0))
    }

    /// The reach that a computed distance, as a power of the norm, stands for if δ is at most `slack`: none that is
    /// computed to be as near lies beyond.
    #[inline]
    pub(super) fn reach_of(&self, power: f32, slack: f32) -> f32 {
        let norm = self.metric.norm(f64::from(power));
        let rho = (self.width as f64 + 8.0) * U;
        round_up((norm + f64::from(slack)) * (1.0 + 4.0 * rho) + self.lost)
    }

    /// The greatest gap to a box that may hold a row at this reach.
    pub(super) fn gap_limit(&self, reach: f32) -> f32 {
        gap_limit(self.metric, reach)
    }

    /// δ of a leaf of `queries` and a leaf of this tree.
    #[inline]
    pub(super) fn slack(&self, queries: &Tree, query: usize, leaf: usize) -> f32 {
        const U32: f32 = 1.01 / (1u64 << 24) as f32;
        U32 * (2.0 * queries.radii[query] + 3.0 * self.radii[leaf]) + f32::MIN_POSITIVE
    }

    /// The gaps from a leaf of `queries` to the children of a node.
    #[inline]
    pub(super) fn gaps(&self, queries: &Tree, query: usize, level: usize, node: usize) -> Line {
        let width = self.width;
        let boxes = &self.levels[level][node * 2 * width..(node + 1) * 2 * width];
        let (low, high) = queries.corners[query * 2 * width..][..2 * width].split_at(width);
        (self.kernels.gaps)(boxes, low, high)
    }

    #[inline]
    pub(super) fn tile(&self, leaf: usize) -> &[Line] {
        &self.tiles[leaf * self.width..(leaf + 1) * self.width]
    }

    #[inline]
    pub(super) fn centre(&self, leaf: usize) -> &[f64] {
        &self.centres[leaf * self.width..(leaf + 1) * self.width]
    }

    #[inline]
    pub(super) fn half(&self, leaf: usize) -> &[f32] {
        &self.halves[leaf * self.width..(leaf + 1) * self.width]
    }

    #[inline]
    pub(super) fn ball(&self, leaf: usize) -> f32 {
        self.balls[leaf]
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }
}

/// Orders rows so that every leaf's lie together: halved along the widest column, ties by row.
fn halve(rows: &Rows<'_>, order: &mut [u32]) {
    let n_leaves = order.len().div_ceil(LANES);
    if n_leaves < 2 {
        order.sort_unstable();
        return;
    }
    let width = rows.n_columns();
    let (mut low, mut high) = (vec![f64::INFINITY; width], vec![f64::NEG_INFINITY; width]);
    for &row in &*order {
        widen(&mut low, &mut high, rows.row(row as usize));
    }
    let mut widest = (0, -1.0);
    for (j, (low, high)) in low.iter().zip(&high).enumerate() {
        // Halves, so that the extent stays finite whatever the door lets in.
        let extent = high / 2.0 - low / 2.0;
        if extent > widest.1 {
            widest = (j, extent);
        }
    }
    let mut keyed: Vec<(f64, u32)> =
        order.iter().map(|&row| (rows.row(row as usize)[widest.0], row)).collect();
    // The left half is the greatest power of two of leaves that leaves some.
    let left = (1 << (n_leaves - 1).ilog2()) * LANES;
    keyed.select_nth_unstable_by(left, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (row, (_, keyed)) in order.iter_mut().zip(&keyed) {
        *row = *keyed;
    }
    drop(keyed);
    let together = order.len() < TOGETHER;
    let (left, right) = order.split_at_mut(left);
    if together {
        halve(rows, left);
        halve(rows, right);
    } else {
        parallel::join(|| halve(rows, left), || halve(rows, right));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    #[test]
    fn every_row_has_one_place_and_lies_in_the_boxes_above_it() {
        let mut stream = Stream::new(3, 0);
        for n in [1, 16, 17, 255, 257, 5000] {
            let x = Array2::from_shape_fn((n, 3), |(_, j)| {
                1e6 + stream.normal() * 10f64.powi(j as i32)
            });
            let rows = check::rows(x.view()).unwrap();
            let tree = Tree::new(&rows, Metric::Euclidean);
            let mut places: Vec<u32> = tree.order.clone();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..n as u32));
            assert_eq!(tree.by_row(&tree.order), (0..n as u32).collect::<Vec<_>>());
            for leaf in 0..tree.n_leaves() {
                for level in 0..tree.n_levels() {
                    let (node, child) = (leaf >> (4 * (level + 1)), leaf >> (4 * level) & 15);
                    assert_eq!(tree.gaps(&tree, leaf, level, node).0[child], 0.0);
                }
                for (lane, &row) in tree.rows_of(leaf).iter().enumerate() {
                    assert_eq!(tree.values_at(leaf * LANES + lane), rows.row(row as usize));
                }
            }
        }
    }

    #[test]
    fn the_order_does_not_depend_on_threads() {
        let mut stream = Stream::new(5, 0);
        let x = Array2::from_shape_simple_fn((30_000, 2), || (stream.unit() * 50.0).floor());
        let order = |n| {
            let rows = check::rows(x.view()).unwrap();
            parallel::with_threads(n, || Tree::new(&rows, Metric::Euclidean).order)
        };
        assert_eq!(order(1), order(3));
    }
}
