//! What joins people, and what must not.
//!
//! Rules are plain data: two graphs with equal rules and equal observations are equal. Nothing is
//! checked by the setters; [`IdentityGraph::new`](crate::IdentityGraph::new) checks the whole.

pub(super) mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::profile_id::ProfileId;
use super::manual::Relation;
use super::value;
use crate::{Identifier, Timestamp};

/// Longest kind or value in bytes. A longer one is refused, never cut: cutting could join people.
pub(crate) const MAX_BYTES: usize = 1024;
/// Most identifiers on one observation.
pub(crate) const MAX_IDENTIFIERS: usize = 64;
/// A kind below the top is shared beyond this many values of a stronger kind, unless a hub says
/// otherwise.
pub(crate) const DEFAULT_HUB: usize = 10;

/// Who keeps an identifier that two people claim, such as the cookie of a shared device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Owner {
    /// The person seen with it earliest.
    #[default]
    First,
    /// The person seen with it latest.
    Latest,
    /// Nobody: an identifier seen with two values of the top kind joins no one.
    Nobody,
}

/// A kind and a normalised value; the end of a manual link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) kind: String,
    pub(crate) value: String,
}

impl Name {
    pub(crate) fn new(identifier: &Identifier<'_>) -> Self {
        Self {
            kind: identifier.kind.to_string(),
            value: value::normalise(&identifier.kind, &identifier.value).into_owned(),
        }
    }
}

/// The two ends of a manual link, the smaller first.
pub(crate) type Pair = (Name, Name);

pub(crate) fn pair(a: &Identifier<'_>, b: &Identifier<'_>) -> Pair {
    pair_of([a, b].map(Name::new))
}

pub(crate) fn pair_of([a, b]: [Name; 2]) -> Pair {
    if a <= b { (a, b) } else { (b, a) }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Blocked {
    kind: String,
    pattern: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hub {
    kind: String,
    n: usize,
    of: String,
}

/// The rules of an [`IdentityGraph`](crate::IdentityGraph).
///
/// The defaults: `user_id` is the strongest kind and a person has one of them; `email` comes next,
/// at most five; every other kind follows in alphabetical order, without limit. Placeholder values
/// (see [`Rules::blocked`]) join nobody. An identifier below the top kind that was seen with more than
/// ten values of any one stronger kind is *shared* and joins nobody.
///
/// ```
/// use personas::identity::Owner;
/// use personas::{IdentityGraph, Rules};
///
/// let rules = Rules::default()
///     .priority(["user_id", "email", "card"])
///     .limit("card", 3)
///     .blocked("email", "*@test.example.com")
///     .hub("cookie", 4, "user_id")
///     .owner(Owner::Latest);
/// let graph = IdentityGraph::new(rules)?;
/// assert!(IdentityGraph::new(Rules::default().limit("card", 0)).is_err());
/// # assert!(graph.get(("card", "1")).is_none());
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    priority: Vec<String>,
    limits: BTreeMap<String, usize>,
    /// Whether the default list of placeholders is blocked, see [`Rules::blocked`]; true unless set.
    pub default_blocked: bool,
    blocked: Vec<Blocked>,
    hubs: Vec<Hub>,
    owner: Owner,
    weak: BTreeSet<String>,
    /// Whether an alias call joins two user ids, see [aliases](crate::identity#aliases); true unless set. Without
    /// it a previous id is always an anonymous one. Switch it off where anybody can send calls, as with a
    /// browser's write key: otherwise they can join another person's profile to their own.
    pub aliases: bool,
    must: BTreeSet<Pair>,
    cannot: BTreeSet<Pair>,
    /// Links of aliases that were taken back.
    rejected_aliases: BTreeSet<Pair>,
    clock: (Timestamp, Timestamp),
    #[serde(skip)]
    key: Option<SecretKey>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            priority: vec!["user_id".into(), "email".into()],
            limits: BTreeMap::from([("user_id".into(), 1), ("email".into(), 5)]),
            default_blocked: true,
            blocked: Vec::new(),
            hubs: Vec::new(),
            owner: Owner::First,
            weak: BTreeSet::new(),
            aliases: true,
            must: BTreeSet::new(),
            cannot: BTreeSet::new(),
            rejected_aliases: BTreeSet::new(),
            // 1990-01-01 and 2200-01-01.
            clock: (
                Timestamp::from_millis(631_152_000_000),
                Timestamp::from_millis(7_258_118_400_000),
            ),
            key: None,
        }
    }
}

