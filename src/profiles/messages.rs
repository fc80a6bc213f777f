//! Which copy of a message counts.
//!
//! Of the events with one message id the first in time counts, then the smaller in content, then
//! the one with the smaller identifiers. The others are kept aside, each once: when the copy that
//! counts is forgotten, the next one takes its place, as if the first had never come.
//!
//! Cost: a look-up per event; of a copy that differs, a few more. Memory for every id, and for copies
//! that differ; where such a copy comes of one of very many messages of one signature and time, also
//! for a second look at each of those.

use std::cmp::Ordering;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};

use crate::Timestamp;
use crate::features::{Entry, Fragment, NONE, Sorted, Texts};
use crate::identity::IdentityGraph;

/// An event under its signature.
pub(super) type Placed = (u32, Entry);

/// Events of one signature and time among which a message is looked for one by one.
/// Tests have crowds of two.
const CROWD: usize = if cfg!(test) { 1 } else { 32 };

/// The messages seen, by the number of their id.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Messages {
    /// Where the copy that counts is: its signature and time.
    first: HashMap<u32, (u32, Timestamp)>,
    /// Copies that differ from it, in order.
    others: BTreeMap<u32, Sorted<Placed>>,
    /// The copies that count at a place where there are many, by message, so that none is looked for
    /// among all of them: only at places where one was, and then all but those about to be put there.
    crowds: HashMap<(u32, Timestamp), HashMap<u32, Entry>>,
}

/// What became of a copy.
pub(super) enum Offered {
    /// It counts: put it into its log.
    Counts(Entry),
    /// It was set aside.
    Aside,
    /// There is one that is no different.
    Repeats(Entry),
}

/// What copies are compared with.
#[derive(Clone, Copy)]
pub(super) struct Order<'s> {
    pub(super) graph: &'s IdentityGraph,
    pub(super) texts: &'s Texts,
}

impl Order<'_> {
    pub(super) fn compare(self, a: &Placed, b: &Placed) -> Ordering {
        self.compare_in_log(a, b.0, &b.1)
    }

    fn compare_in_log(self, a: &Placed, signature: u32, entry: &Entry) -> Ordering {
        let by_content = a.1.compare(entry, self.texts);
        by_content.then_with(|| self.graph.compare_signatures(a.0, signature))
    }
}

impl Messages {
    pub(super) fn is_known(&self, message: u32) -> bool {
        self.first.contains_key(&message)
    }

    /// Offers a copy; one that it replaces leaves its log.
    pub(super) fn offer(
        &mut self,
        copy: Placed,
        fragments: &mut [Fragment],
        order: Order<'_>,
    ) -> Offered {
        let (message, place) = (copy.1.message, (copy.0, copy.1.at));
        let Some(&known_place) = self.first.get(&message) else {
            return self.count(copy);
        };
        let fragment = &mut fragments[known_place.0 as usize];
        // Nearly all copies are no different, and those are found without a look at the others.
        if place == known_place && fragment.holds(&copy.1, order.texts) {
            return Offered::Repeats(copy.1);
        }
        let known = self.known(message, known_place, fragment);
        let known = known.expect("the copy that counts is in its log");
        match order.compare_in_log(&copy, known_place.0, known) {
            Ordering::Equal => Offered::Repeats(copy.1),
            Ordering::Greater => self.set_aside(copy, order),
            Ordering::Less => {
                if let Some(known) = self.take(message, known_place, fragment, order.texts) {
                    let others = self.others.entry(message).or_default();
                    // It came before all others until now.
                    others.insert(others.start(), (known_place.0, known));
                }
                self.count(copy)
            }
        }
    }

    /// Has a copy count.
    fn count(&mut self, (signature, entry): Placed) -> Offered {
        let place = (signature, entry.at);
        self.first.insert(entry.message, place);
        if let Some(crowd) = self.crowds.get_mut(&place) {
            crowd.insert(entry.message, entry.clone());
        }
        Offered::Counts(entry)
    }

