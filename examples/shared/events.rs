//! Reads events, and what is known of people, from CSV files whose columns the caller names.
//!
//! A row that makes no sense is counted and skipped, and its line remembered: one broken line
//! among a million is no reason to stop, but also none to be silent.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{BufRead, Read};
use std::str::FromStr;

use csv::StringRecord;
use personas::{Event, Timestamp, Value};

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

/// Where an events file holds what; all other columns are properties.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventColumns {
    pub(crate) time: String,
    /// Without it, every row is a `purchase`.
    pub(crate) event: Option<String>,
    pub(crate) ids: Vec<IdColumn>,
    /// A property that must be a number where it is given.
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
        // Of equal counts the last wins: a comma, unless another occurs more often.
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

    /// All events. Texts that are numbers become numbers; empty cells become nothing.
    ///
    /// # Errors
    /// If a column does not exist, the file cannot be read, or no row is an event.
    pub(crate) fn events(&mut self, columns: &EventColumns) -> Result<Rows<'_>, String> {
        let time = self.column(&columns.time)?;
        let name = columns.event.as_ref().map(|column| self.column(column)).transpose()?;
        let amount = self.column(&columns.amount)?;
        let mut ids = Vec::new();
        for id in &columns.ids {
            ids.push((id.kind.clone(), self.column(&id.column)?));
        }
        let is_property = |column: usize| {
            column != time && Some(column) != name && ids.iter().all(|(_, id)| *id != column)
        };
        let properties: Vec<usize> = (0..self.names.len()).filter(|&c| is_property(c)).collect();

        let Self { names, rows } = self;
        let names: &[String] = names;
        let event = |row: &StringRecord| {
            let cell =
                |column: usize| row.get(column).map(str::trim).filter(|text| !is_missing(text));
            let at = cell(time).ok_or("the time is missing")?;
            let at = Timestamp::parse(at).map_err(|_| "the time cannot be read")?;
            let name = match name {
                Some(name) => cell(name).ok_or("the event has no name")?,
                None => PURCHASE,
            };
            if cell(amount).is_some_and(|text| !text.parse().is_ok_and(f64::is_finite)) {
                return Err("the amount is not a number");
            }
            let mut event = Event::new(name.to_owned(), at);
            for (kind, column) in &ids {
                if let Some(text) = cell(*column) {
                    event = event.id(kind.clone(), text.to_owned());
                }
            }
            if event.identifiers.is_empty() {
                return Err("no identifier");
            }
            for &column in &properties {
                if let Some(text) = cell(column) {
                    let value = if column == amount { text.parse().ok() } else { number(text) };
                    let value = value.map_or_else(|| Value::from(text.to_owned()), Value::from);
                    event = event.property(names[column].as_str(), value);
                }
            }
            Ok(event)
        };
        let rows = Rows::read(names.len(), rows, event)?;
        if rows.events.is_empty() {
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
    pub(crate) fn people(
        &mut self,
        id: &IdColumn,
        events: &[Event<'_>],
    ) -> Result<Rows<'_>, String> {
        let id_column = self.column(&id.column)?;
        let mut first_seen: HashMap<String, Timestamp> = HashMap::new();
        for event in events {
            for identifier in event.identifiers.iter().filter(|other| other.kind == id.kind) {
                // E-mail addresses are the same in upper and lower case.
                let value = identifier.value.to_ascii_lowercase();
                let first = first_seen.entry(value).or_insert(event.at);
                *first = event.at.min(*first);
            }
        }
        let Self { names, rows } = self;
        let names: &[String] = names;
        let person = |row: &StringRecord| {
            let cell =
                |column: usize| row.get(column).map(str::trim).filter(|text| !is_missing(text));
            let value = cell(id_column).ok_or("no identifier")?;
            let first = first_seen.get(&value.to_ascii_lowercase()).ok_or("no events")?;
            let mut event = Event::new("identify", *first).id(id.kind.clone(), value.to_owned());
            for column in (0..names.len()).filter(|&column| column != id_column) {
                if let Some(text) = cell(column) {
                    let value =
                        number(text).map_or_else(|| Value::from(text.to_owned()), Value::from);
                    event = event.attribute(names[column].as_str(), value);
                }
            }
            Ok(event)
        };
        let rows = Rows::read(names.len(), rows, person)?;
        if rows.events.is_empty() {
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

/// The rows of a file as events.
#[derive(Debug, Default)]
pub(crate) struct Rows<'n> {
    pub(crate) events: Vec<Event<'n>>,
    /// The line of every event.
    pub(crate) lines: Vec<u64>,
    /// The rows that are none.
    pub(crate) problems: Problems,
}

impl<'n> Rows<'n> {
    /// Turns every row into an event, or a problem.
    fn read(
        n_columns: usize,
        rows: &mut csv::Reader<Box<dyn Read + '_>>,
        event: impl Fn(&StringRecord) -> Result<Event<'n>, &'static str>,
    ) -> Result<Self, String> {
        let mut result = Self::default();
        let mut row = StringRecord::new();
        loop {
            let read = rows.read_record(&mut row);
            let start = row.position().map_or(0, csv::Position::line);
            let event = match read {
                Ok(false) => return Ok(result),
                Ok(true) if row.iter().all(|cell| cell.trim().is_empty()) => continue,
                Ok(true) if row.len() != n_columns => Err("too few or too many cells"),
                Ok(true) => event(&row),
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    Err("not UTF-8")
                }
                Err(error) => return Err(format!("cannot read after line {start}: {error}")),
            };
            // The reader's start lies before blank lines it skipped, so count back from the end.
            let n_breaks = row.as_slice().bytes().filter(|&byte| byte == b'\n').count() as u64;
            let line = start.max(rows.position().line().saturating_sub(1 + n_breaks));
            match event {
                Ok(event) => {
                    result.events.push(event);
                    result.lines.push(line);
                }
                Err(problem) => result.problems.add(problem, line),
            }
        }
    }
}

impl Rows<'_> {
    /// The name of the events that most often have a property; of equals, the first by name.
    pub(crate) fn usual_name_with(&self, property: &str) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for event in &self.events {
            if event.properties.iter().any(|(name, _)| name == property) {
                *counts.entry(&event.name).or_default() += 1;
            }
        }
        let most = counts.iter().max_by_key(|&(name, n)| (n, std::cmp::Reverse(name)));
        most.map_or(PURCHASE, |(name, _)| name).to_owned()
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
