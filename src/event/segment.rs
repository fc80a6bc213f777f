//! The calls of the Segment spec as events, read from JSON in one pass.
//!
//! Segment's, RudderStack's and Jitsu's clients send the same six calls with small differences; all
//! of them are read. Texts without escapes are borrowed, what no event needs is skipped, and no tree of
//! the whole is built. Nothing of the sender's is trusted: depth, number and length of names are
//! bounded, and what goes wrong is said by field and position, never in the sender's words.
//!
//! Cost: one pass over the bytes, and memory for what becomes of them.

mod context;
mod field;
mod flat;
mod json;
mod quoted;
mod zones;

use std::borrow::Cow;
use std::mem::{swap, take};

use context::Context;
use field::{Field, bad_field, is_blank};
use flat::Flat;
use hashbrown::HashSet;
use json::{Json, NotJson};
use zones::Zones;

use super::{Event, Identifier, LocalOffset, Refusal, Timestamp, Value};
use crate::Result;

impl<'a> Event<'a> {
    /// Reads one call of the [Segment spec](https://segment.com/docs/connections/spec/), as the
    /// clients of Segment, RudderStack and Jitsu send them.
    ///
    /// | field | becomes |
    /// |---|---|
    /// | `type` | the name of the event: `identify`, `page`, `screen`, `group`, `alias`; of a `track` call the name is its `event` |
    /// | `timestamp`, else `originalTimestamp`, else `sentAt`, else `receivedAt` | the time |
    /// | the offset or zone of that time, as in `-05:00`; `context.timezone`: `Europe/Rome` | the offset from UTC there and then, by the rule of [`Timestamp::parse_with_offset`]: unknown if they contradict each other |
    /// | `context.geo.location.timezone` | the offset from UTC, if nothing else says it |
    /// | `messageId` | the message id |
    /// | `userId` | an identifier `user_id` |
    /// | `anonymousId`; of `alias` also `previousId` | identifiers `anonymous_id` |
    /// | `traits.email`, else `context.traits.email` | an identifier `email`, and no attribute. Of `group` it is the group's: an attribute |
    /// | `context.device.id` | an identifier `device_id` |
    /// | `context.device.advertisingId` | an identifier `advertising_id`, unless `adTrackingEnabled` is `false` |
    /// | `context.externalIds`, `context.externalId` | identifiers of their `type` |
    /// | `traits`, `context.traits` | attributes; where both say something, the first. `traits` of `group` are attributes `group.…` |
    /// | `groupId`, of other calls `context.groupId` | an attribute `group_id` |
    /// | `properties` | properties; they go before all that follow |
    /// | `name`, `category` of `page` and `screen` | properties `name`, `category` |
    /// | `channel`, else `context.channel` | a property `channel` |
    /// | `context.device`: `type`, `manufacturer`, `model` | `device`, `device.manufacturer`, `device.model` |
    /// | `context.os`: `name`, `version` | `os`, `os.version` |
    /// | `context.userAgentData`: `platform`, `mobile`, which some browsers send | `os`; `device`: `mobile`, `desktop`, or `tablet` for Android that is not mobile. The two above go before them |
    /// | `context.app`: `name`, `version` | `app`, `app.version` |
    /// | `context.location`: `country`, `region`, `city`; `context.geo.country.code`, `.region.code`, `.city.name` | `country`, `region`, `city` |
    /// | `context.page`: `url`, `path`, `referrer`, `search`, `title` | the same |
    /// | `context.campaign`: `name`, `source`, `medium`, `term`, `content` | `campaign.name`, `campaign.source`, … |
    /// | `context`: `locale`, `userAgent`, `sessionId` | `locale`, `user_agent`, `session_id` |
    ///
    /// Everything else is skipped.
    ///
    /// Objects within properties and traits get dotted names, `address.city`; a list of objects becomes
    /// a list for each of their fields, so that an order of three products has one `products.category`
    /// of three values. A `null` says nothing; so does a blank text where an id, a name or a part
    /// of the context should be. Texts stay texts: `"12.50"` is no number. A whole number is as good
    /// an id as the text of its digits. Of a name that an object holds twice the last counts.
    ///
    /// Left out are the ninth object or list within each other, dotted names beyond 256 bytes,
    /// what comes after 1000 values, numbers beyond `f64` such as `1e999`, and texts with half a
    /// surrogate pair (`"\ud83d"`); [`Profiles::extend_json`](crate::Profiles::extend_json) counts them.
    /// In a name, such a half is read as U+FFFD.
    ///
    /// A `userAgent` is not taken apart: which device and system such a text means is told by long lists
    /// that age. Where clients send nothing better, fill in `device` and `os` with a service or a crate
    /// of your choice, and take the events in by [`Profiles::extend`](crate::Profiles::extend):
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
    /// Every identifier counts as verified. Where clients are not trusted with an e-mail address,
    /// set [`Identifier::claimed`] before the event is taken in.
    ///
    /// ```
    /// use personas::Event;
    ///
    /// let event = Event::from_segment(
    ///     r#"{
    ///         "type": "track", "event": "Order Completed", "messageId": "m-1",
    ///         "userId": "97", "anonymousId": "c-4711", "timestamp": "2017-03-01T17:00:00.000Z",
    ///         "context": {"timezone": "America/New_York", "os": {"name": "iOS"}},
    ///         "properties": {"revenue": 12.5, "products": [{"category": "tea"}, {"category": "cups"}]}
    ///     }"#,
    /// )?;
    /// assert_eq!(event.name, "Order Completed");
    /// assert_eq!(event.identifiers.len(), 2);
    /// assert_eq!(event.utc_offset_minutes, Some(-300));
    /// let names: Vec<&str> = event.properties.iter().map(|(name, _)| &**name).collect();
    /// assert_eq!(names, ["os", "revenue", "products.category"]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) with [`Refusal::NotJson`], [`Refusal::UnknownType`],
    /// [`Refusal::NoTime`], or [`Refusal::BadField`] for a time that cannot be read, a `track` without
    /// `event`, an id that is no text, and `properties`, `traits` or `context` that are no objects.
    /// That there is no identifier, or that numbers are too large, is found when the event is taken in.
    pub fn from_segment(json: &'a str) -> Result<Self> {
        let mut event = Self::new("", Timestamp::from_millis(0));
        Reader::default().read(json, &mut event, &Wanted::default())?;
        Ok(event)
    }
}

