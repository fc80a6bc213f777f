//! The state of a graph: sizes, refused links, contradictions, and links that alone hold a profile.
//!
//! Bridges by depth-first search with low points (Tarjan 1974), without recursion.

use std::collections::{BTreeMap, BTreeSet};

use super::aliases::{self, AliasMeaning};
use super::evidence::{flag, is_claim, node_of};
use super::partition::{Edge, Reason, edges_among, futile_edges};
use super::policy::{PREVIOUS, Relation};
use super::profile_id::ProfileId;
use super::state::State;
use crate::Identifier;

/// The state of a graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health<'g> {
    /// Identifiers known, the blocked ones included.
    pub identifiers: usize,
    /// Profiles.
    pub profiles: usize,
    /// How many profiles have how many identifiers.
    pub sizes: BTreeMap<usize, usize>,
    /// Observations.
    pub observations: u64,
    /// Observations that carry a blocked identifier.
    pub blocked: u64,
    /// Observations that are nobody's: their only usable identifiers are claims to verified ones,
    /// or they have none.
    pub unattributed: u64,
    /// Alias calls that joined nobody: the previous id was seen nowhere else, is a placeholder or shared, or
    /// a cannot-link forbids it.
    pub idle_aliases: u64,
    /// Identifiers that too many people share to join any two.
    pub shared: Vec<Identifier<'g>>,
    /// Links not taken whose ends are different people: the stronger end, the weaker end, and why.
    pub refused: Vec<(Identifier<'g>, Identifier<'g>, Reason)>,
    /// Must-links that do not hold: a cannot-link forbids them, or an end is blocked.
    pub contradictions: Vec<(Identifier<'g>, Identifier<'g>)>,
    /// Single links whose removal would split a profile into two that each hold a strong identifier:
    /// the stronger end, the weaker end, and the profile.
    pub bridges: Vec<(Identifier<'g>, Identifier<'g>, ProfileId)>,
    /// Identifiers of the strongest kind that were seen with more than 50 values of the next kind, though
    /// a person has few: probably a placeholder, or a test account. A [hub rule](crate::Rules::hub)
    /// keeps such values from joining people, and [`Rules::blocked`](crate::Rules::blocked) this one.
    pub suspicious: Vec<Identifier<'g>>,
    /// Rules about kinds of which no identifier was seen, such as `hub email=3:nme`; defaults aside.
    pub unused_rules: Vec<String>,
    /// Identifiers that were forgotten.
    pub forgotten: usize,
}

/// The state of a graph: see [`IdentityGraph::health`](super::IdentityGraph::health).
pub(super) fn health(state: &State) -> Health<'_> {
    let (nodes, signatures) = (state.evidence.nodes(), state.evidence.signatures());
    let mut health = Health { forgotten: state.policy.forgotten.len(), ..Health::default() };
    health.identifiers = nodes.n_present();
    let mut refused = BTreeSet::new();
    for sig in signatures.live() {
        let (slots, count) = (signatures.slots(sig), u64::from(signatures.times(sig).count));
        let is_blocked = slots.iter().any(|&slot| nodes.has(node_of(slot), flag::BLOCKED));
        health.observations += count;
        health.blocked += if is_blocked { count } else { 0 };
        health.unattributed += if state.basis().anchor(slots).is_none() { count } else { 0 };
        let is_idle = aliases::is_alias(state.basis(), sig) && !alias_joins(state, sig);
        health.idle_aliases += if is_idle { count } else { 0 };
        for Edge { a, b, .. } in futile_edges(sig, state.basis()) {
            if state.name_of(a.0) != state.name_of(b.0) {
                let [a, b] = [a.0, b.0].map(|node| plain(state, node));
                refused.insert((a, b, Reason::Claimed));
            }
        }
    }
    for root in state.roots() {
        add_component(state, root, &mut health, &mut refused);
    }
    health.refused = refused.into_iter().collect();
    let shared = state.nodes_in_profiles().filter(|&node| nodes.has(node, flag::SHARED));
    health.shared = state.basis().sorted(shared.collect());
    health.shared.iter_mut().for_each(|identifier| identifier.claimed = false);
    health.suspicious = suspicious(state);
    health.unused_rules = unused_rules(state);
    health.bridges.sort_unstable();
    add_idle_links(state, &mut health);
    health.contradictions.sort_unstable();
    health
}

/// Whether an alias call joined somebody: two user ids, or a user and an anonymous id that was seen.
fn alias_joins(state: &State, sig: u32) -> bool {
    let basis = state.basis();
    let slots = state.evidence.signatures().slots(sig);
    let Some(anchor) = basis.anchor(slots) else { return false };
    let name = state.name_of(anchor);
    let is_previous = |&node: &u32| state.policy.kinds().find(PREVIOUS) == Some(basis.kind(node));
    slots.iter().map(|&slot| node_of(slot)).filter(is_previous).any(|previous| {
        match aliases::meaning(basis, previous) {
            AliasMeaning::User(user) => state.name_of(user) == name && user != anchor,
            AliasMeaning::Anonymous(node) => state.name_of(node) == name,
            AliasMeaning::Unseen | AliasMeaning::Nobody => false,
        }
    })
}

/// Values of the next kind with which an identifier of the strongest kind is suspicious.
const SUSPICIOUS: usize = 50;

