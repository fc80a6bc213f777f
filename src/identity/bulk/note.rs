//! What many new signatures say of their identifiers.
//!
//! The same as `status` says of one signature after another, on all threads: each looks at all new
//! slots, and notes those of its own range of identifiers.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::IdentityGraph;
use super::super::evidence::{CLAIM, flag};
use super::super::status::EXACT;
use crate::num::{parallel, prefetch};

/// Signatures that are looked at together: what they ask for must stay in the near cache.
const GROUP: usize = 32;

/// What noting leaves to be done.
#[derive(Default)]
struct Left {
    /// Nodes whose components must be joined anew.
    pending: Vec<u32>,
    /// Nodes that may have become shared, with the signatures that say so.
    hubs: Vec<(u32, u32)>,
}

impl IdentityGraph {
    /// Notes what the signatures from `old` on say of their identifiers; `weights` has, of each of
    /// their slots, how many values a hub rule counts there, at most; nothing if that is always 0.
    pub(super) fn note_new(&mut self, old: usize, weights: &[u8]) {
        let (from, to) = (old as u32, self.signatures.len() as u32);
        if from == to {
            return;
        }
        let n_slots = self.signatures.n_slots() - self.signatures.range(from).start;
        let next = parallel::map(n_slots, 1, |_| AtomicU32::new(0));
        let least = self.kinds.least_hub().min(usize::from(EXACT) - 1);
        let len = self.nodes.len().div_ceil(parallel::n_threads());
        let unit = 4 * n_slots / len.max(1) + 1;
        let signatures = &self.signatures;
        let first_slot = signatures.range(from).start;
        let left = parallel::map_chunks_mut(&mut self.nodes.facts, len, unit, |range, facts| {
            let (base, mut left) = ((range * len) as u32, Left::default());
            let own = |slot: u32| (slot & !CLAIM).wrapping_sub(base) as usize;
            for group in (from..to).step_by(GROUP) {
                let end = to.min(group + GROUP as u32);
                let slots = signatures.range(group).start..signatures.range(end - 1).end;
                for &slot in &signatures.all_slots()[slots] {
                    prefetch::soon_at(facts, own(slot));
                }
                for sig in group..end {
                    let at = signatures.first(sig);
                    for i in signatures.range(sig) {
                        let slot = signatures.all_slots()[i];
                        let Some(node) = facts.get_mut(own(slot)) else { continue };
                        let head = std::mem::replace(&mut node.head, sig);
                        next[i - first_slot].store(head, Relaxed);
                        if node.see(slot & CLAIM != 0) {
                            left.pending.push(slot & !CLAIM);
                        }
                        node.lower(slot & CLAIM != 0, at);
                        let weight = weights.get(i - first_slot).copied().map_or(0, usize::from);
                        if weight == 0 || node.flags & (flag::BLOCKED | flag::SHARED) != 0 {
                            continue;
                        }
                        let rough = usize::from(node.degree) + weight;
                        if node.degree == EXACT || rough > least {
                            left.hubs.push((slot & !CLAIM, sig));
                        } else {
                            node.degree = rough as u8;
                        }
                    }
                }
            }
            left
        });
        self.signatures.link(n_slots, |i| next[i].load(Relaxed));
        for left in left {
            self.pending.extend(left.pending);
            for (node, sig) in left.hubs {
                self.note_values(node, sig);
            }
        }
    }
}
