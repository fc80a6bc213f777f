//! One event: what happened, when, with which identifiers, and what is known of it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::identifier::Identifier;
use super::time::Timestamp;
use super::value::{self, Value};

/// Something that a person did, or that became known about them.
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
    /// What happened; by convention `identify` if the event only declares attributes.
    pub name: Cow<'a, str>,
    /// When it happened.
    pub at: Timestamp,
    /// How far local clocks were ahead of UTC where it happened, in minutes, within ±1440. If it is unknown,
    /// features of the hour, the weekday and the season are missing.
    #[serde(default)]
    pub utc_offset_minutes: Option<i16>,
    /// The identifiers seen with it; at least one.
    pub identifiers: Vec<Identifier<'a>>,
    /// What is known about the event: amount, product, channel … For duplicate names, the last value
    /// wins.
    #[serde(default)]
    pub properties: Vec<(Cow<'a, str>, Value<'a>)>,
    /// What the event declares about the person: age, income … For each name, the newest value by time
    /// wins.
    #[serde(default)]
    pub attributes: Vec<(Cow<'a, str>, Value<'a>)>,
    /// The sender's id of this message, by which duplicates are found.
    #[serde(default)]
    pub message_id: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// Creates an event without identifiers, properties and attributes.
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

    /// Sets how far local clocks were ahead of UTC, in minutes, within ±1440; `None` if unknown.
    #[must_use]
    pub fn utc_offset(mut self, minutes: impl Into<Option<i16>>) -> Self {
        self.utc_offset_minutes = minutes.into();
        self
    }

    /// Adds an identifier that counts as verified.
    #[must_use]
    pub fn id(mut self, kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        push(&mut self.identifiers, Identifier::new(kind, value));
        self
    }

    /// Adds an identifier that the client claims and nobody verified.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("login", at).id("email", "ann@example.org").id("cookie", "c1"))?;
    /// // Whoever writes Ann's address into a form does not become Ann.
    /// people.observe(&Event::new("signup", at).claimed_id("email", "ann@example.org").id("cookie", "c2"))?;
    /// assert_eq!(people.n_profiles(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn claimed_id(
        mut self,
        kind: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Self {
        let identifier = Identifier { claimed: true, ..Identifier::new(kind, value) };
        push(&mut self.identifiers, identifier);
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

    /// Copies the texts that it borrows, so that it can outlive their source.
    ///
    /// ```
    /// use personas::{Event, Timestamp};
    ///
    /// fn read(line: String) -> Result<Event<'static>, personas::Error> {
    ///     let (id, time) = line.split_once(',').unwrap_or_default();
    ///     Ok(Event::new("visit", Timestamp::parse(time)?).id("cookie", id).into_owned())
    /// }
    /// assert_eq!(read("c-4711,2024-05-01".to_owned())?.identifiers[0].value, "c-4711");
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

/// Most lists of an event have one item: the first gets room for itself alone, where a `Vec` would
/// make room for four.
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
