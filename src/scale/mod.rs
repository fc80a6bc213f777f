//! Bringing the columns of an array to one scale, and back.
//!
//! Distances add up differences over all columns, so the column with the greatest spread counts most: rows
//! of euros and years are grouped by euros. A [`Scaler`] learns the centre and width of every column and
//! applies them to any rows. For tables of people, use a [`Preprocessor`](crate::Preprocessor), which also
//! handles categories and missing values.
//!
//! Cost: one pass per column; a sort for the robust scaler; some 35 passes for Yeo–Johnson.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::num::check::{self, Rows};
use crate::num::samples::Samples;
use crate::num::{parallel, stats, yeo_johnson};
use crate::{Error, Result};

/// How columns of an array are brought to one scale; see [`Scaler::fit`].
///
/// ```
/// use personas::{ndarray::array, scale::Scaler};
///
/// let x = array![[1.0, 100.0], [2.0, 100.0], [3.0, 100.0], [10.0, 100.0]];
/// let scale = Scaler::Robust.fit(&x)?;
/// let z = scale.transform(&x)?;
/// // Median 2.5, quartiles 1.75 and 4.75; a constant column becomes 0.
/// assert_eq!(z.row(0).to_vec(), [-0.5, 0.0]);
/// assert_eq!(scale.constant_columns, [1]);
/// assert_eq!(scale.inverse(&z)?, x);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Scaler {
    /// To mean 0 and population standard deviation 1.
    ///
    /// ```
    /// use personas::{ndarray::array, scale::Scaler};
    ///
    /// let z = Scaler::Standard.fit(&array![[1.0], [3.0]])?.transform(&array![[5.0]])?;
    /// assert_eq!(z, array![[3.0]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    Standard,

    /// To median 0 and interquartile range 1 (quantiles of type 7), so that far values do not set the
    /// width. Where half the values or more are equal, the standard deviation is the width.
    ///
    /// ```
    /// use personas::{ndarray::array, scale::Scaler};
    ///
    /// let scale = Scaler::Robust.fit(&array![[0.0], [1.0], [2.0], [3.0], [1000.0]])?;
    /// assert_eq!(scale.transform(&array![[4.0]])?, array![[1.0]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    Robust,

    /// To the range 0 to 1. Rows beyond the range of the fit come out beyond it.
    ///
    /// ```
    /// use personas::{ndarray::array, scale::Scaler};
    ///
    /// let scale = Scaler::MinMax.fit(&array![[-2.0], [2.0]])?;
    /// assert_eq!(scale.transform(&array![[-2.0], [0.0], [4.0]])?, array![[0.0], [0.5], [1.5]]);
    /// # Ok::<(), personas::Error>(())
    /// ```
    MinMax,

    /// To the power transform of Yeo and Johnson that makes each column most like a normal one, then
    /// to mean 0 and standard deviation 1. Takes the skew off money and counts.
    ///
    /// The exponent λ is sought from 0 (a logarithm, for values above 0) to 2 (one for those below), so that
    /// every number can be taken back. Peers also try λ outside: these transforms are bounded on one side. A
    /// column that is more skewed than a log-normal one keeps the rest of its skew.
    ///
    /// ```
    /// use personas::{ndarray::array, scale::Scaler};
    ///
    /// let x = array![[1.0], [3.0], [9.0], [27.0], [81.0], [243.0]];
    /// let z = Scaler::YeoJohnson.fit(&x)?.transform(&x)?;
    /// // Steps of equal ratio become steps of about equal size.
    /// assert!((z[[5, 0]] - z[[4, 0]]) / (z[[2, 0]] - z[[1, 0]]) < 1.5);
    /// # Ok::<(), personas::Error>(())
    /// ```
    YeoJohnson,
}

