//! What the page needs to know beyond the model: where people lie, how well they fit, who is odd.

use std::collections::BTreeMap;

use ndarray::{ArrayView2, Axis};

use super::text::count;
use crate::num::rng::Stream;
use crate::outlier::IsolationForest;
use crate::persona::Importance;
use crate::prepare::{Matrix, MatrixColumn};
use crate::reduce::Pca;
use crate::validate::{SilhouetteKind, silhouette};
use crate::{FeatureTable, Labels, PersonaModel, Result};

/// Most columns that are named along a direction of the map.
const MOST_NAMED: usize = 4;
/// Rows whose silhouettes are taken: each costs a pass over all of them.
const MOST_SILHOUETTES: usize = 2_000;
/// They are the same each time the page is made.
const SEED: u64 = 0x5eed;

/// The numbers behind the page.
pub(super) struct Facts<'r> {
    pub(super) model: &'r PersonaModel,
    /// Persona of each person.
    pub(super) personas: Vec<Option<usize>>,
    /// Place of each person on two components; none where the columns do not span two.
    pub(super) places: Vec<[f64; 2]>,
    /// What the two components are made of, and their shares of the variance.
    pub(super) axes: Vec<(String, f64)>,
    /// Silhouettes by persona.
    pub(super) silhouettes: Vec<Vec<f64>>,
    /// Outliers by their strongest reason; the largest first.
    pub(super) odd: Vec<(String, usize)>,
    /// What tells the personas apart; the strongest first.
    pub(super) importances: Vec<Importance>,
    /// Columns, and how far each persona leans to which side.
    pub(super) leanings: Vec<(String, Vec<Option<f64>>)>,
    /// Columns and the share of people without a value; those of which too few have none to be told are
    /// left out.
    pub(super) missing: Vec<(String, f64)>,
}

impl<'r> Facts<'r> {
    pub(super) fn of(model: &'r PersonaModel, table: &FeatureTable) -> Result<Self> {
        let personas: Vec<Option<usize>> =
            model.assign(table)?.iter().map(|found| found.persona).collect();
        let complete = model.with_cohorts(table)?;
        let matrix = model.preprocessor().transform(&complete)?;
        let (places, axes) = places(model, &matrix)?;
        let n_rows = table.n_rows();
        let missing = complete.columns().iter().filter_map(|column| {
            let n_missing = column.values.n_missing();
            let share = n_missing as f64 / n_rows.max(1) as f64;
            (n_missing >= model.least()).then(|| (model.called(&column.name), share))
        });
        Ok(Self {
            silhouettes: silhouettes(&matrix, &personas, model.personas().len())?,
            odd: odd(model, &matrix)?,
            importances: model.importance(table, None, None)?,
            leanings: leanings(model, &complete, &personas)?,
            missing: missing.collect(),
            model,
            personas,
            places,
            axes,
        })
    }

    /// A text in the model's words.
    pub(super) fn say(&self, template: &'static str, parts: &[(&str, &str)]) -> String {
        self.model.say(template, parts)
    }

    /// `1 person`, `2,000 people`.
    pub(super) fn people(&self, n: usize) -> String {
        match n {
            1 => self.say("1 person", &[]),
            n => self.say("{n} people", &[("n", &count(n))]),
        }
    }

    pub(super) fn percent(&self, share: f64) -> String {
        self.model.percent(share)
    }

    pub(super) fn n_people(&self) -> usize {
        self.personas.len()
    }

    /// Whether the people are seen to be others than those the model was made from.
    pub(super) fn are_others(&self) -> bool {
        let mut personas = self.model.personas().iter().enumerate();
        let differ = personas.any(|(at, persona)| self.n_in(at) != persona.size);
        let evidence = self.model.evidence();
        self.n_people() != evidence.n_rows || (differ && evidence.agreement == 1.0)
    }

    /// Whether a persona had enough people when the model was made to be described.
    pub(super) fn is_described(&self, persona: usize) -> bool {
        self.model.personas()[persona].size >= self.model.least()
    }

    /// Whether it also has enough people in the table for anything to be told of them.
    pub(super) fn is_told(&self, persona: usize) -> bool {
        self.is_described(persona) && self.n_in(persona) >= self.model.least()
    }

    /// People of the table in a persona.
    pub(super) fn n_in(&self, persona: usize) -> usize {
        self.personas.iter().filter(|found| **found == Some(persona)).count()
    }
}

/// By column, how far each persona leans to which side.
fn leanings(
    model: &PersonaModel,
    table: &FeatureTable,
    personas: &[Option<usize>],
) -> Result<Vec<(String, Vec<Option<f64>>)>> {
    let by_persona = model.leanings(table, personas)?;
    let columns = table.columns().iter().enumerate();
    let of_column = |at: usize| by_persona.iter().map(|columns| columns[at]).collect();
    Ok(columns.map(|(at, column)| (column.name.clone(), of_column(at))).collect())
}

/// A place for each person, and what the two directions are made of.
type Map = (Vec<[f64; 2]>, Vec<(String, f64)>);

