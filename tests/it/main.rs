//! One test binary; a module per subject.

mod features;
mod retail;
