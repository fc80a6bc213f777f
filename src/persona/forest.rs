//! How much a random forest needs each column to tell the groups apart.
//!
//! A hundred trees, each grown on a bootstrap of those who learn, split by the Gini index of groups that
//! all weigh the same; at every split √p columns are tried, more only if none of them splits. Numbers are
//! split at a bin, categories one against the rest. Then every held-out person is asked again with the
//! value of another in one column: the column's importance is how far the mean probability that the
//! forest gives to the own group falls. That probability is a mean over trees, and so is the fall: every
//! tree is grown and asked on its own, and only the columns on a person's way down are exchanged.
//!
//! Source: Breiman 2001; permutation on rows held out, as in-sample importance favours columns of many
//! values (Strobl et al. 2007). Columns that say the same share their importance: while one is
//! exchanged, the other still tells. Cost: O(trees · (n · √p · depth + n · depth²)).

use super::coded::LearnerSample;
use crate::num::parallel;
use crate::num::rng::Stream;

const TREES: usize = 100;
const DEPTH: usize = 16;
/// Fewest draws of a leaf.
const LEAF: usize = 8;

/// How far the mean probability of the own group falls without each column, in [−1, 1].
pub(super) fn falls(sample: &LearnerSample, seed: u64) -> Vec<f64> {
    let n_columns = sample.columns.len();
    if !sample.can_be_asked() || n_columns == 0 {
        return vec![0.0; n_columns];
    }
    let work = sample.groups.len().saturating_mul(DEPTH * DEPTH);
    // One stream per tree; stream 0 drew the sample.
    let trees = parallel::map(TREES, work, |tree| {
        let mut stream = Stream::new(seed, 1 + tree as u64);
        DecisionTree::grow(sample, &mut stream).falls(sample, &mut stream)
    });
    let mut sums = vec![0.0; n_columns * sample.n_groups];
    for tree in trees {
        sums.iter_mut().zip(tree).for_each(|(sum, fall)| *sum += fall / TREES as f64);
    }
    sums.chunks_exact(sample.n_groups).map(|sums| sample.balanced(sums)).collect()
}

/// A question, or a leaf.
#[derive(Debug, Clone, Copy)]
struct DecisionNode {
    /// The column that is asked; `LEAF_NODE` for a leaf.
    column: u32,
    /// People with at most this code go to the first child; for a category, people with exactly this code.
    code: u8,
    /// The first child, the other stands behind it; of a leaf, the place of its shares.
    at: u32,
}

const LEAF_NODE: u32 = u32::MAX;

#[derive(Debug)]
struct DecisionTree {
    nodes: Vec<DecisionNode>,
    /// The share of every group, leaf after leaf.
    shares: Vec<f64>,
}

/// Whether people with a code go to the first child.
fn goes_first(is_ordered: bool, code: u8, split: u8) -> bool {
    if is_ordered { code <= split } else { code == split }
}

impl DecisionTree {
    fn grow(sample: &LearnerSample, stream: &mut Stream) -> Self {
        let n = sample.n_learn;
        let mut rows: Vec<u32> = (0..n).map(|_| stream.below(n) as u32).collect();
        let mut tree =
            Self { nodes: vec![DecisionNode { column: 0, code: 0, at: 0 }], shares: Vec::new() };
        let mut search = SplitSearch::new(sample);
        let mut open = vec![(0, 0..n, 0)];
        while let Some((node, range, depth)) = open.pop() {
            let (start, own) = (range.start, &mut rows[range.clone()]);
            let split = if depth < DEPTH { search.best(own, stream) } else { None };
            let Some((column, code)) = split else {
                let at = tree.leaf(sample, own);
                tree.nodes[node] = DecisionNode { column: LEAF_NODE, code: 0, at };
                continue;
            };
            let coded = &sample.columns[column];
            let mut n_first = 0;
            for at in 0..own.len() {
                if goes_first(coded.is_ordered, coded.codes[own[at] as usize], code) {
                    own.swap(n_first, at);
                    n_first += 1;
                }
            }
            let at = tree.nodes.len();
            tree.nodes[node] = DecisionNode { column: column as u32, code, at: at as u32 };
            tree.nodes.extend([DecisionNode { column: LEAF_NODE, code: 0, at: 0 }; 2]);
            let middle = start + n_first;
            open.push((at + 1, middle..range.end, depth + 1));
            open.push((at, start..middle, depth + 1));
        }
        tree
    }

    /// Adds the shares of a leaf; groups weigh the same.
    fn leaf(&mut self, sample: &LearnerSample, rows: &[u32]) -> u32 {
        let at = self.shares.len();
        self.shares.resize(at + sample.n_groups, 0.0);
        for &row in rows {
            let group = sample.groups[row as usize];
            self.shares[at + group] += sample.weights[group];
        }
        let total: f64 = self.shares[at..].iter().sum();
        self.shares[at..].iter_mut().for_each(|share| *share /= total);
        at as u32
    }

    /// The share of a row's own group where it ends; `code` tells what it answers for a column.
    fn share(&self, sample: &LearnerSample, group: usize, mut code: impl FnMut(u32) -> u8) -> f64 {
        let mut node = self.nodes[0];
        while node.column != LEAF_NODE {
            let is_ordered = sample.columns[node.column as usize].is_ordered;
            let first = goes_first(is_ordered, code(node.column), node.code);
            node = self.nodes[node.at as usize + usize::from(!first)];
        }
        self.shares[node.at as usize + group]
    }

