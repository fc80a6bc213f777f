//! The model that learns: centroids, weights and what they need to go on.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::half_life::{Age, Decay};
use super::moments::Moments;
use super::stored::{Stored, check_ratio};
use crate::num::check::{self, Rows};
use crate::num::distance::nearest;
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::{Error, Labels, Result};

/// Rows per cluster that must have come since a cluster got one, before it counts as dying: a
/// group that holds a 200th of its fair share is passed by that long once in e⁵ times.
const PATIENCE: u64 = 1000;

/// What one batch did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Learned {
    /// The cluster each row went to, in the numbering of the model: the nearest centroid before the
    /// batch, of ties the lower.
    pub labels: Labels,
    /// Sum of squared distances to those centroids. Its mean per row, watched over time, tells
    /// whether the groups still fit.
    pub inertia: f64,
    /// Clusters that were re-seeded, as pairs of a dying cluster and the heaviest one. The heaviest one was
    /// split: the dying cluster is now its upper half, and the heaviest one its lower half.
    pub reseeded: Vec<(usize, usize)>,
}

/// The clusters of a stream as they are now, in the numbering of the model; see
/// [`OnlineKMeans::clusters`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OnlineClusters {
    /// The centroids, `(k, n_features)`.
    pub centroids: Array2<f64>,
    /// The weight of each cluster: a row weighs 1 when it comes and ½ a half-life later. Without decay this
    /// is the number of rows, at most 2⁵³; from there on each row moves its centroid by 2⁻⁵³ of the way.
    /// Weights below 1e-100 become 0.
    pub weights: Vec<f64>,
    /// The population variance of every column within every cluster, `(k, n_features)`, rows
    /// weighted as they count; 0 for a cluster without weight.
    pub variances: Array2<f64>,
}

/// Splits a stream of rows into `k` groups, and follows them as they drift. Clusters keep their
/// numbers as they move.
///
/// It starts at given centroids. Use those that [`KMeans`](crate::KMeans) finds for a first batch with at
/// least some dozens of rows per cluster, because a poor start is corrected only slowly. If all data are
/// available at once, [`KMeans`](crate::KMeans) finds better groups.
///
/// The order of rows matters, as with every method that forgets or learns step by step. A model that was
/// stored and restored (serde) continues bit for bit.
///
/// Distances are plain squares: groups that lie less than 1e-150 apart are not told apart.
///
/// ```
/// use personas::cluster::{Decay, OnlineKMeans};
/// use personas::{KMeans, ndarray::array};
///
/// let first = array![[0.0], [2.0], [10.0], [12.0], [11.0]];
/// let start = KMeans::new(2).fit(&first)?;
/// let mut model = OnlineKMeans::new(&start.centroids, Decay::HalfLifePoints(4.0))?;
/// model.learn(&first, None)?;
/// assert_eq!(model.clusters().centroids, array![[11.0], [1.0]]);
/// assert_eq!(model.clusters().weights, [3.0, 2.0]);
/// // Four rows are one half-life: the old ones now count half.
/// let learned = model.learn(&array![[3.5], [3.5], [3.5], [3.5]], None)?;
/// assert_eq!(learned.labels.to_vec(), [Some(1); 4]);
/// assert_eq!(model.clusters().weights, [1.5, 5.0]);
/// assert_eq!(model.clusters().centroids, array![[11.0], [3.0]]);
/// // A single row is a batch of one.
/// assert_eq!(model.learn(&[[9.0]], None)?.labels.get(0), Some(0));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct OnlineKMeans {
    decay: Decay,
    #[serde(with = "crate::num::exact")]
    reassignment_ratio: f64,
    moments: Moments,
    age: Age,
    /// The latest moment given, in milliseconds.
    pub clock_ms: Option<i64>,
    /// Rows learned since each cluster last got one.
    passed_by: Vec<u64>,
    /// Rows learned in all, those of merged models included.
    pub n_rows: u64,
    /// How often a dying cluster was re-seeded here; those of merged models not included.
    pub n_reseeded: u64,
}