impl Rules {
    /// Values that stand for "nobody", as (kind, pattern); `*` is any kind. Values made of zeros
    /// and hyphens alone, and empty ones, are blocked with them; [`Rules::blocked`] lists them for users.
    ///
    /// Collected from the lists of Segment, PostHog and Adobe and from RFC 2606.
    const BLOCKED: &'static [(&'static str, &'static str)] = &[
        ("*", "-1"),
        ("*", "null"),
        ("*", "none"),
        ("*", "nan"),
        ("*", "undefined"),
        ("*", "anonymous"),
        ("*", "guest"),
        ("*", "unknown"),
        ("*", "not_authenticated"),
        ("*", "true"),
        ("*", "false"),
        ("*", "[object Object]"),
        ("*", "[object Undefined]"),
        ("*", "distinct_id"),
        ("*", "distinctid"),
        ("*", "email"),
        ("*", "id"),
        ("*", "nil"),
        ("*", "n/a"),
        ("*", "na"),
        ("*", "(null)"),
        ("*", "<null>"),
        ("*", "(none)"),
        ("*", "(not set)"),
        ("*", "{}"),
        ("*", "[]"),
        // The Android id of an emulator image.
        ("*", "lmy47d"),
        ("email", "*@localhost"),
        ("email", "*@*.local"),
        ("email", "*@*.localdomain"),
        ("email", "*@*.invalid"),
        ("email", "*@example.*"),
        ("email", "test@test.com"),
        ("email", "noemail@noemail.com"),
        ("email", "?@?"),
        ("email", "?@?.?"),
        ("email", "?@?.??"),
        ("email", "?@?.???"),
    ];

    /// Sets the order of kinds, the strongest first; kinds not named follow in alphabetical order. A person's
    /// profile id is made from the strongest identifier.
    ///
    /// ```
    /// use personas::{FeatureSet, Profiles, Rules};
    ///
    /// let rules = Rules::default().priority(["member", "user_id", "email"]);
    /// let people = Profiles::new(rules, FeatureSet::retail())?;
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn priority<K: Into<String>>(mut self, kinds: impl IntoIterator<Item = K>) -> Self {
        self.priority = kinds.into_iter().map(Into::into).collect();
        self
    }

    /// Limits a person to at most `n` values of a kind.
    ///
    /// A link is refused if it would join two people who both have values of the kind, more than
    /// `n` together. `usize::MAX` removes the limit.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let mut graph = IdentityGraph::new(Rules::default().limit("card", 1))?;
    /// graph.observe(&Event::new("visit", at).id("cookie", "a").id("card", "1"))?;
    /// graph.observe(&Event::new("visit", at).id("cookie", "a").id("card", "2"))?; // another person
    /// assert_ne!(graph.get(("card", "1")), graph.get(("card", "2")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn limit(mut self, kind: impl Into<String>, n: usize) -> Self {
        let kind = kind.into();
        if n == usize::MAX {
            self.limits.remove(&kind);
        } else {
            self.limits.insert(kind, n);
        }
        self
    }

    /// Adds a pattern of values that never join anybody, for a kind or, with `*`, for all kinds. In a pattern
    /// `*` stands for any text and `?` for one character; ASCII letters match in either case.
    ///
    /// Blocked unless [`default_blocked`](#structfield.default_blocked) is false: values made of zeros
    /// and hyphens alone, of `f` and hyphens alone, of invisible characters alone, and what clients send in
    /// place of an identifier, such as `null`, `undefined`, `n/a`, `(not set)`, `{}`, `true` or
    /// `[object Object]`; e-mails such as `a@b`, `test@test.com` or of a domain that RFC 2606 reserves. They
    /// are collected from the lists of Segment, PostHog and Adobe. Quotation marks and invisible
    /// characters around a value do not hide a placeholder. Such values are not message ids either.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let mut graph = IdentityGraph::new(Rules::default().blocked("card", "test*"))?;
    /// graph.observe(&Event::new("visit", at).id("cookie", "a").id("card", "TEST 1"))?;
    /// graph.observe(&Event::new("visit", at).id("cookie", "b").id("card", "TEST 1"))?;
    /// assert_ne!(graph.get(("cookie", "a")), graph.get(("cookie", "b")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn blocked(mut self, kind: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.blocked.push(Blocked { kind: kind.into(), pattern: pattern.into() });
        self
    }

    /// Adds or replaces a hub rule: a value of `kind` that was seen with more than `n` values of the kind `of`
    /// is shared. A shared value can still be looked up, but joins nobody.
    ///
    /// By default, every kind except the strongest has such a rule for each stronger kind, with `n` = 10.
    #[must_use]
    pub fn hub(mut self, kind: impl Into<String>, n: usize, of: impl Into<String>) -> Self {
        let (kind, of) = (kind.into(), of.into());
        self.hubs.retain(|hub| hub.kind != kind || hub.of != of);
        self.hubs.push(Hub { kind, n, of });
        self.hubs.sort_unstable_by(|a, b| (&a.kind, &a.of).cmp(&(&b.kind, &b.of)));
        self
    }

    /// Sets who keeps an identifier that two people claim. Default: [`Owner::First`].
    ///
    /// ```
    /// use personas::identity::Owner;
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let (may, june) = (Timestamp::parse("2024-05-01")?, Timestamp::parse("2024-06-01")?);
    /// let mut graph = IdentityGraph::new(Rules::default().owner(Owner::Latest))?;
    /// graph.observe(&Event::new("login", may).id("user_id", "ann").id("device", "d"))?;
    /// graph.observe(&Event::new("login", june).id("user_id", "ben").id("device", "d"))?;
    /// assert_eq!(graph.get(("device", "d")), graph.get(("user_id", "ben")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// Makes a kind weak: its values belong to one person, and never join two people who each have a strong
    /// identifier. Use it for kiosks and shared devices.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let at = Timestamp::parse("2024-05-01")?;
    /// let mut graph = IdentityGraph::new(Rules::default().weak("kiosk"))?;
    /// graph.observe(&Event::new("order", at).id("kiosk", "1").id("email", "ann@mail.net"))?;
    /// graph.observe(&Event::new("order", at).id("kiosk", "1").id("email", "ben@mail.net"))?;
    /// assert_ne!(graph.get(("email", "ann@mail.net")), graph.get(("email", "ben@mail.net")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn weak(mut self, kind: impl Into<String>) -> Self {
        self.weak.insert(kind.into());
        self
    }

    /// Sets the times at which events can have happened, 1990-01-01 to 2200-01-01 by default. An
    /// [`IdentityGraph`](crate::IdentityGraph) orders observations with other times last, so that an event with
    /// a wrong clock cannot become the first owner of an identifier. [`Profiles`](crate::Profiles) refuses them.
    ///
    /// ```
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let (opening, today) = (Timestamp::parse("2020-01-01")?, Timestamp::parse("2024-05-01")?);
    /// let mut people = Profiles::new(Rules::default().clock(opening, today), FeatureSet::retail())?;
    /// let early = Event::new("purchase", Timestamp::parse("2001-01-01")?).id("card", "1");
    /// assert!(people.observe(&early).is_err());
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, min: Timestamp, max: Timestamp) -> Self {
        self.clock = (min, max);
        self
    }

    /// The secret that profile ids and the marks of the forgotten are made with. Without one,
    /// anybody can compute the id of an e-mail address. It is never part of a snapshot.
    #[must_use]
    pub fn key(mut self, key: [u8; 16]) -> Self {
        self.key = Some(SecretKey(key));
        self
    }

    /// Whether values like this one join nobody. The value is normalised.
    pub(crate) fn blocks(&self, kind: &str, value: &str) -> bool {
        let core = value::core(value);
        let is_hit = |pattern: &str| {
            let matches = |text: &str| value::matches(pattern.as_bytes(), text.as_bytes());
            matches(value) || matches(core)
        };
        self.blocks_zeros() && value::is_void(core) || self.patterns(kind).any(is_hit)
    }

    /// Whether values made of zeros and hyphens alone are blocked.
    pub(super) fn blocks_zeros(&self) -> bool {
        self.default_blocked
    }

    /// The patterns that block values of a kind.
    pub(super) fn patterns<'r>(&'r self, kind: &'r str) -> impl Iterator<Item = &'r str> {
        let default = if self.default_blocked { Self::BLOCKED } else { &[] };
        let own = self.blocked.iter().map(|b| (&*b.kind, &*b.pattern));
        let all = default.iter().copied().chain(own);
        all.filter(move |&(of, _)| of == "*" || of == kind).map(|(_, pattern)| pattern)
    }

    /// The place of a kind in the order of strength: compare these.
    pub(crate) fn strength<'k>(&self, kind: &'k str) -> (usize, &'k str) {
        (self.priority.iter().position(|k| k == kind).unwrap_or(usize::MAX), kind)
    }

    /// The strongest kind that is named.
    pub(crate) fn top(&self) -> Option<&str> {
        self.priority.first().map(String::as_str)
    }

    pub(crate) fn limit_of(&self, kind: &str) -> Option<usize> {
        self.limits.get(kind).copied()
    }

    /// More than this many values of `of` make a value of `kind` shared.
    pub(crate) fn hub_of(&self, kind: &str, of: &str) -> Option<usize> {
        if kind == of {
            return None;
        }
        let given = self.hubs.iter().find(|h| h.kind == kind && h.of == of).map(|h| h.n);
        let weaker = self.strength(of) < self.strength(kind);
        let n = given.or(weaker.then_some(DEFAULT_HUB));
        if self.owner == Owner::Nobody && weaker && self.top() == Some(of) {
            return Some(1);
        }
        n
    }

    /// Whether some hub rule differs from the default.
    pub(crate) fn has_hubs(&self) -> bool {
        !self.hubs.is_empty() || self.owner == Owner::Nobody
    }

    /// The kinds of the priority, the strongest first.
    pub(crate) fn priority_order(&self) -> impl Iterator<Item = &str> {
        self.priority.iter().map(String::as_str)
    }

    /// The rules about certain kinds that differ from the default, as they are called, with these kinds.
    pub(crate) fn of_kinds(&self) -> Vec<(String, Vec<&str>)> {
        let default = Self::default();
        let mut rules = Vec::new();
        for (kind, n) in &self.limits {
            if default.limits.get(kind) != Some(n) {
                rules.push((format!("limit {kind} {n}"), vec![kind.as_str()]));
            }
        }
        for Hub { kind, n, of } in &self.hubs {
            rules.push((format!("hub {kind}={n}:{of}"), vec![kind.as_str(), of.as_str()]));
        }
        for kind in &self.weak {
            rules.push((format!("weak {kind}"), vec![kind.as_str()]));
        }
        for Blocked { kind, pattern } in self.blocked.iter().filter(|rule| rule.kind != "*") {
            rules.push((format!("blocked {kind} {pattern}"), vec![kind.as_str()]));
        }
        rules
    }

    /// The kinds these rules know by name.
    pub(crate) fn named_kinds(&self) -> impl Iterator<Item = &str> {
        self.priority.iter().chain(self.limits.keys()).map(String::as_str)
    }

    /// All kinds that some rule names; a kind can come more than once.
    pub(crate) fn all_named_kinds(&self) -> impl Iterator<Item = &str> {
        let hubs = self.hubs.iter().flat_map(|hub| [&hub.kind, &hub.of]);
        let blocked = self.blocked.iter().map(|rule| &rule.kind).filter(|kind| *kind != "*");
        let others = hubs.chain(blocked).chain(&self.weak);
        self.named_kinds().chain(others.map(String::as_str))
    }

    /// Whether some kind is weak.
    pub(crate) fn has_weak(&self) -> bool {
        !self.weak.is_empty()
    }

    pub(crate) fn is_weak(&self, kind: &str) -> bool {
        self.weak.contains(kind)
    }

    /// Whether verified values of a kind tell people apart.
    pub(crate) fn is_strong(&self, kind: &str) -> bool {
        (kind == "email" || self.limit_of(kind) == Some(1)) && !self.is_weak(kind)
    }

    pub(crate) fn latest(&self) -> bool {
        self.owner == Owner::Latest
    }

    /// The time as an instant that can be trusted, or none.
    pub(crate) fn trusted(&self, at: Timestamp) -> Option<i64> {
        // The ends of time stand for "none" where times are stored.
        let ends = [i64::MIN, i64::MAX].contains(&at.millis());
        (self.clock.0 <= at && at <= self.clock.1 && !ends).then_some(at.millis())
    }

    pub(crate) fn clock_range(&self) -> (Timestamp, Timestamp) {
        self.clock
    }

    pub(crate) fn must(&self) -> &BTreeSet<Pair> {
        &self.must
    }

    pub(crate) fn cannot(&self) -> &BTreeSet<Pair> {
        &self.cannot
    }

    /// The manual links of a relation; of aliases, those that were taken back.
    pub(crate) fn links(&self, relation: Relation) -> &BTreeSet<Pair> {
        match relation {
            Relation::Must | Relation::Idle => &self.must,
            Relation::Alias => &self.rejected_aliases,
            Relation::Cannot => &self.cannot,
        }
    }

    /// Adds or removes a manual link; returns whether that changed the rules.
    pub(super) fn set_link(&mut self, relation: Relation, pair: &Pair, is_linked: bool) -> bool {
        let pairs = match relation {
            Relation::Must | Relation::Idle => &mut self.must,
            Relation::Alias => &mut self.rejected_aliases,
            Relation::Cannot => &mut self.cannot,
        };
        if is_linked { pairs.insert(pair.clone()) } else { pairs.remove(pair) }
    }

    pub(crate) fn secret(&self) -> Option<&[u8; 16]> {
        self.key.as_ref().map(|key| &key.0)
    }

    /// The id of nothing, by which another key is noticed; none without a key.
    pub(crate) fn key_check(&self) -> Option<ProfileId> {
        self.secret().map(|key| ProfileId::keyed(Some(key), "", ""))
    }

    /// The id of a profile that is named by an identifier, under the key of these rules.
    ///
    /// An [`IdentityGraph`](crate::IdentityGraph) names a profile by its strongest identifier.
    pub(crate) fn profile_id(&self, kind: &str, value: &str) -> ProfileId {
        ProfileId::keyed(self.secret(), kind, &value::normalise(kind, value))
    }

    /// Without manual links.
    pub(crate) fn automatic(&self) -> Self {
        self.with_links([Vec::new(), Vec::new(), Vec::new()])
    }

    /// With these manual links in place of its own.
    pub(crate) fn with_links(&self, links: [Vec<Pair>; 3]) -> Self {
        let [must, cannot, rejected_aliases] = links.map(|links| links.into_iter().collect());
        Self { must, cannot, rejected_aliases, ..self.clone() }
    }

    /// The must-links, the cannot-links, and the links of aliases that were taken back.
    pub(crate) fn all_links(&self) -> [&BTreeSet<Pair>; 3] {
        Relation::STORED.map(|relation| self.links(relation))
    }

    /// Without the secret, as a snapshot keeps them.
    pub(crate) fn without_key(&self) -> Self {
        Self { key: None, ..self.clone() }
    }
}

