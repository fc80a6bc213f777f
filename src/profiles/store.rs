//! The store: everybody's events, and the table of everybody's features as of a moment.
//!
//! What one person did, changes, reports and ways in stand in files of their own.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::journal::Journal;
use super::messages::Messages;
use super::options::StoreOptions;
use super::trail::Trail;

use crate::features::{self, Computed, Feature, Histories, PersonEvents, Plan};
use crate::identity::Memory;
use crate::num::parallel;
use crate::{Error, FeatureSet, FeatureTable, IdentityGraph, ProfileId, Result, Rules, Timestamp};

/// Everybody, as known from the events so far.
///
/// Events come in any order, one by one or in bulk; late events count like punctual ones. An event is
/// refused if an [`IdentityGraph`] refuses it (no identifier, two values of a kind that a person has
/// one of, …), if its time lies outside [`Rules::clock`], or for another [`Refusal`](crate::Refusal). A
/// refused event changes nothing. A feature does not read a number that is not finite or is beyond ±2⁶⁰; the
/// report counts it. For duplicate names of properties or attributes, the last value wins.
///
/// The [`IdentityGraph`] inside decides who is who, and [`Profiles::identity`] explains it. An event
/// that belongs to nobody, because its identifiers are placeholders or claims to another person's,
/// is stored and counted by [`Profiles::n_unattributed`], and is in no features.
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
/// assert_eq!(people.n_profiles(), 1);
/// let ann = people.get(("cookie", "c1"));
/// assert_eq!(ann.map(|ann| ann.n_events), Some(3));
///
/// let table = people.features(at("2017-03-15")?)?;
/// assert_eq!(table.n_rows(), 1);
/// assert!(table.column("recency_days").is_some());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
pub struct Profiles {
    pub(super) graph: IdentityGraph,
    pub(super) features: FeatureSet,
    pub(super) options: StoreOptions,
    pub(super) histories: Histories,
    /// `None` if duplicates are not looked for.
    pub(super) messages: Option<Messages>,
    /// The features, bound, if they are fixed.
    pub(super) plan: Option<Arc<Plan>>,
    /// Counts changes, so that what was computed can be told to be out of date.
    pub(super) version: u64,
    /// The newest event that is somebody's whatever else is observed; computed when it is asked for,
    /// and kept up to date until an event is removed.
    pub(super) newest: OnceLock<Option<Timestamp>>,
    /// Signatures whose events could be nobody's.
    pub(super) doubtful: Vec<u32>,
    /// Ids of pieces that were absorbed.
    pub(super) absorbed: BTreeSet<u128>,
    /// What changed since pieces were made.
    pub(super) trail: Trail,
    /// Changes of profiles, if they are kept.
    pub(super) journal: Option<Journal>,
    fixed_for: FixedFor,
}

/// The features as they were last fixed for a moment, where they depend on everybody's events.
#[derive(Default)]
struct FixedFor(RwLock<Option<FixedFeatures>>);

/// The features, bound, as they were fixed by the state of a store for a moment.
#[derive(Clone)]
struct FixedFeatures {
    version: u64,
    as_of: Timestamp,
    plan: Arc<Plan>,
    n_left_out: usize,
}

impl Clone for FixedFor {
    /// A copy starts empty: it can be computed again.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Everybody's columns, and how many attributes have none.
pub(super) struct ComputedColumns {
    plan: Arc<Plan>,
    computed: Vec<Computed>,
    n_left_out: usize,
}

impl ComputedColumns {
    /// The features that always give these columns.
    fn into_features(self) -> Vec<Feature> {
        self.computed.into_iter().map(|column| column.into_feature(&self.plan)).collect()
    }
}

/// Everybody who has events up to a moment, in the order of the rows of a table.
pub(super) struct People {
    pub(super) ids: Vec<ProfileId>,
    signatures: Vec<u32>,
    /// Where the signatures of each row end.
    ends: Vec<u32>,
}

impl People {
    pub(super) fn signatures(&self, row: usize) -> impl Iterator<Item = u32> + Clone + '_ {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        self.signatures[start..self.ends[row] as usize].iter().copied()
    }
}

impl Profiles {
    /// Creates an empty store.
    ///
    /// # Errors
    /// [`Error::InvalidRule`] or [`Error::InvalidFeature`] if the rules or the features are not valid, for
    /// example for a limit of 0 or two features of one name.
    pub fn new(rules: Rules, features: FeatureSet) -> Result<Self> {
        Self::with_options(rules, features, StoreOptions::default())
    }

