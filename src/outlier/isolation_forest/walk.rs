//! Many rows down one tree at once.
//!
//! A walk waits for memory at every step, so eight rows go down side by side. A tree is laid out for
//! that: sixteen bytes a node, and a leaf whose two children are itself, so that all rows take as many
//! steps as the tree is deep and no step asks whether it is at the end. A block of rows and one tree
//! stay in the first caches while they meet.
//!
//! Cost: rows · depth steps per tree; memory of a block's sums and of one tree.

use super::tree::{Node, Tree};

/// Rows that go down side by side.
const ABREAST: usize = 8;

/// A tree laid out for walks.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<Step>,
    /// Path length per node; 0 where a walk does not end.
    paths: Vec<f64>,
    depth: u32,
}

/// Go to `left`, or to the node behind it where the row's value is above `at`.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: f64,
    column: u32,
    left: u32,
}

impl Walk {
    /// The walk of a tree with straight cuts only, whose columns are below 2³².
    pub(super) fn of(tree: &Tree, depth: u32) -> Self {
        let step = |(number, node): (usize, &Node)| match *node {
            // No value is above infinity.
            Node::Leaf { .. } | Node::Slanted { .. } => {
                Step { at: f64::INFINITY, column: 0, left: number as u32 }
            }
            Node::Split { column, at, left, .. } => Step { at, column: column as u32, left },
        };
        let path = |node: &Node| match *node {
            Node::Leaf { path, .. } => path,
            Node::Split { .. } | Node::Slanted { .. } => 0.0,
        };
        let nodes = tree.nodes();
        Self {
            steps: nodes.iter().enumerate().map(step).collect(),
            paths: nodes.iter().map(path).collect(),
            depth,
        }
    }

    /// Adds to every sum the path length of its row less `expected`. `rows` are of `width` values.
    pub(super) fn add(&self, rows: &[f64], width: usize, expected: f64, sums: &mut [f64]) {
        debug_assert_eq!(rows.len(), sums.len() * width);
        let mut blocks = sums.chunks_exact_mut(ABREAST);
        for (sums, rows) in blocks.by_ref().zip(rows.chunks_exact(ABREAST * width)) {
            let mut nodes = [0u32; ABREAST];
            for _ in 0..self.depth {
                for (node, row) in nodes.iter_mut().zip(rows.chunks_exact(width)) {
                    let step = self.steps[*node as usize];
                    *node = step.left + u32::from(row[step.column as usize] > step.at);
                }
            }
            for (sum, node) in sums.iter_mut().zip(nodes) {
                *sum += self.paths[node as usize] - expected;
            }
        }
        let rest = blocks.into_remainder();
        let start = rows.len() - rest.len() * width;
        for (sum, row) in rest.iter_mut().zip(rows[start..].chunks_exact(width)) {
            let mut node = 0;
            for _ in 0..self.depth {
                let step = self.steps[node as usize];
                node = step.left + u32::from(row[step.column as usize] > step.at);
            }
            *sum += self.paths[node as usize] - expected;
        }
    }
}
