//! Groups of rows: k-means, hierarchies, density.
//!
//! | you want | take | time, memory |
//! |---|---|---|
//! | a given number of round groups, every row in one | [`KMeans`] | O(n·k·d) a step, O(n) |
//! | to see how groups nest and decide their number later | [`Agglomerative`] | O(n²), 4·n² bytes |
//! | groups of any shape, rows that belong nowhere left out | [`Dbscan`] | O(n²·d), O(n) |
//!
//! All take any matrix `(n_samples, n_features)` of finite numbers, compare rows by Euclidean
//! distance, so that columns must be scaled first, and give [`Labels`](crate::Labels). Equal input,
//! settings and seed give equal bits, however many threads there are.

mod agglomerative;
mod dbscan;
mod dendrogram;
mod kmeans;

pub use agglomerative::{Agglomerative, Linkage};
pub use dbscan::{Dbscan, DbscanFit};
pub use dendrogram::{Dendrogram, Merge};
pub use kmeans::{KMeans, KMeansFit, KMeansInit, KMeansProgress};
