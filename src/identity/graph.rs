//! The public face: who is who, from observations of identifiers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::by_id::ById;
use super::diff::{self, Change};
use super::evidence::{Packed, Recorded};
use super::explain::{self, Link, WhyNot};
use super::forget::{self, Forgotten, Moves};
use super::health::{self, Health};
use super::merge;
use super::policy::{Name, Pair, Part, Relation, Rules, check_link, pair};
use super::profile_id::ProfileId;
use super::snapshot::{self, Snapshot};
use super::state::{Attribution, State};
use crate::event::{IdentifierRef, IngestReport, Observations};
use crate::num::parallel;
use crate::{Error, Event, Identifier, Refusal, Result};

/// Events that are recorded at a time: enough for a shard of the tables to be worth while, few
/// enough to hold beside the graph.
const CHUNK: usize = 1 << 20;

/// Events that one thread packs at a time.
const BLOCK: usize = 1 << 12;

/// Who is who, from observations of identifiers.
///
/// An event is an observation: its time, message id and identifiers count, its name and properties do
/// not.
///
/// ```
/// use personas::identity::Resolution;
/// use personas::{Event, IdentityGraph, Rules, Timestamp};
///
/// let mut graph = IdentityGraph::new(Rules::default())?;
/// let at = Timestamp::parse;
/// // Somebody browses, and logs in an hour later.
/// graph.observe(&Event::new("page", at("2024-05-01T10:00Z")?).id("cookie", "c"))?;
/// let before = graph.get("cookie", "c");
/// let login = Event::new("login", at("2024-05-01T11:00Z")?).id("cookie", "c").id("user_id", "7");
/// graph.observe(&login)?;
/// let user = graph.get("user_id", "7");
/// assert_eq!(graph.get("cookie", "c"), user);
/// // The id handed out before still leads there.
/// assert_eq!(before.map(|id| graph.resolve(id)), user.map(Resolution::Now));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
pub struct IdentityGraph {
    state: State,
    by_id: ById,
    /// Scratch space of `observe`.
    one: Scratch,
}

/// Space for a batch of one, which a copy of the graph makes again.
#[derive(Default)]
struct Scratch(Packed);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Where a profile id leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// To the profile that has this id.
    Current,
    /// To the profile that has this other id now. Treat the person as after a new login: the old
    /// id may have been a cookie's that is somebody else's since.
    Now(ProfileId),
    /// To an identifier that was forgotten.
    Forgotten,
    /// Nowhere: it is not the id of any identifier that is known.
    Unknown,
}

/// Bytes that a graph holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Identifiers and their look-up.
    pub identifiers: usize,
    /// Profiles: components of identifiers.
    pub profiles: usize,
    /// What was observed: sets of identifiers, times, counts, message ids.
    pub evidence: usize,
}

impl IdentityGraph {
    /// An empty graph.
    ///
    /// # Errors
    /// [`Error::InvalidRule`] for rules that make no sense: a limit or a hub of 0, a hub of a kind
    /// with itself, a weak kind of which a person has one, a clock that ends before it begins.
    pub fn new(rules: Rules) -> Result<Self> {
        Ok(Self::from_state(State::new(rules)?))
    }

    fn from_state(state: State) -> Self {
        Self { state, by_id: ById::default(), one: Scratch::default() }
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        self.state.policy.rules()
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    // What comes in.

    /// Adds one observation. Nothing is kept of an event about somebody who was forgotten;
    /// [`IdentityGraph::extend`] counts such events.
    ///
    /// # Errors
    /// [`Error::Refused`], and nothing changes: no identifier or more than 64; a kind or value of
    /// more than 1024 bytes or with a control character; two values, neither only claimed, of a kind
    /// of which a person has one; a full graph.
    pub fn observe(&mut self, event: &Event<'_>) -> Result<()> {
        self.observe_signature(event)?;
        Ok(())
    }

    /// As [`IdentityGraph::observe`]; returns the number of the signature, which stays the same until
    /// something is forgotten, or none if the event is about somebody who was forgotten.
    pub(crate) fn observe_signature(
        &mut self,
        event: &Event<'_>,
    ) -> std::result::Result<Option<u32>, Refusal> {
        let mut few = [IdentifierRef { kind: "", value: "", claimed: false }; 4];
        let mut parts = Vec::with_capacity(event.identifiers.len());
        let packed = &mut self.one.0;
        packed.clear();
        with_identifiers(event, &mut few, |identifiers| {
            let message_id = event.message_id.as_deref();
            let message_id = message_id.filter(|id| !id.trim().is_empty());
            packed.push(&self.state.policy, event.at, message_id, identifiers, &mut parts);
        });
        let recorded = self.state.record_one(packed)?;
        self.state.follow();
        Ok(recorded)
    }

    /// Adds observations; the same as one after another, and faster.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let events = [
    ///     Event::new("login", at).id("cookie", "c").id("user_id", "7"),
    ///     Event::new("login", at).id("user_id", "7").id("user_id", "8"),
    /// ];
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let report = graph.extend(&events);
    /// assert_eq!((report.accepted, report.n_refused()), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Event<'a>>) -> IngestReport {
        self.extend_in(events.into_iter(), Sizes { chunk: CHUNK, block: BLOCK })
    }

