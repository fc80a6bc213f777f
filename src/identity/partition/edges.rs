//! Links with their evidence, and the order in which a constrained merge takes them.

use std::cmp::Ordering;

use super::super::evidence::{Times, flag, is_claim};
use super::super::policy::Relation;
use super::basis::{Basis, End};

/// All observations that link the same two identifiers in the same way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// The stronger end.
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) manual: bool,
    /// Whether it is the link of an alias, which no signature makes by itself.
    pub(crate) alias: bool,
    pub(crate) times: Times,
}

impl Edge {
    /// The end that is not this node.
    pub(crate) fn other(self, node: u32) -> u32 {
        if self.a.0 == node { self.b.0 } else { self.a.0 }
    }

    /// With the stronger end first.
    fn new((a, b): (End, End), times: Times, basis: Basis<'_>) -> Self {
        let is_ordered = basis.strength_order(a.0, b.0).is_lt();
        let (a, b) = if is_ordered { (a, b) } else { (b, a) };
        Self { a, b, manual: false, alias: false, times }
    }

    /// Whether both are of the same ends and claims.
    fn key(&self) -> (bool, bool, End, End) {
        (self.manual, self.alias, self.a, self.b)
    }
}

/// The links among the members of a component, those of the same ends and claims as one.
pub(crate) fn edges_among(members: &[u32], basis: Basis<'_>) -> Vec<Edge> {
    let mut edges = Vec::new();
    for &node in members.iter().filter(|&&node| basis.is_usable(node)) {
        for sig in basis.anchored(node) {
            let signatures = basis.evidence.signatures();
            let (slots, times) = (signatures.slots(sig), signatures.times(sig));
            let links = basis.links(slots, node).filter(|link| !basis.is_futile(link.1));
            edges.extend(links.map(|ends| Edge::new(ends, times, basis)));
        }
    }
    let is_manual = |&&node: &&u32| basis.evidence.nodes().has(node, flag::MUST);
    for &node in members.iter().filter(is_manual) {
        for relation in [Relation::Must, Relation::Alias] {
            for other in basis.policy.manual.linked(relation, node) {
                if basis.strength_order(node, other).is_lt() {
                    let times = Times { first: i64::MAX, last: i64::MIN, count: 0 };
                    let (manual, alias) = (relation == Relation::Must, relation == Relation::Alias);
                    edges.push(Edge { a: (node, false), b: (other, false), manual, alias, times });
                }
            }
        }
    }
    edges.sort_unstable_by_key(Edge::key);
    edges.dedup_by(|later, kept| {
        let same = later.key() == kept.key();
        if same {
            kept.times.merge(later.times);
        }
        same
    });
    edges
}

/// The links of a signature that can be taken.
pub(super) fn edges_of(sig: u32, basis: Basis<'_>) -> Vec<Edge> {
    let signatures = basis.evidence.signatures();
    let (slots, times) = (signatures.slots(sig), signatures.times(sig));
    let Some(anchor) = basis.anchor(slots) else { return Vec::new() };
    let links = basis.links(slots, anchor).filter(|link| !basis.is_futile(link.1));
    links.map(|ends| Edge::new(ends, times, basis)).collect()
}

/// The links of a signature that a claim can never make.
pub(crate) fn futile_edges(sig: u32, basis: Basis<'_>) -> Vec<Edge> {
    let signatures = basis.evidence.signatures();
    let slots = signatures.slots(sig);
    if !slots.iter().any(|&slot| is_claim(slot)) {
        return Vec::new();
    }
    let Some(anchor) = basis.anchor(slots) else { return Vec::new() };
    let links = basis.links(slots, anchor).filter(|link| basis.is_futile(link.1));
    links.map(|ends| Edge::new(ends, signatures.times(sig), basis)).collect()
}

/// The order in which links are taken: manual ones first, then those of aliases; then unclaimed before claimed, the rank of the
/// weaker end, of the stronger end, time, and the identifiers themselves.
pub(crate) fn compare_edges(x: &Edge, y: &Edge, basis: Basis<'_>) -> Ordering {
    let latest = basis.policy.rules().latest();
    let rank = |end: End| basis.policy.kinds().link_rank(basis.kind(end.0));
    let key = |edge: &Edge| {
        // Later first, as an ascending number; no negation, which i64::MIN has not.
        let time = if latest { !edge.times.last } else { edge.times.first };
        let is_claimed = edge.a.1 || edge.b.1;
        (!edge.manual, !edge.alias, is_claimed, rank(edge.b), rank(edge.a), time)
    };
    let value = |end: End| basis.evidence.nodes().value(end.0);
    key(x)
        .cmp(&key(y))
        .then_with(|| (value(x.a), value(x.b)).cmp(&(value(y.a), value(y.b))))
        .then_with(|| (x.a.1, x.b.1).cmp(&(y.a.1, y.b.1)))
        .then_with(|| {
            (basis.rank(x.a.0), basis.rank(x.b.0)).cmp(&(basis.rank(y.a.0), basis.rank(y.b.0)))
        })
}

/// Sorts links into the order in which they are taken.
pub(crate) fn sort_edges(edges: &mut [Edge], basis: Basis<'_>) {
    edges.sort_by(|x, y| compare_edges(x, y, basis));
}
