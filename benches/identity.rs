//! Identity at size: bulk, one by one, look-up, and the cost of a change in a small component.
//!
//! `cargo bench -p personas-benches --bench identity` runs the small sizes; with
//! `PERSONAS_PAIRS=10000000` it instead stitches that many pairs once, from events and from columns,
//! records as many events of single identifiers, and prints seconds and bytes.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion};
use personas::event::EventColumns;
use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};

/// SplitMix64: the same pairs in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Pairs of numbers whose components have power-law sizes from 2 to 20,000, shuffled; each
/// component a random tree and a quarter as many extra links.
fn pairs(n: usize) -> Vec<(u32, u32)> {
    let mut random = Random(700);
    let mut pairs = Vec::with_capacity(n + 30_000);
    let mut start = 0;
    while pairs.len() < n {
        let pareto = (1.0 - random.unit()).powf(-1.0 / 1.3) - 1.0;
        let size = (2 + pareto as usize).min(20_000);
        for i in 1..size {
            pairs.push((start + i, start + random.below(i)));
        }
        for _ in 0..size / 4 {
            pairs.push((start + random.below(size), start + random.below(size)));
        }
        start += size;
    }
    for i in (1..pairs.len()).rev() {
        pairs.swap(i, random.below(i + 1));
    }
    pairs.truncate(n);
    pairs.into_iter().map(|(a, b)| (a as u32, b as u32)).collect()
}

/// Texts as services have them: a kind in front of sixteen hexadecimal digits.
struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    fn of(pairs: &[(u32, u32)]) -> Self {
        let kinds = ["email:", "cookie:", "device:", "phone:", "crm:", "ip:"];
        let mut texts = Self { bytes: String::new(), ends: vec![0] };
        for id in pairs.iter().flat_map(|&(a, b)| [a, b]) {
            let hash = mix((u64::from(id) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            texts.bytes.push_str(kinds[(hash % 6) as usize]);
            texts.bytes.push_str(&format!("{hash:016x}"));
            texts.ends.push(texts.bytes.len());
        }
        texts
    }

    fn get(&self, i: usize) -> &str {
        &self.bytes[self.ends[i]..self.ends[i + 1]]
    }

    /// The first or the second texts of all pairs.
    fn column(&self, side: usize) -> Vec<&str> {
        (side..self.ends.len() - 1).step_by(2).map(|i| self.get(i)).collect()
    }

    fn events(&self) -> Vec<Event<'_>> {
        let event = |i: usize| {
            let mut event = Event::new("", time(i));
            event.identifiers =
                [2 * i, 2 * i + 1].map(|i| Identifier::new("id", self.get(i))).into();
            event
        };
        (0..self.ends.len() / 2).map(event).collect()
    }
}

fn time(i: usize) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i as i64)
}

/// One kind, so that no rule bites and profiles are plain components.
fn plain() -> IdentityGraph {
    let mut rules = Rules::default().priority(["id"]);
    rules.default_blocked = false;
    IdentityGraph::new(rules).expect("the rules make sense")
}

/// What a service would write instead: a pre-sized foldhash map and a union-find, no evidence.
fn by_hand(texts: &Texts) -> (usize, usize) {
    let n = texts.ends.len() - 1;
    let mut numbers: hashbrown::HashMap<&str, u32> = hashbrown::HashMap::with_capacity(n / 2);
    let mut parent: Vec<u32> = Vec::with_capacity(n / 2);
    let find = |parent: &mut Vec<u32>, mut i: u32| {
        while parent[i as usize] != i {
            parent[i as usize] = parent[parent[i as usize] as usize];
            i = parent[i as usize];
        }
        i
    };
    for i in 0..n / 2 {
        let [a, b] = [2 * i, 2 * i + 1].map(|at| {
            let next = numbers.len() as u32;
            let number = *numbers.entry(texts.get(at)).or_insert(next);
            if number == next {
                parent.push(next);
            }
            number
        });
        let (a, b) = (find(&mut parent, a), find(&mut parent, b));
        parent[a.max(b) as usize] = a.min(b);
    }
    let roots = (0..parent.len()).filter(|&i| parent[i] == i as u32).count();
    (numbers.len(), roots)
}

/// Events of one identifier each, ten of every person.
fn singles(n: usize) {
    let mut random = Random(7);
    let ids: Vec<String> = (0..n).map(|_| format!("customer-{}", random.below(n / 10))).collect();
    let at: Vec<Timestamp> = (0..n).map(time).collect();
    let columns = EventColumns::new(&at).name("").id("user_id", &ids);
    for _ in 0..3 {
        let mut graph = IdentityGraph::new(Rules::default()).expect("the rules make sense");
        let start = Instant::now();
        let report = graph.extend_columns(&columns).expect("the columns can be read");
        let seconds = start.elapsed().as_secs_f64();
        println!("single identifiers from columns: {}, {seconds:.2} s", report.accepted);
    }
}

fn from_columns(texts: &Texts) {
    let (left, right) = (texts.column(0), texts.column(1));
    let at: Vec<Timestamp> = (0..left.len()).map(time).collect();
    let columns = EventColumns::new(&at).name("").id("id", &left).id("id", &right);
    let mut graph = plain();
    let start = Instant::now();
    let report = graph.extend_columns(&columns).expect("the columns can be read");
    let seconds = start.elapsed().as_secs_f64();
    let memory = graph.memory();
    let bytes = memory.identifiers + memory.profiles + memory.evidence;
    let bytes = bytes as f64 / graph.health().identifiers as f64;
    println!("from columns: {}, {seconds:.2} s, {bytes:.1} bytes per identifier", report.accepted);
}