    /// Creates an empty store with options, see [`StoreOptions`].
    ///
    /// ```
    /// use personas::profiles::StoreOptions;
    /// use personas::{FeatureSet, Profiles, Rules};
    ///
    /// let options = StoreOptions { dedupe: true, retention_days: Some(400.0), ..StoreOptions::default() };
    /// let people = Profiles::with_options(Rules::default(), FeatureSet::retail(), options)?;
    /// assert_eq!(people.n_profiles(), 0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profiles::new`]; [`Error::OptionsExclude`] for `max_log` together with `dedupe` or
    /// `retention_days`: what a summary has added up cannot be removed; [`Error::InvalidParameter`] for `retention_days` out of its range;
    /// [`Error::InvalidRule`] for a kept property that begins with `@` and is not one of
    /// [local time](crate::features#local-time); [`Error::InvalidFeature`] for `max_log` and a feature
    /// whose columns or types depend on everybody's events: [`Profiles::freeze`] a store with whole
    /// logs, and use its [`Profiles::feature_set`].
    pub fn with_options(rules: Rules, features: FeatureSet, options: StoreOptions) -> Result<Self> {
        features.check()?;
        options.check()?;
        if options.max_log.is_some()
            && let Some(feature) = features.iter().find(|feature| feature.is_open())
        {
            return Err(Error::InvalidFeature {
                feature: feature.name().to_owned(),
                reason: "its columns depend on everybody's events, which a limited log drops"
                    .into(),
            });
        }
        for property in &options.keep {
            let exists = features::Condition::Exists;
            features::EventFilter::default().when(property.clone(), exists).check()?;
        }
        let histories = Histories::new(&features, &options.keep, options.max_log);
        let mut people = Self {
            graph: IdentityGraph::new(rules)?,
            features,
            messages: options.dedupe.then(|| Messages::new(options.retention_days.is_some())),
            options,
            histories,
            plan: None,
            version: 0,
            newest: OnceLock::from(None),
            doubtful: Vec::new(),
            absorbed: BTreeSet::new(),
            trail: Trail::default(),
            journal: None,
            fixed_for: FixedFor::default(),
        };
        if let Some(max) = people.options.changes {
            people.journal = Some(Journal::new(max));
            people.graph.track();
            people.histories.track();
        }
        people.bind();
        Ok(people)
    }

    /// Binds the features if they are fixed.
    pub(super) fn bind(&mut self) {
        self.plan = self.features.is_fixed().then(|| {
            let features = self.features.iter().cloned().collect();
            Arc::new(Plan::new(features, &self.histories))
        });
    }

    /// Returns the table of everybody's features as of a moment: one row per person with events by
    /// then. Later events do not count; who is who is decided by all evidence. Rows are in order of
    /// the first event, then of the id; ids are those of [`Profiles::identity`].
    ///
    /// Some columns depend on everybody's events, such as the eight largest categories, or whether
    /// an attribute is a number; [`Profiles::freeze`] keeps them from changing.
    ///
    /// Cost: one pass over all stored events; without logs, over the summaries.
    ///
    /// # Errors
    /// [`Error::AsOfTooEarly`] if somebody's log [was cut](StoreOptions::max_log) and has later events, or
    /// for a moment before the horizon of [`Profiles::advance`].
    pub fn features(&self, as_of: Timestamp) -> Result<FeatureTable> {
        let people = self.people(as_of);
        let ComputedColumns { plan, computed, n_left_out } = self.columns(&people, as_of)?;
        let columns = computed.into_iter().map(|column| column.into_column(&plan)).collect();
        Ok(FeatureTable::of_columns(people.ids, as_of, columns, n_left_out))
    }

