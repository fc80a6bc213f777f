//! Local time: the hour, the weekday, the season where an event happened.
//!
//! Every event with a known offset from UTC has these properties of itself. Their names begin with
//! `@`; a property of the same name that a client sends is ignored.
//!
//! | property | values |
//! |---|---|
//! | `@hour` | `0` to `23`, also as a number |
//! | `@daytime` | `night` (0–5), `morning` (6–11), `afternoon` (12–17), `evening` (18–23) |
//! | `@weekday` | `monday` … `sunday` |
//! | `@week_part` | `workday`, `weekend` (Saturday and Sunday) |
//! | `@date` | `2017-03-01`, for holidays and sales from a calendar of your own |
//! | `@month` | `january` … `december` |
//! | `@season` | `winter` (December to February), `spring`, `summer`, `autumn`: of the north |
//! | `@event` | the event's name; needs no offset |

use std::borrow::Cow;

use crate::Timestamp;

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const SEASONS: [&str; 4] = ["winter", "spring", "summer", "autumn"];
const DAYTIMES: [&str; 4] = ["night", "morning", "afternoon", "evening"];

/// The day on the person's own clock, in days since 1970-01-01, of events whose day is another in UTC:
/// what measures of days read. Nobody can name it.
pub(crate) const LOCAL_DAY: &str = "@local day\0";

/// A property that an event has of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Derived {
    Hour,
    Daytime,
    Weekday,
    WeekPart,
    Date,
    Month,
    Season,
    Event,
    LocalDay,
}

/// What is wrong with a name that only a derived property could have, if it is none of theirs.
pub(super) fn fault(property: &str) -> Option<Cow<'static, str>> {
    (property.starts_with('@') && Derived::named(property).is_none()).then(|| {
        let known = "@hour, @daytime, @weekday, @week_part, @date, @month, @season, @event";
        format!("no property {property:?}; those that begin with @ are {known}").into()
    })
}

/// All values that a property can have, in order, where that is known.
pub(crate) fn values(property: &str) -> Vec<String> {
    Derived::named(property).map(Derived::values).unwrap_or_default()
}

impl Derived {
    pub(super) fn named(property: &str) -> Option<Self> {
        Some(match property {
            "@hour" => Self::Hour,
            "@daytime" => Self::Daytime,
            "@weekday" => Self::Weekday,
            "@week_part" => Self::WeekPart,
            "@date" => Self::Date,
            "@month" => Self::Month,
            "@season" => Self::Season,
            "@event" => Self::Event,
            LOCAL_DAY => Self::LocalDay,
            _ => return None,
        })
    }

    /// All values it can have, in order; of dates there is no end, nor of events.
    fn values(self) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match self {
            Self::Hour => (0..24).map(|hour| hour.to_string()).collect(),
            Self::Daytime => words(&DAYTIMES),
            Self::Weekday => words(&WEEKDAYS),
            Self::WeekPart => words(&["workday", "weekend"]),
            Self::Month => words(&MONTHS),
            Self::Season => words(&SEASONS),
            Self::Date | Self::Event | Self::LocalDay => Vec::new(),
        }
    }

    /// Whether features lack something of an event without an offset.
    pub(super) fn needs_offset(self) -> bool {
        !matches!(self, Self::Event | Self::LocalDay)
    }

    /// Its number and text for an event; `None` without an offset, and beyond the years −9999 to 9999.
    pub(super) fn value<'n>(
        self,
        at: Timestamp,
        utc_offset_minutes: Option<i16>,
        name: &'n str,
    ) -> Option<(Option<f64>, Option<Cow<'n, str>>)> {
        if self == Self::Event {
            return Some((None, Some(Cow::Borrowed(name))));
        }
        let offset_ms = i64::from(utc_offset_minutes?) * 60_000;
        let local = at.millis().checked_add(offset_ms)?;
        if self == Self::LocalDay {
            let day = Timestamp::from_millis(local).day();
            return (day != at.day()).then_some((Some(day as f64), None));
        }
        let time = jiff::Timestamp::from_millisecond(local).ok()?;
        let clock = jiff::tz::Offset::UTC.to_datetime(time);
        let weekday = usize::from(clock.weekday().to_monday_zero_offset().unsigned_abs());
        let month = usize::from(clock.month().unsigned_abs()) - 1;
        let hour = clock.hour();
        let text = match self {
            Self::Hour => return Some((Some(f64::from(hour)), Some(hour.to_string().into()))),
            Self::Date => return Some((None, Some(clock.date().to_string().into()))),
            Self::Daytime => DAYTIMES[usize::from(hour.unsigned_abs()) / 6],
            Self::Weekday => WEEKDAYS[weekday],
            Self::WeekPart if weekday < 5 => "workday",
            Self::WeekPart => "weekend",
            Self::Month => MONTHS[month],
            Self::Season => SEASONS[(month + 1) % 12 / 3],
            Self::Event | Self::LocalDay => name,
        };
        Some((None, Some(Cow::Borrowed(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: &str, expected: &[(&str, &str)]) {
        let (at, offset) = Timestamp::parse_with_offset(time).unwrap();
        for (property, expected) in expected {
            let value = Derived::named(property).unwrap().value(at, offset, "visit");
            assert_eq!(value.and_then(|(_, text)| text).as_deref(), Some(*expected), "{property}");
        }
    }

    #[test]
    fn the_clock_is_that_of_the_place_not_of_greenwich() {
        let late = [
            ("@hour", "23"),
            ("@daytime", "evening"),
            ("@weekday", "sunday"),
            ("@week_part", "weekend"),
            ("@date", "2017-12-31"),
            ("@month", "december"),
            ("@season", "winter"),
            ("@event", "visit"),
        ];
        check("2017-12-31T23:59:59-05:00", &late);
        let early = [("@hour", "5"), ("@daytime", "night"), ("@weekday", "monday")];
        check("2017-03-06T05:59:00+05:45", &early);
    }

    #[test]
    fn every_month_has_its_season() {
        let seasons = ["winter", "spring", "summer", "autumn"];
        for month in 1..=12 {
            let season = seasons[month % 12 / 3];
            let (name, time) = (MONTHS[month - 1], format!("2017-{month:02}-15T12:00:00+01:00"));
            check(&time, &[("@season", season), ("@month", name)]);
        }
    }

    #[test]
    fn without_an_offset_or_a_calendar_there_is_no_local_time() {
        let epoch = Timestamp::from_millis(0);
        assert_eq!(Derived::Hour.value(epoch, None, "visit"), None);
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(Derived::Date.value(end, Some(60), "visit"), None);
        assert!(Derived::Event.value(end, None, "visit").is_some());
    }
}
