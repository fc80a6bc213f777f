//! Components of many new signatures.
//!
//! A few are joined to what is there, one after another. When most signatures are new, everything
//! is joined anew: a union-find over the links of all signatures, then one pass over its sets.

use super::super::IdentityGraph;
use super::super::components::Components;
use super::super::evidence::{CLAIM, flag};
use super::super::resolve::Cache;
use crate::num::parallel;
use crate::num::union_find::UnionFind;

/// Signatures that are joined together: what they ask for must stay in the near cache.
const GROUP: usize = 64;

impl IdentityGraph {
    /// Joins the components that the signatures from `first` on connect, and what else is pending.
    pub(crate) fn join_from(&mut self, first: usize) {
        let n = self.signatures.len();
        if 2 * (n - first) > n {
            self.join_all();
            return;
        }
        for node in self.sets.len()..self.nodes.len() {
            self.sets.push(self.kinds.get(self.nodes.kind(node as u32)).counter);
        }
        let (mut roots, mut slots) = (Vec::new(), Vec::new());
        for group in (first as u32..n as u32).step_by(GROUP) {
            let end = (n as u32).min(group + GROUP as u32);
            slots.clear();
            for sig in group..end {
                slots.extend_from_slice(self.signatures.slots(sig));
            }
            self.soon_roots(&slots, &mut roots);
            for sig in group..end {
                self.join(sig);
            }
            for &slot in &slots {
                self.offer(slot & !CLAIM);
                self.unsettle(slot & !CLAIM);
            }
        }
        self.settle();
    }

    /// Asks for what a union reads: the nodes, the ways to the roots, the roots' names.
    fn soon_roots(&self, slots: &[u32], roots: &mut Vec<u32>) {
        slots.iter().for_each(|slot| self.soon_node(slot & !CLAIM));
        roots.clear();
        roots.extend(slots.iter().map(|slot| self.sets.soon_parent(slot & !CLAIM)));
        for _ in 0..2 {
            roots.iter_mut().for_each(|node| *node = self.sets.soon_parent(*node));
        }
        roots.iter().for_each(|&root| self.sets.soon_root(root, &self.nodes));
    }

    /// Joins all components anew.
    fn join_all(&mut self) {
        self.pending.clear();
        self.cache = Cache::default();
        let roots = self.roots();
        self.sets = Components::of_roots(&roots, &mut self.nodes, &self.kinds);
    }

    /// Of every node, the smallest one that links connect it with.
    fn roots(&self) -> Vec<u32> {
        let odd = flag::BLOCKED | flag::SHARED | flag::DEAD;
        let is_odd: Vec<bool> =
            parallel::map(self.nodes.len(), 1, |node| self.nodes.facts[node].flags & odd != 0);
        let sets = UnionFind::new(self.nodes.len());
        let all = self.signatures.all_slots();
        parallel::map_chunks(self.signatures.len(), 20, |sigs| {
            for sig in sigs.start as u32..sigs.end as u32 {
                if !self.signatures.is_live(sig) {
                    continue;
                }
                let range = self.signatures.range(sig);
                for later in all.iter().skip(range.start + GROUP).take(range.len()) {
                    sets.soon((later & !CLAIM) as usize);
                }
                let slots = &all[range];
                // The usual case: the first is the anchor, and all others are linked with it.
                if slots.iter().all(|&slot| slot & CLAIM == 0 && !is_odd[slot as usize]) {
                    for &other in &slots[1..] {
                        sets.union(slots[0] as usize, other as usize);
                    }
                } else if let Some(anchor) = self.anchor(slots) {
                    for &slot in slots.iter().filter(|&&slot| self.connects(slot, anchor)) {
                        sets.union(anchor as usize, (slot & !CLAIM) as usize);
                    }
                }
            }
        });
        for node in self.manual.nodes() {
            for &other in self.manual.friends(node) {
                sets.union(node as usize, other as usize);
            }
        }
        sets.into_roots()
    }
}
