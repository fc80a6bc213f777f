//! A difference put into words, and who fits it.
//!
//! Many columns pile up at their median, so whether the median itself lies on a group's side is
//! decided by what tells the group and everyone else apart better.
//!
//! Cost: O(n) per trait.

use super::card::{Contrast, Fitting, Trait};
use super::effect::Effect;
use super::phrase::{detail, phrase, sentence};
use super::vocabulary::Vocabulary;
use crate::features::{Column, Values};

/// What a trait is told of.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub(super) column: &'a Column,
    /// The group of every row.
    pub(super) groups: &'a [Option<usize>],
    pub(super) group: usize,
    /// Its members.
    pub(super) size: usize,
    pub(super) words: &'a Vocabulary,
}

impl Telling<'_> {
    /// The trait in words; `known` is (members, others) with a value, `counted` what the category is in
    /// its column.
    pub(super) fn candidate(
        &self,
        contrast: Contrast,
        effect: Effect,
        known: (usize, usize),
        counted: Counted,
    ) -> Candidate {
        let (feature, (n, n_others)) = (&self.column.name, known);
        let mut candidate = Candidate {
            told: Trait {
                feature: feature.clone(),
                phrase: phrase(self.words, feature, &contrast, effect, counted.yes),
                sentence: String::new(),
                detail: detail(self.words, &contrast, effect),
                also: Vec::new(),
                effect,
                n,
                n_others,
                fitting: Fitting { members: 0.0, others: 0.0 },
                contrast,
            },
            with_median: false,
            number: counted.number,
        };
        let fitting = |candidate: &Candidate| {
            fitting(&candidate.fits(&self.column.values), self.groups, self.group)
        };
        let gain = |fitting: Fitting| fitting.members - fitting.others;
        let strict = fitting(&candidate);
        candidate.with_median = true;
        let with_median = fitting(&candidate);
        candidate.with_median = gain(with_median) > gain(strict);
        let told = &mut candidate.told;
        told.fitting = if candidate.with_median { with_median } else { strict };
        let known = (n, self.size);
        told.sentence = sentence(self.words, told, candidate.with_median, known);
        candidate
    }
}

/// What a category is in its column; nothing of it for a number.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counted {
    /// Yes or no, in a column that holds nothing else.
    pub(super) yes: Option<bool>,
    /// The number, in a column of two numbers.
    pub(super) number: f64,
}

/// A trait, and whether the median itself fits it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) told: Trait,
    with_median: bool,
    /// The number that is the category, in a column of two numbers.
    number: f64,
}

impl Candidate {
    /// The size of the effect, whichever way it points.
    pub(super) fn strength(&self) -> f64 {
        self.told.effect.size.abs()
    }

    /// Whether each row fits the trait.
    pub(super) fn fits(&self, values: &Values) -> Vec<bool> {
        let more = self.told.effect.size > 0.0;
        match (&self.told.contrast, values) {
            (&Contrast::Numeric { median_all, .. }, Values::Numeric(values)) => {
                side(values, median_all, more, self.with_median)
            }
            (Contrast::Category { category, .. }, Values::Categorical(values)) => {
                values.iter().map(|v| v.as_ref().is_some_and(|v| (v == category) == more)).collect()
            }
            (Contrast::Category { .. }, Values::Numeric(values)) => {
                values.iter().map(|v| v.is_some_and(|v| (v == self.number) == more)).collect()
            }
            _ => missing(values).iter().map(|&missing| missing == more).collect(),
        }
    }
}

/// Which rows lie above the median, or below it.
fn side(values: &[Option<f64>], median: f64, above: bool, with_median: bool) -> Vec<bool> {
    let fits = |v: f64| {
        if v == median { with_median } else { (v > median) == above }
    };
    values.iter().map(|v| v.is_some_and(fits)).collect()
}

/// Which rows have no value.
pub(super) fn missing(values: &Values) -> Vec<bool> {
    match values {
        Values::Numeric(values) => values.iter().map(Option::is_none).collect(),
        Values::Categorical(values) => values.iter().map(Option::is_none).collect(),
    }
}

/// Share of members and of others among whom it is true.
pub(super) fn fitting(fits: &[bool], groups: &[Option<usize>], group: usize) -> Fitting {
    let (mut size, mut members, mut others) = (0usize, 0usize, 0usize);
    for (&fits, &of) in fits.iter().zip(groups) {
        let member = of == Some(group);
        size += usize::from(member);
        members += usize::from(member && fits);
        others += usize::from(!member && fits);
    }
    let share = |k: usize, n: usize| if n == 0 { 0.0 } else { k as f64 / n as f64 };
    Fitting { members: share(members, size), others: share(others, fits.len() - size) }
}
