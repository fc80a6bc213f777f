//! Which way people take: what follows what within a visit, where visits begin and end.
//!
//! The events that count are cut into sessions; the names of a session's events, one after the
//! other, are its steps. Events of the same time come in the order of their names.
//!
//! Cost: O(events · log of the number of different ways), in parallel over people; memory for the
//! numbers of every different way, and for the texts of what the report tells of.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tally::{CountsByKey, Tally};
use super::text::{percent, write_table};
use crate::features::{Condition, Dictionary, EventFilter, Field, Lexicon, StoredEvent, sessions};
use crate::num::parallel;
use crate::{Error, Result};

/// Rows of each kind that a printed report shows.
const SHOWN: usize = 10;

/// Which ways through a visit to look at; see [`Profiles::paths`](crate::Profiles::paths).
///
/// By default, all events count by their names, a session ends after half an hour without an event, and the
/// report holds the twenty most frequent paths of up to five steps. Repetitions of a step count once. Set
/// only the fields that differ: `Paths { by: Some("page".into()), ..Paths::default() }`.
///
/// ```
/// use personas::journey::Paths;
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = Timestamp::parse;
/// let mut people = Profiles::new(Rules::default(), FeatureSet::default())?;
/// people.extend(&[
///     Event::new("home", at("2017-03-01T10:00:00")?).id("card", "1"),
///     Event::new("product", at("2017-03-01T10:01:00")?).id("card", "1"),
///     Event::new("product", at("2017-03-01T10:03:00")?).id("card", "1"),
///     Event::new("order", at("2017-03-01T10:09:00")?).id("card", "1"),
///     Event::new("home", at("2017-03-02T10:00:00")?).id("card", "1"),
/// ]);
/// let report = people.paths(&Paths::default(), at("2017-04-01")?, |_| true)?;
/// assert_eq!((report.n_people, report.n_sessions), (1, 2));
/// assert_eq!(report.starts[0].of, ["home"]);
/// assert_eq!(report.paths[1].of, ["home", "product", "order"]);
/// assert_eq!(report.transitions.len(), 2);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paths {
    /// The events that count, also for where a session ends; all.
    pub events: EventFilter,
    /// The property, such as the page, that names the steps in place of the event's name; none. Events
    /// without it do not count, and of several values the first in order of their text does.
    pub by: Option<String>,
    /// A session's events are less than this many minutes apart, each from the one before; 30.
    #[serde(with = "crate::num::exact")]
    pub gap_minutes: f64,
    /// Steps of a path at most; 5.
    pub depth: usize,
    /// Number of paths in the report at most; 20.
    pub top: usize,
    /// Whether a step that follows one of the same name is a step of its own; no.
    pub repeats: bool,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            events: EventFilter::default(),
            by: None,
            gap_minutes: 30.0,
            depth: 5,
            top: 20,
            repeats: false,
        }
    }
}

impl Paths {
    /// The filter of the events that count, and the property that names the steps.
    pub(crate) fn parts(&self) -> (&EventFilter, Option<&str>) {
        (&self.events, self.by.as_deref())
    }

    /// Whether it makes sense.
    pub(crate) fn check(&self) -> Result<()> {
        if !(self.gap_minutes > 0.0 && self.gap_minutes.is_finite()) {
            return Err(Error::parameter("gap_minutes", "above 0 and finite", self.gap_minutes));
        }
        for (name, n) in [("depth", self.depth), ("top", self.top)] {
            if n == 0 {
                return Err(Error::parameter(name, "at least 1", n));
            }
        }
        self.events.check()?;
        self.by.iter().try_for_each(|by| EventFilter::default().when(by, Condition::Exists).check())
    }
}

/// The ways people take: what [`Profiles::paths`](crate::Profiles::paths) says.
///
/// Everything but the paths is complete. Every list goes from the most frequent down, ties in order
/// of the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PathReport {
    /// People with at least one step.
    pub n_people: usize,
    /// Sessions.
    pub n_sessions: usize,
    /// Sessions by their first step.
    pub starts: Vec<Tally>,
    /// Sessions by their last step.
    pub ends: Vec<Tally>,
    /// Steps that follow each other within a session.
    pub transitions: Vec<Tally>,
    /// Sessions by their first [`depth`](Paths#structfield.depth) steps, shorter ones by all their steps: every
    /// session has one path. The most frequent of them.
    pub paths: Vec<Tally>,
}

