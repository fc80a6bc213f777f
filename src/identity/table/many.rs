//! Many keys get their numbers at once: those known their own, the others the next ones.
//!
//! Keys come in blocks that hold them by shard. Every shard looks up and adds the keys of all blocks
//! in order, so that it stays in the near cache, while what comparing will read is asked for ahead
//! of time; all shards at once, without a lock (Balkesen et al. 2013, on joins). Numbers follow the
//! order of shards and then of arrival: they depend on the hashes, not on the threads.

use std::ops::{Deref, Index, Range};

use super::{Shard, Table, entry, split};
use crate::num::parallel;

/// Set on the number of a key that is new, until the numbers of all shards are known.
const FRESH: u32 = 1 << 31;

/// Keys that are looked up together: what they ask for must stay in the near cache.
const GROUP: usize = 32;

/// A key without its data.
#[derive(Debug, Clone, Copy)]
struct Head<T> {
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
    fn len_of(key: &Self::Target) -> usize;
}

impl Store for String {
    fn with_capacity(n: usize) -> Self {
        Self::with_capacity(n)
    }
    fn add(&mut self, key: &str) {
        self.push_str(key);
    }
    fn len_of(key: &str) -> usize {
        key.len()
    }
}

impl Store for Vec<u32> {
    fn with_capacity(n: usize) -> Self {
        Self::with_capacity(n)
    }
    fn add(&mut self, key: &[u32]) {
        self.extend_from_slice(key);
    }
    fn len_of(key: &[u32]) -> usize {
        key.len()
    }
}

/// What the numbers in a table stand for.
pub(crate) trait Known<D: ?Sized, T>: Sync {
    /// Whether a number stands for this key.
    fn is(&self, number: u32, key: &D, mark: T) -> bool;
    /// Whether keys with the same data and these marks are one.
    fn alike(a: T, b: T) -> bool;
    /// Asks for what leads to the key of a number.
    fn soon_way(&self, number: u32);
    /// Asks for the key of a number, the way to which was asked for.
    fn soon_key(&self, number: u32);
}

/// Keys by shard, each with a mark.
#[derive(Debug)]
pub(crate) struct Keys<B, T> {
    heads: Vec<Head<T>>,
    data: B,
    /// Where the heads and the data of every shard begin, and where those of the last end.
    starts: Vec<(u32, u32)>,
}

impl<B: Store, T: Copy> Keys<B, T> {
    /// Keys with these hashes for a table of so many shards.
    pub(crate) fn new<'k>(
        n_shards: usize,
        hashes: &[u32],
        n_data: usize,
        get: impl Fn(usize) -> (&'k B::Target, T),
    ) -> Self
    where
        B::Target: 'k,
    {
        let mut ends = vec![0u32; n_shards + 1];
        for &hash in hashes {
            ends[split(hash, n_shards).0 + 1] += 1;
        }
        for shard in 0..n_shards {
            ends[shard + 1] += ends[shard];
        }
        let mut order = vec![0u32; hashes.len()];
        for (at, &hash) in (0..).zip(hashes) {
            let place = &mut ends[split(hash, n_shards).0];
            order[*place as usize] = at;
            *place += 1;
        }
        let mut data = B::with_capacity(n_data);
        let (mut heads, mut starts) = (Vec::with_capacity(hashes.len()), Vec::new());
        let (mut n_heads, mut n_data) = (0, 0);
        for &end in &ends[..n_shards] {
            starts.push((n_heads, n_data));
            for &at in &order[n_heads as usize..end as usize] {
                let (key, mark) = get(at as usize);
                data.add(key);
                let len = B::len_of(key);
                n_data += len as u32;
                heads.push(Head { hash: hashes[at as usize], at, len: len as u16, mark });
            }
            n_heads = end;
        }
        starts.push((n_heads, n_data));
        Self { heads, data, starts }
    }

    fn of(&self, shard: usize) -> &[Head<T>] {
        &self.heads[self.starts[shard].0 as usize..self.starts[shard + 1].0 as usize]
    }

