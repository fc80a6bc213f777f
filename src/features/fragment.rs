//! What is kept of events: a log, sorted by time and content, of what the features need.
//!
//! Every signature (set of identifiers) has one fragment; a profile is the merge of its fragments.
//! Equal sets of events give equal logs whatever the order of arrival, and an answer as of any
//! moment, past or future, is a function of the log up to that moment.
//!
//! Cost: O(log n) to insert in order of time, a move of the later entries otherwise.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::definition::{FeatureSet, Need};
use super::texts::{NONE, Texts};
use crate::num::fixed::Fixed;
use crate::{Event, Refusal, Timestamp, Value};

/// A value as it is kept: the number, the text it is told apart by, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Number(f64),
    Label(u32),
    Both(f64, u32),
}

impl Cell {
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) | Self::Both(number, _) => Some(number),
            Self::Label(_) => None,
        }
    }

    pub(crate) fn label(self) -> Option<u32> {
        match self {
            Self::Label(label) | Self::Both(_, label) => Some(label),
            Self::Number(_) => None,
        }
    }

    /// As a category is called.
    pub(crate) fn text(self, texts: &Texts) -> String {
        match self {
            Self::Label(label) | Self::Both(_, label) => texts.text(label).to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// Numbers before texts; equal cells are the same value.
    pub(crate) fn compare(self, other: Self, texts: &Texts) -> Ordering {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.text(texts).cmp(&other.text(texts)),
        }
    }
}

/// What a cell is a value of, by the number of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Property(u32),
    Attribute(u32),
}

impl Field {
    fn key(self, texts: &Texts) -> (bool, &str) {
        match self {
            Self::Property(name) => (false, texts.text(name)),
            Self::Attribute(name) => (true, texts.text(name)),
        }
    }
}

/// What is kept of one event.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    /// Number of the event's name.
    pub(crate) name: u32,
    /// Number of the message id if duplicates are looked for, else [`NONE`].
    pub(crate) message: u32,
    /// Properties by name, then attributes by name; each once.
    pub(crate) cells: Box<[(Field, Cell)]>,
}

impl Entry {
    pub(crate) fn property(&self, name: u32) -> Option<Cell> {
        self.cell(Field::Property(name))
    }

    pub(crate) fn attribute(&self, name: u32) -> Option<Cell> {
        self.cell(Field::Attribute(name))
    }

    /// The attributes it declares, by the numbers of their names.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (u32, Cell)> {
        self.cells.iter().filter_map(|&(field, cell)| match field {
            Field::Attribute(name) => Some((name, cell)),
            Field::Property(_) => None,
        })
    }

    /// The entry with its texts in another store; its properties are kept there too.
    pub(crate) fn translated(&self, from: &Texts, to: &mut Texts) -> Self {
        let mut text = |code: u32| to.intern(from.text(code));
        let name = text(self.name);
        let message = if self.message == NONE { NONE } else { text(self.message) };
        let mut cells = self.cells.clone();
        for (field, cell) in &mut cells {
            if let Field::Attribute(name) = field {
                *name = text(*name);
            }
            if let Cell::Label(label) | Cell::Both(_, label) = cell {
                *label = text(*label);
            }
        }
        for (field, _) in &mut cells {
            if let Field::Property(name) = field {
                *name = to.code(from.text(*name));
            }
        }
        Self { at: self.at, name, message, cells }
    }

    /// Gives back the entry's texts: all but the names of properties, which [`Keep`] holds.
    pub(crate) fn release(self, texts: &mut Texts) {
        texts.release(self.name);
        if self.message != NONE {
            texts.release(self.message);
        }
        for &(field, cell) in &self.cells {
            if let Field::Attribute(name) = field {
                texts.release(name);
            }
            if let Some(label) = cell.label() {
                texts.release(label);
            }
        }
    }

    fn cell(&self, field: Field) -> Option<Cell> {
        self.cells.iter().find(|(known, _)| *known == field).map(|&(_, cell)| cell)
    }

    /// By time, then content. Entries that compare equal are interchangeable.
    pub(crate) fn compare(&self, other: &Self, texts: &Texts) -> Ordering {
        let by_name = || texts.text(self.name).cmp(texts.text(other.name));
        let by_cells = || {
            for (&(field, cell), &(other_field, other_cell)) in self.cells.iter().zip(&other.cells)
            {
                let order = field
                    .key(texts)
                    .cmp(&other_field.key(texts))
                    .then_with(|| cell.compare(other_cell, texts));
                if order.is_ne() {
                    return order;
                }
            }
            self.cells.len().cmp(&other.cells.len())
        };
        self.at.cmp(&other.at).then_with(by_name).then_with(by_cells)
    }
}

