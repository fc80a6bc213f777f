//! How events follow each other: sessions, the time between them, days of repetition.
//!
//! A session is a run of events of which each comes less than `gap` minutes after the one before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::evaluate::{Selection, distinct};
use super::schema::Field;
use super::stored::StoredEvent;
use super::totals::fixed;
use crate::Timestamp;
use crate::num::fixed::Fixed;
use crate::num::stats;

/// What is measured of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionMeasure {
    /// Number of sessions; 0 without events.
    Count,
    /// Mean number of events in a session; missing without events.
    Events,
    /// Mean length of a session, from its first event to its last, in minutes; missing without
    /// events.
    Minutes,
    /// Mean time from the end of a session to the start of the next, in days; missing below two
    /// sessions.
    GapDays,
    /// How irregular those times are: their standard deviation (divisor n) divided by their mean.
    /// 0 for the regular, about 1 for what comes by chance, above for bursts. Missing below three
    /// sessions.
    GapVariation,
}

const MINUTES_PER_DAY: f64 = 1440.0;
const MINUTE_MS: f64 = 60_000.0;

/// The sessions of events in order of time.
pub(crate) fn sessions<'s, 'e>(
    events: &'s [StoredEvent<'e>],
    gap_minutes: f64,
) -> impl Iterator<Item = &'s [StoredEvent<'e>]> {
    // From whole milliseconds, so that half an hour is 30 minutes to the bit.
    let minutes = |a: Timestamp, b: Timestamp| {
        (i128::from(b.millis()) - i128::from(a.millis())) as f64 / MINUTE_MS
    };
    events.chunk_by(move |a, b| minutes(a.at, b.at) < gap_minutes)
}

/// A measure of sessions.
pub(super) fn session_measure(
    of: SessionMeasure,
    events: &[StoredEvent<'_>],
    gap_minutes: f64,
) -> Option<f64> {
    let mut ends = Vec::new();
    for session in sessions(events, gap_minutes) {
        let [first, .., last] = session else {
            ends.push((session[0].at, session[0].at));
            continue;
        };
        ends.push((first.at, last.at));
    }
    let n = ends.len() as f64;
    // In order of time, which is the set's own.
    let gaps = || ends.windows(2).map(|pair| pair[1].0.days_since(pair[0].1)).collect::<Vec<_>>();
    match of {
        SessionMeasure::Count => Some(n),
        SessionMeasure::Events => (n > 0.0).then(|| events.len() as f64 / n),
        SessionMeasure::Minutes => {
            let minutes = ends.iter().map(|(first, last)| last.days_since(*first));
            (n > 0.0).then(|| minutes.sum::<f64>() * MINUTES_PER_DAY / n)
        }
        SessionMeasure::GapDays => (n > 1.0).then(|| stats::mean(&gaps())),
        SessionMeasure::GapVariation => {
            let (mean, std) = stats::mean_and_std(&gaps());
            (n > 2.0).then_some(std / mean)
        }
    }
}

/// The mean of a field's sums by day, without the first day with an event.
pub(super) fn repeat_mean(selection: Selection<'_>, field: Field, local_day: Field) -> Option<f64> {
    let first = selection.events.iter().map(|event| event.day(local_day)).min()?;
    let mut sums: BTreeMap<i64, Fixed> = BTreeMap::new();
    for event in selection.events {
        for number in event.numbers(field) {
            let sum = sums.entry(event.day(local_day)).or_default();
            *sum = sum.add(fixed(number));
        }
    }
    sums.remove(&first);
    let n_days = sums.len();
    let sum: Fixed = sums.into_values().sum();
    (n_days > 0).then(|| sum.value() / n_days as f64)
}

/// Mean number of days from one day with events to the next; missing below two such days.
pub(super) fn gap_days(selection: Selection<'_>, local_day: Field) -> Option<f64> {
    let n_days = selection.n_days(local_day);
    let days = || selection.events.iter().map(|event| event.day(local_day));
    // The gaps add up to the time from the first day to the last.
    let span = days().max()? - days().min()?;
    (n_days > 1).then(|| span as f64 / (n_days - 1) as f64)
}

/// Number of orders: different ids, and for events without one the days on which they happened.
pub(super) fn orders(selection: Selection<'_>, field: Field, local_day: Field) -> f64 {
    let has_id = |event: &&StoredEvent<'_>| event.labels(field).next().is_some();
    let without = selection.events.iter().filter(|event| !has_id(event));
    let n_days = distinct(without.map(|event| event.day(local_day)));
    (selection.n_distinct(field, |_| true) + n_days) as f64
}

/// What most often follows what within sessions, as `a → b`: repetitions of an event are one step; ties
/// go to the smaller `a`, then to the smaller `b`. `None` below two transitions.
pub(super) fn most_frequent_transition(selection: Selection<'_>, minutes: f64) -> Option<String> {
    let mut counts: BTreeMap<[u32; 2], usize> = BTreeMap::new();
    for session in sessions(selection.events, minutes) {
        let mut steps: Vec<u32> = session.iter().map(|event| event.name).collect();
        steps.dedup();
        for pair in steps.windows(2) {
            *counts.entry([pair[0], pair[1]]).or_default() += 1;
        }
    }
    let n: usize = counts.values().sum();
    let texts = |pair: [u32; 2]| pair.map(|code| selection.dictionary.text(code));
    let best = counts.into_iter().min_by_key(|&(pair, n)| (Reverse(n), texts(pair)));
    best.filter(|_| n >= 2).map(|(pair, _)| texts(pair).join(" → "))
}
