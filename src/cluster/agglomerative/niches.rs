//! Niches: small groups inside broad ones that lie apart, differ strongly and come back.
//!
//! A cluster of a tree is a candidate if it is much smaller than a cluster around it, its parent, and if
//! the rows nearest to it lie at twice the distance, or more, of its longest inner link, and of the
//! distance at which rows of the parent usually have their nearest unequal row (nine tenths of them). Such a
//! cluster is one of single linkage too, whose tree tells both distances. It is a niche if its mean in
//! one column at least lies a standard deviation of the parent from the parent's mean, and if the trees
//! of four fifths of the rows have a cluster like it (mean Jaccard index at least 0.75 over the rows
//! drawn). Of nested niches the one that lies farthest apart stays.
//!
//! Heights of the tree itself say little here: Ward's grow with the sizes of clusters, so that in an
//! even cloud many small ones merge at twice the height at which they are formed.
//!
//! Source: stability by subsets, Hennig 2007.
//! Cost: a tree of single linkage, and a tree of four fifths of the rows per resample.

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::suggest::{STABLE, check_tree};
use super::{Agglomerative, Linkage};
use crate::cluster::dendrogram::Dendrogram;
use crate::num::check;
use crate::num::reasons::{self, ColumnReason};
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::num::stats::{mean_and_std, quantile, sorted};
use crate::{Error, Result};

/// A niche lies twice as far from other rows as its rows, and those around, lie from each other.
const SEPARATION: f64 = 0.5;
/// Least difference of a column's mean from the parent's, in its standard deviations.
const EFFECT: f64 = 1.0;
/// Share of the parent's rows whose nearest row tells what is usual there.
const USUAL: f64 = 0.9;
/// Greatest share of its parent's rows that a niche has.
const MAX_SHARE: f64 = 0.25;
const N_RESAMPLES: u64 = 20;
/// Candidates whose stability is looked at, those that lie farthest apart.
const MAX_CANDIDATES: usize = 100;

/// A small group inside a broad one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Niche {
    /// Its rows, ascending.
    pub rows: Vec<usize>,
    /// Its number in the tree, for [`Dendrogram::subtree`].
    pub cluster: usize,
    /// The number of the broad group around it.
    pub parent: usize,
    /// 1 − (distance inside) / (distance to the nearest row outside), in [0.5, 1]. The distance inside is
    /// the longest inner link of the niche or the distance of a row of the parent to its nearest row,
    /// whichever is greater.
    pub separation: f64,
    /// Mean Jaccard index with the most similar cluster of each resample's tree, in 0..=1.
    pub stability: f64,
    /// What sets it apart from the broad group, itself included: every column once, the greatest
    /// difference in standard deviations (`z`) first.
    pub reasons: Vec<ColumnReason>,
}

impl Agglomerative {
    /// Small groups in the tree of `x`, `(n_samples, n_features)`, that differ strongly from the group
    /// around them and come back in resamples; the best separated first. Often there are none.
    ///
    /// A niche has at least `min_size` rows (2 or more) and at most a quarter of the rows of its parent. The
    /// parent is the smallest cluster around the niche that is large enough for that. A pair of rows can arise
    /// by chance, so 3 is a good `min_size`. Every row counts once, even if the tree was made with weights.
    /// The `seed` draws 20 resamples.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::Array2};
    ///
    /// // Forty people around the origin, and five who spend far more.
    /// let x = Array2::from_shape_fn((45, 2), |(row, column)| {
    ///     let spread = (row * (7 + column * 4) % 11) as f64 / 10.0;
    ///     if row >= 40 && column == 1 { 9.0 + spread / 5.0 } else { spread }
    /// });
    /// let method = Agglomerative::new(Linkage::Average);
    /// let niches = method.niches(&x, &method.fit(&x)?, 3, 0)?;
    /// assert_eq!(niches[0].rows, [40, 41, 42, 43, 44]);
    /// assert_eq!(niches[0].reasons[0].column, 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::DimensionMismatch`] if the tree has another number of rows;
    /// [`Error::InvalidParameter`] for a `min_size` below 2.
    pub fn niches<'a>(
        &self,
        x: impl Into<Samples<'a>>,
        tree: &Dendrogram,
        min_size: usize,
        seed: u64,
    ) -> Result<Vec<Niche>> {
        let x = x.into().into_rows()?;
        let x = x.view();
        if min_size < 2 {
            return Err(Error::parameter("min_size", "2 or more", min_size));
        }
        check_tree(x, tree)?;
        check::rows(x)?;
        let mut niches = candidates(x, tree, min_size)?;
        resample(self, x, &mut niches, seed)?;
        niches.retain(|niche| niche.stability >= STABLE);
        // Of nested ones the first, which is the best separated, stays.
        let starts = tree.starts();
        let leaves =
            |niche: &Niche| starts[niche.cluster]..starts[niche.cluster] + niche.rows.len();
        let mut kept: Vec<Niche> = Vec::new();
        for niche in niches {
            let here = leaves(&niche);
            let meets = |other: &Niche| {
                let there = leaves(other);
                here.start < there.end && there.start < here.end
            };
            if !kept.iter().any(meets) {
                kept.push(niche);
            }
        }
        Ok(kept)
    }
}

