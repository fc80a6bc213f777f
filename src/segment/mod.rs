//! Reads the calls that clients of Segment, RudderStack, Jitsu and similar systems send, as events.
//!
//! [`receive`] reads a body: one call, a batch `{"batch": […]}`, a list of calls, or lines of these.
//! [`Profiles::extend_json`](crate::Profiles::extend_json) reads the same into a store, on all threads
//! and without what no feature needs.
//!
//! # What a call becomes
//!
//! | field | becomes |
//! |---|---|
//! | `type`, else [`Received::call`] | the name of the event: `identify`, `page`, `screen`, `group`, `alias`; of a `track` call the name is its `event` |
//! | `originalTimestamp`, else `timestamp`; see below | the time |
//! | the offset or zone of that time, as in `-05:00`; `context.timezone`: `Europe/Rome`, `GMT+0530`, `+01:00` | the offset from UTC at that moment, by the rule of [`Timestamp::parse_with_offset`](crate::Timestamp::parse_with_offset): unknown if they contradict each other |
//! | `context.geo.location.timezone` | the offset from UTC, if it is still unknown and nothing contradicts |
//! | `messageId` | the message id |
//! | `userId` | an identifier `user_id` |
//! | `anonymousId` | identifier `anonymous_id` |
//! | `previousId` of `alias` | identifier `previous_id`: a user id or an anonymous one, see [aliases](crate::identity#aliases) |
//! | `traits.email`, else `context.traits.email` | an identifier `email`, not an attribute. In a `group` call, `traits.email` belongs to the group: an attribute |
//! | `context.device.id` | an identifier `device_id` |
//! | `context.device.advertisingId` | an identifier `advertising_id`, if `adTrackingEnabled` is `true` |
//! | `context.externalIds`, `context.externalId` | identifiers of their `type`, unless their `collection` is another than `users` |
//! | what [`Received::identifiers`] names | identifiers |
//! | `traits`; of `identify` also `context.traits` | attributes; where both have a value, `traits` wins. In a `group` call, `traits` become attributes `group.…`. `null` is an empty [`Value::List`](crate::Value::List): the value is gone |
//! | `groupId`, else `context.groupId` | an attribute `group_id` |
//! | `properties` | properties; they win over all that follow |
//! | `name`, `category` of `page` and `screen` | properties `name`, `category` |
//! | `channel`, else `context.channel` | a property `channel` |
//! | `context.device`: `type`, `manufacturer`, `model` | `device`, `device.manufacturer`, `device.model` |
//! | `context.os`: `name`, `version` | `os`, `os.version` |
//! | `context.userAgentData`: `platform`, `mobile`, which some browsers send | `os`; `device`: `mobile`, `desktop`, or `tablet` for Android that is not mobile. The two above win over them |
//! | `context.app`: `name`, `version` | `app`, `app.version` |
//! | `context.location`: `country`, `region`, `city`; `context.geo.country.code`, `.region.code`, `.city.name` | `country`, `region`, `city` |
//! | `context.page`: `url`, `path`, `referrer`, `search`, `title` | the same |
//! | `context.campaign`: `name`, `source`, `medium`, `term`, `content` | `campaign.name`, `campaign.source`, … |
//! | `context`: `locale`, `userAgent`, `sessionId` | `locale`, `user_agent`, `session_id` |
//!
//! Everything else is skipped. `sentAt` and `context` of a batch count for each of its calls; a value
//! of the call itself wins. In the context that goes field by field, and name by name in its `traits`; a
//! call's own list of `externalIds` replaces the batch's.
//!
//! # Time
//!
//! Clients have wrong clocks, and send calls late. If the time of receipt is known
//! ([`Received::at`]) and the call or its batch has a `sentAt`, then the time of the
//! event is *receipt − (`sentAt` − client's time)*. Without `sentAt` it is the client's time, and
//! without both the time of receipt. In a stored log, where the time of receipt is unknown, `timestamp`
//! wins over `originalTimestamp`, since a server has corrected it; `sentAt` is the last resort.
//!
//! Times are texts as [`Timestamp::parse`](crate::Timestamp::parse) reads them, also with ` UTC` at
//! the end, or milliseconds since 1970 from 10¹¹ to 10¹⁴, of which fractions are cut.
//!
//! # Values
//!
//! Objects within properties and traits get dotted names, `address.city`. A list is one
//! [`Value::List`](crate::Value::List) under its name. Objects in a list stay together, each a
//! [`Value::Object`](crate::Value::Object), so that the price and the category of a product can be
//! read together. A list within a list counts as its values.
//!
//! In properties, `null` is a missing value; so is a blank text where an id, a name or a part of the
//! context is expected. Texts stay texts unless [`Received::numbers`](struct@Received) says otherwise. A
//! whole number can be an id: the text of its digits. Whole numbers beyond ±2⁵³ become the text of their digits, as of
//! [`Value`](crate::Value). For duplicate keys, the last value wins.
//!
//! If a value cannot be read, only that value is left out, and the report counts it: a field of the wrong
//! type, objects and lists nested more than eight deep, dotted names of more than 256 bytes, values after
//! the first 1,000, numbers beyond `f64` such as `1e999`, `NaN` and `Infinity` as Python writes them, and
//! texts with half a surrogate pair (`"\ud83d"`). In a name, half a surrogate pair is read as U+FFFD. Within
//! `context`, only ids, `groupId` and `traits` of the wrong type are counted. Other parts of the wrong type, such as
//! `"device": "phone"`, are skipped like fields that are not listed.
//!
//! A `userAgent` is not parsed, because that needs long lists that change often. If clients send nothing
//! better, determine device and operating system with a service or crate of your choice, and add the
//! properties `device` and `os` before you add the events to [`Profiles`](crate::Profiles).
//!
//! Every identifier counts as verified. If you do not trust clients with an identifier, such as an e-mail
//! address, set [`claimed`](crate::Identifier::claimed) before you add the event.
//!
//! serde_json reads the JSON. No tree of a call is built, texts without escapes are borrowed, and fields that
//! no event needs are skipped. Depth, number and length of names are bounded, because the sender chooses
//! them. Errors name a field or a byte and never repeat the sender's text.

