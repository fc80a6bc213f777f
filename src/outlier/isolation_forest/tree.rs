//! One isolation tree: random cuts until every row of a small sample stands alone.
//!
//! A node draws a [`Cut`]; rows at or below it go left. A row's path length is the number of
//! cuts to its leaf plus [`average_path`] of the rows that share the leaf. Nodes lie in one flat
//! array, the two children side by side and behind their parent.
//!
//! A row without the value that a cut asks for is divided: it goes down both sides, each with the
//! share of the node's rows that went there, and its path is the mean. While the tree grows it goes to
//! one side, drawn with the shares of the rows that have the value, so that it fills both as often.
//! Source: Quinlan 1993 (C4.5's fractional cases); Cortes 2019 (for isolation forests).
//!
//! Cost of growing: sample size · depth; of a walk: depth, but at most all nodes where values are
//! missing.

use serde::{Deserialize, Serialize};

use super::cut::{Cut, Slant, side};
use crate::num::check::Rows;
use crate::num::portable;
use crate::num::rng::Stream;

/// Trees allowed: 65,536 trees of 256 rows take about a gigabyte.
pub(super) const MAX_TREES: usize = 1 << 16;

/// Rows per tree allowed: node numbers are 32 bits wide, and a tree has up to two nodes per row.
pub(super) const MAX_SAMPLES: usize = 1 << 31;

/// Euler's constant γ.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// c(n): the mean path length of an unsuccessful search in a binary tree of `n` random keys, with
/// the harmonic number taken as ln + γ; c(1) = 0 and c(2) = 1 exactly.
pub(super) fn average_path(n: u32) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let (n, before) = (f64::from(n), f64::from(n - 1));
            2.0 * (portable::ln(before) + EULER_GAMMA) - 2.0 * before / n
        }
    }
}

/// ceil(log2 max(n, 2)): deeper than this, rows are ordinary, and how ordinary is of no interest.
pub(super) fn depth_limit(n: u32) -> u32 {
    u32::BITS - (n.max(2) - 1).leading_zeros()
}

/// A node and the number of sampled rows in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum IsolationNode {
    Leaf {
        size: u32,
        /// Depth + c(size); follows from the rest, so it is not stored.
        #[serde(skip)]
        path: f64,
    },
    Split {
        size: u32,
        column: usize,
        /// Rows with a value ≤ `at` go to node `left`, the others to `left + 1`.
        at: f64,
        left: u32,
    },
    /// The same across several columns.
    Slanted { size: u32, cut: Box<Slant>, left: u32 },
}

impl IsolationNode {
    fn leaf(size: u32, depth: u32) -> Self {
        Self::Leaf { size, path: f64::from(depth) + average_path(size) }
    }

    fn size(&self) -> u32 {
        match *self {
            Self::Leaf { size, .. } | Self::Split { size, .. } | Self::Slanted { size, .. } => size,
        }
    }
}

/// An isolation tree; node 0 is the root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct IsolationTree {
    nodes: Vec<IsolationNode>,
}

/// How a tree grows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growing {
    /// How many columns a cut goes across at most.
    pub(super) cut_columns: usize,
    /// Whether values may be missing.
    pub(super) may_miss: bool,
}

/// A node that may still be split.
struct Open {
    node: usize,
    depth: u32,
    /// Its rows, as a range of the sample.
    start: usize,
    end: usize,
    /// Columns behind this many are known not to vary in the node.
    n_live: usize,
}

