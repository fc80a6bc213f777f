//! JSON values, one by one, as serde_json finds them.
//!
//! A text is read in one pass, without a tree: a [`Sink`] gets each value, and goes down into lists
//! and objects if it wants what is in them. Sinks bound the depth; what they skip is read over
//! without recursion. Texts without escapes are borrowed.
//!
//! serde_json gives up a whole text for one value that it cannot represent, such as `1e999` or half a
//! surrogate pair, and it rounds whole numbers of more than 64 bits. So there are two ways through a
//! text. [`Care::Whole`] lets serde_json say what each value is. It fails for such a value, and then
//! [`Care::EachValue`] reads the text again: serde_json finds where each value ends
//! ([`RawValue`]), and each is read on its own, so that only the bad one is lost. The results are the
//! same, whatever features of serde_json other crates of the program switch on.
//!
//! Cost: one pass over the bytes. [`Care::EachValue`] passes over a value once for each list or
//! object around it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::plain::{self, Plain};

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Care {
    /// At full speed; an error where a value cannot be represented.
    Whole,
    /// Value by value, so that one that cannot be represented is [`Plain::Broken`].
    EachValue,
}

/// Reads one value.
pub(super) trait Sink<'a>: Sized {
    /// A value without parts, or one that was skipped.
    fn plain(self, value: Plain<'a>);

    /// A list; must be read to its end. By default it is skipped.
    fn list<A: SeqAccess<'a>>(self, list: &mut List<A>) -> Result<(), A::Error> {
        let n_values = list.skip()?;
        self.plain(Plain::List(n_values));
        Ok(())
    }

    /// An object; must be read to its end. By default it is skipped.
    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        object.skip()?;
        self.plain(Plain::Object);
        Ok(())
    }
}

/// Reads a text that is one JSON value.
pub(super) fn read<'a>(text: &'a str, care: Care, sink: impl Sink<'a>) -> serde_json::Result<()> {
    match care {
        Care::Whole => read_whole(text, care, sink),
        // Checks the form of all of it first.
        Care::EachValue => read_alone(serde_json::from_str::<&RawValue>(text)?.get(), sink),
    }
}

fn read_whole<'a>(text: &'a str, care: Care, sink: impl Sink<'a>) -> serde_json::Result<()> {
    let mut input = serde_json::Deserializer::from_str(text);
    input.deserialize_any(SinkSeed { sink, care })?;
    input.end()
}

/// Returns the texts of the values of a list.
pub(super) fn values(list: &str) -> serde_json::Result<Vec<&str>> {
    let values: Vec<&RawValue> = serde_json::from_str(list)?;
    Ok(values.into_iter().map(RawValue::get).collect())
}

/// The byte at which a text stops being JSON; its last byte if it breaks off.
pub(super) fn byte_of(error: &serde_json::Error, text: &str) -> usize {
    let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    let before = error.line().saturating_sub(2);
    let line_start = match error.line() {
        0 | 1 => 0,
        _ => line_ends.map(|(at, _)| at + 1).nth(before).unwrap_or(text.len()),
    };
    // Columns are bytes, from 1; 0 after the end of a line.
    (line_start + error.column()).saturating_sub(1)
}

/// A list that is being read.
pub(super) struct List<A> {
    access: A,
    care: Care,
}

impl<'a, A: SeqAccess<'a>> List<A> {
    /// Reads the next value, if there is one.
    #[inline]
    pub(super) fn next(&mut self, sink: impl Sink<'a>) -> Result<bool, A::Error> {
        let care = self.care;
        Ok(match care {
            Care::Whole => self.access.next_element_seed(SinkSeed { sink, care })?.is_some(),
            Care::EachValue => match self.access.next_element::<&RawValue>()? {
                Some(raw) => {
                    read_alone(raw.get(), sink).map(|()| true).map_err(A::Error::custom)?
                }
                None => false,
            },
        })
    }

