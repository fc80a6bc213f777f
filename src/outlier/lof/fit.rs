//! A fitted factor: how odd the training rows are, and what others are scored against.
//!
//! The fit keeps the training rows with the k-distance and mean reach of each, which is all that a new
//! row is compared with (`novelty.rs`).

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::num::check::{self, Rows};
use crate::num::neighbors::{Metric, brute};
use crate::num::reasons::{ColumnReason, reasons};
use crate::num::scale::Scale;
use crate::outlier::rank::oddest_first;
use crate::{Error, Result};

/// The scores of the rows, and the rows themselves to score others against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct LofFit {
    /// The factor of every training row; about 1 = as dense as its neighbours, higher = odder.
    /// Finite and above 0, and the same in every unit.
    #[serde(with = "crate::num::exact")]
    pub scores: Vec<f64>,
    /// Rows that score above this are outliers; 1.5 unless a share was named.
    #[serde(with = "crate::num::exact")]
    pub threshold: f64,
    /// The training rows above the threshold, the oddest first; equal scores in row order.
    #[serde(skip_serializing)]
    pub outliers: Vec<usize>,
    /// The training rows that equal at least `n_neighbors` other rows, ascending. Their density is measured to
    /// the nearest different points instead (see the rule in [`score`](Self::score)).
    ///
    /// Many such rows mean that few values repeat often. If there are not more different points than
    /// neighbours, everything scores near 1, even a single row next to a thousand equal ones. Use
    /// [`IsolationForest`](crate::outlier::IsolationForest) there.
    pub duplicated: Vec<usize>,
    /// The training rows, row-major; none if the distances were given.
    #[serde(with = "crate::num::exact")]
    pub(super) rows: Vec<f64>,
    pub(super) n_features: usize,
    pub(super) n_neighbors: usize,
    pub(super) metric: Metric,
    /// k-distances and mean reaches are at this scale.
    pub(super) scale: Scale,
    /// kdist per training row.
    #[serde(with = "crate::num::exact")]
    pub(super) k_distances: Vec<f64>,
    /// 1 / lrd per training row.
    #[serde(with = "crate::num::exact")]
    pub(super) mean_reaches: Vec<f64>,
}

impl LofFit {
    /// What makes a training row odd beside its `n_neighbors` nearest, the strongest reason first.
    ///
    /// Values are in the units of the matrix fitted. Cost: O(n_samples · n_features).
    ///
    /// ```
    /// use personas::{ndarray::Array2, outlier::LocalOutlierFactor};
    ///
    /// let mut x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * (7 + 4 * j)) % 10) as f64);
    /// x[[17, 1]] = 40.0;
    /// let fit = LocalOutlierFactor::new(10).fit(&x)?;
    /// assert_eq!(fit.outliers[0], 17);
    /// let why = &fit.reasons(17)?[0];
    /// assert_eq!((why.column, why.value), (1, 40.0));
    /// assert!(why.z > 3.0 && why.share > 0.9);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a row that does not exist;
    /// [`Error::DimensionMismatch`] after a fit of distances, which has no columns.
    pub fn reasons(&self, row: usize) -> Result<Vec<ColumnReason>> {
        let n = self.k_distances.len();
        if row >= n {
            return Err(Error::parameter("row", format!("below {n}"), row));
        }
        if self.n_features == 0 {
            let what = "columns of a fit of distances".into();
            return Err(Error::DimensionMismatch { what, expected: 1, got: 0 });
        }
        let lifted = self.metric.prepare(self.training_rows()?)?.times(self.scale.factor());
        let others = (0..n).filter(|&other| other != row);
        let reduced = |other: usize| self.metric.reduced(lifted.row(row), lifted.row(other));
        let near = brute::nearest(others, self.n_neighbors, reduced);
        let near: Vec<usize> = near.iter().map(|neighbor| neighbor.row as usize).collect();
        Ok(reasons(&self.training_rows()?, row, &near))
    }

