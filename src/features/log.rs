//! The log of one history: what is stored of each event, in order of time.
//!
//! Events of the same time are in order of their message, then of their content. Equal sets of events
//! give equal logs whatever the order of arrival. Values of all events stand in one vector, in which
//! removed events leave gaps until there are more gaps than values.
//!
//! Cost: O(log n) to insert or remove, and a move of a few entries where it is not at the end.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::dictionary::Dictionary;
use super::schema::Schema;
use super::sorted::{Sorted, SortedPosition};
use super::stored::{FieldValue, StoredEvent};
use crate::Timestamp;
use crate::num::prefetch;

#[derive(Debug, Clone, Copy)]
struct LoggedHead {
    at: Timestamp,
    name: u32,
    message: u32,
    /// Where its values begin.
    start: u32,
    n_values: u32,
}

/// The stored events of one history.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    heads: Sorted<LoggedHead>,
    values: Vec<FieldValue>,
    /// Values of removed events.
    n_gaps: usize,
}

/// What events are compared with: their texts and fields.
#[derive(Clone, Copy)]
pub(crate) struct Lexicon<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) dictionary: &'s Dictionary,
}

fn view<'l>(head: &LoggedHead, values: &'l [FieldValue]) -> StoredEvent<'l> {
    let values = &values[head.start as usize..][..head.n_values as usize];
    StoredEvent { at: head.at, name: head.name, message: head.message, values }
}

impl Log {
    fn compare(
        head: &LoggedHead,
        values: &[FieldValue],
        event: StoredEvent<'_>,
        Lexicon { schema, dictionary }: Lexicon<'_>,
    ) -> Ordering {
        let by_place = (head.at, head.message).cmp(&(event.at, event.message));
        by_place.then_with(|| view(head, values).compare(event, schema, dictionary))
    }

    /// Adds an event.
    pub(crate) fn insert(&mut self, event: StoredEvent<'_>, lexicon: Lexicon<'_>) {
        let values = &self.values;
        // Most events come in order of time.
        let place = match self.heads.last() {
            Some(last) if Self::compare(last, values, event, lexicon).is_le() => self.heads.end(),
            _ => self
                .heads
                .partition_point(|head| Self::compare(head, values, event, lexicon).is_le()),
        };
        let head = LoggedHead {
            at: event.at,
            name: event.name,
            message: event.message,
            start: self.values.len() as u32,
            n_values: event.values.len() as u32,
        };
        self.values.extend_from_slice(event.values);
        self.heads.insert(place, head);
    }

    fn place_of(&self, event: StoredEvent<'_>, lexicon: Lexicon<'_>) -> Option<SortedPosition> {
        let values = &self.values;
        let compare = |head: &LoggedHead| Self::compare(head, values, event, lexicon);
        let place = self.heads.partition_point(|head| compare(head).is_lt());
        self.heads.after(place).next().filter(|head| compare(head).is_eq()).map(|_| place)
    }

