//! From events to one row per person: 100,000 purchase lines of 5,000 people, in memory and as JSON.
//!
//! `cargo bench -p personas-benches --bench people -- large [RUN …]` times runs as large as a program
//! instead, each once or a few times: `columns`, `logs`, `dedupe`, `events`, `table`, `live`, `json`; all of
//! them without names. `PERSONAS_EVENTS` is the number of purchases, ten million unless it is set; each
//! person has ten. They take up to 6 GB.

#![allow(clippy::print_stdout)] // large runs print their times

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group};
use personas::event::EventColumns;
use personas::features::{Feature, Measure};
use personas::profiles::StoreOptions;
use personas::segment::{Received, receive};
use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
use serde_json::json;

const N_EVENTS: u64 = 100_000;
const N_PEOPLE: u64 = 5_000;
const YEAR_MS: u64 = 365 * 86_400_000;

const DEPARTMENTS: [&str; 8] =
    ["GROCERY", "PRODUCE", "MEAT", "DELI", "FUEL", "PASTRY", "DRUG", "FLORAL"];

/// A source of numbers below a bound.
fn random() -> impl FnMut(u64) -> u64 {
    let mut state = 7u64;
    move |n| {
        // Knuth's multiplier: good enough to scatter, and the same everywhere.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    }
}

/// Recency, frequency and money.
fn rfm() -> Vec<Feature> {
    vec![
        Feature::new("recency", Measure::RecencyDays),
        Feature::new("frequency", Measure::Count),
        Feature::new("monetary", Measure::Sum("amount".into())),
    ]
}

/// Lines of a shop in no order; every fourth is anonymous but for a cookie, every eighth says whose
/// cookie it is.
fn events() -> Vec<Event<'static>> {
    let mut below = random();
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
                .property("category", DEPARTMENTS[below(8) as usize])
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
    let empty =
        || Profiles::new(Rules::default(), FeatureSet::retail()).expect("the defaults are valid");
    let mut full = empty();
    full.extend(&events);
    let as_of = full.newest().expect("there are events");
    let mut frozen = full.clone();
    frozen.freeze(as_of).expect("logs are whole");

    let mut group = c.benchmark_group("people");
    group.sample_size(10);
    group.bench_function("extend 100k events", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend(&events)
        });
    });
    let rfm: FeatureSet = rfm().into_iter().collect();
    group.throughput(Throughput::Elements(N_EVENTS));
    group.bench_function("recency, frequency, monetary without logs", |b| {
        b.iter(|| {
            let options = StoreOptions { max_log: Some(0), ..StoreOptions::default() };
            let people = Profiles::with_options(Rules::default(), rfm.clone(), options);
            let mut people = people.expect("the features are fixed");
            people.extend(&events);
            people.features(as_of)
        });
    });
    group.bench_function("features of 5k people", |b| b.iter(|| full.features(as_of)));
    group.bench_function("one frozen row", |b| {
        b.iter(|| frozen.get(("cookie", "4711")).map(|person| person.features(as_of)));
    });

    let lines = json_lines();
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.bench_function("read 100k lines of JSON, one thread", |b| {
        b.iter(|| receive(&lines, &Received::default()).events.len());
    });
    group.bench_function("extend 100k lines of JSON", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend_json(&lines, &Received::default())
        });
    });
    group.bench_function("100k lines of JSON to features", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend_json(&lines, &Received::default());
            people.features(as_of)
        });
    });
    group.finish();
}

/// Purchases of a year in no order, as columns.
struct Purchases {
    at: Vec<Timestamp>,
    customers: Vec<String>,
    amounts: Vec<f64>,
    messages: Vec<String>,
}

const START_MS: i64 = 1_483_228_800_000;

impl Purchases {
    fn new(n: usize) -> Self {
        let mut below = random();
        let n_people = (n / 10).max(1) as u64;
        let at = |year_ms: u64| Timestamp::from_millis(START_MS + year_ms as i64);
        Self {
            customers: (0..n).map(|_| format!("customer-{}", below(n_people))).collect(),
            at: (0..n).map(|_| at(below(YEAR_MS))).collect(),
            amounts: (0..n).map(|_| below(5000) as f64 / 100.0).collect(),
            messages: (0..n).map(|i| format!("ajs-next-{i:026x}")).collect(),
        }
    }

    fn columns(&self) -> EventColumns<'_> {
        EventColumns::new(&self.at)
            .name("purchase")
            .id("user_id", &self.customers)
            .property("amount", &self.amounts)
    }

    fn events(&self) -> Vec<Event<'_>> {
        let event = |i: usize| {
            let event = Event::new("purchase", self.at[i]).id("user_id", &self.customers[i]);
            event.property("amount", self.amounts[i])
        };
        (0..self.at.len()).map(event).collect()
    }
}

/// Prints the seconds of `run`; what it returns is dropped later.
fn time<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    result
}

/// Prints the microseconds of each of `n` runs.
fn time_each(what: &str, n: usize, run: impl FnMut(usize)) {
    let start = Instant::now();
    (0..n).for_each(run);
    println!("{what}: {:.2} us", start.elapsed().as_secs_f64() * 1e6 / n as f64);
}

fn store(features: Vec<Feature>, options: StoreOptions) -> Profiles {
    let features = features.into_iter().collect();
    Profiles::with_options(Rules::default(), features, options).expect("the options fit")
}

