//! Pieces: a store as blocks of bytes.
//!
//! Each piece is a shard of its own: some signatures with their identifiers and events, the texts and
//! fields these use, and who was forgotten or linked by hand. So restoring, merging and resharding are
//! one operation, [`Profiles::absorb`], in any order, and its result is that of [`Profiles::merge`]. A
//! long history is spread over several pieces.
//!
//! Pieces of what changed hold the signatures to which something was added since, each whole, so that the other
//! store replaces its own; and the ids that were forgotten or allowed again, which it forgets and allows.
//! As the state depends on the set of events only, nothing else has to be told. They come in order.
//!
//! The signatures are cut into ranges of a few pieces each; a few ranges are written at a time, on all
//! threads, and the bytes do not depend on how many threads there are. Columns are filled as bytes, in memory that a
//! range uses again for its next piece; what lies far apart in the store is prefetched some signatures ahead.
//!
//! Cost: one pass over the store; beside it, [`AT_A_TIME`] pieces, twice.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::content::Filling;
use super::messages::{Copy, Messages};
use super::piece::{Origin, PieceHead, PieceSettings, open, write};
use super::store::Profiles;
use crate::features::{FieldValue, Log, NONE, StoredEvent};
use crate::identity::Links;
use crate::num::parallel;
use crate::{ProfileId, Result, Timestamp};

/// Bytes of a piece at most, unless a single event is larger.
const MAX_BYTES: usize = 1 << 20;
/// Bytes of a piece that are filled before the next is begun: what is not counted takes the rest.
const FULL: usize = MAX_BYTES - (1 << 14);
/// Ranges that are written at a time, and pieces of each at most: both together take some 30 MB.
const AT_A_TIME: (usize, usize) = (4, 2);
/// Pieces that a range is meant to fill, so that few are nearly empty.
const PIECES_OF_RANGE: usize = 4;
/// Signatures by which the texts of a piece are prefetched; twice as many before, where they are.
const PREFETCH: usize = 12;
/// Marks of the forgotten in one piece; each takes 16 bytes, or 32.
const FORGOTTEN: usize = 1 << 14;

