//! One function of the set: any order, batch, shard or restart gives what the naive rules give.

use std::collections::BTreeSet;

use personas::IdentityGraph;
use personas::identity::Explanation;
use proptest::prelude::*;

use super::naive::{self, Id, Owner, Rules, Seen};
use super::worlds::*;

/// Identifiers that meet often: few values of few kinds, one of them blocked.
pub(crate) fn any_id() -> impl Strategy<Value = Id> {
    let pool = [
        "user_id:1",
        "user_id:2",
        "user_id:3",
        "email:e",
        "email:f",
        "email:g",
        "cookie:c",
        "cookie:d",
        "cookie:null",
        "device:x",
        "device:y",
    ];
    prop::sample::select(pool.to_vec()).prop_map(|text| {
        let (kind, value) = text.split_once(':').expect("kind:value");
        id(kind, value)
    })
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let one = (any_id(), prop::bool::weighted(0.2));
    let at = prop_oneof![8 => 0i64..6, 1 => Just(-5_000_000), 1 => Just(i64::MAX - time(0))];
    (prop::collection::btree_map(any_id(), prop::bool::weighted(0.2), 1..4), at, one)
        .prop_map(|(ids, at, _)| Seen { ids, at: time(0).saturating_add(at) })
}

pub(crate) fn any_rules() -> impl Strategy<Value = Rules> {
    let owner = prop::sample::select(vec![Owner::First, Owner::Latest, Owner::Nobody]);
    let limits = prop::sample::select(vec![
        vec![("user_id", 1), ("email", 5)],
        vec![("user_id", 1), ("email", 1)],
        vec![("user_id", 2), ("cookie", 1)],
        vec![("email", 2), ("device", 1)],
        vec![],
    ]);
    let hubs = prop::sample::select(vec![
        vec![],
        vec![("cookie", 1, "user_id")],
        vec![("email", 1, "cookie"), ("device", 2, "email")],
        vec![("user_id", 2, "device"), ("cookie", 1, "email")],
    ]);
    let weak = prop::sample::select(vec![vec![], vec![], vec!["device"], vec!["email"]]);
    let priority = prop::sample::select(vec![
        vec!["user_id", "email"],
        vec!["email", "cookie", "user_id"],
        vec!["device"],
    ]);
    let pair = || (any_id(), any_id()).prop_filter("two ends", |(a, b)| a != b);
    let pairs = || prop::collection::btree_set(pair(), 0..3);
    (owner, limits, hubs, weak, priority, pairs(), pairs(), any::<bool>()).prop_map(
        |(owner, limits, hubs, weak, priority, must, cannot, manual)| {
            let limits: std::collections::BTreeMap<_, _> = limits.into_iter().collect();
            // A weak kind with limit 1 is refused as nonsense.
            let weak = weak.into_iter().filter(|k| limits.get(k) != Some(&1)).collect();
            let none = BTreeSet::new();
            let (must, cannot) = if manual { (must, cannot) } else { (none.clone(), none) };
            Rules { owner, limits, hubs, weak, priority, must, cannot, ..defaults() }
        },
    )
}

fn world() -> impl Strategy<Value = (Rules, Vec<Seen>)> {
    (any_rules(), prop::collection::vec(any_seen(), 1..9))
}

