//! The categories of a column: which there are, how often each occurs, and which one every row has.
//!
//! Most columns have few categories, and most of their names are short: a text is compared with each by its
//! length and first eight bytes, which are one word. Further categories are found by hashing.
//!
//! Cost: O(n) per column, and O(c log c) for c categories.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::dictionary::NONE;

/// The categories of a column of texts.
#[derive(Debug)]
pub(crate) struct Categories<'a> {
    /// By name, and how many rows have each.
    pub(crate) names: Vec<&'a str>,
    pub(crate) totals: Vec<usize>,
    /// The category of every row, as a place among the names; [`NONE`] without a value.
    pub(crate) codes: Vec<u32>,
}

impl<'a> Categories<'a> {
    pub(crate) fn new(values: &'a [Option<String>]) -> Self {
        let mut found = CategoryIndex::default();
        let mut totals: Vec<usize> = Vec::new();
        let mut codes: Vec<u32> = Vec::with_capacity(values.len());
        for value in values {
            codes.push(value.as_ref().map_or(NONE, |text| {
                let code = found.of(text).unwrap_or_else(|| found.insert(text));
                totals.resize(totals.len().max(code + 1), 0);
                totals[code] += 1;
                code as u32
            }));
        }
        // By name, whatever the order of the rows.
        let names = found.names;
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        by_name.sort_unstable_by_key(|&code| names[code]);
        let mut code_of = vec![0; names.len()];
        by_name.iter().enumerate().for_each(|(code, &old)| code_of[old] = code as u32);
        for code in codes.iter_mut().filter(|code| **code != NONE) {
            *code = code_of[*code as usize];
        }
        let names = by_name.iter().map(|&code| names[code]).collect();
        let totals = by_name.iter().map(|&code| totals[code]).collect();
        Self { names, totals, codes }
    }

    /// At most so many categories that at least `least` rows have: the most frequent first, of equal ones the
    /// first by name.
    pub(crate) fn most_frequent(&self, most: usize, least: usize) -> Vec<usize> {
        let all = 0..self.names.len();
        let mut frequent: Vec<usize> = all.filter(|&code| self.totals[code] >= least).collect();
        frequent.sort_unstable_by_key(|&code| (Reverse(self.totals[code]), code));
        frequent.truncate(most);
        frequent
    }
}

/// Numbers categories in the order they come in, and finds them by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct CategoryIndex<'a> {
    names: Vec<&'a str>,
    /// What the first names begin with.
    first_bytes: Vec<FirstBytes>,
    /// The others.
    more: HashMap<&'a str, usize>,
}

/// So many categories are compared one by one.
const FEW: usize = 8;

impl<'a> CategoryIndex<'a> {
    /// Names that differ from each other.
    pub(crate) fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut index = Self::default();
        names.into_iter().for_each(|name| _ = index.insert(name));
        index
    }

    /// The number of a category; none if it is new.
    pub(crate) fn of(&self, name: &str) -> Option<usize> {
        let start = FirstBytes::of(name);
        for (code, other) in self.first_bytes.iter().enumerate() {
            if *other == start && (start.is_whole() || self.names[code] == name) {
                return Some(code);
            }
        }
        if self.more.is_empty() { None } else { self.more.get(name).copied() }
    }

    /// Numbers a new category.
    fn insert(&mut self, name: &'a str) -> usize {
        let code = self.names.len();
        self.names.push(name);
        if code < FEW {
            self.first_bytes.push(FirstBytes::of(name));
        } else {
            self.more.insert(name, code);
        }
        code
    }
}

/// The length of a text and its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FirstBytes {
    len: usize,
    first: u64,
}

impl FirstBytes {
    /// So many bytes.
    const MOST: usize = 8;

    #[inline]
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let four =
            |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u64::from(u32::from_le_bytes(*b)));
        // Whole words, which may overlap: no loop over a length that differs from text to text.
        let first = match bytes {
            [_, _, _, _, _, _, _, _, ..] => four(bytes) | four(&bytes[4..]) << 32,
            [_, _, _, _, ..] => four(bytes) | four(&bytes[bytes.len() - 4..]) << 32,
            [a, .., z] => {
                u64::from(*a) | u64::from(bytes[bytes.len() / 2]) << 8 | u64::from(*z) << 16
            }
            [a] => u64::from(*a),
            [] => 0,
        };
        Self { len: bytes.len(), first }
    }

    /// Whether no other text has the same.
    fn is_whole(self) -> bool {
        self.len <= Self::MOST
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn categories_have_their_codes_by_name_and_missing_ones_none() {
        let values = ["b", "a", "", "b"].map(|v| (!v.is_empty()).then(|| v.to_owned()));
        let categories = Categories::new(&values);
        assert_eq!([1, 2].map(|least| categories.most_frequent(9, least)), [vec![1, 0], vec![1]]);
        assert_eq!(categories.most_frequent(1, 0), [1]);
        assert_eq!((categories.names, categories.totals), (vec!["a", "b"], vec![1, 2]));
        assert_eq!(categories.codes, [1, 0, NONE, 1]);
    }

    proptest! {
        #[test]
        fn first_bytes_are_those_of_one_text_of_up_to_eight_bytes(a in "[abü]{0,9}", b in "[abü]{0,9}") {
            let (one, other) = (FirstBytes::of(&a), FirstBytes::of(&b));
            prop_assert!(a != b || one == other);
            prop_assert!(one != other || !one.is_whole() || a == b);
        }

        #[test]
        fn categories_are_those_of_a_sorted_map(
            texts in prop::collection::vec(prop::option::of("[ab]{0,3}|[ab]{9}|long name [a-z]"), 0..80),
        ) {
            let mut counts = std::collections::BTreeMap::new();
            texts.iter().flatten().for_each(|text| *counts.entry(text.as_str()).or_insert(0) += 1);
            let categories = Categories::new(&texts);
            let found = categories.names.iter().copied().zip(categories.totals);
            prop_assert_eq!(found.collect::<Vec<_>>(), counts.into_iter().collect::<Vec<_>>());
            for (text, code) in texts.iter().zip(categories.codes) {
                let name = (code != NONE).then(|| categories.names[code as usize]);
                prop_assert_eq!(name, text.as_deref());
            }
            let index = CategoryIndex::new(categories.names.iter().copied());
            for (code, name) in categories.names.iter().enumerate() {
                prop_assert_eq!(index.of(name), Some(code));
            }
            prop_assert_eq!(index.of("none of them"), None);
        }
    }
}
