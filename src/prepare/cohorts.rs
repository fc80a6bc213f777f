//! Values relative to one's cohort: how a person does among those of the same course, plan or month.
//!
//! The medians of a cohort are fixed when they are fitted, on a table of one moment. Later tables are
//! compared with these, so that nothing moves between two fits. The rank is the share of the cohort's people
//! below, half of the equal ones included (the mid-rank).
//!
//! Cost: a sort of every column to fit, and a binary search per value to apply. Of a cohort at most
//! [`MAX_KEPT`] evenly spaced values are kept, so that a rank among more people is off by 0.1 % at most.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::{Column, FeatureTable, Values};
use crate::num::stats;
use crate::{Error, Result, Timestamp};

/// Values kept of a cohort.
const MAX_KEPT: usize = 1001;

/// How a value is compared with those of a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relative {
    /// The value less the cohort's median.
    Difference,
    /// The value divided by the cohort's median; missing unless the median is above 0.
    Ratio,
    /// The share of the cohort's people below, half of the equal ones included, from 0 to 1.
    Rank,
}

/// Adds columns that compare people with their cohort.
///
/// Some numbers are comparable only within a cohort: the clicks in two courses differ, but doing more or less
/// than others in the same course predicts who stays. The new value is missing for a person without a cohort,
/// and for a cohort that was not in the fit or had fewer than [`least`](Self::least) people with a value.
///
/// ```
/// use personas::prepare::{Cohorts, Relative};
/// use personas::features::Values;
/// use personas::FeatureTable;
///
/// let plan = ["free", "free", "free", "paid", "paid", "paid"].map(|plan| Some(plan.to_owned()));
/// let visits = [1.0, 2.0, 4.0, 10.0, 20.0, 40.0].map(Some);
/// let table = FeatureTable::new(6)
///     .categorical("plan", plan.to_vec())?
///     .numeric("visits", visits.to_vec())?;
///
/// let columns = vec![("visits".into(), Relative::Ratio)];
/// let cohorts = Cohorts { by: "plan".into(), columns, least: 3, ..Cohorts::default() };
/// let fit = cohorts.fit(&table)?;
/// let relative = fit.apply(&table)?;
/// let ratios = relative.column("visits, ratio to plan").map(|column| column.values.clone());
/// let expected = [0.5, 1.0, 2.0, 0.5, 1.0, 2.0].map(Some);
/// assert_eq!(ratios, Some(Values::Numeric(expected.to_vec())));
/// // One person, later: compared with the medians of then.
/// assert_eq!(fit.apply(&table.select(&[4])?)?.columns().len(), 3);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohorts {
    /// The column that cohorts are made by.
    pub by: String,
    /// Whether cohorts are the months, in UTC, of a column of times in days since 1970-01-01, such as
    /// [`Measure::FirstTime`](crate::features::Measure::FirstTime); otherwise the categories of the column.
    pub is_month: bool,
    /// The columns of numbers that are compared with the cohort. The new columns are called
    /// `<column>, difference to <cohort column>`, `<column>, ratio to …` or `<column>, rank in …`.
    pub columns: Vec<(String, Relative)>,
    /// People with a value that a cohort needs; 20, and at least 1.
    pub least: usize,
}

impl Default for Cohorts {
    fn default() -> Self {
        Self { by: String::new(), is_month: false, columns: Vec::new(), least: 20 }
    }
}

impl Cohorts {
    /// Takes the values of every cohort from a table.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if there is nothing to compare, for a `least` of 0, and for columns that the
    /// table lacks or has with another type; [`Error::Empty`] for a table without rows.
    pub fn fit(&self, table: &FeatureTable) -> Result<CohortsFit> {
        if table.n_rows() == 0 {
            return Err(Error::Empty { what: "the table" });
        }
        if self.columns.is_empty() {
            return Err(Error::parameter("columns", "at least one column", "none"));
        }
        if self.least == 0 {
            return Err(Error::parameter("least", "at least 1", 0));
        }
        let cohorts = self.cohorts(table)?;
        let mut kept: BTreeMap<String, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
        for (name, _) in &self.columns {
            let mut groups: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (cohort, value) in cohorts.iter().zip(numbers(table, name)?) {
                if let (Some(cohort), Some(value)) = (cohort, value) {
                    groups.entry(cohort).or_default().push(*value);
                }
            }
            groups.retain(|_, values| values.len() >= self.least);
            let groups = groups.into_iter().map(|(cohort, values)| (cohort.into(), thin(&values)));
            kept.insert(name.clone(), groups.collect());
        }
        Ok(CohortsFit { cohorts: self.clone(), kept })
    }

