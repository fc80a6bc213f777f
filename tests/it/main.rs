//! One test binary; a module per subject.

mod persona;
mod preprocess;
