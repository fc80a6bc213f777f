//! Rows unlike the others, and why they are odd.
//!
//! Every method here gives each row a score, *higher = odder*, and a threshold above which a row
//! counts as an outlier. Scores rank; whether an odd row is an error, a fraud or the best customer
//! is for the reader to say.
//!
//! | | [`IsolationForest`] | [`LocalOutlierFactor`] |
//! |---|---|---|
//! | odd is | what few random cuts set apart | what lies sparser than its own neighbours |
//! | sees | rows far out in some columns | also rows between or beside dense groups |
//! | misses | gaps inside the data, local oddities | whole groups of more than `k` odd rows |
//! | scale of columns | does not matter | decides: bring columns to one scale first |
//! | many useless columns | dilute it slowly | drown the distances |
//! | cost | `n_trees · n_samples · log` | a search of neighbours: `n_samples²` at most |
//! | says why | [`reasons`](IsolationForestFit::reasons) | [`reasons`](LofFit::reasons) |
//!
//! Start with the forest; take the factor where groups have different densities.

mod isolation_forest;
mod lof;
mod rank;

pub use crate::num::reasons::ColumnReason;
pub use isolation_forest::{Contamination, IsolationForest, IsolationForestFit};
pub use lof::{LocalOutlierFactor, LofFit, Novelty};
