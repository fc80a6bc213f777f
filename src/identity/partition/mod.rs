//! Who is who: components of links, and profiles as parts of them.
//!
//! Links join components as they come. When an identifier becomes or ceases to be shared or
//! verified, the components at it are dissolved and joined again; nothing else is touched. A
//! component in which no rule may part anybody is a profile as it stands. The others go through the
//! constrained merge at the next read. Evidence that changes no earlier decision extends its result
//! (`merged`); anything else in the component, and it is merged again at the next read.
//!
//! Invariants, once [`Partition::follow`] was called: every node is in the component that the links
//! of all live signatures and the must-links give it; a merge that is kept is still true.

mod basis;
mod components;
mod constrained;
mod edges;
mod gather;
mod merged;
mod reason;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use basis::{Basis, End};
use components::Components;
use constrained::constrained_merge;
use edges::edges_of;
pub(crate) use edges::{Edge, compare_edges, edges_among, futile_edges, sort_edges};
pub(crate) use merged::MergedComponent;
pub use reason::Reason;

use super::evidence::{Pending, flag, node_of};
use super::policy::Relation;
use super::touched::Touched;
use crate::num::parallel;

/// Signatures that are joined together: what they prefetch must stay in the near cache.
const GROUP: usize = 64;

/// Fewer new signatures than this are joined one after another.
const MANY: usize = 1024;

/// Components of nodes, and the merges of those that a rule may part.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    sets: Components,
    /// Signatures before this number are joined.
    n_joined: usize,
    /// What evidence changed since.
    changes: Pending,
    merges: RwLock<ConstrainedMerges>,
    /// Where profiles may have changed, if somebody follows.
    touched: Option<Touched>,
}

/// The constrained merges of components, by root.
#[derive(Debug, Clone, Default)]
struct ConstrainedMerges {
    /// Those that are still true.
    known: HashMap<u32, Arc<MergedComponent>>,
    /// Roots of components whose merge is not known.
    pending: BTreeSet<u32>,
    /// Profiles beyond the first of the components in `known`.
    n_extra: usize,
}

impl ConstrainedMerges {
    /// Forgets the merge of a component; returns whether it has one.
    fn remove(&mut self, root: u32) -> bool {
        if let Some(merged) = self.known.remove(&root) {
            self.n_extra -= merged.n_clusters() - 1;
            return true;
        }
        self.pending.remove(&root)
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty() && self.pending.is_empty()
    }

    fn insert(&mut self, root: u32, merged: &Arc<MergedComponent>) {
        if self.pending.remove(&root) {
            self.n_extra += merged.n_clusters() - 1;
            self.known.insert(root, Arc::clone(merged));
        }
    }
}

impl Clone for Partition {
    fn clone(&self) -> Self {
        let merges = self.merges.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (sets, changes) = (self.sets.clone(), self.changes.clone());
        let (n_joined, touched) = (self.n_joined, self.touched.clone());
        Self { sets, n_joined, changes, merges: RwLock::new(merges), touched }
    }
}

impl Partition {
    /// The partition of no evidence.
    pub(super) fn new(n_counters: usize) -> Self {
        Self { sets: Components::new(n_counters), ..Self::default() }
    }

    /// What evidence changed since the partition was last up to date.
    pub(super) fn changes(&mut self) -> &mut Pending {
        &mut self.changes
    }

    /// Signatures before this number are joined.
    pub(super) fn n_joined(&self) -> usize {
        self.n_joined
    }

    /// Records from now on where profiles may have changed.
    pub(super) fn track(&mut self) {
        self.touched.get_or_insert_default();
    }

    /// Places where profiles may have changed.
    pub(super) fn n_touched(&self) -> usize {
        self.touched.as_ref().map_or(0, Touched::len)
    }

    /// Where profiles may have changed, if that is recorded.
    pub(super) fn touched(&mut self) -> Option<&mut Touched> {
        self.touched.as_mut()
    }

    /// Nodes whose links evidence changed since.
    pub(super) fn flipped(&self) -> &[u32] {
        &self.changes.flipped
    }

    /// Whether the partition is up to date.
    pub(super) fn is_current(&self, basis: Basis<'_>) -> bool {
        self.n_joined == basis.evidence.signatures().len() && self.changes.flipped.is_empty()
    }

