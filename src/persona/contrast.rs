//! What one column says of every group: the members against everyone else.
//!
//! A difference becomes a candidate only if it passes stated thresholds: both sides have at least
//! `min_size` people with a value (fewer would tell of single people) and `min_known` of their people,
//! the effect is at least `min_effect`, an interval that is right of all columns and groups at once in 95 %
//! of all cases leaves out "no difference", and half of the
//! members fit it, at least a tenth more than of the others. Medians less than a tenth apart are told as a
//! difference only of a number without a known unit, such as a year of birth, and only if they are at least
//! half as far apart as the middle half of all people. Of a category column the one most
//! over-represented category counts, and one that is rarer only where none is more frequent, as it
//! mirrors another. Categories held by fewer than `min_size` people are never named.
//!
//! Cost: one pass over the ordered column, whatever the number of groups.

use std::cell::LazyCell;
use std::cmp::Reverse;

use super::card::Contrast;
use super::counts::{CategoryCounts, ShareOfAll};
use super::effect::Effect;
use super::index::{Groups, Indexed, IndexedKind, IndexedNumbers};
use super::middle::MiddleThird;
use super::numbers::{Unit, are_alike};
use super::ranks::{Ranked, ranked};
use super::sentences::is_yes_no;
use super::telling::{Side, Telling, TraitCandidate, share};
use super::thresholds::Describer;
use super::vocabulary::Vocabulary;
use crate::features::Categories;
use crate::prepare::Original;

/// Share of the members who fit a trait that is told, at least.
const TYPICAL: f64 = 0.5;
/// How much more that is than the share of the others who do.
const APART: f64 = 0.1;

/// What one column says of one group.
pub(super) struct GroupContrast {
    /// Members with a value, and their middle.
    n: usize,
    pub(super) center: Option<Original>,
    /// The strongest trait.
    pub(super) candidate: Option<TraitCandidate>,
}

/// Whether a difference is one that can be said of the members: most fit it, and clearly more of them
/// than of the others. What few have is told of a category by its share alone.
fn is_sayable(candidate: &TraitCandidate, kind: &IndexedKind<'_>, words: &Vocabulary) -> bool {
    let told = &candidate.told;
    let apart = told.fitting.0 - told.fitting.1;
    match &told.contrast {
        // Medians that are alike say nothing, except that people have none.
        Contrast::Numeric { median, median_others, median_all, from_zero, .. } => {
            let have_none = told.effect < 0.0 && *median_all == 0.0 && *from_zero;
            let differ = || match kind {
                _ if !are_alike(*median, *median_others) => true,
                IndexedKind::Numbers(numbers) => {
                    let is_bare = words.saying(&told.feature).is_none()
                        && !Unit::of(words, &told.feature).is_known();
                    let apart = (median - median_others).abs();
                    is_bare && apart > 0.0 && 2.0 * apart >= numbers.middle_half()
                }
                IndexedKind::Categories(_) => false,
            };
            told.fitting.0 >= TYPICAL && apart >= APART && (have_none || differ())
        }
        Contrast::Category { share, share_others, .. } => {
            (share - share_others).abs() >= APART || share.min(*share_others) == 0.0
        }
        Contrast::Missing { .. } | Contrast::Middle { .. } => apart >= APART,
    }
}

