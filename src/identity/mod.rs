//! Who is who: identifiers seen together belong to one person.

mod graph;
mod profile_id;
mod rules;

pub(crate) use graph::{Found, Graph};
pub use profile_id::ProfileId;
pub use rules::Rules;
