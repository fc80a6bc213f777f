//! Do rows that were held out land where the grouping of all rows put them?
//!
//! All folds but one are clustered, the rows of that one are placed by the nearest centroid of
//! those clusters, and the placing is compared with the original labels by the adjusted Rand index.
//!
//! Source: the idea of Tibshirani, Walther 2005 (clusters that predict), with folds instead of
//! halves and the adjusted Rand index instead of the weakest cluster's share of pairs.
//! Cost: one clustering per fold, in parallel; memory for one copy of the rows each.

use ndarray::ArrayView2;

use super::external::{Contingency, check_length};
use super::simplified;
use super::stability::cluster_rows;
use crate::num::check;
use crate::num::rng::Stream;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::num::{distance, parallel};
use crate::{Error, Labels, Result};

/// Measures by cross-validation how well a grouping predicts the labels of held-out rows. Returns one number
/// per fold, in fold order.
///
/// Each of `n_folds` random folds is held out in turn. The other rows are clustered, the held-out rows are
/// placed by the nearest centroid of those clusters, and the result is compared with the original labels.
///
/// `x` is `(n_samples, n_features)`; `cluster` gets the other rows in their original order. Folds
/// differ in size by one row at most and depend on `seed` alone. The agreement is the
/// [`adjusted_rand`](crate::validate::adjusted_rand) index. Placing by nearest centroid suits
/// methods that make round clusters; with others, a low value may come from the placing. Rows are placed as
/// noise only if nothing but noise was found.
///
/// ```
/// use personas::{Labels, ndarray::Array2, validate};
///
/// let x = Array2::from_shape_fn((40, 1), |(row, _)| (row + row / 20 * 100) as f64);
/// let by_side = |x: personas::ndarray::ArrayView2<'_, f64>| {
///     Labels::new(x.column(0).iter().map(|&v| Some(usize::from(v > 60.0))))
/// };
/// let folds = validate::k_fold(&x, &by_side(x.view())?, 5, 7, by_side)?;
/// assert_eq!(folds, [1.0; 5]);
/// # Ok::<(), personas::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidParameter`] for fewer than 2 folds, [`Error::TooFewSamples`] if a fold would
/// have fewer than two rows (one row always agrees), else as
/// [`stability`](crate::validate::stability).
pub fn k_fold<'a>(
    x: impl Into<Samples<'a>>,
    labels: &Labels,
    n_folds: usize,
    seed: u64,
    cluster: impl Fn(ArrayView2<'_, f64>) -> Result<Labels> + Sync,
) -> Result<Vec<f64>> {
    let x = x.into().into_rows()?;
    let rows = check::rows(x.view())?;
    check_length("labels", rows.n_rows(), labels)?;
    if n_folds < 2 {
        return Err(Error::parameter("n_folds", "at least 2", n_folds));
    }
    let needed = n_folds.saturating_mul(2);
    if needed > rows.n_rows() {
        return Err(Error::TooFewSamples { what: "k_fold", needed, got: rows.n_rows() });
    }
    if labels.n_occupied() == 0 {
        return Err(Error::UndefinedMetric {
            metric: "k-fold agreement",
            reason: "every row is noise, so there is no cluster to find again".into(),
        });
    }
    // The method lifts tiny data by itself if it needs to; the placing gets them lifted.
    let lifted = rows.clone().times(Scale::of(&rows, None).factor());
    // Row `order[i]` belongs to fold i mod n_folds.
    let mut order: Vec<usize> = (0..rows.n_rows()).collect();
    Stream::new(seed, 0).shuffle(&mut order);
    let mut fold_of = vec![0; rows.n_rows()];
    order.iter().enumerate().for_each(|(at, &row)| fold_of[row] = at % n_folds);
    let folds = parallel::map(n_folds, usize::MAX, |fold| {
        let (held_out, others): (Vec<usize>, Vec<usize>) =
            (0..rows.n_rows()).partition(|&row| fold_of[row] == fold);
        let found = cluster_rows(&rows, &others, &cluster)?;
        let rows = others.iter().map(|&row| lifted.row(row));
        let centroids = simplified::centroids(rows, lifted.n_columns(), &found);
        let place = |row: usize| {
            (found.n_clusters() > 0).then(|| distance::nearest(lifted.row(row), &centroids).0)
        };
        let pairs = held_out.iter().map(|&row| (labels.get(row), place(row)));
        Ok(Contingency::new(pairs).adjusted_rand())
    });
    folds.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use std::sync::Mutex;

    /// Two groups of 20 on a line.
    fn two_groups() -> (Array2<f64>, Labels) {
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row + row / 20 * 100) as f64);
        let labels = Labels::new((0..40).map(|row| Some(row / 20))).unwrap();
        (x, labels)
    }

    fn by_side(x: ArrayView2<'_, f64>) -> Result<Labels> {
        Labels::new(x.column(0).iter().map(|&v| Some(usize::from(v > 60.0))))
    }

    #[test]
    fn every_row_is_held_out_once_and_lands_where_it_belongs() {
        let (x, labels) = two_groups();
        let sizes = Mutex::new(Vec::new());
        let folds = k_fold(&(x + 1e12), &labels, 6, 2, |sample| {
            sizes.lock().unwrap().push(sample.nrows());
            Labels::new(sample.column(0).iter().map(|&v| Some(usize::from(v > 1e12 + 60.0))))
        })
        .unwrap();
        assert_eq!(folds, [1.0; 6]);
        let mut sizes = sizes.into_inner().unwrap();
        sizes.sort_unstable();
        assert_eq!(sizes, [33, 33, 33, 33, 34, 34]);
    }

    #[test]
    fn rows_too_close_for_their_squares_are_placed_like_others() {
        let (x, labels) = two_groups();
        let folds = k_fold(&(x * 1e-250), &labels, 4, 2, |sample| {
            Labels::new(sample.column(0).iter().map(|&v| Some(usize::from(v > 60e-250))))
        })
        .unwrap();
        assert_eq!(folds, [1.0; 4]);
    }

    #[test]
    fn a_grouping_by_chance_is_not_found_again() {
        let (x, _) = two_groups();
        let mut stream = Stream::new(9, 0);
        let chance = Labels::new((0..40).map(|_| Some(stream.below(2)))).unwrap();
        let folds = k_fold(&x, &chance, 4, 2, by_side).unwrap();
        assert!(folds.iter().sum::<f64>() < 4.0 * 0.3, "{folds:?}");
        let noise = k_fold(&x, &chance, 4, 2, |s| Labels::new(vec![None; s.nrows()])).unwrap();
        assert_eq!(noise, [0.0; 4]);
    }
    #[test]
    fn bad_calls_are_refused() {
        let (x, labels) = two_groups();
        let noise = Labels::new(vec![None; 40]).unwrap();
        assert!(matches!(
            k_fold(&x, &labels, 1, 0, by_side),
            Err(Error::InvalidParameter { name: "n_folds", .. })
        ));
        assert!(matches!(
            k_fold(&x, &labels, 21, 0, by_side),
            Err(Error::TooFewSamples { needed: 42, got: 40, .. })
        ));
        assert!(k_fold(&x, &labels, usize::MAX, 0, by_side).is_err());
        assert!(k_fold(&x, &noise, 2, 0, by_side).is_err());
        assert!(matches!(
            k_fold(&x, &labels, 4, 0, |_| Labels::new([Some(0)])),
            Err(Error::DimensionMismatch { expected: 30, got: 1, .. })
        ));
    }
}
