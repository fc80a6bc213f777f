//! Traits and middles in words.
//!
//! Well-known features have sayings of people ("big spenders"), everything else is said plainly: "high
//! web spend share". Sayings and templates are those of a [`Vocabulary`]; nothing is invented, so the
//! same numbers always give the same words.

use super::card::{Contrast, Trait};
use super::effect::Effect;
use super::names::category;
use super::numbers::{Unit, called, capitalised, in_ten, measure, percent, ratio};
use super::vocabulary::Vocabulary;
use crate::prepare::Original;

/// Whether a column says yes or no: all its categories are words for it, as `NO` alone may be Norway.
pub(super) fn is_yes_no(categories: &[&str], words: &Vocabulary) -> bool {
    categories.iter().all(|category| words.yes_no(category).is_some())
}

/// A trait in two or three words; `answer` if its category is a yes or no.
pub(super) fn phrase(
    words: &Vocabulary,
    feature: &str,
    contrast: &Contrast,
    effect: Effect,
    answer: Option<bool>,
) -> String {
    let label = called(words, feature);
    let more = effect.size > 0.0;
    match contrast {
        // A saying is about amounts from 0 on: somebody with smaller refunds does not spend more.
        Contrast::Numeric { median, median_others, .. } => {
            match words.saying(feature).filter(|_| median.min(*median_others) >= 0.0) {
                Some(saying) => if more { &saying.high } else { &saying.low }.clone(),
                None => plain(words, &label, if more { HIGH } else { LOW }),
            }
        }
        Contrast::Middle { low, .. } => {
            let saying = words.saying(feature).filter(|_| *low >= 0.0);
            let said = saying.and_then(|saying| saying.middle.clone());
            said.unwrap_or_else(|| plain(words, &label, MIDDLE))
        }
        Contrast::Category { category, .. } => {
            // A share that is always 0 or 1 says where all of it went.
            let label = label.strip_prefix("share of ").unwrap_or(&label);
            let phrase = match answer {
                // A count of at most one: `often campaign mailed`.
                Some(true) if label.starts_with("number of ") => plain(words, label, HIGH),
                Some(true) => label.to_owned(),
                Some(false) => words.say("no {label}", &[("label", label)]),
                None => {
                    let category = self::category(words, category);
                    words.say("{label} {category}", &[("label", label), ("category", &category)])
                }
            };
            if more { phrase } else { words.say("rarely {phrase}", &[("phrase", &phrase)]) }
        }
        Contrast::Missing { .. } => {
            let text = if more { "{label} often unknown" } else { "{label} mostly known" };
            match missing_saying(words, feature, more) {
                Some(saying) => saying.to_owned(),
                None => words.say(text, &[("label", &label)]),
            }
        }
    }
}

/// What it says of people that a value is unknown, or known, if it says more than that.
fn missing_saying<'w>(words: &'w Vocabulary, feature: &str, is_unknown: bool) -> Option<&'w str> {
    let saying = words.saying(feature)?;
    if is_unknown { saying.unknown.as_deref() } else { saying.known.as_deref() }
}

/// What the group at the end of a trait's side is called, where several groups have the trait; none if the
/// vocabulary has no word for it.
pub(super) fn superlative(words: &Vocabulary, told: &Trait) -> Option<String> {
    let Contrast::Numeric { median, median_others, .. } = told.contrast else { return None };
    let (feature, more) = (&told.feature, told.effect > 0.0);
    match words.saying(feature).filter(|_| median.min(median_others) >= 0.0) {
        Some(saying) => if more { &saying.highest } else { &saying.lowest }.clone(),
        None => Some(plain(words, &called(words, feature), if more { HIGHEST } else { LOWEST })),
    }
}

