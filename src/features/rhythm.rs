//! How events follow each other: sessions, the time between them, days of repetition.
//!
//! A session is a run of events of which each comes less than `gap` minutes after the one before.

use super::entry::{Cell, Entry};
use super::evaluate::fixed_sum;
use super::measure::Measure;
use crate::Timestamp;
use crate::num::stats;

const MINUTES_PER_DAY: f64 = 1440.0;
const MINUTE_MS: f64 = 60_000.0;

/// The sessions of events in order of time.
pub(crate) fn sessions<'s, 'e>(
    events: &'s [&'e Entry],
    gap_minutes: f64,
) -> impl Iterator<Item = &'s [&'e Entry]> {
    // From whole milliseconds, so that half an hour is 30 minutes to the bit.
    let minutes = |a: Timestamp, b: Timestamp| {
        (i128::from(b.millis()) - i128::from(a.millis())) as f64 / MINUTE_MS
    };
    events.chunk_by(move |a, b| minutes(a.at, b.at) < gap_minutes)
}

/// A measure of sessions.
pub(super) fn session_measure(
    measure: &Measure,
    events: &[&Entry],
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
    match measure {
        Measure::Sessions(_) => Some(n),
        Measure::EventsPerSession(_) => (n > 0.0).then(|| events.len() as f64 / n),
        Measure::SessionMinutes(_) => {
            let minutes = ends.iter().map(|(first, last)| last.days_since(*first));
            (n > 0.0).then(|| minutes.sum::<f64>() * MINUTES_PER_DAY / n)
        }
        Measure::SessionGapDays(_) => (n > 1.0).then(|| stats::mean(&gaps())),
        Measure::SessionGapVariation(_) if n > 2.0 => {
            let (mean, deviation) = stats::mean_and_deviation(&gaps());
            Some(deviation / mean)
        }
        _ => None,
    }
}

/// The mean of a property's sums by day, without the first day.
pub(super) fn repeat_mean(events: &[&Entry], property: u32) -> Option<f64> {
    let has_it = |entry: &&&Entry| entry.property(property).any(|cell| cell.number().is_some());
    let counted: Vec<&Entry> = events.iter().filter(has_it).copied().collect();
    let mut days = counted.chunk_by(|a, b| a.at.day() == b.at.day());
    let first = days.next()?;
    let n_further = days.count();
    let further = counted[first.len()..].iter().flat_map(|entry| entry.property(property));
    let sum = fixed_sum(further.filter_map(Cell::number));
    (n_further > 0).then(|| sum.value() / n_further as f64)
}
