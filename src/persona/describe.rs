//! What sets a group apart: every column, the members against everyone else.
//!
//! A difference becomes a trait only if it passes stated thresholds: both sides have at least
//! `min_size` people with a value (fewer would tell of single people) and `min_known` of their people,
//! the effect is at least `min_effect`, its 95 % interval leaves out "no difference", and half of the
//! members fit it, at least a tenth more than of the others. Per feature the strongest
//! remains: of a category column the one most over-represented, and one that is rarer only where
//! none is more frequent, as it mirrors another. Categories held by fewer than `min_size` people
//! are never named.
//!
//! A trait that holds of nearly the same people as a stronger one is told with it, not after it: five
//! columns that say "buys a lot" are one trait. A name uses only columns that made the groups, and only
//! traits that at least `min_name_fit` of the members fit all at once.
//!
//! Cost: one sort per column, then O(n · groups) where a trait is found.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::candidate::{Candidate, Telling, fitting, missing};
use super::card::{Center, Contrast, Fitting, Persona, Summary, Trait};
use super::counts::{Counts, Share};
use super::describer::Describer;
use super::effect::{Effect, deltas};
use super::phrase::names;
use super::words::{people, percent};
use crate::features::{Column, Values};
use crate::num::{parallel, stats};
use crate::prepare::{Dropped, Encoding, PreprocessorFit};
use crate::{FeatureTable, Labels};

/// Phi coefficient between who fits two traits, from which on they are one.
const SAME_PEOPLE: f64 = 0.6;
/// Share of the members who fit a trait that is told, at least.
const TYPICAL: f64 = 0.5;
/// How much more that is than the share of the others who do.
const APART: f64 = 0.1;

/// The features that made the groups; a name uses no others.
#[derive(Debug)]
pub(super) struct Used(BTreeSet<String>);

impl Used {
    /// Those that a preprocessor did not leave out by weight.
    pub(super) fn by(prep: &PreprocessorFit) -> Self {
        let left_out = Encoding::Dropped(Dropped::ZeroWeight);
        let used = prep.steps().iter().filter(|step| step.encoding != left_out);
        Self(used.map(|step| step.feature.clone()).collect())
    }
}

/// Describes every cluster of the labels; one label per row of the table.
pub(super) fn personas(
    table: &FeatureTable,
    labels: &Labels,
    rules: &Describer,
    used: &Used,
) -> Vec<Persona> {
    debug_assert_eq!(table.n_rows(), labels.len());
    let groups = labels.to_vec();
    let columns = table.columns();
    let unit = groups.len().saturating_mul(16);
    let mut contrasts = parallel::map(columns.len(), unit, |column| {
        contrasts(&columns[column], &groups, labels.sizes(), rules)
    });
    let (mut personas, phrases): (Vec<Persona>, Vec<Vec<String>>) = (0..labels.n_clusters())
        .map(|group| {
            let found = contrasts.iter_mut().map(|column| column[group].take());
            persona(group, found.flatten().collect(), table, &groups, rules, used)
        })
        .unzip();
    let phrases: Vec<Option<Vec<String>>> = personas
        .iter()
        .zip(phrases)
        .map(|(persona, phrases)| (persona.size >= rules.least()).then_some(phrases))
        .collect();
    for (persona, name) in personas.iter_mut().zip(names(&phrases)) {
        persona.name = name;
    }
    personas
}

/// What one column says of one group.
struct Found {
    summary: Summary,
    /// The strongest trait.
    candidate: Option<Candidate>,
}

/// A trait that is told, and who fits it.
struct Told {
    record: Trait,
    fits: Vec<bool>,
}

