//! Ward's linkage in linear memory: clusters are means with weights, merged in rounds.
//!
//! In every round each pair of clusters that are each other's nearest is merged. No merge brings two
//! clusters nearer than the parts were (the linkage is reducible), so such a pair stays the nearest
//! whatever else is merged, and the tree is that of always merging the nearest pair of all
//! (`primitive.rs`). Only clusters that are new, or whose nearest one was merged, look again, in
//! parallel, in a tree of boxes (`num/boxes.rs`) that is rebuilt when it has lost a third of its
//! points. At the end the merges are put in the order in which the primitive algorithm makes them.
//!
//! The distance of two clusters is a function of them alone, 2·|A|·|B| / (|A| + |B|) times the square
//! between their means, or the height of either if rounding made that greater. Ties as in
//! `generic.rs`.
//!
//! Source: Ward 1963; Murtagh 1983 (reciprocal neighbours); Yu et al. 2021 (ParChain: rounds).
//! Cost: O(n·d) memory. Two to three searches per row; each meets a few hundred clusters in few
//! columns, all of them in many. Data made of one long chain take n rounds of O(n).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::linkage::{RowMerge, ward};
use crate::num::boxes::{Boxes, Points};
use crate::num::check::Rows;
use crate::num::parallel;

/// Rebuild when fewer than two thirds of the points are left.
const KEPT: (usize, usize) = (2, 3);

/// No cluster.
const NONE: u32 = u32::MAX;

/// A merge of the clusters whose smallest rows are `a < b`, and their squared distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Join {
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) squared: f64,
}

impl Join {
    /// The total order of pairs.
    fn before(&self, other: &Self) -> bool {
        (self.squared, self.a, self.b) < (other.squared, other.a, other.b)
    }
}

/// Merges (smallest row of the one, smallest row of the other, squared distance), in the order they
/// are made.
pub(super) fn merges(rows: &Rows<'_>, weights: &[f64]) -> Vec<RowMerge> {
    in_order(unordered(rows, weights), rows.n_rows())
}

/// The merges, parts before the whole.
pub(super) fn unordered(rows: &Rows<'_>, weights: &[f64]) -> Vec<Join> {
    debug_assert!(u32::try_from(rows.n_rows()).is_ok_and(|n| n < NONE));
    let mut merges = Vec::with_capacity(rows.n_rows() - 1);
    let mut sizes = weights.to_vec();
    let left = merge_equal(rows, &mut sizes, &mut merges);
    let mut clusters = WardClusters::new(rows, sizes, left);
    while clusters.left.len() > 1 {
        clusters.look();
        clusters.merge_pairs(&mut merges);
    }
    merges
}

/// Merges equal rows, each into the first of its kind, as the primitive algorithm does before all
/// else. Rounds would do so one by one, as every copy sees only the first row. Returns the rows that
/// are left, ascending.
fn merge_equal(rows: &Rows<'_>, sizes: &mut [f64], merges: &mut Vec<Join>) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows.n_rows() as u32).collect();
    let compare = |a: u32, b: u32| {
        let (a, b) = (rows.row(a as usize), rows.row(b as usize));
        a.partial_cmp(b).expect("the rows are finite")
    };
    parallel::sort_by(&mut order, |&a, &b| compare(a, b).then(a.cmp(&b)));
    let mut left = Vec::new();
    for equal in order.chunk_by(|&a, &b| compare(a, b).is_eq()) {
        left.push(equal[0]);
        for &b in &equal[1..] {
            merges.push(Join { a: equal[0], b, squared: 0.0 });
            sizes[equal[0] as usize] += sizes[b as usize];
        }
    }
    left.sort_unstable();
    left
}

/// The mean of two clusters; exact where both are equal.
#[inline]
pub(super) fn mean(a: &mut [f64], b: &[f64], weights: [f64; 2]) {
    let share = weights[1] / (weights[0] + weights[1]);
    a.iter_mut().zip(b).for_each(|(a, b)| *a += (b - *a) * share);
}

/// Clusters by their smallest rows.
struct WardClusters {
    n_columns: usize,
    means: Vec<f64>,
    sizes: Vec<f64>,
    /// The squared height of the merge that made the cluster; 0 for rows.
    heights: Vec<f64>,
    /// The nearest cluster and how far it is; unknown where `b` is [`NONE`].
    nearest: Vec<Join>,
    /// The round in which the cluster was last merged.
    merged_in: Vec<u32>,
    round: u32,
    /// The clusters that are left, ascending.
    left: Vec<u32>,
    boxes: Boxes,
    n_boxed: usize,
    slots: Vec<u32>,
}

impl WardClusters {
    fn new(rows: &Rows<'_>, sizes: Vec<f64>, left: Vec<u32>) -> Self {
        let (n, n_columns, n_boxed) = (rows.n_rows(), rows.n_columns(), left.len());
        let means = rows.data().to_vec();
        let mut slots = vec![0; n];
        let points = Points { values: &means, weights: &sizes, n_columns };
        Self {
            n_columns,
            boxes: Boxes::new(points, left.clone(), &mut slots),
            means,
            sizes,
            heights: vec![0.0; n],
            nearest: vec![Join { a: NONE, b: NONE, squared: f64::INFINITY }; n],
            merged_in: vec![0; n],
            round: 1,
            left,
            n_boxed,
            slots,
        }
    }

