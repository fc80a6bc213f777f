//! The stored form: settings and rows; the rest follows from them.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::num::neighbors::Metric;

#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(with = "crate::num::exact")]
    pub(super) eps: f64,
    pub(super) min_samples: usize,
    pub(super) metric: Metric,
    pub(super) window: Window,
    /// The number and moment of every row, in the order they came.
    pub(super) rows: Vec<(u64, i64)>,
    /// The rows as their distances are taken, in units of the data.
    #[serde(with = "crate::num::exact")]
    pub(super) values: Array2<f64>,
    pub(super) next_number: u64,
    pub(super) newest: i64,
}
