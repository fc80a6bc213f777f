//! A sorted list in which inserting and removing move a few items only, wherever they are.
//!
//! Items stand one after the other, as in a `Vec`, while they come in order or are few. An item that is
//! inserted into the middle of a long list cuts it into blocks, so that only the items of one block move.
//! How a list is cut depends on how it came to be; its items and their order do not.
//!
//! Cost: O(log n) to find a place; to insert or remove, a move of up to 2 · 512 items, and once in 512 times
//! a move of the n / 512 blocks' headers.

use std::{iter, mem, slice};

/// Items in order; the caller keeps the order. A long list is cut into blocks of about `BLOCK` items: few
/// enough to be moved in well below a microsecond, enough for the blocks to be few.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) enum Sorted<T, const BLOCK: usize = 512> {
    One(Vec<T>),
    /// Two or more, none of them empty.
    Many(Box<[Vec<T>]>),
}

/// Between two items, or at an end: a block, and how many of its items are before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SortedPosition(usize, usize);

impl<T, const BLOCK: usize> Default for Sorted<T, BLOCK> {
    fn default() -> Self {
        Self::One(Vec::new())
    }
}

impl<T, const BLOCK: usize> Sorted<T, BLOCK> {
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

    /// Makes room for so many further items in a short list.
    pub(crate) fn reserve(&mut self, n: usize) {
        if let Self::One(block) = self {
            block.reserve_exact(n);
        }
    }

    /// The place after all items.
    pub(crate) fn end(&self) -> SortedPosition {
        let last = self.blocks().len() - 1;
        SortedPosition(last, self.blocks()[last].len())
    }

    /// The items in order, to be changed without changing their order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.blocks_mut().iter_mut().flatten()
    }

    /// The place before the first item of which something that holds of those before does not.
    pub(crate) fn partition_point(&self, mut holds: impl FnMut(&T) -> bool) -> SortedPosition {
        let blocks = self.blocks();
        let last = blocks.len() - 1;
        let block = blocks[..last].partition_point(|block| block.last().is_some_and(&mut holds));
        SortedPosition(block, blocks[block].partition_point(holds))
    }

    /// The items from a place on.
    pub(crate) fn after(
        &self,
        SortedPosition(block, n): SortedPosition,
    ) -> impl Iterator<Item = &T> {
        let blocks = &self.blocks()[block..];
        blocks[0][n..].iter().chain(blocks[1..].iter().flatten())
    }

    /// Inserts an item at a place.
    pub(crate) fn insert(&mut self, place: SortedPosition, item: T) {
        let last = self.blocks().len() - 1;
        let SortedPosition(block, n) = match place {
            SortedPosition(block, n) if block == last && n == self.blocks()[block].len() => place,
            place => self.cut(place),
        };
        self.blocks_mut()[block].insert(n, item);
    }

    /// Removes the item after a place, which there must be.
    pub(crate) fn remove(&mut self, place: SortedPosition) -> T {
        let SortedPosition(block, n) = self.cut(place);
        let item = self.blocks_mut()[block].remove(n);
        if self.blocks()[block].is_empty() {
            self.change_blocks(|blocks| drop(blocks.remove(block)));
        }
        item
    }

    /// Removes the first `n` items.
    pub(crate) fn drop_first(&mut self, mut n: usize, mut each: impl FnMut(T)) {
        while n > 0 && self.first().is_some() {
            if n < self.blocks()[0].len() {
                // What stays of a long block would move again with every item that goes.
                self.cut(SortedPosition(0, n));
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

    /// How many items there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.blocks().iter().map(Vec::capacity).sum()
    }

    /// Cuts the block of a place, not at its end, into short ones if it is a long one; the place again.
    fn cut(&mut self, place: SortedPosition) -> SortedPosition {
        let SortedPosition(at, n) = place;
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
        SortedPosition(at + n / short, n % short)
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

    const BLOCK: usize = 4;
    type Short = Sorted<u32, BLOCK>;

    fn check(sorted: &Short, expected: &[u32]) {
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
        let mut sorted = Short::default();
        for item in (0..1000).rev() {
            sorted.insert(sorted.partition_point(|known| *known <= item), item);
        }
        check(&sorted, &(0..1000).collect::<Vec<u32>>());
        assert!(sorted.blocks().iter().all(|block| block.len() <= 2 * BLOCK + 1));
        // What comes in order is one block, whatever its length.
        let mut sorted = Short::default();
        for item in 0..1000 {
            sorted.insert(sorted.partition_point(|known| *known <= item), item);
        }
        assert!(matches!(sorted, Short::One(_)));
    }

    #[test]
    fn a_log_without_blocks_is_no_larger_than_a_vec() {
        assert_eq!(size_of::<Sorted<u32>>(), size_of::<Vec<u32>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_done_it_holds_what_a_vec_would(
            given in prop::collection::vec(0u32..50, 0..40),
            deeds in prop::collection::vec((0u32..50, 0u8..8), 0..120),
        ) {
            let mut expected = given.clone();
            expected.sort_unstable();
            let mut sorted = Short::default();
            for item in given {
                sorted.insert(sorted.partition_point(|known| *known <= item), item);
            }
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
                        // Mostly at the end, as for events in order of time.
                        let late = if item < 8 { item } else { item + 40 };
                        sorted.insert(sorted.partition_point(|known| *known <= late), late);
                        expected.push(late);
                        expected.sort_unstable();
                    }
                    _ => {}
                }
                check(&sorted, &expected);
            }
            prop_assert!(sorted.iter().eq(&expected));
        }
    }
}
