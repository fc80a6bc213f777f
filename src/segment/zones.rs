//! Offsets of time zones from UTC, with a memory of the zones seen before.

use hashbrown::HashMap;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::Timestamp;

/// Names remembered, at most: there are some 600 zones, and any number of wrong names.
const MAX_KNOWN: usize = 1024;
/// Bytes of a remembered name, at most; no zone has a longer name.
const MAX_NAME: usize = 64;
/// Stretches of time remembered for each zone, at most: summers and winters of some thirty years.
const MAX_STRETCHES: usize = 64;

/// The zones looked up so far, by name.
#[derive(Debug, Default)]
pub(super) struct Zones {
    known: HashMap<String, Option<Zone>>,
}

/// A zone, and the stretches of time between two clock changes that were looked up.
#[derive(Debug)]
struct Zone {
    zone: TimeZone,
    stretches: Vec<Stretch>,
}

/// A stretch of time without a clock change, in milliseconds: the offset in minutes east.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: i64,
    to: i64,
    minutes: Option<i16>,
}

impl Zones {
    /// Returns the minutes that local clocks are ahead of UTC; `None` for a name that is not a zone.
    /// Seconds, which some zones had before 1972, are cut.
    pub(super) fn offset(&mut self, name: &str, at: Timestamp) -> Option<i16> {
        if let Some(minutes) = fixed(name) {
            return Some(minutes);
        }
        if let Some(zone) = self.known.get_mut(name) {
            return zone.as_mut()?.offset(at);
        }
        // The data are part of the program; the system's are never read.
        let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown());
        let zone = zone.map(|zone| Zone { zone, stretches: Vec::new() });
        // Clock changes are worth a search from the second look-up of a zone on.
        let offset = zone
            .as_ref()
            .and_then(|zone| zone.minutes(jiff::Timestamp::from_millisecond(at.millis()).ok()?));
        if self.known.len() < MAX_KNOWN && name.len() <= MAX_NAME {
            self.known.insert(name.to_owned(), zone);
        }
        offset
    }
}

/// Returns the offset of a zone that is written as one: `GMT+0530`, `UTC-5`, `+01:00`.
fn fixed(name: &str) -> Option<i16> {
    let bare = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
    let (sign, digits) = match bare.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match *digits {
        [h] => ([b'0', h], [b'0', b'0']),
        [g, h] => ([g, h], [b'0', b'0']),
        [g, h, m, n] | [g, h, b':', m, n] => ([g, h], [m, n]),
        _ => return None,
    };
    let number = |[tens, ones]: [u8; 2]| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    // No clock on Earth is further from UTC than 14 hours.
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

impl Zone {
    fn minutes(&self, at: jiff::Timestamp) -> Option<i16> {
        i16::try_from(self.zone.to_offset(at).seconds() / 60).ok()
    }

    fn offset(&mut self, at: Timestamp) -> Option<i16> {
        let millis = at.millis();
        let at = jiff::Timestamp::from_millisecond(millis).ok()?;
        let is_here = |stretch: &&Stretch| (stretch.from..stretch.to).contains(&millis);
        if let Some(known) = self.stretches.iter().find(is_here) {
            return known.minutes;
        }
        let minutes = self.minutes(at);
        if self.stretches.len() < MAX_STRETCHES {
            // A moment later, so that a change at this very moment is before it.
            let later = jiff::Timestamp::from_millisecond(millis + 1).unwrap_or(at);
            let from = self.zone.preceding(later).next().map_or(i64::MIN, millis_of);
            let to = self.zone.following(at).next().map_or(i64::MAX, millis_of);
            self.stretches.push(Stretch { from, to, minutes });
        }
        minutes
    }
}

/// Clocks change at full seconds.
fn millis_of(change: jiff::tz::TimeZoneTransition<'_>) -> i64 {
    change.timestamp().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_written_as_an_offset_is_that_offset() {
        for (name, minutes) in [
            ("GMT+0530", Some(330)),
            ("GMT-0500", Some(-300)),
            ("GMT+0000", Some(0)),
            ("+01:00", Some(60)),
            ("-0930", Some(-570)),
            ("UTC+5", Some(300)),
            ("UTC-12", Some(-720)),
            ("+2500", None),
            ("+01:75", None),
            ("+:100", None),
            ("GMT+", None),
            ("NA", None),
        ] {
            assert_eq!(Zones::default().offset(name, Timestamp::from_millis(0)), minutes, "{name}");
        }
    }

    #[test]
    fn what_is_remembered_is_what_the_zone_says() {
        let mut zones = Zones::default();
        for name in ["Europe/Rome", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "UTC"]
        {
            let zone = TimeZoneDatabase::bundled().get(name).unwrap();
            let check = |zones: &mut Zones, millis: i64| {
                let at = jiff::Timestamp::from_millisecond(millis).unwrap();
                let expected = zone.to_offset(at).seconds() / 60;
                let got = zones.offset(name, Timestamp::from_millis(millis)).map(i32::from);
                assert_eq!(got, Some(expected), "{name} {at}");
            };
            // Around every change, from both sides, more of them than are remembered.
            let start = jiff::Timestamp::from_second(-3_000_000_000).unwrap();
            for change in zone.following(start).take(150) {
                let at = change.timestamp().as_millisecond();
                for millis in [at - 1, at, at + 1, at - 86_400_000, at, at - 1] {
                    check(&mut zones, millis);
                }
            }
            for year in 0..9000 {
                check(&mut zones, (year - 1900) * 31_556_952_000);
            }
        }
    }
}