/// The identifiers of the strongest kind that were seen with very many of the next kind.
fn suspicious(state: &State) -> Vec<Identifier<'_>> {
    let kinds = state.policy.kinds();
    let mut named = state.policy.rules().priority_order().map(|name| kinds.find(name));
    let (Some(Some(top)), Some(Some(next))) = (named.next(), named.next()) else {
        return Vec::new();
    };
    let (nodes, signatures) = (state.evidence.nodes(), state.evidence.signatures());
    let is_suspicious = |&node: &u32| {
        if nodes.kind(node) != top || nodes.has(node, flag::BLOCKED) {
            return false;
        }
        let mut seen = BTreeSet::new();
        for (sig, claimed) in state.evidence.signatures_of(node) {
            let slots = if claimed { &[] } else { signatures.slots(sig) };
            let counts = |slot: &u32| !is_claim(*slot) && nodes.kind(node_of(*slot)) == next;
            seen.extend(slots.iter().copied().filter(counts));
            if seen.len() > SUSPICIOUS {
                return true;
            }
        }
        false
    };
    state.basis().sorted(state.nodes_in_profiles().filter(is_suspicious).collect())
}

/// The rules about kinds of which nothing was seen.
fn unused_rules(state: &State) -> Vec<String> {
    let (kinds, nodes) = (state.policy.kinds(), state.evidence.nodes());
    let present = (0..nodes.len() as u32).filter(|&node| nodes.is_present(node));
    let seen: BTreeSet<_> = present.map(|node| nodes.kind(node)).collect();
    let is_seen = |kind: &str| kinds.find(kind).is_some_and(|kind| seen.contains(&kind));
    let rules = state.policy.rules().of_kinds();
    let unused = rules.into_iter().filter(|(_, kinds)| !kinds.iter().all(|kind| is_seen(kind)));
    unused.map(|(rule, _)| rule).collect()
}

fn plain(state: &State, node: u32) -> Identifier<'_> {
    Identifier { claimed: false, ..state.basis().identifier(node) }
}

fn add_component<'g>(
    state: &'g State,
    root: u32,
    health: &mut Health<'g>,
    refused: &mut BTreeSet<(Identifier<'g>, Identifier<'g>, Reason)>,
) {
    let mut by_name: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for node in state.component_of(root) {
        by_name.entry(state.name_of(node)).or_default().push(node);
    }
    if let Some(merged) = state.merged(root) {
        for (edge, reason) in merged.refused() {
            let [a, b] = [edge.a.0, edge.b.0].map(|node| plain(state, node));
            if edge.manual {
                health.contradictions.push((a.clone(), b.clone()));
            }
            refused.insert((a, b, reason.clone()));
        }
    }
    for (name, members) in by_name {
        health.profiles += 1;
        *health.sizes.entry(members.len()).or_default() += 1;
        add_bridges(state, name, &members, &mut health.bridges);
    }
}

/// Adds the must-links without effect, because an end is blocked.
fn add_idle_links<'g>(state: &'g State, health: &mut Health<'g>) {
    let rules = state.policy.rules();
    for (a, b) in rules.links(Relation::Must) {
        if [a, b].iter().any(|end| rules.blocks(&end.kind, &end.value)) {
            let [a, b] = [a, b].map(|end| Identifier::new(&*end.kind, &*end.value));
            health.contradictions.push((a, b));
        }
    }
}

/// Adds the bridges of a profile, by its members, which ascend.
fn add_bridges<'g>(
    state: &'g State,
    name: u32,
    members: &[u32],
    bridges: &mut Vec<(Identifier<'g>, Identifier<'g>, ProfileId)>,
) {
    let strong: Vec<bool> = members.iter().map(|&node| state.basis().is_strong(node)).collect();
    if strong.iter().filter(|s| **s).count() < 2 {
        return;
    }
    let at = |node: u32| members.binary_search(&node).ok();
    let edges = edges_among(members, state.basis());
    let inside = |edge: &Edge| Some((at(edge.a.0)?, at(edge.b.0)?));
    let ends: Vec<Option<(usize, usize)>> = edges.iter().map(inside).collect();
    for i in bridges_of(&strong, &ends) {
        let [a, b] = [edges[i].a.0, edges[i].b.0].map(|node| plain(state, node));
        bridges.push((a, b, state.id_of_node(name)));
    }
}

/// The links, by number, whose removal splits the nodes reached from the first into two parts that
/// each hold a strong one.
fn bridges_of(strong: &[bool], ends: &[Option<(usize, usize)>]) -> Vec<usize> {
    let n = strong.len();
    let n_strong = strong.iter().filter(|s| **s).count();
    let mut links: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n];
    for (i, &end) in ends.iter().enumerate() {
        if let Some((a, b)) = end {
            links[a].push((b, i));
            links[b].push((a, i));
        }
    }
    let unseen = usize::MAX;
    let mut order = vec![unseen; n];
    let (mut low, mut below) = (order.clone(), vec![0; n]);
    order[0] = 0;
    low[0] = 0;
    let (mut n_seen, mut bridges) = (1, Vec::new());
    // Where we are, the link we came by, and which link is next.
    let mut path = vec![(0, unseen, 0)];
    while let Some(&mut (here, by, ref mut next)) = path.last_mut() {
        if let Some(&(there, link)) = links[here].get(*next) {
            *next += 1;
            if order[there] == unseen {
                order[there] = n_seen;
                low[there] = n_seen;
                n_seen += 1;
                path.push((there, link, 0));
            } else if link != by {
                low[here] = low[here].min(order[there]);
            }
            continue;
        }
        path.pop();
        below[here] += usize::from(strong[here]);
        let Some(&(parent, ..)) = path.last() else { break };
        low[parent] = low[parent].min(low[here]);
        below[parent] += below[here];
        if low[here] > order[parent] && below[here] > 0 && below[here] < n_strong {
            bridges.push(by);
        }
    }
    bridges
}
