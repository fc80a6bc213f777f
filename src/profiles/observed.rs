//! What events did: whose they are, which profiles became one by them, and which features changed.
//!
//! The profiles of the events' identifiers are looked up before and after the events. A profile was
//! merged if the id that it had before leads to the profile of an event now.
//!
//! Cost: one look-up per identifier; with features, the events of the person twice.

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::profile::Profile;
use super::store::Profiles;
use crate::event::{IngestReport, Observations};
use crate::features::{NONE, Values};
use crate::identity::IdentityGraph;
use crate::{Error, FeatureTable, ProfileId, Result, Timestamp};

/// What one event did; [`Profiles::observe`](crate::Profiles::observe) and
/// [`Profiles::observe_as_of`](crate::Profiles::observe_as_of) return it.
///
/// ```
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = Timestamp::parse("2017-03-01")?;
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// let visit = people.observe(&Event::new("visit", at).id("cookie", "c1"))?;
/// assert!(visit.created);
/// let order = Event::new("purchase", at).id("user_id", "7").property("amount", "12,50");
/// let order = people.observe(&order)?;
/// assert_eq!(order.report.unread[0].what, "amount"); // a text is not an amount
///
/// // The login tells that the two are one person.
/// let login = people.observe(&Event::new("login", at).id("cookie", "c1").id("user_id", "7"))?;
/// assert_eq!(login.profile, order.profile);
/// assert_eq!(login.merged, Vec::from_iter(visit.profile));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observed {
    /// The profile that the event belongs to; `None` if it is about somebody who was forgotten, or if
    /// it belongs to nobody so far.
    pub profile: Option<ProfileId>,
    /// Whether the profile is new: before the event, none of the event's identifiers led to it or to a profile
    /// that it took over.
    pub created: bool,
    /// Ids that the event's identifiers led to before and that lead to `profile` now, ascending. Includes the
    /// profile's own old id if it got a stronger identifier.
    pub merged: Vec<ProfileId>,
    /// The report of the event as a batch of one: whether it is a duplicate, how many identifiers were
    /// left out, which values were not read.
    pub report: IngestReport,
    /// The person's features before the event, a table of one row, if
    /// [`observe_as_of`](crate::Profiles::observe_as_of) was called. It is the row of the profile whose id is
    /// `profile` now or, if there was none, of the smallest id in `merged`. It has no row if the person is new,
    /// or had no events by that moment.
    #[serde(default)]
    pub before: Option<FeatureTable>,
    /// The person's row of features now, if it was asked for and the event belongs to a profile. In a store with
    /// [limited logs](crate::profiles::StoreOptions::max_log) it is missing, as `before` is, if an alias made somebody part of the person
    /// whose events are later than the moment.
    #[serde(default)]
    pub after: Option<FeatureTable>,
    /// The columns in which `after` differs from `before`, in their order.
    #[serde(default)]
    pub changed: Vec<String>,
}

/// An identifier that was in a profile before an event: the row of the event, the node, and the node that
/// named the profile.
#[derive(Clone, Copy)]
struct Led {
    row: u32,
    node: u32,
    name: u32,
}

/// The profiles that the identifiers of a batch led to before it.
#[derive(Default)]
pub(super) struct Before(Vec<Led>);

impl Before {
    pub(super) fn of(batch: &Observations<'_>, graph: &IdentityGraph) -> Self {
        let mut led = Vec::with_capacity(batch.all_identifiers().len());
        let mut row = 0;
        graph.find_each(batch.all_identifiers(), |place, node| {
            while batch.ends()[row] as usize <= place {
                row += 1;
            }
            led.push(Led { row: row as u32, node, name: graph.name_of(node) });
        });
        Self(led)
    }

    /// Says what became of the profiles, now that the event belongs to the profile of `name`.
    pub(super) fn compare(&self, name: u32, graph: &IdentityGraph, observed: &mut Observed) {
        let leads_here = |node: u32| graph.name_of(node) == name;
        observed.profile = Some(graph.id_of_node(name));
        let merged = self.0.iter().map(|led| led.name);
        observed.merged = merged
            .filter(|&old| old != name && leads_here(old))
            .map(|old| graph.id_of_node(old))
            .collect();
        observed.merged.sort_unstable();
        observed.merged.dedup();
        observed.created = !self.0.iter().any(|led| leads_here(led.node));
    }

    /// The rows of the profiles, each with its id.
    pub(super) fn rows(
        &self,
        people: &Profiles,
        as_of: Timestamp,
    ) -> Result<Vec<(ProfileId, FeatureTable)>> {
        let mut names: Vec<u32> = self.0.iter().map(|led| led.name).collect();
        names.sort_unstable();
        names.dedup();
        let row = |name| {
            let person = Profile::new(people, name);
            // What a limited log could not answer afterwards is refused before anything changes.
            match person.last_seen.filter(|_| people.options.max_log.is_some()) {
                Some(earliest) if earliest > as_of => Err(Error::AsOfTooEarly { as_of, earliest }),
                _ => Ok((person.id, person.features(as_of)?)),
            }
        };
        names.into_iter().map(row).collect()
    }
}

