//! Who a person is, how clearly, and which features say so.
//!
//! The reasons are exact: with `p` the point that placed row `x` and `q` the runner-up's, the
//! difference of squared distances ‖x − q‖² − ‖x − p‖² is a sum over columns, and the columns of
//! one feature are added. Positive parts speak for the persona, negative ones for the runner-up.
//!
//! The margin is 1 − ‖x − p‖ / ‖x − q‖, the simplified silhouette of the row (Vendramin et al.
//! 2010): 0 halfway between two personas, 1 at the centre of one.
//!
//! Cost: one pass over the reference points per row; memory one number per row and feature.

use std::borrow::Cow;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::card::Persona;
use super::model::{PersonaModel, Term};
use super::names::category;
use super::numbers::number;
use super::place::{Near, NearestGroups};
use super::sentences;
use super::vocabulary::Vocabulary;
use crate::features::Values;
use crate::num::check;
use crate::num::distance::squared;
use crate::num::group_means::group_means;
use crate::prepare::Matrix;
use crate::{FeatureTable, ProfileId, Result};

/// Where one person belongs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Match {
    /// The person; none if rows have numbers only.
    pub id: Option<ProfileId>,
    /// The persona, as an index into [`PersonaModel::personas`]; none for a person far from all.
    pub persona: Option<usize>,
    /// The persona that comes next; for a person in none, the nearest. None if there is no other.
    pub runner_up: Option<usize>,
    /// How clearly it is this persona and not the runner-up, in [0, 1]; 1 without a runner-up, 0
    /// without a persona.
    pub margin: f64,
}

/// A feature's part in why a person is in one persona and not in the runner-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contribution {
    /// The feature.
    pub feature: String,
    /// Its part of the difference of squared distances in the prepared matrix; positive for the
    /// persona, negative for the runner-up. The parts of all features add up to the difference.
    pub contribution: f64,
    /// The person's value, in words: `recency 12 days`.
    pub value: String,
}

/// Where every row of a table belongs, and why: a slice of matches in row order, with the reasons. It
/// borrows the model and the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches<'a> {
    model: &'a PersonaModel,
    /// The table as it was given, and with the columns of cohorts.
    pub(super) table: &'a FeatureTable,
    pub(super) complete: Cow<'a, FeatureTable>,
    pub(super) matrix: Matrix,
    places: Vec<NearestGroups>,
    matches: Vec<Match>,
}

impl Matches<'_> {
    /// Why a row is in its persona and not in the runner-up: one reason per feature, the weightiest
    /// first, whichever way it points. Empty for a row without persona or runner-up, and for a row
    /// that does not exist.
    pub fn reasons(&self, row: usize) -> Vec<Contribution> {
        self.weighed(row).iter().map(|weighed| self.reason(row, weighed)).collect()
    }

    /// A row's match in one text: its persona, the runner-up, and the three weightiest features
    /// with the person's value and the middles of both personas. Empty if there is no such row.
    ///
    /// ```text
    /// Big spenders rather than Small spenders (margin 0.82): spend 99 (here median 114.50, there
    /// median 14.50).
    /// ```
    pub fn explain(&self, row: usize) -> String {
        let Some(found) = self.get(row) else { return String::new() };
        let words = &self.model.rules.vocabulary;
        let persona = |index: Option<usize>| index.and_then(|i| self.model.personas.get(i));
        match (persona(found.persona), persona(found.runner_up)) {
            (None, None) => words.say("In no persona.", &[]),
            (None, Some(nearest)) => {
                words.say("In no persona; the nearest is {name}.", &[("name", &nearest.name)])
            }
            (Some(own), None) => {
                words.say("{name}; there is no other persona.", &[("name", &own.name)])
            }
            (Some(own), Some(other)) => {
                let weighed = self.weighed(row).into_iter().filter(|weighed| weighed.1 != 0.0);
                let reasons: Vec<String> = weighed
                    .take(3)
                    .map(|weighed| reason_in_words(words, &self.reason(row, &weighed), own, other))
                    .collect();
                let (margin, reasons) = (number(found.margin), reasons.join("; "));
                let parts = [
                    ("name", own.name.as_str()),
                    ("other", &other.name),
                    ("margin", &margin),
                    ("reasons", &reasons),
                ];
                words.say("{name} rather than {other} (margin {margin}): {reasons}.", &parts)
            }
        }
    }

    /// Whether the rows of both are those of the same table.
    pub(super) fn are_of_one_table(&self, other: &Self) -> bool {
        std::ptr::eq(self.table, other.table) || self.table == other.table
    }

    /// Per feature, its part of the runner-up's squared distance less the persona's; the weightiest
    /// first, of equals the earlier feature.
    fn weighed(&self, row: usize) -> Vec<(&Term, f64)> {
        let Some(NearestGroups { nearest: Some(own), second: Some(other), within: true }) =
            self.places.get(row)
        else {
            return Vec::new();
        };
        let cells = self.matrix.row(row);
        let own = self.model.rule.point(*own, cells.len());
        let other = self.model.rule.point(*other, cells.len());
        let mut parts: Vec<(&Term, f64)> = Vec::with_capacity(self.model.terms.len());
        for term in &self.model.terms {
            let part = term.columns.clone().map(|column| {
                let (to_other, to_own) =
                    (cells[column] - other[column], cells[column] - own[column]);
                to_other * to_other - to_own * to_own
            });
            parts.push((term, part.sum()));
        }
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        parts
    }

    fn reason(&self, row: usize, &(term, contribution): &(&Term, f64)) -> Contribution {
        // Most tables have their columns where the first one had them.
        let there =
            self.complete.columns().get(term.at).filter(|column| column.name == term.feature);
        let column = there.or_else(|| self.complete.column(&term.feature));
        let value =
            in_words(&self.model.rules.vocabulary, term, column.map(|column| &column.values), row);
        Contribution { feature: term.feature.clone(), contribution, value }
    }
}

