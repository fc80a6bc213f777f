//! The report of ingestion: what was accepted, what was refused and why, what was not read.

use std::fmt;
use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// Positions that are kept of what was refused or not read.
const N_EXAMPLES: usize = 3;

/// Names of values not read that are told apart: the sender can choose any number of names.
const N_NAMES: usize = 100;

/// What became of a batch of events. The batch had `accepted + duplicates + suppressed + n_refused()`
/// events.
///
/// ```
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = Timestamp::parse("2024-05-01")?;
/// let events = [
///     Event::new("purchase", at).id("card", "4711").property("amount", 12.5),
///     Event::new("purchase", at).id("card", "4711").property("amount", "12,50"),
///     Event::new("purchase", at),
/// ];
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// let report = people.extend(&events);
/// assert_eq!((report.accepted, report.n_refused()), (2, 1));
/// assert_eq!(report.refused[0].examples, [2]);
/// assert_eq!((&*report.unread[0].what, report.unread[0].n), ("amount", 1));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IngestReport {
    /// Events that were added.
    pub accepted: usize,
    /// Events whose message id was known; 0 unless duplicates are looked for.
    pub duplicates: usize,
    /// Duplicates that are unlike every copy known before, in content or identifiers: the sender used one
    /// message id for several events, or an event was changed on its way, as by a browser that adds the user id when it
    /// sends a call again after a login. One copy counts.
    #[serde(default)]
    pub differing: usize,
    /// Events about people who were forgotten; nothing of them was kept.
    #[serde(default)]
    pub suppressed: usize,
    /// Profiles that are new, if [changes](crate::profiles::StoreOptions::changes) are kept; a batch of more
    /// than two million events is counted in parts.
    #[serde(default)]
    pub created: usize,
    /// Positions in the batch of the first three events by which a profile was created, from 0.
    #[serde(default)]
    pub created_at: Vec<usize>,
    /// Profiles whose id now leads to another one, if changes are kept: they became part of another profile,
    /// or got a stronger identifier and with it another id.
    #[serde(default)]
    pub merged: usize,
    /// Positions of the first three events with an identifier of a profile that was merged, from 0.
    #[serde(default)]
    pub merged_at: Vec<usize>,
    /// Accepted events without an offset from UTC, while some feature needs local time: they do not
    /// count in that feature.
    #[serde(default)]
    pub without_local_time: usize,
    /// Calls read from JSON whose offset from UTC and time zone contradict each other. Their time is
    /// used, and their offset is unknown.
    #[serde(default)]
    pub contradictory_offsets: usize,
    /// Identifiers left out because they are invalid: longer than 1,024 bytes, or with a
    /// control character or U+FFFD. The event counts with its other identifiers, unless it is refused for those.
    #[serde(default)]
    pub bad_identifiers: usize,
    /// Refused events by reason, ordered by the first event of each reason.
    pub refused: Vec<Counted<Refusal>>,
    /// Values of accepted events that some feature could not read, by property or attribute, ordered by the
    /// first event of each. After the first hundred names, all others are counted together under an empty
    /// name. A feature that adds, averages or ranks a property, or compares it with a number, reads numbers and
    /// moments, but neither flags nor texts such as `"12,50"`. No feature reads a JSON number such as `1e999`.
    #[serde(default)]
    pub unread: Vec<Counted<String>>,
}

/// How many of a kind there were in a batch, and where the first of them are; see [`IngestReport`] for an
/// example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counted<T> {
    /// What was counted.
    pub what: T,
    /// How many there were.
    pub n: usize,
    /// Positions of the first three events with it. They count from 0 among the events of
    /// [`Profiles::extend`](crate::Profiles::extend) and the rows of columns, and from 1 among calls and lines of
    /// JSON.
    pub examples: Vec<usize>,
}

impl IngestReport {
    /// Returns the number of refused events.
    pub fn n_refused(&self) -> usize {
        self.refused.iter().map(|refused| refused.n).sum()
    }

    /// Counts a profile that is new.
    pub(crate) fn created(&mut self, position: usize) {
        self.created += 1;
        add_examples(&mut self.created_at, vec![position]);
    }

    /// Counts a profile that was merged.
    pub(crate) fn merged(&mut self, position: usize) {
        self.merged += 1;
        add_examples(&mut self.merged_at, vec![position]);
    }

    /// Counts a refusal; positions must ascend.
    pub(crate) fn refuse(&mut self, position: usize, reason: Refusal) {
        self.add_refused(Counted { what: reason, n: 1, examples: vec![position] });
    }

    /// Counts values that were not read; positions must ascend.
    pub(crate) fn unread(&mut self, property: &str, position: usize, n: usize) {
        self.add_unread(Counted { what: property.to_owned(), n, examples: vec![position] });
    }

