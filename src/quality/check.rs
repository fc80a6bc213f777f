//! What can be asked of a value, and the answer.

use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::email;
use crate::features::{Condition, text};
use crate::num::percent::Percent;
use crate::{Timestamp, Value};

/// What must hold of a value. Only [`Condition::Exists`], [`Condition::NotExists`] and [`Check::Complete`]
/// judge what is missing; a blank text is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// It meets a condition, as the values of a filter do: [`Condition::Exists`] for a required value,
    /// [`Condition::Between`] for a range (of a moment, in days since 1970), [`Condition::OneOf`] for
    /// a set of allowed values.
    Is(Condition),
    /// It is a finite number, not a text that reads as one.
    Number,
    /// It is a text.
    Text,
    /// It is a moment, or a text that reads as one.
    Time,
    /// The whole of its text matches a regular expression, in the syntax of the crate `regex`
    /// without Unicode classes; in time linear in the text.
    Pattern(String),
    /// Its text has the form of an e-mail address: something before the `@`, a host with a dot
    /// behind it. Whether mail arrives there is another matter.
    Email,
    /// It is a moment, or a text that reads as one, not later than now.
    NotInFuture,
    /// It is a moment, or a text that reads as one, at most so many days of 24 hours before now.
    #[serde(with = "crate::num::exact")]
    FreshDays(f64),
    /// No other event has the same name, time, offset, identifiers, properties and attributes, in any order; the
    /// message id does not matter. Among equal events, one keeps the rule and the others break it: the one with
    /// the smallest message id or, if there is none, the first.
    Unique,
    /// At least this share of the values, 0 to 1, is there.
    #[serde(with = "crate::num::exact")]
    Complete(f64),
}

impl Check {
    /// Whether it is asked of moments.
    pub(super) fn is_of_moments(&self) -> bool {
        matches!(self, Self::Time | Self::NotInFuture | Self::FreshDays(_))
    }

    /// What is wrong with it, if anything; a pattern is looked at when it is [bound](Bound::new).
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::FreshDays(days) if !(*days >= 0.0 && days.is_finite()) => {
                Some("the number of days must not be negative, and be finite")
            }
            Self::Complete(share) if !(0.0..=1.0).contains(share) => {
                Some("a share must lie between 0 and 1")
            }
            Self::Is(condition) => condition.fault(),
            _ => None,
        }
    }
}

impl fmt::Display for Check {
    /// What follows after `must`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(Condition::Exists) => f.write_str("be there"),
            Self::Is(Condition::NotExists) => f.write_str("be missing"),
            Self::Is(condition @ Condition::Between(..)) => write!(f, "be a number {condition}"),
            Self::Is(
                condition @ (Condition::Contains(_)
                | Condition::NotContains(_)
                | Condition::ContainsOneOf(_)
                | Condition::StartsWith(_)
                | Condition::EndsWith(_)),
            ) => write!(f, "be a text {condition}"),
            Self::Is(condition) => write!(f, "be {condition}"),
            Self::Number => f.write_str("be a number"),
            Self::Text => f.write_str("be a text"),
            Self::Time => f.write_str("be a time"),
            Self::Pattern(pattern) => write!(f, "match {pattern:?}"),
            Self::Email => f.write_str("look like an e-mail address"),
            Self::NotInFuture => f.write_str("not be in the future"),
            Self::FreshDays(days) => write!(f, "be at most {days} days old"),
            Self::Unique => f.write_str("be unique"),
            Self::Complete(share) => write!(f, "be {} complete", Percent::from(*share)),
        }
    }
}

/// A check that is ready for values.
pub(super) struct BoundCheck<'q> {
    check: &'q Check,
    pattern: Option<Regex>,
    now: Timestamp,
}

impl<'q> BoundCheck<'q> {
    /// `Err` says what is wrong with the pattern.
    pub(super) fn new(check: &'q Check, now: Timestamp) -> Result<Self, String> {
        let pattern = match check {
            Check::Pattern(pattern) => {
                // By itself first: only what is whole may be put into brackets.
                let compiled =
                    Regex::new(pattern).and_then(|_| Regex::new(&format!("^(?:{pattern})$")));
                Some(compiled.map_err(|error| format!("its pattern cannot be used: {error}"))?)
            }
            _ => None,
        };
        Ok(Self { check, pattern, now })
    }

