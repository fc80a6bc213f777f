//! Judging tables: values, then columns, then rows.

use super::check::{BoundCheck, Check};
use super::report::{QualityReport, RuleReport};
use super::rule::{Action, QualityRule, Target};
use crate::features::{Column, FeatureTable, Values};
use crate::{Result, Timestamp, Value};

/// A table on its way to being clean.
struct Cleaner {
    columns: Vec<Column>,
    /// Of every row, whether it stays.
    stays: Vec<bool>,
    report: QualityReport,
}

/// The table that is left, and what was wrong.
pub(super) fn clean(
    rules: &[QualityRule],
    table: &FeatureTable,
) -> Result<(FeatureTable, QualityReport)> {
    let rules: Vec<&QualityRule> = rules
        .iter()
        .map(|rule| rule.make_sense().map(|()| rule))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter(|rule| rule.is_of_tables())
        .collect();
    let n_rows = table.n_rows();
    let report = QualityReport {
        n_rows,
        rules: rules.iter().map(|rule| RuleReport::none(rule)).collect(),
        ..QualityReport::default()
    };
    let mut cleaner =
        Cleaner { columns: table.columns().to_vec(), stays: vec![true; n_rows], report };
    cleaner.values(&rules)?;
    cleaner.columns(&rules)?;
    cleaner.rows(&rules);
    cleaner.finish(table)
}

impl Cleaner {
    fn position(&self, rule: &QualityRule, name: &str) -> Result<usize> {
        let place = self.columns.iter().position(|column| column.name == name);
        place.ok_or_else(|| rule.error("the table has no such column"))
    }

    /// Bad values, as they came.
    fn values(&mut self, rules: &[&QualityRule]) -> Result<()> {
        let mut blank: Vec<(usize, usize)> = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let Target::Column(name) = &rule.of else { continue };
            if matches!(&rule.check, Check::Complete(_)) {
                continue;
            }
            // No check of a column asks for the time.
            let bound = BoundCheck::new(&rule.check, Timestamp::from_millis(0));
            let bound = bound.map_err(|fault| rule.error(fault))?;
            let column = self.position(rule, name)?;
            for row in 0..self.stays.len() {
                let value = value(&self.columns[column].values, row);
                if bound.is_broken(value.as_ref().into_iter()) {
                    self.report.rules[place].note(row);
                    match rule.action {
                        Action::Keep => {}
                        Action::Blank => blank.extend(value.is_some().then_some((column, row))),
                        Action::Drop => self.stays[row] = false,
                    }
                }
            }
        }
        blank.sort_unstable();
        blank.dedup();
        for (column, row) in blank {
            match &mut self.columns[column].values {
                Values::Numeric(values) => values[row] = None,
                Values::Categorical(values) => values[row] = None,
            }
            self.report.n_blanked += usize::from(self.stays[row]);
        }
        Ok(())
    }

    /// Columns of which too little is left.
    fn columns(&mut self, rules: &[&QualityRule]) -> Result<()> {
        let n_rows = self.stays.iter().filter(|stays| **stays).count();
        let mut drops = vec![false; self.columns.len()];
        for (place, rule) in rules.iter().enumerate() {
            let Check::Complete(share) = &rule.check else { continue };
            let asked = match &rule.of {
                Target::Columns => 0..self.columns.len(),
                Target::Column(name) => {
                    let column = self.position(rule, name)?;
                    column..column + 1
                }
                _ => continue,
            };
            for column in asked {
                let values = &self.columns[column].values;
                let is_there = |&row: &usize| self.stays[row] && is_there(values, row);
                let n = (0..self.stays.len()).filter(is_there).count();
                if is_too_little(n, n_rows, *share) {
                    self.report.rules[place].note(column);
                    drops[column] |= rule.action == Action::Drop;
                }
            }
        }
        let mut place = 0;
        self.columns.retain(|column| {
            place += 1;
            if drops[place - 1] {
                self.report.columns_dropped.push(column.name.clone());
            }
            !drops[place - 1]
        });
        Ok(())
    }

    /// Rows of which too little is left in the columns that stay.
    fn rows(&mut self, rules: &[&QualityRule]) {
        let mut drops = vec![false; self.stays.len()];
        for (place, rule) in rules.iter().enumerate() {
            let (Target::Rows, Check::Complete(share)) = (&rule.of, &rule.check) else { continue };
            for row in (0..self.stays.len()).filter(|&row| self.stays[row]) {
                let n = self.columns.iter().filter(|c| is_there(&c.values, row)).count();
                if is_too_little(n, self.columns.len(), *share) {
                    self.report.rules[place].note(row);
                    drops[row] |= rule.action == Action::Drop;
                }
            }
        }
        for (stays, drops) in self.stays.iter_mut().zip(drops) {
            *stays &= !drops;
        }
    }

    fn finish(mut self, table: &FeatureTable) -> Result<(FeatureTable, QualityReport)> {
        let rows: Vec<usize> = (0..self.stays.len()).filter(|&row| self.stays[row]).collect();
        self.report.n_dropped = self.stays.len() - rows.len();
        let whole = self
            .columns
            .into_iter()
            .try_fold(table.without_columns(), FeatureTable::with_column)?;
        Ok((whole.select(&rows)?, self.report))
    }
}

