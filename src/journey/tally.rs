//! How often, and by how many people: the two numbers that every report of ways and times gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::Dictionary;

/// How often something happened, and to how many people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// What: the names of the steps, one for a start or an end, two for a transition; or a value.
    pub of: Vec<String>,
    /// How often.
    pub n: usize,
    /// To how many people.
    pub n_people: usize,
}

#[derive(Clone, Copy, Default)]
struct Count {
    n: usize,
    n_people: usize,
    /// The last of them, from 1.
    person: usize,
}

/// Counts by what they are of: the numbers of texts, which are read for what a report tells of only.
pub(super) struct CountsByKey<K>(BTreeMap<K, Count>);

impl<K> Default for CountsByKey<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + AsRef<[u32]>> CountsByKey<K> {
    /// It happened to a person, by number; people come one after the other.
    pub(super) fn record(&mut self, key: K, person: usize) {
        let count = self.0.entry(key).or_default();
        count.n += 1;
        count.n_people += usize::from(count.person != person + 1);
        count.person = person + 1;
    }

    /// Adds the counts of other people.
    pub(super) fn absorb(&mut self, other: Self) {
        for (key, count) in other.0 {
            let sum = self.0.entry(key).or_default();
            sum.n += count.n;
            sum.n_people += count.n_people;
        }
    }

    /// The `n` most frequent, most frequent first, then by text.
    pub(super) fn top(&self, n: usize, dictionary: &Dictionary) -> Vec<Tally> {
        let compare = |(a, a_count): &(&K, &Count), (b, b_count): &(&K, &Count)| {
            let by_text = || texts_of(*a, dictionary).cmp(texts_of(*b, dictionary));
            b_count.n.cmp(&a_count.n).then_with(by_text)
        };
        let mut counts: Vec<(&K, &Count)> = self.0.iter().collect();
        if n < counts.len() {
            counts.select_nth_unstable_by(n, compare);
            counts.truncate(n);
        }
        counts.sort_unstable_by(compare);
        counts.into_iter().map(|(key, count)| tally(key, count, dictionary)).collect()
    }

    /// All counts, in no order that means anything.
    pub(super) fn tallies(&self, dictionary: &Dictionary) -> Vec<Tally> {
        self.0.iter().map(|(key, count)| tally(key, count, dictionary)).collect()
    }
}

fn texts_of<'t>(
    key: &impl AsRef<[u32]>,
    dictionary: &'t Dictionary,
) -> impl Iterator<Item = &'t str> {
    key.as_ref().iter().map(|&code| dictionary.text(code))
}

fn tally(key: &impl AsRef<[u32]>, count: &Count, dictionary: &Dictionary) -> Tally {
    let of = texts_of(key, dictionary).map(String::from).collect();
    Tally { of, n: count.n, n_people: count.n_people }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_the_beginning_of_the_whole_in_order() {
        // Numbers of texts are not in the order of the texts.
        let mut texts = Dictionary::default();
        let [c, b, a] = ["c", "b", "a"].map(|text| texts.intern(text));
        let mut counted: CountsByKey<Vec<u32>> = CountsByKey::default();
        let ways =
            [vec![c], vec![c], vec![a, b], vec![b], vec![a, c], vec![a], vec![b], vec![b, a]];
        for (person, way) in ways.into_iter().enumerate() {
            counted.record(way, person / 2);
        }
        let of = |n: usize| {
            let top = counted.top(n, &texts).into_iter();
            top.map(|tally| (tally.of.concat(), tally.n, tally.n_people)).collect::<Vec<_>>()
        };
        let all: Vec<(String, usize, usize)> =
            [("b", 2, 2), ("c", 2, 1), ("a", 1, 1), ("ab", 1, 1), ("ac", 1, 1), ("ba", 1, 1)]
                .map(|(of, n, n_people)| (of.to_owned(), n, n_people))
                .to_vec();
        for n in 0..8 {
            assert_eq!(of(n), all[..n.min(6)], "{n}");
        }
        assert_eq!(of(usize::MAX), all);
    }
}
