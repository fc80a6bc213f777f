#![doc = include_str!("../README.md")]
//!
//! ## Where things are
//!
//! | module | what it holds |
//! |---|---|
//! | [`profiles`], [`identity`] | events in, people out: who is who |
//! | [`features`] | what people do, as a table |
//! | [`journey`] | what follows what: timelines, funnels, paths |
//! | [`quality`] | checks of events and tables before they go in |
//! | [`prepare`] | the table as a matrix |
//! | [`cluster`] | k-means, hierarchies, DBSCAN, HDBSCAN |
//! | [`scale`], [`reduce`] | arrays: columns to one scale; principal components |
//! | [`outlier`] | isolation forest, local outlier factor |
//! | [`validate`] | whether to believe a grouping |
//! | [`persona`] | who the groups are, and who belongs to which |
//!
//! The thinking behind it is in [`_design`].

pub mod cluster;
mod error;
pub mod event;
pub mod features;
pub mod identity;
pub mod journey;
mod labels;
mod num;
pub mod outlier;
pub mod persona;
pub mod prepare;
pub mod profiles;
pub mod quality;
pub mod reduce;
pub mod scale;
#[cfg(feature = "segment")]
mod segment;
pub mod validate;

pub use cluster::{Agglomerative, Dbscan, Dendrogram, Hdbscan, KMeans, Linkage, OnlineKMeans};
pub use error::{Error, Result};
pub use event::{Event, Identifier, IngestReport, Refusal, Timestamp, Value};
pub use features::{FeatureSet, FeatureTable};
pub use identity::{IdentityGraph, ProfileId, Rules};
pub use labels::Labels;
pub use ndarray;
pub use num::neighbors::Metric;
pub use outlier::{IsolationForest, LocalOutlierFactor};
pub use persona::PersonaModel;
pub use prepare::{Matrix, Preprocessor};
pub use profiles::Profiles;
pub use reduce::Pca;
pub use scale::Scaler;

#[doc = include_str!("design.md")]
pub mod _design {}
