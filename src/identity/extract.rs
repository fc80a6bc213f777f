//! The evidence of some signatures as columns of bytes, to be stored beside their events.
//!
//! Each identifier is written once, however many signatures have it. Columns are written and read directly, without
//! a record for each signature. What is read is checked like an observation, so that a forged extract cannot say
//! what observations could not. Checking takes less memory than twice the bytes.
//!
//! Cost: one pass over the signatures to write, two to read, with one look-up for each identifier.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::evidence::sets::{Set, Sets};
use super::evidence::{PackedBatch, Times, is_claim, node_of};
use super::policy::{
    Admitted, CheckedIdentifier, Kind, MAX_BYTES, MAX_IDENTIFIERS, MAX_KINDS, Policy,
};
use super::state::State;
use crate::event::IdentifierRef;
use crate::num::bytes::{
    Reader, TextColumn, TextTable, TextWriter, count, put, put_column, put_signed,
};
use crate::{Error, Result, Timestamp};

/// The evidence of some signatures on its way into bytes; the memory is used again.
#[derive(Debug, Default)]
pub(crate) struct ExtractWriter {
    kinds: TextWriter,
    /// The kind and the value of every identifier.
    kind_of: Vec<u8>,
    values: TextWriter,
    /// How many identifiers each signature has.
    n_slots: Vec<u8>,
    /// Their identifiers: twice the number, and one more if it is only claimed.
    slots: Vec<u8>,
    /// First and last time, [`i64::MAX`] and [`i64::MIN`] if none is trusted; observations.
    times: Vec<u8>,
    /// The ids of the first messages; empty for none.
    messages: TextWriter,
    number_of_kind: HashMap<Kind, u32>,
    number_of: HashMap<u32, u32>,
}

impl ExtractWriter {
    /// Bytes so far, less a few for each column.
    pub(crate) fn n_bytes(&self) -> usize {
        let numbers = [&self.kind_of, &self.n_slots, &self.slots, &self.times];
        let texts = [&self.kinds, &self.values, &self.messages];
        numbers.map(Vec::len).iter().sum::<usize>()
            + texts.map(TextWriter::n_bytes).iter().sum::<usize>()
    }

    /// Adds a signature, of which only so many observations are counted.
    pub(super) fn signature(&mut self, state: &State, sig: u32, n: u32) {
        let (nodes, all) = (state.evidence.nodes(), state.evidence.signatures());
        let slots = all.slots(sig);
        for &slot in slots {
            let node = node_of(slot);
            let number = *self.number_of.entry(node).or_insert_with(|| {
                let kind = nodes.kind(node);
                let kind = *self.number_of_kind.entry(kind).or_insert_with(|| {
                    self.kinds.push(&state.policy.kinds().get(kind).name);
                    self.kinds.len() - 1
                });
                put(&mut self.kind_of, kind.into());
                self.values.push(nodes.value(node));
                self.values.len() - 1
            });
            put(&mut self.slots, 2 * u64::from(number) + u64::from(is_claim(slot)));
        }
        put(&mut self.n_slots, slots.len() as u64);
        let times = all.times(sig);
        put_signed(&mut self.times, times.first);
        put_signed(&mut self.times, times.last);
        put(&mut self.times, n.into());
        self.messages.push(all.message(sig).unwrap_or(""));
    }

    /// Appends the columns to bytes, and begins again.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        self.kinds.write(out);
        self.values.write(out);
        self.messages.write(out);
        for column in [&mut self.kind_of, &mut self.n_slots, &mut self.slots, &mut self.times] {
            put_column(out, column);
            column.clear();
        }
        self.number_of_kind.clear();
        self.number_of.clear();
    }
}

/// The evidence of some signatures, in the bytes.
#[derive(Debug)]
pub(crate) struct Extract<'b> {
    kinds: TextTable<'b>,
    values: TextTable<'b>,
    messages: TextColumn<'b>,
    kind_of: Vec<u16>,
    n_slots: Reader<'b>,
    slots: Reader<'b>,
    times: Reader<'b>,
    n_signatures: usize,
}

fn invalid(reason: &'static str) -> Error {
    Error::snapshot("piece", reason)
}

fn unread() -> Error {
    invalid("the columns of its evidence do not fit")
}

