//! What happens to people after the events: manual links, forgetting, shards put together.
//!
//! Fragments are kept by signature. A manual link moves none: profiles are put together from them
//! when read. Forgetting and merging say which signatures went where, and the fragments follow.

use std::collections::{BTreeMap, HashMap};

use super::Profiles;
use super::messages::{Offered, Order, Placed};
use crate::features::{Entry, NONE, Summary};
use crate::identity::{Forgotten, Moves};
use crate::{Error, Identifier, ProfileId, Result};

impl Profiles {
    /// Two identifiers are one person's, whatever else is known;
    /// see [`IdentityGraph::must_link`](crate::IdentityGraph::must_link).
    ///
    /// # Errors
    /// [`Error::InvalidRule`] if the two are one, could not be identifiers, or were forgotten;
    /// [`Error::Refused`] if there is no room.
    pub fn must_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.graph.must_link(a, b)
    }

    /// Two identifiers are never one person's: takes apart who was joined wrongly, with their
    /// events; see [`IdentityGraph::cannot_link`](crate::IdentityGraph::cannot_link). An event that
    /// carries both stays with the stronger.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("visit", at).id("email", "ann@shop.org").id("cookie", "c1"))?;
    /// people.observe(&Event::new("visit", at).id("email", "bob@shop.org").id("cookie", "c1"))?;
    /// assert_eq!(people.len(), 1);
    /// let [ann, bob] = ["ann@shop.org", "bob@shop.org"].map(|mail| Identifier::new("email", mail));
    /// people.cannot_link(&ann, &bob)?;
    /// assert_eq!(people.features(at)?.n_rows(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profiles::must_link`].
    pub fn cannot_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.graph.cannot_link(a, b)
    }

    /// Takes back what was said of two identifiers by hand.
    ///
    /// # Errors
    /// As [`Profiles::must_link`].
    pub fn unlink(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.graph.unlink(a, b)
    }

    /// Forgets an identifier: as if the events that belong to it had never come, and all others
    /// had come without it. A keyed hash stays behind, so that sending old events again does not
    /// bring it back; [`Profiles::allow`] lifts that.
    ///
    /// No text of the events that go is kept, unless an event that stays says the same. Columns
    /// that were [settled](Profiles::settle) remain as they are.
    /// [`would_forget`](crate::IdentityGraph::would_forget) of [`Profiles::identity`] is the dry run.
    ///
    /// Cost: the events of the profiles concerned, and the messages of which copies differ.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let visit = Event::new("visit", at).id("email", "ann@shop.org");
    /// let mut people = Profiles::new(Rules::default().key([7; 16]), FeatureSet::retail())?;
    /// people.observe(&visit)?;
    /// assert_eq!(people.identity().would_forget("email", "ann@shop.org")?.dropped, 1);
    /// people.forget("email", "ann@shop.org")?;
    /// assert_eq!(people.extend([&visit]).suppressed, 1);
    /// assert!(people.is_empty());
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] if this cannot be an identifier.
    pub fn forget(&mut self, kind: &str, value: &str) -> Result<Forgotten> {
        let (report, moves) = self.graph.forget_moving(kind, value)?;
        self.follow(&moves);
        Ok(report)
    }

    /// Forgets a person: the strong identifiers of a profile, and those that no other profile's
    /// events use. Nothing happens for an id that leads nowhere.
    /// [`would_forget_profile`](crate::IdentityGraph::would_forget_profile) of
    /// [`Profiles::identity`] is the dry run.
    pub fn forget_profile(&mut self, id: ProfileId) -> Forgotten {
        let (report, moves) = self.graph.forget_profile_moving(id);
        self.follow(&moves);
        report
    }

    /// Lets a forgotten identifier be seen again; whether it was forgotten. What is gone stays gone.
    pub fn allow(&mut self, kind: &str, value: &str) -> bool {
        self.graph.allow(kind, value)
    }

    /// Adds the people and events of another store: shards, machines. The result is that of one
    /// store that saw all events. What either has forgotten is forgotten, by the rule for events
    /// that arrive after the forgetting.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if rules, key, features, limits or [kept](Profiles::keep)
    /// properties differ, or only one of the two looks for duplicates;
    /// manual links may differ and are united. [`Error::Refused`] if there is no
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
    /// assert_eq!(people.get("card", "1").map(|ann| ann.n_events()), Some(2));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let differs =
            |what| Error::parameter("other", format!("a store with the same {what}"), "another");
        if self.features != other.features {
            return Err(differs("features"));
        }
        // The plans are of the same features; their numbers of texts need not be the same.
        let max_log = |store: &Self| store.limit.as_ref().map(|limit| limit.max_log);
        if max_log(self) != max_log(other) {
            return Err(differs("limit of logs"));
        }
        if self.keep != other.keep {
            return Err(differs("kept properties"));
        }
        if self.messages.is_some() != other.messages.is_some() {
            return Err(differs("way with duplicates"));
        }
        let (ours, theirs) = self.graph.merge_moving(&other.graph)?;
        self.follow(&ours);
        let to: HashMap<u32, u32> =
            theirs.into_iter().filter_map(|(from, to)| Some((from, to?))).collect();
        let mut loose = Vec::new();
        let mut bring = |signature: u32, entry: &Entry| {
            if let Some(&to) = to.get(&signature) {
                loose.push((to, entry.translated(&other.texts, &mut self.texts)));
            }
        };
        for (signature, fragment) in (0..).zip(&other.fragments) {
            fragment.log().for_each(|entry| bring(signature, entry));
        }
        for (signature, entry) in other.messages.iter().flat_map(|messages| messages.aside()) {
            bring(*signature, entry);
        }
        let mut summaries = Vec::new();
        for (signature, fragment) in (0..).zip(&other.fragments) {
            if let (Some(limit), Some(summary), Some(&to)) =
                (&self.limit, fragment.summary(), to.get(&signature))
            {
                summaries.push((to, limit.plan.translated(summary, &other.texts, &mut self.texts)));
            }
        }
        self.put_all(loose, summaries);
        Ok(())
    }

    /// Lets the events follow their signatures.
    fn follow(&mut self, moves: &Moves) {
        self.make_room();
        let to: HashMap<u32, Option<u32>> = moves.iter().copied().collect();
        let mut loose: Vec<Placed> = Vec::new();
        let mut summaries: Vec<(u32, Summary)> = Vec::new();
        for &(from, _) in moves {
            let (log, summary) = std::mem::take(&mut self.fragments[from as usize]).into_parts();
            loose.extend(log.into_iter().map(|entry| (from, entry)));
            summaries.extend(summary.map(|summary| (from, summary)));
        }
        if let Some(messages) = &mut self.messages {
            loose.iter().for_each(|(_, entry)| messages.lift(entry.message));
            let is_concerned = |signature| to.contains_key(&signature);
            loose.extend(messages.unsettled(is_concerned, &mut self.fragments, &self.texts));
        }
        let goes = |from: u32| to.get(&from).copied().unwrap_or(Some(from));
        let mut kept = Vec::new();
        for (from, entry) in loose {
            match goes(from) {
                Some(to) => kept.push((to, entry)),
                None => entry.release(&mut self.texts),
            }
        }
        let mut kept_summaries = Vec::new();
        for (from, summary) in summaries {
            match (goes(from), &self.limit) {
                (Some(to), _) => kept_summaries.push((to, summary)),
                (None, Some(limit)) => {
                    limit.plan.labels(&summary).for_each(|label| self.texts.release(label));
                }
                (None, None) => {}
            }
        }
        self.put_all(kept, kept_summaries);
    }

    /// Puts many events, and summaries of them and of others, into the fragments of their signatures.
    fn put_all(&mut self, events: Vec<Placed>, summaries: Vec<(u32, Summary)>) {
        self.make_room();
        let mut logs: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
        let mut copies: BTreeMap<u32, Vec<Placed>> = BTreeMap::new();
        for (signature, entry) in events {
            if self.messages.is_some() && entry.message != NONE {
                copies.entry(entry.message).or_default().push((signature, entry));
            } else {
                logs.entry(signature).or_default().push(entry);
            }
        }
        let mut repeated = Vec::new();
        if let Some(messages) = &mut self.messages {
            let order = Order { graph: &self.graph, texts: &self.texts };
            for mut copies in copies.into_values() {
                copies.sort_by(|a, b| order.compare(a, b));
                let mut distinct: Vec<Placed> = Vec::new();
                for copy in copies {
                    match distinct.last() {
                        Some(last) if order.compare(last, &copy).is_eq() => repeated.push(copy.1),
                        _ => distinct.push(copy),
                    }
                }
                // Only the first of them can come to count.
                for (i, copy) in distinct.into_iter().enumerate() {
                    let signature = copy.0;
                    let offered = if i == 0 {
                        messages.offer(copy, &mut self.fragments, order)
                    } else {
                        messages.set_aside(copy, order)
                    };
                    match offered {
                        Offered::Counts(entry) => logs.entry(signature).or_default().push(entry),
                        Offered::Repeats(entry) => repeated.push(entry),
                        Offered::Aside => {}
                    }
                }
            }
        }
        repeated.into_iter().for_each(|entry| entry.release(&mut self.texts));
        let limit = self.limit.as_ref();
        for (signature, summary) in summaries {
            let fragment = &mut self.fragments[signature as usize];
            fragment.absorb(Vec::new(), Some(summary), limit, &mut self.texts);
        }
        for (signature, entries) in logs {
            let fragment = &mut self.fragments[signature as usize];
            fragment.absorb(entries, None, limit, &mut self.texts);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Event, FeatureSet, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people() -> Profiles {
        Profiles::new(Rules::default(), FeatureSet::retail()).unwrap().dedupe().unwrap()
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
        let texts = a.texts.held() == b.texts.held();
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
            prop_assert_eq!(all.forget("user_id", "of-1").unwrap().changed, 0);
            let mut never = people();
            never.extend(events.iter().filter(|(person, _)| *person != 1).map(|(_, event)| event));
            never.forget("user_id", "of-1").unwrap();
            prop_assert!(same(&all, &never));
            let held = serde_json::to_string(&all.graph).unwrap() + &format!("{:?}", all.texts.held());
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
                again.forget("user_id", &format!("of-{person}")).unwrap();
            }
            let fresh = people();
            prop_assert_eq!(again.texts.held(), fresh.texts.held());
        }
    }

    #[test]
    fn a_store_that_differs_is_not_merged() {
        let mut people = people();
        people.observe(&event(1, 1, 1, None, true)).unwrap();
        let before = people.clone();
        let plain = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
        let other =
            Profiles::new(Rules::default(), FeatureSet::default()).unwrap().dedupe().unwrap();
        let keyed = Rules::default().key([1; 16]);
        let keyed = Profiles::new(keyed, FeatureSet::retail()).unwrap().dedupe().unwrap();
        for other in [plain, other, keyed] {
            assert!(matches!(people.merge(&other), Err(Error::InvalidParameter { .. })));
            assert!(people == before);
        }
    }
}
