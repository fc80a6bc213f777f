//! Moments, and how they are read and written.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::{Error, Result};

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// ```
/// use personas::Timestamp;
///
/// let noon = Timestamp::parse("2017-03-01T12:00:00-05:00")?;
/// assert_eq!(noon.to_string(), "2017-03-01T17:00:00Z");
/// assert_eq!(noon.days_since(Timestamp::parse("2017-03-01")?), 17.0 / 24.0);
/// assert!(Timestamp::parse("yesterday").is_err());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const DAY_MS: f64 = 86_400_000.0;

impl Timestamp {
    /// From milliseconds since the epoch; any value is a moment.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 and ISO 8601 (`2017-01-01T07:30:27-05:00`, also `-0500` and `Z`). A date or
    /// date and time without an offset is taken as UTC. Digits below a millisecond are cut.
    ///
    /// # Errors
    /// [`Error::InvalidTime`], also for years outside −9999 to 9999. The message does not repeat
    /// the text.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some((millis, _)) = rfc3339::read(text) {
            return Ok(Self(millis));
        }
        let text = text.trim();
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_millisecond()));
        }
        // jiff's own message quotes the text, which may be somebody's data.
        let civil = text.parse::<jiff::civil::DateTime>().map_err(|_| Error::InvalidTime {
            reason: "expected a date or a date and time, as in 2017-01-01T07:30:27-05:00".into(),
        })?;
        let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Error::InvalidTime {
            reason: "outside the years that can be represented".into(),
        })?;
        Ok(Self(instant.timestamp().as_millisecond()))
    }

    /// As [`Timestamp::parse`], with the offset from UTC that the text gives, in minutes east; none
    /// if it gives none, or only `Z`, which says nothing of the place. Seconds of an offset are cut.
    ///
    /// ```
    /// use personas::{Event, Timestamp};
    ///
    /// let (at, offset) = Timestamp::parse_with_offset("2017-03-01T23:30:00-05:00")?;
    /// let event = Event::new("visit", at).utc_offset(offset);
    /// assert_eq!(event.utc_offset_minutes, Some(-300));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn parse_with_offset(text: &str) -> Result<(Self, Option<i16>)> {
        if let Some((millis, offset)) = rfc3339::read(text) {
            return Ok((Self(millis), offset));
        }
        let at = Self::parse(text)?;
        let pieces = jiff::fmt::temporal::Pieces::parse(text.trim()).ok();
        let offset = pieces.and_then(|pieces| match pieces.offset()? {
            jiff::fmt::temporal::PiecesOffset::Numeric(offset) => Some(offset.offset()),
            _ => None,
        });
        // Offsets lie within ±26 hours, which i16 holds in minutes.
        Ok((at, offset.and_then(|offset| i16::try_from(offset.seconds() / 60).ok())))
    }

    /// Days of 24 hours from `earlier` to this moment; negative if it is later.
    pub fn days_since(self, earlier: Self) -> f64 {
        // Through i128: the difference of two i64 need not fit one.
        (i128::from(self.0) - i128::from(earlier.0)) as f64 / DAY_MS
    }

    /// Days since 1970-01-01T00:00:00Z.
    pub(crate) fn days(self) -> f64 {
        self.days_since(Self(0))
    }

    /// The moment `days` of 24 hours earlier, kept within what can be said.
    pub(crate) fn days_before(self, days: f64) -> Self {
        // A cast from f64 saturates.
        Self(self.0.saturating_sub((days * DAY_MS).round() as i64))
    }

    /// The UTC day this moment falls in, counted from 1970-01-01.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS as i64)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC; beyond the years −9999 to 9999, the milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let error = Timestamp::parse("ann@example.org").unwrap_err().to_string();
        assert!(!error.contains("ann"), "{error}");
    }

    #[test]
    fn the_ends_of_time_neither_overflow_nor_panic() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert!(last.days_since(first) > 2e11);
        assert!(first.to_string().ends_with("ms since 1970"));
    }

    #[test]
    fn the_offset_is_read_where_the_text_gives_one() {
        let offset = |text| Timestamp::parse_with_offset(text).map(|(_, offset)| offset);
        assert_eq!(offset("2017-01-01T07:30:27-05:00"), Ok(Some(-300)));
        assert_eq!(offset("2017-01-01T07:30:27+0545"), Ok(Some(345)));
        assert_eq!(offset("2017-01-01T07:30:27+00:00"), Ok(Some(0)));
        assert_eq!(offset("2017-01-01T07:30:27Z"), Ok(None));
        assert_eq!(offset("2017-01-01T07:30:27"), Ok(None));
        assert_eq!(offset("2017-01-01"), Ok(None));
        assert!(offset("soon").is_err());
    }
}
