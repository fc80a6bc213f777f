//! A division of people that can be worked with where the data hold no groups of their own.
//!
//! A number of personas passes if each persona comes back on half-samples, has enough people, and can
//! be told apart in words: it has traits in a combination that no other persona has. Traits of mostly the same
//! people count once, so that columns which all say the same never pass; the reason says so. Groups of the data's
//! own need not pass. Of the numbers that pass, the largest whose last step accounts for clearly more of the
//! differences between people; if none passes, the one that fails least, with the reason.
//!
//! A half-sample has at most 1,000 people, each time drawn from everybody, by seeds that never change: what is
//! tried depends on the data alone.
//!
//! Source: criteria of Kotler (measurable, substantial, differentiable) and of Dolnicar, Grün, Leisch
//! 2018 (stable). Cost: per number of personas, one k-means of all people, one of each half-sample, and
//! a description.

use std::collections::BTreeSet;
use std::iter;

use super::card::{Persona, Trait};
use super::describe::{Used, described};
use super::evidence::CutCandidate;
use super::index::ColumnIndex;
use super::numbers::{people, percent};
use super::settings::PersonaSettings;
use crate::cluster::{KMeans, KMeansFit};
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::group_means::group_means;
use crate::validate::{KChoice, Structure, half_samples};
use crate::{Error, Labels, Result};

/// Most people of a half-sample.
const MOST_ROWS: usize = 1_000;
/// Starts of k-means on a half-sample.
const STARTS: usize = 4;
/// The seed with which a number of personas is chosen, whatever the caller's: one table has one answer.
pub(super) const CHOOSING: u64 = 0;
/// Half-samples are the same whatever the caller's seed.
const SEED: u64 = 0x5eed;

/// The cut for use.
pub(super) struct CutForUse {
    pub(super) fit: KMeansFit,
    /// Per persona, the mean Jaccard coefficient over half-samples.
    pub(super) stability: Vec<f64>,
    /// All that was tried.
    pub(super) candidates: Vec<CutCandidate>,
}

/// Looks for the cut for use.
pub(super) fn cut(
    rows: &Rows<'_>,
    index: &ColumnIndex<'_>,
    used: &Used,
    settings: &PersonaSettings,
) -> Result<CutForUse> {
    let total = total_variance(rows);
    let mut tried: Vec<(KMeansFit, Vec<f64>)> = Vec::new();
    let mut candidates: Vec<CutCandidate> = Vec::new();
    let mut before = 0.0;
    for k in 2..=settings.max_k {
        let fit = match KMeans::new(k).seed(CHOOSING).fit(rows.view()) {
            Err(Error::TooFewSamples { .. }) => break,
            fit => fit?,
        };
        let explained = if total > 0.0 { (1.0 - fit.inertia / total).max(0.0) } else { 0.0 };
        let stability = stability(rows, &fit.labels, k, settings.n_half_samples)?;
        let personas = described(index, &fit.labels, &settings.describer, used);
        let candidate = judged(
            k,
            explained,
            explained - before,
            &stability,
            &personas,
            rows.n_rows(),
            settings,
        );
        before = explained;
        tried.push((fit, stability));
        candidates.push(candidate);
    }
    let Some(best) = best(&candidates, settings) else {
        return Err(Error::TooFewSamples { what: "two personas", needed: 2, got: 1 });
    };
    let (fit, stability) = tried.swap_remove(best);
    Ok(CutForUse { fit, stability, candidates })
}

/// The place of the number of personas to take.
fn best(candidates: &[CutCandidate], settings: &PersonaSettings) -> Option<usize> {
    let passing = |c: &&CutCandidate| c.passes && c.k >= settings.min_k;
    let steps = candidates.iter().filter(passing).filter(|c| c.gain >= settings.min_gain);
    let chosen = steps
        .max_by_key(|c| c.k)
        .or_else(|| candidates.iter().find(passing))
        .or_else(|| candidates.iter().find(|c| c.passes))
        .or_else(|| {
            // Personas that are too small help nobody; then the fewest failures; of equals the more
            // stable one, then the smaller.
            let least = settings.describer.least();
            let worse =
                |c: &CutCandidate| (c.smallest < least, c.k < settings.min_k, c.failed.len());
            candidates.iter().min_by(|a, b| {
                worse(a).cmp(&worse(b)).then_with(|| b.stability.total_cmp(&a.stability))
            })
        })?;
    candidates.iter().position(|c| c.k == chosen.k)
}

/// A division that is finer than the groups the data hold and passes all criteria, in a sentence; none if
/// there is none.
fn finer(candidates: &[CutCandidate], settings: &PersonaSettings) -> Option<String> {
    let finer =
        |c: &&CutCandidate| c.passes && c.k >= settings.min_k && c.gain >= settings.min_gain;
    let found = candidates.iter().filter(finer).max_by_key(|c| c.k)?;
    let words = &settings.describer.vocabulary;
    let parts = [("k", &*found.k.to_string()), ("share", &percent(words, found.explained))];
    Some(words.say(
        "A finer, practical division into {k} passes all criteria and accounts for {share} of the differences \
         between people; set k to {k} to have it.",
        &parts,
    ))
}

