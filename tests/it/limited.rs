//! Stores whose logs are limited, against the store that keeps everything.

use personas::profiles::StoreOptions;

use personas::features::Funnel;
use personas::features::{ColumnType, Condition, Feature, Measure, SessionMeasure, Values};
use personas::{Error, Event, FeatureSet, FeatureTable, Profiles, Rules, Timestamp, Value};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;
const START: i64 = 1_500_000_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(START + hours * HOUR)
}

/// What a summary can tell, of all events and of some.
fn told() -> Vec<Feature> {
    let measures = |tail: &str| {
        let amount = || "amount".to_owned();
        let kind = || "kind".to_owned();
        let age = || "age".to_owned();
        [
            ("count", Measure::Count),
            ("exists", Measure::Exists),
            ("sum", Measure::Sum(amount())),
            ("mean", Measure::Mean(amount())),
            ("min", Measure::Min(amount())),
            ("max", Measure::Max(amount())),
            ("deviation", Measure::Std(amount())),
            ("recency", Measure::RecencyDays),
            ("tenure", Measure::TenureDays),
            ("span", Measure::SpanDays),
            ("first time", Measure::FirstTime),
            ("last time", Measure::LastTime),
            ("first kind", Measure::First { property: kind(), column: ColumnType::Category }),
            ("last kind", Measure::Last { property: kind(), column: ColumnType::Category }),
            ("first amount", Measure::First { property: amount(), column: ColumnType::Number }),
            ("last amount", Measure::Last { property: amount(), column: ColumnType::Number }),
            ("age", Measure::Attribute { name: age(), column: ColumnType::Number }),
            ("age as text", Measure::Attribute { name: age(), column: ColumnType::Category }),
        ]
        .map(|(name, measure)| Feature::new(format!("{name}{tail}"), measure))
    };
    let mut features: Vec<Feature> = measures("").into();
    features.extend(measures(" of purchases").map(|feature| feature.on("purchase")));
    let red = Condition::Equals("red".into());
    let cheap = Condition::AtMost(2.0);
    features.extend(measures(" of the red").map(|feature| feature.when("kind", red.clone())));
    features.extend(measures(" of the cheap").map(|feature| feature.when("amount", cheap.clone())));
    let ratio = Measure::Ratio { of: "sum".into(), per: "count of purchases".into() };
    features.push(Feature::new("ratio", ratio));
    features
}

/// What only a log can tell.
fn logged() -> Vec<Feature> {
    vec![
        Feature::new("median", Measure::Quantile { property: "amount".into(), q: 0.5 }),
        Feature::new("sessions", Measure::Session { of: SessionMeasure::Count, minutes: 90.0 }),
        Feature::new("kinds", Measure::Distinct("kind".into())),
        Feature::new("kinds of late", Measure::UniqueList("kind".into())).within_days(0.25),
        Feature::new("late", Measure::Count).within_days(0.25),
        Feature::new("late sum", Measure::Sum("amount".into())).within_days(0.5),
        Feature::new("fading", Measure::Count).half_life_days(1.0),
        Feature::new("late per kind", Measure::Ratio { of: "late".into(), per: "kinds".into() }),
    ]
}

fn features() -> FeatureSet {
    told().into_iter().chain(logged()).collect()
}

fn an_event() -> impl Strategy<Value = Event<'static>> {
    let value = prop_oneof![
        Just(Value::from(1.5)),
        Just(Value::from(-2.0)),
        Just(Value::from(1e9 + 0.1)),
        Just(Value::from("red")),
        Just(Value::from(vec![Value::from("red"), Value::from(3.0)])),
        Just(Value::from("blue")),
    ];
    let name = prop_oneof![Just("purchase"), Just("visit")];
    (name, 0i64..40, 0u8..3, 0u8..3, prop::option::of(value.clone()), value).prop_map(
        |(name, hour, card, cookie, amount, kind)| {
            let mut event = Event::new(name, at(hour));
            if card > 0 {
                event = event.id("card", card.to_string());
            }
            if cookie > 0 || card == 0 {
                event = event.id("cookie", cookie.to_string());
            }
            if let Some(amount) = amount {
                event = event.property("amount", amount.clone()).attribute("age", amount);
            }
            event.property("kind", kind)
        },
    )
}

