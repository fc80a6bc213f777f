//! What was observed: identifiers (`nodes`), and the sets of them that came together (`signatures`).
//!
//! Invariants: every slot of a live signature is on the list of its node; the flags and first time of
//! a node, and whether it is shared, are what its signatures and the policy say. Everything that
//! changes links or names is left in [`Pending`] for the partition.

mod batch;
mod changes;
mod hubs;
mod nodes;
mod pack;
pub(super) mod sets;
mod signatures;
mod slot;
mod status;
mod texts;

pub(crate) use changes::Pending;
use hubs::{Hubs, add_weights};
use nodes::NodeSteps;
pub(crate) use nodes::{Nodes, flag};
pub(crate) use pack::{PackedBatch, Recorded};
use signatures::Retimed;
pub(crate) use signatures::{Signatures, Times};
pub(crate) use slot::{CAPACITY, NONE, is_claim, node_of, slot};

use std::ops::Range;

use super::policy::{CheckedIdentifier, Kind, MAX_IDENTIFIERS, MAX_KINDS, Policy};
use crate::Refusal;

/// Identifiers, the signatures they came in, and the values counted towards hub rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdentityEvidence {
    nodes: Nodes,
    signatures: Signatures,
    hubs: Hubs,
}

/// Rows that are prefetched together, before they are recorded one by one.
const AT_A_TIME: usize = 16;

fn full(what: &str, limit: usize) -> Refusal {
    Refusal::Full { what: what.to_owned(), limit }
}