/// Where people lie on the two components with the most variance, and what these are.
fn places(model: &PersonaModel, matrix: &Matrix) -> Result<Map> {
    let x = ArrayView2::from(matrix);
    if x.ncols() < 2 || x.nrows() < 3 {
        return Ok((Vec::new(), Vec::new()));
    }
    let fit = Pca::new(2).fit(x)?;
    let places = fit.transform(x)?;
    let describe = |component| -> Result<String> {
        let told = fit.carried_by(component)?.into_iter().filter_map(|(column, is_more)| {
            let told = ToldColumn::of(model, matrix, column);
            let template = if is_more { "more {label}" } else { "less {label}" };
            (!matches!(told.kind, ToldKind::Few))
                .then(|| model.say(template, &[("label", &told.name())]))
        });
        Ok(told.take(MOST_NAMED).collect::<Vec<_>>().join(", "))
    };
    let axes = vec![(describe(0)?, fit.explained_ratio[0]), (describe(1)?, fit.explained_ratio[1])];
    let points = places.rows().into_iter().map(|row| [row[0], row[1]]).collect();
    Ok((points, axes))
}

/// Silhouettes of people drawn at random.
fn silhouettes(matrix: &Matrix, personas: &[Option<usize>], k: usize) -> Result<Vec<Vec<f64>>> {
    let drawn = Stream::new(SEED, 0).rows(personas.len(), MOST_SILHOUETTES);
    let rows: Vec<usize> = drawn.into_iter().filter(|&row| personas[row].is_some()).collect();
    let mut by_persona = vec![Vec::new(); k];
    let present: Vec<Option<usize>> = rows.iter().map(|&row| personas[row]).collect();
    let labels = Labels::new(present.iter().copied())?;
    if labels.n_clusters() < 2 {
        return Ok(Vec::new());
    }
    let sample = ArrayView2::from(matrix).select(Axis(0), &rows);
    let values = silhouette(&sample, &labels, SilhouetteKind::Exact)?;
    for (value, persona) in values.values.iter().zip(present) {
        if let (Some(value), Some(persona)) = (value, persona) {
            by_persona[persona].push(*value);
        }
    }
    Ok(by_persona)
}

/// A column of the matrix as it is told.
struct ToldColumn<'m> {
    model: &'m PersonaModel,
    label: String,
    kind: ToldKind,
}

enum ToldKind {
    /// Numbers or ranks.
    Amount,
    /// One category.
    Level(String),
    /// Whether a value is missing.
    Missing,
    /// One of the two last, of too few people to be named.
    Few,
}

impl<'m> ToldColumn<'m> {
    fn of(model: &'m PersonaModel, matrix: &Matrix, column: usize) -> Self {
        let MatrixColumn { name, feature, .. } = &matrix.columns()[column];
        let rest = name.strip_prefix(feature.as_str()).unwrap_or_default();
        let kind = match rest.strip_prefix('=') {
            None if rest.is_empty() => ToldKind::Amount,
            _ if n_highest(matrix, column) < model.least() => ToldKind::Few,
            Some(level) => ToldKind::Level(model.category(level)),
            None => ToldKind::Missing,
        };
        Self { model, label: model.called(feature), kind }
    }

    fn say(&self, template: &'static str, category: &str) -> String {
        self.model.say(template, &[("label", &self.label), ("category", category)])
    }

    fn name(&self) -> String {
        match &self.kind {
            ToldKind::Amount | ToldKind::Few => self.label.clone(),
            ToldKind::Level(level) => self.say("{label}: {category}", level),
            ToldKind::Missing => self.say("{label}: unknown", ""),
        }
    }

    /// What a value above the mean, or not, says of the feature.
    fn side(&self, is_above: bool) -> String {
        match (&self.kind, is_above) {
            (ToldKind::Amount, true) => self.say("{label}: high", ""),
            (ToldKind::Amount, false) => self.say("{label}: low", ""),
            (ToldKind::Level(level), true) => self.say("{label}: {category}", level),
            (ToldKind::Level(level), false) => self.say("{label}: not {category}", level),
            (ToldKind::Few, _) => self.label.clone(),
            (ToldKind::Missing, true) => self.say("{label}: unknown", ""),
            (ToldKind::Missing, false) => self.say("{label}: known", ""),
        }
    }
}

/// How many people have the highest value of a column: that of a category, or of a value that is missing, says
/// that they have it.
fn n_highest(matrix: &Matrix, column: usize) -> usize {
    let values = ArrayView2::from(matrix);
    let values = values.column(column);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().filter(|&&value| value == highest).count()
}

/// How many people are odd, by the feature that sets them apart most and the side they are on.
fn odd(model: &PersonaModel, matrix: &Matrix) -> Result<Vec<(String, usize)>> {
    let x = ArrayView2::from(matrix);
    let fit = IsolationForest::default().fit(x)?;
    let rows = &fit.outliers;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let odd = x.select(Axis(0), rows);
    let means = x.mean_axis(Axis(0)).unwrap_or_default();
    let reasons = fit.reasons(&odd)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (row, reasons) in odd.rows().into_iter().zip(reasons.rows()) {
        let shares = reasons.iter().enumerate();
        let Some((best, _)) = shares.max_by(|a, b| a.1.total_cmp(b.1)) else { continue };
        let reason = ToldColumn::of(model, matrix, best).side(row[best] > means[best]);
        *counts.entry(reason).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(counts)
}
