//! Many observations at once, each step for all of them before the next step.
//!
//! A large graph lies in memory far from the CPU, and a look-up that waits for one line after
//! another spends nearly all its time waiting. So observations are checked and their identifiers
//! packed by shard (`pack`); when enough have come together, shard by shard the identifiers are
//! numbered (`table/many`), then the signatures in the same way, and what is new is appended; all on
//! all threads. What the new signatures say of their identifiers is noted by `note`. Components are
//! joined last, once for all (`join`): nothing reads them in between.
//!
//! The state is the same as after one observation after another, but for the numbers, which follow
//! the randomly seeded hashes and do not show.

mod join;
mod note;
mod pack;

pub(crate) use pack::Checked;
use pack::Packed;

use super::evidence::{CAPACITY, CLAIM, Times, flag};
use super::kinds::MAX_KINDS;
use super::observation::Seen;
use super::table::{Keys, Numbers};
use super::{IdentityGraph, Observation};
use crate::Refusal;
use crate::num::parallel;

/// Observations that are asked of an iterator at a time: enough for all threads.
/// A test crosses the borders with fewer.
const PULL: usize = if cfg!(test) { 1 << 8 } else { 1 << 15 };

/// Identifiers that are numbered at a time: enough for a shard to be worth while, few enough to hold
/// beside the graph.
const CHUNK: usize = if cfg!(test) { 1 << 10 } else { 1 << 21 };

/// Fewer observations than this go into a large graph one by one: looking into all shards costs as
/// much as some hundred look-ups (0.2 ms, measured).
const FEW: usize = 512;

/// Repeats by which what lies far off is asked for ahead.
const AHEAD: usize = 16;

/// What becomes of an observation: its signature, or none if it is suppressed.
type Outcome = std::result::Result<Option<u32>, Refusal>;

/// What became of the observations of a block.
pub(crate) struct Taken {
    /// How many there were.
    pub(crate) n: usize,
    /// The signatures of those that were kept, in order.
    pub(crate) signatures: Vec<u32>,
    /// Positions of those that were not, and the reasons of those refused.
    pub(crate) others: Vec<(usize, Option<Refusal>)>,
}

impl Taken {
    /// What became of each, in order.
    fn each(self, each: &mut impl FnMut(Outcome)) {
        let (mut numbers, mut at) = (self.signatures.into_iter(), 0);
        for (other, reason) in self.others {
            numbers.by_ref().take(other - at).for_each(|sig| each(Ok(Some(sig))));
            each(reason.map_or(Ok(None), Err));
            at = other + 1;
        }
        numbers.for_each(|sig| each(Ok(Some(sig))));
    }
}

/// Observations that were checked and are to be numbered together.
#[derive(Default)]
struct Chunk {
    blocks: Vec<Packed>,
    n_parts: usize,
    n_kept: usize,
    /// Shards of the tables of identifiers and of signatures.
    n_shards: (usize, usize),
}

