//! Hand-made personas as values: what a team believes, put so that data can disagree.
//!
//! A declared persona is a list of conditions on features, with weights. It says nothing until it is
//! compared with people: [`PersonaModel::compare`](super::PersonaModel::compare).

use serde::{Deserialize, Serialize};

use super::card::{Contrast, Persona, Trait};
use super::names;
use super::numbers::{called, measure};
use super::vocabulary::Vocabulary;
use crate::features::{Condition, Values};
use crate::{Error, FeatureTable, Result};

/// A persona made by hand.
///
/// Conditions are checked when they are compared with a table: those about numbers need a numeric
/// column, those about texts a categorical one. A person without a value fits only
/// [`Condition::NotExists`].
///
/// ```
/// use personas::features::Condition;
/// use personas::persona::DeclaredPersona;
///
/// let mut loyal = DeclaredPersona::from(("Loyal", [
///     ("frequency", Condition::AtLeast(10.0)),
///     ("monetary", Condition::Between(100.0, 500.0)),
///     ("age", Condition::OneOf(vec!["25-34".into(), "35-44".into()])),
/// ]));
/// loyal.rules[0].weight = 2.0;
/// assert_eq!((loyal.name.as_str(), loyal.rules.len()), ("Loyal", 3));
///
/// // As a file holds it.
/// let json = r#"{"name": "Gold", "rules": [{"feature": "monetary", "condition": {"at_least": 500.0}}]}"#;
/// let gold: DeclaredPersona = serde_json::from_str(json).map_err(std::io::Error::other)?;
/// assert_eq!(gold, DeclaredPersona::from(("Gold", [("monetary", Condition::AtLeast(500.0))])));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredPersona {
    /// Its name.
    pub name: String,
    /// What its people are like, in the team's words; not compared with anything.
    #[serde(default)]
    pub text: String,
    /// What its people have in common.
    pub rules: Vec<DeclaredRule>,
}

/// A condition on a feature, and how much it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredRule {
    /// The feature.
    pub feature: String,
    /// What its value must be.
    pub condition: Condition,
    /// How much it counts in the weighted share; above 0, 1 unless set.
    #[serde(default = "one")]
    #[serde(with = "crate::num::exact")]
    pub weight: f64,
}

fn one() -> f64 {
    1.0
}

impl<const N: usize> From<(&str, [(&str, Condition); N])> for DeclaredPersona {
    /// A name, and a condition on each of some features, all of weight 1.
    fn from((name, conditions): (&str, [(&str, Condition); N])) -> Self {
        let rule = |(feature, condition): (&str, Condition)| DeclaredRule {
            feature: feature.to_owned(),
            condition,
            weight: one(),
        };
        let rules = conditions.into_iter().map(rule).collect();
        Self { name: name.to_owned(), text: String::new(), rules }
    }
}

impl DeclaredPersona {
    /// A persona of the data as one that could be declared: a rule per trait.
    pub(super) fn of(persona: &Persona) -> Self {
        let rule = |told: &Trait| {
            let more = told.effect > 0.0;
            let condition = match &told.contrast {
                &Contrast::Numeric { median_all, with_median, .. } => match (more, with_median) {
                    (true, true) => Condition::AtLeast(median_all),
                    (true, false) => Condition::Greater(median_all),
                    (false, true) => Condition::AtMost(median_all),
                    (false, false) => Condition::Less(median_all),
                },
                // A column of two numbers: who has less than the higher one has the lower one.
                &Contrast::Category { code: Some(code), .. } if more => {
                    Condition::Between(code, code)
                }
                &Contrast::Category { code: Some(code), .. } => Condition::Less(code),
                Contrast::Category { category, .. } if more => Condition::Equals(category.clone()),
                Contrast::Category { category, .. } => Condition::NotEquals(category.clone()),
                &Contrast::Middle { low, high, .. } => Condition::Between(low, high),
                Contrast::Missing { .. } if more => Condition::NotExists,
                Contrast::Missing { .. } => Condition::Exists,
            };
            DeclaredRule { feature: told.feature.clone(), condition, weight: 1.0 }
        };
        let rules = persona.traits.iter().map(rule).collect();
        Self { name: persona.name.clone(), text: persona.to_string(), rules }
    }

