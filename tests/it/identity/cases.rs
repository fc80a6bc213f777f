//! The worked cases of the rules, by number.

use std::collections::BTreeSet;

use personas::identity::{Explanation, Reason};
use personas::{Event, Identifier, IdentityGraph, ProfileId, Rules, Timestamp};

use super::naive::{self, Owner, Seen};
use super::worlds::*;

fn get(graph: &IdentityGraph, text: &str) -> Option<ProfileId> {
    let (kind, value) = text.split_once(':').expect("kind:value");
    graph.get((kind, value))
}

fn of(text: &str) -> Option<ProfileId> {
    let (kind, value) = text.split_once(':').expect("kind:value");
    Some(profile_id(kind, value))
}

/// The graph of all observations, after every order and split was seen to give the same.
fn every_order(rules: &naive::Rules, all: &[Seen]) -> IdentityGraph {
    check_all_orders(rules, all);
    graph(rules, all)
}

fn attributed(graph: &IdentityGraph, text: &str) -> Option<ProfileId> {
    graph.profile_of(&observation(&seen(0, text))).expect("it is not refused")
}

#[test]
fn case_1_an_email_of_another_user_is_refused_with_the_limit() {
    let world = [seen(0, "user_id:abc123 email:jane@"), seen(1, "user_id:abc456 email:jane@")];
    let graph = every_order(&defaults(), &world);
    assert_eq!(get(&graph, "email:jane@"), of("user_id:abc123"));
    assert_eq!(get(&graph, "user_id:abc456"), of("user_id:abc456"));
    let health = graph.health();
    let reason = Reason::Limit { kind: "user_id".into(), limit: 1, values: 2 };
    assert_eq!(health.refused.len(), 1);
    assert_eq!((&*health.refused[0].0.value, &*health.refused[0].1.value), ("abc456", "jane@"));
    assert_eq!(health.refused[0].2, reason);
    let why =
        graph.explain(&Identifier::new("user_id", "abc123"), &Identifier::new("user_id", "abc456"));
    let Explanation::Refused(link, said) = why else { panic!("{why:?}") };
    assert_eq!((said, &*link.b.value, link.count), (reason, "jane@", 1));
}

#[test]
fn case_2_a_shared_device_goes_to_its_owner_in_every_order() {
    let world =
        [seen(10, "cookie:c user_id:a"), seen(11, "cookie:c user_id:b"), seen(12, "cookie:c")];
    for (owner, expected) in
        [(Owner::First, "user_id:a"), (Owner::Latest, "user_id:b"), (Owner::Nobody, "cookie:c")]
    {
        let graph = every_order(&naive::Rules { owner, ..defaults() }, &world);
        assert_eq!(get(&graph, "cookie:c"), of(expected), "{owner:?}");
        assert_eq!(attributed(&graph, "cookie:c"), of(expected), "{owner:?}");
        assert_eq!(attributed(&graph, "cookie:c user_id:a"), of("user_id:a"));
    }
}

#[test]
fn a_link_that_was_seen_in_several_sets_has_the_times_of_all() {
    // Seen at 1 and at 10, with the other user in between: the first and the latest.
    for (first, last) in [("", " email:x@"), (" email:x@", "")] {
        let world = [
            seen(1, &format!("cookie:c user_id:b{first}")),
            seen(5, "cookie:c user_id:a"),
            seen(10, &format!("cookie:c user_id:b{last}")),
        ];
        for owner in [Owner::First, Owner::Latest] {
            let graph = every_order(&naive::Rules { owner, ..defaults() }, &world);
            assert_eq!(get(&graph, "cookie:c"), of("user_id:b"), "{owner:?}");
        }
    }
}

