//! The frame of a program: options in, one text out, every error as one line.
//!
//! The text is complete before the first byte is written, so that nobody reads half a result.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

/// The text a program prints, or why there is none.
pub(crate) type Outcome = Result<String, Box<dyn Error>>;

/// Reads the options, runs, prints. Exit code 1 after any error.
pub(crate) fn main<O: Parser>(run: impl FnOnce(&O) -> Outcome) -> ExitCode {
    let options = match O::try_parse() {
        Ok(options) => options,
        Err(wrong) if wrong.use_stderr() => return fail(&first_paragraph(&wrong.to_string())),
        Err(help) => return print(&help.to_string()),
    };
    match run(&options) {
        Ok(text) => print(&text),
        Err(error) => fail(&error.to_string()),
    }
}

fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // `program | head` has seen all it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write the result: {error}")),
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn fail(message: &str) -> ExitCode {
    let line = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    // Nothing is left to be done if even this cannot be written.
    let _ = writeln!(io::stderr(), "error: {line}");
    ExitCode::FAILURE
}

/// What is wrong with the options, without clap's advice below it.
fn first_paragraph(message: &str) -> String {
    let lines = message.lines().map(str::trim).take_while(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").map(str::to_owned).unwrap_or(joined)
}
