//! From raw events to personas: who is who, what they do, which groups they form, who those are,
//! and how far to trust all of it.
//!
//! Without options it tells of a year of 801 households at a grocer's. With your own files:
//!
//! ```text
//! cargo run --release --example personas -- --events sales.csv.gz --time date --event action \
//!     --id customer --id email=mail --amount total --people customers.csv --people-id customer
//! ```
//!
//! [`run`] is the whole journey; the files under `shared/` read and write.

#[path = "shared/csv_file.rs"]
pub(crate) mod csv_file;
#[path = "shared/dates.rs"]
pub(crate) mod dates;
#[path = "shared/events.rs"]
pub(crate) mod events;
#[path = "shared/input.rs"]
mod input;
#[path = "shared/numbers.rs"]
pub(crate) mod numbers;
#[path = "shared/problems.rs"]
mod problems;
#[path = "shared/program.rs"]
mod program;
#[path = "shared/progress.rs"]
mod progress;
#[path = "shared/report.rs"]
mod report;
#[path = "shared/texts.rs"]
pub(crate) mod texts;
#[path = "shared/words.rs"]
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use encoding_rs::Encoding;
use personas::cluster::KMeansFit;
use personas::features::Retail;
use personas::ndarray::ArrayView2;
use personas::report::Report;
use personas::{
    Error, IsolationForest, KMeans, PersonaModel, Preprocessor, ProfileId, Profiles, Rules,
    Timestamp, validate,
};

use csv_file::Source;
use events::{IdColumn, Layout, Reading, Rows};
use numbers::Decimal;
use progress::Progress;

/// Turns events into personas and tells how far to trust them. Without --events it reads a year of
/// purchases, mailings and coupons of 801 households that the program carries in itself.
#[derive(Debug, Parser)]
#[command(name = "personas", allow_negative_numbers = true)]
pub(crate) struct Options {
    /// Events: CSV with a header, plain or .gz, one row per event or line of a receipt; - is standard
    /// input (repeatable, for files with the same columns)
    #[arg(long, value_name = "FILE", requires_all = ["time", "id", "amount"])]
    events: Vec<PathBuf>,
    /// Column of the time, such as 2017-01-01T07:30:27-05:00, 2017-01-01 07:30 or 2017-01-01
    #[arg(long, value_name = "COL", requires = "events")]
    time: Option<String>,
    /// Column of what happened; without it every row is a purchase
    #[arg(long, value_name = "COL", requires = "events")]
    event: Option<String>,
    /// Column of an identifier and its kind, such as email=mail; COL alone is its own kind
    /// (repeatable, strongest first)
    #[arg(long, value_name = "KIND=COL", requires = "events")]
    id: Vec<IdColumn>,
    /// Column of the amount paid
    #[arg(long, value_name = "COL", requires = "events")]
    amount: Option<String>,
    /// Column of the number of pieces, where the amount is the price of one
    #[arg(long, value_name = "COL", requires = "events")]
    quantity: Option<String>,
    /// Which event is a purchase (default: the one that most often has an amount)
    #[arg(long, value_name = "NAME", requires = "events")]
    purchase: Option<String>,
    /// Column of the order's id, where an order has several rows
    #[arg(long, value_name = "COL", requires = "events")]
    order: Option<String>,
    /// Column of the kind of goods
    #[arg(long, value_name = "COL", requires = "events")]
    category: Option<String>,
    /// Column of what was taken off the price
    #[arg(long, value_name = "COL", requires = "events")]
    discount: Option<String>,
    /// What is known of people: CSV with a header, plain or .gz, one row per person
    #[arg(long, value_name = "FILE", requires = "events", requires = "people_id")]
    people: Option<PathBuf>,
    /// Column of their identifier and its kind, one of those given by --id
    #[arg(long, value_name = "KIND=COL", requires = "people")]
    people_id: Option<IdColumn>,

    /// How times are written, such as "%d/%m/%Y %H:%M" (default: told from the column)
    #[arg(long, value_name = "PATTERN")]
    date_format: Option<String>,
    /// What stands before decimals (default: told from the column)
    #[arg(long, value_name = "POINT|COMMA")]
    decimal: Option<Decimal>,
    /// Encoding of the files, such as windows-1252 (default: UTF-8; by their mark, UTF-16)
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<&'static Encoding>,
    /// A text that stands for a missing value, such as NA (repeatable)
    #[arg(long, value_name = "TEXT")]
    missing: Vec<String>,

