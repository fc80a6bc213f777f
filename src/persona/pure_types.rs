//! Pure types: where people differ by degrees, everybody is a mixture of a few of them.
//!
//! The types are the archetypes of the prepared matrix ([`reduce::Archetypes`](crate::reduce::Archetypes)),
//! described by the people who are made of one by half or more. Columns are first held to their 1 and 99 %
//! quantiles, so that no single person becomes a type.
//!
//! Source: Cutler, Breiman 1994. The number of types, unless given: the least whose successor explains
//! less than 3 % more, or has a type that too few people to be described are mostly made of. Cost: that of
//! the archetypes, once per number that is tried.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::card::Persona;
use super::describe::{Used, described};
use super::index::ColumnIndex;
use super::model::PersonaModel;
use crate::num::stats;
use crate::reduce::{Archetypes, ArchetypesFit};
use crate::{Error, FeatureTable, Labels, Result};

/// How much more one more type must explain.
const GAIN: f64 = 0.03;
/// Most types, where the number is not given.
const MOST: usize = 8;
/// Part of a type from which on people describe it.
const MOSTLY: f64 = 0.5;
/// Quantile to which columns are held, from both ends.
const TAIL: f64 = 0.01;

/// A few pure types, and everybody as a mixture of them; what
/// [`PersonaModel::archetypes`] returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PureTypes {
    /// The types in words, the one that people are made of most first. The members of a type are the
    /// people of whom it makes up half or more.
    pub types: Vec<Persona>,
    /// The part of every type in every person, `(n_rows, n_types)`; each row is 0 or more and sums to 1.
    pub parts: Array2<f64>,
    /// The mean part of every type in every persona of the model; empty for a persona without people
    /// in the table.
    pub by_persona: Vec<Vec<f64>>,
    /// Share of the differences between people that mixtures explain, in [0, 1].
    pub explained: f64,
    /// How many people each type was made from; a type of one person is that person, and no type.
    pub n_carriers: Vec<usize>,
}

impl PersonaModel {
    /// The pure types that the people of a table are mixtures of: `k` of them, or as many as explain enough more.
    ///
    /// If people differ by degrees, personas divide them at arbitrary places. Pure types describe the extremes
    /// instead, and how much of each a person is: "60 % big baskets, 30 % fresh food". Without `k`, types are
    /// added while they explain enough more. `seed` draws the starts of the search.
    ///
    /// ```
    /// use personas::persona::PersonaSettings;
    /// use personas::{FeatureTable, PersonaModel};
    ///
    /// // Two hundred people between much and little of two things.
    /// let column = |step: usize| (0..200).map(|i| Some((i * step % 199) as f64)).collect();
    /// let table = FeatureTable::new(200).numeric("spend", column(1))?.numeric("visits", column(70))?;
    /// let settings = PersonaSettings { k: Some(3), ..PersonaSettings::default() };
    /// let model = PersonaModel::fit(&table, &settings)?;
    ///
    /// let types = model.archetypes(&table, Some(4), 0)?;
    /// assert_eq!(types.types.len(), 4);
    /// assert!((types.parts.row(0).sum() - 1.0).abs() < 1e-9 && types.explained > 0.9);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Archetypes::fit`], and of [`assign`](Self::assign) for the table.
    pub fn archetypes(
        &self,
        table: &FeatureTable,
        k: Option<usize>,
        seed: u64,
    ) -> Result<PureTypes> {
        let matches = self.assign(table)?;
        let x = held(ArrayView2::from(&matches.matrix));
        let fit = match k {
            Some(k) => Archetypes::new(k).seed(seed).fit(&x)?,
            None => as_many_as_pay(&x, seed, self.rules.least())?,
        };
        let parts = fit.parts;
        let mostly = |row: ndarray::ArrayView1<'_, f64>| row.iter().position(|&p| p >= MOSTLY);
        let (labels, order) = numbered(parts.rows().into_iter().map(mostly), parts.ncols())?;
        let index = ColumnIndex::new(&matches.complete)?;
        let found = described(&index, &labels, &self.rules, &Used::by(&self.prep));
        // Back from the order of labels, the larger first, to that of the types.
        let words = &self.rules.vocabulary;
        let nobody = || Persona::empty(words.say("Small group", &[]));
        let types =
            order.iter().map(|&place| place.map_or_else(nobody, |place| found[place].clone()));
        let by_persona = (0..self.personas.len()).map(|persona| {
            let of = matches.iter().enumerate().filter(|(_, found)| found.persona == Some(persona));
            let rows: Vec<usize> = of.map(|(row, _)| row).collect();
            if rows.len() < self.rules.least() {
                return Vec::new();
            }
            parts
                .select(Axis(0), &rows)
                .mean_axis(Axis(0))
                .map_or_else(Vec::new, |mean| mean.to_vec())
        });
        Ok(PureTypes {
            types: types.collect(),
            by_persona: by_persona.collect(),
            explained: fit.explained_variance,
            n_carriers: fit.made_of.iter().map(Vec::len).collect(),
            parts,
        })
    }
}

