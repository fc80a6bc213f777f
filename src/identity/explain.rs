//! Why two identifiers are one person, and why they are not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::aliases;
use super::evidence::{flag, node_of, slot};
use super::partition::{
    Basis, Edge, End, MergedComponent, Reason, compare_edges, edges_among, futile_edges, sort_edges,
};
use super::state::State;
use crate::{Identifier, Timestamp};

/// Evidence that two identifiers are one person's: all observations that say so, together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<'g> {
    /// One end; `claimed` says how it was observed here.
    pub a: Identifier<'g>,
    /// The other.
    pub b: Identifier<'g>,
    /// Whether it is a must-link.
    pub manual: bool,
    /// Whether it is the link of an [alias](crate::identity#aliases); times, count and messages are those
    /// of the alias calls.
    pub alias: bool,
    /// Earliest time, if any lies within the clock.
    pub first: Option<Timestamp>,
    /// Latest time, if any lies within the clock.
    pub last: Option<Timestamp>,
    /// Observations.
    pub count: u64,
    /// The first message id of each set of identifiers that contains this link, in order of time.
    pub message_ids: Vec<&'g str>,
}

/// Why two identifiers are one person's, or why they are not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Explanation<'g> {
    /// They are one person's by these links, from the first to the second; empty if they are the same
    /// identifier.
    Joined(Vec<Link<'g>>),
    /// One of them is not known.
    Unknown,
    /// This one is blocked: its value is a placeholder.
    Blocked(Identifier<'g>),
    /// A link that would bring them together was refused. If several lie between them, this is
    /// the nearest to the first.
    Refused(Link<'g>, Reason),
    /// Both were seen with this identifier, but too many people share it.
    Shared(Identifier<'g>),
    /// No observation connects them.
    Apart,
}

/// The chain of links that joins two nodes of one profile.
fn chain(state: &State, a: u32, b: u32) -> Vec<Link<'_>> {
    // In a constrained merge only the links that joined clusters are certain to join them again.
    let edges = match state.merged(a) {
        Some(merged) => merged.taken().to_vec(),
        None => edges_among(&state.members_of(a), state.basis()),
    };
    let path = path(edges, a, b, state.basis()).unwrap_or_default();
    path.into_iter().map(|edge| link(state, &edge)).collect()
}

/// The shortest chain of links; among equals, that of links taken earlier.
fn path(mut edges: Vec<Edge>, a: u32, b: u32, basis: Basis<'_>) -> Option<Vec<Edge>> {
    sort_edges(&mut edges, basis);
    let mut at: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, edge) in edges.iter().enumerate() {
        at.entry(edge.a.0).or_default().push(i);
        at.entry(edge.b.0).or_default().push(i);
    }
    let mut from: BTreeMap<u32, usize> = BTreeMap::new();
    let mut open = VecDeque::from([a]);
    while let Some(node) = open.pop_front() {
        if node == b {
            break;
        }
        for &i in at.get(&node).into_iter().flatten() {
            let other = edges[i].other(node);
            if other != a && !from.contains_key(&other) {
                from.insert(other, i);
                open.push_back(other);
            }
        }
    }
    let (mut path, mut node) = (Vec::new(), b);
    while node != a {
        let edge = edges[*from.get(&node)?];
        path.push(edge);
        node = edge.other(node);
    }
    path.reverse();
    Some(path)
}

/// Why two identifiers are one person's or not: see
/// [`IdentityGraph::explain`](super::IdentityGraph::explain).
pub(super) fn explain<'g>(
    state: &'g State,
    a: &Identifier<'_>,
    b: &Identifier<'_>,
) -> Explanation<'g> {
    let find = |id: &Identifier<'_>| state.find(&id.kind, &id.value);
    let (Some(a), Some(b)) = (find(a), find(b)) else { return Explanation::Unknown };
    let nodes = state.evidence.nodes();
    for node in [a, b] {
        if !nodes.is_present(node) {
            return Explanation::Unknown;
        }
        if nodes.has(node, flag::BLOCKED) {
            return Explanation::Blocked(state.basis().identifier(node));
        }
    }
    let (start, goal) = (state.name_of(a), state.name_of(b));
    if start == goal {
        return Explanation::Joined(chain(state, a, b));
    }
    // Breadth first from profile to profile over refused links.
    let mut from: BTreeMap<u32, (u32, (Edge, Reason))> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    let mut refused = Refused::default();
    while let Some(profile) = open.pop_front() {
        if profile == goal {
            break;
        }
        for (edge, reason) in refused.at(state, profile) {
            for other in [edge.a.0, edge.b.0].map(|node| state.name_of(node)) {
                if other != start && other != profile && !from.contains_key(&other) {
                    from.insert(other, (profile, (edge, reason.clone())));
                    open.push_back(other);
                }
            }
        }
    }
    let mut at = goal;
    while let Some((before, (edge, reason))) = from.get(&at) {
        if *before == start {
            return Explanation::Refused(link(state, edge), reason.clone());
        }
        at = *before;
    }
    let common = shared_at(state, a).intersection(&shared_at(state, b)).copied().collect();
    match state.basis().sorted(common).into_iter().next() {
        Some(identifier) => Explanation::Shared(identifier),
        None => Explanation::Apart,
    }
}

