//! The latest change of each profile, by number.
//!
//! Only the latest is kept, so that whoever follows needs no more steps than there are profiles.
//!
//! A cursor is the number of a change and, above it, bits of a hash of everything that was told up to it, and of the
//! times of the events. So a cursor of
//! another store, or of one that was restored to before it, is noticed, unless both told the same until then.
//!
//! Memory: some 130 bytes for each change, and four for each identifier.

use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::features::NONE;
use crate::{Error, ProfileId, Result, Timestamp};

/// Bits of a cursor that are the number; the rest checks it.
const NUMBER_BITS: u32 = 40;

/// Numbers of which the checks are kept, for each change that is.
const CHECKS: usize = 8;

/// A hash that goes on with a word: a step of the finaliser of MurmurHash3.
fn mixed(hash: u64, word: u64) -> u64 {
    let mixed = (hash.rotate_left(23) ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ mixed >> 33
}

/// What became of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Change {
    /// Its identifiers or its events are others than before; it may be new.
    Changed,
    /// It became a part of the profile with this id, as known now.
    Moved(ProfileId),
    /// It is gone: forgotten, or without anything that was observed.
    Gone,
}

/// A page of changes; [`Profiles::changes`](crate::Profiles::changes) returns it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Changes {
    /// Profiles and what became of each, the oldest change first.
    pub profiles: Vec<(ProfileId, Change)>,
    /// Where to go on from. It has up to 64 bits: readers of JSON who keep numbers as floats need it as a text.
    pub cursor: u64,
    /// Whether there are further changes already.
    pub has_more: bool,
}

/// The latest change of each profile, by number.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    /// Changes that are kept at most.
    max: usize,
    /// Number of the latest change.
    last: u64,
    /// Changes up to this number are no longer known.
    lost: u64,
    /// The hash of everything that was told.
    told_hash: u64,
    /// The checks of the numbers from `lost` to `last`.
    checks: VecDeque<u32>,
    by_number: BTreeMap<u64, (ProfileId, Change)>,
    number_of: HashMap<ProfileId, u64>,
    /// By node: the node that named its profile when it was last looked at; [`NONE`] for none. Ways through it end,
    /// because [`Journal::tell`] is the only step that adds one, and it ends at a node that names itself.
    told: Vec<u32>,
    /// Signatures before this number were looked at.
    pub(super) n_signatures: u32,
}

