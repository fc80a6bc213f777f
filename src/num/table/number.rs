//! Numbers a batch of keys: known keys get their number, new keys the next numbers.
//!
//! Keys come in blocks that are grouped by shard. Every shard looks up and adds the keys of all
//! blocks in order, so that it stays in the near cache, and prefetches what comparing will read.
//! All shards run at once, without a lock (Balkesen et al. 2013, on joins). Numbers follow the order
//! of shards and then of arrival: they depend on the hashes, not on the threads.

use std::borrow::Borrow;
use std::ops::{Deref, Index, Range};

use super::{N_SHARDS, Table, TableShard, entry, split};
use crate::num::{parallel, prefetch};

/// Set on the number of a new key until the numbers of all shards are known.
const FRESH: u32 = 1 << 31;

/// Keys that are looked up together: what they prefetch must stay in the near cache.
const GROUP: usize = 32;

/// A key without its data.
#[derive(Debug, Clone, Copy)]
struct KeyHead<T> {
    hash: u32,
    /// Position in the block.
    at: u32,
    len: u16,
    mark: T,
}

/// Holds the data of keys end to end.
pub(crate) trait Store:
    Default + Send + Sync + Deref<Target: Index<Range<usize>, Output = Self::Target> + PartialEq>
{
    fn with_capacity(n: usize) -> Self;
    fn add(&mut self, key: &Self::Target);
    fn clear(&mut self);
    fn len_of(key: &Self::Target) -> usize;
    fn prefetch(keys: &Self::Target);
}

impl Store for String {
    fn with_capacity(n: usize) -> Self {
        Self::with_capacity(n)
    }
    fn add(&mut self, key: &str) {
        self.push_str(key);
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn len_of(key: &str) -> usize {
        key.len()
    }
    fn prefetch(keys: &str) {
        prefetch::prefetch(keys.as_bytes());
    }
}

impl<W: Copy + PartialEq + Send + Sync> Store for Vec<W> {
    fn with_capacity(n: usize) -> Self {
        Self::with_capacity(n)
    }
    fn add(&mut self, key: &[W]) {
        self.extend_from_slice(key);
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn len_of(key: &[W]) -> usize {
        key.len()
    }
    fn prefetch(keys: &[W]) {
        prefetch::prefetch(keys);
    }
}

/// What the numbers in a table stand for.
pub(crate) trait Known<D: ?Sized, T>: Sync {
    /// Whether a number stands for this key.
    fn is(&self, number: u32, key: &D, mark: T) -> bool;
    /// Whether keys with the same data and these marks are equal.
    fn alike(a: T, b: T) -> bool;
    /// Prefetches what leads to the key of a number.
    fn prefetch_facts(&self, number: u32);
    /// Prefetches the key of a number whose facts were prefetched.
    fn prefetch_key(&self, number: u32);
}

/// A block of keys with their hashes, each with a mark; in order of arrival or grouped by shard.
#[derive(Debug, Clone)]
pub(crate) struct Keys<B, T> {
    heads: Vec<KeyHead<T>>,
    data: B,
    /// Where the heads and the data of every shard begin, and where those of the last end; empty
    /// while the keys are in order of arrival.
    starts: Vec<(u32, u32)>,
}

impl<B: Default, T> Default for Keys<B, T> {
    fn default() -> Self {
        Self { heads: Vec::new(), data: B::default(), starts: Vec::new() }
    }
}

impl<B: Store, T: Copy> Keys<B, T> {
    /// An empty block with room for `n` keys of `n_data` units of data.
    pub(crate) fn with_capacity(n: usize, n_data: usize) -> Self {
        let (heads, data) = (Vec::with_capacity(n), B::with_capacity(n_data));
        Self { heads, data, starts: Vec::new() }
    }

    /// Removes all keys and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.data.clear();
        self.starts.clear();
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Adds a key to a block in order of arrival.
    pub(crate) fn push(&mut self, hash: u32, key: &B::Target, mark: T) {
        debug_assert!(self.starts.is_empty());
        let (at, len) = (self.heads.len() as u32, B::len_of(key) as u16);
        self.data.add(key);
        self.heads.push(KeyHead { hash, at, len, mark });
    }

