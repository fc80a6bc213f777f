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
use std::ops::Range;

use super::evidence::{flag, is_claim, node_of};
use super::partition::Basis;
use super::policy::{ANONYMOUS, Kind, PREVIOUS, Relation, USER, pair_of};

/// What a previous id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AliasMeaning {
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
pub(super) fn meaning(basis: Basis<'_>, previous: u32) -> AliasMeaning {
    let nodes = basis.evidence.nodes();
    let find = |kind| basis.evidence.find(basis.policy, kind, nodes.value(previous));
    if !nodes.has(previous, flag::SEEN) || !basis.is_usable(previous) {
        return AliasMeaning::Nobody;
    }
    if let (Some(user), true) = (find(USER), basis.policy.rules().aliases)
        && nodes.has(user, flag::VERIFIED)
        && basis.is_usable(user)
    {
        return AliasMeaning::User(user);
    }
    match find(ANONYMOUS) {
        Some(node) if nodes.has(node, flag::SEEN) => match basis.is_usable(node) {
            true => AliasMeaning::Anonymous(node),
            false => AliasMeaning::Nobody,
        },
        _ => AliasMeaning::Unseen,
    }
}

/// The user ids that alias calls name beside a previous id, with the signatures that do; claims do not
/// count.
pub(super) fn callers(basis: Basis<'_>, previous: u32) -> Vec<(u32, u32)> {
    let calls = basis.evidence.signatures_of(previous).filter(|(_, claimed)| !claimed);
    calls.flat_map(|(sig, _)| callers_in(basis, sig).map(move |node| (node, sig))).collect()
}

/// The user ids that a signature names.
fn callers_in(basis: Basis<'_>, sig: u32) -> impl Iterator<Item = u32> {
    let user = basis.policy.kinds().find(USER);
    let slots = basis.evidence.signatures().slots(sig).iter().copied();
    let nodes = slots.filter(|&slot| !is_claim(slot)).map(node_of);
    nodes.filter(move |&node| Some(basis.kind(node)) == user && basis.is_usable(node))
}

/// What the aliases of one previous id make, as far as it was worked out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct AliasLinks {
    /// The user id that the previous id stands for, if it is one.
    user: Option<u32>,
    /// The links: user or previous id, and what the previous id stands for.
    pub(super) links: BTreeSet<(u32, u32)>,
}

impl AliasLinks {
    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether an alias may make this link: not of a user id with itself, nor one that was taken back.
fn is_kept(basis: Basis<'_>, (a, b): (u32, u32)) -> bool {
    let rejected = basis.policy.rules().links(Relation::Alias);
    a != b && !rejected.contains(&pair_of([a, b].map(|node| basis.name(node))))
}

/// What the aliases of a previous id make, without the links that were taken back.
pub(super) fn links_of(basis: Basis<'_>, previous: u32) -> AliasLinks {
    let kept = |link: &(u32, u32)| is_kept(basis, *link);
    match meaning(basis, previous) {
        AliasMeaning::User(user) => {
            let links = callers(basis, previous).into_iter().map(|(caller, _)| (caller, user));
            AliasLinks { user: Some(user), links: links.filter(kept).collect() }
        }
        AliasMeaning::Anonymous(node) => {
            AliasLinks { user: None, links: [(previous, node)].into_iter().filter(kept).collect() }
        }
        AliasMeaning::Unseen | AliasMeaning::Nobody => AliasLinks::default(),
    }
}

/// The links that new calls add for a previous id that stands for the same user id as before; `None` if
/// it does not, and all its calls must be looked at.
pub(super) fn added(
    basis: Basis<'_>,
    previous: u32,
    known: &AliasLinks,
    new_calls: &[u32],
) -> Option<BTreeSet<(u32, u32)>> {
    let user = known.user.filter(|&user| meaning(basis, previous) == AliasMeaning::User(user))?;
    let callers = new_calls.iter().flat_map(|&sig| callers_in(basis, sig));
    let links = callers.map(|caller| (caller, user));
    Some(links.filter(|&link| !known.links.contains(&link) && is_kept(basis, link)).collect())
}

/// The calls among some signatures, with their previous ids, ascending; claims do not count.
pub(super) fn calls_among(basis: Basis<'_>, signatures: Range<u32>) -> Vec<(u32, u32)> {
    let Some(previous) = basis.policy.kinds().find(PREVIOUS) else { return Vec::new() };
    let mut calls = Vec::new();
    for sig in signatures {
        let slots = basis.evidence.signatures().slots(sig).iter().copied();
        let nodes = slots.filter(|&slot| !is_claim(slot)).map(node_of);
        calls.extend(nodes.filter(|&n| basis.kind(n) == previous).map(|node| (node, sig)));
    }
    calls.sort_unstable();
    calls
}

/// Whether a signature is of alias calls.
pub(super) fn is_alias(basis: Basis<'_>, sig: u32) -> bool {
    let previous = basis.policy.kinds().find(PREVIOUS);
    let mut slots = basis.evidence.signatures().slots(sig).iter();
    previous.is_some() && slots.any(|&slot| Some(basis.kind(node_of(slot))) == previous)
}
