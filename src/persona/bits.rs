//! Sets of rows as bits: who is in a group, who fits a trait, and how many are in both.
//!
//! Cost: one bit per row; a set of a million is counted in microseconds.

/// A set of rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// No row of `n`.
    pub(super) fn none(n: usize) -> Self {
        Self(vec![0; n.div_ceil(64)])
    }

    /// Those rows of `n`.
    pub(super) fn of(n: usize, rows: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::none(n);
        rows.into_iter().for_each(|row| bits.insert(row));
        bits
    }

    /// The rows of `n` for which it is true.
    pub(super) fn from_fn(n: usize, is_in: impl Fn(usize) -> bool) -> Self {
        let word = |at: usize| {
            let rows = at * 64..n.min((at + 1) * 64);
            rows.fold(0, |word, row| word | u64::from(is_in(row)) << (row % 64))
        };
        Self((0..n.div_ceil(64)).map(word).collect())
    }

    pub(super) fn insert(&mut self, row: usize) {
        self.0[row / 64] |= 1 << (row % 64);
    }

    pub(super) fn contains(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 1
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Rows that are in both.
    pub(super) fn count_with(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// The rows that are not in the other set.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_meet_and_part_as_sets_do() {
        let (a, b) = (Bits::of(130, [0, 63, 64, 129]), Bits::of(130, [63, 129, 5]));
        assert_eq!((a.count(), a.count_with(&b)), (4, 2));
        assert_eq!(a.and(&b), Bits::of(130, [63, 129]));
        assert_eq!(a.without(&b), Bits::of(130, [0, 64]));
        assert!(a.contains(64) && !a.contains(65));
        assert_eq!(Bits::from_fn(130, |row| [0, 63, 64, 129].contains(&row)), a);
        assert_eq!(Bits::none(0).count(), 0);
    }
}