    /// Brings the partition up to date. When most signatures are new, everything is joined again,
    /// which is several times faster.
    pub(super) fn follow(&mut self, basis: Basis<'_>) {
        let n = basis.evidence.signatures().len();
        let n_new = n - self.n_joined;
        if n_new >= MANY && 2 * n_new > n {
            self.sets = gather::all_components(basis);
            self.find_pending(basis);
            if let Some(touched) = &mut self.touched {
                touched.all = true;
            }
        } else {
            self.grow(basis);
            self.join_new(basis);
            let mut changes = std::mem::take(&mut self.changes);
            if let Some(touched) = &mut self.touched {
                let slots = |&sig: &u32| basis.evidence.signatures().slots(sig).iter();
                touched.nodes.extend_from_slice(&changes.earlier);
                touched
                    .nodes
                    .extend(changes.retimed.iter().flat_map(slots).map(|&slot| node_of(slot)));
            }
            for &node in &changes.earlier {
                self.offer(node, basis);
            }
            for &sig in &changes.retimed {
                let slots = basis.evidence.signatures().slots(sig);
                slots.iter().for_each(|&slot| self.touch(node_of(slot)));
            }
            if !changes.flipped.is_empty() {
                changes.flipped.sort_unstable();
                changes.flipped.dedup();
                self.rejoin_around(&changes.flipped, basis);
            }
            self.changes = changes;
        }
        self.n_joined = n;
        self.changes.clear();
        self.changes.n_known = basis.evidence.nodes().len();
    }

    /// Adds the nodes that are new, each as a component of its own.
    fn grow(&mut self, basis: Basis<'_>) {
        for _ in self.sets.len()..basis.evidence.nodes().len() {
            self.sets.push(basis);
        }
    }

    /// Joins the components that new signatures connect.
    fn join_new(&mut self, basis: Basis<'_>) {
        let signatures = basis.evidence.signatures();
        let n = signatures.len() as u32;
        let mut roots = Vec::new();
        for start in (self.n_joined as u32..n).step_by(GROUP) {
            let group = start..n.min(start + GROUP as u32);
            let slots = signatures.slots_of_range(group.clone());
            if group.len() > 1 {
                self.prefetch_roots(slots, &mut roots, basis);
            }
            for sig in group {
                if self.extend(sig, basis) {
                    continue;
                }
                self.join(sig, basis);
                let slots = signatures.slots(sig).iter();
                slots.for_each(|&slot| self.touch(node_of(slot)));
            }
        }
    }

    /// Adds a new signature to the merge of the only component with more than one member that it
    /// touches, if that is certain to change no earlier decision.
    fn extend(&mut self, sig: u32, basis: Basis<'_>) -> bool {
        let merges = self.merges.get_mut().unwrap_or_else(PoisonError::into_inner);
        if merges.known.is_empty() || !basis.evidence.signatures().is_live(sig) {
            return false;
        }
        let edges = edges_of(sig, basis);
        let ends = edges.iter().flat_map(|edge| [edge.a.0, edge.b.0]);
        let mut roots = ends.filter(|&end| !self.sets.is_alone(end)).map(|end| self.sets.root(end));
        let Some(root) = roots.next() else {
            // Without links it says nothing of who is who.
            return edges.is_empty();
        };
        if roots.any(|other| other != root) {
            return false;
        }
        let Some(merged) = merges.known.get_mut(&root) else { return false };
        let merged = Arc::make_mut(merged);
        let n_before = merged.n_clusters();
        let is_extended = merged.extend(edges.clone(), basis);
        merges.n_extra += merged.n_clusters() - n_before;
        if !is_extended {
            return false;
        }
        for edge in &edges {
            self.sets.union(edge.a.0, edge.b.0, basis);
        }
        let top = self.sets.root(edges[0].a.0);
        if top != root
            && let Some(merged) = merges.known.remove(&root)
        {
            merges.known.insert(top, merged);
        }
        true
    }

    /// Lets a node whose first time is earlier now name its profile.
    fn offer(&mut self, node: u32, basis: Basis<'_>) {
        self.sets.offer(node, basis);
        let merges = self.merges.get_mut().unwrap_or_else(PoisonError::into_inner);
        if merges.known.is_empty() || self.sets.is_alone(node) {
            return;
        }
        if let Some(merged) = merges.known.get_mut(&self.sets.root(node)) {
            Arc::make_mut(merged).offer(node, basis);
        }
    }

    /// Prefetches what joining reads: nodes, the ways to the roots, the roots' names.
    fn prefetch_roots(&self, slots: &[u32], roots: &mut Vec<u32>, basis: Basis<'_>) {
        let nodes = basis.evidence.nodes();
        for &slot in slots {
            nodes.prefetch_node(node_of(slot));
            self.sets.prefetch(node_of(slot));
        }
        roots.clear();
        roots.extend(slots.iter().map(|&slot| self.sets.prefetch_parent(node_of(slot))));
        for _ in 0..2 {
            roots.iter_mut().for_each(|node| *node = self.sets.prefetch_parent(*node));
        }
        for &root in &*roots {
            self.sets.prefetch_counts(root);
            nodes.prefetch_node(root);
            nodes.prefetch_node(self.sets.hint(root));
        }
    }

