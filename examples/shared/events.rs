//! Reads events, and what is known of people, from CSV files whose columns the caller names.
//!
//! The cells go into columns, and the library reads these where they lie: no event is built. A row
//! that cannot be read is counted and skipped, and its line is remembered: one broken line among a
//! million is no reason to stop, but also no reason to be silent.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{BufRead, Read};
use std::str::FromStr;

use csv::StringRecord;
use personas::Timestamp;
use personas::event::EventColumns;

/// A column of identifiers and the kind of identifier it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IdColumn {
    pub(crate) kind: String,
    pub(crate) column: String,
}

impl FromStr for IdColumn {
    type Err = String;

    /// `KIND=COL`; a bare `COL` names its own kind.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, column) = text.split_once('=').unwrap_or((text, text));
        if kind.trim().is_empty() || column.trim().is_empty() {
            return Err("expected KIND=COL or COL".into());
        }
        Ok(Self { kind: kind.trim().into(), column: column.trim().into() })
    }
}

/// Which column of an events file holds what; all other columns are properties.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) time: String,
    /// Without it, every row is a `purchase`.
    pub(crate) event: Option<String>,
    pub(crate) ids: Vec<IdColumn>,
    /// A property that must be a number where it has a value.
    pub(crate) amount: String,
}

/// The name of an event that has no name of its own.
pub(crate) const PURCHASE: &str = "purchase";

/// A CSV file with a header, delimited by comma, semicolon or tab.
pub(crate) struct Table<'r> {
    names: Vec<String>,
    rows: csv::Reader<Box<dyn Read + 'r>>,
}

impl<'r> Table<'r> {
    /// Reads the header.
    ///
    /// # Errors
    /// If there is none, or it names a column twice.
    pub(crate) fn open(mut text: impl BufRead + 'r) -> Result<Self, String> {
        let top = text.fill_buf().map_err(|error| error.to_string())?;
        let header = top.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
        // For equal counts the last one wins: a comma, unless another occurs more often.
        let delimiter = b"\t;,".iter().copied().max_by_key(|&delimiter| count(delimiter));
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(delimiter.unwrap_or(b','))
            .flexible(true)
            // Carriage returns stay at the end of cells, where they are trimmed: the reader would
            // otherwise count their lines one off.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(Box::new(text) as Box<dyn Read + 'r>);
        let header = rows.headers().map_err(|error| format!("the header: {error}"))?;
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if names.is_empty() {
            return Err("the file is empty".into());
        }
        if let Some((at, name)) =
            names.iter().enumerate().find(|(at, name)| names[..*at].contains(name))
        {
            let first = names.iter().position(|other| other == name).unwrap_or(at);
            return Err(format!("columns {} and {} are both named {name:?}", first + 1, at + 1));
        }
        Ok(Self { names, rows })
    }

    /// All events. Cells that are numbers become numbers; empty cells are missing values.
    ///
    /// # Errors
    /// If a column does not exist, the file cannot be read, or no row is an event.
    pub(crate) fn events(mut self, layout: &Layout) -> Result<Rows, String> {
        let time = self.column(&layout.time)?;
        let name = layout.event.as_ref().map(|column| self.column(column)).transpose()?;
        let amount = self.column(&layout.amount)?;
        let mut ids = Vec::new();
        for id in &layout.ids {
            ids.push(self.column(&id.column)?);
        }
        let is_property =
            |column: &usize| *column != time && Some(*column) != name && !ids.contains(column);
        let properties: Vec<usize> = (0..self.names.len()).filter(is_property).collect();

        let mut rows = Rows {
            ids: layout.ids.iter().map(|id| (id.kind.clone(), Vec::new())).collect(),
            properties: properties.iter().map(|&c| Cells::new(&self.names[c])).collect(),
            ..Rows::default()
        };
        let n_columns = self.names.len();
        rows.read(n_columns, &mut self.rows, |rows, row| {
            let cell = |column: usize| present(row, column);
            let at = cell(time).ok_or("the time is missing")?;
            let at = Timestamp::parse(at).map_err(|_| "the time cannot be read")?;
            let name = match name {
                Some(name) => cell(name).ok_or("the event has no name")?,
                None => PURCHASE,
            };
            if cell(amount).is_some_and(|text| !text.parse().is_ok_and(f64::is_finite)) {
                return Err("the amount is not a number");
            }
            if ids.iter().all(|&id| cell(id).is_none()) {
                return Err("no identifier");
            }
            rows.at.push(at);
            rows.names.push(name.to_owned());
            for ((_, values), &column) in rows.ids.iter_mut().zip(&ids) {
                values.push(cell(column).map(str::to_owned));
            }
            for (cells, &column) in rows.properties.iter_mut().zip(&properties) {
                match cell(column) {
                    Some(text) if column == amount => cells.push_number(text),
                    text => cells.push(text),
                }
            }
            Ok(())
        })?;
        if rows.is_empty() {
            return Err(format!("no row is an event; skipped: {}", rows.problems));
        }
        Ok(rows)
    }

