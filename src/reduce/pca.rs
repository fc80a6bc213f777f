//! Principal components: the directions along which rows differ most, one after the other.
//!
//! They are the eigenvectors of the covariance (divisor n − 1, as in scikit-learn), whose eigenvalues are
//! the variances along them. Covariances are summed about the means, so an offset of 1e9 costs nothing.
//! Of the two signs of a component, its entry of greatest magnitude is positive.
//!
//! Source: Hotelling 1933. Cost: n·d² for the covariance, in parallel, and some 10·d³ for the
//! eigenvectors; memory d² per thread. n·k·d to transform.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::moments::{ExactMoments, check_columns};
use crate::num::check::{self, Rows};
use crate::num::gram::Products;
use crate::num::percent::Percent;
use crate::num::samples::Samples;
use crate::num::scale::Scale;
use crate::num::{eigen, parallel};
use crate::{Error, Result};

/// A variance below this part of the greatest is rounding.
const NO_VARIANCE: f64 = 1e-14;

/// Principal component analysis; scale the columns first ([`Scaler`](crate::scale::Scaler)) unless they share
/// a unit.
///
/// ```
/// use personas::{Pca, ndarray::array};
///
/// // Rows near the line y = 2x.
/// let x = array![[1.0, 2.0], [2.0, 4.1], [3.0, 5.9], [4.0, 8.0]];
/// let fit = Pca::new(1).fit(&x)?;
/// assert!(fit.explained_ratio[0] > 0.999);
/// let near = fit.inverse(&fit.transform(&x)?)?;
/// assert!((near[[3, 1]] - 8.0).abs() < 0.1);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pca {
    wanted: WantedComponents,
    whiten: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum WantedComponents {
    Count(usize),
    #[serde(with = "crate::num::exact")]
    Share(f64),
}

impl Pca {
    /// The first `n_components`, from 1 to the number of columns.
    pub fn new(n_components: usize) -> Self {
        Self { wanted: WantedComponents::Count(n_components), whiten: false }
    }

    /// As many components as together hold at least this share of the variance, above 0 and at most 1.
    ///
    /// ```
    /// use personas::{Pca, ndarray::array};
    ///
    /// let x = array![[1.0, 0.1], [2.0, -0.1], [3.0, 0.1], [4.0, -0.1]];
    /// assert_eq!(Pca::share(0.9).fit(&x)?.components.nrows(), 1);
    /// # Ok::<(), personas::Error>(())
    /// ```
    pub fn share(share: f64) -> Self {
        Self { wanted: WantedComponents::Share(share), whiten: false }
    }

    /// Divides each component by its standard deviation, so that all count alike in distances. The
    /// [`inverse`](PcaFit::inverse) multiplies by it again.
    ///
    /// ```
    /// use personas::{Pca, ndarray::array};
    ///
    /// let x = array![[-3.0, 0.1], [-1.0, -0.1], [1.0, -0.1], [3.0, 0.1]];
    /// let z = Pca::new(2).whiten().fit(&x)?.transform(&x)?;
    /// // Both components now have a variance of 1 (divisor n − 1).
    /// let variance = |column: usize| z.column(column).iter().map(|z| z * z).sum::<f64>() / 3.0;
    /// assert!((variance(0) - 1.0).abs() < 1e-12 && (variance(1) - 1.0).abs() < 1e-12);
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn whiten(mut self) -> Self {
        self.whiten = true;
        self
    }

