//! One test binary; a module per subject.

mod architecture;
mod cluster;
mod features;
mod outlier;
mod persona;
mod preprocess;
mod retail;
