//! Where a rule bites: the links of one component in one total order, each taken or refused.
//!
//! Manual links first; then unclaimed before claimed, the rank of the weaker end, of the stronger
//! end, time, and the identifiers themselves. Two clusters are joined unless a cannot-link lies
//! between them, a limit would be broken, or a weak identifier would join two strong ones. Clusters
//! have no values in common, so a union breaks a limit exactly if both sides have values of the
//! kind and the sum is too high. Cost: a sort of the component's links.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::IdentityGraph;
use super::components::name_order;
use super::evidence::{Times, flag};

/// Why a link was not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// Its claimed end was verified elsewhere: a claim joins nobody to a verified identifier.
    Claimed,
    /// A cannot-link lies between the two profiles.
    CannotLink,
    /// The two profiles together would have too many values of a kind.
    Limit {
        /// The kind.
        kind: String,
        /// Values a person may have.
        limit: usize,
        /// Values there would be.
        values: usize,
    },
    /// Its kind is weak, and both profiles hold a strong identifier.
    Weak,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claimed => f.write_str("claimed"),
            Self::CannotLink => f.write_str("cannot_link"),
            Self::Limit { kind, limit, values } => write!(f, "limit {kind} {limit}: {values}"),
            Self::Weak => f.write_str("weak"),
        }
    }
}

/// All observations that join the same two identifiers in the same way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// The stronger end, and whether it is merely claimed here.
    pub(crate) a: (u32, bool),
    pub(crate) b: (u32, bool),
    pub(crate) manual: bool,
    pub(crate) times: Times,
}

/// The profiles of one component.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Ascending.
    pub(crate) members: Vec<u32>,
    /// Of every member, its cluster.
    cluster: Vec<u32>,
    /// Of every cluster, the node that names it.
    pub(crate) names: Vec<u32>,
    /// The links that joined two clusters: a forest.
    pub(crate) taken: Vec<Edge>,
    /// The links that lie between two profiles.
    pub(crate) refused: Vec<(Edge, Reason)>,
}

impl Walk {
    pub(crate) fn cluster_of(&self, node: u32) -> u32 {
        let at = self.members.binary_search(&node);
        self.cluster[at.expect("a walk covers its whole component")]
    }

    pub(crate) fn name_of(&self, node: u32) -> u32 {
        self.names[self.cluster_of(node) as usize]
    }

    pub(crate) fn members_of(&self, cluster: u32) -> impl Iterator<Item = u32> + '_ {
        let all = self.members.iter().zip(&self.cluster);
        all.filter(move |entry| *entry.1 == cluster).map(|entry| *entry.0)
    }
}

/// Clusters that grow while the links are walked.
struct Clusters {
    parent: Vec<u32>,
    members: Vec<Vec<u32>>,
    /// Values per limited kind.
    counts: Vec<Vec<usize>>,
    strong: Vec<bool>,
    /// Members that must not meet: positions of the other ends.
    enemies: Vec<Vec<u32>>,
}

impl Clusters {
    fn find(&mut self, mut i: u32) -> u32 {
        while self.parent[i as usize] != i {
            self.parent[i as usize] = self.parent[self.parent[i as usize] as usize];
            i = self.parent[i as usize];
        }
        i
    }

    fn hostile(&mut self, a: u32, b: u32) -> bool {
        let (few, other) = if self.enemies[a as usize].len() <= self.enemies[b as usize].len() {
            (a, b)
        } else {
            (b, a)
        };
        (0..self.enemies[few as usize].len()).any(|i| {
            let enemy = self.enemies[few as usize][i];
            self.find(enemy) == other
        })
    }

    /// Joins two clusters given by their roots; the smaller goes into the larger.
    fn join(&mut self, a: u32, b: u32) {
        let (top, low) = if self.members[a as usize].len() >= self.members[b as usize].len() {
            (a, b)
        } else {
            (b, a)
        };
        self.parent[low as usize] = top;
        let moved = std::mem::take(&mut self.members[low as usize]);
        self.members[top as usize].extend(moved);
        let moved = std::mem::take(&mut self.enemies[low as usize]);
        self.enemies[top as usize].extend(moved);
        let added = std::mem::take(&mut self.counts[low as usize]);
        for (sum, add) in self.counts[top as usize].iter_mut().zip(added) {
            *sum += add;
        }
        self.strong[top as usize] |= self.strong[low as usize];
    }
}

impl IdentityGraph {
    /// Walks the links of a component.
    pub(crate) fn walk_component(&self, node: u32) -> Walk {
        let mut members: Vec<u32> = self.sets.members(node).collect();
        members.sort_unstable();
        let mut edges = self.edges_of(&members);
        self.sort_for_walk(&mut edges);
        let at = |node: u32| members.binary_search(&node).ok().map(|i| i as u32);
        let n = members.len();
        let limited = self.kinds.limited();
        let is_strong = |&node: &u32| self.is_strong(node);
        let mut clusters = Clusters {
            parent: (0..n as u32).collect(),
            members: (0..n as u32).map(|i| vec![i]).collect(),
            counts: vec![Vec::new(); n],
            strong: members.iter().map(is_strong).collect(),
            enemies: vec![Vec::new(); n],
        };
        for (i, node) in members.iter().enumerate() {
            if self.nodes.has(*node, flag::CANNOT) {
                clusters.enemies[i] = self.manual.enemies(*node).filter_map(|&e| at(e)).collect();
            }
        }
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        let mut counted = false;
        for edge in edges {
            if !edge.manual && !counted {
                self.count_values(&members, &limited, &mut clusters);
                counted = true;
            }
            let ends = [edge.a.0, edge.b.0].map(|end| at(end).expect("a link stays inside"));
            let [a, b] = ends.map(|end| clusters.find(end));
            if a == b {
                continue;
            }
            match self.obstacle(&edge, &mut clusters, a, b, &limited) {
                Some(reason) => refused.push((edge, reason)),
                None => {
                    clusters.join(a, b);
                    taken.push(edge);
                }
            }
        }
        // Clusters are numbered by their smallest member.
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let (mut cluster, mut names) = (Vec::with_capacity(n), Vec::new());
        for (i, &node) in members.iter().enumerate() {
            let root = clusters.find(i as u32);
            let number = *numbers.entry(root).or_insert_with(|| {
                names.push(node);
                names.len() as u32 - 1
            });
            let best = &mut names[number as usize];
            if name_order(&self.nodes, &self.kinds, node, *best).is_lt() {
                *best = node;
            }
            cluster.push(number);
        }
        let of = |node: u32| at(node).map(|i| cluster[i as usize]);
        refused.retain(|(edge, _)| of(edge.a.0) != of(edge.b.0));
        Walk { members, cluster, names, taken, refused }
    }

