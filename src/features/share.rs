//! How events spread over the values of a property.
//!
//! A list counts as each of its values. Weights below zero (refunds) are left out, so that shares lie in
//! 0..=1 and add up to 1. Where old events count less, the newest one that counts has the full weight: shares
//! are the same, and do not fade into nothing when somebody stays away.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::entry::{Cell, Entry};
use super::evaluate::{Single, fixed, fixed_sum, labels};
use super::texts::Texts;
use crate::num::fixed::Fixed;

/// The part that one value has.
pub(super) fn share(
    single: &Single<'_>,
    events: &[&Entry],
    property: u32,
    value: u32,
    by: Option<u32>,
) -> Option<f64> {
    let has_label = |entry: &Entry| entry.property(property).any(|cell| cell.label().is_some());
    let is_counted =
        |entry: &&&Entry| has_label(entry) && weight(entry, by, 1.0) > Some(Fixed::default());
    let newest = events.iter().rfind(is_counted)?.at;
    let (mut part, mut whole) = (Fixed::default(), Fixed::default());
    for entry in events {
        let Some(weight) = weight(entry, by, single.fading(entry, newest)) else { continue };
        for label in entry.property(property).filter_map(Cell::label) {
            whole = whole.add(weight);
            part = if label == value { part.add(weight) } else { part };
        }
    }
    quotient(part, whole)
}

/// The part of the events that pass the further filter.
pub(super) fn fraction(single: &Single<'_>, events: &[&Entry]) -> Option<f64> {
    let further = single.further.as_ref()?;
    let newest = events.last()?.at;
    let weights = |counts: &dyn Fn(&Entry) -> bool| {
        let counted = events.iter().filter(|entry| counts(entry));
        fixed_sum(counted.map(|entry| single.fading(entry, newest)))
    };
    quotient(weights(&|entry| further.passes(entry)), weights(&|_| true))
}

/// The sum of one property as a part of the sum of both, where both are amounts.
pub(super) fn portion(events: &[&Entry], part: u32, rest: u32) -> Option<f64> {
    let amount = |entry, property| amount(entry, property, 1.0);
    let both = events.iter().filter_map(|entry| Some((amount(entry, part)?, amount(entry, rest)?)));
    let (mut part, mut whole) = (Fixed::default(), Fixed::default());
    for (a, b) in both {
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
        -share * share.log2()
    };
    (whole > 0).then(|| numbers.iter().map(bits).sum::<f64>() + 0.0)
}

/// The label seen most, ties to the smaller text; `None` below two.
pub(super) fn most_frequent(events: &[&Entry], property: u32, texts: &Texts) -> Option<u32> {
    let has_one = |entry: &&&Entry| entry.property(property).any(|cell| cell.label().is_some());
    if events.iter().filter(has_one).take(2).count() < 2 {
        return None;
    }
    heaviest(counts(labels(events, property)), 1, texts).pop()
}

/// The labels of a property that weigh most, heaviest first.
pub(super) fn top_labels<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    property: u32,
    by: Option<u32>,
    n: usize,
    texts: &Texts,
) -> Vec<u32> {
    let mut weights: BTreeMap<u32, Fixed> = BTreeMap::new();
    for entry in entries {
        let Some(weight) = weight(entry, by, 1.0) else { continue };
        for label in entry.property(property).filter_map(Cell::label) {
            let sum = weights.entry(label).or_default();
            *sum = sum.add(weight);
        }
    }
    weights.retain(|_, weight| *weight > Fixed::default());
    heaviest(weights, n, texts)
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

pub(super) fn counts(labels: impl Iterator<Item = u32>) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1;
    }
    counts
}

/// What an event weighs: its amount, or 1, and less if it is old.
fn weight(entry: &Entry, by: Option<u32>, fading: f64) -> Option<Fixed> {
    match by {
        None => Some(fixed(fading)),
        Some(by) => amount(entry, by, fading),
    }
}

/// A property that is a number not below zero, or as much of it as is left; of a list, the sum.
fn amount(entry: &Entry, property: u32, fading: f64) -> Option<Fixed> {
    let numbers = || entry.property(property).filter_map(Cell::number);
    numbers().next()?;
    let is_amount = fixed_sum(numbers()) >= Fixed::default();
    // Every value fades by itself, since a list's sum can be beyond what one value may be.
    is_amount.then(|| fixed_sum(numbers().map(|number| number * fading)))
}

fn quotient(part: Fixed, whole: Fixed) -> Option<f64> {
    (whole > Fixed::default()).then(|| part.value() / whole.value())
}
