//! People: who is who, and what they did.
