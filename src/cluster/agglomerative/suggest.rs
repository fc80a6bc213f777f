//! Where to cut a tree: at a wide gap between two merges, if groups like these come back.
//!
//! The gap of a cut into k groups is (above − below) / above, of the height of the first merge that is
//! undone and of the last one that is done: 0 where they are equal, 1 where the groups have no width.
//! The widest gap alone always finds something, so the groups are held against trees of half the rows:
//! how well a group comes back is its Jaccard index with the most similar group of the half's cut, over
//! the rows drawn.
//!
//! Source: the largest jump, Mojena 1977; stability by subsets, Hennig 2007.
//! Cost: twenty trees of half the rows, at most two thousand.

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::Agglomerative;
use crate::cluster::dendrogram::Dendrogram;
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::{Error, Labels, Result};

/// Most groups suggested.
const MOST: usize = 20;
/// Cuts that are tried, those with the widest gaps.
const N_TRIED: usize = 5;
const N_HALVES: u64 = 20;
const MAX_DRAWN: usize = 2_000;
/// Mean Jaccard index of a valid, stable group (Hennig 2007).
pub(super) const STABLE: f64 = 0.75;

/// A cut of a tree that its data support.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SuggestedCut {
    /// Number of groups, for [`Dendrogram::cut_into`].
    pub k: usize,
    /// A height halfway through the gap, for [`Dendrogram::cut_at`].
    pub height: f64,
    /// (above − below) / above of the heights around the cut, in 0..=1.
    pub gap: f64,
    /// Mean Jaccard index of the least stable group, in 0..=1.
    pub stability: f64,
}

impl Agglomerative {
    /// Suggests where to cut the tree of `x`, `(n_samples, n_features)`. Returns `None` if no cut is
    /// supported; then the data show no groups to this linkage.
    ///
    /// The method looks at the five widest gaps between heights that leave 2 to 20 groups. It takes the widest
    /// whose groups all come back in trees of half the rows, with a mean Jaccard index of at least 0.75. The
    /// `seed` draws these halves. Every row counts once, even if the tree was made with weights.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::Array2};
    ///
    /// let x = Array2::from_shape_fn((60, 1), |(row, _)| (row % 3 * 100 + row / 3) as f64);
    /// let method = Agglomerative::new(Linkage::Ward);
    /// let tree = method.fit(&x)?;
    /// let cut = method.suggest_cut(&x, &tree, 0)?.expect("three groups");
    /// assert_eq!(tree.cut_into(cut.k)?.sizes(), [20, 20, 20]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::DimensionMismatch`] if the tree is not one of so many rows.
    pub fn suggest_cut<'a>(
        &self,
        x: impl Into<Samples<'a>>,
        tree: &Dendrogram,
        seed: u64,
    ) -> Result<Option<SuggestedCut>> {
        let x = x.into().into_rows()?;
        let x = x.view();
        check_tree(x, tree)?;
        let mut cuts = gaps(tree);
        cuts.sort_by(|x, y| y.gap.total_cmp(&x.gap).then(x.k.cmp(&y.k)));
        cuts.truncate(N_TRIED);
        if cuts.is_empty() {
            return Ok(None);
        }
        let labels: Vec<Labels> =
            cuts.iter().map(|cut| tree.cut_into(cut.k)).collect::<Result<_>>()?;
        let mut jaccard: Vec<JaccardSums> =
            cuts.iter().map(|cut| JaccardSums::new(cut.k)).collect();
        for half in 0..N_HALVES {
            let n_drawn = x.nrows().div_ceil(2).min(MAX_DRAWN);
            let mut drawn = Stream::new(seed, half).sample(x.nrows(), n_drawn);
            drawn.sort_unstable();
            let again = self.fit(x.select(Axis(0), &drawn).view())?;
            for ((cut, labels), jaccard) in cuts.iter().zip(&labels).zip(&mut jaccard) {
                jaccard.add(labels, &drawn, &again.cut_into(cut.k.min(n_drawn))?);
            }
        }
        for (cut, jaccard) in cuts.iter_mut().zip(&jaccard) {
            cut.stability = jaccard.least_mean();
        }
        Ok(cuts.into_iter().find(|cut| cut.stability >= STABLE))
    }
}

