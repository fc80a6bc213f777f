//! One event as it is kept: when, what, and the values that the features read.
//!
//! A list is several cells of one field. Entries have a total order, by time and then by content,
//! in which no numbering shows; that order, not that of arrival, is the order of a log.

use std::cmp::Ordering;

use super::texts::{Fair, NONE, Texts, Words};
use crate::Timestamp;

/// A value as it is kept: the number, the text it is told apart by, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Number(f64),
    Label(u32),
    Both(f64, u32),
}

impl Cell {
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) | Self::Both(number, _) => Some(number),
            Self::Label(_) => None,
        }
    }

    pub(crate) fn label(self) -> Option<u32> {
        match self {
            Self::Label(label) | Self::Both(_, label) => Some(label),
            Self::Number(_) => None,
        }
    }

    /// As a category is called.
    pub(crate) fn text(self, texts: &Texts) -> String {
        match self {
            Self::Label(label) | Self::Both(_, label) => texts.text(label).to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// The smaller of two.
    pub(crate) fn min(self, other: Self, texts: &Texts) -> Self {
        if other.compare(self, texts).is_lt() { other } else { self }
    }

    /// Numbers before texts; equal cells are the same value.
    pub(crate) fn compare(self, other: Self, texts: &impl Words) -> Ordering {
        let text = |cell: Self| cell.label().map(|label| texts.text(label));
        let by_text = || text(self).cmp(&text(other));
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b).then_with(by_text),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => by_text(),
        }
    }
}

/// What a cell is a value of, by the number of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Property(u32),
    Attribute(u32),
}

impl Field {
    pub(super) fn key(self, texts: &impl Words) -> (bool, &str) {
        match self {
            Self::Property(name) => (false, texts.text(name)),
            Self::Attribute(name) => (true, texts.text(name)),
        }
    }
}

/// What is kept of one event.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    /// Number of the event's name.
    pub(crate) name: u32,
    /// Number of the message id if duplicates are looked for, else [`NONE`].
    pub(crate) message: u32,
    /// Properties by name, then attributes by name; more than one of a field are a list's.
    pub(crate) cells: Box<[(Field, Cell)]>,
}

impl Entry {
    /// The values of a property, in their own order.
    pub(crate) fn property(&self, name: u32) -> impl Iterator<Item = Cell> {
        self.cells_of(Field::Property(name))
    }

    /// The values declared of an attribute, in their own order.
    pub(crate) fn attribute(&self, name: u32) -> impl Iterator<Item = Cell> {
        self.cells_of(Field::Attribute(name))
    }

    /// The attributes it declares, by the numbers of their names.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (u32, Cell)> {
        self.cells.iter().filter_map(|&(field, cell)| match field {
            Field::Attribute(name) => Some((name, cell)),
            Field::Property(_) => None,
        })
    }

    /// The entry with its texts in another store; its properties are kept there too.
    pub(crate) fn translated(&self, from: &Texts, to: &mut Texts) -> Self {
        let mut text = |code: u32| to.intern(from.text(code));
        let name = text(self.name);
        let message = if self.message == NONE { NONE } else { text(self.message) };
        let mut cells = self.cells.clone();
        for (field, cell) in &mut cells {
            if let Field::Attribute(name) = field {
                *name = text(*name);
            }
            if let Cell::Label(label) | Cell::Both(_, label) = cell {
                *label = text(*label);
            }
        }
        for (field, _) in &mut cells {
            if let Field::Property(name) = field {
                *name = to.code(from.text(*name));
            }
        }
        Self { at: self.at, name, message, cells }
    }

    /// The entry of a draft with the numbers that hold.
    pub(crate) fn fair(mut self, codes: &Fair) -> Self {
        self.name = codes.code(self.name);
        for (field, cell) in &mut self.cells {
            if let Field::Attribute(name) = field {
                *name = codes.code(*name);
            }
            if let Cell::Label(label) | Cell::Both(_, label) = cell {
                *label = codes.code(*label);
            }
        }
        self
    }

    /// Gives back the entry's texts: all but the names of properties, which [`Keep`] holds.
    pub(crate) fn release(self, texts: &mut Texts) {
        texts.release(self.name);
        if self.message != NONE {
            texts.release(self.message);
        }
        for &(field, cell) in &self.cells {
            if let Field::Attribute(name) = field {
                texts.release(name);
            }
            if let Some(label) = cell.label() {
                texts.release(label);
            }
        }
    }

    fn cells_of(&self, field: Field) -> impl Iterator<Item = Cell> {
        self.cells.iter().filter(move |(known, _)| *known == field).map(|&(_, cell)| cell)
    }

    /// By time, then content, then message. Entries that compare equal are interchangeable.
    pub(crate) fn compare(&self, other: &Self, texts: &Texts) -> Ordering {
        let by_name = || texts.text(self.name).cmp(texts.text(other.name));
        let by_cells = || {
            for (&(field, cell), &(other_field, other_cell)) in self.cells.iter().zip(&other.cells)
            {
                let order = field
                    .key(texts)
                    .cmp(&other_field.key(texts))
                    .then_with(|| cell.compare(other_cell, texts));
                if order.is_ne() {
                    return order;
                }
            }
            self.cells.len().cmp(&other.cells.len())
        };
        let message = |entry: &Self| (entry.message != NONE).then(|| texts.text(entry.message));
        let by_message = || match self.message == other.message {
            true => Ordering::Equal,
            false => message(self).cmp(&message(other)),
        };
        self.at.cmp(&other.at).then_with(by_name).then_with(by_cells).then_with(by_message)
    }
}
