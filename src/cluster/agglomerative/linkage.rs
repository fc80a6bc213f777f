//! What the distance of two clusters is.

use serde::{Deserialize, Serialize};

/// How far apart two clusters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Linkage {
    /// The least distance between a row of one and a row of the other. Follows any shape, but a
    /// few rows in between can chain two groups together.
    Single,
    /// The greatest such distance. Compact groups of similar diameter.
    Complete,
    /// The mean of all such distances. A compromise of the two.
    Average,
    /// √(2·|A|·|B| / (|A| + |B|)) times the distance between the means: the merge that adds least
    /// to the sum of squared distances comes first. Round groups, as k-means.
    Ward,
}
