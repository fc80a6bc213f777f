//! Small worlds for both sides: the library's graph, and the naive answer it must equal.

use std::collections::BTreeSet;

use personas::identity::Owner;
use personas::{Event, Identifier, IdentityGraph, ProfileId, Rules, Timestamp};

use super::naive::{self, Id, Seen};

/// A moment within the default clock; later numbers are later.
pub(crate) fn time(at: i64) -> i64 {
    1_700_000_000_000 + at
}

pub(crate) fn id(kind: &str, value: &str) -> Id {
    (kind.into(), value.into())
}

/// An observation: `"user_id:1 email:e? cookie:c"`, where `?` marks a mere claim.
pub(crate) fn seen(at: i64, ids: &str) -> Seen {
    let ids = ids.split_whitespace().map(|text| {
        let claimed = text.ends_with('?');
        let (kind, value) = text.trim_end_matches('?').split_once(':').expect("kind:value");
        (id(kind, value), claimed)
    });
    Seen { ids: ids.collect(), at: time(at) }
}

pub(crate) fn identifier(id: &Id) -> Identifier<'_> {
    Identifier::new(id.0.as_str(), id.1.as_str())
}

pub(crate) fn observation(seen: &Seen) -> Event<'_> {
    let mut event = Event::new("", Timestamp::from_millis(seen.at));
    for (id, claimed) in &seen.ids {
        event.identifiers.push(Identifier { claimed: *claimed, ..identifier(id) });
    }
    event
}

/// The naive side of the library's defaults.
pub(crate) fn defaults() -> naive::Rules {
    naive::Rules {
        priority: vec!["user_id", "email"],
        limits: [("user_id", 1), ("email", 5)].into(),
        blocked: ["null"].into(),
        hubs: vec![],
        owner: naive::Owner::First,
        weak: BTreeSet::new(),
        must: BTreeSet::new(),
        cannot: BTreeSet::new(),
        clock: (time(-1_000_000), time(1_000_000)),
    }
}

/// The same rules for the library.
pub(crate) fn rules(naive: &naive::Rules) -> Rules {
    let mut rules = Rules::default()
        .priority(naive.priority.clone())
        .limit("user_id", usize::MAX)
        .limit("email", usize::MAX)
        .clock(Timestamp::from_millis(naive.clock.0), Timestamp::from_millis(naive.clock.1))
        .owner(match naive.owner {
            naive::Owner::First => Owner::First,
            naive::Owner::Latest => Owner::Latest,
            naive::Owner::Nobody => Owner::Nobody,
        });
    for (kind, n) in &naive.limits {
        rules = rules.limit(*kind, *n);
    }
    for (kind, n, of) in &naive.hubs {
        rules = rules.hub(*kind, *n, *of);
    }
    for kind in &naive.weak {
        rules = rules.weak(*kind);
    }
    // Manual links are added to a graph, and are part of its rules from then on.
    let mut graph = IdentityGraph::new(rules).expect("the rules make sense");
    for (a, b) in &naive.must {
        graph.must_link(&identifier(a), &identifier(b)).expect("it makes sense");
    }
    for (a, b) in &naive.cannot {
        graph.cannot_link(&identifier(a), &identifier(b)).expect("it makes sense");
    }
    graph.rules().clone()
}

/// The id of a profile that an identifier names, without a key.
pub(crate) fn profile_id(kind: &str, value: &str) -> ProfileId {
    let mut rules = Rules::default();
    rules.default_blocked = false;
    let mut graph = IdentityGraph::new(rules).expect("the rules make sense");
    let event = Event::new("", Timestamp::from_millis(time(0))).id(kind, value);
    graph.observe(&event).expect("it can be an identifier");
    graph.get((kind, value)).expect("it was seen")
}

pub(crate) fn empty(naive: &naive::Rules) -> IdentityGraph {
    IdentityGraph::new(rules(naive)).expect("the rules make sense")
}

pub(crate) fn graph(naive: &naive::Rules, seen: &[Seen]) -> IdentityGraph {
    let mut graph = empty(naive);
    for one in seen {
        let taken = graph.observe(&observation(one));
        assert_eq!(taken.is_err(), naive.refuses(one), "{one:?}");
    }
    graph
}

