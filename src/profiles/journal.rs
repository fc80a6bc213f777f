//! The latest change of each profile, by number.
//!
//! Only the latest is kept, so that whoever follows needs no more steps than there are profiles.
//! Memory: some 100 bytes for each change, and four for each identifier.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::{Error, ProfileId, Result};

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
    /// Where to go on from.
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
    by_number: BTreeMap<u64, (ProfileId, Change)>,
    number_of: HashMap<ProfileId, u64>,
    /// By node: the node that named its profile when it was last looked at; `u32::MAX` for none.
    pub(super) told: Vec<u32>,
    /// Signatures before this number were looked at.
    pub(super) n_signatures: u32,
}

impl Journal {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            last: 0,
            lost: 0,
            by_number: BTreeMap::new(),
            number_of: HashMap::new(),
            told: Vec::new(),
            n_signatures: 0,
        }
    }

    pub(super) fn add(&mut self, id: ProfileId, change: Change) {
        self.last += 1;
        if let Some(before) = self.number_of.insert(id, self.last) {
            self.by_number.remove(&before);
        }
        self.by_number.insert(self.last, (id, change));
        while self.by_number.len() > self.max
            && let Some((number, (id, _))) = self.by_number.pop_first()
        {
            self.number_of.remove(&id);
            self.lost = number;
        }
    }

    /// Drops all changes, so that followers read everybody again.
    pub(super) fn begin_again(&mut self) {
        if self.last == 0 {
            return; // nobody was told anything
        }
        self.last += 1;
        self.lost = self.last;
        self.by_number.clear();
        self.number_of.clear();
    }

    /// Some changes after a number, without a look at where profiles are now.
    pub(super) fn page(&self, since: u64, limit: usize) -> Result<Changes> {
        if since < self.lost || since > self.last {
            return Err(Error::ChangesLost { since, cursor: self.last });
        }
        let mut later = self.by_number.range(since + 1..);
        let mut page = Changes { cursor: since, ..Changes::default() };
        for (&number, &change) in later.by_ref().take(limit) {
            page.profiles.push(change);
            page.cursor = number;
        }
        page.has_more = later.next().is_some();
        if !page.has_more {
            page.cursor = self.last;
        }
        Ok(page)
    }
}
