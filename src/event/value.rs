//! Values of properties and attributes: a number, a text, yes or no, a moment, a list, or an
//! object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Timestamp;
use crate::num::exact::is_safe;

/// Whole numbers up to here are all different as `f64`: 2⁵³.
const MAX_EXACT: u64 = 1 << 53;

/// The whole number that a number is, if it is one that no other is rounded to.
pub(crate) fn exact_whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT as f64).then_some(number as i64)
}

/// Whether a text is empty or only white space: it says nothing, wherever it stands.
pub(crate) fn is_blank(text: &str) -> bool {
    // Nearly all begin with a letter or a digit.
    !text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && text.trim().is_empty()
}

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
/// category of a product stay together. Features read `products.category` from them.
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
/// In JSON and other formats for people, serde writes a value as its plain self, a moment as
/// `{"millis": 1488326400000}`, and a number that not every reader reads right, such as one of 17 digits,
/// as `{"bits": 4599075939470750516}`: its IEEE 754 bits as a whole number. In binary formats it writes
/// an enum. It reads and writes lists and objects up to 64 within each other; deeper ones are an error.
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
    /// Several values. The values of a list within a list count as values of the outer list.
    List(Vec<Value<'a>>),
    /// Names and values that belong together, such as one product of an order. For duplicate names,
    /// the last value wins.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl Value<'_> {
    /// Whether it is a blank text.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if is_blank(text))
    }

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
        NestedValue { value: self, depth: 0 }.serialize(serializer)
    }
}

/// A value with the number of lists and objects around it.
struct NestedValue<'v, 'a> {
    value: &'v Value<'a>,
    depth: usize,
}

impl Serialize for NestedValue<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if matches!(self.value, Value::List(_) | Value::Object(_)) && self.depth == MAX_DEPTH {
            return Err(S::Error::custom(TOO_DEEP));
        }
        let inner = self.depth + 1;
        if !serializer.is_human_readable() {
            let variant = Variant(serializer);
            return match self.value {
                Value::Flag(flag) => variant.write(0, "Flag", flag),
                Value::Number(number) => variant.write(1, "Number", number),
                Value::Text(text) => variant.write(2, "Text", text),
                Value::Time(at) => variant.write(3, "Time", at),
                Value::List(values) => variant.write(4, "List", &InnerList(values, inner)),
                Value::Object(fields) => variant.write(5, "Object", &ObjectFields(fields, inner)),
            };
        }
        match self.value {
            Value::Flag(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) if is_safe(*number) => serializer.serialize_f64(*number),
            Value::Number(number) => one_field(serializer, "bits", number.to_bits()),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Time(at) => one_field(serializer, "millis", at.millis()),
            Value::List(values) => InnerList(values, inner).serialize(serializer),
            Value::Object(fields) => ObjectFields(fields, inner).serialize(serializer),
        }
    }
}

/// A serializer of one of the variants of [`Value`].
struct Variant<S>(S);

impl<S: Serializer> Variant<S> {
    fn write<T: Serialize + ?Sized>(
        self,
        index: u32,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant("Value", index, name, value)
    }
}

fn one_field<S: Serializer>(
    serializer: S,
    name: &str,
    value: impl Serialize,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, &value)?;
    map.end()
}

/// The values of a list, and how deep they lie.
struct InnerList<'v, 'a>(&'v [Value<'a>], usize);

impl Serialize for InnerList<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(values, depth) = *self;
        let mut list = serializer.serialize_seq(Some(values.len()))?;
        values
            .iter()
            .try_for_each(|value| list.serialize_element(&NestedValue { value, depth }))?;
        list.end()
    }
}

/// Names and values: the fields of an object, or the properties of an event.
pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// The fields of an object, and how deep they lie.
struct ObjectFields<'v, 'a>(&'v [(Cow<'a, str>, Value<'a>)], usize);

impl Serialize for ObjectFields<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(fields, depth) = *self;
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        let mut write =
            |(name, value): &(_, _)| map.serialize_entry(name, &NestedValue { value, depth });
        fields.iter().try_for_each(&mut write)?;
        map.end()
    }
}

const TOO_DEEP: &str = "value nested too deep; at most 64 lists and objects within each other";

impl<'de> Deserialize<'de> for Value<'_> {
    /// Copies the texts, so that a value can be read from any source.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Depth(0).deserialize(deserializer).map(|read| read.0)
    }
}