/// The events of one signature.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Fragment {
    log: Vec<Entry>,
}

impl Fragment {
    pub(crate) fn insert(&mut self, entry: Entry, texts: &Texts) {
        let place = self.log.partition_point(|known| known.compare(&entry, texts).is_le());
        self.log.insert(place, entry);
    }

    /// Adds many, in any order.
    pub(crate) fn absorb(&mut self, entries: Vec<Entry>, texts: &Texts) {
        self.log.extend(entries);
        // The stable sort recognises the sorted runs it is given.
        self.log.sort_by(|a, b| a.compare(b, texts));
    }

    /// The entry of a message, if it is here and happened then.
    pub(crate) fn message(&self, at: Timestamp, message: u32) -> Option<&Entry> {
        self.place(at, message).map(|place| &self.log[place])
    }

    pub(crate) fn remove_message(&mut self, at: Timestamp, message: u32) -> Option<Entry> {
        self.place(at, message).map(|place| self.log.remove(place))
    }

    fn place(&self, at: Timestamp, message: u32) -> Option<usize> {
        let start = self.log.partition_point(|entry| entry.at < at);
        let same_time = self.log[start..].iter().take_while(|entry| entry.at == at);
        same_time.map(|entry| entry.message).position(|m| m == message).map(|i| start + i)
    }

    pub(crate) fn into_log(self) -> Vec<Entry> {
        self.log
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Everything, in order.
    pub(crate) fn log(&self) -> &[Entry] {
        &self.log
    }

    /// Everything up to and including a moment, in order.
    pub(crate) fn until(&self, as_of: Timestamp) -> &[Entry] {
        &self.log[..self.log.partition_point(|entry| entry.at <= as_of)]
    }
}

/// The merge of fragments up to a moment, in order.
pub(crate) fn merge<'f>(
    fragments: impl Iterator<Item = &'f Fragment>,
    as_of: Timestamp,
    texts: &Texts,
) -> Vec<&'f Entry> {
    let mut entries = Vec::new();
    let mut n_logs = 0;
    for fragment in fragments {
        entries.extend(fragment.until(as_of));
        n_logs += 1;
    }
    if n_logs > 1 {
        // The stable sort recognises the sorted runs it is given.
        entries.sort_by(|a: &&Entry, b: &&Entry| a.compare(b, texts));
    }
    entries
}

/// What the features need of an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Keep {
    /// By name, with the name's number.
    properties: HashMap<String, (Need, u32)>,
    /// `None`: all of them.
    attributes: Option<HashSet<String>>,
}

impl Keep {
    pub(crate) fn new(features: &FeatureSet, texts: &mut Texts) -> Self {
        let mut keep = Self { properties: HashMap::new(), attributes: Some(HashSet::new()) };
        features.needs(
            &mut |property, need| {
                let name = texts.intern(property);
                let known = keep.properties.entry(property.to_owned());
                known.or_insert((Need::default(), name)).0.join(need);
            },
            &mut |attribute| match attribute {
                None => keep.attributes = None,
                Some(name) => {
                    keep.attributes.as_mut().map(|names| names.insert(name.to_owned()));
                }
            },
        );
        keep
    }

    /// The entry of an event that [`check`] has passed. Of a property or attribute that is
    /// given twice, the last counts.
    pub(crate) fn entry(&self, event: &Event<'_>, message: u32, texts: &mut Texts) -> Entry {
        let mut cells: Vec<(Field, Cell)> = Vec::new();
        // Looked up before anything is interned: what does not count must leave no text behind.
        let known = |cells: &[(Field, Cell)], field| cells.iter().any(|(known, _)| *known == field);
        for (name, value) in event.properties.iter().rev() {
            let Some(&(need, name)) = self.properties.get(name.as_ref()) else { continue };
            let field = Field::Property(name);
            if !known(&cells, field)
                && let Some(cell) = property(value, need, texts)
            {
                cells.push((field, cell));
            }
        }
        for (name, value) in event.attributes.iter().rev() {
            if self.attributes.as_ref().is_none_or(|names| names.contains(name.as_ref()))
                && !known(&cells, Field::Attribute(texts.code(name)))
            {
                cells.push((Field::Attribute(texts.intern(name)), attribute(value, texts)));
            }
        }
        cells.sort_by(|(a, _), (b, _)| a.key(texts).cmp(&b.key(texts)));
        let name = texts.intern(&event.name);
        Entry { at: event.at, name, message, cells: cells.into_boxed_slice() }
    }
}

