//! Numbers of identifiers and signatures that were removed are used again.
//!
//! Numbers are places in arrays, so a removed one leaves a hole. Once there are more holes than
//! numbers in use, the graph is made again from what is left, and every number changes.
//!
//! Cost: that of observing what is left. It is paid after at least as many removals, so a removal
//! costs the same on average however many there were.

use super::evidence::NONE;
use super::graph::IdentityGraph;
use super::state::State;
use crate::Result;

/// Fewer holes than this stay.
const FEW: usize = 1 << 12;

impl IdentityGraph {
    /// Gives new numbers to identifiers and signatures if most numbers are out of use; returns the new
    /// number of every old signature, [`NONE`] for those that are gone.
    pub(crate) fn renumber_if_sparse(&mut self) -> Option<Vec<u32>> {
        if self.is_sparse() { self.renumber() } else { None }
    }

    /// Whether most numbers are out of use.
    pub(crate) fn is_sparse(&self) -> bool {
        let (used, gone) = self.state.evidence.n_used_and_gone();
        gone >= FEW && gone >= used
    }

    /// Gives new numbers, without holes, to identifiers and signatures.
    pub(crate) fn renumber(&mut self) -> Option<Vec<u32>> {
        // What was checked when it came passes again.
        let (state, numbers) = renumbered(&self.state).ok()?;
        *self = Self::from_state(state);
        Some(numbers)
    }
}

/// The same state without holes in its numbers, and the new number of every old signature.
fn renumbered(old: &State) -> Result<(State, Vec<u32>)> {
    let mut new = State::new(old.policy.rules().clone())?;
    new.evidence.keep_messages_from(old.evidence.messages_from());
    let signatures = old.evidence.signatures();
    let mut numbers = vec![NONE; signatures.len()];
    for sig in signatures.live() {
        let (parts, times) = (old.parts_of(sig), signatures.times(sig));
        numbers[sig as usize] = new.record_parts(&parts, times, signatures.message(sig))?;
    }
    new.follow();
    new.policy.forgotten = old.policy.forgotten.clone();
    Ok((new, numbers))
}

#[cfg(test)]
mod tests {
    use super::super::{IdentityGraph, Rules};
    use crate::{Event, Timestamp};

    #[test]
    fn a_graph_that_forgets_as_many_as_come_stays_at_one_size() {
        let at = Timestamp::from_millis(1_500_000_000_000);
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        // The largest of the first and of the second half.
        let mut sizes = [0, 0];
        for i in 0..20_000 {
            let user = format!("user {i:05}");
            let event = Event::new("", at).id("user_id", &*user).id("cookie", format!("c{i:05}"));
            graph.observe(&event).unwrap();
            if i >= 10 {
                let gone = graph.get(("user_id", &format!("user {:05}", i - 10))).unwrap();
                graph.forget(gone).unwrap();
                graph.allow("user_id", &format!("user {:05}", i - 10));
                graph.allow("cookie", &format!("c{:05}", i - 10));
            }
            let memory = graph.memory();
            let size = &mut sizes[i / 10_000];
            *size = (*size).max(memory.identifiers + memory.profiles + memory.evidence);
        }
        assert_eq!((graph.n_profiles(), graph.n_identifiers()), (10, 20));
        assert!(sizes[1] <= sizes[0], "{sizes:?}");
    }
}
