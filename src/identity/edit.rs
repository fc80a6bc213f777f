//! Changes to a graph by other means than observations: manual links, forgetting, other graphs.

use super::forget::{self, Forgotten, Moves, Subject};
use super::graph::IdentityGraph;
use super::merge;
use super::policy::{CheckedIdentifier, Name, Pair, Relation, check_link, pair};
use super::profile_id::ProfileId;
use crate::event::IdentifierRef;
use crate::{Error, Identifier, Result};

impl IdentityGraph {
    // Manual links.

    /// Links two identifiers by hand: they belong to one person, even against limits and hub rules. If both
    /// are of one kind, they count as one value. Both exist from then on, even if no event had them. The link
    /// becomes a part of the [rules](IdentityGraph::rules).
    ///
    /// Cost: proportional to what was observed with the smaller of the two groups of linked identifiers.
    ///
    /// # Errors
    /// [`Error::InvalidRule`](crate::Error::InvalidRule) if the two are the same identifier, could not be identifiers, or were
    /// forgotten; [`Error::Refused`](crate::Error::Refused) if there is no room. Nothing changes then.
    ///
    /// ```
    /// use personas::{Identifier, IdentityGraph, Rules};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let (card, phone) = (Identifier::new("card", "1"), Identifier::new("phone", "2"));
    /// graph.must_link(&card, &phone)?;
    /// assert_eq!(graph.get(("card", "1")), graph.get(("phone", "2")));
    /// graph.unlink(&card, &phone)?;
    /// // Nothing says any more that they exist.
    /// assert_eq!(graph.get(("card", "1")), None);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn must_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.add_link(Relation::Must, &self.check_link("must_link", a, b)?)
    }

    /// Keeps two identifiers apart by hand: they never belong to one person, even against a must-link. Their
    /// components are resolved again at the next read.
    ///
    /// # Errors
    /// As [`IdentityGraph::must_link`].
    ///
    /// ```
    /// use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let event = Event::new("order", Timestamp::parse("2024-05-01")?).id("card", "1").id("phone", "2");
    /// graph.observe(&event)?;
    /// assert_eq!(graph.get(("card", "1")), graph.get(("phone", "2")));
    /// graph.cannot_link(&Identifier::new("card", "1"), &Identifier::new("phone", "2"))?;
    /// assert_ne!(graph.get(("card", "1")), graph.get(("phone", "2")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn cannot_link(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        self.add_link(Relation::Cannot, &self.check_link("cannot_link", a, b)?)
    }

    /// Removes the manual links between two identifiers, and takes back the link of an
    /// [alias](crate::identity#aliases), also of one that is still to come. Their components are joined again.
    /// [`IdentityGraph::must_link`] has an example.
    ///
    /// # Errors
    /// As [`IdentityGraph::must_link`].
    ///
    /// ```
    /// use personas::{Event, Identifier, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let at = Timestamp::parse("2017-03-01")?;
    /// let (a, b) = (Identifier::new("cookie", "c1"), Identifier::new("email", "ann@mail.org"));
    /// graph.observe(&Event::new("visit", at).id("cookie", "c1"))?;
    /// graph.observe(&Event::new("order", at).id("email", "ann@mail.org"))?;
    /// graph.must_link(&a, &b)?;
    /// assert_eq!(graph.profiles().len(), 1);
    /// graph.unlink(&a, &b)?;
    /// assert_eq!(graph.profiles().len(), 2);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn unlink(&mut self, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<()> {
        let pair = self.check_link("unlink", a, b)?;
        self.state.remove_link(Relation::Must, &pair);
        self.state.remove_link(Relation::Cannot, &pair);
        self.state.reject_alias(&pair);
        Ok(())
    }

    fn add_link(&mut self, relation: Relation, pair: &Pair) -> Result<()> {
        self.state.check_room_for(pair)?;
        self.state.add_link(relation, pair);
        Ok(())
    }

    fn check_link(&self, rule: &str, a: &Identifier<'_>, b: &Identifier<'_>) -> Result<Pair> {
        let pair = pair(a, b);
        check_link(rule, &pair)?;
        for Name { kind, value } in [&pair.0, &pair.1] {
            if self.state.policy.is_forgotten(kind, value) {
                let reason = "an end was forgotten; allow it first".into();
                return Err(Error::InvalidRule { rule: rule.to_owned(), reason });
            }
        }
        Ok(pair)
    }

    // Forgetting.

    /// Forgets an identifier or a person. An observation is removed with its strongest identifier that
    /// is not a placeholder, unclaimed before claimed; all others lose the forgotten identifiers.
    /// Observations that come later are treated in the same way, so it makes no difference which came
    /// first, the observation or the forgetting. Manual links that name the forgotten are removed.
    ///
    /// Forgetting a person removes the strong identifiers of the profile, and those that no other profile's
    /// observations use; nothing happens for an id that leads nowhere. Forgetting an identifier that was
    /// never seen is not an error: it keeps it out from now on.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) if this cannot be an identifier.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default().key([7; 16]))?;
    /// let login = Event::new("login", Timestamp::parse("2024-05-01")?).id("user_id", "7").id("cookie", "c");
    /// graph.observe(&login)?;
    /// let ann = graph.get(("cookie", "c"));
    /// assert_eq!(graph.would_forget(("user_id", "7"))?.dropped, 1);
    /// graph.forget(("user_id", "7"))?;
    /// assert!(ann.is_some_and(|id| graph.is_forgotten(id)));
    /// assert_eq!(graph.extend([&login]).suppressed, 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn forget<'s>(&mut self, who: impl Into<Subject<'s>>) -> Result<Forgotten> {
        let report = self.forget_moving(who)?.0;
        self.renumber_if_sparse();
        Ok(report)
    }

    /// As [`IdentityGraph::forget`]; returns the marks that stay behind, and what became of the signatures, as
    /// well.
    pub(crate) fn forget_moving<'s>(
        &mut self,
        who: impl Into<Subject<'s>>,
    ) -> Result<(Forgotten, Vec<ProfileId>, Moves)> {
        let (names, report) = self.names_of(&who.into())?;
        let mark = |name: &Name| self.state.policy.id_of(&name.kind, &name.value);
        let marks = names.iter().map(mark).collect();
        let moves = forget::forget(&mut self.state, &names);
        Ok((report, marks, moves))
    }

    /// What [`IdentityGraph::forget`] would do; changes nothing.
    ///
    /// # Errors
    /// As [`IdentityGraph::forget`].
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let login = Event::new("login", Timestamp::parse("2024-05-01")?).id("user_id", "7").id("cookie", "c");
    /// graph.observe(&login)?;
    /// let person = graph.would_forget(graph.profiles()[0])?;
    /// assert_eq!((person.identifiers.len(), person.dropped), (2, 1));
    /// let cookie = graph.would_forget(("cookie", "c"))?;
    /// assert_eq!((cookie.identifiers.len(), cookie.changed), (1, 1));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn would_forget<'s>(&self, who: impl Into<Subject<'s>>) -> Result<Forgotten> {
        Ok(self.names_of(&who.into())?.1)
    }

    /// The identifiers that go with a subject, and what forgetting them does.
    fn names_of(&self, who: &Subject<'_>) -> Result<(Vec<Name>, Forgotten)> {
        match who {
            Subject::Identifier(identifier) => {
                let Identifier { kind, value, .. } = identifier;
                let mut parts: Vec<CheckedIdentifier<'_>> = Vec::new();
                let one = IdentifierRef { kind, value, claimed: false };
                self.state.policy.check(&[one], &mut parts)?;
                let names = vec![Name::new(identifier)];
                let report = forget::report(&self.state, &forget::nodes_of(&self.state, &names));
                Ok((names, report))
            }
            Subject::Profile(id) => {
                let Some(node) = self.node_of_id(*id) else { return Ok(Default::default()) };
                let own = forget::nodes_of_profile(&self.state, node);
                let names: Vec<Name> =
                    own.iter().map(|&node| self.state.basis().name(node)).collect();
                let report = forget::report(&self.state, &forget::nodes_of(&self.state, &names));
                Ok((names, report))
            }
        }
    }

    /// Allows a forgotten identifier again; returns whether it was forgotten. Removed observations stay
    /// removed.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut graph = IdentityGraph::new(Rules::default())?;
    /// let visit = Event::new("visit", Timestamp::parse("2017-03-01")?).id("user_id", "7");
    /// graph.forget(("user_id", "7"))?;
    /// assert_eq!(graph.extend([&visit]).suppressed, 1);
    /// assert!(graph.allow("user_id", "7"));
    /// assert_eq!(graph.extend([&visit]).accepted, 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn allow(&mut self, kind: &str, value: &str) -> bool {
        let id = self.rules().profile_id(kind, value);
        self.state.policy.forgotten.remove(&id)
    }

    // Other graphs.

    /// Adds the evidence of another graph with the same rules and key: shards, machines, snapshots.
    /// Manual links are united. What either has forgotten is forgotten, by the rule for
    /// observations that arrive after the forgetting.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if rules or keys differ in more than manual links;
    /// [`Error::Refused`](crate::Error::Refused) if there is no room. Nothing changes then.
    ///
    /// ```
    /// use personas::{Event, IdentityGraph, Rules, Timestamp};
    ///
    /// let mut shards = [IdentityGraph::new(Rules::default())?, IdentityGraph::new(Rules::default())?];
    /// let login = Event::new("login", Timestamp::parse("2024-05-01")?).id("user_id", "7");
    /// shards[0].observe(&login.clone().id("cookie", "c"))?;
    /// shards[1].observe(&login.id("email", "ann@mail.org"))?;
    /// let [mut graph, other] = shards;
    /// graph.merge(&other)?;
    /// assert_eq!(graph.get(("cookie", "c")), graph.get(("email", "ann@mail.org")));
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.merge_moving(other).map(|_| ())
    }

    /// As [`IdentityGraph::merge`]; returns where this graph's signatures went, and the other's.
    pub(crate) fn merge_moving(&mut self, other: &Self) -> Result<(Moves, Moves)> {
        merge::merge(&mut self.state, &other.state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::Rules;
    use super::*;

    #[test]
    fn a_hundred_thousand_manual_links_one_by_one_are_those_of_the_rules_at_once() {
        // Chains, stars and pairs; with a cost that grows with the links there are, this takes hours.
        const N: usize = 100_000;
        let ends = |i: usize| {
            let (a, b) = match i % 3 {
                0 => (i, i + 3),
                1 => (1, i + 3),
                _ => (i, i + 1_000_000),
            };
            [a, b].map(|n| Identifier::new("card", format!("c{n}")))
        };
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        for i in 0..N {
            let [a, b] = ends(i);
            graph.must_link(&a, &b).unwrap();
        }
        // One chain, one star, and the pairs.
        assert_eq!(graph.n_profiles(), 2 + N / 3);
        let again = IdentityGraph::new(graph.rules().clone()).unwrap();
        assert!(again == graph);
        assert_eq!(again.n_identifiers(), graph.n_identifiers());
    }

    #[test]
    fn manual_links_of_placeholders_count_no_identifiers() {
        let mut graph = IdentityGraph::new(Rules::default()).unwrap();
        let [a, b] = ["card", "user_id"].map(|kind| Identifier::new(kind, "null"));
        graph.must_link(&a, &b).unwrap();
        assert_eq!((graph.n_identifiers(), graph.health().contradictions.len()), (0, 1));
        graph.unlink(&Identifier::new("card", "1"), &Identifier::new("card", "2")).unwrap();
        let restored = IdentityGraph::new(graph.rules().clone()).unwrap();
        assert_eq!((graph.n_identifiers(), restored.n_identifiers()), (0, 0));
        graph.unlink(&a, &b).unwrap();
        assert!(graph.health().contradictions.is_empty());
    }
}
