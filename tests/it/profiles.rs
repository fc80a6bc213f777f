//! People under every rule: order, shards, manual links and forgetting, seen in their features.

use std::collections::{BTreeMap, BTreeSet};

use personas::profiles::StoreOptions;

use personas::IngestReport;
use personas::features::{Feature, Measure, Values};
use personas::{
    Event, FeatureSet, FeatureTable, Identifier, IdentityGraph, ProfileId, Profiles, Refusal,
    Rules, Timestamp, Value,
};
use proptest::prelude::*;

use super::features::every_measure;
use super::identity::laws::{any_id, any_rules, cases};
use super::identity::naive::{self, Id, Seen};
use super::identity::worlds::{self, id, identifier, time};

/// An event: who, and what.
#[derive(Debug, Clone)]
struct Act {
    seen: Seen,
    purchase: bool,
    amount: i32,
    department: &'static str,
    message: Option<u8>,
}

impl Act {
    fn event(&self) -> Event<'_> {
        let name = if self.purchase { "purchase" } else { "visit" };
        let mut event = Event::new(name, Timestamp::from_millis(self.seen.at))
            .property("amount", f64::from(self.amount) / 4.0)
            .property("department", self.department)
            .attribute("age", self.department);
        for (id, claimed) in &self.seen.ids {
            event.identifiers.push(Identifier { claimed: *claimed, ..identifier(id) });
        }
        match self.message {
            Some(message) => event.message_id(format!("m{message}")),
            None => event,
        }
    }
}

fn an_act() -> impl Strategy<Value = Act> {
    let ids = prop::collection::btree_map(any_id(), prop::bool::weighted(0.2), 1..4);
    let department = prop::sample::select(vec!["A", "B", "5"]);
    let message = prop::option::weighted(0.6, 0u8..4);
    (ids, 0i64..5, any::<bool>(), 0i32..3, department, message).prop_map(
        |(ids, at, purchase, amount, department, message)| Act {
            seen: Seen { ids, at: time(at) },
            purchase,
            amount,
            department,
            message,
        },
    )
}

fn world() -> impl Strategy<Value = (naive::Rules, Vec<Act>, bool)> {
    (any_rules(), prop::collection::vec(an_act(), 1..12), any::<bool>())
}

/// Nobody yet, under these rules; with a look-out for duplicates or not.
fn empty(rules: &naive::Rules, dedupe: bool) -> Profiles {
    let options = StoreOptions { dedupe, ..StoreOptions::default() };
    Profiles::with_options(worlds::rules(rules), every_measure(), options).unwrap()
}

fn extend<'a>(people: &mut Profiles, acts: impl IntoIterator<Item = &'a Act>) -> IngestReport {
    let events: Vec<Event<'_>> = acts.into_iter().map(Act::event).collect();
    people.extend(&events)
}

fn play<'a>(
    rules: &naive::Rules,
    dedupe: bool,
    acts: impl IntoIterator<Item = &'a Act>,
) -> Profiles {
    let mut people = empty(rules, dedupe);
    extend(&mut people, acts);
    people
}

/// Who everybody is and what they did, as of two moments.
fn state(people: &Profiles) -> (Vec<ProfileId>, usize, usize, [FeatureTable; 2]) {
    let tables = [2, 1000].map(|at| people.features(Timestamp::from_millis(time(at))).unwrap());
    (people.identity().profiles(), people.n_profiles(), people.n_unattributed(), tables)
}

