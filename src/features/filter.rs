//! Which events count: those of a name whose properties meet conditions.
//!
//! There is one meaning: that on stored events. A filter is bound to the schema and the dictionary
//! once, and then compares numbers.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::condition::{BoundCondition, Condition};
use super::dictionary::{Dictionary, NONE};
use super::formula;
use super::local_time;
use super::schema::{Need, Schema};
use super::stored::StoredEvent;
use crate::{Error, Result};

/// Calls that say who somebody is. They are not activity, so that a feature does not count them unless
/// it names them or tests `@event`.
const NOT_ACTIVITY: [&str; 2] = ["alias", "identify"];

/// A property and the condition it must meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PropertyCondition {
    property: String,
    is: Condition,
}

/// Which events count.
///
/// A name is a filter, and so are several names, of which an event must have one:
/// `EventFilter::from("purchase")`, `EventFilter::from(["purchase", "Order Completed"])`. The default is all
/// events. Features then leave out `identify` and `alias` calls, which are not activity; to count them, name
/// them in the filter or test `@event`.
///
/// ```
/// use personas::features::{Condition, EventFilter};
///
/// let large = EventFilter::from("purchase")
///     .when("amount", Condition::AtLeast(100.0))
///     .when("@week_part", Condition::Equals("weekend".into()));
/// assert_ne!(large, EventFilter::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Names, of which an event must have one; none for any event.
    #[serde(default)]
    pub(super) events: Vec<String>,
    #[serde(default)]
    pub(super) when: Vec<PropertyCondition>,
}

impl From<&str> for EventFilter {
    fn from(event: &str) -> Self {
        event.to_owned().into()
    }
}

impl From<String> for EventFilter {
    fn from(event: String) -> Self {
        [event].into_iter().collect()
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for EventFilter {
    fn from(events: [S; N]) -> Self {
        events.into_iter().collect()
    }
}

impl<S: Into<String>> FromIterator<S> for EventFilter {
    /// The filter of events that have one of these names; of any events if there are none.
    fn from_iter<I: IntoIterator<Item = S>>(events: I) -> Self {
        Self { events: events.into_iter().map(Into::into).collect(), when: Vec::new() }
    }
}

impl EventFilter {
    /// Keeps only events whose property meets a condition; an event must meet all such conditions. Names
    /// that begin with `@` are those of the event's [local time](crate::features#local-time).
    #[must_use]
    pub fn when(mut self, property: impl Into<String>, is: Condition) -> Self {
        self.when.push(PropertyCondition { property: property.into(), is });
        self
    }

    /// The properties it reads.
    pub(crate) fn properties(&self) -> impl Iterator<Item = &str> {
        self.needs().map(|(property, _)| property)
    }

    /// The properties it reads, and how.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (&str, Need)> {
        self.when.iter().map(|when| (when.property.as_str(), when.is.need()))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<Cow<'static, str>> {
        let faults = |when: &PropertyCondition| {
            let of_name = local_time::fault(&when.property);
            of_name
                .or_else(|| formula::fault(&when.property))
                .or_else(|| when.is.fault().map(Cow::Borrowed))
        };
        self.when.iter().find_map(faults)
    }

    /// Checks it by itself, without a store.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |reason| Err(Error::InvalidRule { rule: self.to_string(), reason });
        self.fault().map_or(Ok(()), wrong)
    }

    /// The texts whose codes it compares.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let wanted = self.when.iter().flat_map(|when| when.is.texts());
        self.events.iter().chain(wanted).map(String::as_str)
    }

    /// Whether some condition reads more of a text than whether it is a certain one.
    pub(crate) fn reads_texts(&self) -> bool {
        self.when.iter().any(|when| when.is.reads_texts())
    }

    /// Whether it says itself which events by name count.
    fn names_events(&self) -> bool {
        !self.events.is_empty() || self.when.iter().any(|when| when.property == "@event")
    }

    /// The texts whose codes a filter of activity compares.
    pub(super) fn texts_of_activity(&self) -> impl Iterator<Item = &str> {
        let names = if self.names_events() { &[][..] } else { &NOT_ACTIVITY };
        self.texts().chain(names.iter().copied())
    }

    /// As [`EventFilter::bind`], without calls that are not activity.
    pub(super) fn bind_activity(&self, schema: &Schema, dictionary: &Dictionary) -> BoundFilter {
        let mut bound = self.bind(schema, dictionary);
        if !self.names_events() {
            bound.not = NOT_ACTIVITY.map(|name| dictionary.code(name));
        }
        bound
    }

    /// The filter for stored events; valid as long as its texts keep their codes.
    pub(crate) fn bind(&self, schema: &Schema, dictionary: &Dictionary) -> BoundFilter {
        let when = self.when.iter();
        BoundFilter {
            names: self.events.iter().map(|name| dictionary.code(name)).collect(),
            not: [NONE; 2],
            conditions: when
                .map(|when| when.is.bind(schema.property(&when.property), dictionary))
                .collect(),
        }
    }
}

impl fmt::Display for EventFilter {
    /// The events' names and the properties with conditions: `purchase where amount, channel`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.events.is_empty() {
            true => f.write_str("any event")?,
            false => f.write_str(&self.events.join(" or "))?,
        }
        for (i, property) in self.properties().enumerate() {
            write!(f, "{} {property}", if i == 0 { " where" } else { "," })?;
        }
        Ok(())
    }
}

/// A filter with its names looked up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoundFilter {
    /// Codes of the names, of which an event must have one; none for any event.
    names: Vec<u32>,
    /// Codes of names that do not count.
    not: [u32; 2],
    conditions: Vec<BoundCondition>,
}

impl Default for BoundFilter {
    fn default() -> Self {
        Self { names: Vec::new(), not: [NONE; 2], conditions: Vec::new() }
    }
}

impl BoundFilter {
    /// Whether a stored event counts.
    pub(crate) fn passes(&self, event: StoredEvent<'_>, dictionary: &Dictionary) -> bool {
        (self.names.is_empty() || self.names.contains(&event.name))
            && self.not.iter().all(|&name| name == NONE || name != event.name)
            && self.conditions.iter().all(|condition| condition.passes(event, dictionary))
    }
}
