//! Observations without what they borrow: identifiers by shard, times, messages.

use super::super::IdentityGraph;
use super::super::intake::Part;
use super::super::kinds::Kind;
use super::super::observation::Seen;
use super::super::rules::MAX_IDENTIFIERS;
use super::super::table::Keys;
use super::{Chunk, PULL};
use crate::Refusal;
use crate::num::{parallel, prefetch};

/// Observations that a thread packs at a time.
const BLOCK: usize = if cfg!(test) { 1 << 6 } else { 1 << 12 };

/// Observations by which texts are asked for ahead.
const AHEAD: usize = 8;

/// Work to do something for each observation of a block.
pub(super) const WORK: usize = BLOCK * 20;

/// What a checked observation has beside its parts.
pub(crate) struct Checked<'o> {
    /// When it was seen, if that can be trusted.
    pub(crate) at: Option<i64>,
    pub(crate) message: Option<&'o str>,
}

/// Some observations in order, checked.
struct Block<'o> {
    /// The parts of all that are kept, one after another.
    parts: Vec<Part<'o>>,
    kept: Vec<Checked<'o>>,
    /// Where the parts of each that is kept end.
    ends: Vec<u32>,
    others: Vec<(usize, Option<Refusal>)>,
    /// Kinds that were not there.
    new_kinds: Vec<&'o str>,
}

/// Some observations in order, checked and packed.
pub(super) struct Packed {
    /// The identifiers of all that are kept.
    pub(super) names: Keys<String, Kind>,
    /// Their kinds, if they differ.
    pub(super) kinds: Vec<Kind>,
    /// Those that are merely claimed.
    pub(super) claimed: Vec<u32>,
    /// Where the identifiers of each observation end.
    ends: Vec<u32>,
    /// The time of each; `i64::MAX` if none can be trusted.
    pub(super) times: Vec<i64>,
    /// The ids of their messages end to end, and where each ends; empty if there are none.
    messages: (String, Vec<u32>),
    /// Positions of those that are not kept, and the reasons of those refused.
    pub(super) others: Vec<(usize, Option<Refusal>)>,
    /// How many there were, kept or not.
    pub(super) n: usize,
}

impl Packed {
    /// Where the identifiers of an observation stand.
    pub(super) fn range(&self, at: usize) -> std::ops::Range<usize> {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        start as usize..self.ends[at] as usize
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.messages.1.is_empty()
    }

    pub(super) fn message(&self, at: usize) -> Option<&str> {
        let (text, ends) = &self.messages;
        let end = *ends.get(at)? as usize;
        let start = if at == 0 { 0 } else { ends[at - 1] as usize };
        (start < end).then(|| &text[start..end])
    }
}

impl IdentityGraph {
    /// Checks some observations and packs them into a chunk, unless there might be no room for them.
    /// Every one must pass the caller's `check` too; of those that are kept, `make` makes what the
    /// caller wants, block by block, while they are near.
    pub(super) fn pack<S: Seen, M: Default + Send>(
        &mut self,
        observations: &[S],
        check: impl Fn(&S) -> Result<(), Refusal> + Sync,
        make: impl Fn(usize, &S, &mut M) + Sync,
        chunk: &mut Chunk,
    ) -> Option<Vec<M>> {
        // Few are shared by all threads too.
        let len = (observations.len() / 8).clamp(BLOCK / 16, BLOCK);
        if chunk.blocks.is_empty() {
            // A full pull may be followed by others, and all must be of as many shards.
            let n = observations.len();
            let more = if n >= PULL { usize::MAX / 2 } else { 2 * n };
            chunk.n_shards = (self.nodes.expect(more), self.signatures.expect(more));
        }
        let n_shards = chunk.n_shards.0;
        let work = WORK / BLOCK * len;
        let blocks = parallel::map(observations.len().div_ceil(len), work, |b| {
            let start = b * len;
            let own = &observations[start..observations.len().min(start + len)];
            let mut made = M::default();
            let make = |at: usize, made: &mut M| make(start + at, &own[at], made);
            let block = self.check_block(own, &check, make, &mut made);
            let counts = (block.parts.len(), block.kept.len(), block.new_kinds.len());
            // While what was checked is near; new kinds get their numbers first.
            match block.new_kinds.len() {
                0 => (counts, Ok(self.pack_block(block, n_shards)), made),
                _ => (counts, Err(block), made),
            }
        });
        let (mut n_parts, mut n_kept, mut n_kinds) = (0, 0, 0);
        for ((parts, kept, kinds), ..) in &blocks {
            n_parts += parts;
            n_kept += kept;
            n_kinds += kinds;
        }
        if !self.is_room_for(chunk, n_kept, n_parts, n_kinds) {
            return None;
        }
        for block in blocks.iter().filter_map(|(_, block, _)| block.as_ref().err()) {
            for kind in &block.new_kinds {
                self.kinds.add(kind, &self.rules);
            }
        }
        chunk.n_parts += n_parts;
        chunk.n_kept += n_kept;
        let done = parallel::map_owned(blocks, work, |(_, block, made)| {
            (block.unwrap_or_else(|block| self.pack_block(block, n_shards)), made)
        });
        let (packed, made): (Vec<Packed>, _) = done.into_iter().unzip();
        chunk.blocks.extend(packed);
        Some(made)
    }

