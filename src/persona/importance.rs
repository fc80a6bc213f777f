//! Which features separate the personas, by four measures that see different things.
//!
//! *Strength* and *information* look at one column at a time. Strength of numbers: η² of the mid-ranks,
//! the share of their variance that lies between personas, so that one huge spender does not decide
//! (Kruskal, Wallis 1952), less its bias (Kelley 1935); of categories: Cramér's V², less its bias
//! (Bergsma 2013). Information: the share of the uncertainty about the persona that the column removes
//! (Theil's U), of numbers in 32 bins, less its bias (Miller, Madow 1955); unlike η², it also sees a
//! persona in the middle between two others. Without the bias corrections, many personas and few people
//! would always look related.
//!
//! *Forest* and *regression* look at all columns at once and are asked about people they have not learned
//! from. A column is worth what is lost without it: one that repeats another is worth little there, as
//! is its twin, while strength and information rate both in full. All four are 0, but for chance, for a
//! column that has nothing to do with the personas.
//!
//! Cost: O(n) per column, then that of the learners, which see 20 000 people at most.

use serde::{Deserialize, Serialize};

use super::coded::{Coded, LearnerSample};
use super::index::{ColumnIndex, Indexed, IndexedKind, IndexedNumbers, NONE};
use super::model::PersonaModel;
use super::{forest, regression};
use crate::num::{parallel, portable};
use crate::{Error, FeatureTable, Result};

/// How strongly a feature separates the personas; see [`PersonaModel::importance`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// What it is called in the words of the model.
    pub label: String,
    /// In [0, 1]: the share of a number's (ranked) variance, or the squared association of a
    /// category, that the personas account for.
    pub strength: f64,
    /// In [0, 1]: the share of the uncertainty about a person's persona that the feature removes.
    pub information: f64,
    /// In [−1, 1], nearly always above 0: how much lower the mean probability is that a random forest gives to
    /// the right persona of people it has not learned from, when the values of this feature are exchanged between
    /// them. All personas count the same. `None` where no seed was given.
    pub forest: Option<f64>,
    /// The same of a multinomial logistic regression.
    pub regression: Option<f64>,
    /// People in a persona and with a value; strength and information are about them, and are 0 if they are
    /// fewer than the model describes.
    pub n: usize,
}

