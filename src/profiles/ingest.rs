//! Events in: one path for one event and for many.
//!
//! A chunk of events is cut into blocks. On all threads, each block becomes a batch: events are checked,
//! what is stored of them is interned locally, and their identifiers are packed. Then the graph says to
//! which signature each event belongs, duplicates are told by their message ids, and the histories add
//! the events. A single event is a batch of one.

use std::ops::Range;
use std::sync::OnceLock;

use super::messages::{BatchMessages, Copy, Offered, message_hash};
use super::observed::{Before, Observed, count};
use super::profile::Profile;
use super::store::Profiles;
use crate::event::{EventColumns, IngestReport, NumberTexts};
use crate::features::{EventBatch, NONE, Placed, Projection};
use crate::identity::Recorded;
use crate::num::parallel;
use crate::{Error, Event, FeatureTable, ProfileId, Result, Timestamp};

/// Events that are added at once.
const CHUNK: usize = 1 << 21;

/// Events of a batch at most.
const BLOCK: usize = 1 << 12;

/// A batch that the graph has recorded.
struct RecordedBatch<'e> {
    batch: EventBatch<'e>,
    recorded: Recorded,
    /// The hashes of the message ids, if duplicates are looked for.
    ids: Vec<u128>,
    before: Before,
}

/// Events of a batch, so that few are shared by all threads too.
fn block_len(n_events: usize) -> usize {
    (n_events / 8).clamp(64, BLOCK)
}

impl Profiles {
    /// Adds one event, and returns what it did; see [`Observed`] for an example. A duplicate is not an error. An
    /// event about a forgotten person is not an error either; nothing of it is stored.
    ///
    /// # Errors
    /// [`Error::Refused`] if the event is refused; the [`Refusal`](crate::Refusal) says why. Nothing changes then.
    pub fn observe(&mut self, event: &Event<'_>) -> Result<Observed> {
        self.observe_one(event, None)
    }

    /// Adds one event as [`Profiles::observe`] does. The result also says which of the person's features changed,
    /// as of a moment. [`PersonaModel::change`](crate::PersonaModel::change) then says whether the persona did.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    /// # use personas::features::{Feature, Measure};
    ///
    /// let at = Timestamp::parse;
    /// let features = FeatureSet::default()
    ///     .with(Feature::new("visits", Measure::Count).on("visit"))
    ///     .with(Feature::new("orders", Measure::Count).on("order"));
    /// let mut people = Profiles::new(Rules::default(), features)?;
    /// people.observe(&Event::new("visit", at("2017-03-01")?).id("card", "1"))?;
    /// let order = Event::new("order", at("2017-03-02")?).id("card", "1");
    /// let observed = people.observe_as_of(&order, at("2017-03-03")?)?;
    /// assert_eq!(observed.changed, ["orders"]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// Cost: the features of the event's person, twice. If columns depend on everybody's events, call
    /// [`Profiles::freeze`] first; otherwise they are determined again for every event.
    ///
    /// # Errors
    /// As [`Profiles::observe`] and [`Profiles::features`]; with a limited log also if the event, or one of
    /// the person's, is later than the moment. Then nothing has changed.
    pub fn observe_as_of(&mut self, event: &Event<'_>, as_of: Timestamp) -> Result<Observed> {
        self.observe_one(event, Some(as_of))
    }

