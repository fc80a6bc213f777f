//! A batch of observations, checked and packed: what recording needs, and nothing borrowed.
//!
//! Packing reads the policy only, so that many batches can be packed at once. It checks and
//! normalises identifiers, hashes them, and groups a long batch by the shards of the hash table.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::super::policy::{Admitted, CheckedIdentifier, Kind, Kinds, MAX_IDENTIFIERS, Policy};
use super::signatures::Times;
use super::slot::{CLAIM, NONE};
use crate::event::{IdentifierRef, Observations};
use crate::num::prefetch;
use crate::num::table::number::{Arrivals, Keys};
use crate::{Refusal, Timestamp};

/// A batch of at least so many rows is grouped by shard: fewer are recorded one by one, because
/// visiting all shards costs as much as some hundred look-ups (0.2 ms, measured).
pub(super) const LONG: usize = 512;

/// Prefetch distance, in rows.
const AHEAD: usize = 8;

/// Set on a kind that had no number when it was packed; the rest is its place in `new_kinds`.
pub(super) const NEW_KIND: Kind = 1 << 15;

/// Kinds without a number that a batch has passing numbers for.
const MAX_NEW_KINDS: usize = (1 << 15) - 1;

/// A checked and packed batch of observations.
///
/// Rows are those of the batch that are kept, in order; `others` are the positions of the rest.
#[derive(Debug, Default)]
pub(crate) struct PackedBatch {
    /// The identifiers of all rows, each with its kind; where there are `places`, each different one once.
    pub(super) names: Keys<String, Kind>,
    /// The place among the names of each identifier, row after row; empty if the names are in the order of the rows.
    pub(super) places: Vec<u32>,
    pub(super) n_names: u32,
    /// The kinds of the identifiers; empty if all are of one kind.
    pub(super) kinds: Vec<Kind>,
    /// Positions among the identifiers of those that are only claimed.
    pub(super) claimed: Vec<u32>,
    /// Where the identifiers of each row end.
    ends: Vec<u32>,
    /// The time of each row; `i64::MAX` if it cannot be trusted.
    pub(super) times: Vec<i64>,
    /// The last time of each row, and its number of observations; empty if each row is one observation.
    pub(super) spans: Vec<(i64, u32)>,
    /// The message ids of the rows end to end, and where each ends; empty if there are none.
    messages: (String, Vec<u32>),
    /// Positions in the batch of what is not kept, with the reason if it is refused; none where it
    /// was skipped.
    pub(super) others: Vec<(u32, NotKept)>,
    /// Identifiers of kept rows that were left out, because they cannot be identifiers.
    n_bad: usize,
    /// Names of kinds that had no number.
    new_kinds: Vec<Box<str>>,
    new_kind_of: BTreeMap<Box<str>, Kind>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    /// The signature of every row of the batch; [`Recorded::NONE`] where it was not recorded.
    /// Signatures keep their numbers until something is forgotten.
    pub(crate) signatures: Vec<u32>,
    /// Rows about somebody who was forgotten.
    pub(crate) suppressed: usize,
    /// Identifiers that were left out of rows, because they cannot be identifiers.
    pub(crate) n_bad: usize,
    /// Rows refused, in order.
    pub(crate) refused: Vec<(usize, Refusal)>,
}

impl Recorded {
    /// Stands for no signature.
    pub(crate) const NONE: u32 = NONE;

    /// What is certain before the rows are recorded.
    pub(super) fn of(packed: &PackedBatch) -> Self {
        let (signatures, n_bad) = (vec![NONE; packed.n()], packed.n_bad);
        let mut recorded = Self { signatures, n_bad, ..Self::default() };
        for (position, other) in &packed.others {
            match other {
                NotKept::Skipped | NotKept::Late(_) => {}
                NotKept::Suppressed => recorded.suppressed += 1,
                NotKept::Refused(refusal) => {
                    recorded.refused.push((*position as usize, refusal.clone()));
                }
            }
        }
        recorded
    }
}

