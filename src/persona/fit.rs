//! From a table to personas in one call.

use super::cut::{self, CHOOSING, NumberSource};
use super::describe::Used;
use super::index::ColumnIndex;
use super::model::{Choice, PersonaModel, with_cohorts};
use super::settings::PersonaSettings;
use crate::cluster::{KMeans, KMeansFit};
use crate::num::check::{self, Rows};
use crate::validate::{KChoice, Structure, choose_k};
use crate::{Error, FeatureTable, Preprocessor, Result};

/// People that judging any groups takes.
const FEWEST: usize = 3;

impl PersonaModel {
    /// Compares people with their cohorts, if the settings name them, prepares the table, groups the people,
    /// judges the groups and describes them.
    ///
    /// The number of personas, unless it is given: the number of groups where the data hold groups of
    /// their own ([`validate::choose_k`](crate::validate::choose_k)), otherwise that of a cut for use. Where
    /// they hold fewer than [`PersonaSettings::min_k`], the reason names a finer division, if one passes.
    /// [`evidence`](Self::evidence) says which, with the criteria and their numbers. The steps stay
    /// available one by one: [`Preprocessor`](crate::Preprocessor), [`KMeans`], and
    /// [`Describer::describe`](super::Describer::describe) for groups of any other method.
    ///
    /// ```
    /// use personas::persona::{PersonaModel, PersonaSettings};
    /// use personas::FeatureTable;
    ///
    /// // A hundred people who differ by degrees, in two ways.
    /// let column = |step: usize| (0..100).map(|i| Some((i * step % 101) as f64)).collect();
    /// let table = FeatureTable::new(100).numeric("spend", column(1))?.numeric("visits", column(30))?;
    ///
    /// let model = PersonaModel::fit(&table, &PersonaSettings::default())?;
    /// let evidence = model.evidence();
    /// assert!(!evidence.is_natural && model.personas().len() >= 2);
    /// assert!(evidence.reason.starts_with("The data hold no groups of their own"));
    /// assert_eq!(model.assign(&table)?.len(), 100);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a setting outside its range, or if all people are alike,
    /// [`Error::TooFewSamples`] for fewer different people than `k`, for fewer than 3, and, if `k` is not given, for
    /// fewer than twice the least size of a persona or of a described group, whichever is smaller, 40 by default;
    /// and those of
    /// [`Cohorts::fit`](crate::prepare::Cohorts::fit) and [`Preprocessor::fit`](crate::Preprocessor::fit).
    pub fn fit(table: &FeatureTable, settings: &PersonaSettings) -> Result<Self> {
        settings.check()?;
        // Any division of fewer has a group that is too small to be a persona, and too small to be described.
        let least = settings.min_size.min(settings.describer.least());
        let of_two = if settings.k.is_none() { least.saturating_mul(2) } else { 0 };
        let (needed, got) = (of_two.max(FEWEST), table.n_rows());
        if got < needed {
            return Err(Error::TooFewSamples { what: "finding personas", needed, got });
        }
        let cohorts = settings.cohorts.as_ref().map(|cohorts| cohorts.fit(table)).transpose()?;
        let table = &*with_cohorts(cohorts.as_ref(), table)?;
        let index = ColumnIndex::new(table)?;
        // What too few people have is not kept by name.
        let least = settings.preprocessor.min_level_size.max(settings.describer.least());
        let preprocessor = Preprocessor { min_level_size: least, ..settings.preprocessor.clone() };
        let prep = preprocessor.fit(table)?;
        let matrix = prep.transform(table)?;
        let rows = check::rows((&matrix).into())?;
        let most = settings.max_k.min(table.n_rows() - 1);
        let groups = choose_k(rows.view(), 2..=most, CHOOSING)?;
        let is_given = settings.k.is_some();
        let (found, is_natural) = given_or_natural(&rows, &groups, settings)?;
        let divide = || cut::cut(&rows, &index, &Used::by(&prep), settings);
        let cut::CutForUse { fit, stability, candidates } = match found {
            Some(fit) => {
                let k = fit.labels.sizes().len();
                let stability = cut::stability(&rows, &fit.labels, k, settings.n_half_samples)?;
                // Two halves, however real, are hardly anything to work with: what a finer division would be.
                let is_coarse = !is_given && k < settings.min_k;
                let candidates = if is_coarse { divide()?.candidates } else { Vec::new() };
                cut::CutForUse { fit, stability, candidates }
            }
            None => divide()?,
        };
        let k = fit.labels.sizes().len();
        let how = match (is_given, is_natural) {
            (true, _) => NumberSource::Given,
            (false, true) => NumberSource::Natural,
            (false, false) => NumberSource::Cut,
        };
        let reason = cut::reason(how, &groups, &candidates, k, settings);
        let choice = Choice {
            as_of: table.as_of(),
            stability,
            min_stability: settings.min_stability,
            groups: Some(groups),
            is_natural,
            is_given,
            candidates,
            reason,
        };
        let groups = (&fit).into();
        let mut model =
            Self::build(&index, &rows, &prep, groups, &settings.describer, Some(choice))?;
        model.cohorts = cohorts;
        Ok(model)
    }
}