impl OnlineKMeans {
    /// Starts at `centroids`, `(k, n_features)`, which weigh nothing: the first row a cluster gets
    /// takes the centroid's place. `decay` says how old rows fade.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a half-life out of range or two equal centroids;
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`].
    pub fn new<'a>(centroids: impl Into<Samples<'a>>, decay: Decay) -> Result<Self> {
        let centroids = centroids.into().into_rows()?;
        decay.check()?;
        let rows = check::rows(centroids.view())?;
        if let Some((a, b)) = rows.first_duplicate() {
            let got = format!("rows {a} and {b} equal");
            return Err(Error::parameter("centroids", "distinct", got));
        }
        let k = rows.n_rows();
        Ok(Self {
            decay,
            reassignment_ratio: 1e-8,
            passed_by: vec![0; k],
            moments: Moments::at(rows.data().to_vec(), k),
            age: Age::default(),
            clock_ms: None,
            n_rows: 0,
            n_reseeded: 0,
        })
    }

    /// A cluster whose weight is below this share of the heaviest one's is dying, and is re-seeded
    /// once none of the last 1,000·`k` rows went to it; in [0, 1), 0 for never. The default of 1e-8
    /// is Spark's: some 27 half-lives without a row. 0.01, scikit-learn's, is some seven.
    ///
    /// ```
    /// use personas::cluster::{Decay, OnlineKMeans};
    ///
    /// let model = OnlineKMeans::new(&[[0.0], [9.0]], Decay::HalfLifePoints(100.0))?;
    /// let mut model = model.reassignment_ratio(0.01)?;
    /// model.learn(&[[0.0], [9.0]], None)?;
    /// // Nobody comes to 9 any more, so that its cluster goes where the people are.
    /// for _ in 0..5_000 {
    ///     model.learn(&[[0.0], [1.0]], None)?;
    /// }
    /// assert!(model.n_reseeded > 0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a share out of range.
    pub fn reassignment_ratio(mut self, reassignment_ratio: f64) -> Result<Self> {
        check_ratio(reassignment_ratio)?;
        self.reassignment_ratio = reassignment_ratio;
        Ok(self)
    }

