//! Categories: ranks where their form gives an order, one-hot columns where it does not.
//!
//! One-hot columns hold 0 or one common height, chosen so that the variances of a feature's
//! columns add up to 1, as much as one standardised number has: with shares `p` the variances of
//! 0/1 columns add up to `1 - Σ p²`, so the height is `1 / sqrt(1 - Σ p²)`.
//!
//! Of more than [`MAX_LEVELS`] levels, those stay that are held by at least two rows and 1 % of
//! the rows that have a value, the most frequent 19 at most (ties to the smaller name); the rest
//! share one column, `other`, as do levels of any number that fewer rows hold than asked for. A level that is itself called `other` belongs to that column.

use std::cmp::Reverse;

use super::numeric;
use super::options::Scaling;
use super::step::{Dropped, Encoding, OTHER};
use crate::features::{Categories, ordered};

/// Most one-hot columns of a feature, `other` included.
pub(super) const MAX_LEVELS: usize = 20;

/// Levels by name, with the number of rows that hold each.
#[derive(Debug, Clone)]
pub(super) struct LevelCounts<'a> {
    levels: Vec<(&'a str, usize)>,
    n_present: usize,
}

impl<'a> LevelCounts<'a> {
    /// `Err` unless there are two levels to tell apart.
    pub(super) fn of(values: &'a [Option<String>]) -> Result<Self, Dropped> {
        let Categories { names, totals, .. } = Categories::new(values);
        match names.len() {
            0 => Err(Dropped::AllMissing),
            1 => Err(Dropped::Constant),
            _ => {
                let n_present = totals.iter().sum();
                Ok(Self { levels: names.into_iter().zip(totals).collect(), n_present })
            }
        }
    }

    /// Ranks 0, 1, … of the levels, scaled as a number is; `None` if they have no order.
    pub(super) fn ordered(&self, scaling: Scaling) -> Option<Encoding> {
        let names: Vec<&str> = self.levels.iter().map(|&(name, _)| name).collect();
        let order = ordered::order(&names)?;
        let ranks = order
            .iter()
            .enumerate()
            .flat_map(|(rank, &level)| std::iter::repeat_n(rank, self.levels[level].1));
        let ranks: Vec<f64> = ranks.map(|rank| rank as f64).collect();
        Some(Encoding::Ordered {
            levels: order.iter().map(|&level| names[level].to_owned()).collect(),
            scale: numeric::scale(&ranks, scaling)?,
            // The lower median: a level that exists.
            fill: ranks[(ranks.len() - 1) / 2] as usize,
        })
    }

    /// One column per level, rare ones of many folded.
    pub(super) fn one_hot(&self, scaling: Scaling, least: usize) -> Result<Encoding, Dropped> {
        let kept = self.kept(least);
        let n_folded = self.levels.len() - kept.len();
        if kept.is_empty() {
            return Err(Dropped::RareLevels);
        }
        let mut levels: Vec<String> = kept.iter().map(|&(name, _)| name.to_owned()).collect();
        let mut counts: Vec<usize> = kept.iter().map(|&(_, count)| count).collect();
        if n_folded > 0 {
            levels.push(OTHER.to_owned());
            counts.push(self.n_present - counts.iter().sum::<usize>());
        }
        let n = self.n_present as f64;
        let share_variance =
            |&count: &usize| (count as f64 / n) * ((self.n_present - count) as f64 / n);
        let height = match scaling {
            Scaling::None => 1.0,
            Scaling::Standard | Scaling::Robust => {
                1.0 / counts.iter().map(share_variance).sum::<f64>().sqrt()
            }
        };
        let most_frequent = self.by_frequency()[0].0;
        let fill = levels.iter().position(|level| level == most_frequent);
        Ok(Encoding::OneHot { fill: fill.unwrap_or(levels.len() - 1), levels, n_folded, height })
    }

