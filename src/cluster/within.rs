//! Groups inside one group: any method on the rows of one cluster, under their original numbers.

use ndarray::{ArrayView2, Axis};

use crate::labels::NOISE;
use crate::num::samples::Samples;
use crate::{Error, Labels, Result};

/// Groups the rows of one cluster again, by any method.
///
/// `fit` gets the cluster's rows, in their order. The result has a label for every row of `x`:
/// `fit`'s numbers in the cluster, `None` outside and where `fit` found noise.
///
/// ```
/// use personas::{KMeans, cluster, cluster::{Agglomerative, Linkage}, ndarray::array};
///
/// let x = array![[0.0], [50.0], [1.0], [52.0], [9.0], [10.0]];
/// let broad = KMeans::new(2).fit(&x)?.labels;
/// let inside = cluster::within(&x, &broad, 0, |rows| {
///     Agglomerative::new(Linkage::Ward).fit(rows)?.cut_into(2)
/// })?;
/// assert_eq!(inside.to_vec(), [Some(0), None, Some(0), None, Some(1), Some(1)]);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::DimensionMismatch`] if there is not one label per row, or `fit` does not return one per
/// row that it got; [`Error::InvalidParameter`] for a cluster without rows; the errors of `fit`.
pub fn within<'a>(
    x: impl Into<Samples<'a>>,
    labels: &Labels,
    cluster: usize,
    fit: impl FnOnce(ArrayView2<'_, f64>) -> Result<Labels>,
) -> Result<Labels> {
    let x = x.into().into_rows()?;
    let check = |what: &'static str, expected, got| match expected == got {
        true => Ok(()),
        false => Err(Error::DimensionMismatch { what: what.into(), expected, got }),
    };
    check("labels, one per row", x.nrows(), labels.len())?;
    let rows = labels.rows_of(cluster);
    if rows.is_empty() {
        let expected = format!("a cluster with rows, of {}", labels.n_clusters());
        return Err(Error::parameter("cluster", expected, cluster));
    }
    let inside = fit(x.select(Axis(0), &rows).view())?;
    check("labels of the rows in the cluster", rows.len(), inside.len())?;
    let mut clusters = vec![NOISE; x.nrows()];
    for (row, label) in rows.into_iter().zip(inside.iter()) {
        clusters[row] = label.map_or(NOISE, |label| label as u32);
    }
    Labels::numbered(clusters, inside.n_clusters())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn labels_that_do_not_fit_and_clusters_without_rows_are_refused() {
        let x = array![[0.0], [1.0], [2.0]];
        let labels = Labels::new([Some(0), Some(0), Some(1)]).unwrap();
        let same = |rows: ArrayView2<'_, f64>| Labels::new((0..rows.nrows()).map(Some));
        assert_eq!(within(&x, &labels, 1, same).unwrap().to_vec(), [None, None, Some(0)]);
        let error = within(&x, &labels, 2, same);
        assert!(matches!(error, Err(Error::InvalidParameter { name: "cluster", .. })));
        let error = within(&array![[0.0]], &labels, 0, same);
        assert!(matches!(error, Err(Error::DimensionMismatch { expected: 1, got: 3, .. })));
        let error = within(&x, &labels, 0, |_| Labels::new([Some(0)]));
        assert!(matches!(error, Err(Error::DimensionMismatch { expected: 2, got: 1, .. })));
    }
}
