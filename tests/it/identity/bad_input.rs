//! Bad input: typed errors, state unchanged; never a panic, a hang or an allocation out of
//! proportion.

use personas::identity::Snapshot;
use personas::{Error, Event, Identifier, IdentityGraph, Refusal, Rules, Timestamp};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde_json::{Value, json};

use super::worlds::*;

fn at(time: i64) -> Event<'static> {
    Event::new("", Timestamp::from_millis(time))
}

fn some_graph() -> IdentityGraph {
    graph(
        &defaults(),
        &[
            seen(0, "user_id:1 email:e cookie:c"),
            seen(1, "user_id:2 cookie:c"),
            seen(2, "cookie:null email:f?"),
        ],
    )
}

fn refusal(graph: &mut IdentityGraph, event: &Event<'_>) -> Refusal {
    let before = bytes(graph);
    let Err(Error::Refused(refusal)) = graph.observe(event) else { panic!("{event:?} was taken") };
    assert_eq!(bytes(graph), before);
    let report = graph.extend([event]);
    assert_eq!((report.n_refused(), &report.refused[0].what), (1, &refusal));
    assert_eq!(bytes(graph), before);
    refusal
}

#[test]
fn observations_that_cannot_be_are_refused_whole() {
    let mut graph = some_graph();
    let long = "x".repeat(1025);
    assert_eq!(refusal(&mut graph, &at(0)), Refusal::NoIdentifier);
    let two = at(0).id("user_id", "8").id("user_id", "9").id("cookie", "new");
    assert_eq!(refusal(&mut graph, &two), Refusal::TwoValues { kind: "user_id".into() });
    let (bytes, limit) = (1025, 1024);
    let too_long = Refusal::IdentifierTooLong { kind: "email".into(), bytes, limit };
    assert_eq!(refusal(&mut graph, &at(0).id("email", long.as_str())), too_long);
    let too_long = Refusal::KindTooLong { bytes, limit };
    assert_eq!(refusal(&mut graph, &at(0).id(long.as_str(), "x")), too_long);
    let message = at(0).id("cookie", "c").message_id(long.as_str());
    let too_long = Refusal::MessageIdTooLong { bytes: 1025, limit: 1024 };
    assert_eq!(refusal(&mut graph, &message), too_long);
    for text in ["a\0b", "a\u{1b}b", "caf\u{fffd}"] {
        let illegal = |kind: &str| Refusal::IllegalCharacter { kind: kind.into() };
        assert_eq!(refusal(&mut graph, &at(0).id("cookie", text)), illegal("cookie"));
        assert_eq!(refusal(&mut graph, &at(0).id(text, "c")), illegal(text));
    }
    let many = (0..5000).fold(at(0), |o, i| o.id("cookie", i.to_string()));
    let limit = Refusal::TooManyIdentifiers { got: 5000, limit: 64 };
    assert_eq!(refusal(&mut graph, &many), limit);
    for refused in [two, many] {
        assert!(!graph.observe(&refused).expect_err("refused").to_string().contains("new"));
    }
}

#[test]
fn a_bad_identifier_costs_itself_and_is_counted() {
    let long = "x".repeat(1025);
    for bad in ["a\nb", "a\0b", "caf\u{fffd}", long.as_str()] {
        let mut graph = some_graph();
        let event = at(0).id("user_id", "9").id("email", bad).id("cookie", "new");
        let report = graph.extend([&event]);
        assert_eq!((report.accepted, report.bad_identifiers, report.n_refused()), (1, 1, 0));
        assert_eq!(graph.get(("cookie", "new")), Some(profile_id("user_id", "9")));
        assert_eq!(graph.get(("email", bad)), None);
        let mut without = some_graph();
        without.observe(&at(0).id("user_id", "9").id("cookie", "new")).expect("it is fine");
        assert_eq!(bytes(&graph), bytes(&without));
    }
}

