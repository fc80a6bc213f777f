//! What is asked of the three parts of a graph together: who an identifier is, what a profile holds, whose events
//! are whose. Nothing here changes a state.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::aliases::{self, AliasMeaning};
use super::evidence::{Recorded, is_claim, node_of, slot};
use super::partition::MergedComponent;
use super::policy::{ANONYMOUS, Admitted, CheckedIdentifier, Kind, PREVIOUS};
use super::profile_id::ProfileId;
use super::state::State;
use crate::event::IdentifierRef;
use crate::num::parallel;
use crate::{Identifier, Refusal, Timestamp};

/// Identifiers that are looked up at a time.
const AT_A_TIME: usize = 16;
/// Prefetch distance of look-ups one after another.
const AHEAD: usize = 8;

/// Kind, value, and the number of the kind with the hash of both.
type KeyedIdentifiers<'k> = Vec<(&'k str, Cow<'k, str>, Option<(Kind, u32)>)>;

/// Profiles with the signatures whose events belong to them.
#[derive(Debug, Default)]
pub(crate) struct Attribution {
    /// The node that names each profile, ascending.
    names: Vec<u32>,
    /// Where the signatures of each profile end.
    ends: Vec<u32>,
    /// The signatures of each profile, ascending.
    signatures: Vec<u32>,
}

impl Attribution {
    /// Number of profiles.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The node that names a profile.
    pub(crate) fn name(&self, profile: usize) -> u32 {
        self.names[profile]
    }

    /// The signatures of a profile.
    pub(crate) fn signatures(&self, profile: usize) -> &[u32] {
        let start = if profile == 0 { 0 } else { self.ends[profile - 1] };
        &self.signatures[start as usize..self.ends[profile] as usize]
    }
}

