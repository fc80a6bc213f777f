//! Operations on a small store against a replay: the state is a function of what was seen, linked and
//! forgotten, and of nothing else.

use std::collections::BTreeSet;

use personas::features::{Feature, Measure};
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Identifier, Profiles, Rules, Timestamp};

const KINDS: [&str; 3] = ["user_id", "email", "cookie"];

fn store(flags: u8) -> Profiles {
    let features = FeatureSet::default()
        .with(Feature::new("n", Measure::Count))
        .with(Feature::new("spend", Measure::Sum("amount".into())));
    let rules = if flags & 1 > 0 { Rules::default().limit("user_id", 1) } else { Rules::default() };
    let rules = if flags & 2 > 0 { rules.weak("cookie") } else { rules };
    let options = StoreOptions { dedupe: flags & 4 > 0, ..StoreOptions::default() };
    Profiles::with_options(rules, features, options).expect("they make sense")
}

/// One of twelve identifiers.
fn identifier(byte: u8) -> Identifier<'static> {
    let value = ["a", "b", "c", "d"][usize::from(byte >> 2 & 3)];
    Identifier::new(KINDS[usize::from(byte & 3) % 3], value)
}

fn event(a: u8, b: u8, c: u8) -> Event<'static> {
    let at = Timestamp::from_millis(1_700_000_000_000 + i64::from(c & 7) * 86_400_000);
    let mut event = Event::new("e", at).property("amount", f64::from(c >> 4) - 3.0);
    event.identifiers.push(identifier(a));
    if b & 16 == 0 {
        let mut second = identifier(b);
        second.claimed = b & 32 > 0;
        event.identifiers.push(second);
    }
    if b & 64 > 0 {
        event = event.message_id(["m", "n"][usize::from(c >> 3 & 1)]);
    }
    event
}

/// Links of people by hand.
#[derive(Clone, Copy)]
enum Link {
    Must,
    Cannot,
    Un,
}

fn link(people: &mut Profiles, how: Link, a: &Identifier<'_>, b: &Identifier<'_>) {
    let _ = match how {
        Link::Must => people.must_link(a, b),
        Link::Cannot => people.cannot_link(a, b),
        Link::Un => people.unlink(a, b),
    };
}

/// Reads operations of four bytes each, after a byte of settings.
pub fn operations(data: &[u8]) {
    let Some((&flags, data)) = data.split_first() else { return };
    let mut people = store(flags);
    let (mut events, mut links, mut forgotten) = (Vec::new(), Vec::new(), BTreeSet::new());
    for operation in data.chunks_exact(4).take(24) {
        let &[op, a, b, c] = operation else { continue };
        match op & 15 {
            0..9 => {
                let event = event(a, b, c);
                let _ = people.observe(&event);
                events.push(event);
            }
            9 => {
                let batch = [event(a, b, c), event(b, a, c), event(c, a, b)];
                people.extend(&batch);
                events.extend(batch);
            }
            10..13 => {
                let how = [Link::Must, Link::Cannot, Link::Un][usize::from(op & 15) - 10];
                let (a, b) = (identifier(a), identifier(b));
                link(&mut people, how, &a, &b);
                links.push((how, a, b));
            }
            13 => {
                let report = match people.get(identifier(a)).map(|person| person.id) {
                    Some(id) if b & 1 > 0 => people.forget(id),
                    _ => {
                        // One that was never seen is forgotten all the same.
                        forgotten.insert(identifier(a));
                        people.forget(identifier(a))
                    }
                };
                forgotten.extend(report.into_iter().flat_map(|report| report.identifiers));
            }
            14 => {
                let mut restored = store(flags);
                let pieces: Vec<Vec<u8>> = people.pieces(u64::from(a), None).expect("no piece was given").collect();
                for piece in pieces.iter().rev() {
                    restored.absorb(piece).expect("its own piece");
                }
                assert_eq!(restored.state_hash(), people.state_hash(), "restored");
                people = restored;
            }
            _ => drop(people.features(Timestamp::from_millis(1_700_000_000_000))),
        }
    }
    // As if whoever is forgotten had never been seen, and everything else had come in another order.
    let mut replayed = store(flags);
    for identifier in &forgotten {
        let _ = replayed.forget(identifier.clone());
    }
    for (how, a, b) in &links {
        link(&mut replayed, *how, a, b);
    }
    events.reverse();
    replayed.extend(&events);
    assert_eq!(replayed.state_hash(), people.state_hash(), "replayed");
}
