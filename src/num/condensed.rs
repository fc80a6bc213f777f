//! Numbers for all pairs of rows, each once: (0, 1), (0, 2), …, (0, n − 1), (1, 2), …

/// The place of the pair `i < j` of `n` rows.
#[inline]
pub(crate) fn place(n: usize, i: usize, j: usize) -> usize {
    debug_assert!(i < j && j < n);
    i * (2 * n - i - 1) / 2 + (j - i - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_place_in_order() {
        for n in 1..7 {
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            assert!(pairs.map(|(i, j)| place(n, i, j)).eq(0..n * (n - 1) / 2));
        }
    }
}
