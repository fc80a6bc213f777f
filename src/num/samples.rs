//! What a method is fitted on: rows of numbers, or distances between rows.
//!
//! One conversion for the whole crate: f64 views are borrowed, f32 is turned into f64 once.

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

use crate::{Error, Result};

/// Samples, as rows of numbers or by the distances between them.
///
/// Every method takes arrays and views of `f64` and `f32` in any layout, and `&Matrix`, of shape
/// `(n_samples, n_features)`. `f32` is converted to `f64` once, with the same results as the `f64` array of the
/// same numbers. Methods that only compare rows also take distances. Some methods take weights: a pair of
/// samples and one number per row.
///
/// ```
/// use personas::{KMeans, cluster::{Agglomerative, Linkage, Samples}, ndarray::array};
///
/// let x = array![[0.0_f32], [1.0], [9.0]];
/// assert_eq!(KMeans::new(2).fit(&x)?.labels.sizes(), [2, 1]);
/// let distances = Samples::Condensed(vec![0.25, 1.0, 0.5]);
/// assert!(KMeans::new(2).fit(distances.clone()).is_err());
/// assert!(Agglomerative::new(Linkage::Ward).fit(distances.clone()).is_err());
/// let tree = Agglomerative::new(Linkage::Complete).fit(distances)?;
/// assert_eq!(tree.merges()[1].height, 1.0);
/// // The first row three times.
/// let means = KMeans::new(2).fit((&x, &[3.0, 1.0, 1.0]))?;
/// assert_eq!(means.centroids[[0, 0]], 0.25);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Samples<'a> {
    /// Rows of numbers.
    Rows(CowArray<'a, f64, Ix2>),
    /// A matrix `(n, n)` of distances of any kind, such as Gower's: 0 on the diagonal, symmetric.
    Distances(CowArray<'a, f64, Ix2>),
    /// Distances of any kind, condensed as scipy's `pdist`: of the pairs (0, 1), (0, 2), …,
    /// (0, n − 1), (1, 2), …; none at all is one row.
    Condensed(Vec<f64>),
    /// Euclidean distances, not squared, condensed in the same way. The
    /// [`Linkage`](crate::cluster::Linkage)s that use means (Ward, centroid, median) take only these.
    Euclidean(Vec<f64>),
    /// Samples that count as often as their weights say: a row of weight 2 as the row twice. Made from
    /// a pair, as in `fit((&x, &weights))`; for methods whose `fit` says so, an error for others.
    Weighted(Box<Samples<'a>>, &'a [f64]),
}

impl<'a, T, W> From<(T, &'a W)> for Samples<'a>
where
    T: Into<Self>,
    W: AsRef<[f64]> + ?Sized,
{
    fn from((samples, weights): (T, &'a W)) -> Self {
        Self::Weighted(Box::new(samples.into()), weights.as_ref())
    }
}

impl<'a> From<ArrayView2<'a, f64>> for Samples<'a> {
    fn from(x: ArrayView2<'a, f64>) -> Self {
        Self::Rows(x.into())
    }
}

impl From<ArrayView2<'_, f32>> for Samples<'_> {
    fn from(x: ArrayView2<'_, f32>) -> Self {
        let values = x.iter().map(|&value| f64::from(value)).collect();
        Self::Rows(Array2::from_shape_vec(x.dim(), values).expect("as many values").into())
    }
}

impl<'a, const D: usize> From<&'a [[f64; D]]> for Samples<'a> {
    fn from(rows: &'a [[f64; D]]) -> Self {
        ArrayView2::from(rows).into()
    }
}

impl<'a, const D: usize, const N: usize> From<&'a [[f64; D]; N]> for Samples<'a> {
    fn from(rows: &'a [[f64; D]; N]) -> Self {
        ArrayView2::from(rows).into()
    }
}

macro_rules! from_references {
    ($($array:ty)*) => {
        $(impl<'a> From<&'a $array> for Samples<'a> {
            fn from(x: &'a $array) -> Self {
                x.view().into()
            }
        })*
    };
}

from_references! {
    Array2<f64> Array2<f32>
    ArrayView2<'_, f64> ArrayView2<'_, f32>
    CowArray<'_, f64, Ix2> CowArray<'_, f32, Ix2>
}

impl<'a> Samples<'a> {
    /// The rows, for a method that needs their values.
    pub(crate) fn into_rows(self) -> Result<CowArray<'a, f64, Ix2>> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Weighted(..) => Err(weighted()),
            _ => Err(Error::parameter("x", "rows of numbers for this method", "distances")),
        }
    }

    /// The samples and their weights, for a method that takes weights.
    pub(crate) fn split(self) -> (Self, Option<&'a [f64]>) {
        match self {
            Self::Weighted(samples, weights) => (*samples, Some(weights)),
            samples => (samples, None),
        }
    }
}

/// Weights where none can be.
pub(crate) fn weighted() -> Error {
    Error::parameter("x", "samples without weights for this method", "weights")
}
