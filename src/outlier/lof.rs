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

use std::cmp::Ordering;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::num::check::{self, Rows};
use crate::num::{distance, parallel};
use crate::{Error, Result};

/// Keeps the density finite where all distances are 0. In units of the data: distances below it
/// are as good as 0.
const TINY: f64 = 1e-10;

/// Rows above this are outliers: their neighbours are half as dense again as they are.
const THRESHOLD: f64 = 1.5;

/// Local outlier factor; see [the module](crate::outlier) for when to use it.
///
/// ```
/// use personas::{LocalOutlierFactor, ndarray::array};
///
/// // 2 is nearer to the dense three than their like are to each other in the wide group.
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
        widen(x, k, &duplicated, &mut k_distances);
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

/// The scores of the rows, and the rows themselves to score others against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct LofFit {
    /// The training rows, row-major.
    rows: Vec<f64>,
    n_features: usize,
    n_neighbors: usize,
    /// kdist per training row.
    k_distances: Vec<f64>,
    /// lrd per training row.
    densities: Vec<f64>,
    scores: Vec<f64>,
    duplicated: Vec<usize>,
}

impl LofFit {
    /// The factor of every training row; about 1 = as dense as its neighbours, higher = odder.
    /// Finite and above 0.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Rows that score above this are outliers; 1.5.
    pub fn threshold(&self) -> f64 {
        THRESHOLD
    }

    /// The training rows above the threshold, the oddest first; equal scores in row order.
    pub fn outliers(&self) -> Vec<usize> {
        super::oddest_first(&self.scores, THRESHOLD)
    }

    /// The number of neighbours used: as asked for, or one less than there are rows.
    pub fn n_neighbors(&self) -> usize {
        self.n_neighbors
    }

    /// The training rows with at least `n_neighbors` copies among the others, ascending. Their
    /// density is measured to the nearest different points instead (see the rule in
    /// [`score`](Self::score)); many such rows mean that few values repeat often, and that the
    /// factor tells little.
    pub fn duplicated(&self) -> &[usize] {
        &self.duplicated
    }

    /// Scores *new* rows, `(n_samples, n_features)`, against the training rows.
    ///
    /// A new row is no neighbour of anybody, but every training row may be its neighbour, also one
    /// that equals it. A training row given here therefore finds itself at distance 0 and scores
    /// otherwise than in [`scores`](Self::scores), as a rule lower.
    ///
    /// Training rows that have `n_neighbors` copies or more are as dense as the distance to the
    /// `n_neighbors`-th nearest different point says, in the fit as well as here, so a row beside
    /// many copies of one value gets no boundless score. Only if all training rows are equal does
    /// a different row get a very large one.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for a matrix of another width, and as for
    /// [`fit`](LocalOutlierFactor::fit) where it cannot be computed with.
    pub fn score<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Vec<f64>> {
        let x = check::rows_of_width(x.into(), self.n_features)?;
        let trained = self.training_rows()?;
        let n = trained.n_rows();
        Ok(parallel::map(x.n_rows(), n.saturating_mul(self.n_features), |row| {
            let near = nearest(x.row(row), &trained, 0..n, self.n_neighbors);
            factor(&near, density(&near, &self.k_distances), &self.densities)
        }))
    }

    fn training_rows(&self) -> Result<Rows<'_>> {
        let shape = (self.k_distances.len(), self.n_features);
        let view = ArrayView2::from_shape(shape, &self.rows).map_err(|_| {
            Error::InvalidSnapshot { what: "LofFit", reason: "the rows are not a matrix".into() }
        })?;
        check::rows(view)
    }
}

/// A training row and how far away it is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Neighbor {
    distance: f64,
    row: usize,
}

impl Neighbor {
    /// Nearest first, ties by row.
    fn order(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.row.cmp(&other.row))
    }
}

