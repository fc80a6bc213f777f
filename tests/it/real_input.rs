//! What clients and people really send, with the results that are right.

use personas::features::{Condition, Feature, Measure, Retail, Share, Values};
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, FeatureTable, Profiles, Rules, Timestamp, Value};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn store(features: impl IntoIterator<Item = Feature>) -> Profiles {
    Profiles::new(Rules::default(), features.into_iter().collect()).unwrap()
}

fn table(people: &Profiles) -> FeatureTable {
    people.features(at("2025-01-01")).unwrap()
}

fn numbers(table: &FeatureTable, name: &str) -> Vec<Option<f64>> {
    match &table.column(name).unwrap().values {
        Values::Numeric(values) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn texts(table: &FeatureTable, name: &str) -> Vec<Option<String>> {
    match &table.column(name).unwrap().values {
        Values::Categorical(values) => values.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn attribute(name: &str) -> Feature {
    Feature::new(name, Measure::Attribute { name: name.into(), column: Default::default() })
}

#[test]
#[cfg(feature = "segment")]
fn long_order_numbers_sent_as_json_numbers_keep_their_digits() {
    let first = Condition::Equals("20240301000000001".into());
    let features = FeatureSet::retail()
        .with(Feature::new("ids", Measure::UniqueList("order_id".into())))
        .with(Feature::new("the first", Measure::Count).when("order_id", first))
        .with(Feature::new(
            "account",
            Measure::Attribute { name: "account".into(), column: Default::default() },
        ));
    let play = |quote: &str| {
        let line = |i: i32| {
            format!(
                r#"{{"type":"track","event":"purchase","userId":"u","timestamp":"2024-03-01T10:0{i}:00Z","context":{{"traits":{{"account":{quote}2024030100000000{i}{quote}}}}},"properties":{{"order_id":{quote}2024030100000000{i}{quote},"amount":10}}}}"#
            )
        };
        let lines: Vec<String> = (1..=4).map(line).collect();
        let mut people = Profiles::new(Rules::default(), features.clone()).unwrap();
        assert_eq!(
            people.extend_json(lines.join("\n"), &personas::segment::Received::default()).accepted,
            4
        );
        table(&people)
    };
    let as_numbers = play("");
    assert_eq!(as_numbers, play("\""));
    assert_eq!(numbers(&as_numbers, "frequency"), [Some(4.0)]);
    assert_eq!(numbers(&as_numbers, "mean_order_value"), [Some(10.0)]);
    assert_eq!(numbers(&as_numbers, "the first"), [Some(1.0)]);
}

#[test]
fn a_blank_trait_leaves_what_was_known_and_null_clears_it() {
    let declare = |who: &str, day: &str, age: Value<'static>, city: Value<'static>| {
        let event = Event::new("identify", at(day)).id("user_id", who.to_owned());
        event.attribute("age", age).attribute("city", city)
    };
    let mut people = store([Feature::new("attributes", Measure::Attributes)]);
    people.extend(&[
        declare("1", "2024-01-01", 31.0.into(), "Rome".into()),
        declare("1", "2024-01-02", "".into(), " ".into()),
        declare("2", "2024-01-03", 45.0.into(), "Bari".into()),
    ]);
    let known = table(&people);
    assert_eq!(numbers(&known, "age"), [Some(31.0), Some(45.0)]);
    assert_eq!(texts(&known, "city"), [Some("Rome".into()), Some("Bari".into())]);
    let nothing = || Value::List(vec![]);
    people.observe(&declare("1", "2024-01-04", nothing(), nothing())).unwrap();
    let cleared = table(&people);
    assert_eq!(numbers(&cleared, "age"), [None, Some(45.0)]);
    assert_eq!(texts(&cleared, "city"), [None, Some("Bari".into())]);
    // The time of the event decides, not that of its arrival.
    people.observe(&declare("1", "2024-01-03", 32.0.into(), "Pisa".into())).unwrap();
    assert_eq!(table(&people), cleared);
    people.observe(&declare("1", "2024-01-05", 33.0.into(), "Oslo".into())).unwrap();
    assert_eq!(numbers(&table(&people), "age"), [Some(33.0), Some(45.0)]);
}

#[test]
fn null_clears_a_trait_in_a_summary_too() {
    let features: FeatureSet = [Feature::new(
        "plan",
        Measure::Attribute {
            name: "plan".into(),
            column: personas::features::ColumnType::Category,
        },
    )]
    .into_iter()
    .collect();
    let options = StoreOptions { max_log: Some(0), ..StoreOptions::default() };
    let mut people = Profiles::with_options(Rules::default(), features, options).unwrap();
    let plan = |day: &str, value: Value<'static>| {
        Event::new("identify", at(day)).id("user_id", "1").attribute("plan", value)
    };
    people.observe(&plan("2024-01-02", Value::List(vec![]))).unwrap();
    people.observe(&plan("2024-01-01", "gold".into())).unwrap();
    assert_eq!(texts(&table(&people), "plan"), [None]);
}

#[test]
fn a_number_that_cannot_be_summed_costs_itself_where_something_sums_it() {
    let mut people = store([
        Feature::new("spend", Measure::Sum("amount".into())),
        Feature::new("events", Measure::Count),
        attribute("size"),
    ]);
    let event = |amount: f64| {
        Event::new("purchase", at("2024-01-01")).id("card", "1").property("amount", amount)
    };
    let events = [5.0, 1e300, f64::NAN, f64::INFINITY].map(event);
    let report = people.extend(&events);
    assert_eq!((report.accepted, report.n_refused(), report.unread[0].n), (4, 0, 3));
    people.observe(&event(1.0).attribute("size", 1e300)).unwrap();
    let table = table(&people);
    assert_eq!(numbers(&table, "spend"), [Some(6.0)]);
    assert_eq!(numbers(&table, "events"), [Some(5.0)]);
    assert_eq!(numbers(&table, "size"), [Some(1e300)]);
}

#[test]
fn days_are_those_of_the_persons_own_clock() {
    let features = [
        Feature::new("orders", Measure::Orders("order".into())),
        Feature::new("days", Measure::ActiveDays),
        Feature::new("gap", Measure::GapDays),
        Feature::new("repeat", Measure::RepeatMean("amount".into())),
    ];
    let row = |times: [&str; 3]| {
        let mut people = store(features.clone());
        for (time, amount) in times.iter().zip([1.0, 10.0, 20.0]) {
            let (at, offset) = Timestamp::parse_with_offset(time).unwrap();
            let event = Event::new("purchase", at).utc_offset(offset).id("card", "1");
            people.observe(&event.property("amount", amount)).unwrap();
        }
        let table = table(&people);
        ["orders", "days", "gap", "repeat"].map(|name| numbers(&table, name)[0])
    };
    // One evening in New York, which is two days in UTC, and the evening after.
    let evenings =
        ["2024-03-01T18:00:00-05:00", "2024-03-01T21:00:00-05:00", "2024-03-02T18:00:00-05:00"];
    assert_eq!(row(evenings), [Some(2.0), Some(2.0), Some(1.0), Some(20.0)]);
    // The same moments without a known offset.
    let moments = ["2024-03-01T23:00:00Z", "2024-03-02T02:00:00Z", "2024-03-02T23:00:00Z"];
    assert_eq!(row(moments), [Some(2.0), Some(2.0), Some(1.0), Some(30.0)]);
}

#[test]
fn the_value_of_a_repeated_purchase_leaves_out_the_first_day_even_without_an_amount() {
    let mut people = store([
        Feature::new("days", Measure::ActiveDays).on("purchase"),
        Feature::new("repeat", Measure::RepeatMean("amount".into())).on("purchase"),
    ]);
    let buys = |day: &str| Event::new("purchase", at(day)).id("card", "1");
    people.observe(&buys("2024-01-01")).unwrap();
    people.observe(&buys("2024-01-11").property("amount", 10.0)).unwrap();
    people.observe(&buys("2024-01-21").property("amount", 20.0)).unwrap();
    let table = table(&people);
    assert_eq!(numbers(&table, "days"), [Some(3.0)]);
    assert_eq!(numbers(&table, "repeat"), [Some(15.0)]);
}

#[test]
fn calls_that_say_who_somebody_is_are_no_activity_unless_asked() {
    let named = Condition::OneOf(vec!["identify".into(), "visit".into()]);
    let mut people = store([
        Feature::new("events", Measure::Count),
        Feature::new("days", Measure::ActiveDays),
        Feature::new("calls", Measure::Count).on("identify"),
        Feature::new("named", Measure::Count).when("@event", named),
        Feature::new("number of", Measure::EventCounts { except: vec![], n: 8 }),
        attribute("plan"),
    ]);
    people.extend(&[
        Event::new("visit", at("2024-01-01")).id("user_id", "1"),
        Event::new("identify", at("2024-01-02")).id("user_id", "1").attribute("plan", "gold"),
        Event::new("alias", at("2024-01-03")).id("user_id", "1"),
    ]);
    let table = table(&people);
    for (name, expected) in
        [("events", 1.0), ("days", 1.0), ("calls", 1.0), ("named", 2.0), ("number of visit", 1.0)]
    {
        assert_eq!(numbers(&table, name), [Some(expected)], "{name}");
    }
    assert!(table.column("number of identify").is_none());
    assert_eq!(texts(&table, "plan"), [Some("gold".into())]);
}

#[test]
fn placeholders_of_the_published_lists_join_nobody() {
    let lists = [
        "null",
        "\"null\"",
        "\"undefined\"",
        "\"0\"",
        "distinctid",
        "nil",
        "n/a",
        "na",
        "(null)",
        "<null>",
        "(not set)",
        "[object Undefined]",
        "{}",
        "[]",
        "lmy47d",
        "\u{200b}",
        "'NULL'",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ];
    for id in lists {
        let rules = Rules::default().limit("email", usize::MAX);
        let mut people = Profiles::new(rules, FeatureSet::default()).unwrap();
        for i in 0..100 {
            let event = Event::new("visit", at("2024-01-01")).id("user_id", id);
            people.observe(&event.id("email", format!("p{i}@shop.test"))).unwrap();
        }
        assert_eq!(people.n_profiles(), 100, "{id:?}");
        assert_eq!(people.identity().health().blocked, 100);
    }
    for email in ["test@test.com", "noemail@noemail.com", "a@b", "x@y.z"] {
        let mut people = store([]);
        for cookie in ["c1", "c2"] {
            let event = Event::new("visit", at("2024-01-01")).id("cookie", cookie);
            people.observe(&event.id("email", email)).unwrap();
        }
        assert_eq!(people.n_profiles(), 2, "{email}");
    }
}

#[test]
fn placeholders_are_not_message_ids() {
    for id in ["undefined", "00000000-0000-0000-0000-000000000000", "0", "\"null\"", "n/a"] {
        let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
        let mut people =
            Profiles::with_options(Rules::default(), FeatureSet::default(), options).unwrap();
        let event =
            |i: usize| Event::new(format!("e{i}"), at("2024-01-01")).id("user_id", format!("u{i}"));
        let events: Vec<_> = (0..5).map(|i| event(i).message_id(id)).collect();
        let report = people.extend(&events);
        assert_eq!((report.accepted, report.duplicates), (5, 0), "{id}");
        assert_eq!(table(&people).n_rows(), 5);
    }
}

#[test]
fn a_value_of_the_top_kind_with_very_many_of_the_next_is_reported_as_suspicious() {
    let rules = Rules::default().limit("email", usize::MAX);
    let mut people = Profiles::new(rules, FeatureSet::default()).unwrap();
    for i in 0..60 {
        let event = Event::new("visit", at("2024-01-01")).id("email", format!("p{i}@shop.test"));
        people.observe(&event.clone().id("user_id", "test-account")).unwrap();
        people.observe(&event.id("user_id", format!("u{}", i / 50))).unwrap();
    }
    let health = people.identity().health();
    let values: Vec<&str> = health.suspicious.iter().map(|id| &*id.value).collect();
    assert_eq!(values, ["test-account"]);
}

#[test]
fn rules_about_kinds_that_never_occur_are_reported() {
    let rules = Rules::default().hub("email", 3, "nokind").limit("nokind", 2).limit("card", 2);
    let mut people = Profiles::new(rules, FeatureSet::default()).unwrap();
    let event = Event::new("visit", at("2024-01-01")).id("email", "ann@shop.test").id("card", "1");
    people.observe(&event).unwrap();
    let health = people.identity().health();
    assert_eq!(health.unused_rules, ["limit nokind 2", "hub email=3:nokind"]);
}

/// An order of items: category, price, quantity.
fn order(name: &'static str, items: &[(&'static str, f64, Option<f64>)]) -> Event<'static> {
    let item = |&(category, price, quantity): &(&'static str, f64, Option<f64>)| {
        let known = [("category", Value::from(category)), ("price", price.into())];
        let quantity = quantity.map(|quantity| ("quantity", quantity.into()));
        let fields = known.into_iter().chain(quantity);
        Value::Object(fields.map(|(name, value)| (name.into(), value)).collect())
    };
    let items: Vec<Value<'_>> = items.iter().map(item).collect();
    Event::new(name, at("2024-01-01")).id("user_id", "u").property("products", items)
}

