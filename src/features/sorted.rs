//! A list in order, with room anywhere: putting in and taking out move a few items, wherever it is.
//!
//! Items lie one after the other, as in a `Vec`, while they come in order or are few. What comes late
//! into a long list cuts it into blocks, so that only a block's items move. How a list is cut depends
//! on how it came to be; what is in it, and in which order, does not.
//!
//! Cost: O(log n) to find a place; to put in or to take out, a move of up to 2 · 512 items, and once in
//! 512 times one of what tells where the n / 512 blocks are.

use std::cmp::Ordering;
use std::{iter, mem, slice};

/// Items of a block when it is cut off: few enough to be moved in well below a microsecond, enough for
/// the blocks to be few. Tests cut early, so that all of them see blocks.
const BLOCK: usize = if cfg!(test) { 4 } else { 512 };

/// Items in order; the caller keeps it.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) enum Sorted<T> {
    One(Vec<T>),
    /// Two or more, none of them empty.
    Many(Box<[Vec<T>]>),
}

/// Between two items, or at an end: a block, and how many of its items are before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize, usize);

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self::One(Vec::new())
    }
}

impl<T> Sorted<T> {
    /// The items, block by block. Only the one block of an empty list is empty.
    pub(crate) fn blocks(&self) -> &[Vec<T>] {
        match self {
            Self::One(block) => slice::from_ref(block),
            Self::Many(blocks) => blocks,
        }
    }

    fn blocks_mut(&mut self) -> &mut [Vec<T>] {
        match self {
            Self::One(block) => slice::from_mut(block),
            Self::Many(blocks) => blocks,
        }
    }

