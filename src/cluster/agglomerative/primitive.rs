//! The primitive algorithm, word for word: the oracle of the engines. Built for tests only.
//!
//! Of all pairs of clusters the nearest is merged, until one cluster is left. Equal distances are
//! ordered by the smaller, then the greater of the two clusters' smallest rows; for single linkage by
//! those of the two nearest rows.

use super::linkage::{Linkage, RowMerge, ward};
use super::ward;
use crate::num::check::Rows;
use crate::num::condensed;
use crate::num::distance::squared;

/// By the formula of Lance and Williams, on condensed distances.
pub(super) fn on_matrix(linkage: Linkage, weights: &[f64], distances: &[f64]) -> Vec<RowMerge> {
    let n = weights.len();
    let at = |i: usize, j: usize| condensed::place(n, i.min(j), i.max(j));
    let (mut distances, mut sizes) = (distances.to_vec(), weights.to_vec());
    merge_all(n, |left, made| {
        if let Some((a, b, between)) = made {
            for &c in left.iter().filter(|&&c| c != a) {
                let sizes = [sizes[a], sizes[b], sizes[c]];
                let (to_a, to_b) = (distances[at(c, a)], distances[at(c, b)]);
                distances[at(c, a)] = linkage.updated(to_a, to_b, between, sizes);
            }
            sizes[a] += sizes[b];
        }
        nearest(left, |a, b| distances[at(a, b)])
    })
}

/// Single linkage: the two nearest rows of different clusters join them.
pub(super) fn single(n: usize, distances: &[f64]) -> Vec<RowMerge> {
    let all: Vec<usize> = (0..n).collect();
    let mut cluster = all.clone();
    let mut merges = Vec::new();
    for _ in 1..n {
        let (a, b, distance) = nearest(&all, |a, b| match cluster[a] == cluster[b] {
            true => f64::INFINITY,
            false => distances[condensed::place(n, a, b)],
        });
        let (kept, gone) = (cluster[a].min(cluster[b]), cluster[a].max(cluster[b]));
        merges.push((kept, gone, distance));
        cluster.iter_mut().filter(|c| **c == gone).for_each(|c| *c = kept);
    }
    merges
}

/// Ward's squared distances, from the means of the clusters.
pub(super) fn ward_by_means(rows: &Rows<'_>, weights: &[f64]) -> Vec<RowMerge> {
    let mut means: Vec<Vec<f64>> = rows.iter().map(<[f64]>::to_vec).collect();
    let (mut sizes, mut heights) = (weights.to_vec(), vec![0.0f64; weights.len()]);
    merge_all(weights.len(), |left, made| {
        if let Some((a, b, height)) = made {
            let gone = means[b].clone();
            ward::mean(&mut means[a], &gone, [sizes[a], sizes[b]]);
            sizes[a] += sizes[b];
            heights[a] = height;
        }
        nearest(left, |a, b| {
            let distance = ward([sizes[a], sizes[b]], squared(&means[a], &means[b]));
            distance.max(heights[a]).max(heights[b])
        })
    })
}

/// Merges the pair that `step` names, given the clusters left and the merge before.
pub(super) fn merge_all(
    n: usize,
    mut step: impl FnMut(&[usize], Option<RowMerge>) -> RowMerge,
) -> Vec<RowMerge> {
    let mut left: Vec<usize> = (0..n).collect();
    let mut merges: Vec<RowMerge> = Vec::new();
    while left.len() > 1 {
        let merge = step(&left, merges.last().copied());
        left.retain(|&cluster| cluster != merge.1);
        merges.push(merge);
    }
    merges
}

/// The first pair of the least distance.
pub(super) fn nearest(left: &[usize], distance: impl Fn(usize, usize) -> f64) -> RowMerge {
    let mut best = (0, 0, f64::INFINITY);
    for (i, &a) in left.iter().enumerate() {
        for &b in &left[i + 1..] {
            let distance = distance(a, b);
            if distance < best.2 {
                best = (a, b, distance);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::{ALL, distances, generic, spanning};
    use super::*;
    use crate::cluster::dendrogram::Dendrogram;
    use crate::num::check;
    use crate::num::rng::Stream;
    use ndarray::Array2;

    /// Grids of small whole numbers, where nearly every distance is tied, or normal numbers.
    fn data(stream: &mut Stream, tied: bool) -> Array2<f64> {
        let shape = (1 + stream.below(45), 1 + stream.below(3));
        Array2::from_shape_simple_fn(shape, || match tied {
            true => stream.below(5) as f64,
            false => stream.normal(),
        })
    }

    #[test]
    fn every_engine_makes_the_merges_of_the_primitive_algorithm_to_the_bit() {
        for case in 0..400 {
            let mut stream = Stream::new(5, case);
            let x = data(&mut stream, case % 2 == 0);
            let n = x.nrows();
            let weights: Vec<f64> = match case % 3 {
                0 => (0..n).map(|_| 1.0 + stream.below(4) as f64).collect(),
                _ => vec![1.0; n],
            };
            for linkage in ALL {
                let rows = check::rows(x.view()).unwrap();
                let pairs = |linkage: Linkage| {
                    let distances = distances::of_rows(&rows, &weights, linkage).unwrap();
                    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
                    pairs.map(|(i, j)| distances.get(i, j)).collect::<Vec<f64>>()
                };
                if linkage == Linkage::Single {
                    let tree = |edges| Dendrogram::from_merges(edges);
                    for (found, pairs) in [
                        (spanning::of_pairs(n, &pairs(linkage)), pairs(linkage)),
                        (spanning::of_rows(&rows), pairs(Linkage::Centroid)),
                    ] {
                        assert_eq!(tree(found), tree(single(n, &pairs)), "case {case}");
                    }
                    continue;
                }
                if linkage == Linkage::Ward {
                    let expected = ward_by_means(&rows, &weights);
                    assert_eq!(ward::merges(&rows, &weights), expected, "case {case}");
                }
                let expected = on_matrix(linkage, &weights, &pairs(linkage));
                let distances = distances::of_rows(&rows, &weights, linkage).unwrap();
                let clusters: Vec<(u32, f64)> = (0..).zip(weights.iter().copied()).collect();
                let found = generic::merges(linkage, &clusters, distances);
                assert_eq!(found, expected, "{linkage:?}, case {case}");
                let heights = found.iter().map(|merge| merge.2);
                assert!(!linkage.is_monotone() || heights.is_sorted());
            }
        }
    }
}