impl Profiles {
    /// Returns the store as pieces: self-contained blocks of bytes. A piece has at most 1 MiB, unless a single
    /// event or the list of all manual links is larger. [`Profiles::absorb`] adds pieces to a store.
    ///
    /// **Whole store.** With `last` as `None`, all pieces are returned; they can be absorbed in any order. Absorb
    /// the pieces of one such call only, because a later call returns the same events again. `shard` is a
    /// number of your choice that identifies the store. The pieces of two shards both count, even if they hold
    /// the same events.
    ///
    /// **Changes.** With the last piece of an earlier call, only what changed since that call is returned: each
    /// set of identifiers that got an event, with all its events; who was forgotten or allowed again; manual
    /// links; the horizon of [`Profiles::advance`]. A store restored from the earlier pieces absorbs these in
    /// order. It then equals this store and can continue in its place. The store remembers its last eight calls.
    ///
    /// Pieces hold evidence of identity, events, summaries, manual links, hashes of forgotten identifiers, and a
    /// check value of the key. Texts are not encrypted. Pieces are made a few at a time, on all threads, while
    /// you iterate.
    ///
    /// **Durable services.** A service loses nothing if it writes events to a log, all pieces once, and the
    /// pieces of changes from time to time. After a restart it absorbs the pieces in that order, and then
    /// applies the events logged after the last piece. It writes all pieces again on
    /// [`Error::StartOver`](crate::Error::StartOver), or when the pieces of changes have become as large.
    ///
    /// Cost: proportional to what the pieces hold. From the first call on, the store remembers four bytes for
    /// every new event, and at most eight bytes for every set of identifiers seen together.
    ///
    /// # Errors
    /// With a last piece: [`Error::StartOver`](crate::Error::StartOver) if this store neither made that piece nor
    /// was restored from it, if more has changed than is remembered, or if the columns were
    /// [frozen](Profiles::freeze) since then: make all pieces.
    /// [`Error::InvalidSnapshot`](crate::Error::InvalidSnapshot) if it is not a piece.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", at).id("card", "1").id("email", "ann@mail.test"))?;
    /// people.forget(("email", "bob@mail.test"))?;
    /// let mut pieces: Vec<Vec<u8>> = people.pieces(0, None)?.collect();
    ///
    /// let mut restored = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// for piece in &pieces {
    ///     assert!(restored.absorb(piece)?);
    /// }
    /// assert_eq!(restored.state_hash(), people.state_hash());
    /// assert!(!restored.absorb(&pieces[0])?); // known
    ///
    /// people.observe(&Event::new("visit", at).id("card", "2"))?;
    /// people.forget(("card", "1"))?;
    /// pieces.extend(people.pieces(0, pieces.last().map(Vec::as_slice))?);
    /// for piece in &pieces {
    ///     restored.absorb(piece)?;
    /// }
    /// assert_eq!(restored.state_hash(), people.state_hash());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn pieces(
        &self,
        shard: u64,
        last: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Vec<u8>> + '_> {
        self.pieces_of(shard, last, FULL)
    }

    /// As [`Profiles::pieces`], with other sizes.
    pub(super) fn pieces_of(
        &self,
        shard: u64,
        last: Option<&[u8]>,
        full: usize,
    ) -> Result<Pieces<'_>> {
        let since = last.map(|last| self.trail.since(open(last)?.0)).transpose()?;
        let mut aside: HashMap<u32, Vec<&Copy>> = HashMap::new();
        for copy in self.messages.iter().flat_map(Messages::aside) {
            aside.entry(copy.signature).or_default().push(copy);
        }
        let mut has_links = true;
        let after = since.as_ref().map(|since| since.after);
        let origin = Origin { shard, at: self.trail.last(), piece: 0, after };
        let mut signatures = self.graph.live_signatures();
        let mut marks = self.graph.forgotten();
        if let Some(since) = since {
            signatures.retain(|(sig, _)| since.signatures.binary_search(sig).is_ok());
            has_links = since.has_links;
            marks = since.marks;
        }
        Ok(Pieces {
            people: self,
            settings: PieceSettings { origin, ..self.settings() },
            needs: self.histories.schema.needs(),
            aside,
            signatures,
            next: 0,
            ranges: Vec::new(),
            spare: Vec::new(),
            ready: VecDeque::new(),
            marks,
            has_links,
            is_begun: false,
            is_done: false,
            full,
        })
    }

    /// An upper bound of the bytes of an event in a piece.
    fn bytes_of(&self, event: StoredEvent<'_>) -> usize {
        let text = |label: u32| {
            if label == NONE { 0 } else { self.histories.dictionary.text(label).len() + 5 }
        };
        let value = |value: &FieldValue| {
            let name = self.histories.schema.order_of(value.field).1.len() + 6;
            24 + name + value.label().map_or(0, text)
        };
        40 + text(event.name) + event.values.iter().map(value).sum::<usize>()
    }
}

/// Where the next piece begins.
#[derive(Debug, Default, Clone, Copy)]
struct PieceStart {
    signature: usize,
    event: usize,
    /// Observations of the signature that earlier pieces have counted.
    counted: u32,
}

/// Signatures that are still to be written, by one thread.
struct Range {
    place: PieceStart,
    /// The first signature that is another range's.
    end: usize,
    filling: Filling,
}

pub(super) struct Pieces<'p> {
    people: &'p Profiles,
    settings: PieceSettings,
    /// What is stored of every event.
    needs: Vec<u8>,
    aside: HashMap<u32, Vec<&'p Copy>>,
    /// The signatures, and how often each was observed.
    signatures: Vec<(u32, u32)>,
    /// The first signature that is in no range yet.
    next: usize,
    /// Ranges that were begun, in order.
    ranges: Vec<Range>,
    /// Memory of ranges that were written.
    spare: Vec<Filling>,
    /// Pieces that are written.
    ready: VecDeque<Vec<u8>>,
    /// Marks that are still to be written.
    marks: Vec<ProfileId>,
    /// Whether manual links are to be written.
    has_links: bool,
    /// Whether the piece of links and horizon was written.
    is_begun: bool,
    /// Whether the last piece was written.
    is_done: bool,
    /// Bytes that are filled.
    full: usize,
}

