//! What sets a group apart: every column, the members against everyone else.
//!
//! Every column offers one difference at most ([`contrasts`]); here they become the traits of a persona. A
//! trait that holds of nearly the same people as a stronger one is named with it, not told after it: five
//! columns that say "buys a lot" are one trait. A name uses only columns that made the groups, and only
//! traits that at least `min_name_fit` of the members fit all at once. A group of nine in ten people or
//! more is called nearly everybody.
//!
//! Cost: that of the columns, then O(n) per trait.

use std::collections::BTreeSet;

use super::bits::Bits;
use super::card::{Contrast, Persona, Trait};
use super::contrast::{GroupContrast, contrasts, n_looks};
use super::effect::wider;
use super::index::{ColumnIndex, Groups, Indexed, IndexedKind};
use super::naming::{NamePhrase, Phrases, names};
use super::numbers::{are_alike, people, percent};
use super::sentences::{is_yes_no, superlative};
use super::standing::Standings;
use super::telling::{TraitCandidate, share};
use super::thresholds::Describer;
use super::vocabulary::Vocabulary;
use crate::Labels;
use crate::num::parallel;
use crate::prepare::{Dropped, PreprocessorFit};

/// Phi coefficient between who fits two traits, from which on they are one.
const SAME_PEOPLE: f64 = 0.6;
/// Most traits that are named with a stronger one.
const MOST_SAME: usize = 3;
/// Share of all people from which on a group is not named by its traits.
const NEARLY_ALL: f64 = 0.9;

/// The features that made the groups; a name uses no others.
#[derive(Debug)]
pub(super) struct Used(BTreeSet<String>);

impl Used {
    /// Those that a preprocessor did not leave out by weight.
    pub(super) fn by(prep: &PreprocessorFit) -> Self {
        let mut used: BTreeSet<String> =
            prep.steps().iter().map(|step| step.feature.clone()).collect();
        for (feature, why) in prep.dropped() {
            if why == Dropped::ZeroWeight {
                used.remove(feature);
            }
        }
        Self(used)
    }

    pub(super) fn contains(&self, feature: &str) -> bool {
        self.0.contains(feature)
    }
}

/// Describes every cluster of the labels; one label per row of the table.
pub(super) fn described(
    index: &ColumnIndex<'_>,
    labels: &Labels,
    rules: &Describer,
    used: &Used,
) -> Vec<Persona> {
    debug_assert_eq!(index.n_rows, labels.len());
    let groups = Groups::new(labels);
    let unit = index.n_rows.saturating_mul(4);
    let found = found(index, &groups, rules);
    let found: Vec<(usize, Vec<GroupContrast>)> = found.into_iter().enumerate().collect();
    let (mut personas, phrases): (Vec<Persona>, Vec<Phrases>) =
        parallel::map_owned(found, unit, |(group, found)| {
            persona(group, found, index, &groups, rules, used)
        })
        .into_iter()
        .unzip();
    let named = |(persona, phrases): (&Persona, Phrases)| match persona {
        _ if persona.size < rules.least() => None,
        // What nearly everybody has names nobody.
        _ if persona.size == index.n_rows => {
            Some((vec![NamePhrase::of(rules.vocabulary.say("everybody", &[]))], 1))
        }
        _ if persona.share >= NEARLY_ALL => {
            Some((vec![NamePhrase::of(rules.vocabulary.say("nearly everybody", &[]))], 1))
        }
        _ => Some(phrases),
    };
    let phrases: Vec<Option<Phrases>> = personas.iter().zip(phrases).map(named).collect();
    let standings = Standings::new(index, &groups, rules);
    let order = |column: usize, tied: &[usize]| standings.order(column, tied);
    for (persona, name) in personas.iter_mut().zip(names(&rules.vocabulary, &phrases, &order)) {
        persona.name = name;
    }
    personas
}

