//! Forgetting: a weight halves with every half-life, exactly, however finely time is cut.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009): old weights are not multiplied at
//! every step; a new row counts for more instead, 2^(age / half-life), where the age is that of the
//! moment the weights are stored at. Whole half-lives are taken out of the age and halve the stored
//! weights, which costs no digit. So a row's weight is the same after a thousand small steps as
//! after one large step (to the bit if the half-life is a whole number of rows or milliseconds),
//! and nothing ever overflows: the age stays below one half-life.

use serde::{Deserialize, Serialize};

use crate::num::portable;
use crate::num::powers::two_to;
use crate::{Error, Result};

const DAY_MS: f64 = 86_400_000.0;

/// How an [`OnlineKMeans`](super::OnlineKMeans) forgets: what a half-life is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Decay {
    /// Nothing is forgotten: a centroid is the mean of all rows it ever got.
    #[default]
    None,
    /// Weights halve with every so many rows learned, of whichever cluster; above 0 and finite.
    #[serde(with = "crate::num::exact")]
    HalfLifePoints(f64),
    /// Weights halve with every so many days of 24 hours; above 0 and finite.
    #[serde(with = "crate::num::exact")]
    HalfLifeDays(f64),
}

impl Decay {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::HalfLifePoints(h) | Self::HalfLifeDays(h) if !(h > 0.0 && h.is_finite()) => {
                Err(Error::parameter("decay", "a half-life above 0 and finite", h))
            }
            _ => Ok(()),
        }
    }

    /// The half-life in rows or in milliseconds; infinite for none.
    fn length(self) -> f64 {
        match self {
            Self::None => f64::INFINITY,
            Self::HalfLifePoints(rows) => rows,
            Self::HalfLifeDays(days) => days * DAY_MS,
        }
    }

    /// How far the age goes on with so many rows.
    pub(crate) fn step_of_rows(self, n_rows: usize) -> f64 {
        if matches!(self, Self::HalfLifePoints(_)) { n_rows as f64 } else { 0.0 }
    }

    /// How far the age goes on from one moment to another; not at all backwards.
    pub(crate) fn step_of_time(self, from_ms: i64, to_ms: i64) -> f64 {
        let forwards = matches!(self, Self::HalfLifeDays(_)) && to_ms > from_ms;
        if forwards { to_ms.abs_diff(from_ms) as f64 } else { 0.0 }
    }
}

/// Time since the moment the weights are stored at, in the half-life's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Age(#[serde(with = "crate::num::exact")] f64);

impl Age {
    /// Whether this is an age that [`pass`](Self::pass) leaves.
    pub(crate) fn fits(self, decay: Decay) -> bool {
        self.0 >= 0.0 && self.0 < decay.length() && (decay != Decay::None || self.0 == 0.0)
    }

    /// Goes on by `step`; what the stored weights must be multiplied by: 1, a power of ½, or 0.
    pub(crate) fn pass(&mut self, step: f64, decay: Decay) -> f64 {
        debug_assert!(step >= 0.0);
        let length = decay.length();
        let total = self.0 + step;
        self.0 = total % length;
        let halvings = ((total - self.0) / length).round();
        // Beyond a thousand halvings nothing is left that any row would notice.
        if halvings < 1000.0 { two_to(-(halvings as i32)) } else { 0.0 }
    }

    /// What a row of this moment counts beside the stored weights, in [1, 2].
    pub(crate) fn unit(self, decay: Decay) -> f64 {
        portable::exp2(self.0 / decay.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_age_as_much_as_a_large_one() {
        for length in [7.0, 0.3, 1000.0, 1e-3, 12.5] {
            let decay = Decay::HalfLifePoints(length);
            let (mut fine, mut coarse) = (Age::default(), Age::default());
            let mut factor = 1.0;
            for _ in 0..40 {
                factor *= fine.pass(1.0, decay);
            }
            let expected = coarse.pass(40.0, decay) / coarse.unit(decay);
            assert!((factor / fine.unit(decay) - expected).abs() <= 1e-13 * expected, "{length}");
            assert!(fine.fits(decay) && coarse.fits(decay));
        }
    }

    #[test]
    fn extreme_half_lives_and_steps_neither_overflow_nor_leave_the_range() {
        for length in [f64::MIN_POSITIVE, 5e-324, 1e-9, 1.0, 1e300, f64::MAX] {
            for decay in [Decay::HalfLifePoints(length), Decay::HalfLifeDays(length)] {
                let mut age = Age::default();
                for step in [0.0, 1.0, 3.0, 2f64.powi(64)] {
                    let factor = age.pass(step, decay);
                    assert!((0.0..=1.0).contains(&factor) && age.fits(decay), "{decay:?} {step}");
                    assert!((1.0..=2.0).contains(&age.unit(decay)));
                }
            }
        }
        let mut age = Age::default();
        assert_eq!((age.pass(1e9, Decay::None), age.unit(Decay::None)), (1.0, 1.0));
    }

    #[test]
    fn time_backwards_is_no_time() {
        let decay = Decay::HalfLifeDays(1.0);
        assert_eq!(decay.step_of_time(5, 3), 0.0);
        assert_eq!(decay.step_of_time(i64::MIN, i64::MAX), 2f64.powi(64));
        assert_eq!(Decay::HalfLifePoints(1.0).step_of_time(3, 5), 0.0);
    }
}
