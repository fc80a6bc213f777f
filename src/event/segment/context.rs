//! What a client says of itself with every call: device, system, place, page, campaign.
//!
//! Only what is listed becomes a property, for clients send a lot that no feature wants: the size of
//! the screen, the version of the library. What is listed and is no plain value is not read.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::field::{Field, bad_field, is_blank};
use super::flat::Flat;
use super::json::{Any, Key, Plain, Read, skip_list, skip_object};
use crate::{Identifier, Refusal, Value};

/// What is read of the context; to be used again.
#[derive(Debug, Default)]
pub(super) struct Context<'a> {
    properties: Vec<(Cow<'a, str>, Value<'a>)>,
    pub(super) traits: Flat<'a>,
    own_timezone: Field<'a>,
    /// Where the sender's address is thought to be.
    geo_timezone: Field<'a>,
    pub(super) group_id: Field<'a>,
    device_id: Field<'a>,
    advertising_id: Field<'a>,
    /// The system that a browser says it runs on.
    platform: Field<'a>,
    /// Whether a browser would rather have pages for a phone.
    is_mobile: Option<bool>,
    /// Whether the person does not want to be followed by the advertising id.
    no_tracking: bool,
    /// Segment's, RudderStack's.
    external_ids: [ExternalIds<'a>; 2],
    /// Whether it is no object.
    pub(super) wrong: bool,
}

impl<'a> Context<'a> {
    pub(super) fn clear(&mut self) {
        self.properties.clear();
        self.traits.clear();
        for external in &mut self.external_ids {
            external.ids.clear();
            external.wrong = false;
        }
        self.own_timezone = Field::Absent;
        self.geo_timezone = Field::Absent;
        self.group_id = Field::Absent;
        self.device_id = Field::Absent;
        self.advertising_id = Field::Absent;
        self.platform = Field::Absent;
        self.is_mobile = None;
        self.no_tracking = false;
        self.wrong = false;
    }

    /// Adds the properties that it holds. What a browser says of the system and the device comes
    /// first, for of a property that is given twice the last counts.
    pub(super) fn describe(&mut self, to: &mut Vec<(Cow<'a, str>, Value<'a>)>) {
        let platform = match std::mem::take(&mut self.platform) {
            Field::Text(platform) if platform != "Unknown" => Some(platform),
            _ => None,
        };
        let device = self.is_mobile.and_then(|is_mobile| device(is_mobile, platform.as_deref()));
        to.extend(device.map(|device| (Cow::Borrowed("device"), Value::from(device))));
        to.extend(platform.map(|platform| (Cow::Borrowed("os"), Value::Text(platform))));
        to.append(&mut self.properties);
    }

    /// Adds the identifiers that it holds.
    pub(super) fn identify(&mut self, to: &mut Vec<Identifier<'a>>) -> Result<(), Refusal> {
        let device = std::mem::take(&mut self.device_id).text("context.device.id")?;
        to.extend(device.map(|id| Identifier::new("device_id", id)));
        let advertising = std::mem::take(&mut self.advertising_id);
        let advertising = advertising.text("context.device.advertisingId")?;
        let advertising = advertising.filter(|_| !self.no_tracking);
        to.extend(advertising.map(|id| Identifier::new("advertising_id", id)));
        for external in &mut self.external_ids {
            if external.wrong {
                return Err(bad_field("context.externalIds"));
            }
            to.append(&mut external.ids);
        }
        Ok(())
    }

    /// The name of a time zone; one that is no text is not worth refusing an event for.
    pub(super) fn timezone(&self) -> Option<&str> {
        [&self.own_timezone, &self.geo_timezone].into_iter().find_map(|zone| match zone {
            Field::Text(zone) => Some(&**zone),
            _ => None,
        })
    }
}

