//! What the learners of importance read: small codes instead of values, and the people to learn from and to
//! be asked about.
//!
//! Numbers become up to 32 bins of equal numbers of people, equal numbers in one bin; categories up to 30
//! by name and one for the rest, so that no category of fewer than the smallest described size stands
//! alone. Code 0 is a missing value. Learners see up to 20 000 people, fewer of tables with more than 50
//! columns, drawn from each group in proportion; two thirds learn, the last third is held out.
//!
//! Cost: O(n) per column, once.

use super::index::{Indexed, IndexedKind, NONE};
use crate::num::rng::Stream;

/// Bins of a number, at most.
const BINS: usize = 32;
/// Categories with a code of their own, at most.
const CATEGORIES: usize = 30;
/// People that learn or are asked, at most, and fewer if there are many columns; but at least so many.
const MOST: usize = 20_000;
const CELLS: usize = 1_000_000;
const FEWEST: usize = 300;

/// A column of codes.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    /// One code per row; 0 for a missing value.
    pub(super) codes: Vec<u8>,
    pub(super) n_codes: usize,
    /// Whether a higher code is a higher number.
    pub(super) is_ordered: bool,
}

impl Coded {
    pub(super) fn new(indexed: &Indexed<'_>, least: usize) -> Self {
        let mut codes = vec![0; indexed.column.values.len()];
        let n_codes = match &indexed.kind {
            IndexedKind::Numbers(numbers) => {
                let n = numbers.order.len();
                let (mut start, mut bin, mut code) = (0, usize::MAX, 0);
                while start < n {
                    let end = numbers.end_of_run(start);
                    // The bin of the run's middle; bins that no middle meets have no code.
                    let own = (start + end) * BINS / (2 * n);
                    if own != bin {
                        (bin, code) = (own, code + 1);
                    }
                    numbers.order[start..end].iter().for_each(|&row| codes[row as usize] = code);
                    start = end;
                }
                usize::from(code) + 1
            }
            IndexedKind::Categories(categories) => {
                let frequent = categories.most_frequent(CATEGORIES, least);
                let mut code_of = vec![1; categories.names.len()];
                (2..).zip(&frequent).for_each(|(code, &name)| code_of[name] = code);
                for (code, &name) in codes.iter_mut().zip(&categories.codes) {
                    *code = if name == NONE { 0 } else { code_of[name as usize] };
                }
                frequent.len() + 2
            }
        };
        Self { codes, n_codes, is_ordered: matches!(indexed.kind, IndexedKind::Numbers(_)) }
    }

    /// How many members of each group have each code; a row per code, missing values first.
    pub(super) fn table(&self, of: &[u32], n_groups: usize) -> Vec<Vec<usize>> {
        let mut table = vec![vec![0; n_groups]; self.n_codes];
        for (&code, &group) in self.codes.iter().zip(of) {
            if group != NONE {
                table[usize::from(code)][group as usize] += 1;
            }
        }
        table
    }
}

/// The people that learners learn from, and those held out.
#[derive(Debug)]
pub(super) struct LearnerSample {
    /// The columns; those who learn first.
    pub(super) columns: Vec<Coded>,
    pub(super) groups: Vec<usize>,
    pub(super) n_groups: usize,
    /// Rows that learn; those behind them are held out.
    pub(super) n_learn: usize,
    /// What a member of each group counts, so that all groups count the same.
    pub(super) weights: Vec<f64>,
}

impl LearnerSample {
    pub(super) fn new(columns: &[Coded], of: &[u32], n_groups: usize, seed: u64) -> Self {
        let most = (CELLS / columns.len().max(1)).clamp(FEWEST, MOST);
        let n: usize = of.iter().filter(|&&group| group != NONE).count();
        let mut members = vec![Vec::new(); n_groups];
        for (row, &group) in of.iter().enumerate() {
            if group != NONE {
                members[group as usize].push(row);
            }
        }
        let mut stream = Stream::new(seed, 0);
        let (mut learn, mut held_out) = (Vec::new(), Vec::new());
        for (group, rows) in members.iter_mut().enumerate() {
            stream.shuffle(rows);
            rows.truncate((rows.len() * most.min(n)).div_ceil(n.max(1)));
            let n_learn = (2 * rows.len()).div_ceil(3);
            learn.extend(rows[..n_learn].iter().map(|&row| (row, group)));
            held_out.extend(rows[n_learn..].iter().map(|&row| (row, group)));
        }
        let n_learn = learn.len();
        let mut sizes = vec![0usize; n_groups];
        learn.iter().for_each(|&(_, group)| sizes[group] += 1);
        let n_present = sizes.iter().filter(|&&size| size > 0).count();
        let weight = |&size: &usize| n_learn as f64 / (n_present * size.max(1)) as f64;
        learn.extend(held_out);
        let chosen = |column: &Coded| Coded {
            codes: learn.iter().map(|&(row, _)| column.codes[row]).collect(),
            ..*column
        };
        Self {
            columns: columns.iter().map(chosen).collect(),
            groups: learn.iter().map(|&(_, group)| group).collect(),
            n_groups,
            n_learn,
            weights: sizes.iter().map(weight).collect(),
        }
    }

