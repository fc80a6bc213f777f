//! The first merges, on near pairs only.
//!
//! With complete, average or weighted linkage no cluster comes nearer when others merge, so merges
//! below a limit concern pairs of clusters below that limit alone. Every cluster keeps a list of
//! those; where a merge needs a distance that no list has, it is put together from the rows. The limit
//! is such that a row has some hundred others below it, which suffices to merge most rows away.
//! What is left then has a matrix a tenth as large (`blocks.rs`), or less.
//!
//! Merges, their order and every bit of their distances are those of the primitive algorithm
//! (`primitive.rs`): a distance of two clusters is put together in the order in which their parts were
//! merged. Near pairs are found by comparing all rows.
//!
//! Cost: O(n²·d) operations of the fastest kind, O(100·n) memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::linkage::{Linkage, RowMerge};
use crate::num::argmin::Least;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::parallel;
use crate::num::tiles::{Lanes, Tiles, WIDTH};

/// The other rows that a row has below the limit, on average.
const NEAR: usize = 128;

/// Rows that are compared with all others to find the limit.
const SAMPLE: usize = 64;

/// Rows of the largest cluster: beyond, distances put together from rows cost too much.
const MAX_ROWS: u32 = 1024;

/// No cluster: the nearest one is to be looked for.
const UNKNOWN: u32 = u32::MAX;

/// What was merged so far, and what is left.
///
/// A node is a row, or `n + i` for the cluster that merge `i` made.
#[derive(Debug)]
pub(super) struct Merged {
    /// (smallest row of the one, smallest row of the other, distance), in the order they are made.
    pub(super) merges: Vec<RowMerge>,
    /// The nodes that merge `i` joined.
    parts: Vec<[u32; 2]>,
    /// The weight of every node.
    weights: Vec<f64>,
}

impl Merged {
    /// Nothing merged yet.
    pub(super) fn new(weights: &[f64]) -> Self {
        Self { merges: Vec::new(), parts: Vec::new(), weights: weights.to_vec() }
    }

    fn n_rows(&self) -> usize {
        self.weights.len() - self.parts.len()
    }

    /// The weights of the two clusters that merge `i` joined.
    pub(super) fn weights_of(&self, i: usize) -> [f64; 2] {
        self.parts[i].map(|node| self.weights[node as usize])
    }

    /// The smallest row and the weight of every cluster that is left, ascending.
    pub(super) fn left(&self) -> Vec<(u32, f64)> {
        let mut weights: Vec<f64> = self.weights[..self.n_rows()].to_vec();
        for &(a, b, _) in &self.merges {
            weights[a] += weights[b];
            weights[b] = 0.0;
        }
        let clusters = weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        clusters.map(|(row, &weight)| (row as u32, weight)).collect()
    }

    /// The distance of two nodes, put together from those of rows.
    fn between(&self, linkage: Linkage, rows: &Rows<'_>, a: u32, b: u32) -> f64 {
        let n_rows = self.n_rows() as u32;
        // The node with the greater number was made later; its merge was the last to change the distance.
        let (late, early) = (a.max(b), a.min(b));
        if late < n_rows {
            return squared(rows.row(a as usize), rows.row(b as usize)).sqrt();
        }
        let [low, high] = self.parts[(late - n_rows) as usize];
        let to_low = self.between(linkage, rows, low, early);
        let to_high = self.between(linkage, rows, high, early);
        let [i, j, k] = [low, high, early].map(|node| self.weights[node as usize]);
        linkage.updated(to_low, to_high, 0.0, [i, j, k])
    }
}

/// Makes the merges below a limit that suits the rows.
pub(super) fn merge(linkage: Linkage, rows: &Rows<'_>, weights: &[f64]) -> Merged {
    let tiles = Tiles::new(rows.iter(), rows.n_columns());
    let limit = limit(rows, &tiles);
    merge_below(limit, linkage, rows, &tiles, weights)
}

