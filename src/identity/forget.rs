//! Forgetting: the state of a graph that never saw somebody, and a mark against their return.
//!
//! What was forgotten leaves only its id behind, a keyed hash. An observation whose strongest identifier
//! is forgotten is dropped; others lose only the forgotten identifier. One rule decides for
//! observations before and after the forgetting, so that their order makes no difference.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::evidence::{flag, is_claim, node_of};
use super::policy::{ANONYMOUS, Name, PREVIOUS, Pair, Relation, USER, decisive, pair_of};
use super::profile_id::ProfileId;
use super::state::State;
use crate::Identifier;

/// What was forgotten, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// The identifiers, from the strongest.
    pub identifiers: Vec<Identifier<'static>>,
    /// Observations that are removed: the forgotten are their strongest identifier.
    pub dropped: u64,
    /// Observations of others that lose an identifier.
    pub changed: u64,
}

/// An identifier or a person. A person is named by any id that the profile has or had.
///
/// ```
/// use personas::identity::Subject;
/// use personas::Identifier;
///
/// let subject: Subject<'_> = ("email", "ann@mail.org").into();
/// assert_eq!(subject, Subject::Identifier(Identifier::new("email", "ann@mail.org")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// One identifier.
    Identifier(Identifier<'a>),
    /// A person. Forgotten are the strong identifiers of the profile, and those that no other profile's
    /// observations use.
    Profile(ProfileId),
}

impl<'a, K: Into<Cow<'a, str>>, V: Into<Cow<'a, str>>> From<(K, V)> for Subject<'a> {
    fn from((kind, value): (K, V)) -> Self {
        Self::Identifier(Identifier::new(kind, value))
    }
}

impl<'a> From<Identifier<'a>> for Subject<'a> {
    fn from(identifier: Identifier<'a>) -> Self {
        Self::Identifier(identifier)
    }
}

impl<'a> From<&'a Identifier<'_>> for Subject<'a> {
    fn from(Identifier { kind, value, claimed }: &'a Identifier<'_>) -> Self {
        let (kind, value) = (Cow::from(&**kind), Cow::from(&**value));
        Self::Identifier(Identifier { kind, value, claimed: *claimed })
    }
}

impl From<ProfileId> for Subject<'_> {
    fn from(id: ProfileId) -> Self {
        Self::Profile(id)
    }
}

/// Old signature and the one its observations belong to now, if they were kept.
pub(crate) type Moves = Vec<(u32, Option<u32>)>;

/// What happens to the signatures of nodes that are forgotten.
struct ForgetPlan {
    dropped: Vec<u32>,
    changed: Vec<u32>,
}

/// The node with which an observation is forgotten.
fn strongest(state: &State, slots: &[u32]) -> Option<u32> {
    let is_open = |&slot: &u32| !state.evidence.nodes().has(node_of(slot), flag::BLOCKED);
    decisive(slots, is_open, |&slot| is_claim(slot)).map(|&slot| node_of(slot))
}

/// The nodes of a profile that are forgotten with it: the strong ones, and those that no other
/// profile's signatures use.
pub(super) fn nodes_of_profile(state: &State, node: u32) -> BTreeSet<u32> {
    let members = state.members_of(node);
    let is_ours = |sig: u32| {
        let anchor = state.basis().anchor_of(sig);
        anchor.is_none_or(|anchor| members.binary_search(&anchor).is_ok())
    };
    let goes = |node: &u32| {
        state.basis().is_strong(*node)
            || state.evidence.signatures_of(*node).all(|(sig, _)| is_ours(sig))
    };
    members.iter().copied().filter(goes).collect()
}

/// The nodes of identifiers that have one.
pub(super) fn nodes_of(state: &State, names: &[Name]) -> BTreeSet<u32> {
    let find = |kind: &str, value: &str| state.evidence.find(&state.policy, kind, value);
    let own = names.iter().filter_map(|name| find(&name.kind, &name.value));
    // A previous id goes with what it may stand for.
    let meant = names.iter().filter(|name| [USER, ANONYMOUS].contains(&name.kind.as_str()));
    own.chain(meant.filter_map(|name| find(PREVIOUS, &name.value))).collect()
}

/// What forgetting nodes would drop and change.
pub(super) fn report(state: &State, gone: &BTreeSet<u32>) -> Forgotten {
    let plan = plan(state, gone);
    let count = |sigs: &[u32]| {
        sigs.iter().map(|&sig| u64::from(state.evidence.signatures().times(sig).count)).sum()
    };
    let is_present = |&node: &u32| state.evidence.nodes().is_present(node);
    let present = gone.iter().copied().filter(is_present).collect();
    let identifiers = state.basis().sorted(present).into_iter().map(|identifier| Identifier {
        kind: identifier.kind.into_owned().into(),
        value: identifier.value.into_owned().into(),
        claimed: identifier.claimed,
    });
    Forgotten {
        identifiers: identifiers.collect(),
        dropped: count(&plan.dropped),
        changed: count(&plan.changed),
    }
}