    fn observe_one(&mut self, event: &Event<'_>, as_of: Option<Timestamp>) -> Result<Observed> {
        let mut batch = EventBatch::default();
        batch.push_event(event, self.histories.projection(self.graph.rules().clock_range()));
        if let Some((_, refusal)) = batch.refused.pop() {
            return Err(Error::Refused(refusal));
        }
        let ids = self.message_ids(&batch);
        // Looked up after the identifiers.
        self.messages.iter().zip(&ids).for_each(|(messages, &id)| messages.prefetch(id));
        let before = Before::of(&batch.observations, &self.graph);
        let rows = as_of.map(|as_of| self.rows_before(event, &before, as_of)).transpose()?;
        // What is interned locally is dropped with the batch of an event that is not stored.
        let (signature, n_bad) = self.graph.observe_row(&batch.observations, 0)?;
        let mut observed = Observed::default();
        let Some(signature) = signature else {
            observed.report.suppressed = 1;
            return Ok(observed);
        };
        self.version += 1;
        let recorded = Recorded { signatures: vec![signature], n_bad, ..Recorded::default() };
        let part = RecordedBatch { batch, recorded, ids, before };
        let before = self.store(vec![part], 0, &mut observed.report).pop();
        if let (Some(name), Some(before)) = (self.graph.name_of_signature(signature), before) {
            before.compare(name, &self.graph, &mut observed);
            if let (Some(as_of), Some(rows)) = (as_of, rows) {
                // The event is in: where an alias brought later events along, there is no row, and no error.
                if let Ok(after) = Profile::new(self, name).features(as_of) {
                    observed.compare_rows(rows, after);
                }
            }
        }
        Ok(observed)
    }

    /// The features of the profiles that an event's identifiers lead to; an error if they could not be
    /// told after the event.
    fn rows_before(
        &self,
        event: &Event<'_>,
        before: &Before,
        as_of: Timestamp,
    ) -> Result<Vec<(ProfileId, FeatureTable)>> {
        let limited = self.options.max_log.map(|_| event.at);
        match limited.max(self.horizon()) {
            Some(earliest) if earliest > as_of => {
                return Err(Error::AsOfTooEarly { as_of, earliest });
            }
            _ => {}
        }
        self.plan_for(as_of)?;
        before.rows(self, as_of)
    }

    /// The hashes of the message ids of a batch, if duplicates are looked for.
    fn message_ids(&self, batch: &EventBatch<'_>) -> Vec<u128> {
        if self.messages.is_none() {
            return Vec::new();
        }
        let (key, seen) = (self.graph.rules().secret(), &batch.observations);
        let is_id = |id: &&str| self.graph.is_message_id(id);
        let id = |row| seen.message_id(row).filter(is_id).map_or(0, |id| message_hash(key, id));
        (0..seen.len()).map(id).collect()
    }

