//! Histories: what is stored of the events of every signature (set of identifiers seen together).
//!
//! A history is a log of its events, a summary of them, or both. Without a limit there is a log and no
//! summary. A limit keeps the newest events of each log and a summary that has seen all events;
//! which events are the newest depends on the set of events only. A profile is the merge of its
//! histories.
//!
//! One function adds an event to a history (`part.rs`). A batch is sorted by signature first (`placed.rs`), so that
//! threads can add to different histories at the same time, with the same result.
//!
//! Cost: O(log n) per event; without logs, one pass over the slots of the summary.

pub(super) mod codes;

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::batch::EventBatch;
use super::dictionary::{Dictionary, NONE};
use super::log::{Lexicon, Log};
use super::part::{Adding, HistoryRange, LabelChanges, PREFETCH, cut_log};
use super::placed::{ByPart, Placed};
use super::projection::Projection;
use super::schema::{Need, Schema};
use super::set::FeatureSet;
use super::stored::StoredEvent;
use super::summary::{self, LabelChange, Layout};
use crate::Timestamp;
use crate::num::{parallel, prefetch};

/// Histories that one thread adds to at a time, at least: their summaries fit the near cache.
const PART: usize = 1 << 12;
/// Parts at most.
const MAX_PARTS: usize = 64;
/// Fewer events than this are added one by one.
const FEW: usize = 1 << 12;

/// Everybody's events, by signature.
#[derive(Clone)]
pub(crate) struct Histories {
    pub(crate) schema: Schema,
    pub(crate) dictionary: Dictionary,
    /// Events kept in each log; `None` for all.
    max_log: Option<usize>,
    /// The earliest time at which events are kept, if there is one.
    pub(crate) horizon: Option<Timestamp>,
    /// The slots of the summaries; unused without a limit.
    layout: Layout,
    /// Whether events leave nothing but numbers, and no text is stored.
    is_numeric: bool,
    n: usize,
    /// One per signature, none where events leave nothing but numbers.
    logs: Vec<Log>,
    /// The words of all summaries, one after another.
    summaries: Vec<u64>,
    /// Histories that were added to or taken from, if somebody follows.
    touched: Option<Vec<u32>>,
}

/// What adding events to some histories reads.
fn adding<'h>(
    schema: &'h Schema,
    dictionary: &'h Dictionary,
    layout: &'h Layout,
    max_log: Option<usize>,
    is_numeric: bool,
) -> Adding<'h> {
    let lexicon = Lexicon { schema, dictionary };
    Adding { lexicon, layout: max_log.map(|_| layout), max_log, is_numeric }
}

impl Histories {
    /// No events yet. With a limit, the features must be fixed.
    pub(crate) fn new(
        features: &FeatureSet,
        keep: &BTreeSet<String>,
        max_log: Option<usize>,
    ) -> Self {
        let mut schema = features.schema();
        keep.iter().for_each(|property| schema.keep(property, Need::BOTH));
        let mut dictionary = Dictionary::default();
        features.texts().for_each(|text| _ = dictionary.intern(text));
        let mut layout = Layout::default();
        for feature in features.iter() {
            feature.reserve(&mut layout, (&schema, &dictionary));
        }
        let is_numeric =
            max_log == Some(0) && keep.is_empty() && layout.is_numeric() && !features.reads_texts();
        let (logs, summaries) = (Vec::new(), Vec::new());
        Self {
            schema,
            dictionary,
            max_log,
            horizon: None,
            layout,
            is_numeric,
            n: 0,
            logs,
            summaries,
            touched: None,
        }
    }

    /// Records from now on which histories change.
    pub(crate) fn track(&mut self) {
        self.touched.get_or_insert_default();
    }

