//! From events to one row per person: 100,000 purchase lines of 5,000 people, in memory and as JSON.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use personas::features::{Feature, Measure, Retail};
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
use serde_json::json;

const N_EVENTS: u64 = 100_000;
const N_PEOPLE: u64 = 5_000;
const YEAR_MS: u64 = 365 * 86_400_000;

/// Lines of a shop in no order; every fourth is anonymous but for a cookie, every eighth says whose
/// cookie it is.
fn events() -> Vec<Event<'static>> {
    let departments = ["GROCERY", "PRODUCE", "MEAT", "DELI", "FUEL", "PASTRY", "DRUG", "FLORAL"];
    let mut state = 7u64;
    let mut below = |n: u64| {
        // Knuth's multiplier: good enough to scatter, and the same everywhere.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    (0..N_EVENTS)
        .map(|i| {
            let person = below(N_PEOPLE);
            let at = Timestamp::from_millis((1_483_228_800_000 + below(YEAR_MS)) as i64);
            let mut event = Event::new("purchase", at);
            if i % 4 != 0 {
                event = event.id("card", person.to_string());
            }
            if i % 4 == 0 || i % 8 == 1 {
                event = event.id("cookie", person.to_string());
            }
            event
                .property("order_id", (i / 3).to_string())
                .property("amount", below(5_000) as f64 / 100.0)
                .property("discount", below(300) as f64 / 100.0)
                .property("category", departments[below(8) as usize])
        })
        .collect()
}

/// The same shop's events as a browser's client of the Segment spec sends them: some 540 bytes a line.
fn json_lines() -> String {
    let zones = ["Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Europe/Rome"];
    let mut lines = String::new();
    for (i, event) in events().iter().enumerate() {
        let person = &event.identifiers[0].value;
        let mut properties = json!({"currency": "EUR"});
        for (name, value) in &event.properties {
            properties[name.as_ref()] = json!(value);
        }
        let mut call = json!({
            "anonymousId": format!("507f191e-810c-4972-9de8-{person:>012}"),
            "channel": "web",
            "context": {
                "ip": "8.8.8.8",
                "library": {"name": "analytics.js", "version": "2.11.1"},
                "locale": "en-US",
                "page": {
                    "path": "/academy/",
                    "referrer": "",
                    "title": "Analytics Academy",
                    "url": "https://shop.org/academy/",
                },
                "timezone": zones[i % 4],
            },
            "event": event.name,
            "messageId": format!("ajs-next-{i:016}"),
            "properties": properties,
            "timestamp": event.at.to_string(),
            "type": "track",
            "version": 2,
        });
        if i % 4 != 0 {
            call["userId"] = json!(person);
        }
        lines.push_str(&call.to_string());
        lines.push('\n');
    }
    lines
}

fn people(c: &mut Criterion) {
    let events = events();
    let empty = || {
        Profiles::new(Rules::default(), Retail::default().feature_set())
            .expect("the defaults are valid")
    };
    let mut full = empty();
    full.extend(&events);
    let as_of = full.newest().expect("there are events");
    let mut settled = full.clone();
    settled.freeze(as_of).expect("logs are whole");

    let mut group = c.benchmark_group("people");
    group.sample_size(10);
    group.bench_function("extend 100k events", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend(&events)
        });
    });
    let rfm = [
        Feature::new("recency", Measure::RecencyDays),
        Feature::new("frequency", Measure::Count),
        Feature::new("monetary", Measure::Sum("amount".into())),
    ];
    let rfm: FeatureSet = rfm.into_iter().collect();
    group.throughput(Throughput::Elements(N_EVENTS));
    group.bench_function("recency, frequency, monetary without logs", |b| {
        b.iter(|| {
            let options = StoreOptions::default().max_log(0);
            let people = Profiles::with_options(Rules::default(), rfm.clone(), options);
            let mut people = people.expect("the features are fixed");
            people.extend(&events);
            people.features(as_of)
        });
    });
    group.bench_function("features of 5k people", |b| b.iter(|| full.features(as_of)));
    group.bench_function("one settled row", |b| {
        b.iter(|| settled.get("cookie", "4711").map(|person| person.features(as_of)));
    });

    let lines = json_lines();
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.bench_function("read 100k lines of JSON, one thread", |b| {
        b.iter(|| lines.lines().filter(|line| Event::from_segment(line).is_ok()).count());
    });
    group.bench_function("extend 100k lines of JSON", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend_json(&lines)
        });
    });
    group.bench_function("100k lines of JSON to features", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend_json(&lines);
            people.features(as_of)
        });
    });
    group.finish();
}

criterion_group!(benches, people);
criterion_main!(benches);
