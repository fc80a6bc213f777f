//! Aliases: a call says that a user had another id before.
//!
//! The other id is an identifier of the kind `previous_id`, and stays one. What it stands for is decided
//! from all evidence. If some observation carries the same text as an unclaimed `user_id`, the call links
//! the two user ids, which a limit does not forbid; else it stands for the `anonymous_id` of this text.
//! A previous id that is blocked or shared links nobody. Manual links stand above aliases.
//!
//! The links are those of [`Relation::Alias`]: between two user ids, or between the previous and the
//! anonymous id. They follow from the evidence and the rules alone, so they are not stored with a graph.
//! Cost: a look-up or two for each new set of identifiers, once there is an alias; then the aliases of one
//! text where something changed.

use std::collections::BTreeSet;

use super::evidence::{flag, is_claim, node_of};
use super::partition::Basis;
use super::policy::{ANONYMOUS, Kind, PREVIOUS, Relation, USER, pair_of};

/// What a previous id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    User(u32),
    Anonymous(u32),
    /// An anonymous id that nothing else was seen with.
    Unseen,
    /// It is a placeholder, or too many people share it.
    Nobody,
}

/// The kinds that matter here, as far as they have numbers; none if no alias was ever seen.
#[derive(Clone, Copy)]
struct AliasKinds {
    previous: Kind,
    others: [Option<Kind>; 2],
}

impl AliasKinds {
    fn of(basis: Basis<'_>) -> Option<Self> {
        let kinds = basis.policy.kinds();
        let others = [USER, ANONYMOUS].map(|name| kinds.find(name));
        Some(Self { previous: kinds.find(PREVIOUS)?, others })
    }

    fn has(self, kind: Kind) -> bool {
        kind == self.previous || self.others.contains(&Some(kind))
    }
}

/// The previous ids whose links must be looked at after something changed at these nodes.
pub(super) fn concerned(basis: Basis<'_>, nodes: impl Iterator<Item = u32>) -> Vec<u32> {
    let Some(kinds) = AliasKinds::of(basis) else { return Vec::new() };
    let of_nodes = nodes.filter(|&node| kinds.has(basis.kind(node)));
    let previous = of_nodes.filter_map(|node| {
        if basis.kind(node) == kinds.previous {
            return Some(node);
        }
        basis.evidence.find(basis.policy, PREVIOUS, basis.evidence.nodes().value(node))
    });
    let all: BTreeSet<u32> = previous.collect();
    all.into_iter().collect()
}

/// What a previous id stands for.
pub(super) fn meaning(basis: Basis<'_>, previous: u32) -> Meaning {
    let nodes = basis.evidence.nodes();
    let find = |kind| basis.evidence.find(basis.policy, kind, nodes.value(previous));
    if !nodes.has(previous, flag::SEEN) || !basis.is_usable(previous) {
        return Meaning::Nobody;
    }
    if let (Some(user), true) = (find(USER), basis.policy.rules().aliases)
        && nodes.has(user, flag::VERIFIED)
        && basis.is_usable(user)
    {
        return Meaning::User(user);
    }
    match find(ANONYMOUS) {
        Some(node) if nodes.has(node, flag::SEEN) => match basis.is_usable(node) {
            true => Meaning::Anonymous(node),
            false => Meaning::Nobody,
        },
        _ => Meaning::Unseen,
    }
}

/// The user ids that alias calls name beside a previous id, with the signatures that do; claims do not
/// count.
pub(super) fn callers(basis: Basis<'_>, previous: u32) -> Vec<(u32, u32)> {
    let Some(user) = basis.policy.kinds().find(USER) else { return Vec::new() };
    let mut callers = Vec::new();
    for (sig, claimed) in basis.evidence.signatures_of(previous) {
        if claimed {
            continue;
        }
        for &slot in basis.evidence.signatures().slots(sig) {
            let node = node_of(slot);
            let is_caller = basis.kind(node) == user && basis.is_usable(node);
            if is_caller && !is_claim(slot) {
                callers.push((node, sig));
            }
        }
    }
    callers
}

/// The links that the aliases of a previous id make, without those that were taken back.
pub(super) fn links(basis: Basis<'_>, previous: u32) -> BTreeSet<(u32, u32)> {
    let rejected = basis.policy.rules().links(Relation::Alias);
    let is_kept = |&(a, b): &(u32, u32)| {
        a != b && !rejected.contains(&pair_of([a, b].map(|node| basis.name(node))))
    };
    match meaning(basis, previous) {
        Meaning::User(user) => {
            let users = callers(basis, previous).into_iter();
            users.map(|(caller, _)| (caller, user)).filter(is_kept).collect()
        }
        Meaning::Anonymous(node) => [(previous, node)].into_iter().filter(is_kept).collect(),
        Meaning::Unseen | Meaning::Nobody => BTreeSet::new(),
    }
}

/// Whether a signature is of alias calls.
pub(super) fn is_alias(basis: Basis<'_>, sig: u32) -> bool {
    let previous = basis.policy.kinds().find(PREVIOUS);
    let mut slots = basis.evidence.signatures().slots(sig).iter();
    previous.is_some() && slots.any(|&slot| Some(basis.kind(node_of(slot))) == previous)
}
