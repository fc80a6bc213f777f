//! Merges one graph into another: the union of their evidence and of what they forgot.

use super::evidence::CAPACITY;
use super::forget::{self, Moves};
use super::policy::{Admitted, Kind, MAX_KINDS, Pair, Relation};
use super::state::State;
use crate::{Error, Refusal, Result};

/// Adds the evidence of another state; returns where the signatures of both went.
pub(super) fn merge(state: &mut State, other: &State) -> Result<(Moves, Moves)> {
    if state.policy.rules().automatic() != other.policy.rules().automatic() {
        return Err(Error::parameter("other", "a graph with the same rules and key", "another"));
    }
    check_room(state, other)?;
    let ours = forget_theirs(state, other);
    add_links(state, other)?;
    let mut theirs = Moves::new();
    for sig in other.evidence.signatures().live() {
        let mut parts = other.parts_of(sig);
        let mut to = None;
        if state.policy.leave_out_forgotten(&mut parts) == Admitted::Kept {
            let signatures = other.evidence.signatures();
            let (times, message) = (signatures.times(sig), signatures.message(sig));
            to = Some(state.record_parts(&parts, times, message)?);
        }
        theirs.push((sig, to));
    }
    state.follow();
    Ok((ours, theirs))
}

fn check_room(state: &State, other: &State) -> Result<()> {
    let theirs =
        (0..other.policy.kinds().len()).map(|kind| &other.policy.kinds().get(kind as Kind).name);
    let new = theirs.filter(|name| state.policy.kinds().find(name).is_none());
    if state.policy.kinds().len() + new.count() > MAX_KINDS {
        return Err(Refusal::Full { what: "kinds".into(), limit: MAX_KINDS }.into());
    }
    let (nodes, signatures) = (other.evidence.nodes(), other.evidence.signatures());
    state.evidence.check_room(nodes.len().max(signatures.n_slots()), signatures.len())?;
    debug_assert!(nodes.len() <= CAPACITY);
    Ok(())
}

/// Forgets what the other has forgotten.
fn forget_theirs(state: &mut State, other: &State) -> Moves {
    if other.policy.forgotten.is_empty() {
        return Moves::new();
    }
    let is_theirs = |node: &u32| {
        let name = state.basis().name(*node);
        other.policy.is_forgotten(&name.kind, &name.value)
    };
    let nodes = 0..state.evidence.nodes().len() as u32;
    let held = nodes.filter(|&node| state.evidence.is_held(&state.policy, node));
    let gone = held.filter(is_theirs).collect();
    state.policy.forgotten.extend(other.policy.forgotten.iter().copied());
    forget::forget_nodes(state, &gone)
}

/// Adds the manual links of the other that name nobody who was forgotten.
fn add_links(state: &mut State, other: &State) -> Result<()> {
    let remains = |state: &State, (a, b): &Pair| {
        ![a, b].iter().any(|end| state.policy.is_forgotten(&end.kind, &end.value))
    };
    for relation in [Relation::Must, Relation::Cannot] {
        for pair in other.policy.rules().links(relation) {
            if remains(state, pair) {
                state.add_link(relation, pair)?;
            }
        }
    }
    for pair in other.policy.rules().links(Relation::Alias) {
        if remains(state, pair) {
            state.reject_alias(pair);
            state.policy.set_link(Relation::Alias, pair, true);
        }
    }
    Ok(())
}
