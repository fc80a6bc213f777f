//! One test binary; a module per subject.

// A test that unwraps nothing has failed, as it should; helpers of tests are no other matter.
#![allow(clippy::unwrap_used)]

mod architecture;
mod choose_k;
mod cluster;
mod determinism;
mod features;
mod identity;
mod kmeans;
mod lines;
mod online;
mod outlier;
mod persona;
mod preprocess;
mod profiles;
mod programs;
mod retail;
mod segment;