/// 256 cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_order_batch_and_restart_give_the_naive_answer(
        (rules, all) in world(),
        keys in prop::collection::vec(any::<u32>(), 9),
        cut in 0usize..9,
    ) {
        let whole = graph(&rules, &all);
        check(&whole, &rules, &all);
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|&i| keys[i]);
        let shuffled: Vec<Seen> = order.iter().map(|&i| all[i].clone()).collect();
        let cut = cut.min(all.len());
        // A batch, reads in between, a restart, then one by one.
        let mut again = empty(&rules);
        again.extend(&shuffled[..cut].iter().map(observation).collect::<Vec<_>>());
        let kept: Vec<Seen> = shuffled[..cut].to_vec();
        check(&again, &rules, &kept);
        let mut again: IdentityGraph = serde_json::from_str(&bytes(&again)).expect("it is whole");
        for (i, one) in shuffled[cut..].iter().enumerate() {
            let _ = again.observe(&observation(one));
            if keys[i] % 2 == 0 {
                check(&again, &rules, &shuffled[..cut + i + 1]);
            }
        }
        check(&again, &rules, &all);
        prop_assert_eq!(bytes(&again), bytes(&whole));
        prop_assert!(again == whole);
    }

    #[test]
    fn shards_merge_to_the_whole_in_any_grouping(
        (rules, all) in world(),
        shard in prop::collection::vec(0usize..3, 9),
    ) {
        let part = |wanted: usize| {
            let mine = all.iter().zip(&shard).filter(|(_, s)| **s == wanted);
            graph(&rules, &mine.map(|(seen, _)| seen.clone()).collect::<Vec<_>>())
        };
        let merged = |order: [usize; 3]| {
            let mut all = part(order[0]);
            all.merge(&part(order[1])).expect("the rules are the same");
            all.merge(&part(order[2])).expect("the rules are the same");
            all
        };
        let whole = bytes(&graph(&rules, &all));
        let left = merged([0, 1, 2]);
        prop_assert_eq!(&bytes(&left), &whole);
        prop_assert_eq!(&bytes(&merged([2, 0, 1])), &whole);
        let mut right = part(1);
        right.merge(&part(2)).expect("the rules are the same");
        let mut nested = part(0);
        nested.merge(&right).expect("the rules are the same");
        prop_assert_eq!(&bytes(&nested), &whole);
        check(&nested, &rules, &all);
    }

    #[test]
    fn forgetting_gives_the_state_that_never_saw_them(
        (rules, all) in world(),
        gone in any_id(),
        late in prop::collection::vec(any_seen(), 0..4),
    ) {
        let mut graph = graph(&rules, &all);
        let would = graph.would_forget((&gone.0, &gone.1)).expect("it can be an identifier");
        let did = graph.forget((&gone.0, &gone.1)).expect("it can be an identifier");
        prop_assert_eq!(would, did);
        let mut left_rules = rules.clone();
        let gone = BTreeSet::from([gone]);
        let mut left = naive::forget(&mut left_rules, &all, &gone);
        check(&graph, &left_rules, &left);
        let mut never = super::worlds::graph(&left_rules, &left);
        for (kind, value) in &gone {
            never.forget((kind, value)).expect("it can be an identifier");
            prop_assert_eq!(graph.get((kind, value)), None);
            let text = format!("\"{value}\"");
            prop_assert!(!bytes(&graph).contains(&text), "{} in {}", text, bytes(&graph));
        }
        prop_assert_eq!(bytes(&graph), bytes(&never));
        // What comes later is dropped or loses what was forgotten, one by one or by merging.
        let refused = |seen: &&Seen| !rules.refuses(seen);
        left.extend(
            late.iter().filter(refused).filter_map(|one| naive::arrive(&left_rules, one, &gone)),
        );
        let mut merged = graph.clone();
        merged.merge(&super::worlds::graph(&left_rules, &late)).expect("the rules are the same");
        for one in &late {
            let _ = graph.observe(&observation(one));
        }
        check(&graph, &left_rules, &left);
        prop_assert_eq!(bytes(&merged), bytes(&graph));
    }

    #[test]
    fn forgetting_before_between_or_after_the_observations_leaves_one_state(
        (rules, all) in world(),
        gone in prop::collection::vec((any_id(), 0usize..9), 1..4),
    ) {
        let mut mixed = empty(&rules);
        let forget = |graph: &mut IdentityGraph, (kind, value): &Id| {
            graph.forget((kind, value)).expect("it can be an identifier");
        };
        for (place, one) in all.iter().enumerate() {
            let now = gone.iter().filter(|(_, at)| *at == place);
            now.for_each(|(id, _)| forget(&mut mixed, id));
            let _ = mixed.observe(&observation(one));
        }
        let rest = gone.iter().filter(|(_, at)| *at >= all.len());
        rest.for_each(|(id, _)| forget(&mut mixed, id));
        let mut first = empty(&rules);
        gone.iter().for_each(|(id, _)| forget(&mut first, id));
        first.extend(&all.iter().map(observation).collect::<Vec<_>>());
        prop_assert_eq!(bytes(&mixed), bytes(&first));
    }

    #[test]
    fn forgetting_a_profile_is_forgetting_its_own_identifiers_at_once(
        (rules, all) in world(),
        of in any_id(),
    ) {
        let mut graph = graph(&rules, &all);
        let Some(profile) = graph.get((&of.0, &of.1)) else { return Ok(()) };
        let would = graph.would_forget(profile).unwrap();
        let gone: BTreeSet<Id> =
            would.identifiers.iter().map(|i| id(&i.kind, &i.value)).collect();
        prop_assert_eq!(graph.forget(profile).unwrap(), would);
        let mut left_rules = rules.clone();
        let left = naive::forget(&mut left_rules, &all, &gone);
        check(&graph, &left_rules, &left);
    }

    #[test]
    fn manual_links_said_late_are_the_same_as_said_from_the_start(
        (rules, all) in world(),
        cut in 0usize..9,
    ) {
        let plain = Rules { must: BTreeSet::new(), cannot: BTreeSet::new(), ..rules.clone() };
        let cut = cut.min(all.len());
        let mut late = graph(&plain, &all[..cut]);
        for (a, b) in &rules.must {
            late.must_link(&identifier(a), &identifier(b)).expect("it makes sense");
        }
        for (a, b) in &rules.cannot {
            late.cannot_link(&identifier(a), &identifier(b)).expect("it makes sense");
        }
        check(&late, &rules, &all[..cut]);
        for one in &all[cut..] {
            let _ = late.observe(&observation(one));
        }
        check(&late, &rules, &all);
        prop_assert_eq!(bytes(&late), bytes(&graph(&rules, &all)));
        let mut start = graph(&plain, &all);
        for (a, b) in rules.must.iter().chain(&rules.cannot) {
            late.unlink(&identifier(a), &identifier(b)).expect("it makes sense");
            // Of two user ids it takes back an alias too, which nobody has said.
            start.unlink(&identifier(a), &identifier(b)).expect("it makes sense");
        }
        check(&late, &plain, &all);
        prop_assert_eq!(bytes(&late), bytes(&start));
    }

    #[test]
    fn explanations_join_alone_and_other_rules_are_what_diff_says(
        (rules, all) in world(),
        other in any_rules(),
    ) {
        let graph = graph(&rules, &all);
        let ids: BTreeSet<&Id> = all.iter().flat_map(|seen| seen.ids.keys()).collect();
        for a in &ids {
            for b in &ids {
                let joined = graph.get((&a.0, &a.1)).is_some()
                    && graph.get((&a.0, &a.1)) == graph.get((&b.0, &b.1));
                let chain = graph.explain(&identifier(a), &identifier(b));
                let is_joined = matches!(chain, Explanation::Joined(_));
                prop_assert_eq!(is_joined, joined, "{:?} {:?}", a, b);
                let Explanation::Joined(chain) = chain else { continue };
                let replayed = naive::replay(&rules, &all, &chain.iter().map(|link| (
                    (id(&link.a.kind, &link.a.value), link.a.claimed),
                    (id(&link.b.kind, &link.b.value), link.b.claimed),
                )).collect::<Vec<_>>());
                prop_assert!(replayed.iter().any(|c| c.contains(*a) && c.contains(*b)) || a == b);
            }
        }
        // Both sides of a difference hold the same people, and the rest is as it was.
        let diff = graph.diff(&super::worlds::rules(&other)).expect("the rules make sense");
        let after = super::worlds::graph(&other, &all);
        if all.iter().all(|seen| !rules.refuses(seen)) {
            let before: BTreeSet<_> = graph.profiles().into_iter().collect();
            for [was, is] in diff.iter() {
                prop_assert!(was.iter().all(|id| before.contains(id)));
                prop_assert!(is.iter().all(|id| after.profiles().contains(id)));
            }
            let count = |side: usize| diff.iter().map(|change| change[side].len()).sum::<usize>();
            prop_assert_eq!(graph.profiles().len() + count(1), after.profiles().len() + count(0));
        }
        prop_assert!(graph.diff(&super::worlds::rules(&rules)).expect("same").is_empty());
    }
}