    /// Everybody's columns.
    pub(super) fn columns<'h>(
        &'h self,
        people: &People,
        as_of: Timestamp,
    ) -> Result<ComputedColumns> {
        if let Some(earliest) = self.horizon().filter(|horizon| as_of < *horizon) {
            return Err(Error::AsOfTooEarly { as_of, earliest });
        }
        let (plan, n_left_out) = match &self.plan {
            Some(plan) => (Arc::clone(plan), 0),
            None => {
                let all = (0..people.ids.len()).map(|row| {
                    let mut person = PersonEvents { log: Vec::new(), summary: None };
                    self.events(people.signatures(row), as_of, &mut person).map(|()| person)
                });
                let all = all.collect::<Result<Vec<_>>>()?;
                let (fixed, n_left_out) =
                    features::fixed(&self.features, &all, &self.histories, as_of);
                (Arc::new(Plan::new(fixed, &self.histories)), n_left_out)
            }
        };
        let events = |row: usize, person: &mut PersonEvents<'h>| {
            self.events(people.signatures(row), as_of, person)
        };
        let prefetch = |row: usize| {
            if row < people.ids.len() {
                people.signatures(row).take(2).for_each(|sig| self.histories.prefetch(sig));
            }
        };
        let (n, dictionary) = (people.ids.len(), &self.histories.dictionary);
        let computed = features::columns(&plan, n, events, prefetch, as_of, dictionary)?;
        Ok(ComputedColumns { plan, computed, n_left_out })
    }

    /// The features as they are fixed for a moment, bound, and how many attributes have no column.
    pub(super) fn plan_for(&self, as_of: Timestamp) -> Result<(Arc<Plan>, usize)> {
        if let Some(plan) = &self.plan {
            return Ok((Arc::clone(plan), 0));
        }
        let is_current =
            |fixed: &&FixedFeatures| (fixed.version, fixed.as_of) == (self.version, as_of);
        {
            let known = self.fixed_for.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(fixed) = known.as_ref().filter(is_current) {
                return Ok((Arc::clone(&fixed.plan), fixed.n_left_out));
            }
        }
        let columns = self.columns(&self.people(as_of), as_of)?;
        let n_left_out = columns.n_left_out;
        let plan = Arc::new(Plan::new(columns.into_features(), &self.histories));
        let fixed =
            FixedFeatures { version: self.version, as_of, plan: Arc::clone(&plan), n_left_out };
        *self.fixed_for.0.write().unwrap_or_else(PoisonError::into_inner) = Some(fixed);
        Ok((plan, n_left_out))
    }

    /// Fixes the columns and their types to those that [`Profiles::features`] returns now as of a
    /// moment. Call it when a model is fitted, so that every later table fits the model. From then on
    /// one person's features depend on that person's events only.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let (may, june) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2017-06-01")?);
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", may).id("card", "1"))?;
    /// people.freeze(may)?;
    /// people.observe(&Event::new("call", june).id("card", "1"))?;
    /// let table = people.features(june)?;
    /// assert!(table.column("number of visit").is_some());
    /// assert!(table.column("number of call").is_none());
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profiles::features`].
    pub fn freeze(&mut self, as_of: Timestamp) -> Result<()> {
        let columns = self.columns(&self.people(as_of), as_of)?;
        self.features = columns.into_features().into_iter().collect();
        self.histories.pin(&self.features);
        if let Some(journal) = &mut self.journal {
            journal.begin_again();
        }
        self.trail.begin_again();
        self.version += 1;
        self.bind();
        Ok(())
    }

    /// Returns the features of the store. After [`Profiles::freeze`] these are the fixed ones.
    pub fn feature_set(&self) -> &FeatureSet {
        &self.features
    }

    /// Everybody who has events by then.
    pub(super) fn people(&self, as_of: Timestamp) -> People {
        let first = |signature| self.histories.span(signature).map(|(first, _)| first);
        let has_events = |signature| first(signature).is_some_and(|first| first <= as_of);
        let attribution = self.graph.attribution(has_events);
        let keys = parallel::map_chunks(attribution.len(), 50, |range| {
            let key = |place: usize| {
                let firsts = attribution.signatures(place).iter().filter_map(|&sig| first(sig));
                (firsts.min().unwrap_or(as_of), place as u32)
            };
            let id = |place: usize| self.graph.id_of_node(attribution.name(place));
            (range.clone().map(key).collect::<Vec<_>>(), range.map(id).collect::<Vec<_>>())
        });
        let (keys, ids): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        let (mut keys, ids) = (keys.concat(), ids.concat());
        // No two profiles have one id.
        parallel::sort_by(&mut keys, |a, b| {
            a.0.cmp(&b.0).then_with(|| ids[a.1 as usize].cmp(&ids[b.1 as usize]))
        });
        let mut people = People {
            ids: keys.iter().map(|key| ids[key.1 as usize]).collect(),
            signatures: Vec::with_capacity(self.histories.len()),
            ends: Vec::with_capacity(keys.len()),
        };
        for (_, place) in keys {
            people.signatures.extend_from_slice(attribution.signatures(place as usize));
            people.ends.push(people.signatures.len() as u32);
        }
        people
    }

    /// The events of some signatures up to a moment.
    pub(super) fn events<'h>(
        &'h self,
        signatures: impl Iterator<Item = u32> + Clone,
        as_of: Timestamp,
        person: &mut PersonEvents<'h>,
    ) -> Result<()> {
        person.summary = self.histories.events(signatures, as_of, &mut person.log);
        match person.newest_in_summary().max(self.horizon()) {
            Some(earliest) if earliest > as_of => Err(Error::AsOfTooEarly { as_of, earliest }),
            _ => Ok(()),
        }
    }

    /// The signatures that have events and belong to somebody.
    pub(super) fn attributed(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.histories.len() as u32).filter(|&signature| {
            self.histories.n_events(signature) > 0
                && self.graph.name_of_signature(signature).is_some()
        })
    }

    /// Returns the identity graph: [`explain`](IdentityGraph::explain), [`is_forgotten`](IdentityGraph::is_forgotten),
    /// [`health`](IdentityGraph::health), [`diff`](IdentityGraph::diff), dry runs of forgetting.
    ///
    /// ```
    /// use personas::identity::Explanation;
    /// use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("login", at).id("cookie", "c1").id("card", "4711"))?;
    /// let (card, cookie) = (Identifier::new("card", "4711"), Identifier::new("cookie", "c1"));
    /// let why = people.identity().explain(&card, &cookie);
    /// assert!(matches!(why, Explanation::Joined(chain) if chain.len() == 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn identity(&self) -> &IdentityGraph {
        &self.graph
    }

    /// Returns the number of profiles, also of those without stored events. A few look-ups, unless a
    /// change has left components undecided.
    pub fn n_profiles(&self) -> usize {
        self.graph.n_profiles()
    }

    /// Returns the number of events that belong to nobody so far; later events can still tell whose
    /// they are. Reads all histories.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// // A placeholder is nobody.
    /// people.observe(&Event::new("visit", Timestamp::parse("2024-05-01")?).id("user", "null"))?;
    /// assert_eq!((people.n_profiles(), people.n_unattributed()), (0, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn n_unattributed(&self) -> usize {
        let n = |signature| self.histories.n_events(signature);
        let all: usize = (0..self.histories.len() as u32).map(n).sum();
        all - self.attributed().map(n).sum::<usize>()
    }

    /// Returns the bytes that the store holds, by what they are for. Reads all logs.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", Timestamp::parse("2017-03-01")?).id("card", "1"))?;
    /// let memory = people.memory();
    /// assert!(memory.identifiers > 0 && memory.events > 0);
    /// assert_eq!((memory.message_ids, memory.marks), (0, 0));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn memory(&self) -> Memory {
        let (events, texts) = self.histories.bytes();
        let message_ids = self.messages.as_ref().map_or(0, Messages::bytes);
        let changes = self.journal.as_ref().map_or(0, Journal::bytes) + self.trail.bytes();
        Memory { events, texts, message_ids, changes, ..self.graph.memory() }
    }

    /// Makes room for the events of new signatures.
    pub(super) fn resize(&mut self) {
        let (old, new) = (self.histories.len() as u32, self.graph.n_signatures() as u32);
        self.doubtful.extend((old..new).filter(|&sig| !self.graph.is_always_attributed(sig)));
        self.histories.resize(new as usize);
    }

    /// Records that events were added to signatures.
    pub(super) fn added(&mut self, signature: u32, at: Timestamp) {
        if let Some(journal) = &mut self.journal {
            journal.saw(at);
        }
        if let Some(newest) = self.newest.get_mut()
            && *newest < Some(at)
            && self.doubtful.binary_search(&signature).is_err()
        {
            *newest = Some(at);
        }
    }
}

