//! The schema: which fields of an event are stored, and how each is read.
//!
//! Features, reports and timelines say what they need of an event; the schema is the union of their
//! needs, and everything else of an event is dropped on arrival. Fields have numbers. Those of
//! properties are given when the schema is made; those of attributes also when a client declares an
//! attribute of a new name, up to [`MAX_FIELDS`].

use std::collections::HashSet;

use hashbrown::HashMap;

use super::formula::Formula;
use super::local_time::Derived;
use crate::num::bytes::{Reader, TextColumn, TextWriter};

/// Set on the numbers of fields that only one batch knows.
const LOCAL: u16 = 1 << 15;

/// Fields at most; names are the sender's, and memory must not grow with them without end. One batch
/// can have as many new ones, so that nothing depends on how events are cut into batches.
pub(crate) const MAX_FIELDS: usize = LOCAL as usize - 1;

/// The number of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Field(u16);

impl Field {
    /// A field of which no event has a value.
    pub(crate) const NONE: Self = Self(u16::MAX);

    /// The field with a number that only one batch knows.
    pub(super) fn local(number: usize) -> Self {
        debug_assert!(number < MAX_FIELDS);
        Self(number as u16 | LOCAL)
    }

    /// The number among those of one batch, if it is such a field.
    pub(super) fn as_local(self) -> Option<usize> {
        (self != Self::NONE && self.0 & LOCAL != 0).then_some(usize::from(self.0 & !LOCAL))
    }

    pub(crate) fn number(self) -> u16 {
        self.0
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// The event.
    Property,
    /// The person.
    Attribute,
}

/// How a field is read: as a number, as a text, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) number: bool,
    pub(crate) label: bool,
}

impl Need {
    pub(crate) const NUMBER: Self = Self { number: true, label: false };
    pub(crate) const LABEL: Self = Self { number: false, label: true };
    pub(crate) const BOTH: Self = Self { number: true, label: true };

    /// Whether what is stored for this need serves another one.
    pub(crate) fn covers(self, other: Self) -> bool {
        (self.number || !other.number) && (self.label || !other.label)
    }

    fn join(&mut self, other: Self) {
        self.number |= other.number;
        self.label |= other.label;
    }
}

#[derive(Debug, Clone)]
struct FieldInfo {
    name: Box<str>,
    scope: Scope,
    need: Need,
    /// Whether something reads nothing but numbers of it.
    wants_numbers: bool,
    /// Of an attribute's field, the values stored.
    uses: u64,
    /// Whether it stays when its last value is gone.
    is_pinned: bool,
}

/// Which fields are stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    fields: Vec<FieldInfo>,
    properties: HashMap<Box<str>, Field>,
    attributes: HashMap<Box<str>, Field>,
    /// Fields of attributes that nobody declares any more.
    free: Vec<Field>,
    /// Properties that every event has of itself.
    derived: Vec<(Derived, Field)>,
    /// Properties that are computed of an event's numbers.
    formulas: Vec<(Formula<Field>, Field)>,
    /// Names that have fields within: `products` of `products.category`.
    parents: HashSet<Box<str>>,
    /// Whether attributes of any name are stored.
    all_attributes: bool,
}

impl Schema {
    /// Stores an attribute from now on.
    pub(crate) fn keep_attribute(&mut self, name: &str) {
        if let Some(field) = self.declare(name) {
            self.fields[field.index()].is_pinned = true;
        }
    }

    /// Stores attributes of any name from now on.
    pub(crate) fn keep_all_attributes(&mut self) {
        self.all_attributes = true;
    }

    /// Stores a property from now on, so that it can be read in a way.
    pub(crate) fn keep(&mut self, property: &str, need: Need) {
        let formula = Formula::named(property);
        if let Some(formula) = formula {
            formula.properties().for_each(|factor| self.keep(factor, Need::NUMBER));
        }
        let known = self.property(property);
        if known != Field::NONE {
            let info = &mut self.fields[known.index()];
            info.need.join(need);
            info.wants_numbers |= need == Need::NUMBER;
        } else if let Some(field) = self.add(property, Scope::Property, need) {
            self.derived.extend(Derived::named(property).map(|derived| (derived, field)));
            let bound = formula.map(|formula| formula.bind(|factor| self.property(factor)));
            self.formulas.extend(bound.map(|formula| (formula, field)));
        }
    }

