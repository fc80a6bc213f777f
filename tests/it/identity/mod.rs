//! The identity graph against its rules written down naively, and against its cases.

mod bad_input;
mod cases;
mod laws;
mod naive;
mod worlds;
