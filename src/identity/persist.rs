//! Graphs kept and compared: serde and equality by way of snapshots.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::graph::IdentityGraph;
use super::snapshot::Snapshot;
use crate::Result;

impl Snapshot {
    /// Restores the graph.
    ///
    /// # Errors
    /// [`Error::InvalidSnapshot`](crate::Error::InvalidSnapshot) if the key is not the one it was made with, or if the content
    /// could not have come from observations: unsorted, repeated or unused identifiers, values
    /// that are not normalised, signatures that would have been refused, times outside the clock,
    /// traces of the forgotten. [`Error::InvalidRule`](crate::Error::InvalidRule) for rules that make no sense.
    pub fn open(self, key: Option<[u8; 16]>) -> Result<IdentityGraph> {
        Ok(IdentityGraph::from_state(self.into_state(key)?))
    }
}

impl PartialEq for IdentityGraph {
    /// Equal rules, key and evidence, whatever order it came in; costs as much as two snapshots.
    fn eq(&self, other: &Self) -> bool {
        self.rules() == other.rules() && self.snapshot() == other.snapshot()
    }
}

impl Serialize for IdentityGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IdentityGraph {
    /// Reads graphs without a key; for others, read a [`Snapshot`] and open it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Snapshot::deserialize(deserializer)?.open(None).map_err(serde::de::Error::custom)
    }
}
