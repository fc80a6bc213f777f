//! Moments: reading, writing, and the one rule for offsets from UTC.
//!
//! jiff parses times and resolves zones, from the zone data bundled with it.
//!
//! Cost: below 0.1 µs for a time with an offset.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::Time;
use jiff::fmt::temporal::{DateTimeParser, Pieces};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// ```
/// use personas::Timestamp;
///
/// let noon = Timestamp::parse("2017-03-01T12:00:00-05:00")?;
/// assert_eq!(noon.to_string(), "2017-03-01T17:00:00Z");
/// assert_eq!(noon.millis() - Timestamp::parse("2017-03-01")?.millis(), 17 * 3_600_000);
/// assert!(Timestamp::parse("yesterday").is_err());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const DAY_MS: f64 = 86_400_000.0;

static PARSER: DateTimeParser = DateTimeParser::new();

impl Timestamp {
    /// Creates a moment from milliseconds since 1970-01-01T00:00:00Z; every value is valid.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339, ISO 8601 and RFC 9557: `2017-01-01T07:30:27-05:00`, also with `-0500` or
    /// `Z`, and `2017-01-01T07:30:27[America/New_York]` with or without an offset.
    ///
    /// A date, or a date and time, with neither offset nor zone is in UTC. A date without a time is
    /// its midnight. If there are both an offset and a zone, the offset fixes the moment. A local time that a
    /// clock change repeats is the first of the two; one that it skips is moved forward by the length of
    /// the gap. Digits below a millisecond are cut.
    ///
    /// # Errors
    /// [`Error::InvalidTime`], also for an unknown zone and for years outside −9999 to 9999. The
    /// message does not repeat the text.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_local(text, |_| None).map(|(at, _)| at)
    }

    /// Parses a time as [`Timestamp::parse`] does, and returns also the offset from UTC of local clocks, in
    /// minutes east, or `None` if it is unknown.
    ///
    /// | text | offset |
    /// |---|---|
    /// | `2017-03-01T23:30:00-05:00` | −300 |
    /// | `…Z`, `…+00:00`, `…-00:00`, or no offset | unknown: servers write times in UTC wherever the event happened |
    /// | `…[America/New_York]`, alone or after one of these | what the zone says of that moment |
    /// | `…-05:00[America/New_York]` | −300, if the zone agrees; else unknown, and the offset still fixes the moment |
    ///
    /// Seconds of an offset, which some zones had before 1972, are cut.
    ///
    /// ```
    /// use personas::{Event, Timestamp};
    ///
    /// let (at, offset) = Timestamp::parse_with_offset("2017-03-01T23:30:00-05:00")?;
    /// let event = Event::new("visit", at).utc_offset(offset);
    /// assert_eq!(event.utc_offset_minutes, Some(-300));
    ///
    /// let (at, offset) = Timestamp::parse_with_offset("2024-07-01T12:00:00[America/New_York]")?;
    /// assert_eq!((at.to_string().as_str(), offset), ("2024-07-01T16:00:00Z", Some(-240)));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn parse_with_offset(text: &str) -> Result<(Self, Option<i16>)> {
        let (at, offset) = Self::parse_local(text, |_| None)?;
        Ok((at, offset.known()))
    }

    /// Parses a text, and decides what the offset from UTC was where it happened. `named_zone` returns
    /// the offset at that moment of a zone named elsewhere, such as in another field.
    ///
    /// This is the one rule for offsets. Three sources can give the offset of local clocks: an offset
    /// other than zero, a zone in brackets, and a zone named elsewhere. If those that are present
    /// agree, the offset is known. An offset of zero, however written, is not a source: servers write
    /// any time so.
    pub(crate) fn parse_local(
        text: &str,
        named_zone: impl FnOnce(Self) -> Option<i16>,
    ) -> Result<(Self, LocalOffset)> {
        // jiff's own message quotes the text, which may be somebody's data.
        let pieces = PARSER.parse_pieces(text.trim()).map_err(|_| {
            invalid("expected a date or a date and time, as in 2017-01-01T07:30:27-05:00")
        })?;
        let local = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let (offset, zone) = (pieces.to_numeric_offset(), zone(&pieces)?);
        let instant = match (offset, &zone) {
            (Some(offset), _) => offset.to_timestamp(local),
            (None, Some(zone)) => zone.to_ambiguous_timestamp(local).compatible(),
            (None, None) => Offset::UTC.to_timestamp(local),
        };
        let instant = instant.map_err(|_| invalid("expected a year between -9999 and 9999"))?;
        let at = Self(instant.as_millisecond());
        let claims = [
            offset.and_then(minutes).filter(|&minutes| minutes != 0),
            zone.and_then(|zone| minutes(zone.to_offset(instant))),
            named_zone(at),
        ];
        Ok((at, LocalOffset::agreed(claims)))
    }

    /// Returns the days of 24 hours from `earlier` to this moment; negative if `earlier` is later.
    pub(crate) fn days_since(self, earlier: Self) -> f64 {
        // Through i128: the difference of two i64 need not fit one.
        (i128::from(self.0) - i128::from(earlier.0)) as f64 / DAY_MS
    }

    /// Returns the days since 1970-01-01T00:00:00Z.
    pub(crate) fn days(self) -> f64 {
        self.days_since(Self(0))
    }

    /// Returns the moment `days` of 24 hours earlier; saturates.
    pub(crate) fn days_before(self, days: f64) -> Self {
        // A cast from f64 saturates.
        Self(self.0.saturating_sub((days * DAY_MS).round() as i64))
    }

    /// Returns the UTC day of this moment, counted from 1970-01-01.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS as i64)
    }
}

