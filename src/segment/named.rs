//! Values that the caller names: identifiers among traits and properties, and numbers in texts.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::field::Lost;
use crate::Value;
use crate::event::{Fields, exact_whole, is_blank};

/// Removes the values of a name, and returns the last that can be an identifier: a text, or a whole
/// number that no other is rounded to. What cannot be one is counted; blank texts and null are missing.
pub(super) fn take_id<'a>(
    values: &mut Fields<'a>,
    name: &str,
    lost: &mut Lost<'a>,
) -> Option<Cow<'a, str>> {
    let mut id = None;
    while let Some(place) = values.iter().position(|(known, _)| known == name) {
        let (name, value) = values.remove(place);
        let text = match value {
            Value::Text(text) if is_blank(&text) => continue,
            Value::List(values) if values.is_empty() => continue,
            Value::Text(text) => Some(text),
            Value::Number(number) => exact_whole(number).map(|whole| whole.to_string().into()),
            _ => None,
        };
        match text {
            Some(text) => id = Some(text),
            None => lost.values.push((name, 1)),
        }
    }
    id
}

/// Makes numbers of the texts of the named properties that look like numbers.
pub(super) fn read_numbers(values: &mut [(Cow<'_, str>, Value<'_>)], names: &BTreeSet<String>) {
    for (name, value) in values {
        read_number(name, value, names);
    }
}

/// Descends as deep as lists and objects are read: eight levels.
fn read_number(name: &str, value: &mut Value<'_>, names: &BTreeSet<String>) {
    match value {
        Value::Text(text) if names.contains(name) => {
            if let Some(number) = number(text) {
                *value = Value::Number(number);
            }
        }
        Value::List(values) => {
            values.iter_mut().for_each(|value| read_number(name, value, names));
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                read_number(&format!("{name}.{field}"), value, names);
            }
        }
        _ => {}
    }
}

/// Reads digits with a sign and a decimal mark. A comma before three digits could separate thousands,
/// so it is not read.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = bare.split_once(['.', ',']).unwrap_or((bare, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = !bare.contains(',') || fraction.len() <= 2;
    if !is_digits(whole) || !is_digits(fraction) || !is_decimal {
        return None;
    }
    text.replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_number_if_nothing_about_it_is_doubtful() {
        for (text, expected) in [
            ("12.50", Some(12.5)),
            ("12,50", Some(12.5)),
            (" -3 ", Some(-3.0)),
            ("+0,5", Some(0.5)),
            ("1.250", Some(1.25)),
            ("1,250", None),
            ("1,250.00", None),
            ("1e5", None),
            (".5", None),
            ("5.", None),
            ("$5", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text:?}");
        }
    }
}