/// Whether a tree has as many rows as a matrix.
pub(super) fn check_tree(x: ArrayView2<'_, f64>, tree: &Dendrogram) -> Result<()> {
    if tree.n_samples() == x.nrows() {
        return Ok(());
    }
    let what = "rows of the tree".into();
    Err(Error::DimensionMismatch { what, expected: x.nrows(), got: tree.n_samples() })
}

/// The cuts into 2 to 20 groups that have a gap.
fn gaps(tree: &Dendrogram) -> Vec<SuggestedCut> {
    let merges = tree.merges();
    let cuts = (2..=MOST.min(merges.len())).map(|k| {
        let above = merges[merges.len() + 1 - k].height;
        let below = merges[merges.len() - k].height;
        let gap = if above > 0.0 { ((above - below) / above).max(0.0) } else { 0.0 };
        SuggestedCut { k, height: 0.5 * below + 0.5 * above, gap, stability: 0.0 }
    });
    cuts.filter(|cut| cut.gap > 0.0).collect()
}

/// Per group the sum of its Jaccard indices, and in how many halves it had rows.
struct JaccardSums(Vec<(f64, u32)>);

impl JaccardSums {
    fn new(k: usize) -> Self {
        Self(vec![(0.0, 0); k])
    }

    /// Adds how well each group comes back among the groups of the rows drawn.
    fn add(&mut self, labels: &Labels, drawn: &[usize], again: &Labels) {
        let k = again.n_clusters();
        let mut both = vec![0usize; self.0.len() * k];
        let mut sizes = vec![0usize; self.0.len()];
        for (i, &row) in drawn.iter().enumerate() {
            if let (Some(group), Some(other)) = (labels.get(row), again.get(i)) {
                both[group * k + other] += 1;
                sizes[group] += 1;
            }
        }
        let groups = self.0.iter_mut().zip(&sizes).enumerate();
        for (group, ((sum, n), &size)) in groups.filter(|(_, (_, size))| **size > 0) {
            let pairs = both[group * k..][..k].iter().zip(again.sizes());
            let jaccard = pairs.map(|(&both, &other)| both as f64 / (size + other - both) as f64);
            *sum += jaccard.fold(0.0, f64::max);
            *n += 1;
        }
    }

    fn least_mean(&self) -> f64 {
        let means = self.0.iter().map(|&(sum, n)| sum / f64::from(n.max(1)));
        means.fold(1.0, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::agglomerative::Linkage;
    use ndarray::{Array2, array};

    #[test]
    fn groups_that_are_there_are_suggested_and_none_where_there_are_none() {
        let mut stream = Stream::new(6, 0);
        let clouds = Array2::from_shape_fn((200, 2), |(row, column)| {
            f64::from(((row % 4) >> column & 1) as u32) * 12.0 + stream.normal()
        });
        let even = Array2::from_shape_simple_fn((200, 2), || stream.unit());
        for linkage in [Linkage::Ward, Linkage::Average, Linkage::Complete, Linkage::Centroid] {
            let method = Agglomerative::new(linkage);
            let suggest =
                |x: &Array2<f64>| method.suggest_cut(x, &method.fit(x).unwrap(), 1).unwrap();
            let cut = suggest(&clouds).unwrap();
            assert_eq!(cut.k, 4, "{linkage:?}");
            assert!(cut.stability > 0.95 && cut.gap > 0.3);
            assert_eq!(suggest(&even), None, "{linkage:?}");
        }
    }

    #[test]
    fn small_and_equal_data_have_no_cut_and_another_tree_is_refused() {
        let method = Agglomerative::new(Linkage::Ward);
        let suggest = |x: &Array2<f64>| method.suggest_cut(x, &method.fit(x).unwrap(), 0).unwrap();
        assert_eq!(suggest(&array![[1.0]]), None);
        assert_eq!(suggest(&array![[1.0], [2.0]]), None);
        assert_eq!(suggest(&Array2::zeros((9, 2))), None);
        let tree = method.fit(&array![[1.0], [2.0]]).unwrap();
        let error = method.suggest_cut(&array![[1.0]], &tree, 0);
        assert!(matches!(error, Err(Error::DimensionMismatch { expected: 1, got: 2, .. })));
    }
}