/// Words for values of a feature without a saying: of how often something happened, of a share, of others.
type PlainWords = [&'static str; 3];

const HIGH: PlainWords = ["often {label}", "much {label}", "high {label}"];
const LOW: PlainWords = ["seldom {label}", "little {label}", "low {label}"];
const MIDDLE: PlainWords = ["sometimes {label}", "some {label}", "medium {label}"];
const HIGHEST: PlainWords = ["most often {label}", "most {label}", "highest {label}"];
const LOWEST: PlainWords = ["least often {label}", "least {label}", "lowest {label}"];

/// Values of a feature without a saying: "often campaign mailed", "little PRODUCE", "high web visits".
fn plain(words: &Vocabulary, label: &str, [often, much, high]: PlainWords) -> String {
    let phrase = |template, label| words.say(template, &[("label", label)]);
    if let Some(event) = label.strip_prefix("number of ") {
        return phrase(often, event);
    }
    if let Some(part) = label.strip_prefix("share of ") {
        return phrase(much, part);
    }
    phrase(high, label)
}

/// A trait in a plain sentence with its numbers. `known` is (members with a value, members).
pub(super) fn sentence(words: &Vocabulary, told: &Trait, known: (usize, usize)) -> String {
    let more = told.effect > 0.0;
    let share = |share| percent(words, share);
    let phrase = capitalised(&told.phrase);
    let known = match known {
        (n, size) if n < size => {
            words.say("; known for {share} of them", &[("share", &share(n as f64 / size as f64))])
        }
        _ => String::new(),
    };
    let mut parts = vec![("phrase", phrase), ("known", known)];
    let template = match told.contrast {
        Contrast::Numeric { median, median_others, median_all, with_median, from_zero } => {
            let value = |value| measure(words, &told.feature, value);
            // Nobody has a time: 0 days since a visit is a moment.
            let is_amount = from_zero && !Unit::of(words, &told.feature).is_time();
            let none = !more && with_median && median_all == 0.0 && is_amount;
            parts.push(("fit", side(words, told, with_median, none)));
            parts.push(("label", called(words, &told.feature)));
            parts.push(("value", value(median)));
            parts.push(("others", value(median_others)));
            let times = ratio(words, median, median_others);
            match add_times(&mut parts, times) {
                // Both medians are 0: what differs is how many have none.
                _ if none && median == median_others => "{phrase}: {fit}{known}.",
                true => {
                    "{phrase}: median {label} {value}, {times} the others' {others}; {fit}{known}."
                }
                false => "{phrase}: median {label} {value} (others {others}); {fit}{known}.",
            }
        }
        Contrast::Middle { median, low, high } => {
            let value = |value| measure(words, &told.feature, value);
            parts.push(("label", called(words, &told.feature)));
            parts.push(("value", value(median)));
            parts.push(("low", value(low)));
            parts.push(("high", value(high)));
            parts.push(("members", in_ten(words, told.fitting.0)));
            parts.push(("others", in_ten(words, told.fitting.1)));
            "{phrase}: median {label} {value}; {members} lie in the middle third of everyone, from {low} to {high} (others {others}){known}."
        }
        Contrast::Category { share: own, share_others, .. } => {
            parts.push(("share", share(own)));
            parts.push(("others", share(share_others)));
            let times = ratio(words, own, share_others).filter(|_| own > share_others);
            match add_times(&mut parts, times) {
                true => "{phrase}: {share} (others {others}), {times} as often{known}.",
                false => "{phrase}: {share} (others {others}){known}.",
            }
        }
        Contrast::Missing { share: own, share_others, .. } => {
            let of = |unknown: f64| share(if more { unknown } else { 1.0 - unknown });
            parts.push(("share", of(own)));
            parts.push(("others", of(share_others)));
            match more {
                // That a value is known or not is said already.
                _ if missing_saying(words, &told.feature, more).is_some() => {
                    "{phrase}: {share} (others {others}){known}."
                }
                true => "{phrase}: unknown for {share} (others {others}).",
                false => "{phrase}: known for {share} (others {others}).",
            }
        }
    };
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (*name, &**text)).collect();
    words.say(template, &parts)
}

/// Adds a ratio to the parts of a sentence, if there is one; returns whether there is.
fn add_times(parts: &mut Vec<(&str, String)>, times: Option<String>) -> bool {
    let is_ratio = times.is_some();
    parts.extend(times.map(|times| ("times", times)));
    is_ratio
}

/// How many lie on the group's side of the median of everyone.
fn side(words: &Vocabulary, told: &Trait, with_median: bool, none: bool) -> String {
    let template = match (told.effect > 0.0, with_median) {
        _ if none => "{members} have none (others {others})",
        (true, false) => "{members} lie above the median of everyone (others {others})",
        (true, true) => "{members} lie at or above the median of everyone (others {others})",
        (false, false) => "{members} lie below the median of everyone (others {others})",
        (false, true) => "{members} lie at or below the median of everyone (others {others})",
    };
    let members = in_ten(words, told.fitting.0);
    let others = in_ten(words, told.fitting.1);
    words.say(template, &[("members", &members), ("others", &others)])
}

/// The statistics behind a trait.
pub(super) fn detail(words: &Vocabulary, contrast: &Contrast, effect: Effect) -> String {
    let signed = |value: f64| format!("{value:+.2}");
    let difference = |numbers: [f64; 3]| {
        let [difference, low, high] = numbers.map(signed);
        let parts = [("difference", &*difference), ("low", &low), ("high", &high)];
        words.say("Difference of shares {difference} (95% interval {low} to {high}).", &parts)
    };
    match contrast {
        Contrast::Numeric { .. } => {
            let [pairs, low, high] = effect.pairs().map(|share| percent(words, share));
            let template = match effect.size > 0.0 {
                true => {
                    "A member is higher than somebody else in {pairs} of pairs (95% interval {low} to \
                     {high}; Cliff's delta {delta})."
                }
                false => {
                    "A member is lower than somebody else in {pairs} of pairs (95% interval {low} to \
                     {high}; Cliff's delta {delta})."
                }
            };
            let delta = signed(effect.size);
            let parts = [("pairs", &*pairs), ("low", &low), ("high", &high), ("delta", &delta)];
            words.say(template, &parts)
        }
        // The sentence tells how often the value is known, if that is more often than of others.
        Contrast::Missing { .. } if effect.size < 0.0 => {
            difference([-effect.size, -effect.high, -effect.low])
        }
        _ => difference([effect.size, effect.low, effect.high]),
    }
}

