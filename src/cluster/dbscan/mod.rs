//! DBSCAN: clusters are the connected parts of the dense region; the rest is noise.
//!
//! A row is *core* if at least `min_samples` rows, itself included, lie within `eps` (≤). Core rows
//! within `eps` of each other share a cluster. A border row, not core but within `eps` of a core
//! row, joins the cluster that reaches it; of several, the one whose smallest core row is lowest.
//! Every core row belongs to a cluster, even if others took all its border rows.
//!
//! Source: Ester, Kriegel, Sander, Xu 1996; Schubert et al. 2017. The paper leaves the border rows
//! to the order of the search; our rule makes them a function of the data, and is what
//! scikit-learn's order comes to.
//! Cost: three walks through a tree of boxes (see `num/neighbors`): about O(n log n) where the rows
//! have few dimensions of their own, at most all pairs; memory O(n), no neighbourhood is stored.

mod fitted;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::canonical_labels::canonical_labels;
use super::eps::check_eps;
use crate::num::check::{self, Rows};
use crate::num::neighbors::{Distances, Metric, NONE, Tree};
use crate::num::parallel;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::num::union_find::UnionFind;
use crate::{Error, Result};

pub use fitted::DbscanFit;

/// Finds groups of any shape where rows lie densely, and leaves out the rest as noise.
///
/// How many groups there are follows from the data. All groups are measured by one density, so
/// where one is much denser than another, no `eps` may fit both: take [`Hdbscan`](crate::cluster::Hdbscan)
/// there. Scale the columns first. [`suggest_eps`](crate::validate::suggest_eps) proposes an `eps`.
///
/// ```
/// use personas::{cluster::Dbscan, ndarray::array};
///
/// let x = array![[1.0], [1.5], [2.0], [7.0], [7.5], [8.0], [99.0]];
/// let fit = Dbscan::new(0.5, 3).fit(&x)?;
/// assert_eq!(fit.labels.to_vec()[..6], [0, 0, 0, 1, 1, 1].map(Some));
/// assert_eq!(fit.labels.get(6), None);
/// assert_eq!(fit.core_rows, [1, 4]);
/// assert_eq!(fit.predict(&array![[7.25], [50.0]])?.to_vec(), [Some(1), None]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dbscan {
    #[serde(with = "crate::num::exact")]
    pub(super) eps: f64,
    pub(super) min_samples: usize,
    pub(super) metric: Metric,
}

/// Weights count in steps of 2⁻³², so that their sums are exact in any order.
const STEPS: f64 = (1u64 << 32) as f64;

impl Dbscan {
    /// Creates the method. `eps` is the greatest distance between neighbours, in the units of the data,
    /// above 0. `min_samples` is the number of rows within `eps`, itself included, from which on a row is a
    /// core row, 1 or more; with 1 nothing is noise.
    #[must_use]
    pub fn new(eps: f64, min_samples: usize) -> Self {
        Self { eps, min_samples, metric: Metric::Euclidean }
    }

