//! Signatures of a batch: numbered, appended, and their observations added, on all threads.

use hashbrown::HashMap;

use super::super::slot::NONE;
use super::{Retimed, Signature, Signatures, Times, is_first_message, range_of};
use crate::num::table::number::{Keys, Known, Numbers};
use crate::num::{parallel, prefetch};

/// Prefetch distance, in rows.
const AHEAD: usize = 16;

/// The signatures that were known before a batch.
#[derive(Clone, Copy)]
pub(in super::super) struct KnownBefore {
    /// Those below this number.
    pub(in super::super) n: u32,
    /// Whether it counts that one of them was seen later than before.
    pub(in super::super) later_counts: bool,
}

/// An observation of a signature that is known.
#[derive(Debug, Clone, Copy)]
struct Repeat {
    signature: u32,
    at: i64,
    /// The block of the observation, and its row there.
    block: u32,
    row: u32,
}

impl Signatures {
    /// Numbers signatures of a batch. The new ones must be appended.
    pub(in super::super) fn number<'k>(
        &mut self,
        keys: Vec<&'k Keys<Vec<u32>, ()>>,
    ) -> Numbers<'k, Vec<u32>, ()> {
        let first = self.len() as u32;
        let known = KnownSignatures { facts: &self.facts, slots: &self.slots };
        self.table.number(keys, first, &known)
    }

    /// Appends the new signatures of a batch, without times and messages; they must be linked.
    pub(in super::super) fn append(&mut self, numbers: &Numbers<'_, Vec<u32>, ()>) {
        let (old, n) = (self.len(), numbers.n_new());
        let lengths = parallel::map_chunks(n, 4, |sigs| {
            let new = numbers.new_from(sigs.start).take(sigs.len());
            new.map(|(slots, ..)| slots.len()).sum::<usize>()
        });
        let mut end = self.slots.len();
        parallel::extend(&mut self.slots, lengths.iter().sum(), |_| 0);
        parallel::extend(&mut self.facts, n, |_| Signature::new(Times::NEVER, 0));
        let (mut facts, mut slots) = (&mut self.facts[old..], &mut self.slots[end..]);
        let mut chunks = Vec::with_capacity(lengths.len());
        for length in lengths {
            let (own_slots, rest) = std::mem::take(&mut slots).split_at_mut(length);
            slots = rest;
            let n = facts.len().min(parallel::CHUNK);
            let (own_facts, rest) = std::mem::take(&mut facts).split_at_mut(n);
            facts = rest;
            chunks.push((end, own_slots, own_facts));
            end += length;
        }
        parallel::for_each(chunks, 20 * n, |chunk, (mut end, mut slots, facts)| {
            let new = numbers.new_from(chunk * parallel::CHUNK);
            for (facts, (key, ..)) in facts.iter_mut().zip(new) {
                let (own, rest) = slots.split_at_mut(key.len());
                own.copy_from_slice(key);
                slots = rest;
                end += key.len();
                *facts = Signature::new(Times::NEVER, end as u32);
            }
        });
        if !self.message.is_empty() {
            self.message.resize(old + n, NONE);
        }
    }

    /// Continues the lists of nodes through slots that were appended.
    pub(in super::super) fn link(&mut self, n: usize, next: impl Fn(usize) -> u32 + Sync) {
        parallel::extend(&mut self.next, n, next);
        debug_assert_eq!(self.next.len(), self.slots.len());
    }

    /// Adds observations, on all threads. Every block of them has the signature of each row; `times` says what was
    /// observed in a row of a block, and `message` its message id, if some row has one. Returns the known
    /// signatures whose times that changed.
    ///
    /// Every thread reads all rows and adds those of its own range of signatures.
    pub(in super::super) fn repeat_batch<'m>(
        &mut self,
        blocks: &[&[u32]],
        known: KnownBefore,
        times: impl Fn(u32, u32) -> Times + Sync,
        message: Option<impl Fn(u32, u32) -> Option<&'m str> + Sync>,
    ) -> Vec<(u32, Retimed)> {
        let n: usize = blocks.iter().map(|block| block.len()).sum();
        if n == 0 {
            return Vec::new();
        }
        let len = self.facts.len().div_ceil(parallel::n_threads()).max(1);
        let unit = 20 * n / len + 1;
        let (texts, kept) = (&self.messages, &self.message);
        let with_messages = message.is_some() || !kept.is_empty();
        let id_of = |block, row| message.as_ref().and_then(|message| message(block, row));
        let done = parallel::map_chunks_mut(&mut self.facts, len, unit, |range, facts| {
            let base = (range * len) as u32;
            let (mut changed, mut first) = (Vec::new(), FirstMessages::default());
            let mut own = Vec::new();
            for (block, &sigs) in (0..).zip(blocks) {
                rows_within(sigs, base, facts.len(), &mut own);
                for (i, &row) in own.iter().enumerate() {
                    if let Some(&later) = own.get(i + AHEAD) {
                        prefetch::prefetch_at(facts, (sigs[later as usize] - base) as usize);
                    }
                    let (sig, times) = (sigs[row as usize], times(block, row));
                    let facts = &mut facts[(sig - base) as usize];
                    if with_messages {
                        let stored = || {
                            let text = kept.get(sig as usize).copied().unwrap_or(NONE);
                            (text != NONE).then(|| texts.get(text as usize))
                        };
                        let repeat = Repeat { signature: sig, at: times.first, block, row };
                        first.offer(repeat, facts.first, stored, id_of);
                    }
                    let retimed = facts.add(times, known.later_counts);
                    if let Some(retimed) = retimed.filter(|_| sig < known.n) {
                        changed.push((sig, retimed));
                    }
                }
            }
            (changed, first)
        });
        let mut changed = Vec::new();
        for (own, first) in done {
            changed.extend(own);
            for Repeat { signature, block, row, .. } in first.into_repeats() {
                let message = message.as_ref().and_then(|message| message(block, row));
                self.set_message(signature, message);
            }
        }
        changed
    }
}

