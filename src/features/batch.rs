//! A batch of events as columns: what the store keeps of them, with texts interned locally.
//!
//! Every way in makes one: lines of JSON and events in memory by [`EventBatch::push_event`]; a batch
//! of one event is the live case. Making a batch reads the schema and the dictionary and changes
//! neither, so that many threads can make theirs at once.
//!
//! Cost: one look-up per property of an event, one more per text that is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use hashbrown::HashMap;

use super::dictionary::{Dictionary, LocalDictionary, NONE, Remap};
use super::projection::{MAX_LIST, Projection};
use super::schema::{Field, MAX_FIELDS, Need, Schema};
use super::stored::{FieldValue, StoredEvent};
use super::value::{declared, is_missing, number, sort, text};
use crate::event::{EventColumn, EventColumns, NumberTexts, Observations, last_of_each_name};
use crate::num::fixed::Fixed;
use crate::{Event, Refusal, Timestamp, Value};

/// Bytes of a dotted name below which objects within it are read, so that their depth is bounded.
const MAX_PATH: usize = 256;

/// Some events, in order.
#[derive(Default)]
pub(crate) struct EventBatch<'a> {
    pub(crate) observations: Observations<'a>,
    names: Vec<u32>,
    values: Vec<FieldValue>,
    /// Where the values of each event end.
    ends: Vec<u32>,
    texts: LocalDictionary,
    attributes: LocalAttributes,
    /// Fields and items of the current event whose values are not numbers. Formulas skip them.
    not_numbers: Vec<(Field, u16)>,
    /// Events that are refused, ascending, each with the reason.
    pub(crate) refused: Vec<(usize, Refusal)>,
    /// Values that a feature wanted as numbers: event, property, how many.
    pub(crate) unread: Vec<(usize, Cow<'a, str>, usize)>,
    /// Events without the local time that a feature wants, ascending.
    pub(crate) without_local_time: Vec<usize>,
}

/// Uses of the fields of attributes, and names that have no field yet.
#[derive(Default)]
struct LocalAttributes {
    uses: Vec<Field>,
    /// The place of each new name, and how many values it has.
    new: HashMap<Box<str>, (usize, u64)>,
    /// Names for which not even the batch has a field, and how many values they have.
    beyond: BTreeMap<Box<str>, usize>,
}

/// A batch whose codes are those of the store.
pub(crate) struct StoredBatch {
    names: Vec<u32>,
    values: Vec<FieldValue>,
    ends: Vec<u32>,
    at: Vec<Timestamp>,
}

impl StoredBatch {
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// Leaves an event without values and uses of texts.
    pub(crate) fn forget(&mut self, row: usize) {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        self.names[row] = NONE;
        self.values[start..self.ends[row] as usize].fill(FieldValue::new(
            Field::NONE,
            0,
            None,
            None,
        ));
    }

    /// What is stored of an event.
    pub(crate) fn event(&self, row: usize, message: u32) -> StoredEvent<'_> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let values = &self.values[start..self.ends[row] as usize];
        StoredEvent { at: self.at[row], name: self.names[row], message, values }
    }
}

