//! Histories: what is stored of the events of every signature (set of identifiers seen together).
//!
//! A history is a log of its events, a summary of them, or both. Without a limit there is a log and no
//! summary. A limit keeps the newest events of each log and a summary that has seen all events;
//! which events are the newest depends on the set of events only. A profile is the merge of its
//! histories.
//!
//! One function adds an event to a history. A batch is sorted by signature first, so that threads can
//! add to different histories at the same time, with the same result.
//!
//! Cost: O(log n) per event; without logs, one pass over the slots of the summary.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::batch::{Codes, EventBatch, StoredBatch};
use super::dictionary::{Dictionary, NONE};
use super::log::{Lexicon, Log};
use super::projection::Projection;
use super::schema::{Field, Need, Schema, Scope};
use super::set::FeatureSet;
use super::stored::{FieldValue, StoredEvent};
use super::summary::{self, LabelChange, Layout};
use crate::Timestamp;
use crate::num::{parallel, prefetch};

/// Histories that one thread adds to at a time, at least: their summaries fit the near cache.
const PART: usize = 1 << 12;
/// Parts at most.
const MAX_PARTS: usize = 64;
/// Events by which summaries are prefetched.
const PREFETCH: usize = 8;
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

/// What the uses of texts and fields change by, to be applied after threads have added events.
#[derive(Default)]
struct LabelChanges {
    labels: Vec<LabelChange>,
    lost: Vec<Field>,
}

/// A mutable range of histories.
struct Part<'h> {
    first: usize,
    logs: &'h mut [Log],
    summaries: &'h mut [u64],
}

/// What adding an event reads.
#[derive(Clone, Copy)]
struct Adding<'h> {
    lexicon: Lexicon<'h>,
    layout: Option<&'h Layout>,
    max_log: Option<usize>,
    is_numeric: bool,
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

impl Placed {
    /// Gives the batch the codes of the store, once.
    pub(crate) fn remap(&mut self) {
        if let Some(codes) = self.codes.take() {
            self.batch.remap(&codes);
        }
    }
}

