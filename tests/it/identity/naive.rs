//! The rules of identity, written down once more as slowly and plainly as possible.
//!
//! Everything is recomputed from the whole set of observations. Nothing is shared with the
//! library but the words: this is what its answers are compared with.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Id = (String, String);

/// An identifier and whether it is merely claimed.
pub(crate) type End = (Id, bool);

/// One observation: identifiers with whether they are merely claimed, time, message id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) ids: BTreeMap<Id, bool>,
    pub(crate) at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    First,
    Latest,
    Nobody,
}

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) priority: Vec<&'static str>,
    pub(crate) limits: BTreeMap<&'static str, usize>,
    pub(crate) blocked: BTreeSet<&'static str>,
    pub(crate) hubs: Vec<(&'static str, usize, &'static str)>,
    pub(crate) owner: Owner,
    pub(crate) weak: BTreeSet<&'static str>,
    pub(crate) must: BTreeSet<(Id, Id)>,
    pub(crate) cannot: BTreeSet<(Id, Id)>,
    pub(crate) clock: (i64, i64),
}

/// What the rules make of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The identifier that names the profile, for every identifier that is in one.
    pub(crate) profile: BTreeMap<Id, Id>,
    /// The same for every set of identifiers observed together; none: unattributed.
    pub(crate) attribution: BTreeMap<BTreeMap<Id, bool>, Option<Id>>,
    pub(crate) shared: BTreeSet<Id>,
    /// Refused links: the stronger end, the weaker end, why.
    pub(crate) refused: BTreeSet<(Id, Id, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    ends: (Id, Id),
    claimed: (bool, bool),
    manual: bool,
    first: i64,
    last: i64,
}

impl Rules {
    fn rank<'a>(&self, id: &'a Id) -> (usize, &'a Id) {
        (self.priority.iter().position(|k| *k == id.0).unwrap_or(99), id)
    }

    fn kind_rank<'a>(&self, kind: &'a str) -> (usize, &'a str) {
        (self.priority.iter().position(|k| *k == kind).unwrap_or(99), kind)
    }

    fn is_blocked(&self, id: &Id) -> bool {
        self.blocked.contains(id.1.as_str())
    }

    /// Two unclaimed values of a kind with limit 1.
    pub(crate) fn refuses(&self, seen: &Seen) -> bool {
        self.limits.iter().any(|(kind, &n)| {
            let values =
                seen.ids.iter().filter(|(id, c)| id.0 == *kind && !**c && !self.is_blocked(id));
            n == 1 && values.count() > 1
        })
    }

    fn hub(&self, kind: &str, of: &str) -> Option<usize> {
        let weaker = self.kind_rank(of) < self.kind_rank(kind);
        if self.owner == Owner::Nobody && weaker && self.priority.first() == Some(&of) {
            return Some(1);
        }
        let said = self.hubs.iter().find(|h| h.0 == kind && h.2 == of).map(|h| h.1);
        said.or(weaker.then_some(10))
    }

    fn strong_kind(&self, kind: &str) -> bool {
        (kind == "email" || self.limits.get(kind) == Some(&1)) && !self.weak.contains(kind)
    }

    /// The identifier by which an observation is dropped if it was forgotten before.
    pub(crate) fn strongest(&self, ids: &BTreeMap<Id, bool>) -> Option<Id> {
        let usable = || ids.iter().filter(|(id, _)| !self.is_blocked(id));
        let first = usable().filter(|(_, c)| !**c).map(|(id, _)| id).min_by_key(|id| self.rank(id));
        first.or_else(|| usable().map(|(id, _)| id).min_by_key(|id| self.rank(id))).cloned()
    }
}

/// Everything the rules look up, computed from the whole set.
struct Facts<'a> {
    rules: &'a Rules,
    seen: &'a [Seen],
    class: BTreeMap<Id, Id>,
    shared: BTreeSet<Id>,
}

