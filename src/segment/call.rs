//! One call: its fields, and the event they become.

use std::borrow::Cow;
use std::mem::swap;

use serde::de::MapAccess;

use super::context::{Context, Whole};
use super::dotted::Dotted;
use super::envelope::Envelope;
use super::field::{CallField, Lost, bad_field};
use super::json::{self, Care, Object, Sink};
use super::named;
use super::plain::Plain;
use super::received::ReadSettings;
use super::when::{CallTimes, When};
use super::zones::Zones;
use crate::event::{Fields, LocalOffset, is_blank};
use crate::{Event, Identifier, Refusal, Value};

/// The fields of a call; its space is used again.
#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    kind: CallField<'a>,
    event: CallField<'a>,
    name: CallField<'a>,
    category: CallField<'a>,
    channel: CallField<'a>,
    user_id: CallField<'a>,
    anonymous_id: CallField<'a>,
    previous_id: CallField<'a>,
    group_id: CallField<'a>,
    message_id: CallField<'a>,
    times: CallTimes<'a>,
    properties: Dotted<'a>,
    traits: Dotted<'a>,
    context: Context<'a>,
    /// Whether there is a list under `batch`, and one that is not empty.
    has_batch: bool,
    has_calls: bool,
    /// What was read instead of an object.
    other: Option<NotACall>,
}

/// A value that is not a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NotACall {
    /// A list, or an object with a list of calls.
    Calls,
    Nothing,
}

