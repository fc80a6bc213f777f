//! Categories counted by group; rare ones never by name.
//!
//! Cost: O(n) per column; memory categories · groups.

use super::effect::{Effect, share_difference};
use super::index::{Groups, NONE};
use crate::features::Categories;

/// How often every frequent category occurs in every group.
#[derive(Debug)]
pub(super) struct CategoryCounts {
    /// The codes of the categories held by at least `min_size` people, by name.
    pub(super) frequent: Vec<usize>,
    /// Members per frequent category and group, category after category.
    cells: Vec<usize>,
    /// Members with a value, frequent or not, per group.
    pub(super) known: Vec<usize>,
    /// People with a value.
    pub(super) n_known: usize,
}

impl CategoryCounts {
    pub(super) fn new(categories: &Categories<'_>, groups: &Groups<'_>, min_size: usize) -> Self {
        let n_groups = groups.sizes.len();
        let all = 0..categories.names.len();
        let frequent: Vec<usize> =
            all.filter(|&code| categories.totals[code] >= min_size).collect();
        // Rare categories share the last place.
        let mut places = vec![frequent.len(); categories.names.len()];
        frequent.iter().enumerate().for_each(|(place, &code)| places[code] = place);
        let mut cells = vec![0; (frequent.len() + 1) * n_groups];
        for (&code, &group) in categories.codes.iter().zip(&groups.of) {
            if code != NONE && group != NONE {
                cells[places[code as usize] * n_groups + group as usize] += 1;
            }
        }
        let known = (0..n_groups).map(|g| cells[g..].iter().step_by(n_groups).sum()).collect();
        cells.truncate(frequent.len() * n_groups);
        Self { frequent, cells, known, n_known: categories.totals.iter().sum() }
    }

    /// Members of a group in the frequent category at a place.
    pub(super) fn of(&self, place: usize, group: usize) -> usize {
        self.cells[place * self.known.len() + group]
    }
}

/// `k` of `n` members against all `k_all` of `n_all`, members included.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShareOfAll {
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) k_all: usize,
    pub(super) n_all: usize,
}

impl ShareOfAll {
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
    use crate::Labels;

    #[test]
    fn rare_categories_and_missing_values_are_counted_without_a_name() {
        let values = ["b", "a", "b", "rare", "", "b"];
        let values = values.map(|v| (!v.is_empty()).then(|| v.to_owned()));
        let labels = Labels::new([Some(0), Some(0), Some(1), Some(1), Some(1), None]).unwrap();
        let categories = Categories::new(&values);
        let counts = CategoryCounts::new(&categories, &Groups::new(&labels), 2);
        assert_eq!(counts.frequent, [1]);
        assert_eq!((categories.names[1], categories.totals[1]), ("b", 3));
        assert_eq!((counts.of(0, 0), counts.of(0, 1)), (1, 1));
        assert_eq!((counts.known, counts.n_known), (vec![2, 2], 5));
    }

    #[test]
    fn lift_is_over_the_share_of_all() {
        let share = ShareOfAll { k: 3, n: 4, k_all: 5, n_all: 10 };
        assert_eq!(share.shares(), (0.75, 2.0 / 6.0, 1.5));
        assert_eq!((share.can_be_told(4), share.can_be_told(5)), (true, false));
    }

    #[test]
    fn a_share_is_told_only_where_the_others_are_enough_people_too() {
        let share = ShareOfAll { k: 3, n: 7, k_all: 5, n_all: 10 };
        assert_eq!((share.can_be_told(3), share.can_be_told(4)), (true, false));
    }
}
