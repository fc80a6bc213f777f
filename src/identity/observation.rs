//! What is put into the graph: the identifiers of one event, its time, its message id.

use std::borrow::Cow;

use crate::num::prefetch;
use crate::{Event, Identifier, Timestamp};

/// What the graph takes in: an observation, or an event, of which it is made without a copy.
pub(crate) trait Seen: Sync {
    fn at(&self) -> Timestamp;
    fn message(&self) -> Option<&str>;
    fn identifiers(&self) -> impl Iterator<Item = &Identifier<'_>>;
    fn n_identifiers(&self) -> usize;
    /// Asks for what it points at ahead of a look at it.
    fn soon(&self);
}

impl Seen for Observation<'_> {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn message(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|id| !id.is_empty())
    }

    fn identifiers(&self) -> impl Iterator<Item = &Identifier<'_>> {
        self.event.iter().chain(self.pair.iter().flatten()).chain(&self.more)
    }

    fn n_identifiers(&self) -> usize {
        self.event.len() + self.pair.iter().flatten().count() + self.more.len()
    }

    fn soon(&self) {
        prefetch::soon_ref(self.event);
    }
}

impl Seen for &Event<'_> {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn message(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|id| !id.is_empty())
    }

    fn identifiers(&self) -> impl Iterator<Item = &Identifier<'_>> {
        self.identifiers.iter()
    }

    fn n_identifiers(&self) -> usize {
        self.identifiers.len()
    }

    fn soon(&self) {
        prefetch::soon_ref(&*self.identifiers);
        prefetch::soon_ref(&*self.properties);
    }
}

/// The identifiers that were seen together, when, and in which message.
///
/// Borrows its texts; two identifiers need no allocation.
///
/// ```
/// use personas::identity::Observation;
/// use personas::{Event, Timestamp};
///
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let login = Observation::new(at).id("cookie", "c1").id("user_id", "7").message_id("m1");
/// let event = Event::new("login", at).id("cookie", "c1").id("user_id", "7").message_id("m1");
/// assert!(login.identifiers().eq(Observation::from(&event).identifiers()));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    at: Timestamp,
    message_id: Option<Cow<'a, str>>,
    event: &'a [Identifier<'a>],
    pair: [Option<Identifier<'a>>; 2],
    more: Vec<Identifier<'a>>,
}

impl<'a> Observation<'a> {
    /// An observation without identifiers yet.
    #[inline]
    pub fn new(at: Timestamp) -> Self {
        Self { at, message_id: None, event: &[], pair: [None, None], more: Vec::new() }
    }

    /// Adds an identifier.
    #[must_use]
    #[inline]
    pub fn id(self, kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.with(Identifier::new(kind, value))
    }

    /// Adds an identifier that the client claims and nobody verified.
    #[must_use]
    #[inline]
    pub fn claimed_id(self, kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.with(Identifier::claimed(kind, value))
    }

    /// Adds an identifier that is at hand.
    #[must_use]
    #[inline]
    pub fn with(mut self, identifier: Identifier<'a>) -> Self {
        match self.pair.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(identifier),
            None => self.more.push(identifier),
        }
        self
    }

    /// Sets the message's id. Of equal sets of identifiers the id of the first message is kept.
    #[must_use]
    pub fn message_id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The identifiers.
    pub fn identifiers(&self) -> impl Iterator<Item = &Identifier<'a>> {
        self.event.iter().chain(self.pair.iter().flatten()).chain(&self.more)
    }
}

impl<'a> From<&'a Event<'a>> for Observation<'a> {
    fn from(event: &'a Event<'a>) -> Self {
        let mut seen = Self::new(event.at);
        seen.event = &event.identifiers;
        seen.message_id = event.message_id.as_deref().map(Cow::Borrowed);
        seen
    }
}
