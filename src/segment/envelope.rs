//! What calls of one body share: `{"batch": […], "sentAt": …, "context": {…}}`.

use serde::de::MapAccess;

use super::json::{self, Care, Object, Sink};
use super::plain::Plain;
use super::when::{Shared, When};
use crate::Refusal;

/// The context of a batch counts for each of its calls; with all these copies the batch may be so many
/// times as long as it is. Honest clients send calls of more than 100 bytes and a context of some 1000.
const MAX_GROWTH: usize = 64;

/// What a batch says of all its calls. A call's own values win, field by field.
#[derive(Debug, Default, Clone)]
pub(super) struct Envelope<'a> {
    pub(super) times: Shared,
    /// The text of an object.
    pub(super) context: Option<&'a str>,
}

/// Takes a list of calls, or a batch around one, apart.
pub(super) fn open(text: &str) -> Result<(Envelope<'_>, Vec<&str>), Refusal> {
    let mut fields = BatchFields::default();
    let not_json = |error| Refusal::NotJson { at: json::byte_of(&error, text) };
    let list = if text.trim_start().starts_with('[') {
        text
    } else {
        // Value by value: what cannot be represented is lost, and the batch is not.
        json::read(text, Care::EachValue, &mut fields).map_err(not_json)?;
        fields.batch
    };
    let calls = json::values(list).map_err(not_json)?;
    let context = Some(fields.context).filter(|context| context.starts_with('{'));
    let (bytes, n_calls) = (context.map_or(0, str::len), calls.len());
    let limit = (MAX_GROWTH * text.len()).checked_div(n_calls).unwrap_or(bytes);
    if bytes > limit {
        return Err(Refusal::ContextTooLong { bytes, limit, n_calls });
    }
    let times = Shared { sent: fields.sent.moment(), received: fields.received.moment() };
    Ok((Envelope { times, context }, calls))
}

/// The fields of a batch.
#[derive(Default)]
struct BatchFields<'a> {
    batch: &'a str,
    context: &'a str,
    sent: When<'a>,
    received: When<'a>,
}

impl<'a> Sink<'a> for &mut BatchFields<'a> {
    fn plain(self, _: Plain<'a>) {}

    fn object<A: MapAccess<'a>>(self, object: &mut Object<A>) -> Result<(), A::Error> {
        while let Some(key) = object.key()? {
            match &*key {
                "batch" => self.batch = object.raw()?,
                "context" => self.context = object.raw()?,
                "sentAt" => object.value(&mut self.sent)?,
                "receivedAt" => object.value(&mut self.received)?,
                _ => object.skip_value()?,
            }
        }
        Ok(())
    }
}
