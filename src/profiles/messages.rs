//! Which copy of a message counts.
//!
//! Copies with the same content and the same identifiers are one event that was sent again; its time is the
//! smallest of theirs, which differ where a client's clock was corrected by several times of receipt. Where
//! copies with one message id differ otherwise, the first by time counts, then the smaller by content, then the
//! one with the smaller identifiers. The others are kept aside, each once: when the copy that counts is forgotten,
//! the next one takes its place, as if the first had never come.
//!
//! Where events before a horizon are removed, each time of an event that was sent again is kept aside until then: the
//! smallest that is left counts.
//!
//! Ids are stored as keyed hashes of 128 bits, in shards, so that threads can number ids at the same
//! time.
//!
//! Cost: one look-up per event, and a few more for a copy that differs; to forget a signature, its copies.
//! Memory: some 45 bytes for every id, and what is stored of every copy that differs.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::Hasher;

use crate::num::table::Table;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::Timestamp;
use crate::features::{FieldValue, Histories, Log, NONE, Sorted, StoredEvent};
use crate::identity::IdentityGraph;
use crate::num::parallel;

/// Shards of the ids; part of a message's number.
const N_SHARDS: usize = 64;

/// Fewer ids than this are numbered one after another.
const FEW: usize = 1 << 12;
/// Messages of these by which look-ups are prefetched.
const PREFETCH: usize = 8;

/// A stored event of its own, and its signature.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) signature: u32,
    at: Timestamp,
    name: u32,
    pub(super) message: u32,
    values: Box<[FieldValue]>,
}

impl Copy {
    pub(super) fn new(signature: u32, event: StoredEvent<'_>) -> Self {
        let StoredEvent { at, name, message, values } = event;
        Self { signature, at, name, message, values: values.into() }
    }

    pub(super) fn event(&self) -> StoredEvent<'_> {
        let Self { at, name, message, values, .. } = self;
        StoredEvent { at: *at, name: *name, message: *message, values }
    }
}

/// Where the copy of a message that counts is: its signature and time.
type CopyPlace = Option<(u32, Timestamp)>;

#[derive(Debug, Clone, Default)]
struct MessageShard {
    /// Places in `ids`.
    index: Table,
    ids: Vec<u128>,
    places: Vec<CopyPlace>,
    free: Vec<u32>,
}

impl MessageShard {
    /// The place of an id in this shard, and whether it is new.
    fn number(&mut self, id: u128) -> (u32, bool) {
        let known = self.index.find(short(id), |place| self.ids[place as usize] == id);
        if let Some(place) = known {
            return (place, false);
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.ids[place as usize] = id;
                place
            }
            None => {
                self.ids.push(id);
                self.places.push(None);
                self.ids.len() as u32 - 1
            }
        };
        self.index.insert(short(id), place);
        (place, true)
    }

    fn remove(&mut self, place: u32) {
        let id = std::mem::take(&mut self.ids[place as usize]);
        if id != 0 {
            self.index.remove(short(id), place);
            self.free.push(place);
        }
    }
}

/// The top 32 bits of an id, by which a shard's table finds it; the low bits choose the shard.
fn short(id: u128) -> u32 {
    (id >> 96) as u32
}

/// A keyed hash that stands for a message id; never 0.
pub(super) fn message_hash(key: Option<&[u8; 16]>, id: &str) -> u128 {
    let mut hasher = key.map_or_else(SipHasher13::new, SipHasher13::new_with_key);
    hasher.write(id.as_bytes());
    hasher.finish128().as_u128().max(1)
}

/// The messages seen, by number.
#[derive(Debug, Clone)]
pub(super) struct Messages {
    shards: Vec<MessageShard>,
    /// Whether each time of an event that was sent again is kept.
    keeps_times: bool,
    /// Copies that do not count, in order of their contents and identifiers, then of all.
    others: BTreeMap<u32, Sorted<Copy>>,
    /// Signature and message of each of them, and how many they are.
    of_signatures: BTreeMap<(u32, u32), u32>,
}

/// What became of a copy of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It counts.
    Counts,
    /// It counts in place of the copy that did.
    Replaces,
    /// It counts in place of the copy that did, and is like a copy known before.
    Earlier,
    /// It does not count, and is unlike the copies known before.
    Aside,
    /// It is like a copy known before.
    Repeats,
}

