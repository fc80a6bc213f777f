//! From events to one row per person.
//!
//! A [`FeatureSet`] says what is to be known of every person: [`Feature`]s, each with a name, a
//! [`Measure`], and an [`EventFilter`] where only some events count. [`Profiles`](crate::Profiles)
//! makes a table of them, [`Features`], and a [`Preprocessor`](crate::Preprocessor) a matrix of that.
//!
//! # Local time
//!
//! These are properties that every event with an offset from UTC has without saying so. Their names
//! begin with `@`, and a property of an event that is called the same is not looked at.
//!
//! | property | values |
//! |---|---|
//! | `@hour` | `0` to `23`, also as a number |
//! | `@daytime` | `night` (0–5), `morning` (6–11), `afternoon` (12–17), `evening` (18–23) |
//! | `@weekday` | `monday` … `sunday` |
//! | `@week_part` | `workday`, `weekend` (Saturday and Sunday) |
//! | `@date` | `2017-03-01`: by it a calendar of the caller's tells holidays and sales |
//! | `@month` | `january` … `december` |
//! | `@season` | `winter` (December to February), `spring`, `summer`, `autumn`: of the north |
//! | `@event` | the event's name; needs no offset |
//!
//! # Calendars
//!
//! Holidays and sales are the caller's: days by name, or from one day to another. `@date` is the
//! day where the event happened, and reads as its midnight.
//!
//! ```
//! use personas::features::{EventFilter, Feature, Measure, Test};
//! use personas::{FeatureSet, Timestamp};
//!
//! let holidays = ["2017-01-01", "2017-05-01", "2017-12-25"].map(String::from);
//! let on_holidays = EventFilter::all().when("@date", Test::OneOf(holidays.to_vec()));
//! // The sale from the 20th to the 27th of November.
//! let in_the_sale = EventFilter::from("purchase")
//!     .when("@date", Test::After(Timestamp::parse("2017-11-19")?))
//!     .when("@date", Test::Before(Timestamp::parse("2017-11-28")?));
//! let features = FeatureSet::default()
//!     .with(Feature::new("share on holidays", Measure::Fraction(on_holidays)).on("purchase"))
//!     .with(Feature::new("spend in the sale", Measure::Sum("amount".into())).of(in_the_sale));
//! # Ok::<(), personas::Error>(())
//! ```

mod compute;
mod definition;
pub(crate) mod entry;
mod evaluate;
pub(crate) mod filter;
mod fragment;
mod join;
mod keep;
pub(crate) mod local;
pub(crate) mod measure;
pub(crate) mod ordered;
mod retail;
pub(crate) mod rhythm;
mod score;
mod set;
mod settle;
mod share;
mod sorted;
mod summary;
mod table;
pub(crate) mod texts;

pub use definition::Feature;
pub use filter::{EventFilter, Test};
pub use join::Joined;
pub use measure::{Best, Measure};
pub use retail::Retail;
pub use set::FeatureSet;
pub use table::{Column, Features, Values};

pub(crate) use compute::columns;
pub(crate) use entry::Entry;
pub(crate) use fragment::{Events, Fragment, Limit, merge};
pub(crate) use keep::Keep;
pub(crate) use measure::Need;
pub(crate) use sorted::Sorted;
pub(crate) use summary::Summary;
pub(crate) use texts::{Draft, Drafting, NONE, Texts};