/// What a column says of every group.
pub(super) fn contrasts(
    indexed: &Indexed<'_>,
    groups: &Groups<'_>,
    rules: &Describer,
    wider: f64,
) -> Vec<GroupContrast> {
    let known: Vec<usize> =
        groups.members.iter().map(|members| members.count_in(&indexed.known)).collect();
    let mut found = match &indexed.kind {
        IndexedKind::Numbers(numbers) => {
            let of_groups = ranked(numbers, groups, &known);
            match two_codes(&indexed.column.name, numbers, rules) {
                Some(codes) => coded(indexed, numbers, codes, groups, &known, (rules, wider)),
                None => numeric(&indexed.column.name, numbers, &of_groups, groups, (rules, wider)),
            }
        }
        IndexedKind::Categories(categories) => {
            let counts = CategoryCounts::new(categories, groups, rules.least());
            categorical(&indexed.column.name, categories, &counts, groups, (rules, wider))
        }
    };
    let n_known = indexed.known.count();
    let middle = LazyCell::new(|| MiddleThird::of(indexed, rules.least()));
    for (group, found) in found.iter_mut().enumerate() {
        let (n, n_all) = (groups.sizes[group], groups.n_rows());
        // A value known of too few does not make a trait; that it is unknown may make one.
        let known = [(known[group], n), (n_known - known[group], n_all - n)];
        let is_known = known.iter().all(|&(k, n)| k as f64 >= rules.min_known * n as f64);
        let is_sayable =
            |found: &TraitCandidate| is_sayable(found, &indexed.kind, &rules.vocabulary);
        found.candidate = found.candidate.take().filter(|c| is_known && is_sayable(c));
        // Neither high nor low, or hardly so: perhaps in the middle.
        let is_clear = |found: &TraitCandidate| found.strength() >= rules.min_name_effect;
        if let Some(Original::Number(median)) = found.center
            && is_known
            && !found.candidate.as_ref().is_some_and(is_clear)
            && let Some(third) = &*middle
        {
            let middle = third.candidate(group, median, groups, (rules, wider));
            found.candidate = middle.or(found.candidate.take());
        }
        let rival = found.candidate.as_ref().map_or(0.0, TraitCandidate::strength);
        let missing = ShareOfAll { k: n - found.n, n, k_all: n_all - n_known, n_all };
        let stronger = unknown(&indexed.column.name, missing, (rules, wider))
            .filter(|candidate| candidate.strength() > rival && is_sayable(candidate));
        found.candidate = stronger.or(found.candidate.take());
    }
    found
}

/// How many differences of a group a column is looked through for.
pub(super) fn n_looks(indexed: &Indexed<'_>, least: usize) -> usize {
    let values = match &indexed.kind {
        IndexedKind::Numbers(numbers) => 1 + usize::from(numbers.middle_third(least).is_some()),
        IndexedKind::Categories(categories) => {
            categories.totals.iter().filter(|&&n| n >= least).count()
        }
    };
    values + usize::from(indexed.known.count() < indexed.column.values.len())
}

/// What it says of a group that a value is unknown.
fn unknown(
    feature: &str,
    missing: ShareOfAll,
    (rules, wider): (&Describer, f64),
) -> Option<TraitCandidate> {
    let ShareOfAll { k, n, k_all, n_all } = missing;
    if k_all < rules.least() || !missing.can_be_told(rules.least()) {
        return None;
    }
    let effect = missing.effect();
    effect.holds(rules.min_effect, wider).then(|| {
        let (share, share_others, lift) = missing.shares();
        let contrast = Contrast::Missing { share, share_others, lift };
        let told = Telling { feature, size: n, n_others: n_all - n, words: &rules.vocabulary };
        let is = effect.size > 0.0;
        let fitting = if is { (k, k_all - k) } else { (n - k, n_all - n - (k_all - k)) };
        told.candidate(contrast, effect, (n, n_all - n), Side::Missing { is }, fitting, None)
    })
}

/// The two numbers of a column that holds no others and is no amount, and the position of the second: 0
/// and 1, or two codes such as `Channel` 1 and 2. Two whole numbers count as codes unless the vocabulary
/// knows the feature.
fn two_codes(
    feature: &str,
    numbers: &IndexedNumbers<'_>,
    rules: &Describer,
) -> Option<([f64; 2], usize)> {
    numbers.two().filter(|(codes, _)| {
        let whole = codes.iter().all(|code| code.fract() == 0.0);
        *codes == [0.0, 1.0] || whole && rules.vocabulary.saying(feature).is_none()
    })
}

