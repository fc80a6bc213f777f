//! Which events count: those of a name, and those whose properties pass tests.
//!
//! A test looks at the values of one property of one event; of a list, at each. The positive ones
//! hold if any value passes; `Not…` is the exact opposite, so that it holds where there is no value.
//! Values are told apart by their text: a number by its shortest decimal form, a flag as `true` or
//! `false`, a moment as RFC 3339 in UTC. What is not a number is neither less nor greater than one,
//! and a number is neither before nor after a moment.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::{Cell, Entry};
use super::local;
use super::measure::Need;
use super::texts::Texts;
use crate::{Error, Event, Result, Timestamp, Value};

/// A test of the values of a property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Test {
    /// Some value is this text.
    Equals(String),
    /// No value is this text.
    NotEquals(String),
    /// Some value is one of these texts.
    OneOf(Vec<String>),
    /// Some value is a number below this.
    Less(f64),
    /// Some value is a number not above this.
    AtMost(f64),
    /// Some value is a number above this.
    Greater(f64),
    /// Some value is a number not below this.
    AtLeast(f64),
    /// No value is a number below this: an amount of at least 0, or no amount at all.
    NotLess(f64),
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
    /// There is none.
    NotExists,
    /// Some value is a moment, or a text that reads as one, before this. A number is no moment: it
    /// could be of days, seconds or milliseconds, or `20170301`. Make a
    /// [`Value::Time`](crate::Value::Time) of it, or compare it as a number.
    Before(Timestamp),
    /// Some value is a moment, or a text that reads as one, after this; a number is none, as for
    /// [`Test::Before`].
    After(Timestamp),
}

impl Test {
    /// Whether the test holds for the values of a property, given as numbers, where they are, and
    /// as texts.
    pub(crate) fn holds<'v>(
        &self,
        mut values: impl Iterator<Item = (Option<f64>, Cow<'v, str>)>,
    ) -> bool {
        let mut text = |test: &dyn Fn(&str) -> bool| values.any(|(_, text)| test(&text));
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
                values.any(|(number, text)| moment(number, &text).is_some_and(|at| at < *limit))
            }
            Self::After(limit) => {
                values.any(|(number, text)| moment(number, &text).is_some_and(|at| at > *limit))
            }
            Self::Less(limit) => values.any(|(number, _)| number.is_some_and(|n| n < *limit)),
            Self::AtMost(limit) => values.any(|(number, _)| number.is_some_and(|n| n <= *limit)),
            Self::Greater(limit) => values.any(|(number, _)| number.is_some_and(|n| n > *limit)),
            Self::AtLeast(limit) => values.any(|(number, _)| number.is_some_and(|n| n >= *limit)),
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
            | Self::NotLess(_) => Need::NUMBER,
            _ => Need::BOTH,
        }
    }

    /// What keeps the test from making sense.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Less(limit)
            | Self::AtMost(limit)
            | Self::Greater(limit)
            | Self::AtLeast(limit)
            | Self::NotLess(limit)
                if !limit.is_finite() =>
            {
                Some("the number of a test must be finite")
            }
            Self::OneOf(wanted) | Self::ContainsOneOf(wanted) if wanted.is_empty() => {
                Some("a test of one of several needs at least one")
            }
            _ => None,
        }
    }
}

/// The moment that a value is, given as a test sees it. The number of a moment is that of its days;
/// any other is a number's, whose digits may read as a date.
fn moment(number: Option<f64>, text: &str) -> Option<Timestamp> {
    let at = Timestamp::parse(text).ok()?;
    number.is_none_or(|days| days == at.days()).then_some(at)
}