/// Counts what batches did to profiles: those from their signatures, which begin at these positions.
pub(super) fn count(
    batches: &[(usize, &Before, &[u32])],
    graph: &IdentityGraph,
    report: &mut IngestReport,
) {
    let led = batches.iter().flat_map(|(_, before, _)| &before.0);
    let known: HashSet<u32> = led.map(|led| graph.name_of(led.node)).collect();
    let (mut here, mut moved) = (HashSet::new(), HashSet::new());
    for (start, _, signatures) in batches {
        for (row, &signature) in signatures.iter().enumerate().filter(|(_, sig)| **sig != NONE) {
            let Some(name) = graph.name_of_signature(signature) else { continue };
            if here.insert(name) && !known.contains(&name) {
                report.created(start + row);
            }
        }
    }
    for (start, before, _) in batches {
        for led in &before.0 {
            let now = graph.name_of(led.name);
            if now != led.name && here.contains(&now) && moved.insert(led.name) {
                report.merged(start + led.row as usize);
            }
        }
    }
}

impl Observed {
    /// Adds what became of the person's features.
    pub(super) fn compare_rows(
        &mut self,
        rows: Vec<(ProfileId, FeatureTable)>,
        after: FeatureTable,
    ) {
        let own = rows.iter().position(|(id, _)| Some(*id) == self.profile);
        let own = own.or_else(|| rows.iter().position(|(id, _)| self.merged.first() == Some(id)));
        let before = match own.and_then(|own| rows.into_iter().nth(own)) {
            Some((_, before)) => before,
            None => after.without_rows(),
        };
        let is_new = |name: &str, now: &Values| {
            let old = before.column(name).map(|column| &column.values);
            old.is_none_or(|old| !same_value(old, now))
        };
        let changed = after.columns().iter().filter(|column| is_new(&column.name, &column.values));
        self.changed = changed.map(|column| column.name.clone()).collect();
        (self.before, self.after) = (Some(before), Some(after));
    }
}

