//! People: who is who, and what they did.
//!
//! One store for bulk and live. Whatever the order, the batches and the number of threads, equal
//! sets of events give equal profiles and equal features.

mod ingest;
mod profile;

use std::collections::HashMap;
use std::fmt;

pub use ingest::{Ingest, Refused};
pub use profile::Profile;

use crate::features::{self, Entry, Events, Fragment, Keep, NONE, Texts, Values};
use crate::identity::Graph;
use crate::{Event, FeatureSet, Features, ProfileId, Refusal, Result, Rules, Timestamp};

/// Everybody, as known from the events so far.
///
/// Events come in any order, one by one or in bulk; a late event is as good as a punctual one. An
/// event is refused whole if it has no identifier that is not blank, more than 20 of them, one of
/// more than 1024 bytes, a time outside [`Rules::clock`], or a number that is not finite or lies
/// beyond ±2⁶⁰; a refusal changes nothing. Blank identifiers are passed over; of a property or
/// attribute that an event gives twice, the last counts.
///
/// ```
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = Timestamp::parse;
/// let events = vec![
///     Event::new("visit", at("2017-03-01")?).id("cookie", "c1"),
///     Event::new("purchase", at("2017-03-05")?).id("card", "4711").property("amount", 12.5),
///     Event::new("login", at("2017-03-04")?).id("cookie", "c1").id("card", "4711"),
/// ];
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// let ingest = people.extend(&events);
/// assert_eq!(ingest.to_string(), "3 accepted, 0 duplicates, 0 refused");
///
/// assert_eq!(people.len(), 1);
/// let ann = people.get("cookie", "c1");
/// assert_eq!(ann.map(|ann| ann.n_events()), Some(3));
///
/// let table = people.features(at("2017-03-15")?)?;
/// assert_eq!(table.n_rows(), 1);
/// assert!(table.column("recency_days").is_some());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub struct Profiles {
    graph: Graph,
    features: FeatureSet,
    keep: Keep,
    texts: Texts,
    /// By signature.
    fragments: Vec<Fragment>,
    /// Where the event of a message id is kept; `None` if duplicates are not looked for.
    messages: Option<HashMap<u32, (u32, Timestamp)>>,
}

/// What became of an event that was not refused.
enum Taken {
    New,
    Duplicate,
}

impl Profiles {
    /// Nobody yet.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) or
    /// [`Error::InvalidFeature`](crate::Error::InvalidFeature) if the rules or the features make no
    /// sense.
    pub fn new(rules: Rules, features: FeatureSet) -> Result<Self> {
        features.check()?;
        let mut texts = Texts::default();
        Ok(Self {
            graph: Graph::new(rules)?,
            keep: Keep::new(&features, &mut texts),
            features,
            texts,
            fragments: Vec::new(),
            messages: None,
        })
    }

