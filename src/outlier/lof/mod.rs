//! Local outlier factor: a row is odd if its neighbours lie closer together than it lies to them.
//!
//! With the k nearest rows N(a) of a row a, self excluded, and kdist(b) the distance from b to the
//! farthest of N(b):
//!
//! - reach(a, b) = max(kdist(b), d(a, b)), so that distances inside a dense spot count alike;
//! - lrd(a) = 1 / (mean of reach(a, b) over b in N(a) + 1e-10), the local density;
//! - LOF(a) = mean of lrd(b) / lrd(a) over b in N(a).
//!
//! Source: Breunig, Kriegel, Ng, Sander 2000. Where we differ: exactly k neighbours, nearest first
//! and ties by row, not all that tie. A row with k copies or more has kdist 0 and would look
//! infinitely dense to its neighbours: its kdist is the distance to the k-th nearest *different*
//! point instead (the farthest, if there are fewer), which is the paper's k-distinct-distance with
//! the row's own place not counted.
//! Cost: n² distances, all compared; memory O(n · k).

mod density;
mod distinct;
mod fit;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::num::check::{self, Rows};
use crate::num::neighbors::nearest;
use crate::num::parallel;
use crate::{Error, Result};

use density::{density, factor};
use distinct::nearest_different;
pub use fit::LofFit;

/// Local outlier factor; see [the module](crate::outlier) for when to use it.
///
/// ```
/// use personas::{LocalOutlierFactor, ndarray::array};
///
/// // 2 is closer to the dense three than rows of the wide group are to each other, and yet odd.
/// let x = array![[0.0], [0.1], [0.2], [2.0], [10.0], [13.0], [16.0], [19.0]];
/// let fit = LocalOutlierFactor::new(2).fit(&x)?;
/// assert_eq!(fit.outliers(), [3]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalOutlierFactor {
    n_neighbors: usize,
}

impl Default for LocalOutlierFactor {
    /// 20 neighbours.
    fn default() -> Self {
        Self::new(20)
    }
}

impl LocalOutlierFactor {
    /// Compares each row with its `n_neighbors` nearest. Groups of odd rows that are larger than
    /// this go unseen; 20 suits most data.
    pub fn new(n_neighbors: usize) -> Self {
        Self { n_neighbors }
    }

