//! Row -> cluster or noise, numbered so that `==` means "the same grouping".
//!
//! Clusters are numbered by size, the largest first; of equal sizes, the one with the smallest row
//! comes first. Two labelings are equal exactly when they group the rows alike.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const NOISE: u32 = u32::MAX;

/// The cluster of every row, or none for noise.
///
/// ```
/// use personas::Labels;
///
/// let labels = Labels::new([Some(9), Some(4), None, Some(4)])?;
/// assert_eq!(labels.to_vec(), [Some(1), Some(0), None, Some(0)]);
/// assert_eq!(labels.sizes(), [2, 1]);
/// assert_eq!(labels, Labels::new([Some(0), Some(7), None, Some(7)])?);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Option<u32>>", into = "Vec<Option<u32>>")]
pub struct Labels {
    /// Cluster per row, `NOISE` for none.
    clusters: Vec<u32>,
    /// Rows per cluster; never increasing, never 0.
    sizes: Vec<usize>,
}

impl Labels {
    /// Renumbers any labeling into the canonical one. The numbers given may be arbitrary.
    ///
    /// # Errors
    /// [`Error::TooManySamples`] from 2³² − 1 rows on.
    pub fn new(raw: impl IntoIterator<Item = Option<usize>>) -> Result<Self> {
        let raw: Vec<Option<usize>> = raw.into_iter().collect();
        if raw.len() >= NOISE as usize {
            return Err(Error::TooManySamples {
                what: "Labels",
                limit: NOISE as usize - 1,
                got: raw.len(),
            });
        }
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

    /// Takes over labels that are numbered canonically already, without noise.
    pub(crate) fn from_canonical(clusters: Vec<u32>, n_clusters: usize) -> Self {
        let mut sizes = vec![0; n_clusters];
        clusters.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
        let labels = Self { clusters, sizes };
        debug_assert_eq!(Self::new(labels.iter()).as_ref(), Ok(&labels));
        labels
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// Number of clusters; noise is not one.
    pub fn n_clusters(&self) -> usize {
        self.sizes.len()
    }

    /// Rows per cluster, largest first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Number of rows in no cluster.
    pub fn n_noise(&self) -> usize {
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
    pub fn rows_of(&self, cluster: usize) -> Vec<usize> {
        (0..self.len()).filter(|&row| self.get(row) == Some(cluster)).collect()
    }
}

impl TryFrom<Vec<Option<u32>>> for Labels {
    type Error = Error;

    /// Accepts canonical numbering only: a model's centroids go by it.
    fn try_from(stored: Vec<Option<u32>>) -> Result<Self> {
        let labels = Self::new(stored.iter().map(|c| c.map(|c| c as usize)))?;
        if Vec::from(labels.clone()) != stored {
            return Err(Error::InvalidSnapshot {
                what: "Labels",
                reason: "clusters are not numbered by size, then smallest row".into(),
            });
        }
        Ok(labels)
    }
}

impl From<Labels> for Vec<Option<u32>> {
    fn from(labels: Labels) -> Self {
        labels.clusters.iter().map(|&c| (c != NOISE).then_some(c)).collect()
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
        assert!(Labels::new([]).unwrap().is_empty());
        let noise = Labels::new([None, None]).unwrap();
        assert_eq!((noise.n_clusters(), noise.n_noise(), noise.get(0)), (0, 2, None));
    }

    #[test]
    fn a_stored_labeling_comes_back_equal_and_a_tampered_one_is_refused() {
        let labels = Labels::new([Some(1), Some(0), None, Some(0)]).unwrap();
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(json, "[1,0,null,0]");
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        let tampered = serde_json::from_str::<Labels>("[0,1,null,1]").unwrap_err();
        assert!(tampered.to_string().contains("numbered by size"), "{tampered}");
    }
}
