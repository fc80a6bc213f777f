//! What happened, when, and the identifiers that were seen with it.
//!
//! An [`Event`] is one event; [`EventColumns`] are many, as the columns of a table. Both borrow their
//! texts where they can, so that reading a stream costs no copies. Both are plain data:
//! [`Profiles`](crate::Profiles) and [`IdentityGraph`](crate::IdentityGraph) check each event when it
//! is added. A bad event is refused as a whole, with a [`Refusal`] as the reason. The module `segment`
//! makes events from the calls of Segment's, RudderStack's and Jitsu's clients.

mod column;
mod columns;
#[allow(clippy::module_inception)] // named for what it holds, as the other files are
mod event;
mod identifier;
mod last;
mod observations;
mod refusal;
mod report;
mod rows;
mod time;
mod value;
#[cfg(feature = "segment")]
mod wanted;

pub use column::ColumnData;
pub(crate) use column::EventColumn;
pub use columns::EventColumns;
pub use event::Event;
pub use identifier::Identifier;
#[cfg(feature = "segment")]
pub(crate) use last::keep_last;
pub(crate) use last::last_of_each_name;
pub(crate) use observations::{IdentifierRef, NumberTexts, Observations};
pub use refusal::Refusal;
pub use report::{Counted, IngestReport};
#[cfg(feature = "segment")]
pub(crate) use time::LocalOffset;
pub use time::Timestamp;
pub(crate) use value::Fields;
pub use value::Value;
#[cfg(feature = "segment")]
pub(crate) use value::exact_whole;
pub(crate) use value::is_blank;
#[cfg(feature = "segment")]
pub(crate) use wanted::Wanted;
