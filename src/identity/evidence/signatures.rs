//! Sets of identifiers that were observed together: which, when, how often, and in which message first.
//!
//! Observations that carry the same identifiers are one *signature*. The slots of all signatures
//! stand end to end. The same places of `next` continue the list of every node's signatures, so a
//! list costs four bytes a slot and no allocation. The signature of a single unclaimed identifier is
//! found by its node, all others by a hash table.

pub(super) mod bulk;

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

use hashbrown::DefaultHashBuilder;

use super::slot::{NONE, is_claim, node_of};
use super::texts::Texts;
use crate::num::prefetch;
use crate::num::table::Table;

/// A walk along the list of a node's signatures.
pub(super) struct ListWalk {
    node: u32,
    /// The start of the list.
    pub(super) head: u32,
    sig: u32,
    /// Where the live signature before leads on.
    before: Option<usize>,
}

impl ListWalk {
    pub(super) fn new(node: u32, head: u32) -> Self {
        Self { node, head, sig: head, before: None }
    }
}

/// When a signature was seen, and how often. Times outside the clock are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// `i64::MAX` if no time can be trusted.
    pub(crate) first: i64,
    /// `i64::MIN` if no time can be trusted.
    pub(crate) last: i64,
    /// Observations; stays at the greatest number.
    pub(crate) count: u32,
}

impl Times {
    /// Of one observation; its time is `i64::MAX` if it cannot be trusted.
    pub(crate) fn once(at: i64) -> Self {
        Self { first: at, last: if at == i64::MAX { i64::MIN } else { at }, count: 1 }
    }

    /// Of no observation yet.
    const NEVER: Self = Self { first: i64::MAX, last: i64::MIN, count: 0 };

    /// What was recorded since `before` changed: whether the first time, or, where later times count,
    /// the last one only. Nothing otherwise.
    fn since(self, before: Self, later_counts: bool) -> Option<Retimed> {
        match (self.first < before.first, later_counts && self.last > before.last) {
            (true, _) => Some(Retimed::Earlier),
            (false, true) => Some(Retimed::Later),
            (false, false) => None,
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
    }
}

/// How the times of a signature changed, where that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retimed {
    Earlier,
    Later,
}

/// Whether a message replaces the one whose id is kept: the first by time, then by id. Each is
/// given by its signature's first time and its id; the kept one is read only if the times are equal.
fn is_first_message<'m>(
    new: (i64, Option<&str>),
    kept: (i64, impl FnOnce() -> Option<&'m str>),
) -> bool {
    match new.0.cmp(&kept.0) {
        Ordering::Less => true,
        Ordering::Equal => new.1.is_some_and(|new| kept.1().is_none_or(|kept| new < kept)),
        Ordering::Greater => false,
    }
}

/// What is known of a signature, in 24 bytes.
#[derive(Debug, Clone)]
struct Signature {
    first: i64,
    last: i64,
    /// 0: gone.
    count: u32,
    /// Where its slots end.
    end: u32,
}

impl Signature {
    fn new(Times { first, last, count }: Times, end: u32) -> Self {
        Self { first, last, count, end }
    }

    fn times(&self) -> Times {
        Times { first: self.first, last: self.last, count: self.count }
    }

    /// Adds observations; returns how that changed its times.
    fn add(&mut self, times: Times, later_counts: bool) -> Option<Retimed> {
        let before = self.times();
        let mut all = before;
        all.merge(times);
        *self = Self::new(all, self.end);
        all.since(before, later_counts)
    }
}

/// Sets of identifiers by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signatures {
    /// The nodes of all signatures, each sorted from the strongest, with their claim bits.
    slots: Vec<u32>,
    /// For every slot: the previous signature of its node.
    next: Vec<u32>,
    facts: Vec<Signature>,
    /// The signature of a single unclaimed identifier, by node; shorter than the nodes are many.
    single: Vec<u32>,
    /// The text of the first message's id; empty while no message had one.
    message: Vec<u32>,
    messages: Texts,
    /// Ids of messages before this time are not kept.
    messages_from: Option<i64>,
    table: Table,
    hasher: DefaultHashBuilder,
    n_dead: usize,
}

