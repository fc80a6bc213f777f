//! What the distance of two clusters is, and how it follows from those of their parts.

use serde::{Deserialize, Serialize};

/// A merge: (smallest row of the one, smallest row of the other, distance).
pub(super) type RowMerge = (usize, usize, f64);

/// How far apart two clusters are.
///
/// The weights of rows count for [`Average`](Self::Average), [`Ward`](Self::Ward) and
/// [`Centroid`](Self::Centroid); the other linkages give the same tree whatever the weights are, as
/// repeated rows, which merge at 0, would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Linkage {
    /// The least distance between a row of one and a row of the other. Follows any shape, but a
    /// few rows in between can chain two groups together.
    Single,
    /// The greatest such distance. Compact groups of similar diameter.
    Complete,
    /// The mean of all such distances (UPGMA). A compromise of the two.
    Average,
    /// The mean of the distances to the two parts of a cluster; both parts count alike, whatever their
    /// sizes (WPGMA).
    Weighted,
    /// √(2·|A|·|B| / (|A| + |B|)) times the distance between the means: the merge that adds least
    /// to the sum of squared distances comes first. Round groups, as k-means.
    Ward,
    /// The distance between the means (UPGMC). A merge can be lower than the one before it.
    Centroid,
    /// The distance between centres, where the centre of a merged cluster lies halfway between the centres
    /// of its two parts, whatever their sizes (WPGMC). A merge can be lower than the one before it.
    Median,
}

impl Linkage {
    /// Whether distances are squared while clusters merge.
    pub(super) fn is_on_squares(self) -> bool {
        matches!(self, Self::Ward | Self::Centroid | Self::Median)
    }

    /// Whether no merge is lower than the one before it.
    #[cfg(test)]
    pub(super) fn is_monotone(self) -> bool {
        !matches!(self, Self::Centroid | Self::Median)
    }

    /// The linkage's distance of two rows, from the distance (squared if it is on squares).
    #[inline]
    pub(super) fn of_rows(self, distance: f64, weights: [f64; 2]) -> f64 {
        match self {
            Self::Ward => ward(weights, distance),
            _ => distance,
        }
    }

    /// The distance of cluster k to the union of i and j, from its distances to i and to j, the one
    /// between i and j, and the sizes of i, j and k (Lance, Williams 1967).
    ///
    /// In exact numbers no monotone linkage brings k nearer than the nearer of i and j; rounding must
    /// not either.
    #[inline(always)]
    pub(super) fn updated(self, to_i: f64, to_j: f64, between: f64, sizes: [f64; 3]) -> f64 {
        let [i, j, k] = sizes;
        let lesser = if to_j < to_i { to_j } else { to_i };
        let (distance, least) = match self {
            Self::Single => (lesser, lesser),
            Self::Complete => (if to_j > to_i { to_j } else { to_i }, lesser),
            Self::Average => ((i * to_i + j * to_j) / (i + j), lesser),
            Self::Weighted => (0.5 * (to_i + to_j), lesser),
            Self::Ward => (((i + k) * to_i + (j + k) * to_j - k * between) / (i + j + k), lesser),
            Self::Centroid => {
                let (i, j) = (i / (i + j), j / (i + j));
                (i * to_i + j * to_j - i * j * between, 0.0)
            }
            Self::Median => (0.5 * (to_i + to_j) - 0.25 * between, 0.0),
        };
        if distance < least { least } else { distance }
    }
}

/// The squared Ward distance of two clusters, from their weights and the squared distance of their
/// means.
#[inline(always)]
pub(super) fn ward(weights: [f64; 2], squared: f64) -> f64 {
    let [a, b] = weights;
    2.0 * (a * b) / (a + b) * squared
}
