//! People: who is who, and what they did.
//!
//! One store for bulk and live. Whatever the order, the batches, the shards and the number of
//! threads, equal sets of events give equal profiles and equal features.

mod absorb;
mod change;
mod export;
mod follow;
mod ingest;
mod journal;
#[cfg(feature = "segment")]
mod lines;
mod messages;
mod moments;
mod observed;
mod options;
mod piece;
mod pieces;
mod profile;
mod reports;
mod retention;
mod state_hash;
mod store;

pub use export::{Export, Seen};
pub use journal::{Change, Changes};
pub use observed::Observed;
pub use options::StoreOptions;
pub use profile::Profile;
pub use store::Profiles;