impl PersonaModel {
    /// Which features of a table separate the personas, or one persona from the others: every column of
    /// the table, also those that did not make the groups, the strongest first.
    ///
    /// People are placed by [`assign`](Self::assign); those in no persona are left out. `seed` seeds all
    /// random draws. Compare the measures: if strength is low and information is high, some persona lies in
    /// the middle of the values. If both are high, but forest and regression are low, other features carry the
    /// same information.
    ///
    /// With a seed, the forest and the regression are fitted as well. They cost nearly all of the time, though
    /// less than the fit of the model: 2.7 s against 3.4 s for 100 000 people in 16 columns and 5
    /// personas, measured on two busy cores (AMD EPYC, 28 November 2026).
    ///
    /// ```
    /// # use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};
    /// # let column = |f: fn(usize) -> usize| (0..300).map(|i| Some(f(i) as f64)).collect();
    /// let table = FeatureTable::new(300)
    ///     .numeric("shoe_size", column(|i| 36 + i * 7 % 10))?
    ///     .numeric("spend", column(|i| i / 100 * 500 + i * 7 % 90))?;
    /// let prep = Preprocessor::default().weight("shoe_size", 0.0).fit(&table)?;
    /// let fit = KMeans::new(3).fit(&prep.transform(&table)?)?;
    /// let personas = personas::persona::Describer::default().describe(&table, &prep, &fit)?;
    ///
    /// let overall = personas.importance(&table, None, Some(0))?;
    /// assert_eq!(overall[0].feature, "spend");
    /// assert!(overall[0].forest > Some(0.4) && overall[1].forest < Some(0.1));
    /// // Those who spend least, against all others.
    /// assert!(personas.importance(&table, Some(0), None)?[0].information > 0.5);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a persona that does not exist or has fewer members in the table
    /// than are described, and those of [`assign`](Self::assign).
    pub fn importance(
        &self,
        table: &FeatureTable,
        persona: Option<usize>,
        seed: Option<u64>,
    ) -> Result<Vec<Importance>> {
        let table = &*self.with_cohorts(table)?;
        let placed = self.placed(table)?;
        let of = |own: Option<usize>| match (own, persona) {
            (None, _) => NONE,
            (Some(own), None) => own as u32,
            (Some(own), Some(persona)) => u32::from(own != persona),
        };
        let groups: Vec<u32> = placed.into_iter().map(of).collect();
        let n_groups = if persona.is_some() { 2 } else { self.personas.len() };
        let least = self.rules.least();
        if let Some(persona) = persona
            && groups.iter().filter(|&&group| group == 0).count() < least
        {
            let expected = format!("one with at least {least} people in the table");
            return Err(Error::parameter("persona", expected, persona));
        }
        let index = ColumnIndex::new(table)?;
        let unit = index.n_rows.saturating_mul(8);
        let (coded, measured): (Vec<Coded>, Vec<_>) =
            parallel::map(index.columns.len(), unit, |at| {
                let coded = Coded::new(&index.columns[at], least);
                let measured = alone(&index.columns[at], &coded, &groups, n_groups);
                (coded, measured)
            })
            .into_iter()
            .unzip();
        let mut importances: Vec<Importance> = measured;
        for found in importances.iter_mut().filter(|found| found.n < least) {
            (found.strength, found.information) = (0.0, 0.0);
        }
        if let Some(seed) = seed {
            let sample = LearnerSample::new(&coded, &groups, n_groups, seed);
            let together =
                forest::falls(&sample, seed).into_iter().zip(regression::falls(&sample, seed));
            for (found, (forest, regression)) in importances.iter_mut().zip(together) {
                (found.forest, found.regression) = (Some(forest), Some(regression));
            }
        }
        for found in &mut importances {
            found.label = self.called(&found.feature);
        }
        // Stable: of equals, the earlier column first.
        importances.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        Ok(importances)
    }
}

/// What a column says by itself.
fn alone(indexed: &Indexed<'_>, coded: &Coded, groups: &[u32], n_groups: usize) -> Importance {
    let mut table = coded.table(groups, n_groups);
    // Only people with a value count.
    table.remove(0);
    table.retain(|row| row.iter().any(|&cell| cell > 0));
    let strength = match &indexed.kind {
        IndexedKind::Numbers(numbers) => eta_squared(numbers, groups, n_groups),
        IndexedKind::Categories(_) => cramers_v_squared(&table),
    };
    Importance {
        feature: indexed.column.name.clone(),
        strength,
        information: information(&table),
        label: String::new(),
        forest: None,
        regression: None,
        n: table.iter().flatten().sum(),
    }
}

/// η² of the mid-ranks of rows in a group, less its bias.
fn eta_squared(numbers: &IndexedNumbers<'_>, groups: &[u32], n_groups: usize) -> f64 {
    let grouped = |&row: &u32| Some(groups[row as usize]).filter(|&group| group != NONE);
    let n = numbers.order.iter().filter_map(grouped).count();
    let (mut sums, mut sizes) = (vec![0i128; n_groups], vec![0usize; n_groups]);
    let (mut start, mut below, mut total) = (0, 0, 0i128);
    while start < numbers.order.len() {
        let end = numbers.end_of_run(start);
        let run = &numbers.order[start..end];
        let equal = run.iter().filter_map(grouped).count();
        // Twice the deviation of a mid-rank from the mean rank is a whole number: sums are exact.
        let deviation = (2 * below + equal) as i128 - n as i128;
        total += deviation * deviation * equal as i128;
        for group in run.iter().filter_map(grouped) {
            sums[group as usize] += deviation;
            sizes[group as usize] += 1;
        }
        below += equal;
        start = end;
    }
    let k = sizes.iter().filter(|&&size| size > 0).count();
    if total == 0 || n <= k || k < 2 {
        return 0.0;
    }
    let of_group = |(&sum, &n): (&i128, &usize)| (sum as f64).powi(2) / n.max(1) as f64;
    let between: f64 = sums.iter().zip(&sizes).map(of_group).sum();
    let eta = (between / total as f64).min(1.0);
    (1.0 - (1.0 - eta) * (n - 1) as f64 / (n - k) as f64).max(0.0)
}

