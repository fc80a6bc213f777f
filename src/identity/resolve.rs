//! From evidence to profiles: components, the fast path, and the walk where a rule bites.
//!
//! Links join components as they come. When an identifier becomes or ceases to be shared or
//! verified, the components at it are dissolved and joined again; nothing else is touched. A
//! component in which no rule bites is a profile as it stands. The others are walked at the next
//! read, and the walk is kept until something in the component changes.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::evidence::{CLAIM, flag};
use super::walk::Walk;
use super::{IdentityGraph, ProfileId};

/// Walks that are still true, by the root of their component; and where ids lead.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    walks: RwLock<HashMap<u32, Arc<Walk>>>,
}

impl Clone for Cache {
    /// A copy starts empty: it can compute everything again.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Cache {
    fn forget(&mut self, root: u32) {
        self.walks.get_mut().unwrap_or_else(PoisonError::into_inner).remove(&root);
    }

    fn is_empty(&mut self) -> bool {
        self.walks.get_mut().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn get(&self, root: u32) -> Option<Arc<Walk>> {
        self.walks.read().unwrap_or_else(PoisonError::into_inner).get(&root).cloned()
    }

    fn keep(&self, root: u32, walk: &Arc<Walk>) {
        let mut walks = self.walks.write().unwrap_or_else(PoisonError::into_inner);
        walks.insert(root, Arc::clone(walk));
    }
}

/// The profile of an identifier, as numbers.
pub(crate) enum Group {
    /// Its whole component.
    Whole(u32),
    /// A cluster of a walked component.
    Part(Arc<Walk>, u32),
}

impl IdentityGraph {
    /// Joins the components that a signature's links connect.
    pub(crate) fn join(&mut self, sig: u32) {
        let slots = self.signatures.slots(sig);
        if slots.len() < 2 {
            return;
        }
        let Some(anchor) = self.anchor(slots) else { return };
        for at in 0..slots.len() {
            let slot = self.signatures.slots(sig)[at];
            if self.connects(slot, anchor) {
                self.unite(anchor, slot & !CLAIM);
            }
        }
    }

    /// Whether a slot of a signature joins its anchor. A claim to a verified identifier can never
    /// be taken: it connects nothing.
    pub(crate) fn connects(&self, slot: u32, anchor: u32) -> bool {
        let other = (slot & !CLAIM, slot & CLAIM != 0);
        other.0 != anchor && self.is_usable(other.0) && !self.is_futile(other)
    }

    /// Joins the components of two nodes. Neither's walk is true any more, and either root may be
    /// the root of something else one day.
    pub(crate) fn unite(&mut self, a: u32, b: u32) {
        self.unsettle(a);
        self.unsettle(b);
        self.sets.union(a, b, &mut self.nodes, &self.kinds);
    }

    /// Forgets the walk of a node's component.
    pub(crate) fn unsettle(&mut self, node: u32) {
        if !self.cache.is_empty() && !self.sets.is_alone(node) {
            let root = self.sets.root(node);
            self.cache.forget(root);
        }
    }

    /// Joins anew all components at the identifiers left pending.
    pub(crate) fn settle(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable();
        pending.dedup();
        let mut seeds = pending.clone();
        for node in pending {
            for (sig, _) in self.signatures.of(&self.nodes, node) {
                seeds.extend(self.signatures.slots(sig).iter().map(|slot| slot & !CLAIM));
            }
        }
        self.rebuild(seeds);
    }

    /// Dissolves the components of some nodes and joins their members again.
    pub(crate) fn rebuild(&mut self, seeds: Vec<u32>) {
        let mut roots: Vec<u32> = seeds.into_iter().map(|node| self.sets.root(node)).collect();
        roots.sort_unstable();
        roots.dedup();
        let mut members = Vec::new();
        for &root in &roots {
            self.cache.forget(root);
            members.extend(self.sets.members(root));
        }
        for &node in &members {
            let facts = self.kinds.get(self.nodes.kind(node));
            self.sets.isolate(node, facts.counter);
            let bitten = facts.weak || self.nodes.has(node, flag::CANNOT);
            let flags = &mut self.nodes.facts[node as usize].flags;
            *flags = *flags & !flag::BITTEN | if bitten { flag::BITTEN } else { 0 };
        }
        for &node in &members {
            if !self.is_usable(node) {
                continue;
            }
            let anchored: Vec<u32> = self
                .signatures
                .of(&self.nodes, node)
                .map(|(sig, _)| sig)
                .filter(|&sig| self.anchor(self.signatures.slots(sig)) == Some(node))
                .collect();
            anchored.into_iter().for_each(|sig| self.join(sig));
        }
        for &node in &members {
            if self.nodes.has(node, flag::MUST) {
                let friends: Vec<u32> = self.manual.friends(node).copied().collect();
                friends.into_iter().for_each(|other| self.unite(node, other));
            }
        }
    }

