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

    /// The first row in the set from `row` on.
    pub(super) fn next(&self, row: usize) -> Option<usize> {
        let mut at = row / 64;
        let mut word = self.0.get(at)? >> (row % 64) << (row % 64);
        while word == 0 {
            at += 1;
            word = *self.0.get(at)?;
        }
        Some(at * 64 + word.trailing_zeros() as usize)
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

/// The members of a group: bits for a large one, row by row for one that few rows in 32 are in, so that many
/// small groups take no more memory than their rows.
#[derive(Debug)]
pub(super) enum Members {
    Bits(Bits),
    Rows(Vec<u32>),
}

impl Members {
    /// Rows of `n`, ascending.
    pub(super) fn of(n: usize, rows: Vec<u32>) -> Self {
        match rows.len() < n / 32 {
            true => Self::Rows(rows),
            false => Self::Bits(Bits::of(n, rows.into_iter().map(|row| row as usize))),
        }
    }

    /// Members that are in a set.
    pub(super) fn count_in(&self, set: &Bits) -> usize {
        match self {
            Self::Bits(members) => members.count_with(set),
            Self::Rows(rows) => rows.iter().filter(|&&row| set.contains(row as usize)).count(),
        }
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

    #[test]
    fn the_next_row_of_a_set_is_found_across_words() {
        let set = Bits::of(200, [0, 5, 63, 64, 190]);
        let found = [0, 1, 6, 64, 65, 190, 191, 200].map(|row| set.next(row));
        let expected = [Some(0), Some(5), Some(63), Some(64), Some(190), Some(190), None, None];
        assert_eq!(found, expected);
    }

    #[test]
    fn members_are_counted_alike_in_both_forms() {
        let set = Bits::of(1000, (0..1000).step_by(3));
        for n in [0, 1, 30, 31, 32, 500] {
            let rows: Vec<u32> = (0..n).map(|i| i * 2).collect();
            let expected = rows.iter().filter(|&&row| row % 3 == 0).count();
            let members = Members::of(1000, rows);
            assert_eq!(matches!(members, Members::Rows(_)), n < 31);
            assert_eq!(members.count_in(&set), expected);
        }
    }
}
