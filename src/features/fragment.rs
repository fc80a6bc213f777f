//! What is kept of events: a log, sorted by time and content, of what the features need.
//!
//! Every signature (set of identifiers) has one fragment; a profile is the merge of its fragments.
//! Equal sets of events give equal logs whatever the order of arrival, and an answer as of any
//! moment, past or future, is a function of the log up to that moment.
//!
//! A caller can limit the logs. Then every fragment has a summary too, which has seen all its
//! events, and of the log only the newest entries stay; which those are is again a matter of the
//! set. What the log cannot tell any more the summary does, or nobody.
//!
//! Cost: O(log n) to insert, and a move of a few entries where it is not in order of time.

use std::borrow::Cow;

use super::entry::Entry;
use super::set::FeatureSet;
use super::sorted::{Place, Sorted};
use super::summary::{Plan, Summary};
use super::texts::Texts;
use crate::Timestamp;

/// How much of a log is kept, and what of the rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limit {
    pub(crate) max_log: usize,
    pub(crate) plan: Plan,
}

impl Limit {
    pub(crate) fn new(max_log: usize, features: &FeatureSet, texts: &mut Texts) -> Self {
        Self { max_log, plan: Plan::new(features, texts) }
    }

    /// Whether events leave nothing but numbers.
    pub(crate) fn is_of_numbers(&self) -> bool {
        self.max_log == 0 && self.plan.is_of_numbers()
    }
}

/// The events of one signature.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Fragment {
    log: Sorted<Entry>,
    /// Of all events ever; there is one if logs are limited.
    summary: Option<Summary>,
}

impl Fragment {
    pub(crate) fn insert(&mut self, entry: Entry, limit: Option<&Limit>, texts: &mut Texts) {
        if let Some(limit) = limit {
            let summary = self.summary.get_or_insert_with(|| limit.plan.nothing());
            limit.plan.add(summary, &entry, texts);
        }
        let place = self.log.partition_point(|known| known.compare(&entry, texts).is_le());
        self.log.insert(place, entry);
        self.trim(limit, texts);
    }

    /// Adds the draft of an event that leaves nothing but numbers.
    pub(crate) fn fold(&mut self, draft: &[u64], limit: &Limit) {
        let summary = self.summary.get_or_insert_with(|| limit.plan.nothing());
        limit.plan.fold(summary, draft);
    }

    /// Its summary is about to be added to.
    pub(crate) fn soon(&self) {
        self.summary.iter().for_each(Summary::soon);
    }

    /// Adds many events, in any order.
    pub(crate) fn extend(&mut self, entries: Vec<Entry>, limit: Option<&Limit>, texts: &mut Texts) {
        if let Some(limit) = limit {
            let summary = self.summary.get_or_insert_with(|| limit.plan.nothing());
            entries.iter().for_each(|entry| limit.plan.add(summary, entry, texts));
        }
        self.absorb(entries, None, limit, texts);
    }

    /// Adds entries that are in order, where logs are whole.
    pub(crate) fn append(&mut self, entries: impl Iterator<Item = Entry>, texts: &Texts) {
        self.log.append(entries, |a, b| a.compare(b, texts));
    }

    /// Adds what another fragment held: the log in any order, and the summary.
    pub(crate) fn absorb(
        &mut self,
        log: Vec<Entry>,
        summary: Option<Summary>,
        limit: Option<&Limit>,
        texts: &mut Texts,
    ) {
        self.log.add(log, |a, b| a.compare(b, texts));
        if let Some((other, limit)) = summary.zip(limit) {
            let summary = self.summary.get_or_insert_with(|| limit.plan.nothing());
            let mut lost = Vec::new();
            limit.plan.merge(summary, &other, texts, |label| lost.push(label));
            lost.into_iter().for_each(|label| texts.release(label));
        }
        self.trim(limit, texts);
    }

    /// Lets the oldest entries go that are too many.
    fn trim(&mut self, limit: Option<&Limit>, texts: &mut Texts) {
        let Some(limit) = limit else { return };
        let n_gone = self.log.len().saturating_sub(limit.max_log);
        let summary = &mut self.summary;
        self.log.drop_first(n_gone, |entry| {
            let summary = summary.as_mut().expect("a limited log has a summary");
            summary.cut_to(entry.at);
            entry.release(texts);
        });
    }

    /// Whether an entry that is no different is here.
    pub(crate) fn holds(&self, entry: &Entry, texts: &Texts) -> bool {
        self.place(entry, texts).is_some()
    }

