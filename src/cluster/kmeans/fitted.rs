//! What k-means found, and the rule by which new rows are labelled.

use std::cmp::Reverse;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::lloyd::Run;
use super::weights::{self, Weighting, Weights};
use crate::num::check::{self, Rows};
use crate::num::distance::nearest;
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// A fitted [`KMeans`](super::KMeans). Row i of the centroids is cluster i of the labels.
///
/// The fields report what the fit found; [`predict`](Self::predict) depends on the centroids alone.
///
/// ```
/// use personas::{KMeans, ndarray::array};
///
/// let x = array![[0.0], [1.0], [10.0]];
/// let fit = KMeans::new(2).fit(&x)?;
/// assert_eq!(fit.centroids, array![[0.5], [10.0]]);
/// assert_eq!(fit.inertia, 0.5);
/// assert!(fit.converged);
/// assert_eq!(fit.labels.sizes(), [2, 1]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct KMeansFit {
    /// The cluster of every row, numbered by size. No row is noise, no cluster is empty.
    pub labels: Labels,
    /// The centroids, `(k, n_features)`, in the numbering of the labels, no two equal. They are what
    /// [`predict`](Self::predict) uses.
    #[serde(with = "crate::num::exact")]
    pub centroids: Array2<f64>,
    /// Sum of the rows' squared distances to their centroids, each times the row's weight if there
    /// are weights; 0 or more.
    ///
    /// Squares of distances below 1e-162 cannot be stored and give 0 here; the labels stay right.
    #[serde(with = "crate::num::exact")]
    pub inertia: f64,
    /// The inertia at the start of every iteration of the best run, before its centroids moved. It
    /// never rises but for rounding, and the final [`inertia`](Self::inertia) is not greater. Its
    /// length is the number of iterations.
    #[serde(with = "crate::num::exact")]
    pub inertia_per_iter: Vec<f64>,
    /// Whether the best run met the tolerance within the allowed iterations, and no observer stopped the
    /// fit. With convergence and a tolerance of 0, the centroids are the means of their rows; otherwise they
    /// may be one step behind.
    pub converged: bool,
    /// How often the best run moved a cluster that had lost all its rows to a far row.
    pub refilled: usize,
    /// The seed of the random draws.
    pub seed: u64,
    /// Distances are compared at this scale.
    scale: Scale,
}

impl KMeansFit {
    /// Takes over the best run, which is at `scale`.
    pub(super) fn from_run(run: Run, width: usize, scale: Scale, seed: u64) -> Result<Self> {
        let inverse = scale.inverse();
        let unscaled: Vec<f64> = run.centroids.iter().map(|v| v * inverse).collect();
        let centroids = Array2::from_shape_vec((unscaled.len() / width, width), unscaled)
            .expect("the centroids fill their matrix");
        Ok(Self {
            labels: Labels::numbered(run.labels, centroids.nrows())?,
            centroids,
            inertia: run.inertia * inverse * inverse,
            inertia_per_iter: run.inertia_per_iter.iter().map(|v| v * inverse * inverse).collect(),
            converged: run.converged,
            refilled: run.refilled,
            seed,
            scale,
        })
    }

    /// Turns the fit of the rows present into that of all rows of `x`, with the caller's weights.
    pub(super) fn weighed(mut self, x: ArrayView2<'_, f64>, weighting: &Weighting) -> Result<Self> {
        if let Some(present) = weighting.present() {
            self.renumber_until_stable(x, present)?;
            self.inertia = self.inertia_of(weighting.select(x).view(), weighting.weights())?;
        }
        for inertia in [&mut self.inertia].into_iter().chain(&mut self.inertia_per_iter) {
            *inertia = weighting.restore(*inertia);
            if !inertia.is_finite() {
                let got = format!("so large that the inertia is {inertia}");
                return Err(Error::parameter("weights", "small enough for a finite inertia", got));
            }
        }
        Ok(self)
    }

