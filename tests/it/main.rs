//! One test binary; a module per subject.

// A test that unwraps nothing has failed, as it should; helpers of tests are no other matter.
#![allow(clippy::unwrap_used)]

mod analyst;
mod api;
mod architecture;
mod brute_force;
mod choose_k;
mod churn;
mod claims;
mod clients;
mod cluster;
mod columns;
mod debug;
mod determinism;
mod engagement;
mod error_rates;
mod features;
mod identity;
mod journey;
mod kmeans;
mod limited;
#[cfg(feature = "segment")]
mod lines;
mod online;
mod outlier;
mod persona;
mod preprocess;
mod profiles;
mod programs;
mod quality;
mod reading;
mod real_input;
mod report;
mod retail;
mod samples;
#[cfg(feature = "segment")]
mod segment;
mod sessions;
mod shapes;
mod simulation;
