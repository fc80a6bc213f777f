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

mod half_life;
mod model;
mod moments;
mod stored;

pub(super) use half_life::Age;
pub use half_life::Decay;
pub use model::{Learned, OnlineClusters, OnlineKMeans};
