//! A report page about a model: who the personas are, how far to trust them, and what they are based on.
//!
//! The page is one HTML text without scripts, fonts or other files to load. Charts are SVG. They are readable
//! without colours, in light and dark mode, on paper and on a phone. All texts from the caller's data are
//! escaped. No single person is shown: groups below the model's smallest described size have no values, and
//! squares of the map with fewer than five people are left out.
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
pub use content::Report;

use crate::Result;
use facts::Facts;

impl Report<'_> {
    /// All charts of the page, in its order, each alone as SVG with a text alternative.
    ///
    /// # Errors
    /// As [`PersonaModel::assign`](crate::PersonaModel::assign), if the table does not have the model's columns.
    pub fn charts(&self) -> Result<Vec<Chart>> {
        let facts = Facts::of(self.model, self.table)?;
        Ok(figures::figures(self, &facts).into_iter().map(|figure| figure.chart).collect())
    }

    /// The whole page.
    ///
    /// # Errors
    /// As [`PersonaModel::assign`](crate::PersonaModel::assign), if the table does not have the model's columns.
    pub fn html(&self) -> Result<String> {
        Ok(page::html(self, &Facts::of(self.model, self.table)?))
    }
}
