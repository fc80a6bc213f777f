//! Reads a matrix of numbers from text: CSV or separated by whitespace, with or without a header.
//!
//! One row per line; values go straight into one vector, nothing is allocated per row. What is not
//! a finite number is an error that names line and column: a method must never see a value that
//! the file does not hold.

use std::io::BufRead;
use std::path::Path;

use personas::ndarray::Array2;

use super::input;

/// Reads a file, plain or gzipped, without the columns in `drop`: names, or 0-based numbers if the
/// file has no header.
///
/// # Errors
/// Says what is wrong, and where: the file cannot be read, it holds no numbers, rows differ in
/// length, a value is missing or not a finite number, a column to drop does not exist.
pub(crate) fn read(path: &Path, drop: &[String]) -> Result<Array2<f64>, String> {
    let text = input::open(path).map_err(|error| error.to_string());
    text.and_then(|text| parse(text, drop)).map_err(|error| format!("{}: {error}", path.display()))
}

/// As [`read`], from text.
pub(crate) fn parse(text: impl BufRead, drop: &[String]) -> Result<Array2<f64>, String> {
    let mut lines = Lines { text, line: Vec::new(), number: 0 };
    let Some((first_number, first)) = lines.next()? else {
        return Err("the file is empty".into());
    };
    let first = without_byte_order_mark(first)?.to_vec();
    let second = lines.next()?.map(|(number, line)| (number, line.to_vec()));

    let layout = Layout::detect(&first, second.as_ref().map(|(_, line)| &line[..]), drop)?;
    let above = if layout.has_header { None } else { Some((first_number, first)) };
    let mut top = above.into_iter().chain(second).peekable();
    let Some((number, line)) = top.peek() else {
        return Err("there is a header, but no row below it".into());
    };
    layout.refuse_text_columns(*number, line)?;

    let mut values = Vec::new();
    for (number, line) in top {
        layout.add_row(number, &line, &mut values)?;
    }
    while let Some((number, line)) = lines.next()? {
        layout.add_row(number, line, &mut values)?;
    }
    let n_columns = layout.keep.iter().filter(|&&keep| keep).count();
    Array2::from_shape_vec((values.len() / n_columns, n_columns), values)
        .map_err(|error| error.to_string())
}

/// How the lines of a file are to be read.
struct Layout {
    /// The byte between fields; `None` for any run of whitespace.
    delimiter: Option<u8>,
    has_header: bool,
    /// The fields of the first line, which are names if that is a header.
    first: Vec<String>,
    /// Which columns are wanted; one per column.
    keep: Vec<bool>,
}

impl Layout {
    fn detect(first: &[u8], second: Option<&[u8]>, drop: &[String]) -> Result<Self, String> {
        let delimiter = delimiter(first);
        let fields: Vec<&[u8]> = Fields::new(first, delimiter).collect();
        let names: Vec<String> = fields.iter().map(|&field| name(field)).collect();
        let below = second.map_or(Vec::new(), |line| Fields::new(line, delimiter).collect());

        // A line with words in it is a header, unless numbers stand beside the words and the line
        // below looks the same: then it may as well be a row with a column of text. Only somebody
        // who drops one of the words by name says that it is a header after all.
        let is_word = |field: &[u8]| number(field).is_none() && !is_missing(field);
        let words: Vec<usize> =
            (0..fields.len()).filter(|&column| is_word(fields[column])).collect();
        let number_below_word = words
            .iter()
            .any(|&column| below.get(column).is_some_and(|field| number(field).is_some()));
        let has_header = !words.is_empty()
            && (!fields.iter().any(|field| number(field).is_some())
                || number_below_word
                || words.iter().any(|&column| drop.contains(&names[column])));

        let mut keep = vec![true; fields.len()];
        for wanted in drop {
            let mut found = false;
            for (column, name) in names.iter().enumerate() {
                let same = if has_header { wanted == name } else { *wanted == column.to_string() };
                if same {
                    keep[column] = false;
                    found = true;
                }
            }
            if !found {
                return Err(if has_header {
                    format!("there is no column {wanted:?} to drop, only {}", quoted(&names))
                } else {
                    let last = fields.len() - 1;
                    format!(
                        "there is no header, so --drop takes a number from 0 to {last}, not {wanted:?}"
                    )
                });
            }
        }
        if !keep.contains(&true) {
            return Err("no column is left".into());
        }
        Ok(Self { delimiter, has_header, first: names, keep })
    }

    /// One error for all columns of text, so that nobody has to find them one by one.
    fn refuse_text_columns(&self, line_number: usize, line: &[u8]) -> Result<(), String> {
        let wanted: Vec<(usize, &[u8])> = Fields::new(line, self.delimiter)
            .enumerate()
            .filter(|&(column, _)| self.keep.get(column) == Some(&true))
            .collect();
        let is_text = |field: &[u8]| number(field).is_none() && !is_missing(field);
        let text: Vec<usize> =
            wanted.iter().filter(|(_, field)| is_text(field)).map(|&(column, _)| column).collect();
        if text.is_empty() {
            return Ok(());
        }
        if let (true, Some(&(column, field))) = (text.len() == wanted.len(), wanted.first()) {
            let (column, complaint) = (self.column(column), complaint(field));
            return Err(format!(
                "line {line_number}: no column holds numbers; {column}: {complaint}"
            ));
        }
        let columns = text.iter().map(|&column| self.column(column)).collect::<Vec<_>>().join(", ");
        let by_name = drops(text.iter().map(|&column| shell_word(&self.first[column])));
        let by_number = drops(text.iter().map(usize::to_string));
        let advice = if self.has_header {
            by_name
        } else {
            format!("{by_number}, or if the first line is a header, {by_name}")
        };
        Err(format!("line {line_number}: text, not numbers, in {columns}; leave out with {advice}"))
    }