    /// Iterates over some keys that are in order of arrival, whose data begin at `start`.
    pub(crate) fn slice(
        &self,
        range: Range<usize>,
        start: usize,
    ) -> impl Iterator<Item = (u32, &B::Target, T)> + Clone {
        debug_assert!(!self.is_grouped());
        let mut start = start as u32;
        self.heads[range].iter().map(move |head| {
            let key = self.data(start, head.len);
            start += u32::from(head.len);
            (head.hash, key, head.mark)
        })
    }

    /// The marks of all keys, in the order in which they are stored.
    pub(crate) fn marks_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.heads.iter_mut().map(|head| &mut head.mark)
    }

    /// Whether the keys are grouped by shard.
    pub(crate) fn is_grouped(&self) -> bool {
        !self.starts.is_empty()
    }

    /// The same keys grouped by shard, for [`Table::number`].
    pub(crate) fn grouped(&self) -> Self {
        debug_assert!(!self.is_grouped());
        let mut arrivals = Arrivals::with_capacity(self.len());
        for (hash, key, mark) in self.slice(0..self.len(), 0) {
            arrivals.push(hash, key, mark);
        }
        arrivals.grouped()
    }

    /// The same keys in order of arrival.
    pub(crate) fn in_order(&self) -> Self {
        debug_assert!(self.is_grouped());
        let mut starts = vec![0; self.heads.len()];
        let mut places = vec![0; self.heads.len()];
        let mut start = 0;
        for (place, head) in (0..).zip(&self.heads) {
            (places[head.at as usize], starts[head.at as usize]) = (place, start);
            start += u32::from(head.len);
        }
        let mut all = Self::with_capacity(self.heads.len(), start as usize);
        for (place, start) in places.into_iter().zip(starts) {
            let head: KeyHead<T> = self.heads[place];
            all.data.add(self.data(start, head.len));
            all.heads.push(head);
        }
        all
    }

    fn of(&self, shard: usize) -> &[KeyHead<T>] {
        &self.heads[self.starts[shard].0 as usize..self.starts[shard + 1].0 as usize]
    }

    /// Prefetches the keys of a shard.
    fn prefetch(&self, shard: usize) {
        prefetch::prefetch(self.of(shard));
        let bytes = self.starts[shard].1 as usize..self.starts[shard + 1].1 as usize;
        B::prefetch(&self.data[bytes]);
    }

    fn data(&self, start: u32, len: u16) -> &B::Target {
        &self.data[start as usize..start as usize + len as usize]
    }
}

/// Keys in order of arrival whose data lie elsewhere, to be grouped.
pub(crate) struct Arrivals<K, T> {
    heads: Vec<(u32, T)>,
    keys: Vec<K>,
}

impl<K, T: Copy> Arrivals<K, T> {
    /// Room for `n` keys.
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self { heads: Vec::with_capacity(n), keys: Vec::with_capacity(n) }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds a key with its hash.
    pub(crate) fn push(&mut self, hash: u32, key: K, mark: T) {
        self.heads.push((hash, mark));
        self.keys.push(key);
    }

    /// The marks of all keys.
    pub(crate) fn marks(&self) -> impl Iterator<Item = T> {
        self.heads.iter().map(|head| head.1)
    }

    /// A copy of the keys in order of arrival.
    pub(crate) fn in_order<B: Store>(&self) -> Keys<B, T>
    where
        K: Borrow<B::Target>,
    {
        let mut all = Keys::<B, T>::default();
        for (&(hash, mark), key) in self.heads.iter().zip(&self.keys) {
            all.push(hash, key.borrow(), mark);
        }
        all
    }

