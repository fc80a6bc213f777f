//! Identifiers by number: text, facts, and the look-up of one by the other.
//!
//! An identifier is a *node*, a 32-bit number; its text is stored once. What a look-up reads can be
//! prefetched step by step: the place in the table, then the facts, then the text.

use super::super::policy::Kind;
use super::changes::Pending;
use super::slot::{NONE, is_claim, node_of};
use super::texts::Texts;
use crate::num::table::Table;
use crate::num::table::number::{Keys, Known, Numbers};
use crate::num::{parallel, prefetch};

/// Facts of a node, one bit each.
pub(crate) mod flag {
    /// A placeholder: it joins nobody.
    pub(crate) const BLOCKED: u8 = 1;
    /// Too many people have it: it joins nobody.
    pub(crate) const SHARED: u8 = 2;
    /// Some observation carries it unclaimed.
    pub(crate) const VERIFIED: u8 = 4;
    /// Some observation carries it.
    pub(crate) const SEEN: u8 = 8;
    /// Removed; its number is out of use until all are numbered again.
    pub(crate) const DEAD: u8 = 16;
    /// An end of a must-link that has an effect, or of an alias.
    pub(crate) const MUST: u8 = 32;
    /// An end of a cannot-link.
    pub(crate) const CANNOT: u8 = 64;
}

/// In the rough count: the values are counted exactly elsewhere.
pub(super) const EXACT: u8 = u8::MAX;

/// What is known of an identifier beside its text, in sixteen bytes.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    kind: Kind,
    flags: u8,
    /// At most so many values of other kinds were seen with it; see `status.rs`.
    degree: u8,
    /// Its latest signature.
    head: u32,
    /// Earliest trusted time, of unclaimed copies if there are any.
    first: i64,
}

/// What recording a new signature changed at one of its nodes.
struct NodeStep {
    /// The signature that was the latest before.
    previous: u32,
    /// It was neither seen nor held by a must-link before.
    is_new: bool,
    /// Its links changed.
    is_flipped: bool,
    is_earlier: bool,
    /// The values seen with it must be counted exactly.
    must_count: bool,
}

/// What recorded signatures leave to be done once all of their nodes know them.
#[derive(Default)]
pub(super) struct NodeSteps {
    pub(super) n_new: usize,
    pub(super) n_new_blocked: usize,
    /// Nodes whose values must be counted exactly, with the signatures that say so.
    pub(super) to_count: Vec<(u32, u32)>,
}

impl NodeSteps {
    /// Records a new signature in the node of one of its slots; `weight` and `least` are those of
    /// [`Node::record`]. Returns the signature that was the node's latest before.
    #[inline]
    pub(super) fn record(
        &mut self,
        facts: &mut Node,
        (sig, slot): (u32, u32),
        at: i64,
        (weight, least): (usize, usize),
        changes: &mut Pending,
    ) -> u32 {
        let node = node_of(slot);
        let step = facts.record(sig, is_claim(slot), at, weight, least);
        if step.is_new {
            self.n_new += 1;
            self.n_new_blocked += usize::from(facts.has(flag::BLOCKED));
        }
        if step.is_flipped {
            changes.flipped.push(node);
        }
        if step.is_earlier {
            changes.earlier(node);
        }
        if step.must_count {
            self.to_count.push((node, sig));
        }
        step.previous
    }
}

