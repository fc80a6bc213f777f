//! Where people and matrices meet: a table of features becomes numbers a method can compute with.
//!
//! A [`Preprocessor`] makes a [`Matrix`] of a table ([`FeatureTable`](crate::FeatureTable)) and remembers
//! what it did, so that it can be done to rows met later, undone for a value and told in words. Before that,
//! [`Cohorts`] can say how people do among others of the same course, plan or month.

mod blocks;
mod categorical;
mod cohorts;
mod fitted;
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
