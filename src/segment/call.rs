//! One call: its fields, and the event they become.

use std::borrow::Cow;
use std::mem::{swap, take};

use serde::de::MapAccess;

use super::context::{Context, Whole};
use super::dotted::Dotted;
use super::field::{Field, bad_field, is_blank};
use super::json::{self, Care, Object, Sink};
use super::plain::Plain;
use super::zones::Zones;
use crate::event::{LocalOffset, Wanted};
use crate::{Event, Identifier, Refusal, Timestamp, Value};

/// The spec's names of the fields that hold a time, best first.
const TIMES: [&str; 4] = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];

/// The fields of a call; its space is used again.
#[derive(Debug, Default)]
pub(super) struct Call<'a> {
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
    properties: Dotted<'a>,
    traits: Dotted<'a>,
    context: Context<'a>,
    /// Whether the whole is not an object.
    wrong: bool,
}

/// What was lost of a call that became an event.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lost<'a> {
    /// How many values were left out, and under which property or trait the first was.
    pub(crate) values: Option<(Cow<'a, str>, usize)>,
    /// Whether the offset from UTC is unknown since the call contradicts itself.
    pub(crate) contradicts_offset: bool,
}

impl<'a> Call<'a> {
    /// Reads a call, in place of what was read before.
    pub(super) fn read(
        &mut self,
        text: &'a str,
        care: Care,
        wanted: &Wanted,
    ) -> serde_json::Result<()> {
        self.clear();
        json::read(text, care, Fields { call: self, wanted })
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

    /// Writes what was read into an event.
    pub(super) fn write(
        &mut self,
        zones: &mut Zones,
        event: &mut Event<'a>,
        wanted: &Wanted,
    ) -> Result<Lost<'a>, Refusal> {
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
        Ok(Lost {
            values: left_out.into_iter().flatten().reduce(|(first, a), (_, b)| (first, a + b)),
            contradicts_offset: offset == LocalOffset::Contradictory,
        })
    }

    /// Returns the time, and the offset of local clocks from UTC.
    fn time(&mut self, zones: &mut Zones) -> Result<(Timestamp, LocalOffset), Refusal> {
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

    fn identifiers(&mut self, kind: Kind, to: &mut Vec<Identifier<'a>>) -> Result<(), Refusal> {
        to.clear();
        let user = take(&mut self.user_id).text("userId")?;
        to.extend(user.map(|id| Identifier::new("user_id", id)));
        let anonymous = take(&mut self.anonymous_id).text("anonymousId")?;
        to.extend(anonymous.map(|id| Identifier::new("anonymous_id", id)));
        if kind == Kind::Alias {
            let previous = take(&mut self.previous_id).text("previousId")?;
            to.extend(previous.map(|id| Identifier::new("anonymous_id", id)));
        }
        // The traits of a group call belong to the group.
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
    ) -> Result<(), Refusal> {
        to.clear();
        let is_wanted =
            |(name, value): &(Cow<'a, str>, Value<'a>)| wanted.attribute_with_fields(name, value);
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
    ) -> Result<(), Refusal> {
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
        values.retain(|(name, value)| wanted.property_with_fields(name, value));
        if to.is_empty() {
            swap(to, values);
        } else {
            to.append(values);
        }
        Ok(())
    }
}

/// Reads the fields of a call.
struct Fields<'c, 'a> {
    call: &'c mut Call<'a>,
    wanted: &'c Wanted,
}

impl<'a> Sink<'a> for Fields<'_, 'a> {
    fn plain(self, _: Plain<'a>) {
        self.call.wrong = true;
    }

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        let Self { call, wanted } = self;
        while let Some(key) = object.key()? {
            match &*key {
                "type" => object.value(&mut call.kind)?,
                "event" => object.value(&mut call.event)?,
                "name" => object.value(&mut call.name)?,
                "category" => object.value(&mut call.category)?,
                "channel" => object.value(&mut call.channel)?,
                "userId" => object.value(&mut call.user_id)?,
                "anonymousId" => object.value(&mut call.anonymous_id)?,
                "previousId" => object.value(&mut call.previous_id)?,
                "groupId" => object.value(&mut call.group_id)?,
                "messageId" => object.value(&mut call.message_id)?,
                "context" => object.value(Whole { context: &mut call.context, wanted })?,
                "properties" => object.value(&mut call.properties)?,
                "traits" => object.value(&mut call.traits)?,
                _ => match TIMES.iter().position(|time| *time == key) {
                    Some(time) => object.value(&mut call.times[time])?,
                    None => object.skip_value()?,
                },
            }
        }
        Ok(())
    }
}

/// Removes an e-mail address that is a text; a blank one is none.
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

/// The six kinds of calls.
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
