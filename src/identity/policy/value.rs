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

/// Whether a text holds a control character or U+FFFD, which replaces bytes that were not text.
pub(crate) fn illegal(text: &str) -> bool {
    // Most values are ASCII: one pass over bytes decides.
    !text.bytes().all(|b| (0x20..0x7f).contains(&b))
        && text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

/// Whether a pattern matches a value: `*` stands for any text, `?` for one character, ASCII letters
/// match in either case. Cost: at most the product of the lengths, as only the last `*` is retried.
pub(crate) fn matches(pattern: &[u8], value: &[u8]) -> bool {
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
