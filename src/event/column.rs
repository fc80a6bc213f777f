//! One borrowed column of a table of events.
//!
//! After [`EventColumn::check`] has passed, every row below the column's length can be read. Rows
//! beyond it, and rows without a value, are missing.

use std::fmt::Write;

use super::time::Timestamp;
use super::value::{Value, exact_whole};
use crate::{Error, Result};

/// The values of one column, borrowed. Each layout has its way to mark missing values.
///
/// Slices, vectors and arrays of the usual types convert by `into()`. Build dictionaries, and
/// texts as Arrow and Polars hold them, from their parts:
///
/// ```
/// use personas::event::{ColumnData, EventColumns};
/// use personas::{FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = [Timestamp::parse("2024-05-01")?, Timestamp::parse("2024-05-02")?];
/// let channels = ColumnData::Dictionary { codes: &[1, 0], texts: &["shop", "web"] };
/// let emails = ColumnData::Utf8 {
///     bytes: b"ann@example.orgbob@example.org",
///     offsets: &[0, 15, 30],
///     validity: None,
/// };
/// let columns = EventColumns::new(&at)
///     .name("purchase")
///     .id("email", emails)
///     .property("channel", channels)
///     .property("amount", &[12.5, f64::NAN]);
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// assert_eq!(people.extend_columns(&columns)?.accepted, 2);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ColumnData<'a> {
    /// One text in every row.
    Every(&'a str),
    /// Numbers; NaN is missing.
    Numbers(&'a [f64]),
    /// Numbers, or missing.
    OptionalNumbers(&'a [Option<f64>]),
    /// Whole numbers; beyond ±2⁵³, each is the text of its digits.
    Integers(&'a [i64]),
    /// Whole numbers, or missing; beyond ±2⁵³, each is the text of its digits.
    OptionalIntegers(&'a [Option<i64>]),
    /// Texts.
    Texts(&'a [&'a str]),
    /// Texts, or missing.
    OptionalTexts(&'a [Option<&'a str>]),
    /// Texts.
    Strings(&'a [String]),
    /// Texts, or missing.
    OptionalStrings(&'a [Option<String>]),
    /// Yes or no.
    Flags(&'a [bool]),
    /// Moments.
    Times(&'a [Timestamp]),
    /// One of a few texts in each row.
    Dictionary {
        /// The place of each row's text; a place beyond the last text is a missing value.
        codes: &'a [u32],
        /// The texts.
        texts: &'a [&'a str],
    },
    /// Texts end to end, as Arrow's `Utf8` and Polars hold them.
    Utf8 {
        /// The texts, in UTF-8.
        bytes: &'a [u8],
        /// Where each text begins, and where the last one ends: one more than there are rows.
        offsets: &'a [i32],
        /// A bitmap with a 1 for each row that has a value, lowest bit first, and the position of the first
        /// row's bit in it. `None` if all rows have a value.
        validity: Option<(&'a [u8], usize)>,
    },
    /// Texts end to end, as Arrow's `LargeUtf8` holds them.
    LargeUtf8 {
        /// The texts, in UTF-8.
        bytes: &'a [u8],
        /// Where each text begins, and where the last one ends: one more than there are rows.
        offsets: &'a [i64],
        /// As of [`ColumnData::Utf8`].
        validity: Option<(&'a [u8], usize)>,
    },
}

impl<'a> From<&'a str> for ColumnData<'a> {
    fn from(text: &'a str) -> Self {
        Self::Every(text)
    }
}

impl<'a> From<&'a String> for ColumnData<'a> {
    fn from(text: &'a String) -> Self {
        Self::Every(text)
    }
}

macro_rules! from_slices {
    ($($item:ty => $variant:ident),* $(,)?) => {$(
        impl<'a> From<&'a [$item]> for ColumnData<'a> {
            fn from(values: &'a [$item]) -> Self {
                Self::$variant(values)
            }
        }

        impl<'a> From<&'a Vec<$item>> for ColumnData<'a> {
            fn from(values: &'a Vec<$item>) -> Self {
                Self::$variant(values)
            }
        }

        impl<'a, const N: usize> From<&'a [$item; N]> for ColumnData<'a> {
            fn from(values: &'a [$item; N]) -> Self {
                Self::$variant(values)
            }
        }
    )*};
}

from_slices! {
    f64 => Numbers,
    Option<f64> => OptionalNumbers,
    i64 => Integers,
    Option<i64> => OptionalIntegers,
    &'a str => Texts,
    Option<&'a str> => OptionalTexts,
    String => Strings,
    Option<String> => OptionalStrings,
    bool => Flags,
    Timestamp => Times,
}

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// Any values.
    Value,
    /// Texts only: names of events.
    Text,
    /// Texts and whole numbers that are exact: identifiers.
    Label,
}

/// A column that is ready to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventColumn<'a> {
    data: ColumnData<'a>,
    /// Texts end to end: all of them; `None` if they are not UTF-8. Checked once, since a check per
    /// row would cost as much as all other reading.
    all_texts: Option<&'a str>,
    /// Where the first of them begins.
    first: usize,
}