/// A cell as a value.
fn value(values: &Values, row: usize) -> Option<Value<'_>> {
    match values {
        Values::Numeric(values) => values[row].map(Value::Number),
        Values::Categorical(values) => values[row].as_deref().map(Value::from),
    }
}

fn is_there(values: &Values, row: usize) -> bool {
    match values {
        Values::Numeric(values) => values[row].is_some(),
        Values::Categorical(values) => values[row].is_some(),
    }
}

/// Of nothing, nothing is missing.
fn is_too_little(n: usize, of: usize, share: f64) -> bool {
    of > 0 && (n as f64) < share * of as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Condition;
    use crate::quality::Quality;

    fn table() -> FeatureTable {
        let text = |texts: [&str; 4]| texts.map(|t| (!t.is_empty()).then(|| t.to_owned())).to_vec();
        FeatureTable::new(4)
            .numeric("age", vec![Some(20.0), Some(-1.0), None, Some(40.0)])
            .and_then(|t| t.categorical("city", text(["Rome", "", "Bern", "?"])))
            .and_then(|t| t.categorical("pet", text(["", "", "", "cat"])))
            .unwrap()
    }

    fn positive() -> Check {
        Check::Is(Condition::AtLeast(0.0))
    }

    #[test]
    fn values_go_first_then_columns_then_rows() {
        let quality = Quality {
            rules: vec![
                QualityRule::new(Target::Rows, Check::Complete(0.75), Action::Drop),
                QualityRule::new(Target::Columns, Check::Complete(0.5), Action::Drop),
                QualityRule::new(
                    Target::Column("city".into()),
                    Check::Pattern("\\w+".into()),
                    Action::Blank,
                ),
                QualityRule::new(Target::Column("age".into()), positive(), Action::Drop),
            ],
        };
        let (clean, report) = quality.clean_table(&table()).unwrap();
        // Row 1 goes for its age, of the rest "?" is blanked, then "pet" goes; rows 2 and 3 are half full.
        assert_eq!(clean, table().select(&[0]).unwrap().without(&["pet"]));
        assert_eq!((report.n_rows, report.n_dropped, report.n_blanked), (4, 3, 1));
        assert_eq!(report.columns_dropped, ["pet"]);
        let found: Vec<(usize, &[usize])> =
            report.rules.iter().map(|b| (b.n, b.examples.as_slice())).collect();
        assert_eq!(found, [(2, &[2, 3][..]), (1, &[2]), (1, &[3]), (1, &[1])]);
    }

    #[test]
    fn a_cleaned_column_is_still_known_to_age() {
        let recency = Column { ages: true, ..table().columns()[0].clone() };
        let table = table().without(&[&recency.name]).with_column(recency).unwrap();
        let (clean, _) = Quality::default().clean_table(&table).unwrap();
        assert_eq!(clean, table);
        assert!(clean.columns().iter().any(|column| column.ages));
    }

    #[test]
    fn what_is_only_kept_changes_nothing() {
        let quality = Quality {
            rules: vec![
                QualityRule::new(
                    Target::Column("age".into()),
                    Check::Is(Condition::Exists),
                    Action::Keep,
                ),
                QualityRule::new(Target::Column("pet".into()), Check::Complete(0.26), Action::Keep),
                QualityRule::new(Target::Rows, Check::Complete(1.0), Action::Keep),
                QualityRule::new(
                    Target::Property("anything".into()),
                    Check::Is(Condition::Exists),
                    Action::Keep,
                ),
            ],
        };
        let (same, report) = quality.clean_table(&table()).unwrap();
        assert_eq!(same, table());
        let n: Vec<usize> = report.rules.iter().map(|of_rule| of_rule.n).collect();
        assert_eq!(n, [1, 1, 3]);
        assert!(report.rules.iter().any(|of_rule| of_rule.n > 0));
    }

    #[test]
    fn a_table_without_rows_or_columns_lacks_nothing() {
        let complete = |of| QualityRule::new(of, Check::Complete(1.0), Action::Drop);
        let quality = Quality { rules: vec![complete(Target::Columns), complete(Target::Rows)] };
        for empty in [FeatureTable::new(table().n_rows()), table().select(&[]).unwrap()] {
            let (same, report) = quality.clean_table(&empty).unwrap();
            assert_eq!(same, empty);
            assert!(report.rules.iter().all(|of_rule| of_rule.n == 0));
        }
    }
}
