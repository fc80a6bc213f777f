//! Data quality on a cut of a real shop's lines, and as laws.
//!
//! The numbers of the cut were counted apart, with a few lines of Python; `data/SOURCE.md` says
//! where it comes from.

use personas::features::{Condition, Feature, Measure, Retail, Share, Values};
use personas::quality::{Action, Check, Quality, QualityRule, Target};
use personas::{Event, FeatureSet, Profiles, Rules, Timestamp, Value};
use proptest::prelude::*;

fn now() -> Timestamp {
    Timestamp::parse("2011-09-01").unwrap()
}

/// The lines as they are: nothing is mended on the way in.
fn lines() -> Vec<Event<'static>> {
    let file = include_str!("data/online_retail.csv");
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let line = |record: csv::StringRecord| {
        let text = |column: usize| record[column].to_owned();
        let number = |column: usize| record[column].parse::<f64>().unwrap();
        let mut event = Event::new("purchase", Timestamp::parse(&record[4]).unwrap())
            .property("order_id", text(0))
            .property("code", text(1))
            .property("description", text(2))
            .property("quantity", number(3))
            .property("price", number(5))
            .property("amount", number(3) * number(5))
            .property("category", text(7));
        if !record[6].is_empty() {
            event = event.id("customer_id", text(6));
        }
        event
    };
    reader.records().map(|record| line(record.unwrap())).collect()
}

fn of_the_shop(action: Action) -> Quality {
    let positive = || Check::Is(Condition::Greater(0.0));
    Quality {
        rules: vec![
            QualityRule::new(
                Target::Identifier("customer_id".into()),
                Check::Is(Condition::Exists),
                action,
            ),
            QualityRule::new(
                Target::Property("order_id".into()),
                Check::Pattern("[0-9]{6}".into()),
                Action::Keep,
            ),
            QualityRule::new(Target::Property("quantity".into()), positive(), Action::Keep),
            QualityRule::new(Target::Property("price".into()), positive(), Action::Blank),
            QualityRule::new(Target::Time, Check::NotInFuture, Action::Drop),
            QualityRule::new(Target::Event, Check::Unique, Action::Drop),
        ],
    }
}

#[test]
fn missing_customers_cancellations_and_repetitions_are_found() {
    let lines = lines();
    assert_eq!(lines.len(), 280);
    let quality = of_the_shop(Action::Keep);
    let (clean, report) = quality.clean(lines.clone(), now()).unwrap();
    let n: Vec<usize> = report.rules.iter().map(|of_rule| of_rule.n).collect();
    assert_eq!(n, [101, 14, 14, 8, 0, 6]);
    assert_eq!((report.n_rows, report.n_dropped, report.n_blanked), (280, 6, 8));
    assert_eq!(clean.len(), 274);
    // Of the order of the lines nothing depends but the positions.
    let turned = lines.into_iter().rev();
    let (mut again, turned) = quality.clean(turned, now()).unwrap();
    again.reverse();
    assert_eq!(again.len(), clean.len());
    assert!(turned.rules.iter().map(|of_rule| of_rule.n).eq(n));
}

#[test]
fn the_features_of_a_shop_cope_with_dirty_lines() {
    let (clean, report) = of_the_shop(Action::Drop).clean(lines(), now()).unwrap();
    assert_eq!(clean.len(), report.n_rows - report.n_dropped);
    let features = || FeatureSet::from(&Retail { scores: true, ..Retail::default() });
    let mut people = Profiles::new(Rules::default(), features()).unwrap();
    assert_eq!(people.extend(&clean).n_refused(), 0);
    let mut raw = Profiles::new(Rules::default(), features()).unwrap();
    // Without the rules, the same people come out: who has no customer id is refused and counted.
    assert_eq!(raw.extend(&lines()).n_refused(), 101);
    let (table, of_raw) = (people.features(now()).unwrap(), raw.features(now()).unwrap());
    assert_eq!(table.ids(), of_raw.ids());
    assert_eq!(table.n_rows(), 9);
    for column in of_raw.columns().iter().chain(table.columns()) {
        if let Values::Numeric(values) = &column.values {
            assert!(values.iter().flatten().all(|value| value.is_finite()), "{}", column.name);
        }
    }
}

