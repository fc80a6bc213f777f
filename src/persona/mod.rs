//! Who the groups are.
