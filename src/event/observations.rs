//! What identity reads of a batch of events: times, message ids and identifiers, as columns.
//!
//! The identifiers of all events stand end to end; event `i` has those from where event `i - 1`
//! ends. A batch of one is the live case.

use super::{Event, Timestamp};

/// One identifier of an event, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdentifierRef<'a> {
    pub(crate) kind: &'a str,
    pub(crate) value: &'a str,
    pub(crate) claimed: bool,
}

/// The identifiers of some events, with their times and message ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observations<'a> {
    at: Vec<Timestamp>,
    /// The id of each message, `""` for none; no entries while no event has one.
    message_ids: Vec<&'a str>,
    identifiers: Vec<IdentifierRef<'a>>,
    /// Where the identifiers of each event end.
    ends: Vec<u32>,
}

impl<'a> Observations<'a> {
    /// An empty batch with room for `n` events.
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self {
            at: Vec::with_capacity(n),
            message_ids: Vec::new(),
            identifiers: Vec::with_capacity(n),
            ends: Vec::with_capacity(n),
        }
    }

    /// Removes all events and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.at.clear();
        self.message_ids.clear();
        self.identifiers.clear();
        self.ends.clear();
    }

    /// Adds an event.
    pub(crate) fn push(
        &mut self,
        at: Timestamp,
        message_id: Option<&'a str>,
        identifiers: impl Iterator<Item = IdentifierRef<'a>>,
    ) {
        if let Some(id) = message_id {
            self.message_ids.resize(self.at.len(), "");
            self.message_ids.push(id);
        } else if !self.message_ids.is_empty() {
            self.message_ids.push("");
        }
        self.at.push(at);
        self.identifiers.extend(identifiers);
        self.ends.push(self.identifiers.len() as u32);
    }

    /// Adds the identifiers of an event.
    pub(crate) fn push_event(&mut self, event: &'a Event<'_>) {
        let identifiers = event.identifiers.iter().map(|identifier| IdentifierRef {
            kind: &identifier.kind,
            value: &identifier.value,
            claimed: identifier.claimed,
        });
        self.push(event.at, event.message_id.as_deref(), identifiers);
    }

    /// Number of events.
    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// Time of an event.
    pub(crate) fn at(&self, event: usize) -> Timestamp {
        self.at[event]
    }

    /// The message id of an event; a blank one is none.
    pub(crate) fn message_id(&self, event: usize) -> Option<&'a str> {
        self.message_ids.get(event).copied().filter(|id| !id.trim().is_empty())
    }

    /// Whether some event has a message id.
    pub(crate) fn has_message_ids(&self) -> bool {
        !self.message_ids.is_empty()
    }

    /// The identifiers of an event.
    pub(crate) fn identifiers(&self, event: usize) -> &[IdentifierRef<'a>] {
        let start = if event == 0 { 0 } else { self.ends[event - 1] as usize };
        &self.identifiers[start..self.ends[event] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_keeps_its_own_identifiers_and_message_id() {
        let at = Timestamp::from_millis;
        let events = [
            Event::new("a", at(1)).id("card", "1"),
            Event::new("b", at(2)).message_id("m"),
            Event::new("c", at(3)).claimed_id("email", "x").id("card", "2").message_id(" "),
        ];
        let mut batch = Observations::with_capacity(3);
        events.iter().for_each(|event| batch.push_event(event));
        assert_eq!((batch.len(), batch.has_message_ids()), (3, true));
        assert_eq!([0, 1, 2].map(|i| batch.message_id(i)), [None, Some("m"), None]);
        assert_eq!([0, 1, 2].map(|i| batch.identifiers(i).len()), [1, 0, 2]);
        assert!(batch.identifiers(2)[0].claimed);
        assert_eq!(batch.at(2), at(3));
    }
}