#[test]
fn the_customers_of_online_retail_have_the_features_worked_out_apart() {
    let mut people = Profiles::new(Rules::default(), FeatureSet::retail()).unwrap();
    people.extend(&lines());
    let table = people.features(now()).unwrap();
    let number = |row: usize, name: &str| match &table.column(name).unwrap().values {
        Values::Numeric(values) => values[row],
        other => panic!("{name} is {other:?}"),
    };
    // One visit each; in minutes to the end of August 2011, and in pounds. The first only returned goods.
    for (customer, minutes, orders, pounds) in [
        ("12472.0", None, 0.0, -122.3),
        ("12921.0", Some(393_654.0), 1.0, 322.4),
        ("13093.0", Some(393_660.0), 1.0, 799.4),
        ("13468.0", Some(393_652.0), 1.0, 308.65),
        ("17346.0", Some(393_686.0), 1.0, 146.61),
        ("17643.0", Some(393_682.0), 1.0, 101.55),
        ("17760.0", Some(393_652.0), 1.0, 38.74),
        ("17841.0", Some(393_679.0), 1.0, 537.38),
        ("17873.0", Some(393_666.0), 1.0, 215.15),
    ] {
        let id = people.get(("customer_id", customer)).unwrap().id;
        let row = table.ids().iter().position(|known| *known == id).unwrap();
        let days = minutes.map(|minutes: f64| minutes / 1440.0);
        assert_eq!((number(row, "recency_days"), number(row, "tenure_days")), (days, days));
        assert_eq!((number(row, "frequency"), number(row, "gap_days")), (Some(orders), None));
        let spent = number(row, "monetary").unwrap();
        assert!((spent - pounds).abs() < 1e-9, "{customer}: {spent}");
        assert_eq!(number(row, "mean_order_value"), (orders > 0.0).then_some(spent));
    }
}

fn an_event() -> impl Strategy<Value = Event<'static>> {
    let amount = prop::option::of(prop_oneof![
        (-3i32..3).prop_map(|n| Value::from(f64::from(n))),
        Just(Value::from("12,50")),
        Just(Value::from(f64::NAN)),
        Just(Value::List(vec![Value::from(1.0), Value::from("x"), Value::from(-1.0)])),
    ]);
    let email = prop::option::of(prop::sample::select(vec!["ann@example.org", "none", " "]));
    (0i64..4, amount, email, prop::option::of(0u8..3), any::<bool>()).prop_map(
        |(day, amount, email, message, is_visit)| {
            let at = Timestamp::from_millis(now().millis() + (day - 2) * 86_400_000);
            let mut event =
                Event::new(if is_visit { "visit" } else { "purchase" }, at).id("card", "1");
            if let Some(amount) = amount {
                event = event.property("amount", amount);
            }
            if let Some(email) = email {
                event = event.id("email", email).attribute("email", email);
            }
            match message {
                Some(id) => event.message_id(id.to_string()),
                None => event,
            }
        },
    )
}

/// Rules, each with any action that it may have.
fn some_rules() -> impl Strategy<Value = Quality> {
    let range = || Check::Is(Condition::Between(0.0, 9.0));
    let rules = [
        QualityRule::new(Target::Property("amount".into()), range(), Action::Keep),
        QualityRule {
            on: Some("purchase".into()),
            ..QualityRule::new(Target::Property("amount".into()), Check::Number, Action::Keep)
        },
        QualityRule::new(
            Target::Property("amount".into()),
            Check::Is(Condition::Exists),
            Action::Keep,
        ),
        QualityRule::new(Target::Attribute("email".into()), Check::Email, Action::Keep),
        QualityRule::new(Target::Identifier("email".into()), Check::Email, Action::Keep),
        QualityRule::new(
            Target::Identifier("email".into()),
            Check::Is(Condition::Exists),
            Action::Keep,
        ),
        QualityRule::new(Target::Time, Check::NotInFuture, Action::Keep),
        QualityRule::new(Target::Time, Check::FreshDays(1.0), Action::Keep),
    ];
    let actions = prop::sample::select(vec![Action::Keep, Action::Blank, Action::Drop]);
    prop::collection::vec((prop::sample::select(rules.to_vec()), actions), 0..6).prop_map(|rules| {
        let possible = |(rule, action): (QualityRule, Action)| match action {
            Action::Blank if rule.to_string().starts_with("the time") => rule,
            _ => QualityRule { action, ..rule },
        };
        Quality { rules: rules.into_iter().map(possible).collect() }
    })
}