    /// The items in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks().iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks().iter().map(Vec::len).sum()
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.blocks()[0].first()
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.blocks()[self.blocks().len() - 1].last()
    }

    /// The place before all items.
    pub(crate) fn start(&self) -> Place {
        Place(0, 0)
    }

    /// The place before the first item of which something that holds of those before does not.
    pub(crate) fn partition_point(&self, mut holds: impl FnMut(&T) -> bool) -> Place {
        let blocks = self.blocks();
        let last = blocks.len() - 1;
        let block = blocks[..last].partition_point(|block| block.last().is_some_and(&mut holds));
        Place(block, blocks[block].partition_point(holds))
    }

    /// The items from a place on.
    pub(crate) fn after(&self, Place(block, n): Place) -> impl Iterator<Item = &T> {
        let blocks = &self.blocks()[block..];
        blocks[0][n..].iter().chain(blocks[1..].iter().flatten())
    }

    /// Puts in an item where it belongs.
    pub(crate) fn insert(&mut self, place: Place, item: T) {
        let last = self.blocks().len() - 1;
        let Place(block, n) = match place {
            Place(block, n) if block == last && n == self.blocks()[block].len() => place,
            place => self.cut(place),
        };
        self.blocks_mut()[block].insert(n, item);
    }

    /// Takes out the item after a place, which is there.
    pub(crate) fn remove(&mut self, place: Place) -> T {
        let Place(block, n) = self.cut(place);
        let item = self.blocks_mut()[block].remove(n);
        if self.blocks()[block].is_empty() {
            self.change_blocks(|blocks| drop(blocks.remove(block)));
        }
        item
    }

    /// Adds items that are in order among themselves.
    pub(crate) fn append(
        &mut self,
        items: impl Iterator<Item = T>,
        compare: impl Fn(&T, &T) -> Ordering,
    ) {
        let last = self.blocks_mut().last_mut().expect("there is always a block");
        let old = last.len();
        last.extend(items);
        let ends = last[..old].last().zip(last.get(old));
        if ends.is_some_and(|(before, after)| compare(before, after).is_gt()) {
            self.add(Vec::new(), compare);
        }
    }

    /// Adds items in any order.
    pub(crate) fn add(&mut self, items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
        let mut all = mem::take(self).into_vec();
        all.extend(items);
        // The stable sort recognises the sorted runs it is given.
        all.sort_by(compare);
        *self = Self::One(all);
    }

    /// Takes out the first `n` items.
    pub(crate) fn drop_first(&mut self, mut n: usize, mut each: impl FnMut(T)) {
        while n > 0 && self.first().is_some() {
            if n < self.blocks()[0].len() {
                // What stays of a long block would move again with every item that goes.
                self.cut(Place(0, n));
            }
            let first = &mut self.blocks_mut()[0];
            let here = n.min(first.len());
            first.drain(..here).for_each(&mut each);
            n -= here;
            if first.is_empty() {
                self.change_blocks(|blocks| drop(blocks.remove(0)));
            }
        }
    }

    /// The items in order, one after the other.
    pub(crate) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(items) => items,
            Self::Many(blocks) => blocks.into_iter().flatten().collect(),
        }
    }

    /// How many items there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.blocks().iter().map(Vec::capacity).sum()
    }

    /// Cuts the block of a place, not at its end, into short ones if it is a long one; the place again.
    fn cut(&mut self, place: Place) -> Place {
        let Place(at, n) = place;
        let len = self.blocks()[at].len();
        if len <= 2 * BLOCK {
            return place;
        }
        let short = len.div_ceil(len / BLOCK);
        self.change_blocks(|blocks| {
            let mut items = mem::take(&mut blocks[at]).into_iter();
            let cut = iter::from_fn(|| {
                let block: Vec<T> = items.by_ref().take(short).collect();
                (!block.is_empty()).then_some(block)
            });
            blocks.splice(at..=at, cut.collect::<Vec<Vec<T>>>());
        });
        Place(at + n / short, n % short)
    }

    fn change_blocks(&mut self, change: impl FnOnce(&mut Vec<Vec<T>>)) {
        let mut blocks = match mem::take(self) {
            Self::One(block) => vec![block],
            Self::Many(blocks) => blocks.into_vec(),
        };
        change(&mut blocks);
        *self = match blocks.len() {
            0 | 1 => Self::One(blocks.pop().unwrap_or_default()),
            _ => Self::Many(blocks.into_boxed_slice()),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(sorted: &Sorted<u32>, expected: &[u32]) {
        assert!(sorted.iter().eq(expected), "{sorted:?}");
        assert_eq!((sorted.len(), sorted.first()), (expected.len(), expected.first()));
        assert_eq!(sorted.last(), expected.last());
        let blocks = sorted.blocks();
        assert!(blocks.len() == 1 || blocks.iter().all(|block| !block.is_empty()), "{blocks:?}");
        for wanted in expected {
            let place = sorted.partition_point(|known| known < wanted);
            let after = expected.partition_point(|known| known < wanted);
            assert!(sorted.after(place).eq(&expected[after..]), "{wanted} in {sorted:?}");
        }
    }

    #[test]
    fn what_comes_backwards_moves_no_more_than_a_block() {
        let mut sorted = Sorted::default();
        for item in (0..1000).rev() {
            sorted.insert(sorted.partition_point(|known| *known <= item), item);
        }
        check(&sorted, &(0..1000).collect::<Vec<u32>>());
        assert!(sorted.blocks().iter().all(|block| block.len() <= 2 * BLOCK + 1));
        // What comes in order is one block, whatever its length.
        let mut sorted = Sorted::default();
        for item in 0..1000 {
            sorted.insert(sorted.partition_point(|known| *known <= item), item);
        }
        assert!(matches!(sorted, Sorted::One(_)));
    }

    #[test]
    fn a_log_without_blocks_is_no_larger_than_a_vec() {
        assert_eq!(size_of::<Sorted<u32>>(), size_of::<Vec<u32>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn whatever_is_done_it_holds_what_a_vec_would(
            given in prop::collection::vec(0u32..50, 0..40),
            deeds in prop::collection::vec((0u32..50, 0u8..8), 0..120),
        ) {
            let mut expected = given.clone();
            expected.sort_unstable();
            let mut sorted = Sorted::default();
            sorted.add(given, Ord::cmp);
            for (item, deed) in deeds {
                let place = sorted.partition_point(|known| *known < item);
                let at = expected.partition_point(|known| *known < item);
                match deed {
                    0..4 => {
                        sorted.insert(place, item);
                        expected.insert(at, item);
                    }
                    4..6 if expected.get(at) == Some(&item) => {
                        prop_assert_eq!(sorted.remove(place), item);
                        expected.remove(at);
                    }
                    6 => {
                        let mut gone = Vec::new();
                        let n = item as usize / 8;
                        sorted.drop_first(n, |item| gone.push(item));
                        let n = n.min(expected.len());
                        prop_assert_eq!(gone, expected.drain(..n).collect::<Vec<_>>());
                    }
                    7 => {
                        // Mostly at the end, as what comes in order.
                        let late = if item < 8 { item } else { item + 40 };
                        sorted.append([late, late, late + 1].into_iter(), Ord::cmp);
                        expected.extend([late, late, late + 1]);
                        expected.sort_unstable();
                    }
                    _ => {}
                }
                check(&sorted, &expected);
            }
            prop_assert_eq!(sorted.into_vec(), expected);
        }
    }
}
