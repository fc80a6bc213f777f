//! One person, as known now.

use std::fmt;

use super::store::Profiles;
use crate::features::{self, Lexicon, PersonEvents, StoredEvent};
use crate::identity::Subject;
use crate::{FeatureTable, Identifier, ProfileId, Result, Timestamp};

/// One person in [`Profiles`]: the identifiers, and what is known about the person.
///
/// ```
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let (may, june) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2017-06-01")?);
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// people.observe(&Event::new("visit", may).id("cookie", "c1").id("card", "4711"))?;
/// if let Some(ann) = people.get(("card", "4711")) {
///     assert_eq!(ann.identifiers().len(), 2);
///     assert_eq!(ann.first_seen, Some(may));
///     assert_eq!(ann.features(june)?, people.features(june)?); // there is nobody else
/// }
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Profile<'p> {
    /// Its id, made from its strongest identifier. It can change as more becomes known;
    /// [`Profiles::get`] of an old one leads to the person it is now.
    pub id: ProfileId,
    /// Number of events that count.
    pub n_events: usize,
    /// Time of the first event that counts; `None` if there is none: they are duplicates of another
    /// profile's, or carry a stronger identifier.
    pub first_seen: Option<Timestamp>,
    /// Time of the last event that counts.
    pub last_seen: Option<Timestamp>,
    pub(super) people: &'p Profiles,
    pub(super) node: u32,
    pub(super) signatures: Vec<u32>,
}

impl Profiles {
    /// Returns the person that an identifier, or a profile id handed out at any time, leads to now. If the
    /// [`id`](Profile::id) of the result is another one, the profile has moved.
    ///
    /// Returns `None` if the identifier was never seen, is a placeholder, was forgotten
    /// ([`is_forgotten`](crate::IdentityGraph::is_forgotten) tells), or belongs to nobody. The last is the case for
    /// an e-mail address beyond the limit of a person, and for an identifier that too many people share.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// let visit = people.observe(&Event::new("visit", at).id("cookie", "c1"))?;
    /// people.observe(&Event::new("login", at).id("cookie", "c1").id("user_id", "7"))?;
    /// if let Some(old) = visit.profile {
    ///     let moved = people.get(old).map(|person| person.id);
    ///     assert_eq!(moved, people.get(("user_id", "7")).map(|person| person.id));
    ///     assert_ne!(moved, Some(old));
    /// }
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn get<'s>(&self, who: impl Into<Subject<'s>>) -> Option<Profile<'_>> {
        let node = match who.into() {
            Subject::Profile(id) => self.graph.node_of_id(id),
            Subject::Identifier(name) => self.graph.node(&name.kind, &name.value),
        };
        Some(Profile::new(self, node?)).filter(|person| !person.signatures.is_empty())
    }
}

impl<'p> Profile<'p> {
    /// The profile of a node.
    pub(super) fn new(people: &'p Profiles, node: u32) -> Self {
        let graph = &people.graph;
        let signatures = graph.signatures_of(node);
        let (mut n_events, mut first_seen, mut last_seen) = (0, None, None);
        for &signature in &signatures {
            n_events += people.histories.n_events(signature);
            if let Some((first, last)) = people.histories.span(signature) {
                first_seen = Some(first_seen.map_or(first, |seen: Timestamp| seen.min(first)));
                last_seen = last_seen.max(Some(last));
            }
        }
        let id = graph.id_of_node(graph.name_of(node));
        Self { id, n_events, first_seen, last_seen, people, node, signatures }
    }

    /// Everything it was seen under, strongest kind first, then by value.
    pub fn identifiers(&self) -> Vec<Identifier<'p>> {
        let graph = &self.people.graph;
        graph.sorted(graph.members_of(self.node))
    }

    /// The person's row of [`Profiles::features`]: a table of one row, or of none if there are no
    /// events by then.
    ///
    /// Cost: proportional to this person's events. If columns depend on everybody's events, the first call after
    /// a change, or for another moment, costs as much as a whole table. So call [`Profiles::freeze`] on a store
    /// that is read while it changes.
    ///
    /// # Errors
    /// As [`Profiles::features`].
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let (may, june) = (Timestamp::parse("2017-05-01")?, Timestamp::parse("2017-06-01")?);
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
    /// people.observe(&Event::new("purchase", may).id("card", "1").property("amount", 5.0))?;
    /// if let Some(ann) = people.get(("card", "1")) {
    ///     assert_eq!(ann.features(june)?.n_rows(), 1);
    ///     assert_eq!(ann.features(Timestamp::parse("2017-04-01")?)?.n_rows(), 0); // not there yet
    /// }
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn features(&self, as_of: Timestamp) -> Result<FeatureTable> {
        let people = self.people;
        let (plan, n_left_out) = people.plan_for(as_of)?;
        let mut person = PersonEvents { log: Vec::new(), summary: None };
        people.events(self.signatures.iter().copied(), as_of, &mut person)?;
        let is_there = person.first().is_some_and(|first| first <= as_of);
        let row = is_there.then_some(&person);
        let columns = features::row(&plan, row, as_of, &people.histories.dictionary);
        let columns = columns.into_iter().map(|column| column.into_column(&plan)).collect();
        let ids = if is_there { vec![self.id] } else { Vec::new() };
        Ok(FeatureTable::of_columns(ids, as_of, columns, n_left_out))
    }

    pub(super) fn lexicon(&self) -> Lexicon<'p> {
        self.people.histories.lexicon()
    }

    /// The log as far as it is kept, up to a moment.
    pub(super) fn log(&self, as_of: Timestamp) -> Vec<StoredEvent<'p>> {
        let mut log = Vec::new();
        let _ = self.people.histories.events(self.signatures.iter().copied(), as_of, &mut log);
        log
    }
}

impl fmt::Debug for Profile<'_> {
    /// Without the identifiers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("id", &self.id)
            .field("n_identifiers", &self.identifiers().len())
            .field("n_events", &self.n_events)
            .finish_non_exhaustive()
    }
}
