//! Merges one graph into another: the union of their evidence and of what they forgot.

use hashbrown::HashSet;

use super::evidence::{Recorded, Times};
use super::extract::Extract;
use super::forget::{self, Moves};
use super::links::Links;
use super::policy::{
    ANONYMOUS, Admitted, CheckedIdentifier, Kind, MAX_KINDS, PREVIOUS, Pair, Relation, Rules, USER,
};
use super::profile_id::ProfileId;
use super::state::State;
use crate::num::parallel;
use crate::{Error, Refusal, Result};

/// Adds the evidence of another state; returns where the signatures of both went.
pub(super) fn merge(state: &mut State, other: &State) -> Result<(Moves, Moves)> {
    if state.policy.rules().automatic() != other.policy.rules().automatic() {
        return Err(Error::parameter("other", "a graph with equal rules and key", "different"));
    }
    let (nodes, signatures) = (other.evidence.nodes(), other.evidence.signatures());
    let kinds =
        (0..other.policy.kinds().len()).map(|kind| &*other.policy.kinds().get(kind as Kind).name);
    check_room(state, kinds, nodes.len().max(signatures.n_slots()), signatures.len())?;
    let forgotten = other.policy.forgotten.iter().copied();
    let ours = adopt(state, forgotten, Some(other.policy.rules()), None);
    let mut theirs = Moves::new();
    for sig in signatures.live() {
        let mut parts = other.parts_of(sig);
        let to = add_signature(state, &mut parts, signatures.times(sig), signatures.message(sig))?;
        theirs.push((sig, to));
    }
    state.follow();
    Ok((ours, theirs))
}

/// Checks that an extract of another state and its manual links could have been observed, and that there is room.
pub(super) fn check(state: &State, extract: &Extract<'_>, links: Option<&Links<'_>>) -> Result<()> {
    links.map_or(Ok(()), Links::check)?;
    extract.check(&state.policy)?;
    let named = || links.into_iter().flat_map(Links::kinds);
    let n_slots = extract.n_slots() + named().count();
    check_room(state, extract.kinds().chain(named()), n_slots, extract.n_signatures())
}

/// Adds an extract of another state that was checked, as [`IdentityGraph::absorb`](super::IdentityGraph) says.
pub(super) fn absorb(
    state: &mut State,
    extract: &Extract<'_>,
    forgotten: &[ProfileId],
    links: Option<&Links<'_>>,
    allowed: Option<&[ProfileId]>,
) -> (Moves, Moves) {
    let rules = links.map(|links| links.rules(state.policy.rules()));
    let ours = adopt(state, forgotten.iter().copied(), rules.as_ref(), allowed);
    let sets = extract.sets(state, allowed.is_some());
    let recorded = state.record(vec![sets]).pop().unwrap_or_default();
    state.follow();
    let to = |sig: u32| (sig != Recorded::NONE).then_some(sig);
    let theirs = (0..).zip(recorded.signatures).map(|(from, sig)| (from, to(sig)));
    (ours, theirs.collect())
}

/// Forgets whom another graph forgot, and adds its manual links if they are known; there is room for them. If some
/// ids are allowed, these are no longer forgotten, and links that the other does not have are removed.
fn adopt(
    state: &mut State,
    forgotten: impl Iterator<Item = ProfileId>,
    links: Option<&Rules>,
    allowed: Option<&[ProfileId]>,
) -> Moves {
    let ours = forget_marked(state, forgotten);
    allowed.into_iter().flatten().for_each(|id| _ = state.policy.forgotten.remove(id));
    if let Some(rules) = links {
        if allowed.is_some() {
            remove_links(state, rules);
        }
        add_links(state, rules);
    }
    ours
}

/// Adds observations of identifiers without those that were forgotten; their signature, if any are left.
fn add_signature(
    state: &mut State,
    parts: &mut Vec<CheckedIdentifier<'_>>,
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
    let marks: Vec<ProfileId> = marks.collect();
    state.policy.forgotten.extend(marks.iter().copied());
    let all = state.evidence.nodes();
    if marks.is_empty() || all.len() == 0 {
        return Moves::new();
    }
    let kinds = state.policy.kinds();
    // What was forgotten before is not there any more, so only the new marks are looked for. A previous id goes
    // with what it may turn out to be.
    let marks: HashSet<ProfileId> = marks.into_iter().collect();
    let is_marked = |node: u32| {
        let (kind, value) = (&*kinds.get(all.kind(node)).name, all.value(node));
        let meant: &[&str] = if kind == PREVIOUS { &[USER, ANONYMOUS] } else { &[] };
        let has = |kind: &str| marks.contains(&state.policy.id_of(kind, value));
        has(kind) || meant.iter().any(|kind| has(kind))
    };
    let found = parallel::map_chunks(all.len(), 200, |nodes| {
        let nodes = nodes.start as u32..nodes.end as u32;
        let held = nodes.filter(|&node| state.evidence.is_held(&state.policy, node));
        held.filter(|&node| is_marked(node)).collect::<Vec<u32>>()
    });
    let gone = found.concat().into_iter().collect();
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

/// Adds the manual links of the other that name nobody who was forgotten; there is room for them.
fn add_links(state: &mut State, other: &Rules) {
    let remains = |state: &State, (a, b): &Pair| {
        ![a, b].iter().any(|end| state.policy.is_forgotten(&end.kind, &end.value))
    };
    for relation in [Relation::Must, Relation::Cannot] {
        for pair in other.links(relation) {
            if remains(state, pair) {
                state.add_link(relation, pair);
            }
        }
    }
    for pair in other.links(Relation::Alias) {
        if remains(state, pair) {
            state.reject_alias(pair);
        }
    }
}
