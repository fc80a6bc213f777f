//! Aliases as evidence: the same result in every order, on every path, and by the naive reading.

use personas::identity::{Explanation, Reason};
use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};
use proptest::prelude::*;

type Ids = Vec<(&'static str, String)>;

fn event(ids: &[(&'static str, String)], minute: i64) -> Event<'static> {
    let at = Timestamp::from_millis(1_500_000_000_000 + 60_000 * minute);
    let named = |event: Event<'static>, (kind, value): &(&'static str, String)| {
        event.id(*kind, value.clone())
    };
    ids.iter().fold(Event::new("e", at), named)
}

fn ids(text: &str) -> Ids {
    let id = |word: &str| {
        let (kind, value) = word.split_at(1);
        let kind = match kind {
            "u" => "user_id",
            "p" => "previous_id",
            "a" => "anonymous_id",
            "e" => "email",
            // Weaker than a previous id: however many there are, they do not make it shared.
            "v" => "visitor",
            _ => "cookie",
        };
        (kind, value.to_owned())
    };
    text.split(' ').map(id).collect()
}

fn graph(rules: &Rules, world: &[Ids], order: &[usize]) -> IdentityGraph {
    let mut graph = IdentityGraph::new(rules.clone()).unwrap();
    for &i in order {
        graph.observe(&event(&world[i], i as i64)).unwrap();
    }
    graph
}

/// The people as sets of identifiers, without previous ids.
fn people(graph: &IdentityGraph) -> Vec<Vec<String>> {
    let name = |id: &Identifier<'_>| {
        let is_shown = id.kind != "previous_id";
        is_shown.then(|| format!("{} {}", id.kind, id.value))
    };
    let of = |id| {
        let mut names: Vec<String> = graph.identifiers(id).iter().filter_map(name).collect();
        names.sort();
        names
    };
    let mut all: Vec<Vec<String>> = graph.profiles().into_iter().map(of).collect();
    all.retain(|names| !names.is_empty());
    all.sort();
    all
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for i in 0..n {
        let insert = |order: Vec<usize>| {
            (0..=i).map(move |place| {
                let mut longer = order.clone();
                longer.insert(place, i);
                longer
            })
        };
        all = all.into_iter().flat_map(insert).collect();
    }
    all
}

/// What is decided from the whole set: a must-link of two user ids, or an anonymous id.
fn decided(world: &[Ids], rules: Rules) -> IdentityGraph {
    let is_user = |value: &String| {
        world.iter().any(|ids| ids.iter().any(|id| id.0 == "user_id" && id.1 == *value))
    };
    let mut graph = IdentityGraph::new(rules).unwrap();
    for (i, ids) in world.iter().enumerate() {
        let mut kept = Ids::new();
        for (kind, value) in ids {
            if *kind != "previous_id" {
                kept.push((kind, value.clone()));
            } else if !is_user(value) {
                kept.push(("anonymous_id", value.clone()));
            } else if let Some((_, new)) = ids.iter().find(|id| id.0 == "user_id" && id.1 != *value)
            {
                let ends = [new, value].map(|value| Identifier::new("user_id", value.clone()));
                graph.must_link(&ends[0], &ends[1]).unwrap();
            }
        }
        graph.observe(&event(&kept, i as i64)).unwrap();
    }
    graph
}

#[test]
fn an_alias_of_a_user_id_joins_two_users_in_every_order() {
    let worlds = [
        "uold|unew pold|unew c1",
        "uold c1|unew pold|unew c1|uthird c1",
        "aold c1|unew pold|unew c2",
        "ua pb|ub pa|uc pb|ub c1",
        "unew pold|uold e1|ux e1|ux c1",
        "uold aold|unew pold|aold c1",
        "u1 p1|u1 pnull|a2 c2|u2 p2",
    ];
    for text in worlds {
        let world: Vec<Ids> = text.split('|').map(ids).collect();
        let expected = people(&decided(&world, Rules::default()));
        let first = graph(&Rules::default(), &world, &(0..world.len()).collect::<Vec<_>>());
        for order in permutations(world.len()) {
            let graph = graph(&Rules::default(), &world, &order);
            assert_eq!(graph, first, "{text} {order:?}");
            assert_eq!(graph.profiles(), first.profiles(), "{text} {order:?}");
            let got: Vec<Vec<String>> = people(&graph);
            // An anonymous id that only an alias knows is not listed, but leads to its person.
            let seen = |names: &Vec<String>| {
                let is_seen = |name: &&String| {
                    let (kind, value) = name.split_once(' ').unwrap();
                    world.iter().any(|ids| ids.iter().any(|id| id.0 == kind && id.1 == value))
                };
                names.iter().filter(is_seen).cloned().collect::<Vec<_>>()
            };
            assert_eq!(got, expected.iter().map(seen).collect::<Vec<_>>(), "{text} {order:?}");
        }
    }
}

#[test]
fn an_anonymous_id_that_only_an_alias_knows_leads_to_its_person() {
    let world = [ids("u7 pa")];
    let mut graph = graph(&Rules::default(), &world, &[0]);
    assert_eq!(graph.get(("anonymous_id", "a")), graph.get(("user_id", "7")));
    assert_eq!(graph.health().idle_aliases, 1);
    graph.observe(&event(&ids("aa"), 1)).unwrap();
    assert_eq!(graph.get(("anonymous_id", "a")), graph.get(("user_id", "7")));
    assert_eq!(graph.health().idle_aliases, 0);
    // It was a user id all along.
    graph.observe(&event(&ids("ua"), 2)).unwrap();
    assert_ne!(graph.get(("anonymous_id", "a")), graph.get(("user_id", "7")));
    assert_eq!(graph.get(("user_id", "a")), graph.get(("user_id", "7")));
}

#[test]
fn an_alias_is_explained_and_unlink_takes_it_back() {
    let [old, new] = ["old", "new"].map(|value| Identifier::new("user_id", value));
    let world = [ids("uold"), ids("unew pold")];
    let mut graph = graph(&Rules::default(), &world, &[0]);
    graph.observe(&event(&world[1], 1).message_id("m")).unwrap();
    let Explanation::Joined(chain) = graph.explain(&old, &new) else { panic!("they are apart") };
    assert_eq!((chain.len(), chain[0].alias, chain[0].manual), (1, true, false));
    assert_eq!((&chain[0].message_ids[..], chain[0].count), (&["m"][..], 1));
    graph.unlink(&new, &old).unwrap();
    assert_ne!(graph.get(("user_id", "old")), graph.get(("user_id", "new")));
    // It stays so when the call comes again, and when the graph is restored.
    graph.observe(&event(&world[1], 2)).unwrap();
    let restored = graph.snapshot().open(None).unwrap();
    for graph in [&graph, &restored] {
        assert_ne!(graph.get(("user_id", "old")), graph.get(("user_id", "new")));
        assert_eq!(graph.health().idle_aliases, 2);
    }
    graph.must_link(&old, &new).unwrap();
    assert_eq!(graph.get(("user_id", "old")), graph.get(("user_id", "new")));
}

#[test]
fn manual_links_stand_above_an_alias() {
    let [old, new] = ["old", "new"].map(|value| Identifier::new("user_id", value));
    let world = [ids("uold"), ids("unew pold")];
    for order in permutations(2) {
        let mut graph = graph(&Rules::default(), &world, &order);
        graph.cannot_link(&old, &new).unwrap();
        assert!(
            matches!(graph.explain(&old, &new), Explanation::Refused(link, Reason::CannotLink) if link.alias)
        );
        assert_eq!(graph.health().idle_aliases, 1);
        assert!(graph.health().contradictions.is_empty());
    }
}

#[test]
fn where_the_rule_is_off_a_previous_id_is_an_anonymous_one() {
    let mut rules = Rules::default();
    rules.aliases = false;
    let world = [ids("uold"), ids("unew pold"), ids("aold")];
    for order in permutations(3) {
        let graph = graph(&rules, &world, &order);
        assert_ne!(graph.get(("user_id", "old")), graph.get(("user_id", "new")));
        assert_eq!(graph.get(("anonymous_id", "old")), graph.get(("user_id", "new")));
    }
}

#[test]
fn a_claim_makes_no_user_id_of_a_previous_one() {
    let mut graph = graph(&Rules::default(), &[ids("unew pold")], &[0]);
    let claim = event(&ids("c1"), 1).claimed_id("user_id", "old");
    graph.observe(&claim).unwrap();
    assert_ne!(graph.get(("user_id", "old")), graph.get(("user_id", "new")));
}

#[test]
fn a_previous_id_of_very_many_users_joins_nobody() {
    let mut world: Vec<Ids> = (1..12).map(|i| ids(&format!("u{i} pold"))).collect();
    world.push(ids("uold"));
    let order: Vec<usize> = (0..12).collect();
    assert_eq!(
        graph(&Rules::default(), &world[1..], &order[..11]).get(("user_id", "3")),
        graph(&Rules::default(), &world[1..], &order[..11]).get(("user_id", "7"))
    );
    let graph = graph(&Rules::default(), &world, &order);
    assert_ne!(graph.get(("user_id", "3")), graph.get(("user_id", "7")));
    assert_eq!(graph.health().idle_aliases, 11);
}

#[test]
fn a_forgotten_user_id_takes_the_aliases_of_it_along() {
    let world = [ids("uold c1"), ids("unew pold c2"), ids("aold c3")];
    for order in permutations(3) {
        for kind in ["user_id", "anonymous_id"] {
            let mut before = IdentityGraph::new(Rules::default()).unwrap();
            before.forget((kind, "old")).unwrap();
            let events: Vec<Event<'_>> =
                order.iter().map(|&i| event(&world[i], i as i64)).collect();
            before.extend(&events);
            let mut after = graph(&Rules::default(), &world, &order);
            after.forget((kind, "old")).unwrap();
            assert_eq!(before, after, "{kind} {order:?}");
            assert_eq!(before.profiles(), after.profiles(), "{kind} {order:?}");
            assert_eq!(before.get(("previous_id", "old")), None);
        }
    }
}

#[test]
fn an_alias_that_is_taken_back_stays_so_whatever_came_first() {
    let world = [ids("unew pold c1"), ids("uold c2"), ids("pb c3"), ids("ab c4")];
    let id = |word| Identifier::new(ids(word)[0].0, ids(word)[0].1.clone());
    let unlink = |graph: &mut IdentityGraph| {
        graph.unlink(&id("unew"), &id("uold")).unwrap();
        graph.unlink(&id("pb"), &id("ab")).unwrap();
    };
    let mut expected = graph(&Rules::default(), &world, &[0, 1, 2, 3]);
    assert_eq!(expected.get(("user_id", "new")), expected.get(("user_id", "old")));
    unlink(&mut expected);
    assert_ne!(expected.get(("user_id", "new")), expected.get(("user_id", "old")));
    assert_ne!(expected.get(("cookie", "3")), expected.get(("cookie", "4")));
    for order in permutations(4) {
        for cut in 0..=4 {
            // Before, between and after the calls; and on each of two shards.
            let mut one = graph(&Rules::default(), &world, &order[..cut]);
            unlink(&mut one);
            let mut shards = one.clone();
            let mut rest = graph(&Rules::default(), &world, &order[cut..]);
            for &i in &order[cut..] {
                one.observe(&event(&world[i], i as i64)).unwrap();
            }
            unlink(&mut rest);
            shards.merge(&rest).unwrap();
            for graph in [one, shards] {
                assert_eq!(graph, expected, "{order:?} {cut}");
                assert_eq!(graph.profiles(), expected.profiles(), "{order:?} {cut}");
            }
        }
    }
}

#[test]
fn very_many_calls_of_one_alias_are_settled_as_all_of_them_at_once() {
    let call = |i: usize| match i % 4 {
        0 => ids(&format!("u7 pold v{i}")),
        1 => ids(&format!("u{} pold v{i}", i % 3)),
        2 => ids(&format!("uold pold v{i}")),
        _ => ids(&format!("uold v{i}")),
    };
    let world: Vec<Ids> = (0..120).map(call).collect();
    let order: Vec<usize> = (0..world.len()).collect();
    let single = graph(&Rules::default(), &world, &order);
    let events: Vec<Event<'_>> = order.iter().map(|&i| event(&world[i], i as i64)).collect();
    let mut bulk = IdentityGraph::new(Rules::default()).unwrap();
    bulk.extend(&events);
    assert_eq!(single, bulk);
    assert_eq!(people(&single), people(&bulk));
    let why = single.explain(&Identifier::new("user_id", "7"), &Identifier::new("user_id", "old"));
    assert!(matches!(why, Explanation::Joined(_)), "{why:?}");
    assert_eq!(single.health(), bulk.health());
}

fn worlds() -> impl Strategy<Value = Vec<Ids>> {
    let id = prop::sample::select(vec![
        "ua", "ub", "uc", "ud", "pa", "pb", "pc", "pd", "px", "aa", "ab", "ax", "c1", "c2", "e1",
    ]);
    prop::collection::vec(prop::collection::vec(id, 1..4), 1..9).prop_map(|world| {
        let one_user = |words: Vec<&str>| {
            let mut users = 0;
            let kept = words.into_iter().filter(|word| {
                users += usize::from(word.starts_with('u'));
                !word.starts_with('u') || users == 1
            });
            ids(&kept.collect::<Vec<_>>().join(" "))
        };
        world.into_iter().map(one_user).filter(|ids| !ids.is_empty()).collect()
    })
}

proptest! {
    #[test]
    fn aliases_do_not_depend_on_the_path(
        world in worlds(),
        shift in 0usize..8,
        cut in 0usize..8,
        gone in prop::sample::select(vec!["ua", "pb", "aa", "ax", "c1"]),
        link in prop::sample::select(vec![("ua", "ub"), ("uc", "ub"), ("px", "ax")]),
    ) {
        let rules = Rules::default();
        let n = world.len();
        let order: Vec<usize> = (0..n).collect();
        let mut rotated = order.clone();
        rotated.rotate_left(shift % n.max(1));
        let mut one = graph(&rules, &world, &order);
        let two = graph(&rules, &world, &rotated);
        let events: Vec<Event<'_>> = order.iter().map(|&i| event(&world[i], i as i64)).collect();
        let mut bulk = IdentityGraph::new(rules.clone()).unwrap();
        bulk.extend(&events);
        let mut merged = graph(&rules, &world, &order[..cut.min(n)]);
        merged.merge(&graph(&rules, &world, &order[cut.min(n)..])).unwrap();
        for other in [&two, &bulk, &merged] {
            prop_assert_eq!(&one, other);
            prop_assert_eq!(one.profiles(), other.profiles());
            prop_assert_eq!(one.health(), other.health());
        }
        // After changes, as a restored graph has it, and one that was told of them before.
        let id = |word| Identifier::new(ids(word)[0].0, ids(word)[0].1.clone());
        let (a, b) = (id(link.0), id(link.1));
        one.unlink(&a, &b).unwrap();
        let mut early = IdentityGraph::new(rules).unwrap();
        early.unlink(&a, &b).unwrap();
        events.iter().for_each(|event| early.observe(event).unwrap());
        prop_assert_eq!(&one, &early);
        prop_assert_eq!(one.profiles(), early.profiles());
        one.cannot_link(&id("ua"), &id("uc")).unwrap();
        one.forget(id(gone)).unwrap();
        let restored = one.snapshot().open(None).unwrap();
        prop_assert_eq!(one.profiles(), restored.profiles());
        prop_assert_eq!(one.health(), restored.health());
    }
}
