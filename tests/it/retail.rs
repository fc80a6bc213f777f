//! The features a shop starts with, on cases worked by hand and on the embedded data.

use std::fs::File;

use flate2::read::GzDecoder;
use personas::features::{ColumnType, Feature, Measure, Retail, Values};
use personas::{Event, FeatureSet, FeatureTable, Profiles, Rules, Timestamp};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn number(table: &FeatureTable, row: usize, column: &str) -> Option<f64> {
    match &table.column(column).unwrap_or_else(|| panic!("no column {column}")).values {
        Values::Numeric(values) => values[row],
        other => panic!("{column} is {other:?}"),
    }
}

fn names(table: &FeatureTable) -> Vec<&str> {
    table.columns().iter().map(|column| column.name.as_str()).collect()
}

#[test]
fn both_recencies_of_cdnow_come_out_under_their_own_names() {
    // Five customers of the CDNOW sample up to 1997-09-30; x, t_x and T (weeks) and zbar as
    // published by Fader and Hardie. Customer 26 bought twice on one day, customer 1 again after
    // the period.
    let bought = [
        ("1", "1997-01-01", 29.33),
        ("1", "1997-01-18", 29.73),
        ("1", "1997-08-02", 14.96),
        ("1", "1997-12-12", 26.48),
        ("2", "1997-01-01", 63.34),
        ("2", "1997-01-13", 11.77),
        ("3", "1997-01-01", 6.79),
        ("18", "1997-01-01", 13.97),
        ("18", "1997-02-04", 9.99),
        ("26", "1997-01-02", 3.99),
        ("26", "1997-01-13", 166.89),
        ("26", "1997-01-13", 60.25),
    ];
    let purchase = |&(id, day, amount): &(&'static str, &str, f64)| {
        Event::new("purchase", at(day)).id("customer", id).property("amount", amount)
    };
    let events: Vec<Event<'_>> = bought.iter().map(purchase).collect();
    let features = FeatureSet::default()
        .with(Feature::new("active", Measure::ActiveDays))
        .with(Feature::new("t_x", Measure::SpanDays))
        .with(Feature::new("T", Measure::TenureDays))
        .with(Feature::new("zbar", Measure::RepeatMean("amount".into())))
        .with(Feature::new("recency", Measure::RecencyDays));
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    people.extend(&events);
    let end = at("1997-09-30");
    for (id, x, t_x, t, zbar) in [
        ("1", 2.0, 30.43, 38.86, Some(22.35)),
        ("2", 1.0, 1.71, 38.86, Some(11.77)),
        ("3", 0.0, 0.0, 38.86, None), // published as 0.00: nothing was repeated
        ("18", 1.0, 4.86, 38.86, Some(9.99)),
        ("26", 1.0, 1.57, 38.71, Some(227.14)),
    ] {
        let row = people.get(("customer", id)).unwrap().features(end).unwrap();
        let is_rounded_to = |value: Option<f64>, published: f64| {
            value.is_some_and(|value| (value - published).abs() < 0.005 + 1e-9)
        };
        let weeks = |column| number(&row, 0, column).map(|days| days / 7.0);
        assert_eq!(number(&row, 0, "active"), Some(x + 1.0));
        assert!(is_rounded_to(weeks("t_x"), t_x) && is_rounded_to(weeks("T"), t), "{id}");
        let repeated = number(&row, 0, "zbar");
        assert!(zbar.map_or(repeated.is_none(), |zbar| is_rounded_to(repeated, zbar)), "{id}");
        let both = number(&row, 0, "t_x").zip(number(&row, 0, "recency")).map(|(a, b)| a + b);
        assert_eq!(both, number(&row, 0, "T"));
    }
}