    /// Scores the rows of `x` `(n_samples, n_features)`, and keeps them to score others against.
    ///
    /// Distances are Euclidean: bring the columns to one scale first. If there are no more rows than
    /// neighbours asked for, all other rows are the neighbours, as
    /// [`n_neighbors`](LofFit::n_neighbors) then tells. If all rows are equal, all score exactly 1.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for no neighbours; [`Error::TooFewSamples`] for a single row;
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`] and
    /// [`Error::MagnitudeTooLarge`] for a matrix that cannot be computed with.
    pub fn fit<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<LofFit> {
        self.fit_rows(&check::rows(x.into())?)
    }

    fn fit_rows(&self, x: &Rows<'_>) -> Result<LofFit> {
        if self.n_neighbors == 0 {
            return Err(Error::parameter("n_neighbors", "at least 1", 0));
        }
        let n = x.n_rows();
        if n < 2 {
            return Err(Error::TooFewSamples { what: "LocalOutlierFactor", needed: 2, got: n });
        }
        let k = self.n_neighbors.min(n - 1);
        let neighbors = parallel::map(n, n.saturating_mul(x.n_columns()), |row| {
            nearest(x.row(row), x, (0..n).filter(|&other| other != row), k)
        });
        let mut k_distances: Vec<f64> = neighbors.iter().map(|near| near[k - 1].distance).collect();
        let duplicated: Vec<usize> = (0..n).filter(|&row| k_distances[row] == 0.0).collect();
        for (&row, distance) in duplicated.iter().zip(nearest_different(x, &duplicated, k)) {
            k_distances[row] = distance;
        }
        let densities: Vec<f64> =
            neighbors.iter().map(|near| density(near, &k_distances)).collect();
        let scores = neighbors
            .iter()
            .zip(&densities)
            .map(|(near, &density)| factor(near, density, &densities))
            .collect();
        Ok(LofFit {
            rows: x.data().to_vec(),
            n_features: x.n_columns(),
            n_neighbors: k,
            k_distances,
            densities,
            scores,
            duplicated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn scores(k: usize, x: &Array2<f64>) -> Vec<f64> {
        LocalOutlierFactor::new(k).fit(x).unwrap().scores().to_vec()
    }

    fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
    }

    #[test]
    fn four_points_have_the_golden_factors() {
        let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 0.0]];
        let golden = [0.926_776_7, 1.171_572_88, 0.926_776_7, 2.168_850_37];
        let fit = LocalOutlierFactor::new(2).fit(&x).unwrap();
        assert!(close(fit.scores(), &golden, 1e-8), "{:?}", fit.scores());
        assert_eq!((fit.outliers(), fit.n_neighbors()), (vec![3], 2));
        assert!(fit.duplicated().is_empty());
    }

    #[test]
    fn the_factors_agree_with_pencil_and_paper() {
        // k = 1 on 0, 1, 3: neighbours 1, 0, 1; kdist 1, 1, 2; lrd 1, 1, 1/2; LOF 1, 1, 2.
        assert!(close(&scores(1, &array![[0.0], [1.0], [3.0]]), &[1.0, 1.0, 2.0], 1e-9));
    }

    #[test]
    fn equal_rows_all_score_exactly_1() {
        for (n, k) in [(2, 1), (7, 3), (50, 20)] {
            let fit = LocalOutlierFactor::new(k).fit(&Array2::from_elem((n, 3), 0.1)).unwrap();
            assert!(fit.scores().iter().all(|&score| score == 1.0));
            assert_eq!(fit.duplicated().len(), n);
            assert_eq!(fit.score(&array![[0.1, 0.1, 0.1]]).unwrap(), [1.0]);
            assert!(fit.score(&array![[0.1, 0.1, 0.2]]).unwrap()[0].is_finite());
        }
    }

    #[test]
    fn many_copies_of_a_point_do_not_make_its_neighbours_odd_without_bound() {
        // A peer gives 1, 1, 1, 1, 1e7 and 2.5e10 here. The different points of 0 are 0.001 and 5,
        // so its kdist is 5, and with three points in all none is sparser than the others.
        let x = array![[0.0], [0.0], [0.0], [0.0], [0.001], [5.0]];
        let fit = LocalOutlierFactor::new(2).fit(&x).unwrap();
        assert_eq!(fit.duplicated(), [0, 1, 2, 3]);
        assert!(close(fit.scores(), &[1.0; 6], 1e-3), "{:?}", fit.scores());
    }

    #[test]
    fn a_single_row_beside_equal_ones_is_not_seen_as_documented() {
        let x = Array2::from_shape_fn((30, 1), |(i, _)| if i == 29 { 5.0 } else { 0.0 });
        assert!(scores(20, &x).iter().all(|&score| score == 1.0));
    }

    #[test]
    fn a_plateau_scores_1_and_a_far_row_beside_it_is_still_odd() {
        // 30 times 0, then 0.1, 0.2 … 1.0, and 9; 0 and −0 are one point.
        let x = Array2::from_shape_fn((41, 1), |(i, _)| match i {
            0..15 => 0.0,
            15..30 => -0.0,
            40 => 9.0,
            _ => (i - 29) as f64 / 10.0,
        });
        let fit = LocalOutlierFactor::new(5).fit(&x).unwrap();
        assert!(fit.duplicated().iter().copied().eq(0..30));
        assert!(fit.scores()[..30].iter().all(|&score| score == 1.0));
        assert!(fit.scores()[30..40].iter().all(|&score| score < 1.6), "{:?}", fit.scores());
        assert_eq!(fit.outliers(), [40]);
        assert!(fit.scores()[40] > 10.0 && fit.scores()[40] < 100.0);
        // A new row on the plateau is as dense as the plateau.
        assert_eq!(fit.score(&array![[0.0]]).unwrap(), [1.0]);
    }

    #[test]
    fn as_many_neighbours_as_rows_become_all_others() {
        let x = array![[0.0], [1.0], [3.0], [7.0]];
        for k in [3, 4, 20, usize::MAX] {
            let fit = LocalOutlierFactor::new(k).fit(&x).unwrap();
            assert_eq!(fit.n_neighbors(), 3);
            assert_eq!(fit.scores(), scores(3, &x));
        }
    }

    #[test]
    fn no_neighbours_or_a_single_row_are_refused() {
        let none = LocalOutlierFactor::new(0).fit(&array![[0.0], [1.0]]);
        assert!(matches!(none, Err(Error::InvalidParameter { name: "n_neighbors", .. })));
        let single = LocalOutlierFactor::default().fit(&array![[0.0]]);
        assert!(matches!(single, Err(Error::TooFewSamples { needed: 2, got: 1, .. })));
        let fit = LocalOutlierFactor::new(1).fit(&array![[0.0], [1.0]]).unwrap();
        assert!(matches!(fit.score(&array![[0.0, 1.0]]), Err(Error::DimensionMismatch { .. })));
    }

    #[test]
    fn rows_inside_a_grid_are_ordinary() {
        let x = Array2::from_shape_fn((144, 2), |(i, j)| [i % 12, i / 12][j] as f64);
        let scores = scores(8, &x);
        let inside =
            (0..144).filter(|i| (2..10).contains(&(i % 12)) && (2..10).contains(&(i / 12)));
        assert!(inside.map(|i| scores[i]).all(|score| (0.8..1.3).contains(&score)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn scores_are_finite_and_follow_the_rows(
            cells in prop::collection::vec(0i32..4, 4..60),
            k in 1usize..8,
            exponent in 0usize..3,
        ) {
            // Few values, so that copies abound; up to the ends of what the door lets in.
            let unit = [1.0, 1e145 / 4.0, 1e-300][exponent];
            let n = cells.len() / 2;
            let x = Array2::from_shape_fn((n, 2), |(i, j)| f64::from(cells[2 * i + j]) * unit);
            let fit = LocalOutlierFactor::new(k).fit(&x).unwrap();
            prop_assert!(fit.scores().iter().all(|score| score.is_finite() && *score > 0.0));
            prop_assert!(fit.score(&x).unwrap().iter().all(|score| score.is_finite()));
            for &row in fit.duplicated() {
                if exponent != 2 {
                    prop_assert!((fit.scores()[row] - 1.0).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn scores_do_not_depend_on_place_unit_or_row_order(
            cells in prop::collection::hash_set(-500i32..500, 5..40),
            k in 1usize..6,
        ) {
            // Different squares on a line: no ties between neighbours that order could decide.
            let line: Vec<f64> = cells.iter().map(|&c| f64::from(c) + f64::from(c * c) / 1e7).collect();
            let n = line.len();
            let of = |f: &dyn Fn(usize) -> f64| scores(k, &Array2::from_shape_fn((n, 1), |(i, _)| f(i)));
            let plain = of(&|i| line[i]);
            let larger = of(&|i| line[i] * 1024.0);
            prop_assert!(close(&plain, &larger, 1e-6));
            let mut reversed = of(&|i| line[n - 1 - i]);
            reversed.reverse();
            prop_assert!(close(&plain, &reversed, 1e-9), "{:?} {:?}", plain, reversed);
        }
    }
}