/// Whether all numbers of an event can be summed exactly.
pub(crate) fn check(event: &Event<'_>) -> std::result::Result<(), Refusal> {
    for (name, value) in event.properties.iter().chain(&event.attributes) {
        if let Value::Number(number) = value
            && Fixed::new(*number).is_none()
        {
            return Err(Refusal::NotSummable { property: name.to_string() });
        }
    }
    Ok(())
}

fn property(value: &Value<'_>, need: Need, texts: &mut Texts) -> Option<Cell> {
    match value {
        Value::Number(number) => {
            // Minus zero is zero.
            let number = number + 0.0;
            Some(match (need.number, need.label) {
                (true, false) => Cell::Number(number),
                (false, true) => Cell::Label(texts.intern(&number.to_string())),
                _ => Cell::Both(number, texts.intern(&number.to_string())),
            })
        }
        Value::Flag(flag) => {
            need.label.then(|| Cell::Label(texts.intern(if *flag { "true" } else { "false" })))
        }
        Value::Text(text) => need.label.then(|| Cell::Label(texts.intern(text))),
    }
}

fn attribute(value: &Value<'_>, texts: &mut Texts) -> Cell {
    match value {
        Value::Number(number) => Cell::Number(number + 0.0),
        Value::Flag(flag) => Cell::Label(texts.intern(if *flag { "true" } else { "false" })),
        Value::Text(text) => Cell::Label(texts.intern(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Feature, Measure};

    fn entry(event: &Event<'_>) -> (Entry, Texts) {
        let set = FeatureSet::default()
            .with(Feature::new("sum", Measure::Sum("amount".into())))
            .with(Feature::new("kinds", Measure::Distinct("kind".into())))
            .with(Feature::new("age", Measure::Attribute("age".into())));
        let mut texts = Texts::default();
        let keep = Keep::new(&set, &mut texts);
        (keep.entry(event, NONE, &mut texts), texts)
    }

    fn event() -> Event<'static> {
        Event::new("e", Timestamp::from_millis(0))
    }

    #[test]
    fn only_what_the_features_read_is_kept() {
        let (entry, texts) = entry(
            &event()
                .property("amount", 1.0)
                .property("amount", "a text is no amount")
                .property("kind", 5.0)
                .property("secret", "s")
                .attribute("age", 7.0)
                .attribute("name", "Ann"),
        );
        assert_eq!(entry.cells.len(), 3);
        assert_eq!(entry.property(texts.code("amount")), Some(Cell::Number(1.0)));
        assert_eq!(entry.property(texts.code("kind")), Some(Cell::Label(texts.code("5"))));
        assert_eq!(entry.attribute(texts.code("age")), Some(Cell::Number(7.0)));
        for dropped in ["secret", "s", "name", "Ann", "a text is no amount"] {
            assert_eq!(texts.code(dropped), crate::features::NONE);
        }
    }

    #[test]
    fn of_a_property_given_twice_the_last_counts() {
        let twice = event().property("amount", 1.0).property("amount", 2.0).property("kind", "a");
        let (entry, texts) = entry(&twice.attribute("age", 1.0).attribute("age", 2.0));
        assert_eq!(entry.property(texts.code("amount")), Some(Cell::Number(2.0)));
        assert_eq!(entry.attribute(texts.code("age")), Some(Cell::Number(2.0)));
    }

    #[test]
    fn an_entry_that_is_released_leaves_no_text_behind() {
        let (entry, mut texts) = entry(
            &event()
                .property("kind", "overruled")
                .property("kind", "a")
                .attribute("age", "overruled")
                .attribute("age", "a"),
        );
        assert_eq!(texts.code("overruled"), crate::features::NONE);
        let mut other = Texts::default();
        other.intern("another number for all");
        let copy = entry.translated(&texts, &mut other);
        assert_eq!(copy.attribute(other.code("age")), Some(Cell::Label(other.code("a"))));
        copy.release(&mut other);
        assert_eq!(other.held(), [("another number for all", 1)]);
        entry.release(&mut texts);
        let names: Vec<&str> = texts.held().into_iter().map(|(text, _)| text).collect();
        assert_eq!(names, ["amount", "kind"]);
    }

    #[test]
    fn minus_zero_is_zero() {
        let zero = event().property("amount", -0.0).property("kind", -0.0).attribute("age", -0.0);
        let (entry, texts) = entry(&zero);
        let sign = |cell: Option<Cell>| cell.and_then(Cell::number).map(f64::is_sign_negative);
        assert_eq!(sign(entry.property(texts.code("amount"))), Some(false));
        assert_eq!(sign(entry.attribute(texts.code("age"))), Some(false));
        assert_ne!(texts.code("0"), crate::features::NONE);
        assert_eq!(texts.code("-0"), crate::features::NONE);
    }
}
