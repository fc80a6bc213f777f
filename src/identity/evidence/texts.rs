//! Texts by number, end to end in blocks, with four bytes of bookkeeping each.
//!
//! A block holds 4,096 texts, so growing never moves more than one block. A text that is erased is
//! overwritten.

use crate::num::{parallel, prefetch};

const PER_BLOCK: usize = 4096;

#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    blocks: Vec<String>,
    /// Where every text ends in its block.
    ends: Vec<u32>,
    /// Bytes of erased texts.
    erased: usize,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn range(&self, index: usize) -> std::ops::Range<usize> {
        let start = if index.is_multiple_of(PER_BLOCK) { 0 } else { self.ends[index - 1] as usize };
        start..self.ends[index] as usize
    }

    pub(crate) fn get(&self, index: usize) -> &str {
        &self.blocks[index / PER_BLOCK][self.range(index)]
    }

    /// Prefetches the place of a text.
    pub(crate) fn prefetch_end(&self, index: usize) {
        prefetch::prefetch_at(&self.ends, index);
    }

    /// Prefetches a text whose place was prefetched.
    pub(crate) fn prefetch(&self, index: usize) {
        let start = self.range(index).start;
        prefetch::prefetch_at(self.blocks[index / PER_BLOCK].as_bytes(), start);
    }

    /// Adds a text; its number is the count of those before it.
    pub(crate) fn push(&mut self, text: &str) {
        if self.len().is_multiple_of(PER_BLOCK) {
            // The next block will be about as long as the last.
            let mut next = String::new();
            if let Some(full) = self.blocks.last_mut() {
                full.shrink_to_fit();
                next.reserve(full.len());
            }
            self.blocks.push(next);
        }
        let block = self.blocks.last_mut().expect("a block was added if the last was full");
        block.push_str(text);
        debug_assert!(u32::try_from(block.len()).is_ok());
        self.ends.push(block.len() as u32);
    }

    /// Adds `n` texts, which `from` iterates over from any index; full blocks on all threads.
    pub(crate) fn extend<'t, I: Iterator<Item = &'t str> + Clone>(
        &mut self,
        n: usize,
        from: impl Fn(usize) -> I + Sync,
    ) {
        let space = self.len().next_multiple_of(PER_BLOCK) - self.len();
        let start = space.min(n);
        from(0).take(start).for_each(|text| self.push(text));
        let old = self.len();
        parallel::extend(&mut self.ends, n - start, |_| 0);
        let new = &mut self.ends[old..];
        self.blocks.extend(parallel::map_chunks_mut(new, PER_BLOCK, 50, |block, ends| {
            let texts = from(start + block * PER_BLOCK).take(ends.len());
            let mut block = String::with_capacity(texts.clone().map(str::len).sum());
            for (end, text) in ends.iter_mut().zip(texts) {
                block.push_str(text);
                *end = block.len() as u32;
            }
            block
        }));
    }

    /// Puts another text in place of one, if it is as long; returns whether it is.
    pub(crate) fn replace(&mut self, index: usize, text: &str) -> bool {
        let range = self.range(index);
        let fits = range.len() == text.len();
        if fits {
            self.blocks[index / PER_BLOCK].replace_range(range, text);
        }
        fits
    }

    /// Overwrites a text, so that no byte of it remains.
    pub(crate) fn erase(&mut self, index: usize) {
        let range = self.range(index);
        self.erased += range.len();
        let zeros = "\0".repeat(range.len());
        self.blocks[index / PER_BLOCK].replace_range(range, &zeros);
    }

    /// Whether most of the space holds erased texts.
    pub(crate) fn wasteful(&self) -> bool {
        self.erased > 1 << 16
            && self.erased > self.blocks.iter().map(String::len).sum::<usize>() / 2
    }

    pub(crate) fn shrink(&mut self) {
        self.ends.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blocks.iter().map(String::capacity).sum::<usize>() + self.ends.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_across_blocks_and_erased_ones_leave_no_byte() {
        let mut texts = Texts::default();
        for i in 0..3 * PER_BLOCK {
            texts.push(&format!("value {i} ü"));
        }
        assert!((0..texts.len()).all(|i| texts.get(i) == format!("value {i} ü")));
        texts.erase(PER_BLOCK);
        assert!(texts.get(PER_BLOCK).bytes().all(|b| b == 0));
        assert_eq!(texts.get(PER_BLOCK + 1), format!("value {} ü", PER_BLOCK + 1));
        assert!(!texts.blocks.concat().contains("value 4096 "));
        assert!(texts.replace(7, "other 7 ü") && !texts.replace(8, "another"));
        assert_eq!([7, 8, 9].map(|i| texts.get(i)), ["other 7 ü", "value 8 ü", "value 9 ü"]);
    }
}