/// Collects in `own` the rows whose signatures are among `n` from `base` on, without a branch that
/// the CPU would have to guess.
fn rows_within(sigs: &[u32], base: u32, n: usize, own: &mut Vec<u32>) {
    own.clear();
    own.resize(sigs.len(), 0);
    let mut n_own = 0;
    for (row, sig) in (0..).zip(sigs) {
        own[n_own] = row;
        n_own += usize::from((sig.wrapping_sub(base) as usize) < n);
    }
    own.truncate(n_own);
}

/// The first messages among repeats, as far as they replace those that are kept.
#[derive(Default)]
struct FirstMessages {
    repeats: Vec<Repeat>,
    /// Of every signature, which of them.
    of: HashMap<u32, usize>,
}

impl FirstMessages {
    /// Considers a repeat of a signature whose first time is `first` so far.
    fn offer<'m>(
        &mut self,
        repeat: Repeat,
        first: i64,
        stored: impl Fn() -> Option<&'m str>,
        message: impl Fn(u32, u32) -> Option<&'m str>,
    ) {
        if repeat.at > first {
            return;
        }
        let kept = || match self.of.get(&repeat.signature) {
            Some(&i) => message(self.repeats[i].block, self.repeats[i].row),
            None => stored(),
        };
        if is_first_message((repeat.at, message(repeat.block, repeat.row)), (first, kept)) {
            self.of.insert(repeat.signature, self.repeats.len());
            self.repeats.push(repeat);
        }
    }

    /// One repeat of each signature.
    fn into_repeats(self) -> impl Iterator<Item = Repeat> {
        let Self { repeats, of } = self;
        let last = move |(i, repeat): (usize, Repeat)| {
            (of.get(&repeat.signature) == Some(&i)).then_some(repeat)
        };
        repeats.into_iter().enumerate().filter_map(last)
    }
}

/// What numbering compares keys with.
struct KnownSignatures<'s> {
    facts: &'s [Signature],
    slots: &'s [u32],
}

impl Known<[u32], ()> for KnownSignatures<'_> {
    fn is(&self, sig: u32, slots: &[u32], (): ()) -> bool {
        self.slots[range_of(self.facts, sig)] == *slots
    }

    fn alike((): (), (): ()) -> bool {
        true
    }

    fn prefetch_facts(&self, sig: u32) {
        prefetch::prefetch_at(self.facts, sig as usize);
    }

    fn prefetch_key(&self, sig: u32) {
        prefetch::prefetch_at(self.slots, range_of(self.facts, sig).start);
    }
}