/// Puts a group's columns together: the persona without its name, and the phrases for one.
fn persona(
    group: usize,
    found: Vec<Found>,
    table: &FeatureTable,
    groups: &[Option<usize>],
    rules: &Describer,
    used: &Used,
) -> (Persona, Vec<String>) {
    let size = groups.iter().filter(|&&of| of == Some(group)).count();
    let share = size as f64 / groups.len() as f64;
    let mut summary = Vec::with_capacity(found.len());
    let mut strongest = Vec::new();
    for (column, found) in table.columns().iter().zip(found) {
        summary.push(found.summary);
        strongest.extend(found.candidate.map(|candidate| (column, candidate)));
    }
    // Columns that made the groups first, as they say what the groups are; then by effect. Stable: of
    // equal effects, the earlier column first.
    let is_used = |column: &Column| used.0.contains(&column.name);
    strongest.sort_by(|(a, x), (b, y)| {
        is_used(b).cmp(&is_used(a)).then_with(|| y.strength().total_cmp(&x.strength()))
    });
    let mut told: Vec<Told> = Vec::new();
    for (column, candidate) in strongest {
        let fits = candidate.fits(&column.values);
        let same = told.iter().position(|stronger| phi(&stronger.fits, &fits) >= SAME_PEOPLE);
        match same {
            Some(stronger) => told[stronger].record.also.push(candidate.told.feature),
            None if told.len() < rules.max_traits => {
                told.push(Told { record: candidate.told, fits });
            }
            None => {}
        }
    }
    let mut all = vec![true; groups.len()];
    let coverage: Vec<Fitting> = told
        .iter()
        .map(|told| {
            all.iter_mut().zip(&told.fits).for_each(|(all, fits)| *all &= fits);
            fitting(&all, groups, group)
        })
        .collect();
    let phrases = name_phrases(&told, groups, group, rules, used);
    let traits: Vec<Trait> = told.into_iter().map(|told| told.record).collect();
    let mut sentences = vec![format!("{}, {} of all.", people(size), percent(share))];
    if size < rules.least() {
        sentences[0] = format!("Fewer than {}: not described.", people(rules.least()));
    } else if traits.is_empty() {
        sentences.push("Nothing sets them apart clearly.".into());
    }
    sentences.extend(traits.iter().map(|told| told.sentence.clone()));
    if let (Some(last), true) = (coverage.last(), coverage.len() > 1) {
        let (members, others) = (percent(last.members), percent(last.others));
        sentences.push(format!("All of it fits {members} of them (others {others})."));
    }
    (Persona { name: String::new(), size, share, sentences, traits, coverage, summary }, phrases)
}

/// The phrases a name may use, strongest first, none twice: enough members fit all of them at once.
fn name_phrases(
    told: &[Told],
    groups: &[Option<usize>],
    group: usize,
    rules: &Describer,
    used: &Used,
) -> Vec<String> {
    let mut phrases: Vec<String> = Vec::new();
    let mut all = vec![true; groups.len()];
    for told in told {
        let may_name = told.record.effect.size.abs() >= rules.min_name_effect
            && !matches!(told.record.contrast, Contrast::Missing { .. })
            && used.0.contains(&told.record.feature)
            && !phrases.contains(&told.record.phrase);
        if !may_name {
            continue;
        }
        let both: Vec<bool> = all.iter().zip(&told.fits).map(|(all, fits)| *all && *fits).collect();
        if fitting(&both, groups, group).members >= rules.min_name_fit {
            phrases.push(told.record.phrase.clone());
            all = both;
        }
    }
    phrases
}

/// The correlation of two yes-or-no values over all people; 0 if one is the same for all.
fn phi(a: &[bool], b: &[bool]) -> f64 {
    let n = a.len() as f64;
    let count = |values: &[bool]| values.iter().filter(|value| **value).count() as f64;
    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count() as f64;
    let (a, b) = (count(a), count(b));
    let variances = a * (n - a) * b * (n - b);
    if variances > 0.0 { (n * both - a * b) / variances.sqrt() } else { 0.0 }
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
fn contrasts(
    column: &Column,
    groups: &[Option<usize>],
    sizes: &[usize],
    rules: &Describer,
) -> Vec<Option<Found>> {
    let mut found = match &column.values {
        Values::Numeric(values) if is_flag(values) => flag(column, values, groups, sizes, rules),
        Values::Numeric(values) => numeric(column, values, groups, sizes, rules),
        Values::Categorical(values) => categorical(column, values, groups, sizes, rules),
    };
    let missing = missing(&column.values);
    let n_missing = missing.iter().filter(|&&m| m).count();
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
            let labels = &rules.labels;
            let told = Telling { column, groups, group, size: n, labels };
            let candidate = told.candidate(contrast, effect, (n, n_others));
            if is_sayable(&candidate) {
                found.candidate = Some(candidate);
            }
        }
    }
    found.into_iter().map(Some).collect()
}

