//! What k-means found, and the rule by which new rows are labelled.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::first_duplicate;
use super::lloyd::{self, Assignment, Run};
use crate::num::check::{self, Rows};
use crate::num::distance::{nearest, squared};
use crate::num::parallel;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// A fitted [`KMeans`](super::KMeans). Row i of the centroids is cluster i of the labels.
///
/// ```
/// use personas::{KMeans, ndarray::array};
///
/// let x = array![[0.0], [1.0], [10.0]];
/// let fit = KMeans::new(2).fit(&x)?;
/// assert_eq!(fit.sizes(), [2, 1]);
/// assert_eq!(fit.transform(&array![[0.5]])?, array![[0.0, 9.5]]);
/// assert!(fit.converged());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct KMeansFit {
    labels: Labels,
    centroids: Array2<f64>,
    inertia: f64,
    inertia_per_iter: Vec<f64>,
    converged: bool,
    refilled: usize,
    seed: u64,
    /// Distances are compared at this scale.
    scale: Scale,
}

impl KMeansFit {
    /// Takes over the best run; `rows` and `run` are at `scale`.
    pub(super) fn from_run(rows: &Rows<'_>, run: Run, scale: Scale, seed: u64) -> Result<Self> {
        let assigned = lloyd::assign(rows, &run.centroids);
        let labels = Labels::new(assigned.labels.iter().map(|&cluster| Some(cluster as usize)))?;
        debug_assert!(labels.iter().eq(assigned.labels.iter().map(|&c| Some(c as usize))));
        let (inverse, width) = (scale.inverse(), rows.n_columns());
        let unscaled: Vec<f64> = run.centroids.iter().map(|v| v * inverse).collect();
        let centroids = Array2::from_shape_vec((unscaled.len() / width, width), unscaled)
            .expect("the centroids fill their matrix");
        Ok(Self {
            labels,
            centroids,
            inertia: run.inertia * inverse * inverse,
            inertia_per_iter: run.inertia_per_iter.iter().map(|v| v * inverse * inverse).collect(),
            converged: run.converged,
            refilled: run.refilled,
            seed,
            scale,
        })
    }

    /// The cluster of every row; none is noise, no cluster is empty.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The labels alone.
    pub fn into_labels(self) -> Labels {
        self.labels
    }

    /// The centroids, `(k, n_features)`, in the numbering of the labels, no two equal.
    pub fn centroids(&self) -> ArrayView2<'_, f64> {
        self.centroids.view()
    }

    /// Rows per cluster, largest first.
    pub fn sizes(&self) -> &[usize] {
        self.labels.sizes()
    }

    /// Sum of the rows' squared distances to their centroids, 0 or more.
    ///
    /// Squares of distances below 1e-162 cannot be stored and give 0 here; the labels do not suffer.
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// The inertia found at the start of every iteration of the best run, before its centroids
    /// moved; never rising but for rounding. The final [`inertia`](Self::inertia) is no greater.
    pub fn inertia_per_iter(&self) -> &[f64] {
        &self.inertia_per_iter
    }

    /// Iterations of the best run.
    pub fn n_iter(&self) -> usize {
        self.inertia_per_iter.len()
    }

    /// Whether the best run stood still before its last iteration was used up. If so and the
    /// tolerance was 0, the centroids are the means of their rows; else they may be a step behind.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// How often the best run put a cluster that had lost all rows on a far row.
    pub fn refilled(&self) -> usize {
        self.refilled
    }

    /// The seed of the random draws.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The nearest centroid of each row of `x`, `(n_samples, n_features)`; ties go to the lower
    /// number. Of the rows that were fitted it gives [`labels`](Self::labels), always.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, [`Error::Empty`],
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`].
    pub fn predict<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Vec<usize>> {
        Ok(self.assign(x.into())?.labels.into_iter().map(|cluster| cluster as usize).collect())
    }

    /// The distance of each row of `x` to each centroid, `(n_samples, k)`, not squared.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn transform<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Array2<f64>> {
        let rows = check::rows_of_width(x.into(), self.centroids.ncols())?;
        let lifted = self.lifted_centroids();
        let (factor, inverse) = (self.scale.factor(), self.scale.inverse());
        let distances = parallel::map(rows.n_rows(), lifted.len(), |row| {
            let row = rows.row(row);
            let up: Vec<f64> = row.iter().map(|v| v * factor).collect();
            let both = lifted.chunks_exact(row.len()).zip(self.flat().chunks_exact(row.len()));
            both.map(|(lifted, plain)| match squared(&up, lifted) {
                d if d.is_finite() => d.sqrt() * inverse,
                _ => squared(row, plain).sqrt(),
            })
            .collect::<Vec<f64>>()
        });
        let shape = (rows.n_rows(), self.centroids.nrows());
        Ok(Array2::from_shape_vec(shape, distances.concat())
            .expect("one distance per row and centroid"))
    }

    /// Minus the sum of squared distances of the rows of `x` to their nearest centroids: 0 or less,
    /// the higher the better, as scikit-learn's `score`. Of the fitted rows it is minus the inertia.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn score<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<f64> {
        let x = x.into();
        let inertia = self.assign(x)?.inertia;
        if inertia.is_finite() {
            return Ok(-(inertia * self.scale.inverse() * self.scale.inverse()));
        }
        let rows = check::rows_of_width(x, self.centroids.ncols())?;
        Ok(-lloyd::assign(&rows, self.flat()).inertia)
    }

    /// Nearest centroids at the fit's scale; distances that overflow there are infinite.
    fn assign(&self, x: ArrayView2<'_, f64>) -> Result<Assignment> {
        let rows = check::rows_of_width(x, self.centroids.ncols())?;
        let factor = self.scale.factor();
        if factor == 1.0 {
            return Ok(lloyd::assign(&rows, self.flat()));
        }
        let lifted = self.lifted_centroids();
        Ok(lloyd::assign_by(rows.n_rows(), lifted.len(), |row| {
            let row = rows.row(row);
            let up: Vec<f64> = row.iter().map(|v| v * factor).collect();
            match nearest(&up, &lifted) {
                // So far off that only the plain scale can hold it.
                (_, d) if d.is_infinite() => (nearest(row, self.flat()).0, d),
                found => found,
            }
        }))
    }

    fn flat(&self) -> &[f64] {
        self.centroids.as_slice().expect("the centroids are kept in C order")
    }

    fn lifted_centroids(&self) -> Vec<f64> {
        self.flat().iter().map(|v| v * self.scale.factor()).collect()
    }
}

/// A [`KMeansFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    labels: Labels,
    centroids: Array2<f64>,
    inertia: f64,
    inertia_per_iter: Vec<f64>,
    converged: bool,
    refilled: usize,
    seed: u64,
    scale: Scale,
}

