//! Identifiers seen together belong to one profile: connected components of identifiers.
//!
//! The distinct identifiers of an event are its *signature*; events of one signature always belong
//! to one profile. A profile is named by its *anchor*: the identifier of the strongest kind, then
//! the earliest first time, then the smallest value. Neither depends on the order of arrival.
//!
//! Cost: near-constant per event; memory O(identifiers + signatures).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use crate::num::union_find::UnionFind;
use crate::{Identifier, ProfileId, Refusal, Result, Rules, Timestamp};

/// Identifiers an honest event carries at most.
pub(crate) const MAX_IDENTIFIERS: usize = 20;

/// Bytes of a kind or a value at most.
pub(crate) const MAX_BYTES: usize = 1024;

/// An identifier and its place in its component.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
struct Node {
    identifier: Identifier<'static>,
    first_seen: Timestamp,
    /// The next member of the component; the last points to the first.
    next: u32,
    /// Of the root only: the node that names the component.
    anchor: u32,
    /// Signatures whose smallest node this is.
    signatures: Vec<u32>,
}

/// Who is who, as known so far.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Graph {
    rules: Rules,
    nodes: Vec<Node>,
    index: HashMap<Identifier<'static>, u32>,
    sets: UnionFind,
    n_profiles: usize,
    /// The nodes of every signature, ascending.
    signatures: Vec<Arc<[u32]>>,
    signature_index: HashMap<Arc<[u32]>, u32>,
}

/// A profile: its name, its identifiers by rank and value, its signatures ascending.
#[derive(Debug, Clone)]
pub(crate) struct Found<'g> {
    pub(crate) id: ProfileId,
    pub(crate) identifiers: Vec<&'g Identifier<'static>>,
    pub(crate) signatures: Vec<u32>,
}

impl Graph {
    pub(crate) fn new(rules: Rules) -> Result<Self> {
        rules.check()?;
        Ok(Self {
            rules,
            nodes: Vec::new(),
            index: HashMap::new(),
            sets: UnionFind::new(0),
            n_profiles: 0,
            signatures: Vec::new(),
            signature_index: HashMap::new(),
        })
    }

    /// Takes in what was seen together; the signature's number. A refusal changes nothing.
    pub(crate) fn observe(
        &mut self,
        identifiers: &[Identifier<'_>],
        at: Timestamp,
    ) -> std::result::Result<u32, Refusal> {
        let usable = self.check(identifiers, at)?;
        let mut signature: Vec<u32> = usable.into_iter().map(|id| self.node(id, at)).collect();
        signature.sort_unstable();
        signature.dedup();
        for &node in &signature {
            self.touch(node, at);
        }
        for &node in &signature[1..] {
            self.join(signature[0], node);
        }
        if let Some(&known) = self.signature_index.get(signature.as_slice()) {
            return Ok(known);
        }
        let new = self.signatures.len() as u32;
        self.nodes[signature[0] as usize].signatures.push(new);
        let signature: Arc<[u32]> = signature.into();
        self.signatures.push(Arc::clone(&signature));
        self.signature_index.insert(signature, new);
        Ok(new)
    }

    /// Orders signatures by their identifiers, whatever came first.
    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        let identifiers = |signature: u32| {
            let nodes = self.signatures[signature as usize].iter();
            let mut texts: Vec<_> =
                nodes.map(|&node| &self.nodes[node as usize].identifier).collect();
            texts.sort_unstable();
            texts
        };
        if a == b { Ordering::Equal } else { identifiers(a).cmp(&identifiers(b)) }
    }

    /// The profile of every signature.
    pub(crate) fn resolve(&self) -> Vec<ProfileId> {
        self.signatures.iter().map(|nodes| self.id(nodes[0])).collect()
    }