/// The margins of a table without empty rows, and the groups that are not empty.
fn margins(table: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>, usize) {
    let rows: Vec<usize> = table.iter().map(|row| row.iter().sum()).collect();
    let n_groups = table.first().map_or(0, Vec::len);
    let groups: Vec<usize> =
        (0..n_groups).map(|group| table.iter().map(|row| row[group]).sum()).collect();
    let k = groups.iter().filter(|&&n| n > 0).count();
    (rows, groups, k)
}

/// Cramér's V² less its bias; 0 where there are not two categories and two groups.
fn cramers_v_squared(table: &[Vec<usize>]) -> f64 {
    let (rows, groups, k) = margins(table);
    if rows.len() < 2 || k < 2 {
        return 0.0;
    }
    // χ²/n = Σ cell² / (row · column) − 1.
    let mut phi2 = -1.0;
    for (row, &in_row) in table.iter().zip(&rows) {
        for (&cell, &in_group) in row.iter().zip(&groups) {
            if in_group > 0 {
                phi2 += cell as f64 * cell as f64 / (in_row as f64 * in_group as f64);
            }
        }
    }
    let (n, r, k) = (rows.iter().sum::<usize>() as f64, rows.len() as f64, k as f64);
    let phi2 = (phi2 - (r - 1.0) * (k - 1.0) / (n - 1.0)).max(0.0);
    let corrected = |levels: f64| levels - (levels - 1.0).powi(2) / (n - 1.0) - 1.0;
    let least = corrected(r).min(corrected(k));
    // As many levels as people leave nothing to measure.
    if least > 0.0 { (phi2 / least).min(1.0) } else { 0.0 }
}