impl<'a> Call<'a> {
    /// Reads a call, in place of what was read before. A batch around it has a context for all.
    pub(super) fn read(
        &mut self,
        text: &'a str,
        care: Care,
        settings: ReadSettings<'_>,
        envelope: &Envelope<'a>,
    ) -> serde_json::Result<()> {
        self.clear();
        let is_added = envelope.context.is_some();
        if let Some(shared) = envelope.context {
            let context = &mut self.context;
            json::read(shared, care, Whole { context, wanted: settings.wanted, is_added })?;
            self.context.share_traits();
        }
        json::read(text, care, CallFields { call: self, settings, is_added })?;
        self.context.add_shared_traits();
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
            *field = CallField::Absent;
        }
        self.times = CallTimes::default();
        self.has_batch = false;
        self.has_calls = false;
        self.other = None;
        self.properties.clear();
        self.traits.clear();
        self.context.clear();
        // In traits, null says that a value is gone.
        self.traits.keeps_null = true;
        self.context.traits.keeps_null = true;
        self.context.shared_traits.keeps_null = true;
    }

    /// What was read, if it is not a call. A body with a list under `batch` is a batch, whatever else it says; an
    /// empty list beside the type of a call says nothing.
    pub(super) fn other(&self) -> Option<NotACall> {
        let has_type = match &self.kind {
            CallField::Text(kind) => kind != "batch",
            CallField::Absent => false,
            CallField::Wrong => true,
        };
        let is_batch = self.has_calls || self.has_batch && !has_type;
        self.other.or(is_batch.then_some(NotACall::Calls))
    }

    /// Whether a value within a batch is a call. Batches do not nest: in a call with a type, `batch` says nothing.
    pub(super) fn is_call(&self) -> bool {
        self.other.is_none() && !(self.has_batch && matches!(self.kind, CallField::Absent))
    }

    /// Writes what was read into an event.
    pub(super) fn write(
        &mut self,
        zones: &mut Zones,
        event: &mut Event<'a>,
        settings: ReadSettings<'_>,
        envelope: &Envelope<'a>,
    ) -> Result<Lost<'a>, Refusal> {
        let kind = match &self.kind {
            CallField::Text(kind) => CallKind::named(kind),
            // Clients that post to a path of the type may leave it out.
            CallField::Absent => settings.received.call.as_deref().and_then(CallKind::of_path),
            CallField::Wrong => None,
        };
        let kind = kind.ok_or(Refusal::UnknownType)?;
        let mut lost = Lost::default();
        event.name = match kind {
            CallKind::Track => {
                let name = self.event.text("event", &mut lost);
                name.ok_or_else(|| bad_field("event"))?
            }
            kind => Cow::Borrowed(kind.name()),
        };
        let mut offset_at = |zone: Option<&str>, at| zones.offset(zone?, at);
        let own = |at| offset_at(self.context.own_timezone(), at);
        let (at, mut offset) = self.times.read(settings, envelope.times, own, &mut lost)?;
        if offset == LocalOffset::Unknown {
            let geo = offset_at(self.context.geo_timezone(), at);
            offset = geo.map_or(offset, LocalOffset::Known);
        }
        event.at = at;
        event.utc_offset_minutes = offset.known();
        lost.contradicts_offset = offset == LocalOffset::Contradictory;
        for (wrong, name) in [
            (self.properties.wrong, "properties"),
            (self.traits.wrong, "traits"),
            (self.context.wrong, "context"),
            (self.context.traits.wrong, "context.traits"),
            (self.context.shared_traits.wrong, "context.traits"),
        ] {
            lost.values.extend(wrong.then_some((Cow::Borrowed(name), 1)));
        }
        event.message_id = self.message_id.text("messageId", &mut lost);
        self.identifiers(kind, settings, &mut event.identifiers, &mut lost);
        self.attributes(kind, settings, &mut event.attributes, &mut lost);
        self.properties(kind, settings, &mut event.properties, &mut lost);
        lost.values.extend(self.properties.left_out.take());
        lost.values.extend(self.traits.left_out.take());
        lost.values.extend(self.context.traits.left_out.take());
        lost.values.extend(self.context.shared_traits.left_out.take());
        lost.values.extend(self.context.left_out.take());
        Ok(lost)
    }

    fn identifiers(
        &mut self,
        kind: CallKind,
        settings: ReadSettings<'_>,
        to: &mut Vec<Identifier<'a>>,
        lost: &mut Lost<'a>,
    ) {
        to.clear();
        let user = self.user_id.text("userId", lost);
        to.extend(user.map(|id| Identifier::new("user_id", id)));
        let anonymous = self.anonymous_id.text("anonymousId", lost);
        to.extend(anonymous.map(|id| Identifier::new("anonymous_id", id)));
        if kind == CallKind::Alias {
            let previous = self.previous_id.text("previousId", lost);
            to.extend(previous.map(|id| Identifier::new("previous_id", id)));
        }
        // The traits of a group call belong to the group.
        let is_group = kind == CallKind::Group;
        let own = if is_group { None } else { take_email(&mut self.traits.values) };
        let known = take_email(&mut self.context.traits.values);
        to.extend(own.or(known).map(|email| Identifier::new("email", email)));
        self.context.identify(to, lost);
        for (name, kind) in &settings.received.identifiers {
            let (traits, context) = (&mut self.traits.values, &mut self.context.traits.values);
            let own = if is_group { None } else { named::take_id(traits, name, lost) };
            let known = named::take_id(context, name, lost);
            let property = named::take_id(&mut self.properties.values, name, lost);
            let id = own.or(known).or(property);
            to.extend(id.map(|id| Identifier::new(kind.clone(), id)));
        }
    }

    fn attributes(
        &mut self,
        kind: CallKind,
        settings: ReadSettings<'_>,
        to: &mut Fields<'a>,
        lost: &mut Lost<'a>,
    ) {
        to.clear();
        let wanted = settings.wanted;
        let is_wanted =
            |(name, value): &(Cow<'a, str>, Value<'a>)| wanted.attribute_with_fields(name, value);
        // Other calls repeat traits that can be out of date, and the group's among them.
        if kind == CallKind::Identify {
            to.extend(self.context.traits.values.drain(..).filter(is_wanted));
        }
        let traits = &mut self.traits.values;
        if kind == CallKind::Group {
            let of_group = |(name, value)| (Cow::Owned(format!("group.{name}")), value);
            to.extend(traits.drain(..).map(of_group).filter(is_wanted));
        }
        to.extend(traits.drain(..).filter(is_wanted));
        let own = self.group_id.text("groupId", lost);
        let group = own.or(self.context.group_id.text("context.groupId", lost));
        let group = group.map(|id| (Cow::Borrowed("group_id"), Value::Text(id)));
        to.extend(group.filter(is_wanted));
    }

    fn properties(
        &mut self,
        kind: CallKind,
        settings: ReadSettings<'_>,
        to: &mut Fields<'a>,
        lost: &mut Lost<'a>,
    ) {
        to.clear();
        let wanted = settings.wanted;
        self.context.describe(to);
        let mut add = |name: &'static str, text: Option<Cow<'a, str>>| {
            let text = text.filter(|_| wanted.property(name));
            to.extend(text.map(|text| (Cow::Borrowed(name), Value::Text(text))));
        };
        add("channel", self.channel.text("channel", lost));
        if matches!(kind, CallKind::Page | CallKind::Screen) {
            add("name", self.name.text("name", lost));
            add("category", self.category.text("category", lost));
        }
        let values = &mut self.properties.values;
        values.retain(|(name, value)| wanted.property_with_fields(name, value));
        if !settings.received.numbers.is_empty() {
            named::read_numbers(values, &settings.received.numbers);
        }
        if to.is_empty() {
            swap(to, values);
        } else {
            to.append(values);
        }
    }
}