    /// Skips the rest, and returns how many values there were.
    pub(super) fn skip(&mut self) -> Result<usize, A::Error> {
        let mut n_values = 0;
        while self.access.next_element::<IgnoredAny>()?.is_some() {
            n_values += 1;
        }
        Ok(n_values)
    }
}

/// An object that is being read: a key, then its value.
pub(super) struct Object<A> {
    access: A,
    care: Care,
}

impl<'a, A: MapAccess<'a>> Object<A> {
    /// Reads the next key, if there is one. Half a surrogate pair in it is read as U+FFFD.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<Cow<'a, str>>, A::Error> {
        match self.care {
            Care::Whole => self.access.next_key_seed(ObjectKey),
            Care::EachValue => {
                let raw = self.access.next_key::<&RawValue>()?;
                Ok(raw.map(|raw| {
                    plain::text(raw.get()).unwrap_or_else(|| plain::lossy_text(raw.get()))
                }))
            }
        }
    }

    /// Reads the value of the key.
    #[inline]
    pub(super) fn value(&mut self, sink: impl Sink<'a>) -> Result<(), A::Error> {
        let care = self.care;
        match care {
            Care::Whole => self.access.next_value_seed(SinkSeed { sink, care }),
            Care::EachValue => {
                let raw = self.access.next_value::<&RawValue>()?;
                read_alone(raw.get(), sink).map_err(A::Error::custom)
            }
        }
    }

    /// Returns the text of the value of the key.
    pub(super) fn raw(&mut self) -> Result<&'a str, A::Error> {
        self.access.next_value::<&RawValue>().map(RawValue::get)
    }

    /// Skips the value of the key.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Result<(), A::Error> {
        self.access.next_value::<IgnoredAny>().map(|IgnoredAny| ())
    }

    /// Skips the rest.
    pub(super) fn skip(&mut self) -> Result<(), A::Error> {
        while self.key()?.is_some() {
            self.skip_value()?;
        }
        Ok(())
    }
}

/// A value to be read by a sink.
struct SinkSeed<S> {
    sink: S,
    care: Care,
}

impl<'a, S: Sink<'a>> DeserializeSeed<'a> for SinkSeed<S> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// From here on, serde_json may have rounded a whole number: 2⁶³.
const FIRST_ROUNDED: f64 = 9_223_372_036_854_775_808.0;

/// serde_json's feature `arbitrary_precision` makes each number an object with this key.
const NUMBER_KEY: &str = "$serde_json::private::Number";

impl<'a, S: Sink<'a>> Visitor<'a> for SinkSeed<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    #[inline]
    fn visit_unit<E>(self) -> Result<(), E> {
        self.sink.plain(Plain::Null);
        Ok(())
    }

    #[inline]
    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.sink.plain(Plain::Flag(flag));
        Ok(())
    }

    #[inline]
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.sink.plain(Plain::Natural(number));
        Ok(())
    }

    #[inline]
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.sink.plain(Plain::Negative(number));
        Ok(())
    }

    #[inline]
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        if number.abs() >= FIRST_ROUNDED {
            return Err(E::custom("a number that may have been rounded"));
        }
        self.sink.plain(Plain::Number(number));
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.sink.plain(Plain::Text(Cow::Borrowed(text)));
        Ok(())
    }

    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.sink.plain(Plain::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'a>>(self, access: A) -> Result<(), A::Error> {
        self.sink.list(&mut List { access, care: self.care })
    }

    #[inline]
    fn visit_map<A: MapAccess<'a>>(self, access: A) -> Result<(), A::Error> {
        self.sink.object(&mut Object { access, care: self.care })
    }
}

/// A key of an object.
struct ObjectKey;

