//! From events to one row per person: 100,000 purchase lines of 5,000 people.

use criterion::{Criterion, criterion_group, criterion_main};
use personas::features::Retail;
use personas::{Event, Profiles, Rules, Timestamp};

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

fn people(c: &mut Criterion) {
    let events = events();
    let empty = || {
        Profiles::new(Rules::default(), Retail::default().features())
            .expect("the defaults are valid")
    };
    let mut full = empty();
    full.extend(&events);
    let as_of = full.newest().expect("there are events");
    let mut settled = full.clone();
    settled.settle(as_of).expect("logs are whole");

    let mut group = c.benchmark_group("people");
    group.sample_size(10);
    group.bench_function("extend 100k events", |b| {
        b.iter(|| {
            let mut people = empty();
            people.extend(&events)
        });
    });
    group.bench_function("features of 5k people", |b| b.iter(|| full.features(as_of)));
    group.bench_function("one settled row", |b| {
        b.iter(|| settled.get("cookie", "4711").map(|person| person.features(as_of)));
    });
    group.finish();
}

criterion_group!(benches, people);
criterion_main!(benches);
