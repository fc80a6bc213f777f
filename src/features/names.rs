//! Columns by name: few are compared one by one, many are looked up in a map that is made once.
//!
//! Cost: below 32 columns a comparison each; else one hash.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Columns from which on a map pays.
const MANY: usize = 32;

/// Where each name stands. It says nothing that the columns do not, so that all are equal.
#[derive(Debug, Clone, Default)]
pub(super) struct NamePlaces(OnceLock<HashMap<String, usize>>);

impl PartialEq for NamePlaces {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl NamePlaces {
    /// Where the column of this name stands among `names`, which are in their order.
    pub(super) fn position<'a>(
        &self,
        name: &str,
        mut names: impl ExactSizeIterator<Item = &'a String>,
    ) -> Option<usize> {
        if names.len() < MANY {
            return names.position(|known| known == name);
        }
        let places = || names.enumerate().map(|(place, name)| (name.clone(), place)).collect();
        self.0.get_or_init(places).get(name).copied()
    }

    /// A column of this name was added at the end.
    pub(super) fn push(&mut self, name: &str, place: usize) {
        if let Some(places) = self.0.get_mut() {
            places.insert(name.to_owned(), place);
        }
    }
}
