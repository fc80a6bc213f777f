//! From raw events to personas: who is who, what they do, which groups they form, who those are,
//! and how far to trust all of it.
//!
//! Without options it tells of a year of 801 households at a grocer's. With your own files:
//!
//! ```text
//! cargo run --release --example personas -- --events sales.csv.gz --time date --event action \
//!     --id customer --id email=mail --amount total --html report.html --out people.csv
//! ```
//!
//! [`run`] is the whole journey; the files under `shared/` read and write.

#[path = "shared/csv_file.rs"]
pub(crate) mod csv_file;
#[path = "shared/dates.rs"]
pub(crate) mod dates;
#[path = "shared/events.rs"]
pub(crate) mod events;
#[path = "shared/few.rs"]
mod few;
#[path = "shared/input.rs"]
mod input;
#[path = "shared/numbers.rs"]
pub(crate) mod numbers;
#[path = "shared/output.rs"]
mod output;
#[path = "shared/problems.rs"]
pub(crate) mod problems;
#[path = "shared/program.rs"]
mod program;
#[path = "shared/progress.rs"]
mod progress;
#[path = "shared/retail_words.rs"]
mod retail_words;
#[path = "shared/screen.rs"]
mod screen;
#[path = "shared/texts.rs"]
pub(crate) mod texts;
#[path = "shared/warnings.rs"]
mod warnings;
#[path = "shared/words.rs"]
mod words;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Parser, ValueEnum};
use encoding_rs::Encoding;
use personas::cluster::{Agglomerative, Hdbscan, Linkage};
use personas::features::{Column, Retail, Values};
use personas::persona::{Describer, PersonaSettings, Vocabulary};
use personas::prepare::{Cohorts, Relative};
use personas::report::Report;
use personas::{
    Error, FeatureSet, FeatureTable, IngestReport, PersonaModel, Preprocessor, Profiles, Rules,
    Timestamp,
};

use csv_file::{CsvTable, Source};
use events::{IdColumn, Layout, Reading, Rows};
use numbers::Decimal;
use output::{Kept, Told, Who};
use problems::Problems;
use progress::Progress;
use warnings::Codes;

/// Turns events into personas and reports how reliable they are. Without --events or --table it uses
/// built-in data: a year of purchases, mailings and coupons of 801 households.
#[derive(Debug, Parser)]
#[command(name = "personas", allow_negative_numbers = true)]
#[command(group(ArgGroup::new("files").args(["events", "table"]).multiple(true)))]
pub(crate) struct Options {
    /// Events: CSV with a header, plain or .gz, one row per event or line of a receipt; - is standard
    /// input (repeatable, for files with the same columns)
    #[arg(long, value_name = "FILE", requires_all = ["time", "id", "amount"])]
    events: Vec<PathBuf>,
    /// Column of the time, such as 2017-01-01T07:30:27-05:00, 2017-01-01 07:30 or 2017-01-01
    #[arg(long, value_name = "COL", requires = "events")]
    time: Option<String>,
    /// Column of the event's name; without it, every row is a purchase
    #[arg(long, value_name = "COL", requires = "events")]
    event: Option<String>,
    /// Column of an identifier and its kind, such as email=mail; COL alone is its own kind
    /// (repeatable, strongest first). Of a table: a column that says who the people are
    #[arg(long, value_name = "KIND=COL", requires = "files")]
    id: Vec<IdColumn>,
    /// Column of the amount paid
    #[arg(long, value_name = "COL", requires = "events")]
    amount: Option<String>,
    /// Column of the number of pieces, where the amount is the price of one
    #[arg(long, value_name = "COL", requires = "events")]
    quantity: Option<String>,
    /// Which event is a purchase (default: the one that most often has an amount)
    #[arg(long, value_name = "NAME", requires = "events", conflicts_with = "apply")]
    purchase: Option<String>,
    /// Column of the order's id, where an order has several rows
    #[arg(long, value_name = "COL", requires = "events")]
    order: Option<String>,
    /// Column of the kind of goods
    #[arg(long, value_name = "COL", requires = "events")]
    category: Option<String>,
    /// Column of the discount
    #[arg(long, value_name = "COL", requires = "events")]
    discount: Option<String>,
    /// What is known of people: CSV with a header, plain or .gz, one row per person
    #[arg(long, value_name = "FILE", requires = "events", requires = "people_id")]
    people: Option<PathBuf>,
    /// Column of their identifier and its kind, one of those given by --id
    #[arg(long, value_name = "KIND=COL", requires = "people")]
    people_id: Option<IdColumn>,