    /// Adds many events, in any order, and reports what became of them. The result is the same as for one
    /// event at a time, but it is faster.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let events = [
    ///     Event::new("visit", at).id("card", "1"),
    ///     Event::new("visit", at), // nobody's
    /// ];
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let report = people.extend(&events);
    /// assert_eq!(report.to_string(), "1 accepted, 0 duplicates, 1 refused (1: no identifier, at 1)");
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> IngestReport {
        let mut report = IngestReport::default();
        let mut events = events.into_iter();
        let (mut chunk, mut position) = (Vec::new(), 0);
        loop {
            chunk.clear();
            chunk.extend(events.by_ref().take(CHUNK));
            if chunk.is_empty() {
                return report;
            }
            let blocks: Vec<&[&Event<'_>]> = chunk.chunks(block_len(chunk.len())).collect();
            self.add_chunk(blocks, position, &mut report, |events, onto| {
                let mut batch = EventBatch::with_capacity(events.len());
                events.iter().for_each(|event| batch.push_event(event, onto));
                batch
            });
            position += chunk.len();
        }
    }

    /// Adds events from columns, as of a CSV file or an Arrow or Polars table, without building events. The
    /// result is that of [`Profiles::extend`] on the same events.
    ///
    /// ```
    /// use personas::event::EventColumns;
    /// use personas::{FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = [Timestamp::parse("2017-03-01")?, Timestamp::parse("2017-03-02")?];
    /// let columns = EventColumns::new(&at)
    ///     .name("purchase")
    ///     .id("card", &["4711", "4712"])
    ///     .property("amount", &[12.5, 3.0]);
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// assert_eq!(people.extend_columns(&columns)?.accepted, 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] or [`Error::InvalidColumn`] for a column that cannot be read,
    /// [`Error::InvalidParameter`] if there are no names; then nothing has changed.
    pub fn extend_columns(&mut self, columns: &EventColumns<'_>) -> Result<IngestReport> {
        columns.check()?;
        let mut report = IngestReport::default();
        let n = columns.len();
        for start in (0..n).step_by(CHUNK) {
            let end = n.min(start + CHUNK);
            let len = block_len(end - start);
            let mut digits: Vec<NumberTexts> = Vec::new();
            digits.resize_with((end - start).div_ceil(len), NumberTexts::default);
            let rows = (start..end).step_by(len).map(|row| row..end.min(row + len));
            let blocks: Vec<(Range<usize>, &mut NumberTexts)> = rows.zip(&mut digits).collect();
            self.add_chunk(blocks, start, &mut report, |(rows, digits), onto| {
                let mut batch = EventBatch::with_capacity(rows.len());
                batch.push_columns(columns, rows, digits, onto);
                batch
            });
        }
        Ok(report)
    }

    /// Adds a chunk of events; `fill` makes a batch of each block.
    fn add_chunk<'e, B: Send>(
        &mut self,
        blocks: Vec<B>,
        position: usize,
        report: &mut IngestReport,
        fill: impl Fn(B, Projection<'_>) -> EventBatch<'e> + Sync,
    ) {
        self.version += 1;
        let onto = self.histories.projection(self.graph.rules().clock_range());
        let work = if blocks.len() == 1 { 0 } else { usize::MAX };
        let made = parallel::map_each(blocks, work, |_, block| {
            let batch = fill(block, onto);
            let packed = self.graph.pack(&batch.observations, |row| batch.is_refused(row));
            let ids = self.message_ids(&batch);
            let mut before = Before::default();
            if self.journal.is_some() {
                before = Before::of(&batch.observations, &self.graph);
            }
            (packed, RecordedBatch { batch, recorded: Recorded::default(), ids, before })
        });
        let (packed, mut parts): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        for (part, recorded) in parts.iter_mut().zip(self.graph.record(packed)) {
            part.recorded = recorded;
        }
        self.store(parts, position, report);
    }

    /// Stores the events of recorded batches; returns which profiles their identifiers led to before.
    fn store(
        &mut self,
        parts: Vec<RecordedBatch<'_>>,
        position: usize,
        report: &mut IngestReport,
    ) -> Vec<Before> {
        let (mut batches, mut ids, mut befores) = (Vec::new(), Vec::new(), Vec::new());
        let mut all_recorded = Vec::new();
        for RecordedBatch { batch, recorded, ids: own, before } in parts {
            batches.push(batch);
            all_recorded.push(recorded);
            ids.push(own);
            befores.push(before);
        }
        self.resize();
        let mut signatures = self.signatures_of(&mut batches, all_recorded, position, report);
        if self.journal.is_some() {
            let mut start = position;
            let mut parts = Vec::with_capacity(signatures.len());
            for (before, signatures) in befores.iter().zip(&signatures) {
                parts.push((start, before, &signatures[..]));
                start += signatures.len();
            }
            count(&parts, &self.graph, report);
        }
        let (messages, repeats) = self.number_messages(&batches, &mut signatures, ids, report);
        self.accept(&batches, &signatures, position, report);
        let mut placed: Vec<Placed> = Vec::with_capacity(batches.len());
        let mut start = position;
        for ((batch, signatures), messages) in batches.into_iter().zip(signatures).zip(messages) {
            let (first, n) = (start, batch.len());
            let dropped = |name: &str, n: usize| report.unread(name, first, n);
            placed.push(self.histories.absorb(batch, signatures, messages, dropped));
            start += n;
        }
        let copies = self.take_repeats(&mut placed, repeats);
        self.histories.add(placed);
        if let Some(messages) = &mut self.messages {
            for copy in copies {
                let offered = messages.offer(copy, &mut self.histories, &self.graph);
                report.differing +=
                    usize::from(matches!(offered, Offered::Replaces | Offered::Aside));
                if matches!(offered, Offered::Replaces | Offered::Earlier) {
                    self.newest = OnceLock::new();
                }
            }
        }
        self.look_for_many_changes();
        befores
    }

    /// The signature of each row of recorded batches; counts the rows that were not kept.
    fn signatures_of(
        &mut self,
        batches: &mut [EventBatch<'_>],
        all_recorded: Vec<Recorded>,
        position: usize,
        report: &mut IngestReport,
    ) -> Vec<Vec<u32>> {
        let mut signatures: Vec<Vec<u32>> = Vec::with_capacity(all_recorded.len());
        let mut start = position;
        for (batch, recorded) in batches.iter_mut().zip(all_recorded) {
            report.suppressed += recorded.suppressed;
            report.bad_identifiers += recorded.n_bad;
            for (row, refusal) in batch.refused.drain(..).chain(recorded.refused) {
                report.refuse(start + row, refusal);
            }
            start += batch.len();
            self.histories.prefetch_first(&recorded.signatures);
            self.trail.add(&recorded.signatures, self.graph.n_signatures());
            signatures.push(recorded.signatures);
        }
        signatures
    }

    /// Counts the rows that are stored, and what of them is not read.
    fn accept(
        &mut self,
        batches: &[EventBatch<'_>],
        signatures: &[Vec<u32>],
        position: usize,
        report: &mut IngestReport,
    ) {
        let mut start = position;
        for (batch, signatures) in batches.iter().zip(signatures) {
            let counts = |row: usize| signatures[row] != NONE;
            for (row, &signature) in signatures.iter().enumerate().filter(|(_, sig)| **sig != NONE)
            {
                report.accepted += 1;
                self.added(signature, batch.observations.at(row));
            }
            let local = batch.without_local_time.iter();
            report.without_local_time += local.filter(|&&row| counts(row)).count();
            for (row, property, n) in batch.unread.iter().filter(|unread| counts(unread.0)) {
                report.unread(property, start + row, *n);
            }
            start += batch.len();
        }
    }

    /// Numbers the messages of batches. Rows that repeat a message are taken out of `signatures`:
    /// batch, row, signature.
    #[allow(clippy::type_complexity)]
    fn number_messages(
        &mut self,
        batches: &[EventBatch<'_>],
        signatures: &mut [Vec<u32>],
        ids: Vec<Vec<u128>>,
        report: &mut IngestReport,
    ) -> (Vec<Vec<u32>>, Vec<(usize, usize, u32)>) {
        let Some(messages) = &mut self.messages else {
            return (vec![Vec::new(); batches.len()], Vec::new());
        };
        let of_batches: Vec<BatchMessages> = batches
            .iter()
            .zip(ids)
            .zip(signatures.iter())
            .map(|((batch, ids), signatures)| {
                let at = (0..batch.len()).map(|row| batch.observations.at(row)).collect();
                BatchMessages { ids, signatures: signatures.clone(), at }
            })
            .collect();
        let numbers = messages.number(&of_batches);
        let mut repeats = Vec::new();
        for (b, (numbers, signatures)) in numbers.iter().zip(signatures.iter_mut()).enumerate() {
            for (row, &(_, is_new)) in numbers.iter().enumerate() {
                if !is_new && signatures[row] != NONE {
                    repeats.push((b, row, std::mem::replace(&mut signatures[row], NONE)));
                    report.duplicates += 1;
                }
            }
        }
        let numbers = numbers.into_iter().map(|batch| batch.into_iter().map(|(n, _)| n).collect());
        (numbers.collect(), repeats)
    }

    /// The events that repeat a message, with the codes of the store. Their uses of texts are theirs.
    fn take_repeats(
        &mut self,
        placed: &mut [Placed],
        repeats: Vec<(usize, usize, u32)>,
    ) -> Vec<Copy> {
        let mut copies = Vec::with_capacity(repeats.len());
        for (b, row, signature) in repeats {
            let placed = &mut placed[b];
            placed.remap();
            let event = placed.batch.event(row, placed.messages[row]);
            copies.push(Copy::new(signature, event));
            placed.batch.forget(row);
        }
        copies
    }
}