/// What every column says of every group, by group.
fn found(
    index: &ColumnIndex<'_>,
    groups: &Groups<'_>,
    rules: &Describer,
) -> Vec<Vec<GroupContrast>> {
    let unit = index.n_rows.saturating_mul(4);
    let looks: usize = index.columns.iter().map(|column| n_looks(column, rules.least())).sum();
    let wider = wider(looks.saturating_mul(groups.sizes.len()));
    let columns: Vec<Vec<GroupContrast>> = parallel::map(index.columns.len(), unit, |at| {
        contrasts(&index.columns[at], groups, rules, wider)
    });
    // From columns of groups to groups of columns.
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (0..groups.sizes.len())
        .map(|_| columns.iter_mut().filter_map(Iterator::next).collect())
        .collect()
}

/// How far every group leans to which side in every column of the index, by group: the effects that
/// pass the thresholds of a trait, whether it is told or not.
pub(super) fn leanings(
    index: &ColumnIndex<'_>,
    labels: &Labels,
    rules: &Describer,
) -> Vec<Vec<Option<f64>>> {
    let of_group = |columns: Vec<GroupContrast>| {
        let columns = index.columns.iter().zip(columns);
        columns.map(|(column, found)| leaning(column, found, &rules.vocabulary)).collect()
    };
    found(index, &Groups::new(labels), rules).into_iter().map(of_group).collect()
}

/// What one column says of a group as a number, of which more is more: not a no, nor the lower of two
/// numbers, nor that a value is missing.
fn leaning(column: &Indexed<'_>, found: GroupContrast, words: &Vocabulary) -> Option<f64> {
    let told = found.candidate?.told;
    let is_less = match (&told.contrast, &column.kind) {
        (Contrast::Middle { .. }, _) => return None,
        (Contrast::Missing { .. }, _) => true,
        (Contrast::Category { code, .. }, IndexedKind::Numbers(numbers)) => {
            numbers.two().map(|([low, _], _)| low) == *code
        }
        (Contrast::Category { category, .. }, IndexedKind::Categories(found)) => {
            is_yes_no(&found.names, words) && words.yes_no(category) == Some(false)
        }
        _ => false,
    };
    Some(if is_less { -told.effect } else { told.effect })
}

/// A trait that is told, who fits it, and the phrases of those that mostly the same people fit.
struct ToldTrait {
    /// Its place in the index.
    column: usize,
    record: Trait,
    fits: Bits,
    same: Vec<String>,
}

impl ToldTrait {
    /// Keeps a weaker trait that mostly the same people fit.
    fn with(&mut self, weaker: Trait) {
        let is_new = weaker.phrase != self.record.phrase && !self.same.contains(&weaker.phrase);
        if is_new && self.same.len() < MOST_SAME {
            self.same.push(weaker.phrase);
        }
        self.record.also.push(weaker.feature);
    }

    /// The trait in a name.
    fn name_phrase(&self, words: &Vocabulary) -> NamePhrase {
        NamePhrase {
            text: self.record.phrase.clone(),
            feature: self.record.feature.clone(),
            column: self.column,
            is_more: self.record.effect > 0.0,
            superlative: superlative(words, &self.record),
            is_ordered: matches!(
                self.record.contrast,
                Contrast::Numeric { .. } | Contrast::Middle { .. }
            ),
        }
    }

    /// The trait, with the others in its sentence.
    fn record(self, words: &Vocabulary) -> Trait {
        let mut record = self.record;
        if !self.same.is_empty() {
            let (sentence, phrases) = (record.sentence.as_str(), self.same.join(", "));
            let parts = [("sentence", sentence), ("phrases", &phrases)];
            record.sentence = words.say("{sentence} Mostly the same people: {phrases}.", &parts);
        }
        record
    }
}

