//! Graphs kept and compared: serde and equality by way of snapshots.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::graph::IdentityGraph;
use super::policy::Pair;
use super::profile_id::ProfileId;
use super::snapshot::{self, Evidence, Snapshot};
use crate::Result;

impl IdentityGraph {
    /// The evidence of some signatures, each with the number of observations to be counted, and the
    /// place of each in it.
    pub(crate) fn evidence_of(&self, signatures: &[(u32, u32)]) -> (Evidence, Vec<u32>) {
        snapshot::evidence(&self.state, signatures)
    }

    /// A graph of this evidence alone, under the same rules and key, with these manual links.
    pub(crate) fn of_evidence(&self, evidence: Evidence, links: [Vec<Pair>; 3]) -> Result<Self> {
        let rules = self.rules().with_links(links);
        Ok(Self::from_state(evidence.into_state(&rules)?))
    }

    /// The signatures that have observations, and how many.
    pub(crate) fn live_signatures(&self) -> Vec<(u32, u32)> {
        let signatures = self.state.evidence.signatures();
        signatures.live().map(|sig| (sig, signatures.times(sig).count)).collect()
    }

    /// An upper bound of the bytes of a signature's evidence in a piece.
    pub(crate) fn bytes_of_signature(&self, sig: u32) -> usize {
        let part = |part: super::policy::Part<'_>| part.kind.len() + part.value.len() + 30;
        let message = self.state.evidence.signatures().message(sig).map_or(0, str::len);
        self.state.parts_of(sig).into_iter().map(part).sum::<usize>() + message + 50
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
    /// [`Error::InvalidSnapshot`](crate::Error::InvalidSnapshot) if the key is not the one it was made with, or if the content
    /// could not have come from observations: unsorted, repeated or unused identifiers, values
    /// that are not normalised, signatures that would have been refused, times outside the clock,
    /// traces of the forgotten. [`Error::InvalidRule`](crate::Error::InvalidRule) for rules that make no sense.
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
