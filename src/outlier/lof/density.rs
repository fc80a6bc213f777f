//! How dense a row lies, and how dense beside its neighbours.
//!
//! Source: Breunig, Kriegel, Ng, Sander 2000 (reachability density, local outlier factor).

use crate::num::neighbors::Neighbor;

/// Keeps the density finite where all distances are 0. In units of the data: distances below it
/// are as good as 0.
const TINY: f64 = 1e-10;

/// lrd: one by the mean reach to the neighbours.
pub(super) fn density(near: &[Neighbor], k_distances: &[f64]) -> f64 {
    let reach: f64 = near.iter().map(|b| k_distances[b.row].max(b.distance)).sum();
    1.0 / (reach / near.len() as f64 + TINY)
}

/// LOF, as a mean of ratios rather than a ratio of means: exactly 1 where all densities are equal.
pub(super) fn factor(near: &[Neighbor], density: f64, densities: &[f64]) -> f64 {
    let ratios: f64 = near.iter().map(|b| densities[b.row] / density).sum();
    ratios / near.len() as f64
}
