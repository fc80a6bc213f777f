//! Which columns there are: features that depend on the data are replaced by single ones.
//!
//! Top shares and event counts become one feature per value, attributes one per name, of the type
//! that everything declared so far has. How many there are at most is never the sender's to say.
//! Cost: one pass over all events per such feature.

use std::collections::{BTreeMap, HashSet};

use super::definition::Feature;
use super::entry::{Cell, Entry};
use super::fragment::Events;
use super::measure::Measure;
use super::set::FeatureSet;
use super::share::{counts, heaviest, top_labels};
use super::texts::Texts;
use crate::Timestamp;

/// Features of one column and one type each, with unique names, in the order of the set, and how
/// many attributes were left out. Only a score is left as it is, until its column is there.
pub(super) fn singles<'p>(
    features: &FeatureSet,
    people: &'p [Events<'p>],
    texts: &Texts,
    as_of: Timestamp,
) -> (Vec<Feature>, usize) {
    let features = features.features();
    let named = features.iter().filter(|feature| feature.measure().is_one_column());
    let mut taken: HashSet<String> = named.map(|feature| feature.name().to_owned()).collect();
    let asked_for: HashSet<&str> = features.iter().filter_map(Feature::attribute).collect();
    let (mut singles, mut left_out) = (Vec::new(), 0);
    for feature in features {
        let filter = feature.filter().bind(texts);
        let after = feature.after(as_of);
        let counts_for =
            |entry: &&Entry| after.is_none_or(|after| entry.at > after) && filter.passes(entry);
        let entries_of = |events: &'p Events<'p>| events.log.iter().copied().filter(counts_for);
        let entries = || people.iter().flat_map(entries_of);
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
                let mut declared = declared(people.iter().map(entries_of));
                declared.retain(|&name, _| !asked_for.contains(texts.text(name)));
                let n_people = declared.iter().map(|(&name, said)| (name, said.n_people)).collect();
                let mut names = heaviest(n_people, Measure::MAX_ATTRIBUTES, texts);
                left_out += declared.len() - names.len();
                names.sort_by_key(|&name| texts.text(name));
                for code in names {
                    let name = texts.text(code);
                    // A column has a name, even where an attribute has none.
                    let is_blank = name.trim().is_empty();
                    let column = if is_blank { feature.name() } else { name };
                    let column = free(column.to_owned(), &mut taken);
                    singles.push(feature.as_single(column, typed(name, &declared[&code])));
                }
            }
            Measure::Attribute(name) => {
                let mut declared = declared(people.iter().map(entries_of));
                let said = declared.remove(&texts.code(name)).unwrap_or_default();
                singles.push(feature.clone().measuring(typed(name, &said)));
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
    (singles, left_out)
}

/// What everybody together declares of an attribute.
#[derive(Default)]
struct Declared {
    /// Whether something is no number.
    is_category: bool,
    n_people: usize,
    /// The last of them, from 1.
    person: usize,
}

/// The attributes that occur, by the numbers of their names, given everybody's events.
fn declared<'e>(
    people: impl Iterator<Item = impl Iterator<Item = &'e Entry>>,
) -> BTreeMap<u32, Declared> {
    let mut declared: BTreeMap<u32, Declared> = BTreeMap::new();
    for (person, entries) in (1..).zip(people) {
        for (name, cell) in entries.flat_map(Entry::attributes) {
            let said = declared.entry(name).or_default();
            said.is_category |= cell.number().is_none();
            said.n_people += usize::from(said.person != person);
            said.person = person;
        }
    }
    declared
}

fn typed(attribute: &str, said: &Declared) -> Measure {
    let name = attribute.to_owned();
    if said.is_category { Measure::AttributeCategory(name) } else { Measure::AttributeNumber(name) }
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
