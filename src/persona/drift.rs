//! Whether other people are like those a model was made from, column by column.
//!
//! The people of a later table are counted in the bins that the model keeps of every column, missing
//! values in one of their own. How far the shares moved is told by the population
//! stability index Σ (p − q) ln(p / q), less what it is by chance (Yurdakul 2018): below 0.1 nothing
//! much, from 0.25 on a lot, by an old rule of thumb.
//!
//! Cost: O(n · log bins) per column.

use serde::{Deserialize, Serialize};

use super::model::PersonaModel;
use super::numbers::{called, percent};
use super::sentences::center;
use super::training_columns::{Bins, TrainingColumn};
use super::vocabulary::Vocabulary;
use crate::features::Values;
use crate::num::portable;
use crate::prepare::Original;
use crate::{Error, FeatureTable, Result};

/// How a column of later people differs from that of the people a model was made from; see
/// [`PersonaModel::drift`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Drift {
    /// The feature.
    pub feature: String,
    /// The population stability index, 0 or more: from 0.1 on the values shifted, from 0.25 on a lot.
    pub shift: f64,
    /// Share of the people the model was made from who have a value, in [0, 1].
    pub known_before: f64,
    /// Share of the people of the table who have a value, in [0, 1]; 0 if the table lacks the column.
    pub known: f64,
    /// The median or most frequent category when the model was made; `None` if too few people have a value,
    /// or share it.
    pub center_before: Option<Original>,
    /// The median or most frequent category in the table; `None` as above.
    pub center: Option<Original>,
    /// The drift of the column, in a plain sentence.
    pub sentence: String,
}

/// How a column of the table differs from what was kept of it.
fn drift(
    seen: &TrainingColumn,
    table: &FeatureTable,
    least: usize,
    words: &Vocabulary,
) -> Result<Drift> {
    let values = table.column(&seen.feature).map(|column| &column.values);
    let problem = match (&seen.bins, values) {
        (Bins::Upto(_), Some(Values::Categorical(_))) => Some("categorical, not numeric"),
        (Bins::Named(_), Some(Values::Numeric(_))) => Some("numeric, not categorical"),
        _ => None,
    };
    if let Some(problem) = problem {
        return Err(Error::SchemaMismatch { column: seen.feature.clone(), problem });
    }
    let mut counts = vec![0; seen.counts.len()];
    counts[seen.counts.len() - 1] = table.n_rows();
    if let Some(values) = values {
        counts = seen.bins.count(values);
    }
    let center = values.and_then(|values| seen.bins.center(values, &counts, least));
    let known = |counts: &[usize]| {
        let total: usize = counts.iter().sum();
        let missing = counts.last().copied().unwrap_or(0);
        if total == 0 { 0.0 } else { (total - missing) as f64 / total as f64 }
    };
    let mut drift = Drift {
        feature: seen.feature.clone(),
        shift: shift(&seen.counts, &counts),
        known_before: known(&seen.counts),
        known: known(&counts),
        center_before: seen.center.clone(),
        center,
        sentence: String::new(),
    };
    // The counts of a category are in this order: the levels by name, all other levels, missing values.
    let n_known: usize = counts[..counts.len() - 1].iter().sum();
    let is_other = matches!(seen.bins, Bins::Named(_))
        && n_known >= least
        && counts[..counts.len() - 2].iter().all(|&n| n == 0);
    drift.sentence = sentence(words, &drift, is_other);
    Ok(drift)
}

/// The population stability index of two counts of the same bins, less its mean for equal shares; at
/// least 0. Half a person is added to every bin, so that an empty one says a lot and not everything.
fn shift(before: &[usize], now: &[usize]) -> f64 {
    let (n, m) = (before.iter().sum::<usize>(), now.iter().sum::<usize>());
    if n == 0 || m == 0 {
        return 0.0;
    }
    let n_bins = before.len() as f64;
    let share = |count: usize, total: usize| (count as f64 + 0.5) / (total as f64 + 0.5 * n_bins);
    let parts = before.iter().zip(now).map(|(&before, &now)| {
        let (p, q) = (share(now, m), share(before, n));
        (p - q) * portable::ln(p / q)
    });
    let used = before.iter().zip(now).filter(|&(&before, &now)| before + now > 0).count();
    let by_chance = used.saturating_sub(1) as f64 * (1.0 / n as f64 + 1.0 / m as f64);
    (parts.sum::<f64>() - by_chance).max(0.0)
}

fn sentence(words: &Vocabulary, drift: &Drift, is_other: bool) -> String {
    let of =
        |found: &Option<Original>| found.as_ref().map(|found| center(words, &drift.feature, found));
    let label = called(words, &drift.feature);
    let (known, before) = (percent(words, drift.known), percent(words, drift.known_before));
    let mut text = match (of(&drift.center), of(&drift.center_before)) {
        _ if drift.known == 0.0 => words.say("{label}: known of nobody", &[("label", &label)]),
        (Some(now), Some(then)) => {
            let parts = [("label", &*label), ("now", &now), ("before", &then)];
            words.say("{label}: {now}, {before} when the model was made", &parts)
        }
        (Some(now), None) => words.say("{label}: {now}", &[("label", &label), ("now", &now)]),
        (None, _) if is_other => words.say("{label}: other values", &[("label", &label)]),
        (None, _) => words.say("{label}: known of too few to tell", &[("label", &label)]),
    };
    if known != before && drift.known > 0.0 {
        let parts = [("known", &*known), ("before", &before)];
        text += &words.say("; known of {known} ({before} then)", &parts);
    }
    text + "."
}