/// Why a row of a batch is not kept.
#[derive(Debug, Clone)]
pub(super) enum NotKept {
    /// The caller skipped it.
    Skipped,
    /// It is about somebody who was forgotten.
    Suppressed,
    Refused(Refusal),
    /// It names a kind without a number, after the passing numbers ran out: to be recorded after all
    /// rows that are packed.
    Late(Box<LateRow>),
}

/// A checked row of a batch that names more new kinds than a graph has room for.
#[derive(Debug, Clone)]
pub(super) struct LateRow {
    pub(super) at: i64,
    pub(super) message: Option<Box<str>>,
    parts: Vec<(Box<str>, Box<str>, bool)>,
}

impl LateRow {
    pub(super) fn parts(&self) -> Vec<CheckedIdentifier<'_>> {
        self.parts
            .iter()
            .map(|(kind, value, claimed)| CheckedIdentifier {
                kind,
                known: None,
                value: Cow::Borrowed(value),
                claimed: *claimed,
            })
            .collect()
    }
}

/// What is kept from row to row while packing.
#[derive(Default)]
struct Packing<'o> {
    /// The identifiers of the row.
    parts: Vec<CheckedIdentifier<'o>>,
    /// The kind of the last identifier: its name, its number, passing or not, and its hash.
    kind: Option<(&'o str, Option<Kind>, Kind, u64)>,
}

impl PackedBatch {
    /// Packs a batch without the rows for which `skip` holds.
    pub(crate) fn of(
        policy: &Policy,
        batch: &Observations<'_>,
        skip: impl Fn(usize) -> bool,
    ) -> Self {
        let n = batch.len();
        let mut packed = Self { ends: Vec::with_capacity(n), ..Self::default() };
        packed.times.reserve(n);
        let mut packing = Packing::default();
        let mut names = Arrivals::with_capacity(n);
        for row in 0..n {
            if row + AHEAD < n {
                // The texts lie apart; prefetched, the waits for them overlap.
                for identifier in batch.identifiers(row + AHEAD) {
                    prefetch::prefetch_ref(identifier.value);
                }
            }
            if skip(row) {
                packed.others.push((row as u32, NotKept::Skipped));
                continue;
            }
            let (at, message_id) = (batch.at(row), batch.message_id(row));
            let keep = |hash, value, kind| names.push(hash, value, kind);
            packed.row(policy, (at, message_id, batch.identifiers(row)), &mut packing, keep);
        }
        let mut kinds = names.marks();
        let first = kinds.next();
        if kinds.any(|kind| Some(kind) != first) {
            packed.kinds = names.marks().collect();
        }
        packed.names = if packed.n_rows() < LONG { names.in_order() } else { names.grouped() };
        packed
    }

