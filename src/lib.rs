#![doc = include_str!("../README.md")]
// What only the report reads has no reader without it.
#![cfg_attr(not(feature = "report"), allow(dead_code, unused_imports))]
//!
//! ## From a question to a function
//!
//! | question | answer |
//! |---|---|
//! | What do I feed it? | bodies of web requests: `segment::receive`, [`Profiles::extend_json`]; columns of a table: [`Profiles::extend_columns`]; single events: [`Profiles::observe`] |
//! | Which events belong to one person, and why? | [`Profiles::get`], [`IdentityGraph::explain`]; corrections: [`Profiles::must_link`], [`cannot_link`](Profiles::cannot_link), [`unlink`](Profiles::unlink) |
//! | What does a person do? | [`FeatureSet::retail`], [`FeatureSet::engagement`] or own [`Feature`](features::Feature)s; [`Profiles::features`], [`Profile::features`](profiles::Profile::features) |
//! | Who are my customers? | [`PersonaModel::fit`]; own groups: [`Describer::describe`](persona::Describer::describe) |
//! | Who is this person, and why? | [`PersonaModel::assign`] |
//! | Are our hand-made personas real? | [`PersonaModel::compare`] |
//! | Do the personas still hold? | [`PersonaModel::drift`], [`PersonaModel::lineage`] |
//! | Are there groups at all, and how many? | [`validate::choose_k`] |
//! | Which grouping suits the data? | round groups: [`KMeans`]; any shape with noise: [`Hdbscan`](cluster::Hdbscan); nested: [`Agglomerative`](cluster::Agglomerative); by degree: [`Archetypes`](reduce::Archetypes) |
//! | Who fits nowhere? | [`IsolationForest`](outlier::IsolationForest), [`LocalOutlierFactor`](outlier::LocalOutlierFactor) |
//! | How does it survive a restart? | [`Profiles::pieces`] and [`Profiles::absorb`]; models and tables: [`stored::to_bytes`] |
//! | How is a person deleted? | [`Profiles::forget`]; what is stored about one: [`Profile::export`](profiles::Profile::export) |
//!
//! ## Where things are
//!
//! | module | what it holds |
//! |---|---|
//! | [`event`] | the input: events one by one or as columns; reports of what was accepted and refused |
//! | `segment` | reads the calls of Segment's, RudderStack's and Jitsu's clients (feature `segment`, on by default) |
//! | [`identity`] | who is who: rules, the graph of identifiers, explanations, forgetting |
//! | [`features`] | what people do: measures, conditions, sets of features, the table of one row per person |
//! | [`profiles`] | people: the store of identity and history, in bulk and live |
//! | [`journey`] | what people do in order: funnels, paths, peaks, timelines |
//! | [`quality`] | checks of events and tables before they are added |
//! | [`prepare`] | from a table of features to a matrix |
//! | [`scale`], [`reduce`] | arrays: columns on one scale; principal components and archetypes |
//! | [`cluster`] | k-means, hierarchies, DBSCAN, HDBSCAN; k-means and DBSCAN for streams |
//! | [`outlier`] | isolation forest, local outlier factor |
//! | [`validate`] | whether to believe a grouping, and how many groups there are |
//! | [`persona`] | who the groups are, and who belongs to which |
//! | [`stored`] | models, tables and settings as bytes with a version and a checksum |
//! | `report` | an HTML page about a model, and its charts as SVG (feature `report`, on by default) |
//!
//! Errors are one enum, [`Error`]; a grouping is one type, [`Labels`]. How the crate is built, and why,
//! is in [`_design`].

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
#[cfg(feature = "report")]
pub mod report;
pub mod scale;
#[cfg(feature = "segment")]
pub mod segment;
pub mod stored;
pub mod validate;

pub use cluster::KMeans;
pub use error::Error;
pub(crate) use error::Result;
pub use event::{Event, Identifier, IngestReport, Refusal, Timestamp, Value};
pub use features::{FeatureSet, FeatureTable};
pub use identity::{IdentityGraph, ProfileId, Rules};
pub use labels::Labels;
pub use ndarray;
pub use persona::PersonaModel;
pub use prepare::{Matrix, Preprocessor};
pub use profiles::Profiles;
pub use reduce::Pca;

#[doc = include_str!("design.md")]
pub mod _design {}
