//! Rows to start archetypes from.
//!
//! *Furthest sum*: from one row, add the row with the greatest sum of distances to those chosen; then
//! drop the oldest and add again, ten times. It finds extremes. *k-means++*: rows by their squared
//! distance to the nearest one chosen. It finds what is far from everything so far.
//!
//! Source: Mørup, Hansen 2012; Arthur, Vassilvitskii 2007 (close to the AA++ of Mair, Sjölund 2024).
//! Cost: k + 10 passes over the rows.

use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::rng::Stream;

/// Rows exchanged after the first choice.
const EXCHANGES: usize = 10;

/// `k` rows of different values; `None` if there are not so many.
pub(super) fn furthest_sum(rows: &Rows<'_>, k: usize, stream: &mut Stream) -> Option<Vec<usize>> {
    let n = rows.n_rows();
    let mut chosen = vec![stream.below(n)];
    for turn in 1..k + EXCHANGES {
        if turn >= k {
            chosen.remove(0);
        }
        let mut best = (0.0, None);
        for row in 0..n {
            let mut sum = 0.0;
            for &other in &chosen {
                let distance = squared(rows.row(row), rows.row(other)).sqrt();
                if distance == 0.0 {
                    sum = f64::NEG_INFINITY;
                }
                sum += distance;
            }
            // With nothing chosen, as for k = 1, the first row will do.
            if sum > best.0 || best.1.is_none() && chosen.is_empty() {
                best = (sum, Some(row));
            }
        }
        chosen.push(best.1?);
    }
    Some(chosen)
}

/// `k` rows of different values; `None` if there are not so many.
pub(super) fn plus_plus(
    rows: &Rows<'_>,
    weights: &[f64],
    k: usize,
    stream: &mut Stream,
) -> Option<Vec<usize>> {
    let mut least = vec![f64::INFINITY; rows.n_rows()];
    let mut chosen = vec![stream.below(rows.n_rows())];
    while chosen.len() < k {
        let last = rows.row(chosen[chosen.len() - 1]);
        let mut total = 0.0;
        for ((least, row), weight) in least.iter_mut().zip(rows.iter()).zip(weights) {
            *least = least.min(squared(row, last));
            total += weight * *least;
        }
        let mut left = stream.unit() * total;
        let mut drawn = None;
        for (row, (least, weight)) in least.iter().zip(weights).enumerate() {
            if *least > 0.0 {
                drawn = Some(row);
                left -= weight * least;
                if left < 0.0 {
                    break;
                }
            }
        }
        chosen.push(drawn?);
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    #[test]
    fn furthest_sum_finds_the_corners_and_knows_when_there_are_too_few() {
        let x = super::super::tests::five_corners();
        let rows = check::rows(x.view()).unwrap();
        for seed in 0..20 {
            let mut chosen = furthest_sum(&rows, 3, &mut Stream::new(seed, 0)).unwrap();
            chosen.sort_unstable();
            assert!(chosen.iter().all(|&row| row < 5), "{chosen:?}");
            assert_eq!(
                plus_plus(&rows, &[1.0; 12], 12, &mut Stream::new(seed, 0)).map(|c| c.len()),
                Some(12)
            );
        }
        let two = array![[1.0], [1.0], [2.0]];
        let rows = check::rows(two.view()).unwrap();
        assert_eq!(furthest_sum(&rows, 3, &mut Stream::new(0, 0)), None);
        assert_eq!(plus_plus(&rows, &[1.0; 3], 3, &mut Stream::new(0, 0)), None);
        assert!(furthest_sum(&rows, 1, &mut Stream::new(0, 0)).is_some());
    }
}
