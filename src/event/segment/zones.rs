//! How far the clocks of a time zone are ahead of UTC at a moment.

use std::collections::HashMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::Timestamp;

/// Names remembered at most: there are some 600 zones, and no end of wrong names.
const MAX_KNOWN: usize = 1024;
/// Bytes of a name that is remembered at most; no zone's name is longer.
const MAX_NAME: usize = 64;

/// The zones that were asked for, by the names they were asked by.
#[derive(Debug, Default)]
pub(super) struct Zones {
    known: HashMap<String, Option<TimeZone>>,
}

impl Zones {
    /// Minutes that local clocks are ahead of UTC; `None` for a name that is no zone's. Seconds, which
    /// some zones had before 1972, are cut.
    pub(super) fn offset(&mut self, name: &str, at: Timestamp) -> Option<i16> {
        let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
        let minutes = |zone: &TimeZone| i16::try_from(zone.to_offset(at).seconds() / 60).ok();
        if let Some(zone) = self.known.get(name) {
            return minutes(zone.as_ref()?);
        }
        // The data are part of the program; the system's are never read.
        let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown());
        let offset = zone.as_ref().and_then(minutes);
        if self.known.len() < MAX_KNOWN && name.len() <= MAX_NAME {
            self.known.insert(name.to_owned(), zone);
        }
        offset
    }
}
