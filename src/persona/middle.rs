//! Groups in the middle of a column: neither high nor low, and yet apart from everyone else.
//!
//! Of three groups that spend 10, 100 and 1,000, those in the middle are higher than as many people as they
//! are lower than, so that a difference of ranks is 0. What they have in common is to lie in the middle third
//! of everyone: that is told, by its shares, if two in three members do and clearly more of them than of
//! the others. Where their median is like that of the people below the third or above it, it says nothing: 476
//! days of absence are no shorter than 517 to anybody.
//!
//! Cost: one pass over the middle third of a column in which a group is neither high nor low.

use super::bits::Bits;
use super::card::Contrast;
use super::counts::ShareOfAll;
use super::index::{Groups, Indexed, IndexedKind};
use super::numbers::are_alike;
use super::telling::{Side, Telling, TraitCandidate};
use super::thresholds::Describer;
use crate::num::stats;

/// Share of the members who lie in the middle third, at least.
const MOST: f64 = 2.0 / 3.0;

/// The middle third of a column of numbers.
#[derive(Debug)]
pub(super) struct MiddleThird<'a> {
    indexed: &'a Indexed<'a>,
    low: f64,
    high: f64,
    /// The medians of the people below it, and above.
    beside: [f64; 2],
    rows: Bits,
}

impl<'a> MiddleThird<'a> {
    /// None for categories, and where fewer than `least` people are below it, or above.
    pub(super) fn of(indexed: &'a Indexed<'a>, least: usize) -> Option<Self> {
        let IndexedKind::Numbers(numbers) = &indexed.kind else { return None };
        let third = numbers.middle_third(least)?;
        let (low, high) = (numbers.at(third.start), numbers.at(third.end - 1));
        let n = numbers.order.len();
        let middle = |from: usize, to: usize| {
            stats::middle(numbers.at((from + to - 1) / 2), numbers.at((from + to) / 2))
        };
        let beside = [middle(0, third.start), middle(third.end, n)];
        Some(Self { indexed, low, high, beside, rows: numbers.rows(third) })
    }

    /// The trait of a group with this median that lies in the third; none if it says too little.
    pub(super) fn candidate(
        &self,
        group: usize,
        median: f64,
        groups: &Groups<'_>,
        (rules, wider): (&Describer, f64),
    ) -> Option<TraitCandidate> {
        let (members, known) = (&groups.members[group], &self.indexed.known);
        let counted = ShareOfAll {
            k: members.count_in(&self.rows),
            n: members.count_in(known),
            k_all: self.rows.count(),
            n_all: known.count(),
        };
        let ShareOfAll { k, n, k_all, n_all } = counted;
        let size = groups.sizes[group];
        if self.beside.iter().any(|&beside| are_alike(median, beside)) {
            return None;
        }
        let is_typical = k >= rules.least() && k as f64 >= MOST * size as f64;
        if !is_typical || !counted.can_be_told(rules.least()) {
            return None;
        }
        let effect = counted.effect();
        let is_clear =
            effect.size > 0.0 && effect.holds(rules.min_effect.max(rules.min_name_effect), wider);
        is_clear.then(|| {
            let contrast = Contrast::Middle { median, low: self.low, high: self.high };
            let told = Telling {
                feature: &self.indexed.column.name,
                size,
                n_others: groups.n_rows() - size,
                words: &rules.vocabulary,
            };
            told.candidate(contrast, effect, (n, n_all - n), Side::Middle, (k, k_all - k), None)
        })
    }
}
