//! People: who is who, and what they did.
//!
//! One store for bulk and live. Whatever the order, the batches, the shards and the number of
//! threads, equal sets of events give equal profiles and equal features.

mod bulk;
mod change;
mod journey;
mod lines;
mod messages;
mod profile;

use std::fmt;

use messages::{Messages, Offered, Order};
pub use profile::Profile;

use crate::features::{self, Events, Fragment, Keep, Limit, NONE, Texts};
use crate::identity::Observation;
use crate::num::{parallel, prefetch};
use crate::{
    Error, Event, FeatureSet, Features, IdentityGraph, ProfileId, Refusal, Result, Rules, Timestamp,
};

/// Everybody, as known from the events so far.
///
/// Events come in any order, one by one or in bulk; a late event is as good as a punctual one. An
/// event is refused whole for what an [`IdentityGraph`] refuses (no identifier, two values of a kind
/// of which a person has one, …), and for a time outside [`Rules::clock`] or a number that is read and not
/// finite or beyond ±2⁶⁰; a refusal changes nothing. Of a property or attribute that an event
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
    /// `None` if logs are kept whole.
    limit: Option<Limit>,
}

/// Items by which what lies far off is asked for ahead.
const AHEAD: usize = 8;

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
    /// [`Error::InvalidRule`] or
    /// [`Error::InvalidFeature`] if the rules or the features make no
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
            limit: None,
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
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?.dedupe()?;
    /// let event = Event::new("visit", Timestamp::parse("2017-03-01")?).id("card", "1").message_id("m1");
    /// let ingest = people.extend([&event, &event]);
    /// assert_eq!((ingest.accepted, ingest.duplicates), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if logs are limited: what a summary has added up cannot be taken
    /// out of it when a copy that counts comes later.
    pub fn dedupe(mut self) -> Result<Self> {
        if self.limit.is_some() {
            return Err(Error::parameter(
                "dedupe",
                "used on a store whose logs are whole",
                "limited",
            ));
        }
        self.messages.get_or_insert_default();
        Ok(self)
    }

    /// Keeps of every set of identifiers seen together only the newest `n` events, by time and
    /// then by content, so that memory does not grow with events; 0 keeps none. What no longer is in the log stays in a
    /// summary, of some 20 to 100 bytes: number, times, sums, means, deviations, extremes, first and
    /// last values and attributes are those of all events, to the bit. What needs the log (windows,
    /// decay, distinct values, shares, sessions …) is answered while the log reaches back far enough;
    /// where it does not, the answer is missing and its row is among [`Column::cut`](features::Column::cut).
    ///
    /// Where a log is cut, only moments from the person's last event on can be asked about.
    ///
    /// ```
    /// use personas::features::{Feature, Measure};
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let features = FeatureSet::default()
    ///     .with(Feature::new("visits", Measure::Count))
    ///     .with(Feature::new("visits this week", Measure::Count).within_days(7.0));
    /// let mut people = Profiles::new(Rules::default(), features)?.max_log(1)?;
    /// for day in ["2017-03-01", "2017-03-20", "2017-03-25"] {
    ///     people.observe(&Event::new("visit", Timestamp::parse(day)?).id("card", "1"))?;
    /// }
    /// let table = people.features(Timestamp::parse("2017-03-26")?)?;
    /// // All visits are counted; whether the second was this week is no longer known.
    /// assert!(table.columns()[0].cut.is_empty());
    /// assert_eq!(table.columns()[1].cut, [0]);
    /// assert!(people.features(Timestamp::parse("2017-03-24")?).is_err());
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if there are events already, or duplicates are looked for;
    /// [`Error::InvalidFeature`] for a feature whose columns or types depend on everybody's events:
    /// [`Profiles::settle`] a store with whole logs, and use its [`Profiles::feature_set`].
    pub fn max_log(mut self, n: usize) -> Result<Self> {
        if !self.fragments.is_empty() || self.messages.is_some() {
            let expected = "set before there are events, where duplicates are not looked for";
            return Err(Error::parameter("max_log", expected, n));
        }
        if let Some(feature) = self.features.features().iter().find(|f| f.is_open()) {
            return Err(Error::InvalidFeature {
                feature: feature.name().to_owned(),
                reason: "its columns depend on everybody's events, which a limited log forgets"
                    .into(),
            });
        }
        self.limit = Some(Limit::new(n, &self.features, &mut self.texts));
        Ok(self)
    }

    /// Takes in one event. A duplicate is no error, nor is an event about somebody who was
    /// forgotten, of which nothing is kept.
    ///
    /// # Errors
    /// [`Error::Refused`]; then nothing has changed.
    pub fn observe(&mut self, event: &Event<'_>) -> Result<()> {
        self.take(event)?;
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>) -> std::result::Result<Taken, Refusal> {
        let dotted = event.with_dotted_names();
        let event = dotted.as_ref().unwrap_or(event);
        self.check(event)?;
        match self.graph.observe_signature(&Observation::from(event))? {
            Some(signature) => Ok(self.put(signature, event)),
            None => Ok(Taken::Suppressed),
        }
    }

    /// What can be said against an event, whoever's it is.
    fn check(&self, event: &Event<'_>) -> std::result::Result<(), Refusal> {
        check(event, &self.keep, self.graph.rules().clock_range())
    }

    /// Puts an event where it belongs.
    fn put(&mut self, signature: u32, event: &Event<'_>) -> Taken {
        self.make_room();
        let fragment = &mut self.fragments[signature as usize];
        if let Some(limit) = self.limit.as_ref().filter(|limit| limit.is_of_numbers()) {
            let mut draft = Vec::new();
            limit.plan.draft(event, &self.texts, &mut draft);
            fragment.fold(&draft, limit);
            return Taken::New;
        }
        let message = self.message(event);
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
                    Offered::Aside => return taken,
                    Offered::Repeats(entry) => {
                        entry.release(&mut self.texts);
                        return taken;
                    }
                }
            }
        };
        let fragment = &mut self.fragments[signature as usize];
        fragment.insert(entry, self.limit.as_ref(), &mut self.texts);
        taken
    }

    /// The number of an event's message id if duplicates are looked for, else [`NONE`].
    fn message(&mut self, event: &Event<'_>) -> u32 {
        let id = event.message_id.as_deref().filter(|_| self.messages.is_some());
        // An exporter's empty column is no id.
        let id = id.filter(|id| !id.trim().is_empty());
        id.map_or(NONE, |id| self.texts.intern(id))
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
    /// [`Error::AsOfTooEarly`] if somebody's log [was cut](Profiles::max_log) and has later events.
    pub fn features(&self, as_of: Timestamp) -> Result<Features> {
        let (ids, people) = self.rows(as_of)?;
        self.table(ids, &people, as_of)
    }

    fn table(
        &self,
        ids: Vec<ProfileId>,
        people: &[Events<'_>],
        as_of: Timestamp,
    ) -> Result<Features> {
        let limit = self.limit.as_ref();
        let (columns, left_out) =
            features::columns(people, &self.features, limit, &self.texts, as_of);
        let table = Features::new(ids).leaving_out(left_out);
        columns.into_iter().try_fold(table, |table, column| {
            table.with(column.feature.name().to_owned(), column.values, column.cut)
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
    /// people.settle(may)?;
    /// people.observe(&Event::new("call", june).id("card", "1"))?;
    /// let table = people.features(june)?;
    /// assert!(table.column("number of visit").is_some());
    /// assert!(table.column("number of call").is_none());
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profiles::features`].
    pub fn settle(&mut self, as_of: Timestamp) -> Result<()> {
        let (_, people) = self.rows(as_of)?;
        let limit = self.limit.as_ref();
        let (columns, _) = features::columns(&people, &self.features, limit, &self.texts, as_of);
        self.features = columns.into_iter().map(|column| column.feature).collect();
        Ok(())
    }

    /// The features in force.
    pub fn feature_set(&self) -> &FeatureSet {
        &self.features
    }

    /// Every profile that has events by then, and those events.
    fn rows(&self, as_of: Timestamp) -> Result<(Vec<ProfileId>, Vec<Events<'_>>)> {
        let named = parallel::map_chunks(self.fragments.len(), 50, |range| {
            let signatures = range.start as u32..range.end as u32;
            let named = signatures.filter_map(|sig| Some((self.name_if_any(sig)?, sig)));
            named.collect::<Vec<(u32, u32)>>()
        });
        let mut named = named.concat();
        parallel::sort_by(&mut named, Ord::cmp);
        let profiles: Vec<_> = named.chunk_by(|(a, _), (b, _)| a == b).collect();
        let rows = parallel::map(profiles.len(), 500, |i| {
            // Profiles are not in the order of their fragments.
            let of = |i: usize| profiles.get(i).into_iter().copied().flatten();
            of(i + 2 * AHEAD)
                .for_each(|&(_, sig)| prefetch::soon_at(&self.fragments, sig as usize));
            of(i + AHEAD).for_each(|&(_, sig)| self.fragments[sig as usize].soon());
            let fragments = profiles[i].iter().map(|&(_, sig)| &self.fragments[sig as usize]);
            let events = self.events(fragments, as_of)?;
            let first = events.first();
            Ok(first.map(|first| (first, self.graph.id_of_node(profiles[i][0].0), events)))
        });
        let rows = rows.into_iter().filter_map(Result::transpose);
        let mut rows = rows.collect::<Result<Vec<_>>>()?;
        // No two profiles have one id.
        parallel::sort_by(&mut rows, |(a, a_id, _), (b, b_id, _)| (a, a_id).cmp(&(b, b_id)));
        Ok(rows.into_iter().map(|(_, id, events)| (id, events)).unzip())
    }

    /// The node that names the profile of a signature that has events.
    fn name_if_any(&self, signature: u32) -> Option<u32> {
        let has_events = !self.fragments[signature as usize].is_empty();
        has_events.then(|| self.graph.name_of_signature(signature)).flatten()
    }

    /// A profile's events up to a moment.
    fn events<'f>(
        &self,
        fragments: impl Iterator<Item = &'f Fragment> + Clone,
        as_of: Timestamp,
    ) -> Result<Events<'f>> {
        let events = features::merge(fragments, as_of, self.limit.as_ref(), &self.texts);
        match events.summary.as_ref().map(|summary| summary.times().last) {
            Some(newest) if newest > as_of => Err(Error::AsOfTooEarly { as_of, newest }),
            _ => Ok(events),
        }
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
        let all: usize = self.fragments.iter().map(Fragment::n_events).sum();
        all - self.attributed().map(|(_, fragment)| fragment.n_events()).sum::<usize>()
    }

    /// Bytes held by what people did: logs and summaries, without the texts in them. What is held
    /// by who is who, [`IdentityGraph::memory`] says.
    pub fn memory(&self) -> usize {
        self.fragments.iter().map(Fragment::bytes).sum()
    }

    /// The time of the newest event that is somebody's: a handy moment to ask about.
    pub fn newest(&self) -> Option<Timestamp> {
        self.attributed().filter_map(|(_, fragment)| fragment.last()).max()
    }
}

/// What can be said against an event, where the clock has these ends.
fn check(
    event: &Event<'_>,
    keep: &Keep,
    (min, max): (Timestamp, Timestamp),
) -> std::result::Result<(), Refusal> {
    keep.check(event)?;
    if event.at < min || event.at > max {
        return Err(Refusal::OutsideClock { at: event.at, min, max });
    }
    Ok(())
}

impl fmt::Debug for Profiles {
    /// Numbers only: a log line must not name anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_events: usize = self.fragments.iter().map(Fragment::n_events).sum();
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
        let mut people =
            Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe().unwrap();
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
            good().property("amount", f64::NAN),
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
                Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe().unwrap();
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
    fn many_messages_of_one_time_and_content_are_told_apart_without_going_through_all() {
        // Going through them would take 200 million steps.
        let ids: Vec<String> = (0..20_000).map(|i| format!("m{i}")).collect();
        let event = |id| Event::new("visit", at(1)).id("card", "1").message_id(id);
        let events: Vec<Event<'_>> = ids.iter().map(event).collect();
        let mut people =
            Profiles::new(Rules::default(), FeatureSet::default()).unwrap().dedupe().unwrap();
        assert_eq!(people.extend(&events).accepted, 20_000);
        assert_eq!(people.extend(events.iter().rev()).duplicates, 20_000);
        assert_eq!(people.get("card", "1").map(|ann| ann.n_events()), Some(20_000));
    }

    #[test]
    fn an_empty_message_id_is_no_id() {
        let mut people =
            Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe().unwrap();
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