/// How many values were left out of an event, and under which property or trait the first was.
pub(crate) type LeftOut<'a> = Option<(Cow<'a, str>, usize)>;

/// The names of the properties and attributes that somebody reads; of all, if there are no names.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) properties: Option<HashSet<String>>,
    pub(crate) attributes: Option<HashSet<String>>,
}

impl Wanted {
    fn property(&self, name: &str) -> bool {
        self.properties.as_ref().is_none_or(|names| names.contains(name))
    }

    fn attribute(&self, name: &str) -> bool {
        self.attributes.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// Reads calls, one after another; its space is used again.
#[derive(Debug, Default)]
pub(crate) struct Reader<'a> {
    fields: Fields<'a>,
    zones: Zones,
}

impl<'a> Reader<'a> {
    /// Reads one call into the space of an event, which is worth nothing if the call is refused. What
    /// is not wanted is left out of the event.
    pub(crate) fn read(
        &mut self,
        json: &'a str,
        event: &mut Event<'a>,
        wanted: &Wanted,
    ) -> std::result::Result<LeftOut<'a>, Refusal> {
        self.fields.clear();
        // Windows programs begin a file with a byte order mark.
        let text = json.strip_prefix('\u{feff}').unwrap_or(json);
        let mut input = Json::new(text);
        let read = self.fields.read(&mut input, wanted).and_then(|()| input.end());
        if let Err(NotJson) = read {
            return Err(Refusal::NotJson { at: json.len() - text.len() + input.last_byte() });
        }
        self.fields.call(&mut self.zones, event, wanted)
    }
}

/// The spec's names of the fields that hold a time, best first.
const TIMES: [&str; 4] = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];

