//! A row that was found, and the order of those found.

use std::cmp::Ordering;

/// A row and how far away it is, as a reduced distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbor {
    pub(crate) reduced: f64,
    pub(crate) row: u32,
}

impl Neighbor {
    /// Nearest first, ties by row.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.reduced.total_cmp(&other.reduced).then(self.row.cmp(&other.row))
    }
}
