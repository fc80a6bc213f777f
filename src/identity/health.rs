//! How the whole looks: sizes, refusals, what hangs by a thread; and what other rules would change.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{CLAIM, Times, flag};
use super::walk::{Edge, Reason};
use super::{IdentityGraph, Rules};
use crate::{Identifier, ProfileId, Result, Timestamp};

/// The state of a graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health<'g> {
    /// Identifiers known, the blocked ones included.
    pub identifiers: usize,
    /// Profiles.
    pub profiles: usize,
    /// How many profiles have how many identifiers.
    pub sizes: BTreeMap<usize, usize>,
    /// Observations.
    pub observations: u64,
    /// Observations that carry a blocked identifier.
    pub blocked: u64,
    /// Observations that are nobody's: their only usable identifiers are claims to verified ones,
    /// or they have none.
    pub unattributed: u64,
    /// Identifiers that too many people share to join any two.
    pub shared: Vec<Identifier<'g>>,
    /// Links not taken whose ends are different people.
    pub refused: Vec<Refused<'g>>,
    /// Must-links that do not hold: a cannot-link forbids them, or an end is blocked.
    pub contradictions: Vec<(Identifier<'g>, Identifier<'g>)>,
    /// Single links that alone hold a profile together.
    pub bridges: Vec<Bridge<'g>>,
    /// Identifiers that were forgotten.
    pub forgotten: usize,
}

/// A link that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Refused<'g> {
    /// The stronger end.
    pub a: Identifier<'g>,
    /// The weaker end.
    pub b: Identifier<'g>,
    /// Why.
    pub reason: Reason,
}

/// A link whose removal would split a profile into two that each hold a strong identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Bridge<'g> {
    /// The stronger end.
    pub a: Identifier<'g>,
    /// The weaker end.
    pub b: Identifier<'g>,
    /// The profile.
    pub profile: ProfileId,
}

/// Profiles that other rules would merge, split or both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Change {
    /// Profiles under the present rules, ascending.
    pub before: Vec<ProfileId>,
    /// The same people's profiles under the other rules, ascending.
    pub after: Vec<ProfileId>,
}