fn numbers<'t>(table: &'t FeatureTable, column: &str) -> &'t [Option<f64>] {
    match &table.column(column).unwrap().values {
        Values::Numeric(values) => values,
        other => panic!("{column} is {other:?}"),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_order_batches_and_shards_give_the_same_people_and_features(
        (rules, acts, dedupe) in world(),
        keys in prop::collection::vec(any::<u32>(), 12),
        cut in 0usize..12,
    ) {
        let mut whole = empty(&rules, dedupe);
        let ingest = extend(&mut whole, &acts);
        let refused = acts.iter().filter(|act| rules.refuses(&act.seen)).count();
        prop_assert_eq!(ingest.n_refused(), refused);
        prop_assert_eq!(ingest.accepted + ingest.duplicates, acts.len() - refused);
        let expected = state(&whole);

        let mut shuffled: Vec<(u32, &Act)> = keys.iter().copied().zip(&acts).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let (early, late) = shuffled.split_at(cut.min(acts.len()));
        let mut live = play(&rules, dedupe, early.iter().map(|(_, act)| *act));
        for (key, act) in late {
            let _ = live.observe(&act.event());
            if key % 2 == 0 {
                state(&live);
            }
        }
        prop_assert_eq!(&state(&live), &expected);

        let part = |wanted: u32| {
            let mine = shuffled.iter().filter(|(key, _)| key % 3 == wanted);
            play(&rules, dedupe, mine.map(|(_, act)| *act))
        };
        let (mut left, mut right) = (part(0), part(2));
        left.merge(&part(1)).unwrap();
        left.merge(&part(2)).unwrap();
        prop_assert_eq!(&state(&left), &expected);
        right.merge(&part(1)).unwrap();
        let mut nested = part(0);
        nested.merge(&right).unwrap();
        prop_assert_eq!(&state(&nested), &expected);
        prop_assert!(nested.identity() == whole.identity());
        if dedupe {
            // What is there already counts no second time where every event has an id.
            let with_ids = || acts.iter().filter(|act| act.message.is_some());
            let mut twice = play(&rules, true, with_ids());
            let once = state(&twice);
            twice.merge(&play(&rules, true, with_ids())).unwrap();
            prop_assert_eq!(state(&twice), once);
        }
    }

    #[test]
    fn everybody_has_the_events_that_identity_says_are_theirs(
        (rules, acts, _) in world(),
    ) {
        let people = play(&rules, false, &acts);
        let (mut theirs, mut nobodys) = (BTreeMap::<ProfileId, f64>::new(), 0);
        for event in acts.iter().filter(|act| !rules.refuses(&act.seen)).map(Act::event) {
            match people.identity().profile_of(&event).unwrap() {
                Some(id) => *theirs.entry(id).or_default() += 1.0,
                None => nobodys += 1,
            }
        }
        prop_assert_eq!(people.n_unattributed(), nobodys);
        let table = people.features(Timestamp::from_millis(time(1000))).unwrap();
        let counts = numbers(&table, "count").iter().map(|count| count.unwrap());
        let rows: BTreeMap<ProfileId, f64> = table.ids().iter().copied().zip(counts).collect();
        prop_assert_eq!(&rows, &theirs);
        prop_assert_eq!(table.n_rows(), rows.len());
        for id in acts.iter().flat_map(|act| act.seen.ids.keys()) {
            let found = people.get((&id.0, &id.1));
            // A profile to which nothing that was observed belongs is nobody.
            let expected = people.identity().get((&id.0, &id.1));
            let expected = expected.filter(|id| theirs.contains_key(id));
            prop_assert_eq!(found.as_ref().map(|profile| profile.id), expected);
            if let Some(profile) = found {
                let n = theirs.get(&profile.id).copied().unwrap_or(0.0);
                prop_assert_eq!(profile.n_events as f64, n);
                let identifiers = people.identity().identifiers(profile.id);
                prop_assert_eq!(profile.identifiers(), identifiers.as_slice());
            }
        }
    }

    #[test]
    fn manual_links_said_late_and_taken_back_leave_no_trace((rules, acts, dedupe) in world()) {
        let none = BTreeSet::new();
        let plain = naive::Rules { must: none.clone(), cannot: none, ..rules.clone() };
        let mut people = play(&plain, dedupe, &acts);
        let before = state(&people);
        for (a, b) in &rules.must {
            people.must_link(&identifier(a), &identifier(b)).unwrap();
        }
        for (a, b) in &rules.cannot {
            people.cannot_link(&identifier(a), &identifier(b)).unwrap();
        }
        prop_assert_eq!(state(&people), state(&play(&rules, dedupe, &acts)));
        for (a, b) in rules.must.iter().chain(&rules.cannot) {
            people.unlink(&identifier(a), &identifier(b)).unwrap();
        }
        prop_assert_eq!(state(&people), before);
    }

    #[test]
    fn the_forgotten_were_never_there_and_do_not_come_back(
        (rules, acts, dedupe) in world(),
        of in any_id(),
        whole_profile in any::<bool>(),
        late in prop::collection::vec(an_act(), 0..5),
    ) {
        let mut people = play(&rules, dedupe, &acts);
        let gone: BTreeSet<Id> = match people.identity().get((&of.0, &of.1)) {
            Some(profile) if whole_profile => {
                let would = people.identity().would_forget(profile).unwrap();
                prop_assert_eq!(&people.forget(profile).unwrap(), &would);
                would.identifiers.iter().map(|i| id(&i.kind, &i.value)).collect()
            }
            _ => {
                let would = people.identity().would_forget((&of.0, &of.1));
                prop_assert_eq!(people.forget((&of.0, &of.1)), would);
                BTreeSet::from([of])
            }
        };
        let seen: Vec<Seen> = acts.iter().map(|act| act.seen.clone()).collect();
        let left = naive::left(&rules, &seen, &gone);
        let left: Vec<Act> = left
            .into_iter()
            .zip(&acts)
            .filter_map(|(seen, act)| Some(Act { seen: seen?, ..act.clone() }))
            .collect();
        let mut left_rules = rules.clone();
        naive::forget(&mut left_rules, &seen, &gone);
        let mut never = play(&left_rules, dedupe, &left);
        for (kind, value) in &gone {
            never.forget((kind, value)).unwrap();
        }
        prop_assert_eq!(state(&people), state(&never));

        // What comes later is dropped or loses what was forgotten, by whatever way it comes.
        let ingest = extend(&mut never, &late);
        prop_assert_eq!(
            ingest.accepted + ingest.duplicates + ingest.suppressed + ingest.n_refused(),
            late.len()
        );
        let expected = state(&never);
        let mut merged = people.clone();
        merged.merge(&play(&left_rules, dedupe, &late)).unwrap();
        prop_assert_eq!(&state(&merged), &expected);
        let mut other = play(&left_rules, dedupe, &late);
        other.merge(&people).unwrap();
        prop_assert_eq!(&state(&other), &expected);
        extend(&mut people, &late);
        prop_assert_eq!(&state(&people), &expected);
    }
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
}

