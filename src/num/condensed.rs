//! Numbers for all pairs of rows, each once: (0, 1), (0, 2), …, (0, n − 1), (1, 2), …

/// The place of the pair `i < j` of `n` rows.
#[inline]
pub(crate) fn place(n: usize, i: usize, j: usize) -> usize {
    debug_assert!(i < j && j < n);
    i * (2 * n - i - 1) / 2 + (j - i - 1)
}

/// The pairs of every row with those after it.
pub(crate) fn split<T>(mut pairs: &mut [T], n: usize) -> Vec<&mut [T]> {
    debug_assert_eq!(pairs.len(), n * (n - 1) / 2);
    let mut parts: Vec<&mut [T]> = Vec::with_capacity(n);
    for row in 0..n {
        let (part, after) = pairs.split_at_mut(n - 1 - row);
        parts.push(part);
        pairs = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_place_in_the_part_of_its_first_row() {
        for n in 1..7 {
            let mut pairs: Vec<usize> = (0..n * (n - 1) / 2).collect();
            for (i, part) in split(&mut pairs, n).into_iter().enumerate() {
                assert_eq!(part.len(), n - 1 - i);
                for j in i + 1..n {
                    assert_eq!(part[j - i - 1], place(n, i, j));
                }
            }
        }
    }
}