    /// The histories that changed since the last time, as often as they changed.
    pub(crate) fn take_touched(&mut self) -> Vec<u32> {
        self.touched.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn n_touched(&self) -> usize {
        self.touched.as_ref().map_or(0, Vec::len)
    }

    fn touch(&mut self, signature: u32) {
        if let Some(touched) = &mut self.touched {
            touched.push(signature);
        }
    }

    /// Keeps the codes of the texts that features compare, and the fields that they read.
    pub(crate) fn pin(&mut self, features: &FeatureSet) {
        features.texts().for_each(|text| _ = self.dictionary.intern(text));
        self.schema.join(&features.schema());
    }

    /// What a batch stores of its events.
    pub(crate) fn projection(&self, clock: (Timestamp, Timestamp)) -> Projection<'_> {
        let Self { schema, dictionary, horizon, is_numeric, .. } = self;
        Projection { schema, dictionary, clock, horizon: *horizon, stores_texts: !is_numeric }
    }

    pub(crate) fn lexicon(&self) -> Lexicon<'_> {
        Lexicon { schema: &self.schema, dictionary: &self.dictionary }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of histories.
    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// Makes room for `n` histories.
    pub(crate) fn resize(&mut self, n: usize) {
        if n <= self.n {
            return;
        }
        self.n = n;
        if !self.is_numeric {
            let n_new = n - self.logs.len();
            parallel::extend(&mut self.logs, n_new, |_| Log::default());
        }
        if self.max_log.is_some() {
            let stride = self.layout.n_words();
            let old = self.summaries.len();
            parallel::extend(&mut self.summaries, n * stride - old, |_| 0);
            self.summaries[old..]
                .chunks_exact_mut(stride)
                .for_each(|words| self.layout.clear(words));
        }
    }

    /// Gives a batch the codes of the store; calls `dropped` with each attribute that is not stored.
    pub(crate) fn absorb(
        &mut self,
        batch: EventBatch<'_>,
        signatures: Vec<u32>,
        messages: Vec<u32>,
        dropped: impl FnMut(&str, usize),
    ) -> Placed {
        // These are added soonest, after the texts.
        signatures.iter().take(PREFETCH).for_each(|&signature| self.prefetch_end(signature));
        let (schema, dictionary) = (&mut self.schema, &mut self.dictionary);
        let stores_texts = !self.is_numeric;
        let (batch, codes) = batch.into_stored(schema, dictionary, stores_texts, dropped);
        Placed { batch, codes, signatures, messages }
    }

    /// Adds batches. Events without a signature end their uses of texts.
    pub(crate) fn add(&mut self, mut batches: Vec<Placed>) {
        let n_events: usize = batches.iter().map(|placed| placed.batch.len()).sum();
        if let Some(touched) = &mut self.touched {
            let all = batches.iter().flat_map(|placed| &placed.signatures);
            touched.extend(all.filter(|&&signature| signature != NONE));
        }
        if n_events < FEW {
            return batches.iter_mut().for_each(|placed| self.add_few(placed));
        }
        let part_len = self.n.div_ceil(MAX_PARTS).max(PART).next_power_of_two();
        let n_parts = self.n.div_ceil(part_len).max(1);
        let sorted =
            parallel::map_owned(batches, 1 << 17, |placed| ByPart::new(placed, n_parts, part_len));
        let adding =
            adding(&self.schema, &self.dictionary, &self.layout, self.max_log, self.is_numeric);
        let stride = self.layout.n_words();
        let mut logs = self.logs.chunks_mut(part_len);
        let mut summaries = self.summaries.chunks_mut(part_len * stride);
        let parts = (0..n_parts).map(|part| HistoryRange {
            first: part * part_len,
            logs: logs.next().unwrap_or_default(),
            summaries: summaries.next().unwrap_or_default(),
        });
        let changes = parallel::map_each(parts.collect(), n_events * 100, |number, mut part| {
            let mut changes = LabelChanges::default();
            part.add_all(&sorted, number, adding, &mut changes);
            changes
        });
        changes.into_iter().for_each(|changes| self.apply(changes));
        if !self.is_numeric {
            for sorted in &sorted {
                for row in sorted.of(n_parts) {
                    self.release(sorted.event(row).1);
                }
            }
        }
    }

