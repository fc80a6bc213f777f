//! Changes of profiles since a cursor, for services that pull them.
//!
//! What changed is found when somebody asks: identity and histories record where they were touched, and
//! the profiles there are compared with those that were told before.
//!
//! As long as no rule may part its members, a component is one profile, and it can only grow: then its members are not
//! gone through. One that was not looked at follows the node that named its profile when it was.
//!
//! Cost: what was touched since the last question; of components that are contested or were taken apart, all members.

use hashbrown::HashSet;

use super::journal::{Change, Changes, Journal};
use super::store::Profiles;
use crate::features::NONE;
use crate::{Error, IdentityGraph, ProfileId, Result};

/// Touches that are kept before they are looked through.
const MANY: usize = 1 << 16;

impl Profiles {
    /// Returns up to `limit` profiles that changed since a cursor, the oldest change first, each with its
    /// latest change only. Begin with cursor 0, and continue with the cursor of the last page.
    ///
    /// A cursor belongs to one store in one process. One of another store, or of before a restart, is
    /// [`Error::ChangesLost`], unless this store told the very same changes up to it. Cursors are opaque.
    ///
    /// Cost: proportional to what was touched since the last call. Of a group of linked identifiers in which a limit or a
    /// manual link may part somebody, all identifiers are gone through, and of one in which something was forgotten or
    /// became shared.
    ///
    /// # Errors
    /// [`Error::OptionNotSet`] if the store does not keep
    /// [changes](crate::profiles::StoreOptions::changes); [`Error::InvalidParameter`] for a limit of 0; [`Error::ChangesLost`] if
    /// changes since the cursor are no longer kept, if it is not a cursor of this store, or if the columns were
    /// [frozen](Profiles::freeze) since: read everybody, and go on from the cursor of the error.
    ///
    /// ```
    /// use personas::profiles::{Change, StoreOptions};
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let options = StoreOptions { changes: Some(10_000), ..StoreOptions::default() };
    /// let mut people = Profiles::with_options(Rules::default(), FeatureSet::retail(), options)?;
    /// people.observe(&Event::new("visit", at).id("cookie", "c1"))?;
    /// let first = people.changes(0, 100)?;
    /// assert_eq!(first.profiles.len(), 1);
    ///
    /// people.observe(&Event::new("login", at).id("cookie", "c1").id("user_id", "7"))?;
    /// let next = people.changes(first.cursor, 100)?;
    /// let user = people.get(("user_id", "7")).map(|user| user.id);
    /// for (id, change) in &next.profiles {
    ///     match change {
    ///         Change::Changed => assert_eq!(Some(*id), user),
    ///         Change::Moved(to) => assert_eq!(Some(*to), user), // the cookie's profile
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(next.profiles.len(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn changes(&mut self, since: u64, limit: usize) -> Result<Changes> {
        self.look_for_changes();
        if limit == 0 {
            return Err(Error::parameter("limit", "at least 1", limit));
        }
        let Some(journal) = &self.journal else {
            return Err(Error::OptionNotSet { option: "changes" });
        };
        let mut page = journal.page(since, limit)?;
        for (id, change) in page.profiles.iter_mut().filter(|told| told.1 != Change::Changed) {
            // Where it moved to can have moved on, or be gone.
            *change = match self.get(*id) {
                Some(person) if person.id != *id => Change::Moved(person.id),
                _ => Change::Gone,
            };
        }
        Ok(page)
    }

    /// Looks for changes if much was touched since the last time.
    pub(super) fn look_for_many_changes(&mut self) {
        if self.histories.n_touched() + self.graph.n_touched() > MANY {
            self.look_for_changes();
        }
    }

    /// Compares the profiles that were touched with those that were told.
    pub(super) fn look_for_changes(&mut self) {
        let Some(mut journal) = self.journal.take() else { return };
        let ChangedNames { changed, with_events, gone: mut changes } =
            self.changed_names(&mut journal);
        let is_known = |name: &u32| with_events.binary_search(name).is_ok();
        let others = changed.into_iter().filter(|name| !is_known(name));
        changes.extend(others.map(|name| (self.graph.id_of_node(name), self.change_of(name))));
        let ids = self.graph.ids_of_nodes(&with_events);
        changes.extend(ids.map(|id| (id, Change::Changed)));
        // Of one id the change of a profile that is there counts.
        changes.sort_by_key(|change| change.0);
        if !changes.is_empty() {
            journal.looked(self.trail.last());
        }
        for same in changes.chunk_by(|a, b| a.0 == b.0) {
            same.last().into_iter().for_each(|&(id, change)| journal.add(id, change));
        }
        self.journal = Some(journal);
    }

    /// What became of a profile that a node names or named.
    fn change_of(&self, name: u32) -> Change {
        if !self.graph.is_in_profile(name) {
            return Change::Gone;
        }
        match self.graph.name_of(name) {
            now if now != name => Change::Moved(self.graph.id_of_node(now)),
            _ if self.graph.has_observations(name) => Change::Changed,
            _ => Change::Gone,
        }
    }

    fn changed_names(&mut self, journal: &mut Journal) -> ChangedNames {
        let touched = self.graph.take_touched();
        let events = self.histories.take_touched();
        let graph = &self.graph;
        let n_signatures = graph.n_signatures() as u32;
        let new_signatures = journal.n_signatures..n_signatures;
        let new = graph.nodes_of(new_signatures.clone());
        journal.n_signatures = n_signatures;
        journal.resize(graph.n_nodes());
        let mut names = ChangedNames::default();
        let removed: HashSet<u32> = touched.removed.iter().map(|removed| removed.0).collect();
        let everybody = if touched.all { 0..graph.n_nodes() as u32 } else { 0..0 };
        let rejoined = everybody.chain(touched.rejoined).map(|node| (node, true));
        let nodes = rejoined.chain(touched.nodes.into_iter().chain(new).map(|node| (node, false)));
        let (mut seen, mut looked_at): (HashSet<u32>, _) = (HashSet::new(), Vec::new());
        for (node, is_rejoined) in nodes.filter(|(node, _)| !removed.contains(node)) {
            if is_rejoined || graph.is_contested(node) {
                let members = unseen_component(graph, node, &mut seen).into_iter().flatten();
                looked_at.extend(members.map(|member| (member, is_rejoined)));
            } else if seen.insert(node) {
                looked_at.push((node, false));
            }
        }
        // What was told is read for all before it is written for one.
        let told: Vec<u32> = looked_at.iter().map(|&(node, _)| journal.told_of(node)).collect();
        for (node, id) in touched.removed {
            if journal.remove(node) {
                names.gone.push((id, Change::Gone));
            }
        }
        let name = |node| if graph.is_in_profile(node) { graph.name_of(node) } else { NONE };
        for ((node, is_rejoined), before) in looked_at.into_iter().zip(told) {
            let now = name(node);
            journal.tell(node, now);
            if is_rejoined || before != now {
                names.changed.extend([before, now]);
            }
            // Those who were not looked at follow the one that named them.
            if before != NONE && before != now && !removed.contains(&before) {
                let heir = name(before);
                if journal.tell(before, heir) {
                    names.changed.push(heir);
                }
            }
        }
        let mut signatures: Vec<u32> = events.into_iter().chain(new_signatures).collect();
        // In order, so that memory is read from front to back.
        signatures.sort_unstable();
        signatures.dedup();
        names.with_events.extend(graph.names_of_signatures(&signatures));
        for names in [&mut names.changed, &mut names.with_events] {
            names.retain(|node| *node != NONE && !removed.contains(node));
            names.sort_unstable();
            names.dedup();
        }
        names
    }

    /// Follows nodes to their new numbers; changes were looked for just before.
    pub(super) fn renumber_journal(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        self.graph.track();
        let name =
            |node| if self.graph.is_in_profile(node) { self.graph.name_of(node) } else { NONE };
        journal.tell_all((0..self.graph.n_nodes() as u32).map(name));
        journal.n_signatures = self.graph.n_signatures() as u32;
    }
}

/// The members of a node's component, once for all of them.
fn unseen_component(graph: &IdentityGraph, node: u32, seen: &mut HashSet<u32>) -> Option<Vec<u32>> {
    if seen.contains(&node) {
        return None;
    }
    let members = graph.component_of(node);
    seen.extend(&members);
    Some(members)
}

/// Nodes that name or named a profile that changed, and the ids of removed ones.
#[derive(Default)]
struct ChangedNames {
    changed: Vec<u32>,
    /// Nodes that name a profile with a new event.
    with_events: Vec<u32>,
    gone: Vec<(ProfileId, Change)>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, FeatureTable, Identifier, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people(max: usize) -> Profiles {
        let rules = Rules::default().limit("email", 2).hub("cookie", 2, "user_id").weak("device");
        let options = StoreOptions { dedupe: true, changes: Some(max), ..StoreOptions::default() };
        let mut people = Profiles::with_options(rules, FeatureSet::retail(), options).unwrap();
        people.freeze(at(0)).unwrap();
        people
    }

    /// What a service would copy of a profile.
    type Row = (Vec<String>, FeatureTable);

    fn row(people: &Profiles, id: ProfileId) -> Option<Row> {
        let person = people.get(id).filter(|person| person.id == id)?;
        let identifiers = person.identifiers().iter().map(|id| format!("{id:?}")).collect();
        Some((identifiers, person.features(at(99)).unwrap()))
    }

    fn everybody(people: &Profiles) -> BTreeMap<ProfileId, Row> {
        let ids = people.identity().profiles().into_iter();
        ids.filter_map(|id| Some((id, row(people, id)?))).collect()
    }

    /// Follows a store as a service would; pages are small.
    fn follow(people: &mut Profiles, copy: &mut BTreeMap<ProfileId, Row>, cursor: &mut u64) {
        loop {
            let page = match people.changes(*cursor, 2) {
                Ok(page) => page,
                Err(Error::ChangesLost { cursor: now, .. }) => {
                    (*copy, *cursor) = (everybody(people), now);
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            for (id, change) in page.profiles {
                match change {
                    Change::Changed => {
                        let row = row(people, id).expect("it was told as there");
                        copy.insert(id, row);
                    }
                    Change::Moved(to) => {
                        assert!(people.get(id).is_some_and(|person| person.id == to));
                        copy.remove(&id);
                    }
                    Change::Gone => _ = copy.remove(&id),
                }
            }
            *cursor = page.cursor;
            if !page.has_more {
                return;
            }
        }
    }

    /// Kind, value, and whether it is only claimed.
    type Ids = Vec<(usize, u8, bool)>;

    #[derive(Debug, Clone)]
    enum Step {
        Event(Ids, i64, Option<u8>),
        Batch(Vec<(Ids, i64)>),
        Link(u8, (usize, u8), (usize, u8)),
        Forget(usize, u8),
        Allow(usize, u8),
        Merge(Ids),
        Renumber,
        Ask,
    }

    const KINDS: [&str; 5] = ["user_id", "email", "cookie", "device", "previous_id"];

    fn a_step() -> impl Strategy<Value = Step> {
        let one = || (0usize..5, 0u8..4);
        let ids = || prop::collection::vec((0usize..5, 0u8..4, prop::bool::weighted(0.2)), 1..4);
        prop_oneof![
            8 => (ids(), 0i64..6, prop::option::of(0u8..4)).prop_map(|(ids, day, message)| Step::Event(ids, day, message)),
            2 => prop::collection::vec((ids(), 0i64..6), 1..6).prop_map(Step::Batch),
            3 => (0u8..3, one(), one()).prop_map(|(what, a, b)| Step::Link(what, a, b)),
            2 => one().prop_map(|(kind, value)| Step::Forget(kind, value)),
            1 => one().prop_map(|(kind, value)| Step::Allow(kind, value)),
            1 => ids().prop_map(Step::Merge),
            1 => Just(Step::Renumber),
            4 => Just(Step::Ask),
        ]
    }

    fn event(ids: &[(usize, u8, bool)], day: i64) -> Event<'static> {
        let event = Event::new("purchase", at(day)).property("amount", day as f64 + 1.0);
        ids.iter().fold(event, |event, &(kind, value, claimed)| {
            let (kind, value) = (KINDS[kind], format!("v{value}"));
            if claimed { event.claimed_id(kind, value) } else { event.id(kind, value) }
        })
    }

    fn apply(people: &mut Profiles, step: &Step) {
        match step {
            Step::Event(ids, day, message) => {
                let mut event = event(ids, *day);
                event.message_id = message.map(|message| format!("m{message}").into());
                let _ = people.observe(&event);
            }
            Step::Batch(events) => {
                let events: Vec<_> = events.iter().map(|(ids, day)| event(ids, *day)).collect();
                people.extend(&events);
            }
            Step::Link(what, a, b) => {
                let id = |end: &(usize, u8)| Identifier::new(KINDS[end.0], format!("v{}", end.1));
                let _ = match what {
                    0 => people.must_link(&id(a), &id(b)),
                    1 => people.cannot_link(&id(a), &id(b)),
                    _ => people.unlink(&id(a), &id(b)),
                };
            }
            Step::Forget(kind, value) => {
                people.forget((KINDS[*kind], format!("v{value}"))).unwrap();
            }
            Step::Allow(kind, value) => _ = people.allow(KINDS[*kind], &format!("v{value}")),
            Step::Merge(ids) => {
                let mut shard = self::people(9);
                let _ = shard.observe(&event(ids, 3));
                people.merge(&shard).unwrap();
            }
            Step::Renumber => {
                people.look_for_changes();
                let numbers = people.graph.renumber().unwrap();
                people.renumber(&numbers);
            }
            Step::Ask => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_copy_that_follows_the_changes_has_the_answers_of_the_store(
            steps in prop::collection::vec(a_step(), 1..24),
            max in prop::sample::select(vec![1usize, 3, 1000]),
        ) {
            let mut people = people(max);
            let (mut copy, mut cursor) = (BTreeMap::new(), 0);
            for step in &steps {
                apply(&mut people, step);
                if matches!(step, Step::Ask) {
                    follow(&mut people, &mut copy, &mut cursor);
                    prop_assert!(copy == everybody(&people));
                }
            }
            follow(&mut people, &mut copy, &mut cursor);
            prop_assert!(copy == everybody(&people));
        }
    }

    #[test]
    fn a_cursor_of_another_store_or_of_before_a_restart_is_told_to_start_over() {
        let visit = |day: i64, card: &str| Event::new("visit", at(day)).id("card", card.to_owned());
        let told = |events: &[Event<'_>]| {
            let mut people = people(1000);
            people.extend(events);
            let cursor = people.changes(0, 99).unwrap().cursor;
            (people, cursor)
        };
        let is_lost = |people: &mut Profiles, cursor: u64| match people.changes(cursor, 9) {
            Err(Error::ChangesLost { cursor: now, .. }) => people.changes(now, 9).is_ok(),
            _ => false,
        };
        let (mut one, cursor) = told(&[visit(1, "1"), visit(2, "2")]);
        // The same, another profile, another event of the same profile.
        let (mut same, again) = told(&[visit(1, "1"), visit(2, "2")]);
        let (mut other, _) = told(&[visit(1, "1"), visit(2, "3")]);
        let (mut later, _) = told(&[visit(1, "1"), visit(3, "2")]);
        assert_eq!(cursor, again);
        assert!(same.changes(cursor, 9).is_ok());
        assert!(is_lost(&mut other, cursor) && is_lost(&mut later, cursor));
        let mut restored = people(1000);
        let pieces: Vec<_> = one.pieces(0, None).unwrap().collect();
        one.observe(&visit(4, "1")).unwrap();
        let cursor = one.changes(cursor, 9).unwrap().cursor;
        pieces.iter().for_each(|piece| assert!(restored.absorb(piece).unwrap()));
        restored.observe(&visit(5, "1")).unwrap();
        assert!(is_lost(&mut restored, cursor));
    }

    #[test]
    fn one_profile_that_changes_again_and_again_is_told_once_and_keeps_little() {
        let mut people = people(3);
        let event = |day: i64| Event::new("visit", at(day)).id("card", "1");
        for day in 0..99 {
            people.observe(&event(day)).unwrap();
            people.look_for_changes();
        }
        let page = people.changes(0, 9);
        assert!(matches!(page, Err(Error::ChangesLost { .. })));
        let Err(Error::ChangesLost { cursor, .. }) = page else { return };
        people.observe(&event(100)).unwrap();
        let page = people.changes(cursor, 9).unwrap();
        assert_eq!((page.profiles.len(), page.has_more), (1, false));
    }

    #[test]
    fn what_is_told_is_little_where_little_changed() {
        let mut people = people(1000);
        let visit = |card: &str| Event::new("visit", at(1)).id("card", card.to_owned());
        let events: Vec<Event<'_>> = (0..500).map(|i| visit(&i.to_string())).collect();
        people.extend(&events);
        let mut cursor = people.changes(0, 1000).unwrap().cursor;
        assert!(people.changes(cursor, 1).unwrap().profiles.is_empty());
        people.observe(&visit("7")).unwrap();
        let page = people.changes(cursor, 1000).unwrap();
        assert_eq!(page.profiles, [(people.get(("card", "7")).unwrap().id, Change::Changed)]);
        cursor = page.cursor;
        // A cursor of another store, and a store that keeps none.
        assert!(matches!(people.changes(cursor + 1, 9), Err(Error::ChangesLost { .. })));
        assert!(people.changes(0, 0).is_err());
        assert!(
            Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().changes(0, 9).is_err()
        );
    }
}