    /// Joins the components that a signature's links connect.
    fn join(&mut self, sig: u32, basis: Basis<'_>) {
        let signatures = basis.evidence.signatures();
        let slots = signatures.slots(sig);
        if slots.len() < 2 || !signatures.is_live(sig) {
            return;
        }
        let Some(anchor) = basis.anchor(slots) else { return };
        basis.connected(slots, anchor).for_each(|other| self.unite(anchor, other, basis));
    }

    /// Joins the components of two nodes.
    fn unite(&mut self, a: u32, b: u32, basis: Basis<'_>) {
        let roots = [a, b].map(|node| self.sets.root(node));
        let Some(top) = self.sets.union(a, b, basis) else { return };
        let may_part = self.may_part(top, basis);
        let merges = self.merges.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !merges.is_empty() {
            roots.into_iter().for_each(|root| _ = merges.remove(root));
        }
        if may_part {
            merges.pending.insert(top);
        }
    }

    /// Whether a rule may part the members of a root's component.
    fn may_part(&self, root: u32, basis: Basis<'_>) -> bool {
        let kinds = basis.policy.kinds();
        let broken = |(counter, &n): (usize, &u16)| {
            n == u16::MAX || usize::from(n) > kinds.limit_of_counter(counter)
        };
        self.sets.may_part(root) || self.sets.counts(root).iter().enumerate().any(broken)
    }

    /// Finds the components of which a rule may part the members.
    fn find_pending(&mut self, basis: Basis<'_>) {
        let roots = parallel::map_chunks(self.sets.len(), 2, |nodes| {
            let nodes = nodes.start as u32..nodes.end as u32;
            let pending = nodes.filter(|&node| {
                !self.sets.is_alone(node)
                    && self.sets.root(node) == node
                    && self.may_part(node, basis)
            });
            pending.collect::<Vec<u32>>()
        });
        let pending = roots.concat().into_iter().collect();
        self.merges = RwLock::new(ConstrainedMerges { pending, ..ConstrainedMerges::default() });
    }

    /// Forgets the merge of a node's component.
    fn touch(&mut self, node: u32) {
        let merges = self.merges.get_mut().unwrap_or_else(PoisonError::into_inner);
        if merges.known.is_empty() || self.sets.is_alone(node) {
            return;
        }
        let root = self.sets.root(node);
        if merges.remove(root) {
            merges.pending.insert(root);
        }
    }

    /// Joins again all components at nodes whose links changed.
    fn rejoin_around(&mut self, flipped: &[u32], basis: Basis<'_>) {
        let mut seeds = flipped.to_vec();
        for &node in flipped {
            for (sig, _) in basis.evidence.signatures_of(node) {
                seeds.extend(basis.evidence.signatures().slots(sig).iter().copied().map(node_of));
            }
        }
        self.rejoin(&seeds, basis);
    }

    /// Dissolves the components of some nodes and joins their members again.
    pub(super) fn rejoin(&mut self, nodes: &[u32], basis: Basis<'_>) {
        self.grow(basis);
        let mut roots: Vec<u32> = nodes.iter().map(|&node| self.sets.root(node)).collect();
        roots.sort_unstable();
        roots.dedup();
        let mut members = Vec::new();
        let merges = self.merges.get_mut().unwrap_or_else(PoisonError::into_inner);
        for &root in &roots {
            merges.remove(root);
            members.extend(self.sets.members(root));
        }
        if let Some(touched) = &mut self.touched {
            touched.rejoined.extend_from_slice(&members);
        }
        self.sets.isolate(&members, basis);
        for &node in members.iter().filter(|&&node| basis.is_usable(node)) {
            basis.anchored(node).for_each(|sig| self.join(sig, basis));
        }
        for &node in &members {
            if basis.evidence.nodes().has(node, flag::MUST) {
                let others = basis.policy.manual.joined(node);
                others.for_each(|other| self.unite(node, other, basis));
            }
        }
    }

