//! What was wrong with rows, told with places, one value and what would help.

use std::fmt;

use super::csv_file::CsvTable;
use super::texts::short;
use super::words::count;

/// Rows that were skipped, by reason, and rows that were mended.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    skipped: Vec<Problem>,
    /// Rows that hold something.
    n_rows: usize,
    n_empty: usize,
    n_padded: usize,
    n_windows: usize,
    n_repeated: usize,
    run_on: Option<(u64, u64)>,
}

/// Rows that were skipped for one reason.
#[derive(Debug)]
struct Problem {
    reason: &'static str,
    /// The option that would help, if one would.
    hint: &'static str,
    column: Option<String>,
    /// A value of that column.
    value: Option<String>,
    n: usize,
    /// The first few.
    lines: Vec<u64>,
}

const EXAMPLES: usize = 3;

impl Problems {
    /// What was wrong when the file was read.
    pub(crate) fn of(table: &CsvTable) -> Self {
        let mut problems = Self {
            skipped: Vec::new(),
            n_rows: table.lines.len() + table.too_long.len(),
            n_empty: table.empty.len(),
            n_padded: table.n_padded,
            n_windows: table.n_windows,
            n_repeated: table.n_repeated,
            run_on: table.run_on,
        };
        for &line in &table.empty {
            problems.skip("all cells are empty", line, None, "");
        }
        for &line in &table.too_long {
            problems.skip("more cells than the header has", line, None, "");
        }
        problems
    }

    /// A row was skipped, for a value in a column.
    pub(crate) fn skip(
        &mut self,
        reason: &'static str,
        line: u64,
        place: Option<(&str, Option<&str>)>,
        hint: &'static str,
    ) {
        let known = self.skipped.iter().position(|problem| problem.reason == reason);
        let at = known.unwrap_or(self.skipped.len());
        if known.is_none() {
            let column = place.map(|(column, _)| column.to_owned());
            let value = place.and_then(|(_, value)| value).map(short);
            self.skipped.push(Problem { reason, hint, column, value, n: 0, lines: Vec::new() });
        }
        let problem = &mut self.skipped[at];
        problem.n += 1;
        if problem.lines.len() < EXAMPLES {
            problem.lines.push(line);
        }
    }

    /// Rows skipped.
    pub(crate) fn count(&self) -> usize {
        self.skipped.iter().map(|problem| problem.n).sum()
    }

    /// Rows that were lost, as a share of all that hold something: with empty rows, nothing is.
    pub(crate) fn share(&self) -> f64 {
        (self.count() - self.n_empty) as f64 / self.n_rows.max(1) as f64
    }

    /// A row that may have swallowed others.
    pub(crate) fn run_on(&self) -> Option<String> {
        let (line, n) = self.run_on?;
        Some(format!(
            "The row at line {line} runs over {} lines: a quote may not be closed there, and rows may be lost in it.",
            count(n as usize)
        ))
    }

    /// What was mended, in sentences.
    pub(crate) fn mended(&self) -> Vec<String> {
        let rows = |n: usize, one: &str, many: &str| {
            format!(
                "{} {}",
                count(n),
                if n == 1 { format!("row {one}") } else { format!("rows {many}") }
            )
        };
        let mut said = Vec::new();
        if self.n_padded > 0 {
            said.push(format!(
                "{} cells than the header; the missing ones are read as empty.",
                rows(self.n_padded, "has fewer", "have fewer")
            ));
        }
        if self.n_windows > 0 {
            said.push(format!(
                "{} not UTF-8 and read as Windows-1252; --encoding names another.",
                rows(self.n_windows, "is", "are")
            ));
        }
        if self.n_repeated > 0 {
            let counts = if self.n_repeated == 1 { "counts" } else { "count" };
            said.push(format!(
                "{} an earlier row cell for cell, and {counts} again.",
                rows(self.n_repeated, "repeats", "repeat")
            ));
        }
        said
    }
}

/// `2 rows: no identifier (lines 5, 9); 1 row: the time cannot be read (line 7, "soon" in column
/// "when")`, or `no rows`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped.is_empty() {
            return f.write_str("no rows");
        }
        for (place, problem) in self.skipped.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            let rows = if problem.n == 1 { "row" } else { "rows" };
            let word = if problem.lines.len() == 1 { "line" } else { "lines" };
            let more = if problem.n > problem.lines.len() { " …" } else { "" };
            let lines: Vec<String> = problem.lines.iter().map(u64::to_string).collect();
            let lines = lines.join(", ");
            let n = count(problem.n);
            write!(f, "{separator}{n} {rows}: {} ({word} {lines}{more}", problem.reason)?;
            match (&problem.column, &problem.value) {
                (Some(column), Some(value)) => write!(f, "; {value:?} in column {column:?}")?,
                (Some(column), None) => write!(f, "; column {column:?}")?,
                _ => {}
            }
            f.write_str(")")?;
            if !problem.hint.is_empty() {
                write!(f, "; {}", problem.hint)?;
            }
        }
        Ok(())
    }
}
