//! The public face: who is who, from observations of identifiers.

use std::fmt;
use std::ops::Range;

use super::by_id::ById;
use super::diff;
use super::evidence::{PackedBatch, node_of};
use super::explain::{self, Explanation};
use super::forget::Subject;
use super::health::{self, Health};
use super::lookups::Attribution;
use super::policy::Rules;
use super::policy::value::normalise;
use super::profile_id::ProfileId;
use super::snapshot::{self, Snapshot};
use super::state::State;
use super::touched::Touched;
use crate::event::IdentifierRef;
use crate::{Event, Identifier, Result, Timestamp};

/// Who is who, from observations of identifiers.
///
/// An event is an observation: its time, message id and identifiers count, its name and properties do
/// not.
///
/// ```
/// use personas::{Event, IdentityGraph, Rules, Timestamp};
///
/// let mut graph = IdentityGraph::new(Rules::default())?;
/// let at = Timestamp::parse;
/// // Somebody browses, and logs in an hour later.
/// graph.observe(&Event::new("page", at("2024-05-01T10:00Z")?).id("cookie", "c"))?;
/// let before = graph.get(("cookie", "c"));
/// let login = Event::new("login", at("2024-05-01T11:00Z")?).id("cookie", "c").id("user_id", "7");
/// graph.observe(&login)?;
/// let user = graph.get(("user_id", "7"));
/// assert_eq!(graph.get(("cookie", "c")), user);
/// // The id handed out before still leads there.
/// assert_eq!(before.and_then(|id| graph.get(id)), user);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
pub struct IdentityGraph {
    pub(super) state: State,
    by_id: ById,
    /// Scratch space of `observe`.
    pub(super) one: Scratch,
}

/// Space for a batch of one, which a copy of the graph makes again.
#[derive(Default)]
pub(super) struct Scratch(pub(super) PackedBatch);

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Bytes that a graph or a store holds.
///
/// What does not grow with the number of people and events is not counted, such as rules and features; nor are the
/// merges that are kept of components in which a rule may part somebody, some 80 bytes for each of their identifiers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Identifiers and their look-up; also that by profile ids, once one was asked for.
    pub identifiers: usize,
    /// Profiles: components of identifiers.
    pub profiles: usize,
    /// What was observed: sets of identifiers, times, counts, message ids.
    pub evidence: usize,
    /// Keyed hashes of the forgotten, at most 24 bytes each.
    pub marks: usize,
    /// Stored events and summaries; 0 for a graph alone.
    pub events: usize,
    /// Texts in stored events; 0 for a graph alone.
    pub texts: usize,
    /// Ids of messages and their copies, for [`dedupe`](crate::profiles::StoreOptions::dedupe); 0 for a
    /// graph alone.
    pub message_ids: usize,
    /// What is kept for [`changes`](crate::Profiles::changes) and for [`pieces`](crate::Profiles::pieces) of changes; 0
    /// for a graph alone.
    pub changes: usize,
}