/// The messages of a batch: the hash of each id, 0 for none, and the signature and time of the event.
pub(super) struct BatchMessages {
    pub(super) ids: Vec<u128>,
    pub(super) signatures: Vec<u32>,
    pub(super) at: Vec<Timestamp>,
}

fn split(number: u32) -> (usize, usize) {
    (number as usize % N_SHARDS, number as usize / N_SHARDS)
}

impl Messages {
    pub(super) fn new(keeps_times: bool) -> Self {
        let (others, of_signatures) = (BTreeMap::new(), BTreeMap::new());
        Self { shards: vec![MessageShard::default(); N_SHARDS], keeps_times, others, of_signatures }
    }

    /// Numbers the messages of batches. The first event of a new message counts for now: `true`.
    pub(super) fn number(&mut self, batches: &[BatchMessages]) -> Vec<Vec<(u32, bool)>> {
        let shard_of = |id: u128| id as usize % N_SHARDS;
        let n: usize = batches.iter().map(|batch| batch.ids.len()).sum();
        let mut numbers: Vec<Vec<(u32, bool)>> =
            batches.iter().map(|batch| vec![(NONE, true); batch.ids.len()]).collect();
        if n < FEW {
            for (batch, numbers) in batches.iter().zip(&mut numbers) {
                for (row, &id) in batch.ids.iter().enumerate() {
                    if let Some(&later) = batch.ids.get(row + PREFETCH) {
                        self.prefetch(later);
                    }
                    if id != 0 && batch.signatures[row] != NONE {
                        let shard = shard_of(id);
                        numbers[row] = self.shards[shard].record(shard, batch, row);
                    }
                }
            }
            return numbers;
        }
        let rows = parallel::map(batches.len(), 1 << 16, |b| {
            let mut rows: Vec<(u8, u32)> = (0..)
                .zip(&batches[b].ids)
                .filter(|&(row, &id)| id != 0 && batches[b].signatures[row as usize] != NONE)
                .map(|(row, &id)| (shard_of(id) as u8, row))
                .collect();
            rows.sort_unstable();
            rows
        });
        let found = parallel::map_mut(&mut self.shards, 100 * n / N_SHARDS, |number, shard| {
            let mut found = Vec::with_capacity(n / N_SHARDS);
            for (b, rows) in rows.iter().enumerate() {
                let start = rows.partition_point(|&(shard, _)| usize::from(shard) < number);
                let own =
                    rows[start..].iter().take_while(|(shard, _)| usize::from(*shard) == number);
                found.extend(own.map(|&(_, row)| {
                    (b as u32, row, shard.record(number, &batches[b], row as usize))
                }));
            }
            found
        });
        for (batch, row, number) in found.into_iter().flatten() {
            numbers[batch as usize][row as usize] = number;
        }
        numbers
    }

    /// Prefetches what the look-up of an id reads.
    pub(super) fn prefetch(&self, id: u128) {
        self.shards[id as usize % N_SHARDS].index.prefetch(short(id));
    }

    fn place(&self, message: u32) -> CopyPlace {
        let (shard, place) = split(message);
        self.shards[shard].places[place]
    }

    fn set_place(&mut self, message: u32, to: CopyPlace) {
        let (shard, place) = split(message);
        self.shards[shard].places[place] = to;
    }

    /// The copy of a message that counts.
    fn counting(&self, message: u32, histories: &Histories) -> Option<Copy> {
        let (signature, at) = self.place(message)?;
        let known = histories.log(signature)?.of_message(at, message)?;
        Some(Copy::new(signature, known))
    }

