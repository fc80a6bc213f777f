//! Agglomerative clustering: every row a cluster, then the two nearest merged, until one is left.
//!
//! Every linkage has the engine that suits it: single linkage a minimum spanning tree
//! (`spanning.rs`), Ward on rows rounds of reciprocal nearest neighbours (`ward.rs`), the others, and
//! Ward on distances, the nearest pair on a condensed matrix (`generic.rs`). Complete, average and
//! weighted linkage on rows make most merges on near pairs alone (`sparse.rs`), and the matrix has what
//! is left (`blocks.rs`). All make the merges of the primitive algorithm (`primitive.rs`), ties
//! included. Heights equal scipy's, for Ward, centroid and median in plain Euclidean units (Ward's is
//! R's `ward.D2`).
//!
//! Cost: O(n²·d) time on ordinary data; memory O(n·d) for single and Ward linkage on rows, else at most
//! 4·n² bytes, 1.6 GB for 20,000 rows, of which complete, average and weighted linkage use a tenth where
//! rows lie nearer to some than to most.

mod blocks;
mod distances;
mod generic;
mod linkage;
pub(super) mod niches;
#[cfg(test)]
mod primitive;
mod spanning;
mod sparse;
pub(super) mod suggest;
mod summaries;
mod units;
mod ward;

use std::ops::RangeInclusive;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

pub use linkage::Linkage;

use super::dendrogram::Dendrogram;
use crate::num::neighbors::Distances;
use crate::num::samples::Samples;
use crate::num::triangle::Triangle;
use crate::num::{check, condensed};
use crate::{Error, Result};
use linkage::RowMerge;
use sparse::Merged;
use units::Units;

/// Weights of rows. Beyond them a square of a distance could overflow or vanish.
const WEIGHTS: RangeInclusive<f64> = 1e-12..=1e12;

/// Builds a hierarchy of groups by merging the two nearest, over and over.
///
/// No number of groups is needed beforehand: cut the [`Dendrogram`] where it suits. Ward and single
/// linkage need memory in proportion to the rows; the others need it for all pairs of rows, so they
/// are for samples of up to some ten thousand.
///
/// ```
/// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
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
    n_summaries: Option<usize>,
}

impl Agglomerative {
    /// Creates the method with a linkage and the default limit on rows; see
    /// [`max_samples`](Self::max_samples).
    #[must_use]
    pub fn new(linkage: Linkage) -> Self {
        Self { linkage, max_samples: None, n_summaries: None }
    }

    /// Most rows that a fit on rows takes. By default 20,000, whose distances take at most 1.6 GB
    /// (4·n² bytes; 40 GB for 100,000 rows); 200,000 for Ward and 2,000,000 for single linkage, whose
    /// memory is linear but whose time can grow with n².
    #[must_use]
    pub fn max_samples(mut self, max_samples: usize) -> Self {
        self.max_samples = Some(max_samples);
        self
    }

