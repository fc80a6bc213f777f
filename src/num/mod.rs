//! Layer 0: numbers and kernels on plain slices; knows nothing of people.

pub(crate) mod check;
pub(crate) mod distance;
pub(crate) mod fixed;
pub(crate) mod parallel;
pub(crate) mod prefetch;
pub(crate) mod rng;
pub(crate) mod stats;
pub(crate) mod union_find;
