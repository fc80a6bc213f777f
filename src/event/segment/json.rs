//! JSON, read value by value out of a text.
//!
//! The caller asks for what comes next and goes down into lists and objects by asking again, so that
//! there is no tree and no recursion here. Texts without escapes are borrowed. What is skipped is
//! checked for its form and no more; a number beyond any `f64` and a text that is half a character
//! are JSON, and nothing that could be read.
//!
//! Own code, since a deserializer gives up the whole text for such a number or half a character, and
//! the events around it should not be lost. serde_json is the oracle: what counts as JSON is what it
//! takes for it, and so are the values. By it, a call of 540 bytes took half as long again.
//!
//! Between functions go only values that fit registers: what goes through memory in pieces and comes
//! back whole makes the CPU wait.
//!
//! Cost: one pass over the bytes.

use std::borrow::Cow;

use super::quoted::{escape_len, marks, unescaped};
use crate::Value;

/// The text is no JSON from here on.
#[derive(Debug, PartialEq)]
pub(super) struct NotJson;

type Result<T> = std::result::Result<T, NotJson>;

/// What comes next.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Flag(bool),
    Natural(u64),
    Negative(i64),
    Number(f64),
    Text(Cow<'a, str>),
    /// A number beyond `f64`, or a text with half a surrogate pair.
    Broken,
    /// A list begins; [`Json::item`] goes to its next value.
    List,
    /// An object begins; [`Json::key`] goes to its next field.
    Object,
}

impl<'a> Token<'a> {
    /// As a property has it; nothing for what has no value of its own.
    pub(super) fn value(self) -> Option<Value<'a>> {
        Some(match self {
            Self::Null | Self::Broken | Self::List | Self::Object => return None,
            Self::Flag(flag) => Value::Flag(flag),
            Self::Natural(number) => Value::Number(number as f64),
            Self::Negative(number) => Value::Number(number as f64),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(text),
        })
    }
}

/// What kind of value comes next; small enough for a register.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Null,
    True,
    False,
    Whole,
    Fraction,
    Text,
    List,
    Object,
}

