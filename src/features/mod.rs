//! From events to one row per person, and from there to numbers a method can compute with.

mod matrix;
mod ordered;
mod preprocess;
mod table;

pub use matrix::{Matrix, MatrixColumn};
pub use preprocess::{
    Dropped, Encoding, FeatureStep, Original, Preprocessor, PreprocessorFit, Scale, Scaling,
    TailTransform, Tails,
};
pub use table::{Column, Features, Values};