/// Clusters that are small, separated and different, the best separated first.
fn candidates(x: ArrayView2<'_, f64>, tree: &Dendrogram, min_size: usize) -> Result<Vec<Niche>> {
    let single = Agglomerative::new(Linkage::Single).max_samples(usize::MAX).fit(x)?;
    let (merges, n_samples) = (single.merges(), x.nrows());
    let [above, above_in_single] = [tree, &single].map(above);
    let height = |cluster: usize| merges[cluster - n_samples].height;
    let is_small =
        |cluster, parent| tree.size(cluster) as f64 <= MAX_SHARE * tree.size(parent) as f64;
    let nearest = nearest(&single, &above_in_single);
    let factor = Scale::of(&check::rows(x)?, None).factor();
    let mut found = Vec::new();
    for (in_single, cluster) in common(&single, tree) {
        let Some(gap) = above_in_single[in_single].map(height) else { continue };
        let is_apart = |distance: f64| 1.0 - distance / gap >= SEPARATION;
        if tree.size(cluster) < min_size || !is_apart(height(in_single)) {
            continue;
        }
        // The parent: up until it is large enough.
        let mut parent = Some(cluster);
        while let Some(around) = parent.filter(|&around| !is_small(cluster, around)) {
            parent = above[around];
        }
        let Some(parent) = parent else { continue };
        let (rows, around) = (tree.subtree(cluster)?.0, tree.subtree(parent)?.0);
        let others = around.iter().filter(|row| rows.binary_search(row).is_err());
        let nearest: Vec<f64> = others.map(|&row| nearest[row]).collect();
        let near = quantile(&sorted(&nearest), USUAL).max(height(in_single));
        let reasons = reasons_of(x, factor, &rows, &around);
        if is_apart(near) && reasons[0].z.abs() >= EFFECT {
            let (separation, stability) = (1.0 - near / gap, 0.0);
            found.push(Niche { rows, cluster, parent, separation, stability, reasons });
        }
    }
    found.sort_by(|x, y| y.separation.total_cmp(&x.separation).then(x.cluster.cmp(&y.cluster)));
    found.truncate(MAX_CANDIDATES);
    Ok(found)
}

/// Fills in how stable the niches are.
fn resample(
    method: &Agglomerative,
    x: ArrayView2<'_, f64>,
    niches: &mut [Niche],
    seed: u64,
) -> Result<()> {
    if niches.is_empty() {
        return Ok(());
    }
    let n_drawn = x.nrows() - x.nrows() / 5;
    let mut sums = vec![(0.0, 0u32); niches.len()];
    for index in 0..N_RESAMPLES {
        let mut drawn = Stream::new(seed, index).sample(x.nrows(), n_drawn);
        drawn.sort_unstable();
        let tree = method.fit(x.select(Axis(0), &drawn).view())?;
        for (niche, (sum, n)) in niches.iter().zip(&mut sums) {
            if let Some(jaccard) = most_similar(&tree, &drawn, &niche.rows) {
                *sum += jaccard;
                *n += 1;
            }
        }
    }
    for (niche, (sum, n)) in niches.iter_mut().zip(sums) {
        niche.stability = sum / f64::from(n.max(1));
    }
    Ok(())
}

