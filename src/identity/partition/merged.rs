//! The profiles of one component, and how further evidence extends them.
//!
//! Most evidence changes no earlier decision of a constrained merge. Then the merge is extended, and
//! equals that of all evidence:
//!
//! - **A new identifier that no limit counts and that is not strong** joins the profile of its link. It adds
//!   nothing that a rule reads, so it cannot be refused, and no other decision sees it.
//! - **A new identifier that is counted** joins if the whole profile stays within the limit: then every
//!   union that was taken is still within it. A refused link stays refused; so that its reason stays too,
//!   all refusals must be by the strongest limit or a cannot-link.
//! - **A link between two profiles** is refused if each of its ends had a value of the strongest kind, of
//!   which a person has one, when its turn came: its own, or that of a neighbour by an earlier link.
//!   So is that of a new identifier of this kind.
//! - **A link within a profile** changes nothing if an earlier link, or two, connect its ends.
//!
//! Everything else is decided again, at the next read. Cost of an extension: a few look-ups. An end with
//! more than [`MAX_LINKS`] links where one of them must be found counts as undecided.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::super::evidence::flag;
use super::basis::Basis;
use super::edges::{Edge, compare_edges};
use super::reason::Reason;

/// Links of a node that are looked through.
const MAX_LINKS: usize = 64;

/// The profiles of one component.
#[derive(Debug, Clone)]
pub(crate) struct MergedComponent {
    /// The members of the component when it was merged, ascending.
    members: Vec<u32>,
    /// The cluster of every such member.
    cluster: Vec<u32>,
    /// The clusters of members that came later.
    late: HashMap<u32, u32>,
    /// The later members of clusters.
    late_of: HashMap<u32, Vec<u32>>,
    /// The members by cluster, and where each cluster's end.
    grouped: Vec<u32>,
    ends: Vec<u32>,
    /// The node that names every cluster.
    names: Vec<u32>,
    /// Values per limited kind of every cluster, end to end.
    counts: Vec<u32>,
    /// Whether a cluster has an end of a cannot-link.
    has_enemies: Vec<bool>,
    /// The links that joined two clusters: a forest.
    taken: Vec<Edge>,
    /// The taken links of every member, by place in `members`, and where each one's end.
    links: Vec<u32>,
    link_ends: Vec<u32>,
    late_links: HashMap<u32, Vec<u32>>,
    /// The links between two profiles.
    refused: Vec<(Edge, Reason)>,
    has_manual: bool,
    /// Whether every refusal is by the strongest limit or a cannot-link.
    is_plain: bool,
}

/// The places of values grouped by a key below `n`: values, and where those of each key end.
fn grouped(n: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> (Vec<u32>, Vec<u32>) {
    let mut ends = vec![0u32; n];
    pairs.clone().for_each(|(key, _)| ends[key as usize] += 1);
    let mut sum = 0;
    for end in &mut ends {
        let count = std::mem::replace(end, sum);
        sum += count;
    }
    let mut values = vec![0; sum as usize];
    for (key, value) in pairs {
        let place = &mut ends[key as usize];
        values[*place as usize] = value;
        *place += 1;
    }
    (values, ends)
}

fn group<'g>(values: &'g [u32], ends: &[u32], key: usize) -> &'g [u32] {
    let start = if key == 0 { 0 } else { ends[key - 1] as usize };
    &values[start..ends[key] as usize]
}

impl MergedComponent {
    pub(super) fn new(
        members: Vec<u32>,
        cluster: Vec<u32>,
        names: Vec<u32>,
        (taken, refused): (Vec<Edge>, Vec<(Edge, Reason)>),
        (counts, has_enemies): (Vec<u32>, Vec<bool>),
        basis: Basis<'_>,
    ) -> Self {
        let by_cluster = cluster.iter().copied().zip(members.iter().copied());
        let (in_groups, ends) = grouped(names.len(), by_cluster);
        let place = |node: u32| members.binary_search(&node).map_or(0, |place| place as u32);
        let places: Vec<[u32; 2]> =
            taken.iter().map(|edge| [place(edge.a.0), place(edge.b.0)]).collect();
        let at_ends = places.iter().zip(0..).flat_map(|(ends, i)| ends.map(|end| (end, i)));
        let (links, link_ends) = grouped(members.len(), at_ends);
        let first = basis.policy.kinds().limited().first();
        let first = first.map(|&kind| &*basis.policy.kinds().get(kind).name);
        let is_plain = |reason: &Reason| match reason {
            Reason::CannotLink => true,
            Reason::Limit { kind, .. } => Some(kind.as_str()) == first,
            Reason::Claimed | Reason::Weak => false,
        };
        Self {
            has_manual: taken
                .iter()
                .chain(refused.iter().map(|(edge, _)| edge))
                .any(|e| e.manual || e.alias),
            is_plain: refused.iter().all(|(_, reason)| is_plain(reason)),
            members,
            cluster,
            late: HashMap::new(),
            late_of: HashMap::new(),
            grouped: in_groups,
            ends,
            names,
            counts,
            has_enemies,
            taken,
            links,
            link_ends,
            late_links: HashMap::new(),
            refused,
        }
    }

