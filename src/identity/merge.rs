//! Two graphs into one: the union of their evidence and of what they forgot.

use super::IdentityGraph;
use super::evidence::{CAPACITY, CLAIM};
use super::forget::Moves;
use super::intake::{Found, Observed, Part};
use super::kinds::MAX_KINDS;
use super::rules::Name;
use crate::{Error, Refusal, Result};

impl IdentityGraph {
    /// Adds the evidence of another graph with the same rules and key: shards, machines, snapshots.
    /// Manual links are united. What either has forgotten is forgotten, by the rule for
    /// observations that arrive after the forgetting.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if rules or keys differ in more than manual links;
    /// [`Error::Refused`] if there is no room. Nothing changes then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.merge_moving(other).map(|_| ())
    }

    /// As [`IdentityGraph::merge`]; where this graph's signatures went, and the other's.
    pub(crate) fn merge_moving(&mut self, other: &Self) -> Result<(Moves, Moves)> {
        if self.rules.automatic() != other.rules.automatic() {
            return Err(Error::parameter(
                "other",
                "a graph with the same rules and key",
                "another",
            ));
        }
        self.check_room_for(other)?;
        let names: Vec<Name> = (other.forgotten.iter())
            .filter_map(|&id| self.by_id.find(self, id))
            .map(|node| self.name(node))
            .collect();
        self.forgotten.extend(&other.forgotten);
        let ours = if names.is_empty() {
            Moves::new()
        } else {
            self.forget_names(&names, Self::strongest)
        };
        let mut rules = self.rules.with_manual_of(&other.rules);
        for (a, b) in rules.must().clone().iter().chain(&rules.cannot().clone()) {
            for end in [a, b] {
                if self.forgotten.contains(&self.id_of(&end.kind, &end.value)) {
                    rules.forget(&end.kind, &end.value);
                }
            }
        }
        if rules != self.rules {
            self.set_manual(rules)?;
        }
        let mut theirs = Moves::new();
        for sig in other.signatures.live() {
            let mut parts: Vec<Part<'_>> = other.parts_of(sig);
            let mut to = None;
            if self.without_forgotten(&mut parts) == Observed::Kept {
                let times = other.signatures.times(sig);
                to = Some(self.record_parts(&parts, times, other.signatures.message(sig)));
            }
            theirs.push((sig, to));
        }
        self.settle();
        Ok((ours, theirs))
    }

    /// The identifiers of a signature, as they came.
    pub(crate) fn parts_of(&self, sig: u32) -> Vec<Part<'_>> {
        let part = |&slot: &u32| {
            let node = slot & !CLAIM;
            Part {
                kind: &self.kinds.get(self.nodes.kind(node)).name,
                value: self.nodes.value(node).into(),
                claimed: slot & CLAIM != 0,
                found: Found::No,
            }
        };
        self.signatures.slots(sig).iter().map(part).collect()
    }

    fn check_room_for(&self, other: &Self) -> Result<()> {
        let full =
            |what: &str, limit| Err(Error::Refused(Refusal::Full { what: what.to_owned(), limit }));
        if self.kinds.len() + other.kinds.len() > MAX_KINDS {
            return full("kinds", MAX_KINDS);
        }
        let n_slots = self.signatures.n_slots() + other.signatures.n_slots();
        if self.nodes.len() + other.nodes.len() > CAPACITY || u32::try_from(n_slots).is_err() {
            return full("identifiers", CAPACITY);
        }
        Ok(())
    }
}
