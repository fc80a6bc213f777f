//! Retention: events before a horizon are no longer kept.
//!
//! The horizon only moves by [`Profiles::advance`]: no clock is read. An event before it is refused, so a
//! message whose id is gone cannot count twice.
//!
//! Cost: one look at every history, and the events that go.

use std::sync::OnceLock;

use super::edit::Loose;
use super::store::Profiles;
use crate::features::NONE;
use crate::{Error, Result, Timestamp};

impl Profiles {
    /// Moves the present to a moment: events that are older then than
    /// [`StoreOptions::retention_days`](crate::profiles::StoreOptions::retention_days) says are removed, with
    /// their message ids and the texts that nothing else uses. Returns how many events that were.
    ///
    /// Features and reports are then about the events that are left, as if those before the horizon had
    /// never happened, and can be asked for as of moments from the horizon on. Who is who, the evidence for it, and
    /// who was forgotten, remains: when identifiers were seen together, and how often, but not in which messages
    /// before the horizon. Moments before the last one change nothing. Any order of events and calls gives the same features, as long as every event arrives before the horizon has passed it.
    ///
    /// Cost: one look at every set of identifiers seen together, and the removed events.
    ///
    /// # Errors
    /// [`Error::OptionNotSet`] if the store has no retention.
    ///
    /// ```
    /// use personas::profiles::StoreOptions;
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let options = StoreOptions { dedupe: true, retention_days: Some(30.0), ..StoreOptions::default() };
    /// let mut people = Profiles::with_options(Rules::default(), FeatureSet::retail(), options)?;
    /// let visit = |day| Ok::<_, personas::Error>(Event::new("visit", Timestamp::parse(day)?).id("card", "1"));
    /// people.observe(&visit("2017-03-01")?.message_id("m1"))?;
    /// people.observe(&visit("2017-04-10")?.message_id("m2"))?;
    /// assert_eq!(people.advance(Timestamp::parse("2017-04-15")?)?, 1);
    /// assert_eq!(people.get(("card", "1")).map(|ann| ann.n_events), Some(1));
    /// // Its message id is gone, so it is refused for its age.
    /// assert!(people.observe(&visit("2017-03-01")?.message_id("m1")).is_err());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn advance(&mut self, to: Timestamp) -> Result<usize> {
        let Some(millis) = self.options.retention_millis() else {
            return Err(Error::OptionNotSet { option: "retention_days" });
        };
        let horizon = Timestamp::from_millis(to.millis().saturating_sub(millis));
        let n = self.raise_horizon(horizon);
        self.bind();
        self.tidy();
        Ok(n)
    }

    /// The earliest time at which events are kept, if there is one.
    pub(super) fn horizon(&self) -> Option<Timestamp> {
        self.histories.horizon
    }

    /// Adds the events of another store: takes over its horizon if it is later, and leaves out what
    /// lies before.
    pub(super) fn add_from(&mut self, other: Option<Timestamp>, mut loose: Loose) {
        if let Some(horizon) = other {
            self.raise_horizon(horizon);
        }
        let horizon = self.horizon();
        let (kept, late) = std::mem::take(&mut loose.events)
            .into_iter()
            .partition::<Vec<_>, _>(|copy| Some(copy.event().at) >= horizon);
        loose.events = kept;
        late.iter().for_each(|copy| self.histories.release(copy.event()));
        self.put(loose);
        if let Some(messages) = &mut self.messages {
            // Other copies of these messages may count now.
            let ids = late.iter().map(|copy| copy.message).filter(|&message| message != NONE);
            messages.forget_if_gone(ids);
        }
        self.bind();
        self.tidy();
    }

    /// Removes the events before a horizon; how many.
    pub(super) fn raise_horizon(&mut self, horizon: Timestamp) -> usize {
        if self.horizon() >= Some(horizon) {
            return 0;
        }
        self.version += 1;
        self.trail.add_other();
        self.histories.horizon = Some(horizon);
        self.newest = OnceLock::new();
        self.graph.keep_messages_from(horizon);
        let (mut n, mut gone) = (0, Vec::new());
        for signature in 0..self.histories.len() as u32 {
            n += self.histories.remove_before(signature, horizon, &mut gone);
        }
        let Some(messages) = &mut self.messages else { return n };
        gone.sort_unstable();
        let mut loose = Loose::default();
        for &message in &gone {
            messages.lift(message);
            for copy in messages.take_others(message) {
                // A later copy counts now.
                match copy.event().at >= horizon {
                    true => loose.events.push(copy),
                    false => self.histories.release(copy.event()),
                }
            }
        }
        self.put(loose);
        if let Some(messages) = &mut self.messages {
            messages.forget_if_gone(gone);
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::profiles::StoreOptions;
    use crate::{Error, Event, FeatureSet, Profiles, Refusal, Rules, Timestamp};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    #[test]
    fn ids_of_messages_go_with_the_horizon_wherever_they_are_kept() {
        let options =
            StoreOptions { dedupe: true, retention_days: Some(30.0), ..StoreOptions::default() };
        let visit = |day: i64| {
            let event = Event::new("visit", at(day)).id("card", "1");
            event.message_id(format!("order-{day}-ann@mail.test"))
        };
        let has = |people: &Profiles, text: &str| {
            let pieces = people.pieces(0, None).unwrap().flatten().collect::<Vec<u8>>();
            let snapshot = serde_json::to_string(&people.identity().snapshot()).unwrap();
            let export = people.get(("card", "1")).unwrap().export(at(99)).unwrap();
            let is_there = export.message_ids.contains(&text);
            assert_eq!(snapshot.contains(text), is_there);
            assert!(is_there || !pieces.windows(text.len()).any(|at| at == text.as_bytes()));
            is_there
        };
        let mut people = people(options);
        people.observe(&visit(1)).unwrap();
        let early = people.clone();
        assert!(has(&people, "order-1-ann@mail.test"));
        people.advance(at(60)).unwrap();
        people.observe(&visit(59)).unwrap();
        assert!(!has(&people, "order-1-ann@mail.test"));
        // Nor do they come back from a store that still has them, in either direction.
        let mut merged = people.clone();
        merged.merge(&early).unwrap();
        assert!(!has(&merged, "order-1-ann@mail.test"));
        let mut other = early.clone();
        other.merge(&people).unwrap();
        assert!(!has(&other, "order-1-ann@mail.test"));
        assert_eq!(merged.state_hash(), other.state_hash());
        let mut restored = early.clone();
        for piece in people.pieces(0, None).unwrap() {
            restored.absorb(&piece).unwrap();
        }
        assert!(!has(&restored, "order-1-ann@mail.test"));
    }

    fn people(options: StoreOptions) -> Profiles {
        Profiles::with_options(Rules::default(), FeatureSet::retail(), options).unwrap()
    }

    fn kept() -> StoreOptions {
        StoreOptions { dedupe: true, retention_days: Some(10.0), ..StoreOptions::default() }
    }

    fn event((card, day, message): (u8, i64, Option<u8>)) -> Event<'static> {
        let event = Event::new("purchase", at(day)).id("card", card.to_string());
        let event = event.property("amount", day as f64).property("category", format!("of-{day}"));
        match message {
            Some(id) => event.message_id(format!("m{id}")),
            None => event,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_left_is_as_if_the_events_before_the_horizon_had_never_happened(
            events in prop::collection::vec((0u8..3, 0i64..40, prop::option::of(0u8..6)), 0..30),
            advances in prop::collection::vec((0usize..30, 0i64..45), 0..4),
            restart in 0usize..30,
        ) {
            let mut people = people(kept());
            let mut horizon = i64::MIN;
            for (place, one) in events.iter().enumerate() {
                for (_, to) in advances.iter().filter(|advance| advance.0 == place) {
                    people.advance(at(*to)).unwrap();
                    horizon = horizon.max(to - 10);
                }
                let observed = people.observe(&event(*one));
                let is_old = matches!(observed, Err(Error::Refused(Refusal::BeforeHorizon { .. })));
                prop_assert_eq!(is_old, one.1 < horizon);
                if place == restart {
                    let mut again = self::people(kept());
                    for piece in people.pieces(0, None).unwrap() {
                        again.absorb(&piece).unwrap();
                    }
                    prop_assert_eq!(again.state_hash(), people.state_hash());
                    people = again;
                }
            }
            let mut naive = self::people(StoreOptions { dedupe: true, ..StoreOptions::default() });
            naive.extend(&events.iter().filter(|one| one.1 >= horizon).map(|one| event(*one)).collect::<Vec<_>>());
            prop_assert_eq!(people.features(at(50)).unwrap(), naive.features(at(50)).unwrap());
            prop_assert_eq!(people.newest(), naive.newest());
            prop_assert_eq!(people.histories.dictionary.held(), naive.histories.dictionary.held());
            let copies = |people: &Profiles| people.messages.iter().flat_map(|m| m.aside()).count();
            prop_assert_eq!(copies(&people), copies(&naive));
        }
    }

    #[test]
    fn a_store_with_retention_stays_at_one_size() {
        let mut people = people(kept());
        let mut sizes = [0, 0];
        for day in 0..400i64 {
            let events = (0..50).map(|i| {
                let event = event((i % 5, day, None)).message_id(format!("{day:03}-{i:02}"));
                event.property("order_id", format!("order {day:03}-{i:02}"))
            });
            people.extend(&events.collect::<Vec<_>>());
            people.advance(at(day)).unwrap();
            let memory = people.memory();
            let size = &mut sizes[day as usize / 200];
            *size = (*size).max(memory.events + memory.texts + memory.message_ids);
        }
        // Tables of ids grow in steps.
        assert!(10 * sizes[1] <= 11 * sizes[0], "{sizes:?}");
    }

    #[test]
    fn shards_with_different_horizons_keep_what_both_would_keep() {
        let (mut one, mut other) = (people(kept()), people(kept()));
        one.extend(&[event((1, 3, None)), event((1, 20, None))]);
        other.observe(&event((2, 4, Some(1)))).unwrap();
        one.advance(at(20)).unwrap();
        let mut back = other.clone();
        one.merge(&other).unwrap();
        assert_eq!(one.features(at(50)).unwrap().n_rows(), 1);
        back.advance(at(20)).unwrap();
        assert_eq!(back.features(at(50)).unwrap().n_rows(), 0);
        assert!(back.features(at(5)).is_err());
        assert!(people(StoreOptions::default()).advance(at(1)).is_err());
    }
}