/// The number of lists and objects around the value to be read.
#[derive(Clone, Copy)]
struct Depth(usize);

/// A value, and the whole number it was written as in a format for people: the milliseconds of a moment,
/// or the bits of a number.
type ReadValue = (Value<'static>, Option<i128>);

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = ReadValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReadValue, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(self)
        } else {
            const VARIANTS: &[&str] = &["Flag", "Number", "Text", "Time", "List", "Object"];
            deserializer.deserialize_enum("Value", VARIANTS, self)
        }
    }
}

#[derive(Deserialize)]
#[serde(variant_identifier)]
enum Tag {
    Flag,
    Number,
    Text,
    Time,
    List,
    Object,
}

/// The values of a list, or the fields of an object, in a binary format.
enum Inside {
    List(Depth),
    Object(Depth),
}

impl<'de> DeserializeSeed<'de> for Inside {
    type Value = ReadValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReadValue, D::Error> {
        match self {
            Self::List(depth) => deserializer.deserialize_seq(depth),
            Self::Object(depth) => deserializer.deserialize_map(depth),
        }
    }
}

impl Depth {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.0 < MAX_DEPTH { Ok(Self(self.0 + 1)) } else { Err(E::custom(TOO_DEEP)) }
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = ReadValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true, false, a list or an object")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<ReadValue, E> {
        Ok((flag.into(), None))
    }

    fn visit_i64<E>(self, number: i64) -> Result<ReadValue, E> {
        Ok((number.into(), Some(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<ReadValue, E> {
        Ok((number.into(), Some(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<ReadValue, E> {
        Ok((number.into(), None))
    }

    fn visit_str<E>(self, text: &str) -> Result<ReadValue, E> {
        Ok((text.to_owned().into(), None))
    }

    fn visit_string<E>(self, text: String) -> Result<ReadValue, E> {
        Ok((text.into(), None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ReadValue, A::Error> {
        let (inner, mut values) = (self.deeper()?, Vec::new());
        while let Some((value, _)) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok((Value::List(values), None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadValue, A::Error> {
        let (inner, mut fields, mut last) = (self.deeper()?, Vec::new(), None);
        while let Some(name) = map.next_key::<Cow<'static, str>>()? {
            let (value, whole) = map.next_value_seed(inner)?;
            fields.push((name, value));
            last = whole;
        }
        let value = match (fields.as_slice(), last) {
            ([(name, _)], Some(whole)) => match &**name {
                "millis" => i64::try_from(whole).ok().map(|ms| Timestamp::from_millis(ms).into()),
                "bits" => u64::try_from(whole).ok().map(|bits| f64::from_bits(bits).into()),
                _ => None,
            },
            _ => None,
        };
        Ok((value.unwrap_or(Value::Object(fields)), None))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<ReadValue, A::Error> {
        let (tag, data) = data.variant()?;
        let value = match tag {
            Tag::Flag => Value::Flag(data.newtype_variant()?),
            Tag::Number => Value::Number(data.newtype_variant()?),
            Tag::Text => Value::Text(data.newtype_variant()?),
            Tag::Time => Value::Time(data.newtype_variant()?),
            Tag::List => return data.newtype_variant_seed(Inside::List(self)),
            Tag::Object => return data.newtype_variant_seed(Inside::Object(self)),
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
    fn every_value_survives_json_and_a_format_without_names() {
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
            Value::from(0.1 + 0.2),
            Value::from(f64::INFINITY),
            Value::from([("bits", Value::from(2))]),
        ]);
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(
            json,
            r#"[true,0.1,"1",{"millis":-5},[],{"tags":[],"n":2.0},{"millis":2.0,"n":3.0},{"millis":"soon"},{},{"bits":4599075939470750516},{"bits":9218868437227405312},{"bits":2.0}]"#
        );
        assert_eq!(serde_json::from_str::<Value<'_>>(&json).unwrap(), all);
        let bytes = postcard::to_stdvec(&all).unwrap();
        assert_eq!(postcard::from_bytes::<Value<'_>>(&bytes).unwrap(), all);
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
        assert!(postcard::to_stdvec(&deep(65)).is_err());
        // Variant 4 is a list; of length 1, which holds a list of length 1, …
        let endless = [4, 1].repeat(100_000);
        assert!(postcard::from_bytes::<Value<'_>>(&endless).is_err());
    }
}
