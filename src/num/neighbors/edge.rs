//! Edges between rows, in their total order, and what a search for the nearest row outside knows.

use super::within::NONE;

/// An edge between two rows; `weight` is a reduced distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SpanningEdge {
    pub(crate) weight: f64,
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl SpanningEdge {
    pub(super) fn new(weight: f64, a: u32, b: u32) -> Self {
        Self { weight, low: a.min(b), high: a.max(b) }
    }

    /// After every edge of this weight.
    pub(super) fn after(weight: f64) -> Self {
        Self { weight, low: NONE, high: NONE }
    }

    pub(super) fn is_real(&self) -> bool {
        self.low != NONE
    }

    /// The total order of edges.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rows = (self.low, self.high).cmp(&(other.low, other.high));
        self.weight.total_cmp(&other.weight).then(rows)
    }

    pub(super) fn is_less(&self, other: &Self) -> bool {
        self.order(other).is_lt()
    }
}

/// What is known of a row's nearest row outside its component: the edge to it, or a bound below all such edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownNearest {
    pub(super) edge: SpanningEdge,
    /// The place of that row, if there is an edge.
    pub(super) outside: u32,
    /// How many rows of the row's list, from the nearest on, are in its component. Components only
    /// grow, so these stay in it.
    pub(super) n_passed: u32,
}

impl KnownNearest {
    /// No edge weighs less than this.
    pub(super) fn after(weight: f64) -> Self {
        Self { edge: SpanningEdge::after(weight), outside: NONE, n_passed: 0 }
    }
}
