//! What happens to people after the events: manual links, forgetting, shards put together.
//!
//! Histories are kept by signature. A manual link does not move events: profiles are put together from
//! histories when they are read. Forgetting and merging say which signatures went where, and the events
//! follow.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::messages::{Copy, compare};
use super::store::Profiles;
use crate::features::{self, MAX_FIELDS, NONE, Needs, StoredEvent};
use crate::identity::{Forgotten, Moves, Subject};
use crate::{Error, Identifier, ProfileId, Result};

/// Events and summaries that are to be put into histories.
#[derive(Default)]
pub(super) struct Loose {
    pub(super) events: Vec<Copy>,
    pub(super) summaries: Vec<(u32, Box<[u64]>)>,
}

impl Profiles {
    /// Links two identifiers by hand: they belong to one person, whatever else is known;
    /// see [`IdentityGraph::must_link`](crate::IdentityGraph::must_link).
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) if the two are one, could not be identifiers, or were forgotten;
    /// [`Error::Refused`](crate::Error::Refused) if there is no room.
    pub fn must_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.graph.must_link(a, b)?;
        self.version += 1;
        self.trail.add_links();
        self.look_for_many_changes();
        Ok(())
    }

    /// Keeps two identifiers apart by hand: they never belong to one person. Splits a person who was
    /// joined wrongly, events included; see [`IdentityGraph::cannot_link`](crate::IdentityGraph::cannot_link). An event that
    /// carries both stays with the stronger.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", at).id("email", "ann@shop.org").id("cookie", "c1"))?;
    /// people.observe(&Event::new("visit", at).id("email", "bob@shop.org").id("cookie", "c1"))?;
    /// assert_eq!(people.n_profiles(), 1);
    /// let [ann, bob] = ["ann@shop.org", "bob@shop.org"].map(|mail| Identifier::new("email", mail));
    /// people.cannot_link(&ann, &bob)?;
    /// assert_eq!(people.features(at)?.n_rows(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profiles::must_link`].
    pub fn cannot_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.graph.cannot_link(a, b)?;
        self.version += 1;
        self.trail.add_links();
        self.look_for_many_changes();
        Ok(())
    }

    /// Removes the manual links between two identifiers, and the link of an
    /// [alias](crate::identity#aliases); see [`IdentityGraph::unlink`](crate::IdentityGraph::unlink).
    ///
    /// # Errors
    /// As [`Profiles::must_link`].
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let at = Timestamp::parse("2017-03-01")?;
    /// people.observe(&Event::new("visit", at).id("cookie", "c1"))?;
    /// people.observe(&Event::new("order", at).id("email", "ann@mail.org"))?;
    /// let (a, b) = (Identifier::new("cookie", "c1"), Identifier::new("email", "ann@mail.org"));
    /// people.must_link(&a, &b)?;
    /// assert_eq!(people.n_profiles(), 1);
    /// people.unlink(&a, &b)?;
    /// assert_eq!(people.n_profiles(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn unlink(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.graph.unlink(a, b)?;
        self.version += 1;
        self.trail.add_links();
        self.look_for_many_changes();
        Ok(())
    }

    /// Forgets an identifier or a person. The state is then as if their events had never come, and all other
    /// events had come without the forgotten identifiers. A keyed hash of each identifier is kept, so that old
    /// events that are sent again stay out; [`Profiles::allow`] removes it.
    /// [`IdentityGraph::forget`](crate::IdentityGraph::forget) says which identifiers are forgotten with a person.
    ///
    /// No text of the removed events is kept, unless another stored event has the same text. Columns that were
    /// [frozen](Profiles::freeze) stay as they are. For a dry run, call
    /// [`would_forget`](crate::IdentityGraph::would_forget) on [`Profiles::identity`].
    ///
    /// Cost: the events of the profiles concerned, and the messages of which copies differ. Once as much was
    /// forgotten as is left, the call that notices numbers the whole store again, in time in proportion to it:
    /// seconds for a million people. The next read by a profile id then indexes all identifiers.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let visit = Event::new("visit", at).id("email", "ann@shop.org");
    /// let mut people = Profiles::new(Rules::default().key([7; 16]), FeatureSet::retail())?;
    /// people.observe(&visit)?;
    /// assert_eq!(people.identity().would_forget(("email", "ann@shop.org"))?.dropped, 1);
    /// people.forget(("email", "ann@shop.org"))?;
    /// assert_eq!(people.extend([&visit]).suppressed, 1);
    /// assert_eq!(people.n_profiles(), 0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) if this cannot be an identifier.
    pub fn forget<'s>(&mut self, who: impl Into<Subject<'s>>) -> Result<Forgotten> {
        let (report, marks, moves) = self.graph.forget_moving(who)?;
        self.trail.add_marks(&marks);
        self.move_events(&moves);
        self.tidy();
        Ok(report)
    }

    /// Allows a forgotten identifier again; returns whether it was forgotten. Removed events stay removed.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let visit = Event::new("visit", Timestamp::parse("2017-03-01")?).id("user_id", "7");
    /// people.forget(("user_id", "7"))?;
    /// assert_eq!(people.extend([&visit]).suppressed, 1);
    /// assert!(people.allow("user_id", "7"));
    /// assert_eq!(people.extend([&visit]).accepted, 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn allow(&mut self, kind: &str, value: &str) -> bool {
        let was_forgotten = self.graph.allow(kind, value);
        if was_forgotten {
            self.trail.add_marks(&[self.graph.rules().profile_id(kind, value)]);
        }
        was_forgotten
    }

    /// Adds the people and events of another store: shards, machines. The result is that of one
    /// store that saw all events. What either has forgotten is forgotten, by the rule for events
    /// that arrive after the forgetting.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if rules, key, features or
    /// [options](crate::profiles::StoreOptions) differ; manual links may differ and are united.
    /// [`Error::TooManyAttributes`](crate::Error::TooManyAttributes) if both together have more than 32,767 names. [`Error::Refused`](crate::Error::Refused) if there is no
    /// room. Nothing changes then.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let mut shard = people.clone();
    /// people.observe(&Event::new("visit", at).id("card", "1"))?;
    /// shard.observe(&Event::new("visit", at).id("card", "1"))?;
    /// people.merge(&shard)?;
    /// assert_eq!(people.get(("card", "1")).map(|ann| ann.n_events), Some(2));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.check_settings("other", &other.settings())?;
        let theirs = &other.histories.schema;
        let mut attributes: Vec<&str> = theirs.attributes().collect();
        attributes.sort_unstable();
        self.check_attributes(Needs::of(&theirs.needs()), attributes.into_iter())?;
        let (ours, theirs) = self.graph.merge_moving(&other.graph)?;
        self.histories.schema.join(&other.histories.schema);
        self.added_evidence(true, &other.graph.forgotten(), (&ours, &theirs));
        let mut loose = Loose::default();
        let theirs: HashMap<u32, u32> =
            theirs.into_iter().filter_map(|(from, to)| Some((from, to?))).collect();
        for from in 0..other.histories.len() as u32 {
            let Some(&to) = theirs.get(&from) else { continue };
            for event in other.histories.log(from).into_iter().flat_map(features::Log::iter) {
                loose.events.push(self.translated(to, event, other));
            }
            if let Some(summary) = other.histories.summary(from) {
                let summary = self.histories.translated_summary(summary, &other.histories);
                loose.summaries.push((to, summary));
            }
        }
        for copy in other.messages.iter().flat_map(|messages| messages.aside()) {
            if let Some(&to) = theirs.get(&copy.signature) {
                loose.events.push(self.translated(to, copy.event(), other));
            }
        }
        self.add_from(other.horizon(), loose);
        Ok(())
    }

    /// Whether what another store keeps, and its attributes, whose names are in order, can be stored beside what is.
    pub(super) fn check_attributes<'n>(
        &self,
        needs: Needs<'n>,
        attributes: impl Iterator<Item = &'n str>,
    ) -> Result<()> {
        let got = self.histories.schema.n_fields_with(needs, attributes);
        let limit = MAX_FIELDS;
        if got > limit { Err(Error::TooManyAttributes { got, limit }) } else { Ok(()) }
    }

    /// An event of another store with the codes of this one.
    fn translated(&mut self, to: u32, event: StoredEvent<'_>, other: &Self) -> Copy {
        let message = match (&mut self.messages, &other.messages) {
            (Some(ours), Some(theirs)) if event.message != NONE => {
                ours.number_of(theirs.id(event.message)).0
            }
            _ => NONE,
        };
        let name = other.histories.dictionary.text(event.name);
        let name = self.histories.dictionary.intern(name);
        let values: Vec<_> = (event.values.iter())
            .map(|value| features::translated(*value, &other.histories, &mut self.histories))
            .collect();
        Copy::new(to, StoredEvent { at: event.at, name, message, values: &values })
    }

    /// After a change of any size: numbers that are out of use are used again once they are many, and
    /// what was touched is looked through.
    pub(super) fn tidy(&mut self) {
        if self.graph.is_sparse() {
            self.look_for_changes();
            if let Some(numbers) = self.graph.renumber() {
                self.renumber(&numbers);
            }
        }
        self.look_for_many_changes();
    }

    /// Prepares for the events of another store, after the schema joined what the other stores, and the graph added its
    /// evidence, perhaps its manual links, and the marks of whom it forgot. This store's own events follow where its
    /// signatures went.
    pub(super) fn added_evidence(
        &mut self,
        has_links: bool,
        marks: &[ProfileId],
        (ours, theirs): (&Moves, &Moves),
    ) {
        self.newest = OnceLock::new();
        if has_links {
            self.trail.add_links();
        }
        self.trail.add_marks(marks);
        self.added_to(theirs);
        self.move_events(ours);
    }

    /// Records that observations were added to signatures.
    pub(super) fn added_to(&mut self, moves: &Moves) {
        let to: Vec<u32> = moves.iter().map(|(_, to)| to.unwrap_or(NONE)).collect();
        self.trail.add(&to, self.graph.n_signatures());
    }

    /// Lets the events follow their signatures.
    pub(super) fn move_events(&mut self, moves: &Moves) {
        self.version += 1;
        self.resize();
        if moves.is_empty() {
            return;
        }
        self.newest = OnceLock::new();
        self.added_to(moves);
        let to: HashMap<u32, Option<u32>> = moves.iter().copied().collect();
        let mut taken = Loose::default();
        for &(from, _) in moves {
            let (log, summary) = self.histories.take(from);
            taken.events.extend(log.iter().map(|event| Copy::new(from, event)));
            taken.summaries.extend(summary.map(|summary| (from, summary)));
        }
        let mut touched = Vec::new();
        if let Some(messages) = &mut self.messages {
            let logged = taken.events.iter().map(|copy| copy.message);
            let lifted: Vec<u32> = logged.filter(|&message| message != NONE).collect();
            lifted.iter().for_each(|&message| messages.lift(message));
            let going = moves.iter().map(|&(from, _)| from);
            taken.events.extend(messages.unsettled(lifted, going, &mut self.histories));
            touched = taken.events.iter().map(|copy| copy.message).collect();
            touched.retain(|&message| message != NONE);
        }
        let goes = |from: u32| to.get(&from).copied().unwrap_or(Some(from));
        let mut kept = Loose::default();
        for mut copy in taken.events {
            match goes(copy.signature) {
                Some(to) => {
                    copy.signature = to;
                    kept.events.push(copy);
                }
                None => self.histories.release(copy.event()),
            }
        }
        for (from, summary) in taken.summaries {
            match goes(from) {
                Some(to) => kept.summaries.push((to, summary)),
                None => self.histories.release_summary(&summary),
            }
        }
        self.put(kept);
        if let Some(messages) = &mut self.messages {
            touched.sort_unstable();
            touched.dedup();
            messages.forget_if_gone(touched);
        }
        self.bind();
    }

    /// Follows signatures to their new numbers.
    pub(super) fn renumber(&mut self, numbers: &[u32]) {
        self.histories.renumber(numbers, self.graph.n_signatures());
        self.trail.renumber(numbers);
        if let Some(messages) = &mut self.messages {
            messages.renumber(numbers);
        }
        let doubtful = self.doubtful.iter().map(|&signature| numbers[signature as usize]);
        self.doubtful = doubtful.filter(|&signature| signature != NONE).collect();
        self.doubtful.sort_unstable();
        self.renumber_journal();
    }

    /// Puts events and summaries into the histories of their signatures.
    pub(super) fn put(&mut self, loose: Loose) {
        self.resize();
        for (signature, summary) in &loose.summaries {
            self.histories.add_summary(*signature, summary);
        }
        let mut by_message: BTreeMap<u32, Vec<Copy>> = BTreeMap::new();
        for copy in loose.events {
            if copy.message == NONE {
                self.histories.add_logged(copy.signature, copy.event());
            } else {
                by_message.entry(copy.message).or_default().push(copy);
            }
        }
        let Some(messages) = &mut self.messages else { return };
        for mut copies in by_message.into_values() {
            copies.sort_by(|a, b| compare(a, b, &self.histories, &self.graph));
            for copy in copies {
                messages.offer(copy, &mut self.histories, &self.graph);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::features::{Feature, Measure};
    use proptest::prelude::*;

    use super::*;
    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people() -> Profiles {
        Profiles::with_options(
            Rules::default(),
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap()
    }

    #[test]
    fn a_store_that_forgets_as_many_as_come_stays_at_one_size() {
        let mut people = people();
        let mut sizes = [0, 0];
        for i in 0..16_000usize {
            let user = format!("customer {i:05}");
            let event = Event::new("visit", at(1)).id("user_id", &*user).message_id(&*user);
            people
                .observe(&event.attribute(user.clone(), "x").property("order_id", &*user))
                .unwrap();
            people.forget(("user_id", &*user)).unwrap();
            assert!(people.allow("user_id", &user));
            let memory = people.memory();
            let identity = memory.identifiers + memory.profiles + memory.evidence + memory.marks;
            let size = &mut sizes[i / 8_000];
            *size = (*size).max(identity + memory.events + memory.texts + memory.message_ids);
        }
        assert!(people.n_profiles() == 0);
        assert!(sizes[1] <= sizes[0], "{sizes:?}");
    }

    /// What a person does, in words that are the person's own or everybody's.
    fn event(person: u8, cookie: u8, day: i64, message: Option<u8>, own: bool) -> Event<'static> {
        let word = |what: &str| if own { format!("{what}-of-{person}") } else { what.to_owned() };
        let event = Event::new(word("visit"), at(day))
            .id("user_id", format!("of-{person}"))
            .id("cookie", format!("c{cookie}"))
            .property("category", word("tea"))
            .property("order_id", word("order"))
            .attribute(word("city"), word("rome"))
            .attribute("age", f64::from(person));
        match message {
            Some(id) => event.message_id(if own { word("m") } else { id.to_string() }),
            None => event,
        }
    }

    fn an_event() -> impl Strategy<Value = (u8, Event<'static>)> {
        let message = prop::option::weighted(0.7, 0u8..3);
        (1u8..4, 1u8..3, 0i64..3, message, any::<bool>()).prop_map(
            |(person, cookie, day, id, own)| (person, event(person, cookie, day, id, own)),
        )
    }

    /// Everything but the numbering.
    fn same(a: &Profiles, b: &Profiles) -> bool {
        let texts = a.histories.dictionary.held() == b.histories.dictionary.held();
        let aside = |people: &Profiles| people.messages.iter().flat_map(|m| m.aside()).count();
        texts
            && aside(a) == aside(b)
            && a.features(at(9)).unwrap() == b.features(at(9)).unwrap()
            && a.graph == b.graph
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn what_is_forgotten_leaves_no_byte_and_the_state_that_never_saw_it(
            events in prop::collection::vec(an_event(), 1..16),
            shard in prop::collection::vec(any::<bool>(), 16),
        ) {
            let mut all = people();
            all.extend(events.iter().map(|(_, event)| event));
            let before = all.clone();
            prop_assert_eq!(all.forget(("user_id", "of-1")).unwrap().changed, 0);
            let mut never = people();
            never.extend(events.iter().filter(|(person, _)| *person != 1).map(|(_, event)| event));
            never.forget(("user_id", "of-1")).unwrap();
            // Numbers that are out of use can be used again at any time.
            let numbers = all.graph.renumber().unwrap();
            all.renumber(&numbers);
            prop_assert!(same(&all, &never));
            let held = serde_json::to_string(&all.graph).unwrap() + &format!("{:?}", all.histories.dictionary.held());
            prop_assert!(!held.contains("of-1"), "{}", held);

            // Allowed again and sent again, everything is as it was.
            prop_assert_eq!(all.extend(events.iter().map(|(_, event)| event)).suppressed,
                events.iter().filter(|(person, _)| *person == 1).count());
            prop_assert!(all.allow("user_id", "of-1"));
            let mut again = people();
            for wanted in [false, true] {
                let mine = events.iter().zip(&shard).filter(|(_, side)| **side == wanted);
                let mut part = people();
                part.extend(mine.map(|((_, event), _)| event));
                again.merge(&part).unwrap();
            }
            prop_assert!(same(&again, &before));

            // And with everybody gone, only the features' own words are left.
            for person in 1..4 {
                again.forget(("user_id", &format!("of-{person}"))).unwrap();
            }
            let fresh = people();
            prop_assert_eq!(again.histories.dictionary.held(), fresh.histories.dictionary.held());
        }
    }

    #[test]
    fn a_store_that_differs_is_not_merged() {
        let mut people = people();
        people.observe(&event(1, 1, 1, None, true)).unwrap();
        let before = people.clone();
        let plain = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let other = Profiles::with_options(
            Rules::default(),
            FeatureSet::default(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap();
        let keyed = Rules::default().key([1; 16]);
        let keyed = Profiles::with_options(
            keyed,
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap();
        for other in [plain, other, keyed] {
            assert!(matches!(people.merge(&other), Err(crate::Error::InvalidParameter { .. })));
            assert!(people == before);
        }
    }

    #[test]
    fn more_names_of_attributes_than_can_be_stored_are_refused_and_not_lost() {
        let set = || FeatureSet::default().with(Feature::new("a", Measure::Attributes));
        let shard = |names: std::ops::Range<usize>| {
            let mut people = Profiles::new(Rules::default(), set()).unwrap();
            let at = Timestamp::from_millis(1_500_000_000_000);
            let mut event = Event::new("identify", at).id("card", format!("c{}", names.start));
            event.attributes = names.map(|i| (format!("a{i}").into(), 1.0.into())).collect();
            people.observe(&event).unwrap();
            people
        };
        let (mut people, fits, too_many) =
            (shard(0..20_000), shard(10_000..30_000), shard(19_000..33_000));
        let hash = people.state_hash();
        let error = people.merge(&too_many).unwrap_err();
        let expected = "too many attribute names: 33000 together with the store's, at most 32767";
        assert_eq!(error.to_string(), expected);
        let absorbed: Vec<bool> =
            too_many.pieces(0, None).unwrap().map(|piece| people.absorb(&piece).is_ok()).collect();
        assert!(absorbed.contains(&false));
        assert_eq!(people.state_hash(), hash);
        people.merge(&fits).unwrap();
        assert_eq!(people.n_profiles(), 2);
    }
}
