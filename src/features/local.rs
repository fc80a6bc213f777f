//! What an event is called by its own clock: the hour, the weekday, the season where it happened.
//!
//! These are properties that every event with an offset from UTC has without saying so. Their names
//! begin with `@`, and a property of an event that is called the same is not looked at.
//!
//! | property | values |
//! |---|---|
//! | `@hour` | `0` to `23`, also as a number |
//! | `@daytime` | `night` (0–5), `morning` (6–11), `afternoon` (12–17), `evening` (18–23) |
//! | `@weekday` | `monday` … `sunday` |
//! | `@week_part` | `workday`, `weekend` (Saturday and Sunday) |
//! | `@date` | `2017-03-01`: by it a calendar of the caller's tells holidays and sales |
//! | `@month` | `january` … `december` |
//! | `@season` | `winter` (December to February), `spring`, `summer`, `autumn`: of the north |
//! | `@event` | the event's name; needs no offset |

use super::entry::Cell;
use super::texts::Words;
use crate::Event;

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

/// A property that an event has of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Derived {
    Hour,
    Daytime,
    Weekday,
    WeekPart,
    Date,
    Month,
    Season,
    Event,
}

/// What is wrong with a name that only a derived property could have, if it is none of theirs.
pub(crate) fn fault(property: &str) -> Option<&'static str> {
    (property.starts_with('@') && Derived::named(property).is_none())
        .then_some("of the properties that begin with @ there is none of this name")
}

/// All values that a property can have, in order, where that is known.
pub(crate) fn values(property: &str) -> Vec<String> {
    Derived::named(property).map(Derived::values).unwrap_or_default()
}

impl Derived {
    pub(crate) fn named(property: &str) -> Option<Self> {
        Some(match property {
            "@hour" => Self::Hour,
            "@daytime" => Self::Daytime,
            "@weekday" => Self::Weekday,
            "@week_part" => Self::WeekPart,
            "@date" => Self::Date,
            "@month" => Self::Month,
            "@season" => Self::Season,
            "@event" => Self::Event,
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
            Self::Date | Self::Event => Vec::new(),
        }
    }

    /// Whether an event without an offset has none.
    pub(crate) fn needs_offset(self) -> bool {
        self != Self::Event
    }

    /// Its value for an event; `None` without an offset, and beyond the years −9999 to 9999.
    pub(crate) fn cell(self, event: &Event<'_>, texts: &mut impl Words) -> Option<Cell> {
        if self == Self::Event {
            return Some(Cell::Label(texts.intern(&event.name)));
        }
        let offset_ms = i64::from(event.utc_offset_minutes?) * 60_000;
        let local = event.at.millis().checked_add(offset_ms)?;
        let time = jiff::Timestamp::from_millisecond(local).ok()?;
        let clock = jiff::tz::Offset::UTC.to_datetime(time);
        let weekday = usize::from(clock.weekday().to_monday_zero_offset().unsigned_abs());
        let month = usize::from(clock.month().unsigned_abs()) - 1;
        let hour = clock.hour();
        let label = match self {
            Self::Hour => {
                let label = texts.intern(&hour.to_string());
                return Some(Cell::Both(f64::from(hour), label));
            }
            Self::Date => texts.intern(&clock.date().to_string()),
            Self::Daytime => texts.intern(DAYTIMES[usize::from(hour.unsigned_abs()) / 6]),
            Self::Weekday => texts.intern(WEEKDAYS[weekday]),
            Self::WeekPart => texts.intern(if weekday < 5 { "workday" } else { "weekend" }),
            Self::Month => texts.intern(MONTHS[month]),
            Self::Season => texts.intern(SEASONS[(month + 1) % 12 / 3]),
            Self::Event => texts.intern(&event.name),
        };
        Some(Cell::Label(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::features::Texts;

    fn check(time: &str, expected: &[(&str, &str)]) {
        let (at, offset) = Timestamp::parse_with_offset(time).unwrap();
        let event = Event::new("visit", at).utc_offset(offset);
        let mut texts = Texts::default();
        for (property, value) in expected {
            let cell = Derived::named(property).unwrap().cell(&event, &mut texts);
            assert_eq!(cell.map(|cell| cell.text(&texts)).as_deref(), Some(*value), "{property}");
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
            let (name, time) = (MONTHS[month - 1], format!("2017-{month:02}-15T00:00:00+00:00"));
            check(&time, &[("@season", season), ("@month", name)]);
        }
    }

    #[test]
    fn without_an_offset_or_a_calendar_there_is_no_local_time() {
        let mut texts = Texts::default();
        let event = Event::new("visit", Timestamp::from_millis(0));
        assert_eq!(Derived::Hour.cell(&event, &mut texts), None);
        let end = Event::new("visit", Timestamp::from_millis(i64::MAX)).utc_offset(60);
        assert_eq!(Derived::Date.cell(&end, &mut texts), None);
        assert!(texts.held().is_empty());
        assert!(Derived::Event.cell(&event, &mut texts).is_some());
    }
}
