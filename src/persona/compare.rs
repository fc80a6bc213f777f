//! Hand-made personas against real people and against the personas in the data.
//!
//! Asked of every declared persona: how many people fit it, rule by rule and in full (the share
//! falls fast as rules are added: Chapman et al. 2008); which data persona is nearest, by the
//! Jaccard overlap of the people; and which rules most of that persona's members break. Asked of
//! all: which data personas nobody declared, which declared ones are the same people, and how many
//! people fit none.
//!
//! Cost: rows · rules, and one look at every row per pair of declared personas.

use serde::{Deserialize, Serialize};

use super::card::Persona;
use super::declared::{BoundRule, DeclaredPersona};
use super::describe::{Used, described};
use super::index::ColumnIndex;
use super::model::PersonaModel;
use super::numbers::{capitalised, percent};
use super::sentences;
use super::vocabulary::Vocabulary;
use crate::{FeatureTable, Labels, Result};

/// A rule is contradicted, and a data persona is not covered, if fewer than this share fit.
const MOST: f64 = 0.5;
/// Share of a declared persona's people that makes a data persona one of its parts.
const PART: f64 = 0.3;

/// How the people of a table fit declared personas; returned by [`PersonaModel::compare`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// One per declared persona, in the order given.
    pub declared: Vec<DeclaredMatch>,
    /// Number of people who fit two declared personas in full, by row and column; on the diagonal, one persona.
    pub shared: Vec<Vec<usize>>,
    /// Per data persona, the share of its members who fit at least one declared persona in full;
    /// 0 without members in the table.
    pub covered: Vec<f64>,
    /// The data personas that nobody declared: fewer than half of their members fit any.
    pub uncovered: Vec<usize>,
    /// The same as personas that you can declare: one rule per trait. None for a persona without traits.
    pub discovered: Vec<DeclaredPersona>,
    /// People who fit no declared persona in full.
    pub n_unmatched: usize,
    /// People compared.
    pub n_rows: usize,
}

/// How the people of a table fit one declared persona.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeclaredMatch {
    /// Its name.
    pub name: String,
    /// Whether the data confirm it.
    pub verdict: DeclaredVerdict,
    /// People who fit every rule.
    pub n_full: usize,
    /// What else sets them apart, in words; none for fewer people than the smallest described size.
    pub card: Option<Persona>,
    /// Its rules, in their order.
    pub rules: Vec<RuleMatch>,
    /// The weighted share of rules that each row of the table fits, in [0, 1].
    pub scores: Vec<f64>,
    /// The mean of the scores; 0 without people.
    pub mean_score: f64,
    /// People who fit every rule, by data persona.
    pub in_personas: Vec<usize>,
    /// People who fit every rule and are in no data persona.
    pub in_none: usize,
    /// The nearest data persona, as an index into [`PersonaModel::personas`]; none if none has members in
    /// the table. If no persona shares anyone, the one whose members fit the most rules, by weight.
    pub nearest: Option<usize>,
    /// The people who fit in full and are in the nearest persona, over those who do either; in [0, 1].
    pub jaccard: f64,
    /// The rules that fewer than half of the nearest persona's members fit, in words with its numbers.
    pub contradictions: Vec<String>,
}

/// Whether the data confirm a declared persona.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeclaredVerdict {
    /// It is one of the data's personas: they share at least half of the people in either.
    Confirmed,
    /// Its people are in two or more personas of the data, at least three in ten of them in each. If these are
    /// most of the members of each, it is split even where it shares half of the people with one of them.
    Split,
    /// Its people are not a persona of the data, nor of a few.
    Blurred,
    /// Fewer people than the smallest described size fit it in full.
    Absent,
}

/// How people fit one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleMatch {
    /// The feature.
    pub feature: String,
    /// The rule in words: `frequency at least 10`.
    pub rule: String,
    /// Its weight.
    pub weight: f64,
    /// People with a value.
    pub n_known: usize,
    /// People who fit it.
    pub n_fitting: usize,
    /// People who fit it and all rules before it.
    pub n_so_far: usize,
    /// Share of the nearest persona's members with a value who fit it; 0 if none has one.
    pub share_in_nearest: f64,
}

/// The data persona nearest to a declared one.
struct NearestPersona {
    persona: usize,
    jaccard: f64,
    /// The members' mean weighted share of fitting rules.
    score: f64,
}

/// How every row fits a declared persona.
struct RuleFits {
    full: Vec<bool>,
    scores: Vec<f64>,
    rules: Vec<RuleMatch>,
}

