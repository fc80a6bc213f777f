//! The Dunn index: the least gap between clusters, by the greatest width of one.
//!
//! Source: Dunn 1974. Cost: O(n² · d) time, O(n) memory.

use super::grouped::{self, Grouped};
use crate::num::samples::Samples;
use crate::{Error, Labels, Result};

/// The Dunn index of a grouping of `x`, `(n_samples, n_features)`: the least distance between rows of
/// different clusters, by the greatest within one; 0 or more, the greater, the better.
///
/// Above 1, all distances within clusters are shorter than all distances between clusters. A single row can
/// decide the index, so it suits small data without outliers. Noise rows are left out. Source: Dunn 1974.
/// Cost: O(n² · d).
///
/// ```
/// use personas::{Labels, ndarray::array, validate};
///
/// let x = array![[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0], [10.0, 0.0], [10.0, 1.0]];
/// let labels = Labels::new([0, 0, 1, 1, 2, 2].map(Some))?;
/// assert_eq!(validate::dunn(&x, &labels)?, 1.5);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// As [`silhouette`](super::silhouette()); [`Error::UndefinedMetric`] too if the rows of every cluster are equal.
pub fn dunn<'a>(x: impl Into<Samples<'a>>, labels: &Labels) -> Result<f64> {
    let metric = "the Dunn index";
    let x = x.into().into_rows()?;
    let rows = grouped::ready(x.view(), labels, metric)?;
    let grouped = Grouped::new(&rows, labels);
    // The farthest of the own cluster, and the nearest of another.
    let empty = vec![[0.0, f64::INFINITY]; labels.n_clusters()];
    let add = |ends: &mut Vec<[f64; 2]>, cluster: usize, _: usize, run: &[f64]| {
        let ends = &mut ends[cluster];
        for &distance in run {
            *ends = [ends[0].max(distance), ends[1].min(distance)];
        }
    };
    let each = grouped.gather(&grouped.order, &empty, add, |row, ends| {
        let own = labels.get(row).unwrap_or(0);
        let others = ends.iter().enumerate().filter(|(cluster, _)| *cluster != own);
        (ends[own][0], others.fold(f64::INFINITY, |least: f64, (_, ends)| least.min(ends[1])))
    });
    let diameter = each.iter().fold(0.0, |most: f64, ends| most.max(ends.0));
    let gap = each.iter().fold(f64::INFINITY, |least: f64, ends| least.min(ends.1));
    if diameter > 0.0 {
        return Ok(gap / diameter);
    }
    let reason = "the rows of every cluster are equal".into();
    Err(Error::UndefinedMetric { metric, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use ndarray::{Array2, array};

    #[test]
    fn the_dunn_index_is_the_least_gap_by_the_greatest_diameter_at_any_scale() {
        let mut stream = Stream::new(8, 0);
        let x = Array2::from_shape_simple_fn((70, 2), || stream.normal());
        let l = Labels::new((0..70).map(|i| (i % 7 > 0).then_some(i % 3))).unwrap();
        let (mut gap, mut diameter) = (f64::INFINITY, 0.0f64);
        for i in 0..70 {
            for j in 0..i {
                let (Some(a), Some(b)) = (l.get(i), l.get(j)) else { continue };
                let d = (&x.row(i) - &x.row(j)).mapv(|v: f64| v * v).sum().sqrt();
                if a == b { diameter = diameter.max(d) } else { gap = gap.min(d) }
            }
        }
        for unit in [1.0, 1e-200, 1e120] {
            assert!((dunn(&(&x * unit), &l).unwrap() / (gap / diameter) - 1.0).abs() < 1e-12);
        }
        let equal = array![[0.0], [0.0], [1.0]];
        assert!(matches!(
            dunn(&equal, &Labels::new([0, 0, 1].map(Some)).unwrap()),
            Err(Error::UndefinedMetric { .. })
        ));
        assert!(matches!(
            dunn(&equal, &Labels::new([0; 3].map(Some)).unwrap()),
            Err(Error::UndefinedMetric { .. })
        ));
    }
}
