//! What became of a batch of events.

use std::fmt;
use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// How many positions are kept of what was refused or not read.
const N_EXAMPLES: usize = 3;

/// How many names of values that were not read are told apart: names can be the sender's.
const N_NAMES: usize = 100;

/// What became of the events offered: `accepted + duplicates + suppressed + n_refused()` of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IngestReport {
    /// Events that count.
    pub accepted: usize,
    /// Events whose message id had been seen; 0 unless duplicates are looked for.
    pub duplicates: usize,
    /// Events about somebody who was forgotten; nothing of them was kept.
    #[serde(default)]
    pub suppressed: usize,
    /// Events that count but do not say how far local clocks were from UTC, while some feature is
    /// of local time: they are not in that feature.
    #[serde(default)]
    pub without_local_time: usize,
    /// Calls read from JSON whose offset from UTC and time zone contradict each other: the event
    /// keeps its time, and its offset counts as unknown.
    #[serde(default)]
    pub contradictory_offsets: usize,
    /// Events that were refused, by reason, in order of the first of each.
    pub refused: Vec<Refused>,
    /// Values of events that count, but which some feature could not read, by property, in order of
    /// the first of each.
    #[serde(default)]
    pub unread: Vec<Unread>,
}

/// Values that were not read.
///
/// A feature that adds, averages or ranks a property, or tests it against a number, reads numbers and
/// moments; texts, `"12,50"` for
/// one, and flags are in no such feature. Of JSON, values that
/// [`Event::from_segment`](crate::Event::from_segment) leaves out are not read by anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unread {
    /// The property or trait; for those beyond a hundred different ones, empty.
    pub property: String,
    /// How many values there were.
    pub n: usize,
    /// Positions in the batch of the first three events with such values, from 0.
    pub examples: Vec<usize>,
}

/// Events refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refused {
    /// The reason, with the numbers of the first such event.
    pub reason: Refusal,
    /// How many there were.
    pub n: usize,
    /// Positions in the batch of the first three of them, from 0.
    pub examples: Vec<usize>,
}

impl IngestReport {
    /// Number of events refused.
    pub fn n_refused(&self) -> usize {
        self.refused.iter().map(|refused| refused.n).sum()
    }

    /// Notes a refusal; positions must ascend.
    pub(crate) fn refuse(&mut self, position: usize, reason: Refusal) {
        self.add_refused(Refused { reason, n: 1, examples: vec![position] });
    }

    /// Notes values that were not read; positions must ascend.
    pub(crate) fn unread(&mut self, property: &str, position: usize, n: usize) {
        self.add_unread(Unread { property: property.to_owned(), n, examples: vec![position] });
    }

    /// Adds what became of other events, whose positions are to be translated in ascending order.
    #[cfg_attr(not(feature = "segment"), allow(dead_code))]
    pub(crate) fn absorb(&mut self, other: Self, position: impl Fn(usize) -> usize) {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.suppressed += other.suppressed;
        self.without_local_time += other.without_local_time;
        self.contradictory_offsets += other.contradictory_offsets;
        let translated =
            |examples: Vec<usize>| examples.into_iter().map(&position).collect::<Vec<_>>();
        for refused in other.refused {
            self.add_refused(Refused { examples: translated(refused.examples), ..refused });
        }
        for unread in other.unread {
            self.add_unread(Unread { examples: translated(unread.examples), ..unread });
        }
        self.refused.sort_by_key(|refused| refused.examples[0]);
        self.unread.sort_by_key(|unread| unread.examples[0]);
    }

    fn add_refused(&mut self, new: Refused) {
        let known = self.refused.iter_mut().find(|known| is_same(&known.reason, &new.reason));
        let Some(known) = known else { return self.refused.push(new) };
        known.n += new.n;
        if new.examples[0] < known.examples[0] {
            known.reason = new.reason;
        }
        add_examples(&mut known.examples, new.examples);
    }

    fn add_unread(&mut self, mut new: Unread) {
        if self.unread.len() >= N_NAMES && self.unread.iter().all(|u| u.property != new.property) {
            new.property.clear();
        }
        let known = self.unread.iter_mut().find(|known| known.property == new.property);
        let Some(known) = known else { return self.unread.push(new) };
        known.n += new.n;
        add_examples(&mut known.examples, new.examples);
    }
}

/// Whether two refusals are counted together: those for one reason, and of one field.
fn is_same(a: &Refusal, b: &Refusal) -> bool {
    match (a, b) {
        (Refusal::BadField { field: a }, Refusal::BadField { field: b }) => a == b,
        _ => discriminant(a) == discriminant(b),
    }
}

