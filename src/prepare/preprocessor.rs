//! From a table of mixed, missing, long-tailed features to a matrix in which Euclidean distance
//! makes sense.
//!
//! Every feature is to count alike: a number is made free of its long tail and of its unit, a
//! category becomes columns whose variances add up to that of one standardised number, a missing
//! value takes a middle one. What was done is remembered per feature, so that it can be done to
//! rows met later, undone for a value ([`PreprocessorFit::original`]) and told in plain words
//! (`FeatureStep`).
//!
//! Cost: a sort per feature to fit, one pass to transform.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fitted::PreprocessorFit;
use super::options::{Scaling, WEIGHTS};
use super::step::{Dropped, Encoding, FeatureStep};
use super::{blocks, categorical, numeric};
use crate::features::{Column, FeatureTable, Values};
use crate::num::parallel;
use crate::{Error, Result};

/// Makes a matrix of a table: fills in, tames long tails, scales, encodes.
///
/// * **Missing** numbers become the median, ordered categories the median level, other categories
///   the most frequent level. Not knowing something makes no group; with
///   [`missing_indicator_from`](field@Self::missing_indicator_from) a column `<feature> missing` marks missing values
///   with 1. It is not scaled: its variance is at most a quarter of a standardised number's.
/// * **Numbers** lose their long tail ([`tame_tails`](Self::tame_tails)) and are scaled ([`Scaling`]). Centre and width
///   are those of the values that are present.
/// * **Categories ordered by their form** ("Under 15K", "15-24K", "250K+") become one column of
///   ranks 0, 1, …, scaled as numbers are: their order counts, the gaps between them do not.
/// * **Other categories** become one column per level. Its value is 0 or a constant that makes the variances
///   of the feature's columns sum to 1. With more than 20 levels, a level keeps its column if at least two
///   rows and 1 % of the rows with a value have it, and it is one of the 19 most frequent; the others share
///   the column `<feature>=other`.
/// * **Columns that say the same** are balanced, so that five ways to say "buys a lot" do not count five
///   times: see [`block`](Self::block).
/// * **Constant** and empty features are dropped, and so is a feature of weight 0.
///
/// Parameters do not depend on the order of rows, to the bit.
///
/// ```
/// use personas::{FeatureTable, Preprocessor};
///
/// let text = |levels: [&str; 4]| levels.map(|level| Some(level.to_owned())).to_vec();
/// let table = FeatureTable::new(4)
///     .numeric("visits", vec![Some(1.0), Some(2.0), None, Some(3.0)])?
///     .categorical("age", text(["19-24", "65+", "25-34", "19-24"]))?
///     .categorical("channel", text(["web", "store", "web", "web"]))?;
///
/// let prep = Preprocessor::default().weight("channel", 0.5).fit(&table)?;
/// let x = prep.transform(&table)?;
/// let names: Vec<&str> = prep.columns().iter().map(|column| column.name.as_str()).collect();
/// assert_eq!(names, ["visits", "age", "channel=store", "channel=web"]);
/// assert_eq!(
///     prep.to_string().lines().next(),
///     Some("visits: standardised (mean 2, sd 0.8165); 1 missing → median 2")
/// );
/// assert_eq!(prep.inverse(&x.row(1).to_vec())?[1].1.to_string(), "65+");
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessor {
    /// How numbers are centred and scaled; [`Scaling::Standard`] by default.
    pub scaling: Scaling,
    /// Whether columns of numbers with a skewness of at least 1 become signed logarithms, `ln(1 + x / bend)`
    /// above 0 and `-ln(1 - x / bend)` below, if that takes at least a tenth off; yes by default. `bend` is the lower
    /// quartile of the magnitudes other than 0. A long left tail of numbers that are not negative stays.
    pub tame_tails: bool,
    /// The share of missing values from which a feature gets a column that marks them; 0 for "as soon
    /// as one is missing". With `None`, the default, no feature does: groups then form by what people do,
    /// not by what is known of them. Personas are described by what is missing either way.
    #[serde(with = "crate::num::exact")]
    pub missing_indicator_from: Option<f64>,
    /// Weights of features, as [`weight`](Self::weight) sets them.
    #[serde(with = "crate::num::exact")]
    pub weights: BTreeMap<String, f64>,
    /// Categories that are unordered although their levels read as numbers, such as postcodes.
    pub unordered: BTreeSet<String>,
    /// Rows that a level of an unordered category needs to have a column; 1 by default. Those of fewer share the
    /// column `<feature>=other`, and their names are not kept.
    /// [`PersonaModel::fit`](crate::PersonaModel::fit) sets it to the smallest group that it describes, if that is more.
    pub min_level_size: usize,
    /// Blocks and their features, as [`block`](Self::block) names them.
    pub blocks: BTreeMap<String, Vec<String>>,
    /// Whether [blocks](Self::block) are balanced; `true` by default.
    pub balanced: bool,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self {
            scaling: Scaling::default(),
            tame_tails: true,
            missing_indicator_from: None,
            weights: BTreeMap::new(),
            unordered: BTreeSet::new(),
            min_level_size: 1,
            blocks: BTreeMap::new(),
            balanced: true,
        }
    }
}

impl Preprocessor {
    /// Sets the number that a feature's columns are multiplied by: 0, which leaves the feature out, or 1e-6 to
    /// 1e6; 1 by default. In squared distances, a weight of 2 counts fourfold.
    #[must_use]
    pub fn weight(mut self, feature: impl Into<String>, weight: f64) -> Self {
        self.weights.insert(feature.into(), weight);
        self
    }