/// A value as a test sees it.
pub(crate) fn seen<'v>(value: &'v Value<'_>) -> (Option<f64>, Cow<'v, str>) {
    match value {
        Value::Flag(flag) => (None, Cow::Borrowed(if *flag { "true" } else { "false" })),
        // Minus zero is zero.
        Value::Number(number) => (Some(*number), Cow::Owned((number + 0.0).to_string())),
        Value::Text(text) => (None, Cow::Borrowed(text)),
        Value::Time(at) => (Some(at.days()), Cow::Owned(at.to_string())),
        Value::List(_) | Value::Object(_) => unreachable!("a list is seen value by value"),
    }
}

/// The value of a property of an event; of one given twice, the last.
pub(super) fn value<'e>(event: &'e Event<'_>, property: &str) -> Option<&'e Value<'e>> {
    let mut named = event.properties.iter().rev().filter(|(name, _)| name == property);
    named.next().map(|(_, value)| value)
}

/// The number that a value is, if it is one and no list.
pub(super) fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        // Minus zero is zero.
        Value::Number(number) => Some(number + 0.0),
        Value::Time(at) => Some(at.days()),
        _ => None,
    }
}

/// A property and the test it must pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    property: String,
    is: Test,
}

/// Which events count. A name alone is one: `EventFilter::from("purchase")`.
///
/// ```
/// use personas::features::{EventFilter, Test};
///
/// let large = EventFilter::from("purchase")
///     .when("amount", Test::AtLeast(100.0))
///     .when("@week_part", Test::Equals("weekend".into()));
/// assert_ne!(large, EventFilter::all());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) when: Vec<Condition>,
}

impl From<&str> for EventFilter {
    fn from(event: &str) -> Self {
        event.to_owned().into()
    }
}

impl From<String> for EventFilter {
    fn from(event: String) -> Self {
        Self { event: Some(event), when: Vec::new() }
    }
}

impl EventFilter {
    /// All events.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only events of which a property passes a test; every such test must be passed. The names
    /// that begin with `@` are [what an event is called by its own clock](crate::features#local-time).
    #[must_use]
    pub fn when(mut self, property: impl Into<String>, is: Test) -> Self {
        self.when.push(Condition { property: property.into(), is });
        self
    }

    /// The name of the events that count; `None` for all names.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// The same tests, of events of this name.
    pub(crate) fn named(mut self, event: String) -> Self {
        self.event = Some(event);
        self
    }

    /// The properties it reads.
    pub(crate) fn properties(&self) -> impl Iterator<Item = &str> {
        self.needs().map(|(property, _)| property)
    }

    /// The properties it reads, and how.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (&str, Need)> {
        self.when.iter().map(|condition| (condition.property.as_str(), condition.is.need()))
    }

    /// What keeps it from making sense.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let mut faults =
            self.when.iter().map(|test| local::fault(&test.property).or_else(|| test.is.fault()));
        faults.find_map(|fault| fault)
    }

    /// Whether it makes sense, where it stands alone.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |reason: &'static str| {
            Err(Error::InvalidRule { rule: self.to_string(), reason: reason.into() })
        };
        self.fault().map_or(Ok(()), wrong)
    }

    /// Whether an event as it came counts; the same as its entry does. Derived properties are not
    /// looked at.
    pub(crate) fn passes(&self, event: &Event<'_>) -> bool {
        self.event.as_deref().is_none_or(|name| event.name == name)
            && self.when.iter().all(|Condition { property, is }| {
                let values = value(event, property).into_iter().flat_map(Value::each);
                match is.need() {
                    // Spares the text of a number.
                    Need::NUMBER => is.holds(values.map(|value| (number(value), "".into()))),
                    _ => is.holds(values.map(seen)),
                }
            })
    }

    /// The words that entries are compared with by number.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let wanted = self.when.iter().flat_map(|condition| match &condition.is {
            Test::Equals(text) | Test::NotEquals(text) => std::slice::from_ref(text),
            Test::OneOf(texts) => texts.as_slice(),
            _ => &[],
        });
        let names = self.event.iter().map(String::as_str).chain(self.properties());
        names.chain(wanted.map(String::as_str))
    }

    /// The filter with its words looked up: good for as long as they keep their numbers.
    pub(crate) fn with_words(&self, texts: &Texts) -> WordFilter {
        let tests = self.when.iter().map(|Condition { property, is }| {
            let code = |text: &String| texts.code(text);
            let test = match is {
                Test::Equals(text) => WordTest::Labels(vec![code(text)], true),
                Test::NotEquals(text) => WordTest::Labels(vec![code(text)], false),
                Test::OneOf(wanted) => {
                    let mut codes: Vec<u32> = wanted.iter().map(code).collect();
                    codes.sort_unstable();
                    WordTest::Labels(codes, true)
                }
                other => WordTest::Other(other.clone()),
            };
            (code(property), test)
        });
        let name = self.event.as_ref().map(|name| texts.code(name));
        WordFilter { name, tests: tests.collect() }
    }

    /// The filter for entries of these texts.
    pub(crate) fn bind<'t>(&self, texts: &'t Texts) -> BoundFilter<'t> {
        BoundFilter { filter: self.with_words(texts), texts }
    }
}

