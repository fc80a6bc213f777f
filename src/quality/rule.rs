//! One rule: of what, what must hold, and what happens to what breaks it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::{Error, Result};

/// What must hold of something, and what is done where it does not.
///
/// ```
/// use personas::quality::{Action, Check, QualityRule, Target};
///
/// let rule = QualityRule::new(Target::Identifier("email".into()), Check::Email, Action::Blank);
/// assert_eq!(rule.to_string(), "identifier \"email\" must look like an e-mail address");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityRule {
    /// What it is about.
    pub of: Target,
    /// What must hold.
    pub check: Check,
    /// The name of the events that are looked at; `None` for all.
    #[serde(default)]
    pub on: Option<String>,
    /// What happens to a value or an event that breaks it.
    #[serde(default)]
    pub action: Action,
}

/// What happens to a value or an event that breaks a rule; it is counted in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    #[default]
    Keep,
    /// The bad value becomes missing; of a list, only the bad ones among its values.
    Blank,
    /// The event or the row is dropped; of [`Target::Columns`] the column.
    Drop,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// A property of events. For duplicate names, the last value wins; in a list, each value is checked.
    Property(String),
    /// An attribute that events declare.
    Attribute(String),
    /// The identifiers of a kind that events carry.
    Identifier(String),
    /// The time at which events happened.
    Time,
    /// Events as a whole: [`Check::Unique`].
    Event,
    /// A table's column: its values, or how complete it is.
    Column(String),
    /// Every column of a table: [`Check::Complete`].
    Columns,
    /// Every row of a table: [`Check::Complete`].
    Rows,
}

impl QualityRule {
    /// A rule for events of all names; for those of one name set [`on`](Self::on).
    pub fn new(of: Target, check: Check, action: Action) -> Self {
        Self { of, check, on: None, action }
    }

    /// Whether it looks at events of this name.
    pub(super) fn looks_at(&self, event: &str) -> bool {
        self.on.as_deref().is_none_or(|name| name == event)
    }

    /// Whether it is about tables, not events.
    pub(super) fn is_of_tables(&self) -> bool {
        matches!(self.of, Target::Column(_) | Target::Columns | Target::Rows)
    }

    /// Whether a bad value is a thing of its own, that can be blanked.
    fn has_values(&self) -> bool {
        match self.of {
            Target::Property(_) | Target::Attribute(_) | Target::Identifier(_) => true,
            Target::Column(_) => !matches!(self.check, Check::Complete(_)),
            Target::Time | Target::Event | Target::Columns | Target::Rows => false,
        }
    }

    /// The error that this rule is.
    pub(super) fn error(&self, reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::InvalidRule { rule: self.to_string(), reason: reason.into() }
    }

    /// Whether the rule makes sense.
    pub(super) fn make_sense(&self) -> Result<()> {
        let fits = match (&self.of, &self.check) {
            (Target::Event, Check::Unique) => true,
            (Target::Event, _) | (_, Check::Unique) => false,
            (Target::Columns | Target::Rows | Target::Column(_), Check::Complete(_)) => true,
            (Target::Columns | Target::Rows, _) | (_, Check::Complete(_)) => false,
            // A table holds numbers and categories only.
            (Target::Column(_), check) => !check.is_of_moments(),
            _ => true,
        };
        let fault = match &self.of {
            _ if !fits => Some("this check does not fit what the rule is about"),
            Target::Property(name)
            | Target::Attribute(name)
            | Target::Identifier(name)
            | Target::Column(name)
                if name.trim().is_empty() =>
            {
                Some("it has no name")
            }
            Target::Property(name) if name.starts_with('@') => {
                Some("properties that begin with @ are not the sender's")
            }
            _ if self.on.is_some() && self.is_of_tables() => Some("a table has no events"),
            _ if self.action == Action::Blank && !self.has_values() => {
                Some("there is no value to blank")
            }
            _ => self.check.fault(),
        };
        fault.map_or(Ok(()), |fault| Err(self.error(fault)))
    }
}

