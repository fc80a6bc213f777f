//! FeatureTable against a brute force over the raw events, written apart.

use std::collections::BTreeSet;

use personas::profiles::StoreOptions;

use personas::features::{
    Best, ColumnType, Condition, EventFilter, Feature, Measure, SessionMeasure, Share, Values,
};
use personas::{Event, FeatureSet, FeatureTable, Profiles, Rules, Timestamp, Value};
use proptest::prelude::*;

use crate::brute_force::{self, Cell, Columns};

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;
const START: i64 = 1_500_000_000_000;

/// A moment, in quarters of a day.
fn at(quarters: i64) -> Timestamp {
    Timestamp::from_millis(START + quarters * DAY / 4)
}

fn amount() -> String {
    "amount".to_owned()
}

fn department() -> String {
    "department".to_owned()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Every measure, on all events and on some.
pub(crate) fn every_measure() -> FeatureSet {
    let share = |value: &str, by| {
        let value = value.to_owned();
        Measure::Share(Share::Value { property: department(), value, by })
    };
    let top = |by, n| Measure::TopShares { property: department(), by, n };
    let ratio = |of: &str, per: &str| Measure::Ratio { of: of.into(), per: per.into() };
    let portion = Measure::Share(Share::Part { part: "discount".into(), rest: amount() });
    let score = |of: &str, n, best| Measure::Score { of: of.into(), n, best };
    [
        Feature::new("count", Measure::Count),
        Feature::new("visits", Measure::Count).on("visit"),
        Feature::new("never", Measure::Count).on("never"),
        Feature::new("sum", Measure::Sum(amount())).on("purchase"),
        Feature::new("mean", Measure::Mean(amount())),
        Feature::new("min", Measure::Min(amount())),
        Feature::new("max", Measure::Max(amount())),
        Feature::new("deviation", Measure::Std(amount())),
        Feature::new("lower quartile", Measure::Quantile { property: amount(), q: 0.25 }),
        Feature::new("exists", Measure::Exists).on("call"),
        Feature::new("distinct", Measure::Distinct(department())),
        Feature::new("orders", Measure::Orders("order".into())).on("purchase"),
        Feature::new("recency", Measure::RecencyDays).on("purchase"),
        Feature::new("tenure", Measure::TenureDays),
        Feature::new("span", Measure::SpanDays),
        Feature::new("first time", Measure::FirstTime).on("visit"),
        Feature::new("last time", Measure::LastTime).on("visit"),
        Feature::new("active", Measure::ActiveDays),
        Feature::new("gap", Measure::GapDays),
        Feature::new("repeat", Measure::RepeatMean(amount())).on("purchase"),
        Feature::new("sessions", Measure::Session { of: SessionMeasure::Count, minutes: 30.0 }),
        Feature::new(
            "events per session",
            Measure::Session { of: SessionMeasure::Events, minutes: 30.0 },
        ),
        Feature::new(
            "session minutes",
            Measure::Session { of: SessionMeasure::Minutes, minutes: 30.0 },
        ),
        Feature::new(
            "session gap",
            Measure::Session { of: SessionMeasure::GapDays, minutes: 30.0 },
        ),
        Feature::new(
            "session variation",
            Measure::Session { of: SessionMeasure::GapVariation, minutes: 30.0 },
        ),
        Feature::new(
            "long sessions",
            Measure::Session { of: SessionMeasure::Count, minutes: 360.0 },
        )
        .on("visit"),
        Feature::new("share of A", share("A", None)),
        Feature::new("spend in 5", share("5", Some(amount()))).on("purchase"),
        Feature::new("top", top(None, 2)),
        Feature::new("share of", top(Some(amount()), 9)).on("purchase"),
        Feature::new("number of", Measure::EventCounts { except: vec!["visit".into()], n: 1 }),
        Feature::new("portion", portion.clone()),
        Feature::new("no portion", portion).on("never").optional(),
        Feature::new("favourite", Measure::MostFrequent(department())),
        Feature::new("entropy", Measure::Entropy(department())),
        Feature::new("age", Measure::Attribute { name: "age".into(), column: ColumnType::Auto }),
        Feature::new(
            "age as number",
            Measure::Attribute { name: "age".into(), column: ColumnType::Number },
        ),
        Feature::new(
            "age as text",
            Measure::Attribute { name: "age".into(), column: ColumnType::Category },
        ),
        Feature::new("all others", Measure::Attributes),
        Feature::new("mean order", ratio("sum", "orders")),
        Feature::new("orders per gap", ratio("orders", "gap")),
        Feature::new("age per visit", ratio("age", "visits")),
        Feature::new("score of count", score("count", 5, Best::High)),
        Feature::new("score of recency", score("recency", 3, Best::Low)),
        Feature::new("score of age", score("age", 2, Best::High)),
    ]
    .into_iter()
    .chain(every_reader())
    .chain(every_window())
    .chain(every_test())
    .collect()
}

/// Measures of lists, times, mixed values and of the local clock.
fn every_reader() -> impl Iterator<Item = Feature> {
    let of = |name: &str, measure: &dyn Fn(String) -> Measure| {
        let property = name.split_whitespace().last().expect("its last word is the property");
        Feature::new(name, measure(property.to_owned()))
    };
    let weekend = EventFilter::default().when("@week_part", Condition::Equals("weekend".into()));
    let borders = |of: &str, borders: &[f64], best| Measure::ScoreFrom {
        of: of.into(),
        borders: borders.to_vec(),
        best,
    };
    let first = |property, column| Measure::First { property, column };
    let last = |property, column| Measure::Last { property, column };
    let first_number = |property| first(property, ColumnType::Number);
    let first_category = |property| first(property, ColumnType::Category);
    let last_number = |property| last(property, ColumnType::Number);
    let last_category = |property| last(property, ColumnType::Category);
    let first = |property| first(property, ColumnType::Auto);
    let last = |property| last(property, ColumnType::Auto);
    [
        of("first department", &first),
        of("last department", &last),
        of("first amount", &first),
        of("last amount", &last),
        of("first discount", &first),
        of("last number tags", &last_number),
        of("first number tags", &first_number),
        of("first category tags", &first_category),
        of("last category due", &last_category),
        of("first due", &first),
        of("last number due", &last_number),
        of("all tags", &Measure::UniqueList),
        of("all due", &Measure::UniqueList),
        of("all amount", &Measure::UniqueList),
        of("sum of tags", &Measure::Sum),
        of("median tags", &|property| Measure::Quantile { property, q: 0.5 }),
        of("most tags", &Measure::MostFrequent),
        of("number of tags", &Measure::Distinct),
        of("all uses of tags", &Measure::Values),
        of("latest due", &Measure::Max),
        of("top tags", &|property| Measure::TopShares { property, by: None, n: 2 }),
        of("worth of tags", &|property| Measure::TopShares { property, by: Some(amount()), n: 9 }),
        of("mean @hour", &Measure::Mean),
        of("distinct @hour", &Measure::Distinct),
        of("first @hour", &first),
        of("top @daytime", &|property| Measure::TopShares { property, by: None, n: 4 }),
        of("entropy of @weekday", &Measure::Entropy),
        of("favourite @month", &Measure::MostFrequent),
        of("all @season", &Measure::UniqueList),
        of("all @date", &Measure::UniqueList),
        of("favourite @event", &Measure::MostFrequent),
        Feature::new("weekends", Measure::Share(Share::Events(weekend))).on("visit"),
        Feature::new("visits of all", Measure::Share(Share::Events("visit".into()))),
        Feature::new("grade", borders("count", &[1.0, 3.0, 3.0, 8.0], Best::High)),
        Feature::new("freshness", borders("recency", &[30.0, 1.0], Best::Low)),
    ]
    .into_iter()
}

/// What can be of a window or fade, with each.
fn every_window() -> impl Iterator<Item = Feature> {
    let share = |value: &str, by| {
        let value = value.to_owned();
        Measure::Share(Share::Value { property: department(), value, by })
    };
    let visit = || Measure::Share(Share::Events("visit".into()));
    let windows = [
        ("count", Measure::Count),
        ("sum", Measure::Sum(amount())),
        ("recency", Measure::RecencyDays),
        ("tenure", Measure::TenureDays),
        ("median", Measure::Quantile { property: amount(), q: 0.5 }),
        ("last department", Measure::Last { property: department(), column: ColumnType::Auto }),
        ("first department", Measure::First { property: department(), column: ColumnType::Auto }),
        ("city", Measure::Attribute { name: "city".into(), column: ColumnType::Auto }),
        ("sessions", Measure::Session { of: SessionMeasure::Count, minutes: 30.0 }),
        ("departments", Measure::TopShares { property: department(), by: None, n: 2 }),
        ("names", Measure::EventCounts { except: vec![], n: 2 }),
        ("repeat", Measure::RepeatMean(amount())),
    ];
    let fading = [
        ("count", Measure::Count),
        ("sum", Measure::Sum(amount())),
        ("mean", Measure::Mean(amount())),
        ("share", share("A", None)),
        ("spend", share("5", Some(amount()))),
        ("visits", visit()),
        ("departments", Measure::TopShares { property: department(), by: Some(amount()), n: 2 }),
        ("names", Measure::EventCounts { except: vec![], n: 2 }),
    ];
    let of_a_day = windows
        .clone()
        .map(|(name, measure)| Feature::new(format!("{name} of a day"), measure).within_days(1.0));
    let of_a_while = windows.map(|(name, measure)| {
        Feature::new(format!("{name} of 2.5 days"), measure).within_days(2.5).on("purchase")
    });
    let fading_fast = fading
        .clone()
        .map(|(name, measure)| Feature::new(format!("fading {name}"), measure).half_life_days(1.5));
    let in_a_window = fading.map(|(name, measure)| {
        Feature::new(format!("{name} fading in a window"), measure)
            .half_life_days(20.0)
            .within_days(3.0)
    });
    of_a_day.into_iter().chain(of_a_while).chain(fading_fast).chain(in_a_window)
}

/// Counts of the events that pass a test, for each of the seventeen, and for some together.
fn every_test() -> impl Iterator<Item = Feature> {
    let tests = [
        ("department", Condition::Equals("5".into())),
        ("department", Condition::NotEquals("A".into())),
        ("department", Condition::OneOf(words(&["A", "true", "x"]))),
        ("amount", Condition::Less(2.0)),
        ("amount", Condition::AtMost(2.0)),
        ("amount", Condition::Greater(2.0)),
        ("amount", Condition::AtLeast(2.0)),
        ("amount", Condition::NotLess(2.0)),
        ("tags", Condition::NotLess(2.0)),
        ("tags", Condition::Contains("e".into())),
        ("tags", Condition::NotContains("e".into())),
        ("tags", Condition::ContainsOneOf(words(&["ches", "7"]))),
        ("tags", Condition::StartsWith("te".into())),
        ("tags", Condition::EndsWith("a".into())),
        ("tags", Condition::Exists),
        ("tags", Condition::NotExists),
        ("due", Condition::Before(at(4))),
        ("due", Condition::After(at(4))),
        ("tags", Condition::Equals("7".into())),
        ("tags", Condition::NotEquals("tea".into())),
        ("due", Condition::Exists),
        ("@date", Condition::OneOf(words(&["2017-07-15", "2017-07-16", "2017-06-05"]))),
        ("@date", Condition::After(at(8))),
        ("@date", Condition::Before(at(8))),
        ("@hour", Condition::AtLeast(18.0)),
        ("@weekday", Condition::NotEquals("sunday".into())),
        ("@event", Condition::StartsWith("vi".into())),
        ("unheard of", Condition::NotExists),
    ];
    let several = Feature::new("several tests", Measure::Sum(amount()))
        .on("purchase")
        .when("department", Condition::Exists)
        .when("amount", Condition::AtLeast(1.0))
        .when("@week_part", Condition::Equals("workday".into()))
        .within_days(50.0);
    tests
        .into_iter()
        .enumerate()
        .map(|(i, (property, test))| {
            Feature::new(format!("test {i}"), Measure::Count).when(property, test)
        })
        .chain([several])
}

/// The table as the brute force writes it.
fn cells(table: &FeatureTable) -> Columns {
    let column = |values: &Values| match values {
        Values::Numeric(values) => values.iter().map(|v| v.map(Cell::Number)).collect(),
        Values::Categorical(values) => values.iter().map(|v| v.clone().map(Cell::Text)).collect(),
        _ => unreachable!("there are no other columns"),
    };
    table.columns().iter().map(|c| (c.name.clone(), column(&c.values))).collect()
}

fn assert_close(got: &Columns, expected: &Columns) {
    let names =
        |columns: &Columns| columns.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(got), names(expected));
    for ((name, got), (_, expected)) in got.iter().zip(expected) {
        assert_eq!(got.len(), expected.len(), "{name}");
        for (row, pair) in got.iter().zip(expected).enumerate() {
            match pair {
                (Some(Cell::Number(got)), Some(Cell::Number(expected))) => {
                    let tolerance = 1e-9 * expected.abs().max(1.0);
                    assert!((got - expected).abs() <= tolerance, "{name} of row {row}: {pair:?}");
                }
                (got, expected) => assert_eq!(got, expected, "{name} of row {row}"),
            }
        }
    }
}

