//! A store that forgets as many people as come stays at one size.
//!
//! `cargo test --release --test it churn -- --ignored --nocapture` lets ten million people come and go, twice;
//! the variable `PERSONAS_PEOPLE` sets another number.

use std::collections::VecDeque;

use personas::identity::Memory;
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};

/// Bytes that a forgotten identifier may leave behind.
const MARK: usize = 24;
/// Bytes of a living person and of the room that is to be used again, at most; and of an empty store.
const PERSON: usize = 2_000;
const REST: usize = 1 << 20;

/// Bytes of everything but marks.
fn bytes(memory: Memory) -> usize {
    memory.identifiers
        + memory.profiles
        + memory.evidence
        + memory.events
        + memory.texts
        + memory.message_ids
        + memory.changes
}

/// People who come one after another, each with words of their own; the oldest is forgotten when more than
/// `living` are there. Returns the store, the most bytes per tenth of the way, and those of the marks.
fn live(n_people: usize, living: usize, is_allowed: bool) -> ([usize; 10], usize) {
    let options = StoreOptions { dedupe: true, ..StoreOptions::default() };
    let mut people =
        Profiles::with_options(Rules::default(), FeatureSet::retail(), options).unwrap();
    let mut there: VecDeque<String> = VecDeque::new();
    let mut most = [0; 10];
    for i in 0..n_people {
        let user = format!("customer {i:08}");
        let at = Timestamp::from_millis(1_700_000_000_000 + i as i64);
        let event = Event::new("purchase", at).id("user_id", &*user).message_id(&*user);
        let event = event.property("amount", i as f64).property("order_id", &*user);
        people.observe(&event.attribute("name", &*user)).unwrap();
        there.push_back(user);
        if there.len() > living {
            let oldest = there.pop_front().unwrap();
            people.forget(("user_id", &*oldest)).unwrap();
            assert!(!is_allowed || people.allow("user_id", &oldest));
        }
        if (i + 1) % (n_people / 100) == 0 {
            let most = &mut most[i * 10 / n_people];
            *most = bytes(people.memory()).max(*most);
        }
    }
    assert_eq!(people.n_profiles(), living);
    (most, people.memory().marks)
}

/// The store never holds more than the living need and a fixed rest, whether marks are lifted or not.
#[allow(clippy::print_stdout)] // For the record.
fn check(n_people: usize, living: usize) -> [[usize; 10]; 2] {
    [true, false].map(|is_allowed| {
        let (most, marks) = live(n_people, living, is_allowed);
        println!("{n_people} came, {living} live, allowed: {is_allowed}: {most:?}, marks {marks}");
        assert!(most.iter().all(|&bytes| bytes <= PERSON * living + REST), "{most:?}");
        let forgotten = if is_allowed { 0 } else { n_people - living };
        assert!(marks <= MARK * forgotten + REST, "{marks} bytes of {forgotten}");
        most
    })
}

#[test]
fn a_store_that_forgets_as_many_as_come_stays_at_one_size_but_for_marks() {
    check(2_000, 50);
}

#[test]
#[ignore = "minutes; see the top of the file"]
fn ten_million_people_come_and_go_in_the_memory_of_ten_thousand() {
    let n = std::env::var("PERSONAS_PEOPLE").ok().and_then(|n| n.parse().ok());
    for most in check(n.unwrap_or(10_000_000), 10_000) {
        // But for where the last checks meet what grows and is halved again.
        let [first, second] = [&most[..5], &most[5..]].map(|half| half.iter().max().unwrap());
        assert!(*second <= first + first / 20, "{most:?}");
    }
}