#[test]
fn a_profile_of_one_event_has_every_feature_by_rule() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let day = at("2017-03-01");
    let events = [
        Event::new("purchase", day).id("card", "bought").property("amount", 4.0),
        Event::new("visit", day).id("card", "looked"),
    ];
    people.extend(&events);
    let table = people.features(day).unwrap();
    let row = |name| {
        let id = people.get(("card", name)).map(|profile| profile.id);
        table.ids().iter().position(|known| Some(*known) == id).unwrap()
    };
    let (bought, looked) = (row("bought"), row("looked"));
    for (column, of_bought, of_looked) in [
        ("recency_days", Some(0.0), None),
        ("frequency", Some(1.0), Some(0.0)),
        ("monetary", Some(4.0), Some(0.0)),
        ("mean_order_value", Some(4.0), None),
        ("tenure_days", Some(0.0), None),
        ("gap_days", None, None),
        ("number of visit", Some(0.0), Some(1.0)),
    ] {
        assert_eq!(number(&table, bought, column), of_bought, "{column}");
        assert_eq!(number(&table, looked, column), of_looked, "{column}");
    }
    assert_eq!(table.columns().len(), 7, "no discounts, categories or attributes occur");
}

#[test]
fn a_refund_takes_from_the_money_and_is_no_order() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let line = |card: &'static str, day: &str, order: &'static str| {
        Event::new("purchase", at(day)).id("card", card).property("order_id", order)
    };
    people.extend(&[
        line("buyer", "2017-03-01", "a").property("amount", 10.0),
        line("buyer", "2017-03-01", "a").property("amount", 5.0),
        line("buyer", "2017-03-05", "without an amount"),
        line("buyer", "2017-03-10", "a gift").property("amount", 0.0),
        line("buyer", "2017-03-20", "cancelled").property("amount", -6.0),
        line("returner", "2017-03-20", "cancelled").property("amount", -6.0),
    ]);
    let table = people.features(at("2017-03-31")).unwrap();
    for (column, of_buyer, of_returner) in [
        ("recency_days", Some(21.0), None),
        ("frequency", Some(3.0), Some(0.0)),
        ("monetary", Some(9.0), Some(-6.0)),
        ("mean_order_value", Some(3.0), None),
        ("tenure_days", Some(30.0), None),
        ("gap_days", Some(4.5), None),
    ] {
        assert_eq!(number(&table, 0, column), of_buyer, "{column}");
        assert_eq!(number(&table, 1, column), of_returner, "{column}");
    }
}

#[test]
fn an_empty_column_is_no_order_id() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    for (day, order) in [("2017-03-01", ""), ("2017-03-02", ""), ("2017-03-02", "a")] {
        let event = Event::new("purchase", at(day)).id("card", "1");
        people.observe(&event.property("order_id", order)).unwrap();
    }
    let table = people.features(at("2017-03-31")).unwrap();
    assert_eq!(number(&table, 0, "frequency"), Some(3.0));
}

#[test]
fn an_attribute_without_a_name_leaves_a_set_that_can_be_used_again() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let event = Event::new("identify", at("2017-03-01")).id("card", "1");
    people.observe(&event.attribute("", 1.0).attribute(" ", 2.0).attribute("age", 3.0)).unwrap();
    people.freeze(at("2017-03-01")).unwrap();
    let table = people.features(at("2017-03-01")).unwrap();
    assert_eq!(names(&table)[6..], ["attributes", "attributes (2)", "age"]);
    assert_eq!([6, 7].map(|c| number(&table, 0, names(&table)[c])), [Some(1.0), Some(2.0)]);
    assert!(Profiles::new(Rules::default(), people.feature_set().clone()).is_ok());
}

