//! What of every event a store keeps, and why an event is refused before anything of it is stored.
//!
//! Cost of the check: one pass over its values; a look-up only where one of them is too much.

use super::dictionary::Dictionary;
use super::schema::{Field, Schema};
use crate::{Event, Refusal, Timestamp, Value};

/// Values in one list at most; an honest event has fewer.
pub(super) const MAX_LIST: usize = 1000;

/// What of every event a store keeps.
#[derive(Clone, Copy)]
pub(crate) struct Projection<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) dictionary: &'s Dictionary,
    /// First and last time at which an event can have happened.
    pub(crate) clock: (Timestamp, Timestamp),
    /// The earliest time at which events are kept, if there is one.
    pub(crate) horizon: Option<Timestamp>,
    /// Whether texts that are not known yet are stored.
    pub(crate) stores_texts: bool,
}

impl Projection<'_> {
    /// Why an event cannot be stored: a list that is too long, an offset that no place on Earth has, a time outside the clock.
    pub(super) fn check(self, event: &Event<'_>) -> Result<(), Refusal> {
        for (name, value) in &event.properties {
            // Whether the property is stored takes longer to find out, and hardly ever matters.
            check_value(name, value).or_else(|fault| match self.schema.sent_property(name) {
                Field::NONE => Ok(()),
                _ => Err(fault),
            })?;
        }
        for (name, value) in &event.attributes {
            check_value(name, value).or_else(|fault| {
                let is_stored =
                    self.schema.has_all_attributes() || self.schema.attribute(name) != Field::NONE;
                if is_stored { Err(fault) } else { Ok(()) }
            })?;
        }
        self.check_place(event.at, event.utc_offset_minutes)
    }

    /// Why the time of an event or its offset from UTC cannot be right.
    pub(super) fn check_place(
        self,
        at: Timestamp,
        utc_offset_minutes: Option<i16>,
    ) -> Result<(), Refusal> {
        let (min, max) = self.clock;
        if let Some(minutes) = utc_offset_minutes.filter(|minutes| minutes.unsigned_abs() > 24 * 60)
        {
            return Err(Refusal::BadOffset { minutes });
        }
        if at < min || at > max {
            return Err(Refusal::OutsideClock { at, min, max });
        }
        match self.horizon {
            Some(horizon) if at < horizon => Err(Refusal::BeforeHorizon { at, horizon }),
            _ => Ok(()),
        }
    }
}

fn check_value(name: &str, value: &Value<'_>) -> Result<(), Refusal> {
    let n_values = if matches!(value, Value::List(_)) { value.each().count() } else { 1 };
    if n_values > MAX_LIST {
        let (property, limit) = (name.to_owned(), MAX_LIST);
        return Err(Refusal::ListTooLong { property, got: n_values, limit });
    }
    Ok(())
}
