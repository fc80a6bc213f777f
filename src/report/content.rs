//! What the caller adds to the page.

use crate::journey::FunnelReport;
use crate::persona::{PersonaNiche, PureTypes};

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) title: String,
    /// Sections of paragraphs.
    pub(super) notes: Vec<(String, Vec<String>)>,
    /// By group.
    pub(super) funnels: Vec<(String, FunnelReport)>,
    pub(super) types: Option<PureTypes>,
    pub(super) niches: Vec<PersonaNiche>,
}
