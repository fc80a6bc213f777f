//! The calls of the Segment spec as events, read from JSON in one pass.
//!
//! The clients of Segment, RudderStack and Jitsu send the same six calls with small differences; all
//! of them are read. serde_json reads the JSON; no tree of a call is built, texts without escapes are
//! borrowed, and what no event needs is skipped. Depth, number and length of names are bounded, since
//! the sender chooses them. Errors name a field or a byte and never repeat the sender's text.
//!
//! Cost: one pass over the bytes, and memory for the event.

mod call;
mod context;
mod dotted;
mod field;
mod json;
mod plain;
mod zones;

use call::Call;
pub(crate) use call::Lost;
use json::Care;
use zones::Zones;

use crate::event::Wanted;
use crate::{Event, Refusal, Result, Timestamp};

impl<'a> Event<'a> {
    /// Reads one call of the [Segment spec](https://segment.com/docs/connections/spec/), as the
    /// clients of Segment, RudderStack and Jitsu send it.
    ///
    /// | field | becomes |
    /// |---|---|
    /// | `type` | the name of the event: `identify`, `page`, `screen`, `group`, `alias`; of a `track` call the name is its `event` |
    /// | `timestamp`, else `originalTimestamp`, else `sentAt`, else `receivedAt` | the time |
    /// | the offset or zone of that time, as in `-05:00`; `context.timezone`: `Europe/Rome` | the offset from UTC at that moment, by the rule of [`Timestamp::parse_with_offset`]: unknown if they contradict each other |
    /// | `context.geo.location.timezone` | the offset from UTC, if it is still unknown and nothing contradicts |
    /// | `messageId` | the message id |
    /// | `userId` | an identifier `user_id` |
    /// | `anonymousId`; of `alias` also `previousId` | identifiers `anonymous_id` |
    /// | `traits.email`, else `context.traits.email` | an identifier `email`, not an attribute. In a `group` call, `traits.email` belongs to the group: an attribute |
    /// | `context.device.id` | an identifier `device_id` |
    /// | `context.device.advertisingId` | an identifier `advertising_id`, unless `adTrackingEnabled` is `false` |
    /// | `context.externalIds`, `context.externalId` | identifiers of their `type` |
    /// | `traits`, `context.traits` | attributes; where both have a value, `traits` wins. In a `group` call, `traits` become attributes `group.…` |
    /// | `groupId`, of other calls `context.groupId` | an attribute `group_id` |
    /// | `properties` | properties; they win over all that follow |
    /// | `name`, `category` of `page` and `screen` | properties `name`, `category` |
    /// | `channel`, else `context.channel` | a property `channel` |
    /// | `context.device`: `type`, `manufacturer`, `model` | `device`, `device.manufacturer`, `device.model` |
    /// | `context.os`: `name`, `version` | `os`, `os.version` |
    /// | `context.userAgentData`: `platform`, `mobile`, which some browsers send | `os`; `device`: `mobile`, `desktop`, or `tablet` for Android that is not mobile. The two above win over them |
    /// | `context.app`: `name`, `version` | `app`, `app.version` |
    /// | `context.location`: `country`, `region`, `city`; `context.geo.country.code`, `.region.code`, `.city.name` | `country`, `region`, `city` |
    /// | `context.page`: `url`, `path`, `referrer`, `search`, `title` | the same |
    /// | `context.campaign`: `name`, `source`, `medium`, `term`, `content` | `campaign.name`, `campaign.source`, … |
    /// | `context`: `locale`, `userAgent`, `sessionId` | `locale`, `user_agent`, `session_id` |
    ///
    /// Everything else is skipped.
    ///
    /// Objects within properties and traits get dotted names, `address.city`. A list is one
    /// [`Value::List`](crate::Value::List) under its name. Objects in a list stay together, each a
    /// [`Value::Object`](crate::Value::Object), so that the price and the category of a product can be
    /// read together. A list within a list counts as its values.
    ///
    /// `null` is a missing value; so is a blank text where an id, a name or a part of the context is
    /// expected. Texts stay texts: `"12.50"` is not a number. A whole number can be an id: the text of
    /// its digits. Whole numbers beyond ±2⁵³ become the text of their digits, as of
    /// [`Value`](crate::Value). For duplicate keys, the last value wins.
    ///
    /// Some values are left out: a ninth object or list within each other, dotted names of more than
    /// 256 bytes, values after the first 1000, numbers beyond `f64` such as `1e999`, and texts with
    /// half a surrogate pair (`"\ud83d"`). [`Profiles::extend_json`](crate::Profiles::extend_json)
    /// counts them. In a name, half a surrogate pair is read as U+FFFD.
    ///
    /// A `userAgent` is not parsed: which device and system it means is known to long lists that need
    /// updates. Where clients send nothing better, fill in `device` and `os` by a service or a crate
    /// of your choice, and add the events by [`Profiles::extend`](crate::Profiles::extend):
    ///
    /// ```
    /// # fn os_of(user_agent: &str) -> &'static str { if user_agent.contains("iPhone") { "iOS" } else { "" } }
    /// use personas::{Event, Value};
    ///
    /// let call = r#"{"type": "page", "userId": "97", "timestamp": "2017-03-01",
    ///                "context": {"userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X)"}}"#;
    /// let mut event = Event::from_segment(call)?;
    /// let agent = event.properties.iter().find(|(name, _)| name == "user_agent");
    /// if let Some((_, Value::Text(agent))) = agent {
    ///     let os = os_of(agent);
    ///     event = event.property("os", os).property("device", "mobile");
    /// }
    /// assert_eq!(event.properties[1], ("os".into(), "iOS".into()));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// Every identifier counts as verified. Where clients are not trusted with an e-mail address, set
    /// [`Identifier::claimed`](crate::Identifier::claimed) before you add the event.
    ///
    /// ```
    /// use personas::{Event, Value};
    ///
    /// let event = Event::from_segment(
    ///     r#"{
    ///         "type": "track", "event": "Order Completed", "messageId": "m-1",
    ///         "userId": "97", "anonymousId": "c-4711", "timestamp": "2017-03-01T17:00:00.000Z",
    ///         "context": {"timezone": "America/New_York", "os": {"name": "iOS"}},
    ///         "properties": {"revenue": 12.5, "products": [
    ///             {"category": "tea", "price": 5.5}, {"category": "cups", "price": 7}
    ///         ]}
    ///     }"#,
    /// )?;
    /// assert_eq!(event.name, "Order Completed");
    /// assert_eq!(event.identifiers.len(), 2);
    /// assert_eq!(event.utc_offset_minutes, Some(-300));
    /// let names: Vec<&str> = event.properties.iter().map(|(name, _)| &**name).collect();
    /// assert_eq!(names, ["os", "revenue", "products"]);
    /// let tea = Value::from([("category", "tea".into()), ("price", 5.5.into())]);
    /// let cups = Value::from([("category", "cups".into()), ("price", 7.into())]);
    /// assert_eq!(event.properties[2].1, Value::List(vec![tea, cups]));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) with one of
    /// - [`Refusal::NotJson`]: the text is not one JSON object;
    /// - [`Refusal::UnknownType`];
    /// - [`Refusal::NoTime`];
    /// - [`Refusal::BadField`]: a time that cannot be read, a `track` without `event`, an id that is not
    ///   a text, or `properties`, `traits` or `context` that are not objects.
    ///
    /// Missing identifiers and numbers that are too large are found when the event is added to
    /// [`Profiles`](crate::Profiles).
    pub fn from_segment(json: &'a str) -> Result<Self> {
        let mut event = Self::new("", Timestamp::from_millis(0));
        Reader::default().read(json, &mut event, &Wanted::default())?;
        Ok(event)
    }
}

/// Reads calls, one after another; its space is used again.
#[derive(Debug, Default)]
pub(crate) struct Reader<'a> {
    call: Call<'a>,
    zones: Zones,
}

impl<'a> Reader<'a> {
    /// Reads one call into the space of an event, whose content does not matter if the call is
    /// refused. What is not wanted is left out of the event.
    pub(crate) fn read(
        &mut self,
        json: &'a str,
        event: &mut Event<'a>,
        wanted: &Wanted,
    ) -> std::result::Result<Lost<'a>, Refusal> {
        // Windows programs begin a file with a byte order mark.
        let text = json.strip_prefix('\u{feff}').unwrap_or(json);
        self.call
            .read(text, Care::Whole, wanted)
            .or_else(|_| self.call.read(text, Care::EachValue, wanted))
            .map_err(|error| {
                let at = json.len() - text.len() + json::byte_of(&error, text);
                Refusal::NotJson { at }
            })?;
        self.call.write(&mut self.zones, event, wanted)
    }
}