fn judged(
    k: usize,
    explained: f64,
    gain: f64,
    stability: &[f64],
    personas: &[Persona],
    n_people: usize,
    settings: &PersonaSettings,
) -> CutCandidate {
    let least = stability.iter().copied().fold(1.0, f64::min);
    let smallest = personas.iter().map(|persona| persona.size).min().unwrap_or(0);
    let share = (settings.min_share * n_people as f64).ceil() as usize;
    let needed = settings.min_size.max(share);
    let n_sayable = sayable(personas, settings.min_traits);
    let words = &settings.describer.vocabulary;
    let mut failed = Vec::new();
    if least < settings.min_stability {
        let (share, needed) = (percent(words, least), percent(words, settings.min_stability));
        // Rounded, both may read the same.
        let template = match share == needed {
            true => {
                "a little less than the needed {needed} of the least stable persona is found again"
            }
            false => "only {share} of the least stable persona is found again, needed {needed}",
        };
        failed.push(words.say(template, &[("share", &share), ("needed", &needed)]));
    }
    if smallest < needed {
        // Of a group that is not described, not even its size is told.
        let (n, template) = match smallest < settings.describer.least() {
            true => (
                settings.describer.least(),
                "the smallest persona has fewer than {people}, needed {needed}",
            ),
            false => (smallest, "the smallest persona has {people}, needed {needed}"),
        };
        let parts = [("people", &*people(words, n)), ("needed", &needed.to_string())];
        failed.push(words.say(template, &parts));
    }
    if n_sayable < personas.len() {
        let n = personas.len() - n_sayable;
        let template = match n {
            // Columns that all say the same tell one thing of everybody.
            _ if settings.min_traits > 1 && is_one_trait(personas) => {
                "the personas differ in one trait only, and each needs {traits}"
            }
            1 => {
                "{n} of {k} personas has fewer than {traits} traits that set them apart from every other \
                 persona"
            }
            _ => {
                "{n} of {k} personas have fewer than {traits} traits that set them apart from every other \
                 persona"
            }
        };
        let (n, k, traits) = (n.to_string(), k.to_string(), settings.min_traits.to_string());
        failed.push(words.say(template, &[("n", &n), ("k", &k), ("traits", &traits)]));
    }
    let passes = failed.is_empty();
    CutCandidate { k, explained, gain, stability: least, smallest, n_sayable, passes, failed }
}

/// Whether one feature alone tells of the personas.
fn is_one_trait(personas: &[Persona]) -> bool {
    let mut features = personas.iter().flat_map(|of| &of.traits).map(|told| &told.feature);
    let first = features.next();
    personas.iter().all(|of| of.traits.len() < 2)
        && first.is_some()
        && features.all(|f| Some(f) == first)
}

/// Personas with so many traits that no other persona has all of them.
fn sayable(personas: &[Persona], n_traits: usize) -> usize {
    let key = |told: &Trait| (told.feature.clone(), told.phrase.clone());
    let traits: Vec<BTreeSet<_>> =
        personas.iter().map(|persona| persona.traits.iter().map(key).collect()).collect();
    let is_own = |at: usize| {
        traits[at].len() >= n_traits
            && traits
                .iter()
                .enumerate()
                .all(|(other, held)| other == at || !traits[at].is_subset(held))
    };
    (0..traits.len()).filter(|&at| is_own(at)).count()
}

/// Per cluster, the mean Jaccard coefficient over half-samples.
pub(super) fn stability(
    rows: &Rows<'_>,
    labels: &Labels,
    k: usize,
    n_samples: usize,
) -> Result<Vec<f64>> {
    let found =
        half_samples(rows, labels, (n_samples, MOST_ROWS), SEED, |sample| {
            match KMeans::new(k).n_init(STARTS).fit(sample) {
                Err(Error::TooFewSamples { got, .. }) if got > 0 => {
                    Ok(KMeans::new(got).fit(sample)?.labels)
                }
                fit => Ok(fit?.labels),
            }
        })?;
    Ok(found.per_cluster.iter().map(|cluster| cluster.mean_jaccard).collect())
}

/// The sum of squared distances to the mean of all rows.
fn total_variance(rows: &Rows<'_>) -> f64 {
    let centre = group_means(rows.iter(), rows.n_columns(), iter::repeat(Some(0)), 1);
    rows.iter().map(|row| squared(row, &centre)).sum()
}

/// How the number of personas came about.
#[derive(Debug, Clone, Copy)]
pub(super) enum NumberSource {
    Given,
    /// They are the groups of the data.
    Natural,
    Cut,
}

/// What was chosen and why, in plain words.
pub(super) fn reason(
    how: NumberSource,
    groups: &KChoice,
    candidates: &[CutCandidate],
    k: usize,
    settings: &PersonaSettings,
) -> String {
    let words = &settings.describer.vocabulary;
    let found = || groups.sentences().into_iter().map(|sentence| words.say_sentence(&sentence));
    let sentences: Vec<String> = match how {
        NumberSource::Given => {
            let given = words.say("The number of personas was given.", &[]);
            std::iter::once(given).chain(found()).collect()
        }
        NumberSource::Natural => found().chain(finer(candidates, settings)).collect(),
        NumberSource::Cut => of_cut(groups, candidates, k, settings),
    };
    sentences.join(" ")
}

