//! The constrained merge: the links of one component in one total order, each taken or refused.
//!
//! Manual links come first, then those of aliases, which only a cannot-link refuses.
//! Two clusters are joined unless a cannot-link lies between them, a limit would be broken, or a weak
//! identifier would join two strong ones. Clusters have no values in common, so a union breaks a
//! limit exactly if both sides have values of the kind and the sum is too high.
//! Cost: a sort of the component's links.

use std::collections::HashMap;

use super::super::evidence::flag;
use super::super::policy::Relation;
use super::basis::Basis;
use super::edges::{Edge, edges_among, sort_edges};
use super::merged::MergedComponent;
use super::reason::Reason;

/// Clusters that grow while links are taken.
struct GrowingClusters<'g> {
    basis: Basis<'g>,
    /// The members of the component, ascending; elsewhere, positions in it.
    nodes: &'g [u32],
    parent: Vec<u32>,
    members: Vec<Vec<u32>>,
    /// Values per limited kind.
    counts: Vec<Vec<usize>>,
    strong: Vec<bool>,
    /// The other ends of the cannot-links of every cluster.
    enemies: Vec<Vec<u32>>,
}

/// Merges the members of a component, which ascend, by its links.
pub(super) fn constrained_merge(members: Vec<u32>, basis: Basis<'_>) -> MergedComponent {
    let mut edges = edges_among(&members, basis);
    sort_edges(&mut edges, basis);
    let at = |node: u32| members.binary_search(&node).ok().map(|i| i as u32);
    let mut clusters = GrowingClusters::alone(&members, basis);
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut counted = false;
    for edge in edges {
        if !edge.manual && !counted {
            clusters.count_values();
            counted = true;
        }
        let ends = [edge.a.0, edge.b.0].map(|end| at(end).expect("a link stays inside"));
        let [a, b] = ends.map(|end| clusters.find(end));
        if a == b {
            continue;
        }
        match clusters.obstacle(&edge, a, b) {
            Some(reason) => refused.push((edge, reason)),
            None => {
                clusters.join(a, b);
                taken.push(edge);
            }
        }
    }
    if !counted {
        clusters.count_values();
    }
    let (cluster, names) = clusters.numbered();
    let of = |node: u32| at(node).map(|i| cluster[i as usize]);
    refused.retain(|(edge, _)| of(edge.a.0) != of(edge.b.0));
    let (counts, has_enemies) = clusters.facts(&cluster, names.len());
    MergedComponent::new(members, cluster, names, (taken, refused), (counts, has_enemies), basis)
}

impl<'g> GrowingClusters<'g> {
    fn alone(nodes: &'g [u32], basis: Basis<'g>) -> Self {
        let n = nodes.len();
        let at = |node: u32| nodes.binary_search(&node).ok().map(|i| i as u32);
        let enemies = |&node: &u32| {
            if !basis.evidence.nodes().has(node, flag::CANNOT) {
                return Vec::new();
            }
            basis.policy.manual.linked(Relation::Cannot, node).filter_map(at).collect()
        };
        Self {
            basis,
            nodes,
            parent: (0..n as u32).collect(),
            members: (0..n as u32).map(|i| vec![i]).collect(),
            counts: vec![Vec::new(); n],
            strong: nodes.iter().map(|&node| basis.is_strong(node)).collect(),
            enemies: nodes.iter().map(enemies).collect(),
        }
    }

    fn find(&mut self, mut i: u32) -> u32 {
        while self.parent[i as usize] != i {
            self.parent[i as usize] = self.parent[self.parent[i as usize] as usize];
            i = self.parent[i as usize];
        }
        i
    }

    /// Whether a cannot-link lies between two clusters.
    fn is_forbidden(&mut self, a: u32, b: u32) -> bool {
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

    /// Counts the values of every cluster once the manual links are taken: values that must-links
    /// make one count once.
    fn count_values(&mut self) {
        let (basis, limited) = (self.basis, self.basis.policy.kinds().limited());
        for root in 0..self.nodes.len() {
            if self.parent[root] != root as u32 {
                continue;
            }
            let values = |kind: u16| {
                let of = self.members[root].iter().map(|&i| self.nodes[i as usize]);
                let of = of.filter(|&node| basis.kind(node) == kind);
                let mut classes: Vec<u32> =
                    of.map(|node| basis.policy.manual.class(node)).collect();
                classes.sort_unstable();
                classes.dedup();
                classes.len()
            };
            self.counts[root] = limited.iter().map(|&kind| values(kind)).collect();
        }
    }

    /// Why a link cannot join two clusters.
    fn obstacle(&mut self, edge: &Edge, a: u32, b: u32) -> Option<Reason> {
        if self.is_forbidden(a, b) {
            return Some(Reason::CannotLink);
        }
        if edge.manual || edge.alias {
            return None;
        }
        let kinds = self.basis.policy.kinds();
        let (of_a, of_b) = (&self.counts[a as usize], &self.counts[b as usize]);
        for ((&kind, &in_a), &in_b) in kinds.limited().iter().zip(of_a).zip(of_b) {
            let (facts, values) = (kinds.get(kind), in_a + in_b);
            if values > facts.limit && in_a > 0 && in_b > 0 {
                let kind = facts.name.to_string();
                return Some(Reason::Limit { kind, limit: facts.limit, values });
            }
        }
        let is_strong = self.strong[a as usize] && self.strong[b as usize];
        let is_weak = [edge.a.0, edge.b.0].iter().any(|&node| self.basis.is_weak(node));
        (is_strong && is_weak).then_some(Reason::Weak)
    }

    /// For the numbers of clusters: values per limited kind, end to end, and whether each has an end of a
    /// cannot-link.
    fn facts(&mut self, cluster: &[u32], n_clusters: usize) -> (Vec<u32>, Vec<bool>) {
        let n_limited = self.basis.policy.kinds().limited().len();
        let (mut counts, mut has_enemies) =
            (vec![0; n_clusters * n_limited], vec![false; n_clusters]);
        for (i, &number) in cluster.iter().enumerate() {
            if self.parent[i] == i as u32 {
                let start = number as usize * n_limited;
                for (to, &from) in counts[start..].iter_mut().zip(&self.counts[i]) {
                    *to = u32::try_from(from).unwrap_or(u32::MAX);
                }
                has_enemies[number as usize] = !self.enemies[i].is_empty();
            }
        }
        (counts, has_enemies)
    }

    /// Numbers the clusters by their smallest member; returns the number of every member's, and
    /// the node that names each.
    fn numbered(&mut self) -> (Vec<u32>, Vec<u32>) {
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let (mut cluster, mut names) = (Vec::with_capacity(self.nodes.len()), Vec::new());
        for (i, &node) in self.nodes.iter().enumerate() {
            let root = self.find(i as u32);
            let number = *numbers.entry(root).or_insert_with(|| {
                names.push(node);
                names.len() as u32 - 1
            });
            let best = &mut names[number as usize];
            if self.basis.name_order(node, *best).is_lt() {
                *best = node;
            }
            cluster.push(number);
        }
        (cluster, names)
    }
}
