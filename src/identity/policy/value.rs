//! Normalised values, illegal texts, and patterns over values.

use std::borrow::Cow;

/// Returns a value as it is stored: trimmed, and an `email` in ASCII lower case.
///
/// Only ASCII letters fold. Folding `ı`, `ſ` or the Kelvin sign would join people whose mail servers
/// tell them apart.
pub(crate) fn normalise<'a>(kind: &str, value: &'a str) -> Cow<'a, str> {
    let value = value.trim();
    if kind == "email" && value.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(value.to_ascii_lowercase())
    } else {
        Cow::Borrowed(value)
    }
}

/// Whether a value is stored as it stands, as most are: printable ASCII that neither begins nor ends
/// with a space. Normalising changes at most the case of its letters, and it is legal.
pub(crate) fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ') && is_printable(bytes)
}

/// Whether all bytes are printable ASCII or spaces; eight bytes at a time.
fn is_printable(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = 0x80 * ONES;
    // Sets the high bit of some byte if a byte is below 0x20, is 0x7f, or is above (Anderson, Bit
    // Twiddling Hacks).
    let faults = |word: u64| {
        let low = word.wrapping_sub(0x20 * ONES) & !word;
        (low | word.wrapping_add(ONES) | word) & HIGH
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let all = words.iter().fold(0, |all, word| all | faults(u64::from_le_bytes(*word)));
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    (all | faults(u64::from_le_bytes(last))) == 0
}

/// Whether a text holds a control character or U+FFFD, which replaces bytes that were not text.
pub(crate) fn illegal(text: &str) -> bool {
    // Most values are ASCII: one pass over bytes decides.
    !text.bytes().all(|b| (0x20..0x7f).contains(&b))
        && text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

/// Whether a value is made of zeros and hyphens alone, as an empty one is.
pub(crate) fn is_zeros(value: &str) -> bool {
    value.bytes().all(|b| b == b'0' || b == b'-')
}

/// Whether a character neither tells people apart nor shows: a quotation mark around a value, or what has
/// no width.
pub(super) fn is_wrapping(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{3164}')
        || c.is_whitespace()
}

/// A value without quotation marks and invisible characters around it.
pub(crate) fn core(value: &str) -> &str {
    value.trim_matches(is_wrapping)
}

/// Whether a value has no content: zeros and hyphens alone, nothing, or an id of all ones.
pub(crate) fn is_void(core: &str) -> bool {
    let is_ones = |b: u8| matches!(b, b'f' | b'F' | b'-');
    is_zeros(core) || core.len() >= 8 && core.bytes().all(is_ones)
}

/// Whether a pattern matches a value: `*` stands for any text, `?` for one character, ASCII letters
/// match in either case. Cost: at most the product of the lengths, as only the last `*` is retried.
pub(crate) fn matches(pattern: &[u8], value: &[u8]) -> bool {
    if let (Some(last), end) = (pattern.last(), value.last())
        && !matches!(last, b'*' | b'?')
        && !end.is_some_and(|end| end.eq_ignore_ascii_case(last))
    {
        return false;
    }
    let (mut p, mut v) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while v < value.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, v));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                v += 1;
                // A character of UTF-8 goes on while bytes begin with 10.
                while v < value.len() && value[v] & 0xc0 == 0x80 {
                    v += 1;
                }
            }
            Some(byte) if byte.eq_ignore_ascii_case(&value[v]) => {
                p += 1;
                v += 1;
            }
            _ => {
                let Some((after, from)) = back else { return false };
                p = after;
                v = from + 1;
                back = Some((after, v));
            }
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_emails_fold_and_only_ascii_does() {
        assert_eq!(normalise("email", " Bob@Example.COM\n"), "bob@example.com");
        assert_eq!(normalise("cookie", " aB "), "aB");
        for same in ["m\u{131}ke@x.org", "\u{17f}am@x.org", "\u{212a}@x.org"] {
            assert_eq!(normalise("email", same), same);
        }
        let once = normalise("email", " A\u{c4}@B ").into_owned();
        assert_eq!(normalise("email", &once), once);
    }

    #[test]
    fn controls_and_broken_text_are_illegal_and_other_scripts_are_not() {
        assert!(["a\0b", "\u{7f}", "a\u{85}", "\u{fffd}"].into_iter().all(illegal));
        assert!(!["", "a b", "J\u{fc}rgen", "\u{4f60}\u{597d}"].into_iter().any(illegal));
    }

    #[test]
    fn plain_values_are_those_that_are_legal_and_trimmed_ascii() {
        let mut texts = vec![String::new()];
        for n in [0, 1, 6, 7, 8, 9, 16] {
            for code in (0..=0x100).chain([0x85, 0x2003, 0xfffd, 0x1f600]) {
                let c = char::from_u32(code).unwrap();
                let pad = "x".repeat(n);
                texts.extend([format!("{pad}{c}"), format!("{c}{pad}"), format!("{pad}{c}{pad}")]);
            }
        }
        for text in texts {
            let expected = text.is_ascii() && !illegal(&text) && text.trim() == text;
            assert_eq!(is_plain(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn patterns_are_globs() {
        let check = |pattern: &str, value: &str| matches(pattern.as_bytes(), value.as_bytes());
        for (pattern, value) in [
            ("", ""),
            ("*", ""),
            ("a*b*c", "aXbXbc"),
            ("*@localhost", "@LOCALHOST"),
            ("?", "\u{fc}"),
            ("**a", "ba"),
        ] {
            assert!(check(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [("", "a"), ("?", ""), ("a*b", "ac"), ("a?", "a"), ("a", "ab")] {
            assert!(!check(pattern, value), "{pattern} {value}");
        }
        assert!(!check(&"*a".repeat(500), &"a".repeat(400)));
    }
}
