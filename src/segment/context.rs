//! The `context` of a call: device, system, place, page, campaign of the client.
//!
//! Only the fields listed here become properties. Clients send much that no feature needs, such as the
//! size of the screen. A listed field that is a list or an object is ignored.

use std::borrow::Cow;
use std::mem::swap;

use serde::de::{MapAccess, SeqAccess};

use super::dotted::Dotted;
use super::field::{CallField, Lost};
use super::json::{List, Object, Sink};
use super::plain::Plain;
use crate::event::{Fields, Wanted, is_blank, keep_last};
use crate::{Identifier, Value};

/// The fields of a context; its space is used again.
#[derive(Debug, Default)]
pub(super) struct Context<'a> {
    properties: Fields<'a>,
    pub(super) traits: Dotted<'a>,
    /// The traits that a batch has for all its calls.
    pub(super) shared_traits: Dotted<'a>,
    own_timezone: CallField<'a>,
    /// The zone in which the sender's address is thought to be.
    geo_timezone: CallField<'a>,
    pub(super) group_id: CallField<'a>,
    device_id: CallField<'a>,
    advertising_id: CallField<'a>,
    /// The system that a browser says it runs on.
    platform: CallField<'a>,
    /// Whether a browser prefers pages for a phone.
    is_mobile: Option<bool>,
    /// Whether the person allows the advertising id to be used, if that is said.
    ad_tracking: Option<bool>,
    /// Segment's, RudderStack's.
    external_ids: [ExternalIds<'a>; 2],
    /// Whether it is not an object.
    pub(super) wrong: bool,
    /// How many listed values were left out, and the first of them.
    pub(super) left_out: Option<(Cow<'a, str>, usize)>,
}

impl<'a> Context<'a> {
    pub(super) fn clear(&mut self) {
        self.properties.clear();
        self.traits.clear();
        self.shared_traits.clear();
        for external in &mut self.external_ids {
            external.ids.clear();
            external.n_wrong = 0;
        }
        self.own_timezone = CallField::Absent;
        self.geo_timezone = CallField::Absent;
        self.group_id = CallField::Absent;
        self.device_id = CallField::Absent;
        self.advertising_id = CallField::Absent;
        self.platform = CallField::Absent;
        self.is_mobile = None;
        self.ad_tracking = None;
        self.wrong = false;
        self.left_out = None;
    }

    /// Sets the traits aside that a batch has for all its calls, before a call's own are read.
    pub(super) fn share_traits(&mut self) {
        swap(&mut self.traits, &mut self.shared_traits);
    }

    /// Adds the traits of the batch that the call does not have itself.
    pub(super) fn add_shared_traits(&mut self) {
        let (own, shared) = (&mut self.traits.values, &mut self.shared_traits.values);
        if !shared.is_empty() {
            shared.append(own);
            keep_last(shared);
            swap(own, shared);
        }
    }

    /// Adds the properties. What a browser says about system and device comes first, since the last of
    /// two values for a name wins.
    pub(super) fn describe(&mut self, to: &mut Fields<'a>) {
        let platform = match std::mem::take(&mut self.platform) {
            CallField::Text(platform) if platform != "Unknown" => Some(platform),
            _ => None,
        };
        let device = self.is_mobile.and_then(|is_mobile| device(is_mobile, platform.as_deref()));
        to.extend(device.map(|device| (Cow::Borrowed("device"), Value::from(device))));
        to.extend(platform.map(|platform| (Cow::Borrowed("os"), Value::Text(platform))));
        to.append(&mut self.properties);
    }

    /// Adds the identifiers.
    pub(super) fn identify(&mut self, to: &mut Vec<Identifier<'a>>, lost: &mut Lost<'a>) {
        let device = self.device_id.text("context.device.id", lost);
        to.extend(device.map(|id| Identifier::new("device_id", id)));
        let advertising = self.advertising_id.text("context.device.advertisingId", lost);
        let advertising = advertising.filter(|_| self.ad_tracking == Some(true));
        to.extend(advertising.map(|id| Identifier::new("advertising_id", id)));
        for external in &mut self.external_ids {
            if external.n_wrong > 0 {
                lost.values.push((Cow::Borrowed("context.externalIds"), external.n_wrong));
            }
            to.append(&mut external.ids);
        }
    }

    /// Returns the name of the client's time zone; one that is not a text is ignored.
    pub(super) fn own_timezone(&self) -> Option<&str> {
        self.own_timezone.as_text()
    }

    /// Returns the name of the time zone of the sender's address.
    pub(super) fn geo_timezone(&self) -> Option<&str> {
        self.geo_timezone.as_text()
    }
}

/// Reads a whole context, in place of what was read before.
pub(super) struct Whole<'c, 'a> {
    pub(super) context: &'c mut Context<'a>,
    pub(super) wanted: &'c Wanted,
    /// Whether a batch has a context too: then this one is added, and its values win.
    pub(super) is_added: bool,
}

impl<'a> Sink<'a> for Whole<'_, 'a> {
    fn plain(self, value: Plain<'a>) {
        if !self.is_added {
            self.context.clear();
        }
        // PHP writes an empty object as an empty list.
        self.context.wrong = !matches!(value, Plain::Null | Plain::List(0));
    }

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        let Self { context, wanted, is_added } = self;
        if !is_added {
            context.clear();
        }
        WithinContext { context, wanted, part: ContextPart::Whole }.object(object)
    }
}

