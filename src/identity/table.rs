//! Numbers by the hash of what they stand for: open addressing, eight bytes a place.
//!
//! Linear probing (Knuth, TAOCP 3, 6.4) from a place that grows with the hash, so entries lie
//! almost in the order of their hashes: growing is one pass from front to back instead of a
//! scattered one, any size will do, and a look-up that has gone out of the cache waits for one
//! line, which can be asked for ahead of time. An entry that is removed lets those behind it
//! close up (Knuth's algorithm R), so there are no tombstones.

use crate::num::prefetch;

/// A place without an entry; numbers are smaller than `u32::MAX`.
const FREE: u64 = u64::MAX;

/// The stored hash stands above the number.
fn entry(hash: u32, number: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(number)
}

fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    places: Vec<u64>,
    len: usize,
}

impl Table {
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.places.len() as u64) >> 32) as usize
    }

    fn after(&self, place: usize) -> usize {
        if place + 1 == self.places.len() { 0 } else { place + 1 }
    }

    /// Asks for the place of a hash ahead of a look-up.
    pub(crate) fn soon(&self, hash: u32) {
        prefetch::soon_at(&self.places, self.home(hash));
    }

    /// The number with this hash that is the one meant.
    pub(crate) fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        self.place_of(hash, same).map(|place| self.places[place] as u32)
    }

    /// The first number with this hash, whatever it stands for; a guess to fetch ahead by.
    pub(crate) fn guess(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    fn place_of(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let mut place = self.home(hash);
        loop {
            let there = self.places[place];
            if there == FREE {
                return None;
            }
            if hash_of(there) == hash && same(there as u32) {
                return Some(place);
            }
            place = self.after(place);
        }
    }

    /// Adds a number that is not there.
    pub(crate) fn insert(&mut self, hash: u32, number: u32) {
        // At most four fifths full.
        if (self.len + 1) * 5 > self.places.len() * 4 {
            self.grow();
        }
        self.put(entry(hash, number));
        self.len += 1;
    }

    fn put(&mut self, new: u64) {
        let mut place = self.home(hash_of(new));
        while self.places[place] != FREE {
            place = self.after(place);
        }
        self.places[place] = new;
    }

    fn grow(&mut self) {
        let wider = (self.places.len() + self.places.len() / 3).max(32);
        let old = std::mem::replace(&mut self.places, vec![FREE; wider]);
        old.into_iter().filter(|&there| there != FREE).for_each(|there| self.put(there));
    }

    /// Removes a number, if it is there.
    pub(crate) fn remove(&mut self, hash: u32, number: u32) {
        let Some(mut hole) = self.place_of(hash, |there| there == number) else { return };
        let n = self.places.len();
        let mut place = hole;
        loop {
            place = self.after(place);
            let there = self.places[place];
            if there == FREE {
                break;
            }
            // It may move back if that is not before its home, going round.
            let behind = |from: usize| (place + n - from) % n;
            if behind(self.home(hash_of(there))) >= behind(hole) {
                self.places[hole] = there;
                hole = place;
            }
        }
        self.places[hole] = FREE;
        self.len -= 1;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that pile up at both ends of the table and share values.
    fn hash(number: u32) -> u32 {
        match number % 4 {
            0 => u32::MAX - number % 7,
            1 => number % 5,
            _ => number.wrapping_mul(0x9e37_79b9) / 3 * 3,
        }
    }

    #[test]
    fn what_was_added_is_found_and_what_was_removed_is_not() {
        let mut table = Table::default();
        let mut there = vec![false; 400];
        let mut random = 1_u64;
        for _ in 0..4000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (random >> 40) as u32 % 400;
            let known = &mut there[number as usize];
            if *known {
                table.remove(hash(number), number);
            } else {
                table.insert(hash(number), number);
            }
            *known = !*known;
            for number in 0..400 {
                let found = table.find(hash(number), |n| n == number);
                assert_eq!(found, there[number as usize].then_some(number));
            }
        }
        assert_eq!(table.len, there.iter().filter(|&&known| known).count());
        assert!(table.len * 5 <= table.places.len() * 4);
    }

    #[test]
    fn an_empty_table_finds_nothing_and_removes_nothing() {
        let mut table = Table::default();
        assert_eq!(table.guess(7), None);
        table.remove(7, 7);
        table.soon(7);
        assert_eq!((table.len, table.bytes()), (0, 0));
    }
}
