//! Who is who: identifiers seen together belong to one person.
//!
//! The partition of identifiers into profiles is a pure function of the set of observations and
//! the rules. Order of arrival, batches, shards and restarts do not matter: they give the same
//! profiles, the same ids and the same attribution of events, bit for bit.
//!
//! # How it goes
//!
//! Every observation has an *anchor*: its strongest identifier that is neither blocked, shared nor
//! merely claimed. It is linked with the other usable identifiers. Connected identifiers are one
//! profile, unless a rule bites: then the links of that component are walked in one total order,
//! and each is taken unless it breaks a limit, crosses a cannot-link or lets a weak identifier join
//! two strong ones. A link refused is kept with its reason. A claim never joins anybody to an
//! identifier that was verified, and never attributes an event to it; a claimed identifier that
//! nobody verified names a profile only where there is no other.
//!
//! The files: `rules` what may join; `intake` and `evidence` what was observed, `bulk` much of it at
//! once; `status` who is shared or verified; `components`, `resolve` and `walk` from links to
//! profiles; `explain` and `health` the questions; `forget`, `merge` and `snapshot` the rest of a
//! graph's life.
//!
//! # How well
//!
//! 62,658 commits with 1,999 pairs of author name and e-mail, 704 true pairs of which are known
//! (hashed, so the default block list cannot see placeholders); kinds `email` and `name`:
//!
//! | rules | precision | recall |
//! |---|---|---|
//! | plain union (no limits, no hubs) | 0.677 | 0.847 |
//! | default | 0.732 | 0.827 |
//! | `hub("email", 10, "name")` | 0.947 | 0.844 |
//! | and a third kind `login`, strongest, limit 1 | 0.949 | 0.847 |
//!
//! One placeholder e-mail does the harm, and one rule mends it. Deterministic matching finds only
//! people whose records have a value in common. On FEBRL's synthetic records with name and birth
//! date as one identifier beside the social security number it finds nine tenths of the pairs at
//! precision 1.000; with the address as well, 95 to 96 of 100. On 50,578 noisy historical records,
//! where names, dates and postcodes are each misspelt, no choice of single columns does well (full
//! name with first and surname: precision 0.948, recall 0.108): those need fuzzy matching first,
//! whose results can come in as one more kind.
//!
//! # What it costs
//!
//! An observation touches its own component. An identifier that becomes or ceases to be shared or
//! verified re-joins the components at it. A component in which a rule bites is walked at the next
//! read after it changed, at the cost of sorting its links; all other reads are a few look-ups.
//! [`IdentityGraph::extend`] joins everything anew when most of it is new, which is several times
//! faster; beside the graph it holds about a million identifiers that are on their way.

mod bulk;
mod components;
mod evidence;
mod explain;
mod forget;
mod health;
mod intake;
mod kinds;
mod manual;
mod merge;
mod normal;
mod observation;
mod profile_id;
mod resolve;
mod rules;
mod snapshot;
mod status;
mod table;
mod texts;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::{PoisonError, RwLock};

use hashbrown::HashTable;

pub(crate) use bulk::Taken;
use components::Components;
use evidence::{Nodes, Signatures, flag};
pub use explain::{Link, WhyNot};
pub use forget::Forgotten;
pub(crate) use forget::Moves;
pub use health::{Bridge, Change, Health, Refused};
pub use intake::Observed;
use kinds::{Kind, Kinds};
use manual::Manual;
pub use observation::Observation;
pub use profile_id::ProfileId;
use resolve::Cache;
pub use rules::{Owner, Rules};
pub use snapshot::Snapshot;
pub use walk::Reason;

use crate::{Identifier, Refusal, Result};