    fn add(&mut self, name: &str, scope: Scope, need: Need) -> Option<Field> {
        let wants_numbers = scope == Scope::Property && need == Need::NUMBER;
        let is_pinned = scope == Scope::Property;
        let info = FieldInfo { name: name.into(), scope, need, wants_numbers, uses: 0, is_pinned };
        let field = match self.free.pop() {
            Some(field) => {
                self.fields[field.index()] = info;
                field
            }
            None if self.fields.len() < MAX_FIELDS => {
                self.fields.push(info);
                Field(self.fields.len() as u16 - 1)
            }
            None => return None,
        };
        match scope {
            Scope::Property => {
                for (dot, _) in name.match_indices('.') {
                    self.parents.insert(name[..dot].into());
                }
                self.properties.insert(name.into(), field);
            }
            Scope::Attribute => _ = self.attributes.insert(name.into(), field),
        }
        Some(field)
    }

    /// The field of a property, or [`Field::NONE`] if it is not stored.
    pub(crate) fn property(&self, name: &str) -> Field {
        self.properties.get(name).copied().unwrap_or(Field::NONE)
    }

    /// The field that an event's own property is stored in. The names of local time and of formulas are
    /// not read.
    pub(super) fn sent_property(&self, name: &str) -> Field {
        if name.starts_with('@') {
            return Field::NONE;
        }
        let field = self.property(name);
        let is_computed = self.formulas.iter().any(|&(_, computed)| computed == field);
        if is_computed { Field::NONE } else { field }
    }

    /// The field of an attribute, or [`Field::NONE`] if it is not stored or nobody declared it.
    pub(crate) fn attribute(&self, name: &str) -> Field {
        self.attributes.get(name).copied().unwrap_or(Field::NONE)
    }

    /// The field of an attribute that somebody declares, which may be new; `None` if no further
    /// field can be numbered.
    pub(super) fn declare(&mut self, name: &str) -> Option<Field> {
        match self.attribute(name) {
            Field::NONE => self.add(name, Scope::Attribute, Need::BOTH),
            known => Some(known),
        }
    }

