//! A store in use: kept and restored, read while it is written, with people who come and go.
//!
//! `cargo bench -p personas-benches --bench store -- [RUN …]` prints seconds, rates and bytes: `pieces`,
//! `readers`, `churn`, `retention`, `batches`; all of them without names. `PERSONAS_PEOPLE` is the number
//! of people, a million unless it is set. They take up to 6 GB.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, RwLock};
use std::time::Instant;

use personas::features::{Feature, Measure};
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};

const START_MS: i64 = 1_483_228_800_000;
const DAY_MS: i64 = 86_400_000;
const YEAR_MS: u64 = 365 * DAY_MS as u64;

/// A source of numbers below a bound.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        // Knuth's multiplier: good enough to scatter, and the same everywhere.
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn features() -> FeatureSet {
    [
        Feature::new("recency", Measure::RecencyDays),
        Feature::new("frequency", Measure::Count),
        Feature::new("monetary", Measure::Sum("amount".into())),
        Feature::new("tenure", Measure::TenureDays),
        Feature::new("days", Measure::ActiveDays),
        Feature::new("min", Measure::Min("amount".into())),
        Feature::new("max", Measure::Max("amount".into())),
        Feature::new("mean", Measure::Mean("amount".into())),
        Feature::new("kinds", Measure::Distinct("category".into())),
        Feature::new("orders", Measure::Orders("order_id".into())),
    ]
    .into_iter()
    .collect()
}

fn store(options: StoreOptions) -> Profiles {
    Profiles::with_options(Rules::default(), features(), options).expect("the options fit")
}

/// Purchases of people in no order, each with a message id.
struct World {
    random: Random,
    n_people: usize,
    n_events: usize,
}

impl World {
    fn new(n_people: usize) -> Self {
        Self { random: Random(7), n_people, n_events: 0 }
    }

    fn event(&mut self) -> Event<'static> {
        let at = START_MS + self.random.below(YEAR_MS as usize) as i64;
        self.event_at(Timestamp::from_millis(at))
    }

    fn event_at(&mut self, at: Timestamp) -> Event<'static> {
        let person = self.random.below(self.n_people);
        self.n_events += 1;
        let i = self.n_events;
        Event::new("purchase", at)
            .id("user_id", format!("user-{person}"))
            .id("anonymous_id", format!("anon-{person}"))
            .property("amount", self.random.below(5000) as f64 / 100.0)
            .property("category", ["GROCERY", "PRODUCE", "MEAT", "DELI"][self.random.below(4)])
            .property("order_id", format!("order-{}", i / 3))
            .message_id(format!("message-{i:016x}"))
    }

    fn fill(&mut self, people: &mut Profiles, n: usize) {
        for start in (0..n).step_by(100_000) {
            let events: Vec<_> = (start..n.min(start + 100_000)).map(|_| self.event()).collect();
            people.extend(&events);
        }
    }
}

fn print_memory(people: &Profiles, what: &str) {
    let (memory, n) = (people.memory(), people.n_profiles().max(1) as f64);
    let parts = [
        ("identifiers", memory.identifiers),
        ("profiles", memory.profiles),
        ("evidence", memory.evidence),
        ("marks", memory.marks),
        ("events", memory.events),
        ("texts", memory.texts),
        ("message ids", memory.message_ids),
        ("changes", memory.changes),
    ];
    let all: usize = parts.iter().map(|part| part.1).sum();
    let parts = parts.map(|(name, bytes)| format!("{name} {:.0}", bytes as f64 / n));
    println!(
        "{what}: {n} people, {:.1} MB; bytes for each: {}",
        all as f64 / 1e6,
        parts.join(", ")
    );
}

