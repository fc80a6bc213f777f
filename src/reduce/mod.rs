//! Fewer columns that say nearly as much.
//!
//! | question | answer |
//! |---|---|
//! | along which directions do rows differ most? | [`Pca`]; of shards and streams by [`ExactMoments`] |
//! | between which extremes do rows lie, and how near to each? | [`Archetypes`] |

mod archetypes;
mod moments;
mod pca;

pub use archetypes::{Archetypes, ArchetypesFit};
pub use moments::ExactMoments;
pub use pca::{Pca, PcaFit};
