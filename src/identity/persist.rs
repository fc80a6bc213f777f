//! Graphs kept and compared: serde and equality by way of snapshots.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::evidence::node_of;
use super::extract::{Extract, ExtractWriter};
use super::forget::Moves;
use super::graph::IdentityGraph;
use super::links::Links;
use super::merge;
use super::profile_id::ProfileId;
use super::snapshot::Snapshot;
use crate::Result;

impl IdentityGraph {
    /// Writes the evidence of a signature, of which only so many observations are counted.
    pub(crate) fn write_signature(&self, sig: u32, count: u32, into: &mut ExtractWriter) {
        into.signature(&self.state, sig, count);
    }

    /// Prefetches what [`IdentityGraph::write_signature`] reads of a signature: where its texts are, or the texts.
    pub(crate) fn prefetch_signature(&self, sig: u32, texts: bool) {
        let nodes = self.state.evidence.nodes();
        for &slot in self.state.evidence.signatures().slots(sig) {
            if texts {
                nodes.prefetch_text(node_of(slot));
            } else {
                nodes.prefetch_node(node_of(slot));
                nodes.prefetch_end(node_of(slot));
            }
        }
    }

    /// Checks that an extract of another graph, and its manual links, can be added.
    pub(crate) fn check_extract(
        &self,
        extract: &Extract<'_>,
        links: Option<&Links<'_>>,
    ) -> Result<()> {
        merge::check(&self.state, extract, links)
    }

    /// Adds an extract of another graph under the same rules and key, with its manual links if it has any, all of
    /// which was checked; returns where this graph's signatures went, and those of the extract.
    ///
    /// The identifiers of some ids are forgotten. If some ids are allowed, this graph becomes what the other is: the
    /// extract has the signatures that changed since, whole, who was forgotten since, of which these are allowed
    /// again, and all manual links if they changed.
    pub(crate) fn absorb(
        &mut self,
        extract: &Extract<'_>,
        forgotten: &[ProfileId],
        links: Option<&Links<'_>>,
        allowed: Option<&[ProfileId]>,
    ) -> (Moves, Moves) {
        merge::absorb(&mut self.state, extract, forgotten, links, allowed)
    }

    /// What was observed of a signature, in words: identifiers from the strongest, with whether they are claimed;
    /// first and last time; the first message.
    #[allow(clippy::type_complexity)]
    pub(crate) fn words_of_signature(
        &self,
        sig: u32,
    ) -> (Vec<(&str, Cow<'_, str>, bool)>, (i64, i64), Option<&str>) {
        let parts = self.state.parts_of(sig).into_iter();
        let signatures = self.state.evidence.signatures();
        let times = signatures.times(sig);
        let parts = parts.map(|part| (part.kind, part.value, part.claimed)).collect();
        (parts, (times.first, times.last), signatures.message(sig))
    }

    /// The signatures that have observations, and how many.
    pub(crate) fn live_signatures(&self) -> Vec<(u32, u32)> {
        let signatures = self.state.evidence.signatures();
        signatures.live().map(|sig| (sig, signatures.times(sig).count)).collect()
    }

    /// An upper bound of the bytes of a signature's evidence in a piece.
    pub(crate) fn bytes_of_signature(&self, sig: u32) -> usize {
        let (nodes, signatures) = (self.state.evidence.nodes(), self.state.evidence.signatures());
        let part = |&slot: &u32| {
            let node = node_of(slot);
            let kind = &self.state.policy.kinds().get(nodes.kind(node)).name;
            kind.len() + nodes.value(node).len() + 30
        };
        let message = signatures.message(sig).map_or(0, str::len);
        signatures.slots(sig).iter().map(part).sum::<usize>() + message + 50
    }

    /// The marks of the forgotten, ascending.
    pub(crate) fn forgotten(&self) -> Vec<ProfileId> {
        self.state.policy.forgotten.iter().copied().collect()
    }
}

impl Snapshot {
    /// Restores the graph.
    ///
    /// # Errors
    /// [`Error::InvalidSnapshot`](crate::Error::InvalidSnapshot) if the key is not the one the snapshot was made
    /// with, or if the content cannot come from observations: unsorted, repeated or unused identifiers, values
    /// that are not normalised, sets of identifiers that would have been refused, times outside the clock, or
    /// forgotten identifiers. [`Error::InvalidRule`](crate::Error::InvalidRule) for rules that are not valid.
    pub fn open(self, key: Option<[u8; 16]>) -> Result<IdentityGraph> {
        Ok(IdentityGraph::from_state(self.into_state(key)?))
    }
}

impl PartialEq for IdentityGraph {
    /// Equal rules, key and evidence, whatever order it came in; costs as much as two snapshots.
    fn eq(&self, other: &Self) -> bool {
        self.rules() == other.rules() && self.snapshot() == other.snapshot()
    }
}

impl Serialize for IdentityGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IdentityGraph {
    /// Reads graphs without a key; for others, read a [`Snapshot`] and open it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Snapshot::deserialize(deserializer)?.open(None).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Identifier, Rules, Timestamp};

    #[test]
    fn a_graph_survives_a_format_without_names_and_no_truncation_passes() {
        let at = Timestamp::from_millis(1_500_000_000_000);
        let mut graph = IdentityGraph::new(Rules::default().weak("cookie")).unwrap();
        graph.observe(&Event::new("", at).id("user_id", "1").id("cookie", "a")).unwrap();
        let claim = Event::new("", at).claimed_id("email", "a@x.org").id("cookie", "b");
        graph.observe(&claim.message_id("m")).unwrap();
        let [a, b] = ["a", "b"].map(|cookie| Identifier::new("cookie", cookie));
        graph.must_link(&a, &b).unwrap();
        graph.forget(("user_id", "2")).unwrap();
        let bytes = postcard::to_stdvec(&graph).unwrap();
        assert!(postcard::from_bytes::<IdentityGraph>(&bytes).unwrap() == graph);
        for len in 0..bytes.len() {
            assert!(postcard::from_bytes::<IdentityGraph>(&bytes[..len]).is_err(), "{len}");
        }
    }
}
