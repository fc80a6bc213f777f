//! How dense a row lies, and how dense beside its neighbours.
//!
//! Densities are kept as their inverse, the mean reach, whose ratios need no constant to stay finite:
//! so the factor has no unit.
//!
//! Source: Breunig, Kriegel, Ng, Sander 2000 (reachability density, local outlier factor).

use crate::num::neighbors::Neighbor;

/// The mean reach to the neighbours, 1 / lrd. `distance` is that of a neighbour.
pub(super) fn mean_reach(
    near: &[Neighbor],
    k_distances: &[f64],
    distance: impl Fn(&Neighbor) -> f64,
) -> f64 {
    let reach: f64 = near.iter().map(|b| k_distances[b.row as usize].max(distance(b))).sum();
    (reach / near.len() as f64).min(f64::MAX)
}

/// LOF, as a mean of ratios rather than a ratio of means: exactly 1 where all densities are equal.
/// Above 0 and finite, also where a mean reach is 0, as that of distances which are no metric can be.
pub(super) fn factor(near: &[Neighbor], mean_reach: f64, mean_reaches: &[f64]) -> f64 {
    let ratio = |b: &Neighbor| {
        let other = mean_reaches[b.row as usize];
        if mean_reach == other {
            1.0
        } else {
            (mean_reach / other).clamp(f64::MIN_POSITIVE, f64::MAX)
        }
    };
    let ratios: f64 = near.iter().map(ratio).sum();
    (ratios / near.len() as f64).min(f64::MAX)
}
