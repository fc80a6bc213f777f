//! What the whole set says of an identifier: verified, shared, since when; and what follows for a
//! signature: its anchor and its links.
//!
//! An identifier is shared if it was seen, unclaimed, with more values of some kind than the hub
//! rule allows. A rough counter, one byte per identifier, says when it is worth counting exactly.

use std::collections::{BTreeMap, HashSet};

use super::IdentityGraph;
use super::evidence::{CLAIM, Node, Times, flag};
use super::kinds::Kind;

/// In the rough counter: the values are counted exactly in `hubs`.
pub(crate) const EXACT: u8 = u8::MAX;

impl IdentityGraph {
    /// Not blocked, not shared, not gone.
    pub(crate) fn is_usable(&self, node: u32) -> bool {
        !self.nodes.has(node, flag::BLOCKED | flag::SHARED | flag::DEAD)
    }

    /// A claim to an identifier that somebody else verified.
    pub(crate) fn is_futile(&self, slot: (u32, bool)) -> bool {
        slot.1 && self.nodes.has(slot.0, flag::VERIFIED)
    }

    pub(crate) fn is_strong(&self, node: u32) -> bool {
        let only_claimed =
            self.nodes.facts[node as usize].flags & (flag::VERIFIED | flag::SEEN) == flag::SEEN;
        self.kinds.get(self.nodes.kind(node)).strong && !only_claimed
    }

    /// Whether `a` comes before `b` by rank, then value.
    pub(crate) fn stronger(&self, a: u32, b: u32) -> bool {
        let rank = |node| self.kinds.rank(self.nodes.kind(node));
        let ranks = rank(a).cmp(&rank(b));
        ranks.then_with(|| self.nodes.value(a).cmp(self.nodes.value(b))).is_lt()
    }

    /// The identifier that an event belongs to. The first usable one that is not merely claimed; if
    /// all are shared, the first unclaimed of them; if only claimed ones are usable, the first of
    /// them unless somebody verified it. A claim alone never attributes an event to a verified
    /// identifier.
    pub(crate) fn anchor(&self, slots: &[u32]) -> Option<u32> {
        let (mut shared, mut claimed) = (None, None);
        for &slot in slots {
            let node = slot & !CLAIM;
            if self.is_usable(node) {
                if slot & CLAIM == 0 {
                    return Some(node);
                }
                claimed = claimed.or(Some(node));
            } else if slot & CLAIM == 0 && self.nodes.has(node, flag::SHARED) {
                shared = shared.or(Some(node));
            }
        }
        match claimed {
            Some(node) => (!self.nodes.has(node, flag::VERIFIED)).then_some(node),
            None => shared,
        }
    }