    /// Adds the report of other events; `position` translates their positions and must ascend.
    #[cfg_attr(not(feature = "segment"), allow(dead_code))]
    pub(crate) fn absorb(&mut self, other: Self, position: impl Fn(usize) -> usize) {
        self.accepted += other.accepted;
        self.duplicates += other.duplicates;
        self.differing += other.differing;
        self.suppressed += other.suppressed;
        self.created += other.created;
        self.merged += other.merged;
        self.without_local_time += other.without_local_time;
        self.contradictory_offsets += other.contradictory_offsets;
        self.bad_identifiers += other.bad_identifiers;
        let translated =
            |examples: Vec<usize>| examples.into_iter().map(&position).collect::<Vec<_>>();
        add_examples(&mut self.created_at, translated(other.created_at));
        add_examples(&mut self.merged_at, translated(other.merged_at));
        for refused in other.refused {
            self.add_refused(Counted { examples: translated(refused.examples), ..refused });
        }
        for unread in other.unread {
            self.add_unread(Counted { examples: translated(unread.examples), ..unread });
        }
        self.refused.sort_by_key(|refused| refused.examples[0]);
        self.unread.sort_by_key(|unread| unread.examples[0]);
    }

    fn add_refused(&mut self, new: Counted<Refusal>) {
        let known = self.refused.iter_mut().find(|known| is_same(&known.what, &new.what));
        let Some(known) = known else { return self.refused.push(new) };
        known.n += new.n;
        if new.examples[0] < known.examples[0] {
            known.what = new.what;
        }
        add_examples(&mut known.examples, new.examples);
    }

    fn add_unread(&mut self, mut new: Counted<String>) {
        if self.unread.len() >= N_NAMES && self.unread.iter().all(|u| u.what != new.what) {
            new.what.clear();
        }
        let known = self.unread.iter_mut().find(|known| known.what == new.what);
        let Some(known) = known else { return self.unread.push(new) };
        known.n += new.n;
        add_examples(&mut known.examples, new.examples);
    }
}

/// Whether two refusals are counted together: one reason, one field.
fn is_same(a: &Refusal, b: &Refusal) -> bool {
    match (a, b) {
        (Refusal::BadField { field: a }, Refusal::BadField { field: b }) => a == b,
        _ => discriminant(a) == discriminant(b),
    }
}

/// Adds positions and keeps the first few.
fn add_examples(known: &mut Vec<usize>, new: Vec<usize>) {
    known.extend(new);
    known.sort_unstable();
    known.dedup();
    known.truncate(N_EXAMPLES);
}

impl fmt::Display for IngestReport {
    /// One line, such as `9 accepted, 1 duplicate, 2 refused (2: field "timestamp" is missing, at 3,
    /// 7); not read: 1 of "amount", at 5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.duplicates == 1 { "" } else { "s" };
        write!(f, "{} accepted, {} duplicate{plural}, ", self.accepted, self.duplicates)?;
        if self.differing > 0 {
            write!(f, "{} of them unlike the others, ", self.differing)?;
        }
        if self.suppressed > 0 {
            write!(f, "{} about forgotten people, ", self.suppressed)?;
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
            write!(f, "{}, {}", refused.what, at(refused.n, &refused.examples))?;
        }
        if !self.refused.is_empty() {
            write!(f, ")")?;
        }
        for (i, unread) in self.unread.iter().enumerate() {
            write!(f, "; {}{} of ", if i == 0 { "not read: " } else { "" }, unread.n)?;
            write!(f, "{:?}, {}", unread.what, at(unread.n, &unread.examples))?;
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
            "9 accepted, 1 duplicate, 2 about forgotten people, 5 refused (4: no identifier, \
             at 1, 4, 5 …; 1: 30 identifiers; at most 20, at 9)"
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
        let refused = expected.refused.iter().map(|r| (&r.what, r.n, &r.examples[..]));
        let (user, event) = (bad("userId"), bad("event"));
        assert!(refused.eq([(&user, 5, &[0, 3, 11][..]), (&event, 2, &[2, 10])]));
        let unread = expected.unread.iter().map(|u| (&*u.what, u.n, &u.examples[..]));
        assert!(unread.eq([("amount", 3, &[1, 14][..]), ("price", 1, &[10])]));
        let mut backwards = IngestReport::default();
        backwards.absorb(second, |position| position + 10);
        backwards.absorb(first, |position| position);
        assert_eq!(backwards, expected);
    }

    #[test]
    fn names_after_the_first_hundred_are_counted_together() {
        let mut ingest = IngestReport::default();
        for i in 0..150 {
            ingest.unread(&i.to_string(), i, 1);
        }
        ingest.unread("7", 150, 1);
        assert_eq!(ingest.unread.len(), 101);
        assert_eq!((ingest.unread[7].n, ingest.unread[100].n), (2, 50));
    }
}
