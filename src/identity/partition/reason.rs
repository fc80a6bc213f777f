//! Why a link was not taken, and how exports write it.

use serde::{Deserialize, Serialize};

/// Why a link was not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// Its claimed end was verified elsewhere: a claim joins nobody to a verified identifier.
    Claimed,
    /// A cannot-link lies between the two profiles.
    CannotLink,
    /// The two profiles together would have too many values of a kind.
    Limit {
        /// The kind.
        kind: String,
        /// Values a person may have.
        limit: usize,
        /// Values there would be.
        values: usize,
    },
    /// Its kind is weak, and both profiles hold a strong identifier.
    Weak,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claimed => f.write_str("claimed"),
            Self::CannotLink => f.write_str("cannot_link"),
            Self::Limit { kind, limit, values } => write!(f, "limit {kind} {limit}: {values}"),
            Self::Weak => f.write_str("weak"),
        }
    }
}
