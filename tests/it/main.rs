//! One test binary; a module per subject.

mod outlier;
mod persona;
mod preprocess;
mod programs;
mod features;
mod retail;
mod persona;
mod preprocess;
