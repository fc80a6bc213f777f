//! What follows what: how far people get, which ways they take, when they come.
//!
//! How far people get is told by a [`Funnel`], which ways they take by [`Paths`], when they come by
//! [`Profiles::peaks`](crate::Profiles::peaks), of everybody or by group; and what one person did by
//! a [timeline](crate::profiles::Profile::timeline).
//!
//! Everything here reads a person's log, which is sorted by time; of events at the same time no
//! order is known, and every file says what it makes of that. Reports are sums over people, so that
//! the reports of the groups of a population add up to that of the whole.

mod attempt;
mod funnel;
mod funnel_report;
mod matching;
mod paths;
mod peaks;
mod tally;
mod timeline;

pub(crate) use attempt::BoundFunnel;
pub use funnel::Funnel;
pub use funnel_report::{FunnelReport, FunnelStep};
pub(crate) use paths::most_frequent_transition;
pub use paths::{PathReport, Paths};
pub use peaks::PeakReport;
pub use tally::Tally;
pub(crate) use timeline::event;

/// Rows of cells as aligned text: the first column to the left, all others to the right.
fn write_table(f: &mut std::fmt::Formatter<'_>, rows: &[Vec<String>]) -> std::fmt::Result {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(f, "{cell:width$}")?,
                _ => write!(f, "  {cell:>width$}")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}

/// A share in per cent, or a dash.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), |share| format!("{:.1} %", share * 100.0))
}
