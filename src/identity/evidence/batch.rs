//! Records packed batches, each step for all of them before the next step.
//!
//! A large graph lies in memory far from the CPU, and a look-up that waits for one line after
//! another spends nearly all its time waiting. So shard by shard the identifiers are numbered
//! (`num::table`), then the signatures in the same way; what is new is appended, and then recorded
//! in its nodes by ranges of nodes; all on all threads. The rules are those of single rows:
//! [`NodeSteps::record`], hub weights, times, first messages.
//!
//! The state is the same as after one row after another, but for the numbers, which follow the
//! randomly seeded hashes and do not show.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::policy::{Kind, Policy};
use super::IdentityEvidence;
use super::changes::Pending;
use super::hubs::add_weights;
use super::nodes::{Node, NodeSteps};
use super::pack::{LONG, PackedBatch, Recorded};
use super::signatures::bulk::KnownBefore;
use super::slot::{CLAIM, is_claim, node_of};
use crate::num::table::number::{Arrivals, Keys, Numbers};
use crate::num::{parallel, prefetch};

/// Work to do something for each row of a batch, in multiply-adds.
const WORK: usize = 1 << 16;

/// Signatures that are recorded together: what they prefetch must stay in the near cache.
const GROUP: usize = 32;

/// Prefetch distance, in rows.
const AHEAD: usize = 16;

/// The signatures of a batch, to be numbered.
struct SignatureKeys {
    /// Those of several identifiers, or of a claimed one.
    keys: Keys<Vec<u32>, ()>,
    /// The rows of these.
    rows: Vec<u32>,
}

impl IdentityEvidence {
    /// Records packed batches in order; returns what became of each.
    pub(crate) fn record(
        &mut self,
        policy: &mut Policy,
        mut packed: Vec<PackedBatch>,
        changes: &mut Pending,
    ) -> Vec<Recorded> {
        let n_rows: usize = packed.iter().map(PackedBatch::n_rows).sum();
        if n_rows < LONG || !self.has_room_for(policy, &packed) {
            // Near the end of the numbers, what is refused depends on what is in.
            return packed.iter().map(|packed| self.record_rows(policy, packed, changes)).collect();
        }
        for name in packed.iter().flat_map(PackedBatch::new_kinds) {
            policy.add_kind(name);
        }
        let kinds = policy.kinds();
        parallel::map_mut(&mut packed, WORK, |_, packed| packed.complete(kinds));
        self.record_long(policy, &packed, changes)
    }

    /// Whether all numbers will do, whatever is new.
    fn has_room_for(&self, policy: &Policy, packed: &[PackedBatch]) -> bool {
        let sum = |n: fn(&PackedBatch) -> usize| packed.iter().map(n).sum::<usize>();
        let has_kinds = policy.kinds().has_room_for(packed.iter().flat_map(PackedBatch::new_kinds));
        let (n_identifiers, n_rows) = (sum(PackedBatch::n_identifiers), sum(PackedBatch::n_rows));
        has_kinds && self.check_room(n_identifiers, n_rows).is_ok()
    }

    fn record_long(
        &mut self,
        policy: &Policy,
        packed: &[PackedBatch],
        changes: &mut Pending,
    ) -> Vec<Recorded> {
        let old = self.signatures.len();
        let slots = self.number_names(policy, packed);
        let keys = parallel::map(packed.len(), WORK, |b| self.keys_of(&packed[b], &slots[b]));
        // By row; positions come last.
        let mut signatures = self.find_singles(packed, &slots);
        let mut weights = Vec::new();
        if keys.iter().any(|keys| keys.keys.len() > 0) {
            let numbers = self.signatures.number(keys.iter().map(|keys| &keys.keys).collect());
            self.signatures.append(&numbers);
            weights = self.weights(policy, packed, &keys, &numbers);
            parallel::map_mut(&mut signatures, WORK, |b, signatures| {
                for (row, sig) in keys[b].rows.iter().zip(numbers.of_block(b)) {
                    signatures[*row as usize] = sig;
                }
            });
        }
        drop(keys);
        self.add_singles(packed, &slots, &mut signatures);
        drop(slots);
        self.add_times(policy, packed, &signatures, old, changes);
        self.record_new(policy, old, &weights, changes);
        parallel::map_mut(&mut signatures, WORK / 8, |b, signatures| {
            let mut recorded = Recorded::of(&packed[b]);
            if packed[b].others.is_empty() {
                recorded.signatures = std::mem::take(signatures);
            } else {
                for (position, &sig) in packed[b].positions().zip(&*signatures) {
                    recorded.signatures[position] = sig;
                }
            }
            recorded
        })
    }

