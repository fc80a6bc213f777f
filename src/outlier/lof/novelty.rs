//! Scores of new rows, which are no neighbours of anybody.
//!
//! Cost: the search for the k nearest training rows of each new row.

use super::density::{factor, mean_reach};
use super::fit::LofFit;
use crate::Result;
use crate::num::check;
use crate::num::neighbors::{Neighbor, NewRows, by_neighbors};
use crate::num::samples::Samples;
use crate::outlier::rank::oddest_first;

/// How odd new rows are beside the training rows; returned by [`LofFit::score`].
///
/// These scores cannot be compared with [`LofFit::scores`], so they have a type of their own: in the fit, a
/// training row is not its own neighbour, but here it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Novelty {
    /// The factor of every new row; about 1 = as dense as its neighbours, higher = odder.
    pub scores: Vec<f64>,
    /// The new rows above the fit's threshold, the oddest first; equal scores in row order.
    pub outliers: Vec<usize>,
}

impl LofFit {
    /// Scores *new* rows, `(n_samples, n_features)`, against the training rows.
    ///
    /// New rows are not neighbours of each other; every training row can be a neighbour, even one that equals
    /// the new row. A training row given here finds itself at distance 0, so its score differs from that in
    /// [`scores`](Self::scores) and is usually lower.
    ///
    /// For a training row with `n_neighbors` copies or more, the density is that of the distance to the
    /// `n_neighbors`-th nearest different point, in the fit and here. So a row near many copies of one value
    /// has a finite score. If all training rows are equal, a different row gets `f64::MAX`.
    ///
    /// ```
    /// use personas::{ndarray::array, outlier::LocalOutlierFactor};
    ///
    /// let fit = LocalOutlierFactor::new(1).fit(&array![[0.0], [1.0], [3.0]])?;
    /// let novelty = fit.score(&array![[3.0], [7.0]])?;
    /// assert_eq!(novelty.scores, [1.0, 2.0]);
    /// assert_eq!(novelty.outliers, [1]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`](crate::Error::DimensionMismatch) for a matrix of another width,
    /// as every matrix is after a fit of distances, and as for
    /// [`fit`](super::LocalOutlierFactor::fit) where it cannot be computed with.
    pub fn score<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Novelty> {
        let x = x.into().into_rows()?;
        let new = self.metric.prepare(check::rows_of_width(x.view(), self.n_features)?)?;
        let trained = self.metric.prepare(self.training_rows()?)?;
        let factor_of = |near: &[Neighbor], unit: f64| {
            let distance = |b: &Neighbor| (self.metric.distance(b.reduced) * unit).min(f64::MAX);
            factor(near, mean_reach(near, &self.k_distances, distance), &self.mean_reaches)
        };
        let lifted = trained.clone().times(self.scale.factor());
        let rows = NewRows::beside(&lifted, new.clone(), self.scale.factor());
        let mut scores = vec![0.0; new.n_rows()];
        let (metric, k) = (self.metric, self.n_neighbors);
        if let Some(usual) = &rows.lifted {
            let score = |_, near: &[Neighbor]| factor_of(near, 1.0);
            let found = by_neighbors(&lifted, usual, metric, k, f64::INFINITY, score);
            rows.usual.iter().zip(found).for_each(|(&row, score)| scores[row] = score);
        }
        // At the scale of the data the tiny training rows are one point for those far off.
        if !rows.far.is_empty() {
            let score = |_, near: &[Neighbor]| factor_of(near, self.scale.factor());
            let far = new.select(&rows.far);
            let found = by_neighbors(&trained, &far, metric, k, f64::INFINITY, score);
            rows.far.iter().zip(found).for_each(|(&row, score)| scores[row] = score);
        }
        let outliers = oddest_first(&scores, self.threshold);
        Ok(Novelty { scores, outliers })
    }
}