    /// Per column and group, by how much the shares of held-out members fall in sum.
    fn falls(&self, sample: &LearnerSample, stream: &mut Stream) -> Vec<f64> {
        let mut falls = vec![0.0; sample.columns.len() * sample.n_groups];
        let partners = sample.partners(stream);
        let mut asked: Vec<u32> = Vec::new();
        for (row, &partner) in (sample.n_learn..).zip(&partners) {
            let group = sample.groups[row];
            let own = |column: u32| sample.columns[column as usize].codes[row];
            let other = |column: u32| sample.columns[column as usize].codes[partner];
            asked.clear();
            let share = self.share(sample, group, |column| {
                if !asked.contains(&column) {
                    asked.push(column);
                }
                own(column)
            });
            for &exchanged in asked.iter().filter(|&&column| own(column) != other(column)) {
                let with = self.share(sample, group, |column| {
                    if column == exchanged { other(column) } else { own(column) }
                });
                falls[exchanged as usize * sample.n_groups + group] += share - with;
            }
        }
        falls
    }
}

/// The search for the best split of some rows.
struct SplitSearch<'a> {
    sample: &'a LearnerSample,
    /// The columns in the order they are tried.
    order: Vec<usize>,
    /// Weight per code and group, and draws per code.
    weights: Vec<f64>,
    draws: Vec<usize>,
}

impl<'a> SplitSearch<'a> {
    fn new(sample: &'a LearnerSample) -> Self {
        let n_codes = sample.columns.iter().map(|column| column.n_codes).max().unwrap_or(0);
        let order = (0..sample.columns.len()).collect();
        let weights = vec![0.0; n_codes * sample.n_groups];
        Self { sample, order, weights, draws: vec![0; n_codes] }
    }

    /// The split that leaves the groups purest, if one does.
    fn best(&mut self, rows: &[u32], stream: &mut Stream) -> Option<(usize, u8)> {
        let group = |row: &u32| self.sample.groups[*row as usize];
        let first = rows.first().map(group);
        if rows.len() < 2 * LEAF || rows.iter().all(|row| Some(group(row)) == first) {
            return None;
        }
        let n_columns = self.order.len();
        let n_tried = (n_columns as f64).sqrt().ceil() as usize;
        let mut best: Option<(f64, usize, u8)> = None;
        for tried in 0..n_columns {
            if tried >= n_tried && best.is_some() {
                break;
            }
            let other = tried + stream.below(n_columns - tried);
            self.order.swap(tried, other);
            let column = self.order[tried];
            if let Some((gain, code)) = self.of_column(column, rows)
                && best.is_none_or(|(most, ..)| gain > most)
            {
                best = Some((gain, column, code));
            }
        }
        best.map(|(_, column, code)| (column, code))
    }

    /// The best split of a column, with what it gains.
    fn of_column(&mut self, column: usize, rows: &[u32]) -> Option<(f64, u8)> {
        let (k, coded) = (self.sample.n_groups, &self.sample.columns[column]);
        let weights = &mut self.weights[..coded.n_codes * k];
        let draws = &mut self.draws[..coded.n_codes];
        weights.fill(0.0);
        draws.fill(0);
        for &row in rows {
            let (code, group) =
                (usize::from(coded.codes[row as usize]), self.sample.groups[row as usize]);
            weights[code * k + group] += self.sample.weights[group];
            draws[code] += 1;
        }
        let mut all = vec![0.0; k];
        weights.chunks_exact(k).for_each(|of| all.iter_mut().zip(of).for_each(|(a, w)| *a += w));
        let before = purity(&all);
        let mut best: Option<(f64, u8)> = None;
        let (mut first, mut n_first) = (vec![0.0; k], 0);
        let mut second = vec![0.0; k];
        for (code, (of, &n)) in weights.chunks_exact(k).zip(draws.iter()).enumerate() {
            if n == 0 {
                continue;
            }
            if !coded.is_ordered {
                first.fill(0.0);
                n_first = 0;
            }
            first.iter_mut().zip(of).for_each(|(sum, weight)| *sum += weight);
            n_first += n;
            if n_first < LEAF || rows.len() - n_first < LEAF {
                continue;
            }
            for (rest, (all, first)) in second.iter_mut().zip(all.iter().zip(&first)) {
                *rest = all - first;
            }
            let gain = purity(&first) + purity(&second) - before;
            // Rounding is not a gain.
            if gain > 1e-9 * before && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, code as u8));
            }
        }
        best
    }
}

/// Σ of squared weights over their sum: the weight less its Gini impurity.
fn purity(weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    if total > 0.0 { weights.iter().map(|w| w * w).sum::<f64>() / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::coded::Coded;
    use super::*;

    #[test]
    fn no_split_leaves_a_side_with_fewer_draws_than_a_leaf_holds() {
        // One code is one group; so many draws have the first of two codes.
        let splits = |n_first: usize, is_ordered: bool| {
            let codes: Vec<_> = (0..40).map(|row| if row < n_first { 1 } else { 2 }).collect();
            let groups = codes.iter().map(|&code| usize::from(code) - 1).collect();
            let columns = vec![Coded { codes, n_codes: 3, is_ordered }];
            let sample =
                LearnerSample { columns, groups, n_groups: 2, n_learn: 40, weights: vec![1.0; 2] };
            let rows: Vec<u32> = (0..40).collect();
            SplitSearch::new(&sample).of_column(0, &rows).is_some()
        };
        for is_ordered in [true, false] {
            for n_first in [1, LEAF - 1, 40 - LEAF + 1, 39] {
                assert!(!splits(n_first, is_ordered), "{n_first}");
            }
            for n_first in [LEAF, 20, 40 - LEAF] {
                assert!(splits(n_first, is_ordered), "{n_first}");
            }
        }
    }
}