    /// Numbers the identifiers of all batches; returns the slots of each.
    fn number_names(&mut self, policy: &Policy, packed: &[PackedBatch]) -> Vec<Vec<u32>> {
        let keys = packed.iter().map(|packed| &packed.names).collect();
        let flags = |kind: Kind, value: &str| super::new_flags(policy, kind, value);
        let numbers = self.nodes.number(keys, flags);
        parallel::map(packed.len(), WORK, |b| {
            let mut slots = numbers.of_block(b);
            if !packed[b].places.is_empty() {
                slots = packed[b].places.iter().map(|&place| slots[place as usize]).collect();
            }
            packed[b].claimed.iter().for_each(|&at| slots[at as usize] |= CLAIM);
            slots
        })
    }

    /// The signatures of a batch that are found by their hash.
    fn keys_of(&self, packed: &PackedBatch, slots: &[u32]) -> SignatureKeys {
        let is_hashed = |slots: &[u32]| slots.len() > 1 || is_claim(slots[0]);
        if slots.len() == packed.n_rows() && packed.claimed.is_empty() {
            return SignatureKeys { keys: Keys::default(), rows: Vec::new() };
        }
        let mut keys = Arrivals::with_capacity(packed.n_rows());
        let mut rows = Vec::with_capacity(packed.n_rows());
        for row in 0..packed.n_rows() {
            let own = &slots[packed.range(row)];
            if is_hashed(own) {
                keys.push(self.signatures.hash(own), own, ());
                rows.push(row as u32);
            }
        }
        SignatureKeys { keys: keys.grouped(), rows }
    }

    /// For every slot of the new signatures, how many values a hub rule counts there; nothing if
    /// that is 0 for all.
    fn weights(
        &self,
        policy: &Policy,
        packed: &[PackedBatch],
        keys: &[SignatureKeys],
        numbers: &Numbers<'_, Vec<u32>, ()>,
    ) -> Vec<u8> {
        if packed.iter().all(|packed| packed.kinds.is_empty()) {
            return Vec::new();
        }
        let weights = parallel::map_chunks(numbers.n_new(), 20, |sigs| {
            let mut weights = Vec::new();
            for (slots, _, block, at) in numbers.new_from(sigs.start).take(sigs.len()) {
                let row = keys[block].rows[at] as usize;
                match packed[block].kinds.get(packed[block].range(row)) {
                    Some(kinds) => add_weights(policy.kinds(), slots, |i| kinds[i], &mut weights),
                    None => weights.resize(weights.len() + slots.len(), 0),
                }
            }
            weights
        });
        weights.concat()
    }

    /// The signatures of rows of single unclaimed identifiers, by row; none where one is not known
    /// yet, and for all other rows.
    fn find_singles(&self, packed: &[PackedBatch], slots: &[Vec<u32>]) -> Vec<Vec<u32>> {
        parallel::map(packed.len(), WORK, |b| {
            let (packed, slots) = (&packed[b], &slots[b]);
            let signature = |row: usize| {
                let range = packed.range(row);
                if let Some(&later) = slots.get(range.start + AHEAD) {
                    self.signatures.prefetch_single(node_of(later));
                }
                self.signatures.find_single(&slots[range]).unwrap_or(Recorded::NONE)
            };
            (0..packed.n_rows()).map(signature).collect()
        })
    }

    /// Adds the signatures of single unclaimed identifiers that are new.
    fn add_singles(
        &mut self,
        packed: &[PackedBatch],
        slots: &[Vec<u32>],
        signatures: &mut [Vec<u32>],
    ) {
        for ((packed, slots), signatures) in packed.iter().zip(slots).zip(signatures) {
            for (row, sig) in signatures.iter_mut().enumerate() {
                if *sig == Recorded::NONE {
                    let node = node_of(slots[packed.range(row).start]);
                    *sig = self.signatures.intern_single(node);
                }
            }
        }
    }