impl fmt::Display for EventFilter {
    /// The event's name, and the properties that are tested: `purchase where amount, channel`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event.as_deref().unwrap_or("any event"))?;
        for (i, property) in self.properties().enumerate() {
            write!(f, "{} {property}", if i == 0 { " where" } else { "," })?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq)]
enum WordTest {
    /// Whether some label is among these, sorted; and whether that is wanted.
    Labels(Vec<u32>, bool),
    Other(Test),
}

/// A filter with its words as numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WordFilter {
    name: Option<u32>,
    tests: Vec<(u32, WordTest)>,
}

impl WordFilter {
    /// Whether an entry of these texts counts.
    pub(crate) fn passes(&self, entry: &Entry, texts: &Texts) -> bool {
        // Properties of which a test reads the text are kept with it.
        let seen =
            |cell: Cell| (cell.number(), cell.label().map_or("", |label| texts.text(label)).into());
        self.name.is_none_or(|name| entry.name == name)
            && self.tests.iter().all(|(property, test)| {
                let mut cells = entry.property(*property);
                match test {
                    WordTest::Labels(wanted, is_wanted) => {
                        let is_in = |label| wanted.binary_search(&label).is_ok();
                        cells.any(|cell| cell.label().is_some_and(is_in)) == *is_wanted
                    }
                    WordTest::Other(test) => test.holds(cells.map(seen)),
                }
            })
    }
}

/// A filter for entries.
pub(crate) struct BoundFilter<'t> {
    filter: WordFilter,
    texts: &'t Texts,
}

impl PartialEq for BoundFilter<'_> {
    /// Of the same texts, whether the same entries pass for the same reasons.
    fn eq(&self, other: &Self) -> bool {
        self.filter == other.filter
    }
}

