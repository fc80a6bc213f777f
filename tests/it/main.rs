//! One test binary; a module per subject.

mod cluster;
mod features;
mod outlier;
mod persona;
mod preprocess;
mod programs;
mod retail;