/// Whether a column says yes or no in numbers: 1 or 0.
fn is_flag(values: &[Option<f64>]) -> bool {
    let mut seen = [false; 2];
    values.iter().flatten().all(|&value| {
        let place = if value == 0.0 { 0 } else { 1 };
        seen[place] = true;
        value == 0.0 || value == 1.0
    }) && seen == [true; 2]
}

/// A flag is told by its share, as a category.
fn flag(
    column: &Column,
    values: &[Option<f64>],
    groups: &[Option<usize>],
    sizes: &[usize],
    rules: &Describer,
) -> Vec<Found> {
    let mut known = vec![(0usize, 0usize); sizes.len()];
    let (mut k_all, mut n_all) = (0, 0);
    for (value, &group) in values.iter().zip(groups) {
        let Some(value) = value else { continue };
        let yes = usize::from(*value == 1.0);
        (k_all, n_all) = (k_all + yes, n_all + 1);
        if let Some(group) = group {
            known[group] = (known[group].0 + yes, known[group].1 + 1);
        }
    }
    known
        .into_iter()
        .enumerate()
        .map(|(group, (k, n))| {
            let share = Share { k, n, k_all, n_all };
            let told = share.can_be_told(rules.least()) && k_all >= rules.least();
            let center = (told && k >= rules.least())
                .then(|| Center::Mostly { category: YES.into(), share: k as f64 / n as f64 });
            let summary = Summary { feature: column.name.clone(), n, center };
            let effect = told.then(|| share.effect()).filter(|e| e.holds(rules.min_effect));
            let candidate = effect.map(|effect| {
                let (share, share_others, lift) = share.shares();
                let category = YES.to_owned();
                let contrast = Contrast::Category { category, share, share_others, lift };
                let (size, labels) = (sizes[group], &rules.labels);
                let told = Telling { column, groups, group, size, labels };
                told.candidate(contrast, effect, (n, n_all - n))
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
                let (size, labels) = (sizes[group], &rules.labels);
                let told = Telling { column, groups, group, size, labels };
                told.candidate(contrast, effect, (n, n_others))
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
                let contrast = Contrast::Category { category, share, share_others, lift };
                let (size, labels) = (sizes[group], &rules.labels);
                let told = Telling { column, groups, group, size, labels };
                told.candidate(contrast, effect, (n, counts.n_known - n))
            });
            Found { summary, candidate }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default() -> Describer {
        Describer::default()
    }

    fn any() -> Describer {
        Describer { any_size: true, ..default() }
    }

    /// All columns made the groups.
    fn told(table: &FeatureTable, labels: &Labels, rules: &Describer) -> Vec<Persona> {
        let used = table.columns().iter().map(|column| column.name.clone()).collect();
        super::personas(table, labels, rules, &Used(used))
    }

    fn rows(n: usize) -> FeatureTable {
        FeatureTable::new(n)
    }

    fn numbers(values: impl IntoIterator<Item = i32>) -> Vec<Option<f64>> {
        values.into_iter().map(|v| Some(f64::from(v))).collect()
    }

    fn texts(values: impl IntoIterator<Item = &'static str>) -> Vec<Option<String>> {
        values.into_iter().map(|v| (!v.is_empty()).then(|| v.to_owned())).collect()
    }

    /// Cluster 0 is the first `a` rows, cluster 1 the next `b`; any others are noise.
    fn two(a: usize, b: usize, noise: usize) -> Labels {
        let labels = [vec![Some(0); a], vec![Some(1); b], vec![None; noise]].concat();
        Labels::new(labels).unwrap()
    }

    #[test]
    fn groups_that_do_not_differ_are_called_mixed_and_have_no_traits() {
        let table = rows(40)
            .numeric("spend", numbers((0..40).map(|i| i % 20)))
            .and_then(|t| t.numeric("constant", numbers([7; 40])))
            .and_then(|t| t.categorical("city", texts((0..40).map(|i| ["a", "b"][i % 2]))))
            .unwrap();
        let personas = told(&table, &two(20, 20, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["Mixed", "Mixed 2"]);
        for persona in &personas {
            assert_eq!(persona.traits, []);
            let told = "20 people, 50% of all. Nothing sets them apart clearly.";
            assert_eq!(persona.description(), told);
        }
    }

    #[test]
    fn a_difference_is_told_with_its_numbers_strongest_first() {
        // Spend separates completely; visits 0 to 19 against 10 to 29 do in most pairs.
        let spend = (0..40).map(|i| if i < 20 { 10 } else { 40 });
        let visits = (0..40).map(|i| if i < 20 { i } else { i - 10 });
        let table = rows(40)
            .numeric("visits", numbers(visits))
            .and_then(|t| t.numeric("spend", numbers(spend)))
            .unwrap();
        let personas = told(&table, &two(20, 20, 0), &default());
        let high = &personas[1];
        assert_eq!(high.name, "Big spenders, frequent visitors");
        assert_eq!(personas[0].name, "Small spenders, rare visitors");
        let told: Vec<(&str, f64)> =
            high.traits.iter().map(|t| (t.feature.as_str(), t.effect.size)).collect();
        // Of 400 pairs, 45 are lost and 10 tied: 10 to 19 in both. (345 − 45) / 400.
        assert_eq!(told, [("spend", 1.0), ("visits", 0.75)]);
        let Contrast::Numeric { median, median_others, median_all } = high.traits[1].contrast
        else {
            panic!("{:?}", high.traits[1])
        };
        assert_eq!((median, median_others, median_all), (19.5, 9.5, 14.5));
        // 15 of 20 members lie above 14.5, 5 of 20 others do; all of the 15 spend much.
        let fitting = |fits: &Fitting| (fits.members, fits.others);
        assert_eq!(fitting(&high.traits[1].fitting), (0.75, 0.25));
        let coverage: Vec<_> = high.coverage.iter().map(fitting).collect();
        assert_eq!(coverage, [(1.0, 0.0), (0.75, 0.0)]);
    }

    #[test]
    fn groups_and_remainders_that_are_too_small_are_not_described() {
        let spend = (0..40).map(|i| if i < 30 { 10 } else { 40 });
        let table = rows(40).numeric("spend", numbers(spend)).unwrap();
        let personas = told(&table, &two(30, 10, 0), &default());
        assert_eq!(personas[1].name, "Small group");
        assert_eq!(personas[1].sentences, ["Fewer than 20 people: not described."]);
        assert_eq!(personas[1].summary[0].center, None);
        // What sets the 30 apart would describe the 10.
        assert_eq!((personas[0].traits.len(), personas[0].name.as_str()), (0, "Mixed"));
        let all = told(&table, &two(30, 10, 0), &Describer { min_size: 10, ..default() });
        assert_eq!([&all[0].name, &all[1].name], ["Small spenders", "Big spenders"]);
    }

    #[test]
    fn one_person_or_everybody_is_not_set_apart() {
        let spend = (0..30).map(|i| if i < 29 { 10 } else { 4000 });
        let table = rows(30).numeric("spend", numbers(spend)).unwrap();
        let alone = told(&table, &two(29, 1, 0), &any());
        assert_eq!(alone[1].sentences[0], "1 person, 3.3% of all.");
        assert_eq!((alone[0].traits.len(), alone[1].traits.len()), (0, 0));
        let all = told(&table, &two(30, 0, 0), &default());
        assert_eq!((all.len(), all[0].name.as_str(), all[0].share), (1, "Mixed", 1.0));
        let none = told(&table, &two(0, 0, 30), &default());
        assert_eq!(none, []);
    }

    #[test]
    fn rare_categories_are_never_named() {
        // Four people share a secret, all in cluster 1; the rest is unremarkable.
        let city = (0..60).map(|i| match i {
            0..30 => "a",
            30..34 => "secret",
            _ => "b",
        });
        let table = rows(60).categorical("city", texts(city)).unwrap();
        let personas = told(&table, &two(30, 30, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["City a", "City b"]);
        assert_eq!(personas[1].sentences[1], "City b: 87% (others 0%).");
        assert!(!serde_json::to_string(&personas).unwrap().contains("secret"));
    }

    #[test]
    fn of_a_category_column_the_over_represented_one_is_told() {
        // "b" is rarer in cluster 0 by more than "a" is more frequent; it only mirrors a and c.
        let city = (0..60).map(|i| match i {
            0..20 => "a",
            20..30 => "c",
            _ => "b",
        });
        let table = rows(60).categorical("city", texts(city)).unwrap();
        let personas = told(&table, &two(30, 30, 0), &Describer { min_size: 5, ..default() });
        assert_eq!([&personas[0].name, &personas[1].name], ["City a", "City b"]);
        assert_eq!(
            personas[0].summary[0].center,
            Some(Center::Mostly { category: "a".into(), share: 2.0 / 3.0 })
        );
    }

    #[test]
    fn having_no_value_can_set_a_group_apart_and_support_is_told() {
        let spend = (0..80).map(|i| (i < 60 || i % 2 == 0).then_some(f64::from(i)));
        let table = rows(80).numeric("spend", spend.collect()).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        // 10 of the 40 in cluster 1 have no value, nobody else: fewer than 20 people.
        assert!(personas[1].sentences[1].ends_with("; known for 75% of them."), "{personas:?}");
        // Of a column that most members lack, nothing is said but that.
        let spend = (0..80).map(|i| (i < 40 || i % 2 == 0).then_some(f64::from(i)));
        let table = rows(80).numeric("spend", spend.collect()).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!(personas[1].traits[0].phrase, "spend often unknown");
        let spend = (0..80).map(|i| (i < 40).then_some(1.0));
        let table = rows(80).numeric("spend", spend.collect()).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!(
            [&personas[0].name, &personas[1].name],
            ["Mixed", "Mixed 2"],
            "what is unknown names nobody"
        );
        assert_eq!(personas[1].traits[0].fitting, Fitting { members: 1.0, others: 0.0 });
        assert_eq!(personas[0].traits[0].fitting, Fitting { members: 1.0, others: 0.0 });
    }

    #[test]
    fn where_most_are_at_the_median_it_counts_on_neither_side_or_on_the_telling_one() {
        // Nobody in cluster 0 uses coupons; half of cluster 1 does. The overall median is 0.
        let coupons = (0..80).map(|i| if i < 40 || i % 2 == 0 { 0 } else { 3 });
        let table = rows(80).numeric("coupons", numbers(coupons)).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!(personas[1].traits[0].fitting, Fitting { members: 0.5, others: 0.0 });
        assert_eq!(personas[0].traits[0].fitting, Fitting { members: 1.0, others: 0.5 });
        assert_eq!(
            personas[1].sentences[1],
            "Many coupons: median coupons 1.5 (others 0); half lie above the median of everyone (others \
             none)."
        );
        // What fewer than half of the members have is not typical of them.
        let seldom = (0..80).map(|i| if i < 40 || i % 5 > 1 { 0 } else { 3 });
        let table = rows(80).numeric("coupons", numbers(seldom)).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!(personas[1].traits, []);
    }

    #[test]
    fn flags_are_told_as_shares_and_columns_that_say_the_same_once() {
        let flag = (0..80).map(|i| i32::from(i >= 40 && i % 4 > 0));
        let spend = (0..80).map(|i| if i < 40 { i } else { 500 + i });
        let table = rows(80)
            .numeric("member", numbers(flag))
            .and_then(|t| t.numeric("spend", numbers(spend.clone())))
            .and_then(|t| t.numeric("revenue", numbers(spend.map(|v| 3 * v))))
            .unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!(personas[1].traits[0].also, ["revenue", "member"]);
        let one = told(&table.without(&["spend", "revenue"]), &two(40, 40, 0), &default());
        assert_eq!(one[1].sentences[1], "Member: 75% (others 0%).");
        assert_eq!([&one[0].name, &one[1].name], ["Rarely member", "Member"]);
    }

    #[test]
    fn a_persona_with_a_number_that_is_not_finite_is_found_out() {
        let spend = (0..80).map(|i| if i < 40 { i } else { 500 + i });
        let table = rows(80).numeric("spend", numbers(spend)).unwrap();
        let sound = told(&table, &two(40, 40, 0), &default()).remove(0);
        assert!(sound.is_finite());
        let break_at: [fn(&mut Persona); 4] = [
            |persona| persona.share = f64::NAN,
            |persona| persona.coverage[0].others = f64::INFINITY,
            |persona| persona.traits[0].effect.low = f64::NAN,
            |persona| persona.summary[0].center = Some(Center::Median(f64::NAN)),
        ];
        for break_it in break_at {
            let mut broken = sound.clone();
            break_it(&mut broken);
            assert!(!broken.is_finite(), "{broken:?}");
        }
    }

    #[test]
    fn features_and_categories_are_told_by_the_labels_of_the_caller() {
        let share = (0..80).map(|i| if i < 40 { i } else { 500 + i });
        let table = rows(80)
            .numeric("share of GROCERY", numbers(share))
            .and_then(|t| t.categorical("reg", texts((0..80).map(|i| ["NA", "EU"][i / 40]))))
            .unwrap();
        let labels = [("GROCERY", "groceries"), ("reg", "region"), ("NA", "North America")];
        let labels = labels.map(|(name, label)| (name.to_owned(), label.to_owned())).into();
        let rules = Describer { labels, ..default() };
        let first = |column: &str| told(&table.clone().without(&[column]), &two(40, 40, 0), &rules);
        let personas = first("reg");
        assert_eq!(personas[1].name, "Much groceries");
        assert!(personas[1].sentences[1].contains("median share of groceries 560"), "{personas:?}");
        assert_eq!(personas[1].traits[0].feature, "share of GROCERY");
        let personas = first("share of GROCERY");
        assert_eq!([&personas[0].name, &personas[1].name], ["Region North America", "Region EU"]);
    }

    #[test]
    fn a_name_uses_only_columns_that_made_the_groups() {
        let spend = (0..80).map(|i| if i < 40 { i } else { 500 + i });
        let table = rows(80).numeric("spend", numbers(spend)).unwrap();
        let none = Used(BTreeSet::new());
        let personas = super::personas(&table, &two(40, 40, 0), &default(), &none);
        assert_eq!((personas[1].name.as_str(), personas[1].traits.len()), ("Mixed 2", 1));
    }

    #[test]
    fn the_greatest_numbers_there_are_give_finite_text() {
        let spend = (0..40).map(|i| Some(if i < 20 { f64::MAX } else { -f64::MAX }));
        let table = rows(40).numeric("spend", spend.collect()).unwrap();
        let personas = told(&table, &two(20, 20, 0), &default());
        let Contrast::Numeric { median_all, .. } = personas[0].traits[0].contrast else {
            panic!("{:?}", personas[0])
        };
        assert_eq!(median_all, 0.0);
        assert!(!personas[0].description().contains("inf"), "{}", personas[0].description());
    }
}
