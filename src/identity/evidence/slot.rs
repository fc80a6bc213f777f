//! Numbers of nodes and signatures, and the slots of a signature.

/// No signature, no node.
pub(crate) const NONE: u32 = u32::MAX;
/// Set on a slot whose identifier is only claimed.
pub(crate) const CLAIM: u32 = 1 << 31;
/// Nodes and signatures are numbered below this.
pub(crate) const CAPACITY: usize = CLAIM as usize - 1;

/// The slot of a node.
pub(crate) fn slot(node: u32, claimed: bool) -> u32 {
    node | if claimed { CLAIM } else { 0 }
}

/// The node of a slot.
pub(crate) fn node_of(slot: u32) -> u32 {
    slot & !CLAIM
}

/// Whether a slot is only claimed.
pub(crate) fn is_claim(slot: u32) -> bool {
    slot & CLAIM != 0
}
