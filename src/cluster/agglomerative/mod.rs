//! Agglomerative clustering: every row a cluster, then the two nearest merged, until one is left.
//!
//! Every linkage has the engine that suits it: single linkage a minimum spanning tree
//! (`spanning.rs`), Ward on rows rounds of reciprocal nearest neighbours (`ward.rs`), the others, and
//! Ward on distances, the nearest pair on a condensed matrix (`generic.rs`). All make the merges of
//! the primitive algorithm (`primitive.rs`), ties included. Heights equal scipy's, for Ward, centroid
//! and median in plain Euclidean units (Ward's is R's `ward.D2`).
//!
//! Cost: O(n²·d) time at most; memory O(n·d) for single and Ward linkage on rows, else 4·n² bytes,
//! 1.6 GB for 20,000 rows.

mod distances;
mod generic;
mod linkage;
#[cfg(test)]
mod primitive;
mod spanning;
mod units;
mod ward;

use std::ops::RangeInclusive;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

pub use distances::Distances;
pub use linkage::Linkage;

use super::dendrogram::Dendrogram;
use crate::num::check::{self, Rows};
use crate::num::{condensed, parallel};
use crate::{Error, Result};
use units::Units;

/// Weights of rows. Beyond them a square of a distance could overflow or vanish.
const WEIGHTS: RangeInclusive<f64> = 1e-12..=1e12;

/// Builds a hierarchy of groups by merging the two nearest, over and over.
///
/// No number of groups is needed beforehand: cut the [`Dendrogram`] where it suits. Ward and single
/// linkage take memory in proportion to the rows; the others need it for all pairs of rows, so they
/// are for samples of up to some ten thousand.
///
/// ```
/// use personas::{Agglomerative, Linkage, ndarray::array};
///
/// let x = array![[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
/// let tree = Agglomerative::new(Linkage::Complete).fit(&x)?;
/// let heights: Vec<f64> = tree.merges().iter().map(|merge| merge.height).collect();
/// assert_eq!(heights[..3], [1.0, 2.0, 2.0]);
/// assert_eq!(tree.cut_into(2)?.to_vec(), [0, 0, 0, 0, 1, 1].map(Some));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agglomerative {
    linkage: Linkage,
    max_samples: Option<usize>,
}

impl Agglomerative {
    /// With this linkage and the default limit of rows.
    #[must_use]
    pub fn new(linkage: Linkage) -> Self {
        Self { linkage, max_samples: None }
    }

    /// Most rows that a fit on rows takes. By default 20,000, whose distances take 1.6 GB (4·n²
    /// bytes; 40 GB for 100,000 rows); 200,000 for single and Ward linkage, whose memory is linear but
    /// whose time can grow with n².
    #[must_use]
    pub fn max_samples(mut self, max_samples: usize) -> Self {
        self.max_samples = Some(max_samples);
        self
    }

    /// The hierarchy of the rows of `x`, `(n_samples, n_features)`, by Euclidean distance. One row
    /// gives no merges.
    ///
    /// Equal distances are ordered by the smallest rows of the two clusters, for single linkage by
    /// the two nearest rows: the order of the rows settles every tie.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]
    /// for such a matrix; [`Error::InvalidParameter`] for more rows than
    /// [`max_samples`](Self::max_samples), before anything is allocated: it names the memory they
    /// would take.
    pub fn fit<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Dendrogram> {
        self.fit_rows(x.into(), None)
    }