/// The `k` nearest of the candidate rows, given in ascending order; fewer if there are fewer.
fn nearest(
    query: &[f64],
    x: &Rows<'_>,
    candidates: impl Iterator<Item = usize>,
    k: usize,
) -> Vec<Neighbor> {
    debug_assert!(k > 0);
    // Up to 2k contenders; when they are that many, only the k best stay. Compared are squared
    // distances, of which only the winners' roots are taken.
    let mut best: Vec<Neighbor> = Vec::new();
    let mut worst = f64::INFINITY;
    for row in candidates {
        let distance = distance::squared(query, x.row(row));
        // An equally distant row comes later and so loses the tie.
        if distance < worst {
            best.push(Neighbor { distance, row });
            if best.len() == 2 * k {
                worst = best.select_nth_unstable_by(k - 1, Neighbor::order).1.distance;
                best.truncate(k);
            }
        }
    }
    best.sort_unstable_by(Neighbor::order);
    best.truncate(k);
    best.shrink_to_fit();
    best.iter_mut().for_each(|neighbor| neighbor.distance = neighbor.distance.sqrt());
    best
}

/// Sets the k-distance of the duplicated rows to that over different points; 0 stays only where
/// all rows are equal.
fn widen(x: &Rows<'_>, k: usize, duplicated: &[usize], k_distances: &mut [f64]) {
    if duplicated.is_empty() {
        return;
    }
    let first = first_copies(x);
    let points: Vec<usize> = (0..x.n_rows()).filter(|&row| first[row] == row).collect();
    // Copies share the answer; the first of them always is a duplicated row itself.
    let asked: Vec<usize> = duplicated.iter().copied().filter(|&row| first[row] == row).collect();
    let work = points.len().saturating_mul(x.n_columns());
    let widened = parallel::map(asked.len(), work, |i| {
        let others = points.iter().copied().filter(|&point| point != asked[i]);
        nearest(x.row(asked[i]), x, others, k).last().map_or(0.0, |neighbor| neighbor.distance)
    });
    for (&row, distance) in asked.iter().zip(widened) {
        k_distances[row] = distance;
    }
    for &row in duplicated {
        k_distances[row] = k_distances[first[row]];
    }
}

/// The first row equal to each row; itself where it is the first.
fn first_copies(x: &Rows<'_>) -> Vec<usize> {
    // Not `total_cmp`: 0 and −0 are the same point.
    let compare = |a: usize, b: usize| x.row(a).partial_cmp(x.row(b)).unwrap_or(Ordering::Equal);
    let mut order: Vec<usize> = (0..x.n_rows()).collect();
    parallel::sort_by(&mut order, |&a, &b| compare(a, b).then(a.cmp(&b)));
    let mut first = vec![0; x.n_rows()];
    for copies in order.chunk_by(|&a, &b| compare(a, b).is_eq()) {
        for &row in copies {
            first[row] = copies[0];
        }
    }
    first
}

/// lrd: one by the mean reach to the neighbours.
fn density(near: &[Neighbor], k_distances: &[f64]) -> f64 {
    let reach: f64 = near.iter().map(|b| k_distances[b.row].max(b.distance)).sum();
    1.0 / (reach / near.len() as f64 + TINY)
}

/// LOF, as a mean of ratios rather than a ratio of means: exactly 1 where all densities are equal.
fn factor(near: &[Neighbor], density: f64, densities: &[f64]) -> f64 {
    let ratios: f64 = near.iter().map(|b| densities[b.row] / density).sum();
    ratios / near.len() as f64
}

/// A fit as it is stored, before its invariants are checked.
#[derive(Deserialize)]
struct Stored {
    rows: Vec<f64>,
    n_features: usize,
    n_neighbors: usize,
    k_distances: Vec<f64>,
    densities: Vec<f64>,
    scores: Vec<f64>,
    duplicated: Vec<usize>,
}