    /// How times are written, such as "%d/%m/%Y %H:%M" (default: found from the column)
    #[arg(long, value_name = "PATTERN", value_parser = date_format)]
    date_format: Option<String>,
    /// Decimal sign (default: found from the column)
    #[arg(long, value_name = "POINT|COMMA")]
    decimal: Option<Decimal>,
    /// Encoding of the files, such as windows-1252 (default: UTF-8, or UTF-16 with a byte order mark)
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<&'static Encoding>,
    /// A text that stands for a missing value, such as NA (repeatable)
    #[arg(long, value_name = "TEXT")]
    missing: Vec<String>,

    /// People instead of events: CSV with a header, one row per person, every column a feature, except those of
    /// --id and one that numbers the rows
    #[arg(long, value_name = "FILE", conflicts_with = "events")]
    table: Option<PathBuf>,
    /// Column of the table whose numbers are codes, such as a region 1, 2 or 3 (repeatable)
    #[arg(long, value_name = "COL", requires = "table")]
    categorical: Vec<String>,
    /// Column of the table whose numbers 1, 2 and 3 are amounts and not codes, or which numbers the rows and is an
    /// amount all the same (repeatable)
    #[arg(long, value_name = "COL", requires = "table")]
    numeric: Vec<String>,
    /// Group people by how they do among those of the same category of this column, such as a plan or a
    /// country: every number becomes its rank there, from 0 to 1
    #[arg(long, value_name = "COL", conflicts_with_all = ["apply", "method"])]
    relative_to: Option<String>,
    /// Columns to leave out of the grouping; they still describe (repeatable)
    #[arg(long, value_name = "COL")]
    keep_out: Vec<String>,

    /// Write who is in which persona, with margin, runner-up and reasons
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the full report, as a page with charts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print personas and evidence as JSON
    #[arg(long)]
    json: bool,
    /// In --json, measure which columns tell the personas apart by a forest and a regression as well
    #[arg(long, requires = "json")]
    importance: bool,
    /// Write the model to a file, for --apply and --compare-with. The file is for your own use: it holds
    /// the middle and the size of every group, however small, and all levels of ordered categories
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Use a model that --save wrote instead of making one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["k", "save", "keep_out", "method"])]
    apply: Option<PathBuf>,
    /// Compare with a model that --save wrote earlier, and say what became of its personas
    #[arg(long, value_name = "FILE")]
    compare_with: Option<PathBuf>,
    /// Compare the people with personas made by hand, given as JSON
    #[arg(long, value_name = "FILE")]
    declared: Option<PathBuf>,

    /// Describe the extreme types that people are mixtures of; their number is chosen. The page of --html has
    /// them anyway where the data hold no natural groups
    #[arg(long)]
    archetypes: bool,
    /// Find small, distinct groups inside the personas
    #[arg(long)]
    niches: bool,
    /// The words of the descriptions, as JSON: {"labels": {"GROCERY": "groceries"}}, and units, sayings and
    /// texts in another language
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    words: Option<PathBuf>,

    /// The moment of the features; later events do not count (default: the newest event, clocks far ahead
    /// left out)
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse, conflicts_with = "table")]
    as_of: Option<Timestamp>,
    /// Number of personas (default: the natural groups, or 3 to 8 if there are none)
    #[arg(long)]
    k: Option<usize>,
    /// How people are grouped; hdbscan finds the number of groups, and leaves people out who fit none
    #[arg(long, value_enum, default_value_t = Method::Kmeans)]
    method: Method,
    /// Seed of everything random; the same seed gives the same report
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How people are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// K-means, with all the evidence there is for the number of groups.
    Kmeans,
    /// Nested groups by Ward's method, cut where the data suggest or into --k.
    Ward,
    /// Dense groups of any shape.
    Hdbscan,
}

