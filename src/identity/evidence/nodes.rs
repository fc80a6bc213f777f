//! Identifiers by number: text, facts, and the look-up of one by the other.
//!
//! What a look-up reads can be asked for ahead of time, step by step: the place in the table, then the
//! facts, then the text.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

use super::super::kinds::Kind;
use super::super::table::{Keys, Known, Numbers, Table};
use super::super::texts::Texts;
use super::{NONE, flag};
use crate::num::{parallel, prefetch};

/// What is known of an identifier beside its text, in sixteen bytes.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// Values of other kinds seen with it, counted roughly; see `status.rs`.
    pub(crate) degree: u8,
    /// Its latest signature.
    pub(crate) head: u32,
    /// Earliest trusted time, of verified copies if there are any.
    pub(crate) first: i64,
}

impl Node {
    fn new(kind: Kind, flags: u8) -> Self {
        Self { kind, flags, degree: 0, head: NONE, first: i64::MAX }
    }

    /// Notes that it was seen; whether its component must be joined anew.
    pub(crate) fn see(&mut self, claimed: bool) -> bool {
        let before = self.flags;
        self.flags |= flag::SEEN;
        if !claimed && before & flag::VERIFIED == 0 {
            self.flags |= flag::VERIFIED;
            // Until now only claimed copies were there to tell the time by.
            self.first = i64::MAX;
            before & flag::SEEN != 0
        } else {
            // A must-link named it before it was seen; now it is merely claimed.
            before & (flag::SEEN | flag::MUST) == flag::MUST
        }
    }

    /// Notes a time; whether it is the earliest. A claim to a verified identifier does not count.
    pub(crate) fn lower(&mut self, claimed: bool, at: i64) -> bool {
        let counts = !(claimed && self.flags & flag::VERIFIED != 0) && at < self.first;
        if counts {
            self.first = at;
        }
        counts
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes {
    texts: Texts,
    pub(crate) facts: Vec<Node>,
    table: Table,
    hasher: DefaultHashBuilder,
    n_dead: usize,
}

impl Nodes {
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Nodes that are not dead.
    pub(crate) fn n_live(&self) -> usize {
        self.len() - self.n_dead
    }

    pub(crate) fn kind(&self, node: u32) -> Kind {
        self.facts[node as usize].kind
    }

    pub(crate) fn value(&self, node: u32) -> &str {
        self.texts.get(node as usize)
    }

    /// The first bytes of an identifier, filled up with zeros; they sort as the identifiers do, as
    /// far as they differ.
    pub(crate) fn start(&self, node: u32) -> [u8; 8] {
        let (mut start, value) = ([0; 8], self.value(node).as_bytes());
        let n = value.len().min(8);
        start[..n].copy_from_slice(&value[..n]);
        start
    }

    pub(crate) fn has(&self, node: u32, flags: u8) -> bool {
        self.facts[node as usize].flags & flags != 0
    }

    /// Whether it was observed or is held by a must-link.
    pub(crate) fn is_present(&self, node: u32) -> bool {
        self.has(node, flag::SEEN | flag::MUST) && !self.has(node, flag::DEAD)
    }

    pub(crate) fn hash(&self, kind: Kind, value: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u16(kind);
        hasher.write(value.as_bytes());
        (hasher.finish() >> 32) as u32
    }

    pub(crate) fn find(&self, kind: Kind, value: &str) -> Option<u32> {
        self.find_hashed(self.hash(kind, value), kind, value)
    }

    pub(crate) fn find_hashed(&self, hash: u32, kind: Kind, value: &str) -> Option<u32> {
        self.table.find(hash, |node| self.kind(node) == kind && self.value(node) == value)
    }

    /// Asks for the place of a hash ahead of a look-up.
    pub(crate) fn soon(&self, hash: u32) {
        self.table.soon(hash);
    }

    /// Asks for what a look-up of the hash will compare; none if there is nothing.
    pub(crate) fn soon_facts(&self, hash: u32) -> Option<u32> {
        let node = self.table.guess(hash)?;
        prefetch::soon_at(&self.facts, node as usize);
        self.texts.soon_end(node as usize);
        Some(node)
    }

    /// Asks for the facts of a node.
    pub(crate) fn soon_node(&self, node: u32) {
        prefetch::soon_at(&self.facts, node as usize);
    }

    /// Asks for the place of a node's text.
    pub(crate) fn soon_end(&self, node: u32) {
        self.texts.soon_end(node as usize);
    }

    /// Asks for the text of a node whose facts were asked for.
    pub(crate) fn soon_text(&self, node: u32) {
        self.texts.soon(node as usize);
    }

    /// The node of an identifier, and whether it is new; the caller has checked that there is room.
    pub(crate) fn intern(&mut self, hash: u32, kind: Kind, value: &str) -> (u32, bool) {
        if let Some(node) = self.find_hashed(hash, kind, value) {
            return (node, false);
        }
        let node = self.facts.len() as u32;
        self.table.insert(hash, node);
        self.texts.push(value);
        self.facts.push(Node::new(kind, 0));
        (node, true)
    }

    /// Sees to it that the table has enough shards for some more; how many there are.
    pub(crate) fn expect(&mut self, more: usize) -> usize {
        self.table.expect(more)
    }

    /// Numbers many identifiers; `flags` says what a new one begins with. The caller has checked
    /// that there is room.
    pub(crate) fn number<'k>(
        &mut self,
        keys: Vec<&'k Keys<String, Kind>>,
        flags: impl Fn(Kind, &str) -> u8 + Sync,
    ) -> Numbers<'k, String, Kind> {
        let mut table = std::mem::take(&mut self.table);
        let start = self.len();
        let numbers = table.number(keys, start as u32, self);
        self.table = table;
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

    /// Removes a node and every byte of its text.
    pub(crate) fn erase(&mut self, node: u32) {
        let hash = self.hash(self.kind(node), self.value(node));
        self.table.remove(hash, node);
        self.texts.erase(node as usize);
        self.facts[node as usize].flags = flag::DEAD;
        self.facts[node as usize].head = NONE;
        self.n_dead += 1;
    }

    pub(crate) fn shrink(&mut self) {
        self.table.shrink();
        self.texts.shrink();
        self.facts.shrink_to_fit();
    }

    /// Bytes of the identifiers themselves, and of what is known of their evidence.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        // Of the sixteen bytes per node, kind and flags belong to the identifier.
        let n = self.facts.capacity();
        (self.texts.bytes() + self.table.bytes() + n * 3, n * 13)
    }
}

impl Known<str, Kind> for Nodes {
    fn is(&self, node: u32, value: &str, kind: Kind) -> bool {
        self.kind(node) == kind && self.value(node) == value
    }

    fn alike(a: Kind, b: Kind) -> bool {
        a == b
    }

    fn soon_way(&self, node: u32) {
        self.soon_node(node);
        self.soon_end(node);
    }

    fn soon_key(&self, node: u32) {
        self.soon_text(node);
    }
}
