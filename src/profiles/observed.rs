//! What one event did: whose it is, and which profiles became one by it.
//!
//! The profiles of the event's identifiers are looked up before and after the event. A profile was
//! merged if the id that it had before leads to the profile of the event now.
//!
//! Cost: one look-up per identifier.

use serde::{Deserialize, Serialize};

use crate::event::IngestReport;
use crate::identity::IdentityGraph;
use crate::{Event, ProfileId};

/// What one event did; [`Profiles::observe`](crate::Profiles::observe) returns it.
///
/// ```
/// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
///
/// let at = Timestamp::parse("2017-03-01")?;
/// let mut people = Profiles::new(Rules::default(), FeatureSet::retail())?;
/// let visit = people.observe(&Event::new("visit", at).id("cookie", "c1"))?;
/// assert!(visit.created);
/// let order = Event::new("purchase", at).id("user_id", "7").property("amount", "12,50");
/// let order = people.observe(&order)?;
/// assert_eq!(order.report.unread[0].what, "amount"); // a text is not an amount
///
/// // The login tells that the two are one person.
/// let login = people.observe(&Event::new("login", at).id("cookie", "c1").id("user_id", "7"))?;
/// assert_eq!(login.profile, order.profile);
/// assert_eq!(login.merged, Vec::from_iter(visit.profile));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observed {
    /// The profile that the event belongs to; `None` if it is about somebody who was forgotten, or if
    /// it belongs to nobody so far.
    pub profile: Option<ProfileId>,
    /// Whether the profile is new: none of its identifiers that the event carries belonged to it before.
    pub created: bool,
    /// Ids that the event's identifiers led to before and that lead to `profile` now, ascending. Includes the
    /// profile's own old id if it got a stronger identifier.
    pub merged: Vec<ProfileId>,
    /// The report of the event as a batch of one: whether it is a duplicate, how many identifiers were
    /// left out, which values were not read.
    pub report: IngestReport,
}

/// The identifiers of an event that were in profiles before it: node, and node that names the profile.
pub(super) struct Before(Vec<(u32, u32)>);

impl Before {
    pub(super) fn of(event: &Event<'_>, graph: &IdentityGraph) -> Self {
        let nodes = event.identifiers.iter().filter_map(|id| graph.node(&id.kind, &id.value));
        Self(nodes.map(|node| (node, graph.name_of(node))).collect())
    }

    /// Says what became of the profiles, now that the event belongs to the profile of `name`.
    pub(super) fn compare(self, name: u32, graph: &IdentityGraph, observed: &mut Observed) {
        let leads_here = |node: u32| graph.name_of(node) == name;
        observed.profile = Some(graph.id_of_node(name));
        let merged = self.0.iter().map(|&(_, old)| old);
        observed.merged = merged
            .filter(|&old| old != name && leads_here(old))
            .map(|old| graph.id_of_node(old))
            .collect();
        observed.merged.sort_unstable();
        observed.merged.dedup();
        observed.created = !self.0.iter().any(|&(node, _)| leads_here(node));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::profiles::StoreOptions;
    use crate::{Event, FeatureSet, Identifier, ProfileId, Profiles, Rules, Timestamp};

    fn people() -> Profiles {
        let rules = Rules::default().key([3; 16]);
        Profiles::with_options(
            rules,
            FeatureSet::retail(),
            StoreOptions { dedupe: true, ..StoreOptions::default() },
        )
        .unwrap()
    }

    fn visit() -> Event<'static> {
        Event::new("visit", Timestamp::from_millis(1_500_000_000_000))
    }

    #[test]
    fn duplicates_and_forgotten_people_and_left_out_identifiers_are_told() {
        let mut people = people();
        let event = visit().id("card", "1").id("card", "x".repeat(5000)).message_id("m");
        let first = people.observe(&event).unwrap();
        assert_eq!((first.report.accepted, first.report.bad_identifiers), (1, 1));
        let again = people.observe(&event).unwrap();
        assert_eq!((again.report.accepted, again.report.duplicates), (0, 1));
        assert_eq!((again.profile, again.created), (first.profile, false));
        people.forget(("card", "1")).unwrap();
        let suppressed = people.observe(&event).unwrap();
        assert_eq!((suppressed.profile, suppressed.report.suppressed), (None, 1));
        let nobody = people.observe(&visit().id("cookie", "null").id("cookie", "undefined"));
        assert!(nobody.is_ok_and(|nobody| nobody.profile.is_none() && !nobody.created));
    }

    #[test]
    fn a_manual_link_has_made_the_profile_before_the_first_event() {
        let mut people = people();
        let (card, cookie) = (Identifier::new("card", "1"), Identifier::new("cookie", "c"));
        people.must_link(&card, &cookie).unwrap();
        let linked = people.identity().get(("card", "1"));
        let first = people.observe(&visit().id("card", "1")).unwrap();
        let second = people.observe(&visit().id("cookie", "c")).unwrap();
        assert_eq!((first.created, second.created), (false, false));
        assert_eq!((first.profile, second.profile), (linked, linked));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn what_an_event_did_is_the_difference_of_all_profiles_before_and_after(
            steps in prop::collection::vec((prop::collection::vec((0usize..3, 0u8..4, 0u8..4), 1..4), any::<bool>()), 1..20),
        ) {
            let mut people = people();
            for (identifiers, batch) in steps {
                let mut event = visit();
                for (kind, value, claimed) in identifiers {
                    let (kind, value) = (["user_id", "email", "cookie"][kind], format!("v{value}"));
                    event = if claimed == 0 { event.claimed_id(kind, value) } else { event.id(kind, value) };
                }
                let before: BTreeSet<ProfileId> = people.identity().profiles().into_iter().collect();
                let known: BTreeSet<(String, String)> = before.iter()
                    .flat_map(|&id| people.identity().identifiers(id))
                    .map(|id| (id.kind.into_owned(), id.value.into_owned())).collect();
                let asked: Vec<ProfileId> = event.identifiers.iter()
                    .filter_map(|id| people.identity().get(id)).collect();
                let mut other = people.clone();
                let Ok(observed) = people.observe(&event) else { continue };
                if batch {
                    prop_assert_eq!(&observed.report, &other.extend([&event]));
                }
                let profile = people.identity().profile_of(&event).unwrap();
                prop_assert_eq!(observed.profile, profile);
                let Some(profile) = profile else { continue };
                let is_known = people.identity().identifiers(profile).iter()
                    .any(|id| known.contains(&(id.kind.to_string(), id.value.to_string())));
                prop_assert_eq!(observed.created, !is_known);
                let merged: BTreeSet<ProfileId> = asked.into_iter()
                    .filter(|&old| old != profile && people.identity().get(old) == Some(profile)).collect();
                prop_assert_eq!(observed.merged, Vec::from_iter(merged));
            }
        }
    }
}
