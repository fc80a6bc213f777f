//! What happened, when, and the identifiers that were seen with it.
//!
//! An [`Event`] borrows its texts where it can, so that reading a stream costs no copies. It is
//! plain data: nothing is checked until [`Profiles`](crate::Profiles) or an identity graph takes
//! it in, and then a bad one is refused whole, with a [`Refusal`] that says why.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// ```
/// use personas::Timestamp;
///
/// let noon = Timestamp::parse("2017-03-01T12:00:00-05:00")?;
/// assert_eq!(noon.to_string(), "2017-03-01T17:00:00Z");
/// assert_eq!(noon.days_since(Timestamp::parse("2017-03-01")?), 17.0 / 24.0);
/// assert!(Timestamp::parse("yesterday").is_err());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const DAY_MS: f64 = 86_400_000.0;

impl Timestamp {
    /// From milliseconds since the epoch; any value is a moment.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 and ISO 8601 (`2017-01-01T07:30:27-05:00`, also `-0500` and `Z`). A date or
    /// date and time without an offset is taken as UTC. Digits below a millisecond are cut.
    ///
    /// # Errors
    /// [`Error::InvalidTime`], also for years outside −9999 to 9999. The message does not repeat
    /// the text.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_millisecond()));
        }
        // jiff's own message quotes the text, which may be somebody's data.
        let civil = text.parse::<jiff::civil::DateTime>().map_err(|_| Error::InvalidTime {
            reason: "expected a date or a date and time, as in 2017-01-01T07:30:27-05:00".into(),
        })?;
        let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Error::InvalidTime {
            reason: "outside the years that can be represented".into(),
        })?;
        Ok(Self(instant.timestamp().as_millisecond()))
    }

    /// Days of 24 hours from `earlier` to this moment; negative if it is later.
    pub fn days_since(self, earlier: Self) -> f64 {
        // Through i128: the difference of two i64 need not fit one.
        (i128::from(self.0) - i128::from(earlier.0)) as f64 / DAY_MS
    }

    /// The UTC day this moment falls in, counted from 1970-01-01.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS as i64)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC; beyond the years −9999 to 9999, the milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

/// A value of a property or an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// One identifier: a kind and a value, such as `("email", "ann@example.org")`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier<'a> {
    /// The kind; any word.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The value, as it came.
    #[serde(borrow)]
    pub value: Cow<'a, str>,
    /// Whether a client merely said so and nobody verified it. A claim never joins an event to
    /// the person whose identifier it is; see the [rules](crate::Rules).
    #[serde(default, skip_serializing_if = "is_false")]
    pub claimed: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'a> Identifier<'a> {
    /// An identifier of a kind.
    pub fn new(kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self { kind: kind.into(), value: value.into(), claimed: false }
    }

    /// An identifier that a client claims and nobody verified.
    pub fn claimed(kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self { kind: kind.into(), value: value.into(), claimed: true }
    }
}

/// Something a person did, or that became known of them.
///
/// ```
/// use personas::{Event, Timestamp};
///
/// let event = Event::new("purchase", Timestamp::parse("2017-01-01")?)
///     .id("email", "ann@example.org")
///     .id("card", "4711")
///     .property("amount", 12.5)
///     .property("department", "PRODUCE");
/// assert_eq!(event.identifiers.len(), 2);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened; by convention `identify` where only attributes are declared.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// When it happened.
    pub at: Timestamp,
    /// The identifiers seen with it; at least one.
    #[serde(borrow)]
    pub identifiers: Vec<Identifier<'a>>,
    /// What is known of the event: amount, product, channel …
    #[serde(borrow, default)]
    pub properties: Vec<(Cow<'a, str>, Value<'a>)>,
    /// What is declared of the person: age, income … The newest by time counts.
    #[serde(borrow, default)]
    pub attributes: Vec<(Cow<'a, str>, Value<'a>)>,
    /// The sender's id of this message, by which a repetition is recognised.
    #[serde(borrow, default)]
    pub message_id: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// An event without identifiers yet.
    pub fn new(name: impl Into<Cow<'a, str>>, at: Timestamp) -> Self {
        Self {
            name: name.into(),
            at,
            identifiers: Vec::new(),
            properties: Vec::new(),
            attributes: Vec::new(),
            message_id: None,
        }
    }

    /// Adds an identifier.
    #[must_use]
    pub fn id(mut self, kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.identifiers.push(Identifier::new(kind, value));
        self
    }

    /// Adds an identifier that the client claims and nobody verified.
    #[must_use]
    pub fn claimed_id(
        mut self,
        kind: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Self {
        self.identifiers.push(Identifier::claimed(kind, value));
        self
    }

    /// Adds a property of the event.
    #[must_use]
    pub fn property(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// Adds an attribute of the person.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// Sets the sender's message id.
    #[must_use]
    pub fn message_id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.message_id = Some(id.into());
        self
    }
}