    /// What is declared of people, as `identify` events at the time of their first event: these
    /// carry attributes and are no activity. People whom no event mentions are left out, as there
    /// is nothing to group them by.
    ///
    /// # Errors
    /// If a column does not exist, the file cannot be read, or nobody in it has events.
    pub(crate) fn people(mut self, id: &IdColumn, events: &Rows) -> Result<Rows, String> {
        let id_column = self.column(&id.column)?;
        let first_seen = events.first_seen(&id.kind);
        let n_columns = self.names.len();
        let attributes: Vec<usize> = (0..n_columns).filter(|&column| column != id_column).collect();

        let mut rows = Rows {
            ids: vec![(id.kind.clone(), Vec::new())],
            attributes: attributes.iter().map(|&c| Cells::new(&self.names[c])).collect(),
            ..Rows::default()
        };
        rows.read(n_columns, &mut self.rows, |rows, row| {
            let value = present(row, id_column).ok_or("no identifier")?;
            let first = first_seen.get(&value.to_ascii_lowercase()).ok_or("no events")?;
            rows.at.push(*first);
            rows.names.push("identify".into());
            rows.ids[0].1.push(Some(value.to_owned()));
            for (cells, &column) in rows.attributes.iter_mut().zip(&attributes) {
                cells.push(present(row, column));
            }
            Ok(())
        })?;
        if rows.is_empty() {
            return Err(format!("no row is a person with events; skipped: {}", rows.problems));
        }
        Ok(rows)
    }

    /// Where a column stands.
    ///
    /// # Errors
    /// If there is none of this name.
    pub(crate) fn column(&self, name: &str) -> Result<usize, String> {
        self.names.iter().position(|column| column == name).ok_or_else(|| {
            let columns: Vec<String> = self.names.iter().map(|name| format!("{name:?}")).collect();
            format!("there is no column {name:?}, only {}", columns.join(", "))
        })
    }
}

/// The trimmed text of a cell, if it has a value.
fn present(row: &StringRecord, column: usize) -> Option<&str> {
    row.get(column).map(str::trim).filter(|text| !is_missing(text))
}

/// The rows of a file as columns of events.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    at: Vec<Timestamp>,
    names: Vec<String>,
    /// By kind.
    ids: Vec<(String, Vec<Option<String>>)>,
    properties: Vec<Cells>,
    attributes: Vec<Cells>,
    /// The line of every event.
    pub(crate) lines: Vec<u64>,
    /// The rows that are not events.
    pub(crate) problems: Problems,
}

/// A column of values: numbers where they are numbers, texts elsewhere.
#[derive(Debug)]
struct Cells {
    name: String,
    /// NaN is missing.
    numbers: Vec<f64>,
    texts: Vec<Option<String>>,
}

