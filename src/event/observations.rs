//! What identity reads of a batch of events: times, message ids and identifiers, as columns.
//!
//! The identifiers of all events stand end to end; event `i` has those from where event `i - 1`
//! ends. A batch of one is the live case.

use std::ops::Range;

use super::column::EventColumn;
use super::columns::EventColumns;
use super::event::Event;
use super::identifier::Identifier;
use super::time::Timestamp;
use super::value::is_blank;

/// One identifier of an event, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdentifierRef<'a> {
    pub(crate) kind: &'a str,
    pub(crate) value: &'a str,
    pub(crate) claimed: bool,
}

impl<'e> From<&'e Identifier<'_>> for IdentifierRef<'e> {
    fn from(Identifier { kind, value, claimed }: &'e Identifier<'_>) -> Self {
        Self { kind, value, claimed: *claimed }
    }
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

    /// Adds an event.
    pub(crate) fn push(
        &mut self,
        at: Timestamp,
        message_id: Option<&'a str>,
        identifiers: impl Iterator<Item = IdentifierRef<'a>>,
    ) {
        if let Some(id) = message_id {
            if self.message_ids.is_empty() {
                self.message_ids.reserve(self.at.capacity());
            }
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
        let identifiers = event.identifiers.iter().map(IdentifierRef::from);
        self.push(event.at, event.message_id.as_deref(), identifiers);
    }

    /// Adds rows of columns that [`EventColumns::check`] has passed. Identifiers that are numbers are
    /// written to `digits`, in place of what was there.
    pub(crate) fn push_columns(
        &mut self,
        columns: &'a EventColumns<'_>,
        rows: Range<usize>,
        digits: &'a mut NumberTexts,
    ) {
        digits.write(columns, rows.clone());
        let digits: &'a NumberTexts = digits;
        for row in rows.clone() {
            let place = row - rows.start;
            let label = |column: &'a EventColumn<'_>, label_column: usize| {
                column.text(row).or_else(|| digits.label(label_column, place))
            };
            let message_id = columns.message_id_column().and_then(|column| label(column, 0));
            let identifiers = columns.identifiers().enumerate().filter_map(|(i, identifier)| {
                let (kind, claimed, column) = identifier;
                Some(IdentifierRef { kind, value: label(column, i + 1)?, claimed })
            });
            self.push(columns.at(row), message_id, identifiers);
        }
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
        self.message_ids.get(event).copied().filter(|id| !is_blank(id))
    }

    /// The identifiers of an event.
    pub(crate) fn identifiers(&self, event: usize) -> &[IdentifierRef<'a>] {
        let start = if event == 0 { 0 } else { self.ends[event - 1] as usize };
        &self.identifiers[start..self.ends[event] as usize]
    }

    /// The identifiers of all events, end to end.
    pub(crate) fn all_identifiers(&self) -> &[IdentifierRef<'a>] {
        &self.identifiers
    }

    /// Where the identifiers of each event end among all.
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends
    }
}

/// Whole numbers of some rows as texts, for columns of identifiers that are numbers.
#[derive(Debug, Default)]
pub(crate) struct NumberTexts {
    text: String,
    /// Where the digits of each number end; a missing one has none.
    ends: Vec<usize>,
    /// For the message ids and each column of identifiers, the place of its first number in `ends`;
    /// `None` for a column of texts.
    first: Vec<Option<usize>>,
}

impl NumberTexts {
    fn write(&mut self, columns: &EventColumns<'_>, rows: Range<usize>) {
        self.text.clear();
        self.ends.clear();
        self.first.clear();
        let identifiers = columns.identifiers().map(|(_, _, column)| Some(column));
        for column in std::iter::once(columns.message_id_column()).chain(identifiers) {
            let column = column.filter(|column| column.has_digits());
            self.first.push(column.map(|_| self.ends.len()));
            for row in column.into_iter().flat_map(|_| rows.clone()) {
                column.inspect(|column| column.write_digits(row, &mut self.text));
                self.ends.push(self.text.len());
            }
        }
    }

    /// The digits of a row, counted from the first of those written.
    fn label(&self, column: usize, place: usize) -> Option<&str> {
        let at = self.first[column]? + place;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        Some(&self.text[start..self.ends[at]]).filter(|digits| !digits.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ColumnData;

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
        assert_eq!((batch.len(), batch.message_ids.is_empty()), (3, false));
        assert_eq!([0, 1, 2].map(|i| batch.message_id(i)), [None, Some("m"), None]);
        assert_eq!([0, 1, 2].map(|i| batch.identifiers(i).len()), [1, 0, 2]);
        assert!(batch.identifiers(2)[0].claimed);
        assert_eq!(batch.at(2), at(3));
    }
    #[test]
    fn columns_are_observed_as_the_events_of_their_rows() {
        let at = [1, 2, 3].map(Timestamp::from_millis);
        let emails = [Some("ann"), None, Some(" ")];
        let texts = ColumnData::Utf8 { bytes: b"m1m2", offsets: &[0, 2, 2, 4], validity: None };
        let columns = EventColumns::new(&at)
            .name("purchase")
            .id("card", &[4711_i64, -1, i64::MAX])
            .claimed_id("email", &emails)
            .id("row", &[7.0, f64::NAN, -0.0])
            .message_ids(texts);
        columns.check().unwrap();
        let event = |row: usize| Event::new("purchase", at[row]);
        let events = [
            event(0).id("card", "4711").claimed_id("email", "ann").id("row", "7").message_id("m1"),
            event(1).id("card", "-1").message_id(""),
            event(2).id("card", i64::MAX.to_string()).claimed_id("email", " ").id("row", "0"),
        ];
        let events = events.map(|event| match event.at.millis() {
            3 => event.message_id("m2"),
            _ => event,
        });
        for rows in [0..3, 1..3, 2..2] {
            let (mut expected, mut got) = (Observations::default(), Observations::default());
            events[rows.clone()].iter().for_each(|event| expected.push_event(event));
            let mut digits = NumberTexts::default();
            got.push_columns(&columns, rows, &mut digits);
            assert_eq!(got.len(), expected.len());
            for i in 0..got.len() {
                assert_eq!(got.at(i), expected.at(i));
                assert_eq!(got.message_id(i), expected.message_id(i));
                assert_eq!(got.identifiers(i), expected.identifiers(i));
            }
        }
    }
}