    /// Whether there is somebody held out, of at least two groups that somebody learns from.
    pub(super) fn can_be_asked(&self) -> bool {
        let held_out = &self.groups[self.n_learn..];
        held_out.iter().any(|&group| group != held_out[0])
    }

    /// The mean over groups of the mean of a sum over its held-out members; groups without are left out.
    pub(super) fn balanced(&self, sums: &[f64]) -> f64 {
        let mut sizes = vec![0usize; self.n_groups];
        self.groups[self.n_learn..].iter().for_each(|&group| sizes[group] += 1);
        let means = sums.iter().zip(&sizes).filter(|&(_, &n)| n > 0);
        let (sum, n) = means.fold((0.0, 0.0), |(sum, n), (&s, &m)| (sum + s / m as f64, n + 1.0));
        if n > 0.0 { sum / n } else { 0.0 }
    }

    /// A held-out row for every held-out row, whose value it is asked with.
    pub(super) fn partners(&self, stream: &mut Stream) -> Vec<usize> {
        let mut partners: Vec<usize> = (self.n_learn..self.groups.len()).collect();
        stream.shuffle(&mut partners);
        partners
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::ColumnIndex;
    use super::*;
    use crate::FeatureTable;

    #[test]
    fn equal_numbers_share_a_code_and_rare_categories_one() {
        let numbers = [Some(2.0), Some(1.0), None, Some(2.0), Some(9.0)].to_vec();
        let texts = ["b", "a", "a", "b", "c"].map(|text| Some(text.to_owned())).to_vec();
        let table = FeatureTable::new(5).numeric("n", numbers).unwrap();
        let table = table.categorical("t", texts).unwrap();
        let index = ColumnIndex::new(&table).unwrap();
        let coded = |at: usize| Coded::new(&index.columns[at], 2);
        assert_eq!((coded(0).codes, coded(0).n_codes), (vec![2, 1, 0, 2, 3], 4));
        assert_eq!((coded(1).codes, coded(1).n_codes), (vec![3, 2, 2, 3, 1], 4));
        assert_eq!(coded(0).table(&[0, 0, 1, 1, NONE], 2)[2], [1, 1]);
    }

    #[test]
    fn every_group_learns_and_is_held_out_in_proportion_up_to_the_most() {
        let of: Vec<u32> = (0..60_000).map(|row| u32::from(row % 10 == 0)).collect();
        let column = Coded { codes: vec![1; of.len()], n_codes: 2, is_ordered: true };
        let sample = LearnerSample::new(&[column], &of, 2, 3);
        assert_eq!((sample.groups.len(), sample.n_learn), (20_000, 13_334));
        let minority = |groups: &[usize]| groups.iter().filter(|&&group| group == 1).count();
        let (learn, held_out) = sample.groups.split_at(sample.n_learn);
        assert_eq!((minority(learn), minority(held_out)), (1334, 666));
        assert!((sample.weights[1] * 1334.0 - sample.weights[0] * 12_000.0).abs() < 1e-6);
        assert!(sample.can_be_asked());
        assert_eq!(sample.balanced(&[6000.0, 0.0]), 0.5);
    }

    #[test]
    fn a_group_without_held_out_members_is_left_out_of_the_mean() {
        let sample = |groups: &[usize]| LearnerSample {
            columns: Vec::new(),
            groups: groups.to_vec(),
            n_groups: 2,
            n_learn: 2,
            weights: vec![1.0; 2],
        };
        assert_eq!(sample(&[0, 1, 0, 0]).balanced(&[4.0, 0.0]), 2.0);
        assert_eq!(sample(&[0, 1]).balanced(&[0.0, 0.0]), 0.0);
    }
}
