//! How a measure is described: what it reads, the column it makes, and how it is evaluated.

use std::fmt;

use super::dictionary::{Dictionary, NONE};
use super::evaluate::{Answer, Selection};
use super::filter::{BoundFilter, EventFilter};
use super::funnel::Funnel;
use super::funnel::attempt::BoundFunnel;
use super::schema::{Field, Need, Schema};
use super::totals::{Anchor, Keep, Totals};
use crate::Timestamp;

/// Something that a measure reads of events.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Nothing,
    Property(String, Need),
    Attribute(String),
    AllAttributes,
}

impl Read {
    pub(super) fn number(property: &str) -> Self {
        Self::Property(property.to_owned(), Need::NUMBER)
    }

    pub(super) fn label(property: &str) -> Self {
        Self::Property(property.to_owned(), Need::LABEL)
    }

    pub(super) fn both(property: &str) -> Self {
        Self::Property(property.to_owned(), Need::BOTH)
    }

    pub(super) fn of_filter(filter: &EventFilter) -> Vec<Self> {
        filter.needs().map(|(property, need)| Self::Property(property.to_owned(), need)).collect()
    }

    pub(super) fn of_funnel(funnel: &Funnel) -> Vec<Self> {
        funnel.needs().map(|(property, need)| Self::Property(property.to_owned(), need)).collect()
    }

    fn field(&self, names: NameLookup<'_>) -> Field {
        match self {
            Self::Property(name, _) => names.property(name),
            Self::Attribute(name) => names.attribute(name),
            Self::Nothing | Self::AllAttributes => Field::NONE,
        }
    }
}

/// Looks up the names that a measure mentions; before there is a store, none is known.
#[derive(Clone, Copy)]
pub(super) struct NameLookup<'n>(Option<(&'n Schema, &'n Dictionary)>);

impl<'n> NameLookup<'n> {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn new(schema: &'n Schema, dictionary: &'n Dictionary) -> Self {
        Self(Some((schema, dictionary)))
    }

    pub(super) fn property(self, name: &str) -> Field {
        self.0.map_or(Field::NONE, |(schema, _)| schema.property(name))
    }

    pub(super) fn attribute(self, name: &str) -> Field {
        self.0.map_or(Field::NONE, |(schema, _)| schema.attribute(name))
    }

    pub(super) fn code(self, text: &str) -> u32 {
        self.0.map_or(NONE, |(_, dictionary)| dictionary.code(text))
    }

    pub(super) fn filter(self, filter: &EventFilter) -> BoundFilter {
        self.0.map_or_else(BoundFilter::default, |(schema, dictionary)| {
            filter.bind(schema, dictionary)
        })
    }

    pub(super) fn funnel(self, funnel: &Funnel) -> BoundFunnel {
        BoundFunnel::new(funnel, |filter| self.filter(filter))
    }
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Number,
    Category,
    /// Known when everybody's values are.
    Auto,
}

type FromTotals = fn(&Totals, bool, Timestamp) -> Option<f64>;
type FromLog = Box<dyn Fn(Selection<'_>) -> Option<Answer> + Send + Sync>;

/// How a measure is evaluated.
pub(super) enum Evaluation {
    /// From totals of one field. The function is told whether events fade, and the moment.
    Totals { keep: Keep, field: Field, read: FromTotals },
    /// The value that totals hold.
    Value { keep: Keep, field: Field },
    /// From the events of the log.
    Log(FromLog),
    /// From other columns of the table.
    Columns,
    /// Not at all: other features take its place when columns are fixed.
    Open,
}

/// The description of a measure.
pub(super) struct Definition {
    pub(super) reads: Vec<Read>,
    pub(super) output: Output,
    /// From when on events fade; `None` if they cannot.
    pub(super) anchor: Option<Anchor>,
    pub(super) how: Evaluation,
}

impl Definition {
    fn new(reads: Vec<Read>, output: Output, how: Evaluation) -> Self {
        Self { reads, output, anchor: None, how }
    }

    pub(super) fn totals(keep: Keep, read: Read, names: NameLookup<'_>, from: FromTotals) -> Self {
        let field = read.field(names);
        Self::new(vec![read], Output::Number, Evaluation::Totals { keep, field, read: from })
    }

    pub(super) fn value(keep: Keep, read: Read, names: NameLookup<'_>, output: Output) -> Self {
        let field = read.field(names);
        Self::new(vec![read], output, Evaluation::Value { keep, field })
    }

    pub(super) fn log(
        reads: impl IntoIterator<Item = Read>,
        from: impl Fn(Selection<'_>) -> Option<f64> + Send + Sync + 'static,
    ) -> Self {
        let from = move |selection: Selection<'_>| from(selection).map(Answer::Number);
        Self::new(reads.into_iter().collect(), Output::Number, Evaluation::Log(Box::new(from)))
    }

    pub(super) fn text(
        reads: impl IntoIterator<Item = Read>,
        from: impl Fn(Selection<'_>) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let from = move |selection: Selection<'_>| from(selection).map(Answer::Text);
        Self::new(reads.into_iter().collect(), Output::Category, Evaluation::Log(Box::new(from)))
    }

    pub(super) fn open(reads: impl IntoIterator<Item = Read>) -> Self {
        Self::new(reads.into_iter().collect(), Output::Number, Evaluation::Open)
    }

    pub(super) fn columns() -> Self {
        Self::new(Vec::new(), Output::Number, Evaluation::Columns)
    }

    pub(super) fn decaying(self, anchor: Anchor) -> Self {
        Self { anchor: Some(anchor), ..self }
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("reads", &self.reads).finish_non_exhaustive()
    }
}
