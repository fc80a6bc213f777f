//! A field that should be a text: an id, a name, a time.

use std::borrow::Cow;

use serde::de::{MapAccess, SeqAccess};

use super::json::{Plain, Read, skip_list, skip_object};
use crate::Refusal;

/// What a field holds. Clients leave out what they do not know, or write `null` or `""`.
#[derive(Debug, Default)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    /// A text that is not blank; a whole number is the text of its digits.
    Text(Cow<'a, str>),
    /// No text: an object, a list, a flag, a fraction.
    Wrong,
}

impl<'a> Field<'a> {
    /// The text, if there is one.
    pub(super) fn text(self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Wrong => Err(bad_field(name)),
        }
    }
}

/// Whether a text is empty or of nothing but space.
pub(super) fn is_blank(text: &str) -> bool {
    // Nearly all begin with a letter or a digit.
    !text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && text.trim().is_empty()
}

pub(super) fn bad_field(name: &str) -> Refusal {
    Refusal::BadField { field: name.to_owned() }
}

/// Puts a value into a field; of several the last counts.
impl<'a> Read<'a> for &mut Field<'a> {
    type Out = ();

    fn plain(self, value: Plain<'a>) {
        *self = match value {
            Plain::Null => Field::Absent,
            Plain::Text(text) if is_blank(&text) => Field::Absent,
            Plain::Text(text) => Field::Text(text),
            Plain::Natural(number) => Field::Text(Cow::Owned(number.to_string())),
            Plain::Negative(number) => Field::Text(Cow::Owned(number.to_string())),
            Plain::Flag(_) | Plain::Number(_) => Field::Wrong,
        };
    }

    fn list<A: SeqAccess<'a>>(self, list: A) -> Result<(), A::Error> {
        *self = Field::Wrong;
        skip_list(list).map(|_| ())
    }

    fn object<A: MapAccess<'a>>(self, object: A) -> Result<(), A::Error> {
        *self = Field::Wrong;
        skip_object(object)
    }
}