#[test]
fn case_3_a_kiosk_joins_nobody_and_forgetting_one_flips_it_back() {
    let login = |i: usize| seen(i as i64, &format!("cookie:kiosk user_id:u{i}"));
    let mut world: Vec<Seen> = (0..10).map(login).collect();
    world.push(seen(99, "cookie:kiosk"));
    let ten = graph(&defaults(), &world);
    assert_eq!(get(&ten, "cookie:kiosk"), of("user_id:u0"));
    let mut graph_ = ten.clone();
    graph_.observe(&observation(&login(10))).expect("it is fine");
    world.push(login(10));
    check(&graph_, &defaults(), &world);
    assert_eq!(attributed(&graph_, "cookie:kiosk"), of("cookie:kiosk"));
    graph_.forget(("user_id", "u10")).expect("it can be an identifier");
    assert_eq!(attributed(&graph_, "cookie:kiosk"), of("user_id:u0"));
    let mut never = ten;
    never.forget(("user_id", "u10")).expect("it can be an identifier");
    assert_eq!(bytes(&graph_), bytes(&never));
    // Fifty users: fifty profiles and the kiosk's own.
    let mut fifty: Vec<Seen> = (0..50).map(login).collect();
    fifty.push(seen(99, "cookie:kiosk"));
    let graph_ = graph(&defaults(), &fifty);
    check(&graph_, &defaults(), &fifty);
    let health = graph_.health();
    assert_eq!((health.profiles, health.shared.len(), health.unattributed), (51, 1, 0));
    let (a, b) = (Identifier::new("user_id", "u3"), Identifier::new("user_id", "u4"));
    assert!(matches!(graph_.explain(&a, &b), Explanation::Shared(kiosk) if kiosk.value == "kiosk"));
}

#[test]
fn case_4_an_id_handed_out_before_the_login_leads_to_the_person() {
    let mut graph = empty(&defaults());
    graph.observe(&observation(&seen(5, "cookie:c"))).expect("it is fine");
    let anonymous = get(&graph, "cookie:c").expect("it was seen");
    assert_eq!(graph.get(anonymous), Some(anonymous));
    graph.observe(&observation(&seen(6, "cookie:c user_id:7"))).expect("it is fine");
    graph.observe(&observation(&seen(1, "cookie:c"))).expect("it is fine");
    let user = get(&graph, "user_id:7").expect("it was seen");
    assert_eq!(get(&graph, "cookie:c"), Some(user));
    assert_eq!((graph.get(anonymous), graph.get(user)), (Some(user), Some(user)));
    let stranger = profile_id("user_id", "8");
    assert!(graph.get(stranger).is_none() && !graph.is_forgotten(stranger));
    // Of two e-mails the one seen first names the profile, however late that becomes known.
    let graph = every_order(
        &defaults(),
        &[seen(3, "email:b cookie:c"), seen(2, "email:a cookie:c"), seen(1, "email:b")],
    );
    assert_eq!(get(&graph, "cookie:c"), of("email:b"));
}

#[test]
fn case_5_cannot_link_gives_back_what_one_observation_joined() {
    let world =
        [seen(0, "user_id:1 cookie:a"), seen(1, "email:e cookie:b"), seen(2, "user_id:1 email:e")];
    let mut graph_ = graph(&defaults(), &world);
    assert_eq!(get(&graph_, "cookie:b"), of("user_id:1"));
    let (a, b) = (Identifier::new("user_id", "1"), Identifier::new("email", "e"));
    graph_.cannot_link(&a, &b).expect("it makes sense");
    assert_eq!(get(&graph_, "cookie:a"), of("user_id:1"));
    assert_eq!(get(&graph_, "cookie:b"), of("email:e"));
    assert_eq!(attributed(&graph_, "user_id:1 email:e"), of("user_id:1"));
    assert!(matches!(graph_.explain(&a, &b), Explanation::Refused(_, Reason::CannotLink)));
    graph_.unlink(&a, &b).expect("it makes sense");
    assert_eq!(bytes(&graph_), bytes(&graph(&defaults(), &world)));
    // Where other links lie between, the walk decides, and the chain shows how.
    let mut rules = defaults();
    rules.cannot.insert((id("cookie", "x"), id("user_id", "1")));
    let graph = every_order(
        &rules,
        &[seen(0, "user_id:1 email:e"), seen(1, "email:e cookie:d"), seen(2, "cookie:d cookie:x")],
    );
    assert_eq!(get(&graph, "cookie:x"), of("cookie:x"));
    let why = graph.explain(&Identifier::new("user_id", "1"), &Identifier::new("cookie", "d"));
    let Explanation::Joined(chain) = why else { panic!("{why:?}") };
    let ends: Vec<_> = chain.iter().map(|link| (&*link.a.value, &*link.b.value)).collect();
    assert_eq!(ends, [("1", "e"), ("e", "d")]);
}