    fn invalid(&self, reason: String) -> Error {
        Error::InvalidRule { rule: self.name.clone(), reason: reason.into() }
    }

    /// The rules on the table's columns.
    ///
    /// # Errors
    /// `InvalidRule` naming the persona: no rules, a feature that the table lacks or has with
    /// another type, a bound that is not finite, conditions that nobody can fit, a bad weight.
    pub(super) fn bind<'a>(&'a self, table: &'a FeatureTable) -> Result<Vec<BoundRule<'a>>> {
        if self.rules.is_empty() {
            return Err(self.invalid("it has no conditions".into()));
        }
        let mut total = 0.0;
        for rule in &self.rules {
            total += rule.weight;
            if !(rule.weight > 0.0 && total.is_finite()) {
                let (feature, weight) = (&rule.feature, rule.weight);
                return Err(self
                    .invalid(format!("the weight of {feature:?} is {weight}, expected above 0")));
            }
        }
        let bound: Vec<BoundRule<'a>> =
            self.rules.iter().map(|rule| self.bind_one(rule, table)).collect::<Result<_>>()?;
        for rule in &self.rules {
            let same = self.rules.iter().filter(|other| other.feature == rule.feature);
            let (low, high) = same
                .filter_map(|rule| rule.condition.bounds())
                .fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high), (l, h)| {
                    (low.max(l), high.min(h))
                });
            if low > high {
                let feature = &rule.feature;
                let reason = format!("the range of {feature:?}, {low} to {high}, is empty");
                return Err(self.invalid(reason));
            }
        }
        Ok(bound)
    }

    fn bind_one<'a>(
        &self,
        rule: &'a DeclaredRule,
        table: &'a FeatureTable,
    ) -> Result<BoundRule<'a>> {
        let feature = &rule.feature;
        let Some(column) = table.column(feature) else {
            return Err(self.invalid(format!("the table has no feature {feature:?}")));
        };
        if let Some(fault) = rule.condition.fault() {
            return Err(self.invalid(format!("the condition on {feature:?}: {fault}")));
        }
        let is_of_numbers = rule.condition.bounds().is_some();
        let (is, needs) = match &column.values {
            Values::Numeric(_) if !is_of_numbers => ("numeric", "categorical"),
            Values::Categorical(_) if is_of_numbers => ("categorical", "numeric"),
            _ => return Ok(BoundRule { rule, values: &column.values }),
        };
        if rule.condition.is_of_presence() {
            return Ok(BoundRule { rule, values: &column.values });
        }
        Err(self.invalid(format!("{feature:?} is {is}; the condition needs a {needs} feature")))
    }
}

/// A checked rule on a column.
#[derive(Debug)]
pub(super) struct BoundRule<'a> {
    pub(super) rule: &'a DeclaredRule,
    values: &'a Values,
}