    /// Adds a copy of a message that is known.
    pub(super) fn offer(
        &mut self,
        copy: Copy,
        histories: &mut Histories,
        graph: &IdentityGraph,
    ) -> Offered {
        let Some(known) = self.counting(copy.message, histories) else {
            self.count(copy, histories);
            return Offered::Counts;
        };
        let order = compare(&copy, &known, histories, graph);
        let is_like_known = compare_contents(&copy, &known, histories, graph).is_eq();
        if is_like_known && (order.is_eq() || !self.keeps_times) {
            if order.is_ge() {
                histories.release(copy.event());
                return Offered::Repeats;
            }
            histories.remove(known.signature, known.event());
            histories.release(known.event());
            self.count(copy, histories);
            return Offered::Earlier;
        }
        let (is_like_other, is_new) = self.look_aside(&copy, histories, graph);
        let is_repeat = is_like_known || is_like_other;
        if !is_new {
            histories.release(copy.event());
            Offered::Repeats
        } else if order.is_gt() {
            self.set_aside(copy, histories, graph);
            if is_repeat { Offered::Repeats } else { Offered::Aside }
        } else {
            histories.remove(known.signature, known.event());
            self.set_aside(known, histories, graph);
            self.count(copy, histories);
            if is_repeat { Offered::Earlier } else { Offered::Replaces }
        }
    }

    /// Whether a copy that does not count is like this one, and whether this one is to be kept all the same:
    /// then a later one, whose time is not kept, is removed.
    fn look_aside(
        &mut self,
        copy: &Copy,
        histories: &mut Histories,
        graph: &IdentityGraph,
    ) -> (bool, bool) {
        let Some(others) = self.others.get_mut(&copy.message) else { return (false, true) };
        let contents = |other: &Copy| compare_contents(other, copy, histories, graph);
        let order = |other: &Copy| compare(other, copy, histories, graph);
        let first = others.partition_point(|other| contents(other).is_lt());
        let like = others.after(first).next().filter(|other| contents(other).is_eq());
        let Some(like) = like.map(order) else { return (false, true) };
        if self.keeps_times {
            let place =
                others.partition_point(|other| contents(other).then_with(|| order(other)).is_lt());
            let same = others.after(place).next().filter(|other| order(other).is_eq());
            return (true, same.is_none());
        }
        if like.is_gt() {
            let later = others.remove(first);
            histories.release(later.event());
            self.count_aside(&later, -1);
        }
        (true, like.is_gt())
    }

    /// Has a copy count.
    pub(super) fn count(&mut self, copy: Copy, histories: &mut Histories) {
        self.set_place(copy.message, Some((copy.signature, copy.at)));
        histories.add_one(copy.signature, copy.event());
    }

    /// Has the events of a log count, which will be that of a signature; no other copies of their messages are known.
    pub(super) fn count_all(&mut self, signature: u32, log: &Log) {
        for event in log.iter().filter(|event| event.message != NONE) {
            self.set_place(event.message, Some((signature, event.at)));
        }
    }

    /// Keeps a copy that does not count, and is not among them.
    fn set_aside(&mut self, copy: Copy, histories: &Histories, graph: &IdentityGraph) {
        self.count_aside(&copy, 1);
        let others = self.others.entry(copy.message).or_default();
        let order = |other: &Copy| {
            let by_contents = compare_contents(other, &copy, histories, graph);
            by_contents.then_with(|| compare(other, &copy, histories, graph))
        };
        others.insert(others.partition_point(|other| order(other).is_lt()), copy);
    }

    fn count_aside(&mut self, copy: &Copy, change: i32) {
        let key = (copy.signature, copy.message);
        let n = self.of_signatures.entry(key).or_default();
        *n = n.wrapping_add_signed(change);
        if *n == 0 {
            self.of_signatures.remove(&key);
        }
    }

    /// The copies that do not count.
    pub(super) fn aside(&self) -> impl Iterator<Item = &Copy> {
        self.others.values().flat_map(Sorted::iter)
    }

    /// The copies of some signatures that do not count.
    pub(super) fn aside_of(&self, signatures: &[u32]) -> impl Iterator<Item = &Copy> {
        signatures.iter().flat_map(|&signature| {
            let others =
                self.messages_aside(signature).filter_map(|message| self.others.get(&message));
            others.flat_map(Sorted::iter).filter(move |copy| copy.signature == signature)
        })
    }

    /// The messages of which a copy of a signature does not count.
    fn messages_aside(&self, signature: u32) -> impl Iterator<Item = u32> {
        let all = (signature, 0)..=(signature, u32::MAX);
        self.of_signatures.range(all).map(|((_, message), _)| *message)
    }

    /// Records that the copy of a message that counted has left its log.
    pub(super) fn lift(&mut self, message: u32) {
        self.set_place(message, None);
    }

