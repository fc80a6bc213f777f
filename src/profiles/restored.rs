//! Histories of a piece with the codes of a store, before it is known where its signatures go.
//!
//! Reading them needs texts, fields and message ids only, so that the evidence of the piece can be recorded at the
//! same time. Then each history is put where its signature went: most logs as they are.
//!
//! Cost: one pass over the columns; one look-up for each text and each message id.

use super::content::{PieceColumns, PieceValue, read_event, read_words};
use super::edit::Loose;
use super::messages::{Copy, Messages};
use super::store::Profiles;
use crate::Timestamp;
use crate::features::{Dictionary, Field, FieldValue, Histories, Log, NONE, Scope, StoredEvent};
use crate::identity::Moves;

/// Message ids by which their look-ups are prefetched.
const PREFETCH: usize = 8;

/// The histories of a piece, each under the number that its signature has there.
#[derive(Default)]
pub(super) struct Restored {
    /// Events without a message id, and those of ids that were not known.
    logs: Vec<Log>,
    /// Events of known ids.
    others: Vec<Copy>,
    /// Signatures that have a summary.
    summarised: Vec<u32>,
    /// The words of their summaries, one after another.
    summaries: Vec<u64>,
}

impl Restored {
    /// Reads the histories of a piece that was checked, without events before a time.
    ///
    /// Nothing may be removed from the store until they are put into it: a message id that was known must stay so.
    pub(super) fn read(
        columns: &PieceColumns<'_>,
        histories: &mut Histories,
        mut messages: Option<&mut Messages>,
        horizon: Option<Timestamp>,
    ) -> Self {
        let mut names = PieceNames::new(columns, &mut histories.dictionary);
        let mut restored = Self::default();
        restored.read_summaries(columns, histories, &mut names);
        let (mut n_events, mut events) = (columns.n_events, columns.events);
        let (mut ids, mut cells) = (columns.messages, columns.values);
        let mut values = Vec::new();
        for signature in 0..columns.evidence.n_signatures() as u32 {
            let mut log = Log::default();
            let n = n_events.small().unwrap_or(0);
            for i in 0..n {
                let Some((at, name, n_values)) = read_event(&mut events) else { break };
                let id = ids.array().map_or(0, u128::from_le_bytes);
                let own = (0..n_values).map_while(|_| PieceValue::read(&mut cells));
                if Some(at) < horizon {
                    own.for_each(drop);
                    continue;
                }
                values.clear();
                values.extend(own.map(|value| names.value(histories, value)));
                if i == 0 {
                    // Most histories are short, and their events alike.
                    log.reserve(n as usize, n as usize * values.len());
                }
                let name = names.text(&mut histories.dictionary, name);
                let mut event = StoredEvent { at, name, message: NONE, values: &values };
                if let Some(messages) = messages.as_deref_mut().filter(|_| id != 0) {
                    let later = ids.0.get(16 * PREFETCH..).and_then(<[u8]>::first_chunk);
                    later.into_iter().for_each(|id| messages.prefetch(u128::from_le_bytes(*id)));
                    let (message, is_new) = messages.number_of(id);
                    event.message = message;
                    if !is_new {
                        restored.others.push(Copy::new(signature, event));
                        continue;
                    }
                }
                log.insert(event, histories.lexicon());
            }
            restored.logs.push(log);
        }
        names.release(histories);
        restored
    }

    fn read_summaries(
        &mut self,
        columns: &PieceColumns<'_>,
        histories: &mut Histories,
        names: &mut PieceNames<'_>,
    ) {
        let mut words = vec![0; histories.summary_len().unwrap_or(0)];
        let mut summaries = columns.summaries;
        for (signature, _) in (0..).zip(columns.has_summary).filter(|(_, has)| **has == 1) {
            if read_words(&mut summaries, &mut words).is_some() {
                histories
                    .relabel_summary(&mut words, |dictionary, text| names.text(dictionary, text));
                self.summarised.push(signature);
                self.summaries.extend_from_slice(&words);
            }
        }
    }
}

impl Profiles {
    /// Puts the histories of a piece where its signatures went.
    pub(super) fn put_restored(&mut self, restored: Restored, theirs: &Moves) {
        let Restored { logs, others, summarised, summaries } = restored;
        let histories = &mut self.histories;
        let n_words = histories.summary_len().unwrap_or(1);
        for (signature, words) in summarised.into_iter().zip(summaries.chunks_exact(n_words)) {
            match theirs[signature as usize].1 {
                Some(to) => histories.add_summary(to, words),
                None => histories.release_summary(words),
            }
        }
        let (mut loose, mut gone) = (Loose::default(), Vec::new());
        for (log, &(_, to)) in logs.into_iter().zip(theirs) {
            let messages = self.messages.as_mut().filter(|_| log.len() > 0);
            if let Some(to) = to {
                messages.into_iter().for_each(|messages| messages.count_all(to, &log));
                histories.add_log(to, log);
            } else {
                for event in log.iter() {
                    gone.extend((event.message != NONE).then_some(event.message));
                    histories.release(event);
                }
            }
        }
        for mut copy in others {
            match theirs[copy.signature as usize].1 {
                Some(to) => {
                    copy.signature = to;
                    loose.events.push(copy);
                }
                None => histories.release(copy.event()),
            }
        }
        self.put(loose);
        if let Some(messages) = &mut self.messages {
            messages.forget_if_gone(gone);
        }
    }
}