impl PersonaModel {
    /// Compares declared personas with the people of a table and with the personas in the data. If nothing is
    /// declared, everyone is unmatched. Contradictions are reported only for personas that have at least
    /// [`Describer::min_size`](super::Describer) members, and as many with a value.
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) for a rule on a feature that the table
    /// lacks or has with another type, for an empty range, a bound that is not finite, a
    /// weight that is not above 0, or no rules; and those of [`PersonaModel::assign`].
    ///
    /// ```
    /// # use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};
    /// use personas::features::Condition;
    /// use personas::persona::DeclaredPersona;
    ///
    /// # let spend: Vec<Option<f64>> = (0..60).map(|i| Some(f64::from(i / 30 * 100 + i % 30))).collect();
    /// # let table = FeatureTable::new(60).numeric("spend", spend)?;
    /// # let prep = Preprocessor::default().fit(&table)?;
    /// # let fit = KMeans::new(2).fit(&prep.transform(&table)?)?;
    /// let personas = personas::persona::Describer::default().describe(&table, &prep, &fit)?;
    /// let gold = DeclaredPersona::from(("Gold", [("spend", Condition::AtLeast(125.0))]));
    /// let comparison = personas.compare(&[gold], &table)?;
    ///
    /// let gold = &comparison.declared[0];
    /// assert_eq!(gold.n_full, 5);
    /// assert_eq!(
    ///     gold.contradictions[0],
    ///     "Spend at least 125: fits 17% of Big spenders (median 114.50)."
    /// );
    /// assert_eq!(comparison.uncovered, [0, 1]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn compare(
        &self,
        declared: &[DeclaredPersona],
        table: &FeatureTable,
    ) -> Result<Comparison> {
        let table = &*self.with_cohorts(table)?;
        let bound: Vec<Vec<BoundRule<'_>>> =
            declared.iter().map(|persona| persona.bind(table)).collect::<Result<_>>()?;
        let placed = self.placed(table)?;
        let mut members = vec![0usize; self.personas.len()];
        placed.iter().flatten().for_each(|&persona| members[persona] += 1);
        let fits: Vec<RuleFits> =
            bound.iter().map(|rules| fits(rules, table.n_rows(), &self.rules.vocabulary)).collect();
        let matched: Vec<bool> =
            (0..table.n_rows()).map(|row| fits.iter().any(|fits| fits.full[row])).collect();
        let covered = count(&matched, &placed, members.len()).0;
        let covered: Vec<f64> = covered.iter().zip(&members).map(|(&k, &n)| share(k, n)).collect();
        let shared = shared(&fits);
        let index = ColumnIndex::new(table)?;
        let declared = declared.iter().zip(&bound).zip(fits);
        let matches = declared.map(|((persona, rules), fits)| {
            let card = self.card(&index, &persona.name, &fits.full)?;
            Ok(DeclaredMatch {
                card,
                ..self.declared_match(&persona.name, rules, fits, &placed, &members)
            })
        });
        let uncovered: Vec<usize> =
            (0..covered.len()).filter(|&persona| covered[persona] < MOST).collect();
        let discovered = uncovered.iter().map(|&at| DeclaredPersona::of(&self.personas[at]));
        Ok(Comparison {
            declared: matches.collect::<Result<_>>()?,
            shared,
            discovered: discovered.filter(|persona| !persona.rules.is_empty()).collect(),
            uncovered,
            covered,
            n_unmatched: matched.iter().filter(|&&matched| !matched).count(),
            n_rows: table.n_rows(),
        })
    }

    /// The people of a declared persona in words, under its name.
    fn card(&self, index: &ColumnIndex<'_>, name: &str, full: &[bool]) -> Result<Option<Persona>> {
        let labels = Labels::new(full.iter().map(|&full| full.then_some(0)))?;
        let found = described(index, &labels, &self.rules, &Used::by(&self.prep));
        let large = found.into_iter().next().filter(|card| card.size >= self.rules.least());
        Ok(large.map(|card| Persona { name: name.to_owned(), ..card }))
    }

    fn declared_match(
        &self,
        name: &str,
        rules: &[BoundRule<'_>],
        fits: RuleFits,
        placed: &[Option<usize>],
        members: &[usize],
    ) -> DeclaredMatch {
        let n_full = fits.full.iter().filter(|&&full| full).count();
        let (in_personas, in_none) = count(&fits.full, placed, members.len());
        let mut scores = vec![0.0; members.len()];
        for (&score, persona) in fits.scores.iter().zip(placed) {
            if let Some(persona) = *persona {
                scores[persona] += score;
            }
        }
        let nearest = (0..members.len())
            .filter(|&persona| members[persona] > 0)
            .map(|persona| {
                let n_shared = in_personas[persona];
                let jaccard = share(n_shared, n_full + members[persona] - n_shared);
                let score = scores[persona] / members[persona] as f64;
                NearestPersona { persona, jaccard, score }
            })
            // The last of equals wins, hence from the end.
            .rev()
            .max_by(|a, b| a.jaccard.total_cmp(&b.jaccard).then(a.score.total_cmp(&b.score)));
        let mut rule_matches = fits.rules;
        let mut contradictions = Vec::new();
        if let Some(nearest) = &nearest {
            for (rule, matched) in rules.iter().zip(&mut rule_matches) {
                let (share, sentence) = self.in_persona(rule, nearest.persona, placed);
                matched.share_in_nearest = share;
                contradictions.extend(sentence);
            }
        }
        let n = fits.scores.len().max(1) as f64;
        DeclaredMatch {
            name: name.to_owned(),
            verdict: self.verdict(n_full, &in_personas, members, nearest.as_ref()),
            n_full,
            card: None,
            rules: rule_matches,
            mean_score: fits.scores.iter().sum::<f64>() / n,
            scores: fits.scores,
            in_personas,
            in_none,
            jaccard: nearest.as_ref().map_or(0.0, |nearest| nearest.jaccard),
            nearest: nearest.map(|nearest| nearest.persona),
            contradictions,
        }
    }

    fn verdict(
        &self,
        n_full: usize,
        in_personas: &[usize],
        members: &[usize],
        nearest: Option<&NearestPersona>,
    ) -> DeclaredVerdict {
        let is_large = |n: usize| share(n, n_full) >= PART;
        let large = in_personas.iter().filter(|&&n| is_large(n)).count();
        let counts = in_personas.iter().zip(members);
        let nearly_whole =
            counts.filter(|&(&n, &all)| is_large(n) && share(n, all) >= MOST).count();
        if n_full < self.rules.least() {
            DeclaredVerdict::Absent
        } else if nearly_whole > 1 {
            DeclaredVerdict::Split
        } else if nearest.is_some_and(|nearest| nearest.jaccard >= MOST) {
            DeclaredVerdict::Confirmed
        } else if large > 1 {
            DeclaredVerdict::Split
        } else {
            DeclaredVerdict::Blurred
        }
    }

    /// The share of a persona's members with a value who fit a rule, and what is to be said if most
    /// break it.
    fn in_persona(
        &self,
        rule: &BoundRule<'_>,
        persona: usize,
        placed: &[Option<usize>],
    ) -> (f64, Option<String>) {
        let (mut n_known, mut n_fitting) = (0usize, 0usize);
        for row in (0..placed.len()).filter(|&row| placed[row] == Some(persona)) {
            if let Some(fits) = rule.fits(row) {
                n_known += 1;
                n_fitting += usize::from(fits);
            }
        }
        let share = share(n_fitting, n_known);
        if n_known < self.rules.least() || share >= MOST {
            return (share, None);
        }
        let persona = &self.personas[persona];
        let words = &self.rules.vocabulary;
        let found = persona.centers.iter().find(|(feature, _)| *feature == rule.rule.feature);
        let middle = match found {
            Some((feature, Some(center))) => {
                format!(" ({})", sentences::center(words, feature, center))
            }
            _ => String::new(),
        };
        let (rule, fitting) = (capitalised(&rule.in_words(words)), percent(words, share));
        let parts = [
            ("rule", rule.as_str()),
            ("share", &fitting),
            ("name", &persona.name),
            ("middle", &middle),
        ];
        (share, Some(words.say("{rule}: fits {share} of {name}{middle}.", &parts)))
    }
}

