//! Sets of identifiers that came together: which, when, how often, and in which message first.
//!
//! The slots of all signatures stand end to end. The same places of `next` continue the list of every
//! node, so a list costs four bytes a slot and no allocation.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;

use super::super::table::{Keys, Known, Numbers, Table};
use super::super::texts::Texts;
use super::{CLAIM, NONE, Nodes, Times};
use crate::num::{parallel, prefetch};

/// Signatures by which what lies far off is asked for ahead.
const AHEAD: usize = 16;

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

#[derive(Debug, Clone, Default)]
pub(crate) struct Signatures {
    /// The nodes of all signatures, each sorted from the strongest, with their claim bits.
    slots: Vec<u32>,
    /// For every slot: the previous signature of its node.
    next: Vec<u32>,
    facts: Vec<Signature>,
    /// The text of the first message's id; empty while no message had one.
    message: Vec<u32>,
    messages: Texts,
    table: Table,
    hasher: DefaultHashBuilder,
    n_dead: usize,
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
    pub(crate) fn range(&self, sig: u32) -> std::ops::Range<usize> {
        let sig = sig as usize;
        let start = if sig == 0 { 0 } else { self.facts[sig - 1].end as usize };
        start..self.facts[sig].end as usize
    }

    pub(crate) fn slots(&self, sig: u32) -> &[u32] {
        &self.slots[self.range(sig)]
    }

    pub(crate) fn all_slots(&self) -> &[u32] {
        &self.slots
    }

    /// The earliest time of a signature.
    pub(crate) fn first(&self, sig: u32) -> i64 {
        self.facts[sig as usize].first
    }

    pub(crate) fn is_live(&self, sig: u32) -> bool {
        self.facts[sig as usize].count > 0
    }

    pub(crate) fn times(&self, sig: u32) -> Times {
        let Signature { first, last, count, .. } = self.facts[sig as usize];
        Times { first, last, count }
    }

