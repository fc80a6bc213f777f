//! Isolation forest: the odd rows are those that few random cuts set apart.
//!
//! Each tree takes a small sample of rows and cuts it at random columns and values until every row
//! stands alone. A row far from the rest is alone after a few cuts, so a short mean path means odd:
//! score = 2^(−E\[h\] / c(ψ)), where h is the path length, ψ the sample size and c(ψ) the path
//! length to be expected. About 0.5 is ordinary, near 1 is odd.
//!
//! Source: Liu, Ting, Zhou 2008; cuts across several columns: Hariri, Kind, Brunner 2019. Where we
//! differ: a row that nothing sets apart scores 0.5 to the bit, because paths are summed as their
//! difference from c(ψ). All in f64: milliseconds since 1970 stay apart.
//! Cost: n_trees · ψ · log ψ to grow, n_trees · n_samples · log ψ to score; memory
//! n_trees · ψ · 64 bytes at most. Cuts across m columns take 32 · m bytes each, and rows go
//! down alone, so that scores take some forty times as long.
//! Rows that miss values cost up to n_trees · ψ; weights n_trees · n_samples.

mod cut;
mod draw;
mod fit;
mod tree;
mod walk;

use serde::{Deserialize, Serialize};

use crate::num::check::{self, Rows};
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::num::{parallel, stats};
use crate::{Error, Result};

use draw::Copies;
use fit::Forest;
pub use fit::IsolationForestFit;
use tree::{Growing, IsolationTree, MAX_SAMPLES, MAX_TREES, depth_limit};

/// How many rows to call outliers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Contamination {
    /// Those that score above 0.5 *and* beyond Tukey's fence of the training scores: the third quartile
    /// plus one and a half times the distance between the quartiles. The fewer columns and the more skew, the more
    /// rows: of normally distributed rows about 10 % in one column, 6 % in two, 3 % in three and 1 % in ten; of
    /// log-normal ones 8 % in one to three columns; of evenly spread ones 7 %, 2 % and from three on less than
    /// 1 %. Use a share for one or two columns. (A score above 0.5 alone means "set apart sooner than
    /// expected", as a tenth of normal rows and half of even ones are.)
    #[default]
    Auto,
    /// About this share of the training rows, in (0, 0.5]: the threshold is the score that a share
    /// of them exceeds (interpolated between two scores). Only rows *above* it are outliers, so
    /// they are never more than ⌈share · n_samples⌉, and rows that tie at the threshold are all
    /// left out.
    #[serde(with = "crate::num::exact")]
    Share(f64),
}

/// Isolation forest; see [the module](crate::outlier) for when to use it.
///
/// ```
/// use personas::{ndarray::Array2, outlier::IsolationForest};
///
/// // 100 people; number 17 spends like nobody else.
/// let mut x = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) % 10) as f64);
/// x[[17, 1]] = 40.0;
/// let fit = IsolationForest::default().seed(7).fit(&x)?;
/// assert_eq!(fit.outliers[0], 17);
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
    cut_columns: usize,
    allows_missing: bool,
}

impl Default for IsolationForest {
    /// 100 trees of at most 256 rows, [`Contamination::Auto`], seed 0.
    fn default() -> Self {
        Self {
            n_trees: 100,
            max_samples: 256,
            contamination: Contamination::Auto,
            seed: 0,
            cut_columns: 1,
            allows_missing: false,
        }
    }
}

impl IsolationForest {
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
    ///
    /// ```
    /// use personas::ndarray::Array2;
    /// use personas::outlier::{Contamination, IsolationForest};
    ///
    /// let x = Array2::from_shape_fn((100, 2), |(i, j)| ((i * (7 + 4 * j)) % 37) as f64);
    /// let forest = IsolationForest::default().contamination(Contamination::Share(0.05));
    /// assert!((1..=5).contains(&forest.fit(&x)?.outliers.len()));
    /// # Ok::<(), personas::Error>(())
    /// ```
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