/// Row by row, column by column: equal, or missing and said to be cut.
fn equal_but_for_cuts(
    limited: &FeatureTable,
    whole: &FeatureTable,
) -> Result<usize, TestCaseError> {
    prop_assert_eq!(limited.ids(), whole.ids());
    let mut n_cut = 0;
    for (ours, theirs) in limited.columns().iter().zip(whole.columns()) {
        prop_assert_eq!(&ours.name, &theirs.name);
        n_cut += ours.cut.len();
        for row in 0..whole.n_rows() {
            let is_cut = ours.cut.contains(&row);
            match (&ours.values, &theirs.values) {
                (Values::Numeric(a), Values::Numeric(b)) => {
                    let wanted = b[row].filter(|_| !is_cut).map(f64::to_bits);
                    prop_assert_eq!(a[row].map(f64::to_bits), wanted, "{}", ours.name);
                }
                (Values::Categorical(a), Values::Categorical(b)) => {
                    let wanted = b[row].as_ref().filter(|_| !is_cut);
                    prop_assert_eq!(a[row].as_ref(), wanted, "{}", ours.name);
                }
                _ => prop_assert!(false, "{} changed its type", ours.name),
            }
        }
    }
    Ok(n_cut)
}

fn store(features: FeatureSet) -> Profiles {
    Profiles::new(Rules::default(), features).unwrap()
}

fn limited_to(max_log: usize, features: FeatureSet) -> Profiles {
    let options = StoreOptions { max_log: Some(max_log), ..StoreOptions::default() };
    Profiles::with_options(Rules::default(), features, options).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_limited_store_tells_the_same_or_says_that_it_cannot(
        events in prop::collection::vec(an_event(), 1..24),
        max_log in 0usize..6,
        shards in prop::collection::vec(any::<bool>(), 24),
        later in 0i64..50,
    ) {
        let mut whole = store(features());
        whole.extend(&events);
        let mut limited = limited_to(max_log, features());
        limited.extend(&events);
        let as_of = at(40 + later);
        let answers = limited.features(as_of).unwrap();
        equal_but_for_cuts(&answers, &whole.features(as_of).unwrap())?;

        // One at a time, backwards, and in shards put together: the same to the bit.
        let mut backwards = limited_to(max_log, features());
        events.iter().rev().for_each(|event| drop(backwards.observe(event).unwrap()));
        prop_assert_eq!(&backwards.features(as_of).unwrap(), &answers);
        let mut merged = limited_to(max_log, features());
        for side in [false, true] {
            let mut shard = limited_to(max_log, features());
            let mine = events.iter().zip(&shards).filter(|(_, shard)| **shard == side);
            shard.extend(mine.map(|(event, _)| event));
            merged.merge(&shard).unwrap();
        }
        prop_assert_eq!(&merged.features(as_of).unwrap(), &answers);
        prop_assert_eq!(merged.n_profiles(), limited.n_profiles());

        // Forgetting takes away what it takes away from the whole.
        for store in [&mut limited, &mut whole] {
            store.forget(("card", "1")).unwrap();
        }
        let answers = limited.features(as_of).unwrap();
        equal_but_for_cuts(&answers, &whole.features(as_of).unwrap())?;
        prop_assert_eq!(limited.n_unattributed(), whole.n_unattributed());
    }

    #[test]
    fn what_a_summary_tells_is_never_cut(
        events in prop::collection::vec(an_event(), 1..24), max_log in 0usize..3,
    ) {
        let told: FeatureSet = told().into_iter().collect();
        let mut whole = store(told.clone());
        whole.extend(&events);
        let mut limited = limited_to(max_log, told);
        limited.extend(&events);
        let (ours, theirs) = (limited.features(at(40)).unwrap(), whole.features(at(40)).unwrap());
        prop_assert_eq!(equal_but_for_cuts(&ours, &theirs)?, 0);
        for (card, row) in [("1", "card"), ("2", "card")] {
            let (a, b) = (limited.get((row, card)), whole.get((row, card)));
            prop_assert_eq!(a.as_ref().map(|a| (a.n_events, a.first_seen, a.last_seen)),
                b.as_ref().map(|b| (b.n_events, b.first_seen, b.last_seen)));
        }
    }
}