impl Scaler {
    /// Learns the scale of every column of `x`, `(n_samples, n_features)`.
    ///
    /// A column whose values differ by no more than rounding is constant.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`] and [`Error::MagnitudeTooLarge`]
    /// for such a matrix, with row and column.
    pub fn fit<'a>(&self, x: impl Into<Samples<'a>>) -> Result<ScalerFit> {
        let x = x.into().into_rows()?;
        let rows = check::rows(x.view())?;
        let columns = parallel::map(rows.n_columns(), rows.n_rows().saturating_mul(16), |column| {
            let values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
            ScaledColumn::fit(*self, &values)
        });
        let constant = columns.iter().enumerate().filter(|(_, column)| column.width == 0.0);
        let constant_columns = constant.map(|(column, _)| column).collect();
        Ok(ScalerFit { columns, constant_columns })
    }
}

/// The scale of every column; see [`Scaler`].
///
/// ```
/// use personas::{ndarray::array, scale::Scaler};
///
/// let x = array![[1.0, 5.0], [3.0, 5.0]];
/// let scale = Scaler::Standard.fit(&x)?;
/// assert_eq!(scale.transform(&x)?, array![[-1.0, 0.0], [1.0, 0.0]]);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct ScalerFit {
    columns: Vec<ScaledColumn>,
    /// The columns that were constant in the fit, ascending.
    pub constant_columns: Vec<usize>,
}

/// A [`ScalerFit`] as it is stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    columns: Vec<ScaledColumn>,
    constant_columns: Vec<usize>,
}

impl TryFrom<Stored> for ScalerFit {
    type Error = Error;

    fn try_from(Stored { columns, constant_columns }: Stored) -> Result<Self> {
        let constant = (0..columns.len()).filter(|&column| columns[column].width == 0.0);
        let is_told = constant.eq(constant_columns.iter().copied());
        if columns.is_empty() || !is_told || !columns.iter().all(ScaledColumn::is_sound) {
            let reason = "no columns, an impossible width or centre, or unlisted constant columns";
            return Err(Error::snapshot("ScalerFit", reason));
        }
        Ok(Self { columns, constant_columns })
    }
}

impl ScalerFit {
    /// Scales rows, `(n_samples, n_features)`; constant columns become 0 whatever they hold.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns than in the fit, as when the array is
    /// transposed; [`Error::MagnitudeTooLarge`] where a result is beyond 1e145; else as [`Scaler::fit`].
    pub fn transform<'a>(&self, x: impl Into<Samples<'a>>) -> Result<Array2<f64>> {
        check::computed(self.each(x.into().into_rows()?.view(), ScaledColumn::apply)?)
    }

    /// Takes scaled rows back to the units of the fit.
    ///
    /// Exact but for rounding; constant columns come back as the constant.
    ///
    /// # Errors
    /// As [`transform`](Self::transform).
    pub fn inverse<'a>(&self, z: impl Into<Samples<'a>>) -> Result<Array2<f64>> {
        check::computed(self.each(z.into().into_rows()?.view(), ScaledColumn::invert)?)
    }

    fn each(
        &self,
        x: ArrayView2<'_, f64>,
        of: impl Fn(&ScaledColumn, f64) -> f64 + Sync,
    ) -> Result<Array2<f64>> {
        let d = self.columns.len();
        let rows: Rows<'_> = check::rows_of_width(x, d)?;
        let mut values = vec![0.0; rows.data().len()];
        parallel::map_chunks_mut(&mut values, parallel::CHUNK * d, 1, |chunk, values| {
            let start = chunk * parallel::CHUNK;
            let range = start..start + values.len() / d;
            for (out, row) in values.chunks_exact_mut(d).zip(rows.range(range).chunks_exact(d)) {
                for ((out, &v), column) in out.iter_mut().zip(row).zip(&self.columns) {
                    *out = of(column, v);
                }
            }
        });
        let shape = (rows.n_rows(), d);
        Array2::from_shape_vec(shape, values).map_err(|_| Error::Empty { what: "the matrix" })
    }
}

/// (t(x) − centre)/width, where t is Yeo–Johnson's or nothing; width 0 for a constant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ScaledColumn {
    #[serde(with = "crate::num::exact")]
    lambda: Option<f64>,
    #[serde(with = "crate::num::exact")]
    centre: f64,
    #[serde(with = "crate::num::exact")]
    width: f64,
}

