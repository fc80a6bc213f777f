//! How an observation comes in: checked as a whole, then numbered, then recorded.
//!
//! Nothing changes before every check has passed.

use std::borrow::Cow;

use super::evidence::{CAPACITY, CLAIM, Times, flag};
use super::kinds::{Kind, MAX_KINDS};
use super::normal::{self, illegal};
use super::rules::{MAX_BYTES, MAX_IDENTIFIERS};
use super::{IdentityGraph, Observation};
use crate::{Identifier, ProfileId, Refusal, Result};

/// A message id longer than this is refused.
const MAX_MESSAGE_BYTES: usize = 1024;

/// An identifier of an observation, normalised and checked.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) kind: &'a str,
    pub(crate) value: Cow<'a, str>,
    pub(crate) claimed: bool,
    /// What was looked up ahead of time.
    pub(crate) found: Found,
}

/// Where an identifier is, as far as known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found {
    /// Not looked up.
    No,
    /// Its kind and hash; the node was not there when looked up.
    Hash(Kind, u32),
    Node(u32),
}

/// An observation that was checked, ready to be recorded.
#[derive(Debug)]
pub(crate) struct Ready<'o> {
    parts: Vec<Part<'o>>,
    times: Times,
    message: Option<&'o str>,
}

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It is part of the evidence.
    Kept,
    /// It is about somebody who was forgotten, and nothing of it was kept.
    Suppressed,
}