    /// Labels all rows and numbers the clusters by them, until both agree. Rows not `present` may
    /// change the numbering, and so decide ties otherwise; a centroid that then is nearest to no row
    /// present goes to the farthest of these. Ends for the reasons that the function of this name in `lloyd.rs` does.
    fn renumber_until_stable(&mut self, x: ArrayView2<'_, f64>, present: &[usize]) -> Result<()> {
        let rows = check::rows(x)?;
        let (k, width) = self.centroids.dim();
        loop {
            let labels = assign(&rows, None, k * width, finder(self.flat(), self.scale)).labels;
            let mut n_present = vec![0usize; k];
            present.iter().for_each(|&row| n_present[labels[row] as usize] += 1);
            if let Some(empty) = n_present.iter().position(|&n| n == 0) {
                let find = finder(self.flat(), self.scale);
                let (mut farthest, mut most) = (present[0], 0.0);
                for &row in present {
                    let distance = find(rows.row(row)).1;
                    if distance > most {
                        (farthest, most) = (row, distance);
                    }
                }
                drop(find);
                if most == 0.0 {
                    let what = "k-means with this k, counting only distinct rows,";
                    return Err(Error::TooFewSamples { what, needed: k, got: k - 1 });
                }
                self.centroids.row_mut(empty).assign(&x.row(farthest));
                self.refilled += 1;
                continue;
            }
            let mut sizes = vec![0usize; k];
            let mut first = vec![usize::MAX; k];
            for (row, &label) in labels.iter().enumerate() {
                sizes[label as usize] += 1;
                first[label as usize] = first[label as usize].min(row);
            }
            let mut order: Vec<usize> = (0..k).collect();
            order.sort_by_key(|&cluster| (Reverse(sizes[cluster]), first[cluster]));
            if order.is_sorted() {
                self.labels = Labels::numbered(labels, k)?;
                return Ok(());
            }
            let centroids: Vec<f64> =
                order.iter().flat_map(|&c| self.centroids.row(c).to_vec()).collect();
            self.centroids = Array2::from_shape_vec((k, width), centroids)
                .expect("the centroids fill their matrix");
        }
    }

    /// The nearest centroid of each row of `x`, `(n_samples, n_features)`, in the numbering of the
    /// fit; ties go to the lower number. For the fitted rows these are the [`labels`](Self::labels).
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, [`Error::Empty`],
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]; the last three also for centroids that were
    /// changed by hand.
    pub fn predict<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Labels> {
        let x = x.into().into_rows()?;
        let places = check::rows(self.centroids.view())?;
        let rows = check::rows_of_width(x.view(), places.n_columns())?;
        // Nearest at the fit's scale; distances that overflow there are infinite.
        let find = finder(places.data(), self.scale);
        Labels::numbered(assign(&rows, None, places.data().len(), find).labels, places.n_rows())
    }

    /// Sum of squared distances to the nearest centroids, each times its relative weight.
    pub(super) fn inertia_of(
        &self,
        x: ArrayView2<'_, f64>,
        weights: Option<&Weights>,
    ) -> Result<f64> {
        let rows = check::rows_of_width(x, self.centroids.ncols())?;
        let work = self.flat().len();
        let inertia = assign(&rows, weights, work, finder(self.flat(), self.scale)).inertia;
        if inertia.is_finite() {
            return Ok(inertia * self.scale.inverse() * self.scale.inverse());
        }
        let plain = |row: &[f64]| nearest(row, self.flat());
        Ok(assign(&rows, weights, work, plain).inertia)
    }

    fn flat(&self) -> &[f64] {
        self.centroids.as_slice().expect("the centroids of a run are in C order")
    }
}

/// The nearest of some centroids and its squared distance, at a scale.
fn finder(centroids: &[f64], scale: Scale) -> impl Fn(&[f64]) -> (usize, f64) + Sync + '_ {
    let factor = scale.factor();
    let lifted: Option<Vec<f64>> =
        (factor != 1.0).then(|| centroids.iter().map(|v| v * factor).collect());
    move |row| {
        let Some(lifted) = &lifted else { return nearest(row, centroids) };
        let up: Vec<f64> = row.iter().map(|v| v * factor).collect();
        match nearest(&up, lifted) {
            // So far off that only the plain scale can hold it.
            (_, d) if d.is_infinite() => (nearest(row, centroids).0, d),
            found => found,
        }
    }
}

/// Every row's nearest centroid and the sum of their squared distances.
#[derive(Debug)]
struct Assignment {
    labels: Vec<u32>,
    inertia: f64,
}

/// Labels every row by `nearest`, a cluster and a squared distance, of the given `work`.
fn assign(
    rows: &Rows<'_>,
    weights: Option<&Weights>,
    work: usize,
    nearest: impl Fn(&[f64]) -> (usize, f64) + Sync,
) -> Assignment {
    let chunks = parallel::map_chunks(rows.n_rows(), work, |range| {
        let first = range.start;
        let found = range.map(|row| nearest(rows.row(row)));
        let (labels, distances): (Vec<u32>, Vec<f64>) =
            found.map(|(cluster, d)| (cluster as u32, d)).unzip();
        (labels, weights::sum(weights, first, distances.iter().copied()))
    });
    let mut labels = Vec::with_capacity(rows.n_rows());
    let mut inertia = 0.0;
    for (chunk, sum) in chunks {
        inertia += sum;
        labels.extend(chunk);
    }
    Assignment { labels, inertia }
}