    /// Number of fields if the needs of another store were kept and further attributes declared, whose names are
    /// in order.
    pub(crate) fn n_fields_with<'n>(
        &self,
        needs: Needs<'n>,
        attributes: impl Iterator<Item = &'n str>,
    ) -> usize {
        let properties = needs.properties.iter().filter(|name| self.property(name) == Field::NONE);
        // A name that stands in both counts once.
        let mut pinned = needs.attributes.iter().peekable();
        let others = attributes.filter(|name| {
            while pinned.next_if(|pinned| pinned < name).is_some() {}
            pinned.peek() != Some(name)
        });
        let is_new = |name: &&str| self.attribute(name) == Field::NONE;
        let attributes = needs.attributes.iter().chain(others).filter(is_new);
        self.fields.len() - self.free.len() + properties.count() + attributes.count()
    }

    /// The names of the attributes that somebody declares.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        let is_declared = |(number, info): &(usize, &FieldInfo)| {
            info.scope == Scope::Attribute && self.attribute(&info.name).index() == *number
        };
        self.fields.iter().enumerate().filter(is_declared).map(|(_, info)| &*info.name)
    }

    /// Counts further values of an attribute's field.
    pub(super) fn retain(&mut self, field: Field, n: u64) {
        self.fields[field.index()].uses += n;
    }

    /// Ends one value of an attribute's field; after the last one its name is not held.
    pub(super) fn release(&mut self, field: Field) {
        let info = &mut self.fields[field.index()];
        info.uses -= 1;
        if info.uses == 0 && !info.is_pinned {
            self.attributes.remove(&*info.name);
            info.name = Box::default();
            self.free.push(field);
        }
    }

    /// Whether a property's objects may hold stored fields.
    pub(super) fn is_parent(&self, name: &str) -> bool {
        !self.parents.is_empty() && self.parents.contains(name)
    }

    /// Whether attributes of any name are stored.
    pub(super) fn has_all_attributes(&self) -> bool {
        self.all_attributes
    }

    /// The properties that every event has of itself.
    pub(super) fn derived(&self) -> &[(Derived, Field)] {
        &self.derived
    }

    pub(super) fn has_formulas(&self) -> bool {
        !self.formulas.is_empty()
    }

    /// The properties that are computed of an event's numbers.
    pub(super) fn formulas(&self) -> &[(Formula<Field>, Field)] {
        &self.formulas
    }

    /// Whether an event without an offset from UTC leaves some field without a value.
    pub(crate) fn needs_offset(&self) -> bool {
        self.derived.iter().any(|(derived, _)| derived.needs_offset())
    }

    /// The name of a field; empty for [`Field::NONE`].
    pub(crate) fn name(&self, field: Field) -> &str {
        self.fields.get(field.index()).map_or("", |info| &info.name)
    }

    pub(crate) fn scope(&self, field: Field) -> Scope {
        self.fields.get(field.index()).map_or(Scope::Property, |info| info.scope)
    }

    pub(super) fn need(&self, field: Field) -> Need {
        self.fields[field.index()].need
    }

    /// Whether something reads only numbers of a property.
    pub(super) fn wants_numbers(&self, field: Field) -> bool {
        self.fields[field.index()].wants_numbers
    }

    /// Properties before attributes, each in order of their names.
    pub(crate) fn order_of(&self, field: Field) -> (Scope, &str) {
        (self.scope(field), self.name(field))
    }

    /// Whether a field is a [property that an event has of itself](super::local_time).
    pub(crate) fn is_derived(&self, field: Field) -> bool {
        self.derived.iter().any(|(_, derived)| *derived == field)
    }

    /// Whether a property is stored so that it can be read in a way.
    pub(crate) fn holds(&self, property: &str, need: Need) -> bool {
        let field = self.property(property);
        field != Field::NONE
            && (Derived::named(property).is_some() || self.need(field).covers(need))
    }

    /// The names of the stored properties; a reader of events can skip all others.
    #[cfg(feature = "segment")]
    pub(crate) fn property_names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(|name| &**name)
    }

    /// The names of the stored attributes, `None` for all.
    #[cfg(feature = "segment")]
    pub(crate) fn attribute_names(&self) -> Option<impl Iterator<Item = &str>> {
        (!self.all_attributes).then(|| self.attributes.keys().map(|name| &**name))
    }

    /// What is stored, without numbers and without what events brought, as bytes that [`Needs::read`] reads.
    pub(crate) fn needs(&self) -> Vec<u8> {
        let mut properties: Vec<(&str, Field)> =
            self.properties.iter().map(|(name, &field)| (&**name, field)).collect();
        properties.sort_unstable_by_key(|property| property.0);
        let pinned = |field: &&Field| self.fields[field.index()].is_pinned;
        let attributes = self.attributes.values().filter(pinned);
        let mut attributes: Vec<&str> = attributes.map(|&field| self.name(field)).collect();
        attributes.sort_unstable();
        let (mut out, mut texts) = (vec![u8::from(self.all_attributes)], TextWriter::default());
        properties.iter().for_each(|property| texts.push(property.0));
        texts.write(&mut out);
        attributes.iter().for_each(|name| texts.push(name));
        texts.write(&mut out);
        out.extend(properties.iter().map(|&(_, field)| {
            let need = self.need(field);
            u8::from(need.number) | u8::from(need.label) << 1
        }));
        out
    }

    /// Stores from now on what another schema does.
    pub(crate) fn join(&mut self, other: &Self) {
        self.keep_needs(Needs::of(&other.needs()));
    }

    /// Stores from now on what another store does. A store whose columns were frozen stores more than
    /// its features read.
    pub(crate) fn keep_needs(&mut self, needs: Needs<'_>) {
        for (name, as_what) in needs.properties.iter().zip(needs.as_what) {
            self.keep(name, Need { number: as_what & 1 != 0, label: as_what & 2 != 0 });
        }
        needs.attributes.iter().for_each(|name| self.keep_attribute(name));
        self.all_attributes |= needs.all_attributes;
    }
}