impl<'a> EventColumn<'a> {
    pub(super) fn new(data: ColumnData<'a>) -> Self {
        let ends = |first: Option<i64>, last: Option<i64>| {
            let [first, last] = [first, last].map(|end| usize::try_from(end.unwrap_or(0)));
            Some(first.ok()?..last.ok()?)
        };
        let (bytes, range) = match data {
            ColumnData::Utf8 { bytes, offsets, .. } => {
                let wide = |offset: Option<&i32>| offset.map(|&offset| offset.into());
                (bytes, ends(wide(offsets.first()), wide(offsets.last())))
            }
            ColumnData::LargeUtf8 { bytes, offsets, .. } => {
                (bytes, ends(offsets.first().copied(), offsets.last().copied()))
            }
            _ => return Self { data, all_texts: None, first: 0 },
        };
        let first = range.as_ref().map_or(0, |range| range.start);
        let used = range.and_then(|range| bytes.get(range));
        Self { data, all_texts: used.and_then(|used| std::str::from_utf8(used).ok()), first }
    }

    /// The text that every row has, if it was given once.
    pub(super) fn same_in_every_row(&self) -> Option<&'a str> {
        match self.data {
            ColumnData::Every(text) => Some(text),
            _ => None,
        }
    }

    /// Number of rows; a text for every row fits any.
    fn len(&self, n_rows: usize) -> usize {
        match self.data {
            ColumnData::Every(_) => n_rows,
            ColumnData::Numbers(values) => values.len(),
            ColumnData::OptionalNumbers(values) => values.len(),
            ColumnData::Integers(values) => values.len(),
            ColumnData::OptionalIntegers(values) => values.len(),
            ColumnData::Texts(values) => values.len(),
            ColumnData::OptionalTexts(values) => values.len(),
            ColumnData::Strings(values) => values.len(),
            ColumnData::OptionalStrings(values) => values.len(),
            ColumnData::Flags(values) => values.len(),
            ColumnData::Times(values) => values.len(),
            ColumnData::Dictionary { codes, .. } => codes.len(),
            ColumnData::Utf8 { offsets, .. } => offsets.len().saturating_sub(1),
            ColumnData::LargeUtf8 { offsets, .. } => offsets.len().saturating_sub(1),
        }
    }

    /// Returns the text of a row; `None` if it is missing or not a text. A number may still be a
    /// [label](Self::write_digits).
    #[inline]
    pub(crate) fn text(&self, row: usize) -> Option<&'a str> {
        match self.data {
            ColumnData::Every(text) => Some(text),
            ColumnData::Texts(texts) => texts.get(row).copied(),
            ColumnData::OptionalTexts(texts) => texts.get(row).copied().flatten(),
            ColumnData::Strings(texts) => texts.get(row).map(String::as_str),
            ColumnData::OptionalStrings(texts) => texts.get(row)?.as_deref(),
            ColumnData::Dictionary { codes, texts } => {
                texts.get(*codes.get(row)? as usize).copied()
            }
            ColumnData::Utf8 { offsets, validity, .. } => self
                .slice(i64::from(*offsets.get(row)?), (*offsets.get(row + 1)?).into())
                .filter(|_| is_valid(validity, row)),
            ColumnData::LargeUtf8 { offsets, validity, .. } => self
                .slice(*offsets.get(row)?, *offsets.get(row + 1)?)
                .filter(|_| is_valid(validity, row)),
            _ => None,
        }
    }

    fn slice(&self, start: i64, end: i64) -> Option<&'a str> {
        let place = |offset: i64| usize::try_from(offset).ok()?.checked_sub(self.first);
        self.all_texts?.get(place(start)?..place(end)?)
    }

    /// Returns the value of a row; `None` if it is missing.
    #[inline]
    pub(crate) fn value(&self, row: usize) -> Option<Value<'a>> {
        match self.data {
            ColumnData::Numbers(_) | ColumnData::OptionalNumbers(_) => {
                self.number(row).map(Value::Number)
            }
            ColumnData::Integers(_) | ColumnData::OptionalIntegers(_) => {
                self.integer(row).map(Value::from)
            }
            ColumnData::Flags(flags) => flags.get(row).copied().map(Value::Flag),
            ColumnData::Times(times) => times.get(row).copied().map(Value::Time),
            _ => self.text(row).map(Value::from),
        }
    }

    fn number(&self, row: usize) -> Option<f64> {
        match self.data {
            ColumnData::Numbers(values) => values.get(row).copied().filter(|n| !n.is_nan()),
            ColumnData::OptionalNumbers(values) => values.get(row).copied().flatten(),
            _ => None,
        }
    }

    fn integer(&self, row: usize) -> Option<i64> {
        match self.data {
            ColumnData::Integers(values) => values.get(row).copied(),
            ColumnData::OptionalIntegers(values) => values.get(row).copied().flatten(),
            _ => None,
        }
    }

    /// Whether its labels are the digits of numbers.
    pub(super) fn has_digits(&self) -> bool {
        use ColumnData::{Integers, Numbers, OptionalIntegers, OptionalNumbers};
        matches!(self.data, Numbers(_) | OptionalNumbers(_) | Integers(_) | OptionalIntegers(_))
    }

    /// Writes the digits of a row's whole number; nothing if it is missing.
    pub(super) fn write_digits(&self, row: usize, to: &mut String) {
        // Numbers are whole and exact: checked.
        let number = self.integer(row).or_else(|| self.number(row).map(|number| number as i64));
        if let Some(number) = number {
            write!(to, "{number}").expect("a string can be written to");
        }
    }

    /// Checks that there are `n_rows` rows, that each can be read, and that they fit the role. The name
    /// is for the message.
    pub(super) fn check(&self, name: &str, role: Role, n_rows: usize) -> Result<()> {
        let (expected, got) = (n_rows, self.len(n_rows));
        if got != expected {
            let what = format!("rows of column {name:?}").into();
            return Err(Error::DimensionMismatch { what, expected, got });
        }
        let fault = match self.data {
            ColumnData::Utf8 { offsets, validity, .. } => {
                self.fault_of_texts(n_rows, offsets.iter().map(|&offset| offset.into()), validity)
            }
            ColumnData::LargeUtf8 { offsets, validity, .. } => {
                self.fault_of_texts(n_rows, offsets.iter().copied(), validity)
            }
            ColumnData::Flags(_) | ColumnData::Times(_) if role == Role::Label => {
                Some("must be texts or whole numbers".into())
            }
            ColumnData::Numbers(_) | ColumnData::OptionalNumbers(_) if role == Role::Label => {
                let is_bad =
                    |row: &usize| self.number(*row).is_some_and(|n| exact_whole(n).is_none());
                let bad = (0..n_rows).find(is_bad);
                bad.map(|row| format!("row {row} is not a whole number between -2^53 and 2^53"))
            }
            _ if role == Role::Text && self.is_plain() => Some("must be texts".into()),
            _ => None,
        };
        match fault {
            None => Ok(()),
            Some(reason) => {
                Err(Error::InvalidColumn { column: name.to_owned(), reason: reason.into() })
            }
        }
    }

    /// Whether its values are not texts.
    fn is_plain(&self) -> bool {
        self.has_digits() || matches!(self.data, ColumnData::Flags(_) | ColumnData::Times(_))
    }

    fn fault_of_texts(
        &self,
        n_rows: usize,
        offsets: impl Iterator<Item = i64> + Clone,
        validity: Option<(&[u8], usize)>,
    ) -> Option<String> {
        if validity.is_some_and(|(bits, first)| {
            first.checked_add(n_rows).is_none_or(|n_bits| n_bits > bits.len() * 8)
        }) {
            return Some("the validity bitmap has fewer bits than the column has rows".into());
        }
        let Some(text) = self.all_texts else {
            return Some("bytes from the first offset to the last are missing or not UTF-8".into());
        };
        let mut before = self.first as i64;
        for (row, offset) in offsets.enumerate() {
            let place = usize::try_from(offset).ok().and_then(|at| at.checked_sub(self.first));
            if offset < before || !place.is_some_and(|place| text.is_char_boundary(place)) {
                return Some(format!(
                    "offset {row} is smaller than the one before, inside a character, or beyond the bytes"
                ));
            }
            before = offset;
        }
        None
    }
}

