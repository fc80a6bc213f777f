//! Times as people write them: `2024-12-31T18:05:00+01:00`, `31/12/2024 18:05`, `1735664700`.
//!
//! How a column is written is decided once, from all of its cells. Where they can be read in two ways,
//! the caller must say which.

use std::fmt;

use personas::Timestamp;

use super::texts::Texts;

/// How the times of a column are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dates {
    /// RFC 3339 and its relatives.
    Iso,
    /// Seconds or milliseconds since 1970.
    Epoch,
    /// A pattern as of `strftime`, such as `%d/%m/%Y %H:%M`.
    Pattern(String),
}

/// Days, and times of the day, as they are often written.
const DAYS: [&str; 12] = [
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%b %d, %Y",
];
const CLOCKS: [&str; 6] = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p"];

impl Dates {
    /// How a column is written: the first way in which nearly all cells can be read.
    ///
    /// # Errors
    /// If the cells can be read as day before month and as month before day, and are not the same
    /// days both ways.
    pub(crate) fn of(texts: &Texts) -> Result<Self, String> {
        let cells: Vec<&str> = texts.iter().flatten().collect();
        // A thousand cells from all over the column tell nearly all ways apart.
        let some: Vec<&str> =
            cells.iter().copied().step_by(cells.len().div_ceil(1000).max(1)).collect();
        let share = |dates: &Self, cells: &[&str]| {
            let n = cells.iter().filter(|text| dates.read(text).is_some()).count();
            n as f64 / cells.len().max(1) as f64
        };
        let patterns =
            DAYS.iter().flat_map(|day| CLOCKS.iter().map(move |clock| format!("{day}{clock}")));
        let all = [Self::Iso, Self::Epoch].into_iter().chain(patterns.map(Self::Pattern));
        let mut read: Vec<(Self, f64)> =
            all.map(|dates| (share(&dates, &some), dates)).map(|(s, d)| (d, s)).collect();
        // The sort is stable: of equals, the first.
        read.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best = read.first().map_or(0.0, |(_, share)| *share);
        if best == 0.0 {
            return Ok(Self::Iso);
        }
        let mut best: Vec<Self> =
            read.into_iter().filter(|(_, share)| *share == best).map(|(dates, _)| dates).collect();
        if best.len() > 1 {
            let most = best.iter().map(|dates| share(dates, &cells)).fold(0.0, f64::max);
            best.retain(|dates| share(dates, &cells) == most);
        }
        let first = best.first().cloned().unwrap_or(Self::Iso);
        let differs = |other: &&Self| some.iter().any(|text| other.read(text) != first.read(text));
        match best.iter().skip(1).find(differs) {
            Some(other) => Err(format!(
                "the dates can be read as {first} and as {other}; say which by --date-format, such as \
                 --date-format \"{first}\""
            )),
            None => Ok(first),
        }
    }

    /// The moment a text says; without an offset, in UTC.
    pub(crate) fn read(&self, text: &str) -> Option<(Timestamp, Option<i16>)> {
        match self {
            Self::Iso => Timestamp::parse_with_offset(text).ok(),
            Self::Epoch => {
                let number: i64 = text.parse().ok()?;
                // Eight digits are a date, such as 20240131. In seconds 1e11 is the year 5138, in
                // milliseconds 1973.
                if number.abs() < 100_000_000 {
                    return None;
                }
                let in_seconds = number.abs() < 100_000_000_000;
                let millis = if in_seconds { number.checked_mul(1000)? } else { number };
                Some((Timestamp::from_millis(millis), None))
            }
            Self::Pattern(pattern) => {
                let parsed = jiff::fmt::strtime::parse(pattern, text).ok()?;
                if let Ok(instant) = parsed.to_timestamp() {
                    let offset = parsed.offset().map(|offset| (offset.seconds() / 60) as i16);
                    let millis = instant.as_millisecond();
                    return Some((
                        Timestamp::from_millis(millis),
                        offset.filter(|&minutes| minutes != 0),
                    ));
                }
                let local = match parsed.to_datetime() {
                    Ok(local) => local,
                    Err(_) => parsed.to_date().ok()?.to_datetime(jiff::civil::Time::midnight()),
                };
                // A year of two digits is not the year 24: it has patterns of its own.
                if local.year() < 1000 {
                    return None;
                }
                let instant = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
                Some((Timestamp::from_millis(instant.timestamp().as_millisecond()), None))
            }
        }
    }
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iso => f.write_str("2017-01-31T18:05:00"),
            Self::Epoch => f.write_str("seconds since 1970"),
            Self::Pattern(pattern) => f.write_str(pattern),
        }
    }
}