/// A text of JSON, and the place in it.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// Whether a list or an object was opened and nothing of it was read.
    is_fresh: bool,
    /// Where the text, the name or the number is that was read last, as it is written.
    last: (usize, usize),
    has_escapes: bool,
    /// The number of a block of bytes, and which of them are no plain bytes of a text.
    marks: (usize, u64),
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let marks = (usize::MAX, 0);
        Self { text, at: 0, is_fresh: false, last: (0, 0), has_escapes: false, marks }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.step() {
            Ok(_) => Err(NotJson),
            Err(NotJson) => Ok(()),
        }
    }

    /// The place of the last byte that was read: where it breaks, if it does.
    pub(super) fn last_byte(&self) -> usize {
        self.at.min(self.text.len()).saturating_sub(1)
    }

    /// Reads the next value; of a list or an object, that it begins.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Result<Token<'a>> {
        Ok(match self.kind()? {
            Kind::Text if !self.has_escapes => Token::Text(Cow::Borrowed(self.last())),
            Kind::Text => match unescaped(self.last()) {
                (text, true) => Token::Text(Cow::Owned(text)),
                (_, false) => Token::Broken,
            },
            Kind::Whole => whole(self.last()),
            Kind::Fraction => fraction(self.last()),
            Kind::List => Token::List,
            Kind::Object => Token::Object,
            Kind::Null => Token::Null,
            Kind::True => Token::Flag(true),
            Kind::False => Token::Flag(false),
        })
    }

    /// Goes to the next field of an object and reads its name, or leaves the object. Half a surrogate
    /// pair in a name is read as U+FFFD.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Option<Cow<'a, str>>> {
        Ok(match self.field()? {
            false => None,
            true if !self.has_escapes => Some(Cow::Borrowed(self.last())),
            true => Some(Cow::Owned(unescaped(self.last()).0)),
        })
    }

    /// Goes to the next value of a list, or leaves the list: whether there is one.
    #[inline]
    pub(super) fn item(&mut self) -> Result<bool> {
        let is_first = std::mem::take(&mut self.is_fresh);
        match self.step()? {
            b']' => Ok(false),
            b',' if !is_first => Ok(true),
            _ if is_first => {
                self.at -= 1;
                Ok(true)
            }
            _ => Err(NotJson),
        }
    }

    /// Reads over the next value.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.kind()? {
            open @ (Kind::List | Kind::Object) => self.skip_open(open),
            _ => Ok(()),
        }
    }

    /// Whether what was just read is the beginning of an object; a list is read over to its end.
    pub(super) fn enters(&mut self, token: &Token<'a>) -> Result<bool> {
        if *token == Token::List {
            self.skip_list()?;
        }
        Ok(*token == Token::Object)
    }

    /// Reads over the rest of the list that is being read; how many values there were.
    pub(super) fn skip_list(&mut self) -> Result<usize> {
        let mut n = 0;
        while self.item()? {
            self.skip()?;
            n += 1;
        }
        Ok(n)
    }

    /// Reads over the rest of the object that is being read.
    pub(super) fn skip_object(&mut self) -> Result<()> {
        self.skip_open(Kind::Object)
    }

    fn skip_open(&mut self, mut open: Kind) -> Result<()> {
        let mut around = Vec::new();
        loop {
            let is_more = if open == Kind::List { self.item()? } else { self.field()? };
            if is_more {
                let kind = self.kind()?;
                if let Kind::List | Kind::Object = kind {
                    around.push(std::mem::replace(&mut open, kind));
                }
            } else {
                match around.pop() {
                    Some(outer) => open = outer,
                    None => return Ok(()),
                }
            }
        }
    }

    #[inline(always)]
    fn last(&self) -> &'a str {
        &self.text[self.last.0..self.last.1]
    }

    /// Goes to the value of the next field of an object, or leaves the object: whether there is one.
    #[inline]
    fn field(&mut self) -> Result<bool> {
        let is_first = std::mem::take(&mut self.is_fresh);
        let mut byte = self.step()?;
        if byte == b'}' {
            return Ok(false);
        }
        if !is_first {
            byte = if byte == b',' { self.step()? } else { return Err(NotJson) };
        }
        if byte != b'"' {
            return Err(NotJson);
        }
        self.quoted()?;
        if self.step()? == b':' { Ok(true) } else { Err(NotJson) }
    }

    #[inline]
    fn kind(&mut self) -> Result<Kind> {
        let byte = self.step()?;
        self.is_fresh = matches!(byte, b'[' | b'{');
        match byte {
            b'"' => self.quoted().map(|()| Kind::Text),
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::List),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("rue", Kind::True),
            b'f' => self.word("alse", Kind::False),
            b'n' => self.word("ull", Kind::Null),
            _ => Err(NotJson),
        }
    }

    /// Steps over white space and the byte after it.
    #[inline]
    fn step(&mut self) -> Result<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at).ok_or(NotJson)?;
            self.at += 1;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(byte);
            }
        }
    }

    fn word(&mut self, rest: &str, kind: Kind) -> Result<Kind> {
        let is_here = self.text.as_bytes()[self.at..].starts_with(rest.as_bytes());
        self.at += rest.len();
        if is_here { Ok(kind) } else { Err(NotJson) }
    }

    /// The number whose first byte was stepped over.
    fn number(&mut self) -> Result<Kind> {
        let (bytes, start) = (self.text.as_bytes(), self.at - 1);
        let digits = |from: usize| {
            let n = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if n > 0 { Ok(from + n) } else { Err(NotJson) }
        };
        let first = start + usize::from(bytes[start] == b'-');
        let whole = digits(first)?;
        if bytes[first] == b'0' && whole > first + 1 {
            return Err(NotJson);
        }
        let mut end = whole;
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1)?;
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let has_sign = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
            end = digits(end + 1 + usize::from(has_sign))?;
        }
        self.at = end;
        self.last = (start, end);
        Ok(if end == whole { Kind::Whole } else { Kind::Fraction })
    }

    /// The text whose first quote was stepped over.
    #[inline(always)]
    fn quoted(&mut self) -> Result<()> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        // Nearly all texts end in the block they begin in.
        let marks = if self.marks.0 == start / 64 { self.marks.1 >> (start % 64) } else { 0 };
        let end = start + marks.trailing_zeros() as usize;
        if marks != 0 && bytes.get(end) == Some(&b'"') {
            self.last = (start, end);
            self.has_escapes = false;
            self.at = end + 1;
            return Ok(());
        }
        self.any_quoted()
    }

    #[inline(never)]
    fn any_quoted(&mut self) -> Result<()> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        self.has_escapes = false;
        let mut at = start;
        loop {
            at = self.next_mark(at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.has_escapes = true;
                    self.at = at + 1;
                    at += escape_len(&bytes[at + 1..]).ok_or(NotJson)? + 1;
                }
                _ => {
                    self.at = at + 1;
                    return Err(NotJson);
                }
            }
        }
        self.last = (start, at);
        self.at = at + 1;
        Ok(())
    }

    /// The place of the next byte that is no plain byte of a text, or one beyond the end.
    #[inline]
    fn next_mark(&mut self, mut at: usize) -> usize {
        loop {
            let block = at / 64;
            if self.marks.0 != block {
                let rest = self.text.as_bytes().get(block * 64..).unwrap_or_default();
                self.marks = (block, marks(rest));
            }
            let marks = self.marks.1 >> (at % 64);
            if marks != 0 {
                return at + marks.trailing_zeros() as usize;
            }
            at = (block + 1) * 64;
        }
    }
}