impl TryFrom<Stored> for KMeansFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Error::InvalidSnapshot {
            what: "KMeansFit",
            reason: reason.into(),
        };
        let Stored { labels, centroids, inertia, .. } = stored;
        let rows = check::rows(centroids.view())
            .map_err(|_| invalid("a centroid is missing or not finite"))?;
        if first_duplicate(&rows).is_some() {
            return Err(invalid("two centroids are equal"));
        }
        let factor = stored.scale.factor();
        if rows.data().iter().any(|v| (v * factor).is_infinite()) {
            return Err(invalid("the scale is too large for the centroids"));
        }
        if labels.n_noise() > 0 || labels.n_clusters() != rows.n_rows() {
            return Err(invalid("labels and centroids do not belong together"));
        }
        let sums = [inertia].into_iter().chain(stored.inertia_per_iter.iter().copied());
        if stored.inertia_per_iter.is_empty()
            || sums.into_iter().any(|v| !(v >= 0.0 && v.is_finite()))
        {
            return Err(invalid("an inertia is missing, negative or not finite"));
        }
        let centroids = centroids.as_standard_layout().into_owned();
        Ok(Self {
            labels,
            centroids,
            inertia,
            inertia_per_iter: stored.inertia_per_iter,
            converged: stored.converged,
            refilled: stored.refilled,
            seed: stored.seed,
            scale: stored.scale,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KMeans;
    use ndarray::array;
    use serde_json::Value;

    #[test]
    fn a_stored_fit_comes_back_equal_and_broken_ones_are_refused() {
        let x = array![[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
        for x in [&x * 1e-200, x.clone()] {
            let fit = KMeans::new(2).fit(&x).unwrap();
            let json = serde_json::to_string(&fit).unwrap();
            assert_eq!(serde_json::from_str::<KMeansFit>(&json).unwrap(), fit);
        }
        let stored = serde_json::to_value(KMeans::new(2).fit(&x).unwrap()).unwrap();
        let check = |change: fn(&mut Value), message: &str| {
            let mut broken = stored.clone();
            change(&mut broken);
            let error = serde_json::from_value::<KMeansFit>(broken).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        check(|v| v["labels"] = vec![0, 0].into(), "do not belong together");
        check(|v| v["labels"][5] = Value::Null, "do not belong together");
        check(|v| v["centroids"]["data"] = vec![1.0, 2.0, 1.0, 2.0].into(), "centroids are equal");
        check(|v| v["centroids"]["data"][0] = 1e300.into(), "not finite");
        check(|v| v["centroids"]["dim"] = vec![1u64 << 40, 0].into(), "");
        check(|v| v["scale"] = 1001.into(), "exponent");
        let too_large: fn(&mut Value) = |v| {
            v["scale"] = 1000.into();
            v["centroids"]["data"][0] = 1e140.into();
        };
        check(too_large, "too large");
        check(|v| v["inertia"] = (-1.0).into(), "inertia");
        check(|v| v["inertia_per_iter"] = Vec::<f64>::new().into(), "inertia");
    }
}