fn main() -> ExitCode {
    program::main(run)
}

/// The journey from a file to personas.
pub(crate) fn run(options: &Options) -> program::Outcome {
    let progress = Progress::new(4);
    options.check_ids()?;
    let kept = options.apply.as_deref().map(Kept::read).transpose()?;
    let earlier = options.compare_with.as_deref().map(Kept::read).transpose()?;
    let declared = options.declared.as_deref().map(output::declared).transpose()?;
    let written = [&options.out, &options.html, &options.save];
    let read = [&options.people, &options.table, &options.declared, &options.words, &options.apply];
    let read: Vec<_> = read.into_iter().flatten().chain(&options.events).collect();
    output::check(&written.into_iter().flatten().collect::<Vec<_>>(), &read)?;

    // One row per person, one column per feature.
    progress.step("reading");
    let people = match &options.table {
        Some(file) => People::of_table(file, options, kept.as_ref())?,
        None => People::of_events(options, kept.as_ref(), &progress)?,
    };
    let table = &people.table;

    // Use the model that was kept, or make one of these people.
    progress.step("finding personas");
    let model = match &kept {
        Some(kept) => kept.model.clone(),
        None => options.model(&people)?,
    };
    let matches = model.assign(table)?;
    let drift = match &kept {
        Some(_) => Some(model.drift(table)?),
        None => None,
    };

    let types = match options.archetypes {
        true => Some(model.archetypes(table, None, options.seed)?),
        false => None,
    };
    // A full page has them where people may differ by degrees, and the table has as many.
    let types_of_page = match &types {
        None if options.html.is_some() && screen::is_division(&model) => {
            match model.archetypes(table, None, options.seed) {
                Err(Error::TooFewSamples { .. }) => None,
                types => Some(types?),
            }
        }
        types => types.clone(),
    };
    let niches = match options.niches {
        true => Some(model.niches(table, options.seed)?),
        false => None,
    };

    let lineage = match &earlier {
        Some(Kept { model: old, .. }) => {
            let placed = old.assign(table).map_err(|error| {
                format!("--compare-with: the earlier model cannot place these people: {error}")
            })?;
            Some((model.lineage(&matches, old, &placed)?, old))
        }
        None => None,
    };
    let comparison = match &declared {
        Some(declared) => Some(model.compare(declared, table)?),
        None => None,
    };

    progress.step("writing");
    if let Some(file) = &options.out {
        output::write(file, &output::members(&people, &model, &matches)?)?;
    }
    if let Some(file) = &options.html {
        let title = format!("Personas of {}", people.name);
        let notes = screen::notes(&people);
        let mut report = Report::new(&model, table);
        report.title = title;
        report.attention = screen::attention(&people, drift.as_deref());
        report.notes.push(("What was read".into(), notes));
        report.niches = niches.clone().unwrap_or_default();
        report.types = types_of_page;
        if let Some(drift) = &drift {
            let said = screen::drift(&people, drift);
            report.notes.push(("Since the model was made".into(), said));
        }
        if let Some((lineage, old)) = &lineage {
            let said = screen::lineage(lineage, old, &model);
            report.notes.push((screen::SINCE_EARLIER.into(), said));
        }
        if let Some(comparison) = &comparison {
            let said = screen::declared(&model, comparison);
            report.notes.push((screen::BY_HAND.into(), said));
        }
        output::write(file, &report.html()?)?;
    }
    if let Some(file) = &options.save {
        let kept = Kept::new(people.features.clone(), model.clone());
        output::write(file, &kept.to_json()?)?;
    }
    drop(progress);
    if options.json {
        let told = Told {
            people: &people,
            model: &model,
            matches: &matches,
            types: types.as_ref(),
            niches: niches.as_deref(),
            comparison: comparison.as_ref(),
            lineage: lineage.as_ref().map(|(lineage, _)| lineage),
            drift: drift.as_deref(),
            seed: options.importance.then_some(options.seed),
        };
        return told.to_json();
    }
    let more = types.as_ref().map_or(String::new(), screen::types)
        + &niches.map_or(String::new(), |niches| screen::niches(&model, &niches))
        + &lineage.map_or(String::new(), |(found, old)| {
            screen::told(screen::SINCE_EARLIER, &screen::lineage(&found, old, &model))
        })
        + &comparison.map_or(String::new(), |found| {
            screen::told(screen::BY_HAND, &screen::declared(&model, &found))
        });
    screen::text(&people, &model, &matches, drift.as_deref(), &more, options)
}