fn whole<'a>(text: &str) -> Token<'a> {
    if let Ok(number) = text.parse() {
        return Token::Natural(number);
    }
    match text.parse() {
        // Minus zero is no integer.
        Ok(number @ ..0) => Token::Negative(number),
        _ => fraction(text),
    }
}

fn fraction<'a>(text: &str) -> Token<'a> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Token::Number(number),
        _ => Token::Broken,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::{Value as Tree, json};

    use super::*;

    /// Whether there is something in a text that is JSON and yet cannot be read.
    type IsBroken = bool;

    /// The whole of a text, the slow way.
    fn read(text: &str) -> Result<(Tree, IsBroken)> {
        let (mut json, mut is_broken) = (Json::new(text), false);
        let tree = tree(&mut json, &mut is_broken)?;
        json.end()?;
        Ok((tree, is_broken))
    }

    fn tree(json: &mut Json<'_>, is_broken: &mut IsBroken) -> Result<Tree> {
        Ok(match json.value()? {
            Token::Null => Tree::Null,
            Token::Flag(flag) => json!(flag),
            Token::Natural(number) => json!(number),
            Token::Negative(number) => json!(number),
            Token::Number(number) => json!(number),
            Token::Text(text) => json!(text),
            Token::Broken => {
                *is_broken = true;
                Tree::Null
            }
            Token::List => {
                let mut values = Vec::new();
                while json.item()? {
                    values.push(tree(json, is_broken)?);
                }
                Tree::Array(values)
            }
            Token::Object => {
                let mut fields = serde_json::Map::new();
                while let Some(key) = json.key()? {
                    *is_broken |= key.contains('\u{fffd}');
                    fields.insert(key.into_owned(), tree(json, is_broken)?);
                }
                Tree::Object(fields)
            }
        })
    }

    fn skipped(text: &str) -> Result<()> {
        let mut json = Json::new(text);
        json.skip()?;
        json.end()
    }

    /// What is read is what serde_json reads; what it refuses is refused, or is broken.
    fn check(text: &str) {
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        assert_eq!(skipped(text).is_ok(), is_json, "{text}");
        match (read(text), serde_json::from_str::<Tree>(text)) {
            (Ok((got, false)), expected) => assert_eq!(Some(got), expected.ok(), "{text}"),
            (Ok((_, true)), _) => assert!(is_json, "{text}"),
            (Err(NotJson), _) => assert!(!is_json, "{text}"),
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
    fn numbers_are_whole_if_they_are_written_so_and_fit() {
        for (text, expected) in [
            ("0", Token::Natural(0)),
            ("18446744073709551615", Token::Natural(u64::MAX)),
            ("18446744073709551616", Token::Number(18_446_744_073_709_551_616.0)),
            ("-1", Token::Negative(-1)),
            ("-9223372036854775808", Token::Negative(i64::MIN)),
            ("-9223372036854775809", Token::Number(-9_223_372_036_854_775_808.0)),
            ("-0", Token::Number(-0.0)),
            ("1.0", Token::Number(1.0)),
            ("1e2", Token::Number(100.0)),
            ("-2.5E-1", Token::Number(-0.25)),
            ("1e-999", Token::Number(0.0)),
            ("1e999", Token::Broken),
            ("-1e999", Token::Broken),
        ] {
            assert_eq!(Json::new(text).value(), Ok(expected), "{text}");
            check(text);
        }
        for text in
            ["-", "01", "-01", "1.", ".5", "+1", "1e", "1e+", "0x1", "1.e5", "Infinity", "NaN"]
        {
            check(text);
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_json_but_no_text() {
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
            let expected = expected.map_or(Token::Broken, |text| Token::Text(text.into()));
            assert_eq!(Json::new(&text).value(), Ok(expected), "{text}");
            check(&text);
        }
        for text in [r#""\u12""#, r#""\u12g4""#, r#""\x""#, r#""\"#, "\"\u{1f}\"", "\"\t\"", "\"a"]
        {
            check(text);
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_end_where_they_should_wherever_in_a_block() {
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