    /// The links of a signature: its anchor with every other usable identifier.
    pub(crate) fn links<'a>(
        &'a self,
        slots: &'a [u32],
        anchor: u32,
    ) -> impl Iterator<Item = ((u32, bool), (u32, bool))> + 'a {
        let end = |slot: u32| (slot & !CLAIM, slot & CLAIM != 0);
        let claimed = slots.contains(&(anchor | CLAIM));
        let others = slots.iter().map(move |&slot| end(slot));
        others
            .filter(move |&(node, _)| node != anchor && self.is_usable(node))
            .map(move |other| ((anchor, claimed), other))
    }

    /// Adds an observation, or several of one signature; what it changes of others is left pending.
    pub(crate) fn record(&mut self, slots: &[u32], times: Times, message: Option<&str>) -> u32 {
        let hash = self.signatures.hash(slots);
        if let Some(sig) = self.signatures.find_hashed(hash, slots) {
            self.repeat(sig, times, message);
            return sig;
        }
        let sig = self.signatures.push_hashed(hash, slots, times, message, &mut self.nodes);
        for &slot in slots {
            self.note_seen(slot, times.first);
        }
        if slots.len() > 1 {
            self.note_hubs(sig, slots);
        }
        self.join(sig);
        for &slot in slots {
            self.unsettle(slot & !CLAIM);
        }
        sig
    }

    /// Adds an observation to its signature, which is there.
    pub(crate) fn repeat(&mut self, sig: u32, times: Times, message: Option<&str>) {
        let before = self.signatures.times(sig);
        self.signatures.repeat(sig, times, message);
        let after = self.signatures.times(sig);
        let is_earlier = after.first < before.first;
        if is_earlier || after.last > before.last {
            self.note_repeat(sig, is_earlier);
        }
    }

    /// Notes that a signature was seen outside the times it had been: earlier, or later only.
    pub(crate) fn note_repeat(&mut self, sig: u32, is_earlier: bool) {
        if !is_earlier && !self.rules.latest() {
            return;
        }
        let first = self.signatures.first(sig);
        for i in self.signatures.range(sig) {
            let slot = self.signatures.all_slots()[i];
            if is_earlier {
                self.note_first(slot, first);
            }
            self.unsettle(slot & !CLAIM);
        }
    }

    /// As `note_repeat`, for a signature whose components are yet to be joined.
    pub(crate) fn note_unjoined(&mut self, sig: u32) {
        let first = self.signatures.first(sig);
        for i in self.signatures.range(sig) {
            let slot = self.signatures.all_slots()[i];
            self.node_mut(slot).lower(slot & CLAIM != 0, first);
        }
    }

    fn node_mut(&mut self, slot: u32) -> &mut Node {
        &mut self.nodes.facts[(slot & !CLAIM) as usize]
    }

    fn note_seen(&mut self, slot: u32, at: i64) {
        if self.node_mut(slot).see(slot & CLAIM != 0) {
            self.pending.push(slot & !CLAIM);
        }
        self.note_first(slot, at);
    }

    fn note_first(&mut self, slot: u32, at: i64) {
        if self.node_mut(slot).lower(slot & CLAIM != 0, at) {
            self.offer(slot & !CLAIM);
        }
    }

    /// Lets a node name its component, if it is better than the one that does.
    pub(crate) fn offer(&mut self, node: u32) {
        if !self.sets.is_alone(node) {
            let root = self.sets.root(node);
            self.sets.offer(root, node, &self.nodes, &self.kinds);
        }
    }

    /// The kinds whose values count towards making this slot's identifier shared.
    fn counts_for(&self, slot: u32, other: u32) -> bool {
        let (kind, of) = (self.nodes.kind(slot & !CLAIM), self.nodes.kind(other & !CLAIM));
        (slot | other) & CLAIM == 0
            && kind != of
            && !self.nodes.has(slot, flag::BLOCKED)
            && !self.nodes.has(other, flag::BLOCKED)
            && self.kinds.hub(kind, of).is_some()
    }

    fn note_hubs(&mut self, sig: u32, slots: &[u32]) {
        let least = self.kinds.least_hub().min(usize::from(EXACT) - 1);
        for &slot in slots {
            if slot & CLAIM != 0 || self.nodes.has(slot, flag::BLOCKED | flag::SHARED) {
                continue;
            }
            let n = slots.iter().filter(|&&other| self.counts_for(slot, other)).count();
            let degree = self.nodes.facts[slot as usize].degree;
            let rough = usize::from(degree) + n;
            if n > 0 && (degree == EXACT || rough > least) {
                self.note_values(slot, sig);
            } else {
                self.nodes.facts[slot as usize].degree = rough as u8;
            }
        }
    }

    /// Counts what a node is seen with in a signature, exactly.
    pub(crate) fn note_values(&mut self, node: u32, sig: u32) {
        if self.nodes.has(node, flag::BLOCKED | flag::SHARED) {
            return;
        }
        let is_shared = if self.nodes.facts[node as usize].degree == EXACT {
            let slots = self.signatures.slots(sig).to_vec();
            let counted = |&other: &u32| self.counts_for(node, other);
            let others: Vec<u32> = slots.into_iter().filter(counted).collect();
            others.into_iter().any(|other| self.count_hub(node, other))
        } else {
            self.count_exactly(node)
        };
        if is_shared {
            self.share(node);
        }
    }

    /// Counts one value for a node; whether it is more than the rule allows.
    fn count_hub(&mut self, node: u32, other: u32) -> bool {
        let of = self.nodes.kind(other);
        let Some(limit) = self.kinds.hub(self.nodes.kind(node), of) else { return false };
        let values = self.hubs.entry((node, of)).or_default();
        values.insert(self.manual.class(other));
        values.len() > limit
    }

    /// Counts all values a node was seen with; whether they are more than the rules allow. Stops as
    /// soon as that is certain.
    fn count_exactly(&mut self, node: u32) -> bool {
        self.nodes.facts[node as usize].degree = EXACT;
        self.drop_hubs(node);
        let mut hubs: BTreeMap<Kind, HashSet<u32>> = BTreeMap::new();
        for (sig, claimed) in self.signatures.of(&self.nodes, node) {
            if claimed {
                continue;
            }
            for &other in self.signatures.slots(sig) {
                if !self.counts_for(node, other) {
                    continue;
                }
                let of = self.nodes.kind(other);
                let values = hubs.entry(of).or_default();
                values.insert(self.manual.class(other));
                let limit = self.kinds.hub(self.nodes.kind(node), of);
                if limit.is_some_and(|n| values.len() > n) {
                    return true;
                }
            }
        }
        self.hubs.extend(hubs.into_iter().map(|(of, values)| ((node, of), values)));
        false
    }

    pub(crate) fn drop_hubs(&mut self, node: u32) {
        let keys: Vec<(u32, Kind)> =
            self.hubs.range((node, 0)..=(node, Kind::MAX)).map(|entry| *entry.0).collect();
        for key in keys {
            self.hubs.remove(&key);
        }
    }

    fn share(&mut self, node: u32) {
        self.drop_hubs(node);
        self.nodes.facts[node as usize].flags |= flag::SHARED;
        self.pending.push(node);
    }

    /// Computes anew what the evidence says of a node after signatures were removed, the earliest
    /// of time `removed`, or added; leaves the node pending if that changes its links.
    ///
    /// Of a shared identifier with a million signatures only some are looked at.
    pub(crate) fn reconsider(&mut self, node: u32, removed: i64) {
        let i = node as usize;
        if self.nodes.has(node, flag::DEAD) {
            return;
        }
        let before = self.nodes.facts[i].flags;
        if before & flag::SHARED == 0 {
            self.signatures.prune(&mut self.nodes, node);
        }
        let mut after = before & !(flag::VERIFIED | flag::SEEN | flag::SHARED);
        for (_, claim) in self.signatures.of(&self.nodes, node) {
            after |= flag::SEEN;
            if !claim {
                after |= flag::VERIFIED;
                break;
            }
        }
        self.nodes.facts[i].flags = after;
        let verified = after & flag::VERIFIED != 0;
        if removed <= self.nodes.facts[i].first || (before ^ after) & flag::VERIFIED != 0 {
            let copies = self.signatures.of(&self.nodes, node);
            let copies = copies.filter(|&(_, claim)| !(claim && verified));
            let first = copies.map(|(sig, _)| self.signatures.times(sig).first).min();
            self.nodes.facts[i].first = first.unwrap_or(i64::MAX);
        }
        if after & flag::BLOCKED == 0 && self.count_exactly(node) {
            self.nodes.facts[i].flags |= flag::SHARED;
        }
        if self.nodes.facts[i].flags != before {
            self.pending.push(node);
        }
    }
}
