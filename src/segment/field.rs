//! One field that should be a text: an id, a name, a time.

use std::borrow::Cow;
use std::mem::take;

use super::json::Sink;
use super::plain::Plain;
use crate::Refusal;
use crate::event::is_blank;

/// What was lost of a call that became an event.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lost<'a> {
    /// The fields, properties and traits of which values were left out, and how many.
    pub(super) values: Vec<(Cow<'a, str>, usize)>,
    /// Whether the offset from UTC is unknown since the call contradicts itself.
    pub(super) contradicts_offset: bool,
}

/// The value of a field. Clients leave out what they do not know, or write `null` or `""`.
#[derive(Debug, Default)]
pub(super) enum CallField<'a> {
    #[default]
    Absent,
    /// A text that is not blank, or the digits of a whole number.
    Text(Cow<'a, str>),
    /// Something else: an object, a list, a flag, a fraction.
    Wrong,
}

impl<'a> CallField<'a> {
    /// Returns the text, if there is one. A value of the wrong type costs this field, and is counted.
    pub(super) fn text(&mut self, name: &'static str, lost: &mut Lost<'a>) -> Option<Cow<'a, str>> {
        match take(self) {
            Self::Absent => None,
            Self::Text(text) => Some(text),
            Self::Wrong => {
                lost.values.push((Cow::Borrowed(name), 1));
                None
            }
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Wrong => None,
        }
    }
}

/// For duplicate keys, the last value wins.
impl<'a> Sink<'a> for &mut CallField<'a> {
    #[inline]
    fn plain(self, value: Plain<'a>) {
        *self = match value {
            Plain::Null => CallField::Absent,
            Plain::Text(text) if is_blank(&text) => CallField::Absent,
            Plain::Text(text) => CallField::Text(text),
            Plain::Natural(number) => CallField::Text(Cow::Owned(number.to_string())),
            Plain::Negative(number) => CallField::Text(Cow::Owned(number.to_string())),
            Plain::Digits(digits) => CallField::Text(Cow::Borrowed(digits)),
            Plain::Flag(_) | Plain::Number(_) | Plain::Broken | Plain::List(_) | Plain::Object => {
                CallField::Wrong
            }
        };
    }
}

pub(super) fn bad_field(name: &str) -> Refusal {
    Refusal::BadField { field: name.to_owned() }
}