/// Equal, with NaN equal to NaN.
fn same(a: &[Event<'_>], b: &[Event<'_>]) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn one_by_one_and_in_any_batches_is_as_all_at_once(
        events in prop::collection::vec(an_event(), 0..20), quality in some_rules(), cut in 0usize..20,
    ) {
        let (clean, report) = quality.clean(events.clone(), now()).unwrap();
        prop_assert_eq!(clean.len() + report.n_dropped, events.len());

        let (mut live, mut live_report) = (Vec::new(), quality.clean([], now()).unwrap().1);
        for event in &events {
            let (one, report) = quality.clean([event.clone()], now()).unwrap();
            live.extend(one);
            live_report += &report;
        }
        prop_assert!(same(&live, &clean));
        prop_assert_eq!(&live_report, &report);

        let (first, second) = events.split_at(cut.min(events.len()));
        let mut both = quality.clean(first.to_vec(), now()).unwrap().1;
        both += &quality.clean(second.to_vec(), now()).unwrap().1;
        prop_assert_eq!(&both, &report);
    }

    #[test]
    fn what_was_cleaned_is_clean_but_for_what_is_only_kept(
        events in prop::collection::vec(an_event(), 0..20), quality in some_rules(),
    ) {
        // What one rule blanks another can miss.
        let is_kept = |rule: &&QualityRule| rule.check != Check::Is(Condition::Exists);
        let quality = Quality { rules: quality.rules.iter().filter(is_kept).cloned().collect() };
        let (clean, _) = quality.clean(events, now()).unwrap();
        let (again, report) = quality.clean(clean.clone(), now()).unwrap();
        prop_assert!(same(&again, &clean));
        let is_clean = |rule: &QualityRule, n| n == 0 || rule.action == Action::Keep;
        prop_assert!(report.rules.iter().all(|b| is_clean(&b.rule, b.n)), "{}", report);
    }

    #[test]
    fn rules_survive_json_and_so_do_reports(
        events in prop::collection::vec(an_event(), 0..9), quality in some_rules(),
    ) {
        let json = serde_json::to_string(&quality).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Quality>(&json).unwrap(), &quality);
        let report = quality.clean(events, now()).unwrap().1;
        let json = serde_json::to_string(&report).unwrap();
        prop_assert_eq!(serde_json::from_str::<personas::quality::QualityReport>(&json).unwrap(), report);
    }
}

#[test]
fn the_items_of_an_order_stay_together_when_bad_values_are_taken_out() {
    let item = |category: &'static str, price: f64, quantity: f64| {
        Value::from([
            ("category", category.into()),
            ("price", price.into()),
            ("quantity", quantity.into()),
        ])
    };
    let items = vec![item("tea", 1.0, 1.0), item("cups", 33.0, 3.0), item("pots", -5.0, 2.0)];
    let order = Event::new("order", now()).id("user_id", "7").property("products", items);
    let price = Target::Property("products.price".into());
    let positive = Check::Is(Condition::Greater(0.0));
    let quality = Quality { rules: vec![QualityRule::new(price, positive, Action::Blank)] };
    let (clean, report) = quality.clean([order], now()).unwrap();
    assert_eq!((report.rules[0].n, report.n_blanked), (1, 1));

    let paid = "products.price * products.quantity";
    let share = Measure::Share(Share::Value {
        property: "products.category".into(),
        value: "cups".into(),
        by: Some(paid.into()),
    });
    let features = FeatureSet::default()
        .with(Feature::new("items", Measure::Values("products.category".into())))
        .with(Feature::new("revenue", Measure::Sum(paid.into())))
        .with(Feature::new("cups", share));
    let mut people = Profiles::new(Rules::default(), features).unwrap();
    assert_eq!(people.extend(&clean).n_refused(), 0);
    let table = people.features(now()).unwrap();
    let value = |name: &str| table.column(name).unwrap().values.clone();
    assert_eq!(value("items"), Values::Numeric(vec![Some(3.0)]));
    assert_eq!(value("revenue"), Values::Numeric(vec![Some(100.0)]));
    assert_eq!(value("cups"), Values::Numeric(vec![Some(0.99)]));
}