    /// Allows more rows than [`max_samples`](Self::max_samples), for Ward linkage only. A short k-means then
    /// makes at most `n_summaries` micro-clusters. Exact Ward linkage runs on these, with their weights, and
    /// inside each. The tree is marked as [approximate](field@Dendrogram::approximate); its cuts are good
    /// where groups are much larger than micro-clusters. Without this setting, more rows are an error.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::Array2};
    ///
    /// let x = Array2::from_shape_fn((900, 1), |(row, _)| (row % 3 * 5000 + row) as f64);
    /// let tree = Agglomerative::new(Linkage::Ward).max_samples(500).summaries(60).fit(&x)?;
    /// assert!(tree.approximate);
    /// assert_eq!(tree.cut_into(3)?.sizes(), [300, 300, 300]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn summaries(mut self, n_summaries: usize) -> Self {
        self.n_summaries = Some(n_summaries);
        self
    }

    /// The hierarchy of the rows of `x`, `(n_samples, n_features)`, by Euclidean distance, or of samples
    /// by their distances ([`Samples`]). One row gives no merges.
    ///
    /// [`max_samples`](Self::max_samples) does not apply to distances. Merging needs the memory of the
    /// distances once more, for a short time twice.
    ///
    /// Rows may stand for several each, such as centroids with their counts or profiles: a row of weight 2
    /// counts as the row twice. Weights count for Ward, average and centroid linkage. Heights are those
    /// that the repeated rows would have, whose own merges are at 0; [sizes](crate::cluster::Merge::size)
    /// still count rows.
    ///
    /// ```
    /// use personas::{cluster::{Agglomerative, Linkage}, ndarray::array};
    ///
    /// let x = array![[0.0], [1.0], [4.0]];
    /// let tree = Agglomerative::new(Linkage::Average).fit((&x, &[3.0, 1.0, 1.0]))?;
    /// assert_eq!(tree.merges()[1].height, (3.0 * 4.0 + 3.0) / 4.0);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// Equal distances are ordered by the smallest rows of the two clusters, for single linkage by
    /// the two nearest rows: the order of the rows settles every tie.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]
    /// for such a matrix; [`Error::InvalidParameter`] for more rows than
    /// [`max_samples`](Self::max_samples), before anything is allocated: it names the memory they
    /// would take; and for [`summaries`](Self::summaries) of 0 or with another linkage than Ward.
    /// For distances [`Error::DimensionMismatch`] for another number of them than n·(n − 1)/2, or n² in
    /// a matrix; [`Error::NonFinite`], [`Error::MagnitudeTooLarge`] or, for a negative or asymmetric one,
    /// [`Error::InvalidParameter`], naming the first as row and column; [`Error::InvalidParameter`] for
    /// Ward, centroid or median on distances that are not [`Samples::Euclidean`]. For weights
    /// [`Error::DimensionMismatch`] for another number than rows, [`Error::InvalidParameter`] for one outside
    /// 1e-12..=1e12, naming its row.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Dendrogram> {
        let (samples, weights) = x.into().split();
        self.fit_samples(samples, weights)
    }

    fn fit_samples(&self, x: Samples<'_>, weights: Option<&[f64]>) -> Result<Dendrogram> {
        let distances = match x {
            Samples::Rows(x) => return self.fit_rows(x.view(), weights),
            Samples::Euclidean(distances) => distances,
            _ if self.linkage.is_on_squares() => {
                return Err(Error::parameter(
                    "linkage",
                    "single, complete, average or weighted for distances that are not Euclidean",
                    format!("{:?}", self.linkage),
                ));
            }
            Samples::Condensed(distances) => distances,
            square => Distances::new(&square)?.condensed(),
        };
        self.fit_matrix(distances, weights)
    }

    fn fit_rows(&self, x: ArrayView2<'_, f64>, weights: Option<&[f64]>) -> Result<Dendrogram> {
        let n_summaries = self.check_size(x.nrows(), x.ncols())?;
        let rows = check::rows(x)?;
        let weights = check_weights(weights, rows.n_rows())?;
        let (rows, units) = Units::of_rows(rows);
        if let Some(n_summaries) = n_summaries {
            let merges = summaries::merges(&rows, &weights, n_summaries)?;
            return Ok(tree(merges, true, units).into_approximate());
        }
        match self.linkage {
            Linkage::Single => return Ok(tree(spanning::of_rows(&rows), true, units)),
            Linkage::Ward => return Ok(tree(ward::merges(&rows, &weights), true, units)),
            _ => {}
        }
        if self.linkage.is_on_squares() {
            let distances = distances::of_rows(&rows, &weights, self.linkage);
            return self.merge(Merged::new(&weights), distances, units);
        }
        let merged = sparse::merge(self.linkage, &rows, &weights);
        let distances = blocks::of_clusters(&rows, &merged, self.linkage);
        self.merge(merged, distances, units)
    }

    fn fit_matrix(&self, mut distances: Vec<f64>, weights: Option<&[f64]>) -> Result<Dendrogram> {
        let n_samples = condensed::check(&distances)?;
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
            return Ok(tree(spanning::of_pairs(n_samples, &distances), false, units));
        }
        let laid_out = distances::of_pairs(&distances, &weights, self.linkage);
        drop(distances);
        self.merge(Merged::new(&weights), laid_out, units)
    }

    /// The tree of some merges and of distances of what is left, in these units, if there was memory
    /// for them.
    fn merge(
        &self,
        merged: Merged,
        distances: Option<Triangle>,
        units: Units,
    ) -> Result<Dendrogram> {
        let left = merged.left();
        let Some(distances) = distances else {
            // A caller may have raised the limit beyond what the machine has.
            let n_samples = left.len();
            let needed = memory(4.0 * n_samples as f64 * n_samples as f64);
            let expected = format!("fewer, as there is no memory for {needed} of distances");
            return Err(Error::parameter("n_samples", expected, n_samples));
        };
        let rest = generic::merges(self.linkage, &left, distances);
        let merges = [merged.merges, rest].concat();
        Ok(tree(merges, self.linkage.is_on_squares(), units))
    }

    /// The number of micro-clusters, if there are too many rows to go without.
    fn check_size(&self, n_samples: usize, n_features: usize) -> Result<Option<usize>> {
        match self.n_summaries {
            Some(n_summaries) if self.linkage != Linkage::Ward => {
                let expected = "unset for other linkages than Ward";
                return Err(Error::parameter("summaries", expected, n_summaries));
            }
            Some(0) => return Err(Error::parameter("summaries", "1 or more", 0)),
            _ => {}
        }
        let (n, d) = (n_samples as f64, n_features as f64);
        // For linear memory, what was measured per row.
        let (limit, bytes) = match self.linkage {
            Linkage::Ward => (200_000, n * (24.0 * d + 200.0)),
            Linkage::Single => (2_000_000, n * (24.0 * d + 250.0)),
            _ => (20_000, 4.0 * n * n),
        };
        let limit = self.max_samples.unwrap_or(limit);
        if n_samples <= limit || self.n_summaries.is_some() {
            return Ok(self.n_summaries.filter(|_| n_samples > limit));
        }
        let expected =
            format!("{n_samples} or more for so many rows, which take {}", memory(bytes));
        Err(Error::parameter("max_samples", expected, limit))
    }
}

