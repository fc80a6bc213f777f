//! One row per profile, one named column per feature; missing values stay missing.
//!
//! The table is what everything is described in: numbers in their own units, categories by name.
//! [`Preprocessor`](crate::Preprocessor) makes a matrix of it.

use serde::{Deserialize, Serialize};

use super::names::NamePlaces;
use crate::event::is_blank;
use crate::{Error, ProfileId, Result, Timestamp};

/// The values of a column, one per row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Values {
    /// Finite numbers.
    #[serde(with = "crate::num::exact")]
    Numeric(Vec<Option<f64>>),
    /// Categories by name.
    Categorical(Vec<Option<String>>),
}

impl Values {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categorical(values) => values.len(),
        }
    }

    /// Rows without a value.
    pub(crate) fn n_missing(&self) -> usize {
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
    /// Rows, ascending, whose value is missing because [`max_log`](crate::profiles::StoreOptions::max_log) removed
    /// events that it needs.
    #[serde(default)]
    pub cut: Vec<usize>,
    /// Whether the value changes from day to day by itself, as the time since the last purchase does. In
    /// groups made from such a column, people can change groups without doing anything.
    #[serde(default)]
    pub ages: bool,
}

/// A table of features: rows are people, columns are features.
///
/// [`Profiles::features`](crate::Profiles::features) makes one whose rows know their profile, and which
/// remembers its moment. A table from elsewhere has row numbers only:
///
/// ```
/// use personas::FeatureTable;
/// use personas::features::Values;
///
/// let table = FeatureTable::new(2)
///     .numeric("spend", vec![Some(12.5), None])?
///     .categorical("age", vec![Some("25-34".into()), Some("65+".into())])?;
/// assert_eq!((table.n_rows(), table.columns().len()), (2, 2));
/// assert_eq!(table.column("spend").map(|c| c.values.clone()), Some(Values::Numeric(vec![Some(12.5), None])));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureTable {
    n_rows: usize,
    /// One per row, or none.
    ids: Vec<ProfileId>,
    as_of: Option<Timestamp>,
    columns: Vec<Column>,
    attributes_left_out: usize,
    #[serde(skip)]
    names: NamePlaces,
}

impl FeatureTable {
    /// A table without columns yet, whose rows are known by their numbers.
    pub fn new(n_rows: usize) -> Self {
        Self {
            n_rows,
            ids: Vec::new(),
            as_of: None,
            columns: Vec::new(),
            attributes_left_out: 0,
            names: NamePlaces::default(),
        }
    }

    /// A table of people as of a moment, without columns yet.
    pub(crate) fn of_people(ids: Vec<ProfileId>, as_of: Timestamp, n_left_out: usize) -> Self {
        let (n_rows, as_of) = (ids.len(), Some(as_of));
        Self { ids, as_of, attributes_left_out: n_left_out, ..Self::new(n_rows) }
    }

    /// A table of columns that have one value per row and names of their own.
    pub(crate) fn of_columns(
        ids: Vec<ProfileId>,
        as_of: Timestamp,
        columns: Vec<Column>,
        n_left_out: usize,
    ) -> Self {
        debug_assert!(columns.iter().all(|column| column.values.len() == ids.len()));
        Self { columns, ..Self::of_people(ids, as_of, n_left_out) }
    }

    /// The same columns without rows.
    pub(crate) fn without_rows(&self) -> Self {
        let column = |column: &Column| Column {
            name: column.name.clone(),
            values: match column.values {
                Values::Numeric(_) => Values::Numeric(Vec::new()),
                Values::Categorical(_) => Values::Categorical(Vec::new()),
            },
            cut: Vec::new(),
            ages: column.ages,
        };
        let columns = self.columns.iter().map(column).collect();
        Self { as_of: self.as_of, columns, ..Self::new(0) }
    }

    /// The same rows without columns.
    pub(crate) fn without_columns(&self) -> Self {
        let attributes_left_out = self.attributes_left_out;
        let ids = self.ids.clone();
        Self { ids, as_of: self.as_of, attributes_left_out, ..Self::new(self.n_rows) }
    }

    /// Adds a column of numbers.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] if there is not one value per row, [`Error::NonFinite`] for NaN
    /// or an infinity (missing is `None`), [`Error::InvalidFeature`] if the name is taken.
    ///
    /// ```
    /// use personas::FeatureTable;
    ///
    /// let table = FeatureTable::new(2).numeric("spend", vec![Some(5.0), None])?;
    /// assert_eq!(table.columns()[0].name, "spend");
    /// assert!(table.numeric("spend", vec![Some(1.0), Some(2.0)]).is_err()); // the name is taken
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn numeric(self, name: impl Into<String>, values: Vec<Option<f64>>) -> Result<Self> {
        self.with(name.into(), Values::Numeric(values), Vec::new())
    }