    /// Finds the components of `x`, `(n_samples, n_features)`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a number of components or a share out of range, and for more than
    /// 8,192 columns;
    /// [`Error::TooFewSamples`] for fewer than two rows; [`Error::UndefinedMetric`] if all rows are
    /// equal and a share is asked for; and as every method for a matrix that is empty or not finite.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<PcaFit> {
        let x = x.into().into_rows()?;
        check_columns(x.ncols())?;
        let (rows, products) = Products::checked(x.view())?;
        let (n, d) = (rows.n_rows(), rows.n_columns());
        self.check(d)?;
        if n < 2 {
            return Err(Error::TooFewSamples { what: "Pca", needed: 2, got: n });
        }
        let factor = Scale::spanning(&products.columns, None).factor();
        let mut covariance =
            if factor == 1.0 { products.sums } else { Products::of(&rows.times(factor)).sums };
        covariance.iter_mut().for_each(|v| *v /= (n - 1) as f64);
        self.of_covariance(products.columns.means, &covariance, factor)
    }

    /// Finds the components of all rows that went into some moments. They are those of
    /// [`fit`](Self::fit) but for rounding, and the same to the bit however the rows were divided.
    ///
    /// ```
    /// use personas::{Pca, reduce::ExactMoments, ndarray::array};
    ///
    /// let (monday, tuesday) = (array![[1.0, 2.0], [2.0, 4.1]], array![[3.0, 5.9], [4.0, 8.0]]);
    /// let mut moments = ExactMoments::of(&monday)?;
    /// moments.merge(&ExactMoments::of(&tuesday)?)?;
    /// let fit = Pca::new(1).fit_moments(&moments)?;
    /// assert!(fit.explained_ratio[0] > 0.999);
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_moments(&self, moments: &ExactMoments) -> Result<PcaFit> {
        self.check(moments.n_columns())?;
        let n = moments.n_rows;
        if n < 2 {
            return Err(Error::TooFewSamples { what: "Pca", needed: 2, got: n as usize });
        }
        let (covariance, factor) = moments.covariance();
        self.of_covariance(moments.means(), &covariance, factor)
    }

    /// The fit of a covariance that is lifted by a factor, squared.
    fn of_covariance(&self, means: Vec<f64>, covariance: &[f64], factor: f64) -> Result<PcaFit> {
        let d = means.len();
        let axes = eigen::symmetric(covariance, d);
        let greatest = axes.values[0];
        let kept = |value: &f64| if *value > NO_VARIANCE * greatest { *value } else { 0.0 };
        let values: Vec<f64> = axes.values.iter().map(kept).collect();
        let total: f64 = values.iter().sum();
        let k = match self.wanted {
            WantedComponents::Count(count) => count,
            WantedComponents::Share(share) => {
                if total == 0.0 {
                    let reason = "all rows are equal, so there is no variance to share".into();
                    return Err(Error::UndefinedMetric { metric: "the share of variance", reason });
                }
                let mut held = 0.0;
                let reached = values.iter().position(|value| {
                    held += value;
                    held >= share * total * (1.0 - 1e-12)
                });
                reached.map_or(d, |at| at + 1)
            }
        };
        let unit = 1.0 / factor;
        let share = |value: &f64| if total > 0.0 { value / total } else { 0.0 };
        Ok(PcaFit {
            means,
            components: Array2::from_shape_vec((k, d), axes.vectors[..k * d].to_vec())
                .expect("whole components, one after the other"),
            explained_variance: values[..k].iter().map(|v| v * unit * unit).collect(),
            stds: values[..k].iter().map(|v| v.sqrt() * unit).collect(),
            explained_ratio: values[..k].iter().map(share).collect(),
            whiten: self.whiten,
        })
    }

    fn check(&self, d: usize) -> Result<()> {
        match self.wanted {
            WantedComponents::Count(count) if !(1..=d).contains(&count) => {
                let expected = "from 1 to the number of columns";
                Err(Error::parameter("n_components", expected, count))
            }
            WantedComponents::Share(share) if !(share > 0.0 && share <= 1.0) => {
                Err(Error::parameter("share", "above 0, at most 1", share))
            }
            _ => Ok(()),
        }
    }
}

/// Principal components, greatest variance first; see [`Pca`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct PcaFit {
    /// The variance along each component (divisor n − 1), in squared units of the columns.
    #[serde(with = "crate::num::exact")]
    pub explained_variance: Vec<f64>,
    /// The share of all variance that each component holds; all 0 if the rows are equal.
    #[serde(with = "crate::num::exact")]
    pub explained_ratio: Vec<f64>,
    /// The components, `(n_components, n_features)`: directions of length 1, at right angles to each
    /// other.
    #[serde(with = "crate::num::exact")]
    pub components: Array2<f64>,
    #[serde(with = "crate::num::exact")]
    means: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    stds: Vec<f64>,
    whiten: bool,
}

