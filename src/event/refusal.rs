//! Why an event was refused.

use serde::{Deserialize, Serialize};

use super::Timestamp;

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
    /// Its offset from UTC is none that a place on Earth has.
    #[error("its offset of {minutes} minutes from UTC is beyond a day")]
    BadOffset {
        /// The offset, in minutes east.
        minutes: i16,
    },
    /// A list is longer than an honest event's.
    #[error("{property:?} lists {got} values, more than {limit}")]
    ListTooLong {
        /// The property's or attribute's name.
        property: String,
        /// Values in the list.
        got: usize,
        /// Values allowed.
        limit: usize,
    },
    /// It is no JSON object.
    #[error("it is no JSON that can be read, from byte {at} on")]
    NotJson {
        /// Where reading stopped, from 0; of a text that breaks off, its last byte.
        at: usize,
    },
    /// Its `type` is none of `track`, `identify`, `page`, `screen`, `group` and `alias`, or missing.
    #[error("its type is none of track, identify, page, screen, group, alias")]
    UnknownType,
    /// It does not say when it happened.
    #[error("it carries no time")]
    NoTime,
    /// A field that it needs is missing, or is not of its type.
    #[error("its field {field:?} is missing or not what it should be")]
    BadField {
        /// The field's name in the Segment spec.
        field: String,
    },
    /// A number is NaN, infinite or beyond ±2⁶⁰, where sums could not be exact.
    #[error("property {property:?} is not a number between -2^60 and 2^60")]
    NotSummable {
        /// The property's name.
        property: String,
    },
}
