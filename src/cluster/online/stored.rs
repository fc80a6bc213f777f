//! What a stored model must be like, so that the restored one can go on.

use serde::Deserialize;

use super::half_life::{Age, Decay};
use super::moments::Moments;
use crate::{Error, Result};

/// An [`OnlineKMeans`](super::OnlineKMeans) as it is stored, not yet checked.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    pub(super) decay: Decay,
    #[serde(with = "crate::num::exact")]
    pub(super) reassignment_ratio: f64,
    pub(super) moments: Moments,
    pub(super) age: Age,
    pub(super) clock_ms: Option<i64>,
    pub(super) passed_by: Vec<u64>,
    pub(super) n_rows: u64,
    pub(super) n_reseeded: u64,
}

impl Stored {
    /// Whether a model can go on from this.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] or [`Error::InvalidSnapshot`], saying what is wrong.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |reason: &'static str| Err(Error::snapshot("OnlineKMeans", reason));
        self.decay.check()?;
        check_ratio(self.reassignment_ratio)?;
        if let Some(reason) = self.moments.broken_rule() {
            return invalid(reason);
        }
        if !self.age.fits(self.decay) {
            return invalid("the age is not within one half-life");
        }
        if self.passed_by.len() != self.moments.weights.len() {
            return invalid("not every cluster says how many rows passed it by");
        }
        Ok(())
    }
}

pub(super) fn check_ratio(ratio: f64) -> Result<()> {
    if (0.0..1.0).contains(&ratio) {
        return Ok(());
    }
    Err(Error::parameter("reassignment_ratio", "0 or more and below 1", ratio))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::OnlineKMeans;
    use serde_json::Value;

    #[test]
    fn broken_snapshots_are_refused() {
        let start = [[0.1, 1.0], [9.0, 4.0]];
        let mut model = OnlineKMeans::new(&start, Decay::HalfLifePoints(8.0)).unwrap();
        model.learn(&[[0.0, 1.0], [0.2, 1.0], [9.0, 4.0]], None).unwrap();
        model.learn(&[[8.0, 3.0], [1.0, 1.0]], None).unwrap();
        let stored = serde_json::to_value(&model).unwrap();
        assert_eq!(serde_json::from_value::<OnlineKMeans>(stored.clone()).unwrap(), model);
        let check = |change: fn(&mut Value), message: &str| {
            let mut broken = stored.clone();
            change(&mut broken);
            let error = serde_json::from_value::<OnlineKMeans>(broken).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        };
        check(|v| v["decay"]["HalfLifePoints"] = 0.0.into(), "above 0");
        check(|v| v["reassignment_ratio"] = 1.0.into(), "reassignment_ratio");
        check(|v| v["moments"]["weights"] = Vec::<f64>::new().into(), "no clusters");
        check(|v| v["moments"]["means"] = vec![1.0; 3].into(), "fill a matrix");
        check(|v| v["moments"]["squares"] = vec![1.0; 3].into(), "same length");
        check(|v| v["moments"]["weights"][0] = (-1.0).into(), "weight");
        check(|v| v["moments"]["weights"][0] = 1e300.into(), "weight");
        check(|v| v["moments"]["means"][0] = 1e300.into(), "too large");
        check(|v| v["moments"]["carries"][0] = 0.5.into(), "rounded");
        check(|v| v["moments"]["squares"][3] = (-1e-9).into(), "squares");
        check(|v| v["moments"]["squares"][3] = 1e300.into(), "squares");
        check(|v| v["moments"]["weights"] = vec![0.0, 1.0].into(), "squares");
        check(|v| v["age"] = 8.0.into(), "age");
        check(|v| v["age"] = (-1.0).into(), "age");
        check(|v| v["passed_by"] = vec![0].into(), "passed");
    }
}