/// People as rows, and where they come from.
pub(crate) struct People {
    /// Where they come from, in words.
    name: String,
    table: FeatureTable,
    /// Who they are. For people made of events it is empty unless --out asks for it.
    who: Who,
    /// What happened; `None` if the file held people.
    events: Option<Events>,
    /// Rows of people that were skipped, and what else is to be known of their file.
    skipped: Problems,
    notes: Vec<String>,
    /// The features in force; empty if the file held people.
    features: FeatureSet,
    /// Columns that were declared of people.
    declared: Vec<String>,
    /// Columns of numbers that are codes.
    codes: Vec<String>,
}

/// What became of the rows of an events file.
pub(crate) struct Events {
    rows: Rows,
    ingest: IngestReport,
    known: Rows,
    as_of: Timestamp,
    n_unattributed: usize,
    warnings: Vec<String>,
}

impl People {
    /// Rows that were skipped.
    fn problems(&self) -> &Problems {
        self.events.as_ref().map_or(&self.skipped, |events| &events.rows.problems)
    }

    fn of_events(
        options: &Options,
        kept: Option<&Kept>,
        progress: &Progress,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let input = Input::of(options)?;
        let reading = options.reading();
        let mut rows = Rows::events(&input.events, &input.layout, &reading)?;
        let known = match (&input.people, &input.people_id) {
            (Some(source), Some(id)) => Rows::people(source.clone(), id, &reading, &rows)?,
            _ => Rows::default(),
        };
        progress.step("building profiles");
        let kinds = input.layout.ids.iter().map(|id| id.kind.as_str());
        let features = match kept {
            Some(kept) => kept.features.clone(),
            None => {
                let purchase = rows.purchase(options.purchase.as_deref())?;
                FeatureSet::from(&input.retail(purchase))
            }
        };
        let mut people = Profiles::new(Rules::default().priority(kinds), features)?;
        let ingest = people.extend_columns(&rows.columns())?;
        people.extend_columns(&known.columns())?;
        if ingest.accepted == 0 {
            let why = screen::refused(&ingest, &rows.lines).join(" ");
            return Err(format!("no event was accepted. {why}").into());
        }
        let (as_of, n_ahead) = match options.as_of {
            Some(as_of) => (as_of, 0),
            None => people.default_as_of().ok_or("no event was accepted")?,
        };
        if kept.is_none() {
            people.freeze(as_of)?;
        }
        let table = people.features(as_of)?;
        let n = table.n_rows();
        if n == 0 || (n < FEWEST && kept.is_none()) {
            let people = words::several(n, "person has", "people have");
            let least = if kept.is_some() { 1 } else { FEWEST };
            let least = words::several(least, "person", "people");
            return Err(
                format!("{people} events up to {as_of}; personas need at least {least}").into()
            );
        }
        let who = match options.out {
            Some(_) => Who::of(&rows, &people, &table),
            None => Who::default(),
        };
        let mut warnings = warnings::of(&rows, n_ahead);
        let n_later = rows.at.iter().filter(|at| options.as_of.is_some_and(|as_of| **at > as_of));
        let n_later = n_later.count();
        if n_later > 0 {
            let events = words::several(n_later, "event is", "events are");
            warnings.push(format!("{events} later than {as_of}, and not counted."));
        }
        let unmatched = people.unmatched(as_of)?;
        if !unmatched.is_empty() {
            let unmatched: Vec<String> = unmatched.into_iter().map(str::to_owned).collect();
            warnings.push(format!("No event counts for {}.", words::list(&unmatched)));
        }
        let declared: HashSet<&str> = known.attributes().collect();
        let columns = table.columns().iter().map(|column| column.name.clone());
        let declared = columns.filter(|name| declared.contains(name.as_str())).collect();
        Ok(Self {
            name: input.name,
            who,
            features: people.feature_set().clone(),
            declared,
            table,
            skipped: Problems::default(),
            notes: Vec::new(),
            codes: Vec::new(),
            events: Some(Events {
                warnings,
                n_unattributed: people.n_unattributed(),
                rows,
                ingest,
                known,
                as_of,
            }),
        })
    }