/// Puts a group's columns together: the persona without its name, and the phrases for one.
fn persona(
    group: usize,
    found: Vec<GroupContrast>,
    index: &ColumnIndex<'_>,
    groups: &Groups<'_>,
    rules: &Describer,
    used: &Used,
) -> (Persona, Phrases) {
    let size = groups.sizes[group];
    let share = share(size, index.n_rows);
    let mut centers = Vec::with_capacity(found.len());
    let mut strongest = Vec::new();
    for (at, (column, found)) in index.columns.iter().zip(found).enumerate() {
        centers.push((column.column.name.clone(), found.center));
        strongest.extend(found.candidate.map(|candidate| (at, candidate)));
    }
    // Columns that made the groups first, as they say what the groups are; then by effect. Stable: of
    // equal effects, the earlier column first.
    // Missing values made no groups.
    let is_used = |(column, candidate): &(usize, TraitCandidate)| {
        let is_missing = matches!(candidate.told.contrast, Contrast::Missing { .. });
        used.contains(&index.columns[*column].column.name) && !is_missing
    };
    strongest.sort_by(|a, b| {
        is_used(b).cmp(&is_used(a)).then_with(|| b.1.strength().total_cmp(&a.1.strength()))
    });
    let mut told: Vec<ToldTrait> = Vec::new();
    for (column, candidate) in strongest {
        let fits = candidate.fits(&index.columns[column]);
        let same = |stronger: &ToldTrait| phi(&stronger.fits, &fits, index.n_rows) >= SAME_PEOPLE;
        match told.iter().position(same) {
            Some(stronger) => told[stronger].with(candidate.told),
            None if told.len() < rules.max_traits => {
                told.push(ToldTrait { column, record: candidate.told, fits, same: Vec::new() });
            }
            None => {}
        }
    }
    let coverage = told.iter().scan(None, |all: &mut Option<Bits>, told| {
        let both = all.as_ref().map_or_else(|| told.fits.clone(), |all| all.and(&told.fits));
        let fitting = fitting(&both, groups, group);
        *all = Some(both);
        Some(fitting)
    });
    let coverage: Vec<(f64, f64)> = coverage.collect();
    let phrases = name_phrases(&told, groups, group, rules, used);
    let words = &rules.vocabulary;
    let traits: Vec<Trait> = told.into_iter().map(|told| told.record(words)).collect();
    let sentences = sentences(size, share, &traits, &coverage, rules);
    (Persona { name: String::new(), size, share, sentences, traits, coverage, centers }, phrases)
}

/// The description: how many, one sentence per trait, and how many fit all of it.
fn sentences(
    size: usize,
    share: f64,
    traits: &[Trait],
    coverage: &[(f64, f64)],
    rules: &Describer,
) -> Vec<String> {
    let words = &rules.vocabulary;
    let percent = |share| percent(words, share);
    let mut sentences = vec![match size < rules.least() {
        true => {
            let least = people(words, rules.least());
            words.say("Fewer than {people}: not described.", &[("people", &least)])
        }
        false => {
            let (people, share) = (people(words, size), percent(share));
            words.say("{people}, {share} of all.", &[("people", &people), ("share", &share)])
        }
    }];
    if size >= rules.least() && traits.is_empty() {
        sentences.push(words.say("Nothing sets them apart clearly.", &[]));
    }
    sentences.extend(traits.iter().map(|told| told.sentence.clone()));
    if let (Some(last), true) = (coverage.last(), coverage.len() > 1) {
        let (members, others) = (percent(last.0), percent(last.1));
        let parts = [("members", &*members), ("others", &others)];
        sentences.push(words.say("All of it fits {members} of them (others {others}).", &parts));
    }
    sentences
}

/// Share of a group's members and of the others who are in a set.
fn fitting(rows: &Bits, groups: &Groups<'_>, group: usize) -> (f64, f64) {
    let members = groups.members[group].count_in(rows);
    let size = groups.sizes[group];
    (share(members, size), share(rows.count() - members, groups.n_rows() - size))
}

