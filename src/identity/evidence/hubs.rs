//! Counts towards hub rules: with how many values of another kind an identifier was seen.

use std::collections::{BTreeMap, HashSet};

use super::super::policy::{Kind, Kinds};
use super::slot::is_claim;

/// The values of a kind that nodes were seen with, where they had to be counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Hubs(BTreeMap<(u32, Kind), HashSet<u32>>);

impl Hubs {
    /// Counts a value; returns how many there are now.
    pub(super) fn insert(&mut self, node: u32, kind: Kind, value: u32) -> usize {
        let values = self.0.entry((node, kind)).or_default();
        values.insert(value);
        values.len()
    }

    /// Adds the counts of others.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Removes the counts of a node.
    pub(super) fn remove(&mut self, node: u32) {
        let keys: Vec<_> =
            self.0.range((node, 0)..=(node, Kind::MAX)).map(|entry| *entry.0).collect();
        keys.iter().for_each(|key| drop(self.0.remove(key)));
    }
}

/// Whether a hub rule counts the value of one slot for the other.
pub(super) fn counts(kinds: &Kinds, (slot, kind): (u32, Kind), (other, of): (u32, Kind)) -> bool {
    !is_claim(slot | other) && kind != of && kinds.hub(kind, of).is_some()
}

/// Adds, for every slot of a signature, how many values seen with it a hub rule counts; blocked
/// ones included. Nothing is added where that is 0 for all and `weights` is empty.
pub(super) fn add_weights(
    kinds: &Kinds,
    slots: &[u32],
    of: impl Fn(usize) -> Kind,
    weights: &mut Vec<u8>,
) {
    for (i, &slot) in slots.iter().enumerate() {
        let counts = |&j: &usize| counts(kinds, (slot, of(i)), (slots[j], of(j)));
        weights.push((0..slots.len()).filter(counts).count() as u8);
    }
}
