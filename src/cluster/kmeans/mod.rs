//! k-means: k centroids, each the mean of the rows nearest to it.
//!
//! Several runs from different first centroids ([`init`](KMeansInit)), each improved by Lloyd's
//! iteration until it stands still; the run with the least inertia wins. The numbers are those of
//! scikit-learn's definition, with three differences: the clusters are numbered by size, two
//! centroids never share a place (too few distinct rows are an error), and labels, centroids, sizes
//! and inertia always belong together: the labels are what [`KMeansFit::predict`] says of the rows.
//!
//! Every label is the one that the plain f64 algorithm gives: the sum of squared differences, the
//! lowest number among equals. It is found on f32 tiles with a proved error bound, which asks f64 in
//! the few cases that f32 cannot decide (`assign.rs`); means come from integer sums (`sums.rs`). So
//! an offset costs no digits, and no thread count or CPU changes a bit. If the data's spread is so
//! tiny that squares would underflow, all is scaled by an exact power of two and brought back.
//!
//! Source: Lloyd 1982; Arthur, Vassilvitskii 2007 (k-means++); Hamerly 2010 (margins).
//! Cost: at most O(n·k·d) time per iteration and run; memory 4·n·d + 9·n bytes besides the rows.

mod assign;
mod chunk;
mod fitted;
mod init;
mod lloyd;
mod progress;
mod restarts;
mod sums;
mod tiled;
mod weights;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

pub use fitted::KMeansFit;
pub use progress::KMeansProgress;

use crate::num::check::{self, Rows};
use crate::num::columns::Columns;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::{Error, Result};
use progress::Observer;
use restarts::{Restarts, Start};
use tiled::Tiled;
use weights::{Weighting, Weights};

/// Where the first centroids come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KMeansInit {
    /// Rows drawn one after another, those far from the earlier ones more likely (greedy
    /// k-means++). Seldom bad, so the default.
    #[default]
    PlusPlus,
    /// Distinct rows, all equally likely.
    Random,
    /// These, `(k, n_features)`: finite and distinct. All runs would be equal, so there is one.
    #[serde(with = "crate::num::exact")]
    Given(Array2<f64>),
}

/// Splits rows into `k` groups so that the squared distances to the group's mean add up to little.
///
/// Finds round groups of similar spread; scale the columns first
/// ([`Preprocessor`](crate::Preprocessor)), as the one with the greatest spread counts most. Every row
/// belongs to a group; where far-off ones should be left out, or groups are not round, see
/// [`Dbscan`](crate::cluster::Dbscan).
///
/// ```
/// use personas::{KMeans, ndarray::array};
///
/// let x = array![[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];
/// let fit = KMeans::new(2).seed(7).fit(&x)?;
/// assert_eq!(fit.labels.to_vec(), [0, 0, 0, 0, 1, 1].map(Some));
/// assert_eq!(fit.centroids, array![[1.5, 1.0], [10.0, 0.5]]);
/// assert_eq!(fit.inertia, 13.5);
/// assert_eq!(fit.predict(&array![[9.0, 9.0]])?.to_vec(), [Some(1)]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KMeans {
    k: usize,
    init: KMeansInit,
    n_init: usize,
    max_iter: usize,
    #[serde(with = "crate::num::exact")]
    tol: f64,
    seed: u64,
}