    /// Whether some rule may part the members of a component.
    fn is_bitten(&self, root: u32) -> bool {
        let broken =
            |(counter, &n): (usize, &u16)| n == u16::MAX || usize::from(n) > self.limits[counter];
        self.nodes.has(root, flag::BITTEN) || self.sets.counts(root).iter().enumerate().any(broken)
    }

    /// The walk of a component in which a rule may bite.
    pub(crate) fn walk(&self, node: u32) -> Option<Arc<Walk>> {
        if self.sets.is_alone(node) {
            return None;
        }
        let root = self.sets.root(node);
        if !self.is_bitten(root) {
            return None;
        }
        let walk = self.cache.get(root).unwrap_or_else(|| {
            let walk = Arc::new(self.walk_component(root));
            self.cache.keep(root, &walk);
            walk
        });
        Some(walk)
    }

    /// Asks for what tells a node's profile, if no rule bites, and for the node's text; a node that
    /// may name the profile.
    pub(crate) fn soon_profile(&self, node: u32) -> u32 {
        self.sets.soon(node);
        self.nodes.soon_text(node);
        self.sets.soon_name(node, &self.nodes)
    }

    /// The node that names a node's profile.
    pub(crate) fn name_of(&self, node: u32) -> u32 {
        if self.sets.is_alone(node) {
            return node;
        }
        match self.walk(node) {
            Some(walk) => walk.name_of(node),
            None => self.sets.best(self.sets.root(node)),
        }
    }

    pub(crate) fn group_of(&self, node: u32) -> Group {
        match self.walk(node) {
            Some(walk) => {
                let cluster = walk.cluster_of(node);
                Group::Part(walk, cluster)
            }
            None => Group::Whole(node),
        }
    }

    /// The members of a node's profile, ascending.
    pub(crate) fn members_of(&self, node: u32) -> Vec<u32> {
        let mut members: Vec<u32> = match self.group_of(node) {
            Group::Whole(node) => self.sets.members(node).collect(),
            Group::Part(walk, cluster) => walk.members_of(cluster).collect(),
        };
        members.sort_unstable();
        members
    }

    /// Whether a node is in a profile at all.
    pub(crate) fn has_profile(&self, node: u32) -> bool {
        self.nodes.is_present(node) && !self.nodes.has(node, flag::BLOCKED)
    }

    pub(crate) fn id_of_node(&self, node: u32) -> ProfileId {
        self.id_of(&self.kinds.get(self.nodes.kind(node)).name, self.nodes.value(node))
    }

    /// The profile that the events of a signature belong to; none if they are unattributed.
    pub(crate) fn profile_of_signature(&self, sig: u32) -> Option<ProfileId> {
        self.name_of_signature(sig).map(|node| self.id_of_node(node))
    }

    /// The node that names the profile of a signature's events.
    pub(crate) fn name_of_signature(&self, sig: u32) -> Option<u32> {
        debug_assert!(self.pending.is_empty());
        if !self.signatures.is_live(sig) {
            return None;
        }
        self.anchor(self.signatures.slots(sig)).map(|anchor| self.name_of(anchor))
    }

    /// The signatures whose events belong to a node's profile, ascending.
    pub(crate) fn signatures_of(&self, node: u32) -> Vec<u32> {
        let anchored = |&node: &u32| {
            let all = self.signatures.of(&self.nodes, node).map(|(sig, _)| sig);
            all.filter(move |&sig| self.anchor(self.signatures.slots(sig)) == Some(node))
        };
        let mut signatures: Vec<u32> = self.members_of(node).iter().flat_map(anchored).collect();
        signatures.sort_unstable();
        signatures
    }

    /// Orders signatures by their identifiers, whatever came first.
    pub(crate) fn compare_signatures(&self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let texts = |&slot: &u32| {
            let node = slot & !CLAIM;
            let kind = &*self.kinds.get(self.nodes.kind(node)).name;
            (kind, self.nodes.value(node), slot & CLAIM != 0)
        };
        let [a, b] = [a, b].map(|sig| self.signatures.slots(sig).iter().map(texts));
        a.cmp(b)
    }
}
