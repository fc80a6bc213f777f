//! What is to be known of every person: named features over their events.
//!
//! A [`Feature`] is a name, a [`Measure`] and, where only some events count, the name of those
//! events. A [`FeatureSet`] is a list of them, plain data that a configuration file can hold.
//!
//! Every measure is a function of the *set* of a person's events up to a moment. About things
//! nobody did the rule is: numbers of things are 0, everything else is missing.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::retail::Retail;
use crate::{Error, Result};

/// What is measured over the events of a person.
///
/// A day is a UTC day. Properties are told apart by their text; a number by its shortest decimal
/// form, a flag as `true` or `false`. Numbers are added in steps of 2⁻⁴⁰, exactly in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Number of events; 0 if there are none.
    Count,
    /// Sum of a property over the events where it is a number; 0 if there are none.
    Sum(String),
    /// Its mean; missing if there are none.
    Mean(String),
    /// Its smallest value; missing if there are none.
    Min(String),
    /// Its largest value; missing if there are none.
    Max(String),
    /// Its standard deviation (divisor n); missing below two values.
    Deviation(String),
    /// Number of distinct values of a property; 0 if there are none.
    Distinct(String),
    /// Number of orders: distinct values of the property that holds the order's id, and for
    /// events without one, the days on which they happened. 0 if there are none.
    Orders(String),
    /// Days from the last event to the moment asked about; less is more recent. Missing without
    /// events. This is the recency of RFM; that of BG/NBD is [`Measure::SpanDays`].
    RecencyDays,
    /// Days from the first event to the moment asked about; missing without events.
    TenureDays,
    /// Days from the first to the last event, 0 for one; missing without events.
    SpanDays,
    /// Number of days with events; 0 without.
    ActiveDays,
    /// Mean number of days from one active day to the next; missing below two active days.
    GapDays,
    /// Share of one value among the events that have the property: by their number, or by the sum
    /// of a second property. Weights below zero (refunds) are left out, so that shares lie in
    /// 0..=1. Missing if nothing is to be shared.
    Share {
        /// The property, such as `department`.
        property: String,
        /// Its value, such as `PRODUCE`.
        value: String,
        /// The property that weighs the events, such as `amount`; none to count them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// [`Measure::Share`] of each of the values that weigh most in the whole population up to the
    /// moment, heaviest first, ties by text. A column is called by the feature's name and the
    /// value.
    TopShares {
        /// The property.
        property: String,
        /// The property that weighs the events; none to count them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Number of values at most.
        n: usize,
    },
    /// [`Measure::Count`] of each of the most frequent event names in the whole population up to
    /// the moment, most frequent first, ties by text. A column is called by the feature's name
    /// and the event's.
    EventCounts {
        /// Names not to count.
        #[serde(default)]
        except: Vec<String>,
        /// Number of names at most.
        n: usize,
    },
    /// Sum of one property as a part of the sum of both, over the events where both are numbers
    /// and not below zero; missing if the sum is 0. `discount` and `amount` give the part of the
    /// list price that was discounted.
    Portion {
        /// The part.
        part: String,
        /// What is added to it to make the whole.
        rest: String,
    },
    /// The most frequent value of a property, ties to the smaller text; missing below two events
    /// that have it. A category.
    MostFrequent(String),
    /// What was declared of a person: the newest by the event's time, ties to the smaller value.
    /// A column of numbers if everything declared of
    /// it up to the moment is a number, else of categories.
    Attribute(String),
    /// [`Measure::Attribute`] as a number; missing where it is not one.
    AttributeNumber(String),
    /// [`Measure::Attribute`] as a category; a number by its shortest decimal form.
    AttributeCategory(String),
    /// [`Measure::Attribute`] for every attribute that occurs and is not asked for by name, in
    /// alphabetical order. Columns are called as the attributes.
    Attributes,
    /// One feature divided by another; missing where either is, or the divisor is 0. Both must
    /// come earlier in the set, be single numbers and not [`optional`](Feature::optional).
    Ratio {
        /// Name of the feature to divide.
        of: String,
        /// Name of the feature to divide by.
        per: String,
    },
}

