//! What is kept of events: a log, sorted by time and content, of what the features need.
//!
//! Every signature (set of identifiers) has one fragment; a profile is the merge of its fragments.
//! Equal sets of events give equal logs whatever the order of arrival, and an answer as of any
//! moment, past or future, is a function of the log up to that moment.
//!
//! Cost: O(log n) to insert in order of time, a move of the later entries otherwise.

use super::entry::Entry;
use super::texts::Texts;
use crate::Timestamp;

/// The events of one signature.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Fragment {
    log: Vec<Entry>,
}

impl Fragment {
    pub(crate) fn insert(&mut self, entry: Entry, texts: &Texts) {
        let place = self.log.partition_point(|known| known.compare(&entry, texts).is_le());
        self.log.insert(place, entry);
    }

    /// Adds many, in any order.
    pub(crate) fn absorb(&mut self, entries: Vec<Entry>, texts: &Texts) {
        self.log.extend(entries);
        // The stable sort recognises the sorted runs it is given.
        self.log.sort_by(|a, b| a.compare(b, texts));
    }

    /// The entry of a message, if it is here and happened then.
    pub(crate) fn message(&self, at: Timestamp, message: u32) -> Option<&Entry> {
        self.place(at, message).map(|place| &self.log[place])
    }

    pub(crate) fn remove_message(&mut self, at: Timestamp, message: u32) -> Option<Entry> {
        self.place(at, message).map(|place| self.log.remove(place))
    }

    fn place(&self, at: Timestamp, message: u32) -> Option<usize> {
        let start = self.log.partition_point(|entry| entry.at < at);
        let same_time = self.log[start..].iter().take_while(|entry| entry.at == at);
        same_time.map(|entry| entry.message).position(|m| m == message).map(|i| start + i)
    }

    pub(crate) fn into_log(self) -> Vec<Entry> {
        self.log
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Everything, in order.
    pub(crate) fn log(&self) -> &[Entry] {
        &self.log
    }

    /// Everything up to and including a moment, in order.
    pub(crate) fn until(&self, as_of: Timestamp) -> &[Entry] {
        &self.log[..self.log.partition_point(|entry| entry.at <= as_of)]
    }
}

/// The merge of fragments up to a moment, in order.
pub(crate) fn merge<'f>(
    fragments: impl Iterator<Item = &'f Fragment>,
    as_of: Timestamp,
    texts: &Texts,
) -> Vec<&'f Entry> {
    let mut entries = Vec::new();
    let mut n_logs = 0;
    for fragment in fragments {
        entries.extend(fragment.until(as_of));
        n_logs += 1;
    }
    if n_logs > 1 {
        // The stable sort recognises the sorted runs it is given.
        entries.sort_by(|a: &&Entry, b: &&Entry| a.compare(b, texts));
    }
    entries
}
