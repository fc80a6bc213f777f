//! A range of histories that one thread adds events to: the one rule for what a history stores.
//!
//! Uses of texts and fields are shared by all ranges, so what they change by is returned, to be applied afterwards.
//! Cost: O(log n) per event; without logs, one pass over the slots of the summary.

use super::dictionary::NONE;
use super::log::{Lexicon, Log};
use super::placed::ByPart;
use super::schema::{Field, Schema, Scope};
use super::stored::StoredEvent;
use super::summary::{self, LabelChange, Layout};
use crate::num::prefetch;

/// Events by which summaries are prefetched.
pub(super) const PREFETCH: usize = 8;

/// A mutable range of histories.
pub(super) struct HistoryRange<'h> {
    pub(super) first: usize,
    pub(super) logs: &'h mut [Log],
    pub(super) summaries: &'h mut [u64],
}

/// What adding an event reads.
#[derive(Clone, Copy)]
pub(super) struct Adding<'h> {
    pub(super) lexicon: Lexicon<'h>,
    pub(super) layout: Option<&'h Layout>,
    pub(super) max_log: Option<usize>,
    pub(super) is_numeric: bool,
}

/// What the uses of texts and fields change by, to be applied after threads have added events.
#[derive(Default)]
pub(super) struct LabelChanges {
    pub(super) labels: Vec<LabelChange>,
    pub(super) lost: Vec<Field>,
}

impl HistoryRange<'_> {
    /// Adds all events of a part.
    pub(super) fn add_all(
        &mut self,
        sorted: &[ByPart],
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
    pub(super) fn add(
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
            cut_log(log, words, max, adding.lexicon.schema, changes);
        }
    }
}

/// Cuts a log to its newest events; its summary keeps what the others said.
pub(super) fn cut_log(
    log: &mut Log,
    summary: &mut [u64],
    max: usize,
    schema: &Schema,
    changes: &mut LabelChanges,
) {
    log.trim(max, |event| {
        summary::cut_to(summary, event.at);
        changes.release(event, schema);
    });
}

impl LabelChanges {
    /// The uses of an event end.
    pub(super) fn release(&mut self, event: StoredEvent<'_>, schema: &Schema) {
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
