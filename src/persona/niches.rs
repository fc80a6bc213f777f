//! Niches: small groups inside a persona that come back and differ strongly from the rest of it.
//!
//! The search is that of [`Agglomerative::niches`] in the prepared matrix of each persona's people; what
//! is found is described against the rest of the persona by the same rules as personas, the smallest
//! described size included.
//!
//! Of a persona of more than 2,000 people as many are drawn at random, and everybody else goes where the
//! nearest of them is: what is described and counted are all people of the persona. A niche needs the smallest
//! described size among those who were drawn.
//!
//! Cost: 21 trees of average linkage per persona, of at most 2,000 people each, and a nearest neighbour for
//! everybody else.

use serde::{Deserialize, Serialize};

use super::card::Persona;
use super::describe::{Used, described};
use super::index::ColumnIndex;
use super::model::PersonaModel;
use super::place::nearest_of;
use crate::cluster::{Agglomerative, Linkage};
use crate::num::check;
use crate::num::rng::Stream;
use crate::{FeatureTable, Labels, Result};

/// Most people of a persona that are looked through.
const MOST_ROWS: usize = 2_000;

/// A small group inside a persona; what [`PersonaModel::niches`] returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PersonaNiche {
    /// The persona, as an index into [`PersonaModel::personas`].
    pub persona: usize,
    /// The niche against the rest of the persona; shares are of the persona's people.
    pub card: Persona,
    /// The rows of its people in the table, ascending. These are people: keep them where personal data
    /// may be.
    pub rows: Vec<usize>,
    /// How far it lies from everybody else, in [0.5, 1].
    pub separation: f64,
    /// How well it comes back in resamples, in [0, 1].
    pub stability: f64,
}

impl PersonaModel {
    /// Small groups inside the personas that differ strongly from the rest of their persona and come
    /// back in resamples; the best separated of each persona first. Often there are none.
    ///
    /// ```
    /// use personas::persona::PersonaSettings;
    /// use personas::{FeatureTable, PersonaModel};
    ///
    /// // Two hundred people, of whom thirty spend alike but return nearly everything.
    /// let spend = (0..200).map(|i| Some((i * 37 % 101) as f64)).collect();
    /// let returns = (0..200).map(|i| Some(if i < 30 { 90.0 } else { 0.0 } + (i * 17 % 11) as f64));
    /// let table = FeatureTable::new(200).numeric("spend", spend)?.numeric("returns", returns.collect())?;
    /// let settings = PersonaSettings { k: Some(1), ..PersonaSettings::default() };
    /// let model = PersonaModel::fit(&table, &settings)?;
    ///
    /// let niches = model.niches(&table, 0)?;
    /// assert_eq!((niches[0].rows.len(), niches[0].card.name.as_str()), (30, "Many returns"));
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`assign`](Self::assign) for the table.
    pub fn niches(&self, table: &FeatureTable, seed: u64) -> Result<Vec<PersonaNiche>> {
        let matches = self.assign(table)?;
        let placed: Vec<Option<usize>> = matches.iter().map(|found| found.persona).collect();
        let x = check::rows((&matches.matrix).into())?;
        let least = self.rules.least().max(2);
        let method = Agglomerative::new(Linkage::Average);
        let mut niches = Vec::new();
        for persona in 0..self.personas.len() {
            let all: Vec<usize> =
                (0..placed.len()).filter(|&row| placed[row] == Some(persona)).collect();
            let drawn = Stream::new(seed, persona as u64).rows(all.len(), MOST_ROWS);
            // A niche holds a quarter of its parent at most.
            if drawn.len() < 4 * least {
                continue;
            }
            let people = x.select(&all);
            let near = people.select(&drawn);
            let tree = method.fit(near.view())?;
            let found = method.niches(near.view(), &tree, least, seed)?;
            if found.is_empty() {
                continue;
            }
            // Whom of those drawn everybody goes with.
            let with = nearest_of(near.data().to_vec(), &people);
            let table = matches.complete.select(&all)?;
            let index = ColumnIndex::new(&table)?;
            for found in found {
                let mut is_in = vec![false; drawn.len()];
                found.rows.iter().for_each(|&row| is_in[row] = true);
                let is_member = |at: usize| with[at].is_some_and(|(nearest, _)| is_in[nearest]);
                let label = |at: usize| is_member(at).then_some(0);
                let labels = Labels::new((0..all.len()).map(label))?;
                let mut told = described(&index, &labels, &self.rules, &Used::by(&self.prep));
                niches.push(PersonaNiche {
                    persona,
                    card: told.swap_remove(0),
                    rows: labels.rows_of(0).into_iter().map(|at| all[at]).collect(),
                    separation: found.separation,
                    stability: found.stability,
                });
            }
        }
        Ok(niches)
    }
}