#[test]
fn case_6_the_rank_of_the_stronger_end_decides() {
    let world =
        [seen(0, "email:e cookie:c"), seen(1, "user_id:1 cookie:c"), seen(2, "user_id:2 email:e")];
    let graph = every_order(&defaults(), &world);
    assert_eq!(get(&graph, "cookie:c"), of("user_id:1"));
    assert_eq!(get(&graph, "email:e"), of("user_id:2"));
}

#[test]
fn case_7_many_cookies_are_one_person_and_a_shared_address_does_not_own_a_users_event() {
    let cookies: Vec<Seen> = (0..40).map(|i| seen(i, &format!("user_id:1 cookie:c{i}"))).collect();
    let graph_ = graph(&defaults(), &cookies);
    check(&graph_, &defaults(), &cookies);
    assert_eq!(graph_.profiles().len(), 1);
    let mut office: Vec<Seen> =
        (0..12).map(|i| seen(i, &format!("user_id:u{i} email:info@"))).collect();
    office.push(seen(20, "email:info@ cookie:k"));
    office.push(seen(21, "user_id:u3 cookie:k"));
    let graph_ = graph(&defaults(), &office);
    check(&graph_, &defaults(), &office);
    assert_eq!(attributed(&graph_, "email:info@ cookie:k"), of("user_id:u3"));
}

#[test]
fn case_8_claims_take_nothing_from_a_victim_in_any_order() {
    let victim = [seen(5, "user_id:v email:e"), seen(6, "user_id:v cookie:d")];
    let alone = graph(&defaults(), &victim);
    let attacks: [&[Seen]; 3] = [
        &[seen(0, "user_id:x email:e?")],
        &[seen(0, "cookie:c email:e?"), seen(9, "cookie:c user_id:x")],
        &[seen(0, "email:e? user_id:v?"), seen(1, "cookie:c user_id:v?"), seen(2, "email:e?")],
    ];
    for attack in attacks {
        let world = [&victim[..], attack].concat();
        let graph = every_order(&defaults(), &world);
        let profile = get(&graph, "user_id:v").expect("it was seen");
        assert_eq!(Some(profile), get(&alone, "user_id:v"));
        assert_eq!(graph.identifiers(profile), alone.identifiers(profile));
    }
    // Ten and more attackers do not make the address shared.
    let mut world = victim.to_vec();
    world.extend((0..15).map(|i| seen(i - 10, &format!("user_id:x{i} email:e?"))));
    for turn in 0..world.len() {
        let mut order = world.clone();
        order.rotate_left(turn);
        let graph_ = graph(&defaults(), &order);
        check(&graph_, &defaults(), &order);
        assert_eq!(get(&graph_, "email:e"), of("user_id:v"));
    }
    // An id handed out on a claim is not the victim's afterwards.
    let mut graph = empty(&defaults());
    graph.observe(&observation(&seen(0, "cookie:x email:e?"))).expect("it is fine");
    let handed_out = get(&graph, "cookie:x").expect("it was seen");
    graph.observe(&observation(&victim[0])).expect("it is fine");
    assert_eq!(graph.get(handed_out), Some(handed_out));
    assert_ne!(get(&graph, "email:e"), Some(handed_out));
}