impl fmt::Debug for Rules {
    /// Of manual links only their number: identifiers are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("priority", &self.priority)
            .field("limits", &self.limits)
            .field("default_blocked", &self.default_blocked)
            .field("blocked", &self.blocked)
            .field("hubs", &self.hubs)
            .field("owner", &self.owner)
            .field("weak", &self.weak)
            .field("aliases", &self.aliases)
            .field("n_must", &self.must.len())
            .field("n_cannot", &self.cannot.len())
            .field("n_rejected_aliases", &self.rejected_aliases.len())
            .field("clock", &self.clock)
            .field("key", &self.key)
            .finish()
    }
}

/// A secret that is never printed.
#[derive(Clone, PartialEq, Eq)]
struct SecretKey([u8; 16]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_with_its_name() {
        let user = Identifier::new("user_id", "7");
        let linked = |relation, other: &Identifier<'_>| {
            let mut rules = Rules::default();
            rules.set_link(relation, &pair(&user, other), true);
            rules
        };
        let mut rules = vec![
            (Rules::default().limit("card", 0), "limit card 0"),
            (Rules::default().hub("card", 3, "card"), "hub card=3:card"),
            (Rules::default().hub("card", 0, "email"), "hub card=0:email"),
            (Rules::default().weak("user_id"), "weak user_id"),
            (Rules::default().priority(["a", "b", "a"]), "priority a"),
            (linked(Relation::Must, &user), "must_link"),
            (linked(Relation::Cannot, &Identifier::new("a", "\0")), "cannot_link"),
            (Rules::default().blocked("*", "x".repeat(2000)), "blocked"),
        ];
        let late = Timestamp::from_millis(1);
        rules.push((Rules::default().clock(late, Timestamp::from_millis(0)), "clock"));
        for (rules, name) in rules {
            let error = rules.check().unwrap_err();
            assert!(
                matches!(&error, Error::InvalidRule { rule, .. } if rule == name),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn the_default_list_blocks_placeholders_and_nothing_else() {
        let rules = Rules::default();
        for (kind, value) in [
            ("cookie", ""),
            ("cookie", "0"),
            ("cookie", "00000000-0000-0000-0000-000000000000"),
            ("user_id", "-1"),
            ("user_id", "NULL"),
            ("user_id", "[OBJECT object]"),
            ("email", "root@localhost"),
            ("email", "a@b.local"),
            ("email", "jane@example.co.uk"),
            ("email", "a@b"),
            ("user_id", "\"null\""),
            ("user_id", "'0'"),
            ("user_id", "\u{200b}"),
            ("user_id", "(Not Set)"),
            ("device", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"),
        ] {
            assert!(rules.blocks(kind, value), "{kind} {value}");
        }
        for (kind, value) in [
            ("cookie", "00000000-0000-0000-0000-000000000001"),
            ("user_id", "nullx"),
            ("cookie", "a@localhost"),
            ("cookie", "fff"),
            ("email", "ab@cd.org"),
            ("user_id", "o'nil"),
            ("email", "jane@myexample.org"),
        ] {
            assert!(!rules.blocks(kind, value), "{kind} {value}");
        }
        let bare = Rules { default_blocked: false, ..Rules::default() }.blocked("card", "test?");
        assert!(!bare.blocks("card", "null") && !bare.blocks("card", ""));
        assert!(bare.blocks("card", "TEST1") && !bare.blocks("cookie", "test1"));
    }

    #[test]
    fn a_hub_rule_replaces_the_default_of_its_pair_alone() {
        let rules = Rules::default().hub("cookie", 3, "user_id").hub("email", 7, "name");
        assert_eq!(rules.hub_of("cookie", "user_id"), Some(3));
        assert_eq!(rules.hub_of("cookie", "email"), Some(10));
        assert_eq!(rules.hub_of("email", "name"), Some(7));
        assert_eq!(rules.hub_of("user_id", "email"), None);
        assert_eq!(rules.owner(Owner::Nobody).hub_of("cookie", "user_id"), Some(1));
    }

    #[test]
    fn the_key_is_neither_printed_nor_stored() {
        let rules = Rules::default().key([0xab; 16]);
        assert!(format!("{rules:?}").contains("Key(..)"));
        let json = serde_json::to_string(&rules).unwrap();
        assert!(!json.contains("key"), "{json}");
        let back: Rules = serde_json::from_str(&json).unwrap();
        assert_eq!(back, rules.without_key());
    }

    #[test]
    fn rules_can_be_written_by_hand_in_part_but_not_misspelled() {
        let rules: Rules = serde_json::from_str(r#"{"limits": {"card": 2}}"#).unwrap();
        assert_eq!((rules.limit_of("card"), rules.limit_of("user_id")), (Some(2), None));
        assert!(serde_json::from_str::<Rules>(r#"{"limit": {"card": 2}}"#).is_err());
    }
}