impl IdentityGraph {
    /// The state of the graph. Reads everything: cost and size grow with the whole.
    pub fn health(&self) -> Health<'_> {
        let mut health = Health { forgotten: self.forgotten.len(), ..Health::default() };
        health.identifiers = self.n_identifiers();
        for sig in self.signatures.live() {
            let (slots, count) = (self.signatures.slots(sig), self.signatures.times(sig).count);
            let blocked = slots.iter().any(|slot| self.nodes.has(slot & !CLAIM, flag::BLOCKED));
            health.observations += u64::from(count);
            health.blocked += if blocked { count.into() } else { 0 };
            health.unattributed += if self.anchor(slots).is_none() { count.into() } else { 0 };
        }
        let (mut refused, mut shared) = (BTreeSet::new(), Vec::new());
        for node in 0..self.nodes.len() as u32 {
            if !self.has_profile(node) {
                continue;
            }
            if self.nodes.has(node, flag::SHARED) {
                shared.push(node);
            }
            // Every component once, at its root.
            if self.sets.root(node) == node {
                self.component_health(node, &mut health, &mut refused);
            }
        }
        for sig in self.signatures.live() {
            for Edge { a, b, .. } in self.futile_links(sig) {
                if self.name_of(a.0) != self.name_of(b.0) {
                    let [a, b] = [a.0, b.0].map(|node| self.plain(node));
                    refused.insert(Refused { a, b, reason: Reason::Claimed });
                }
            }
        }
        health.refused = refused.into_iter().collect();
        health.shared = self.sorted(shared);
        health.shared.iter_mut().for_each(|identifier| identifier.claimed = false);
        health.bridges.sort_unstable();
        self.blocked_must_links(&mut health);
        health.contradictions.sort_unstable();
        health
    }

    fn plain(&self, node: u32) -> Identifier<'_> {
        Identifier { claimed: false, ..self.identifier(node) }
    }

    fn component_health<'g>(
        &'g self,
        root: u32,
        health: &mut Health<'g>,
        refused: &mut BTreeSet<Refused<'g>>,
    ) {
        let mut members: Vec<u32> = self.sets.members(root).collect();
        members.sort_unstable();
        let mut by_name: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        if let Some(walk) = self.walk(root) {
            for &node in &members {
                by_name.entry(walk.name_of(node)).or_default().push(node);
            }
            for (edge, reason) in &walk.refused {
                let [a, b] = [edge.a.0, edge.b.0].map(|node| self.plain(node));
                if edge.manual {
                    health.contradictions.push((a.clone(), b.clone()));
                }
                refused.insert(Refused { a, b, reason: reason.clone() });
            }
        } else {
            by_name.insert(self.sets.best(root), members);
        }
        for (name, members) in by_name {
            health.profiles += 1;
            *health.sizes.entry(members.len()).or_default() += 1;
            self.bridges_of(name, &members, &mut health.bridges);
        }
    }

    fn blocked_must_links<'g>(&'g self, health: &mut Health<'g>) {
        for (a, b) in self.rules.must() {
            if [a, b].iter().any(|end| self.rules.blocks(&end.kind, &end.value)) {
                let [a, b] = [a, b].map(|end| Identifier::new(&*end.kind, &*end.value));
                health.contradictions.push((a, b));
            }
        }
    }

    /// Bridges by depth-first search with low points (Tarjan 1974), without recursion.
    fn bridges_of<'g>(&'g self, name: u32, members: &[u32], bridges: &mut Vec<Bridge<'g>>) {
        let strong: Vec<bool> = members.iter().map(|&node| self.is_strong(node)).collect();
        let n_strong = strong.iter().filter(|s| **s).count();
        if n_strong < 2 {
            return;
        }
        let at = |node: u32| members.binary_search(&node).ok();
        let mut links: Vec<Vec<(usize, usize)>> = vec![Vec::new(); members.len()];
        let edges = self.edges_of(members);
        for (i, edge) in edges.iter().enumerate() {
            if let (Some(a), Some(b)) = (at(edge.a.0), at(edge.b.0)) {
                links[a].push((b, i));
                links[b].push((a, i));
            }
        }
        let unseen = usize::MAX;
        let mut order = vec![unseen; members.len()];
        let (mut low, mut below) = (order.clone(), vec![0; members.len()]);
        order[0] = 0;
        low[0] = 0;
        let mut n_seen = 1;
        // Where we are, the link we came by, and which link is next.
        let mut path = vec![(0, unseen, 0)];
        while let Some(&mut (here, by, ref mut next)) = path.last_mut() {
            if let Some(&(there, link)) = links[here].get(*next) {
                *next += 1;
                if order[there] == unseen {
                    order[there] = n_seen;
                    low[there] = n_seen;
                    n_seen += 1;
                    path.push((there, link, 0));
                } else if link != by {
                    low[here] = low[here].min(order[there]);
                }
                continue;
            }
            path.pop();
            below[here] += usize::from(strong[here]);
            let Some(&(parent, ..)) = path.last() else { break };
            low[parent] = low[parent].min(low[here]);
            below[parent] += below[here];
            if low[here] > order[parent] && below[here] > 0 && below[here] < n_strong {
                let [a, b] = [edges[by].a.0, edges[by].b.0].map(|node| self.plain(node));
                bridges.push(Bridge { a, b, profile: self.id_of_node(name) });
            }
        }
    }

    /// What other rules would make of the same evidence: the profiles that would merge or split.
    ///
    /// The key stays this graph's. Times that the present clock does not trust are not kept, so a
    /// wider clock sees none of them; observations that the other rules refuse are left out.
    ///
    /// # Errors
    /// As [`IdentityGraph::new`].
    pub fn diff(&self, rules: &Rules) -> Result<Vec<Change>> {
        let rules = match self.rules.secret() {
            Some(key) => rules.clone().key(*key),
            None => rules.clone().without_key(),
        };
        let mut other = Self::new(rules)?;
        for sig in self.signatures.live() {
            let parts = self.parts_of(sig);
            let ids = parts.iter().map(|part| Identifier {
                claimed: part.claimed,
                ..Identifier::new(part.kind, &*part.value)
            });
            let ids: Vec<Identifier<'_>> = ids.collect();
            let Ok(parts) = other.parts(ids.iter(), ids.len()) else { continue };
            other.check_room(&parts)?;
            let times = self.signatures.times(sig);
            let trust = |at| other.rules.trusted(Timestamp::from_millis(at));
            let (first, last) = (trust(times.first), trust(times.last));
            let times = Times {
                first: first.or(last).unwrap_or(i64::MAX),
                last: last.or(first).unwrap_or(i64::MIN),
                ..times
            };
            other.record_parts(&parts, times, None);
        }
        other.settle();
        Ok(self.changes(&other))
    }

    fn changes(&self, other: &Self) -> Vec<Change> {
        // Profiles of both sides that have an identifier in common, put together.
        let mut group: BTreeMap<(bool, ProfileId), usize> = BTreeMap::new();
        let mut pairs: BTreeSet<(ProfileId, ProfileId)> = BTreeSet::new();
        for node in (0..self.nodes.len() as u32).filter(|&node| self.has_profile(node)) {
            let before = self.id_of_node(self.name_of(node));
            let next = group.len();
            group.entry((false, before)).or_insert(next);
            let kind = &self.kinds.get(self.nodes.kind(node)).name;
            if let Some(after) = other.get(kind, self.nodes.value(node)) {
                let next = group.len();
                group.entry((true, after)).or_insert(next);
                pairs.insert((before, after));
            }
        }
        for node in (0..other.nodes.len() as u32).filter(|&node| other.has_profile(node)) {
            let next = group.len();
            group.entry((true, other.id_of_node(other.name_of(node)))).or_insert(next);
        }
        let sets = crate::num::union_find::UnionFind::new(group.len());
        for (before, after) in pairs {
            sets.union(group[&(false, before)], group[&(true, after)]);
        }
        let mut changes: BTreeMap<usize, Change> = BTreeMap::new();
        for (&(is_after, id), &number) in &group {
            let none = || Change { before: Vec::new(), after: Vec::new() };
            let change = changes.entry(sets.find(number)).or_insert_with(none);
            if is_after { change.after.push(id) } else { change.before.push(id) }
        }
        let mut changes: Vec<Change> = changes.into_values().collect();
        changes.retain(|change| (change.before.len(), change.after.len()) != (1, 1));
        changes.sort_unstable();
        changes
    }
}