    /// The hierarchy of rows that stand for several each, such as centroids with their counts or
    /// profiles: a row of weight 2 counts as the row twice.
    ///
    /// Weights count for Ward, average and centroid linkage. Heights are those that the repeated rows
    /// would have, whose own merges are at 0; [sizes](crate::cluster::Merge::size) still count rows.
    ///
    /// ```
    /// use personas::{Agglomerative, Linkage, ndarray::array};
    ///
    /// let tree = Agglomerative::new(Linkage::Average)
    ///     .fit_weighted(&array![[0.0], [1.0], [4.0]], &[3.0, 1.0, 1.0])?;
    /// assert_eq!(tree.merges()[1].height, (3.0 * 4.0 + 3.0) / 4.0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::DimensionMismatch`] for another number of weights than rows;
    /// [`Error::InvalidParameter`] for a weight outside 1e-12..=1e12, naming its row.
    pub fn fit_weighted<'a>(
        &self,
        x: impl Into<ArrayView2<'a, f64>>,
        weights: &[f64],
    ) -> Result<Dendrogram> {
        self.fit_rows(x.into(), Some(weights))
    }

    /// The hierarchy from distances of any kind, condensed as scipy's `pdist`: those of the pairs
    /// (0, 1), (0, 2), …, (0, n − 1), (1, 2), …; not squared. None at all is one row. A vector counts
    /// as Euclidean distances; see [`Distances`] for others.
    ///
    /// They are updated in place, and [`max_samples`](Self::max_samples) does not apply.
    ///
    /// ```
    /// use personas::{Agglomerative, Linkage};
    ///
    /// let tree = Agglomerative::new(Linkage::Average).fit_condensed(vec![1.0, 5.0, 4.0])?;
    /// assert_eq!(tree.merges()[1].height, 4.5);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] if the length is not n·(n − 1)/2 for any n;
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`] or, for a negative distance,
    /// [`Error::InvalidParameter`], naming the first pair as row and column;
    /// [`Error::InvalidParameter`] for Ward, centroid or median on distances that are not Euclidean.
    pub fn fit_condensed(&self, distances: impl Into<Distances>) -> Result<Dendrogram> {
        self.fit_matrix(distances.into(), None)
    }

    /// [`fit_condensed`](Self::fit_condensed) of rows that stand for several each, as in
    /// [`fit_weighted`](Self::fit_weighted).
    ///
    /// ```
    /// use personas::{Agglomerative, Linkage};
    ///
    /// let tree = Agglomerative::new(Linkage::Average)
    ///     .fit_condensed_weighted(vec![1.0, 5.0, 4.0], &[3.0, 1.0, 1.0])?;
    /// assert_eq!(tree.merges()[1].height, (3.0 * 5.0 + 4.0) / 4.0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit_condensed`](Self::fit_condensed), and for the weights as
    /// [`fit_weighted`](Self::fit_weighted).
    pub fn fit_condensed_weighted(
        &self,
        distances: impl Into<Distances>,
        weights: &[f64],
    ) -> Result<Dendrogram> {
        self.fit_matrix(distances.into(), Some(weights))
    }

    fn fit_rows(&self, x: ArrayView2<'_, f64>, weights: Option<&[f64]>) -> Result<Dendrogram> {
        self.check_size(x.nrows())?;
        let rows = check::rows(x)?;
        let weights = check_weights(weights, rows.n_rows())?;
        let (rows, units) = Units::of_rows(rows);
        match self.linkage {
            Linkage::Single => return Ok(tree(spanning::of_rows(&rows), true, units)),
            Linkage::Ward => return Ok(tree(ward::merges(&rows, &weights), true, units)),
            _ => {}
        }
        let mut distances = self.allocate(&rows)?;
        distances::pairwise(&rows, self.linkage.is_on_squares(), &mut distances);
        Ok(self.merge(&weights, distances, units))
    }

    fn fit_matrix(&self, distances: Distances, weights: Option<&[f64]>) -> Result<Dendrogram> {
        let mut distances = distances.into_values(self.linkage)?;
        let n_samples = distances::check(&distances)?;
        let weights = check_weights(weights, n_samples)?;
        let greatest = distances.iter().copied().fold(0.0, f64::max);
        let units = Units::of_spread(greatest, greatest);
        for distance in &mut distances {
            // Adding 0 turns a negative zero into a plain one.
            *distance = *distance * units.factor() + 0.0;
            if self.linkage.is_on_squares() {
                *distance *= *distance;
            }
        }
        if self.linkage == Linkage::Single {
            return Ok(tree(spanning::of_matrix(n_samples, &distances), false, units));
        }
        Ok(self.merge(&weights, distances, units))
    }

    /// Scaled condensed distances of rows, squared if the linkage is on squares, to a tree.
    fn merge(&self, weights: &[f64], mut distances: Vec<f64>, units: Units) -> Dendrogram {
        let linkage = self.linkage;
        if weights.iter().any(|&weight| weight != 1.0) {
            let parts = condensed::split(&mut distances, weights.len());
            let work = weights.len() * weights.len();
            parallel::for_each(parts, work, |row, part| {
                for (distance, &other) in part.iter_mut().zip(&weights[row + 1..]) {
                    *distance = linkage.of_rows(*distance, [weights[row], other]);
                }
            });
        }
        let merges = generic::merges(linkage, weights, &mut distances);
        tree(merges, linkage.is_on_squares(), units)
    }

    fn check_size(&self, n_samples: usize) -> Result<()> {
        let is_linear = matches!(self.linkage, Linkage::Single | Linkage::Ward);
        let limit = self.max_samples.unwrap_or(if is_linear { 200_000 } else { 20_000 });
        if n_samples <= limit {
            return Ok(());
        }
        let cost = match is_linear {
            true => "whose comparisons take long".into(),
            false => format!("whose distances take {}", bytes(n_samples)),
        };
        Err(Error::parameter(
            "max_samples",
            format!("{n_samples} or more for so many rows, {cost}"),
            limit,
        ))
    }

    /// Room for the distances of all pairs of rows.
    fn allocate(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        let n_samples = rows.n_rows();
        let n_pairs = n_samples.checked_mul(n_samples - 1).map(|product| product / 2);
        let mut distances = Vec::new();
        // A caller may have raised the limit beyond what the machine has.
        if n_pairs.is_none_or(|n_pairs| distances.try_reserve_exact(n_pairs).is_err()) {
            let expected = format!("fewer rows, as there is no memory for {}", bytes(n_samples));
            return Err(Error::parameter("n_samples", expected, n_samples));
        }
        Ok(distances)
    }
}

