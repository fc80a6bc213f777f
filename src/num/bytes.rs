//! Columns of whole numbers and of texts as bytes, written and read without a record for each.
//!
//! A number has seven bits in each byte, the least first, and the top bit of a byte says that more follow (LEB128);
//! numbers with a sign are folded first (zigzag). The texts of a column stand end to end, beside a column of their
//! lengths. A column has its length in front, so that a reader finds all columns before it reads one.
//!
//! Cost: one pass; a reader borrows from the bytes.

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number with a sign.
pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, (number << 1 ^ number >> 63).cast_unsigned());
}

/// Appends a column of any bytes.
pub(crate) fn put_column(out: &mut Vec<u8>, column: &[u8]) {
    put(out, column.len() as u64);
    out.extend_from_slice(column);
}

/// How many numbers a column has, if all are whole.
pub(crate) fn count(column: &[u8]) -> usize {
    column.iter().filter(|byte| **byte < 0x80).count()
}

/// Reads numbers and columns from bytes; `None` where they end too early or a number is too large.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reader<'b>(pub(crate) &'b [u8]);

impl<'b> Reader<'b> {
    /// Whether everything is read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for (i, &byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                // The tenth byte has one bit left.
                return (i < 9 || byte < 2).then_some(number);
            }
        }
        None
    }

    pub(crate) fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    /// A column that [`put_column`] wrote.
    pub(crate) fn column(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let column;
        (column, self.0) = self.0.split_at_checked(len)?;
        Some(column)
    }
}

/// Texts on their way into bytes.
#[derive(Debug, Default)]
pub(crate) struct TextWriter {
    len: u32,
    lens: Vec<u8>,
    all: Vec<u8>,
}

impl TextWriter {
    /// Number of texts.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn n_bytes(&self) -> usize {
        self.lens.len() + self.all.len()
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.len += 1;
        put(&mut self.lens, text.len() as u64);
        self.all.extend_from_slice(text.as_bytes());
    }

    /// Appends both columns to bytes, and begins again.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        put_column(out, &self.lens);
        put_column(out, &self.all);
        self.len = 0;
        self.lens.clear();
        self.all.clear();
    }
}

/// A column of texts that are read in order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TextColumn<'b> {
    lens: Reader<'b>,
    all: &'b str,
}

impl<'b> TextColumn<'b> {
    /// The two columns of a [`TextWriter`].
    pub(crate) fn read(bytes: &mut Reader<'b>) -> Option<Self> {
        let lens = Reader(bytes.column()?);
        Some(Self { lens, all: std::str::from_utf8(bytes.column()?).ok()? })
    }

    /// The next text.
    pub(crate) fn next(&mut self) -> Option<&'b str> {
        let len = self.lens.number()?;
        let text;
        (text, self.all) = self.all.split_at_checked(usize::try_from(len).ok()?)?;
        Some(text)
    }

    /// Whether everything is read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.lens.is_at_end() && self.all.is_empty()
    }

    /// How many texts are left, if all of them are whole.
    pub(crate) fn count(mut self) -> Option<usize> {
        let mut n = 0;
        while !self.is_at_end() {
            self.next()?;
            n += 1;
        }
        Some(n)
    }

    /// The texts that are left.
    pub(crate) fn iter(mut self) -> impl Iterator<Item = &'b str> {
        std::iter::from_fn(move || self.next())
    }
}

/// A column of texts by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextTable<'b> {
    all: &'b str,
    ends: Vec<u32>,
}

impl<'b> TextTable<'b> {
    /// The two columns of a [`TextWriter`], with at most so many empty texts: what is remembered of a text is no
    /// larger than twice its bytes.
    pub(crate) fn read(bytes: &mut Reader<'b>, max_empty: usize) -> Option<Self> {
        let column = TextColumn::read(bytes)?;
        let (mut rest, mut n_empty) = (column, 0);
        while !rest.is_at_end() {
            n_empty += usize::from(rest.next()?.is_empty());
        }
        if n_empty > max_empty || u32::try_from(column.all.len()).is_err() {
            return None;
        }
        let mut table = Self { all: column.all, ends: Vec::with_capacity(count(column.lens.0)) };
        let (mut rest, mut end) = (column.lens, 0);
        while let Some(len) = rest.number() {
            end += len as u32;
            table.ends.push(end);
        }
        Some(table)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a number below the length.
    pub(crate) fn get(&self, number: usize) -> &'b str {
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        &self.all[start..self.ends[number] as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'b str> {
        (0..self.len()).map(|number| self.get(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_those_that_are_cut_or_too_large_do_not() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 63, u64::MAX];
        let signed = [0, -1, 1, 63, -64, 64, i64::MIN, i64::MAX];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|&number| put(&mut bytes, number));
        signed.iter().for_each(|&number| put_signed(&mut bytes, number));
        assert_eq!(count(&bytes), numbers.len() + signed.len());
        let mut reader = Reader(&bytes);
        assert!(numbers.iter().all(|&number| reader.number() == Some(number)));
        assert!(signed.iter().all(|&number| reader.signed() == Some(number)));
        assert!(reader.is_at_end() && reader.number().is_none());
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(Reader(bytes).number(), None);
        }
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff, 0x7f]).small(), None);
    }

    #[test]
    fn texts_come_back_and_lengths_that_do_not_fit_are_noticed() {
        let mut writer = TextWriter::default();
        let texts = ["", "a", "äöü", "b"];
        texts.iter().for_each(|text| writer.push(text));
        let mut bytes = Vec::new();
        writer.write(&mut bytes);
        let table = TextTable::read(&mut Reader(&bytes), 1).unwrap();
        assert!(table.iter().eq(texts) && table.len() == 4);
        let mut column = TextColumn::read(&mut Reader(&bytes)).unwrap();
        assert!(column.count() == Some(4) && column.iter().eq(texts));
        assert!(texts.iter().all(|text| column.next() == Some(text)) && column.is_at_end());
        // More empty texts than allowed; then each length another one.
        assert!(TextTable::read(&mut Reader(&bytes), 0).is_none());
        for (place, len) in [(2, 0), (2, 2), (3, 5), (4, 2), (4, 0)] {
            let mut other = bytes.clone();
            other[place] = len;
            assert!(TextTable::read(&mut Reader(&other), 9).is_none(), "{place} {len}");
            let column = TextColumn::read(&mut Reader(&other)).unwrap();
            assert!(column.count().is_none(), "{place} {len}");
        }
    }
}