impl ScaledColumn {
    fn fit(method: Scaler, values: &[f64]) -> Self {
        let (least, most) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
        let constant = Self { lambda: None, centre: least, width: 0.0 };
        if least == most {
            return constant;
        }
        let greatest = least.abs().max(most.abs());
        let or_constant = |centre: f64, width: f64| match stats::is_rounding(width, greatest) {
            true => constant,
            false => Self { lambda: None, centre, width },
        };
        let (mean, std) = mean_and_std(values, greatest);
        match method {
            Scaler::Standard => or_constant(mean, std),
            Scaler::MinMax => or_constant(least, most - least),
            Scaler::Robust => {
                let sorted = stats::sorted(values);
                let centre = stats::median(&sorted);
                match stats::interquartile_range(&sorted) {
                    Some(width) => Self { lambda: None, centre, width },
                    None => or_constant(centre, std),
                }
            }
            Scaler::YeoJohnson => {
                let std_of = |grown: &[f64]| {
                    let (_, std) = stats::mean_and_std(grown);
                    (std.is_normal()).then_some(std)
                };
                let lambda = yeo_johnson::likeliest_lambda(values, std_of);
                let grown: Vec<f64> =
                    values.iter().map(|&v| yeo_johnson::apply(v, lambda)).collect();
                let greatest = grown.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
                let (mean, std) = mean_and_std(&grown, greatest);
                if stats::is_rounding(std, greatest) {
                    constant
                } else {
                    Self { lambda: Some(lambda), centre: mean, width: std }
                }
            }
        }
    }

    fn is_sound(&self) -> bool {
        let is_finite = self.lambda.unwrap_or_default().is_finite() && self.centre.is_finite();
        is_finite && self.width >= 0.0 && self.width.is_finite()
    }

    fn apply(&self, v: f64) -> f64 {
        if self.width == 0.0 {
            return 0.0;
        }
        let t = self.lambda.map_or(v, |lambda| yeo_johnson::apply(v, lambda));
        (t - self.centre) / self.width
    }

    fn invert(&self, z: f64) -> f64 {
        let t = z * self.width + self.centre;
        match self.lambda {
            Some(lambda) if self.width > 0.0 => yeo_johnson::invert(t, lambda),
            _ => t,
        }
    }
}