/// What stands beside the identifiers of a signature: how many they are, its times, its first message.
type Beside<'b> = (usize, (i64, i64, u32), &'b str);

impl<'b> Extract<'b> {
    /// Reads what [`ExtractWriter::write`] wrote; [`Extract::check`] must follow.
    pub(crate) fn read(bytes: &mut Reader<'b>) -> Option<Self> {
        let kinds = TextTable::read(bytes, 1).filter(|kinds| kinds.len() <= MAX_KINDS)?;
        // One empty value of each kind.
        let values = TextTable::read(bytes, kinds.len())?;
        let messages = TextColumn::read(bytes)?;
        let [kind_of, n_slots, slots, times] =
            [bytes.column()?, bytes.column()?, bytes.column()?, bytes.column()?];
        let mut all = Reader(kind_of);
        let mut kind_of = Vec::with_capacity(count(kind_of));
        while !all.is_at_end() {
            kind_of.push(u16::try_from(all.number()?).ok()?);
        }
        let (n_signatures, [n_slots, slots, times]) =
            (count(n_slots), [n_slots, slots, times].map(Reader));
        Some(Self { kinds, values, messages, kind_of, n_slots, slots, times, n_signatures })
    }

    pub(crate) fn n_signatures(&self) -> usize {
        self.n_signatures
    }

    /// Places in signatures, at least as many as identifiers.
    pub(super) fn n_slots(&self) -> usize {
        count(self.slots.0).max(self.kind_of.len())
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = &'b str> {
        self.kinds.iter()
    }