    /// Follows a manual link that was added.
    pub(super) fn add_link(&mut self, relation: Relation, a: u32, b: u32, basis: Basis<'_>) {
        self.grow(basis);
        if let Some(touched) = &mut self.touched {
            touched.nodes.extend([a, b]);
        }
        match relation {
            Relation::Idle => {}
            Relation::Must | Relation::Alias => {
                self.unite(a, b, basis);
                self.touch(a);
            }
            Relation::Cannot => {
                for node in [a, b] {
                    self.touch(node);
                    let root = self.sets.root(node);
                    self.sets.set_may_part(root);
                    if !self.sets.is_alone(root) {
                        let merges = self.merges.get_mut();
                        let merges = merges.unwrap_or_else(PoisonError::into_inner);
                        merges.pending.insert(root);
                    }
                }
            }
        }
    }

    /// The constrained merge of a node's component, if a rule may part its members.
    pub(super) fn merged(&self, node: u32, basis: Basis<'_>) -> Option<Arc<MergedComponent>> {
        debug_assert!(self.is_current(basis));
        if self.sets.is_alone(node) {
            return None;
        }
        let root = self.sets.root(node);
        if !self.may_part(root, basis) {
            return None;
        }
        let known = self.merges.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(merged) = known.known.get(&root) {
            return Some(Arc::clone(merged));
        }
        drop(known);
        let mut members: Vec<u32> = self.sets.members(root).collect();
        members.sort_unstable();
        let merged = Arc::new(constrained_merge(members, basis));
        let mut merges = self.merges.write().unwrap_or_else(PoisonError::into_inner);
        merges.insert(root, &merged);
        Some(merged)
    }

    /// Prefetches what tells a node's profile, if no rule parts it; returns a node that may name it.
    pub(super) fn prefetch_name(&self, node: u32, basis: Basis<'_>) -> Option<u32> {
        if (node as usize) >= self.sets.len() {
            return None;
        }
        let hint = self.sets.hint(node);
        basis.evidence.nodes().prefetch_end(hint);
        let root = self.sets.root(node);
        self.sets.prefetch(root);
        self.sets.prefetch_counts(root);
        basis.evidence.nodes().prefetch_node(root);
        Some(hint)
    }

    /// Prefetches what is known of a node.
    pub(super) fn prefetch(&self, node: u32) {
        self.sets.prefetch(node);
    }

    /// The node that names a node's profile.
    pub(super) fn name_of(&self, node: u32, basis: Basis<'_>) -> u32 {
        if self.sets.is_alone(node) {
            return node;
        }
        match self.merged(node, basis) {
            Some(merged) => merged.name_of(node),
            None => self.sets.best(self.sets.root(node)),
        }
    }

    /// The members of a node's profile, ascending.
    pub(super) fn members_of(&self, node: u32, basis: Basis<'_>) -> Vec<u32> {
        let mut members: Vec<u32> = match self.merged(node, basis) {
            Some(merged) => merged.members_of(node).collect(),
            None => self.sets.members(node).collect(),
        };
        members.sort_unstable();
        members
    }

    /// The components as one node of each.
    pub(super) fn roots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.sets.len() as u32).filter(|&node| self.sets.root(node) == node)
    }

    /// Whether a rule may part the members of a node's component: then it can be several profiles.
    pub(super) fn is_contested(&self, node: u32, basis: Basis<'_>) -> bool {
        !self.sets.is_alone(node) && self.may_part(self.sets.root(node), basis)
    }

    /// The members of a node's component, ascending.
    pub(super) fn component_of(&self, node: u32) -> Vec<u32> {
        let mut members: Vec<u32> = self.sets.members(node).collect();
        members.sort_unstable();
        members
    }

    /// Number of profiles. Runs the merges that are pending; otherwise it is a matter of counts.
    pub(super) fn n_profiles(&self, basis: Basis<'_>) -> usize {
        let pending: Vec<u32> = {
            let merges = self.merges.read().unwrap_or_else(PoisonError::into_inner);
            merges.pending.iter().copied().collect()
        };
        parallel::map(pending.len(), 1 << 12, |i| drop(self.merged(pending[i], basis)));
        let merges = self.merges.read().unwrap_or_else(PoisonError::into_inner);
        basis.evidence.nodes().n_in_profiles() - self.sets.n_joined() + merges.n_extra
    }

    /// Forgets all merges, so that each is made from the beginning at the next read.
    #[cfg(test)]
    pub(super) fn forget_merges(&mut self, basis: Basis<'_>) {
        self.find_pending(basis);
    }

    /// Number of merges that are known.
    #[cfg(test)]
    pub(super) fn n_known(&self) -> usize {
        self.merges.read().unwrap_or_else(PoisonError::into_inner).known.len()
    }

    pub(super) fn shrink(&mut self) {
        self.sets.shrink();
    }

    /// Bytes of the components; merges that are kept are not counted.
    pub(super) fn bytes(&self) -> usize {
        self.sets.bytes()
    }
}