impl fmt::Display for QualityRule {
    /// As in `property "amount" of "purchase" must be a number`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Target::Property(name) => write!(f, "property {name:?}")?,
            Target::Attribute(name) => write!(f, "attribute {name:?}")?,
            Target::Identifier(name) => write!(f, "identifier {name:?}")?,
            Target::Time => f.write_str("the time")?,
            Target::Event => f.write_str("the event")?,
            Target::Column(name) => write!(f, "column {name:?}")?,
            Target::Columns => f.write_str("every column")?,
            Target::Rows => f.write_str("every row")?,
        }
        if let Some(event) = &self.on {
            write!(f, " of {event:?}")?;
        }
        write!(f, " must {}", self.check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Condition;
    use crate::quality::Quality;
    use crate::{FeatureTable, Timestamp};

    #[test]
    fn a_rule_that_makes_no_sense_says_why() {
        let range = |low, high| Check::Is(Condition::Between(low, high));
        let bad = [
            QualityRule::new(Target::Property("amount".into()), range(2.0, 1.0), Action::Keep),
            QualityRule::new(Target::Property("amount".into()), range(f64::NAN, 1.0), Action::Keep),
            QualityRule::new(
                Target::Property(" ".into()),
                Check::Is(Condition::Exists),
                Action::Keep,
            ),
            QualityRule::new(
                Target::Property("@hour".into()),
                Check::Is(Condition::Exists),
                Action::Keep,
            ),
            QualityRule::new(
                Target::Property("zip".into()),
                Check::Pattern("(".into()),
                Action::Keep,
            ),
            QualityRule::new(
                Target::Property("zip".into()),
                Check::Pattern("(a{1000}){1000}".into()),
                Action::Keep,
            ),
            QualityRule::new(
                Target::Property("amount".into()),
                Check::Is(Condition::Less(f64::NAN)),
                Action::Keep,
            ),
            QualityRule::new(
                Target::Property("kind".into()),
                Check::Is(Condition::OneOf(vec![])),
                Action::Keep,
            ),
            QualityRule::new(
                Target::Property("due".into()),
                Check::FreshDays(f64::INFINITY),
                Action::Keep,
            ),
            QualityRule::new(Target::Property("due".into()), Check::Unique, Action::Keep),
            QualityRule::new(Target::Property("due".into()), Check::Complete(0.5), Action::Keep),
            QualityRule::new(Target::Time, Check::NotInFuture, Action::Blank),
            QualityRule::new(Target::Event, Check::Is(Condition::Exists), Action::Keep),
            QualityRule::new(Target::Event, Check::Unique, Action::Blank),
        ];
        let now = Timestamp::from_millis(0);
        for rule in bad {
            let result = Quality { rules: vec![rule.clone()] }.clean([], now);
            assert!(matches!(result, Err(Error::InvalidRule { .. })), "{rule}");
        }
        let bad = [
            QualityRule::new(Target::Columns, Check::Is(Condition::Exists), Action::Keep),
            QualityRule::new(Target::Columns, Check::Complete(1.5), Action::Keep),
            QualityRule::new(Target::Rows, Check::Complete(f64::NAN), Action::Keep),
            QualityRule::new(Target::Rows, Check::Complete(0.5), Action::Blank),
            QualityRule::new(Target::Column("age".into()), Check::Complete(0.5), Action::Blank),
            QualityRule::new(Target::Column("age".into()), Check::NotInFuture, Action::Keep),
            QualityRule {
                on: Some("purchase".into()),
                ..QualityRule::new(Target::Column("age".into()), Check::Number, Action::Keep)
            },
            QualityRule::new(Target::Column("aeg".into()), Check::Number, Action::Keep),
        ];
        let table = FeatureTable::new(1).numeric("age", vec![None]);
        let table = table.unwrap();
        for rule in bad {
            let result = Quality { rules: vec![rule.clone()] }.clean_table(&table);
            assert!(matches!(result, Err(Error::InvalidRule { .. })), "{rule}");
        }
    }
}