    /// The event of a message at a time.
    pub(crate) fn of_message(&self, at: Timestamp, message: u32) -> Option<StoredEvent<'_>> {
        let place = self.heads.partition_point(|head| (head.at, head.message) < (at, message));
        let head = self.heads.after(place).next()?;
        ((head.at, head.message) == (at, message)).then(|| view(head, &self.values))
    }

    /// Makes room for so many further events and values.
    pub(crate) fn reserve(&mut self, n_events: usize, n_values: usize) {
        self.heads.reserve(n_events);
        self.values.reserve_exact(n_values);
    }

    /// Prefetches the first event and its values.
    pub(crate) fn prefetch(&self) {
        prefetch::prefetch_at(&self.heads.blocks()[0], 0);
        prefetch::prefetch_at(&self.values, 0);
    }

    /// Prefetches the last event and the end of the values.
    pub(crate) fn prefetch_end(&self) {
        let last = self.heads.blocks().last().map_or(&[][..], |block| block);
        prefetch::prefetch_at(last, last.len().wrapping_sub(1));
        prefetch::prefetch_at(&self.values, self.values.len().wrapping_sub(1));
    }

    /// Removes an event that compares equal, if there is one; whether there was.
    pub(crate) fn remove(&mut self, event: StoredEvent<'_>, lexicon: Lexicon<'_>) -> bool {
        let Some(place) = self.place_of(event, lexicon) else { return false };
        let head = self.heads.remove(place);
        self.leave_gap(head.n_values as usize);
        true
    }

    fn leave_gap(&mut self, n_values: usize) {
        self.n_gaps += n_values;
        if self.n_gaps > self.values.len() / 2 {
            let old = std::mem::take(&mut self.values);
            self.values.reserve(old.len() - self.n_gaps);
            let values = &mut self.values;
            self.heads.iter_mut().for_each(|head| {
                let start = values.len() as u32;
                values.extend_from_slice(view(head, &old).values);
                head.start = start;
            });
            self.n_gaps = 0;
        }
    }

    /// Removes the first events until `max` are left; `each` sees them before they are gone.
    pub(crate) fn trim(&mut self, max: usize, mut each: impl FnMut(StoredEvent<'_>)) {
        let n_gone = self.len().saturating_sub(max);
        if n_gone == 0 {
            return;
        }
        let mut gone = Vec::with_capacity(n_gone);
        self.heads.drop_first(n_gone, |head| gone.push(head));
        gone.iter().for_each(|head| each(view(head, &self.values)));
        self.leave_gap(gone.iter().map(|head| head.n_values as usize).sum());
    }

    /// The events in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = StoredEvent<'_>> {
        self.heads.iter().map(|head| view(head, &self.values))
    }

    /// The events up to and including a moment, in order.
    pub(crate) fn until(&self, as_of: Timestamp) -> impl Iterator<Item = StoredEvent<'_>> {
        let until = move |heads: &[LoggedHead]| heads.partition_point(|head| head.at <= as_of);
        let blocks = self.heads.blocks().iter().map(move |block| &block[..until(block)]);
        blocks.flatten().map(|head| view(head, &self.values))
    }

    /// The events up to and including a moment, to be taken from both ends.
    pub(crate) fn rest_until(&self, as_of: Timestamp) -> LogRest<'_> {
        let until = |heads: &[LoggedHead]| heads.partition_point(|head| head.at <= as_of);
        let blocks = self.heads.blocks().iter().map(|block| &block[..until(block)]);
        let blocks = blocks.filter(|block| !block.is_empty()).collect();
        LogRest { blocks, values: &self.values }
    }

    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.heads.first().map(|head| head.at)
    }

    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.heads.last().map(|head| head.at)
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.heads.capacity() * size_of::<LoggedHead>()
            + self.values.capacity() * size_of::<FieldValue>()
    }
}

/// What is left of a log whose events are taken from both ends.
pub(crate) struct LogRest<'l> {
    /// None is empty.
    blocks: VecDeque<&'l [LoggedHead]>,
    values: &'l [FieldValue],
}

impl<'l> LogRest<'l> {
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.len()).sum()
    }

    /// The time of the first event.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.blocks.front()?.first().map(|head| head.at)
    }

    /// The time of the last event.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.blocks.back()?.last().map(|head| head.at)
    }

    pub(crate) fn pop_first(&mut self) -> Option<StoredEvent<'l>> {
        let (head, rest) = self.blocks.pop_front()?.split_first()?;
        if !rest.is_empty() {
            self.blocks.push_front(rest);
        }
        Some(view(head, self.values))
    }

    pub(crate) fn pop_last(&mut self) -> Option<StoredEvent<'l>> {
        let (head, rest) = self.blocks.pop_back()?.split_last()?;
        if !rest.is_empty() {
            self.blocks.push_back(rest);
        }
        Some(view(head, self.values))
    }
}
