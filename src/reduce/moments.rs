//! Exact first and second moments of rows: what principal components are made of, as something to merge.
//!
//! The sums of values and of products are whole numbers of any size (`num/products.rs`), so nothing is
//! rounded until a mean or a covariance is asked for: shards, batches and orders of the rows give the
//! same bits, and an offset of any size costs no digit.
//!
//! Cost: some ten to twenty times the covariance of the same rows in one piece; memory some 50 bytes per
//! pair of columns.

use serde::{Deserialize, Serialize};

use crate::num::check;
use crate::num::digits::Digits;
use crate::num::powers::{self, times_two_to, two_to};
use crate::num::products;
use crate::num::samples::Samples;
use crate::{Error, Result};

/// Columns at most: their covariances take half a gigabyte, and the axes some 5e12 operations.
const MOST_COLUMNS: usize = 8192;

/// Refuses more columns than pairs can be held of, before anything is allocated.
pub(super) fn check_columns(n_columns: usize) -> Result<()> {
    if n_columns > MOST_COLUMNS {
        return Err(Error::parameter("x", "at most 8192 columns", n_columns));
    }
    Ok(())
}

/// Covariances of 2⁻⁵⁰⁰ and more are not lifted.
const SMALL: i32 = -500;

/// The number of rows, sums and sums of products of some rows, for
/// [`Pca::fit_moments`](crate::reduce::Pca::fit_moments). Compute them per shard or per batch of a stream, and
/// merge them: the result has the same bits as that of all rows together.
///
/// ```
/// use personas::{reduce::ExactMoments, ndarray::array};
///
/// let all = ExactMoments::of(&array![[1e9, 2.0], [0.1, 4.1], [3.0, -1e-9]])?;
/// let mut merged = ExactMoments::of(&array![[3.0, -1e-9], [1e9, 2.0]])?;
/// merged.merge(&ExactMoments::of(&array![[0.1, 4.1]])?)?;
/// assert_eq!(merged, all);
/// assert_eq!(merged.n_rows, 3);
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub struct ExactMoments {
    /// How many rows there are.
    pub n_rows: u64,
    values: Vec<Digits>,
    /// Of all pairs of columns, the upper triangle row by row.
    products: Vec<Digits>,
}

impl ExactMoments {
    /// The moments of the rows of `x`, `(n_samples, n_features)`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NoColumns`], [`Error::NonFinite`], [`Error::MagnitudeTooLarge`];
    /// [`Error::InvalidParameter`] for more than 8,192 columns.
    pub fn of<'a>(x: impl Into<Samples<'a>>) -> Result<Self> {
        let x = x.into().into_rows()?;
        check_columns(x.ncols())?;
        let rows = check::rows(x.view())?;
        let (values, products) = products::sums(&rows);
        Ok(Self { n_rows: rows.n_rows() as u64, values, products })
    }

    /// Adds the rows that another's moments are of.
    ///
    /// # Errors
    /// [`Error::DimensionMismatch`] for another number of columns; nothing has changed then.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let (expected, got) = (self.n_columns(), other.n_columns());
        if expected != got {
            return Err(Error::DimensionMismatch { what: "columns".into(), expected, got });
        }
        let Some(n_rows) = self.n_rows.checked_add(other.n_rows) else {
            let reason = "both together have more than 2⁶⁴ − 1 rows";
            return Err(Error::snapshot("ExactMoments", reason));
        };
        self.n_rows = n_rows;
        let ours = self.values.iter_mut().chain(&mut self.products);
        for (ours, theirs) in ours.zip(other.values.iter().chain(&other.products)) {
            *ours = ours.plus(theirs);
        }
        Ok(())
    }

    pub(super) fn n_columns(&self) -> usize {
        self.values.len()
    }

    pub(super) fn means(&self) -> Vec<f64> {
        let mean = |sum: &Digits| {
            let (value, exponent) = sum.value();
            times_two_to(value / self.n_rows as f64, exponent - 1074)
        };
        self.values.iter().map(mean).collect()
    }

    /// n²·variance of each column.
    fn variances(&self) -> impl Iterator<Item = Digits> {
        let mut next = 0;
        self.values.iter().enumerate().map(move |(column, sum)| {
            let square = &self.products[next];
            next += self.n_columns() - column;
            square.times_minus_product(self.n_rows, sum, sum)
        })
    }

    /// The covariance (divisor n − 1), row-major, lifted by the square of a factor, and the factor: a
    /// power of two above 1 only where the covariances are tiny.
    pub(super) fn covariance(&self) -> (Vec<f64>, f64) {
        let (n, d) = (self.n_rows, self.n_columns());
        // n·Σxy − Σx·Σy is exact, and then divided once by n and once by n − 1.
        let mut pairs = self.products.iter();
        let mut parts = vec![(0.0, 0); d * d];
        for i in 0..d {
            for (j, product) in (i..d).zip(&mut pairs) {
                let exact = product.times_minus_product(n, &self.values[i], &self.values[j]);
                let (value, exponent) = exact.value();
                let part = (value / n as f64 / (n - 1) as f64, exponent - 2 * 1074);
                (parts[i * d + j], parts[j * d + i]) = (part, part);
            }
        }
        let size = |&(value, exponent): &(f64, i32)| {
            if value == 0.0 { i32::MIN } else { powers::exponent(value) + exponent }
        };
        let greatest = parts.iter().map(size).max().unwrap_or(i32::MIN);
        let lift =
            if greatest == i32::MIN || greatest >= SMALL { 0 } else { (-greatest / 2).min(1000) };
        // What is smaller by 2²⁰⁰⁰ is 0 beside the greatest.
        let lifted = |(value, exponent): (f64, i32)| match exponent + 2 * lift {
            shift if value == 0.0 || shift < -2000 => 0.0,
            shift => times_two_to(value, shift),
        };
        (parts.into_iter().map(lifted).collect(), two_to(lift))
    }
}

