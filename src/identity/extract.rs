//! The evidence of some signatures as columns, to be stored beside their events.
//!
//! Texts stand end to end, and there is no record for each signature, so that writing and reading ask for
//! memory a few times only. What is read is checked like an observation, so that a forged extract cannot say
//! what observations could not.
//!
//! Cost: one pass over the signatures, with one look-up for each of their identifiers.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::evidence::{Times, is_claim, node_of};
use super::policy::{MAX_BYTES, Part, Policy};
use super::profile_id::ProfileId;
use super::state::State;
use crate::event::IdentifierRef;
use crate::num::texts::TextColumn;
use crate::{Error, Result, Timestamp};

/// The evidence of some signatures.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Extract {
    kinds: Vec<String>,
    /// The kind and the value of every identifier.
    kind_of: Vec<u32>,
    values: TextColumn,
    /// How many identifiers each signature has.
    n_slots: Vec<u32>,
    /// Their identifiers: twice the number, and one more if it is only claimed.
    slots: Vec<u32>,
    /// First and last time, [`i64::MAX`] and [`i64::MIN`] if none is trusted; observations.
    times: Vec<(i64, i64, u32)>,
    /// The ids of the first messages; empty for none.
    messages: TextColumn,
    pub(crate) forgotten: Vec<ProfileId>,
}

/// The signatures of an extract, checked.
pub(super) struct Checked<'e> {
    parts: Vec<Part<'e>>,
    /// Where the parts of each signature end.
    ends: Vec<u32>,
    rest: Vec<(Times, Option<&'e str>)>,
}

fn invalid(reason: &'static str) -> Error {
    Error::InvalidSnapshot { what: "piece", reason: reason.into() }
}

/// The evidence of some signatures, of which only a part of the observations is counted. Without the forgotten.
pub(super) fn extract(state: &State, signatures: &[(u32, u32)]) -> Extract {
    let (nodes, all) = (state.evidence.nodes(), state.evidence.signatures());
    let mut extract = Extract::default();
    let (mut numbers, mut kinds) = (HashMap::new(), HashMap::new());
    for &(sig, count) in signatures {
        let slots = all.slots(sig);
        for &slot in slots {
            let node = node_of(slot);
            let number = *numbers.entry(node).or_insert_with(|| {
                let kind = nodes.kind(node);
                let kind = *kinds.entry(kind).or_insert_with(|| {
                    extract.kinds.push(state.policy.kinds().get(kind).name.to_string());
                    extract.kinds.len() as u32 - 1
                });
                extract.kind_of.push(kind);
                extract.values.push(nodes.value(node));
                extract.kind_of.len() as u32 - 1
            });
            extract.slots.push(2 * number + u32::from(is_claim(slot)));
        }
        extract.n_slots.push(slots.len() as u32);
        let times = all.times(sig);
        extract.times.push((times.first, times.last, count));
        extract.messages.push(all.message(sig).unwrap_or(""));
    }
    extract
}

impl Extract {
    pub(crate) fn n_signatures(&self) -> usize {
        self.times.len()
    }

    /// Places in signatures, at least as many as identifiers.
    pub(super) fn n_slots(&self) -> usize {
        self.slots.len().max(self.kind_of.len())
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(String::as_str)
    }

    /// The signatures, if every one could have been observed.
    pub(super) fn check(&self, policy: &Policy) -> Result<Checked<'_>> {
        let unread = || invalid("the columns of its evidence do not fit");
        let values = self.values.split().ok_or_else(unread)?;
        let messages = self.messages.split().ok_or_else(unread)?;
        let n = self.n_signatures();
        let lengths = [self.n_slots.len(), messages.len(), n];
        if values.len() != self.kind_of.len() || lengths.iter().any(|&length| length != n) {
            return Err(unread());
        }
        let mut rest = &self.slots[..];
        let (mut identifiers, mut parts) = (Vec::new(), Vec::new());
        let mut checked = Checked {
            parts: Vec::with_capacity(self.slots.len()),
            ends: Vec::with_capacity(n),
            rest: Vec::with_capacity(n),
        };
        for ((&n_slots, &times), &message) in self.n_slots.iter().zip(&self.times).zip(&messages) {
            let own;
            (own, rest) = rest.split_at_checked(n_slots as usize).ok_or_else(unread)?;
            identifiers.clear();
            for &slot in own {
                let id = slot as usize / 2;
                let kind = self.kind_of.get(id).and_then(|&kind| self.kinds.get(kind as usize));
                let (Some(kind), claimed) = (kind, slot % 2 == 1) else { return Err(unread()) };
                identifiers.push(IdentifierRef { kind, value: values[id], claimed });
            }
            if policy.check(&identifiers, &mut parts) != Ok(0) {
                return Err(invalid("a signature would have been refused"));
            }
            checked.parts.append(&mut parts);
            checked.ends.push(checked.parts.len() as u32);
            let message = Some(message).filter(|message| !message.is_empty());
            if message.is_some_and(|message| message.len() > MAX_BYTES) {
                return Err(invalid("a message id is too long"));
            }
            checked.rest.push((check_times(policy, times)?, message));
        }
        if rest.is_empty() { Ok(checked) } else { Err(unread()) }
    }
}

fn check_times(policy: &Policy, (first, last, count): (i64, i64, u32)) -> Result<Times> {
    let is_trusted = |at: i64| {
        policy.rules().trusted(Timestamp::from_millis(at)).is_some_and(|at| at < i64::MAX)
    };
    let is_none = first == i64::MAX && last == i64::MIN;
    let is_range = first <= last && is_trusted(first) && is_trusted(last);
    if count == 0 || !(is_none || is_range) {
        return Err(invalid("a signature's count or times make no sense"));
    }
    Ok(Times { first, last, count })
}

impl<'e> Checked<'e> {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The identifiers of a signature into `parts`; its times and its first message.
    pub(super) fn signature(
        &self,
        sig: usize,
        parts: &mut Vec<Part<'e>>,
    ) -> (Times, Option<&'e str>) {
        parts.extend_from_slice(self.parts(sig));
        self.rest[sig]
    }

    /// The identifiers of a signature; none after the last.
    pub(super) fn parts(&self, sig: usize) -> &[Part<'e>] {
        let Some(&end) = self.ends.get(sig) else { return &[] };
        let start = if sig == 0 { 0 } else { self.ends[sig - 1] };
        &self.parts[start as usize..end as usize]
    }
}
