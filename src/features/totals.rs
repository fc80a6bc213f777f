//! Totals: what a fold over events knows of one field, such as count, sum, extremes, first and last value.
//!
//! Totals are read off a log or off a summary, with the same result to the bit, and a measure that
//! is defined by them has one definition for both.

use super::dictionary::Dictionary;
use super::schema::Field;
use super::stored::{FieldValue, StoredEvent};
use crate::Timestamp;
use crate::num::fixed::Fixed;
use crate::num::moments::Squares;
use crate::num::portable;

/// Which totals a measure needs beside the number and the times of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing else.
    Times,
    /// Number and sum of values.
    Sum,
    Min,
    Max,
    /// Number, sum and sum of squares of values.
    Squares,
    /// The first value by time; of several then, the smallest.
    First,
    /// The last value by time; of several then, the smallest.
    Last,
}

/// The moment from which events fade, where they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The moment asked about: sums fade away.
    AsOf,
    /// The newest event that counts: means and shares do not.
    Newest,
}

/// How much less events count the older they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fading {
    pub(super) half_life_days: Option<f64>,
    pub(super) by: Timestamp,
}

impl Fading {
    /// How much is left of an event.
    pub(super) fn weight(self, at: Timestamp) -> f64 {
        match self.half_life_days {
            None => 1.0,
            Some(days) => portable::exp2(-self.by.days_since(at) / days),
        }
    }
}

/// Totals of some events; those that were not asked for are meaningless.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    /// Number of events; with fading, how much is left of them.
    pub(super) n: u64,
    pub(super) weight: Fixed,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Number of values; with fading, how much is left of them.
    pub(super) n_values: u64,
    pub(super) value_weight: Fixed,
    pub(super) sum: Fixed,
    pub(super) squares: Squares,
    /// NaN without values.
    pub(super) extreme: f64,
    pub(super) value: Option<FieldValue>,
}

impl Totals {
    pub(super) fn none() -> Self {
        let epoch = Timestamp::from_millis(0);
        Self {
            n: 0,
            weight: Fixed::default(),
            first: epoch,
            last: epoch,
            n_values: 0,
            value_weight: Fixed::default(),
            sum: Fixed::default(),
            squares: Squares::default(),
            extreme: f64::NAN,
            value: None,
        }
    }

    /// The totals of events in order of time.
    pub(super) fn of(
        events: &[StoredEvent<'_>],
        (keep, field): (Keep, Field),
        half_life_days: Option<f64>,
        (anchor, as_of): (Anchor, Timestamp),
        dictionary: &Dictionary,
    ) -> Self {
        let mut totals = Self::none();
        totals.n = events.len() as u64;
        if let ([first, ..], [.., last]) = (events, events) {
            (totals.first, totals.last) = (first.at, last.at);
        }
        let has_value = |event: &&StoredEvent<'_>| event.numbers(field).next().is_some();
        let by = match anchor {
            Anchor::Newest if half_life_days.is_some() => {
                events.iter().rfind(has_value).map_or(as_of, |event| event.at)
            }
            _ => as_of,
        };
        let fading = Fading { half_life_days, by };
        if half_life_days.is_some() {
            totals.weight = events.iter().map(|event| fixed(fading.weight(event.at))).sum();
        }
        match keep {
            Keep::Times => {}
            Keep::First => totals.value = earliest(events.iter().copied(), field, dictionary),
            Keep::Last => totals.value = earliest(events.iter().rev().copied(), field, dictionary),
            Keep::Sum | Keep::Squares | Keep::Min | Keep::Max => {
                for event in events {
                    let weight = fading.weight(event.at);
                    for number in event.numbers(field) {
                        totals.add(keep, number, weight);
                    }
                }
            }
        }
        totals
    }

    fn add(&mut self, keep: Keep, number: f64, weight: f64) {
        self.n_values += 1;
        match keep {
            Keep::Min => self.extreme = self.extreme.min(number),
            Keep::Max => self.extreme = self.extreme.max(number),
            _ => {
                self.sum = self.sum.add(fixed(number * weight));
                self.value_weight = self.value_weight.add(fixed(weight));
                if keep == Keep::Squares {
                    self.squares = self.squares.add(Squares::of(fixed(number)));
                }
            }
        }
    }
}

/// The first value of a field among events in the order given; of several at its time, the smallest.
fn earliest<'e>(
    events: impl Iterator<Item = StoredEvent<'e>>,
    field: Field,
    dictionary: &Dictionary,
) -> Option<FieldValue> {
    let smallest = |event: StoredEvent<'e>| {
        event.values(field).reduce(|best, value| best.min(value, dictionary))
    };
    let mut values = events.filter_map(|event| Some((event.at, smallest(event)?)));
    let (at, first) = values.next()?;
    let same_time = values.take_while(|&(time, _)| time == at);
    Some(same_time.fold(first, |best, (_, value)| best.min(value, dictionary)))
}

/// A stored number, which was checked on arrival, or a part of one.
pub(super) fn fixed(value: f64) -> Fixed {
    Fixed::new(value).unwrap_or_default()
}
