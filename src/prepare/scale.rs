//! The two maps a number goes through, its tail and its scale, forwards and back.

use serde::{Deserialize, Serialize};

use crate::num::portable;

/// Values whose logarithms are taken together.
const TOGETHER: usize = 64;

/// What was done to a column's tail before scaling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum TailTransform {
    /// Nothing.
    Kept,
    /// `ln(1 + x / bend)` above 0 and `-ln(1 - x / bend)` below: nearly straight up to `bend`, a
    /// logarithm far beyond it.
    Log {
        /// The lower quartile of the magnitudes of values other than 0; above 0.
        bend: f64,
    },
}

impl TailTransform {
    /// Increasing; finite for every magnitude up to 1e145.
    pub(super) fn apply(self, values: &mut [f64]) {
        if let Self::Log { bend } = self {
            for values in values.chunks_mut(TOGETHER) {
                let mut tamed = [0.0; TOGETHER];
                let tamed = &mut tamed[..values.len()];
                tamed.iter_mut().zip(&*values).for_each(|(t, x)| *t = (x / bend).abs());
                portable::ln_1p_all(tamed);
                values.iter_mut().zip(tamed).for_each(|(x, t)| *x = t.copysign(*x));
            }
        }
    }

    /// As [`TailTransform::apply`], for numbers that each have a transform of their own.
    pub(super) fn apply_each(values: &mut [(Self, f64)]) {
        let magnitude = |(tail, x): &(Self, f64)| match tail {
            Self::Kept => None,
            Self::Log { bend } => Some((x / bend).abs()),
        };
        let mut tamed = Vec::with_capacity(values.len());
        tamed.extend(values.iter().filter_map(magnitude));
        portable::ln_1p_all(&mut tamed);
        let logs = values.iter_mut().filter(|(tail, _)| *tail != Self::Kept);
        logs.zip(tamed).for_each(|((_, x), t)| *x = t.copysign(*x));
    }

    pub(super) fn invert(self, t: f64) -> f64 {
        match self {
            Self::Kept => t,
            Self::Log { bend } => bend * portable::exp_m1(t.abs()).copysign(t),
        }
    }
}

/// How a column was centred and scaled: `(x - centre) / width`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum ColumnScale {
    /// Not at all.
    AsIs,
    /// To mean 0 and standard deviation 1.
    Standard {
        /// Mean of the values that are present.
        mean: f64,
        /// Their population standard deviation.
        sd: f64,
    },
    /// To median 0 and interquartile range 1.
    Robust {
        /// Median of the values that are present.
        median: f64,
        /// Their interquartile range, type 7.
        iqr: f64,
    },
    /// To median 0 and standard deviation 1: robust scaling where half the values are equal, so
    /// that the interquartile range is 0.
    MedianStd {
        /// Median of the values that are present.
        median: f64,
        /// Their population standard deviation.
        sd: f64,
    },
}

impl ColumnScale {
    /// What is taken off.
    pub(crate) fn centre(&self) -> f64 {
        match *self {
            Self::AsIs => 0.0,
            Self::Standard { mean, .. } => mean,
            Self::Robust { median, .. } | Self::MedianStd { median, .. } => median,
        }
    }

    /// What is divided by.
    pub(crate) fn width(&self) -> f64 {
        match *self {
            Self::AsIs => 1.0,
            Self::Standard { sd, .. } | Self::MedianStd { sd, .. } => sd,
            Self::Robust { iqr, .. } => iqr,
        }
    }

    pub(super) fn apply(&self, t: f64) -> f64 {
        let distance = t - self.centre();
        if distance.is_finite() {
            distance / self.width()
        } else {
            // Two numbers near ±1.8e308: halves have a difference.
            (t / 2.0 - self.centre() / 2.0) / (self.width() / 2.0)
        }
    }

    pub(super) fn invert(&self, z: f64) -> f64 {
        z * self.width() + self.centre()
    }
}
