//! One row per profile, one named column per feature; missing values stay missing.
//!
//! The table is what everything is described in: numbers in their own units, categories by name.
//! [`Preprocessor`](crate::Preprocessor) makes a matrix of it.

use serde::{Deserialize, Serialize};

use crate::{Error, ProfileId, Result};

/// The values of a column, one per row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Values {
    /// Finite numbers.
    Numeric(Vec<Option<f64>>),
    /// Categories by name.
    Categorical(Vec<Option<String>>),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categorical(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows without a value.
    pub fn n_missing(&self) -> usize {
        match self {
            Self::Numeric(values) => values.iter().filter(|v| v.is_none()).count(),
            Self::Categorical(values) => values.iter().filter(|v| v.is_none()).count(),
        }
    }
}

/// A named column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Column {
    /// Its name, unique in the table.
    pub name: String,
    /// Its values.
    pub values: Values,
    /// Rows, ascending, whose value is missing because [a limit](crate::Profiles::max_log) cut the
    /// log that it needs; nobody knows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<usize>,
}

/// A table of features: rows are profiles, columns are features.
///
/// ```
/// use personas::{Features, ProfileId};
///
/// let ids = ["ann", "bob"].map(|name| ProfileId::of("name", name));
/// let table = Features::new(ids.to_vec())
///     .numeric("spend", vec![Some(12.5), None])?
///     .categorical("age", vec![Some("25-34".into()), Some("65+".into())])?;
/// assert_eq!((table.n_rows(), table.n_columns()), (2, 2));
/// assert_eq!(table.column("spend").map(|c| c.values.n_missing()), Some(1));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Features {
    ids: Vec<ProfileId>,
    columns: Vec<Column>,
    #[serde(skip_serializing_if = "is_none")]
    attributes_left_out: usize,
}

fn is_none(n: &usize) -> bool {
    *n == 0
}

impl Features {
    /// A table without columns yet, one row per id.
    pub fn new(ids: Vec<ProfileId>) -> Self {
        Self { ids, columns: Vec::new(), attributes_left_out: 0 }
    }

    /// The table, of which so many attributes were left out.
    pub(crate) fn leaving_out(mut self, n_attributes: usize) -> Self {
        self.attributes_left_out = n_attributes;
        self
    }

    /// Adds a column of numbers.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] if there is not one value per row, [`Error::NonFinite`] for NaN
    /// or an infinity (missing is `None`), [`Error::InvalidFeature`] if the name is taken.
    pub fn numeric(self, name: impl Into<String>, values: Vec<Option<f64>>) -> Result<Self> {
        self.with(name.into(), Values::Numeric(values), Vec::new())
    }

    /// Adds a column of categories.
    ///
    /// # Errors
    /// As [`Features::numeric`].
    pub fn categorical(self, name: impl Into<String>, values: Vec<Option<String>>) -> Result<Self> {
        self.with(name.into(), Values::Categorical(values), Vec::new())
    }

    /// Adds a column some of whose rows are cut.
    pub(crate) fn with(mut self, name: String, values: Values, cut: Vec<usize>) -> Result<Self> {
        if values.len() != self.ids.len() {
            return Err(Error::DimensionMismatch {
                what: "values of a column".into(),
                expected: self.ids.len(),
                got: values.len(),
            });
        }
        if let Values::Numeric(numbers) = &values {
            let bad =
                |(row, v): (usize, &Option<f64>)| v.filter(|v| !v.is_finite()).map(|v| (row, v));
            if let Some((row, value)) = numbers.iter().enumerate().find_map(bad) {
                return Err(Error::NonFinite { row, column: self.columns.len(), value });
            }
        }
        if self.column(&name).is_some() {
            return Err(Error::InvalidFeature {
                feature: name,
                reason: "the table has a column of this name".into(),
            });
        }
        self.columns.push(Column { name, values, cut });
        Ok(self)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.ids.len()
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// The profile of every row.
    pub fn ids(&self) -> &[ProfileId] {
        &self.ids
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of declared attributes that have no column, because there are more than
    /// [`Measure::MAX_ATTRIBUTES`](crate::features::Measure::MAX_ATTRIBUTES); nearly always 0. Where
    /// columns [are settled](crate::Profiles::settle) nobody looks for more, and it is 0 too.
    pub fn attributes_left_out(&self) -> usize {
        self.attributes_left_out
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The table without some columns; names that are not there are no error.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.columns.retain(|column| !names.contains(&column.name.as_str()));
        self
    }

    /// The table of some rows, in the order given.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a row that does not exist.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.n_rows()) {
            return Err(Error::parameter("rows", format!("below {}", self.n_rows()), row));
        }
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            cut: {
                let is_cut = |place: &usize| column.cut.binary_search(&rows[*place]).is_ok();
                (0..rows.len()).filter(is_cut).collect()
            },
            values: match &column.values {
                Values::Numeric(v) => Values::Numeric(rows.iter().map(|&row| v[row]).collect()),
                Values::Categorical(v) => {
                    Values::Categorical(rows.iter().map(|&row| v[row].clone()).collect())
                }
            },
        });
        Ok(Self {
            ids: rows.iter().map(|&row| self.ids[row]).collect(),
            columns: columns.collect(),
            attributes_left_out: self.attributes_left_out,
        })
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            ids: Vec<ProfileId>,
            columns: Vec<Column>,
            #[serde(default)]
            attributes_left_out: usize,
        }
        let stored = Stored::deserialize(deserializer)?;
        let table = Self::new(stored.ids).leaving_out(stored.attributes_left_out);
        let add = |table: Self, column: Column| {
            let Column { name, values, mut cut } = column;
            cut.retain(|&row| row < values.len());
            cut.sort_unstable();
            table.with(name, values, cut)
        };
        stored.columns.into_iter().try_fold(table, add).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_rows() -> Features {
        Features::new(vec![ProfileId::of("n", "a"), ProfileId::of("n", "b")])
    }

    #[test]
    fn a_bad_column_is_refused_with_its_place() {
        assert!(matches!(
            two_rows().numeric("x", vec![None]),
            Err(Error::DimensionMismatch { .. })
        ));
        let infinite = two_rows().numeric("x", vec![None, Some(f64::INFINITY)]);
        assert!(matches!(infinite, Err(Error::NonFinite { row: 1, column: 0, .. })));
        let twice = two_rows()
            .numeric("x", vec![None, None])
            .and_then(|t| t.categorical("x", vec![None, None]));
        assert!(matches!(twice, Err(Error::InvalidFeature { .. })));
    }

    #[test]
    fn a_table_survives_json_and_a_ragged_one_is_refused() {
        let table = two_rows().numeric("x", vec![Some(0.1), None]).unwrap();
        for table in [table.clone().leaving_out(7), table.clone()] {
            let json = serde_json::to_string(&table).unwrap();
            assert_eq!(serde_json::from_str::<Features>(&json).unwrap(), table);
        }
        let json = serde_json::to_string(&table).unwrap();
        let ragged = json.replace("[0.1,null]", "[0.1]");
        assert!(serde_json::from_str::<Features>(&ragged).is_err());
    }

    #[test]
    fn rows_can_be_selected_in_any_order() {
        let table = two_rows().numeric("x", vec![Some(1.0), Some(2.0)]).unwrap();
        let swapped = table.select(&[1, 0]).unwrap();
        assert_eq!(swapped.columns()[0].values, Values::Numeric(vec![Some(2.0), Some(1.0)]));
        assert_eq!(swapped.ids()[0], table.ids()[1]);
        assert!(table.select(&[2]).is_err());
    }
}
