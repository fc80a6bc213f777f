//! Who is who: identifiers seen together belong to one person.

mod profile_id;

pub use profile_id::ProfileId;
