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
    pub(super) properties: Vec<(Cow<'a, str>, Value<'a>)>,
    pub(super) traits: Flat<'a>,
    pub(super) timezone: Field<'a>,
    pub(super) group_id: Field<'a>,
    device_id: Field<'a>,
    advertising_id: Field<'a>,
    /// Whether the person does not want to be followed by the advertising id.
    no_tracking: bool,
    external_ids: ExternalIds<'a>,
    /// Whether it is no object.
    pub(super) wrong: bool,
}

impl<'a> Context<'a> {
    pub(super) fn clear(&mut self) {
        self.properties.clear();
        self.traits.clear();
        self.external_ids.ids.clear();
        self.external_ids.wrong = false;
        self.timezone = Field::Absent;
        self.group_id = Field::Absent;
        self.device_id = Field::Absent;
        self.advertising_id = Field::Absent;
        self.no_tracking = false;
        self.wrong = false;
    }

    /// Adds the identifiers that it holds.
    pub(super) fn identify(&mut self, to: &mut Vec<Identifier<'a>>) -> Result<(), Refusal> {
        let device = std::mem::take(&mut self.device_id).text("context.device.id")?;
        to.extend(device.map(|id| Identifier::new("device_id", id)));
        let advertising = std::mem::take(&mut self.advertising_id);
        let advertising = advertising.text("context.device.advertisingId")?;
        let advertising = advertising.filter(|_| !self.no_tracking);
        to.extend(advertising.map(|id| Identifier::new("advertising_id", id)));
        if self.external_ids.wrong {
            return Err(bad_field("context.externalIds"));
        }
        to.append(&mut self.external_ids.ids);
        Ok(())
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
}

impl Part {
    /// The object of a name in this one.
    fn part(self, key: &str) -> Option<Self> {
        Some(match (self, key) {
            (Self::Whole, "app") => Self::App,
            (Self::Whole, "campaign") => Self::Campaign,
            (Self::Whole, "device") => Self::Device,
            (Self::Whole, "location") => Self::Location,
            (Self::Whole, "geo") => Self::Geo,
            (Self::Whole, "os") => Self::Os,
            (Self::Whole, "page") => Self::Page,
            (Self::Geo, "country") => Self::GeoCountry,
            (Self::Geo, "region") => Self::GeoRegion,
            (Self::Geo, "city") => Self::GeoCity,
            (Self::Geo, "location") => Self::GeoLocation,
            _ => return None,
        })
    }

    /// The property that a value in this object becomes.
    fn property(self, key: &str) -> Option<&'static str> {
        Some(match (self, key) {
            (Self::Whole, "channel") => "channel",
            (Self::Whole, "locale") => "locale",
            (Self::Whole, "userAgent") => "user_agent",
            (Self::Whole, "sessionId") => "session_id",
            (Self::App, "name") => "app",
            (Self::App, "version") => "app.version",
            (Self::Campaign, "name") => "campaign.name",
            (Self::Campaign, "source") => "campaign.source",
            (Self::Campaign, "medium") => "campaign.medium",
            (Self::Campaign, "term") => "campaign.term",
            (Self::Campaign, "content") => "campaign.content",
            (Self::Device, "type") => "device",
            (Self::Device, "manufacturer") => "device.manufacturer",
            (Self::Device, "model") => "device.model",
            (Self::Location, "country") | (Self::GeoCountry, "code") => "country",
            (Self::Location, "region") | (Self::GeoRegion, "code") => "region",
            (Self::Location, "city") | (Self::GeoCity, "name") => "city",
            (Self::Os, "name") => "os",
            (Self::Os, "version") => "os.version",
            (Self::Page, "url") => "url",
            (Self::Page, "path") => "path",
            (Self::Page, "referrer") => "referrer",
            (Self::Page, "search") => "search",
            (Self::Page, "title") => "title",
            _ => return None,
        })
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
            if let Some(name) = part.property(&key) {
                let value = object.next_value_seed(Any(Listed))?;
                context.properties.extend(value.map(|value| (Cow::Borrowed(name), value)));
            } else if let Some(part) = part.part(&key) {
                object.next_value_seed(Any(PartReader { context: &mut *context, part }))?;
            } else {
                match (part, &*key) {
                    (Part::Whole, "traits") => object.next_value_seed(Any(&mut context.traits))?,
                    (Part::Whole, "timezone") | (Part::GeoLocation, "timezone") => {
                        object.next_value_seed(Any(&mut context.timezone))?;
                    }
                    (Part::Whole, "groupId") => {
                        object.next_value_seed(Any(&mut context.group_id))?;
                    }
                    (Part::Whole, "externalIds" | "externalId") => {
                        object.next_value_seed(Any(&mut context.external_ids))?;
                    }
                    (Part::Device, "id") => object.next_value_seed(Any(&mut context.device_id))?,
                    (Part::Device, "advertisingId") => {
                        object.next_value_seed(Any(&mut context.advertising_id))?;
                    }
                    (Part::Device, "adTrackingEnabled") => {
                        let said = object.next_value_seed(Any(Listed))?;
                        context.no_tracking = said == Some(Value::Flag(false));
                    }
                    _ => drop(object.next_value::<IgnoredAny>()?),
                }
            }
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
