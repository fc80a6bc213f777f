//! One rule: of what, what must hold, and what a breach does.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::{Error, Result};

/// What must hold of something, and what is done where it does not.
///
/// ```
/// use personas::quality::{Breach, Check, QualityRule};
///
/// let rule = QualityRule::identifier("email", Check::Email).otherwise(Breach::Unset);
/// assert_eq!(rule.to_string(), "identifier \"email\" must look like an e-mail address");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityRule {
    of: Of,
    check: Check,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    #[serde(default)]
    otherwise: Breach,
}

/// What a breach of a rule does; it is counted in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breach {
    /// Nothing.
    #[default]
    Keep,
    /// The bad value becomes missing; of a list, only the bad ones among its values.
    Unset,
    /// The event or the row is dropped; of [`QualityRule::columns`] the column.
    Drop,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of {
    Property(String),
    Attribute(String),
    Identifier(String),
    Time,
    Event,
    Column(String),
    Columns,
    Rows,
}

impl QualityRule {
    fn new(of: Of, check: Check) -> Self {
        Self { of, check, on: None, otherwise: Breach::Keep }
    }

    /// Of a property of events. Of one that is given twice the last counts; of a list, each value.
    pub fn property(name: impl Into<String>, check: Check) -> Self {
        Self::new(Of::Property(name.into()), check)
    }

    /// Of an attribute that events declare.
    pub fn attribute(name: impl Into<String>, check: Check) -> Self {
        Self::new(Of::Attribute(name.into()), check)
    }

    /// Of the identifiers of a kind that events carry.
    pub fn identifier(kind: impl Into<String>, check: Check) -> Self {
        Self::new(Of::Identifier(kind.into()), check)
    }

    /// Of the time at which events happened.
    pub fn time(check: Check) -> Self {
        Self::new(Of::Time, check)
    }

    /// Of events as a whole: [`Check::Unique`].
    pub fn event(check: Check) -> Self {
        Self::new(Of::Event, check)
    }

    /// Of a table's column: of its values, or how complete it is.
    pub fn column(name: impl Into<String>, check: Check) -> Self {
        Self::new(Of::Column(name.into()), check)
    }

    /// Of every column of a table: [`Check::Complete`].
    pub fn columns(check: Check) -> Self {
        Self::new(Of::Columns, check)
    }

    /// Of every row of a table: [`Check::Complete`].
    pub fn rows(check: Check) -> Self {
        Self::new(Of::Rows, check)
    }

    /// Only events of this name are looked at.
    #[must_use]
    pub fn on(mut self, event: impl Into<String>) -> Self {
        self.on = Some(event.into());
        self
    }

    /// What a breach does (default: it is only counted).
    #[must_use]
    pub fn otherwise(mut self, breach: Breach) -> Self {
        self.otherwise = breach;
        self
    }

    /// What must hold.
    pub fn check(&self) -> &Check {
        &self.check
    }

    /// What a breach does.
    pub fn breach(&self) -> Breach {
        self.otherwise
    }

    pub(super) fn of(&self) -> &Of {
        &self.of
    }

    /// Whether it looks at events of this name.
    pub(super) fn looks_at(&self, event: &str) -> bool {
        self.on.as_deref().is_none_or(|name| name == event)
    }

    /// Whether it is about tables, not events.
    pub(super) fn is_of_tables(&self) -> bool {
        matches!(self.of, Of::Column(_) | Of::Columns | Of::Rows)
    }

    /// Whether a bad value is a thing of its own, that can be unset.
    fn has_values(&self) -> bool {
        match self.of {
            Of::Property(_) | Of::Attribute(_) | Of::Identifier(_) => true,
            Of::Column(_) => !matches!(self.check, Check::Complete(_)),
            Of::Time | Of::Event | Of::Columns | Of::Rows => false,
        }
    }

    /// The error that this rule is.
    pub(super) fn error(&self, reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::InvalidRule { rule: self.to_string(), reason: reason.into() }
    }

    /// Whether the rule makes sense.
    pub(super) fn make_sense(&self) -> Result<()> {
        let fits = match (&self.of, &self.check) {
            (Of::Event, Check::Unique) => true,
            (Of::Event, _) | (_, Check::Unique) => false,
            (Of::Columns | Of::Rows | Of::Column(_), Check::Complete(_)) => true,
            (Of::Columns | Of::Rows, _) | (_, Check::Complete(_)) => false,
            // A table holds numbers and categories only.
            (Of::Column(_), check) => !check.is_of_moments(),
            _ => true,
        };
        let fault = match &self.of {
            _ if !fits => Some("this cannot be asked of it"),
            Of::Property(name) | Of::Attribute(name) | Of::Identifier(name) | Of::Column(name)
                if name.trim().is_empty() =>
            {
                Some("it has no name")
            }
            Of::Property(name) if name.starts_with('@') => {
                Some("properties that begin with @ are not the sender's")
            }
            _ if self.on.is_some() && self.is_of_tables() => Some("a table has no events"),
            _ if self.otherwise == Breach::Unset && !self.has_values() => {
                Some("there is no value to unset")
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
            Of::Property(name) => write!(f, "property {name:?}")?,
            Of::Attribute(name) => write!(f, "attribute {name:?}")?,
            Of::Identifier(name) => write!(f, "identifier {name:?}")?,
            Of::Time => f.write_str("the time")?,
            Of::Event => f.write_str("the event")?,
            Of::Column(name) => write!(f, "column {name:?}")?,
            Of::Columns => f.write_str("every column")?,
            Of::Rows => f.write_str("every row")?,
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
        let range = |min, max| Check::Range { min, max };
        let bad = [
            QualityRule::property("amount", range(2.0, 1.0)),
            QualityRule::property("amount", range(f64::NAN, 1.0)),
            QualityRule::property(" ", Check::Required),
            QualityRule::property("@hour", Check::Required),
            QualityRule::property("zip", Check::Pattern("(".into())),
            QualityRule::property("zip", Check::Pattern("(a{1000}){1000}".into())),
            QualityRule::property("amount", Check::Passes(Condition::Less(f64::NAN))),
            QualityRule::property("kind", Check::Passes(Condition::OneOf(vec![]))),
            QualityRule::property("due", Check::FreshDays(f64::INFINITY)),
            QualityRule::property("due", Check::Unique),
            QualityRule::property("due", Check::Complete(0.5)),
            QualityRule::time(Check::NotInFuture).otherwise(Breach::Unset),
            QualityRule::event(Check::Required),
            QualityRule::event(Check::Unique).otherwise(Breach::Unset),
        ];
        let now = Timestamp::from_millis(0);
        for rule in bad {
            let result = Quality::default().with(rule.clone()).check(&[], now);
            assert!(matches!(result, Err(Error::InvalidRule { .. })), "{rule}");
        }
        let bad = [
            QualityRule::columns(Check::Required),
            QualityRule::columns(Check::Complete(1.5)),
            QualityRule::rows(Check::Complete(f64::NAN)),
            QualityRule::rows(Check::Complete(0.5)).otherwise(Breach::Unset),
            QualityRule::column("age", Check::Complete(0.5)).otherwise(Breach::Unset),
            QualityRule::column("age", Check::NotInFuture),
            QualityRule::column("age", Check::Number).on("purchase"),
            QualityRule::column("aeg", Check::Number),
        ];
        let table = FeatureTable::new(1).numeric("age", vec![None]);
        let table = table.unwrap();
        for rule in bad {
            let result = Quality::default().with(rule.clone()).check_table(&table);
            assert!(matches!(result, Err(Error::InvalidRule { .. })), "{rule}");
        }
    }
}
