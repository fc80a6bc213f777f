//! Local outlier factor: a row is odd if its neighbours lie closer together than it lies to them.
//!
//! With the k nearest rows N(a) of a row a, self excluded, and kdist(b) the distance from b to the
//! farthest of N(b):
//!
//! - reach(a, b) = max(kdist(b), d(a, b)), so that distances inside a dense spot count alike;
//! - lrd(a) = 1 / mean of reach(a, b) over b in N(a), the local density;
//! - LOF(a) = mean of lrd(b) / lrd(a) over b in N(a).
//!
//! Source: Breunig, Kriegel, Ng, Sander 2000; scikit-learn. Where we differ from the paper: exactly k
//! neighbours, nearest first and ties by row, not all that tie. From scikit-learn: it adds 1e-10 to
//! the mean reach, whatever the unit; nothing is added here, so that the factor does not depend on
//! the unit. A row with k copies or more has kdist 0 and would look infinitely dense to its
//! neighbours: its kdist is the distance to the k-th nearest *different* point instead (the farthest,
//! if there are fewer), which is the paper's k-distinct-distance with the row's own place not counted.
//! Cost: the search for the k nearest (see `num/neighbors`), about O(n·k·log n) where the rows have few
//! dimensions of their own, at most all pairs; memory O(n·k).

mod density;
mod distinct;
mod fit;
mod novelty;

use serde::{Deserialize, Serialize};

use super::isolation_forest::{Contamination, exceeded_by};
use super::rank::oddest_first;
use crate::num::check::{self, Rows};
use crate::num::neighbors::{Distances, MOST_LISTED, Metric, Nearest, Neighbor, Tree, brute};
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Result};

use density::{factor, mean_reach};
use distinct::nearest_different;
pub use fit::LofFit;
pub use novelty::Novelty;

/// Local outlier factor; see [the module](crate::outlier) for when to use it.
///
/// ```
/// use personas::{ndarray::array, outlier::LocalOutlierFactor};
///
/// // 2 is closer to the dense three than rows of the wide group are to each other, and yet odd.
/// let x = array![[0.0], [0.1], [0.2], [2.0], [10.0], [13.0], [16.0], [19.0]];
/// let fit = LocalOutlierFactor::new(2).fit(&x)?;
/// assert_eq!(fit.outliers, [3]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalOutlierFactor {
    n_neighbors: usize,
    metric: Metric,
    contamination: Contamination,
}

