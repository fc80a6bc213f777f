//! Floats that keep their bits in every serde format, JSON included.
//!
//! A JSON reader need not return the float that was written: serde_json without its feature
//! `float_roundtrip` reads every tenth double one unit in the last place off, and NaN becomes null. A
//! field with `#[serde(with = "crate::num::exact")]` writes each float in it, however deep, as a number
//! where every reader reads that number right, and else as its shortest text: `0.5`, but
//! `"0.30000000000000004"`. Reading takes both. Formats that are not meant for people store the bits of a
//! float and are left alone.
//!
//! **Which numbers are safe.** A reader that computes digits × 10ᵉ in doubles is right if the digits,
//! taken as a whole number, are below 2⁵³ and |e| ≤ 22, as both are then exact and one rounding remains.
//! At most 15 significant digits and a magnitude in [1e-7, 1e14) give that in whichever way the number is
//! printed (Clinger 1990).

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Deserialize, Serialize, Serializer};

/// Writes a value whose floats keep their bits.
pub(crate) fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + ?Sized,
    S: Serializer,
{
    if serializer.is_human_readable() {
        value.serialize(Writer(serializer))
    } else {
        value.serialize(serializer)
    }
}

/// Reads a value that [`serialize`] wrote, or one with plain numbers.
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    if deserializer.is_human_readable() {
        T::deserialize(ExactReader(deserializer))
    } else {
        T::deserialize(deserializer)
    }
}

/// Whether every reader of decimal numbers reads this one right.
pub(crate) fn is_safe(number: f64) -> bool {
    if number == 0.0 {
        return true;
    }
    if !(1e-7..1e14).contains(&number.abs()) {
        return false;
    }
    let shortest = format!("{:e}", number.abs());
    let digits = shortest.split('e').next().unwrap_or_default();
    digits.bytes().filter(u8::is_ascii_digit).count() <= 15
}

/// A serializer, or a part of one, that writes unsafe floats as text.
struct Writer<S>(S);

/// A value to be written by a [`Writer`].
struct WithinWriter<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for WithinWriter<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Writer(serializer))
    }
}

/// Methods that pass their arguments on.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<$result, S::Error> {
            self.0.$method($($argument),*)
        })*
    };
}

/// Methods that begin a compound value.
macro_rules! begin {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ident;)*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<Self::$result, S::Error> {
            self.0.$method($($argument),*).map(Writer)
        })*
    };
}

