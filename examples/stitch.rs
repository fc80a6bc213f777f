//! Who is who in a table: `row,profile` for every row of a CSV file.
//!
//! ```sh
//! cargo run --release --example stitch -- FILE.csv[.gz] \
//!     --id email=author_email_norm --id name=author_name_norm --time author_time \
//!     --hub email=10:name --truth person > profiles.csv
//! ```
//! Kinds are ranked in the order of `--id`. Rows are numbered from 0, the header not counted; the
//! profile is empty where a row is nobody's. A summary goes to standard error. Without a file, a
//! small cut of real commits is stitched (see `examples/data/SOURCE.md`).

#[path = "shared/csv_file.rs"]
#[allow(dead_code)] // what was mended is for the main program
mod csv_file;
#[path = "shared/dates.rs"]
mod dates;
#[path = "shared/input.rs"]
mod input;
#[path = "shared/program.rs"]
mod program;
#[path = "shared/texts.rs"]
#[allow(dead_code)] // rows are not left out here
mod texts;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use personas::event::EventColumns;
use personas::identity::Health;
use personas::{Event, IdentityGraph, ProfileId, Rules, Timestamp};

use csv_file::{CsvTable, Source};
use dates::Dates;
use texts::Texts;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Finds out which rows of a table are one person's.
#[derive(Debug, Clone, Parser)]
#[command(name = "stitch")]
pub(crate) struct Options {
    /// CSV with a header, plain or gzipped; - is standard input (default: a small sample of commits)
    file: Option<PathBuf>,
    /// The column of an identifier and its kind; COLUMN alone is its own kind (repeatable, strongest first)
    #[arg(long = "id", value_name = "KIND=COLUMN")]
    ids: Vec<String>,
    /// The column of the time
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Rules as JSON, as `Rules` are stored; fields left out have their defaults
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// A person has at most N values of a kind
    #[arg(long, value_name = "KIND=N")]
    limit: Vec<String>,
    /// A value seen with more than N values of another kind joins nobody
    #[arg(long, value_name = "KIND=N:OTHER")]
    hub: Vec<String>,
    /// Values that join nobody; the kind may be `*`
    #[arg(long, value_name = "KIND=PATTERN")]
    block: Vec<String>,
    /// The column with the true person, to compare the profiles with
    #[arg(long, value_name = "COLUMN")]
    truth: Option<String>,
}

fn main() -> ExitCode {
    program::main(|options| {
        let (table, notes) = run(options)?;
        std::io::stderr().write_all(notes.as_bytes())?;
        Ok(table)
    })
}

/// `row,profile` for every row, and what is to be said besides.
pub(crate) fn run(options: &Options) -> Outcome<(String, String)> {
    let mut options = options.clone();
    let source = match &options.file {
        Some(file) => Source::File(file.clone()),
        None => Source::Embedded(include_bytes!("data/commits.csv.gz")),
    };
    if options.file.is_none() && options.ids.is_empty() {
        options.ids = vec!["email=author_email_norm".into(), "name=author_name_norm".into()];
        options.time.get_or_insert("author_time".into());
        options.truth.get_or_insert("person".into());
        // One placeholder joins 13 people here; hashed, it escapes the list of blocked values.
        if options.hub.is_empty() {
            options.hub.push("email=10:name".into());
        }
    }
    if options.ids.is_empty() {
        return Err("say which columns identify people: --id KIND=COLUMN".into());
    }

    let split = |id: &String| match id.split_once('=') {
        Some((kind, column)) => (kind.to_owned(), column.to_owned()),
        None => (id.clone(), id.clone()),
    };
    let ids: Vec<(String, String)> = options.ids.iter().map(split).collect();
    let others = options.time.iter().chain(&options.truth);
    let wanted: Vec<&String> = ids.iter().map(|(_, column)| column).chain(others).collect();
    let is_wanted = |name: &str| wanted.iter().any(|wanted| *wanted == name);
    let table = CsvTable::read(&[source], None, is_wanted)?;
    let ids: Vec<(&str, &Texts)> = ids
        .iter()
        .map(|(kind, column)| Ok((kind.as_str(), table.column(column)?)))
        .collect::<Result<_, String>>()?;

    // Every row is an event, and the columns go in where they lie.
    let n_rows = table.lines.len();
    let (at, n_unread) = times(&table, options.time.as_deref())?;
    let observed = EventColumns::new(&at).name("row");
    let observed = ids.iter().fold(observed, |all, (kind, texts)| all.id(*kind, texts.column()));
    let mut graph = IdentityGraph::new(rules(&options)?)?;
    let ingest = graph.extend_columns(&observed)?;

    // Only when all rows are in is it known who everybody is.
    let truth = options.truth.as_ref().map(|column| table.column(column)).transpose()?;
    let mut judged = BTreeMap::<Vec<&str>, (String, Option<ProfileId>)>::new();
    let mut out = String::from("row,profile\n");
    for (row, &at) in at.iter().enumerate().take(n_rows) {
        let values = ids.iter().filter_map(|(kind, texts)| Some((*kind, texts.get(row)?)));
        let event =
            values.fold(Event::new("row", at), |event, (kind, value)| event.id(kind, value));
        let profile = graph.profile_of(&event).ok().flatten();
        match profile {
            Some(id) => writeln!(out, "{row},{id}")?,
            None => writeln!(out, "{row},")?,
        }
        if let Some(truth) = truth {
            let signature = ids.iter().map(|(_, texts)| texts.get(row).unwrap_or_default());
            let person = truth.get(row).unwrap_or_default().to_owned();
            judged.entry(signature.collect()).or_insert((person, profile));
        }
    }

    let mut notes = String::new();
    summary(&mut notes, &graph.health())?;
    if n_unread > 0 {
        writeln!(notes, "times not understood  {n_unread}")?;
    }
    let skipped = [
        ("all cells are empty", &table.empty),
        ("more cells than the header has", &table.too_long),
    ];
    for (what, lines) in skipped {
        if let Some(first) = lines.first() {
            let n = lines.len();
            writeln!(notes, "rows skipped and not numbered: {what}  {n}, first in line {first}")?;
        }
    }
    if ingest.n_refused() > 0 {
        writeln!(notes, "{ingest}")?;
    }
    if truth.is_some() {
        let [precision, recall, f1] = agreement(judged.into_values());
        writeln!(
            notes,
            "precision {precision:.3}  recall {recall:.3}  F1 {f1:.3}  (pairs of signatures)"
        )?;
    }
    Ok((out, notes))
}

