//! Values without parts: null, flags, numbers and texts.
//!
//! Whole numbers keep all their digits. A number beyond `f64` and a text with half a surrogate pair are
//! JSON that no value can represent.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Visitor};

use crate::Value;

/// A value that has no parts, or a list or an object that was skipped.
#[derive(Debug, PartialEq)]
pub(super) enum Plain<'a> {
    Null,
    Flag(bool),
    /// A whole number.
    Natural(u64),
    /// A whole number below zero.
    Negative(i64),
    /// The digits of a whole number beyond 64 bits.
    Digits(&'a str),
    Number(f64),
    Text(Cow<'a, str>),
    /// A number beyond `f64`, or a text with half a surrogate pair.
    Broken,
    /// A list of so many values.
    List(usize),
    Object,
}

impl<'a> Plain<'a> {
    /// Reads a value that is neither a list nor an object, from valid JSON without space around it.
    pub(super) fn read(json: &'a str) -> Self {
        match json.as_bytes() {
            [b'"', ..] => text(json).map_or(Self::Broken, Self::Text),
            [b'n', ..] => Self::Null,
            [b't', ..] => Self::Flag(true),
            [b'f', ..] => Self::Flag(false),
            _ => number(json),
        }
    }

    /// The value as a property has it; `None` for null and for what was not read.
    #[inline]
    pub(super) fn value(self) -> Option<Value<'a>> {
        Some(match self {
            Self::Null | Self::Broken | Self::List(_) | Self::Object => return None,
            Self::Flag(flag) => flag.into(),
            Self::Natural(number) => number.into(),
            Self::Negative(number) => number.into(),
            Self::Digits(digits) => digits.into(),
            Self::Number(number) => number.into(),
            Self::Text(text) => Value::Text(text),
        })
    }
}

fn number(json: &str) -> Plain<'_> {
    if let Ok(number) = json.parse() {
        return Plain::Natural(number);
    }
    match json.parse() {
        // Minus zero is not an integer.
        Ok(number @ ..0) => return Plain::Negative(number),
        Err(_) if json.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
            return Plain::Digits(json);
        }
        _ => {}
    }
    match json.parse::<f64>() {
        Ok(number) if number.is_finite() => Plain::Number(number),
        _ => Plain::Broken,
    }
}

/// The text between quotes; `None` if it has half a surrogate pair.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    if json.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    json.get(1..json.len().saturating_sub(1)).map(Cow::Borrowed)
}

/// The text between quotes, with U+FFFD for each half of a surrogate pair.
pub(super) fn lossy_text(json: &str) -> Cow<'static, str> {
    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            let mut text = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                text.push_str(chunk.valid());
                // serde_json writes a half as the three bytes that UTF-8 would have for it, ED first.
                if chunk.invalid().first() == Some(&0xed) {
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            Ok(text)
        }
    }

    let text = serde_json::Deserializer::from_str(json).deserialize_bytes(Bytes);
    Cow::Owned(text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_if_they_are_written_so_and_fit() {
        for (text, expected) in [
            ("0", Plain::Natural(0)),
            ("18446744073709551615", Plain::Natural(u64::MAX)),
            ("18446744073709551616", Plain::Digits("18446744073709551616")),
            ("-1", Plain::Negative(-1)),
            ("-9223372036854775808", Plain::Negative(i64::MIN)),
            ("-9223372036854775809", Plain::Digits("-9223372036854775809")),
            ("-0", Plain::Number(-0.0)),
            ("1.0", Plain::Number(1.0)),
            ("1e2", Plain::Number(100.0)),
            ("-2.5E-1", Plain::Number(-0.25)),
            ("1e-999", Plain::Number(0.0)),
            ("1e20", Plain::Number(1e20)),
            ("1e999", Plain::Broken),
            ("-1e999", Plain::Broken),
        ] {
            assert_eq!(Plain::read(text), expected, "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_json_but_not_a_text() {
        for (escapes, expected) in [
            (r"\ud83d\ude00", Some("\u{1f600}")),
            (r"\uD83D\uDE00!", Some("\u{1f600}!")),
            (r#"\u00e9\n\/\\\""#, Some("\u{e9}\n/\\\"")),
            (r"\ud83d", None),
            (r"\ude00", None),
            (r"\ud83d\ud83d\ude00", None),
            (r"\ud83d\n", None),
            (r"\ud83dx\ude00", None),
        ] {
            let text = format!("\"{escapes}\"");
            let expected = expected.map_or(Plain::Broken, |text| Plain::Text(text.into()));
            assert_eq!(Plain::read(&text), expected, "{text}");
        }
    }
}
