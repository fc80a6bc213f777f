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
//! Cost: all pairs, O(n²·d) time, in parallel; memory O(n), no neighbourhood is ever stored.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::labels::NOISE;
use crate::num::check::{self, Rows};
use crate::num::neighbors::{self, Radius};
use crate::num::parallel;
use crate::num::scale::Scale;
use crate::{Error, Labels, Result};

/// Finds groups of any shape where rows lie densely, and leaves out the rest as noise.
///
/// How many groups there are follows from the data. All groups are measured by one density, so
/// where one is much denser than another, no `eps` may fit both. Scale the columns first.
///
/// ```
/// use personas::{Dbscan, ndarray::array};
///
/// let x = array![[1.0], [1.5], [2.0], [7.0], [7.5], [8.0], [99.0]];
/// let fit = Dbscan::new(0.5, 3).fit(&x)?;
/// assert_eq!(fit.labels().to_vec()[..6], [0, 0, 0, 1, 1, 1].map(Some));
/// assert_eq!(fit.labels().get(6), None);
/// assert_eq!(fit.core_rows(), [1, 4]);
/// assert_eq!(fit.predict(&array![[7.25], [50.0]])?.to_vec(), [Some(1), None]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dbscan {
    eps: f64,
    min_samples: usize,
}

impl Dbscan {
    /// `eps`: how near neighbours are, in the units of the data, above 0. `min_samples`: how many
    /// rows, itself included, a core row has within it, 1 or more; with 1 nothing is noise.
    #[must_use]
    pub fn new(eps: f64, min_samples: usize) -> Self {
        Self { eps, min_samples }
    }

    /// Groups the rows of `x`, `(n_samples, n_features)`.
    ///
    /// A distance counts as `eps` or less if the f64 root of its f64 sum of squares does. All rows
    /// noise is a result, not an error.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`]
    /// for such a matrix; [`Error::InvalidParameter`] for an `eps` that is not above 0 and finite or
    /// `min_samples` 0.
    pub fn fit<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<DbscanFit> {
        self.fit_view(x.into())
    }

    fn fit_view(&self, x: ArrayView2<'_, f64>) -> Result<DbscanFit> {
        check_eps(self.eps)?;
        if self.min_samples == 0 {
            return Err(Error::parameter("min_samples", "at least 1", 0));
        }
        let rows = check::rows(x)?;
        // Where eps is tiny, its square would underflow.
        let greatest = rows.data().iter().map(|v| v.abs()).fold(0.0, f64::max);
        let scale = Scale::lifting(self.eps, greatest);
        let rows = rows.times(scale.factor());
        let radius = Radius::new(self.eps * scale.factor());

        let is_core = neighbors::have_at_least(&rows, radius, self.min_samples);
        let core_rows: Vec<usize> = (0..rows.n_rows()).filter(|&row| is_core[row]).collect();
        let of_core = components(&rows, radius, &core_rows);
        let border = borders(&rows, radius, &core_rows, &of_core);
        let mut clusters: Vec<Option<usize>> = border;
        for (&row, &cluster) in core_rows.iter().zip(&of_core) {
            clusters[row] = Some(cluster);
        }

        let width = rows.n_columns();
        let cores: Vec<f64> =
            core_rows.iter().flat_map(|&row| rows.row(row)).map(|v| v * scale.inverse()).collect();
        let cores = Array2::from_shape_vec((core_rows.len(), width), cores)
            .expect("the core rows fill their matrix");
        Ok(DbscanFit { labels: Labels::new(clusters)?, core_rows, cores, eps: self.eps, scale })
    }
}

fn check_eps(eps: f64) -> Result<()> {
    if eps > 0.0 && eps.is_finite() {
        return Ok(());
    }
    Err(Error::parameter("eps", "above 0 and finite", eps))
}

/// The cluster of each core row, numbered by the clusters' smallest core rows.
///
/// Breadth first: the rows found last look for those not found yet, all at once.
fn components(rows: &Rows<'_>, radius: Radius, core_rows: &[usize]) -> Vec<usize> {
    let mut cluster_of = vec![0; rows.n_rows()];
    let mut unfound: Vec<usize> = core_rows.to_vec();
    let mut n_clusters = 0;
    while let Some(&first) = unfound.first() {
        cluster_of[first] = n_clusters;
        unfound.remove(0);
        let mut newest = vec![first];
        while !newest.is_empty() {
            let reached = neighbors::reached(rows, radius, &unfound, &newest);
            let mut found = reached.iter();
            newest.clear();
            unfound.retain(|&row| {
                let found = found.next().is_some_and(|&found| found);
                if found {
                    cluster_of[row] = n_clusters;
                    newest.push(row);
                }
                !found
            });
        }
        n_clusters += 1;
    }
    core_rows.iter().map(|&row| cluster_of[row]).collect()
}