impl Rows {
    /// The events, as the library reads them.
    pub(crate) fn columns(&self) -> EventColumns<'_> {
        let mut columns = EventColumns::new(&self.at).names(&self.names);
        for (kind, values) in &self.ids {
            columns = columns.id(kind, values);
        }
        // For two columns with one name, the one that has a value counts.
        for cells in &self.properties {
            columns = columns.property(&cells.name, &cells.numbers);
            columns = columns.property(&cells.name, &cells.texts);
        }
        for cells in &self.attributes {
            columns = columns.attribute(&cells.name, &cells.numbers);
            columns = columns.attribute(&cells.name, &cells.texts);
        }
        columns
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// All identifiers, with their kinds.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ids.iter().flat_map(|(kind, values)| {
            values.iter().flatten().map(|value| (kind.as_str(), value.as_str()))
        })
    }

    /// Names of the attributes that somebody has.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        let known =
            self.attributes.iter().filter(|cells| (0..self.at.len()).any(|row| cells.has(row)));
        known.map(|cells| cells.name.as_str())
    }

    /// The name of the events that most often have a property; for equal counts, the first by name.
    pub(crate) fn usual_name_with(&self, property: &str) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for cells in self.properties.iter().filter(|cells| cells.name == property) {
            let rows = (0..self.names.len()).filter(|&row| cells.has(row));
            rows.for_each(|row| *counts.entry(&self.names[row]).or_default() += 1);
        }
        let most = counts.iter().max_by_key(|&(name, n)| (n, std::cmp::Reverse(name)));
        most.map_or(PURCHASE, |(name, _)| name).to_owned()
    }

    /// The time of the first event of each identifier of a kind.
    fn first_seen(&self, kind: &str) -> HashMap<String, Timestamp> {
        let mut first_seen = HashMap::new();
        for (_, values) in self.ids.iter().filter(|(other, _)| other == kind) {
            for (&at, value) in self.at.iter().zip(values) {
                let Some(value) = value else { continue };
                // E-mail addresses are the same in upper and lower case.
                let first = first_seen.entry(value.to_ascii_lowercase()).or_insert(at);
                *first = at.min(*first);
            }
        }
        first_seen
    }

    /// Adds every row of a file by `add`, which changes nothing if it returns a problem.
    fn read(
        &mut self,
        n_columns: usize,
        rows: &mut csv::Reader<Box<dyn Read + '_>>,
        mut add: impl FnMut(&mut Self, &StringRecord) -> Result<(), &'static str>,
    ) -> Result<(), String> {
        let mut row = StringRecord::new();
        loop {
            let read = rows.read_record(&mut row);
            let start = row.position().map_or(0, csv::Position::line);
            let added = match read {
                Ok(false) => return Ok(()),
                Ok(true) if row.iter().all(|cell| cell.trim().is_empty()) => continue,
                Ok(true) if row.len() != n_columns => Err("too few or too many cells"),
                Ok(true) => add(self, &row),
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    Err("not UTF-8")
                }
                Err(error) => return Err(format!("cannot read after line {start}: {error}")),
            };
            // The reader's start lies before blank lines it skipped, so count back from the end.
            let n_breaks = row.as_slice().bytes().filter(|&byte| byte == b'\n').count() as u64;
            let line = start.max(rows.position().line().saturating_sub(1 + n_breaks));
            match added {
                Ok(()) => self.lines.push(line),
                Err(problem) => self.problems.add(problem, line),
            }
        }
    }
}

impl Cells {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), numbers: Vec::new(), texts: Vec::new() }
    }

    /// Adds a cell: a number, if that loses nothing, or a text, or a missing value.
    fn push(&mut self, text: Option<&str>) {
        let number = text.and_then(number);
        self.numbers.push(number.unwrap_or(f64::NAN));
        self.texts.push(text.filter(|_| number.is_none()).map(str::to_owned));
    }

    /// Adds a cell that is known to be a number.
    fn push_number(&mut self, text: &str) {
        self.numbers.push(text.parse().unwrap_or(f64::NAN));
        self.texts.push(None);
    }

    fn has(&self, row: usize) -> bool {
        !self.numbers[row].is_nan() || self.texts[row].is_some()
    }
}

/// A text as a number, if that loses nothing: codes such as `007`, `1E5` or 20 digits stay texts.
fn number(text: &str) -> Option<f64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2⁵³: integers up to here are all different
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    text.parse().ok().filter(|value: &f64| plain && !padded && value.abs() <= EXACT)
}

/// How programs write that there is no value.
fn is_missing(text: &str) -> bool {
    ["", "NA", "N/A", "NaN", "nan", "NULL", "null"].contains(&text)
}

/// Rows that were skipped, by reason.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    /// How often, and the first lines.
    by_reason: BTreeMap<&'static str, (usize, Vec<u64>)>,
}

impl Problems {
    const EXAMPLES: usize = 3;

    fn add(&mut self, reason: &'static str, line: u64) {
        let (count, lines) = self.by_reason.entry(reason).or_default();
        *count += 1;
        if lines.len() < Self::EXAMPLES {
            lines.push(line);
        }
    }

    /// Rows skipped.
    pub(crate) fn count(&self) -> usize {
        self.by_reason.values().map(|(count, _)| count).sum()
    }
}

/// `2 rows: no identifier (lines 5, 9); 1 row: the time cannot be read (line 7)`, or `no rows`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.by_reason.is_empty() {
            return f.write_str("no rows");
        }
        for (place, (reason, (count, lines))) in self.by_reason.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            let rows = if *count == 1 { "row" } else { "rows" };
            let word = if lines.len() == 1 { "line" } else { "lines" };
            let more = if *count > lines.len() { " …" } else { "" };
            let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
            write!(f, "{separator}{count} {rows}: {reason} ({word} {}{more})", lines.join(", "))?;
        }
        Ok(())
    }
}
