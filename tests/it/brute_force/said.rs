//! What an event says: its values, the local clock, and whether tests hold for them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use personas::features::Condition;
use personas::{Event, Timestamp, Value};
use serde::Deserialize;

use super::{Cell, DAY};

#[derive(Deserialize)]
pub(super) struct When {
    pub(super) property: String,
    pub(super) is: Condition,
}

/// One value: as a number, if it is one, and as a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) number: Option<f64>,
    pub(super) text: String,
}

impl Said {
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        // Numbers before texts.
        let by_kind = other.number.is_some().cmp(&self.number.is_some());
        let by_number = self.number.partial_cmp(&other.number).expect("no NaN");
        by_kind.then(by_number).then_with(|| self.text.cmp(&other.text))
    }

    pub(super) fn into_text(self) -> Cell {
        Cell::Text(self.text)
    }

    pub(super) fn into_number(self) -> Option<Cell> {
        self.number.map(Cell::Number)
    }
}

/// A value, or those of a list.
pub(super) fn each(value: &Value<'_>) -> Vec<Said> {
    let said = |number, text: &str| vec![Said { number, text: text.to_owned() }];
    match value {
        // Minus zero is zero.
        Value::Number(number) => said(Some(number + 0.0), &(number + 0.0).to_string()),
        Value::Flag(flag) => said(None, &flag.to_string()),
        Value::Text(text) if text.trim().is_empty() => Vec::new(),
        Value::Text(text) => said(None, text),
        Value::Time(at) => said(Some(at.millis() as f64 / DAY as f64), &at.to_string()),
        Value::List(values) => values.iter().flat_map(each).collect(),
        other => panic!("{other:?} is new"),
    }
}

/// The day of an event on its own clock, from 1970; in UTC if that is not known.
pub(super) fn day(event: &Event<'_>) -> i64 {
    let offset = i64::from(event.utc_offset_minutes.unwrap_or(0)) * 60_000;
    (event.at.millis() + offset).div_euclid(DAY)
}

/// All values of a property of an event.
pub(super) fn values(event: &Event<'_>, name: &str) -> Vec<Said> {
    if name.starts_with('@') {
        return local(event, name).into_iter().collect();
    }
    let last = event.properties.iter().rev().find(|(known, _)| known == name);
    last.map(|(_, value)| each(value)).unwrap_or_default()
}

/// What an event is called by its own clock, by counting days and years from 1970.
pub(super) fn local(event: &Event<'_>, name: &str) -> Option<Said> {
    let text = |text: &str| Some(Said { number: None, text: text.to_owned() });
    if name == "@event" {
        return text(&event.name);
    }
    let millis = event.at.millis() + i64::from(event.utc_offset_minutes?) * 60_000;
    let hour = millis.rem_euclid(DAY) / 3_600_000;
    let mut day = millis.div_euclid(DAY);
    // 1970-01-01 was a Thursday.
    let weekday = (day + 3).rem_euclid(7);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while day >= 365 + i64::from(is_leap(year)) {
        day -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    match name {
        "@hour" => Some(Said { number: Some(hour as f64), text: hour.to_string() }),
        "@daytime" => text(match hour {
            0..6 => "night",
            6..12 => "morning",
            12..18 => "afternoon",
            _ => "evening",
        }),
        "@weekday" => text(
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
                [weekday as usize],
        ),
        "@week_part" => text(if weekday >= 5 { "weekend" } else { "workday" }),
        "@date" => text(&format!("{year}-{:02}-{:02}", month + 1, day + 1)),
        "@month" => text(
            [
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
            ][month],
        ),
        "@season" => text(match month + 1 {
            12 | 1 | 2 => "winter",
            3..=5 => "spring",
            6..=8 => "summer",
            _ => "autumn",
        }),
        other => panic!("{other} is new"),
    }
}

/// Whether a test holds for the values of a property.
pub(super) fn holds(test: &Condition, values: &[Said]) -> bool {
    let text = |test: &dyn Fn(&str) -> bool| values.iter().any(|said| test(&said.text));
    let number =
        |test: &dyn Fn(f64) -> bool| values.iter().any(|said| said.number.is_some_and(test));
    let moment = |test: &dyn Fn(Timestamp) -> bool| {
        let is_number = |said: &&Said| said.text.parse::<f64>().is_ok() && said.number.is_some();
        let others = values.iter().filter(|said| !is_number(said));
        others.into_iter().any(|said| Timestamp::parse(&said.text).is_ok_and(test))
    };
    match test {
        Condition::Equals(wanted) => text(&|text| text == wanted),
        Condition::NotEquals(wanted) => !text(&|text| text == wanted),
        Condition::OneOf(wanted) => text(&|text| wanted.iter().any(|wanted| wanted == text)),
        Condition::Less(limit) => number(&|number| number < *limit),
        Condition::AtMost(limit) => number(&|number| number <= *limit),
        Condition::Greater(limit) => number(&|number| number > *limit),
        Condition::AtLeast(limit) => number(&|number| number >= *limit),
        Condition::NotLess(limit) => !number(&|number| number < *limit),
        Condition::Contains(part) => text(&|text| text.contains(part)),
        Condition::NotContains(part) => !text(&|text| text.contains(part)),
        Condition::ContainsOneOf(parts) => {
            text(&|text| parts.iter().any(|part| text.contains(part)))
        }
        Condition::StartsWith(start) => text(&|text| text.starts_with(start)),
        Condition::EndsWith(end) => text(&|text| text.ends_with(end)),
        Condition::Exists => !values.is_empty(),
        Condition::NotExists => values.is_empty(),
        Condition::Before(limit) => moment(&|time| time < *limit),
        Condition::After(limit) => moment(&|time| time > *limit),
        other => panic!("{other:?} is new"),
    }
}

pub(super) fn passes(event: &Event<'_>, names: &[String], when: &[When]) -> bool {
    (names.is_empty() || names.iter().any(|name| *name == event.name))
        && when.iter().all(|test| holds(&test.is, &values(event, &test.property)))
}

/// What an event declares of an attribute; a list is one category, and an empty one says that there is
/// no value any more.
pub(super) fn declared(event: &Event<'_>, name: &str) -> Option<Option<Said>> {
    let last = event.attributes.iter().rev().find(|(known, _)| known == name);
    match last.map(|(_, value)| value)? {
        Value::List(values) if values.is_empty() => Some(None),
        list @ Value::List(_) => {
            let texts: BTreeSet<String> = each(list).into_iter().map(|said| said.text).collect();
            let text = texts.into_iter().collect::<Vec<_>>().join(", ");
            (!text.is_empty()).then_some(Some(Said { number: None, text }))
        }
        value => each(value).pop().map(Some),
    }
}

/// A property as a number; of a list, the sum of its numbers.
pub(super) fn amount(event: &Event<'_>, property: &str) -> Option<f64> {
    let numbers: Vec<f64> = values(event, property).iter().filter_map(|said| said.number).collect();
    (!numbers.is_empty()).then(|| numbers.iter().sum())
}
