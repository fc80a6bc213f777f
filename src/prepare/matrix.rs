//! A matrix whose columns still know their feature.

use std::ops::Deref;
use std::sync::Arc;

use ndarray::{Array2, ArrayRef2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::num::samples::Samples;

/// A column of a [`Matrix`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MatrixColumn {
    /// Its name, such as `spend` or `channel=web`.
    pub name: String,
    /// The feature it comes from, such as `spend` or `channel`.
    pub feature: String,
    /// Whether the feature is one of numbers; else it is one of categories.
    pub is_number: bool,
}

/// Numbers to compute with, `(n_samples, n_features)`; behaves as an ndarray matrix. Its rows are those of the
/// table, its columns those of the [`PreprocessorFit`](crate::prepare::PreprocessorFit) that made it.
///
/// Made by [`PreprocessorFit::transform`](crate::prepare::PreprocessorFit::transform); every
/// method's `fit` takes `&Matrix` as well as plain arrays and views.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    values: Array2<f64>,
    columns: Arc<[MatrixColumn]>,
}

impl Matrix {
    pub(crate) fn new(values: Array2<f64>, columns: Arc<[MatrixColumn]>) -> Self {
        debug_assert_eq!(values.ncols(), columns.len());
        Self { values, columns }
    }

    /// What the columns are.
    pub(crate) fn columns(&self) -> &[MatrixColumn] {
        &self.columns
    }
}

impl Deref for Matrix {
    type Target = ArrayRef2<f64>;

    fn deref(&self) -> &Self::Target {
        &self.values
    }
}

impl<'a> From<&'a Matrix> for Samples<'a> {
    fn from(matrix: &'a Matrix) -> Self {
        matrix.values.view().into()
    }
}

impl<'a> From<&'a Matrix> for ArrayView2<'a, f64> {
    fn from(matrix: &'a Matrix) -> Self {
        matrix.values.view()
    }
}
