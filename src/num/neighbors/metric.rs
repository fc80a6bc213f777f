//! How far two rows lie apart: the four distances of the neighbour search, and their naive truth.
//!
//! A search compares *reduced* distances, which order as distances do and spare the root: the sum of
//! squares for the Euclidean distance, the distance itself for the others. Cosine distance is half
//! the squared Euclidean distance of the rows brought to length 1 (1 − cos of the angle), so it runs
//! on the Euclidean kernels.

use serde::{Deserialize, Serialize};

use crate::num::check::Rows;
use crate::num::distance::squared;
use crate::num::scale::Scale;
use crate::{Error, Result};

/// How the distance between two rows is measured.
///
/// ```
/// use personas::{cluster::{Dbscan, Metric}, ndarray::array};
///
/// // As the crow flies the rows are 1.41 apart, along the streets 2.
/// let x = array![[0.0, 0.0], [1.0, 1.0]];
/// assert_eq!(Dbscan::new(1.5, 2).fit(&x)?.labels.sizes().len(), 1);
/// let streets = Dbscan::new(1.5, 2).metric(Metric::Manhattan);
/// assert_eq!(streets.fit(&x)?.labels.sizes().len(), 0);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    /// The root of the sum of squared differences.
    #[default]
    Euclidean,
    /// The sum of absolute differences.
    Manhattan,
    /// The greatest absolute difference.
    Chebyshev,
    /// 1 − the cosine of the angle between two rows, from 0 to 2: lengths do not count. A row of
    /// zeros has no direction and is an error.
    Cosine,
}

impl Metric {
    /// The reduced distance, terms added from the first column to the last without fused
    /// multiply-add. Rows must be as [`Metric::prepare`] returns them.
    #[inline]
    pub(crate) fn reduced(self, a: &[f64], b: &[f64]) -> f64 {
        match self {
            Self::Euclidean | Self::Cosine => squared(a, b),
            Self::Manhattan => a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + (x - y).abs()),
            Self::Chebyshev => a.iter().zip(b).fold(0.0, |most, (x, y)| (x - y).abs().max(most)),
        }
    }

    /// The distance of a reduced one.
    pub(crate) fn distance(self, reduced: f64) -> f64 {
        match self {
            Self::Euclidean => reduced.sqrt(),
            Self::Manhattan | Self::Chebyshev => reduced,
            Self::Cosine => reduced / 2.0,
        }
    }

    /// The greatest reduced distance whose distance is at most `eps`.
    ///
    /// So rows at a distance that is printed as `eps` are within it, which squaring `eps` would not
    /// promise.
    pub(crate) fn radius(self, eps: f64) -> f64 {
        debug_assert!(eps >= 0.0 && eps.is_finite());
        match self {
            Self::Manhattan | Self::Chebyshev => eps,
            Self::Cosine => (2.0 * eps).min(f64::MAX),
            Self::Euclidean => {
                // Two squares share a root at most, so this is a step or two.
                let mut square = (eps * eps).min(f64::MAX);
                while square.sqrt() > eps {
                    square = square.next_down();
                }
                while square < f64::MAX && square.next_up().sqrt() <= eps {
                    square = square.next_up();
                }
                square
            }
        }
    }

    /// The kernels' norm of a difference whose reduced distance is given.
    pub(super) fn norm(self, reduced: f64) -> f64 {
        match self {
            Self::Euclidean | Self::Cosine => reduced.sqrt(),
            Self::Manhattan | Self::Chebyshev => reduced,
        }
    }

    /// How far underflow may put a reduced distance of so many columns off: a square below the least number
    /// becomes 0 or that number.
    pub(super) fn lost(self, n_columns: usize) -> f64 {
        match self {
            Self::Euclidean | Self::Cosine => 2.0 * n_columns as f64 * f64::from_bits(1),
            Self::Manhattan | Self::Chebyshev => 0.0,
        }
    }

    /// The rows as their distances are taken: directions for [`Metric::Cosine`], else as they are.
    ///
    /// # Errors
    /// [`Error::UndefinedMetric`] for a row without direction.
    pub(crate) fn prepare(self, rows: Rows<'_>) -> Result<Rows<'_>> {
        if self != Self::Cosine {
            return Ok(rows);
        }
        let is_zero = |row: &[f64]| row.iter().all(|&v| v == 0.0);
        if let Some(row) = rows.iter().position(is_zero) {
            let reason = format!("row {row} is zero in all columns, so it has no direction");
            return Err(Error::UndefinedMetric {
                metric: "cosine distance",
                reason: reason.into(),
            });
        }
        let width = rows.n_columns();
        let mut data = rows.data().to_vec();
        for row in data.chunks_exact_mut(width) {
            // By the greatest value first, so that no square leaves the range of floats.
            let most = row.iter().fold(0.0, |most: f64, v| v.abs().max(most));
            row.iter_mut().for_each(|v| *v /= most);
            let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row.iter_mut().for_each(|v| *v /= length);
        }
        Ok(rows.with_data(data))
    }

    /// The power of two that lifts tiny prepared rows, together with `others`, to where squares do
    /// not underflow.
    pub(crate) fn scale(self, rows: &Rows<'_>, others: Option<&Rows<'_>>) -> Scale {
        // Directions are never tiny.
        if self == Self::Cosine { Scale::lifting(1.0, 1.0) } else { Scale::of(rows, others) }
    }

    /// The distance, in the units of the data, of a reduced distance among rows lifted by a scale.
    pub(crate) fn unscaled(self, reduced: f64, scale: Scale) -> f64 {
        self.distance(reduced) * scale.inverse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::check;
    use ndarray::array;

    #[test]
    fn a_radius_includes_exactly_what_a_root_below_it_says() {
        for eps in [0.0, 0.1, 0.3, 1.0, 3f64.sqrt(), 1e-160, 5e-324, 1e154, 1e200, f64::MAX] {
            let square = Metric::Euclidean.radius(eps);
            assert!(square.sqrt() <= eps, "{eps:e}");
            assert!(square == f64::MAX || square.next_up().sqrt() > eps, "{eps:e}");
        }
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        let (a, b) = ([1.0, 2.0, 2.0], [2.0, 0.0, 4.0]);
        for (metric, distance) in
            [(Metric::Euclidean, 3.0), (Metric::Manhattan, 5.0), (Metric::Chebyshev, 2.0)]
        {
            assert_eq!(metric.distance(metric.reduced(&a, &b)), distance);
        }
        let x = array![[3.0, 4.0], [-8e-200, 6e-200], [-3e140, -4e140]];
        let rows = Metric::Cosine.prepare(check::rows(x.view()).unwrap()).unwrap();
        let distance = |b: usize| Metric::Cosine.distance(squared(rows.row(0), rows.row(b)));
        assert!((distance(1) - 1.0).abs() < 1e-15 && (distance(2) - 2.0).abs() < 1e-15);
        let x = array![[3.0, 4.0], [0.0, -0.0]];
        let error = Metric::Cosine.prepare(check::rows(x.view()).unwrap()).unwrap_err();
        assert!(error.to_string().contains("row 1"), "{error}");
    }
}
