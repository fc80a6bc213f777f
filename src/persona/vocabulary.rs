//! The words of descriptions as data: what features and categories are called, what people with high and
//! low values are called, and every sentence as a template. All of it can be replaced.
//!
//! A template is known by its English text, as in a catalogue of translations; parts in braces are filled
//! in, in one pass, so that a text from the data is never read as a template.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::evidence_words::EVIDENCE;
use super::page_words::PAGE;
use super::saying_words::{SAYINGS, SayingWords};
use crate::num::template::{Sentence, filled, next_part};
use crate::{Error, Result};

/// The words that personas are described in; a field of [`Describer`](super::Describer).
///
/// The default is English, with words for retail. It lists every template, so a translator can start from it:
/// write it to a file, and replace the values of `texts`, the `sayings` and the lists of words. A template
/// that is not listed stays English.
///
/// ```
/// use personas::persona::{Describer, Vocabulary};
/// use personas::{FeatureTable, KMeans, Preprocessor};
///
/// let mut german = Vocabulary::default();
/// german.labels.insert("GROCERY".into(), "Lebensmittel".into());
/// german.texts.insert("much {label}".into(), "viel {label}".into());
///
/// let share: Vec<Option<f64>> = (0..60).map(|i| Some(f64::from(i / 30 * 100 + i % 30))).collect();
/// let table = FeatureTable::new(60).numeric("share of GROCERY", share)?;
/// let prep = Preprocessor::default().fit(&table)?;
/// let groups = KMeans::new(2).fit(&prep.transform(&table)?)?;
/// let describer = Describer { vocabulary: german, ..Describer::default() };
/// let personas = describer.describe(&table, &prep, &groups)?;
/// assert_eq!(personas.personas()[1].name, "Viel Lebensmittel");
/// # Ok::<(), personas::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vocabulary {
    /// What features and categories are called. Of "share of GROCERY" and "number of visits", the part
    /// after "of" is looked up as well.
    pub labels: BTreeMap<String, String>,
    /// Units of features, told after their values; an empty one for none. Without one, the unit is the
    /// last word of a name joined by underscores: `recency_days`. Values of the unit `share`, from 0 to 1, are
    /// told in percent.
    pub units: BTreeMap<String, String>,
    /// What to call people with high and low values of well-known features.
    pub sayings: Vec<Saying>,
    /// Words that say that a feature is money, in its name or as its unit, in lower case. Amounts of money
    /// below 1000 have two decimals: `10.98`. A feature of another unit is not money.
    pub money: BTreeSet<String>,
    /// Words of names of features that do not change what is meant.
    pub neutral: BTreeSet<String>,
    /// Words that say that a feature is an average.
    pub averages: BTreeSet<String>,
    /// Categories that mean yes, in lower case.
    pub yes: BTreeSet<String>,
    /// Categories that mean no, in lower case.
    pub no: BTreeSet<String>,
    /// Templates by their English text.
    pub texts: BTreeMap<String, String>,
}

/// What to call people with high and with low values of a feature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saying {
    /// Names of features, in lower case, without neutral words. A name of "average" and another one is
    /// that of an average of what is counted, such as "average order".
    pub names: BTreeSet<String>,
    /// People with high values: `big spenders`.
    pub high: String,
    /// People with low values: `small spenders`.
    pub low: String,
    /// People of whom the value is known, where that tells more than that: of gaps between visits, `came back`.
    #[serde(default)]
    pub known: Option<String>,
    /// People of whom it is not: `came once`.
    #[serde(default)]
    pub unknown: Option<String>,
    /// Whether the feature counts something, so that an average of it is another thing.
    #[serde(default)]
    pub counts: bool,
    /// People with values in the middle third of everyone: `medium spenders`. Without it, the template
    /// `medium {label}` is used.
    #[serde(default)]
    pub middle: Option<String>,
    /// What to call the group with the higher values if two groups have high ones: `biggest spenders`. Without it, or
    /// if a third group has higher values, the groups are told apart by their medians.
    #[serde(default)]
    pub highest: Option<String>,
    /// What to call the group with the lower values if two groups have low ones: `smallest spenders`. Without it, or
    /// if a third group has lower values, the groups are told apart by their medians.
    #[serde(default)]
    pub lowest: Option<String>,
}

/// Words of names of features that are not an amount of what they name.
const NO_AMOUNT: [&str; 6] = ["share", "number", "count", "ratio", "rate", "rank"];

/// Every template.
fn templates() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().chain(PAGE).chain(EVIDENCE).copied()
}