impl PcaFit {
    /// Where rows lie along the components, `(n_samples, n_components)`; 0 is the mean. Whitened, in
    /// standard deviations, and 0 for a component without variance.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than in the fit, as when the array is
    /// transposed; [`Error::MagnitudeTooLarge`] where a result is beyond 1e145; else as for every matrix that
    /// is empty or not finite.
    pub fn transform<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Array2<f64>> {
        let d = self.means.len();
        let x = x.into().into_rows()?;
        let (rows, axes) = (check::rows_of_width(x.view(), d)?, self.axes()?);
        check::computed(self.each(&rows, self.stds.len(), |row, out| {
            for (at, (out, axis)) in out.iter_mut().zip(axes.iter()).enumerate() {
                let centred = row.iter().zip(&self.means).map(|(v, mean)| v - mean);
                let along: f64 = centred.zip(axis).map(|(v, part)| v * part).sum();
                *out = match self.stds[at] {
                    std if self.whiten && std > 0.0 => along / std,
                    _ if self.whiten => 0.0,
                    _ => along,
                };
            }
        }))
    }

    /// Returns the rows for coordinates along the components: takes `z`, `(n_samples, n_components)`, and returns
    /// `(n_samples, n_features)`, in the units of the fit. What the components left out is lost.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than components; else as
    /// [`transform`](Self::transform).
    pub fn inverse<'a>(&self, z: impl Into<Samples<'a>>) -> Result<Array2<f64>> {
        let d = self.means.len();
        let z = z.into().into_rows()?;
        let (rows, axes) = (check::rows_of_width(z.view(), self.stds.len())?, self.axes()?);
        check::computed(self.each(&rows, d, |row, out| {
            out.copy_from_slice(&self.means);
            for (at, (&z, axis)) in row.iter().zip(axes.iter()).enumerate() {
                let along = if self.whiten { z * self.stds[at] } else { z };
                out.iter_mut().zip(axis).for_each(|(v, part)| *v += along * part);
            }
        }))
    }

    /// Describes a component in words: the columns that make up at least half of it, the greatest first, each
    /// with its sign as `more` or `less`.
    ///
    /// ```
    /// use personas::{Pca, ndarray::array};
    ///
    /// let x = array![[1.0, 5.0, 0.0], [2.0, 4.0, 0.1], [3.0, 3.0, 0.0], [4.0, 2.0, 0.1]];
    /// let fit = Pca::new(2).fit(&x)?;
    /// let said = fit.describe(0, &["visits", "age", "noise"])?;
    /// assert_eq!(said, "component 1, over 99% of the variance: more visits, less age");
    /// # Ok::<(), personas::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a component that is not there; [`Error::DimensionMismatch`]
    /// for another number of names than columns.
    pub fn describe(&self, component: usize, names: &[&str]) -> Result<String> {
        let d = self.means.len();
        if names.len() != d {
            let what = "names of columns".into();
            return Err(Error::DimensionMismatch { what, expected: d, got: names.len() });
        }
        let each = self.carried_by(component)?.into_iter().map(|(column, is_more)| {
            let sign = if is_more { "more" } else { "less" };
            format!("{sign} {}", names[column])
        });
        let said: Vec<String> = each.collect();
        let share = Percent::from(self.explained_ratio[component]);
        Ok(format!("component {}, {share} of the variance: {}", component + 1, said.join(", ")))
    }

    /// The columns that carry a component, the greatest part first, and whether there is more of each along it.
    ///
    /// # Errors
    /// `InvalidParameter` for a component that is not there.
    pub(crate) fn carried_by(&self, component: usize) -> Result<Vec<(usize, bool)>> {
        if component >= self.stds.len().min(self.explained_ratio.len()) {
            let expected = "the number of a component, from 0";
            return Err(Error::parameter("component", expected, component));
        }
        let axes = self.axes()?;
        let axis = axes.row(component);
        let greatest = axis.iter().fold(0.0, |most: f64, part| most.max(part.abs()));
        let mut carrying: Vec<usize> =
            (0..axis.len()).filter(|&column| axis[column].abs() >= 0.5 * greatest).collect();
        carrying.sort_by(|&a, &b| axis[b].abs().total_cmp(&axis[a].abs()).then(a.cmp(&b)));
        Ok(carrying.into_iter().map(|column| (column, axis[column] > 0.0)).collect())
    }

    /// The components, which the caller may have changed by hand.
    fn axes(&self) -> Result<Rows<'_>> {
        let axes = check::rows_of_width(self.components.view(), self.means.len())?;
        let (expected, got) = (self.stds.len(), axes.n_rows());
        if got != expected {
            return Err(Error::DimensionMismatch { what: "components".into(), expected, got });
        }
        Ok(axes)
    }

    /// `of` every row, side by side.
    fn each(
        &self,
        rows: &Rows<'_>,
        width: usize,
        of: impl Fn(&[f64], &mut [f64]) + Sync,
    ) -> Array2<f64> {
        let mut out = vec![0.0; rows.n_rows() * width];
        let work = self.means.len();
        parallel::map_chunks_mut(&mut out, parallel::CHUNK * width, work, |chunk, out| {
            let start = chunk * parallel::CHUNK;
            let range = start..start + out.len() / width;
            let rows = rows.range(range).chunks_exact(rows.n_columns());
            out.chunks_exact_mut(width).zip(rows).for_each(|(out, row)| of(row, out));
        });
        Array2::from_shape_vec((rows.n_rows(), width), out).expect("whole rows")
    }
}