/// How every row fits the rules.
fn fits(rules: &[BoundRule<'_>], n_rows: usize, words: &Vocabulary) -> RuleFits {
    let mut full = vec![true; n_rows];
    let mut scores = vec![0.0; n_rows];
    let mut matches = Vec::with_capacity(rules.len());
    for rule in rules {
        let (mut n_known, mut n_fitting, mut n_so_far) = (0, 0, 0);
        for (row, (full, score)) in full.iter_mut().zip(&mut scores).enumerate() {
            let fits = rule.fits(row);
            n_known += usize::from(fits.is_some());
            let fits = fits == Some(true);
            *full &= fits;
            n_fitting += usize::from(fits);
            n_so_far += usize::from(*full);
            *score += if fits { rule.rule.weight } else { 0.0 };
        }
        matches.push(RuleMatch {
            feature: rule.rule.feature.to_owned(),
            rule: rule.in_words(words),
            weight: rule.rule.weight,
            n_known,
            n_fitting,
            n_so_far,
            share_in_nearest: 0.0,
        });
    }
    // In the same order as a full score, so that fitting everything is exactly 1.
    let total = rules.iter().fold(0.0, |sum, rule| sum + rule.rule.weight);
    scores.iter_mut().for_each(|score| *score /= total);
    RuleFits { full, scores, rules: matches }
}

/// How many of those for whom it is true are in each persona, and in none.
fn count(fits: &[bool], placed: &[Option<usize>], n_personas: usize) -> (Vec<usize>, usize) {
    let (mut inside, mut outside) = (vec![0; n_personas], 0);
    for (_, persona) in fits.iter().zip(placed).filter(|(fits, _)| **fits) {
        match *persona {
            Some(persona) => inside[persona] += 1,
            None => outside += 1,
        }
    }
    (inside, outside)
}

/// People who fit two declared personas in full, by both.
fn shared(fits: &[RuleFits]) -> Vec<Vec<usize>> {
    let both =
        |a: &RuleFits, b: &RuleFits| a.full.iter().zip(&b.full).filter(|&(&a, &b)| a && b).count();
    fits.iter().map(|a| fits.iter().map(|b| both(a, b)).collect()).collect()
}

fn share(k: usize, n: usize) -> f64 {
    if n == 0 { 0.0 } else { k as f64 / n as f64 }
}