/// The refused links of each profile of the components that were looked at. A chain of people can have as
/// many profiles as refused links, so that each component is read once.
#[derive(Default)]
struct Refused {
    by_profile: BTreeMap<u32, Vec<(Edge, Reason)>>,
    /// The components that were read.
    read: Vec<Arc<MergedComponent>>,
}

impl Refused {
    /// The refused links between a profile and others, in the order in which they would be taken.
    fn at(&mut self, state: &State, name: u32) -> Vec<(Edge, Reason)> {
        if let Some(merged) = state.merged(name)
            && !self.read.iter().any(|read| Arc::ptr_eq(read, &merged))
        {
            let mut all: Vec<&(Edge, Reason)> = merged.refused().iter().collect();
            all.sort_by(|(x, _), (y, _)| compare_edges(x, y, state.basis()));
            for link in all {
                let ends = [link.0.a.0, link.0.b.0].map(|node| state.name_of(node));
                for name in &ends[..if ends[0] == ends[1] { 1 } else { 2 }] {
                    self.by_profile.entry(*name).or_default().push(link.clone());
                }
            }
            self.read.push(merged);
        }
        let mut refused = self.by_profile.remove(&name).unwrap_or_default();
        let mut futile = Vec::new();
        for node in state.members_of(name) {
            for (sig, _) in state.evidence.signatures_of(node) {
                let edges = futile_edges(sig, state.basis());
                futile.extend(edges.into_iter().filter(|e| e.a.0 == node || e.b.0 == node));
            }
        }
        sort_edges(&mut futile, state.basis());
        refused.extend(futile.into_iter().map(|edge| (edge, Reason::Claimed)));
        refused
    }
}

/// The shared identifiers that were seen with the profile of a node.
fn shared_at(state: &State, node: u32) -> BTreeSet<u32> {
    let is_shared = |node: &u32| state.evidence.nodes().has(*node, flag::SHARED);
    let mut shared = BTreeSet::new();
    for member in state.members_of(node) {
        if is_shared(&member) {
            shared.insert(member);
            continue;
        }
        for (sig, _) in state.evidence.signatures_of(member) {
            let slots = state.evidence.signatures().slots(sig).iter();
            shared.extend(slots.copied().map(node_of).filter(is_shared));
        }
    }
    shared
}

/// The signatures of the alias calls that make a link.
fn alias_calls(state: &State, edge: &Edge) -> BTreeSet<u32> {
    let ends = [edge.a.0, edge.b.0];
    let mut calls = BTreeSet::new();
    for previous in aliases::concerned(state.basis(), ends.into_iter()) {
        for (caller, sig) in aliases::callers(state.basis(), previous) {
            if ends.contains(&previous) || ends.contains(&caller) {
                calls.insert(sig);
            }
        }
    }
    calls
}

/// A link with all its evidence.
fn link<'g>(state: &'g State, edge: &Edge) -> Link<'g> {
    let end = |(node, claimed): End| Identifier { claimed, ..state.basis().identifier(node) };
    let (mut messages, mut times) = (Vec::new(), edge.times);
    if edge.alias {
        for sig in alias_calls(state, edge) {
            let own = state.evidence.signatures().times(sig);
            let message = state.evidence.signatures().message(sig);
            messages.extend(message.map(|id| (own.first, id)));
            times.merge(own);
        }
    } else if !edge.manual {
        // Those of a kept merge may have been seen again.
        times.count = 0;
        let signatures = state.evidence.signatures();
        for (sig, _) in state.evidence.signatures_of(edge.a.0) {
            let slots = signatures.slots(sig);
            let both = [edge.a, edge.b].iter().all(|end| slots.contains(&slot(end.0, end.1)));
            let anchor = state.basis().anchor(slots);
            if both && (anchor == Some(edge.a.0) || anchor == Some(edge.b.0)) {
                let own = signatures.times(sig);
                messages.extend(signatures.message(sig).map(|id| (own.first, id)));
                times.merge(own);
            }
        }
    }
    messages.sort_unstable();
    Link {
        a: end(edge.a),
        b: end(edge.b),
        manual: edge.manual,
        alias: edge.alias,
        first: Some(times.first).filter(|&at| at != i64::MAX).map(Timestamp::from_millis),
        last: Some(times.last).filter(|&at| at != i64::MIN).map(Timestamp::from_millis),
        count: times.count.into(),
        message_ids: messages.into_iter().map(|message| message.1).collect(),
    }
}
