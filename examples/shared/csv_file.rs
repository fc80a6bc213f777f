//! Reads the wanted columns of CSV files, plain or gzipped, as texts.
//!
//! The delimiter is a comma, a semicolon, a tab or a bar; a byte order mark is skipped; UTF-16 is told by
//! its mark; a row that is not UTF-8 is read as Windows-1252. Short rows are padded. What was
//! mended is counted.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use csv::ByteRecord;
use encoding_rs::{Encoding, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::input;
use super::texts::{Texts, short};

/// Where a table comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A file; `-` is standard input.
    File(PathBuf),
    /// Bytes that the program carries in itself.
    Embedded(&'static [u8]),
}

impl Source {
    fn open(&self) -> io::Result<Box<dyn BufRead>> {
        match self {
            Self::File(path) if path.as_os_str() == "-" => input::unpacked(io::stdin()),
            Self::File(path) => input::open(path),
            Self::Embedded(bytes) => input::unpacked(*bytes),
        }
    }

    fn named(&self, error: impl std::fmt::Display) -> String {
        match self {
            Self::File(path) if path.as_os_str() == "-" => format!("standard input: {error}"),
            Self::File(path) => format!("{}: {error}", path.display()),
            Self::Embedded(_) => error.to_string(),
        }
    }
}

/// The rows of one file or of several files with the same columns.
#[derive(Debug)]
pub(crate) struct CsvTable {
    /// All names in the header.
    header: Vec<String>,
    /// The columns that were wanted, in the order of the header.
    pub(crate) columns: Vec<Texts>,
    /// The line of every row.
    pub(crate) lines: Vec<u64>,
    /// What separates the cells.
    pub(crate) delimiter: u8,
    /// Rows with fewer cells than the header.
    pub(crate) n_padded: usize,
    /// Rows that were not UTF-8, read as Windows-1252.
    pub(crate) n_windows: usize,
    /// Rows that came before, cell for cell; as far as the wanted columns go.
    pub(crate) n_repeated: usize,
    /// Lines whose cells are all empty, as spreadsheets write below a table. Blank lines are not rows.
    pub(crate) empty: Vec<u64>,
    /// Lines with more cells than the header: an unquoted delimiter, so that no cell is sure.
    pub(crate) too_long: Vec<u64>,
    /// The line of the first row that runs over many lines, and how many: a quote may not be closed.
    pub(crate) run_on: Option<(u64, u64)>,
}

/// Lines of one row from which on a quote may not be closed.
const RUN_ON: u64 = 50;
/// Most columns that an error names.
const MOST_NAMED: usize = 20;

impl CsvTable {
    /// Reads the columns that `is_wanted`.
    ///
    /// # Errors
    /// If a file cannot be read or is empty, a header names a wanted column twice, or the headers
    /// of several files differ in the wanted columns.
    pub(crate) fn read(
        sources: &[Source],
        encoding: Option<&'static Encoding>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let mut table: Option<Self> = None;
        let mut seen = HashSet::new();
        for source in sources {
            let text = source.open().map_err(|error| source.named(error))?;
            let mut file = File::open(text, encoding).map_err(|error| source.named(error))?;
            let wanted = file.wanted(&is_wanted).map_err(|error| source.named(error))?;
            let names = wanted.iter().map(|&column| file.names[column].as_str());
            let rows = table.get_or_insert_with(|| Self {
                header: file.names.clone(),
                columns: names.clone().map(Texts::new).collect(),
                lines: Vec::new(),
                delimiter: file.delimiter,
                n_padded: 0,
                n_windows: 0,
                n_repeated: 0,
                empty: Vec::new(),
                too_long: Vec::new(),
                run_on: None,
            });
            let wanted: Option<Vec<usize>> = rows
                .columns
                .iter()
                .map(|column| file.names.iter().position(|name| *name == column.name))
                .collect();
            let Some(wanted) = wanted.filter(|wanted| wanted.len() == names.len()) else {
                return Err(source.named("its columns are not those of the first file"));
            };
            rows.add(&mut file, &wanted, encoding.is_none(), &mut seen)
                .map_err(|error| source.named(error))?;
        }
        table.ok_or_else(|| "no file is given".into())
    }

    fn add(
        &mut self,
        file: &mut File,
        wanted: &[usize],
        may_be_windows: bool,
        seen: &mut HashSet<u64>,
    ) -> Result<(), String> {
        let mut row = ByteRecord::new();
        loop {
            let is_row = file.rows.read_byte_record(&mut row);
            let start = row.position().map_or(0, csv::Position::line);
            if !is_row.map_err(|error| format!("cannot read after line {start}: {error}"))? {
                return Ok(());
            }
            // The reader's start lies before blank lines it skipped, so count back from the end.
            let n_breaks = row.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
            let line = start.max(file.rows.position().line().saturating_sub(1 + n_breaks));
            if n_breaks >= RUN_ON {
                self.run_on.get_or_insert((line, n_breaks + 1));
            }
            if row.iter().all(|cell| cell.trim_ascii().is_empty()) {
                // A carriage return alone is a blank line.
                if row.len() > 1 {
                    self.empty.push(line);
                }
                continue;
            }
            let n_columns = file.names.len();
            if row.iter().skip(n_columns).any(|cell| !cell.trim_ascii().is_empty()) {
                self.too_long.push(line);
                continue;
            }
            self.n_padded += usize::from(row.len() < n_columns);
            let is_utf8 =
                wanted.iter().all(|&c| std::str::from_utf8(row.get(c).unwrap_or(b"")).is_ok());
            self.n_windows += usize::from(!is_utf8 && may_be_windows);
            for (texts, &column) in self.columns.iter_mut().zip(wanted) {
                let cell = row.get(column).unwrap_or(b"");
                match std::str::from_utf8(cell) {
                    Ok(text) => texts.push(text),
                    Err(_) => texts.push(&WINDOWS_1252.decode_without_bom_handling(cell).0),
                }
            }
            self.n_repeated += usize::from(!seen.insert(hash(&row)));
            self.lines.push(line);
        }
    }

    /// The column of this name.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn column(&self, name: &str) -> Result<&Texts, String> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| {
            let names = self.header.iter().take(MOST_NAMED);
            let names: Vec<String> = names.map(|name| format!("{:?}", short(name))).collect();
            let more = match self.header.len() - names.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!("there is no column {name:?}, only {}{more}", names.join(", "))
        })
    }
}

