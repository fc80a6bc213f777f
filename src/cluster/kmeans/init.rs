//! First centroids: greedy k-means++, random rows, or given ones. Never two at one place.
//!
//! k-means++ (Arthur, Vassilvitskii 2007), greedy as in scikit-learn: the first centroid is a row
//! drawn uniformly; for each further one, 2 + ⌊ln k⌋ rows are drawn with probability proportional
//! to their squared distance from the centroids so far, and the one that leaves the least sum of
//! squared distances is kept; of equal ones, the first drawn. Weights multiply all these chances and
//! sums, so that a row of weight 2 is as likely as the row twice.
//!
//! Distances are taken on the f32 tiles, in an arithmetic that gives the same bits on every CPU; a
//! draw needs no more. Where what is left is hardly more than f32 loses, the draws continue on the f64
//! rows: one far value (a stand-in for a missing one) leaves f32 no digit for the other rows.
//!
//! Cost: O(n·k·log k·d/16) vector operations, two passes over the tiles per centroid; memory 4n. On
//! f64 rows n·k·log k·d plain operations, and 8n bytes.

use super::tiled::Tiled;
use super::weights::Weights;
use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::pack::{LANES, TILES_PER_CHUNK};
use crate::num::parallel;
use crate::num::portable;
use crate::num::potential::{self, WeightedTiles};
use crate::num::rng::Stream;

/// A sum of squared distances below this many times what f32 loses of it is left to f64.
const COARSE: f64 = 16_384.0;

/// Up to `k` centroids, row-major; fewer only if every row lies on one of them.
pub(super) fn plus_plus(tiled: &Tiled<'_>, k: usize, stream: &mut Stream) -> Vec<f64> {
    let (rows, packed) = (tiled.rows, &tiled.packed);
    let (n, d) = (rows.n_rows(), rows.n_columns());
    let kernels = potential::fastest();
    let n_candidates = 2 + portable::ln(k as f64) as usize;
    let padded = n.div_ceil(LANES) * LANES;
    let weights = tiled.weights.map(|weights| {
        let mut lanes: Vec<f32> = weights.relative().iter().map(|&w| w as f32).collect();
        lanes.resize(padded, 0.0);
        lanes
    });
    let tiles_of = |chunk: usize, n_lanes: usize| WeightedTiles {
        values: &packed.tiles()[chunk * TILES_PER_CHUNK * d * LANES..][..n_lanes * d],
        weights: weights.as_ref().map(|w| &w[chunk * parallel::CHUNK..][..n_lanes]),
        n_columns: d,
    };
    let mut chosen = vec![match tiled.weights {
        None => stream.below(n),
        Some(weights) => draw(weights.relative(), stream),
    }];
    let blurred = COARSE * packed.blur();
    // Padded lanes are on a centroid already: they count nothing and are never drawn.
    let mut closest = vec![f32::INFINITY; padded];
    closest[n..].fill(0.0);
    while chosen.len() < k {
        let newest = packed.row(chosen[chosen.len() - 1]);
        let sums =
            parallel::map_chunks_mut(&mut closest, parallel::CHUNK, 3 * d, |chunk, closest| {
                (kernels.lower)(tiles_of(chunk, closest.len()), closest, &newest)
            });
        let total: f64 = sums.iter().sum();
        if total <= blurred {
            drop(closest);
            plus_plus_exact(tiled, k, &mut chosen, stream);
            break;
        }
        let share = |row: usize| {
            f64::from(closest[row])
                * weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]))
        };
        let candidates: Vec<usize> =
            (0..n_candidates).map(|_| pick(n, share, &sums, stream.unit() * total)).collect();
        let points: Vec<f32> = candidates.iter().flat_map(|&row| packed.row(row)).collect();
        let left = parallel::map_chunks(padded, 3 * d * n_candidates, |range| {
            let mut sums = vec![0.0; n_candidates];
            let tiles = tiles_of(range.start / parallel::CHUNK, range.len());
            (kernels.sum)(tiles, &closest[range], &points, &mut sums);
            sums
        });
        chosen.push(candidates[least(&left)]);
    }
    // What no square can tell from the centroids may still differ.
    distinct(rows, k, chosen.into_iter().chain(0..n))
}

/// Continues [`plus_plus`] on the f64 rows, until there are `k` or no row has a distance.
fn plus_plus_exact(tiled: &Tiled<'_>, k: usize, chosen: &mut Vec<usize>, stream: &mut Stream) {
    let (rows, d) = (tiled.rows, tiled.rows.n_columns());
    let n = rows.n_rows();
    let n_candidates = 2 + portable::ln(k as f64) as usize;
    let weight = |row: usize| tiled.weights.map_or(1.0, |weights| weights.relative()[row]);
    let mut closest = vec![f64::INFINITY; n];
    let mut placed = 0;
    while chosen.len() < k {
        let newest = &chosen[placed..];
        let work = 3 * d * newest.len();
        let sums =
            parallel::map_chunks_mut(&mut closest, parallel::CHUNK, work, |chunk, closest| {
                let mut sum = 0.0;
                for (row, closest) in (chunk * parallel::CHUNK..).zip(closest) {
                    for &other in newest {
                        *closest = closest.min(squared(rows.row(row), rows.row(other)));
                    }
                    sum += weight(row) * *closest;
                }
                sum
            });
        placed = chosen.len();
        let total: f64 = sums.iter().sum();
        if total == 0.0 {
            return;
        }
        let share = |row: usize| weight(row) * closest[row];
        let candidates: Vec<usize> =
            (0..n_candidates).map(|_| pick(n, share, &sums, stream.unit() * total)).collect();
        let left = parallel::map_chunks(n, 3 * d * n_candidates, |range| {
            let mut sums = vec![0.0; n_candidates];
            for row in range {
                for (sum, &candidate) in sums.iter_mut().zip(&candidates) {
                    let square = squared(rows.row(row), rows.row(candidate));
                    *sum += weight(row) * closest[row].min(square);
                }
            }
            sums
        });
        chosen.push(candidates[least(&left)]);
    }
}

