//! A cut of a node's rows in two: at a value of one column, or across several.
//!
//! A straight cut draws one of the columns that still vary among the rows and a value uniformly between
//! their least and greatest. A slanted cut draws several such columns, a normally distributed
//! coefficient for each, and a value uniformly between the least and greatest of the rows' sums. A column
//! goes into a sum as its distance from the middle of the node, by the node's range: so units and
//! offsets do not matter, and milliseconds since 1970 stay apart.
//!
//! Source: Liu, Ting, Zhou 2008; Hariri, Kind, Brunner 2019 (the extended isolation forest). Theirs draws
//! a point of the node's box, does not scale columns, and leaves cuts with an empty side in.
//! Cost: rows · columns drawn.

use serde::{Deserialize, Serialize};

use crate::num::check::Rows;
use crate::num::rng::Stream;

/// Where rows part.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cut {
    /// Rows above the value in the column go right.
    Straight {
        column: usize,
        at: f64,
    },
    Slanted(Box<Slant>),
}

/// Rows whose sum is above `at` go right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Slant {
    pub(super) terms: Vec<SlantTerm>,
    pub(super) at: f64,
}

/// `coefficient · (value − middle) / range` of a column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SlantTerm {
    pub(super) column: usize,
    middle: f64,
    range: f64,
    coefficient: f64,
}

/// Far enough: sums of such terms stay finite.
const FAR: f64 = 1e150;

impl SlantTerm {
    #[inline]
    pub(super) fn of(&self, row: &[f64]) -> f64 {
        self.coefficient * ((row[self.column] - self.middle) / self.range).clamp(-FAR, FAR)
    }
}

impl Slant {
    /// Whether the row goes right; `None` where a value that it needs is missing.
    pub(super) fn goes_right(&self, row: &[f64]) -> Option<bool> {
        let sum = self.sum(row);
        (!sum.is_nan()).then_some(sum > self.at)
    }

    fn sum(&self, row: &[f64]) -> f64 {
        self.terms.iter().map(|term| term.of(row)).sum()
    }

    /// Shares out what the cut gained: a column gets as much of it as its term has of all terms'
    /// magnitudes, and an equal part where these are 0 or a value is missing.
    pub(super) fn credit(&self, row: &[f64], gain: f64, gains: &mut [f64]) {
        let whole: f64 = self.terms.iter().map(|term| term.of(row).abs()).sum();
        for term in &self.terms {
            let even = 1.0 / self.terms.len() as f64;
            let part =
                if whole > 0.0 && whole.is_finite() { term.of(row).abs() / whole } else { even };
            gains[term.column] += part * gain;
        }
    }

    /// Whether it can be computed with for rows of so many values.
    pub(super) fn is_sound(&self, n_features: usize) -> bool {
        let sound = |term: &SlantTerm| {
            let numbers = [term.middle, term.range, term.coefficient].iter().all(|v| v.is_finite());
            term.column < n_features && numbers && term.range > 0.0
        };
        !self.terms.is_empty() && self.at.is_finite() && self.terms.iter().all(sound)
    }
}

impl Cut {
    /// Whether the row goes right; `None` where a value that it needs is missing.
    #[inline]
    pub(super) fn goes_right(&self, row: &[f64]) -> Option<bool> {
        match self {
            Self::Straight { column, at } => side(row[*column], *at),
            Self::Slanted(slant) => slant.goes_right(row),
        }
    }

    /// A cut across up to `n_columns` of the columns that vary among `rows`; `None` if none does. Columns
    /// found constant move behind `n_live`: they are constant in every part of `rows`.
    pub(super) fn draw(
        x: &Rows<'_>,
        rows: &[usize],
        n_columns: usize,
        columns: &mut [usize],
        n_live: &mut usize,
        stream: &mut Stream,
    ) -> Option<Self> {
        let mut terms: Vec<SlantTerm> = Vec::new();
        let mut straight = None;
        while terms.len() < n_columns.min(*n_live) {
            let from = terms.len();
            let drawn = from + stream.below(*n_live - from);
            let column = columns[drawn];
            let (min, max) = extremes(rows.iter().map(|&row| x.row(row)[column]));
            if min >= max {
                *n_live -= 1;
                columns.swap(drawn, *n_live);
                continue;
            }
            if n_columns == 1 {
                return Some(Self::Straight { column, at: between(min, max, stream.unit()) });
            }
            columns.swap(drawn, from);
            straight.get_or_insert((column, min, max));
            let middle = min / 2.0 + max / 2.0;
            terms.push(SlantTerm {
                column,
                middle,
                range: max - min,
                coefficient: stream.normal(),
            });
        }
        let (column, min, max) = straight?;
        let mut slant = Slant { terms, at: 0.0 };
        let (least, most) = extremes(rows.iter().map(|&row| slant.sum(x.row(row))));
        // One column only, sums that do not vary, or no row that has all values.
        if slant.terms.len() == 1 || least >= most {
            return Some(Self::Straight { column, at: between(min, max, stream.unit()) });
        }
        slant.at = between(least, most, stream.unit());
        Some(Self::Slanted(Box::new(slant)))
    }
}

