//! A graph as plain data: the same bytes for the same state, whatever order it came in.
//!
//! Identifiers and signatures are sorted; numbers inside the graph do not show. Restoring checks
//! everything as if it were observed, so that a forged snapshot cannot say what observations could
//! not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::evidence::{Times, flag, is_claim, node_of};
use super::policy::value::normalise;
use super::policy::{MAX_BYTES, Rules};
use super::profile_id::ProfileId;
use super::state::State;
use crate::event::IdentifierRef;
use crate::{Error, Result, Timestamp};

/// Counts up when the form changes.
const VERSION: u32 = 1;

/// An [`IdentityGraph`](super::IdentityGraph) to be kept or sent, without the key.
///
/// Graphs without a key can be serialised as they are. Those with a key are opened again with it:
///
/// ```
/// use personas::{Event, IdentityGraph, Rules, Timestamp};
///
/// let mut graph = IdentityGraph::new(Rules::default().key([7; 16]))?;
/// graph.observe(&Event::new("login", Timestamp::parse("2024-05-01")?).id("user_id", "7"))?;
/// let snapshot = graph.snapshot();
/// assert!(snapshot.clone().open(None).is_err());
/// assert!(snapshot.open(Some([7; 16]))? == graph);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    version: SnapshotVersion,
    rules: Rules,
    /// The id of nothing, by which the wrong key is noticed; none without a key.
    key_check: Option<ProfileId>,
    kinds: Vec<String>,
    /// Kind and value, ascending by their texts.
    identifiers: Vec<(u32, String)>,
    signatures: Vec<Stored>,
    forgotten: Vec<ProfileId>,
}