    /// A file with one row per person.
    fn of_table(
        file: &Path,
        options: &Options,
        kept: Option<&Kept>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (reading, categorical) = (&options.reading(), &options.categorical);
        let source = Source::File(file.to_path_buf());
        let csv = CsvTable::read(&[source], reading.encoding, |_| true)?;
        let least = if kept.is_some() { 1 } else { FEWEST };
        if csv.lines.len() < least {
            let rows = words::several(csv.lines.len(), "row", "rows");
            return Err(
                format!("{} has {rows}; personas need at least {least}", named(file)).into()
            );
        }
        let skipped = Problems::of(&csv);
        let mut notes = skipped.mended();
        notes.extend(warnings::header(csv.columns.iter().map(|texts| texts.name.as_str())));
        let mut table = FeatureTable::new(csv.lines.len());
        let ids: Vec<String> = options.id.iter().map(|id| id.column.clone()).collect();
        let told = [("id", &ids), ("categorical", categorical), ("numeric", &options.numeric)];
        for (option, names) in told {
            for name in names {
                csv.column(name).map_err(|error| format!("--{option}: {error}"))?;
            }
        }
        let (mut codes, mut who) = (Codes::default(), Who::default());
        for texts in &csv.columns {
            // A model says itself what its columns are.
            let is_number = kept.and_then(|kept| kept.is_number(&texts.name));
            let numbers = match categorical.contains(&texts.name) || is_number == Some(false) {
                true => None,
                false => events::numeric(texts, reading, csv.delimiter),
            };
            if let Some(found) = numbers.as_ref().filter(|found| !found.are_nearly_all) {
                notes.extend(warnings::one_text(texts, &found.bad));
            }
            let numbers = numbers.filter(|found| found.are_nearly_all);
            let is_told = is_number.is_some()
                || options.numeric.contains(&texts.name)
                || options.keep_out.contains(&texts.name);
            // An identifier names a person and is no feature.
            let counts = |found: &events::Numbers| warnings::numbers_rows(&found.values);
            if ids.contains(&texts.name) {
                continue;
            }
            if !is_told && numbers.as_ref().is_some_and(counts) {
                notes.push(warnings::row_number(&texts.name));
                if ids.is_empty() {
                    who.add(&texts.name, texts);
                }
                continue;
            }
            let numbers =
                numbers.filter(|found| is_told || !codes.take(&texts.name, &found.values));
            let is_empty = texts.iter().all(|text| text.is_none());
            table = match numbers {
                None if is_empty && is_number == Some(true) => {
                    table.numeric(&texts.name, vec![None; texts.len()])?
                }
                Some(found) => {
                    notes.extend(warnings::bad_numbers(texts, &found.bad, &csv.lines));
                    let numbers = found.values.into_iter().map(|n| (!n.is_nan()).then_some(n));
                    table.numeric(&texts.name, numbers.collect())?
                }
                None => {
                    let texts = texts.without(|text| reading.is_missing(text));
                    let days = events::days(&texts, reading).unwrap_or_else(|note| {
                        notes.push(note);
                        None
                    });
                    match days {
                        Some(days) => {
                            let days = days.into_iter().map(|n| (!n.is_nan()).then_some(n));
                            table.numeric(events::days_name(&texts.name), days.collect())?
                        }
                        None => {
                            let values = texts.iter().map(|text| text.map(str::to_owned));
                            table.categorical(&texts.name, values.collect())?
                        }
                    }
                }
            };
        }
        notes.extend(codes.notes());
        for id in &options.id {
            who.add(&id.kind, csv.column(&id.column)?);
        }
        if who.kinds.is_empty() {
            who.kinds.push("line".into());
            who.cells = csv.lines.iter().map(|line| vec![line.to_string()]).collect();
        }
        Ok(Self {
            name: named(file),
            who,
            table,
            events: None,
            skipped,
            notes,
            features: FeatureSet::default(),
            declared: Vec::new(),
            codes: codes.read.into_iter().map(|(name, _)| name).collect(),
        })
    }
}

