//! What a model is made with, in one value.

use serde::{Deserialize, Serialize};

use super::thresholds::Describer;
use crate::prepare::Preprocessor;
use crate::{Error, Result};

/// How [`PersonaModel::fit`](super::PersonaModel::fit) prepares, groups and describes. The defaults are a
/// good start; change single fields:
///
/// ```
/// use personas::persona::PersonaSettings;
///
/// let settings = PersonaSettings { k: Some(5), seed: 7, ..PersonaSettings::default() };
/// assert_eq!((settings.max_k, settings.min_size), (8, 20));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonaSettings {
    /// The number of personas; `None` lets the data and the criteria below choose.
    pub k: Option<usize>,
    /// Seed of everything random.
    pub seed: u64,
    /// How the table becomes a matrix. Columns of weight 0 describe the personas and do not make them.
    pub preprocessor: Preprocessor,
    /// How the personas are described.
    pub describer: Describer,
    /// Fewest personas of a cut that is preferred; 3. A cut in 2 is taken only if nothing else passes.
    pub min_k: usize,
    /// Most personas; 8.
    pub max_k: usize,
    /// Half-samples that a cut is repeated on; 50.
    pub n_half_samples: usize,
    /// Mean Jaccard coefficient that each persona needs over the half-samples; 0.6.
    #[serde(with = "crate::num::exact")]
    pub min_stability: f64,
    /// People that each persona needs; 20.
    pub min_size: usize,
    /// Share of people that each persona needs; 0.02.
    #[serde(with = "crate::num::exact")]
    pub min_share: f64,
    /// Traits that each persona needs in a combination that no other has; 2.
    pub min_traits: usize,
    /// How much more of the variance one more persona must account for; 0.03.
    #[serde(with = "crate::num::exact")]
    pub min_gain: f64,
}

impl Default for PersonaSettings {
    fn default() -> Self {
        Self {
            k: None,
            seed: 0,
            preprocessor: Preprocessor::default(),
            describer: Describer::default(),
            min_k: 3,
            max_k: 8,
            n_half_samples: 50,
            min_stability: 0.6,
            min_size: 20,
            min_share: 0.02,
            min_traits: 2,
            min_gain: 0.03,
        }
    }
}

impl PersonaSettings {
    pub(super) fn check(&self) -> Result<()> {
        if self.k == Some(0) {
            return Err(Error::parameter("k", "at least 1", 0));
        }
        if self.min_k < 2 || self.min_k > self.max_k || self.max_k > 50 {
            let got = format!("{} to {}", self.min_k, self.max_k);
            return Err(Error::parameter("min_k and max_k", "a range within 2 to 50", got));
        }
        if !(1..=10_000).contains(&self.n_half_samples) {
            return Err(Error::parameter("n_half_samples", "1 to 10000", self.n_half_samples));
        }
        let shares = [
            ("min_stability", self.min_stability),
            ("min_share", self.min_share),
            ("min_gain", self.min_gain),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::parameter(name, "in [0, 1]", share));
            }
        }
        self.describer.check()
    }
}