impl<'a> EventBatch<'a> {
    /// An empty batch with room for `n` events.
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self {
            observations: Observations::with_capacity(n),
            names: Vec::with_capacity(n),
            values: Vec::with_capacity(n),
            ends: Vec::with_capacity(n),
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Adds an event. One that is refused keeps its place and stores nothing.
    pub(crate) fn push_event(&mut self, event: &'a Event<'_>, onto: Projection<'_>) {
        self.observations.push_event(event);
        let row = self.names.len();
        let start = self.values.len();
        self.values.reserve(event.properties.len() + event.attributes.len());
        match self.project(event, row, onto) {
            Ok(()) => {
                let name = self.intern(&event.name, onto);
                self.names.push(name);
                self.sort_from(start, onto.dictionary);
            }
            Err(refusal) => {
                self.refused.push((row, refusal));
                self.names.push(NONE);
            }
        }
        self.ends.push(self.values.len() as u32);
    }

    /// Whether an event was refused.
    pub(crate) fn is_refused(&self, row: usize) -> bool {
        self.refused.binary_search_by_key(&row, |(row, _)| *row).is_ok()
    }

    /// The code of a text. A store that keeps numbers only looks it up and keeps no use of it.
    fn intern(&mut self, text: &str, onto: Projection<'_>) -> u32 {
        match onto.stores_texts {
            true => self.texts.intern(onto.dictionary, text),
            false => onto.dictionary.code(text),
        }
    }

    /// Stores the fields of an event that passes all checks.
    fn project(
        &mut self,
        event: &'a Event<'_>,
        row: usize,
        onto: Projection<'_>,
    ) -> Result<(), Refusal> {
        onto.check(event)?;
        let start = self.values.len();
        for (name, value) in last_of_each_name(&event.properties) {
            self.property(row, name, value, onto);
        }
        self.compute(start, onto);
        self.derived(row, event.at, event.utc_offset_minutes, &event.name, onto);
        for (name, value) in last_of_each_name(&event.attributes) {
            self.attribute(name, value, onto);
        }
        Ok(())
    }

    /// Stores a property, and the fields of its objects.
    fn property(&mut self, row: usize, name: &'a str, value: &Value<'_>, onto: Projection<'_>) {
        let field = onto.schema.sent_property(name);
        let mut n_unread = 0;
        if field != Field::NONE {
            for value in value.each() {
                n_unread += self.value(field, 0, value, onto);
            }
        }
        if onto.schema.is_parent(name) {
            let mut path = name.to_owned();
            match value {
                Value::List(items) => {
                    for (item, value) in (1..).zip(items).take(MAX_LIST) {
                        n_unread += self.object(&mut path, item, value, onto);
                    }
                    n_unread += items.len().saturating_sub(MAX_LIST);
                }
                value => n_unread += self.object(&mut path, 0, value, onto),
            }
        }
        if n_unread > 0 {
            self.unread.push((row, Cow::Borrowed(name), n_unread));
        }
    }

    /// Stores the fields of an object within a property, as one item; how many values were not read.
    fn object(
        &mut self,
        path: &mut String,
        item: u16,
        value: &Value<'_>,
        onto: Projection<'_>,
    ) -> usize {
        let Value::Object(fields) = value else { return 0 };
        let (len, mut n_unread) = (path.len(), 0);
        if len > MAX_PATH {
            return 0;
        }
        for (name, value) in last_of_each_name(fields) {
            path.push('.');
            path.push_str(name);
            let field = onto.schema.sent_property(path);
            if field != Field::NONE {
                let values = value.each();
                for value in values.take(MAX_LIST) {
                    n_unread += self.value(field, item, value, onto);
                }
                n_unread += value.each().skip(MAX_LIST).count();
            }
            n_unread += self.object(path, item, value, onto);
            path.truncate(len);
        }
        n_unread
    }

    /// Stores a value of a field as far as it is read: its number, the code of its text, or both.
    /// A blank text is a missing value. 1 if something wants it as a number and it is not one that can
    /// be summed.
    fn value(&mut self, field: Field, item: u16, value: &Value<'_>, onto: Projection<'_>) -> usize {
        let as_number = number(value).filter(|number| Fixed::holds(*number));
        if as_number.is_none() && !value.is_blank() && onto.schema.has_formulas() {
            self.not_numbers.push((field, item));
        }
        if is_missing(value) {
            return usize::from(matches!(value, Value::Number(_)));
        }
        let need: Need = onto.schema.need(field);
        let stored = if need.number { as_number } else { None };
        let label = need.label.then(|| self.intern(&text(value), onto));
        if stored.is_some() || label.is_some() {
            self.values.push(FieldValue::new(field, item, stored, label));
        }
        usize::from(onto.schema.wants_numbers(field) && as_number.is_none())
    }

    /// Stores what is computed of an event's numbers; its values stand from `start` on.
    fn compute(&mut self, start: usize, onto: Projection<'_>) {
        for &(formula, field) in onto.schema.formulas() {
            let need = onto.schema.need(field);
            let products = formula.evaluate(|of| {
                let of_field = self.values[start..].iter().filter(|value| value.field == of);
                let good = of_field.filter_map(|value| Some((value.item, value.number()?)));
                let bad = self.not_numbers.iter().filter(|bad| bad.0 == of);
                good.chain(bad.map(|bad| (bad.1, f64::NAN))).collect()
            });
            for (item, number) in products {
                let label = need.label.then(|| self.intern(&number.to_string(), onto));
                let stored = need.number.then_some(number);
                self.values.push(FieldValue::new(field, item, stored, label));
            }
        }
        self.not_numbers.clear();
    }

    /// Stores what an event has of itself, such as its hour.
    fn derived(
        &mut self,
        row: usize,
        at: Timestamp,
        utc_offset_minutes: Option<i16>,
        name: &str,
        onto: Projection<'_>,
    ) {
        for &(derived, field) in onto.schema.derived() {
            if let Some((number, text)) = derived.value(at, utc_offset_minutes, name) {
                let label = text.map(|text| self.intern(&text, onto));
                self.values.push(FieldValue::new(field, 0, number, label));
            }
        }
        if utc_offset_minutes.is_none() && onto.schema.needs_offset() {
            self.without_local_time.push(row);
        }
    }

    /// Stores an attribute; of an object, one attribute for each of its fields.
    fn attribute(&mut self, name: &str, value: &Value<'_>, onto: Projection<'_>) {
        if let Value::Object(fields) = value {
            // As deep as anything is read.
            if name.len() <= MAX_PATH {
                for (field, value) in last_of_each_name(fields) {
                    self.attribute(&format!("{name}.{field}"), value, onto);
                }
            }
        } else if let Some((number, label)) = declared(value)
            && let Some(field) = self.attributes.field(name, onto.schema)
        {
            let label = label.map(|text| self.intern(&text, onto));
            self.values.push(FieldValue::new(field, 0, number, label));
        }
    }

    /// Adds rows of columns. Rows that are refused keep their place and store nothing.
    pub(crate) fn push_columns(
        &mut self,
        columns: &'a EventColumns<'_>,
        rows: Range<usize>,
        digits: &'a mut NumberTexts,
        onto: Projection<'_>,
    ) {
        self.observations.push_columns(columns, rows.clone(), digits);
        let properties = ColumnGroup::of(columns.properties());
        let properties: Vec<(Field, &ColumnGroup<'a, '_>)> = properties
            .iter()
            .map(|column| (onto.schema.sent_property(column.name), column))
            .filter(|(field, _)| *field != Field::NONE)
            .collect();
        let attributes = ColumnGroup::of(columns.attributes());
        let is_declared = |column: &&ColumnGroup<'a, '_>| {
            onto.schema.has_all_attributes() || onto.schema.attribute(column.name) != Field::NONE
        };
        let attributes: Vec<_> = attributes.iter().filter(is_declared).collect();
        let common_name = columns.common_name().map(|name| self.intern(name, onto));
        let mut uses: i64 = 0;
        for row in rows {
            let (place, start) = (self.names.len(), self.values.len());
            let (at, offset) = (columns.at(row), columns.utc_offset(row));
            // A column has neither lists nor objects: of its values none is refused.
            if let Err(refusal) = onto.check_place(at, offset) {
                self.refused.push((place, refusal));
                self.names.push(NONE);
                self.ends.push(start as u32);
                continue;
            }
            for &(field, column) in &properties {
                if let Some(value) = column.value(row)
                    && self.value(field, 0, &value, onto) > 0
                {
                    self.unread.push((place, Cow::Borrowed(column.name), 1));
                }
            }
            self.compute(start, onto);
            self.derived(place, at, offset, columns.name_of(row), onto);
            for column in &attributes {
                if let Some(value) = column.value(row) {
                    self.attribute(column.name, &value, onto);
                }
            }
            uses += 1;
            let name = common_name.unwrap_or_else(|| self.intern(columns.name_of(row), onto));
            self.names.push(name);
            self.sort_from(start, onto.dictionary);
            self.ends.push(self.values.len() as u32);
        }
        if let Some(code) = common_name.filter(|_| onto.stores_texts) {
            self.texts.change_uses(code, uses - 1);
        }
    }

    fn sort_from(&mut self, start: usize, dictionary: &Dictionary) {
        sort(&mut self.values[start..], |label| self.texts.text(dictionary, label));
    }

    /// Gives the batch the codes of the store, to which new texts and attributes are added. An attribute
    /// without a field, as the store is full, is not stored: `dropped` gets it and its number of values.
    pub(crate) fn into_stored(
        self,
        schema: &mut Schema,
        dictionary: &mut Dictionary,
        stores_texts: bool,
        dropped: impl FnMut(&str, usize),
    ) -> (StoredBatch, Option<Codes>) {
        let fields = self.attributes.absorb(schema, dropped);
        let codes = Codes { texts: dictionary.absorb(self.texts), fields };
        let at = (0..self.observations.len()).map(|row| self.observations.at(row)).collect();
        let Self { names, values, ends, .. } = self;
        let mut batch = StoredBatch { names, values, ends, at };
        if codes.fields.contains(&Field::NONE) {
            let of_value = |label| {
                if stores_texts {
                    dictionary.release(codes.texts.code(label))
                }
            };
            batch.retain(|value| codes.field(value.field) != Field::NONE, of_value);
        }
        let changes = !codes.texts.is_identity() || !codes.fields.is_empty();
        (batch, changes.then_some(codes))
    }
}

/// The codes and fields of the store for those of one batch.
pub(crate) struct Codes {
    texts: Remap,
    fields: Vec<Field>,
}

impl Codes {
    /// The field of the store for one of the batch.
    fn field(&self, field: Field) -> Field {
        field.as_local().map_or(field, |local| self.fields[local])
    }
}

impl StoredBatch {
    /// Keeps some values; calls `released` with the text of each other value.
    fn retain(&mut self, keeps: impl Fn(&FieldValue) -> bool, mut released: impl FnMut(u32)) {
        let (mut start, mut n_kept) = (0, 0);
        for end in &mut self.ends {
            let of_event = start..*end as usize;
            start = of_event.end;
            for at in of_event {
                let value = self.values[at];
                if keeps(&value) {
                    self.values[n_kept] = value;
                    n_kept += 1;
                } else if let Some(label) = value.label() {
                    released(label);
                }
            }
            *end = n_kept as u32;
        }
        self.values.truncate(n_kept);
    }

