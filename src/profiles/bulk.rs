//! Many events at once.
//!
//! An event is looked at once, on all threads: it is checked, its identifiers are packed for the
//! identity graph, and what is kept of it is drafted while it is near. Where events leave nothing
//! but numbers, every thread then adds up drafts for signatures of its own; where they leave a log,
//! the entries are sorted by signature and appended to it. The result is that of one event after
//! another: sums are exact in any order, and logs are sorted.

use super::{AHEAD, Profiles, Taken};
use crate::event::IngestReport;
use crate::features::{Draft, Drafting, Entry, NONE};
use crate::identity::{self, Observation};
use crate::num::{parallel, prefetch};
use crate::{Event, Refusal};

/// Events that are taken in at once.
const CHUNK: usize = 1 << 20;

/// Parts that the signatures are cut in, for threads to share.
const N_PARTS: usize = 16;

/// What was found out about an event before it is put where it belongs: its signature, `None` if it
/// is about somebody who was forgotten, or why it is refused.
type Outcome = std::result::Result<Option<u32>, Refusal>;

/// What is made of the events of a block while they are near.
#[derive(Default)]
struct Made<'e> {
    /// What is to be folded of each, end to end, the number of its words before it.
    folds: Vec<u64>,
    entries: Vec<Entry>,
    /// What the entries say.
    texts: Draft,
    /// Positions of events of which some property was not read, with the number of values.
    unread: Vec<(usize, &'e str, usize)>,
    without_local_time: usize,
}

/// A block of events: what became of them, and what was made of them.
type Block<'e> = (identity::Taken, Made<'e>);

/// What is to be folded of a block, by part of the signatures.
struct Folds {
    /// Of every event its signature and the number of its words, in one word, and them.
    words: Vec<u64>,
    /// Where those of each part end.
    ends: Vec<usize>,
}

impl Folds {
    /// `bits` are those of a place within a part.
    fn new((taken, made): &Block<'_>, n_parts: usize, bits: u32) -> Self {
        let part = |signature: u32| (signature >> bits) as usize;
        let mut ends = vec![0; n_parts];
        for (&signature, (_, draft)) in taken.signatures.iter().zip(drafts(&made.folds)) {
            ends[part(signature)] += draft.len() + 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut words = vec![0; made.folds.len()];
        for (&signature, (_, draft)) in taken.signatures.iter().zip(drafts(&made.folds)) {
            let end = &mut ends[part(signature)];
            words[*end] = u64::from(signature) << 32 | draft.len() as u64;
            words[*end + 1..][..draft.len()].copy_from_slice(draft);
            *end += draft.len() + 1;
        }
        Self { words, ends }
    }

    /// Signatures of a part and what is to be folded there.
    fn of(&self, part: usize) -> impl Iterator<Item = (u32, &[u64])> + Clone {
        let start = if part == 0 { 0 } else { self.ends[part - 1] };
        drafts(&self.words[start..self.ends[part]])
    }
}

/// What stands above the number of words of each draft, and its words.
fn drafts(mut words: &[u64]) -> impl Iterator<Item = (u32, &[u64])> + Clone {
    std::iter::from_fn(move || {
        let (&head, rest) = words.split_first()?;
        let draft;
        (draft, words) = rest.split_at(head as u32 as usize);
        Some(((head >> 32) as u32, draft))
    })
}

impl Profiles {
    /// Takes in many events, in any order, and says what became of them. Of lines of JSON,
    /// [`Profiles::extend_json`] does.
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> IngestReport {
        let mut ingest = IngestReport::default();
        let mut events = events.into_iter();
        let mut position = 0;
        loop {
            let mut chunk: Vec<&Event<'_>> = events.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            let dotted =
                parallel::map(chunk.len(), 5, |i| chunk[i].with_dotted_names().map(Box::new));
            for (event, dotted) in chunk.iter_mut().zip(&dotted) {
                *event = dotted.as_deref().unwrap_or(event);
            }
            if self.messages.is_some() || !self.take_together(&chunk, position, &mut ingest) {
                self.take_chunk(&chunk, position, &mut ingest);
            }
            position += chunk.len();
        }
        ingest
    }

