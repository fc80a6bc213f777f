//! Checks of the rules, each by itself and all together.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::kinds::{ANONYMOUS, MAX_KINDS, PREVIOUS, USER};
use super::super::manual::Relation;
use super::super::value::{self, illegal};
use super::{Blocked, Hub, MAX_BYTES, Name, Pair, Rules};
use crate::{Error, Result};

fn bad(rule: String, reason: &'static str) -> Result<()> {
    Err(Error::InvalidRule { rule, reason: Cow::Borrowed(reason) })
}

/// Checks one manual link; `rule` is its name in errors.
pub(crate) fn check_link(rule: &str, (a, b): &Pair) -> Result<()> {
    if a == b {
        return bad(rule.into(), "the two ends are the same identifier");
    }
    for Name { kind, value } in [a, b] {
        if kind.len().max(value.len()) > MAX_BYTES || illegal(kind) || illegal(value) {
            return bad(rule.into(), "an end is too long or holds a control character or U+FFFD");
        }
        if value::normalise(kind, value) != value.as_str() {
            return bad(rule.into(), "an end is not normalised");
        }
    }
    if a > b {
        return bad(rule.into(), "the ends are not in order");
    }
    Ok(())
}

/// Whether an alias can link two identifiers.
pub(crate) fn can_be_alias((a, b): &Pair) -> bool {
    match (&*a.kind, &*b.kind) {
        (USER, USER) => true,
        (ANONYMOUS, PREVIOUS) | (PREVIOUS, ANONYMOUS) => a.value == b.value,
        _ => false,
    }
}

/// Checks a link that rules hold; of aliases, one that was taken back.
pub(crate) fn check_stored_link(relation: Relation, pair: &Pair) -> Result<()> {
    let rule = match relation {
        Relation::Must | Relation::Idle => "must_link",
        Relation::Cannot => "cannot_link",
        Relation::Alias if !can_be_alias(pair) => {
            return bad("unlink".into(), "no alias makes such a link");
        }
        Relation::Alias => "unlink",
    };
    check_link(rule, pair)
}

impl Rules {
    /// Checks the rules together.
    pub(crate) fn check(&self) -> Result<()> {
        for (at, kind) in self.priority.iter().enumerate() {
            if self.priority[..at].contains(kind) {
                return bad(format!("priority {kind}"), "the kind is named twice");
            }
        }
        let named: BTreeSet<&str> = self.all_named_kinds().collect();
        if named.len() > MAX_KINDS / 2 {
            return bad("priority".into(), "at most 512 kinds can be named");
        }
        for (kind, &n) in &self.limits {
            if n == 0 {
                return bad(format!("limit {kind} 0"), "a limit is at least 1");
            }
            if n == 1 && self.weak.contains(kind) {
                return bad(format!("weak {kind}"), "a kind with limit 1 tells people apart");
            }
        }
        for Hub { kind, n, of } in &self.hubs {
            if *n == 0 {
                return bad(format!("hub {kind}=0:{of}"), "a hub needs at least 1 value");
            }
            if kind == of {
                return bad(format!("hub {kind}={n}:{of}"), "a kind cannot be a hub of itself");
            }
        }
        for Blocked { kind, pattern } in &self.blocked {
            if kind.len() > MAX_BYTES || pattern.len() > MAX_BYTES {
                return bad("blocked".into(), "a pattern is at most 1024 bytes long");
            }
        }
        for (relation, links) in Relation::STORED.into_iter().zip(self.all_links()) {
            links.iter().try_for_each(|pair| check_stored_link(relation, pair))?;
        }
        if self.clock.0 > self.clock.1 {
            return bad("clock".into(), "it ends before it begins");
        }
        Ok(())
    }
}
