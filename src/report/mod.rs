//! The page an analyst shows: who the personas are, how far to trust them, and what they rest on.
//!
//! One HTML text without scripts, fonts or anything else to load; charts are SVG, readable without
//! colours, by day and by night, on paper and on a telephone. Every text of the caller's data is
//! escaped. No single person is shown: groups below the model's smallest size have no values, and
//! bins of the map with fewer than five people are empty.
//!
//! Cost: one pass of the table through the model, an isolation forest, and silhouettes of at most
//! 2,000 rows.

mod charts;
mod content;
mod facts;
mod figures;
mod page;
mod text;

pub use charts::Chart;

use crate::journey::FunnelReport;
use crate::persona::{PersonaNiche, PureTypes};
use crate::{FeatureTable, PersonaModel, Result};
use content::Content;
use facts::Facts;

/// A report about a model and the people it describes.
///
/// ```
/// use personas::report::Report;
/// use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};
///
/// let spend = (0..60).map(|i| Some(f64::from(i) + if i < 30 { 0.0 } else { 500.0 })).collect();
/// let table = FeatureTable::new(60).numeric("spend", spend)?;
/// let prep = Preprocessor::default().fit(&table)?;
/// let fit = KMeans::new(2).fit(&prep.transform(&table)?)?;
/// let model = PersonaModel::describe(&table, &prep, &fit)?;
///
/// let report = Report::new(&model, &table).title("Customers of <Smith & Sons>");
/// let page = report.html()?;
/// assert!(page.contains("Customers of &lt;Smith &amp; Sons&gt;"));
/// assert!(report.charts()?.iter().any(|chart| chart.id == "silhouettes" && chart.svg.starts_with("<svg")));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Report<'a> {
    model: &'a PersonaModel,
    table: &'a FeatureTable,
    content: Content,
}

impl<'a> Report<'a> {
    /// A report about a model and a table with the columns the model was made from: the people it was
    /// made from, or others.
    pub fn new(model: &'a PersonaModel, table: &'a FeatureTable) -> Self {
        let content = Content { title: "Personas".into(), ..Content::default() };
        Self { model, table, content }
    }

    /// The headline (default `Personas`).
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.content.title = title.into();
        self
    }

    /// Adds a section of paragraphs, such as what became of the rows of a file.
    #[must_use]
    pub fn note(mut self, heading: impl Into<String>, paragraphs: Vec<String>) -> Self {
        self.content.notes.push((heading.into(), paragraphs));
        self
    }

    /// Adds how far people get in a funnel, by group: what
    /// [`Profiles::funnel_by`](crate::Profiles::funnel_by) returns.
    #[must_use]
    pub fn funnels(mut self, funnels: Vec<(String, FunnelReport)>) -> Self {
        self.content.funnels = funnels;
        self
    }

    /// Adds the pure types that people are mixtures of, as
    /// [`PersonaModel::archetypes`] finds them.
    #[must_use]
    pub fn archetypes(mut self, types: PureTypes) -> Self {
        self.content.types = Some(types);
        self
    }

    /// Adds small groups inside personas, as [`PersonaModel::niches`] finds them.
    #[must_use]
    pub fn niches(mut self, niches: Vec<PersonaNiche>) -> Self {
        self.content.niches = niches;
        self
    }

    /// All charts of the page, in its order, each alone as SVG with a text alternative.
    ///
    /// # Errors
    /// As [`PersonaModel::assign`], if the table does not have the model's columns.
    pub fn charts(&self) -> Result<Vec<Chart>> {
        let facts = Facts::of(self.model, self.table)?;
        Ok(figures::figures(&self.content, &facts).into_iter().map(|figure| figure.chart).collect())
    }

    /// The whole page.
    ///
    /// # Errors
    /// As [`PersonaModel::assign`], if the table does not have the model's columns.
    pub fn html(&self) -> Result<String> {
        Ok(page::html(&self.content, &Facts::of(self.model, self.table)?))
    }
}
