//! A share in percent, one way everywhere: two significant digits, and never 0 % or 100 % for a share
//! that is not exactly that.

/// A share as it is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Percent {
    /// This many: `0`, `0.49`, `21`, `100`.
    About(String),
    /// Above 0 and less than a tenth of a percent.
    UnderTenth,
    /// Less than 100, and nearer to it than to 99.
    Over99,
}

impl From<f64> for Percent {
    fn from(share: f64) -> Self {
        match 100.0 * share {
            percent if percent <= 0.0 => Self::About("0".into()),
            percent if percent < 0.1 => Self::UnderTenth,
            percent if percent >= 100.0 => Self::About("100".into()),
            percent if percent >= 99.5 => Self::Over99,
            percent => {
                let decimals = usize::from(percent < 9.95) + usize::from(percent < 0.995);
                let text = format!("{percent:.decimals$}");
                let text = match decimals {
                    0 => &text,
                    _ => text.trim_end_matches('0').trim_end_matches('.'),
                };
                Self::About(text.into())
            }
        }
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::About(percent) => f.pad(&format!("{percent}%")),
            Self::UnderTenth => f.pad("under 0.1%"),
            Self::Over99 => f.pad("over 99%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_only_if_they_are() {
        for (share, text) in [
            (0.0, "0%"),
            (0.000_01, "under 0.1%"),
            (0.001, "0.1%"),
            (0.004_94, "0.49%"),
            (0.009_96, "1%"),
            (0.034, "3.4%"),
            (0.099_6, "10%"),
            (0.2149, "21%"),
            (0.994, "99%"),
            (0.995, "over 99%"),
            (0.999_9, "over 99%"),
            (1.0, "100%"),
        ] {
            assert_eq!(Percent::from(share).to_string(), text);
        }
    }
}
