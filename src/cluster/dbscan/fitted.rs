//! A fitted DBSCAN: labels, core rows, and the rule by which new rows are labelled.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::cluster::eps::check_eps;
use crate::labels::NOISE;
use crate::num::check;
use crate::num::neighbors::{Metric, NewRows, by_neighbors};
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// What DBSCAN found, with the core rows by which new rows are labelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct DbscanFit {
    /// The cluster of every row, none for noise.
    pub labels: Labels,
    /// The rows with enough neighbours to be core, ascending.
    pub core_rows: Vec<usize>,
    /// The greatest distance between neighbours, in the units of the data.
    #[serde(with = "crate::num::exact")]
    pub eps: f64,
    /// How distances are measured.
    pub metric: Metric,
    /// The values of the core rows, in the same order.
    #[serde(with = "crate::num::exact")]
    pub(super) cores: Array2<f64>,
    /// Distances are compared at this scale.
    pub(super) scale: Scale,
}

impl DbscanFit {
    /// Returns the cluster of the nearest core row for each row of `x`, `(n_samples, n_features)`, or `None`
    /// if no core row lies within `eps`. Ties go to the lower row. The numbers are those of the fit.
    ///
    /// Core rows and noise of the fit keep their labels. A border row may get another label: it can be
    /// nearer to a core row of another cluster than of the one it joined.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, and for any matrix after a fit of
    /// [distances](crate::cluster::Samples); [`Error::Empty`], [`Error::NonFinite`],
    /// [`Error::MagnitudeTooLarge`]; [`Error::UndefinedMetric`] for a row of zeros under [`Metric::Cosine`].
    pub fn predict<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Labels> {
        let x = x.into().into_rows()?;
        let rows = check::rows_of_width(x.view(), self.cores.ncols())?;
        let rows = self.metric.prepare(rows)?;
        let mut clusters = vec![NOISE; rows.n_rows()];
        if self.core_rows.is_empty() {
            return Labels::numbered(clusters, 0);
        }
        let cores = self.metric.prepare(check::rows(self.cores.view())?)?;
        let cores = cores.times(self.scale.factor());
        let radius = self.metric.radius(self.eps * self.scale.factor());
        // Those too far off to be lifted lie beyond eps, which is lifted to about 1.
        let NewRows { usual, lifted, .. } = NewRows::beside(&cores, rows, self.scale.factor());
        let cluster = |core: usize| self.core_rows.get(core).and_then(|&row| self.labels.get(row));
        let found = lifted.map(|lifted| {
            by_neighbors(&cores, &lifted, self.metric, 1, radius, |_, near| {
                near.first().and_then(|near| cluster(near.row as usize))
            })
        });
        for (row, cluster) in usual.into_iter().zip(found.into_iter().flatten()) {
            clusters[row] = cluster.map_or(NOISE, |cluster| cluster as u32);
        }
        Labels::numbered(clusters, self.labels.n_clusters())
    }
}

/// A [`DbscanFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    labels: Labels,
    core_rows: Vec<usize>,
    #[serde(with = "crate::num::exact")]
    eps: f64,
    metric: Metric,
    #[serde(with = "crate::num::exact")]
    cores: Array2<f64>,
    scale: Scale,
}

impl TryFrom<Stored> for DbscanFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| Err(Error::snapshot("DbscanFit", reason));
        let Stored { labels, core_rows, cores, eps, metric, scale } = stored;
        if check_eps(eps).is_err() || !(eps * scale.factor()).is_finite() {
            return invalid("eps is not above 0 and finite");
        }
        let by_distances = cores.ncols() == 0;
        let n_cores = if by_distances { core_rows.len() } else { cores.nrows() };
        if !core_rows.is_sorted_by(|a, b| a < b) || core_rows.len() != n_cores {
            return invalid("the core rows are not in order, one for each row of values");
        }
        if !labels.is_canonical() {
            return invalid("the clusters are not numbered by size, then smallest row");
        }
        let mut has_core = vec![false; labels.n_clusters()];
        for &row in &core_rows {
            match labels.get(row) {
                Some(cluster) => has_core[cluster] = true,
                None => return invalid("a core row is in no cluster"),
            }
        }
        if has_core.contains(&false) {
            return invalid("a cluster has no core row");
        }
        if !by_distances && !core_rows.is_empty() && check::rows(cores.view()).is_err() {
            return invalid("a value is missing or not finite");
        }
        if cores.iter().any(|v| !(v * scale.factor()).is_finite()) {
            return invalid("the scale is too large for the values");
        }
        Ok(Self { labels, core_rows, cores, eps, metric, scale })
    }
}
