//! One test binary; a module per subject.

mod architecture;
mod outlier;
mod features;
mod retail;
mod persona;
mod preprocess;
