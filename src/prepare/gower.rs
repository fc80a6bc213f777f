//! Distances between the rows of a mixed table, without a matrix of numbers: Gower's.
//!
//! The distance of two rows is the mean, by weight, of what they differ by in each column that both have a value in:
//! for numbers the difference divided by the range of the column, for categories ordered by their form the
//! difference of ranks divided by the greatest one, for other categories 0 or 1.
//!
//! Source: Gower 1971; ranks as Podani 1999 has them without ties. Cost: O(n²) per column, and 8 bytes for each two rows.

use super::preprocessor::Preprocessor;
use crate::features::{Column, FeatureTable, Values, ordered};
use crate::num::samples::Samples;
use crate::num::{check, parallel};
use crate::{Error, Result};

/// Rows at most: their distances take 1.6 GB.
const MAX_ROWS: usize = 20_000;

/// The code of a missing category.
const NONE: u32 = u32::MAX;

/// A column as its cells are compared.
enum Cells {
    /// In [0, 1]; NaN where missing.
    Numbers(Vec<f64>),
    /// Equal or not.
    Codes(Vec<u32>),
}

impl Preprocessor {
    /// Gower's distances between the rows of a table, in [0, 1], for methods that take distances:
    /// [`Agglomerative`](crate::cluster::Agglomerative) but for Ward, centroid and median linkage,
    /// [`Dbscan`](crate::cluster::Dbscan), [`Hdbscan`](crate::cluster::Hdbscan),
    /// [`LocalOutlierFactor`](crate::outlier::LocalOutlierFactor).
    ///
    /// Nothing is filled in: two rows are compared by the columns that both have a value in. Each column counts once,
    /// times its [`weight`](Self::weight). Of the other settings only [`unordered`](field@Self::unordered) matters.
    /// Columns that are empty or always the same are left out. A number far from all others makes a column's range
    /// wide, and all other differences small.
    ///
    /// ```
    /// use personas::{FeatureTable, Preprocessor, cluster::{Agglomerative, Linkage}};
    ///
    /// let text = |levels: [&str; 3]| levels.map(|level| Some(level.to_owned())).to_vec();
    /// let table = FeatureTable::new(3)
    ///     .numeric("visits", vec![Some(1.0), Some(2.0), Some(5.0)])?
    ///     .categorical("channel", text(["web", "web", "store"]))?;
    /// let tree = Agglomerative::new(Linkage::Average).fit(Preprocessor::default().gower(&table)?)?;
    /// // A quarter of the range of visits, and the same channel: 0.25 / 2.
    /// assert_eq!(tree.merges()[0].height, 0.125);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::TooManySamples`] for more than 20,000 rows; [`Error::UndefinedMetric`] where two rows
    /// have no value in a common column, naming them.
    pub fn gower(&self, table: &FeatureTable) -> Result<Samples<'static>> {
        self.check(table)?;
        let n = table.n_rows();
        if n == 0 {
            return Err(Error::Empty { what: "the table" });
        }
        check::at_most(n, MAX_ROWS, "a matrix of Gower's distances")?;
        let columns: Vec<(f64, Cells)> = table
            .columns()
            .iter()
            .map(|column| (self.weights.get(&column.name).copied().unwrap_or(1.0), column))
            .filter(|(weight, _)| *weight > 0.0)
            .filter_map(|(weight, column)| Some((weight, self.cells(column)?)))
            .collect();
        if columns.is_empty() {
            return Err(Error::NoColumns { what: "the table" });
        }
        let mut distances = vec![0.0; n * (n - 1) / 2];
        let (mut rest, mut rows) = (&mut distances[..], Vec::with_capacity(n));
        for row in 0..n {
            let (own, later) = rest.split_at_mut(n - 1 - row);
            rows.push(own);
            rest = later;
        }
        let work = n.saturating_mul(n).saturating_mul(columns.len());
        let alone = parallel::map_each(rows, work, |row, out| to_later(&columns, row, out));
        let Some((row, other)) = alone.into_iter().enumerate().find_map(|(i, j)| Some((i, j?)))
        else {
            return Ok(Samples::Condensed(distances));
        };
        let reason = format!("rows {row} and {other} have no value in a common column");
        Err(Error::UndefinedMetric { metric: "Gower's distance", reason: reason.into() })
    }

    /// The cells of a column; `None` if it tells no two rows apart.
    fn cells(&self, column: &Column) -> Option<Cells> {
        match &column.values {
            Values::Numeric(values) => {
                let known = || values.iter().flatten();
                let low = known().copied().fold(f64::INFINITY, f64::min);
                let high = known().copied().fold(f64::NEG_INFINITY, f64::max);
                // Halves, as the difference of two numbers may be too large for one.
                let range = high / 2.0 - low / 2.0;
                let scaled = |v: f64| ((v / 2.0 - low / 2.0) / range).min(1.0);
                (low < high && range > 0.0).then(|| {
                    Cells::Numbers(values.iter().map(|v| v.map_or(f64::NAN, scaled)).collect())
                })
            }
            Values::Categorical(values) => {
                let mut levels: Vec<&str> = values.iter().flatten().map(String::as_str).collect();
                levels.sort_unstable();
                levels.dedup();
                if levels.len() < 2 {
                    return None;
                }
                let code = |value: &Option<String>| {
                    value.as_ref().and_then(|value| levels.binary_search(&value.as_str()).ok())
                };
                let order = match self.unordered.contains(&column.name) {
                    true => None,
                    false => ordered::order(&levels),
                };
                let Some(order) = order else {
                    let code = |value| code(value).map_or(NONE, |code| code as u32);
                    return Some(Cells::Codes(values.iter().map(code).collect()));
                };
                let mut ranks = vec![0.0; order.len()];
                let greatest = (order.len() - 1) as f64;
                for (rank, level) in order.into_iter().enumerate() {
                    ranks[level] = rank as f64 / greatest;
                }
                let rank = |value| code(value).map_or(f64::NAN, |code| ranks[code]);
                Some(Cells::Numbers(values.iter().map(rank).collect()))
            }
        }
    }
}

