//! What can be chosen when a table is prepared.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Weights other than 0. Wider ones would cost digits on the way there and back.
pub(super) const WEIGHTS: RangeInclusive<f64> = 1e-6..=1e6;

/// How numbers are centred and scaled. Standard deviations have the divisor n.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Scaling {
    /// To mean 0 and standard deviation 1.
    #[default]
    Standard,
    /// To median 0 and interquartile range 1; where that range is 0, to standard deviation 1.
    Robust,
    /// Not at all; categories are then 0 or 1 and ordered ones ranks.
    None,
}
