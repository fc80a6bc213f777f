//! Forgetting: the state of a graph that never saw them, and a mark against their return.
//!
//! What was forgotten leaves no byte behind but its id, a keyed hash. An observation that arrives
//! later and whose strongest identifier is forgotten is dropped whole; others lose only it.

use std::collections::BTreeSet;

use super::IdentityGraph;
use super::evidence::{CLAIM, flag};
use super::rules::Name;
use crate::{Identifier, ProfileId, Result};

/// What was forgotten, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// The identifiers, from the strongest.
    pub identifiers: Vec<Identifier<'static>>,
    /// Observations that go with them, because they belong to them.
    pub dropped: u64,
    /// Observations of others that lose an identifier.
    pub changed: u64,
}

/// Old signature and the one its observations belong to now, if they were kept.
pub(crate) type Moves = Vec<(u32, Option<u32>)>;

/// What happens to the signatures of nodes that go.
struct Plan {
    dropped: Vec<u32>,
    changed: Vec<u32>,
}

impl IdentityGraph {
    /// Forgets an identifier: as if the observations that belong to it had never come, and all
    /// others had come without it. Manual links that name it go with it.
    ///
    /// Forgetting what was never seen is no error: it keeps it out from now on.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) if this cannot be an identifier.
    ///
    /// ```
    /// use personas::identity::{Observation, Observed, Resolution};
    /// use personas::{IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default().key([7; 16]))?;
    /// let login = Observation::new(Timestamp::parse("2024-05-01")?).id("user_id", "7");
    /// graph.observe(&login)?;
    /// let id = graph.get("user_id", "7").ok_or(personas::Error::Empty { what: "the graph" })?;
    /// assert_eq!(graph.would_forget("user_id", "7")?.dropped, 1);
    /// graph.forget("user_id", "7")?;
    /// assert_eq!(graph.resolve(id), Resolution::Forgotten);
    /// assert_eq!(graph.observe(&login)?, Observed::Suppressed);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn forget(&mut self, kind: &str, value: &str) -> Result<Forgotten> {
        Ok(self.forget_moving(kind, value)?.0)
    }

    /// As [`IdentityGraph::forget`], with what became of the signatures.
    pub(crate) fn forget_moving(&mut self, kind: &str, value: &str) -> Result<(Forgotten, Moves)> {
        let report = self.would_forget(kind, value)?;
        let name = Name::new(&Identifier::new(kind, value));
        let moves = self.forget_names(&[name], Self::anchor);
        Ok((report, moves))
    }

    /// What [`IdentityGraph::forget`] would do.
    ///
    /// # Errors
    /// As [`IdentityGraph::forget`].
    pub fn would_forget(&self, kind: &str, value: &str) -> Result<Forgotten> {
        let identifier = Identifier::new(kind, value);
        self.parts(std::iter::once(&identifier), 1)?;
        let name = Name::new(&identifier);
        Ok(self.report(&self.find_names(&[name])))
    }

    /// Forgets a person: the strong identifiers of a profile, and those that no other profile's
    /// observations use. Nothing happens for an id that leads nowhere.
    pub fn forget_profile(&mut self, id: ProfileId) -> Forgotten {
        self.forget_profile_moving(id).0
    }

    /// As [`IdentityGraph::forget_profile`], with what became of the signatures.
    pub(crate) fn forget_profile_moving(&mut self, id: ProfileId) -> (Forgotten, Moves) {
        let gone = self.of_profile(id);
        let report = self.report(&gone);
        let names: Vec<Name> = gone.iter().map(|&node| self.name(node)).collect();
        let moves = self.forget_names(&names, Self::anchor);
        (report, moves)
    }

    /// What [`IdentityGraph::forget_profile`] would do.
    pub fn would_forget_profile(&self, id: ProfileId) -> Forgotten {
        self.report(&self.of_profile(id))
    }

    /// Lets a forgotten identifier be seen again; whether it was forgotten. What is gone stays gone.
    pub fn allow(&mut self, kind: &str, value: &str) -> bool {
        let name = Name::new(&Identifier::new(kind, value));
        let id = self.id_of(&name.kind, &name.value);
        self.forgotten.remove(&id)
    }

    /// The nodes of a profile that go with it.
    fn of_profile(&self, id: ProfileId) -> BTreeSet<u32> {
        let Some(node) = self.node_of_id(id) else { return BTreeSet::new() };
        let members = self.members_of(node);
        let ours = |sig: u32| {
            let anchor = self.anchor(self.signatures.slots(sig));
            anchor.is_none_or(|anchor| members.binary_search(&anchor).is_ok())
        };
        let goes = |node: &u32| {
            self.is_strong(*node)
                || self.signatures.of(&self.nodes, *node).all(|(sig, _)| ours(sig))
        };
        members.iter().copied().filter(goes).collect()
    }

    pub(crate) fn name(&self, node: u32) -> Name {
        let kind = self.kinds.get(self.nodes.kind(node)).name.to_string();
        Name { kind, value: self.nodes.value(node).to_owned() }
    }

    fn find_names(&self, names: &[Name]) -> BTreeSet<u32> {
        let find = |name: &Name| self.nodes.find(self.kinds.find(&name.kind)?, &name.value);
        names.iter().filter_map(find).collect()
    }

    fn report(&self, gone: &BTreeSet<u32>) -> Forgotten {
        let plan = self.plan(gone, Self::anchor);
        let count = |sigs: &[u32]| {
            sigs.iter().map(|&sig| u64::from(self.signatures.times(sig).count)).sum()
        };
        let present = gone.iter().copied().filter(|&node| self.nodes.is_present(node)).collect();
        let identifiers = self.sorted(present).into_iter().map(|identifier| Identifier {
            kind: identifier.kind.into_owned().into(),
            value: identifier.value.into_owned().into(),
            claimed: identifier.claimed,
        });
        Forgotten {
            identifiers: identifiers.collect(),
            dropped: count(&plan.dropped),
            changed: count(&plan.changed),
        }
    }

    fn plan(&self, gone: &BTreeSet<u32>, owner: fn(&Self, &[u32]) -> Option<u32>) -> Plan {
        let mut sigs = BTreeSet::new();
        for &node in gone {
            sigs.extend(self.signatures.of(&self.nodes, node).map(|(sig, _)| sig));
        }
        let goes = |sig: &u32| {
            let slots = self.signatures.slots(*sig);
            slots.iter().all(|slot| gone.contains(&(slot & !CLAIM)))
                || owner(self, slots).is_some_and(|node| gone.contains(&node))
        };
        let (dropped, changed) = sigs.into_iter().partition(goes);
        Plan { dropped, changed }
    }

    /// The identifier by which an observation on arrival is somebody's, whatever else is known.
    pub(crate) fn strongest(&self, slots: &[u32]) -> Option<u32> {
        let open = || slots.iter().filter(|slot| !self.nodes.has(*slot & !CLAIM, flag::BLOCKED));
        let first = open().find(|slot| *slot & CLAIM == 0).or_else(|| open().next());
        first.map(|slot| slot & !CLAIM)
    }

    /// Forgets identifiers at once; `owner` says whose a signature is. Where signatures went.
    pub(crate) fn forget_names(
        &mut self,
        names: &[Name],
        owner: fn(&Self, &[u32]) -> Option<u32>,
    ) -> Moves {
        for Name { kind, value } in names {
            self.forgotten.insert(self.id_of(kind, value));
        }
        let gone = self.find_names(names);
        let plan = self.plan(&gone, owner);
        if names.iter().any(|name| self.rules.names(&name.kind, &name.value)) {
            let mut rules = self.rules.clone();
            names.iter().for_each(|name| rules.forget(&name.kind, &name.value));
            self.set_manual(rules).expect("fewer manual links need no more room");
        }
        let mut others: Vec<u32> = Vec::new();
        let mut removed = i64::MAX;
        let mut moves = Moves::new();
        for &sig in plan.dropped.iter().chain(&plan.changed) {
            let slots = self.signatures.slots(sig).to_vec();
            others.extend(slots.iter().map(|slot| slot & !CLAIM));
            let times = self.signatures.times(sig);
            removed = removed.min(times.first);
            let message = self.signatures.message(sig).map(str::to_owned);
            self.signatures.erase(sig);
            let mut to = None;
            if plan.changed.binary_search(&sig).is_ok() {
                let left: Vec<u32> =
                    slots.into_iter().filter(|slot| !gone.contains(&(slot & !CLAIM))).collect();
                let message = message.as_deref();
                to = Some(match self.signatures.find(&left) {
                    Some(there) => {
                        self.signatures.repeat(there, times, message);
                        there
                    }
                    None => self.signatures.push(&left, times, message, &mut self.nodes),
                });
            }
            moves.push((sig, to));
        }
        others.extend(&gone);
        others.sort_unstable();
        others.dedup();
        others.iter().for_each(|&node| self.reconsider(node, removed));
        self.settle();
        self.rebuild(others.clone());
        others.into_iter().for_each(|node| self.bury(node));
        moves
    }

    /// Removes a node that nothing holds any more.
    pub(crate) fn bury(&mut self, node: u32) {
        let held = flag::SEEN | flag::MUST | flag::CANNOT | flag::DEAD;
        if !self.nodes.has(node, held) {
            self.drop_hubs(node);
            self.nodes.erase(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Observation, Rules};
    use super::*;
    use crate::Timestamp;

    #[test]
    fn signatures_that_become_alike_are_one_and_say_so() {
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        let seen = |at| Observation::new(Timestamp::from_millis(at)).id("user_id", "7");
        let year = 1_000_000_000_000;
        let plain = graph.observe_signature(&seen(year)).unwrap();
        let with = graph.observe_signature(&seen(year + 1).id("cookie", "c")).unwrap();
        let own = Observation::new(Timestamp::from_millis(year)).id("cookie", "c");
        let own = graph.observe_signature(&own).unwrap();
        let (report, mut moves) = graph.forget_moving("cookie", "c").unwrap();
        moves.sort_unstable();
        assert_eq!(moves, [(with.unwrap(), plain), (own.unwrap(), None)]);
        assert_eq!((report.dropped, report.changed), (1, 1));
        let times = graph.signatures.times(plain.unwrap());
        assert_eq!((times.count, times.last), (2, year + 1));
        assert_eq!(graph.nodes.n_live(), 1);
    }
}
