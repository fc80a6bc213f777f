//! What was done to one feature, in numbers and in plain words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::options::WEIGHTS;
use super::scale::{ColumnScale, TailTransform};
use crate::features::ordered;

/// The name of the column that rare levels share.
pub(super) const OTHER: &str = "other";

/// What was done to one feature of the table. Shown in plain words:
/// `spend: logarithm beyond 20, then standardised (mean 5.213, sd 1.07); 3 missing → median 182.5`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeatureStep {
    /// The feature's name.
    pub(crate) feature: String,
    /// How it became columns, or why it did not.
    #[serde(with = "crate::num::exact")]
    pub(crate) encoding: Encoding,
    /// Rows without a value when fitted.
    pub(crate) n_missing: usize,
    /// Whether a last column, `<feature> missing`, marks the rows without a value.
    pub(crate) missing_indicator: bool,
    /// What its columns were multiplied by at the end.
    #[serde(with = "crate::num::exact")]
    pub(crate) weight: f64,
    /// The block of columns it is balanced with, if any; its weight then makes the block count as one
    /// column does.
    pub(crate) block: Option<String>,
}

/// How a feature became columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// One column of numbers.
    Numeric {
        /// What was done to its tail first.
        tail: TailTransform,
        /// How it was centred and scaled then.
        scale: ColumnScale,
        /// The median, which stands in for a missing value; in the feature's units.
        fill: f64,
    },
    /// One column of ranks 0, 1, …, of categories that are ordered by their form.
    Ordered {
        /// The levels, ascending.
        levels: Vec<String>,
        /// How the ranks were centred and scaled.
        scale: ColumnScale,
        /// Index of the median level, which stands in for a missing value.
        fill: usize,
    },
    /// One column per level, 0 or `height`.
    OneHot {
        /// The levels by name; the last is `other` if any were folded.
        levels: Vec<String>,
        /// Number of rare levels that share the column `other`.
        n_folded: usize,
        /// What stands for "has this level", before the weight.
        height: f64,
        /// Index of the most frequent level, which stands in for a missing value.
        fill: usize,
    },
    /// No column.
    Dropped(Dropped),
}

/// Why a feature has no column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Dropped {
    /// All values that are present are equal, or differ by no more than rounding.
    Constant,
    /// No row has a value.
    AllMissing,
    /// Its weight is 0.
    ZeroWeight,
    /// It has many levels and each is rare, as in a column of names or numbers of things.
    RareLevels,
}

impl FeatureStep {
    /// Number of columns it became.
    pub(crate) fn n_columns(&self) -> usize {
        let n_columns = match &self.encoding {
            Encoding::Numeric { .. } | Encoding::Ordered { .. } => 1,
            Encoding::OneHot { levels, .. } => levels.len(),
            Encoding::Dropped(_) => return 0,
        };
        n_columns + usize::from(self.missing_indicator)
    }

    /// What a restored step must hold so that no later call can panic or lie; else the rule broken.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let weight_is_sound = WEIGHTS.contains(&self.weight);
        let fill_exists = |fill: usize, levels: &[String]| fill < levels.len();
        match &self.encoding {
            Encoding::Dropped(_) if self.missing_indicator => {
                Err("a dropped feature has no indicator")
            }
            Encoding::Dropped(_) if self.weight == 0.0 => Ok(()),
            _ if !weight_is_sound => Err("a weight is out of range"),
            Encoding::Dropped(_) => Ok(()),
            Encoding::Numeric { tail, scale, fill } => {
                if matches!(tail, TailTransform::Log { bend } if !(bend.is_normal() && *bend > 0.0))
                {
                    return Err("a logarithm bends at a value that is not above 0");
                }
                if !fill.is_finite() {
                    return Err("a median is not finite");
                }
                check_scale(scale)
            }
            Encoding::Ordered { levels, scale, fill } => {
                let names: Vec<&str> = levels.iter().map(String::as_str).collect();
                let ascending = ordered::order(&names).is_some_and(|o| o.is_sorted());
                if !ascending || !fill_exists(*fill, levels) {
                    return Err("levels are not in order");
                }
                check_scale(scale)
            }
            Encoding::OneHot { levels, n_folded, height, fill } => {
                let named =
                    &levels[..levels.len() - usize::from(*n_folded > 0 && !levels.is_empty())];
                if !named.is_sorted_by(|a, b| a < b) || !fill_exists(*fill, levels) {
                    return Err("levels are not in order");
                }
                let folds = levels.last().is_some_and(|last| last == OTHER);
                if *n_folded > 0 && (!folds || named.iter().any(|level| level == OTHER)) {
                    return Err("rare levels have no column");
                }
                let sound = height.is_finite() && *height >= 1.0;
                if sound { Ok(()) } else { Err("a one-hot height is below 1") }
            }
        }
    }
}

fn check_scale(scale: &ColumnScale) -> Result<(), &'static str> {
    let sound = scale.centre().is_finite()
        && scale.width().is_finite()
        && scale.width() >= f64::MIN_POSITIVE;
    if sound { Ok(()) } else { Err("a centre or width is not a number to scale by") }
}