/// For every row its distance to the nearest row that is not equal to it, from the tree of single
/// linkage: the first merge of its cluster that is above 0. Infinite where all rows are equal.
fn nearest(single: &Dendrogram, above: &[Option<usize>]) -> Vec<f64> {
    let (merges, n_samples) = (single.merges(), above.len() - single.merges().len());
    let mut nearest = vec![f64::INFINITY; above.len()];
    for cluster in (0..above.len()).rev() {
        if let Some(parent) = above[cluster] {
            let height = merges[parent - n_samples].height;
            nearest[cluster] = if height > 0.0 { height } else { nearest[parent] };
        }
    }
    nearest.truncate(n_samples);
    nearest
}

/// The merged clusters of two trees that have the same rows, under their numbers in each.
fn common(one: &Dendrogram, other: &Dendrogram) -> Vec<(usize, usize)> {
    let n_samples = one.n_samples();
    // A cluster is a stretch of leaves.
    let starts = other.starts();
    let mut stretches: Vec<(usize, usize, usize)> = (n_samples..starts.len())
        .map(|cluster| (starts[cluster], starts[cluster] + other.size(cluster), cluster))
        .collect();
    stretches.sort_unstable();
    let mut leaves: Vec<(usize, usize)> =
        starts[..n_samples].iter().map(|&at| (at, at + 1)).collect();
    let mut common = Vec::new();
    for (i, merge) in one.merges().iter().enumerate() {
        let (a, b) = (leaves[merge.a], leaves[merge.b]);
        let (start, end) = (a.0.min(b.0), a.1.max(b.1));
        leaves.push((start, end));
        if end - start == merge.size {
            let found = stretches.binary_search_by(|at| (at.0, at.1).cmp(&(start, end)));
            common.extend(found.ok().map(|at| (n_samples + i, stretches[at].2)));
        }
    }
    common
}

/// For every cluster the one that it is merged into.
fn above(tree: &Dendrogram) -> Vec<Option<usize>> {
    let n_samples = tree.n_samples();
    let mut above = vec![None; n_samples + tree.merges().len()];
    for (i, merge) in tree.merges().iter().enumerate() {
        above[merge.a] = Some(n_samples + i);
        above[merge.b] = Some(n_samples + i);
    }
    above
}

/// The Jaccard index of some rows, as far as they were drawn, with the most similar cluster of a tree
/// of the rows drawn; none where fewer than two were drawn.
fn most_similar(tree: &Dendrogram, drawn: &[usize], rows: &[usize]) -> Option<f64> {
    let mut inside = vec![0usize; drawn.len() + tree.merges().len()];
    let mut n_inside = 0;
    for row in rows {
        if let Ok(place) = drawn.binary_search(row) {
            inside[place] = 1;
            n_inside += 1;
        }
    }
    let mut best = 0.0f64;
    for (i, merge) in tree.merges().iter().enumerate() {
        let both = inside[merge.a] + inside[merge.b];
        inside[drawn.len() + i] = both;
        best = best.max(both as f64 / (n_inside + merge.size - both) as f64);
    }
    (n_inside >= 2).then_some(best)
}

