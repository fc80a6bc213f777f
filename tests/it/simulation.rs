//! Thousands of random worlds, each lived twice: once in order, once as a system does — late, twice, in
//! shards, with restarts. Both must end in one state.
//!
//! `cargo test --release --test it simulation -- --ignored --nocapture` runs 10,000 worlds; the variable
//! `PERSONAS_WORLDS` sets another number. A failure names the seed of its world.

use personas::features::{Feature, Measure};
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};

const DAY: i64 = 86_400_000;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).rev().for_each(|i| items.swap(i, self.below(i + 1)));
    }
}

/// Something done by hand.
#[derive(Clone)]
enum ByHand {
    Must(Identifier<'static>, Identifier<'static>),
    Cannot(Identifier<'static>, Identifier<'static>),
    Unlink(Identifier<'static>, Identifier<'static>),
}

struct World {
    rules: Rules,
    dedupe: bool,
    events: Vec<Event<'static>>,
    by_hand: Vec<ByHand>,
    forgotten: Vec<Identifier<'static>>,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let rules = Rules::default().limit("user_id", 1 + random.below(2));
        let rules = if random.below(2) == 0 { rules.weak("cookie") } else { rules };
        let rules = if random.below(3) == 0 { rules.hub("cookie", 3, "user_id") } else { rules };
        let n_people = 2 + random.below(9);
        let events = (0..20 + random.below(80)).map(|i| event(random, n_people, i)).collect();
        let pair = |random: &mut Random| {
            let [a, b] = [(); 2].map(|()| identifier(random, n_people));
            match random.below(4) {
                0 => ByHand::Cannot(a, b),
                1 => ByHand::Unlink(a, b),
                _ => ByHand::Must(a, b),
            }
        };
        let by_hand = (0..random.below(6)).map(|_| pair(random)).collect();
        let forgotten = (0..random.below(3)).map(|_| identifier(random, n_people)).collect();
        Self { rules, dedupe: random.below(2) == 0, events, by_hand, forgotten }
    }

    fn store(&self) -> Profiles {
        let features = FeatureSet::default()
            .with(Feature::new("visits", Measure::Count).on("visit"))
            .with(Feature::new("spend", Measure::Sum("amount".into())))
            .with(Feature::new("page", Measure::MostFrequent("page".into())))
            .with(Feature::new("attributes", Measure::Attributes));
        let options = StoreOptions { dedupe: self.dedupe, ..StoreOptions::default() };
        Profiles::with_options(self.rules.clone(), features, options).unwrap()
    }

    /// Everything at once, in order of time.
    fn in_order(&self) -> Profiles {
        let mut people = self.store();
        self.forgotten.iter().for_each(|who| drop(people.forget(who.clone())));
        self.by_hand.iter().for_each(|what| by_hand(&mut people, what));
        let mut events: Vec<&Event<'_>> = self.events.iter().collect();
        events.sort_by_key(|event| event.at);
        people.extend(events);
        people
    }

    /// In shards, late, in batches of any size, with restarts; duplicates where they do not count.
    fn as_it_goes(&self, random: &mut Random) -> Profiles {
        let mut shards: Vec<Profiles> = (0..1 + random.below(4)).map(|_| self.store()).collect();
        let mut events: Vec<&Event<'_>> = self.events.iter().collect();
        if self.dedupe {
            let sent: Vec<&Event<'_>> =
                self.events.iter().filter(|event| event.message_id.is_some()).collect();
            events.extend(sent.into_iter().filter(|_| random.below(3) == 0));
        }
        random.shuffle(&mut events);
        let (mut by_hand_left, mut forgotten) = (self.by_hand.iter(), self.forgotten.iter());
        while !events.is_empty() {
            let batch = events.split_off(events.len() - (1 + random.below(9)).min(events.len()));
            let shard = random.below(shards.len());
            match (random.below(2), batch.as_slice()) {
                (0, [event]) => drop(shards[shard].observe(event)),
                _ => drop(shards[shard].extend(batch)),
            }
            match random.below(6) {
                // By hand only in one place, as there the order matters.
                0 => by_hand_left.next().into_iter().for_each(|what| by_hand(&mut shards[0], what)),
                1 => forgotten
                    .next()
                    .into_iter()
                    .for_each(|who| drop(shards[shard].forget(who.clone()))),
                2 => shards[shard] = self.restored([&shards[shard]], random),
                _ => {}
            }
        }
        by_hand_left.for_each(|what| by_hand(&mut shards[0], what));
        forgotten.for_each(|who| drop(shards[0].forget(who.clone())));
        random.shuffle(&mut shards);
        self.restored(&shards, random)
    }

    /// A store of the pieces of others, in any order, some of them twice.
    fn restored<'p>(
        &self,
        of: impl IntoIterator<Item = &'p Profiles>,
        random: &mut Random,
    ) -> Profiles {
        let numbered = (0..).zip(of);
        let mut pieces: Vec<Vec<u8>> = numbered
            .flat_map(|(shard, people)| people.pieces(shard, None).unwrap().collect::<Vec<_>>())
            .collect();
        random.shuffle(&mut pieces);
        let mut people = self.store();
        for piece in &pieces {
            assert!(people.absorb(piece).unwrap());
            assert!(random.below(3) > 0 || !people.absorb(piece).unwrap());
        }
        people
    }
}