impl<'a> Facts<'a> {
    fn new(rules: &'a Rules, seen: &'a [Seen]) -> Self {
        let mut facts = Self { rules, seen, class: BTreeMap::new(), shared: BTreeSet::new() };
        // Values joined by must-links count as one: the smallest of them.
        for _ in 0..rules.must.len() {
            for (a, b) in &rules.must {
                if !facts.manual(a, b) {
                    continue;
                }
                let least = facts.class_of(a).min(facts.class_of(b));
                facts.class.insert(a.clone(), least.clone());
                facts.class.insert(b.clone(), least);
            }
        }
        let ids: BTreeSet<&Id> = seen.iter().flat_map(|s| s.ids.keys()).collect();
        for id in ids.into_iter().filter(|id| !rules.is_blocked(id)) {
            let mut with: BTreeMap<&str, BTreeSet<Id>> = BTreeMap::new();
            for one in seen.iter().filter(|s| s.ids.get(id) == Some(&false)) {
                for (other, claimed) in &one.ids {
                    if !claimed && !rules.is_blocked(other) && other.0 != id.0 {
                        with.entry(&other.0).or_default().insert(facts.class_of(other));
                    }
                }
            }
            if with.iter().any(|(of, v)| rules.hub(&id.0, of).is_some_and(|n| v.len() > n)) {
                facts.shared.insert(id.clone());
            }
        }
        facts
    }

    fn manual(&self, a: &Id, b: &Id) -> bool {
        !self.rules.is_blocked(a) && !self.rules.is_blocked(b)
    }

    fn class_of(&self, id: &Id) -> Id {
        self.class.get(id).unwrap_or(id).clone()
    }

    fn verified(&self, id: &Id) -> bool {
        self.seen.iter().any(|s| s.ids.get(id) == Some(&false))
    }

    fn only_claimed(&self, id: &Id) -> bool {
        !self.verified(id) && self.seen.iter().any(|s| s.ids.contains_key(id))
    }

    fn strong(&self, id: &Id) -> bool {
        self.rules.strong_kind(&id.0) && !self.only_claimed(id)
    }

    fn trusted(&self, at: i64) -> Option<i64> {
        (self.rules.clock.0 <= at && at <= self.rules.clock.1).then_some(at)
    }

    /// The earliest time of an identifier: of its verified copies, if it has any.
    fn first(&self, id: &Id) -> i64 {
        let verified = self.verified(id);
        let copies = self.seen.iter().filter(|s| match s.ids.get(id) {
            Some(claimed) => !verified || !claimed,
            None => false,
        });
        copies.filter_map(|s| self.trusted(s.at)).min().unwrap_or(i64::MAX)
    }

    fn anchor(&self, ids: &BTreeMap<Id, bool>) -> Option<Id> {
        let least = |list: Vec<&Id>| list.into_iter().min_by_key(|id| self.rules.rank(id)).cloned();
        let open: Vec<(&Id, bool)> =
            ids.iter().filter(|(id, _)| !self.rules.is_blocked(id)).map(|(i, c)| (i, *c)).collect();
        let usable: Vec<_> =
            open.iter().copied().filter(|(id, _)| !self.shared.contains(*id)).collect();
        let pick =
            |of: &[(&Id, bool)]| least(of.iter().filter(|(_, c)| !c).map(|(i, _)| *i).collect());
        if let Some(first) = pick(&usable) {
            return Some(first);
        }
        if usable.is_empty() {
            // All shared. A claim alone never attributes an event.
            return pick(&open);
        }
        least(usable.iter().map(|(id, _)| *id).collect()).filter(|id| !self.verified(id))
    }