    fn data(&self, start: u32, len: u16) -> &B::Target {
        &self.data[start as usize..start as usize + len as usize]
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

/// What a shard made of its keys.
#[derive(Debug)]
struct Found {
    /// Numbers in the order of blocks and keys.
    numbers: Vec<u32>,
    new: Vec<New>,
}

/// The numbers of many keys.
#[derive(Debug)]
pub(crate) struct Numbers<'k, B, T> {
    keys: Vec<&'k Keys<B, T>>,
    shards: Vec<Found>,
    /// The number of the first new key of every shard, and one more.
    bases: Vec<u32>,
    /// Of every block, where its numbers begin among those of every shard.
    offsets: Vec<Vec<u32>>,
}

impl Table {
    /// Numbers keys; the new ones from `first` on.
    pub(crate) fn number<'k, B: Store, T: Copy + Send + Sync>(
        &mut self,
        keys: Vec<&'k Keys<B, T>>,
        first: u32,
        known: &impl Known<B::Target, T>,
    ) -> Numbers<'k, B, T> {
        let n_shards = self.shards.len();
        let unit = keys.iter().map(|keys| keys.heads.len()).sum::<usize>() / n_shards.max(1) * 100;
        let shards = parallel::map_mut(&mut self.shards, unit, |s, shard| {
            shard.number(s, n_shards, &keys, known)
        });
        let mut bases = vec![first];
        for (s, found) in shards.iter().enumerate() {
            bases.push(bases[s] + found.new.len() as u32);
        }
        self.len += (bases[n_shards] - first) as usize;
        parallel::map_mut(&mut self.shards, unit, |s, shard| {
            shard.settle(n_shards, &shards[s].new, bases[s]);
        });
        let mut next = vec![0u32; n_shards];
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

    /// The keys of a shard that are not the first of a new one: number, mark, block and position.
    pub(crate) fn repeats(&self, shard: usize) -> Vec<(u32, T, u32, u32)> {
        let numbers = &self.shards[shard].numbers;
        let heads = (0..)
            .zip(&self.keys)
            .flat_map(|(b, keys)| keys.of(shard).iter().map(move |head| (b, head)));
        let mut n_new = 0;
        let mut repeats = Vec::new();
        for (&number, (block, head)) in numbers.iter().zip(heads) {
            if number == n_new | FRESH {
                n_new += 1;
            } else {
                repeats.push((self.final_number(shard, number), head.mark, block, head.at));
            }
        }
        repeats
    }

    pub(crate) fn n_shards(&self) -> usize {
        self.shards.len()
    }
}

impl Shard {
    /// Looks up the keys of shard `s` and adds those that are new, under passing numbers.
    fn number<B: Store, T: Copy, K: Known<B::Target, T>>(
        &mut self,
        s: usize,
        n_shards: usize,
        blocks: &[&Keys<B, T>],
        known: &K,
    ) -> Found {
        let n = blocks.iter().map(|keys| keys.of(s).len()).sum();
        let mut found = Found { numbers: Vec::with_capacity(n), new: Vec::new() };
        let mut guesses = [None; GROUP];
        for (block, keys) in blocks.iter().enumerate() {
            let (mut at, mut data) = keys.starts[s];
            for group in keys.of(s).chunks(GROUP) {
                self.guess(group, n_shards, known, &mut guesses);
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
                    let rest = split(head.hash, n_shards).1;
                    // If the guess is wrong or there is none, the key may have come just now.
                    let number = guess.filter(|&number| same(number));
                    let number = number.or_else(|| self.find(head.hash, rest, same));
                    found.numbers.push(number.unwrap_or_else(|| {
                        let number = found.new.len() as u32 | FRESH;
                        if self.is_full() {
                            // Many more may come: moving often costs more than the places.
                            self.resize(2 * self.places.len(), n_shards);
                        }
                        self.add(head.hash, rest, number);
                        found.new.push(New {
                            hash: head.hash,
                            block: block as u32,
                            head: at,
                            data,
                        });
                        number
                    }));
                    at += 1;
                    data += u32::from(head.len);
                }
            }
        }
        found
    }

    /// The first number with the hash of each key, while all that comparing will read is asked for.
    fn guess<D: ?Sized, T>(
        &self,
        group: &[Head<T>],
        n_shards: usize,
        known: &impl Known<D, T>,
        guesses: &mut [Option<u32>; GROUP],
    ) {
        for head in group {
            self.soon(split(head.hash, n_shards).1);
        }
        for (head, guess) in group.iter().zip(&mut *guesses) {
            *guess = self.find(head.hash, split(head.hash, n_shards).1, |_| true);
            if let Some(number) = *guess
                && number & FRESH == 0
            {
                known.soon_way(number);
            }
        }
        for number in guesses.iter().take(group.len()).flatten() {
            if number & FRESH == 0 {
                known.soon_key(*number);
            }
        }
    }

    /// Gives the new keys their numbers, from `base` on.
    fn settle(&mut self, n_shards: usize, new: &[New], base: u32) {
        for (i, key) in new.iter().enumerate() {
            if let Some(later) = new.get(i + GROUP) {
                self.soon(split(later.hash, n_shards).1);
            }
            let (passing, rest) = (i as u32 | FRESH, split(key.hash, n_shards).1);
            let place = self.place_of(key.hash, rest, |number| number == passing);
            let place = place.expect("a new key was added under its passing number");
            self.places[place] = entry(key.hash, base + i as u32);
        }
    }
}
