//! What became of personas when they were made again: who survived, split, merged, vanished, appeared.
//!
//! People who are known at both times are counted in a matrix of moves. A pair of personas is the same if
//! the best one-to-one matching by the Jaccard coefficient pairs them, and they share at least half of the
//! people in either, or of each. What is not paired is told by where its people went and came from.
//!
//! Overlaps that are equal are decided by the distance of centroids. Where too few people are known at both
//! times, personas are matched by centroids alone, in the columns of one of the models ([`Apart`]). A pair is the
//! same if its centroids are three times as near to each other as to any other persona of either model, and as
//! people spread. Where people went is not known then, so that nothing is told of splits and mergers, and a
//! persona that moved far is told as gone and new.
//!
//! Sources: Hungarian matching (Kuhn 1955); transitions as in MONIC (Spiliopoulou et al. 2006), with
//! thresholds of 0.5 for survival and 0.2 for a part. Cost: two looks at every person, k³ for k personas; of another
//! table, preparing it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::assign::Matches;
use super::centroids::Apart;
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
/// What the farthest centroids take from a Jaccard coefficient: less than two that are not equal differ by, of
/// personas of up to a million people.
const TIE: f64 = 1e-12;

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
    /// not, personas are matched by where they lie: each is told as survived, or as vanished or new.
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
    /// If too few people are known at both times, personas are matched by their centroids, in the columns as one of
    /// the models prepares them. A persona survived as another if the two are at least three times as near to each
    /// other as to any other persona, and lie within a third of the standard deviation of all people. Both tables
    /// must have the columns of that model, and only personas of at least
    /// [`Describer::min_size`](super::Describer::min_size) people are compared; the others are told as vanished or
    /// new. Centroids decide between equal overlaps too.
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
    /// [`Error::InvalidParameter`] for matches with personas or columns that the model lacks.
    pub fn lineage(
        &self,
        matches: &Matches<'_>,
        earlier: &Self,
        earlier_matches: &Matches<'_>,
    ) -> Result<Lineage> {
        let is_one_table = matches.are_of_one_table(earlier_matches);
        let before = placed("earlier_matches", earlier_matches, earlier, is_one_table)?;
        let now = placed("matches", matches, self, is_one_table)?;
        let (n_old, n_new) = (earlier.personas.len(), self.personas.len());
        let mut moves = vec![vec![0usize; n_new + 1]; n_old + 1];
        let mut n_shared = 0;
        for (id, old) in &before.1 {
            if let Some(new) = now.0.get(id) {
                moves[old.unwrap_or(n_old)][new.unwrap_or(n_new)] += 1;
                n_shared += 1;
            }
        }
        let fewer = matches.len().min(earlier_matches.len());
        let is_known = n_shared >= FEWEST && n_shared as f64 >= FEWEST_SHARE * fewer as f64;
        let apart = Apart::of((self, matches), (earlier, earlier_matches));
        let (earlier, later) = match is_known {
            true => by_people(&moves, n_old, n_new, apart.as_ref()),
            false => by_centroids(n_old, n_new, apart.as_ref()),
        };
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
    model: &PersonaModel,
    is_one_table: bool,
) -> Result<PersonaByPerson> {
    let n_personas = model.personas.len();
    let is_known = |persona: Option<usize>| persona.is_none_or(|persona| persona < n_personas);
    if matches.matrix.columns() != model.prep.columns()
        || !matches.iter().all(|found| is_known(found.persona))
    {
        return Err(Error::parameter(name, "made by its own model", "made by another model"));
    }
    let mut all = Vec::with_capacity(matches.len());
    for (row, found) in matches.iter().enumerate() {
        // A row of another table without ids is nobody who is known.
        let row = is_one_table.then_some(PersonKey::Row(row));
        all.extend(found.id.map(PersonKey::Id).or(row).map(|id| (id, found.persona)));
    }
    Ok((all.iter().copied().collect(), all))
}

/// Fates and origins by where centroids lie.
fn by_centroids(n_old: usize, n_new: usize, apart: Option<&Apart>) -> (Vec<Fate>, Vec<Vec<usize>>) {
    let mut told = (vec![Fate::Vanished; n_old], vec![Vec::new(); n_new]);
    let Some(apart) = apart else { return told };
    for old in 0..n_old {
        // A pair is nearer than any other of the two, so that only copies in one place have two answers.
        let mut free = (0..n_new).filter(|&new| told.1[new].is_empty());
        if let Some(new) = free.find(|&new| apart.are_same(old, new)) {
            told.0[old] = Fate::Survived(new);
            told.1[new] = vec![old];
        }
    }
    told
}

