//! People: who is who, and what they did.
//!
//! One store for bulk and live. Whatever the order, the batches, the shards and the number of
//! threads, equal sets of events give equal profiles and equal features.

mod change;
mod ingest;
mod lines;
mod messages;
mod profile;

use std::fmt;

pub use ingest::{Ingest, Refused, Unread};
use messages::{Messages, Offered, Order};
pub use profile::Profile;

use crate::features::{self, Events, Fragment, Keep, NONE, Texts, Values};
use crate::identity::Observation;
use crate::{
    Event, FeatureSet, Features, IdentityGraph, ProfileId, Refusal, Result, Rules, Timestamp,
};

/// Everybody, as known from the events so far.
///
/// Events come in any order, one by one or in bulk; a late event is as good as a punctual one. An
/// event is refused whole for what an [`IdentityGraph`] refuses (no identifier, two values of a kind
/// of which a person has one, …), and for a time outside [`Rules::clock`] or a number that is not
/// finite or lies beyond ±2⁶⁰; a refusal changes nothing. Of a property or attribute that an event
/// gives twice, the last counts.
///
/// Who is who is what the [`IdentityGraph`] inside says: [`Profiles::identity`] explains it. An event
/// that could be anybody's (its identifiers are placeholders, or mere claims to what is somebody
/// else's) is kept and counted, see [`Profiles::n_unattributed`], and is in nobody's features.
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
    graph: IdentityGraph,
    features: FeatureSet,
    keep: Keep,
    texts: Texts,
    /// By signature.
    fragments: Vec<Fragment>,
    /// `None` if duplicates are not looked for.
    messages: Option<Messages>,
}

/// What became of an event that was not refused.
enum Taken {
    New,
    Duplicate,
    Suppressed,
}

