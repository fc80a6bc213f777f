//! The point of the rows' convex hull that lies nearest to a target.
//!
//! It is a mixture of at most d + 1 rows. Start from some; find the best mixture of them; add the row
//! that lies farthest in the direction from the mixture to the target; stop when no row lies farther
//! than the mixture itself.
//!
//! Source: Wolfe 1976. Cost: one pass over the rows per row added; one to check when nothing changes.

use super::simplex::Solver;
use crate::num::check::Rows;
use crate::num::parallel;

/// Rows added at most; the mixture is nearly the nearest long before.
const MOST_ROUNDS: usize = 200;
/// Rows that are measured side by side, because one sum waits for each of its additions.
const TOGETHER: usize = 8;
/// A row farther by less than this part of the lengths at hand is as far.
const AS_FAR: f64 = 1e-12;

/// A point of the hull: rows and their parts, ascending by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Corner {
    pub(super) of: Vec<(usize, f64)>,
    pub(super) at: Vec<f64>,
}

impl Corner {
    /// A single row.
    pub(super) fn row(rows: &Rows<'_>, row: usize) -> Self {
        Self { of: vec![(row, 1.0)], at: rows.row(row).to_vec() }
    }

    /// Moves to the point nearest to `target`.
    pub(super) fn approach(&mut self, rows: &Rows<'_>, target: &[f64], solver: &mut Solver) {
        for _ in 0..MOST_ROUNDS {
            self.mix(rows, target, solver);
            let towards: Vec<f64> = target.iter().zip(&self.at).map(|(t, at)| t - at).collect();
            let (row, reach) = farthest(rows, &towards);
            let own: f64 = self.at.iter().zip(&towards).map(|(at, t)| at * t).sum();
            let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
            let far = length(&towards) * (length(rows.row(row)) + length(&self.at));
            if reach - own <= AS_FAR * far || self.of.iter().any(|&(of, _)| of == row) {
                return;
            }
            let at = self.of.partition_point(|&(of, _)| of < row);
            self.of.insert(at, (row, 0.0));
        }
    }

    /// The best mixture of the rows at hand; those without a part go.
    fn mix(&mut self, rows: &Rows<'_>, target: &[f64], solver: &mut Solver) {
        let (m, d) = (self.of.len(), target.len());
        // Seen from the target, so that nothing cancels.
        let seen: Vec<f64> = self
            .of
            .iter()
            .flat_map(|&(row, _)| rows.row(row).iter().zip(target).map(|(v, t)| v - t))
            .collect();
        let seen = |i: usize| &seen[i * d..(i + 1) * d];
        let mut gram = vec![0.0; m * m];
        for i in 0..m {
            for j in 0..=i {
                let product: f64 = seen(i).iter().zip(seen(j)).map(|(a, b)| a * b).sum();
                (gram[i * m + j], gram[j * m + i]) = (product, product);
            }
        }
        let mut parts: Vec<f64> = self.of.iter().map(|&(_, part)| part).collect();
        solver.solve(&gram, &vec![0.0; m], &mut parts);
        self.of.iter_mut().zip(parts).for_each(|(of, part)| of.1 = part);
        self.of.retain(|&(_, part)| part > 0.0);
        self.at.fill(0.0);
        for &(row, part) in &self.of {
            self.at.iter_mut().zip(rows.row(row)).for_each(|(at, v)| *at += part * v);
        }
    }
}

/// The row farthest in a direction, the first of equals, and how far.
pub(super) fn farthest(rows: &Rows<'_>, direction: &[f64]) -> (usize, f64) {
    let d = direction.len();
    let chunks = parallel::map_chunks(rows.n_rows(), d, |range| {
        let mut best = (range.start, f64::NEG_INFINITY);
        let start = range.start;
        for (group, block) in rows.range(range).chunks(TOGETHER * d).enumerate() {
            let reaches = reaches(block, direction);
            for (i, &reach) in reaches[..block.len() / d].iter().enumerate() {
                if reach > best.1 {
                    best = (start + group * TOGETHER + i, reach);
                }
            }
        }
        best
    });
    let first = (0, f64::NEG_INFINITY);
    chunks.into_iter().fold(first, |best, next| if next.1 > best.1 { next } else { best })
}

/// How far each of a few rows lies in a direction; beyond the last row, how far that one lies.
fn reaches(block: &[f64], direction: &[f64]) -> [f64; TOGETHER] {
    let d = direction.len();
    let last = block.len() / d - 1;
    let rows: [&[f64]; TOGETHER] =
        std::array::from_fn(|i| &block[i.min(last) * d..(i.min(last) + 1) * d]);
    let mut sums = [0.0; TOGETHER];
    for (j, &along) in direction.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum += row[j] * along;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    #[test]
    fn the_nearest_point_of_a_triangle_is_as_by_hand() {
        let x = array![[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [1.0, 1.0]];
        let rows = check::rows(x.view()).unwrap();
        for (target, nearest) in [
            ([4.0, 4.0], [3.0, 3.0]),
            ([-1.0, -1.0], [0.0, 0.0]),
            ([8.0, -2.0], [6.0, 0.0]),
            ([2.0, 1.0], [2.0, 1.0]),
        ] {
            for start in 0..4 {
                let mut corner = Corner::row(&rows, start);
                corner.approach(&rows, &target, &mut Solver::default());
                assert!(corner.at.iter().zip(nearest).all(|(a, b)| (a - b).abs() < 1e-12));
                assert!((corner.of.iter().map(|of| of.1).sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }
}