impl IdentityEvidence {
    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    pub(super) fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// The signatures that carry a node, the latest first, each with whether it claims it there.
    pub(super) fn signatures_of(&self, node: u32) -> impl Iterator<Item = (u32, bool)> + '_ {
        self.signatures.list(self.nodes.head(node), node)
    }

    /// Removes the ids of messages before a time, and keeps none that comes.
    pub(super) fn keep_messages_from(&mut self, from: Option<i64>) {
        self.signatures.keep_messages_from(from);
    }

    /// From when on the ids of messages are kept.
    pub(super) fn messages_from(&self) -> Option<i64> {
        self.signatures.messages_from()
    }

    /// Checks that some more identifiers and signatures can be numbered.
    pub(super) fn check_room(
        &self,
        n_identifiers: usize,
        n_signatures: usize,
    ) -> Result<(), Refusal> {
        if self.nodes.len() + n_identifiers > CAPACITY {
            return Err(full("identifiers", CAPACITY));
        }
        let n_slots = self.signatures.n_slots() + n_identifiers;
        if self.signatures.len() + n_signatures > CAPACITY || u32::try_from(n_slots).is_err() {
            return Err(full("signatures", CAPACITY));
        }
        Ok(())
    }

    /// Checks that the kinds of an observation can be numbered.
    fn check_kinds<'k>(
        &self,
        policy: &Policy,
        kinds: impl Iterator<Item = &'k str> + Clone,
    ) -> Result<(), Refusal> {
        if policy.kinds().len() + MAX_IDENTIFIERS <= MAX_KINDS {
            return Ok(());
        }
        if policy.kinds().has_room_for(kinds) { Ok(()) } else { Err(full("kinds", MAX_KINDS)) }
    }

    /// Returns the node of an identifier, which is numbered if it is new; the caller has checked that
    /// there is room.
    pub(super) fn intern(&mut self, policy: &Policy, kind: Kind, value: &str) -> u32 {
        self.intern_hashed(policy, kind, policy.kinds().hash(kind, value), value)
    }

    fn intern_hashed(&mut self, policy: &Policy, kind: Kind, hash: u32, value: &str) -> u32 {
        self.nodes.intern(hash, kind, value, || new_flags(policy, kind, value))
    }

    /// The node of an identifier, if it has one.
    pub(super) fn find(&self, policy: &Policy, kind: &str, value: &str) -> Option<u32> {
        let kind = policy.kinds().find(kind)?;
        self.nodes.find(policy.kinds().hash(kind, value), kind, value)
    }

    /// The signature of checked identifiers, if they were observed together.
    pub(super) fn find_signature(
        &self,
        policy: &Policy,
        parts: &[CheckedIdentifier<'_>],
    ) -> Option<u32> {
        let slots: Option<Vec<u32>> = parts
            .iter()
            .map(|part| Some(slot(self.find(policy, part.kind, &part.value)?, part.claimed)))
            .collect();
        self.signatures.find(&slots?)
    }

    /// Records observations of one set of checked identifiers; returns their signature.
    pub(super) fn record_parts(
        &mut self,
        policy: &mut Policy,
        parts: &[CheckedIdentifier<'_>],
        times: Times,
        message: Option<&str>,
        changes: &mut Pending,
    ) -> Result<u32, Refusal> {
        self.check_room(parts.len(), 1)?;
        self.check_kinds(policy, parts.iter().map(|part| part.kind))?;
        let mut slots = [0; MAX_IDENTIFIERS];
        for (place, part) in slots.iter_mut().zip(parts) {
            let kind = part.known.unwrap_or_else(|| policy.add_kind(part.kind));
            *place = slot(self.intern(policy, kind, &part.value), part.claimed);
        }
        Ok(self.record_slots(policy, &slots[..parts.len()], times, message, changes))
    }

    /// Records a batch of one; returns its signature, or none if it was not kept.
    pub(super) fn record_one(
        &mut self,
        policy: &mut Policy,
        packed: &PackedBatch,
        changes: &mut Pending,
    ) -> Result<Option<u32>, Refusal> {
        if packed.n_rows() == 0 {
            return packed.refusal().map_or(Ok(None), Err);
        }
        let keys = packed.names.slice(packed.range(0), 0);
        self.prefetch_rows(packed, 0..1, keys.clone(), &mut Vec::new());
        self.record_row(policy, packed, 0, keys, changes).map(Some)
    }

    /// Records the rows of a batch one by one.
    fn record_rows(
        &mut self,
        policy: &mut Policy,
        packed: &PackedBatch,
        changes: &mut Pending,
    ) -> Recorded {
        if !packed.places.is_empty() {
            return self.record_sets(policy, packed, changes);
        }
        let mut recorded = Recorded::of(packed);
        let names = packed.names_in_order();
        let (mut data, mut slots) = (0, Vec::new());
        for (row, position) in packed.positions().enumerate() {
            if row.is_multiple_of(AT_A_TIME) {
                let rows = row..packed.n_rows().min(row + AT_A_TIME);
                let all = packed.range(rows.start).start..packed.range(rows.end - 1).end;
                self.prefetch_rows(packed, rows, names.slice(all, data), &mut slots);
            }
            let keys = names.slice(packed.range(row), data);
            data += keys.clone().map(|(_, value, _)| value.len()).sum::<usize>();
            match self.record_row(policy, packed, row, keys, changes) {
                Ok(sig) => recorded.signatures[position] = sig,
                Err(refusal) => recorded.refused.push((position, refusal)),
            }
        }
        for (position, row) in packed.late() {
            let message = row.message.as_deref();
            match self.record_parts(policy, &row.parts(), Times::once(row.at), message, changes) {
                Ok(sig) => recorded.signatures[position] = sig,
                Err(refusal) => recorded.refused.push((position, refusal)),
            }
        }
        recorded.refused.sort_by_key(|refused| refused.0);
        recorded
    }

    /// Records a row of a batch; returns its signature.
    pub(super) fn record_row<'k>(
        &mut self,
        policy: &mut Policy,
        packed: &PackedBatch,
        row: usize,
        keys: impl Iterator<Item = (u32, &'k str, Kind)> + Clone,
        changes: &mut Pending,
    ) -> Result<u32, Refusal> {
        let range = packed.range(row);
        self.check_room(range.len(), 1)?;
        let mut resolved = Vec::new();
        if packed.has_new_kinds() {
            let names = keys.clone().filter_map(|(.., kind)| packed.new_kind_name(kind));
            self.check_kinds(policy, names.clone())?;
            names.for_each(|name| _ = policy.add_kind(name));
            let number = |(.., kind): (u32, &str, Kind)| packed.number_of(kind, policy.kinds());
            resolved = keys.clone().map(number).collect();
        }
        let keys = keys.enumerate().map(|(i, (hash, value, kind))| {
            (hash, value, resolved.get(i).copied().unwrap_or(kind))
        });
        let mut slots = [0; MAX_IDENTIFIERS];
        let slots = &mut slots[..range.len()];
        for (place, (hash, value, kind)) in slots.iter_mut().zip(keys) {
            *place = self.intern_hashed(policy, kind, hash, value);
        }
        packed.claim(range, slots);
        let times = Times::once(packed.times[row]);
        Ok(self.record_slots(policy, slots, times, packed.message(row), changes))
    }

    /// Prefetches what recording at most [`AT_A_TIME`] rows reads, each step for all of them, so that the waits
    /// overlap. `keys` are their identifiers, `slots` is scratch space.
    fn prefetch_rows<'k>(
        &self,
        packed: &PackedBatch,
        rows: Range<usize>,
        keys: impl Iterator<Item = (u32, &'k str, Kind)> + Clone,
        slots: &mut Vec<u32>,
    ) {
        keys.clone().for_each(|(hash, ..)| self.nodes.prefetch(hash));
        slots.clear();
        slots.extend(keys.map(|(hash, ..)| self.nodes.prefetch_facts(hash).unwrap_or(NONE)));
        let start = packed.range(rows.start).start;
        // If all guesses are right, the signature of a row is that of these.
        let guesses = rows.filter_map(|row| {
            let row = packed.range(row);
            let own = &slots[row.start - start..row.end - start];
            (!own.contains(&NONE)).then_some(own)
        });
        guesses.clone().for_each(|own| self.signatures.prefetch(own));
        for &node in slots.iter().filter(|&&node| node != NONE) {
            self.nodes.prefetch_text(node);
        }
        let mut sigs = [NONE; AT_A_TIME];
        for (sig, own) in sigs.iter_mut().zip(guesses) {
            *sig = self.signatures.prefetch_facts(own).unwrap_or(NONE);
        }
        for &sig in sigs.iter().filter(|&&sig| sig != NONE) {
            self.signatures.prefetch_slots(sig);
        }
    }

    /// Records observations of one set of nodes; returns their signature.
    fn record_slots(
        &mut self,
        policy: &Policy,
        slots: &[u32],
        times: Times,
        message: Option<&str>,
        changes: &mut Pending,
    ) -> u32 {
        if let Some(sig) = self.signatures.find(slots) {
            let later_counts = policy.rules().latest();
            if let Some(retimed) = self.signatures.repeat(sig, times, message, later_counts) {
                self.retime(sig, retimed, changes);
            }
            return sig;
        }
        let sig = self.signatures.push(slots, times, message);
        let mut weights = Vec::new();
        if slots.len() > 1 {
            add_weights(
                policy.kinds(),
                slots,
                |i| self.nodes.kind(node_of(slots[i])),
                &mut weights,
            );
        }
        let least = policy.kinds().least_hub();
        let mut steps = NodeSteps::default();
        for (at, &slot) in slots.iter().enumerate() {
            let weight = weights.get(at).copied().map_or(0, usize::from);
            let facts = self.nodes.get_mut(node_of(slot));
            let previous = steps.record(facts, (sig, slot), times.first, (weight, least), changes);
            self.signatures.set_next(sig, at, previous);
        }
        self.complete(policy, steps, changes);
        sig
    }

    /// Does what recorded signatures leave to be done.
    fn complete(&mut self, policy: &Policy, steps: NodeSteps, changes: &mut Pending) {
        self.nodes.count_new(steps.n_new, steps.n_new_blocked);
        for (node, sig) in steps.to_count {
            self.count_values(policy, node, sig, changes);
        }
    }

    /// Records that the times of a signature changed.
    fn retime(&mut self, sig: u32, retimed: Retimed, changes: &mut Pending) {
        if retimed == Retimed::Earlier {
            let first = self.signatures.first(sig);
            for i in 0..self.signatures.slots(sig).len() {
                let slot = self.signatures.slots(sig)[i];
                if self.nodes.get_mut(node_of(slot)).lower(is_claim(slot), first) {
                    changes.earlier(node_of(slot));
                }
            }
        }
        changes.retimed.push(sig);
    }

    /// Removes a signature; its nodes must be reconsidered.
    pub(super) fn remove_signature(&mut self, sig: u32) -> (Vec<u32>, Times, Option<String>) {
        let slots = self.signatures.slots(sig).to_vec();
        let message = self.signatures.message(sig).map(str::to_owned);
        let times = self.signatures.times(sig);
        self.signatures.erase(sig);
        (slots, times, message)
    }

    /// Adds observations to a set of nodes, which must be reconsidered; returns their signature.
    pub(super) fn add_signature(
        &mut self,
        slots: &[u32],
        times: Times,
        message: Option<&str>,
    ) -> u32 {
        if let Some(sig) = self.signatures.find(slots) {
            // The caller reconsiders all its nodes.
            _ = self.signatures.repeat(sig, times, message, false);
            return sig;
        }
        let sig = self.signatures.push(slots, times, message);
        for (at, &slot) in slots.iter().enumerate() {
            self.signatures.set_next(sig, at, self.nodes.head(node_of(slot)));
            self.nodes.set_head(node_of(slot), sig);
        }
        sig
    }

    /// Marks a node as an end of manual links, or no longer.
    pub(super) fn set_manual(&mut self, node: u32, flags: u8) {
        let others = self.nodes.flags(node) & !(flag::MUST | flag::CANNOT);
        self.nodes.set_flags(node, others | flags);
    }

    /// Whether a node was observed or a manual link names it.
    pub(super) fn is_held(&self, policy: &Policy, node: u32) -> bool {
        self.nodes.is_present(node) || policy.manual.names(node)
    }

    /// Removes a node that was never observed, or not any more, and that no manual link names;
    /// returns whether it did.
    pub(super) fn bury(&mut self, policy: &Policy, node: u32) -> bool {
        let is_needed = self.nodes.has(node, flag::SEEN | flag::DEAD) || policy.manual.names(node);
        if !is_needed {
            let hash = policy.kinds().hash(self.nodes.kind(node), self.nodes.value(node));
            self.hubs.remove(node);
            self.nodes.erase(hash, node);
        }
        !is_needed
    }

    /// Numbers of identifiers and signatures that are in use, and that are not any more.
    pub(super) fn n_used_and_gone(&self) -> (usize, usize) {
        let n = self.nodes.len() + self.signatures.len();
        let gone = self.nodes.n_dead() + self.signatures.len() - self.signatures.n_live();
        (n - gone, gone)
    }

    /// Frees memory that was reserved for more.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink();
        self.signatures.shrink();
    }

    /// Bytes of the identifiers themselves, and of what was observed of them.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let (own, evidence) = self.nodes.bytes();
        (own, evidence + self.signatures.bytes())
    }
}

/// The flags that a new node begins with.
fn new_flags(policy: &Policy, kind: Kind, value: &str) -> u8 {
    if policy.kinds().get(kind).blocks(value) { flag::BLOCKED } else { 0 }
}