mod body;
mod call;
mod context;
mod dotted;
mod envelope;
mod field;
mod json;
mod named;
mod plain;
mod received;
mod when;
mod zones;

pub(crate) use body::{Body, CallReader, split};
pub(crate) use received::ReadSettings;
pub use received::Received;

use crate::Event;
use crate::event::{IngestReport, Wanted};

/// The calls of a body as events; see [`receive`].
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Calls<'a> {
    /// The events, in order.
    pub events: Vec<Event<'a>>,
    /// The position of each event: the number of its call in the body or, where the body is lines,
    /// of its line; from 1.
    pub positions: Vec<usize>,
    /// What was refused and not read, with positions from 1. Nothing counts as accepted: that is
    /// decided when the events are added to [`Profiles`](crate::Profiles).
    pub report: IngestReport,
}

/// Reads a body, as the clients of Segment, RudderStack and Jitsu post it, or a log of bodies.
///
/// A body is one call of the [Segment spec](https://segment.com/docs/connections/spec/), a batch
/// `{"batch": […]}`, a list of calls, or lines of these; empty lines are skipped. A body with a list under `batch` is
/// a batch, whatever its `type` and [`Received::call`] say; beside a `type`, an empty list says nothing. The [module](self) says what each field becomes. A call that cannot be read is refused and counted, and the
/// others are read. The reasons are:
///
/// - [`Refusal::NotJson`](crate::Refusal::NotJson) and [`Refusal::NotACall`](crate::Refusal::NotACall);
/// - [`Refusal::ContextTooLong`](crate::Refusal::ContextTooLong), a whole batch;
/// - [`Refusal::UnknownType`](crate::Refusal::UnknownType);
/// - [`Refusal::NoTime`](crate::Refusal::NoTime), if the time of receipt is not known either;
/// - [`Refusal::BadField`](crate::Refusal::BadField): a `track` call without `event`, or a time that
///   cannot be read where there is no other.
///
/// Missing identifiers are found when the events are added to [`Profiles`](crate::Profiles).
///
/// ```
/// use personas::segment::{Received, receive};
/// use personas::{Refusal, Timestamp, Value};
///
/// let body = r#"{"batch": [
///     {"type": "track", "event": "Order Completed", "userId": "97", "messageId": "m-1",
///      "timestamp": "2099-01-01T00:00:00Z", "context": {"timezone": "America/New_York"},
///      "properties": {"revenue": "12.50", "products": [{"category": "tea", "price": 5.5}]}},
///     {"type": "dance", "userId": "97"}
/// ], "sentAt": "2099-01-01T00:00:05Z", "writeKey": "k"}"#;
///
/// let mut received = Received { at: Some(Timestamp::parse("2017-03-01T17:00:05Z")?), ..Received::default() };
/// received.numbers.insert("revenue".into());
/// let calls = receive(body, &received);
///
/// let order = &calls.events[0];
/// assert_eq!(order.at.to_string(), "2017-03-01T17:00:00Z"); // by the receiver's clock
/// assert_eq!((order.name.as_ref(), order.utc_offset_minutes), ("Order Completed", Some(-300)));
/// assert_eq!(order.properties[0], ("revenue".into(), Value::from(12.5)));
/// let tea = Value::from([("category", "tea".into()), ("price", 5.5.into())]);
/// assert_eq!(order.properties[1].1, Value::List(vec![tea]));
/// assert_eq!(calls.report.refused[0].what, Refusal::UnknownType);
/// assert_eq!(calls.report.refused[0].examples, [2]);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// Cost: one pass over the bytes, two over those of a batch, one over its context for each of its calls,
/// and memory for the events. The context of a batch may make it 64 times as long, not more.
pub fn receive<'a>(body: &'a (impl AsRef<[u8]> + ?Sized), received: &Received) -> Calls<'a> {
    let settings = ReadSettings { received, wanted: &Wanted::default() };
    let mut reader = CallReader::default();
    match split(body.as_ref()) {
        Body::One(text) => reader.read_one(text, settings, &mut |_| ()),
        Body::Lines(text) => reader.read_lines(text, settings),
    }
    let (events, positions, report) = reader.into_parts();
    Calls { events, positions, report }
}