    /// Takes out an entry that is no different, if there is one.
    pub(crate) fn remove(&mut self, entry: &Entry, texts: &Texts) -> Option<Entry> {
        debug_assert!(self.summary.is_none(), "duplicates are not looked for in limited logs");
        self.place(entry, texts).map(|place| self.log.remove(place))
    }

    fn place(&self, entry: &Entry, texts: &Texts) -> Option<Place> {
        let place = self.log.partition_point(|known| known.compare(entry, texts).is_lt());
        let known = self.log.after(place).next()?;
        known.compare(entry, texts).is_eq().then_some(place)
    }

    /// What happened at a time.
    pub(crate) fn at(&self, at: Timestamp) -> impl Iterator<Item = &Entry> {
        let from = self.log.partition_point(|entry| entry.at < at);
        self.log.after(from).take_while(move |entry| entry.at == at)
    }

    pub(crate) fn into_parts(self) -> (Vec<Entry>, Option<Summary>) {
        (self.log.into_vec(), self.summary)
    }

    /// The log as far as it is kept, in order.
    pub(crate) fn log(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter()
    }

    pub(crate) fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.n_events() == 0
    }

    /// Number of events, also of those no longer in the log.
    pub(crate) fn n_events(&self) -> usize {
        match &self.summary {
            Some(summary) => summary.times().n as usize,
            None => self.log.len(),
        }
    }

    /// Time of the first event.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        match &self.summary {
            Some(summary) => (!self.is_empty()).then(|| summary.times().first),
            None => self.log.first().map(|entry| entry.at),
        }
    }

    /// Time of the last event.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        match &self.summary {
            Some(summary) => (!self.is_empty()).then(|| summary.times().last),
            None => self.log.last().map(|entry| entry.at),
        }
    }

    /// Bytes, with those on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let cells: usize = self.log.iter().map(|entry| size_of_val(&*entry.cells)).sum();
        let log = self.log.capacity() * size_of::<Entry>() + cells;
        size_of::<Self>() + log + self.summary.as_ref().map_or(0, Summary::bytes)
    }

    /// The log up to and including a moment, in order, piece by piece.
    fn until(&self, as_of: Timestamp) -> impl Iterator<Item = &[Entry]> {
        let until = move |log: &[Entry]| log.partition_point(|entry| entry.at <= as_of);
        self.log.blocks().iter().map(move |block| &block[..until(block)])
    }
}

/// A profile's events up to a moment.
#[derive(Debug)]
pub(crate) struct Events<'e> {
    /// Those in the logs, in order.
    pub(crate) log: Vec<&'e Entry>,
    /// Of all events, if some are no longer in the logs.
    pub(crate) summary: Option<Cow<'e, Summary>>,
}

impl Events<'_> {
    /// It is about to be looked at.
    pub(crate) fn soon(&self) {
        self.summary.iter().for_each(|summary| summary.soon());
    }

    /// Time of the first event.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        match &self.summary {
            Some(summary) => Some(summary.times().first),
            None => self.log.first().map(|entry| entry.at),
        }
    }

    /// Whether the log holds every event after a moment; `None` for the beginning of time.
    pub(crate) fn has_all_after(&self, after: Option<Timestamp>) -> bool {
        match self.summary.as_deref().and_then(Summary::cut) {
            Some(cut) => after.is_some_and(|after| after >= cut),
            None => true,
        }
    }
}

/// The merge of a profile's fragments up to a moment.
pub(crate) fn merge<'f>(
    fragments: impl Iterator<Item = &'f Fragment> + Clone,
    as_of: Timestamp,
    limit: Option<&Limit>,
    texts: &Texts,
) -> Events<'f> {
    let mut log = Vec::new();
    let mut n_logs = 0;
    for fragment in fragments.clone() {
        fragment.until(as_of).for_each(|piece| log.extend(piece));
        n_logs += 1;
    }
    if n_logs > 1 {
        // The stable sort recognises the sorted runs it is given.
        log.sort_by(|a: &&Entry, b: &&Entry| a.compare(b, texts));
    }
    let is_cut = |fragment: &Fragment| fragment.summary.as_ref().and_then(Summary::cut).is_some();
    let summary = limit.filter(|_| fragments.clone().any(is_cut)).map(|limit| {
        let mut summaries = fragments.filter_map(Fragment::summary);
        let first =
            summaries.next().map_or_else(|| Cow::Owned(limit.plan.nothing()), Cow::Borrowed);
        summaries.fold(first, |mut merged, summary| {
            // The fragments keep their uses of texts; this one is gone before they are.
            limit.plan.merge(merged.to_mut(), summary, texts, |_| {});
            merged
        })
    });
    Events { log, summary }
}