    /// The cohort of every row.
    fn cohorts(&self, table: &FeatureTable) -> Result<Vec<Option<String>>> {
        if self.is_month {
            let month = |days: &Option<f64>| {
                // Within the years that have four digits.
                let days = (*days).filter(|days| (-719_000.0..2_930_000.0).contains(days))?;
                let text = Timestamp::from_millis((days * 86_400_000.0) as i64).to_string();
                text.get(..7).map(str::to_owned)
            };
            return Ok(numbers(table, &self.by)?.iter().map(month).collect());
        }
        match table.column(&self.by).map(|column| &column.values) {
            Some(Values::Categorical(values)) => Ok(values.clone()),
            _ => Err(Error::parameter("by", "a column of categories in the table", &self.by)),
        }
    }
}

/// A column of numbers.
fn numbers<'t>(table: &'t FeatureTable, name: &str) -> Result<&'t [Option<f64>]> {
    match table.column(name).map(|column| &column.values) {
        Some(Values::Numeric(values)) => Ok(values),
        _ => Err(Error::parameter("column", "a column of numbers in the table", name)),
    }
}

/// Values in order; of many, evenly spaced ones, the ends included.
fn thin(values: &[f64]) -> Vec<f64> {
    let sorted = stats::sorted(values);
    if sorted.len() <= MAX_KEPT {
        return sorted;
    }
    (0..MAX_KEPT).map(|i| sorted[i * (sorted.len() - 1) / (MAX_KEPT - 1)]).collect()
}

/// What [`Cohorts::fit`] took from a table, to be applied to every table before it is
/// [prepared](crate::Preprocessor). A [`PersonaModel`](crate::PersonaModel) whose
/// [settings](crate::persona::PersonaSettings) name cohorts fits, keeps and applies them itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct CohortsFit {
    cohorts: Cohorts,
    /// By column and cohort: values, ascending.
    kept: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    cohorts: Cohorts,
    #[serde(with = "crate::num::exact")]
    kept: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

impl From<CohortsFit> for Stored {
    fn from(CohortsFit { cohorts, kept }: CohortsFit) -> Self {
        Self { cohorts, kept }
    }
}

impl TryFrom<Stored> for CohortsFit {
    type Error = &'static str;

    fn try_from(Stored { cohorts, kept }: Stored) -> std::result::Result<Self, Self::Error> {
        let is_sound = |values: &Vec<f64>| {
            let in_order = values.iter().all(|value| value.is_finite()) && values.is_sorted();
            in_order && (1..=MAX_KEPT).contains(&values.len())
        };
        if !kept.values().flat_map(BTreeMap::values).all(is_sound) {
            return Err("the values of a cohort must be finite and ascend");
        }
        if !cohorts.columns.iter().all(|(name, _)| kept.contains_key(name)) {
            return Err("a column has no cohorts");
        }
        Ok(Self { cohorts, kept })
    }
}

impl CohortsFit {
    /// The table with a column more for each that is compared.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for columns that the table lacks or has with another type,
    /// [`Error::InvalidFeature`] if it has a column of a new name already.
    pub fn apply(&self, table: &FeatureTable) -> Result<FeatureTable> {
        let cohorts = self.cohorts.cohorts(table)?;
        let mut relative = table.clone();
        for (name, how) in &self.cohorts.columns {
            let known = &self.kept[name];
            let pairs = cohorts.iter().zip(numbers(table, name)?);
            let values = pairs.map(|(cohort, value)| {
                let of_cohort = known.get(cohort.as_deref()?)?;
                how.of((*value)?, of_cohort).filter(|value| value.is_finite())
            });
            let by = &self.cohorts.by;
            let new = match how {
                Relative::Difference => format!("{name}, difference to {by}"),
                Relative::Ratio => format!("{name}, ratio to {by}"),
                Relative::Rank => format!("{name}, rank in {by}"),
            };
            // Medians that stay where they are do not stop what ages by itself.
            let (values, cut) = (Values::Numeric(values.collect()), Vec::new());
            let ages = table.column(name).is_some_and(|column| column.ages);
            relative = relative.with_column(Column { name: new, values, cut, ages })?;
        }
        Ok(relative)
    }
}

