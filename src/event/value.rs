//! What can be said of an event or a person: a number, a text, yes or no, a moment, or several.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A value of a property or an attribute.
///
/// A moment counts as a number too: days since 1970-01-01T00:00:00Z. A list counts as each of its
/// values, so that an event with the interests `["chess", "tea"]` is one of both; an empty list is
/// no value.
///
/// ```
/// use personas::{Timestamp, Value};
///
/// let interests = Value::from(vec![Value::from("chess"), Value::from("tea")]);
/// let since = Value::from(Timestamp::parse("2017-03-01")?);
/// assert_ne!(interests, since);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    #[serde(borrow)]
    Text(Cow<'a, str>),
    /// A moment; written as `{"millis": …}`.
    #[serde(with = "millis")]
    Time(Timestamp),
    /// Several values; a list within a list counts as its values.
    #[serde(borrow)]
    List(Vec<Value<'a>>),
}

impl Value<'_> {
    /// The values that are no lists, in order; itself if it is none. Lists may be nested
    /// to any depth.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Self> {
        let (mut own, mut open) = (Some(self), Vec::new());
        if let Self::List(values) = self {
            (own, open) = (None, vec![values.iter()]);
        }
        std::iter::from_fn(move || {
            // Most values are no lists and need no memory for the way through one.
            if let Some(value) = own.take() {
                return Some(value);
            }
            loop {
                match open.last_mut()?.next() {
                    None => drop(open.pop()),
                    Some(Self::List(values)) => open.push(values.iter()),
                    Some(value) => return Some(value),
                }
            }
        })
    }
}

/// A moment has a name in JSON, where a bare number is a number.
mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Timestamp;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        millis: Timestamp,
    }

    pub(super) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Named { millis: *at }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        Named::deserialize(deserializer).map(|named| named.millis)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(values: Vec<Value<'a>>) -> Self {
        Self::List(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_each_of_its_values_however_deep() {
        let [a, b, c] = ["a", "b", "c"].map(Value::from);
        let nested = Value::List(vec![
            a.clone(),
            Value::List(vec![]),
            Value::List(vec![Value::List(vec![b.clone()]), c.clone()]),
        ]);
        assert_eq!(nested.each().collect::<Vec<_>>(), [&a, &b, &c]);
        assert_eq!(a.each().collect::<Vec<_>>(), [&a]);
        let deep = (0..1000).fold(a.clone(), |value, _| Value::List(vec![value]));
        assert_eq!(deep.each().count(), 1);
    }

    #[test]
    fn every_value_survives_json() {
        let all = Value::List(vec![
            Value::from(true),
            Value::from(0.1),
            Value::from("1"),
            Value::from(Timestamp::from_millis(-5)),
            Value::List(vec![]),
        ]);
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(json, r#"[true,0.1,"1",{"millis":-5},[]]"#);
        assert_eq!(serde_json::from_str::<Value<'_>>(&json).unwrap(), all);
        assert!(serde_json::from_str::<Value<'_>>(r#"{"other":1}"#).is_err());
    }
}