    pub(crate) fn message(&self, sig: u32) -> Option<&str> {
        let text = *self.message.get(sig as usize)?;
        (text != NONE).then(|| self.messages.get(text as usize))
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len() as u32).filter(|&sig| self.is_live(sig))
    }

    pub(crate) fn hash(&self, slots: &[u32]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        for pair in slots.chunks(2) {
            let high = pair.get(1).map_or(0, |&slot| u64::from(slot) + 1);
            hasher.write_u64(u64::from(pair[0]) | high << 32);
        }
        (hasher.finish() >> 32) as u32
    }

    pub(crate) fn find(&self, slots: &[u32]) -> Option<u32> {
        self.find_hashed(self.hash(slots), slots)
    }

    pub(crate) fn find_hashed(&self, hash: u32, slots: &[u32]) -> Option<u32> {
        self.table.find(hash, |sig| self.slots(sig) == slots)
    }

    /// Asks for the place of a hash ahead of a look-up.
    pub(crate) fn soon(&self, hash: u32) {
        self.table.soon(hash);
    }

    /// Asks for what is known of the signature with this hash, if there is one.
    pub(crate) fn soon_facts(&self, hash: u32) -> Option<u32> {
        let sig = self.table.guess(hash)?;
        prefetch::soon_at(&self.facts, sig as usize);
        Some(sig)
    }

    /// Asks for the slots of a signature whose facts were asked for.
    pub(crate) fn soon_slots(&self, sig: u32) {
        prefetch::soon_at(&self.slots, self.range(sig).start);
    }

    /// Adds to a signature that is there.
    pub(crate) fn repeat(&mut self, sig: u32, times: Times, message: Option<&str>) {
        let mut all = self.times(sig);
        // The first message, by time and then by id, is the one whose id is kept.
        let earlier = match (times.first.cmp(&all.first), message, self.message(sig)) {
            (std::cmp::Ordering::Less, ..) => true,
            (std::cmp::Ordering::Equal, Some(new), Some(old)) => new < old,
            (std::cmp::Ordering::Equal, Some(_), None) => true,
            _ => false,
        };
        all.merge(times);
        let facts = &mut self.facts[sig as usize];
        (facts.first, facts.last, facts.count) = (all.first, all.last, all.count);
        if earlier {
            self.set_message(sig, message);
        }
    }

    pub(crate) fn has_messages(&self) -> bool {
        !self.message.is_empty()
    }

    /// Adds many observations without messages, each by its time's mark, to signatures that are
    /// there, on all threads. Those before `known` that were seen outside the times they had been,
    /// and whether earlier.
    pub(crate) fn repeat_many<P: Sync>(
        &mut self,
        repeats: &[Vec<(u32, i64, P, P)>],
        known: u32,
    ) -> Vec<(u32, bool)> {
        let n: usize = repeats.iter().map(Vec::len).sum();
        let len = self.facts.len().div_ceil(parallel::n_threads()).max(1);
        let unit = 20 * n / len;
        let changed = parallel::map_chunks_mut(&mut self.facts, len, unit, |range, facts| {
            let base = (range * len) as u32;
            let own = repeats.iter().flatten();
            let own = own.map(|&(sig, at, ..)| (sig.wrapping_sub(base) as usize, at));
            let own: Vec<_> = own.filter(|&(place, _)| place < facts.len()).collect();
            let mut changed = Vec::new();
            for (i, &(place, at)) in own.iter().enumerate() {
                if let Some(&(later, _)) = own.get(i + AHEAD) {
                    prefetch::soon_at(facts, later);
                }
                let (sig, facts) = (base + place as u32, &mut facts[place]);
                let (first, last) = (facts.first, facts.last);
                let mut all = Times { first, last, count: facts.count };
                all.merge(Times::from_mark(at));
                (facts.first, facts.last, facts.count) = (all.first, all.last, all.count);
                if sig < known && (all.first, all.last) != (first, last) {
                    changed.push((sig, all.first < first));
                }
            }
            changed
        });
        changed.concat()
    }

    /// Adds a signature that is not there; the caller has checked that there is room.
    pub(crate) fn push(
        &mut self,
        slots: &[u32],
        times: Times,
        message: Option<&str>,
        nodes: &mut Nodes,
    ) -> u32 {
        self.push_hashed(self.hash(slots), slots, times, message, nodes)
    }

    /// As `push`, with the hash at hand.
    pub(crate) fn push_hashed(
        &mut self,
        hash: u32,
        slots: &[u32],
        times: Times,
        message: Option<&str>,
        nodes: &mut Nodes,
    ) -> u32 {
        let sig = self.len() as u32;
        self.table.insert(hash, sig);
        for &slot in slots {
            self.slots.push(slot);
            let head = &mut nodes.facts[(slot & !CLAIM) as usize].head;
            self.next.push(std::mem::replace(head, sig));
        }
        let Times { first, last, count } = times;
        self.facts.push(Signature { first, last, count, end: self.slots.len() as u32 });
        if !self.message.is_empty() {
            self.message.push(NONE);
        }
        self.set_message(sig, message);
        sig
    }

    /// Sees to it that the table has enough shards for some more; how many there are.
    pub(crate) fn expect(&mut self, more: usize) -> usize {
        self.table.expect(more)
    }

    /// Numbers many signatures, each with a time; the new ones are to be appended.
    pub(crate) fn number<'k>(
        &mut self,
        keys: Vec<&'k Keys<Vec<u32>, i64>>,
    ) -> Numbers<'k, Vec<u32>, i64> {
        let mut table = std::mem::take(&mut self.table);
        let numbers = table.number(keys, self.len() as u32, self);
        self.table = table;
        numbers
    }

    /// Appends the signatures that are new, without messages; they are to be linked.
    pub(crate) fn append(&mut self, numbers: &Numbers<'_, Vec<u32>, i64>) {
        let (old, n) = (self.len(), numbers.n_new());
        let lengths = parallel::map_chunks(n, 4, |sigs| {
            let new = numbers.new_from(sigs.start).take(sigs.len());
            new.map(|(slots, ..)| slots.len()).sum::<usize>()
        });
        let mut end = self.slots.len();
        parallel::extend(&mut self.slots, lengths.iter().sum(), |_| 0);
        let none = |_| Signature { first: 0, last: 0, count: 0, end: 0 };
        parallel::extend(&mut self.facts, n, none);
        let (mut facts, mut slots) = (&mut self.facts[old..], &mut self.slots[end..]);
        let mut chunks = Vec::with_capacity(lengths.len());
        for length in lengths {
            let (own_slots, rest) = std::mem::take(&mut slots).split_at_mut(length);
            slots = rest;
            let n = facts.len().min(parallel::CHUNK);
            let (own_facts, rest) = std::mem::take(&mut facts).split_at_mut(n);
            facts = rest;
            chunks.push((end, own_slots, own_facts));
            end += length;
        }
        parallel::for_each(chunks, 20 * n, |chunk, (mut end, mut slots, facts)| {
            let new = numbers.new_from(chunk * parallel::CHUNK);
            for (facts, (key, at, ..)) in facts.iter_mut().zip(new) {
                let (own, rest) = slots.split_at_mut(key.len());
                own.copy_from_slice(key);
                slots = rest;
                end += key.len();
                let Times { first, last, count } = Times::from_mark(at);
                *facts = Signature { first, last, count, end: end as u32 };
            }
        });
        if !self.message.is_empty() {
            self.message.resize(old + n, NONE);
        }
    }

    /// Continues the lists of nodes through the slots that were appended.
    pub(crate) fn link(&mut self, n: usize, next: impl Fn(usize) -> u32 + Sync) {
        parallel::extend(&mut self.next, n, next);
        debug_assert_eq!(self.next.len(), self.slots.len());
    }

    pub(crate) fn set_message(&mut self, sig: u32, message: Option<&str>) {
        if message.is_none() && self.message.is_empty() {
            return;
        }
        self.message.resize(self.len(), NONE);
        let text = self.message[sig as usize];
        if text != NONE {
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

    fn compact_messages(&mut self) {
        let old = std::mem::take(&mut self.messages);
        for text in self.message.iter_mut().filter(|text| **text != NONE) {
            self.messages.push(old.get(*text as usize));
            *text = self.messages.len() as u32 - 1;
        }
    }

    /// Removes a signature; the lists that run through it skip it from now on.
    pub(crate) fn erase(&mut self, sig: u32) {
        let hash = self.hash(self.slots(sig));
        self.table.remove(hash, sig);
        self.set_message(sig, None);
        self.facts[sig as usize].count = 0;
        self.n_dead += 1;
    }

    /// Where a node stands in one of its signatures.
    fn place(&self, sig: u32, node: u32) -> usize {
        let range = self.range(sig);
        let at = self.slots[range.clone()].iter().position(|slot| slot & !CLAIM == node);
        range.start + at.expect("the list of a node runs through its own slots")
    }

    /// Takes the signatures that are gone out of a node's list.
    pub(crate) fn prune(&mut self, nodes: &mut Nodes, node: u32) {
        let (mut sig, mut kept) = (nodes.facts[node as usize].head, None);
        while sig != NONE {
            let at = self.place(sig, node);
            let next = self.next[at];
            match kept {
                _ if self.is_live(sig) => kept = Some(at),
                Some(before) => self.next[before] = next,
                None => nodes.facts[node as usize].head = next,
            }
            sig = next;
        }
    }

    /// The signatures that carry a node, the latest first, each with its claim bit there.
    pub(crate) fn of<'a>(
        &'a self,
        nodes: &Nodes,
        node: u32,
    ) -> impl Iterator<Item = (u32, bool)> + 'a {
        let mut sig = nodes.facts[node as usize].head;
        std::iter::from_fn(move || {
            while sig != NONE {
                let here = sig;
                let at = self.place(here, node);
                sig = self.next[at];
                if self.is_live(here) {
                    return Some((here, self.slots[at] & CLAIM != 0));
                }
            }
            None
        })
    }

    pub(crate) fn shrink(&mut self) {
        self.table.shrink();
        self.slots.shrink_to_fit();
        self.next.shrink_to_fit();
        self.facts.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        let numbers = self.slots.capacity() + self.next.capacity() + self.message.capacity();
        numbers * 4
            + self.facts.capacity() * size_of::<Signature>()
            + self.messages.bytes()
            + self.table.bytes()
    }
}

