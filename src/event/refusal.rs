//! Why an event was refused.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// Why an event was refused. A refused event changes nothing.
///
/// ```
/// use personas::{Error, Event, FeatureSet, Profiles, Refusal, Rules, Timestamp};
///
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// let event = Event::new("visit", Timestamp::parse("2024-05-01")?).id("card", "4".repeat(2000));
/// let reason = Refusal::IdentifierTooLong { kind: "card".into(), bytes: 2000, limit: 1024 };
/// assert_eq!(reason.to_string(), "identifier of kind \"card\" is 2000 bytes long; at most 1024");
/// assert_eq!(people.observe(&event).err(), Some(Error::Refused(reason)));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The event has no identifier, so it belongs to nobody.
    #[error("no identifier")]
    NoIdentifier,
    /// The event has more identifiers than are allowed.
    #[error("{got} identifiers; at most {limit}")]
    TooManyIdentifiers {
        /// Identifiers of the event.
        got: usize,
        /// Identifiers allowed.
        limit: usize,
    },
    /// An identifier is too long, and the event has no valid one. Identifiers are never cut, because that
    /// could join two people.
    #[error("identifier of kind {kind:?} is {bytes} bytes long; at most {limit}")]
    IdentifierTooLong {
        /// Its kind.
        kind: String,
        /// The length of its value.
        bytes: usize,
        /// The length allowed.
        limit: usize,
    },
    /// The kind of an identifier is too long, and the event has no valid identifier.
    #[error("kind of an identifier is {bytes} bytes long; at most {limit}")]
    KindTooLong {
        /// The length of the kind.
        bytes: usize,
        /// The length allowed.
        limit: usize,
    },
    /// The message id is too long.
    #[error("message id is {bytes} bytes long; at most {limit}")]
    MessageIdTooLong {
        /// Its length.
        bytes: usize,
        /// The length allowed.
        limit: usize,
    },
    /// An identifier or its kind contains a control character or U+FFFD, and the event has no valid identifier. U+FFFD
    /// replaces bytes that are not text, so two different broken values would look alike and join two people.
    #[error("identifier of kind {kind:?} has a control character or U+FFFD in its kind or value")]
    IllegalCharacter {
        /// Its kind.
        kind: String,
    },
    /// The event has two different values, neither merely claimed, of a kind of which a person has
    /// one.
    #[error("two identifiers of kind {kind:?}, but a person has at most one")]
    TwoValues {
        /// The kind.
        kind: String,
    },
    /// No further identifiers or signatures can be numbered.
    #[error("the graph is full: at most {limit} {what}")]
    Full {
        /// What there are too many of.
        what: String,
        /// How many it can hold.
        limit: usize,
    },
    /// The event's time lies outside the years in which events can have happened.
    #[error("time out of range: {at}; it must lie between {min} and {max}")]
    OutsideClock {
        /// The event's time.
        at: Timestamp,
        /// Earliest time allowed.
        min: Timestamp,
        /// Latest time allowed.
        max: Timestamp,
    },
    /// The event is older than what the store keeps.
    #[error("time too old: {at}; events are kept from {horizon} on")]
    BeforeHorizon {
        /// The event's time.
        at: Timestamp,
        /// The earliest time at which events are kept.
        horizon: Timestamp,
    },
    /// The event's offset from UTC is more than 24 hours.
    #[error("UTC offset out of range: {}, at most 24 hours", clock(*.minutes))]
    BadOffset {
        /// The offset, in minutes east.
        minutes: i16,
    },
    /// A list has more values than are allowed.
    #[error("list {property:?} has {got} values; at most {limit}")]
    ListTooLong {
        /// The property's or attribute's name.
        property: String,
        /// Values in the list.
        got: usize,
        /// Values allowed.
        limit: usize,
    },
    /// The text is not one JSON value.
    #[error("invalid JSON at byte {at}")]
    NotJson {
        /// Where reading stopped, from 0; its last byte if the text breaks off.
        at: usize,
    },
    /// The JSON value is neither a call, nor a list of calls, nor a batch.
    #[error("not an object with the fields of a call, nor a list or batch of such objects")]
    NotACall,
    /// The context that a batch has for all its calls is so long that copies of it for each call would be
    /// many times as long as the batch. The whole batch is refused.
    #[error("context of a batch is {bytes} bytes long; at most {limit} for its {n_calls} calls")]
    ContextTooLong {
        /// Bytes of the context.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
        /// Calls of the batch.
        n_calls: usize,
    },
    /// The call's `type` is missing or unknown.
    #[error(
        "field \"type\" is missing or not one of track, identify, page, screen, group and alias"
    )]
    UnknownType,
    /// The call has no time.
    #[error("field \"timestamp\" is missing")]
    NoTime,
    /// A field of the call is of the wrong type, or cannot be read, or is missing and needed.
    #[error("field {field:?} is missing or not {}", expected(.field))]
    BadField {
        /// The field's name in the Segment spec.
        field: String,
    },
}

/// An offset as clocks show it: `+25:00`.
fn clock(minutes: i16) -> String {
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// What a field of the Segment spec should be.
fn expected(field: &str) -> &'static str {
    match field {
        "timestamp" | "originalTimestamp" | "sentAt" | "receivedAt" => "a time",
        "properties" | "traits" | "context" | "context.traits" => "an object",
        "context.externalIds" => "a list of objects with \"type\" and \"id\"",
        "event" | "name" | "category" | "channel" => "a text",
        _ => "a text or a whole number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_is_wrong_where_and_what_would_be_right() {
        let field = |name: &str| Refusal::BadField { field: name.to_owned() };
        for (refusal, message) in [
            (
                Refusal::IdentifierTooLong { kind: "email".into(), bytes: 2000, limit: 1024 },
                "identifier of kind \"email\" is 2000 bytes long; at most 1024",
            ),
            (
                Refusal::BadOffset { minutes: 1500 },
                "UTC offset out of range: +25:00, at most 24 hours",
            ),
            (
                Refusal::BadOffset { minutes: i16::MIN },
                "UTC offset out of range: -546:08, at most 24 hours",
            ),
            (Refusal::NotJson { at: 3 }, "invalid JSON at byte 3"),
            (field("timestamp"), "field \"timestamp\" is missing or not a time"),
            (field("traits"), "field \"traits\" is missing or not an object"),
            (field("userId"), "field \"userId\" is missing or not a text or a whole number"),
        ] {
            assert_eq!(refusal.to_string(), message);
        }
    }
}
