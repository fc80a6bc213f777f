//! Categories counted by group; rare ones never by name.
//!
//! Cost: one sort of the texts, then a binary search per row; memory categories · groups.

use super::effect::{Effect, share_difference};

/// How often every frequent category occurs in every group.
#[derive(Debug)]
pub(super) struct Counts<'a> {
    /// The categories held by at least `min_size` people, by name.
    pub(super) names: Vec<&'a str>,
    /// People in each of them.
    pub(super) totals: Vec<usize>,
    /// Members per category and group, category after category.
    cells: Vec<usize>,
    /// Members with a value, frequent or not, per group.
    pub(super) known: Vec<usize>,
    /// People with a value.
    pub(super) n_known: usize,
}

impl<'a> Counts<'a> {
    pub(super) fn new(
        values: &'a [Option<String>],
        groups: &[Option<usize>],
        n_groups: usize,
        min_size: usize,
    ) -> Self {
        let mut sorted: Vec<&str> = values.iter().flatten().map(String::as_str).collect();
        let n_known = sorted.len();
        sorted.sort_unstable();
        let frequent = sorted.chunk_by(|a, b| a == b).filter(|run| run.len() >= min_size);
        let (names, totals): (Vec<&str>, Vec<usize>) =
            frequent.map(|run| (run[0], run.len())).unzip();
        let mut cells = vec![0; names.len() * n_groups];
        let mut known = vec![0; n_groups];
        for (value, &group) in values.iter().zip(groups) {
            let (Some(value), Some(group)) = (value, group) else { continue };
            known[group] += 1;
            if let Ok(category) = names.binary_search(&value.as_str()) {
                cells[category * n_groups + group] += 1;
            }
        }
        Self { names, totals, cells, known, n_known }
    }

    /// Members of a group in a category.
    pub(super) fn of(&self, category: usize, group: usize) -> usize {
        self.cells[category * self.known.len() + group]
    }
}

/// `k` of `n` members against all `k_all` of `n_all`, members included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) k_all: usize,
    pub(super) n_all: usize,
}

impl Share {
    /// Whether both sides have at least that many people.
    pub(super) fn can_be_told(self, min_size: usize) -> bool {
        self.n.min(self.n_all - self.n) >= min_size
    }

    pub(super) fn effect(self) -> Effect {
        share_difference(self.k, self.n, self.k_all - self.k, self.n_all - self.n)
    }

    /// Share, share of the others, lift; `n`, the others and `k_all` are not 0.
    pub(super) fn shares(self) -> (f64, f64, f64) {
        let share = self.k as f64 / self.n as f64;
        let share_others = (self.k_all - self.k) as f64 / (self.n_all - self.n) as f64;
        (share, share_others, share / (self.k_all as f64 / self.n_all as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_categories_and_missing_values_are_counted_without_a_name() {
        let values = ["b", "a", "b", "rare", "", "b"];
        let values = values.map(|v| (!v.is_empty()).then(|| v.to_owned()));
        let groups = [Some(0), Some(0), Some(1), Some(1), Some(1), None];
        let counts = Counts::new(&values, &groups, 2, 2);
        assert_eq!((counts.names.as_slice(), counts.totals.as_slice()), (&["b"][..], &[3][..]));
        assert_eq!((counts.of(0, 0), counts.of(0, 1)), (1, 1));
        assert_eq!((counts.known, counts.n_known), (vec![2, 2], 5));
    }

    #[test]
    fn lift_is_over_the_share_of_all() {
        let share = Share { k: 3, n: 4, k_all: 5, n_all: 10 };
        assert_eq!(share.shares(), (0.75, 2.0 / 6.0, 1.5));
        assert_eq!((share.can_be_told(4), share.can_be_told(5)), (true, false));
    }
}
