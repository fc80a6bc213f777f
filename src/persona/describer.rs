//! The thresholds a difference must pass to be told, in one place.

use serde::{Deserialize, Serialize};

use super::{Grouping, PersonaModel};
use crate::prepare::PreprocessorFit;
use crate::{Error, FeatureTable, Result};

/// Fewest people a description may be about, short of [`Describer::any_size`].
const FLOOR: usize = 5;

/// How personas are described. [`PersonaModel::describe`] uses the defaults.
///
/// ```
/// use personas::persona::Describer;
///
/// let strict = Describer::new().min_size(50).min_effect(0.33).max_traits(3);
/// assert_ne!(strict, Describer::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Describer {
    pub(super) min_size: usize,
    floor: usize,
    pub(super) min_effect: f64,
    pub(super) min_name_effect: f64,
    pub(super) max_traits: usize,
}

impl Default for Describer {
    fn default() -> Self {
        Self { min_size: 20, floor: FLOOR, min_effect: 0.147, min_name_effect: 0.33, max_traits: 5 }
    }
}

impl Describer {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fewest people that anything is said about: a group, the rest it is compared with, or the
    /// holders of a category. Smaller groups keep their size and are not described. At least 5;
    /// default 20. Protects single people from being described, not against every inference:
    /// whoever publishes counts of the same people twice should round them.
    #[must_use]
    pub fn min_size(mut self, min_size: usize) -> Self {
        (self.min_size, self.floor) = (min_size, FLOOR);
        self
    }

    /// Describes groups of any size, even one person. For synthetic data and tests: on real people
    /// a description of a few is a description of each.
    #[must_use]
    pub fn any_size(mut self) -> Self {
        (self.min_size, self.floor) = (1, 1);
        self
    }

    /// Least effect, in absolute value, of a trait; in [0, 1], default 0.147, a "small" Cliff's
    /// delta (Romano et al. 2006).
    #[must_use]
    pub fn min_effect(mut self, min_effect: f64) -> Self {
        self.min_effect = min_effect;
        self
    }

    /// Least effect, in absolute value, of a trait that a group may be named after; in [0, 1],
    /// default 0.33, a "medium" Cliff's delta (Romano et al. 2006).
    #[must_use]
    pub fn min_name_effect(mut self, min_name_effect: f64) -> Self {
        self.min_name_effect = min_name_effect;
        self
    }

    /// Most traits of a description; default 5.
    #[must_use]
    pub fn max_traits(mut self, max_traits: usize) -> Self {
        self.max_traits = max_traits;
        self
    }

    /// Describes groups with these thresholds; as [`PersonaModel::describe`].
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a threshold outside its range, and those of
    /// [`PersonaModel::describe`].
    pub fn describe(
        &self,
        table: &FeatureTable,
        prep: &PreprocessorFit,
        groups: impl Into<Grouping>,
    ) -> Result<PersonaModel> {
        self.check()?;
        PersonaModel::build(table, prep, groups.into(), self)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.min_size < self.floor.max(1) {
            let expected = format!("at least {FLOOR}, or any_size()");
            return Err(Error::parameter("min_size", expected, self.min_size));
        }
        let effects = [("min_effect", self.min_effect), ("min_name_effect", self.min_name_effect)];
        for (name, value) in effects {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::parameter(name, "in [0, 1]", value));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_of_five_needs_a_named_way_around() {
        assert!(Describer::new().min_size(5).check().is_ok());
        assert!(Describer::new().any_size().check().is_ok());
        let error = Describer::new().any_size().min_size(4).check().unwrap_err();
        assert_eq!(error.to_string(), "min_size must be at least 5, or any_size(), but is 4");
    }

    #[test]
    fn effects_outside_their_range_are_refused_by_name() {
        for bad in [f64::NAN, -0.1, 1.1] {
            let error = Describer::new().min_effect(bad).check().unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "min_effect", .. }));
            let error = Describer::new().min_name_effect(bad).check().unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "min_name_effect", .. }));
        }
    }
}