#[test]
fn an_item_weighs_what_its_own_fields_say() {
    let paid = "products.price * products.quantity";
    let shares = |by: &str| {
        let by = Some(by.to_owned());
        Measure::TopShares { property: "products.category".into(), by, n: 8 }
    };
    let share = |value: &str| {
        let (property, by) = ("products.category".into(), Some("products.price".into()));
        Measure::Share(Share::Value { property, value: value.into(), by })
    };
    let mut people = store([
        Feature::new("spend on", shares("products.price")),
        Feature::new("paid for", shares(paid)),
        Feature::new("tea", share("tea")),
        Feature::new("items", Measure::Values("products.category".into())),
        Feature::new("kinds", Measure::Distinct("products.category".into())),
        Feature::new("favourite", Measure::MostFrequent("products.category".into())),
        Feature::new("revenue", Measure::Sum(paid.into())),
        Feature::new("dear items", Measure::Count).when(paid, Condition::Greater(98.0)),
    ]);
    people.observe(&order("order", &[("tea", 1.0, Some(2.0)), ("cups", 99.0, None)])).unwrap();
    let table = table(&people);
    assert_eq!(numbers(&table, "spend on cups"), [Some(0.99)]);
    assert_eq!(numbers(&table, "spend on tea"), [Some(0.01)]);
    assert_eq!(numbers(&table, "tea"), [Some(0.01)]);
    assert_eq!(numbers(&table, "paid for tea"), [Some(2.0 / 101.0)]);
    assert_eq!(numbers(&table, "revenue"), [Some(101.0)]);
    assert_eq!(numbers(&table, "items"), [Some(2.0)]);
    assert_eq!(numbers(&table, "kinds"), [Some(2.0)]);
    assert_eq!(numbers(&table, "dear items"), [Some(1.0)]);
}

