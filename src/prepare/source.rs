//! Where the cells of a matrix come from: a step of the preprocessor and the column it reads.
//!
//! Cost: O(1) per cell, and a comparison per category.

use std::ops::Range;

use super::scale::{ColumnScale, TailTransform};
use super::step::{Encoding, FeatureStep};
use crate::features::{CategoryIndex, FeatureTable, Values, ordered};
use crate::{Error, Result};

/// A step that makes columns, with the values it reads.
#[derive(Debug)]
pub(super) struct Source<'a> {
    step: &'a FeatureStep,
    /// Its columns of the matrix.
    cells: Range<usize>,
    values: SourceReading<'a>,
}

#[derive(Debug)]
enum SourceReading<'a> {
    Numbers {
        values: &'a [Option<f64>],
        tail: TailTransform,
        scale: ColumnScale,
        fill: f64,
    },
    Ranks {
        values: &'a [Option<String>],
        levels: Levels<'a>,
        scale: ColumnScale,
        fill: f64,
    },
    Levels {
        values: &'a [Option<String>],
        levels: Levels<'a>,
        other: Option<usize>,
        height: f64,
        fill: usize,
    },
}

#[derive(Debug)]
struct Levels<'a> {
    names: &'a [String],
    /// None where making one takes longer than comparing.
    index: Option<Box<CategoryIndex<'a>>>,
}

/// From so many rows on, levels are looked up in an index.
const MANY_ROWS: usize = 16;

/// Numbers transformed at a time.
const TOGETHER: usize = 32;

