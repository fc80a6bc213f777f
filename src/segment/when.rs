//! When a call happened: the client's time, corrected where the client's clock is wrong.

use std::borrow::Cow;

use super::field::{Lost, bad_field};
use super::plain::Plain;
use super::received::ReadSettings;
use crate::event::{LocalOffset, is_blank};
use crate::{Refusal, Timestamp};

/// Numbers that are milliseconds since 1970: the years 1973 to 5138.
const MILLIS: std::ops::RangeInclusive<i64> = 100_000_000_000..=100_000_000_000_000;

/// A field that should be a time.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) enum When<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Millis(i64),
    Wrong,
}

impl<'a> When<'a> {
    pub(super) fn of(value: Plain<'a>) -> Self {
        let millis = match value {
            Plain::Null => return Self::Absent,
            Plain::Text(text) if is_blank(&text) => return Self::Absent,
            Plain::Text(text) => return Self::Text(text),
            Plain::Natural(millis) => i64::try_from(millis).ok(),
            // Digits below a millisecond are cut; a cast from f64 saturates.
            Plain::Number(millis) => Some(millis as i64),
            _ => None,
        };
        millis.filter(|millis| MILLIS.contains(millis)).map_or(Self::Wrong, Self::Millis)
    }

    /// Returns the moment, and its offset from UTC; `None` if it is absent or not a time.
    fn parse(
        &self,
        zone: impl FnOnce(Timestamp) -> Option<i16>,
    ) -> Option<(Timestamp, LocalOffset)> {
        match self {
            Self::Absent | Self::Wrong => None,
            Self::Millis(millis) => {
                let at = Timestamp::from_millis(*millis);
                Some((at, zone(at).map_or(LocalOffset::Unknown, LocalOffset::Known)))
            }
            // Ruby and Go write the zone as a word.
            Self::Text(text) => {
                let bare = text.trim_end();
                let utc = bare.strip_suffix(" UTC").or_else(|| bare.strip_suffix(" GMT"));
                Timestamp::parse_local(utc.unwrap_or(bare), zone).ok()
            }
        }
    }

    /// Returns the moment, if there is one.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        Some(self.parse(|_| None)?.0)
    }

    fn is_unreadable(&self) -> bool {
        *self != Self::Absent && self.moment().is_none()
    }
}

/// The times that a batch has for all its calls.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Shared {
    pub(super) sent: Option<Timestamp>,
    pub(super) received: Option<Timestamp>,
}

/// The times of a call.
#[derive(Debug, Default)]
pub(super) struct CallTimes<'a> {
    timestamp: When<'a>,
    original: When<'a>,
    sent: When<'a>,
    received: When<'a>,
}

impl<'a> CallTimes<'a> {
    pub(super) fn field(&mut self, key: &str) -> Option<&mut When<'a>> {
        match key {
            "timestamp" => Some(&mut self.timestamp),
            "originalTimestamp" => Some(&mut self.original),
            "sentAt" => Some(&mut self.sent),
            "receivedAt" => Some(&mut self.received),
            _ => None,
        }
    }

    /// Returns the time, and the offset of local clocks from UTC; `zone` tells that of the zone which
    /// the client names.
    pub(super) fn read(
        &self,
        settings: ReadSettings<'_>,
        shared: Shared,
        zone: impl FnOnce(Timestamp) -> Option<i16>,
        lost: &mut Lost<'a>,
    ) -> Result<(Timestamp, LocalOffset), Refusal> {
        let trusted = settings.received.trust_received_at;
        let stated = trusted.then(|| self.received.moment().or(shared.received)).flatten();
        let received = stated.or(settings.received.at);
        // A server that stores calls has corrected `timestamp`; what a client sends it has not.
        let (first, second) = match received {
            Some(_) => (&self.original, &self.timestamp),
            None => (&self.timestamp, &self.original),
        };
        let client = if first.moment().is_some() { first } else { second };
        let fields = [
            (&self.timestamp, "timestamp"),
            (&self.original, "originalTimestamp"),
            (&self.sent, "sentAt"),
        ];
        let unreadable = || fields.iter().filter(|(time, _)| time.is_unreadable());
        let sent = self.sent.moment().or(shared.sent);
        let read = match (client.moment(), received) {
            (Some(client_at), Some(received)) => {
                let lag = sent.map_or(0, |sent| sent.millis().saturating_sub(client_at.millis()));
                let at = Timestamp::from_millis(received.millis().saturating_sub(lag));
                let at = if sent.is_some() { at } else { client_at };
                client.parse(|_| zone(at)).map(|(_, offset)| (at, offset))
            }
            (Some(_), None) => client.parse(zone),
            (None, Some(received)) => When::Millis(received.millis()).parse(zone),
            (None, None) => match self.sent.moment() {
                Some(_) => self.sent.parse(zone),
                None => shared.sent.and_then(|sent| When::Millis(sent.millis()).parse(zone)),
            },
        };
        let Some(read) = read else {
            return Err(unreadable().next().map_or(Refusal::NoTime, |(_, name)| bad_field(name)));
        };
        lost.values.extend(unreadable().map(|(_, name)| (Cow::Borrowed(*name), 1)));
        Ok(read)
    }
}
