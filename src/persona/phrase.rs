//! Traits and middles in words, and groups by name.
//!
//! A small vocabulary turns well-known features into what one would say of people ("big
//! spenders"); it applies only if it covers every word of a feature's name, as `web_spend_share`
//! is not spending. Everything else is said plainly: "high web spend share". Templates, no
//! invention: the same numbers always give the same words.

use super::card::{Center, Contrast, Fitting, Summary};
use super::effect::Effect;
use super::words::{capitalised, label, measure, percent, ratio, words};

/// Words that must all occur, and what to call people with high and with low values.
struct Entry {
    names: &'static [&'static [&'static str]],
    high: &'static str,
    low: &'static str,
}

const VOCABULARY: &[Entry] = &[
    Entry {
        names: &[&["recency"], &["since", "last"], &["since", "last", "purchase"]],
        high: "long absent",
        low: "recently active",
    },
    Entry {
        names: &[
            &["tenure"],
            &["since", "first"],
            &["since", "first", "purchase"],
            &["account", "age"],
        ],
        high: "long-standing customers",
        low: "new customers",
    },
    Entry {
        names: &[
            &["frequency"],
            &["purchase"],
            &["purchases"],
            &["order"],
            &["orders"],
            &["transaction"],
            &["transactions"],
        ],
        high: "frequent buyers",
        low: "rare buyers",
    },
    Entry {
        names: &[&["visit"], &["visits"], &["session"], &["sessions"], &["trips"]],
        high: "frequent visitors",
        low: "rare visitors",
    },
    Entry {
        names: &[
            &["monetary"],
            &["spend"],
            &["spending"],
            &["spent"],
            &["revenue"],
            &["sales"],
            &["amount"],
            &["purchase", "amount"],
        ],
        high: "big spenders",
        low: "small spenders",
    },
    Entry {
        names: &[
            &["basket"],
            &["basket", "value"],
            &["basket", "size"],
            &["order", "value"],
            &["spend", "per", "order"],
        ],
        high: "large baskets",
        low: "small baskets",
    },
    Entry {
        names: &[
            &["coupon"],
            &["coupons"],
            &["coupon", "redeemed"],
            &["coupon", "redemptions"],
            &["coupons", "redeemed"],
        ],
        high: "many coupons",
        low: "few coupons",
    },
    Entry {
        names: &[&["gap"], &["between", "visits"], &["between", "purchases"]],
        high: "long gaps between visits",
        low: "short gaps between visits",
    },
    Entry {
        names: &[&["discount"], &["discount", "share"], &["discounts"]],
        high: "high discounts",
        low: "low discounts",
    },
    Entry { names: &[&["returns"], &["refunds"]], high: "many returns", low: "few returns" },
    Entry { names: &[&["household", "size"]], high: "large households", low: "small households" },
    Entry {
        names: &[&["department"], &["departments"], &["category"], &["categories"]],
        high: "broad choice",
        low: "narrow choice",
    },
    Entry { names: &[&["age"]], high: "older", low: "younger" },
];

/// Words that do not change what is counted.
const NEUTRAL: &[&str] = &[
    "total", "sum", "mean", "average", "avg", "median", "count", "number", "num", "n", "of",
    "days", "years", "unique", "distinct",
];

fn entry(feature: &str) -> Option<&'static Entry> {
    let lower = feature.to_lowercase();
    let content: Vec<&str> = words(&lower).filter(|word| !NEUTRAL.contains(word)).collect();
    VOCABULARY.iter().find(|entry| entry.names.iter().any(|name| *name == content))
}

/// A trait in two or three words.
pub(super) fn phrase(feature: &str, contrast: &Contrast, effect: Effect) -> String {
    let label = label(feature);
    let more = effect.size > 0.0;
    match contrast {
        Contrast::Numeric { .. } => match entry(feature) {
            Some(entry) => if more { entry.high } else { entry.low }.to_owned(),
            None => plain(&label, more),
        },
        Contrast::Category { category, .. } => {
            let said = match category.to_lowercase().as_str() {
                "true" | "yes" => label,
                "false" | "no" => format!("no {label}"),
                _ => format!("{label} {category}"),
            };
            if more { said } else { format!("rarely {said}") }
        }
        Contrast::Missing { .. } => {
            format!("{label} {}", if more { "often unknown" } else { "mostly known" })
        }
    }
}