impl BoundFilter<'_> {
    /// Whether an entry counts.
    pub(crate) fn passes(&self, entry: &Entry) -> bool {
        self.filter.passes(entry, self.texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::keep::Keep;
    use crate::features::{Feature, FeatureSet, Measure, NONE};

    /// Whether the event passes, both as it came and as it is kept.
    fn check(event: &Event<'_>, property: &str, test: &Test, expected: bool) {
        let filter = EventFilter::all().when(property, test.clone());
        let raw = filter.passes(event);
        let feature = Feature::new("n", Measure::Count).of(filter.clone());
        let mut texts = Texts::default();
        let keep = Keep::new(&FeatureSet::default().with(feature), &mut texts);
        let entry = keep.entry(event, NONE, &mut texts);
        assert_eq!((raw, filter.bind(&texts).passes(&entry)), (expected, expected), "{test:?}");
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
    fn every_operator_means_what_it_says() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let day = |n: i64| Timestamp::from_millis(n * 86_400_000);
        let table = [
            ("amount", Test::Equals("12.5".into()), true),
            ("amount", Test::Equals("12.50".into()), false),
            ("gift", Test::Equals("true".into()), true),
            ("colours", Test::Equals("red".into()), true),
            ("colours", Test::NotEquals("red".into()), false),
            ("colours", Test::NotEquals("green".into()), true),
            ("absent", Test::NotEquals("green".into()), true),
            ("colours", Test::OneOf(words(&["green", "dark blue"])), true),
            ("colours", Test::OneOf(words(&["green", "blue"])), false),
            ("amount", Test::Less(12.5), false),
            ("amount", Test::AtMost(12.5), true),
            ("amount", Test::Greater(12.5), false),
            ("amount", Test::AtLeast(12.5), true),
            ("colours", Test::AtLeast(-1e9), false),
            ("absent", Test::Less(1e9), false),
            ("amount", Test::NotLess(12.5), true),
            ("amount", Test::NotLess(12.6), false),
            ("colours", Test::NotLess(1e9), true),
            ("absent", Test::NotLess(1e9), true),
            ("colours", Test::Contains("blue".into()), true),
            ("colours", Test::NotContains("blue".into()), false),
            ("absent", Test::NotContains("blue".into()), true),
            ("colours", Test::ContainsOneOf(words(&["x", "ark"])), true),
            ("colours", Test::ContainsOneOf(words(&["x"])), false),
            ("colours", Test::StartsWith("dark".into()), true),
            ("colours", Test::StartsWith("blue".into()), false),
            ("colours", Test::EndsWith("blue".into()), true),
            ("colours", Test::EndsWith("dark".into()), false),
            ("colours", Test::Exists, true),
            ("none", Test::Exists, false),
            ("none", Test::NotExists, true),
            ("absent", Test::NotExists, true),
            ("due", Test::After(day(0)), true),
            ("due", Test::After(day(1)), false),
            ("due", Test::Before(day(2)), true),
            ("said", Test::Before(day(2)), true),
            ("said", Test::Before(day(1)), false),
            ("amount", Test::After(day(0)), false),
            // Read as a date it would be in 2017, as days in the year 57195.
            ("digits", Test::After(day(0)), false),
            ("digits", Test::Before(day(1_000_000_000)), false),
            ("said digits", Test::After(day(17_225)), true),
            ("said digits", Test::Before(day(17_226)), false),
            ("at noon", Test::After(Timestamp::from_millis(1_488_369_600_000)), true),
            ("at noon", Test::Before(Timestamp::from_millis(1_488_369_600_001)), false),
        ];
        for (property, test, expected) in &table {
            check(&event(), property, test, *expected);
        }
    }

    #[test]
    fn all_tests_must_pass_and_the_name_too() {
        let texts = Texts::default();
        let keep = |filter: &EventFilter, event: &Event<'_>| {
            let mut texts = texts.clone();
            let set =
                FeatureSet::default().with(Feature::new("n", Measure::Count).of(filter.clone()));
            let entry = Keep::new(&set, &mut texts).entry(event, NONE, &mut texts);
            filter.bind(&texts).passes(&entry)
        };
        let large = EventFilter::from("purchase").when("amount", Test::Greater(10.0));
        assert!(keep(&large, &event()));
        assert!(!keep(&large.clone().when("gift", Test::NotExists), &event()));
        assert!(!keep(&large.named("visit".into()), &event()));
        assert!(keep(&EventFilter::all(), &event()));
    }

    #[test]
    fn a_filter_is_plain_data() {
        let filter = EventFilter::from("purchase").when("amount", Test::AtLeast(5.0));
        let json = serde_json::to_string(&filter).unwrap();
        assert_eq!(
            json,
            r#"{"event":"purchase","when":[{"property":"amount","is":{"at_least":5.0}}]}"#
        );
        assert_eq!(serde_json::from_str::<EventFilter>(&json).unwrap(), filter);
    }
}
