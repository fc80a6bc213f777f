//! What was found wrong, by rule.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::rule::{Action, QualityRule, Target};

/// How many positions are kept per rule.
const N_EXAMPLES: usize = 3;

/// What was wrong with events or a table. It holds positions and numbers, never a value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QualityReport {
    /// Events or rows looked at.
    pub n_rows: usize,
    /// Of these, how many the rules drop.
    pub n_dropped: usize,
    /// Values that the rules blank in those that stay.
    pub n_blanked: usize,
    /// Columns that the rules drop, by name.
    pub columns_dropped: Vec<String>,
    /// What each rule found, in the order of the rules.
    pub rules: Vec<RuleReport>,
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleReport {
    /// The rule.
    pub rule: QualityRule,
    /// How many events, rows or columns break it.
    pub n: usize,
    /// Positions of the first three of them, from 0.
    pub examples: Vec<usize>,
}

impl RuleReport {
    pub(super) fn none(rule: &QualityRule) -> Self {
        Self { rule: rule.clone(), n: 0, examples: Vec::new() }
    }

    /// Counts one; positions must ascend.
    pub(super) fn note(&mut self, position: usize) {
        self.n += 1;
        if self.examples.len() < N_EXAMPLES {
            self.examples.push(position);
        }
    }
}

impl AddAssign<&Self> for QualityReport {
    /// Adds the report about what came next: of two batches, the report is that of both in one,
    /// with positions in both (but that repetitions were only looked for within each).
    ///
    /// ```
    /// use personas::features::Condition;
    /// use personas::quality::{Action, Check, Quality, QualityRule, Target};
    /// use personas::{Event, Timestamp};
    ///
    /// let quality = Quality { rules: vec![QualityRule::new(Target::Property("amount".into()), Check::Is(Condition::Exists), Action::Keep)] };
    /// let now = Timestamp::parse("2017-05-01")?;
    /// let (good, bad) = (Event::new("visit", now).property("amount", 1.0), Event::new("visit", now));
    /// let mut report = quality.clean([good.clone(), bad.clone()], now)?.1;
    /// report += &quality.clean([bad.clone()], now)?.1;
    /// assert_eq!(report, quality.clean([good, bad.clone(), bad], now)?.1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    fn add_assign(&mut self, next: &Self) {
        // Of equal rules the first with the first, the second with the second.
        let mut is_met = vec![false; self.rules.len()];
        for of_rule in &next.rules {
            let mut known = self.rules.iter().zip(&is_met);
            let known = known.position(|(known, is_met)| !is_met && known.rule == of_rule.rule);
            let place = known.unwrap_or_else(|| {
                self.rules.push(RuleReport::none(&of_rule.rule));
                is_met.push(false);
                self.rules.len() - 1
            });
            is_met[place] = true;
            let known = &mut self.rules[place];
            known.n += of_rule.n;
            // Columns are numbered from 0 in every table.
            let is_row = !matches!(&of_rule.rule.of, Target::Columns);
            let shift = if is_row { self.n_rows } else { 0 };
            let free = N_EXAMPLES - known.examples.len().min(N_EXAMPLES);
            known.examples.extend(of_rule.examples.iter().take(free).map(|&p| p + shift));
        }
        self.n_rows += next.n_rows;
        self.n_dropped += next.n_dropped;
        self.n_blanked += next.n_blanked;
        self.columns_dropped.extend(next.columns_dropped.iter().cloned());
    }
}

impl QualityReport {
    /// What became of an event: the rules it breaks by their places, and what was done.
    pub(super) fn note(&mut self, position: usize, broken: &[usize], drops: bool, blank: usize) {
        for &rule in broken {
            self.rules[rule].note(position);
        }
        self.n_dropped += usize::from(drops);
        self.n_blanked += blank;
    }
}

impl fmt::Display for QualityReport {
    /// A line of what was done, and one for every rule: how many break it, what becomes of them, the rule, where.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        write!(f, "{} row{}, {} dropped", self.n_rows, plural(self.n_rows), self.n_dropped)?;
        write!(f, ", {} value{} blanked", self.n_blanked, plural(self.n_blanked))?;
        if !self.columns_dropped.is_empty() {
            let n = self.columns_dropped.len();
            write!(f, ", {n} column{} dropped: {}", plural(n), self.columns_dropped.join(", "))?;
        }
        let width = self.rules.iter().map(|b| b.n.to_string().len()).max().unwrap_or_default();
        for RuleReport { rule, n, examples } in &self.rules {
            let then = match rule.action {
                Action::Keep => "keep",
                Action::Blank => "blank",
                Action::Drop => "drop",
            };
            write!(f, "\n  {n:>width$}  {then:<5}  {rule}")?;
            if !examples.is_empty() {
                let positions: Vec<String> = examples.iter().map(usize::to_string).collect();
                let more = if *n > examples.len() { " …" } else { "" };
                write!(f, ", first at {}{more}", positions.join(", "))?;
            }
        }
        Ok(())
    }
}