/// A row's cells as one number; rows with equal numbers are equal, but for a chance of one in millions.
fn hash(row: &ByteRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.as_slice().hash(&mut hasher);
    row.iter().for_each(|cell| cell.len().hash(&mut hasher));
    hasher.finish()
}

/// A file whose lines end in a carriage return alone, as spreadsheets write for old Macs, with line breaks.
struct CarriageReturns<R>(R);

impl<R: Read> Read for CarriageReturns<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(bytes)?;
        bytes[..n].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(n)
    }
}

/// Bytes of a first line that are looked at for its delimiter.
const LONGEST_HEADER: u64 = 1 << 20;

/// An open file behind its header.
struct File {
    names: Vec<String>,
    delimiter: u8,
    rows: csv::Reader<Box<dyn Read>>,
}

impl File {
    fn open(text: Box<dyn BufRead>, encoding: Option<&'static Encoding>) -> Result<Self, String> {
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(encoding)
            .utf8_passthru(true)
            .strip_bom(true)
            .build(text);
        let mut text = BufReader::with_capacity(1 << 16, decoded);
        // The decoder may hand out a few bytes at a time, so the first line is read whole.
        let mut header = Vec::new();
        let mut first = text.by_ref().take(LONGEST_HEADER);
        first.read_until(b'\n', &mut header).map_err(|error| error.to_string())?;
        let line = header.trim_ascii_end().split(|&byte| byte == b'\r').next().unwrap_or_default();
        let ends_lines = line.len() < header.trim_ascii_end().len();
        let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
        // For equal counts the last one wins: a comma, unless another occurs more often.
        let delimiter = b"|\t;,".iter().copied().max_by_key(|&d| count(d)).unwrap_or(b',');
        let whole = io::Cursor::new(header).chain(text);
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            // Carriage returns stay at the end of cells, where they are trimmed: the reader would
            // otherwise count their lines one off.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(match ends_lines {
                true => Box::new(CarriageReturns(whole)) as Box<dyn Read>,
                false => Box::new(whole),
            });
        let header = rows.byte_headers().map_err(|error| format!("the header: {error}"))?;
        let name = |name: &[u8]| match std::str::from_utf8(name) {
            Ok(name) => name.trim().to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(name).0.trim().to_owned(),
        };
        // A column without a name is known by its place.
        let names = header.iter().map(name).zip(1..).map(|(name, place)| match name.is_empty() {
            true => format!("column {place}"),
            false => name,
        });
        let names: Vec<String> = names.collect();
        if names.is_empty() {
            return Err("the file is empty".into());
        }
        Ok(Self { names, delimiter, rows })
    }

    /// Where the wanted columns stand.
    fn wanted(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<usize>, String> {
        let wanted: Vec<usize> =
            (0..self.names.len()).filter(|&c| is_wanted(&self.names[c])).collect();
        for (place, &second) in wanted.iter().enumerate() {
            let name = &self.names[second];
            if let Some(&first) = wanted[..place].iter().find(|&&first| self.names[first] == *name)
            {
                return Err(format!(
                    "columns {} and {} are both named {name:?}",
                    first + 1,
                    second + 1
                ));
            }
        }
        Ok(wanted)
    }
}