impl IsolationTree {
    /// Grows a tree on some rows of `x`. At most 2³¹ rows.
    pub(super) fn grow(
        x: &Rows<'_>,
        mut sample: Vec<usize>,
        how: Growing,
        stream: &mut Stream,
    ) -> Self {
        debug_assert!(!sample.is_empty());
        let n = sample.len();
        let limit = depth_limit(n as u32);
        let mut columns: Vec<usize> = (0..x.n_columns()).collect();
        // Every node starts as a leaf, which is what it stays if nothing in it varies.
        let mut nodes = vec![IsolationNode::leaf(n as u32, 0)];
        let mut stack = vec![Open { node: 0, depth: 0, start: 0, end: n, n_live: columns.len() }];
        while let Some(Open { node, depth, start, end, mut n_live }) = stack.pop() {
            let rows = &mut sample[start..end];
            if rows.len() < 2 || depth == limit {
                continue;
            }
            let cut = Cut::draw(x, rows, how.cut_columns, &mut columns, &mut n_live, stream);
            let Some(cut) = cut else { continue };
            // How many rows have the values, and how many of these go left.
            let sides = rows.iter().filter_map(|&row| cut.goes_right(x.row(row)));
            let (n_known, n_left) = match how.may_miss {
                true => sides.fold((0, 0), |(n, left), right| (n + 1, left + usize::from(!right))),
                false => (rows.len(), 0),
            };
            let goes_left = |row: usize| match cut.goes_right(x.row(row)) {
                Some(right) => !right,
                None => stream.below(n_known) < n_left,
            };
            let middle = start + partition(rows, goes_left);
            debug_assert!(start < middle && middle < end);
            let (left, depth) = (nodes.len(), depth + 1);
            let (size, first) = ((end - start) as u32, left as u32);
            nodes[node] = match cut {
                Cut::Straight { column, at } => {
                    IsolationNode::Split { size, column, at, left: first }
                }
                Cut::Slanted(cut) => IsolationNode::Slanted { size, cut, left: first },
            };
            nodes.push(IsolationNode::leaf((middle - start) as u32, depth));
            nodes.push(IsolationNode::leaf((end - middle) as u32, depth));
            stack.push(Open { node: left + 1, depth, start: middle, end, n_live });
            stack.push(Open { node: left, depth, start, end: middle, n_live });
        }
        Self { nodes }
    }

    /// Whether a cut goes across several columns.
    pub(super) fn is_slanted(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node, IsolationNode::Slanted { .. }))
    }

    pub(super) fn nodes(&self) -> &[IsolationNode] {
        &self.nodes
    }

    /// The path length of a row; a mean where values are missing.
    pub(super) fn path(&self, row: &[f64]) -> f64 {
        let mut path = 0.0;
        self.walk(row, |share, node, _| {
            if let IsolationNode::Leaf { path: length, .. } = node {
                path += share * length;
            }
        });
        path
    }

    /// Calls `visit` with every node that the row reaches, the share of the row that does, and the
    /// node's child that it goes to next, one call for each.
    fn walk<'a>(
        &'a self,
        row: &[f64],
        mut visit: impl FnMut(f64, &'a IsolationNode, Option<&'a IsolationNode>),
    ) {
        // The nodes of the way, and those of the right sides that a missing value leaves for later.
        let mut later = Vec::new();
        let mut next = Some((0, 1.0));
        while let Some((number, share)) = next {
            let node: &IsolationNode = &self.nodes[number];
            let (goes_right, left) = match node {
                IsolationNode::Leaf { .. } => {
                    visit(share, node, None);
                    next = later.pop();
                    continue;
                }
                IsolationNode::Split { column, at, left, .. } => {
                    (side(row[*column], *at), *left as usize)
                }
                IsolationNode::Slanted { cut, left, .. } => (cut.goes_right(row), *left as usize),
            };
            let part = |child: usize| {
                share * (f64::from(self.nodes[child].size()) / f64::from(node.size()))
            };
            next = Some(match goes_right {
                Some(right) => (left + usize::from(right), share),
                None => {
                    let right = (left + 1, part(left + 1));
                    visit(right.1, node, Some(&self.nodes[right.0]));
                    later.push(right);
                    (left, part(left))
                }
            });
            if let Some((child, share)) = next {
                visit(share, node, Some(&self.nodes[child]));
            }
        }
    }

    /// Adds to every column what its cuts on the row's path gained: the path still expected before
    /// the cut, less the cut itself and the path still expected behind it. The gains of one path
    /// add up to c(sample size) − its length.
    pub(super) fn add_gains(&self, row: &[f64], gains: &mut [f64]) {
        self.walk(row, |share, node, child| {
            let Some(child) = child else { return };
            let gain = share * (average_path(node.size()) - 1.0 - average_path(child.size()));
            match node {
                IsolationNode::Leaf { .. } => {}
                IsolationNode::Split { column, .. } => gains[*column] += gain,
                IsolationNode::Slanted { cut, .. } => cut.credit(row, gain, gains),
            }
        });
    }

    /// Checks a tree from a snapshot and completes its leaves: any walk by a row of `n_features`
    /// values ends, and no node claims rows that its parent did not have.
    ///
    /// # Errors
    /// The broken invariant.
    pub(super) fn restore(
        mut self,
        n_features: usize,
        sample_size: u32,
    ) -> Result<Self, &'static str> {
        if self.nodes.first().map(IsolationNode::size) != Some(sample_size) {
            return Err("a tree's root does not hold the sample");
        }
        let limit = depth_limit(sample_size);
        let mut depths = vec![None; self.nodes.len()];
        depths[0] = Some(0);
        for node in 0..self.nodes.len() {
            // Parents lie before their children, so a node without depth by now has no parent.
            let depth = depths[node].ok_or("a node of a tree has no parent")?;
            let (size, left, is_sound) = match &self.nodes[node] {
                IsolationNode::Split { size, column, at, left } => {
                    (*size, *left, *column < n_features && at.is_finite())
                }
                IsolationNode::Slanted { size, cut, left } => {
                    (*size, *left, cut.is_sound(n_features))
                }
                IsolationNode::Leaf { size, .. } => {
                    self.nodes[node] = IsolationNode::leaf(*size, depth);
                    continue;
                }
            };
            let left = left as usize;
            let taken = |child: usize| depths.get(child).is_none_or(Option::is_some);
            if left <= node || taken(left) || taken(left + 1) {
                return Err("a node of a tree has no two children of its own");
            }
            if depth == limit {
                return Err("a tree is too deep");
            }
            if !is_sound {
                return Err("a tree splits at a column or value that does not exist");
            }
            let sizes = [left, left + 1].map(|child| self.nodes[child].size());
            if sizes.contains(&0) || sizes[0].checked_add(sizes[1]) != Some(size) {
                return Err("the children of a tree's node do not share out its rows");
            }
            (depths[left], depths[left + 1]) = (Some(depth + 1), Some(depth + 1));
        }
        Ok(self)
    }
}

