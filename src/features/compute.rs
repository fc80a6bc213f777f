//! From the events of every profile to the columns of a table.
//!
//! The columns are settled first; then every profile's events are gone through once, for all
//! columns, in parallel. Ratios and scores are taken of finished columns.
//!
//! Cost: O(events · columns).

use super::definition::Feature;
use super::entry::{Cell, Entry};
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

/// Rows that a thread answers for at a time: few, for some people have long logs.
const BLOCK: usize = 64;

/// Rows by which what lies far off is asked for ahead.
const AHEAD: usize = 8;

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
    let blocks = parallel::map(people.len().div_ceil(BLOCK), unit.saturating_mul(BLOCK), |block| {
        let rows = block * BLOCK..people.len().min((block + 1) * BLOCK);
        let mut parts: Vec<Part> =
            bound.iter().map(|single| Part::new(single.measure, rows.len())).collect();
        let mut counted = Vec::new();
        for row in rows {
            if let Some(later) = people.get(row + AHEAD) {
                later.soon();
            }
            answers(&bound, &order, &people[row], limit, &mut counted, |place, answer| {
                parts[place].push(row, answer, texts);
            });
        }
        parts
    });
    drop(bound);
    let column = |single: &Feature| (Part::new(single.measure(), people.len()), Vec::new());
    let mut columns: Vec<(Part, Vec<Part>)> = singles.iter().map(column).collect();
    for parts in blocks {
        columns.iter_mut().zip(parts).for_each(|((_, column), part)| column.push(part));
    }
    let columns = parallel::map_owned(columns, people.len(), |(mut column, parts)| {
        parts.into_iter().for_each(|part| column.append(part));
        column
    });
    let mut done: Vec<Computed> = Vec::new();
    for (mut single, Part { values, mut cut }) in singles.into_iter().zip(columns) {
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
            _ => values,
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

/// The values of a column in some rows; none yet where they are made of other columns.
struct Part {
    values: Values,
    /// Rows without a value because their logs are cut.
    cut: Vec<usize>,
}

impl Part {
    fn new(measure: &Measure, n_rows: usize) -> Self {
        let values = match measure {
            measure if measure.made_of().next().is_some() => Values::Numeric(Vec::new()),
            measure if measure.is_category() => Values::Categorical(Vec::with_capacity(n_rows)),
            _ => Values::Numeric(Vec::with_capacity(n_rows)),
        };
        Self { values, cut: Vec::new() }
    }

    fn push(&mut self, row: usize, answer: Option<Answer>, texts: &Texts) {
        if let Some(Answer::Cut) = answer {
            self.cut.push(row);
        }
        match &mut self.values {
            Values::Numeric(values) => values.push(answer.and_then(Answer::number)),
            Values::Categorical(values) => {
                values.push(answer.and_then(|answer| answer.text(texts)));
            }
        }
    }

    /// Adds later rows of the same column.
    fn append(&mut self, other: Self) {
        self.cut.extend(other.cut);
        match (&mut self.values, other.values) {
            (Values::Numeric(values), Values::Numeric(later)) => values.extend(later),
            (Values::Categorical(values), Values::Categorical(later)) => values.extend(later),
            _ => unreachable!("a column has one type"),
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

/// What the features are for a profile, each with its place. They are gone through in an order of
/// theirs; what is made of other columns is left out.
fn answers<'e>(
    singles: &[Single<'_>],
    order: &[usize],
    events: &Events<'e>,
    limit: Option<&Limit>,
    counted: &mut Vec<&'e Entry>,
    mut each: impl FnMut(usize, Option<Answer>),
) {
    let mut before: Option<&Single<'_>> = None;
    for &feature in order {
        let single = &singles[feature];
        if single.measure.made_of().next().is_some() {
            continue;
        }
        if !events.has_all_after(single.after) {
            let answer = match (&events.summary, limit) {
                (Some(summary), Some(Limit { plan, .. })) if plan.tells(feature) => {
                    plan.answer(feature, single.measure, summary, single.as_of).map(Answer::Cell)
                }
                _ => Some(Answer::Cut),
            };
            each(feature, answer);
            continue;
        }
        if !before.is_some_and(|before| before.counts_as(single)) {
            single.counted(&events.log, counted);
            before = Some(single);
        }
        let answer = match single.measure {
            Measure::UniqueList(_) | Measure::MostFrequentTransition(_) => {
                single.text(counted).map(Answer::Text)
            }
            _ => single.cell(counted).map(Answer::Cell),
        };
        each(feature, answer);
    }
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