/// A column of two codes is told by shares, as categories are: of a flag of 0 and 1 the share of `yes`,
/// of other codes that of the one which is more frequent in the group than elsewhere.
fn coded(
    indexed: &Indexed<'_>,
    numbers: &IndexedNumbers<'_>,
    (codes, second): ([f64; 2], usize),
    groups: &Groups<'_>,
    known: &[usize],
    (rules, wider): (&Describer, f64),
) -> Vec<GroupContrast> {
    let is_flag = codes == [0.0, 1.0];
    let n_all = numbers.order.len();
    let high = numbers.rows(second..n_all);
    // Codes are whole numbers, told to the last digit.
    let name = |code: usize| if is_flag { YES.to_owned() } else { codes[code].to_string() };
    let of_group = |group: usize| {
        let n = known[group];
        let of_high = ShareOfAll {
            k: groups.members[group].count_in(&high),
            n,
            k_all: n_all - second,
            n_all,
        };
        let of_low = ShareOfAll { k: n - of_high.k, k_all: second, ..of_high };
        // The code that most members have; of a flag, yes.
        let (most, held) = match is_flag || of_high.k >= of_low.k {
            true => (1, of_high.k),
            false => (0, of_low.k),
        };
        let told = of_high.can_be_told(rules.least());
        let center = (told && held >= rules.least())
            .then(|| Original::Share { level: name(most), share: held as f64 / n as f64 });
        let (code, share) = match is_flag || of_high.effect().size > 0.0 {
            true => (1, of_high),
            false => (0, of_low),
        };
        let answer = is_flag.then_some(true);
        let candidate = (told && share.k_all >= rules.least())
            .then(|| {
                let (n_rows, size) = (groups.n_rows(), groups.sizes[group]);
                let named = (code, name(code), Some(codes[code]));
                category(&indexed.column.name, n_rows, named, share, size, (rules, wider), answer)
            })
            .flatten();
        GroupContrast { n, center, candidate }
    };
    (0..known.len()).map(of_group).collect()
}

/// The category of a flag that is 1.
const YES: &str = "yes";

/// A category of a column, told of a group.
fn category(
    feature: &str,
    n_rows: usize,
    (code, category, number): (usize, String, Option<f64>),
    counted: ShareOfAll,
    size: usize,
    (rules, wider): (&Describer, f64),
    answer: Option<bool>,
) -> Option<TraitCandidate> {
    let ShareOfAll { k, n, k_all, n_all } = counted;
    let effect = counted.effect();
    effect.holds(rules.min_effect, wider).then(|| {
        let (share, share_others, lift) = counted.shares();
        let contrast = Contrast::Category { category, share, share_others, lift, code: number };
        let told = Telling { feature, size, n_others: n_rows - size, words: &rules.vocabulary };
        let is = effect.size > 0.0;
        let (others, n_others) = (k_all - k, n_all - n);
        let fitting = if is { (k, others) } else { (n - k, n_others - others) };
        told.candidate(
            contrast,
            effect,
            (n, n_others),
            Side::Category { code, is },
            fitting,
            answer,
        )
    })
}

fn numeric(
    feature: &str,
    numbers: &IndexedNumbers<'_>,
    of_groups: &[Ranked],
    groups: &Groups<'_>,
    (rules, wider): (&Describer, f64),
) -> Vec<GroupContrast> {
    let n_all = numbers.order.len();
    let found = of_groups.iter().enumerate();
    found
        .map(|(group, of)| {
            let (n, n_others) = (of.n, n_all - of.n);
            let center = (n >= rules.least()).then_some(Original::Number(of.median));
            let enough =
                n.min(n_others) >= rules.least() && of.effect.holds(rules.min_effect, wider);
            let candidate = enough.then(|| {
                let (size, words) = (groups.sizes[group], &rules.vocabulary);
                let n_rest = groups.n_rows() - size;
                let (with_median, fitting) = with_median(numbers, of, size, n_rest);
                let contrast = Contrast::Numeric {
                    median: of.median,
                    median_others: of.median_others,
                    median_all: numbers.median,
                    with_median,
                    from_zero: numbers.at(0) == 0.0,
                };
                let side = match of.effect.size > 0.0 {
                    true => Side::Above { with_median },
                    false => Side::Below { with_median },
                };
                let told = Telling { feature, size, n_others: n_rest, words };
                told.candidate(contrast, of.effect, (n, n_others), side, fitting, None)
            });
            GroupContrast { n, center, candidate }
        })
        .collect()
}

