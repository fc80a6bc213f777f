//! A binary tree of merges that can be cut into groups at any height.
//!
//! Rows are the clusters 0..n; merge i makes cluster n + i. A child is always made before its
//! parent, so one pass over the merges, forwards or backwards, walks the tree: no recursion, and
//! chains of any length are safe. A cut is O(n) besides the numbering of its labels.

mod drawing;
mod measures;

use serde::{Deserialize, Serialize};

use crate::num::union_find::UnionFind;
use crate::{Error, Labels, Result};

/// Two clusters become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Merge {
    /// The cluster with the lower number. With n rows, numbers below n are rows; number n + i is the cluster
    /// that merge i made.
    pub a: usize,
    /// The other one, `b` > `a`.
    pub b: usize,
    /// How far apart they were, in the units of the linkage; 0 or more.
    #[serde(with = "crate::num::exact")]
    pub height: f64,
    /// Rows in the new cluster.
    pub size: usize,
}

/// A hierarchy of groups, from every row alone to all in one.
///
/// The stored form (serde, such as JSON) is flat: the arrays `a`, `b`, `height` and `size`, one number
/// per merge, and `approximate`.
///
/// ```
/// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
///
/// let tree = Agglomerative::new(Linkage::Single).fit(&array![[0.0], [1.0], [5.0]])?;
/// assert_eq!(tree.merges()[0].height, 1.0);
/// assert_eq!(tree.cut_into(2)?.to_vec(), [0, 0, 1].map(Some));
/// assert_eq!(tree.cut_at(4.0)?.sizes().len(), 1);
/// assert_eq!(tree.cophenetic(), [1.0, 4.0, 4.0]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
#[non_exhaustive]
pub struct Dendrogram {
    /// One fewer than rows.
    merges: Vec<Merge>,
    /// Whether the tree was made from micro-clusters instead of all rows (see
    /// [`Agglomerative::summaries`](crate::cluster::Agglomerative::summaries)).
    pub approximate: bool,
}

impl Dendrogram {
    /// From n − 1 merges of the clusters that hold two given rows, in the order they are made.
    pub(crate) fn from_merges(edges: Vec<(usize, usize, f64)>) -> Self {
        let n_samples = edges.len() + 1;
        let sets = UnionFind::new(n_samples);
        // Number and size of the cluster whose smallest row this is.
        let mut clusters: Vec<(usize, usize)> = (0..n_samples).map(|row| (row, 1)).collect();
        let merges = edges.into_iter().enumerate().map(|(i, (x, y, height))| {
            let (x, y) = (sets.find(x), sets.find(y));
            debug_assert_ne!(x, y);
            let ((x_id, x_size), (y_id, y_size)) = (clusters[x], clusters[y]);
            let size = x_size + y_size;
            sets.union(x, y);
            clusters[x.min(y)] = (n_samples + i, size);
            Merge { a: x_id.min(y_id), b: x_id.max(y_id), height, size }
        });
        Self { merges: merges.collect(), approximate: false }
    }

    /// The same tree, flagged as made from micro-clusters.
    pub(super) fn into_approximate(self) -> Self {
        Self { approximate: true, ..self }
    }

    /// The merges in the order they are made, n − 1 of n rows. Heights ascend, except that with
    /// centroid and median linkage some merges may be lower than the one before.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Number of rows, 1 or more.
    pub(super) fn n_samples(&self) -> usize {
        self.merges.len() + 1
    }

    /// Exactly `k` groups: all but the last `k` − 1 merges are done. A finer cut splits groups of a
    /// coarser one. Of merges of equal height, the one listed first is done first.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] unless `k` is in 1..=the number of rows.
    pub fn cut_into(&self, k: usize) -> Result<Labels> {
        if !(1..=self.n_samples()).contains(&k) {
            return Err(Error::parameter("k", format!("in 1..={}", self.n_samples()), k));
        }
        self.after(self.n_samples() - k)
    }

