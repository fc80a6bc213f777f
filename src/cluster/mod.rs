//! Groups of rows: k-means, hierarchies, density.

mod kmeans;