#[test]
fn a_bad_identifier_is_counted_also_where_a_batch_has_no_room_for_more_kinds() {
    // More new kinds than a batch numbers by itself: its last rows are recorded one after another.
    let event = |row: usize| {
        let kinds = (0..62).map(|kind| format!("kind {row} {kind}"));
        let event = at(0).id("cookie", format!("c{row}")).id("email", "a\nb");
        kinds.fold(event, |event, kind| event.id(kind, "x"))
    };
    let events: Vec<Event<'_>> = (0..600).map(event).collect();
    let (mut together, mut one_by_one) = (graph(&defaults(), &[]), graph(&defaults(), &[]));
    let report = together.extend(&events);
    let mut counts = (0, 0);
    for event in &events {
        let report = one_by_one.extend([event]);
        counts = (counts.0 + report.accepted, counts.1 + report.bad_identifiers);
    }
    assert_eq!((report.accepted, report.bad_identifiers), counts);
    assert_eq!(bytes(&together), bytes(&one_by_one));
    // Also of the events that are refused for too many kinds.
    assert_eq!(report.bad_identifiers, 600);
}

#[test]
fn two_values_are_no_contradiction_when_one_is_claimed_blocked_or_the_same() {
    let mut graph = some_graph();
    for fine in [
        at(0).id("user_id", "1").claimed_id("user_id", "2"),
        at(0).id("user_id", "1").id("user_id", "null"),
        at(0).id("user_id", "1").id("user_id", " 1 ").claimed_id("user_id", "1"),
    ] {
        assert_eq!(graph.extend([&fine]).accepted, 1);
    }
    assert_eq!(graph.get(("user_id", "1")), Some(profile_id("user_id", "1")));
    assert_eq!(graph.get(("user_id", "2")), Some(profile_id("user_id", "2")));
}

#[test]
fn empty_and_placeholder_values_join_nobody_and_are_counted() {
    let mut graph = some_graph();
    for (i, value) in ["", "  ", "null", "0000", "-"].iter().enumerate() {
        let user = format!("u{i}");
        graph.observe(&at(0).id("user_id", user).id("cookie", *value)).expect("it is fine");
        assert_eq!(graph.get(("cookie", *value)), None);
    }
    graph.observe(&at(0).id("cookie", "")).expect("it is fine");
    let health = graph.health();
    assert_eq!((health.blocked, health.unattributed), (7, 1));
}

#[test]
fn the_ends_of_time_count_last_and_survive_a_restart() {
    let clocks = [
        Rules::default(),
        Rules::default().clock(Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)),
    ];
    for rules in clocks {
        let mut graph = IdentityGraph::new(rules).expect("it makes sense");
        for time in [i64::MIN, i64::MAX, 0, -1] {
            graph.observe(&at(time).id("user_id", "1").id("cookie", "c")).expect("it is fine");
        }
        graph.observe(&at(i64::MAX).id("cookie", "d")).expect("it is fine");
        let again: IdentityGraph = serde_json::from_str(&bytes(&graph)).expect("it is whole");
        assert!(again == graph);
        assert_eq!(graph.profiles().len(), 2);
    }
}

#[test]
fn an_attacker_who_invents_kinds_fills_the_graph_and_breaks_nothing() {
    let mut graph = some_graph();
    let mut full = None;
    for i in 0..2000 {
        let kind = format!("kind{i}");
        if let Err(error) = graph.observe(&at(0).id(kind, "x")) {
            full = Some(error);
            break;
        }
    }
    let full = full.expect("kinds are limited");
    assert!(matches!(full, Error::Refused(Refusal::Full { .. })), "{full}");
    assert_eq!(graph.extend([&at(time(9)).id("cookie", "c")]).accepted, 1);
}

