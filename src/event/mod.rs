//! What happened, when, and the identifiers that were seen with it.
//!
//! An [`Event`] borrows its texts where it can, so that reading a stream costs no copies. It is
//! plain data: nothing is checked until [`Profiles`](crate::Profiles) or an identity graph takes
//! it in, and then a bad one is refused whole, with a [`Refusal`] that says why. The calls of the
//! Segment spec become events by [`Event::from_segment`].

#[allow(dead_code)] // until identity and features read columns
mod column;
mod columns;
mod observations;
mod refusal;
mod report;
mod rows;
mod time;
mod value;
#[cfg(feature = "segment")]
mod wanted;

use std::borrow::Cow;

pub use column::ColumnData;
pub(crate) use column::EventColumn;
pub use columns::EventColumns;
pub(crate) use observations::{Digits, IdentifierRef, Observations};
pub use refusal::Refusal;
pub use report::{IngestReport, Refused, Unread};
use serde::{Deserialize, Serialize};
#[cfg(feature = "segment")]
pub(crate) use time::LocalOffset;
pub use time::Timestamp;
pub use value::Value;
#[cfg(feature = "segment")]
pub(crate) use wanted::Wanted;

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
    /// How far the clocks where it happened were ahead of UTC, in minutes; none if that is not
    /// known, and then the event has no hour, weekday or season of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc_offset_minutes: Option<i16>,
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
            utc_offset_minutes: None,
            identifiers: Vec::new(),
            properties: Vec::new(),
            attributes: Vec::new(),
            message_id: None,
        }
    }

    /// Sets how far local clocks were ahead of UTC, in minutes, if that is known.
    #[must_use]
    pub fn utc_offset(mut self, minutes: impl Into<Option<i16>>) -> Self {
        self.utc_offset_minutes = minutes.into();
        self
    }

    /// Adds an identifier.
    #[must_use]
    pub fn id(mut self, kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        push(&mut self.identifiers, Identifier::new(kind, value));
        self
    }

    /// Adds an identifier that the client claims and nobody verified.
    #[must_use]
    pub fn claimed_id(
        mut self,
        kind: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Self {
        push(&mut self.identifiers, Identifier::claimed(kind, value));
        self
    }

    /// Adds a property of the event.
    #[must_use]
    pub fn property(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        push(&mut self.properties, (name.into(), value.into()));
        self
    }

    /// Adds an attribute of the person.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        push(&mut self.attributes, (name.into(), value.into()));
        self
    }

    /// Copies the texts that it borrows, so that it outlives their source.
    ///
    /// ```
    /// use personas::Event;
    ///
    /// fn read(line: String) -> personas::Result<Event<'static>> {
    ///     Ok(Event::from_segment(&line)?.into_owned())
    /// }
    /// let line = r#"{"type": "page", "userId": "97", "timestamp": "2017-03-01"}"#;
    /// assert_eq!(read(line.to_owned())?.identifiers[0].value, "97");
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn into_owned(self) -> Event<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let identifier = |id: Identifier<'_>| Identifier {
            kind: owned(id.kind),
            value: owned(id.value),
            claimed: id.claimed,
        };
        Event {
            name: owned(self.name),
            at: self.at,
            utc_offset_minutes: self.utc_offset_minutes,
            identifiers: self.identifiers.into_iter().map(identifier).collect(),
            properties: self.properties.into_iter().map(value::owned_field).collect(),
            attributes: self.attributes.into_iter().map(value::owned_field).collect(),
            message_id: self.message_id.map(owned),
        }
    }

    /// Sets the sender's message id.
    #[must_use]
    pub fn message_id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.message_id = Some(id.into());
        self
    }
}

/// Many events have one item of a kind: the first gets a place for itself, where a `Vec` takes four
/// at once. The second moves to four.
fn push<T>(items: &mut Vec<T>, item: T) {
    if items.capacity() == 0 {
        items.reserve_exact(1);
    }
    items.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_json() {
        let event = Event::new("purchase", Timestamp::from_millis(5))
            .id("card", "1")
            .property("amount", 0.1)
            .property("gift", true)
            .property("tags", vec![Value::from("a"), Value::from(1.0)])
            .utc_offset(-300)
            .attribute("age", "25-34")
            .message_id("m");
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event<'_>>(&json).unwrap(), event);
    }
}