/// Bits that a sum of 2⁶⁴ values of the greatest magnitude has above the least f64: 10¹⁴⁵ is below 2⁴⁸².
const VALUE_BITS: usize = 1074 + 482 + 64;
/// The same of their products, above the square of the least f64.
const PRODUCT_BITS: usize = 2 * (1074 + 482) + 64;

/// [`ExactMoments`] as they are stored, not yet checked.
#[derive(Deserialize)]
struct Stored {
    n_rows: u64,
    values: Vec<Digits>,
    products: Vec<Digits>,
}

impl TryFrom<Stored> for ExactMoments {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { n_rows, values, products } = stored;
        let d = values.len();
        if n_rows == 0
            || d == 0
            || d.checked_mul(d + 1).map(|pairs| pairs / 2) != Some(products.len())
        {
            let reason =
                "there are no rows or columns, or not as many products as pairs of columns";
            return Err(Error::snapshot("ExactMoments", reason));
        }
        let is_small = |sums: &[Digits], bits: usize| sums.iter().all(|sum| sum.n_bits() <= bits);
        let moments = Self { n_rows, values, products };
        if !is_small(&moments.values, VALUE_BITS)
            || !is_small(&moments.products, PRODUCT_BITS)
            || moments.variances().any(|variance| variance.is_negative())
        {
            let reason = "the sums are not those of any rows";
            return Err(Error::snapshot("ExactMoments", reason));
        }
        Ok(moments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rng::Stream;
    use crate::reduce::Pca;
    use ndarray::{Array2, Axis, s};

    fn table(n: usize, offset: f64, unit: f64) -> Array2<f64> {
        let mut stream = Stream::new(7, 0);
        Array2::from_shape_fn((n, 4), |(_, j)| ((j + 1) as f64 * stream.normal() + offset) * unit)
    }

    #[test]
    fn shards_and_orders_give_the_same_fit_to_the_bit_also_after_storage() {
        let x = table(1300, 5.0, 1.0);
        let fit = |moments: &ExactMoments| Pca::new(3).whiten().fit_moments(moments).unwrap();
        let all = ExactMoments::of(&x).unwrap();
        for cut in [1, 300, 1299] {
            let mut merged = ExactMoments::of(x.slice(s![cut.., ..;-1])).unwrap();
            assert!(merged.merge(&ExactMoments::of(x.slice(s![..cut, ..2])).unwrap()).is_err());
            merged.merge(&ExactMoments::of(x.slice(s![..cut, ..;-1])).unwrap()).unwrap();
            let flipped = ExactMoments::of(x.slice(s![.., ..;-1])).unwrap();
            assert_eq!(merged, flipped);
            let json = serde_json::to_string(&merged).unwrap();
            let stored: ExactMoments = serde_json::from_str(&json).unwrap();
            assert_eq!(fit(&stored), fit(&flipped));
        }
        let mut backwards = x.clone();
        backwards.invert_axis(Axis(0));
        assert_eq!(fit(&ExactMoments::of(&backwards).unwrap()), fit(&all));
    }

    #[test]
    fn the_fit_is_that_of_the_rows_at_any_offset_and_scale() {
        for (offset, unit) in [(0.0, 1.0), (1e9, 1.0), (3.0, 1e-200), (0.0, 1e140), (1.0, 1e-290)] {
            let x = table(900, offset, unit);
            let direct = Pca::new(4).fit(&x).unwrap();
            let exact = Pca::new(4).fit_moments(&ExactMoments::of(&x).unwrap()).unwrap();
            let off = &direct.components - &exact.components;
            assert!(off.iter().all(|v| v.abs() < 1e-11), "{offset} {unit} {off}");
            for (a, b) in direct.explained_ratio.iter().zip(&exact.explained_ratio) {
                assert!((a - b).abs() < 1e-12, "{offset} {unit}");
            }
            for (a, b) in direct.explained_variance.iter().zip(&exact.explained_variance) {
                assert!((a - b).abs() <= 1e-11 * b, "{offset} {unit} {a} {b}");
            }
            let (a, b) = (direct.transform(&x).unwrap(), exact.transform(&x).unwrap());
            assert!((a - b).iter().all(|v| v.abs() < 1e-6 * unit), "{offset} {unit}");
        }
    }

    #[test]
    fn stored_sums_of_no_rows_are_refused() {
        let stored = |value: &str, product: &str| {
            let json = format!(r#"{{"n_rows":2,"values":[{value}],"products":[{product}]}}"#);
            serde_json::from_str::<ExactMoments>(&json)
        };
        let digit = |low: usize| format!(r#"{{"negative":false,"low":{low},"digits":[1]}}"#);
        let none = r#"{"negative":false,"low":0,"digits":[]}"#;
        assert!(stored(&digit(180), &digit(0)).is_err(), "a value beyond the greatest");
        assert!(stored(none, &digit(200)).is_err(), "a square beyond the greatest");
        assert!(stored(&digit(50), none).is_err(), "squares of nothing");
        assert!(stored(none, &digit(98).replace("false", "true")).is_err(), "negative squares");
        assert!(stored(none, &digit(98)).is_ok());
        let extreme = ExactMoments::of(&[[1e145], [-1e145], [1e145]]).unwrap();
        let json = serde_json::to_string(&extreme).unwrap();
        assert_eq!(serde_json::from_str::<ExactMoments>(&json).unwrap(), extreme);
    }

    #[test]
    fn too_few_rows_and_equal_rows_are_treated_as_in_a_fit_of_rows() {
        let one = ExactMoments::of(&[[1.0, 2.0]]).unwrap();
        assert!(matches!(Pca::new(1).fit_moments(&one), Err(Error::TooFewSamples { .. })));
        let mut equal = one.clone();
        equal.merge(&one).unwrap();
        assert_eq!(Pca::new(1).fit_moments(&equal).unwrap().explained_variance, [0.0]);
        assert!(Pca::share(0.9).fit_moments(&equal).is_err());
        assert!(Pca::new(3).fit_moments(&equal).is_err());
        let wide = Array2::<f64>::zeros((2, 8193));
        assert!(matches!(Pca::new(1).fit(&wide), Err(Error::InvalidParameter { name: "x", .. })));
        assert!(ExactMoments::of(&wide).is_err());
        assert!(
            serde_json::from_str::<ExactMoments>(r#"{"n_rows":1,"values":[],"products":[]}"#)
                .is_err()
        );
    }
}