    /// Adds a few events one by one.
    fn add_few(&mut self, placed: &mut Placed) {
        placed.remap();
        for (row, &signature) in placed.signatures.iter().enumerate() {
            if let Some(&later) = placed.signatures.get(row + 2 * PREFETCH) {
                self.prefetch(later);
            }
            if let Some(&later) = placed.signatures.get(row + PREFETCH) {
                self.prefetch_end(later);
            }
            let message = placed.messages.get(row).copied().unwrap_or(NONE);
            let event = placed.batch.event(row, message);
            match signature {
                NONE if self.is_numeric => {}
                NONE => self.release(event),
                signature => self.add_one(signature, event),
            }
        }
    }

    /// Adds one event to a history. The uses of its texts pass to the history.
    pub(crate) fn add_one(&mut self, signature: u32, event: StoredEvent<'_>) {
        self.touch(signature);
        let adding =
            adding(&self.schema, &self.dictionary, &self.layout, self.max_log, self.is_numeric);
        let mut changes = LabelChanges::default();
        let mut part =
            HistoryRange { first: 0, logs: &mut self.logs, summaries: &mut self.summaries };
        part.add(signature, event, adding, &mut changes);
        self.apply(changes);
    }

    fn apply(&mut self, changes: LabelChanges) {
        let LabelChanges { labels, lost } = changes;
        for change in &labels {
            if let LabelChange::Used(label) = change {
                self.dictionary.retain(*label, 1);
            }
        }
        for change in &labels {
            if let LabelChange::Lost(label) = change {
                self.dictionary.release(*label);
            }
        }
        lost.into_iter().for_each(|field| self.schema.release(field));
    }

    /// Ends an event's uses of texts and fields.
    pub(crate) fn release(&mut self, event: StoredEvent<'_>) {
        let mut changes = LabelChanges::default();
        changes.release(event, &self.schema);
        self.apply(changes);
    }

    /// Removes an event from a log; its uses of texts pass to the caller. Whether it was there.
    pub(crate) fn remove(&mut self, signature: u32, event: StoredEvent<'_>) -> bool {
        debug_assert!(self.max_log.is_none(), "events are not taken out of summaries");
        self.touch(signature);
        let lexicon = Lexicon { schema: &self.schema, dictionary: &self.dictionary };
        self.logs[signature as usize].remove(event, lexicon)
    }

    /// Removes the events before a time from a log, and adds their messages to `messages`. Returns the number of events.
    pub(crate) fn remove_before(
        &mut self,
        signature: u32,
        at: Timestamp,
        messages: &mut Vec<u32>,
    ) -> usize {
        let log = &mut self.logs[signature as usize];
        let n = log.iter().take_while(|event| event.at < at).count();
        if n == 0 {
            return 0;
        }
        let mut changes = LabelChanges::default();
        log.trim(log.len() - n, |event| {
            messages.extend((event.message != NONE).then_some(event.message));
            changes.release(event, &self.schema);
        });
        self.apply(changes);
        self.touch(signature);
        n
    }

    /// The log of a history; `None` where none is kept.
    pub(crate) fn log(&self, signature: u32) -> Option<&Log> {
        self.logs.get(signature as usize)
    }

    /// The summary of a history; `None` where logs are whole.
    pub(crate) fn summary(&self, signature: u32) -> Option<&[u64]> {
        self.max_log?;
        let stride = self.layout.n_words();
        self.summaries.get(signature as usize * stride..(signature as usize + 1) * stride)
    }

    /// Whether logs are kept.
    pub(crate) fn has_logs(&self) -> bool {
        !self.is_numeric
    }

    /// Words of a summary; `None` where logs are whole.
    pub(crate) fn summary_len(&self) -> Option<usize> {
        self.max_log.map(|_| self.layout.n_words())
    }

    /// Prefetches the summary of a history, and where its log is; nothing for [`NONE`].
    pub(crate) fn prefetch(&self, signature: u32) {
        if self.max_log.is_some() {
            let stride = self.layout.n_words();
            prefetch::prefetch_at(&self.summaries, signature as usize * stride);
            prefetch::prefetch_at(&self.summaries, (signature as usize + 1) * stride - 1);
        }
        prefetch::prefetch_at(&self.logs, signature as usize);
    }

