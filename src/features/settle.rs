//! Which columns there are: features that depend on the data are replaced by single ones.
//!
//! Top shares and event counts become one feature per value, attributes one per name, of the type
//! that everything declared so far has. Cost: one pass over all events per such feature.

use std::collections::{BTreeMap, HashSet};

use super::compute::Events;
use super::definition::{Feature, FeatureSet, Measure};
use super::fragment::Entry;
use super::measure::{heaviest, weighed};
use super::texts::Texts;
use crate::num::fixed::Fixed;

/// Features of one column and one type each, with unique names, in the order of the set.
pub(super) fn singles(features: &FeatureSet, people: &[Events<'_>], texts: &Texts) -> Vec<Feature> {
    let features = features.features();
    let named = features.iter().filter(|feature| feature.is_one_column());
    let mut taken: HashSet<String> = named.map(|feature| feature.name().to_owned()).collect();
    let asked_for: HashSet<&str> = features.iter().filter_map(Feature::attribute).collect();
    let mut singles = Vec::new();
    for feature in features {
        let event = feature.event().map(|name| texts.code(name));
        let counts = |entry: &&Entry| event.is_none_or(|name| entry.name == name);
        let entries = || people.iter().flatten().copied().filter(counts);
        let mut called = |value: &str| free(format!("{} {value}", feature.name()), &mut taken);
        match feature.measure() {
            Measure::TopShares { property, by, n } => {
                for label in top_labels(entries(), property, by.as_deref(), *n, texts) {
                    let value = texts.text(label);
                    let share = Measure::Share {
                        property: property.clone(),
                        value: value.to_owned(),
                        by: by.clone(),
                    };
                    singles.push(feature.as_single(called(value), share));
                }
            }
            Measure::EventCounts { except, n } => {
                for name in top_names(entries(), except, *n, texts) {
                    let name = texts.text(name);
                    singles.push(feature.as_single(called(name), Measure::Count).on(name));
                }
            }
            Measure::Attributes => {
                let declared = declared(entries(), texts);
                for (name, is_number) in
                    declared.into_iter().filter(|(n, _)| !asked_for.contains(n))
                {
                    let column = free(name.to_owned(), &mut taken);
                    singles.push(feature.as_single(column, typed(name, is_number)));
                }
            }
            Measure::Attribute(name) => {
                let is_number = declared(entries(), texts).remove(name.as_str());
                let measure = typed(name, is_number.unwrap_or(true));
                singles.push(feature.clone().measuring(measure));
            }
            _ => singles.push(feature.clone()),
        }
    }
    singles
}

/// The labels of a property that weigh most, heaviest first.
fn top_labels<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    property: &str,
    by: Option<&str>,
    n: usize,
    texts: &Texts,
) -> Vec<u32> {
    let (property, by) = (texts.code(property), by.map(|by| texts.code(by)));
    let mut weights: BTreeMap<u32, Fixed> = BTreeMap::new();
    for (label, weight) in entries.filter_map(|entry| weighed(entry, property, by)) {
        let sum = weights.entry(label).or_default();
        *sum = sum.add(weight);
    }
    weights.retain(|_, weight| *weight > Fixed::default());
    heaviest(weights, n, texts)
}

/// The most frequent event names, most frequent first.
fn top_names<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    except: &[String],
    n: usize,
    texts: &Texts,
) -> Vec<u32> {
    let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
    for entry in entries {
        *numbers.entry(entry.name).or_default() += 1;
    }
    numbers.retain(|&name, _| except.iter().all(|except| except != texts.text(name)));
    heaviest(numbers, n, texts)
}

/// The attributes that occur, and whether all that is declared of them are numbers.
fn declared<'e, 't>(
    entries: impl Iterator<Item = &'e Entry>,
    texts: &'t Texts,
) -> BTreeMap<&'t str, bool> {
    let mut declared: BTreeMap<u32, bool> = BTreeMap::new();
    for (name, cell) in entries.flat_map(Entry::attributes) {
        *declared.entry(name).or_insert(true) &= cell.number().is_some();
    }
    declared.into_iter().map(|(name, is_number)| (texts.text(name), is_number)).collect()
}

fn typed(attribute: &str, is_number: bool) -> Measure {
    let name = attribute.to_owned();
    if is_number { Measure::AttributeNumber(name) } else { Measure::AttributeCategory(name) }
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
