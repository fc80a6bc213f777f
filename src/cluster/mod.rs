//! Groups of rows: k-means, hierarchies, density.

mod kmeans;

pub use kmeans::{KMeans, KMeansFit, KMeansInit};
