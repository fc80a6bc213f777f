//! Everything that is stored about one person, in one record that can be written as JSON: what
//! somebody who asks for their data gets.
//!
//! Cost: this person's events, everything that was observed of the identifiers, and a look at all manual links.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::profile::Profile;
use crate::features::{FieldValue, Lexicon, Scope};
use crate::identity::Name;
use crate::{Event, FeatureTable, Identifier, ProfileId, Result, Timestamp, Value, journey};

/// Everything that is stored about one person; [`Profile::export`] has an example.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Export<'p> {
    /// The id of the profile.
    pub id: ProfileId,
    /// Everything the person was seen under, strongest kind first, then by value.
    pub identifiers: Vec<Seen<'p>>,
    /// The newest stored value of each attribute, by name.
    pub traits: BTreeMap<Cow<'p, str>, Value<'p>>,
    /// The stored events, oldest first, as [`Profile::timeline`] tells them.
    pub events: Vec<Event<'p>>,
    /// Events that repeat the message of another one and differ from it. They do not count, and are kept
    /// in case the other one is forgotten.
    pub copies: Vec<Event<'p>>,
    /// Ids of messages that are kept as evidence of who is who: the first of each set of identifiers that were
    /// seen together.
    pub message_ids: Vec<&'p str>,
    /// Pairs of identifiers, one of them the person's, that were linked by hand.
    pub must_links: Vec<[Identifier<'p>; 2]>,
    /// Pairs that were kept apart by hand.
    pub cannot_links: Vec<[Identifier<'p>; 2]>,
    /// Pairs whose [alias](crate::identity#aliases) was taken back by hand.
    pub rejected_aliases: Vec<[Identifier<'p>; 2]>,
    /// How many events are known by summaries only, because [a limit](crate::profiles::StoreOptions::max_log)
    /// cut the log. Attributes that only those have are not among the traits, but features count them.
    pub n_cut: usize,
    /// The features as of the moment asked for: one row, or none before the first event.
    pub features: FeatureTable,
}

/// An identifier and when it was seen, by the times of all events that carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Seen<'p> {
    /// The identifier.
    pub identifier: Identifier<'p>,
    /// When it was first seen; `None` if no event with it has a time that the rules
    /// [trust](crate::Rules::clock).
    pub first: Option<Timestamp>,
    /// When it was last seen.
    pub last: Option<Timestamp>,
}

impl<'p> Profile<'p> {
    /// Returns everything that is stored about the person, whatever its time, and the features as of a
    /// moment.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.extend(&[
    ///     Event::new("visit", at("2017-03-01")?).id("cookie", "c1").attribute("city", "Rome"),
    ///     Event::new("login", at("2017-03-02")?).id("cookie", "c1").id("card", "4711"),
    /// ]);
    /// if let Some(ann) = people.get(("card", "4711")) {
    ///     let export = ann.export(at("2017-03-03")?)?;
    ///     let cookie = &export.identifiers[1];
    ///     assert_eq!(cookie.identifier.value, "c1");
    ///     assert_eq!((cookie.first, cookie.last), (Some(at("2017-03-01")?), Some(at("2017-03-02")?)));
    ///     assert_eq!(export.traits["city"], "Rome".into());
    ///     assert_eq!((export.events.len(), export.features.n_rows()), (2, 1));
    /// }
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Profile::features`].
    pub fn export(&self, as_of: Timestamp) -> Result<Export<'p>> {
        let seen = self.people.graph.seen(self.node).into_iter();
        let events: Vec<Event<'p>> = self.timeline(Timestamp::from_millis(i64::MAX)).collect();
        let traits = self.traits(&events);
        let [must_links, cannot_links, rejected_aliases] = self.links();
        let messages = self.people.messages.iter();
        let copies = messages.flat_map(|messages| messages.aside_of(&self.signatures));
        Ok(Export {
            id: self.id,
            identifiers: seen
                .map(|(identifier, span)| Seen {
                    identifier,
                    first: span.map(|(first, _)| first),
                    last: span.map(|(_, last)| last),
                })
                .collect(),
            traits,
            copies: copies.map(|copy| journey::event(copy.event(), self.lexicon())).collect(),
            message_ids: self.people.graph.messages_of(&self.signatures),
            must_links,
            cannot_links,
            rejected_aliases,
            n_cut: self.n_events.saturating_sub(events.len()),
            events,
            features: self.features(as_of)?,
        })
    }

    /// The manual links that name an identifier of the person: must-links, cannot-links, aliases taken back.
    fn links(&self) -> [Vec<[Identifier<'p>; 2]>; 3] {
        let names = self.identifiers();
        let own: HashSet<(&str, &str)> = names.iter().map(|id| (&*id.kind, &*id.value)).collect();
        let is_own = |name: &Name| own.contains(&(&*name.kind, &*name.value));
        let people = self.people;
        people.graph.rules().all_links().map(|links| {
            let named = links.iter().filter(|(a, b)| is_own(a) || is_own(b));
            let identifier = |name: &'p Name| Identifier::new(&*name.kind, &*name.value);
            named.map(|(a, b)| [identifier(a), identifier(b)]).collect()
        })
    }

    /// The newest value of each attribute in `events`, which are all of the timeline; ties to the smaller
    /// value, as in [`Measure::Attribute`](crate::features::Measure::Attribute).
    fn traits(&self, events: &[Event<'p>]) -> BTreeMap<Cow<'p, str>, Value<'p>> {
        let Lexicon { schema, dictionary } = self.lexicon();
        let log = self.log(Timestamp::from_millis(i64::MAX));
        let mut newest = BTreeMap::new();
        for (event, stored) in events.iter().zip(log) {
            let mut by_name: HashMap<&str, Vec<FieldValue>> = HashMap::new();
            for one in
                stored.values.iter().filter(|one| schema.scope(one.field) == Scope::Attribute)
            {
                by_name.entry(schema.name(one.field)).or_default().push(*one);
            }
            for (name, value) in &event.attributes {
                let own = by_name.remove(&**name).unwrap_or_default();
                let is_newer = |(at, known, _): &(Timestamp, Vec<FieldValue>, &Value<'p>)| {
                    let pairs = own.iter().zip(known);
                    let smaller = pairs.map(|(a, b)| a.compare(*b, dictionary)).find(|o| o.is_ne());
                    event.at > *at || smaller.unwrap_or(own.len().cmp(&known.len())).is_lt()
                };
                if newest.get(name).is_none_or(is_newer) {
                    newest.insert(name, (event.at, own, value));
                }
            }
        }
        // An empty list says that there is no value any more.
        let has_value = |value: &Value<'_>| !matches!(value, Value::List(all) if all.is_empty());
        let newest = newest.into_iter().filter(|(_, (.., value))| has_value(value));
        newest.map(|(name, (.., value))| (name.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::StoreOptions;
    use crate::{FeatureSet, Profiles, Rules};

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    fn people(options: StoreOptions) -> Profiles {
        let features = crate::features::Feature::new("visits", crate::features::Measure::Count);
        let features = FeatureSet::default().with(features);
        Profiles::with_options(Rules::default(), features, options).unwrap()
    }

    #[test]
    fn copies_that_differ_are_exported_and_go_with_the_person() {
        let mut people = people(StoreOptions {
            dedupe: true,
            keep: ["page".into()].into(),
            ..StoreOptions::default()
        });
        let visit = |day, page: &'static str| {
            Event::new("visit", at(day)).id("card", "1").message_id("m").property("page", page)
        };
        people.extend(&[visit(1, "/a"), visit(2, "/b"), visit(1, "/a")]);
        let export = people.get(("card", "1")).unwrap().export(at(9)).unwrap();
        assert_eq!(export.events[0].properties, [("page".into(), "/a".into())]);
        assert_eq!(export.copies[0].properties, [("page".into(), "/b".into())]);
        assert_eq!((export.events.len(), export.copies.len(), export.n_cut), (1, 1, 0));
        // The copy is evidence of the identifier.
        assert_eq!(export.identifiers[0].last, Some(at(2)));
        assert!(serde_json::to_string(&export).unwrap().contains("/b"));
    }

    #[test]
    fn ids_of_messages_and_manual_links_are_exported() {
        let mut people = people(StoreOptions::default());
        let [card, cookie, email] = [("card", "1"), ("cookie", "c"), ("email", "ann@mail.org")]
            .map(|(kind, value)| Identifier::new(kind, value));
        people.observe(&Event::new("visit", at(1)).id("card", "1").message_id("m1")).unwrap();
        people.observe(&Event::new("visit", at(2)).id("card", "1").message_id("m2")).unwrap();
        people
            .observe(&Event::new("visit", at(2)).id("email", "ann@mail.org").message_id("m3"))
            .unwrap();
        people.must_link(&card, &cookie).unwrap();
        people.cannot_link(&card, &email).unwrap();
        let [user, old] = ["7", "old"].map(|value| Identifier::new("user_id", value));
        people.unlink(&user, &old).unwrap();
        let export = |value: &'static str, kind: &'static str| {
            people.get((kind, value)).unwrap().export(at(9)).unwrap()
        };
        let of_card = export("1", "card");
        assert_eq!(of_card.message_ids, ["m1"]);
        assert_eq!(of_card.must_links, [[card.clone(), cookie]]);
        assert_eq!(of_card.cannot_links, [[card.clone(), email.clone()]]);
        assert!(of_card.rejected_aliases.is_empty());
        let of_email = export("ann@mail.org", "email");
        assert_eq!((of_email.must_links.len(), &of_email.cannot_links), (0, &of_card.cannot_links));
        // Whoever gets one of the user ids, has the rejection.
        people.observe(&Event::new("visit", at(3)).id("user_id", "7")).unwrap();
        let of_user = people.get(("user_id", "7")).unwrap().export(at(9)).unwrap();
        assert_eq!(of_user.rejected_aliases.len(), 1);
    }

    #[test]
    fn traits_are_the_newest_values_and_the_features_agree() {
        let column = crate::features::ColumnType::Category;
        let city = crate::features::Measure::Attribute { name: "city".into(), column };
        let features = FeatureSet::default().with(crate::features::Feature::new("city", city));
        let mut people = Profiles::new(Rules::default(), features).unwrap();
        let said = |name: &'static str, day, city: &'static str| {
            Event::new(name, at(day)).id("card", "1").attribute("city", city)
        };
        let city = |people: &Profiles| {
            let export = people.get(("card", "1")).unwrap().export(at(9)).unwrap();
            let crate::features::Values::Categorical(column) = &export.features.columns()[0].values
            else {
                panic!()
            };
            let value = column[0].clone();
            assert_eq!(export.traits.get("city"), value.clone().map(Value::from).as_ref());
            value
        };
        // At one time the smaller value counts, whatever the events are called.
        people.extend(&[said("a", 2, "Oslo"), said("b", 2, "Rome"), said("c", 1, "Bern")]);
        assert_eq!(city(&people), Some("Oslo".into()));
        people.extend(&[said("z", 2, "Lima")]);
        assert_eq!(city(&people), Some("Lima".into()));
        let gone = Event::new("d", at(3)).id("card", "1");
        people.observe(&gone.attribute("city", Value::List(Vec::new()))).unwrap();
        assert_eq!(city(&people), None);
    }

    #[test]
    fn events_that_are_known_by_a_summary_only_are_counted() {
        let mut people = people(StoreOptions { max_log: Some(1), ..StoreOptions::default() });
        for day in 0..5 {
            people.observe(&Event::new("visit", at(day)).id("card", "1")).unwrap();
        }
        let export = people.get(("card", "1")).unwrap().export(at(9)).unwrap();
        assert_eq!((export.events.len(), export.n_cut), (1, 4));
    }

    #[test]
    fn an_untrusted_time_says_nothing_of_when_an_identifier_was_seen() {
        let mut people = people(StoreOptions::default());
        let event = Event::new("visit", at(3)).id("card", "1");
        people.observe(&event).unwrap();
        let card = people.get(("card", "1")).unwrap();
        let seen = card.export(at(9)).unwrap().identifiers;
        assert_eq!((seen[0].first, seen[0].last), (Some(at(3)), Some(at(3))));
        let (card, cookie) = (Identifier::new("card", "1"), Identifier::new("cookie", "c"));
        people.must_link(&card, &cookie).unwrap();
        // Linked by hand, and never seen.
        let seen = people.get(("cookie", "c")).unwrap().export(at(9)).unwrap().identifiers;
        assert_eq!((seen.len(), seen[1].first), (2, None));
    }
}
