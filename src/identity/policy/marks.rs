//! The marks of the forgotten: a set of ids, in some 18 bytes each.
//!
//! Sorted blocks of at most 512 ids, in the order of their first; a block that is full is split in
//! two. Blocks grow by 32 places at a time, so little room is reserved for nothing.
//!
//! Cost: two binary searches; adding or removing moves a part of one block.

use std::mem::size_of;

use super::super::profile_id::ProfileId;

const FULL: usize = 512;
const GROWTH: usize = 32;

/// Ids of the identifiers that were forgotten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    /// None is empty.
    blocks: Vec<Vec<ProfileId>>,
    len: usize,
}

impl Marks {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ProfileId> + '_ {
        self.blocks.iter().flatten()
    }

    /// The block in which an id is, or belongs.
    fn block_of(&self, id: &ProfileId) -> usize {
        self.blocks.partition_point(|block| block[0] <= *id).saturating_sub(1)
    }

    pub(crate) fn contains(&self, id: &ProfileId) -> bool {
        let block = self.blocks.get(self.block_of(id));
        block.is_some_and(|block| block.binary_search(id).is_ok())
    }

    pub(crate) fn insert(&mut self, id: ProfileId) {
        let at = self.block_of(&id);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![id]);
            self.len += 1;
            return;
        };
        let Err(place) = block.binary_search(&id) else { return };
        if block.len() == block.capacity() {
            block.reserve_exact(GROWTH);
        }
        block.insert(place, id);
        self.len += 1;
        if block.len() == FULL {
            let upper = block.split_off(FULL / 2);
            block.shrink_to_fit();
            self.blocks.insert(at + 1, upper);
        }
    }

    /// Removes an id; returns whether it was there.
    pub(crate) fn remove(&mut self, id: &ProfileId) -> bool {
        let at = self.block_of(id);
        let Some(block) = self.blocks.get_mut(at) else { return false };
        let Ok(place) = block.binary_search(id) else { return false };
        block.remove(place);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        self.len -= 1;
        true
    }

    pub(crate) fn bytes(&self) -> usize {
        let of = |block: &Vec<ProfileId>| block.capacity() * size_of::<ProfileId>();
        let blocks = self.blocks.capacity() * size_of::<Vec<ProfileId>>();
        blocks + self.blocks.iter().map(of).sum::<usize>()
    }
}

impl Extend<ProfileId> for Marks {
    fn extend<I: IntoIterator<Item = ProfileId>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| self.insert(id));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn id(n: u64) -> ProfileId {
        ProfileId::keyed(None, "card", &n.to_string())
    }

    #[test]
    fn marks_are_a_set_in_order_however_they_come_and_go() {
        let (mut marks, mut naive) = (Marks::default(), BTreeSet::new());
        assert!(!marks.remove(&id(0)) && !marks.contains(&id(0)));
        for n in 0..5000u64 {
            let new = n.wrapping_mul(0x9e37_79b9) % 3000;
            marks.insert(id(new));
            naive.insert(id(new));
            let gone = id(n.wrapping_mul(0x85eb_ca6b) % 6000);
            assert_eq!(marks.contains(&gone), naive.contains(&gone));
            if n % 3 == 0 {
                assert_eq!(marks.remove(&gone), naive.remove(&gone));
            }
            assert_eq!((marks.len(), marks.is_empty()), (naive.len(), naive.is_empty()));
        }
        assert!(marks.iter().eq(&naive));
        naive.iter().for_each(|gone| assert!(marks.remove(gone)));
        assert!(marks.is_empty() && marks.blocks.is_empty());
    }

    #[test]
    fn a_mark_costs_less_than_24_bytes() {
        let mut marks = Marks::default();
        marks.extend((0..50_000).map(id));
        assert!(marks.bytes() < 24 * marks.len(), "{}", marks.bytes());
    }
}
