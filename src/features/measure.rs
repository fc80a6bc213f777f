//! One measure of one profile's events.
//!
//! Sums go through fixed point and ties through texts, so nothing depends on any order but that of
//! time. Cost: one pass over the events, or a sort of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::definition::Measure;
use super::fragment::{Cell, Entry};
use super::texts::Texts;
use crate::Timestamp;
use crate::num::fixed::Fixed;
use crate::num::stats;

/// The measure of the events that count, given in order of time; never NaN or infinite. A
/// [`Measure::Ratio`] is of columns, not of events, and has none.
pub(super) fn cell(
    measure: &Measure,
    events: &[&Entry],
    texts: &Texts,
    as_of: Timestamp,
) -> Option<Cell> {
    match measure {
        Measure::MostFrequent(property) => {
            most_frequent(events, texts.code(property), texts).map(Cell::Label)
        }
        Measure::AttributeNumber(name) | Measure::AttributeCategory(name) => {
            newest(events, texts.code(name), texts)
        }
        measure => {
            let number = number(measure, events, texts, as_of);
            number.filter(|number| number.is_finite()).map(Cell::Number)
        }
    }
}

/// A measure that gives a number.
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
        // Not numbers of one profile's events: see `cell`, and the settling of columns.
        Measure::MostFrequent(_)
        | Measure::Attribute(_)
        | Measure::AttributeNumber(_)
        | Measure::AttributeCategory(_)
        | Measure::TopShares { .. }
        | Measure::EventCounts { .. }
        | Measure::Attributes
        | Measure::Ratio { .. } => None,
    }
}

/// The label by which an event is shared, and its weight: 1, or an amount.
pub(super) fn weighed(entry: &Entry, property: u32, by: Option<u32>) -> Option<(u32, Fixed)> {
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

/// The label seen most, ties to the smaller text.
fn most_frequent(events: &[&Entry], property: u32, texts: &Texts) -> Option<u32> {
    let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
    for label in labels(events, property) {
        *numbers.entry(label).or_default() += 1;
    }
    let observed: usize = numbers.values().sum();
    if observed < 2 { None } else { heaviest(numbers, 1, texts).pop() }
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

/// The labels of the `n` greatest, greatest first, ties to the smaller text.
pub(super) fn heaviest<W: Ord + Copy>(
    weights: BTreeMap<u32, W>,
    n: usize,
    texts: &Texts,
) -> Vec<u32> {
    let mut ranked: Vec<(u32, W)> = weights.into_iter().collect();
    ranked.sort_by_key(|&(label, weight)| (Reverse(weight), texts.text(label)));
    ranked.into_iter().take(n).map(|(label, _)| label).collect()
}