/// Compares everything a graph says with the naive answer.
pub(crate) fn check(graph: &IdentityGraph, naive: &naive::Rules, all: &[Seen]) {
    let answer = naive::answer(naive, all);
    let name = |id: &Id| profile_id(&id.0, &id.1);
    let mut names = BTreeSet::new();
    let ids = all.iter().flat_map(|seen| seen.ids.keys());
    for id in ids.chain(answer.profile.keys()) {
        let expected = answer.profile.get(id).map(name);
        assert_eq!(graph.get((&id.0, &id.1)), expected, "{id:?} in {all:#?} under {naive:?}");
        names.extend(expected);
    }
    assert_eq!(graph.health().profiles, names.len(), "{all:#?} under {naive:?}");
    assert_eq!(graph.profiles(), names.into_iter().collect::<Vec<_>>());
    for seen in all.iter().filter(|seen| !naive.refuses(seen)) {
        let expected = answer.attribution[&seen.ids].as_ref().map(name);
        let got = graph.profile_of(&observation(seen)).expect("it was not refused");
        assert_eq!(got, expected, "{seen:?} in {all:#?} under {naive:?}");
    }
    let health = graph.health();
    let shared: BTreeSet<Id> = health.shared.iter().map(|i| id(&i.kind, &i.value)).collect();
    assert_eq!(shared, answer.shared, "{all:#?} under {naive:?}");
    let refused: BTreeSet<_> = health
        .refused
        .iter()
        .map(|(a, b, why)| (id(&a.kind, &a.value), id(&b.kind, &b.value), why.to_string()))
        .collect();
    assert_eq!(refused, answer.refused, "{all:#?} under {naive:?}");
    let attributed = |seen: &&Seen| answer.attribution.get(&seen.ids).is_some_and(Option::is_some);
    let kept = all.iter().filter(|seen| !naive.refuses(seen));
    let unattributed = kept.clone().filter(|seen| !attributed(seen)).count();
    assert_eq!(health.unattributed, unattributed as u64);
    assert_eq!(health.observations, kept.count() as u64);
}

/// The state as bytes.
pub(crate) fn bytes(graph: &IdentityGraph) -> String {
    serde_json::to_string(graph).expect("a graph without a key can be written")
}

/// Calls `f` with every order of `n` things (Heap's algorithm, written out).
pub(crate) fn permutations(n: usize, f: &mut impl FnMut(&[usize])) {
    let mut order: Vec<usize> = (0..n).collect();
    let mut at = vec![0; n];
    f(&order);
    let mut i = 0;
    while i < n {
        if at[i] < i {
            order.swap(if i % 2 == 0 { 0 } else { at[i] }, i);
            f(&order);
            at[i] += 1;
            i = 0;
        } else {
            at[i] = 0;
            i += 1;
        }
    }
}

/// Every order and every split in two gives the same bytes, and they equal the naive answer.
pub(crate) fn check_all_orders(naive: &naive::Rules, all: &[Seen]) {
    let whole = graph(naive, all);
    check(&whole, naive, all);
    let expected = bytes(&whole);
    let mut rounds = 0;
    permutations(all.len(), &mut |order| {
        let shuffled: Vec<Seen> = order.iter().map(|&i| all[i].clone()).collect();
        let again = graph(naive, &shuffled);
        assert_eq!(bytes(&again), expected, "{shuffled:#?} under {naive:?}");
        // Reading everything in every order would be slow in debug; every fifth will do.
        rounds += 1;
        if rounds % 5 == 0 {
            check(&again, naive, all);
        }
    });
    for split in 0..1u32 << all.len() {
        let part = |side: u32| {
            let ours = |i: &usize| split >> i & 1 == side;
            (0..all.len()).filter(ours).map(|i| all[i].clone()).collect::<Vec<_>>()
        };
        let mut left = graph(naive, &part(0));
        left.merge(&graph(naive, &part(1))).expect("the rules are the same");
        assert_eq!(bytes(&left), expected, "{all:#?} split {split:b} under {naive:?}");
        if split % 5 == 0 {
            check(&left, naive, all);
        }
    }
}