    /// Prefetches the histories to which the first events of a batch will be added.
    pub(crate) fn prefetch_first(&self, signatures: &[u32]) {
        signatures.iter().take(2 * PREFETCH).for_each(|&signature| self.prefetch(signature));
    }

    /// Prefetches the end of a log that was prefetched, where most events are added.
    fn prefetch_end(&self, signature: u32) {
        self.log(signature).into_iter().for_each(Log::prefetch_end);
    }

    /// Takes the log and the summary out of a history.
    pub(crate) fn take(&mut self, signature: u32) -> (Log, Option<Box<[u64]>>) {
        let log = self.logs.get_mut(signature as usize).map(std::mem::take).unwrap_or_default();
        let stride = self.layout.n_words();
        let summary = self.max_log.map(|_| {
            let words = &mut self.summaries[signature as usize * stride..][..stride];
            let taken = Box::from(&*words);
            self.layout.clear(words);
            taken
        });
        (log, summary)
    }

    /// Adds a summary of other events to that of a history. Its uses of texts pass to the history.
    pub(crate) fn add_summary(&mut self, signature: u32, other: &[u64]) {
        self.touch(signature);
        let stride = self.layout.n_words();
        let words = &mut self.summaries[signature as usize * stride..][..stride];
        let mut lost = Vec::new();
        self.layout.merge(words, other, &self.dictionary, |label| lost.push(label));
        lost.into_iter().for_each(|label| self.dictionary.release(label));
        self.trim(signature);
    }

    /// Adds an event that its summary has seen already.
    pub(crate) fn add_logged(&mut self, signature: u32, event: StoredEvent<'_>) {
        self.touch(signature);
        let lexicon = Lexicon { schema: &self.schema, dictionary: &self.dictionary };
        self.logs[signature as usize].insert(event, lexicon);
        self.trim(signature);
    }

    /// Adds events that their summary has seen already.
    pub(crate) fn add_log(&mut self, signature: u32, log: Log) {
        if log.len() == 0 {
            return;
        }
        self.touch(signature);
        let lexicon = Lexicon { schema: &self.schema, dictionary: &self.dictionary };
        let own = &mut self.logs[signature as usize];
        match own.len() {
            0 => *own = log,
            _ => log.iter().for_each(|event| own.insert(event, lexicon)),
        }
        self.trim(signature);
    }

    fn trim(&mut self, signature: u32) {
        let Some(max) = self.max_log.filter(|_| !self.is_numeric) else { return };
        let stride = self.layout.n_words();
        let words = &mut self.summaries[signature as usize * stride..][..stride];
        let mut changes = LabelChanges::default();
        let log = &mut self.logs[signature as usize];
        cut_log(log, words, max, &self.schema, &mut changes);
        self.apply(changes);
    }

    /// Moves histories to the new numbers of their signatures, and shrinks to `n` of them.
    pub(crate) fn renumber(&mut self, numbers: &[u32], n: usize) {
        let old = std::mem::take(&mut self.logs);
        let summaries = std::mem::take(&mut self.summaries);
        self.n = 0;
        self.resize(n);
        let stride = self.layout.n_words();
        for (log, &to) in old.into_iter().zip(numbers).filter(|moved| *moved.1 != NONE) {
            self.logs[to as usize] = log;
        }
        if self.max_log.is_some() {
            for (from, &to) in numbers.iter().enumerate().filter(|moved| *moved.1 != NONE) {
                let words = &mut self.summaries[to as usize * stride..][..stride];
                words.copy_from_slice(&summaries[from * stride..][..stride]);
            }
        }
    }

    /// Ends the use of the codes of a summary.
    pub(crate) fn release_summary(&mut self, summary: &[u64]) {
        let labels: Vec<u32> = self.layout.labels(summary).collect();
        labels.into_iter().for_each(|label| self.dictionary.release(label));
    }