fn count_and_sum() -> FeatureSet {
    FeatureSet::default()
        .with(Feature::new("count", Measure::Count))
        .with(Feature::new("sum", Measure::Sum("amount".into())))
}

fn people(events: &[Event<'_>]) -> Profiles {
    let mut people = Profiles::new(Rules::default(), count_and_sum()).unwrap();
    let ingest = people.extend(events);
    assert_eq!(ingest.accepted, events.len(), "{ingest}");
    people
}

#[test]
fn a_long_log_is_the_same_whichever_end_it_comes_from_and_wherever_it_is_added_to() {
    // Every seventh event has a copy that comes first in content, and every eleventh a later one.
    let event = |i: i64, amount: i64| {
        let at = Timestamp::from_millis(1_500_000_000_000 + i / 3 * 60_000);
        let event = Event::new("purchase", at).id("card", "1").message_id(format!("m{i}"));
        event.property("amount", amount as f64)
    };
    let mut events: Vec<Event<'_>> = (0..4000).map(|i| event(i, i)).collect();
    events.extend((0..4000).step_by(7).map(|i| event(i, -1)));
    events.extend((0..4000).step_by(11).map(|i| event(i, i + 1)));
    let as_of = at(1);
    let state = |people: &Profiles| {
        let ann = people.get(("card", "1")).unwrap();
        let past = people.features(Timestamp::from_millis(1_500_000_000_000 + 40_000_000)).unwrap();
        let steps: Vec<Event<'_>> = ann.timeline(as_of).collect();
        (ann.n_events, ann.first_seen, format!("{steps:?}"), past, people.features(as_of).unwrap())
    };
    let store = || {
        Profiles::with_options(
            Rules::default(),
            FeatureSet::engagement().with(Feature::new("spend", Measure::Sum("amount".into()))),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap()
    };
    let mut batch = store();
    batch.extend(&events);
    let expected = state(&batch);
    assert_eq!(expected.0, 4000);

    let mut backwards = store();
    events.iter().rev().for_each(|event| drop(backwards.observe(event).unwrap()));
    assert_eq!(state(&backwards), expected);
    // 2897 has no divisor in common with the number of events.
    let mut scattered = store();
    for i in 0..events.len() {
        scattered.observe(&events[i * 2897 % events.len()]).unwrap();
    }
    assert_eq!(state(&scattered), expected);
    // A long log from a batch, added to in the middle live, then in bulk, and a shard merged in.
    let part = |n: usize| events.iter().skip(n).step_by(4).cloned().collect::<Vec<Event<'_>>>();
    let (mut mixed, mut shard) = (store(), store());
    mixed.extend(&part(2));
    part(1).iter().rev().for_each(|event| drop(mixed.observe(event).unwrap()));
    mixed.extend(&part(3));
    part(0).iter().rev().for_each(|event| drop(shard.observe(event).unwrap()));
    mixed.merge(&shard).unwrap();
    assert_eq!(state(&mixed), expected);
}

#[test]
fn events_without_local_time_are_counted_only_where_a_feature_needs_it() {
    let visit = |card: &'static str, offset: Option<i16>| {
        Event::new("visit", at(1)).utc_offset(offset).id("card", card)
    };
    // The last is refused: it has no identifier that may be one.
    let events = [visit("a", None), visit("b", Some(60)), visit("c", None), visit("a\nb", None)];
    for (property, n) in [("@weekday", 2), ("@event", 0), ("weekday", 0)] {
        let set = FeatureSet::default()
            .with(Feature::new("most", Measure::MostFrequent(property.into())));
        let mut all = Profiles::new(Rules::default(), set).unwrap();
        let report = all.extend(&events);
        assert_eq!((report.accepted, report.without_local_time), (3, n), "{property}");
    }
}

#[test]
fn case_5_cannot_link_gives_back_the_two_with_exactly_their_features() {
    let spend = |day, amount: f64| Event::new("purchase", at(day)).property("amount", amount);
    let before = [
        spend(0, 1.0).id("user_id", "1").id("cookie", "a"),
        spend(1, 2.0).id("cookie", "a"),
        spend(2, 4.0).id("email", "e@shop.org").id("cookie", "b"),
        spend(3, 8.0).id("cookie", "b"),
    ];
    let apart = people(&before).features(at(9)).unwrap();
    assert_eq!(numbers(&apart, "sum"), [Some(3.0), Some(12.0)]);

    // One event carries both; it brings nothing of its own but itself.
    let mut joined = before.to_vec();
    joined.push(spend(4, 16.0).id("user_id", "1").id("email", "e@shop.org"));
    let mut all = people(&joined);
    let one = all.features(at(9)).unwrap();
    assert_eq!(numbers(&one, "sum"), [Some(31.0)]);
    let (user, email) = (Identifier::new("user_id", "1"), Identifier::new("email", "e@shop.org"));
    all.cannot_link(&user, &email).unwrap();
    let two = all.features(at(9)).unwrap();
    assert_eq!(two.ids(), apart.ids());
    assert_eq!(numbers(&two, "count"), [Some(3.0), Some(2.0)]);
    assert_eq!(numbers(&two, "sum"), [Some(19.0), Some(12.0)]);
    // As of the day before it came there is no difference at all.
    assert_eq!(all.features(at(3)).unwrap(), people(&before).features(at(3)).unwrap());
    all.unlink(&user, &email).unwrap();
    assert_eq!(all.features(at(9)).unwrap(), one);
}

#[test]
fn an_event_that_could_be_anybodys_is_counted_and_in_no_features() {
    let visit = |day| Event::new("visit", at(day));
    let claim = visit(3).claimed_id("email", "ann@shop.org");
    let mut all = people(&[visit(1).id("cookie", "null"), visit(2).id("cookie", ""), claim]);
    // Nobody has verified the address yet, so the claim is a profile of its own.
    assert_eq!((all.n_unattributed(), all.n_profiles(), all.newest()), (2, 1, Some(at(3))));
    all.observe(&visit(0).id("email", "ann@shop.org")).unwrap();
    assert_eq!((all.n_unattributed(), all.n_profiles(), all.newest()), (3, 1, Some(at(0))));
    let table = all.features(at(9)).unwrap();
    assert_eq!(numbers(&table, "count"), [Some(1.0)]);
    assert!(all.get(("cookie", "null")).is_none());
}

#[test]
fn what_identity_refuses_is_refused_and_counted_with_examples() {
    let visit = || Event::new("visit", at(1)).id("user_id", "1");
    let events = [
        visit(),
        visit().id("user_id", "2"),
        visit().id("cookie", "a\0b"),
        visit().id("user_id", "3"),
        Event::new("visit", at(1)),
    ];
    let mut all = Profiles::new(Rules::default(), count_and_sum()).unwrap();
    let ingest = all.extend(&events);
    // A bad identifier beside a good one costs itself.
    let counts = (ingest.accepted, ingest.n_refused(), ingest.bad_identifiers);
    assert_eq!(counts, (2, 3, 1));
    let said: Vec<_> = ingest.refused.iter().map(|r| (&r.what, r.n, &r.examples[..])).collect();
    assert_eq!(
        said,
        [
            (&Refusal::TwoValues { kind: "user_id".into() }, 2, &[1, 3][..]),
            (&Refusal::NoIdentifier, 1, &[4]),
        ]
    );
    assert_eq!(all.identity().health().identifiers, 1);
}

#[test]
fn a_broken_clock_is_refused_with_its_event_though_the_graph_alone_would_take_it() {
    let event = Event::new("visit", Timestamp::from_millis(i64::MAX)).id("cookie", "c");
    let mut all = Profiles::new(Rules::default(), count_and_sum()).unwrap();
    let ingest = all.extend([&event]);
    assert!(matches!(ingest.refused[0].what, Refusal::OutsideClock { .. }));
    assert!(all.n_profiles() == 0);
    let mut graph = IdentityGraph::new(Rules::default()).unwrap();
    graph.observe(&event).unwrap();
    assert!(graph.get(("cookie", "c")).is_some());
}

#[test]
fn the_copy_that_counts_next_takes_the_place_of_a_forgotten_one() {
    let copy = |user: &'static str, day, amount: f64| {
        let event = Event::new("purchase", at(day)).id("user_id", user).property("amount", amount);
        event.message_id("m")
    };
    let events = [copy("1", 2, 1.0), copy("2", 1, 2.0), copy("3", 3, 4.0), copy("2", 1, 2.0)];
    let mut all = Profiles::with_options(
        Rules::default(),
        count_and_sum(),
        StoreOptions { dedupe: true, ..StoreOptions::default() },
    )
    .unwrap();
    let ingest = all.extend(&events);
    assert_eq!((ingest.accepted, ingest.duplicates), (1, 3));
    for (expected, next) in [(2.0, "2"), (1.0, "1"), (4.0, "3")] {
        let table = all.features(at(9)).unwrap();
        assert_eq!(numbers(&table, "sum"), [Some(expected)]);
        all.forget(("user_id", next)).unwrap();
    }
    assert!(all.n_profiles() == 0);
}