/// High or low values of a feature that the vocabulary does not know: "often campaign mailed",
/// "little PRODUCE", "high web visits".
fn plain(label: &str, more: bool) -> String {
    let pick = |high: &'static str, low: &'static str| if more { high } else { low };
    if let Some(event) = label.strip_prefix("number of ") {
        return format!("{} {event}", pick("often", "seldom"));
    }
    if let Some(part) = label.strip_prefix("share of ") {
        return format!("{} {part}", pick("much", "little"));
    }
    format!("{} {label}", pick("high", "low"))
}

/// A trait in a sentence with its numbers. `known` is (members with a value, members).
pub(super) fn sentence(
    feature: &str,
    contrast: &Contrast,
    effect: Effect,
    fitting: Fitting,
    known: (usize, usize),
) -> String {
    let mut text = format!("{}: ", capitalised(&phrase(feature, contrast, effect)));
    match contrast {
        &Contrast::Numeric { median, median_others, median_all } => {
            let said = |value| measure(feature, value);
            let (label, [pairs, low, high]) = (label(feature), effect.pairs().map(percent));
            let direction = if effect.size > 0.0 { "higher" } else { "lower" };
            text += &format!("median {label} {}", said(median));
            match ratio(median, median_all) {
                Some(times) => text += &format!(", {times} the overall {}", said(median_all)),
                None => text += &format!(", overall {}", said(median_all)),
            }
            text += &format!(" (others {})", said(median_others));
            if median == median_others {
                // The medians do not show the difference; the shares on the group's side do.
                text += &format!(
                    "; {} on the {direction} side (others {})",
                    percent(fitting.members),
                    percent(fitting.others)
                );
            }
            text +=
                &format!("; {direction} than someone else in {pairs} of pairs ({low} to {high})");
            let (n, size) = known;
            if n < size {
                text += &format!("; known for {n} of {size}");
            }
        }
        &Contrast::Category { share, share_others, lift, .. }
        | &Contrast::Missing { share, share_others, lift } => {
            text += &format!("{} (others {})", percent(share), percent(share_others));
            if let Some(times) = ratio(lift, 1.0) {
                text += &format!(", {times} the overall share");
            }
            let (n, size) = known;
            if n < size && matches!(contrast, Contrast::Category { .. }) {
                text += &format!("; known for {n} of {size}");
            }
        }
    }
    text + "."
}

/// The middle of a group in a few words: `median 12 days`, `mostly 25-34`.
pub(super) fn center(summary: &Summary) -> Option<String> {
    summary.center.as_ref().map(|center| match center {
        Center::Median(median) => format!("median {}", measure(&summary.feature, *median)),
        Center::Mostly { category, .. } => format!("mostly {category}"),
    })
}

/// One name per group, all different, from its phrases, strongest first; none for a group that is
/// too small to be described.
///
/// Two phrases make a name. Groups that would share it get their next phrase each, as long as they
/// have one; what is still equal is numbered.
pub(super) fn names(groups: &[Option<Vec<String>>]) -> Vec<String> {
    let mut used: Vec<usize> = groups.iter().map(|_| 2).collect();
    let name = |group: &Option<Vec<String>>, used: usize| match group {
        None => "Small group".to_owned(),
        Some(phrases) if phrases.is_empty() => "Average".to_owned(),
        Some(phrases) => capitalised(&phrases[..used.min(phrases.len())].join(", ")),
    };
    loop {
        let names: Vec<String> = groups.iter().zip(&used).map(|(g, &u)| name(g, u)).collect();
        let shared = |i: usize| (0..names.len()).any(|j| j != i && names[j] == names[i]);
        let more = |i: usize| groups[i].as_ref().is_some_and(|phrases| used[i] < phrases.len());
        let longer: Vec<usize> = (0..names.len()).filter(|&i| more(i) && shared(i)).collect();
        if longer.is_empty() {
            return numbered(names);
        }
        longer.into_iter().for_each(|i| used[i] += 1);
    }
}