impl Deref for Matches<'_> {
    type Target = [Match];

    /// The matches, in row order.
    fn deref(&self) -> &[Match] {
        &self.matches
    }
}

impl<'a> IntoIterator for &'a Matches<'_> {
    type Item = &'a Match;
    type IntoIter = std::slice::Iter<'a, Match>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn in_words(words: &Vocabulary, term: &Term, values: Option<&Values>, row: usize) -> String {
    let label = &term.label;
    let value = match values {
        Some(Values::Numeric(values)) => {
            let value = values.get(row).copied().flatten();
            value.map(|value| term.unit.measure(words, value))
        }
        Some(Values::Categorical(values)) => {
            let value = values.get(row).and_then(Option::as_ref);
            value.map(|value| category(words, value))
        }
        None => return label.clone(),
    };
    match value {
        Some(value) => words.say("{label} {value}", &[("label", label), ("value", &value)]),
        None => words.say("no {label} known", &[("label", label)]),
    }
}

impl PersonaModel {
    /// Places every row of a table by the rule of the grouping that was described; see
    /// [`Grouping`](super::Grouping). For the people who were described, the share placed in their own group is
    /// [`agreement`](super::Evidence::agreement): 1 for k-means.
    ///
    /// A table without rows has no matches.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) if the table lacks a column the model needs, or has it with
    /// another type; [`Error::MagnitudeTooLarge`](crate::Error::MagnitudeTooLarge) for a number too far out to be compared.
    ///
    /// ```
    /// # use personas::{FeatureTable, KMeans, PersonaModel, Preprocessor};
    /// # let spend: Vec<Option<f64>> = (0..60).map(|i| Some(f64::from(i / 30 * 100 + i % 30))).collect();
    /// # let table = FeatureTable::new(60).numeric("spend", spend)?;
    /// # let prep = Preprocessor::default().fit(&table)?;
    /// # let fit = KMeans::new(2).fit(&prep.transform(&table)?)?;
    /// let personas = personas::persona::Describer::default().describe(&table, &prep, &fit)?;
    ///
    /// let ann = FeatureTable::new(1).numeric("spend", vec![Some(99.0)])?;
    /// let matches = personas.assign(&ann)?;
    /// assert_eq!(matches[0].persona, Some(1));
    /// assert_eq!(personas.personas()[1].name, "Big spenders");
    /// assert_eq!(matches.reasons(0)[0].value, "spend 99");
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn assign<'a>(&'a self, table: &'a FeatureTable) -> Result<Matches<'a>> {
        let complete = self.with_cohorts(table)?;
        let matrix = self.prep.transform(&complete)?;
        let places = match table.n_rows() {
            0 => Vec::new(),
            _ => {
                let rows = check::rows((&matrix).into())?;
                self.rule.place_all(&rows, |place| place)
            }
        };
        let id = |row: usize| table.ids().get(row).copied();
        let matches =
            places.iter().enumerate().map(|(row, place)| found(id(row), *place)).collect();
        Ok(Matches { model: self, table, complete, matrix, places, matches })
    }

