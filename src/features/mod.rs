//! From events to one row per person.
//!
//! A [`FeatureSet`] says what to compute for every person. It holds [`Feature`]s, each with a name, a
//! [`Measure`], and an [`EventFilter`] if only some events count. [`Profiles`](crate::Profiles) computes
//! them as a [`FeatureTable`], and a [`Preprocessor`](crate::Preprocessor) turns the table into a matrix.
//!
//! # Local time
//!
//! Every event with a known offset from UTC also has the properties below, computed by this crate. Their
//! names begin with `@`; a property of the same name that a client sends is ignored.
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
//! # Line items
//!
//! The `products` of an order are a list of objects, and each object is one item. A field of the items
//! is a property: `products.category`. If a share is weighted by another field of the same list, each item is
//! weighted by its own field. Two kinds of formula can be used like a property:
//!
//! | formula | value |
//! |---|---|
//! | `products.price * products.quantity` | the product of two numbers of the same item; where the second is missing, the first |
//! | `amount ?? products.price * products.quantity` | `amount` where the event has it, else the sum of the products |
//!
//! ```
//! use personas::features::{Feature, Measure, Values};
//! use personas::{Event, FeatureSet, Profiles, Rules, Timestamp, Value};
//!
//! let paid = "products.price * products.quantity";
//! let by = Some(paid.to_owned());
//! let shares = Measure::TopShares { property: "products.category".into(), by, n: 8 };
//! let features = FeatureSet::default()
//!     .with(Feature::new("items", Measure::Values("products.category".into())))
//!     .with(Feature::new("revenue", Measure::Sum(paid.into())))
//!     .with(Feature::new("spend on", shares));
//! let mut people = Profiles::new(Rules::default(), features)?;
//! let tea = Value::from([("category", "tea".into()), ("price", 1.into())]);
//! let cups = Value::from([("category", "cups".into()), ("price", 33.into()), ("quantity", 3.into())]);
//! let at = Timestamp::parse("2024-05-01")?;
//! let order = Event::new("Order Completed", at).id("user_id", "7");
//! people.observe(&order.property("products", vec![tea, cups]))?;
//! let table = people.features(at)?;
//! let value = |name: &str| table.column(name).map(|column| column.values.clone());
//! assert_eq!(value("items"), Some(Values::Numeric(vec![Some(2.0)])));
//! assert_eq!(value("revenue"), Some(Values::Numeric(vec![Some(100.0)])));
//! assert_eq!(value("spend on cups"), Some(Values::Numeric(vec![Some(0.99)])));
//! # Ok::<(), personas::Error>(())
//! ```
//!
//! # Calendars
//!
//! You supply holidays and sales, as a list of days or as a range of days. `@date` is the local day of the
//! event; compared with a moment, it is midnight UTC of that day.
//!
//! ```
//! use personas::features::{Condition, EventFilter, Feature, Measure, Share};
//! use personas::{FeatureSet, Timestamp};
//!
//! let holidays = ["2017-01-01", "2017-05-01", "2017-12-25"].map(String::from);
//! let on_holidays = EventFilter::default().when("@date", Condition::OneOf(holidays.to_vec()));
//! // The sale from the 20th to the 27th of November.
//! let in_the_sale = EventFilter::from("purchase")
//!     .when("@date", Condition::After(Timestamp::parse("2017-11-19")?))
//!     .when("@date", Condition::Before(Timestamp::parse("2017-11-28")?));
//! let features = FeatureSet::default()
//!     .with(Feature::new("share on holidays", Measure::Share(Share::Events(on_holidays))).on("purchase"))
//!     .with(Feature::new("spend in the sale", Measure::Sum("amount".into())).on(in_the_sale));
//! # Ok::<(), personas::Error>(())
//! ```

mod batch;
mod categories;
mod columns;
mod condition;
mod definition;
mod dictionary;
mod evaluate;
mod feature;
mod filter;
mod formula;
mod freeze;
mod funnel;
mod history;
mod join;
pub(crate) mod local_time;
mod log;
mod measure;
mod names;
pub(crate) mod ordered;
mod part;
mod placed;
mod plan;
mod projection;
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
mod unmatched;
mod value;

pub(crate) use batch::EventBatch;
pub(crate) use categories::{Categories, CategoryIndex};
pub(crate) use columns::{Computed, columns, row};
pub use condition::Condition;
pub(crate) use dictionary::{Dictionary, NONE};
pub use feature::Feature;
pub use filter::EventFilter;
pub(crate) use freeze::fixed;
pub(crate) use funnel::attempt::BoundFunnel;
pub use funnel::{Funnel, StepOrder};
pub(crate) use history::Histories;
pub(crate) use history::codes::translated;
pub use join::Joined;
pub(crate) use log::{Lexicon, Log, LogRest};
pub use measure::{Best, ColumnType, Measure, Share};
pub(crate) use placed::Placed;
pub(crate) use plan::{PersonEvents, Plan};
pub(crate) use projection::Projection;
pub use retail::Retail;
pub use rhythm::SessionMeasure;
pub(crate) use rhythm::sessions;
pub(crate) use schema::{Field, MAX_FIELDS, Need, Needs, Scope};
pub use set::FeatureSet;
pub(crate) use sorted::Sorted;
pub(crate) use stored::{FieldValue, StoredEvent};
pub use table::{Column, FeatureTable, Values};
pub(crate) use unmatched::unmatched;
pub(crate) use value::text;
