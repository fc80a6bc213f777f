//! From the calls that a site's clients send to one row per person: `profile,feature,feature,…`.
//!
//! ```sh
//! cargo run --release --example features -- calls.jsonl[.gz] \
//!     --features features.json --as-of 2024-03-01 --funnel "Product Viewed,Order Completed" > people.csv
//! ```
//! Lines are calls of the Segment spec, as Segment's, RudderStack's and Jitsu's clients send them. What
//! became of them, and the funnel, go to standard error. Without a file, a small made-up one is read.

#[path = "shared/input.rs"]
mod input;
#[path = "shared/program.rs"]
mod program;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use personas::features::Funnel;
use personas::features::Values;
use personas::profiles::StoreOptions;
use personas::segment::Received;
use personas::{FeatureSet, FeatureTable, Profiles, Rules, Timestamp};

/// Turns the calls that a site's clients send into a table of features, one row per person.
#[derive(Debug, Parser)]
#[command(name = "features")]
pub(crate) struct Options {
    /// Calls of the Segment spec, one JSON object a line, plain or .gz (default: a made-up sample)
    file: Option<PathBuf>,
    /// The features, as a `FeatureSet` is written in JSON (default: those of `FeatureSet::engagement`)
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// The moment of the features; later events do not count (default: the newest event)
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    as_of: Option<Timestamp>,
    /// Names of events, separated by commas: prints how many people reach each step within 14 days
    #[arg(long, value_name = "EVENT,EVENT,…", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    funnel: Vec<String>,
}

fn main() -> ExitCode {
    program::main(|options| {
        let (table, notes) = run(options)?;
        io::stderr().write_all(notes.as_bytes())?;
        Ok(table)
    })
}

/// The table as CSV, and what is to be said besides.
pub(crate) fn run(options: &Options) -> Result<(String, String), Box<dyn std::error::Error>> {
    let lines = match &options.file {
        Some(path) => read(path)?,
        None => include_bytes!("data/calls.jsonl").to_vec(),
    };
    let features = match &options.features {
        Some(path) => serde_json::from_slice(&read(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?,
        None => FeatureSet::engagement(),
    };
    let mut people = Profiles::with_options(
        Rules::default(),
        features,
        StoreOptions { dedupe: true, ..StoreOptions::default() },
    )?;
    let ingest = people.extend_json(&lines, &Received::default());
    let (as_of, n_later) = match options.as_of {
        Some(as_of) => (as_of, 0),
        None => people.default_as_of().ok_or(format!("no event: {ingest}"))?,
    };
    let mut notes = format!("{ingest}\n");
    if n_later > 0 {
        notes += &format!("{n_later} events later than {as_of} left out: clocks far ahead\n");
    }
    if !options.funnel.is_empty() {
        let steps = options.funnel.iter().map(|event| event.trim());
        notes += &format!("{}\n", people.funnel(&Funnel::new(steps), as_of, |_| true)?);
    }
    let table = people.features(as_of)?;
    if table.attributes_left_out() > 0 {
        notes += &format!("{} attributes have no column\n", table.attributes_left_out());
    }
    let unmatched = people.unmatched(as_of)?;
    if !unmatched.is_empty() {
        notes += &format!("no event counts for: {}\n", unmatched.join(", "));
    }
    Ok((csv(&table)?, notes))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut read = || input::open(path)?.read_to_end(&mut bytes);
    read().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes)
}

/// A table as CSV; what is missing is empty.
fn csv(table: &FeatureTable) -> Result<String, Box<dyn std::error::Error>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let names = table.columns().iter().map(|column| column.name.as_str());
    rows.write_record(["profile"].into_iter().chain(names))?;
    for (row, id) in table.ids().iter().enumerate() {
        let cells = table.columns().iter().map(|column| match &column.values {
            Values::Numeric(numbers) => numbers[row].map_or(String::new(), |n| n.to_string()),
            Values::Categorical(words) => words[row].clone().unwrap_or_default(),
            _ => String::new(),
        });
        rows.write_record([id.to_string()].into_iter().chain(cells))?;
    }
    Ok(String::from_utf8(rows.into_inner()?)?)
}
