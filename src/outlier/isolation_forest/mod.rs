//! Isolation forest: the odd rows are those that few random cuts set apart.
//!
//! Each tree takes a small sample of rows and cuts it at random columns and values until every row
//! stands alone. A row far from the rest is alone after a few cuts, so a short mean path means odd:
//! score = 2^(−E\[h\] / c(ψ)), where h is the path length, ψ the sample size and c(ψ) the path
//! length to be expected. About 0.5 is ordinary, near 1 is odd.
//!
//! Source: Liu, Ting, Zhou 2008. Where we differ: a leaf is cut in f64, so that milliseconds since
//! 1970 stay apart; a row that nothing sets apart scores 0.5 to the bit, because paths are summed
//! as their difference from c(ψ).
//! Cost: n_trees · ψ · log ψ to grow, n_trees · n_samples · log ψ to score; memory
//! n_trees · ψ · 64 bytes at most.

mod tree;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::num::check::{self, Rows};
use crate::num::rng::Stream;
use crate::num::{parallel, stats};
use crate::{Error, Result};

use tree::{Tree, average_path, depth_limit};

/// Trees allowed: 65,536 trees of 256 rows take about a gigabyte.
const MAX_TREES: usize = 1 << 16;

/// Rows per tree allowed: node numbers are 32 bits wide, and a tree has up to two nodes per row.
const MAX_SAMPLES: usize = 1 << 31;

/// How many rows to call outliers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Contamination {
    /// Those that score above 0.5, that is, are set apart sooner than expected. On even data this
    /// can be a third of all rows: it is a border of meaning, not of rarity.
    #[default]
    Auto,
    /// About this share of the training rows, in (0, 0.5]: the threshold is the score that a share
    /// of them exceeds (interpolated between two scores). Only rows *above* it are outliers, so
    /// they are never more than ⌈share · n_samples⌉, and rows that tie at the threshold are all
    /// left out.
    Share(f64),
}

/// Isolation forest; see [the module](crate::outlier) for when to use it.
///
/// ```
/// use personas::{IsolationForest, ndarray::Array2};
///
/// // 100 people; number 17 spends like nobody else.
/// let mut x = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) % 10) as f64);
/// x[[17, 1]] = 40.0;
/// let fit = IsolationForest::new().seed(7).fit(&x)?;
/// assert_eq!(fit.outliers()[0], 17);
/// let why = fit.reasons(&x)?;
/// assert!(why[[17, 1]] > 0.8);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IsolationForest {
    n_trees: usize,
    max_samples: usize,
    contamination: Contamination,
    seed: u64,
}

impl Default for IsolationForest {
    fn default() -> Self {
        Self { n_trees: 100, max_samples: 256, contamination: Contamination::Auto, seed: 0 }
    }
}

impl IsolationForest {
    /// 100 trees of at most 256 rows, threshold 0.5, seed 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of trees, 1 to 65,536; 100 unless set. More trees steady the scores.
    #[must_use]
    pub fn n_trees(mut self, n_trees: usize) -> Self {
        self.n_trees = n_trees;
        self
    }

    /// Rows per tree, drawn without replacement; 256 unless set, and never more than there are.
    /// At least 1; with 1, nothing can be isolated and every score is 0.5.
    #[must_use]
    pub fn max_samples(mut self, max_samples: usize) -> Self {
        self.max_samples = max_samples;
        self
    }

    /// How many rows to call outliers; [`Contamination::Auto`] unless set. Scores do not depend on it.
    #[must_use]
    pub fn contamination(mut self, contamination: Contamination) -> Self {
        self.contamination = contamination;
        self
    }

