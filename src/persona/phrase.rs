//! Traits and middles in words, and groups by name.
//!
//! A small vocabulary turns well-known features into what one would say of people ("big
//! spenders"); it applies only if it covers every word of a feature's name, as `web_spend_share`
//! is not spending. Everything else is said plainly: "high web spend share". Templates, no
//! invention: the same numbers always give the same words.

use std::collections::BTreeMap;

use super::card::{Center, Contrast, Summary, Trait};
use super::effect::Effect;
use super::words::{called, capitalised, in_ten, measure, percent, ratio, words};
use crate::features::Values;

/// Words that must all occur, and what to call people with high and with low values.
struct Entry {
    /// Counts something: a mean of it is another thing.
    counts: bool,
    names: &'static [&'static [&'static str]],
    high: &'static str,
    low: &'static str,
}

const VOCABULARY: &[Entry] = &[
    Entry {
        counts: false,
        names: &[&["recency"], &["since", "last"], &["since", "last", "purchase"]],
        high: "long absent",
        low: "recently active",
    },
    Entry {
        counts: false,
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
        counts: true,
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
        counts: true,
        names: &[&["visit"], &["visits"], &["session"], &["sessions"], &["trips"]],
        high: "frequent visitors",
        low: "rare visitors",
    },
    Entry {
        counts: false,
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
        counts: false,
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
        counts: false,
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
        counts: false,
        names: &[&["gap"], &["between", "visits"], &["between", "purchases"]],
        high: "long gaps between visits",
        low: "short gaps between visits",
    },
    Entry {
        counts: false,
        names: &[&["discount"], &["discount", "share"], &["discounts"]],
        high: "high discounts",
        low: "low discounts",
    },
    Entry {
        counts: false,
        names: &[&["returns"], &["refunds"]],
        high: "many returns",
        low: "few returns",
    },
    Entry {
        counts: false,
        names: &[&["household", "size"]],
        high: "large households",
        low: "small households",
    },
    Entry {
        counts: false,
        names: &[&["department"], &["departments"], &["category"], &["categories"]],
        high: "broad choice",
        low: "narrow choice",
    },
    Entry { counts: false, names: &[&["age"]], high: "older", low: "younger" },
];

/// Words that do not change what is counted.
const NEUTRAL: &[&str] =
    &["total", "sum", "count", "number", "num", "n", "of", "days", "years", "unique", "distinct"];

/// Words that do not change an amount, but make a count one: an average order is money.
const AVERAGES: &[&str] = &["mean", "average", "avg", "median"];

fn entry(feature: &str) -> Option<&'static Entry> {
    let lower = feature.to_lowercase();
    let is_average = words(&lower).any(|word| AVERAGES.contains(&word));
    let is_content = |word: &&str| !NEUTRAL.contains(word) && !AVERAGES.contains(word);
    let content: Vec<&str> = words(&lower).filter(is_content).collect();
    let known = |content: &[&str]| VOCABULARY.iter().find(|entry| entry.names.contains(&content));
    match known(&content)? {
        // The mean of single orders, purchases or transactions is what one is worth.
        entry if is_average && entry.counts => {
            known(&["order", "value"]).filter(|_| !content.iter().any(|word| VISITS.contains(word)))
        }
        entry => Some(entry),
    }
}

const VISITS: &[&str] = &["visit", "visits", "session", "sessions", "trips", "frequency"];

const YES: &[&str] = &["true", "yes", "y"];
const NO: &[&str] = &["false", "no", "n"];

/// Whether a column says yes or no: all its categories are words for it, as `NO` alone may be Norway.
/// Flags of 0 and 1 do.
pub(super) fn is_yes_no(values: &Values) -> bool {
    match values {
        Values::Numeric(_) => true,
        Values::Categorical(values) => values.iter().flatten().all(|value| {
            let lower = value.to_lowercase();
            YES.contains(&lower.as_str()) || NO.contains(&lower.as_str())
        }),
    }
}

