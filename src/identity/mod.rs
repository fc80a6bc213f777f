//! Who is who: identifiers seen together belong to one person.
//!
//! The partition of identifiers into profiles is a pure function of the set of observations and
//! the rules. Order of arrival, batches, shards and restarts do not matter: they give the same
//! profiles, the same ids and the same attribution of events, bit for bit.
//!
//! # How it goes
//!
//! Every observation has an *anchor*: its strongest identifier that is neither blocked, shared nor
//! only claimed. It is linked with the other usable identifiers. Connected identifiers are one
//! profile, unless a rule may part them: then a *constrained merge* goes through the links of that
//! component in one total order, and takes each unless it breaks a limit, crosses a cannot-link or
//! lets a weak identifier join two strong ones. A refused link is kept with its reason. A claim never joins anybody to an
//! identifier that was verified, and never attributes an event to it; a claimed identifier that
//! nobody verified names a profile only where there is no other.
//!
//! # Aliases
//!
//! An alias call says that a user had another id before. It is an observation with an identifier of the
//! kind `previous_id`: `Event::new("alias", at).id("user_id", "7").id("previous_id", "old")`, which is what the
//! `previousId` of a Segment call becomes. What it stands for is decided from all observations, earlier and
//! later ones:
//!
//! | the text of `previous_id` | the call |
//! |---|---|
//! | is blocked, or was seen with too many user ids (a hub rule) | joins nobody |
//! | occurs as a `user_id` that is not only claimed | links the two user ids; the limit of one does not forbid it |
//! | else | says who the `anonymous_id` of this text is |
//!
//! The order of rules: cannot-links, must-links, aliases, everything else. [`IdentityGraph::explain`] shows an
//! alias, [`IdentityGraph::unlink`] takes it back, [`Health::idle_aliases`] counts the calls that joined
//! nobody, and [`Rules::aliases`](Rules#structfield.aliases) switches the second row off. Forgetting a user id or an
//! anonymous id takes the previous id of the same text along.
//!
//! ```
//! use personas::{Event, IdentityGraph, Rules, Timestamp};
//!
//! let at = Timestamp::parse("2024-05-01")?;
//! let mut graph = IdentityGraph::new(Rules::default())?;
//! graph.observe(&Event::new("alias", at).id("user_id", "7").id("previous_id", "ann@mail.org"))?;
//! graph.observe(&Event::new("order", at).id("user_id", "ann@mail.org"))?;
//! assert_eq!(graph.get(("user_id", "7")), graph.get(("user_id", "ann@mail.org")));
//! # Ok::<(), personas::Error>(())
//! ```
//!
//! # The files
//!
//! `policy/` says what may come in and join; `evidence/` what was observed; `aliases` what alias calls mean;
//! `partition/` who is who; `state` holds the three together, and `graph` is their face: `ingest` adds
//! observations, `edit` changes a graph by other means, `persist` keeps it, or a part of it by `extract`. `explain`, `health` and `diff`
//! answer questions; `forget`, `merge` and `snapshot` do the work behind the methods of their names. `touched` records
//! where profiles may have changed, and `renumber` uses the numbers of the forgotten again.
//!
//! # How well
//!
//! 62,658 commits with 1,999 pairs of author name and e-mail, 704 true pairs of which are known
//! (hashed, so the default block list cannot see placeholders); kinds `email` and `name`:
//!
//! | rules | precision | recall |
//! |---|---|---|
//! | plain union (no limits, no hubs) | 0.677 | 0.847 |
//! | default | 0.732 | 0.827 |
//! | `hub("email", 10, "name")` | 0.947 | 0.844 |
//! | and a third kind `login`, strongest, limit 1 | 0.949 | 0.847 |
//!
//! One placeholder e-mail does the harm, and one rule mends it. Deterministic matching finds only
//! people whose records have a value in common. On FEBRL's synthetic records with name and birth
//! date as one identifier beside the social security number it finds nine tenths of the pairs at
//! precision 1.000; with the address as well, 95 to 96 of 100. On 50,578 noisy historical records,
//! where names, dates and postcodes are each misspelt, no choice of single columns does well (full
//! name with first and surname: precision 0.948, recall 0.108): those need fuzzy matching first,
//! whose results can come in as one more kind.
//!
//! # What it costs
//!
//! An observation touches its own component. An identifier that becomes or ceases to be shared or
//! verified re-joins the components at it. A component in which a rule may part anybody goes
//! through the constrained merge once, at the cost of sorting its links. Evidence that changes no earlier
//! decision extends the result by a few look-ups: new identifiers of known people, new people on known
//! devices, repeats. In the worst case, such as a link earlier than those that were taken or, under
//! [`Owner::Latest`], any later link, the next read merges that component again: 0.1 s for one of 1e5
//! identifiers and 2 s for one of 1e6, on a busy machine, where an extension takes some microseconds.
//! All other reads are a few look-ups. [`IdentityGraph::extend`] joins everything again when most of
//! it is new, which is several times faster; beside the graph it holds a million events at a time.

mod aliases;
mod by_id;
mod diff;
mod edit;
mod evidence;
mod explain;
mod extract;
mod forget;
mod graph;
mod health;
mod ingest;
mod merge;
mod partition;
mod persist;
mod policy;
mod profile_id;
mod renumber;
mod snapshot;
mod state;
mod touched;

pub(crate) use evidence::Recorded;
pub use explain::{Explanation, Link};
pub(crate) use extract::Extract;
pub(crate) use forget::Moves;
pub use forget::{Forgotten, Subject};
pub use graph::{IdentityGraph, Memory};
pub use health::Health;
pub use partition::Reason;
pub(crate) use policy::Pair;
pub use policy::{Owner, Rules};
pub use profile_id::ProfileId;
pub use snapshot::Snapshot;
