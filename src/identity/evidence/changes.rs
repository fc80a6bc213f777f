//! What evidence changed that the partition has yet to follow.

/// Changes since the partition was last brought up to date.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending {
    /// Nodes that became or ceased to be shared or verified: their links changed.
    pub(crate) flipped: Vec<u32>,
    /// Nodes with an earlier first time: they may name their profile now.
    pub(crate) earlier: Vec<u32>,
    /// Signatures with another first or last time: the order of their links changed.
    pub(crate) retimed: Vec<u32>,
    /// Nodes from this number on are new; what is recorded of them need not be kept here.
    pub(crate) n_known: usize,
}

impl Pending {
    /// Records that a node has an earlier first time.
    pub(crate) fn earlier(&mut self, node: u32) {
        if (node as usize) < self.n_known {
            self.earlier.push(node);
        }
    }

    /// Adds other changes since the same moment.
    pub(super) fn append(&mut self, others: Self) {
        self.flipped.extend(others.flipped);
        self.earlier.extend(others.earlier);
        self.retimed.extend(others.retimed);
    }

    /// Removes all changes and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.flipped.clear();
        self.earlier.clear();
        self.retimed.clear();
    }
}
