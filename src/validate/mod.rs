//! Whether to believe a grouping.