/// How some rows differ from all rows of their parent, the greatest effect first.
/// Standard deviations are taken of values times a factor, whose squares do not underflow.
fn reasons_of(
    x: ArrayView2<'_, f64>,
    factor: f64,
    rows: &[usize],
    parent: &[usize],
) -> Vec<ColumnReason> {
    let reason = |column: usize| {
        let values = |rows: &[usize]| -> Vec<f64> {
            rows.iter().map(|&row| x[[row, column]] * factor).collect()
        };
        let (value, _) = mean_and_std(&values(rows));
        let (typical, std) = mean_and_std(&values(parent));
        let z = if std > 0.0 { (value - typical) / std } else { 0.0 };
        ColumnReason { column, value: value / factor, typical: typical / factor, z, share: 0.0 }
    };
    let mut found: Vec<ColumnReason> = (0..x.ncols()).map(reason).collect();
    reasons::share(&mut found);
    found.sort_by(|x, y| y.z.abs().total_cmp(&x.z.abs()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Two broad groups, and a small one beside the first.
    fn data() -> Array2<f64> {
        let mut stream = Stream::new(9, 0);
        Array2::from_shape_fn((160, 3), |(row, column)| {
            let is_niche = row >= 150 && row % 2 == 0;
            let broad = if column == 0 && row % 2 == 1 { 60.0 } else { 0.0 };
            let apart = if is_niche && column == 2 { 12.0 } else { 0.0 };
            let spread = if is_niche { 0.3 } else { 1.0 };
            broad + apart + spread * stream.normal()
        })
    }

    #[test]
    fn a_small_group_is_found_inside_its_broad_one_with_what_sets_it_apart() {
        let x = data();
        for linkage in [Linkage::Ward, Linkage::Average, Linkage::Complete] {
            let method = Agglomerative::new(linkage);
            let tree = method.fit(&x).unwrap();
            let niches = method.niches(&x, &tree, 2, 0).unwrap();
            let niche = niches.iter().find(|niche| niche.rows.contains(&150)).unwrap();
            assert_eq!(niche.rows, [150, 152, 154, 156, 158], "{linkage:?}");
            assert_eq!(tree.subtree(niche.cluster).unwrap().0, niche.rows);
            let parent = tree.subtree(niche.parent).unwrap().0;
            assert!(parent.iter().all(|row| row % 2 == 0));
            assert!(niche.stability > 0.9);
            let first = niche.reasons[0];
            assert_eq!(first.column, 2);
            assert!((first.value - 12.0).abs() < 0.5 && first.z > 2.0 && first.share > 0.5);
            let large = method.niches(&x, &tree, 6, 0).unwrap();
            assert!(large.iter().all(|niche| niche.rows.len() >= 6));
        }
    }

    #[test]
    fn niches_do_not_depend_on_the_unit() {
        let niches = |unit: f64| {
            let (x, method) = (data() * unit, Agglomerative::new(Linkage::Average));
            let found = method.niches(&x, &method.fit(&x).unwrap(), 2, 0).unwrap();
            let found = found.into_iter().map(|niche| (niche.rows, niche.reasons[0].z));
            found.collect::<Vec<_>>()
        };
        assert!(!niches(1.0).is_empty());
        assert_eq!(niches(2f64.powi(-560)), niches(1.0));
    }

    #[test]
    fn the_common_clusters_of_two_trees_are_those_of_the_same_rows() {
        let one = Dendrogram::from_merges(vec![(0, 1, 1.0), (2, 3, 2.0), (0, 2, 3.0), (0, 4, 9.0)]);
        let other =
            Dendrogram::from_merges(vec![(2, 3, 1.0), (0, 4, 2.0), (0, 1, 3.0), (0, 2, 9.0)]);
        assert_eq!(common(&one, &other), [(6, 5), (8, 8)]);
        assert_eq!(common(&one, &one), [5, 6, 7, 8].map(|cluster| (cluster, cluster)));
    }

    #[test]
    fn repeated_values_on_a_grid_are_not_niches() {
        let mut stream = Stream::new(4, 0);
        let x = Array2::from_shape_simple_fn((300, 2), || stream.below(7) as f64);
        let method = Agglomerative::new(Linkage::Average);
        assert!(method.niches(&x, &method.fit(&x).unwrap(), 2, 0).unwrap().is_empty());
    }

    #[test]
    fn one_cloud_has_no_niche_and_a_least_size_below_2_is_refused() {
        let mut stream = Stream::new(2, 0);
        let x = Array2::from_shape_simple_fn((200, 2), || stream.unit());
        let method = Agglomerative::new(Linkage::Ward);
        let tree = method.fit(&x).unwrap();
        assert!(method.niches(&x, &tree, 3, 0).unwrap().is_empty());
        let error = method.niches(&x, &tree, 1, 0).unwrap_err().to_string();
        assert!(error.starts_with("min_size"), "{error}");
        let equal = Array2::<f64>::zeros((20, 1));
        let tree = Agglomerative::new(Linkage::Single).fit(&equal).unwrap();
        assert!(method.niches(&equal, &tree, 2, 0).unwrap().is_empty());
    }
}
