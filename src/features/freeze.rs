//! Fixing the columns: features that depend on the data are replaced by fixed ones.
//!
//! Top shares and event counts become one feature per value, attributes one per name, of the type
//! that all values declared so far have. The sender never decides how many there are.
//! Cost: one pass over all events per such feature.

use std::collections::{BTreeMap, HashSet};

use super::definition::NameLookup;
use super::dictionary::Dictionary;
use super::feature::Feature;
use super::history::Histories;
use super::measure::{ColumnType, Measure, Share};
use super::plan::PersonEvents;
use super::schema::{Field, Scope};
use super::set::FeatureSet;
use super::share::{Weight, counts, heaviest, top_labels};
use super::stored::StoredEvent;
use crate::Timestamp;

/// Features of one column and one type each, with unique names, in the order of the set, and how
/// many attributes were left out. A score is left as it is until its column is there.
pub(crate) fn fixed(
    features: &FeatureSet,
    people: &[PersonEvents<'_>],
    histories: &Histories,
    as_of: Timestamp,
) -> (Vec<Feature>, usize) {
    let named = features.iter().filter(|feature| feature.measure().is_one_column());
    let mut fixing = Fixing {
        people,
        histories,
        as_of,
        taken: named.map(|feature| feature.name().to_owned()).collect(),
        asked_for: features.iter().filter_map(Feature::attribute).collect(),
        fixed: Vec::new(),
        n_left_out: 0,
    };
    features.iter().for_each(|feature| fixing.add(feature));
    (fixing.fixed, fixing.n_left_out)
}

struct Fixing<'f> {
    people: &'f [PersonEvents<'f>],
    histories: &'f Histories,
    as_of: Timestamp,
    /// Names of columns.
    taken: HashSet<String>,
    /// Attributes that some feature names.
    asked_for: HashSet<&'f str>,
    fixed: Vec<Feature>,
    n_left_out: usize,
}

impl<'f> Fixing<'f> {
    fn add(&mut self, feature: &Feature) {
        match feature.measure() {
            Measure::TopShares { property, by, n } => {
                let names = NameLookup::new(&self.histories.schema, self.dictionary());
                let weight = Weight::of(property, by.as_deref(), names);
                let field = self.histories.schema.property(property);
                let events = self.events(feature).into_iter().flatten();
                let top = top_labels(events, field, weight, *n, self.dictionary());
                for label in top {
                    let value = self.dictionary().text(label).to_owned();
                    let name = self.free(format!("{} {value}", feature.name()));
                    let (property, by) = (property.clone(), by.clone());
                    let share = Measure::Share(Share::Value { property, value, by });
                    self.fixed.push(feature.as_single(name, share));
                }
            }
            Measure::EventCounts { except, n } => {
                let events = self.events(feature).into_iter().flatten();
                let mut numbers = counts(events.map(|event| event.name));
                let dictionary = self.dictionary();
                numbers
                    .retain(|&name, _| except.iter().all(|other| other != dictionary.text(name)));
                for code in heaviest(numbers, *n, dictionary) {
                    let event = dictionary.text(code);
                    let name = self.free(format!("{} {event}", feature.name()));
                    self.fixed.push(feature.as_single(name, Measure::Count).of_event(event));
                }
            }
            Measure::Attributes => self.add_attributes(feature),
            Measure::Attribute { name, column: ColumnType::Auto } => {
                let field = self.histories.schema.attribute(name);
                let declared = self.declared(feature).remove(&field).unwrap_or_default();
                let measure = Measure::Attribute { name: name.clone(), column: declared.column() };
                self.fixed.push(feature.clone().measuring(measure));
            }
            Measure::First { property, column: ColumnType::Auto } => {
                let (property, column) = (property.clone(), self.column_of(feature, property));
                let measure = Measure::First { property, column };
                self.fixed.push(feature.clone().measuring(measure));
            }
            Measure::Last { property, column: ColumnType::Auto } => {
                let (property, column) = (property.clone(), self.column_of(feature, property));
                let measure = Measure::Last { property, column };
                self.fixed.push(feature.clone().measuring(measure));
            }
            _ => self.fixed.push(feature.clone()),
        }
    }

