//! What is reported: a model, a table, and what the caller adds to the page.

use crate::journey::FunnelReport;
use crate::persona::{PersonaNiche, PureTypes};
use crate::{FeatureTable, PersonaModel};

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
/// let model = personas::persona::Describer::default().describe(&table, &prep, &fit)?;
///
/// let mut report = Report::new(&model, &table);
/// report.title = "Customers of <Smith & Sons>".into();
/// let page = report.html()?;
/// assert!(page.contains("Customers of &lt;Smith &amp; Sons&gt;"));
/// assert!(report.charts()?.iter().any(|chart| chart.id == "silhouettes" && chart.svg.starts_with("<svg")));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Report<'a> {
    pub(super) model: &'a PersonaModel,
    pub(super) table: &'a FeatureTable,
    /// The headline; `Personas` unless set.
    pub title: String,
    /// Warnings that are shown first, such as that most rows of a file were skipped.
    pub attention: Vec<String>,
    /// Sections of paragraphs under a heading, such as what became of the rows of a file.
    pub notes: Vec<(String, Vec<String>)>,
    /// How far people get in a funnel, by group: the name of each, and what
    /// [`Profiles::funnel`](crate::Profiles::funnel) returns for it.
    pub funnels: Vec<(String, FunnelReport)>,
    /// The pure types that people are mixtures of, as [`PersonaModel::archetypes`] finds them.
    pub types: Option<PureTypes>,
    /// Small groups inside personas, as [`PersonaModel::niches`] finds them.
    pub niches: Vec<PersonaNiche>,
}

impl<'a> Report<'a> {
    /// A report about a model and a table with the columns the model was made from: the people it was
    /// made from, or others.
    pub fn new(model: &'a PersonaModel, table: &'a FeatureTable) -> Self {
        Self {
            model,
            table,
            title: "Personas".into(),
            attention: Vec::new(),
            notes: Vec::new(),
            funnels: Vec::new(),
            types: None,
            niches: Vec::new(),
        }
    }
}
