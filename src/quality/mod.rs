//! Data quality: finds, counts and repairs what is wrong with events and tables.
//!
//! A [`Quality`] is a list of [`QualityRule`]s. A rule says what it is about (a property, an attribute, an
//! identifier or the time of events, or the columns and rows of a table), what must hold, and what happens
//! if it does not. Use it before events are added to [`Profiles`](crate::Profiles): what it drops never
//! reaches the store.
//!
//! Every rule checks the original values, not what other rules left of them, so the order of rules does not
//! matter. Cost: O(events · rules); [`Check::Unique`] needs under 100 bytes per event while it runs.

mod blank;
mod check;
mod email;
mod events;
mod report;
mod rule;
mod table;

pub use check::Check;
pub use report::{QualityReport, RuleReport};
pub use rule::{Action, QualityRule, Target};
use serde::{Deserialize, Serialize};

use crate::FeatureTable;
use crate::{Event, Result, Timestamp};

/// What must hold of events and tables, and what is done where it does not.
///
/// ```
/// use personas::features::Condition;
/// use personas::quality::{Action, Check, Quality, QualityRule, Target};
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let exists = Check::Is(Condition::Exists);
/// let order_id = QualityRule::new(Target::Property("order_id".into()), exists, Action::Keep);
/// let order_id = QualityRule { on: Some("purchase".into()), ..order_id };
/// let quality = Quality {
///     rules: vec![
///         QualityRule::new(Target::Property("amount".into()), Check::Is(Condition::Between(0.0, 1e5)), Action::Blank),
///         order_id,
///         QualityRule::new(Target::Time, Check::NotInFuture, Action::Drop),
///         QualityRule::new(Target::Event, Check::Unique, Action::Drop),
///     ],
/// };
///
/// let (may, now) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2017-06-01")?);
/// let bought = |amount: f64| Event::new("purchase", may).id("card", "1").property("amount", amount);
/// let (events, report) = quality.clean([bought(5.0), bought(-9e9), bought(5.0)], now)?;
/// assert_eq!((report.n_rows, report.n_dropped, report.n_blanked), (3, 1, 1));
/// assert_eq!(
///     report.to_string(),
///     "3 rows, 1 dropped, 1 value blanked
///   1  blank  property \"amount\" must be a number from 0 to 100000, first at 1
///   3  keep   property \"order_id\" of \"purchase\" must be there, first at 0, 1, 2
///   0  drop   the time must not be in the future
///   1  drop   the event must be unique, first at 2"
/// );
///
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// people.extend(&events);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// Every rule judges what came, not what other rules left of it, so that their order does not
/// matter. The rules are plain data that a configuration file can hold:
///
/// ```
/// use personas::quality::{Check, Quality, QualityRule, Target};
///
/// let json = r#"[
///     {"of": {"attribute": "email"}, "check": "email", "action": "blank"},
///     {"of": {"property": "amount"}, "on": "purchase", "check": {"is": {"between": [0.0, 1e5]}}},
///     {"of": "columns", "check": {"complete": 0.5}, "action": "drop"}
/// ]"#;
/// let quality: Quality = serde_json::from_str(json).map_err(|e| std::io::Error::other(e))?;
/// assert_eq!(quality.rules[0].to_string(), "attribute \"email\" must look like an e-mail address");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quality {
    /// The rules, in any order.
    pub rules: Vec<QualityRule>,
}

impl Quality {
    /// Returns the events that are not dropped, without the values that are blanked, in the order given, and a
    /// report of what was wrong. A rule of `products.price` is about the price of each product of an order. Positions in the report count the events given, from 0. `as_of` is the present
    /// moment for [`Check::NotInFuture`] and [`Check::FreshDays`]. Rules about tables are skipped. Repetitions
    /// ([`Check::Unique`]) are found among the events of one call only.
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) for a rule that is not valid.
    pub fn clean<'a>(
        &self,
        events: impl IntoIterator<Item = Event<'a>>,
        as_of: Timestamp,
    ) -> Result<(Vec<Event<'a>>, QualityReport)> {
        let mut events: Vec<Event<'a>> = events.into_iter().collect();
        let all: Vec<&Event<'_>> = events.iter().collect();
        let judge = events::Judge::new(&self.rules, &all, as_of)?;
        let mut report = judge.report(all.len());
        let mut position = 0;
        events.retain_mut(|event| {
            let verdict = judge.verdict(position, event);
            let n_blanked = if verdict.changes() { judge.blank(event) } else { 0 };
            report.note(position, &verdict.broken, verdict.drops, n_blanked);
            position += 1;
            !verdict.drops
        });
        Ok((events, report))
    }

    /// Returns the table without what the rules drop and blank, and a report of what was wrong. Rules about
    /// events are skipped.
    ///
    /// Values are checked first; a bad value is blanked, or its row is dropped. Columns are checked next, by the
    /// values that are left, and then rows, by the columns that are left.
    ///
    /// ```
    /// use personas::features::Condition;
    /// use personas::quality::{Action, Check, Quality, QualityRule, Target};
    /// use personas::FeatureTable;
    ///
    /// let table = FeatureTable::new(3)
    ///     .numeric("age", vec![Some(31.0), Some(999.0), Some(64.0)])?
    ///     .categorical("pet", vec![None, None, Some("cat".into())])?;
    /// let quality = Quality {
    ///     rules: vec![
    ///         QualityRule::new(Target::Column("age".into()), Check::Is(Condition::Between(0.0, 120.0)), Action::Blank),
    ///         QualityRule::new(Target::Columns, Check::Complete(0.5), Action::Drop),
    ///         QualityRule::new(Target::Rows, Check::Complete(1.0), Action::Drop),
    ///     ],
    /// };
    /// let (table, report) = quality.clean_table(&table)?;
    /// assert_eq!((table.n_rows(), table.columns().len()), (2, 1));
    /// assert_eq!(report.columns_dropped, ["pet"]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) for a rule that is not valid, or is of
    /// a column that is not there.
    pub fn clean_table(&self, table: &FeatureTable) -> Result<(FeatureTable, QualityReport)> {
        table::clean(&self.rules, table)
    }
}
