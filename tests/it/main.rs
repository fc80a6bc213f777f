//! One test binary; a module per subject.
mod programs;

mod preprocess;

mod persona;

mod outlier;