/// The distances of a row to those after it; the first that it has no column in common with.
fn to_later(columns: &[(f64, Cells)], row: usize, out: &mut [f64]) -> Option<usize> {
    let mut weights = vec![0.0; out.len()];
    for (weight, cells) in columns {
        let sums = out.iter_mut().zip(&mut weights);
        match cells {
            Cells::Numbers(numbers) => {
                let own = numbers[row];
                for ((sum, known), other) in sums.zip(&numbers[row + 1..]) {
                    let apart = (own - other).abs();
                    let is_known = !apart.is_nan();
                    *sum += if is_known { weight * apart } else { 0.0 };
                    *known += if is_known { *weight } else { 0.0 };
                }
            }
            Cells::Codes(codes) => {
                let own = codes[row];
                for ((sum, known), &other) in sums.zip(&codes[row + 1..]) {
                    let is_known = own != NONE && other != NONE;
                    *sum += if is_known && own != other { *weight } else { 0.0 };
                    *known += if is_known { *weight } else { 0.0 };
                }
            }
        }
    }
    let mut alone = None;
    for (at, (sum, known)) in out.iter_mut().zip(weights).enumerate() {
        if known == 0.0 {
            alone = alone.or(Some(row + 1 + at));
        }
        // Rounding of the weights' sum must not lead beyond 1.
        *sum = (*sum / known).min(1.0);
    }
    alone
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn condensed(prep: &Preprocessor, table: &FeatureTable) -> Vec<f64> {
        match prep.gower(table).unwrap() {
            Samples::Condensed(distances) => distances,
            other => panic!("{other:?}"),
        }
    }

    fn texts(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|v| (!v.is_empty()).then(|| (*v).to_owned())).collect()
    }

    #[test]
    fn numbers_count_by_range_ordered_levels_by_rank_and_others_by_being_equal() {
        let table = FeatureTable::new(3)
            .numeric("spend", vec![Some(0.0), Some(2.0), Some(8.0)])
            .and_then(|t| t.categorical("age", texts(&["18-24", "25-34", "65+"])))
            .and_then(|t| t.categorical("channel", texts(&["web", "store", "web"])))
            .and_then(|t| t.numeric("constant", vec![Some(1.0); 3]))
            .unwrap();
        let of = |spend: f64, age: f64, channel: f64| (spend + age + channel) / 3.0;
        let expected = [of(0.25, 0.5, 1.0), of(1.0, 1.0, 0.0), of(0.75, 0.5, 1.0)];
        assert_eq!(condensed(&Preprocessor::default(), &table), expected);
        let weighed = Preprocessor::default().weight("channel", 2.0).weight("age", 0.0);
        assert_eq!(condensed(&weighed, &table)[0], (0.25 + 2.0) / 3.0);
    }

    #[test]
    fn rows_are_compared_by_what_both_have_and_refused_if_that_is_nothing() {
        let table = FeatureTable::new(3)
            .numeric("a", vec![Some(-1e308), None, Some(1e308)])
            .and_then(|t| t.categorical("b", texts(&["x", "y", ""])))
            .unwrap();
        let error = Preprocessor::default().gower(&table).unwrap_err().to_string();
        assert!(error.contains("rows 1 and 2 have no value in a common column"), "{error}");
        let two = table.select(&[0, 2]).unwrap();
        assert_eq!(condensed(&Preprocessor::default(), &two), [1.0]);
        let none = FeatureTable::new(2).numeric("a", vec![Some(1.0); 2]).unwrap();
        assert!(matches!(Preprocessor::default().gower(&none), Err(Error::NoColumns { .. })));
    }

    proptest! {
        #[test]
        fn every_distance_is_that_of_the_definition(
            rows in prop::collection::vec(
                (prop::option::of(-9i8..9), prop::option::of(0u8..3), -5i8..5), 2..30),
            weight in 0.1f64..9.0,
        ) {
            let a: Vec<Option<f64>> = rows.iter().map(|row| row.0.map(f64::from)).collect();
            let b: Vec<Option<String>> =
                rows.iter().map(|row| row.1.map(|c| ["x", "y", "z"][usize::from(c)].into())).collect();
            let c: Vec<Option<f64>> = rows.iter().map(|row| Some(f64::from(row.2))).collect();
            let table = FeatureTable::new(rows.len())
                .numeric("a", a.clone())
                .and_then(|t| t.categorical("b", b.clone()))
                .and_then(|t| t.numeric("c", c.clone()))
                .unwrap();
            let range = |values: &[Option<f64>]| {
                let known = || values.iter().flatten().copied();
                known().fold(f64::MIN, f64::max) - known().fold(f64::MAX, f64::min)
            };
            let (of_a, of_c) = (range(&a), range(&c));
            let mut levels: Vec<&String> = b.iter().flatten().collect();
            levels.sort();
            levels.dedup();
            prop_assume!(of_c > 0.0);
            let distances = condensed(&Preprocessor::default().weight("b", weight), &table);
            let mut at = 0;
            for i in 0..rows.len() {
                for j in i + 1..rows.len() {
                    let (mut sum, mut known) = ((c[i].unwrap() - c[j].unwrap()).abs() / of_c, 1.0);
                    if let (Some(x), Some(y), true) = (a[i], a[j], of_a > 0.0) {
                        sum += (x - y).abs() / of_a;
                        known += 1.0;
                    }
                    if let (Some(x), Some(y), true) = (&b[i], &b[j], levels.len() > 1) {
                        sum += if x == y { 0.0 } else { weight };
                        known += weight;
                    }
                    prop_assert!((distances[at] - sum / known).abs() < 1e-12);
                    at += 1;
                }
            }
        }
    }
}