impl BoundRule<'_> {
    /// Whether a row fits; `None` without a value, unless the condition is about there being one.
    pub(super) fn fits(&self, row: usize) -> Option<bool> {
        let condition = &self.rule.condition;
        let value = match self.values {
            Values::Numeric(values) => values[row].map(|number| (Some(number), "")),
            Values::Categorical(values) => values[row].as_deref().map(|text| (None, text)),
        };
        match value {
            None if !condition.is_of_presence() => None,
            value => Some(condition.holds(value.into_iter())),
        }
    }

    /// The rule in words: `frequency at least 10`.
    pub(super) fn in_words(&self, words: &Vocabulary) -> String {
        let feature = self.rule.feature.as_str();
        let label = called(words, feature);
        let number = |value: &f64| measure(words, feature, *value);
        let category = |text: &String| names::category(words, text);
        let say =
            |template, value: &str| words.say(template, &[("label", &label), ("value", value)]);
        match &self.rule.condition {
            Condition::AtLeast(low) | Condition::NotLess(low) => {
                say("{label} at least {value}", &number(low))
            }
            Condition::Greater(low) => say("{label} above {value}", &number(low)),
            Condition::AtMost(high) => say("{label} at most {value}", &number(high)),
            Condition::Less(high) => say("{label} below {value}", &number(high)),
            Condition::Between(low, high) => {
                let parts = [("label", &*label), ("value", &number(low)), ("high", &number(high))];
                words.say("{label} from {value} to {high}", &parts)
            }
            Condition::Equals(text) => say("{label} {value}", &category(text)),
            Condition::NotEquals(text) => say("{label} not {value}", &category(text)),
            Condition::OneOf(texts) => {
                let either = texts.iter().map(category).reduce(|value, other| {
                    words.say("{value} or {other}", &[("value", &value), ("other", &other)])
                });
                say("{label} {value}", &either.unwrap_or_default())
            }
            Condition::Exists => say("{label} known", ""),
            Condition::NotExists => say("{label} unknown", ""),
            other => say("{label} {value}", &other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::thresholds::Describer;
    use super::super::vocabulary::english;
    use super::*;
    use crate::{Labels, Preprocessor};

    fn one_of(categories: &[&str]) -> Condition {
        Condition::OneOf(categories.iter().map(|&category| category.to_owned()).collect())
    }

    fn table() -> FeatureTable {
        FeatureTable::new(2)
            .numeric("spend", vec![Some(5.0), None])
            .and_then(|t| t.categorical("age", vec![Some("25-34".into()), None]))
            .unwrap()
    }

    #[test]
    fn both_ends_of_a_range_fit_and_a_missing_value_does_not_say() {
        for (persona, fits) in [
            (DeclaredPersona::from(("p", [("spend", Condition::Between(5.0, 6.0))])), true),
            (DeclaredPersona::from(("p", [("spend", Condition::Between(4.0, 5.0))])), true),
            (DeclaredPersona::from(("p", [("spend", Condition::AtLeast(5.1))])), false),
            (DeclaredPersona::from(("p", [("spend", Condition::AtMost(4.9))])), false),
            (DeclaredPersona::from(("p", [("age", one_of(&["65+", "25-34"]))])), true),
        ] {
            let rules = persona.bind(&table()).map(|r| (r[0].fits(0), r[0].fits(1)));
            assert_eq!(rules, Ok((Some(fits), None)), "{persona:?}");
        }
    }

    #[test]
    fn invalid_rules_are_refused_with_the_reason() {
        for (persona, reason) in [
            (DeclaredPersona::from(("p", [])), "no conditions"),
            (
                DeclaredPersona::from(("p", [("income", Condition::AtLeast(1.0))])),
                "no feature \"income\"",
            ),
            (
                DeclaredPersona::from(("p", [("spend", Condition::Between(3.0, 2.0))])),
                "not above the upper",
            ),
            (
                DeclaredPersona::from((
                    "p",
                    [("spend", Condition::AtLeast(3.0)), ("spend", Condition::AtMost(2.0))],
                )),
                "is empty",
            ),
            (
                DeclaredPersona::from(("p", [("spend", Condition::AtLeast(f64::NAN))])),
                "must be finite",
            ),
            (
                DeclaredPersona::from(("p", [("spend", Condition::Between(0.0, f64::INFINITY))])),
                "must be finite",
            ),
            (DeclaredPersona::from(("p", [("age", Condition::AtLeast(30.0))])), "needs a numeric"),
            (DeclaredPersona::from(("p", [("spend", one_of(&["5"]))])), "needs a categorical"),
            (DeclaredPersona::from(("p", [("age", one_of(&[]))])), "at least one value"),
            (
                weighing(DeclaredPersona::from(("p", [("spend", Condition::AtLeast(1.0))])), 0.0),
                "weight of \"spend\" is 0",
            ),
            (
                weighing(
                    DeclaredPersona::from(("p", [("spend", Condition::AtLeast(1.0))])),
                    f64::NAN,
                ),
                "is NaN",
            ),
        ] {
            let error = persona.bind(&table()).unwrap_err();
            assert!(matches!(&error, Error::InvalidRule { rule, .. } if rule == "p"));
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    fn weighing(mut persona: DeclaredPersona, weight: f64) -> DeclaredPersona {
        persona.rules[0].weight = weight;
        persona
    }

    #[test]
    fn a_declared_persona_survives_json_and_a_bound_of_nan_does_not_become_no_bound() {
        let persona =
            weighing(DeclaredPersona::from(("p", [("spend", Condition::AtLeast(0.1))])), 2.0);
        let json = serde_json::to_string(&persona).unwrap();
        assert_eq!(serde_json::from_str::<DeclaredPersona>(&json).unwrap(), persona);
        let json = serde_json::to_string(&DeclaredPersona::from((
            "p",
            [("x", Condition::AtLeast(f64::NAN))],
        )))
        .unwrap();
        let back: DeclaredPersona = serde_json::from_str(&json).unwrap();
        let [rule] = back.rules.as_slice() else { panic!("{back:?}") };
        assert!(matches!(rule.condition, Condition::AtLeast(bound) if bound.is_nan()), "{json}");
    }

    #[test]
    fn rules_read_as_one_would_say_them() {
        let days = FeatureTable::new(0).numeric("recency_days", Vec::new()).unwrap();
        let persona =
            DeclaredPersona::from(("p", [("recency_days", Condition::Between(1.0, 30.0))]));
        let rules = persona.bind(&days).unwrap();
        assert_eq!(rules[0].in_words(english()), "recency from 1 day to 30 days");
        let cities = FeatureTable::new(0).categorical("city", Vec::new()).unwrap();
        let persona = DeclaredPersona::from(("p", [("city", Condition::Contains("ville".into()))]));
        let rules = persona.bind(&cities).unwrap();
        assert_eq!(rules[0].in_words(english()), r#"city containing "ville""#);
    }

    #[test]
    fn the_rule_of_every_kind_of_trait_fits_whom_the_trait_fits() {
        // 120 people in two halves: 90% of the first half have it, and 10% of the second.
        let n = 120;
        let half = |row: usize| row / (n / 2);
        let has = |row: usize| (half(row) == 0) != row.is_multiple_of(10);
        let numbers = |of: &dyn Fn(usize) -> Option<f64>| {
            let values = (0..n).map(of).collect();
            FeatureTable::new(n).numeric("column", values).unwrap()
        };
        let texts = |of: &dyn Fn(usize) -> &'static str| {
            let values = (0..n).map(|row| Some(of(row).to_owned())).collect();
            FeatureTable::new(n).categorical("column", values).unwrap()
        };
        let tables = [
            numbers(&|row| Some((row % 13 + if has(row) { 50 } else { 0 }) as f64)),
            numbers(&|row| Some(if has(row) { 0.0 } else { (1 + row % 9) as f64 })),
            numbers(&|row| Some(f64::from(has(row)))),
            numbers(&|row| Some(if has(row) { 2.0 } else { 7.0 })),
            numbers(&|row| (!has(row)).then_some((row % 17) as f64)),
            texts(&|row| if has(row) { "red" } else { "white" }),
            texts(&|row| if has(row) { "c" } else { ["a", "b"][row % 2] }),
            texts(&|row| if has(row) { "c" } else { ["a", "b", "d", "e"][row % 4] }),
        ];
        let labels = Labels::new((0..n).map(|row| Some(half(row)))).unwrap();
        let mut conditions = Vec::new();
        for table in tables {
            let prep = Preprocessor::default().fit(&table).unwrap();
            let model = Describer::default().describe(&table, &prep, &labels).unwrap();
            for (persona, of) in model.personas().iter().enumerate() {
                let [told] = of.traits.as_slice() else { panic!("{of:?}") };
                let declared = DeclaredPersona::of(of);
                let rule = &declared.bind(&table).unwrap()[0];
                let share = |is_member: bool| {
                    let rows = (0..n).filter(|&row| (half(row) == persona) == is_member);
                    let said: Vec<bool> = rows.filter_map(|row| rule.fits(row)).collect();
                    said.iter().filter(|&&fits| fits).count() as f64 / said.len() as f64
                };
                assert_eq!((share(true), share(false)), told.fitting, "{told:?}");
                conditions.extend(declared.rules.into_iter().map(|rule| rule.condition));
            }
        }
        for kind in [
            |c: &Condition| matches!(c, Condition::Greater(_) | Condition::AtLeast(_)),
            |c: &Condition| matches!(c, Condition::Less(_) | Condition::AtMost(_)),
            |c: &Condition| matches!(c, Condition::Equals(_)),
            |c: &Condition| matches!(c, Condition::NotEquals(_)),
            |c: &Condition| matches!(c, Condition::NotExists),
            |c: &Condition| matches!(c, Condition::Exists),
            |c: &Condition| matches!(c, Condition::Between(..)),
        ] {
            assert!(conditions.iter().any(kind), "{conditions:?}");
        }
    }
}