    /// The profile that holds an identifier.
    pub(crate) fn find(&self, kind: &str, value: &str) -> Option<Found<'_>> {
        let &start = self.index.get(&normalised(&Identifier::new(kind, value)))?;
        let (mut identifiers, mut signatures) = (Vec::new(), Vec::new());
        let mut node = start;
        loop {
            let member = &self.nodes[node as usize];
            identifiers.push(&member.identifier);
            signatures.extend_from_slice(&member.signatures);
            node = member.next;
            if node == start {
                break;
            }
        }
        identifiers.sort_by_key(|id| (self.rules.rank(&id.kind), &id.value));
        signatures.sort_unstable();
        Some(Found { id: self.id(start), identifiers, signatures })
    }

    /// Number of profiles.
    pub(crate) fn n_profiles(&self) -> usize {
        self.n_profiles
    }

    /// The identifiers of an acceptable event, normalised. Blank ones say nothing and are passed
    /// over: they would join everyone.
    fn check<'i>(
        &self,
        identifiers: &'i [Identifier<'_>],
        at: Timestamp,
    ) -> std::result::Result<Vec<Identifier<'i>>, Refusal> {
        let (min, max) = self.rules.clock_range();
        if at < min || at > max {
            return Err(Refusal::OutsideClock { at, min, max });
        }
        if identifiers.len() > MAX_IDENTIFIERS {
            let got = identifiers.len();
            return Err(Refusal::TooManyIdentifiers { got, limit: MAX_IDENTIFIERS });
        }
        let usable: Vec<Identifier<'i>> = identifiers
            .iter()
            .map(normalised)
            .filter(|id| !id.kind.is_empty() && !id.value.is_empty())
            .collect();
        if let Some(bytes) =
            usable.iter().map(|id| id.kind.len().max(id.value.len())).find(|&n| n > MAX_BYTES)
        {
            return Err(Refusal::IdentifierTooLong { bytes, limit: MAX_BYTES });
        }
        if usable.is_empty() { Err(Refusal::NoIdentifier) } else { Ok(usable) }
    }

    /// The node of an identifier, made if it is new.
    fn node(&mut self, identifier: Identifier<'_>, at: Timestamp) -> u32 {
        if let Some(&node) = self.index.get(&identifier) {
            return node;
        }
        let node = self.sets.push() as u32;
        let identifier =
            Identifier::new(identifier.kind.into_owned(), identifier.value.into_owned());
        self.index.insert(identifier.clone(), node);
        let signatures = Vec::new();
        self.nodes.push(Node { identifier, first_seen: at, next: node, anchor: node, signatures });
        self.n_profiles += 1;
        node
    }

    /// An earlier first time can make a node its component's anchor.
    fn touch(&mut self, node: u32, at: Timestamp) {
        let first_seen = &mut self.nodes[node as usize].first_seen;
        *first_seen = at.min(*first_seen);
        let root = self.sets.find(node as usize);
        self.nodes[root].anchor = self.stronger(self.nodes[root].anchor, node);
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.sets.find(a as usize), self.sets.find(b as usize));
        if !self.sets.union(a, b) {
            return;
        }
        let anchor = self.stronger(self.nodes[a].anchor, self.nodes[b].anchor);
        self.nodes[a.min(b)].anchor = anchor;
        // Swapping the successors of one member each joins two rings.
        let next = self.nodes[a].next;
        self.nodes[a].next = self.nodes[b].next;
        self.nodes[b].next = next;
        self.n_profiles -= 1;
    }

    /// Which of two nodes names their component.
    fn stronger(&self, a: u32, b: u32) -> u32 {
        let key = |node: u32| {
            let Node { identifier, first_seen, .. } = &self.nodes[node as usize];
            (self.rules.rank(&identifier.kind), *first_seen, &identifier.value)
        };
        if key(b) < key(a) { b } else { a }
    }

    fn id(&self, node: u32) -> ProfileId {
        let anchor = self.nodes[self.sets.root(node as usize)].anchor;
        let identifier = &self.nodes[anchor as usize].identifier;
        ProfileId::of(&identifier.kind, &identifier.value)
    }
}

