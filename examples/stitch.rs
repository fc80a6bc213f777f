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

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use personas::identity::Health;
use personas::{Event, IdentityGraph, ProfileId, Rules, Timestamp};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Parser)]
#[command(about = "Finds out which rows of a table are one person's.")]
struct Options {
    /// CSV with a header, plain or gzipped; without it, the small set that comes with the library.
    file: Option<PathBuf>,
    /// An identifier, KIND=COLUMN or just COLUMN; the strongest first.
    #[arg(long = "id", value_name = "KIND=COLUMN")]
    ids: Vec<String>,
    /// The column of the time: RFC 3339, or seconds or milliseconds since 1970.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Rules as JSON, as an `IdentityGraph` stores them; what is left out takes its default.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// A person has at most N values of a kind.
    #[arg(long, value_name = "KIND=N")]
    limit: Vec<String>,
    /// A value seen with more than N values of another kind joins nobody.
    #[arg(long, value_name = "KIND=N:OTHER")]
    hub: Vec<String>,
    /// Values that join nobody; the kind may be `*`.
    #[arg(long, value_name = "KIND=PATTERN")]
    block: Vec<String>,
    /// The column that says who it really was, to be compared with.
    #[arg(long, value_name = "COLUMN")]
    truth: Option<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let mut options = Options::parse();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/commits.csv.gz");
    let file = options.file.clone().unwrap_or(sample);
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
    let mut graph = IdentityGraph::new(rules(&options)?)?;
    let table = Table::open(&file, &options)?;

    let mut odd_times = 0;
    let mut refused = BTreeMap::<String, u64>::new();
    for row in table.rows(&file)? {
        let row = row?;
        odd_times += u64::from(table.time.is_some() && table.at(&row).is_none());
        if let Some(seen) = table.observation(&row)
            && let Err(why) = graph.observe(&seen)
        {
            *refused.entry(why.to_string()).or_default() += 1;
        }
    }

    // A second reading: only now is it known who everybody is.
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "row,profile")?;
    let mut judged = BTreeMap::<Vec<String>, (String, Option<ProfileId>)>::new();
    for (number, row) in table.rows(&file)?.enumerate() {
        let row = row?;
        let seen = table.observation(&row);
        let profile = seen.and_then(|seen| graph.profile_of(&seen).ok().flatten());
        match profile {
            Some(id) => writeln!(out, "{number},{id}")?,
            None => writeln!(out, "{number},")?,
        }
        if let Some(truth) = table.truth {
            let signature = table.ids.iter().map(|(_, at)| row[*at].trim().to_lowercase());
            judged.entry(signature.collect()).or_insert((row[truth].to_owned(), profile));
        }
    }
    out.flush()?;

    let mut report = std::io::stderr().lock();
    summary(&mut report, &graph.health())?;
    if odd_times > 0 {
        writeln!(report, "times not understood  {odd_times}")?;
    }
    for (why, n) in refused {
        writeln!(report, "refused  {n}: {why}")?;
    }
    if table.truth.is_some() {
        let [precision, recall, f1] = agreement(judged.into_values());
        writeln!(
            report,
            "precision {precision:.3}  recall {recall:.3}  F1 {f1:.3}  (pairs of signatures)"
        )?;
    }
    Ok(())
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

/// Which columns mean what.
struct Table {
    ids: Vec<(String, usize)>,
    time: Option<usize>,
    truth: Option<usize>,
}

type Rows = csv::StringRecordsIntoIter<Box<dyn Read>>;

impl Table {
    fn open(file: &Path, options: &Options) -> Outcome<Self> {
        let mut reader = reader(file)?;
        let header = reader.headers()?.clone();
        if header.is_empty() {
            return Err("the file is empty".into());
        }
        let column = |name: &str| {
            let at = header.iter().position(|column| column.trim() == name);
            let all = || header.iter().collect::<Vec<_>>().join(", ");
            at.ok_or_else(|| format!("there is no column {name:?}; there are {}", all()))
        };
        let mut ids = Vec::new();
        for id in &options.ids {
            let (kind, name) = id.split_once('=').unwrap_or((id, id));
            ids.push((kind.to_owned(), column(name)?));
        }
        let time = options.time.as_deref().map(column).transpose()?;
        let truth = options.truth.as_deref().map(column).transpose()?;
        Ok(Self { ids, time, truth })
    }

    fn rows(&self, file: &Path) -> Outcome<Rows> {
        Ok(reader(file)?.into_records())
    }

    /// The time of a row, if it can be read.
    fn at(&self, row: &csv::StringRecord) -> Option<Timestamp> {
        let text = row[self.time?].trim();
        match text.parse::<i64>() {
            // In seconds 1e11 is the year 5138, in milliseconds 1973.
            Ok(n) if n.abs() < 100_000_000_000 => Some(Timestamp::from_millis(n * 1000)),
            Ok(n) => Some(Timestamp::from_millis(n)),
            Err(_) => Timestamp::parse(text).ok(),
        }
    }

    /// What a row observes; none if it identifies nobody.
    fn observation<'r>(&'r self, row: &'r csv::StringRecord) -> Option<Event<'r>> {
        // A time outside any clock counts last.
        let at = self.at(row).unwrap_or(Timestamp::from_millis(i64::MAX));
        let values = self.ids.iter().map(|(kind, column)| (kind.as_str(), &row[*column]));
        let mut values = values.filter(|(_, value)| !value.trim().is_empty()).peekable();
        values.peek()?;
        Some(values.fold(Event::new("", at), |seen, (kind, value)| seen.id(kind, value)))
    }
}

fn reader(file: &Path) -> Outcome<csv::Reader<Box<dyn Read>>> {
    let open = || File::open(file).map_err(|e| format!("{}: {e}", file.display()));
    let mut magic = [0; 2];
    let zipped = open()?.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    let plain = BufReader::new(open()?);
    let read: Box<dyn Read> =
        if zipped { Box::new(flate2::read::MultiGzDecoder::new(plain)) } else { Box::new(plain) };
    Ok(csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(read))
}

fn summary(out: &mut impl Write, health: &Health<'_>) -> Outcome<()> {
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
    for refused in &health.refused {
        *reasons.entry(format!("{:?}", refused.reason)).or_default() += 1;
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
