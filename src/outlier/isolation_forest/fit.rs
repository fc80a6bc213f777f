//! A grown forest: how odd a row is, and why.
//!
//! A row goes down every tree. The mean of its path lengths is its score; what each cut on the way
//! saved of the path to be expected is credited to the cut's column. Complete rows go down many at once
//! ([`WalkTree`]); a row that misses values goes down alone.
//! Cost per row: n_trees · log ψ.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::tree::{IsolationTree, MAX_SAMPLES, MAX_TREES, average_path, depth_limit};
use super::walk::WalkTree;
use crate::num::check::{self, Rows};
use crate::num::parallel;
use crate::num::portable;
use crate::num::samples::Samples;
use crate::outlier::rank::oddest_first;
use crate::{Error, Result};

/// Rows that meet one tree after the other.
const BLOCK: usize = 256;

/// A grown forest, with the scores of the rows it was grown on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct IsolationForestFit {
    /// The score of every training row, in (0, 1]; higher = odder, about 0.5 = ordinary.
    #[serde(with = "crate::num::exact")]
    pub scores: Vec<f64>,
    /// Rows that score above this are outliers.
    #[serde(with = "crate::num::exact")]
    pub threshold: f64,
    /// The training rows above the threshold, the oddest first; equal scores in row order.
    #[serde(skip_serializing)]
    pub outliers: Vec<usize>,
    #[serde(with = "crate::num::exact")]
    pub(super) forest: Forest,
}

impl IsolationForestFit {
    pub(super) fn new(forest: Forest, scores: Vec<f64>, threshold: f64) -> Self {
        let outliers = oddest_first(&scores, threshold);
        Self { forest, scores, threshold, outliers }
    }

    /// Scores any rows, `(n_samples, n_features)`; a training row scores as it did in the fit. Beyond
    /// the range a column had in training, the score does not rise any further.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for a matrix of another width, and as for
    /// [`fit`](super::IsolationForest::fit) where it cannot be computed with.
    pub fn score<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Vec<f64>> {
        Ok(self.forest.scores(&self.forest.rows(x.into().into_rows()?.view())?))
    }

    /// Returns why rows are odd: the share of each column, `(n_samples, n_features)`, each 0 or more. The
    /// shares of a row sum to 1, or are all 0 if nothing sets it apart.
    ///
    /// The rule: a cut that moves the row from a node of m sampled rows into one of k rows gains
    /// c(m) − 1 − c(k), the expected path length it saves. The gain counts for the column of the cut. It is
    /// negative if the row stays with most rows, and averages about 0 on data without structure, so columns
    /// cut by chance cancel out. The gains of a path of length h sum to c(ψ) − h; the mean of that over the
    /// trees is c(ψ) · (1 + log2 score). The gains of each column are summed over all trees, negative sums are
    /// set to 0, and the rest is scaled to sum to 1.
    ///
    /// Read the shares only for rows with a high score. Columns that say the same split their share. The
    /// shares do not say in which direction a value is odd.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn reasons<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Array2<f64>> {
        let n_features = self.forest.n_features;
        let x = x.into().into_rows()?;
        let x = self.forest.rows(x.view())?;
        // A gain takes two logarithms, some twenty times a plain step.
        let work = self.forest.work_per_row().saturating_mul(20);
        let reasons = parallel::map(x.n_rows(), work, |row| self.forest.reasons(x.row(row)));
        Ok(Array2::from_shape_vec((x.n_rows(), n_features), reasons.concat())
            .expect("every row has one share per column"))
    }
}

/// Trees grown on samples of one matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Forest {
    pub(super) trees: Vec<IsolationTree>,
    pub(super) n_features: usize,
    /// ψ: rows that each tree has seen.
    pub(super) sample_size: u32,
    /// Whether rows may miss values.
    pub(super) allows_missing: bool,
}

impl Forest {
    /// Adds trees and forgets the oldest beyond `most`.
    pub(super) fn renew(&mut self, new: Vec<IsolationTree>, most: usize) {
        self.trees.extend(new);
        self.trees.drain(..self.trees.len().saturating_sub(most));
    }