    /// Number of events, also of those no longer in the log.
    pub(crate) fn n_events(&self, signature: u32) -> usize {
        match self.summary(signature) {
            Some(summary) => summary::times(summary).n as usize,
            None => self.log(signature).map_or(0, Log::len),
        }
    }

    /// Times of the first and the last event.
    pub(crate) fn span(&self, signature: u32) -> Option<(Timestamp, Timestamp)> {
        match self.summary(signature) {
            Some(summary) => {
                let times = summary::times(summary);
                (times.n > 0).then_some((times.first, times.last))
            }
            None => self.log(signature).and_then(|log| log.first().zip(log.last())),
        }
    }

    /// Bytes of logs and summaries, and of the texts in them.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let logs: usize = self.logs.iter().map(Log::bytes).sum();
        let fixed = self.logs.capacity() * size_of::<Log>() + self.summaries.capacity() * 8;
        (logs + fixed, self.dictionary.bytes())
    }

    /// The events of some histories up to a moment, in order of time and content.
    pub(crate) fn events<'h>(
        &'h self,
        signatures: impl Iterator<Item = u32> + Clone,
        as_of: Timestamp,
        log: &mut Vec<StoredEvent<'h>>,
    ) -> Option<Cow<'h, [u64]>> {
        log.clear();
        let mut n_logs = 0;
        if !self.is_numeric {
            for signature in signatures.clone() {
                log.extend(self.logs[signature as usize].until(as_of));
                n_logs += 1;
            }
        }
        let Lexicon { schema, dictionary } = self.lexicon();
        let compare = |a: &StoredEvent<'_>, b: &StoredEvent<'_>| a.compare(*b, schema, dictionary);
        if n_logs > 1 || log.windows(2).any(|pair| pair[0].at == pair[1].at) {
            // The stable sort recognises the sorted runs it is given.
            log.sort_by(compare);
        }
        self.max_log?;
        let is_cut = |signature: u32| self.summary(signature).and_then(summary::cut).is_some();
        if !self.is_numeric && !signatures.clone().any(is_cut) {
            return None;
        }
        let mut summaries = signatures.filter_map(|signature| self.summary(signature));
        let first = summaries.next().map(Cow::Borrowed)?;
        Some(summaries.fold(first, |mut merged, summary| {
            // The histories keep their uses of texts; this summary is gone before them.
            self.layout.merge(merged.to_mut(), summary, dictionary, |_| {});
            merged
        }))
    }
}

#[cfg(test)]
impl Histories {
    /// One event under one signature.
    pub(crate) fn of_event(features: &FeatureSet, event: &crate::Event<'_>) -> Self {
        let mut histories = Self::new(features, &BTreeSet::new(), None);
        histories.resize(1);
        let clock = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        let mut batch = EventBatch::default();
        batch.push_event(event, histories.projection(clock));
        assert!(batch.refused.is_empty());
        let placed = histories.absorb(batch, vec![0], Vec::new(), |_, _| ());
        histories.add(vec![placed]);
        histories
    }

    /// Everything that is stored, by signature, in words.
    pub(crate) fn dump(&self) -> (Vec<Vec<String>>, Vec<(String, u32)>) {
        let of = |signature: u32| {
            let mut lines: Vec<String> = Vec::new();
            for event in self.log(signature).into_iter().flat_map(Log::iter) {
                let value = |value: &super::stored::FieldValue| {
                    let name = self.schema.name(value.field);
                    format!(
                        "{name}[{}]={:?}/{}",
                        value.item,
                        value.number(),
                        value.text(&self.dictionary)
                    )
                };
                let values: Vec<String> = event.values.iter().map(value).collect();
                let name = self.dictionary.text(event.name);
                lines.push(format!("{} {name} {values:?}", event.at));
            }
            lines.push(format!("{:?}", self.summary(signature)));
            lines
        };
        let held = self.dictionary.held().into_iter().map(|(text, n)| (text.to_owned(), n));
        ((0..self.n as u32).map(of).collect(), held.collect())
    }
}