fn by_hand(people: &mut Profiles, what: &ByHand) {
    // An identifier with itself, or a forgotten one, is refused wherever it comes.
    let _ = match what {
        ByHand::Must(a, b) => people.must_link(a, b),
        ByHand::Cannot(a, b) => people.cannot_link(a, b),
        ByHand::Unlink(a, b) => people.unlink(a, b),
    };
}

fn identifier(random: &mut Random, n_people: usize) -> Identifier<'static> {
    let kind = ["user_id", "email", "cookie"][random.below(3)];
    Identifier::new(kind, format!("x{}", random.below(n_people)))
}

fn event(random: &mut Random, n_people: usize, i: usize) -> Event<'static> {
    let at = 1_700_000_000_000 + random.below(40) as i64 * DAY + random.below(3) as i64;
    let name = ["visit", "order", "identify"][random.below(3)];
    let mut event = Event::new(name, Timestamp::from_millis(at));
    for _ in 0..1 + random.below(3) {
        let mut identifier = identifier(random, n_people);
        identifier.claimed = random.below(8) == 0;
        event.identifiers.push(identifier);
    }
    if random.below(2) == 0 {
        event = event.property("amount", random.below(1000) as f64 / 7.0);
    }
    if random.below(2) == 0 {
        event = event.property("page", ["home", "cart", "help"][random.below(3)]);
    }
    if random.below(4) == 0 {
        event = event.attribute("plan", ["free", "paid"][random.below(2)]);
    }
    match random.below(4) {
        0 => event.message_id(format!("m{}", random.below(30))),
        1 => event.message_id(format!("own {i}")),
        _ => event,
    }
}

fn live(seed: u64) -> usize {
    let random = &mut Random(seed);
    let world = World::new(random);
    let (planned, lived) = (world.in_order(), world.as_it_goes(random));
    assert_eq!(planned.state_hash(), lived.state_hash(), "world {seed}");
    let end = Timestamp::from_millis(1_700_000_000_000 + 50 * DAY);
    assert_eq!(planned.features(end).unwrap(), lived.features(end).unwrap(), "world {seed}");
    world.events.len()
}

#[test]
fn a_few_worlds_end_in_one_state_however_they_are_lived() {
    assert!((0..40).all(|seed| live(seed) > 0));
}

#[test]
#[ignore = "minutes; see the top of the file"]
fn thousands_of_worlds_end_in_one_state_however_they_are_lived() {
    let n = std::env::var("PERSONAS_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let n_events: usize = (0..n).map(live).sum();
    println!("{n} worlds, {n_events} events: one state each");
}