/// The codes of the texts of a piece, and its fields. Each of these is used once more until all is read, so that each
/// has a code and a number whatever becomes of the values.
struct PieceNames<'c> {
    codes: Vec<u32>,
    fields: Vec<PieceField<'c>>,
}

/// A field of a piece, and that of the store once a value has it.
struct PieceField<'c> {
    scope: Scope,
    name: &'c str,
    known: Option<Field>,
}

impl<'c> From<(bool, &'c str)> for PieceField<'c> {
    fn from((is_attribute, name): (bool, &'c str)) -> Self {
        let scope = if is_attribute { Scope::Attribute } else { Scope::Property };
        Self { scope, name, known: None }
    }
}

impl<'c> PieceNames<'c> {
    fn new(columns: &PieceColumns<'c>, dictionary: &mut Dictionary) -> Self {
        let codes = dictionary.intern_all(&columns.texts);
        Self { codes, fields: columns.fields().map(Into::into).collect() }
    }

    /// The code of a text, used once more.
    fn text(&mut self, dictionary: &mut Dictionary, text: u32) -> u32 {
        let code = self.codes[text as usize];
        dictionary.retain(code, 1);
        code
    }

    /// A value with the codes of a store.
    fn value(&mut self, histories: &mut Histories, value: PieceValue) -> FieldValue {
        let field = match value.field {
            0 => Field::NONE,
            number => {
                let field = &mut self.fields[number as usize - 1];
                let known =
                    field.known.get_or_insert_with(|| histories.field(field.scope, field.name));
                if field.scope == Scope::Attribute {
                    histories.retain_field(*known);
                }
                *known
            }
        };
        let text = value.text.checked_sub(1);
        let label = text.map(|text| self.text(&mut histories.dictionary, text));
        value.with(field, label)
    }

    /// Ends the uses by the piece itself.
    fn release(self, histories: &mut Histories) {
        let attributes = self.fields.iter().filter(|field| field.scope == Scope::Attribute);
        attributes.filter_map(|field| field.known).for_each(|field| histories.release_field(field));
        self.codes.into_iter().for_each(|code| histories.dictionary.release(code));
    }
}

#[cfg(test)]
mod tests {
    use crate::features::{Feature, Measure};
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Profiles, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    #[test]
    fn the_text_of_an_event_that_is_cut_at_once_is_still_that_of_later_events_of_the_piece() {
        let options = StoreOptions { max_log: Some(1), ..StoreOptions::default() };
        let features = FeatureSet::from_iter([Feature::new("n", Measure::Count)]);
        let mut newer = Profiles::with_options(Rules::default(), features, options).unwrap();
        let mut older = newer.clone();
        newer.observe(&Event::new("visit", at(9)).id("card", "1")).unwrap();
        for card in ["1", "2", "3"] {
            older.observe(&Event::new("early", at(1)).id("card", card)).unwrap();
            older.observe(&Event::new("late", at(2)).id("card", card)).unwrap();
        }
        let mut all = newer.clone();
        all.merge(&older).unwrap();
        for piece in older.pieces(0, None).unwrap() {
            newer.absorb(&piece).unwrap();
        }
        assert_eq!(newer.state_hash(), all.state_hash());
        assert_eq!(newer.histories.dictionary.held(), all.histories.dictionary.held());
    }

    #[test]
    fn the_second_copy_of_a_message_counts_when_a_piece_brings_the_first_of_somebody_forgotten() {
        let options = || StoreOptions { dedupe: true, ..StoreOptions::default() };
        let store =
            || Profiles::with_options(Rules::default(), FeatureSet::retail(), options()).unwrap();
        let (mut people, mut all, mut shard) = (store(), store(), store());
        let events = [("1", 1), ("2", 2), ("3", 1)].map(|(card, day)| {
            let event = Event::new("visit", at(day)).id("card", card).attribute("city", card);
            event.message_id(if card == "3" { "n" } else { "m" })
        });
        shard.extend(&events);
        for people in [&mut people, &mut all] {
            people.forget(("card", "1")).unwrap();
            people.forget(("card", "3")).unwrap();
        }
        all.extend(&events);
        for piece in shard.pieces(0, None).unwrap() {
            assert!(people.absorb(&piece).unwrap());
        }
        assert_eq!(people.get(("card", "2")).map(|bob| bob.n_events), Some(1));
        assert_eq!(people.state_hash(), all.state_hash());
        assert_eq!(people.histories.dictionary.held(), all.histories.dictionary.held());
    }
}
