//! What one column says of every group: the members against everyone else.
//!
//! A difference becomes a candidate only if it passes stated thresholds: both sides have at least
//! `min_size` people with a value (fewer would tell of single people) and `min_known` of their people,
//! the effect is at least `min_effect`, its 95 % interval leaves out "no difference", and half of the
//! members fit it, at least a tenth more than of the others. Of a category column the one most
//! over-represented category counts, and one that is rarer only where none is more frequent, as it
//! mirrors another. Categories held by fewer than `min_size` people are never named.
//!
//! Cost: one sort per column, then O(n · groups) where a trait is found.

use std::cmp::Reverse;

use super::candidate::{Candidate, Counted, Telling, missing};
use super::card::{Center, Contrast, Summary};
use super::counts::{Counts, Share};
use super::describer::Describer;
use super::effect::{Effect, deltas};
use super::phrase::is_yes_no;
use super::words::number;
use crate::features::{Column, Values};
use crate::num::{parallel, stats};

/// Share of the members who fit a trait that is told, at least.
const TYPICAL: f64 = 0.5;
/// How much more that is than the share of the others who do.
const APART: f64 = 0.1;

/// What one column says of one group.
pub(super) struct Found {
    pub(super) summary: Summary,
    /// The strongest trait.
    pub(super) candidate: Option<Candidate>,
}

/// Whether a difference is one that can be said of the members: most fit it, and clearly more of them
/// than of the others. What few have is told of a category by its share alone.
fn is_sayable(candidate: &Candidate) -> bool {
    let told = &candidate.told;
    let apart = told.fitting.members - told.fitting.others;
    match &told.contrast {
        Contrast::Numeric { .. } => told.fitting.members >= TYPICAL && apart >= APART,
        Contrast::Category { share, share_others, .. } => {
            (share - share_others).abs() >= APART || share.min(*share_others) == 0.0
        }
        Contrast::Missing { .. } => apart >= APART,
    }
}

/// What a column says of every group.
pub(super) fn contrasts(
    column: &Column,
    groups: &[Option<usize>],
    sizes: &[usize],
    rules: &Describer,
) -> Vec<Option<Found>> {
    let mut found = match &column.values {
        Values::Numeric(values) => match two_codes(column, values, rules) {
            Some(codes) => coded(column, values, codes, groups, sizes, rules),
            None => numeric(column, values, groups, sizes, rules),
        },
        Values::Categorical(values) => categorical(column, values, groups, sizes, rules),
    };
    let n_missing = missing(&column.values).iter().filter(|&&m| m).count();
    for (group, found) in found.iter_mut().enumerate() {
        let n = sizes[group];
        // A value known of too few does not make a trait; that it is unknown may make one.
        let n_others = groups.len() - n;
        let known = [(found.summary.n, n), (groups.len() - n_missing - found.summary.n, n_others)];
        let is_known = known.iter().all(|&(k, n)| k as f64 >= rules.min_known * n as f64);
        found.candidate = found.candidate.take().filter(|c| is_known && is_sayable(c));
        let share = Share { k: n - found.summary.n, n, k_all: n_missing, n_all: groups.len() };
        if n_missing < rules.least() || !share.can_be_told(rules.least()) {
            continue;
        }
        let effect = share.effect();
        let rival = found.candidate.as_ref().map_or(0.0, Candidate::strength);
        if effect.holds(rules.min_effect) && effect.size.abs() > rival {
            let (share, share_others, lift) = share.shares();
            let contrast = Contrast::Missing { share, share_others, lift };
            let told = Telling { column, groups, group, size: n, words: &rules.vocabulary };
            let counted = Counted::default();
            let candidate = told.candidate(contrast, effect, (n, n_others), counted);
            if is_sayable(&candidate) {
                found.candidate = Some(candidate);
            }
        }
    }
    found.into_iter().map(Some).collect()
}

/// The two numbers of a column that holds no others and is no amount: 0 and 1, or two codes such as
/// `Channel` 1 and 2. Two whole numbers count as codes unless the vocabulary knows the feature.
fn two_codes(column: &Column, values: &[Option<f64>], rules: &Describer) -> Option<[f64; 2]> {
    let mut known = values.iter().copied().flatten().map(|value| value + 0.0);
    let first = known.next()?;
    let second = known.find(|&value| value != first)?;
    let codes = [first.min(second), first.max(second)];
    let is_flag = codes == [0.0, 1.0];
    let is_code = codes.iter().all(|code| code.fract() == 0.0)
        && rules.vocabulary.saying(&column.name).is_none();
    ((is_flag || is_code) && known.all(|value| codes.contains(&value))).then_some(codes)
}