/// Who is who, from observations of identifiers.
///
/// ```
/// use personas::identity::{Observation, Resolution};
/// use personas::{IdentityGraph, ProfileId, Rules, Timestamp};
///
/// let mut graph = IdentityGraph::new(Rules::default())?;
/// let at = |time| Timestamp::parse(time);
/// // Somebody browses, and logs in an hour later.
/// graph.observe(&Observation::new(at("2024-05-01T10:00Z")?).id("cookie", "c"))?;
/// let before = graph.get("cookie", "c");
/// let login = Observation::new(at("2024-05-01T11:00Z")?).id("cookie", "c").id("user_id", "7");
/// graph.observe(&login)?;
/// let user = graph.get("user_id", "7");
/// assert_eq!(graph.get("cookie", "c"), user);
/// // The id handed out before still leads there.
/// assert_eq!(before.map(|id| graph.resolve(id)), user.map(Resolution::Now));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
pub struct IdentityGraph {
    rules: Rules,
    kinds: Kinds,
    /// Of every counter, its limit.
    limits: Vec<usize>,
    nodes: Nodes,
    signatures: Signatures,
    sets: Components,
    manual: Manual,
    /// Values of a kind a node was seen with, where they had to be counted.
    hubs: BTreeMap<(u32, Kind), HashSet<u32>>,
    /// Ids of the identifiers that were forgotten.
    forgotten: BTreeSet<ProfileId>,
    /// Nodes whose components must be joined anew; empty between calls.
    pending: Vec<u32>,
    cache: Cache,
    by_id: ById,
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

/// What became of many observations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Intake {
    /// Observations that are part of the evidence.
    pub kept: u64,
    /// Observations about somebody who was forgotten.
    pub suppressed: u64,
    /// Observations refused.
    pub refused: u64,
    /// The first refusals: number of the observation, from 0, and why.
    pub examples: Vec<(u64, Refusal)>,
}

/// Refusals that an intake quotes.
const N_EXAMPLES: usize = 10;

impl IdentityGraph {
    /// An empty graph.
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) for rules that make no sense: a limit or a
    /// hub of 0, a hub of a kind with itself, a weak kind of which a person has one, a clock that
    /// ends before it begins.
    pub fn new(rules: Rules) -> Result<Self> {
        rules.check()?;
        let kinds = Kinds::new(&rules);
        let limits = kinds.limited().into_iter().map(|kind| kinds.get(kind).limit).collect();
        let mut graph = Self {
            limits,
            sets: Components::new(kinds.n_counters()),
            kinds,
            rules,
            nodes: Nodes::default(),
            signatures: Signatures::default(),
            manual: Manual::default(),
            hubs: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            pending: Vec::new(),
            cache: Cache::default(),
            by_id: ById::default(),
        };
        graph.apply_manual()?;
        Ok(graph)
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes in one observation.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused), and nothing changes: no identifier or more than
    /// 64; a kind or value of more than 1024 bytes or with a control character; two values, neither
    /// merely claimed, of a kind of which a person has one; a full graph.
    pub fn observe(&mut self, observation: &Observation<'_>) -> Result<Observed> {
        let sig = self.observe_signature(observation)?;
        Ok(if sig.is_some() { Observed::Kept } else { Observed::Suppressed })
    }

    /// As [`IdentityGraph::observe`], with the number of the signature: it stays the same until
    /// something is forgotten.
    pub(crate) fn observe_signature(
        &mut self,
        observation: &Observation<'_>,
    ) -> std::result::Result<Option<u32>, Refusal> {
        let sig = self.take(observation)?;
        self.settle();
        Ok(sig)
    }

    /// Takes in many observations; the same as one after another, and faster. Those refused are
    /// counted, and the first are quoted.
    pub fn extend<'a>(
        &mut self,
        observations: impl IntoIterator<Item = Observation<'a>>,
    ) -> Intake {
        let mut intake = Intake::default();
        let mut number = 0;
        self.take_all(observations.into_iter(), |outcome| {
            match outcome {
                Ok(Some(_)) => intake.kept += 1,
                Ok(None) => intake.suppressed += 1,
                Err(refusal) => {
                    intake.refused += 1;
                    if intake.examples.len() < N_EXAMPLES {
                        intake.examples.push((number, refusal));
                    }
                }
            }
            number += 1;
        });
        if intake.kept > self.signatures.len() as u64 / 4 {
            self.nodes.shrink();
            self.signatures.shrink();
            self.sets.shrink();
        }
        intake
    }

    /// The profile of an identifier; `None` if it was never seen, is blocked or was forgotten.
    pub fn get(&self, kind: &str, value: &str) -> Option<ProfileId> {
        self.node(kind, value).map(|node| self.id_of_node(self.name_of(node)))
    }

    /// The node of an identifier that is in a profile.
    pub(crate) fn node(&self, kind: &str, value: &str) -> Option<u32> {
        let value = normal::value(kind, value);
        let kind = self.kinds.find(kind)?;
        let hash = self.nodes.hash(kind, &value);
        // The text, and what will be asked of the node, on their way together.
        let name = self.nodes.soon_facts(hash).map(|guess| self.soon_profile(guess));
        let node = self.nodes.find_hashed(hash, kind, &value)?;
        if let Some(name) = name {
            self.nodes.soon_text(name);
        }
        self.has_profile(node).then_some(node)
    }

    /// The profile that an observation belongs to; `None` if it was not taken in, or is
    /// unattributed: without an identifier by which it could be anybody's.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) as for [`IdentityGraph::observe`].
    pub fn profile_of(&self, observation: &Observation<'_>) -> Result<Option<ProfileId>> {
        let sig = self.find_signature(observation)?;
        Ok(sig.and_then(|sig| self.profile_of_signature(sig)))
    }

    /// Where a profile id leads that was handed out at any time.
    pub fn resolve(&self, id: ProfileId) -> Resolution {
        if self.forgotten.contains(&id) {
            return Resolution::Forgotten;
        }
        let Some(node) = self.node_of_id(id) else { return Resolution::Unknown };
        let now = self.id_of_node(self.name_of(node));
        if now == id { Resolution::Current } else { Resolution::Now(now) }
    }

    fn node_of_id(&self, id: ProfileId) -> Option<u32> {
        self.by_id.find(self, id).filter(|&node| self.has_profile(node))
    }

    /// The identifiers of a profile, from the strongest; empty if the id leads nowhere.
    pub fn identifiers(&self, id: ProfileId) -> Vec<Identifier<'_>> {
        let Some(node) = self.node_of_id(id) else { return Vec::new() };
        self.sorted(self.members_of(node))
    }

    /// Nodes as identifiers, from the strongest.
    pub(crate) fn sorted(&self, mut nodes: Vec<u32>) -> Vec<Identifier<'_>> {
        let key = |&node: &u32| (self.kinds.rank(self.nodes.kind(node)), self.nodes.value(node));
        nodes.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        nodes.into_iter().map(|node| self.identifier(node)).collect()
    }

    fn identifier(&self, node: u32) -> Identifier<'_> {
        let only_claimed =
            self.nodes.facts[node as usize].flags & (flag::VERIFIED | flag::SEEN) == flag::SEEN;
        Identifier {
            claimed: only_claimed,
            ..Identifier::new(&*self.kinds.get(self.nodes.kind(node)).name, self.nodes.value(node))
        }
    }

    /// The ids of all profiles, ascending.
    pub fn profiles(&self) -> Vec<ProfileId> {
        let mut ids: Vec<ProfileId> = self.names().map(|node| self.id_of_node(node)).collect();
        ids.sort_unstable();
        ids
    }

    /// Number of profiles. Reads all identifiers.
    pub fn n_profiles(&self) -> usize {
        self.names().count()
    }

    /// The nodes that name a profile.
    fn names(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.nodes.len() as u32)
            .filter(|&node| self.has_profile(node) && self.name_of(node) == node)
    }

    /// Number of identifiers known, the blocked ones included.
    pub fn n_identifiers(&self) -> usize {
        let unseen = self.manual.nodes().into_iter().filter(|&node| !self.nodes.is_present(node));
        self.nodes.n_live() - unseen.count()
    }

    /// Signatures are numbered below this.
    pub(crate) fn n_signatures(&self) -> usize {
        self.signatures.len()
    }

    /// Bytes held by identifiers and profiles, and by the evidence for them.
    pub fn memory(&self) -> (usize, usize) {
        let (own, evidence) = self.nodes.bytes();
        (own + self.sets.bytes(), evidence + self.signatures.bytes())
    }
}

