//! The features a site or an app starts with, on people whose numbers were worked out by hand.

use personas::features::Values;
use personas::{Event, FeatureSet, FeatureTable, Profiles, Rules, Timestamp};

/// An event at a local time; without an offset, nobody knows what the clock said there.
fn event(who: &'static str, name: &'static str, time: &str) -> Event<'static> {
    let (at, offset) = Timestamp::parse_with_offset(time).unwrap();
    Event::new(name, at).id("login", who).utc_offset(offset)
}

fn page(who: &'static str, time: &str) -> Event<'static> {
    event(who, "page", time)
}

fn events() -> Vec<Event<'static>> {
    let on = |event: Event<'static>, device| event.property("device", device);
    vec![
        // Ann, in Rome: a Monday morning, a Saturday night until Sunday, and in summer time.
        on(page("ann", "2017-03-06T09:00:00+01:00"), "mobile").property("channel", "web"),
        on(page("ann", "2017-03-06T09:10:00+01:00"), "mobile").property("channel", "web"),
        on(event("ann", "order", "2017-03-06T09:25:00+01:00"), "mobile").property("region", "RM"),
        on(page("ann", "2017-03-11T23:50:00+01:00"), "desktop").property("channel", "web"),
        on(page("ann", "2017-03-12T00:10:00+01:00"), "desktop")
            .property("region", "MI")
            .property("os", "macOS"),
        on(page("ann", "2017-04-06T18:00:00+02:00"), "mobile").property("channel", "mail"),
        event("ann", "subscribe", "2017-04-06T18:00:00+02:00").attribute("plan", "pro"),
        // Bob, once, from a server that says nothing of the place.
        page("bob", "2017-04-01T12:00:00Z"),
        // Cid, every ten days at the same time.
        on(page("cid", "2017-02-28T14:00:00[UTC]"), "tv").property("os", "Tizen"),
        on(page("cid", "2017-03-10T14:00:00[UTC]"), "tv"),
        on(page("cid", "2017-03-20T14:00:00[UTC]"), "tv"),
        on(page("cid", "2017-03-30T14:00:00[UTC]"), "tv"),
        // Dan, in New York on a Sunday: half an hour apart is a new session, a second less is none.
        page("dan", "2017-03-05T02:00:00-05:00"),
        page("dan", "2017-03-05T02:30:00-05:00"),
        page("dan", "2017-03-05T02:59:59-05:00"),
    ]
}

