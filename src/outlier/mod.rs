//! Rows unlike the others.