    /// Takes out the copies of a message that do not count, in order.
    pub(super) fn take_others(&mut self, message: u32) -> Vec<Copy> {
        let (mut others, mut taken) =
            (self.others.remove(&message).unwrap_or_default(), Vec::new());
        others.drop_first(others.len(), |copy| taken.push(copy));
        taken.iter().for_each(|copy| self.count_aside(copy, -1));
        taken
    }

    /// Removes all copies of the messages whose counting copy was lifted, and of those of which another copy is
    /// of a signature that goes; also the counting ones from their logs.
    pub(super) fn unsettled(
        &mut self,
        lifted: Vec<u32>,
        going: impl Iterator<Item = u32>,
        histories: &mut Histories,
    ) -> Vec<Copy> {
        let mut messages = lifted;
        messages.extend(going.flat_map(|signature| self.messages_aside(signature)));
        messages.sort_unstable();
        messages.dedup();
        let mut loose = Vec::new();
        for message in messages {
            loose.extend(self.take_others(message));
            if let Some(known) = self.counting(message, histories) {
                histories.remove(known.signature, known.event());
                self.lift(message);
                loose.push(known);
            }
        }
        loose
    }

    /// Removes the ids of those messages of which no copy is left.
    pub(super) fn forget_if_gone(&mut self, messages: impl IntoIterator<Item = u32>) {
        for message in messages {
            if self.place(message).is_none() && !self.others.contains_key(&message) {
                let (shard, place) = split(message);
                self.shards[shard].remove(place as u32);
            }
        }
    }

    /// The id of a message, as its hash.
    pub(super) fn id(&self, message: u32) -> u128 {
        let (shard, place) = split(message);
        self.shards[shard].ids[place]
    }

    /// The number of a message by its id, and whether it is new.
    pub(super) fn number_of(&mut self, id: u128) -> (u32, bool) {
        let shard = id as usize % N_SHARDS;
        let (place, is_new) = self.shards[shard].number(id);
        (place * N_SHARDS as u32 + shard as u32, is_new)
    }

    /// Follows signatures to their new numbers; those that are gone have no copies.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        let places = self.shards.iter_mut().flat_map(|shard| shard.places.iter_mut().flatten());
        let others =
            self.others.values_mut().flat_map(Sorted::iter_mut).map(|copy| &mut copy.signature);
        places.map(|place| &mut place.0).chain(others).for_each(|signature| {
            *signature = numbers[*signature as usize];
        });
        let of_signatures = std::mem::take(&mut self.of_signatures).into_iter();
        self.of_signatures = of_signatures
            .map(|((signature, message), n)| ((numbers[signature as usize], message), n))
            .collect();
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let of = |shard: &MessageShard| {
            shard.ids.capacity() * (16 + size_of::<CopyPlace>()) + shard.index.bytes()
        };
        // Each key of the copies by signature is in a tree.
        let copies = |copy: &Copy| size_of::<Copy>() + 32 + size_of_val(&*copy.values);
        self.shards.iter().map(of).sum::<usize>() + self.aside().map(copies).sum::<usize>()
    }
}

impl MessageShard {
    fn record(&mut self, shard: usize, batch: &BatchMessages, row: usize) -> (u32, bool) {
        let (place, is_new) = self.number(batch.ids[row]);
        if is_new {
            self.places[place as usize] = Some((batch.signatures[row], batch.at[row]));
        }
        (place * N_SHARDS as u32 + shard as u32, is_new)
    }
}

/// The order of copies without their times; equal ones are one event that was sent again.
fn compare_contents(a: &Copy, b: &Copy, histories: &Histories, graph: &IdentityGraph) -> Ordering {
    let (schema, dictionary) = (&histories.schema, &histories.dictionary);
    let by_content = a.event().compare_content(b.event(), schema, dictionary);
    by_content.then_with(|| graph.compare_signatures(a.signature, b.signature))
}

/// The order in which copies of a message count.
pub(super) fn compare(
    a: &Copy,
    b: &Copy,
    histories: &Histories,
    graph: &IdentityGraph,
) -> Ordering {
    let (schema, dictionary) = (&histories.schema, &histories.dictionary);
    let by_content = a.event().compare(b.event(), schema, dictionary);
    by_content.then_with(|| graph.compare_signatures(a.signature, b.signature))
}