#[test]
fn items_without_a_weight_or_with_a_bad_one_weigh_nothing() {
    let by = Some("products.price".to_owned());
    let shares = Measure::TopShares { property: "products.category".into(), by, n: 8 };
    let paid = "products.price * products.quantity";
    let mut people = store([
        Feature::new("spend on", shares),
        Feature::new("revenue", Measure::Sum(paid.into())),
    ]);
    // A price below zero is a refund, which shares leave out; a quantity that is not
    // a number that can be summed has no product.
    let items = [("tea", 3.0, Some(1e300)), ("cups", -2.0, None), ("pots", 1.0, Some(0.0))];
    people.observe(&order("order", &items)).unwrap();
    let forged = Event::new("order", at("2024-01-02")).id("user_id", "u");
    people.observe(&forged.property(paid, 1e9)).unwrap();
    let table = table(&people);
    assert_eq!(numbers(&table, "spend on tea"), [Some(0.75)]);
    assert_eq!(numbers(&table, "spend on pots"), [Some(0.25)]);
    assert!(table.column("spend on cups").is_none());
    assert_eq!(numbers(&table, "revenue"), [Some(-2.0)]);
}

#[test]
fn revenue_comes_from_the_items_where_an_order_has_no_total() {
    let words = Retail { category: "products.category".into(), ..Retail::default() };
    let mut people = store(FeatureSet::from(&words).into_iter().cloned());
    let items = [("tea", 1.0, Some(2.0)), ("cups", 99.0, None)];
    people.observe(&order("purchase", &items)).unwrap();
    people.observe(&order("purchase", &items).property("amount", 90.0)).unwrap();
    let mut refund = order("purchase", &[("cups", 99.0, Some(-1.0))]);
    refund.at = at("2024-02-01");
    people.observe(&refund).unwrap();
    let table = table(&people);
    assert_eq!(numbers(&table, "monetary"), [Some(101.0 + 90.0 - 99.0)]);
    assert_eq!(numbers(&table, "share of tea"), [Some(4.0 / 202.0)]);
    // A refund is neither an order nor the last purchase.
    assert_eq!(numbers(&table, "frequency"), [Some(1.0)]);
    assert_eq!(numbers(&table, "recency_days"), [Some(366.0)]);
}
