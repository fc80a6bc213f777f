//! Events, and what is known of people, from CSV files whose columns the caller names.
//!
//! Cells go into columns, and the library reads these where they lie: no event is built. Columns that
//! nobody named are not kept, and never cost a row. A row that cannot be read is skipped and counted,
//! and its line is remembered, so that one broken line among a million neither stops the program nor
//! goes unseen.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use encoding_rs::Encoding;
use personas::Timestamp;
use personas::event::EventColumns;

use super::csv_file::{CsvTable, Source};
use super::dates::Dates;
use super::numbers::{Decimal, number};
use super::problems::Problems;
use super::texts::Texts;
use super::warnings;
use super::words::{count, several};

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

/// Which column of an events file holds what.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Layout {
    pub(crate) time: String,
    /// Without it, every row is a `purchase`.
    pub(crate) event: Option<String>,
    pub(crate) ids: Vec<IdColumn>,
    /// Must be a number where it has a value.
    pub(crate) amount: String,
    /// The amount is the price of one, times this.
    pub(crate) quantity: Option<String>,
    pub(crate) order: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) discount: Option<String>,
}

/// How cells are written; what is not said is decided from the cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) date_format: Option<String>,
    pub(crate) decimal: Option<Decimal>,
    pub(crate) encoding: Option<&'static Encoding>,
    /// Texts that stand for a missing value in every column.
    pub(crate) missing: Vec<String>,
}

/// The name of an event that has no name of its own.
pub(crate) const PURCHASE: &str = "purchase";

/// The rows of files as columns of events.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) at: Vec<Timestamp>,
    offsets: Vec<Option<i16>>,
    /// `None` if all rows are of one name.
    names: Option<Texts>,
    one_name: String,
    /// By kind.
    ids: Vec<(String, Texts)>,
    /// The amounts first; NaN is missing.
    pub(crate) numbers: Vec<(String, Vec<f64>)>,
    pub(crate) texts: Vec<Texts>,
    attributes: Vec<Attribute>,
    /// The line of every event.
    pub(crate) lines: Vec<u64>,
    /// The rows that are not events, and what was mended.
    pub(crate) problems: Problems,
    /// What else is to be known of the file.
    pub(crate) notes: Vec<String>,
}

/// What is declared of people: numbers if every cell is one, else texts.
#[derive(Debug)]
enum Attribute {
    Numbers(String, Vec<f64>),
    Texts(Texts),
}

impl Attribute {
    fn name(&self) -> &str {
        match self {
            Self::Numbers(name, _) => name,
            Self::Texts(texts) => &texts.name,
        }
    }
}

