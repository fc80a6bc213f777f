//! Agglomerative clustering: every row a cluster, then the two nearest merged, until one is left.
//!
//! All pairwise distances are held as f64 and updated as clusters merge; heights equal scipy's, for
//! ward in plain Euclidean units (R's `ward.D2`). Ties go to the smallest rows (see `nn_chain.rs`).
//! If the data's spread is so tiny that squares would underflow, all is scaled by an exact power of
//! two and brought back.
//!
//! Cost: O(n²·d) time for the distances and O(n²) for the tree; memory 4·n² bytes, 1.6 GB for
//! 20,000 rows.

mod linkage;
mod nn_chain;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

pub use linkage::Linkage;

use super::dendrogram::{Dendrogram, condensed_index};
use crate::num::check::{self, MAX_MAGNITUDE, Rows};
use crate::num::distance::squared;
use crate::num::parallel;
use crate::num::scale::Scale;
use crate::{Error, Result};

/// Builds a hierarchy of groups by merging the two nearest, over and over.
///
/// No number of groups is needed beforehand: cut the [`Dendrogram`] where it suits. Needs memory
/// for all pairs of rows, so it is for samples of up to some ten thousand.
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
    max_samples: usize,
}

impl Agglomerative {
    /// With this linkage and at most 20,000 rows.
    #[must_use]
    pub fn new(linkage: Linkage) -> Self {
        Self { linkage, max_samples: 20_000 }
    }

    /// Most rows that [`fit`](Self::fit) takes, as it needs 4·n² bytes: 1.6 GB for the default of
    /// 20,000, 40 GB for 100,000.
    #[must_use]
    pub fn max_samples(mut self, max_samples: usize) -> Self {
        self.max_samples = max_samples;
        self
    }

    /// The hierarchy of the rows of `x`, `(n_samples, n_features)`, by Euclidean distance. One row
    /// gives no merges.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]
    /// for such a matrix; [`Error::TooManySamples`] beyond [`max_samples`](Self::max_samples), before
    /// anything is allocated.
    pub fn fit<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Dendrogram> {
        self.fit_view(x.into())
    }

    fn fit_view(&self, x: ArrayView2<'_, f64>) -> Result<Dendrogram> {
        let (what, n_samples) = ("agglomerative clustering", x.nrows());
        if n_samples > self.max_samples {
            return Err(Error::TooManySamples { what, limit: self.max_samples, got: n_samples });
        }
        let rows = check::rows(x)?;
        let scale = Scale::of(&rows, None);
        let rows = rows.times(scale.factor());
        let mut distances = Vec::new();
        // A caller may have raised the limit beyond what the machine has.
        let n_pairs = n_samples.checked_mul(n_samples - 1).map(|product| product / 2);
        if n_pairs.is_none_or(|n_pairs| distances.try_reserve_exact(n_pairs).is_err()) {
            let what = "agglomerative clustering in this memory";
            return Err(Error::TooManySamples { what, limit: n_samples - 1, got: n_samples });
        }
        let squared = self.linkage == Linkage::Ward;
        pairwise(&rows, squared, &mut distances);
        Ok(self.tree(n_samples, distances, scale))
    }

    /// The hierarchy from distances of any kind, condensed as scipy's `pdist`: those of the pairs
    /// (0, 1), (0, 2), …, (0, n − 1), (1, 2), …; not squared. None at all is one row. Ward takes
    /// them as Euclidean.
    ///
    /// They are updated in place, so memory is no matter and `max_samples` does not apply.
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
    /// [`Error::InvalidParameter`], naming the first pair as row and column.
    pub fn fit_condensed(&self, distances: Vec<f64>) -> Result<Dendrogram> {
        let n_samples = check_condensed(&distances)?;
        let greatest = distances.iter().copied().fold(0.0, f64::max);
        let scale = Scale::lifting(greatest, greatest);
        let mut distances = distances;
        let factor = scale.factor();
        for distance in &mut distances {
            // Adding 0 turns a negative zero into a plain one.
            *distance = *distance * factor + 0.0;
            if self.linkage == Linkage::Ward {
                *distance *= *distance;
            }
        }
        Ok(self.tree(n_samples, distances, scale))
    }

    /// Scaled condensed distances, squared for ward, to a tree.
    fn tree(&self, n_samples: usize, distances: Vec<f64>, scale: Scale) -> Dendrogram {
        let mut merges = nn_chain::merges(n_samples, distances, self.linkage);
        for (_, _, height) in &mut merges {
            if self.linkage == Linkage::Ward {
                *height = height.sqrt();
            }
            *height *= scale.inverse();
        }
        Dendrogram::from_edges(merges)
    }
}