    /// How distances are measured; [`Metric::Euclidean`] unless set.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Groups the rows of `x`, `(n_samples, n_features)`, or samples by their distances
    /// ([`Samples`]).
    ///
    /// With distances, the metric has no effect, [`predict`](DbscanFit::predict) is an error because there
    /// are no rows to compare with, and the time is O(n²).
    ///
    /// ```
    /// use personas::{cluster::{Dbscan, Samples}, ndarray::array};
    ///
    /// let distances = array![[0.0, 0.2, 0.9], [0.2, 0.0, 0.8], [0.9, 0.8, 0.0]];
    /// let fit = Dbscan::new(0.5, 2).fit(Samples::Distances(distances.into()))?;
    /// assert_eq!(fit.labels.to_vec(), [Some(0), Some(0), None]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// Rows may have weights, 0 or more, which are rounded to multiples of 2⁻³². A row is then core if the
    /// weights within `eps`, its own included, sum to `min_samples` or more. A row of weight 2 counts as two
    /// rows. A row of weight 0 does not count, but it gets a label.
    ///
    /// ```
    /// use personas::{cluster::Dbscan, ndarray::array};
    ///
    /// let x = array![[0.0], [0.4], [9.0], [9.4]];
    /// let fit = Dbscan::new(0.5, 3).fit((&x, &[2.0, 1.0, 1.5, 0.5]))?;
    /// assert_eq!(fit.labels.to_vec(), [Some(0), Some(0), None, None]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// A distance counts as `eps` or less if the f64 root of its f64 sum of squares does. All rows
    /// noise is a result, not an error.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]
    /// for such a matrix; [`Error::InvalidParameter`] for an `eps` that is not above 0 and finite or
    /// `min_samples` of 0, or of 2³² or more with weights; [`Error::TooManySamples`] from 2³² − 1 rows on;
    /// [`Error::UndefinedMetric`] for a row of zeros under [`Metric::Cosine`].
    ///
    /// For distances: [`Error::DimensionMismatch`] if they are neither a square matrix nor one per pair,
    /// [`Error::InvalidParameter`] if they are negative, not symmetric or not 0 on the diagonal,
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`].
    ///
    /// For weights: [`Error::DimensionMismatch`] if there is not one per row, [`Error::InvalidParameter`] for
    /// one that is negative or not finite, and for weights together with distances.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<DbscanFit> {
        match x.into().split() {
            (Samples::Rows(x), weights) => self.fit_view(x.view(), weights),
            (distances, None) => self.fit_distances(&Distances::new(&distances)?),
            (_, Some(_)) => Err(Error::parameter("x", "rows of numbers with weights", "distances")),
        }
    }

    fn fit_distances(&self, distances: &Distances<'_>) -> Result<DbscanFit> {
        self.check()?;
        let is_core: Vec<bool> = parallel::map(distances.n_rows(), distances.n_rows(), |row| {
            let near = distances.of(row).iter().filter(|&&distance| distance <= self.eps);
            near.take(self.min_samples).count() == self.min_samples
        });
        let sets = UnionFind::new(distances.n_rows());
        let core_near = |row: usize| {
            let near = distances.of(row).iter().enumerate();
            near.filter(|&(other, &distance)| is_core[other] && distance <= self.eps)
        };
        for row in (0..distances.n_rows()).filter(|&row| is_core[row]) {
            core_near(row).for_each(|(other, _)| _ = sets.union(row, other));
        }
        let roots = sets.into_roots();
        let claims: Vec<u32> = (0..distances.n_rows())
            .map(|row| core_near(row).map(|(other, _)| roots[other]).min().unwrap_or(NONE))
            .collect();
        let core_rows = (0..distances.n_rows()).filter(|&row| is_core[row]).collect();
        let cores = Array2::zeros((0, 0));
        Ok(DbscanFit {
            labels: canonical_labels(&claims)?,
            core_rows,
            cores,
            eps: self.eps,
            metric: self.metric,
            scale: Scale::lifting(1.0, 1.0),
        })
    }

    fn fit_view(&self, x: ArrayView2<'_, f64>, weights: Option<&[f64]>) -> Result<DbscanFit> {
        self.check()?;
        let original = check::rows(x)?;
        let n = original.n_rows();
        check::at_most(n, check::MAX_ROWS, "Dbscan")?;
        let least = match weights {
            None => u64::try_from(self.min_samples).unwrap_or(u64::MAX),
            Some(_) => self.least_steps()?,
        };
        let weights = weights.map(|weights| steps(weights, n)).transpose()?;
        let (rows, scale) = scaled(self.metric, self.eps, original.clone())?;
        let radius = self.metric.radius(self.eps * scale.factor());

        let tree = Tree::new(&rows, self.metric);
        let is_core = tree.weigh_at_least(radius, weights.as_deref(), least);
        let roots = tree.components(radius, &is_core).into_roots();
        let claims = tree.by_row(&tree.claims(radius, &is_core, &roots));
        let is_core = tree.by_row(&is_core);
        let core_rows: Vec<usize> = (0..n).filter(|&row| is_core[row]).collect();

        let cores = core_rows.iter().flat_map(|&row| original.row(row)).copied().collect();
        let cores = Array2::from_shape_vec((core_rows.len(), original.n_columns()), cores)
            .expect("the core rows fill their matrix");
        Ok(DbscanFit {
            labels: canonical_labels(&claims)?,
            core_rows,
            cores,
            eps: self.eps,
            metric: self.metric,
            scale,
        })
    }

    /// `min_samples` in steps. Below 2³² no sum that saturates passes for one that is reached.
    fn least_steps(&self) -> Result<u64> {
        match u32::try_from(self.min_samples) {
            Ok(least) => Ok(u64::from(least) * STEPS as u64),
            Err(_) => {
                let expected = "below 4294967296 beside weights";
                Err(Error::parameter("min_samples", expected, self.min_samples))
            }
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_eps(self.eps)?;
        if self.min_samples == 0 {
            return Err(Error::parameter("min_samples", "at least 1", 0));
        }
        Ok(())
    }
}

/// Weights as whole numbers of steps.
fn steps(weights: &[f64], n_rows: usize) -> Result<Vec<u64>> {
    check::weights_within(weights, n_rows, 0.0..=f64::MAX, "0 or more and finite")?;
    // Casts saturate.
    Ok(weights.iter().map(|weight| (weight * STEPS).round_ties_even() as u64).collect())
}

/// Prepared rows at the scale at which their distances to `eps` are compared: where `eps` is tiny,
/// its square would underflow.
fn scaled(metric: Metric, eps: f64, rows: Rows<'_>) -> Result<(Rows<'_>, Scale)> {
    let rows = metric.prepare(rows)?;
    let greatest = rows.data().iter().map(|v| v.abs()).fold(0.0, f64::max);
    // Directions are never tiny.
    let scale = Scale::lifting(if metric == Metric::Cosine { 1.0 } else { eps }, greatest);
    Ok((rows.times(scale.factor()), scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Labels;
    use ndarray::array;
    use proptest::prelude::*;
    use serde_json::Value;

    fn fit(eps: f64, min_samples: usize, x: &Array2<f64>) -> DbscanFit {
        Dbscan::new(eps, min_samples).fit(x).unwrap()
    }

    /// One letter per row, `.` for noise.
    fn letters(fit: &DbscanFit) -> String {
        fit.labels.iter().map(|c| c.map_or('.', |c| (b'A' + c as u8) as char)).collect()
    }

    #[test]
    fn a_core_row_stays_a_cluster_when_others_claimed_its_border() {
        // Three groups, each around one core row, that all share a border row with the core row
        // at the origin.
        let x = array![
            [1., 0.],
            [2., 0.],
            [3., 0.],
            [2., 1.],
            [-1., 0.],
            [-2., 0.],
            [-3., 0.],
            [-2., 1.],
            [0., 1.],
            [0., 2.],
            [0., 3.],
            [1., 2.],
            [0., 0.],
        ];
        let fit = fit(1.0, 4, &x);
        assert_eq!(letters(&fit), "AAAABBBBCCCCD");
        assert_eq!(fit.core_rows, [1, 5, 9, 12]);
    }

    #[test]
    fn a_border_row_joins_the_cluster_of_the_lowest_core_row() {
        // Row 0 is as near to the core rows 3 and 1, and not core itself.
        let x = array![[2.0], [4.0], [3.9], [3.8], [3.0], [0.0], [0.1], [0.2], [1.0]];
        for x in [4.0 - &x, x] {
            let fit = fit(1.0, 5, &x);
            assert_eq!(fit.core_rows, [4, 8]);
            assert_eq!(letters(&fit), "AAAAABBBB");
        }
    }

    #[test]
    fn a_distance_of_exactly_eps_is_near() {
        for (a, b) in [(0.1, 0.3), (1.0, 1.7), (-0.1, 0.2), (1e9, 1e9 + 0.1)] {
            let eps: f64 = b - a;
            let x = array![[a], [b]];
            assert_eq!(letters(&fit(eps, 2, &x)), "AA", "{a} {b}");
            assert_eq!(letters(&fit(eps.next_down(), 2, &x)), "..", "{a} {b}");
        }
        assert_eq!(letters(&fit(5.0, 2, &array![[0., 0.], [3., 4.]])), "AA");
    }

    #[test]
    fn noise_duplicates_and_everything_are_answers() {
        let x = array![[0.0], [10.0], [20.0], [20.0], [20.0]];
        assert_eq!(letters(&fit(1.0, 4, &x)), ".....");
        assert_eq!(letters(&fit(1.0, 3, &x)), "..AAA");
        assert_eq!(letters(&fit(1e300, 5, &x)), "AAAAA");
        assert_eq!(letters(&fit(1.0, 1, &x)), "BCAAA");
        assert_eq!(fit(1.0, 4, &x).predict(&x).unwrap().to_vec(), [None; 5]);
        assert_eq!(letters(&fit(1.0, usize::MAX, &x)), ".....");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Dbscan::new(eps, 2).fit(&array![[0.0]]).unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "eps", .. }));
        }
        let error = Dbscan::new(1.0, 0).fit(&array![[0.0]]).unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { name: "min_samples", .. }));
        let fit = fit(1.0, 1, &array![[0.0]]);
        assert!(matches!(fit.predict(&array![[0., 0.]]), Err(Error::DimensionMismatch { .. })));
    }

    #[test]
    fn predict_takes_the_nearest_core_row_and_of_equals_the_lowest() {
        let x = array![[0.0], [0.0], [2.0], [2.0]];
        let fit = fit(1.0, 2, &x);
        let predicted = fit.predict(&array![[1.0], [1.5], [3.0], [3.5], [1e145]]).unwrap();
        assert_eq!(predicted.to_vec(), [Some(0), Some(1), Some(1), None, None]);
    }

    #[test]
    fn weights_beyond_all_steps_do_not_make_a_row_core() {
        let x = array![[0.0], [9.0]];
        let core = |min_samples, weights: [f64; 2]| {
            Dbscan::new(1.0, min_samples).fit((&x, &weights)).map(|fit| fit.core_rows)
        };
        assert_eq!(core(4_294_967_295, [4_294_967_294.0, 1e300]), Ok(vec![1]));
        assert!(matches!(
            core(100_000_000_000, [5e9, 5e9]),
            Err(Error::InvalidParameter { name: "min_samples", .. })
        ));
        let error = core(1, [1.0, -1.0]).unwrap_err().to_string();
        assert!(error.contains("row 1"), "{error}");
    }

    #[test]
    fn one_far_row_changes_no_label_of_the_others_however_many_are_asked_for() {
        let unit = 1e-170;
        let x = Array2::from_shape_fn((40, 1), |(row, _)| (row / 20 * 50 + row % 20) as f64 * unit);
        let fit = Dbscan::new(1.5 * unit, 3).fit(&x).unwrap();
        let new = Array2::from_shape_fn((90, 1), |(row, _)| match row {
            45 => 1e140,
            46 => 1e-25,
            _ => (row as f64 + 0.25) * unit,
        });
        let labels = fit.predict(&new).unwrap();
        assert!(labels.sizes().iter().all(|&size| size > 18) && labels.n_noise() > 40);
        for row in 0..90 {
            let alone = fit.predict(new.slice(ndarray::s![row..=row, ..])).unwrap();
            assert_eq!(alone.get(0), labels.get(row), "{row}");
        }
    }

    #[test]
    fn an_eps_whose_square_underflows_still_tells_near_from_far() {
        let x = array![[0.0, 5.0], [1e-200, 5.0], [3e-200, 5.0], [1.0, 5.0]];
        let fit = fit(1e-200, 1, &x);
        assert_eq!(letters(&fit), "AABC");
        let far = array![[-1e-200, 5.0], [1e145, 5.0]];
        assert_eq!(fit.predict(&far).unwrap().to_vec(), [Some(0), None]);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let mut stream = crate::num::rng::Stream::new(1, 0);
        let x = Array2::from_shape_simple_fn((600, 2), || stream.normal());
        let fits = [1, 2].map(|n| parallel::with_threads(n, || fit(0.2, 5, &x)));
        assert_eq!(fits[0], fits[1]);
        assert!(fits[0].labels.n_clusters() > 1 && fits[0].labels.n_noise() > 1);
    }

    #[test]
    fn a_stored_fit_comes_back_equal_and_broken_ones_are_refused() {
        let x = array![[0.0], [0.0], [2.0], [2.0], [9.0]];
        for fit in [fit(1.0, 2, &x), fit(1.0, 5, &x), fit(1e-200, 2, &x)] {
            let json = serde_json::to_string(&fit).unwrap();
            assert_eq!(serde_json::from_str::<DbscanFit>(&json).unwrap(), fit);
        }
        let stored = serde_json::to_value(fit(1.0, 2, &x)).unwrap();
        let check = |change: &dyn Fn(&mut Value), message: &str| {
            let mut broken = stored.clone();
            change(&mut broken);
            let error = serde_json::from_value::<DbscanFit>(broken).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        check(&|v| v["eps"] = 0.into(), "eps");
        check(&|v| v["core_rows"] = vec![0, 1, 2].into(), "in order");
        check(&|v| v["core_rows"] = vec![1, 0, 2, 3].into(), "in order");
        check(&|v| v["core_rows"] = vec![0, 1, 2, 4].into(), "in no cluster");
        check(&|v| v["core_rows"] = vec![0, 1, 2, 99].into(), "in no cluster");
        let numbered = |clusters: [usize; 5], sizes: [usize; 2]| serde_json::json!({ "clusters": clusters, "sizes": sizes });
        check(&|v| v["labels"] = numbered([0, 0, 0, 0, 1], [4, 1]), "no core row");
        check(&|v| v["labels"] = numbered([1, 1, 1, 1, 0], [1, 4]), "not numbered by size");
        check(&|v| v["cores"]["data"][0] = 1e300.into(), "not finite");
    }

    /// The definition, row by row.
    fn naive(
        x: &Array2<f64>,
        eps: f64,
        min_samples: usize,
        metric: Metric,
    ) -> (Vec<usize>, Labels) {
        let n = x.nrows();
        let row = |i: usize| x.row(i).to_vec();
        let near = |a: usize, b: usize| metric.reduced(&row(a), &row(b)) <= metric.radius(eps);
        let core: Vec<usize> =
            (0..n).filter(|&a| (0..n).filter(|&b| near(a, b)).count() >= min_samples).collect();
        let sets = UnionFind::new(n);
        for &a in &core {
            core.iter().filter(|&&b| near(a, b)).for_each(|&b| _ = sets.union(a, b));
        }
        let roots = sets.into_roots();
        let claim = |a: usize| {
            if core.binary_search(&a).is_ok() {
                return Some(roots[a] as usize);
            }
            core.iter().filter(|&&b| near(a, b)).map(|&b| roots[b] as usize).min()
        };
        (core.clone(), Labels::new((0..n).map(claim)).unwrap())
    }

    proptest! {
        #[test]
        fn any_cloud_is_grouped_as_the_definition_says(
            cells in prop::collection::vec(0i32..30, 4..240),
            d in 1usize..4,
            eps in prop::sample::select(vec![0.5, 1.0, 2f64.sqrt(), 3.0, 7.5]),
            min_samples in 1usize..9,
            exponent in prop::sample::select(vec![0, 400, -500]),
            offset in prop::sample::select(vec![0.0, 65_536.0]),
            metric in prop::sample::select(vec![
                Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev,
            ]),
        ) {
            let unit = 2f64.powi(exponent);
            let n = cells.len() / d;
            let at = |i: usize, j: usize| f64::from(cells[i * d + j]) + offset;
            let plain = Array2::from_shape_fn((n, d), |(i, j)| at(i, j));
            let (core, labels) = naive(&plain, eps, min_samples, metric);
            let method = Dbscan::new(eps * unit, min_samples).metric(metric);
            let x = &plain * unit;
            let fit = method.fit(&x).unwrap();
            prop_assert_eq!(&fit.core_rows, &core);
            prop_assert_eq!(&fit.labels, &labels);
            // Weights are copies; distances are distances.
            let weighted = method.fit((&x, &vec![1.0; n])).unwrap();
            prop_assert_eq!(&weighted, &fit);
            let distances = Array2::from_shape_fn((n, n), |(a, b)| {
                metric.distance(metric.reduced(&plain.row(a).to_vec(), &plain.row(b).to_vec()))
            });
            let by_distances = Dbscan::new(eps, min_samples).fit(Samples::Distances((&distances).into())).unwrap();
            prop_assert_eq!(&by_distances.labels, &labels);
            prop_assert_eq!(&by_distances.core_rows, &core);
            // Core rows and noise are foretold as they were found, by few rows and by many.
            for repeats in [1, 64 / n + 1] {
                let rows: Vec<ArrayView2<'_, f64>> = vec![x.view(); repeats];
                let many = ndarray::concatenate(ndarray::Axis(0), &rows).unwrap();
                for (row, predicted) in fit.predict(&many).unwrap().iter().enumerate() {
                    let row = row % n;
                    prop_assert_eq!(predicted.is_some(), labels.get(row).is_some());
                    prop_assert!(predicted == labels.get(row) || core.binary_search(&row).is_err());
                }
            }
        }

        #[test]
        fn the_order_of_rows_changes_neither_core_rows_nor_noise_nor_their_parts(
            cells in prop::collection::vec(-40i32..40, 4..160),
            min_samples in 1usize..6,
            seed: u64,
        ) {
            let n = cells.len() / 2;
            let x = Array2::from_shape_fn((n, 2), |(i, j)| f64::from(cells[2 * i + j]));
            let mut order: Vec<usize> = (0..n).collect();
            crate::num::rng::Stream::new(seed, 0).shuffle(&mut order);
            let fit = fit(5.0, min_samples, &x);
            let turned =
                Dbscan::new(5.0, min_samples).fit(&x.select(ndarray::Axis(0), &order)).unwrap();
            let is_core = |fit: &DbscanFit, row| fit.core_rows.binary_search(&row).is_ok();
            for (a, &from) in order.iter().enumerate() {
                prop_assert_eq!(is_core(&turned, a), is_core(&fit, from));
                let noise = |fit: &DbscanFit, row| fit.labels.get(row).is_none();
                prop_assert_eq!(noise(&turned, a), noise(&fit, from));
                for (b, &other) in order.iter().enumerate().filter(|&(b, _)| is_core(&turned, b)) {
                    let together = |fit: &DbscanFit, a, b| fit.labels.get(a) == fit.labels.get(b);
                    if is_core(&turned, a) {
                        prop_assert_eq!(together(&turned, a, b), together(&fit, from, other));
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_of_weight_3_counts_as_3_rows() {
        let x = array![[0.0], [0.5], [1.0], [9.0]];
        let copies = array![[0.0], [0.5], [0.5], [0.5], [1.0], [9.0]];
        let weighted = Dbscan::new(0.5, 4).fit((&x, &[1.0, 3.0, 1.0, 1.0])).unwrap();
        assert_eq!(letters(&weighted), "AAA.");
        assert_eq!(letters(&fit(0.5, 4, &copies)), "AAAAA.");
        let light = Dbscan::new(0.5, 4).fit((&x, &[0.9999, 2.0, 1.0, 1.0])).unwrap();
        assert_eq!(letters(&light), "....");
        for weights in [&[1.0][..], &[-1.0; 4], &[f64::NAN; 4]] {
            assert!(Dbscan::new(0.5, 4).fit((&x, weights)).is_err());
        }
    }

    #[test]
    fn all_rows_within_eps_are_joined_without_looking_at_all_pairs() {
        let mut stream = crate::num::rng::Stream::new(2, 0);
        let x = Array2::from_shape_simple_fn((60_000, 2), || stream.unit());
        let fit = fit(3.0, 10, &x);
        assert_eq!((fit.labels.n_clusters(), fit.core_rows.len()), (1, 60_000));
    }

    #[test]
    fn directions_are_grouped_whatever_their_lengths() {
        let x = array![[1.0, 0.0], [1e150, 1e143], [0.0, 1e-200], [1e-9, 3.0], [-1.0, 0.0]];
        let x = x.mapv(|v: f64| v.min(1e145));
        let fit = Dbscan::new(0.01, 2).metric(Metric::Cosine).fit(&x).unwrap();
        assert_eq!(letters(&fit), "AABB.");
        assert_eq!(fit.predict(&array![[0.0, 7.0]]).unwrap().get(0), Some(1));
        assert!(fit.predict(&array![[0.0, 0.0]]).is_err());
    }
}
