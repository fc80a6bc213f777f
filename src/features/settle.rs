//! Which columns there are: features that depend on the data are replaced by single ones.
//!
//! Top shares and event counts become one feature per value, attributes one per name, of the type
//! that everything declared so far has. Cost: one pass over all events per such feature.

use std::collections::{BTreeMap, HashSet};

use super::definition::Feature;
use super::entry::{Cell, Entry};
use super::fragment::Events;
use super::measure::Measure;
use super::set::FeatureSet;
use super::share::{counts, heaviest, top_labels};
use super::texts::Texts;
use crate::Timestamp;

/// Features of one column and one type each, with unique names, in the order of the set. Only a
/// score is left as it is, until its column is there.
pub(super) fn singles(
    features: &FeatureSet,
    people: &[Events<'_>],
    texts: &Texts,
    as_of: Timestamp,
) -> Vec<Feature> {
    let features = features.features();
    let named = features.iter().filter(|feature| feature.measure().is_one_column());
    let mut taken: HashSet<String> = named.map(|feature| feature.name().to_owned()).collect();
    let asked_for: HashSet<&str> = features.iter().filter_map(Feature::attribute).collect();
    let mut singles = Vec::new();
    for feature in features {
        let filter = feature.filter().bind(texts);
        let after = feature.after(as_of);
        let counts_for =
            |entry: &&Entry| after.is_none_or(|after| entry.at > after) && filter.passes(entry);
        let entries = || people.iter().flat_map(|events| &events.log).copied().filter(counts_for);
        let mut called = |value: &str| free(format!("{} {value}", feature.name()), &mut taken);
        match feature.measure() {
            Measure::TopShares { property, by, n } => {
                let (code, by_code) = (texts.code(property), by.as_ref().map(|by| texts.code(by)));
                for label in top_labels(entries(), code, by_code, *n, texts) {
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
                let mut numbers = counts(entries().map(|entry| entry.name));
                numbers.retain(|&name, _| except.iter().all(|other| other != texts.text(name)));
                for name in heaviest(numbers, *n, texts) {
                    let name = texts.text(name);
                    singles.push(feature.as_single(called(name), Measure::Count).on(name));
                }
            }
            Measure::Attributes => {
                let declared = declared(entries(), texts);
                for (name, is_number) in
                    declared.into_iter().filter(|(n, _)| !asked_for.contains(n))
                {
                    // A column has a name, even where an attribute has none.
                    let is_blank = name.trim().is_empty();
                    let column = if is_blank { feature.name() } else { name };
                    let column = free(column.to_owned(), &mut taken);
                    singles.push(feature.as_single(column, typed(name, is_number)));
                }
            }
            Measure::Attribute(name) => {
                let is_number = declared(entries(), texts).remove(name.as_str());
                let measure = typed(name, is_number.unwrap_or(true));
                singles.push(feature.clone().measuring(measure));
            }
            Measure::First(property) | Measure::Last(property) => {
                let code = texts.code(property);
                let is_number = |cell: Cell| cell.number().is_some();
                let is_number = entries().flat_map(|e| e.property(code)).all(is_number);
                let (is_first, name) =
                    (matches!(feature.measure(), Measure::First(_)), property.clone());
                singles.push(feature.clone().measuring(match (is_first, is_number) {
                    (true, true) => Measure::FirstNumber(name),
                    (true, false) => Measure::FirstCategory(name),
                    (false, true) => Measure::LastNumber(name),
                    (false, false) => Measure::LastCategory(name),
                }));
            }
            _ => singles.push(feature.clone()),
        }
    }
    singles
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
