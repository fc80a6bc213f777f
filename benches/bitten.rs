//! What a live question costs where a rule bites in a large component.
//!
//! Two worlds of n identifiers: users in a chain, each cookie of two of them; and one user with n cookies
//! and one cannot-link. Then steps of 80 % new cookies of known users, 19 % repeats and 1 % new users on
//! known cookies, each followed by a look-up. `cargo bench -p personas-benches --bench bitten` runs
//! n = 100,000; with `PERSONAS_IDS=1000000` that many, and with `PERSONAS_OWNER=latest` the worst case.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use personas::identity::Owner;
use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};

fn seen(user: String, cookie: String, at: i64) -> Event<'static> {
    let at = Timestamp::from_millis(1_500_000_000_000 + at);
    Event::new("e", at).id("user_id", user).id("cookie", cookie)
}

fn main() -> Result<(), personas::Error> {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let n: i64 = number("PERSONAS_IDS", 100_000);
    let is_latest = std::env::var("PERSONAS_OWNER").is_ok_and(|owner| owner == "latest");
    let rules = Rules::default().owner(if is_latest { Owner::Latest } else { Owner::First });
    let steps = number("PERSONAS_STEPS", 100_000);
    let mut chain = IdentityGraph::new(rules.clone())?;
    let pairs = (0..n / 2).flat_map(|i| [0, 1].map(|side| (i, side)));
    let events: Vec<Event<'_>> =
        pairs.map(|(i, side)| seen(format!("u{}", i + side), format!("c{i}"), i)).collect();
    chain.extend(&events);
    let mut hub = IdentityGraph::new(rules)?;
    let events: Vec<Event<'_>> = (0..n).map(|i| seen("u5".into(), format!("c{i}"), i)).collect();
    hub.extend(&events);
    hub.cannot_link(&Identifier::new("cookie", "c1"), &Identifier::new("cookie", "c2"))?;
    for (name, graph, users) in [("chain", &mut chain, n / 2), ("hub", &mut hub, 1)] {
        let user = |i: i64| if users == 1 { 5 } else { i * 7919 % users };
        graph.get(("cookie", "c3"));
        let mut nanos = Vec::with_capacity(steps as usize);
        for i in 0..steps {
            let event = match i % 100 {
                0 => seen(format!("new {i}"), format!("c{}", i * 31 % (n / 2)), n + i),
                1..20 => seen(format!("u{}", user(i)), format!("c{}", user(i)), n + i),
                _ => seen(format!("u{}", user(i)), format!("fresh {i}"), n + i),
            };
            let start = Instant::now();
            graph.observe(&event)?;
            black_box(graph.get(("cookie", &*event.identifiers[1].value)));
            nanos.push(start.elapsed().as_nanos());
        }
        nanos.sort_unstable();
        let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        println!(
            "{name}, {n} identifiers: median {:.2} µs, 99th percentile {:.2} µs, worst {:.0} µs",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    Ok(())
}