fn invalid(reason: &str) -> Error {
    Error::InvalidTime { reason: reason.into() }
}

/// The zone in brackets; the system's zone data are never read.
fn zone(pieces: &Pieces<'_>) -> Result<Option<TimeZone>> {
    let Some(annotation) = pieces.time_zone_annotation() else { return Ok(None) };
    let zone = annotation.to_time_zone_with(&TimeZoneDatabase::bundled()).ok();
    match zone.filter(|zone| !zone.is_unknown()) {
        None => Err(invalid("unknown time zone in brackets; expected one such as [Europe/Rome]")),
        zone => Ok(zone),
    }
}

/// An offset in whole minutes east; jiff's lie within ±26 hours, which i16 holds.
fn minutes(offset: Offset) -> Option<i16> {
    i16::try_from(offset.seconds() / 60).ok()
}

/// What is known of the offset from UTC of the clocks where something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalOffset {
    /// No source is present.
    Unknown,
    /// Minutes east of UTC.
    Known(i16),
    /// Sources disagree.
    Contradictory,
}

impl LocalOffset {
    fn agreed(claims: [Option<i16>; 3]) -> Self {
        let mut claims = claims.into_iter().flatten();
        match claims.next() {
            None => Self::Unknown,
            Some(first) if claims.all(|other| other == first) => Self::Known(first),
            Some(_) => Self::Contradictory,
        }
    }

    /// Returns the minutes east of UTC, if known.
    pub(crate) fn known(self) -> Option<i16> {
        match self {
            Self::Known(minutes) => Some(minutes),
            Self::Unknown | Self::Contradictory => None,
        }
    }
}