    fn extend_in<'a>(
        &mut self,
        mut events: impl Iterator<Item = &'a Event<'a>>,
        sizes: Sizes,
    ) -> IngestReport {
        let (mut report, mut start) = (IngestReport::default(), 0);
        // The source may panic: the partition must follow what is recorded whatever happens.
        let following = Following(self);
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            chunk.extend(events.by_ref().take(sizes.chunk));
            if chunk.is_empty() {
                break;
            }
            let blocks: Vec<&[&Event<'_>]> = chunk.chunks(sizes.block).collect();
            let graph = &following.0.state;
            let packed = parallel::map(blocks.len(), 100 * sizes.block, |b| {
                let mut batch = Observations::with_capacity(blocks[b].len());
                blocks[b].iter().for_each(|event| batch.push_event(event));
                graph.pack(&batch, |_| false)
            });
            for recorded in following.0.state.record(packed) {
                start = report_on(recorded, start, &mut report);
            }
        }
        drop(following);
        if report.accepted > self.state.evidence.signatures().len() / 4 {
            self.state.shrink();
        }
        report
    }

    /// Checks, normalises and packs the identifiers of a batch, without the rows for which `skip`
    /// holds. Reads only, so that many batches can be packed on all threads.
    pub(crate) fn pack(&self, batch: &Observations<'_>, skip: impl Fn(usize) -> bool) -> Packed {
        self.state.pack(batch, skip)
    }

    /// Adds packed batches in order; returns what became of each.
    pub(crate) fn record(&mut self, packed: Vec<Packed>) -> Vec<Recorded> {
        let recorded = self.state.record(packed);
        self.state.follow();
        recorded
    }

    // Who is who.

    /// The profile of an identifier; `None` if it was never seen, is blocked or was forgotten.
    pub fn get(&self, kind: &str, value: &str) -> Option<ProfileId> {
        self.node(kind, value).map(|node| self.state.profile_of_node(node))
    }

    /// The profile that an event belongs to; `None` if its identifiers were not observed together, or
    /// if it is unattributed: without an identifier by which it could be anybody's.
    ///
    /// # Errors
    /// [`Error::Refused`] as for [`IdentityGraph::observe`].
    pub fn profile_of(&self, event: &Event<'_>) -> Result<Option<ProfileId>> {
        let identifiers: Vec<IdentifierRef<'_>> = event.identifiers.iter().map(borrowed).collect();
        let Some(parts) = self.state.admitted(&identifiers)? else { return Ok(None) };
        let sig = self.state.evidence.find_signature(&self.state.policy, &parts);
        let name = sig.and_then(|sig| self.state.name_of_signature(sig));
        Ok(name.map(|name| self.state.id_of_node(name)))
    }

    /// Where a profile id leads that was handed out at any time.
    pub fn resolve(&self, id: ProfileId) -> Resolution {
        if self.state.policy.forgotten.contains(&id) {
            return Resolution::Forgotten;
        }
        let Some(node) = self.node_of_id(id) else { return Resolution::Unknown };
        let now = self.state.profile_of_node(node);
        if now == id { Resolution::Current } else { Resolution::Now(now) }
    }

    /// The identifiers of a profile, from the strongest; empty if the id leads nowhere.
    pub fn identifiers(&self, id: ProfileId) -> Vec<Identifier<'_>> {
        let Some(node) = self.node_of_id(id) else { return Vec::new() };
        self.sorted(self.members_of(node))
    }

    /// The ids of all profiles, ascending. Reads all identifiers.
    pub fn profiles(&self) -> Vec<ProfileId> {
        let mut ids: Vec<ProfileId> =
            self.state.names().map(|node| self.state.id_of_node(node)).collect();
        ids.sort_unstable();
        ids
    }

    /// Number of profiles. A matter of counts, but for components that changed and that a rule may
    /// part: those are resolved first.
    pub fn n_profiles(&self) -> usize {
        self.state.n_profiles()
    }

    /// Number of identifiers known, the blocked ones included.
    pub fn n_identifiers(&self) -> usize {
        self.state.evidence.nodes().n_present()
    }

    /// Bytes that the graph holds.
    pub fn memory(&self) -> Memory {
        let (identifiers, evidence) = self.state.evidence.bytes();
        Memory { identifiers, profiles: self.state.partition_bytes(), evidence }
    }

    // Manual links.

    /// Two identifiers are one person's; see [`Rules::must_link`].
    ///
    /// Cost: what was seen with the smaller of the two groups that must-links connect.
    ///
    /// # Errors
    /// [`Error::InvalidRule`] if the two are the same identifier, could not be identifiers, or were
    /// forgotten; [`Error::Refused`] if there is no room. Nothing changes then.
    pub fn must_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let pair = self.check_link("must_link", a, b)?;
        self.state.add_link(Relation::Must, &pair)
    }

    /// Two identifiers are never one person's; see [`Rules::cannot_link`]. Their components are
    /// resolved again at the next read.
    ///
    /// # Errors
    /// As [`IdentityGraph::must_link`].
    pub fn cannot_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let pair = self.check_link("cannot_link", a, b)?;
        self.state.add_link(Relation::Cannot, &pair)
    }

    /// Removes the manual links between two identifiers. Their components are joined again.
    ///
    /// # Errors
    /// As [`IdentityGraph::must_link`].
    pub fn unlink(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let pair = self.check_link("unlink", a, b)?;
        self.state.remove_link(Relation::Must, &pair);
        self.state.remove_link(Relation::Cannot, &pair);
        Ok(())
    }

    fn check_link(&self, rule: &str, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<Pair> {
        let pair = pair(a, b);
        check_link(rule, &pair)?;
        for Name { kind, value } in [&pair.0, &pair.1] {
            if self.state.policy.is_forgotten(kind, value) {
                let reason = "an end was forgotten; allow it first".into();
                return Err(Error::InvalidRule { rule: rule.to_owned(), reason });
            }
        }
        Ok(pair)
    }

    // Questions.

    /// The chain of links that joins two identifiers; `None` if they are not one person's, empty
    /// if they are one identifier. These links alone would join them too.
    ///
    /// ```
    /// use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let event = Event::new("login", Timestamp::parse("2024-05-01")?).id("user_id", "7");
    /// graph.observe(&event.clone().id("cookie", "c").message_id("m1"))?;
    /// graph.observe(&event.id("email", "ann@mail.org"))?;
    /// let (cookie, email) = (Identifier::new("cookie", "c"), Identifier::new("email", "ann@mail.org"));
    /// let chain = graph.explain(&cookie, &email).unwrap_or_default();
    /// assert_eq!(chain.len(), 2);
    /// assert_eq!(chain[0].message_ids, ["m1"]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn explain(&self, a: &Identifier<'_>, b: &Identifier<'_>) -> Option<Vec<Link<'_>>> {
        explain::explain(&self.state, a, b)
    }

    /// Why two identifiers are not one person's: the refused link nearest to joining them, and the
    /// rule with its numbers.
    pub fn why_not(&self, a: &Identifier<'_>, b: &Identifier<'_>) -> WhyNot<'_> {
        explain::why_not(&self.state, a, b)
    }

    /// The state of the graph. Reads everything: cost and size grow with the whole.
    pub fn health(&self) -> Health<'_> {
        health::health(&self.state)
    }

    /// What other rules would make of the same evidence: the profiles that would merge or split.
    ///
    /// The key stays this graph's. Times that the present clock does not trust are not kept, so a
    /// wider clock sees none of them; observations that the other rules refuse are left out.
    ///
    /// # Errors
    /// As [`IdentityGraph::new`].
    pub fn diff(&self, rules: &Rules) -> Result<Vec<Change>> {
        diff::diff(&self.state, rules)
    }

    // Forgetting.

    /// Forgets an identifier: as if the observations that belong to it had never come, and all
    /// others had come without it. Manual links that name it go with it.
    ///
    /// Forgetting what was never seen is no error: it keeps it out from now on.
    ///
    /// # Errors
    /// [`Error::Refused`] if this cannot be an identifier.
    ///
    /// ```
    /// use personas::identity::Resolution;
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let rules = Rules::default().key([7; 16]);
    /// let mut graph = IdentityGraph::new(rules.clone())?;
    /// let login = Event::new("login", Timestamp::parse("2024-05-01")?).id("user_id", "7");
    /// graph.observe(&login)?;
    /// assert_eq!(graph.would_forget("user_id", "7")?.dropped, 1);
    /// graph.forget("user_id", "7")?;
    /// assert_eq!(graph.resolve(rules.profile_id("user_id", "7")), Resolution::Forgotten);
    /// assert_eq!(graph.extend([&login]).suppressed, 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn forget(&mut self, kind: &str, value: &str) -> Result<Forgotten> {
        Ok(self.forget_moving(kind, value)?.0)
    }

    /// As [`IdentityGraph::forget`]; returns what became of the signatures as well.
    pub(crate) fn forget_moving(&mut self, kind: &str, value: &str) -> Result<(Forgotten, Moves)> {
        let report = self.would_forget(kind, value)?;
        let name = Name::new(&Identifier::new(kind, value));
        let moves = forget::forget(&mut self.state, &[name], forget::anchor);
        Ok((report, moves))
    }

    /// What [`IdentityGraph::forget`] would do.
    ///
    /// # Errors
    /// As [`IdentityGraph::forget`].
    pub fn would_forget(&self, kind: &str, value: &str) -> Result<Forgotten> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        self.state.policy.check(&[IdentifierRef { kind, value, claimed: false }], &mut parts)?;
        let name = Name::new(&Identifier::new(kind, value));
        Ok(forget::report(&self.state, &forget::nodes_of(&self.state, &[name])))
    }

    /// Forgets a person: the strong identifiers of a profile, and those that no other profile's
    /// observations use. Nothing happens for an id that leads nowhere.
    pub fn forget_profile(&mut self, id: ProfileId) -> Forgotten {
        self.forget_profile_moving(id).0
    }

    /// As [`IdentityGraph::forget_profile`]; returns what became of the signatures as well.
    pub(crate) fn forget_profile_moving(&mut self, id: ProfileId) -> (Forgotten, Moves) {
        let Some(node) = self.node_of_id(id) else { return Default::default() };
        let gone = forget::nodes_of_profile(&self.state, node);
        let report = forget::report(&self.state, &gone);
        let names: Vec<Name> = gone.iter().map(|&node| self.state.basis().name(node)).collect();
        let moves = forget::forget(&mut self.state, &names, forget::anchor);
        (report, moves)
    }

    /// What [`IdentityGraph::forget_profile`] would do.
    pub fn would_forget_profile(&self, id: ProfileId) -> Forgotten {
        let Some(node) = self.node_of_id(id) else { return Forgotten::default() };
        forget::report(&self.state, &forget::nodes_of_profile(&self.state, node))
    }

    /// Lets a forgotten identifier be seen again; returns whether it was forgotten. What was dropped
    /// stays dropped.
    pub fn allow(&mut self, kind: &str, value: &str) -> bool {
        let id = self.rules().profile_id(kind, value);
        self.state.policy.forgotten.remove(&id)
    }

    // Other graphs.

    /// Adds the evidence of another graph with the same rules and key: shards, machines, snapshots.
    /// Manual links are united. What either has forgotten is forgotten, by the rule for
    /// observations that arrive after the forgetting.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if rules or keys differ in more than manual links;
    /// [`Error::Refused`] if there is no room. Nothing changes then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.merge_moving(other).map(|_| ())
    }

    /// As [`IdentityGraph::merge`]; returns where this graph's signatures went, and the other's.
    pub(crate) fn merge_moving(&mut self, other: &Self) -> Result<(Moves, Moves)> {
        merge::merge(&mut self.state, &other.state)
    }

    /// The whole state but the key.
    pub fn snapshot(&self) -> Snapshot {
        snapshot::snapshot(&self.state)
    }

    // By number, for `Profiles`.

    /// The node of an identifier that is in a profile.
    pub(crate) fn node(&self, kind: &str, value: &str) -> Option<u32> {
        self.state.find_in_profile(kind, value)
    }

    /// The node whose identifier has an id, if it is in a profile.
    pub(crate) fn node_of_id(&self, id: ProfileId) -> Option<u32> {
        self.by_id.find(&self.state, id)
    }

    /// The node that names a node's profile.
    pub(crate) fn name_of(&self, node: u32) -> u32 {
        self.state.name_of(node)
    }

    /// The id of a profile that a node names.
    pub(crate) fn id_of_node(&self, node: u32) -> ProfileId {
        self.state.id_of_node(node)
    }

    /// The members of a node's profile, ascending.
    pub(crate) fn members_of(&self, node: u32) -> Vec<u32> {
        self.state.members_of(node)
    }

    /// Nodes as identifiers, from the strongest.
    pub(crate) fn sorted(&self, nodes: Vec<u32>) -> Vec<Identifier<'_>> {
        self.state.basis().sorted(nodes)
    }

    /// Signatures are numbered below this.
    pub(crate) fn n_signatures(&self) -> usize {
        self.state.evidence.signatures().len()
    }

    /// The node that names the profile of a signature's events; none if they are unattributed.
    pub(crate) fn name_of_signature(&self, sig: u32) -> Option<u32> {
        self.state.name_of_signature(sig)
    }

    /// The signatures whose events belong to a node's profile, ascending.
    pub(crate) fn signatures_of(&self, node: u32) -> Vec<u32> {
        self.state.signatures_of(node)
    }

    /// The signatures for which `wanted` holds, by profile. Reads all signatures, on all threads.
    pub(crate) fn attribution(&self, wanted: impl Fn(u32) -> bool + Sync) -> Attribution {
        self.state.attribution(wanted)
    }

    /// Whether the events of a signature belong to somebody whatever else is observed.
    pub(crate) fn is_always_attributed(&self, sig: u32) -> bool {
        self.state.is_always_attributed(sig)
    }

    /// Orders signatures by their identifiers, whatever came first.
    pub(crate) fn compare_signatures(&self, a: u32, b: u32) -> std::cmp::Ordering {
        self.state.compare_signatures(a, b)
    }
}

