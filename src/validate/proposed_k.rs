//! What a rule that goes through numbers of clusters returns.

use serde::{Deserialize, Serialize};

/// The number of clusters that a rule proposes, and its figures for every number; returned by
/// [`gap`](super::gap()) and [`prediction_strength`](super::prediction_strength()).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProposedK {
    /// The number that the rule proposes; 1 says that there are no groups, `None` that the range
    /// holds no answer.
    pub k: Option<usize>,
    /// Every k that has a figure, ascending: k, the figure and its standard error.
    pub per_k: Vec<(usize, f64, f64)>,
    /// How many rows were judged: all, or 2,000 drawn at random (ten per cluster if the range ends above 200).
    pub n_rows: usize,
}