impl IdentityGraph {
    /// An empty graph.
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) for invalid rules: a limit or a hub of 0, a hub of a kind
    /// with itself, a weak kind of which a person has one, a clock that ends before it begins.
    pub fn new(rules: Rules) -> Result<Self> {
        Ok(Self::from_state(State::new(rules)?))
    }

    pub(super) fn from_state(state: State) -> Self {
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

    // Who is who.

    /// The profile that an event belongs to; `None` if its identifiers were not observed together, if it is about
    /// somebody who was forgotten, or if it is unattributed: without an identifier by which it could be
    /// anybody's.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) as for [`IdentityGraph::observe`].
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let visit = Event::new("visit", Timestamp::parse("2017-03-01")?).id("cookie", "c1");
    /// assert_eq!(graph.profile_of(&visit)?, None); // not observed yet
    /// graph.observe(&visit)?;
    /// assert_eq!(graph.profile_of(&visit)?, graph.get(("cookie", "c1")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn profile_of(&self, event: &Event<'_>) -> Result<Option<ProfileId>> {
        let identifiers: Vec<IdentifierRef<'_>> =
            event.identifiers.iter().map(IdentifierRef::from).collect();
        let Some(parts) = self.state.admitted(&identifiers)? else { return Ok(None) };
        let sig = self.state.evidence.find_signature(&self.state.policy, &parts);
        let name = sig.and_then(|sig| self.state.name_of_signature(sig));
        Ok(name.map(|name| self.state.id_of_node(name)))
    }

    /// Returns the profile that an identifier belongs to, or the current id for a profile id that was handed
    /// out at any time. If the current id is another one, the profile has moved: check again who the person
    /// is, because the old id may be that of a cookie which somebody else uses by now.
    ///
    /// `None` if the identifier was never seen, is blocked, or was forgotten, which
    /// [`IdentityGraph::is_forgotten`] tells.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let at = Timestamp::parse("2017-03-01")?;
    /// graph.observe(&Event::new("visit", at).id("cookie", "c1"))?;
    /// let Some(before) = graph.get(("cookie", "c1")) else { panic!() };
    /// assert_eq!(graph.get(before), Some(before));
    /// graph.observe(&Event::new("login", at).id("cookie", "c1").id("user_id", "7"))?;
    /// assert!(graph.get(before).is_some_and(|now| now != before)); // moved
    /// graph.forget(("user_id", "7"))?;
    /// assert_eq!(graph.get(("user_id", "7")), None);
    /// assert!(graph.is_forgotten(("user_id", "7")) && !graph.is_forgotten(("user_id", "8")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn get<'s>(&self, who: impl Into<Subject<'s>>) -> Option<ProfileId> {
        let node = match who.into() {
            Subject::Profile(id) => self.node_of_id(id),
            Subject::Identifier(name) => self.node(&name.kind, &name.value),
        };
        node.map(|node| self.state.profile_of_node(node))
    }

    /// Whether an identifier, or the one that a profile id was made from, was forgotten and not
    /// [allowed](IdentityGraph::allow) since. Forgetting a person does not forget the weak identifiers that
    /// other people use too: for those the answer is `false`.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// graph.observe(&Event::new("visit", at).id("cookie", "c"))?;
    /// let visitor = graph.profiles()[0];
    /// graph.observe(&Event::new("login", at).id("cookie", "c").id("user_id", "7"))?;
    /// // The id moved: it leads to the person who has another one now.
    /// assert_ne!(graph.get(visitor), Some(visitor));
    /// assert_eq!(graph.get(visitor), graph.get(("user_id", "7")));
    /// // Never seen, and forgotten.
    /// assert!(graph.get(("user_id", "8")).is_none() && !graph.is_forgotten(("user_id", "8")));
    /// graph.forget(("user_id", "7"))?;
    /// assert!(graph.get(("user_id", "7")).is_none() && graph.is_forgotten(("user_id", "7")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn is_forgotten<'s>(&self, who: impl Into<Subject<'s>>) -> bool {
        let forgotten = &self.state.policy.forgotten;
        match who.into() {
            Subject::Profile(id) => forgotten.contains(&id),
            Subject::Identifier(Identifier { kind, value, .. }) => {
                self.state.policy.is_forgotten(&kind, &normalise(&kind, &value))
            }
        }
    }

    /// The identifiers of a profile, from the strongest; empty if the id leads nowhere.
    ///
    /// ```
    /// use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let login = Event::new("login", Timestamp::parse("2017-03-01")?);
    /// graph.observe(&login.id("cookie", "c1").id("user_id", "7"))?;
    /// let ann = graph.profiles()[0];
    /// let expected = [Identifier::new("user_id", "7"), Identifier::new("cookie", "c1")];
    /// assert_eq!(graph.identifiers(ann), expected);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn identifiers(&self, id: ProfileId) -> Vec<Identifier<'_>> {
        let Some(node) = self.node_of_id(id) else { return Vec::new() };
        self.sorted(self.members_of(node))
    }

    /// The ids of all profiles, ascending. Reads all identifiers.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let visit = Event::new("visit", Timestamp::parse("2017-03-01")?);
    /// graph.observe(&visit.clone().id("cookie", "c1"))?;
    /// graph.observe(&visit.id("cookie", "c2"))?;
    /// assert_eq!(graph.profiles().len(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn profiles(&self) -> Vec<ProfileId> {
        let mut ids: Vec<ProfileId> =
            self.state.names().map(|node| self.state.id_of_node(node)).collect();
        ids.sort_unstable();
        ids
    }

    /// Number of profiles. A matter of counts, but for components that changed and that a rule may
    /// part: those are resolved first.
    pub(crate) fn n_profiles(&self) -> usize {
        self.state.n_profiles()
    }

    /// Number of identifiers known, the blocked ones included.
    pub(crate) fn n_identifiers(&self) -> usize {
        self.state.evidence.nodes().n_present()
    }

    /// Bytes that the graph holds.
    pub fn memory(&self) -> Memory {
        let (identifiers, evidence) = self.state.evidence.bytes();
        let identifiers = identifiers + self.by_id.bytes();
        let (profiles, marks) = (self.state.partition_bytes(), self.state.policy.forgotten.bytes());
        Memory { identifiers, profiles, evidence, marks, ..Memory::default() }
    }

    // Questions.

    /// Why two identifiers are one person's, or why they are not: the chain of links that joins them,
    /// which alone would join them too; or the refused link nearest to joining them, and the rule with
    /// its numbers.
    ///
    /// ```
    /// use personas::identity::{Explanation, Reason};
    /// use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let order = Event::new("order", Timestamp::parse("2024-05-01")?).id("phone", "1");
    /// graph.observe(&order.clone().id("user_id", "7").message_id("m1"))?;
    /// graph.observe(&order.id("user_id", "8"))?;
    /// let [seven, eight] = ["7", "8"].map(|user| Identifier::new("user_id", user));
    /// let why = graph.explain(&seven, &Identifier::new("phone", "1"));
    /// assert!(matches!(why, Explanation::Joined(chain) if chain[0].message_ids == ["m1"]));
    /// // A person has one user id.
    /// let why = graph.explain(&seven, &eight);
    /// assert!(matches!(why, Explanation::Refused(_, Reason::Limit { limit: 1, .. })));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn explain(&self, a: &Identifier<'_>, b: &Identifier<'_>) -> Explanation<'_> {
        explain::explain(&self.state, a, b)
    }

    /// The state of the graph. Reads everything: cost and size grow with the whole.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let order = Event::new("order", Timestamp::parse("2024-05-01")?).id("phone", "1");
    /// graph.observe(&order.clone().id("user_id", "7"))?;
    /// graph.observe(&order.id("user_id", "8"))?;
    /// let health = graph.health();
    /// assert_eq!((health.identifiers, health.profiles, health.refused.len()), (3, 2, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn health(&self) -> Health<'_> {
        health::health(&self.state)
    }

    /// Compares the profiles with those that other rules would give. Returns one entry per group of profiles
    /// that would merge or split: the ids before and the ids after, ascending.
    ///
    /// The key of this graph is used. Times outside the current [clock](Rules::clock) were not kept, so a wider
    /// clock does not see them. Observations that the other rules refuse are left out.
    ///
    /// # Errors
    /// As [`IdentityGraph::new`].
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let order = Event::new("order", Timestamp::parse("2024-05-01")?).id("phone", "1");
    /// graph.observe(&order.clone().id("user_id", "7"))?;
    /// graph.observe(&order.id("user_id", "8"))?;
    /// let changes = graph.diff(&Rules::default().limit("user_id", usize::MAX))?;
    /// let [before, after] = &changes[0];
    /// assert_eq!((before.len(), after.len()), (2, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn diff(&self, rules: &Rules) -> Result<Vec<[Vec<ProfileId>; 2]>> {
        diff::diff(&self.state, rules)
    }

    /// The whole state but the key.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp, stored};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// graph.observe(&Event::new("visit", Timestamp::parse("2017-03-01")?).id("cookie", "c1"))?;
    /// let bytes = stored::to_bytes(&graph.snapshot())?;
    /// let restored = stored::from_bytes::<personas::identity::Snapshot>(&bytes)?.open(None)?;
    /// assert_eq!(restored.profiles(), graph.profiles());
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        snapshot::snapshot(&self.state)
    }

    // By number, for `Profiles`.

    /// Whether a text can be the id of one message: it is not a placeholder.
    pub(crate) fn is_message_id(&self, text: &str) -> bool {
        self.state.policy.is_message_id(text)
    }

    /// Removes the ids of messages before a time, and keeps none that comes.
    pub(crate) fn keep_messages_from(&mut self, from: Timestamp) {
        self.state.evidence.keep_messages_from(Some(from.millis()));
    }

    /// The ids of messages that are kept of some signatures, sorted.
    pub(crate) fn messages_of(&self, signatures: &[u32]) -> Vec<&str> {
        let all = self.state.evidence.signatures();
        let mut messages: Vec<&str> =
            signatures.iter().filter_map(|&sig| all.message(sig)).collect();
        messages.sort_unstable();
        messages
    }

    /// The node of an identifier that is in a profile.
    pub(crate) fn node(&self, kind: &str, value: &str) -> Option<u32> {
        self.state.find_in_profile(kind, value)
    }

    /// Finds the nodes of identifiers that are in profiles; calls `found` with the place and the node of each.
    pub(crate) fn find_each(
        &self,
        identifiers: &[IdentifierRef<'_>],
        found: impl FnMut(usize, u32),
    ) {
        self.state.find_each_in_profile(identifiers, found);
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

    /// The members of a node's profile, from the strongest, with the first and the last time that each
    /// was observed at; none if no time can be trusted. Reads all that was observed of them.
    pub(crate) fn seen(&self, node: u32) -> Vec<(Identifier<'_>, Option<(Timestamp, Timestamp)>)> {
        self.state.seen(node)
    }

    /// Nodes as identifiers, from the strongest.
    pub(crate) fn sorted(&self, nodes: Vec<u32>) -> Vec<Identifier<'_>> {
        self.state.basis().sorted(nodes)
    }

    /// Records from now on where profiles may have changed.
    pub(crate) fn track(&mut self) {
        self.state.track();
    }

    /// Places where profiles may have changed since the last time.
    pub(crate) fn n_touched(&self) -> usize {
        self.state.n_touched()
    }

    /// Where profiles may have changed since the last time.
    pub(crate) fn take_touched(&mut self) -> Touched {
        self.state.take_touched()
    }

    /// Nodes are numbered below this.
    pub(crate) fn n_nodes(&self) -> usize {
        self.state.evidence.nodes().len()
    }

    /// The nodes of consecutive signatures, end to end.
    pub(crate) fn nodes_of(&self, signatures: Range<u32>) -> impl Iterator<Item = u32> + '_ {
        self.state.evidence.signatures().slots_of_range(signatures).iter().copied().map(node_of)
    }

    /// Whether a rule may part the members of a node's component; if not, it is one profile.
    pub(crate) fn is_contested(&self, node: u32) -> bool {
        self.state.is_contested(node)
    }

    /// The members of a node's component, ascending.
    pub(crate) fn component_of(&self, node: u32) -> Vec<u32> {
        self.state.component_of(node)
    }

    /// Whether a node is in a profile.
    pub(crate) fn is_in_profile(&self, node: u32) -> bool {
        self.state.evidence.nodes().is_in_profile(node)
    }

    /// Whether any observation belongs to the profile of a node.
    pub(crate) fn has_observations(&self, node: u32) -> bool {
        self.state.has_observations(node)
    }

    /// Signatures are numbered below this.
    pub(crate) fn n_signatures(&self) -> usize {
        self.state.evidence.signatures().len()
    }

    /// The node that names the profile of a signature's events; none if they are unattributed.
    pub(crate) fn name_of_signature(&self, sig: u32) -> Option<u32> {
        self.state.name_of_signature(sig)
    }

    /// The nodes that name the profiles of signatures' events; none where they are unattributed.
    pub(crate) fn names_of_signatures(&self, sigs: &[u32]) -> impl Iterator<Item = u32> {
        self.state.names_of_signatures(sigs)
    }

    /// The ids of the profiles that nodes name.
    pub(crate) fn ids_of_nodes(&self, nodes: &[u32]) -> impl Iterator<Item = ProfileId> {
        self.state.ids_of_nodes(nodes)
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
