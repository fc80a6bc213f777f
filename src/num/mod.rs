//! Layer 0: numbers and kernels on plain slices; knows nothing of people.

pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod condensed;
pub(crate) mod distance;
pub(crate) mod eigen;
pub(crate) mod fixed;
mod lanes;
pub(crate) mod least;
pub(crate) mod moments;
pub(crate) mod neighbors;
pub(crate) mod normal;
pub(crate) mod pack;
pub(crate) mod parallel;
pub(crate) mod portable;
pub(crate) mod potential;
pub(crate) mod powers;
pub(crate) mod prefetch;
pub(crate) mod reasons;
pub(crate) mod rng;
pub(crate) mod scale;
pub(crate) mod scan;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod tally;
pub(crate) mod tiles;
pub(crate) mod union_find;
