//! The features of a table: plain data that a configuration file can hold.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::definition::Read;
use super::feature::Feature;
use super::measure::{Measure, Share};
use super::rhythm::SessionMeasure;
use super::schema::Schema;
use crate::{Error, Result};

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
/// assert_eq!(features.into_iter().count(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeatureSet {
    features: Vec<Feature>,
}

impl FeatureSet {
    /// A good start for a site or an app: how much, how often, how regularly, when and on what.
    ///
    /// | column | is |
    /// |---|---|
    /// | `recency_days`, `tenure_days` | days since the last event, since the first |
    /// | `sessions`, `events_per_session`, `session_minutes` | with half an hour between sessions |
    /// | `session_gap_days`, `session_gap_variation` | time between sessions, and how irregular it is |
    /// | `active_days`, `active_days_30` | number of days with events: in all, and among the last 30 |
    /// | `events_30`, `fading_events` | events of the last 30 days; all events, with a half-life of a week |
    /// | `number of …` | a column for each of the eight most frequent events |
    /// | `time of …`, `share on weekends`, `season …` | shares of times of day, weekends and seasons, of events that know their local time |
    /// | `hour_entropy`, `weekday_entropy`, `season_entropy` | entropy of the hours, weekdays and seasons of the events, in bits: 0 if all are the same |
    /// | `device …`, `os …`, `channel …`, `region …` | shares of the four most frequent devices, operating systems, channels and regions, of events that have the properties `device`, `os`, `channel` and `region` |
    /// | `device_entropy`, `os_entropy`, `channel_entropy`, `region_entropy` | how widely they spread over all of them, in bits |
    ///
    /// There is also a column for every declared attribute, [at most 256](Measure::Attributes). A property that
    /// no event has makes no columns. To get one column per hour, weekday or country, add features:
    ///
    /// ```
    /// use personas::FeatureSet;
    /// use personas::features::{Feature, Measure};
    ///
    /// let profile = |name: &str, property: &str, n| {
    ///     Feature::new(name, Measure::TopShares { property: property.into(), by: None, n })
    /// };
    /// let features = FeatureSet::engagement()
    ///     .with(profile("hour", "@hour", 24))
    ///     .with(profile("weekday", "@weekday", 7))
    ///     .with(profile("country", "country", 10));
    /// ```
    pub fn engagement() -> Self {
        const SESSION: f64 = 30.0;
        let feature = |name: &str, measure| Feature::new(name, measure);
        let top = |property: &str, n| Measure::TopShares { property: property.into(), by: None, n };
        let weekend =
            Share::Value { property: "@week_part".into(), value: "weekend".into(), by: None };
        let weekend = Measure::Share(weekend);
        let session = |of| Measure::Session { of, minutes: SESSION };
        let entropy = |name: &str, property: &str| {
            feature(name, Measure::Entropy(property.into())).optional()
        };
        let names = Measure::EventCounts { except: vec!["identify".into()], n: 8 };
        Self::from_iter([
            feature("recency_days", Measure::RecencyDays),
            feature("tenure_days", Measure::TenureDays),
            feature("sessions", session(SessionMeasure::Count)),
            feature("events_per_session", session(SessionMeasure::Events)),
            feature("session_minutes", session(SessionMeasure::Minutes)),
            feature("session_gap_days", session(SessionMeasure::GapDays)),
            feature("session_gap_variation", session(SessionMeasure::GapVariation)),
            feature("active_days", Measure::ActiveDays),
            feature("active_days_30", Measure::ActiveDays).within_days(30.0),
            feature("events_30", Measure::Count).within_days(30.0),
            feature("fading_events", Measure::Count).half_life_days(7.0),
            feature("number of", names),
            feature("time of", top("@daytime", 4)),
            feature("share on weekends", weekend).optional(),
            feature("season", top("@season", 4)),
            entropy("hour_entropy", "@hour"),
            entropy("weekday_entropy", "@weekday"),
            entropy("season_entropy", "@season"),
            feature("device", top("device", 4)),
            feature("os", top("os", 4)),
            feature("channel", top("channel", 4)),
            feature("region", top("region", 4)),
            entropy("device_entropy", "device"),
            entropy("os_entropy", "os"),
            entropy("channel_entropy", "channel"),
            entropy("region_entropy", "region"),
            feature("attributes", Measure::Attributes),
        ])
    }

    /// Adds a feature.
    #[must_use]
    pub fn with(mut self, feature: Feature) -> Self {
        self.features.push(feature);
        self
    }

