//! Numbers about a tree: cophenetic distances, how well they fit, inconsistency.
//!
//! Source: Sokal, Rohlf 1962 (cophenetic correlation); scipy's `inconsistent` for the conventions.

use super::Dendrogram;
use crate::num::condensed;
use crate::num::powers::{exponent, two_to};
use crate::num::stats::mean;
use crate::{Error, Result};

/// Count, mean and sum of squared deviations of heights, in units of the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Heights {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Heights {
    /// Both together (Chan, Golub, LeVeque 1979).
    fn and(self, other: Self) -> Self {
        let n = self.n + other.n;
        let apart = other.mean - self.mean;
        Self {
            n,
            mean: self.mean + apart * (other.n / n),
            squares: self.squares + other.squares + apart * apart * (self.n * other.n / n),
        }
    }
}

impl Dendrogram {
    /// For each pair of rows the height at which they come together, in the order
    /// (0, 1), (0, 2), …, (1, 2), …, as scipy's condensed matrices.
    ///
    /// Needs 8 bytes for each of n·(n − 1)/2 pairs.
    pub fn cophenetic(&self) -> Vec<f64> {
        let n_samples = self.n_samples();
        let (starts, leaves) = (self.starts(), self.leaf_order());
        let mut heights = vec![0.0; n_samples * (n_samples - 1) / 2];
        for merge in &self.merges {
            for &x in &leaves[starts[merge.a]..][..self.size(merge.a)] {
                for &y in &leaves[starts[merge.b]..][..self.size(merge.b)] {
                    heights[condensed::place(n_samples, x.min(y), x.max(y))] = merge.height;
                }
            }
        }
        heights
    }

    /// The correlation of the cophenetic distances with the distances that the tree was made from,
    /// condensed as [`cophenetic`](Self::cophenetic) is: near 1 where the tree tells them well.
    ///
    /// ```
    /// use personas::cluster::{Agglomerative, Linkage, Samples};
    ///
    /// let distances = vec![1.0, 5.0, 4.0];
    /// let tree = Agglomerative::new(Linkage::Average).fit(Samples::Euclidean(distances.clone()))?;
    /// assert!(tree.cophenetic_correlation(&distances)? > 0.97);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of distances;
    /// [`Error::UndefinedMetric`] if all distances, or all heights, are equal, or a distance is not
    /// finite.
    pub fn cophenetic_correlation(&self, distances: &[f64]) -> Result<f64> {
        let expected = self.n_samples() * (self.n_samples() - 1) / 2;
        if distances.len() != expected {
            let what = "condensed distances".into();
            return Err(Error::DimensionMismatch { what, expected, got: distances.len() });
        }
        let heights = self.cophenetic();
        let [distances, heights] = [distances, &heights].map(deviations);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let squares = dot(&distances, &distances).sqrt() * dot(&heights, &heights).sqrt();
        let correlation = dot(&distances, &heights) / squares;
        if correlation.is_finite() {
            return Ok(correlation);
        }
        let reason = "the distances or the heights do not vary, or are not finite".into();
        Err(Error::UndefinedMetric { metric: "cophenetic correlation", reason })
    }

