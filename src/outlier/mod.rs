//! Rows unlike the others, and why they are odd.
//!
//! Every method here gives each row a score, *higher = odder*, and a threshold above which a row
//! counts as an outlier. Scores rank; whether an odd row is an error, a fraud or the best customer
//! is for the reader to say.
//!
//! | | [`IsolationForest`] | [`LocalOutlierFactor`] |
//! |---|---|---|
//! | an odd row | is isolated by few random cuts | lies where rows are sparser than around its neighbours |
//! | finds | rows far out in some columns | also rows between or near dense groups |
//! | misses | rows in gaps inside the data, local outliers | groups of more than `n_neighbors` odd rows |
//! | scale of columns | does not matter | decides: bring columns to one scale first |
//! | many uninformative columns | weaken the scores slowly | make all distances alike |
//! | cost | O(`n_trees · n_samples` · log `max_samples`) | a search for neighbours, O(`n_samples²`) at most |
//! | explains a row | [`reasons`](IsolationForestFit::reasons) | [`reasons`](LofFit::reasons) |
//!
//! Start with the forest; use the local outlier factor if groups have different densities.

mod isolation_forest;
mod lof;
mod rank;

pub use crate::num::reasons::ColumnReason;
pub use isolation_forest::{Contamination, IsolationForest, IsolationForestFit};
pub use lof::{LocalOutlierFactor, LofFit, Novelty};
