//! How a value of an event is read: as a number, as a text, as an attribute, or not at all.

use std::borrow::Cow;

use super::stored::FieldValue;
use crate::Value;
use crate::event::is_blank;

/// Whether a value says nothing: a blank text, or a number that is none.
pub(super) fn is_missing(value: &Value<'_>) -> bool {
    match value {
        Value::Text(text) => is_blank(text),
        Value::Number(number) => !number.is_finite(),
        _ => false,
    }
}

/// The number that a value is, if it is one.
pub(crate) fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        // Minus zero is zero.
        Value::Number(number) => Some(number + 0.0),
        Value::Time(at) => Some(at.days()),
        _ => None,
    }
}

/// The text by which a value is told apart.
pub(crate) fn text<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Number(number) => Cow::Owned((number + 0.0).to_string()),
        Value::Text(text) => Cow::Borrowed(text),
        Value::Time(at) => Cow::Owned(at.to_string()),
        _ => Cow::Borrowed(""),
    }
}

/// How the value of an attribute is read: its number and its text. A list is one category, of its
/// values in order. An empty list says that the attribute has no value any more: neither a number nor
/// a text. A blank text says nothing.
pub(super) fn declared<'v>(value: &'v Value<'_>) -> Option<(Option<f64>, Option<Cow<'v, str>>)> {
    if is_missing(value) {
        return None;
    }
    Some(match value {
        Value::Number(_) => (number(value), None),
        Value::List(values) if values.is_empty() => (None, None),
        Value::Time(_) => (number(value), Some(text(value))),
        Value::List(_) => {
            let mut words: Vec<Cow<'_, str>> =
                value.each().filter(|value| !is_missing(value)).map(text).collect();
            words.sort_unstable();
            words.dedup();
            if words.is_empty() {
                return None;
            }
            (None, Some(Cow::Owned(words.join(", "))))
        }
        _ => (None, Some(text(value))),
    })
}

/// Sorts the values of an event by field, then by item, then by value.
pub(super) fn sort<'t>(values: &mut [FieldValue], text: impl Fn(u32) -> &'t str) {
    if values.len() < 2 {
        return;
    }
    values.sort_by(|a, b| {
        let by_place = (a.field, a.item).cmp(&(b.field, b.item));
        by_place.then_with(|| {
            let key = |value: &FieldValue| value.label().map(&text);
            match (a.number(), b.number()) {
                (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| key(a).cmp(&key(b))),
                (x, y) => y.is_some().cmp(&x.is_some()).then_with(|| key(a).cmp(&key(b))),
            }
        })
    });
}
