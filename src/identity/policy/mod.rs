//! What may come in and what may join: rules, kinds, manual links, and who was forgotten.
//!
//! The policy knows kinds by number and manual links by node number; it does not know what was
//! observed.

mod blocklist;
mod kinds;
mod manual;
mod marks;
mod rules;
pub(super) mod value;

use std::borrow::Cow;
use std::cmp::Ordering;

pub(crate) use kinds::{ANONYMOUS, Kind, Kinds, MAX_KINDS, PREVIOUS, USER};
pub(crate) use manual::{ManualLinks, Relation};
pub(crate) use rules::check::{can_be_alias, check_link, check_stored_link};
pub(crate) use rules::{MAX_BYTES, MAX_IDENTIFIERS, Name, Pair, pair, pair_of};
pub use rules::{Owner, Rules};

use super::profile_id::ProfileId;
use blocklist::Blocklist;
use marks::Marks;
use value::illegal;

use crate::event::IdentifierRef;
use crate::{Refusal, Result};

/// A message id longer than this is refused.
const MAX_MESSAGE_BYTES: usize = 1024;

/// An identifier of an observation, normalised and checked.
#[derive(Debug, Clone)]
pub(crate) struct CheckedIdentifier<'a> {
    pub(super) kind: &'a str,
    /// The number of the kind, if it has one.
    pub(super) known: Option<Kind>,
    pub(super) value: Cow<'a, str>,
    pub(super) claimed: bool,
}

/// Whether an observation becomes part of the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    Kept,
    /// It is about somebody who was forgotten.
    Suppressed,
}

/// The rules of a graph with what belongs to them.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    rules: Rules,
    kinds: Kinds,
    /// The manual links of the rules, by the nodes of their ends.
    pub(super) manual: ManualLinks,
    /// What is not a message id.
    messages: Blocklist,
    /// Ids of the identifiers that were forgotten.
    pub(super) forgotten: Marks,
}

/// The identifier with which an observation is forgotten: the strongest that is not blocked, unclaimed
/// before claimed. They are sorted from the strongest. The same for an observation that is known and for
/// one that arrives later, of which nothing else is known.
pub(super) fn decisive<T>(
    identifiers: &[T],
    is_open: impl Fn(&T) -> bool,
    is_claimed: impl Fn(&T) -> bool,
) -> Option<&T> {
    let open = || identifiers.iter().filter(|identifier| is_open(identifier));
    open().find(|identifier| !is_claimed(identifier)).or_else(|| open().next())
}