    pub(super) fn n_clusters(&self) -> usize {
        self.names.len()
    }

    fn find(&self, node: u32) -> Option<u32> {
        let known = self.members.binary_search(&node).ok().map(|place| self.cluster[place]);
        known.or_else(|| self.late.get(&node).copied())
    }

    fn cluster_of(&self, node: u32) -> u32 {
        self.find(node).expect("a merge covers its whole component")
    }

    /// The node that names the profile of a member.
    pub(crate) fn name_of(&self, node: u32) -> u32 {
        self.names[self.cluster_of(node) as usize]
    }

    /// The members of a member's profile.
    pub(super) fn members_of(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let cluster = self.cluster_of(node);
        // A cluster that came later has only later members.
        let is_old = (cluster as usize) < self.ends.len();
        let old = if is_old { group(&self.grouped, &self.ends, cluster as usize) } else { &[] };
        old.iter().chain(self.late_of.get(&cluster).into_iter().flatten()).copied()
    }

    /// The links that joined two clusters.
    pub(crate) fn taken(&self) -> &[Edge] {
        &self.taken
    }

    /// The links between two profiles, with the reasons; those of the merge in its order, then later
    /// ones.
    pub(crate) fn refused(&self) -> &[(Edge, Reason)] {
        &self.refused
    }

    // Extension.

    /// Lets a member name its profile, if it is better than the one that does.
    pub(super) fn offer(&mut self, node: u32, basis: Basis<'_>) {
        let cluster = self.cluster_of(node) as usize;
        let best = &mut self.names[cluster];
        if *best != node && basis.name_order(node, *best).is_lt() {
            *best = node;
        }
    }

    /// Adds links of one signature, of which at least one end is a member, and the others are alone
    /// or members. Returns whether that is certain to change no earlier decision; if not, the merge
    /// is not true any more.
    pub(super) fn extend(&mut self, mut edges: Vec<Edge>, basis: Basis<'_>) -> bool {
        // All links have the anchor in common: if it is new, the first link makes it a member.
        edges.sort_by_key(|edge| {
            [edge.a.0, edge.b.0].iter().any(|&end| self.find(end).is_none())
                && [edge.a.0, edge.b.0].iter().all(|&end| self.find(end).is_none())
        });
        edges.into_iter().all(|edge| self.add(edge, basis))
    }

    fn add(&mut self, edge: Edge, basis: Basis<'_>) -> bool {
        match (self.find(edge.a.0), self.find(edge.b.0)) {
            (Some(a), Some(b)) if a == b => self.is_redundant(&edge, basis),
            (Some(a), Some(b)) => {
                let are_enemies = self.has_enemies[a as usize] && self.has_enemies[b as usize];
                let is_refused = !are_enemies && self.is_over_first_limit(&edge, basis);
                if is_refused {
                    self.refuse(edge, basis);
                }
                is_refused
            }
            (Some(cluster), None) => self.add_leaf(edge, edge.b.0, cluster, basis),
            (None, Some(cluster)) => self.add_leaf(edge, edge.a.0, cluster, basis),
            (None, None) => false,
        }
    }

    /// Adds an identifier that was alone, by its only link.
    fn add_leaf(&mut self, edge: Edge, leaf: u32, cluster: u32, basis: Basis<'_>) -> bool {
        if basis.evidence.nodes().has(leaf, flag::MUST | flag::CANNOT) {
            return false;
        }
        let counter = basis.counter(leaf).map(usize::from);
        if counter.is_none() && !basis.is_strong(leaf) {
            self.attach(edge, leaf, cluster, basis);
            return true;
        }
        if self.has_manual || basis.policy.rules().has_weak() {
            return false;
        }
        if counter == Some(0) && self.is_over_first_limit(&edge, basis) {
            self.add_cluster(leaf, basis);
            self.refuse(edge, basis);
            return true;
        }
        let kinds = basis.policy.kinds();
        let n_limited = kinds.limited().len();
        let is_within = counter.is_none_or(|counter| {
            let limit = kinds.limit_of_counter(counter);
            let count = self.counts[cluster as usize * n_limited + counter] as usize;
            count < limit && (counter > 0 || limit == 1)
        });
        if !is_within || !self.is_plain {
            return false;
        }
        self.attach(edge, leaf, cluster, basis);
        if let Some(counter) = counter {
            self.counts[cluster as usize * n_limited + counter] += 1;
        }
        true
    }

