//! What bytes of any kind must not do: panic, hang, or break a law. A target is a function of bytes.

mod matrices;
mod operations;
mod stored;

pub use matrices::matrices;
pub use operations::operations;
use personas::segment::{Received, receive};
use personas::{FeatureSet, Profiles, Rules, Timestamp};
pub use stored::{models, stored};

/// A body as clients post it: what can be read is read the same by the reader and by a store.
pub fn wire(data: &[u8]) {
    let Some((&first, body)) = data.split_first() else { return };
    let mut received = Received::default();
    received.at = (first & 1 > 0).then(|| Timestamp::from_millis(1_700_000_000_000));
    received.call = (first & 2 > 0).then(|| "track".to_owned());
    received.trust_received_at = first & 4 > 0;
    let calls = receive(body, &received);
    assert!(calls.positions.is_sorted());
    assert_eq!(calls.positions.len(), calls.events.len());
    let mut people =
        Profiles::new(Rules::default(), FeatureSet::retail()).expect("default features make sense");
    let report = people.extend_json(body, &received);
    assert!(report.accepted <= calls.events.len());
    assert!(people.n_profiles() <= report.accepted);
}
