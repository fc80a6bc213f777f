//! The events of a person in order, from both ends, without sorting those that nobody reaches.
//!
//! Each history is in order of time. From either end, the events of the next moment are taken out of the histories
//! that have some and sorted among themselves; a heap says which these are. So a page costs what it shows.
//!
//! Cost: a step for each history, and then for each event that is reached a step of a heap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::Timestamp;
use crate::features::{Lexicon, LogRest, StoredEvent};

/// What is left of a person's events.
pub(super) struct Timeline<'p> {
    lexicon: Lexicon<'p>,
    rests: Vec<LogRest<'p>>,
    /// The histories by their first and by their last event; some may have gone to the other end since.
    firsts: BinaryHeap<Reverse<(Timestamp, usize)>>,
    lasts: BinaryHeap<(Timestamp, usize)>,
    /// The events of a moment that are left, at either end.
    early: VecDeque<StoredEvent<'p>>,
    late: VecDeque<StoredEvent<'p>>,
    len: usize,
}

impl<'p> Timeline<'p> {
    pub(super) fn new(rests: Vec<LogRest<'p>>, lexicon: Lexicon<'p>) -> Self {
        let firsts = (0..).zip(&rests).filter_map(|(i, rest)| Some(Reverse((rest.first()?, i))));
        let lasts = (0..).zip(&rests).filter_map(|(i, rest)| Some((rest.last()?, i)));
        let (firsts, lasts) = (firsts.collect(), lasts.collect());
        let len = rests.iter().map(LogRest::len).sum();
        let (early, late) = Default::default();
        Self { lexicon, rests, firsts, lasts, early, late, len }
    }

    fn sorted(&self, mut events: Vec<StoredEvent<'p>>) -> VecDeque<StoredEvent<'p>> {
        let Lexicon { schema, dictionary } = self.lexicon;
        events.sort_by(|a, b| a.compare(*b, schema, dictionary));
        events.into()
    }

    /// Takes the events of the first moment out of the histories.
    fn take_first(&mut self) {
        let (mut events, mut moment) = (Vec::new(), None);
        while let Some(&Reverse((at, i))) = self.firsts.peek()
            && moment.is_none_or(|moment| moment == at)
        {
            self.firsts.pop();
            let rest = &mut self.rests[i];
            while rest.first() == Some(at) {
                events.extend(rest.pop_first());
                moment = Some(at);
            }
            self.firsts.extend(rest.first().map(|at| Reverse((at, i))));
        }
        self.early = self.sorted(events);
    }

    /// Takes the events of the last moment out of the histories.
    fn take_last(&mut self) {
        let (mut events, mut moment) = (Vec::new(), None);
        while let Some(&(at, i)) = self.lasts.peek()
            && moment.is_none_or(|moment| moment == at)
        {
            self.lasts.pop();
            let rest = &mut self.rests[i];
            while rest.last() == Some(at) {
                events.extend(rest.pop_last());
                moment = Some(at);
            }
            self.lasts.extend(rest.last().map(|at| (at, i)));
        }
        self.late = self.sorted(events);
    }
}

impl<'p> Iterator for Timeline<'p> {
    type Item = StoredEvent<'p>;

    fn next(&mut self) -> Option<StoredEvent<'p>> {
        if self.early.is_empty() {
            self.take_first();
        }
        let event = self.early.pop_front().or_else(|| self.late.pop_front())?;
        self.len -= 1;
        Some(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl DoubleEndedIterator for Timeline<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.late.is_empty() {
            self.take_last();
        }
        let event = self.late.pop_back().or_else(|| self.early.pop_back())?;
        self.len -= 1;
        Some(event)
    }
}

impl ExactSizeIterator for Timeline<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Event, FeatureSet, Profiles, Rules};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + minute * 60_000)
    }

    proptest! {
        #[test]
        fn from_both_ends_the_events_come_as_the_sorted_log_has_them(
            events in prop::collection::vec((0u8..4, 0i64..4, 0u8..3), 0..40),
            until in 0i64..5,
            turns in prop::collection::vec(any::<bool>(), 48),
        ) {
            let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
            people.observe(&Event::new("first", at(0)).id("user_id", "1")).unwrap();
            for (cookie, minute, word) in &events {
                let event = Event::new(format!("e{word}"), at(*minute)).id("user_id", "1");
                let event = event.id("cookie", format!("c{cookie}")).property("amount", f64::from(*word));
                people.observe(&event).unwrap();
            }
            let ann = people.get(("user_id", "1")).unwrap();
            let lexicon = people.histories.lexicon();
            let expected: Vec<String> = ann.log(at(until)).into_iter()
                .map(|event| format!("{:?}", crate::journey::event(event, lexicon))).collect();
            let mut timeline = ann.timeline(at(until));
            let (mut front, mut back) = (Vec::new(), Vec::new());
            for is_front in turns {
                prop_assert_eq!(timeline.len() + front.len() + back.len(), expected.len());
                match is_front {
                    true => front.extend(timeline.next().map(|event| format!("{event:?}"))),
                    false => back.extend(timeline.next_back().map(|event| format!("{event:?}"))),
                }
            }
            back.reverse();
            prop_assert_eq!([front, back].concat(), expected);
        }
    }
}