/// The phrases a name may use, strongest first, none twice: enough members fit all of them at once. Those
/// whose medians are alike come last and only tell groups apart that would share a name.
fn name_phrases(
    told: &[ToldTrait],
    groups: &Groups<'_>,
    group: usize,
    rules: &Describer,
    used: &Used,
) -> Phrases {
    let may_name = |told: &ToldTrait| {
        !matches!(told.record.contrast, Contrast::Missing { .. })
            && used.contains(&told.record.feature)
    };
    // Where nothing is clear enough for a name, what is told has to do: "Mixed" would say less.
    let is_clear = |told: &ToldTrait| told.record.effect.abs() >= rules.min_name_effect;
    let any_clear = told
        .iter()
        .any(|told| may_name(told) && is_clear(told) && names_something(&told.record.contrast));
    let mut phrases: Vec<NamePhrase> = Vec::new();
    let mut all: Option<Bits> = None;
    let mut n_strong = 0;
    for is_strong in [true, false] {
        for told in told.iter().filter(|told| names_something(&told.record.contrast) == is_strong) {
            let is_enough = is_clear(told) || (is_strong && !any_clear);
            let is_said = phrases.iter().any(|phrase| phrase.text == told.record.phrase);
            if !may_name(told) || !is_enough || is_said {
                continue;
            }
            let both = all.as_ref().map_or_else(|| told.fits.clone(), |all| all.and(&told.fits));
            if fitting(&both, groups, group).0 >= rules.min_name_fit {
                phrases.push(told.name_phrase(&rules.vocabulary));
                n_strong += usize::from(is_strong);
                all = Some(both);
            }
        }
    }
    (phrases, n_strong)
}

/// Whether a difference is one to name people by: medians a tenth apart at least, and never that a value
/// is unknown.
fn names_something(contrast: &Contrast) -> bool {
    match contrast {
        &Contrast::Numeric { median, median_others, .. } => !are_alike(median, median_others),
        Contrast::Category { .. } | Contrast::Middle { .. } => true,
        Contrast::Missing { .. } => false,
    }
}

