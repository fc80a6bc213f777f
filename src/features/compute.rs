//! From the events of every profile to the columns of a table.
//!
//! The columns are settled first; then every profile's events are gone through once, for all
//! columns, in parallel. Ratios and scores are taken of finished columns.
//!
//! Cost: O(events · columns).

use super::definition::Feature;
use super::entry::Cell;
use super::evaluate::Single;
use super::fragment::{Events, Limit};
use super::measure::{Best, Measure};
use super::set::FeatureSet;
use super::table::Values;
use super::texts::Texts;
use super::{score, settle};
use crate::Timestamp;
use crate::num::parallel;

/// How many sets of events are looked at for one that a further feature is of.
const N_GROUPS: usize = 16;

/// A column and the single feature it holds.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) feature: Feature,
    pub(crate) values: Values,
    /// Rows without a value because their logs are cut.
    pub(crate) cut: Vec<usize>,
}

/// The columns of the profiles' features as of a moment; their names are unique. And how many
/// attributes were left out.
pub(crate) fn columns(
    people: &[Events<'_>],
    features: &FeatureSet,
    limit: Option<&Limit>,
    texts: &Texts,
    as_of: Timestamp,
) -> (Vec<Computed>, usize) {
    let (singles, left_out) = settle::singles(features, people, texts, as_of);
    let bound: Vec<Single<'_>> =
        singles.iter().map(|feature| Single::new(feature, texts, as_of)).collect();
    let unit = singles.len().saturating_mul(256);
    let order = by_events(&bound);
    let mut rows =
        parallel::map(people.len(), unit, |row| answers(&bound, &order, &people[row], limit));
    drop(bound);
    let mut done: Vec<Computed> = Vec::new();
    for (place, mut single) in singles.into_iter().enumerate() {
        let is_cut = |row: &usize| matches!(rows[*row][place], Some(Answer::Cut));
        let mut cut: Vec<usize> = (0..rows.len()).filter(is_cut).collect();
        let answers = rows.iter_mut().map(|row| row[place].take());
        let values = match single.measure() {
            Measure::Ratio { of, per } => ratio(of, per, &done, people.len()),
            Measure::Score { of, n, best } => {
                let column = numbers(of, &done, people.len());
                let (of, best) = (of.clone(), *best);
                let borders = score::borders(&column, *n, best);
                let values = scored(&column, &borders, best);
                single = single.measuring(Measure::ScoreFrom { of, borders, best });
                values
            }
            Measure::ScoreFrom { of, borders, best } => {
                scored(&numbers(of, &done, people.len()), borders, *best)
            }
            measure if measure.is_category() => {
                Values::Categorical(answers.map(|answer| answer?.text(texts)).collect())
            }
            _ => Values::Numeric(answers.map(|answer| answer?.number()).collect()),
        };
        for part in single.measure().made_of() {
            let parts = done.iter().find(|column| column.feature.name() == part);
            cut.extend(parts.iter().flat_map(|column| &column.cut));
        }
        cut.sort_unstable();
        cut.dedup();
        if !(single.is_optional() && values.n_missing() == people.len()) {
            done.push(Computed { feature: single.required(), values, cut });
        }
    }
    (done, left_out)
}

/// What a feature is for a profile.
enum Answer {
    Cell(Cell),
    Text(String),
    /// It needs events that are no longer there.
    Cut,
}

impl Answer {
    fn number(self) -> Option<f64> {
        match self {
            Self::Cell(cell) => cell.number(),
            Self::Text(_) | Self::Cut => None,
        }
    }

    fn text(self, texts: &Texts) -> Option<String> {
        match self {
            Self::Cell(cell) => Some(cell.text(texts)),
            Self::Text(text) => Some(text),
            Self::Cut => None,
        }
    }
}

/// The places of features, those of the same events mostly one after the other.
fn by_events(singles: &[Single<'_>]) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, single) in singles.iter().enumerate() {
        // There can be a group for every event name; not all of them are looked at.
        let mut newest = groups.iter_mut().rev().take(N_GROUPS);
        match newest.find(|group| singles[group[0]].counts_as(single)) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups.concat()
}

/// A profile's row. The features are gone through in an order of theirs.
fn answers(
    singles: &[Single<'_>],
    order: &[usize],
    events: &Events<'_>,
    limit: Option<&Limit>,
) -> Vec<Option<Answer>> {
    let mut before: Option<&Single<'_>> = None;
    let mut counted = Vec::new();
    let mut row: Vec<Option<Answer>> = singles.iter().map(|_| None).collect();
    for &feature in order {
        let single = &singles[feature];
        if !events.has_all_after(single.after) {
            row[feature] = match (&events.summary, limit) {
                (Some(summary), Some(Limit { plan, .. })) if plan.tells(feature) => {
                    plan.answer(feature, single.measure, summary, single.as_of).map(Answer::Cell)
                }
                _ if single.measure.made_of().next().is_some() => None,
                _ => Some(Answer::Cut),
            };
            continue;
        }
        if !before.is_some_and(|before| before.counts_as(single)) {
            single.counted(&events.log, &mut counted);
            before = Some(single);
        }
        row[feature] = match single.measure {
            Measure::UniqueList(_) | Measure::MostFrequentTransition(_) => {
                single.text(&counted).map(Answer::Text)
            }
            _ => single.cell(&counted).map(Answer::Cell),
        };
    }
    row
}

/// An earlier column's numbers; of an attribute that turned out to be a category, none.
fn numbers(name: &str, earlier: &[Computed], n_rows: usize) -> Vec<Option<f64>> {
    let found = earlier.iter().find(|column| column.feature.name() == name);
    match found.map(|column| &column.values) {
        Some(Values::Numeric(values)) => values.clone(),
        _ => vec![None; n_rows],
    }
}

fn scored(column: &[Option<f64>], borders: &[f64], best: Best) -> Values {
    let score = |value: &Option<f64>| Some(score::score(value.as_ref().copied()?, borders, best));
    Values::Numeric(column.iter().map(score).collect())
}

/// One column divided by another, row by row.
fn ratio(of: &str, per: &str, earlier: &[Computed], n_rows: usize) -> Values {
    let (of, per) = (numbers(of, earlier, n_rows), numbers(per, earlier, n_rows));
    let divide = |(of, per): (&Option<f64>, &Option<f64>)| {
        let quotient = of.as_ref()? / per.as_ref().filter(|per| **per != 0.0)?;
        quotient.is_finite().then_some(quotient)
    };
    Values::Numeric(of.iter().zip(&per).map(divide).collect())
}
