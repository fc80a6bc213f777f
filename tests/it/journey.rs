//! Timelines, funnels, paths and peaks: small ones by hand, and laws over made-up ones.

use std::collections::{BTreeMap, BTreeSet};

use personas::profiles::StoreOptions;

use personas::features::{Condition, EventFilter, Feature, Funnel, Measure, StepOrder, Values};
use personas::journey::{FunnelReport, PathReport, Paths, PeakReport, Tally};
use personas::{
    Error, Event, FeatureSet, Identifier, ProfileId, Profiles, Rules, Timestamp, Value,
};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_500_000_000_000 + minute * MINUTE)
}

const LATER: i64 = 1_000_000;

fn event(person: u32, name: &'static str, minute: i64) -> Event<'static> {
    Event::new(name, at(minute)).id("card", format!("c{person}"))
}

fn keeping(options: StoreOptions) -> Profiles {
    Profiles::with_options(Rules::default(), FeatureSet::default(), options).unwrap()
}

fn empty() -> Profiles {
    keeping(StoreOptions {
        keep: ["page".into(), "@hour".into()].into(),
        ..StoreOptions::default()
    })
}

fn people(events: &[Event<'_>]) -> Profiles {
    let mut people = empty();
    assert_eq!(people.extend(events).accepted, events.len());
    people
}

/// How many people reached each step.
fn reached(report: &FunnelReport) -> Vec<usize> {
    report.steps.iter().map(|step| step.n_people).collect()
}

/// Of, how often, by how many.
fn rows(tallies: &[Tally]) -> Vec<(String, usize, usize)> {
    tallies.iter().map(|tally| (tally.of.join(" "), tally.n, tally.n_people)).collect()
}

fn row(of: &str, n: usize, n_people: usize) -> (String, usize, usize) {
    (of.to_owned(), n, n_people)
}

#[test]
fn steps_of_one_second_convert_in_full_whatever_their_names_and_order_of_arrival() {
    // Names that sort against the order of the steps: an ordering by time and name alone gives 0 %.
    let mut events = vec![event(1, "visit", 0), event(1, "pay", 0), event(1, "done", 0)];
    for _ in 0..3 {
        events.rotate_left(1);
        let report = people(&events)
            .funnel(&Funnel::new(["visit", "pay", "done"]), at(0), |_| true)
            .unwrap();
        assert_eq!(reached(&report), [1, 1, 1]);
        assert_eq!(report.steps[2].conversion, Some(1.0));
        assert_eq!(report.steps[2].days_from_start, Some([0.0; 3]));
    }
}

#[test]
fn copies_of_an_event_do_not_break_a_funnel_and_a_repeated_step_needs_two_events() {
    let funnel = Funnel::new(["visit", "visit", "pay"]);
    let visit = || event(1, "visit", 0).message_id("m");
    let events = [visit(), visit(), event(1, "pay", 0)];
    assert_eq!(reached(&people(&events).funnel(&funnel, at(0), |_| true).unwrap()), [1, 1, 1]);
    let mut deduped = keeping(StoreOptions { dedupe: true, ..StoreOptions::default() });
    deduped.extend(&events);
    assert_eq!(reached(&deduped.funnel(&funnel, at(0), |_| true).unwrap()), [1, 0, 0]);
}

#[test]
fn a_report_tells_conversion_drop_off_and_times() {
    let day = 1440;
    let events = [
        event(1, "visit", 0),
        event(1, "pay", 2 * day),
        event(2, "visit", 0),
        event(2, "look", 5),
        event(2, "pay", 4 * day),
        event(3, "visit", 0),
        event(3, "pay", 15 * day),
        event(4, "pay", 0),
    ];
    let people = people(&events);
    let funnel = Funnel::new(["visit", "pay"]);
    let report = people.funnel(&funnel, at(LATER), |_| true).unwrap();
    assert_eq!((report.n_people, reached(&report)), (4, vec![3, 2]));
    let pay = &report.steps[1];
    assert_eq!(
        (pay.n_dropped, pay.conversion, pay.step_conversion),
        (1, Some(2.0 / 3.0), Some(2.0 / 3.0))
    );
    assert_eq!(pay.days_from_previous, Some([2.5, 3.0, 3.5]));
    assert_eq!(reached(&people.funnel(&funnel, at(3 * day), |_| true).unwrap()), [3, 1]);
    assert_eq!(
        reached(
            &people
                .funnel(&Funnel { within_days: 15.0, ..funnel.clone() }, at(LATER), |_| true)
                .unwrap()
        ),
        [3, 3]
    );
    assert_eq!(
        reached(&people.funnel(&strict(funnel.clone()), at(LATER), |_| true).unwrap()),
        [3, 1]
    );
    assert_eq!(
        reached(&people.funnel(&any_order(funnel.clone()), at(LATER), |_| true).unwrap()),
        [4, 2]
    );
    assert_eq!(
        reached(
            &people
                .funnel(&Funnel { exclude: vec!["look".into()], ..funnel }, at(LATER), |_| true)
                .unwrap()
        ),
        [3, 1]
    );
    let nobody = empty().funnel(&Funnel::new(["visit"]), at(0), |_| true).unwrap();
    assert_eq!((nobody.n_people, reached(&nobody), nobody.steps[0].conversion), (0, vec![0], None));
}

#[test]
fn steps_may_test_properties_that_are_kept_and_only_those() {
    let spend = Feature::new("spend", Measure::Sum("amount".into()));
    let set = || FeatureSet::default().with(spend.clone());
    let large = EventFilter::from("pay").when("amount", Condition::AtLeast(10.0));
    let funnel = Funnel::new(["visit".into(), large.clone()]);
    let events = [
        event(1, "visit", 0),
        event(1, "pay", 1).property("amount", 20.0),
        event(2, "visit", 0),
        event(2, "pay", 1).property("amount", 5.0),
    ];
    // A property of which only the number is kept has no text to test: an error, not a silent zero.
    let mut lacking = Profiles::new(Rules::default(), set()).unwrap();
    lacking.extend(&events);
    assert_eq!(reached(&lacking.funnel(&funnel, at(9), |_| true).unwrap()), [2, 1]);
    let twenty = EventFilter::from("pay").when("amount", Condition::Equals("20".into()));
    let of_text = Funnel::new(["visit".into(), twenty.clone()]);
    let error = lacking.funnel(&of_text, at(9), |_| true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "property \"amount\" is not stored as this report reads it; add it to StoreOptions::keep"
    );
    for result in [
        lacking
            .paths(&Paths { by: Some("page".into()), ..Paths::default() }, at(9), |_| true)
            .map(drop),
        lacking
            .paths(&Paths { events: twenty.clone(), ..Paths::default() }, at(9), |_| true)
            .map(drop),
        lacking.peaks("@hour", &EventFilter::default(), at(9), |_| true).map(drop),
        lacking.peaks("amount", &EventFilter::default(), at(9), |_| true).map(drop),
        lacking
            .funnel(&Funnel { exclude: vec![twenty], ..Funnel::new(["visit"]) }, at(9), |_| true)
            .map(drop),
        lacking
            .funnel(&Funnel::new([large.when("gift", Condition::Less(1.0))]), at(9), |_| true)
            .map(drop),
    ] {
        assert!(matches!(result, Err(Error::PropertyNotStored { .. })), "{result:?}");
    }
    let mut keeping = Profiles::with_options(
        Rules::default(),
        set(),
        StoreOptions { keep: ["amount".into()].into(), ..StoreOptions::default() },
    )
    .unwrap();
    keeping.extend(&events);
    assert_eq!(reached(&keeping.funnel(&of_text, at(9), |_| true).unwrap()), [2, 1]);
    let moon = StoreOptions { keep: ["@moon".into()].into(), ..StoreOptions::default() };
    let refused = Profiles::with_options(Rules::default(), FeatureSet::default(), moon);
    assert!(matches!(refused, Err(Error::InvalidRule { .. })));
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let people = empty();
    let steps: [&str; 0] = [];
    let say = |result: Result<(), Error>| result.unwrap_err().to_string();
    assert!(
        say(people.funnel(&Funnel::new(steps), at(0), |_| true).map(drop))
            .starts_with("steps must be")
    );
    let endless = Funnel { within_days: f64::INFINITY, ..Funnel::new(["visit"]) };
    assert!(
        say(people.funnel(&endless, at(0), |_| true).map(drop)).starts_with("within_days must be")
    );
    let paths = [
        Paths { depth: 0, ..Paths::default() },
        Paths { top: 0, ..Paths::default() },
        Paths { gap_minutes: f64::NAN, ..Paths::default() },
    ];
    for (paths, name) in paths.iter().zip(["depth", "top", "gap_minutes"]) {
        assert!(say(people.paths(paths, at(0), |_| true).map(drop)).starts_with(name));
    }
    let unknown = Paths { by: Some("@moon".into()), ..Paths::default() };
    assert!(say(people.paths(&unknown, at(0), |_| true).map(drop)).contains("@moon"));
    let feature = Feature::new("far", Measure::FurthestStep(Funnel::new(steps)));
    let result = Profiles::new(Rules::default(), FeatureSet::default().with(feature));
    assert_eq!(say(result.map(drop)), "feature \"far\": steps must be 1 to 32 filters, but is 0");
}

#[test]
fn two_stores_merge_if_they_keep_the_same_in_whatever_order_it_was_asked_for() {
    let mut a = keeping(StoreOptions {
        keep: ["page".into(), "@hour".into(), "colour".into()].into(),
        ..StoreOptions::default()
    });
    let mut b = keeping(StoreOptions {
        keep: ["colour".into(), "page".into()].into(),
        ..StoreOptions::default()
    });
    b.observe(&event(1, "visit", 0)).unwrap();
    assert!(matches!(a.clone().merge(&b), Err(Error::InvalidParameter { .. })));
    let mut b = keeping(StoreOptions {
        keep: ["colour".into(), "@hour".into(), "page".into()].into(),
        ..StoreOptions::default()
    });
    b.observe(&event(1, "visit", 0)).unwrap();
    b.observe(&event(1, "visit", 1).property("page", "/a").property("colour", "red")).unwrap();
    a.merge(&b).unwrap();
    let pages = a.peaks("page", &EventFilter::default(), at(9), |_| true).unwrap();
    assert_eq!((rows(&pages.values), pages.n_without), (vec![row("/a", 1, 1)], 1));
}

#[test]
fn paths_are_counted_within_sessions_by_number_and_by_people() {
    let events = [
        event(1, "home", 0),
        event(1, "item", 1),
        event(1, "item", 2),
        event(1, "cart", 31),
        // Thirty minutes later to the millisecond: another session.
        event(1, "home", 61),
        event(1, "item", 62),
        event(2, "home", 0),
        // At one time, in the order of their names.
        event(2, "item", 5),
        event(2, "cart", 5),
    ];
    let people = people(&events);
    let report = people.paths(&Paths::default(), at(LATER), |_| true).unwrap();
    assert_eq!((report.n_people, report.n_sessions), (2, 3));
    assert_eq!(rows(&report.starts), [row("home", 3, 2)]);
    assert_eq!(rows(&report.ends), [row("item", 2, 2), row("cart", 1, 1)]);
    let expected = [
        row("home item", 2, 1),
        row("cart item", 1, 1),
        row("home cart", 1, 1),
        row("item cart", 1, 1),
    ];
    assert_eq!(rows(&report.transitions), expected);
    let expected =
        [row("home cart item", 1, 1), row("home item", 1, 1), row("home item cart", 1, 1)];
    assert_eq!(rows(&report.paths), expected);
    let short =
        people.paths(&Paths { depth: 2, top: 1, ..Paths::default() }, at(LATER), |_| true).unwrap();
    assert_eq!(rows(&short.paths), [row("home item", 2, 1)]);
    let repeats =
        people.paths(&Paths { repeats: true, ..Paths::default() }, at(LATER), |_| true).unwrap();
    assert!(rows(&repeats.transitions).contains(&row("item item", 1, 1)));
    let items = people
        .paths(&Paths { events: "item".into(), ..Paths::default() }, at(LATER), |_| true)
        .unwrap();
    assert_eq!((items.n_sessions, rows(&items.paths)), (3, vec![row("item", 3, 2)]));
    let text = report.to_string();
    assert!(
        text.starts_with("3 sessions of 2 people\n\nstart  times  per session  people\n"),
        "{text}"
    );
}

#[test]
fn steps_are_called_by_a_property_where_that_is_asked_for() {
    let page = |minute, page| event(1, "page", minute).property("page", page);
    let several = Value::List(vec!["/z".into(), "/b".into()]);
    let events = [
        page(0, "/a"),
        event(1, "click", 1),
        page(2, "/b"),
        event(1, "page", 3).property("page", several),
    ];
    let report = people(&events)
        .paths(&Paths { by: Some("page".into()), ..Paths::default() }, at(LATER), |_| true)
        .unwrap();
    assert_eq!(rows(&report.paths), [row("/a /b", 1, 1)]);
}

#[test]
fn reports_of_many_people_add_up_over_all_chunks_of_work() {
    let n = 5000;
    let events: Vec<Event<'_>> = (0..n)
        .flat_map(|person| [event(person, "a", 0).utc_offset(0), event(person, "b", 1)])
        .collect();
    let (people, n) = (people(&events), n as usize);
    let paths = people.paths(&Paths::default(), at(LATER), |_| true).unwrap();
    assert_eq!((paths.n_people, rows(&paths.transitions)), (n, vec![row("a b", n, n)]));
    let peaks = people.peaks("@hour", &EventFilter::default(), at(LATER), |_| true).unwrap();
    assert_eq!((peaks.n_people, peaks.n_events, peaks.n_without), (n, 2 * n, n));
    assert!(peaks.values.iter().any(|hour| (hour.n, hour.n_people) == (n, n)));
    assert_eq!(
        reached(&people.funnel(&Funnel::new(["a", "b"]), at(LATER), |_| true).unwrap()),
        [n, n]
    );
}

#[test]
fn peaks_are_those_of_local_clocks_and_complete() {
    let local = |person: &'static str, text| {
        let (at, offset) = Timestamp::parse_with_offset(text).unwrap();
        Event::new("visit", at).id("card", person).utc_offset(offset)
    };
    let events = [
        local("1", "2017-03-01T09:30:00+01:00"), // a Wednesday
        local("1", "2017-03-02T09:00:00+01:00"),
        local("2", "2017-03-01T23:30:00-05:00"),
        local("2", "2017-03-01T23:30:00Z"),
    ];
    let mut people = keeping(StoreOptions {
        keep: ["page".into(), "@hour".into(), "@weekday".into(), "@date".into()].into(),
        ..StoreOptions::default()
    });
    people.extend(&events);
    let peaks = |property| people.peaks(property, &"visit".into(), at(LATER), |_| true).unwrap();
    let hours = peaks("@hour");
    assert_eq!((hours.n_people, hours.n_events, hours.n_without), (2, 4, 1));
    assert!(
        hours.values.iter().map(|tally| tally.of[0].clone()).eq((0..24).map(|h| h.to_string()))
    );
    assert_eq!(rows(&hours.values)[9], row("9", 2, 1));
    assert_eq!((hours.values[23].n, hours.values[10].n), (1, 0));
    let days = peaks("@weekday");
    assert_eq!(rows(&days.values)[2..4], [row("wednesday", 2, 2), row("thursday", 1, 1)]);
    assert_eq!(days.values.len(), 7);
    let dates = peaks("@date");
    assert_eq!(rows(&dates.values), [row("2017-03-01", 2, 2), row("2017-03-02", 1, 1)]);
    let text = dates.to_string();
    assert!(
        text.ends_with("2017-03-02       1    25%       1\n(none)           1    25%\n"),
        "{text}"
    );
    let none = people.peaks("@hour", &"never".into(), at(LATER), |_| true).unwrap();
    assert_eq!((none.n_events, none.values.len()), (0, 24));
}

#[test]
fn values_that_are_numbers_are_in_their_order_before_texts() {
    let events: Vec<Event<'_>> =
        [Value::from(10.0), 9.0.into(), "b".into(), "-1".into(), true.into()]
            .into_iter()
            .map(|value| event(1, "visit", 0).property("page", value))
            .collect();
    let pages =
        people(&events).peaks("page", &EventFilter::default(), at(LATER), |_| true).unwrap();
    let order: Vec<&str> = pages.values.iter().map(|tally| tally.of[0].as_str()).collect();
    assert_eq!(order, ["-1", "9", "10", "b", "true"]);
}

#[test]
fn a_timeline_tells_what_is_kept_in_order_of_time_up_to_a_moment() {
    let due = at(7);
    let mut people = keeping(StoreOptions {
        keep: ["page".into(), "@hour".into(), "due".into()].into(),
        ..StoreOptions::default()
    });
    let list = Value::List(vec!["b".into(), 2.0.into(), "a".into()]);
    people.observe(&event(1, "pay", 5).property("page", list).property("due", due)).unwrap();
    people.observe(&event(1, "late", 3).property("page", 7.5).property("secret", 1.0)).unwrap();
    people.observe(&event(1, "visit", 3).property("page", false).utc_offset(0)).unwrap();
    people.observe(&event(1, "future", 6)).unwrap();
    let ann = people.get(("card", "c1")).unwrap();
    let steps: Vec<Event<'_>> = ann.timeline(at(5)).collect();
    let list = Value::List(vec![2.0.into(), "a".into(), "b".into()]);
    let expected = [
        Event::new("late", at(3)).property("page", 7.5),
        Event::new("visit", at(3)).property("@hour", 2.0).property("page", "false"),
        Event::new("pay", at(5)).property("due", due).property("page", list),
    ];
    assert_eq!(steps, expected);
    assert_eq!(ann.timeline(at(0)).count(), 0);
}

#[test]
fn funnels_and_transitions_are_features_over_the_events_of_a_window() {
    let funnel = || Funnel::new(["visit", "pay"]);
    let mut set = FeatureSet::from_iter([
        Feature::new("far", Measure::FurthestStep(funnel())),
        Feature::new("days", Measure::FunnelDays(funnel())),
        Feature::new("lately", Measure::FurthestStep(funnel())).within_days(1.0),
        Feature::new("way", Measure::MostFrequentTransition(30.0)),
    ]);
    let json = serde_json::to_string(&set).unwrap();
    set = serde_json::from_str(&json).unwrap();
    let events = [
        event(1, "visit", 0),
        event(1, "pay", 720),
        event(1, "visit", 721),
        event(1, "pay", 722),
        event(1, "visit", 723),
        event(2, "visit", 0),
        event(2, "pay", 1),
        event(3, "look", 0),
    ];
    let mut people = Profiles::new(Rules::default(), set).unwrap();
    people.extend(&events);
    let table = people.features(at(1440 + 721)).unwrap();
    let row = |card: &str| {
        let id = people.get(("card", &format!("c{card}"))).unwrap().id;
        table.ids().iter().position(|known| *known == id).unwrap()
    };
    let number = |column: &str, card: &str| match &table.column(column).unwrap().values {
        Values::Numeric(values) => values[row(card)],
        _ => panic!("{column} is a number"),
    };
    let text = |card: &str| match &table.column("way").unwrap().values {
        Values::Categorical(values) => values[row(card)].clone(),
        _ => panic!("a way is a category"),
    };
    assert_eq!(["1", "2", "3"].map(|card| number("far", card)), [Some(2.0), Some(2.0), Some(0.0)]);
    assert_eq!(
        ["1", "2", "3"].map(|card| number("days", card)),
        [Some(0.5), Some(1.0 / 1440.0), None]
    );
    // After the visit at 721: the payment and one more visit.
    assert_eq!(["1", "2"].map(|card| number("lately", card)), [Some(1.0), Some(0.0)]);
    // The 12 hours between visit and payment are no transition; two of one kind are.
    assert_eq!(text("1"), Some("pay → visit".into()));
    assert_eq!((text("2"), text("3")), (None, None));
}

/// What the reports say, all of them.
type Said = (FunnelReport, FunnelReport, FunnelReport, PathReport, PeakReport);

fn strict(funnel: Funnel) -> Funnel {
    Funnel { order: StepOrder::Strict, ..funnel }
}

fn any_order(funnel: Funnel) -> Funnel {
    Funnel { order: StepOrder::Any, ..funnel }
}

fn funnels() -> [Funnel; 3] {
    let on_a = EventFilter::default().when("page", Condition::Equals("/a".into()));
    let steps = || [EventFilter::from("a"), "b".into(), on_a.clone()];
    let day = |funnel: Funnel| Funnel { within_days: 60.0 / 1440.0, ..funnel };
    [
        day(Funnel::new(steps())),
        strict(day(Funnel::new(steps()))),
        any_order(Funnel { exclude: vec!["x".into()], ..day(Funnel::new(steps())) }),
    ]
}

fn said(people: &Profiles, as_of: Timestamp) -> Said {
    let [a, b, c] = funnels().map(|funnel| people.funnel(&funnel, as_of, |_| true).unwrap());
    let paths = people
        .paths(&Paths { gap_minutes: 10.0, depth: 3, ..Paths::default() }, as_of, |_| true)
        .unwrap();
    (a, b, c, paths, people.peaks("page", &"a".into(), as_of, |_| true).unwrap())
}

type Ways = BTreeMap<Vec<&'static str>, (usize, BTreeSet<u32>)>;

/// Paths straight from the events as they came: transitions, and first three steps.
fn naive_paths(events: &[(u32, &'static str, i64)], as_of: i64) -> (Ways, Ways) {
    let (mut transitions, mut paths) = (Ways::new(), Ways::new());
    for person in 0..4 {
        let mine = events.iter().filter(|(who, _, minute)| *who == person && *minute <= as_of);
        let mut mine: Vec<(i64, &str)> = mine.map(|&(_, name, minute)| (minute, name)).collect();
        mine.sort();
        let mut session: Vec<&'static str> = Vec::new();
        let mut ended: Vec<Vec<&'static str>> = Vec::new();
        for (i, &(minute, name)) in mine.iter().enumerate() {
            if i > 0 && minute - mine[i - 1].0 >= 10 {
                ended.push(std::mem::take(&mut session));
            }
            if session.last() != Some(&name) {
                session.push(name);
            }
        }
        ended.push(session);
        for session in ended.iter().filter(|session| !session.is_empty()) {
            let note = |ways: &mut Ways, way: &[&'static str]| {
                let (n, who) = ways.entry(way.to_vec()).or_default();
                *n += 1;
                who.insert(person);
            };
            session.windows(2).for_each(|pair| note(&mut transitions, pair));
            note(&mut paths, &session[..session.len().min(3)]);
        }
    }
    (transitions, paths)
}

fn sorted(ways: &Ways) -> Vec<(String, usize, usize)> {
    let mut rows: Vec<_> =
        ways.iter().map(|(way, (n, who))| (way.join(" "), *n, who.len())).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows
}

/// Who, what, when, where.
type Act = (u32, &'static str, i64, Option<&'static str>);

fn an_act() -> impl Strategy<Value = Act> {
    let name = prop::sample::select(vec!["a", "b", "c", "x"]);
    (0u32..4, name, 0i64..60, prop::option::of(prop::sample::select(vec!["/a", "/b"])))
}

fn events(acts: &[Act]) -> Vec<Event<'static>> {
    let event = |&(person, name, minute, page): &Act| {
        let event = event(person, name, minute);
        match page {
            Some(page) => event.property("page", page),
            None => event,
        }
    };
    acts.iter().map(event).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_order_live_shards_and_late_links_give_the_same_reports(
        acts in prop::collection::vec(an_act(), 0..24),
        shuffle in prop::collection::vec(any::<u32>(), 24),
        as_of in 0i64..70,
    ) {
        let mut events = events(&acts);
        let batch = people(&events);
        let expected = said(&batch, at(as_of));
        let by_then: Vec<Event<'_>> = events.iter().filter(|event| event.at <= at(as_of)).cloned().collect();
        prop_assert_eq!(&said(&people(&by_then), at(LATER)), &expected);

        let mut keys = shuffle.iter();
        events.sort_by_cached_key(|_| keys.next());
        let mut live = empty();
        events.iter().for_each(|event| drop(live.observe(event).unwrap()));
        prop_assert_eq!(&said(&live, at(as_of)), &expected);

        let half = events.len() / 2;
        let mut shards = people(&events[..half]);
        shards.merge(&people(&events[half..])).unwrap();
        prop_assert_eq!(&said(&shards, at(as_of)), &expected);

        // Known under two cards until it turns out that they are one person's.
        let mut two = empty();
        for (i, event) in events.iter().enumerate() {
            let card = Identifier::new("card", format!("{}-{}", event.identifiers[0].value, i % 2));
            let mut event = event.clone();
            event.identifiers = vec![card];
            two.observe(&event).unwrap();
        }
        for person in 0..4 {
            let card = |half| Identifier::new("card", format!("c{person}-{half}"));
            if two.get(card(0)).is_some() && two.get(card(1)).is_some() {
                two.must_link(&card(0), &card(1)).unwrap();
            }
        }
        prop_assert_eq!(&said(&two, at(as_of)), &expected);
    }

    #[test]
    fn paths_equal_those_counted_from_the_raw_events(
        acts in prop::collection::vec(an_act(), 0..24),
        as_of in 0i64..70,
    ) {
        let report = said(&people(&events(&acts)), at(as_of)).3;
        let raw: Vec<_> = acts.iter().map(|&(who, name, minute, _)| (who, name, minute)).collect();
        let (transitions, paths) = naive_paths(&raw, as_of);
        prop_assert_eq!(rows(&report.transitions), sorted(&transitions));
        let n_sessions: usize = paths.values().map(|(n, _)| n).sum();
        prop_assert_eq!(report.n_sessions, n_sessions);
        prop_assert_eq!(rows(&report.paths), sorted(&paths).into_iter().take(20).collect::<Vec<_>>());
        for list in [&report.starts, &report.ends] {
            prop_assert_eq!(list.iter().map(|tally| tally.n).sum::<usize>(), n_sessions);
        }
    }

    #[test]
    fn the_groups_of_a_report_add_up_to_the_whole_and_features_to_the_report(
        acts in prop::collection::vec(an_act(), 1..24),
    ) {
        let people = people(&events(&acts));
        let ids: Vec<ProfileId> = people.features(at(LATER)).unwrap().ids().to_vec();
        let group = |id: ProfileId| {
            let row = ids.iter().position(|known| *known == id).unwrap();
            row % 3
        };
        for funnel in funnels() {
            let whole = people.funnel(&funnel, at(LATER), |_| true).unwrap();
            let groups = [0, 1, 2].map(|g| people.funnel(&funnel, at(LATER), |id| group(id) == g).unwrap());
            prop_assert_eq!(groups.iter().map(|report| report.n_people).sum::<usize>(), whole.n_people);
            for (i, step) in whole.steps.iter().enumerate() {
                prop_assert_eq!(groups.iter().map(|report| report.steps[i].n_people).sum::<usize>(), step.n_people);
                prop_assert_eq!(groups.iter().map(|report| report.steps[i].n_dropped).sum::<usize>(), step.n_dropped);
            }

            let set = FeatureSet::from_iter([Feature::new("far", Measure::FurthestStep(funnel))]);
            let mut own = Profiles::new(Rules::default(), set).unwrap();
            own.extend(&events(&acts));
            let table = own.features(at(LATER)).unwrap();
            let Values::Numeric(far) = &table.column("far").unwrap().values else { panic!("numbers") };
            for (i, step) in whole.steps.iter().enumerate() {
                let n = far.iter().filter(|far| far.unwrap() > i as f64).count();
                prop_assert_eq!(n, step.n_people);
            }
        }
        let whole = people.paths(&Paths::default(), at(LATER), |_| true).unwrap();
        let groups = [0, 1, 2].map(|g| people.paths(&Paths::default(), at(LATER), |id| group(id) == g).unwrap());
        let mut sums: BTreeMap<Vec<String>, (usize, usize)> = BTreeMap::new();
        for tally in groups.iter().flat_map(|report| &report.transitions) {
            let sum = sums.entry(tally.of.clone()).or_default();
            *sum = (sum.0 + tally.n, sum.1 + tally.n_people);
        }
        let expected = whole.transitions.iter().map(|t| (t.of.clone(), (t.n, t.n_people))).collect();
        prop_assert_eq!(sums, expected);
        let all = EventFilter::default();
        let whole = people.peaks("page", &all, at(LATER), |_| true).unwrap();
        let groups = [0, 1, 2].map(|g| people.peaks("page", &all, at(LATER), |id| group(id) == g).unwrap());
        prop_assert_eq!(groups.iter().map(|report| report.n_without).sum::<usize>(), whole.n_without);
        for tally in &whole.values {
            let same = groups.iter().flat_map(|report| &report.values).filter(|t| t.of == tally.of);
            prop_assert_eq!(same.map(|t| t.n).sum::<usize>(), tally.n);
        }
    }
}
