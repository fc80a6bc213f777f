//! What of a piece is of signatures: their evidence and events, in columns.
//!
//! Events stand in the order of their signatures, and values in that of their events; texts and fields stand once and
//! have numbers. Neither writing nor checking makes a record for each, so that what is refused has asked for little.
//!
//! Cost: one pass to write, two to read.

use hashbrown::HashMap;

use super::piece::{PieceHead, invalid};
use super::store::Profiles;
use crate::features::{Field, FieldValue, Scope, StoredEvent};
use crate::identity::{Extract, ExtractWriter};
use crate::num::bytes::{Reader, TextTable, TextWriter, put, put_column, put_signed};
use crate::num::fixed::Fixed;
use crate::{Result, Timestamp};

/// The columns of a piece while it is filled; the memory is used for one piece after another.
#[derive(Debug, Default)]
pub(super) struct Filling {
    pub(super) evidence: ExtractWriter,
    texts: TextWriter,
    number_of_text: HashMap<u32, u32>,
    /// The names of fields, and whether each is an attribute's.
    fields: TextWriter,
    is_attribute: Vec<u8>,
    number_of_field: HashMap<u16, u32>,
    /// How many events are stored of each signature.
    n_events: Vec<u8>,
    /// Their events: time, name, number of values.
    events: Vec<u8>,
    /// The keyed hashes of their message ids, 0 without one; nothing where duplicates are not looked for.
    messages: Vec<u8>,
    /// Their values, whose texts and fields are numbers in the piece.
    values: Vec<u8>,
    /// Whether there is a summary of each signature; nothing where logs are whole.
    has_summary: Vec<u8>,
    /// The words of the summaries, one after another.
    summaries: Vec<u8>,
}

impl Filling {
    /// Bytes so far, less a few for each column.
    pub(super) fn n_bytes(&self) -> usize {
        let numbers = [&self.is_attribute, &self.n_events, &self.events, &self.messages];
        let others = [&self.values, &self.has_summary, &self.summaries];
        let numbers = numbers.iter().chain(&others).map(|column| column.len()).sum::<usize>();
        self.evidence.n_bytes() + self.texts.n_bytes() + self.fields.n_bytes() + numbers
    }

    pub(super) fn text(&mut self, people: &Profiles, label: u32) -> u32 {
        *self.number_of_text.entry(label).or_insert_with(|| {
            self.texts.push(people.histories.dictionary.text(label));
            self.texts.len() - 1
        })
    }

    fn field(&mut self, people: &Profiles, field: Field) -> u32 {
        *self.number_of_field.entry(field.number()).or_insert_with(|| {
            let (scope, name) = people.histories.schema.order_of(field);
            self.fields.push(name);
            self.is_attribute.push(u8::from(scope == Scope::Attribute));
            self.fields.len() - 1
        })
    }

    /// Adds an event of the signature to which [`Filling::end_events`] will give it.
    pub(super) fn event(&mut self, people: &Profiles, event: StoredEvent<'_>) {
        put_signed(&mut self.events, event.at.millis());
        let name = self.text(people, event.name);
        put(&mut self.events, name.into());
        put(&mut self.events, event.values.len() as u64);
        for &value in event.values {
            let text = value.label().map_or(0, |label| 1 + u64::from(self.text(people, label)));
            let field = match value.field {
                Field::NONE => 0,
                field => 1 + u64::from(self.field(people, field)),
            };
            let number = value.number();
            put(&mut self.values, 2 * field + u64::from(number.is_some()));
            put(&mut self.values, value.item.into());
            put(&mut self.values, text);
            if let Some(number) = number {
                self.values.extend(number.to_le_bytes());
            }
        }
        if people.messages.is_some() {
            self.messages.extend(people.message_id(event.message).to_le_bytes());
        }
    }

    pub(super) fn end_events(&mut self, n: usize) {
        put(&mut self.n_events, n as u64);
    }

    /// Adds the summary of a signature, with the texts of the piece, or says that another piece has it.
    pub(super) fn summary(&mut self, words: Option<&[u64]>) {
        self.has_summary.push(u8::from(words.is_some()));
        for &word in words.into_iter().flatten() {
            put(&mut self.summaries, word);
        }
    }

    /// The head and the columns as bytes; then it is empty.
    pub(super) fn write(&mut self, head: PieceHead<'_>) -> Vec<u8> {
        let out = Vec::with_capacity(self.n_bytes());
        let mut out = postcard::to_extend(&head, out).expect("plain data can be written to memory");
        self.evidence.write(&mut out);
        self.texts.write(&mut out);
        self.fields.write(&mut out);
        let numbers = [&mut self.is_attribute, &mut self.n_events, &mut self.events];
        let others = [&mut self.messages, &mut self.values];
        let summaries = [&mut self.has_summary, &mut self.summaries];
        for column in numbers.into_iter().chain(others).chain(summaries) {
            put_column(&mut out, column);
            column.clear();
        }
        self.number_of_text.clear();
        self.number_of_field.clear();
        out
    }
}

/// The columns of a piece, in its bytes.
pub(super) struct PieceColumns<'b> {
    pub(super) evidence: Extract<'b>,
    pub(super) texts: TextTable<'b>,
    fields: TextTable<'b>,
    is_attribute: &'b [u8],
    pub(super) n_events: Reader<'b>,
    pub(super) events: Reader<'b>,
    pub(super) messages: Reader<'b>,
    pub(super) values: Reader<'b>,
    pub(super) has_summary: &'b [u8],
    pub(super) summaries: Reader<'b>,
}