/// Every column between its 1 and 99 % quantiles.
fn held(x: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut held = x.to_owned();
    for mut column in held.columns_mut() {
        let sorted = stats::sorted(&column.to_vec());
        let (low, high) = (stats::quantile(&sorted, TAIL), stats::quantile(&sorted, 1.0 - TAIL));
        // A flag that few have would be held to one value.
        if low < high {
            column.mapv_inplace(|v| v.clamp(low, high));
        }
    }
    held
}

/// The least number of types whose successor explains little more, or has a type that fewer than `least`
/// people are mostly made of.
fn as_many_as_pay(x: &Array2<f64>, seed: u64, least: usize) -> Result<ArchetypesFit> {
    let pays = |more: &ArchetypesFit, last: &ArchetypesFit| {
        let parts = &more.parts;
        more.explained_variance - last.explained_variance >= GAIN
            && parts
                .columns()
                .into_iter()
                .all(|of_type| of_type.iter().filter(|&&part| part >= MOSTLY).count() >= least)
    };
    let mut last = Archetypes::new(2).seed(seed).fit(x)?;
    for k in 3..=MOST {
        match Archetypes::new(k).seed(seed).fit(x) {
            Ok(more) if pays(&more, &last) => last = more,
            Err(error) if !matches!(error, Error::TooFewSamples { .. }) => return Err(error),
            _ => break,
        }
    }
    Ok(last)
}

/// Labels of the people of every type, and the number that labels give each type; none for a type that
/// nobody is mostly made of.
fn numbered(
    of: impl Iterator<Item = Option<usize>>,
    n_types: usize,
) -> Result<(Labels, Vec<Option<usize>>)> {
    let of: Vec<Option<usize>> = of.collect();
    let labels = Labels::new(of.iter().copied())?;
    let mut order = vec![None; n_types];
    for (row, kind) in of.iter().enumerate() {
        if let Some(kind) = kind {
            order[*kind] = labels.get(row);
        }
    }
    Ok((labels, order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_values_are_held_but_a_flag_that_few_have_stays() {
        let mut x = Array2::zeros((1000, 2));
        x[[7, 0]] = 1.0;
        (0..1000).for_each(|row| x[[row, 1]] = row as f64);
        x[[999, 1]] = 1e9;
        let held = held(x.view());
        assert_eq!(held.column(0), x.column(0));
        assert!(held[[999, 1]] < 1000.0 && held[[0, 1]] > 0.0);
        assert_eq!(held[[500, 1]], 500.0);
    }

    /// People between three ends: much of one of three things, and little of the others.
    fn triangle(n: usize) -> FeatureTable {
        let parts: Vec<[f64; 3]> = (0..n)
            .map(|i| {
                let (a, b) = ((i * 7 % 31) as f64 / 30.0, (i * 11 % 29) as f64 / 28.0);
                let (a, b) = if a + b > 1.0 { (1.0 - a, 1.0 - b) } else { (a, b) };
                [a, b, 1.0 - a - b]
            })
            .collect();
        ["share of tea", "share of coffee", "share of cocoa"].iter().enumerate().fold(
            FeatureTable::new(n),
            |table, (at, name)| {
                table.numeric(*name, parts.iter().map(|p| Some(p[at])).collect()).unwrap()
            },
        )
    }

    #[test]
    fn three_ends_are_found_and_told_by_what_they_are_made_of() {
        let table = triangle(899);
        let prep = crate::Preprocessor::default().fit(&table).unwrap();
        let groups = crate::KMeans::new(3).fit(&prep.transform(&table).unwrap()).unwrap();
        let model = crate::persona::Describer::default().describe(&table, &prep, &groups).unwrap();
        let found = model.archetypes(&table, None, 0).unwrap();
        assert_eq!(found.types.len(), 3);
        let mut names: Vec<&str> =
            found.types.iter().map(|kind| kind.traits[0].phrase.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["much cocoa", "much coffee", "much tea"]);
        assert!(found.explained > 0.9, "{}", found.explained);
        assert!(found.n_carriers.iter().all(|&n| n >= 1));
        for parts in &found.by_persona {
            assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{parts:?}");
        }
    }
}