/// The templates of descriptions.
const TEMPLATES: &[&str] = &[
    // Traits, as names use them.
    "high {label}",
    "low {label}",
    "medium {label}",
    "highest {label}",
    "lowest {label}",
    "often {label}",
    "seldom {label}",
    "sometimes {label}",
    "most often {label}",
    "least often {label}",
    "much {label}",
    "little {label}",
    "some {label}",
    "most {label}",
    "least {label}",
    "{phrase} (around {value})",
    "{label} {category}",
    "no {label}",
    "rarely {phrase}",
    "{label} often unknown",
    "{label} mostly known",
    // Sentences of traits.
    "{phrase}: median {label} {value}, {times} the others' {others}; {fit}{known}.",
    "{phrase}: median {label} {value} (others {others}); {fit}{known}.",
    "{phrase}: {fit}{known}.",
    "{members} lie above the median of everyone (others {others})",
    "{members} lie at or above the median of everyone (others {others})",
    "{members} lie below the median of everyone (others {others})",
    "{members} lie at or below the median of everyone (others {others})",
    "{members} have none (others {others})",
    "{phrase}: median {label} {value}; {members} lie in the middle third of everyone, from {low} to {high} (others {others}){known}.",
    "{phrase}: {share} (others {others}), {times} as often{known}.",
    "{phrase}: {share} (others {others}){known}.",
    "{phrase}: unknown for {share} (others {others}).",
    "{phrase}: known for {share} (others {others}).",
    "{sentence} Mostly the same people: {phrases}.",
    "; known for {share} of them",
    // Statistics.
    "A member is higher than somebody else in {pairs} of pairs (95% interval {low} to {high}; \
     Cliff's delta {delta}).",
    "A member is lower than somebody else in {pairs} of pairs (95% interval {low} to {high}; \
     Cliff's delta {delta}).",
    "Difference of shares {difference} (95% interval {low} to {high}).",
    // Groups.
    "{people}, {share} of all.",
    "Fewer than {people}: not described.",
    "Nothing sets them apart clearly.",
    "All of it fits {members} of them (others {others}).",
    "Small group",
    "Mixed",
    "everybody",
    "nearly everybody",
    "unnamed",
    "median {value}",
    "mostly {category}",
    // Numbers.
    "1 person",
    "{n} people",
    "{n}%",
    "under 0.1%",
    "over 99%",
    "{share} of",
    "{n} times",
    "none",
    "nearly none",
    "half",
    "nearly all",
    "all",
    "{n} in 10",
    "{n} {unit}",
    "day",
    "days",
    "hour",
    "hours",
    "minute",
    "minutes",
    "second",
    "seconds",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    // Later people.
    "{label}: known of nobody",
    "{label}: {now}, {before} when the model was made",
    "{label}: {now}",
    "{label}: other values",
    "{label}: known of too few to tell",
    "; known of {known} ({before} then)",
    // Rules of declared personas.
    "{label} at least {value}",
    "{label} above {value}",
    "{label} at most {value}",
    "{label} below {value}",
    "{label} from {value} to {high}",
    "{label} {value}",
    "{label} not {value}",
    "{value} or {other}",
    "{label} known",
    "{label} unknown",
    "{rule}: fits {share} of {name}{middle}.",
    // One person.
    "no {label} known",
    "In no persona.",
    "In no persona; the nearest is {name}.",
    "{name}; there is no other persona.",
    "{name} rather than {other} (margin {margin}): {reasons}.",
    "{value} (here {own}, there {there})",
    "{reason} speaks against it",
];

/// The name of an average of what is counted begins with this word.
const AVERAGE: &str = "average";

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl Default for Vocabulary {
    fn default() -> Self {
        let saying = |english: &SayingWords| Saying {
            names: set(english.names),
            high: english.high.to_owned(),
            low: english.low.to_owned(),
            known: None,
            unknown: None,
            counts: english.counts,
            middle: Some(english.middle.to_owned()),
            highest: Some(english.highest.to_owned()),
            lowest: Some(english.lowest.to_owned()),
        };
        Self {
            labels: BTreeMap::new(),
            units: BTreeMap::new(),
            sayings: SAYINGS.iter().map(saying).collect(),
            money: set(&[
                "monetary", "spend", "spending", "spent", "revenue", "sales", "amount", "price",
                "€", "$", "£", "eur", "usd", "gbp", "chf",
            ]),
            neutral: set(&[
                "total", "sum", "count", "number", "num", "n", "of", "days", "years", "unique",
                "distinct",
            ]),
            averages: set(&["mean", "average", "avg", "median"]),
            yes: set(&["true", "yes", "y"]),
            no: set(&["false", "no", "n"]),
            texts: templates().map(|text| (text.to_owned(), text.to_owned())).collect(),
        }
    }
}

/// The default, made once.
#[cfg(test)]
pub(super) fn english() -> &'static Vocabulary {
    static ENGLISH: std::sync::LazyLock<Vocabulary> = std::sync::LazyLock::new(Vocabulary::default);
    &ENGLISH
}

impl Vocabulary {
    /// A template in these words, with its parts filled in.
    pub(super) fn say(&self, template: &'static str, parts: &[(&str, &str)]) -> String {
        debug_assert!(templates().any(|known| known == template), "{template:?} is not listed");
        filled(self.texts.get(template).map_or(template, String::as_str), parts)
    }