/// Blanks around kind and value are cut; e-mail addresses are compared in ASCII lower case.
/// Letters outside ASCII are left alone: folding them has given away accounts.
fn normalised<'i>(identifier: &'i Identifier<'_>) -> Identifier<'i> {
    let (kind, value) = (identifier.kind.trim(), identifier.value.trim());
    if kind == "email" && value.bytes().any(|b| b.is_ascii_uppercase()) {
        return Identifier { kind: kind.into(), value: Cow::Owned(value.to_ascii_lowercase()) };
    }
    Identifier { kind: kind.into(), value: value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(1_500_000_000_000 + day * 86_400_000)
    }

    /// A graph of events such as `"card:1 email:a@x"`, one a day.
    fn graph(events: &[&str]) -> Graph {
        let mut graph = Graph::new(Rules::default()).unwrap();
        for (day, event) in events.iter().enumerate() {
            graph.observe(&identifiers(event), at(day as i64)).unwrap();
        }
        graph
    }

    fn identifiers(event: &str) -> Vec<Identifier<'_>> {
        event
            .split_whitespace()
            .filter_map(|id| id.split_once(':'))
            .map(|(kind, value)| Identifier::new(kind, value))
            .collect()
    }

    fn members(graph: &Graph, kind: &str, value: &str) -> Vec<String> {
        let found = graph.find(kind, value).unwrap();
        found.identifiers.iter().map(|id| format!("{}:{}", id.kind, id.value)).collect()
    }

    #[test]
    fn a_chain_of_common_identifiers_is_one_profile() {
        let graph = graph(&["cookie:c email:A@x.org", "cookie:d", "email:a@X.ORG cookie:d"]);
        assert_eq!(members(&graph, "cookie", " c "), ["email:a@x.org", "cookie:c", "cookie:d"]);
        assert_eq!(graph.n_profiles(), 1);
        let id = ProfileId::of("email", "a@x.org");
        assert_eq!(graph.resolve(), [id; 3]);
        assert!(graph.find("cookie", "e").is_none());
    }

    #[test]
    fn the_anchor_is_the_strongest_then_the_earliest_then_the_smallest() {
        let name = |events: &[&str]| graph(events).resolve()[0];
        assert_eq!(name(&["cookie:1 user_id:9"]), ProfileId::of("user_id", "9"));
        assert_eq!(name(&["card:2", "card:1 card:2"]), ProfileId::of("card", "2"));
        assert_eq!(name(&["card:2 card:1"]), ProfileId::of("card", "1"));
        // A late event makes card 1 the earlier one.
        let mut graph = graph(&["card:2", "card:1 card:2"]);
        graph.observe(&identifiers("card:1"), at(-5)).unwrap();
        assert_eq!(graph.resolve(), [ProfileId::of("card", "1"); 3]);
    }

    #[test]
    fn a_refusal_changes_nothing() {
        let mut graph = graph(&["card:1 email:a@x", "card:2"]);
        let before = graph.clone();
        let long = "x".repeat(MAX_BYTES + 1);
        let many = vec![Identifier::new("card", "3"); MAX_IDENTIFIERS + 1];
        let good = identifiers("card:3");
        let cases = [
            (vec![], at(0)),
            (vec![Identifier::new("card", "  "), Identifier::new(" ", "1")], at(0)),
            (vec![Identifier::new("card", "3"), Identifier::new("card", long.as_str())], at(0)),
            (many, at(0)),
            (good.clone(), Timestamp::from_millis(0)),
            (good.clone(), Timestamp::from_millis(i64::MAX)),
        ];
        for (bad, at) in cases {
            assert!(graph.observe(&bad, at).is_err(), "{}", bad.len());
            assert!(graph == before);
        }
        assert!(graph.observe(&good, at(0)).is_ok() && graph != before);
    }

    #[test]
    fn blank_identifiers_join_nobody() {
        let mut graph = Graph::new(Rules::default()).unwrap();
        for card in ["1", "2"] {
            let ids = [Identifier::new("card", card), Identifier::new("email", " ")];
            graph.observe(&ids, at(0)).unwrap();
        }
        assert_eq!(graph.n_profiles(), 2);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn the_order_of_arrival_does_not_matter(
            world in proptest::collection::vec(
                (proptest::collection::vec((0usize..3, 0u8..4), 1..4), 0i64..3), 1..12),
            turn in 0usize..12,
        ) {
            let kinds = ["user_id", "card", "email"];
            let play = |world: &[(Vec<(usize, u8)>, i64)]| {
                let mut graph = Graph::new(Rules::default()).unwrap();
                for (ids, day) in world {
                    let ids: Vec<_> = ids.iter()
                        .map(|&(kind, value)| Identifier::new(kinds[kind], value.to_string()))
                        .collect();
                    graph.observe(&ids, at(*day)).unwrap();
                }
                let mut profiles = Vec::new();
                for kind in kinds {
                    for value in 0..4 {
                        let found = graph.find(kind, &value.to_string());
                        profiles.push(found.map(|found| (found.id, found.identifiers.into_iter().cloned().collect::<Vec<_>>())));
                    }
                }
                (profiles, graph.n_profiles())
            };
            let mut other = world.clone();
            other.reverse();
            let n = other.len();
            other.rotate_left(turn % n);
            proptest::prop_assert_eq!(play(&world), play(&other));
        }
    }
}
