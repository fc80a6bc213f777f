//! What follows what: how far people get, which ways they take, when they come.
//!
//! How far people get is told by a [`Funnel`](crate::features::Funnel), which ways they take by [`Paths`], when they come by
//! [`Profiles::peaks`](crate::Profiles::peaks), of everybody or by group; and what one person did by
//! a [timeline](crate::profiles::Profile::timeline).
//!
//! Everything here reads a person's log, which is sorted by time; of events at the same time no
//! order is known, and every file says what it makes of that. Reports are sums over people, so that
//! the reports of the groups of a population add up to that of the whole.

mod funnel_report;
mod paths;
mod peaks;
mod tally;
mod text;
mod timeline;

pub use funnel_report::{FunnelReport, FunnelStep};
pub use paths::{PathReport, Paths};
pub use peaks::PeakReport;
pub use tally::Tally;
pub(crate) use timeline::event;