impl From<SystemTime> for Timestamp {
    /// Cuts digits below a millisecond. A time that does not fit, 292 million years away, becomes
    /// the nearest that does.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// use personas::Timestamp;
    ///
    /// let at = Timestamp::from(UNIX_EPOCH + Duration::from_micros(1_500));
    /// assert_eq!(at.millis(), 1);
    /// ```
    fn from(time: SystemTime) -> Self {
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
            }
        })
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC; outside the years −9999 to 9999, the milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_read_with_and_without_offset() {
        let millis = |text| Timestamp::parse(text).map(Timestamp::millis);
        assert_eq!(millis("1970-01-02"), Ok(86_400_000));
        assert_eq!(millis("1970-01-01T00:00:00.0019Z"), Ok(1));
        assert_eq!(millis("1970-01-01T00:00:00-0500"), Ok(5 * 3_600_000));
        assert_eq!(millis(" 1970-01-01 01:00:00 "), Ok(3_600_000));
        assert_eq!(millis("1969-12-31T23:59:59Z"), Ok(-1000));
        for bad in ["", "soon", "2017-13-01", "2017-01-01T25:00:00Z", "1e300", "99999-01-01"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_never_repeats_the_text() {
        for text in ["ann@example.org", "2017-01-01T00:00:00[ann]"] {
            let error = Timestamp::parse(text).unwrap_err().to_string();
            assert!(!error.contains("ann"), "{error}");
        }
    }

    #[test]
    fn the_ends_of_time_neither_overflow_nor_panic() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert!(last.days_since(first) > 2e11);
        assert!(first.to_string().ends_with("ms since 1970"));
        for text in ["9999-12-31T23:59:59-25:00", "-009999-01-01T00:00:00+25:00"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
        let before = UNIX_EPOCH - Duration::from_micros(1_500);
        assert_eq!(Timestamp::from(before).millis(), -1);
    }

    #[test]
    fn the_offset_is_what_all_that_say_it_agree_on() {
        let read = |text| {
            Timestamp::parse_local(text, |_| None).map(|(at, offset)| (at.to_string(), offset))
        };
        use LocalOffset::{Contradictory, Known, Unknown};
        for (text, at, offset) in [
            ("2017-01-01T07:30:27-05:00", "2017-01-01T12:30:27Z", Known(-300)),
            ("2017-01-01T07:30:27+0545", "2017-01-01T01:45:27Z", Known(345)),
            ("2017-01-01T07:30:27+00:00", "2017-01-01T07:30:27Z", Unknown),
            ("2017-01-01T07:30:27-00:00", "2017-01-01T07:30:27Z", Unknown),
            ("2017-01-01T07:30:27Z", "2017-01-01T07:30:27Z", Unknown),
            ("2017-01-01T07:30:27", "2017-01-01T07:30:27Z", Unknown),
            ("2017-01-01", "2017-01-01T00:00:00Z", Unknown),
            ("2024-07-01T12:00:00[America/New_York]", "2024-07-01T16:00:00Z", Known(-240)),
            ("2024-07-01T12:00:00-04:00[America/New_York]", "2024-07-01T16:00:00Z", Known(-240)),
            ("2024-07-01T12:00:00-05:00[America/New_York]", "2024-07-01T17:00:00Z", Contradictory),
            ("2024-07-01T12:00:00Z[America/New_York]", "2024-07-01T12:00:00Z", Known(-240)),
            ("2024-07-01T12:00:00+00:00[America/New_York]", "2024-07-01T12:00:00Z", Known(-240)),
            ("2024-01-01T12:00:00[Europe/London]", "2024-01-01T12:00:00Z", Known(0)),
            ("2024-07-01[Asia/Tokyo]", "2024-06-30T15:00:00Z", Known(540)),
            ("2024-07-01T12:00:00[+02:00]", "2024-07-01T10:00:00Z", Known(120)),
            // Clocks go from 02:00 to 03:00, and from 03:00 back to 02:00.
            ("2024-03-31T02:30:00[Europe/Rome]", "2024-03-31T01:30:00Z", Known(120)),
            ("2024-10-27T02:30:00[Europe/Rome]", "2024-10-27T00:30:00Z", Known(120)),
        ] {
            assert_eq!(read(text), Ok((at.to_owned(), offset)), "{text}");
        }
        for text in ["soon", "2024-07-01T12:00:00[Mars/Base]", "2024-07-01T12:00:00Z[Etc/Unknown]"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_zone_named_elsewhere_says_the_offset_unless_it_contradicts() {
        let offset = |text, zone| Timestamp::parse_local(text, |_| Some(zone)).unwrap().1;
        assert_eq!(offset("2024-07-01T12:00:00Z", -240), LocalOffset::Known(-240));
        assert_eq!(offset("2024-07-01T12:00:00", 0), LocalOffset::Known(0));
        assert_eq!(offset("2024-07-01T12:00:00-04:00", -240), LocalOffset::Known(-240));
        assert_eq!(offset("2024-07-01T12:00:00-04:00", 60), LocalOffset::Contradictory);
        assert_eq!(offset("2024-07-01T12:00:00[Asia/Tokyo]", 60), LocalOffset::Contradictory);
    }
}