/// The groups of the number that was given, else those that the data hold; and whether they are the data's
/// own. Nothing if the number is not given and the data hold none that can be described.
fn given_or_natural(
    rows: &Rows<'_>,
    groups: &KChoice,
    settings: &PersonaSettings,
) -> Result<(Option<KMeansFit>, bool)> {
    let holds = groups.structure == Structure::Natural && settings.k.is_none_or(|k| k == groups.k);
    let Some(k) = settings.k.or(holds.then_some(groups.k)) else { return Ok((None, false)) };
    let seed = if settings.k.is_some() { settings.seed } else { CHOOSING };
    let fit = KMeans::new(k).seed(seed).fit(rows.view())?;
    // Groups of a few people are none that can be described, let alone be worked with.
    let least = settings.describer.least();
    match settings.k.is_some() || fit.labels.sizes().iter().all(|&n| n >= least) {
        true => Ok((Some(fit), holds)),
        false => Ok((None, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use crate::persona::Describer;

    #[test]
    fn people_who_are_too_few_for_two_personas_of_the_least_size_have_them_only_if_asked_for() {
        let fit = |n: usize, settings: &PersonaSettings| {
            let column = (0..n).map(|i| Some((i % 2 * 100 + i) as f64)).collect();
            let table = FeatureTable::new(n).numeric("spend", column).unwrap();
            PersonaModel::fit(&table, settings).map(|model| model.personas().len())
        };
        let chosen = PersonaSettings::default();
        for n in [0, 1, 4, 20, 39] {
            let refused = Error::TooFewSamples { what: "finding personas", needed: 40, got: n };
            assert_eq!(fit(n, &chosen), Err(refused), "{n}");
        }
        assert!(fit(40, &chosen).is_ok_and(|k| k >= 2));
        // Whoever gives the number, or a smaller least size, has said that it is few.
        let given = PersonaSettings { k: Some(2), ..PersonaSettings::default() };
        assert_eq!(fit(4, &given), Ok(2));
        let small = PersonaSettings { min_size: 2, ..PersonaSettings::default() };
        let describer = Describer { any_size: true, ..Describer::default() };
        let of_any_size = PersonaSettings { describer, ..PersonaSettings::default() };
        for settings in [&small, &of_any_size] {
            assert!(fit(4, settings).is_ok_and(|k| k >= 2));
        }
        let refused = Error::TooFewSamples { what: "finding personas", needed: 3, got: 2 };
        for settings in [given, of_any_size] {
            assert_eq!(fit(2, &settings), Err(refused.clone()));
        }
        let mut most = PersonaSettings { min_size: usize::MAX, ..PersonaSettings::default() };
        most.describer.min_size = usize::MAX;
        assert!(matches!(fit(50, &most), Err(Error::TooFewSamples { needed: usize::MAX, .. })));
    }

    /// People of three groups, by a column of spending and by columns that say the same.
    fn of_one_kind(n: usize, value: impl Fn(usize) -> f64) -> FeatureTable {
        let column = |factor: f64, swing: f64| {
            let values = (0..n).map(|i| Some(factor * value(i) + swing * (i * 7 % 11) as f64));
            values.collect::<Vec<_>>()
        };
        FeatureTable::new(n)
            .numeric("spend", column(1.0, 0.0))
            .and_then(|t| t.numeric("visits", column(0.1, 0.01)))
            .and_then(|t| t.numeric("items", column(0.3, 0.02)))
            .unwrap()
    }

    #[test]
    fn groups_that_are_apart_in_one_way_are_the_data_s_own_and_need_no_second_trait() {
        let mut stream = Stream::new(3, 0);
        let noise: Vec<f64> = (0..300).map(|_| stream.normal()).collect();
        let table = of_one_kind(300, |i| [20.0, 100.0, 180.0][i % 3] + 5.0 * noise[i]);
        let all = [table.clone(), table.without(&["visits", "items"])];
        for table in all {
            let model = PersonaModel::fit(&table, &PersonaSettings::default()).unwrap();
            assert!(model.evidence().is_natural, "{}", model.evidence().reason);
            let mut names: Vec<&str> = model.personas().iter().map(|p| p.name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, ["Big spenders", "Medium spenders", "Small spenders"]);
        }
    }

    #[test]
    fn a_cut_of_people_who_differ_in_one_way_says_so_and_can_do_with_one_trait() {
        let table = of_one_kind(300, |i| 20.0 + (i * 37 % 300) as f64);
        let settings = PersonaSettings::default();
        let model = PersonaModel::fit(&table, &settings).unwrap();
        let evidence = model.evidence();
        assert!(!evidence.is_natural && model.personas().len() >= 3, "{}", evidence.reason);
        let why = "fails least: the personas differ in one trait only, and each needs 2.";
        assert!(evidence.reason.ends_with(why), "{}", evidence.reason);
        let model =
            PersonaModel::fit(&table, &PersonaSettings { min_traits: 1, ..settings }).unwrap();
        let evidence = model.evidence();
        assert!(evidence.candidates.iter().any(|c| c.passes && c.k == model.personas().len()));
        assert!(evidence.reason.contains("Of those that pass all criteria"), "{}", evidence.reason);
    }

    #[test]
    fn of_two_halves_that_the_data_hold_a_finer_division_is_named() {
        let mut stream = Stream::new(4, 0);
        let n = 400;
        let mut column = |group: f64, spread: f64| -> Vec<Option<f64>> {
            (0..n).map(|i| Some((i % 2) as f64 * group + spread * stream.normal())).collect()
        };
        let table = FeatureTable::new(n)
            .numeric("spend", column(1000.0, 150.0))
            .and_then(|t| t.numeric("visits", column(0.0, 40.0)))
            .unwrap();
        let model = PersonaModel::fit(&table, &PersonaSettings::default()).unwrap();
        let evidence = model.evidence();
        assert!(evidence.is_natural && model.personas().len() == 2, "{}", evidence.reason);
        let finer = evidence.reason.find("A finer, practical division into ").unwrap();
        assert!(evidence.reason[finer..].contains("set k to "), "{}", evidence.reason);
        assert!(evidence.candidates.iter().any(|c| c.passes && c.k > 2));

        let given = PersonaSettings { k: Some(2), ..PersonaSettings::default() };
        let evidence = PersonaModel::fit(&table, &given).unwrap().evidence().clone();
        assert!(!evidence.reason.contains("finer") && evidence.candidates.is_empty());
    }
}
