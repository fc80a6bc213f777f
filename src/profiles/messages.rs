//! Which copy of a message counts.
//!
//! Of the events with one message id the first in time counts, then the smaller in content, then
//! the one with the smaller identifiers. The others are kept aside, each once: when the copy that
//! counts is forgotten, the next one takes its place, as if the first had never come.
//!
//! Cost: a look-up per event; of a copy that differs, one pass over the events of its signature and
//! time. Memory for every id, and for copies that differ.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::Timestamp;
use crate::features::{Entry, Fragment, Texts};
use crate::identity::IdentityGraph;

/// An event under its signature.
pub(super) type Placed = (u32, Entry);

/// The messages seen, by the number of their id.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Messages {
    /// Where the copy that counts is: its signature and time.
    first: HashMap<u32, (u32, Timestamp)>,
    /// Copies that differ from it, in order.
    others: BTreeMap<u32, VecDeque<Placed>>,
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
        let Some(&(signature, at)) = self.first.get(&message) else {
            self.first.insert(message, place);
            return Offered::Counts(copy.1);
        };
        let fragment = &mut fragments[signature as usize];
        // Nearly all copies are no different, and those are found without going through all events
        // of the time.
        if place == (signature, at) && fragment.holds(&copy.1, order.texts) {
            return Offered::Repeats(copy.1);
        }
        let known = fragment.message(at, message).expect("the copy that counts is in its log");
        match order.compare_in_log(&copy, signature, known) {
            Ordering::Equal => Offered::Repeats(copy.1),
            Ordering::Greater => self.set_aside(copy, order),
            Ordering::Less => {
                self.first.insert(message, place);
                if let Some(known) = fragment.remove_message(at, message) {
                    // It came before all others until now.
                    self.others.entry(message).or_default().push_front((signature, known));
                }
                Offered::Counts(copy.1)
            }
        }
    }

    /// Keeps a copy that does not count.
    pub(super) fn set_aside(&mut self, copy: Placed, order: Order<'_>) -> Offered {
        let others = self.others.entry(copy.1.message).or_default();
        match others.binary_search_by(|known| order.compare(known, &copy)) {
            Ok(_) => Offered::Repeats(copy.1),
            Err(place) => {
                others.insert(place, copy);
                Offered::Aside
            }
        }
    }

    /// The copies that do not count.
    pub(super) fn aside(&self) -> impl Iterator<Item = &Placed> {
        self.others.values().flatten()
    }

    /// The copy of a message that counted has left its log.
    pub(super) fn lift(&mut self, message: u32) {
        self.first.remove(&message);
    }

    /// Takes out all copies of the messages of which the one that counts was lifted, or another is
    /// concerned.
    pub(super) fn unsettled(
        &mut self,
        is_concerned: impl Fn(u32) -> bool,
        fragments: &mut [Fragment],
    ) -> Vec<Placed> {
        let mut loose = Vec::new();
        self.others.retain(|message, others| {
            let first = self.first.get(message).copied();
            if first.is_some() && !others.iter().any(|copy| is_concerned(copy.0)) {
                return true;
            }
            loose.extend(others.drain(..));
            if let Some((signature, at)) = first {
                let known = fragments[signature as usize].remove_message(at, *message);
                loose.extend(known.map(|entry| (signature, entry)));
                self.first.remove(message);
            }
            false
        });
        loose
    }
}