/// Moves the rows that go left to the front; their number.
fn partition(rows: &mut [usize], mut goes_left: impl FnMut(usize) -> bool) -> usize {
    let mut n_left = 0;
    for i in 0..rows.len() {
        if goes_left(rows[i]) {
            rows.swap(i, n_left);
            n_left += 1;
        }
    }
    n_left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};

    fn grow(x: &Array2<f64>, seed: u64) -> IsolationTree {
        let rows = check::rows(x.view()).unwrap();
        let how = Growing { cut_columns: 1, may_miss: false };
        IsolationTree::grow(&rows, (0..x.nrows()).collect(), how, &mut Stream::new(seed, 0))
    }

    #[test]
    fn c_has_the_golden_values() {
        for (n, c) in [
            (1, 0.0),
            (2, 1.0),
            (3, 1.207_392_357_589_623),
            (4, 1.851_655_907_139_285_5),
            (10, 3.748_880_484_475_505),
            (256, 10.244_770_920_119_917),
            (1000, 12.969_940_887_100_174),
        ] {
            assert!((average_path(n) - c).abs() <= 4.0 * f64::EPSILON * c, "{n}");
        }
    }

    #[test]
    fn the_depth_limit_is_the_rounded_up_logarithm() {
        let limits = [1, 2, 3, 4, 5, 256, 257, 1 << 31].map(depth_limit);
        assert_eq!(limits, [1, 1, 2, 2, 3, 8, 9, 31]);
    }

    #[test]
    fn two_values_one_ulp_apart_are_told_apart_and_equal_ones_are_not() {
        let tree = grow(&array![[1.0, 7.0], [1.0 + f64::EPSILON, 7.0]], 3);
        assert_eq!(tree.path(&[1.0, 7.0]), 1.0);
        assert_eq!(tree.nodes.len(), 3);
        assert_eq!(grow(&array![[1.0, 7.0], [1.0, 7.0]], 3).nodes, [IsolationNode::leaf(2, 0)]);
    }

    #[test]
    fn every_row_finds_the_leaf_that_counts_it() {
        // 64 rows on a line, columns that never vary on both sides of it.
        let x = Array2::from_shape_fn((64, 3), |(i, j)| if j == 1 { (i * i) as f64 } else { 4.0 });
        for seed in 0..20 {
            let tree = grow(&x, seed);
            let mut in_leaf = vec![0; tree.nodes.len()];
            for row in x.rows() {
                let mut node = 0;
                while let IsolationNode::Split { column, at, left, .. } = tree.nodes[node] {
                    assert_eq!(column, 1);
                    node = left as usize + usize::from(row[column] > at);
                }
                in_leaf[node] += 1;
            }
            for (node, count) in tree.nodes.iter().zip(in_leaf) {
                assert!(matches!(node, IsolationNode::Split { .. }) || node.size() == count);
            }
        }
    }

    #[test]
    fn gains_of_a_path_add_up_to_the_path_saved() {
        let x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * 37 + j * 11) % 53) as f64);
        let tree = grow(&x, 1);
        for row in x.rows() {
            let mut gains = [0.0; 2];
            tree.add_gains(row.as_slice().unwrap(), &mut gains);
            let saved = average_path(50) - tree.path(row.as_slice().unwrap());
            assert!((gains[0] + gains[1] - saved).abs() < 1e-12);
        }
    }

    #[test]
    fn a_stored_tree_comes_back_equal_and_forged_ones_are_refused() {
        let tree = grow(&array![[0.0], [1.0], [5.0]], 0);
        let json = serde_json::to_string(&tree).unwrap();
        let restore = |json: &str, n_features, size| {
            serde_json::from_str::<IsolationTree>(json).unwrap().restore(n_features, size)
        };
        assert_eq!(restore(&json, 1, 3), Ok(tree));
        assert!(restore(&json, 0, 3).unwrap_err().contains("column"));
        assert!(restore(&json, 1, 4).unwrap_err().contains("root"));
        assert!(restore("[]", 1, 0).unwrap_err().contains("root"));

        let split = |size: u32, left: u32| IsolationNode::Split { size, column: 0, at: 0.5, left };
        let leaf = |size| IsolationNode::leaf(size, 0);
        for (nodes, problem) in [
            (vec![split(2, 0), leaf(1), leaf(1)], "of its own"),
            (vec![split(2, 2), leaf(1), leaf(1)], "of its own"),
            (vec![split(2, u32::MAX), leaf(1), leaf(1)], "of its own"),
            (vec![split(3, 1), split(2, 1), leaf(1)], "of its own"),
            (vec![split(4, 1), split(2, 2), leaf(2), leaf(1)], "of its own"),
            (vec![split(4, 1), split(2, 4), split(2, 3), leaf(1), leaf(1), leaf(1)], "of its own"),
            (vec![leaf(2), leaf(1)], "no parent"),
            (vec![split(2, 1), leaf(2), leaf(0)], "share out"),
            (vec![split(2, 1), leaf(u32::MAX), leaf(3)], "share out"),
        ] {
            let size = nodes[0].size();
            let refused = IsolationTree { nodes: nodes.clone() }.restore(1, size).unwrap_err();
            assert!(refused.contains(problem), "{nodes:?}: {refused}");
        }
        // Two rows allow a depth of one.
        let deep = vec![split(2, 1), split(1, 3), leaf(1), leaf(1), leaf(0)];
        assert!(IsolationTree { nodes: deep }.restore(1, 2).unwrap_err().contains("too deep"));
    }

    #[test]
    fn a_missing_value_goes_down_both_sides_with_their_shares() {
        let split = |size, column, left| IsolationNode::Split { size, column, at: 0.5, left };
        let nodes = vec![
            split(8, 0, 1),
            split(6, 1, 3),
            IsolationNode::leaf(2, 1),
            IsolationNode::leaf(5, 2),
            IsolationNode::leaf(1, 2),
        ];
        let tree = IsolationTree { nodes };
        let [short, long, middle] = [(2, 1), (5, 2), (1, 2)]
            .map(|(size, depth): (u32, u32)| f64::from(depth) + average_path(size));
        assert_eq!(tree.path(&[1.0, f64::NAN]), short);
        assert_eq!(tree.path(&[0.0, 0.0]), long);
        let inner = 5.0 / 6.0 * long + 1.0 / 6.0 * middle;
        assert!((tree.path(&[0.0, f64::NAN]) - inner).abs() < 1e-15);
        let mean = 0.25 * short + 0.75 * inner;
        assert!((tree.path(&[f64::NAN; 2]) - mean).abs() < 1e-15);
        let mut gains = [0.0; 2];
        tree.add_gains(&[f64::NAN; 2], &mut gains);
        assert!((gains[0] + gains[1] - (average_path(8) - mean)).abs() < 1e-12);
    }
}