impl fmt::Debug for IdentityGraph {
    /// Counts only: identifiers are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityGraph")
            .field("identifiers", &self.n_identifiers())
            .field("signatures", &self.signatures.n_live())
            .field("forgotten", &self.forgotten.len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for IdentityGraph {
    /// Equal rules, key and evidence, whatever order it came in; costs as much as two snapshots.
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules && self.snapshot() == other.snapshot()
    }
}

/// Nodes by the id of their identifier; filled at the first question, then kept up with.
#[derive(Debug, Default)]
struct ById(RwLock<(HashTable<(u64, u32)>, usize)>);

impl Clone for ById {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ById {
    fn find(&self, graph: &IdentityGraph, id: ProfileId) -> Option<u32> {
        let low = id.low_bits();
        let look = |table: &HashTable<(u64, u32)>| {
            let same = |&(stored, node): &(u64, u32)| {
                stored == low && !graph.nodes.has(node, flag::DEAD) && graph.id_of_node(node) == id
            };
            table.find(low, same).map(|entry| entry.1)
        };
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if known.1 == graph.nodes.len() {
                return look(&known.0);
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (table, covered) = &mut *known;
        for node in *covered..graph.nodes.len() {
            let node = node as u32;
            if !graph.nodes.has(node, flag::DEAD) {
                let low = graph.id_of_node(node).low_bits();
                table.insert_unique(low, (low, node), |entry| entry.0);
            }
        }
        *covered = graph.nodes.len();
        look(table)
    }
}