/// Whether the median of all belongs to the group's side of it: what tells the group and everyone else
/// apart better. And how many members and others lie on that side.
fn with_median(
    numbers: &IndexedNumbers<'_>,
    of: &Ranked,
    size: usize,
    n_rest: usize,
) -> (bool, (usize, usize)) {
    let above = of.effect.size > 0.0;
    let fitting = |with_median: bool| {
        let below = |below: usize, at: usize, n: usize| match (above, with_median) {
            (false, false) => below,
            (false, true) => below + at,
            (true, false) => n - below - at,
            (true, true) => n - below,
        };
        let n_all = numbers.order.len();
        let all = below(numbers.not_below, numbers.above - numbers.not_below, n_all);
        let members = below(of.below, of.at, of.n);
        (members, all - members)
    };
    let gain = |(members, others): (usize, usize)| share(members, size) - share(others, n_rest);
    let with_median = gain(fitting(true)) > gain(fitting(false));
    (with_median, fitting(with_median))
}

fn categorical(
    feature: &str,
    categories: &Categories<'_>,
    counts: &CategoryCounts,
    groups: &Groups<'_>,
    (rules, wider): (&Describer, f64),
) -> Vec<GroupContrast> {
    let yes_no = is_yes_no(&categories.names, &rules.vocabulary);
    let name = |place: usize| categories.names[counts.frequent[place]];
    let of_group = |group: usize| {
        let n = counts.known[group];
        let share = |place: usize| ShareOfAll {
            k: counts.of(place, group),
            n,
            k_all: categories.totals[counts.frequent[place]],
            n_all: counts.n_known,
        };
        let places = 0..counts.frequent.len();
        let top = (places.clone())
            .max_by_key(|&place| (counts.of(place, group), Reverse(place)))
            .filter(|&top| counts.of(top, group) >= rules.least());
        let center = top.map(|top| Original::Share {
            level: name(top).to_owned(),
            share: counts.of(top, group) as f64 / n as f64,
        });
        let strongest = places
            .filter(|&place| share(place).can_be_told(rules.least()))
            .map(|place| (place, share(place).effect()))
            .filter(|(_, effect)| effect.holds(rules.min_effect, wider))
            .max_by(|(i, a), (j, b)| {
                let key = |e: &Effect| if e.size > 0.0 { 1.0 + e.size } else { -e.size };
                key(a).total_cmp(&key(b)).then(j.cmp(i))
            });
        let candidate = strongest.and_then(|(place, _)| {
            let answer = rules.vocabulary.yes_no(name(place)).filter(|_| yes_no);
            let named = (counts.frequent[place], name(place).to_owned(), None);
            let (n_rows, size) = (groups.n_rows(), groups.sizes[group]);
            category(feature, n_rows, named, share(place), size, (rules, wider), answer)
        });
        GroupContrast { n, center, candidate }
    };
    (0..groups.sizes.len()).map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::super::index::ColumnIndex;
    use super::*;
    use crate::FeatureTable;

    #[test]
    fn every_frequent_category_and_being_unknown_is_a_look_at_a_column() {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let table = FeatureTable::new(6)
            .numeric("known", vec![Some(1.0); 6])
            .and_then(|t| t.numeric("partly", [vec![None], vec![Some(1.0); 5]].concat()))
            .and_then(|t| t.categorical("city", ["a", "a", "b", "b", "b", "c"].map(text).to_vec()))
            .and_then(|t| t.categorical("plan", ["a", "a", "b", "b", "", "c"].map(text).to_vec()))
            .unwrap();
        let index = ColumnIndex::new(&table).unwrap();
        let looks: Vec<usize> = index.columns.iter().map(|column| n_looks(column, 2)).collect();
        assert_eq!(looks, [1, 2, 2, 3]);
    }
}
