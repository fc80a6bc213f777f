//! One number for the whole state: equal sets of events, equal hashes.
//!
//! A sum of hashes, one for each signature and each event, of their texts and not of their codes, so
//! that no order shows.

use super::messages::Messages;
use super::piece::{Origin, PieceSettings, hash};
use super::store::Profiles;
use crate::Timestamp;
use crate::features::{Log, NONE, Scope, StoredEvent};
use crate::num::parallel;

impl Profiles {
    /// Returns a hash of everything that answers depend on: evidence of identity, events, summaries, manual
    /// links, who was forgotten, rules, key, features and options. Equal sets of events give equal hashes,
    /// whatever their order, the shards and the restarts. With
    /// [`dedupe`](crate::profiles::StoreOptions::dedupe), repeated events do not change it.
    /// [`Profiles::pieces`] has an example.
    ///
    /// Cost: reads everything, on all threads.
    pub fn state_hash(&self) -> u128 {
        let settings = hash(&self.settings());
        let rules = self.graph.rules();
        let horizon = self.horizon().map(Timestamp::millis);
        let rest = hash(&(self.graph.forgotten(), rules.all_links(), horizon));
        let live = self.graph.live_signatures();
        let of = parallel::map(live.len(), 1000, |i| {
            // Where a message counts once, how often it was sent is no part of the state.
            let (sig, count) = if self.options.dedupe { (live[i].0, 1) } else { live[i] };
            let seen = hash(&(self.graph.words_of_signature(sig), count));
            let log = self.histories.log(sig).into_iter().flat_map(Log::iter);
            let events = log.map(|event| self.event_hash(seen, event));
            let events = events.fold(0u128, u128::wrapping_add);
            let summary = self.histories.summary(sig).map(|words| {
                let code = |label| hash(&self.histories.dictionary.text(label)) as u32 >> 1;
                hash(&(seen, &*self.histories.relabelled_summary(words, code)))
            });
            seen.wrapping_add(events).wrapping_add(summary.unwrap_or(0))
        });
        let aside = self.messages.iter().flat_map(Messages::aside).map(|copy| {
            let seen = hash(&(self.graph.words_of_signature(copy.signature), 0));
            self.event_hash(seen, copy.event())
        });
        let all = of.into_iter().chain(aside).fold(settings, u128::wrapping_add);
        all.wrapping_add(rest)
    }

    fn event_hash(&self, seen: u128, event: StoredEvent<'_>) -> u128 {
        let (schema, dictionary) = (&self.histories.schema, &self.histories.dictionary);
        let text = |label: u32| (label != NONE).then(|| dictionary.text(label));
        let mut values: Vec<_> = event
            .values
            .iter()
            .map(|value| {
                let (scope, name) = schema.order_of(value.field);
                let number = value.number().map(f64::to_bits);
                (scope == Scope::Attribute, name, value.item, number, value.label().and_then(text))
            })
            .collect();
        values.sort_unstable();
        hash(&(seen, event.at.millis(), text(event.name), self.message_id(event.message), values))
    }

    /// The hash of a message's id; 0 without one.
    pub(super) fn message_id(&self, message: u32) -> u128 {
        match &self.messages {
            Some(messages) if message != NONE => messages.id(message),
            _ => 0,
        }
    }

    /// What pieces must agree in.
    pub(super) fn settings(&self) -> PieceSettings {
        let rules = self.graph.rules();
        PieceSettings {
            rules: hash(&rules.automatic().without_key()),
            key: rules.key_check(),
            features: hash(&self.features),
            is_fixed: self.features.is_fixed(),
            options: hash(&self.options.stored()),
            origin: Origin::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};

    fn hash(options: &StoreOptions, events: &[Event<'_>], then: impl Fn(&mut Profiles)) -> u128 {
        let (rules, features) = (Rules::default(), FeatureSet::retail());
        let mut people = Profiles::with_options(rules, features, options.clone()).unwrap();
        people.extend(events);
        then(&mut people);
        people.state_hash()
    }

    #[test]
    fn whatever_differs_between_two_stores_shows_in_the_hash() {
        let at = |day: i64| Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000);
        let event = || Event::new("purchase", at(1));
        let ann = || event().id("card", "1");
        let card = |value: &'static str| Identifier::new("card", value);
        let same = |_: &mut Profiles| ();
        for dedupe in [false, true] {
            let options = StoreOptions { dedupe, ..StoreOptions::default() };
            let of = |events: &[Event<'_>]| hash(&options, events, same);
            let one = vec![
                vec![],
                vec![ann()],
                vec![event().id("card", "2")],
                vec![event().id("cookie", "1")],
                vec![event().claimed_id("card", "1")],
                vec![ann().id("cookie", "1")],
                vec![ann().id("cookie", "1").id("email", "a@x.org")],
                vec![Event::new("visit", at(1)).id("card", "1")],
                vec![Event::new("purchase", at(2)).id("card", "1")],
                vec![ann().property("amount", 1.0)],
                vec![ann().property("amount", 2.0)],
                vec![ann().attribute("amount", 1.0)],
                vec![ann(), ann().property("amount", 1.0)],
                vec![ann(), ann()],
                // The same texts, but another person has the amount.
                vec![ann(), event().id("card", "2").property("amount", 1.0)],
                vec![ann().property("amount", 1.0), event().id("card", "2")],
            ];
            let mut hashes: Vec<u128> = one.iter().map(|events| of(events)).collect();
            if dedupe {
                hashes.extend(["a", "b"].map(|id| of(&[ann().message_id(id)])));
            }
            let two = [ann(), event().id("card", "2")];
            hashes.push(of(&two));
            hashes.push(hash(&options, &two, |people| drop(people.forget(("card", "1")).unwrap())));
            hashes.push(hash(&options, &two, |people| {
                people.must_link(&card("1"), &card("2")).unwrap();
            }));
            hashes.push(hash(&options, &two, |people| {
                people.cannot_link(&card("1"), &card("2")).unwrap();
            }));
            assert_eq!(BTreeSet::from_iter(&hashes).len(), hashes.len(), "{hashes:?}");
            // Turned around, they are the same.
            let turned =
                |events: &[Event<'_>]| of(&events.iter().rev().cloned().collect::<Vec<_>>());
            assert!(one.iter().all(|events| of(events) == turned(events)));
        }
    }
}