/// The time of every row, and how many cannot be read. A time outside any clock counts last.
fn times(table: &CsvTable, column: Option<&str>) -> Outcome<(Vec<Timestamp>, usize)> {
    const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);
    let Some(column) = column else { return Ok((vec![NEVER; table.lines.len()], 0)) };
    let texts = table.column(column)?;
    let dates = Dates::of(texts)?;
    let read = texts.iter().map(|text| text.and_then(|text| dates.read(text)).map(|(at, _)| at));
    let read: Vec<Option<Timestamp>> = read.collect();
    let n_unread = read.iter().filter(|at| at.is_none()).count();
    Ok((read.into_iter().map(|at| at.unwrap_or(NEVER)).collect(), n_unread))
}

/// `KIND=REST`, split.
fn split(text: &str) -> Outcome<(&str, &str)> {
    text.split_once('=').ok_or_else(|| format!("expected KIND=..., got {text:?}").into())
}

fn rules(options: &Options) -> Outcome<Rules> {
    let kinds = options.ids.iter().map(|id| id.split('=').next().unwrap_or(id));
    let mut rules = match &options.rules {
        Some(path) => {
            let text = std::fs::read_to_string(path)?;
            let stored: serde_json::Value = serde_json::from_str(&text)?;
            let rules: Rules = serde_json::from_value(stored.clone())?;
            if stored.get("priority").is_some() { rules } else { rules.priority(kinds) }
        }
        None => Rules::default().priority(kinds),
    };
    for text in &options.limit {
        let (kind, n) = split(text)?;
        rules = rules.limit(kind, n.parse()?);
    }
    for text in &options.hub {
        let (kind, rest) = split(text)?;
        let (n, of) = rest.split_once(':').ok_or("expected --hub KIND=N:OTHER")?;
        rules = rules.hub(kind, n.parse()?, of);
    }
    for text in &options.block {
        let (kind, pattern) = split(text)?;
        rules = rules.blocked(kind, pattern);
    }
    Ok(rules)
}

fn summary(out: &mut String, health: &Health<'_>) -> Outcome<()> {
    let largest = health.sizes.keys().next_back().copied().unwrap_or(0);
    let single = health.sizes.get(&1).copied().unwrap_or(0);
    writeln!(out, "observations {}  identifiers {}", health.observations, health.identifiers)?;
    writeln!(
        out,
        "profiles {}  of one identifier {single}  largest {largest} identifiers",
        health.profiles
    )?;
    writeln!(
        out,
        "shared identifiers {}  observations with blocked values {}  unattributed {}",
        health.shared.len(),
        health.blocked,
        health.unattributed
    )?;
    let mut reasons = BTreeMap::<String, usize>::new();
    for (_, _, reason) in &health.refused {
        *reasons.entry(format!("{reason:?}")).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().map(|(why, n)| (n, why)).collect();
    reasons.sort_unstable_by(|a, b| b.cmp(a));
    writeln!(out, "links refused {}  bridges {}", health.refused.len(), health.bridges.len())?;
    for (n, why) in reasons.into_iter().take(5) {
        writeln!(out, "  {n}: {why}")?;
    }
    Ok(())
}

/// Precision, recall and F1 over pairs: of those put together, and of those that belong together.
fn agreement(judged: impl Iterator<Item = (String, Option<ProfileId>)>) -> [f64; 3] {
    let (mut found, mut real) = (BTreeMap::new(), BTreeMap::new());
    let mut both = BTreeMap::<(String, ProfileId), u64>::new();
    for (truth, profile) in judged {
        *real.entry(truth.clone()).or_insert(0u64) += 1;
        // Nobody's row is together with nobody.
        if let Some(id) = profile {
            *found.entry(id).or_insert(0u64) += 1;
            *both.entry((truth, id)).or_default() += 1;
        }
    }
    let pairs = |counts: &mut dyn Iterator<Item = &u64>| -> f64 {
        counts.map(|&n| (n * (n - 1) / 2) as f64).sum()
    };
    let (both, found) = (pairs(&mut both.values()), pairs(&mut found.values()));
    let real = pairs(&mut real.values());
    let ratio = |part: f64, whole: f64| if whole == 0.0 { 1.0 } else { part / whole };
    let (precision, recall) = (ratio(both, found), ratio(both, real));
    [precision, recall, ratio(2.0 * precision * recall, precision + recall)]
}