impl Rows {
    /// All events of files with the same columns.
    ///
    /// # Errors
    /// If a column does not exist, a file cannot be read, dates can be read in two ways, or no row is
    /// an event.
    pub(crate) fn events(
        sources: &[Source],
        layout: &Layout,
        reading: &Reading,
    ) -> Result<Self, String> {
        let named =
            [&layout.event, &layout.quantity, &layout.order, &layout.category, &layout.discount];
        let ids = layout.ids.iter().map(|id| &id.column);
        let mut wanted: Vec<&String> = named.into_iter().flatten().chain(ids).collect();
        wanted.extend([&layout.time, &layout.amount]);
        let is_wanted = |name: &str| wanted.iter().any(|wanted| *wanted == name);
        let table = CsvTable::read(sources, reading.encoding, is_wanted)?;
        for name in wanted.iter() {
            table.column(name)?;
        }

        let mut problems = Problems::of(&table);
        let n_rows = table.lines.len();
        if n_rows == 0 && problems.count() == 0 {
            return Err("there are no rows below the header".into());
        }
        let mut keep = vec![true; n_rows];
        let mut skip = |row: usize, problem: &'static str, column: &Texts, hint: &'static str| {
            if std::mem::replace(&mut keep[row], false) {
                problems.skip(
                    problem,
                    table.lines[row],
                    Some((&column.name, column.get(row))),
                    hint,
                );
            }
        };

        // Times.
        let times = table.column(&layout.time)?;
        let dates = match &reading.date_format {
            Some(pattern) => Dates::Pattern(pattern.clone()),
            None => {
                Dates::of(times).map_err(|error| format!("column {:?}: {error}", layout.time))?
            }
        };
        let mut at = Vec::with_capacity(n_rows);
        let mut offsets = Vec::with_capacity(n_rows);
        for (row, text) in times.iter().enumerate() {
            let read = text.and_then(|text| dates.read(text));
            match (text, read) {
                (None, _) => skip(row, "the time is missing", times, ""),
                (_, None) => skip(
                    row,
                    "the time cannot be read",
                    times,
                    "--date-format says how dates are written, such as --date-format \"%d.%m.%Y %H:%M\"",
                ),
                _ => {}
            }
            let (time, offset) = read.unwrap_or((Timestamp::from_millis(0), None));
            at.push(time);
            offsets.push(offset);
        }

        // Numbers: the amount, and what it is multiplied by.
        let mut numbers_of = |name: &str, problem: &'static str| -> Result<Vec<f64>, String> {
            let texts = table
                .column(name)?
                .without(|text| is_missing_number(text) || reading.is_missing(text));
            let decimal = reading.decimal.unwrap_or_else(|| Decimal::of(&texts, table.delimiter));
            let mut values = Vec::with_capacity(n_rows);
            for (row, text) in texts.iter().enumerate() {
                let value = text.and_then(|text| number(text, decimal));
                if text.is_some() && value.is_none() {
                    let hint = "--decimal comma reads 1.234,50, --decimal point 1,234.50";
                    skip(row, problem, &texts, hint);
                }
                values.push(value.unwrap_or(f64::NAN));
            }
            Ok(values)
        };
        let mut amounts = numbers_of(&layout.amount, "the amount is not a number")?;
        let mut notes = Vec::new();
        if let Some(quantity) = &layout.quantity {
            let quantities = numbers_of(quantity, "the quantity is not a number")?;
            let is_lost = |(amount, n): &(&f64, &f64)| !amount.is_nan() && n.is_nan();
            let n = amounts.iter().zip(&quantities).filter(is_lost).count();
            if n > 0 {
                let rows = several(n, "row has", "rows have");
                notes.push(format!(
                    "{rows} a price and no {quantity:?}: what was paid is unknown there."
                ));
            }
            amounts.iter_mut().zip(quantities).for_each(|(amount, n)| *amount *= n);
        }
        let mut numbers = vec![(layout.amount.clone(), amounts)];
        if let Some(discount) = layout.discount.as_ref().filter(|name| **name != layout.amount) {
            numbers.push((discount.clone(), numbers_of(discount, "the discount is not a number")?));
        }

        // Names and identifiers.
        let value = |name: &String| {
            table.column(name).map(|texts| texts.without(|text| reading.is_missing(text)))
        };
        let names = layout.event.as_ref().map(value).transpose()?;
        if let Some(names) = &names {
            let unnamed = (0..n_rows).filter(|&row| names.get(row).is_none());
            unnamed.for_each(|row| skip(row, "the event has no name", names, ""));
        }
        let mut ids = Vec::new();
        for id in &layout.ids {
            let texts = table.column(&id.column)?;
            let is_missing = |text: &str| is_missing_id(text) || reading.is_missing(text);
            ids.push((id.kind.clone(), texts.without(is_missing)));
        }
        for row in 0..n_rows {
            if ids.iter().all(|(_, texts)| texts.get(row).is_none()) {
                let first = ids.first().map_or(times, |(_, texts)| texts);
                skip(row, "no identifier", first, "");
            }
        }
        let mut texts = Vec::new();
        for name in [&layout.order, &layout.category].into_iter().flatten() {
            if texts.iter().all(|texts: &Texts| texts.name != *name) {
                texts.push(value(name)?.without(is_missing_text));
            }
        }

