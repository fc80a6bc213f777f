//! A fitted preprocessor: the same steps for any table, and back to original units.

use std::fmt;
use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::matrix::{Matrix, MatrixColumn};
use super::source::Source;
use super::step::{Dropped, Encoding, FeatureStep, Short};
use crate::features::FeatureTable;
use crate::num::check::MAX_MAGNITUDE;
use crate::num::parallel;
use crate::num::percent::Percent;
use crate::{Error, Result};

/// What [`Preprocessor::fit`](crate::Preprocessor::fit) decided; turns tables into matrices, and
/// their numbers back into those of tables.
///
/// It is shown as one line per feature, in plain words:
/// `spend: logarithm beyond 20, then standardised (mean 5.213, sd 1.07); 3 missing → median 182.5`.
///
/// ```
/// use personas::{FeatureTable, Preprocessor};
///
/// let channel = ["web", "store", "web", "web"].map(|level| Some(level.to_owned()));
/// let table = FeatureTable::new(4)
///     .numeric("spend", vec![Some(10.0), Some(30.0), Some(20.0), None])?
///     .categorical("channel", channel.to_vec())?;
/// let prep = Preprocessor::default().fit(&table)?;
/// let x = prep.transform(&table)?;
///
/// // Describe a group by its centroid, here that of all rows.
/// let centroid: Vec<f64> = (0..x.ncols()).map(|column| x.column(column).sum() / 4.0).collect();
/// let told = prep.inverse(&centroid)?.into_iter().map(|(name, was)| format!("{name} {was}"));
/// assert_eq!(told.collect::<Vec<_>>(), ["spend 20", "channel 75% web"]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<FeatureStep>", into = "Vec<FeatureStep>")]
pub struct PreprocessorFit {
    steps: Vec<FeatureStep>,
    columns: Arc<[MatrixColumn]>,
    /// Step and meaning of every column.
    meanings: Vec<(usize, ColumnMeaning)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ColumnMeaning {
    Value,
    Level(usize),
    Missing,
}

/// A value in the table's own terms: what a transformed value was before, or the middle of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Original {
    /// A number in the feature's units. A mean of tamed values comes back as a number between
    /// the values that were averaged, but not as their mean.
    Number(f64),
    /// The level of an ordered category that is nearest.
    Level {
        /// Its name.
        level: String,
        /// The rank before rounding; 0 is the lowest level.
        rank: f64,
    },
    /// A level of an unordered category: 1 for a row that has it, 0 for one that has not, the
    /// share of rows for a mean of rows.
    Share {
        /// Its name.
        level: String,
        /// The share.
        share: f64,
    },
}

impl fmt::Display for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => Short(*number).fmt(f),
            Self::Level { level, .. } => f.write_str(level),
            Self::Share { level, share } => write!(f, "{} {level}", Percent::from(*share)),
        }
    }
}

