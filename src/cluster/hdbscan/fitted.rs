//! A fitted HDBSCAN: labels, how firmly rows belong, how odd they are, and where new rows go.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::labels::NOISE;
use crate::num::check::{self, Rows};
use crate::num::neighbors::{Metric, Neighbor, NewRows, brute, by_neighbors};
use crate::num::reasons::{ColumnReason, reasons};
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// What HDBSCAN found, with the rows that new ones are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct HdbscanFit {
    /// The cluster of every row, none for noise.
    pub labels: Labels,
    /// How firmly each row belongs to its cluster, from 0 to 1: the density at which it leaves,
    /// relative to the greatest at which a row of the cluster itself does. 0 for noise.
    #[serde(with = "crate::num::exact")]
    pub strengths: Vec<f64>,
    /// How odd each row is beside the densest rows of its part of the hierarchy, from 0 to 1 (GLOSH).
    #[serde(with = "crate::num::exact")]
    pub outlier_scores: Vec<f64>,
    /// How long each cluster lasts, from 0 to 1: the mean over its rows of the span of densities that
    /// they spend in it, relative to the greatest density of all.
    #[serde(with = "crate::num::exact")]
    pub persistence: Vec<f64>,
    /// Per cluster, 1 by the distance at which it parts from its parent; lifted.
    #[serde(with = "crate::num::exact")]
    pub(super) births: Vec<f64>,
    /// The training rows, row-major; none if the distances were given.
    #[serde(with = "crate::num::exact")]
    pub(super) rows: Vec<f64>,
    pub(super) n_features: usize,
    pub(super) metric: Metric,
    pub(super) scale: Scale,
    /// Other rows that a core distance needs.
    pub(super) n_others: usize,
    /// Core distances, lifted.
    #[serde(with = "crate::num::exact")]
    pub(super) core: Vec<f64>,
}

impl HdbscanFit {
    /// For each row of `x`, `(n_samples, n_features)`, its cluster; the numbers are those of the fit.
    ///
    /// A new row gets the label of the training row with the least mutual reachability distance; ties go to
    /// the nearest row, then to the lowest. If that distance is greater than the one at which the training
    /// row's cluster splits off from its parent, the new row is noise. A row that equals a training row gets
    /// its label. The fit does not change.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, as every matrix has after a fit of
    /// distances; [`Error::Empty`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`],
    /// [`Error::UndefinedMetric`] for a row of zeros under [`Metric::Cosine`].
    pub fn predict<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Labels> {
        let width = self.n_features;
        let x = x.into().into_rows()?;
        let new = self.metric.prepare(check::rows_of_width(x.view(), width)?)?;
        let mut clusters = vec![NOISE; new.n_rows()];
        let trained = self.lifted()?;
        // What cannot be lifted with tiny training rows is farther than any of them reaches.
        let NewRows { usual, lifted, .. } = NewRows::beside(&trained, new, self.scale.factor());
        let Some(new) = lifted else {
            return Labels::numbered(clusters, self.labels.n_clusters());
        };
        // Those that give the core distance and as many more decide nearly every row.
        let k = (2 * self.n_others + 2).min(trained.n_rows());
        let decide = |row: usize, near: &[Neighbor]| {
            self.reached_first(near).or_else(|| {
                let all = brute::nearest(0..trained.n_rows(), trained.n_rows(), |other| {
                    self.metric.reduced(new.row(row), trained.row(other))
                });
                self.reached_first(&all)
            })
        };
        let found = by_neighbors(&trained, &new, self.metric, k, f64::INFINITY, decide);
        for (&row, found) in usual.iter().zip(found) {
            let cluster = found.and_then(|(nearest, reach)| {
                let cluster = self.labels.get(nearest)?;
                // Compared as the tree compares, so that no rounding comes between.
                (1.0 / reach >= *self.births.get(cluster)?).then_some(cluster)
            });
            clusters[row] = cluster.map_or(NOISE, |cluster| cluster as u32);
        }
        Labels::numbered(clusters, self.labels.n_clusters())
    }

    /// The training row that a new row goes with and the distance at which it is reached, among the
    /// nearest rows; none if a row beyond these could be reached sooner.
    fn reached_first(&self, near: &[Neighbor]) -> Option<(usize, f64)> {
        let distance = |at: usize| self.metric.distance(near[at].reduced);
        if near[0].reduced == 0.0 {
            return Some((near[0].row as usize, 0.0));
        }
        let own = self.n_others.checked_sub(1).map_or(0.0, distance);
        let reach = |at: usize| distance(at).max(own).max(self.core[near[at].row as usize]);
        let least = (0..near.len()).min_by(|&a, &b| reach(a).total_cmp(&reach(b)))?;
        let is_certain = near.len() == self.core.len() || reach(least) <= distance(near.len() - 1);
        is_certain.then(|| (near[least].row as usize, reach(least)))
    }