    /// Replaces the codes of the batch by those of the store.
    pub(crate) fn remap(&mut self, codes: &Codes) {
        for name in &mut self.names {
            *name = codes.texts.code(*name);
        }
        for value in &mut self.values {
            *value = value.relabelled(|label| codes.texts.code(label));
            value.field = codes.field(value.field);
        }
    }
}

impl LocalAttributes {
    /// The field of a declared attribute, known or new; `None` if it is not stored.
    fn field(&mut self, name: &str, schema: &Schema) -> Option<Field> {
        let known = schema.attribute(name);
        if known != Field::NONE {
            self.uses.push(known);
            return Some(known);
        }
        if !schema.has_all_attributes() {
            return None;
        }
        if let Some((place, n)) = self.new.get_mut(name) {
            *n += 1;
            return Some(Field::local(*place));
        }
        let place = self.new.len();
        if place == MAX_FIELDS {
            *self.beyond.entry(name.into()).or_default() += 1;
            return None;
        }
        self.new.insert(name.into(), (place, 1));
        Some(Field::local(place))
    }

    /// Adds uses and names to the schema; the fields of the new names.
    fn absorb(self, schema: &mut Schema, mut dropped: impl FnMut(&str, usize)) -> Vec<Field> {
        self.uses.into_iter().for_each(|field| schema.retain(field, 1));
        let mut new: Vec<(Box<str>, (usize, u64))> = self.new.into_iter().collect();
        new.sort_unstable_by_key(|(_, (place, _))| *place);
        let fields = new.into_iter().map(|(name, (_, n))| {
            let Some(field) = schema.declare(&name) else {
                dropped(&name, usize::try_from(n).unwrap_or(usize::MAX));
                return Field::NONE;
            };
            schema.retain(field, n);
            field
        });
        let fields = fields.collect();
        self.beyond.iter().for_each(|(name, n)| dropped(name, *n));
        fields
    }
}

/// The columns of one name, the last first: it wins where it has a value.
struct ColumnGroup<'a, 'c> {
    name: &'a str,
    columns: Vec<&'c EventColumn<'c>>,
}

impl<'a, 'c> ColumnGroup<'a, 'c> {
    fn of(columns: &'a [(Cow<'c, str>, EventColumn<'c>)]) -> Vec<Self>
    where
        'a: 'c,
    {
        let mut groups: Vec<Self> = Vec::new();
        for (name, column) in columns.iter().rev() {
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.columns.push(column),
                None => groups.push(Self { name, columns: vec![column] }),
            }
        }
        groups
    }