    /// Counts events of the same message id once from now on; those without an id always count.
    /// Of differing events with one id the first in time counts, then the smaller in content,
    /// whatever came first. All of them say who is who. Costs memory for every id.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?.dedupe();
    /// let event = Event::new("visit", Timestamp::parse("2017-03-01")?).id("card", "1").message_id("m1");
    /// let ingest = people.extend([&event, &event]);
    /// assert_eq!((ingest.accepted, ingest.duplicates), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn dedupe(mut self) -> Self {
        self.messages.get_or_insert_default();
        self
    }

    /// Takes in many events, in any order, and says what became of them.
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> Ingest {
        let mut events: Vec<(usize, &Event<'_>)> = events.into_iter().enumerate().collect();
        // In order of time every event goes to the end of its log. The result is the same.
        events.sort_by_key(|(_, event)| event.at);
        let mut ingest = Ingest::default();
        let mut refused = Vec::new();
        for (position, event) in events {
            match self.take(event) {
                Ok(Taken::New) => ingest.accepted += 1,
                Ok(Taken::Duplicate) => ingest.duplicates += 1,
                Err(reason) => refused.push((position, reason)),
            }
        }
        refused.sort_unstable_by_key(|&(position, _)| position);
        for (position, reason) in refused {
            ingest.refuse(position, reason);
        }
        ingest
    }

    /// Takes in one event; a duplicate is no error.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused); then nothing has changed.
    pub fn observe(&mut self, event: &Event<'_>) -> Result<()> {
        self.take(event)?;
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>) -> std::result::Result<Taken, Refusal> {
        features::check(event)?;
        let signature = self.graph.observe(&event.identifiers, event.at)?;
        if self.fragments.len() <= signature as usize {
            self.fragments.resize_with(signature as usize + 1, Fragment::default);
        }
        let id = event.message_id.as_deref().filter(|_| self.messages.is_some());
        // An exporter's empty column is no id.
        let id = id.filter(|id| !id.trim().is_empty());
        let message = id.map_or(NONE, |id| self.texts.intern(id));
        let entry = self.keep.entry(event, message, &mut self.texts);
        let mut taken = Taken::New;
        if let Some(messages) = self.messages.as_mut().filter(|_| message != NONE) {
            let place = (signature, event.at);
            if let Some((known_signature, known_at)) = messages.insert(message, place) {
                taken = Taken::Duplicate;
                let log = &mut self.fragments[known_signature as usize];
                let known = log.message(known_at, message);
                let comes_first = |known: &Entry| {
                    let by_content = known.compare(&entry, &self.texts);
                    by_content.then_with(|| self.graph.compare(known_signature, signature)).is_le()
                };
                if known.is_some_and(comes_first) {
                    messages.insert(message, (known_signature, known_at));
                    return Ok(taken);
                }
                log.remove_message(known_at, message);
            }
        }
        self.fragments[signature as usize].insert(entry, &self.texts);
        Ok(taken)
    }

    /// The table of everybody's features as of a moment: later events do not count, and those who
    /// have none by then have no row. (Who is who is always judged by all that is known.) Rows are
    /// in order of the first event, then of the id.
    ///
    /// Some columns depend on everybody's events, such as the eight largest categories, or whether
    /// an attribute is a number; [`Profiles::settle`] keeps them from changing.
    ///
    /// # Errors
    /// None that is known; the table checks its own columns.
    pub fn features(&self, as_of: Timestamp) -> Result<Features> {
        let (ids, people) = self.rows(as_of);
        self.table(ids, &people, as_of)
    }

    fn table(
        &self,
        ids: Vec<ProfileId>,
        people: &[Events<'_>],
        as_of: Timestamp,
    ) -> Result<Features> {
        let columns = features::columns(people, &self.features, &self.texts, as_of);
        columns.into_iter().try_fold(Features::new(ids), |table, column| {
            let name = column.feature.name();
            match column.values {
                Values::Numeric(values) => table.numeric(name, values),
                Values::Categorical(values) => table.categorical(name, values),
            }
        })
    }

    /// Fixes the columns and their types to those that [`Profiles::features`] gives now as of a
    /// moment. Do so when a model is made, so that every later table fits it; afterwards one
    /// person's features are a matter of that person's events only.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let (may, june) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2017-06-01")?);
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", may).id("card", "1"))?;
    /// people.settle(may);
    /// people.observe(&Event::new("call", june).id("card", "1"))?;
    /// let table = people.features(june)?;
    /// assert!(table.column("number of visit").is_some());
    /// assert!(table.column("number of call").is_none());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn settle(&mut self, as_of: Timestamp) {
        let (_, people) = self.rows(as_of);
        let columns = features::columns(&people, &self.features, &self.texts, as_of);
        self.features = columns.into_iter().map(|column| column.feature).collect();
    }

    /// The features in force.
    pub fn feature_set(&self) -> &FeatureSet {
        &self.features
    }

    /// Every profile that has events by then, and those events.
    fn rows(&self, as_of: Timestamp) -> (Vec<ProfileId>, Vec<Events<'_>>) {
        let mut signatures: Vec<(ProfileId, &Fragment)> =
            self.graph.resolve().into_iter().zip(&self.fragments).collect();
        signatures.sort_by_key(|&(id, _)| id);
        let mut rows = Vec::new();
        for profile in signatures.chunk_by(|(a, _), (b, _)| a == b) {
            let fragments = profile.iter().map(|&(_, fragment)| fragment);
            let events = features::merge(fragments, as_of, &self.texts);
            if let Some(first) = events.first() {
                rows.push((first.at, profile[0].0, events));
            }
        }
        rows.sort_unstable_by_key(|&(first, id, _)| (first, id));
        rows.into_iter().map(|(_, id, events)| (id, events)).unzip()
    }

    /// The profile that an identifier belongs to, if it was ever seen.
    pub fn get(&self, kind: &str, value: &str) -> Option<Profile<'_>> {
        Some(Profile::new(self, self.graph.find(kind, value)?))
    }

    /// Number of profiles.
    pub fn len(&self) -> usize {
        self.graph.n_profiles()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of the newest event that counts: a handy moment to ask about.
    pub fn newest(&self) -> Option<Timestamp> {
        self.fragments.iter().filter_map(|fragment| Some(fragment.log().last()?.at)).max()
    }
}