    /// The groups after all merges of at most this height (≤).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a negative height or NaN, and if some merge is lower than the one
    /// before it, as can happen with centroid and median linkage. Use [`cut_into`](Self::cut_into) there.
    pub fn cut_at(&self, height: f64) -> Result<Labels> {
        if height.is_nan() || height < 0.0 {
            return Err(Error::parameter("height", "0 or more", height));
        }
        let falls = self.merges.windows(2).position(|pair| pair[1].height < pair[0].height);
        if let Some(merge) = falls {
            let expected = "given only for a tree whose heights ascend (use cut_into here)";
            let got =
                format!("given for one where merge {} lies lower than merge {merge}", merge + 1);
            return Err(Error::parameter("height", expected, got));
        }
        self.after(self.merges.partition_point(|merge| merge.height <= height))
    }

    /// The groups after the first `n_done` merges.
    fn after(&self, n_done: usize) -> Result<Labels> {
        let n_samples = self.n_samples();
        let mut group: Vec<usize> = (0..n_samples + n_done).collect();
        for (i, merge) in self.merges[..n_done].iter().enumerate().rev() {
            group[merge.a] = group[n_samples + i];
            group[merge.b] = group[n_samples + i];
        }
        Labels::new(group[..n_samples].iter().map(|&g| Some(g)))
    }

    /// The rows of a cluster, ascending, and the tree below it, whose row i is the i-th of them.
    ///
    /// With n rows, cluster c below n is row c; from n on it is the cluster that merge c − n made.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
    ///
    /// let x = array![[0.0], [9.0], [1.0], [10.5]];
    /// let tree = Agglomerative::new(Linkage::Single).fit(&x)?;
    /// let upper = tree.merges()[1];
    /// assert_eq!((upper.a, upper.b), (1, 3));
    /// let (rows, below) = tree.subtree(4 + 1)?;
    /// assert_eq!(rows, [1, 3]);
    /// assert_eq!(below.merges()[0].height, 1.5);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a cluster that the tree does not have.
    pub fn subtree(&self, cluster: usize) -> Result<(Vec<usize>, Self)> {
        let inside = self.below(cluster)?;
        let rows = (0..self.n_samples()).filter(|&row| inside[row]).collect();
        // What each cluster inside is called in the subtree: rows first, then merges, in order.
        let mut number = vec![usize::MAX; inside.len()];
        let clusters = (0..inside.len()).filter(|&cluster| inside[cluster]);
        clusters.enumerate().for_each(|(new, old)| number[old] = new);
        let below = self.merges.iter().zip(&inside[self.n_samples()..]);
        let merges = below.filter(|(_, inside)| **inside).map(|(merge, _)| Merge {
            a: number[merge.a],
            b: number[merge.b],
            ..*merge
        });
        Ok((rows, Self { merges: merges.collect(), approximate: self.approximate }))
    }

    /// For every cluster whether it is the given one or a part of it.
    fn below(&self, cluster: usize) -> Result<Vec<bool>> {
        let n_samples = self.n_samples();
        let n_clusters = n_samples + self.merges.len();
        if cluster >= n_clusters {
            return Err(Error::parameter("cluster", format!("in 0..{n_clusters}"), cluster));
        }
        let mut inside = vec![false; n_clusters];
        inside[cluster] = true;
        for (i, merge) in self.merges.iter().enumerate().rev() {
            if inside[n_samples + i] {
                inside[merge.a] = true;
                inside[merge.b] = true;
            }
        }
        Ok(inside)
    }

    /// The height of a cluster's merge; 0 for a row.
    fn height(&self, cluster: usize) -> f64 {
        cluster.checked_sub(self.n_samples()).map_or(0.0, |merge| self.merges[merge].height)
    }

    /// Rows in a cluster.
    pub(super) fn size(&self, cluster: usize) -> usize {
        cluster.checked_sub(self.n_samples()).map_or(1, |merge| self.merges[merge].size)
    }
}