    fn value(&self, row: usize) -> Option<Value<'c>> {
        self.columns.iter().find_map(|column| column.value(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Feature, FeatureSet, Histories, Measure};

    /// The values of the one event: name of the field, number, text.
    fn values(histories: &Histories) -> Vec<(String, Option<f64>, Option<String>)> {
        let event = histories.log(0).and_then(|log| log.iter().next()).unwrap();
        let text = |label| histories.dictionary.text(label).to_owned();
        let of = |value: &FieldValue| {
            let name = histories.schema.name(value.field).to_owned();
            (name, value.number(), value.label().map(text))
        };
        let mut values: Vec<_> = event.values.iter().map(of).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    }

    fn set() -> FeatureSet {
        let age = Measure::Attribute { name: "age".into(), column: Default::default() };
        FeatureSet::default()
            .with(Feature::new("sum", Measure::Sum("amount".into())))
            .with(Feature::new("kinds", Measure::Distinct("kind".into())))
            .with(Feature::new("age", age))
    }

    fn event() -> Event<'static> {
        Event::new("e", Timestamp::from_millis(0))
    }

    fn check(event: &Event<'_>, expected: &[(&str, Option<f64>, Option<&str>)]) {
        let stored = values(&Histories::of_event(&set(), event));
        let stored: Vec<_> =
            stored.iter().map(|(name, number, text)| (&**name, *number, text.as_deref())).collect();
        assert_eq!(stored, expected);
    }

