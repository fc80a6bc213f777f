//! A field that should be a text: an id, a name, a time.

use std::borrow::Cow;

use super::json::{Json, NotJson, Token};
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

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Reads the next value; of several in one field the last counts.
    pub(super) fn read(&mut self, json: &mut Json<'a>) -> Result<(), NotJson> {
        *self = match json.value()? {
            Token::Null => Self::Absent,
            Token::Text(text) if is_blank(&text) => Self::Absent,
            Token::Text(text) => Self::Text(text),
            Token::Natural(number) => Self::Text(Cow::Owned(number.to_string())),
            Token::Negative(number) => Self::Text(Cow::Owned(number.to_string())),
            Token::Flag(_) | Token::Number(_) | Token::Broken => Self::Wrong,
            Token::List => {
                json.skip_list()?;
                Self::Wrong
            }
            Token::Object => {
                json.skip_object()?;
                Self::Wrong
            }
        };
        Ok(())
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