fn plan(state: &State, gone: &BTreeSet<u32>) -> ForgetPlan {
    let of = |&node: &u32| state.evidence.signatures_of(node).map(|(sig, _)| sig);
    let sigs: BTreeSet<u32> = gone.iter().flat_map(of).collect();
    let goes = |sig: &u32| {
        let slots = state.evidence.signatures().slots(*sig);
        slots.iter().all(|&slot| gone.contains(&node_of(slot)))
            || strongest(state, slots).is_some_and(|node| gone.contains(&node))
    };
    let (dropped, changed) = sigs.into_iter().partition(goes);
    ForgetPlan { dropped, changed }
}

/// Forgets identifiers together; returns where signatures went.
pub(super) fn forget(state: &mut State, names: &[Name]) -> Moves {
    for Name { kind, value } in names {
        let id = state.policy.id_of(kind, value);
        state.policy.forgotten.insert(id);
    }
    let gone = nodes_of(state, names);
    forget_nodes(state, &gone)
}

/// Removes nodes whose identifiers are marked as forgotten; returns where signatures went.
pub(super) fn forget_nodes(state: &mut State, gone: &BTreeSet<u32>) -> Moves {
    let plan = plan(state, gone);
    gone.iter().for_each(|&node| remove_links(state, node));
    remove_rejected(state);
    let mut others: Vec<u32> = gone.iter().copied().collect();
    let mut removed = i64::MAX;
    let mut moves = Moves::new();
    for &sig in plan.dropped.iter().chain(&plan.changed) {
        let (slots, times, message) = state.evidence.remove_signature(sig);
        others.extend(slots.iter().copied().map(node_of));
        removed = removed.min(times.first);
        let mut to = None;
        if plan.changed.binary_search(&sig).is_ok() {
            let left = slots.into_iter().filter(|&slot| !gone.contains(&node_of(slot)));
            let left: Vec<u32> = left.collect();
            to = Some(state.evidence.add_signature(&left, times, message.as_deref()));
        }
        moves.push((sig, to));
    }
    others.sort_unstable();
    others.dedup();
    state.reconsider(&others, removed);
    state.rejoin(&others);
    moves
}

/// Removes what was recorded of aliases that name the forgotten.
fn remove_rejected(state: &mut State) {
    let is_gone = |end: &Name| state.policy.is_forgotten(&end.kind, &end.value);
    let rejected = state.policy.rules().links(Relation::Alias).iter();
    let gone: Vec<Pair> = rejected.filter(|(a, b)| is_gone(a) || is_gone(b)).cloned().collect();
    for pair in gone {
        state.policy.set_link(Relation::Alias, &pair, false);
    }
}

/// Removes the manual links that name a node.
fn remove_links(state: &mut State, node: u32) {
    for relation in [Relation::Must, Relation::Idle, Relation::Cannot] {
        let others: Vec<u32> = state.policy.manual.linked(relation, node).collect();
        for other in others {
            let pair = pair_of([node, other].map(|node| state.basis().name(node)));
            state.remove_link(relation, &pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{IdentityGraph, Rules};
    use crate::{Event, Timestamp};

    #[test]
    fn signatures_that_become_alike_are_one_and_say_so() {
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        let seen = |at| Event::new("", Timestamp::from_millis(at));
        let year = 1_000_000_000_000;
        let mut observe = |event: Event<'_>| graph.observe_signature(&event).unwrap().0;
        let plain = observe(seen(year).id("user_id", "7"));
        let with = observe(seen(year + 1).id("user_id", "7").id("cookie", "c"));
        let own = observe(seen(year).id("cookie", "c"));
        let (report, _, mut moves) = graph.forget_moving(("cookie", "c")).unwrap();
        moves.sort_unstable();
        assert_eq!(moves, [(with.unwrap(), plain), (own.unwrap(), None)]);
        assert_eq!((report.dropped, report.changed), (1, 1));
        let times = graph.state().evidence.signatures().times(plain.unwrap());
        assert_eq!((times.count, times.last), (2, year + 1));
        assert_eq!(graph.n_identifiers(), 1);
    }

    #[test]
    fn a_profile_has_the_id_of_the_identifier_that_is_now_the_earliest() {
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        let seen = |at: i64| Event::new("", Timestamp::from_millis(1_000_000_000_000 + at));
        graph.observe(&seen(1).id("user_id", "7").id("email", "a@mail.org")).unwrap();
        graph.observe(&seen(3).id("email", "b@mail.org").id("cookie", "c")).unwrap();
        graph.observe(&seen(5).id("email", "a@mail.org").id("cookie", "c")).unwrap();
        graph.forget(("user_id", "7")).unwrap();
        // The first observation is gone, so the other address is now the one that was seen first.
        let id = graph.rules().profile_id("email", "b@mail.org");
        assert_eq!(graph.get(("cookie", "c")), Some(id));
    }
}