    /// Puts events one by one where they belong: few, or such that may be duplicates.
    fn take_chunk(&mut self, events: &[&Event<'_>], position: usize, ingest: &mut IngestReport) {
        let mut kept: Vec<(u32, usize)> = Vec::with_capacity(events.len());
        for (i, outcome) in self.outcomes(events).into_iter().enumerate() {
            match outcome {
                Ok(Some(signature)) => kept.push((signature, i)),
                Ok(None) => ingest.suppressed += 1,
                Err(reason) => ingest.refuse(position + i, reason),
            }
        }
        // In order of time every event goes to the end of its log.
        kept.sort_by_key(|&(_, i)| events[i].at);
        kept.retain(|&(signature, i)| {
            let is_new = matches!(self.put(signature, events[i]), Taken::New);
            ingest.duplicates += usize::from(!is_new);
            is_new
        });
        kept.sort_unstable_by_key(|&(_, i)| i);
        ingest.accepted += kept.len();
        for (_, i) in kept {
            ingest.without_local_time += usize::from(self.lacks_local_time(events[i]));
            for (property, n) in self.keep.unread(events[i]) {
                ingest.unread(property, position + i, n);
            }
        }
    }

    /// Whose events these are.
    fn outcomes(&mut self, events: &[&Event<'_>]) -> Vec<Outcome> {
        let checked = parallel::map(events.len(), 20, |i| self.check(events[i]));
        let passed = events.iter().zip(&checked).filter(|(_, check)| check.is_ok());
        let mut found = Vec::with_capacity(events.len());
        let observations = passed.map(|(event, _)| Observation::from(*event));
        self.graph.take_all(observations, |outcome| found.push(outcome));
        let mut found = found.into_iter();
        let of = |check: std::result::Result<(), Refusal>| {
            check?;
            found.next().expect("one outcome for every event that passed")
        };
        checked.into_iter().map(of).collect()
    }

    /// Takes in events among which duplicates are not looked for, if they are not too few; whether it
    /// did.
    fn take_together<'e>(
        &mut self,
        events: &'e [&'e Event<'e>],
        position: usize,
        ingest: &mut IngestReport,
    ) -> bool {
        let Self { graph, keep, texts, limit, .. } = self;
        let (clock, needs_offset) = (graph.rules().clock_range(), keep.needs_offset());
        let numbers = limit.as_ref().filter(|limit| limit.is_of_numbers());
        let make = |i: usize, event: &&Event<'_>, made: &mut Made<'e>| {
            match numbers {
                Some(limit) => {
                    let head = made.folds.len();
                    made.folds.push(0);
                    limit.plan.draft(event, texts, &mut made.folds);
                    made.folds[head] = (made.folds.len() - head - 1) as u64;
                }
                None => {
                    let mut texts = Drafting { known: texts, draft: &mut made.texts };
                    made.entries.push(keep.entry(event, NONE, &mut texts));
                }
            }
            let lacks_local_time = needs_offset && event.utc_offset_minutes.is_none();
            made.without_local_time += usize::from(lacks_local_time);
            made.unread.extend(keep.unread(events[i]).map(|(property, n)| (i, property, n)));
        };
        let check = |event: &&Event<'_>| super::check(event, keep, clock);
        let Some(mut blocks) = graph.take_together(events, check, make) else { return false };
        let mut start = position;
        for (taken, made) in &mut blocks {
            ingest.accepted += taken.signatures.len();
            ingest.without_local_time += made.without_local_time;
            for (i, reason) in std::mem::take(&mut taken.others) {
                match reason {
                    None => ingest.suppressed += 1,
                    Some(reason) => ingest.refuse(start + i, reason),
                }
            }
            start += taken.n;
            for &(i, property, n) in &made.unread {
                ingest.unread(property, position + i, n);
            }
        }
        self.make_room();
        if self.limit.as_ref().is_some_and(|limit| limit.is_of_numbers()) {
            self.fold_all(&blocks);
        } else {
            self.put_all_logs(blocks);
        }
        true
    }

    /// Adds up events that leave nothing but numbers.
    fn fold_all(&mut self, blocks: &[Block<'_>]) {
        let Some(limit) = &self.limit else { return };
        let part_len = self.fragments.len().div_ceil(N_PARTS).next_power_of_two();
        let n_parts = self.fragments.len().div_ceil(part_len);
        let bits = part_len.trailing_zeros();
        let folds = parallel::map(blocks.len(), 1 << 16, |b| Folds::new(&blocks[b], n_parts, bits));
        let n: usize = blocks.iter().map(|(taken, _)| taken.signatures.len()).sum();
        let unit = 100 * n / self.fragments.len().max(1) + 1;
        parallel::map_chunks_mut(&mut self.fragments, part_len, unit, |part, fragments| {
            let first = part * part_len;
            let all = folds.iter().flat_map(|folds| folds.of(part));
            // Sums lie far apart; asked for ahead, the waits for them overlap.
            let mut soon = all.clone().skip(AHEAD);
            let mut sooner = all.clone().skip(2 * AHEAD);
            for (signature, draft) in all {
                if let Some((later, _)) = sooner.next() {
                    prefetch::soon_ref(&fragments[later as usize - first]);
                }
                if let Some((later, _)) = soon.next() {
                    fragments[later as usize - first].soon();
                }
                fragments[signature as usize - first].fold(draft, limit);
            }
        });
    }

    /// Puts events into logs, those of one signature together.
    fn put_all_logs(&mut self, blocks: Vec<Block<'_>>) {
        let blocks: Vec<_> = blocks
            .into_iter()
            .map(|(taken, made)| (taken.signatures, made.entries, self.texts.take_in(made.texts)))
            .collect();
        let fair = parallel::map_owned(blocks, 1 << 15, |(signatures, entries, codes)| {
            let entries = entries.into_iter().map(|entry| entry.fair(&codes));
            signatures.into_iter().zip(entries).collect::<Vec<(u32, Entry)>>()
        });
        let mut placed = Vec::with_capacity(fair.iter().map(Vec::len).sum());
        fair.into_iter().for_each(|block| placed.extend(block));
        let texts = &self.texts;
        parallel::sort_by(&mut placed, |(a, a_entry), (b, b_entry)| {
            a.cmp(b).then_with(|| a_entry.compare(b_entry, texts))
        });
        if self.limit.is_some() {
            let mut placed = placed.into_iter().peekable();
            while let Some((signature, entry)) = placed.next() {
                let others =
                    std::iter::from_fn(|| placed.next_if(|(other, _)| *other == signature));
                let entries =
                    std::iter::once(entry).chain(others.map(|(_, entry)| entry)).collect();
                let fragment = &mut self.fragments[signature as usize];
                fragment.extend(entries, self.limit.as_ref(), &mut self.texts);
            }
            return;
        }
        let part_len = self.fragments.len().div_ceil(N_PARTS).max(1);
        let (work, mut parts) = (100 * placed.len(), Vec::new());
        for (part, fragments) in self.fragments.chunks_mut(part_len).enumerate().rev() {
            let first = part * part_len;
            let start = placed.partition_point(|(signature, _)| (*signature as usize) < first);
            parts.push((first, fragments, placed.split_off(start)));
        }
        parallel::for_each(parts, work, |_, (first, fragments, placed)| {
            let mut placed = placed.into_iter().peekable();
            while let Some(&(signature, _)) = placed.peek() {
                let own = std::iter::from_fn(|| placed.next_if(|(other, _)| *other == signature));
                fragments[signature as usize - first].append(own.map(|(_, entry)| entry), texts);
            }
        });
    }
}
