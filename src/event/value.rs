//! Values of properties and attributes: a number, a text, yes or no, a moment, a list, or an
//! object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Timestamp;

/// Whole numbers up to here are all different as `f64`: 2⁵³.
const MAX_EXACT: u64 = 1 << 53;

/// Lists and objects within each other, at most, that serde reads and writes.
const MAX_DEPTH: usize = 64;

/// A value of a property or an attribute.
///
/// A moment counts as a number too: days since 1970-01-01T00:00:00Z. A list counts as each of its
/// values: an event with the interests `["chess", "tea"]` has both. An empty list is a missing
/// value.
///
/// Whole numbers beyond ±2⁵³, such as order ids of 17 digits, become the text of their digits:
/// as `f64` different ones would become equal.
///
/// The products of an order are a list of objects, one for each product, so that the price and the
/// category of a product stay together. FeatureTable read `products.category` from them.
///
/// ```
/// use personas::{Event, Timestamp, Value};
///
/// let products = vec![
///     Value::from([("category", "tea".into()), ("price", 1.into())]),
///     Value::from([("category", "cups".into()), ("price", 99.into())]),
/// ];
/// let order = Event::new("order", Timestamp::parse("2024-01-01")?)
///     .id("customer", "97")
///     .property("order_id", 20_240_301_000_000_001_i64)
///     .property("products", products);
/// assert_eq!(order.properties[0].1, Value::from("20240301000000001"));
/// # Ok::<(), personas::Error>(())
/// ```
///
/// Serde writes a value as its plain self, a moment as `{"millis": 1488326400000}`. It reads and
/// writes lists and objects up to 64 within each other; deeper ones are an error.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A moment.
    Time(Timestamp),
    /// Several values; a list within a list counts as its values.
    List(Vec<Value<'a>>),
    /// Names and values that belong together, such as one product of an order. For duplicate names,
    /// the last value wins.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl Value<'_> {
    /// Iterates over the value itself, or over the values of a list and of the lists in it, in order.
    /// Objects are skipped. Lists may be nested to any depth.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Self> {
        let (mut own, mut open) = (Some(self), Vec::new());
        if let Self::List(values) = self {
            (own, open) = (None, vec![values.iter()]);
        }
        std::iter::from_fn(move || {
            // Most values are not lists, and need no memory for the way through one.
            if let Some(value) = own.take().filter(|value| !matches!(value, Self::Object(_))) {
                return Some(value);
            }
            loop {
                match open.last_mut()?.next() {
                    None => drop(open.pop()),
                    Some(Self::List(values)) => open.push(values.iter()),
                    Some(Self::Object(_)) => {}
                    Some(value) => return Some(value),
                }
            }
        })
    }

    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Flag(flag) => Value::Flag(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Time(at) => Value::Time(at),
            Self::List(values) => Value::List(values.into_iter().map(Value::into_owned).collect()),
            Self::Object(fields) => Value::Object(fields.into_iter().map(owned_field).collect()),
        }
    }
}

/// Copies the texts of a name and its value.
pub(super) fn owned_field(
    (name, value): (Cow<'_, str>, Value<'_>),
) -> (Cow<'static, str>, Value<'static>) {
    (Cow::Owned(name.into_owned()), value.into_owned())
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested { value: self, depth: 0 }.serialize(serializer)
    }
}

/// A value with the number of lists and objects around it.
struct Nested<'v, 'a> {
    value: &'v Value<'a>,
    depth: usize,
}

impl Serialize for Nested<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nested = |value| Nested { value, depth: self.depth + 1 };
        match self.value {
            Value::Flag(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Time(at) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("millis", &at.millis())?;
                map.end()
            }
            Value::List(_) | Value::Object(_) if self.depth == MAX_DEPTH => {
                Err(S::Error::custom(TOO_DEEP))
            }
            Value::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(&nested(value)))?;
                list.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields
                    .iter()
                    .try_for_each(|(name, value)| map.serialize_entry(name, &nested(value)))?;
                map.end()
            }
        }
    }
}

const TOO_DEEP: &str = "value nested too deep; at most 64 lists and objects within each other";

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Depth(0).deserialize(deserializer).map(|read| read.0)
    }
}

/// The number of lists and objects around the value to be read.
#[derive(Clone, Copy)]
struct Depth(usize);