/// The node of a signature that is found by it.
fn single_node(slots: &[u32]) -> Option<usize> {
    match slots {
        &[slot] if !is_claim(slot) => Some(slot as usize),
        _ => None,
    }
}

/// Where the slots of a signature stand among all.
fn range_of(facts: &[Signature], sig: u32) -> Range<usize> {
    let sig = sig as usize;
    let start = if sig == 0 { 0 } else { facts[sig - 1].end as usize };
    start..facts[sig].end as usize
}

impl Signatures {
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(crate) fn n_live(&self) -> usize {
        self.len() - self.n_dead
    }

    pub(crate) fn n_slots(&self) -> usize {
        self.slots.len()
    }

    /// Where the slots of a signature stand among all.
    pub(super) fn range(&self, sig: u32) -> Range<usize> {
        range_of(&self.facts, sig)
    }

    pub(crate) fn slots(&self, sig: u32) -> &[u32] {
        &self.slots[self.range(sig)]
    }

    /// The slot at a place among all.
    pub(super) fn slot_at(&self, place: usize) -> u32 {
        self.slots[place]
    }

    /// The slots of consecutive signatures, end to end.
    pub(crate) fn slots_of_range(&self, sigs: Range<u32>) -> &[u32] {
        if sigs.is_empty() {
            return &[];
        }
        &self.slots[self.range(sigs.start).start..self.range(sigs.end - 1).end]
    }

    /// The earliest time of a signature.
    pub(super) fn first(&self, sig: u32) -> i64 {
        self.facts[sig as usize].first
    }

    pub(crate) fn is_live(&self, sig: u32) -> bool {
        self.facts[sig as usize].count > 0
    }

    pub(crate) fn times(&self, sig: u32) -> Times {
        self.facts[sig as usize].times()
    }