#[derive(Default)]
struct Ways {
    n_people: usize,
    n_sessions: usize,
    starts: CountsByKey<[u32; 1]>,
    ends: CountsByKey<[u32; 1]>,
    transitions: CountsByKey<[u32; 2]>,
    paths: CountsByKey<Vec<u32>>,
}

impl PathReport {
    /// The report of these people's events.
    pub(crate) fn new(paths: &Paths, people: &[&[StoredEvent<'_>]], lexicon: Lexicon<'_>) -> Self {
        let Lexicon { schema, dictionary } = lexicon;
        let filter = paths.events.bind(schema, dictionary);
        let by = paths.by.as_ref().map(|by| schema.property(by));
        let chunks = parallel::map_chunks(people.len(), 1024, |range| {
            let mut ways = Ways::default();
            let mut steps = Vec::new();
            for person in range {
                let counts = |event: &&StoredEvent<'_>| {
                    filter.passes(**event, dictionary) && name(**event, by, dictionary).is_some()
                };
                let counted: Vec<StoredEvent<'_>> =
                    people[person].iter().filter(counts).copied().collect();
                ways.n_people += usize::from(!counted.is_empty());
                for session in sessions(&counted, paths.gap_minutes) {
                    steps.clear();
                    steps.extend(session.iter().filter_map(|event| name(*event, by, dictionary)));
                    if !paths.repeats {
                        steps.dedup();
                    }
                    ways.session(&steps, paths.depth, person);
                }
            }
            ways
        });
        let all = chunks.into_iter().reduce(Ways::plus).unwrap_or_default();
        Self {
            n_people: all.n_people,
            n_sessions: all.n_sessions,
            starts: all.starts.top(usize::MAX, dictionary),
            ends: all.ends.top(usize::MAX, dictionary),
            transitions: all.transitions.top(usize::MAX, dictionary),
            paths: all.paths.top(paths.top, dictionary),
        }
    }
}

impl Ways {
    fn session(&mut self, steps: &[u32], depth: usize, person: usize) {
        let ([first, ..], [.., last]) = (steps, steps) else { return };
        self.n_sessions += 1;
        self.starts.record([*first], person);
        self.ends.record([*last], person);
        for pair in steps.windows(2) {
            self.transitions.record([pair[0], pair[1]], person);
        }
        self.paths.record(steps[..depth.min(steps.len())].to_vec(), person);
    }

    fn plus(mut self, other: Self) -> Self {
        self.n_people += other.n_people;
        self.n_sessions += other.n_sessions;
        self.starts.absorb(other.starts);
        self.ends.absorb(other.ends);
        self.transitions.absorb(other.transitions);
        self.paths.absorb(other.paths);
        self
    }
}

/// What a step is called.
fn name(event: StoredEvent<'_>, by: Option<Field>, dictionary: &Dictionary) -> Option<u32> {
    match by {
        None => Some(event.name),
        Some(by) => event.labels(by).min_by_key(|&label| dictionary.text(label)),
    }
}

impl fmt::Display for PathReport {
    /// The first ten of every list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} sessions of {} people", self.n_sessions, self.n_people)?;
        let share =
            |n: usize| percent((self.n_sessions > 0).then(|| n as f64 / self.n_sessions as f64));
        let lists = [
            ("start", &self.starts),
            ("end", &self.ends),
            ("transition", &self.transitions),
            ("path", &self.paths),
        ];
        for (what, tallies) in lists {
            let mut rows =
                vec![[what, "times", "per session", "people"].map(String::from).to_vec()];
            rows.extend(tallies.iter().take(SHOWN).map(|tally| {
                let n = tally.n;
                vec![tally.of.join(" → "), n.to_string(), share(n), tally.n_people.to_string()]
            }));
            writeln!(f)?;
            write_table(f, &rows)?;
        }
        Ok(())
    }
}
