//! From events to one row per person.
//!
//! A [`FeatureSet`] says what is to be known of every person: [`Feature`]s, each with a name, a
//! [`Measure`], and an [`EventFilter`] where only some events count. [`Profiles`](crate::Profiles)
//! makes a table of them, [`FeatureTable`], and a [`Preprocessor`](crate::Preprocessor) a matrix of that.
//!
//! # Local time
//!
//! Every event with a known offset from UTC has these properties of itself. Their names begin with
//! `@`; a property of the same name that a client sends is ignored.
//!
//! | property | values |
//! |---|---|
//! | `@hour` | `0` to `23`, also as a number |
//! | `@daytime` | `night` (0–5), `morning` (6–11), `afternoon` (12–17), `evening` (18–23) |
//! | `@weekday` | `monday` … `sunday` |
//! | `@week_part` | `workday`, `weekend` (Saturday and Sunday) |
//! | `@date` | `2017-03-01`, for holidays and sales from a calendar of your own |
//! | `@month` | `january` … `december` |
//! | `@season` | `winter` (December to February), `spring`, `summer`, `autumn`: of the north |
//! | `@event` | the event's name; needs no offset |
//!
//! # Calendars
//!
//! Holidays and sales come from you: as days by name, or from one day to another. `@date` is the
//! day where the event happened, and reads as its midnight.
//!
//! ```
//! use personas::features::{Condition, EventFilter, Feature, Measure, Share};
//! use personas::{FeatureSet, Timestamp};
//!
//! let holidays = ["2017-01-01", "2017-05-01", "2017-12-25"].map(String::from);
//! let on_holidays = EventFilter::all().when("@date", Condition::OneOf(holidays.to_vec()));
//! // The sale from the 20th to the 27th of November.
//! let in_the_sale = EventFilter::from("purchase")
//!     .when("@date", Condition::After(Timestamp::parse("2017-11-19")?))
//!     .when("@date", Condition::Before(Timestamp::parse("2017-11-28")?));
//! let features = FeatureSet::default()
//!     .with(Feature::new("share on holidays", Measure::Share(Share::Events(on_holidays))).on("purchase"))
//!     .with(Feature::new("spend in the sale", Measure::Sum("amount".into())).of(in_the_sale));
//! # Ok::<(), personas::Error>(())
//! ```

mod batch;
mod columns;
mod condition;
mod definition;
mod dictionary;
mod evaluate;
mod feature;
mod filter;
mod freeze;
mod funnel;
mod history;
mod join;
pub(crate) mod local_time;
mod log;
mod measure;
mod names;
pub(crate) mod ordered;
mod plan;
mod retail;
mod rhythm;
mod schema;
mod score;
mod set;
mod share;
mod sorted;
mod stored;
mod summary;
mod table;
mod totals;

pub(crate) use batch::{EventBatch, Projection, text};
pub(crate) use columns::{Computed, columns, row};
pub use condition::Condition;
pub(crate) use dictionary::{Dictionary, NONE};
pub use feature::Feature;
pub use filter::EventFilter;
pub(crate) use freeze::fixed;
pub use funnel::Funnel;
pub(crate) use funnel::Order as FunnelOrder;
pub(crate) use funnel::attempt::BoundFunnel;
pub(crate) use history::{Histories, Placed, translated};
pub use join::Joined;
pub(crate) use log::{Lexicon, Log};
pub use measure::{Best, ColumnType, Measure, Share};
pub(crate) use plan::{PersonEvents, Plan};
pub use retail::Retail;
pub use rhythm::SessionMeasure;
pub(crate) use rhythm::sessions;
pub(crate) use schema::{Field, Need, Scope};
pub use set::FeatureSet;
pub(crate) use stored::{FieldValue, StoredEvent};
pub use table::{Column, FeatureTable, Values};
