//! Sets of identifiers with all that was observed of each, as a batch.
//!
//! What is kept of a graph says an identifier once and how often its sets were observed. Such sets are recorded as a
//! batch of observations is: only that an identifier is looked up once, and a row counts many observations.

use super::super::policy::{Kind, Policy};
use super::pack::{LONG, NotKept, PackedBatch, Recorded};
use super::signatures::Times;
use super::slot::NONE;
use super::{IdentityEvidence, Pending};
use crate::num::table::number::Arrivals;

/// The observations of a set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set<'s> {
    pub(crate) times: Times,
    /// The first message.
    pub(crate) message: Option<&'s str>,
}

/// Sets of identifiers, each a row, on their way into a batch.
pub(crate) struct Sets<'s> {
    packed: PackedBatch,
    names: Arrivals<&'s str, Kind>,
    /// The place among the names of each numbered identifier; [`NONE`] until a row has it.
    place_of: Vec<u32>,
}

impl<'s> Sets<'s> {
    /// No rows yet, of so many identifiers at most.
    pub(crate) fn new(n_identifiers: usize) -> Self {
        Self {
            packed: PackedBatch::default(),
            names: Arrivals::with_capacity(n_identifiers),
            place_of: vec![NONE; n_identifiers],
        }
    }

    /// Adds an identifier of the next row, from the strongest: its number, kind and value.
    pub(crate) fn identifier(
        &mut self,
        policy: &Policy,
        number: usize,
        (kind, value): (Kind, &'s str),
        is_claimed: bool,
    ) {
        let place = &mut self.place_of[number];
        if *place == NONE {
            *place = self.names.len() as u32;
            self.names.push(policy.kinds().hash(kind, value), value, kind);
        }
        let packed = &mut self.packed;
        if is_claimed {
            packed.claimed.push(packed.n_names);
        }
        packed.n_names += 1;
        packed.places.push(*place);
        packed.kinds.push(kind);
    }

    /// Completes a row whose identifiers were added.
    pub(crate) fn end_row(&mut self, Set { times, message }: Set<'_>) {
        self.packed.spans.push((times.last, times.count));
        self.packed.end_row(times.first, message);
    }

    /// Leaves out a row, because it is about somebody who was forgotten.
    pub(crate) fn suppress(&mut self) {
        let position = self.packed.n() as u32;
        self.packed.others.push((position, NotKept::Suppressed));
    }

    pub(crate) fn into_batch(mut self) -> PackedBatch {
        let is_long = self.packed.n_rows() >= LONG;
        self.packed.names = if is_long { self.names.grouped() } else { self.names.in_order() };
        self.packed
    }
}

impl IdentityEvidence {
    /// Records sets one by one.
    pub(super) fn record_sets(
        &mut self,
        policy: &Policy,
        packed: &PackedBatch,
        changes: &mut Pending,
    ) -> Recorded {
        let mut recorded = Recorded::of(packed);
        let names = packed.names_in_order();
        let nodes: Vec<u32> = names
            .slice(0..names.len(), 0)
            .map(|(hash, value, kind)| self.intern_hashed(policy, kind, hash, value))
            .collect();
        let mut slots = Vec::new();
        for (row, position) in packed.positions().enumerate() {
            let range = packed.range(row);
            slots.clear();
            slots.extend(packed.places[range.clone()].iter().map(|&place| nodes[place as usize]));
            packed.claim(range, &mut slots);
            let (times, message) = (packed.times(row), packed.message(row));
            recorded.signatures[position] =
                self.record_slots(policy, &slots, times, message, changes);
        }
        recorded
    }
}