    /// A copy of the keys grouped by shard.
    pub(crate) fn grouped<B: Store>(&self) -> Keys<B, T>
    where
        K: Borrow<B::Target>,
    {
        let shard = |hash: u32| split(hash, N_SHARDS).0;
        let mut starts = vec![(0u32, 0u32); N_SHARDS + 1];
        for (&(hash, _), key) in self.heads.iter().zip(&self.keys) {
            let (n, n_data) = &mut starts[shard(hash) + 1];
            *n += 1;
            *n_data += B::len_of(key.borrow()) as u32;
        }
        for shard in 0..N_SHARDS {
            let (before, n) = (starts[shard], starts[shard + 1]);
            starts[shard + 1] = (before.0 + n.0, before.1 + n.1);
        }
        let mut next: Vec<u32> = starts.iter().map(|start| start.0).collect();
        let mut order = vec![0u32; self.heads.len()];
        for (at, &(hash, _)) in (0..).zip(&self.heads) {
            let place = &mut next[shard(hash)];
            order[*place as usize] = at;
            *place += 1;
        }
        let mut all = Keys::<B, T>::with_capacity(self.heads.len(), starts[N_SHARDS].1 as usize);
        for at in order {
            let ((hash, mark), key) = (self.heads[at as usize], self.keys[at as usize].borrow());
            all.data.add(key);
            all.heads.push(KeyHead { hash, at, len: B::len_of(key) as u16, mark });
        }
        all.starts = starts;
        all
    }
}

/// A key that was not in the table.
#[derive(Debug, Clone, Copy)]
struct New {
    hash: u32,
    block: u32,
    head: u32,
    data: u32,
}

/// The keys of a shard, looked up.
#[derive(Debug)]
struct FoundKeys {
    /// Numbers in the order of blocks and keys.
    numbers: Vec<u32>,
    new: Vec<New>,
}

/// The numbers of many keys.
#[derive(Debug)]
pub(crate) struct Numbers<'k, B, T> {
    keys: Vec<&'k Keys<B, T>>,
    shards: Vec<FoundKeys>,
    /// The number of the first new key of every shard, and one more.
    bases: Vec<u32>,
    /// Of every block, where its numbers begin among those of every shard.
    offsets: Vec<Vec<u32>>,
}

impl Table {
    /// Numbers keys that are grouped by shard; new ones get the numbers from `first` on.
    pub(crate) fn number<'k, B: Store, T: Copy + Send + Sync>(
        &mut self,
        keys: Vec<&'k Keys<B, T>>,
        first: u32,
        known: &impl Known<B::Target, T>,
    ) -> Numbers<'k, B, T> {
        self.split();
        let unit = keys.iter().map(|keys| keys.heads.len()).sum::<usize>() / N_SHARDS * 100;
        let shards =
            parallel::map_mut(&mut self.shards, unit, |s, shard| shard.number(s, &keys, known));
        let mut bases = vec![first];
        for (s, found) in shards.iter().enumerate() {
            bases.push(bases[s] + found.new.len() as u32);
        }
        self.len += (bases[N_SHARDS] - first) as usize;
        parallel::map_mut(&mut self.shards, unit, |s, shard| {
            shard.renumber(&shards[s].new, bases[s]);
        });
        let mut next = vec![0u32; N_SHARDS];
        let mut offsets = Vec::with_capacity(keys.len());
        for block in &keys {
            offsets.push(next.clone());
            for (s, next) in next.iter_mut().enumerate() {
                *next += block.of(s).len() as u32;
            }
        }
        Numbers { keys, shards, bases, offsets }
    }
}

impl<'k, B: Store, T: Copy> Numbers<'k, B, T> {
    /// Number of keys that were not in the table.
    pub(crate) fn n_new(&self) -> usize {
        self.shards.iter().map(|found| found.new.len()).sum()
    }

    /// The numbers of a block, in the order of its keys.
    pub(crate) fn of_block(&self, block: usize) -> Vec<u32> {
        let keys = self.keys[block];
        let mut numbers = vec![0; keys.heads.len()];
        for (s, found) in self.shards.iter().enumerate() {
            let own = &found.numbers[self.offsets[block][s] as usize..];
            for (head, &number) in keys.of(s).iter().zip(own) {
                numbers[head.at as usize] = self.final_number(s, number);
            }
        }
        numbers
    }

    fn final_number(&self, shard: usize, number: u32) -> u32 {
        if number & FRESH != 0 { (number & !FRESH) + self.bases[shard] } else { number }
    }