/// A file's name without its folders.
fn named(file: &Path) -> String {
    match file.as_os_str() == "-" {
        true => "standard input".into(),
        false => file.file_name().unwrap_or(file.as_os_str()).display().to_string(),
    }
}

/// The column of a table that was made of a column of the file: of dates, the days since then.
fn column_of<'a>(table: &'a FeatureTable, name: &'a str) -> &'a str {
    let days = events::days_name(name);
    let is_it = |column: &&Column| column.name == name || column.name == days;
    table.columns().iter().find(is_it).map_or(name, |column| column.name.as_str())
}

/// The columns of numbers that the grouping uses, to be compared by rank.
fn grouping_numbers(table: &FeatureTable, prep: &Preprocessor) -> Vec<(String, Relative)> {
    let is_used = |column: &&Column| {
        matches!(column.values, Values::Numeric(_)) && prep.weights.get(&column.name) != Some(&0.0)
    };
    table.columns().iter().filter(is_used).map(|c| (c.name.clone(), Relative::Rank)).collect()
}

/// Fewest people that make personas.
const FEWEST: usize = 3;

impl Options {
    fn reading(&self) -> Reading {
        Reading {
            date_format: self.date_format.clone(),
            decimal: self.decimal,
            encoding: self.encoding,
            missing: self.missing.clone(),
        }
    }

    /// Whether --id names what nothing else does: of a table, a column that is not used for anything else.
    fn check_ids(&self) -> Result<(), String> {
        let is_head = |id: &&IdColumn| output::COLUMNS.contains(&id.kind.as_str());
        if let Some(IdColumn { kind, column }) = self.id.iter().find(is_head) {
            return Err(format!(
                "--id: the kind {kind:?} has the name of another column of --out; write KIND={column} with another KIND"
            ));
        }
        if self.table.is_none() {
            return Ok(());
        }
        let uses = [
            ("keep-out", self.keep_out.as_slice()),
            ("categorical", &self.categorical),
            ("numeric", &self.numeric),
            ("relative-to", self.relative_to.as_slice()),
        ];
        for (at, IdColumn { kind, column }) in self.id.iter().enumerate() {
            if let Some((option, _)) = uses.iter().find(|(_, names)| names.contains(column)) {
                return Err(format!("--id and --{option} both name {column:?}"));
            }
            let before = &self.id[..at];
            if before.iter().any(|id| id.column == *column) {
                return Err(format!("--id names {column:?} twice"));
            }
            if before.iter().any(|id| id.kind == *kind) {
                return Err(format!("--id names two columns of kind {kind:?}"));
            }
        }
        Ok(())
    }