/// Keeps the first positions of both.
fn add_examples(known: &mut Vec<usize>, new: Vec<usize>) {
    known.extend(new);
    known.sort_unstable();
    known.dedup();
    known.truncate(N_EXAMPLES);
}

impl fmt::Display for IngestReport {
    /// One line, such as `9 accepted, 1 duplicate, 2 refused (2: it carries no identifier, at 3,
    /// 7); not read: 1 of "amount", at 5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.duplicates == 1 { "" } else { "s" };
        write!(f, "{} accepted, {} duplicate{plural}, ", self.accepted, self.duplicates)?;
        if self.suppressed > 0 {
            write!(f, "{} about the forgotten, ", self.suppressed)?;
        }
        if self.without_local_time > 0 {
            write!(f, "{} without local time, ", self.without_local_time)?;
        }
        if self.contradictory_offsets > 0 {
            let plural = if self.contradictory_offsets == 1 { "" } else { "s" };
            write!(f, "{} contradictory UTC offset{plural}, ", self.contradictory_offsets)?;
        }
        write!(f, "{} refused", self.n_refused())?;
        let at = |n: usize, examples: &[usize]| {
            let positions: Vec<String> = examples.iter().map(usize::to_string).collect();
            let more = if n > examples.len() { " …" } else { "" };
            format!("at {}{more}", positions.join(", "))
        };
        for (i, refused) in self.refused.iter().enumerate() {
            write!(f, "{}{}: ", if i == 0 { " (" } else { "; " }, refused.n)?;
            write!(f, "{}, {}", refused.reason, at(refused.n, &refused.examples))?;
        }
        if !self.refused.is_empty() {
            write!(f, ")")?;
        }
        for (i, unread) in self.unread.iter().enumerate() {
            write!(f, "; {}{} of ", if i == 0 { "not read: " } else { "" }, unread.n)?;
            write!(f, "{:?}, {}", unread.property, at(unread.n, &unread.examples))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason_with_the_first_positions() {
        let mut ingest = IngestReport { accepted: 9, duplicates: 1, ..IngestReport::default() };
        assert_eq!(ingest.to_string(), "9 accepted, 1 duplicate, 0 refused");
        for position in [1, 4, 5, 8] {
            ingest.refuse(position, Refusal::NoIdentifier);
        }
        ingest.suppressed = 2;
        ingest.refuse(9, Refusal::TooManyIdentifiers { got: 30, limit: 20 });
        assert_eq!(ingest.n_refused(), 5);
        assert_eq!(
            ingest.to_string(),
            "9 accepted, 1 duplicate, 2 about the forgotten, 5 refused (4: it carries no identifier, at 1, 4, 5 …; \
             1: it carries 30 identifiers, more than 20, at 9)"
        );
    }

    #[test]
    fn reports_add_up_to_that_of_all_events_in_any_order() {
        let bad = |field: &str| Refusal::BadField { field: field.into() };
        let (mut first, mut second) = (IngestReport::default(), IngestReport::default());
        for (position, reason) in [(0, bad("userId")), (2, bad("event")), (3, bad("userId"))] {
            first.refuse(position, reason);
        }
        first.unread("amount", 1, 2);
        for (position, field) in [(0, "event"), (1, "userId"), (2, "userId"), (3, "userId")] {
            second.refuse(position, bad(field));
        }
        second.unread("price", 0, 1);
        second.unread("amount", 4, 1);
        let mut expected = IngestReport::default();
        expected.absorb(first.clone(), |position| position);
        expected.absorb(second.clone(), |position| position + 10);
        let refused = expected.refused.iter().map(|r| (&r.reason, r.n, &r.examples[..]));
        let (user, event) = (bad("userId"), bad("event"));
        assert!(refused.eq([(&user, 5, &[0, 3, 11][..]), (&event, 2, &[2, 10])]));
        let unread = expected.unread.iter().map(|u| (&*u.property, u.n, &u.examples[..]));
        assert!(unread.eq([("amount", 3, &[1, 14][..]), ("price", 1, &[10])]));
        let mut backwards = IngestReport::default();
        backwards.absorb(second, |position| position + 10);
        backwards.absorb(first, |position| position);
        assert_eq!(backwards, expected);
    }

    #[test]
    fn no_end_of_names_is_counted_together_from_a_hundred_on() {
        let mut ingest = IngestReport::default();
        for i in 0..150 {
            ingest.unread(&i.to_string(), i, 1);
        }
        ingest.unread("7", 150, 1);
        assert_eq!(ingest.unread.len(), 101);
        assert_eq!((ingest.unread[7].n, ingest.unread[100].n), (2, 50));
    }
}