impl Relative {
    /// A value beside those of a cohort, which ascend.
    fn of(self, value: f64, sorted: &[f64]) -> Option<f64> {
        let median = stats::quantile(sorted, 0.5);
        match self {
            Self::Difference => Some(value - median),
            Self::Ratio => (median > 0.0).then(|| value / median),
            Self::Rank => {
                let below = sorted.partition_point(|other| *other < value);
                let up_to = sorted.partition_point(|other| *other <= value);
                Some((below + up_to) as f64 / (2 * sorted.len()) as f64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(cohorts: &[Option<&str>], values: &[Option<f64>]) -> FeatureTable {
        let cohorts = cohorts.iter().map(|cohort| cohort.map(str::to_owned)).collect();
        let table = FeatureTable::new(values.len()).categorical("plan", cohorts).unwrap();
        table.numeric("x", values.to_vec()).unwrap()
    }

    fn with(by: &str, least: usize, how: Relative) -> Cohorts {
        let columns = vec![("x".into(), how)];
        Cohorts { by: by.into(), columns, least, ..Cohorts::default() }
    }

    fn column(table: &FeatureTable, name: &str) -> Vec<Option<f64>> {
        numbers(table, name).unwrap().to_vec()
    }

    #[test]
    fn an_unknown_or_small_cohort_gives_missing() {
        let mut cohorts: Vec<Option<&str>> = vec![Some("large"); 20];
        cohorts.extend([Some("small"); 19]);
        let values: Vec<Option<f64>> = (0..39).map(|i| Some(f64::from(i))).collect();
        let by_plan = with("plan", 20, Relative::Difference);
        let fit = by_plan.fit(&table(&cohorts, &values)).unwrap();
        let later = table(
            &[Some("large"), Some("small"), Some("new"), None, Some("large")],
            &[Some(10.0), Some(10.0), Some(10.0), Some(10.0), None],
        );
        let expected = [Some(0.5), None, None, None, None];
        assert_eq!(column(&fit.apply(&later).unwrap(), "x, difference to plan"), expected);
        assert!(fit.apply(&fit.apply(&later).unwrap()).is_err());
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<CohortsFit>(&json).unwrap(), fit);
        assert!(serde_json::from_str::<CohortsFit>(&json.replace("0.0,1.0", "1.0,0.0")).is_err());
    }

    #[test]
    fn months_are_cohorts() {
        let days = |text: &str| Some(Timestamp::parse(text).unwrap().days());
        let first = ["2024-05-01", "2024-05-31T23:59Z", "2024-06-01", "2023-05-02"].map(days);
        let table = FeatureTable::new(5)
            .numeric("first", first.into_iter().chain([None]).collect())
            .and_then(|table| table.numeric("x", (1..6).map(|i| Some(f64::from(i))).collect()))
            .unwrap();
        let cohorts = Cohorts { is_month: true, ..with("first", 1, Relative::Rank) };
        let fit = cohorts.fit(&table).unwrap();
        let expected = [Some(0.25), Some(0.75), Some(0.5), Some(0.5), None];
        assert_eq!(column(&fit.apply(&table).unwrap(), "x, rank in first"), expected);
    }

    #[test]
    fn a_median_that_is_not_above_zero_has_no_ratio() {
        let cohorts = with("plan", 1, Relative::Ratio);
        let table =
            table(&[Some("a"), Some("b"), Some("c")], &[Some(0.0), Some(-1.0), Some(1e-320)]);
        let ratios = cohorts.fit(&table).and_then(|fit| fit.apply(&table)).unwrap();
        assert_eq!(column(&ratios, "x, ratio to plan"), [None, None, Some(1.0)]);
    }

    proptest! {
        #[test]
        fn ranks_of_many_people_are_off_by_a_thousandth_at_most(
            n in 1usize..5000,
            levels in 1u64..10_000,
            at in 0u64..10_000,
        ) {
            let value = |i: usize| (i as u64 * 48_271 % 7919 % levels) as f64;
            let values: Vec<f64> = (0..n).map(value).collect();
            let asked = at as f64;
            let below = values.iter().filter(|value| **value < asked).count();
            let equal = values.iter().filter(|value| **value == asked).count();
            let exact = (2 * below + equal) as f64 / (2 * n) as f64;
            let got = Relative::Rank.of(asked, &thin(&values)).unwrap();
            prop_assert!((got - exact).abs() <= if n <= MAX_KEPT { 0.0 } else { 1e-3 }, "{got} {exact}");
        }
    }
}