impl IdentityGraph {
    /// Takes in observations and says of each what became of it, in order. Signatures keep their
    /// numbers until something is forgotten.
    pub(crate) fn take_all<'a>(
        &mut self,
        observations: impl Iterator<Item = Observation<'a>>,
        mut each: impl FnMut(Outcome),
    ) {
        let mut observations = observations.fuse();
        let mut first = self.signatures.len();
        let mut pulled: Vec<_> = observations.by_ref().take(PULL).collect();
        if self.are_few(pulled.len()) {
            pulled.iter().for_each(|seen| each(self.take(seen)));
            self.settle();
            return;
        }
        let (mut next, mut chunk) = (Vec::new(), Chunk::default());
        while !pulled.is_empty() {
            // The next are made while these are packed.
            let mut pack = || self.pack(&pulled, |_| Ok(()), |_, _, ()| (), &mut chunk).is_some();
            let packed = if pulled.len() < PULL {
                pack()
            } else {
                parallel::beside(pack, || next.extend(observations.by_ref().take(PULL)))
            };
            if !packed {
                // Near the end of the numbers, what is refused depends on what is in.
                self.commit(&mut chunk, first).into_iter().for_each(|block| block.each(&mut each));
                self.join_from(first);
                pulled.iter().for_each(|seen| each(self.take(seen)));
                self.settle();
                first = self.signatures.len();
            } else if chunk.n_parts >= CHUNK {
                self.commit(&mut chunk, first).into_iter().for_each(|block| block.each(&mut each));
            }
            pulled.clear();
            std::mem::swap(&mut pulled, &mut next);
        }
        self.commit(&mut chunk, first).into_iter().for_each(|block| block.each(&mut each));
        self.join_from(first);
    }

    /// As `take_all`, of what lies in memory, all at once. Every one must pass the caller's `check`
    /// too; of those that are kept, `make` makes what the caller wants, block by block. None, and
    /// nothing has changed, if they had better be taken in one by one.
    pub(crate) fn take_together<S: Seen, M: Default + Send>(
        &mut self,
        seen: &[S],
        check: impl Fn(&S) -> std::result::Result<(), Refusal> + Sync,
        make: impl Fn(usize, &S, &mut M) + Sync,
    ) -> Option<Vec<(Taken, M)>> {
        if self.are_few(seen.len()) {
            return None;
        }
        let (first, mut chunk) = (self.signatures.len(), Chunk::default());
        let made = self.pack(seen, check, make, &mut chunk)?;
        let taken = self.commit(&mut chunk, first);
        self.join_from(first);
        Some(taken.into_iter().zip(made).collect())
    }

    fn are_few(&self, n: usize) -> bool {
        n < FEW && 64 * n < self.signatures.len()
    }

    /// Numbers and appends a chunk; the components of signatures from `first` on are left to be
    /// joined.
    fn commit(&mut self, chunk: &mut Chunk, first: usize) -> Vec<Taken> {
        let Chunk { blocks, n_shards, .. } = std::mem::take(chunk);
        let old = self.signatures.len();
        let slots = self.number_names(&blocks);
        let keys = parallel::map(blocks.len(), pack::WORK, |b| {
            let (block, slots) = (&blocks[b], &slots[b]);
            let range = |at| &slots[block.range(at)];
            let hashes: Vec<u32> =
                (0..block.times.len()).map(|at| self.signatures.hash(range(at))).collect();
            Keys::new(n_shards.1, &hashes, slots.len(), |at| (range(at), block.times[at]))
        });
        drop(slots);
        let numbers = self.signatures.number(keys.iter().collect());
        let weights = self.append(&blocks, &numbers);
        self.repeat_many(&blocks, &numbers, first, old);
        let outcomes = parallel::map(blocks.len(), pack::WORK / 10, |b| numbers.of_block(b));
        drop(numbers);
        self.note_new(old, &weights);
        let blocks = parallel::map_owned(blocks, pack::WORK / 10, |block| (block.n, block.others));
        let blocks = blocks.into_iter().zip(outcomes);
        blocks.map(|((n, others), signatures)| Taken { n, signatures, others }).collect()
    }

    /// Numbers the identifiers of all blocks; of each block, its slots.
    fn number_names(&mut self, blocks: &[Packed]) -> Vec<Vec<u32>> {
        let (kinds, rules) = (&self.kinds, &self.rules);
        let keys = blocks.iter().map(|block| &block.names).collect();
        let numbers = self.nodes.number(keys, |kind, value| {
            let facts = kinds.get(kind);
            let blocked = if rules.blocks(&facts.name, value) { flag::BLOCKED } else { 0 };
            blocked | if facts.weak { flag::BITTEN } else { 0 }
        });
        parallel::map(blocks.len(), pack::WORK, |b| {
            let mut slots = numbers.of_block(b);
            blocks[b].claimed.iter().for_each(|&at| slots[at as usize] |= CLAIM);
            slots
        })
    }

    /// Appends the new signatures; of each of their slots, how many values a hub rule counts there,
    /// at most, if that is not 0 for all.
    fn append(&mut self, blocks: &[Packed], numbers: &Numbers<'_, Vec<u32>, i64>) -> Vec<u8> {
        let old = self.signatures.len();
        self.signatures.append(numbers);
        if blocks.iter().any(Packed::has_messages) {
            for (sig, (_, _, block, at)) in (old..).zip(numbers.new_from(0)) {
                self.signatures.set_message(sig as u32, blocks[block].message(at));
            }
        }
        if blocks.iter().all(|block| block.kinds.is_empty()) {
            return Vec::new();
        }
        let weights = parallel::map_chunks(numbers.n_new(), 20, |sigs| {
            let mut weights = Vec::new();
            for (slots, _, block, at) in numbers.new_from(sigs.start).take(sigs.len()) {
                let kinds = &blocks[block].kinds;
                match kinds.get(blocks[block].range(at)) {
                    Some(kinds) => self.add_weights(slots, kinds, &mut weights),
                    None => weights.resize(weights.len() + slots.len(), 0),
                }
            }
            weights
        });
        weights.concat()
    }

    /// Counts what was not the first of its signature.
    fn repeat_many(
        &mut self,
        blocks: &[Packed],
        numbers: &Numbers<'_, Vec<u32>, i64>,
        first: usize,
        old: usize,
    ) {
        let repeats = parallel::map(numbers.n_shards(), pack::WORK, |s| numbers.repeats(s));
        if !self.signatures.has_messages() && !blocks.iter().any(Packed::has_messages) {
            let changed = self.signatures.repeat_many(&repeats, old as u32);
            for (i, &(sig, is_earlier)) in changed.iter().enumerate() {
                if let Some(&(later, _)) = changed.get(i + 2 * AHEAD) {
                    self.signatures.soon_slots(later);
                }
                if let Some(&(later, _)) = changed.get(i + AHEAD) {
                    let slots = self.signatures.slots(later);
                    slots.iter().for_each(|slot| self.soon_node(slot & !CLAIM));
                }
                if (sig as usize) < first {
                    self.note_repeat(sig, is_earlier);
                } else {
                    self.note_unjoined(sig);
                }
            }
            return;
        }
        for (sig, at, block, place) in repeats.into_iter().flatten() {
            let times = Times::from_mark(at);
            let message = blocks[block as usize].message(place as usize);
            match sig as usize {
                known if known < first => self.repeat(sig, times, message),
                earlier if earlier < old => {
                    self.signatures.repeat(sig, times, message);
                    self.note_unjoined(sig);
                }
                _ => self.signatures.repeat(sig, times, message),
            }
        }
    }

    /// Whether all numbers will do, whatever is new.
    fn is_room_for(&self, chunk: &Chunk, n_kept: usize, n_parts: usize, n_kinds: usize) -> bool {
        let (n_kept, n_parts) = (chunk.n_kept + n_kept, chunk.n_parts + n_parts);
        self.nodes.len() + n_parts <= CAPACITY
            && self.signatures.len() + n_kept <= CAPACITY
            && u32::try_from(self.signatures.n_slots() + n_parts).is_ok()
            && self.kinds.len() + n_kinds <= MAX_KINDS
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Owner, Rules};
    use super::*;
    use crate::Timestamp;

    /// Few people with many cookies, shared devices, claims, placeholders, repeats and refusals.
    fn world(n: u64) -> Vec<Observation<'static>> {
        let mut state = 7u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let mut one = |i| {
            let at = Timestamp::from_millis((1_500_000_000_000 + below(1 << 20)) as i64);
            let mut seen = Observation::new(at);
            if below(3) == 0 {
                seen = seen.id("user_id", below(n / 20).to_string());
            }
            if below(200) == 0 {
                // Two values of a kind of which a person has one.
                seen = seen.id("user_id", "7").id("user_id", "8");
            }
            if below(4) == 0 {
                seen = seen.id("email", format!("{}@x.org", below(n / 10)));
            }
            if below(9) == 0 {
                seen = seen.claimed_id("email", format!("{}@x.org", below(n / 10)));
            }
            // Some cookies are everybody's.
            let cookie = if below(5) == 0 { below(4) } else { 4 + below(n / 2) };
            seen = seen.id("cookie", if cookie == 0 { "null".into() } else { cookie.to_string() });
            if below(2) == 0 { seen.message_id(format!("m{i}")) } else { seen }
        };
        (0..n).map(&mut one).collect()
    }

    fn empty(owner: Owner) -> IdentityGraph {
        IdentityGraph::new(Rules::default().owner(owner).weak("cookie")).unwrap()
    }

    #[test]
    fn bulk_gives_the_state_of_one_after_another_across_all_borders() {
        let world = world(4000);
        for owner in [Owner::First, Owner::Latest, Owner::Nobody] {
            let mut single = empty(owner);
            let outcomes: Vec<_> = world.iter().map(|seen| single.observe(seen).is_ok()).collect();
            // All at once; the smaller part to the larger; the larger to the smaller.
            for (first, n_threads) in [(0, 1), (3900, 2), (500, 3)] {
                let mut bulk = empty(owner);
                world[..first].iter().for_each(|seen| drop(bulk.observe(seen)));
                // What was read before must not be true for ever.
                let _ = bulk.profiles();
                let intake = parallel::with_threads(n_threads, || {
                    bulk.extend(world[first..].iter().cloned())
                });
                let kept = outcomes[first..].iter().filter(|kept| **kept).count();
                assert_eq!(intake.kept, kept as u64);
                let refused = outcomes[first..].iter().position(|kept| !kept);
                assert_eq!(intake.examples.first().map(|e| e.0 as usize), refused);
                assert!(bulk == single);
                assert_eq!(bulk.profiles(), single.profiles());
                for seen in &world {
                    let profile = |graph: &IdentityGraph| graph.profile_of(seen).ok().flatten();
                    assert_eq!(profile(&bulk), profile(&single));
                }
            }
        }
    }

    #[test]
    fn outcomes_come_in_order_and_name_the_signature() {
        let world = world(1000);
        let mut graph = empty(Owner::First);
        let mut outcomes = Vec::new();
        graph.take_all(world.iter().cloned(), |outcome| outcomes.push(outcome));
        assert_eq!(outcomes.len(), world.len());
        for (seen, outcome) in world.iter().zip(outcomes) {
            assert_eq!(graph.find_signature(seen).ok().flatten(), outcome.ok().flatten());
        }
    }
}