impl Known<[u32], i64> for Signatures {
    fn is(&self, sig: u32, slots: &[u32], _: i64) -> bool {
        self.slots(sig) == slots
    }

    fn alike(_: i64, _: i64) -> bool {
        true
    }

    fn soon_way(&self, sig: u32) {
        prefetch::soon_at(&self.facts, sig as usize);
    }

    fn soon_key(&self, sig: u32) {
        self.soon_slots(sig);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_node_runs_through_its_live_signatures() {
        let (mut nodes, mut sigs) = (Nodes::default(), Signatures::default());
        let [a, b, c] = ["a", "b", "c"].map(|v| nodes.intern(nodes.hash(0, v), 0, v).0);
        let once = Times::once(Some(1));
        let first = sigs.push(&[a, b], once, Some("m"), &mut nodes);
        let second = sigs.push(&[a, c | CLAIM], once, None, &mut nodes);
        assert_eq!(sigs.find(&[a, b]), Some(first));
        assert_eq!(sigs.find(&[a, b | CLAIM]), None);
        let list =
            |nodes: &Nodes, sigs: &Signatures, node| sigs.of(nodes, node).collect::<Vec<_>>();
        assert_eq!(list(&nodes, &sigs, a), [(second, false), (first, false)]);
        assert_eq!(list(&nodes, &sigs, c), [(second, true)]);
        sigs.erase(second);
        assert_eq!(
            (list(&nodes, &sigs, a), list(&nodes, &sigs, c)),
            (vec![(first, false)], vec![])
        );
        assert_eq!((sigs.find(&[a, c | CLAIM]), sigs.message(first)), (None, Some("m")));
        for node in [a, b, c] {
            sigs.prune(&mut nodes, node);
        }
        let heads = [a, b, c].map(|node| nodes.facts[node as usize].head);
        assert_eq!(heads, [first, first, NONE]);
    }

    #[test]
    fn the_first_message_is_kept_whatever_order_they_come_in() {
        let messages = [(5, Some("b")), (3, None), (3, Some("z")), (3, Some("c")), (9, Some("a"))];
        for shift in 0..messages.len() {
            let (mut nodes, mut sigs) = (Nodes::default(), Signatures::default());
            let (node, _) = nodes.intern(nodes.hash(0, "x"), 0, "x");
            for i in 0..messages.len() {
                let (at, id) = messages[(i + shift) % messages.len()];
                match sigs.find(&[node]) {
                    Some(sig) => sigs.repeat(sig, Times::once(Some(at)), id),
                    None => drop(sigs.push(&[node], Times::once(Some(at)), id, &mut nodes)),
                }
            }
            assert_eq!(sigs.message(0), Some("c"), "{shift}");
            assert_eq!(sigs.times(0), Times { first: 3, last: 9, count: 5 });
        }
    }

    #[test]
    fn messages_that_are_replaced_again_and_again_do_not_pile_up() {
        let (mut nodes, mut sigs) = (Nodes::default(), Signatures::default());
        let (node, _) = nodes.intern(nodes.hash(0, "x"), 0, "x");
        sigs.push(&[node], Times::once(None), None, &mut nodes);
        for i in 0..50_000 {
            sigs.repeat(0, Times::once(Some(-i)), Some("a message id of some length"));
        }
        assert!(sigs.messages.bytes() < 1 << 19, "{}", sigs.messages.bytes());
    }
}