    /// The persona of every row of a table with the columns of cohorts, without margins and reasons.
    pub(super) fn placed(&self, table: &FeatureTable) -> Result<Vec<Option<usize>>> {
        let matrix = self.prep.transform(table)?;
        if table.n_rows() == 0 {
            return Ok(Vec::new());
        }
        Ok(self.rule.place_all(&check::rows((&matrix).into())?, NearestGroups::persona))
    }

    /// For each persona, the rows of up to `n` of its members in the table that lie nearest to its
    /// centre, the nearest first; ties go to the earlier row.
    ///
    /// The rows are *people*: treat the result as personal data, and never print it on a persona's card. Use it
    /// to look at single histories. A centre is the mean of the members in the table. Groups of any size are
    /// included.
    ///
    /// ```
    /// use personas::{FeatureTable, PersonaModel, persona::PersonaSettings};
    ///
    /// let visits = (0..40).map(|i| Some(if i < 20 { 1.0 } else { 60.0 } + (i % 5) as f64));
    /// let table = FeatureTable::new(40).numeric("visits", visits.collect())?;
    /// let settings = PersonaSettings { k: Some(2), ..PersonaSettings::default() };
    /// let model = PersonaModel::fit(&table, &settings)?;
    /// // The first two of those in the middle of each group.
    /// let typical = model.typical(&table, 2)?;
    /// assert_eq!(typical, [[2, 7], [22, 27]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`PersonaModel::assign`].
    pub fn typical(&self, table: &FeatureTable, n: usize) -> Result<Vec<Vec<usize>>> {
        let matches = self.assign(table)?;
        let placed: Vec<Option<usize>> = matches.iter().map(|found| found.persona).collect();
        if placed.is_empty() {
            return Ok(vec![Vec::new(); self.personas.len()]);
        }
        let rows = check::rows((&matches.matrix).into())?;
        let groups = placed.iter().copied();
        let means = group_means(rows.iter(), rows.n_columns(), groups, self.personas.len());
        let mut near: Vec<Vec<(f64, usize)>> = vec![Vec::new(); self.personas.len()];
        for (row, persona) in placed.iter().enumerate() {
            let Some(persona) = *persona else { continue };
            let mean = &means[persona * rows.n_columns()..(persona + 1) * rows.n_columns()];
            near[persona].push((squared(rows.row(row), mean), row));
        }
        Ok(near
            .into_iter()
            .map(|mut members| {
                members.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                members.iter().take(n).map(|&(_, row)| row).collect()
            })
            .collect())
    }
}

fn reason_in_words(
    words: &Vocabulary,
    reason: &Contribution,
    own: &Persona,
    other: &Persona,
) -> String {
    let center = |persona: &Persona| {
        let found = persona.centers.iter().find(|(feature, _)| *feature == reason.feature);
        found
            .and_then(|(feature, center)| Some(sentences::center(words, feature, center.as_ref()?)))
    };
    let mut text = reason.value.clone();
    if let (Some(own), Some(there)) = (center(own), center(other)) {
        let parts = [("value", &*text), ("own", &own), ("there", &there)];
        text = words.say("{value} (here {own}, there {there})", &parts);
    }
    match reason.contribution < 0.0 {
        true => words.say("{reason} speaks against it", &[("reason", &text)]),
        false => text,
    }
}

fn found(id: Option<ProfileId>, place: NearestGroups) -> Match {
    let persona = place.nearest.filter(|_| place.within);
    let margin = match (persona, place.second) {
        (None, _) => 0.0,
        (Some(_), None) => 1.0,
        // Equally far from both, and so halfway, even if both are at distance 0.
        (Some(own), Some(other)) if own.distance2 >= other.distance2 => 0.0,
        (Some(own), Some(other)) => 1.0 - (own.distance2 / other.distance2).sqrt(),
    };
    let runner_up = if persona.is_some() { place.second } else { place.nearest };
    let index = |near: Option<Near>| near.map(|near| near.persona);
    Match { id, persona: index(persona), runner_up: index(runner_up), margin }
}
