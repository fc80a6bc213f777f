//! Neighbours by brute force: every row is compared with every other.
//!
//! The truth that the tree has to equal, and the faster way for a handful of queries, which would
//! not pay for a tree. Distances come from a function, so that a matrix of own distances is searched
//! by the same loops.

use super::neighbor::Neighbor;

/// The `k` nearest of the candidate rows; fewer if there are fewer. `reduced` is the distance to a
/// candidate, reduced or not.
pub(crate) fn nearest(
    candidates: impl Iterator<Item = usize>,
    k: usize,
    reduced: impl Fn(usize) -> f64,
) -> Vec<Neighbor> {
    debug_assert!(k > 0);
    // Up to 2k contenders; when they are that many, only the k best stay.
    let mut best: Vec<Neighbor> = Vec::new();
    let mut worst = Neighbor { reduced: f64::INFINITY, row: u32::MAX };
    for row in candidates {
        let neighbor = Neighbor { reduced: reduced(row), row: row as u32 };
        if neighbor.order(&worst).is_lt() {
            best.push(neighbor);
            if best.len() == 2 * k {
                worst = *best.select_nth_unstable_by(k - 1, Neighbor::order).1;
                best.truncate(k);
            }
        }
    }
    best.sort_unstable_by(Neighbor::order);
    best.truncate(k);
    best.shrink_to_fit();
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_those_of_a_full_sort() {
        let x: Vec<f64> = (0..60).map(|i| ((i * 17) % 12) as f64).collect();
        for k in [1, 2, 7, 30, 60, 100] {
            let mut all: Vec<(f64, u32)> =
                (0..60).map(|i: u32| ((x[i as usize] - 4.0).abs(), i)).collect();
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            all.truncate(k);
            let near = nearest(0..60, k, |row| (x[row] - 4.0).abs());
            assert!(near.iter().map(|n| (n.reduced, n.row)).eq(all), "{k}");
        }
    }
}