/// The merges as a tree, their distances as heights.
fn tree(mut merges: Vec<(usize, usize, f64)>, squared: bool, units: Units) -> Dendrogram {
    for (_, _, height) in &mut merges {
        *height = if squared { height.sqrt() } else { *height } * units.inverse();
    }
    Dendrogram::from_merges(merges)
}

/// The memory of the distances of so many rows, for people.
fn bytes(n_samples: usize) -> String {
    let bytes = 4.0 * (n_samples as f64) * (n_samples as f64);
    match bytes {
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

/// One weight per row, 1 if none are given.
fn check_weights(weights: Option<&[f64]>, n_samples: usize) -> Result<Vec<f64>> {
    let Some(weights) = weights else {
        return Ok(vec![1.0; n_samples]);
    };
    if weights.len() != n_samples {
        let what = "weights, one per row".into();
        return Err(Error::DimensionMismatch { what, expected: n_samples, got: weights.len() });
    }
    match weights.iter().position(|weight| !WEIGHTS.contains(weight)) {
        None => Ok(weights.to_vec()),
        Some(row) => {
            let got = format!("{} at row {row}", weights[row]);
            Err(Error::parameter("weights", "in 1e-12..=1e12", got))
        }
    }
}

#[cfg(test)]
const ALL: [Linkage; 7] = [
    Linkage::Single,
    Linkage::Complete,
    Linkage::Average,
    Linkage::Weighted,
    Linkage::Ward,
    Linkage::Centroid,
    Linkage::Median,
];

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    const P: [[f64; 2]; 6] = [[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
    fn p() -> Array2<f64> {
        Array2::from(P.to_vec())
    }

    fn heights(tree: &Dendrogram) -> Vec<f64> {
        tree.merges().iter().map(|merge| merge.height).collect()
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-9 * (1.0 + b.abs()))
    }

    #[test]
    fn the_golden_data_give_scipys_heights() {
        for (linkage, last) in [
            (Linkage::Single, [3.0, 7.0]),
            (Linkage::Complete, [3.605551275, 10.198039027]),
            (Linkage::Average, [3.302775638, 8.590003798]),
            (Linkage::Weighted, [3.302775638, 8.590003798]),
            (Linkage::Centroid, [3.0, 8.514693183]),
            (Linkage::Median, [3.0, 8.514693183]),
            (Linkage::Ward, [4.242640687, 13.904436]),
        ] {
            let found = heights(&Agglomerative::new(linkage).fit(&p()).unwrap());
            assert_eq!(found[..3], [1.0, 2.0, 2.0], "{linkage:?}");
            assert!(found[3..].iter().zip(last).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        }
    }

    #[test]
    fn distances_and_rows_give_the_same_tree() {
        let mut distances = Vec::new();
        distances::pairwise(&check::rows(p().view()).unwrap(), false, &mut distances);
        for linkage in ALL {
            let by_rows = Agglomerative::new(linkage).fit(&p()).unwrap();
            let tree = Agglomerative::new(linkage).fit_condensed(distances.clone()).unwrap();
            assert!(close(&heights(&tree), &heights(&by_rows)));
            assert_eq!(tree.cut_into(3), by_rows.cut_into(3));
        }
    }

    #[test]
    fn condensed_distances_that_make_no_sense_are_refused() {
        let fit = |d: &[f64]| Agglomerative::new(Linkage::Ward).fit_condensed(d.to_vec());
        assert!(matches!(
            fit(&[1.0; 4]),
            Err(Error::DimensionMismatch { expected: 6, got: 4, .. })
        ));
        assert_eq!(fit(&[]).unwrap().n_samples(), 1);
        assert_eq!(fit(&[1.0]).unwrap().n_samples(), 2);
        let nan = [1.0, 1.0, 1.0, 1.0, 1.0, f64::NAN];
        assert!(matches!(fit(&nan), Err(Error::NonFinite { row: 2, column: 3, .. })));
        let infinite = [1.0, 1.0, 1.0, f64::INFINITY, 1.0, 1.0];
        assert!(matches!(fit(&infinite), Err(Error::NonFinite { row: 1, column: 2, .. })));
        let huge = fit(&[1.0, 1e200, 1.0]);
        assert!(matches!(huge, Err(Error::MagnitudeTooLarge { row: 0, column: 2, .. })));
        let negative = fit(&[1.0, -1.0, 1.0]).unwrap_err().to_string();
        assert!(negative.contains("-1 for rows 0 and 2"), "{negative}");
    }

    #[test]
    fn too_many_rows_are_refused_with_the_memory_they_would_take() {
        let x = Array2::zeros((20_001, 1));
        let error = Agglomerative::new(Linkage::Complete).fit(&x).unwrap_err().to_string();
        let expected = "max_samples must be 20001 or more for so many rows, whose distances take \
            1.6 GB, but is 20000";
        assert_eq!(error, expected);
        for linkage in ALL {
            assert!(Agglomerative::new(linkage).max_samples(5).fit(&p()).is_err());
            assert!(Agglomerative::new(linkage).max_samples(6).fit(&p()).is_ok());
        }
    }

    #[test]
    fn equal_rows_merge_at_0_and_ties_repeat() {
        for linkage in ALL {
            let tree = Agglomerative::new(linkage).fit(&Array2::from_elem((9, 2), 0.1)).unwrap();
            assert_eq!(heights(&tree), [0.0; 8]);
            let square = array![[0., 0.], [0., 1.], [1., 0.], [1., 1.]];
            let tree = Agglomerative::new(linkage).fit(&square).unwrap();
            // Of the four sides, that of the smallest rows; then a tie for single linkage, where the
            // first two rows come first.
            assert_eq!((tree.merges()[0].a, tree.merges()[0].b), (0, 1));
            let second = if linkage == Linkage::Single { (2, 4) } else { (2, 3) };
            assert_eq!((tree.merges()[1].a, tree.merges()[1].b), second);
        }
    }

    #[test]
    fn one_row_is_one_cluster() {
        let tree = Agglomerative::new(Linkage::Ward).fit(&array![[3.0]]).unwrap();
        assert_eq!((tree.n_samples(), tree.merges().len()), (1, 0));
    }

    #[test]
    fn a_power_of_two_scales_the_heights_exactly_even_where_squares_underflow() {
        for linkage in ALL {
            let tree = Agglomerative::new(linkage).fit(&p()).unwrap();
            let factor = 2f64.powi(-664);
            let tiny = Agglomerative::new(linkage).fit(&(p() * factor)).unwrap();
            let expected: Vec<f64> = heights(&tree).iter().map(|h| h * factor).collect();
            assert_eq!(heights(&tiny), expected);
            let two = Agglomerative::new(linkage).fit_condensed(vec![factor]).unwrap();
            assert_eq!(heights(&two), [factor]);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let mut stream = crate::num::rng::Stream::new(1, 0);
        let x = Array2::from_shape_simple_fn((300, 3), || stream.normal());
        for linkage in ALL {
            let fit = || Agglomerative::new(linkage).fit(&x).unwrap();
            assert_eq!(parallel::with_threads(1, fit), parallel::with_threads(2, fit));
        }
    }
}
