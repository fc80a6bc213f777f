//! Row -> cluster or noise.
//!
//! The labels of a fit, and those of [`Labels::new`], are numbered canonically: by size, the largest
//! cluster first; of equal sizes, the one with the smallest row first. Labels that a model predicts
//! keep the model's numbers, so that number 2 means the same in every prediction; there, sizes are in
//! no order, and a cluster may have no row.

use serde::{Deserialize, Serialize};

use crate::num::check::{MAX_ROWS, at_most};
use crate::{Error, Result};

/// The cluster number that stands for noise.
pub(crate) const NOISE: u32 = u32::MAX;

/// The cluster of every row, or `None` for noise.
///
/// `==` compares the numbers, row by row, and the number of clusters. Two canonical labelings are
/// therefore equal exactly when they group the rows alike. To ask this of predicted labels, renumber
/// them first: `Labels::new(predicted.iter())`.
///
/// The stored form (serde) has two fields: `clusters`, one number or null per row, and `sizes`.
///
/// ```
/// use personas::{KMeans, Labels, ndarray::array};
///
/// let labels = Labels::new([Some(9), Some(4), None, Some(4)])?;
/// assert_eq!(labels.to_vec(), [Some(1), Some(0), None, Some(0)]);
/// assert_eq!(labels.sizes(), [2, 1]);
/// assert_eq!(labels, Labels::new([Some(0), Some(7), None, Some(7)])?);
///
/// // A model's labels of new rows: its cluster 0 gets none of them.
/// let fit = KMeans::new(2).fit(&array![[0.0], [1.0], [9.0]])?;
/// let predicted = fit.predict(&array![[8.0], [7.0]])?;
/// assert_eq!((predicted.get(0), predicted.sizes().len()), (Some(1), 2));
/// assert_eq!(predicted.sizes(), [0, 2]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Labels {
    /// Cluster per row, below `sizes.len()`, or `NOISE`.
    clusters: Vec<u32>,
    /// Rows per cluster.
    sizes: Vec<usize>,
}

impl Labels {
    /// Creates labels with canonical numbers: the largest cluster is 0, ties go to the cluster with the smallest
    /// row. The numbers given may be arbitrary; `None` is noise.
    ///
    /// # Errors
    /// [`Error::TooManySamples`] from 2³² − 1 rows on.
    pub fn new(raw: impl IntoIterator<Item = Option<usize>>) -> Result<Self> {
        let raw: Vec<Option<usize>> = raw.into_iter().collect();
        at_most(raw.len(), MAX_ROWS, "Labels")?;
        // (label, row) sorted: clusters become runs, each with its smallest row first.
        let mut order: Vec<(usize, usize)> =
            raw.iter().enumerate().filter_map(|(row, label)| label.map(|l| (l, row))).collect();
        order.sort_unstable();
        let mut runs: Vec<&[(usize, usize)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
        runs.sort_unstable_by_key(|run| (std::cmp::Reverse(run.len()), run[0].1));
        let mut clusters = vec![NOISE; raw.len()];
        for (cluster, run) in runs.iter().enumerate() {
            for &(_, row) in *run {
                clusters[row] = cluster as u32;
            }
        }
        Ok(Self { clusters, sizes: runs.iter().map(|run| run.len()).collect() })
    }

    /// Takes over the numbers of a model with `n_clusters`, [`NOISE`] for none.
    ///
    /// # Errors
    /// [`Error::TooManySamples`] from 2³² − 1 rows or clusters on.
    pub(crate) fn numbered(clusters: Vec<u32>, n_clusters: usize) -> Result<Self> {
        at_most(clusters.len().max(n_clusters), MAX_ROWS, "Labels")?;
        let mut sizes = vec![0; n_clusters];
        for &cluster in clusters.iter().filter(|&&cluster| cluster != NOISE) {
            sizes[cluster as usize] += 1;
        }
        Ok(Self { clusters, sizes })
    }

    /// The labels of some rows, under the same numbers; a cluster may have no row among them.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let clusters: Vec<u32> = rows.iter().map(|&row| self.clusters[row]).collect();
        let mut sizes = vec![0; self.sizes.len()];
        for &cluster in clusters.iter().filter(|&&cluster| cluster != NOISE) {
            sizes[cluster as usize] += 1;
        }
        Self { clusters, sizes }
    }

    /// Whether clusters are numbered by size, then smallest row, and none is empty.
    pub(crate) fn is_canonical(&self) -> bool {
        let mut first = vec![usize::MAX; self.n_clusters()];
        for (row, cluster) in self.iter().enumerate() {
            if let Some(cluster) = cluster {
                first[cluster] = first[cluster].min(row);
            }
        }
        let order = |c: usize| (std::cmp::Reverse(self.sizes[c]), first[c]);
        self.n_occupied() == self.n_clusters() && (0..self.n_clusters()).is_sorted_by_key(order)
    }