    #[test]
    fn only_what_the_features_read_is_stored() {
        let event = event()
            .property("amount", 1.0)
            .property("kind", 5.0)
            .property("secret", "s")
            .attribute("age", 7.0)
            .attribute("name", "Ann");
        check(
            &event,
            &[("age", Some(7.0), None), ("amount", Some(1.0), None), ("kind", None, Some("5"))],
        );
        let histories = Histories::of_event(&set(), &event);
        for dropped in ["secret", "s", "name", "Ann"] {
            assert_eq!(histories.dictionary.code(dropped), NONE);
        }
    }

    #[test]
    fn for_duplicate_names_the_last_value_wins() {
        let twice = event().property("amount", 1.0).property("amount", 2.0).property("kind", "a");
        check(
            &twice.attribute("age", 1.0).attribute("age", 2.0),
            &[("age", Some(2.0), None), ("amount", Some(2.0), None), ("kind", None, Some("a"))],
        );
        // Also where the last one cannot be read: a sum must not depend on other features.
        let twice = event().property("amount", 1.0).property("amount", "two");
        let twice = twice.property("kind", "a").property("kind", vec![]);
        // An empty list says that the attribute has no value any more.
        let gone = [("age", None, None)];
        check(&twice.attribute("age", 1.0).attribute("age", vec![]), &gone);
    }

    #[test]
    fn for_duplicate_names_within_an_object_the_last_value_wins() {
        let features = FeatureSet::default()
            .with(Feature::new("sum", Measure::Sum("products.price".into())))
            .with(Feature::new(
                "city",
                Measure::Attribute { name: "address.city".into(), column: Default::default() },
            ));
        let field = |name: &'static str, value: Value<'static>| (name.into(), value);
        let twice = |name, first, last| Value::Object(vec![field(name, first), field(name, last)]);
        let product = twice("price", 1.into(), 99.into());
        let order = event()
            .property("products", Value::from([("price", 7.into())]))
            .property("products", vec![product])
            .attribute("address", twice("city", "a".into(), "b".into()));
        let mut stored = values(&Histories::of_event(&features, &order));
        assert_eq!(stored.pop(), Some(("products.price".into(), Some(99.0), None)));
        assert_eq!(stored.pop(), Some(("address.city".into(), None, Some("b".into()))));
        assert_eq!(stored, []);
    }

