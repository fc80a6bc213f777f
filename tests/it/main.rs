//! One test binary; a module per subject.

// The helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

mod features;
mod retail;