/// The correlation over `n` people of being in two sets; 0 if a set holds nobody or everybody.
fn phi(a: &Bits, b: &Bits, n: usize) -> f64 {
    let both = a.count_with(b) as f64;
    let (a, b, n) = (a.count() as f64, b.count() as f64, n as f64);
    let variances = a * (n - a) * b * (n - b);
    if variances > 0.0 { (n * both - a * b) / variances.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeatureTable;
    use crate::prepare::Original;

    fn default() -> Describer {
        Describer::default()
    }

    fn any() -> Describer {
        Describer { any_size: true, ..default() }
    }

    /// All columns made the groups.
    fn told(table: &FeatureTable, labels: &Labels, rules: &Describer) -> Vec<Persona> {
        let used = table.columns().iter().map(|column| column.name.clone()).collect();
        described(&ColumnIndex::new(table).unwrap(), labels, rules, &Used(used))
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
            assert_eq!(persona.to_string(), told);
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
            high.traits.iter().map(|t| (t.feature.as_str(), t.effect)).collect();
        // Of 400 pairs, 45 are lost and 10 tied: 10 to 19 in both. (345 − 45) / 400.
        assert_eq!(told, [("spend", 1.0), ("visits", 0.75)]);
        let Contrast::Numeric { median, median_others, median_all, .. } = high.traits[1].contrast
        else {
            panic!("{:?}", high.traits[1])
        };
        assert_eq!((median, median_others, median_all), (19.5, 9.5, 14.5));
        // 15 of 20 members lie above 14.5, 5 of 20 others do; all of the 15 spend much.
        assert_eq!(high.traits[1].fitting, (0.75, 0.25));
        assert_eq!(high.coverage, [(1.0, 0.0), (0.75, 0.0)]);
    }

    #[test]
    fn groups_and_remainders_that_are_too_small_are_not_described() {
        let spend = (0..40).map(|i| if i < 30 { 10 } else { 40 });
        let table = rows(40).numeric("spend", numbers(spend)).unwrap();
        let personas = told(&table, &two(30, 10, 0), &default());
        assert_eq!(personas[1].name, "Small group");
        assert_eq!(personas[1].sentences, ["Fewer than 20 people: not described."]);
        assert_eq!(personas[1].centers[0].1, None);
        // What sets the 30 apart would describe the 10.
        assert_eq!((personas[0].traits.len(), personas[0].name.as_str()), (0, "Mixed"));
        let all = told(&table, &two(30, 10, 0), &Describer { min_size: 10, ..default() });
        assert_eq!([&all[0].name, &all[1].name], ["Small spenders", "Big spenders"]);
    }

    #[test]
    fn nine_in_ten_are_nearly_everybody_and_the_rest_has_its_name() {
        let spend = |n: i32| (0..400).map(move |i| if i < n { i % 40 } else { 4000 + i % 40 });
        let named = |n: i32| {
            let table = rows(400).numeric("spend", numbers(spend(n))).unwrap();
            let personas = told(&table, &two(n as usize, 400 - n as usize, 0), &default());
            personas.into_iter().map(|persona| persona.name).collect::<Vec<_>>()
        };
        assert_eq!(named(360), ["Nearly everybody", "Big spenders"]);
        assert_eq!(named(359), ["Small spenders", "Big spenders"]);
    }

    /// The names of groups of 60 people, by a column of spending that begins at a number for each.
    fn named_by_spend(from: &[i32]) -> Vec<String> {
        let spend = from.iter().flat_map(|&from| (0..60).map(move |i| from + i % 10));
        named(&rows(60 * from.len()).numeric("spend", numbers(spend)).unwrap(), from.len())
    }

    /// The names of groups of 60 people each.
    fn named(table: &FeatureTable, k: usize) -> Vec<String> {
        let labels = Labels::new((0..60 * k).map(|i| Some(i / 60))).unwrap();
        let personas = told(table, &labels, &default());
        personas.into_iter().map(|persona| persona.name).collect()
    }

    #[test]
    fn groups_of_one_column_are_named_by_their_order() {
        for (from, names) in [
            (&[10, 100, 1000][..], &["Small spenders", "Medium spenders", "Big spenders"][..]),
            (
                &[10, 100, 1000, 10_000],
                &["Smallest spenders", "Small spenders", "Big spenders", "Biggest spenders"],
            ),
            (
                &[1000, 10, 100_000, 100, 10_000],
                &[
                    "Medium spenders",
                    "Smallest spenders",
                    "Biggest spenders",
                    "Small spenders",
                    "Big spenders",
                ],
            ),
            (
                &[10, 100, 1000, 10_000, 100_000, 1_000_000],
                &[
                    "Smallest spenders",
                    "Small spenders",
                    "Medium spenders (around 1000)",
                    "Medium spenders (around 10000)",
                    "Big spenders",
                    "Biggest spenders",
                ],
            ),
        ] {
            assert_eq!(named_by_spend(from), names);
        }
    }

    #[test]
    fn a_group_larger_than_the_others_together_leaves_more_than_two_of_a_kind() {
        let spend = [[10; 5].as_slice(), &[100, 1000, 10_000]].concat();
        let spend = spend.into_iter().flat_map(|from| (0..60).map(move |i| from + i % 10));
        let table = rows(480).numeric("spend", numbers(spend)).unwrap();
        let labels = Labels::new((0..480_usize).map(|i| Some((i / 60).saturating_sub(4)))).unwrap();
        let names: Vec<String> =
            told(&table, &labels, &default()).into_iter().map(|persona| persona.name).collect();
        let expected = [
            "Small spenders",
            "Big spenders (around 104.50)",
            "Big spenders (around 1000)",
            "Big spenders (around 10000)",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn twins_in_two_columns_are_named_by_the_one_in_which_they_are_apart() {
        // Most spend little and come seldom; the last two groups spend alike and come 30 and 90 times.
        let column = |of: fn(usize) -> i32, step: usize| {
            numbers((0..540).map(move |i| of(i / 60) + (i / step * 7 % 10) as i32))
        };
        let table = rows(540)
            .numeric("spend", column(|at| [10, 10, 10, 10, 10, 500, 10, 500, 500][at], 1))
            .and_then(|t| t.numeric("visits", column(|at| [1, 1, 1, 1, 1, 1, 30, 30, 90][at], 6)))
            .unwrap();
        let labels = Labels::new((0..540).map(|i| Some((i / 60_usize).saturating_sub(4)))).unwrap();
        let names: Vec<String> =
            told(&table, &labels, &default()).into_iter().map(|persona| persona.name).collect();
        assert_eq!(
            names[3..],
            ["Big spenders, frequent visitors", "Big spenders, most frequent visitors"],
            "{names:?}"
        );
    }

    #[test]
    fn who_is_in_the_middle_is_told_with_the_range() {
        let spend = (0..180).map(|i| [10, 100, 1000][i as usize / 60] + i % 10);
        let table = rows(180).numeric("spend", numbers(spend)).unwrap();
        let labels = Labels::new((0..180).map(|i| Some(i / 60))).unwrap();
        let personas = told(&table, &labels, &default());
        assert_eq!(
            personas[1].traits[0].sentence,
            "Medium spenders: median spend 104.50; all lie in the middle third of everyone, from 100 to 109 \
             (others none)."
        );
        assert_eq!(personas[1].traits[0].fitting, (1.0, 0.0));
        let declared = crate::persona::DeclaredPersona::of(&personas[1]);
        let rule = &declared.rules[0];
        assert_eq!(rule.condition, crate::features::Condition::Between(100.0, 109.0));
        let leanings = leanings(&ColumnIndex::new(&table).unwrap(), &labels, &default());
        assert_eq!(leanings, [[Some(-1.0)], [None], [Some(1.0)]]);
        // 1000 and 1080 are alike: nobody would call one medium and the other high.
        assert_eq!(named_by_spend(&[10, 1000, 1080])[1], "Mixed");
        // Half of them in the middle are too few to be called so.
        let wide = (0..180).map(|i| match i / 60 {
            0 => i % 10,
            1 if i % 2 == 0 => [0, 1000][i as usize / 2 % 2] + i % 10,
            1 => 100 + i % 10,
            _ => 1000 + i % 10,
        });
        let table = rows(180).numeric("spend", numbers(wide)).unwrap();
        assert_eq!(named(&table, 3)[1], "Mixed");
    }

    #[test]
    fn a_column_without_a_name_is_called_so() {
        let spend = (0..80).map(|i| if i < 40 { i } else { 500 + i });
        let table = rows(80).numeric("", numbers(spend)).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["Low unnamed", "High unnamed"]);
    }

    #[test]
    fn one_person_or_everybody_is_not_set_apart() {
        let spend = (0..30).map(|i| if i < 29 { 10 } else { 4000 });
        let table = rows(30).numeric("spend", numbers(spend)).unwrap();
        let alone = told(&table, &two(29, 1, 0), &any());
        assert_eq!(alone[1].sentences[0], "1 person, 3.3% of all.");
        assert_eq!((alone[0].traits.len(), alone[1].traits.len()), (0, 0));
        let all = told(&table, &two(30, 0, 0), &default());
        assert_eq!((all.len(), all[0].name.as_str(), all[0].share), (1, "Everybody", 1.0));
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
            personas[0].centers[0].1,
            Some(Original::Share { level: "a".into(), share: 2.0 / 3.0 })
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
        assert_eq!(personas[1].traits[0].fitting, (1.0, 0.0));
        assert_eq!(personas[0].traits[0].fitting, (1.0, 0.0));
    }

    #[test]
    fn where_most_are_at_the_median_it_counts_on_neither_side_or_on_the_telling_one() {
        // Nobody in cluster 0 uses coupons; half of cluster 1 does. The overall median is 0.
        let coupons = (0..80).map(|i| if i < 40 || i % 2 == 0 { 0 } else { 3 });
        let table = rows(80).numeric("coupons", numbers(coupons)).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!(personas[1].traits[0].fitting, (0.5, 0.0));
        assert_eq!(personas[0].traits[0].fitting, (1.0, 0.5));
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
        // Revenue is called as spend is; that they are members is named, as mostly the same people are.
        let sentence = &personas[1].traits[0].sentence;
        assert!(sentence.ends_with(" Mostly the same people: member."), "{sentence}");
        let labels = two(40, 40, 0);
        let leanings = leanings(&ColumnIndex::new(&table).unwrap(), &labels, &default());
        assert_eq!(leanings[1], [Some(0.75), Some(1.0), Some(1.0)], "told or not");
        let one = told(&table.without(&["spend", "revenue"]), &two(40, 40, 0), &default());
        assert_eq!(one[1].sentences[1], "Member: 75% (others 0%).");
        assert_eq!([&one[0].name, &one[1].name], ["Rarely member", "Member"]);
    }

    #[test]
    fn amounts_below_zero_are_no_spending() {
        let spend = (0..80).map(|i| if i < 40 { -50 - i } else { -5000 - i });
        let table = rows(80).numeric("spend", numbers(spend)).unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["High spend", "Low spend"]);
    }

    #[test]
    fn a_value_that_is_missing_is_told_after_what_made_the_groups_and_does_not_hide_it() {
        let visits = (0..80).map(|i| (i < 40).then_some(f64::from(i % 7)));
        let spend = (0..80).map(|i| if i < 40 { 500 + i } else { i });
        let table = rows(80)
            .numeric("visits", visits.collect())
            .and_then(|t| t.numeric("spend", numbers(spend)))
            .unwrap();
        let personas = told(&table, &two(40, 40, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["Big spenders", "Small spenders"]);
        let sentence = &personas[1].traits[0].sentence;
        assert!(sentence.ends_with(" Mostly the same people: visits often unknown."), "{sentence}");
    }

    #[test]
    fn who_more_often_says_no_or_has_the_lower_number_has_less() {
        let table = rows(80)
            .categorical("member", texts((0..80).map(|i| ["No", "yes"][i / 40])))
            .and_then(|t| t.numeric("cards", numbers((0..80).map(|i| 2 + i / 40))))
            .unwrap();
        let labels = two(40, 40, 0);
        let leanings = leanings(&ColumnIndex::new(&table).unwrap(), &labels, &default());
        assert_eq!(leanings, [[Some(-1.0); 2], [Some(1.0); 2]]);
    }

    #[test]
    fn a_persona_with_a_number_that_is_not_finite_is_found_out() {
        let spend = (0..80).map(|i| if i < 40 { i } else { 500 + i });
        let table = rows(80).numeric("spend", numbers(spend)).unwrap();
        let sound = told(&table, &two(40, 40, 0), &default()).remove(0);
        assert!(sound.is_finite());
        let break_at: [fn(&mut Persona); 4] = [
            |persona| persona.share = f64::NAN,
            |persona| persona.coverage[0].1 = f64::INFINITY,
            |persona| persona.traits[0].interval.0 = f64::NAN,
            |persona| persona.centers[0].1 = Some(Original::Number(f64::NAN)),
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
        let vocabulary = Vocabulary { labels, ..Vocabulary::default() };
        let rules = Describer { vocabulary, ..default() };
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
        let personas =
            described(&ColumnIndex::new(&table).unwrap(), &two(40, 40, 0), &default(), &none);
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
        assert!(!personas[0].to_string().contains("inf"), "{}", personas[0].to_string());
    }

    #[test]
    fn two_codes_are_told_as_shares_and_two_amounts_as_amounts() {
        let table = rows(80)
            .numeric("Channel", numbers((0..80).map(|i| if (40..77).contains(&i) { 1 } else { 2 })))
            .and_then(|t| t.numeric("spend", numbers((0..80).map(|i| if i < 40 { 9 } else { 20 }))))
            .unwrap();
        let personas = told(&table.clone().without(&["spend"]), &two(40, 40, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["Channel 2", "Channel 1"]);
        assert_eq!(personas[1].sentences[1], "Channel 1: 92% (others 0%).");
        assert_eq!(
            personas[1].centers[0].1,
            Some(Original::Share { level: "1".into(), share: 37.0 / 40.0 })
        );
        assert_eq!(personas[1].traits[0].fitting, (0.925, 0.0));
        let personas = told(&table.without(&["Channel"]), &two(40, 40, 0), &default());
        assert_eq!([&personas[0].name, &personas[1].name], ["Small spenders", "Big spenders"]);
    }

    #[test]
    fn medians_that_are_alike_differ_only_in_what_has_no_unit_and_then_by_a_lot() {
        let column = |low: i32, high: i32| {
            numbers((0..40).map(move |i| if i < 20 { low } else { high } + i % 10))
        };
        let told = |name: &str, low: i32, high: i32| {
            let table = rows(40).numeric(name, column(low, high)).unwrap();
            let personas = told(&table, &two(20, 20, 0), &default());
            personas[1].traits.first().map(|told| told.sentence.clone())
        };
        assert_eq!(told("tenure_days", 480, 510), None);
        assert!(told("tenure_days", 480, 560).is_some());
        let born = "High born: median born 1990 (others 1960); all lie above the median of everyone (others none).";
        assert_eq!(told("born", 1955, 1985).as_deref(), Some(born));
        assert_eq!(told("born", 1955, 1957), None);
    }

    #[test]
    fn medians_that_are_equal_are_told_only_where_fewer_have_anything() {
        // In the first half 9 in 10 have the lowest value, in the second half 6 in 10; the rest have the highest.
        let column = |lowest: i32, highest: i32| {
            let is_low = |i: i32| i % 10 < if i < 200 { 9 } else { 6 };
            numbers((0..400).map(move |i| if is_low(i) { lowest } else { highest + i % 7 }))
        };
        let told = |values: Vec<Option<f64>>| {
            let table = rows(400).numeric("x", values).unwrap();
            let personas = told(&table, &two(200, 200, 0), &default());
            personas.into_iter().map(|persona| persona.traits).collect::<Vec<_>>()
        };
        let none = told(column(0, 5));
        assert_eq!(none[0][0].sentence, "Low x: 9 in 10 have none (others 6 in 10).");
        assert_eq!(none[1], []);
        // Where the lowest is not 0, or some have less than most, nobody has none.
        assert!(told(column(3, 5)).iter().all(Vec::is_empty));
        let mut some_have_less = column(3, 5);
        (some_have_less[0], some_have_less[200]) = (Some(0.0), Some(0.0));
        assert!(told(some_have_less).iter().all(Vec::is_empty));
    }

    #[test]
    fn a_saying_tells_what_it_means_that_a_value_is_known() {
        let mut words = Vocabulary::default();
        let gaps = words.sayings.iter_mut().find(|saying| saying.names.contains("gap")).unwrap();
        gaps.known = Some("came back".into());
        let gap = (0..80).map(|i| (i > 39).then_some(f64::from(i % 7))).collect();
        let table = rows(80).numeric("gap_days", gap).unwrap();
        let rules = Describer { vocabulary: words, ..default() };
        let personas = told(&table, &two(40, 40, 0), &rules);
        assert_eq!(
            personas[0].traits[0].sentence,
            "Gap often unknown: unknown for 100% (others 0%)."
        );
        assert_eq!(personas[1].traits[0].sentence, "Came back: 100% (others 0%).");
        assert_eq!(personas[1].traits[0].phrase, "came back");
    }

    #[test]
    fn a_vocabulary_of_another_language_leaves_no_english_in_a_description() {
        let mut words = Vocabulary::default();
        for saying in &mut words.sayings {
            saying.high = format!("VIEL-{}", saying.high.len());
            saying.low = format!("WENIG-{}", saying.low.len());
        }
        for text in words.texts.values_mut() {
            // What stands outside the braces becomes X.
            let parts = text.split('{').map(|part| part.split_once('}'));
            let parts: Vec<String> = parts
                .map(|part| part.map_or("X".into(), |(name, _)| format!("{{{name}}}X")))
                .collect();
            *text = parts.concat();
        }
        let table = rows(80)
            .numeric("spend", numbers((0..80).map(|i| if i < 40 { i } else { 500 + i })))
            .and_then(|t| t.categorical("Q", texts((0..80).map(|i| ["A", "B"][i / 40]))))
            .and_then(|t| {
                t.numeric("Z", (0..80).map(|i| (i > 39).then_some(f64::from(i % 7))).collect())
            })
            .unwrap();
        let rules = Describer { vocabulary: words, ..default() };
        for persona in told(&table, &two(40, 40, 0), &rules) {
            let told = persona.traits.iter().map(|told| format!("{} {}", told.phrase, told.detail));
            let text: String = told.chain([persona.name, persona.sentences.concat()]).collect();
            let english = text.replace("spend", "").chars().any(|c| c.is_ascii_lowercase());
            assert!(!english, "{text}");
        }
    }
}
