//! Merges one graph into another: the union of their evidence and of what they forgot.

use super::evidence::{CAPACITY, Times};
use super::forget::{self, Moves};
use super::policy::{Admitted, Kind, MAX_KINDS, Pair, Part, Relation};
use super::profile_id::ProfileId;
use super::state::State;
use crate::{Error, Refusal, Result};

/// Adds the evidence of another state; returns where the signatures of both went.
pub(super) fn merge(state: &mut State, other: &State) -> Result<(Moves, Moves)> {
    if state.policy.rules().automatic() != other.policy.rules().automatic() {
        return Err(Error::parameter("other", "a graph with the same rules and key", "another"));
    }
    check_room(state, other)?;
    let ours = forget_marked(state, other.policy.forgotten.iter().copied());
    add_links(state, other)?;
    let theirs = add_signatures(state, other, |_, _, times| times)?;
    Ok((ours, theirs))
}

/// Brings a state to that of a later one, as [`IdentityGraph::catch_up`](super::IdentityGraph) says.
pub(super) fn catch_up(
    state: &mut State,
    other: &State,
    has_links: bool,
    marks: Vec<ProfileId>,
    allowed: &[ProfileId],
) -> Result<(Moves, Moves)> {
    check_room(state, other)?;
    let ours = forget_marked(state, marks.into_iter());
    allowed.iter().for_each(|id| _ = state.policy.forgotten.remove(id));
    if has_links {
        remove_links(state, other);
        add_links(state, other)?;
    }
    // Times and messages only grow, so that only the count says what was there before.
    let left = |state: &State, parts: &[Part<'_>], times: Times| {
        let known = state.evidence.find_signature(&state.policy, parts);
        let n = known.map_or(0, |known| state.evidence.signatures().times(known).count);
        Times { count: times.count.saturating_sub(n), ..times }
    };
    let theirs = add_signatures(state, other, left)?;
    Ok((ours, theirs))
}

/// Adds signatures, of each of them what `part` says.
fn add_signatures(
    state: &mut State,
    other: &State,
    part: impl Fn(&State, &[Part<'_>], Times) -> Times,
) -> Result<Moves> {
    let mut theirs = Moves::new();
    for sig in other.evidence.signatures().live() {
        let mut parts = other.parts_of(sig);
        let mut to = None;
        if state.policy.leave_out_forgotten(&mut parts) == Admitted::Kept {
            let signatures = other.evidence.signatures();
            let (times, message) = (signatures.times(sig), signatures.message(sig));
            let times = part(state, &parts, times);
            to = Some(state.record_parts(&parts, times, message)?);
        }
        theirs.push((sig, to));
    }
    state.follow();
    Ok(theirs)
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

/// Forgets identifiers by their ids.
fn forget_marked(state: &mut State, marks: impl Iterator<Item = ProfileId>) -> Moves {
    let mut marks = marks.peekable();
    if marks.peek().is_none() {
        return Moves::new();
    }
    // What was forgotten before is not there any more.
    state.policy.forgotten.extend(marks);
    let is_marked = |node: &u32| {
        let name = state.basis().name(*node);
        state.policy.is_forgotten(&name.kind, &name.value)
    };
    let nodes = 0..state.evidence.nodes().len() as u32;
    let held = nodes.filter(|&node| state.evidence.is_held(&state.policy, node));
    let gone = held.filter(is_marked).collect();
    forget::forget_nodes(state, &gone)
}

/// Removes the manual links that the other does not have. Aliases that were taken back stay so until somebody
/// is forgotten.
fn remove_links(state: &mut State, other: &State) {
    for relation in [Relation::Must, Relation::Cannot] {
        let theirs = other.policy.rules().links(relation);
        let gone: Vec<Pair> =
            state.policy.rules().links(relation).difference(theirs).cloned().collect();
        gone.iter().for_each(|pair| state.remove_link(relation, pair));
    }
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