impl Journal {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            last: 0,
            lost: 0,
            told_hash: 0,
            checks: VecDeque::from([0]),
            by_number: BTreeMap::new(),
            number_of: HashMap::new(),
            told: Vec::new(),
            n_signatures: 0,
        }
    }

    /// Records an event, so that a cursor depends on it.
    pub(super) fn saw(&mut self, at: Timestamp) {
        self.told_hash = mixed(self.told_hash, at.millis().cast_unsigned());
    }

    /// Records how much has changed in a store when it looked for changes.
    pub(super) fn looked(&mut self, n_changes: u64) {
        self.told_hash = mixed(self.told_hash, n_changes);
    }

    /// Adds a change.
    pub(super) fn add(&mut self, id: ProfileId, change: Change) {
        self.count(id.low_bits() ^ u64::from(change == Change::Changed));
        if let Some(before) = self.number_of.insert(id, self.last) {
            self.by_number.remove(&before);
        }
        self.by_number.insert(self.last, (id, change));
        // The checks of old numbers go, and with them what was told there.
        let floor = self.last.saturating_sub((CHECKS * self.max) as u64);
        while let Some((&number, &(id, _))) = self.by_number.first_key_value()
            && (self.by_number.len() > self.max || number <= floor)
        {
            self.by_number.remove(&number);
            self.number_of.remove(&id);
            self.lose(number);
        }
        self.lose(floor.max(self.lost));
    }

    /// Bytes of the changes that are kept.
    pub(super) fn bytes(&self) -> usize {
        // A node of the tree is on average two thirds full.
        let by_number = self.by_number.len() * size_of::<(u64, ProfileId, Change)>() * 3 / 2;
        let numbers = self.checks.capacity() + self.told.capacity();
        by_number + self.number_of.allocation_size() + numbers * size_of::<u32>()
    }

    /// Makes room for nodes of which nothing was told.
    pub(super) fn resize(&mut self, n_nodes: usize) {
        self.told.resize(n_nodes, NONE);
    }

    /// Begins again with what every node is named by; a node that names one names itself.
    pub(super) fn tell_all(&mut self, names: impl Iterator<Item = u32>) {
        self.told = names.collect();
    }

    /// Records what names a node now, or [`NONE`]: a node that names itself from here on. Returns whether that one was
    /// told another name before.
    pub(super) fn tell(&mut self, node: u32, name: u32) -> bool {
        let is_new = name != NONE && self.told[name as usize] != name;
        self.told[node as usize] = name;
        if name != NONE {
            self.told[name as usize] = name;
        }
        is_new
    }

    /// Records that a node is gone; returns whether it named a profile.
    pub(super) fn remove(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.told[node as usize], NONE) == node
    }

    /// What a node was told to be named by: that of its profile when it was last looked at, or what that one was told
    /// to be named by since. It ends even where names went round: each step takes a node out of the circle, until one
    /// names itself.
    pub(super) fn told_of(&mut self, mut node: u32) -> u32 {
        loop {
            let next = self.told[node as usize];
            if next == node || next == NONE {
                return next;
            }
            // The way is halved, so that it is short the next time.
            match self.told[next as usize] {
                NONE => return NONE,
                after => {
                    self.told[node as usize] = after;
                    node = after;
                }
            }
        }
    }

    /// Numbers a change.
    fn count(&mut self, what: u64) {
        self.told_hash = mixed(self.told_hash, what);
        self.last += 1;
        self.checks.push_back((self.told_hash >> NUMBER_BITS) as u32);
    }

    /// Forgets the changes up to a number.
    fn lose(&mut self, number: u64) {
        self.checks.drain(..(number - self.lost) as usize);
        self.lost = number;
    }

    /// The cursor behind a number that is not lost.
    fn cursor(&self, number: u64) -> u64 {
        number | u64::from(self.checks[(number - self.lost) as usize]) << NUMBER_BITS
    }

    /// Drops all changes, so that followers read everybody again.
    pub(super) fn begin_again(&mut self) {
        if self.last == 0 {
            return; // nobody was told anything
        }
        self.count(0);
        self.lose(self.last);
        self.by_number.clear();
        self.number_of.clear();
    }

    /// Some changes after a cursor, without a look at where profiles are now.
    pub(super) fn page(&self, since: u64, limit: usize) -> Result<Changes> {
        let start = since & ((1 << NUMBER_BITS) - 1);
        if start < self.lost || start > self.last || self.cursor(start) != since {
            return Err(Error::ChangesLost { since, cursor: self.cursor(self.last) });
        }
        let mut later = self.by_number.range(start + 1..);
        let (mut page, mut end) = (Changes::default(), start);
        for (&number, &change) in later.by_ref().take(limit) {
            page.profiles.push(change);
            end = number;
        }
        page.has_more = later.next().is_some();
        page.cursor = self.cursor(if page.has_more { end } else { self.last });
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_names_are_told_the_way_from_every_node_ends_at_one_that_names_itself() {
        const N: u32 = 6;
        let (mut journal, mut state) = (Journal::new(1), 5u64);
        journal.resize(N as usize);
        let mut below = |n: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u32 % n
        };
        for _ in 0..4000 {
            let (node, name) = (below(N), below(N + 1));
            match below(8) {
                0 => _ = journal.remove(node),
                1 => _ = journal.told_of(node),
                _ => _ = journal.tell(node, if name < N { name } else { NONE }),
            }
            for start in 0..N {
                // As many steps as there are nodes: a longer way goes round.
                let mut at = start;
                for _ in 0..N {
                    if at != NONE {
                        at = journal.told[at as usize];
                    }
                }
                let is_end = at == NONE || journal.told[at as usize] == at;
                assert!(is_end, "{start}: {:?}", journal.told);
                assert_eq!(journal.clone().told_of(start), at, "{start}: {:?}", journal.told);
            }
        }
    }

    #[test]
    fn a_way_that_goes_round_ends_at_a_node_of_the_circle() {
        for n in 2..9 {
            // A node that leads into the circle, and one behind it after another.
            let told: Vec<u32> = (1..n).chain([1]).collect();
            for start in 0..n {
                let mut journal = Journal::new(1);
                journal.told = told.clone();
                let end = journal.told_of(start);
                assert!((1..n).contains(&end), "{told:?}");
                assert_eq!(journal.told_of(start), end, "{told:?}");
            }
        }
    }

    #[test]
    fn a_name_that_comes_back_after_another_was_told_is_the_name_of_both() {
        let mut journal = Journal::new(1);
        journal.resize(2);
        assert!(journal.tell(0, 1));
        assert!(journal.tell(1, 0));
        assert_eq!([0, 1].map(|node| journal.told_of(node)), [0, 0]);
        assert!(!journal.tell(1, 0));
    }
}