    /// Seed of the random cuts; 0 unless set. The same seed and rows give the same bits.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Grows the forest on `x` `(n_samples, n_features)` and scores its rows.
    ///
    /// Columns may have any scale, and constant ones are never cut. One row, or rows that are all
    /// equal, score exactly 0.5 and are no outliers.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for `n_trees`, `max_samples` or `contamination` outside their
    /// range; [`Error::TooManySamples`] for trees of more than 2³¹ rows; [`Error::Empty`],
    /// [`Error::NoColumns`], [`Error::NonFinite`] and [`Error::MagnitudeTooLarge`] for a matrix
    /// that cannot be computed with.
    pub fn fit<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<IsolationForestFit> {
        self.fit_rows(&check::rows(x.into())?)
    }

    fn fit_rows(&self, x: &Rows<'_>) -> Result<IsolationForestFit> {
        self.check()?;
        let sample_size = self.max_samples.min(x.n_rows());
        if sample_size > MAX_SAMPLES {
            return Err(Error::TooManySamples {
                what: "a tree of IsolationForest",
                limit: MAX_SAMPLES,
                got: sample_size,
            });
        }
        let depth = depth_limit(sample_size as u32) as usize;
        let trees = parallel::map(self.n_trees, sample_size.saturating_mul(depth), |tree| {
            let mut stream = Stream::new(self.seed, tree as u64);
            let sample = stream.sample(x.n_rows(), sample_size);
            Tree::grow(x, sample, &mut stream)
        });
        let forest = Forest { trees, n_features: x.n_columns(), sample_size: sample_size as u32 };
        let scores = forest.scores(x);
        let threshold = match self.contamination {
            Contamination::Auto => 0.5,
            Contamination::Share(share) => exceeded_by(share, &scores),
        };
        Ok(IsolationForestFit { forest, scores, threshold })
    }

    fn check(&self) -> Result<()> {
        if !(1..=MAX_TREES).contains(&self.n_trees) {
            return Err(Error::parameter("n_trees", "between 1 and 65536", self.n_trees));
        }
        if self.max_samples == 0 {
            return Err(Error::parameter("max_samples", "at least 1", 0));
        }
        match self.contamination {
            Contamination::Share(share) if !(share > 0.0 && share <= 0.5) => {
                Err(Error::parameter("contamination", "a share above 0, at most 0.5", share))
            }
            _ => Ok(()),
        }
    }
}

/// The score that a share of the rows exceeds: the `share` quantile of the scores, counted from the
/// odd end.
fn exceeded_by(share: f64, scores: &[f64]) -> f64 {
    let descending: Vec<f64> = scores.iter().map(|score| -score).collect();
    -stats::quantile(&stats::sorted(&descending), share)
}

/// Trees grown on samples of one matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Forest {
    trees: Vec<Tree>,
    n_features: usize,
    /// ψ: rows that each tree has seen.
    sample_size: u32,
}

impl Forest {
    /// Multiply-adds, roughly, to take one row down all trees.
    fn work_per_row(&self) -> usize {
        self.trees.len() * depth_limit(self.sample_size) as usize
    }

    fn scores(&self, x: &Rows<'_>) -> Vec<f64> {
        parallel::map(x.n_rows(), self.work_per_row(), |row| self.score(x.row(row)))
    }

    /// 2^(−E\[h\] / c(ψ)) as ½ · 2^(−E\[h − c(ψ)\] / c(ψ)): exactly ½ if every path is as expected.
    fn score(&self, row: &[f64]) -> f64 {
        let expected = average_path(self.sample_size);
        if expected == 0.0 {
            return 0.5;
        }
        let mut excess = 0.0;
        for tree in &self.trees {
            excess += tree.path(row) - expected;
        }
        let score = 0.5 * (-excess / (self.trees.len() as f64 * expected)).exp2();
        score.min(1.0)
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

/// A grown forest, with the scores of the rows it was grown on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct IsolationForestFit {
    forest: Forest,
    scores: Vec<f64>,
    threshold: f64,
}

impl IsolationForestFit {
    /// The score of every training row, in (0, 1]; higher = odder, about 0.5 = ordinary.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Rows that score above this are outliers.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The training rows above the threshold, the oddest first; equal scores in row order.
    pub fn outliers(&self) -> Vec<usize> {
        super::oddest_first(&self.scores, self.threshold)
    }