impl Node {
    fn new(kind: Kind, flags: u8) -> Self {
        Self { kind, flags, degree: 0, head: NONE, first: i64::MAX }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Whether every observation that carries it claims it.
    pub(crate) fn is_only_claimed(&self) -> bool {
        self.flags & (flag::VERIFIED | flag::SEEN) == flag::SEEN
    }

    /// Records a new signature: the rule of what an observation says of its identifiers.
    ///
    /// `weight` is how many values seen with it count towards a hub rule, at most; above `least`
    /// they must be counted.
    fn record(
        &mut self,
        signature: u32,
        claimed: bool,
        at: i64,
        weight: usize,
        least: usize,
    ) -> NodeStep {
        let before = self.flags;
        self.flags |= flag::SEEN;
        let is_flipped = if !claimed && before & flag::VERIFIED == 0 {
            self.flags |= flag::VERIFIED;
            // The times of claims do not count any more.
            self.first = i64::MAX;
            before & flag::SEEN != 0
        } else {
            // A must-link named it before it was seen; now it is only claimed.
            before & (flag::SEEN | flag::MUST) == flag::MUST
        };
        NodeStep {
            previous: std::mem::replace(&mut self.head, signature),
            is_new: before & (flag::SEEN | flag::MUST) == 0,
            is_flipped,
            is_earlier: self.lower(claimed, at),
            must_count: self.count_roughly(weight, least),
        }
    }

    /// Records a time; returns whether it is the earliest. A claim to a verified identifier does not
    /// count.
    pub(super) fn lower(&mut self, claimed: bool, at: i64) -> bool {
        let counts = !(claimed && self.has(flag::VERIFIED)) && at < self.first;
        if counts {
            self.first = at;
        }
        counts
    }

    /// Adds to the rough count; returns whether an exact count is needed.
    fn count_roughly(&mut self, weight: usize, least: usize) -> bool {
        if weight == 0 || self.has(flag::BLOCKED | flag::SHARED) {
            return false;
        }
        let rough = usize::from(self.degree) + weight;
        if self.degree == EXACT || rough > least.min(usize::from(EXACT) - 1) {
            return true;
        }
        self.degree = rough as u8;
        false
    }

    fn is_present(&self) -> bool {
        self.has(flag::SEEN | flag::MUST)
    }
}

/// Identifiers by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes {
    texts: Texts,
    facts: Vec<Node>,
    table: Table,
    /// Nodes that were observed or are held by a must-link.
    n_present: usize,
    /// Those of them that are blocked.
    n_blocked: usize,
    /// Nodes that were removed.
    n_dead: usize,
}

impl Nodes {
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Number of nodes that were observed or are held by a must-link.
    pub(crate) fn n_present(&self) -> usize {
        self.n_present
    }

    /// Number of nodes that were removed.
    pub(super) fn n_dead(&self) -> usize {
        self.n_dead
    }

    /// Number of nodes that are in a profile.
    pub(crate) fn n_in_profiles(&self) -> usize {
        self.n_present - self.n_blocked
    }

    pub(crate) fn get(&self, node: u32) -> &Node {
        &self.facts[node as usize]
    }

    pub(crate) fn kind(&self, node: u32) -> Kind {
        self.get(node).kind
    }

    pub(crate) fn value(&self, node: u32) -> &str {
        self.texts.get(node as usize)
    }

    /// The first bytes of a value, filled up with zeros. They sort as the values do, where they
    /// differ.
    pub(crate) fn start(&self, node: u32) -> [u8; 8] {
        let (mut start, value) = ([0; 8], self.value(node).as_bytes());
        let n = value.len().min(8);
        start[..n].copy_from_slice(&value[..n]);
        start
    }

    pub(crate) fn has(&self, node: u32, flags: u8) -> bool {
        self.get(node).has(flags)
    }

    /// Whether a node was observed or is held by a must-link.
    pub(crate) fn is_present(&self, node: u32) -> bool {
        self.get(node).is_present()
    }

    /// Whether a node is in a profile.
    pub(crate) fn is_in_profile(&self, node: u32) -> bool {
        self.is_present(node) && !self.has(node, flag::BLOCKED)
    }

    pub(super) fn head(&self, node: u32) -> u32 {
        self.get(node).head
    }

    pub(super) fn set_head(&mut self, node: u32, signature: u32) {
        self.facts[node as usize].head = signature;
    }

    pub(super) fn get_mut(&mut self, node: u32) -> &mut Node {
        &mut self.facts[node as usize]
    }

    /// The facts of all nodes, for an engine that records in them; `count_new` must follow.
    pub(super) fn facts_mut(&mut self) -> &mut [Node] {
        &mut self.facts
    }

    /// Counts nodes that were recorded for the first time, and those of them that are blocked.
    pub(super) fn count_new(&mut self, n: usize, n_blocked: usize) {
        self.n_present += n;
        self.n_blocked += n_blocked;
    }

    pub(super) fn degree(&self, node: u32) -> u8 {
        self.get(node).degree
    }

    /// From now on the values seen with a node are counted exactly.
    pub(super) fn set_exact(&mut self, node: u32) {
        self.facts[node as usize].degree = EXACT;
    }

    pub(super) fn set_first(&mut self, node: u32, at: i64) {
        self.facts[node as usize].first = at;
    }

    pub(super) fn flags(&self, node: u32) -> u8 {
        self.get(node).flags
    }

    /// Replaces the flags of a node.
    pub(crate) fn set_flags(&mut self, node: u32, flags: u8) {
        let facts = &mut self.facts[node as usize];
        let before = facts.is_present();
        facts.flags = flags;
        let (after, blocked) = (facts.is_present(), usize::from(facts.has(flag::BLOCKED)));
        match (before, after) {
            (false, true) => self.count_new(1, blocked),
            (true, false) => {
                self.n_present -= 1;
                self.n_blocked -= blocked;
            }
            _ => {}
        }
    }