impl TryFrom<Stored> for LofFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { rows, n_features, n_neighbors, k_distances, densities, scores, duplicated } =
            stored;
        let n = k_distances.len();
        // No distance between rows that pass the door is larger, and sums of these stay finite.
        let is_distance = |d: &f64| (0.0..=1e160).contains(d);
        // 1 / TINY is 1e10, give or take the rounding.
        let is_density = |d: &f64| *d > 0.0 && *d < 1.001e10;
        let problem = if densities.len() != n || scores.len() != n {
            Some("a row lacks its k-distance, density or score")
        } else if !(1..n).contains(&n_neighbors) {
            Some("it has no neighbours, or not more rows than neighbours")
        } else if !k_distances.iter().all(is_distance) || !densities.iter().all(is_density) {
            Some("a k-distance or density is impossible")
        } else if !scores.iter().all(|score| score.is_finite() && *score > 0.0) {
            Some("a score is not a finite number above 0")
        } else if !duplicated.is_sorted_by(|a, b| a < b)
            || duplicated.last().is_some_and(|&row| row >= n)
        {
            Some("the duplicated rows are not ascending rows")
        } else {
            None
        };
        if let Some(reason) = problem {
            return Err(Error::InvalidSnapshot { what: "LofFit", reason: reason.into() });
        }
        let fit =
            Self { rows, n_features, n_neighbors, k_distances, densities, scores, duplicated };
        fit.training_rows()?;
        Ok(fit)
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

    #[test]
    fn a_new_row_scores_against_the_training_rows_and_a_training_row_finds_itself() {
        // k = 1 on 0, 1, 3 as above. A new 3 has neighbour 3 at distance 0, reach 2, lrd 1/2.
        let fit = LocalOutlierFactor::new(1).fit(&array![[0.0], [1.0], [3.0]]).unwrap();
        // 7: neighbour 3 at distance 4, lrd 1/4.
        let new = fit.score(&array![[3.0], [7.0]]).unwrap();
        assert!(close(&new, &[1.0, 2.0], 1e-9), "{new:?}");
        assert!((fit.scores()[2] - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_nearest_are_those_of_a_full_sort() {
        let x = Array2::from_shape_fn((60, 1), |(i, _)| ((i * 17) % 12) as f64);
        let rows = check::rows(x.view()).unwrap();
        for k in [1, 2, 7, 30, 60, 100] {
            let mut all: Vec<(f64, usize)> =
                (0..60).map(|i| ((x[[i, 0]] - 4.0).abs(), i)).collect();
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            all.truncate(k);
            let near = nearest(&[4.0], &rows, 0..60, k);
            assert!(near.iter().map(|n| (n.distance, n.row)).eq(all), "{k}");
        }
    }

    #[test]
    fn a_fit_survives_json_and_a_forged_one_is_refused() {
        let x = array![[0.0, 0.5], [0.0, 0.5], [0.0, 0.5], [0.1, 0.3], [4.0, 4.0]];
        let fit = LocalOutlierFactor::new(2).fit(&x).unwrap();
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<LofFit>(&json).unwrap(), fit);
        let fields = serde_json::to_value(&fit).unwrap();
        for (place, forged) in [
            ("/rows/3", "null"),
            ("/rows/3", "1e200"),
            ("/rows", "[1.0]"),
            ("/n_features", "0"),
            ("/n_features", "4611686018427387904"),
            ("/n_neighbors", "0"),
            ("/n_neighbors", "5"),
            ("/k_distances/0", "-1.0"),
            ("/k_distances/0", "1e300"),
            ("/k_distances", "[]"),
            ("/densities/1", "0.0"),
            ("/densities/1", "1e11"),
            ("/densities", "[1.0]"),
            ("/scores/2", "0.0"),
            ("/scores", "[1.0]"),
            ("/duplicated", "[5]"),
            ("/duplicated", "[1, 0]"),
        ] {
            let mut broken = fields.clone();
            *broken.pointer_mut(place).expect("the place exists") =
                serde_json::from_str(forged).unwrap();
            assert!(serde_json::from_value::<LofFit>(broken).is_err(), "{place} {forged}");
        }
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