impl Policy {
    /// A policy of rules whose manual links are yet to be numbered.
    pub(super) fn new(rules: Rules) -> Result<Self> {
        rules.check()?;
        let kinds = Kinds::new(&rules);
        let (manual, forgotten) = (ManualLinks::default(), Marks::default());
        let messages = Blocklist::new("", &rules);
        Ok(Self { rules, kinds, manual, messages, forgotten })
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// Whether a text can be the id of one message: it is not a placeholder.
    pub(super) fn is_message_id(&self, text: &str) -> bool {
        !self.messages.blocks(text.trim())
    }

    /// Numbers a kind; the caller has checked that there is room.
    pub(super) fn add_kind(&mut self, name: &str) -> Kind {
        self.kinds.add(name, &self.rules)
    }

    /// Adds a manual link to the rules or removes it; returns whether that changed them.
    pub(super) fn set_link(&mut self, relation: Relation, pair: &Pair, is_linked: bool) -> bool {
        self.rules.set_link(relation, pair, is_linked)
    }

    /// The profile id that an identifier gives.
    pub(super) fn id_of(&self, kind: &str, value: &str) -> ProfileId {
        ProfileId::keyed(self.rules.secret(), kind, value)
    }

    /// Whether an identifier was forgotten. A previous id goes with what it may turn out to be.
    pub(super) fn is_forgotten(&self, kind: &str, value: &str) -> bool {
        let is_marked = |kind: &str| self.forgotten.contains(&self.id_of(kind, value));
        let other_kinds: &[&str] = if kind == PREVIOUS { &[USER, ANONYMOUS] } else { &[] };
        !self.forgotten.is_empty()
            && (is_marked(kind) || other_kinds.iter().any(|kind| is_marked(kind)))
    }

    /// Checks an observation and fills `parts` with its identifiers, from the strongest, each
    /// once, without those that were forgotten; how many identifiers were bad and left out.
    pub(super) fn admit<'o>(
        &self,
        message_id: Option<&str>,
        identifiers: &[IdentifierRef<'o>],
        parts: &mut Vec<CheckedIdentifier<'o>>,
    ) -> std::result::Result<(Admitted, usize), Refusal> {
        if let Some(id) = message_id
            && id.len() > MAX_MESSAGE_BYTES
        {
            let bytes = id.len();
            return Err(Refusal::MessageIdTooLong { bytes, limit: MAX_MESSAGE_BYTES });
        }
        let n_bad = self.check(identifiers, parts)?;
        Ok((self.leave_out_forgotten(parts), n_bad))
    }

    /// Checks the identifiers of an observation and fills `parts` with them, from the strongest,
    /// each once. A bad identifier, such as one with a line break, costs itself: it is left out and
    /// counted. An observation with none left is refused.
    pub(super) fn check<'o>(
        &self,
        identifiers: &[IdentifierRef<'o>],
        parts: &mut Vec<CheckedIdentifier<'o>>,
    ) -> std::result::Result<usize, Refusal> {
        parts.clear();
        let n = identifiers.len();
        if n == 0 {
            return Err(Refusal::NoIdentifier);
        }
        if n > MAX_IDENTIFIERS {
            return Err(Refusal::TooManyIdentifiers { got: n, limit: MAX_IDENTIFIERS });
        }
        let mut fault = None;
        for &identifier in identifiers {
            match self.part(identifier, parts.last().map(|part| (part.kind, part.known))) {
                Ok(part) => parts.push(part),
                Err(refusal) => fault = fault.or(Some(refusal)),
            }
        }
        let n_bad = n - parts.len();
        if let (true, Some(refusal)) = (parts.is_empty(), fault) {
            return Err(refusal);
        }
        if n > 1 {
            self.sort(parts);
            self.check_single_values(parts)?;
        }
        Ok(n_bad)
    }

    /// Checks and normalises one identifier; `before` is a kind that was looked up, which is usually
    /// its own.
    pub(super) fn part<'o>(
        &self,
        IdentifierRef { kind, value, claimed }: IdentifierRef<'o>,
        before: Option<(&str, Option<Kind>)>,
    ) -> std::result::Result<CheckedIdentifier<'o>, Refusal> {
        let limit = MAX_BYTES;
        if kind.len() > limit {
            return Err(Refusal::KindTooLong { bytes: kind.len(), limit });
        }
        if value.len() > limit {
            let (kind, bytes) = (kind.to_owned(), value.len());
            return Err(Refusal::IdentifierTooLong { kind, bytes, limit });
        }
        let known = match before {
            Some((before, known)) if std::ptr::eq(before, kind) => known,
            _ => self.kinds.find(kind),
        };
        // A kind that has a number was checked when it got it.
        if known.is_none() && illegal(kind) {
            return Err(Refusal::IllegalCharacter { kind: kind.to_owned() });
        }
        let is_plain = value::is_plain(value);
        let value = match is_plain && kind != "email" {
            true => Cow::Borrowed(value),
            false => value::normalise(kind, value),
        };
        if !is_plain && illegal(&value) {
            return Err(Refusal::IllegalCharacter { kind: kind.to_owned() });
        }
        Ok(CheckedIdentifier { kind, known, value, claimed })
    }

    /// Whether anybody was forgotten.
    pub(super) fn has_forgotten(&self) -> bool {
        !self.forgotten.is_empty()
    }

    /// Sorts identifiers from the strongest and leaves each once, unclaimed if one copy is.
    fn sort(&self, parts: &mut Vec<CheckedIdentifier<'_>>) {
        let by_kind =
            |a: &CheckedIdentifier<'_>, b: &CheckedIdentifier<'_>| match (a.known, b.known) {
                (Some(a), Some(b)) => self.kinds.rank(a).cmp(&self.kinds.rank(b)),
                _ if a.kind == b.kind => Ordering::Equal,
                _ => self.rules.strength(a.kind).cmp(&self.rules.strength(b.kind)),
            };
        parts.sort_by(|a, b| {
            let order = by_kind(a, b).then_with(|| a.value.cmp(&b.value));
            order.then(a.claimed.cmp(&b.claimed))
        });
        parts.dedup_by(|later, kept| later.kind == kept.kind && later.value == kept.value);
    }

    pub(super) fn check_single_values(
        &self,
        parts: &[CheckedIdentifier<'_>],
    ) -> std::result::Result<(), Refusal> {
        for same in parts.chunk_by(|a, b| a.kind == b.kind).filter(|same| same.len() > 1) {
            let kind = same[0].kind;
            if self.rules.limit_of(kind) != Some(1) {
                continue;
            }
            let counts = |part: &&CheckedIdentifier<'_>| {
                !part.claimed && !self.rules.blocks(kind, &part.value)
            };
            if same.iter().filter(counts).count() > 1 {
                return Err(Refusal::TwoValues { kind: kind.to_owned() });
            }
        }
        Ok(())
    }

    /// Removes forgotten identifiers. An observation is suppressed if its [decisive] identifier was
    /// forgotten, or if nothing is left.
    pub(super) fn leave_out_forgotten(&self, parts: &mut Vec<CheckedIdentifier<'_>>) -> Admitted {
        if self.forgotten.is_empty() {
            return Admitted::Kept;
        }
        let is_open = |part: &CheckedIdentifier<'_>| !self.rules.blocks(part.kind, &part.value);
        let strongest = decisive(parts, is_open, |part| part.claimed);
        if strongest.is_some_and(|part| self.is_forgotten(part.kind, &part.value)) {
            return Admitted::Suppressed;
        }
        parts.retain(|part| !self.is_forgotten(part.kind, &part.value));
        if parts.is_empty() { Admitted::Suppressed } else { Admitted::Kept }
    }
}