/// The candidate that leaves the least sum over the chunks; of equal ones, the first.
fn least(left: &[Vec<f64>]) -> usize {
    let sum = |candidate: usize| left.iter().map(|sums| sums[candidate]).sum::<f64>();
    let sums: Vec<f64> = (0..left[0].len()).map(sum).collect();
    (1..sums.len()).fold(0, |best, at| if sums[at] < sums[best] { at } else { best })
}

/// A row with the chance of its weight.
fn draw(weights: &[f64], stream: &mut Stream) -> usize {
    let sums: Vec<f64> = weights.chunks(parallel::CHUNK).map(|chunk| chunk.iter().sum()).collect();
    let at = stream.unit() * sums.iter().sum::<f64>();
    pick(weights.len(), |row| weights[row], &sums, at)
}

/// The row of `0..n` whose share of the total covers `at`; never a row without share.
fn pick(n: usize, share: impl Fn(usize) -> f64, chunk_sums: &[f64], mut at: f64) -> usize {
    // The last chunk that holds anything catches what rounding leads past the end.
    let last = chunk_sums.iter().rposition(|&sum| sum > 0.0).expect("the total is positive");
    let mut chunk = 0;
    while chunk < last && at >= chunk_sums[chunk] {
        at -= chunk_sums[chunk];
        chunk += 1;
    }
    let mut rows = chunk * parallel::CHUNK..n.min((chunk + 1) * parallel::CHUNK);
    let mut below = 0.0;
    for row in rows.clone() {
        below += share(row);
        if at < below {
            return row;
        }
    }
    rows.rfind(|&row| share(row) > 0.0).expect("the chunk has a share")
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
    use crate::cluster::kmeans::weights::Weighting;
    use crate::num::check;
    use crate::num::columns::Columns;
    use ndarray::{Array2, array};

    #[test]
    fn plus_plus_takes_each_distinct_row_once_and_stops_when_none_is_left() {
        let x = array![[0.0], [5.0], [5.0], [0.0], [7.0]];
        let rows = check::rows(x.view()).unwrap();
        for index in 0..20 {
            let tiled = Tiled::new(&rows, &Columns::of(&rows), None);
            let mut three = plus_plus(&tiled, 3, &mut Stream::new(0, index));
            three.sort_unstable_by(f64::total_cmp);
            assert_eq!(three, [0.0, 5.0, 7.0]);
            assert_eq!(plus_plus(&tiled, 4, &mut Stream::new(0, index)).len(), 3);
            assert_eq!(random(&rows, None, 4, &mut Stream::new(0, index)).len(), 3);
        }
    }

    #[test]
    fn plus_plus_finds_far_groups() {
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row % 4 * 100) as f64 + row as f64);
        let rows = check::rows(x.view()).unwrap();
        for index in 0..20 {
            let tiled = Tiled::new(&rows, &Columns::of(&rows), None);
            let mut groups: Vec<usize> = plus_plus(&tiled, 4, &mut Stream::new(0, index))
                .iter()
                .map(|v| (*v / 100.0) as usize)
                .collect();
            groups.sort_unstable();
            assert_eq!(groups, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn groups_that_one_far_value_blurs_are_found_in_any_order_of_rows() {
        for far in [1e5, 1e8, 1e10, 1e13, 1e30] {
            let x = Array2::from_shape_fn((361, 1), |(row, _)| match row {
                360 => far,
                _ => (row / 60 * 100) as f64 + (row * 7 % 11) as f64 / 10.0,
            });
            let rows = check::rows(x.view()).unwrap();
            let weights: Vec<f64> = (0..361).map(|row| f64::from(1 + row % 2)).collect();
            let weights = Weighting::new(&weights, 361).unwrap();
            for (index, weights) in (0..10).flat_map(|i| [(i, None), (i, weights.weights())]) {
                let tiled = Tiled::new(&rows, &Columns::of(&rows), weights);
                let mut found = plus_plus(&tiled, 7, &mut Stream::new(0, index));
                found.sort_unstable_by(f64::total_cmp);
                let groups: Vec<f64> = found.iter().map(|v| (v / 100.0).trunc()).collect();
                assert_eq!(groups[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "{far} {found:?}");
                assert_eq!(found[6], far);
            }
        }
    }

    #[test]
    fn rows_that_f32_cannot_tell_apart_are_still_found() {
        let x = array![[0.0], [1e-9], [1.0], [1.0 + 1e-12]];
        let rows = check::rows(x.view()).unwrap();
        let four =
            plus_plus(&Tiled::new(&rows, &Columns::of(&rows), None), 4, &mut Stream::new(0, 0));
        assert_eq!(four.len(), 4);
    }

    #[test]
    fn a_pick_covers_its_share_and_skips_weightless_rows() {
        let weights = [0.0, 2.0, 0.0, 1.0, 0.0];
        assert_eq!(pick(5, |row| weights[row], &[3.0], 0.0), 1);
        assert_eq!(pick(5, |row| weights[row], &[3.0], 1.999), 1);
        assert_eq!(pick(5, |row| weights[row], &[3.0], 2.0), 3);
        assert_eq!(pick(5, |row| weights[row], &[3.0], 3.0), 3);
    }
}
