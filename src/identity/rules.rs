//! The rules by which identifiers name and join people.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Timestamp};

/// How identity is resolved.
///
/// ```
/// use personas::{FeatureSet, Profiles, Rules, Timestamp};
///
/// let rules = Rules::default()
///     .priority(["household_id", "card"])
///     .clock(Timestamp::parse("2000-01-01")?, Timestamp::parse("2040-01-01")?);
/// let people = Profiles::new(rules, FeatureSet::retail())?;
/// assert!(people.is_empty());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    priority: Vec<String>,
    clock: (Timestamp, Timestamp),
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            priority: ["user_id", "email"].map(String::from).to_vec(),
            // 1990-01-01 and 2200-01-01: outside them a clock is broken or a unit mistaken.
            clock: (
                Timestamp::from_millis(631_152_000_000),
                Timestamp::from_millis(7_258_118_400_000),
            ),
        }
    }
}

impl Rules {
    /// The kinds of identifiers, strongest first (default `user_id`, `email`); kinds not named
    /// come after them, alphabetically. A profile is named by its strongest identifier.
    #[must_use]
    pub fn priority<K: Into<String>>(mut self, kinds: impl IntoIterator<Item = K>) -> Self {
        self.priority = kinds.into_iter().map(Into::into).collect();
        self
    }

    /// The years in which events can have happened (default 1990-01-01 to 2200-01-01, both
    /// included); others are refused.
    #[must_use]
    pub fn clock(mut self, min: Timestamp, max: Timestamp) -> Self {
        self.clock = (min, max);
        self
    }

    /// The setters' ranges.
    pub(crate) fn check(&self) -> Result<()> {
        let (min, max) = self.clock;
        if min > max {
            let got = format!("{min} to {max}");
            return Err(Error::parameter("clock", "a range of times that is not empty", got));
        }
        for (rank, kind) in self.priority.iter().enumerate() {
            if kind.trim() != kind || kind.is_empty() || self.priority[..rank].contains(kind) {
                let expected = "kinds that are named once, without blanks around them";
                return Err(Error::parameter("priority", expected, format!("{kind:?}")));
            }
        }
        Ok(())
    }

    /// Earliest and latest time allowed.
    pub(crate) fn clock_range(&self) -> (Timestamp, Timestamp) {
        self.clock
    }

    /// Orders kinds, strongest first.
    pub(crate) fn rank<'k>(&self, kind: &'k str) -> (usize, &'k str) {
        let place = self.priority.iter().position(|known| known == kind);
        (place.unwrap_or(self.priority.len()), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_clock_is_1990_to_2200() {
        let (min, max) = Rules::default().clock;
        assert_eq!((min.to_string(), max.to_string()), {
            ("1990-01-01T00:00:00Z".into(), "2200-01-01T00:00:00Z".into())
        });
    }

    #[test]
    fn kinds_rank_by_priority_and_then_by_alphabet() {
        let rules = Rules::default();
        let mut kinds = ["cookie", "email", "card", "user_id"];
        kinds.sort_by_key(|kind| rules.rank(kind));
        assert_eq!(kinds, ["user_id", "email", "card", "cookie"]);
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let (min, max) = Rules::default().clock;
        assert!(Rules::default().check().is_ok());
        assert!(Rules::default().clock(max, min).check().is_err());
        assert!(Rules::default().priority(["email", "email"]).check().is_err());
        assert!(Rules::default().priority([" email"]).check().is_err());
    }

    #[test]
    fn rules_survive_json_and_a_misspelt_one_is_refused() {
        let rules = Rules::default().priority(["card"]);
        let json = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), rules);
        assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), Rules::default());
        assert!(serde_json::from_str::<Rules>("{\"priorities\": []}").is_err());
    }
}