    fn attach(&mut self, edge: Edge, leaf: u32, cluster: u32, basis: Basis<'_>) {
        self.late.insert(leaf, cluster);
        self.late_of.entry(cluster).or_default().push(leaf);
        let place = self.taken.len() as u32;
        self.taken.push(edge);
        for end in [edge.a.0, edge.b.0] {
            self.late_links.entry(end).or_default().push(place);
        }
        self.offer(leaf, basis);
    }

    /// Adds an identifier as a profile of its own.
    fn add_cluster(&mut self, leaf: u32, basis: Basis<'_>) {
        let cluster = self.names.len() as u32;
        self.names.push(leaf);
        self.has_enemies.push(false);
        let start = self.counts.len();
        self.counts.resize(start + basis.policy.kinds().limited().len(), 0);
        if let Some(counter) = basis.counter(leaf) {
            self.counts[start + usize::from(counter)] = 1;
        }
        self.late.insert(leaf, cluster);
        self.late_of.insert(cluster, vec![leaf]);
    }

    /// Records a link that two values of the strongest kind keep from being taken.
    fn refuse(&mut self, edge: Edge, basis: Basis<'_>) {
        let kinds = basis.policy.kinds();
        let kind = kinds.limited().first().map(|&kind| kinds.get(kind).name.to_string());
        let reason = Reason::Limit { kind: kind.unwrap_or_default(), limit: 1, values: 2 };
        self.refused.push((edge, reason));
    }

    /// Whether both ends of a link had a value of the strongest kind when its turn came, of which a
    /// person has one.
    fn is_over_first_limit(&self, edge: &Edge, basis: Basis<'_>) -> bool {
        let kinds = basis.policy.kinds();
        let Some(&first) = kinds.limited().first() else { return false };
        if self.has_manual || kinds.get(first).limit != 1 {
            return false;
        }
        [edge.a.0, edge.b.0].into_iter().all(|end| {
            basis.kind(end) == first
                || self
                    .links_before(end, edge, basis)
                    .is_some_and(|mut links| links.any(|link| basis.kind(link.other(end)) == first))
        })
    }

    /// Whether taken links before this one connect its ends, directly or by one node between.
    fn is_redundant(&self, edge: &Edge, basis: Basis<'_>) -> bool {
        let ends = [edge.a.0, edge.b.0];
        let few = if self.n_links(ends[0]) <= self.n_links(ends[1]) { 0 } else { 1 };
        let (near, far) = (ends[few], ends[1 - few]);
        let is_direct = |from: u32| {
            let links = self.links_before(from, edge, basis);
            links.is_some_and(|mut links| links.any(|link| link.other(from) == far))
        };
        is_direct(near)
            || self.links_before(near, edge, basis).is_some_and(|mut links| {
                links.any(|link| {
                    let between = link.other(near);
                    let (from, to) = match self.n_links(between) <= self.n_links(far) {
                        true => (between, far),
                        false => (far, between),
                    };
                    let links = self.links_before(from, edge, basis);
                    links.is_some_and(|mut links| links.any(|link| link.other(from) == to))
                })
            })
    }

    fn own_links(&self, node: u32) -> (&[u32], &[u32]) {
        let old = match self.members.binary_search(&node) {
            Ok(place) => group(&self.links, &self.link_ends, place),
            Err(_) => &[],
        };
        (old, self.late_links.get(&node).map_or(&[], Vec::as_slice))
    }

    fn n_links(&self, node: u32) -> usize {
        let (old, late) = self.own_links(node);
        old.len() + late.len()
    }