/// A [`KMeansFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    labels: Labels,
    #[serde(with = "crate::num::exact")]
    centroids: Array2<f64>,
    #[serde(with = "crate::num::exact")]
    inertia: f64,
    #[serde(with = "crate::num::exact")]
    inertia_per_iter: Vec<f64>,
    converged: bool,
    refilled: usize,
    seed: u64,
    scale: Scale,
}

impl TryFrom<Stored> for KMeansFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Error::snapshot("KMeansFit", reason);
        let Stored { labels, centroids, inertia, .. } = stored;
        let rows = check::rows(centroids.view())
            .map_err(|_| invalid("a centroid is missing or not finite"))?;
        if rows.first_duplicate().is_some() {
            return Err(invalid("two centroids are equal"));
        }
        let factor = stored.scale.factor();
        if rows.data().iter().any(|v| (v * factor).is_infinite()) {
            return Err(invalid("the scale is too large for the centroids"));
        }
        if labels.n_noise() > 0 || labels.n_clusters() != rows.n_rows() {
            return Err(invalid("labels and centroids do not belong together"));
        }
        if !labels.is_canonical() {
            return Err(invalid("the clusters are not numbered by size, then smallest row"));
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
    use ndarray::{Array2, array};
    use serde_json::Value;

    #[test]
    fn centroids_changed_by_hand_are_used_or_refused() {
        let mut fit = KMeans::new(2).fit(&array![[0.0, 1.0], [4.0, 1.0]]).unwrap();
        fit.centroids = array![[9.0, 3.0], [1.0, 1.0]].reversed_axes();
        let labels = fit.predict(&array![[3.0, 1.0], [9.0, 1.0]]).unwrap();
        assert_eq!(labels.to_vec(), [Some(1), Some(0)]);
        fit.centroids[[1, 0]] = f64::NAN;
        let refused = fit.predict(&array![[3.0, 1.0]]);
        assert!(matches!(refused, Err(Error::NonFinite { row: 1, column: 0, .. })));
        fit.centroids = Array2::zeros((0, 2));
        assert!(matches!(fit.predict(&array![[3.0, 1.0]]), Err(Error::Empty { .. })));
    }

    #[test]
    fn a_stored_fit_comes_back_equal_and_broken_ones_are_refused() {
        let x = array![[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
        for x in [&x * 1e-200, x.clone()] {
            let fit = KMeans::new(2).fit(&x).unwrap();
            let json = serde_json::to_string(&fit).unwrap();
            assert_eq!(serde_json::from_str::<KMeansFit>(&json).unwrap(), fit);
        }
        let stored = serde_json::to_value(KMeans::new(2).fit(&x).unwrap()).unwrap();
        let check = |change: &dyn Fn(&mut Value), message: &str| {
            let mut broken = stored.clone();
            change(&mut broken);
            let error = serde_json::from_value::<KMeansFit>(broken).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        let numbered = |clusters: &[Option<usize>], sizes: &[usize]| serde_json::json!({ "clusters": clusters, "sizes": sizes });
        check(&|v| v["labels"] = numbered(&[Some(0), Some(0)], &[2]), "do not belong together");
        check(&|v| v["labels"] = numbered(&[Some(0), None, Some(1)], &[1, 1]), "belong together");
        check(&|v| v["labels"] = numbered(&[Some(1), Some(0)], &[1, 1]), "not numbered by size");
        check(&|v| v["centroids"]["data"] = vec![1.0, 2.0, 1.0, 2.0].into(), "centroids are equal");
        check(&|v| v["centroids"]["data"][0] = 1e300.into(), "not finite");
        check(&|v| v["centroids"]["dim"] = vec![1u64 << 40, 0].into(), "");
        check(&|v| v["scale"] = 1001.into(), "exponent");
        let too_large = |v: &mut Value| {
            v["scale"] = 1000.into();
            v["centroids"]["data"][0] = 1e140.into();
        };
        check(&too_large, "too large");
        check(&|v| v["inertia"] = (-1.0).into(), "inertia");
        check(&|v| v["inertia_per_iter"] = Vec::<f64>::new().into(), "inertia");
    }
}