/// The merges as a tree, their distances as heights.
fn tree(mut merges: Vec<RowMerge>, squared: bool, units: Units) -> Dendrogram {
    for (_, _, height) in &mut merges {
        *height = if squared { height.sqrt() } else { *height } * units.inverse();
    }
    Dendrogram::from_merges(merges)
}

/// So many bytes, for people.
fn memory(bytes: f64) -> String {
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
    check::weights_within(weights, n_samples, WEIGHTS, "in 1e-12..=1e12")?;
    Ok(weights.to_vec())
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
    use crate::Labels;
    use crate::num::distance::squared;
    use crate::num::parallel;
    use ndarray::{Array2, array, s};

    const P: [[f64; 2]; 6] = [[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
    fn p() -> Array2<f64> {
        Array2::from(P.to_vec())
    }

    /// Condensed distances.
    fn pairs(x: &Array2<f64>) -> Vec<f64> {
        let distance = |i, j| squared(&x.row(i).to_vec(), &x.row(j).to_vec()).sqrt();
        let n = x.nrows();
        (0..n).flat_map(|i| (i + 1..n).map(move |j| distance(i, j))).collect()
    }

    fn heights(tree: &Dendrogram) -> Vec<f64> {
        tree.merges().iter().map(|merge| merge.height).collect()
    }

    fn close(a: &[f64], b: &[f64], scale: f64) -> bool {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (scale + b.abs());
        a.len() == b.len() && a.iter().zip(b).all(near)
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
    fn the_golden_cophenetic_correlations_are_scipys() {
        for (linkage, expected) in [
            (Linkage::Single, 0.9405216788),
            (Linkage::Complete, 0.9406881863),
            (Linkage::Average, 0.9408003322),
            (Linkage::Ward, 0.9401276953),
            (Linkage::Centroid, 0.940204),
        ] {
            let tree = Agglomerative::new(linkage).fit(&p()).unwrap();
            let found = tree.cophenetic_correlation(&pairs(&p())).unwrap();
            assert!((found - expected).abs() < 5e-7, "{linkage:?} {found}");
        }
    }

    #[test]
    fn one_two_and_three_rows_have_their_tree_at_any_scale() {
        for scale in [1e-170, 1.0, 1e140] {
            let x = array![[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]] * scale;
            for linkage in ALL {
                let fit = |n: usize| Agglomerative::new(linkage).fit(x.slice(s![..n, ..])).unwrap();
                assert!(fit(1).merges().is_empty());
                assert!(close(&heights(&fit(2)), &[5.0 * scale], scale));
                let three = fit(3);
                assert_eq!((three.merges()[0].a, three.merges()[0].b), (0, 2));
                let top = match linkage {
                    Linkage::Single => 18f64.sqrt(),
                    Linkage::Complete => 5.0,
                    Linkage::Average | Linkage::Weighted => (18f64.sqrt() + 5.0) / 2.0,
                    Linkage::Ward => (4.0 / 3.0 * 21.25f64).sqrt(),
                    Linkage::Centroid | Linkage::Median => 21.25f64.sqrt(),
                };
                assert!(close(&heights(&three), &[scale, top * scale], scale), "{linkage:?}");
            }
        }
    }

    #[test]
    fn the_order_of_the_rows_does_not_change_the_groups_where_no_distances_tie() {
        let mut stream = crate::num::rng::Stream::new(3, 0);
        let x = Array2::from_shape_simple_fn((120, 3), || stream.normal());
        let mut order: Vec<usize> = (0..120).collect();
        stream.shuffle(&mut order);
        for linkage in ALL {
            let tree = Agglomerative::new(linkage).fit(&x).unwrap();
            let other =
                Agglomerative::new(linkage).fit(&x.select(ndarray::Axis(0), &order)).unwrap();
            assert!(close(&heights(&tree), &heights(&other), 1.0));
            for k in 1..120 {
                let moved = tree.cut_into(k).unwrap();
                let moved = Labels::new(order.iter().map(|&row| moved.get(row))).unwrap();
                assert_eq!(moved, other.cut_into(k).unwrap(), "{linkage:?}, k = {k}");
            }
        }
    }

    #[test]
    fn distances_and_rows_give_the_same_tree() {
        let distances = pairs(&p());
        for linkage in ALL {
            let by_rows = Agglomerative::new(linkage).fit(&p()).unwrap();
            let tree =
                Agglomerative::new(linkage).fit(Samples::Euclidean(distances.clone())).unwrap();
            assert!(close(&heights(&tree), &heights(&by_rows), 1.0));
            assert_eq!(tree.cut_into(3), by_rows.cut_into(3));
        }
    }

    #[test]
    fn condensed_distances_that_make_no_sense_are_refused() {
        let fit = |d: &[f64]| Agglomerative::new(Linkage::Ward).fit(Samples::Euclidean(d.to_vec()));
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
        let x = Array2::<f64>::zeros((20_001, 1));
        let error = Agglomerative::new(Linkage::Complete).fit(&x).unwrap_err().to_string();
        let expected = "max_samples must be 20001 or more for so many rows, which take 1.6 GB, but \
            is 20000";
        assert_eq!(error, expected);
        for linkage in ALL {
            assert!(Agglomerative::new(linkage).max_samples(5).fit(&p()).is_err());
            assert!(Agglomerative::new(linkage).max_samples(6).fit(&p()).is_ok());
        }
        let error = |method: Agglomerative| method.fit(&p()).unwrap_err().to_string();
        assert!(
            error(Agglomerative::new(Linkage::Average).summaries(3)).contains("unset for other")
        );
        assert!(error(Agglomerative::new(Linkage::Ward).summaries(0)).contains("1 or more"));
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
            let two = Agglomerative::new(linkage).fit(Samples::Euclidean(vec![factor])).unwrap();
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
