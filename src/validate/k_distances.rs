//! How near is near: the distance of every row to its k-th neighbour, and where that curve bends.
//!
//! Rows inside groups have their neighbours close by, rows between groups do not. Sorted, the
//! distances rise slowly and then fast; the bend is the `eps` that keeps most of the former and few of
//! the latter. The bend is where the curve lies farthest below the line from its first to its last
//! point, both brought to the unit square.
//!
//! Source: Ester, Kriegel, Sander, Xu 1996 (the sorted k-distance graph); Satopää, Albrecht, Irwin,
//! Raghavan 2011 (Kneedle). Of Kneedle's local bends, of which a curve of many rows has many by
//! chance, ours is the greatest.
//! Cost: the search for the k nearest of every row.

use crate::num::check;
use crate::num::neighbors::{Metric, Tree};
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::{Error, Result};

/// The sorted distances to the k-th neighbour, and where they bend; returned by [`suggest_eps`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KDistances {
    /// The distance of every row to the neighbour that would make it core, ascending: a curve to be
    /// plotted over its index.
    pub distances: Vec<f64>,
    /// The index of the bend in the distances; none for a straight line.
    pub knee: Option<usize>,
    /// The distance at the bend: with it as `eps`, the rows up to the bend are core. None where that
    /// distance is 0, as between copies.
    pub eps: Option<f64>,
}

/// Proposes an `eps` for [`Dbscan`](crate::cluster::Dbscan) with this `min_samples` and metric, from the
/// distances of the rows of `x`, `(n_samples, n_features)`, to their neighbour number
/// `min_samples − 1`.
///
/// A proposal to begin with: data with groups of several densities have several bends, and a few rows
/// very far out flatten all before them. Look at the curve. Where hardly any rows lie between the groups, as
/// with two half circles, nearly all distances are those within groups: the bend then keeps the denser rows
/// only, and `Dbscan` may split a group at its thinnest place. Try the larger distances of the curve until the
/// number of clusters no longer falls.
///
/// ```
/// use personas::{cluster::{Dbscan, Metric}, ndarray::Array2, validate};
///
/// // Two groups of fifty and five rows between them.
/// let x = Array2::from_shape_fn((105, 1), |(i, _)| match i {
///     0..50 => i as f64 * 0.01,
///     50..100 => 10.0 + i as f64 * 0.01,
///     _ => 2.0 + (i - 100) as f64 * 1.5,
/// });
/// let curve = validate::suggest_eps(&x, 4, Metric::Euclidean)?;
/// let eps = curve.eps.expect("the curve bends");
/// let fit = Dbscan::new(eps, 4).fit(&x)?;
/// assert_eq!(fit.labels.iter().filter(Option::is_none).count(), 5);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] for `min_samples` below 2, [`Error::TooFewSamples`] for fewer rows than
/// that, and as for [`Dbscan::fit`](crate::cluster::Dbscan::fit) where the matrix cannot be computed with.
pub fn suggest_eps<'a>(
    x: impl Into<Samples<'a>>,
    min_samples: usize,
    metric: Metric,
) -> Result<KDistances> {
    if min_samples < 2 {
        return Err(Error::parameter("min_samples", "at least 2", min_samples));
    }
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    let n = rows.n_rows();
    if n < min_samples {
        return Err(Error::TooFewSamples { what: "suggest_eps", needed: min_samples, got: n });
    }
    check::at_most(n, check::MAX_ROWS, "suggest_eps")?;
    let rows = metric.prepare(rows)?;
    let scale = metric.scale(&rows, None);
    let kth = Tree::new(&rows.times(scale.factor()), metric).kth_nearest(min_samples - 1);
    let mut distances: Vec<f64> = kth.into_iter().map(|kth| metric.unscaled(kth, scale)).collect();
    parallel::sort_by(&mut distances, f64::total_cmp);
    let knee = bend(&distances);
    let eps = knee.map(|knee| distances[knee]).filter(|&eps| eps > 0.0);
    Ok(KDistances { distances, knee, eps })
}

/// Where an ascending curve lies farthest below the line through its ends, if that is farther than a
/// step; of equals the first.
fn bend(curve: &[f64]) -> Option<usize> {
    let [first, .., last] = curve else { return None };
    let step = 1.0 / (curve.len() - 1) as f64;
    let mut deepest = (None, step);
    for (i, value) in curve.iter().enumerate() {
        let depth = i as f64 * step - (value - first) / (last - first);
        if depth > deepest.1 {
            deepest = (Some(i), depth);
        }
    }
    deepest.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn the_bend_is_where_the_curve_lies_deepest_and_lines_have_none() {
        assert_eq!(bend(&[0.0, 0.1, 0.2, 0.3, 5.0]), Some(3));
        for line in [&[1.0, 2.0, 3.0, 4.0][..], &[2.0, 2.0, 2.0], &[0.0, 1.0], &[1.0]] {
            assert_eq!(bend(line), None);
        }
    }

    #[test]
    fn with_the_eps_of_a_row_that_row_is_core() {
        let x = Array2::from_shape_fn((60, 2), |(i, j)| ((i * (7 + 4 * j)) % 13) as f64 * 1e-180);
        for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
            let curve = suggest_eps(&x, 5, metric).unwrap();
            // Copies have their neighbours at 0, which is not an eps.
            let above = curve.distances.iter().enumerate().filter(|(_, eps)| **eps > 0.0);
            for (i, &eps) in above {
                let fit = crate::cluster::Dbscan::new(eps, 5).metric(metric).fit(&x).unwrap();
                assert!(fit.core_rows.len() > i, "{metric:?}: {eps:e}");
            }
        }
    }

    #[test]
    fn settings_and_rows_that_do_not_fit_are_refused() {
        let x = array![[0.0], [1.0]];
        let suggest = |min_samples| suggest_eps(&x, min_samples, Metric::Euclidean);
        assert!(matches!(suggest(1), Err(Error::InvalidParameter { name: "min_samples", .. })));
        assert!(matches!(suggest(3), Err(Error::TooFewSamples { needed: 3, got: 2, .. })));
        assert_eq!(suggest(2).unwrap().distances, [1.0, 1.0]);
    }
}
