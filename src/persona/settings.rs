//! What a model is made with, in one value.

use serde::{Deserialize, Serialize};

use super::thresholds::Describer;
use crate::prepare::{Cohorts, Preprocessor};
use crate::{Error, Result};

/// How [`PersonaModel::fit`](super::PersonaModel::fit) prepares, groups and describes. The defaults are a
/// good start; change single fields:
///
/// ```
/// use personas::persona::PersonaSettings;
///
/// let settings = PersonaSettings { k: Some(5), seed: 7, ..PersonaSettings::default() };
/// assert_eq!((settings.max_k, settings.min_size), (8, 20));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonaSettings {
    /// The number of personas; `None` lets the data and the criteria below choose.
    pub k: Option<usize>,
    /// Seed of the k-means of a given number of personas. Where the number is chosen, the answer does not depend
    /// on it: one table has one answer.
    pub seed: u64,
    /// Columns that compare people with their cohort, added to the table first; none by default. The model keeps
    /// the values of every cohort, so later people are compared with the people the model was made from. The
    /// new columns count in the grouping like all others. To group by the new columns only, give the columns
    /// they are made from a weight of 0.
    ///
    /// ```
    /// use personas::persona::PersonaSettings;
    /// use personas::prepare::{Cohorts, Relative};
    /// use personas::{FeatureTable, PersonaModel, Preprocessor};
    ///
    /// // On the paid plan everybody visits ten times as often as on the free one.
    /// let plan = (0..200).map(|i| Some(["free", "paid"][i % 2].to_owned())).collect();
    /// let visits = (0..200).map(|i| Some([1.0, 10.0][i % 2] * (1 + i / 2) as f64)).collect();
    /// let table = FeatureTable::new(200).categorical("plan", plan)?.numeric("visits", visits)?;
    ///
    /// let columns = vec![("visits".into(), Relative::Rank)];
    /// let cohorts = Cohorts { by: "plan".into(), columns, ..Cohorts::default() };
    /// let preprocessor = Preprocessor::default().weight("plan", 0.0).weight("visits", 0.0);
    /// let settings =
    ///     PersonaSettings { k: Some(2), cohorts: Some(cohorts), preprocessor, ..PersonaSettings::default() };
    /// let model = PersonaModel::fit(&table, &settings)?;
    /// // One person, later: many visits for the free plan, compared with those of then.
    /// let ann = FeatureTable::new(1)
    ///     .categorical("plan", vec![Some("free".into())])?
    ///     .numeric("visits", vec![Some(90.0)])?;
    /// assert_eq!(model.assign(&ann)?.reasons(0)[0].value, "visits, rank in plan 0.895");
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub cohorts: Option<Cohorts>,
    /// How the table becomes a matrix. Columns of weight 0 do not count in the grouping, but describe the
    /// personas.
    pub preprocessor: Preprocessor,
    /// How the personas are described.
    pub describer: Describer,
    /// Fewest personas of a cut, from 2 to `max_k`; 3 by default. A cut in 2 is taken only if nothing else
    /// passes.
    pub min_k: usize,
    /// Most personas, up to 50; 8 by default.
    pub max_k: usize,
    /// Number of half-samples on which a cut is repeated, 1 to 10,000; 50 by default.
    pub n_half_samples: usize,
    /// Mean Jaccard coefficient that each persona needs over the half-samples, in [0, 1]; 0.6 by default.
    #[serde(with = "crate::num::exact")]
    pub min_stability: f64,
    /// People that each persona needs; 20 by default.
    pub min_size: usize,
    /// Share of people that each persona needs; 0.02 by default.
    #[serde(with = "crate::num::exact")]
    pub min_share: f64,
    /// Traits that each persona of a cut needs in a combination that no other has; 2 by default. Traits of mostly
    /// the same people count once, so a table whose columns all say the same has no cut that passes: the one that
    /// fails least is taken, and the reason says so. With 1, the other criteria decide. Groups that the data hold
    /// of their own do not need it.
    pub min_traits: usize,
    /// How much more of the variance one more persona must account for; 0.03 by default.
    #[serde(with = "crate::num::exact")]
    pub min_gain: f64,
}

impl Default for PersonaSettings {
    fn default() -> Self {
        Self {
            k: None,
            seed: 0,
            cohorts: None,
            preprocessor: Preprocessor::default(),
            describer: Describer::default(),
            min_k: 3,
            max_k: 8,
            n_half_samples: 50,
            min_stability: 0.6,
            min_size: 20,
            min_share: 0.02,
            min_traits: 2,
            min_gain: 0.03,
        }
    }
}

impl PersonaSettings {
    pub(super) fn check(&self) -> Result<()> {
        if self.k == Some(0) {
            return Err(Error::parameter("k", "at least 1", 0));
        }
        if self.min_k < 2 || self.min_k > self.max_k || self.max_k > 50 {
            let got = format!("{} to {}", self.min_k, self.max_k);
            return Err(Error::parameter("min_k and max_k", "a range within 2 to 50", got));
        }
        if !(1..=10_000).contains(&self.n_half_samples) {
            return Err(Error::parameter("n_half_samples", "1 to 10000", self.n_half_samples));
        }
        let shares = [
            ("min_stability", self.min_stability),
            ("min_share", self.min_share),
            ("min_gain", self.min_gain),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::parameter(name, "in [0, 1]", share));
            }
        }
        self.describer.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_may_be_at_its_limits_and_not_beyond_them() {
        let with = |set: &dyn Fn(&mut PersonaSettings)| {
            let mut settings = PersonaSettings::default();
            set(&mut settings);
            settings.check().is_ok()
        };
        for (k, is_fine) in [(None, true), (Some(1), true), (Some(0), false)] {
            assert_eq!(with(&|s| s.k = k), is_fine, "{k:?}");
        }
        let ranges = [(2, 50, true), (7, 7, true), (1, 8, false), (7, 6, false), (2, 51, false)];
        for (min_k, max_k, is_fine) in ranges {
            assert_eq!(
                with(&|s| (s.min_k, s.max_k) = (min_k, max_k)),
                is_fine,
                "{min_k} to {max_k}"
            );
        }
        for (n, is_fine) in [(1, true), (10_000, true), (0, false), (10_001, false)] {
            assert_eq!(with(&|s| s.n_half_samples = n), is_fine, "{n}");
        }
        for (share, is_fine) in
            [(0.0, true), (1.0, true), (-0.1, false), (1.1, false), (f64::NAN, false)]
        {
            assert_eq!(with(&|s| s.min_stability = share), is_fine, "{share}");
            assert_eq!(with(&|s| s.min_share = share), is_fine, "{share}");
            assert_eq!(with(&|s| s.min_gain = share), is_fine, "{share}");
        }
        assert!(!with(&|s| s.describer.min_effect = f64::NAN));
    }
}
