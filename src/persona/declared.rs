//! Hand-made personas as values: what a team believes, put so that data can disagree.
//!
//! A declared persona is a list of rules on features, each a range of numbers or a list of
//! categories, with weights. It says nothing until it is compared with people:
//! [`PersonaModel::compare`](super::PersonaModel::compare).

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::words::{label, measure};
use crate::features::Values;
use crate::{Error, FeatureTable, Result};

/// A persona made by hand.
///
/// Rules are checked when they are compared with a table. A person without a value does not fit a
/// rule on it.
///
/// ```
/// use personas::persona::DeclaredPersona;
///
/// let loyal = DeclaredPersona::new("Loyal")
///     .at_least("frequency", 10.0)
///     .range("monetary", 100.0..=500.0)
///     .one_of("age", ["25-34", "35-44"])
///     .weight("frequency", 2.0);
/// assert_eq!(loyal.name(), "Loyal");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredPersona {
    name: String,
    rules: Vec<DeclaredRule>,
    weights: Vec<(String, f64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DeclaredRule {
    feature: String,
    test: Test,
}

/// What a value must be. No open ends as infinities: JSON has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Test {
    AtLeast(f64),
    AtMost(f64),
    Range(f64, f64),
    OneOf(Vec<String>),
}

impl DeclaredPersona {
    /// A persona without rules yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), rules: Vec::new(), weights: Vec::new() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number in a range, both ends included.
    #[must_use]
    pub fn range(self, feature: impl Into<String>, range: RangeInclusive<f64>) -> Self {
        let (low, high) = range.into_inner();
        self.with(feature.into(), Test::Range(low, high))
    }

    /// A number of at least `low`.
    #[must_use]
    pub fn at_least(self, feature: impl Into<String>, low: f64) -> Self {
        self.with(feature.into(), Test::AtLeast(low))
    }

    /// A number of at most `high`.
    #[must_use]
    pub fn at_most(self, feature: impl Into<String>, high: f64) -> Self {
        self.with(feature.into(), Test::AtMost(high))
    }

    /// One of some categories.
    #[must_use]
    pub fn one_of<S: Into<String>>(
        self,
        feature: impl Into<String>,
        categories: impl IntoIterator<Item = S>,
    ) -> Self {
        let categories = categories.into_iter().map(Into::into).collect();
        self.with(feature.into(), Test::OneOf(categories))
    }

    /// How much the rules on a feature count in the weighted share; above 0, default 1 each.
    #[must_use]
    pub fn weight(mut self, feature: impl Into<String>, weight: f64) -> Self {
        let feature = feature.into();
        self.weights.retain(|(known, _)| *known != feature);
        self.weights.push((feature, weight));
        self
    }

    fn with(mut self, feature: String, test: Test) -> Self {
        self.rules.push(DeclaredRule { feature, test });
        self
    }

    fn invalid(&self, reason: String) -> Error {
        Error::InvalidRule { rule: self.name.clone(), reason: reason.into() }
    }

    /// The rules on the table's columns.
    ///
    /// # Errors
    /// `InvalidRule` naming the persona: no rules, a feature that the table lacks or has with
    /// another type, a bound that is no finite number, rules that nobody can fit, a bad weight.
    pub(super) fn bind<'a>(&'a self, table: &'a FeatureTable) -> Result<Vec<BoundRule<'a>>> {
        if self.rules.is_empty() {
            return Err(self.invalid("it has no rules".into()));
        }
        for (feature, weight) in &self.weights {
            if !(*weight > 0.0 && weight.is_finite()) {
                return Err(self.invalid(format!("the weight of {feature:?} is {weight}")));
            }
            if !self.rules.iter().any(|rule| rule.feature == *feature) {
                return Err(self.invalid(format!("there is a weight but no rule on {feature:?}")));
            }
        }
        let total: f64 = self.weights.iter().map(|(_, weight)| weight).sum();
        if !(total * self.rules.len() as f64).is_finite() {
            return Err(self.invalid("its weights are too large to be added".into()));
        }
        let bound: Vec<BoundRule<'a>> =
            self.rules.iter().map(|rule| self.bind_one(rule, table)).collect::<Result<_>>()?;
        for rule in &bound {
            let feature = rule.feature;
            let same = bound.iter().filter(|other| other.feature == feature);
            let (low, high) = same
                .map(BoundRule::bounds)
                .fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high), (l, h)| {
                    (low.max(l), high.min(h))
                });
            if low > high {
                let reason = format!("the range of {feature:?}, {low} to {high}, is empty");
                return Err(self.invalid(reason));
            }
        }
        Ok(bound)
    }

    fn bind_one<'a>(
        &'a self,
        rule: &'a DeclaredRule,
        table: &'a FeatureTable,
    ) -> Result<BoundRule<'a>> {
        let feature = &rule.feature;
        let Some(column) = table.column(feature) else {
            return Err(self.invalid(format!("the table has no feature {feature:?}")));
        };
        let bounds: &[f64] = match &rule.test {
            Test::AtLeast(bound) | Test::AtMost(bound) => std::slice::from_ref(bound),
            Test::Range(low, high) => &[*low, *high],
            Test::OneOf(categories) if categories.is_empty() => {
                return Err(self.invalid(format!("{feature:?} must be one of no categories")));
            }
            Test::OneOf(_) => &[],
        };
        if let Some(bound) = bounds.iter().find(|bound| !bound.is_finite()) {
            return Err(self.invalid(format!("a bound of {feature:?} is {bound}")));
        }
        let (is, needs) = match (&column.values, &rule.test) {
            (Values::Numeric(_), Test::OneOf(_)) => ("numeric", "categorical"),
            (Values::Categorical(_), Test::AtLeast(_) | Test::AtMost(_) | Test::Range(..)) => {
                ("categorical", "numeric")
            }
            _ => {
                let weight = self.weights.iter().find(|(known, _)| known == feature);
                let weight = weight.map_or(1.0, |&(_, weight)| weight);
                return Ok(BoundRule { feature, test: &rule.test, weight, values: &column.values });
            }
        };
        Err(self.invalid(format!("{feature:?} is {is}; the rule needs a {needs} feature")))
    }
}