/// Mean and standard deviation of values of at most this magnitude.
fn mean_and_std(values: &[f64], greatest: f64) -> (f64, f64) {
    let (measured, unit) = stats::measured(values, greatest);
    let (mean, std) = stats::mean_and_std(&measured);
    (mean * unit, std * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use ndarray::array;

    fn all() -> [Scaler; 4] {
        [Scaler::Standard, Scaler::Robust, Scaler::MinMax, Scaler::YeoJohnson]
    }

    #[test]
    fn one_far_value_does_not_widen_the_robust_scale() {
        for far in [1e3, 1e17, 1e30, -1e140] {
            let x = array![[0.0], [1.0], [2.0], [3.0], [far]];
            let z = Scaler::Robust.fit(&x).unwrap().transform(&x).unwrap();
            let apart = z[[2, 0]] - z[[1, 0]];
            assert_eq!(apart, 0.5, "{far}");
        }
    }

    #[test]
    fn the_golden_column_has_its_mean_standard_deviation_and_quartiles() {
        let x = array![[1.0], [2.0], [3.0], [10.0]];
        let z = Scaler::Standard.fit(&x).unwrap().transform(&x).unwrap();
        assert!((z[[3, 0]] - 6.0 / 3.535_533_905_932_737_7).abs() < 1e-15);
        let z = Scaler::Robust.fit(&x).unwrap().transform(&x).unwrap();
        assert_eq!(z.column(0).to_vec(), [-0.5, -1.0 / 6.0, 1.0 / 6.0, 2.5]);
        let z = Scaler::MinMax.fit(&x).unwrap().transform(&x).unwrap();
        assert_eq!(z.column(0).to_vec(), [0.0, 1.0 / 9.0, 2.0 / 9.0, 1.0]);
    }

    #[test]
    fn every_scaler_comes_back_at_any_offset_and_scale() {
        let mut stream = Stream::new(2, 0);
        let x = Array2::from_shape_simple_fn((500, 3), || stream.normal());
        for x in [x.clone(), &x * 1e-200, &x * 1e120, &x + 1e6] {
            for scaler in all() {
                let fit = scaler.fit(&x).unwrap();
                let z = fit.transform(&x).unwrap();
                assert!(z.iter().all(|z| z.abs() < 10.0), "{scaler:?}");
                let back = fit.inverse(&z).unwrap();
                let greatest = x.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
                let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-11 * greatest;
                assert!(x.iter().zip(&back).all(near), "{scaler:?} {greatest}");
            }
        }
    }

    #[test]
    fn a_large_offset_costs_no_digit_that_the_values_still_have() {
        for offset in [0.0, 1e9, 1e12, 1e15] {
            let x = Array2::from_shape_fn((10, 1), |(row, _)| offset + row as f64);
            let z = Scaler::Standard.fit(&x).unwrap().transform(&x).unwrap();
            // The standard deviation of 0 to 9 is √8.25.
            let off = |row: usize| (z[[row, 0]] - (row as f64 - 4.5) / 8.25f64.sqrt()).abs();
            assert!((0..10).all(|row| off(row) < 1e-14), "{offset}");
        }
    }

    #[test]
    fn constant_columns_become_0_come_back_and_are_named() {
        let x = array![[7.5, 0.1, 1.0], [7.5, 0.1 + 1e-17, 2.0]];
        for scaler in all() {
            let fit = scaler.fit(&x).unwrap();
            assert_eq!(fit.constant_columns, [0, 1]);
            let z = fit.transform(&array![[99.0, 3.0, 1.0]]).unwrap();
            assert_eq!((z[[0, 0]], z[[0, 1]]), (0.0, 0.0));
            assert_eq!(fit.inverse(&z).unwrap()[[0, 0]], 7.5);
        }
    }

    #[test]
    fn a_result_that_overflows_is_refused_with_its_place() {
        let x = array![[1.0, 1e-300], [2.0, 2e-300], [3.0, 4e-300]];
        for scaler in [Scaler::Standard, Scaler::Robust, Scaler::MinMax] {
            let fit = scaler.fit(&x).unwrap();
            let far = fit.transform(&array![[1.0, 1e-300], [1.0, 1e10]]);
            assert!(matches!(far, Err(Error::MagnitudeTooLarge { row: 1, column: 1, .. })));
        }
        let fit = Scaler::YeoJohnson.fit(&array![[1.0], [10.0], [100.0], [1e5]]).unwrap();
        let back = fit.inverse(&array![[1e4]]);
        assert!(
            matches!(back, Err(Error::MagnitudeTooLarge { row: 0, column: 0, .. })),
            "{back:?}"
        );
    }

    #[test]
    fn what_cannot_be_scaled_is_refused_with_its_place() {
        let fit = Scaler::Standard.fit(&array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unwrap();
        let transposed = fit.transform(&Array2::<f64>::zeros((2, 3)));
        assert!(matches!(transposed, Err(Error::DimensionMismatch { expected: 2, got: 3, .. })));
        let nan = Scaler::MinMax.fit(&array![[1.0, 2.0], [f64::NAN, 4.0]]);
        assert!(matches!(nan, Err(Error::NonFinite { row: 1, column: 0, .. })));
    }

    #[test]
    fn layouts_and_json_change_nothing() {
        let mut stream = Stream::new(3, 0);
        let x = Array2::from_shape_simple_fn((40, 4), || stream.unit());
        let columns = x.t().as_standard_layout().into_owned();
        for scaler in all() {
            let fit = scaler.fit(&x).unwrap();
            assert_eq!(scaler.fit(columns.t()).unwrap(), fit);
            let json = serde_json::to_string(&fit).unwrap();
            assert_eq!(serde_json::from_str::<ScalerFit>(&json).unwrap(), fit);
        }
    }
}