/// A value, and the whole number it was written as: the milliseconds of a moment.
type Read<'a> = (Value<'a>, Option<i64>);

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Read<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Depth {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.0 < MAX_DEPTH { Ok(Self(self.0 + 1)) } else { Err(E::custom(TOO_DEEP)) }
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Read<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true, false, a list or an object")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Read<'de>, E> {
        Ok((flag.into(), None))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Read<'de>, E> {
        Ok((number.into(), Some(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Read<'de>, E> {
        Ok((number.into(), i64::try_from(number).ok()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Read<'de>, E> {
        Ok((number.into(), None))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Read<'de>, E> {
        Ok((text.into(), None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Read<'de>, E> {
        Ok((text.to_owned().into(), None))
    }

    fn visit_string<E>(self, text: String) -> Result<Read<'de>, E> {
        Ok((text.into(), None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Read<'de>, A::Error> {
        let (inner, mut values) = (self.deeper()?, Vec::new());
        while let Some((value, _)) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok((Value::List(values), None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read<'de>, A::Error> {
        let (inner, mut fields, mut millis) = (self.deeper()?, Vec::new(), None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let (value, whole) = map.next_value_seed(inner)?;
            millis = whole.filter(|_| fields.is_empty() && name == "millis");
            fields.push((name, value));
        }
        let value = match millis {
            Some(millis) => Value::Time(Timestamp::from_millis(millis)),
            None => Value::Object(fields),
        };
        Ok((value, None))
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Value<'_> {
    /// Creates a number; beyond ±2⁵³, the text of its digits.
    fn from(number: i64) -> Self {
        match number.unsigned_abs() {
            ..=MAX_EXACT => Self::Number(number as f64),
            _ => Self::Text(Cow::Owned(number.to_string())),
        }
    }
}

impl From<u64> for Value<'_> {
    /// Creates a number; beyond 2⁵³, the text of its digits.
    fn from(number: u64) -> Self {
        match number {
            ..=MAX_EXACT => Self::Number(number as f64),
            _ => Self::Text(Cow::Owned(number.to_string())),
        }
    }
}

impl From<usize> for Value<'_> {
    /// Creates a number; beyond 2⁵³, the text of its digits.
    fn from(number: usize) -> Self {
        (number as u64).into()
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
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

impl<'a, K: Into<Cow<'a, str>>, const N: usize> From<[(K, Value<'a>); N]> for Value<'a> {
    /// Creates an object of these names and values.
    fn from(fields: [(K, Value<'a>); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
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
            Value::from([("row", a.clone())]),
            Value::List(vec![Value::List(vec![b.clone()]), c.clone()]),
        ]);
        assert_eq!(nested.each().collect::<Vec<_>>(), [&a, &b, &c]);
        assert_eq!(a.each().collect::<Vec<_>>(), [&a]);
        assert_eq!(Value::from([("row", a.clone())]).each().count(), 0);
        let deep = (0..1000).fold(a.clone(), |value, _| Value::List(vec![value]));
        assert_eq!(deep.each().count(), 1);
    }

    #[test]
    fn whole_numbers_keep_their_digits() {
        const EXACT: i64 = 1 << 53;
        assert_eq!(Value::from(EXACT), Value::Number(9_007_199_254_740_992.0));
        assert_eq!(Value::from(-EXACT), Value::Number(-9_007_199_254_740_992.0));
        assert_eq!(Value::from(EXACT + 1), Value::from("9007199254740993"));
        assert_eq!(Value::from(-EXACT - 1), Value::from("-9007199254740993"));
        assert_eq!(Value::from(u64::MAX), Value::from("18446744073709551615"));
        assert_eq!(Value::from(7_usize), Value::from(7_u32));
        assert_eq!(Value::from(-7), Value::from(-7.0));
    }

    #[test]
    fn every_value_survives_json() {
        let all = Value::List(vec![
            Value::from(true),
            Value::from(0.1),
            Value::from("1"),
            Value::from(Timestamp::from_millis(-5)),
            Value::List(vec![]),
            Value::from([("tags", Value::List(vec![])), ("n", 2.into())]),
            Value::from([("millis", Value::from(2)), ("n", 3.into())]),
            Value::from([("millis", "soon".into())]),
            Value::Object(vec![]),
        ]);
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(
            json,
            r#"[true,0.1,"1",{"millis":-5},[],{"tags":[],"n":2.0},{"millis":2.0,"n":3.0},{"millis":"soon"},{}]"#
        );
        assert_eq!(serde_json::from_str::<Value<'_>>(&json).unwrap(), all);
        let long = serde_json::from_str::<Value<'_>>("20240301000000001").unwrap();
        assert_eq!(long, Value::from("20240301000000001"));
        assert!(serde_json::from_str::<Value<'_>>("null").is_err());
    }

    #[test]
    fn values_nested_too_deep_are_an_error_of_reading_and_of_writing() {
        let deep = |n| (0..n).fold(Value::from("x"), |value, _| Value::List(vec![value]));
        let json = serde_json::to_string(&deep(64)).unwrap();
        assert_eq!(serde_json::from_str::<Value<'_>>(&json).unwrap(), deep(64));
        assert!(serde_json::from_str::<Value<'_>>(&format!("[{json}]")).is_err());
        assert!(serde_json::to_string(&deep(65)).is_err());
    }
}
