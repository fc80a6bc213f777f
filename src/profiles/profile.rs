//! One person, as known now.

use std::fmt;

use crate::features::Entry;
use crate::{Identifier, ProfileId, Timestamp};

/// A person: who it is, and since when there are events.
#[derive(Clone, PartialEq)]
pub struct Profile<'p> {
    id: ProfileId,
    identifiers: Vec<&'p Identifier<'static>>,
    n_events: usize,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
}

impl<'p> Profile<'p> {
    pub(super) fn new(
        id: ProfileId,
        identifiers: Vec<&'p Identifier<'static>>,
        logs: impl Iterator<Item = &'p [Entry]>,
    ) -> Self {
        let (mut n_events, mut first_seen, mut last_seen) = (0, None, None);
        for log in logs {
            n_events += log.len();
            let (first, last) = (log.first().map(|e| e.at), log.last().map(|e| e.at));
            // Nothing is smaller than any moment: `min` must not see it.
            first_seen = first_seen.into_iter().chain(first).min();
            last_seen = last_seen.max(last);
        }
        Self { id, identifiers, n_events, first_seen, last_seen }
    }

    /// Its id: that of its strongest identifier.
    pub fn id(&self) -> ProfileId {
        self.id
    }

    /// Everything it was seen under, strongest kind first, then by value.
    pub fn identifiers(&self) -> &[&'p Identifier<'static>] {
        &self.identifiers
    }

    /// Number of events that count.
    pub fn n_events(&self) -> usize {
        self.n_events
    }

    /// Time of the first event; `None` if all its events were duplicates of another person's.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.first_seen
    }

    /// Time of the last event.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_seen
    }
}

impl fmt::Debug for Profile<'_> {
    /// Without the identifiers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("id", &self.id)
            .field("n_identifiers", &self.identifiers.len())
            .field("n_events", &self.n_events)
            .finish_non_exhaustive()
    }
}