    /// Returns the inconsistency coefficient of every merge: (height − mean) / standard deviation. Mean and
    /// standard deviation (divisor count − 1) are over the heights of the merge itself and those below it,
    /// down to `depth` levels; the coefficient is 0 where these heights do not vary.
    ///
    /// This is the last column of scipy's `inconsistent`, whose default depth is 2. A high value marks a merge
    /// of groups that lie farther apart than their parts do.
    ///
    /// Cost: O(n) per level.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
    ///
    /// let tree = Agglomerative::new(Linkage::Single).fit(&array![[0.0], [1.0], [5.0]])?;
    /// assert!((tree.inconsistency(2)?[1] - 0.5f64.sqrt()).abs() < 1e-12);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a depth of 0.
    pub fn inconsistency(&self, depth: usize) -> Result<Vec<f64>> {
        if depth == 0 {
            return Err(Error::parameter("depth", "1 or more", depth));
        }
        let n_samples = self.n_samples();
        // Squares are of heights in units of the greatest, a power of two.
        let most = self.merges.iter().map(|merge| merge.height).fold(0.0, f64::max);
        let unit = two_to(exponent(most).clamp(-1000, 1000));
        let own = |height: f64| Heights { n: 1.0, mean: height / unit, squares: 0.0 };
        let itself: Vec<Heights> = self.merges.iter().map(|merge| own(merge.height)).collect();
        let mut counted = itself.clone();
        for _ in 1..depth {
            let with_parts = |(i, &own): (usize, &Heights)| {
                let parts = [self.merges[i].a, self.merges[i].b].into_iter();
                let merged = parts.filter_map(|part| part.checked_sub(n_samples));
                merged.fold(own, |sum, part| sum.and(counted[part]))
            };
            let deeper: Vec<Heights> = itself.iter().enumerate().map(with_parts).collect();
            // Nothing is left below.
            let is_all = deeper == counted;
            counted = deeper;
            if is_all {
                break;
            }
        }
        let coefficient = |(counted, own): (Heights, Heights)| {
            let std =
                if counted.n > 1.0 { (counted.squares / (counted.n - 1.0)).sqrt() } else { 0.0 };
            if std > 0.0 { (own.mean - counted.mean) / std } else { 0.0 }
        };
        Ok(counted.into_iter().zip(itself).map(coefficient).collect())
    }
}

/// Deviations from the mean, in units of the greatest value: no square leaves the range of floats.
fn deviations(values: &[f64]) -> Vec<f64> {
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let values: Vec<f64> = values.iter().map(|value| value / most).collect();
    let mean = mean(&values);
    values.into_iter().map(|value| value - mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 0 and 1 meet at 1, rows 2 and 3 at 2, all at 5; in some unit.
    fn tree(unit: f64) -> Dendrogram {
        Dendrogram::from_merges(vec![(0, 1, unit), (2, 3, 2.0 * unit), (0, 2, 5.0 * unit)])
    }

    #[test]
    fn cophenetic_heights_are_those_of_the_first_common_merge() {
        assert_eq!(tree(1.0).cophenetic(), [1.0, 5.0, 5.0, 5.0, 5.0, 2.0]);
    }

    #[test]
    fn a_correlation_is_1_for_the_trees_own_heights_at_any_scale_and_undefined_without_spread() {
        for scale in [1.0, 1e-200, 1e140] {
            let distances = tree(scale).cophenetic();
            let correlation = tree(1.0).cophenetic_correlation(&distances).unwrap();
            assert!((correlation - 1.0).abs() < 1e-12);
        }
        let error = tree(1.0).cophenetic_correlation(&[1.0; 6]);
        assert!(matches!(error, Err(Error::UndefinedMetric { .. })));
        let error = tree(1.0).cophenetic_correlation(&[1.0; 5]);
        assert!(matches!(error, Err(Error::DimensionMismatch { expected: 6, got: 5, .. })));
    }

    #[test]
    fn inconsistency_counts_a_merge_and_those_below_it_at_any_scale() {
        for unit in [1.0, 1e-170, 1e140] {
            let tree = tree(unit);
            let top = tree.inconsistency(2).unwrap()[2];
            let mean = 8.0 / 3.0;
            let squares = [5.0f64, 1.0, 2.0].iter().map(|h| (h - mean) * (h - mean)).sum::<f64>();
            let std = (squares / 2.0).sqrt();
            assert!((top - (5.0 - mean) / std).abs() < 1e-12);
            assert_eq!(tree.inconsistency(2).unwrap(), tree.inconsistency(usize::MAX).unwrap());
            assert_eq!(tree.inconsistency(1).unwrap(), [0.0; 3]);
        }
        assert!(matches!(tree(1.0).inconsistency(0), Err(Error::InvalidParameter { .. })));
    }
}