        let kept = |texts: &Texts| texts.kept(&keep);
        let rows = Self {
            at: only(at, &keep),
            offsets: only(offsets, &keep),
            names: names.as_ref().map(kept),
            one_name: PURCHASE.into(),
            ids: ids.iter().map(|(kind, texts)| (kind.clone(), kept(texts))).collect(),
            numbers: numbers
                .into_iter()
                .map(|(name, values)| (name, only(values, &keep)))
                .collect(),
            texts: texts.iter().map(kept).collect(),
            attributes: Vec::new(),
            lines: only(table.lines, &keep),
            problems,
            notes,
        };
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
    pub(crate) fn people(
        source: Source,
        id: &IdColumn,
        reading: &Reading,
        events: &Self,
    ) -> Result<Self, String> {
        let table = CsvTable::read(&[source], reading.encoding, |_| true)?;
        let ids = table.column(&id.column)?;
        let first_seen = events.first_seen(&id.kind);
        let mut problems = Problems::of(&table);
        let mut at = Vec::new();
        let mut keep = Vec::with_capacity(table.lines.len());
        let (mut named, mut n_again) = (HashSet::new(), 0);
        for (row, value) in ids.iter().enumerate() {
            let value = value.filter(|text| !is_missing_id(text));
            let first = value.and_then(|value| first_seen.get(&value.to_ascii_lowercase()));
            keep.push(first.is_some());
            if let Some(value) = value.filter(|_| first.is_some()) {
                n_again += usize::from(!named.insert(value.to_ascii_lowercase()));
            }
            match first {
                Some(first) => at.push(*first),
                None => {
                    let problem = if value.is_none() { "no identifier" } else { "no events" };
                    problems.skip(problem, table.lines[row], None, "");
                }
            }
        }
        let attributes = table.columns.iter().filter(|column| column.name != id.column);
        let mut notes = Vec::new();
        if n_again > 0 {
            notes.push(format!(
                "Of the people's file, {} of a person that another row names; the smaller value of each column counts.",
                several(n_again, "row is", "rows are each")
            ));
        }
        let rows = Self {
            offsets: vec![None; at.len()],
            at,
            one_name: "identify".into(),
            ids: vec![(id.kind.clone(), ids.kept(&keep))],
            attributes: attributes
                .map(|texts| attribute(&texts.kept(&keep), reading, table.delimiter, &mut notes))
                .collect(),
            notes,
            lines: only(table.lines.clone(), &keep),
            problems,
            ..Self::default()
        };
        if rows.is_empty() {
            return Err(format!("no row is a person with events; skipped: {}", rows.problems));
        }
        Ok(rows)
    }

    /// The events, as the library reads them.
    pub(crate) fn columns(&self) -> EventColumns<'_> {
        let mut columns = EventColumns::new(&self.at).utc_offsets(&self.offsets);
        columns = match &self.names {
            Some(names) => columns.name(names.column()),
            None => columns.name(&self.one_name),
        };
        for (kind, values) in &self.ids {
            columns = columns.id(kind, values.column());
        }
        for (name, values) in &self.numbers {
            columns = columns.property(name, values);
        }
        for texts in &self.texts {
            columns = columns.property(&texts.name, texts.column());
        }
        for attribute in &self.attributes {
            columns = match attribute {
                Attribute::Numbers(name, values) => columns.attribute(name, values),
                Attribute::Texts(texts) => columns.attribute(&texts.name, texts.column()),
            };
        }
        columns
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// All identifiers of a row, with their kinds, strongest first.
    pub(crate) fn identifiers(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.ids.iter().filter_map(move |(kind, values)| Some((kind.as_str(), values.get(row)?)))
    }

