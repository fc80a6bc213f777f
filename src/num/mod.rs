//! Layer 0: numbers and kernels on plain slices; knows nothing of people.

pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod distance;
pub(crate) mod eigen;
pub(crate) mod fixed;
mod lanes;
pub(crate) mod moments;
pub(crate) mod neighbors;
pub(crate) mod pack;
pub(crate) mod parallel;
pub(crate) mod potential;
pub(crate) mod powers;
pub(crate) mod prefetch;
pub(crate) mod rng;
pub(crate) mod scale;
pub(crate) mod scan;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod tally;
pub(crate) mod union_find;