    /// Number of clusters with at least one row.
    pub(crate) fn n_occupied(&self) -> usize {
        self.sizes.iter().filter(|&&size| size > 0).count()
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Number of clusters, those without a row included; noise is not one.
    pub(crate) fn n_clusters(&self) -> usize {
        self.sizes.len()
    }

    /// Rows per cluster, by number. Canonical: largest first, none 0.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Number of rows in no cluster.
    pub(crate) fn n_noise(&self) -> usize {
        self.len() - self.sizes.iter().sum::<usize>()
    }

    /// The cluster of a row; `None` for noise and for rows that do not exist.
    pub fn get(&self, row: usize) -> Option<usize> {
        self.clusters.get(row).filter(|&&c| c != NOISE).map(|&c| c as usize)
    }

    /// The cluster of every row, in row order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<usize>> + '_ {
        self.clusters.iter().map(|&c| (c != NOISE).then_some(c as usize))
    }

    /// The cluster of every row, as a vector.
    pub fn to_vec(&self) -> Vec<Option<usize>> {
        self.iter().collect()
    }

    /// The rows of one cluster, ascending; empty for a cluster that does not exist.
    pub(crate) fn rows_of(&self, cluster: usize) -> Vec<usize> {
        (0..self.len()).filter(|&row| self.get(row) == Some(cluster)).collect()
    }
}

/// [`Labels`] as they are stored, not yet checked.
#[derive(Serialize, Deserialize)]
struct Stored {
    clusters: Vec<Option<u32>>,
    sizes: Vec<usize>,
}

impl TryFrom<Stored> for Labels {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Error::snapshot("Labels", reason);
        let n_clusters = stored.sizes.len();
        if stored.clusters.iter().flatten().any(|&cluster| cluster as usize >= n_clusters) {
            return Err(invalid("a row's cluster has no size"));
        }
        let clusters = stored.clusters.into_iter().map(|cluster| cluster.unwrap_or(NOISE));
        let labels = Self::numbered(clusters.collect(), n_clusters)?;
        if labels.sizes != stored.sizes {
            return Err(invalid("the sizes are not those of the clusters"));
        }
        Ok(labels)
    }
}

impl From<Labels> for Stored {
    fn from(labels: Labels) -> Self {
        let number = |cluster: u32| (cluster != NOISE).then_some(cluster);
        let clusters = labels.clusters.into_iter().map(number).collect();
        Self { clusters, sizes: labels.sizes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sizes_are_numbered_by_their_smallest_row() {
        let labels = Labels::new([5, 3, 3, 5].map(Some)).unwrap();
        assert_eq!(labels.to_vec(), [0, 1, 1, 0].map(Some));
        assert_eq!(labels.rows_of(1), [1, 2]);
        assert_eq!(labels.rows_of(2), [0usize; 0]);
    }

    #[test]
    fn nothing_and_all_noise_have_no_clusters() {
        assert_eq!(Labels::new([]).unwrap().to_vec(), []);
        let noise = Labels::new([None, None]).unwrap();
        assert_eq!((noise.n_clusters(), noise.n_noise(), noise.get(0)), (0, 2, None));
    }

    #[test]
    fn predicted_labels_keep_the_models_numbers_and_its_empty_clusters() {
        let predicted = Labels::numbered(vec![2, NOISE, 2, 0], 4).unwrap();
        assert_eq!(predicted.to_vec(), [Some(2), None, Some(2), Some(0)]);
        assert_eq!((predicted.sizes(), predicted.n_noise()), ([1, 0, 2, 0].as_slice(), 1));
        assert_eq!((predicted.n_clusters(), predicted.n_occupied()), (4, 2));
        assert_ne!(predicted, Labels::numbered(vec![2, NOISE, 2, 0], 3).unwrap());
        let canonical = Labels::new(predicted.iter()).unwrap();
        assert_eq!(canonical.to_vec(), [Some(0), None, Some(0), Some(1)]);
        assert!(canonical.is_canonical() && !predicted.is_canonical());
        for swapped in [vec![1, 0, 0], vec![1, 0]] {
            assert_eq!(
                Labels::numbered(swapped.clone(), 2).unwrap().is_canonical(),
                swapped.len() == 3
            );
        }
    }

    #[test]
    fn stored_labels_come_back_equal_and_tampered_ones_are_refused() {
        let fitted = Labels::new([Some(1), Some(0), None, Some(0)]).unwrap();
        let json = serde_json::to_string(&fitted).unwrap();
        assert_eq!(json, r#"{"clusters":[1,0,null,0],"sizes":[2,1]}"#);
        for labels in [fitted, Labels::numbered(vec![1, 1, NOISE], 3).unwrap()] {
            let json = serde_json::to_string(&labels).unwrap();
            assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        }
        for (json, message) in [
            (r#"{"clusters":[1,0],"sizes":[1,1,1]}"#, "the sizes are not those"),
            (r#"{"clusters":[2,0],"sizes":[1,1]}"#, "has no size"),
            (r#"{"clusters":[4294967295],"sizes":[]}"#, "has no size"),
        ] {
            let error = serde_json::from_str::<Labels>(json).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