    /// Adds a column of categories. A blank text is a missing value.
    ///
    /// # Errors
    /// As [`FeatureTable::numeric`].
    ///
    /// ```
    /// use personas::{FeatureTable, features::Values};
    ///
    /// let table = FeatureTable::new(2).categorical("city", vec![Some("Bonn".into()), Some(" ".into())])?;
    /// assert_eq!(table.columns()[0].values, Values::Categorical(vec![Some("Bonn".into()), None]));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn categorical(self, name: impl Into<String>, values: Vec<Option<String>>) -> Result<Self> {
        let values = values.into_iter().map(|value| value.filter(|text| !is_blank(text)));
        self.with(name.into(), Values::Categorical(values.collect()), Vec::new())
    }

    /// Adds a column some of whose rows are cut.
    pub(crate) fn with(mut self, name: String, values: Values, cut: Vec<usize>) -> Result<Self> {
        if values.len() != self.n_rows {
            return Err(Error::DimensionMismatch {
                what: "values of a column".into(),
                expected: self.n_rows,
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
                reason: "the table has a column of this name; choose another".into(),
            });
        }
        self.names.push(&name, self.columns.len());
        self.columns.push(Column { name, values, cut, ages: false });
        Ok(self)
    }

    /// Adds a column with all that is known of it.
    pub(crate) fn with_column(self, column: Column) -> Result<Self> {
        let Column { name, values, mut cut, ages } = column;
        cut.retain(|&row| row < values.len());
        cut.sort_unstable();
        let mut table = self.with(name, values, cut)?;
        table.columns.iter_mut().next_back().into_iter().for_each(|column| column.ages = ages);
        Ok(table)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The profile of every row; empty for a table whose rows have numbers only.
    pub fn ids(&self) -> &[ProfileId] {
        &self.ids
    }

    /// The moment as of which the features were computed; `None` for a table from elsewhere.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of declared attributes that have no column, because there are more than
    /// [256](crate::features::Measure::Attributes); nearly always 0. Where
    /// columns [are frozen](crate::Profiles::freeze), nothing looks for more, and it is 0 too.
    pub fn attributes_left_out(&self) -> usize {
        self.attributes_left_out
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let names = self.columns.iter().map(|column| &column.name);
        self.names.position(name, names).map(|place| &self.columns[place])
    }

    /// The table without some columns.
    #[cfg(test)]
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.columns.retain(|column| !names.contains(&column.name.as_str()));
        self.names = NamePlaces::default();
        self
    }

    /// The table of some rows, in the order given.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a row that does not exist.
    ///
    /// ```
    /// use personas::FeatureTable;
    ///
    /// let table = FeatureTable::new(3).numeric("spend", vec![Some(5.0), None, Some(7.0)])?;
    /// let two = table.select(&[2, 0])?;
    /// assert_eq!(two, FeatureTable::new(2).numeric("spend", vec![Some(7.0), Some(5.0)])?);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.n_rows()) {
            return Err(Error::parameter("rows", format!("below {}", self.n_rows()), row));
        }
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            ages: column.ages,
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
            n_rows: rows.len(),
            ids: rows.iter().filter_map(|&row| self.ids.get(row).copied()).collect(),
            as_of: self.as_of,
            columns: columns.collect(),
            attributes_left_out: self.attributes_left_out,
            names: self.names.clone(),
        })
    }
}

impl<'de> Deserialize<'de> for FeatureTable {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            n_rows: usize,
            ids: Vec<ProfileId>,
            #[serde(default)]
            as_of: Option<Timestamp>,
            columns: Vec<Column>,
            #[serde(default)]
            attributes_left_out: usize,
        }
        let Stored { n_rows, ids, as_of, columns, attributes_left_out } =
            Stored::deserialize(deserializer)?;
        if !ids.is_empty() && ids.len() != n_rows {
            let reason = format!("{n_rows} rows, but {} ids", ids.len());
            return Err(serde::de::Error::custom(reason));
        }
        let table = Self { ids, as_of, attributes_left_out, ..Self::new(n_rows) };
        columns.into_iter().try_fold(table, Self::with_column).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_rows() -> FeatureTable {
        let ids = ["a", "b"].map(|name| ProfileId::keyed(None, "n", name));
        FeatureTable::of_people(ids.to_vec(), Timestamp::from_millis(0), 0)
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
        for table in [FeatureTable { attributes_left_out: 7, ..table.clone() }, table.clone()] {
            let json = serde_json::to_string(&table).unwrap();
            assert_eq!(serde_json::from_str::<FeatureTable>(&json).unwrap(), table);
        }
        let json = serde_json::to_string(&table).unwrap();
        let ragged = json.replace("[0.1,null]", "[0.1]");
        assert!(serde_json::from_str::<FeatureTable>(&ragged).is_err());
    }

    #[test]
    fn a_wide_table_finds_its_columns_by_name() {
        let names: Vec<String> = (0..100).map(|i| format!("c{i}")).collect();
        let mut table = FeatureTable::new(1);
        for (i, name) in names.iter().enumerate() {
            assert!(table.column(name).is_none());
            table = table.numeric(name, vec![Some(i as f64)]).unwrap();
            assert_eq!(table.column(name).map(|column| &column.name), Some(name));
        }
        assert!(table.clone().numeric("c7", vec![None]).is_err());
        let fewer = table.without(&["c0", "c50"]);
        let value = |name: &str| fewer.column(name).map(|column| column.values.clone());
        assert_eq!(value("c50"), None);
        assert_eq!(value("c99"), Some(Values::Numeric(vec![Some(99.0)])));
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
