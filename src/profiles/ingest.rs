//! What became of a batch of events.

use std::fmt;
use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// How many positions of refused events are kept per reason.
const N_EXAMPLES: usize = 3;

/// What became of the events offered: `accepted + duplicates + suppressed + n_refused()` of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ingest {
    /// Events that count.
    pub accepted: usize,
    /// Events whose message id had been seen; 0 unless duplicates are looked for.
    pub duplicates: usize,
    /// Events about somebody who was forgotten; nothing of them was kept.
    #[serde(default)]
    pub suppressed: usize,
    /// Events that count but do not say how far local clocks were from UTC, while some feature is
    /// of local time: they are not in that feature.
    #[serde(default)]
    pub without_local_time: usize,
    /// Events that were refused, by reason, in order of the first of each.
    pub refused: Vec<Refused>,
}

/// Events refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refused {
    /// The reason, with the numbers of the first such event.
    pub reason: Refusal,
    /// How many there were.
    pub n: usize,
    /// Positions in the batch of the first three of them, from 0.
    pub examples: Vec<usize>,
}

impl Ingest {
    /// Number of events refused.
    pub fn n_refused(&self) -> usize {
        self.refused.iter().map(|refused| refused.n).sum()
    }

    /// Notes a refusal; positions must ascend.
    pub(super) fn refuse(&mut self, position: usize, reason: Refusal) {
        let kind = discriminant(&reason);
        let known = self.refused.iter_mut().find(|known| discriminant(&known.reason) == kind);
        match known {
            Some(known) => {
                known.n += 1;
                if known.examples.len() < N_EXAMPLES {
                    known.examples.push(position);
                }
            }
            None => self.refused.push(Refused { reason, n: 1, examples: vec![position] }),
        }
    }
}

impl fmt::Display for Ingest {
    /// One line, such as `9 accepted, 1 duplicate, 2 refused (2: it carries no identifier, at 3,
    /// 7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.duplicates == 1 { "" } else { "s" };
        write!(f, "{} accepted, {} duplicate{plural}, ", self.accepted, self.duplicates)?;
        if self.suppressed > 0 {
            write!(f, "{} about the forgotten, ", self.suppressed)?;
        }
        if self.without_local_time > 0 {
            write!(f, "{} without local time, ", self.without_local_time)?;
        }
        write!(f, "{} refused", self.n_refused())?;
        for (i, refused) in self.refused.iter().enumerate() {
            let positions: Vec<String> = refused.examples.iter().map(usize::to_string).collect();
            let more = if refused.n > refused.examples.len() { " …" } else { "" };
            write!(f, "{}{}: ", if i == 0 { " (" } else { "; " }, refused.n)?;
            write!(f, "{}, at {}{more}", refused.reason, positions.join(", "))?;
        }
        if self.refused.is_empty() { Ok(()) } else { write!(f, ")") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason_with_the_first_positions() {
        let mut ingest = Ingest { accepted: 9, duplicates: 1, ..Ingest::default() };
        assert_eq!(ingest.to_string(), "9 accepted, 1 duplicate, 0 refused");
        for position in [1, 4, 5, 8] {
            ingest.refuse(position, Refusal::NoIdentifier);
        }
        ingest.suppressed = 2;
        ingest.refuse(9, Refusal::TooManyIdentifiers { got: 30, limit: 20 });
        assert_eq!(ingest.n_refused(), 5);
        assert_eq!(
            ingest.to_string(),
            "9 accepted, 1 duplicate, 2 about the forgotten, 5 refused (4: it carries no identifier, at 1, 4, 5 …; \
             1: it carries 30 identifiers, more than 20, at 9)"
        );
    }
}