#[test]
fn made_up_kinds_do_not_shut_out_those_of_clients_and_rules() {
    let rules = || {
        Rules::default().hub("loyalty", 4, "till").weak("fingerprint").blocked("terminal", "0815")
    };
    let fill: Vec<_> = (0..2000).map(|i| at(0).id(format!("kind{i}"), "x")).collect();
    let late: Vec<_> = [
        "user_id",
        "email",
        "anonymous_id",
        "previous_id",
        "device_id",
        "advertising_id",
        "loyalty",
        "till",
        "fingerprint",
        "terminal",
    ]
    .map(|kind| at(0).id("user_id", "1").id(kind, "1"))
    .to_vec();
    let mut single = IdentityGraph::new(rules()).unwrap();
    let n_single = fill.iter().filter(|event| single.observe(event).is_ok()).count();
    let mut bulk = IdentityGraph::new(rules()).unwrap();
    assert_eq!(bulk.extend(&fill).accepted, n_single);
    assert!(single.observe(&at(0).id("user_id", "1").id("made up", "1")).is_err());
    for event in &late {
        single.observe(event).unwrap();
    }
    assert_eq!(bulk.extend(&late).accepted, late.len());
    assert!(single == bulk);
    let mut merged = IdentityGraph::new(rules()).unwrap();
    merged.extend(&late);
    merged.merge(&bulk).unwrap();
    assert!(merged.get(("terminal", "1")).is_some());
    let restored = bulk.snapshot().open(None).unwrap();
    assert!(restored == bulk);
}

#[test]
fn what_is_printed_of_rules_and_snapshots_names_nobody() {
    let mut graph = some_graph();
    let secret = |kind: &'static str| Identifier::new(kind, "secret-of-ann");
    graph.observe(&at(0).id("email", "secret-of-ann").id("user_id", "secret-of-ann")).unwrap();
    graph.must_link(&secret("email"), &secret("card")).unwrap();
    graph.cannot_link(&secret("phone"), &secret("card")).unwrap();
    graph.unlink(&secret("user_id"), &Identifier::new("user_id", "old")).unwrap();
    let printed = format!("{graph:?} {:?} {:?}", graph.rules(), graph.snapshot());
    assert!(!printed.contains("secret"), "{printed}");
    assert!(printed.contains("n_must: 1, n_cannot: 1, n_rejected_aliases: 1"), "{printed}");
}

#[test]
fn forgetting_the_unknown_is_fine_and_lasts() {
    let mut graph = some_graph();
    let report = graph.forget(("email", " Nobody@X.org")).expect("it can be an identifier");
    assert_eq!((report.identifiers.len(), report.dropped, report.changed), (0, 0, 0));
    assert_eq!(graph.extend([&at(0).id("email", "nobody@x.org")]).suppressed, 1);
    assert!(graph.forget(("email", "\0")).is_err());
    let stranger = profile_id("x", "y");
    assert_eq!(graph.forget(stranger).unwrap().dropped, 0);
    assert!(graph.get(stranger).is_none() && !graph.is_forgotten(stranger));
    let (a, b) = (Identifier::new("email", "nobody@x.org"), Identifier::new("cookie", "c"));
    assert!(graph.must_link(&a, &b).is_err());
    assert!(graph.cannot_link(&b, &b).is_err());
}

/// A snapshot in which one thing was changed.
fn tampered(change: impl FnOnce(&mut Value)) -> Error {
    let mut value = serde_json::to_value(some_graph()).expect("it can be written");
    change(&mut value);
    let text = value.to_string();
    let error = match serde_json::from_str::<IdentityGraph>(&text) {
        Ok(_) => panic!("{text} was taken"),
        Err(error) => error.to_string(),
    };
    assert!(error.len() < 300, "{error}");
    let reason = std::borrow::Cow::Owned(error);
    Error::InvalidSnapshot { what: "test", reason }
}

type Forgery = fn(&mut Value);

