//! What a fitted model rests on: plain records of the criteria and their numbers.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::validate::KChoice;

/// Why a model has the personas it has, and how far they hold; see
/// [`PersonaModel::evidence`](super::PersonaModel::evidence).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// People described, those in no persona included.
    pub n_rows: usize,
    /// Share of them who are in a persona, in [0, 1].
    pub coverage: f64,
    /// Share of the variance of the prepared matrix that the personas do *not* explain: it lies within
    /// personas, or with people in none; in [0, 1]. 0 if all rows are equal.
    pub unexplained: f64,
    /// Share of the people described whom [`assign`](super::PersonaModel::assign) places in their own group,
    /// in [0, 1]. It is 1 for k-means. For DBSCAN it is below 1 if border rows lie nearer to another group's
    /// core. For labels with a cluster for everybody, it says how well the nearest centroid reproduces the
    /// groups. For labels with noise it is 1, unless equal rows are in different groups.
    pub agreement: f64,
    /// Whether the model holds rows of the people it was made from, as one described from DBSCAN does (its
    /// core rows), or from labels that leave people out (all rows): to forget a person, make the model again
    /// without them. Otherwise it holds what is counted of people: of columns, bins and levels of at least the
    /// smallest described group, all levels of ordered categories, and of each group its size and its mean, which
    /// are those of single people if a group is that small. So a model is for those who may see the people.
    pub contains_training_rows: bool,
    /// The moment of the table, if it has one.
    pub as_of: Option<Timestamp>,
    /// Whether the data hold natural groups, judged before the number of personas was chosen. `None` for a
    /// model that [`Describer::describe`](super::Describer::describe) made; of the fields below, such a model
    /// has only `blocks` and `ageing`.
    pub groups: Option<KChoice>,
    /// Whether the personas are groups of the data's own. If not, they are a cut: a useful division of
    /// people who differ by degrees, to be called so wherever it is shown.
    pub is_natural: bool,
    /// Whether the number of personas was given.
    pub is_given: bool,
    /// What was found for every number of personas that was tried, ascending; empty where the number
    /// was given, or the data hold groups and these are not too few to work with.
    pub candidates: Vec<CutCandidate>,
    /// Per persona, the mean Jaccard coefficient with what half-samples find, in [0, 1].
    pub stability: Vec<f64>,
    /// The least stability that each persona of a cut needed, in [0, 1].
    pub min_stability: f64,
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
    /// Whether all its numbers are; of those of the choice of groups, whether none is NaN.
    pub(super) fn is_finite(&self) -> bool {
        let mut judged = self.groups.iter().flat_map(|groups| &groups.candidates).flat_map(|c| {
            let optional = [c.calinski_harabasz, c.davies_bouldin].map(Option::unwrap_or_default);
            let null = [c.null_silhouette, c.null_spread];
            let [valley, stability] =
                [[c.valley, c.valley_excess], [c.stability, c.stability_error]];
            [[c.inertia, c.silhouette], null, optional, valley, stability].concat()
        });
        if judged.any(f64::is_nan) {
            return false;
        }
        let of_all = [self.coverage, self.unexplained, self.agreement, self.min_stability];
        let numbers = self.candidates.iter().flat_map(|c| [c.explained, c.gain, c.stability]);
        let shares = self.blocks.iter().map(|block| block.share);
        numbers
            .chain(shares)
            .chain(of_all)
            .chain(self.stability.iter().copied())
            .all(f64::is_finite)
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
    /// The block's name, or what its features are called.
    pub name: String,
    /// Its features.
    pub features: Vec<String>,
    /// Its share of the variance between personas, in [0, 1].
    pub share: f64,
}