    /// Appends the wanted values of a line.
    fn add_row(
        &self,
        line_number: usize,
        line: &[u8],
        values: &mut Vec<f64>,
    ) -> Result<(), String> {
        let mut n_fields = 0;
        for field in Fields::new(line, self.delimiter) {
            if self.keep.get(n_fields) == Some(&true) {
                match number(field) {
                    Some(value) if value.is_finite() => values.push(value),
                    _ => {
                        let column = self.column(n_fields);
                        return Err(format!("line {line_number}, {column}: {}", complaint(field)));
                    }
                }
            }
            n_fields += 1;
        }
        if n_fields != self.keep.len() {
            let expected = self.keep.len();
            return Err(format!(
                "line {line_number}: expected {expected} values as in the first line, found {n_fields}"
            ));
        }
        Ok(())
    }

    /// A column, as it is named in messages.
    fn column(&self, column: usize) -> String {
        match self.first.get(column) {
            Some(name) if self.has_header => {
                format!("column {} ({})", column + 1, show(name.as_bytes()))
            }
            _ => format!("column {}", column + 1),
        }
    }
}

/// The byte between fields, as the first line shows it. A comma beside semicolons is a decimal
/// comma.
fn delimiter(line: &[u8]) -> Option<u8> {
    let mut inside_quotes = false;
    let mut seen = [false; 3];
    for &byte in line {
        inside_quotes ^= byte == b'"';
        if !inside_quotes {
            for (seen, delimiter) in seen.iter_mut().zip(*b"\t;,") {
                *seen |= byte == delimiter;
            }
        }
    }
    match seen {
        // Plain columns of numbers may be padded with tabs, and end in one.
        [true, false, false] if Fields::new(line, None).all(|field| number(field).is_some()) => {
            None
        }
        [true, ..] => Some(b'\t'),
        [_, true, _] => Some(b';'),
        [_, _, true] => Some(b','),
        _ => None,
    }
}

fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Whether a field is how somebody writes that there is no value. Not a word: a row that holds it
/// is a row, never a header.
fn is_missing(field: &[u8]) -> bool {
    [&b""[..], b"na", b"n/a", b"#n/a", b"null", b"none", b"missing", b"?", b"-", b"."]
        .iter()
        .any(|word| field.eq_ignore_ascii_case(word))
}

/// What is wrong with a field that is no finite number.
fn complaint(field: &[u8]) -> String {
    match number(field) {
        _ if field.is_empty() => "the value is missing".into(),
        Some(_) => format!("{} is not a finite number", show(field)),
        None if field.contains(&b',') => {
            format!("{} is not a number; decimals need a point", show(field))
        }
        None => format!("{} is not a number", show(field)),
    }
}

/// A field in quotes, escaped, and cut if it is long.
fn show(field: &[u8]) -> String {
    const LONGEST: usize = 40;
    let text = String::from_utf8_lossy(field);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn name(field: &[u8]) -> String {
    String::from_utf8_lossy(field).replace("\"\"", "\"")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn drops(columns: impl Iterator<Item = String>) -> String {
    columns.map(|column| format!("--drop {column}")).collect::<Vec<_>>().join(" ")
}

/// A name as it can be typed after `--drop`.
fn shell_word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_.:/%+@".contains(c) || c == '-';
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

fn without_byte_order_mark(line: &[u8]) -> Result<&[u8], String> {
    if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
        return Err("the file is UTF-16 text; save it as UTF-8".into());
    }
    Ok(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line))
}

/// The lines of a text that are not blank, with their numbers, in one buffer that is used again.
struct Lines<R> {
    text: R,
    line: Vec<u8>,
    /// The number of the line in the buffer, counted from 1.
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<(usize, &[u8])>, String> {
        loop {
            self.line.clear();
            let read = self.text.read_until(b'\n', &mut self.line);
            let length =
                read.map_err(|error| format!("cannot read after line {}: {error}", self.number))?;
            if length == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some((self.number, &self.line)));
            }
        }
    }
}

/// The fields of a line, without the space and the quotes around them.
struct Fields<'a> {
    rest: Option<&'a [u8]>,
    delimiter: Option<u8>,
}

impl<'a> Fields<'a> {
    fn new(line: &'a [u8], delimiter: Option<u8>) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Self { rest: Some(line.strip_suffix(b"\r").unwrap_or(line)), delimiter }
    }

    /// Where the field at the start of `rest` ends.
    fn end(&self, rest: &[u8]) -> usize {
        let ends = |&byte: &u8| match self.delimiter {
            Some(delimiter) => byte == delimiter,
            None => byte.is_ascii_whitespace(),
        };
        let start = rest.len() - rest.trim_ascii_start().len();
        if rest.get(start) != Some(&b'"') {
            return rest.iter().position(ends).unwrap_or(rest.len());
        }
        let mut inside_quotes = false;
        let end = rest.iter().position(|byte| {
            inside_quotes ^= *byte == b'"';
            !inside_quotes && ends(byte)
        });
        end.unwrap_or(rest.len())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut rest = self.rest?;
        if self.delimiter.is_none() {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
        }
        let end = self.end(rest);
        self.rest = rest.get(end + 1..);
        let field = rest[..end].trim_ascii();
        let inner = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\""));
        Some(inner.map_or(field, <[u8]>::trim_ascii))
    }
}
