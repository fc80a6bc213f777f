//! Many rows down one tree at once.
//!
//! A walk waits for memory at every step, so eight rows go down side by side. A tree is laid out for
//! that: sixteen bytes a node, and a leaf whose two children are itself, so that all rows take as many
//! steps as the tree is deep and no step asks whether it is at the end. A block of rows and one tree
//! stay in the first caches while they meet. The terms of slanted cuts lie one after the other.
//!
//! Cost: rows · depth steps per tree; memory of a block's sums and of one tree.

use super::cut::SlantTerm;
use super::tree::{IsolationNode, IsolationTree};

/// Rows that go down side by side.
const ABREAST: usize = 8;

/// A tree laid out for walks.
#[derive(Debug)]
pub(super) struct WalkTree {
    steps: Vec<WalkStep>,
    /// The terms of slanted cuts, in the order of their nodes. A tree with straight cuts only has none.
    terms: Vec<SlantTerm>,
    /// Per node, where its terms end; those of a straight cut and a leaf are none.
    ends: Vec<u32>,
    /// Path length per node; 0 where a walk does not end.
    paths: Vec<f64>,
    depth: u32,
}

/// Go to `left`, or to the node behind it where the row's value, or sum of terms, is above `at`.
#[derive(Debug, Clone, Copy)]
struct WalkStep {
    at: f64,
    column: u32,
    left: u32,
}

impl WalkTree {
    /// The walk of a tree whose columns are below 2³².
    pub(super) fn of(tree: &IsolationTree, depth: u32) -> Self {
        let nodes = tree.nodes();
        let (mut terms, mut ends) = (Vec::new(), Vec::new());
        if tree.is_slanted() {
            for node in nodes {
                if let IsolationNode::Slanted { cut, .. } = node {
                    terms.extend_from_slice(&cut.terms);
                }
                ends.push(terms.len() as u32);
            }
        }
        let step = |(number, node): (usize, &IsolationNode)| match node {
            // No value is above infinity.
            IsolationNode::Leaf { .. } => {
                WalkStep { at: f64::INFINITY, column: 0, left: number as u32 }
            }
            &IsolationNode::Split { column, at, left, .. } => {
                WalkStep { at, column: column as u32, left }
            }
            IsolationNode::Slanted { cut, left, .. } => {
                WalkStep { at: cut.at, column: 0, left: *left }
            }
        };
        let path = |node: &IsolationNode| match *node {
            IsolationNode::Leaf { path, .. } => path,
            IsolationNode::Split { .. } | IsolationNode::Slanted { .. } => 0.0,
        };
        Self {
            steps: nodes.iter().enumerate().map(step).collect(),
            terms,
            ends,
            paths: nodes.iter().map(path).collect(),
            depth,
        }
    }

    /// Adds to every sum the path length of its row less `expected`. `rows` are of `width` values.
    pub(super) fn add(&self, rows: &[f64], width: usize, expected: f64, sums: &mut [f64]) {
        if self.terms.is_empty() {
            let above = |_, step: WalkStep, row: &[f64]| row[step.column as usize] > step.at;
            self.add_by(above, rows, width, expected, sums);
        } else {
            let above = |node: u32, step: WalkStep, row: &[f64]| {
                let node = node as usize;
                let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
                let terms = &self.terms[start as usize..self.ends[node] as usize];
                let value = match terms {
                    [] => row[step.column as usize],
                    terms => terms.iter().map(|term| term.of(row)).sum(),
                };
                value > step.at
            };
            self.add_by(above, rows, width, expected, sums);
        }
    }

    #[inline(always)]
    fn add_by(
        &self,
        is_above: impl Fn(u32, WalkStep, &[f64]) -> bool,
        rows: &[f64],
        width: usize,
        expected: f64,
        sums: &mut [f64],
    ) {
        debug_assert_eq!(rows.len(), sums.len() * width);
        let next = |node: u32, row: &[f64]| {
            let step = self.steps[node as usize];
            step.left + u32::from(is_above(node, step, row))
        };
        let mut blocks = sums.chunks_exact_mut(ABREAST);
        for (sums, rows) in blocks.by_ref().zip(rows.chunks_exact(ABREAST * width)) {
            let mut nodes = [0u32; ABREAST];
            for _ in 0..self.depth {
                for (node, row) in nodes.iter_mut().zip(rows.chunks_exact(width)) {
                    *node = next(*node, row);
                }
            }
            for (sum, node) in sums.iter_mut().zip(nodes) {
                *sum += self.paths[node as usize] - expected;
            }
        }
        let rest = blocks.into_remainder();
        let start = rows.len() - rest.len() * width;
        for (sum, row) in rest.iter_mut().zip(rows[start..].chunks_exact(width)) {
            let node = (0..self.depth).fold(0, |node, _| next(node, row));
            *sum += self.paths[node as usize] - expected;
        }
    }
}