fn of_cut(
    groups: &KChoice,
    candidates: &[CutCandidate],
    k: usize,
    settings: &PersonaSettings,
) -> Vec<String> {
    let Some(chosen) = candidates.iter().find(|c| c.k == k) else { return Vec::new() };
    let words = &settings.describer.vocabulary;
    let (min, max) = (settings.min_k.to_string(), settings.max_k.to_string());
    let finding = match groups.structure {
        Structure::Natural => {
            let (k, people) = (groups.k.to_string(), people(words, settings.describer.least()));
            let parts = [("k", &*k), ("people", &people)];
            Some(words.say("The data hold {k} groups, but some have fewer than {people}.", &parts))
        }
        Structure::Borderline => groups.finding().map(|found| words.say_sentence(&found)),
        _ => {
            Some(words.say("The data hold no groups of their own; people differ by degrees.", &[]))
        }
    };
    let (k_text, explained) = (k.to_string(), percent(words, chosen.explained));
    let division = words.say(
        "The {k} personas are a practical division, which accounts for {share} of the differences between \
         people.",
        &[("k", &k_text), ("share", &explained)],
    );
    let (failed, gain) = (chosen.failed.join("; "), percent(words, settings.min_gain));
    let parts = [("min", &*min), ("max", &max), ("failed", &failed), ("share", &gain)];
    let why = if !chosen.passes {
        "No division in {min} to {max} passes all criteria; this one fails least: {failed}."
    } else if k < settings.min_k {
        "No division in {min} to {max} passes all criteria; this one does."
    } else if chosen.gain >= settings.min_gain {
        "Of those that pass all criteria, it is the largest whose last persona adds at least {share}."
    } else {
        "It is the smallest that passes all criteria; further personas add little."
    };
    finding.into_iter().chain([division, words.say(why, &parts)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::thresholds::Describer;
    use super::*;

    fn candidate(k: usize, passes: bool, gain: f64, stability: f64) -> CutCandidate {
        CutCandidate {
            k,
            explained: 0.5,
            gain,
            stability,
            smallest: 50,
            n_sayable: k,
            passes,
            failed: if passes { vec![] } else { vec!["one thing".into()] },
        }
    }

    fn chosen(candidates: &[CutCandidate]) -> usize {
        candidates[best(candidates, &PersonaSettings::default()).unwrap()].k
    }

    #[test]
    fn the_largest_passing_number_whose_last_step_adds_enough_is_taken() {
        let all = [
            candidate(2, true, 0.4, 0.9),
            candidate(3, true, 0.1, 0.9),
            candidate(4, true, 0.05, 0.8),
            candidate(5, true, 0.02, 0.9),
            candidate(6, false, 0.05, 0.9),
        ];
        assert_eq!(chosen(&all), 4);
        // Where no step adds enough, the smallest that passes.
        assert_eq!(chosen(&[candidate(3, true, 0.02, 0.9), candidate(4, true, 0.01, 0.9)]), 3);
    }

    #[test]
    fn two_are_taken_only_if_nothing_else_passes_and_the_least_failure_if_nothing_does() {
        let none = candidate(3, false, 0.1, 0.7);
        assert_eq!(chosen(&[candidate(2, true, 0.4, 0.9), none.clone()]), 2);
        assert_eq!(chosen(&[candidate(2, false, 0.4, 0.9), none.clone()]), 3);
        let stabler = candidate(4, false, 0.1, 0.75);
        assert_eq!(chosen(&[candidate(2, false, 0.4, 0.9), none, stabler]), 4);
        assert_eq!(best(&[], &PersonaSettings::default()), None);
    }

    #[test]
    fn the_size_of_a_group_too_small_to_be_described_is_not_told() {
        let failed = |size: usize, min_size: usize| {
            let persona = |size| Persona { size, ..Persona::empty("a".into()) };
            let personas = [persona(100), persona(size)];
            let describer = Describer { min_size: 20, ..Describer::default() };
            let settings = PersonaSettings {
                min_size,
                min_traits: 0,
                describer,
                ..PersonaSettings::default()
            };
            let failed = judged(2, 0.5, 0.5, &[0.9, 0.9], &personas, 120, &settings).failed;
            failed.into_iter().filter(|why| why.contains("smallest")).collect::<Vec<_>>()
        };
        let fewer = "the smallest persona has fewer than 20 people, needed 30";
        assert_eq!(failed(19, 30), [fewer]);
        assert_eq!(failed(3, 30), [fewer]);
        assert_eq!(failed(20, 30), ["the smallest persona has 20 people, needed 30"]);
        assert_eq!(failed(29, 30), ["the smallest persona has 29 people, needed 30"]);
        assert!(failed(30, 30).is_empty());
    }
}