    /// The new keys by number, from the `i`-th on: data, mark, block and position.
    pub(crate) fn new_from(
        &self,
        i: usize,
    ) -> impl Iterator<Item = (&'k B::Target, T, usize, usize)> + Clone {
        let i = i as u32 + self.bases[0];
        let shard = self.bases.partition_point(|&base| base <= i) - 1;
        let skip = i - self.bases.get(shard).copied().unwrap_or(i);
        let new = self.shards[shard.min(self.shards.len())..].iter().flat_map(|found| &found.new);
        new.skip(skip as usize).map(|new| {
            let keys = self.keys[new.block as usize];
            let head = &keys.heads[new.head as usize];
            let data = keys.data(new.data, head.len);
            (data, head.mark, new.block as usize, head.at as usize)
        })
    }
}

impl TableShard {
    /// Looks up the keys of shard `s` and adds those that are new, under passing numbers (position among the new, and [`FRESH`]).
    fn number<B: Store, T: Copy, K: Known<B::Target, T>>(
        &mut self,
        s: usize,
        blocks: &[&Keys<B, T>],
        known: &K,
    ) -> FoundKeys {
        let n = blocks.iter().map(|keys| keys.of(s).len()).sum();
        let mut found = FoundKeys { numbers: Vec::with_capacity(n), new: Vec::new() };
        let mut guesses = [None; GROUP];
        for (block, keys) in blocks.iter().enumerate() {
            // The keys of one shard lie far apart in different blocks.
            if let Some(later) = blocks.get(block + 1) {
                later.prefetch(s);
            }
            let (mut at, mut data) = keys.starts[s];
            for group in keys.of(s).chunks(GROUP) {
                self.guess(group, known, &mut guesses);
                for (head, guess) in group.iter().zip(guesses) {
                    let key = keys.data(data, head.len);
                    let same = |number: u32| match number & FRESH {
                        0 => known.is(number, key, head.mark),
                        _ => {
                            let New { block, head: at, data, .. } =
                                found.new[(number & !FRESH) as usize];
                            let keys = blocks[block as usize];
                            let other = &keys.heads[at as usize];
                            keys.data(data, other.len) == key && K::alike(other.mark, head.mark)
                        }
                    };
                    let rest = split(head.hash, N_SHARDS).1;
                    // If the guess is wrong or there is none, the key may have come just now.
                    let number = guess.filter(|&number| same(number));
                    let number = number.or_else(|| self.find(head.hash, rest, same));
                    found.numbers.push(number.unwrap_or_else(|| {
                        let number = found.new.len() as u32 | FRESH;
                        if self.is_full() {
                            // Many more may come: moving often costs more than the places.
                            self.resize(2 * self.places.len(), N_SHARDS);
                        }
                        self.add(head.hash, rest, number);
                        let block = block as u32;
                        found.new.push(New { hash: head.hash, block, head: at, data });
                        number
                    }));
                    at += 1;
                    data += u32::from(head.len);
                }
            }
        }
        found
    }

    /// Finds the first number with the hash of each key, and prefetches all that comparing will read.
    fn guess<D: ?Sized, T>(
        &self,
        group: &[KeyHead<T>],
        known: &impl Known<D, T>,
        guesses: &mut [Option<u32>; GROUP],
    ) {
        for head in group {
            self.prefetch(split(head.hash, N_SHARDS).1);
        }
        for (head, guess) in group.iter().zip(&mut *guesses) {
            *guess = self.find(head.hash, split(head.hash, N_SHARDS).1, |_| true);
            if let Some(number) = *guess
                && number & FRESH == 0
            {
                known.prefetch_facts(number);
            }
        }
        for number in guesses.iter().take(group.len()).flatten() {
            if number & FRESH == 0 {
                known.prefetch_key(*number);
            }
        }
    }

    /// Replaces the passing numbers of the new keys by those from `base` on.
    fn renumber(&mut self, new: &[New], base: u32) {
        for (i, key) in new.iter().enumerate() {
            if let Some(later) = new.get(i + GROUP) {
                self.prefetch(split(later.hash, N_SHARDS).1);
            }
            let (passing, rest) = (i as u32 | FRESH, split(key.hash, N_SHARDS).1);
            let place = self.place_of(key.hash, rest, |number| number == passing);
            let place = place.expect("a new key was added under its passing number");
            self.places[place] = entry(key.hash, base + i as u32);
        }
    }
}