#[test]
fn every_order_and_split_of_small_worlds_under_every_rule_equals_the_naive_answer() {
    let worlds = [
        vec![
            seen(0, "user_id:1 email:e"),
            seen(1, "user_id:2 email:e"),
            seen(2, "cookie:c email:e"),
            seen(3, "cookie:c user_id:2"),
            seen(4, "cookie:c"),
        ],
        vec![
            seen(0, "cookie:c"),
            seen(1, "cookie:c user_id:1"),
            seen(2, "cookie:c user_id:2"),
            seen(2, "device:x cookie:c"),
            seen(5, "device:x user_id:2"),
        ],
        vec![
            seen(0, "cookie:x email:e?"),
            seen(1, "user_id:1 email:e"),
            seen(2, "cookie:y email:e?"),
            seen(3, "email:e?"),
            seen(4, "cookie:y user_id:2"),
        ],
        vec![
            seen(9_000_000, "user_id:1 cookie:c"),
            seen(1, "user_id:2 cookie:c"),
            seen(2, "cookie:null email:e"),
            seen(3, "cookie:null user_id:3"),
            seen(3, "cookie:null"),
        ],
    ];
    for owner in [Owner::First, Owner::Latest, Owner::Nobody] {
        for hubs in [vec![], vec![("cookie", 1, "user_id"), ("email", 1, "cookie")]] {
            for weak in [vec![], vec!["device", "cookie"]] {
                let manual = [
                    (vec![], vec![]),
                    (
                        vec![(id("user_id", "1"), id("user_id", "2"))],
                        vec![(id("cookie", "c"), id("user_id", "1"))],
                    ),
                ];
                for (must, cannot) in manual {
                    let rules = Rules {
                        owner,
                        hubs: hubs.clone(),
                        weak: weak.iter().copied().collect(),
                        must: must.into_iter().collect(),
                        cannot: cannot.into_iter().collect(),
                        ..defaults()
                    };
                    worlds.iter().for_each(|world| check_all_orders(&rules, world));
                }
            }
        }
    }
}