#[test]
fn five_is_the_best_score_of_all_three_and_equal_people_score_equally() {
    let mut people = Profiles::new(
        Rules::default(),
        FeatureSet::from(&Retail { scores: true, ..Retail::default() }),
    )
    .unwrap();
    // Of the ten, five are as good as each other and one has only looked.
    for person in 0i64..10 {
        let card = format!("c{person}"); // "0" alone would be a placeholder
        if person == 0 {
            people.observe(&Event::new("visit", at("2017-02-01")).id("card", card)).unwrap();
            continue;
        }
        for order in 0..=(person - 4).max(0) {
            let day = Timestamp::from_millis(at("2017-03-01").millis() + 86_400_000 * order);
            let event = Event::new("purchase", day).id("card", card.clone());
            people.observe(&event.property("amount", 1.0)).unwrap();
        }
    }
    let table = people.features(at("2017-04-01")).unwrap();
    assert_eq!(names(&table)[7..], ["recency_score", "frequency_score", "monetary_score"]);
    let scores = |card: &str| {
        let id = people.get(("card", card)).unwrap().id;
        let row = table.ids().iter().position(|known| *known == id).unwrap();
        ["recency_score", "frequency_score", "monetary_score"].map(|name| number(&table, row, name))
    };
    // Nine have bought: 1 + ⌊5 · b / 9⌋ of recency, 1 + ⌊5 · b / 10⌋ of the others.
    assert_eq!(scores("c0"), [None, Some(1.0), Some(1.0)]);
    for card in ["c1", "c2", "c3", "c4"] {
        assert_eq!(scores(card), [Some(1.0), Some(1.0), Some(1.0)], "{card}");
    }
    assert_eq!(scores("c5"), [Some(3.0), Some(3.0), Some(3.0)]);
    assert_eq!(scores("c9"), [Some(5.0), Some(5.0), Some(5.0)]);
}

#[test]
fn a_late_and_an_equal_time_attribute_do_not_overwrite_a_newer_one() {
    let feature =
        Feature::new("city", Measure::Attribute { name: "city".into(), column: ColumnType::Auto });
    let mut people = Profiles::new(Rules::default(), FeatureSet::default().with(feature)).unwrap();
    let city = |day: &str, city: &'static str| {
        Event::new("identify", at(day)).id("card", "1").attribute("city", city)
    };
    for event in
        [city("2017-03-02", "Rome"), city("2017-03-01", "Oslo"), city("2017-03-02", "Turin")]
    {
        people.observe(&event).unwrap();
    }
    let said = |day| people.features(at(day)).unwrap().column("city").unwrap().values.clone();
    assert_eq!(said("2017-03-09"), Values::Categorical(vec![Some("Rome".into())]));
    assert_eq!(said("2017-03-01"), Values::Categorical(vec![Some("Oslo".into())]));
}

#[test]
fn an_attribute_may_be_called_like_a_feature() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    let event = Event::new("identify", at("2017-03-01")).id("card", "1");
    people.observe(&event.attribute("frequency", "often").attribute("attributes", 2.0)).unwrap();
    let table = people.features(at("2017-03-01")).unwrap();
    assert_eq!(names(&table)[6..], ["attributes", "frequency (2)"]);
}

#[test]
fn categories_that_weigh_nothing_get_no_column() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    for (category, amount) in [("GIFT", 0.0), ("RETURN", -3.0), ("TEA", 3.0)] {
        let event = Event::new("purchase", at("2017-03-01")).id("card", "1");
        people.observe(&event.property("category", category).property("amount", amount)).unwrap();
    }
    let table = people.features(at("2017-03-01")).unwrap();
    assert_eq!(names(&table)[6..], ["share of TEA"]);
    assert_eq!(number(&table, 0, "share of TEA"), Some(1.0), "a refund is no spend");
}

#[test]
fn sums_that_would_lose_digits_do_not() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    for amount in [1e15, 0.25, -1e15] {
        let event = Event::new("purchase", at("2017-03-01")).id("card", "1");
        people.observe(&event.property("amount", amount)).unwrap();
    }
    let table = people.features(at("2017-03-01")).unwrap();
    assert_eq!(number(&table, 0, "monetary"), Some(0.25));
}

#[test]
fn the_ends_of_time_are_moments_like_others() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    people.observe(&Event::new("purchase", at("2017-03-01")).id("card", "1")).unwrap();
    let before = people.features(Timestamp::from_millis(i64::MIN)).unwrap();
    assert_eq!(before.n_rows(), 0);
    let after = people.features(Timestamp::from_millis(i64::MAX)).unwrap();
    assert!(number(&after, 0, "recency_days") > Some(1e11));
    let nobody = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    assert_eq!(nobody.features(at("2017-03-01")).unwrap().n_rows(), 0);
}

