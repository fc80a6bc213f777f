//! Texts between quotes: where they end, and what their escapes stand for.
//!
//! Where a text ends is found for 64 bytes at a time, as simdjson does: one bit for each byte that is no
//! plain byte of a text.
//!
//! Source: Langdale, Lemire 2019; by arithmetic that compilers turn into vectors, not by instructions.

/// Of the first 64 bytes, those that are a quote, a backslash or a control character; all beyond the end.
#[inline(never)]
pub(super) fn marks(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(block) => marks_of(block),
        None => {
            let mut block = [0; 64];
            block[..bytes.len()].copy_from_slice(bytes);
            marks_of(&block)
        }
    }
}

#[inline(always)]
fn marks_of(block: &[u8; 64]) -> u64 {
    let is_mark = |byte| matches!(byte, b'"' | b'\\' | 0..0x20);
    let found = block.map(|byte| u8::from(is_mark(byte)));
    let mut marks = 0;
    for (i, found) in found.as_chunks::<8>().0.iter().enumerate() {
        // Moves bit 0 of byte k to bit k of the highest byte.
        marks |= (u64::from_le_bytes(*found).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    marks
}

/// Bytes of an escape after its backslash, if it is one.
pub(super) fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(1),
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(5)
        }
        _ => None,
    }
}

/// A text with its escapes resolved, and whether all of it could be; if not, what could not is U+FFFD.
#[cold]
pub(super) fn unescaped(quoted: &str) -> (String, bool) {
    let unit = |digits: &str| u32::from_str_radix(&digits[..4], 16).unwrap_or_default();
    let (mut text, mut rest, mut is_whole) = (String::with_capacity(quoted.len()), quoted, true);
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let (kind, after) = escape.split_at(1);
        rest = after;
        text.push(match kind {
            "b" => '\u{8}',
            "f" => '\u{c}',
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "u" => {
                let first = unit(after);
                rest = &after[4..];
                let second = rest.strip_prefix("\\u").map(unit);
                let code = match (first, second) {
                    (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
                        rest = &rest[6..];
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => first,
                };
                let char = char::from_u32(code);
                is_whole &= char.is_some();
                char.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            // A quote, a backslash or a slash.
            _ => kind.chars().next().unwrap_or_default(),
        });
    }
    text.push_str(rest);
    (text, is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_the_bytes_that_no_plain_text_holds() {
        let plain = |byte: u8| marks(&[byte; 64]) == 0;
        let marked: Vec<u8> = (0..=255).filter(|&byte| !plain(byte)).collect();
        let expected: Vec<u8> = (0..0x20).chain([b'"', b'\\']).collect();
        assert_eq!(marked, expected);
        for place in 0..64 {
            let mut bytes = [0xff; 64];
            bytes[place] = b'"';
            assert_eq!(marks(&bytes), 1 << place);
            assert_eq!(marks(&bytes[..place]), u64::MAX << place);
        }
    }
}