fn play(events: &[Event<'_>], as_of: Timestamp) -> FeatureTable {
    known(events).features(as_of).unwrap()
}

fn known(events: &[Event<'_>]) -> Profiles {
    let mut people = Profiles::new(Rules::default(), every_measure()).unwrap();
    let ingest = people.extend(events);
    assert_eq!(ingest.accepted, events.len(), "{ingest}");
    people
}

/// Quarters of a day, so that windows begin and end on an event; some a moment or half an hour
/// off, some long before.
fn a_time() -> impl Strategy<Value = Timestamp> {
    let off = [0, 0, 0, 1, -1, 30 * MINUTE, 30 * MINUTE - 1, 30 * MINUTE + 1, 60 * MINUTE];
    let before = [0, 0, 0, 0, 0, 40, 200];
    (0i64..20, prop::sample::select(off.to_vec()), prop::sample::select(before.to_vec())).prop_map(
        |(quarters, off, days)| Timestamp::from_millis(at(quarters).millis() + off - days * DAY),
    )
}

/// A property's value, if any; `odd` ones are rarer.
fn a_value(
    usual: Vec<Value<'static>>,
    odd: Vec<Value<'static>>,
) -> impl Strategy<Value = Option<Value<'static>>> {
    let usual = prop::sample::select(usual);
    let odd = prop::sample::select(odd);
    prop::option::weighted(0.7, prop_oneof![4 => usual, 1 => odd])
}

fn properties() -> impl Strategy<Value = Vec<(&'static str, Value<'static>)>> {
    let list = |values: &[Value<'static>]| Value::List(values.to_vec());
    let (tea, chess, seven) = (Value::from("tea"), Value::from("chess"), Value::from(7.0));
    let amounts = (-8i32..40).map(|quarters| Value::from(f64::from(quarters) / 4.0));
    let two = list(&[Value::from(1.0), Value::from(2.5)]);
    let odd_amounts =
        vec![Value::from("12,50"), Value::from("abc"), two, list(&[]), Value::from(-0.0)];
    let discounts = (0i32..3).map(|n| Value::from(f64::from(n)));
    let departments = vec!["A".into(), "B".into(), "5".into(), Value::from(5.0), Value::from(true)];
    let tags = vec![
        list(&[tea.clone(), chess.clone()]),
        list(&[tea.clone(), list(&[seven.clone(), tea.clone()])]),
        tea.clone(),
    ];
    let odd_tags = vec![list(&[]), seven, list(&[list(&[])]), "".into()];
    let due = vec![Value::from(at(3)), Value::from(at(5))];
    let odd_due = vec!["2017-07-15".into(), "soon".into(), Value::from(20170715.0)];
    (
        a_value(amounts.collect(), odd_amounts),
        a_value(discounts.collect(), vec!["none".into()]),
        a_value(departments, vec!["a much longer name".into()]),
        a_value(vec!["o1".into(), "o2".into()], vec![list(&["o1".into(), "o3".into()])]),
        a_value(tags.clone(), odd_tags.clone()),
        prop::option::weighted(0.1, prop::sample::select([tags, odd_tags].concat())),
        a_value(due, odd_due),
    )
        .prop_map(|(amount, discount, department, order, tags, again, due)| {
            let named = [
                ("amount", amount),
                ("discount", discount),
                ("department", department),
                ("order", order),
                ("tags", tags),
                // Of a property given twice the last counts.
                ("tags", again),
                ("due", due),
                ("@hour", Some(Value::from(-1.0))),
            ];
            named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
        })
}

fn an_event() -> impl Strategy<Value = Event<'static>> {
    let identifiers = (1u8..6, prop::option::of(1u8..6), prop::option::weighted(0.2, 1u8..4));
    let name = prop::sample::select(vec!["purchase", "visit", "identify", "call"]);
    let offset = prop::sample::select(vec![None, Some(0), Some(-300), Some(345)]);
    let attributes = prop::option::of(prop::sample::select(vec![
        ("age", Value::from(31.0)),
        ("age", Value::from(32.0)),
        ("age", Value::from("32")),
        ("city", Value::from("Rome")),
        ("city", Value::from("Bern")),
        ("count", Value::from(1.5)),
        ("since", Value::from(at(-400))),
        ("likes", Value::from(vec![Value::from("tea"), Value::from("chess"), Value::from(2.0)])),
        ("likes", Value::from(vec![])),
    ]));
    (identifiers, name, a_time(), offset, properties(), attributes).prop_map(
        |((card, cookie, email), name, time, offset, properties, attribute)| {
            let mut event = Event::new(name, time).utc_offset(offset).id("card", card.to_string());
            if let Some(cookie) = cookie.filter(|cookie| *cookie == card) {
                event = event.id("cookie", cookie.to_string());
            }
            if let Some(email) = email {
                event = event.id("email", email.to_string());
            }
            for (name, value) in properties {
                event = event.property(name, value);
            }
            if let Some((name, value)) = attribute {
                event = event.attribute(name, value);
            }
            event
        },
    )
}

#[test]
fn a_window_holds_its_days_to_the_millisecond_as_of_any_moment() {
    let set = FeatureSet::default().with(Feature::new("month", Measure::Count).within_days(30.0));
    let mut people = Profiles::new(Rules::default(), set).unwrap();
    let moment = |millis: i64| Timestamp::from_millis(START + millis);
    let visit = |millis| Event::new("visit", moment(millis)).id("card", "1");
    let counted = |people: &Profiles, as_of: i64| {
        let table = people.features(moment(as_of)).unwrap();
        match &table.columns()[0].values {
            Values::Numeric(values) => values[0],
            other => panic!("{other:?}"),
        }
    };
    people.extend(&[visit(0), visit(1), visit(30 * DAY), visit(30 * DAY + 1)]);
    assert_eq!(counted(&people, 30 * DAY - 1), Some(2.0), "0 and 1");
    assert_eq!(counted(&people, 30 * DAY), Some(2.0), "1 and the last moment, not 0");
    assert_eq!(counted(&people, 30 * DAY + 1), Some(2.0), "both late ones");
    assert_eq!(counted(&people, 60 * DAY), Some(1.0));
    assert_eq!(counted(&people, 60 * DAY + 1), Some(0.0));
    // A late event counts where it belongs, in answers about then and about now.
    people.observe(&visit(2)).unwrap();
    assert_eq!(counted(&people, 30 * DAY), Some(3.0));
    assert_eq!(counted(&people, 30 * DAY + 2), Some(2.0));
}

/// The numbers of a single person's features as of a moment.
fn numbers(
    features: &[(&str, Feature)],
    events: &[Event<'_>],
    as_of: Timestamp,
) -> Vec<Option<f64>> {
    let set = features.iter().map(|(_, feature)| feature.clone()).collect();
    let mut people = Profiles::new(Rules::default(), set).unwrap();
    people.extend(events);
    let table = people.features(as_of).unwrap();
    assert_eq!(table.n_rows(), 1);
    let first = |(name, _): &(&str, Feature)| match &table.column(name).unwrap().values {
        Values::Numeric(values) => values[0],
        other => panic!("{name} is {other:?}"),
    };
    features.iter().map(first).collect()
}

#[test]
fn what_is_a_mean_or_a_share_does_not_fade_when_somebody_stays_away() {
    let bought = |quarter, amount, department: &'static str| {
        let event = Event::new("purchase", at(quarter)).id("card", "1");
        event.property("amount", amount).property("department", department)
    };
    let events = [bought(0, 8.0, "A"), bought(4, 2.0, "B")];
    let share =
        Measure::Share(Share::Value { property: department(), value: "A".into(), by: None });
    let fading = |name, measure| (name, Feature::new(name, measure).half_life_days(1.0));
    let late = EventFilter::default().when("amount", Condition::Less(5.0));
    let features = [
        fading("mean", Measure::Mean(amount())),
        fading("share", share),
        fading("fraction", Measure::Share(Share::Events(late))),
        fading("count", Measure::Count),
    ];
    // The older one counts half as much as the newer, however long ago both are.
    let of_shape = [Some(4.0), Some(1.0 / 3.0), Some(2.0 / 3.0)];
    for (quarter, count) in [(4, 1.5), (8, 0.75), (4 + 4 * 365, 0.0)] {
        let numbers = numbers(&features, &events, at(quarter));
        assert_eq!(numbers, [&of_shape[..], &[Some(count)]].concat(), "quarter {quarter}");
    }
}

#[test]
fn sums_may_be_larger_than_any_one_value() {
    let huge = (1u64 << 60) as f64;
    let bought = |quarter, amount: Value<'static>, department: &'static str| {
        let event = Event::new("purchase", at(quarter)).id("card", "1");
        event.property("amount", amount).property("department", department)
    };
    let two = || Value::from(vec![Value::from(huge), Value::from(huge)]);
    let events = [bought(0, huge.into(), "A"), bought(4, two(), "B"), bought(8, huge.into(), "B")];
    let share = Measure::Share(Share::Value {
        property: department(),
        value: "B".into(),
        by: Some(amount()),
    });
    let portion = Measure::Share(Share::Part { part: amount(), rest: amount() });
    let features = [
        ("share", Feature::new("share", share)),
        ("portion", Feature::new("portion", portion)),
        ("repeat", Feature::new("repeat", Measure::RepeatMean(amount()))),
    ];
    let expected = [Some(0.75), Some(0.5), Some(1.5 * huge)];
    assert_eq!(numbers(&features, &events, at(9)), expected);
}

#[test]
fn sessions_part_at_the_gap_to_the_millisecond() {
    let visit =
        |millis| Event::new("visit", Timestamp::from_millis(START + millis)).id("card", "1");
    for minutes in 1..200 {
        let gap = minutes * MINUTE;
        let feature = Feature::new(
            "n",
            Measure::Session { of: SessionMeasure::Count, minutes: minutes as f64 },
        );
        let n = |events: &[Event<'_>]| numbers(&[("n", feature.clone())], events, at(9999));
        assert_eq!(n(&[visit(0), visit(gap)]), [Some(2.0)], "{minutes} minutes apart");
        assert_eq!(n(&[visit(0), visit(gap - 1)]), [Some(1.0)], "almost {minutes} minutes apart");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn every_measure_equals_a_brute_force_as_of_any_moment(
        events in prop::collection::vec(an_event(), 0..40),
    ) {
        let people = known(&events);
        for as_of in [400, -1, 7, 0, 19].map(at) {
            let table = people.features(as_of).unwrap();
            assert_close(&cells(&table), &brute_force::columns(&events, &every_measure(), as_of));
            let people = brute_force::people(&events, as_of);
            let ids: Vec<_> = people.iter().map(|person| person.id).collect();
            prop_assert_eq!(table.ids(), ids.as_slice());
        }
    }

    #[test]
    fn any_order_and_any_batches_give_the_same_table_to_the_bit(
        events in prop::collection::vec(an_event(), 1..40)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        cut in 0usize..40,
    ) {
        let (in_order, shuffled) = events;
        let as_of = at(15);
        let bulk = play(&in_order, as_of);
        prop_assert_eq!(&play(&shuffled, as_of), &bulk);

        let mut batches = Profiles::new(Rules::default(), every_measure()).unwrap();
        let (late, early) = shuffled.split_at(cut.min(shuffled.len()));
        let offered = batches.extend(early).accepted + batches.extend(late).accepted;
        prop_assert_eq!(offered, shuffled.len());
        prop_assert_eq!(&batches.features(as_of).unwrap(), &bulk);

        let mut live = Profiles::new(Rules::default(), every_measure()).unwrap();
        for event in &shuffled {
            live.observe(event).unwrap();
            // Reading in between changes nothing.
            live.features(as_of).unwrap();
        }
        prop_assert_eq!(&live.features(as_of).unwrap(), &bulk);
    }

    #[test]
    fn later_events_do_not_change_an_earlier_answer_about_the_same_people(
        events in prop::collection::vec(an_event(), 1..30),
    ) {
        let as_of = at(10);
        // All known people beforehand: later events could still say who is who.
        let known: Vec<_> = events.iter().filter(|event| event.at <= as_of).cloned().collect();
        let mut later = known.clone();
        later.iter_mut().for_each(|event| event.at = at(11));
        let mut people = Profiles::new(Rules::default(), every_measure()).unwrap();
        people.extend(&known);
        let before = people.features(as_of).unwrap();
        people.extend(&later);
        prop_assert_eq!(people.features(as_of).unwrap(), before);
    }

    #[test]
    fn a_settled_row_stands_alone(events in prop::collection::vec(an_event(), 1..30)) {
        let as_of = at(12);
        let mut people = Profiles::new(Rules::default(), every_measure()).unwrap();
        people.extend(&events);
        let open = people.features(as_of).unwrap();
        for settled in [false, true] {
            if settled {
                people.freeze(as_of).unwrap();
            }
            let table = people.features(as_of).unwrap();
            prop_assert_eq!(&table, &open);
            for event in &events {
                let id = &event.identifiers[0];
                let profile = people.get(id).unwrap();
                let row = table.ids().iter().position(|known| *known == profile.id);
                let expected = table.select(row.as_slice()).unwrap();
                prop_assert_eq!(profile.features(as_of).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_message_counts_once_whatever_comes_first(
        events in prop::collection::vec((an_event(), prop::option::weighted(0.8, 0u8..4)), 1..20),
        turn in 0usize..20,
    ) {
        let events: Vec<Event<'_>> = events
            .into_iter()
            .map(|(event, id)| match id {
                Some(id) => event.message_id(format!("m{id}")),
                None => event,
            })
            .collect();
        let without = events.iter().filter(|event| event.message_id.is_none()).count();
        let ids: BTreeSet<_> = events.iter().filter_map(|event| event.message_id.clone()).collect();
        let play = |events: &[Event<'_>]| {
            let mut people = Profiles::with_options(Rules::default(), every_measure(), StoreOptions { dedupe: true, ..StoreOptions::default() }).unwrap();
            let ingest = people.extend(&events[..events.len() / 2]);
            let live = &events[events.len() / 2..];
            let mut accepted = ingest.accepted;
            for event in live {
                accepted += people.extend([event]).accepted;
            }
            assert_eq!(accepted, without + ids.len());
            people.features(at(30)).unwrap()
        };
        let mut turned = events.clone();
        turned.rotate_left(turn % events.len());
        let forward = play(&events);
        prop_assert_eq!(&play(&turned), &forward);
        turned.reverse();
        prop_assert_eq!(&play(&turned), &forward);
        // Sent twice, nothing changes.
        let twice = [events.clone(), events.into_iter().filter(|e| e.message_id.is_some()).collect()];
        prop_assert_eq!(&play(&twice.concat()), &forward);
    }
}

#[test]
fn of_too_many_attributes_those_that_most_people_declare_have_columns() {
    let limit = 256;
    let name = |i: usize| format!("a{i:03}");
    let declare = |who: &'static str, names: &[String]| {
        let event = Event::new("identify", at(0)).id("card", who);
        names.iter().fold(event, |event, name| event.attribute(name.clone(), 1.0))
    };
    // Ann says all; bob the last, often; cid the last but one, and one that is asked for by name.
    let all: Vec<String> = (0..limit + 3).map(name).collect();
    let mut events = vec![declare("ann", &all), declare("cid", &all[limit..limit + 2])];
    events.extend((0..3).map(|_| declare("bob", &all[limit + 2..])));
    let features = FeatureSet::default()
        .with(Feature::new(
            "asked for",
            Measure::Attribute { name: name(limit), column: ColumnType::Number },
        ))
        .with(Feature::new("attributes", Measure::Attributes));
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    assert_eq!(people.extend(&events).accepted, 5);
    let table = people.features(at(1)).unwrap();
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    let mut expected = vec!["asked for".to_owned()];
    expected.extend((0..limit - 2).chain([limit + 1, limit + 2]).map(name));
    assert_eq!(names, expected);
    assert_eq!(table.attributes_left_out(), 2);
    let ann = people.get(("card", "ann")).unwrap();
    assert_eq!(ann.features(at(1)).unwrap().attributes_left_out(), 2);
    // Once columns are settled nobody looks for more.
    people.freeze(at(1)).unwrap();
    assert_eq!(people.features(at(1)).unwrap().attributes_left_out(), 0);
    assert_eq!(people.features(at(1)).unwrap().columns(), table.columns());
}

#[test]
fn what_a_test_of_numbers_cannot_read_is_told() {
    let large = Feature::new("large", Measure::Count).when("amount", Condition::AtLeast(10.0));
    let mut people = Profiles::new(Rules::default(), FeatureSet::default().with(large)).unwrap();
    let event = || Event::new("purchase", at(0)).id("card", "1");
    let ingest = people.extend(&[event().property("amount", "12,50"), event()]);
    assert_eq!(ingest.accepted, 2);
    let unread: Vec<_> = ingest.unread.iter().map(|u| (&*u.what, u.n)).collect();
    assert_eq!(unread, [("amount", 1)]);
}

#[test]
fn a_list_that_is_too_long_refuses_its_event_only_where_something_reads_it() {
    let refused = |features: FeatureSet, name: &str, n: usize| {
        let list = || Value::List((0..n).map(|i| Value::from(i as f64)).collect());
        let event = || Event::new("purchase", at(0)).id("card", "1");
        let of_property = event().property(name.to_owned(), list());
        let of_attribute = event().attribute(name.to_owned(), list());
        [of_property, of_attribute].map(|event| {
            let mut people = Profiles::new(Rules::default(), features.clone()).unwrap();
            let is_refused = people.observe(&event).is_err();
            assert_eq!(people.n_profiles(), usize::from(!is_refused));
            is_refused
        })
    };
    let of = |measure| FeatureSet::default().with(Feature::new("f", measure));
    let property = || of(Measure::Sum("sizes".into()));
    let attribute = || of(Measure::Attribute { name: "sizes".into(), column: ColumnType::Auto });
    for (features, of_property, of_attribute) in [
        (property(), true, false),
        (attribute(), false, true),
        (of(Measure::Attributes), false, true),
    ] {
        assert_eq!(refused(features.clone(), "sizes", 1000), [false, false]);
        assert_eq!(refused(features.clone(), "sizes", 1001), [of_property, of_attribute]);
        let is_any = features == of(Measure::Attributes);
        assert_eq!(refused(features, "unread", 1001), [false, is_any]);
    }
}

#[test]
fn only_features_that_read_events_themselves_can_be_without_a_match() {
    let count = |name: &str| Feature::new(name, Measure::Count).on("sale");
    let ratio = Measure::Ratio { of: "sales".into(), per: "others".into() };
    let features = FeatureSet::default()
        .with(count("sales"))
        .with(count("others"))
        .with(Feature::new("ratio", ratio))
        .with(count("extra").optional())
        .with(Feature::new("attributes", Measure::Attributes));
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    assert_eq!(people.unmatched(at(1)).unwrap(), ["sales", "others"]);
    people.observe(&Event::new("visit", at(0)).id("card", "1")).unwrap();
    assert_eq!(people.unmatched(at(1)).unwrap(), ["sales", "others"]);
}

#[test]
fn a_column_whose_name_is_taken_gets_the_next_free_number() {
    let counts = Measure::EventCounts { except: Vec::new(), n: 8 };
    let features = FeatureSet::default()
        .with(Feature::new("n visit", Measure::Count))
        .with(Feature::new("n visit (2)", Measure::Count))
        .with(Feature::new("n", counts));
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    let at = Timestamp::parse("2017-03-01").unwrap();
    people.observe(&Event::new("visit", at).id("card", "1")).unwrap();
    let table = people.features(at).unwrap();
    let names: Vec<&str> = table.columns().iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["n visit", "n visit (2)", "n visit (3)"]);
}

#[test]
fn counts_by_name_are_of_the_events_that_meet_the_conditions() {
    let counts = Measure::EventCounts { except: Vec::new(), n: 8 };
    let large = Feature::new("large", counts).when("amount", Condition::AtLeast(100.0));
    let mut people = Profiles::new(Rules::default(), FeatureSet::default().with(large)).unwrap();
    for (name, amount) in
        [("purchase", 5.0), ("purchase", 200.0), ("refund", 150.0), ("visit", 1.0)]
    {
        people
            .observe(&Event::new(name, at(0)).id("card", "1").property("amount", amount))
            .unwrap();
    }
    let table = people.features(at(0)).unwrap();
    let found: Vec<_> =
        table.columns().iter().map(|column| (&*column.name, &column.values)).collect();
    let one = Values::Numeric(vec![Some(1.0)]);
    assert_eq!(found, [("large purchase", &one), ("large refund", &one)]);
}