/// A distance that about [`NEAR`] others of a row are below.
fn limit(rows: &Rows<'_>, tiles: &Tiles) -> f64 {
    let n = rows.n_rows();
    let step = n.div_ceil(SAMPLE);
    let of_one = |i: usize| {
        let mut squares = vec![Lanes::FAR; n.div_ceil(WIDTH)];
        tiles.squared(rows.row(i * step), 0, &mut squares);
        squares.into_iter().flat_map(|lanes| lanes.0).take(n).collect::<Vec<f64>>()
    };
    let n_sampled = n.div_ceil(step);
    let mut squares = parallel::map(n_sampled, n * rows.n_columns(), of_one).concat();
    let at = (NEAR * n_sampled).min(squares.len() - 1);
    let (_, limit, _) = squares.select_nth_unstable_by(at, f64::total_cmp);
    limit.sqrt()
}

/// Makes the merges below a limit; none if too many pairs are.
fn merge_below(
    limit: f64,
    linkage: Linkage,
    rows: &Rows<'_>,
    tiles: &Tiles,
    weights: &[f64],
) -> Merged {
    let merged = Merged::new(weights);
    match near_pairs(limit, rows, tiles) {
        None => merged,
        Some(pairs) => {
            let mut clusters = SparseClusters::new(limit, linkage, rows, merged, &pairs);
            while clusters.merge_nearest() {}
            clusters.merged
        }
    }
}

/// The rows after each whose distance to it is below the limit; none if they are too many.
fn near_pairs(limit: f64, rows: &Rows<'_>, tiles: &Tiles) -> Option<Vec<Vec<(u32, f64)>>> {
    let n = rows.n_rows();
    let (n_found, most) = (AtomicUsize::new(0), n.saturating_mul(2 * NEAR));
    // No square beyond has a root below the limit, however roots and products are rounded.
    let reach = limit * limit * (1.0 + 1e-12);
    let pairs = parallel::map(n, n / 2 * rows.n_columns(), |row| {
        let mut near = Vec::new();
        // All threads stop once there are too many; whether there are does not depend on them.
        if n_found.load(Ordering::Relaxed) > most {
            return near;
        }
        let mut squares = [Lanes::FAR; 8];
        let last = n.div_ceil(WIDTH);
        for first in (row / WIDTH..last).step_by(squares.len()) {
            let squares = &mut squares[..8.min(last - first)];
            tiles.squared(rows.row(row), first, squares);
            for (tile, lanes) in squares.iter().enumerate() {
                if !lanes.0.iter().fold(false, |any, &square| any | (square <= reach)) {
                    continue;
                }
                for (lane, square) in lanes.0.iter().enumerate() {
                    let (other, distance) = ((first + tile) * WIDTH + lane, square.sqrt());
                    if other > row && distance < limit {
                        near.push((other as u32, distance));
                    }
                }
            }
        }
        n_found.fetch_add(near.len(), Ordering::Relaxed);
        near
    });
    (n_found.into_inner() <= most).then_some(pairs)
}

/// The clusters whose distance to one is below the limit.
#[derive(Debug, Clone, Default)]
struct NearClusters {
    clusters: Vec<u32>,
    distances: Vec<f64>,
}

impl NearClusters {
    fn push(&mut self, cluster: u32, distance: f64) {
        self.clusters.push(cluster);
        self.distances.push(distance);
    }

    fn iter(&self) -> impl Iterator<Item = (u32, f64)> {
        self.clusters.iter().copied().zip(self.distances.iter().copied())
    }

    fn remove(&mut self, at: Option<usize>) {
        if let Some(at) = at {
            self.clusters.swap_remove(at);
            self.distances.swap_remove(at);
        }
    }

    /// Puts `a`, at a distance or not near, in the place of `a` and `b`.
    fn replace(&mut self, a: u32, b: u32, distance: Option<f64>) {
        self.remove(self.clusters.iter().position(|&cluster| cluster == b));
        let at = self.clusters.iter().position(|&cluster| cluster == a);
        match (at, distance) {
            (Some(at), Some(distance)) => self.distances[at] = distance,
            (None, Some(distance)) => self.push(a, distance),
            (at, None) => self.remove(at),
        }
    }

    /// The nearest cluster after one, the first of equal ones, and its distance.
    fn nearest_after(&self, cluster: u32) -> (u32, f64) {
        let after = self.iter().filter(|near| near.0 > cluster);
        after.fold((UNKNOWN, f64::INFINITY), |best, near| {
            let nearer = near.1 < best.1 || near.1 == best.1 && near.0 < best.0;
            if nearer { near } else { best }
        })
    }
}