    /// The levels that get a column of their own, by name; each is held by at least `least` rows.
    fn kept(&self, least: usize) -> Vec<(&'a str, usize)> {
        if self.levels.len() <= MAX_LEVELS && self.levels.iter().all(|level| level.1 >= least) {
            return self.levels.clone();
        }
        let least = match self.levels.len() <= MAX_LEVELS {
            true => least,
            false => least.max(2).max(self.n_present.div_ceil(100)),
        };
        let mut kept = self.by_frequency();
        kept.retain(|&(name, count)| name != OTHER && count >= least);
        kept.truncate(MAX_LEVELS - 1);
        kept.sort_unstable();
        kept
    }

    /// The most frequent first, ties to the smaller name.
    fn by_frequency(&self) -> Vec<(&'a str, usize)> {
        let mut levels = self.levels.clone();
        levels.sort_unstable_by_key(|&(name, count)| (Reverse(count), name));
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(levels: &[(&str, usize)]) -> Vec<Option<String>> {
        let repeat = |&(name, n): &(&str, usize)| std::iter::repeat_n(Some(name.to_owned()), n);
        levels.iter().flat_map(repeat).collect()
    }

    fn one_hot(levels: &[(&str, usize)]) -> Result<Encoding, Dropped> {
        LevelCounts::of(&column(levels)).and_then(|counts| counts.one_hot(Scaling::Standard, 1))
    }

    #[test]
    fn the_height_makes_the_variances_of_a_feature_add_up_to_one() {
        // Shares 1/2, 1/4, 1/4: the variances of 0/1 columns are 1/4 + 3/16 + 3/16 = 5/8.
        let Ok(Encoding::OneHot { levels, height, fill, n_folded }) =
            one_hot(&[("b", 2), ("a", 1), ("c", 1)])
        else {
            panic!("three levels are one-hot")
        };
        assert_eq!((levels.concat().as_str(), fill, n_folded), ("abc", 1, 0));
        assert!((height * height * 5.0 / 8.0 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_most_frequent_level_fills_in_and_ties_go_to_the_smaller_name() {
        let Ok(Encoding::OneHot { levels, fill, .. }) = one_hot(&[("z", 1), ("y", 3), ("x", 3)])
        else {
            panic!("three levels are one-hot")
        };
        assert_eq!(levels[fill], "x");
    }

    #[test]
    fn rare_levels_of_many_share_a_column() {
        let names: Vec<String> = (0..30).map(|i| format!("city {i:02}")).collect();
        let mut levels: Vec<(&str, usize)> = names.iter().map(|n| (n.as_str(), 10)).collect();
        levels.push(("once", 1));
        levels.push((OTHER, 500));
        let Ok(Encoding::OneHot { levels, n_folded, fill, .. }) = one_hot(&levels) else {
            panic!("nineteen levels are frequent enough")
        };
        // Thirty equal cities: the nineteen smaller names stay.
        assert_eq!((levels.len(), n_folded), (MAX_LEVELS, 13));
        assert_eq!((levels[0].as_str(), levels[18].as_str()), ("city 00", "city 18"));
        // The most frequent level is called "other" itself, so it is the shared column.
        assert_eq!((levels[19].as_str(), fill), (OTHER, 19));
    }

    #[test]
    fn levels_of_fewer_rows_than_asked_for_share_a_column_without_their_names() {
        let values = column(&[("Oslo", 40), ("Rome", 30), ("Ann's village", 3), (OTHER, 30)]);
        let counts = LevelCounts::of(&values).unwrap();
        let Ok(Encoding::OneHot { levels, n_folded, .. }) = counts.one_hot(Scaling::Standard, 20)
        else {
            panic!("two levels are frequent enough")
        };
        assert_eq!(
            (levels.as_slice(), n_folded),
            (&["Oslo", "Rome", OTHER].map(str::to_owned)[..], 2)
        );
        assert_eq!(counts.one_hot(Scaling::Standard, 50), Err(Dropped::RareLevels));
    }

    #[test]
    fn twenty_levels_are_not_folded_and_ids_are_dropped() {
        let names: Vec<String> = (0..21).map(|i| format!("id {i:02}")).collect();
        let ids: Vec<(&str, usize)> = names.iter().map(|n| (n.as_str(), 1)).collect();
        assert_eq!(one_hot(&ids), Err(Dropped::RareLevels));
        assert!(matches!(one_hot(&ids[..20]), Ok(Encoding::OneHot { n_folded: 0, .. })));
    }
}
