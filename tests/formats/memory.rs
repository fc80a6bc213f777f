//! What pieces allocate: those that are refused, and those that a store is made of.
//!
//! Refused pieces are forged: real ones with a right checksum around a change that is noticed as late as possible.
//! `cargo test --release -p personas-formats --test memory -- --ignored --nocapture` measures a million people.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::alloc::System;
use std::hash::Hasher;
use std::sync::Mutex;

use cap::Cap;
use personas::features::{Feature, Measure};
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};
use siphasher::sip128::{Hasher128, SipHasher24};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes of a frame: letters, version, length, checksum.
const HEAD: usize = 36;

/// What is allowed besides: messages of errors, and lists of a limited length.
const FEW: usize = 1 << 15;

/// Counts what is allocated by all threads, so tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Bytes that were allocated at once while something ran, beyond those from before.
fn most_allocated(run: impl FnOnce()) -> usize {
    // What was allocated at most so far is filled up, so that all that comes is more.
    let before = MEMORY.max_allocated();
    let filled = vec![0u8; before - MEMORY.allocated()];
    run();
    drop(filled);
    MEMORY.max_allocated() - before
}

fn store() -> Profiles {
    Profiles::new(Rules::default(), FeatureSet::retail()).expect("they make sense")
}

fn event(user: &str) -> Event<'static> {
    Event::new("e", Timestamp::from_millis(1_500_000_000_000)).id("user_id", user.to_owned())
}

/// A piece with another content in a right frame.
fn framed(piece: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut content = piece[HEAD..].to_vec();
    change(&mut content);
    let mut hasher = SipHasher24::new();
    hasher.write(&content);
    let length = (content.len() as u64).to_le_bytes();
    let sum = hasher.finish128().as_u128().to_le_bytes();
    [&piece[..12], &length, &sum, &content].concat()
}

