//! A batch on its way into histories: the signature of each event, and the events sorted by part.
//!
//! Histories are added to in parts, ranges of signatures, each by one thread. Cost: one pass over the events.

use std::ops::Range;

use super::batch::{Codes, StoredBatch};
use super::dictionary::NONE;
use super::stored::{FieldValue, StoredEvent};
use crate::Timestamp;

/// A batch and the signature of each of its events; [`NONE`] for events that are not stored.
pub(crate) struct Placed {
    pub(crate) batch: StoredBatch,
    pub(crate) codes: Option<Codes>,
    pub(crate) signatures: Vec<u32>,
    /// Numbers of message ids, if duplicates are looked for.
    pub(crate) messages: Vec<u32>,
}

impl Placed {
    /// Gives the batch the codes of the store, once.
    pub(crate) fn remap(&mut self) {
        if let Some(codes) = self.codes.take() {
            self.batch.remap(&codes);
        }
    }
}

/// The events of a batch, sorted by the part that their signature belongs to.
pub(super) struct ByPart {
    pub(super) heads: Vec<PlacedHead>,
    values: Vec<FieldValue>,
    /// Where the events of each part end; those without a signature come last.
    ends: Vec<u32>,
}

/// An event without its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedHead {
    pub(super) signature: u32,
    name: u32,
    at: Timestamp,
    message: u32,
    /// Where its values end.
    end: u32,
}

impl ByPart {
    pub(super) fn new(mut placed: Placed, n_parts: usize, part_len: usize) -> Self {
        placed.remap();
        let Placed { batch, signatures, messages, .. } = placed;
        let bits = part_len.trailing_zeros();
        let part = |signature: u32| match signature {
            NONE => n_parts,
            signature => (signature >> bits) as usize,
        };
        let mut ends = vec![0u32; n_parts + 1];
        signatures.iter().for_each(|&signature| ends[part(signature)] += 1);
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut rows = vec![0u32; signatures.len()];
        for (row, &signature) in (0..).zip(&signatures) {
            let end = &mut ends[part(signature)];
            rows[*end as usize] = row;
            *end += 1;
        }
        let (mut heads, mut values) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let message = messages.get(row as usize).copied().unwrap_or(NONE);
            let StoredEvent { at, name, values: own, .. } = batch.event(row as usize, message);
            values.extend_from_slice(own);
            let (signature, end) = (signatures[row as usize], values.len() as u32);
            heads.push(PlacedHead { signature, name, at, message, end });
        }
        Self { heads, values, ends }
    }

    /// The places of the events of a part.
    pub(super) fn of(&self, part: usize) -> Range<usize> {
        let start = if part == 0 { 0 } else { self.ends[part - 1] as usize };
        start..self.ends[part] as usize
    }

    pub(super) fn event(&self, place: usize) -> (u32, StoredEvent<'_>) {
        let PlacedHead { signature, name, at, message, end } = self.heads[place];
        let start = if place == 0 { 0 } else { self.heads[place - 1].end as usize };
        (signature, StoredEvent { at, name, message, values: &self.values[start..end as usize] })
    }
}
