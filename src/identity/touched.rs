//! Where profiles may have changed since somebody asked: for a log of changes.
//!
//! Nothing is recorded until somebody follows the graph. Cost then: the nodes of components that were
//! taken apart, and those whose first time or order of links changed.

use super::profile_id::ProfileId;

/// Nodes at which profiles may be others than before, new signatures aside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    /// Every component may be another.
    pub(crate) all: bool,
    /// Nodes of components that were joined, or whose links have another order.
    pub(crate) nodes: Vec<u32>,
    /// Nodes of components that were taken apart, and joined again; events may have moved between them.
    pub(crate) rejoined: Vec<u32>,
    /// Nodes that were removed, with the profile ids of their identifiers.
    pub(crate) removed: Vec<(u32, ProfileId)>,
}

impl Touched {
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() + self.rejoined.len() + self.removed.len()
    }
}
