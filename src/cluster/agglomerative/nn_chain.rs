//! Nearest-neighbour chain: every merge found by walking to ever nearer clusters.
//!
//! From any cluster go to its nearest one, from there to the nearest, and so on: distances shrink
//! until two clusters are each other's nearest, and these can be merged at once. With a linkage
//! where a merge brings nobody nearer (reducible: single, complete, average, ward) the tree is that
//! of always merging the nearest pair of all, and what is left of the chain stays valid. Rounding
//! could break that by a last digit, so updated distances are kept from falling below both old ones.
//!
//! Ties: a chain starts at the cluster with the smallest row; of equally near clusters the one
//! before in the chain wins, then the one with the smallest row. A cluster goes by its smallest row.
//!
//! Source: Benzécri 1982; Murtagh 1983; Müllner 2011; formulas of Lance, Williams 1967.
//! Cost: O(n²) time; the distances are updated in place.

use super::linkage::Linkage;
use crate::cluster::dendrogram::condensed_index;

/// Merges (smallest row of the one, smallest row of the other, distance), children before parents.
///
/// `distances` are condensed; squared for ward.
pub(super) fn merges(
    n_samples: usize,
    mut distances: Vec<f64>,
    linkage: Linkage,
) -> Vec<(usize, usize, f64)> {
    debug_assert_eq!(distances.len(), n_samples * (n_samples - 1) / 2);
    let at = |i: usize, j: usize| condensed_index(n_samples, i.min(j), i.max(j));
    let mut merges = Vec::with_capacity(n_samples - 1);
    let mut sizes = vec![1; n_samples];
    // Clusters left, by their smallest rows, ascending.
    let mut active: Vec<usize> = (0..n_samples).collect();
    let mut chain: Vec<usize> = Vec::new();
    while active.len() > 1 {
        let Some(tip) = chain.pop() else {
            chain.push(active[0]);
            continue;
        };
        let (mut next, mut nearest) = match chain.last() {
            Some(&before) => (before, distances[at(tip, before)]),
            None => (tip, f64::INFINITY),
        };
        for &other in active.iter().filter(|&&other| other != tip) {
            let distance = distances[at(tip, other)];
            if distance < nearest {
                (next, nearest) = (other, distance);
            }
        }
        debug_assert_ne!(next, tip);
        if chain.last() != Some(&next) {
            chain.extend([tip, next]);
            continue;
        }
        chain.pop();
        let (kept, gone) = (tip.min(next), tip.max(next));
        merges.push((kept, gone, nearest));
        active.retain(|&cluster| cluster != gone);
        for &other in active.iter().filter(|&&other| other != kept) {
            let (i, j) = (distances[at(kept, other)], distances[at(gone, other)]);
            let sizes = [sizes[kept], sizes[gone], sizes[other]].map(|size| size as f64);
            distances[at(kept, other)] = updated(linkage, i, j, nearest, sizes);
        }
        sizes[kept] += sizes[gone];
    }
    merges
}

/// The distance to the union of i and j, from those to i and to j and the one between them.
#[inline]
fn updated(linkage: Linkage, to_i: f64, to_j: f64, between: f64, sizes: [f64; 3]) -> f64 {
    let [i, j, k] = sizes;
    let distance = match linkage {
        Linkage::Single => to_i.min(to_j),
        Linkage::Complete => to_i.max(to_j),
        Linkage::Average => (i * to_i + j * to_j) / (i + j),
        // On squared distances.
        Linkage::Ward => ((i + k) * to_i + (j + k) * to_j - k * between) / (i + j + k),
    };
    distance.max(to_i.min(to_j))
}
