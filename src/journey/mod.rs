//! What people do in order: how far they get, which paths they take, when they come.
//!
//! | question | answer |
//! |---|---|
//! | how far do people get? | [`Profiles::funnel`](crate::Profiles::funnel), a [`FunnelReport`] |
//! | which paths do they take? | [`Profiles::paths`](crate::Profiles::paths), a [`PathReport`] |
//! | when do they come? | [`Profiles::peaks`](crate::Profiles::peaks), a [`PeakReport`] |
//! | what did one person do? | [`Profile::timeline`](crate::profiles::Profile::timeline) |
//!
//! The first three are for everybody or for a group of people. Counts are sums over people, so the counts of
//! groups that share nobody add up to those of all. Everything here reads the logs of people, sorted by time.
//! The order of events at equal times is unknown; each report says how it treats them.

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