impl State {
    /// The identifiers of an observation as checked parts, without those that were forgotten; none
    /// if it is suppressed.
    pub(super) fn admitted<'o>(
        &self,
        identifiers: &[IdentifierRef<'o>],
    ) -> std::result::Result<Option<Vec<CheckedIdentifier<'o>>>, Refusal> {
        let mut parts = Vec::new();
        let (admitted, _) = self.policy.admit(None, identifiers, &mut parts)?;
        Ok((admitted == Admitted::Kept).then_some(parts))
    }

    /// The identifiers of a signature, as they came.
    pub(super) fn parts_of(&self, sig: u32) -> Vec<CheckedIdentifier<'_>> {
        let slots = self.evidence.signatures().slots(sig).iter();
        let part = |&place: &u32| {
            let node = node_of(place);
            let name = self.basis().identifier(node);
            let kind = &*self.policy.kinds().get(self.basis().kind(node)).name;
            let claimed = place == slot(node, true);
            CheckedIdentifier { kind, known: None, value: name.value, claimed }
        };
        slots.map(part).collect()
    }

    /// The node of an identifier, as the caller spells it.
    pub(super) fn find(&self, kind: &str, value: &str) -> Option<u32> {
        let value = super::policy::value::normalise(kind, value);
        self.evidence.find(&self.policy, kind, &value)
    }

    /// The node of an identifier that is in a profile.
    pub(super) fn find_in_profile(&self, kind: &str, value: &str) -> Option<u32> {
        let mut found = None;
        let one = IdentifierRef { kind, value, claimed: false };
        self.find_each_in_profile(&[one], |_, node| found = Some(node));
        found
    }

    /// Finds the nodes of identifiers that are in profiles; `found` is told the place and the node of each.
    /// Each step is made for some of them at a time, so that the waits overlap.
    pub(super) fn find_each_in_profile(
        &self,
        identifiers: &[IdentifierRef<'_>],
        mut found: impl FnMut(usize, u32),
    ) {
        let nodes = self.evidence.nodes();
        let mut start = 0;
        for some in identifiers.chunks(AT_A_TIME) {
            let key = |&IdentifierRef { kind, value, .. }: &_| {
                let value = super::policy::value::normalise(kind, value);
                let number = self.policy.kinds().find(kind);
                let key = number.map(|number| (number, self.policy.kinds().hash(number, &value)));
                key.iter().for_each(|key| nodes.prefetch(key.1));
                (kind, value, key)
            };
            let keys: KeyedIdentifiers<'_> = some.iter().map(key).collect();
            let mut guesses = [None; AT_A_TIME];
            for ((.., key), guess) in keys.iter().zip(&mut guesses) {
                *guess = key.and_then(|key| nodes.prefetch_facts(key.1));
                guess.iter().for_each(|&guess| self.partition.prefetch(guess));
            }
            for guess in guesses.iter_mut().flatten() {
                nodes.prefetch_text(*guess);
                *guess = self.partition.prefetch_name(*guess, self.basis()).unwrap_or(*guess);
            }
            // The names of the profiles were asked for in the step before.
            guesses.iter().flatten().for_each(|&name| nodes.prefetch_text(name));
            for (place, (kind, value, key)) in (start..).zip(&keys) {
                let own = key.and_then(|(kind, hash)| nodes.find(hash, kind, value));
                let own = own.filter(|&node| nodes.is_in_profile(node));
                let node = own.or_else(|| self.find_previous(kind, value));
                node.into_iter().for_each(|node| found(place, node));
            }
            start += some.len();
        }
    }

    /// The node of an anonymous id that only an alias call knows.
    fn find_previous(&self, kind: &str, value: &str) -> Option<u32> {
        if kind != ANONYMOUS {
            return None;
        }
        let previous = self.evidence.find(&self.policy, PREVIOUS, value)?;
        let is_meant = self.evidence.nodes().is_in_profile(previous)
            && aliases::meaning(self.basis(), previous) == AliasMeaning::Unseen;
        is_meant.then_some(previous)
    }

    /// The node that names a node's profile.
    pub(super) fn name_of(&self, node: u32) -> u32 {
        self.partition.name_of(node, self.basis())
    }

    /// The members of a node's profile, ascending.
    pub(super) fn members_of(&self, node: u32) -> Vec<u32> {
        self.partition.members_of(node, self.basis())
    }

    /// The constrained merge of a node's component, if a rule may part its members.
    pub(super) fn merged(&self, node: u32) -> Option<Arc<MergedComponent>> {
        self.partition.merged(node, self.basis())
    }

    /// The components, as one node of each that is in a profile.
    pub(super) fn roots(&self) -> impl Iterator<Item = u32> + '_ {
        self.partition.roots().filter(|&node| self.evidence.nodes().is_in_profile(node))
    }

    /// Whether a rule may part the members of a node's component.
    pub(super) fn is_contested(&self, node: u32) -> bool {
        self.partition.is_contested(node, self.basis())
    }

    /// The members of a node's component, ascending.
    pub(super) fn component_of(&self, node: u32) -> Vec<u32> {
        self.partition.component_of(node)
    }

    pub(super) fn n_profiles(&self) -> usize {
        self.partition.n_profiles(self.basis())
    }

    /// The nodes in profiles.
    pub(super) fn nodes_in_profiles(&self) -> impl Iterator<Item = u32> + '_ {
        let nodes = self.evidence.nodes();
        (0..nodes.len() as u32).filter(|&node| nodes.is_in_profile(node))
    }

    /// The nodes that name a profile.
    pub(super) fn names(&self) -> impl Iterator<Item = u32> + '_ {
        self.nodes_in_profiles().filter(|&node| self.name_of(node) == node)
    }

    pub(super) fn id_of_node(&self, node: u32) -> ProfileId {
        self.basis().id_of_node(node)
    }

    /// The id of a node's profile.
    pub(super) fn profile_of_node(&self, node: u32) -> ProfileId {
        self.id_of_node(self.name_of(node))
    }

    /// The node that names the profile of a signature's events.
    pub(super) fn name_of_signature(&self, sig: u32) -> Option<u32> {
        if !self.evidence.signatures().is_live(sig) {
            return None;
        }
        self.basis().anchor_of(sig).map(|anchor| self.name_of(anchor))
    }

    /// As [`State::name_of_signature`] of many signatures, whose memory is prefetched.
    pub(super) fn names_of_signatures(&self, sigs: &[u32]) -> impl Iterator<Item = u32> {
        let (nodes, signatures) = (self.evidence.nodes(), self.evidence.signatures());
        let at = |place: usize| sigs.get(place).copied();
        (0..sigs.len()).filter_map(move |i| {
            at(i + 3 * AHEAD).into_iter().for_each(|sig| signatures.prefetch_times(sig));
            at(i + 2 * AHEAD).into_iter().for_each(|sig| signatures.prefetch_slots(sig));
            for &slot in at(i + AHEAD).map_or(&[][..], |sig| signatures.slots(sig)) {
                nodes.prefetch_node(node_of(slot));
                self.partition.prefetch(node_of(slot));
            }
            self.name_of_signature(sigs[i])
        })
    }

    /// As [`State::id_of_node`] of many nodes, whose memory is prefetched.
    pub(super) fn ids_of_nodes(&self, all: &[u32]) -> impl Iterator<Item = ProfileId> {
        let nodes = self.evidence.nodes();
        let at = |place: usize| all.get(place).copied();
        (0..all.len()).map(move |i| {
            at(i + 2 * AHEAD).into_iter().for_each(|node| {
                nodes.prefetch_node(node);
                nodes.prefetch_end(node);
            });
            at(i + AHEAD).into_iter().for_each(|node| nodes.prefetch_text(node));
            self.id_of_node(all[i])
        })
    }

    /// The signatures whose events belong to a node's profile, ascending.
    pub(super) fn signatures_of(&self, node: u32) -> Vec<u32> {
        let members = self.members_of(node);
        let mut all: Vec<u32> =
            members.into_iter().flat_map(|node| self.basis().anchored(node)).collect();
        all.sort_unstable();
        all
    }

    /// Whether any observation belongs to the profile of a node.
    pub(super) fn has_observations(&self, node: u32) -> bool {
        let has = |&node: &u32| self.basis().anchored(node).next().is_some();
        has(&node) || self.members_of(node).iter().any(has)
    }

    /// The members of a node's profile, from the strongest, with the first and the last trusted time of
    /// what was observed of them.
    pub(super) fn seen(&self, node: u32) -> Vec<(Identifier<'_>, Option<(Timestamp, Timestamp)>)> {
        let mut members = self.members_of(node);
        members.sort_unstable_by(|&a, &b| self.basis().strength_order(a, b));
        let times = |node: u32| {
            let all = self.evidence.signatures_of(node);
            let all = all.map(|(sig, _)| self.evidence.signatures().times(sig));
            let (first, last) = all.fold((i64::MAX, i64::MIN), |(first, last), times| {
                (first.min(times.first), last.max(times.last))
            });
            let at = Timestamp::from_millis;
            (first <= last).then(|| (at(first), at(last)))
        };
        members.into_iter().map(|node| (self.basis().identifier(node), times(node))).collect()
    }

    /// The signatures for which `wanted` holds, by the profile their events belong to. Reads all
    /// signatures, on all threads; a counting sort, so the cost grows with their number.
    pub(super) fn attribution(&self, wanted: impl Fn(u32) -> bool + Sync) -> Attribution {
        let n = self.evidence.signatures().len();
        let names = parallel::map(n, 100, |sig| {
            let sig = sig as u32;
            let name = if wanted(sig) { self.name_of_signature(sig) } else { None };
            name.unwrap_or(Recorded::NONE)
        });
        let mut starts = vec![0u32; self.evidence.nodes().len()];
        for &name in names.iter().filter(|&&name| name != Recorded::NONE) {
            starts[name as usize] += 1;
        }
        let mut attribution = Attribution::default();
        let mut start = 0;
        for (name, count) in (0..).zip(&mut starts) {
            let n = std::mem::replace(count, start);
            if n > 0 {
                start += n;
                attribution.names.push(name);
                attribution.ends.push(start);
            }
        }
        attribution.signatures = vec![0; start as usize];
        for (sig, &name) in (0..).zip(&names).filter(|entry| *entry.1 != Recorded::NONE) {
            let place = &mut starts[name as usize];
            attribution.signatures[*place as usize] = sig;
            *place += 1;
        }
        attribution
    }

    /// Whether the events of a signature belong to somebody whatever else is observed: none of its
    /// identifiers is claimed, and one is not blocked.
    pub(super) fn is_always_attributed(&self, sig: u32) -> bool {
        let slots = self.evidence.signatures().slots(sig);
        let is_usable = |&place: &u32| self.evidence.nodes().is_in_profile(node_of(place));
        !slots.iter().any(|&place| is_claim(place)) && slots.iter().any(is_usable)
    }

    /// Orders signatures by their identifiers, whatever came first.
    pub(super) fn compare_signatures(&self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let texts = |&place: &u32| {
            let node = node_of(place);
            let kind = &*self.policy.kinds().get(self.basis().kind(node)).name;
            (kind, self.evidence.nodes().value(node), place == slot(node, true))
        };
        let [a, b] = [a, b].map(|sig| self.evidence.signatures().slots(sig).iter().map(texts));
        a.cmp(b)
    }
}