impl<S: Serializer> Serializer for Writer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Writer<S::SerializeSeq>;
    type SerializeTuple = Writer<S::SerializeTuple>;
    type SerializeTupleStruct = Writer<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Writer<S::SerializeTupleVariant>;
    type SerializeMap = Writer<S::SerializeMap>;
    type SerializeStruct = Writer<S::SerializeStruct>;
    type SerializeStructVariant = Writer<S::SerializeStructVariant>;

    fn serialize_f64(self, number: f64) -> Result<S::Ok, S::Error> {
        if is_safe(number) {
            self.0.serialize_f64(number)
        } else {
            self.0.collect_str(&format_args!("{number:?}"))
        }
    }

    pass_on! {
        serialize_bool(v: bool) -> S::Ok;
        serialize_i8(v: i8) -> S::Ok;
        serialize_i16(v: i16) -> S::Ok;
        serialize_i32(v: i32) -> S::Ok;
        serialize_i64(v: i64) -> S::Ok;
        serialize_i128(v: i128) -> S::Ok;
        serialize_u8(v: u8) -> S::Ok;
        serialize_u16(v: u16) -> S::Ok;
        serialize_u32(v: u32) -> S::Ok;
        serialize_u64(v: u64) -> S::Ok;
        serialize_u128(v: u128) -> S::Ok;
        serialize_f32(v: f32) -> S::Ok;
        serialize_char(v: char) -> S::Ok;
        serialize_str(v: &str) -> S::Ok;
        serialize_bytes(v: &[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(name: &'static str) -> S::Ok;
        serialize_unit_variant(name: &'static str, i: u32, variant: &'static str) -> S::Ok;
    }

    begin! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(
            name: &'static str, i: u32, variant: &'static str, len: usize
        ) -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(
            name: &'static str, i: u32, variant: &'static str, len: usize
        ) -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&WithinWriter(value))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &WithinWriter(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        i: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, i, variant, &WithinWriter(value))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A compound value that is written element by element.
macro_rules! elements {
    ($($trait:ident::$method:ident($($key:ident)?);)*) => {
        $(impl<S: $trait> $trait for Writer<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), S::Error> {
                self.0.$method($($key,)? &WithinWriter(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(key);
    SerializeStructVariant::serialize_field(key);
}

impl<S: SerializeMap> SerializeMap for Writer<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(&WithinWriter(key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&WithinWriter(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// A deserializer, a visitor, or what they hand to each other, that reads floats from text too.
struct ExactReader<D>(D);

macro_rules! visits {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* ExactReader(visitor))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ExactReader<D> {
    type Error = D::Error;

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Float(visitor))
    }

    visits! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visited {
    ($($method:ident($type:ty);)*) => {
        $(fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ExactReader<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visited! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(ExactReader(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(ExactReader(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(ExactReader(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(ExactReader(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(ExactReader(data))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for ExactReader<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        self.0.deserialize(ExactReader(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for ExactReader<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(ExactReader(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for ExactReader<A> {
    type Error = A::Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.0.next_key_seed(ExactReader(seed))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(ExactReader(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for ExactReader<A> {
    type Error = A::Error;
    type Variant = ExactReader<A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        self.0.variant_seed(ExactReader(seed)).map(|(value, variant)| (value, ExactReader(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for ExactReader<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.0.newtype_variant_seed(ExactReader(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, ExactReader(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, ExactReader(visitor))
    }
}

/// Reads one float.
struct Float<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Float<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or the text of one")
    }

    visited! {
        visit_f64(f64);
        visit_i64(i64);
        visit_u64(u64);
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<V::Value, E> {
        match text.parse() {
            Ok(number) => self.0.visit_f64(number),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// One of every shape that serde knows.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        Newtype(f64),
        Tuple(f64, i32),
        Struct { x: f64, y: Option<f64> },
    }

    type Values = (Vec<Shape>, [f64; 2], BTreeMap<String, f64>, char, ndarray::Array2<f64>);

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Exact {
        #[serde(with = "super")]
        values: Values,
    }

    fn exact(x: f64) -> Exact {
        let y = Some(x);
        let shapes = vec![
            Shape::Unit,
            Shape::Newtype(x),
            Shape::Tuple(x, 3),
            Shape::Struct { x, y },
            Shape::Struct { x, y: None },
        ];
        let map = BTreeMap::from([("a".to_owned(), x)]);
        Exact { values: (shapes, [x, -x], map, 'c', ndarray::array![[x, 1.0]]) }
    }

    #[test]
    fn a_short_number_stays_a_number_and_a_long_one_becomes_text() {
        let json = |x: f64| {
            let mut json = Vec::new();
            serialize(&x, &mut serde_json::Serializer::new(&mut json)).unwrap();
            String::from_utf8(json).unwrap()
        };
        assert_eq!(json(0.5), "0.5");
        assert_eq!(json(-12345.0), "-12345.0");
        assert_eq!(json(0.1 + 0.2), "\"0.30000000000000004\"");
        assert_eq!(json(1e300), "\"1e300\"");
        assert_eq!(json(f64::NEG_INFINITY), "\"-inf\"");
        assert_eq!(json(-0.0), "-0.0");
    }

    #[test]
    fn a_text_that_is_not_a_number_is_an_error() {
        let read =
            |json: &str| deserialize::<f64, _>(&mut serde_json::Deserializer::from_str(json)).ok();
        assert_eq!(read("\"0.5\""), Some(0.5));
        assert_eq!(read("3"), Some(3.0));
        assert_eq!(read("\"half\""), None);
        assert_eq!(read("null"), None);
    }

    proptest! {
        #[test]
        fn every_float_in_every_shape_keeps_its_bits(x in any::<f64>()) {
            let value = exact(x);
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Exact>(&json).unwrap(), &value);
            let bytes = postcard::to_stdvec(&value).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Exact>(&bytes).unwrap(), &value);
        }

        /// As readers do that multiply or divide by a power of ten.
        #[test]
        fn a_sloppy_reader_reads_every_safe_number_right(digits in 0u64..1 << 50, e in -21i32..6) {
            let x: f64 = format!("{digits}e{e}").parse().unwrap();
            prop_assume!(is_safe(x));
            let printed = serde_json::to_string(&x).unwrap();
            let (mantissa, exponent) = printed.split_once('e').unwrap_or((&printed, "0"));
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let significand: u64 = format!("{whole}{fraction}").parse().unwrap();
            let exponent = exponent.parse::<i32>().unwrap() - fraction.len() as i32;
            let power = 10f64.powi(exponent.abs());
            let read = significand as f64;
            let read = if exponent < 0 { read / power } else { read * power };
            prop_assert_eq!(read.to_bits(), x.to_bits());
        }
    }
}