    /// The features in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Feature> {
        self.features.iter()
    }

    /// Whether columns and types are the same for any data, so that every row stands alone.
    pub(crate) fn is_fixed(&self) -> bool {
        self.features.iter().all(Feature::is_fixed)
    }

    /// The texts whose codes the features compare.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.features.iter().flat_map(Feature::texts)
    }

    /// Whether some filter reads more of a text than whether it is a certain one.
    pub(crate) fn reads_texts(&self) -> bool {
        self.features.iter().any(|feature| feature.filter().reads_texts())
    }

    /// Whether the set makes sense as a whole.
    pub(crate) fn check(&self) -> Result<()> {
        let mut names = HashSet::new();
        for (place, feature) in self.features.iter().enumerate() {
            let name = feature.name();
            let wrong = |reason: Cow<'static, str>| {
                Err(Error::InvalidFeature { feature: name.to_owned(), reason })
            };
            if let Some(fault) = feature.fault() {
                return wrong(fault);
            }
            if !names.insert(name) {
                return wrong("the name is taken by an earlier feature".into());
            }
            let is_number = |part: &str| {
                let mut earlier = self.features[..place].iter().filter(|e| e.name() == part);
                earlier.any(|e| {
                    !e.is_optional() && e.measure().is_one_column() && !e.measure().is_category()
                })
            };
            if !feature.measure().made_of().all(is_number) {
                return wrong(
                    "it must be made of earlier features that are single numbers and not optional"
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// What the features need of events.
    pub(crate) fn schema(&self) -> Schema {
        let mut schema = Schema::default();
        for read in self.features.iter().flat_map(Feature::reads) {
            match read {
                Read::Nothing => {}
                Read::Property(name, need) => schema.keep(&name, need),
                Read::Attribute(name) => schema.keep_attribute(&name),
                Read::AllAttributes => schema.keep_all_attributes(),
            }
        }
        schema
    }
}

impl<'a> IntoIterator for &'a FeatureSet {
    type Item = &'a Feature;
    type IntoIter = std::slice::Iter<'a, Feature>;

    /// The features in order.
    fn into_iter(self) -> Self::IntoIter {
        self.features.iter()
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        Self { features: features.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Condition;
    use super::super::filter::EventFilter;
    use super::super::measure::Best;
    use super::super::rhythm::SessionMeasure;
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
            FeatureSet::default().with(Feature::new("n", Measure::Mean("@minute".into()))),
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
    fn every_setting_of_a_measure_may_be_at_its_limits_and_not_beyond_them() {
        let is_fine = |measure| Feature::new("f", measure).fault().is_none();
        for (q, fine) in [(0.0, true), (1.0, true), (-0.1, false), (1.1, false), (f64::NAN, false)]
        {
            assert_eq!(is_fine(Measure::Quantile { property: "p".into(), q }), fine, "{q}");
        }
        let infinite = f64::INFINITY;
        for (minutes, fine) in [(0.1, true), (0.0, false), (-1.0, false), (infinite, false)] {
            let of = SessionMeasure::Count;
            assert_eq!(is_fine(Measure::Session { of, minutes }), fine, "{minutes}");
            assert_eq!(is_fine(Measure::MostFrequentTransition(minutes)), fine, "{minutes}");
        }
        for (n, fine) in [(1, true), (0, false)] {
            assert_eq!(is_fine(Measure::EventCounts { except: Vec::new(), n }), fine, "{n}");
        }
        for (n, fine) in [(2, true), (100, true), (1, false), (101, false)] {
            assert_eq!(is_fine(Measure::Score { of: "g".into(), n, best: Best::Low }), fine, "{n}");
        }
        for (borders, best, fine) in [
            (vec![], Best::High, true),
            (vec![1.0, 1.0, 2.0], Best::High, true),
            (vec![2.0, 1.0, 1.0], Best::Low, true),
            (vec![2.0, 1.0], Best::High, false),
            (vec![1.0, 2.0], Best::Low, false),
            (vec![f64::NAN], Best::High, false),
            (vec![1.0, infinite], Best::High, false),
        ] {
            let score = Measure::ScoreFrom { of: "g".into(), borders: borders.clone(), best };
            assert_eq!(is_fine(score), fine, "{borders:?} {best:?}");
        }
        let days = |days| Feature::new("f", Measure::Count).within_days(days).fault().is_none();
        assert_eq!([1e-9, 0.0, infinite].map(days), [true, false, false]);
        let half = |days| Feature::new("f", Measure::Count).half_life_days(days).fault().is_none();
        assert_eq!([1e-9, 0.0, infinite].map(half), [true, false, false]);
        assert!(Feature::new("f", Measure::ActiveDays).half_life_days(1.0).fault().is_some());
    }

    #[test]
    fn every_condition_of_a_filter_makes_sense_wherever_it_stands() {
        use Condition::{AtLeast, AtMost, Between, ContainsOneOf, Greater, Less, NotLess, OneOf};
        let one = || vec!["a".to_owned()];
        let fine = [Less(0.0), Between(1.0, 1.0), OneOf(one()), ContainsOneOf(one())];
        let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let of_number = [Less, AtMost, Greater, AtLeast, NotLess];
        let bad = of_number.into_iter().flat_map(|of| numbers.map(of));
        let ranges = [(2.0, 1.0), (f64::NEG_INFINITY, 1.0), (1.0, f64::INFINITY)];
        let bad = bad.chain(ranges.map(|(low, high)| Between(low, high)));
        let bad = bad.chain([OneOf(Vec::new()), ContainsOneOf(Vec::new())]);
        let all = fine.into_iter().map(|is| (is, true)).chain(bad.map(|is| (is, false)));
        for (is, makes_sense) in all {
            let of_feature = Feature::new("f", Measure::Count).when("p", is.clone());
            assert_eq!(of_feature.fault().is_none(), makes_sense, "{is:?}");
            let filter = EventFilter::default().when("p", is.clone());
            let of_share = Feature::new("f", Measure::Share(Share::Events(filter)));
            assert_eq!(of_share.fault().is_none(), makes_sense, "{is:?}");
        }
    }

    #[test]
    fn a_set_can_be_written_in_a_configuration_file() {
        let json = r#"[
            {"name": "visits", "measure": "count", "events": ["visit"]},
            {"name": "spend", "measure": {"sum": "amount"}},
            {"name": "fresh", "measure": {"share": {"value": {"property": "department", "value": "PRODUCE"}}}}
        ]"#;
        let set: FeatureSet = serde_json::from_str(json).unwrap();
        let same = FeatureSet::default()
            .with(Feature::new("visits", Measure::Count).on("visit"))
            .with(Feature::new("spend", Measure::Sum("amount".into())))
            .with(Feature::new(
                "fresh",
                Measure::Share(Share::Value {
                    property: "department".into(),
                    value: "PRODUCE".into(),
                    by: None,
                }),
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
