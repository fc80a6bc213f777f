//! A column of texts end to end, as Arrow holds them: one allocation for a million cells, and the
//! library reads them where they lie.

use personas::event::ColumnData;

/// The cells of one column; an empty text is a missing value.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) name: String,
    bytes: String,
    /// Where each text begins, and where the last one ends.
    offsets: Vec<i64>,
    /// A bit for each row that has a value, lowest bit first.
    validity: Vec<u8>,
}

impl Texts {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), bytes: String::new(), offsets: vec![0], validity: Vec::new() }
    }

    /// Adds a cell, without the spaces around it.
    pub(crate) fn push(&mut self, cell: &str) {
        let (row, cell) = (self.len(), cell.trim());
        self.bytes.push_str(cell);
        self.offsets.push(self.bytes.len() as i64);
        if row.is_multiple_of(8) {
            self.validity.push(0);
        }
        self.validity[row / 8] |= u8::from(!cell.is_empty()) << (row % 8);
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The text of a row, if it has a value.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        let (from, to) = (*self.offsets.get(row)?, *self.offsets.get(row + 1)?);
        self.bytes.get(from as usize..to as usize).filter(|text| !text.is_empty())
    }

    /// All cells in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The cells of the rows that are marked, in order.
    pub(crate) fn kept(&self, keep: &[bool]) -> Self {
        let mut kept = Self::new(&self.name);
        for (text, _) in self.iter().zip(keep).filter(|&(_, &keep)| keep) {
            kept.push(text.unwrap_or_default());
        }
        kept
    }

    /// The cells, with the marked texts as missing values.
    pub(crate) fn without(&self, is_missing: impl Fn(&str) -> bool) -> Self {
        let mut rest = Self::new(&self.name);
        self.iter().for_each(|text| {
            rest.push(text.filter(|text| !is_missing(text)).unwrap_or_default());
        });
        rest
    }

    /// The column, as the library reads it.
    pub(crate) fn column(&self) -> ColumnData<'_> {
        ColumnData::LargeUtf8 {
            bytes: self.bytes.as_bytes(),
            offsets: &self.offsets,
            validity: Some((&self.validity, 0)),
        }
    }
}

/// Longest text that is shown, in characters.
const LONGEST: usize = 40;

/// A text, cut where it is long.
pub(crate) fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