impl<'a> DeserializeSeed<'a> for ObjectKey {
    type Value = Cow<'a, str>;

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Cow<'a, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for ObjectKey {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    #[inline]
    fn visit_borrowed_str<E: serde::de::Error>(self, key: &'a str) -> Result<Cow<'a, str>, E> {
        if key == NUMBER_KEY {
            return Err(E::custom("a number, not an object"));
        }
        Ok(Cow::Borrowed(key))
    }

    #[inline]
    fn visit_str<E>(self, key: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Reads one value whose form was checked.
fn read_alone<'a>(raw: &'a str, sink: impl Sink<'a>) -> serde_json::Result<()> {
    if let [b'[' | b'{', ..] = raw.as_bytes() {
        return read_whole(raw, Care::EachValue, sink);
    }
    sink.plain(Plain::read(raw));
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Tree, json};

    use super::*;

    /// A text read as a tree, and whether something in it has no place in a tree of serde_json: it is
    /// broken, or it is a whole number of more than 64 bits.
    #[derive(Debug, Default, PartialEq)]
    struct Got {
        tree: Tree,
        is_broken: bool,
        is_long: bool,
    }

    impl<'a> Sink<'a> for &mut Got {
        fn plain(self, value: Plain<'a>) {
            self.is_broken |= value == Plain::Broken;
            self.is_long |= matches!(value, Plain::Digits(_));
            self.is_long |= matches!(value, Plain::Number(n) if n.abs() >= FIRST_ROUNDED);
            self.tree = match value {
                Plain::Null | Plain::Broken => Tree::Null,
                Plain::Flag(flag) => json!(flag),
                Plain::Natural(number) => json!(number),
                Plain::Negative(number) => json!(number),
                Plain::Digits(digits) => json!(digits.parse::<f64>().unwrap()),
                Plain::Number(number) => json!(number),
                Plain::Text(text) => json!(text),
                Plain::List(_) | Plain::Object => panic!("skipped"),
            };
        }

        fn list<A: SeqAccess<'a>>(self, list: &mut List<A>) -> Result<(), A::Error> {
            let mut values = Vec::new();
            while list.next(&mut *self)? {
                values.push(self.tree.take());
            }
            self.tree = values.into();
            Ok(())
        }

        fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
            let mut fields = serde_json::Map::new();
            while let Some(key) = object.key()? {
                self.is_broken |= key.contains('\u{fffd}');
                object.value(&mut *self)?;
                fields.insert(key.into_owned(), self.tree.take());
            }
            self.tree = fields.into();
            Ok(())
        }
    }

    /// Skips what it gets.
    struct Skip;

    impl<'a> Sink<'a> for Skip {
        fn plain(self, _: Plain<'a>) {}
    }

    fn got(text: &str, care: Care) -> Option<Got> {
        let mut got = Got::default();
        read(text, care, &mut got).ok().map(|()| got)
    }

    /// What is read is what serde_json reads; what it refuses is refused, or is broken. Both ways
    /// through a text say the same, as far as the fast one says something.
    fn check(text: &str) {
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        assert_eq!(read(text, Care::EachValue, Skip).is_ok(), is_json, "{text}");
        let (fast, careful) = (got(text, Care::Whole), got(text, Care::EachValue));
        assert_eq!(careful.is_some(), is_json, "{text}");
        let Some(careful) = careful else { return assert_eq!(fast, None, "{text}") };
        if !careful.is_broken {
            assert_eq!(Some(&careful.tree), serde_json::from_str(text).ok().as_ref(), "{text}");
        }
        match fast {
            Some(fast) => assert_eq!(fast, careful, "{text}"),
            None => assert!(careful.is_broken || careful.is_long, "{text}"),
        }
    }

    #[test]
    fn every_short_text_is_json_if_serde_json_says_so() {
        const BYTES: [char; 10] = ['{', '}', '[', ']', ',', ':', '"', '0', '-', ' '];
        for len in 0..=4 {
            for n in 0..BYTES.len().pow(len) {
                let byte = |i| BYTES[n / BYTES.len().pow(i) % BYTES.len()];
                check(&(0..len).map(byte).collect::<String>());
            }
        }
    }

    #[test]
    fn numbers_and_texts_are_json_if_serde_json_says_so() {
        for text in [
            "0",
            "-0",
            "1.0",
            "1e2",
            "-2.5E-1",
            "1e-999",
            "1e999",
            "1e20",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "-",
            "01",
            "-01",
            "1.",
            ".5",
            "+1",
            "1e",
            "1e+",
            "0x1",
            "1.e5",
            "Infinity",
            "NaN",
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""\ude00""#,
            r#""\ud83d\n""#,
            r#""\u00e9\/\\\"""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\x""#,
            r#""\"#,
            "\"\u{1f}\"",
            "\"\t\"",
            "\"a",
        ] {
            check(text);
        }
    }

    #[test]
    fn texts_of_any_length_end_at_their_quote() {
        for start in 0..70 {
            for len in (0..4).chain(55..75).chain(120..135) {
                for end in ["", "\u{e9}", r"\n", r#"\""#, "\u{0}"] {
                    let (pad, text) = (" ".repeat(start), "x".repeat(len));
                    check(&format!("{pad}[\"{text}{end}\",\"{text}\"]"));
                    check(&format!("{pad}[\"{text}{end}"));
                }
            }
        }
    }

    #[test]
    fn a_key_keeps_what_can_be_read_of_it() {
        for (key, expected) in [
            (r"a\ud83db", "a\u{fffd}b"),
            (r"\ud83d\ude00\ude00\n", "\u{1f600}\u{fffd}\n"),
            ("\u{e9}\\udc00\u{d7ff}", "\u{e9}\u{fffd}\u{d7ff}"),
            (NUMBER_KEY, NUMBER_KEY),
        ] {
            let text = format!(r#"{{"{key}":"5"}}"#);
            assert_eq!(got(&text, Care::EachValue).unwrap().tree, json!({ expected: "5" }));
        }
    }

    #[test]
    fn an_error_says_at_which_byte_the_text_stops_being_json() {
        for (text, at) in [
            ("", 0),
            ("   ", 2),
            (r#"{"type" "#, 7),
            ("{\n\"type\": tru }", 13),
            // A control character in a text: the byte before it.
            ("{\"a\":\"b\nc\"}", 6),
            ("{\"a\":1,}", 7),
            ("\n\n[1 2]", 5),
            ("[]\n\n", 0),
            ("{} x", 3),
        ] {
            for care in [Care::Whole, Care::EachValue] {
                let error = read(text, care, Skip);
                let got = error.as_ref().map_err(|error| byte_of(error, text)).err();
                assert_eq!(got, Some(at).filter(|_| text != "[]\n\n"), "{text:?}");
            }
        }
    }

    /// Parts of JSON and what looks like them.
    fn any_text() -> impl Strategy<Value = String> {
        let parts = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "\"",
            "\\",
            "{\"a\":",
            "\"b\"",
            "\"\u{e9}\"",
            "\\u00e9",
            "\\ud800",
            "\\udc00",
            "1",
            "-0",
            "0.5",
            "e7",
            "1e999",
            "true",
            "false",
            "null",
            "nul",
            "\u{7f}",
            "\u{1}",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "[1,2]",
            "{}",
            ",\"c\":",
        ];
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..12)
            .prop_map(|parts| parts.concat())
    }

    /// Any JSON.
    fn any_tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            Just(Tree::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f64>().prop_map(|number| json!(number)),
            "\\PC{0,3}|[a-z\"\\\\\n]{0,80}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let name = "[abc]|\\PC{0,3}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(name, inner, 0..4)
                    .prop_map(|map| Tree::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn odd_texts_are_read_as_serde_json_reads_them(text in any_text()) {
            check(&text);
        }

        #[test]
        fn json_is_read_as_it_was_written(
            tree in any_tree(),
            cut in any::<prop::sample::Index>(),
            byte in 0u8..128,
        ) {
            for text in [tree.to_string(), format!("{tree:#}")] {
                check(&text);
                let mut bytes = text.into_bytes();
                let place = cut.index(bytes.len());
                bytes[place] = byte;
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    check(text);
                }
                if let Ok(text) = std::str::from_utf8(&bytes[..place]) {
                    check(text);
                }
            }
        }
    }
}