    /// Counts the values of every cluster once the manual links are walked: values that must-links
    /// make one count once.
    fn count_values(&self, members: &[u32], limited: &[u16], clusters: &mut Clusters) {
        for root in 0..members.len() {
            if clusters.parent[root] != root as u32 {
                continue;
            }
            let values = |kind: u16| {
                let of = clusters.members[root].iter().map(|&i| members[i as usize]);
                let of = of.filter(|&node| self.nodes.kind(node) == kind);
                let mut classes: Vec<u32> = of.map(|node| self.manual.class(node)).collect();
                classes.sort_unstable();
                classes.dedup();
                classes.len()
            };
            clusters.counts[root] = limited.iter().map(|&kind| values(kind)).collect();
        }
    }

    fn obstacle(
        &self,
        edge: &Edge,
        clusters: &mut Clusters,
        a: u32,
        b: u32,
        limited: &[u16],
    ) -> Option<Reason> {
        if clusters.hostile(a, b) {
            return Some(Reason::CannotLink);
        }
        if edge.manual {
            return None;
        }
        let (of_a, of_b) = (&clusters.counts[a as usize], &clusters.counts[b as usize]);
        for ((&kind, &in_a), &in_b) in limited.iter().zip(of_a).zip(of_b) {
            let (facts, values) = (self.kinds.get(kind), in_a + in_b);
            if values > facts.limit && in_a > 0 && in_b > 0 {
                let kind = facts.name.to_string();
                return Some(Reason::Limit { kind, limit: facts.limit, values });
            }
        }
        let weak = |node: u32| self.kinds.get(self.nodes.kind(node)).weak;
        let strong = clusters.strong[a as usize] && clusters.strong[b as usize];
        (strong && (weak(edge.a.0) || weak(edge.b.0))).then_some(Reason::Weak)
    }

    /// The links among the members of a component, those of the same ends and claims as one.
    pub(crate) fn edges_of(&self, members: &[u32]) -> Vec<Edge> {
        let mut edges = Vec::new();
        for &node in members.iter().filter(|&&node| self.is_usable(node)) {
            for (sig, _) in self.signatures.of(&self.nodes, node) {
                let slots = self.signatures.slots(sig);
                if self.anchor(slots) == Some(node) {
                    self.edges_of_signature(sig, node, &mut edges);
                }
            }
        }
        for &node in members.iter().filter(|&&node| self.nodes.has(node, flag::MUST)) {
            for &other in self.manual.friends(node) {
                if self.stronger(node, other) {
                    let times = Times { first: i64::MAX, last: i64::MIN, count: 0 };
                    edges.push(Edge { a: (node, false), b: (other, false), manual: true, times });
                }
            }
        }
        let key = |e: &Edge| (e.manual, e.a, e.b);
        edges.sort_unstable_by_key(key);
        edges.dedup_by(|later, kept| {
            let same = key(later) == key(kept);
            if same {
                kept.times.merge(later.times);
            }
            same
        });
        edges
    }

    /// The links of one signature that could be taken: a claim to a verified identifier cannot.
    fn edges_of_signature(&self, sig: u32, anchor: u32, edges: &mut Vec<Edge>) {
        let slots = self.signatures.slots(sig);
        let times = self.signatures.times(sig);
        for (a, b) in self.links(slots, anchor) {
            if !self.is_futile(b) {
                edges.push(Edge { a, b, manual: false, times }.ordered(self));
            }
        }
    }

    pub(crate) fn sort_for_walk(&self, edges: &mut [Edge]) {
        let latest = self.rules.latest();
        let rank = |end: (u32, bool)| self.kinds.rank(self.nodes.kind(end.0));
        let key = |e: &Edge| {
            // Later first, as an ascending number; no negation, which i64::MIN has not.
            let time = if latest { !e.times.last } else { e.times.first };
            (!e.manual, e.a.1 || e.b.1, rank(e.b), rank(e.a), time)
        };
        let value = |end: (u32, bool)| self.nodes.value(end.0);
        edges.sort_by(|x, y| {
            key(x)
                .cmp(&key(y))
                .then_with(|| (value(x.a), value(x.b)).cmp(&(value(y.a), value(y.b))))
                .then_with(|| (x.a.1, x.b.1).cmp(&(y.a.1, y.b.1)))
        });
    }
}

impl Edge {
    /// The end that is not this one.
    pub(crate) fn other(self, node: u32) -> u32 {
        if self.a.0 == node { self.b.0 } else { self.a.0 }
    }

    /// With the stronger end first.
    pub(crate) fn ordered(self, graph: &IdentityGraph) -> Self {
        if graph.stronger(self.a.0, self.b.0) {
            self
        } else {
            Self { a: self.b, b: self.a, ..self }
        }
    }
}