    fn links(&self) -> Vec<Link> {
        let mut links: BTreeMap<(Id, Id, bool, bool), (i64, i64)> = BTreeMap::new();
        for one in self.seen {
            let Some(anchor) = self.anchor(&one.ids) else { continue };
            let first = self.trusted(one.at).unwrap_or(i64::MAX);
            let last = self.trusted(one.at).unwrap_or(i64::MIN);
            for (other, &claimed) in &one.ids {
                if *other == anchor || self.rules.is_blocked(other) || self.shared.contains(other) {
                    continue;
                }
                let (a, b) = ((anchor.clone(), one.ids[&anchor]), (other.clone(), claimed));
                let (a, b) =
                    if self.rules.rank(&a.0) < self.rules.rank(&b.0) { (a, b) } else { (b, a) };
                let times = links.entry((a.0, b.0, a.1, b.1)).or_insert((first, last));
                *times = (times.0.min(first), times.1.max(last));
            }
        }
        let mut all: Vec<Link> = links
            .into_iter()
            .map(|((a, b, ca, cb), (first, last))| Link {
                ends: (a, b),
                claimed: (ca, cb),
                manual: false,
                first,
                last,
            })
            .collect();
        for (a, b) in self.rules.must.iter().filter(|(a, b)| self.manual(a, b)) {
            let (a, b) = if self.rules.rank(a) < self.rules.rank(b) { (a, b) } else { (b, a) };
            all.push(Link {
                ends: (a.clone(), b.clone()),
                claimed: (false, false),
                manual: true,
                first: i64::MAX,
                last: i64::MIN,
            });
        }
        all.sort_by_key(|link| {
            let (a, b) = (&link.ends.0, &link.ends.1);
            let time = if self.rules.owner == Owner::Latest {
                i128::from(i64::MAX) - i128::from(link.last)
            } else {
                i128::from(link.first)
            };
            (
                !link.manual,
                link.claimed.0 || link.claimed.1,
                (self.rules.kind_rank(&b.0).0, b.0.clone()),
                (self.rules.kind_rank(&a.0).0, a.0.clone()),
                time,
                (a.1.clone(), b.1.clone()),
                link.claimed,
            )
        });
        all
    }