/// Reads what is listed of an object within the context; anything else is ignored.
struct WithinContext<'c, 'a> {
    context: &'c mut Context<'a>,
    wanted: &'c Wanted,
    part: ContextPart,
}

impl<'a> Sink<'a> for WithinContext<'_, 'a> {
    fn plain(self, _: Plain<'a>) {}

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        let Self { context, wanted, part } = self;
        while let Some(key) = object.key()? {
            match part.place(key.as_bytes()) {
                FieldTarget::Property(name) if wanted.property(name) => {
                    object.value(Listed { context, name })?;
                }
                FieldTarget::Part(part) => object.value(WithinContext { context, wanted, part })?,
                FieldTarget::Traits => object.value(&mut context.traits)?,
                FieldTarget::ExternalIds(name) => object.value(&mut context.external_ids[name])?,
                FieldTarget::AdTracking => object.value(&mut context.ad_tracking)?,
                FieldTarget::Mobile => object.value(&mut context.is_mobile)?,
                FieldTarget::Property(_) | FieldTarget::Nothing => object.skip_value()?,
                FieldTarget::Timezone if part == ContextPart::GeoLocation => {
                    object.value(&mut context.geo_timezone)?;
                }
                FieldTarget::Timezone => object.value(&mut context.own_timezone)?,
                FieldTarget::GroupId => object.value(&mut context.group_id)?,
                FieldTarget::DeviceId => object.value(&mut context.device_id)?,
                FieldTarget::AdvertisingId => object.value(&mut context.advertising_id)?,
                FieldTarget::Platform => object.value(&mut context.platform)?,
            }
        }
        Ok(())
    }
}

/// Reads a property: a plain value that is not blank.
struct Listed<'c, 'a> {
    context: &'c mut Context<'a>,
    name: &'static str,
}

impl<'a> Sink<'a> for Listed<'_, 'a> {
    fn plain(self, value: Plain<'a>) {
        let name = Cow::Borrowed(self.name);
        match value {
            Plain::Text(text) if is_blank(&text) => {}
            Plain::Broken => self.context.left_out.get_or_insert((name, 0)).1 += 1,
            value => {
                let Some(value) = value.value() else { return };
                let properties = &mut self.context.properties;
                match properties.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = value,
                    None => properties.push((name, value)),
                }
            }
        }
    }
}

/// Reads yes or no; anything else is nothing.
impl<'a> Sink<'a> for &mut Option<bool> {
    fn plain(self, value: Plain<'a>) {
        *self = match value {
            Plain::Flag(flag) => Some(flag),
            _ => None,
        };
    }
}

/// Returns the kind of device that a browser runs on. Browsers on Android say that a tablet is not
/// mobile; for an unknown system the kind is unknown.
fn device(is_mobile: bool, platform: Option<&str>) -> Option<&'static str> {
    match (is_mobile, platform) {
        (true, _) => Some("mobile"),
        (false, Some("Windows" | "macOS" | "Linux" | "Chrome OS" | "Chromium OS")) => {
            Some("desktop")
        }
        (false, Some("Android")) => Some("tablet"),
        (false, _) => None,
    }
}

/// An object within the context.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ContextPart {
    Whole,
    App,
    Campaign,
    Device,
    Location,
    Geo,
    GeoCountry,
    GeoRegion,
    GeoCity,
    GeoLocation,
    Os,
    Page,
    UserAgentData,
}

