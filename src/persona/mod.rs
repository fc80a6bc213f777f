//! Personas: groups of people, described in words with the numbers behind them.
//!
//! [`PersonaModel::fit`] turns a table of people into personas in one call: it prepares the columns, groups
//! the people, judges the groups and describes them. [`Describer::describe`] describes groups of any other
//! method. A description has a name and sentences, made from numbers by fixed templates, and says how many
//! people it does not fit and how much variance it does not explain. The model then places people seen
//! later, with reasons, and compares its personas with those that a team made by hand.
//
// Files:
//   the one call from a table to personas, and the number of personas   fit.rs, cut.rs
//   whether a difference is told        contrast.rs (per column; middle.rs), describe.rs (per group), telling.rs (one trait)
//   its thresholds                      thresholds.rs
//   how large and how certain it is     effect.rs, ranks.rs, counts.rs
//   which columns separate them         importance.rs; coded.rs, forest.rs, regression.rs
//   words, sentences, numbers, names    vocabulary.rs, saying_words.rs, page_words.rs, evidence_words.rs, sentences.rs,
//                                       numbers.rs, names.rs; naming.rs a name per group, standing.rs
//   whether later people are like these   drift.rs, training_columns.rs
//   where a person belongs, and why     place.rs, assign.rs; change.rs whether an event moved one
//   pure types and small groups         pure_types.rs, niches.rs
//   personas made by hand, and earlier ones   declared.rs, compare.rs, lineage.rs,
//                                       centroids.rs

mod assign;
mod bits;
mod card;
mod centroids;
mod change;
mod coded;
mod compare;
mod contrast;
mod counts;
mod cut;
mod declared;
mod describe;
mod drift;
mod effect;
mod evidence;
mod evidence_words;
mod fit;
mod forest;
mod importance;
mod index;
mod lineage;
mod middle;
mod model;
mod names;
mod naming;
mod niches;
mod numbers;
mod page_words;
mod place;
mod pure_types;
mod ranks;
mod regression;
mod saying_words;
mod sentences;
mod settings;
mod standing;
mod telling;
mod thresholds;
mod training_columns;
mod vocabulary;

pub use assign::{Contribution, Match, Matches};
pub use card::{Contrast, Persona, Trait};
pub use compare::{Comparison, DeclaredMatch, DeclaredVerdict, RuleMatch};
pub use declared::{DeclaredPersona, DeclaredRule};
pub use drift::Drift;
pub use evidence::{BlockShare, CutCandidate, Evidence};
pub use importance::Importance;
pub use lineage::{Fate, Lineage};
pub use model::PersonaModel;
pub(crate) use names::{printable, tellable};
pub use niches::PersonaNiche;
pub use place::Grouping;
pub use pure_types::PureTypes;
pub use settings::PersonaSettings;
pub use thresholds::Describer;
pub use vocabulary::{Saying, Vocabulary};