/// A trait in two or three words.
pub(super) fn phrase(
    feature: &str,
    contrast: &Contrast,
    effect: Effect,
    yes_no: bool,
    labels: &BTreeMap<String, String>,
) -> String {
    let label = called(feature, labels);
    let more = effect.size > 0.0;
    match contrast {
        Contrast::Numeric { .. } => match entry(feature) {
            Some(entry) => if more { entry.high } else { entry.low }.to_owned(),
            None => plain(&label, more),
        },
        Contrast::Category { category, .. } => {
            let lower = category.to_lowercase();
            // A share that is always 0 or 1 says where all of it went.
            let label = label.strip_prefix("share of ").unwrap_or(&label).to_owned();
            let said = match yes_no {
                true if YES.contains(&lower.as_str()) => label,
                true if NO.contains(&lower.as_str()) => format!("no {label}"),
                _ => format!("{label} {}", labels.get(category).unwrap_or(category)),
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

/// A trait in a plain sentence with its numbers; `with_median` if the median itself fits it. `known` is
/// (members with a value, members).
pub(super) fn sentence(
    told: &Trait,
    effect: Effect,
    with_median: bool,
    known: (usize, usize),
    labels: &BTreeMap<String, String>,
) -> String {
    let mut text = format!("{}: ", capitalised(&told.phrase));
    match told.contrast {
        Contrast::Numeric { median, median_others, median_all } => {
            let feature = told.feature.as_str();
            text += &format!("median {} {}", called(feature, labels), measure(feature, median));
            let others = measure(feature, median_others);
            text += &match ratio(median, median_others) {
                Some(times) if median != median_others => format!(", {times} the others' {others}"),
                _ => format!(" (others {others})"),
            };
            let (side, at) = (if effect.size > 0.0 { "above" } else { "below" }, with_median);
            let side = if at { format!("at or {side}") } else { side.to_owned() };
            let (members, others) = (in_ten(told.fitting.members), in_ten(told.fitting.others));
            text += &match effect.size < 0.0 && at && median_all == 0.0 {
                true => format!("; {members} have none (others {others})"),
                false => format!("; {members} lie {side} the median of everyone (others {others})"),
            };
        }
        Contrast::Category { share, share_others, .. } => {
            text += &format!("{} (others {})", percent(share), percent(share_others));
            if let Some(times) = ratio(share, share_others).filter(|_| share > share_others) {
                text += &format!(", {times} as often");
            }
        }
        Contrast::Missing { share, share_others, .. } if effect.size > 0.0 => {
            let (share, others) = (percent(share), percent(share_others));
            text += &format!("unknown for {share} (others {others})");
        }
        Contrast::Missing { share, share_others, .. } => {
            let (share, others) = (percent(1.0 - share), percent(1.0 - share_others));
            text += &format!("known for {share} (others {others})");
        }
    }
    let (n, size) = known;
    if n < size && !matches!(told.contrast, Contrast::Missing { .. }) {
        text += &format!("; known for {} of them", percent(n as f64 / size as f64));
    }
    text + "."
}

/// The statistics behind a trait.
pub(super) fn detail(contrast: &Contrast, effect: Effect) -> String {
    match contrast {
        Contrast::Numeric { .. } => {
            let [pairs, low, high] = effect.pairs().map(percent);
            let direction = if effect.size > 0.0 { "higher" } else { "lower" };
            format!(
                "A member is {direction} than somebody else in {pairs} of pairs (95% interval {low} to \
                 {high}; Cliff's delta {:+.2}).",
                effect.size
            )
        }
        _ => format!(
            "Difference of shares {:+.2} (95% interval {:+.2} to {:+.2}).",
            effect.size, effect.low, effect.high
        ),
    }
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
        Some(phrases) if phrases.is_empty() => "Mixed".to_owned(),
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
    use super::super::card::Fitting;
    use super::*;

    fn effect(size: f64) -> Effect {
        let (low, high) = ((size - 0.1).max(-1.0), (size + 0.1).min(1.0));
        Effect { size, low, high }
    }

    fn numeric(median: f64, median_others: f64, median_all: f64) -> Contrast {
        Contrast::Numeric { median, median_others, median_all }
    }

    fn told(feature: &str, contrast: Contrast, size: f64) -> Trait {
        Trait {
            feature: feature.to_owned(),
            phrase: phrase(feature, &contrast, effect(size), true, &BTreeMap::new()),
            sentence: String::new(),
            detail: detail(&contrast, effect(size)),
            also: vec![],
            effect: effect(size),
            n: 30,
            n_others: 90,
            fitting: Fitting { members: 0.9, others: 0.4 },
            contrast,
        }
    }

    #[test]
    fn well_known_features_are_said_in_human_words() {
        let said = |feature: &str, size| {
            phrase(feature, &numeric(0.0, 0.0, 0.0), effect(size), false, &BTreeMap::new())
        };
        assert_eq!(said("monetary", 0.5), "big spenders");
        assert_eq!(said("Total_Spend", -0.5), "small spenders");
        assert_eq!(said("recency_days", -0.5), "recently active");
        assert_eq!(said("days_since_last_purchase", 0.5), "long absent");
        assert_eq!(said("web_spend_share", 0.5), "high web spend share");
        assert_eq!(said("gap_days", -0.5), "short gaps between visits");
        assert_eq!(said("number of coupon_redeemed", 0.5), "many coupons");
        assert_eq!(said("number of campaign_mailed", -0.5), "seldom campaign mailed");
        assert_eq!(said("share of PRODUCE", 0.5), "much PRODUCE");
        // The average of what is counted is an amount.
        assert_eq!(said("avg_order", 0.5), "large baskets");
        assert_eq!(said("mean_order_value", 0.5), "large baskets");
        assert_eq!(said("mean_visits", 0.5), "high mean visits");
    }

    #[test]
    fn a_category_is_a_yes_or_no_only_if_all_of_its_column_are() {
        let said = |category: &str, size, yes_no| {
            let (share, share_others, lift) = (0.0, 0.0, 0.0);
            let category = category.to_owned();
            let contrast = Contrast::Category { category, share, share_others, lift };
            phrase("home_owner", &contrast, effect(size), yes_no, &BTreeMap::new())
        };
        assert_eq!(said("yes", 0.5, true), "home owner");
        assert_eq!(said("No", 0.5, true), "no home owner");
        assert_eq!(said("flat", 0.5, false), "home owner flat");
        assert_eq!(said("flat", -0.5, false), "rarely home owner flat");
        assert_eq!(said("NO", 0.5, false), "home owner NO");
        let column = |texts: [&str; 2]| {
            is_yes_no(&Values::Categorical(texts.map(|text| Some(text.to_owned())).to_vec()))
        };
        assert_eq!((column(["Yes", "no"]), column(["NO", "SE"])), (true, false));
    }

    #[test]
    fn a_sentence_carries_the_numbers() {
        let said = |feature, contrast: Contrast, size| {
            let none = BTreeMap::new();
            sentence(&told(feature, contrast, size), effect(size), false, (30, 40), &none)
        };
        assert_eq!(
            said("monetary", numeric(230.0, 84.0, 100.0), 0.62),
            "Big spenders: median monetary 230, 2.7 times the others' 84; 9 in 10 lie above the median \
             of everyone (others 4 in 10); known for 75% of them."
        );
        assert_eq!(
            said("recency_days", numeric(1.0, 9.0, 4.0), -1.0),
            "Recently active: median recency 1 day, 11% of the others' 9 days; 9 in 10 lie below the \
             median of everyone (others 4 in 10); known for 75% of them."
        );
        let missing = |share, share_others| Contrast::Missing { share, share_others, lift: 2.5 };
        assert_eq!(
            said("age", missing(0.5, 0.1), 0.4),
            "Age often unknown: unknown for 50% (others 10%)."
        );
        assert_eq!(
            said("gap", missing(0.002, 0.87), -0.8),
            "Gap mostly known: known for over 99% (others 13%)."
        );
        assert_eq!(
            detail(&numeric(230.0, 84.0, 100.0), effect(0.62)),
            "A member is higher than somebody else in 81% of pairs (95% interval 76% to 86%; Cliff's delta \
             +0.62)."
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
            group(&["mixed 2"]),
            None,
        ]);
        let expected = ["A, b, c", "A, b, d", "A, b", "Mixed", "Mixed 3", "Mixed 2", "Small group"];
        assert_eq!(names, expected);
    }
}
