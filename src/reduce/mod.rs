//! Fewer columns that say nearly as much.
//!
//! | question | answer |
//! |---|---|
//! | along which directions do rows differ most? | [`Pca`] |
//! | between which extremes do rows lie, and how near to each? | [`Archetypes`] |

mod archetypes;
mod pca;

pub use archetypes::{Archetypes, ArchetypesFit};
pub use pca::{Pca, PcaFit};