/// A named measure over all events or those of one name.
///
/// ```
/// use personas::features::{Feature, Measure};
///
/// let visits = Feature::new("n_visits", Measure::Count).on("visit");
/// assert_eq!(visits.name(), "n_visits");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    name: String,
    measure: Measure,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    optional: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Feature {
    /// A feature over all events.
    pub fn new(name: impl Into<String>, measure: Measure) -> Self {
        Self { name: name.into(), measure, event: None, optional: false }
    }

    /// Only events of this name count.
    #[must_use]
    pub fn on(mut self, event: impl Into<String>) -> Self {
        self.event = Some(event.into());
        self
    }

    /// No column where it is missing for everybody.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Its name; that of its column, or the beginning of those of its columns.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it measures.
    pub fn measure(&self) -> &Measure {
        &self.measure
    }

    /// The events that count; `None` for all.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.optional
    }

    /// The attribute it asks for by name.
    pub(crate) fn attribute(&self) -> Option<&str> {
        match &self.measure {
            Measure::Attribute(name)
            | Measure::AttributeNumber(name)
            | Measure::AttributeCategory(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is one column, whatever the data; its name is the column's.
    pub(crate) fn is_one_column(&self) -> bool {
        !matches!(
            self.measure,
            Measure::TopShares { .. } | Measure::EventCounts { .. } | Measure::Attributes
        )
    }

    /// Whether it is one column that can be of numbers.
    fn is_one_number(&self) -> bool {
        let is_category =
            matches!(self.measure, Measure::MostFrequent(_) | Measure::AttributeCategory(_));
        self.is_one_column() && !is_category
    }

    /// Whether neither its column nor the type of it depends on the data.
    fn is_settled(&self) -> bool {
        self.is_one_column() && !self.optional && !matches!(self.measure, Measure::Attribute(_))
    }

    /// The same feature, always with its column.
    pub(crate) fn required(mut self) -> Self {
        self.optional = false;
        self
    }

    /// The same feature with another measure.
    pub(crate) fn measuring(self, measure: Measure) -> Self {
        Self { measure, ..self }
    }

    /// A feature of the same events.
    pub(crate) fn as_single(&self, name: String, measure: Measure) -> Self {
        Self { name, measure, event: self.event.clone(), optional: false }
    }
}

/// The features of a table, in the order of its columns.
///
/// ```
/// use personas::FeatureSet;
/// use personas::features::{Feature, Measure};
///
/// let features = FeatureSet::default()
///     .with(Feature::new("n_visits", Measure::Count).on("visit"))
///     .with(Feature::new("spend", Measure::Sum("amount".into())).on("purchase"))
///     .with(Feature::new("spend per visit", Measure::Ratio { of: "spend".into(), per: "n_visits".into() }));
/// assert_eq!(features.features().len(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeatureSet {
    features: Vec<Feature>,
}

impl FeatureSet {
    /// A good start for a shop: [`Retail`] with its default words.
    pub fn retail() -> Self {
        Retail::default().features()
    }

    /// Adds a feature.
    #[must_use]
    pub fn with(mut self, feature: Feature) -> Self {
        self.features.push(feature);
        self
    }

    /// The features in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Whether columns and types are the same for any data, so that every row stands alone.
    pub(crate) fn is_settled(&self) -> bool {
        self.features.iter().all(Feature::is_settled)
    }

    /// Whether the set makes sense as a whole.
    pub(crate) fn check(&self) -> Result<()> {
        let mut names = HashSet::new();
        for (place, feature) in self.features.iter().enumerate() {
            let wrong = |reason: &'static str| {
                Err(Error::InvalidFeature { feature: feature.name.clone(), reason: reason.into() })
            };
            if feature.name.trim().is_empty() {
                return wrong("it has no name");
            }
            if !names.insert(feature.name.as_str()) {
                return wrong("the name is taken by an earlier feature");
            }
            match &feature.measure {
                Measure::TopShares { n: 0, .. } | Measure::EventCounts { n: 0, .. } => {
                    return wrong("n must be at least 1");
                }
                Measure::Ratio { of, per } => {
                    let usable = |name: &String| {
                        self.features[..place].iter().any(|earlier| {
                            earlier.name == *name && !earlier.optional && earlier.is_one_number()
                        })
                    };
                    if !usable(of) || !usable(per) {
                        return wrong(
                            "a ratio is of two earlier features that are single numbers and not optional",
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells which properties are read and how, and which attributes (`None`: all).
    pub(crate) fn needs(
        &self,
        property: &mut impl FnMut(&str, Need),
        attribute: &mut impl FnMut(Option<&str>),
    ) {
        const NUMBER: Need = Need { number: true, label: false };
        const LABEL: Need = Need { number: false, label: true };
        for feature in &self.features {
            match &feature.measure {
                Measure::Sum(p)
                | Measure::Mean(p)
                | Measure::Min(p)
                | Measure::Max(p)
                | Measure::Deviation(p) => property(p, NUMBER),
                Measure::Distinct(p) | Measure::Orders(p) | Measure::MostFrequent(p) => {
                    property(p, LABEL);
                }
                Measure::Share { property: p, by, .. }
                | Measure::TopShares { property: p, by, .. } => {
                    property(p, LABEL);
                    by.iter().for_each(|by| property(by, NUMBER));
                }
                Measure::Portion { part, rest } => {
                    property(part, NUMBER);
                    property(rest, NUMBER);
                }
                Measure::Attribute(_)
                | Measure::AttributeNumber(_)
                | Measure::AttributeCategory(_) => attribute(feature.attribute()),
                Measure::Attributes => attribute(None),
                Measure::Count
                | Measure::RecencyDays
                | Measure::TenureDays
                | Measure::SpanDays
                | Measure::ActiveDays
                | Measure::GapDays
                | Measure::EventCounts { .. }
                | Measure::Ratio { .. } => {}
            }
        }
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        Self { features: features.into_iter().collect() }
    }
}

/// How a property is read: as a number, as a text, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Need {
    pub(crate) number: bool,
    pub(crate) label: bool,
}

impl Need {
    pub(crate) fn join(&mut self, other: Self) {
        self.number |= other.number;
        self.label |= other.label;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(of: &str, per: &str) -> Feature {
        Feature::new("ratio", Measure::Ratio { of: of.into(), per: per.into() })
    }

    #[test]
    fn a_set_that_makes_no_sense_names_the_feature() {
        let count = || Feature::new("n", Measure::Count);
        let bad = [
            FeatureSet::default().with(Feature::new(" ", Measure::Count)),
            FeatureSet::default().with(count()).with(count()),
            FeatureSet::default().with(ratio("n", "n")).with(count()),
            FeatureSet::default().with(count()).with(ratio("n", "ratio")),
            FeatureSet::default().with(count().optional()).with(ratio("n", "n")),
            FeatureSet::default()
                .with(Feature::new("n", Measure::Attributes))
                .with(ratio("n", "n")),
            FeatureSet::default().with(Feature::new(
                "share of",
                Measure::TopShares { property: "p".into(), by: None, n: 0 },
            )),
        ];
        for set in bad {
            assert!(matches!(set.check(), Err(Error::InvalidFeature { .. })), "{set:?}");
        }
        assert_eq!(FeatureSet::default().with(count()).with(ratio("n", "n")).check(), Ok(()));
        assert_eq!(FeatureSet::default().check(), Ok(()));
    }

    #[test]
    fn a_set_can_be_written_in_a_configuration_file() {
        let json = r#"[
            {"name": "visits", "measure": "count", "event": "visit"},
            {"name": "spend", "measure": {"sum": "amount"}},
            {"name": "fresh", "measure": {"share": {"property": "department", "value": "PRODUCE"}}}
        ]"#;
        let set: FeatureSet = serde_json::from_str(json).unwrap();
        let same = FeatureSet::default()
            .with(Feature::new("visits", Measure::Count).on("visit"))
            .with(Feature::new("spend", Measure::Sum("amount".into())))
            .with(Feature::new(
                "fresh",
                Measure::Share { property: "department".into(), value: "PRODUCE".into(), by: None },
            ));
        assert_eq!(set, same);
        let retail = FeatureSet::retail();
        let json = serde_json::to_string(&retail).unwrap();
        assert_eq!(serde_json::from_str::<FeatureSet>(&json).unwrap(), retail);
        assert!(
            serde_json::from_str::<FeatureSet>(r#"[{"name": "n", "measure": "cuont"}]"#).is_err()
        );
    }
}