/// Appends 2, 3, … to repeated names, skipping what is taken.
fn numbered(names: Vec<String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let taken = |candidate: &String| {
            distinct.contains(candidate) || (candidate != name && names.contains(candidate))
        };
        let candidates = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name} {n}")));
        // Among len + 1 different candidates one is free.
        let free = candidates.take(2 * names.len() + 1).find(|candidate| !taken(candidate));
        distinct.push(free.unwrap_or_else(|| format!("{name} {i}")));
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(size: f64) -> Effect {
        let (low, high) = ((size - 0.1).max(-1.0), (size + 0.1).min(1.0));
        Effect { size, low, high }
    }

    fn numeric(median: f64, median_others: f64, median_all: f64) -> Contrast {
        Contrast::Numeric { median, median_others, median_all }
    }

    #[test]
    fn well_known_features_are_said_in_human_words() {
        let said = |feature: &str, size| phrase(feature, &numeric(0.0, 0.0, 0.0), effect(size));
        assert_eq!(said("monetary", 0.5), "big spenders");
        assert_eq!(said("Total_Spend", -0.5), "small spenders");
        assert_eq!(said("recency_days", -0.5), "recently active");
        assert_eq!(said("days_since_last_purchase", 0.5), "long absent");
        assert_eq!(said("web_spend_share", 0.5), "high web spend share");
        assert_eq!(said("gap_days", -0.5), "short gaps between visits");
        assert_eq!(said("number of coupon_redeemed", 0.5), "many coupons");
        assert_eq!(said("number of campaign_mailed", -0.5), "seldom campaign mailed");
        assert_eq!(said("share of PRODUCE", 0.5), "much PRODUCE");
    }

    #[test]
    fn categories_are_said_with_their_feature() {
        let said = |category: &str, size| {
            let (share, share_others, lift) = (0.0, 0.0, 0.0);
            let category = category.to_owned();
            let contrast = Contrast::Category { category, share, share_others, lift };
            phrase("home_owner", &contrast, effect(size))
        };
        assert_eq!(said("yes", 0.5), "home owner");
        assert_eq!(said("No", 0.5), "no home owner");
        assert_eq!(said("flat", 0.5), "home owner flat");
        assert_eq!(said("flat", -0.5), "rarely home owner flat");
    }

    #[test]
    fn a_sentence_carries_the_numbers() {
        let fitting = Fitting { members: 0.9, others: 0.4 };
        let said = |feature, contrast: &Contrast, size| {
            sentence(feature, contrast, effect(size), fitting, (30, 40))
        };
        assert_eq!(
            said("monetary", &numeric(230.0, 84.0, 100.0), 0.62),
            "Big spenders: median monetary 230, 2.3 times the overall 100 (others 84); \
             higher than someone else in 81% of pairs (76% to 86%); known for 30 of 40."
        );
        assert_eq!(
            said("recency_days", &numeric(1.0, 9.0, 4.0), -1.0),
            "Recently active: median recency 1 day, 25% of the overall 4 days (others 9 days); \
             lower than someone else in 100% of pairs (95% to 100%); known for 30 of 40."
        );
        let contrast = Contrast::Missing { share: 0.5, share_others: 0.1, lift: 2.5 };
        assert_eq!(
            said("age", &contrast, 0.4),
            "Age often unknown: 50% (others 10%), 2.5 times the overall share."
        );
    }

    #[test]
    fn names_differ_by_the_next_phrase_and_only_then_by_number() {
        let group = |phrases: &[&str]| Some(phrases.iter().map(|&p| p.to_owned()).collect());
        let names = names(&[
            group(&["a", "b", "c"]),
            group(&["a", "b", "d", "e"]),
            group(&["a", "b"]),
            group(&[]),
            group(&[]),
            group(&["average 2"]),
            None,
        ]);
        let expected =
            ["A, b, c", "A, b, d", "A, b", "Average", "Average 3", "Average 2", "Small group"];
        assert_eq!(names, expected);
    }
}
