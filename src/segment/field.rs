//! One field that should be a text: an id, a name, a time.

use std::borrow::Cow;

use super::json::Sink;
use super::plain::Plain;
use crate::Refusal;

/// The value of a field. Clients leave out what they do not know, or write `null` or `""`.
#[derive(Debug, Default)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    /// A text that is not blank, or the digits of a whole number.
    Text(Cow<'a, str>),
    /// Something else: an object, a list, a flag, a fraction.
    Wrong,
}

impl<'a> Field<'a> {
    /// Returns the text, if there is one.
    pub(super) fn text(self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Wrong => Err(bad_field(name)),
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
impl<'a> Sink<'a> for &mut Field<'a> {
    #[inline]
    fn plain(self, value: Plain<'a>) {
        *self = match value {
            Plain::Null => Field::Absent,
            Plain::Text(text) if is_blank(&text) => Field::Absent,
            Plain::Text(text) => Field::Text(text),
            Plain::Natural(number) => Field::Text(Cow::Owned(number.to_string())),
            Plain::Negative(number) => Field::Text(Cow::Owned(number.to_string())),
            Plain::Digits(digits) => Field::Text(Cow::Borrowed(digits)),
            Plain::Flag(_) | Plain::Number(_) | Plain::Broken | Plain::List(_) | Plain::Object => {
                Field::Wrong
            }
        };
    }
}

/// Whether a text is empty or only white space.
pub(super) fn is_blank(text: &str) -> bool {
    // Nearly all begin with a letter or a digit.
    !text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && text.trim().is_empty()
}

pub(super) fn bad_field(name: &str) -> Refusal {
    Refusal::BadField { field: name.to_owned() }
}
