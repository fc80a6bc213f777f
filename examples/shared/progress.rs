//! A bar on standard error for long work; nothing at all where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// For so many steps.
    pub(crate) fn new(n_steps: usize) -> Self {
        let bar = ProgressBar::new(n_steps as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Begins the next step.
    pub(crate) fn step(&self, what: &'static str) {
        self.0.set_message(what);
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
