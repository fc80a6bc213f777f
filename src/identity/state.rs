//! The three parts of a graph together, and the steps that concern more than one of them.
//!
//! Between calls of [`IdentityGraph`](super::IdentityGraph) the partition is up to date with the
//! evidence, and every manual link of the rules is numbered.

use std::collections::BTreeMap;

use super::aliases::{self, AliasLinks};
use super::evidence::{IdentityEvidence, PackedBatch, Recorded, Times, flag, node_of};
use super::partition::{Basis, Partition};
use super::policy::{
    CheckedIdentifier, MAX_KINDS, Name, PREVIOUS, Pair, Policy, Relation, Rules, can_be_alias,
};
use super::touched::Touched;
use crate::event::Observations;
use crate::{Refusal, Result};

/// Policy, evidence and partition.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(super) policy: Policy,
    pub(super) evidence: IdentityEvidence,
    pub(super) partition: Partition,
    /// What the aliases of each previous id make.
    aliases: BTreeMap<u32, AliasLinks>,
}

impl State {
    pub(super) fn new(rules: Rules) -> Result<Self> {
        let policy = Policy::new(rules)?;
        let partition = Partition::new(policy.kinds().n_counters());
        let mut state = Self {
            policy,
            evidence: IdentityEvidence::default(),
            partition,
            aliases: BTreeMap::new(),
        };
        let links = |state: &Self, relation| -> Vec<Pair> {
            let rules = state.policy.rules();
            let links = if relation == Relation::Must { rules.must() } else { rules.cannot() };
            links.iter().cloned().collect()
        };
        for relation in [Relation::Must, Relation::Cannot] {
            for pair in links(&state, relation) {
                state.check_room_for(&pair)?;
                state.number_link(relation, &pair);
            }
        }
        state.follow();
        Ok(state)
    }