    /// The training rows as given.
    pub(super) fn training_rows(&self) -> Result<Rows<'_>> {
        let shape = (self.k_distances.len(), self.n_features);
        let view = ArrayView2::from_shape(shape, &self.rows)
            .map_err(|_| Error::snapshot("LofFit", "the rows are not a matrix"))?;
        check::rows(view)
    }
}

/// A fit as it is stored, before its invariants are checked.
#[derive(Deserialize)]
struct Stored {
    #[serde(with = "crate::num::exact")]
    scores: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    threshold: f64,
    duplicated: Vec<usize>,
    #[serde(with = "crate::num::exact")]
    rows: Vec<f64>,
    n_features: usize,
    n_neighbors: usize,
    metric: Metric,
    scale: Scale,
    #[serde(with = "crate::num::exact")]
    k_distances: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    mean_reaches: Vec<f64>,
}

impl TryFrom<Stored> for LofFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored {
            rows,
            n_features,
            n_neighbors,
            metric,
            scale,
            k_distances,
            mean_reaches,
            scores,
            threshold,
            duplicated,
        } = stored;
        let n = k_distances.len();
        let is_distance = |d: &f64| *d >= 0.0 && d.is_finite();
        let problem = if mean_reaches.len() != n || scores.len() != n {
            Some("a row lacks its k-distance, mean reach or score")
        } else if !(1..n).contains(&n_neighbors) {
            Some("it has no neighbours, or not more rows than neighbours")
        } else if !k_distances.iter().chain(&mean_reaches).all(is_distance) {
            Some("a k-distance or mean reach is impossible")
        } else if !scores.iter().all(|score| score.is_finite() && *score > 0.0) {
            Some("a score is not a finite number above 0")
        } else if !(threshold > 0.0 && threshold.is_finite()) {
            Some("the threshold is not a finite number above 0")
        } else if !duplicated.is_sorted_by(|a, b| a < b)
            || duplicated.last().is_some_and(|&row| row >= n)
        {
            Some("the duplicated rows are not ascending rows")
        } else {
            None
        };
        if let Some(reason) = problem {
            return Err(Error::snapshot("LofFit", reason));
        }
        let fit = Self {
            rows,
            n_features,
            n_neighbors,
            metric,
            scale,
            k_distances,
            mean_reaches,
            outliers: oddest_first(&scores, threshold),
            scores,
            threshold,
            duplicated,
        };
        // A fit of distances has no rows.
        if fit.n_features > 0 || !fit.rows.is_empty() {
            let rows = metric.prepare(fit.training_rows()?)?;
            if rows.data().iter().any(|v| !(v * scale.factor()).is_finite()) {
                return Err(Error::snapshot("LofFit", "the scale is too large for the values"));
            }
        }
        Ok(fit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlier::LocalOutlierFactor;
    use ndarray::array;

    #[test]
    fn a_new_row_scores_against_the_training_rows_and_a_training_row_finds_itself() {
        // k = 1 on 0, 1, 3 as above. A new 3 has neighbour 3 at distance 0, reach 2, lrd 1/2.
        let fit = LocalOutlierFactor::new(1).fit(&array![[0.0], [1.0], [3.0]]).unwrap();
        // 7: neighbour 3 at distance 4, lrd 1/4.
        let new = fit.score(&array![[3.0], [7.0]]).unwrap().scores;
        assert!((new[0] - 1.0).abs() < 1e-9 && (new[1] - 2.0).abs() < 1e-9, "{new:?}");
        assert!((fit.scores[2] - 2.0).abs() < 1e-9);
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
            ("/n_features", "4611686018427387904"),
            ("/n_neighbors", "0"),
            ("/n_neighbors", "5"),
            ("/k_distances/0", "-1.0"),
            ("/threshold", "0.0"),
            ("/k_distances", "[]"),
            ("/mean_reaches/1", "-1.0"),
            ("/mean_reaches/1", "null"),
            ("/mean_reaches", "[1.0]"),
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