/// Runs of the size of a program, by name.
fn large(asked: &[String]) {
    let runs = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    let n = std::env::var("PERSONAS_EVENTS").ok().and_then(|n| n.parse().ok());
    let bought = Purchases::new(n.unwrap_or(10_000_000));
    let as_of = Timestamp::from_millis(START_MS + YEAR_MS as i64);
    let no_log = || StoreOptions { max_log: Some(0), ..StoreOptions::default() };
    let n_events = bought.at.len();

    for (name, options, repeats) in [
        ("columns", no_log(), 3),
        ("logs", StoreOptions::default(), 1),
        ("dedupe", StoreOptions { dedupe: true, ..StoreOptions::default() }, 1),
    ] {
        for _ in 0..if runs(name) { repeats } else { 0 } {
            let columns = match name {
                "dedupe" => bought.columns().message_ids(&bought.messages),
                _ => bought.columns(),
            };
            let table = time(&format!("{name}: {n_events} purchases, with the table"), || {
                let mut people = store(rfm(), options.clone());
                time(&format!("{name}: {n_events} purchases"), || people.extend_columns(&columns))
                    .expect("the columns fit");
                let table = people.features(as_of);
                (people, table)
            });
            println!("{} people", table.1.map_or(0, |table| table.n_rows()));
        }
    }
    if runs("events") {
        let events = bought.events();
        for _ in 0..3 {
            time(&format!("events: {n_events} purchases, with the table"), || {
                let mut people = store(rfm(), no_log());
                people.extend(&events);
                let table = people.features(as_of);
                (people, table)
            })
            .1
            .expect("no event is too late");
        }
    }
    if runs("table") {
        table(&bought, as_of);
    }
    if runs("live") {
        live(as_of);
    }
    if runs("json") {
        json_to_table(as_of);
    }
}

/// Everybody's ten features, none of which needs a log.
fn table(bought: &Purchases, as_of: Timestamp) {
    let mut features = rfm();
    features.extend([
        Feature::new("tenure", Measure::TenureDays),
        Feature::new("span", Measure::SpanDays),
        Feature::new("min", Measure::Min("amount".into())),
        Feature::new("max", Measure::Max("amount".into())),
        Feature::new("mean", Measure::Mean("amount".into())),
        Feature::new("std", Measure::Std("amount".into())),
        Feature::new("exists", Measure::Exists),
    ]);
    let mut people = store(features, StoreOptions { max_log: Some(0), ..StoreOptions::default() });
    people.extend_columns(&bought.columns()).expect("the columns fit");
    for _ in 0..3 {
        let table = time("table: ten features without logs", || people.features(as_of));
        println!("{} people", table.map_or(0, |table| table.n_rows()));
    }
}

/// Half a million lines of JSON to the retail table.
fn json_to_table(as_of: Timestamp) {
    let lines = json_lines().repeat(5);
    for _ in 0..3 {
        time(&format!("json: {} lines to the retail table", lines.lines().count()), || {
            let mut people = Profiles::new(Rules::default(), FeatureSet::retail())
                .expect("the defaults are valid");
            people.extend_json(&lines, &Received::default());
            let table = people.features(as_of);
            (people, table)
        })
        .1
        .expect("logs are whole");
    }
}

/// One event and one person at a time, among a hundred thousand people with ten events each.
fn live(as_of: Timestamp) {
    const N: usize = 100_000;
    let mut below = random();
    let people: Vec<u64> = (0..10 * N).map(|_| below(N as u64)).collect();
    let users: Vec<String> = people.iter().map(|person| format!("user-{person}")).collect();
    let cookies: Vec<String> = people.iter().map(|person| format!("anon-{person}")).collect();
    let orders: Vec<String> = (0..10 * N).map(|i| format!("order-{}", i / 3)).collect();
    let event = |i: usize| {
        Event::new("Order Completed", Timestamp::from_millis(START_MS + below(YEAR_MS) as i64))
            .id("user_id", &users[i])
            .id("anonymous_id", &cookies[i])
            .property("amount", below(5000) as f64 / 100.0)
            .property("category", DEPARTMENTS[i % 8])
            .property("order_id", &orders[i][..])
            .property("currency", "EUR")
            .property("url", "https://shop.example/")
            .message_id(&orders[i])
    };
    let events: Vec<Event<'_>> = (0..10 * N).map(event).collect();
    let mut ten = rfm();
    ten.extend([
        Feature::new("tenure", Measure::TenureDays),
        Feature::new("days", Measure::ActiveDays),
        Feature::new("min", Measure::Min("amount".into())),
        Feature::new("max", Measure::Max("amount".into())),
        Feature::new("mean", Measure::Mean("amount".into())),
        Feature::new("kinds", Measure::Distinct("category".into())),
        Feature::new("orders", Measure::Orders("order_id".into())),
    ]);
    let open = FeatureSet::engagement().into_iter().cloned().collect();
    for (name, features) in [("ten features", ten), ("columns that depend on everybody", open)] {
        let mut people = store(features, StoreOptions::default());
        people.extend(&events[..9 * N]);
        time_each(&format!("live, {name}: observe"), N, |i| {
            people.observe(&events[9 * N + i]).expect("the event is valid");
        });
        let row = |people: &Profiles, i: usize| {
            black_box(people.get(("user_id", &users[i])).map(|person| person.features(as_of)));
        };
        time(&format!("live, {name}: the first person's features"), || row(&people, 0));
        time_each(&format!("live, {name}: get and features"), N, |i| row(&people, i));
        people.freeze(as_of).expect("logs are whole");
        time_each(&format!("live, {name}: get and features, frozen"), N, |i| row(&people, i));
        time_each(&format!("live, {name}: newest and len"), 1000, |_| {
            black_box((people.newest(), people.n_profiles()));
        });
    }
}

criterion_group!(benches, people);

fn main() {
    let options: Vec<String> =
        std::env::args().skip(1).filter(|option| option != "--bench").collect();
    match options.split_first() {
        Some((first, runs)) if first == "large" => large(runs),
        _ => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