    /// Scores any rows, `(n_samples, n_features)`; a training row scores as it did in the fit. Beyond
    /// the range a column had in training, the score does not rise any further.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for a matrix of another width, and as for
    /// [`fit`](IsolationForest::fit) where it cannot be computed with.
    pub fn score<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Vec<f64>> {
        Ok(self.forest.scores(&check::rows_of_width(x.into(), self.forest.n_features)?))
    }

    /// Why rows are odd: the share of each column in what sets the row apart,
    /// `(n_samples, n_features)`, each ≥ 0. A row sums to 1, or is all 0 if nothing sets it apart.
    ///
    /// The rule: a cut that takes the row from a node of m sampled rows into one of k gains
    /// c(m) − 1 − c(k), the expected path it saved, and the gain is the cut column's. Gains are
    /// negative where the row stays with the crowd; over data without structure they average 0. Over
    /// the cuts of a path they add up to c(ψ) − h, so that over all trees and columns they add up to
    /// what the score says: c(ψ) · (1 + log2 score) per tree. Each column's gains are summed over all
    /// trees, sums below 0 are set to 0, and the rest is scaled to add up to 1.
    ///
    /// Read them for rows with a high score: an ordinary row's shares are shares of next to nothing.
    /// Of columns that say the same, each gets a part. The shares say nothing of the direction.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn reasons<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Array2<f64>> {
        let n_features = self.forest.n_features;
        let x = check::rows_of_width(x.into(), n_features)?;
        // A gain takes two logarithms, some twenty times a plain step.
        let work = self.forest.work_per_row().saturating_mul(20);
        let reasons = parallel::map(x.n_rows(), work, |row| self.forest.reasons(x.row(row)));
        Ok(Array2::from_shape_vec((x.n_rows(), n_features), reasons.concat())
            .expect("every row has one share per column"))
    }
}

/// A fit as it is stored, before its invariants are checked.
#[derive(Deserialize)]
struct Stored {
    forest: Forest,
    scores: Vec<f64>,
    threshold: f64,
}