fn is_valid(validity: Option<(&[u8], usize)>, row: usize) -> bool {
    validity.is_none_or(|(bits, first)| {
        let bit = first + row;
        bits.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column<'a>(data: impl Into<ColumnData<'a>>) -> EventColumn<'a> {
        EventColumn::new(data.into())
    }

    #[test]
    fn each_layout_says_what_is_missing() {
        let values = |column: EventColumn<'static>| -> Vec<Option<Value<'static>>> {
            column.check("c", Role::Value, column.len(0)).unwrap();
            (0..=column.len(0)).map(|row| column.value(row)).collect()
        };
        let (a, none) = (|| Some(Value::from("a")), None);
        let every = column("a");
        every.check("c", Role::Label, 2).unwrap();
        assert_eq!([0, 1].map(|row| every.value(row)), [a(), a()]);
        assert_eq!(values(column(&[1.5, f64::NAN])), [Some(1.5.into()), none.clone(), None]);
        assert_eq!(values(column(&[Some(1.5), None])), [Some(1.5.into()), None, None]);
        let long = Some(Value::from("9007199254740993"));
        assert_eq!(values(column(&[7, 9_007_199_254_740_993_i64])), [Some(7.into()), long, None]);
        assert_eq!(values(column(&[Some(7_i64), None])), [Some(7.into()), None, None]);
        assert_eq!(values(column(&["a", ""])), [a(), Some("".into()), None]);
        assert_eq!(values(column(&[Some("a"), None])), [a(), None, None]);
        assert_eq!(values(column(&[true])), [Some(true.into()), None]);
        let dictionary = ColumnData::Dictionary { codes: &[1, 0, 2], texts: &["b", "a"] };
        assert_eq!(values(column(dictionary)), [a(), Some("b".into()), None, None]);
        // A slice of a longer array: its first row is bit 3 and byte 1.
        let (bytes, validity) = ("xaéy".as_bytes(), Some((&[0b0010_1000][..], 3)));
        let texts = ColumnData::Utf8 { bytes, offsets: &[1, 2, 4, 4], validity };
        assert_eq!(values(column(texts)), [a(), None, Some("".into()), None]);
        let texts = ColumnData::LargeUtf8 { bytes, offsets: &[1, 2, 4], validity: None };
        assert_eq!(values(column(texts)), [a(), Some("é".into()), None]);
        let empty = ColumnData::Utf8 { bytes: b"", offsets: &[], validity: None };
        assert_eq!(values(column(empty)), [None]);
    }

    #[test]
    fn columns_that_cannot_be_read_are_errors_that_name_them() {
        let utf8 = |bytes, offsets, validity| ColumnData::Utf8 { bytes, offsets, validity };
        for (data, role, message) in [
            (
                utf8(b"ab", &[0, 3], None),
                Role::Value,
                "bytes from the first offset to the last are missing or not UTF-8",
            ),
            (
                utf8(b"\xff", &[0, 1], None),
                Role::Value,
                "bytes from the first offset to the last are missing or not UTF-8",
            ),
            (
                utf8(b"a", &[0, 1], Some((&[], 0))),
                Role::Value,
                "the validity bitmap has fewer bits than the column has rows",
            ),
            ((&[1.5]).into(), Role::Label, "row 0 is not a whole number between -2^53 and 2^53"),
            ((&[1e17]).into(), Role::Label, "row 0 is not a whole number between -2^53 and 2^53"),
            ((&[true]).into(), Role::Label, "must be texts or whole numbers"),
            ((&[1_i64]).into(), Role::Text, "must be texts"),
        ] {
            let error = column(data).check("email", role, 1).unwrap_err();
            assert_eq!(error.to_string(), format!("column \"email\": {message}"));
        }
        let within = column(utf8("é".as_bytes(), &[0, 1, 2], None));
        assert!(within.check("c", Role::Value, 2).is_err());
        let error = column(&["a"]).check("email", Role::Label, 2).unwrap_err();
        assert_eq!(error.to_string(), "rows of column \"email\": expected 2, got 1");
    }

    proptest! {
        #[test]
        fn offsets_of_any_kind_neither_panic_nor_pass_if_they_are_wrong(
            text in "[aé\u{1f600}]{0,6}",
            offsets in prop::collection::vec(-1_i64..20, 0..5),
            byte in any::<Option<u8>>(),
            validity in prop::option::of((prop::collection::vec(any::<u8>(), 0..2), 0_usize..12)),
        ) {
            let mut bytes = text.into_bytes();
            bytes.extend(byte);
            let validity = validity.as_ref().map(|(bits, first)| (&bits[..], *first));
            let data = ColumnData::LargeUtf8 { bytes: &bytes, offsets: &offsets, validity };
            let column = column(data);
            let is_good = column.check("c", Role::Value, column.len(0)).is_ok();
            for row in 0..6 {
                let got = column.text(row);
                if is_good && row < column.len(0) {
                    let range = offsets[row] as usize..offsets[row + 1] as usize;
                    let text = std::str::from_utf8(&bytes[range]).unwrap();
                    let expected = Some(text).filter(|_| is_valid(validity, row));
                    prop_assert_eq!(got, expected);
                }
            }
        }
    }
}
