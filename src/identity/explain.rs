//! Why two identifiers are one person, and why they are not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::IdentityGraph;
use super::evidence::{CLAIM, flag};
use super::walk::{Edge, Reason};
use crate::{Identifier, Timestamp};

/// Evidence that two identifiers are one person's: all observations that say so, together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link<'g> {
    /// One end; `claimed` says how it was observed here.
    pub a: Identifier<'g>,
    /// The other.
    pub b: Identifier<'g>,
    /// Whether it is a must-link.
    pub manual: bool,
    /// Earliest time, if any lies within the clock.
    pub first: Option<Timestamp>,
    /// Latest time, if any lies within the clock.
    pub last: Option<Timestamp>,
    /// Observations.
    pub count: u64,
    /// The id of the first message of every set of identifiers that says so, in order of time.
    pub message_ids: Vec<&'g str>,
}

/// Why two identifiers are not one person's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyNot<'g> {
    /// They are.
    Joined,
    /// One of them is not known.
    Unknown,
    /// This one is blocked: its value is a placeholder.
    Blocked(Identifier<'g>),
    /// A link that would bring them together was refused. If several lie between them, this is
    /// the nearest to the first.
    Refused(Link<'g>, Reason),
    /// Both were seen with this identifier, but too many people share it.
    Shared(Identifier<'g>),
    /// No observation connects them.
    Apart,
}

/// A step of a search: the link, and whether it goes from its stronger end.
type Step = (Edge, Option<Reason>);

impl IdentityGraph {
    /// The chain of links that joins two identifiers; `None` if they are not one person's, empty
    /// if they are one identifier. These links alone would join them too.
    ///
    /// ```
    /// use personas::identity::Observation;
    /// use personas::{Identifier, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let at = Timestamp::parse("2024-05-01")?;
    /// graph.observe(&Observation::new(at).id("cookie", "c").id("user_id", "7").message_id("m1"))?;
    /// graph.observe(&Observation::new(at).id("email", "ann@mail.org").id("user_id", "7"))?;
    /// let (cookie, email) = (Identifier::new("cookie", "c"), Identifier::new("email", "ann@mail.org"));
    /// let chain = graph.explain(&cookie, &email).unwrap_or_default();
    /// assert_eq!(chain.len(), 2);
    /// assert_eq!(chain[0].message_ids, ["m1"]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn explain(&self, a: &Identifier<'_>, b: &Identifier<'_>) -> Option<Vec<Link<'_>>> {
        let (a, b) = (self.node(&a.kind, &a.value)?, self.node(&b.kind, &b.value)?);
        if self.name_of(a) != self.name_of(b) {
            return None;
        }
        // In a walked component only the links that joined clusters are certain to join them again.
        let edges = match self.walk(a) {
            Some(walk) => walk.taken.clone(),
            None => self.edges_of(&self.members_of(a)),
        };
        let path = self.path(edges, a, b)?;
        Some(path.into_iter().map(|edge| self.link(&edge)).collect())
    }

    /// The shortest chain of links, the earlier in the order of the walk among equals.
    fn path(&self, mut edges: Vec<Edge>, a: u32, b: u32) -> Option<Vec<Edge>> {
        self.sort_for_walk(&mut edges);
        let mut at: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (i, edge) in edges.iter().enumerate() {
            at.entry(edge.a.0).or_default().push(i);
            at.entry(edge.b.0).or_default().push(i);
        }
        let mut from: BTreeMap<u32, usize> = BTreeMap::new();
        let mut open = VecDeque::from([a]);
        while let Some(node) = open.pop_front() {
            if node == b {
                break;
            }
            for &i in at.get(&node).into_iter().flatten() {
                let other = edges[i].other(node);
                if other != a && !from.contains_key(&other) {
                    from.insert(other, i);
                    open.push_back(other);
                }
            }
        }
        let (mut path, mut node) = (Vec::new(), b);
        while node != a {
            let edge = edges[*from.get(&node)?];
            path.push(edge);
            node = edge.other(node);
        }
        path.reverse();
        Some(path)
    }

    /// Why two identifiers are not one person's: the refused link nearest to joining them, and the
    /// rule with its numbers.
    pub fn why_not(&self, a: &Identifier<'_>, b: &Identifier<'_>) -> WhyNot<'_> {
        let find = |id: &Identifier<'_>| {
            let value = super::normal::value(&id.kind, &id.value);
            self.nodes.find(self.kinds.find(&id.kind)?, &value)
        };
        let (Some(a), Some(b)) = (find(a), find(b)) else { return WhyNot::Unknown };
        for node in [a, b] {
            if !self.nodes.is_present(node) {
                return WhyNot::Unknown;
            }
            if self.nodes.has(node, flag::BLOCKED) {
                return WhyNot::Blocked(self.identifier(node));
            }
        }
        let (start, goal) = (self.name_of(a), self.name_of(b));
        if start == goal {
            return WhyNot::Joined;
        }
        // Breadth first from profile to profile over refused links.
        let mut from: BTreeMap<u32, (u32, Step)> = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(profile) = open.pop_front() {
            if profile == goal {
                break;
            }
            for (edge, reason) in self.refused_at(profile) {
                for other in [edge.a.0, edge.b.0].map(|node| self.name_of(node)) {
                    if other != start && other != profile && !from.contains_key(&other) {
                        from.insert(other, (profile, (edge, Some(reason.clone()))));
                        open.push_back(other);
                    }
                }
            }
        }
        let mut at = goal;
        while let Some((before, (edge, reason))) = from.get(&at) {
            if *before == start {
                let reason = reason.clone().unwrap_or(Reason::Claimed);
                return WhyNot::Refused(self.link(edge), reason);
            }
            at = *before;
        }
        let common = self.shared_at(a).intersection(&self.shared_at(b)).copied().collect();
        match self.sorted(common).into_iter().next() {
            Some(identifier) => WhyNot::Shared(identifier),
            None => WhyNot::Apart,
        }
    }

    /// The refused links between a profile and others, in the order of the walk.
    fn refused_at(&self, name: u32) -> Vec<(Edge, Reason)> {
        let members = self.members_of(name);
        let inside = |node: u32| members.binary_search(&node).is_ok();
        let mut refused: Vec<(Edge, Reason)> = Vec::new();
        if let Some(walk) = self.walk(name) {
            let here = walk.refused.iter();
            refused.extend(here.filter(|(e, _)| inside(e.a.0) || inside(e.b.0)).cloned());
        }
        let mut futile = Vec::new();
        for &node in &members {
            for (sig, _) in self.signatures.of(&self.nodes, node) {
                let links = self.futile_links(sig);
                futile.extend(links.into_iter().filter(|e| e.a.0 == node || e.b.0 == node));
            }
        }
        self.sort_for_walk(&mut futile);
        refused.extend(futile.into_iter().map(|edge| (edge, Reason::Claimed)));
        refused
    }

    /// The links of a signature that a claim can never make.
    pub(crate) fn futile_links(&self, sig: u32) -> Vec<Edge> {
        let slots = self.signatures.slots(sig);
        if slots.iter().all(|slot| slot & CLAIM == 0) {
            return Vec::new();
        }
        let Some(anchor) = self.anchor(slots) else { return Vec::new() };
        let times = self.signatures.times(sig);
        let links = self.links(slots, anchor).filter(|link| self.is_futile(link.1));
        links.map(|(a, b)| Edge { a, b, manual: false, times }.ordered(self)).collect()
    }

    /// The shared identifiers that were seen with the profile of a node.
    fn shared_at(&self, node: u32) -> BTreeSet<u32> {
        let mut shared = BTreeSet::new();
        for member in self.members_of(node) {
            if self.nodes.has(member, flag::SHARED) {
                shared.insert(member);
                continue;
            }
            for (sig, _) in self.signatures.of(&self.nodes, member) {
                let nodes = self.signatures.slots(sig).iter().map(|slot| slot & !CLAIM);
                shared.extend(nodes.filter(|&other| self.nodes.has(other, flag::SHARED)));
            }
        }
        shared
    }

    pub(crate) fn link(&self, edge: &Edge) -> Link<'_> {
        let end = |(node, claimed): (u32, bool)| Identifier { claimed, ..self.identifier(node) };
        let slot = |(node, claimed): (u32, bool)| node | if claimed { CLAIM } else { 0 };
        let mut messages = Vec::new();
        if !edge.manual {
            for (sig, _) in self.signatures.of(&self.nodes, edge.a.0) {
                let slots = self.signatures.slots(sig);
                let anchor = self.anchor(slots);
                let both = slots.contains(&slot(edge.a)) && slots.contains(&slot(edge.b));
                if both && (anchor == Some(edge.a.0) || anchor == Some(edge.b.0)) {
                    let first = self.signatures.times(sig).first;
                    messages.extend(self.signatures.message(sig).map(|id| (first, id)));
                }
            }
        }
        messages.sort_unstable();
        Link {
            a: end(edge.a),
            b: end(edge.b),
            manual: edge.manual,
            first: Some(edge.times.first).filter(|&at| at != i64::MAX).map(Timestamp::from_millis),
            last: Some(edge.times.last).filter(|&at| at != i64::MIN).map(Timestamp::from_millis),
            count: edge.times.count.into(),
            message_ids: messages.into_iter().map(|message| message.1).collect(),
        }
    }
}
