//! Many observations at once, each step for all of them before the next step.
//!
//! A large graph lies in memory far from the CPU, and a look-up that waits for one line after
//! another spends nearly all its time waiting. So a chunk of observations is checked, its
//! identifiers are numbered shard by shard (`table/many`), then its signatures in the same way, and
//! what is new is appended; all on all threads, with memory asked for ahead of time. What the new
//! signatures say of their identifiers is noted by `note`. Components are joined last, once for all
//! chunks (`join`): nothing reads them in between.
//!
//! Numbers do not depend on the threads, and the state is the same as after one observation after
//! another, but for the numbers, which do not show.

mod join;
mod note;

use super::evidence::{CAPACITY, CLAIM, Times, flag};
use super::intake::{Found, Part};
use super::kinds::{Kind, MAX_KINDS};
use super::table::Key;
use super::{IdentityGraph, Observation};
use crate::Refusal;
use crate::num::parallel;

/// Observations that are taken in at once: enough for whole shards to be worth while, few enough to
/// hold beside the graph.
pub(crate) const CHUNK: usize = 1 << 18;

/// Observations that a thread checks at a time.
const BLOCK: usize = 1 << 12;

type Outcome = std::result::Result<Option<u32>, Refusal>;

/// What a checked observation has beside its parts.
pub(crate) struct Checked<'o> {
    pub(crate) times: Times,
    pub(crate) message: Option<&'o str>,
}

/// Some observations in order, checked.
struct Block<'o> {
    /// The parts of all that are kept, one after another.
    parts: Vec<Part<'o>>,
    kept: Vec<Checked<'o>>,
    /// Where the parts of each that is kept begin, and where the last ends.
    starts: Vec<u32>,
    /// Positions of those that are not kept, and the reasons of those refused.
    others: Vec<(usize, Option<Refusal>)>,
    /// Kinds that were not there.
    new_kinds: Vec<&'o str>,
}

impl Block<'_> {
    fn range(&self, at: usize) -> std::ops::Range<usize> {
        self.starts[at] as usize..self.starts[at + 1] as usize
    }
}

/// The identifiers of a block by number.
struct Slots {
    slots: Vec<u32>,
    /// Of every slot, how many values it is seen with that a hub rule counts, at most.
    weights: Vec<u8>,
}

/// The identity of a part, to be looked up.
type Name<'b> = (Kind, &'b str);

