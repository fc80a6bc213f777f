//! The identity graph against its rules written down naively, and against its cases.

mod aliases;
mod bad_input;
mod cases;
pub(crate) mod laws;
pub(crate) mod naive;
pub(crate) mod worlds;
