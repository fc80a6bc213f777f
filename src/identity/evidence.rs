//! What was observed: identifiers (`nodes`), and the sets of them that came together (`signatures`).
//!
//! An identifier is a *node*, a 32-bit number; its text is stored once. Observations that carry the
//! same identifiers are one *signature* with first and last time, a count, and the id of the first
//! message. Every node heads a list of its signatures that runs through the signatures themselves.
//! Look-up is a table of numbers with their hashes (`table`); the hash is randomly seeded and never
//! reaches a result.

mod nodes;
mod signatures;

pub(crate) use nodes::{Node, Nodes};
pub(crate) use signatures::Signatures;

/// No signature, no node.
pub(crate) const NONE: u32 = u32::MAX;
/// Set on a slot whose identifier is merely claimed.
pub(crate) const CLAIM: u32 = 1 << 31;
/// Nodes and signatures are numbered below this.
pub(crate) const CAPACITY: usize = CLAIM as usize - 1;

/// Facts of a node, one bit each.
pub(crate) mod flag {
    pub(crate) const BLOCKED: u8 = 1;
    pub(crate) const SHARED: u8 = 2;
    /// Some observation carries it unclaimed.
    pub(crate) const VERIFIED: u8 = 4;
    /// Some observation carries it.
    pub(crate) const SEEN: u8 = 8;
    /// Gone; its number is not used again.
    pub(crate) const DEAD: u8 = 16;
    /// An end of a must-link that holds.
    pub(crate) const MUST: u8 = 32;
    /// An end of a cannot-link.
    pub(crate) const CANNOT: u8 = 64;
    /// On the root of a component: a rule may bite.
    pub(crate) const BITTEN: u8 = 128;
}

/// When a signature was seen, and how often. Times outside the clock are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// `i64::MAX` if no time can be trusted.
    pub(crate) first: i64,
    /// `i64::MIN` if no time can be trusted.
    pub(crate) last: i64,
    /// Observations; stays at the greatest number.
    pub(crate) count: u32,
}

impl Times {
    pub(crate) fn once(at: Option<i64>) -> Self {
        Self { first: at.unwrap_or(i64::MAX), last: at.unwrap_or(i64::MIN), count: 1 }
    }

    /// As `once`, of a time that is `i64::MAX` if none can be trusted.
    pub(crate) fn from_mark(at: i64) -> Self {
        Self::once((at != i64::MAX).then_some(at))
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
    }
}
