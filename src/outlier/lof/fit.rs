//! A fitted factor: how odd the training rows are, and any others beside them.
//!
//! The fit keeps the training rows with the k-distance and density of each, which is all that a new
//! row is compared with.
//! Cost per new row: n distances; memory O(n · n_features).

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::density::{density, factor};
use crate::num::check::{self, Rows};
use crate::num::neighbors::nearest;
use crate::num::parallel;
use crate::outlier::rank::oddest_first;
use crate::{Error, Result};

/// Rows above this are outliers: their neighbours are half as dense again as they are.
const THRESHOLD: f64 = 1.5;

/// The scores of the rows, and the rows themselves to score others against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct LofFit {
    /// The training rows, row-major.
    pub(super) rows: Vec<f64>,
    pub(super) n_features: usize,
    pub(super) n_neighbors: usize,
    /// kdist per training row.
    pub(super) k_distances: Vec<f64>,
    /// lrd per training row.
    pub(super) densities: Vec<f64>,
    pub(super) scores: Vec<f64>,
    pub(super) duplicated: Vec<usize>,
}

impl LofFit {
    /// The factor of every training row; about 1 = as dense as its neighbours, higher = odder.
    /// Finite and above 0.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Rows that score above this are outliers; 1.5.
    pub fn threshold(&self) -> f64 {
        THRESHOLD
    }

    /// The training rows above the threshold, the oddest first; equal scores in row order.
    pub fn outliers(&self) -> Vec<usize> {
        oddest_first(&self.scores, THRESHOLD)
    }

    /// The number of neighbours used: as asked for, or one less than there are rows.
    pub fn n_neighbors(&self) -> usize {
        self.n_neighbors
    }

    /// The training rows with at least `n_neighbors` copies among the others, ascending. Their
    /// density is measured to the nearest different points instead (see the rule in
    /// [`score`](Self::score)).
    ///
    /// Many such rows mean that few values repeat often. With no more different points than
    /// neighbours the farthest one stands in, and everything scores near 1, even a single row beside
    /// a thousand equal ones: take [`IsolationForest`](crate::IsolationForest) there.
    pub fn duplicated(&self) -> &[usize] {
        &self.duplicated
    }

    /// Scores *new* rows, `(n_samples, n_features)`, against the training rows.
    ///
    /// A new row is no neighbour of anybody, but every training row may be its neighbour, also one
    /// that equals it. A training row given here therefore finds itself at distance 0 and scores
    /// otherwise than in [`scores`](Self::scores), as a rule lower.
    ///
    /// Training rows that have `n_neighbors` copies or more are as dense as the distance to the
    /// `n_neighbors`-th nearest different point says, in the fit as well as here, so a row beside
    /// many copies of one value gets no boundless score. Only if all training rows are equal does
    /// a different row get a very large one.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for a matrix of another width, and as for
    /// [`fit`](super::LocalOutlierFactor::fit) where it cannot be computed with.
    pub fn score<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Vec<f64>> {
        let x = check::rows_of_width(x.into(), self.n_features)?;
        let trained = self.training_rows()?;
        let n = trained.n_rows();
        Ok(parallel::map(x.n_rows(), n.saturating_mul(self.n_features), |row| {
            let near = nearest(x.row(row), &trained, 0..n, self.n_neighbors);
            factor(&near, density(&near, &self.k_distances), &self.densities)
        }))
    }

    fn training_rows(&self) -> Result<Rows<'_>> {
        let shape = (self.k_distances.len(), self.n_features);
        let view = ArrayView2::from_shape(shape, &self.rows).map_err(|_| {
            Error::InvalidSnapshot { what: "LofFit", reason: "the rows are not a matrix".into() }
        })?;
        check::rows(view)
    }
}

/// A fit as it is stored, before its invariants are checked.
#[derive(Deserialize)]
struct Stored {
    rows: Vec<f64>,
    n_features: usize,
    n_neighbors: usize,
    k_distances: Vec<f64>,
    densities: Vec<f64>,
    scores: Vec<f64>,
    duplicated: Vec<usize>,
}

impl TryFrom<Stored> for LofFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { rows, n_features, n_neighbors, k_distances, densities, scores, duplicated } =
            stored;
        let n = k_distances.len();
        // No distance between rows that pass the door is larger, and sums of these stay finite.
        let is_distance = |d: &f64| (0.0..=1e160).contains(d);
        // 1 / TINY is 1e10, give or take the rounding.
        let is_density = |d: &f64| *d > 0.0 && *d < 1.001e10;
        let problem = if densities.len() != n || scores.len() != n {
            Some("a row lacks its k-distance, density or score")
        } else if !(1..n).contains(&n_neighbors) {
            Some("it has no neighbours, or not more rows than neighbours")
        } else if !k_distances.iter().all(is_distance) || !densities.iter().all(is_density) {
            Some("a k-distance or density is impossible")
        } else if !scores.iter().all(|score| score.is_finite() && *score > 0.0) {
            Some("a score is not a finite number above 0")
        } else if !duplicated.is_sorted_by(|a, b| a < b)
            || duplicated.last().is_some_and(|&row| row >= n)
        {
            Some("the duplicated rows are not ascending rows")
        } else {
            None
        };
        if let Some(reason) = problem {
            return Err(Error::InvalidSnapshot { what: "LofFit", reason: reason.into() });
        }
        let fit =
            Self { rows, n_features, n_neighbors, k_distances, densities, scores, duplicated };
        fit.training_rows()?;
        Ok(fit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalOutlierFactor;
    use ndarray::array;

    #[test]
    fn a_new_row_scores_against_the_training_rows_and_a_training_row_finds_itself() {
        // k = 1 on 0, 1, 3 as above. A new 3 has neighbour 3 at distance 0, reach 2, lrd 1/2.
        let fit = LocalOutlierFactor::new(1).fit(&array![[0.0], [1.0], [3.0]]).unwrap();
        // 7: neighbour 3 at distance 4, lrd 1/4.
        let new = fit.score(&array![[3.0], [7.0]]).unwrap();
        assert!((new[0] - 1.0).abs() < 1e-9 && (new[1] - 2.0).abs() < 1e-9, "{new:?}");
        assert!((fit.scores()[2] - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_fit_survives_json_and_a_forged_one_is_refused() {
        let x = array![[0.0, 0.5], [0.0, 0.5], [0.0, 0.5], [0.1, 0.3], [4.0, 4.0]];
        let fit = LocalOutlierFactor::new(2).fit(&x).unwrap();
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<LofFit>(&json).unwrap(), fit);
        let fields = serde_json::to_value(&fit).unwrap();
        for (place, forged) in [
            ("/rows/3", "null"),
            ("/rows/3", "1e200"),
            ("/rows", "[1.0]"),
            ("/n_features", "0"),
            ("/n_features", "4611686018427387904"),
            ("/n_neighbors", "0"),
            ("/n_neighbors", "5"),
            ("/k_distances/0", "-1.0"),
            ("/k_distances/0", "1e300"),
            ("/k_distances", "[]"),
            ("/densities/1", "0.0"),
            ("/densities/1", "1e11"),
            ("/densities", "[1.0]"),
            ("/scores/2", "0.0"),
            ("/scores", "[1.0]"),
            ("/duplicated", "[5]"),
            ("/duplicated", "[1, 0]"),
        ] {
            let mut broken = fields.clone();
            *broken.pointer_mut(place).expect("the place exists") =
                serde_json::from_str(forged).unwrap();
            assert!(serde_json::from_value::<LofFit>(broken).is_err(), "{place} {forged}");
        }
    }
}