/// Whether a value lies above a cut; `None` for a missing one.
#[inline]
pub(super) fn side(value: f64, at: f64) -> Option<bool> {
    (!value.is_nan()).then_some(value > at)
}

/// The least and the greatest of the values that are not missing; crossed if there are none.
fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| (min.min(v), max.max(v)))
}

/// The point `unit` of the way from `min` to `max`, in `[min, max)`: some row lies at or below
/// it and some above, even if the two are neighbouring floats.
fn between(min: f64, max: f64, unit: f64) -> f64 {
    debug_assert!(min < max);
    // Halves first: max − min may overflow.
    let at = 2.0 * (min / 2.0 + unit * (max / 2.0 - min / 2.0));
    if at >= min && at < max { at } else { min }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::Array2;

    #[test]
    fn a_cut_leaves_rows_on_both_sides_whatever_the_numbers() {
        let one_up = 1.0 + f64::EPSILON;
        let pairs =
            [(1.0, one_up), (-1e308, 1e308), (0.0, 5e-324), (5e-324, 1e-323), (-5e-324, 0.0)];
        for (min, max) in pairs {
            for unit in [0.0, 0.3, 0.5, 0.7, 1.0 - f64::EPSILON / 2.0] {
                let at = between(min, max, unit);
                assert!(min <= at && at < max, "{min:e} {max:e} {unit} {at:e}");
            }
        }
        assert_eq!(between(-1e308, 1e308, 0.5), 0.0);
        assert_eq!(between(2.0, 6.0, 0.25), 3.0);
    }

    #[test]
    fn a_slanted_cut_parts_rows_whatever_the_unit_and_offset() {
        let x = Array2::from_shape_fn((40, 3), |(i, j)| ((i * (7 + 4 * j)) % 41) as f64);
        let far = Array2::from_shape_fn((40, 3), |(i, j)| x[[i, j]] * 4.0 + [1e12, 0.0, -64.0][j]);
        let sides = |x: &Array2<f64>| {
            let rows = check::rows(x.view()).unwrap();
            let all: Vec<usize> = (0..40).collect();
            let (mut columns, mut n_live) = ([0, 1, 2], 3);
            let mut stream = Stream::new(3, 1);
            let cut = Cut::draw(&rows, &all, 2, &mut columns, &mut n_live, &mut stream).unwrap();
            assert!(matches!(&cut, Cut::Slanted(slant) if slant.is_sound(3)));
            all.iter().map(|&row| cut.goes_right(rows.row(row))).collect::<Vec<_>>()
        };
        let near = sides(&x);
        assert!(near.contains(&Some(true)) && near.contains(&Some(false)));
        assert_eq!(near, sides(&far));
    }

    #[test]
    fn the_gain_of_a_slanted_cut_goes_to_the_columns_that_make_its_sum() {
        let term = |column, coefficient| SlantTerm { column, middle: 1.0, range: 2.0, coefficient };
        let slant = Slant { terms: vec![term(0, 1.0), term(2, -3.0)], at: 0.0 };
        let mut gains = [0.0; 3];
        slant.credit(&[3.0, 0.0, 2.0], 5.0, &mut gains);
        // Terms of 1 and −1.5.
        assert_eq!(gains, [2.0, 0.0, 3.0]);
        slant.credit(&[1.0, 0.0, 1.0], 2.0, &mut gains);
        slant.credit(&[1.0, 0.0, f64::NAN], 2.0, &mut gains);
        assert_eq!(gains, [4.0, 0.0, 5.0]);
        assert_eq!(slant.goes_right(&[f64::NAN, 0.0, 1.0]), None);
    }
}
