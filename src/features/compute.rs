//! From the events of every profile to the columns of a table.
//!
//! Features whose columns depend on the data (top shares, event counts, all attributes) are first
//! replaced by single ones; then every column is computed row by row from the profile's events.
//! Sums go through fixed point and ties through texts, so nothing depends on any order.
//!
//! Cost: one pass over the events per column.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::definition::{Feature, FeatureSet, Measure};
use super::fragment::{Cell, Entry};
use super::table::Values;
use super::texts::Texts;
use crate::Timestamp;
use crate::num::fixed::Fixed;
use crate::num::{parallel, stats};

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
    let named = features.features().iter().filter(|feature| feature.is_one_column());
    let mut taken: HashSet<String> = named.map(|feature| feature.name().to_owned()).collect();
    let mut done: Vec<Computed> = Vec::new();
    for feature in features.features() {
        for single in expand(feature, people, features, texts, &mut taken) {
            let values = column(&single, people, &done, texts, as_of);
            if !(single.is_optional() && values.n_missing() == people.len()) {
                done.push(Computed { feature: single.required(), values });
            }
        }
    }
    done
}

/// The features of one column and one type that a feature stands for.
fn expand(
    feature: &Feature,
    people: &[Events<'_>],
    features: &FeatureSet,
    texts: &Texts,
    taken: &mut HashSet<String>,
) -> Vec<Feature> {
    let event = feature.event().map(|name| texts.code(name));
    let entries = || people.iter().flatten().filter(|entry| counts(entry, event));
    let called = |value: &str| format!("{} {value}", feature.name());
    let mut singles = Vec::new();
    match feature.measure() {
        Measure::TopShares { property, by, n } => {
            let (property_code, by_code) =
                (texts.code(property), by.as_ref().map(|by| texts.code(by)));
            let mut weights: BTreeMap<u32, Fixed> = BTreeMap::new();
            for (label, weight) in entries().filter_map(|e| weighed(e, property_code, by_code)) {
                let sum = weights.entry(label).or_default();
                *sum = sum.add(weight);
            }
            weights.retain(|_, weight| *weight > Fixed::default());
            for value in heaviest(weights, *n, texts) {
                let share = Measure::Share {
                    property: property.clone(),
                    value: value.to_owned(),
                    by: by.clone(),
                };
                singles.push(feature.as_single(free(called(value), taken), share));
            }
        }
        Measure::EventCounts { except, n } => {
            let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
            for entry in entries() {
                *numbers.entry(entry.name).or_default() += 1;
            }
            numbers.retain(|&name, _| except.iter().all(|except| except != texts.text(name)));
            for name in heaviest(numbers, *n, texts) {
                let count = feature.as_single(free(called(name), taken), Measure::Count);
                singles.push(count.on(name));
            }
        }
        Measure::Attributes => {
            let names: BTreeSet<&str> = entries().flat_map(|e| e.attributes(texts)).collect();
            let asked_for =
                |name: &str| features.features().iter().any(|f| f.attribute() == Some(name));
            for name in names.into_iter().filter(|name| !asked_for(name)) {
                let attribute = Measure::Attribute(name.to_owned());
                let single = feature.as_single(free(name.to_owned(), taken), attribute);
                singles.push(typed(single, name, people, texts));
            }
        }
        Measure::Attribute(name) => {
            singles.push(typed(feature.clone(), name, people, texts));
        }
        _ => singles.push(feature.clone()),
    }
    singles
}

/// The feature as a number if everything declared of the attribute is one, else as a category.
fn typed(feature: Feature, name: &str, people: &[Events<'_>], texts: &Texts) -> Feature {
    let cells = declared(&feature, name, people, texts);
    let measure = if cells.into_iter().flatten().all(|cell| cell.number().is_some()) {
        Measure::AttributeNumber(name.to_owned())
    } else {
        Measure::AttributeCategory(name.to_owned())
    };
    feature.measuring(measure)
}

/// The texts of the `n` greatest, greatest first, ties by text.
fn heaviest<W: Ord + Copy>(weights: BTreeMap<u32, W>, n: usize, texts: &Texts) -> Vec<&str> {
    let mut ranked: Vec<(Reverse<W>, &str)> =
        weights.into_iter().map(|(code, w)| (Reverse(w), texts.text(code))).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(n).map(|(_, text)| text).collect()
}

/// The name, or if it is taken the first of `name (2)`, `name (3)`, … that is not.
fn free(name: String, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.clone();
    let mut n = 2;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{name} ({n})");
        n += 1;
    }
    candidate
}

/// The values of a single feature.
fn column(
    feature: &Feature,
    people: &[Events<'_>],
    earlier: &[Computed],
    texts: &Texts,
    as_of: Timestamp,
) -> Values {
    match feature.measure() {
        Measure::Ratio { of, per } => ratio(of, per, earlier, people.len()),
        Measure::MostFrequent(property) => {
            let property = texts.code(property);
            let values =
                rows(feature, people, texts, |events| most_frequent(events, property, texts));
            Values::Categorical(values.into_iter().map(|v| v.map(str::to_owned)).collect())
        }
        Measure::AttributeNumber(name) => {
            let cells = declared(feature, name, people, texts);
            Values::Numeric(cells.into_iter().map(|cell| cell?.number()).collect())
        }
        Measure::AttributeCategory(name) => {
            let cells = declared(feature, name, people, texts);
            Values::Categorical(cells.into_iter().map(|cell| Some(cell?.text(texts))).collect())
        }
        measure => Values::Numeric(rows(feature, people, texts, |events| {
            number(measure, events, texts, as_of).filter(|value| value.is_finite())
        })),
    }
}

/// `f` of the events that count, for every profile.
fn rows<T: Send>(
    feature: &Feature,
    people: &[Events<'_>],
    texts: &Texts,
    f: impl Fn(&[&Entry]) -> T + Sync,
) -> Vec<T> {
    let Some(event) = feature.event().map(|name| texts.code(name)) else {
        return parallel::map(people.len(), 256, |row| f(&people[row]));
    };
    parallel::map(people.len(), 256, |row| {
        let counted: Vec<&Entry> =
            people[row].iter().copied().filter(|entry| entry.name == event).collect();
        f(&counted)
    })
}

fn counts(entry: &Entry, event: Option<u32>) -> bool {
    event.is_none_or(|name| entry.name == name)
}

/// A measure that gives a number; `events` are those that count, in order of time.
fn number(measure: &Measure, events: &[&Entry], texts: &Texts, as_of: Timestamp) -> Option<f64> {
    let numbers = |property: &str| -> Vec<f64> {
        let code = texts.code(property);
        events.iter().filter_map(|entry| entry.property(code)?.number()).collect()
    };
    let first = events.first().map(|entry| entry.at);
    let last = events.last().map(|entry| entry.at);
    match measure {
        Measure::Count => Some(events.len() as f64),
        Measure::Sum(property) => Some(sum(&numbers(property))),
        Measure::Mean(property) => {
            let values = numbers(property);
            (!values.is_empty()).then(|| sum(&values) / values.len() as f64)
        }
        Measure::Min(property) => numbers(property).into_iter().reduce(f64::min),
        Measure::Max(property) => numbers(property).into_iter().reduce(f64::max),
        Measure::Deviation(property) => deviation(&numbers(property)),
        Measure::Distinct(property) => Some(distinct(labels(events, texts.code(property))) as f64),
        Measure::Orders(property) => {
            let order = texts.code(property);
            let without = events.iter().filter(|entry| label(entry, order).is_none());
            let days = without.map(|entry| entry.at.day());
            Some((distinct(labels(events, order)) + distinct(days)) as f64)
        }
        Measure::RecencyDays => last.map(|last| as_of.days_since(last)),
        Measure::TenureDays => first.map(|first| as_of.days_since(first)),
        Measure::SpanDays => first.zip(last).map(|(first, last)| last.days_since(first)),
        Measure::ActiveDays => Some(distinct(events.iter().map(|entry| entry.at.day())) as f64),
        Measure::GapDays => {
            let n_days = distinct(events.iter().map(|entry| entry.at.day()));
            let (first, last) = first.zip(last)?;
            // The gaps add up to the way from the first day to the last.
            let span = last.day() - first.day();
            (n_days > 1).then(|| span as f64 / (n_days - 1) as f64)
        }
        Measure::Share { property, value, by } => {
            let (property, value) = (texts.code(property), texts.code(value));
            let by = by.as_ref().map(|by| texts.code(by));
            let (mut part, mut whole) = (Fixed::default(), Fixed::default());
            for (label, weight) in events.iter().filter_map(|e| weighed(e, property, by)) {
                whole = whole.add(weight);
                part = if label == value { part.add(weight) } else { part };
            }
            quotient(part, whole)
        }
        Measure::Portion { part, rest } => {
            let (part_code, rest_code) = (texts.code(part), texts.code(rest));
            let (mut part, mut whole) = (Fixed::default(), Fixed::default());
            for entry in events {
                let both = amount(entry, part_code).zip(amount(entry, rest_code));
                if let Some((a, b)) = both {
                    part = part.add(a);
                    whole = whole.add(a).add(b);
                }
            }
            quotient(part, whole)
        }
        // These are no numbers of one profile's events; `column` and `expand` know them.
        Measure::TopShares { .. }
        | Measure::EventCounts { .. }
        | Measure::MostFrequent(_)
        | Measure::Attribute(_)
        | Measure::AttributeNumber(_)
        | Measure::AttributeCategory(_)
        | Measure::Attributes
        | Measure::Ratio { .. } => None,
    }
}

/// The label by which an event is shared, and its weight: 1, or an amount.
fn weighed(entry: &Entry, property: u32, by: Option<u32>) -> Option<(u32, Fixed)> {
    let label = label(entry, property)?;
    let weight = match by {
        None => Fixed::new(1.0)?,
        Some(by) => amount(entry, by)?,
    };
    Some((label, weight))
}

/// A property that is a number not below zero.
fn amount(entry: &Entry, property: u32) -> Option<Fixed> {
    let number = entry.property(property)?.number()?;
    if number < 0.0 { None } else { Fixed::new(number) }
}

fn label(entry: &Entry, property: u32) -> Option<u32> {
    entry.property(property)?.label()
}

fn labels(events: &[&Entry], property: u32) -> impl Iterator<Item = u32> {
    events.iter().filter_map(move |entry| label(entry, property))
}

fn quotient(part: Fixed, whole: Fixed) -> Option<f64> {
    (whole > Fixed::default()).then(|| part.value() / whole.value())
}

/// Exact in any order; all values passed the check that they can be summed.
fn sum(values: &[f64]) -> f64 {
    values.iter().filter_map(|&value| Fixed::new(value)).sum::<Fixed>().value()
}

/// Of the sorted values, so that the order of summation is their own.
fn deviation(values: &[f64]) -> Option<f64> {
    (values.len() > 1).then(|| stats::mean_and_deviation(&stats::sorted(values)).1)
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values.len()
}

fn most_frequent<'t>(events: &[&Entry], property: u32, texts: &'t Texts) -> Option<&'t str> {
    let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
    for label in labels(events, property) {
        *numbers.entry(label).or_default() += 1;
    }
    let observed: usize = numbers.values().sum();
    if observed < 2 { None } else { heaviest(numbers, 1, texts).pop() }
}

/// What is declared of every profile under a name.
fn declared(
    feature: &Feature,
    name: &str,
    people: &[Events<'_>],
    texts: &Texts,
) -> Vec<Option<Cell>> {
    let name = texts.code(name);
    rows(feature, people, texts, |events| newest(events, name, texts))
}

/// The last declaration; of those at the same time, the smallest.
fn newest(events: &[&Entry], attribute: u32, texts: &Texts) -> Option<Cell> {
    let said = |entry: &&Entry| Some((entry.at, entry.attribute(attribute)?));
    events
        .iter()
        .filter_map(said)
        .reduce(|best, next| {
            let order = next.0.cmp(&best.0).then_with(|| best.1.compare(next.1, texts));
            if order.is_gt() { next } else { best }
        })
        .map(|(_, cell)| cell)
}

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