fn once(n: usize) {
    let texts = Texts::of(&pairs(n));
    let start = Instant::now();
    let (ids, profiles) = black_box(by_hand(&texts));
    let seconds = start.elapsed().as_secs_f64();
    println!("by hand: {ids} identifiers, {profiles} profiles, {seconds:.2} s");
    singles(n);
    from_columns(&texts);
    let events = texts.events();
    let mut graph = plain();
    let start = Instant::now();
    let report = graph.extend(&events);
    let seconds = start.elapsed().as_secs_f64();
    let memory = graph.memory();
    let (own, evidence) = (memory.identifiers + memory.profiles, memory.evidence);
    let ids = graph.health().identifiers;
    println!(
        "{} pairs, {ids} identifiers, {seconds:.2} s, {:.1} + {:.1} bytes per identifier",
        report.accepted,
        own as f64 / ids as f64,
        evidence as f64 / ids as f64
    );
    println!("{} profiles", graph.profiles().len());
    let mut nanos: Vec<u128> = (0..200_000)
        .map(|i| {
            let text = texts.get(i * 7919 % (2 * n));
            // A caller's text has just come in; fetching it is not part of the answer.
            black_box(text.bytes().map(u64::from).sum::<u64>());
            let start = Instant::now();
            black_box(graph.get(("id", text)));
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    println!("get: median {} ns, 99th percentile {} ns", nanos[100_000], nanos[198_000]);
    let start = Instant::now();
    for event in &events[..1_000_000] {
        let _ = black_box(graph.observe(event));
    }
    println!("observe again: {:.0} ns each", start.elapsed().as_nanos() as f64 / 1e6);
}

fn small(c: &mut Criterion) {
    let texts = Texts::of(&pairs(200_000));
    let events = texts.events();
    c.bench_function("extend 200k pairs", |b| {
        b.iter_batched(plain, |mut graph| drop(graph.extend(&events)), BatchSize::LargeInput)
    });
    let (left, right) = (texts.column(0), texts.column(1));
    let at: Vec<Timestamp> = (0..left.len()).map(time).collect();
    let columns = EventColumns::new(&at).name("").id("id", &left).id("id", &right);
    c.bench_function("extend 200k pairs from columns", |b| {
        b.iter_batched(
            plain,
            |mut graph| drop(graph.extend_columns(&columns)),
            BatchSize::LargeInput,
        )
    });
    c.bench_function("observe 200k pairs one by one", |b| {
        b.iter_batched(
            plain,
            |mut graph| {
                for event in &events {
                    let _ = black_box(graph.observe(event));
                }
            },
            BatchSize::LargeInput,
        )
    });
    let mut graph = plain();
    graph.extend(&events);
    let mut i = 0;
    c.bench_function("get", |b| {
        b.iter(|| {
            i = (i + 7919) % 400_000;
            black_box(graph.get(("id", texts.get(i))))
        })
    });
    changes(c);
}

/// A million users with a cookie each, and one with a hundred thousand cookies.
fn changes(c: &mut Criterion) {
    let mut graph = IdentityGraph::new(Rules::default()).expect("the rules make sense");
    let at = Timestamp::from_millis(1_700_000_000_000);
    let pair =
        |user: String, cookie: String| Event::new("", at).id("user_id", user).id("cookie", cookie);
    let many = (0..1_000_000).map(|i| pair(format!("u{i}"), format!("c{i}")));
    graph.extend(&many.collect::<Vec<_>>());
    let one = (0..100_000).map(|i| pair("big".into(), format!("b{i}")));
    graph.extend(&one.collect::<Vec<_>>());
    for (name, user, cookie) in [("small", "u7", "c7"), ("100,000", "big", "b7")] {
        let early = Event::new("", Timestamp::from_millis(1_600_000_000_000));
        let late = early.id("user_id", user).id("cookie", cookie);
        c.bench_function(&format!("late event and read, component: {name}"), |b| {
            b.iter(|| {
                let _ = graph.observe(&late);
                black_box(graph.get(("cookie", cookie)))
            })
        });
        let (a, b_) = (Identifier::new("user_id", user), Identifier::new("cookie", cookie));
        let mut group = c.benchmark_group(format!("component: {name}"));
        group.sample_size(10);
        group.bench_function("cannot_link, read, unlink", |b| {
            b.iter(|| {
                let _ = graph.cannot_link(&a, &b_);
                black_box(graph.get(("cookie", cookie)));
                let _ = graph.unlink(&a, &b_);
            })
        });
        group.bench_function("forget, allow and observe again", |b| {
            b.iter(|| {
                let _ = graph.forget(("cookie", cookie));
                graph.allow("cookie", cookie);
                let _ = graph.observe(&late);
            })
        });
        group.finish();
    }
}

fn main() {
    if let Ok(n) = std::env::var("PERSONAS_PAIRS") {
        match n.parse() {
            Ok(n) => once(n),
            Err(_) => println!("PERSONAS_PAIRS must be a number"),
        }
        return;
    }
    let mut c = Criterion::default().configure_from_args().sample_size(10);
    small(&mut c);
    c.final_summary();
}
