//! Raw customer events in, personas one can believe out.

pub mod cluster;
mod error;
mod event;
pub mod features;
pub mod identity;
mod labels;
mod num;
pub mod outlier;
pub mod persona;
pub mod profiles;
pub mod validate;

pub use error::{Error, Result};
pub use event::{Event, Identifier, Refusal, Timestamp, Value};
pub use features::{Features, Matrix};
pub use identity::{IdentityGraph, ProfileId, Rules};
pub use labels::Labels;
pub use ndarray;