/// [`Dendrogram`] as it is stored, not yet checked: one array per part of a merge.
#[derive(Serialize, Deserialize)]
struct Stored {
    a: Vec<usize>,
    b: Vec<usize>,
    #[serde(with = "crate::num::exact")]
    height: Vec<f64>,
    size: Vec<usize>,
    approximate: bool,
}

impl From<Dendrogram> for Stored {
    fn from(tree: Dendrogram) -> Self {
        let merges = tree.merges.iter();
        Self {
            a: merges.clone().map(|merge| merge.a).collect(),
            b: merges.clone().map(|merge| merge.b).collect(),
            height: merges.clone().map(|merge| merge.height).collect(),
            size: merges.map(|merge| merge.size).collect(),
            approximate: tree.approximate,
        }
    }
}

impl TryFrom<Stored> for Dendrogram {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Err(Error::snapshot("Dendrogram", reason));
        let n_merges = stored.a.len();
        if [stored.b.len(), stored.height.len(), stored.size.len()] != [n_merges; 3] {
            return invalid("the arrays differ in length");
        }
        let n_samples = n_merges + 1;
        let clusters = stored.a.into_iter().zip(stored.b);
        let figures = stored.height.into_iter().zip(stored.size);
        let merges: Vec<Merge> = clusters
            .zip(figures)
            .map(|((a, b), (height, size))| Merge { a, b, height, size })
            .collect();
        // Size of each cluster that is not yet part of another.
        let mut free: Vec<Option<usize>> = vec![Some(1); n_samples];
        for merge in &merges {
            if merge.a >= merge.b || merge.b >= free.len() {
                return invalid("a merge does not join two earlier clusters in order");
            }
            let (Some(a), Some(b)) = (free[merge.a].take(), free[merge.b].take()) else {
                return invalid("a cluster is merged twice");
            };
            if merge.size != a + b {
                return invalid("a size is not the sum of its parts");
            }
            if !(merge.height >= 0.0 && merge.height.is_finite()) {
                return invalid("a height is not finite and 0 or more");
            }
            free.push(Some(merge.size));
        }
        Ok(Self { merges, approximate: stored.approximate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0 and 1 meet at 1, rows 2 and 3 at 2, all at 5.
    fn tree() -> Dendrogram {
        Dendrogram::from_merges(vec![(1, 0, 1.0), (3, 2, 2.0), (3, 1, 5.0)])
    }

    #[test]
    fn merges_are_numbered_in_their_order() {
        let merge = |a, b, height, size| Merge { a, b, height, size };
        let expected = [merge(0, 1, 1.0, 2), merge(2, 3, 2.0, 2), merge(4, 5, 5.0, 4)];
        assert_eq!(tree().merges(), expected);
    }

    #[test]
    fn merges_of_equal_height_keep_their_order() {
        let tree = Dendrogram::from_merges(vec![(2, 3, 1.0), (0, 1, 1.0), (0, 2, 1.0)]);
        assert_eq!((tree.merges()[0].a, tree.merges()[1].a), (2, 0));
        assert_eq!(tree.cut_into(3).unwrap().to_vec(), [1, 2, 0, 0].map(Some));
    }

    #[test]
    fn a_cut_at_a_merges_height_includes_it() {
        let groups = |height| tree().cut_at(height).unwrap().n_clusters();
        assert_eq!([0.0, 0.9, 1.0, 1.9, 2.0, 5.0].map(groups), [4, 4, 3, 3, 2, 1]);
        assert_eq!(groups(f64::INFINITY), 1);
        for height in [-1.0, f64::NAN] {
            assert!(matches!(tree().cut_at(height), Err(Error::InvalidParameter { .. })));
        }
    }

    #[test]
    fn a_tree_whose_heights_fall_is_cut_into_groups_but_not_at_a_height() {
        let tree = Dendrogram::from_merges(vec![(0, 1, 2.0), (0, 2, 1.5), (0, 3, 9.0)]);
        let error = tree.cut_at(2.0).unwrap_err().to_string();
        assert!(error.contains("merge 1 lies lower than merge 0"), "{error}");
        assert_eq!(tree.cut_into(2).unwrap().to_vec(), [0, 0, 0, 1].map(Some));
    }

    #[test]
    fn a_cut_into_k_has_k_groups() {
        for k in 1..=4 {
            assert_eq!(tree().cut_into(k).unwrap().n_clusters(), k);
        }
        for k in [0, 5, usize::MAX] {
            assert!(matches!(tree().cut_into(k), Err(Error::InvalidParameter { name: "k", .. })));
        }
    }

    #[test]
    fn one_row_has_no_merges_and_one_group() {
        let tree = Dendrogram::from_merges(Vec::new());
        assert_eq!((tree.n_samples(), tree.merges().len()), (1, 0));
        assert_eq!(tree.cut_into(1).unwrap(), tree.cut_at(0.0).unwrap());
        assert!(tree.cophenetic().is_empty());
    }

    #[test]
    fn a_chain_of_100_000_merges_needs_no_stack() {
        let tree =
            Dendrogram::from_merges((1..100_000).map(|row| (row - 1, row, row as f64)).collect());
        assert_eq!(tree.cut_into(2).unwrap().sizes(), [99_999, 1]);
        assert_eq!(tree.cut_at(50_000.0).unwrap().sizes()[0], 50_001);
        let json = serde_json::to_string(&tree).unwrap();
        assert_eq!(serde_json::from_str::<Dendrogram>(&json).unwrap(), tree);
        let (rows, below) = tree.subtree(150_000).unwrap();
        assert_eq!((rows.len(), below.n_samples()), (50_002, 50_002));
        assert_eq!(tree.leaf_order().len(), 100_000);
        assert!(tree.to_newick(|row| row.to_string()).ends_with(");"));
        assert_eq!(tree.inconsistency(3).unwrap().len(), 99_999);
    }

    #[test]
    fn a_subtree_holds_what_is_below_a_cluster_under_new_row_numbers() {
        let tree = tree();
        let (rows, below) = tree.subtree(5).unwrap();
        assert_eq!(rows, [2, 3]);
        assert_eq!(below.merges(), [Merge { a: 0, b: 1, height: 2.0, size: 2 }]);
        assert_eq!(tree.subtree(6).unwrap(), (vec![0, 1, 2, 3], tree.clone()));
        assert_eq!(tree.subtree(3).unwrap(), (vec![3], Dendrogram::from_merges(Vec::new())));
        assert!(matches!(tree.subtree(7), Err(Error::InvalidParameter { name: "cluster", .. })));
    }

    #[test]
    fn a_stored_tree_comes_back_equal_and_broken_ones_are_refused() {
        let json = serde_json::to_string(&tree()).unwrap();
        let flat = r#"{"a":[0,2,4],"b":[1,3,5],"height":[1.0,2.0,5.0],"size":[2,2,4],"approximate":false}"#;
        assert_eq!(json, flat);
        let short = json.replace("[1,3,5]", "[1,3]");
        let error = serde_json::from_str::<Dendrogram>(&short).unwrap_err().to_string();
        assert!(error.contains("the arrays differ"), "{error}");
        assert_eq!(serde_json::from_str::<Dendrogram>(&json).unwrap(), tree());
        let check = |change: fn(&mut Vec<Merge>), message: &str| {
            let mut tree = tree();
            change(&mut tree.merges);
            let error = Dendrogram::try_from(Stored::from(tree)).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        check(|m| m[0].b = 9, "earlier clusters");
        check(|m| m[0].a = 1, "earlier clusters");
        check(|m| m[1].a = 0, "twice");
        check(|m| m[2].size = 3, "size");
        check(|m| m[2].height = f64::NAN, "a height is not finite");
        check(|m| m[0].height = -1.0, "a height is not finite");
    }
}
