//! Where personas lie, and which of two models lie nearest to each other.
//!
//! A persona's centroid is the mean of its people in prepared columns. Personas of two models are compared in
//! the columns of one of them, so both must have a table that it can prepare; each column is brought to the
//! spread of the people of both.
//!
//! Cost: three passes over the rows, and k³ distances.

use std::borrow::Cow;

use super::assign::Matches;
use super::model::PersonaModel;
use crate::Result;
use crate::num::check::{self, Rows};
use crate::num::distance::squared;
use crate::num::group_means::group_means;
use crate::num::stats;
use crate::prepare::Matrix;

/// How much nearer than any other persona another one must be to be the same, and than people spread.
const AS_NEAR: f64 = 3.0;

/// Where the personas of two models lie; none for a persona of too few people.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Apart {
    earlier: Vec<Option<Vec<f64>>>,
    later: Vec<Option<Vec<f64>>>,
    /// The variance of the people of both, in all columns.
    spread2: f64,
}

impl Apart {
    /// In the columns of the later model, else of the earlier one; none if neither can prepare both tables.
    pub(super) fn of(
        later: (&PersonaModel, &Matches<'_>),
        earlier: (&PersonaModel, &Matches<'_>),
    ) -> Option<Self> {
        let least = later.0.least().max(earlier.0.least());
        let of = |(model, matches): (&PersonaModel, &Matches<'_>), matrix: &Matrix| {
            centroids(matrix, matches, model.personas().len(), least)
        };
        let both = |by: (&PersonaModel, &Matches<'_>), other: (&PersonaModel, &Matches<'_>)| {
            let prepared = prepared(by, other.1).ok()?;
            let (factors, spread2) = factors(&by.1.matrix, &prepared);
            let mut places = (of(by, &by.1.matrix)?, of(other, &prepared)?);
            for place in places.0.iter_mut().chain(&mut places.1).flatten() {
                place.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
            }
            Some((places.0, places.1, spread2))
        };
        if let Some((later, earlier, spread2)) = both(later, earlier) {
            return Some(Self { earlier, later, spread2 });
        }
        both(earlier, later).map(|(earlier, later, spread2)| Self { earlier, later, spread2 })
    }

    /// The squared distance of the centroids of an earlier and a later persona; none for one of too few people.
    pub(super) fn distance2(&self, earlier: usize, later: usize) -> Option<f64> {
        between(self.earlier.get(earlier)?.as_ref(), self.later.get(later)?.as_ref())
    }

    /// Whether two personas lie in the same place: their centroids are at least [`AS_NEAR`] times as near to each
    /// other as to that of any other persona of either model, and as people spread.
    pub(super) fn are_same(&self, earlier: usize, later: usize) -> bool {
        let Some(distance2) = self.distance2(earlier, later) else { return false };
        let nearest2 = |all: &[Option<Vec<f64>>], own: usize| {
            let others = all.iter().enumerate().filter(|(at, _)| *at != own);
            let both = [&self.earlier[earlier], &self.later[later]];
            let distances =
                others.flat_map(|(_, other)| both.map(|of| between(of.as_ref(), other.as_ref())));
            distances.flatten().fold(f64::INFINITY, f64::min)
        };
        let nearest2 = nearest2(&self.earlier, earlier).min(nearest2(&self.later, later));
        AS_NEAR * AS_NEAR * distance2 <= nearest2.min(self.spread2)
    }
}

fn between(a: Option<&Vec<f64>>, b: Option<&Vec<f64>>) -> Option<f64> {
    Some(squared(a?, b?))
}

/// What the columns of a model are multiplied by, so that the rows of both tables together spread in each as its
/// own rows do: a column that hardly varies among one table's people must not count for more than all others. Also the
/// variance of the rows of both, in all columns multiplied so.
fn factors(own: &Matrix, other: &Matrix) -> (Vec<f64>, f64) {
    let of = |matrix: &Matrix, column: usize| stats::mean_and_std(&matrix.column(column).to_vec());
    let factor = |column: usize| {
        let ((mean, std), (other_mean, other_std)) = (of(own, column), of(other, column));
        let half = (mean - other_mean) / 2.0;
        let both = (f64::midpoint(std * std, other_std * other_std) + half * half).sqrt();
        let factor = if std > 0.0 && both > 0.0 { std / both } else { 1.0 };
        (factor, (factor * both) * (factor * both))
    };
    let (factors, variances): (Vec<f64>, Vec<f64>) = (0..own.ncols()).map(factor).unzip();
    (factors, variances.iter().sum())
}

/// The rows of another table in the columns of a model.
fn prepared<'m>(
    (model, matches): (&PersonaModel, &'m Matches<'_>),
    other: &Matches<'_>,
) -> Result<Cow<'m, Matrix>> {
    if matches.are_of_one_table(other) {
        return Ok(Cow::Borrowed(&matches.matrix));
    }
    Ok(Cow::Owned(model.prep.transform(&*model.with_cohorts(other.table)?)?))
}

/// The centroids of the personas that have `least` people; none if the rows cannot be compared.
fn centroids(
    matrix: &Matrix,
    matches: &Matches<'_>,
    n_personas: usize,
    least: usize,
) -> Option<Vec<Option<Vec<f64>>>> {
    if matches.is_empty() {
        return None;
    }
    let rows: Rows<'_> = check::rows(matrix.into()).ok()?;
    let personas = || matches.iter().map(|found| found.persona);
    let means = group_means(rows.iter(), rows.n_columns(), personas(), n_personas);
    let mut sizes = vec![0; n_personas];
    personas().flatten().for_each(|persona| sizes[persona] += 1);
    let width = rows.n_columns();
    let centroid = |(persona, n): (usize, usize)| {
        (n >= least.max(1)).then(|| means[persona * width..(persona + 1) * width].to_vec())
    };
    Some(sizes.into_iter().enumerate().map(centroid).collect())
}