/// Reads the fields of a call.
struct CallFields<'c, 'a, 's> {
    call: &'c mut Call<'a>,
    settings: ReadSettings<'s>,
    /// Whether the context is added to that of a batch.
    is_added: bool,
}

impl<'a> Sink<'a> for CallFields<'_, 'a, '_> {
    fn plain(self, value: Plain<'a>) {
        let is_list = matches!(value, Plain::List(_));
        self.call.other = Some(if is_list { NotACall::Calls } else { NotACall::Nothing });
    }

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        let Self { call, settings: ReadSettings { wanted, .. }, is_added } = self;
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
                "context" => {
                    object.value(Whole { context: &mut call.context, wanted, is_added })?;
                }
                "properties" => object.value(&mut call.properties)?,
                "traits" => object.value(&mut call.traits)?,
                "batch" => {
                    let list = object.raw()?.strip_prefix('[');
                    call.has_batch = list.is_some();
                    call.has_calls = list.is_some_and(|list| !list.trim_start().starts_with(']'));
                }
                key => match call.times.field(key) {
                    Some(time) => object.value(time)?,
                    None => object.skip_value()?,
                },
            }
        }
        Ok(())
    }
}

impl<'a> Sink<'a> for &mut When<'a> {
    fn plain(self, value: Plain<'a>) {
        *self = When::of(value);
    }
}

/// Removes an e-mail address that is a text; a blank one is none.
fn take_email<'a>(traits: &mut Fields<'a>) -> Option<Cow<'a, str>> {
    let is_email = |(name, value): &(Cow<'a, str>, Value<'a>)| {
        name == "email" && (matches!(value, Value::Text(_)) || *value == Value::List(Vec::new()))
    };
    let place = traits.iter().position(is_email)?;
    match traits.remove(place).1 {
        Value::Text(email) if !is_blank(&email) => Some(email),
        _ => None,
    }
}

/// The six kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallKind {
    Track,
    Identify,
    Page,
    Screen,
    Group,
    Alias,
}

impl CallKind {
    const ALL: [Self; 6] =
        [Self::Track, Self::Identify, Self::Page, Self::Screen, Self::Group, Self::Alias];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind that a path names, by its word or, as browsers do, by its first letter.
    fn of_path(name: &str) -> Option<Self> {
        let is_named = |kind: &Self| kind.name() == name || kind.name()[..1] == *name;
        Self::ALL.into_iter().find(is_named)
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