    #[test]
    fn of_attributes_without_a_field_nothing_is_stored_and_every_value_is_counted() {
        let features = FeatureSet::default().with(Feature::new("all", Measure::Attributes));
        let mut histories = Histories::new(&features, &std::collections::BTreeSet::new(), None);
        histories.resize(1);
        let clock = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        let named = |numbers: Range<usize>, value: &'static str| {
            numbers.fold(event(), |event, i| event.attribute(i.to_string(), value))
        };
        // More names than the store has fields; then more than even a batch has.
        for (first, last, n_dropped) in [(0, MAX_FIELDS + 10, 10), (MAX_FIELDS, MAX_FIELDS + 3, 3)]
        {
            let own = named(first..last, "text");
            let mut batch = EventBatch::default();
            batch.push_event(&own, histories.projection(clock));
            let mut dropped = Vec::new();
            let count = |name: &str, n: usize| dropped.push((name.to_owned(), n));
            let placed = histories.absorb(batch, vec![0], Vec::new(), count);
            histories.add(vec![placed]);
            let expected = (last - n_dropped..last).map(|i| (i.to_string(), 1));
            assert!(dropped.into_iter().eq(expected), "{n_dropped}");
        }
        let events: Vec<_> = histories.log(0).unwrap().iter().collect();
        assert_eq!(events.iter().map(|event| event.values.len()).sum::<usize>(), MAX_FIELDS);
        let held = histories.dictionary.held();
        assert!(held.contains(&("text", MAX_FIELDS as u32)), "{held:?}");
    }

    #[test]
    fn minus_zero_is_zero() {
        let zero = event().property("amount", -0.0).property("kind", -0.0).attribute("age", -0.0);
        let values = values(&Histories::of_event(&set(), &zero));
        assert!(values.iter().all(|value| !value.1.is_some_and(f64::is_sign_negative)));
        assert_eq!(values[2].2.as_deref(), Some("0"));
    }

    #[test]
    fn a_list_is_stored_as_its_values_and_declared_as_one_category() {
        let list = || {
            let nested = Value::List(vec![Value::from("b"), Value::from(2.0)]);
            Value::List(vec![nested, Value::from("a")])
        };
        let event = event().property("kind", list()).property("amount", list());
        check(
            &event.attribute("age", list()),
            &[
                ("age", None, Some("2, a, b")),
                ("amount", Some(2.0), None),
                ("kind", None, Some("2")),
                ("kind", None, Some("a")),
                ("kind", None, Some("b")),
            ],
        );
    }

    #[test]
    fn the_fields_of_an_item_share_its_number() {
        let features = FeatureSet::default()
            .with(Feature::new("kinds", Measure::Distinct("products.kind".into())))
            .with(Feature::new("sum", Measure::Sum("products.price".into())));
        let item = |kind: &'static str, price: f64| {
            Value::Object(vec![("kind".into(), kind.into()), ("price".into(), price.into())])
        };
        let lone = Value::Object(vec![("price".into(), 7.0.into())]);
        let order = event().property("products", vec![item("tea", 1.0), lone, item("cups", 99.0)]);
        let histories = Histories::of_event(&features, &order);
        let event = histories.log(0).and_then(|log| log.iter().next()).unwrap();
        let [kind, price] =
            ["products.kind", "products.price"].map(|name| histories.schema.property(name));
        let kinds: Vec<_> = event
            .values(kind)
            .map(|value| (value.item, histories.dictionary.text(value.label().unwrap())))
            .collect();
        assert_eq!(kinds, [(1, "tea"), (3, "cups")]);
        let prices: Vec<_> =
            event.values(price).map(|value| (value.item, value.number())).collect();
        assert_eq!(prices, [(1, Some(1.0)), (2, Some(7.0)), (3, Some(99.0))]);
    }

    #[test]
    fn an_event_that_is_removed_leaves_no_text_behind() {
        let event = event().property("kind", "a").attribute("age", "old");
        let mut histories = Histories::of_event(&set(), &event);
        let (log, _) = histories.take(0);
        log.iter().for_each(|event| histories.release(event));
        // What features compare stays.
        let fresh = Histories::new(&set(), &std::collections::BTreeSet::new(), None);
        assert_eq!(histories.dictionary.held(), fresh.dictionary.held());
    }
}