/// Pieces out and in.
fn pieces(n_people: usize) {
    let mut people = store(StoreOptions { max_log: Some(1), ..StoreOptions::default() });
    World::new(n_people).fill(&mut people, 3 * n_people);
    print_memory(&people, "pieces");
    let start = Instant::now();
    let pieces: Vec<Vec<u8>> = people.pieces(0, None).expect("no piece was given").collect();
    let seconds = start.elapsed().as_secs_f64();
    let bytes: usize = pieces.iter().map(Vec::len).sum();
    let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
    println!(
        "pieces: {:.0} MB made in {seconds:.2} s, {:.0} MB/s",
        bytes as f64 / 1e6,
        rate(seconds)
    );
    let mut restored = store(StoreOptions { max_log: Some(1), ..StoreOptions::default() });
    let start = Instant::now();
    for piece in &pieces {
        restored.absorb(piece).expect("it is whole");
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("pieces: absorbed in {seconds:.2} s, {:.0} MB/s", rate(seconds));
    assert_eq!(restored.state_hash(), people.state_hash());
}

/// What a reader waits for while a writer works without a pause, behind a lock of either kind.
fn readers() {
    const N: usize = 100_000;
    let mut world = World::new(N);
    let mut people = store(StoreOptions { dedupe: true, ..StoreOptions::default() });
    world.fill(&mut people, 10 * N);
    let as_of = Timestamp::from_millis(START_MS + YEAR_MS as i64);
    let events: Vec<Event<'_>> = (0..500_000).map(|_| world.event()).collect();
    let read = |people: &Profiles, i: usize| {
        let user = format!("user-{}", i * 7919 % N);
        black_box(people.get(("user_id", &user)).map(|person| person.features(as_of)));
    };
    let turns = Turns::new(people.clone());
    let (mutex, lock) = (Mutex::new(people.clone()), RwLock::new(people));
    run_readers(
        "Mutex, readers who wait go first",
        &events,
        |event| _ = turns.write(|people| people.observe(event)),
        |i| turns.read(|people| read(people, i)),
    );
    run_readers(
        "the same, 16 events at a time",
        &events.chunks(16).collect::<Vec<_>>(),
        |events| _ = turns.write(|people| people.extend(*events)),
        |i| turns.read(|people| read(people, i)),
    );
    run_readers(
        "Mutex",
        &events,
        |event| {
            let _ = mutex.lock().expect("no panic").observe(event);
        },
        |i| read(&mutex.lock().expect("no panic"), i),
    );
    run_readers(
        "RwLock",
        &events,
        |event| {
            let _ = lock.write().expect("no panic").observe(event);
        },
        |i| read(&lock.read().expect("no panic"), i),
    );
}

/// A store whose writer lets those readers go first who waited before it; they look for a free lock for a
/// while before they sleep, since an event takes less time than to be woken.
struct Turns {
    people: Mutex<Profiles>,
    n_asked: AtomicUsize,
    n_served: AtomicUsize,
}

impl Turns {
    fn new(people: Profiles) -> Self {
        Self {
            people: Mutex::new(people),
            n_asked: AtomicUsize::new(0),
            n_served: AtomicUsize::new(0),
        }
    }

    fn read<R>(&self, f: impl FnOnce(&Profiles) -> R) -> R {
        self.n_asked.fetch_add(1, SeqCst);
        let soon = (0..2000).find_map(|_| {
            std::hint::spin_loop();
            self.people.try_lock().ok()
        });
        let people = soon.unwrap_or_else(|| self.people.lock().expect("no panic"));
        self.n_served.fetch_add(1, SeqCst);
        f(&people)
    }

    fn write<R>(&self, f: impl FnOnce(&mut Profiles) -> R) -> R {
        let n_asked = self.n_asked.load(SeqCst);
        while self.n_served.load(SeqCst) < n_asked {
            std::thread::yield_now();
        }
        f(&mut self.people.lock().expect("no panic"))
    }
}

fn run_readers<W: Sync>(what: &str, events: &[W], write: impl Fn(&W) + Sync, read: impl Fn(usize)) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let start = Instant::now();
            events.iter().for_each(&write);
            is_done.store(true, Relaxed);
            events.len() as f64 / start.elapsed().as_secs_f64()
        });
        let mut nanos = Vec::new();
        while !is_done.load(Relaxed) {
            let start = Instant::now();
            read(nanos.len());
            nanos.push(start.elapsed().as_nanos());
        }
        let written = writer.join().expect("no panic");
        nanos.sort_unstable();
        let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        println!(
            "readers, {what}: {written:.0} calls/s beside {} reads; median {:.1} us, 99 % {:.1} us, worst {:.1} us",
            nanos.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    });
}

/// As many people are forgotten as come; every mark is lifted again.
fn churn(n_people: usize) {
    let mut people = store(StoreOptions::default());
    let start = Instant::now();
    for i in 0..10 * n_people {
        let user = format!("customer {i:08}");
        let at = Timestamp::from_millis(START_MS + i as i64);
        let event = Event::new("visit", at).id("user_id", &*user);
        people.observe(&event).expect("the event is valid");
        people.forget(("user_id", &*user)).expect("it is an identifier");
        people.allow("user_id", &user);
        if (i + 1) % (2 * n_people) == 0 {
            print_memory(&people, &format!("churn, {} came and went", i + 1));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("churn: {:.2} us a person", seconds * 1e6 / (10 * n_people) as f64);
}

/// Ten days of events are kept; the clock moves by an hour at a time.
fn retention(n_people: usize) {
    let mut people =
        store(StoreOptions { dedupe: true, retention_days: Some(10.0), ..StoreOptions::default() });
    let mut world = World::new(n_people / 10);
    let start = Instant::now();
    for hour in 0..1000i64 {
        let at = Timestamp::from_millis(START_MS + hour * DAY_MS / 24);
        let events: Vec<_> = (0..n_people / 100).map(|_| world.event_at(at)).collect();
        people.extend(&events);
        people.advance(at).expect("there is a retention");
        if (hour + 1) % 250 == 0 {
            print_memory(&people, &format!("retention, {} events", world.n_events));
        }
    }
    println!("retention: {:.2} s", start.elapsed().as_secs_f64());
}

/// One by one, and in batches, with message ids and changes.
fn batches(n_people: usize) {
    let mut people =
        store(StoreOptions { dedupe: true, changes: Some(100_000), ..StoreOptions::default() });
    let mut world = World::new(n_people);
    world.fill(&mut people, 3 * n_people);
    let events: Vec<Event<'_>> = (0..500_000).map(|_| world.event()).collect();
    let (single, batched) = events.split_at(250_000);
    let mut nanos: Vec<u128> = single
        .iter()
        .map(|event| {
            let start = Instant::now();
            people.observe(event).expect("the event is valid");
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!("observe: median {:.1} us, 99 % {:.1} us, worst {:.1} us", at(0.5), at(0.99), at(1.0));
    let start = Instant::now();
    batched.chunks(64).for_each(|batch| drop(people.extend(batch)));
    println!("batches of 64: {:.0} events/s", 250_000.0 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let changes = people.changes(0, 1).map_err(|error| error.to_string());
    println!("changes: found in {:.3} s ({})", start.elapsed().as_secs_f64(), changes.is_ok());
    print_memory(&people, "batches");
}

fn main() {
    let asked: Vec<String> =
        std::env::args().skip(1).filter(|option| option != "--bench").collect();
    let runs = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    let n = std::env::var("PERSONAS_PEOPLE").ok().and_then(|n| n.parse().ok());
    let n = n.unwrap_or(1_000_000);
    if runs("pieces") {
        pieces(n);
    }
    if runs("readers") {
        readers();
    }
    if runs("churn") {
        churn(n);
    }
    if runs("retention") {
        retention(n);
    }
    if runs("batches") {
        batches(n);
    }
}
