//! What became of personas when they were made again: who survived, split, merged, vanished, appeared.
//!
//! People who are known at both times are counted in a matrix of moves. A pair of personas is the same if
//! the best one-to-one matching by the Jaccard coefficient pairs them, and they share at least half of the
//! people in either, or of each. What is not paired is told by where its people went and came from.
//!
//! Sources: Hungarian matching (Kuhn 1955); transitions as in MONIC (Spiliopoulou et al. 2006), with
//! thresholds of 0.5 for survival and 0.2 for a part. Cost: one look at every person, k³ for k personas.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::assign::Matches;
use super::model::PersonaModel;
use crate::num::assignment;
use crate::{Error, ProfileId, Result};

/// Share of people from which on two personas are one.
const SAME: f64 = 0.5;
/// Share of a persona's people that makes another one of its parts or sources.
const PART: f64 = 0.2;
/// Fewest people known at both times, as a number and as a share of the fewer.
const FEWEST: usize = 20;
const FEWEST_SHARE: f64 = 0.3;

/// What became of the personas of an earlier model; see [`PersonaModel::lineage`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lineage {
    /// Per earlier persona.
    pub earlier: Vec<Fate>,
    /// For each persona of this model, the earlier personas it comes from. This is the one that survived, whose
    /// name and number it should keep; otherwise, those that at least a fifth of its people each come from. It
    /// is empty if most people are new.
    pub later: Vec<Vec<usize>>,
    /// People by earlier persona (rows) and persona of this model (columns); the last row and column are
    /// of people in none.
    pub moves: Vec<Vec<usize>>,
    /// People known at both times.
    pub n_shared: usize,
    /// Whether these are enough people to compare: at least 20, and three in ten of the fewer people. If
    /// not, every persona is told as vanished or new.
    pub is_known: bool,
}

/// What became of an earlier persona.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Fate {
    /// It is this persona still.
    Survived(usize),
    /// At least a fifth of its people each are in these, and together at least half.
    Split(Vec<usize>),
    /// At least half of its people are in this persona, which continues another persona or has other people
    /// as well.
    Merged(usize),
    /// It has no successor.
    Vanished,
}

impl PersonaModel {
    /// Compares this model's personas with those of an earlier one, by the people who are placed by both:
    /// those of the same profile id or, where both models place one table without ids, of the same row.
    ///
    /// Place the people of each time by the model of that time to see how people and model changed
    /// together; place the same table by both to see how the model changed.
    ///
    /// ```
    /// use personas::persona::{Fate, PersonaModel, PersonaSettings};
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// for person in 0..60i64 {
    ///     for day in 0..if person < 30 { 3 } else { 30 } {
    ///         let at = Timestamp::from_millis(1_700_000_000_000 + (day * 7 + person % 5) * 86_400_000);
    ///         let event = Event::new("purchase", at).id("card", format!("card {person}"));
    ///         people.observe(&event.property("amount", 10.0 + person as f64))?;
    ///     }
    /// }
    /// let table = people.features(Timestamp::from_millis(1_720_000_000_000))?;
    /// let settings = PersonaSettings { k: Some(2), ..PersonaSettings::default() };
    /// let (old, new) = (PersonaModel::fit(&table, &settings)?, PersonaModel::fit(&table, &settings)?);
    /// let lineage = new.lineage(&new.assign(&table)?, &old, &old.assign(&table)?)?;
    /// assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Survived(1)]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for matches of two tables without profile ids, or with personas that the
    /// model lacks.
    pub fn lineage(
        &self,
        matches: &Matches<'_>,
        earlier: &Self,
        earlier_matches: &Matches<'_>,
    ) -> Result<Lineage> {
        let is_one_table = matches.are_of_one_table(earlier_matches);
        let before =
            placed("earlier_matches", earlier_matches, earlier.personas.len(), is_one_table)?;
        let now = placed("matches", matches, self.personas.len(), is_one_table)?;
        let (n_old, n_new) = (earlier.personas.len(), self.personas.len());
        let mut moves = vec![vec![0usize; n_new + 1]; n_old + 1];
        let mut n_shared = 0;
        for (id, old) in &before.1 {
            if let Some(new) = now.0.get(id) {
                moves[old.unwrap_or(n_old)][new.unwrap_or(n_new)] += 1;
                n_shared += 1;
            }
        }
        let fewer = before.1.len().min(now.1.len());
        let is_known = n_shared >= FEWEST && n_shared as f64 >= FEWEST_SHARE * fewer as f64;
        let (earlier, later) = told(&moves, n_old, n_new, is_known);
        Ok(Lineage { earlier, later, moves, n_shared, is_known })
    }
}