    /// Whether the values, none of them a list, break it together.
    pub(super) fn is_broken<'v, 'a: 'v>(
        &self,
        mut values: impl Iterator<Item = &'v Value<'a>>,
    ) -> bool {
        match self.check {
            Check::Is(condition) if condition.is_of_presence() => {
                let is_there = values.any(|value| !value.is_blank());
                !condition.holds(is_there.then_some((None, "")).into_iter())
            }
            _ => values.any(|value| !self.passes(value)),
        }
    }

    /// Whether a value, not a list, is a good one.
    pub(super) fn passes(&self, value: &Value<'_>) -> bool {
        match self.check {
            Check::Number => matches!(value, Value::Number(number) if number.is_finite()),
            Check::Text => matches!(value, Value::Text(_)),
            Check::Time => moment(value).is_some(),
            Check::Is(condition) => condition.is_of_presence() || condition.meets(value),
            Check::Pattern(_) => {
                self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(&text(value)))
            }
            Check::Email => matches!(value, Value::Text(text) if email::is_form_of(text)),
            Check::NotInFuture => moment(value).is_some_and(|at| at <= self.now),
            Check::FreshDays(days) => {
                moment(value).is_some_and(|at| at >= self.now.days_before(*days))
            }
            // Nothing that can be asked of one value.
            Check::Unique | Check::Complete(_) => true,
        }
    }
}

/// A moment, or what a text reads as.
fn moment(value: &Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Time(at) => Some(*at),
        Value::Text(text) => Timestamp::parse(text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(check: &Check, good: &[Value<'_>], bad: &[Value<'_>]) {
        let now = Timestamp::from_millis(86_400_000 * 10);
        let bound = BoundCheck::new(check, now).unwrap();
        for value in good {
            assert!(bound.passes(value), "{check:?}: {value:?}");
        }
        for value in bad {
            assert!(!bound.passes(value), "{check:?}: {value:?}");
        }
    }

    fn time(millis: i64) -> Value<'static> {
        Timestamp::from_millis(millis).into()
    }

    #[test]
    fn every_check_means_what_it_says() {
        const DAY: i64 = 86_400_000;
        let text = Value::from;
        let number = |n: f64| Value::from(n);
        let yes = Value::from(true);
        check(
            &Check::Number,
            &[number(-1.0)],
            &[text("1"), text("12,50"), number(f64::NAN), number(f64::INFINITY), time(0)],
        );
        check(&Check::Text, &[text("")], &[number(1.0), yes.clone(), time(0)]);
        check(&Check::Time, &[time(i64::MIN), text("2017-03-01")], &[text("soon"), number(1.0)]);
        check(
            &Check::Is(Condition::Between(0.0, 10.0)),
            &[number(0.0), number(-0.0), number(10.0), time(10 * DAY)],
            &[number(-1e-9), number(10.1), number(f64::NAN), text("5"), time(10 * DAY + 1)],
        );
        let set = Condition::OneOf(vec!["a".into(), "5".into()]);
        check(&Check::Is(set), &[text("a"), number(5.0)], &[text("A"), number(5.5)]);
        check(
            &Check::Pattern("[0-9]{5}|none".into()),
            &[text("12345"), text("none"), number(54321.0)],
            &[text("123456"), text("12345\n"), text("x none"), text("")],
        );
        check(&Check::Email, &[text("ann@example.org")], &[text("ann"), number(1.0)]);
        let past = [time(10 * DAY), text("1970-01-11"), time(i64::MIN)];
        check(&Check::NotInFuture, &past, &[time(10 * DAY + 1), text("1970-01-12"), number(0.0)]);
        check(
            &Check::FreshDays(2.5),
            &[time(7 * DAY + DAY / 2), time(i64::MAX)],
            &[time(7 * DAY + DAY / 2 - 1), text("never")],
        );
    }

    #[test]
    fn a_check_reads_as_words_behind_must() {
        for (check, words) in [
            (Check::Is(Condition::AtLeast(5.0)), "be at least 5"),
            (Check::Is(Condition::Between(0.0, 9.5)), "be a number from 0 to 9.5"),
            (Check::Is(Condition::StartsWith("A".into())), r#"be a text starting with "A""#),
            (Check::Is(Condition::NotExists), "be missing"),
            (Check::Complete(0.29), "be 29% complete"),
        ] {
            assert_eq!(check.to_string(), words);
        }
    }

    #[test]
    fn what_is_required_is_there_if_any_value_is() {
        let required =
            BoundCheck::new(&Check::Is(Condition::Exists), Timestamp::from_millis(0)).unwrap();
        let [blank, full] = [" ", "x"].map(Value::from);
        assert!(required.is_broken([].iter()));
        assert!(required.is_broken([&blank].into_iter()));
        assert!(!required.is_broken([&blank, &full].into_iter()));
    }

    #[test]
    fn a_pattern_takes_time_linear_in_the_text() {
        let bound = Check::Pattern("(a|a)*(a|a)*b".into());
        let long = Value::from("a".repeat(20_000));
        check(&bound, &[], &[long]);
    }
}