/// A [`PcaFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    #[serde(with = "crate::num::exact")]
    explained_variance: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    explained_ratio: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    components: Array2<f64>,
    #[serde(with = "crate::num::exact")]
    means: Vec<f64>,
    #[serde(with = "crate::num::exact")]
    stds: Vec<f64>,
    whiten: bool,
}

impl TryFrom<Stored> for PcaFit {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { explained_variance, explained_ratio, means, components, stds, whiten } =
            stored;
        let (k, d) = (stds.len(), means.len());
        let fits = (1..=d).contains(&k)
            && components.dim() == (k, d)
            && explained_variance.len() == k
            && explained_ratio.len() == k;
        let all = [&means, &explained_variance, &stds, &explained_ratio];
        if !fits || all.into_iter().flatten().chain(&components).any(|value| !value.is_finite()) {
            let reason = "its parts differ in length, or a number is not finite";
            return Err(Error::snapshot("PcaFit", reason));
        }
        Ok(Self { explained_variance, explained_ratio, means, components, stds, whiten })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use ndarray::array;

    fn table(n: usize, d: usize) -> Array2<f64> {
        let mut stream = Stream::new(6, 0);
        Array2::from_shape_fn((n, d), |(_, j)| (j + 1) as f64 * stream.normal())
    }