/// Clusters go by their smallest rows.
struct SparseClusters<'a> {
    limit: f64,
    linkage: Linkage,
    rows: &'a Rows<'a>,
    merged: Merged,
    /// The node of each cluster, and its rows.
    nodes: Vec<u32>,
    n_rows: Vec<u32>,
    near: Vec<NearClusters>,
    /// The least distance to a later cluster, or a lower bound of it where `nearest` is unknown.
    least: Least,
    /// The first cluster at that distance.
    nearest: Vec<u32>,
    /// For each cluster, its distance to the one that is being merged; infinite if not near.
    to_a: Vec<f64>,
}

impl<'a> SparseClusters<'a> {
    fn new(
        limit: f64,
        linkage: Linkage,
        rows: &'a Rows<'a>,
        merged: Merged,
        pairs: &[Vec<(u32, f64)>],
    ) -> Self {
        let n = rows.n_rows();
        let mut near = vec![NearClusters::default(); n];
        for (row, pairs) in pairs.iter().enumerate() {
            for &(other, distance) in pairs {
                near[row].push(other, distance);
                near[other as usize].push(row as u32, distance);
            }
        }
        let found: Vec<(u32, f64)> =
            near.iter().zip(0..).map(|(near, row)| near.nearest_after(row)).collect();
        Self {
            limit,
            linkage,
            rows,
            merged,
            nodes: (0..n as u32).collect(),
            n_rows: vec![1; n],
            near,
            nearest: found.iter().map(|found| found.0).collect(),
            least: Least::new(found.into_iter().map(|found| found.1).collect()),
            to_a: vec![f64::INFINITY; n],
        }
    }

    /// Merges the two nearest clusters; false if none are below the limit or they are too large.
    fn merge_nearest(&mut self) -> bool {
        loop {
            let Some((a, distance)) = self.least.first() else {
                return false;
            };
            let b = self.nearest[a];
            if b == UNKNOWN {
                self.set_nearest(a);
                continue;
            }
            let n_rows = self.n_rows[a] + self.n_rows[b as usize];
            if n_rows > MAX_ROWS {
                return false;
            }
            self.merge(a as u32, b);
            self.n_rows[a] = n_rows;
            let parts = [self.nodes[a], self.nodes[b as usize]];
            let merged = &mut self.merged;
            let weight = parts.iter().map(|&node| merged.weights[node as usize]).sum();
            self.nodes[a] = merged.weights.len() as u32;
            merged.weights.push(weight);
            merged.parts.push(parts);
            merged.merges.push((a, b as usize, distance));
            return true;
        }
    }

    fn set_nearest(&mut self, cluster: usize) {
        let (nearest, least) = self.near[cluster].nearest_after(cluster as u32);
        self.nearest[cluster] = nearest;
        self.least.set(cluster, least);
    }

    /// Updates the lists for the merge of two clusters, `a < b`.
    fn merge(&mut self, a: u32, b: u32) {
        let near_a = std::mem::take(&mut self.near[a as usize]);
        let near_b = std::mem::take(&mut self.near[b as usize]);
        for (other, distance) in near_a.iter() {
            self.to_a[other as usize] = distance;
        }
        self.to_a[b as usize] = f64::INFINITY;
        for (other, to_b) in near_b.iter().filter(|near| near.0 != a) {
            let to_a = std::mem::replace(&mut self.to_a[other as usize], f64::INFINITY);
            self.update([a, b, other], [to_a, to_b]);
        }
        for other in near_a.clusters {
            let to_a = std::mem::replace(&mut self.to_a[other as usize], f64::INFINITY);
            if to_a < f64::INFINITY {
                self.update([a, b, other], [to_a, f64::INFINITY]);
            }
        }
        self.least.set(b as usize, f64::INFINITY);
        self.set_nearest(a as usize);
    }

    /// Updates the distance of another cluster, from those to `a` and `b`: infinite if not near.
    fn update(&mut self, [a, b, other]: [u32; 3], [to_a, to_b]: [f64; 2]) {
        let distance = self.updated([a, b, other], [to_a, to_b]).filter(|d| *d < self.limit);
        if let Some(distance) = distance {
            self.near[a as usize].push(other, distance);
        }
        self.near[other as usize].replace(a, b, distance);
        let nearest = &mut self.nearest[other as usize];
        if other < a && distance == Some(self.least.values()[other as usize]) {
            // Where b was the nearest, no cluster before it is as near.
            *nearest = if *nearest == UNKNOWN { UNKNOWN } else { (*nearest).min(a) };
        } else if *nearest == a || *nearest == b {
            *nearest = UNKNOWN;
        }
    }