    pub(crate) fn add_flags(&mut self, node: u32, flags: u8) {
        self.set_flags(node, self.flags(node) | flags);
    }

    pub(crate) fn find(&self, hash: u32, kind: Kind, value: &str) -> Option<u32> {
        self.table.find(hash, |node| self.kind(node) == kind && self.value(node) == value)
    }

    /// Prefetches the place of a hash.
    pub(crate) fn prefetch(&self, hash: u32) {
        self.table.prefetch(hash);
    }

    /// Prefetches what a look-up of the hash will compare; returns a node with this hash, if any.
    pub(crate) fn prefetch_facts(&self, hash: u32) -> Option<u32> {
        let node = self.table.guess(hash)?;
        self.prefetch_node(node);
        self.prefetch_end(node);
        Some(node)
    }

    /// Prefetches the facts of a node.
    pub(crate) fn prefetch_node(&self, node: u32) {
        prefetch::prefetch_at(&self.facts, node as usize);
    }

    /// Prefetches the place of a node's text.
    pub(crate) fn prefetch_end(&self, node: u32) {
        self.texts.prefetch_end(node as usize);
    }

    /// Prefetches the text of a node whose place was prefetched.
    pub(crate) fn prefetch_text(&self, node: u32) {
        self.texts.prefetch(node as usize);
    }

    /// Returns the node of an identifier, added with `flags` if it is new; the caller has checked
    /// that there is room.
    pub(super) fn intern(
        &mut self,
        hash: u32,
        kind: Kind,
        value: &str,
        flags: impl FnOnce() -> u8,
    ) -> u32 {
        if let Some(node) = self.find(hash, kind, value) {
            return node;
        }
        let node = self.facts.len() as u32;
        self.table.insert(hash, node);
        self.texts.push(value);
        self.facts.push(Node::new(kind, flags()));
        node
    }

    /// Numbers identifiers that are grouped by shard, new ones with `flags` of kind and value; the
    /// caller has checked that there is room.
    pub(super) fn number<'k>(
        &mut self,
        keys: Vec<&'k Keys<String, Kind>>,
        flags: impl Fn(Kind, &str) -> u8 + Sync,
    ) -> Numbers<'k, String, Kind> {
        let start = self.len();
        let known = KnownNodes { texts: &self.texts, facts: &self.facts };
        let numbers = self.table.number(keys, start as u32, &known);
        let n = numbers.n_new();
        self.texts.extend(n, |i| numbers.new_from(i).map(|new| new.0));
        parallel::extend(&mut self.facts, n, |_| Node::new(0, 0));
        parallel::map_chunks_mut(&mut self.facts[start..], parallel::CHUNK, 50, |chunk, facts| {
            let new = numbers.new_from(chunk * parallel::CHUNK);
            for (facts, (value, kind, ..)) in facts.iter_mut().zip(new) {
                *facts = Node::new(kind, flags(kind, value));
            }
        });
        numbers
    }

    /// Removes a node, which must not be present, and every byte of its text.
    pub(super) fn erase(&mut self, hash: u32, node: u32) {
        debug_assert!(!self.is_present(node));
        self.table.remove(hash, node);
        self.texts.erase(node as usize);
        let facts = &mut self.facts[node as usize];
        (facts.flags, facts.head) = (flag::DEAD, NONE);
        self.n_dead += 1;
    }

    pub(super) fn shrink(&mut self) {
        self.table.shrink();
        self.texts.shrink();
        self.facts.shrink_to_fit();
    }

    /// Bytes of the identifiers themselves, and of what is known of their evidence.
    pub(super) fn bytes(&self) -> (usize, usize) {
        // Of the sixteen bytes per node, kind and flags belong to the identifier.
        let n = self.facts.capacity();
        (self.texts.bytes() + self.table.bytes() + n * 3, n * 13)
    }
}

/// What numbering compares keys with.
struct KnownNodes<'n> {
    texts: &'n Texts,
    facts: &'n [Node],
}

impl Known<str, Kind> for KnownNodes<'_> {
    fn is(&self, node: u32, value: &str, kind: Kind) -> bool {
        self.facts[node as usize].kind == kind && self.texts.get(node as usize) == value
    }

    fn alike(a: Kind, b: Kind) -> bool {
        a == b
    }

    fn prefetch_facts(&self, node: u32) {
        prefetch::prefetch_at(self.facts, node as usize);
        self.texts.prefetch_end(node as usize);
    }

    fn prefetch_key(&self, node: u32) {
        self.texts.prefetch(node as usize);
    }
}