/// What a store keeps of every event, in its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs<'b> {
    all_attributes: bool,
    /// The names of properties, in order.
    properties: TextColumn<'b>,
    /// The names of attributes that are kept whether or not an event has them, in order.
    attributes: TextColumn<'b>,
    /// How each property is kept: 1 as a number, 2 as a text, 3 as both.
    as_what: &'b [u8],
}

impl<'b> Needs<'b> {
    /// Those that [`Schema::needs`] wrote.
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        Self::read(bytes).expect("a schema wrote them")
    }

    /// Reads what [`Schema::needs`] wrote.
    pub(crate) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (&all_attributes, bytes) = bytes.split_first()?;
        let bytes = &mut Reader(bytes);
        let (properties, attributes) = (TextColumn::read(bytes)?, TextColumn::read(bytes)?);
        attributes.count()?;
        let n_properties = properties.count()?;
        let are_in_order =
            [properties, attributes].map(|names| names.iter().is_sorted_by(|a, b| a < b));
        let is_fine = n_properties == bytes.0.len()
            && are_in_order == [true; 2]
            && all_attributes < 2
            && bytes.0.iter().all(|as_what| (1..=3).contains(as_what));
        let all_attributes = all_attributes == 1;
        is_fine.then_some(Self { all_attributes, properties, attributes, as_what: bytes.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_an_attribute_is_held_while_somebody_declares_it() {
        let mut schema = Schema::default();
        let city = schema.declare("city").unwrap();
        schema.retain(city, 2);
        schema.release(city);
        assert_eq!(schema.attribute("city"), city);
        schema.release(city);
        assert_eq!(schema.attribute("city"), Field::NONE);
        // The number names another attribute now.
        assert_eq!(schema.declare("age"), Some(city));
    }

    #[test]
    fn what_another_store_keeps_and_its_attributes_are_counted_once_each() {
        let (mut schema, mut other) = (Schema::default(), Schema::default());
        for (schema, properties, attributes) in
            [(&mut schema, ["a", "b"], ["p", "q"]), (&mut other, ["b", "c"], ["q", "r"])]
        {
            properties.into_iter().for_each(|name| schema.keep(name, Need::NUMBER));
            attributes.into_iter().for_each(|name| schema.keep_attribute(name));
        }
        let needs = other.needs();
        let n = schema.n_fields_with(Needs::of(&needs), ["p", "r", "s"].into_iter());
        // The properties a, b, c and the attributes p, q, r, s.
        assert_eq!(n, 7);
        schema.join(&other);
        schema.declare("s");
        assert_eq!(schema.n_fields_with(Needs::of(&needs), [].into_iter()), n);
    }

    #[test]
    fn needs_out_of_order_are_not_read() {
        let needs = |names: [&str; 2]| {
            let (mut out, mut texts) = (vec![0], TextWriter::default());
            texts.write(&mut out);
            names.into_iter().for_each(|name| texts.push(name));
            texts.write(&mut out);
            out
        };
        assert!(Needs::read(&needs(["a", "b"])).is_some());
        assert!(
            Needs::read(&needs(["b", "a"])).is_none() && Needs::read(&needs(["a", "a"])).is_none()
        );
    }

    #[test]
    fn fields_beyond_the_limit_are_not_numbered() {
        let mut schema = Schema::default();
        for i in 0..MAX_FIELDS {
            assert!(schema.declare(&i.to_string()).is_some());
        }
        assert_eq!(schema.declare("one more"), None);
        assert!(schema.declare("7").is_some());
    }
}