    /// The personas of these people.
    fn model(&self, people: &People) -> Result<PersonaModel, Box<dyn std::error::Error>> {
        let settings = self.settings(people)?;
        let table = &people.table;
        let is_unknown = |name: &&String| table.column(column_of(table, name)).is_none();
        if let Some(name) = self.keep_out.iter().find(is_unknown) {
            return Err(format!("--keep-out names {name:?}, which is not a column").into());
        }
        if let Some(k) = self.k.filter(|&k| k > table.n_rows()) {
            let people = words::several(table.n_rows(), "person", "people");
            return Err(format!("--k {k} is more than the {people}").into());
        }
        if self.method == Method::Kmeans {
            let (n, least) = (table.n_rows(), few::least());
            if self.k.is_none() && n < 2 * least {
                return Err(format!(
                    "{} too few: two personas of at least {} needed; --k 2 divides them all the same",
                    words::several(n, "person is", "people are"),
                    words::several(least, "person is", "people are"),
                )
                .into());
            }
            return Ok(PersonaModel::fit(table, &settings)?);
        }
        let prep = settings.preprocessor.fit(table)?;
        let matrix = prep.transform(table)?;
        let labels = match (self.method, self.k) {
            (Method::Hdbscan, None) => Hdbscan::new(settings.min_size).fit(&matrix)?.labels,
            (Method::Hdbscan, Some(_)) => return Err("--method hdbscan takes no --k".into()),
            (_, k) => {
                let ward = Agglomerative::new(Linkage::Ward);
                let tree = ward.fit(&matrix)?;
                let suggested = ward.suggest_cut(&matrix, &tree, self.seed)?.map(|cut| cut.k);
                let k = k.or(suggested);
                tree.cut_into(k.ok_or(
                    "Ward's method finds no clear number of personas: add --k, such as --k 4",
                )?)?
            }
        };
        if labels.sizes().is_empty() {
            let least = settings.min_size;
            return Err(format!(
                "HDBSCAN found no group of {least} people or more; try --method kmeans"
            )
            .into());
        }
        Ok(settings.describer.describe(table, &prep, &labels)?)
    }

    /// Groups are made from what people do. What is declared of them is kept out, so that it can tell
    /// afterwards whether the groups mean anything.
    fn settings(&self, people: &People) -> Result<PersonaSettings, Box<dyn std::error::Error>> {
        let kept_out = self.keep_out.iter().map(|name| column_of(&people.table, name));
        let kept_out = people.declared.iter().map(String::as_str).chain(kept_out);
        let mut prepare =
            kept_out.fold(Preprocessor::default(), |prep, name| prep.weight(name, 0.0));
        // Codes have no order.
        prepare.unordered.extend(self.categorical.iter().chain(&people.codes).cloned());
        let mut vocabulary = match &self.words {
            Some(file) => output::from_json(file)?,
            None => Vocabulary::default(),
        };
        if people.events.is_some() {
            let columns = people.table.columns().iter();
            retail_words::add(&mut vocabulary, columns.map(|column| column.name.as_str()));
            if self.events.is_empty() {
                retail_words::add_grocer(&mut vocabulary);
            }
        }
        let mut cohorts = None;
        if let Some(by) = &self.relative_to {
            let column = people.table.column(by);
            if !column.is_some_and(|column| matches!(column.values, Values::Categorical(_))) {
                return Err(format!(
                    "--relative-to names {by:?}, which is not a column of categories"
                )
                .into());
            }
            let columns = grouping_numbers(&people.table, &prepare);
            for (name, _) in &columns {
                let label = vocabulary.labels.get(name).unwrap_or(name);
                let (rank, label) =
                    (format!("{name}, rank in {by}"), format!("{label} for the {by}"));
                vocabulary.labels.entry(rank).or_insert(label);
            }
            let names = columns.iter().map(|(name, _)| name).chain([by]);
            prepare = names.fold(prepare, |prep, name| prep.weight(name, 0.0));
            cohorts = Some(Cohorts { by: by.clone(), columns, ..Cohorts::default() });
        }
        Ok(PersonaSettings {
            k: self.k,
            seed: self.seed,
            cohorts,
            preprocessor: prepare,
            describer: Describer { vocabulary, ..Default::default() },
            ..Default::default()
        })
    }
}

