//! Numbers, shares and feature names as a person would say them.
//!
//! Numbers carry three significant digits, ratios and shares two: more would claim a precision
//! that a group's median does not have. Money is told to the cent, as people are used to. Everything is decided by the value alone, so equal values
//! read equal everywhere.

use super::names::tellable;
use super::vocabulary::Vocabulary;
use crate::num::percent::Percent;

/// A number to three significant digits: `0.0123`, `4.5`, `1230`, `1.2e20`.
pub(super) fn number(value: f64) -> String {
    significant(value, 3)
}

/// An amount of money: two decimals below 1000 unless it is whole, `10.98`, `14.50`, `114`; else as
/// [`number`].
fn money(value: f64) -> String {
    let cents = (value * 100.0).round();
    if value.abs() >= 1000.0 || cents == 0.0 {
        return number(value);
    }
    let is_whole = cents % 100.0 == 0.0;
    if is_whole { format!("{:.0}", cents / 100.0) } else { format!("{:.2}", cents / 100.0) }
}

/// `value` to some significant digits, without trailing zeros.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let magnitude = value.abs();
    if digits == 3 && (1.0..1000.0).contains(&magnitude) {
        // The common case: the formatter rounds correctly, and a digit more after rounding up is a zero.
        let decimals = 2 - usize::from(magnitude >= 10.0) - usize::from(magnitude >= 100.0);
        let mut text = format!("{value:.decimals$}");
        text.truncate(trimmed(&text).len());
        return text;
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
pub(super) fn percent(words: &Vocabulary, share: f64) -> String {
    match Percent::from(share) {
        Percent::About(n) => words.say("{n}%", &[("n", &n)]),
        Percent::UnderTenth => words.say("under 0.1%", &[]),
        Percent::Over99 => words.say("over 99%", &[]),
    }
}

/// A share as people of ten: `9 in 10`, `half`, `nearly all`, `none`.
pub(super) fn in_ten(words: &Vocabulary, share: f64) -> String {
    match share {
        s if s <= 0.0 => words.say("none", &[]),
        s if s < 0.05 => words.say("nearly none", &[]),
        s if s >= 1.0 => words.say("all", &[]),
        s if s >= 0.95 => words.say("nearly all", &[]),
        s if (0.45..0.55).contains(&s) => words.say("half", &[]),
        s => words.say("{n} in 10", &[("n", &(10.0 * s).round().to_string())]),
    }
}

/// Values nearer than this share of the larger one are alike.
const ALIKE: f64 = 0.1;

/// Whether two values are nearer than a tenth of the larger one, so that people would call them the same.
pub(super) fn are_alike(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() < ALIKE * a.abs().max(b.abs())
}

/// `value` as a multiple of `base`: `2.3 times`, `43% of`; none if they are alike, or if the base or the value
/// is not above 0, where a ratio says nothing.
pub(super) fn ratio(words: &Vocabulary, value: f64, base: f64) -> Option<String> {
    let ratio = value / base;
    if !(value > 0.0 && base > 0.0 && ratio.is_finite()) || are_alike(value, base) {
        return None;
    }
    Some(match ratio {
        r if r < 1.0 => words.say("{share} of", &[("share", &percent(words, r))]),
        r => words.say("{n} times", &[("n", &significant(r, 2))]),
    })
}

/// `1 person`, `2 people`.
pub(super) fn people(words: &Vocabulary, n: usize) -> String {
    match n {
        1 => words.say("1 person", &[]),
        n => words.say("{n} people", &[("n", &n.to_string())]),
    }
}

/// A feature as readers call it: by its own label, by that of what it is a share or number of, else by
/// its name without the unit at its end: `recency_days` becomes `recency`.
pub(super) fn called(words: &Vocabulary, feature: &str) -> String {
    tellable(&labelled(words, feature)).into_owned()
}

fn labelled(words: &Vocabulary, feature: &str) -> String {
    let labels = &words.labels;
    if let Some(called) = labels.get(feature) {
        return called.clone();
    }
    let of = ["share of ", "number of "].into_iter().find_map(|of| {
        let called = labels.get(feature.strip_prefix(of)?)?;
        Some(format!("{of}{called}"))
    });
    of.unwrap_or_else(|| {
        let spaced = spaced(feature);
        if spaced.trim().is_empty() {
            return words.say("unnamed", &[]);
        }
        unit(feature, &spaced).map_or_else(|| spaced.clone(), |(label, _)| label.to_owned())
    })
}

/// A value of a feature with its unit, `12 days`, `1 day`: the one declared, else the one that the
/// feature's name ends in. Only names joined by underscores end in a unit: `orders of last 30 days`
/// counts orders.
pub(super) fn measure(words: &Vocabulary, feature: &str, value: f64) -> String {
    Unit::of(words, feature).measure(words, value)
}

/// How values of a feature are told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// The unit of one, and of many.
    unit: Option<[String; 2]>,
    is_money: bool,
    /// From 0 to 1, and told in percent.
    is_share: bool,
}

