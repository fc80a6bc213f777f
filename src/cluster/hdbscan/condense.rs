//! The condensed tree: what is left of a hierarchy when groups below a least size are points that
//! fall out of a cluster, not clusters of their own.
//!
//! Density is λ = 1 / distance. From the top down, a split into two groups of `min_cluster_size` or
//! more rows is the death of a cluster and the birth of two; from any other split the cluster goes on
//! with the larger part, if that is large enough, and the rest falls out.
//!
//! Source: Campello, Moulavi, Sander 2013; McInnes, Healy, Astels 2017. A distance of 0 counts as the
//! smallest distance above 0, so that every λ is finite.
//! Cost: O(n) after the edges are sorted.

use crate::num::neighbors::SpanningEdge;
use crate::num::union_find::UnionFind;

/// The binary tree of the merges, children before parents: rows are 0..n, merges n..2n − 1.
struct MergeTree {
    n: usize,
    /// Per merge, its two parts.
    parts: Vec<[u32; 2]>,
    /// Per merge, the rows in it.
    sizes: Vec<u32>,
}

impl MergeTree {
    /// Merges by ascending edges.
    fn new(n: usize, edges: &[SpanningEdge]) -> Self {
        let sets = UnionFind::new(n);
        // The node that holds a set, by its root.
        let mut node: Vec<u32> = (0..n as u32).collect();
        let mut merges = Self { n, parts: Vec::new(), sizes: Vec::new() };
        for edge in edges {
            let (a, b) = (sets.find(edge.low as usize), sets.find(edge.high as usize));
            let parts = [node[a.min(b)], node[a.max(b)]];
            sets.union(a, b);
            node[a.min(b)] = (n + merges.parts.len()) as u32;
            let size = parts.map(|part| merges.size(part)).iter().sum();
            merges.parts.push(parts);
            merges.sizes.push(size);
        }
        merges
    }

    fn size(&self, node: u32) -> u32 {
        (node as usize).checked_sub(self.n).map_or(1, |merge| self.sizes[merge])
    }
}

/// The clusters of the condensed tree, parents before children; the first holds all rows.
#[derive(Debug)]
pub(super) struct Condensed {
    pub(super) clusters: Vec<Cluster>,
    /// Per row, the cluster that it falls out of and the density at which it does.
    pub(super) rows: Vec<Fall>,
}

#[derive(Debug, Clone)]
pub(super) struct Cluster {
    /// Itself for the first.
    pub(super) parent: usize,
    pub(super) is_leaf: bool,
    /// λ at which it parts from its parent; 0 for the first.
    pub(super) birth: f64,
    /// The greatest λ at which a row falls out of it or it splits.
    pub(super) death: f64,
    /// Σ over its rows of λ at leaving it − birth.
    pub(super) stability: f64,
    pub(super) size: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fall {
    pub(super) cluster: usize,
    pub(super) lambda: f64,
}

/// λ is not greater than this, so that sums stay finite.
const DENSEST: f64 = 1e290;

impl Condensed {
    /// Condenses the tree of ascending edges between `n` rows whose lengths `distance` tells.
    pub(super) fn new(
        n: usize,
        edges: &[SpanningEdge],
        min_cluster_size: usize,
        distance: impl Fn(f64) -> f64,
    ) -> Self {
        let distances: Vec<f64> = edges.iter().map(|edge| distance(edge.weight)).collect();
        let least = distances.iter().copied().find(|&distance| distance > 0.0).unwrap_or(1.0);
        let lambda = |merge: usize| (1.0 / distances[merge].max(least)).min(DENSEST);
        let merges = MergeTree::new(n, edges);
        let new = |parent, birth, size: u32| Cluster {
            parent,
            is_leaf: true,
            birth,
            death: birth,
            stability: 0.0,
            size: size as usize,
        };
        let mut clusters = vec![new(0, 0.0, n as u32)];
        // Per node the cluster it is in, and the density at which it fell out of it, if it has.
        let mut state = vec![(0usize, None::<f64>); n + merges.parts.len()];
        for (merge, parts) in merges.parts.iter().enumerate().rev() {
            let (cluster, fallen) = state[n + merge];
            if fallen.is_some() {
                parts.iter().for_each(|&part| state[part as usize] = (cluster, fallen));
                continue;
            }
            let lambda = lambda(merge);
            let is_large = |part: u32| merges.size(part) as usize >= min_cluster_size;
            let splits = parts.iter().all(|&part| is_large(part));
            clusters[cluster].death = clusters[cluster].death.max(lambda);
            for &part in parts {
                if is_large(part) && !splits {
                    state[part as usize] = (cluster, None);
                    continue;
                }
                let of = &mut clusters[cluster];
                of.stability += (lambda - of.birth) * f64::from(merges.size(part));
                state[part as usize] = (cluster, Some(lambda));
                if splits {
                    of.is_leaf = false;
                    state[part as usize] = (clusters.len(), None);
                    clusters.push(new(cluster, lambda, merges.size(part)));
                }
            }
        }
        let fall = |&(cluster, lambda): &(usize, Option<f64>)| {
            let lambda = lambda.unwrap_or(0.0);
            Fall { cluster, lambda }
        };
        Self { rows: state[..n].iter().map(fall).collect(), clusters }
    }

