//! How events spread over the values of a property.
//!
//! A list counts as each of its values. A value of an item of a list of objects weighs what the weighing field
//! says of the same item, if that is a field of the same list, else what it says of the event. Weights below zero (refunds) are left out, so that shares lie in
//! 0..=1 and add up to 1. Where old events count less, the newest one that counts has the full weight: shares
//! are the same, and do not fade into nothing when somebody stays away.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::definition::NameLookup;
use super::dictionary::Dictionary;
use super::evaluate::Selection;
use super::filter::BoundFilter;
use super::formula;
use super::schema::Field;
use super::stored::{FieldValue, StoredEvent};
use super::totals::fixed;
use crate::num::fixed::Fixed;
use crate::num::portable;

/// What the values of a property weigh.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weight {
    /// Each 1.
    One,
    /// What a field says of the event.
    Event(Field),
    /// What a field says of the same item.
    Item(Field),
}

impl Weight {
    /// How a property's values are weighed by another one.
    pub(super) fn of(property: &str, by: Option<&str>, names: NameLookup<'_>) -> Self {
        match by {
            None => Self::One,
            Some(by) if formula::are_of_one_list(property, by) => Self::Item(names.property(by)),
            Some(by) => Self::Event(names.property(by)),
        }
    }

    /// The values of a field, with what each weighs in an event of which so much is left.
    fn labels<'e>(
        self,
        event: StoredEvent<'e>,
        field: Field,
        left: f64,
    ) -> impl Iterator<Item = (u32, Fixed)> + 'e {
        let (of_event, of_items) = match self {
            Self::One => (Some(fixed(left)), Vec::new()),
            Self::Event(by) => (amount(event.numbers(by), left), Vec::new()),
            Self::Item(by) => (None, event.values(by).collect()),
        };
        event.values(field).filter_map(move |value| {
            let weight = of_event.or_else(|| {
                let start = of_items.partition_point(|other: &FieldValue| other.item < value.item);
                let here = of_items[start..].iter().take_while(|other| other.item == value.item);
                amount(here.filter_map(|other| other.number()), left)
            });
            value.label().zip(weight)
        })
    }
}

/// The part that one value has among the events that have the field.
pub(super) fn of_value(
    selection: Selection<'_>,
    field: Field,
    value: u32,
    by: Weight,
) -> Option<f64> {
    let is_counted = |event: &&StoredEvent<'_>| {
        by.labels(**event, field, 1.0).any(|(_, weight)| weight > Fixed::default())
    };
    let newest = selection.events.iter().rfind(is_counted)?.at;
    let fading = selection.fading(newest);
    let (mut part, mut whole) = (Fixed::default(), Fixed::default());
    for event in selection.events {
        for (label, weight) in by.labels(*event, field, fading.weight(event.at)) {
            whole = whole.add(weight);
            part = if label == value { part.add(weight) } else { part };
        }
    }
    quotient(part, whole)
}

/// The part of the events that pass a further filter.
pub(super) fn of_events(selection: Selection<'_>, further: &BoundFilter) -> Option<f64> {
    let fading = selection.fading(selection.events.last()?.at);
    let (mut part, mut whole) = (Fixed::default(), Fixed::default());
    for event in selection.events {
        let weight = fixed(fading.weight(event.at));
        whole = whole.add(weight);
        if further.passes(*event, selection.dictionary) {
            part = part.add(weight);
        }
    }
    quotient(part, whole)
}

/// The sum of one field as a part of the sum of two, where both are amounts.
pub(super) fn of_part(selection: Selection<'_>, part: Field, rest: Field) -> Option<f64> {
    let both = |event: &StoredEvent<'_>| {
        Some((amount(event.numbers(part), 1.0)?, amount(event.numbers(rest), 1.0)?))
    };
    let (mut part, mut whole) = (Fixed::default(), Fixed::default());
    for (a, b) in selection.events.iter().filter_map(both) {
        part = part.add(a);
        whole = whole.add(a).add(b);
    }
    quotient(part, whole)
}

/// Shannon's entropy of the labels, in bits.
pub(super) fn entropy(labels: impl Iterator<Item = u32>) -> Option<f64> {
    let mut numbers: Vec<u64> = counts(labels).into_values().collect();
    // Added in order of size, which no numbering of texts can change.
    numbers.sort_unstable();
    let whole: u64 = numbers.iter().sum();
    let bits = |&n: &u64| {
        let share = n as f64 / whole as f64;
        -share * portable::log2(share)
    };
    (whole > 0).then(|| numbers.iter().map(bits).sum::<f64>() + 0.0)
}

/// The label seen most, ties to the smaller text; `None` below two events that have one.
pub(super) fn most_frequent(selection: Selection<'_>, field: Field) -> Option<u32> {
    let has_one = |event: &&StoredEvent<'_>| event.labels(field).next().is_some();
    if selection.events.iter().filter(has_one).take(2).count() < 2 {
        return None;
    }
    heaviest(counts(selection.labels(field)), 1, selection.dictionary).pop()
}

/// The labels of a field that weigh most, heaviest first.
pub(super) fn top_labels<'e>(
    events: impl Iterator<Item = StoredEvent<'e>>,
    field: Field,
    by: Weight,
    n: usize,
    dictionary: &Dictionary,
) -> Vec<u32> {
    let mut weights: BTreeMap<u32, Fixed> = BTreeMap::new();
    for event in events {
        for (label, weight) in by.labels(event, field, 1.0) {
            let sum = weights.entry(label).or_default();
            *sum = sum.add(weight);
        }
    }
    weights.retain(|_, weight| *weight > Fixed::default());
    heaviest(weights, n, dictionary)
}

/// The labels of the `n` greatest, greatest first, ties to the smaller text.
pub(super) fn heaviest<W: Ord + Copy>(
    weights: BTreeMap<u32, W>,
    n: usize,
    dictionary: &Dictionary,
) -> Vec<u32> {
    let mut ranked: Vec<(u32, W)> = weights.into_iter().collect();
    ranked.sort_by_key(|&(label, weight)| (Reverse(weight), dictionary.text(label)));
    ranked.into_iter().take(n).map(|(label, _)| label).collect()
}

/// How often each label occurs.
pub(super) fn counts(labels: impl Iterator<Item = u32>) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    counts
}

/// A sum of numbers that is not below zero, or as much of it as is left; none without numbers.
fn amount(numbers: impl Iterator<Item = f64> + Clone, left: f64) -> Option<Fixed> {
    numbers.clone().next()?;
    let is_amount = numbers.clone().map(fixed).sum::<Fixed>() >= Fixed::default();
    // Every value fades by itself, since a list's sum can be beyond what one value may be.
    is_amount.then(|| numbers.map(|number| fixed(number * left)).sum())
}

fn quotient(part: Fixed, whole: Fixed) -> Option<f64> {
    (whole > Fixed::default()).then(|| part.value() / whole.value())
}
