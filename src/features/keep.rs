//! What the features need of an event, and how it is made an entry of.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use hashbrown::HashMap;

use super::entry::{Cell, Entry, Field};
use super::filter;
use super::local::Derived;
use super::measure::Need;
use super::set::FeatureSet;
use super::texts::{Texts, Words};
use crate::event::Wanted;
use crate::num::fixed::Fixed;
use crate::{Event, Refusal, Value};

/// Values in one list at most; an honest event has fewer.
const MAX_LIST: usize = 1000;

/// What the features need of an event.
#[derive(Debug, Clone)]
pub(crate) struct Keep {
    /// By name, with the name's number.
    properties: HashMap<String, (Need, u32)>,
    /// Those that some feature reads as numbers and nothing else.
    numbers: Vec<String>,
    /// Properties that an event has of itself, with the numbers of their names.
    derived: Vec<(Derived, u32)>,
    /// `None`: all of them.
    attributes: Option<HashSet<String>>,
}

impl PartialEq for Keep {
    /// Whether the same is kept, whatever its numbers and in whichever order it was asked for.
    fn eq(&self, other: &Self) -> bool {
        self.said() == other.said()
    }
}

impl Keep {
    pub(crate) fn new(features: &FeatureSet, texts: &mut Texts) -> Self {
        let mut keep = Self {
            properties: HashMap::new(),
            numbers: Vec::new(),
            derived: Vec::new(),
            attributes: Some(HashSet::new()),
        };
        let mut attributes = Some(HashSet::new());
        features.needs(&mut |property, need| keep.property(property, need, texts), &mut |name| {
            match name {
                None => attributes = None,
                Some(name) => {
                    attributes.as_mut().map(|names| names.insert(name.to_owned()));
                }
            }
        });
        keep.attributes = attributes;
        keep
    }

    /// Has a property kept from now on.
    pub(crate) fn property(&mut self, property: &str, need: Need, texts: &mut Texts) {
        match Derived::named(property) {
            Some(derived) if !self.has_derived(derived) => {
                self.derived.push((derived, texts.intern(property)));
            }
            Some(_) => {}
            None => {
                if need == Need::NUMBER && self.numbers.iter().all(|known| known != property) {
                    self.numbers.push(property.to_owned());
                }
                if let Some((known, _)) = self.properties.get_mut(property) {
                    known.join(need);
                } else {
                    let name = texts.intern(property);
                    self.properties.insert(property.to_owned(), (need, name));
                }
            }
        }
    }

    /// What is kept, without the numbers.
    fn said(&self) -> (BTreeMap<&str, Need>, BTreeSet<Derived>, &Option<HashSet<String>>) {
        let needs = self.properties.iter().map(|(name, (need, _))| (name.as_str(), *need));
        let derived = self.derived.iter().map(|(derived, _)| *derived);
        (needs.collect(), derived.collect(), &self.attributes)
    }

    /// Whether a property is kept so that it can be read in a way.
    pub(crate) fn holds(&self, property: &str, need: Need) -> bool {
        match Derived::named(property) {
            Some(derived) => self.has_derived(derived),
            None => self.properties.get(property).is_some_and(|(known, _)| known.covers(need)),
        }
    }

