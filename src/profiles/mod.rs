//! People: who is who, and what they did.
//!
//! One store for bulk and live. Whatever the order, the batches, the shards and the number of
//! threads, equal sets of events give equal profiles and equal features.
//!
//! # The files
//!
//! `store` holds the parts of a store together; `options` says what it does beside the default. `ingest` adds events,
//! from JSON with `lines`; `messages` knows which copy of a message counts; `observed` says what one event did. `profile`
//! and `export` answer for one person, `reports` for everybody, `moments` when to ask about. `edit` holds manual links,
//! forgetting and merging, `retention` what is too old. `changes` tells what changed, from the numbered
//! list in `journal`. `pieces` and `absorb` keep and restore a store in the form of `piece`, and `state_hash` compares two.
//!
//! # Reading while writing
//!
//! A store is `Send` and `Sync`. Put it into a `Mutex` or an `RwLock`: a reader then sees all of a call that
//! changes the store, or nothing of it, and waits at most for the one in progress. One event takes some
//! microseconds; an event with which memory must grow, or a large batch, takes as long as it takes, so cut
//! large imports into batches of some thousand events. `cargo bench -p personas-benches --bench store --
//! readers` measures what a reader waits beside a writer that never pauses.

mod absorb;
mod changes;
mod edit;
mod export;
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
