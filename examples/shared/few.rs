//! What is told of groups of few people: that they are few, and nothing else.
//!
//! A group of fewer people than are described may be two people, or one. Its size is not printed, and in
//! JSON it is null. The members of a persona come by `--out` only.

use personas::persona::{Describer, Persona};
use serde_json::{Value, json};

use super::words::several;

/// The smallest group that anything is told of.
pub(crate) fn least() -> usize {
    Describer::default().min_size
}

/// Whether so many are some, but too few to be told of.
pub(crate) fn are_few(n: usize) -> bool {
    (1..least()).contains(&n)
}

/// `34 people`, or that they are fewer than anything is told of.
pub(crate) fn people(n: usize) -> String {
    match are_few(n) {
        true => format!("fewer than {}", several(least(), "person", "people")),
        false => several(n, "person", "people"),
    }
}

/// A number of people as JSON.
pub(crate) fn counted(n: usize) -> Value {
    if are_few(n) { Value::Null } else { n.into() }
}

/// A persona as JSON.
pub(crate) fn persona(persona: &Persona) -> Value {
    let mut told = json!(persona);
    if are_few(persona.size) {
        told["size"] = Value::Null;
        told["share"] = Value::Null;
    }
    told
}