impl fmt::Debug for Profiles {
    /// Numbers only: a log line must not name anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |signature| self.histories.n_events(signature);
        let n_events: usize = (0..self.histories.len() as u32).map(n).sum();
        f.debug_struct("Profiles")
            .field("n_profiles", &self.n_profiles())
            .field("n_events", &n_events)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl PartialEq for Profiles {
    /// The same evidence, and the same stored events and texts of every signature.
    fn eq(&self, other: &Self) -> bool {
        let messages = |people: &Self| people.messages.iter().flat_map(Messages::aside).count();
        self.graph == other.graph
            && self.features == other.features
            && self.histories.dump() == other.histories.dump()
            && messages(self) == messages(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    pub(super) fn people() -> Profiles {
        let mut people = Profiles::with_options(
            Rules::default(),
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap();
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
            Event::new("new", at(2)).id("email", "x".repeat(2000)),
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
            let mut people = Profiles::with_options(
                Rules::default(),
                FeatureSet::retail(),
                StoreOptions { dedupe: true, ..StoreOptions::default() },
            )
            .unwrap();
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
        let mut people = Profiles::with_options(
            Rules::default(),
            FeatureSet::default(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap();
        assert_eq!(people.extend(&events).accepted, 20_000);
        assert_eq!(people.extend(events.iter().rev()).duplicates, 20_000);
        assert_eq!(people.get(("card", "1")).map(|ann| ann.n_events), Some(20_000));
    }

    #[test]
    fn an_empty_message_id_is_no_id() {
        let mut people = Profiles::with_options(
            Rules::default(),
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap();
        let event = Event::new("visit", at(1)).id("card", "1").message_id(" ");
        assert_eq!(people.extend([&event, &event]).accepted, 2);
    }

    #[test]
    fn a_debug_print_names_nobody() {
        assert_eq!(format!("{:?}", people()), "Profiles { n_profiles: 1, n_events: 1, .. }");
        let profiles = people();
        let ann = profiles.get(("card", "1"));
        assert!(!format!("{ann:?}").contains("card"));
    }
}