impl TryFrom<Stored> for IsolationForestFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let refuse = |reason: &'static str| Error::InvalidSnapshot {
            what: "IsolationForestFit",
            reason: reason.into(),
        };
        let Stored { forest: Forest { trees, n_features, sample_size }, scores, threshold } =
            stored;
        let is_score = |score: &f64| *score > 0.0 && *score <= 1.0;
        if !scores.iter().all(is_score) || !is_score(&threshold) {
            return Err(refuse("a score or the threshold lies outside (0, 1]"));
        }
        if !(1..=MAX_TREES).contains(&trees.len()) || n_features == 0 {
            return Err(refuse("it has no trees, too many, or no columns"));
        }
        if scores.len() < sample_size as usize || !(1..=MAX_SAMPLES as u32).contains(&sample_size) {
            return Err(refuse("the trees have seen no rows, or more than there are scores"));
        }
        let trees: std::result::Result<_, _> =
            trees.into_iter().map(|tree| tree.restore(n_features, sample_size)).collect();
        let trees = trees.map_err(refuse)?;
        Ok(Self { forest: Forest { trees, n_features, sample_size }, scores, threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    /// A square grid of 100 rows and one row far away in column 1, the last.
    fn grid_and_one() -> Array2<f64> {
        let mut x = Array2::from_shape_fn((101, 2), |(i, j)| [i % 10, i / 10][j] as f64);
        x.row_mut(100).assign(&array![4.0, 60.0]);
        x
    }

    #[test]
    fn equal_rows_score_a_half_to_the_bit_and_none_is_odd() {
        // The sizes at which a peer calls all of them outliers.
        for n in [1, 2, 3, 5, 10, 20, 50, 100, 256, 300] {
            let x = Array2::from_elem((n, 2), 0.1);
            for contamination in [Contamination::Auto, Contamination::Share(0.1)] {
                let forest = IsolationForest::new().n_trees(7).contamination(contamination);
                let fit = forest.fit(&x).unwrap();
                assert!(fit.scores().iter().all(|&score| score == 0.5), "{n}");
                assert!(fit.outliers().is_empty());
                assert_eq!(fit.reasons(&x).unwrap(), Array2::<f64>::zeros((n, 2)));
            }
        }
    }

    #[test]
    fn trees_of_one_row_isolate_nothing() {
        let fit = IsolationForest::new().max_samples(1).fit(&grid_and_one()).unwrap();
        assert!(fit.scores().iter().all(|&score| score == 0.5));
    }

    #[test]
    fn two_different_rows_are_one_cut_away_as_expected() {
        let fit = IsolationForest::new().fit(&array![[0.0], [1.0]]).unwrap();
        assert_eq!(fit.scores(), [0.5, 0.5]);
    }

    #[test]
    fn settings_outside_their_range_are_refused_by_name() {
        let x = array![[0.0], [1.0]];
        let share = |share| IsolationForest::new().contamination(Contamination::Share(share));
        for (forest, parameter) in [
            (IsolationForest::new().n_trees(0), "n_trees"),
            (IsolationForest::new().n_trees(usize::MAX), "n_trees"),
            (IsolationForest::new().max_samples(0), "max_samples"),
            (share(0.0), "contamination"),
            (share(0.51), "contamination"),
            (share(f64::NAN), "contamination"),
        ] {
            let error = forest.fit(&x).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name, .. } if name == parameter));
        }
        assert!(IsolationForest::new().max_samples(usize::MAX).fit(&x).is_ok());
        assert!(share(0.5).fit(&x).is_ok());
        let wide = IsolationForest::new().fit(&x).unwrap().score(&array![[0.0, 1.0]]);
        assert!(matches!(wide, Err(Error::DimensionMismatch { expected: 1, got: 2, .. })));
        assert!(IsolationForest::new().fit(&array![[f64::NAN]]).is_err());
    }

    #[test]
    fn the_lone_row_is_the_oddest_and_its_column_is_why() {
        let x = grid_and_one();
        for seed in 0..5 {
            let fit = IsolationForest::new().seed(seed).fit(&x).unwrap();
            assert_eq!(fit.outliers()[0], 100);
            assert!(fit.scores()[100] > 0.75);
            let reasons = fit.reasons(&x).unwrap();
            assert!(reasons[[100, 1]] > 0.9, "{}", reasons.row(100));
            // A corner is odd in both.
            assert!((0.3..0.7).contains(&reasons[[0, 0]]), "{}", reasons.row(0));
        }
    }

    #[test]
    fn a_row_in_the_crowd_has_no_reasons() {
        // Half of the rows are one point in the middle of the others.
        let x = Array2::from_shape_fn((200, 2), |(i, j)| match i {
            0..100 => 50.0,
            _ => ((i * (37 + 6 * j)) % 101) as f64,
        });
        let fit = IsolationForest::new().fit(&x).unwrap();
        assert!(fit.scores()[0] < 0.45);
        assert_eq!(fit.reasons(&x).unwrap().row(0), array![0.0, 0.0]);
    }

    #[test]
    fn a_minute_off_a_burst_is_seen_among_milliseconds_since_1970() {
        // In f32 the 201 values are one.
        let x = Array2::from_shape_fn((201, 1), |(i, _)| {
            1.5e12 + if i == 200 { 60_000.0 } else { i as f64 * 5.0 }
        });
        let fit = IsolationForest::new().fit(&x).unwrap();
        assert_eq!(fit.outliers()[0], 200);
        assert!(fit.scores()[200] > 0.8);
    }

    #[test]
    fn the_threshold_is_the_percentile_of_the_scores() {
        // By hand: position 0.3 · 4 = 1.2 from the odd end, a fifth of the way from 0.8 to 0.6.
        let scores = [0.4, 0.9, 0.5, 0.8, 0.6];
        assert!((exceeded_by(0.3, &scores) - 0.76).abs() < 1e-15);
        assert_eq!(exceeded_by(0.5, &scores), 0.6);
    }

    #[test]
    fn rows_that_tie_at_the_threshold_are_left_out() {
        // Half of the rows are one point, the other half another: scores take two values at most.
        let x = Array2::from_shape_fn((40, 1), |(i, _)| (i % 2) as f64);
        let share = Contamination::Share(0.25);
        let fit = IsolationForest::new().contamination(share).fit(&x).unwrap();
        assert!(fit.outliers().is_empty());
    }

    #[test]
    fn beyond_the_range_of_training_nothing_gets_odder() {
        let fit = IsolationForest::new().fit(&grid_and_one()).unwrap();
        let scores = fit.score(&array![[4.0, 60.0], [4.0, 61.0], [4.0, 1e100]]).unwrap();
        assert_eq!(scores[0], fit.scores()[100]);
        assert!(scores[1] == scores[2] && scores[1] >= scores[0]);
    }

    #[test]
    fn a_fit_survives_json_and_a_forged_one_is_refused() {
        let forest = IsolationForest::new().n_trees(3).max_samples(4);
        let fit = forest.fit(&grid_and_one()).unwrap();
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<IsolationForestFit>(&json).unwrap(), fit);
        let fields = serde_json::to_value(&fit).unwrap();
        for (place, forged) in [
            ("/threshold", "null"),
            ("/threshold", "1.5"),
            ("/scores/0", "0.0"),
            ("/scores", "[0.5]"),
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_laws_of_scores_and_reasons_hold(
            cells in prop::collection::vec(-4i32..5, 3..90),
            seed: u64,
            power in -60i32..60,
            share in 0.01..=0.5f64,
        ) {
            let x = Array2::from_shape_fn((cells.len() / 3, 3), |(i, j)| f64::from(cells[3 * i + j]));
            let forest = IsolationForest::new().n_trees(10).max_samples(16).seed(seed);
            let fit = forest.clone().contamination(Contamination::Share(share)).fit(&x).unwrap();
            prop_assert!(fit.scores().iter().all(|&score| score > 0.0 && score <= 1.0));
            prop_assert_eq!(fit.score(&x).unwrap(), fit.scores());
            prop_assert!(fit.outliers().len() as f64 <= (share * x.nrows() as f64).ceil());
            for row in fit.reasons(&x).unwrap().rows() {
                prop_assert!(row.iter().all(|&reason| reason >= 0.0));
                prop_assert!(row.sum() == 0.0 || (row.sum() - 1.0).abs() < 1e-12);
            }
            // Powers of two are exact, so a column's unit leaves every bit as it is.
            let mut scaled = x.clone();
            scaled.column_mut(1).mapv_inplace(|v| v * 2f64.powi(power));
            let rescaled = forest.fit(&scaled).unwrap();
            prop_assert_eq!(rescaled.scores(), fit.scores());
        }

        #[test]
        fn no_path_is_longer_than_the_limit_and_what_a_full_leaf_adds(
            cells in prop::collection::vec(-1e3..1e3f64, 2..60),
            seed: u64,
        ) {
            let x = Array2::from_shape_vec((cells.len(), 1), cells).unwrap();
            let fit = IsolationForest::new().n_trees(5).seed(seed).fit(&x).unwrap();
            let n = fit.forest.sample_size;
            let longest = f64::from(depth_limit(n)) + average_path(n);
            for row in x.rows() {
                let row = row.to_vec();
                prop_assert!(fit.forest.trees.iter().all(|tree| tree.path(&row) <= longest));
            }
        }
    }
}