    fn dictionary(&self) -> &'f Dictionary {
        &self.histories.dictionary
    }

    /// Of every person, the events that a feature counts.
    fn events(&self, feature: &Feature) -> Vec<impl Iterator<Item = StoredEvent<'f>> + use<'f>> {
        let Histories { schema, dictionary, .. } = self.histories;
        let filter = feature.bind(schema, dictionary);
        let after = feature.after(self.as_of);
        let of_person = |person: &'f PersonEvents<'f>| {
            let filter = filter.clone();
            person.log.iter().copied().filter(move |event| {
                after.is_none_or(|after| event.at > after) && filter.passes(*event, dictionary)
            })
        };
        self.people.iter().map(of_person).collect()
    }

    /// The type of a property's values.
    fn column_of(&self, feature: &Feature, property: &str) -> ColumnType {
        let field = self.histories.schema.property(property);
        let mut events = self.events(feature).into_iter().flatten();
        let is_numeric =
            |event: StoredEvent<'_>| event.values(field).all(|value| value.number().is_some());
        if events.all(is_numeric) { ColumnType::Number } else { ColumnType::Category }
    }

    fn add_attributes(&mut self, feature: &Feature) {
        let schema = &self.histories.schema;
        let mut declared = self.declared(feature);
        declared.retain(|&field, _| !self.asked_for.contains(schema.name(field)));
        let mut names: Vec<(&str, Declared)> = declared
            .into_iter()
            .map(|(field, attribute)| (schema.name(field), attribute))
            .collect();
        names.sort_by(|(a, attribute), (b, other)| {
            other.n_people.cmp(&attribute.n_people).then_with(|| a.cmp(b))
        });
        self.n_left_out += names.len().saturating_sub(Measure::MAX_ATTRIBUTES);
        names.truncate(Measure::MAX_ATTRIBUTES);
        names.sort_by_key(|&(name, _)| name);
        for (name, attribute) in names {
            // A column has a name, even where an attribute has none.
            let is_blank = name.trim().is_empty();
            let column = self.free(if is_blank { feature.name() } else { name }.to_owned());
            let measure = Measure::Attribute { name: name.to_owned(), column: attribute.column() };
            self.fixed.push(feature.as_single(column, measure));
        }
    }

    /// The attributes that the events of a feature declare.
    fn declared(&self, feature: &Feature) -> BTreeMap<Field, Declared> {
        let schema = &self.histories.schema;
        let mut declared: BTreeMap<Field, Declared> = BTreeMap::new();
        for (person, events) in (1..).zip(self.events(feature)) {
            for value in events.flat_map(|event| event.values) {
                let is_declared =
                    value.field != Field::NONE && schema.scope(value.field) == Scope::Attribute;
                if !is_declared || value.is_gone() {
                    continue;
                }
                let attribute = declared.entry(value.field).or_default();
                attribute.is_category |= value.number().is_none();
                attribute.n_people += usize::from(attribute.person != person);
                attribute.person = person;
            }
        }
        declared
    }

    /// The name, or if it is taken the first of `name (2)`, `name (3)`, … that is not.
    fn free(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut n = 2;
        while !self.taken.insert(candidate.clone()) {
            candidate = format!("{name} ({n})");
            n += 1;
        }
        candidate
    }
}

/// What everybody together declares of an attribute.
#[derive(Default)]
struct Declared {
    /// Whether some value is not a number.
    is_category: bool,
    n_people: usize,
    /// The last of them, from 1.
    person: usize,
}

impl Declared {
    fn column(&self) -> ColumnType {
        if self.is_category { ColumnType::Category } else { ColumnType::Number }
    }
}
