//! From raw events to personas: who is who, what they do, which groups they form, who those are,
//! and how far to trust all of it.
//!
//! ```text
//! cargo run --release --example personas
//! cargo run --release --example personas -- --events sales.csv.gz --time date --amount total \
//!     --id customer --id email=mail --people customers.csv --people-id customer
//! ```
#[path = "shared/events.rs"]
mod events;
#[path = "shared/input.rs"]
mod input;
#[path = "shared/program.rs"]
mod program;

use std::io::Cursor;
use std::process::ExitCode;
use std::path::PathBuf;
use clap::Parser;
use events::*;

/// x
#[derive(Debug, Parser)]
pub(crate) struct Options { #[arg(long)] events: Option<PathBuf>, #[arg(long)] id: Vec<IdColumn> }

fn main() -> ExitCode { program::main(run) }

/// x
pub(crate) fn run(o: &Options) -> program::Outcome {
    let text = match &o.events { Some(p) => input::open(p)?, None => input::unpacked(Cursor::new(&include_bytes!("data/events.csv.gz")[..]))? };
    let mut table = Table::open(text)?;
    let Rows{events, problems, lines} = table.events(&EventColumns { time: "time".into(), event: Some("event".into()), ids: o.id.clone(), amount: "amount".into() })?;
    Ok(format!("{} {problems} {:?}\n", events.len(), &lines[..lines.len().min(10)]))
}