#[test]
fn an_address_beyond_the_limit_of_a_person_is_nobody() {
    let mut people =
        Profiles::new(Rules::default().limit("email", 2), FeatureSet::retail()).unwrap();
    for n in 0..3 {
        let at = Timestamp::from_millis(time(n));
        let event = Event::new("visit", at).id("user_id", "7").id("email", format!("{n}@mail.org"));
        people.observe(&event).unwrap();
    }
    assert_eq!(people.get(("email", "1@mail.org")).map(|ann| ann.n_events), Some(3));
    assert!(people.get(("email", "2@mail.org")).is_none());
    assert_eq!(people.features(Timestamp::from_millis(time(9))).unwrap().n_rows(), 1);
}

#[test]
fn memory_counts_the_bytes_of_what_is_stored_and_not_many_more() {
    const N: usize = 5000;
    let shares = Measure::TopShares { property: "kind".into(), by: None, n: 2 };
    let features = FeatureSet::default().with(Feature::new("kinds", shares));
    let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
    let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
    for person in 0..N {
        let event = Event::new("visit", Timestamp::from_millis(time(person as i64)))
            .id("card", format!("a card with the number {person:08}"))
            .property("kind", format!("{person:0200}"))
            .message_id(format!("a message with the number {person:08}"));
        people.observe(&event).unwrap();
    }
    let between = |what: &str, bytes: usize, each: (usize, usize)| {
        assert!((each.0 * N..=each.1 * N).contains(&bytes), "{what}: {bytes}");
    };
    let memory = people.memory();
    between("texts of 200 bytes", memory.texts, (200, 400));
    between("events with a name and a value", memory.events, (24, 400));
    between("a name of 31 bytes", memory.identifiers, (31, 150));
    between("sets with a message id", memory.evidence, (16, 400));
    for person in 0..N {
        people.forget(("card", &*format!("a card with the number {person:08}"))).unwrap();
    }
    between("marks of 16 bytes", people.memory().marks, (16, 24));
}

#[test]
fn of_two_copies_of_a_message_the_same_counts_also_if_one_has_more_values() {
    let copy = |kinds: &[&'static str]| {
        let kinds: Vec<Value<'_>> = kinds.iter().map(|&kind| kind.into()).collect();
        Event::new("visit", Timestamp::from_millis(time(0)))
            .id("card", "1")
            .property("kind", kinds)
            .message_id("m")
    };
    let shares = Measure::TopShares { property: "kind".into(), by: None, n: 3 };
    let table = |events: [Event<'static>; 2]| {
        let features = FeatureSet::default().with(Feature::new("kinds", shares.clone()));
        let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
        let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
        assert_eq!(people.extend(&events).differing, 1);
        people.features(Timestamp::from_millis(time(1))).unwrap()
    };
    for (fewer, more) in [(&["a"][..], &["a", "b"][..]), (&["b"], &["a", "b"]), (&[], &["a"])] {
        let (fewer, more) = (copy(fewer), copy(more));
        assert_eq!(table([fewer.clone(), more.clone()]), table([more, fewer]));
    }
}