    fn count(&self, cluster: &BTreeSet<Id>, kind: &str) -> usize {
        cluster
            .iter()
            .filter(|id| id.0 == kind)
            .map(|id| self.class_of(id))
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Why two clusters may not be joined by a link.
    fn obstacle(&self, link: &Link, a: &BTreeSet<Id>, b: &BTreeSet<Id>) -> Option<String> {
        let across = |(x, y): &(Id, Id)| {
            (a.contains(x) && b.contains(y)) || (a.contains(y) && b.contains(x))
        };
        let ends = [(&link.ends.0, link.claimed.0), (&link.ends.1, link.claimed.1)];
        if ends.iter().any(|(id, claimed)| *claimed && self.verified(id)) {
            return Some("claimed".into());
        }
        if self.rules.cannot.iter().any(across) {
            return Some("cannot_link".into());
        }
        if link.manual {
            return None;
        }
        let both: BTreeSet<Id> = a.union(b).cloned().collect();
        let mut kinds: Vec<_> = self.rules.limits.iter().collect();
        kinds.sort_by_key(|(kind, _)| self.rules.kind_rank(kind));
        for (kind, &n) in kinds {
            let count = self.count(&both, kind);
            if count > n && count > self.count(a, kind) && count > self.count(b, kind) {
                return Some(format!("limit {kind} {n}: {count}"));
            }
        }
        let weak = ends.iter().any(|(id, _)| self.rules.weak.contains(id.0.as_str()));
        let strong = |cluster: &BTreeSet<Id>| cluster.iter().any(|id| self.strong(id));
        (weak && strong(a) && strong(b)).then(|| "weak".into())
    }
}

/// Profiles, attributions and refusals of a set of observations.
pub(crate) fn answer(rules: &Rules, seen: &[Seen]) -> Answer {
    let seen: Vec<Seen> = seen.iter().filter(|s| !rules.refuses(s)).cloned().collect();
    let facts = Facts::new(rules, &seen);
    let mut clusters: Vec<BTreeSet<Id>> = Vec::new();
    let manual = rules.must.iter().filter(|(a, b)| facts.manual(a, b));
    let ids: BTreeSet<Id> = seen
        .iter()
        .flat_map(|s| s.ids.keys().cloned())
        .chain(manual.flat_map(|(a, b)| [a.clone(), b.clone()]))
        .filter(|id| !rules.is_blocked(id))
        .collect();
    clusters.extend(ids.iter().map(|id| BTreeSet::from([id.clone()])));
    let mut refused = Vec::new();
    for link in facts.links() {
        let of =
            |id: &Id| clusters.iter().position(|c| c.contains(id)).expect("every end is a node");
        let (a, b) = (of(&link.ends.0), of(&link.ends.1));
        if a == b {
            continue;
        }
        if let Some(reason) = facts.obstacle(&link, &clusters[a], &clusters[b]) {
            refused.push((link, reason));
            continue;
        }
        let joined = std::mem::take(&mut clusters[b]);
        clusters[a].extend(joined);
        clusters.remove(b);
    }
    let mut profile = BTreeMap::new();
    for cluster in &clusters {
        let name = cluster.iter().min_by_key(|id| {
            (facts.only_claimed(id), rules.kind_rank(&id.0), facts.first(id), id.1.clone())
        });
        let name = name.expect("clusters are not empty");
        profile.extend(cluster.iter().map(|id| (id.clone(), name.clone())));
    }
    let attribution = seen
        .iter()
        .map(|s| (s.ids.clone(), facts.anchor(&s.ids).map(|id| profile[&id].clone())))
        .collect();
    // A link that was refused and whose ends came together by another way is not news.
    let refused = refused
        .into_iter()
        .filter(|(link, _)| profile[&link.ends.0] != profile[&link.ends.1])
        .map(|(link, reason)| (link.ends.0, link.ends.1, reason))
        .collect();
    Answer { profile, attribution, shared: facts.shared, refused }
}

/// What is left of each observation when these are forgotten, before or after it came.
pub(crate) fn left(rules: &Rules, seen: &[Seen], gone: &BTreeSet<Id>) -> Vec<Option<Seen>> {
    let left = |one: &Seen| if rules.refuses(one) { None } else { arrive(rules, one, gone) };
    seen.iter().map(left).collect()
}

/// The same, and the rules without what names them.
pub(crate) fn forget(rules: &mut Rules, seen: &[Seen], gone: &BTreeSet<Id>) -> Vec<Seen> {
    let left = left(rules, seen, gone).into_iter().flatten().collect();
    let about = |pair: &(Id, Id)| gone.contains(&pair.0) || gone.contains(&pair.1);
    rules.must.retain(|pair| !about(pair));
    rules.cannot.retain(|pair| !about(pair));
    left
}

/// What is left of an observation that comes after these were forgotten.
pub(crate) fn arrive(rules: &Rules, one: &Seen, gone: &BTreeSet<Id>) -> Option<Seen> {
    if rules.strongest(&one.ids).is_some_and(|id| gone.contains(&id)) {
        return None;
    }
    let mut one = one.clone();
    one.ids.retain(|id, _| !gone.contains(id));
    (!one.ids.is_empty()).then_some(one)
}

/// The clusters that some links alone give, walked in the order of the rules; each end with
/// whether it is claimed there.
pub(crate) fn replay(rules: &Rules, seen: &[Seen], chain: &[(End, End)]) -> Vec<BTreeSet<Id>> {
    let seen: Vec<Seen> = seen.iter().filter(|s| !rules.refuses(s)).cloned().collect();
    let facts = Facts::new(rules, &seen);
    let mut clusters: Vec<BTreeSet<Id>> = Vec::new();
    for link in facts.links() {
        let ends = ((link.ends.0.clone(), link.claimed.0), (link.ends.1.clone(), link.claimed.1));
        if !chain.contains(&ends) {
            continue;
        }
        for id in [&link.ends.0, &link.ends.1] {
            if !clusters.iter().any(|c| c.contains(id)) {
                clusters.push(BTreeSet::from([id.clone()]));
            }
        }
        let of = |id: &Id| clusters.iter().position(|c| c.contains(id)).expect("just added");
        let (a, b) = (of(&link.ends.0), of(&link.ends.1));
        if a != b && facts.obstacle(&link, &clusters[a], &clusters[b]).is_none() {
            let joined = std::mem::take(&mut clusters[b]);
            clusters[a].extend(joined);
            clusters.remove(b);
        }
    }
    clusters
}
