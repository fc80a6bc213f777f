//! What a partition follows from: evidence under a policy; anchors, links, names.

use std::cmp::Ordering;

use super::super::evidence::{IdentityEvidence, flag, is_claim, node_of, slot};
use super::super::policy::{Kind, Name, Policy};
use super::super::profile_id::ProfileId;
use crate::Identifier;

/// An end of a link: a node, and whether it is only claimed there.
pub(crate) type End = (u32, bool);

/// Evidence under a policy.
#[derive(Clone, Copy)]
pub(crate) struct Basis<'g> {
    pub(crate) policy: &'g Policy,
    pub(crate) evidence: &'g IdentityEvidence,
}

impl<'g> Basis<'g> {
    fn has(self, node: u32, flags: u8) -> bool {
        self.evidence.nodes().has(node, flags)
    }

    pub(crate) fn kind(self, node: u32) -> Kind {
        self.evidence.nodes().kind(node)
    }

    /// Which counter counts the values of a node's kind.
    pub(super) fn counter(self, node: u32) -> Option<u16> {
        self.policy.kinds().get(self.kind(node)).counter
    }

    pub(crate) fn is_weak(self, node: u32) -> bool {
        self.policy.kinds().get(self.kind(node)).weak
    }

    /// Whether a rule may part a node from others wherever it belongs.
    pub(super) fn may_part(self, node: u32) -> bool {
        self.is_weak(node) || self.has(node, flag::CANNOT)
    }

    /// Whether a node can be linked: not blocked, not shared, not removed.
    pub(crate) fn is_usable(self, node: u32) -> bool {
        !self.has(node, flag::BLOCKED | flag::SHARED | flag::DEAD)
    }

    /// Whether an end is a claim to an identifier that somebody else verified.
    pub(crate) fn is_futile(self, (node, claimed): End) -> bool {
        claimed && self.has(node, flag::VERIFIED)
    }

    /// Whether a node tells people apart.
    pub(crate) fn is_strong(self, node: u32) -> bool {
        let facts = self.evidence.nodes().get(node);
        self.policy.kinds().get(facts.kind()).strong && !facts.is_only_claimed()
    }

    pub(super) fn rank(self, node: u32) -> u32 {
        self.policy.kinds().rank(self.kind(node))
    }

    /// Orders nodes from the strongest: by rank, then value.
    pub(crate) fn strength_order(self, a: u32, b: u32) -> Ordering {
        let nodes = self.evidence.nodes();
        let ranks = self.rank(a).cmp(&self.rank(b));
        ranks.then_with(|| nodes.value(a).cmp(nodes.value(b)))
    }

    /// Orders nodes by which of them names a profile: one that somebody verified before one that is
    /// only claimed, then the stronger kind, the earlier first time, the smaller value.
    pub(super) fn name_order(self, a: u32, b: u32) -> Ordering {
        let nodes = self.evidence.nodes();
        let order = self.name_key(a).cmp(&self.name_key(b));
        order.then_with(|| nodes.value(a).cmp(nodes.value(b)))
    }

    /// The order of names, but for the values.
    pub(super) fn name_key(self, node: u32) -> (bool, u32, i64) {
        let facts = self.evidence.nodes().get(node);
        let rank = self.policy.kinds().rank(facts.kind());
        (facts.is_only_claimed(), rank, facts.first())
    }

    /// The identifier that an observation belongs to. The first usable one that is not only claimed;
    /// if all are shared, the first unclaimed of them; if only claimed ones are usable, the first of
    /// them unless somebody verified it. A claim alone never attributes an observation to a verified
    /// identifier.
    pub(crate) fn anchor(self, slots: &[u32]) -> Option<u32> {
        let (mut shared, mut claimed) = (None, None);
        for &slot in slots {
            let node = node_of(slot);
            if self.is_usable(node) {
                if !is_claim(slot) {
                    return Some(node);
                }
                claimed = claimed.or(Some(node));
            } else if !is_claim(slot) && self.has(node, flag::SHARED) {
                shared = shared.or(Some(node));
            }
        }
        match claimed {
            Some(node) => (!self.has(node, flag::VERIFIED)).then_some(node),
            None => shared,
        }
    }

    /// The anchor of a signature.
    pub(crate) fn anchor_of(self, sig: u32) -> Option<u32> {
        self.anchor(self.evidence.signatures().slots(sig))
    }

    /// The links of a signature: its anchor with every other usable identifier.
    pub(crate) fn links(
        self,
        slots: &'g [u32],
        anchor: u32,
    ) -> impl Iterator<Item = (End, End)> + 'g {
        let claimed = slots.contains(&slot(anchor, true));
        let ends = slots.iter().map(|&slot| (node_of(slot), is_claim(slot)));
        ends.filter(move |&(node, _)| node != anchor && self.is_usable(node))
            .map(move |other| ((anchor, claimed), other))
    }

    /// The nodes that a signature connects: its anchor, and the other ends of its links that can be
    /// taken. A claim to a verified identifier connects nothing.
    pub(super) fn connected(self, slots: &'g [u32], anchor: u32) -> impl Iterator<Item = u32> + 'g {
        let links = self.links(slots, anchor).filter(move |link| !self.is_futile(link.1));
        links.map(|(_, other)| other.0)
    }

    /// The signatures anchored at a node.
    pub(crate) fn anchored(self, node: u32) -> impl Iterator<Item = u32> + 'g {
        let all = self.evidence.signatures_of(node).map(|(sig, _)| sig);
        all.filter(move |&sig| self.anchor_of(sig) == Some(node))
    }

    /// A node as an identifier; `claimed` if every observation claims it.
    pub(crate) fn identifier(self, node: u32) -> Identifier<'g> {
        let facts = self.evidence.nodes().get(node);
        let kind = &*self.policy.kinds().get(facts.kind()).name;
        let value = self.evidence.nodes().value(node);
        Identifier { claimed: facts.is_only_claimed(), ..Identifier::new(kind, value) }
    }

    /// Nodes as identifiers, from the strongest.
    pub(crate) fn sorted(self, mut nodes: Vec<u32>) -> Vec<Identifier<'g>> {
        nodes.sort_unstable_by(|&a, &b| self.strength_order(a, b));
        nodes.into_iter().map(|node| self.identifier(node)).collect()
    }

    pub(crate) fn name(self, node: u32) -> Name {
        let kind = self.policy.kinds().get(self.kind(node)).name.to_string();
        Name { kind, value: self.evidence.nodes().value(node).to_owned() }
    }

    pub(crate) fn id_of_node(self, node: u32) -> ProfileId {
        let kind = &self.policy.kinds().get(self.kind(node)).name;
        self.policy.id_of(kind, self.evidence.nodes().value(node))
    }
}