fn people(events: &[Event<'static>]) -> Profiles {
    let mut people = Profiles::new(Rules::default(), FeatureSet::engagement()).unwrap();
    assert_eq!(people.extend(events).accepted, events.len());
    people
}

#[track_caller]
fn check(table: &FeatureTable, row: usize, expected: &[(&str, Option<f64>)]) {
    for (name, expected) in expected {
        let column = table.column(name).unwrap_or_else(|| panic!("no column {name}"));
        let Values::Numeric(values) = &column.values else { panic!("{name} holds categories") };
        let is_near = match (values[row], *expected) {
            (Some(got), Some(expected)) => (got - expected).abs() < 1e-9,
            (got, expected) => got == expected,
        };
        assert!(is_near, "{name} of row {row}: {:?}, not {expected:?}", values[row]);
    }
}

#[test]
fn sessions_days_times_of_day_and_devices_are_those_worked_out_by_hand() {
    let as_of = Timestamp::parse("2017-04-07").unwrap();
    let people = people(&events());
    let table = people.features(as_of).unwrap();
    // In order of the first event.
    let (cid, dan, ann, bob) = (0, 1, 2, 3);
    assert_eq!(table.n_rows(), 4);

    let ann_numbers = [
        ("recency_days", Some(8.0 / 24.0)),
        ("tenure_days", Some(31.0 + 16.0 / 24.0)),
        ("sessions", Some(3.0)),
        ("events_per_session", Some(7.0 / 3.0)),
        // 25, 20 and no minutes.
        ("session_minutes", Some(15.0)),
        // 5 days 14:25 and 25 days 16:50.
        ("session_gap_days", Some(15.651_041_666_667)),
        ("session_gap_variation", Some(0.642_151_968_940_654)),
        // By her own clock the night from Saturday to Sunday is two days.
        ("active_days", Some(4.0)),
        ("active_days_30", Some(3.0)),
        ("events_30", Some(4.0)),
        ("fading_events", Some(2.217_330_007_640)),
        ("number of page", Some(5.0)),
        ("number of order", Some(1.0)),
        ("time of morning", Some(3.0 / 7.0)),
        ("time of afternoon", Some(0.0)),
        ("time of evening", Some(3.0 / 7.0)),
        ("time of night", Some(1.0 / 7.0)),
        ("share on weekends", Some(2.0 / 7.0)),
        // Of the six events that tell.
        ("device mobile", Some(4.0 / 6.0)),
        ("device desktop", Some(2.0 / 6.0)),
        ("device tv", Some(0.0)),
        ("os macOS", Some(1.0)),
        ("os Tizen", Some(0.0)),
        ("channel web", Some(0.75)),
        ("channel mail", Some(0.25)),
        ("region MI", Some(0.5)),
        ("region RM", Some(0.5)),
        ("season spring", Some(1.0)),
        ("season winter", Some(0.0)),
        // Three times at nine, twice at six in the evening; on Mondays, on a Thursday.
        ("hour_entropy", Some(1.842_370_993_177_109)),
        ("weekday_entropy", Some(1.842_370_993_177_109)),
        ("season_entropy", Some(0.0)),
        ("device_entropy", Some(0.918_295_834_054_489)),
        ("os_entropy", Some(0.0)),
        ("channel_entropy", Some(0.811_278_124_459_133)),
        ("region_entropy", Some(1.0)),
    ];
    check(&table, ann, &ann_numbers);
    let plan = table.column("plan").map(|column| &column.values);
    assert_eq!(plan, Some(&Values::Categorical(vec![None, None, Some("pro".into()), None])));

    let bob_numbers = [
        ("recency_days", Some(5.5)),
        ("sessions", Some(1.0)),
        ("session_minutes", Some(0.0)),
        ("session_gap_days", None),
        ("session_gap_variation", None),
        ("active_days_30", Some(1.0)),
        ("fading_events", Some(0.580_064_693_080)),
        ("number of order", Some(0.0)),
        ("time of morning", None),
        ("share on weekends", None),
        ("device mobile", None),
        ("channel web", None),
        ("season spring", None),
        ("hour_entropy", None),
        ("region_entropy", None),
    ];
    check(&table, bob, &bob_numbers);

    let cid_numbers = [
        ("recency_days", Some(7.0 + 10.0 / 24.0)),
        ("session_gap_days", Some(10.0)),
        ("session_gap_variation", Some(0.0)),
        ("events_30", Some(3.0)),
        ("time of afternoon", Some(1.0)),
        ("share on weekends", Some(0.0)),
        ("device tv", Some(1.0)),
        ("channel web", None),
        // One of four at the end of winter.
        ("season winter", Some(0.25)),
        ("season_entropy", Some(0.811_278_124_459_133)),
        ("hour_entropy", Some(0.0)),
        ("weekday_entropy", Some(2.0)),
        ("os Tizen", Some(1.0)),
        ("region MI", None),
    ];
    check(&table, cid, &cid_numbers);

    let dan_numbers = [
        ("sessions", Some(2.0)),
        ("events_per_session", Some(1.5)),
        ("session_minutes", Some((29.0 + 59.0 / 60.0) / 2.0)),
        ("session_gap_days", Some(30.0 / 1440.0)),
        ("session_gap_variation", None),
        ("active_days", Some(1.0)),
        ("active_days_30", Some(0.0)),
        ("events_30", Some(0.0)),
        ("time of night", Some(1.0)),
        ("share on weekends", Some(1.0)),
    ];
    check(&table, dan, &dan_numbers);
}

#[test]
fn what_no_event_tells_has_no_column() {
    let people = people(&[page("bob", "2017-04-01T12:00:00Z")]);
    let table = people.features(Timestamp::parse("2017-04-07").unwrap()).unwrap();
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "recency_days",
            "tenure_days",
            "sessions",
            "events_per_session",
            "session_minutes",
            "session_gap_days",
            "session_gap_variation",
            "active_days",
            "active_days_30",
            "events_30",
            "fading_events",
            "number of page",
        ]
    );
}

#[test]
fn late_events_and_any_moment_give_what_was_true_then() {
    let all = events();
    let as_of = Timestamp::parse("2017-03-12").unwrap();
    let until: Vec<Event<'static>> = all.iter().filter(|e| e.at <= as_of).cloned().collect();
    let mut live = people(&[]);
    all.iter().rev().for_each(|event| drop(live.observe(event).unwrap()));
    assert_eq!(live.features(as_of).unwrap(), people(&until).features(as_of).unwrap());
    let ann = live.get(("login", "ann")).unwrap().features(as_of).unwrap();
    check(&ann, 0, &[("sessions", Some(2.0)), ("events_per_session", Some(2.5))]);
}
