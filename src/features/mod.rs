//! From events to one row per person, and from there to numbers a method can compute with.

mod compute;
mod definition;
mod fragment;
mod matrix;
mod measure;
mod ordered;
mod preprocess;
mod retail;
mod settle;
mod table;
mod texts;

pub use definition::{Feature, FeatureSet, Measure};
pub use matrix::{Matrix, MatrixColumn};
pub use preprocess::{
    Dropped, Encoding, FeatureStep, Original, Preprocessor, PreprocessorFit, Scale, Scaling,
    TailTransform, Tails,
};
pub use retail::Retail;
pub use table::{Column, Features, Values};

pub(crate) use compute::{Events, columns};
pub(crate) use fragment::{Entry, Fragment, Keep, check, merge};
pub(crate) use texts::{NONE, Texts};