    /// The kinds of the identifiers, strongest first; twice where two columns hold one.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|(kind, _)| kind.as_str())
    }

    /// Names of the attributes that somebody has.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        let is_known = |attribute: &&Attribute| match attribute {
            Attribute::Numbers(_, values) => values.iter().any(|value| !value.is_nan()),
            Attribute::Texts(texts) => texts.iter().any(|text| text.is_some()),
        };
        self.attributes.iter().filter(is_known).map(Attribute::name)
    }

    /// The name of the purchases: the one that was chosen, or that of the events that most often have an
    /// amount; for equal counts, the first by name. If other events have amounts too, a note says so.
    ///
    /// # Errors
    /// If no event has the name that was chosen.
    pub(crate) fn purchase(&mut self, chosen: Option<&str>) -> Result<String, String> {
        let Some(names) = &self.names else {
            return match chosen.filter(|name| *name != PURCHASE) {
                Some(name) => Err(format!(
                    "--purchase names {name:?}, but without --event every row is a purchase"
                )),
                None => {
                    let amounts = self.numbers.first().into_iter().flat_map(|(_, amounts)| amounts);
                    let n = amounts.filter(|amount| amount.is_nan()).count();
                    if n > 0 {
                        self.notes.push(format!(
                            "{} no amount and count as purchases; if they are something else, --event names \
                             the column that says so.",
                            several(n, "row has", "rows have")
                        ));
                    }
                    Ok(PURCHASE.into())
                }
            };
        };
        if let Some(chosen) = chosen {
            return match names.iter().flatten().any(|name| name == chosen) {
                true => Ok(chosen.into()),
                false => Err(format!("--purchase names {chosen:?}, but no event has that name")),
            };
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let amounts = self.numbers.first().into_iter().flat_map(|(_, amounts)| amounts);
        let rows = names.iter().zip(amounts).filter(|(_, amount)| !amount.is_nan());
        rows.for_each(|(name, _)| *counts.entry(name.unwrap_or_default()).or_default() += 1);
        let n_amounts: usize = counts.values().sum();
        let most = counts.into_iter().max_by_key(|&(name, n)| (n, std::cmp::Reverse(name)));
        let (name, n) = most.map_or((PURCHASE.to_owned(), 0), |(name, n)| (name.to_owned(), n));
        if n < n_amounts {
            self.notes.push(format!(
                "Purchases are the events {name:?}, of which {} have an amount; {} have one too and do not \
                 count. --purchase names another.",
                count(n),
                several(n_amounts - n, "event of another name", "events of other names")
            ));
        }
        Ok(name)
    }

    /// The time of the first event of each identifier of a kind.
    fn first_seen(&self, kind: &str) -> HashMap<String, Timestamp> {
        let mut first_seen = HashMap::new();
        for (_, values) in self.ids.iter().filter(|(other, _)| other == kind) {
            for (&at, value) in self.at.iter().zip(values.iter()) {
                let Some(value) = value else { continue };
                // E-mail addresses are the same in upper and lower case.
                let first = first_seen.entry(value.to_ascii_lowercase()).or_insert(at);
                *first = at.min(*first);
            }
        }
        first_seen
    }
}

impl Reading {
    pub(crate) fn is_missing(&self, text: &str) -> bool {
        self.missing.iter().any(|missing| missing == text)
    }
}

/// A column of attributes: numbers, if that loses nothing in any cell, or texts.
fn attribute(
    texts: &Texts,
    reading: &Reading,
    delimiter: u8,
    notes: &mut Vec<String>,
) -> Attribute {
    match numeric(texts, reading, delimiter) {
        Some(found) if found.bad.is_empty() => {
            return Attribute::Numbers(texts.name.clone(), found.values);
        }
        Some(found) => notes.extend(warnings::one_text(texts, &found.bad)),
        None => {}
    }
    let present = texts.without(|text| is_missing_text(text) || reading.is_missing(text));
    match days(&present, reading) {
        Ok(Some(days)) => Attribute::Numbers(days_name(&texts.name), days),
        Ok(None) => Attribute::Texts(present),
        Err(note) => {
            notes.push(note);
            Attribute::Texts(present)
        }
    }
}

