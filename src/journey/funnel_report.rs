//! How far people get in a funnel, how many stay behind at each step, and how long it takes them.
//!
//! Every person counts once, with the attempt that is theirs. Cost: one pass over the events, in
//! parallel over people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::{percent, write_table};
use crate::Timestamp;
use crate::features::{BoundFunnel, Funnel, Lexicon, StepOrder, StoredEvent};
use crate::num::{parallel, stats};

/// How far people get in a [`Funnel`]: what [`Profiles::funnel`](crate::Profiles::funnel) says.
///
/// Printed, it is a table of one line a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunnelReport {
    /// People with events by then, whether or not they took a step.
    pub n_people: usize,
    /// The steps in order. In a funnel without an order: one step, two steps, and so on, whichever.
    pub steps: Vec<FunnelStep>,
}

/// How many people reached a step, and when.
///
/// Times are given as the lower quartile, the median and the upper quartile over those who reached
/// the step, in days of 24 hours, by linear interpolation (type 7 of Hyndman and Fan).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunnelStep {
    /// The step's event, and the properties that are tested.
    pub step: String,
    /// People who reached it.
    pub n_people: usize,
    /// People who reached the step before and not this one; 0 at the first.
    pub n_dropped: usize,
    /// Share of those who reached the first step; none if nobody did.
    pub conversion: Option<f64>,
    /// Share of those who reached the step before; none at the first, and if nobody did.
    pub step_conversion: Option<f64>,
    /// Days since the first step; none at the first, and if nobody is here.
    pub days_from_start: Option<[f64; 3]>,
    /// Days since the step before; none at the first, and if nobody is here.
    pub days_from_previous: Option<[f64; 3]>,
}

impl FunnelReport {
    /// The report of these people's events.
    pub(crate) fn new(
        funnel: &Funnel,
        people: &[&[StoredEvent<'_>]],
        lexicon: Lexicon<'_>,
    ) -> Self {
        let Lexicon { schema, dictionary } = lexicon;
        let bound = BoundFunnel::new(funnel, |filter| filter.bind(schema, dictionary));
        let unit = funnel.steps.len().saturating_mul(256);
        let attempts =
            parallel::map(people.len(), unit, |person| bound.times(people[person], dictionary));
        let label = |i: usize| match (funnel.order, i) {
            (StepOrder::Any, 0) => "any step".to_owned(),
            (StepOrder::Any, _) => format!("any {} steps", i + 1),
            _ => funnel.steps[i].to_string(),
        };
        let step = |i| FunnelStep::new(label(i), i, &attempts);
        Self { n_people: people.len(), steps: (0..funnel.steps.len()).map(step).collect() }
    }
}

impl FunnelStep {
    fn new(step: String, i: usize, attempts: &[Vec<Timestamp>]) -> Self {
        let reached = |i: usize| attempts.iter().filter(move |times| times.len() > i);
        let n_people = reached(i).count();
        let share = |of: usize| (of > 0).then(|| n_people as f64 / of as f64);
        let n_before = reached(i.saturating_sub(1)).count();
        let days_since = |earlier: usize| {
            let mut days: Vec<f64> =
                reached(i).map(|times| times[i].days_since(times[earlier])).collect();
            days.sort_unstable_by(f64::total_cmp);
            let quartiles = || [0.25, 0.5, 0.75].map(|q| stats::quantile(&days, q));
            (i > 0 && !days.is_empty()).then(quartiles)
        };
        Self {
            step,
            n_people,
            n_dropped: n_before - n_people,
            conversion: share(reached(0).count()),
            step_conversion: share(n_before).filter(|_| i > 0),
            days_from_start: days_since(0),
            days_from_previous: days_since(i.saturating_sub(1)),
        }
    }
}

impl fmt::Display for FunnelReport {
    /// One line a step: people, shares of the first step and of the step before, how many dropped
    /// out, the median times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "step",
            "people",
            "of first",
            "of previous",
            "dropped",
            "since first",
            "since previous",
        ];
        let median = |days: Option<[f64; 3]>| days.map_or_else(|| "–".into(), |d| duration(d[1]));
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(self.steps.iter().map(|step| {
            vec![
                step.step.clone(),
                step.n_people.to_string(),
                percent(step.conversion),
                percent(step.step_conversion),
                step.n_dropped.to_string(),
                median(step.days_from_start),
                median(step.days_from_previous),
            ]
        }));
        write_table(f, &rows)
    }
}

/// In the greatest unit of which it is at least two.
fn duration(days: f64) -> String {
    let units = [("d", 1.0), ("h", 24.0), ("min", 1440.0)];
    let fits = units.into_iter().find(|(_, per_day)| days * per_day >= 2.0);
    let (unit, per_day) = fits.unwrap_or(("s", 86_400.0));
    format!("{:.1} {unit}", days * per_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_people_shares_and_times() {
        let hour = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
        let attempts: Vec<Vec<Timestamp>> = [&[0, 24][..], &[0, 48], &[0, 120], &[5], &[]]
            .iter()
            .map(|hours| hours.iter().map(|&h| hour(h)).collect())
            .collect();
        let step = |i| FunnelStep::new("s".into(), i, &attempts);
        assert_eq!((step(0).n_people, step(0).n_dropped, step(0).conversion), (4, 0, Some(1.0)));
        assert_eq!((step(0).step_conversion, step(0).days_from_start), (None, None));
        assert_eq!((step(1).n_people, step(1).n_dropped, step(1).conversion), (3, 1, Some(0.75)));
        assert_eq!(step(1).days_from_start, Some([1.5, 2.0, 3.5]));
        assert_eq!(step(2).step_conversion, Some(0.0));
        assert_eq!((step(3).step_conversion, step(3).days_from_previous), (None, None));
        let nobody = FunnelStep::new("s".into(), 0, &[]);
        assert_eq!((nobody.n_people, nobody.conversion), (0, None));
        let report = FunnelReport { n_people: 5, steps: (0..3).map(step).collect() };
        let expected = "\
step  people  of first  of previous  dropped  since first  since previous
s          4      100%            –        0            –               –
s          3       75%          75%        1        2.0 d           2.0 d
s          0        0%           0%        3            –               –
";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn a_time_is_written_in_a_unit_that_suits_it() {
        let written = [3.0, 1.5, 0.02, 0.001, 0.0].map(duration);
        assert_eq!(written, ["3.0 d", "36.0 h", "28.8 min", "86.4 s", "0.0 s"]);
    }
}