    /// What stands beside the identifiers of the next signature.
    fn next(&self, at: &mut (Reader<'b>, Reader<'b>, TextColumn<'b>)) -> Option<Beside<'b>> {
        let (n_slots, times, messages) = at;
        let seen = (times.signed()?, times.signed()?, times.small()?);
        Some((n_slots.small()? as usize, seen, messages.next()?))
    }

    /// An identifier by its number, with the number of its kind.
    fn identifier(&self, number: usize) -> Option<(usize, &'b str)> {
        let kind = usize::from(*self.kind_of.get(number)?);
        Some((kind, self.values.get(number)))
    }

    /// Whether every signature could have been observed.
    pub(super) fn check(&self, policy: &Policy) -> Result<()> {
        let ranks = self.check_identifiers(policy)?;
        let mut at = (self.n_slots, self.times, self.messages);
        let (mut slots, mut parts) = (self.slots, Vec::new());
        for _ in 0..self.n_signatures {
            let (n, times, message) = self.next(&mut at).ok_or_else(unread)?;
            if !(1..=MAX_IDENTIFIERS).contains(&n) {
                return Err(invalid("a signature would have been refused"));
            }
            let (own, mut before, mut is_repeated) = (slots, None::<(u32, &str)>, false);
            for _ in 0..n {
                let slot = slots.small().ok_or_else(unread)?;
                let (kind, value) = self.identifier(slot as usize / 2).ok_or_else(unread)?;
                let place = (ranks[kind], value);
                if before.is_some_and(|before| before >= place) {
                    return Err(invalid("the identifiers of a signature are not in order"));
                }
                is_repeated |= before.is_some_and(|before| before.0 == place.0);
                before = Some(place);
            }
            if is_repeated {
                self.parts(policy, own, n, &mut parts);
                let is_fine = policy.check_single_values(&parts).is_ok();
                is_fine.then_some(()).ok_or(invalid("a signature would have been refused"))?;
            }
            if message.len() > MAX_BYTES {
                return Err(invalid("a message id is too long"));
            }
            check_times(policy, times)?;
        }
        let all = slots.is_at_end() && at.0.is_at_end() && at.1.is_at_end() && at.2.is_at_end();
        all.then_some(()).ok_or_else(unread)
    }

    /// Whether every identifier could have been observed; the order of strength of the kinds.
    fn check_identifiers(&self, policy: &Policy) -> Result<Vec<u32>> {
        if self.values.len() != self.kind_of.len() {
            return Err(unread());
        }
        let mut order: Vec<usize> = (0..self.kinds.len()).collect();
        order.sort_by_key(|&kind| policy.rules().strength(self.kinds.get(kind)));
        let is_twice = |pair: &[usize]| self.kinds.get(pair[0]) == self.kinds.get(pair[1]);
        if order.windows(2).any(is_twice) {
            return Err(invalid("a kind stands in it twice"));
        }
        let mut ranks = vec![0; order.len()];
        (0..).zip(order).for_each(|(rank, kind)| ranks[kind] = rank);
        let mut before = None;
        for number in 0..self.values.len() {
            let (kind, value) = self.identifier(number).ok_or_else(unread)?;
            if kind >= self.kinds.len() {
                return Err(unread());
            }
            let kind = self.kinds.get(kind);
            let part = policy.part(IdentifierRef { kind, value, claimed: false }, before);
            match part {
                Ok(CheckedIdentifier { value: Cow::Borrowed(stored), known, .. })
                    if stored.len() == value.len() =>
                {
                    before = Some((kind, known));
                }
                _ => return Err(invalid("an identifier in it would have been refused")),
            }
        }
        Ok(ranks)
    }

    /// The identifiers of a signature.
    fn parts(
        &self,
        policy: &Policy,
        mut slots: Reader<'b>,
        n: usize,
        parts: &mut Vec<CheckedIdentifier<'b>>,
    ) {
        parts.clear();
        for slot in (0..n).map_while(|_| slots.small()) {
            if let Some((kind, value)) = self.identifier(slot as usize / 2) {
                let (kind, value) = (self.kinds.get(kind), Cow::Borrowed(value));
                let known = policy.kinds().find(kind);
                parts.push(CheckedIdentifier { kind, known, value, claimed: slot % 2 == 1 });
            }
        }
    }

    /// The signatures, which were checked, as a batch for a state, which gets their kinds; without the forgotten. Where
    /// the observations of a signature are all that there are, those that the state has are not counted again.
    pub(super) fn sets(&self, state: &mut State, are_all: bool) -> PackedBatch {
        let kinds = self.kinds().map(|kind| state.policy.add_kind(kind));
        let kinds: Vec<Kind> = kinds.collect();
        let policy = &state.policy;
        let mut sets = Sets::new(self.values.len());
        let mut at = (self.n_slots, self.times, self.messages);
        let (mut slots, mut parts, mut kept) = (self.slots, Vec::new(), Vec::new());
        while let Some((n, (first, last, mut count), message)) = self.next(&mut at) {
            if are_all || policy.has_forgotten() {
                self.parts(policy, slots, n, &mut parts);
                let known = are_all.then(|| state.evidence.find_signature(policy, &parts));
                // Times and messages only grow, so that only the count says what was there before.
                let n_known = known.flatten().map(|sig| state.evidence.signatures().times(sig));
                count = count.saturating_sub(n_known.map_or(0, |times| times.count));
            }
            kept.clear();
            kept.extend((0..n).map_while(|_| slots.small()));
            if policy.has_forgotten() {
                if policy.leave_out_forgotten(&mut parts) == Admitted::Suppressed {
                    sets.suppress();
                    continue;
                }
                // Both are in one order, and the rest is a part of all.
                let mut left = parts.iter().peekable();
                kept.retain(|&slot| {
                    let (kind, value) = self.identifier(slot as usize / 2).unwrap_or_default();
                    let is_same = |part: &&CheckedIdentifier<'_>| {
                        part.value == value && part.kind == self.kinds.get(kind)
                    };
                    left.next_if(is_same).is_some()
                });
            }
            for &slot in &kept {
                let number = slot as usize / 2;
                let (kind, value) = self.identifier(number).unwrap_or_default();
                sets.identifier(policy, number, (kinds[kind], value), slot % 2 == 1);
            }
            let message = Some(message).filter(|message| !message.is_empty());
            sets.end_row(Set { times: Times { first, last, count }, message });
        }
        sets.into_batch()
    }
}

fn check_times(policy: &Policy, (first, last, count): (i64, i64, u32)) -> Result<()> {
    let is_trusted = |at: i64| {
        policy.rules().trusted(Timestamp::from_millis(at)).is_some_and(|at| at < i64::MAX)
    };
    let is_none = first == i64::MAX && last == i64::MIN;
    let is_range = first <= last && is_trusted(first) && is_trusted(last);
    if count == 0 || !(is_none || is_range) {
        return Err(invalid(
            "a signature's count is 0, or its times are out of order or out of range",
        ));
    }
    Ok(())
}
