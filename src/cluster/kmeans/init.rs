//! First centroids: greedy k-means++, random rows, or given ones. Never two at one place.
//!
//! k-means++ (Arthur, Vassilvitskii 2007), greedy as in scikit-learn: the first centroid is a row
//! drawn uniformly; for each further one, 2 + ⌊ln k⌋ rows are drawn with probability proportional
//! to their squared distance from the centroids so far, and the one that leaves the least sum of
//! squared distances is kept; of equal ones, the first drawn. Weights multiply all these chances and
//! sums, so that a row of weight 2 is as likely as the row twice.
//! Cost: O(n·k·log k·d) time, O(n) memory.

use super::weights::Weights;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::parallel;
use crate::num::rng::Stream;

/// Up to `k` centroids, row-major; fewer only if every row lies on one of them.
pub(super) fn plus_plus(
    rows: &Rows<'_>,
    weights: Option<&Weights>,
    k: usize,
    stream: &mut Stream,
) -> Vec<f64> {
    let n_candidates = 2 + (k as f64).ln() as usize;
    let mut centroids = Vec::with_capacity(k * rows.n_columns());
    let mut near = vec![f64::INFINITY; rows.n_rows()];
    let mut newest = match weights {
        None => stream.below(rows.n_rows()),
        Some(weights) => draw(weights.relative(), stream),
    };
    loop {
        centroids.extend_from_slice(rows.row(newest));
        if centroids.len() == k * rows.n_columns() {
            return centroids;
        }
        let chunks = parallel::map_chunks(rows.n_rows(), rows.n_columns(), |range| {
            let near = range.map(|row| near[row].min(squared(rows.row(row), rows.row(newest))));
            near.collect::<Vec<f64>>()
        });
        near = chunks.concat();
        let weighted: Option<Vec<f64>> =
            weights.map(|w| near.iter().zip(w.relative()).map(|(d, w)| d * w).collect());
        let shares = weighted.as_ref().unwrap_or(&near);
        let sums = chunk_sums(shares);
        let total: f64 = sums.iter().sum();
        if total == 0.0 {
            // A tiny weight may make nothing of a tiny distance.
            let Some(row) = near.iter().position(|&d| d > 0.0) else { return centroids };
            newest = row;
            continue;
        }
        let candidates: Vec<usize> =
            (0..n_candidates).map(|_| pick(shares, &sums, stream.unit() * total)).collect();
        let left = potentials(rows, weights, &near, &candidates);
        let mut best = 0;
        for candidate in 1..n_candidates {
            if left[candidate] < left[best] {
                best = candidate;
            }
        }
        newest = candidates[best];
    }
}

fn chunk_sums(weights: &[f64]) -> Vec<f64> {
    weights.chunks(parallel::CHUNK).map(|chunk| chunk.iter().sum()).collect()
}

/// A row with the chance of its weight.
fn draw(weights: &[f64], stream: &mut Stream) -> usize {
    let sums = chunk_sums(weights);
    pick(weights, &sums, stream.unit() * sums.iter().sum::<f64>())
}

/// The row whose share of the summed weights covers `at`; never a row of weight 0.
fn pick(weights: &[f64], chunk_sums: &[f64], mut at: f64) -> usize {
    for (chunk, &sum) in chunk_sums.iter().enumerate() {
        let first = chunk * parallel::CHUNK;
        if at < sum {
            let mut below = 0.0;
            for (offset, weight) in weights[first..].iter().enumerate() {
                below += weight;
                if at < below {
                    return first + offset;
                }
            }
        }
        at -= sum;
    }
    // Rounding led past the end.
    weights.iter().rposition(|&w| w > 0.0).expect("the total weight is positive")
}

/// For each candidate row, the weighted sum of squared distances if it became a centroid.
fn potentials(
    rows: &Rows<'_>,
    weights: Option<&Weights>,
    near: &[f64],
    candidates: &[usize],
) -> Vec<f64> {
    let work = rows.n_columns() * candidates.len();
    let chunks = parallel::map_chunks(rows.n_rows(), work, |range| {
        let mut sums = vec![0.0; candidates.len()];
        for row in range {
            let weight = weights.map_or(1.0, |weights| weights.relative()[row]);
            for (sum, &candidate) in sums.iter_mut().zip(candidates) {
                *sum += weight * near[row].min(squared(rows.row(row), rows.row(candidate)));
            }
        }
        sums
    });
    (0..candidates.len()).map(|i| chunks.iter().map(|sums| sums[i]).sum()).collect()
}

/// Up to `k` rows in random order, none at the place of an earlier one; heavier ones sooner.
pub(super) fn random(
    rows: &Rows<'_>,
    weights: Option<&Weights>,
    k: usize,
    stream: &mut Stream,
) -> Vec<f64> {
    let Some(weights) = weights else {
        let mut order: Vec<usize> = (0..rows.n_rows()).collect();
        stream.shuffle(&mut order);
        return distinct(rows, k, order);
    };
    let mut weights = weights.relative().to_vec();
    let mut taken = Vec::with_capacity(k * rows.n_columns());
    while taken.len() < k * rows.n_columns() && weights.iter().any(|&w| w > 0.0) {
        let drawn = rows.row(draw(&weights, stream));
        taken.extend_from_slice(drawn);
        for (row, weight) in rows.iter().zip(&mut weights) {
            if squared(row, drawn) == 0.0 {
                *weight = 0.0;
            }
        }
    }
    taken
}

/// The first `k` rows of `order` that differ from all rows taken before.
pub(super) fn distinct(
    rows: &Rows<'_>,
    k: usize,
    order: impl IntoIterator<Item = usize>,
) -> Vec<f64> {
    let mut taken: Vec<f64> = Vec::with_capacity(k * rows.n_columns());
    for row in order {
        if taken.len() == k * rows.n_columns() {
            break;
        }
        let row = rows.row(row);
        if taken.chunks_exact(rows.n_columns()).all(|other| squared(row, other) > 0.0) {
            taken.extend_from_slice(row);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::{Array2, array};

    #[test]
    fn plus_plus_takes_each_distinct_row_once_and_stops_when_none_is_left() {
        let x = array![[0.0], [5.0], [5.0], [0.0], [7.0]];
        let rows = check::rows(x.view()).unwrap();
        for index in 0..20 {
            let mut three = plus_plus(&rows, None, 3, &mut Stream::new(0, index));
            three.sort_unstable_by(f64::total_cmp);
            assert_eq!(three, [0.0, 5.0, 7.0]);
            assert_eq!(plus_plus(&rows, None, 4, &mut Stream::new(0, index)).len(), 3);
            assert_eq!(random(&rows, None, 4, &mut Stream::new(0, index)).len(), 3);
        }
    }

    #[test]
    fn plus_plus_finds_far_groups() {
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row % 4 * 100) as f64 + row as f64);
        let rows = check::rows(x.view()).unwrap();
        for index in 0..20 {
            let mut groups: Vec<usize> = plus_plus(&rows, None, 4, &mut Stream::new(0, index))
                .iter()
                .map(|v| (*v / 100.0) as usize)
                .collect();
            groups.sort_unstable();
            assert_eq!(groups, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_pick_covers_its_share_and_skips_weightless_rows() {
        let weights = [0.0, 2.0, 0.0, 1.0, 0.0];
        assert_eq!(pick(&weights, &[3.0], 0.0), 1);
        assert_eq!(pick(&weights, &[3.0], 1.999), 1);
        assert_eq!(pick(&weights, &[3.0], 2.0), 3);
        assert_eq!(pick(&weights, &[3.0], 3.0), 3);
    }
}
