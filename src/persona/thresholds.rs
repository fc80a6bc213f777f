//! The thresholds a difference must pass to be told, in one place.

use serde::{Deserialize, Serialize};

use super::vocabulary::Vocabulary;
use crate::{Error, Result};

/// Fewest people a description may be about.
const FLOOR: usize = 5;

/// How personas are described; see [`Describer::describe`].
///
/// ```
/// use personas::persona::Describer;
///
/// let strict = Describer { min_size: 50, min_effect: 0.33, ..Describer::default() };
/// assert_eq!((strict.max_traits, strict.min_known), (5, 0.7));
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Describer {
    /// Fewest people that a description may be about: a group, the others it is compared with, or the people in
    /// a category. Smaller groups have a size and no description. At least 5; 20 by default. This keeps single
    /// people from being described, but does not prevent every inference: if you publish counts of the same
    /// people twice, round them.
    pub min_size: usize,
    /// Describes groups of any size, even one person. For synthetic data and tests: on real people a
    /// description of a few is a description of each.
    pub any_size: bool,
    /// Share of the members, and of the others, whose value must be known for a trait; 0.7 by default. Where fewer
    /// are known, being unknown may be told, and never names a persona.
    #[serde(with = "crate::num::exact")]
    pub min_known: f64,
    /// Least effect, in absolute value, of a trait; in [0, 1]; 0.147, a "small" Cliff's delta (Romano
    /// et al. 2006).
    #[serde(with = "crate::num::exact")]
    pub min_effect: f64,
    /// Least effect, in absolute value, of a trait that a group may be named after; in [0, 1]; 0.33, a
    /// "medium" Cliff's delta (Romano et al. 2006). A group without such a trait is named after the weaker ones that
    /// are told.
    #[serde(with = "crate::num::exact")]
    pub min_name_effect: f64,
    /// Share of the members who must fit all traits of a name at once; 0.5 by default.
    #[serde(with = "crate::num::exact")]
    pub min_name_fit: f64,
    /// Most traits of a description; 5 by default.
    pub max_traits: usize,
    /// The words of names and sentences: labels and units of features, sayings, templates. Records keep
    /// the names of the table.
    pub vocabulary: Vocabulary,
}

impl Default for Describer {
    fn default() -> Self {
        Self {
            min_size: 20,
            any_size: false,
            min_known: 0.7,
            min_effect: 0.147,
            min_name_effect: 0.33,
            min_name_fit: 0.5,
            max_traits: 5,
            vocabulary: Vocabulary::default(),
        }
    }
}

impl Describer {
    /// The smallest group that is described.
    pub(super) fn least(&self) -> usize {
        if self.any_size { 1 } else { self.min_size }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.min_size < FLOOR && !self.any_size {
            let expected = format!("at least {FLOOR}, or any_size set");
            return Err(Error::parameter("min_size", expected, self.min_size));
        }
        let shares = [
            ("min_known", self.min_known),
            ("min_effect", self.min_effect),
            ("min_name_effect", self.min_name_effect),
            ("min_name_fit", self.min_name_fit),
        ];
        for (name, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::parameter(name, "in [0, 1]", value));
            }
        }
        self.vocabulary.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_of_five_needs_a_named_way_around() {
        let with = |min_size| Describer { min_size, ..Describer::default() };
        assert!(with(5).check().is_ok());
        assert!(Describer { any_size: true, ..Describer::default() }.check().is_ok());
        assert!(Describer { any_size: true, ..with(4) }.check().is_ok());
        let error = with(4).check().unwrap_err();
        assert_eq!(error.to_string(), "min_size must be at least 5, or any_size set, but is 4");
    }

    #[test]
    fn shares_outside_their_range_are_refused_by_name() {
        for bad in [f64::NAN, -0.1, 1.1] {
            let error = Describer { min_effect: bad, ..Describer::default() }.check().unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "min_effect", .. }));
            let error = Describer { min_known: bad, ..Describer::default() }.check().unwrap_err();
            assert!(matches!(error, Error::InvalidParameter { name: "min_known", .. }));
        }
    }
}