/// Time, name, number of values.
pub(super) fn read_event(events: &mut Reader<'_>) -> Option<(Timestamp, u32, u32)> {
    Some((Timestamp::from_millis(events.signed()?), events.small()?, events.small()?))
}

/// A value whose field and text are numbers of a piece, one more than in the piece; 0 for none.
#[derive(Clone, Copy)]
pub(super) struct PieceValue {
    pub(super) field: u32,
    item: u16,
    pub(super) text: u32,
    number: Option<f64>,
}

impl PieceValue {
    pub(super) fn read(values: &mut Reader<'_>) -> Option<Self> {
        let field = values.small()?;
        let (item, text) = (u16::try_from(values.number()?).ok()?, values.small()?);
        let has_number = field % 2 == 1;
        let number = if has_number { Some(f64::from_le_bytes(values.array()?)) } else { None };
        Some(Self { field: field / 2, item, text, number })
    }

    /// The value with a field and a text of a store.
    pub(super) fn with(self, field: Field, label: Option<u32>) -> FieldValue {
        FieldValue::new(field, self.item, self.number, label)
    }
}

impl<'b> PieceColumns<'b> {
    /// Reads what [`Filling::write`] wrote behind the head; [`PieceColumns::check`] must follow.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let bytes = &mut Reader(bytes);
        let columns = Self {
            evidence: Extract::read(bytes)?,
            texts: TextTable::read(bytes, 1)?,
            fields: TextTable::read(bytes, 2)?,
            is_attribute: bytes.column()?,
            n_events: Reader(bytes.column()?),
            events: Reader(bytes.column()?),
            messages: Reader(bytes.column()?),
            values: Reader(bytes.column()?),
            has_summary: bytes.column()?,
            summaries: Reader(bytes.column()?),
        };
        bytes.is_at_end().then_some(columns)
    }

    /// The fields: whether each is an attribute's, and its name.
    pub(super) fn fields(&self) -> impl Iterator<Item = (bool, &'b str)> {
        self.is_attribute.iter().map(|is_attribute| *is_attribute == 1).zip(self.fields.iter())
    }

    /// The names of the attributes, in order, each once.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &'b str> {
        // Numbers, not names: what is refused has asked for little.
        let mut numbers: Vec<u32> = (0..)
            .zip(self.is_attribute)
            .filter(|(_, is)| **is == 1)
            .map(|(number, _)| number)
            .collect();
        let name = |number: &u32| self.fields.get(*number as usize);
        numbers.sort_unstable_by_key(|number| name(number));
        numbers.dedup_by_key(|number| name(number));
        numbers.into_iter().map(move |number| name(&number))
    }

    /// Whether all columns fit each other, and hold what a store could have stored.
    pub(super) fn check(&self, people: &Profiles) -> Result<()> {
        let n = self.evidence.n_signatures();
        let has_fields = self.is_attribute.len() == self.fields.len();
        let has_summaries = [0, n].contains(&self.has_summary.len());
        if has_fields && has_summaries && self.has_events(n, people) == Some(true) {
            return self.check_summaries(people).ok_or_else(|| invalid("a summary in it"));
        }
        Err(invalid("an event in it"))
    }

    /// Whether the events of so many signatures can be read, and nothing else is there.
    fn has_events(&self, n: usize, people: &Profiles) -> Option<bool> {
        let (min, max) = people.graph.rules().clock_range();
        let (mut n_events, mut events, mut values) = (self.n_events, self.events, self.values);
        let (n_texts, n_fields) = (self.texts.len() as u32, self.fields.len() as u32);
        let mut n_all = 0;
        let has_logs = people.histories.has_logs();
        for _ in 0..n {
            let n_own = n_events.small()?;
            if n_own > 0 && !has_logs {
                return Some(false);
            }
            for _ in 0..n_own {
                let (at, name, n_values) = read_event(&mut events)?;
                n_all += 1;
                if name >= n_texts || at < min || at > max {
                    return Some(false);
                }
                for _ in 0..n_values {
                    let PieceValue { field, text, number, .. } = PieceValue::read(&mut values)?;
                    let is_number = number.is_none_or(Fixed::holds);
                    if field > n_fields || text > n_texts || !is_number {
                        return Some(false);
                    }
                }
            }
        }
        let is_all = n_events.is_at_end() && events.is_at_end() && values.is_at_end();
        Some(is_all && [0, 16 * n_all].contains(&self.messages.0.len()))
    }

    fn check_summaries(&self, people: &Profiles) -> Option<()> {
        let mut summaries = self.summaries;
        let mut words = vec![0; people.histories.summary_len().unwrap_or(0)];
        let n = self.has_summary.iter().filter(|has| **has == 1).count();
        if n > 0 && words.is_empty() {
            return None;
        }
        for _ in 0..n {
            read_words(&mut summaries, &mut words)?;
            people.histories.can_hold(&words, self.texts.len()).then_some(())?;
        }
        summaries.is_at_end().then_some(())
    }
}

/// The words of the next summary.
pub(super) fn read_words(summaries: &mut Reader<'_>, words: &mut [u64]) -> Option<()> {
    words.iter_mut().try_for_each(|word| {
        *word = summaries.number()?;
        Some(())
    })
}
