//! From events to one row per person, and from there to numbers a method can compute with.

mod matrix;
mod table;

pub use matrix::{Matrix, MatrixColumn};
pub use table::{Column, Features, Values};