impl PersonaModel {
    /// How the people of a table differ from those the model was made from, in every column the model was
    /// made from; those that moved most first.
    ///
    /// Names, sentences and thresholds are those of the people the model was made from. If columns that made the
    /// personas shifted a lot, or are missing, people are placed by the other columns; fit a new model then.
    ///
    /// ```
    /// # use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};
    /// # let spend: Vec<Option<f64>> = (0..60).map(|i| Some(f64::from(i / 30 * 100 + i % 30))).collect();
    /// # let table = FeatureTable::new(60).numeric("spend", spend)?;
    /// # let prep = Preprocessor::default().fit(&table)?;
    /// # let fit = KMeans::new(2).fit(&prep.transform(&table)?)?;
    /// let personas = personas::persona::Describer::default().describe(&table, &prep, &fit)?;
    ///
    /// let dearer = (0..40).map(|i| Some(f64::from(200 + i))).collect();
    /// let drift = personas.drift(&FeatureTable::new(40).numeric("spend", dearer)?)?;
    /// assert!(drift[0].shift > 0.25);
    /// assert_eq!(drift[0].sentence, "spend: median 219.50, median 64.50 when the model was made.");
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column of another type. A column that is missing is not an error.
    pub fn drift(&self, table: &FeatureTable) -> Result<Vec<Drift>> {
        let table = &*self.with_cohorts(table)?;
        let (least, words) = (self.rules.least(), &self.rules.vocabulary);
        let drifts = self.seen.iter().map(|seen| drift(seen, table, least, words));
        let mut drifts = drifts.collect::<Result<Vec<Drift>>>()?;
        // Stable: of equals, the earlier column first.
        drifts.sort_by(|a, b| b.shift.total_cmp(&a.shift));
        Ok(drifts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use crate::{KMeans, Preprocessor};

    fn table(n: usize, seed: u64, by: f64) -> FeatureTable {
        let mut stream = Stream::new(seed, 0);
        let mut column = |by: f64| (0..n).map(|_| Some(stream.normal() + by)).collect();
        let (spend, visits) = (column(by), column(0.0));
        let region = (0..n).map(|row| Some(["north", "south"][row % 2].to_owned())).collect();
        let table = FeatureTable::new(n).numeric("spend", spend).unwrap();
        table.numeric("visits", visits).unwrap().categorical("region", region).unwrap()
    }

    fn model() -> PersonaModel {
        let table = table(300, 1, 0.0);
        let prep = Preprocessor::default().fit(&table).unwrap();
        let fit = KMeans::new(2).fit(&prep.transform(&table).unwrap()).unwrap();
        crate::persona::Describer::default().describe(&table, &prep, &fit).unwrap()
    }

    #[test]
    fn other_people_of_the_same_kind_do_not_drift_and_moved_columns_come_first() {
        let same = model().drift(&table(200, 2, 0.0)).unwrap();
        assert!(same.iter().all(|drift| drift.shift < 0.1), "{same:?}");
        let moved = model().drift(&table(200, 2, 1.0)).unwrap();
        assert_eq!((moved[0].feature.as_str(), moved[0].shift > 0.25), ("spend", true));
        assert!(moved[1].shift < 0.1, "{moved:?}");
    }

    #[test]
    fn columns_that_nobody_has_any_more_are_told_and_new_categories_counted() {
        let n = 50;
        let east = (0..n).map(|_| Some("east".to_owned())).collect();
        let later = FeatureTable::new(n).numeric("spend", vec![None; n]).unwrap();
        let drift = model().drift(&later.categorical("region", east).unwrap()).unwrap();
        let of = |name: &str| drift.iter().find(|drift| drift.feature == name).unwrap();
        assert_eq!((of("visits").known, of("spend").known), (0.0, 0.0));
        assert_eq!(of("visits").sentence, "visits: known of nobody.");
        assert_eq!((of("region").known, of("region").center.as_ref()), (1.0, None));
        assert_eq!(of("region").sentence, "region: other values.");
        assert!(drift.iter().all(|drift| drift.shift > 1.0), "{drift:?}");
    }

    #[test]
    fn people_too_few_to_tell_of_are_not_said_to_have_other_values() {
        let few = model().drift(&table(300, 1, 0.0).select(&(0..19).collect::<Vec<_>>()).unwrap());
        for drift in few.unwrap() {
            assert_eq!(drift.sentence, format!("{}: known of too few to tell.", drift.feature));
        }
    }

    #[test]
    fn a_column_of_another_type_is_refused_by_name() {
        let texts = vec![Some("much".to_owned()); 5];
        let later = FeatureTable::new(5).categorical("spend", texts).unwrap();
        let error = model().drift(&later).unwrap_err();
        assert!(matches!(error, Error::SchemaMismatch { ref column, .. } if column == "spend"));
    }

    #[test]
    fn what_is_kept_is_of_enough_people_and_comes_back_whole() {
        let model = model();
        for seen in &model.seen {
            let bins = &seen.counts[..seen.counts.len() - 1];
            assert!(bins.iter().all(|&n| n >= 20 || n == 0), "{seen:?}");
        }
        let stored = serde_json::to_string(&model).unwrap();
        let restored: PersonaModel = serde_json::from_str(&stored).unwrap();
        assert_eq!(restored, model);
    }
}