    /// What makes a training row odd beside the cluster nearest to it: its own, or that of the nearest
    /// row in a cluster; the strongest reason first. Empty if there is no cluster.
    ///
    /// Values are in the units of the matrix fitted. Cost: O(n_samples · n_features).
    ///
    /// ```
    /// use personas::{cluster::Hdbscan, ndarray::Array2};
    ///
    /// let x = Array2::from_shape_fn((41, 2), |(i, j)| match (i, j) {
    ///     (40, 1) => 255.0,
    ///     (0..20, 0) | (40, 0) => (i * 7 % 20) as f64,
    ///     (_, 0) => 100.0 + (i * 7 % 20) as f64,
    ///     _ => (i * 3 % 20) as f64,
    /// });
    /// let fit = Hdbscan::new(10).min_samples(3).fit(&x)?;
    /// assert_eq!(fit.labels.get(40), None);
    /// let why = &fit.reasons(40)?[0];
    /// assert_eq!((why.column, why.value), (1, 255.0));
    /// assert!(why.z > 3.0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a row that does not exist;
    /// [`Error::DimensionMismatch`] after a fit of distances, which has no columns.
    pub fn reasons(&self, row: usize) -> Result<Vec<ColumnReason>> {
        let n = self.core.len();
        if row >= n {
            return Err(Error::parameter("row", format!("below {n}"), row));
        }
        let lifted = self.lifted()?;
        let cluster = self.labels.get(row).or_else(|| {
            let members = (0..n).filter(|&other| self.labels.get(other).is_some());
            let reduced = |other: usize| self.metric.reduced(lifted.row(row), lifted.row(other));
            let nearest = brute::nearest(members, 1, reduced);
            self.labels.get(nearest.first()?.row as usize)
        });
        let members = cluster.map_or(Vec::new(), |cluster| self.labels.rows_of(cluster));
        Ok(reasons(&self.trained()?, row, &members))
    }

    /// The training rows as given.
    fn trained(&self) -> Result<Rows<'_>> {
        if self.n_features == 0 {
            let what = "columns of a fit of distances".into();
            return Err(Error::DimensionMismatch { what, expected: 1, got: 0 });
        }
        let shape = (self.core.len(), self.n_features);
        let view = ArrayView2::from_shape(shape, &self.rows)
            .map_err(|_| Error::snapshot("HdbscanFit", "the rows are not a matrix"))?;
        check::rows(view)
    }

    /// The training rows as their distances are taken.
    fn lifted(&self) -> Result<Rows<'_>> {
        Ok(self.metric.prepare(self.trained()?)?.times(self.scale.factor()))
    }
}

/// A [`HdbscanFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    labels: Labels,
    #[serde(with = "crate::num::exact")]
    strengths: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    outlier_scores: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    persistence: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    births: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    rows: Vec<f64>,
    n_features: usize,
    metric: Metric,
    scale: Scale,
    n_others: usize,
    #[serde(with = "crate::num::exact")]
    core: Vec<f64>,
}

impl TryFrom<Stored> for HdbscanFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let n = stored.labels.len();
        let n_clusters = stored.labels.n_clusters();
        let is_share = |v: &f64| (0.0..=1.0).contains(v);
        let is_distance = |v: &f64| *v >= 0.0 && v.is_finite();
        let rows = [&stored.strengths, &stored.outlier_scores, &stored.core];
        let clusters = [&stored.persistence, &stored.births];
        let problem = if !stored.labels.is_canonical() || n == 0 {
            Some("the clusters are not numbered by size, then smallest row")
        } else if rows.iter().any(|values| values.len() != n)
            || clusters.iter().any(|values| values.len() != n_clusters)
        {
            Some("a row or cluster lacks one of its numbers")
        } else if !rows[..2].iter().chain(&clusters[..1]).all(|values| values.iter().all(is_share))
        {
            Some("a strength, score or persistence is not between 0 and 1")
        } else if ![rows[2], clusters[1]].iter().all(|v| v.iter().all(is_distance)) {
            Some("a distance or density is impossible")
        } else if stored.n_others >= n {
            Some("it has not more rows than neighbours")
        } else {
            None
        };
        if let Some(reason) = problem {
            return Err(Error::snapshot("HdbscanFit", reason));
        }
        let Stored { labels, strengths, outlier_scores, persistence, births, .. } = stored;
        let fit = Self {
            labels,
            strengths,
            outlier_scores,
            persistence,
            births,
            rows: stored.rows,
            n_features: stored.n_features,
            metric: stored.metric,
            scale: stored.scale,
            n_others: stored.n_others,
            core: stored.core,
        };
        // A fit of distances has no rows.
        if (fit.n_features > 0 || !fit.rows.is_empty())
            && fit.lifted()?.data().iter().any(|v| !v.is_finite())
        {
            return Err(Error::snapshot("HdbscanFit", "the scale is too large for the values"));
        }
        Ok(fit)
    }
}
