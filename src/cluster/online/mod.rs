//! k-means that goes on learning: rows come in batches or one by one, old ones may fade.
//!
//! Per batch: every row goes to the nearest centroid as it was before the batch; **all** weights
//! fade, those of clusters without new rows too; then each cluster takes in its rows, so that its
//! centroid is the weighted mean of all it ever got. These are the semantics of Spark's
//! `StreamingKMeans` as its code has them (its printed formula leaves the fading out of the
//! divisor). Without decay and row by row it is MacQueen's k-means.
//!
//! Where we differ from Spark: the half-life in rows is exact however the rows are cut into
//! batches; a dying cluster is put on one half of the heaviest one, a standard deviation's step
//! away, where Spark moves the two 1e-14 apart, which no row can tell; and weights alone do not
//! condemn a cluster: rows must have come and passed it by. Where we differ from scikit-learn's
//! `partial_fit`: nothing is drawn at random after the start, and clusters keep their numbers.
//!
//! Source: MacQueen 1967; Apache Spark's MLlib; Lang, Schubert 2020 (BETULA) for the summaries.
//! Cost: O(n·k·d) time per batch; the model holds 24·k·d bytes, whatever it has seen.

mod fitted;
mod half_life;
mod moments;
mod stored;

use serde::{Deserialize, Serialize};

pub use fitted::{Learned, OnlineKMeansFit};
pub(super) use half_life::Age;
pub use half_life::Decay;

use super::kmeans::KMeans;
use crate::num::check;
use crate::num::samples::Samples;
use crate::{Error, Result};
use moments::Moments;
use stored::check_ratio;

/// Splits a stream of rows into `k` groups, and follows them as they drift.
///
/// It is started by [`fit`](Self::fit) on a first batch, of which the larger the better: at least
/// some dozens of rows per cluster, as what the start gets wrong is mended only slowly; or by
/// [`start`](Self::start) on centroids one has. Then it [`learn`](OnlineKMeansFit::learn)s. For
/// data that are all there at once [`KMeans`] finds better groups.
///
/// ```
/// use personas::cluster::OnlineKMeans;
/// use personas::cluster::Decay;
/// use personas::ndarray::array;
///
/// let mut model = OnlineKMeans::new(2)
///     .decay(Decay::HalfLifePoints(4.0))
///     .fit(&array![[0.0], [2.0], [10.0], [12.0], [11.0]])?;
/// assert_eq!(model.centroids(), array![[11.0], [1.0]]);
/// assert_eq!(model.weights(), [3.0, 2.0]);
/// // Four rows are one half-life: the old ones now count half.
/// let learned = model.learn(&array![[3.5], [3.5], [3.5], [3.5]], None)?;
/// assert_eq!(learned.labels.to_vec(), [Some(1); 4]);
/// assert_eq!(model.weights(), [1.5, 5.0]);
/// assert_eq!(model.centroids(), array![[11.0], [3.0]]);
/// // A single row is a batch of one.
/// assert_eq!(model.learn(&[[9.0]], None)?.labels.get(0), Some(0));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnlineKMeans {
    k: usize,
    decay: Decay,
    #[serde(with = "crate::num::exact")]
    reassignment_ratio: f64,
    seed: u64,
}

impl OnlineKMeans {
    /// `k` groups, 1 or more, which forget nothing; reassignment ratio 1e-8, seed 0.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, decay: Decay::None, reassignment_ratio: 1e-8, seed: 0 }
    }

    /// How old rows fade.
    #[must_use]
    pub fn decay(mut self, decay: Decay) -> Self {
        self.decay = decay;
        self
    }

    /// A cluster whose weight is below this share of the heaviest one's is dying, and is re-seeded
    /// once none of the last 1,000·`k` rows went to it; in [0, 1), 0 for never. The default of 1e-8
    /// is Spark's: some 27 half-lives without a row. 0.01, scikit-learn's, is some seven.
    #[must_use]
    pub fn reassignment_ratio(mut self, reassignment_ratio: f64) -> Self {
        self.reassignment_ratio = reassignment_ratio;
        self
    }

    /// Seed of the k-means that groups the first batch; nothing later is random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Groups a first batch `x`, `(n_samples, n_features)`, by [`KMeans`] with its defaults, and
    /// takes over the groups with their weights, larger first.
    ///
    /// All rows of the first batch count 1. With a half-life in days the first moment that
    /// [`learn`](OnlineKMeansFit::learn) gets starts the clock; a batch without rows says when this one was.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a setting out of range; as [`KMeans::fit`] for the rows, of
    /// which at least `k` must be distinct.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<OnlineKMeansFit> {
        let x = x.into().into_rows()?;
        self.check()?;
        let fit = KMeans::new(self.k).seed(self.seed).fit(&x)?;
        let rows = check::rows(x.view())?;
        let mut moments = Moments::at(fit.centroids().iter().copied().collect(), self.k);
        for (row, cluster) in rows.iter().zip(fit.labels.iter()) {
            moments.push(cluster.expect("k-means leaves no row out"), row);
        }
        Ok(OnlineKMeansFit::new(moments, self.decay, self.reassignment_ratio, rows.n_rows()))
    }

    /// Starts at given centroids, `(k, n_features)`, which weigh nothing: the first row a cluster
    /// gets takes the centroid's place.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a setting out of range or two equal centroids;
    /// [`Error::DimensionMismatch`] if they are not `k`; [`Error::NoColumns`],
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`].
    pub fn start<'a>(&self, centroids: impl Into<Samples<'a>>) -> Result<OnlineKMeansFit> {
        let centroids = centroids.into().into_rows()?;
        self.check()?;
        if centroids.nrows() != self.k {
            return Err(Error::DimensionMismatch {
                what: "given centroids".into(),
                expected: self.k,
                got: centroids.nrows(),
            });
        }
        let rows = check::rows(centroids.view())?;
        if let Some((a, b)) = rows.first_duplicate() {
            let got = format!("rows {a} and {b} equal");
            return Err(Error::parameter("centroids", "distinct", got));
        }
        let moments = Moments::at(rows.data().to_vec(), self.k);
        Ok(OnlineKMeansFit::new(moments, self.decay, self.reassignment_ratio, 0))
    }

    fn check(&self) -> Result<()> {
        if self.k == 0 {
            return Err(Error::parameter("k", "at least 1", self.k));
        }
        self.decay.check()?;
        check_ratio(self.reassignment_ratio)
    }
}