    fn check_block<'o, S: Seen, M>(
        &self,
        observations: &'o [S],
        check: impl Fn(&S) -> Result<(), Refusal>,
        make: impl Fn(usize, &mut M),
        made: &mut M,
    ) -> Block<'o> {
        let n = observations.len();
        let mut block = Block {
            parts: Vec::with_capacity(n),
            kept: Vec::with_capacity(n),
            ends: Vec::with_capacity(n),
            others: Vec::new(),
            new_kinds: Vec::new(),
        };
        for (at, seen) in observations.iter().enumerate() {
            // What they hold mostly lies apart; asked for ahead, the waits for it overlap.
            if let Some(later) = observations.get(at + 2 * AHEAD) {
                later.soon();
            }
            for identifier in
                observations.get(at + AHEAD).iter().flat_map(|seen| seen.identifiers())
            {
                prefetch::soon_ref(&*identifier.value);
            }
            match check(seen).and_then(|()| self.check(seen, &mut block.parts)) {
                Ok(Some(checked)) => {
                    make(at, made);
                    block.kept.push(checked);
                    block.ends.push(block.parts.len() as u32);
                }
                Ok(None) => block.others.push((at, None)),
                Err(refusal) => block.others.push((at, Some(refusal))),
            }
        }
        let mut known = "";
        for part in &block.parts {
            if std::ptr::eq(part.kind, known) {
                continue;
            }
            known = part.kind;
            if self.kinds.find(part.kind).is_none() && !block.new_kinds.contains(&part.kind) {
                block.new_kinds.push(part.kind);
            }
        }
        block
    }

    fn pack_block(&self, block: Block<'_>, n_shards: usize) -> Packed {
        let Block { parts, kept, ends, others, .. } = block;
        let n = kept.len() + others.len();
        let mut kinds: Vec<Kind> = Vec::with_capacity(parts.len());
        let (mut name, mut kind) = ("", 0);
        for part in &parts {
            if !std::ptr::eq(part.kind, name) {
                name = part.kind;
                kind = self.kinds.find(name).expect("new kinds were added");
            }
            kinds.push(kind);
        }
        let hash = |(part, &kind): (&Part<'_>, _)| self.nodes.hash(kind, &part.value);
        let hashes: Vec<u32> = parts.iter().zip(&kinds).map(hash).collect();
        let n_bytes = parts.iter().map(|part| part.value.len()).sum();
        let key = |at: usize| (&*parts[at].value, kinds[at]);
        let names = Keys::new(n_shards, &hashes, n_bytes, key);
        if kinds.iter().all(|kind| *kind == kinds[0]) {
            kinds = Vec::new();
        }
        let claimed = (0..).zip(&parts).filter(|(_, part)| part.claimed).map(|(at, _)| at);
        let mut messages = (String::new(), Vec::new());
        if kept.iter().any(|checked| checked.message.is_some()) {
            for checked in &kept {
                messages.0.push_str(checked.message.unwrap_or_default());
                messages.1.push(messages.0.len() as u32);
            }
        }
        let times = kept.iter().map(|checked| checked.at.unwrap_or(i64::MAX)).collect();
        let claimed = claimed.collect();
        Packed { names, kinds, claimed, ends, times, messages, others, n }
    }

    /// Of every slot of a signature, how many values it is seen with that a hub rule counts; those
    /// that are blocked included.
    pub(super) fn add_weights(&self, slots: &[u32], kinds: &[Kind], weights: &mut Vec<u8>) {
        debug_assert!(slots.len() == kinds.len() && slots.len() <= MAX_IDENTIFIERS);
        for (&slot, &kind) in slots.iter().zip(kinds) {
            let counts = |&(&other, &of): &(&u32, &Kind)| {
                kind != of
                    && (slot | other) & super::CLAIM == 0
                    && self.kinds.hub(kind, of).is_some()
            };
            weights.push(slots.iter().zip(kinds).filter(counts).count() as u8);
        }
    }
}