/// A batch and the signature of each of its events; [`NONE`] for events that are not stored.
pub(crate) struct Placed {
    pub(crate) batch: StoredBatch,
    pub(crate) codes: Option<Codes>,
    pub(crate) signatures: Vec<u32>,
    /// Numbers of message ids, if duplicates are looked for.
    pub(crate) messages: Vec<u32>,
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
        self.schema.keep_needs(&features.schema().needs());
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
            self.logs.resize_with(n, Log::default);
        }
        if self.max_log.is_some() {
            let stride = self.layout.n_words();
            let old = self.summaries.len();
            self.summaries.resize(n * stride, 0);
            self.summaries[old..]
                .chunks_exact_mut(stride)
                .for_each(|words| self.layout.clear(words));
        }
    }

    /// Gives a batch the codes of the store; `dropped` is told the attributes that are not stored.
    pub(crate) fn absorb(
        &mut self,
        batch: EventBatch<'_>,
        signatures: Vec<u32>,
        messages: Vec<u32>,
        dropped: impl FnMut(&str, usize),
    ) -> Placed {
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
            parallel::map_owned(batches, 1 << 17, |placed| Sorted::new(placed, n_parts, part_len));
        let adding =
            adding(&self.schema, &self.dictionary, &self.layout, self.max_log, self.is_numeric);
        let stride = self.layout.n_words();
        let mut logs = self.logs.chunks_mut(part_len);
        let mut summaries = self.summaries.chunks_mut(part_len * stride);
        let parts = (0..n_parts).map(|part| Part {
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
            if let Some(&later) = placed.signatures.get(row + PREFETCH).filter(|sig| **sig != NONE)
            {
                self.prefetch(later);
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
        let mut part = Part { first: 0, logs: &mut self.logs, summaries: &mut self.summaries };
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

    /// Removes the events before a time from a log, and tells their messages; how many events.
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

    /// Words of a summary; `None` where logs are whole.
    pub(crate) fn summary_len(&self) -> Option<usize> {
        self.max_log.map(|_| self.layout.n_words())
    }

    /// Fetches the summary of a history ahead of reading it.
    pub(crate) fn prefetch(&self, signature: u32) {
        if self.max_log.is_some() {
            let stride = self.layout.n_words();
            prefetch::prefetch_at(&self.summaries, signature as usize * stride);
            prefetch::prefetch_at(&self.summaries, (signature as usize + 1) * stride - 1);
        } else {
            prefetch::prefetch_at(&self.logs, signature as usize);
        }
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

    fn trim(&mut self, signature: u32) {
        let Some(max) = self.max_log.filter(|_| !self.is_numeric) else { return };
        let stride = self.layout.n_words();
        let words = &mut self.summaries[signature as usize * stride..][..stride];
        let mut changes = LabelChanges::default();
        self.logs[signature as usize].trim(max, |event| {
            summary::cut_to(words, event.at);
            changes.release(event, &self.schema);
        });
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

    /// The codes that a summary uses end.
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
                let value = |value: &FieldValue| {
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

impl LabelChanges {
    fn release(&mut self, event: StoredEvent<'_>, schema: &Schema) {
        if event.name != NONE {
            self.labels.push(LabelChange::Lost(event.name));
        }
        for value in event.values {
            self.labels.extend(value.label().map(LabelChange::Lost));
            if value.field != Field::NONE && schema.scope(value.field) == Scope::Attribute {
                self.lost.push(value.field);
            }
        }
    }
}

impl Part<'_> {
    /// Adds all events of a part.
    fn add_all(
        &mut self,
        sorted: &[Sorted],
        part: usize,
        adding: Adding<'_>,
        changes: &mut LabelChanges,
    ) {
        if adding.is_numeric {
            let stride = adding.layout.map_or(0, Layout::n_words);
            for batch in sorted {
                let places = batch.of(part);
                for place in places.clone() {
                    if let Some(later) = batch.heads[..places.end].get(place + PREFETCH) {
                        let later = (later.signature as usize - self.first) * stride;
                        prefetch::prefetch_at(self.summaries, later);
                        prefetch::prefetch_at(self.summaries, later + stride - 1);
                    }
                    let (signature, event) = batch.event(place);
                    self.add(signature, event, adding, changes);
                }
            }
            return;
        }
        // In order of time, most events go to the end of their log.
        let places =
            sorted.iter().flat_map(|batch| batch.of(part).map(move |place| (batch, place)));
        let mut events: Vec<(u32, StoredEvent<'_>)> =
            places.map(|(batch, place)| batch.event(place)).collect();
        events.sort_by_key(|(signature, event)| (*signature, event.at));
        for (signature, event) in events {
            self.add(signature, event, adding, changes);
        }
    }

    /// Adds one event: the one rule for what a history stores.
    fn add(
        &mut self,
        signature: u32,
        event: StoredEvent<'_>,
        adding: Adding<'_>,
        changes: &mut LabelChanges,
    ) {
        let place = signature as usize - self.first;
        if let Some(layout) = adding.layout {
            let words = &mut self.summaries[place * layout.n_words()..][..layout.n_words()];
            layout.add_event(words, event, adding.lexicon.dictionary, &mut changes.labels);
            if adding.is_numeric {
                summary::cut_to(words, event.at);
                return;
            }
        }
        let log = &mut self.logs[place];
        log.insert(event, adding.lexicon);
        if let Some((layout, max)) = adding.layout.zip(adding.max_log) {
            let words = &mut self.summaries[place * layout.n_words()..][..layout.n_words()];
            log.trim(max, |event| {
                summary::cut_to(words, event.at);
                changes.release(event, adding.lexicon.schema);
            });
        }
    }
}

/// The events of a batch, sorted by the part that their signature belongs to.
struct Sorted {
    heads: Vec<Head>,
    values: Vec<FieldValue>,
    /// Where the events of each part end; those without a signature come last.
    ends: Vec<u32>,
}

/// An event without its values.
#[derive(Debug, Clone, Copy)]
struct Head {
    signature: u32,
    name: u32,
    at: Timestamp,
    message: u32,
    /// Where its values end.
    end: u32,
}

impl Sorted {
    fn new(mut placed: Placed, n_parts: usize, part_len: usize) -> Self {
        placed.remap();
        let Placed { batch, signatures, messages, .. } = placed;
        let bits = part_len.trailing_zeros();
        let part = |signature: u32| match signature {
            NONE => n_parts,
            signature => (signature >> bits) as usize,
        };
        let mut ends = vec![0u32; n_parts + 1];
        signatures.iter().for_each(|&signature| ends[part(signature)] += 1);
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut rows = vec![0u32; signatures.len()];
        for (row, &signature) in (0..).zip(&signatures) {
            let end = &mut ends[part(signature)];
            rows[*end as usize] = row;
            *end += 1;
        }
        let (mut heads, mut values) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let message = messages.get(row as usize).copied().unwrap_or(NONE);
            let StoredEvent { at, name, values: own, .. } = batch.event(row as usize, message);
            values.extend_from_slice(own);
            let (signature, end) = (signatures[row as usize], values.len() as u32);
            heads.push(Head { signature, name, at, message, end });
        }
        Self { heads, values, ends }
    }

    /// The places of the events of a part.
    fn of(&self, part: usize) -> Range<usize> {
        let start = if part == 0 { 0 } else { self.ends[part - 1] as usize };
        start..self.ends[part] as usize
    }

    fn event(&self, place: usize) -> (u32, StoredEvent<'_>) {
        let Head { signature, name, at, message, end } = self.heads[place];
        let start = if place == 0 { 0 } else { self.heads[place - 1].end as usize };
        (signature, StoredEvent { at, name, message, values: &self.values[start..end as usize] })
    }
}

impl Histories {
    /// The summary of another store with the codes of this one.
    pub(crate) fn translated_summary(&mut self, summary: &[u64], from: &Self) -> Box<[u64]> {
        let Self { layout, dictionary, .. } = self;
        relabelled(layout, summary, |label| dictionary.intern(from.dictionary.text(label)))
    }

    /// Adds a summary whose codes are those of a piece; `code` uses a text of the piece once more.
    pub(crate) fn restore_summary(
        &mut self,
        signature: u32,
        words: &mut [u64],
        mut code: impl FnMut(&mut Dictionary, u32) -> u32,
    ) {
        let Self { layout, dictionary, .. } = self;
        layout.translate(words, |value| value.relabelled(|label| code(dictionary, label)));
        self.add_summary(signature, words);
    }

    /// Whether a summary of a piece names texts below a number only.
    pub(crate) fn has_texts(&self, words: &[u64], n_texts: usize) -> bool {
        self.layout.labels(words).all(|label| (label as usize) < n_texts)
    }

    /// Makes room for further events of a history.
    pub(crate) fn reserve(&mut self, signature: u32, n_events: usize, n_values: usize) {
        if let Some(log) = self.logs.get_mut(signature as usize) {
            log.reserve(n_events, n_values);
        }
    }

    /// A summary with other codes for its texts.
    pub(crate) fn relabelled_summary(
        &self,
        summary: &[u64],
        code: impl FnMut(u32) -> u32,
    ) -> Box<[u64]> {
        relabelled(&self.layout, summary, code)
    }

    /// Counts a further value of an attribute's field.
    pub(crate) fn retain_field(&mut self, field: Field) {
        if field != Field::NONE {
            self.schema.retain(field, 1);
        }
    }

    /// Ends one value of an attribute's field.
    pub(crate) fn release_field(&mut self, field: Field) {
        if field != Field::NONE {
            self.schema.release(field);
        }
    }

    /// A field by name, used once more if it is an attribute's.
    pub(crate) fn field(&mut self, scope: Scope, name: &str) -> Field {
        match scope {
            Scope::Property => self.schema.property(name),
            Scope::Attribute => match self.schema.declare(name) {
                Some(field) => {
                    self.schema.retain(field, 1);
                    field
                }
                None => Field::NONE,
            },
        }
    }
}

fn relabelled(layout: &Layout, summary: &[u64], mut code: impl FnMut(u32) -> u32) -> Box<[u64]> {
    let mut words: Box<[u64]> = summary.into();
    layout.translate(&mut words, |value| value.relabelled(&mut code));
    words
}

/// A value with the codes of another store.
pub(crate) fn translated(value: FieldValue, from: &Histories, to: &mut Histories) -> FieldValue {
    let field = match value.field {
        Field::NONE => Field::NONE,
        field => match from.schema.scope(field) {
            Scope::Property => to.schema.property(from.schema.name(field)),
            Scope::Attribute => match to.schema.declare(from.schema.name(field)) {
                Some(field) => {
                    to.schema.retain(field, 1);
                    field
                }
                None => Field::NONE,
            },
        },
    };
    let text = |label| to.dictionary.intern(from.dictionary.text(label));
    value.relabelled(text).of_field(field)
}