    #[test]
    fn a_stored_fit_comes_back_and_one_of_other_lengths_is_refused() {
        let x = ndarray::array![[0.0, 1.0], [2.0, 0.0], [4.0, 5.0]];
        let fit = Pca::new(2).fit(&x).unwrap();
        let json = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<PcaFit>(&json).unwrap(), fit);
        let mut short: serde_json::Value = serde_json::from_str(&json).unwrap();
        short["means"].as_array_mut().unwrap().pop();
        assert!(serde_json::from_value::<PcaFit>(short).is_err());
    }

    #[test]
    fn components_changed_by_hand_are_used_or_refused() {
        let x = array![[0.0, 1.0], [2.0, 0.0], [4.0, 5.0]];
        let mut fit = Pca::new(2).fit(&x).unwrap();
        let before = fit.transform(&x).unwrap();
        fit.components.row_mut(0).mapv_inplace(|v| -v);
        assert_eq!(fit.transform(&x).unwrap().column(0), before.mapv(|v| -v).column(0));
        for wrong in
            [Array2::zeros((1, 2)), Array2::zeros((2, 1)), array![[1.0, 0.0], [f64::NAN, 1.0]]]
        {
            fit.components = wrong;
            assert!(fit.transform(&x).is_err() && fit.inverse(&x).is_err());
            assert!(fit.describe(0, &["a", "b"]).is_err());
        }
    }

    #[test]
    fn two_columns_are_as_by_hand() {
        // Variances 2 and 2, covariance 1: eigenvalues 3 and 1 along the diagonals.
        let root = 3f64.sqrt();
        let x = array![[root, root], [-root, -root], [1.0, -1.0], [-1.0, 1.0]] * 0.75f64.sqrt();
        let fit = Pca::new(2).fit(&x).unwrap();
        assert!((fit.explained_variance[0] - 3.0).abs() < 1e-14);
        assert!((fit.explained_variance[1] - 1.0).abs() < 1e-14);
        assert!((fit.explained_ratio[0] - 0.75).abs() < 1e-15);
        let half = 0.5f64.sqrt();
        assert!((fit.components[[0, 0]] - half).abs() < 1e-15);
    }

    #[test]
    fn a_whitened_row_that_overflows_is_refused_with_its_place() {
        let tiny = [[1e-300, 2e-300], [2e-300, 5e-300], [4e-300, 1e-300]];
        let fit = Pca::new(2).whiten().fit(&tiny).unwrap();
        assert!(fit.transform(&tiny).is_ok());
        let far = fit.transform(&[[1e-300, 0.0], [1e10, 0.0]]);
        assert!(matches!(far, Err(Error::MagnitudeTooLarge { row: 1, column: 0, .. })), "{far:?}");
    }

    #[test]
    fn all_components_give_the_rows_back_whitened_or_not_at_any_offset_and_scale() {
        let x = table(300, 4);
        for x in [x.clone(), &x + 1e9, &x * 1e-200, &x * 1e120] {
            for pca in [Pca::new(4), Pca::new(4).whiten()] {
                let fit = pca.fit(&x).unwrap();
                let z = fit.transform(&x).unwrap();
                let back = fit.inverse(&z).unwrap();
                let greatest = x.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
                assert!((&back - &x).iter().all(|v| v.abs() <= 1e-13 * greatest));
                if pca.whiten {
                    for column in z.columns() {
                        assert!((column.std(1.0) - 1.0).abs() < 1e-6);
                    }
                }
            }
        }
    }

    #[test]
    fn a_large_offset_changes_no_component() {
        let x = table(2000, 3);
        let (near, far) = (Pca::new(3).fit(&x).unwrap(), Pca::new(3).fit(&(&x + 1e9)).unwrap());
        assert!((&near.components - &far.components).iter().all(|v| v.abs() < 1e-5));
        for (a, b) in near.explained_variance.iter().zip(&far.explained_variance) {
            assert!((a / b - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_share_takes_as_many_components_as_it_needs() {
        // Variances near 1, 4, 9 and 16.
        let x = table(5000, 4);
        let count = |share| Pca::share(share).fit(&x).unwrap().components.nrows();
        assert_eq!([0.4, 0.8, 0.95, 1.0].map(count), [1, 2, 3, 4]);
    }

    #[test]
    fn settings_out_of_range_and_equal_rows_are_named() {
        let x = table(10, 2);
        for pca in [Pca::new(0), Pca::new(3), Pca::share(0.0), Pca::share(f64::NAN)] {
            assert!(matches!(pca.fit(&x), Err(Error::InvalidParameter { .. })), "{pca:?}");
        }
        let one = Pca::new(1).fit(&array![[1.0, 2.0]]);
        assert!(matches!(one, Err(Error::TooFewSamples { .. })));
        let equal = Array2::from_elem((5, 2), 3.0);
        assert!(matches!(Pca::share(0.5).fit(&equal), Err(Error::UndefinedMetric { .. })));
        let fit = Pca::new(1).whiten().fit(&equal).unwrap();
        assert_eq!((fit.explained_ratio[0], fit.transform(&equal).unwrap()[[0, 0]]), (0.0, 0.0));
        assert_eq!(fit.inverse(&array![[1.0]]).unwrap(), array![[3.0, 3.0]]);
        assert!(matches!(fit.transform(&array![[1.0]]), Err(Error::DimensionMismatch { .. })));
        assert!(fit.describe(1, &["a", "b"]).is_err() && fit.describe(0, &["a"]).is_err());
    }

    #[test]
    fn threads_layouts_and_json_change_no_bit() {
        let x = table(9000, 5);
        let fits = [1, 3].map(|n| parallel::with_threads(n, || Pca::new(3).fit(&x).unwrap()));
        assert_eq!(fits[0], fits[1]);
        let columns = x.t().as_standard_layout().into_owned();
        assert_eq!(Pca::new(3).fit(columns.t()).unwrap(), fits[0]);
        let json = serde_json::to_string(&fits[0]).unwrap();
        assert_eq!(serde_json::from_str::<PcaFit>(&json).unwrap(), fits[0]);
    }
}
