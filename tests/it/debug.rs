//! Logs tell nobody who people are: `Debug` of what a store makes prints no identifier, unless the type is
//! made to tell identifiers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use personas::features::{EventFilter, Feature, Funnel, Measure};
use personas::journey::Paths;
use personas::profiles::StoreOptions;
use personas::{Event, FeatureSet, Identifier, IdentityGraph, Profiles, Rules, Timestamp};

/// What tells identifiers, because that is what it is for; and their parts.
const TELLS: &[&str] = &[
    "Calls", // of `Event`s
    "ColumnData",
    "Event",
    "EventColumns",
    "Explanation",
    "Export",
    "Forgotten",
    "Health",
    "Identifier",
    "Link",    // of an `Explanation`
    "Reason",  // of an `Explanation`
    "Seen",    // of an `Export`
    "Subject", // names whom a question is about
    "Value",
];

/// What the caller makes, of names of properties, kinds and numbers.
const SETTINGS: &[&str] = &["Owner", "Paths", "Received", "StoreOptions", "Timestamp"];

/// A text that is in every identifier, and nowhere else.
const MARK: &str = "ann-of-thebes";

fn printed() -> BTreeMap<&'static str, String> {
    let at = |day: &str| Timestamp::parse(day).unwrap();
    let name = |kind: &'static str, n: u8| Identifier::new(kind, format!("{MARK}-{n}"));
    let visit = |day: &str| Event::new("visit", at(day)).property("page", "/a");
    let mut rules = Rules::default().key([7; 16]);
    rules.aliases = true;
    let features = FeatureSet::default()
        .with(Feature::new("visits", Measure::Count).on("visit"))
        .with(Feature::new("page", Measure::MostFrequent("page".into())));
    let keep = ["@hour".into()].into();
    let options = StoreOptions { dedupe: true, changes: Some(9), keep, ..StoreOptions::default() };
    let mut people = Profiles::with_options(rules, features, options).unwrap();
    let card = |n: u8| format!("{MARK}-{n}");
    let events: Vec<Event<'_>> = (1..9)
        .map(|n| visit("2017-03-01").id("card", card(n)).id("cookie", card(n)).message_id(card(n)))
        .collect();
    people.extend(&events);
    let report = people.extend([
        &visit("2017-03-01"),
        &visit("2017-03-01").id("card", card(1)).id("card", card(2)),
        &visit("2017-03-01").id("card", format!("{MARK}\n1")),
        &visit("2017-03-02").id("card", card(1)).message_id(card(1)),
    ]);
    people.must_link(&name("card", 1), &name("email", 2)).unwrap();
    people.cannot_link(&name("card", 1), &name("card", 3)).unwrap();
    let unlinked = [name("user_id", 1), name("user_id", 2)];
    people.unlink(&unlinked[0], &unlinked[1]).unwrap();
    let next = visit("2017-03-03").id("card", card(1));
    let observed = people.observe_as_of(&next, at("2017-03-04")).unwrap();
    let refusal =
        people.observe(&visit("2017-03-01").id("card", format!("{MARK}\n1"))).unwrap_err();
    people.forget(("cookie", &*card(8))).unwrap();
    let changes = people.changes(0, 9).unwrap();
    let ann = people.get(("card", &*card(1))).unwrap();
    let funnel = Funnel::new(["visit", "visit"]);
    let as_of = at("2017-03-04");
    let paths = Paths::default();
    let all = |_: personas::ProfileId| true;
    let show = |thing: &dyn Debug| format!("{thing:#?}");
    let mut graph = IdentityGraph::new(people.identity().rules().clone()).unwrap();
    graph.observe(&events[0]).unwrap();
    BTreeMap::from([
        ("Change", show(&changes.profiles[0].1)),
        ("Changes", show(&changes)),
        ("Counted", show(&report.refused)),
        ("FeatureTable", show(&people.features(as_of).unwrap())),
        ("FunnelReport", show(&people.funnel(&funnel, as_of, all).unwrap())),
        ("FunnelStep", show(&people.funnel(&funnel, as_of, all).unwrap().steps)),
        ("IdentityGraph", show(&graph)),
        ("IngestReport", show(&report)),
        ("Memory", show(&people.memory())),
        ("Observed", show(&observed)),
        ("PathReport", show(&people.paths(&paths, as_of, all).unwrap())),
        ("PeakReport", show(&people.peaks("@hour", &EventFilter::default(), as_of, all).unwrap())),
        ("Profile", show(&ann)),
        ("ProfileId", show(&ann.id)),
        ("Profiles", show(&people)),
        ("Refusal", show(&refusal)),
        ("Rules", show(people.identity().rules())),
        ("Snapshot", show(&people.identity().snapshot())),
        ("Tally", show(&people.paths(&paths, as_of, all).unwrap().starts)),
    ])
}

#[test]
fn no_identifier_is_printed_by_what_is_not_made_to_tell_it() {
    for (what, text) in printed() {
        assert!(!text.contains(MARK), "{what}: {text}");
        assert!(!text.is_empty());
    }
}

#[test]
fn every_public_type_that_people_are_stored_in_is_looked_at() {
    let mut known: BTreeSet<String> =
        TELLS.iter().chain(SETTINGS).map(|name| (*name).into()).collect();
    known.extend(printed().into_keys().map(String::from));
    for room in ["event", "identity", "profiles", "journey", "segment"] {
        for name in crate::api::public_types(room) {
            assert!(known.contains(&name), "{room}: {name} is new; print one here");
        }
    }
}