    /// Adds the times and message ids of all rows to their signatures; those from `old` on are new.
    fn add_times(
        &mut self,
        policy: &Policy,
        packed: &[PackedBatch],
        signatures: &[Vec<u32>],
        old: usize,
        changes: &mut Pending,
    ) {
        let message = |block: u32, row: u32| packed[block as usize].message(row as usize);
        let message = packed.iter().any(PackedBatch::has_messages).then_some(message);
        let rows: Vec<&[u32]> = signatures.iter().map(|sigs| &sigs[..]).collect();
        let times = |block: u32, row: u32| packed[block as usize].times(row as usize);
        let of_known = KnownBefore { n: old as u32, later_counts: policy.rules().latest() };
        let changed = self.signatures.repeat_batch(&rows, of_known, times, message);
        for (i, &(sig, retimed)) in changed.iter().enumerate() {
            if let Some(&(later, _)) = changed.get(i + 2 * AHEAD) {
                self.signatures.prefetch_slots(later);
            }
            if let Some(&(later, _)) = changed.get(i + AHEAD) {
                let slots = self.signatures.slots(later);
                slots.iter().for_each(|&slot| self.nodes.prefetch_node(node_of(slot)));
            }
            self.retime(sig, retimed, changes);
        }
    }

    /// Records the signatures from `old` on in their nodes; `weights` as [`IdentityEvidence::weights`].
    fn record_new(&mut self, policy: &Policy, old: usize, weights: &[u8], changes: &mut Pending) {
        let (from, to) = (old as u32, self.signatures.len() as u32);
        if from == to {
            return;
        }
        let first_slot = self.signatures.range(from).start;
        let n_slots = self.signatures.n_slots() - first_slot;
        let next = parallel::map(n_slots, 1, |_| AtomicU32::new(0));
        let len = self.nodes.len().div_ceil(parallel::n_threads()).max(1);
        let unit = 4 * n_slots / len + 1;
        let (signatures, n_known) = (&self.signatures, changes.n_known);
        let least = policy.kinds().least_hub();
        let done = parallel::map_chunks_mut(self.nodes.facts_mut(), len, unit, |range, facts| {
            let mut own = OwnNodes::new((range * len) as u32, facts, n_known);
            for group in (from..to).step_by(GROUP) {
                let end = to.min(group + GROUP as u32);
                own.prefetch(signatures.slots_of_range(group..end));
                for sig in group..end {
                    let at = signatures.first(sig);
                    for i in signatures.range(sig) {
                        let slot = signatures.slot_at(i);
                        let weight = weights.get(i - first_slot).copied().map_or(0, usize::from);
                        if let Some(previous) = own.record(sig, slot, at, weight, least) {
                            next[i - first_slot].store(previous, Relaxed);
                        }
                    }
                }
            }
            (own.steps, own.changes)
        });
        self.signatures.link(n_slots, |i| next[i].load(Relaxed));
        for (steps, own) in done {
            changes.append(own);
            self.complete(policy, steps, changes);
        }
    }
}

/// A range of nodes in which one thread records.
struct OwnNodes<'n> {
    base: u32,
    facts: &'n mut [Node],
    steps: NodeSteps,
    changes: Pending,
}

impl<'n> OwnNodes<'n> {
    fn new(base: u32, facts: &'n mut [Node], n_known: usize) -> Self {
        let changes = Pending { n_known, ..Pending::default() };
        Self { base, facts, steps: NodeSteps::default(), changes }
    }

    fn place(&self, slot: u32) -> usize {
        node_of(slot).wrapping_sub(self.base) as usize
    }

    fn prefetch(&self, slots: &[u32]) {
        slots.iter().for_each(|&slot| prefetch::prefetch_at(self.facts, self.place(slot)));
    }

    /// Records a slot of a new signature, if its node is in the range; returns the signature that
    /// was the node's latest before.
    fn record(&mut self, sig: u32, slot: u32, at: i64, weight: usize, least: usize) -> Option<u32> {
        let place = self.place(slot);
        let facts = self.facts.get_mut(place)?;
        Some(self.steps.record(facts, (sig, slot), at, (weight, least), &mut self.changes))
    }
}