/// Reads a column of dates as the days from each date to the latest one. Read as texts, nearly every
/// date would be a category of its own.
///
/// # Errors
/// If the dates can be read in two ways: how the column is then read, and what would help.
pub(crate) fn days(texts: &Texts, reading: &Reading) -> Result<Option<Vec<f64>>, String> {
    let named = reading.date_format.clone().map(Dates::Pattern);
    if let Some(days) = named.and_then(|dates| days_by(texts, &dates)) {
        return Ok(Some(days));
    }
    match Dates::of(texts) {
        Ok(Dates::Epoch) => Ok(None),
        Ok(dates) => Ok(days_by(texts, &dates)),
        Err(error) => Err(format!("Column {:?} is read as texts: {error}.", texts.name)),
    }
}

/// The name of a column of days that was made of a column of dates.
pub(crate) fn days_name(column: &str) -> String {
    format!("{column}_days")
}

fn days_by(texts: &Texts, dates: &Dates) -> Option<Vec<f64>> {
    let mut at = Vec::with_capacity(texts.len());
    for text in texts.iter() {
        at.push(match text {
            Some(text) => Some(dates.read(text)?.0),
            None => None,
        });
    }
    let latest = at.iter().flatten().max().copied()?;
    Some(at.iter().map(|at| at.map_or(f64::NAN, |at| days_between(at, latest))).collect())
}

fn days_between(at: Timestamp, latest: Timestamp) -> f64 {
    (latest.millis() - at.millis()) as f64 / 86_400_000.0
}

/// A column of numbers, and the cells that are none.
pub(crate) struct Numbers {
    /// A number per row; NaN is missing.
    pub(crate) values: Vec<f64>,
    /// Rows whose cell is neither a number nor a sign of a missing one.
    pub(crate) bad: Vec<usize>,
    /// Whether so few cells are that the column is one of numbers.
    pub(crate) are_nearly_all: bool,
}

/// Share of the cells that must be numbers for a column to be one of numbers.
const NEARLY_ALL: f64 = 0.95;

/// The numbers of a column, if most cells are one; codes such as `007` or 20 digits are texts.
pub(crate) fn numeric(texts: &Texts, reading: &Reading, delimiter: u8) -> Option<Numbers> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2⁵³: integers up to here are all different
    let present = texts.without(|text| is_missing_number(text) || reading.is_missing(text));
    let decimal = reading.decimal.unwrap_or_else(|| Decimal::of(&present, delimiter));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = |text: &str| {
        let digits = text.trim_start_matches('-');
        digits.len() > 1 && digits.starts_with('0') && is_digits(digits)
    };
    let mut values = Vec::with_capacity(present.len());
    let (mut bad, mut n) = (Vec::new(), 0usize);
    for (row, text) in present.iter().enumerate() {
        let Some(text) = text else {
            values.push(f64::NAN);
            continue;
        };
        let value = number(text, decimal);
        let is_long = |value: f64| value.abs() > EXACT && is_digits(text.trim_start_matches('-'));
        if is_code(text) || value.is_some_and(is_long) {
            return None;
        }
        n += usize::from(value.is_some());
        if value.is_none() {
            bad.push(row);
        }
        values.push(value.unwrap_or(f64::NAN));
    }
    let are_nearly_all = n as f64 >= NEARLY_ALL * (n + bad.len()) as f64;
    (n > bad.len()).then_some(Numbers { values, bad, are_nearly_all })
}

/// The values of the rows that are kept.
fn only<T>(values: Vec<T>, keep: &[bool]) -> Vec<T> {
    values.into_iter().zip(keep).filter(|&(_, &keep)| keep).map(|(value, _)| value).collect()
}

/// How programs write a missing number.
fn is_missing_number(text: &str) -> bool {
    ["NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "-"].contains(&text)
}

/// How programs write a missing text. `NA` is North America, or Namibia.
fn is_missing_text(text: &str) -> bool {
    ["NaN", "nan", "NULL", "null", "None", "#N/A"].contains(&text)
}

/// How programs write a missing identifier.
fn is_missing_id(text: &str) -> bool {
    is_missing_text(text) || ["NA", "N/A"].contains(&text)
}