    /// The new distance, if it can be below the limit.
    fn updated(&self, clusters: [u32; 3], [to_a, to_b]: [f64; 2]) -> Option<f64> {
        if self.linkage == Linkage::Complete && to_a.max(to_b) == f64::INFINITY {
            return None;
        }
        let nodes = clusters.map(|cluster| self.nodes[cluster as usize]);
        let known = |distance: f64, node: u32| match distance < f64::INFINITY {
            true => distance,
            false => self.merged.between(self.linkage, self.rows, node, nodes[2]),
        };
        let weights = nodes.map(|node| self.merged.weights[node as usize]);
        Some(self.linkage.updated(known(to_a, nodes[0]), known(to_b, nodes[1]), 0.0, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{blocks, generic, primitive};
    use super::*;
    use crate::num::rng::Stream;
    use crate::num::{check, parallel};
    use ndarray::Array2;

    #[test]
    fn whatever_the_limit_the_merges_are_those_of_the_primitive_algorithm_to_the_bit() {
        for case in 0..600 {
            let mut stream = Stream::new(11, case);
            let shape = (1 + stream.below(60), 1 + stream.below(3));
            let x = Array2::from_shape_simple_fn(shape, || match case % 2 {
                0 => stream.below(6) as f64,
                _ => stream.normal(),
            });
            let n = x.nrows();
            let rows = check::rows(x.view()).unwrap();
            let tiles = Tiles::new(rows.iter(), rows.n_columns());
            let weights: Vec<f64> = match case % 3 {
                0 => (0..n).map(|_| 0.3 + stream.below(4) as f64).collect(),
                _ => vec![1.0; n],
            };
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            let distances: Vec<f64> =
                pairs.map(|(i, j)| squared(rows.row(i), rows.row(j)).sqrt()).collect();
            let limit = [0.0, 0.4, 1.0, 2.0, 9.0][case as usize % 5];
            for linkage in [Linkage::Complete, Linkage::Average, Linkage::Weighted] {
                let expected = primitive::on_matrix(linkage, &weights, &distances);
                let merged = merge_below(limit, linkage, &rows, &tiles, &weights);
                let below = expected.iter().filter(|merge| merge.2 < limit).count();
                assert_eq!(merged.merges.len(), below, "{linkage:?}, case {case}");
                let matrix = blocks::of_clusters(&rows, &merged, linkage).unwrap();
                let left = merged.left();
                let found = [merged.merges, generic::merges(linkage, &left, matrix)].concat();
                assert_eq!(found, expected, "{linkage:?}, case {case}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_makes_the_same_merges() {
        let mut stream = Stream::new(12, 0);
        let x = Array2::from_shape_simple_fn((1500, 3), || stream.normal());
        let rows = check::rows(x.view()).unwrap();
        let weights = vec![1.0; 1500];
        let merges = || merge(Linkage::Average, &rows, &weights).merges;
        let one = parallel::with_threads(1, merges);
        assert!(one.len() > 1000, "{}", one.len());
        assert_eq!(one, parallel::with_threads(3, merges));
    }

    #[test]
    fn too_many_near_pairs_or_too_large_clusters_leave_the_rest_to_the_matrix() {
        let n = 3 * MAX_ROWS as usize / 2;
        let x = Array2::from_elem((n, 1), 1.0);
        let rows = check::rows(x.view()).unwrap();
        let tiles = Tiles::new(rows.iter(), 1);
        let weights = vec![1.0; n];
        assert!(merge_below(1.0, Linkage::Average, &rows, &tiles, &weights).merges.is_empty());
        let mut pairs = vec![Vec::new(); n];
        pairs[0] = (1..n as u32).map(|other| (other, 0.0)).collect();
        let merged = Merged::new(&weights);
        let mut clusters = SparseClusters::new(1.0, Linkage::Average, &rows, merged, &pairs);
        while clusters.merge_nearest() {}
        assert_eq!(clusters.merged.merges.len(), MAX_ROWS as usize - 1);
    }
}