impl Iterator for Pieces<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(piece) = self.ready.pop_front() {
            return Some(piece);
        }
        if !self.marks.is_empty() {
            self.write_marks();
        } else if !self.is_begun {
            // After the marks: of somebody allowed again there can be links.
            let links = self.has_links.then(|| Links::write(self.people.graph.rules()));
            let horizon = self.people.horizon().map(Timestamp::millis);
            let head = PieceHead { horizon, links: links.as_deref(), ..self.head() };
            self.write(vec![Filling::default().write(head)]);
            self.is_begun = true;
        } else if !self.is_done {
            let mut contents = self.fill_ranges();
            if contents.is_empty() {
                self.is_done = true;
                let end = Some(self.settings.origin.piece + 1);
                contents.push(Filling::default().write(PieceHead { end, ..self.head() }));
            }
            self.write(contents);
        }
        let piece = self.ready.pop_front()?;
        if self.is_done
            && let Ok((id, _)) = open(&piece)
        {
            self.people.trail.made(id);
        }
        Some(piece)
    }
}

impl Pieces<'_> {
    /// A head of nothing but what every piece says.
    fn head(&self) -> PieceHead<'_> {
        PieceHead { needs: &self.needs, ..PieceHead::default() }
    }

    /// Writes pieces of heads and columns, on all threads.
    fn write(&mut self, contents: Vec<Vec<u8>>) {
        let first = self.settings.origin.clone();
        self.settings.origin.piece += contents.len() as u32;
        let work = if contents.len() > 1 { usize::MAX } else { 0 };
        let settings = &self.settings;
        let pieces = parallel::map_each(contents, work, |i, content| {
            let origin = Origin { piece: first.piece + 1 + i as u32, ..first.clone() };
            write(&PieceSettings { origin, ..settings.clone() }, &content)
        });
        self.ready.extend(pieces);
    }

    /// Writes a piece of marks.
    fn write_marks(&mut self) {
        let marks = self.marks.split_off(self.marks.len().saturating_sub(FORGOTTEN));
        let is_allowed = |id: &&ProfileId| !self.people.graph.is_forgotten(**id);
        let allowed: Vec<u8> =
            marks.iter().filter(is_allowed).flat_map(|id| id.to_bytes()).collect();
        let forgotten: Vec<u8> = marks.iter().flat_map(|id| id.to_bytes()).collect();
        let head = PieceHead { forgotten: &forgotten, allowed: &allowed, ..self.head() };
        self.write(vec![Filling::default().write(head)]);
    }

    /// Fills the next pieces of some ranges, on all threads; none if all is written.
    fn fill_ranges(&mut self) -> Vec<Vec<u8>> {
        while self.ranges.len() < AT_A_TIME.0 && self.next < self.signatures.len() {
            let end = self.end_of_range(self.next);
            let place = PieceStart { signature: self.next, ..PieceStart::default() };
            self.ranges.push(Range { place, end, filling: self.spare.pop().unwrap_or_default() });
            self.next = end;
        }
        let ranges = std::mem::take(&mut self.ranges);
        let work = if ranges.len() > 1 { usize::MAX } else { 0 };
        let this = &*self;
        let filled = parallel::map_each(ranges, work, |_, mut range| {
            let mut contents = Vec::new();
            while contents.len() < AT_A_TIME.1 && range.place.signature < range.end {
                contents.push(this.fill(&mut range));
            }
            (contents, range)
        });
        let mut contents = Vec::new();
        for (own, range) in filled {
            contents.extend(own);
            match range.place.signature < range.end {
                true => self.ranges.push(range),
                false => self.spare.push(range.filling),
            }
        }
        contents
    }

    /// Where a range ends: a rough count of its bytes.
    fn end_of_range(&self, start: usize) -> usize {
        let mut n_bytes = 0;
        let log_len = |sig| self.people.histories.log(sig).map_or(0, Log::len);
        let rest = self.signatures[start..].iter();
        let own = rest.take_while(|&&(sig, _)| {
            let is_full = n_bytes > PIECES_OF_RANGE * self.full;
            n_bytes += 300 + 100 * log_len(sig);
            !is_full
        });
        start + own.count()
    }

    /// Fills a piece with what fits, and moves the place on.
    fn fill(&self, Range { place, end, filling }: &mut Range) -> Vec<u8> {
        let people = self.people;
        let is_change = self.settings.origin.after.is_some();
        let continued = (place.event > 0).then_some(0);
        let mut is_empty = true;
        while place.signature < *end {
            self.prefetch(place.signature);
            let (sig, count) = self.signatures[place.signature];
            let names = people.graph.bytes_of_signature(sig);
            if !is_empty && filling.n_bytes() + names > self.full {
                break;
            }
            let log = people.histories.log(sig).into_iter().flat_map(Log::iter);
            let aside = self.aside.get(&sig).into_iter().flatten().map(|copy| copy.event());
            let (mut is_done, start) = (true, place.event);
            for event in log.chain(aside).skip(start) {
                // An event that does not fit is the first of the next piece.
                let n_bytes = filling.n_bytes() + names;
                if !is_empty && n_bytes + people.bytes_of(event) > self.full {
                    is_done = false;
                    break;
                }
                filling.event(people, event);
                place.event += 1;
                is_empty = false;
            }
            let n_events = place.event - start;
            if !is_done && n_events == 0 {
                break;
            }
            is_empty = false;
            filling.end_events(n_events);
            self.fill_summary(sig, start == 0, filling);
            // A history in several pieces counts one observation in each, and the rest in the last; where it
            // replaces another, all in each.
            let rest = count.saturating_sub(place.counted).max(1);
            let counted = match (is_change, is_done) {
                (true, _) => count,
                (false, true) => rest,
                (false, false) => 1,
            };
            people.graph.write_signature(sig, counted, &mut filling.evidence);
            if !is_done {
                place.counted += 1;
                break;
            }
            *place = PieceStart { signature: place.signature + 1, ..PieceStart::default() };
        }
        filling.write(PieceHead { continued, ..self.head() })
    }

    /// Adds the summary of a signature, if there is one; only the first piece of a history has it.
    fn fill_summary(&self, sig: u32, is_first: bool, filling: &mut Filling) {
        let histories = &self.people.histories;
        let Some(words) = histories.summary(sig) else { return };
        let code = |label| filling.text(self.people, label);
        let words = is_first.then(|| histories.relabelled_summary(words, code));
        filling.summary(words.as_deref());
    }

    /// Prefetches what later signatures will read.
    fn prefetch(&self, place: usize) {
        let sig = |distance: usize| self.signatures.get(place + distance).map(|sig| sig.0);
        let histories = &self.people.histories;
        if let Some(later) = sig(2 * PREFETCH) {
            self.people.graph.prefetch_signature(later, false);
            histories.log(later).into_iter().for_each(Log::prefetch);
        }
        if let Some(later) = sig(PREFETCH) {
            self.people.graph.prefetch_signature(later, true);
            let first = histories.log(later).and_then(|log| log.iter().next());
            let values = first.into_iter().flat_map(|event| event.values);
            values.filter_map(|value| value.label()).for_each(|label| {
                histories.dictionary.prefetch(label);
            });
        }
        if let Some(later) = sig(PREFETCH / 2) {
            let first = histories.log(later).and_then(|log| log.iter().next());
            let values = first.into_iter().flat_map(|event| event.values);
            values.filter_map(|value| value.label()).for_each(|label| {
                histories.dictionary.prefetch_text(label);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Identifier, Rules, Timestamp};

    fn empty(options: StoreOptions) -> Profiles {
        let features = match options.max_log {
            Some(_) => [crate::features::Feature::new("n", crate::features::Measure::Count)]
                .into_iter()
                .chain([crate::features::Feature::new(
                    "city",
                    crate::features::Measure::Attribute {
                        name: "city".into(),
                        column: crate::features::ColumnType::Category,
                    },
                )])
                .collect(),
            None => FeatureSet::retail(),
        };
        Profiles::with_options(Rules::default().key([3; 16]), features, options).unwrap()
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn an_event() -> impl Strategy<Value = Event<'static>> {
        (0u8..5, 0u8..5, 0i64..4, prop::option::of(0u8..4), 0u8..3).prop_map(
            |(person, cookie, day, message, word)| {
                let event = Event::new(format!("e{word}"), at(day))
                    .id("cookie", format!("c{cookie}"))
                    .property("amount", f64::from(word))
                    .property("category", format!("w{word}"))
                    .attribute("city", format!("t{person}"));
                let event =
                    if person > 0 { event.id("user_id", person.to_string()) } else { event };
                match message {
                    Some(id) => event.message_id(id.to_string()),
                    None => event,
                }
            },
        )
    }

    fn options() -> impl Strategy<Value = StoreOptions> {
        prop_oneof![
            Just(StoreOptions::default()),
            Just(StoreOptions { dedupe: true, ..StoreOptions::default() }),
            Just(StoreOptions { max_log: Some(2), ..StoreOptions::default() }),
        ]
    }

    /// Some people, one of them forgotten.
    fn some() -> Profiles {
        let mut people = empty(StoreOptions { dedupe: true, ..StoreOptions::default() });
        for (id, cookie) in [("1", "a"), ("2", "b"), ("2", "c")] {
            let event = Event::new("visit", at(1)).id("user_id", id).id("cookie", cookie);
            people.observe(&event.property("amount", 2.5).message_id(cookie)).unwrap();
        }
        people.forget(("user_id", "1")).unwrap();
        people
    }

    #[test]
    fn pieces_have_the_same_bytes_on_any_number_of_threads() {
        let mut people = empty(StoreOptions::default());
        let event = |i: usize| {
            let event = Event::new("visit", at(i as i64 % 9)).id("user_id", (i % 700).to_string());
            event.id("cookie", format!("c{}", i % 900)).property("amount", (i % 7) as f64)
        };
        let events: Vec<Event<'_>> = (0..2000).map(event).collect();
        people.extend(&events);
        let pieces = |n_threads| {
            parallel::with_threads(n_threads, || {
                people.pieces_of(7, None, 4000).unwrap().collect::<Vec<_>>()
            })
        };
        let one = pieces(1);
        assert!(one.len() > 20, "{}", one.len());
        assert_eq!(one, pieces(3));
        let mut restored = empty(StoreOptions::default());
        one.iter().rev().for_each(|piece| assert!(restored.absorb(piece).unwrap()));
        assert_eq!(restored.state_hash(), people.state_hash());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_a_piece_is_an_error_and_changes_nothing() {
        let pieces: Vec<Vec<u8>> = some().pieces(0, None).unwrap().collect();
        let mut restored = empty(StoreOptions { dedupe: true, ..StoreOptions::default() });
        let untouched = restored.state_hash();
        for piece in &pieces {
            for bit in 0..piece.len() * 8 {
                let mut bad = piece.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(restored.absorb(&bad).is_err(), "{bit}");
            }
            for len in 0..piece.len() {
                assert!(restored.absorb(&piece[..len]).is_err(), "{len}");
            }
            assert!(restored.absorb(&[&piece[..], &[0]].concat()).is_err());
        }
        assert_eq!(restored.state_hash(), untouched);
    }

    #[test]
    fn a_piece_of_a_store_with_another_setting_is_refused_by_its_name() {
        let piece = some().pieces(0, None).unwrap().last().unwrap();
        let rules = || Rules::default().key([3; 16]);
        let dedupe = || StoreOptions { dedupe: true, ..StoreOptions::default() };
        let retail = FeatureSet::retail;
        let mut fixed = some();
        fixed.freeze(at(5)).unwrap();
        let others = [
            (Profiles::with_options(rules().weak("cookie"), retail(), dedupe()), "rules"),
            (Profiles::with_options(rules().key([4; 16]), retail(), dedupe()), "key"),
            (Profiles::with_options(Rules::default(), retail(), dedupe()), "key"),
            (Profiles::with_options(rules(), FeatureSet::engagement(), dedupe()), "features"),
            (Profiles::with_options(rules(), retail(), StoreOptions::default()), "store options"),
            (Ok(fixed), "fixed columns"),
        ];
        for (other, setting) in others {
            let refused = other.unwrap().absorb(&piece).unwrap_err().to_string();
            assert!(refused.contains(setting), "{refused}");
        }
        assert!(!String::from_utf8_lossy(&piece).contains(&"\u{3}".repeat(16)));
    }

    #[test]
    fn forgotten_people_stay_forgotten_after_a_restart() {
        let mut restored = empty(StoreOptions { dedupe: true, ..StoreOptions::default() });
        some().pieces(0, None).unwrap().for_each(|piece| assert!(restored.absorb(&piece).unwrap()));
        let event = Event::new("visit", at(1)).id("user_id", "1").id("cookie", "a");
        assert_eq!(restored.extend([&event]).suppressed, 1);
    }

    #[test]
    fn fixed_columns_come_back_with_the_features_in_force() {
        let mut people = some();
        people.freeze(at(5)).unwrap();
        let rules = Rules::default().key([3; 16]);
        let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
        let mut restored = Profiles::with_options(rules, people.features.clone(), options).unwrap();
        people.pieces(0, None).unwrap().for_each(|piece| assert!(restored.absorb(&piece).unwrap()));
        assert_eq!(restored.state_hash(), people.state_hash());
        assert_eq!(restored.features(at(9)).unwrap(), people.features(at(9)).unwrap());
    }

    #[test]
    fn a_history_larger_than_a_piece_is_spread_over_several() {
        let mut people = empty(StoreOptions::default());
        let word = |i: i64| format!("{i}").repeat(40);
        for i in 0..9000 {
            let event = Event::new("visit", at(0)).id("user_id", "1");
            people.observe(&event.property("category", word(10_000 + i))).unwrap();
        }
        let pieces: Vec<Vec<u8>> = people.pieces(0, None).unwrap().collect();
        assert!(pieces.len() > 2);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_BYTES));
        let mut restored = empty(StoreOptions::default());
        pieces.iter().rev().for_each(|piece| assert!(restored.absorb(piece).unwrap()));
        assert_eq!(restored.state_hash(), people.state_hash());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn pieces_of_any_shards_in_any_order_are_the_store_that_saw_all_events(
            options in options(),
            events in prop::collection::vec((an_event(), 0usize..3), 1..24),
            order in any::<u64>(),
            full in prop::sample::select(vec![1usize, 200, 1000, FULL]),
        ) {
            let mut all = empty(options.clone());
            all.extend(events.iter().map(|(event, _)| event));
            let mut shards = vec![empty(options.clone()); 3];
            for (event, shard) in &events {
                shards[*shard].observe(event).unwrap();
            }
            for people in shards.iter_mut().chain([&mut all]) {
                people.forget(("user_id", "1")).unwrap();
                let [a, b] = ["2", "c1"].map(|id| Identifier::new(if id == "2" { "user_id" } else { "cookie" }, id));
                people.must_link(&a, &b).unwrap();
            }
            let mut pieces: Vec<Vec<u8>> =
                (0..).zip(&shards).flat_map(|(i, shard)| shard.pieces_of(i, None, full).unwrap().collect::<Vec<_>>()).collect();
            pieces.sort_by_key(|piece| piece[20] as u64 ^ order);
            let mut restored = empty(options.clone());
            let mut n_new = 0;
            for piece in pieces.iter().chain(&pieces) {
                n_new += usize::from(restored.absorb(piece).unwrap());
            }
            pieces.sort();
            pieces.dedup();
            prop_assert_eq!(n_new, pieces.len());
            prop_assert!(restored.graph == all.graph);
            prop_assert_eq!(restored.features(at(9)).unwrap(), all.features(at(9)).unwrap());
            prop_assert_eq!(restored.state_hash(), all.state_hash());
            prop_assert_eq!(restored.histories.dictionary.held(), all.histories.dictionary.held());
            // What comes later is added as if there had been no break.
            for (event, _) in &events {
                restored.observe(event).unwrap();
                all.observe(event).unwrap();
            }
            prop_assert_eq!(restored.state_hash(), all.state_hash());
        }
    }
}