    /// The taken links of a node that come before a link; `None` if they are too many to look through.
    fn links_before<'m>(
        &'m self,
        node: u32,
        edge: &'m Edge,
        basis: Basis<'m>,
    ) -> Option<impl Iterator<Item = &'m Edge>> {
        let (old, late) = self.own_links(node);
        let is_before = move |link: &&Edge| compare_edges(link, edge, basis) != Ordering::Greater;
        let links = old.iter().chain(late).map(|&place| &self.taken[place as usize]);
        (old.len() + late.len() <= MAX_LINKS).then(|| links.filter(is_before))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::{IdentityGraph, Owner, Rules};
    use crate::{Event, Identifier, Timestamp};

    /// Rules under which everything that can part people occurs.
    fn rules(i: usize) -> Rules {
        let rules = Rules::default();
        match i {
            0 => rules,
            1 => rules.owner(Owner::Latest),
            2 => rules.limit("card", 2).limit("email", 2),
            3 => rules.weak("device"),
            4 => rules.hub("cookie", 2, "user_id").limit("email", usize::MAX),
            5 => rules.limit("user_id", 2).limit("card", 1),
            _ => rules.owner(Owner::Nobody).priority(["email", "user_id"]).limit("email", 1),
        }
    }

    fn identifiers() -> impl Strategy<Value = Vec<(&'static str, u8, bool)>> {
        let kind = prop::sample::select(vec![
            "user_id", "user_id", "email", "card", "device", "cookie", "cookie", "cookie",
        ]);
        let one = (kind, 0u8..7, prop::bool::weighted(0.1));
        prop::collection::vec(one, 1..4)
    }

    /// What a graph says: profiles of everybody, refused links, contradictions.
    fn state(graph: &IdentityGraph) -> impl PartialEq + std::fmt::Debug + use<> {
        let health = graph.health();
        let refused: Vec<String> =
            health.refused.iter().map(|(a, b, why)| format!("{a:?} {b:?} {why}")).collect();
        let members: Vec<String> = graph
            .profiles()
            .iter()
            .map(|id| format!("{id} {:?}", graph.identifiers(*id)))
            .collect();
        (members, refused, health.contradictions.len(), graph.n_profiles(), health.sizes)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_extended_merge_is_the_merge_of_all_evidence(
            which in 0usize..7,
            is_ordered in prop::bool::ANY,
            steps in prop::collection::vec((identifiers(), 0i64..40, 0u8..24), 1..40),
        ) {
            let mut graph = IdentityGraph::new(rules(which)).unwrap();
            for (i, (ids, at, act)) in steps.iter().enumerate() {
                let at = 1_600_000_000_000 + if is_ordered { i as i64 } else { *at };
                let mut event = Event::new("", Timestamp::from_millis(at));
                for (kind, value, claimed) in ids {
                    let identifier = Identifier::new(*kind, format!("v{value}"));
                    event.identifiers.push(Identifier { claimed: *claimed, ..identifier });
                }
                let ends = [(0u8, 3u8), (1, 2)].map(|(a, b)| {
                    ["cookie", "user_id"].map(|kind| {
                        Identifier::new(kind, format!("v{}", if kind == "cookie" { a } else { b }))
                    })
                });
                match act {
                    0 => drop(graph.cannot_link(&ends[0][0], &ends[0][1])),
                    1 => drop(graph.must_link(&ends[1][0], &ends[1][1])),
                    2 => drop(graph.unlink(&ends[0][0], &ends[0][1])),
                    _ => drop(graph.observe(&event)),
                }
                let again = IdentityGraph::from_state(graph.state().merged_again());
                prop_assert_eq!(state(&graph), state(&again), "after step {}", i);
            }
        }
    }

    /// The two worlds whose merges cost their size at every question before they were extended.
    fn worlds(n: usize) -> [IdentityGraph; 2] {
        let at = Timestamp::from_millis(1_500_000_000_000);
        let seen = |user: String, cookie: String| {
            Event::new("", at).id("user_id", user).id("cookie", cookie)
        };
        let new = || IdentityGraph::new(Rules::default()).unwrap();
        let (mut chain, mut hub) = (new(), new());
        let links = (1..=n).flat_map(|i| [0, 1].map(|side| (i + side, i)));
        let events: Vec<_> = links.map(|(u, c)| seen(format!("u{u}"), format!("c{c}"))).collect();
        chain.extend(&events);
        let events: Vec<_> = (1..=n).map(|i| seen("u5".into(), format!("c{i}"))).collect();
        hub.extend(&events);
        hub.cannot_link(&Identifier::new("cookie", "c1"), &Identifier::new("cookie", "c2"))
            .unwrap();
        [chain, hub]
    }

    #[test]
    fn a_component_in_which_a_rule_bites_is_not_merged_again_for_what_changes_no_decision() {
        for mut graph in worlds(300) {
            let _ = graph.n_profiles();
            assert_eq!(graph.state().n_merges(), 1);
            for i in 0..200i64 {
                let at = Timestamp::from_millis(1_500_000_000_001 + i);
                let event = match i % 5 {
                    // A new user on a known cookie, a repeat, and new cookies of a known user.
                    0 => Event::new("", at)
                        .id("user_id", format!("n{i}"))
                        .id("cookie", format!("c{}", 3 + i)),
                    1 => Event::new("", at).id("user_id", "u5").id("cookie", "c5"),
                    _ => Event::new("", at).id("user_id", "u5").id("cookie", format!("n{i}")),
                };
                graph.observe(&event).unwrap();
                // Nothing is left to be merged.
                assert_eq!(graph.state().n_merges(), 1, "{i}");
            }
            let again = IdentityGraph::from_state(graph.state().merged_again());
            assert_eq!(state(&graph), state(&again));
        }
    }
}