/// The middle of a group in a few words: `median 12 days`, `mostly 25-34`.
pub(super) fn center(words: &Vocabulary, feature: &str, center: &Original) -> String {
    match center {
        Original::Number(median) => {
            let value = measure(words, feature, *median);
            words.say("median {value}", &[("value", &value)])
        }
        Original::Level { level: category, .. } | Original::Share { level: category, .. } => {
            let category = self::category(words, category);
            words.say("mostly {category}", &[("category", &category)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::english;
    use super::*;

    fn effect(size: f64) -> Effect {
        let (low, high) = ((size - 0.1).max(-1.0), (size + 0.1).min(1.0));
        Effect { size, low, high }
    }

    fn numeric(median: f64, median_others: f64, median_all: f64) -> Contrast {
        Contrast::Numeric { median, median_others, median_all, with_median: false, from_zero: true }
    }

    fn told(feature: &str, contrast: Contrast, size: f64) -> Trait {
        Trait {
            feature: feature.to_owned(),
            phrase: phrase(english(), feature, &contrast, effect(size), None),
            sentence: String::new(),
            detail: detail(english(), &contrast, effect(size)),
            also: vec![],
            effect: size,
            interval: (effect(size).low, effect(size).high),
            n: 30,
            n_others: 90,
            fitting: (0.9, 0.4),
            contrast,
        }
    }

    #[test]
    fn well_known_features_are_said_in_human_words() {
        let said = |feature: &str, size| {
            phrase(english(), feature, &numeric(0.0, 0.0, 0.0), effect(size), None)
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
            let answer = english().yes_no(category).filter(|_| yes_no);
            let category = category.to_owned();
            let contrast = Contrast::Category { category, share, share_others, lift, code: None };
            phrase(english(), "home_owner", &contrast, effect(size), answer)
        };
        assert_eq!(said("yes", 0.5, true), "home owner");
        assert_eq!(said("No", 0.5, true), "no home owner");
        assert_eq!(said("flat", 0.5, false), "home owner flat");
        assert_eq!(said("flat", -0.5, false), "rarely home owner flat");
        assert_eq!(said("NO", 0.5, false), "home owner NO");
        let column = |texts: [&str; 2]| is_yes_no(&texts, english());
        assert_eq!((column(["Yes", "no"]), column(["NO", "SE"])), (true, false));
    }

    #[test]
    fn a_sentence_carries_the_numbers() {
        let said = |feature, contrast: Contrast, size| {
            sentence(english(), &told(feature, contrast, size), (30, 40))
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
            detail(english(), &numeric(230.0, 84.0, 100.0), effect(0.62)),
            "A member is higher than somebody else in 81% of pairs (95% interval 76% to 86%; Cliff's delta \
             +0.62)."
        );
        assert_eq!(
            detail(english(), &missing(0.002, 0.87), Effect { size: -0.8, low: -0.9, high: -0.6 }),
            "Difference of shares +0.80 (95% interval +0.60 to +0.90)."
        );
    }

    #[test]
    fn only_amounts_and_counts_from_zero_on_are_had_by_none() {
        let said = |feature, from_zero| {
            let contrast = Contrast::Numeric {
                median: 0.0,
                median_others: 5.0,
                median_all: 0.0,
                with_median: true,
                from_zero,
            };
            sentence(english(), &told(feature, contrast, -0.6), (30, 30))
        };
        assert!(said("profit", true).contains("9 in 10 have none"));
        let at_or_below = "9 in 10 lie at or below the median";
        assert!(said("profit", false).contains(at_or_below));
        assert!(said("recency_days", true).contains(at_or_below));
    }

    #[test]
    fn a_flag_with_the_name_of_a_count_is_told_as_one() {
        let said = |feature: &str| {
            let (category, code) = ("yes".to_owned(), Some(1.0));
            let contrast =
                Contrast::Category { category, share: 0.7, share_others: 0.1, lift: 2.0, code };
            phrase(english(), feature, &contrast, effect(0.6), Some(true))
        };
        assert_eq!(said("number of campaign_mailed"), "often campaign mailed");
        assert_eq!(said("newsletter"), "newsletter");
    }
}