    /// Rows to score, checked.
    pub(super) fn rows<'a>(&self, x: ArrayView2<'a, f64>) -> Result<Rows<'a>> {
        check::width(x, self.n_features)?;
        if self.allows_missing { check::rows_with_gaps(x) } else { check::rows(x) }
    }

    /// Multiply-adds, roughly, to take one row down all trees.
    fn work_per_row(&self) -> usize {
        self.trees.len() * depth_limit(self.sample_size) as usize
    }

    /// 2^(−E\[h\] / c(ψ)) as ½ · 2^(−E\[h − c(ψ)\] / c(ψ)): exactly ½ if every path is as expected.
    pub(super) fn scores(&self, x: &Rows<'_>) -> Vec<f64> {
        let expected = average_path(self.sample_size);
        if expected == 0.0 {
            return vec![0.5; x.n_rows()];
        }
        let depth = depth_limit(self.sample_size);
        let walks: Vec<WalkTree> =
            self.trees.iter().map(|tree| WalkTree::of(tree, depth)).collect();
        let mut sums = vec![0.0; x.n_rows()];
        let whole = self.trees.len() as f64 * expected;
        parallel::map_chunks_mut(&mut sums, BLOCK, self.work_per_row(), |block, sums| {
            let rows = x.range(block * BLOCK..block * BLOCK + sums.len());
            walks.iter().for_each(|walk| walk.add(rows, self.n_features, expected, sums));
            for (sum, row) in sums.iter_mut().zip(rows.chunks_exact(self.n_features)) {
                // The walks take a missing value for a small one.
                if self.allows_missing && row.iter().any(|value| value.is_nan()) {
                    *sum = self.trees.iter().map(|tree| tree.path(row) - expected).sum();
                }
                *sum = (0.5 * portable::exp2(-*sum / whole)).min(1.0);
            }
        });
        sums
    }

    /// Shares of the columns in what sets the row apart; all 0 if nothing does.
    fn reasons(&self, row: &[f64]) -> Vec<f64> {
        let mut gains = vec![0.0; self.n_features];
        for tree in &self.trees {
            tree.add_gains(row, &mut gains);
        }
        gains.iter_mut().for_each(|gain| *gain = gain.max(0.0));
        let total: f64 = gains.iter().sum();
        if total > 0.0 {
            gains.iter_mut().for_each(|gain| *gain /= total);
        }
        gains
    }
}

/// A fit as it is stored, before its invariants are checked.
#[derive(Deserialize)]
struct Stored {
    #[serde(with = "crate::num::exact")]
    scores: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    threshold: f64,
    #[serde(with = "crate::num::exact")]
    forest: Forest,
}