impl fmt::Debug for Snapshot {
    /// Counts only: identifiers are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("identifiers", &self.identifiers.len())
            .field("signatures", &self.signatures.len())
            .field("forgotten", &self.forgotten.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct SnapshotVersion(u32);

impl From<SnapshotVersion> for u32 {
    fn from(version: SnapshotVersion) -> Self {
        version.0
    }
}

impl TryFrom<u32> for SnapshotVersion {
    type Error = Error;

    fn try_from(version: u32) -> Result<Self> {
        if version != VERSION {
            return Err(invalid(format!("it has version {version}; this release reads {VERSION}")));
        }
        Ok(Self(version))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Identifiers by number, ascending.
    ids: Vec<u32>,
    /// Those of them that are only claimed.
    #[serde(default)]
    claimed: Vec<u32>,
    #[serde(default)]
    first: Option<i64>,
    #[serde(default)]
    last: Option<i64>,
    count: u32,
    #[serde(default)]
    message: Option<String>,
}

fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::snapshot("IdentityGraph", reason)
}

/// The whole state but the key.
pub(super) fn snapshot(state: &State) -> Snapshot {
    let (nodes, signatures) = (state.evidence.nodes(), state.evidence.signatures());
    let seen = (0..nodes.len() as u32).filter(|&node| nodes.has(node, flag::SEEN)).collect();
    let mut number = vec![0; nodes.len()];
    let (kinds, identifiers) = named(state, seen, |node, place| number[node as usize] = place);
    let mut signatures: Vec<Stored> =
        signatures.live().map(|sig| store(state, sig, |node| number[node as usize])).collect();
    signatures.sort_unstable();
    Snapshot {
        version: SnapshotVersion(VERSION),
        rules: state.policy.rules().without_key(),
        key_check: state.policy.rules().key_check(),
        kinds,
        identifiers,
        signatures,
        forgotten: state.policy.forgotten.iter().copied().collect(),
    }
}

/// The kinds and values of some nodes, sorted; calls `number` with the place of each.
fn named(
    state: &State,
    order: Vec<u32>,
    mut number: impl FnMut(u32, u32),
) -> (Vec<String>, Vec<(u32, String)>) {
    let nodes = state.evidence.nodes();
    let text = |node: u32| (&*state.policy.kinds().get(nodes.kind(node)).name, nodes.value(node));
    // Texts lie far apart: each is looked up once, and not at every comparison.
    let mut order: Vec<((&str, &str), u32)> = order.into_iter().map(|n| (text(n), n)).collect();
    order.sort_unstable();
    let mut kinds: Vec<String> = Vec::new();
    let mut identifiers = Vec::with_capacity(order.len());
    for (i, ((kind, value), node)) in (0..).zip(order) {
        number(node, i);
        if kinds.last().is_none_or(|last| last != kind) {
            kinds.push(kind.to_owned());
        }
        identifiers.push((kinds.len() as u32 - 1, value.to_owned()));
    }
    (kinds, identifiers)
}

fn store(state: &State, sig: u32, number: impl Fn(u32) -> u32) -> Stored {
    let signatures = state.evidence.signatures();
    let slots = signatures.slots(sig);
    let id = |&slot: &u32| number(node_of(slot));
    let mut ids: Vec<u32> = slots.iter().map(id).collect();
    let claimed = slots.iter().filter(|&&slot| is_claim(slot));
    let mut claimed: Vec<u32> = claimed.map(id).collect();
    ids.sort_unstable();
    claimed.sort_unstable();
    let times = signatures.times(sig);
    Stored {
        ids,
        claimed,
        first: (times.first != i64::MAX).then_some(times.first),
        last: (times.last != i64::MIN).then_some(times.last),
        count: times.count,
        message: signatures.message(sig).map(str::to_owned),
    }
}

impl Snapshot {
    /// Restores the state: see [`Snapshot::open`].
    pub(super) fn into_state(self, key: Option<[u8; 16]>) -> Result<State> {
        let rules = match key {
            Some(key) => self.rules.clone().key(key),
            None => self.rules.clone(),
        };
        if rules.key_check() != self.key_check {
            return Err(invalid("it was made with another key, or the key is missing"));
        }
        if !self.forgotten.is_sorted_by(|a, b| a < b) {
            return Err(invalid("the forgotten are not sorted"));
        }
        let mut state = State::new(rules)?;
        let rules = state.policy.rules();
        for pair in rules.all_links().into_iter().flatten() {
            let ids = [&pair.0, &pair.1].map(|end| state.policy.id_of(&end.kind, &end.value));
            if ids.iter().any(|id| self.forgotten.binary_search(id).is_ok()) {
                return Err(invalid("a manual link names a forgotten identifier"));
            }
        }
        self.check_identifiers(&state)?;
        let mut used = vec![false; self.identifiers.len()];
        let mut previous: Option<&Stored> = None;
        for stored in &self.signatures {
            let unsorted =
                |before: &Stored| (&before.ids, &before.claimed) >= (&stored.ids, &stored.claimed);
            if previous.is_some_and(unsorted) {
                return Err(invalid("signatures are not sorted"));
            }
            previous = Some(stored);
            self.add(stored, &mut state)?;
            stored.ids.iter().for_each(|&id| used[id as usize] = true);
        }
        if used.contains(&false) {
            return Err(invalid("an identifier is in no signature"));
        }
        state.follow();
        state.policy.forgotten.extend(self.forgotten);
        Ok(state)
    }

    fn check_identifiers(&self, state: &State) -> Result<()> {
        if !self.kinds.is_sorted_by(|a, b| a < b) {
            return Err(invalid("kinds are not sorted"));
        }
        let mut kinds_used = vec![false; self.kinds.len()];
        for (kind, value) in &self.identifiers {
            let Some(name) = self.kinds.get(*kind as usize) else {
                return Err(invalid("an identifier has a kind that is not there"));
            };
            kinds_used[*kind as usize] = true;
            if normalise(name, value) != value.as_str() {
                return Err(invalid("a value is not normalised"));
            }
            let is_forgotten =
                || self.forgotten.binary_search(&state.policy.id_of(name, value)).is_ok();
            if !self.forgotten.is_empty() && is_forgotten() {
                return Err(invalid("an identifier is forgotten and there"));
            }
        }
        if kinds_used.contains(&false) {
            return Err(invalid("a kind has no identifier"));
        }
        if !self.identifiers.is_sorted_by(|a, b| a < b) {
            return Err(invalid("identifiers are not sorted"));
        }
        Ok(())
    }

    fn add(&self, stored: &Stored, state: &mut State) -> Result<()> {
        let ascending = |ids: &[u32]| ids.is_sorted_by(|a, b| a < b);
        if !ascending(&stored.ids) || !ascending(&stored.claimed) {
            return Err(invalid("a signature is not sorted"));
        }
        if stored.claimed.iter().any(|id| stored.ids.binary_search(id).is_err()) {
            return Err(invalid("a signature claims an identifier it does not have"));
        }
        let mut identifiers = Vec::new();
        for &id in &stored.ids {
            let Some((kind, value)) = self.identifiers.get(id as usize) else {
                return Err(invalid("a signature has an identifier that is not there"));
            };
            let claimed = stored.claimed.binary_search(&id).is_ok();
            let kind = self.kinds[*kind as usize].as_str();
            identifiers.push(IdentifierRef { kind, value, claimed });
        }
        let rules = state.policy.rules();
        let trusted = |at: i64| rules.trusted(Timestamp::from_millis(at)).is_some();
        let times = Times {
            first: stored.first.unwrap_or(i64::MAX),
            last: stored.last.unwrap_or(i64::MIN),
            count: stored.count,
        };
        let (none, both) = (stored.first.is_none(), stored.first.is_some());
        let ordered =
            both && times.first <= times.last && trusted(times.first) && trusted(times.last);
        if stored.count == 0 || !(ordered || none && stored.last.is_none()) {
            return Err(invalid(
                "a signature's count is 0, or its times are out of order or out of range",
            ));
        }
        let message = stored.message.as_deref();
        if message.is_some_and(|id| id.is_empty() || id.len() > MAX_BYTES) {
            return Err(invalid("a message id is empty or too long"));
        }
        let refused = |_| invalid("a signature would have been refused");
        let mut parts = Vec::new();
        state.policy.check(&identifiers, &mut parts).map_err(refused)?;
        state.record_parts(&parts, times, message).map_err(refused)?;
        Ok(())
    }
}
