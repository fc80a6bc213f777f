//! When people come: events and people by hour, weekday or date, or by the values of any property.
//!
//! Cost: one pass over the events, in parallel over people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tally::{CountsByKey, Tally};
use super::text::{percent, write_table};
use crate::features::{EventFilter, Lexicon, StoredEvent, local_time};
use crate::num::parallel;

/// Events and people by the values of a property: what [`Profiles::peaks`](crate::Profiles::peaks)
/// says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeakReport {
    /// The property.
    pub property: String,
    /// People with at least one event that counts.
    pub n_people: usize,
    /// Events that count.
    pub n_events: usize,
    /// Of them, those that have no value: of local time, those without an offset from UTC.
    pub n_without: usize,
    /// The values in order: of local time as the clock and the calendar have them, also those at
    /// which nothing happened (but of dates only those that occur); of other properties numbers
    /// before texts. An event with several values counts at each.
    pub values: Vec<Tally>,
}

#[derive(Default)]
struct PeakSums {
    n_people: usize,
    n_events: usize,
    n_without: usize,
    values: CountsByKey<[u32; 1]>,
}

impl PeakReport {
    /// The report of these people's events.
    pub(crate) fn new(
        property: &str,
        filter: &EventFilter,
        people: &[&[StoredEvent<'_>]],
        lexicon: Lexicon<'_>,
    ) -> Self {
        let Lexicon { schema, dictionary } = lexicon;
        let (bound, field) = (filter.bind(schema, dictionary), schema.property(property));
        let chunks = parallel::map_chunks(people.len(), 256, |range| {
            let mut sums = PeakSums::default();
            for person in range {
                let before = sums.n_events;
                for event in people[person].iter().filter(|event| bound.passes(**event, dictionary))
                {
                    sums.n_events += 1;
                    let mut labels = event.labels(field).peekable();
                    sums.n_without += usize::from(labels.peek().is_none());
                    labels.for_each(|label| sums.values.record([label], person));
                }
                sums.n_people += usize::from(sums.n_events > before);
            }
            sums
        });
        let all = chunks.into_iter().reduce(PeakSums::plus).unwrap_or_default();
        let mut values = all.values.tallies(dictionary);
        let open: Vec<String> = local_time::values(property)
            .into_iter()
            .filter(|value| values.iter().all(|tally| tally.of[0] != *value))
            .collect();
        values.extend(open.into_iter().map(|value| Tally { of: vec![value], n: 0, n_people: 0 }));
        let order = local_time::values(property);
        let place = |value: &str| order.iter().position(|known| known == value);
        let number = |value: &str| value.parse().ok().filter(|number: &f64| number.is_finite());
        values.sort_by(|a, b| {
            let (a, b) = (a.of[0].as_str(), b.of[0].as_str());
            let by_number = match (number(a), number(b)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            place(a).cmp(&place(b)).then(by_number).then_with(|| a.cmp(b))
        });
        Self {
            property: property.to_owned(),
            n_people: all.n_people,
            n_events: all.n_events,
            n_without: all.n_without,
            values,
        }
    }
}

impl PeakSums {
    fn plus(mut self, other: Self) -> Self {
        self.n_people += other.n_people;
        self.n_events += other.n_events;
        self.n_without += other.n_without;
        self.values.absorb(other.values);
        self
    }
}

impl fmt::Display for PeakReport {
    /// One line a value, and one for the events without.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share =
            |n: usize| percent((self.n_events > 0).then(|| n as f64 / self.n_events as f64));
        let head = [self.property.as_str(), "events", "share", "people"];
        let mut rows = vec![head.map(String::from).to_vec()];
        rows.extend(self.values.iter().map(|tally| {
            let (n, n_people) = (tally.n, tally.n_people);
            vec![tally.of.join(", "), n.to_string(), share(n), n_people.to_string()]
        }));
        let n = self.n_without;
        rows.push(vec!["(none)".into(), n.to_string(), share(n)]);
        write_table(f, &rows)
    }
}
