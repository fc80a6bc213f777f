//! One test binary; a module per subject.

// A test that unwraps nothing has failed, as it should; helpers of tests are no other matter.
#![allow(clippy::unwrap_used)]

mod choose_k;
