//! One engine for neighbours: k nearest, within a radius, and the nearest of another component.
//!
//! Rows lie in leaves of sixteen under boxes (`tree.rs`). A whole leaf searches at once: it walks to
//! the leaves near it (`walk.rs`) and meets each as sixteen against sixteen f32 rows (`kernel.rs`).
//! A proved bound tells which pairs f32 can decide; the naive f64 distance (`metric.rs`) decides the
//! rest, so every answer equals that of brute force (`brute.rs`) to the bit, on any number of threads
//! and any CPU. With few dimensions the boxes leave little to compare; with many, the walk becomes a
//! scan of all tiles at the speed of the arithmetic, so there is no choice of method to make.
//! No neighbourhood is ever stored but the k nearest that are asked for.
//!
//! Source: the blocked, pruned search follows Gray, Moore 2000 (dual trees), one leaf at a time.

pub(crate) mod brute;
mod buckets;
mod contenders;
mod distances;
mod edge;
mod kernel;
mod metric;
mod nearest;
mod nearest_outside;
mod neighbor;
mod new_rows;
mod search;
mod spanning;
mod tree;
mod walk;
mod within;

pub(crate) use buckets::Buckets;
pub(crate) use distances::Distances;
pub(crate) use edge::SpanningEdge;
pub use metric::Metric;
pub(crate) use nearest::{MOST_LISTED, Nearest};
pub(crate) use neighbor::Neighbor;
pub(crate) use new_rows::{NewRows, by_neighbors};
pub(crate) use tree::Tree;
pub(crate) use within::NONE;
