//! From a table of features to a matrix that methods can compute with.
//!
//! A [`Preprocessor`] turns a [`FeatureTable`](crate::FeatureTable) into a [`Matrix`]. Its fit remembers each
//! step, so it can transform later rows, turn numbers of the matrix back into values of the table, and
//! describe itself in words. Before that, [`Cohorts`] can compare people with others of the same course, plan
//! or month.

mod blocks;
mod categorical;
mod cohorts;
mod fitted;
mod gower;
mod matrix;
mod numeric;
mod options;
mod preprocessor;
mod scale;
mod source;
mod step;

pub use cohorts::{Cohorts, CohortsFit, Relative};
pub use fitted::{Original, PreprocessorFit};
pub use matrix::{Matrix, MatrixColumn};
pub use options::Scaling;
pub use preprocessor::Preprocessor;
pub use step::Dropped;