impl KMeans {
    /// `k` groups, 1 or more, by k-means++, 10 runs of at most 300 iterations, tolerance 1e-4 and
    /// seed 0.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, init: KMeansInit::PlusPlus, n_init: 10, max_iter: 300, tol: 1e-4, seed: 0 }
    }

    /// Where the first centroids come from.
    ///
    /// ```
    /// use personas::{KMeans, cluster::KMeansInit, ndarray::array};
    ///
    /// // From known centroids on, until no label changes.
    /// let start = KMeansInit::Given(array![[0.0], [9.0]]);
    /// let groups = KMeans::new(2).init(start).tol(0.0).max_iter(100);
    /// let fit = groups.fit(&array![[1.0], [2.0], [8.0]])?;
    /// assert!(fit.converged);
    /// assert_eq!(fit.centroids, array![[1.5], [8.0]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn init(mut self, init: KMeansInit) -> Self {
        self.init = init;
        self
    }

    /// Runs, 1 or more. Each draws from a stream of its own; of equally good ones the first wins.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Most iterations of one run, 1 or more. A run that reaches it is not an error, but says that
    /// it has not [`converged`](KMeansFit::converged).
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Ends a run when the centroids' squared moves sum to at most `tol` times the mean variance of
    /// the columns; 0 or more. With 0 it goes on until no label changes.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// Seed of all random draws.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Groups the rows of `x`, `(n_samples, n_features)`.
    ///
    /// Equal input, settings and seed give equal bits, on any number of threads and any memory layout. A row at
    /// equal distance from two centroids goes to the one with the lower number. With `k` = 1 the centroid is
    /// the mean. With as many clusters as distinct rows, the centroids are these rows and the inertia is 0.
    ///
    /// Rows may have weights, one finite number of 0 or more each. A row of weight 2 moves its centroid and
    /// adds to the inertia as two equal rows would; with whole weights and equal first centroids, the new
    /// centroids have the same bits. A row of weight 0 only gets a label. Equal weights change only the
    /// inertia, because only the ratios of weights matter to the groups. Ratios are exact to 2⁻⁵⁰ of the
    /// greatest weight, or better below ten million rows. Clusters are numbered by their number of rows, not by
    /// weight. The tolerance is relative to the weighted variance (in scikit-learn, to the unweighted one).
    ///
    /// ```
    /// use personas::{KMeans, ndarray::array};
    ///
    /// // Four customers answer for 100, 300, 50 and no others.
    /// let x = array![[1.0], [2.0], [10.0], [11.0]];
    /// let fit = KMeans::new(2).fit((&x, &[100.0, 300.0, 50.0, 0.0]))?;
    /// assert_eq!(fit.labels.to_vec(), [0, 0, 1, 1].map(Some));
    /// assert_eq!(fit.centroids, array![[1.75], [10.0]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]
    /// for such a matrix; [`Error::InvalidParameter`] for a setting out of range or given centroids
    /// that are not distinct; [`Error::DimensionMismatch`] for given centroids of another shape;
    /// [`Error::TooFewSamples`] for fewer (distinct) rows, of weight above 0, than `k`. For weights
    /// [`Error::DimensionMismatch`] for another number than rows, [`Error::InvalidParameter`] for one that
    /// is negative or not finite, naming its row, for weights that are all 0, and for weights that make
    /// the inertia too large to be stored.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<KMeansFit> {
        self.fit_samples(x.into(), None)
    }

    /// As [`fit`](Self::fit), with an observer that is called after every iteration and may stop the fit
    /// there.
    ///
    /// The result then is the best grouping so far; it is valid, but has not
    /// [`converged`](field@KMeansFit::converged). If the observer does not stop the fit, the result has
    /// the same bits as without it. The runs go one after another, so that small data take longer where
    /// `fit` has several threads. The drawing of first centroids cannot be stopped.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use personas::{KMeans, cluster::KMeansProgress, ndarray::array};
    ///
    /// let x = array![[1.0], [2.0], [10.0], [11.0]];
    /// let mut path = Vec::new();
    /// let mut observe = |progress: &KMeansProgress| {
    ///     path.push(progress.inertia);
    ///     ControlFlow::Continue(())
    /// };
    /// let fit = KMeans::new(2).n_init(1).fit_observed(&x, &mut observe)?;
    /// assert_eq!(path, fit.inertia_per_iter);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_observed<'a>(
        &self,
        x: impl Into<Samples<'a>>,
        observe: Observer<'_>,
    ) -> Result<KMeansFit> {
        self.fit_samples(x.into(), Some(observe))
    }

    fn fit_samples(&self, x: Samples<'_>, observe: Option<Observer<'_>>) -> Result<KMeansFit> {
        let (x, weights) = x.split();
        match weights {
            Some(weights) => self.fit_weighing(x.into_rows()?.view(), weights, observe),
            None => self.fit_rows(x.into_rows()?.view(), None, observe),
        }
    }

    fn fit_weighing(
        &self,
        x: ArrayView2<'_, f64>,
        weights: &[f64],
        observer: Option<Observer<'_>>,
    ) -> Result<KMeansFit> {
        self.check_settings()?;
        check::rows(x)?;
        let weighting = Weighting::new(weights, x.nrows())?;
        let (present, weights) = (weighting.select(x), weighting.weights());
        let fit = match observer {
            None => self.fit_rows(present.view(), weights, None)?,
            Some(observe) => {
                let mut restored = |progress: &KMeansProgress| {
                    let inertia = weighting.restore(progress.inertia);
                    observe(&KMeansProgress { inertia, ..*progress })
                };
                self.fit_rows(present.view(), weights, Some(&mut restored))?
            }
        };
        fit.weighed(x, &weighting)
    }

    fn fit_rows(
        &self,
        x: ArrayView2<'_, f64>,
        weights: Option<&Weights>,
        observer: Option<Observer<'_>>,
    ) -> Result<KMeansFit> {
        self.check_settings()?;
        let (rows, columns, given) = self.check(x)?;
        let scale = Scale::spanning(&columns, given.as_ref());
        let (rows, given) =
            (rows.times(scale.factor()), given.map(|rows| rows.times(scale.factor())));
        let columns = if scale.factor() == 1.0 { columns } else { Columns::of(&rows) };
        let distinct = init::distinct(&rows, self.k, 0..rows.n_rows()).len() / rows.n_columns();
        if distinct < self.k {
            return Err(self.too_few(distinct));
        }

        let tiled = Tiled::new(&rows, &columns, weights);
        let start = match (&given, &self.init) {
            (Some(given), _) => Start::Given(given),
            (None, KMeansInit::Random) => Start::Random,
            (None, _) => Start::PlusPlus,
        };
        let restarts = Restarts {
            start,
            k: self.k,
            n_init: self.n_init,
            max_iter: self.max_iter,
            tol: self.tol,
            seed: self.seed,
            scale,
        };
        let best = restarts.best(tiled, observer).map_err(|distinct| self.too_few(distinct))?;
        KMeansFit::from_run(best, rows.n_columns(), scale, self.seed)
    }

    fn check_settings(&self) -> Result<()> {
        for (name, value) in [("k", self.k), ("n_init", self.n_init), ("max_iter", self.max_iter)] {
            if value == 0 {
                return Err(Error::parameter(name, "at least 1", value));
            }
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::parameter("tol", "0 or more and finite", self.tol));
        }
        Ok(())
    }

    /// Checks the matrices.
    fn check<'a>(
        &'a self,
        x: ArrayView2<'a, f64>,
    ) -> Result<(Rows<'a>, Columns, Option<Rows<'a>>)> {
        let (rows, columns) = Columns::checked(x)?;
        if self.k > rows.n_rows() {
            let what = "k-means with this k";
            return Err(Error::TooFewSamples { what, needed: self.k, got: rows.n_rows() });
        }
        check::at_most(rows.n_rows(), check::MAX_ROWS, "k-means")?;
        let KMeansInit::Given(centroids) = &self.init else { return Ok((rows, columns, None)) };
        if centroids.nrows() != self.k {
            let what = "given centroids";
            return Err(Error::DimensionMismatch {
                what: what.into(),
                expected: self.k,
                got: centroids.nrows(),
            });
        }
        let given = check::rows_of_width(centroids.view(), rows.n_columns())?;
        if let Some((a, b)) = given.first_duplicate() {
            let got = format!("rows {a} and {b} equal");
            return Err(Error::parameter("init", "distinct centroids", got));
        }
        Ok((rows, columns, Some(given)))
    }

    fn too_few(&self, distinct: usize) -> Error {
        let what = "k-means with this k, counting only distinct rows,";
        Error::TooFewSamples { what, needed: self.k, got: distinct }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::parallel;
    use crate::num::rng::Stream;
    use ndarray::{Axis, array, concatenate};

    const P: [[f64; 2]; 6] = [[0., 0.], [0., 2.], [3., 0.], [3., 2.], [10., 0.], [10., 1.]];

    fn p() -> Array2<f64> {
        Array2::from(P.to_vec())
    }

    fn given(centroids: Array2<f64>) -> KMeans {
        KMeans::new(centroids.nrows()).init(KMeansInit::Given(centroids))
    }

    /// Labels, centroids, sizes and inertia recomputed from the centroids alone.
    fn check(fit: &KMeansFit, x: &Array2<f64>) {
        let predicted = fit.predict(x).unwrap();
        assert_eq!(predicted, fit.labels);
        assert!(predicted.is_canonical());
        assert_eq!(fit.labels.n_clusters(), fit.centroids.nrows());
        assert_eq!(fit.inertia_of(x.view(), None).unwrap(), fit.inertia);
        let total = KMeans::new(1).fit(x).unwrap().inertia;
        let last = fit.inertia_per_iter.last().unwrap() + 1e-12 * total;
        assert!(fit.inertia <= last, "{} {last}", fit.inertia);
    }

    #[test]
    fn the_golden_data_give_scikit_learns_numbers() {
        let fit = given(array![[0., 0.], [10., 0.]]).fit(&p()).unwrap();
        assert_eq!(fit.centroids, array![[1.5, 1.0], [10.0, 0.5]]);
        assert_eq!((fit.inertia, fit.inertia_per_iter.len(), fit.converged), (13.5, 2, true));
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        let per_iter = &fit.inertia_per_iter;
        assert!(per_iter.len() == 2 && near(per_iter[0], 27.0) && near(per_iter[1], 13.5));
        let x = p();
        let rows = check::rows(x.view()).unwrap();
        let tolerance = Tiled::new(&rows, &Columns::of(&rows), None).mean_variance() * 1e-4;
        assert!((tolerance - 0.00091806).abs() < 1e-8, "{tolerance}");
        check(&fit, &p());
    }

    /// Lloyd's iteration as in a textbook: labels, means and inertia once no label changes.
    fn textbook(x: &Array2<f64>, start: &Array2<f64>) -> (Vec<usize>, Array2<f64>, f64) {
        let mut centroids = start.clone();
        let mut labels = vec![usize::MAX; x.nrows()];
        loop {
            let mut inertia = 0.0;
            let mut next = vec![0; x.nrows()];
            for (row, label) in x.rows().into_iter().zip(&mut next) {
                let distance = |c: usize| (&row - &centroids.row(c)).mapv(|v| v * v).sum();
                let order = |a: &usize, b: &usize| distance(*a).total_cmp(&distance(*b));
                *label = (0..centroids.nrows()).min_by(order).unwrap();
                inertia += distance(*label);
            }
            if next == labels {
                return (labels, centroids, inertia);
            }
            labels = next;
            for (c, mut centroid) in centroids.rows_mut().into_iter().enumerate() {
                let own: Vec<usize> = (0..x.nrows()).filter(|&row| labels[row] == c).collect();
                if !own.is_empty() {
                    centroid.assign(&x.select(Axis(0), &own).mean_axis(Axis(0)).unwrap());
                }
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn given_centroids_end_where_the_textbook_does(
            seed in 0u64..1_000_000, n in 2usize..400, d in 1usize..6, k in 1usize..9,
            offset in 0usize..3,
        ) {
            let mut stream = Stream::new(seed, 0);
            let offset = [0.0, 1e6, -1e9][offset];
            let x = Array2::from_shape_simple_fn((n, d), || offset + stream.normal());
            let start = x.select(Axis(0), &stream.sample(n, k.min(n)));
            let fit = given(start.clone()).tol(0.0).max_iter(1000).fit(&x).unwrap();
            // Ties and lost clusters are our own rules; draws like these have none.
            proptest::prop_assume!(fit.refilled == 0);
            let (labels, centroids, inertia) = textbook(&x, &start);
            let labels = crate::Labels::new(labels.into_iter().map(Some)).unwrap();
            proptest::prop_assert_eq!(&labels, &fit.labels);
            let off = 1e-12 * (1.0 + offset * offset);
            proptest::prop_assert!((inertia - fit.inertia).abs() < n as f64 * off);
            for row in fit.centroids.rows() {
                let near = |other: ndarray::ArrayView1<'_, f64>| {
                    (&row - &other).iter().all(|v| v.abs() < 1e-12 * (1.0 + offset.abs()))
                };
                proptest::prop_assert!(centroids.rows().into_iter().any(near));
            }
        }
    }

    #[test]
    fn an_empty_cluster_takes_the_farthest_row() {
        let fit = given(array![[0., 0.], [10., 0.], [100., 100.]]).fit(&p()).unwrap();
        assert_eq!(fit.centroids, array![[0., 1.], [3., 1.], [10., 0.5]]);
        assert_eq!((fit.inertia, fit.refilled), (4.5, 1));
        check(&fit, &p());
    }

    #[test]
    fn empty_clusters_take_distinct_rows_even_if_the_farthest_are_equal() {
        let x = array![[0.0], [9.0], [9.0], [8.0], [1.0]];
        let fit = given(array![[0.0], [100.0], [200.0], [300.0]]).max_iter(1).fit(&x).unwrap();
        // Three at first; then the one between 0 and the other 9, nearest to none, becomes the 0.
        assert_eq!(fit.refilled, 4);
        assert_eq!(fit.labels.to_vec(), [1, 0, 0, 2, 3].map(Some));
        check(&fit, &x);
    }

    #[test]
    fn a_tie_goes_to_the_larger_cluster_and_its_mean_follows() {
        // Lloyd stands still at {0, 2}, {3, 3, 3}: row 2 is as near to the mean 1 as to 3. The larger
        // cluster has the lower number, so the row belongs there, and the means move on.
        let x = array![[0.0], [2.0], [3.0], [3.0], [3.0]];
        let fit = given(array![[1.0], [3.0]]).tol(0.0).fit(&x).unwrap();
        assert_eq!(fit.labels.to_vec(), [1, 0, 0, 0, 0].map(Some));
        assert_eq!(fit.centroids, array![[2.75], [0.0]]);
        assert!(fit.converged);
        check(&fit, &x);
    }

    #[test]
    fn one_cluster_of_equal_rows_is_exact_in_one_iteration() {
        let fit = KMeans::new(1).fit(&Array2::from_elem((7, 2), 0.1)).unwrap();
        assert_eq!((fit.inertia, fit.inertia_per_iter.len()), (0.0, 1));
        assert_eq!(fit.centroids, array![[0.1, 0.1]]);
    }

    #[test]
    fn as_many_clusters_as_distinct_rows_leave_no_inertia_and_more_are_an_error() {
        let x = concatenate![Axis(0), p(), p()];
        for init in [KMeansInit::PlusPlus, KMeansInit::Random, KMeansInit::Given(p() + 0.5)] {
            let fit = KMeans::new(6).init(init.clone()).n_init(30).fit(&x).unwrap();
            check(&fit, &x);
            let more = match init {
                KMeansInit::Given(_) => given(concatenate![Axis(0), p(), array![[7., 7.]]]),
                init => KMeans::new(7).init(init),
            };
            let error = more.fit(&x).unwrap_err();
            assert!(matches!(error, Error::TooFewSamples { needed: 7, got: 6, .. }), "{error}");
        }
        assert_eq!(KMeans::new(6).fit(&x).unwrap().inertia, 0.0);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let named = |means: KMeans| match means.fit(&p()) {
            Err(Error::InvalidParameter { name, .. }) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(KMeans::new(0)), "k");
        assert_eq!(named(KMeans::new(2).n_init(0)), "n_init");
        assert_eq!(named(KMeans::new(2).max_iter(0)), "max_iter");
        for tol in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(named(KMeans::new(2).tol(tol)), "tol");
        }
        assert_eq!(named(given(array![[1., 1.], [2., 2.], [1., 1.]])), "init");
        assert!(matches!(KMeans::new(7).fit(&p()), Err(Error::TooFewSamples { got: 6, .. })));
        let wrong = KMeans::new(3).init(KMeansInit::Given(Array2::zeros((2, 2))));
        assert!(matches!(wrong.fit(&p()), Err(Error::DimensionMismatch { expected: 3, .. })));
        let wide = given(array![[1., 2., 3.]]).fit(&p());
        assert!(matches!(wide, Err(Error::DimensionMismatch { expected: 2, got: 3, .. })));
        let nan = given(array![[1., f64::NAN]]).fit(&p());
        assert!(matches!(nan, Err(Error::NonFinite { row: 0, column: 1, .. })));
    }

    #[test]
    fn an_offset_of_1e9_changes_no_label_and_hardly_the_inertia() {
        let near = KMeans::new(3).fit(&p()).unwrap();
        let far = KMeans::new(3).fit(&(p() + 1e9)).unwrap();
        assert_eq!(&near.labels, &far.labels);
        assert!((near.inertia - far.inertia).abs() < 1e-6);
        check(&far, &(p() + 1e9));
    }

    #[test]
    fn a_far_off_row_costs_the_others_next_to_no_digits() {
        let x = array![[1e15, 0.0], [0.1, 0.2], [0.3, 0.4]];
        let fit = KMeans::new(2).fit(&x).unwrap();
        // The grid of a column reaches 100 bits below its greatest magnitude.
        let expected = array![[0.2, 0.3], [1e15, 0.0]];
        let off = |(a, b): (&f64, &f64)| (a - b).abs();
        assert!(fit.centroids.iter().zip(&expected).map(off).all(|off| off < 5e-16));
    }

    #[test]
    fn a_stand_in_for_a_missing_value_costs_the_others_no_digit() {
        for (sentinel, n) in [(1e20, 5), (1e30, 20_000), (f64::from(f32::MAX), 4096)] {
            let x = Array2::from_shape_fn((n, 1), |(i, _)| match i {
                _ if i == n - 1 => sentinel,
                _ => [1.0, 50.0][i % 2] + (i % 10) as f64 * 0.01,
            });
            let fit = KMeans::new(3).seed(1).fit(&x).unwrap();
            let mut found = fit.centroids.column(0).to_vec();
            found.sort_by(f64::total_cmp);
            let mean = |odd: usize| {
                let own: Vec<f64> =
                    (0..n - 1).filter(|i| i % 2 == odd).map(|i| x[[i, 0]]).collect();
                own.iter().sum::<f64>() / own.len() as f64
            };
            assert!((found[0] - mean(0)).abs() < 1e-12, "{sentinel} {found:?}");
            assert!((found[1] - mean(1)).abs() < 1e-11, "{sentinel} {found:?}");
            assert_eq!(found[2], sentinel);
            assert!(fit.inertia_per_iter.len() < 10 && fit.converged);
            assert!(fit.inertia_per_iter.is_sorted_by(|a, b| a >= b), "{sentinel}");
        }
        let x = array![[-1.0], [-4.9], [-1e145], [-1e145], [-97.0]];
        let fit = KMeans::new(3).seed(12_794_819).n_init(3).fit(&x).unwrap();
        assert!(fit.inertia < 9000.0 && fit.converged, "{fit:?}");
    }

    #[test]
    fn data_whose_squares_underflow_are_grouped_as_their_larger_images() {
        let large = KMeans::new(2).fit(&p()).unwrap();
        for factor in [2f64.powi(-664), 2f64.powi(-1000) * 2f64.powi(-70)] {
            let x = p() * factor;
            let fit = KMeans::new(2).fit(&x).unwrap();
            assert_eq!(&fit.labels, &large.labels);
            assert!((fit.centroids[[1, 0]] / factor - 10.0).abs() < 1e-9);
            check(&fit, &x);
            // A row beyond the tiny scale still finds its centroid, and its square is finite.
            let far = array![[1e140, 0.0]];
            assert_eq!(fit.predict(&far).unwrap().len(), 1);
            assert_eq!(fit.inertia_of(far.view(), None).unwrap(), 1e280);
        }
    }

    #[test]
    fn threads_and_layouts_do_not_change_a_bit() {
        let mut stream = Stream::new(5, 0);
        let x = Array2::from_shape_simple_fn((10_000, 3), || stream.normal());
        let means = KMeans::new(5).n_init(2).max_iter(4);
        let fits = [1, 2].map(|n| parallel::with_threads(n, || means.fit(&x).unwrap()));
        assert_eq!(fits[0], fits[1]);
        let transposed = x.t().as_standard_layout().into_owned();
        assert_eq!(means.fit(transposed.t()).unwrap(), fits[0]);
        check(&fits[0], &x);
    }
}
