//! The store of people: who is who, and what they did.
//!
//! One store serves bulk and live use. Equal sets of events give equal profiles and equal features, whatever
//! the order, the batches, the shards and the number of threads.
//!
//! # Reading while writing
//!
//! A store is `Send` and `Sync`. Put it into a `Mutex`, so that a reader sees either all or nothing of a call
//! that changes the store. An `RwLock` has no advantage: a read takes about as long as adding an event.
//!
//! A reader waits for the call in progress. One event takes some microseconds; an event for which memory must
//! grow, or a large batch, takes longer. So split large imports into batches of some thousand events. The
//! mutexes of the standard library are not fair: a writer that takes the lock again at once, as an import
//! does, can keep a reader waiting for a whole time slice. Let such a writer wait for earlier readers:
//!
//! ```
//! use std::sync::Mutex;
//! use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
//!
//! # use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
//! # let at = Timestamp::parse("2017-03-01")?;
//! # let events = [Event::new("visit", at).id("card", "1")];
//! let people = Mutex::new(Profiles::new(Rules::default(), FeatureSet::retail())?);
//! let (asked, served) = (AtomicUsize::new(0), AtomicUsize::new(0)); // readers, ever
//!
//! let read = || {
//!     asked.fetch_add(1, SeqCst);
//!     let people = people.lock().expect("nobody panics");
//!     served.fetch_add(1, SeqCst);
//!     people.get(("card", "1")).map(|ann| ann.n_events)
//! };
//! for event in &events {
//!     let before = asked.load(SeqCst);
//!     while served.load(SeqCst) < before {
//!         std::thread::yield_now();
//!     }
//!     people.lock().expect("nobody panics").observe(event)?;
//! }
//! assert_eq!(read(), Some(1));
//! # Ok::<(), personas::Error>(())
//! ```
//!
//! `cargo bench -p personas-benches --bench store -- readers` measures how long a reader waits while a writer
//! never pauses, with 1e5 profiles. On two idle cores, 99 % of the reads of ten features took at most 13 µs in
//! this way. With a plain `Mutex` it was 21 µs in one run and 717 µs in another.
//
// Files:
//   the parts of a store together       store.rs; options.rs what it does beside the default
//   events added                        ingest.rs, lines.rs (JSON); messages.rs which copy counts; observed.rs what an event did
//   one person, everybody               profile.rs, export.rs; reports.rs; default_time.rs when to ask about
//   links, forgetting, merging, age     edit.rs; retention.rs
//   what changed                        changes.rs, from the numbered list in journal.rs
//   kept and restored                   pieces.rs, absorb.rs (histories: restored.rs) in the form of piece.rs and content.rs; trail.rs what changed since; state_hash.rs

mod absorb;
mod changes;
mod content;
mod default_time;
mod edit;
mod export;
mod ingest;
mod journal;
#[cfg(feature = "segment")]
mod lines;
mod messages;
mod observed;
mod options;
mod piece;
mod pieces;
mod profile;
mod reports;
mod restored;
mod retention;
mod state_hash;
mod store;
mod timeline;
mod trail;

pub use export::{Export, Seen};
pub use journal::{Change, Changes};
pub use observed::Observed;
pub use options::StoreOptions;
pub use profile::Profile;
pub use store::Profiles;
