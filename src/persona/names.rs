//! Names from data as they are told: columns and categories by the caller's labels, without anything that
//! would reach beyond the name.
//!
//! A name is text that anybody may have typed. Control characters would make an SVG invalid and steer a
//! terminal, and those that set the direction of writing would turn the rest of a sentence round: each is
//! replaced by one mark that can be seen. A name with letters that are written from right to left is isolated
//! (Unicode Standard Annex 9), so that it is read in its own direction and the sentence in its own. Long names are cut.
//!
//! Cost: one look at every character; nothing is copied of a name that can be told as it is.

use std::borrow::Cow;

use super::vocabulary::Vocabulary;

/// Most characters of a name.
const LONGEST: usize = 100;
/// What stands for a character that cannot be told.
const REPLACED: char = '\u{fffd}';
/// First strong isolate, and its end.
const ISOLATE: [char; 2] = ['\u{2068}', '\u{2069}'];

/// A name from data as it is told.
pub(crate) fn tellable(name: &str) -> Cow<'_, str> {
    let told = printable(name);
    let turns = told.chars().any(is_right_to_left);
    let is_long = told.chars().nth(LONGEST).is_some();
    if !turns && !is_long {
        return told;
    }
    let most = if is_long { LONGEST - 1 } else { LONGEST };
    let mut name: String = told.chars().take(most).collect();
    if is_long {
        name.push('…');
    }
    if turns {
        name = format!("{}{name}{}", ISOLATE[0], ISOLATE[1]);
    }
    Cow::Owned(name)
}

/// A text of the caller, without what would reach beyond it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let needs = |letter: char| matches!(letter, '\t' | '\n' | '\r') || is_unprintable(letter);
    if !text.chars().any(needs) {
        return Cow::Borrowed(text);
    }
    let told = text.chars().map(|letter| match letter {
        '\t' | '\n' | '\r' => ' ',
        letter if is_unprintable(letter) => REPLACED,
        letter => letter,
    });
    Cow::Owned(told.collect())
}

/// A category as readers call it.
pub(crate) fn category(words: &Vocabulary, category: &str) -> String {
    tellable(words.labels.get(category).map_or(category, String::as_str)).into_owned()
}

/// Controls, separators of lines, what sets the direction of writing, and what XML does not allow.
fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Hebrew, Arabic and the other scripts of that direction, and their marks.
fn is_right_to_left(letter: char) -> bool {
    matches!(
        letter,
        '\u{590}'..='\u{8ff}'
            | '\u{200f}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefe}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_reach_beyond_a_name_is_replaced_and_other_directions_are_isolated() {
        for (text, told) in [
            ("GROCERY & more", "GROCERY & more"),
            ("Café 世界", "Café 世界"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("\u{1b}[31mred\u{7}", "\u{fffd}[31mred\u{fffd}"),
            ("two\nlines\u{2028}", "two lines\u{fffd}"),
            ("\u{2067}x\u{2069}\u{9b}", "\u{fffd}x\u{fffd}\u{fffd}"),
            ("\u{5d0}\u{5d1}", "\u{2068}\u{5d0}\u{5d1}\u{2069}"),
        ] {
            assert_eq!(tellable(text), told, "{text:?}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        let fits = "é".repeat(LONGEST);
        assert_eq!(tellable(&fits), fits);
        let told = tellable(&"é".repeat(10_000)).into_owned();
        assert!(told.chars().count() == LONGEST && told.ends_with("é…"));
    }
}
