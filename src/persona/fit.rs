//! From a table to personas in one call.

use super::cut;
use super::describe::Used;
use super::evidence::{BlockShare, Evidence};
use super::index::Index;
use super::model::PersonaModel;
use super::place::means;
use super::settings::PersonaSettings;
use crate::cluster::{KMeans, KMeansFit};
use crate::num::check::{self, Rows};
use crate::prepare::PreprocessorFit;
use crate::validate::{KChoice, choose_k};
use crate::{Error, FeatureTable, Labels, Result};

impl PersonaModel {
    /// Prepares the table, groups the people, judges the groups and describes them.
    ///
    /// The number of personas, unless it is given: the number of groups where the data hold groups of
    /// their own ([`validate::choose_k`](crate::validate::choose_k)), otherwise that of a cut for use.
    /// [`evidence`](Self::evidence) says which, with the criteria and their numbers. The steps stay
    /// available one by one: [`Preprocessor`](crate::Preprocessor), [`KMeans`], and
    /// [`describe`](Self::describe) for groups of any other method.
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
    /// let evidence = model.evidence().ok_or("fitted")?;
    /// assert!(!evidence.is_natural && model.personas().len() >= 2);
    /// assert!(evidence.reason.starts_with("The data hold no groups of their own"));
    /// assert_eq!(model.assign(&table)?.len(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a setting outside its range, or if all people are alike,
    /// [`Error::TooFewSamples`] for fewer than 3 people or fewer different ones than `k`, and those of
    /// [`Preprocessor::fit`](crate::Preprocessor::fit).
    pub fn fit(table: &FeatureTable, settings: &PersonaSettings) -> Result<Self> {
        settings.check()?;
        const FEWEST: usize = 3;
        if table.n_rows() < FEWEST {
            let (needed, got) = (FEWEST, table.n_rows());
            return Err(Error::TooFewSamples { what: "personas", needed, got });
        }
        let index = Index::new(table)?;
        let prep = settings.preprocessor.fit(table)?;
        let matrix = prep.transform(table)?;
        let rows = check::rows((&matrix).into())?;
        let most = settings.max_k.min(table.n_rows() - 1);
        let groups = choose_k(rows.view(), 2..=most, settings.seed)?;
        let is_given = settings.k.is_some();
        let (found, is_natural) = given_or_natural(&rows, &groups, settings)?;
        let cut::Cut { fit, stability, candidates } = match found {
            Some(fit) => {
                let k = fit.labels.sizes().len();
                let stability = cut::stability(&rows, &fit.labels, k, settings.n_half_samples)?;
                cut::Cut { fit, stability, candidates: Vec::new() }
            }
            None => cut::cut(&rows, &index, &Used::by(&prep), settings)?,
        };
        let k = fit.labels.sizes().len();
        let reason = match (is_given, is_natural) {
            (true, _) => format!("The number of personas was given. {}", groups.reason()),
            (false, true) => groups.reason(),
            (false, false) => cut::reason(&groups, &candidates, k, settings),
        };
        let evidence = Evidence {
            as_of: table.as_of(),
            stability,
            blocks: blocks(&rows, &fit.labels, &prep),
            groups,
            ageing: ageing(table, &Used::by(&prep)),
            is_natural,
            is_given,
            candidates,
            reason,
        };
        Self::build(&index, &rows, &prep, (&fit).into(), &settings.describer, Some(evidence))
    }

    /// Why there are these personas and how far to trust them; `None` for a model that was
    /// [described](Self::describe) from groups made elsewhere.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }
}

/// The groups of the number that was given, else those that the data hold; and whether they are the data's
/// own. Nothing if the number is not given and the data hold none that can be described.
fn given_or_natural(
    rows: &Rows<'_>,
    groups: &KChoice,
    settings: &PersonaSettings,
) -> Result<(Option<KMeansFit>, bool)> {
    let holds = groups.supported() && settings.k.is_none_or(|k| k == groups.k);
    let Some(k) = settings.k.or(holds.then_some(groups.k)) else { return Ok((None, false)) };
    let fit = KMeans::new(k).seed(settings.seed).fit(rows.view())?;
    // Groups of a few people are none that can be described, let alone be worked with.
    let least = settings.describer.least();
    match settings.k.is_some() || fit.labels.sizes().iter().all(|&n| n >= least) {
        true => Ok((Some(fit), holds)),
        false => Ok((None, false)),
    }
}

/// The columns that made the groups and age by themselves.
fn ageing(table: &FeatureTable, used: &Used) -> Vec<String> {
    let ages = table.columns().iter().filter(|column| column.ages && used.contains(&column.name));
    ages.map(|column| column.name.clone()).collect()
}

/// The share of every block, and of every column in none, of the variance between personas.
fn blocks(rows: &Rows<'_>, labels: &Labels, prep: &PreprocessorFit) -> Vec<BlockShare> {
    let width = rows.n_columns();
    let centre = means(rows, &vec![Some(0); rows.n_rows()], 1);
    let own = means(rows, &labels.to_vec(), labels.n_clusters());
    let mut between = vec![0.0; width];
    for (group, &size) in labels.sizes().iter().enumerate() {
        for (column, sum) in between.iter_mut().enumerate() {
            let step = own[group * width + column] - centre[column];
            *sum += size as f64 * step * step;
        }
    }
    let total: f64 = between.iter().sum();
    let mut shares: Vec<BlockShare> = Vec::new();
    let mut at = 0;
    for step in prep.steps() {
        let columns = at..at + step.n_columns();
        at = columns.end;
        if columns.is_empty() {
            continue;
        }
        let share = if total > 0.0 { between[columns].iter().sum::<f64>() / total } else { 0.0 };
        let name = step.block.as_ref().unwrap_or(&step.feature);
        match shares.iter_mut().find(|known| known.name == *name && step.block.is_some()) {
            Some(known) => {
                known.features.push(step.feature.clone());
                known.share += share;
            }
            None => shares.push(BlockShare {
                name: name.clone(),
                features: vec![step.feature.clone()],
                share,
            }),
        }
    }
    // Stable: of equal shares, the earlier column first.
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}
