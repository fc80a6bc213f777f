//! What the receiver of a body knows of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::event::Wanted;

/// What is known of a body beside its bytes, and how it is to be read; see
/// [`receive`](super::receive) for an example.
///
/// The default knows nothing: it reads a stored log. A body that arrives now is
/// `Received { at: Some(now), ..Received::default() }`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Received {
    /// When the body was received. Calls without a time get this time; with a `sentAt`, it also corrects the
    /// client's clock. `None` for a stored log.
    pub at: Option<Timestamp>,
    /// The type of calls that leave it out, from the path of the request: `track` of `/v1/track`, or
    /// its first letter. Other words, such as `batch`, say nothing.
    pub call: Option<String>,
    /// Whether a `receivedAt` in the body counts as the time of receipt. Trust only bodies that a
    /// server of yours stored: clients can write anything.
    pub trust_received_at: bool,
    /// Names of traits and properties that hold an identifier, each with the kind of the identifier. They are
    /// looked up in `traits`, `context.traits` and `properties`; such a value is then neither an attribute nor a
    /// property. Choose with care: a property `email` is often another person's, such as an invited friend's.
    pub identifiers: BTreeMap<String, String>,
    /// Names of properties whose texts are numbers if they look so: `"12.50"`, and `"12,5"` with
    /// one or two digits after a comma. Fields of objects in a list have dotted names, such as
    /// `products.price`.
    pub numbers: BTreeSet<String>,
}

/// How calls are read: as the caller says, and what of them somebody needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadSettings<'s> {
    pub(crate) received: &'s Received,
    pub(crate) wanted: &'s Wanted,
}
