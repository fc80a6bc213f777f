//! Squared Euclidean distance in f64: the truth that every faster kernel has to equal.
//!
//! Differences first, then squares, added from the first column to the last without fused
//! multiply-add: exact to the last bit on every CPU, and unhurt by data far from the origin
//! (the expanded form |a|² − 2ab + |b|² loses all digits there).

/// Σ (aᵢ − bᵢ)².
#[inline]
pub(crate) fn squared(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let mut sum = 0.0;
    for (x, y) in a.iter().zip(b) {
        let d = x - y;
        sum += d * d;
    }
    sum
}

/// The nearest of `centroids` (row-major) and its squared distance; ties go to the lowest index.
#[inline]
pub(crate) fn nearest(point: &[f64], centroids: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (cluster, centroid) in centroids.chunks_exact(point.len()).enumerate() {
        let d = squared(point, centroid);
        if d < best.1 {
            best = (cluster, d);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_goes_to_the_lowest_index() {
        assert_eq!(nearest(&[1.0], &[5.0, 0.0, 2.0]), (1, 1.0));
    }

    #[test]
    fn an_offset_of_1e12_costs_no_digits_that_the_data_still_have() {
        assert_eq!(squared(&[1e12 + 3.0, 1e12], &[1e12, 1e12 + 4.0]), 25.0);
    }
}