fn encoding(label: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(label.as_bytes()).ok_or_else(|| format!("{label:?} names no encoding"))
}

/// A pattern that dates can be read by: it must have the day, the month and the year.
fn date_format(text: &str) -> Result<String, String> {
    let day = jiff::civil::date(2017, 12, 31).at(13, 45, 30, 0);
    let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?;
    let written = jiff::fmt::strtime::format(text, &zoned).map_err(|error| error.to_string())?;
    let (read, _) = dates::Dates::Pattern(text.to_owned())
        .read(&written)
        .unwrap_or((Timestamp::from_millis(0), None));
    match (zoned.timestamp().as_millisecond() - read.millis()).abs() < 86_400_000 {
        true => Ok(text.to_owned()),
        false => {
            Err("a pattern needs a day, a month and a year, such as \"%d.%m.%Y %H:%M\"".into())
        }
    }
}

/// Where the events come from, and what their columns mean.
#[derive(Debug)]
struct Input {
    /// In words, for the report.
    name: String,
    events: Vec<Source>,
    people: Option<Source>,
    layout: Layout,
    people_id: Option<IdColumn>,
}

impl Input {
    fn of(options: &Options) -> Result<Self, String> {
        let (Some(first), Some(time), Some(amount)) =
            (options.events.first(), &options.time, &options.amount)
        else {
            return Ok(Self::embedded());
        };
        let kinds: Vec<&str> = options.id.iter().map(|id| id.kind.as_str()).collect();
        if let Some(id) = options.people_id.as_ref().filter(|id| !kinds.contains(&&*id.kind)) {
            return Err(format!(
                "--people-id has the kind {:?}, but --id names only {}; write KIND={}",
                id.kind,
                kinds.join(", "),
                id.column
            ));
        }
        let name = match options.events.len() {
            1 => named(first),
            n => {
                format!("{} and {}", named(first), words::several(n - 1, "more file", "more files"))
            }
        };
        Ok(Self {
            name,
            events: options.events.iter().cloned().map(Source::File).collect(),
            people: options.people.clone().map(Source::File),
            layout: Layout {
                time: time.clone(),
                event: options.event.clone(),
                ids: options.id.clone(),
                amount: amount.clone(),
                quantity: options.quantity.clone(),
                order: options.order.clone(),
                category: options.category.clone(),
                discount: options.discount.clone(),
            },
            people_id: options.people_id.clone(),
        })
    }

    /// A year of a grocer's, described in `data/SOURCE.md`.
    fn embedded() -> Self {
        let household = IdColumn { kind: "household".into(), column: "household_id".into() };
        Self {
            name: "the built-in year of a grocer's".into(),
            events: vec![Source::Embedded(include_bytes!("data/events.csv.gz"))],
            people: Some(Source::Embedded(include_bytes!("data/people.csv.gz"))),
            layout: Layout {
                time: "time".into(),
                event: Some("event".into()),
                ids: vec![household.clone()],
                amount: "amount".into(),
                quantity: None,
                order: Some("basket_id".into()),
                category: Some("department".into()),
                discount: Some("discount".into()),
            },
            people_id: Some(household),
        }
    }

    /// The features to compute, in the words of these events.
    fn retail(&self, purchase: String) -> Retail {
        let layout = &self.layout;
        let mut retail =
            Retail { purchase: vec![purchase], amount: layout.amount.clone(), ..Retail::default() };
        let named = [
            (&layout.order, &mut retail.order),
            (&layout.category, &mut retail.category),
            (&layout.discount, &mut retail.discount),
        ];
        for (name, property) in named {
            if let Some(name) = name {
                property.clone_from(name);
            }
        }
        retail
    }
}
