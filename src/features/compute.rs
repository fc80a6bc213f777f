//! From the events of every profile to the columns of a table.
//!
//! The columns are settled first; then every profile's events are gone through once, for all
//! columns, in parallel. Ratios are taken of finished columns.
//!
//! Cost: O(events · columns).

use super::definition::{Feature, FeatureSet, Measure};
use super::fragment::{Cell, Entry};
use super::table::Values;
use super::texts::Texts;
use super::{measure, settle};
use crate::Timestamp;
use crate::num::parallel;

/// A profile's events up to the moment asked about, in order.
pub(crate) type Events<'e> = Vec<&'e Entry>;

/// A column and the single feature it holds.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) feature: Feature,
    pub(crate) values: Values,
}

/// The columns of the profiles' features as of a moment; their names are unique.
pub(crate) fn columns(
    people: &[Events<'_>],
    features: &FeatureSet,
    texts: &Texts,
    as_of: Timestamp,
) -> Vec<Computed> {
    let singles = settle::singles(features, people, texts);
    let unit = singles.len().saturating_mul(256);
    let rows = parallel::map(people.len(), unit, |row| cells(&singles, &people[row], texts, as_of));
    let mut done: Vec<Computed> = Vec::new();
    for (place, single) in singles.into_iter().enumerate() {
        let cells = rows.iter().map(|row| row[place]);
        let values = match single.measure() {
            Measure::Ratio { of, per } => ratio(of, per, &done, people.len()),
            Measure::MostFrequent(_) | Measure::AttributeCategory(_) => {
                Values::Categorical(cells.map(|cell| Some(cell?.text(texts))).collect())
            }
            _ => Values::Numeric(cells.map(|cell| cell?.number()).collect()),
        };
        if !(single.is_optional() && values.n_missing() == people.len()) {
            done.push(Computed { feature: single.required(), values });
        }
    }
    done
}

/// A profile's row.
fn cells(
    singles: &[Feature],
    events: &[&Entry],
    texts: &Texts,
    as_of: Timestamp,
) -> Vec<Option<Cell>> {
    // Features of the same events mostly follow each other.
    let (mut filter, mut counted) = (None, Vec::new());
    let mut row = Vec::with_capacity(singles.len());
    for single in singles {
        let counting = match single.event() {
            None => events,
            Some(event) => {
                if filter != Some(event) {
                    filter = Some(event);
                    counted.clear();
                    let name = texts.code(event);
                    counted.extend(events.iter().filter(|entry| entry.name == name));
                }
                &counted
            }
        };
        row.push(measure::cell(single.measure(), counting, texts, as_of));
    }
    row
}

/// One column divided by another, row by row.
fn ratio(of: &str, per: &str, earlier: &[Computed], n_rows: usize) -> Values {
    let numbers = |name: &str| {
        let found = earlier.iter().find(|column| column.feature.name() == name);
        match found.map(|column| &column.values) {
            Some(Values::Numeric(values)) => Some(values),
            // An attribute turned out to be a category.
            _ => None,
        }
    };
    let Some((of, per)) = numbers(of).zip(numbers(per)) else {
        return Values::Numeric(vec![None; n_rows]);
    };
    let divide = |(of, per): (&Option<f64>, &Option<f64>)| {
        let quotient = of.as_ref()? / per.as_ref().filter(|per| **per != 0.0)?;
        quotient.is_finite().then_some(quotient)
    };
    Values::Numeric(of.iter().zip(per).map(divide).collect())
}