/// The declared unit of shares.
const SHARE: &str = "share";

impl Unit {
    /// Whether it is a unit that has a name, such as days or %; amounts and counts have none.
    pub(super) fn is_time(&self) -> bool {
        self.unit.is_some() && !self.is_money
    }

    /// Whether there is one, so that a value twice as high is twice as much.
    pub(super) fn is_known(&self) -> bool {
        self.unit.is_some() || self.is_money || self.is_share
    }

    pub(super) fn of(words: &Vocabulary, feature: &str) -> Self {
        let spaced = spaced(feature);
        let unit = match words.units.get(feature) {
            Some(declared) => Some(declared.as_str()).filter(|unit| !unit.is_empty()),
            None => unit(feature, &spaced).map(|(_, unit)| unit),
        };
        let both = |unit: &str| match UNITS.iter().find(|(_, many)| *many == unit) {
            Some((one, many)) => [one, many].map(|unit| words.say(unit, &[])),
            None => [unit.to_owned(), unit.to_owned()],
        };
        let is_share = unit == Some(SHARE);
        let unit = unit.filter(|_| !is_share).map(both);
        Self { unit, is_money: words.is_money(feature), is_share }
    }

    pub(super) fn measure(&self, words: &Vocabulary, value: f64) -> String {
        if self.is_share && (0.0..=1.0).contains(&value) {
            return percent(words, value);
        }
        let n = if self.is_money { money(value) } else { number(value) };
        let Some([one, many]) = &self.unit else { return n };
        let unit = if n == "1" { one } else { many };
        words.say("{n} {unit}", &[("n", &n), ("unit", unit)])
    }
}

/// A text with its first letter in upper case.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Underscores and other joints become single spaces; a name of joints alone stays as it is.
fn spaced(feature: &str) -> String {
    let words: Vec<&str> = parts(feature).collect();
    if words.is_empty() { feature.to_owned() } else { words.join(" ") }
}

/// The parts of a feature's name.
pub(super) fn parts(feature: &str) -> impl Iterator<Item = &str> {
    feature.split(|c: char| c == '_' || c.is_whitespace()).filter(|word| !word.is_empty())
}

/// One and many.
const UNITS: [(&str, &str); 7] = [
    ("day", "days"),
    ("hour", "hours"),
    ("minute", "minutes"),
    ("second", "seconds"),
    ("week", "weeks"),
    ("month", "months"),
    ("year", "years"),
];