impl<'a> Source<'a> {
    /// # Errors
    /// `SchemaMismatch` for a column that is missing or of another type.
    pub(super) fn all(steps: &'a [FeatureStep], table: &'a FeatureTable) -> Result<Vec<Self>> {
        let mut sources = Vec::with_capacity(steps.len());
        let mut at = 0;
        for (place, step) in steps.iter().enumerate() {
            let cells = at..at + step.n_columns();
            at = cells.end;
            let levels = |names: &'a [String]| {
                let index = || Box::new(CategoryIndex::new(names.iter().map(String::as_str)));
                Levels { names, index: (table.n_rows() >= MANY_ROWS).then(index) }
            };
            let values = match (&step.encoding, values(step, place, table)?) {
                (Encoding::Numeric { tail, scale, fill }, Some(Values::Numeric(values))) => {
                    SourceReading::Numbers { values, tail: *tail, scale: *scale, fill: *fill }
                }
                (
                    Encoding::Ordered { levels: names, scale, fill },
                    Some(Values::Categorical(values)),
                ) => SourceReading::Ranks {
                    values,
                    levels: levels(names),
                    scale: *scale,
                    fill: *fill as f64,
                },
                (
                    Encoding::OneHot { levels: names, n_folded, height, fill },
                    Some(Values::Categorical(values)),
                ) => SourceReading::Levels {
                    values,
                    levels: levels(names),
                    other: (*n_folded > 0).then(|| names.len() - 1),
                    height: *height,
                    fill: *fill,
                },
                _ => continue,
            };
            sources.push(Self { step, cells, values });
        }
        Ok(sources)
    }

    /// Writes the cells of some rows, from `first` on, which are 0 before; `width` cells a row.
    pub(super) fn write(&self, first: usize, width: usize, rows: &mut [f64]) {
        let weight = self.step.weight;
        let mut rows = rows.chunks_exact_mut(width).map(|row| &mut row[self.cells.clone()]);
        match &self.values {
            SourceReading::Numbers { values, tail, scale, fill } => {
                let values = &values[first..][..rows.len()];
                for values in values.chunks(TOGETHER) {
                    let mut numbers = [0.0; TOGETHER];
                    let numbers = &mut numbers[..values.len()];
                    numbers.iter_mut().zip(values).for_each(|(n, v)| *n = v.unwrap_or(*fill));
                    tail.apply(numbers);
                    for ((number, value), cells) in numbers.iter().zip(values).zip(&mut rows) {
                        self.number(cells, scale, *number, value.is_none());
                    }
                }
            }
            SourceReading::Ranks { values, levels, scale, fill } => {
                for (cells, value) in rows.zip(&values[first..]) {
                    let rank = value.as_ref().and_then(|v| levels.rank(v));
                    self.number(cells, scale, rank.unwrap_or(*fill), rank.is_none());
                }
            }
            SourceReading::Levels { values, levels, other, height, fill } => {
                for (cells, value) in rows.zip(&values[first..]) {
                    let level = match value {
                        Some(value) => levels.of(value).or(*other),
                        None => Some(*fill),
                    };
                    if let Some(level) = level {
                        cells[level] = weight * height;
                    }
                    self.mark(cells, value.is_none());
                }
            }
        }
    }

    /// Writes the cells of one row by all sources, as [`Source::write`] does: the logarithms of all columns are taken
    /// side by side.
    pub(super) fn write_row(sources: &[Self], row: usize, cells: &mut [f64]) {
        let mut numbers = Vec::with_capacity(sources.len());
        for source in sources {
            if let SourceReading::Numbers { values, tail, fill, .. } = &source.values {
                numbers.push((*tail, values[row].unwrap_or(*fill)));
            }
        }
        TailTransform::apply_each(&mut numbers);
        let mut numbers = numbers.into_iter();
        for source in sources {
            match &source.values {
                SourceReading::Numbers { values, scale, .. } => {
                    let number = numbers.next().map_or(0.0, |(_, number)| number);
                    let cells = &mut cells[source.cells.clone()];
                    source.number(cells, scale, number, values[row].is_none());
                }
                SourceReading::Ranks { .. } | SourceReading::Levels { .. } => {
                    source.write(row, cells.len(), cells);
                }
            }
        }
    }

    /// Writes a number whose tail was transformed, and whether it was missing.
    fn number(&self, cells: &mut [f64], scale: &ColumnScale, number: f64, missing: bool) {
        cells[0] = self.step.weight * scale.apply(number);
        self.mark(cells, missing);
    }

    /// Sets the missing-indicator, the last cell, if there is one.
    fn mark(&self, cells: &mut [f64], missing: bool) {
        if self.step.missing_indicator
            && missing
            && let Some(last) = cells.last_mut()
        {
            *last = self.step.weight;
        }
    }
}

/// The values a step needs; none for a dropped feature. Most tables have the columns of the fit in its order, so that
/// the column at the place of the step is looked at first.
fn values<'a>(
    step: &FeatureStep,
    place: usize,
    table: &'a FeatureTable,
) -> Result<Option<&'a Values>> {
    let expected = table.columns().get(place).filter(|column| column.name == step.feature);
    let column = expected.or_else(|| table.column(&step.feature));
    let problem = match (&step.encoding, column.map(|column| &column.values)) {
        (Encoding::Dropped(_), _) => return Ok(None),
        (_, None) => "missing",
        (Encoding::Numeric { .. }, Some(Values::Categorical(_))) => "categorical, not numeric",
        (Encoding::Ordered { .. } | Encoding::OneHot { .. }, Some(Values::Numeric(_))) => {
            "numeric, not categorical"
        }
        (_, Some(values)) => return Ok(Some(values)),
    };
    Err(Error::SchemaMismatch { column: step.feature.clone(), problem })
}

impl Levels<'_> {
    /// The place of a level; none if it is new.
    fn of(&self, level: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.of(level),
            None => self.names.iter().position(|name| name == level),
        }
    }

    /// The rank of an ordered level, between two others if it is new.
    fn rank(&self, level: &str) -> Option<f64> {
        let known = self.of(level).map(|rank| rank as f64);
        known.or_else(|| ordered::rank_of_new(level, self.names))
    }
}