/// Whether two columns of at most one row hold the same value; without a row it is missing.
fn same_value(a: &Values, b: &Values) -> bool {
    match (a, b) {
        (Values::Numeric(a), Values::Numeric(b)) => {
            let bits = |values: &[Option<f64>]| values.first().copied().flatten().map(f64::to_bits);
            bits(a) == bits(b)
        }
        (Values::Categorical(a), Values::Categorical(b)) => {
            a.first().and_then(Option::as_ref) == b.first().and_then(Option::as_ref)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::features::Values;
    use crate::profiles::StoreOptions;
    use crate::{
        Error, Event, FeatureSet, FeatureTable, Identifier, ProfileId, Profiles, Rules, Timestamp,
    };

    fn people() -> Profiles {
        let rules = Rules::default().key([3; 16]);
        Profiles::with_options(
            rules,
            FeatureSet::retail(),
            StoreOptions { dedupe: true, changes: Some(9), ..StoreOptions::default() },
        )
        .unwrap()
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + minute * 60_000)
    }

    const KINDS: [&str; 3] = ["user_id", "email", "cookie"];

    type Ids = Vec<(usize, u8, u8)>;

    fn event_of(ids: &Ids, minute: i64) -> Event<'static> {
        let event = Event::new("purchase", at(minute)).property("amount", minute as f64);
        ids.iter().fold(event, |event, &(kind, value, claimed)| {
            let (kind, value) = (KINDS[kind], format!("v{value}"));
            if claimed == 0 { event.claimed_id(kind, value) } else { event.id(kind, value) }
        })
    }

    fn some_ids() -> impl Strategy<Value = Ids> {
        prop::collection::vec((0usize..3, 0u8..4, 0u8..4), 1..4)
    }

    /// The value of a column in words, if there is a row.
    fn cell(table: &FeatureTable, column: usize) -> Option<String> {
        match &table.columns()[column].values {
            Values::Numeric(values) => values.first()?.map(|value| format!("{value:?}")),
            Values::Categorical(values) => values.first()?.clone(),
        }
    }

    fn visit() -> Event<'static> {
        Event::new("visit", Timestamp::from_millis(1_500_000_000_000))
    }

    #[test]
    fn duplicates_and_forgotten_people_and_left_out_identifiers_are_told() {
        let mut people = people();
        let event = visit().id("card", "1").id("card", "x".repeat(5000)).message_id("m");
        let first = people.observe(&event).unwrap();
        assert_eq!((first.report.accepted, first.report.bad_identifiers), (1, 1));
        let again = people.observe(&event).unwrap();
        assert_eq!((again.report.accepted, again.report.duplicates), (0, 1));
        assert_eq!((again.profile, again.created), (first.profile, false));
        people.forget(("card", "1")).unwrap();
        let suppressed = people.observe(&event).unwrap();
        assert_eq!((suppressed.profile, suppressed.report.suppressed), (None, 1));
        let nobody = people.observe(&visit().id("cookie", "null").id("cookie", "undefined"));
        assert!(nobody.is_ok_and(|nobody| nobody.profile.is_none() && !nobody.created));
    }

    #[test]
    fn a_long_batch_counts_who_is_new_and_who_was_merged_at_the_rows_of_single_events() {
        // Cookies that are known from before and log in, known ones that do not, and new ones.
        let events: Vec<Event<'_>> = (0..90)
            .map(|i: usize| {
                let event = visit().id("cookie", format!("c{i}"));
                if i % 7 == 3 { event.id("user_id", format!("u{i}")) } else { event }
            })
            .collect();
        let known = |i: &usize| (30..70).contains(i);
        let (mut batch, mut single) = (people(), people());
        for i in (0..90).filter(known) {
            let event = visit().id("cookie", format!("c{i}"));
            batch.observe(&event).unwrap();
            single.observe(&event).unwrap();
        }
        let report = batch.extend(&events);
        let (mut created, mut merged) = (Vec::new(), Vec::new());
        for (row, event) in events.iter().enumerate() {
            let observed = single.observe(event).unwrap();
            created.extend(observed.created.then_some(row));
            merged.extend((!observed.merged.is_empty()).then_some(row));
        }
        assert_eq!((report.created, &report.created_at[..]), (created.len(), &created[..3]));
        assert_eq!((report.merged, &report.merged_at[..]), (merged.len(), &merged[..3]));
        assert_eq!((created.len(), merged[0]), (50, 31));
    }

    #[test]
    fn a_manual_link_has_made_the_profile_before_the_first_event() {
        let mut people = people();
        let (card, cookie) = (Identifier::new("card", "1"), Identifier::new("cookie", "c"));
        people.must_link(&card, &cookie).unwrap();
        let linked = people.identity().get(("card", "1"));
        let first = people.observe(&visit().id("card", "1")).unwrap();
        let second = people.observe(&visit().id("cookie", "c")).unwrap();
        assert_eq!((first.created, second.created), (false, false));
        assert_eq!((first.profile, second.profile), (linked, linked));
    }

    #[test]
    fn copies_that_differ_are_told_apart_from_those_sent_again() {
        let mut people = people();
        let event = |page: i64| visit().id("card", "1").message_id("m").property("amount", page);
        let report = people.extend(&[event(2), event(2), event(3), event(1), event(3)]);
        assert_eq!((report.accepted, report.duplicates, report.differing), (1, 4, 2));
        assert!(report.to_string().contains("4 duplicates, 2 of them unlike the others, "));
        assert_eq!(people.observe(&event(3)).unwrap().report.differing, 0);
        assert_eq!(people.observe(&event(4)).unwrap().report.differing, 1);
    }

    #[test]
    fn what_a_limited_log_could_not_tell_afterwards_is_refused_before() {
        let options = StoreOptions { max_log: Some(0), ..StoreOptions::default() };
        let features = FeatureSet::default()
            .with(crate::features::Feature::new("n", crate::features::Measure::Count));
        let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
        people.observe(&event_of(&vec![(0, 1, 1)], 5)).unwrap();
        let hash = people.state_hash();
        for (minute, as_of) in [(3, 4), (7, 6)] {
            let observed = people.observe_as_of(&event_of(&vec![(0, 1, 1)], minute), at(as_of));
            assert!(matches!(observed, Err(Error::AsOfTooEarly { .. })));
            assert_eq!(people.state_hash(), hash);
        }
        let observed = people.observe_as_of(&event_of(&vec![(0, 1, 1)], 3), at(6)).unwrap();
        assert_eq!(observed.changed, ["n"]);
    }

    #[test]
    fn an_event_to_which_an_alias_adds_later_ones_is_stored_without_an_error() {
        let options = StoreOptions { max_log: Some(0), ..StoreOptions::default() };
        let features = FeatureSet::default()
            .with(crate::features::Feature::new("n", crate::features::Measure::Count));
        let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
        let alias = Event::new("alias", at(5)).id("user_id", "new").id("previous_id", "old");
        people.observe(&alias).unwrap();
        // Only by this event does the previous id become a user id, and the alias join the two.
        let visit = Event::new("visit", at(1)).id("user_id", "old");
        let observed = people.observe_as_of(&visit, at(2)).unwrap();
        assert_eq!((observed.report.accepted, &observed.after), (1, &None));
        assert_eq!(people.get(("user_id", "new")).unwrap().n_events, 2);
        let next = Event::new("visit", at(6)).id("user_id", "old");
        assert_eq!(people.observe_as_of(&next, at(7)).unwrap().changed, ["n"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn changed_features_are_those_in_which_the_rows_before_and_after_differ(
            steps in prop::collection::vec((some_ids(), 0i64..9), 1..16),
        ) {
            let mut people = people();
            people.freeze(at(9)).unwrap();
            for (ids, minute) in steps {
                let before = people.clone();
                let Ok(observed) = people.observe_as_of(&event_of(&ids, minute), at(6)) else { continue };
                let Some(profile) = observed.profile else {
                    prop_assert_eq!((observed.before, observed.after), (None, None));
                    continue;
                };
                let old = [profile].into_iter().chain(observed.merged.first().copied())
                    .find(|&id| before.identity().get(id) == Some(id)
                        && (id != profile || !observed.created));
                let row = |people: &Profiles, id: ProfileId| people.get(id).unwrap().features(at(6)).unwrap();
                let now = row(&people, profile);
                prop_assert_eq!(observed.after.as_ref(), Some(&now));
                let then = old.and_then(|id| before.get(id)).map(|old| old.features(at(6)).unwrap());
                let told = observed.before.unwrap();
                prop_assert_eq!(told.n_rows(), then.as_ref().map_or(0, FeatureTable::n_rows));
                let differs = |&i: &usize| {
                    then.as_ref().and_then(|then| cell(then, i)) != cell(&now, i)
                };
                let expected: Vec<&str> = (0..now.columns().len()).filter(differs)
                    .map(|i| now.columns()[i].name.as_str()).collect();
                prop_assert_eq!(observed.changed, expected);
            }
        }

        #[test]
        fn a_batch_counts_the_profiles_that_are_new_or_lead_elsewhere(
            batches in prop::collection::vec(prop::collection::vec(some_ids(), 1..6), 1..6),
        ) {
            let mut people = people();
            for batch in batches {
                let before = people.clone();
                let events: Vec<_> = batch.iter().map(|ids| event_of(ids, 0)).collect();
                let report = people.extend(&events);
                let has = |id: &ProfileId, known: &Profiles| people.identity().identifiers(*id).iter()
                    .any(|name| known.identity().get(name).is_some());
                let touched: BTreeSet<ProfileId> = events.iter()
                    .filter_map(|event| people.identity().profile_of(event).ok().flatten()).collect();
                let created = touched.iter().filter(|id| !has(id, &before)).count();
                prop_assert_eq!(report.created, created);
                prop_assert_eq!(report.created_at.len(), created.min(3));
                let asked: BTreeSet<ProfileId> = events.iter().filter(|event| people.identity().profile_of(event).is_ok())
                    .flat_map(|event| &event.identifiers)
                    .filter_map(|name| before.identity().get(name)).collect();
                let moved = asked.iter().filter(|&&id| people.identity().get(id)
                    .is_some_and(|now| now != id && touched.contains(&now))).count();
                prop_assert_eq!(report.merged, moved);
            }
        }

        #[test]
        fn what_an_event_did_is_the_difference_of_all_profiles_before_and_after(
            steps in prop::collection::vec((some_ids(), any::<bool>()), 1..20),
        ) {
            let mut people = people();
            for (identifiers, batch) in steps {
                let event = event_of(&identifiers, 0);
                let before: BTreeSet<ProfileId> = people.identity().profiles().into_iter().collect();
                let known: BTreeSet<(String, String)> = before.iter()
                    .flat_map(|&id| people.identity().identifiers(id))
                    .map(|id| (id.kind.into_owned(), id.value.into_owned())).collect();
                let asked: Vec<ProfileId> = event.identifiers.iter()
                    .filter_map(|id| people.identity().get(id)).collect();
                let mut other = people.clone();
                let Ok(observed) = people.observe(&event) else { continue };
                if batch {
                    prop_assert_eq!(&observed.report, &other.extend([&event]));
                }
                let profile = people.identity().profile_of(&event).unwrap();
                prop_assert_eq!(observed.profile, profile);
                let Some(profile) = profile else { continue };
                let is_known = people.identity().identifiers(profile).iter()
                    .any(|id| known.contains(&(id.kind.to_string(), id.value.to_string())));
                prop_assert_eq!(observed.created, !is_known);
                prop_assert_eq!(observed.report.created, usize::from(observed.created));
                prop_assert_eq!(observed.report.merged, observed.merged.len());
                let merged: BTreeSet<ProfileId> = asked.into_iter()
                    .filter(|&old| old != profile && people.identity().get(old) == Some(profile)).collect();
                prop_assert_eq!(observed.merged, Vec::from_iter(merged));
            }
        }
    }
}
