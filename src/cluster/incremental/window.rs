//! Which rows stay, by their number or their age.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which rows stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// All that are not removed.
    #[default]
    All,
    /// The last so many, 1 or more.
    Rows(usize),
    /// Those at most so long before the newest moment, 0 or more, in the caller's unit of time.
    Span(i64),
}

impl Window {
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Rows(0) => Err(Error::parameter("window", "at least 1 row", 0)),
            Self::Span(span) if span < 0 => {
                Err(Error::parameter("window", "a span of 0 or more", span))
            }
            _ => Ok(()),
        }
    }

    /// Whether the oldest of `n_rows` rows, of this moment, has to go.
    pub(super) fn is_past(self, at: i64, newest: i64, n_rows: usize) -> bool {
        match self {
            Self::All => false,
            Self::Rows(n) => n_rows > n,
            Self::Span(span) => at < newest.saturating_sub(span),
        }
    }
}