/// A column of two codes is told by shares, as categories are: of a flag of 0 and 1 the share of `yes`,
/// of other codes that of the one which is more frequent in the group than elsewhere.
fn coded(
    column: &Column,
    values: &[Option<f64>],
    codes: [f64; 2],
    groups: &[Option<usize>],
    sizes: &[usize],
    rules: &Describer,
) -> Vec<Found> {
    let is_flag = codes == [0.0, 1.0];
    let mut known = vec![(0usize, 0usize); sizes.len()];
    let (mut k_all, mut n_all) = (0, 0);
    for (value, &group) in values.iter().zip(groups) {
        let Some(value) = value else { continue };
        let high = usize::from(*value == codes[1]);
        (k_all, n_all) = (k_all + high, n_all + 1);
        if let Some(group) = group {
            known[group] = (known[group].0 + high, known[group].1 + 1);
        }
    }
    let name = |code: f64| if is_flag { YES.to_owned() } else { number(code) };
    let of_high = |(k, n)| Share { k, n, k_all, n_all };
    let of_low = |(k, n)| Share { k: n - k, n, k_all: n_all - k_all, n_all };
    let counts = known.into_iter().enumerate();
    counts
        .map(|(group, (k, n))| {
            // The code that most members have; of a flag, yes.
            let (most, held) = match is_flag || k * 2 >= n {
                true => (codes[1], k),
                false => (codes[0], n - k),
            };
            let told = of_high((k, n)).can_be_told(rules.least());
            let center = (told && held >= rules.least())
                .then(|| Center::Mostly { category: name(most), share: held as f64 / n as f64 });
            let summary = Summary { feature: column.name.clone(), n, center };
            let (code, share) = match is_flag || of_high((k, n)).effect().size > 0.0 {
                true => (codes[1], of_high((k, n))),
                false => (codes[0], of_low((k, n))),
            };
            let effect = (told && share.k_all >= rules.least()).then(|| share.effect());
            let candidate = effect.filter(|e| e.holds(rules.min_effect)).map(|effect| {
                let (share, share_others, lift) = share.shares();
                let contrast =
                    Contrast::Category { category: name(code), share, share_others, lift };
                let (size, words) = (sizes[group], &rules.vocabulary);
                let told = Telling { column, groups, group, size, words };
                let counted = Counted { yes: is_flag.then_some(true), number: code };
                told.candidate(contrast, effect, (n, n_all - n), counted)
            });
            Found { summary, candidate }
        })
        .collect()
}

/// The category of a flag that is 1.
const YES: &str = "yes";

fn numeric(
    column: &Column,
    values: &[Option<f64>],
    groups: &[Option<usize>],
    sizes: &[usize],
    rules: &Describer,
) -> Vec<Found> {
    let rows = values.iter().zip(groups);
    let mut sorted: Vec<(f64, Option<usize>)> =
        rows.filter_map(|(value, &group)| value.map(|v| (v, group))).collect();
    // By group as well, so that equal elements are interchangeable.
    parallel::sort_by(&mut sorted, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let effects = deltas(&sorted, sizes.len());
    let mut members: Vec<Vec<f64>> = vec![Vec::new(); sizes.len()];
    for &(value, group) in &sorted {
        if let Some(group) = group {
            members[group].push(value);
        }
    }
    let all: Vec<f64> = sorted.iter().map(|&(value, _)| value).collect();
    let median_all = stats::median(&all);
    let found = members.iter().zip(effects).enumerate();
    found
        .map(|(group, (members, effect))| {
            let n = members.len();
            let n_others = sorted.len() - n;
            let center = (n >= rules.least()).then(|| Center::Median(stats::median(members)));
            let summary = Summary { feature: column.name.clone(), n, center };
            let enough = n.min(n_others) >= rules.least() && effect.holds(rules.min_effect);
            let candidate = enough.then(|| {
                let others = sorted.iter().filter(|(_, g)| *g != Some(group)).map(|&(v, _)| v);
                let median_others = stats::median(&others.collect::<Vec<_>>());
                let contrast =
                    Contrast::Numeric { median: stats::median(members), median_others, median_all };
                let (size, words) = (sizes[group], &rules.vocabulary);
                let told = Telling { column, groups, group, size, words };
                told.candidate(contrast, effect, (n, n_others), Counted::default())
            });
            Found { summary, candidate }
        })
        .collect()
}

fn categorical(
    column: &Column,
    values: &[Option<String>],
    groups: &[Option<usize>],
    sizes: &[usize],
    rules: &Describer,
) -> Vec<Found> {
    let counts = Counts::new(values, groups, sizes.len(), rules.least());
    let yes_no = is_yes_no(values, &rules.vocabulary);
    (0..sizes.len())
        .map(|group| {
            let n = counts.known[group];
            let share = |category: usize| Share {
                k: counts.of(category, group),
                n,
                k_all: counts.totals[category],
                n_all: counts.n_known,
            };
            let top = (0..counts.names.len())
                .max_by_key(|&category| (counts.of(category, group), Reverse(category)))
                .filter(|&top| counts.of(top, group) >= rules.least());
            let center = top.map(|top| Center::Mostly {
                category: counts.names[top].to_owned(),
                share: counts.of(top, group) as f64 / n as f64,
            });
            let summary = Summary { feature: column.name.clone(), n, center };
            let strongest = (0..counts.names.len())
                .filter(|&category| share(category).can_be_told(rules.least()))
                .map(|category| (category, share(category).effect()))
                .filter(|(_, effect)| effect.holds(rules.min_effect))
                .max_by(|(i, a), (j, b)| {
                    let key = |e: &Effect| if e.size > 0.0 { 1.0 + e.size } else { -e.size };
                    key(a).total_cmp(&key(b)).then(j.cmp(i))
                });
            let candidate = strongest.map(|(category, effect)| {
                let (share, share_others, lift) = share(category).shares();
                let category = counts.names[category].to_owned();
                let answer = rules.vocabulary.yes_no(&category).filter(|_| yes_no);
                let contrast = Contrast::Category { category, share, share_others, lift };
                let (size, words) = (sizes[group], &rules.vocabulary);
                let told = Telling { column, groups, group, size, words };
                let counted = Counted { yes: answer, ..Counted::default() };
                told.candidate(contrast, effect, (n, counts.n_known - n), counted)
            });
            Found { summary, candidate }
        })
        .collect()
}