/// Mutual information less its bias, over the entropy of the groups; 0 for a single group.
fn information(table: &[Vec<usize>]) -> f64 {
    let (rows, groups, k) = margins(table);
    let n = rows.iter().sum::<usize>() as f64;
    // Σ n ln n; entropies are differences of such sums.
    let sum = |counts: &mut dyn Iterator<Item = usize>| -> f64 {
        counts.filter(|&count| count > 0).map(|c| c as f64 * portable::ln(c as f64)).sum()
    };
    let all = if n > 0.0 { n * portable::ln(n) } else { 0.0 };
    let entropy = all - sum(&mut groups.iter().copied());
    if k < 2 || rows.len() < 2 {
        return 0.0;
    }
    let cells = sum(&mut table.iter().flatten().copied());
    let mutual = cells - sum(&mut rows.iter().copied()) + entropy;
    let bias = ((rows.len() - 1) * (k - 1)) as f64 / 2.0;
    ((mutual - bias) / entropy).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use crate::persona::Describer;
    use crate::{Labels, Preprocessor};

    fn measured(table: &FeatureTable, groups: &[Option<u32>], n_groups: usize) -> Vec<Importance> {
        let groups: Vec<u32> = groups.iter().map(|group| group.unwrap_or(NONE)).collect();
        let index = ColumnIndex::new(table).unwrap();
        let columns = index.columns.iter();
        columns.map(|column| alone(column, &Coded::new(column, 1), &groups, n_groups)).collect()
    }

    #[test]
    fn a_category_that_names_the_group_has_strength_one_and_an_unrelated_one_none() {
        let categories = |letters: &str| letters.chars().map(|c| Some(c.to_string())).collect();
        let table = FeatureTable::new(8)
            .categorical("unrelated", categories("aabbaabb"))
            .and_then(|t| t.categorical("name", categories("ppppqqqq")))
            .and_then(|t| t.numeric("constant", vec![Some(3.0); 8]))
            .unwrap();
        let found = measured(&table, &[0, 0, 0, 0, 1, 1, 1, 1].map(Some), 2);
        // φ² = 1, less 1/7; levels 2 − 1/7 each: (6/7) / (6/7). Information: ln 2, less 1/16.
        assert!((found[1].strength - 1.0).abs() < 1e-12, "{found:?}");
        let expected = 1.0 - 1.0 / 16.0 / 2f64.ln();
        assert!((found[1].information - expected).abs() < 1e-12, "{found:?}");
        assert_eq!((found[0].strength, found[2].strength), (0.0, 0.0));
        assert_eq!((found[0].information, found[2].information), (0.0, 0.0));
    }

    #[test]
    fn noise_missing_values_and_single_groups_count_for_nothing() {
        let values = [Some(1.0), None, Some(2.0), Some(9.0)].to_vec();
        let table = FeatureTable::new(4).numeric("x", values).unwrap();
        let noise = measured(&table, &[Some(0), Some(0), None, None], 1);
        assert_eq!((noise[0].strength, noise[0].information, noise[0].n), (0.0, 0.0, 1));
        assert_eq!(measured(&table, &[Some(0); 4], 1)[0].strength, 0.0);
        let each = [0, 1, 2, 3].map(Some);
        assert_eq!(measured(&table, &each, 4)[0].strength, 0.0);
    }

    #[test]
    fn a_group_of_which_nothing_is_known_changes_nothing_of_a_column() {
        let categories = |letters: &str| {
            letters.chars().map(|c| (c != '-').then(|| c.to_string())).collect::<Vec<_>>()
        };
        let table = FeatureTable::new(10)
            .categorical("name", categories("pppqqqqp--"))
            .and_then(|t| {
                let numbers = (0..10).map(|i| (i < 8).then_some(f64::from(i)));
                t.numeric("number", numbers.collect())
            })
            .unwrap();
        let groups = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2].map(Some);
        let with = measured(&table, &groups, 3);
        let rows: Vec<usize> = (0..8).collect();
        let without = measured(&table.select(&rows).unwrap(), &groups[..8], 2);
        assert!(with[0].strength > 0.0 && with[1].strength > 0.0, "{with:?}");
        assert_eq!(with, without);
    }

    #[test]
    fn strength_of_ranks_is_the_published_one() {
        // Ranks 1, 2, 3 | 4, 5, 6: between 13.5 of 17.5, less its bias.
        let values = (0..6).map(|v| Some(f64::from(v * v))).collect();
        let table = FeatureTable::new(6).numeric("x", values).unwrap();
        let found = measured(&table, &[0, 0, 0, 1, 1, 1].map(Some), 2);
        assert!((found[0].strength - (1.0 - 4.0 / 17.5 * 5.0 / 4.0)).abs() < 1e-12, "{found:?}");
    }

    /// Three personas: `level` and `colour` tell all, `middle` is high for the second alone; then noise. The
    /// personas are planted by `level` alone, the only column that makes groups.
    fn planted(copy: bool) -> (PersonaModel, FeatureTable) {
        let n = 600;
        let mut stream = Stream::new(5, 5);
        let mut column = |f: &dyn Fn(usize) -> f64, spread: f64| -> Vec<Option<f64>> {
            (0..n).map(|row| Some(f(row % 3) + spread * stream.normal())).collect()
        };
        let level = column(&|group| 10.0 * group as f64, 1.0);
        let middle = column(&|group| if group == 1 { 6.0 } else { 0.0 }, 1.0);
        let noise: Vec<_> = (0..6).map(|_| column(&|_| 0.0, 1.0)).collect();
        let colour =
            (0..n).map(|row| Some(["red", "red", "blue"][row % 3].to_owned())).collect::<Vec<_>>();
        let mut table = FeatureTable::new(n).numeric("level", level.clone()).unwrap();
        table = table.numeric("middle", middle).unwrap().categorical("colour", colour).unwrap();
        for (at, values) in noise.into_iter().enumerate() {
            table = table.numeric(format!("noise {at}"), values).unwrap();
        }
        if copy {
            table = table.numeric("copy of level", level).unwrap();
        }
        let mut prep = Preprocessor::default();
        for column in &table.columns()[1..] {
            prep = prep.weight(&column.name, 0.0);
        }
        let prep = prep.fit(&table).unwrap();
        let labels = Labels::new((0..n).map(|row| Some(row % 3))).unwrap();
        (Describer::default().describe(&table, &prep, &labels).unwrap(), table)
    }

    fn of<'a>(importances: &'a [Importance], feature: &str) -> &'a Importance {
        importances.iter().find(|importance| importance.feature == feature).unwrap()
    }

    #[test]
    fn all_measures_rank_what_was_planted_before_noise() {
        let (model, table) = planted(false);
        let found = model.importance(&table, None, Some(1)).unwrap();
        let measures: [fn(&Importance) -> f64; 4] =
            [|i| i.strength, |i| i.information, |i| i.forest.unwrap(), |i| i.regression.unwrap()];
        for (at, measure) in measures.into_iter().enumerate() {
            let noise = found.iter().filter(|i| i.feature.starts_with("noise"));
            let most = noise.map(measure).fold(0.0, f64::max);
            for planted in ["level", "colour", "middle"] {
                let own = measure(of(&found, planted));
                // Ranks of a middle persona still differ, as the two others are one there.
                assert!(
                    own > most + 0.02,
                    "measure {at}, {planted}: {own}, noise {most}\n{found:?}"
                );
            }
            assert!(most < 0.03, "measure {at}: {most}");
        }
        assert_eq!(found, model.importance(&table, None, Some(1)).unwrap());
    }

    #[test]
    fn one_persona_is_told_apart_by_its_own_features() {
        let (model, table) = planted(false);
        let found = model.importance(&table, Some(1), Some(1)).unwrap();
        assert!(
            of(&found, "middle").forest > of(&found, "colour").forest.map(|fall| fall + 0.1),
            "{found:?}"
        );
        // In the middle by level: no rank tells, but information does.
        assert!(of(&found, "level").strength < 0.1 && of(&found, "level").information > 0.8);
        let error = model.importance(&table, Some(3), Some(1)).unwrap_err();
        let expected = "persona must be one with at least 20 people in the table, but is 3";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_copy_shares_what_is_lost_without_it_and_keeps_what_it_says() {
        let ((model, table), (copied, with_copy)) = (planted(false), planted(true));
        let alone = model.importance(&table, None, Some(1)).unwrap();
        let found = copied.importance(&with_copy, None, Some(1)).unwrap();
        let (level, copy) = (of(&found, "level"), of(&found, "copy of level"));
        assert_eq!((level.strength, level.information), (copy.strength, copy.information));
        assert!(level.forest < of(&alone, "level").forest);
        assert!(level.regression < of(&alone, "level").regression);
        assert!(level.forest > Some(0.02) && copy.forest > Some(0.02), "{found:?}");
    }

    #[test]
    fn groups_that_cannot_be_asked_leave_the_learners_at_nothing() {
        let table = FeatureTable::new(2).numeric("x", vec![Some(1.0), Some(2.0)]).unwrap();
        let prep = Preprocessor::default().fit(&table).unwrap();
        let rules = Describer { any_size: true, ..Describer::default() };
        let labels = Labels::new([Some(0), Some(1)]).unwrap();
        let model = rules.describe(&table, &prep, &labels).unwrap();
        let found = model.importance(&table, None, Some(0)).unwrap();
        assert_eq!((found[0].forest, found[0].regression), (Some(0.0), Some(0.0)));
    }
}