impl TryFrom<Stored> for IsolationForestFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let refuse = |reason: &'static str| Error::snapshot("IsolationForestFit", reason);
        let Stored { forest, scores, threshold } = stored;
        let Forest { trees, n_features, sample_size, allows_missing } = forest;
        let is_score = |score: &f64| *score > 0.0 && *score <= 1.0;
        if !scores.iter().all(is_score) || !is_score(&threshold) {
            return Err(refuse("a score or the threshold lies outside (0, 1]"));
        }
        if !(1..=MAX_TREES).contains(&trees.len()) || n_features == 0 {
            return Err(refuse("it has no trees, too many, or no columns"));
        }
        if scores.is_empty() || !(1..=MAX_SAMPLES as u32).contains(&sample_size) {
            return Err(refuse("the trees have seen no rows"));
        }
        let trees: std::result::Result<_, _> =
            trees.into_iter().map(|tree| tree.restore(n_features, sample_size)).collect();
        let trees = trees.map_err(refuse)?;
        let forest = Forest { trees, n_features, sample_size, allows_missing };
        Ok(Self::new(forest, scores, threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use crate::outlier::IsolationForest;
    use ndarray::array;

    /// A square grid of 100 rows and one row far away in column 1, the last.
    fn grid_and_one() -> Array2<f64> {
        let mut x = Array2::from_shape_fn((101, 2), |(i, j)| [i % 10, i / 10][j] as f64);
        x.row_mut(100).assign(&array![4.0, 60.0]);
        x
    }

    #[test]
    fn a_forest_that_learns_batch_after_batch_forgets_the_oldest_trees() {
        let x = grid_and_one();
        let forest = IsolationForest::default().max_samples(32);
        let mut fit = forest.clone().n_trees(6).fit(&x).unwrap();
        let first = fit.forest.trees.clone();
        let later = &x + 100.0;
        forest.clone().n_trees(4).seed(1).learn(&mut fit, &later, 20).unwrap();
        assert_eq!((fit.forest.trees.len(), &fit.forest.trees[..6]), (10, &first[..]));
        forest.clone().n_trees(4).seed(2).learn(&mut fit, &later, 10).unwrap();
        assert_eq!((fit.forest.trees.len(), &fit.forest.trees[..2]), (10, &first[4..]));
        assert_eq!(fit.scores, fit.score(&later).unwrap());
        // Once all trees are new, it is the forest of the new rows.
        forest.clone().n_trees(6).seed(3).learn(&mut fit, &later, 6).unwrap();
        assert_eq!(fit, forest.clone().n_trees(6).seed(3).fit(&later).unwrap());
        let before = fit.clone();
        let few = x.slice(ndarray::s![..31, ..]);
        assert!(matches!(forest.learn(&mut fit, few, 9), Err(Error::TooFewSamples { .. })));
        assert!(forest.learn(&mut fit, &x, 0).is_err());
        assert!(forest.learn(&mut fit, x.slice(ndarray::s![.., ..1]), 9).is_err());
        assert!(forest.clone().allow_missing().learn(&mut fit, &x, 9).is_err());
        assert_eq!(fit, before);
    }

    #[test]
    fn rows_side_by_side_score_as_one_by_one() {
        let mut stream = crate::num::rng::Stream::new(8, 0);
        for (n, d, cut_columns) in [(1, 1, 1), (7, 2, 1), (BLOCK + 13, 3, 1), (BLOCK + 13, 4, 3)] {
            let x = Array2::from_shape_simple_fn((n, d), || stream.normal());
            let forest = IsolationForest::default().n_trees(20).max_samples(64);
            let fit = forest.cut_columns(cut_columns).fit(&x).unwrap();
            let expected = average_path(fit.forest.sample_size);
            for (row, &score) in x.rows().into_iter().zip(&fit.scores) {
                let path = |tree: &IsolationTree| tree.path(row.as_slice().unwrap()) - expected;
                let mut sum = 0.0;
                fit.forest.trees.iter().for_each(|tree| sum += path(tree));
                let alone = if expected == 0.0 {
                    0.5
                } else {
                    (0.5 * portable::exp2(-sum / (20.0 * expected))).min(1.0)
                };
                assert_eq!(score, alone);
            }
        }
    }

    #[test]
    fn the_lone_row_is_the_oddest_and_its_column_is_why() {
        let x = grid_and_one();
        for seed in 0..5 {
            let fit = IsolationForest::default().seed(seed).fit(&x).unwrap();
            assert_eq!(fit.outliers[0], 100);
            assert!(fit.scores[100] > 0.75);
            let reasons = fit.reasons(&x).unwrap();
            assert!(reasons[[100, 1]] > 0.9, "{}", reasons.row(100));
            // A corner is odd in both.
            assert!((0.3..0.7).contains(&reasons[[0, 0]]), "{}", reasons.row(0));
        }
    }

    #[test]
    fn planted_oddities_are_laid_at_their_own_columns_door() {
        // Normal rows of ten columns; every twentieth is six standard deviations off in one of them.
        let mut stream = Stream::new(5, 0);
        let mut x = Array2::from_shape_fn((400, 10), |_| stream.normal());
        let planted = |i: usize| (20 * i, 7 * i % 10);
        (0..20).map(planted).for_each(|place| x[place] += 6.0);
        let reasons = IsolationForest::default().fit(&x).unwrap().reasons(&x).unwrap();
        let shares: Vec<f64> = (0..20).map(planted).map(|place| reasons[place]).collect();
        // Even shares would be 0.1. Gains cut off at 0 one by one give some 0.5.
        assert!(shares.iter().sum::<f64>() / 20.0 > 0.65, "{shares:?}");
        assert!(shares.iter().filter(|&&share| share > 0.5).count() >= 16, "{shares:?}");
    }

    #[test]
    fn a_row_in_the_crowd_has_no_reasons() {
        // Half of the rows are one point in the middle of the others.
        let x = Array2::from_shape_fn((200, 2), |(i, j)| match i {
            0..100 => 50.0,
            _ => ((i * (37 + 6 * j)) % 101) as f64,
        });
        let fit = IsolationForest::default().fit(&x).unwrap();
        assert!(fit.scores[0] < 0.45);
        assert_eq!(fit.reasons(&x).unwrap().row(0), array![0.0, 0.0]);
    }

    #[test]
    fn beyond_the_range_of_training_nothing_gets_odder() {
        let fit = IsolationForest::default().fit(&grid_and_one()).unwrap();
        let scores = fit.score(&array![[4.0, 60.0], [4.0, 61.0], [4.0, 1e100]]).unwrap();
        assert_eq!(scores[0], fit.scores[100]);
        assert!(scores[1] == scores[2] && scores[1] >= scores[0]);
    }

    #[test]
    fn a_fit_survives_json_and_a_forged_one_is_refused() {
        let forest = IsolationForest::default().n_trees(3).max_samples(4);
        let fit = forest.fit(&grid_and_one()).unwrap();
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<IsolationForestFit>(&json).unwrap(), fit);
        let fields = serde_json::to_value(&fit).unwrap();
        for (place, forged) in [
            ("/threshold", "null"),
            ("/threshold", "1.5"),
            ("/scores/0", "0.0"),
            ("/scores", "[]"),
            ("/forest/trees", "[]"),
            ("/forest/trees/1", "[]"),
            ("/forest/n_features", "0"),
            ("/forest/n_features", "1"),
            ("/forest/sample_size", "5"),
            ("/forest/sample_size", "0"),
            ("/forest/trees/0/0/Split/left", "0"),
            ("/forest/trees/0/0/Split/column", "2"),
        ] {
            let mut broken = fields.clone();
            *broken.pointer_mut(place).expect("the place exists") =
                serde_json::from_str(forged).unwrap();
            let restored = serde_json::from_value::<IsolationForestFit>(broken);
            assert!(restored.is_err(), "{place} {forged}");
        }
    }
}