/// A checked rule on a column.
#[derive(Debug)]
pub(super) struct BoundRule<'a> {
    pub(super) feature: &'a str,
    test: &'a Test,
    pub(super) weight: f64,
    values: &'a Values,
}

impl BoundRule<'_> {
    /// Whether a row fits; none without a value.
    pub(super) fn fits(&self, row: usize) -> Option<bool> {
        match self.values {
            Values::Numeric(values) => {
                let (low, high) = self.bounds();
                values[row].map(|value| low <= value && value <= high)
            }
            Values::Categorical(values) => values[row].as_ref().map(|value| match self.test {
                Test::OneOf(categories) => categories.contains(value),
                Test::AtLeast(_) | Test::AtMost(_) | Test::Range(..) => false,
            }),
        }
    }

    fn bounds(&self) -> (f64, f64) {
        match self.test {
            Test::AtLeast(low) => (*low, f64::INFINITY),
            Test::AtMost(high) => (f64::NEG_INFINITY, *high),
            Test::Range(low, high) => (*low, *high),
            Test::OneOf(_) => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// The rule in words: `frequency at least 10`.
    pub(super) fn in_words(&self) -> String {
        let (label, said) = (label(self.feature), |value: &f64| measure(self.feature, *value));
        match self.test {
            Test::AtLeast(low) => format!("{label} at least {}", said(low)),
            Test::AtMost(high) => format!("{label} at most {}", said(high)),
            Test::Range(low, high) => format!("{label} from {} to {}", said(low), said(high)),
            Test::OneOf(categories) => format!("{label} {}", categories.join(" or ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> FeatureTable {
        FeatureTable::new(2)
            .numeric("spend", vec![Some(5.0), None])
            .and_then(|t| t.categorical("age", vec![Some("25-34".into()), None]))
            .unwrap()
    }

    #[test]
    fn both_ends_of_a_range_fit_and_a_missing_value_does_not_say() {
        for (persona, fits) in [
            (DeclaredPersona::new("p").range("spend", 5.0..=6.0), true),
            (DeclaredPersona::new("p").range("spend", 4.0..=5.0), true),
            (DeclaredPersona::new("p").at_least("spend", 5.1), false),
            (DeclaredPersona::new("p").at_most("spend", 4.9), false),
            (DeclaredPersona::new("p").one_of("age", ["65+", "25-34"]), true),
        ] {
            let rules = persona.bind(&table()).map(|r| (r[0].fits(0), r[0].fits(1)));
            assert_eq!(rules, Ok((Some(fits), None)), "{persona:?}");
        }
    }

    #[test]
    fn rules_that_make_no_sense_are_refused_with_the_reason() {
        let p = || DeclaredPersona::new("p");
        for (persona, reason) in [
            (p(), "no rules"),
            (p().at_least("income", 1.0), "no feature \"income\""),
            (p().range("spend", 3.0..=2.0), "is empty"),
            (p().at_least("spend", 3.0).at_most("spend", 2.0), "is empty"),
            (p().at_least("spend", f64::NAN), "bound of \"spend\" is NaN"),
            (p().range("spend", 0.0..=f64::INFINITY), "is inf"),
            (p().at_least("age", 30.0), "needs a numeric"),
            (p().one_of("spend", ["5"]), "needs a categorical"),
            (p().one_of("age", [] as [&str; 0]), "no categories"),
            (p().at_least("spend", 1.0).weight("spend", 0.0), "weight of \"spend\" is 0"),
            (p().at_least("spend", 1.0).weight("spend", f64::NAN), "is NaN"),
            (p().at_least("spend", 1.0).weight("age", 1.0), "no rule on \"age\""),
        ] {
            let error = persona.bind(&table()).unwrap_err();
            assert!(matches!(&error, Error::InvalidRule { rule, .. } if rule == "p"));
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_declared_persona_survives_json_and_a_bound_of_nan_does_not_become_no_bound() {
        let persona = DeclaredPersona::new("p").at_least("spend", 0.1).weight("spend", 2.0);
        let json = serde_json::to_string(&persona).unwrap();
        assert_eq!(serde_json::from_str::<DeclaredPersona>(&json).unwrap(), persona);
        let json =
            serde_json::to_string(&DeclaredPersona::new("p").at_least("x", f64::NAN)).unwrap();
        assert!(serde_json::from_str::<DeclaredPersona>(&json).is_err(), "{json}");
    }

    #[test]
    fn rules_read_as_one_would_say_them() {
        let days = FeatureTable::new(0).numeric("recency_days", Vec::new()).unwrap();
        let persona = DeclaredPersona::new("p").range("recency_days", 1.0..=30.0);
        let rules = persona.bind(&days).unwrap();
        assert_eq!(rules[0].in_words(), "recency from 1 day to 30 days");
    }
}