    /// A sentence of another room in these words.
    pub(super) fn say_sentence(&self, (template, parts): &Sentence) -> String {
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (*name, &**text)).collect();
        self.say(template, &parts)
    }

    /// What a feature of this name says of people; none if no saying covers every word of it.
    pub(super) fn saying(&self, feature: &str) -> Option<&Saying> {
        let lower = feature.to_lowercase();
        let words =
            || lower.split(|c: char| c == '_' || c.is_whitespace()).filter(|w| !w.is_empty());
        let is_average = words().any(|word| self.averages.contains(word));
        let is_content =
            |word: &&str| !self.neutral.contains(*word) && !self.averages.contains(*word);
        let content = words().filter(is_content).collect::<Vec<_>>().join(" ");
        let known = |name: &str| self.sayings.iter().find(|saying| saying.names.contains(name));
        match known(&content)? {
            saying if is_average && saying.counts => known(&format!("{AVERAGE} {content}")),
            saying => Some(saying),
        }
    }

    /// Whether a feature is an amount of money.
    pub(super) fn is_money(&self, feature: &str) -> bool {
        let is_word = |word: &str| self.money.contains(word);
        if let Some(unit) = self.units.get(feature).filter(|unit| !unit.is_empty()) {
            return is_word(&unit.to_lowercase());
        }
        let lower = feature.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.clone().any(is_word) && !words.any(|word| NO_AMOUNT.contains(&word))
    }

    /// Whether a text means yes, or no; none if neither.
    pub(super) fn yes_no(&self, text: &str) -> Option<bool> {
        let lower = text.to_lowercase();
        if self.yes.contains(&lower) {
            return Some(true);
        }
        self.no.contains(&lower).then_some(false)
    }

    /// # Errors
    /// `InvalidParameter` naming a template that does not exist, a part that it does not have, a brace
    /// without its other half, or a text that is blank where the template is not.
    pub(super) fn check(&self) -> Result<()> {
        for (template, text) in &self.texts {
            let refused = |expected: String, got: &str| {
                Err(Error::parameter("texts", expected, format!("{got:?}")))
            };
            if !templates().any(|known| known == template) {
                return refused("keyed by templates of Vocabulary::default()".into(), template);
            }
            let mut rest = text.as_str();
            while let Some((before, name, after)) = next_part(rest) {
                if before.contains(BRACES) || !template.contains(&format!("{{{name}}}")) {
                    return refused(format!("a text with the parts of {template:?}"), text);
                }
                rest = after;
            }
            if rest.contains(BRACES) || text.trim().is_empty() {
                return refused(format!("a text for {template:?} with whole parts"), text);
            }
        }
        Ok(())
    }
}

/// What stands around a part of a template.
const BRACES: [char; 2] = ['{', '}'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_filled_in_once_and_data_is_never_a_template() {
        let words = Vocabulary::default();
        let said = words.say("{label} {category}", &[("label", "{category}"), ("category", "x")]);
        assert_eq!(said, "{category} x");
    }

    #[test]
    fn a_replaced_template_is_used_and_a_missing_one_stays_english() {
        let mut words = Vocabulary::default();
        words.texts.insert("{n} people".into(), "{n} Leute".into());
        words.texts.remove("1 person");
        assert_eq!(words.say("{n} people", &[("n", "7")]), "7 Leute");
        assert_eq!(words.say("1 person", &[]), "1 person");
    }

    #[test]
    fn unknown_templates_and_parts_are_refused() {
        let with = |template: &str, text: &str| {
            let mut words = Vocabulary::default();
            words.texts.insert(template.into(), text.into());
            words.check().map_err(|error| error.to_string())
        };
        assert_eq!(with("{n} people", "Leute: {n}"), Ok(()));
        let error = with("{n} person", "x").unwrap_err();
        assert_eq!(
            error,
            "texts must be keyed by templates of Vocabulary::default(), but is \"{n} person\""
        );
        assert!(with("{n} people", "{m} Leute").unwrap_err().contains("parts of"));
        for broken in ["{n Leute", "n} Leute", " "] {
            assert!(with("{n} people", broken).unwrap_err().contains("whole parts"), "{broken}");
        }
    }

    #[test]
    fn a_saying_needs_every_word_of_the_name() {
        let words = english();
        let high = |name: &str| words.saying(name).map(|saying| saying.high.as_str());
        assert_eq!(high("Total_Spend"), Some("big spenders"));
        assert_eq!(high("days_since_last_purchase"), Some("long absent"));
        assert_eq!(high("web_spend_share"), None);
        assert_eq!(high("avg_order"), Some("large baskets"));
        assert_eq!((high("mean_visits"), high("mean frequency")), (None, None));
    }
}