/// Fates and origins from the matrix of moves.
fn by_people(
    moves: &[Vec<usize>],
    n_old: usize,
    n_new: usize,
    apart: Option<&Apart>,
) -> (Vec<Fate>, Vec<Vec<usize>>) {
    let of_old: Vec<f64> =
        moves[..n_old].iter().map(|row| row.iter().sum::<usize>() as f64).collect();
    let of_new: Vec<f64> =
        (0..n_new).map(|new| moves.iter().map(|row| row[new]).sum::<usize>() as f64).collect();
    let shared = |old: usize, new: usize| moves[old][new] as f64;
    let jaccard = |old: usize, new: usize| {
        shared(old, new) / (of_old[old] + of_new[new] - shared(old, new)).max(1.0)
    };
    let distance2 = |old: usize, new: usize| apart?.distance2(old, new);
    let all = || (0..n_old).flat_map(move |old| (0..n_new).map(move |new| (old, new)));
    let farthest = all().filter_map(|(old, new)| distance2(old, new)).fold(0.0, f64::max);
    let farness = |old: usize, new: usize| match distance2(old, new) {
        Some(distance2) if farthest > 0.0 => distance2 / farthest,
        _ => 0.0,
    };
    let gains: Vec<f64> =
        all().map(|(old, new)| jaccard(old, new) - TIE * farness(old, new)).collect();
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
        by_people(&moves, rows.len(), n_new, None)
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
        let (earlier, later) = by_centroids(1, 1, None);
        assert_eq!((earlier, later), (vec![Fate::Vanished], vec![vec![]]));
    }

    /// A table of people at places of two columns, `n` around each, with ids from `from` on.
    fn people(places: &[[f64; 2]], n: usize, from: u128) -> FeatureTable {
        let id = |id: u128| serde_json::from_str(&format!("\"{id:032x}\"")).unwrap();
        let n_all = places.len() * n;
        let ids = (from..from + n_all as u128).map(id).collect();
        let column = |at: usize| {
            let around = move |i: usize| (i * [7, 11][at] % 13) as f64 / 10.0;
            (0..n_all).map(|i| Some(places[i / n][at] + around(i))).collect()
        };
        FeatureTable::of_people(ids, Timestamp::from_millis(0), 0)
            .numeric("spend", column(0))
            .and_then(|table| table.numeric("visits", column(1)))
            .unwrap()
    }

    /// A model whose persona i is the i-th place.
    fn model_of(table: &FeatureTable, k: usize, n: usize) -> PersonaModel {
        let labels = crate::Labels::new((0..k * n).map(|i| Some(i / n))).unwrap();
        let prep = Preprocessor::default().fit(table).unwrap();
        Describer::default().describe(table, &prep, &labels).unwrap()
    }

    /// What became of personas at some places, seen from other people at others.
    fn of_others(old: &[[f64; 2]], new: &[[f64; 2]]) -> Lineage {
        let (n, before) = (30, people(old, 30, 0));
        let now = people(new, n, 1_000_000);
        let (old, new) = (model_of(&before, old.len(), n), model_of(&now, new.len(), n));
        let (before, now) = (old.assign(&before).unwrap(), new.assign(&now).unwrap());
        let lineage = new.lineage(&now, &old, &before).unwrap();
        assert_eq!((lineage.n_shared, lineage.is_known), (0, false));
        lineage
    }

    #[test]
    fn of_other_people_those_in_the_same_place_are_the_same() {
        let places = [[10.0, 10.0], [10.0, 60.0], [70.0, 15.0]];
        let moved = [[70.5, 15.5], [10.0, 10.5], [11.0, 60.0]];
        let lineage = of_others(&places, &moved);
        assert_eq!(lineage.earlier, [Fate::Survived(1), Fate::Survived(2), Fate::Survived(0)]);
        assert_eq!(lineage.later, [vec![2], vec![0], vec![1]]);
        // One is gone, one is new, and nobody takes the place of another.
        let lineage = of_others(&places, &[[10.0, 10.5], [11.0, 60.0], [70.0, 90.0]]);
        assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Survived(1), Fate::Vanished]);
        assert!(lineage.later[2].is_empty());
        let lineage = of_others(&places, &[[10.0, 10.5], [11.0, 60.0]]);
        assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Survived(1), Fate::Vanished]);
        // Between two that came of it, neither is the old one.
        let lineage = of_others(&places, &[[10.0, 10.0], [10.0, 55.0], [10.0, 65.0], [70.0, 15.0]]);
        assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Vanished, Fate::Survived(3)]);
    }

    #[test]
    fn without_ids_or_columns_in_common_nobody_is_known_and_nothing_is_told() {
        let table = people(&[[10.0, 10.0], [10.0, 60.0]], 30, 0);
        let old = model_of(&table, 2, 30);
        let column = |name: &str| table.column(name).unwrap().clone();
        let without_ids = |names: &[&str]| {
            names.iter().fold(FeatureTable::new(60), |made, name| {
                let crate::features::Values::Numeric(values) = column(name).values else {
                    panic!()
                };
                made.numeric(*name, values).unwrap()
            })
        };
        let both = without_ids(&["spend", "visits"]);
        let new = model_of(&both, 2, 30);
        let (before, now) = (old.assign(&table).unwrap(), new.assign(&both).unwrap());
        let lineage = new.lineage(&now, &old, &before).unwrap();
        assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Survived(1)]);
        // The earlier model needs no more than its own columns.
        let one = without_ids(&["visits"]);
        let narrow = model_of(&one, 2, 30);
        let placed = narrow.assign(&one).unwrap();
        let lineage = new.lineage(&now, &narrow, &placed).unwrap();
        assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Survived(1)]);
        let other = FeatureTable::new(60)
            .numeric("age", (0..60).map(|i| Some((i / 30 * 50 + i % 7) as f64)).collect())
            .unwrap();
        let stranger = model_of(&other, 2, 30);
        let placed = stranger.assign(&other).unwrap();
        let lineage = new.lineage(&now, &stranger, &placed).unwrap();
        assert_eq!(lineage.earlier, [Fate::Vanished, Fate::Vanished]);
    }

    #[test]
    fn of_equal_overlaps_the_nearer_centroid_keeps_the_name() {
        // Half of the 60 stay where all were, and half move away: to the first or to the second persona.
        for stays in [0, 1] {
            let table = people(&[[10.0, 10.0]], 60, 0);
            let old = model_of(&table, 1, 60);
            let places = if stays == 0 {
                [[10.0, 10.0], [90.0, 90.0]]
            } else {
                [[90.0, 90.0], [10.0, 10.0]]
            };
            let later = people(&places, 30, 0);
            let new = model_of(&later, 2, 30);
            let (before, now) = (old.assign(&table).unwrap(), new.assign(&later).unwrap());
            let lineage = new.lineage(&now, &old, &before).unwrap();
            assert_eq!(lineage.moves[0], [30, 30, 0]);
            assert_eq!(lineage.earlier, [Fate::Survived(stays)]);
        }
    }

    #[test]
    fn every_persona_that_hardly_moved_is_found_wherever_the_others_went() {
        let mut stream = crate::num::rng::Stream::new(9, 0);
        for k in [2, 3, 4, 6] {
            for _ in 0..12 {
                let mut place = || [0, 1].map(|_| 60.0 * stream.normal());
                let old: Vec<[f64; 2]> = (0..k).map(|_| place()).collect();
                let mut new: Vec<[f64; 2]> = (0..k).map(|_| place()).collect();
                new[k - 1] = old[0].map(|value| value + 0.5);
                let far = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
                let others = old[1..].iter().chain(&new[..k - 1]);
                let nearest = others.map(|other| far(other, &old[0])).fold(f64::INFINITY, f64::min);
                let lineage = of_others(&old, &new);
                if nearest > 20.0 {
                    assert_eq!(lineage.earlier[0], Fate::Survived(k - 1), "{old:?} {new:?}");
                }
                // Nobody is two, and both sides tell the same.
                for (old, fate) in lineage.earlier.iter().enumerate() {
                    if let Fate::Survived(new) = fate {
                        assert_eq!(lineage.later[*new], [old]);
                    }
                }
            }
        }
        // The one that stayed is told, although the sum of distances is less the other way.
        let lineage = of_others(&[[0.0, 0.0], [42.0, 0.0]], &[[3.0, 0.0], [-32.0, 0.0]]);
        assert_eq!(lineage.earlier, [Fate::Survived(0), Fate::Vanished]);
    }

    #[test]
    fn the_only_personas_of_two_models_are_the_same_only_in_one_place() {
        assert_eq!(of_others(&[[10.0, 10.0]], &[[10.1, 10.0]]).earlier, [Fate::Survived(0)]);
        assert_eq!(of_others(&[[10.0, 10.0]], &[[90.0, 90.0]]).earlier, [Fate::Vanished]);
    }

    #[test]
    fn matches_of_another_model_are_refused() {
        let table = people(&[[10.0, 10.0], [10.0, 60.0]], 30, 0);
        let old = model_of(&table, 2, 30);
        let narrow = FeatureTable::new(60)
            .numeric("visits", (0..60).map(|i| Some((i / 30 * 50 + i % 7) as f64)).collect())
            .unwrap();
        let new = model_of(&narrow, 2, 30);
        let (before, now) = (old.assign(&table).unwrap(), new.assign(&narrow).unwrap());
        assert!(new.lineage(&now, &old, &before).is_ok());
        let refused = new.lineage(&before, &old, &now).unwrap_err();
        assert!(refused.to_string().contains("made by its own model"), "{refused}");
    }
}