    pub(super) fn basis(&self) -> Basis<'_> {
        Basis { policy: &self.policy, evidence: &self.evidence }
    }

    // Recording.

    /// Checks and packs a batch; reads only.
    pub(super) fn pack(
        &self,
        batch: &Observations<'_>,
        skip: impl Fn(usize) -> bool,
    ) -> PackedBatch {
        PackedBatch::of(&self.policy, batch, skip)
    }

    /// Records packed batches in order, and leaves the partition behind.
    pub(super) fn record(&mut self, packed: Vec<PackedBatch>) -> Vec<Recorded> {
        self.evidence.record(&mut self.policy, packed, self.partition.changes())
    }

    /// Records a batch of one, and leaves the partition behind; the signature, or none if it is
    /// suppressed.
    pub(super) fn record_one(
        &mut self,
        packed: &PackedBatch,
    ) -> std::result::Result<Option<u32>, Refusal> {
        self.evidence.record_one(&mut self.policy, packed, self.partition.changes())
    }

    /// Records observations of one set of checked identifiers, and leaves the partition behind.
    pub(super) fn record_parts(
        &mut self,
        parts: &[CheckedIdentifier<'_>],
        times: Times,
        message: Option<&str>,
    ) -> std::result::Result<u32, Refusal> {
        let changes = self.partition.changes();
        self.evidence.record_parts(&mut self.policy, parts, times, message, changes)
    }

    /// Brings the partition up to date.
    pub(super) fn follow(&mut self) {
        self.follow_at(&[]);
    }

    /// As [`State::follow`], where more than links changed at some nodes.
    fn follow_at(&mut self, nodes: &[u32]) {
        let signatures = self.evidence.signatures();
        let new = self.partition.n_joined() as u32..signatures.len() as u32;
        let seen = signatures.slots_of_range(new.clone()).iter().map(|&slot| node_of(slot));
        // Of a user id that is shared now, all alias calls.
        let flipped = self.partition.flipped().iter().flat_map(|&node| {
            let calls = self.evidence.signatures_of(node);
            let slots = calls.flat_map(|(sig, _)| signatures.slots(sig)).map(|&slot| node_of(slot));
            slots.chain([node])
        });
        let changed = flipped.chain(nodes.iter().copied());
        let all_calls = aliases::concerned(self.basis(), changed);
        let mut new_calls = aliases::concerned(self.basis(), seen);
        new_calls.retain(|previous| all_calls.binary_search(previous).is_err());
        let calls = match new_calls.is_empty() {
            true => Vec::new(),
            false => aliases::calls_among(self.basis(), new),
        };
        let basis = Basis { policy: &self.policy, evidence: &self.evidence };
        self.partition.follow(basis);
        all_calls.into_iter().for_each(|node| self.update_aliases(node));
        for previous in new_calls {
            let start = calls.partition_point(|call| call.0 < previous);
            let own = calls[start..].iter().take_while(|call| call.0 == previous);
            self.add_alias_calls(previous, &own.map(|call| call.1).collect::<Vec<_>>());
        }
    }

    /// As [`State::update_aliases`], where nothing but new calls can have changed it: however many calls
    /// there were before, they are not read again.
    fn add_alias_calls(&mut self, previous: u32, calls: &[u32]) {
        let known = self.aliases.get(&previous);
        let added = known.and_then(|known| aliases::added(self.basis(), previous, known, calls));
        let Some(added) = added else { return self.update_aliases(previous) };
        if let Some(known) = self.aliases.get_mut(&previous) {
            known.links.extend(&added);
        }
        added.into_iter().for_each(|(a, b)| self.change_alias_link(a, b, true));
    }

    /// Adds and removes the links of a previous id's aliases, so that they are what the evidence says.
    fn update_aliases(&mut self, previous: u32) {
        let made = aliases::links_of(self.basis(), previous);
        let wanted = made.links.clone();
        let known = match made.is_empty() {
            true => self.aliases.remove(&previous),
            false => self.aliases.insert(previous, made),
        };
        let known = known.unwrap_or_default().links;
        for &(a, b) in known.difference(&wanted) {
            // Two users can each have been the other's previous id.
            let reverse =
                self.evidence.find(&self.policy, PREVIOUS, self.evidence.nodes().value(a));
            let reverse = reverse.and_then(|previous| self.aliases.get(&previous));
            if !reverse.is_some_and(|made| made.links.contains(&(b, a))) {
                self.change_alias_link(a, b, false);
            }
        }
        for &(a, b) in wanted.difference(&known) {
            self.change_alias_link(a, b, true);
        }
    }

    /// Takes back the link of an alias between two identifiers, also one that is still to come: the
    /// order in which calls and corrections arrive must not matter.
    pub(super) fn reject_alias(&mut self, pair: &Pair) {
        if !can_be_alias(pair) || !self.policy.set_link(Relation::Alias, pair, true) {
            return;
        }
        let find = |name: &Name| self.evidence.find(&self.policy, &name.kind, &name.value);
        let ends = [&pair.0, &pair.1].into_iter().filter_map(find);
        let previous = aliases::concerned(self.basis(), ends.collect::<Vec<_>>().into_iter());
        previous.into_iter().for_each(|node| self.update_aliases(node));
    }

    /// Adds or removes the link of an alias.
    fn change_alias_link(&mut self, a: u32, b: u32, is_linked: bool) {
        if is_linked {
            self.policy.manual.add(Relation::Alias, a, b);
        } else {
            self.policy.manual.remove(Relation::Alias, a, b);
        }
        [a, b].into_iter().for_each(|node| self.mark(node));
        let basis = Basis { policy: &self.policy, evidence: &self.evidence };
        if is_linked {
            self.partition.add_link(Relation::Alias, a, b, basis);
        } else {
            self.partition.rejoin(&[a, b], basis);
        }
    }

    /// Computes again what the evidence says of nodes after signatures were removed, the earliest of
    /// time `removed`, or added, or classes changed; brings the partition up to date.
    pub(super) fn reconsider(&mut self, nodes: &[u32], removed: i64) {
        for &node in nodes {
            self.evidence.reconsider(&self.policy, node, removed, self.partition.changes());
        }
        self.follow_at(nodes);
    }

    /// Dissolves the components of some nodes, joins their members again, and removes those that
    /// nothing holds any more.
    pub(super) fn rejoin(&mut self, nodes: &[u32]) {
        let basis = Basis { policy: &self.policy, evidence: &self.evidence };
        self.partition.rejoin(nodes, basis);
        for &node in nodes {
            let id = self.id_of_node(node);
            if self.evidence.bury(&self.policy, node)
                && let Some(touched) = self.partition.touched()
            {
                touched.removed.push((node, id));
            }
        }
    }

    /// Records from now on where profiles may have changed.
    pub(super) fn track(&mut self) {
        self.partition.track();
    }

    /// Places where profiles may have changed since the last time.
    pub(super) fn n_touched(&self) -> usize {
        self.partition.n_touched()
    }

    /// Where profiles may have changed since the last time; nowhere if that is not recorded.
    pub(super) fn take_touched(&mut self) -> Touched {
        self.partition.touched().map(std::mem::take).unwrap_or_default()
    }

    // Manual links.

    /// Checks that the ends of a manual link can be numbered.
    pub(super) fn check_room_for(&self, (a, b): &Pair) -> Result<()> {
        if !self.policy.kinds().has_room_for([&*a.kind, &*b.kind].into_iter()) {
            return Err(Refusal::Full { what: "kinds".into(), limit: MAX_KINDS }.into());
        }
        self.evidence.check_room(2, 0)?;
        Ok(())
    }

    /// Adds a manual link that was checked and has room, and brings the partition up to date.
    pub(super) fn add_link(&mut self, relation: Relation, pair: &Pair) {
        if !self.policy.rules().links(relation).contains(pair) {
            let moved = self.number_link(relation, pair);
            self.policy.set_link(relation, pair, true);
            self.reconsider_around(&moved);
        }
    }

    /// Numbers the ends of a manual link that has room; returns the nodes whose class has another label now.
    fn number_link(&mut self, relation: Relation, pair: &Pair) -> Vec<u32> {
        let [a, b] = [&pair.0, &pair.1].map(|end| {
            let kind = self.policy.add_kind(&end.kind);
            self.evidence.intern(&self.policy, kind, &end.value)
        });
        let relation = self.effect(relation, [a, b]);
        let moved = self.policy.manual.add(relation, a, b);
        [a, b].into_iter().for_each(|node| self.mark(node));
        let basis = Basis { policy: &self.policy, evidence: &self.evidence };
        self.partition.add_link(relation, a, b, basis);
        moved
    }

    /// Removes a manual link, if there is one, and brings the partition up to date.
    pub(super) fn remove_link(&mut self, relation: Relation, pair: &Pair) {
        if !self.policy.set_link(relation, pair, false) {
            return;
        }
        let find = |name: &Name| self.evidence.find(&self.policy, &name.kind, &name.value);
        let (Some(a), Some(b)) = (find(&pair.0), find(&pair.1)) else { return };
        let moved = self.policy.manual.remove(self.effect(relation, [a, b]), a, b);
        [a, b].into_iter().for_each(|node| self.mark(node));
        self.reconsider_around(&moved);
        self.rejoin(&[a, b]);
    }

    /// A must-link with a blocked end has no effect.
    fn effect(&self, relation: Relation, ends: [u32; 2]) -> Relation {
        let is_blocked = |&node: &u32| self.evidence.nodes().has(node, flag::BLOCKED);
        let is_idle = relation == Relation::Must && ends.iter().any(is_blocked);
        if is_idle { Relation::Idle } else { relation }
    }

    /// Marks a node as an end of the manual links and aliases that name it.
    fn mark(&mut self, node: u32) {
        let is_joined = self.policy.manual.joined(node).next().is_some();
        let is_parted = self.policy.manual.linked(Relation::Cannot, node).next().is_some();
        let of = |holds, flag| if holds { flag } else { 0 };
        let flags = of(is_joined, flag::MUST) | of(is_parted, flag::CANNOT);
        self.evidence.set_manual(node, flags);
    }

    /// Reconsiders all that was seen with nodes whose class has another label: values that
    /// must-links make one count once.
    fn reconsider_around(&mut self, moved: &[u32]) {
        let mut around = Vec::new();
        for &node in moved {
            for (sig, _) in self.evidence.signatures_of(node) {
                around.extend(self.evidence.signatures().slots(sig).iter().copied().map(node_of));
            }
        }
        around.sort_unstable();
        around.dedup();
        self.reconsider(&around, i64::MAX);
    }

    /// The same state whose merges are made from the beginning at the next read.
    #[cfg(test)]
    pub(super) fn merged_again(&self) -> Self {
        let mut again = self.clone();
        let basis = Basis { policy: &again.policy, evidence: &again.evidence };
        again.partition.forget_merges(basis);
        again
    }

    /// Number of merges that are known.
    #[cfg(test)]
    pub(super) fn n_merges(&self) -> usize {
        self.partition.n_known()
    }

    pub(super) fn shrink(&mut self) {
        self.evidence.shrink();
        self.partition.shrink();
    }

    /// Bytes of the components.
    pub(super) fn partition_bytes(&self) -> usize {
        self.partition.bytes()
    }
}