#[test]
fn case_9_a_broken_clock_steals_no_cookie() {
    for broken in [-time(0), 8_000_000_000_000_000, i64::MAX - time(0)] {
        for owner in [Owner::First, Owner::Latest] {
            let rules = naive::Rules { owner, ..defaults() };
            let world = [seen(3, "user_id:1 cookie:c"), seen(broken, "user_id:2 cookie:c")];
            let graph = every_order(&rules, &world);
            assert_eq!(get(&graph, "cookie:c"), of("user_id:1"), "{broken}");
        }
    }
}

#[test]
fn case_10_all_orders_of_six_observations_agree() {
    let world = [
        seen(0, "user_id:1 email:e"),
        seen(1, "user_id:2 cookie:c"),
        seen(2, "email:e cookie:c"),
        seen(3, "cookie:c device:x"),
        seen(3, "device:x user_id:3"),
        seen(4, "email:f? user_id:3"),
    ];
    for owner in [Owner::First, Owner::Latest, Owner::Nobody] {
        check_all_orders(&naive::Rules { owner, ..defaults() }, &world);
    }
}

#[test]
fn a_weak_kind_attaches_to_one_person_and_joins_no_two() {
    let rules = naive::Rules { weak: BTreeSet::from(["device"]), ..defaults() };
    let world = [
        seen(0, "user_id:1 device:kiosk"),
        seen(1, "email:e device:kiosk"),
        seen(2, "cookie:c device:kiosk"),
    ];
    let graph = every_order(&rules, &world);
    assert_eq!(get(&graph, "device:kiosk"), of("user_id:1"));
    assert_eq!(get(&graph, "cookie:c"), of("user_id:1"));
    assert_eq!(get(&graph, "email:e"), of("email:e"));
    assert_eq!(graph.health().refused[0].2, Reason::Weak);
}

#[test]
fn contradictions_are_reported_and_cannot_link_wins() {
    let mut rules = defaults();
    rules.must.insert((id("cookie", "a"), id("cookie", "b")));
    rules.must.insert((id("cookie", "b"), id("cookie", "c")));
    rules.cannot.insert((id("cookie", "a"), id("cookie", "c")));
    rules.must.insert((id("cookie", "null"), id("cookie", "c")));
    let graph = every_order(&rules, &[seen(0, "cookie:a"), seen(1, "cookie:c")]);
    assert_ne!(get(&graph, "cookie:a"), get(&graph, "cookie:c"));
    let health = graph.health();
    let pairs: Vec<_> = health.contradictions.iter().map(|(a, b)| (&*a.value, &*b.value)).collect();
    assert_eq!(pairs, [("b", "c"), ("c", "null")]);
}

#[test]
fn a_must_link_ignores_limits_and_its_ends_count_as_one_value() {
    let mut rules = defaults();
    rules.must.insert((id("user_id", "1"), id("user_id", "2")));
    let graph = every_order(
        &rules,
        &[
            seen(0, "user_id:1 cookie:c"),
            seen(1, "user_id:2 cookie:c"),
            seen(2, "user_id:3 cookie:c"),
        ],
    );
    assert_eq!(get(&graph, "user_id:1"), get(&graph, "user_id:2"));
    assert_eq!(get(&graph, "user_id:3"), of("user_id:3"));
    let reason = &graph.health().refused[0].2;
    assert_eq!(*reason, Reason::Limit { kind: "user_id".into(), limit: 1, values: 2 });
}

#[test]
fn bridges_are_the_single_links_between_strong_identifiers() {
    let world = [
        seen(0, "user_id:1 cookie:a"),
        seen(1, "email:e cookie:a"),
        seen(2, "email:f user_id:1"),
        seen(3, "email:f cookie:a"),
    ];
    let graph = graph(&defaults(), &world);
    assert_eq!(graph.profiles().len(), 1);
    let health = graph.health();
    let bridges: Vec<_> = health.bridges.iter().map(|(a, b, _)| (&*a.value, &*b.value)).collect();
    assert_eq!(bridges, [("e", "a")]);
}

