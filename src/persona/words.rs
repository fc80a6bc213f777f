//! Numbers, shares and feature names as a person would say them.
//!
//! Numbers carry three significant digits, ratios and shares two: more would claim a precision
//! that a group's median does not have. Everything is decided by the value alone, so equal values
//! read equal everywhere.

use std::collections::BTreeMap;

/// A number to three significant digits: `0.0123`, `4.5`, `1230`, `1.2e20`.
pub(super) fn number(value: f64) -> String {
    significant(value, 3)
}

/// `value` to some significant digits, without trailing zeros.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    // The formatter rounds correctly; its exponent is that of the rounded number, so that 999.6
    // becomes 1000 and not 1e3 with a digit too many.
    let scientific = format!("{value:.*e}", (digits - 1) as usize);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-6..15).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    // Only the rounded number is written out, so no digits beyond the significant ones appear.
    let rounded: f64 = scientific.parse().unwrap_or(value);
    let decimals = (digits - 1 - exponent).max(0) as usize;
    trimmed(&format!("{rounded:.decimals$}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A share in percent; never 0 % or 100 % for a share that is not exactly that.
pub(super) fn percent(share: f64) -> String {
    match share {
        s if s <= 0.0 => "0%".into(),
        s if s < 0.001 => "under 0.1%".into(),
        s if s >= 1.0 => "100%".into(),
        s if s >= 0.995 => "over 99%".into(),
        s => format!("{}%", significant(100.0 * s, 2)),
    }
}

/// A share as people of ten: `9 in 10`, `half`, `nearly all`, `none`.
pub(super) fn in_ten(share: f64) -> String {
    match share {
        s if s <= 0.0 => "none".into(),
        s if s < 0.05 => "nearly none".into(),
        s if s >= 1.0 => "all".into(),
        s if s >= 0.95 => "nearly all".into(),
        s if (0.45..0.55).contains(&s) => "half".into(),
        s => format!("{:.0} in 10", 10.0 * s),
    }
}

/// `value` as a multiple of `base`: `2.3 times`, `43% of`, `about`; none if the base or the value
/// is not above 0, where a ratio says nothing.
pub(super) fn ratio(value: f64, base: f64) -> Option<String> {
    let ratio = value / base;
    if !(value > 0.0 && base > 0.0 && ratio.is_finite()) {
        return None;
    }
    Some(match ratio {
        r if r < 0.95 => format!("{} of", percent(r)),
        r if r < 1.05 => "about".into(),
        r => format!("{} times", significant(r, 2)),
    })
}

/// `1 person`, `2 people`.
pub(super) fn people(n: usize) -> String {
    if n == 1 { "1 person".into() } else { format!("{n} people") }
}

/// A feature's name without the unit at its end: `recency_days` becomes `recency`. Only names joined
/// by underscores end in a unit: `orders of last 30 days` counts orders.
pub(super) fn label(feature: &str) -> String {
    let words = spaced(feature);
    match unit(feature, &words) {
        Some((label, _)) => label.to_owned(),
        None => words,
    }
}

/// A feature as readers call it: by its own label, by that of what it is a share or number of, else by
/// its name.
pub(super) fn called(feature: &str, labels: &BTreeMap<String, String>) -> String {
    if let Some(called) = labels.get(feature) {
        return called.clone();
    }
    let of = ["share of ", "number of "].into_iter().find_map(|of| {
        let called = labels.get(feature.strip_prefix(of)?)?;
        Some(format!("{of}{called}"))
    });
    of.unwrap_or_else(|| label(feature))
}

/// A value of a feature, with the unit that the feature's name ends in: `12 days`, `1 day`.
pub(super) fn measure(feature: &str, value: f64) -> String {
    let words = spaced(feature);
    let text = number(value);
    match unit(feature, &words) {
        Some((_, unit)) if text == "1" => format!("1 {}", &unit[..unit.len() - 1]),
        Some((_, unit)) => format!("{text} {unit}"),
        None => text,
    }
}

/// A text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Underscores and other joints become single spaces; a name of joints alone stays as it is.
fn spaced(feature: &str) -> String {
    let words: Vec<&str> = words(feature).collect();
    if words.is_empty() { feature.to_owned() } else { words.join(" ") }
}

/// The parts of a feature's name.
pub(super) fn words(feature: &str) -> impl Iterator<Item = &str> {
    feature.split(|c: char| c == '_' || c.is_whitespace()).filter(|word| !word.is_empty())
}

/// Label and unit, if the last of several words is a unit. All units end in `s`.
fn unit<'a>(feature: &str, words: &'a str) -> Option<(&'a str, &'static str)> {
    if feature.contains(char::is_whitespace) {
        return None;
    }
    let (label, last) = words.rsplit_once(' ')?;
    ["days", "hours", "minutes", "seconds", "weeks", "months", "years"]
        .into_iter()
        .find(|unit| *unit == last)
        .map(|unit| (label, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_three_digits_and_no_noise() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (999.6, "1000"),
            (1234.5, "1230"),
            (0.012_345, "0.0123"),
            (2.5, "2.5"),
            (-17.04, "-17"),
            (1.234e20, "1.23e20"),
            (5e-324, "4.94e-324"),
            (f64::MAX, "1.8e308"),
            (0.1 + 0.2, "0.3"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn shares_are_whole_only_if_they_are() {
        for (share, text) in [
            (0.0, "0%"),
            (0.000_01, "under 0.1%"),
            (0.004_94, "0.49%"),
            (0.2149, "21%"),
            (0.994, "99%"),
            (0.999_9, "over 99%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn ratios_below_one_are_shares_and_meaningless_ones_are_left_out() {
        assert_eq!(ratio(230.0, 100.0).as_deref(), Some("2.3 times"));
        assert_eq!(ratio(43.0, 100.0).as_deref(), Some("43% of"));
        assert_eq!(ratio(101.0, 100.0).as_deref(), Some("about"));
        for (value, base) in [(1.0, 0.0), (0.0, 1.0), (-2.0, -1.0), (1e308, 1e-308)] {
            assert_eq!(ratio(value, base), None);
        }
    }

    #[test]
    fn units_follow_singular_and_plural() {
        assert_eq!(measure("recency_days", 1.0), "1 day");
        assert_eq!(measure("recency_days", 12.0), "12 days");
        assert_eq!(measure("monetary", 12.0), "12");
        // A count in its own right, whatever its name ends in.
        assert_eq!(measure("orders of last 30 days", 2.0), "2");
        assert_eq!(label("recency_days"), "recency");
        assert_eq!(
            (label("days"), label("__"), label("a__b")),
            ("days".into(), "__".into(), "a b".into())
        );
        assert_eq!((people(1), people(2)), ("1 person".into(), "2 people".into()));
        assert_eq!((capitalised("été"), capitalised("")), ("Été".into(), String::new()));
    }
}
