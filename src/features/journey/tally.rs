//! How often, and by how many people: the two numbers that every report of ways and times gives.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::texts::Texts;

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

/// Counts by key.
pub(super) struct Counted<K>(BTreeMap<K, Count>);

impl<K> Default for Counted<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Counted<K> {
    /// It happened to a person, by number; people come one after the other.
    pub(super) fn note(&mut self, key: K, person: usize) {
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

    /// The counts, most frequent first, then by text.
    pub(super) fn ranked(&self, texts: &Texts, codes: impl Fn(&K) -> Vec<u32>) -> Vec<Tally> {
        let mut tallies = self.tallies(texts, codes);
        tallies.sort_by(|a, b| (Reverse(a.n), &a.of).cmp(&(Reverse(b.n), &b.of)));
        tallies
    }

    /// The counts, in no order that means anything.
    pub(super) fn tallies(&self, texts: &Texts, codes: impl Fn(&K) -> Vec<u32>) -> Vec<Tally> {
        let of = |key: &K| codes(key).iter().map(|&code| texts.text(code).to_owned()).collect();
        let tally = |(key, count): (&K, &Count)| Tally {
            of: of(key),
            n: count.n,
            n_people: count.n_people,
        };
        self.0.iter().map(tally).collect()
    }
}