impl IdentityGraph {
    /// Takes in some observations and says of each what became of it, in order. Components of
    /// signatures from `first` on are left to be joined.
    pub(crate) fn take_many(
        &mut self,
        observations: &[Observation<'_>],
        first: &mut usize,
        mut each: impl FnMut(Outcome),
    ) {
        let blocks: Vec<&[Observation<'_>]> = observations.chunks(BLOCK).collect();
        let unit = 200 * observations.len() / blocks.len().max(1);
        let blocks = parallel::map(blocks.len(), unit, |i| self.check_block(blocks[i]));
        if !self.is_room_for(&blocks) {
            // Near the end of the numbers what is refused depends on what is in.
            self.join_from(*first);
            observations.iter().for_each(|seen| each(self.take(seen)));
            *first = self.signatures.len();
            return;
        }
        let old = self.signatures.len();
        let slots = self.number_parts(&blocks, unit);
        let (numbers, weights) = self.number_signatures(&blocks, &slots, *first, unit);
        drop(slots);
        self.note_new(old, &weights);
        for (block, numbers) in blocks.into_iter().zip(numbers) {
            let (mut numbers, mut at) = (numbers.into_iter(), 0);
            for (other, reason) in block.others {
                numbers.by_ref().take(other - at).for_each(|sig| each(Ok(Some(sig))));
                each(reason.map_or(Ok(None), Err));
                at = other + 1;
            }
            numbers.for_each(|sig| each(Ok(Some(sig))));
        }
    }

    fn check_block<'o>(&self, observations: &'o [Observation<'o>]) -> Block<'o> {
        let mut block = Block {
            parts: Vec::with_capacity(2 * observations.len()),
            kept: Vec::with_capacity(observations.len()),
            starts: Vec::with_capacity(observations.len() + 1),
            others: Vec::new(),
            new_kinds: Vec::new(),
        };
        block.starts.push(0);
        for (at, seen) in observations.iter().enumerate() {
            match self.check(seen, &mut block.parts) {
                Ok(Some(checked)) => {
                    block.kept.push(checked);
                    block.starts.push(block.parts.len() as u32);
                }
                Ok(None) => block.others.push((at, None)),
                Err(refusal) => block.others.push((at, Some(refusal))),
            }
        }
        for part in &mut block.parts {
            match self.kinds.find(part.kind) {
                Some(kind) => part.found = Found::Kind(kind),
                None if block.new_kinds.contains(&part.kind) => {}
                None => block.new_kinds.push(part.kind),
            }
        }
        block
    }

    /// Whether all numbers will do, whatever is new.
    fn is_room_for(&self, blocks: &[Block<'_>]) -> bool {
        let n_parts: usize = blocks.iter().map(|block| block.parts.len()).sum();
        let n_kept: usize = blocks.iter().map(|block| block.kept.len()).sum();
        let n_kinds: usize = blocks.iter().map(|block| block.new_kinds.len()).sum();
        self.nodes.len() + n_parts <= CAPACITY
            && self.signatures.len() + n_kept <= CAPACITY
            && u32::try_from(self.signatures.n_slots() + n_parts).is_ok()
            && self.kinds.len() + n_kinds <= MAX_KINDS
    }

    /// Numbers the identifiers of all blocks.
    fn number_parts(&mut self, blocks: &[Block<'_>], unit: usize) -> Vec<Slots> {
        for kind in blocks.iter().flat_map(|block| &block.new_kinds) {
            self.kinds.add(kind, &self.rules);
        }
        let keys: Vec<Vec<Key<Name<'_>>>> = parallel::map(blocks.len(), unit, |b| {
            let key = |(at, part): (u32, _)| {
                let key = self.name_of_part(part);
                Key { hash: self.nodes.hash(key.0, key.1), at, key }
            };
            (0..).zip(&blocks[b].parts).map(key).collect()
        });
        let (kinds, rules) = (&self.kinds, &self.rules);
        let numbers = self.nodes.number(&keys, |kind, value| {
            let facts = kinds.get(kind);
            let blocked = if rules.blocks(&facts.name, value) { flag::BLOCKED } else { 0 };
            blocked | if facts.weak { flag::BITTEN } else { 0 }
        });
        let each: Vec<_> = blocks.iter().zip(&keys).zip(numbers).collect();
        parallel::map_owned(each, unit, |((block, keys), slots)| self.slots_of(block, keys, slots))
    }

    fn slots_of(&self, block: &Block<'_>, keys: &[Key<Name<'_>>], mut slots: Vec<u32>) -> Slots {
        for (slot, part) in slots.iter_mut().zip(&block.parts) {
            *slot |= if part.claimed { CLAIM } else { 0 };
        }
        let mut weights = vec![0; slots.len()];
        for range in (0..block.kept.len()).map(|at| block.range(at)) {
            let kind = |i: usize| keys[i].key.0;
            if range.clone().all(|i| kind(i) == kind(range.start)) {
                continue;
            }
            for i in range.clone() {
                let counts = |&j: &usize| {
                    kind(i) != kind(j)
                        && (slots[i] | slots[j]) & CLAIM == 0
                        && self.kinds.hub(kind(i), kind(j)).is_some()
                };
                weights[i] = range.clone().filter(counts).count() as u8;
            }
        }
        Slots { slots, weights }
    }

    fn name_of_part<'b>(&self, part: &'b Part<'_>) -> Name<'b> {
        let kind = match part.found {
            Found::Kind(kind) => kind,
            _ => self.kinds.find(part.kind).expect("new kinds were added"),
        };
        (kind, &part.value)
    }

    /// Numbers the signatures of all blocks, appends the new ones and counts the others; of the new
    /// ones, the weights of their slots.
    fn number_signatures(
        &mut self,
        blocks: &[Block<'_>],
        slots: &[Slots],
        first: usize,
        unit: usize,
    ) -> (Vec<Vec<u32>>, Vec<u8>) {
        let old = self.signatures.len();
        let keys: Vec<Vec<Key<&[u32]>>> = parallel::map(blocks.len(), unit, |b| {
            (0..blocks[b].kept.len())
                .map(|at| {
                    let key = &slots[b].slots[blocks[b].range(at)];
                    Key { hash: self.signatures.hash(key), at: at as u32, key }
                })
                .collect()
        });
        let numbered = self.signatures.number(&keys);
        drop(keys);
        let new = |i: usize| {
            let (block, at) = numbered.fresh[i];
            let block = block as usize;
            (block, at as usize, blocks[block].range(at as usize))
        };
        self.signatures.append(numbered.fresh.len(), |i| {
            let (block, at, range) = new(i);
            let Checked { times, message } = &blocks[block].kept[at];
            (&slots[block].slots[range], *times, *message)
        });
        let weights = (0..numbered.fresh.len()).flat_map(|i| {
            let (block, _, range) = new(i);
            slots[block].weights[range].iter().copied()
        });
        let weights = weights.collect();
        // Those that are not the first of their signature.
        let repeats = parallel::map(blocks.len(), unit / 10, |b| {
            let is_first = |at: usize, sig: u32| {
                let new = (sig as usize).checked_sub(old).map(|i| numbered.fresh[i]);
                new == Some((b as u32, at as u32))
            };
            let all = numbered.numbers[b].iter().copied().enumerate();
            all.filter(|&(at, sig)| !is_first(at, sig)).collect::<Vec<_>>()
        });
        for ((block, slots), repeats) in blocks.iter().zip(slots).zip(repeats) {
            for (at, sig) in repeats {
                let Checked { times, message } = &block.kept[at];
                let slots = &slots.slots[block.range(at)];
                match sig as usize {
                    known if known < first => self.repeat(sig, slots, *times, *message),
                    earlier if earlier < old => self.repeat_unjoined(sig, slots, *times, *message),
                    _ => self.signatures.repeat(sig, *times, *message),
                }
            }
        }
        (numbered.numbers, weights)
    }
}
