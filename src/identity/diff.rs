//! What other rules would make of the same evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Times;
use super::policy::Rules;
use super::profile_id::ProfileId;
use super::state::State;
use crate::event::IdentifierRef;
use crate::num::union_find::UnionFind;
use crate::{Result, Timestamp};

/// Profiles that other rules would merge, split or both: their ids under the present rules and under
/// the others, each ascending.
type Replaced = [Vec<ProfileId>; 2];

/// The profiles that would merge or split under other rules: see
/// [`IdentityGraph::diff`](super::IdentityGraph::diff).
pub(super) fn diff(state: &State, rules: &Rules) -> Result<Vec<Replaced>> {
    let rules = match state.policy.rules().secret() {
        Some(key) => rules.clone().key(*key),
        None => rules.clone().without_key(),
    };
    let mut other = State::new(rules)?;
    let signatures = state.evidence.signatures();
    for sig in signatures.live() {
        let own = state.parts_of(sig);
        let ids = own.iter().map(|part| IdentifierRef {
            kind: part.kind,
            value: &part.value,
            claimed: part.claimed,
        });
        let ids: Vec<IdentifierRef<'_>> = ids.collect();
        let mut checked = Vec::new();
        if other.policy.check(&ids, &mut checked).is_err() {
            continue;
        }
        let times = signatures.times(sig);
        let trust = |at| other.policy.rules().trusted(Timestamp::from_millis(at));
        let (first, last) = (trust(times.first), trust(times.last));
        let times = Times {
            first: first.or(last).unwrap_or(i64::MAX),
            last: last.or(first).unwrap_or(i64::MIN),
            ..times
        };
        other.record_parts(&checked, times, None)?;
    }
    other.follow();
    Ok(changes(state, &other))
}

/// The profiles of two states that have an identifier in common, put together.
fn changes(state: &State, other: &State) -> Vec<Replaced> {
    let mut group: BTreeMap<(bool, ProfileId), usize> = BTreeMap::new();
    let mut pairs: BTreeSet<(ProfileId, ProfileId)> = BTreeSet::new();
    for node in state.nodes_in_profiles() {
        let before = state.profile_of_node(node);
        let next = group.len();
        group.entry((false, before)).or_insert(next);
        let name = state.basis().identifier(node);
        if let Some(there) = other.find_in_profile(&name.kind, &name.value) {
            let after = other.profile_of_node(there);
            let next = group.len();
            group.entry((true, after)).or_insert(next);
            pairs.insert((before, after));
        }
    }
    for node in other.nodes_in_profiles() {
        let next = group.len();
        group.entry((true, other.profile_of_node(node))).or_insert(next);
    }
    let sets = UnionFind::new(group.len());
    for (before, after) in pairs {
        sets.union(group[&(false, before)], group[&(true, after)]);
    }
    let mut changes: BTreeMap<usize, Replaced> = BTreeMap::new();
    for (&(is_after, id), &number) in &group {
        changes.entry(sets.find(number)).or_default()[usize::from(is_after)].push(id);
    }
    let mut changes: Vec<Replaced> = changes.into_values().collect();
    changes.retain(|[before, after]| (before.len(), after.len()) != (1, 1));
    changes.sort_unstable();
    changes
}
