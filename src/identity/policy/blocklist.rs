//! The patterns that block values of one kind, arranged so that the first byte passes most values.
//!
//! Cost: one look-up for a value that begins like no pattern, unless there are patterns that begin
//! with a wildcard. The oracle is [`Rules::blocks`].

use super::rules::Rules;
use super::value;

/// The patterns for values of one kind.
#[derive(Debug, Clone)]
pub(super) struct Blocklist {
    /// By first byte, whether the value may match a pattern that begins with it.
    may_begin: [bool; 256],
    may_be_empty: bool,
    /// Whether values made of zeros and hyphens are blocked.
    zeros: bool,
    /// Patterns that begin with a wildcard.
    open: Vec<Box<str>>,
    /// All others, each with its first byte, in lower case.
    fixed: Vec<(u8, Box<str>)>,
}

impl Blocklist {
    pub(super) fn new(kind: &str, rules: &Rules) -> Self {
        let mut list = Self {
            may_begin: [false; 256],
            may_be_empty: rules.blocks_zeros(),
            zeros: rules.blocks_zeros(),
            open: Vec::new(),
            fixed: Vec::new(),
        };
        if list.zeros {
            list.may_begin[usize::from(b'0')] = true;
            for byte in *b"-fF" {
                list.may_begin[usize::from(byte)] = true;
            }
        }
        for first in "\"'`\u{ad}\u{180e}\u{200b}\u{feff}\u{3164}".chars() {
            // What may stand around a value; other blanks are trimmed before.
            let mut bytes = [0; 4];
            first.encode_utf8(&mut bytes);
            list.may_begin[usize::from(bytes[0])] = true;
        }
        for pattern in rules.patterns(kind) {
            match pattern.bytes().next() {
                Some(b'*' | b'?') => list.open.push(pattern.into()),
                Some(first) => {
                    list.may_begin[usize::from(first.to_ascii_lowercase())] = true;
                    list.may_begin[usize::from(first.to_ascii_uppercase())] = true;
                    list.fixed.push((first.to_ascii_lowercase(), pattern.into()));
                }
                None => list.may_be_empty = true,
            }
        }
        list
    }

    /// Whether a normalised value joins nobody.
    pub(super) fn blocks(&self, value: &str) -> bool {
        let may_begin = match value.bytes().next() {
            Some(first) => self.may_begin[usize::from(first)],
            None => self.may_be_empty,
        };
        // A wrapping first character may begin a value that is not wrapped, too.
        let is_wrapped = may_begin || value.ends_with(value::is_wrapping);
        let core = if is_wrapped { value::core(value) } else { value };
        let is_hit = |pattern: &str| {
            let matches = |text: &str| value::matches(pattern.as_bytes(), text.as_bytes());
            matches(value) || core.len() != value.len() && matches(core)
        };
        let first = |text: &str| text.bytes().next().map(|byte| byte.to_ascii_lowercase());
        let firsts = [first(value), first(core)];
        may_begin
            && (core.is_empty() && self.may_be_empty
                || self.zeros && value::is_void(core)
                || (self.fixed.iter())
                    .any(|(first, pattern)| firsts.contains(&Some(*first)) && is_hit(pattern)))
            || self.open.iter().any(|pattern| is_hit(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_blocks_what_the_rules_block() {
        let own = Rules::default().blocked("card", "Test*").blocked("*", "").blocked("x", "?b*");
        let own = own.blocked("card", "\u{fc}*").blocked("email", "a@?.org");
        let values = [
            "",
            "0",
            "-",
            "0-00",
            "0a",
            "null",
            "NULL",
            "Nulla",
            "none",
            "n",
            "guest",
            "tester",
            "TEST",
            "tes",
            "ab",
            "abc",
            "b",
            "\u{fc}b",
            "\u{dc}b",
            "a@b.org",
            "a@bc.org",
            "ann@localhost",
            "ann@x.LOCAL",
            "ann@x.local.org",
            "ann@example.com",
            "customer-7",
            "[object Object]",
            "[",
            "\u{1f600}b",
            "-1",
            "-2",
            "\"null\"",
            "'0'",
            "\u{200b}",
            "null\u{feff}",
            "\"root@localhost\"",
            "ffffffff-ffff-ffff",
            "fff",
            "a@b.c",
        ];
        let wraps = ["", "\"", "'", "\u{200b}", "\u{3164}"];
        let around = |value: &str| wraps.map(|a| wraps.map(|b| format!("{a}{value}{b}"))).concat();
        let values: Vec<String> = values.into_iter().flat_map(around).collect();
        let mut bare = own.clone();
        bare.default_blocked = false;
        for rules in [own, bare, Rules::default()] {
            for kind in ["card", "email", "x", "*"] {
                let list = Blocklist::new(kind, &rules);
                for value in &values {
                    assert_eq!(list.blocks(value), rules.blocks(kind, value), "{kind} {value:?}");
                }
            }
        }
    }
}
