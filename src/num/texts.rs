//! A column of texts that stand end to end, to be written and read in one go.

use serde::{Deserialize, Serialize};

/// Texts end to end, with the number of bytes of each.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TextColumn {
    bytes: Vec<u32>,
    all: String,
}

impl TextColumn {
    /// Number of texts.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.push(text.len() as u32);
        self.all.push_str(text);
    }

    /// The texts one by one; `None` if the numbers of bytes do not fit.
    pub(crate) fn split(&self) -> Option<Vec<&str>> {
        let mut rest = &*self.all;
        let mut texts = Vec::with_capacity(self.len());
        for &n_bytes in &self.bytes {
            let (text, after) = rest.split_at_checked(n_bytes as usize)?;
            texts.push(text);
            rest = after;
        }
        rest.is_empty().then_some(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_numbers_of_bytes_that_do_not_fit_are_noticed() {
        let mut column = TextColumn::default();
        let texts = ["", "a", "äöü", "", "b"];
        texts.iter().for_each(|text| column.push(text));
        assert_eq!((column.len(), column.split()), (5, Some(texts.to_vec())));
        for (place, n_bytes) in [(1, 0), (1, 2), (2, 5), (4, 2), (4, 0)] {
            let mut other = column.clone();
            other.bytes[place] = n_bytes;
            assert_eq!(other.split(), None);
        }
    }
}