impl IdentityGraph {
    /// The identifiers of an observation, from the strongest, each once.
    pub(crate) fn parts<'o>(
        &self,
        identifiers: impl Iterator<Item = &'o Identifier<'o>>,
        n: usize,
    ) -> std::result::Result<Vec<Part<'o>>, Refusal> {
        if n == 0 {
            return Err(Refusal::NoIdentifier);
        }
        if n > MAX_IDENTIFIERS {
            return Err(Refusal::TooManyIdentifiers { got: n, limit: MAX_IDENTIFIERS });
        }
        let mut parts = Vec::with_capacity(n);
        for Identifier { kind, value, claimed } in identifiers {
            let bytes = kind.len().max(value.len());
            if bytes > MAX_BYTES {
                return Err(Refusal::IdentifierTooLong { bytes, limit: MAX_BYTES });
            }
            let value = normal::value(kind, value);
            if illegal(kind) || illegal(&value) {
                return Err(Refusal::IllegalCharacter);
            }
            parts.push(Part { kind, value, claimed: *claimed, found: Found::No });
        }
        // Unclaimed first among equals, so that it is the copy that stays.
        if parts.len() > 1 {
            parts.sort_by(|a, b| {
                let by_kind = || self.rules.strength(a.kind).cmp(&self.rules.strength(b.kind));
                let kinds = if a.kind == b.kind { std::cmp::Ordering::Equal } else { by_kind() };
                kinds.then_with(|| a.value.cmp(&b.value)).then(a.claimed.cmp(&b.claimed))
            });
            parts.dedup_by(|later, kept| later.kind == kept.kind && later.value == kept.value);
        }
        self.check_single_values(&parts)?;
        Ok(parts)
    }

    fn check_single_values(&self, parts: &[Part<'_>]) -> std::result::Result<(), Refusal> {
        for same in parts.chunk_by(|a, b| a.kind == b.kind).filter(|same| same.len() > 1) {
            let kind = same[0].kind;
            if self.rules.limit_of(kind) != Some(1) {
                continue;
            }
            let counts = |part: &&Part<'_>| !part.claimed && !self.rules.blocks(kind, &part.value);
            if same.iter().filter(counts).count() > 1 {
                return Err(Refusal::TwoValues { kind: kind.to_owned() });
            }
        }
        Ok(())
    }

    pub(crate) fn check_room(&self, parts: &[Part<'_>]) -> std::result::Result<(), Refusal> {
        let full = |what: &str, limit| Err(Refusal::Full { what: what.to_owned(), limit });
        if self.kinds.len() + parts.len() > MAX_KINDS {
            let new = parts.chunk_by(|a, b| a.kind == b.kind);
            let new = new.filter(|same| self.kinds.find(same[0].kind).is_none()).count();
            if self.kinds.len() + new > MAX_KINDS {
                return full("kinds", MAX_KINDS);
            }
        }
        if self.nodes.len() + parts.len() > CAPACITY {
            return full("identifiers", CAPACITY);
        }
        let n_slots = self.signatures.n_slots() + parts.len();
        if self.signatures.len() >= CAPACITY || u32::try_from(n_slots).is_err() {
            return full("signatures", CAPACITY);
        }
        Ok(())
    }

    /// Leaves out what was forgotten; none if that is what the observation is about.
    pub(crate) fn without_forgotten(&self, parts: &mut Vec<Part<'_>>) -> Observed {
        if self.forgotten.is_empty() {
            return Observed::Kept;
        }
        let open = || parts.iter().filter(|part| !self.rules.blocks(part.kind, &part.value));
        let strongest = open().find(|part| !part.claimed).or_else(|| open().next());
        if strongest.is_some_and(|part| self.is_forgotten(part.kind, &part.value)) {
            return Observed::Suppressed;
        }
        parts.retain(|part| !self.is_forgotten(part.kind, &part.value));
        if parts.is_empty() { Observed::Suppressed } else { Observed::Kept }
    }

    fn is_forgotten(&self, kind: &str, value: &str) -> bool {
        self.forgotten.contains(&self.id_of(kind, value))
    }

    pub(crate) fn id_of(&self, kind: &str, value: &str) -> ProfileId {
        ProfileId::keyed(self.rules.secret(), kind, value)
    }

    /// The node of an identifier; room was checked.
    pub(crate) fn intern(&mut self, kind: &str, value: &str) -> u32 {
        let kind = match self.kinds.find(kind) {
            Some(kind) => kind,
            None => self.kinds.add(kind, &self.rules),
        };
        self.intern_hashed(kind, self.nodes.hash(kind, value), value)
    }

    fn intern_hashed(&mut self, kind: Kind, hash: u32, value: &str) -> u32 {
        let (node, new) = self.nodes.intern(hash, kind, value);
        if new {
            let facts = self.kinds.get(kind);
            self.sets.push(facts.counter);
            if self.rules.blocks(&facts.name, value) {
                self.nodes.facts[node as usize].flags |= flag::BLOCKED;
            }
            if facts.weak {
                self.nodes.facts[node as usize].flags |= flag::BITTEN;
            }
        }
        node
    }

    /// Checks an observation and looks up what is there already; none if it is suppressed. Reads
    /// only, so that many can be prepared at once.
    pub(crate) fn prepare<'o>(
        &self,
        observation: &'o Observation<'o>,
    ) -> std::result::Result<Option<Ready<'o>>, Refusal> {
        let message = observation.message();
        if let Some(id) = message
            && id.len() > MAX_MESSAGE_BYTES
        {
            let refusal = Refusal::IdentifierTooLong { bytes: id.len(), limit: MAX_MESSAGE_BYTES };
            return Err(refusal);
        }
        let mut parts = self.parts(observation.identifiers(), observation.n_identifiers())?;
        if self.without_forgotten(&mut parts) == Observed::Suppressed {
            return Ok(None);
        }
        for part in &mut parts {
            if let Some(kind) = self.kinds.find(part.kind) {
                let hash = self.nodes.hash(kind, &part.value);
                let node = self.nodes.find_hashed(hash, kind, &part.value);
                part.found = node.map_or(Found::Hash(kind, hash), Found::Node);
            }
        }
        let times = Times::once(self.rules.trusted(observation.at()));
        Ok(Some(Ready { parts, times, message }))
    }

    /// Takes in one observation and leaves what it changes of others pending. The signature it
    /// belongs to, or none if it was suppressed.
    pub(crate) fn take(
        &mut self,
        observation: &Observation<'_>,
    ) -> std::result::Result<Option<u32>, Refusal> {
        let ready = self.prepare(observation)?;
        self.commit(ready)
    }

    /// Records what was prepared.
    pub(crate) fn commit(
        &mut self,
        ready: Option<Ready<'_>>,
    ) -> std::result::Result<Option<u32>, Refusal> {
        let Some(Ready { parts, times, message }) = ready else { return Ok(None) };
        self.check_room(&parts)?;
        Ok(Some(self.record_parts(&parts, times, message)))
    }

    /// Numbers and records what was checked.
    pub(crate) fn record_parts(
        &mut self,
        parts: &[Part<'_>],
        times: Times,
        message: Option<&str>,
    ) -> u32 {
        let mut slots = [0; MAX_IDENTIFIERS];
        for (slot, part) in slots.iter_mut().zip(parts) {
            let node = match part.found {
                Found::Node(node) => node,
                Found::Hash(kind, hash) => self.intern_hashed(kind, hash, &part.value),
                Found::No => self.intern(part.kind, &part.value),
            };
            *slot = node | if part.claimed { CLAIM } else { 0 };
        }
        self.record(&slots[..parts.len()], times, message)
    }

    /// The signature of an observation, if it was seen.
    pub(crate) fn find_signature(&self, observation: &Observation<'_>) -> Result<Option<u32>> {
        let mut parts = self.parts(observation.identifiers(), observation.n_identifiers())?;
        if self.without_forgotten(&mut parts) == Observed::Suppressed {
            return Ok(None);
        }
        let slot = |part: &Part<'_>| {
            let node = self.nodes.find(self.kinds.find(part.kind)?, &part.value)?;
            Some(node | if part.claimed { CLAIM } else { 0 })
        };
        let slots: Option<Vec<u32>> = parts.iter().map(slot).collect();
        Ok(slots.and_then(|slots| self.signatures.find(&slots)))
    }
}