    /// The copy of a message that counts, of a place's.
    fn known<'s>(
        &'s mut self,
        message: u32,
        place: (u32, Timestamp),
        fragment: &'s Fragment,
    ) -> Option<&'s Entry> {
        let there = || fragment.at(place.1).filter(|entry| entry.message != NONE);
        if let Some(known) = there().take(CROWD).find(|entry| entry.message == message) {
            return Some(known);
        }
        let by_message = || there().map(|entry| (entry.message, entry.clone())).collect();
        match self.crowds.entry(place).or_insert_with(by_message).entry(message) {
            MapEntry::Occupied(known) => Some(known.into_mut()),
            MapEntry::Vacant(free) => {
                // It was about to be put there when the others were looked at.
                let known = there().find(|entry| entry.message == message)?;
                Some(free.insert(known.clone()))
            }
        }
    }

    /// Takes the copy of a message that counts out of its log.
    fn take(
        &mut self,
        message: u32,
        place: (u32, Timestamp),
        fragment: &mut Fragment,
        texts: &Texts,
    ) -> Option<Entry> {
        let known = self.known(message, place, fragment)?.clone();
        if let Some(crowd) = self.crowds.get_mut(&place) {
            crowd.remove(&message);
        }
        fragment.remove(&known, texts)
    }

    /// Keeps a copy that does not count.
    pub(super) fn set_aside(&mut self, copy: Placed, order: Order<'_>) -> Offered {
        let others = self.others.entry(copy.1.message).or_default();
        let place = others.partition_point(|known| order.compare(known, &copy).is_lt());
        if others.after(place).next().is_some_and(|known| order.compare(known, &copy).is_eq()) {
            return Offered::Repeats(copy.1);
        }
        others.insert(place, copy);
        Offered::Aside
    }

    /// The copies that do not count.
    pub(super) fn aside(&self) -> impl Iterator<Item = &Placed> {
        self.others.values().flat_map(Sorted::iter)
    }

    /// The copy of a message that counted has left its log.
    pub(super) fn lift(&mut self, message: u32) {
        if let Some(place) = self.first.remove(&message) {
            self.crowds.remove(&place);
        }
    }

    /// Takes out all copies of the messages of which the one that counts was lifted, or another is
    /// concerned.
    pub(super) fn unsettled(
        &mut self,
        is_concerned: impl Fn(u32) -> bool,
        fragments: &mut [Fragment],
        texts: &Texts,
    ) -> Vec<Placed> {
        let first = &self.first;
        let is_unsettled = |(message, others): &(&u32, &Sorted<Placed>)| {
            !first.contains_key(message) || others.iter().any(|copy| is_concerned(copy.0))
        };
        let unsettled = self.others.iter().filter(is_unsettled);
        let unsettled: Vec<u32> = unsettled.map(|(&message, _)| message).collect();
        let mut loose = Vec::new();
        for message in unsettled {
            loose.extend(self.others.remove(&message).map(Sorted::into_vec).into_iter().flatten());
            if let Some(place) = self.first.remove(&message) {
                let fragment = &mut fragments[place.0 as usize];
                let known = self.take(message, place, fragment, texts);
                loose.extend(known.map(|entry| (place.0, entry)));
            }
        }
        loose
    }
}

#[cfg(test)]
mod tests {
    use crate::features::Values;
    use crate::{Event, FeatureSet, Profiles, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people() -> Profiles {
        Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe().unwrap()
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
        let amount = people.texts.code("amount");
        let aside = people.messages.iter().flat_map(|messages| messages.aside());
        let number = |(_, entry): &super::Placed| entry.property(amount).next()?.number();
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
            people.forget("card", "1").unwrap();
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
            amounts.iter().for_each(|&amount| people.observe(&copy("m", amount)).unwrap());
            let others: Vec<f64> = (1..N).map(|amount| amount as f64).collect();
            assert_eq!(state(&people), (Some(0.0), others));
        }
    }
}
