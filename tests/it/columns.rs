//! Events in columns against the same events one by one.

use personas::event::{ColumnData, EventColumns};
use personas::features::{ColumnType, Feature, Measure};
use personas::profiles::StoreOptions;
use personas::{Error, Event, FeatureSet, Profiles, Rules, Timestamp};
use proptest::prelude::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_500_000_000_000 + minute * 60_000)
}

/// One row of the table.
type Row = (u8, i64, Option<u8>, Option<u8>, Option<f64>, Option<u8>, Option<u8>, Option<i16>);

fn a_row() -> impl Strategy<Value = Row> {
    let amount = prop_oneof![
        4 => (0i32..50).prop_map(|n| Some(f64::from(n) / 4.0)),
        1 => Just(None),
        1 => Just(Some(f64::INFINITY)),
    ];
    (
        0u8..3,
        0i64..5000,
        prop::option::of(0u8..4),
        prop::option::of(0u8..6),
        amount,
        prop::option::of(0u8..4),
        prop::option::of(0u8..9),
        prop_oneof![Just(None), Just(Some(-300)), Just(Some(2000))],
    )
}

fn features() -> FeatureSet {
    FeatureSet::engagement()
        .with(Feature::new("spend", Measure::Sum("amount".into())))
        .with(Feature::new("kinds", Measure::Distinct("kind".into())))
        .with(Feature::new(
            "last kind",
            Measure::Last { property: "kind".into(), column: ColumnType::Category },
        ))
}

fn names(name: u8) -> &'static str {
    ["visit", "purchase", "call"][usize::from(name)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn columns_give_the_store_and_the_report_of_the_same_events(
        rows in prop::collection::vec(a_row(), 1..40), dedupe in any::<bool>(),
    ) {
        let text = |what: &str, n: Option<u8>| n.map(|n| format!("{what}{n}"));
        let events: Vec<Event<'_>> = rows
            .iter()
            .map(|&(name, minute, user, cookie, amount, kind, message, offset)| {
                let mut event = Event::new(names(name), at(minute)).utc_offset(offset);
                if let Some(user) = text("u", user) {
                    event = event.id("user_id", user);
                }
                if let Some(cookie) = text("c", cookie) {
                    event = event.claimed_id("cookie", cookie);
                }
                if let Some(amount) = amount {
                    event = event.property("amount", amount);
                }
                if let Some(kind) = text("k", kind) {
                    event = event.property("kind", kind.clone()).attribute("taste", kind);
                }
                match text("m", message) {
                    Some(id) => event.message_id(id),
                    None => event,
                }
            })
            .collect();
        let times: Vec<Timestamp> = rows.iter().map(|row| at(row.1)).collect();
        let codes: Vec<u32> = rows.iter().map(|row| u32::from(row.0)).collect();
        let users: Vec<Option<String>> = rows.iter().map(|row| text("u", row.2)).collect();
        let cookies: Vec<Option<String>> = rows.iter().map(|row| text("c", row.3)).collect();
        let amounts: Vec<f64> = rows.iter().map(|row| row.4.unwrap_or(f64::NAN)).collect();
        let kinds: Vec<Option<String>> = rows.iter().map(|row| text("k", row.5)).collect();
        let messages: Vec<Option<String>> = rows.iter().map(|row| text("m", row.6)).collect();
        let offsets: Vec<Option<i16>> = rows.iter().map(|row| row.7).collect();
        let texts = [names(0), names(1), names(2)];
        let columns = EventColumns::new(&times)
            .name(ColumnData::Dictionary { codes: &codes, texts: &texts })
            .id("user_id", &users)
            .claimed_id("cookie", &cookies)
            .property("amount", &amounts)
            .property("kind", &kinds)
            .attribute("taste", &kinds)
            .message_ids(&messages)
            .utc_offsets(&offsets);

        let options = StoreOptions { dedupe, ..StoreOptions::default() };
        let store = || Profiles::with_options(Rules::default(), features(), options.clone()).unwrap();
        let (mut bulk, mut by_column, mut live) = (store(), store(), store());
        let expected = bulk.extend(&events);
        let report = by_column.extend_columns(&columns).unwrap();
        prop_assert_eq!(report, expected);
        events.iter().for_each(|event| drop(live.observe(event)));
        for people in [&by_column, &live] {
            prop_assert_eq!(people.features(at(6000)).unwrap(), bulk.features(at(6000)).unwrap());
            prop_assert_eq!((people.newest(), people.n_profiles()), (bulk.newest(), bulk.n_profiles()));
            prop_assert_eq!(people.n_unattributed(), bulk.n_unattributed());
        }
    }
}

#[test]
fn a_column_that_cannot_be_read_changes_nothing() {
    let times = [at(0), at(1)];
    let columns = EventColumns::new(&times).name("visit").id("card", &["1"]);
    let mut people = Profiles::new(Rules::default(), features()).unwrap();
    let refused = people.extend_columns(&columns);
    assert!(matches!(refused, Err(Error::DimensionMismatch { expected: 2, got: 1, .. })));
    assert!(people.n_profiles() == 0);
}

#[test]
fn the_newest_event_is_somebodys_after_every_change() {
    let mut people = Profiles::new(Rules::default(), features()).unwrap();
    let event = |who: &'static str, minute| Event::new("visit", at(minute)).id("card", who);
    assert_eq!(people.newest(), None);
    people.extend([&event("1", 5), &event("2", 9)]);
    assert_eq!(people.newest(), Some(at(9)));
    people.observe(&event("1", 7)).unwrap();
    people.observe(&event("1", 12)).unwrap();
    assert_eq!(people.newest(), Some(at(12)));
    // A placeholder is nobody's.
    people.observe(&event("null", 20)).unwrap();
    assert_eq!((people.newest(), people.n_unattributed()), (Some(at(12)), 1));
    people.forget(("card", "1")).unwrap();
    assert_eq!(people.newest(), Some(at(9)));
}
