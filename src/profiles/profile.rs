//! One person, as known now.

use std::fmt;

use super::Profiles;
use crate::features::{self, Entry, Events, Fragment, Texts};
use crate::{Features, Identifier, ProfileId, Result, Timestamp};

/// A person among [`Profiles`]: who it is, and what is known of it.
///
/// ```
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let (may, june) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2017-06-01")?);
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// people.observe(&Event::new("visit", may).id("cookie", "c1").id("card", "4711"))?;
/// if let Some(ann) = people.get("card", "4711") {
///     assert_eq!(ann.identifiers().len(), 2);
///     assert_eq!(ann.first_seen(), Some(may));
///     assert_eq!(ann.features(june)?, people.features(june)?); // there is nobody else
/// }
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
pub struct Profile<'p> {
    people: &'p Profiles,
    id: ProfileId,
    identifiers: Vec<Identifier<'p>>,
    signatures: Vec<u32>,
}

impl<'p> Profile<'p> {
    /// The profile of a node.
    pub(super) fn new(people: &'p Profiles, node: u32) -> Self {
        let graph = &people.graph;
        Self {
            people,
            id: graph.id_of_node(graph.name_of(node)),
            identifiers: graph.sorted(graph.members_of(node)),
            signatures: graph.signatures_of(node),
        }
    }

    /// Its id, made from its strongest identifier. It can change as more becomes known;
    /// [`resolve`](crate::IdentityGraph::resolve) says where an old one leads.
    pub fn id(&self) -> ProfileId {
        self.id
    }

    /// Everything it was seen under, strongest kind first, then by value.
    pub fn identifiers(&self) -> &[Identifier<'p>] {
        &self.identifiers
    }

    /// Number of events that count.
    pub fn n_events(&self) -> usize {
        self.fragments().map(Fragment::n_events).sum()
    }

    /// Time of the first event; `None` if it has none that count: they are duplicates of
    /// another profile's, or carry a stronger identifier.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.fragments().filter_map(Fragment::first).min()
    }

    /// Time of the last event.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.fragments().filter_map(Fragment::last).max()
    }

    /// The person's row of [`Profiles::features`]: a table of one row, or of none if there are no
    /// events by then.
    ///
    /// Cost: this person's events only, if the columns are [settled](Profiles::settle); else the
    /// whole table is computed.
    ///
    /// # Errors
    /// As [`Profiles::features`].
    pub fn features(&self, as_of: Timestamp) -> Result<Features> {
        let people = self.people;
        if !people.features.is_settled() {
            let table = people.features(as_of)?;
            let row = table.ids().iter().position(|id| *id == self.id());
            return table.select(row.as_slice());
        }
        let events = self.events(as_of)?;
        if events.first().is_none() {
            return people.table(Vec::new(), &[], as_of);
        }
        people.table(vec![self.id()], &[events], as_of)
    }

    /// Its events up to a moment, in order.
    pub(super) fn events(&self, as_of: Timestamp) -> Result<Events<'p>> {
        self.people.events(self.fragments(), as_of)
    }

    pub(super) fn texts(&self) -> &'p Texts {
        &self.people.texts
    }

    /// The log as far as it is kept, up to a moment.
    pub(super) fn log(&self, as_of: Timestamp) -> Vec<&'p Entry> {
        features::merge(self.fragments(), as_of, None, self.texts()).log
    }

    fn fragments(&self) -> impl Iterator<Item = &'p Fragment> + Clone {
        let people = self.people;
        self.signatures.iter().map(move |&s| &people.fragments[s as usize])
    }
}

impl fmt::Debug for Profile<'_> {
    /// Without the identifiers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("id", &self.id())
            .field("n_identifiers", &self.identifiers().len())
            .field("n_events", &self.n_events())
            .finish_non_exhaustive()
    }
}
