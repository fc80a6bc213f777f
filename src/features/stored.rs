//! One event as it is stored: when, what, and the values of its fields.
//!
//! A value is a number, a text's code, or both, under the number of its field. A list is several
//! values of one field. An object of a list is one *item*: its values share the item's number, so
//! that price, quantity and category of one product stay together.
//!
//! Stored events have a total order, by time and then by content, which depends on texts and not on
//! codes. That order, not that of arrival, is the order of a history.

use std::cmp::Ordering;

use super::dictionary::{Dictionary, NONE};
use super::schema::{Field, Schema};
use crate::Timestamp;

/// A value of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldValue {
    /// NaN where only the text is stored; with neither, an attribute has no value any more.
    number: f64,
    /// [`NONE`] where only the number is stored.
    label: u32,
    pub(crate) field: Field,
    /// The number of the item of a list of objects, from 1; 0 for a value of its own.
    pub(crate) item: u16,
}

impl FieldValue {
    /// A number, a text, or a number that is told apart by a text.
    pub(crate) fn new(field: Field, item: u16, number: Option<f64>, label: Option<u32>) -> Self {
        Self { number: number.unwrap_or(f64::NAN), label: label.unwrap_or(NONE), field, item }
    }

    pub(crate) fn number(self) -> Option<f64> {
        (!self.number.is_nan()).then_some(self.number)
    }

    pub(crate) fn label(self) -> Option<u32> {
        (self.label != NONE).then_some(self.label)
    }

    /// Whether it says that there is no value any more, as an attribute can.
    pub(crate) fn is_gone(self) -> bool {
        self.number.is_nan() && self.label == NONE
    }

    /// The same value with another code for its text.
    pub(crate) fn relabelled(self, code: impl FnOnce(u32) -> u32) -> Self {
        Self { label: if self.label == NONE { NONE } else { code(self.label) }, ..self }
    }

    /// The same value of another field.
    pub(crate) fn of_field(self, field: Field) -> Self {
        Self { field, ..self }
    }

    /// As a category is called.
    pub(crate) fn text(self, dictionary: &Dictionary) -> String {
        match self.label() {
            Some(label) => dictionary.text(label).to_owned(),
            None => self.number.to_string(),
        }
    }

    /// Numbers before texts. Values that compare equal are the same value.
    pub(crate) fn compare(self, other: Self, dictionary: &Dictionary) -> Ordering {
        let by_text = || {
            if self.label == other.label {
                return Ordering::Equal;
            }
            let text = |value: Self| value.label().map(|label| dictionary.text(label));
            text(self).cmp(&text(other))
        };
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b).then_with(by_text),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => by_text(),
        }
    }

    /// The smaller of two.
    pub(crate) fn min(self, other: Self, dictionary: &Dictionary) -> Self {
        if other.compare(self, dictionary).is_lt() { other } else { self }
    }

    fn is_same(self, other: Self) -> bool {
        self.number.to_bits() == other.number.to_bits()
            && (self.label, self.field, self.item) == (other.label, other.field, other.item)
    }
}

/// A view of what is stored of one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredEvent<'h> {
    pub(crate) at: Timestamp,
    /// Code of the event's name.
    pub(crate) name: u32,
    /// Number of the message id where duplicates are looked for, else [`NONE`].
    pub(crate) message: u32,
    /// Sorted by field, then by item, then by value.
    pub(crate) values: &'h [FieldValue],
}

impl<'h> StoredEvent<'h> {
    /// The day on the person's own clock, in days since 1970-01-01; `local` is the field of
    /// [`LOCAL_DAY`](super::local_time::LOCAL_DAY), which only events have whose day is another in UTC.
    pub(crate) fn day(self, local: Field) -> i64 {
        self.numbers(local).next().map_or_else(|| self.at.day(), |day| day as i64)
    }

    /// The values of a field, in their order.
    pub(crate) fn values(self, field: Field) -> impl Iterator<Item = FieldValue> + Clone + 'h {
        self.values.iter().filter(move |value| value.field == field).copied()
    }

    /// The numbers of a field.
    pub(crate) fn numbers(self, field: Field) -> impl Iterator<Item = f64> + Clone + 'h {
        self.values(field).filter_map(FieldValue::number)
    }

    /// The codes of the texts of a field.
    pub(crate) fn labels(self, field: Field) -> impl Iterator<Item = u32> + 'h {
        self.values(field).filter_map(FieldValue::label)
    }

    /// By time, then content, then message. Events that compare equal are interchangeable.
    pub(crate) fn compare(self, other: Self, schema: &Schema, dictionary: &Dictionary) -> Ordering {
        let by_values = || compare_values(self.values, other.values, |_| true, schema, dictionary);
        self.at
            .cmp(&other.at)
            .then_with(|| self.compare_name(other, dictionary))
            .then_with(by_values)
            .then(self.message.cmp(&other.message))
    }

    /// By what the client sent: all but the time and what [follows](Schema::is_derived) from it.
    pub(crate) fn compare_content(
        self,
        other: Self,
        schema: &Schema,
        dictionary: &Dictionary,
    ) -> Ordering {
        let is_sent = |value: &FieldValue| !schema.is_derived(value.field);
        self.compare_name(other, dictionary)
            .then_with(|| compare_values(self.values, other.values, is_sent, schema, dictionary))
    }

    fn compare_name(self, other: Self, dictionary: &Dictionary) -> Ordering {
        match self.name == other.name {
            true => Ordering::Equal,
            false => dictionary.text(self.name).cmp(dictionary.text(other.name)),
        }
    }
}

/// Compares those values that count, field by field, in the order of the fields' names.
fn compare_values(
    ours: &[FieldValue],
    theirs: &[FieldValue],
    counts: impl Fn(&FieldValue) -> bool,
    schema: &Schema,
    dictionary: &Dictionary,
) -> Ordering {
    let same = |(a, b): (&FieldValue, &FieldValue)| a.is_same(*b);
    if ours.len() == theirs.len() && ours.iter().zip(theirs).all(same) {
        return Ordering::Equal;
    }
    let by_field_name = |values: &[FieldValue]| {
        let mut sorted: Vec<FieldValue> =
            values.iter().copied().filter(|value| counts(value)).collect();
        sorted.sort_by_key(|value| schema.order_of(value.field));
        sorted
    };
    let (ours, theirs) = (by_field_name(ours), by_field_name(theirs));
    for (a, b) in ours.iter().zip(&theirs) {
        let by_field = schema.order_of(a.field).cmp(&schema.order_of(b.field));
        let order = by_field.then(a.item.cmp(&b.item)).then_with(|| a.compare(*b, dictionary));
        if order.is_ne() {
            return order;
        }
    }
    ours.len().cmp(&theirs.len())
}
