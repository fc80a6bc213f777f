//! Which steps people are to take, and what counts as taking them.

pub(super) mod attempt;
mod matching;

use serde::{Deserialize, Serialize};

use super::filter::EventFilter;
use super::schema::Need;
use crate::{Error, Result};

/// Steps at most: an event's steps fit the bits of a word.
const MAX_STEPS: usize = 32;

/// A sequence of steps, to measure how many of them each person takes.
///
/// An **attempt** is a series of different events of one person, one event for each of the first n steps.
/// Each event passes the filter of its step, so a step that occurs twice in the funnel needs two events.
///
/// - The events come in the order of the steps, and other events may lie between them. If the funnel is
///   [`Strict`](StepOrder::Strict), no other event may lie between the first and the last. If it has
///   [no order](StepOrder::Any), an attempt takes any n of the steps in any order.
/// - The time from the first event to the last is at most [`within_days`](Self::within_days).
/// - No [excluded](Self::exclude) event lies between the first and the last, even if it is also a step.
/// - **Ties**: events of equal time count in the order that makes the attempt longest. An excluded event at
///   exactly the time of the first or the last step does not end the attempt.
///
/// A person reaches as many steps as the longest attempt has; any event of the first step can start an
/// attempt. Steps before an excluded event, or before the time ran out, remain reached. If several attempts
/// are longest, the times come from the one that starts earliest, then ends earliest, then has the earliest
/// second step, and so on.
///
/// ```
/// use personas::features::{Condition, EventFilter, Funnel};
/// use personas::profiles::StoreOptions;
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = Timestamp::parse;
/// let options = StoreOptions { keep: ["amount".into()].into(), ..StoreOptions::default() };
/// let mut people = Profiles::with_options(Rules::default(), FeatureSet::default(), options)?;
/// people.extend(&[
///     Event::new("visit", at("2017-03-01T10:00:00")?).id("card", "1"),
///     Event::new("purchase", at("2017-03-01T16:00:00")?).id("card", "1").property("amount", 120.0),
///     Event::new("visit", at("2017-03-02T10:00:00")?).id("card", "2"),
/// ]);
/// let large = EventFilter::from("purchase").when("amount", Condition::AtLeast(100.0));
/// let funnel = Funnel { within_days: 7.0, ..Funnel::new(["visit".into(), large]) };
/// let report = people.funnel(&funnel, at("2017-04-01")?, |_| true)?;
/// assert_eq!((report.steps[0].n_people, report.steps[1].n_people), (2, 1));
/// assert_eq!(report.steps[1].conversion, Some(0.5));
/// assert_eq!(report.steps[1].days_from_start, Some([0.25; 3]));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funnel {
    /// The steps, 1 to 32.
    pub steps: Vec<EventFilter>,
    /// How they follow each other.
    #[serde(default)]
    pub order: StepOrder,
    /// Events that end an attempt.
    #[serde(default)]
    pub exclude: Vec<EventFilter>,
    /// Days of 24 hours from the first step to the last at most, that moment included.
    #[serde(default = "two_weeks")]
    #[serde(with = "crate::num::exact")]
    pub within_days: f64,
}

/// How the steps of an attempt follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepOrder {
    /// In their order; other events may lie between them.
    #[default]
    Sequential,
    /// In their order, and no other event lies between them. A
    /// [feature](crate::features::Feature)'s own filter says which events there are.
    Strict,
    /// In any order, and any of them may come first.
    Any,
}

fn two_weeks() -> f64 {
    14.0
}

impl Funnel {
    /// The steps in order, 1 to 32: other events may lie between them, and 14 days may pass.
    ///
    /// Names of events are filters: `Funnel::new(["visit", "purchase"])`.
    pub fn new<S: Into<EventFilter>>(steps: impl IntoIterator<Item = S>) -> Self {
        Self {
            steps: steps.into_iter().map(Into::into).collect(),
            order: StepOrder::Sequential,
            exclude: Vec::new(),
            within_days: two_weeks(),
        }
    }

    /// The properties it reads, and how.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (&str, Need)> {
        self.steps.iter().chain(&self.exclude).flat_map(EventFilter::needs)
    }

    /// The texts whose codes it compares.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().chain(&self.exclude).flat_map(EventFilter::texts)
    }

    /// Whether it makes sense.
    pub(crate) fn check(&self) -> Result<()> {
        let n_steps = self.steps.len();
        if !(1..=MAX_STEPS).contains(&n_steps) {
            return Err(Error::parameter("steps", "1 to 32 filters", n_steps));
        }
        if !(self.within_days > 0.0 && self.within_days.is_finite()) {
            return Err(Error::parameter("within_days", "above 0 and finite", self.within_days));
        }
        self.steps.iter().chain(&self.exclude).try_for_each(EventFilter::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Condition;

    #[test]
    fn a_funnel_that_makes_no_sense_says_why() {
        let two = || Funnel::new(["visit", "purchase"]);
        let of = |n| Funnel::new(vec!["visit"; n]);
        let within = |days| Funnel { within_days: days, ..two() };
        let on_the_moon = EventFilter::default().when("@moon", Condition::Exists);
        assert_eq!(two().check(), Ok(()));
        assert_eq!(of(32).check(), Ok(()));
        let bad = [
            (of(0), "steps must be 1 to 32 filters, but is 0"),
            (of(33), "steps must be 1 to 32 filters, but is 33"),
            (within(0.0), "within_days must be above 0 and finite, but is 0"),
            (within(f64::NAN), "within_days must be above 0 and finite, but is NaN"),
            (
                Funnel { exclude: vec![on_the_moon], ..two() },
                "rule \"any event where @moon\": no property \"@moon\"; those that begin with @ are @hour, @daytime, @weekday, @week_part, @date, @month, @season, @event",
            ),
        ];
        for (funnel, message) in bad {
            assert_eq!(funnel.check().map_err(|e| e.to_string()), Err(message.to_owned()));
        }
    }

    #[test]
    fn a_funnel_can_be_written_in_a_configuration_file() {
        let json =
            r#"{"steps": [{"events": ["visit"]}, {"events": ["order"]}], "order": "strict"}"#;
        let funnel: Funnel = serde_json::from_str(json).unwrap();
        assert_eq!(funnel, Funnel { order: StepOrder::Strict, ..Funnel::new(["visit", "order"]) });
        let full = Funnel { exclude: vec!["refund".into()], within_days: 2.5, ..funnel };
        let json = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Funnel>(&json).unwrap(), full);
        assert!(serde_json::from_str::<Funnel>(r#"{"steps": [], "window": 3}"#).is_err());
    }
}
