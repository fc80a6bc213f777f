//! Many keys get their numbers at once: those known their own, the others the next ones.
//!
//! Keys come in blocks. Every block is sorted by shard (counting sort), then every shard looks up
//! and adds the keys of all blocks in order, while the memory that comparing will read is asked
//! for ahead of time; both on all threads, without a lock. Numbers follow the order of shards and
//! then of arrival, so they do not depend on the threads.

use super::{FREE, Shard, Table, entry, split};
use crate::num::parallel;

/// Set on the number of a key that is new, until the numbers of all shards are known.
const FRESH: u32 = 1 << 31;

/// Keys that are looked up together: what they ask for must stay in the near cache.
const GROUP: usize = 32;

/// A key, its hash and its position in its block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<K> {
    pub(crate) hash: u32,
    pub(crate) at: u32,
    pub(crate) key: K,
}

/// What the numbers in a table stand for.
pub(crate) trait Known<K>: Sync {
    /// Whether a number stands for this key.
    fn is(&self, number: u32, key: &K) -> bool;
    /// Asks for what leads to the key of a number.
    fn soon(&self, number: u32);
    /// Asks for the key of a number, the way to which was asked for.
    fn soon_key(&self, number: u32);
    /// Asks for a key that is at hand.
    fn soon_own(key: &K);
}

/// The numbers of many keys.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// Of every block, the numbers in the order of its keys.
    pub(crate) numbers: Vec<Vec<u32>>,
    /// Block and position of every key that was new, in the order of the new numbers.
    pub(crate) fresh: Vec<(u32, u32)>,
}

/// The keys of a block, by shard.
struct Sorted<K> {
    keys: Vec<Key<K>>,
    /// Where every shard starts.
    starts: Vec<u32>,
}

impl<K: Copy> Sorted<K> {
    fn new(keys: &[Key<K>], n_shards: usize) -> Self {
        let mut starts = vec![0u32; n_shards + 1];
        for key in keys {
            starts[split(key.hash, n_shards).0 + 1] += 1;
        }
        for shard in 0..n_shards {
            starts[shard + 1] += starts[shard];
        }
        let mut next = starts.clone();
        let mut sorted = keys.to_vec();
        for key in keys {
            let place = &mut next[split(key.hash, n_shards).0];
            sorted[*place as usize] = *key;
            *place += 1;
        }
        Self { keys: sorted, starts }
    }

    fn of(&self, shard: usize) -> &[Key<K>] {
        &self.keys[self.starts[shard] as usize..self.starts[shard + 1] as usize]
    }
}

/// What a shard made of its keys.
struct Found<K> {
    /// Numbers in the order of blocks and keys.
    numbers: Vec<u32>,
    /// New keys and their blocks.
    fresh: Vec<(u32, Key<K>)>,
}

