//! What a persona says of itself: plain records of text and the numbers behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::prepare::Original;

/// A group of people in words, with the numbers behind every word.
///
/// A name and sentences say how a group *differs* from everyone else. No member has to fit all of them;
/// [`coverage`](Persona::coverage) says how many do. A group of fewer people than
/// [`Describer::min_size`](super::Describer) has a size, but neither traits nor values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Persona {
    /// Its name, unique in the model: `Big spenders, recently active`. Personas that would share a name are told
    /// apart by a further trait, else by their order, `Biggest spenders` or `Big spenders (around 100)`, else by
    /// a number. `Mixed` if nothing can be told to name it by, `Nearly everybody` from nine in ten people on,
    /// `Small group` if it is too small to be described.
    pub name: String,
    /// Members among the people described.
    pub size: usize,
    /// Members as a share of all people, those in no persona included; in [0, 1].
    pub share: f64,
    /// The description: how many, then one sentence per trait.
    pub sentences: Vec<String>,
    /// What sets the group apart, at most one trait per feature: those of columns that made the groups first, the
    /// strongest first among either kind. Empty if nothing does.
    pub traits: Vec<Trait>,
    /// Share of the members, and of everyone else, who fit the first 1, 2, … traits all at once (the decay of
    /// Chapman et al. 2008).
    pub coverage: Vec<(f64, f64)>,
    /// Every column of the table, in its order, with the middle of the group: the median of numbers, the most
    /// frequent of categories (of equally frequent ones, the first by name) with its share of the members with
    /// a value. Of a flag of 0 and 1, the category `yes`. None where fewer than the smallest described size
    /// have a value, or share it.
    pub centers: Vec<(String, Option<Original>)>,
}

/// The sentences as one text.
impl fmt::Display for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences.join(" "))
    }
}

impl Persona {
    /// Nobody, with a name.
    pub(super) fn empty(name: String) -> Self {
        Self {
            name,
            size: 0,
            share: 0.0,
            sentences: Vec::new(),
            traits: Vec::new(),
            coverage: Vec::new(),
            centers: Vec::new(),
        }
    }

    /// Whether its shares are shares, and there is one of each kind.
    pub(super) fn is_sound(&self) -> bool {
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let fits = |(members, others): &(f64, f64)| is_share(members) && is_share(others);
        is_share(&self.share)
            && self.coverage.len() == self.traits.len()
            && self.coverage.iter().chain(self.traits.iter().map(|told| &told.fitting)).all(fits)
    }

    /// Whether all its numbers are.
    pub(super) fn is_finite(&self) -> bool {
        let fits = |fitting: &(f64, f64)| fitting.0.is_finite() && fitting.1.is_finite();
        let center = |(_, center): &(String, Option<Original>)| match *center {
            Some(Original::Number(number) | Original::Share { share: number, .. }) => {
                number.is_finite()
            }
            Some(Original::Level { .. }) => false,
            None => true,
        };
        let told = |told: &Trait| {
            let effect = [told.effect, told.interval.0, told.interval.1];
            let contrast = match told.contrast {
                Contrast::Numeric { median, median_others, median_all, .. } => {
                    [median, median_others, median_all]
                }
                Contrast::Category { share, share_others, lift, .. }
                | Contrast::Missing { share, share_others, lift } => [share, share_others, lift],
                Contrast::Middle { median, low, high } => [median, low, high],
            };
            effect.iter().chain(&contrast).all(|number| number.is_finite()) && fits(&told.fitting)
        };
        self.share.is_finite()
            && self.coverage.iter().all(fits)
            && self.centers.iter().all(center)
            && self.traits.iter().all(told)
    }
}

/// A difference between a group and everyone else that is large and certain enough to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trait {
    /// The feature.
    pub feature: String,
    /// In two or three words, as used in names: `big spenders`.
    pub phrase: String,
    /// In a plain sentence with its numbers, followed by one that names up to three weaker traits of mostly the
    /// same people.
    pub sentence: String,
    /// The statistics behind it, in a sentence.
    pub detail: String,
    /// Features whose traits hold of nearly the same people and have no sentence of their own.
    pub also: Vec<String>,
    /// How large, in [−1, 1] on one scale for all traits; negative if the group is lower or rarer. Cliff's
    /// delta, or the difference of shares: 0 for no difference, 1 if every member is higher than every
    /// other person.
    pub effect: f64,
    /// The 95 % interval of the effect; in [−1, 1].
    ///
    /// It is the interval of one effect, and covers sampling error only. A trait must hold in a wider interval,
    /// which covers all columns and groups at once. Neither accounts for the groups having been found in the
    /// same data, so both are too narrow for the columns that made the groups.
    pub interval: (f64, f64),
    /// Members with a value; for [`Contrast::Missing`], all members.
    pub n: usize,
    /// Others with a value; for [`Contrast::Missing`], all others.
    pub n_others: usize,
    /// Share of the members, and of everyone else, who fit the trait, in [0, 1]; what the trait is worth is the
    /// difference. A missing value does not fit. A number fits on the group's side of the overall median; the median
    /// itself counts if that tells the group and the others apart better. Of [`Contrast::Middle`], it fits in the
    /// middle third.
    pub fitting: (f64, f64),
    /// What was compared.
    pub contrast: Contrast,
}

/// What a trait compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Contrast {
    /// A number, in its own unit.
    Numeric {
        /// Median of the members.
        median: f64,
        /// Median of everyone else.
        median_others: f64,
        /// Median of all.
        median_all: f64,
        /// Whether people at the median of all fit the trait as well.
        with_median: bool,
        /// Whether the column counts from 0: its least number is 0, so that people at 0 have none.
        from_zero: bool,
    },
    /// A category, among those with a value.
    Category {
        /// The category.
        category: String,
        /// Share of members in it.
        share: f64,
        /// Share of everyone else in it.
        share_others: f64,
        /// `share` over the share of all people in it.
        lift: f64,
        /// The number that it is, in a column of two numbers; 1 is the `yes` of a flag.
        code: Option<f64>,
    },
    /// Having no value.
    Missing {
        /// Share of members without a value.
        share: f64,
        /// Share of everyone else without one.
        share_others: f64,
        /// `share` over the share of all people without one.
        lift: f64,
    },
    /// A number in the middle third of everyone: neither high nor low, in its own unit.
    Middle {
        /// Median of the members.
        median: f64,
        /// The least number of the middle third of all people with a value; it belongs to the third.
        low: f64,
        /// The greatest number of it, which belongs to it too.
        high: f64,
    },
}
