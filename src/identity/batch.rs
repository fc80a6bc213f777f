//! Many observations at once, each step for a group of them before the next step.
//!
//! A large graph lies in memory far from the CPU, and a look-up that waits for one line after
//! another spends nearly all its time waiting. So each step asks for the memory of the next, for
//! a whole group, and the waits overlap. Checking and looking up only read and run on all
//! threads; numbering and recording are serial and in the order of the observations, so the
//! result is the same as of one observation after another.

use super::evidence::{CAPACITY, CLAIM, Times};
use super::intake::{Found, Part};
use super::{IdentityGraph, Intake, Observation};
use crate::Refusal;
use crate::num::parallel;

/// Observations that are taken in at once: enough to keep threads busy, few enough for the cache.
pub(crate) const BATCH: usize = 1024;

/// Observations that go through a step together: what they ask for must stay in the near cache.
const GROUP: usize = 64;

/// Refusals that an intake quotes.
const N_EXAMPLES: usize = 10;

/// A group of observations that were checked and looked up, their parts one after another.
struct Group<'o> {
    parts: Vec<Part<'o>>,
    each: Vec<Result<Option<Checked<'o>>, Refusal>>,
}

/// What a checked observation has beside its parts.
pub(crate) struct Checked<'o> {
    pub(crate) n_parts: usize,
    pub(crate) times: Times,
    pub(crate) message: Option<&'o str>,
}

/// An observation that was numbered, ready to be recorded.
struct Numbered<'o> {
    checked: Checked<'o>,
    hash: u32,
}

/// Space that is used again for every group.
#[derive(Default)]
struct Scratch {
    slots: Vec<u32>,
    /// Nodes on the way from those of the slots to the roots of their components.
    roots: Vec<u32>,
    /// Signatures that may be met again.
    sigs: Vec<u32>,
}

impl IdentityGraph {
    /// Takes in some observations, the first of which has this number, and leaves what they
    /// change of others pending.
    pub(crate) fn take_batch(
        &mut self,
        batch: &[Observation<'_>],
        number: u64,
        intake: &mut Intake,
    ) {
        let groups: Vec<&[Observation<'_>]> = batch.chunks(GROUP).collect();
        let groups = parallel::map(groups.len(), GROUP * 1000, |i| self.prepare_group(groups[i]));
        let n_parts = groups.iter().map(|group| group.parts.len()).sum::<usize>();
        // Near the end of the numbers, one after another: what is refused depends on what is in.
        let is_room = self.nodes.len() + n_parts <= CAPACITY
            && self.signatures.len() + batch.len() <= CAPACITY
            && u32::try_from(self.signatures.n_slots() + n_parts).is_ok();
        let step = if is_room { GROUP } else { 1 };
        let (mut scratch, mut number) = (Scratch::default(), number);
        for group in groups {
            let mut parts = &group.parts[..];
            let mut each = group.each.into_iter();
            while each.len() > 0 {
                let outcomes =
                    self.commit_group(&mut parts, each.by_ref().take(step), &mut scratch);
                for outcome in outcomes {
                    match outcome {
                        Ok(true) => intake.kept += 1,
                        Ok(false) => intake.suppressed += 1,
                        Err(refusal) => {
                            intake.refused += 1;
                            if intake.examples.len() < N_EXAMPLES {
                                intake.examples.push((number, refusal));
                            }
                        }
                    }
                    number += 1;
                }
            }
        }
    }

    fn prepare_group<'o>(&self, observations: &'o [Observation<'o>]) -> Group<'o> {
        let mut parts = Vec::with_capacity(2 * observations.len());
        let check = |seen: &'o Observation<'o>| self.check(seen, &mut parts);
        let each = observations.iter().map(check).collect();
        self.look_up(&mut parts);
        Group { parts, each }
    }

    /// Numbers and records checked observations; of each, whether it was kept.
    fn commit_group<'o>(
        &mut self,
        parts: &mut &[Part<'o>],
        each: impl Iterator<Item = Result<Option<Checked<'o>>, Refusal>>,
        scratch: &mut Scratch,
    ) -> Vec<Result<bool, Refusal>> {
        let each: Vec<_> = each.collect();
        let n_parts = each.iter().flatten().flatten().map(|checked| checked.n_parts).sum();
        let (mut these, rest) = parts.split_at(n_parts);
        *parts = rest;
        for part in these {
            match part.found {
                Found::Node(node) => self.soon_node(node),
                Found::Hash(_, hash) | Found::Guess(_, hash, _) => self.nodes.soon(hash),
                Found::No => {}
            }
        }
        scratch.slots.clear();
        let mut numbered = Vec::with_capacity(each.len());
        let mut outcomes = Vec::with_capacity(each.len());
        for checked in each {
            let checked = match checked {
                Ok(Some(checked)) => checked,
                Ok(None) => {
                    outcomes.push(Ok(false));
                    continue;
                }
                Err(refusal) => {
                    outcomes.push(Err(refusal));
                    continue;
                }
            };
            let (own, rest) = these.split_at(checked.n_parts);
            these = rest;
            if let Err(refusal) = self.check_room(own) {
                outcomes.push(Err(refusal));
                continue;
            }
            let start = scratch.slots.len();
            own.iter().for_each(|part| scratch.slots.push(self.slot_of(part)));
            let hash = self.signatures.hash(&scratch.slots[start..]);
            self.signatures.soon(hash);
            numbered.push(Numbered { checked, hash });
            outcomes.push(Ok(true));
        }
        self.fetch(&numbered, scratch);
        let mut slots = &scratch.slots[..];
        for Numbered { checked, hash } in numbered {
            let (own, rest) = slots.split_at(checked.n_parts);
            slots = rest;
            self.record_hashed(hash, own, checked.times, checked.message);
        }
        outcomes
    }

    /// Asks for what recording will read: signatures, the ways to the roots, the roots' names.
    fn fetch(&self, numbered: &[Numbered<'_>], scratch: &mut Scratch) {
        let Scratch { slots, roots, sigs } = scratch;
        sigs.clear();
        sigs.extend(numbered.iter().filter_map(|seen| self.signatures.soon_facts(seen.hash)));
        roots.clear();
        roots.extend(slots.iter().map(|&slot| self.sets.soon_parent(slot & !CLAIM)));
        sigs.iter().for_each(|&sig| self.signatures.soon_slots(sig));
        for _ in 0..2 {
            roots.iter_mut().for_each(|node| *node = self.sets.soon_parent(*node));
        }
        roots.iter().for_each(|&root| self.sets.soon_root(root, &self.nodes));
    }
}