impl PreprocessorFit {
    pub(super) fn of(steps: Vec<FeatureStep>) -> Self {
        let mut columns = Vec::new();
        let mut meanings = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let mut add = |name: String, meaning| {
                let is_number = matches!(step.encoding, Encoding::Numeric { .. });
                columns.push(MatrixColumn { name, feature: step.feature.clone(), is_number });
                meanings.push((i, meaning));
            };
            match &step.encoding {
                Encoding::Numeric { .. } | Encoding::Ordered { .. } => {
                    add(step.feature.clone(), ColumnMeaning::Value);
                }
                Encoding::OneHot { levels, .. } => {
                    for (level, name) in levels.iter().enumerate() {
                        add(format!("{}={name}", step.feature), ColumnMeaning::Level(level));
                    }
                }
                Encoding::Dropped(_) => {}
            }
            if step.missing_indicator {
                add(format!("{} missing", step.feature), ColumnMeaning::Missing);
            }
        }
        Self { steps, columns: columns.into(), meanings }
    }

    /// The features that have no column, and why, in the order of the table it was fitted to.
    ///
    /// ```
    /// use personas::{FeatureTable, Preprocessor, prepare::Dropped};
    ///
    /// let table = FeatureTable::new(2)
    ///     .numeric("visits", vec![Some(1.0), Some(2.0)])?
    ///     .numeric("stores", vec![Some(1.0), Some(1.0)])?;
    /// let prep = Preprocessor::default().fit(&table)?;
    /// assert_eq!(prep.dropped(), [("stores", Dropped::Constant)]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn dropped(&self) -> Vec<(&str, Dropped)> {
        let dropped = |step: &'_ FeatureStep| match step.encoding {
            Encoding::Dropped(why) => Some(why),
            _ => None,
        };
        let steps = self.steps.iter();
        steps.filter_map(|step| Some((step.feature.as_str(), dropped(step)?))).collect()
    }

    /// What was done, per feature of the table it was fitted to and in its order.
    pub(crate) fn steps(&self) -> &[FeatureStep] {
        &self.steps
    }

    /// The columns of the matrices it makes.
    pub fn columns(&self) -> &[MatrixColumn] {
        &self.columns
    }

    /// Makes a matrix of a table, `(n_rows, columns().len())`; a row's numbers do not depend on
    /// the other rows. Columns are found by name; dropped features and others are not looked at.
    ///
    /// A level that was not in the fit goes to the column `other` if there is one; otherwise all columns of its
    /// feature are 0. In an ordered category it gets a rank between its neighbours, or is missing if it
    /// cannot be read. [`PersonaModel::drift`](crate::PersonaModel::drift) says how far a column shifted.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column that is missing or of another type;
    /// [`Error::MagnitudeTooLarge`] for a number so far out that it is beyond 1e145 widths.
    pub fn transform(&self, table: &FeatureTable) -> Result<Matrix> {
        let width = self.columns.len();
        let mut data = vec![0.0; table.n_rows() * width];
        let sources = Source::all(&self.steps, table)?;
        // Rows by the block, so that all of its cells are written while they are near.
        const BLOCK: usize = 256;
        let cells = BLOCK * width.max(1);
        let too_far = parallel::map_chunks_mut(&mut data, cells, 16, |block, data| {
            match data.len() == width {
                true => Source::write_row(&sources, block * BLOCK, data),
                false => sources.iter().for_each(|s| s.write(block * BLOCK, width, data)),
            }
            let at = data.iter().position(|v| v.is_nan() || v.abs() > MAX_MAGNITUDE);
            at.map(|at| block * cells + at)
        });
        if let Some(at) = too_far.into_iter().flatten().next() {
            return Err(Error::MagnitudeTooLarge {
                row: at / width,
                column: at % width,
                value: data[at].clamp(-f64::MAX, f64::MAX),
                limit: MAX_MAGNITUDE,
            });
        }
        let values = Array2::from_shape_vec((table.n_rows(), width), data)
            .expect("there are n_rows * width cells");
        Ok(Matrix::new(values, self.columns.clone()))
    }

    /// What a value in a column of the matrix was in the table; nothing for a missing-indicator.
    fn original(&self, column: usize, value: f64) -> Option<Original> {
        let (step, meaning) = self.meanings[column];
        let step = &self.steps[step];
        let value = value / step.weight;
        Some(match (&step.encoding, meaning) {
            (_, ColumnMeaning::Missing) => return None,
            (Encoding::Numeric { tail, scale, .. }, _) => {
                Original::Number(tail.invert(scale.invert(value)))
            }
            (Encoding::Ordered { levels, scale, .. }, _) => {
                let rank = scale.invert(value);
                // Saturating: below 0 and NaN are 0.
                let nearest = (rank.round() as usize).min(levels.len() - 1);
                Original::Level { level: levels[nearest].clone(), rank }
            }
            (Encoding::OneHot { levels, height, .. }, ColumnMeaning::Level(level)) => {
                Original::Share { level: levels[level].clone(), share: value / height }
            }
            (Encoding::OneHot { .. } | Encoding::Dropped(_), _) => {
                unreachable!("meanings are made from the encodings, level by level")
            }
        })
    }

    /// Turns a row of the matrix back into values of the table, one per feature: a number, a level, or for an
    /// unordered category the level with the greatest share (ties go to the first). Dropped features and
    /// missing indicators are left out.
    ///
    /// Numbers are exact except for rounding. A value far beyond those of the fit may become infinite; NaN
    /// stays NaN.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] unless there is one value per column.
    pub fn inverse(&self, row: &[f64]) -> Result<Vec<(String, Original)>> {
        if row.len() != self.columns.len() {
            return Err(Error::DimensionMismatch {
                what: "values of a row".into(),
                expected: self.columns.len(),
                got: row.len(),
            });
        }
        let mut features: Vec<(String, Original)> = Vec::new();
        for (column, &value) in row.iter().enumerate() {
            let Some(original) = self.original(column, value) else { continue };
            let feature = &self.columns[column].feature;
            match (&original, features.last_mut()) {
                (Original::Share { share, .. }, Some((name, best))) if name == feature => {
                    if matches!(best, Original::Share { share: least, .. } if share > least) {
                        *best = original;
                    }
                }
                _ => features.push((feature.clone(), original)),
            }
        }
        Ok(features)
    }
}

impl fmt::Display for PreprocessorFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl TryFrom<Vec<FeatureStep>> for PreprocessorFit {
    type Error = Error;

    fn try_from(steps: Vec<FeatureStep>) -> Result<Self> {
        let invalid = |reason: &'static str| Error::snapshot("PreprocessorFit", reason);
        steps.iter().try_for_each(|step| step.check().map_err(invalid))?;
        let mut names: Vec<&str> = steps.iter().map(|step| step.feature.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(invalid("a feature has two steps"));
        }
        let fit = Self::of(steps);
        if fit.columns.is_empty() { Err(invalid("it has no columns")) } else { Ok(fit) }
    }
}

impl From<PreprocessorFit> for Vec<FeatureStep> {
    fn from(fit: PreprocessorFit) -> Self {
        fit.steps
    }
}