/// Why an event was refused. Nothing of a refused event is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It carries no identifier, so it is nobody's.
    #[error("it carries no identifier")]
    NoIdentifier,
    /// It carries more identifiers than an honest event does.
    #[error("it carries {got} identifiers, more than {limit}")]
    TooManyIdentifiers {
        /// Identifiers on the event.
        got: usize,
        /// Identifiers allowed.
        limit: usize,
    },
    /// An identifier is too long; cutting it could join two people.
    #[error("an identifier of {bytes} bytes is longer than {limit}")]
    IdentifierTooLong {
        /// Its length.
        bytes: usize,
        /// The length allowed.
        limit: usize,
    },
    /// An identifier holds a control character, or the mark that stands for bytes which were not
    /// text; two different broken values would look alike and join two people.
    #[error("an identifier holds a control character or U+FFFD")]
    IllegalCharacter,
    /// It holds two different values, neither merely claimed, of a kind of which a person has one.
    #[error("it holds two values of {kind:?}, of which a person has one")]
    TwoValues {
        /// The kind.
        kind: String,
    },
    /// No further identifiers or signatures can be numbered.
    #[error("the graph is full: it can number {limit} {what}")]
    Full {
        /// What there are too many of.
        what: String,
        /// How many it can hold.
        limit: usize,
    },
    /// Its time lies outside the years in which events can have happened.
    #[error("its time {at} lies outside {min} to {max}")]
    OutsideClock {
        /// The event's time.
        at: Timestamp,
        /// Earliest time allowed.
        min: Timestamp,
        /// Latest time allowed.
        max: Timestamp,
    },
    /// A number is NaN, infinite or beyond ±2⁶⁰, where sums could not be exact.
    #[error("property {property:?} is not a number between -2^60 and 2^60")]
    NotSummable {
        /// The property's name.
        property: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_offset() {
        let millis = |text| Timestamp::parse(text).map(Timestamp::millis);
        assert_eq!(millis("1970-01-02"), Ok(86_400_000));
        assert_eq!(millis("1970-01-01T00:00:00.0019Z"), Ok(1));
        assert_eq!(millis("1970-01-01T00:00:00-0500"), Ok(5 * 3_600_000));
        assert_eq!(millis(" 1970-01-01 01:00:00 "), Ok(3_600_000));
        assert_eq!(millis("1969-12-31T23:59:59Z"), Ok(-1000));
        for bad in ["", "soon", "2017-13-01", "2017-01-01T25:00:00Z", "1e300", "99999-01-01"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_never_repeats_the_text() {
        let error = Timestamp::parse("ann@example.org").unwrap_err().to_string();
        assert!(!error.contains("ann"), "{error}");
    }

    #[test]
    fn the_ends_of_time_neither_overflow_nor_panic() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert!(last.days_since(first) > 2e11);
        assert!(first.to_string().ends_with("ms since 1970"));
    }

    #[test]
    fn an_event_survives_json() {
        let event = Event::new("purchase", Timestamp::from_millis(5))
            .id("card", "1")
            .property("amount", 0.1)
            .property("gift", true)
            .attribute("age", "25-34")
            .message_id("m");
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event<'_>>(&json).unwrap(), event);
    }
}
