//! A difference put into words, and who fits it.
//!
//! Many columns pile up at their median, so whether the median itself lies on a group's side is
//! decided by what tells the group and everyone else apart better.
//!
//! Cost: a bit per row where the people who fit are needed; the rest is counted already.

use super::bits::Bits;
use super::card::{Contrast, Trait};
use super::effect::Effect;
use super::index::{Indexed, IndexedKind};
use super::sentences::{detail, phrase, sentence};
use super::vocabulary::Vocabulary;

/// What a trait is told of.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub(super) feature: &'a str,
    /// Members of the group, and everyone else, with a value or without.
    pub(super) size: usize,
    pub(super) n_others: usize,
    pub(super) words: &'a Vocabulary,
}

/// What decides whether a row fits a trait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    /// The number is above the median of all, or at it as well.
    Above { with_median: bool },
    /// The number is below the median of all, or at it as well.
    Below { with_median: bool },
    /// The number is in the middle third of everyone.
    Middle,
    /// The category of this code, or, of two numbers, the first or second.
    Category { code: usize, is: bool },
    /// There is no value.
    Missing { is: bool },
}

/// A trait, and who fits it.
#[derive(Debug)]
pub(super) struct TraitCandidate {
    pub(super) told: Trait,
    pub(super) side: Side,
}

impl Telling<'_> {
    /// The trait in words. `known` is (members, others) with a value, `fitting` the same of those who
    /// fit; `answer` says whether a category is a yes or a no.
    pub(super) fn candidate(
        &self,
        contrast: Contrast,
        effect: Effect,
        known: (usize, usize),
        side: Side,
        fitting: (usize, usize),
        answer: Option<bool>,
    ) -> TraitCandidate {
        let mut told = Trait {
            feature: self.feature.to_owned(),
            phrase: phrase(self.words, self.feature, &contrast, effect, answer),
            sentence: String::new(),
            detail: detail(self.words, &contrast, effect),
            also: Vec::new(),
            effect: effect.size,
            interval: (effect.low, effect.high),
            n: known.0,
            n_others: known.1,
            fitting: (share(fitting.0, self.size), share(fitting.1, self.n_others)),
            contrast,
        };
        told.sentence = sentence(self.words, &told, (known.0, self.size));
        TraitCandidate { told, side }
    }
}

impl TraitCandidate {
    /// The size of the effect, whichever way it points.
    pub(super) fn strength(&self) -> f64 {
        self.told.effect.abs()
    }

    /// The rows that fit the trait.
    pub(super) fn fits(&self, indexed: &Indexed<'_>) -> Bits {
        match (self.side, &indexed.kind) {
            (Side::Above { with_median }, IndexedKind::Numbers(numbers)) => match with_median {
                true => indexed.known.without(&numbers.lower),
                false => numbers.upper.clone(),
            },
            (Side::Below { with_median }, IndexedKind::Numbers(numbers)) => match with_median {
                true => indexed.known.without(&numbers.upper),
                false => numbers.lower.clone(),
            },
            (Side::Middle, IndexedKind::Numbers(numbers)) => {
                numbers.rows(numbers.middle_third(1).unwrap_or_default())
            }
            (Side::Category { code, is }, IndexedKind::Numbers(numbers)) => {
                let second = numbers.two().map_or(0, |(_, second)| second);
                let is_second = (code == 1) == is;
                numbers.rows(if is_second { second..numbers.order.len() } else { 0..second })
            }
            (Side::Category { code, is }, IndexedKind::Categories(categories)) => {
                let rows = Bits::from_fn(categories.codes.len(), |row| {
                    categories.codes[row] == code as u32
                });
                if is { rows } else { indexed.known.without(&rows) }
            }
            (Side::Missing { is: false }, _) => indexed.known.clone(),
            // All rows without a value; a number's side is asked of numbers only.
            _ => Bits::of(indexed.column.values.len(), 0..indexed.column.values.len())
                .without(&indexed.known),
        }
    }
}

/// `k` of `n`; 0 of none.
pub(super) fn share(k: usize, n: usize) -> f64 {
    if n == 0 { 0.0 } else { k as f64 / n as f64 }
}
