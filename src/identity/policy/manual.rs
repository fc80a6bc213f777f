//! Links between nodes that no signature makes: must-links, cannot-links, must-links without effect, and
//! those of aliases.
//!
//! Nodes that must-links connect are one *class*: they count as one value. A class is labelled by
//! one of its members. Adding a link relabels the smaller class, so n links cost n log n.

use std::collections::{BTreeMap, BTreeSet};

/// What a manual link says of its two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// They are one person's.
    Must,
    /// They are never one person's.
    Cannot,
    /// A must-link with a blocked end: kept, counted as a contradiction, without effect.
    Idle,
    /// An alias call says that they are one person's.
    Alias,
}

impl Relation {
    /// Those whose links rules hold; of aliases, the links that were taken back.
    pub(crate) const STORED: [Self; 3] = [Self::Must, Self::Cannot, Self::Alias];
}

type Neighbours = BTreeMap<u32, BTreeSet<u32>>;

#[derive(Debug, Clone, Default)]
pub(crate) struct ManualLinks {
    must: Neighbours,
    cannot: Neighbours,
    idle: Neighbours,
    alias: Neighbours,
    /// The label of every node with a must-link.
    label: BTreeMap<u32, u32>,
    /// The members of every class by its label.
    members: BTreeMap<u32, Vec<u32>>,
}

fn insert(links: &mut Neighbours, a: u32, b: u32) {
    links.entry(a).or_default().insert(b);
    links.entry(b).or_default().insert(a);
}

fn remove(links: &mut Neighbours, a: u32, b: u32) {
    for (from, to) in [(a, b), (b, a)] {
        if let Some(others) = links.get_mut(&from) {
            others.remove(&to);
            if others.is_empty() {
                links.remove(&from);
            }
        }
    }
}

impl ManualLinks {
    fn of(&self, relation: Relation) -> &Neighbours {
        match relation {
            Relation::Must => &self.must,
            Relation::Cannot => &self.cannot,
            Relation::Idle => &self.idle,
            Relation::Alias => &self.alias,
        }
    }

    fn of_mut(&mut self, relation: Relation) -> &mut Neighbours {
        match relation {
            Relation::Must => &mut self.must,
            Relation::Cannot => &mut self.cannot,
            Relation::Idle => &mut self.idle,
            Relation::Alias => &mut self.alias,
        }
    }

    /// Adds a link; returns the nodes whose class has another label now.
    pub(crate) fn add(&mut self, relation: Relation, a: u32, b: u32) -> Vec<u32> {
        insert(self.of_mut(relation), a, b);
        if relation == Relation::Must { self.unite(a, b) } else { Vec::new() }
    }

    /// Removes a link; returns the nodes whose class has another label now.
    pub(crate) fn remove(&mut self, relation: Relation, a: u32, b: u32) -> Vec<u32> {
        remove(self.of_mut(relation), a, b);
        if relation == Relation::Must { self.split(a, b) } else { Vec::new() }
    }

    fn unite(&mut self, a: u32, b: u32) -> Vec<u32> {
        let labels = [a, b].map(|node| {
            let label = *self.label.entry(node).or_insert(node);
            self.members.entry(label).or_insert_with(|| vec![node]);
            label
        });
        if labels[0] == labels[1] {
            return Vec::new();
        }
        let [x, y] = labels.map(|label| self.members[&label].len());
        let (kept, gone) = if x >= y { (labels[0], labels[1]) } else { (labels[1], labels[0]) };
        let moved = self.members.remove(&gone).unwrap_or_default();
        for &node in &moved {
            self.label.insert(node, kept);
        }
        self.members.entry(kept).or_default().extend(&moved);
        moved
    }

    /// Takes two nodes apart whose link was removed, unless other links connect them.
    fn split(&mut self, a: u32, b: u32) -> Vec<u32> {
        let Some(&label) = self.label.get(&a) else { return Vec::new() };
        let parts = [a, b].map(|start| self.connected(start));
        if parts[0].contains(&b) {
            return Vec::new();
        }
        self.members.remove(&label);
        let mut moved = Vec::new();
        for part in parts {
            let is_kept = part.contains(&label);
            let of_part = if is_kept { label } else { part.first().copied().unwrap_or(label) };
            for &node in &part {
                if part.len() == 1 {
                    self.label.remove(&node);
                } else {
                    self.label.insert(node, of_part);
                }
            }
            if !is_kept {
                moved.extend(&part);
            }
            if part.len() > 1 {
                self.members.insert(of_part, part.into_iter().collect());
            }
        }
        moved
    }

    /// The nodes that must-links connect with a node, itself included.
    fn connected(&self, start: u32) -> BTreeSet<u32> {
        let (mut found, mut open) = (BTreeSet::from([start]), vec![start]);
        while let Some(node) = open.pop() {
            for &other in self.must.get(&node).into_iter().flatten() {
                if found.insert(other) {
                    open.push(other);
                }
            }
        }
        found
    }

    /// The label of a node's class.
    pub(crate) fn class(&self, node: u32) -> u32 {
        self.label.get(&node).copied().unwrap_or(node)
    }

    /// The nodes that a relation holds between a node and.
    pub(crate) fn linked(&self, relation: Relation, node: u32) -> impl Iterator<Item = u32> {
        self.of(relation).get(&node).into_iter().flatten().copied()
    }

    /// Whether a manual link names a node.
    pub(crate) fn names(&self, node: u32) -> bool {
        [&self.must, &self.cannot, &self.idle].into_iter().any(|links| links.contains_key(&node))
    }

    /// The nodes that a must-link or an alias joins with a node.
    pub(crate) fn joined(&self, node: u32) -> impl Iterator<Item = u32> {
        self.linked(Relation::Must, node).chain(self.linked(Relation::Alias, node))
    }

    /// All must-links that have an effect and the links of aliases, in both directions.
    pub(crate) fn joining_links(&self) -> impl Iterator<Item = (u32, u32)> {
        let all = self.must.iter().chain(&self.alias);
        all.flat_map(|(&a, others)| others.iter().map(move |&b| (a, b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_the_connected_parts_of_the_must_links_after_any_additions_and_removals() {
        const N: u32 = 12;
        let (mut links, mut state) = (ManualLinks::default(), 3u64);
        let mut pairs: BTreeSet<(u32, u32)> = BTreeSet::new();
        for _ in 0..600 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (a, b) = ((state >> 33) as u32 % N, (state >> 48) as u32 % N);
            if a == b {
                continue;
            }
            let before: Vec<u32> = (0..N).map(|node| links.class(node)).collect();
            let pair = (a.min(b), a.max(b));
            let moved = if pairs.remove(&pair) {
                links.remove(Relation::Must, a, b)
            } else {
                pairs.insert(pair);
                links.add(Relation::Must, a, b)
            };
            // The naive answer: everything that pairs reach.
            let mut of: Vec<u32> = (0..N).collect();
            for _ in 0..N {
                for &(a, b) in &pairs {
                    let low = of[a as usize].min(of[b as usize]);
                    (of[a as usize], of[b as usize]) = (low, low);
                }
            }
            for x in 0..N {
                for y in 0..N {
                    let is_one = of[x as usize] == of[y as usize];
                    assert_eq!(links.class(x) == links.class(y), is_one, "{x} {y}: {pairs:?}");
                }
                let is_moved = links.class(x) != before[x as usize];
                assert!(!is_moved || moved.contains(&x));
            }
        }
    }
}