#[cfg(test)]
mod tests {
    use crate::features::{Feature, Measure, Values};
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Profiles, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people() -> Profiles {
        Profiles::with_options(
            Rules::default(),
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap()
    }

    fn copy(id: &str, amount: usize) -> Event<'_> {
        let event = Event::new("purchase", at(1)).id("card", "1").message_id(id);
        event.property("amount", amount as f64)
    }

    /// What the copies that count add up to, and the amounts of those that were set aside.
    fn state(people: &Profiles) -> (Option<f64>, Vec<f64>) {
        let table = people.features(at(2)).unwrap();
        let spend = match table.column("monetary").map(|column| &column.values) {
            Some(Values::Numeric(sums)) => sums.first().copied().flatten(),
            other => panic!("{other:?}"),
        };
        let amount = people.histories.schema.property("amount");
        let aside = people.messages.iter().flat_map(|messages| messages.aside());
        let number = |copy: &super::Copy| copy.event().numbers(amount).next();
        (spend, aside.filter_map(number).collect())
    }

    #[test]
    fn differing_copies_of_many_messages_of_one_time_are_told_apart_without_going_through_all() {
        // Going through them would take half a billion steps.
        const N: usize = 8000;
        let ids: Vec<String> = (0..N).map(|i| format!("m{i}")).collect();
        // The second are set aside, the third take the place of the first; and other ways.
        for rounds in [[2, 3, 1], [3, 1, 2], [1, 2, 3]] {
            let mut people = people();
            for (round, amount) in rounds.into_iter().enumerate() {
                let events: Vec<Event<'_>> = ids.iter().map(|id| copy(id, amount)).collect();
                assert_eq!(people.extend(&events).accepted, if round == 0 { N } else { 0 });
            }
            let (spend, aside) = state(&people);
            assert_eq!((spend, aside.len()), (Some(N as f64), 2 * N));
            assert!(aside.chunks(2).all(|two| two == [2.0, 3.0]));
            // Forgotten, allowed again and sent again.
            people.forget(("card", "1")).unwrap();
            people.allow("card", "1");
            people.extend(&[copy("m7", 5), copy("m8", 5), copy("m7", 4), copy("m8", 6)]);
            let (spend, mut aside) = state(&people);
            aside.sort_by(f64::total_cmp);
            assert_eq!((spend, aside), (Some(9.0), vec![5.0, 6.0]));
        }
    }

    #[test]
    fn many_differing_copies_of_one_message_are_taken_in_from_either_end() {
        const N: usize = 5000;
        for amounts in [(0..N).rev().collect::<Vec<usize>>(), (0..N).collect()] {
            let mut people = people();
            amounts.iter().for_each(|&amount| drop(people.observe(&copy("m", amount)).unwrap()));
            let others: Vec<f64> = (1..N).map(|amount| amount as f64).collect();
            assert_eq!(state(&people), (Some(0.0), others));
        }
    }

