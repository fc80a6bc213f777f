//! The events of one person that one feature counts, and the questions measures ask of them.
//!
//! Sums go through fixed point and ties through texts, so that results depend on no order but that of
//! time. Cost: one pass over the events, or a sort of them.

use super::dictionary::Dictionary;
use super::schema::Field;
use super::stored::{FieldValue, StoredEvent};
use super::totals::Fading;
use crate::Timestamp;

/// What a feature is for a person.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Number(f64),
    Value(FieldValue),
    Text(String),
    /// It needs events that are no longer in the log.
    Cut,
}

/// The events that count, in order of time.
#[derive(Clone, Copy)]
pub(super) struct Selection<'e> {
    pub(super) events: &'e [StoredEvent<'e>],
    pub(super) half_life_days: Option<f64>,
    pub(super) dictionary: &'e Dictionary,
}

impl<'e> Selection<'e> {
    /// How much is left of events by a moment.
    pub(super) fn fading(self, by: Timestamp) -> Fading {
        Fading { half_life_days: self.half_life_days, by }
    }

    pub(super) fn numbers(self, field: Field) -> impl Iterator<Item = f64> + 'e {
        self.events.iter().flat_map(move |event| event.numbers(field))
    }

    pub(super) fn labels(self, field: Field) -> impl Iterator<Item = u32> + 'e {
        self.events.iter().flat_map(move |event| event.labels(field))
    }

    /// Number of different texts of a field that something holds of.
    pub(super) fn n_distinct(self, field: Field, holds: impl Fn(u32) -> bool) -> usize {
        distinct(self.labels(field).filter(|&label| holds(label)))
    }

    /// Number of days with events, on the person's own clock.
    pub(super) fn n_days(self, local_day: Field) -> usize {
        distinct(self.events.iter().map(|event| event.day(local_day)))
    }

    /// The different texts of a field in order, as one text; `None` if there are none.
    pub(super) fn unique_list(self, field: Field) -> Option<String> {
        let mut texts: Vec<&str> =
            self.labels(field).map(|label| self.dictionary.text(label)).collect();
        texts.sort_unstable();
        texts.dedup();
        (!texts.is_empty()).then(|| texts.join(", "))
    }
}

/// Number of different values.
pub(super) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values.len()
}
