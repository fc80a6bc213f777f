//! What a fitted model rests on: plain records of the criteria and their numbers.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::validate::KChoice;

/// Why a model has the personas it has; see [`PersonaModel::fit`](super::PersonaModel::fit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The moment of the table, if it has one.
    pub as_of: Option<Timestamp>,
    /// Whether the data hold groups of their own, judged before any number of personas was chosen.
    pub groups: KChoice,
    /// Whether the personas are groups of the data's own. If not, they are a cut: a useful division of
    /// people who differ by degrees, to be called so wherever it is shown.
    pub is_natural: bool,
    /// Whether the number of personas was given.
    pub is_given: bool,
    /// What was found for every number of personas that was tried, ascending; empty where the number
    /// was given or the data hold groups.
    pub candidates: Vec<CutCandidate>,
    /// Per persona, the mean Jaccard coefficient with what half-samples find, in [0, 1].
    pub stability: Vec<f64>,
    /// How much each column, or block of columns that say the same, drives the grouping; the largest
    /// first. The shares sum to 1.
    pub blocks: Vec<BlockShare>,
    /// Features that made the groups and change from day to day by themselves, such as the time since the
    /// last purchase: people can move to another persona without doing anything.
    pub ageing: Vec<String>,
    /// The choice in plain words.
    pub reason: String,
}

impl Evidence {
    /// Whether all its numbers are; those of the choice of groups are checked there.
    pub(super) fn is_finite(&self) -> bool {
        let numbers = self.candidates.iter().flat_map(|c| [c.explained, c.gain, c.stability]);
        let shares = self.blocks.iter().map(|block| block.share);
        numbers.chain(shares).chain(self.stability.iter().copied()).all(f64::is_finite)
    }
}

/// A number of personas that was tried as a cut for use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CutCandidate {
    /// The number of personas.
    pub k: usize,
    /// The share of the variance of the prepared columns that the personas account for, in [0, 1].
    pub explained: f64,
    /// How much more that is than with one persona less.
    pub gain: f64,
    /// Mean Jaccard coefficient of the least stable persona over half-samples, in [0, 1].
    pub stability: f64,
    /// People in the smallest persona.
    pub smallest: usize,
    /// Personas with enough traits in a combination that no other persona has.
    pub n_sayable: usize,
    /// Whether all criteria hold.
    pub passes: bool,
    /// Which do not, in plain words; empty if all hold.
    pub failed: Vec<String>,
}

/// How much some columns drive the grouping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockShare {
    /// The block's name, or the feature's.
    pub name: String,
    /// Its features.
    pub features: Vec<String>,
    /// Its share of the variance between personas, in [0, 1].
    pub share: f64,
}