    /// Names a block of features that say much the same: together they count as one column that differs
    /// as much as their common direction does (multiple factor analysis; Escofier, Pagès 1994). Columns of
    /// a block of one are unchanged.
    ///
    /// Without any named block, strongly correlated columns are found and balanced: numbers and ordered
    /// categories whose prepared columns all correlate with each other by at least 0.7, either way, and
    /// more than 0.5 at 95 % confidence. See [`balanced`](field@Self::balanced).
    ///
    /// ```
    /// use personas::{FeatureTable, Preprocessor};
    ///
    /// let column = |f: fn(usize) -> usize| (0..50).map(|i| Some(f(i) as f64)).collect();
    /// let table = FeatureTable::new(50)
    ///     .numeric("orders", column(|i| i))?
    ///     .numeric("spend", column(|i| 3 * i))?
    ///     .numeric("hour", column(|i| i * 7 % 50))?;
    /// let prep = Preprocessor::default().block("value", ["orders", "spend"]).fit(&table)?;
    /// // Two copies of one column count as one: each is divided by √2.
    /// let told = prep.to_string();
    /// assert_eq!(told.lines().filter(|line| line.ends_with("; weight 0.7071; in block value")).count(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn block<F: Into<String>>(
        mut self,
        name: impl Into<String>,
        features: impl IntoIterator<Item = F>,
    ) -> Self {
        self.blocks.insert(name.into(), features.into_iter().map(Into::into).collect());
        self
    }

    /// Decides per feature what to do.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a weight or share outside its range, and for a feature
    /// named in a setting that the table lacks or has with another type; [`Error::Empty`] for a table
    /// without rows; [`Error::NoColumns`] if every feature is dropped.
    pub fn fit(&self, table: &FeatureTable) -> Result<PreprocessorFit> {
        self.check(table)?;
        if table.n_rows() == 0 {
            return Err(Error::Empty { what: "the table" });
        }
        // Up to some forty passes with an exponential each where a λ is sought.
        let work = table.n_rows().saturating_mul(64);
        let steps = parallel::map(table.columns().len(), work, |i| self.step(&table.columns()[i]));
        let fit = PreprocessorFit::of(steps);
        if fit.columns().is_empty() {
            return Err(Error::NoColumns { what: "the table" });
        }
        if !self.balanced {
            return Ok(fit);
        }
        let named = self.blocks.iter().map(|(name, features)| (name.as_str(), features.as_slice()));
        let named: Vec<_> = named.collect();
        Ok(PreprocessorFit::of(blocks::balanced(&fit, table, &named)?))
    }

    pub(super) fn check(&self, table: &FeatureTable) -> Result<()> {
        if let Some(share) =
            self.missing_indicator_from.filter(|share| share.is_nan() || *share < 0.0)
        {
            return Err(Error::parameter("missing_indicator_from", "0 or more", share));
        }
        for (feature, &weight) in &self.weights {
            if table.column(feature).is_none() {
                let got = format!("for {feature:?}");
                return Err(Error::parameter("weight", "for a column of the table", got));
            }
            if weight != 0.0 && !WEIGHTS.contains(&weight) {
                return Err(Error::parameter("weight", "0, or 1e-6 to 1e6", weight));
            }
        }
        let mut block_of = BTreeMap::new();
        let named = self.blocks.iter();
        for (block, feature) in named.flat_map(|(block, of)| of.iter().map(move |f| (block, f))) {
            if table.column(feature).is_none() {
                let got = format!("{block:?}, which names {feature:?}");
                return Err(Error::parameter("block", "made of columns of the table", got));
            }
            if let Some(other) = block_of.insert(feature, block) {
                let got = format!("{block:?}, which names {feature:?} after {other:?}");
                return Err(Error::parameter("block", "made of columns of no other block", got));
            }
        }
        for feature in &self.unordered {
            let column = table.column(feature).map(|column| &column.values);
            if !matches!(column, Some(Values::Categorical(_))) {
                let expected = "a categorical column of the table";
                return Err(Error::parameter("unordered", expected, feature));
            }
        }
        Ok(())
    }

    fn step(&self, column: &Column) -> FeatureStep {
        let weight = self.weights.get(&column.name).copied().unwrap_or(1.0);
        let encoding = if weight == 0.0 {
            Encoding::Dropped(Dropped::ZeroWeight)
        } else {
            self.encoding(column).unwrap_or_else(Encoding::Dropped)
        };
        let n_missing = column.values.n_missing();
        let share = n_missing as f64 / column.values.len() as f64;
        FeatureStep {
            feature: column.name.clone(),
            missing_indicator: n_missing > 0
                && self.missing_indicator_from.is_some_and(|from| share >= from)
                && !matches!(encoding, Encoding::Dropped(_)),
            encoding,
            n_missing,
            weight,
            block: None,
        }
    }

    fn encoding(&self, column: &Column) -> std::result::Result<Encoding, Dropped> {
        match &column.values {
            Values::Numeric(values) => {
                let present: Vec<f64> = values.iter().flatten().copied().collect();
                if present.is_empty() {
                    return Err(Dropped::AllMissing);
                }
                numeric::fit(present, self.scaling, self.tame_tails)
            }
            Values::Categorical(values) => {
                let counts = categorical::LevelCounts::of(values)?;
                let ordered = match self.unordered.contains(&column.name) {
                    true => None,
                    false => counts.ordered(self.scaling),
                };
                ordered.map_or_else(|| counts.one_hot(self.scaling, self.min_level_size), Ok)
            }
        }
    }
}