/// How many events are recorded at a time, and packed by one thread.
#[derive(Clone, Copy)]
struct Sizes {
    chunk: usize,
    block: usize,
}

/// Brings the partition of a graph up to date at the end, whatever happens.
struct Following<'g>(&'g mut IdentityGraph);

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.0.state.follow();
    }
}

/// Adds what became of a batch to a report; returns the position after it.
fn report_on(recorded: Recorded, start: usize, report: &mut IngestReport) -> usize {
    let kept = recorded.signatures.iter().filter(|&&sig| sig != Recorded::NONE);
    report.accepted += kept.count();
    report.suppressed += recorded.suppressed;
    for (row, reason) in recorded.refused {
        report.refuse(start + row, reason);
    }
    start + recorded.signatures.len()
}

fn borrowed<'e>(identifier: &'e Identifier<'_>) -> IdentifierRef<'e> {
    let Identifier { kind, value, claimed } = identifier;
    IdentifierRef { kind, value, claimed: *claimed }
}

/// Calls `f` with the identifiers of an event, in `few` if there is room.
fn with_identifiers<'e>(
    event: &'e Event<'_>,
    few: &mut [IdentifierRef<'e>],
    f: impl FnOnce(&[IdentifierRef<'e>]),
) {
    let identifiers = event.identifiers.iter().map(borrowed);
    if event.identifiers.len() > few.len() {
        return f(&identifiers.collect::<Vec<_>>());
    }
    few.iter_mut().zip(identifiers).for_each(|(place, identifier)| *place = identifier);
    f(&few[..event.identifiers.len()]);
}

impl Snapshot {
    /// Restores the graph.
    ///
    /// # Errors
    /// [`Error::InvalidSnapshot`] if the key is not the one it was made with, or if the content
    /// could not have come from observations: unsorted, repeated or unused identifiers, values
    /// that are not normalised, signatures that would have been refused, times outside the clock,
    /// traces of the forgotten. [`Error::InvalidRule`] for rules that make no sense.
    pub fn open(self, key: Option<[u8; 16]>) -> Result<IdentityGraph> {
        Ok(IdentityGraph::from_state(self.into_state(key)?))
    }
}

impl fmt::Debug for IdentityGraph {
    /// Counts only: identifiers are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityGraph")
            .field("identifiers", &self.n_identifiers())
            .field("signatures", &self.state.evidence.signatures().n_live())
            .field("forgotten", &self.state.policy.forgotten.len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for IdentityGraph {
    /// Equal rules, key and evidence, whatever order it came in; costs as much as two snapshots.
    fn eq(&self, other: &Self) -> bool {
        self.rules() == other.rules() && self.snapshot() == other.snapshot()
    }
}

impl Serialize for IdentityGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IdentityGraph {
    /// Reads graphs without a key; for others, read a [`Snapshot`] and open it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Snapshot::deserialize(deserializer)?.open(None).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::*;
    use crate::Timestamp;

    /// Small enough for a world of some thousand events to have several chunks of several blocks.
    const SIZES: Sizes = Sizes { chunk: 1000, block: 300 };

    /// Few people with many cookies, shared devices, claims, placeholders, repeats and refusals.
    fn world(n: u64) -> Vec<Event<'static>> {
        let mut state = 7u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let mut one = |i| {
            let at = Timestamp::from_millis((1_500_000_000_000 + below(1 << 20)) as i64);
            let mut seen = Event::new("", at);
            if below(3) == 0 {
                seen = seen.id("user_id", below(n / 20).to_string());
            }
            if below(200) == 0 {
                // Two values of a kind of which a person has one.
                seen = seen.id("user_id", "7").id("user_id", "8");
            }
            if below(4) == 0 {
                seen = seen.id("email", format!("{}@x.org", below(n / 10)));
            }
            if below(9) == 0 {
                seen = seen.claimed_id("email", format!("{}@x.org", below(n / 10)));
            }
            // Some cookies are everybody's.
            let cookie = if below(5) == 0 { below(4) } else { 4 + below(n / 2) };
            seen = seen.id("cookie", if cookie == 0 { "null".into() } else { cookie.to_string() });
            if below(2) == 0 { seen.message_id(format!("m{i}")) } else { seen }
        };
        (0..n).map(&mut one).collect()
    }

    fn empty(owner: Owner) -> IdentityGraph {
        IdentityGraph::new(Rules::default().owner(owner).weak("cookie")).unwrap()
    }

    #[test]
    fn bulk_gives_the_state_of_one_after_another_across_all_borders() {
        let world = world(4000);
        for owner in [Owner::First, Owner::Latest, Owner::Nobody] {
            let mut single = empty(owner);
            let outcomes: Vec<_> = world.iter().map(|seen| single.observe(seen).is_ok()).collect();
            // All at once; the smaller part to the larger; the larger to the smaller.
            for (first, n_threads) in [(0, 1), (3900, 2), (500, 3)] {
                let mut bulk = empty(owner);
                world[..first].iter().for_each(|seen| drop(bulk.observe(seen)));
                // What was read before must not be true for ever.
                let _ = bulk.profiles();
                let report = parallel::with_threads(n_threads, || {
                    bulk.extend_in(world[first..].iter(), SIZES)
                });
                let kept = outcomes[first..].iter().filter(|kept| **kept).count();
                assert_eq!(report.accepted, kept);
                let refused = outcomes[first..].iter().position(|kept| !kept);
                assert_eq!(report.refused.first().map(|refused| refused.examples[0]), refused);
                assert_eq!(bulk.n_profiles(), single.n_profiles());
                assert!(bulk == single);
                assert_eq!(bulk.profiles(), single.profiles());
                for seen in &world {
                    let profile = |graph: &IdentityGraph| graph.profile_of(seen).ok().flatten();
                    assert_eq!(profile(&bulk), profile(&single));
                }
            }
        }
    }

    #[test]
    fn recorded_batches_name_the_signature_of_every_row_that_is_kept() {
        let world = world(1000);
        let mut graph = empty(Owner::First);
        for length in [1, 20, 600, 379] {
            let mut batch = Observations::with_capacity(length);
            world[..length].iter().for_each(|event| batch.push_event(event));
            let packed = graph.pack(&batch, |row| row % 7 == 3);
            let recorded = graph.record(vec![packed]).remove(0);
            assert_eq!(recorded.signatures.len(), length);
            let mut refused = recorded.refused.iter().map(|refused| refused.0).peekable();
            for (row, (event, &sig)) in world.iter().zip(&recorded.signatures).enumerate() {
                let is_refused = refused.next_if_eq(&row).is_some();
                let is_kept = row % 7 != 3 && !is_refused;
                assert_eq!(sig != Recorded::NONE, is_kept, "{row}");
                if is_kept {
                    assert_eq!(graph.observe_signature(event), Ok(Some(sig)));
                }
            }
        }
    }

    #[test]
    fn the_number_of_profiles_is_that_of_the_names_after_any_change() {
        let mut graph = IdentityGraph::new(Rules::default().weak("device")).unwrap();
        let world = world(400);
        let check = |graph: &IdentityGraph| assert_eq!(graph.n_profiles(), graph.profiles().len());
        for (i, event) in world.iter().enumerate() {
            let _ = graph.observe(event);
            let [a, b] = [i % 17, i % 13].map(|n| Identifier::new("user_id", n.to_string()));
            let cookie = Identifier::new("cookie", (i % 19).to_string());
            match i % 11 {
                0 => drop(graph.must_link(&a, &cookie)),
                1 => drop(graph.cannot_link(&a, &b)),
                2 => drop(graph.unlink(&a, &b)),
                3 => drop(graph.forget("user_id", &a.value)),
                4 => drop(graph.allow("user_id", &a.value)),
                5 => graph = graph.clone(),
                _ => {}
            }
            if i % 3 == 0 {
                check(&graph);
            }
        }
        let mut other = IdentityGraph::new(graph.rules().clone()).unwrap();
        other.extend_in(world.iter(), SIZES);
        check(&other);
        other.merge(&graph).unwrap();
        check(&other);
    }

    #[test]
    fn after_a_source_that_panics_the_graph_has_what_came_before_and_answers() {
        let world = world(3000);
        let mut graph = empty(Owner::First);
        let source = world.iter().enumerate().map(|(i, event)| {
            assert!(i < 2500, "the source fails");
            event
        });
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            graph.extend_in(source, SIZES);
        }));
        assert!(failed.is_err());
        let mut expected = empty(Owner::First);
        expected.extend_in(world[..2000].iter(), SIZES);
        assert!(graph == expected);
        assert_eq!(graph.profiles(), expected.profiles());
    }

    #[test]
    fn a_hundred_thousand_manual_links_one_by_one_are_those_of_the_rules_at_once() {
        // Chains, stars and pairs; with a cost that grows with the links there are, this takes hours.
        const N: usize = 100_000;
        let ends = |i: usize| {
            let (a, b) = match i % 3 {
                0 => (i, i + 3),
                1 => (1, i + 3),
                _ => (i, i + 1_000_000),
            };
            [a, b].map(|n| Identifier::new("card", format!("c{n}")))
        };
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        for i in 0..N {
            let [a, b] = ends(i);
            graph.must_link(&a, &b).unwrap();
        }
        // One chain, one star, and the pairs.
        assert_eq!(graph.n_profiles(), 2 + N / 3);
        let again = IdentityGraph::new(graph.rules().clone()).unwrap();
        assert!(again == graph);
        assert_eq!(again.n_identifiers(), graph.n_identifiers());
    }

    #[test]
    fn manual_links_of_placeholders_count_no_identifiers() {
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        let [a, b] = ["card", "user_id"].map(|kind| Identifier::new(kind, "null"));
        graph.must_link(&a, &b).unwrap();
        assert_eq!((graph.n_identifiers(), graph.health().contradictions.len()), (0, 1));
        graph.unlink(&Identifier::new("card", "1"), &Identifier::new("card", "2")).unwrap();
        let restored = IdentityGraph::new(graph.rules().clone()).unwrap();
        assert_eq!((graph.n_identifiers(), restored.n_identifiers()), (0, 0));
        graph.unlink(&a, &b).unwrap();
        assert!(graph.health().contradictions.is_empty());
    }
}
