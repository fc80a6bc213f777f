//! A kind and a value that stand for a person: an e-mail address, a customer number, a cookie.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One identifier: a kind and a value, such as `("email", "ann@example.org")`.
///
/// ```
/// use personas::{Event, Identifier, Timestamp};
///
/// let mut event = Event::new("sign-up", Timestamp::parse("2024-05-01")?).id("cookie", "c-4711");
/// // Anybody can type any address.
/// let email = Identifier::new("email", "ann@example.org");
/// event.identifiers.push(Identifier { claimed: true, ..email });
/// assert!(!event.identifiers[0].claimed && event.identifiers[1].claimed);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier<'a> {
    /// The kind; any word.
    pub kind: Cow<'a, str>,
    /// The value, as the sender wrote it.
    pub value: Cow<'a, str>,
    /// Whether a client merely claims it and nobody verified it. A claim never joins an event to the
    /// person who has the identifier; see the [rules](crate::Rules).
    #[serde(default)]
    pub claimed: bool,
}

impl<'a> Identifier<'a> {
    /// Creates an identifier that counts as verified.
    pub fn new(kind: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self { kind: kind.into(), value: value.into(), claimed: false }
    }
}