/// For each row the lowest cluster with a core row within the radius.
fn borders(
    rows: &Rows<'_>,
    radius: Radius,
    core_rows: &[usize],
    of_core: &[usize],
) -> Vec<Option<usize>> {
    let work = core_rows.len().saturating_mul(rows.n_columns());
    parallel::map(rows.n_rows(), work, |row| {
        let near = core_rows.iter().zip(of_core);
        near.filter(|&(&core, _)| radius.covers(rows.row(row), rows.row(core)))
            .map(|(_, &cluster)| cluster)
            .min()
    })
}

/// What DBSCAN found, with the core rows by which new rows are labelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct DbscanFit {
    labels: Labels,
    /// Ascending.
    core_rows: Vec<usize>,
    /// Their values, in the same order.
    cores: Array2<f64>,
    eps: f64,
    /// Distances are compared at this scale.
    scale: Scale,
}

impl DbscanFit {
    /// The cluster of every row, none for noise.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The labels alone.
    pub fn into_labels(self) -> Labels {
        self.labels
    }

    /// The rows with enough neighbours to be core, ascending.
    pub fn core_rows(&self) -> &[usize] {
        &self.core_rows
    }

    /// How near neighbours are.
    pub fn eps(&self) -> f64 {
        self.eps
    }

    /// For each row of `x`, `(n_samples, n_features)`, the cluster of the nearest core row if that
    /// lies within `eps`, ties going to the lower row; else none. The numbers are those of the fit.
    ///
    /// Core rows and noise keep their labels. A fitted border row may be nearer to a core row of
    /// another cluster than the one it joined.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns, [`Error::Empty`],
    /// [`Error::NonFinite`], [`Error::MagnitudeTooLarge`].
    pub fn predict<'a>(&self, x: impl Into<ArrayView2<'a, f64>>) -> Result<Labels> {
        let rows = check::rows_of_width(x.into(), self.cores.ncols())?.times(self.scale.factor());
        if self.core_rows.is_empty() {
            return Labels::numbered(vec![NOISE; rows.n_rows()], 0);
        }
        let cores = check::rows(self.cores.view())?.times(self.scale.factor());
        let radius = Radius::new(self.eps * self.scale.factor());
        let clusters = parallel::map(rows.n_rows(), cores.data().len(), |row| {
            let (nearest, _) = crate::num::distance::nearest(rows.row(row), cores.data());
            let near = radius.covers(rows.row(row), cores.row(nearest));
            let cluster = if near { self.labels.get(self.core_rows[nearest]) } else { None };
            cluster.map_or(NOISE, |cluster| cluster as u32)
        });
        Labels::numbered(clusters, self.labels.n_clusters())
    }
}

/// A [`DbscanFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    labels: Labels,
    core_rows: Vec<usize>,
    cores: Array2<f64>,
    eps: f64,
    scale: Scale,
}

impl TryFrom<Stored> for DbscanFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let invalid = |reason: &'static str| {
            Err(Error::InvalidSnapshot { what: "DbscanFit", reason: reason.into() })
        };
        let Stored { labels, core_rows, cores, eps, scale } = stored;
        if check_eps(eps).is_err() || !(eps * scale.factor()).is_finite() {
            return invalid("eps is not above 0 and finite");
        }
        if !core_rows.is_sorted_by(|a, b| a < b) || core_rows.len() != cores.nrows() {
            return invalid("the core rows are not in order, one for each row of values");
        }
        if !labels.is_canonical() {
            return invalid("the clusters are not numbered by size, then smallest row");
        }
        let mut has_core = vec![false; labels.n_clusters()];
        for &row in &core_rows {
            match labels.get(row) {
                Some(cluster) => has_core[cluster] = true,
                None => return invalid("a core row is in no cluster"),
            }
        }
        if has_core.contains(&false) {
            return invalid("a cluster has no core row");
        }
        if cores.ncols() == 0 || (!core_rows.is_empty() && check::rows(cores.view()).is_err()) {
            return invalid("a value is missing or not finite");
        }
        if cores.iter().any(|v| !(v * scale.factor()).is_finite()) {
            return invalid("the scale is too large for the values");
        }
        Ok(Self { labels, core_rows, cores, eps, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use serde_json::Value;

    fn fit(eps: f64, min_samples: usize, x: &Array2<f64>) -> DbscanFit {
        Dbscan::new(eps, min_samples).fit(x).unwrap()
    }

    /// One letter per row, `.` for noise.
    fn letters(fit: &DbscanFit) -> String {
        fit.labels().iter().map(|c| c.map_or('.', |c| (b'A' + c as u8) as char)).collect()
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
        assert_eq!(fit.core_rows(), [1, 5, 9, 12]);
    }

    #[test]
    fn a_border_row_joins_the_cluster_of_the_lowest_core_row() {
        // Row 0 is as near to the core rows 3 and 1, and not core itself.
        let x = array![[2.0], [4.0], [3.9], [3.8], [3.0], [0.0], [0.1], [0.2], [1.0]];
        for x in [4.0 - &x, x] {
            let fit = fit(1.0, 5, &x);
            assert_eq!(fit.core_rows(), [4, 8]);
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
        assert!(fits[0].labels().n_clusters() > 1 && fits[0].labels().n_noise() > 1);
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
}