    /// How many columns a cut goes across; 1 unless set, and never more than vary among its rows.
    ///
    /// From 2 on, this is the *extended* isolation forest: cuts have random slopes, so rows in the gaps of a
    /// slanted or round pattern are found too. Scoring takes some forty times as long, and rows that are odd in
    /// a single column score lower. Columns may still have any scale: each counts by its range in the node.
    ///
    /// ```
    /// use personas::{outlier::IsolationForest, ndarray::Array2};
    ///
    /// // A diagonal of rows, and one row beside it that is ordinary in each column.
    /// let mut x = Array2::from_shape_fn((200, 2), |(row, column)| (row + 7 * column % 5) as f64);
    /// x.row_mut(199).assign(&personas::ndarray::array![20.0, 170.0]);
    /// let rank = |forest: IsolationForest| -> Result<usize, personas::Error> {
    ///     let scores = forest.fit(&x)?.scores;
    ///     Ok(scores.iter().filter(|&&score| score > scores[199]).count())
    /// };
    /// assert_eq!(rank(IsolationForest::default().cut_columns(2))?, 0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn cut_columns(mut self, cut_columns: usize) -> Self {
        self.cut_columns = cut_columns;
        self
    }

    /// Treats NaN as a missing value, in `fit` and in the methods of the fit. Otherwise NaN is an error.
    ///
    /// If a row lacks the value that a cut needs, it goes down both sides, and its path length is the mean of
    /// both, weighted by the number of rows on each side. A missing value therefore makes a row neither odd nor
    /// ordinary, and a row without any value scores about 0.5. While a tree grows, such a row goes to one
    /// side at random, with the shares of the rows that have the value.
    ///
    /// ```
    /// use personas::{outlier::IsolationForest, ndarray::array};
    ///
    /// let x = array![[1.0, 5.0], [2.0, f64::NAN], [1.5, 6.0], [f64::NAN, 5.5], [9.0, 40.0]];
    /// assert!(IsolationForest::default().fit(&x).is_err());
    /// let fit = IsolationForest::default().allow_missing().fit(&x)?;
    /// let new = fit.score(&array![[9.0, f64::NAN], [1.6, f64::NAN]])?;
    /// assert!(new[0] > new[1]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn allow_missing(mut self) -> Self {
        self.allows_missing = true;
        self
    }

    /// Grows the forest on `x` `(n_samples, n_features)` and scores its rows.
    ///
    /// Columns may have any scale, and constant ones are never cut. One row, or rows that are all
    /// equal, score exactly 0.5 and are no outliers.
    ///
    /// Rows may have weights ([`Samples::Weighted`]): a row of weight 3 is drawn, and counts for the
    /// threshold, as the row three times would; one of weight 0 is only scored. Weights whose sum is
    /// below the number of rows with one, such as shares, are scaled up to it.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for `n_trees`, `max_samples`, `cut_columns` or `contamination` outside
    /// their range, and for weights that are negative, not finite in their sum or all 0;
    /// [`Error::TooManySamples`] for trees of more than 2³¹ rows; [`Error::Empty`],
    /// [`Error::NoColumns`], [`Error::NonFinite`] and [`Error::MagnitudeTooLarge`] for a matrix
    /// that cannot be computed with; [`Error::DimensionMismatch`] for another number of weights than rows.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<IsolationForestFit> {
        let (x, weights) = x.into().split();
        let x = x.into_rows()?;
        let rows = if self.allows_missing {
            check::rows_with_gaps(x.view())
        } else {
            check::rows(x.view())
        }?;
        let copies = weights.map(|weights| Copies::new(weights, rows.n_rows())).transpose()?;
        self.fit_rows(&rows, copies.as_ref())
    }

    /// Follows a stream: grows new trees, as many as [`n_trees`](Self::n_trees) says, on a batch `x`,
    /// `(n_samples, n_features)`, and forgets the oldest trees beyond `max_trees`. The scores, threshold
    /// and outliers of `fit` then are those of the batch.
    ///
    /// New trees see as many rows as the trees of `fit` have, whatever [`max_samples`](Self::max_samples)
    /// says, so that path lengths compare. Give every batch another seed.
    ///
    /// ```
    /// use personas::{ndarray::Array2, outlier::IsolationForest};
    ///
    /// let batch = |from: f64| Array2::from_shape_fn((300, 1), |(i, _)| from + (i % 60) as f64);
    /// let mut fit = IsolationForest::default().n_trees(50).fit(&batch(0.0))?;
    /// let far = fit.score(&[[200.0]])?[0];
    /// for day in 1..=5 {
    ///     // A fifth of the trees is new every day.
    ///     IsolationForest::default().n_trees(10).seed(day).learn(&mut fit, &batch(170.0), 50)?;
    /// }
    /// assert!(fit.score(&[[200.0]])?[0] < far);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::InvalidParameter`] for a `max_trees` of 0 or above 65,536, and where
    /// only one of the two [allows missing values](Self::allow_missing); [`Error::DimensionMismatch`] for
    /// another number of columns; [`Error::TooFewSamples`] for fewer rows than a tree of `fit` has seen.
    /// Nothing has changed then.
    pub fn learn<'a>(
        &self,
        fit: &mut IsolationForestFit,
        x: impl Into<Samples<'a>>,
        max_trees: usize,
    ) -> Result<()> {
        self.check()?;
        if !(1..=MAX_TREES).contains(&max_trees) {
            return Err(Error::parameter("max_trees", "between 1 and 65536", max_trees));
        }
        if self.allows_missing != fit.forest.allows_missing {
            let expected = "the same for the new trees as for those of the fit";
            return Err(Error::parameter("allow_missing", expected, self.allows_missing));
        }
        let (x, weights) = x.into().split();
        let x = x.into_rows()?;
        let rows = fit.forest.rows(x.view())?;
        let copies = weights.map(|weights| Copies::new(weights, rows.n_rows())).transpose()?;
        let available = copies.as_ref().map_or(rows.n_rows(), |copies| copies.total as usize);
        let sample_size = fit.forest.sample_size as usize;
        if available < sample_size {
            let what = "IsolationForest::learn";
            return Err(Error::TooFewSamples { what, needed: sample_size, got: available });
        }
        let trees = self.grow(&rows, copies.as_ref(), sample_size);
        let mut forest = fit.forest.clone();
        forest.renew(trees, max_trees);
        *fit = self.scored(forest, &rows, copies.as_ref());
        Ok(())
    }

    fn fit_rows(&self, x: &Rows<'_>, copies: Option<&Copies>) -> Result<IsolationForestFit> {
        self.check()?;
        let available = copies.map_or(x.n_rows(), |copies| copies.total as usize);
        let sample_size = self.max_samples.min(available);
        if sample_size > MAX_SAMPLES {
            return Err(Error::TooManySamples {
                what: "a tree of IsolationForest",
                limit: MAX_SAMPLES,
                got: sample_size,
            });
        }
        let forest = Forest {
            trees: self.grow(x, copies, sample_size),
            n_features: x.n_columns(),
            sample_size: sample_size as u32,
            allows_missing: self.allows_missing,
        };
        Ok(self.scored(forest, x, copies))
    }

    /// Trees on samples of the rows.
    fn grow(
        &self,
        x: &Rows<'_>,
        copies: Option<&Copies>,
        sample_size: usize,
    ) -> Vec<IsolationTree> {
        let depth = depth_limit(sample_size as u32) as usize;
        let how = Growing { cut_columns: self.cut_columns, may_miss: self.allows_missing };
        parallel::map(self.n_trees, sample_size.saturating_mul(depth), |tree| {
            let mut stream = Stream::new(self.seed, tree as u64);
            let sample = match copies {
                None => stream.sample(x.n_rows(), sample_size),
                Some(copies) => copies.draw(sample_size, &mut stream),
            };
            IsolationTree::grow(x, sample, how, &mut stream)
        })
    }

    /// A forest with the scores of some rows, and the threshold that follows from them.
    fn scored(&self, forest: Forest, x: &Rows<'_>, copies: Option<&Copies>) -> IsolationForestFit {
        let scores = forest.scores(x);
        let copies = copies.map(|copies| &copies.of_rows[..]);
        let threshold = match self.contamination {
            Contamination::Auto => fence(&scores, copies),
            Contamination::Share(share) => exceeded_by(share, &scores, copies),
        };
        IsolationForestFit::new(forest, scores, threshold)
    }

    fn check(&self) -> Result<()> {
        if !(1..=MAX_TREES).contains(&self.n_trees) {
            return Err(Error::parameter("n_trees", "between 1 and 65536", self.n_trees));
        }
        if self.max_samples == 0 {
            return Err(Error::parameter("max_samples", "at least 1", 0));
        }
        if self.cut_columns == 0 {
            return Err(Error::parameter("cut_columns", "at least 1", 0));
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
/// odd end. A row may be there several times.
pub(super) fn exceeded_by(share: f64, scores: &[f64], copies: Option<&[f64]>) -> f64 {
    let descending: Vec<f64> = scores.iter().map(|score| -score).collect();
    -quantiles([share], &descending, copies)[0]
}

/// Tukey's fence above the scores, from 0.5 to 1.
fn fence(scores: &[f64], copies: Option<&[f64]>) -> f64 {
    let [q1, q3] = quantiles([0.25, 0.75], scores, copies);
    (q3 + 1.5 * (q3 - q1)).clamp(0.5, 1.0)
}

/// Quantiles of values, each as often as `copies` says.
fn quantiles<const N: usize>(of: [f64; N], values: &[f64], copies: Option<&[f64]>) -> [f64; N] {
    let Some(copies) = copies else {
        let sorted = stats::sorted(values);
        return of.map(|q| stats::quantile(&sorted, q));
    };
    let present = values.iter().zip(copies).filter(|(_, copies)| **copies > 0.0);
    let mut sorted: Vec<(f64, f64)> = present.map(|(value, copies)| (*value, *copies)).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    // Up to which rank, from 0, each value stands.
    let mut total = 0.0;
    for (_, copies) in &mut sorted {
        total += *copies;
        *copies = total;
    }
    let last = sorted.len() - 1;
    let of_rank = |rank: f64| sorted[sorted.partition_point(|&(_, end)| end <= rank).min(last)].0;
    of.map(|q| {
        let at = q * (total - 1.0).max(0.0);
        let (low, high) = (of_rank(at.floor()), of_rank(at.ceil()));
        low + (high - low) * (at - at.floor())
    })
}

#[cfg(test)]
mod tests {
    use super::tree::average_path;
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    #[test]
    fn equal_rows_score_a_half_to_the_bit_and_none_is_odd() {
        // The sizes at which a peer calls all of them outliers.
        for n in [1, 2, 3, 5, 10, 20, 50, 100, 256, 300] {
            let x = Array2::from_elem((n, 2), 0.1);
            for contamination in [Contamination::Auto, Contamination::Share(0.1)] {
                let forest = IsolationForest::default().n_trees(7).contamination(contamination);
                let fit = forest.fit(&x).unwrap();
                assert!(fit.scores.iter().all(|&score| score == 0.5), "{n}");
                assert!(fit.outliers.is_empty());
                assert_eq!(fit.reasons(&x).unwrap(), Array2::<f64>::zeros((n, 2)));
            }
        }
    }

    #[test]
    fn trees_of_one_row_isolate_nothing() {
        let fit =
            IsolationForest::default().max_samples(1).fit(&array![[0.0], [1.0], [9.0]]).unwrap();
        assert!(fit.scores.iter().all(|&score| score == 0.5));
    }

    #[test]
    fn two_different_rows_are_one_cut_away_as_expected() {
        let fit = IsolationForest::default().fit(&array![[0.0], [1.0]]).unwrap();
        assert_eq!(fit.scores, [0.5, 0.5]);
    }

    #[test]
    fn settings_outside_their_range_are_refused_by_name() {
        let x = array![[0.0], [1.0]];
        let share = |share| IsolationForest::default().contamination(Contamination::Share(share));
        for (forest, parameter) in [
            (IsolationForest::default().n_trees(0), "n_trees"),
            (IsolationForest::default().n_trees(usize::MAX), "n_trees"),
            (IsolationForest::default().max_samples(0), "max_samples"),
            (share(0.0), "contamination"),
            (share(0.51), "contamination"),
            (share(f64::NAN), "contamination"),
            (IsolationForest::default().cut_columns(0), "cut_columns"),
        ] {
            let error = forest.fit(&x).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name, .. } if name == parameter));
        }
        assert!(IsolationForest::default().max_samples(usize::MAX).fit(&x).is_ok());
        assert!(share(0.5).fit(&x).is_ok());
        let wide = IsolationForest::default().fit(&x).unwrap().score(&array![[0.0, 1.0]]);
        assert!(matches!(wide, Err(Error::DimensionMismatch { expected: 1, got: 2, .. })));
        assert!(IsolationForest::default().fit(&array![[f64::NAN]]).is_err());
    }

    #[test]
    fn a_minute_off_a_burst_is_seen_among_milliseconds_since_1970() {
        // In f32 the 201 values are one.
        let x = Array2::from_shape_fn((201, 1), |(i, _)| {
            1.5e12 + if i == 200 { 60_000.0 } else { i as f64 * 5.0 }
        });
        let fit = IsolationForest::default().fit(&x).unwrap();
        assert_eq!(fit.outliers[0], 200);
        assert!(fit.scores[200] > 0.8);
    }

    #[test]
    fn every_kind_of_forest_tells_a_minute_apart_among_milliseconds_and_scores_new_rows() {
        let at = |i: usize| 1.7e12 + if i == 200 { 60_000.0 } else { i as f64 * 5.0 };
        let x = Array2::from_shape_fn((201, 2), |(i, j)| at(i) - 5.0 * j as f64);
        let mut gappy = x.clone();
        (0..40).for_each(|i| gappy[[5 * i, i % 2]] = f64::NAN);
        let weights: Vec<f64> = (0..201).map(|i| [1.0, 2.0, 0.5][i % 3]).collect();
        let plain = IsolationForest::default();
        let missing = IsolationForest::default().allow_missing();
        for (name, fit) in [
            ("plain", plain.fit(&x).unwrap()),
            ("extended", plain.clone().cut_columns(2).fit(&x).unwrap()),
            ("missing", missing.fit(&gappy).unwrap()),
            ("extended, missing", missing.clone().cut_columns(2).fit(&gappy).unwrap()),
            ("weighted", plain.fit((&x, &weights)).unwrap()),
        ] {
            assert_eq!(fit.outliers[0], 200, "{name}");
            assert!(fit.scores[200] > 0.75, "{name} {}", fit.scores[200]);
            // 60 seconds on from the end of the burst, and in the midst of it.
            let new =
                array![[1.7e12 + 61_000.0, 1.7e12 + 61_000.0], [1.7e12 + 502.0, 1.7e12 + 497.0]];
            let scores = fit.score(&new).unwrap();
            assert!(scores[0] > 0.75 && scores[1] < 0.5, "{name} {scores:?}");
            let json = serde_json::to_string(&fit).unwrap();
            let restored: IsolationForestFit = serde_json::from_str(&json).unwrap();
            assert_eq!(restored.score(&new).unwrap(), scores, "{name}");
            assert_eq!(fit.reasons(&x).unwrap().dim(), (201, 2));
        }
    }

    #[test]
    fn a_forest_that_may_meet_missing_values_is_the_same_where_none_is_missing() {
        let x = Array2::from_shape_fn((300, 3), |(i, j)| ((i * (37 + 6 * j)) % 101) as f64);
        let plain = IsolationForest::default().seed(3).fit(&x).unwrap();
        let may = IsolationForest::default().seed(3).allow_missing().fit(&x).unwrap();
        assert_eq!((&plain.scores, plain.threshold), (&may.scores, may.threshold));
        assert_eq!(plain.reasons(&x).unwrap(), may.reasons(&x).unwrap());
        assert!(plain.score(&array![[f64::NAN, 1.0, 1.0]]).is_err());
        assert!(may.score(&array![[f64::INFINITY, 1.0, 1.0]]).is_err());
        // Infinity is not a missing value.
        let nothing = may.score(&array![[f64::NAN, f64::NAN, f64::NAN]]).unwrap()[0];
        assert!((nothing - 0.5).abs() < 0.03, "{nothing}");
    }

    #[test]
    fn missing_values_alone_make_nobody_odd_and_keep_the_odd_rows_odd() {
        let mut stream = Stream::new(2, 0);
        let mut x = Array2::from_shape_simple_fn((1000, 4), || stream.normal());
        for row in 0..1000 {
            x[[row, row % 4]] = if row % 2 == 0 { f64::NAN } else { x[[row, row % 4]] };
        }
        x.row_mut(0).assign(&array![f64::NAN, 7.0, -7.0, 0.0]);
        let fit = IsolationForest::default().allow_missing().fit(&x).unwrap();
        assert_eq!(fit.outliers[0], 0);
        let mean =
            |from: usize| (from..1000).step_by(2).map(|i| fit.scores[i]).sum::<f64>() / 500.0;
        assert!((mean(0) - mean(1)).abs() < 0.02, "{} {}", mean(0), mean(1));
        let why = fit.reasons(&x).unwrap();
        assert!(why[[0, 1]] + why[[0, 2]] > 0.7, "{}", why.row(0));
    }

    #[test]
    fn weights_score_as_repeated_rows_would() {
        // Cells of a grid, those of one corner ten times each, and a row far out twice.
        let x = Array2::from_shape_fn((101, 2), |(i, j)| [i % 10, i / 10][j] as f64 * 1.3);
        let weights: Vec<f64> = (0..101)
            .map(|i| {
                if i == 100 {
                    2.0
                } else if i < 20 {
                    10.0
                } else {
                    1.0
                }
            })
            .collect();
        let often: Vec<usize> = (0..101).flat_map(|i| vec![i; weights[i] as usize]).collect();
        let repeated = x.select(ndarray::Axis(0), &often);
        let forest = IsolationForest::default().n_trees(3000).max_samples(32);
        let (weighted, plain) =
            (forest.fit((&x, &weights)).unwrap(), forest.fit(&repeated).unwrap());
        for (at, &row) in often.iter().enumerate() {
            let (a, b) = (weighted.scores[row], plain.scores[at]);
            assert!((a - b).abs() < 0.01, "{row}: {a} {b}");
        }
        let list: Vec<f64> = often.iter().map(|&row| weighted.scores[row]).collect();
        assert!((weighted.threshold - fence(&list, None)).abs() < 1e-12);
        // Quantiles count copies.
        let copies = [2.0, 0.0, 1.0, 3.0];
        let values = [5.0, 0.0, 1.0, 7.0];
        let list = stats::sorted(&[5.0, 5.0, 1.0, 7.0, 7.0, 7.0]);
        for q in [0.0, 0.25, 0.3, 0.5, 0.9, 1.0] {
            assert_eq!(quantiles([q], &values, Some(&copies)), [stats::quantile(&list, q)]);
        }
    }

    #[test]
    fn slanted_cuts_see_the_corners_of_a_slanted_pattern() {
        let mut stream = Stream::new(7, 0);
        let mut x = Array2::zeros((500, 2));
        for mut row in x.rows_mut() {
            let (along, across) = (10.0 * stream.unit(), 0.2 * stream.normal());
            row.assign(&array![along + across, along - across]);
        }
        x.row_mut(499).assign(&array![3.0, 7.0]);
        let rank = |forest: IsolationForest| {
            let scores = forest.fit(&x).unwrap().scores;
            scores.iter().filter(|&&score| score > scores[499]).count()
        };
        let [straight, slanted] = [1, 2].map(|n| rank(IsolationForest::default().cut_columns(n)));
        assert!(slanted == 0 && straight >= slanted, "{straight} {slanted}");
    }

    #[test]
    fn by_default_few_rows_are_outliers_whatever_the_data() {
        let mut stream = Stream::new(1, 0);
        let normal = Array2::from_shape_simple_fn((2000, 4), || stream.normal());
        let even = Array2::from_shape_simple_fn((2000, 4), || stream.unit());
        for (x, most) in [(normal, 80), (even, 20)] {
            let n = IsolationForest::default().fit(&x).unwrap().outliers.len();
            assert!(n <= most, "{n}");
        }
    }

    #[test]
    fn the_threshold_is_the_percentile_of_the_scores() {
        // By hand: position 0.3 · 4 = 1.2 from the odd end, a fifth of the way from 0.8 to 0.6.
        let scores = [0.4, 0.9, 0.5, 0.8, 0.6];
        assert!((exceeded_by(0.3, &scores, None) - 0.76).abs() < 1e-15);
        assert_eq!(exceeded_by(0.5, &scores, None), 0.6);
    }

    #[test]
    fn rows_that_tie_at_the_threshold_are_left_out() {
        // Half of the rows are one point, the other half another: scores take two values at most.
        let x = Array2::from_shape_fn((40, 1), |(i, _)| (i % 2) as f64);
        let share = Contamination::Share(0.25);
        let fit = IsolationForest::default().contamination(share).fit(&x).unwrap();
        assert!(fit.outliers.is_empty());
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
            let forest = IsolationForest::default().n_trees(10).max_samples(16).seed(seed);
            let fit = forest.clone().contamination(Contamination::Share(share)).fit(&x).unwrap();
            prop_assert!(fit.scores.iter().all(|&score| score > 0.0 && score <= 1.0));
            prop_assert_eq!(&fit.score(&x).unwrap(), &fit.scores);
            prop_assert!(fit.outliers.len() as f64 <= (share * x.nrows() as f64).ceil());
            for row in fit.reasons(&x).unwrap().rows() {
                prop_assert!(row.iter().all(|&reason| reason >= 0.0));
                prop_assert!(row.sum() == 0.0 || (row.sum() - 1.0).abs() < 1e-12);
            }
            // Powers of two are exact, so a column's unit leaves every bit as it is.
            let mut scaled = x.clone();
            scaled.column_mut(1).mapv_inplace(|v| v * 2f64.powi(power));
            let rescaled = forest.fit(&scaled).unwrap();
            prop_assert_eq!(&rescaled.scores, &fit.scores);
            let [slanted, again] =
                [&x, &scaled].map(|x| forest.clone().cut_columns(2).fit(x).unwrap().scores);
            prop_assert_eq!(slanted, again);
        }

        #[test]
        fn no_path_is_longer_than_the_limit_and_what_a_full_leaf_adds(
            cells in prop::collection::vec(-1e3..1e3f64, 2..60),
            seed: u64,
        ) {
            let x = Array2::from_shape_vec((cells.len(), 1), cells).unwrap();
            let fit = IsolationForest::default().n_trees(5).seed(seed).fit(&x).unwrap();
            let n = fit.forest.sample_size;
            let longest = f64::from(depth_limit(n)) + average_path(n);
            for row in x.rows() {
                let row = row.to_vec();
                prop_assert!(fit.forest.trees.iter().all(|tree| tree.path(&row) <= longest));
            }
        }
    }
}