    pub(crate) fn message(&self, sig: u32) -> Option<&str> {
        let text = *self.message.get(sig as usize)?;
        (text != NONE).then(|| self.messages.get(text as usize))
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len() as u32).filter(|&sig| self.is_live(sig))
    }

    pub(super) fn hash(&self, slots: &[u32]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        for pair in slots.chunks(2) {
            let high = pair.get(1).map_or(0, |&slot| u64::from(slot) + 1);
            hasher.write_u64(u64::from(pair[0]) | high << 32);
        }
        (hasher.finish() >> 32) as u32
    }

    pub(crate) fn find(&self, slots: &[u32]) -> Option<u32> {
        match single_node(slots) {
            Some(node) => self.single.get(node).copied().filter(|&sig| sig != NONE),
            None => self.table.find(self.hash(slots), |sig| self.slots(sig) == slots),
        }
    }

    /// Prefetches what leads to a signature that is looked up next.
    pub(super) fn prefetch(&self, slots: &[u32]) {
        match single_node(slots) {
            Some(node) => prefetch::prefetch_at(&self.single, node),
            None => self.table.prefetch(self.hash(slots)),
        }
    }

    /// Prefetches the facts of a signature that was prefetched; returns one that it may be.
    pub(super) fn prefetch_facts(&self, slots: &[u32]) -> Option<u32> {
        let sig = match single_node(slots) {
            Some(_) => self.find(slots)?,
            None => self.table.guess(self.hash(slots))?,
        };
        self.prefetch_times(sig);
        Some(sig)
    }

    /// Prefetches where the slots of a signature are, and its times.
    pub(crate) fn prefetch_times(&self, sig: u32) {
        prefetch::prefetch_at(&self.facts, sig as usize);
    }

    /// Prefetches the slots of a signature whose facts were prefetched.
    pub(crate) fn prefetch_slots(&self, sig: u32) {
        prefetch::prefetch_at(&self.slots, self.range(sig).start);
    }

    /// Adds observations to a signature; returns how that changed its times.
    pub(super) fn repeat(
        &mut self,
        sig: u32,
        times: Times,
        message: Option<&str>,
        later_counts: bool,
    ) -> Option<Retimed> {
        let has_messages = message.is_some() || self.has_messages();
        let kept = (self.first(sig), || self.message(sig));
        let replaces = has_messages && is_first_message((times.first, message), kept);
        let retimed = self.facts[sig as usize].add(times, later_counts);
        if replaces {
            self.set_message(sig, message);
        }
        retimed
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.message.is_empty()
    }

    /// Adds a signature that is not there; the caller has checked that there is room, and sets its
    /// links to the lists of its nodes.
    pub(super) fn push(&mut self, slots: &[u32], times: Times, message: Option<&str>) -> u32 {
        let sig = self.len() as u32;
        match single_node(slots) {
            Some(node) => self.set_single(node, sig),
            None => self.table.insert(self.hash(slots), sig),
        }
        self.slots.extend_from_slice(slots);
        self.next.resize(self.slots.len(), NONE);
        self.facts.push(Signature::new(times, self.slots.len() as u32));
        if !self.message.is_empty() {
            self.message.push(NONE);
        }
        self.set_message(sig, message);
        sig
    }

    fn set_single(&mut self, node: usize, sig: u32) {
        if node >= self.single.len() {
            self.single.resize(node + 1, NONE);
        }
        self.single[node] = sig;
    }

    /// Continues the list of a node after a signature's slot.
    pub(super) fn set_next(&mut self, sig: u32, at: usize, previous: u32) {
        let place = self.range(sig).start + at;
        self.next[place] = previous;
    }

    /// Returns the signature of a single unclaimed identifier, if these slots are one and it is known.
    pub(super) fn find_single(&self, slots: &[u32]) -> Option<u32> {
        let node = single_node(slots)?;
        self.single.get(node).copied().filter(|&sig| sig != NONE)
    }

    /// Returns the signature of a single node, appended without times and messages if it is new; it
    /// must be linked.
    pub(super) fn intern_single(&mut self, node: u32) -> u32 {
        if let Some(&sig) = self.single.get(node as usize)
            && sig != NONE
        {
            return sig;
        }
        let sig = self.len() as u32;
        self.set_single(node as usize, sig);
        self.slots.push(node);
        self.facts.push(Signature::new(Times::NEVER, self.slots.len() as u32));
        if !self.message.is_empty() {
            self.message.push(NONE);
        }
        sig
    }

    /// Prefetches what `find_single` reads.
    pub(super) fn prefetch_single(&self, node: u32) {
        prefetch::prefetch_at(&self.single, node as usize);
    }

    /// Sets the first message's id of a signature whose times are up to date.
    pub(super) fn set_message(&mut self, sig: u32, message: Option<&str>) {
        let message = message.filter(|_| Some(self.first(sig)) >= self.messages_from);
        if message.is_none() && self.message.is_empty() {
            return;
        }
        self.message.resize(self.len(), NONE);
        let text = self.message[sig as usize];
        if text != NONE {
            // Most ids are as long as each other: then nothing is left behind.
            if message.is_some_and(|id| self.messages.replace(text as usize, id)) {
                return;
            }
            self.messages.erase(text as usize);
        }
        self.message[sig as usize] = match message {
            Some(id) => {
                self.messages.push(id);
                self.messages.len() as u32 - 1
            }
            None => NONE,
        };
        if self.messages.wasteful() {
            self.compact_messages();
        }
    }

    /// From when on the ids of messages are kept.
    pub(super) fn messages_from(&self) -> Option<i64> {
        self.messages_from
    }

    /// Removes the ids of messages before a time, and keeps none that comes.
    pub(super) fn keep_messages_from(&mut self, from: Option<i64>) {
        self.messages_from = self.messages_from.max(from);
        for sig in 0..self.message.len() as u32 {
            if Some(self.first(sig)) < self.messages_from && self.message(sig).is_some() {
                self.set_message(sig, None);
            }
        }
    }

    fn compact_messages(&mut self) {
        let old = std::mem::take(&mut self.messages);
        for text in self.message.iter_mut().filter(|text| **text != NONE) {
            self.messages.push(old.get(*text as usize));
            *text = self.messages.len() as u32 - 1;
        }
    }

    /// Removes a signature; the lists that run through it skip it from now on.
    pub(super) fn erase(&mut self, sig: u32) {
        match single_node(self.slots(sig)) {
            Some(node) => self.single[node] = NONE,
            None => self.table.remove(self.hash(self.slots(sig)), sig),
        }
        self.set_message(sig, None);
        self.facts[sig as usize].count = 0;
        self.n_dead += 1;
    }

    /// Where a node stands in one of its signatures.
    fn place(&self, sig: u32, node: u32) -> usize {
        let range = self.range(sig);
        let at = self.slots[range.clone()].iter().position(|&slot| node_of(slot) == node);
        range.start + at.expect("the list of a node runs through its own slots")
    }

    /// The next live signature of a walk, with whether it claims the node. Dead ones on the way are taken
    /// out of the list, so that no walk meets them again.
    pub(super) fn next_live(&mut self, walk: &mut ListWalk) -> Option<(u32, bool)> {
        while walk.sig != NONE {
            let here = walk.sig;
            let at = self.place(here, walk.node);
            walk.sig = self.next[at];
            if self.is_live(here) {
                walk.before = Some(at);
                return Some((here, is_claim(self.slots[at])));
            }
            match walk.before {
                Some(before) => self.next[before] = walk.sig,
                None => walk.head = walk.sig,
            }
        }
        None
    }

    /// The signatures that carry a node, the latest first, each with whether it claims it there;
    /// the list starts at `head`.
    pub(super) fn list(&self, head: u32, node: u32) -> impl Iterator<Item = (u32, bool)> + '_ {
        let mut sig = head;
        std::iter::from_fn(move || {
            while sig != NONE {
                let here = sig;
                let at = self.place(here, node);
                sig = self.next[at];
                if self.is_live(here) {
                    return Some((here, is_claim(self.slots[at])));
                }
            }
            None
        })
    }

    pub(super) fn shrink(&mut self) {
        self.table.shrink();
        self.slots.shrink_to_fit();
        self.next.shrink_to_fit();
        self.facts.shrink_to_fit();
        self.single.shrink_to_fit();
    }

    pub(super) fn bytes(&self) -> usize {
        let numbers = [&self.slots, &self.next, &self.message, &self.single];
        numbers.into_iter().map(Vec::capacity).sum::<usize>() * 4
            + self.facts.capacity() * size_of::<Signature>()
            + self.messages.bytes()
            + self.table.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::CLAIM;
    use super::bulk::KnownBefore;
    use super::*;

    /// The latest signature of each of three nodes.
    fn push(sigs: &mut Signatures, heads: &mut [u32], slots: &[u32], message: Option<&str>) -> u32 {
        let sig = sigs.push(slots, Times::once(1), message);
        for (at, &slot) in slots.iter().enumerate() {
            let head = &mut heads[node_of(slot) as usize];
            sigs.set_next(sig, at, std::mem::replace(head, sig));
        }
        sig
    }

    #[test]
    fn the_list_of_a_node_runs_through_its_live_signatures() {
        let (mut sigs, mut heads) = (Signatures::default(), [NONE; 3]);
        let [a, b, c] = [0, 1, 2];
        let first = push(&mut sigs, &mut heads, &[a, b], Some("m"));
        let second = push(&mut sigs, &mut heads, &[a, c | CLAIM], None);
        assert_eq!(sigs.find(&[a, b]), Some(first));
        assert_eq!(sigs.find(&[a, b | CLAIM]), None);
        let list = |sigs: &Signatures, node: u32| {
            sigs.list(heads[node as usize], node).collect::<Vec<_>>()
        };
        assert_eq!(list(&sigs, a), [(second, false), (first, false)]);
        assert_eq!(list(&sigs, c), [(second, true)]);
        sigs.erase(second);
        assert_eq!((list(&sigs, a), list(&sigs, c)), (vec![(first, false)], vec![]));
        assert_eq!((sigs.find(&[a, c | CLAIM]), sigs.message(first)), (None, Some("m")));
        let heads = [a, b, c].map(|node| {
            let mut walk = ListWalk::new(node, heads[node as usize]);
            while sigs.next_live(&mut walk).is_some() {}
            walk.head
        });
        assert_eq!(heads, [first, first, NONE]);
    }

    #[test]
    fn a_walk_takes_dead_signatures_out_of_the_list_up_to_where_it_ends() {
        let (mut sigs, mut heads) = (Signatures::default(), [NONE; 9]);
        let all = [1, 2, 3, 4, 5, 6, 7, 8].map(|b| push(&mut sigs, &mut heads, &[0, b], None));
        [1, 2, 4, 7].into_iter().for_each(|i| sigs.erase(all[i]));
        let live = |sigs: &Signatures, head| sigs.list(head, 0).map(|(sig, _)| sig).collect();
        let expected: Vec<u32> = live(&sigs, heads[0]);
        assert_eq!(expected, [6, 5, 3, 0].map(|i| all[i]));
        let mut walk = ListWalk::new(0, heads[0]);
        let first = [0; 3].map(|_| sigs.next_live(&mut walk).map(|(sig, _)| sig));
        assert_eq!(first, [6, 5, 3].map(|i| Some(all[i])));
        assert_eq!((walk.head, live(&sigs, walk.head)), (all[6], expected));
        let next = |sig: u32| sigs.next[sigs.place(sig, 0)];
        // The walk has not seen what comes after the third.
        assert_eq!([6, 5, 3].map(|i| next(all[i])), [5, 3, 2].map(|i| all[i]));
    }

    #[test]
    fn a_signature_of_one_identifier_is_found_with_its_claim_or_without() {
        let (mut sigs, mut heads) = (Signatures::default(), [NONE; 3]);
        assert_eq!(sigs.find(&[1]), None);
        let plain = push(&mut sigs, &mut heads, &[1], None);
        let claimed = push(&mut sigs, &mut heads, &[1 | CLAIM], None);
        assert_eq!((sigs.find(&[1]), sigs.find(&[1 | CLAIM])), (Some(plain), Some(claimed)));
        sigs.erase(plain);
        assert_eq!((sigs.find(&[1]), sigs.find(&[1 | CLAIM])), (None, Some(claimed)));
        let again = push(&mut sigs, &mut heads, &[1], None);
        assert_eq!((sigs.find(&[1]), sigs.find(&[2])), (Some(again), None));
    }

    #[test]
    fn the_first_message_is_kept_whatever_order_they_come_in() {
        let messages = [(5, Some("b")), (3, None), (3, Some("z")), (3, Some("c")), (9, Some("a"))];
        for shift in 0..messages.len() {
            let mut sigs = Signatures::default();
            let mut order = messages;
            order.rotate_left(shift);
            let sig = sigs.push(&[0], Times::once(order[0].0), order[0].1);
            let mut batch = sigs.clone();
            for (at, id) in &order[1..] {
                _ = sigs.repeat(sig, Times::once(*at), *id, false);
            }
            let times: Vec<i64> = order[1..].iter().map(|(at, _)| *at).collect();
            let message = |_: u32, row: u32| order[row as usize + 1].1;
            let known = KnownBefore { n: 0, later_counts: false };
            let once = |_: u32, row: u32| Times::once(times[row as usize]);
            batch.repeat_batch(&[&[sig; 4]], known, once, Some(message));
            for sigs in [sigs, batch] {
                assert_eq!(sigs.message(sig), Some("c"), "{shift}");
                assert_eq!(sigs.times(sig), Times { first: 3, last: 9, count: 5 });
            }
        }
    }

    #[test]
    fn messages_that_are_replaced_again_and_again_do_not_pile_up() {
        let mut sigs = Signatures::default();
        sigs.push(&[0], Times::once(i64::MAX), None);
        for i in 0..50_000 {
            _ = sigs.repeat(0, Times::once(-i), Some("a message id of some length"), false);
        }
        assert!(sigs.messages.bytes() < 1 << 19, "{}", sigs.messages.bytes());
    }
}
