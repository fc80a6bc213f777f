//! How an observation comes in: checked as a whole, then numbered, then recorded.
//!
//! Nothing changes before every check has passed.

use std::borrow::Cow;

use super::bulk::Checked;
use super::evidence::{CAPACITY, CLAIM, Times, flag};
use super::kinds::{Kind, MAX_KINDS};
use super::normal::{self, illegal};
use super::observation::Seen;
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
    /// Its kind and hash, and a node that has this hash; not compared yet.
    Guess(Kind, u32, u32),
    Node(u32),
}

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It is part of the evidence.
    Kept,
    /// It is about somebody who was forgotten, and nothing of it was kept.
    Suppressed,
}

fn slot_of(node: u32, claimed: bool) -> u32 {
    node | if claimed { CLAIM } else { 0 }
}

impl IdentityGraph {
    /// The identifiers of an observation, from the strongest, each once.
    pub(crate) fn parts<'o>(
        &self,
        identifiers: impl Iterator<Item = &'o Identifier<'o>>,
        n: usize,
    ) -> std::result::Result<Vec<Part<'o>>, Refusal> {
        let mut parts = Vec::new();
        self.add_parts(identifiers, n, &mut parts)?;
        Ok(parts)
    }

    /// Adds the identifiers of an observation to those of others; if it is refused, some may have
    /// been added.
    fn add_parts<'o>(
        &self,
        identifiers: impl Iterator<Item = &'o Identifier<'o>>,
        n: usize,
        parts: &mut Vec<Part<'o>>,
    ) -> std::result::Result<(), Refusal> {
        if n == 0 {
            return Err(Refusal::NoIdentifier);
        }
        if n > MAX_IDENTIFIERS {
            return Err(Refusal::TooManyIdentifiers { got: n, limit: MAX_IDENTIFIERS });
        }
        let start = parts.len();
        parts.reserve(n);
        for Identifier { kind, value, claimed } in identifiers {
            let bytes = kind.len().max(value.len());
            if bytes > MAX_BYTES {
                return Err(Refusal::IdentifierTooLong { bytes, limit: MAX_BYTES });
            }
            let value = normal::value(kind, value);
            let is_new = parts.last().is_none_or(|before| !std::ptr::eq(before.kind, &**kind));
            if is_new && illegal(kind) || illegal(&value) {
                return Err(Refusal::IllegalCharacter);
            }
            parts.push(Part { kind, value, claimed: *claimed, found: Found::No });
        }
        // Unclaimed first among equals, so that it is the copy that stays.
        if n > 1 {
            parts[start..].sort_by(|a, b| {
                let by_kind = || self.rules.strength(a.kind).cmp(&self.rules.strength(b.kind));
                let kinds = if a.kind == b.kind { std::cmp::Ordering::Equal } else { by_kind() };
                kinds.then_with(|| a.value.cmp(&b.value)).then(a.claimed.cmp(&b.claimed))
            });
            let mut kept = start;
            for at in start + 1..parts.len() {
                if parts[at].kind != parts[kept].kind || parts[at].value != parts[kept].value {
                    kept += 1;
                    parts.swap(at, kept);
                }
            }
            parts.truncate(kept + 1);
            self.check_single_values(&parts[start..])?;
        }
        Ok(())
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

    /// Checks an observation and adds its identifiers to those of others; none if it is
    /// suppressed. Reads only, so that many can be checked at once.
    pub(crate) fn check<'o, S: Seen>(
        &self,
        observation: &'o S,
        parts: &mut Vec<Part<'o>>,
    ) -> std::result::Result<Option<Checked<'o>>, Refusal> {
        let message = observation.message();
        if let Some(id) = message
            && id.len() > MAX_MESSAGE_BYTES
        {
            let refusal = Refusal::IdentifierTooLong { bytes: id.len(), limit: MAX_MESSAGE_BYTES };
            return Err(refusal);
        }
        let start = parts.len();
        let added = self.add_parts(observation.identifiers(), observation.n_identifiers(), parts);
        if let Err(refusal) = added {
            parts.truncate(start);
            return Err(refusal);
        }
        if !self.forgotten.is_empty() {
            let mut own = parts.split_off(start);
            if self.without_forgotten(&mut own) == Observed::Suppressed {
                return Ok(None);
            }
            parts.append(&mut own);
        }
        let at = self.rules.trusted(observation.at());
        Ok(Some(Checked { at, message }))
    }

    /// Looks up identifiers, each step for all of them, so that waits for memory overlap: first
    /// `guess`, then `soon_texts`, then `compare`.
    fn guess(&self, parts: &mut [Part<'_>]) {
        for part in &mut *parts {
            if let Some(kind) = self.kinds.find(part.kind) {
                let hash = self.nodes.hash(kind, &part.value);
                self.nodes.soon(hash);
                part.found = Found::Hash(kind, hash);
            }
        }
        for part in parts {
            if let Found::Hash(kind, hash) = part.found
                && let Some(node) = self.nodes.soon_facts(hash)
            {
                part.found = Found::Guess(kind, hash, node);
            }
        }
    }

    fn soon_texts(&self, parts: &[Part<'_>]) {
        for part in parts {
            if let Found::Guess(_, _, node) = part.found {
                self.nodes.soon_text(node);
            }
        }
    }

    fn compare(&self, parts: &mut [Part<'_>]) {
        for part in parts {
            if let Found::Guess(kind, hash, _) = part.found {
                let node = self.nodes.find_hashed(hash, kind, &part.value);
                part.found = node.map_or(Found::Hash(kind, hash), Found::Node);
            }
        }
    }

    /// Takes in one observation and leaves what it changes of others pending. The signature it
    /// belongs to, or none if it was suppressed.
    pub(crate) fn take(
        &mut self,
        observation: &Observation<'_>,
    ) -> std::result::Result<Option<u32>, Refusal> {
        let mut parts = Vec::new();
        let Some(Checked { at, message }) = self.check(observation, &mut parts)? else {
            return Ok(None);
        };
        self.guess(&mut parts);
        // While what leads to the texts is on its way: if all guesses are right, this is the
        // signature.
        let mut slots = [0; MAX_IDENTIFIERS];
        let guessed = parts.iter().zip(&mut slots).all(|(part, slot)| {
            let Found::Guess(_, _, node) = part.found else { return false };
            *slot = slot_of(node, part.claimed);
            true
        });
        let hash = guessed.then(|| self.signatures.hash(&slots[..parts.len()]));
        if let Some(hash) = hash {
            self.signatures.soon(hash);
        }
        self.soon_texts(&parts);
        let sig = hash.and_then(|hash| self.signatures.soon_facts(hash));
        self.compare(&mut parts);
        if let Some(sig) = sig {
            self.signatures.soon_slots(sig);
        }
        self.check_room(&parts)?;
        Ok(Some(self.record_parts(&parts, Times::once(at), message)))
    }

    /// The slot of an identifier, which is numbered if it is new; room was checked.
    pub(crate) fn slot_of(&mut self, part: &Part<'_>) -> u32 {
        let node = match part.found {
            Found::Node(node) => node,
            Found::Hash(kind, hash) | Found::Guess(kind, hash, _) => {
                self.intern_hashed(kind, hash, &part.value)
            }
            Found::No => self.intern(part.kind, &part.value),
        };
        slot_of(node, part.claimed)
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
            *slot = self.slot_of(part);
        }
        self.record(&slots[..parts.len()], times, message)
    }

    /// Asks for what is known of a node.
    pub(crate) fn soon_node(&self, node: u32) {
        self.nodes.soon_node(node);
        self.sets.soon(node);
    }

    /// The signature of an observation, if it was seen.
    pub(crate) fn find_signature(&self, observation: &Observation<'_>) -> Result<Option<u32>> {
        let mut parts = self.parts(observation.identifiers(), observation.n_identifiers())?;
        if self.without_forgotten(&mut parts) == Observed::Suppressed {
            return Ok(None);
        }
        let slot = |part: &Part<'_>| {
            let node = self.nodes.find(self.kinds.find(part.kind)?, &part.value)?;
            Some(slot_of(node, part.claimed))
        };
        let slots: Option<Vec<u32>> = parts.iter().map(slot).collect();
        Ok(slots.and_then(|slots| self.signatures.find(&slots)))
    }
}