/// What a field of an object within the context becomes.
enum FieldTarget {
    Property(&'static str),
    Part(ContextPart),
    Traits,
    Timezone,
    GroupId,
    ExternalIds(usize),
    DeviceId,
    AdvertisingId,
    AdTracking,
    Platform,
    Mobile,
    Nothing,
}

impl ContextPart {
    /// The field of that key. Long, since it is the whole table of what is listed.
    fn place(self, key: &[u8]) -> FieldTarget {
        use FieldTarget::{Part, Property};
        match self {
            Self::Whole => match key {
                b"app" => Part(Self::App),
                b"campaign" => Part(Self::Campaign),
                b"device" => Part(Self::Device),
                b"location" => Part(Self::Location),
                b"geo" => Part(Self::Geo),
                b"os" => Part(Self::Os),
                b"page" => Part(Self::Page),
                b"userAgentData" => Part(Self::UserAgentData),
                b"channel" => Property("channel"),
                b"locale" => Property("locale"),
                b"userAgent" => Property("user_agent"),
                b"sessionId" => Property("session_id"),
                b"traits" => FieldTarget::Traits,
                b"timezone" => FieldTarget::Timezone,
                b"groupId" => FieldTarget::GroupId,
                b"externalIds" => FieldTarget::ExternalIds(0),
                b"externalId" => FieldTarget::ExternalIds(1),
                _ => FieldTarget::Nothing,
            },
            Self::App => match key {
                b"name" => Property("app"),
                b"version" => Property("app.version"),
                _ => FieldTarget::Nothing,
            },
            Self::Campaign => match key {
                b"name" => Property("campaign.name"),
                b"source" => Property("campaign.source"),
                b"medium" => Property("campaign.medium"),
                b"term" => Property("campaign.term"),
                b"content" => Property("campaign.content"),
                _ => FieldTarget::Nothing,
            },
            Self::Device => match key {
                b"type" => Property("device"),
                b"manufacturer" => Property("device.manufacturer"),
                b"model" => Property("device.model"),
                b"id" => FieldTarget::DeviceId,
                b"advertisingId" => FieldTarget::AdvertisingId,
                b"adTrackingEnabled" => FieldTarget::AdTracking,
                _ => FieldTarget::Nothing,
            },
            Self::Location => match key {
                b"country" => Property("country"),
                b"region" => Property("region"),
                b"city" => Property("city"),
                _ => FieldTarget::Nothing,
            },
            Self::Geo => match key {
                b"country" => Part(Self::GeoCountry),
                b"region" => Part(Self::GeoRegion),
                b"city" => Part(Self::GeoCity),
                b"location" => Part(Self::GeoLocation),
                _ => FieldTarget::Nothing,
            },
            Self::GeoCountry if key == b"code" => Property("country"),
            Self::GeoRegion if key == b"code" => Property("region"),
            Self::GeoCity if key == b"name" => Property("city"),
            Self::GeoLocation if key == b"timezone" => FieldTarget::Timezone,
            Self::Os => match key {
                b"name" => Property("os"),
                b"version" => Property("os.version"),
                _ => FieldTarget::Nothing,
            },
            Self::Page => match key {
                b"url" => Property("url"),
                b"path" => Property("path"),
                b"referrer" => Property("referrer"),
                b"search" => Property("search"),
                b"title" => Property("title"),
                _ => FieldTarget::Nothing,
            },
            Self::UserAgentData => match key {
                b"platform" => FieldTarget::Platform,
                b"mobile" => FieldTarget::Mobile,
                _ => FieldTarget::Nothing,
            },
            _ => FieldTarget::Nothing,
        }
    }
}

/// Identifiers of one list that are read: one more than an event may have, so that the event is refused.
const MAX_IDS: usize = 65;

/// `[{"type": "card", "id": "4711"}, …]`: kinds and values of identifiers.
#[derive(Debug, Default)]
struct ExternalIds<'a> {
    ids: Vec<Identifier<'a>>,
    /// How many entries, or whole lists, were something else.
    n_wrong: usize,
}

/// Reads a whole list, in place of what was read before.
impl<'a> Sink<'a> for &mut ExternalIds<'a> {
    fn plain(self, value: Plain<'a>) {
        self.ids.clear();
        self.n_wrong = usize::from(value != Plain::Null);
    }

    fn list<A: SeqAccess<'a>>(self, list: &mut List<A>) -> Result<(), A::Error> {
        self.ids.clear();
        self.n_wrong = 0;
        while list.next(ExternalId(self))? {}
        Ok(())
    }
}

/// Reads one entry of the list.
struct ExternalId<'e, 'a>(&'e mut ExternalIds<'a>);

impl<'a> Sink<'a> for ExternalId<'_, 'a> {
    fn plain(self, value: Plain<'a>) {
        self.0.n_wrong += usize::from(value != Plain::Null);
    }

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        let [mut kind, mut id, mut collection] = [const { CallField::Absent }; 3];
        while let Some(key) = object.key()? {
            match &*key {
                "type" => object.value(&mut kind)?,
                "id" => object.value(&mut id)?,
                "collection" => object.value(&mut collection)?,
                _ => object.skip_value()?,
            }
        }
        match (kind, id) {
            // Accounts, and whatever else Segment collects, are not people.
            _ if collection.as_text().is_some_and(|name| name != "users") => {}
            (_, CallField::Absent) => {}
            (CallField::Text(kind), CallField::Text(id)) if self.0.ids.len() < MAX_IDS => {
                self.0.ids.push(Identifier::new(kind, id));
            }
            _ => self.0.n_wrong += 1,
        }
        Ok(())
    }
}