/// Label and unit, if the last of several words is a unit.
fn unit<'a>(feature: &str, spaced: &'a str) -> Option<(&'a str, &'static str)> {
    if feature.contains(char::is_whitespace) {
        return None;
    }
    let (label, last) = spaced.rsplit_once(' ')?;
    UNITS.iter().find(|(_, many)| *many == last).map(|&(_, unit)| (label, unit))
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::english;
    use super::*;

    #[test]
    fn tenths_of_people_are_rounded_half_up_and_never_none_by_rounding() {
        let said = |share| in_ten(english(), share);
        for (share, text) in [
            (0.0, "none"),
            (0.049, "nearly none"),
            (0.05, "1 in 10"),
            (0.25, "3 in 10"),
            (0.35, "4 in 10"),
            (0.85, "9 in 10"),
            (0.95, "nearly all"),
        ] {
            assert_eq!(said(share), text, "{share}");
        }
    }

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
    fn the_common_case_of_numbers_is_what_the_rounded_number_says() {
        for at in 0..200_000 {
            let value = f64::from(at) * 0.005_5 + 1.0;
            let rounded: f64 = format!("{value:.2e}").parse().unwrap();
            assert_eq!(number(value).parse::<f64>().unwrap(), rounded, "{value}");
            assert_eq!(number(-value), format!("-{}", number(value)));
            assert!(!number(value).ends_with(".0") && !number(value).ends_with('.'));
        }
    }

    #[test]
    fn ratios_below_one_are_shares_and_meaningless_ones_are_left_out() {
        assert_eq!(ratio(english(), 230.0, 100.0).as_deref(), Some("2.3 times"));
        assert_eq!(ratio(english(), 43.0, 100.0).as_deref(), Some("43% of"));
        assert_eq!(ratio(english(), 109.0, 100.0), None);
        for (value, base) in [(1.0, 0.0), (0.0, 1.0), (-2.0, -1.0), (1e308, 1e-308)] {
            assert_eq!(ratio(english(), value, base), None);
        }
    }

    #[test]
    fn units_follow_singular_and_plural() {
        assert_eq!(measure(english(), "recency_days", 1.0), "1 day");
        assert_eq!(measure(english(), "recency_days", 12.0), "12 days");
        assert_eq!(measure(english(), "monetary", 12.0), "12");
        // A count in its own right, whatever its name ends in.
        assert_eq!(measure(english(), "orders of last 30 days", 2.0), "2");
        assert_eq!(called(english(), "recency_days"), "recency");
        assert_eq!(
            (called(english(), "days"), called(english(), "__"), called(english(), "a__b")),
            ("days".into(), "__".into(), "a b".into())
        );
        assert_eq!(
            (people(english(), 1), people(english(), 2)),
            ("1 person".into(), "2 people".into())
        );
        assert_eq!((capitalised("été"), capitalised("")), ("Été".into(), String::new()));
    }

    #[test]
    fn money_has_two_decimals_or_none() {
        let mut words = english().clone();
        words.units.insert("wait".into(), "EUR".into());
        words.units.insert("spend_minutes".into(), "minutes".into());
        for (feature, value, told) in [
            ("monetary", 10.979_999_999_999_563, "10.98"),
            ("monetary", 11.0, "11"),
            ("total_spend", -0.5, "-0.50"),
            ("spend per order", 999.996, "1000"),
            ("spend per order", 1234.5, "1230"),
            ("spend", 0.001, "0.001"),
            ("share of spend", 10.98, "11"),
            ("visits", 10.98, "11"),
            ("spend_minutes", 10.98, "11 minutes"),
            ("wait", 2.5, "2.50 EUR"),
        ] {
            assert_eq!(measure(&words, feature, value), told, "{feature} {value}");
        }
    }

    #[test]
    fn a_declared_unit_counts_before_the_name() {
        let mut words = english().clone();
        words.units.insert("monetary".into(), "EUR".into());
        words.units.insert("trial_days".into(), String::new());
        words.units.insert("wait".into(), "hours".into());
        let said = |feature, value| measure(&words, feature, value);
        assert_eq!(
            (said("monetary", 12.0), said("trial_days", 3.0)),
            ("12 EUR".into(), "3".into())
        );
        assert_eq!((said("wait", 1.0), said("wait", 2.0)), ("1 hour".into(), "2 hours".into()));
        words.units.insert("share of GROCERY".into(), "share".into());
        let shares = [0.397, 1.0, 1.5].map(|value| measure(&words, "share of GROCERY", value));
        assert_eq!(shares, ["40%", "100%", "1.5"]);
    }
}
