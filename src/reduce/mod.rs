//! Fewer columns that say nearly as much.
//!
//! | question | answer |
//! |---|---|
//! | along which directions do rows differ most? | [`Pca`] |

mod pca;

pub use pca::{Pca, PcaFit};