#[test]
fn a_forged_snapshot_is_refused_with_the_reason() {
    let forgeries: [(&str, Forgery); 19] = [
        ("version 2", |v| v["version"] = json!(2)),
        ("limit user_id 0", |v| v["rules"]["limits"]["user_id"] = json!(0)),
        ("key", |v| v["key_check"] = json!("0".repeat(32))),
        ("kinds are not sorted", |v| v["kinds"] = json!(["email", "cookie", "user_id"])),
        ("kind that is not there", |v| v["identifiers"][0][0] = json!(9)),
        ("not normalised", |v| v["identifiers"][2][1] = json!("E")),
        ("identifiers are not sorted", |v| v["identifiers"][0][1] = json!("x")),
        ("identifier that is not there", |v| {
            v["signatures"][0]["ids"] = json!([0, 4_000_000_000u32])
        }),
        ("a signature is not sorted", |v| v["signatures"][0]["ids"] = json!([2, 0])),
        ("signatures are not sorted", |v| {
            v["signatures"].as_array_mut().expect("a list").reverse();
        }),
        ("refused", |v| v["signatures"][0]["ids"] = json!([])),
        ("refused", |v| v["signatures"][0]["ids"] = json!([0, 2, 4, 5])),
        ("does not have", |v| v["signatures"][0]["claimed"] = json!([3])),
        ("no signature", |v| drop(v["signatures"].as_array_mut().expect("a list").pop())),
        ("out of order or out of range", |v| v["signatures"][0]["count"] = json!(0)),
        ("out of order or out of range", |v| {
            v["signatures"][0]["first"] = json!(1_800_000_000_000i64)
        }),
        ("out of order or out of range", |v| v["signatures"][0]["last"] = json!(null)),
        ("too long", |v| v["signatures"][0]["message"] = json!("m".repeat(2000))),
        ("forgotten", |v| {
            v["forgotten"] = json!([profile_id("cookie", "c").to_string()]);
        }),
    ];
    for (expected, change) in forgeries {
        let error = tampered(change).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn no_cut_and_no_flipped_byte_of_a_snapshot_does_harm() {
    let whole = bytes(&some_graph());
    for end in 0..whole.len() {
        assert!(serde_json::from_str::<Snapshot>(&whole[..end]).is_err());
    }
    for at in 0..whole.len() {
        for bit in [0, 1, 4] {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // What is taken must be a graph that can be used and written like any other.
            if let Ok(graph) = serde_json::from_slice::<IdentityGraph>(&bytes) {
                let health = graph.health();
                assert!(health.profiles <= 8);
                let again: IdentityGraph =
                    serde_json::from_str(&super::worlds::bytes(&graph)).expect("it is whole");
                assert!(again == graph);
            }
        }
    }
}

/// A value whose lists and maps say that they have as many entries as there can be.
struct Boastful(Value);

/// Says that it is as long as can be.
struct Endless<I>(I);

impl<I: Iterator> Iterator for Endless<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, Some(usize::MAX))
    }
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for Boastful {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Boastful {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(all) => {
                let all = Endless(all.into_iter().map(Boastful));
                visitor.visit_seq(SeqDeserializer::new(all))
            }
            Value::Object(all) => {
                let all = Endless(all.into_iter().map(|(name, value)| (name, Boastful(value))));
                visitor.visit_map(MapDeserializer::new(all))
            }
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[test]
fn no_allocation_follows_a_length_that_a_snapshot_declares() {
    // Formats with lengths in front say them before the entries. One that is believed asks for more
    // memory than there is, and this test aborts.
    let graph = some_graph();
    let value = serde_json::to_value(&graph).expect("it can be written");
    let again = IdentityGraph::deserialize(Boastful(value)).expect("its entries are whole");
    assert!(again == graph);
}

#[test]
fn a_graph_says_nothing_of_people_when_printed() {
    let text = format!("{:?}", some_graph());
    assert!(text.contains("identifiers: 6") && !text.contains("email"), "{text}");
}