    /// Learns a batch `x`, `(n_samples, n_features)`, that came at a moment `at_ms`, or at no known moment. A
    /// single row is a batch of one.
    ///
    /// All rows of a batch count alike. The result has the same bits on any number of threads. If an error is
    /// returned, nothing has changed.
    ///
    /// Moments are milliseconds since any fixed moment, such as 1970. The first one starts the clock, which
    /// never goes back: rows of an earlier moment count as if they came at the latest one. With a half-life in
    /// days, all weights fade as the clock advances; centroids stay. A batch without rows only advances the
    /// clock.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, [`Error::NonFinite`],
    /// [`Error::MagnitudeTooLarge`]; [`Error::InvalidParameter`] if the half-life is in days and no moment
    /// is given.
    pub fn learn<'a>(
        &mut self,
        x: impl Into<Samples<'a>>,
        at_ms: impl Into<Option<i64>>,
    ) -> Result<Learned> {
        let at_ms = at_ms.into();
        if at_ms.is_none() && matches!(self.decay, Decay::HalfLifeDays(_)) {
            let expected = "a moment, as the half-life is in days";
            return Err(Error::parameter("at_ms", expected, "none"));
        }
        self.learn_view(x.into().into_rows()?.view(), at_ms)
    }

    /// Lets time pass without rows.
    fn advance(&mut self, at_ms: i64) {
        let from_ms = self.clock_ms.unwrap_or(at_ms);
        self.fade(self.decay.step_of_time(from_ms, at_ms));
        self.clock_ms = Some(from_ms.max(at_ms));
    }

    /// Adds what another model has learned, for example on another part of the stream.
    ///
    /// Each cluster of the other model is merged as a whole into the nearest centroid of this model. This is
    /// approximate and not symmetric: this model keeps its numbering and its number of clusters. The weight,
    /// mean and variance of all rows together are exact except for rounding, and so are those of a cluster
    /// that both models separate in the same way. With a half-life in days, both models first advance to the
    /// later clock. With a half-life in rows, the rows of one model do not age those of the other.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, [`Error::InvalidParameter`] for
    /// another decay.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let (expected, got) = (self.moments.width(), other.moments.width());
        if expected != got {
            return Err(Error::DimensionMismatch { what: "columns".into(), expected, got });
        }
        if self.decay != other.decay {
            let expected = format!("the same in both models ({:?})", self.decay);
            return Err(Error::parameter("decay", expected, format!("{:?}", other.decay)));
        }
        let mut other = other.clone();
        if let Some(now) = self.clock_ms.max(other.clock_ms) {
            self.advance(now);
            other.advance(now);
        }
        let factor = self.age.unit(self.decay) / other.age.unit(self.decay);
        let before = self.moments.means.clone();
        for theirs in 0..other.moments.weights.len() {
            if other.moments.weights[theirs] > 0.0 {
                let ours = nearest(other.moments.mean(theirs), &before).0;
                self.moments.absorb(ours, &other.moments, theirs, factor);
                self.passed_by[ours] = 0;
            }
        }
        self.n_rows = self.n_rows.saturating_add(other.n_rows);
        Ok(())
    }

    /// The nearest centroid of each row of `x`, `(n_samples, n_features)`, in the numbering
    /// of the model; ties go to the lower number. Learns nothing.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, [`Error::Empty`],
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`].
    pub fn predict<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Labels> {
        let x = x.into().into_rows()?;
        let rows = check::rows_of_width(x.view(), self.moments.width())?;
        let work = self.moments.means.len();
        let chunks = parallel::map_chunks(rows.n_rows(), work, |range| {
            let labels = range.map(|row| nearest(rows.row(row), &self.moments.means).0 as u32);
            labels.collect::<Vec<_>>()
        });
        Labels::numbered(chunks.concat(), self.moments.weights.len())
    }

    /// The clusters as they are now; O(k · n_features).
    pub fn clusters(&self) -> OnlineClusters {
        let shape = (self.moments.weights.len(), self.moments.width());
        let matrix = |values: Vec<f64>| {
            Array2::from_shape_vec(shape, values).expect("every cluster has all columns")
        };
        let unit = self.age.unit(self.decay);
        OnlineClusters {
            centroids: matrix(self.moments.means.clone()),
            weights: self.moments.weights.iter().map(|weight| weight / unit).collect(),
            variances: matrix(self.moments.variances()),
        }
    }

    fn learn_view(&mut self, x: ArrayView2<'_, f64>, at_ms: Option<i64>) -> Result<Learned> {
        let width = self.moments.width();
        if x.nrows() == 0 && x.ncols() == width {
            if let Some(at_ms) = at_ms {
                self.advance(at_ms);
            }
            let labels = Labels::numbered(Vec::new(), self.moments.weights.len())?;
            return Ok(Learned { labels, inertia: 0.0, reseeded: Vec::new() });
        }
        let rows = check::rows_of_width(x, width)?;
        let chunks = parallel::map_chunks(rows.n_rows(), self.moments.means.len(), |range| {
            GroupedRows::of(&rows, range, &self.moments.means)
        });
        let labels = chunks.iter().flat_map(|chunk| &chunk.labels).copied().collect();
        let labels = Labels::numbered(labels, self.moments.weights.len())?;
        // Nothing below can fail.
        if let Some(at_ms) = at_ms {
            self.advance(at_ms);
        }
        self.fade(self.decay.step_of_rows(rows.n_rows()));
        self.passed_by.iter_mut().for_each(|n| *n = n.saturating_add(rows.n_rows() as u64));
        let unit = self.age.unit(self.decay);
        // The batch first by itself, so that its weight enters each cluster at once.
        let mut chunks = chunks.into_iter();
        let mut batch = chunks.next().expect("there are rows");
        for chunk in chunks {
            for cluster in 0..chunk.moments.weights.len() {
                batch.moments.absorb(cluster, &chunk.moments, cluster, 1.0);
            }
            batch.inertia += chunk.inertia;
        }
        for (cluster, &weight) in batch.moments.weights.iter().enumerate() {
            if weight > 0.0 {
                self.moments.absorb(cluster, &batch.moments, cluster, unit);
                self.passed_by[cluster] = 0;
            }
        }
        let reseeded = self.reseed();
        self.n_rows = self.n_rows.saturating_add(rows.n_rows() as u64);
        Ok(Learned { labels, inertia: batch.inertia, reseeded })
    }

    fn fade(&mut self, step: f64) {
        self.moments.fade(self.age.pass(step, self.decay));
    }

    /// Puts every dying cluster on one half of the heaviest, the lowest number first.
    fn reseed(&mut self) -> Vec<(usize, usize)> {
        let k = self.passed_by.len();
        let patience = PATIENCE.saturating_mul(k as u64);
        let mut reseeded = Vec::new();
        for cluster in 0..k {
            if self.passed_by[cluster] < patience {
                continue;
            }
            let weights = &self.moments.weights;
            let half_of = self.moments.heaviest();
            let dying = weights[cluster] < self.reassignment_ratio * weights[half_of];
            if dying && self.moments.split(half_of, cluster) {
                self.passed_by[cluster] = 0;
                self.n_reseeded = self.n_reseeded.saturating_add(1);
                reseeded.push((cluster, half_of));
            }
        }
        reseeded
    }
}

impl TryFrom<Stored> for OnlineKMeans {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        stored.check()?;
        let Stored { decay, reassignment_ratio, moments, age, clock_ms, passed_by, .. } = stored;
        let Stored { n_rows, n_reseeded, .. } = stored;
        Ok(Self {
            decay,
            reassignment_ratio,
            moments,
            age,
            clock_ms,
            passed_by,
            n_rows,
            n_reseeded,
        })
    }
}

/// Some rows of a batch, grouped.
struct GroupedRows {
    labels: Vec<u32>,
    inertia: f64,
    moments: Moments,
}

impl GroupedRows {
    fn of(rows: &Rows<'_>, range: std::ops::Range<usize>, centroids: &[f64]) -> Self {
        let width = rows.n_columns();
        let moments = Moments::at(vec![0.0; centroids.len()], centroids.len() / width);
        let mut chunk = Self { labels: Vec::with_capacity(range.len()), inertia: 0.0, moments };
        for row in range {
            let row = rows.row(row);
            let (cluster, distance) = nearest(row, centroids);
            chunk.labels.push(cluster as u32);
            chunk.inertia += distance;
            chunk.moments.push(cluster, row);
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;

    #[test]
    fn threads_and_layouts_do_not_change_a_bit() {
        let mut stream = Stream::new(5, 0);
        let x = Array2::from_shape_simple_fn((10_000, 3), || stream.normal());
        let centroids = x.slice(ndarray::s![..6, ..]);
        let start = OnlineKMeans::new(centroids, Decay::HalfLifePoints(7000.0)).unwrap();
        let learn = |x: ArrayView2<'_, f64>| {
            let mut model = start.clone();
            let learned = [model.learn(x, None).unwrap(), model.learn(x, None).unwrap()];
            assert_eq!(model.predict(x).unwrap(), model.learn(x, None).unwrap().labels);
            (model, learned)
        };
        let one = parallel::with_threads(1, || learn(x.view()));
        for n in [2, 3, 16] {
            assert_eq!(parallel::with_threads(n, || learn(x.view())), one);
        }
        let mut columns = Array2::zeros(ndarray::ShapeBuilder::f(x.raw_dim()));
        columns.assign(&x);
        assert_eq!(learn(columns.view()), one);
    }
}