#[test]
fn the_log_answers_as_far_back_as_it_reaches() {
    let late =
        |hours: f64| Feature::new(format!("{hours}"), Measure::Count).within_days(hours / 24.0);
    let set: FeatureSet = [1.0, 2.0, 3.0, 4.0].map(late).into_iter().collect();
    let mut people = limited_to(2, set);
    for hour in [7, 9, 8] {
        people.observe(&Event::new("visit", at(hour)).id("card", "1")).unwrap();
    }
    // The visit of hour 7 is gone: who asks about what comes after it gets an answer.
    let table = people.features(at(10)).unwrap();
    let cells: Vec<_> = table.columns().iter().map(|c| (c.values.clone(), c.cut.len())).collect();
    let number = |n: f64| (Values::Numeric(vec![Some(n)]), 0);
    assert_eq!(cells, [number(0.0), number(1.0), number(2.0), (Values::Numeric(vec![None]), 1)]);
    let selected = table.select(&[0, 0]).unwrap();
    assert_eq!(selected.columns()[3].cut, [0, 1]);
}

#[test]
fn a_moment_before_what_was_cut_cannot_be_asked_about() {
    let mut people = limited_to(1, features());
    let visit = |card: &'static str, hour| Event::new("visit", at(hour)).id("card", card);
    people.extend(&[visit("1", 5), visit("1", 6), visit("2", 9)]);
    let error = Error::AsOfTooEarly { as_of: at(5), earliest: at(6) };
    assert_eq!(people.features(at(5)).unwrap_err(), error);
    // Whose log is whole can be asked about any moment.
    assert_eq!(people.features(at(6)).unwrap().n_rows(), 1);
    let bob = people.get(("card", "2")).unwrap();
    assert_eq!(bob.features(at(5)).unwrap().n_rows(), 0);
    assert!(people.get(("card", "1")).unwrap().features(at(5)).is_err());
}

