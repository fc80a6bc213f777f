//! Merges one graph into another: the union of their evidence and of what they forgot.

use super::evidence::Times;
use super::extract::Extract;
use super::forget::{self, Moves};
use super::policy::{Admitted, Kind, MAX_KINDS, Pair, Part, Relation, Rules};
use super::profile_id::ProfileId;
use super::state::State;
use crate::{Error, Refusal, Result};

/// Signatures by which the look-up of identifiers is prefetched.
const PREFETCH: usize = 8;

/// Adds the evidence of another state; returns where the signatures of both went.
pub(super) fn merge(state: &mut State, other: &State) -> Result<(Moves, Moves)> {
    if state.policy.rules().automatic() != other.policy.rules().automatic() {
        return Err(Error::parameter("other", "a graph with equal rules and key", "different"));
    }
    let (nodes, signatures) = (other.evidence.nodes(), other.evidence.signatures());
    let kinds =
        (0..other.policy.kinds().len()).map(|kind| &*other.policy.kinds().get(kind as Kind).name);
    check_room(state, kinds, nodes.len().max(signatures.n_slots()), signatures.len())?;
    let ours = forget_marked(state, other.policy.forgotten.iter().copied());
    add_links(state, other.policy.rules())?;
    let mut theirs = Moves::new();
    for sig in signatures.live() {
        let mut parts = other.parts_of(sig);
        let to = add_signature(state, &mut parts, signatures.times(sig), signatures.message(sig))?;
        theirs.push((sig, to));
    }
    state.follow();
    Ok((ours, theirs))
}

/// Adds an extract of another state, as [`IdentityGraph::absorb`](super::IdentityGraph) says.
pub(super) fn absorb(
    state: &mut State,
    extract: &Extract,
    links: Option<[Vec<Pair>; 3]>,
    allowed: Option<&[ProfileId]>,
) -> Result<(Moves, Moves)> {
    let rules = links.map(|links| state.policy.rules().with_links(links));
    rules.iter().try_for_each(Rules::check)?;
    let named = || rules.iter().flat_map(Rules::all_links).flatten().flat_map(|(a, b)| [a, b]);
    let checked = extract.check(&state.policy)?;
    let kinds = extract.kinds().chain(named().map(|end| &*end.kind));
    check_room(state, kinds, extract.n_slots() + named().count(), checked.len())?;
    let ours = forget_marked(state, extract.forgotten.iter().copied());
    allowed.into_iter().flatten().for_each(|id| _ = state.policy.forgotten.remove(id));
    if let Some(rules) = &rules {
        if allowed.is_some() {
            remove_links(state, rules);
        }
        add_links(state, rules)?;
    }
    let (mut theirs, mut parts) = (Moves::with_capacity(checked.len()), Vec::new());
    for sig in 0..checked.len() {
        state.prefetch_parts(checked.parts(sig + PREFETCH));
        parts.clear();
        let (mut times, message) = checked.signature(sig, &mut parts);
        if allowed.is_some()
            && let Some(known) = state.evidence.find_signature(&state.policy, &parts)
        {
            // Times and messages only grow, so that only the count says what was there before.
            let n = state.evidence.signatures().times(known).count;
            times.count = times.count.saturating_sub(n);
        }
        theirs.push((sig as u32, add_signature(state, &mut parts, times, message)?));
    }
    state.follow();
    Ok((ours, theirs))
}

/// Adds observations of identifiers without those that were forgotten; their signature, if any are left.
fn add_signature(
    state: &mut State,
    parts: &mut Vec<Part<'_>>,
    times: Times,
    message: Option<&str>,
) -> Result<Option<u32>> {
    match state.policy.leave_out_forgotten(parts) {
        Admitted::Kept => Ok(Some(state.record_parts(parts, times, message)?)),
        Admitted::Suppressed => Ok(None),
    }
}

fn check_room<'k>(
    state: &State,
    kinds: impl Iterator<Item = &'k str>,
    n_slots: usize,
    n_signatures: usize,
) -> Result<()> {
    if !state.policy.kinds().has_room_for(kinds) {
        return Err(Refusal::Full { what: "kinds".into(), limit: MAX_KINDS }.into());
    }
    state.evidence.check_room(n_slots, n_signatures)?;
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
    let (kinds, all) = (state.policy.kinds(), state.evidence.nodes());
    let is_marked =
        |&node: &u32| state.policy.is_forgotten(&kinds.get(all.kind(node)).name, all.value(node));
    let nodes = 0..all.len() as u32;
    let held = nodes.filter(|&node| state.evidence.is_held(&state.policy, node));
    let gone = held.filter(is_marked).collect();
    forget::forget_nodes(state, &gone)
}

/// Removes the manual links that the other does not have. Aliases that were taken back stay so until somebody
/// is forgotten.
fn remove_links(state: &mut State, other: &Rules) {
    for relation in [Relation::Must, Relation::Cannot] {
        let theirs = other.links(relation);
        let gone: Vec<Pair> =
            state.policy.rules().links(relation).difference(theirs).cloned().collect();
        gone.iter().for_each(|pair| state.remove_link(relation, pair));
    }
}

/// Adds the manual links of the other that name nobody who was forgotten.
fn add_links(state: &mut State, other: &Rules) -> Result<()> {
    let remains = |state: &State, (a, b): &Pair| {
        ![a, b].iter().any(|end| state.policy.is_forgotten(&end.kind, &end.value))
    };
    for relation in [Relation::Must, Relation::Cannot] {
        for pair in other.links(relation) {
            if remains(state, pair) {
                state.add_link(relation, pair)?;
            }
        }
    }
    for pair in other.links(Relation::Alias) {
        if remains(state, pair) {
            state.reject_alias(pair);
        }
    }
    Ok(())
}
