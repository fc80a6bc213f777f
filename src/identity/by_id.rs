//! Nodes by the id of their identifier.

use std::sync::{PoisonError, RwLock};

use hashbrown::HashTable;

use super::evidence::flag;
use super::profile_id::ProfileId;
use super::state::State;

/// Filled at the first question, then extended by the nodes that are new.
#[derive(Debug, Default)]
pub(super) struct ById(RwLock<IdIndex>);

#[derive(Debug, Default)]
struct IdIndex {
    /// Half of the id, and the node.
    table: HashTable<(u64, u32)>,
    /// Nodes before this number are in the table.
    n_nodes: usize,
}

impl Clone for ById {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ById {
    /// The node whose identifier has an id, if it is in a profile.
    pub(super) fn find(&self, state: &State, id: ProfileId) -> Option<u32> {
        let nodes = state.evidence.nodes();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.n_nodes == nodes.len() {
            return known.find(state, id);
        }
        drop(known);
        let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for node in index.n_nodes as u32..nodes.len() as u32 {
            if !nodes.has(node, flag::DEAD) {
                let low = state.id_of_node(node).low_bits();
                index.table.insert_unique(low, (low, node), |entry| entry.0);
            }
        }
        index.n_nodes = nodes.len();
        index.find(state, id)
    }
}

impl ById {
    pub(super) fn bytes(&self) -> usize {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.table.allocation_size()
    }
}

impl IdIndex {
    fn find(&self, state: &State, id: ProfileId) -> Option<u32> {
        let (low, nodes) = (id.low_bits(), state.evidence.nodes());
        let is_same = |&(stored, node): &(u64, u32)| {
            stored == low && !nodes.has(node, flag::DEAD) && state.id_of_node(node) == id
        };
        let node = self.table.find(low, is_same)?.1;
        nodes.is_in_profile(node).then_some(node)
    }
}