/// The fields of a call.
#[derive(Debug, Default)]
struct Fields<'a> {
    kind: Field<'a>,
    event: Field<'a>,
    name: Field<'a>,
    category: Field<'a>,
    channel: Field<'a>,
    user_id: Field<'a>,
    anonymous_id: Field<'a>,
    previous_id: Field<'a>,
    group_id: Field<'a>,
    message_id: Field<'a>,
    times: [Field<'a>; 4],
    properties: Flat<'a>,
    traits: Flat<'a>,
    context: Context<'a>,
    /// Whether the whole is no object.
    wrong: bool,
}

impl<'a> Fields<'a> {
    fn read(&mut self, json: &mut Json<'a>, wanted: &Wanted) -> std::result::Result<(), NotJson> {
        let token = json.value()?;
        self.wrong = !json.enters(&token)?;
        if self.wrong {
            return Ok(());
        }
        while let Some(key) = json.key()? {
            match key.as_bytes() {
                b"type" => self.kind.read(json)?,
                b"event" => self.event.read(json)?,
                b"name" => self.name.read(json)?,
                b"category" => self.category.read(json)?,
                b"channel" => self.channel.read(json)?,
                b"userId" => self.user_id.read(json)?,
                b"anonymousId" => self.anonymous_id.read(json)?,
                b"previousId" => self.previous_id.read(json)?,
                b"groupId" => self.group_id.read(json)?,
                b"messageId" => self.message_id.read(json)?,
                b"context" => self.context.read(json, wanted)?,
                b"properties" => self.properties.read(json)?,
                b"traits" => self.traits.read(json)?,
                _ => match TIMES.iter().position(|time| *time == key) {
                    Some(time) => self.times[time].read(json)?,
                    None => json.skip()?,
                },
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        for field in [
            &mut self.kind,
            &mut self.event,
            &mut self.name,
            &mut self.category,
            &mut self.channel,
            &mut self.user_id,
            &mut self.anonymous_id,
            &mut self.previous_id,
            &mut self.group_id,
            &mut self.message_id,
        ] {
            *field = Field::Absent;
        }
        self.times = Default::default();
        self.wrong = false;
        self.properties.clear();
        self.traits.clear();
        self.context.clear();
    }

    /// Writes an event of what the fields say together.
    fn call(
        &mut self,
        zones: &mut Zones,
        event: &mut Event<'a>,
        wanted: &Wanted,
    ) -> std::result::Result<LeftOut<'a>, Refusal> {
        if self.wrong {
            return Err(Refusal::NotJson { at: 0 });
        }
        let kind = match take(&mut self.kind) {
            Field::Text(kind) => Kind::named(&kind).ok_or(Refusal::UnknownType)?,
            _ => return Err(Refusal::UnknownType),
        };
        let (at, offset) = self.time(zones)?;
        event.at = at;
        event.utc_offset_minutes = offset.known();
        event.name = match kind {
            Kind::Track => {
                take(&mut self.event).text("event")?.ok_or_else(|| bad_field("event"))?
            }
            kind => Cow::Borrowed(kind.name()),
        };
        let wrongs = [
            (self.properties.wrong, "properties"),
            (self.traits.wrong, "traits"),
            (self.context.wrong, "context"),
            (self.context.traits.wrong, "context.traits"),
        ];
        if let Some((_, name)) = wrongs.into_iter().find(|(wrong, _)| *wrong) {
            return Err(bad_field(name));
        }
        event.message_id = take(&mut self.message_id).text("messageId")?;
        self.identifiers(kind, &mut event.identifiers)?;
        self.attributes(kind, wanted, &mut event.attributes)?;
        self.properties(kind, wanted, &mut event.properties)?;
        let left_out = [
            self.properties.left_out.take(),
            self.traits.left_out.take(),
            self.context.traits.left_out.take(),
            self.context.left_out.take(),
        ];
        Ok(left_out.into_iter().flatten().reduce(|(first, a), (_, b)| (first, a + b)))
    }

    /// When it happened, and how far from UTC the clocks were there.
    fn time(
        &mut self,
        zones: &mut Zones,
    ) -> std::result::Result<(Timestamp, LocalOffset), Refusal> {
        for (time, name) in self.times.iter_mut().zip(TIMES) {
            if let Some(text) = take(time).text(name)? {
                let mut offset_at = |zone: Option<&str>, at| zones.offset(zone?, at);
                let own = |at| offset_at(self.context.own_timezone(), at);
                let read = Timestamp::parse_local(&text, own);
                let (at, offset) = read.map_err(|_| bad_field(name))?;
                if offset != LocalOffset::Unknown {
                    return Ok((at, offset));
                }
                let geo = offset_at(self.context.geo_timezone(), at);
                return Ok((at, geo.map_or(offset, LocalOffset::Known)));
            }
        }
        Err(Refusal::NoTime)
    }

    fn identifiers(
        &mut self,
        kind: Kind,
        to: &mut Vec<Identifier<'a>>,
    ) -> std::result::Result<(), Refusal> {
        to.clear();
        let user = take(&mut self.user_id).text("userId")?;
        to.extend(user.map(|id| Identifier::new("user_id", id)));
        let anonymous = take(&mut self.anonymous_id).text("anonymousId")?;
        to.extend(anonymous.map(|id| Identifier::new("anonymous_id", id)));
        if kind == Kind::Alias {
            let previous = take(&mut self.previous_id).text("previousId")?;
            to.extend(previous.map(|id| Identifier::new("anonymous_id", id)));
        }
        // Those of a group call are the group's.
        let own = if kind == Kind::Group { None } else { take_email(&mut self.traits.values) };
        let known = take_email(&mut self.context.traits.values);
        to.extend(own.or(known).map(|email| Identifier::new("email", email)));
        self.context.identify(to)
    }

    fn attributes(
        &mut self,
        kind: Kind,
        wanted: &Wanted,
        to: &mut Vec<(Cow<'a, str>, Value<'a>)>,
    ) -> std::result::Result<(), Refusal> {
        to.clear();
        let is_wanted = |(name, _): &(Cow<'a, str>, Value<'a>)| wanted.attribute(name);
        to.extend(self.context.traits.values.drain(..).filter(is_wanted));
        let traits = &mut self.traits.values;
        let mut group = take(&mut self.context.group_id).text("context.groupId")?;
        if kind == Kind::Group {
            let of_group = |(name, value)| (Cow::Owned(format!("group.{name}")), value);
            to.extend(traits.drain(..).map(of_group).filter(is_wanted));
            group = take(&mut self.group_id).text("groupId")?.or(group);
        }
        to.extend(traits.drain(..).filter(is_wanted));
        let group = group.map(|id| (Cow::Borrowed("group_id"), Value::Text(id)));
        to.extend(group.filter(is_wanted));
        Ok(())
    }

    fn properties(
        &mut self,
        kind: Kind,
        wanted: &Wanted,
        to: &mut Vec<(Cow<'a, str>, Value<'a>)>,
    ) -> std::result::Result<(), Refusal> {
        to.clear();
        self.context.describe(to);
        let mut add = |name: &'static str, text: Option<Cow<'a, str>>| {
            let text = text.filter(|_| wanted.property(name));
            to.extend(text.map(|text| (Cow::Borrowed(name), Value::Text(text))));
        };
        add("channel", take(&mut self.channel).text("channel")?);
        if matches!(kind, Kind::Page | Kind::Screen) {
            add("name", take(&mut self.name).text("name")?);
            add("category", take(&mut self.category).text("category")?);
        }
        let values = &mut self.properties.values;
        values.retain(|(name, _)| wanted.property(name));
        if to.is_empty() {
            swap(to, values);
        } else {
            to.append(values);
        }
        Ok(())
    }
}

/// Takes out an e-mail address that is a text; a blank one is none.
fn take_email<'a>(traits: &mut Vec<(Cow<'a, str>, Value<'a>)>) -> Option<Cow<'a, str>> {
    let is_email = |(name, value): &(Cow<'a, str>, Value<'a>)| {
        name == "email" && matches!(value, Value::Text(_))
    };
    let place = traits.iter().position(is_email)?;
    match traits.remove(place).1 {
        Value::Text(email) if !is_blank(&email) => Some(email),
        _ => None,
    }
}

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Track, Self::Identify, Self::Page, Self::Screen, Self::Group, Self::Alias];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }
}
