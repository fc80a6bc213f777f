//! Any JSON value, for readers that want some kinds of it: one visitor for all of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::Value;

/// A value that is neither list nor object.
pub(super) enum Plain<'a> {
    Null,
    Flag(bool),
    Natural(u64),
    Negative(i64),
    Number(f64),
    Text(Cow<'a, str>),
}

impl<'a> Plain<'a> {
    /// As a property has it; nothing for `null`.
    pub(super) fn value(self) -> Option<Value<'a>> {
        Some(match self {
            Self::Null => return None,
            Self::Flag(flag) => Value::Flag(flag),
            Self::Natural(number) => Value::Number(number as f64),
            Self::Negative(number) => Value::Number(number as f64),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(text),
        })
    }
}

/// What is made of a value. Lists and objects must be read to their end.
pub(super) trait Read<'a>: Sized {
    type Out;

    fn plain(self, value: Plain<'a>) -> Self::Out;

    fn list<A: SeqAccess<'a>>(self, list: A) -> Result<Self::Out, A::Error>;

    fn object<A: MapAccess<'a>>(self, object: A) -> Result<Self::Out, A::Error>;
}

/// Reads over the rest of a list; how many values there were.
pub(super) fn skip_list<'a, A: SeqAccess<'a>>(mut list: A) -> Result<usize, A::Error> {
    let mut n = 0;
    while list.next_element::<IgnoredAny>()?.is_some() {
        n += 1;
    }
    Ok(n)
}

/// Reads over the rest of an object.
pub(super) fn skip_object<'a, A: MapAccess<'a>>(mut object: A) -> Result<(), A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Lets a reader read the next value.
pub(super) struct Any<R>(pub(super) R);

impl<'de, R: Read<'de>> DeserializeSeed<'de> for Any<R> {
    type Value = R::Out;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R::Out, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Read<'de>> Visitor<'de> for Any<R> {
    type Value = R::Out;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Null))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Flag(flag)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Natural(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Negative(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Number(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<R::Out, E> {
        Ok(self.0.plain(Plain::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<R::Out, A::Error> {
        self.0.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<R::Out, A::Error> {
        self.0.object(object)
    }
}

/// The name of a field; borrowed unless it holds escapes.
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}