#[test]
fn a_limit_that_could_not_be_kept_is_refused() {
    let options = StoreOptions { max_log: Some(3), ..StoreOptions::default() };
    let open = |feature: Feature| {
        let features = FeatureSet::default().with(feature);
        Profiles::with_options(Rules::default(), features, options.clone())
    };
    let top = Measure::TopShares { property: "kind".into(), by: None, n: 2 };
    for measure in [
        top,
        Measure::Attributes,
        Measure::Attribute { name: "age".into(), column: ColumnType::Auto },
    ] {
        let refused = open(Feature::new("open", measure));
        assert!(matches!(refused, Err(Error::InvalidFeature { .. })));
    }
    assert!(open(Feature::new("n", Measure::Count).optional()).is_err());
    let both = StoreOptions { dedupe: true, ..options.clone() };
    let both = Profiles::with_options(Rules::default(), features(), both);
    let both = both.unwrap_err();
    assert_eq!(
        both.to_string(),
        "StoreOptions::max_log and StoreOptions::dedupe cannot be set together"
    );
    let limited = limited_to(3, features());
    let mut whole = store(features());
    assert!(matches!(whole.merge(&limited), Err(Error::InvalidParameter { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn events_that_leave_nothing_but_numbers_leave_the_same_ones(
        events in prop::collection::vec(an_event(), 1..24),
    ) {
        let is_number = |feature: &Feature| {
            let name = feature.name();
            !["age", "first kind", "last kind", "first amount", "last amount"]
                .iter()
                .any(|said| name.starts_with(said))
        };
        let set: FeatureSet = told().into_iter().filter(is_number).collect();
        prop_assert!(set.into_iter().len() > 40);
        let mut whole = store(set.clone());
        whole.extend(&events);
        let mut bulk = limited_to(0, set.clone());
        bulk.extend(&events);
        let mut live = limited_to(0, set);
        events.iter().for_each(|event| drop(live.observe(event).unwrap()));
        let expected = whole.features(at(40)).unwrap();
        prop_assert_eq!(&bulk.features(at(40)).unwrap(), &expected);
        prop_assert_eq!(&live.features(at(40)).unwrap(), &expected);
    }
}

#[test]
fn a_report_of_cut_logs_is_an_error_and_a_timeline_is_what_is_left() {
    let visit = |hour| Event::new("visit", at(hour)).id("card", "1");
    let mut people = limited_to(2, FeatureSet::default());
    people.extend(&[visit(1), visit(2)]);
    let funnel = Funnel::new(["visit"]);
    assert_eq!(people.funnel(&funnel, at(9), |_| true).unwrap().steps[0].n_people, 1);
    people.observe(&visit(3)).unwrap();
    assert_eq!(people.funnel(&funnel, at(9), |_| true), Err(Error::LogsCut { n_cut: 1 }));
    let ann = people.get(("card", "1")).unwrap();
    let times: Vec<Timestamp> = ann.timeline(at(9)).map(|event| event.at).collect();
    assert_eq!(times, [at(2), at(3)]);
}

#[test]
fn what_left_the_log_at_the_beginning_of_time_is_known_to_be_gone() {
    let start = Timestamp::from_millis(i64::MIN);
    let features = FeatureSet::default()
        .with(Feature::new("kinds", Measure::Distinct("kind".into())))
        .with(Feature::new("all", Measure::Count));
    let rules = Rules::default().clock(start, Timestamp::from_millis(0));
    let mut people = Profiles::with_options(
        rules,
        features,
        StoreOptions { max_log: Some(1), ..StoreOptions::default() },
    )
    .unwrap();
    for kind in ["a", "b", "c"] {
        people.observe(&Event::new("e", start).id("card", "1").property("kind", kind)).unwrap();
    }
    let table = people.features(Timestamp::from_millis(0)).unwrap();
    assert_eq!(table.columns()[0].cut, [0]);
    assert_eq!(table.columns()[1].values, Values::Numeric(vec![Some(3.0)]));
}

#[test]
fn stores_merge_whether_a_property_was_kept_before_the_limit_was_set_or_after() {
    let spend = Feature::new("spend", Measure::Sum("amount".into())).on("purchase");
    let empty = |options: StoreOptions| {
        let features = FeatureSet::default().with(spend.clone());
        Profiles::with_options(Rules::default(), features, options).unwrap()
    };
    let event = Event::new("purchase", at(0)).id("card", "1").property("amount", 2.0);
    let mut before = empty(StoreOptions {
        max_log: Some(1),
        keep: ["page".into()].into(),
        ..StoreOptions::default()
    });
    let mut after = empty(StoreOptions {
        max_log: Some(1),
        keep: ["page".into()].into(),
        ..StoreOptions::default()
    });
    before.extend([&event, &event]);
    after.extend([&event]);
    before.merge(&after).unwrap();
    let table = before.features(at(0)).unwrap();
    assert_eq!(table.columns()[0].values, Values::Numeric(vec![Some(6.0)]));
    assert!(
        before
            .merge(&empty(StoreOptions {
                max_log: Some(2),
                keep: ["page".into()].into(),
                ..StoreOptions::default()
            }))
            .is_err()
    );
}

#[test]
fn everybody_has_the_row_of_what_they_did_wherever_it_stands() {
    // Person i comes on day i, once to three times, and spends i each time.
    const N: usize = 300;
    let n_visits = |i: usize| i % 3 + 1;
    let visit = |i: usize, hour: usize| {
        Event::new("visit", at((24 * i + hour) as i64))
            .id("user_id", format!("u{i}"))
            .property("amount", i as f64)
    };
    let visits = |i: usize| (0..n_visits(i)).map(move |hour| visit(i, hour));
    // The last come first.
    let events: Vec<Event<'_>> = (0..N).rev().flat_map(visits).collect();
    let features = FeatureSet::default()
        .with(Feature::new("n", Measure::Count))
        .with(Feature::new("spent", Measure::Sum("amount".into())))
        .with(Feature::new("each", Measure::Ratio { of: "spent".into(), per: "n".into() }))
        .with(Feature::new(
            "sessions",
            Measure::Session { of: SessionMeasure::Count, minutes: 90.0 },
        ));
    for max_log in [0, 1] {
        let mut people = limited_to(max_log, features.clone());
        assert_eq!(people.extend(&events).accepted, events.len());
        let table = people.features(at(24 * N as i64)).unwrap();
        let expect = |name: &str, value: &dyn Fn(usize) -> Option<f64>| {
            let expected = Values::Numeric((0..N).map(value).collect());
            assert_eq!(table.column(name).unwrap().values, expected, "{name} of logs of {max_log}");
        };
        expect("n", &|i| Some(n_visits(i) as f64));
        expect("spent", &|i| Some((i * n_visits(i)) as f64));
        expect("each", &|i| Some(i as f64));
        let is_cut = |i: usize| n_visits(i) > max_log;
        expect("sessions", &|i| (!is_cut(i)).then_some(1.0));
        let cut: Vec<usize> = (0..N).filter(|&i| is_cut(i)).collect();
        assert_eq!(table.column("sessions").unwrap().cut, cut);
    }
}