    /// A call whose client's clock was corrected by one or another time of receipt.
    fn sent(millis: i64, amount: usize) -> Event<'static> {
        let at = Timestamp::from_millis(at(1).millis() + millis);
        Event { at, ..copy("m", amount) }
    }

    #[test]
    fn a_call_sent_again_with_another_time_is_a_duplicate_with_the_smaller_time() {
        for times in [[0, 7, 3], [7, 3, 0], [3, 0, 7]] {
            let mut one = people();
            let mut many = people();
            for millis in times {
                let report = one.observe(&sent(millis, 2)).unwrap().report;
                assert_eq!(report.differing, 0);
            }
            let report = many.extend(&times.map(|millis| sent(millis, 2)));
            assert_eq!((report.accepted, report.duplicates, report.differing), (1, 2, 0));
            for people in [one, many] {
                assert_eq!(state(&people), (Some(2.0), vec![]));
                let ann = people.get(("card", "1")).unwrap();
                let times: Vec<Timestamp> = ann.timeline(at(9)).map(|event| event.at).collect();
                assert_eq!(times, [at(1)]);
            }
        }
    }

    #[test]
    fn a_copy_that_differs_counts_once_however_often_it_is_sent() {
        // Amount 2 counts first; then 3, whose earliest time comes last.
        let events = [sent(5, 2), sent(9, 3), sent(8, 3), sent(9, 3), sent(1, 3), sent(4, 2)];
        let mut people = people();
        let report = people.extend(&events);
        assert_eq!((report.accepted, report.duplicates, report.differing), (1, 5, 1));
        assert_eq!(state(&people), (Some(3.0), vec![2.0]));
        let export = people.get(("card", "1")).unwrap().export(at(9)).unwrap();
        assert_eq!(export.copies.iter().map(|copy| copy.at).collect::<Vec<_>>(), [sent(4, 2).at]);
    }

    #[test]
    fn a_local_hour_that_follows_from_the_time_is_no_difference() {
        let features = FeatureSet::default().with(crate::features::Feature::new(
            "hour",
            crate::features::Measure::MostFrequent("@hour".into()),
        ));
        let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
        let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
        let local = |millis: i64| sent(millis, 1).utc_offset(60);
        let hour = 3_600_000;
        let report = people.extend(&[local(hour), local(0)]);
        assert_eq!((report.duplicates, report.differing), (1, 0));
        let ann = people.get(("card", "1")).unwrap();
        assert_eq!(ann.timeline(at(9)).next().unwrap().at, at(1));
    }

    #[test]
    fn with_retention_the_smallest_time_that_is_left_counts_in_any_order() {
        let options =
            StoreOptions { dedupe: true, retention_days: Some(1.0), ..StoreOptions::default() };
        let day = |n: i64| Timestamp::from_millis(at(1).millis() + n * 86_400_000);
        // Each time arrives before the horizon has passed it.
        let (first, second) = (sent(5, 2), sent(20, 2));
        let mut hashes = Vec::new();
        for (before, after) in [
            (vec![&first, &second], None),
            (vec![&second, &first], None),
            (vec![&first], Some(&second)),
        ] {
            let (rules, features) = (Rules::default(), FeatureSet::retail());
            let mut people = Profiles::with_options(rules, features, options.clone()).unwrap();
            let report = people.extend(before);
            assert_eq!(report.differing, 0);
            let moment = Timestamp::from_millis(day(1).millis() + 10);
            assert_eq!(people.advance(moment).unwrap(), 1);
            people.extend(after);
            let ann = people.get(("card", "1")).unwrap();
            let times: Vec<Timestamp> = ann.timeline(day(9)).map(|event| event.at).collect();
            assert_eq!(times, [second.at]);
            hashes.push(people.state_hash());
        }
        hashes.dedup();
        assert_eq!(hashes.len(), 1);
    }

    #[test]
    fn copies_of_signatures_are_found_without_looking_at_the_others() {
        let mut people = people();
        for i in 0..50 {
            let event = |amount: f64| {
                let event = Event::new("purchase", at(1)).id("card", format!("{i}"));
                event.message_id(format!("m{i}")).property("amount", amount)
            };
            people.extend(&[event(1.0), event(2.0), event(3.0)]);
        }
        let messages = |people: &Profiles| people.messages.clone().unwrap();
        assert_eq!(messages(&people).of_signatures.len(), 50);
        people.forget(("card", "7")).unwrap();
        let left = messages(&people);
        assert_eq!((left.of_signatures.len(), left.aside().count()), (49, 98));
        assert!(left.of_signatures.values().all(|n| *n == 2));
    }

    #[test]
    fn what_follows_from_the_time_of_a_copy_does_not_make_it_differ() {
        let features = [("hour", "@hour"), ("weekday", "@weekday"), ("part", "@week_part")];
        let features = features
            .map(|(name, property)| Feature::new(name, Measure::MostFrequent(property.into())));
        let spend = Feature::new("spend", Measure::Sum("amount".into()));
        let features: FeatureSet = features.into_iter().chain([spend]).collect();
        let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
        let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
        let hours = [9, 2, 40];
        for hour in hours {
            let event = sent(hour * 3_600_000, 2).utc_offset(60);
            assert_eq!(people.observe(&event).unwrap().report.differing, 0, "{hour}");
        }
        // What the sender says does.
        let other = people.observe(&sent(5 * 3_600_000, 3).utc_offset(60)).unwrap();
        assert_eq!(other.report.differing, 1);
        let ann = people.get(("card", "1")).unwrap();
        assert_eq!(ann.timeline(at(9)).count(), 1);
    }
}
