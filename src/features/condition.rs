//! What must hold of the values of a property: the one condition type of features, reports, quality
//! rules and declared personas.
//!
//! A condition looks at the values of one property of one stored event; of a list, at each. The positive
//! conditions hold if any value passes; `Not…` is the exact opposite, so that it holds where there is
//! no value. Values are told apart by their text: a number by its shortest decimal form, a flag as
//! `true` or `false`, a time as RFC 3339 in UTC. A value that is not a number is neither less nor
//! greater than one.
//!
//! Cost: one comparison per value. Equality with a text compares codes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::dictionary::Dictionary;
use super::schema::{Field, Need};
use super::stored::{FieldValue, StoredEvent};
use super::value::{number, text};
use crate::{Timestamp, Value};

/// What must hold of the values of a property or a column.
///
/// ```
/// use personas::features::{Condition, Feature, Measure};
///
/// let large = Feature::new("large orders", Measure::Count)
///     .on("purchase")
///     .when("amount", Condition::AtLeast(100.0));
/// assert_eq!(large.name(), "large orders");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// Some value is this text.
    Equals(String),
    /// No value is this text.
    NotEquals(String),
    /// Some value is one of these texts.
    OneOf(Vec<String>),
    /// Some value is a number below this.
    Less(#[serde(with = "crate::num::exact")] f64),
    /// Some value is a number not above this.
    AtMost(#[serde(with = "crate::num::exact")] f64),
    /// Some value is a number above this.
    Greater(#[serde(with = "crate::num::exact")] f64),
    /// Some value is a number not below this.
    AtLeast(#[serde(with = "crate::num::exact")] f64),
    /// Some value is a number from the first to the second, both included.
    Between(#[serde(with = "crate::num::exact")] f64, #[serde(with = "crate::num::exact")] f64),
    /// No value is a number below this; holds also where there is no number.
    NotLess(#[serde(with = "crate::num::exact")] f64),
    /// Some value contains this text.
    Contains(String),
    /// No value contains this text.
    NotContains(String),
    /// Some value contains one of these texts.
    ContainsOneOf(Vec<String>),
    /// Some value starts with this text.
    StartsWith(String),
    /// Some value ends with this text.
    EndsWith(String),
    /// There is a value.
    Exists,
    /// There is no value.
    NotExists,
    /// Some value is a time, or a text that reads as one, before this. Numbers never pass, because it is
    /// unknown whether they count days, seconds or milliseconds: send a
    /// [`Value::Time`](crate::Value::Time), or compare the number.
    Before(Timestamp),
    /// Some value is a time, or a text that reads as one, after this. Numbers never pass, as for
    /// [`Condition::Before`].
    After(Timestamp),
}

impl Condition {
    /// The numbers it allows, if it is about numbers: from where to where, ends included or not.
    pub(crate) fn bounds(&self) -> Option<(f64, f64)> {
        match *self {
            Self::Less(limit) | Self::AtMost(limit) => Some((f64::NEG_INFINITY, limit)),
            Self::Greater(limit) | Self::AtLeast(limit) | Self::NotLess(limit) => {
                Some((limit, f64::INFINITY))
            }
            Self::Between(low, high) => Some((low, high)),
            _ => None,
        }
    }

    /// Whether it is about there being a value.
    pub(crate) fn is_of_presence(&self) -> bool {
        matches!(self, Self::Exists | Self::NotExists)
    }

    /// Whether the condition holds for some values, each given as a number, if it is one, and as a
    /// text.
    pub(crate) fn holds<'v>(
        &self,
        mut values: impl Iterator<Item = (Option<f64>, &'v str)>,
    ) -> bool {
        let mut text = |is: &dyn Fn(&str) -> bool| values.any(|(_, text)| is(text));
        match self {
            Self::Equals(wanted) => text(&|text| text == wanted),
            Self::NotEquals(wanted) => !text(&|text| text == wanted),
            Self::OneOf(wanted) => text(&|text| wanted.iter().any(|wanted| text == wanted)),
            Self::Contains(part) => text(&|text| text.contains(part.as_str())),
            Self::NotContains(part) => !text(&|text| text.contains(part.as_str())),
            Self::ContainsOneOf(parts) => {
                text(&|text| parts.iter().any(|part| text.contains(part.as_str())))
            }
            Self::StartsWith(start) => text(&|text| text.starts_with(start.as_str())),
            Self::EndsWith(end) => text(&|text| text.ends_with(end.as_str())),
            Self::Exists => text(&|_| true),
            Self::NotExists => !text(&|_| true),
            Self::Before(limit) => {
                values.any(|(number, text)| time(number, text).is_some_and(|at| at < *limit))
            }
            Self::After(limit) => {
                values.any(|(number, text)| time(number, text).is_some_and(|at| at > *limit))
            }
            Self::Less(limit) => values.any(|(number, _)| number.is_some_and(|n| n < *limit)),
            Self::AtMost(limit) => values.any(|(number, _)| number.is_some_and(|n| n <= *limit)),
            Self::Greater(limit) => values.any(|(number, _)| number.is_some_and(|n| n > *limit)),
            Self::AtLeast(limit) => values.any(|(number, _)| number.is_some_and(|n| n >= *limit)),
            Self::Between(low, high) => {
                values.any(|(number, _)| number.is_some_and(|n| (*low..=*high).contains(&n)))
            }
            Self::NotLess(limit) => !values.any(|(number, _)| number.is_some_and(|n| n < *limit)),
        }
    }

    /// How it reads a property.
    pub(crate) fn need(&self) -> Need {
        match self {
            Self::Less(_)
            | Self::AtMost(_)
            | Self::Greater(_)
            | Self::AtLeast(_)
            | Self::Between(..)
            | Self::NotLess(_) => Need::NUMBER,
            _ => Need::BOTH,
        }
    }

    /// What is wrong with the condition, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Less(limit)
            | Self::AtMost(limit)
            | Self::Greater(limit)
            | Self::AtLeast(limit)
            | Self::NotLess(limit)
                if !limit.is_finite() =>
            {
                Some("the number of a condition must be finite")
            }
            Self::Between(low, high) if !(low.is_finite() && high.is_finite() && low <= high) => {
                Some("the limits must be finite, and the lower one not above the upper one")
            }
            Self::OneOf(wanted) | Self::ContainsOneOf(wanted) if wanted.is_empty() => {
                Some("a condition on one of several values needs at least one value")
            }
            _ => None,
        }
    }

    /// Whether a value that is not stored meets it; a list does if any of its values does.
    pub(crate) fn meets(&self, value: &Value<'_>) -> bool {
        let seen: Vec<_> = value.each().map(|value| (number(value), text(value))).collect();
        self.holds(seen.iter().map(|(number, text)| (*number, &**text)))
    }

    /// The texts that it compares codes with.
    pub(super) fn texts(&self) -> &[String] {
        match self {
            Self::Equals(text) | Self::NotEquals(text) => std::slice::from_ref(text),
            Self::OneOf(texts) => texts,
            _ => &[],
        }
    }

    /// Whether it reads more of a text than whether it is a certain one.
    pub(super) fn reads_texts(&self) -> bool {
        let is_exact = matches!(self, Self::Equals(_) | Self::NotEquals(_) | Self::OneOf(_));
        self.need().label && !is_exact
    }

    /// The condition on a field, with the codes of its texts; valid as long as they keep their codes.
    pub(super) fn bind(&self, field: Field, dictionary: &Dictionary) -> BoundCondition {
        let is = match self {
            Self::Equals(_) | Self::NotEquals(_) | Self::OneOf(_) => {
                let mut codes: Vec<u32> =
                    self.texts().iter().map(|text| dictionary.code(text)).collect();
                codes.sort_unstable();
                match self {
                    Self::NotEquals(_) => Is::NoneOf(codes),
                    _ => Is::OneOf(codes),
                }
            }
            other => Is::Other(other.clone()),
        };
        BoundCondition { field, is }
    }
}

impl fmt::Display for Condition {
    /// What follows after the name of a property: `at least 5`, `containing "ville"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let either = |texts: &[String]| {
            let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
            quoted.join(" or ")
        };
        match self {
            Self::Equals(text) => write!(f, "{text:?}"),
            Self::NotEquals(text) => write!(f, "other than {text:?}"),
            Self::OneOf(texts) => f.write_str(&either(texts)),
            Self::Less(limit) => write!(f, "below {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::Greater(limit) => write!(f, "above {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::Between(low, high) => write!(f, "from {low} to {high}"),
            Self::NotLess(limit) => write!(f, "not below {limit}"),
            Self::Contains(part) => write!(f, "containing {part:?}"),
            Self::NotContains(part) => write!(f, "not containing {part:?}"),
            Self::ContainsOneOf(parts) => write!(f, "containing {}", either(parts)),
            Self::StartsWith(start) => write!(f, "starting with {start:?}"),
            Self::EndsWith(end) => write!(f, "ending with {end:?}"),
            Self::Exists => f.write_str("known"),
            Self::NotExists => f.write_str("unknown"),
            Self::Before(at) => write!(f, "before {at}"),
            Self::After(at) => write!(f, "after {at}"),
        }
    }
}

/// A condition on a field of stored events.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BoundCondition {
    field: Field,
    is: Is,
}

#[derive(Debug, Clone, PartialEq)]
enum Is {
    /// Some value is one of these texts; codes, ascending.
    OneOf(Vec<u32>),
    /// No value is.
    NoneOf(Vec<u32>),
    Other(Condition),
}

impl BoundCondition {
    /// Whether a stored event passes.
    pub(super) fn passes(&self, event: StoredEvent<'_>, dictionary: &Dictionary) -> bool {
        let any_of = |codes: &[u32]| {
            event.labels(self.field).any(|label| codes.binary_search(&label).is_ok())
        };
        match &self.is {
            Is::OneOf(codes) => any_of(codes),
            Is::NoneOf(codes) => !any_of(codes),
            Is::Other(condition) => {
                // Where a condition reads texts, they are stored.
                let seen = |value: FieldValue| {
                    let text = value.label().map_or("", |label| dictionary.text(label));
                    (value.number(), text)
                };
                condition.holds(event.values(self.field).map(seen))
            }
        }
    }
}

/// The time that a value is. The number of a time is that of its days; any other number is a number's,
/// whose digits may read as a date.
fn time(number: Option<f64>, text: &str) -> Option<Timestamp> {
    let at = Timestamp::parse(text).ok()?;
    number.is_none_or(|days| days == at.days()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::features::{EventFilter, Feature, FeatureSet, Histories, Measure};

    fn passes(filter: &EventFilter, event: &Event<'_>) -> bool {
        let feature = Feature::new("n", Measure::Count).on(filter.clone());
        let histories = Histories::of_event(&FeatureSet::default().with(feature), event);
        let (schema, dictionary) = (&histories.schema, &histories.dictionary);
        let event = histories.log(0).and_then(|log| log.iter().next()).unwrap();
        filter.bind(schema, dictionary).passes(event, dictionary)
    }

    fn check(event: &Event<'_>, property: &str, condition: &Condition, expected: bool) {
        let filter = EventFilter::default().when(property, condition.clone());
        assert_eq!(passes(&filter, event), expected, "{property} {condition:?}");
    }

    fn event() -> Event<'static> {
        let colours = vec![Value::from("red"), Value::from("dark blue")];
        Event::new("purchase", Timestamp::from_millis(0))
            .property("amount", 12.5)
            .property("gift", true)
            .property("colours", colours)
            .property("none", Value::List(vec![]))
            .property("due", Value::from(Timestamp::from_millis(86_400_000)))
            .property("said", "1970-01-02")
            .property("digits", 20_170_301.0)
            .property("said digits", "20170301")
            .property("at noon", Value::from(Timestamp::from_millis(1_488_369_600_001)))
    }

    #[test]
    fn a_condition_reads_as_words_behind_the_name_of_a_property() {
        let texts = || vec!["a".to_owned(), "b".to_owned()];
        for (condition, words) in [
            (Condition::AtLeast(5.0), "at least 5"),
            (Condition::NotLess(0.5), "not below 0.5"),
            (Condition::Between(1.0, 2.0), "from 1 to 2"),
            (Condition::OneOf(texts()), r#""a" or "b""#),
            (Condition::NotEquals("a".into()), r#"other than "a""#),
            (Condition::Contains("ville".into()), r#"containing "ville""#),
            (Condition::ContainsOneOf(texts()), r#"containing "a" or "b""#),
            (Condition::Before(Timestamp::from_millis(0)), "before 1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(condition.to_string(), words);
        }
    }

    #[test]
    fn every_operator_means_what_it_says() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let day = |n: i64| Timestamp::from_millis(n * 86_400_000);
        let table = [
            ("amount", Condition::Between(12.5, 13.0), true),
            ("amount", Condition::Between(12.0, 12.5), true),
            ("amount", Condition::Between(13.0, 14.0), false),
            ("amount", Condition::Between(12.5, 12.5), true),
            ("amount", Condition::Equals("12.5".into()), true),
            ("amount", Condition::Equals("12.50".into()), false),
            ("gift", Condition::Equals("true".into()), true),
            ("colours", Condition::Equals("red".into()), true),
            ("colours", Condition::NotEquals("red".into()), false),
            ("colours", Condition::NotEquals("green".into()), true),
            ("absent", Condition::NotEquals("green".into()), true),
            ("colours", Condition::OneOf(words(&["green", "dark blue"])), true),
            ("colours", Condition::OneOf(words(&["green", "blue"])), false),
            ("amount", Condition::Less(12.5), false),
            ("amount", Condition::AtMost(12.5), true),
            ("amount", Condition::Greater(12.5), false),
            ("amount", Condition::AtLeast(12.5), true),
            ("colours", Condition::AtLeast(-1e9), false),
            ("absent", Condition::Less(1e9), false),
            ("amount", Condition::NotLess(12.5), true),
            ("amount", Condition::NotLess(12.6), false),
            ("colours", Condition::NotLess(1e9), true),
            ("absent", Condition::NotLess(1e9), true),
            ("colours", Condition::Contains("blue".into()), true),
            ("colours", Condition::NotContains("blue".into()), false),
            ("absent", Condition::NotContains("blue".into()), true),
            ("colours", Condition::ContainsOneOf(words(&["x", "ark"])), true),
            ("colours", Condition::ContainsOneOf(words(&["x"])), false),
            ("colours", Condition::StartsWith("dark".into()), true),
            ("colours", Condition::StartsWith("blue".into()), false),
            ("colours", Condition::EndsWith("blue".into()), true),
            ("colours", Condition::EndsWith("dark".into()), false),
            ("colours", Condition::Exists, true),
            ("none", Condition::Exists, false),
            ("none", Condition::NotExists, true),
            ("absent", Condition::NotExists, true),
            ("due", Condition::After(day(0)), true),
            ("due", Condition::After(day(1)), false),
            ("due", Condition::Before(day(2)), true),
            ("said", Condition::Before(day(2)), true),
            ("said", Condition::Before(day(1)), false),
            ("amount", Condition::After(day(0)), false),
            // Read as a date it would be in 2017, as days in the year 57195.
            ("digits", Condition::After(day(0)), false),
            ("digits", Condition::Before(day(1_000_000_000)), false),
            ("said digits", Condition::After(day(17_225)), true),
            ("said digits", Condition::Before(day(17_226)), false),
            ("at noon", Condition::After(Timestamp::from_millis(1_488_369_600_000)), true),
            ("at noon", Condition::Before(Timestamp::from_millis(1_488_369_600_001)), false),
        ];
        for (property, condition, expected) in &table {
            check(&event(), property, condition, *expected);
        }
    }

    #[test]
    fn all_conditions_must_hold_and_the_name_must_be_right() {
        let large = EventFilter::from("purchase").when("amount", Condition::Greater(10.0));
        assert!(passes(&large, &event()));
        assert!(!passes(&large.clone().when("gift", Condition::NotExists), &event()));
        assert!(!passes(&EventFilter { events: vec!["visit".into()], ..large }, &event()));
        assert!(passes(&EventFilter::default(), &event()));
    }

    #[test]
    fn limits_may_be_equal_but_not_reversed() {
        let between =
            |low, high| EventFilter::default().when("amount", Condition::Between(low, high));
        assert!(between(12.5, 12.5).check().is_ok());
        assert!(between(12.6, 12.5).check().is_err());
        assert!(between(f64::NEG_INFINITY, 12.5).check().is_err());
        assert!(between(0.0, f64::NAN).check().is_err());
    }

    #[test]
    fn a_filter_is_plain_data() {
        let filter = EventFilter::from("purchase").when("amount", Condition::AtLeast(5.0));
        let json = serde_json::to_string(&filter).unwrap();
        assert_eq!(
            json,
            r#"{"events":["purchase"],"when":[{"property":"amount","is":{"at_least":5.0}}]}"#
        );
        assert_eq!(serde_json::from_str::<EventFilter>(&json).unwrap(), filter);
    }
}