impl fmt::Display for FeatureStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.feature, self.encoding)?;
        if self.n_missing > 0 {
            write!(f, "; {} missing", self.n_missing)?;
            match &self.encoding {
                Encoding::Numeric { fill, .. } => write!(f, " → median {}", Short(*fill))?,
                Encoding::Ordered { levels, fill, .. } => {
                    write!(f, " → median level {}", levels[*fill])?;
                }
                Encoding::OneHot { levels, fill, .. } => {
                    write!(f, " → most frequent, {}", levels[*fill])?;
                }
                Encoding::Dropped(_) => {}
            }
        }
        if self.missing_indicator {
            write!(f, ", marked by a column")?;
        }
        if self.weight != 1.0 && !matches!(self.encoding, Encoding::Dropped(_)) {
            write!(f, "; weight {}", Short(self.weight))?;
        }
        if let Some(block) = &self.block {
            write!(f, "; in block {block}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numeric { tail: TailTransform::Kept, scale, .. } => scale.fmt(f),
            Self::Numeric { tail: TailTransform::Log { bend }, scale, .. } => {
                write!(f, "logarithm beyond {}, {}{scale}", Short(*bend), scale.then())
            }
            Self::Ordered { levels, scale, .. } => {
                write!(f, "ranks of {} ordered levels", levels.len())?;
                if let (Some(first), Some(last)) = (levels.first(), levels.last()) {
                    write!(f, " from {first} to {last}")?;
                }
                write!(f, ", {}{scale}", scale.then())
            }
            Self::OneHot { levels, n_folded, height, .. } => {
                write!(f, "one-hot, 0 or {}: ", Short(*height))?;
                write!(f, "{}", levels.join(", "))?;
                if *n_folded > 0 {
                    write!(f, " ({n_folded} rare levels)")?;
                }
                Ok(())
            }
            Self::Dropped(why) => why.fmt(f),
        }
    }
}

impl ColumnScale {
    fn then(&self) -> &'static str {
        if matches!(self, Self::AsIs) { "" } else { "then " }
    }
}

impl fmt::Display for ColumnScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (centre, width) = (Short(self.centre()), Short(self.width()));
        match self {
            Self::AsIs => write!(f, "not scaled"),
            Self::Standard { .. } => write!(f, "standardised (mean {centre}, sd {width})"),
            Self::Robust { .. } => write!(f, "scaled robustly (median {centre}, IQR {width})"),
            Self::MedianStd { .. } => {
                write!(f, "scaled robustly (median {centre}, sd {width} because the IQR is 0)")
            }
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "dropped, the same value wherever there is one",
            Self::AllMissing => "dropped, no values",
            Self::ZeroWeight => "left out by its weight",
            Self::RareLevels => "dropped, many levels and each is rare",
        })
    }
}

/// A number in four significant digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short(pub(super) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude != 0.0 && !(1e-3..1e7).contains(&magnitude) {
            return write!(f, "{:.3e}", self.0);
        }
        let decimals = (1..=6).find(|&d| magnitude * 10f64.powi(d) >= 1e3).unwrap_or(6);
        let decimals = if magnitude >= 1e3 { 0 } else { decimals as usize };
        let text = format!("{:.decimals$}", self.0);
        match text.contains('.') {
            true => f.write_str(text.trim_end_matches('0').trim_end_matches('.')),
            false => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(encoding: Encoding, n_missing: usize) -> FeatureStep {
        let feature = "f".to_owned();
        FeatureStep {
            feature,
            encoding,
            n_missing,
            missing_indicator: false,
            weight: 1.0,
            block: None,
        }
    }

    #[test]
    fn a_step_says_in_plain_words_what_was_done() {
        let tail = TailTransform::Log { bend: 2.0 };
        let scale = ColumnScale::Standard { mean: 5.2134, sd: 1.07 };
        let mut numeric = step(Encoding::Numeric { tail, scale, fill: 182.5 }, 3);
        let told = "f: logarithm beyond 2, then standardised (mean 5.213, sd 1.07); 3 missing → median 182.5";
        assert_eq!(numeric.to_string(), told);
        numeric.missing_indicator = true;
        numeric.weight = 2.0;
        assert_eq!(numeric.to_string(), format!("{told}, marked by a column; weight 2"));
        let levels = ["<1", "1", "2+"].map(String::from).to_vec();
        let ordered = step(Encoding::Ordered { levels, scale: ColumnScale::AsIs, fill: 1 }, 1);
        let told =
            "f: ranks of 3 ordered levels from <1 to 2+, not scaled; 1 missing → median level 1";
        assert_eq!(ordered.to_string(), told);
        let levels = ["a", "other"].map(String::from).to_vec();
        let one_hot = step(Encoding::OneHot { levels, n_folded: 7, height: 1.5, fill: 0 }, 0);
        assert_eq!(one_hot.to_string(), "f: one-hot, 0 or 1.5: a, other (7 rare levels)");
        let dropped = step(Encoding::Dropped(Dropped::AllMissing), 9);
        assert_eq!(dropped.to_string(), "f: dropped, no values; 9 missing");
    }

    #[test]
    fn numbers_are_told_in_four_digits() {
        for (number, told) in [
            (0.0, "0"),
            (-2.5, "-2.5"),
            (1234.6, "1235"),
            (0.012_345, "0.01235"),
            (999_999.4, "999999"),
            (100.0, "100"),
            (1e-300, "1.000e-300"),
            (-1.7e12, "-1.700e12"),
        ] {
            assert_eq!(Short(number).to_string(), told);
        }
    }
}