/// Puts a character that no identifier may have in place of the one behind a text, wherever it stands.
fn spoil(content: &mut [u8], text: &str) {
    let places: Vec<usize> = (0..content.len() - text.len())
        .filter(|&place| content[place..].starts_with(text.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "{text}");
    places.into_iter().for_each(|place| content[place + text.len()] = 1);
}

fn check(what: &str, people: &mut Profiles, piece: &[u8]) {
    let before = people.state_hash();
    let most = most_allocated(|| assert!(people.absorb(piece).is_err(), "{what}"));
    assert!(most <= 2 * piece.len() + FEW, "{what}: {most} bytes for a piece of {}", piece.len());
    assert_eq!(people.state_hash(), before, "{what}");
}

#[test]
fn a_refused_piece_allocates_at_most_twice_its_size() {
    let _turn = TURN.lock();
    let mut people = store();
    people.observe(&event("1")).unwrap();
    // So that all threads are there.
    store().pieces(0, None).unwrap().for_each(|piece| assert!(people.absorb(&piece).unwrap()));

    let mut linked = store();
    for i in 0..30_000 {
        let ends = ["a", "b"].map(|kind| Identifier::new(kind, format!("{i:x}")));
        linked.must_link(&ends[0], &ends[1]).unwrap();
    }
    let [last, other] = ["zz", "zy"].map(|kind| Identifier::new(kind, "last!"));
    linked.must_link(&last, &other).unwrap();
    let piece = linked.pieces(0, None).unwrap().next().unwrap();
    check("links", &mut people, &framed(&piece, |content| spoil(content, "last")));

    let mut forgetful = linked.clone();
    (0..10_000).for_each(|i| drop(forgetful.forget(("c", &*i.to_string())).unwrap()));
    let piece = forgetful.pieces(0, None).unwrap().next().unwrap();
    check("marks", &mut people, &framed(&piece, |content| content.push(0)));

    let mut crowd = store();
    for i in 0..8_000 {
        let event = event(&format!("{i:x}")).property("category", format!("{:x}", i * 7));
        crowd.observe(&event).unwrap();
    }
    crowd.observe(&event("last!")).unwrap();
    let piece = crowd.pieces(0, None).unwrap().nth(1).unwrap();
    check("columns", &mut people, &framed(&piece, |content| content.push(0)));
    check("identifiers", &mut people, &framed(&piece, |content| spoil(content, "last")));

    let named = |sign: char| {
        let mut people = store();
        for i in 0..30_000 {
            people.observe(&event("1").attribute(format!("{sign}{i:x}"), 1.0)).unwrap();
        }
        people
    };
    let piece = named('a').pieces(0, None).unwrap().nth(1).unwrap();
    check("attributes", &mut named('b'), &piece);

    // Whatever is declared in front of what is not there.
    let mut small = store();
    small.observe(&event("1").attribute("city", "rome")).unwrap();
    small.forget(("user_id", "2")).unwrap();
    let pieces: Vec<Vec<u8>> = small.pieces(0, None).unwrap().collect();
    for piece in pieces {
        for place in 0..piece.len() - HEAD {
            for declared in [&[0x7f][..], &[0xff, 0x7f], &[0xff, 0xff, 0x7f]] {
                let forged = framed(&piece, |content| {
                    drop(content.splice(place..=place, declared.iter().copied()));
                });
                let mut people = people.clone();
                let mut is_new = false;
                let most = most_allocated(|| is_new = people.absorb(&forged).is_ok());
                assert!(is_new || most <= FEW, "place {place}: {most} bytes");
            }
        }
    }
}

/// A million people, with two identifiers and three orders each, of which the last and a summary are stored.
fn a_million(n_people: usize) -> Profiles {
    let mut people = summarised();
    for start in (0..3 * n_people).step_by(100_000) {
        let order = |i: usize| {
            let person = i * 7919 % n_people;
            let at = Timestamp::from_millis(1_500_000_000_000 + i as i64 * 1000);
            Event::new("purchase", at)
                .id("user_id", format!("user-{person}"))
                .id("anonymous_id", format!("anon-{person}"))
                .property("amount", (i % 5000) as f64 / 100.0)
                .property("category", ["GROCERY", "PRODUCE", "MEAT"][i % 3])
                .property("order_id", format!("order-{i}"))
        };
        let end = (start + 100_000).min(3 * n_people);
        people.extend(&(start..end).map(order).collect::<Vec<_>>());
    }
    people
}

fn summarised() -> Profiles {
    let features = [
        Feature::new("recency", Measure::RecencyDays),
        Feature::new("frequency", Measure::Count),
        Feature::new("monetary", Measure::Sum("amount".into())),
        Feature::new("kinds", Measure::Distinct("category".into())),
        Feature::new("orders", Measure::Orders("order_id".into())),
    ];
    let options = StoreOptions { max_log: Some(1), ..StoreOptions::default() };
    Profiles::with_options(Rules::default(), features.into_iter().collect(), options).unwrap()
}

/// What is needed beside the store while its pieces are made, and while another is made of them.
fn beside(n_people: usize) -> [usize; 2] {
    let people = a_million(n_people);
    let mut pieces = Vec::new();
    let mut iter = people.pieces(0, None).unwrap();
    let mut making = 0;
    loop {
        let mut piece = None;
        making = making.max(most_allocated(|| piece = iter.next()));
        let Some(piece) = piece else { break };
        pieces.push(piece);
    }
    drop(iter);
    let (mut restored, mut restoring) = (summarised(), 0);
    for piece in &pieces {
        let before = MEMORY.allocated();
        let most = most_allocated(|| assert!(restored.absorb(piece).unwrap()));
        restoring = restoring.max((before + most).saturating_sub(MEMORY.allocated()));
    }
    assert_eq!(restored.state_hash(), people.state_hash());
    let (n, bytes) = (pieces.len(), pieces.iter().map(Vec::len).sum::<usize>());
    println!("{n} pieces of {bytes} bytes: {making} bytes beside to make, {restoring} to absorb");
    [making, restoring]
}

#[test]
#[ignore = "takes a minute, in release mode"]
fn pieces_of_a_million_people_are_made_and_absorbed_in_64_mb_beside_the_store() {
    let _turn = TURN.lock();
    let most = beside(1_000_000);
    assert!(most.iter().all(|&most| most <= 64 << 20), "{most:?}");
}