    /// What a reader of events need not leave out.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            properties: Some(self.properties.keys().cloned().collect()),
            attributes: self.attributes.as_ref().map(|names| names.iter().cloned().collect()),
        }
    }

    fn has_derived(&self, derived: Derived) -> bool {
        self.derived.iter().any(|(known, _)| *known == derived)
    }

    /// Whether an event without an offset from UTC leaves some feature without a value.
    pub(crate) fn needs_offset(&self) -> bool {
        self.derived.iter().any(|(derived, _)| derived.needs_offset())
    }

    /// The properties that some feature reads as numbers and of which the event has other values,
    /// with the number of those.
    pub(crate) fn unread<'e>(
        &self,
        event: &'e Event<'_>,
    ) -> impl Iterator<Item = (&'e str, usize)> {
        let properties = event.properties.iter().enumerate();
        properties.filter_map(|(place, (name, value))| {
            if matches!(value, Value::Number(_) | Value::Time(_)) || !self.is_number(name) {
                return None;
            }
            // Of a property that is given twice, the last counts.
            if event.properties[place + 1..].iter().any(|(later, _)| later == name) {
                return None;
            }
            let others = value.each().filter(|v| !matches!(v, Value::Number(_) | Value::Time(_)));
            Some((&**name, others.count())).filter(|(_, n)| *n > 0)
        })
    }

    fn is_number(&self, property: &str) -> bool {
        self.numbers.iter().any(|number| number == property)
    }

    /// Whether an event is one that can be kept: the numbers that are read of it can be summed exactly,
    /// its lists are of a sane length, its offset is that of a place on Earth. What nothing reads may
    /// be anything, such as an id of 64 bits that was sent as a number.
    pub(crate) fn check(&self, event: &Event<'_>) -> std::result::Result<(), Refusal> {
        // Whether anything reads it takes longer to find out, and hardly ever matters.
        for (name, value) in &event.properties {
            check_value(name, value).or_else(|fault| match self.properties.get(&**name) {
                Some(_) => Err(fault),
                None => Ok(()),
            })?;
        }
        for (name, value) in &event.attributes {
            check_value(name, value).or_else(|fault| match &self.attributes {
                Some(names) if !names.contains(&**name) => Ok(()),
                _ => Err(fault),
            })?;
        }
        match event.utc_offset_minutes {
            Some(minutes) if minutes.unsigned_abs() > 24 * 60 => {
                Err(Refusal::BadOffset { minutes })
            }
            _ => Ok(()),
        }
    }

    /// The entry of an event that [`Keep::check`] has passed. Of a property or attribute that is
    /// given twice, the last counts.
    pub(crate) fn entry(&self, event: &Event<'_>, message: u32, texts: &mut impl Words) -> Entry {
        let mut cells: Vec<(Field, Cell)> = Vec::new();
        // Told before anything is interned: what does not count must leave no text behind.
        let mut told: Vec<u32> = Vec::new();
        for (name, value) in event.properties.iter().rev() {
            let Some(&(need, name)) = self.properties.get(name.as_ref()) else { continue };
            if !told.contains(&name) {
                told.push(name);
                let each = value.each().filter_map(|value| property(value, need, texts));
                cells.extend(each.map(|cell| (Field::Property(name), cell)));
            }
        }
        for &(derived, name) in &self.derived {
            let cell = derived.cell(event, texts);
            cells.extend(cell.map(|cell| (Field::Property(name), cell)));
        }
        let mut told: HashSet<&str> = HashSet::new();
        for (name, value) in event.attributes.iter().rev() {
            if self.attributes.as_ref().is_none_or(|names| names.contains(name.as_ref()))
                && told.insert(name)
                && let Some(cell) = attribute(value, texts)
            {
                cells.push((Field::Attribute(texts.intern(name)), cell));
            }
        }
        cells.sort_by(|(a, a_cell), (b, b_cell)| {
            let by_name = || a.key(texts).cmp(&b.key(texts));
            if a == b { a_cell.compare(*b_cell, texts) } else { by_name() }
        });
        let name = texts.intern(&event.name);
        Entry { at: event.at, name, message, cells: cells.into_boxed_slice() }
    }
}

/// Whether a value can be kept.
fn check_value(name: &str, value: &Value<'_>) -> std::result::Result<(), Refusal> {
    let mut n_values = 0;
    for value in value.each() {
        n_values += 1;
        if let Value::Number(number) = value
            && !Fixed::holds(*number)
        {
            return Err(Refusal::NotSummable { property: name.to_owned() });
        }
    }
    if n_values > MAX_LIST {
        let (property, limit) = (name.to_owned(), MAX_LIST);
        return Err(Refusal::ListTooLong { property, got: n_values, limit });
    }
    Ok(())
}

fn property<T: Words>(value: &Value<'_>, need: Need, texts: &mut T) -> Option<Cell> {
    let both = |number: f64, label: &dyn Fn() -> String, texts: &mut T| match need {
        Need::NUMBER => Cell::Number(number),
        Need::LABEL => Cell::Label(texts.intern(&label())),
        _ => Cell::Both(number, texts.intern(&label())),
    };
    match value {
        Value::Number(number) => {
            // Minus zero is zero.
            let number = number + 0.0;
            Some(both(number, &|| number.to_string(), texts))
        }
        Value::Time(at) => Some(both(at.days(), &|| at.to_string(), texts)),
        Value::Flag(flag) => need.label.then(|| Cell::Label(texts.intern(word(*flag)))),
        Value::Text(text) => need.label.then(|| Cell::Label(texts.intern(text))),
        Value::List(_) | Value::Object(_) => unreachable!("a list is taken value by value"),
    }
}