impl Profiles {
    /// Nobody yet.
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) or
    /// [`Error::InvalidFeature`](crate::Error::InvalidFeature) if the rules or the features make no
    /// sense.
    pub fn new(rules: Rules, features: FeatureSet) -> Result<Self> {
        features.check()?;
        let mut texts = Texts::default();
        Ok(Self {
            graph: IdentityGraph::new(rules)?,
            keep: Keep::new(&features, &mut texts),
            features,
            texts,
            fragments: Vec::new(),
            messages: None,
        })
    }

    /// Counts events of the same message id once from now on; those without an id always count.
    /// Of differing events with one id the first in time counts, then the smaller in content,
    /// whatever came first. All of them say who is who. Costs memory for every id, and for every
    /// copy that differs.
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

    /// Takes in many events, in any order, and says what became of them. Of lines of JSON,
    /// [`Profiles::extend_json`] does.
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> Ingest {
        let mut events: Vec<(usize, &Event<'_>)> = events.into_iter().enumerate().collect();
        // In order of time every event goes to the end of its log. The result is the same.
        events.sort_by_key(|(_, event)| event.at);
        let mut ingest = Ingest::default();
        let (mut refused, mut unread) = (Vec::new(), Vec::new());
        for (position, event) in events {
            match self.take(event) {
                Ok(Taken::New) => {
                    ingest.accepted += 1;
                    ingest.without_local_time += self.lacks_local_time(event) as usize;
                    let values = self.keep.unread(event);
                    unread.extend(values.map(|(property, n)| (position, property, n)));
                }
                Ok(Taken::Duplicate) => ingest.duplicates += 1,
                Ok(Taken::Suppressed) => ingest.suppressed += 1,
                Err(reason) => refused.push((position, reason)),
            }
        }
        refused.sort_unstable_by_key(|&(position, _)| position);
        for (position, reason) in refused {
            ingest.refuse(position, reason);
        }
        unread.sort_by_key(|&(position, ..)| position);
        for (position, property, n) in unread {
            ingest.unread(property, position, n);
        }
        ingest
    }

    /// Takes in one event. A duplicate is no error, nor is an event about somebody who was
    /// forgotten, of which nothing is kept.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused); then nothing has changed.
    pub fn observe(&mut self, event: &Event<'_>) -> Result<()> {
        self.take(event)?;
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>) -> std::result::Result<Taken, Refusal> {
        features::check(event)?;
        let (min, max) = self.graph.rules().clock_range();
        if event.at < min || event.at > max {
            return Err(Refusal::OutsideClock { at: event.at, min, max });
        }
        let Some(signature) = self.graph.observe_signature(&Observation::from(event))? else {
            return Ok(Taken::Suppressed);
        };
        self.make_room();
        let id = event.message_id.as_deref().filter(|_| self.messages.is_some());
        // An exporter's empty column is no id.
        let id = id.filter(|id| !id.trim().is_empty());
        let message = id.map_or(NONE, |id| self.texts.intern(id));
        let entry = self.keep.entry(event, message, &mut self.texts);
        let mut taken = Taken::New;
        let entry = match self.messages.as_mut().filter(|_| message != NONE) {
            None => entry,
            Some(messages) => {
                if messages.is_known(message) {
                    taken = Taken::Duplicate;
                }
                let order = Order { graph: &self.graph, texts: &self.texts };
                match messages.offer((signature, entry), &mut self.fragments, order) {
                    Offered::Counts(entry) => entry,
                    Offered::Aside => return Ok(taken),
                    Offered::Repeats(entry) => {
                        entry.release(&mut self.texts);
                        return Ok(taken);
                    }
                }
            }
        };
        self.fragments[signature as usize].insert(entry, &self.texts);
        Ok(taken)
    }

    fn lacks_local_time(&self, event: &Event<'_>) -> bool {
        event.utc_offset_minutes.is_none() && self.keep.needs_offset()
    }

    /// A fragment for every signature.
    fn make_room(&mut self) {
        let n = self.graph.n_signatures().max(self.fragments.len());
        self.fragments.resize_with(n, Fragment::default);
    }

    /// The table of everybody's features as of a moment: later events do not count, and those who
    /// have none by then have no row. (Who is who is always judged by all that is known.) Rows are
    /// in order of the first event, then of the id; ids are those of [`Profiles::identity`].
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
        let mut named: Vec<(u32, &Fragment)> = self.attributed().collect();
        named.sort_by_key(|&(name, _)| name);
        let mut rows = Vec::new();
        for profile in named.chunk_by(|(a, _), (b, _)| a == b) {
            let fragments = profile.iter().map(|&(_, fragment)| fragment);
            let events = features::merge(fragments, as_of, &self.texts);
            if let Some(first) = events.first() {
                rows.push((first.at, self.graph.id_of_node(profile[0].0), events));
            }
        }
        rows.sort_unstable_by_key(|&(first, id, _)| (first, id));
        rows.into_iter().map(|(_, id, events)| (id, events)).unzip()
    }

    /// The fragments that are somebody's, each with the node that names the profile.
    fn attributed(&self) -> impl Iterator<Item = (u32, &Fragment)> {
        let fragments = (0..).zip(&self.fragments).filter(|(_, fragment)| !fragment.is_empty());
        fragments.filter_map(|(sig, fragment)| Some((self.graph.name_of_signature(sig)?, fragment)))
    }

    /// The profile that an identifier belongs to; `None` if it was never seen, is a placeholder or
    /// was forgotten.
    pub fn get(&self, kind: &str, value: &str) -> Option<Profile<'_>> {
        Some(Profile::new(self, self.graph.node(kind, value)?))
    }

    /// Who is who, to be asked: [`explain`](IdentityGraph::explain),
    /// [`why_not`](IdentityGraph::why_not), [`resolve`](IdentityGraph::resolve),
    /// [`health`](IdentityGraph::health), [`diff`](IdentityGraph::diff), a dry run of forgetting.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("login", at).id("cookie", "c1").id("card", "4711"))?;
    /// let (card, cookie) = (Identifier::new("card", "4711"), Identifier::new("cookie", "c1"));
    /// let chain = people.identity().explain(&card, &cookie);
    /// assert_eq!(chain.map(|links| links.len()), Some(1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn identity(&self) -> &IdentityGraph {
        &self.graph
    }

    /// Number of profiles, also of those of which no event tells. Reads all identifiers.
    pub fn len(&self) -> usize {
        self.graph.n_profiles()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of events that count and are nobody's as far as known: later events can still say
    /// whose they are.
    pub fn n_unattributed(&self) -> usize {
        let all: usize = self.fragments.iter().map(|fragment| fragment.log().len()).sum();
        all - self.attributed().map(|(_, fragment)| fragment.log().len()).sum::<usize>()
    }

    /// The time of the newest event that is somebody's: a handy moment to ask about.
    pub fn newest(&self) -> Option<Timestamp> {
        self.attributed().filter_map(|(_, fragment)| Some(fragment.log().last()?.at)).max()
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
            (0..70).fold(good(), |event, i| event.id("card", i.to_string())),
            good().id("user_id", "7").id("user_id", "8"),
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