/// Appends the distance of every pair in condensed order.
fn pairwise(rows: &Rows<'_>, keep_squared: bool, distances: &mut Vec<f64>) {
    let n_rows = rows.n_rows();
    distances.resize(n_rows * (n_rows - 1) / 2, 0.0);
    let mut parts: Vec<&mut [f64]> = Vec::with_capacity(n_rows - 1);
    let mut rest: &mut [f64] = distances;
    for row in 0..n_rows - 1 {
        let (part, after) = rest.split_at_mut(n_rows - 1 - row);
        parts.push(part);
        rest = after;
    }
    let work = n_rows * n_rows / 2 * rows.n_columns();
    parallel::for_each(parts, work, |row, part| {
        for (other, distance) in (row + 1..n_rows).zip(part) {
            let square = squared(rows.row(row), rows.row(other));
            *distance = if keep_squared { square } else { square.sqrt() };
        }
    });
}

/// The number of rows of a condensed matrix.
fn check_condensed(distances: &[f64]) -> Result<usize> {
    // n rows have n·(n − 1)/2 pairs, so n is about √(2·pairs) + 1/2; a step settles the rounding.
    let mut n = (2.0 * distances.len() as f64).sqrt() as usize;
    while n * n.saturating_sub(1) / 2 < distances.len() || n == 0 {
        n += 1;
    }
    let n_pairs = n * (n - 1) / 2;
    if n_pairs != distances.len() {
        let what = "condensed distances, n * (n - 1) / 2 of n rows";
        return Err(Error::DimensionMismatch {
            what: what.into(),
            expected: n_pairs,
            got: distances.len(),
        });
    }
    let Some(at) = distances.iter().position(|d| !(0.0..=MAX_MAGNITUDE).contains(d)) else {
        return Ok(n);
    };
    let row = (0..n - 1).take_while(|&row| condensed_index(n, row, row + 1) <= at).count() - 1;
    let (column, value) = (row + 1 + at - condensed_index(n, row, row + 1), distances[at]);
    Err(if !value.is_finite() {
        Error::NonFinite { row, column, value }
    } else if value < 0.0 {
        let got = format!("{value} for rows {row} and {column}");
        Error::parameter("distances", "0 or more", got)
    } else {
        Error::MagnitudeTooLarge { row, column, value, limit: MAX_MAGNITUDE }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    const P: [[f64; 2]; 6] = [[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
    const ALL: [Linkage; 4] = [Linkage::Single, Linkage::Complete, Linkage::Average, Linkage::Ward];

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
            (Linkage::Ward, [4.242640687, 13.904436]),
        ] {
            let found = heights(&Agglomerative::new(linkage).fit(&p()).unwrap());
            assert_eq!(found[..3], [1.0, 2.0, 2.0], "{linkage:?}");
            assert!(found[3..].iter().zip(last).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        }
    }

    #[test]
    fn the_golden_cophenetic_correlations_are_scipys() {
        let mut distances = Vec::new();
        pairwise(&check::rows(p().view()).unwrap(), false, &mut distances);
        for (linkage, expected) in
            ALL.into_iter().zip([0.9405216788, 0.9406881863, 0.9408003322, 0.9401276953])
        {
            let heights = Agglomerative::new(linkage).fit(&p()).unwrap().cophenetic();
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            let (a, b) = (mean(&distances), mean(&heights));
            let dot = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
                x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
            };
            let r = dot(&distances, a, &heights, b)
                / (dot(&distances, a, &distances, a) * dot(&heights, b, &heights, b)).sqrt();
            assert!((r - expected).abs() < 1e-9, "{linkage:?} {r}");
        }
    }

    #[test]
    fn distances_and_rows_give_the_same_tree() {
        let mut distances = Vec::new();
        pairwise(&check::rows(p().view()).unwrap(), false, &mut distances);
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
    fn too_many_rows_are_refused_before_anything_is_allocated() {
        let x = Array2::zeros((20_001, 1));
        let error = Agglomerative::new(Linkage::Single).fit(&x).unwrap_err();
        assert!(matches!(error, Error::TooManySamples { limit: 20_000, got: 20_001, .. }));
        assert!(Agglomerative::new(Linkage::Single).max_samples(5).fit(&p()).is_err());
        assert!(Agglomerative::new(Linkage::Single).max_samples(6).fit(&p()).is_ok());
    }

    #[test]
    fn equal_rows_merge_at_0_and_ties_repeat() {
        for linkage in ALL {
            let tree = Agglomerative::new(linkage).fit(&Array2::from_elem((9, 2), 0.1)).unwrap();
            assert_eq!(heights(&tree), [0.0; 8]);
            let square = array![[0., 0.], [0., 1.], [1., 0.], [1., 1.]];
            let tree = Agglomerative::new(linkage).fit(&square).unwrap();
            // Of the four sides, that of the smallest rows; then single linkage has a tie again.
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