/// A list is one category, of its values in order; an empty one is no declaration.
fn attribute(value: &Value<'_>, texts: &mut impl Words) -> Option<Cell> {
    Some(match value {
        Value::Number(number) => Cell::Number(number + 0.0),
        Value::Time(at) => Cell::Both(at.days(), texts.intern(&at.to_string())),
        Value::Flag(flag) => Cell::Label(texts.intern(word(*flag))),
        Value::Text(text) => Cell::Label(texts.intern(text)),
        Value::List(_) | Value::Object(_) => {
            let mut words: Vec<_> = value.each().map(|value| filter::seen(value).1).collect();
            words.sort_unstable();
            words.dedup();
            if words.is_empty() {
                return None;
            }
            Cell::Label(texts.intern(&words.join(", ")))
        }
    })
}

fn word(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::features::{Feature, Measure, NONE};

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
                .property("amount", "a text is no amount")
                .property("amount", 1.0)
                .property("kind", 5.0)
                .property("secret", "s")
                .attribute("age", 7.0)
                .attribute("name", "Ann"),
        );
        assert_eq!(entry.cells.len(), 3);
        assert!(entry.property(texts.code("amount")).eq([Cell::Number(1.0)]));
        assert!(entry.property(texts.code("kind")).eq([Cell::Label(texts.code("5"))]));
        assert!(entry.attribute(texts.code("age")).eq([Cell::Number(7.0)]));
        for dropped in ["secret", "s", "name", "Ann", "a text is no amount"] {
            assert_eq!(texts.code(dropped), crate::features::NONE);
        }
    }

    #[test]
    fn of_a_property_given_twice_the_last_counts() {
        let twice = event().property("amount", 1.0).property("amount", 2.0).property("kind", "a");
        let (entry, texts) = entry(&twice.attribute("age", 1.0).attribute("age", 2.0));
        assert!(entry.property(texts.code("amount")).eq([Cell::Number(2.0)]));
        assert!(entry.attribute(texts.code("age")).eq([Cell::Number(2.0)]));
    }

    #[test]
    fn the_last_counts_also_where_it_is_of_no_use() {
        // Else a sum would depend on whether another feature has use for the text.
        let twice = event().property("amount", 1.0).property("amount", "two");
        let twice = twice.property("kind", "a").property("kind", vec![]);
        let (entry, _) = entry(&twice.attribute("age", 1.0).attribute("age", vec![]));
        assert!(entry.cells.is_empty());
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
        assert!(copy.attribute(other.code("age")).eq([Cell::Label(other.code("a"))]));
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
        let is_minus = |cell: Cell| cell.number().is_some_and(f64::is_sign_negative);
        assert!(!entry.property(texts.code("amount")).any(is_minus));
        assert!(!entry.attribute(texts.code("age")).any(is_minus));
        assert_ne!(texts.code("0"), crate::features::NONE);
        assert_eq!(texts.code("-0"), crate::features::NONE);
    }

    #[test]
    fn a_list_is_kept_as_its_values_and_declared_as_one_category() {
        let list = || {
            let nested = Value::List(vec![Value::from("b"), Value::from(2.0)]);
            Value::List(vec![nested, Value::from("a")])
        };
        let event = event().property("kind", list()).property("amount", list());
        let (entry, texts) = entry(&event.attribute("age", list()));
        let kinds = entry.property(texts.code("kind")).map(|cell| cell.text(&texts));
        assert!(kinds.eq(["2", "a", "b"]));
        assert!(entry.property(texts.code("amount")).eq([Cell::Number(2.0)]));
        let declared = entry.attribute(texts.code("age")).map(|cell| cell.text(&texts));
        assert!(declared.eq(["2, a, b"]));
        let mut rest = texts.clone();
        entry.release(&mut rest);
        assert_eq!(rest.held().len(), 2);
    }

    #[test]
    fn what_could_not_be_kept_is_refused() {
        let list = |n| Value::List(vec![Value::from("a"); n]);
        let set = FeatureSet::default()
            .with(Feature::new("kinds", Measure::Distinct("kind".into())))
            .with(Feature::new("attributes", Measure::Attributes));
        let keep = Keep::new(&set, &mut Texts::default());
        let unread = event().property("id", 1e300).property("tags", list(1001));
        assert_eq!(keep.check(&unread.property("kind", list(1000)).utc_offset(-1440)), Ok(()));
        let bad = [
            event().property("kind", list(1001)),
            event().attribute("kind", list(1001)),
            event().property("kind", vec![Value::from(f64::NAN)]),
            event().utc_offset(1441),
        ];
        for event in bad {
            assert!(keep.check(&event).is_err(), "{event:?}");
        }
    }
}
