//! Many events at once.
//!
//! A chunk of events is checked on all threads, and the identity graph says whose each is. Where
//! they leave nothing but numbers, every thread then adds them up for signatures of its own; where
//! they leave a log, the events of one signature go into it together. The result is that of one
//! event after another: sums are exact in any order, and logs are sorted.

use super::{Profiles, Taken};
use crate::features::{Entry, NONE};
use crate::identity::Observation;
use crate::num::{parallel, prefetch};
use crate::profiles::Ingest;
use crate::{Event, Refusal};

/// Events that are taken in at once.
const CHUNK: usize = 1 << 20;

/// Parts that the signatures are cut in, for threads to share.
const N_PARTS: usize = 64;

/// Events by which what lies far off is asked for ahead.
const AHEAD: usize = 8;

/// What was found out about an event before it is put where it belongs: its signature, `None` if it
/// is about somebody who was forgotten, or why it is refused.
type Outcome = std::result::Result<Option<u32>, Refusal>;

impl Profiles {
    /// Takes in many events, in any order, and says what became of them. Of lines of JSON,
    /// [`Profiles::extend_json`] does.
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> Ingest {
        let mut ingest = Ingest::default();
        let mut events = events.into_iter();
        let (mut chunk, mut position) = (Vec::new(), 0);
        loop {
            chunk.clear();
            chunk.extend(events.by_ref().take(CHUNK));
            if chunk.is_empty() {
                break;
            }
            let outcomes = self.outcomes(&chunk);
            self.take_chunk(&chunk, outcomes, position, &mut ingest);
            position += chunk.len();
        }
        ingest
    }

    fn take_chunk(
        &mut self,
        events: &[&Event<'_>],
        outcomes: Vec<Outcome>,
        position: usize,
        ingest: &mut Ingest,
    ) {
        let mut kept: Vec<(u32, usize)> = Vec::with_capacity(events.len());
        for (i, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(Some(signature)) => kept.push((signature, i)),
                Ok(None) => ingest.suppressed += 1,
                Err(reason) => ingest.refuse(position + i, reason),
            }
        }
        self.make_room();
        if self.messages.is_some() {
            // In order of time every event goes to the end of its log.
            kept.sort_by_key(|&(_, i)| events[i].at);
            kept.retain(|&(signature, i)| {
                let is_new = matches!(self.put(signature, events[i]), Taken::New);
                ingest.duplicates += usize::from(!is_new);
                is_new
            });
            kept.sort_unstable_by_key(|&(_, i)| i);
        } else if self.limit.as_ref().is_some_and(|limit| limit.is_of_numbers()) {
            self.fold_all(&kept, events);
        } else {
            self.put_all_logs(&kept, events);
        }
        ingest.accepted += kept.len();
        for (_, i) in kept {
            ingest.without_local_time += usize::from(self.lacks_local_time(events[i]));
            for (property, n) in self.keep.unread(events[i]) {
                ingest.unread(property, position + i, n);
            }
        }
    }

    /// Puts events into logs, those of one signature together.
    fn put_all_logs(&mut self, kept: &[(u32, usize)], events: &[&Event<'_>]) {
        let mut kept = kept.to_vec();
        kept.sort_unstable_by_key(|&(signature, i)| (signature, events[i].at, i));
        for run in kept.chunk_by(|(a, _), (b, _)| a == b) {
            let entry = |&(_, i): &(u32, usize)| self.keep.entry(events[i], NONE, &mut self.texts);
            let entries: Vec<Entry> = run.iter().map(entry).collect();
            let fragment = &mut self.fragments[run[0].0 as usize];
            fragment.extend(entries, self.limit.as_ref(), &mut self.texts);
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

    /// Adds up events that leave nothing but numbers.
    fn fold_all(&mut self, kept: &[(u32, usize)], events: &[&Event<'_>]) {
        let Some(limit) = &self.limit else { return };
        let part_len = self.fragments.len().div_ceil(N_PARTS).max(1);
        let mut parts: Vec<Vec<u32>> = vec![Vec::new(); N_PARTS];
        for (i, (signature, _)) in (0u32..).zip(kept) {
            parts[*signature as usize / part_len].push(i);
        }
        let unit = 100 * kept.len() / self.fragments.len().max(1) + 1;
        parallel::map_chunks_mut(&mut self.fragments, part_len, unit, |part, fragments| {
            let part = &parts[part];
            for (n, &i) in part.iter().enumerate() {
                // Events and sums lie far apart; asked for ahead, the waits for them overlap.
                if let Some((_, i)) = part.get(n + 2 * AHEAD).map(|&i| kept[i as usize]) {
                    let event = events[i];
                    prefetch::soon_ref(event);
                    prefetch::soon_ref(&event.properties);
                }
                if let Some((signature, i)) = part.get(n + AHEAD).map(|&i| kept[i as usize]) {
                    events[i].properties.first().into_iter().for_each(prefetch::soon_ref);
                    fragments[signature as usize % part_len].soon();
                }
                let (signature, i) = kept[i as usize];
                fragments[signature as usize % part_len].fold(events[i], limit, &self.texts);
            }
        });
    }
}