    fn points(&self) -> Points<'_> {
        Points { values: &self.means, weights: &self.sizes, n_columns: self.n_columns }
    }

    /// Finds the nearest cluster of all that do not know it.
    fn look(&mut self) {
        if KEPT.1 * self.left.len() < KEPT.0 * self.n_boxed {
            let mut slots = std::mem::take(&mut self.slots);
            self.boxes = Boxes::new(self.points(), self.left.clone(), &mut slots);
            (self.slots, self.n_boxed) = (slots, self.left.len());
        }
        let unknown = |&&cluster: &&u32| self.nearest[cluster as usize].b == NONE;
        let mut looking: Vec<u32> = self.left.iter().filter(unknown).copied().collect();
        // Neighbours in the tree one after the other: they meet the same boxes.
        looking.sort_unstable_by_key(|&cluster| self.slots[cluster as usize]);
        let found = parallel::map(looking.len(), 300 * self.n_columns, |i| self.search(looking[i]));
        for (&cluster, found) in looking.iter().zip(&found) {
            self.nearest[cluster as usize] = *found;
        }
        // Rounding can bring a new cluster nearer than its parts were; then the other must know, or
        // no pair might be left whose clusters are each other's nearest.
        for (&cluster, found) in looking.iter().zip(&found) {
            let other = if found.a == cluster { found.b } else { found.a };
            if found.before(&self.nearest[other as usize]) {
                self.nearest[other as usize] = *found;
            }
        }
    }

    fn search(&self, cluster: u32) -> Join {
        let (points, height) = (self.points(), self.heights[cluster as usize]);
        let size = self.sizes[cluster as usize];
        let mut best = Join { a: NONE, b: NONE, squared: f64::INFINITY };
        self.boxes.search(points.point(cluster as usize), size, |other, squared| {
            if other != cluster {
                let distance = ward([size, self.sizes[other as usize]], squared);
                let squared = distance.max(height).max(self.heights[other as usize]);
                let merge = Join { a: cluster.min(other), b: cluster.max(other), squared };
                if merge.before(&best) {
                    best = merge;
                }
            }
            best.squared
        });
        best
    }

    /// Merges all pairs of clusters that are each other's nearest.
    fn merge_pairs(&mut self, merges: &mut Vec<Join>) {
        let first = merges.len();
        merges.extend(self.left.iter().filter_map(|&cluster| {
            let merge = self.nearest[cluster as usize];
            (merge.a == cluster && self.nearest[merge.b as usize] == merge).then_some(merge)
        }));
        debug_assert!(merges.len() > first);
        for merge in &merges[first..] {
            let (a, b) = (merge.a as usize, merge.b as usize);
            let (before, after) = self.means.split_at_mut(b * self.n_columns);
            let to = &mut before[a * self.n_columns..][..self.n_columns];
            mean(to, &after[..self.n_columns], [self.sizes[a], self.sizes[b]]);
            self.sizes[a] += self.sizes[b];
            self.heights[a] = merge.squared;
            self.boxes.set(self.slots[a] as usize, to, self.sizes[a]);
            self.boxes.clear(self.slots[b] as usize);
            // What is gone has no size.
            self.sizes[b] = 0.0;
            self.nearest[a].b = NONE;
            self.merged_in[a] = self.round;
            self.merged_in[b] = self.round;
        }
        self.left.retain(|&cluster| self.sizes[cluster as usize] > 0.0);
        // Clusters whose nearest one was merged look again.
        for &cluster in &self.left {
            let merge = self.nearest[cluster as usize];
            let other = if merge.a == cluster { merge.b } else { merge.a };
            if merge.b != NONE && self.merged_in[other as usize] == self.round {
                self.nearest[cluster as usize].b = NONE;
            }
        }
        self.round += 1;
    }
}

/// Orders merges as the primitive algorithm makes them: the least first of those whose two clusters
/// are there.
pub(super) fn in_order(merges: Vec<Join>, n_rows: usize) -> Vec<RowMerge> {
    // Merge i needs at most two others; what it makes goes on under its smaller row.
    let mut last = vec![NONE; n_rows];
    let mut needs = vec![0u8; merges.len()];
    let mut next = vec![NONE; merges.len()];
    for (i, merge) in merges.iter().enumerate() {
        for row in [merge.a, merge.b] {
            let made_by = std::mem::replace(&mut last[row as usize], i as u32);
            if made_by != NONE {
                next[made_by as usize] = i as u32;
                needs[i] += 1;
            }
        }
    }
    // Squares of 0 or more are ordered as their bits are.
    let key = |i: usize| {
        let Join { a, b, squared } = merges[i];
        Reverse((squared.to_bits(), a, b, i))
    };
    let mut ready: BinaryHeap<_> = (0..merges.len()).filter(|&i| needs[i] == 0).map(key).collect();
    let mut ordered = Vec::with_capacity(merges.len());
    while let Some(Reverse((_, a, b, i))) = ready.pop() {
        ordered.push((a as usize, b as usize, merges[i].squared));
        if let Some(needs) = needs.get_mut(next[i] as usize) {
            *needs -= 1;
            if *needs == 0 {
                ready.push(key(next[i] as usize));
            }
        }
    }
    ordered
}