impl fmt::Debug for Profiles {
    /// Numbers only: a log line must not name anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_events: usize = self.fragments.iter().map(|fragment| fragment.log().len()).sum();
        f.debug_struct("Profiles")
            .field("n_profiles", &self.len())
            .field("n_events", &n_events)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people() -> Profiles {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe();
        let event = Event::new("purchase", at(1)).id("card", "1").property("amount", 2.0);
        people.observe(&event.message_id("m")).unwrap();
        people
    }

    #[test]
    fn a_refused_event_changes_nothing() {
        let mut people = people();
        let before = people.clone();
        let good = || Event::new("new", at(2)).id("card", "2").message_id("n");
        let bad = [
            Event::new("new", at(2)).property("amount", 1.0),
            good().id("email", "x".repeat(2000)),
            good().property("anything", f64::NAN),
            good().property("amount", -1e300),
            good().attribute("age", f64::INFINITY),
            Event { at: Timestamp::from_millis(0), ..good() },
            (0..30).fold(good(), |event, i| event.id("card", i.to_string())),
        ];
        for event in &bad {
            assert!(matches!(people.observe(event), Err(crate::Error::Refused(_))));
            assert!(people == before);
        }
        let ingest = people.extend(&bad);
        assert!(people == before);
        assert_eq!((ingest.accepted, ingest.duplicates, ingest.n_refused()), (0, 0, bad.len()));
        people.observe(&good()).unwrap();
        assert!(people != before);
    }

    #[test]
    fn of_differing_events_with_one_message_id_the_same_counts_in_any_order() {
        let event = || Event::new("purchase", at(1)).id("card", "1").message_id("m");
        let variants = [
            event(),
            event().property("amount", 1.0),
            event().property("amount", 2.0),
            event().property("discount", 2.0),
            event().attribute("age", 2.0),
            event().attribute("age", "2"),
            event().id("card", "2"),
            Event::new("purchase", at(1)).id("card", "2").message_id("m"),
            Event::new("purchase", at(1)).id("card", "0").message_id("m"),
            Event { name: "visit".into(), ..event() },
            Event { at: at(2), ..event() },
        ];
        let play = |events: [&Event<'_>; 2]| {
            let mut people =
                Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe();
            for event in events {
                people.observe(event).unwrap();
            }
            people.features(at(9)).unwrap()
        };
        for a in &variants {
            for b in &variants {
                assert_eq!(play([a, b]), play([b, a]), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn an_empty_message_id_is_no_id() {
        let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe();
        let event = Event::new("visit", at(1)).id("card", "1").message_id(" ");
        assert_eq!(people.extend([&event, &event]).accepted, 2);
    }

    #[test]
    fn a_debug_print_names_nobody() {
        assert_eq!(format!("{:?}", people()), "Profiles { n_profiles: 1, n_events: 1, .. }");
        let profiles = people();
        let ann = profiles.get("card", "1");
        assert!(!format!("{ann:?}").contains("card"));
    }
}