/// The kind of device that a browser runs on, by its own words. On Android what is no phone is taken
/// for a tablet, as browsers there have it; of a system without a name nobody knows.
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
enum Part {
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
enum Place {
    Property(&'static str),
    Part(Part),
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

impl Part {
    fn place(self, key: &str) -> Place {
        use Place::{Part, Property};
        match self {
            Self::Whole => match key {
                "app" => Part(Self::App),
                "campaign" => Part(Self::Campaign),
                "device" => Part(Self::Device),
                "location" => Part(Self::Location),
                "geo" => Part(Self::Geo),
                "os" => Part(Self::Os),
                "page" => Part(Self::Page),
                "userAgentData" => Part(Self::UserAgentData),
                "channel" => Property("channel"),
                "locale" => Property("locale"),
                "userAgent" => Property("user_agent"),
                "sessionId" => Property("session_id"),
                "traits" => Place::Traits,
                "timezone" => Place::Timezone,
                "groupId" => Place::GroupId,
                "externalIds" => Place::ExternalIds(0),
                "externalId" => Place::ExternalIds(1),
                _ => Place::Nothing,
            },
            Self::App => match key {
                "name" => Property("app"),
                "version" => Property("app.version"),
                _ => Place::Nothing,
            },
            Self::Campaign => match key {
                "name" => Property("campaign.name"),
                "source" => Property("campaign.source"),
                "medium" => Property("campaign.medium"),
                "term" => Property("campaign.term"),
                "content" => Property("campaign.content"),
                _ => Place::Nothing,
            },
            Self::Device => match key {
                "type" => Property("device"),
                "manufacturer" => Property("device.manufacturer"),
                "model" => Property("device.model"),
                "id" => Place::DeviceId,
                "advertisingId" => Place::AdvertisingId,
                "adTrackingEnabled" => Place::AdTracking,
                _ => Place::Nothing,
            },
            Self::Location => match key {
                "country" => Property("country"),
                "region" => Property("region"),
                "city" => Property("city"),
                _ => Place::Nothing,
            },
            Self::Geo => match key {
                "country" => Part(Self::GeoCountry),
                "region" => Part(Self::GeoRegion),
                "city" => Part(Self::GeoCity),
                "location" => Part(Self::GeoLocation),
                _ => Place::Nothing,
            },
            Self::GeoCountry if key == "code" => Property("country"),
            Self::GeoRegion if key == "code" => Property("region"),
            Self::GeoCity if key == "name" => Property("city"),
            Self::GeoLocation if key == "timezone" => Place::Timezone,
            Self::Os => match key {
                "name" => Property("os"),
                "version" => Property("os.version"),
                _ => Place::Nothing,
            },
            Self::Page => match key {
                "url" => Property("url"),
                "path" => Property("path"),
                "referrer" => Property("referrer"),
                "search" => Property("search"),
                "title" => Property("title"),
                _ => Place::Nothing,
            },
            Self::UserAgentData => match key {
                "platform" => Place::Platform,
                "mobile" => Place::Mobile,
                _ => Place::Nothing,
            },
            _ => Place::Nothing,
        }
    }
}

/// Reads an object of the context.
struct PartReader<'c, 'a> {
    context: &'c mut Context<'a>,
    part: Part,
}

impl<'a> Read<'a> for PartReader<'_, 'a> {
    type Out = ();

    fn plain(self, value: Plain<'a>) {
        self.context.wrong |= self.part == Part::Whole && !matches!(value, Plain::Null);
    }

    fn list<A: SeqAccess<'a>>(self, list: A) -> Result<(), A::Error> {
        let n = skip_list(list)?;
        // An empty object is written as an empty list by PHP.
        self.context.wrong |= self.part == Part::Whole && n > 0;
        Ok(())
    }

    fn object<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        let Self { context, part } = self;
        while let Some(Key(key)) = object.next_key()? {
            let field = match part.place(&key) {
                Place::Property(name) => {
                    let value = object.next_value_seed(Any(Listed))?;
                    context.properties.extend(value.map(|value| (Cow::Borrowed(name), value)));
                    continue;
                }
                Place::Part(part) => {
                    object.next_value_seed(Any(PartReader { context: &mut *context, part }))?;
                    continue;
                }
                Place::Traits => {
                    object.next_value_seed(Any(&mut context.traits))?;
                    continue;
                }
                Place::ExternalIds(name) => {
                    object.next_value_seed(Any(&mut context.external_ids[name]))?;
                    continue;
                }
                Place::AdTracking => {
                    let said = object.next_value_seed(Any(Listed))?;
                    context.no_tracking = said == Some(Value::Flag(false));
                    continue;
                }
                Place::Mobile => {
                    context.is_mobile = match object.next_value_seed(Any(Listed))? {
                        Some(Value::Flag(flag)) => Some(flag),
                        _ => None,
                    };
                    continue;
                }
                Place::Nothing => {
                    object.next_value::<IgnoredAny>()?;
                    continue;
                }
                Place::Timezone if part == Part::GeoLocation => &mut context.geo_timezone,
                Place::Timezone => &mut context.own_timezone,
                Place::GroupId => &mut context.group_id,
                Place::DeviceId => &mut context.device_id,
                Place::AdvertisingId => &mut context.advertising_id,
                Place::Platform => &mut context.platform,
            };
            object.next_value_seed(Any(field))?;
        }
        Ok(())
    }
}

/// Reads a whole context, in place of what was read before.
impl<'a> Read<'a> for &mut Context<'a> {
    type Out = ();