impl Table {
    /// Numbers keys; the new ones from `first` on.
    pub(crate) fn number<K: Copy + PartialEq + Send + Sync>(
        &mut self,
        blocks: &[Vec<Key<K>>],
        first: u32,
        known: &impl Known<K>,
    ) -> Numbered {
        let n_keys: usize = blocks.iter().map(Vec::len).sum();
        self.expect(n_keys);
        let n_shards = self.shards.len();
        let work = n_keys.div_ceil(blocks.len().max(1)) * 20;
        let sorted = parallel::map(blocks.len(), work, |b| Sorted::new(&blocks[b], n_shards));
        let work = n_keys / n_shards * 100;
        let found = parallel::map_mut(&mut self.shards, work, |s, shard| {
            shard.number(s, n_shards, &sorted, known)
        });
        let mut base = first;
        let bases: Vec<u32> = found
            .iter()
            .map(|found| {
                let own = base;
                base += found.fresh.len() as u32;
                own
            })
            .collect();
        self.len += (base - first) as usize;
        parallel::map_mut(&mut self.shards, work, |s, shard| {
            shard.settle(n_shards, &found[s].fresh, bases[s]);
        });
        // Where the numbers of a block begin among those of a shard.
        let mut offsets = vec![0u32; n_shards];
        let starts: Vec<Vec<u32>> = sorted
            .iter()
            .map(|block| {
                let own = offsets.clone();
                for (offset, ends) in offsets.iter_mut().zip(block.starts.windows(2)) {
                    *offset += ends[1] - ends[0];
                }
                own
            })
            .collect();
        let numbers = parallel::map(blocks.len(), n_keys / blocks.len().max(1) * 20, |b| {
            let mut numbers = vec![0; blocks[b].len()];
            for s in 0..n_shards {
                let own = &found[s].numbers[starts[b][s] as usize..];
                for (key, &number) in sorted[b].of(s).iter().zip(own) {
                    let fresh = number & FRESH != 0;
                    numbers[key.at as usize] =
                        if fresh { (number & !FRESH) + bases[s] } else { number };
                }
            }
            numbers
        });
        let fresh = found.iter().flat_map(|found| &found.fresh);
        let fresh = fresh.map(|&(block, key)| (block, key.at)).collect();
        Numbered { numbers, fresh }
    }
}

impl Shard {
    /// Looks up the keys of shard `s` and adds those that are new, under passing numbers.
    fn number<K: Copy + PartialEq>(
        &mut self,
        s: usize,
        n_shards: usize,
        sorted: &[Sorted<K>],
        known: &impl Known<K>,
    ) -> Found<K> {
        let n = sorted.iter().map(|block| block.of(s).len()).sum();
        let mut found = Found { numbers: Vec::with_capacity(n), fresh: Vec::new() };
        let mut guesses = [None; GROUP];
        for (block, sorted) in (0..).zip(sorted) {
            for group in sorted.of(s).chunks(GROUP) {
                self.ask(group, n_shards, &found.fresh, known, &mut guesses);
                for key in group {
                    let rest = split(key.hash, n_shards).1;
                    let same = |number: u32| match number & FRESH {
                        0 => known.is(number, &key.key),
                        _ => found.fresh[(number & !FRESH) as usize].1.key == key.key,
                    };
                    let number = self.find(key.hash, rest, same).unwrap_or_else(|| {
                        let number = found.fresh.len() as u32 | FRESH;
                        self.insert(key.hash, rest, number, n_shards);
                        found.fresh.push((block, *key));
                        number
                    });
                    found.numbers.push(number);
                }
            }
        }
        found
    }

    /// Asks for all that looking up some keys will read.
    fn ask<K, T: Known<K>>(
        &self,
        group: &[Key<K>],
        n_shards: usize,
        fresh: &[(u32, Key<K>)],
        known: &T,
        guesses: &mut [Option<u32>; GROUP],
    ) {
        for key in group {
            self.soon(split(key.hash, n_shards).1);
            T::soon_own(&key.key);
        }
        for (key, guess) in group.iter().zip(&mut *guesses) {
            *guess = self.find(key.hash, split(key.hash, n_shards).1, |_| true);
            match *guess {
                Some(number) if number & FRESH != 0 => {
                    T::soon_own(&fresh[(number & !FRESH) as usize].1.key);
                }
                Some(number) => known.soon(number),
                None => {}
            }
        }
        for number in guesses.iter().take(group.len()).flatten() {
            if number & FRESH == 0 {
                known.soon_key(*number);
            }
        }
    }

    /// Gives the new keys their numbers, from `base` on.
    fn settle<K>(&mut self, n_shards: usize, fresh: &[(u32, Key<K>)], base: u32) {
        for (local, (_, key)) in (0..).zip(fresh) {
            let rest = split(key.hash, n_shards).1;
            let place = self.place_of(key.hash, rest, |number| number == local | FRESH);
            let place = place.expect("a new key was added under its passing number");
            debug_assert!(self.places[place] != FREE);
            self.places[place] = entry(key.hash, base + local);
        }
    }
}
