//! Who is shared, verified, and since when: what all observations together say of an identifier.
//!
//! An identifier is shared if it was seen, unclaimed, with more values of some kind than the hub
//! rule allows. A rough count, one byte per identifier, says when an exact count is worth while.

use super::super::policy::{Kind, Policy};
use super::IdentityEvidence;
use super::changes::Pending;
use super::hubs::{Hubs, counts};
use super::nodes::{EXACT, flag};
use super::signatures::ListWalk;
use super::slot::node_of;

impl IdentityEvidence {
    /// Counts what a node is seen with in a signature, exactly; the node flips if that makes it
    /// shared.
    pub(super) fn count_values(
        &mut self,
        policy: &Policy,
        node: u32,
        sig: u32,
        changes: &mut Pending,
    ) {
        if self.nodes.has(node, flag::BLOCKED | flag::SHARED) {
            return;
        }
        let is_shared = if self.nodes.degree(node) == EXACT {
            let counted: Vec<(Kind, u32)> = self.counted(policy, node, sig).collect();
            counted.into_iter().any(|(of, value)| {
                let limit = policy.kinds().hub(self.nodes.kind(node), of);
                let n = self.hubs.insert(node, of, value);
                limit.is_some_and(|limit| n > limit)
            })
        } else {
            self.count_all_values(policy, node)
        };
        if is_shared {
            self.hubs.remove(node);
            self.nodes.add_flags(node, flag::SHARED);
            changes.flipped.push(node);
        }
    }

    /// The values of a signature that a hub rule counts for a node: kind and class.
    fn counted<'e>(
        &'e self,
        policy: &'e Policy,
        node: u32,
        sig: u32,
    ) -> impl Iterator<Item = (Kind, u32)> + 'e {
        let kind = self.nodes.kind(node);
        let others = self.signatures.slots(sig).iter().filter(move |&&other| {
            counts(policy.kinds(), (node, kind), (other, self.nodes.kind(node_of(other))))
                && !self.nodes.has(other, flag::BLOCKED)
        });
        others.map(|&other| (self.nodes.kind(other), policy.manual.class(other)))
    }

    /// Counts all values a node was seen with; returns whether they are more than the rules allow.
    /// Stops as soon as that is certain: of a shared identifier with a million signatures only some
    /// are read.
    fn count_all_values(&mut self, policy: &Policy, node: u32) -> bool {
        self.nodes.set_exact(node);
        self.hubs.remove(node);
        let mut hubs = Hubs::default();
        let is_shared = self.find_live(node, |evidence, (sig, claimed)| {
            let counted = evidence.counted(policy, node, sig).filter(|_| !claimed);
            counted.into_iter().any(|(of, value)| {
                let limit = policy.kinds().hub(evidence.nodes.kind(node), of);
                let n = hubs.insert(node, of, value);
                limit.is_some_and(|limit| n > limit)
            })
        });
        if !is_shared {
            self.hubs.append(hubs);
        }
        is_shared
    }

    /// Whether something holds of a live signature of a node, from the latest on. Dead ones before it
    /// are removed from the node's list: where people come and go who share an identifier, their
    /// signatures would stand in the way of every later walk.
    fn find_live(&mut self, node: u32, mut holds: impl FnMut(&Self, (u32, bool)) -> bool) -> bool {
        let mut walk = ListWalk::new(node, self.nodes.head(node));
        let mut found = false;
        while !found && let Some(live) = self.signatures.next_live(&mut walk) {
            found = holds(self, live);
        }
        self.nodes.set_head(node, walk.head);
        found
    }

    /// Computes again what the evidence says of a node after signatures were removed, the earliest
    /// of time `removed`, or added; the node flips if that changes its links.
    pub(crate) fn reconsider(
        &mut self,
        policy: &Policy,
        node: u32,
        removed: i64,
        changes: &mut Pending,
    ) {
        if self.nodes.has(node, flag::DEAD) {
            return;
        }
        let before = self.nodes.flags(node);
        let mut after = before & !(flag::VERIFIED | flag::SEEN | flag::SHARED);
        self.find_live(node, |_, (_, claimed)| {
            after |= if claimed { flag::SEEN } else { flag::SEEN | flag::VERIFIED };
            !claimed
        });
        self.nodes.set_flags(node, after);
        let verified = after & flag::VERIFIED != 0;
        if removed <= self.nodes.get(node).first() || (before ^ after) & flag::VERIFIED != 0 {
            let copies = self.signatures_of(node).filter(|&(_, claimed)| !(claimed && verified));
            let first = copies.map(|(sig, _)| self.signatures.first(sig)).min();
            self.nodes.set_first(node, first.unwrap_or(i64::MAX));
        }
        if after & flag::BLOCKED == 0 && self.count_all_values(policy, node) {
            self.nodes.add_flags(node, flag::SHARED);
        }
        if self.nodes.flags(node) != before {
            changes.flipped.push(node);
        }
    }
}
