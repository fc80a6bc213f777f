//! A tree on paper: the order of its leaves, the lines of its merges, and Newick's notation.
//!
//! The cluster of the lower number stands on the left. All passes are over flat arrays.

use std::fmt::Write as _;

use super::Dendrogram;

/// One piece of Newick's notation that is still to be written.
enum NewickPiece {
    Cluster(usize, Option<f64>),
    Comma,
    Close(Option<f64>),
}

impl Dendrogram {
    /// The rows from left to right, so that no lines cross.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
    ///
    /// let tree = Agglomerative::new(Linkage::Ward).fit(&array![[0.0], [9.0], [1.0], [10.5]])?;
    /// assert_eq!(tree.leaf_order(), [0, 2, 1, 3]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn leaf_order(&self) -> Vec<usize> {
        let starts = self.starts();
        let mut order = vec![0; self.n_samples()];
        (0..self.n_samples()).for_each(|row| order[starts[row]] = row);
        order
    }

    /// For every merge the four corners of its line: up from the left part, across, down to the
    /// right part. The first number is the position, where the leaves stand at 0, 1, 2, … from left to
    /// right (scipy's: 10 times it, plus 5); the second is the height.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
    ///
    /// let tree = Agglomerative::new(Linkage::Single).fit(&array![[0.0], [1.0], [5.0]])?;
    /// // Row 2 has a lower number than the merge of the two others, so it stands on the left.
    /// assert_eq!(tree.leaf_order(), [2, 0, 1]);
    /// assert_eq!(tree.coordinates()[0], [[1.0, 0.0], [1.0, 1.0], [2.0, 1.0], [2.0, 0.0]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn coordinates(&self) -> Vec<[[f64; 2]; 4]> {
        let starts = self.starts();
        let mut middle: Vec<f64> = starts[..self.n_samples()].iter().map(|&at| at as f64).collect();
        let mut lines = Vec::with_capacity(self.merges.len());
        for merge in &self.merges {
            let (left, right) = (middle[merge.a], middle[merge.b]);
            lines.push([
                [left, self.height(merge.a)],
                [left, merge.height],
                [right, merge.height],
                [right, self.height(merge.b)],
            ]);
            middle.push(0.5 * (left + right));
        }
        lines
    }

    /// Newick's notation, with a name for every row. The length of a branch is the height of the
    /// merge above it less that of the one below (negative where heights fall).
    ///
    /// Names are quoted where the notation needs it.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
    ///
    /// let tree = Agglomerative::new(Linkage::Single).fit(&array![[0.0], [5.0], [6.0]])?;
    /// let names = ["Ann", "Bob's", "Cy"];
    /// assert_eq!(tree.to_newick(|row| names[row].into()), "(Ann:5,('Bob''s':1,Cy:1):4);");
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn to_newick(&self, name: impl Fn(usize) -> String) -> String {
        let n_samples = self.n_samples();
        let mut out = String::new();
        let length = |out: &mut String, length: Option<f64>| {
            if let Some(length) = length {
                // Writing to a string does not fail.
                let _ = write!(out, ":{length}");
            }
        };
        let mut open = vec![NewickPiece::Cluster(2 * n_samples - 2, None)];
        while let Some(piece) = open.pop() {
            match piece {
                NewickPiece::Comma => out.push(','),
                NewickPiece::Close(above) => {
                    out.push(')');
                    length(&mut out, above);
                }
                NewickPiece::Cluster(row, above) if row < n_samples => {
                    out.push_str(&quoted(name(row)));
                    length(&mut out, above);
                }
                NewickPiece::Cluster(cluster, above) => {
                    let merge = self.merges[cluster - n_samples];
                    let part =
                        |part| NewickPiece::Cluster(part, Some(merge.height - self.height(part)));
                    out.push('(');
                    open.push(NewickPiece::Close(above));
                    open.extend([part(merge.b), NewickPiece::Comma, part(merge.a)]);
                }
            }
        }
        out.push(';');
        out
    }

    /// The position of every cluster's first leaf.
    pub(in crate::cluster) fn starts(&self) -> Vec<usize> {
        let n_samples = self.n_samples();
        let mut starts = vec![0; 2 * n_samples - 1];
        for (i, merge) in self.merges.iter().enumerate().rev() {
            starts[merge.a] = starts[n_samples + i];
            starts[merge.b] = starts[n_samples + i] + self.size(merge.a);
        }
        starts
    }
}

/// A name as Newick's notation has it.
fn quoted(name: String) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"()[]{}/\\,;:='\"_".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name;
    }
    format!("'{}'", name.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_a_leaf_without_lines() {
        let tree = Dendrogram::from_merges(Vec::new());
        assert_eq!(tree.leaf_order(), [0]);
        assert!(tree.coordinates().is_empty());
        assert_eq!(tree.to_newick(|_| "a b".into()), "'a b';");
    }

    #[test]
    fn lines_meet_the_middle_of_the_line_below() {
        let tree = Dendrogram::from_merges(vec![(0, 3, 1.0), (1, 2, 2.0), (0, 1, 5.0)]);
        assert_eq!(tree.leaf_order(), [0, 3, 1, 2]);
        let top = [[0.5, 1.0], [0.5, 5.0], [2.5, 5.0], [2.5, 2.0]];
        assert_eq!(tree.coordinates()[2], top);
    }
}