#[test]
fn diff_says_what_other_rules_would_split_and_merge() {
    let world = [seen(0, "user_id:1 cookie:c"), seen(1, "user_id:2 cookie:c"), seen(2, "email:x")];
    let graph = graph(&defaults(), &world);
    let loose =
        graph.diff(&rules(&defaults()).limit("user_id", usize::MAX)).expect("it makes sense");
    let user = |n: &str| profile_id("user_id", n);
    let mut both = vec![user("1"), user("2")];
    both.sort_unstable();
    assert_eq!(loose, [[both, vec![user("1")]]]);
    let none = graph.diff(&rules(&defaults()).hub("cookie", 1, "user_id")).expect("it makes sense");
    assert_eq!((none[0][0].len(), none[0][1].len()), (1, 2));
}

#[test]
fn the_key_changes_ids_and_marks_and_nothing_else() {
    let keyed = || IdentityGraph::new(Rules::default().key([9; 16])).expect("it makes sense");
    let login =
        Event::new("", Timestamp::from_millis(time(0))).id("user_id", "7").id("cookie", "c");
    let mut graph = keyed();
    graph.observe(&login).expect("it is fine");
    let id = graph.get(("user_id", "7")).expect("it was seen");
    assert_ne!(id, profile_id("user_id", "7"));
    assert_eq!(graph.get(("cookie", "c")), Some(id));
    assert_eq!(graph.get(id), Some(id));
    assert_eq!(graph.identifiers(id).len(), 2);
    graph.forget(id).unwrap();
    assert!(graph.get(id).is_none() && graph.is_forgotten(id));
    assert_eq!(graph.extend([&login]).suppressed, 1);
    let text = serde_json::to_string(&graph.snapshot()).expect("it can be written");
    let unkeyed = profile_id("user_id", "7").to_string();
    assert!(!text.contains(&unkeyed) && text.contains(&id.to_string()));
    assert!(graph.allow("user_id", "7") && !graph.allow("user_id", "7"));
    graph.allow("cookie", "c");
    assert_eq!(graph.extend([&login]).accepted, 1);
    let mut other = IdentityGraph::new(Rules::default()).expect("it makes sense");
    assert!(other.merge(&graph).is_err());
}

#[test]
fn merging_with_itself_doubles_counts_and_changes_no_profile() {
    let world = [seen(0, "user_id:1 cookie:c"), seen(1, "user_id:2 cookie:c")];
    let once = graph(&defaults(), &world);
    let mut twice = once.clone();
    twice.merge(&once).expect("the rules are the same");
    assert_eq!(twice.profiles(), once.profiles());
    assert_eq!(twice.health().observations, 4);
    twice.merge(&empty(&defaults())).expect("the rules are the same");
    assert_eq!(twice.health().refused, once.health().refused);
}

#[test]
fn what_the_forgotten_had_verified_makes_no_difference_once_they_are_forgotten() {
    let login = seen(0, "user_id:7 email:ann@mail.org");
    let claims = seen(0, "user_id:7? email:ann@mail.org?");
    let gone = ("user_id", "7");
    let none = defaults();
    let mut live = graph(&none, &[login.clone(), claims.clone()]);
    live.forget(gone).unwrap();
    let mut never = graph(&none, std::slice::from_ref(&claims));
    never.forget(gone).unwrap();
    let mut replayed = graph(&none, &[]);
    replayed.forget(gone).unwrap();
    replayed.extend([&observation(&login), &observation(&claims)]);
    for graph in [&live, &never, &replayed] {
        assert!(graph.profiles().is_empty() && graph.get(("email", "ann@mail.org")).is_none());
    }
}