    /// Removes all rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.kinds.clear();
        self.claimed.clear();
        self.ends.clear();
        self.times.clear();
        self.messages.0.clear();
        self.messages.1.clear();
        self.others.clear();
        self.new_kinds.clear();
        self.new_kind_of.clear();
        self.n_names = 0;
        self.n_bad = 0;
    }

    /// How many identifiers were left out because they cannot be identifiers.
    pub(crate) fn n_bad(&self) -> usize {
        self.n_bad
    }

    /// Packs a batch of one, in place of what was there.
    pub(crate) fn one(
        &mut self,
        policy: &Policy,
        seen: (Timestamp, Option<&str>, &[IdentifierRef<'_>]),
    ) {
        self.clear();
        let mut names = std::mem::take(&mut self.names);
        let keep = |hash, value: Cow<'_, str>, kind| names.push(hash, &value, kind);
        self.row(policy, seen, &mut Packing::default(), keep);
        self.names = names;
    }

    /// Adds the next observation of the batch: its time, message id and identifiers. `keep` gets
    /// the hash, value and kind of each identifier.
    fn row<'o>(
        &mut self,
        policy: &Policy,
        (at, message_id, identifiers): (Timestamp, Option<&str>, &[IdentifierRef<'o>]),
        packing: &mut Packing<'o>,
        mut keep: impl FnMut(u32, Cow<'o, str>, Kind),
    ) {
        let position = self.n() as u32;
        let message_id = message_id.filter(|id| policy.is_message_id(id));
        let at = policy.rules().trusted(at).unwrap_or(i64::MAX);
        if let (&[identifier], None, false) = (identifiers, message_id, policy.has_forgotten()) {
            // The usual case, without a detour: nothing to sort, nothing else to check.
            match policy.part(identifier, packing.kind.map(|(name, known, ..)| (name, known))) {
                Ok(part) if self.has_room_for(std::slice::from_ref(&part)) => {
                    self.identifier(policy, part, packing, &mut keep);
                    return self.end_row(at, None);
                }
                Ok(_) => {}
                Err(refusal) => return self.others.push((position, NotKept::Refused(refusal))),
            }
        }
        let mut parts = std::mem::take(&mut packing.parts);
        let other = match policy.admit(message_id, identifiers, &mut parts) {
            Ok((Admitted::Kept, n_bad)) if self.has_room_for(&parts) => {
                self.n_bad += n_bad;
                None
            }
            Ok((Admitted::Kept, n_bad)) => {
                self.n_bad += n_bad;
                let own = |part: &CheckedIdentifier<'_>| {
                    (part.kind.into(), (&*part.value).into(), part.claimed)
                };
                let parts = parts.iter().map(own).collect();
                Some(NotKept::Late(Box::new(LateRow {
                    at,
                    message: message_id.map(Into::into),
                    parts,
                })))
            }
            Ok((Admitted::Suppressed, _)) => Some(NotKept::Suppressed),
            Err(refusal) => Some(NotKept::Refused(refusal)),
        };
        match other {
            Some(other) => self.others.push((position, other)),
            None => {
                for part in parts.drain(..) {
                    self.identifier(policy, part, packing, &mut keep);
                }
                self.end_row(at, message_id);
            }
        }
        packing.parts = parts;
    }

    /// Whether all kinds of a row have a number, or can have a passing one. Once a row has not, the
    /// rows with new kinds after it have not either, so that they are recorded in order.
    fn has_room_for(&self, parts: &[CheckedIdentifier<'_>]) -> bool {
        let n_new = parts.iter().filter(|part| part.known.is_none()).count();
        n_new == 0 || self.new_kinds.len() + MAX_IDENTIFIERS <= MAX_NEW_KINDS
    }

    /// Adds an identifier of the row.
    fn identifier<'o>(
        &mut self,
        policy: &Policy,
        part: CheckedIdentifier<'o>,
        packing: &mut Packing<'o>,
        keep: &mut impl FnMut(u32, Cow<'o, str>, Kind),
    ) {
        let (kind, seed) = match packing.kind {
            Some((name, _, kind, seed)) if std::ptr::eq(name, part.kind) => (kind, seed),
            _ => {
                let (kind, seed) = match part.known {
                    Some(kind) => (kind, policy.kinds().get(kind).seed()),
                    None => (self.new_kind(part.kind), policy.kinds().seed(part.kind)),
                };
                packing.kind = Some((part.kind, part.known, kind, seed));
                (kind, seed)
            }
        };
        if part.claimed {
            self.claimed.push(self.n_names);
        }
        self.n_names += 1;
        keep(policy.kinds().hash_seeded(seed, &part.value), part.value, kind);
    }

    /// Completes a row whose identifiers were added.
    pub(super) fn end_row(&mut self, at: i64, message_id: Option<&str>) {
        self.times.push(at);
        self.ends.push(self.n_names);
        if message_id.is_some() || !self.messages.1.is_empty() {
            let (texts, ends) = &mut self.messages;
            ends.resize(self.times.len() - 1, texts.len() as u32);
            texts.push_str(message_id.unwrap_or_default());
            ends.push(texts.len() as u32);
        }
    }

    /// The passing number of a kind without one.
    fn new_kind(&mut self, name: &str) -> Kind {
        if let Some(&kind) = self.new_kind_of.get(name) {
            return kind;
        }
        let kind = NEW_KIND | self.new_kinds.len() as Kind;
        self.new_kinds.push(name.into());
        self.new_kind_of.insert(name.into(), kind);
        kind
    }

    /// Whether the batch names kinds that had no number.
    pub(super) fn has_new_kinds(&self) -> bool {
        !self.new_kinds.is_empty()
    }

    /// The names of kinds that had no number.
    pub(super) fn new_kinds(&self) -> impl Iterator<Item = &str> {
        self.new_kinds.iter().map(|name| &**name)
    }

    /// The name of a kind that had no number.
    pub(super) fn new_kind_name(&self, kind: Kind) -> Option<&str> {
        (kind & NEW_KIND != 0).then(|| &*self.new_kinds[usize::from(kind & !NEW_KIND)])
    }

    /// The number of a kind, which `kinds` has.
    pub(super) fn number_of(&self, kind: Kind, kinds: &Kinds) -> Kind {
        let new = self.new_kind_name(kind);
        new.map_or(kind, |name| kinds.find(name).expect("new kinds were added"))
    }

    /// Groups the identifiers by shard and gives all kinds their numbers, which `kinds` has.
    pub(super) fn complete(&mut self, kinds: &Kinds) {
        if self.has_new_kinds() {
            let numbers: Vec<Kind> = (0..self.new_kinds.len() as Kind)
                .map(|i| self.number_of(NEW_KIND | i, kinds))
                .collect();
            let replace = |kind: &mut Kind| {
                if *kind & NEW_KIND != 0 {
                    *kind = numbers[usize::from(*kind & !NEW_KIND)];
                }
            };
            self.names.marks_mut().for_each(replace);
            self.kinds.iter_mut().for_each(replace);
        }
        if !self.names.is_grouped() {
            self.names = self.names.grouped();
        }
    }

    /// Positions in the batch of the rows, in order.
    pub(super) fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        let mut others = self.others.iter().map(|other| other.0 as usize).peekable();
        (0..self.n()).filter(move |position| others.next_if_eq(position).is_none())
    }

    /// Marks those nodes of a row that it only claims: nodes become slots.
    pub(super) fn claim(&self, row: Range<usize>, nodes: &mut [u32]) {
        if self.claimed.is_empty() {
            return;
        }
        let place = |end: usize| self.claimed.partition_point(|&at| (at as usize) < end);
        for &at in &self.claimed[place(row.start)..place(row.end)] {
            nodes[at as usize - row.start] |= CLAIM;
        }
    }

    /// The first refusal.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.others.iter().find_map(|(_, other)| match other {
            NotKept::Refused(refusal) => Some(refusal.clone()),
            _ => None,
        })
    }

    /// Number of observations, kept or not.
    pub(super) fn n(&self) -> usize {
        self.times.len() + self.others.len()
    }

    /// Number of rows.
    pub(super) fn n_rows(&self) -> usize {
        self.times.len()
    }

    /// The names in order of arrival, which a long batch has grouped by shard.
    pub(super) fn names_in_order(&self) -> Cow<'_, Keys<String, Kind>> {
        if self.names.is_grouped() {
            Cow::Owned(self.names.in_order())
        } else {
            Cow::Borrowed(&self.names)
        }
    }

    /// Number of identifiers.
    pub(super) fn n_identifiers(&self) -> usize {
        self.n_names as usize
    }

    /// Positions of the rows that are recorded after all others, in order.
    pub(super) fn late(&self) -> impl Iterator<Item = (usize, &LateRow)> {
        self.others.iter().filter_map(|(position, other)| match other {
            NotKept::Late(row) => Some((*position as usize, &**row)),
            _ => None,
        })
    }

    /// Where the identifiers of a row stand.
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        start as usize..self.ends[row] as usize
    }

    /// What was observed in a row.
    pub(super) fn times(&self, row: usize) -> Times {
        let first = self.times[row];
        match self.spans.get(row) {
            Some(&(last, count)) => Times { first, last, count },
            None => Times::once(first),
        }
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.messages.1.is_empty()
    }

    pub(super) fn message(&self, row: usize) -> Option<&str> {
        let (texts, ends) = &self.messages;
        let end = *ends.get(row)? as usize;
        let start = if row == 0 { 0 } else { ends[row - 1] as usize };
        (start < end).then(|| &texts[start..end])
    }
}