/// The rows of an embedded file, by column name.
fn rows(name: &str) -> Vec<Vec<(String, String)>> {
    let path = format!("{}/examples/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let row = |record: csv::StringRecord| {
        let filled = header.iter().cloned().zip(record.iter().map(String::from));
        filled.filter(|(_, value)| !value.is_empty()).collect()
    };
    reader.into_records().map(|record| row(record.unwrap())).collect()
}

fn households() -> Vec<Event<'static>> {
    let mut events = Vec::new();
    for row in rows("events.csv.gz") {
        let mut event = Event::new("", at("2017-01-01"));
        for (column, value) in row {
            match column.as_str() {
                "time" => event.at = at(&value),
                "event" => event.name = value.into(),
                "household_id" => event = event.id("household_id", value),
                "amount" | "discount" => {
                    let number: f64 = value.parse().unwrap();
                    event = event.property(column, number);
                }
                _ => event = event.property(column, value),
            }
        }
        events.push(event);
    }
    for row in rows("people.csv.gz") {
        let mut event = Event::new("identify", at("2017-01-01"));
        for (column, value) in row {
            event = match column.as_str() {
                "household_id" => event.id("household_id", value),
                _ => event.attribute(column, value),
            };
        }
        events.push(event);
    }
    events
}

#[test]
fn the_embedded_households_give_the_numbers_worked_out_apart() {
    let mut events = households();
    let words =
        Retail { order: "basket_id".into(), category: "department".into(), ..Retail::default() };
    let features = || FeatureSet::from(&words);
    let mut people = Profiles::new(Rules::default(), features()).unwrap();
    let ingest = people.extend(&events);
    assert_eq!(ingest.to_string(), "48504 accepted, 0 duplicates, 0 refused");
    assert_eq!(people.n_profiles(), 801);
    let as_of = people.newest().unwrap();
    assert_eq!(as_of.to_string(), "2018-01-01T03:32:25Z");
    let table = people.features(as_of).unwrap();
    assert_eq!(
        names(&table),
        [
            "recency_days",
            "frequency",
            "monetary",
            "mean_order_value",
            "tenure_days",
            "gap_days",
            "discount_share",
            "number of campaign_mailed",
            "number of coupon_redeemed",
            "share of GROCERY",
            "share of DRUG GM",
            "share of FUEL",
            "share of PRODUCE",
            "share of MEAT",
            "share of MEAT-PCKGD",
            "share of DELI",
            "share of MISCELLANEOUS",
            "age",
            "home_ownership",
            "household_comp",
            "household_size",
            "income",
            "kids_count",
            "marital_status",
        ]
    );
    let missing = |column| match &table.column(column).unwrap().values {
        Values::Numeric(values) => values.iter().filter(|value| value.is_none()).count(),
        Values::Categorical(values) => values.iter().filter(|value| value.is_none()).count(),
        other => panic!("{other:?}"),
    };
    assert_eq!((missing("home_ownership"), missing("marital_status")), (233, 137));
    let spend: f64 = (0..801).filter_map(|row| number(&table, row, "monetary")).sum();
    assert!((spend - 133_618.72).abs() < 1e-6, "{spend}");

    let household = people.get(("household_id", "906")).unwrap();
    assert_eq!(household.n_events, 54 + 6 + 1);
    let row = table.ids().iter().position(|id| *id == household.id).unwrap();
    for (column, expected) in [
        ("recency_days", 17.330_752_314_814_816),
        ("frequency", 46.0),
        ("monetary", 334.91),
        ("mean_order_value", 7.280_652_173_913_041),
        ("tenure_days", 364.626_365_740_740_77),
        ("gap_days", 8.675),
        ("discount_share", 0.137_674_442_556_259_35),
        ("number of campaign_mailed", 6.0),
        ("number of coupon_redeemed", 0.0),
        ("share of GROCERY", 0.440_357_110_865_605_86),
    ] {
        let got = number(&table, row, column).unwrap();
        assert!((got - expected).abs() < 1e-9, "{column}: {got}");
    }

    events.reverse();
    let mut other = Profiles::new(Rules::default(), features()).unwrap();
    other.extend(&events[20_000..]);
    other.extend(&events[..20_000]);
    assert_eq!(other.features(as_of).unwrap(), table);
}