    /// The clusters of greatest excess of mass: none holds another, and together they are the most
    /// stable. The first, which holds all rows, is none of them.
    pub(super) fn most_stable(&self) -> Vec<bool> {
        let mut selected = vec![false; self.clusters.len()];
        let mut below = vec![0.0; self.clusters.len()];
        for (at, cluster) in self.clusters.iter().enumerate().skip(1).rev() {
            selected[at] = cluster.is_leaf || cluster.stability >= below[at];
            below[cluster.parent] += cluster.stability.max(below[at]);
        }
        self.keep_topmost(&mut selected);
        selected
    }

    /// The clusters that do not split.
    pub(super) fn leaves(&self) -> Vec<bool> {
        let leaf = |(at, cluster): (usize, &Cluster)| at > 0 && cluster.is_leaf;
        self.clusters.iter().enumerate().map(leaf).collect()
    }

    /// Replaces every selected cluster that is born at a distance below `epsilon` by its nearest
    /// ancestor that is not, or the topmost below the first.
    pub(super) fn merge_below(&self, selected: &mut Vec<bool>, epsilon: f64) {
        let is_near = |at: usize| self.clusters[at].birth * epsilon > 1.0;
        let mut merged = vec![false; selected.len()];
        // Parents come before their parts, so that each cluster needs one look.
        let mut to: Vec<usize> = (0..selected.len()).collect();
        for at in 1..selected.len() {
            let parent = self.clusters[at].parent;
            if is_near(at) && parent != 0 {
                to[at] = to[parent];
            }
            merged[to[at]] |= selected[at];
        }
        self.keep_topmost(&mut merged);
        *selected = merged;
    }

    /// Deselects what lies below a selected cluster.
    fn keep_topmost(&self, selected: &mut [bool]) {
        let mut covered = vec![false; selected.len()];
        for (at, cluster) in self.clusters.iter().enumerate().skip(1) {
            covered[at] = covered[cluster.parent] || selected[cluster.parent];
            selected[at] &= !covered[at];
        }
    }

    /// Per cluster of the tree, the selected cluster that it is or lies in.
    pub(super) fn holders(&self, selected: &[bool]) -> Vec<Option<usize>> {
        let mut holders = vec![None; selected.len()];
        for (at, cluster) in self.clusters.iter().enumerate().skip(1) {
            holders[at] = if selected[at] { Some(at) } else { holders[cluster.parent] };
        }
        holders
    }

    /// Per cluster, the greatest λ in it or below.
    pub(super) fn densest(&self) -> Vec<f64> {
        let mut densest: Vec<f64> = self.clusters.iter().map(|cluster| cluster.death).collect();
        for (at, cluster) in self.clusters.iter().enumerate().skip(1).rev() {
            densest[cluster.parent] = densest[cluster.parent].max(densest[at]);
        }
        densest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(weights: &[(f64, u32, u32)]) -> Vec<SpanningEdge> {
        weights.iter().map(|&(weight, low, high)| SpanningEdge { weight, low, high }).collect()
    }

    #[test]
    fn pencil_and_paper_find_the_same_clusters() {
        // Rows 0, 1, 2 at distances 1; 3, 4 at distance 2; 5 far out; the groups 4 apart.
        let edges = edges(&[(1.0, 0, 1), (1.0, 1, 2), (2.0, 3, 4), (4.0, 2, 3), (8.0, 4, 5)]);
        let tree = Condensed::new(6, &edges, 2, |weight| weight);
        let births: Vec<f64> = tree.clusters.iter().map(|cluster| cluster.birth).collect();
        assert_eq!(births, [0.0, 0.25, 0.25]);
        assert_eq!(tree.clusters[0].stability, 1.0 * 0.125 + 5.0 * 0.25);
        assert_eq!(tree.clusters[1].stability, 3.0 * (1.0 - 0.25));
        assert_eq!(tree.clusters[2].stability, 2.0 * (0.5 - 0.25));
        assert_eq!((tree.rows[5].cluster, tree.rows[5].lambda), (0, 0.125));
        assert_eq!((tree.rows[0].cluster, tree.rows[4].cluster), (1, 2));
        assert_eq!(tree.most_stable(), [false, true, true]);
        assert_eq!(tree.leaves(), [false, true, true]);
        assert_eq!(tree.densest(), [1.0, 1.0, 0.5]);
    }

    #[test]
    fn clusters_born_below_epsilon_go_up_to_one_that_is_not() {
        // Pairs 1 apart, pairs of pairs 2 apart, all 4 apart.
        let edges = edges(&[
            (0.5, 0, 1),
            (0.5, 2, 3),
            (0.5, 4, 5),
            (0.5, 6, 7),
            (1.0, 1, 2),
            (1.0, 5, 6),
            (4.0, 3, 4),
        ]);
        let tree = Condensed::new(8, &edges, 2, |weight| weight);
        let count = |epsilon: f64| {
            let mut selected = tree.leaves();
            tree.merge_below(&mut selected, epsilon);
            selected.iter().filter(|&&selected| selected).count()
        };
        assert_eq!([0.5, 1.0, 1.5, 4.0, 100.0].map(count), [4, 4, 2, 2, 2]);
    }
}