    fn plain(self, value: Plain<'a>) {
        self.clear();
        PartReader { context: self, part: Part::Whole }.plain(value);
    }

    fn list<A: SeqAccess<'a>>(self, list: A) -> Result<(), A::Error> {
        self.clear();
        PartReader { context: self, part: Part::Whole }.list(list)
    }

    fn object<A: MapAccess<'a>>(self, object: A) -> Result<(), A::Error> {
        self.clear();
        PartReader { context: self, part: Part::Whole }.object(object)
    }
}

/// Reads a plain value that is not blank; nothing for anything else.
struct Listed;

impl<'a> Read<'a> for Listed {
    type Out = Option<Value<'a>>;

    fn plain(self, value: Plain<'a>) -> Self::Out {
        value.value().filter(|value| !matches!(value, Value::Text(text) if is_blank(text)))
    }

    fn list<A: SeqAccess<'a>>(self, list: A) -> Result<Self::Out, A::Error> {
        skip_list(list).map(|_| None)
    }

    fn object<A: MapAccess<'a>>(self, object: A) -> Result<Self::Out, A::Error> {
        skip_object(object).map(|()| None)
    }
}

/// `[{"type": "card", "id": "4711"}, …]`: kinds and values of identifiers.
#[derive(Debug, Default)]
struct ExternalIds<'a> {
    ids: Vec<Identifier<'a>>,
    /// Whether there is something that is no such list.
    wrong: bool,
}

impl<'a> Read<'a> for &mut ExternalIds<'a> {
    type Out = ();

    fn plain(self, value: Plain<'a>) {
        self.ids.clear();
        self.wrong = !matches!(value, Plain::Null);
    }

    fn list<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        self.ids.clear();
        self.wrong = false;
        while list.next_element_seed(Any(ExternalId(&mut *self)))?.is_some() {}
        Ok(())
    }

    fn object<A: MapAccess<'a>>(self, object: A) -> Result<(), A::Error> {
        self.wrong = true;
        skip_object(object)
    }
}

/// One of them.
struct ExternalId<'c, 'a>(&'c mut ExternalIds<'a>);

impl<'a> Read<'a> for ExternalId<'_, 'a> {
    type Out = ();

    fn plain(self, value: Plain<'a>) {
        self.0.wrong |= !matches!(value, Plain::Null);
    }

    fn list<A: SeqAccess<'a>>(self, list: A) -> Result<(), A::Error> {
        self.0.wrong = true;
        skip_list(list).map(|_| ())
    }

    fn object<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        let (mut kind, mut id) = (Field::Absent, Field::Absent);
        while let Some(Key(key)) = object.next_key()? {
            match &*key {
                "type" => object.next_value_seed(Any(&mut kind))?,
                "id" => object.next_value_seed(Any(&mut id))?,
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        match (kind, id) {
            (_, Field::Absent) => {}
            (Field::Text(kind), Field::Text(id)) => self.0.ids.push(Identifier::new(kind, id)),
            _ => self.0.wrong = true,
        }
        Ok(())
    }
}
