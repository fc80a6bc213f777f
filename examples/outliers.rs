//! Scores how odd every row of a file is and prints one JSON object.
//!
//! ```text
//! cargo run --release --example outliers -- cards.csv.gz --method isolation-forest --seed 7
//! cargo run --release --example outliers -- cards.csv --drop outlier --method lof --neighbors 20
//! ```

#[path = "shared/input.rs"]
mod input;
#[path = "shared/matrix.rs"]
mod matrix;
#[path = "shared/method.rs"]
mod method;
#[path = "shared/program.rs"]
mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use personas::outlier::{IsolationForest, LocalOutlierFactor};
use serde::Serialize;

/// Scores how odd every row of a matrix is and prints one JSON object: scores (higher is odder:
/// above 0 and up to 1 for the isolation forest, around 1 for rows as dense as their neighbours
/// for lof) and the seconds that fitting took.
#[derive(Debug, Parser)]
#[command(name = "outliers", allow_negative_numbers = true)]
pub(crate) struct Options {
    /// Numbers separated by commas, semicolons, tabs or spaces; plain or .gz; header or none
    file: PathBuf,
    /// How to score
    #[arg(long)]
    method: Method,
    /// Leave a column out: its name, or its number from 0 if there is no header (repeatable)
    #[arg(long, value_name = "COLUMN")]
    drop: Vec<String>,
    /// Fit N times and report the median of the seconds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,

    /// isolation-forest: number of trees
    #[arg(long, value_name = "N")]
    trees: Option<usize>,
    /// isolation-forest: rows drawn per tree
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// isolation-forest: seed
    #[arg(long)]
    seed: Option<u64>,
    /// lof: neighbours per row (default: 20)
    #[arg(long, value_name = "N")]
    neighbors: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    IsolationForest,
    Lof,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    scores: Vec<f64>,
    seconds: f64,
}

fn main() -> ExitCode {
    program::main(run)
}

/// The whole program between its options and its output.
pub(crate) fn run(options: &Options) -> program::Outcome {
    options.refuse_foreign()?;
    let x = matrix::read(&options.file, &options.drop)?;
    let (scores, seconds) = match options.method {
        Method::IsolationForest => {
            let forest = options.isolation_forest();
            method::timed(options.repeat, || forest.fit(&x).map(|fit| fit.scores))?
        }
        Method::Lof => {
            let factor = LocalOutlierFactor::new(options.neighbors.unwrap_or(20));
            method::timed(options.repeat, || factor.fit(&x).map(|fit| fit.scores))?
        }
    };
    Ok(serde_json::to_string(&Report { scores, seconds })? + "\n")
}

impl Options {
    /// An option that another method understands would be ignored here, so it is an error.
    fn refuse_foreign(&self) -> Result<(), String> {
        use Method::{IsolationForest, Lof};
        let options: [(&str, bool, &[Method]); 4] = [
            ("--trees", self.trees.is_some(), &[IsolationForest]),
            ("--samples", self.samples.is_some(), &[IsolationForest]),
            ("--seed", self.seed.is_some(), &[IsolationForest]),
            ("--neighbors", self.neighbors.is_some(), &[Lof]),
        ];
        method::refuse_foreign(&self.method, &options)
    }

    fn isolation_forest(&self) -> IsolationForest {
        let mut forest = IsolationForest::default().seed(self.seed.unwrap_or(0));
        if let Some(trees) = self.trees {
            forest = forest.n_trees(trees);
        }
        if let Some(samples) = self.samples {
            forest = forest.max_samples(samples);
        }
        forest
    }
}