    /// Write the full report to this file, as a page with charts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// The moment to look from; later events do not count (default: the newest event)
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    as_of: Option<Timestamp>,
    /// Number of personas (default: what the data support best, from 2 to 8)
    #[arg(long)]
    k: Option<usize>,
    /// Seed of everything random; the same seed gives the same report
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> ExitCode {
    program::main(run)
}

/// Most personas looked for: more, and nobody remembers who is who.
const MAX_K: usize = 8;
/// How often the people are drawn again to see whether the personas come back.
const RESAMPLES: usize = 50;

/// The journey from events to personas.
pub(crate) fn run(options: &Options) -> program::Outcome {
    let progress = Progress::new(RESAMPLES + 4);
    let input = Input::of(options)?;

    // What happened, and what is known of people.
    progress.step("reading events");
    let reading = options.reading();
    let events = Rows::events(&input.events, &input.layout, &reading)?;
    let known = match (&input.people, &input.people_id) {
        (Some(source), Some(id)) => Rows::people(source.clone(), id, &reading, &events)?,
        _ => Rows::default(),
    };

    // Who is who, and what they do: one row per person, one column per feature.
    progress.step("building profiles");
    let kinds = input.layout.ids.iter().map(|id| id.kind.as_str());
    let features = input.retail(&events, options.purchase.clone()).feature_set();
    let mut people = Profiles::new(Rules::default().priority(kinds), features)?;
    let ingest = people.extend_columns(&events.columns())?;
    let ingest_known = people.extend_columns(&known.columns())?;
    let as_of = options.as_of.or(people.newest()).ok_or("no event was accepted")?;
    let table = people.features(as_of)?;
    report::enough_people(table.n_rows(), as_of)?;

    // Groups are made from what people do. What is declared of them is kept out, so that it can
    // tell afterwards whether the groups mean anything.
    let declared = report::declared_columns(&table, &known);
    let without = |prep: Preprocessor, name: &String| prep.weight(name, 0.0);
    let prep = declared.iter().fold(Preprocessor::default(), without).fit(&table)?;
    let x = prep.transform(&table)?;

    // How many groups the data support, and the groups: theirs, or as many as asked for.
    let kmeans = |k: usize| KMeans::new(k).seed(options.seed);
    let asked = options.k.map(|k| kmeans(k).fit(&x)).transpose()?;
    progress.step("choosing the number of personas");
    let most = MAX_K.min(table.n_rows() - 1);
    let choice = validate::choose_k(&x, 2..=most, options.seed)?;
    let fit = match asked {
        Some(fit) => fit,
        None => fit_at_most(&x, kmeans, choice.k)?,
    };
    let k = fit.centroids().nrows();

    // Whether they come back when other people are drawn, who they are, and who is like nobody.
    let stability = validate::stability(&x, fit.labels(), RESAMPLES, options.seed, |sample| {
        progress.step("drawing people again");
        Ok(fit_at_most(sample, kmeans, k)?.into_labels())
    })?;
    progress.step("describing personas");
    let personas = PersonaModel::describe(&table, &prep, &fit)?;
    let matches = personas.assign(&table)?;
    let typical = personas
        .typical(&table, 3)?
        .into_iter()
        .map(|rows| rows.into_iter().map(|row| table.ids()[row]).collect());
    let typical: Vec<Vec<ProfileId>> = typical.collect();
    let forest = IsolationForest::new().seed(options.seed).fit(&x)?;
    let reasons = forest.reasons(&x)?;
    drop(progress);

    let names = report::Names::of(&events, &people);
    if let Some(file) = &options.html {
        let page =
            Report::new(&personas, &table).title(format!("Personas of {}", input.name)).html()?;
        std::fs::write(file, page).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let attention = report::much_skipped(&events).unwrap_or_default();
    Ok([
        attention.clone(),
        report::reading(&input.name, &events, &ingest, &known, &ingest_known),
        report::profiles(&people, &table, as_of),
        report::features(&table),
        report::preparation(&prep, &declared),
        report::choice(&choice, options.k),
        report::personas(&personas, &stability, &typical, &names),
        report::odd_ones(&table, &x, forest.scores(), &reasons, &names),
        report::last_word(&choice, &stability, &personas, &matches, &declared),
        attention,
    ]
    .concat())
}

/// `k` clusters, or as many as there are different people.
fn fit_at_most<'a>(
    x: impl Into<ArrayView2<'a, f64>>,
    kmeans: impl Fn(usize) -> KMeans,
    k: usize,
) -> personas::Result<KMeansFit> {
    let x = x.into();
    match kmeans(k).fit(x) {
        Err(Error::TooFewSamples { got, .. }) => kmeans(got).fit(x),
        fit => fit,
    }
}

impl Options {
    fn reading(&self) -> Reading {
        Reading {
            date_format: self.date_format.clone(),
            decimal: self.decimal,
            encoding: self.encoding,
            missing: self.missing.clone(),
        }
    }
}

fn encoding(label: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(label.as_bytes()).ok_or_else(|| format!("{label:?} names no encoding"))
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
            1 => first.display().to_string(),
            n => format!("{} and {} more files", first.display(), n - 1),
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
    fn retail(&self, events: &Rows, purchase: Option<String>) -> Retail {
        let layout = &self.layout;
        let mut retail = Retail::default()
            .purchase(purchase.unwrap_or_else(|| events.usual_purchase()))
            .amount(&layout.amount);
        if let Some(order) = &layout.order {
            retail = retail.order(order);
        }
        if let Some(category) = &layout.category {
            retail = retail.category(category);
        }
        if let Some(discount) = &layout.discount {
            retail = retail.discount(discount);
        }
        retail
    }
}