/// What one and the same person is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PersonKey {
    Id(ProfileId),
    Row(usize),
}

/// Personas by person, for look-up and in order.
type PersonaByPerson = (HashMap<PersonKey, Option<usize>>, Vec<(PersonKey, Option<usize>)>);

fn placed(
    name: &'static str,
    matches: &Matches<'_>,
    n_personas: usize,
    is_one_table: bool,
) -> Result<PersonaByPerson> {
    let mut all = Vec::with_capacity(matches.len());
    for (row, found) in matches.iter().enumerate() {
        let id = match found.id {
            Some(id) => PersonKey::Id(id),
            None if is_one_table => PersonKey::Row(row),
            None => {
                let expected = "of people with profile ids, or of the same table";
                return Err(Error::parameter(name, expected, "rows of another table without ids"));
            }
        };
        if found.persona.is_some_and(|persona| persona >= n_personas) {
            return Err(Error::parameter(name, "made by its own model", "made by another model"));
        }
        all.push((id, found.persona));
    }
    Ok((all.iter().copied().collect(), all))
}

/// Fates and origins from the matrix of moves.
fn told(
    moves: &[Vec<usize>],
    n_old: usize,
    n_new: usize,
    is_known: bool,
) -> (Vec<Fate>, Vec<Vec<usize>>) {
    if !is_known {
        return (vec![Fate::Vanished; n_old], vec![Vec::new(); n_new]);
    }
    let of_old: Vec<f64> =
        moves[..n_old].iter().map(|row| row.iter().sum::<usize>() as f64).collect();
    let of_new: Vec<f64> =
        (0..n_new).map(|new| moves.iter().map(|row| row[new]).sum::<usize>() as f64).collect();
    let shared = |old: usize, new: usize| moves[old][new] as f64;
    let jaccard = |old: usize, new: usize| {
        shared(old, new) / (of_old[old] + of_new[new] - shared(old, new)).max(1.0)
    };
    let gains: Vec<f64> =
        (0..n_old).flat_map(|old| (0..n_new).map(move |new| jaccard(old, new))).collect();
    let is_same = |old: usize, new: usize| {
        let each =
            (shared(old, new) / of_old[old].max(1.0)).min(shared(old, new) / of_new[new].max(1.0));
        jaccard(old, new) >= SAME || each >= SAME
    };
    let pairs = if n_new == 0 { vec![None; n_old] } else { assignment::best(&gains, n_new) };
    let pairs: Vec<Option<usize>> = pairs
        .into_iter()
        .enumerate()
        .map(|(old, new)| new.filter(|&new| is_same(old, new)))
        .collect();
    let part = |n: f64, whole: f64| whole > 0.0 && n / whole >= PART;
    let earlier = (0..n_old).map(|old| {
        let parts: Vec<usize> =
            (0..n_new).filter(|&new| part(shared(old, new), of_old[old])).collect();
        let together: f64 = parts.iter().map(|&new| shared(old, new)).sum();
        match (pairs[old], parts.as_slice()) {
            (Some(new), _) => Fate::Survived(new),
            (None, [_, _, ..]) if together >= SAME * of_old[old] => Fate::Split(parts),
            (None, &[new]) if together >= SAME * of_old[old] => Fate::Merged(new),
            _ => Fate::Vanished,
        }
    });
    let later = (0..n_new).map(|new| match pairs.iter().position(|pair| *pair == Some(new)) {
        Some(old) => vec![old],
        None => (0..n_old).filter(|&old| part(shared(old, new), of_new[new])).collect(),
    });
    (earlier.collect(), later.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persona::Describer;
    use crate::{FeatureTable, KMeans, Preprocessor, Timestamp};

    /// The row and the column of people in none are added.
    fn fates(rows: &[&[usize]]) -> (Vec<Fate>, Vec<Vec<usize>>) {
        let n_new = rows[0].len();
        let mut moves: Vec<Vec<usize>> = rows.iter().map(|row| [row, &[0][..]].concat()).collect();
        moves.push(vec![0; n_new + 1]);
        told(&moves, rows.len(), n_new, true)
    }

    #[test]
    fn the_published_example_survives_and_emerges() {
        // A = 1..10, B = 11..20; P = 1..7, Q = 8..14, R = 15..20.
        let (earlier, later) = fates(&[&[7, 3, 0], &[0, 4, 6]]);
        assert_eq!(earlier, [Fate::Survived(0), Fate::Survived(2)]);
        assert_eq!(later, [vec![0], vec![0, 1], vec![1]]);
    }

    #[test]
    fn splits_merges_and_disappearances_are_told_apart() {
        let (earlier, later) = fates(&[&[40, 40], &[0, 0]]);
        assert_eq!(earlier[0], Fate::Survived(0), "half of each is enough to be the same");
        assert_eq!(later[1], [0]);
        let (earlier, _) = fates(&[&[30, 30, 40]]);
        assert_eq!(earlier, [Fate::Split(vec![0, 1, 2])]);
        let (earlier, later) = fates(&[&[60], &[30]]);
        assert_eq!(earlier, [Fate::Survived(0), Fate::Merged(0)]);
        assert_eq!(later, [vec![0]]);
        let (earlier, _) = fates(&[&[0, 50], &[50, 0], &[0, 0]]);
        assert_eq!(earlier, [Fate::Survived(1), Fate::Survived(0), Fate::Vanished]);
    }

    #[test]
    fn twenty_shared_people_are_enough_to_tell_and_nineteen_are_not() {
        let spend = |n: usize| (0..n).map(|i| Some((i / (n / 2) * 500 + i) as f64)).collect();
        let table = |ids: std::ops::Range<u128>| {
            let id = |id| serde_json::from_str(&format!("\"{id:032x}\"")).unwrap();
            let ids = ids.map(id).collect();
            let people = FeatureTable::of_people(ids, Timestamp::from_millis(0), 0);
            people.numeric("spend", spend(60)).unwrap()
        };
        for (n_shared, is_known) in [(20, true), (19, false)] {
            let (old, new) = (table(0..60), table(60 - n_shared..120 - n_shared));
            let prep = Preprocessor::default().fit(&old).unwrap();
            let fit = KMeans::new(2).fit(&prep.transform(&old).unwrap()).unwrap();
            let model = Describer::default().describe(&old, &prep, &fit).unwrap();
            let (before, now) = (model.assign(&old).unwrap(), model.assign(&new).unwrap());
            let lineage = model.lineage(&now, &model, &before).unwrap();
            assert_eq!((lineage.n_shared, lineage.is_known), (n_shared as usize, is_known));
        }
    }

    #[test]
    fn renumbered_personas_are_the_same_and_too_few_shared_people_say_nothing() {
        let (earlier, later) = fates(&[&[0, 0, 9], &[9, 0, 0], &[0, 9, 0]]);
        assert_eq!(earlier, [Fate::Survived(2), Fate::Survived(0), Fate::Survived(1)]);
        assert_eq!(later, [vec![1], vec![2], vec![0]]);
        let (earlier, later) = told(&[vec![9, 0], vec![0, 0]], 1, 1, false);
        assert_eq!((earlier, later), (vec![Fate::Vanished], vec![vec![]]));
    }
}