/// Rows above this are outliers unless a share is named: their neighbours are half as dense again as
/// they are.
const THRESHOLD: f64 = 1.5;

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
        Self { n_neighbors, metric: Metric::Euclidean, contamination: Contamination::Auto }
    }

    /// How distances are measured; [`Metric::Euclidean`] unless set.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// How many rows to call outliers: by [`Contamination::Auto`], unless set otherwise, those with a
    /// factor above 1.5; by [`Contamination::Share`] that share of the training rows. Scores do not
    /// depend on it. [`IsolationForest::contamination`](crate::outlier::IsolationForest::contamination)
    /// has an example.
    #[must_use]
    pub fn contamination(mut self, contamination: Contamination) -> Self {
        self.contamination = contamination;
        self
    }

    /// Scores the rows of `x`, `(n_samples, n_features)`, and keeps them to score others against; or
    /// samples by their distances ([`Samples`]).
    ///
    /// With distances the metric set does not matter, new rows cannot be scored, and the time is O(n²).
    ///
    /// ```
    /// use personas::{cluster::Samples, ndarray::array, outlier::LocalOutlierFactor};
    ///
    /// let distances = array![[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]];
    /// let fit = LocalOutlierFactor::new(1).fit(Samples::Distances(distances.into()))?;
    /// assert_eq!(fit.scores, [1.0, 1.0, 2.0]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// Bring the columns to one scale first. If there are not more rows than `n_neighbors`, all other rows are
    /// the neighbours. If all rows are equal, all score exactly 1.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for no neighbours, more than 2²⁸ of all rows together (4 GiB) or a
    /// share out of range;
    /// [`Error::TooFewSamples`] for a single row; [`Error::TooManySamples`] from 2³² − 1 rows on;
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`] and
    /// [`Error::MagnitudeTooLarge`] for a matrix that cannot be computed with;
    /// [`Error::UndefinedMetric`] for a row of zeros under [`Metric::Cosine`]. For distances as
    /// [`Dbscan::fit`](crate::cluster::Dbscan::fit).
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<LofFit> {
        match &x.into() {
            Samples::Rows(x) => self.fit_rows(check::rows(x.view())?),
            distances => self.fit_distances(&Distances::new(distances)?),
        }
    }

    fn fit_distances(&self, distances: &Distances<'_>) -> Result<LofFit> {
        let n = distances.n_rows();
        let k = self.check(n)?;
        let lists = parallel::map(n, n, |row| {
            brute::nearest((0..n).filter(|&other| other != row), k, |other| {
                distances.of(row)[other]
            })
        });
        let nearest = Nearest::from_lists(k, lists);
        // Rows at distance 0 are copies; others are different.
        let different = |row: usize| {
            let others = (0..n).filter(|&other| distances.of(row)[other] > 0.0);
            let near = brute::nearest(others, k, |other| distances.of(row)[other]);
            near.last().map_or(0.0, |farthest| farthest.reduced)
        };
        let scored = Scored::new(
            &nearest,
            n,
            k,
            |neighbor| neighbor.reduced,
            |duplicated| duplicated.iter().map(|&row| different(row)).collect(),
        );
        Ok(self.finish(k, scored, Vec::new(), 0, Scale::lifting(1.0, 1.0)))
    }

    fn fit_rows(&self, original: Rows<'_>) -> Result<LofFit> {
        let n = original.n_rows();
        let k = self.check(n)?;
        let (kept, width) = (original.data().to_vec(), original.n_columns());
        let rows = self.metric.prepare(original)?;
        let scale = self.metric.scale(&rows, None);
        let rows = rows.times(scale.factor());
        let nearest = Tree::new(&rows, self.metric).k_nearest(k);
        let distance = |neighbor: &Neighbor| self.metric.distance(neighbor.reduced);
        let scored = Scored::new(&nearest, n, k, distance, |duplicated| {
            let different = nearest_different(&rows, self.metric, duplicated, k);
            different.into_iter().map(|reduced| self.metric.distance(reduced)).collect()
        });
        Ok(self.finish(k, scored, kept, width, scale))
    }

    fn finish(
        &self,
        k: usize,
        scored: Scored,
        rows: Vec<f64>,
        n_features: usize,
        scale: Scale,
    ) -> LofFit {
        let Scored { k_distances, mean_reaches, scores, duplicated } = scored;
        let threshold = match self.contamination {
            Contamination::Auto => THRESHOLD,
            Contamination::Share(share) => exceeded_by(share, &scores, None),
        };
        LofFit {
            rows,
            n_features,
            n_neighbors: k,
            metric: self.metric,
            scale,
            k_distances,
            mean_reaches,
            outliers: oddest_first(&scores, threshold),
            scores,
            threshold,
            duplicated,
        }
    }

    /// The number of neighbours for `n` rows.
    fn check(&self, n: usize) -> Result<usize> {
        if self.n_neighbors == 0 {
            return Err(Error::parameter("n_neighbors", "at least 1", 0));
        }
        if let Contamination::Share(share) = self.contamination
            && !(share > 0.0 && share <= 0.5)
        {
            return Err(Error::parameter("contamination", "a share above 0, at most 0.5", share));
        }
        if n < 2 {
            return Err(Error::TooFewSamples { what: "LocalOutlierFactor", needed: 2, got: n });
        }
        check::at_most(n, check::MAX_ROWS, "LocalOutlierFactor")?;
        let k = self.n_neighbors.min(n - 1);
        if n.saturating_mul(k) > MOST_LISTED {
            let most = MOST_LISTED / n;
            let expected = format!("at most {most} for {n} rows, 4 GiB of neighbours");
            return Err(Error::parameter("n_neighbors", expected, self.n_neighbors));
        }
        Ok(k)
    }
}

/// What the neighbours of the training rows tell.
#[derive(Debug)]
struct Scored {
    k_distances: Vec<f64>,
    mean_reaches: Vec<f64>,
    scores: Vec<f64>,
    duplicated: Vec<usize>,
}

impl Scored {
    /// `different` returns the k-distances of rows with k copies or more.
    fn new(
        nearest: &Nearest,
        n: usize,
        k: usize,
        distance: impl Fn(&Neighbor) -> f64 + Sync,
        different: impl Fn(&[usize]) -> Vec<f64>,
    ) -> Self {
        let mut k_distances: Vec<f64> =
            parallel::map(n, 4, |row| distance(&nearest.of(row)[k - 1]));
        let duplicated: Vec<usize> = (0..n).filter(|&row| k_distances[row] == 0.0).collect();
        for (&row, distance) in duplicated.iter().zip(different(&duplicated)) {
            k_distances[row] = distance;
        }
        let mean_reaches: Vec<f64> =
            parallel::map(n, 4 * k, |row| mean_reach(nearest.of(row), &k_distances, &distance));
        let scores = parallel::map(n, 4 * k, |row| {
            factor(nearest.of(row), mean_reaches[row], &mean_reaches)
        });
        Self { k_distances, mean_reaches, scores, duplicated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn scores(k: usize, x: &Array2<f64>) -> Vec<f64> {
        LocalOutlierFactor::new(k).fit(x).unwrap().scores
    }

    fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
    }

    #[test]
    fn four_points_have_the_golden_factors() {
        let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 0.0]];
        let golden = [0.926_776_7, 1.171_572_88, 0.926_776_7, 2.168_850_37];
        let fit = LocalOutlierFactor::new(2).fit(&x).unwrap();
        assert!(close(&fit.scores, &golden, 1e-8), "{:?}", fit.scores);
        assert_eq!((fit.outliers, fit.n_neighbors), (vec![3], 2));
        assert!(fit.duplicated.is_empty());
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
            assert!(fit.scores.iter().all(|&score| score == 1.0));
            assert_eq!(fit.duplicated.len(), n);
            let new = fit.score(&array![[0.1, 0.1, 0.1], [0.1, 0.1, 0.2]]).unwrap();
            assert_eq!(new.scores, [1.0, f64::MAX]);
        }
    }

    #[test]
    fn many_copies_of_a_point_do_not_make_its_neighbours_odd_without_bound() {
        // A peer gives 1, 1, 1, 1, 1e7 and 2.5e10 here. The different points of 0 are 0.001 and 5,
        // so its kdist is 5, and with three points in all none is sparser than the others.
        let x = array![[0.0], [0.0], [0.0], [0.0], [0.001], [5.0]];
        let fit = LocalOutlierFactor::new(2).fit(&x).unwrap();
        assert_eq!(fit.duplicated, [0, 1, 2, 3]);
        assert!(close(&fit.scores, &[1.0; 6], 1e-3), "{:?}", fit.scores);
    }

    #[test]
    fn distances_that_are_no_metric_have_scores_above_0_that_can_be_stored() {
        let distances = array![[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [5.0, 0.0, 0.0]];
        let fit = LocalOutlierFactor::new(1).fit(Samples::Distances(distances.into())).unwrap();
        assert!(fit.scores.iter().all(|score| *score > 0.0 && score.is_finite()));
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<LofFit>(&json).unwrap(), fit);
    }

    #[test]
    fn more_neighbours_than_memory_holds_are_refused_at_once() {
        let error = LocalOutlierFactor::new(usize::MAX).check(100_000).unwrap_err().to_string();
        assert!(error.contains("at most 2684 for 100000 rows, 4 GiB"), "{error}");
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
        assert!(fit.duplicated.iter().copied().eq(0..30));
        assert!(fit.scores[..30].iter().all(|&score| score == 1.0));
        assert!(fit.scores[30..40].iter().all(|&score| score < 1.6), "{:?}", fit.scores);
        assert_eq!(fit.outliers, [40]);
        assert!(fit.scores[40] > 10.0 && fit.scores[40] < 100.0);
        // A new row on the plateau is as dense as the plateau.
        assert_eq!(fit.score(&array![[0.0]]).unwrap().scores, [1.0]);
    }

    #[test]
    fn as_many_neighbours_as_rows_become_all_others() {
        let x = array![[0.0], [1.0], [3.0], [7.0]];
        for k in [3, 4, 20, usize::MAX] {
            let fit = LocalOutlierFactor::new(k).fit(&x).unwrap();
            assert_eq!(fit.n_neighbors, 3);
            assert_eq!(fit.scores, scores(3, &x));
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
    fn the_factor_has_no_unit_and_only_copies_are_copies() {
        let points = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 5.0];
        for scale in [1e140, 1.0, 1e-9, 1e-10, 1e-11, 1e-12, 1e-170, 1e-300] {
            let x = Array2::from_shape_fn((points.len(), 1), |(row, _)| points[row] * scale);
            let fit = LocalOutlierFactor::new(3).fit(&x).unwrap();
            // 19 to the bit at 1; where decimal points round otherwise, ties fall otherwise.
            assert!((18.0..=19.1).contains(&fit.scores[10]), "{scale:e}: {:?}", fit.scores);
            assert_eq!((&fit.outliers, fit.duplicated.len()), (&vec![10], 0));
            let new = fit.score(&array![[5.0 * scale], [1e145]]).unwrap();
            assert!(new.scores[1] > 1e3 && new.scores[1].is_finite());
            assert!(new.outliers.contains(&1));
        }
    }

    #[test]
    fn the_manhattan_distance_has_the_golden_factors() {
        let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 0.0]];
        let fit = LocalOutlierFactor::new(2).metric(Metric::Manhattan).fit(&x).unwrap();
        assert!(close(&fit.scores, &[0.875, 4.0 / 3.0, 0.875, 2.0], 1e-12));
        let distances = Array2::from_shape_fn((4, 4), |(a, b)| {
            (&x.row(a) - &x.row(b)).iter().map(|v: &f64| v.abs()).sum::<f64>()
        });
        let by_distances =
            LocalOutlierFactor::new(2).fit(Samples::Distances((&distances).into())).unwrap();
        assert_eq!(by_distances.scores, fit.scores);
        assert!(by_distances.score(&x).is_err());
    }

    #[test]
    fn a_share_of_the_rows_is_called_outliers() {
        let x = Array2::from_shape_fn((100, 1), |(i, _)| (i * i) as f64);
        let share = |share| LocalOutlierFactor::new(5).contamination(Contamination::Share(share));
        let fit = share(0.1).fit(&x).unwrap();
        assert_eq!(fit.outliers.len(), 10);
        assert_eq!(fit.scores, LocalOutlierFactor::new(5).fit(&x).unwrap().scores);
        assert!(share(0.6).fit(&x).is_err());
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
            prop_assert!(fit.scores.iter().all(|score| score.is_finite() && *score > 0.0));
            prop_assert!(fit.score(&x).unwrap().scores.iter().all(|score| score.is_finite()));
            for &row in &fit.duplicated {
                prop_assert!((fit.scores[row] - 1.0).abs() < 1e-12);
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
            for unit in [1024.0, 2f64.powi(460), 2f64.powi(-560)] {
                prop_assert_eq!(&plain, &of(&|i| line[i] * unit));
            }
            let mut reversed = of(&|i| line[n - 1 - i]);
            reversed.reverse();
            prop_assert!(close(&plain, &reversed, 1e-9), "{:?} {:?}", plain, reversed);
        }
    }
}
