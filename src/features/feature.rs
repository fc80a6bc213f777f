//! A named measure, the events it counts, and how much they count.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::definition::{Evaluation, NameLookup, Read};
use super::dictionary::Dictionary;
use super::filter::{BoundFilter, EventFilter, PropertyCondition};
use super::formula;
use super::local_time;
use super::measure::Measure;
use super::schema::Schema;
use super::summary::{Layout, TotalsPlace};
use crate::Timestamp;

/// A named measure over all events or some.
///
/// ```
/// use personas::features::{Condition, Feature, Measure};
///
/// let visits = Feature::new("visits of the last month", Measure::Count)
///     .on("visit")
///     .when("channel", Condition::NotEquals("mail".into()))
///     .within_days(30.0);
/// assert_eq!(visits.name(), "visits of the last month");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Feature {
    name: String,
    measure: Measure,
    filter: EventFilter,
    within_days: Option<f64>,
    half_life_days: Option<f64>,
    optional: bool,
}

impl Feature {
    /// Creates a feature over all events except `identify` and `alias` calls, which are not activity; see
    /// [`EventFilter`]. Attributes are read from all events.
    pub fn new(name: impl Into<String>, measure: Measure) -> Self {
        Self {
            name: name.into(),
            measure,
            filter: EventFilter::default(),
            within_days: None,
            half_life_days: None,
            optional: false,
        }
    }

    /// Counts only the events of a filter: those of a name, of one of several names, or of a whole
    /// [`EventFilter`]. Replaces earlier names and conditions.
    #[must_use]
    pub fn on(mut self, filter: impl Into<EventFilter>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Counts only events whose property meets a condition; an event must meet all such conditions.
    ///
    /// ```
    /// use personas::features::{Condition, Feature, Measure};
    ///
    /// let large = Feature::new("large orders", Measure::Count)
    ///     .on("order")
    ///     .when("amount", Condition::AtLeast(100.0));
    /// assert_eq!(large.name(), "large orders");
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn when(mut self, property: impl Into<String>, is: Condition) -> Self {
        self.filter = self.filter.when(property, is);
        self
    }

    /// Counts only events of the last so many days of 24 hours: those after `as_of` − `days`, up to
    /// and including `as_of`, to the millisecond.
    ///
    /// ```
    /// use personas::features::{Feature, Measure};
    ///
    /// let lately = Feature::new("orders of 30 days", Measure::Count).on("order").within_days(30.0);
    /// assert_ne!(lately, Feature::new("orders of 30 days", Measure::Count).on("order"));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn within_days(mut self, days: f64) -> Self {
        self.within_days = Some(days);
        self
    }

    /// Weights events by age: an event counts half after so many days of 24 hours, a quarter after twice as
    /// many; above 0. Counts and sums fade as time passes. Means and shares do not fade, but old events
    /// count less in them than new ones. Which values are the top ones is decided without weights.
    ///
    /// ```
    /// use personas::features::{Feature, Measure, Values};
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let orders = Feature::new("orders", Measure::Count).on("order").half_life_days(30.0);
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::default().with(orders))?;
    /// let order = Event::new("order", Timestamp::parse("2024-05-01")?).id("card", "1");
    /// people.observe(&order)?;
    /// let table = people.features(Timestamp::parse("2024-05-31")?)?; // 30 days later
    /// assert_eq!(table.columns()[0].values, Values::Numeric(vec![Some(0.5)]));
    /// # Ok::<(), personas::Error>(())
    /// ```
    #[must_use]
    pub fn half_life_days(mut self, days: f64) -> Self {
        self.half_life_days = Some(days);
        self
    }

    /// Leaves the column out of the table if it is missing for everybody.
    ///
    /// ```
    /// use personas::features::{Feature, Measure};
    /// use personas::{Event, FeatureSet, Profiles, Rules, Timestamp};
    ///
    /// let spent = Feature::new("spent", Measure::Mean("amount".into())).on("order").optional();
    /// let mut people = Profiles::new(Rules::default(), FeatureSet::default().with(spent))?;
    /// let may = Timestamp::parse("2024-05-01")?;
    /// people.observe(&Event::new("visit", may).id("card", "1"))?; // no order
    /// assert!(people.features(may)?.columns().is_empty());
    /// # Ok::<(), personas::Error>(())
    /// ```
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
    pub(crate) fn measure(&self) -> &Measure {
        &self.measure
    }

    /// The events that count.
    pub(crate) fn filter(&self) -> &EventFilter {
        &self.filter
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.optional
    }

    /// Events count from after this moment on.
    pub(crate) fn after(&self, as_of: Timestamp) -> Option<Timestamp> {
        self.within_days.map(|days| as_of.days_before(days))
    }

    /// The half-life, if events count less the older they are.
    pub(crate) fn half_life(&self) -> Option<f64> {
        self.half_life_days
    }

    /// Days that events count for.
    pub(crate) fn window(&self) -> Option<f64> {
        self.within_days
    }

    /// The attribute it asks for by name.
    pub(crate) fn attribute(&self) -> Option<&str> {
        match &self.measure {
            Measure::Attribute { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What it reads of events.
    pub(super) fn reads(&self) -> Vec<Read> {
        let mut reads = Read::of_filter(&self.filter);
        reads.extend(self.measure.define(NameLookup::NONE).reads);
        reads
    }

    /// The texts whose codes it compares.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.filter.texts_of_activity().chain(self.measure.texts())
    }

    /// The filter for stored events: attributes are read of all, everything else of activity.
    pub(super) fn bind(&self, schema: &Schema, dictionary: &Dictionary) -> BoundFilter {
        match self.measure {
            Measure::Attribute { .. } | Measure::Attributes => self.filter.bind(schema, dictionary),
            _ => self.filter.bind_activity(schema, dictionary),
        }
    }

    /// Makes room for it in the summaries; where it is, or `None` if a summary cannot tell it.
    pub(super) fn reserve(
        &self,
        layout: &mut Layout,
        (schema, dictionary): (&Schema, &Dictionary),
    ) -> Option<TotalsPlace> {
        if self.within_days.is_some() || self.half_life_days.is_some() {
            return None;
        }
        match self.measure.define(NameLookup::new(schema, dictionary)).how {
            Evaluation::Totals { keep, field, .. } | Evaluation::Value { keep, field } => {
                let bound = self.bind(schema, dictionary);
                Some(layout.add((&self.filter, bound), keep, field))
            }
            Evaluation::Log(_) | Evaluation::Columns | Evaluation::Open => None,
        }
    }

    /// Whether neither its column nor the type of it depends on the data.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.optional && self.measure.is_fixed()
    }

    /// Whether its column or the type of it is known only when everybody's events are. A score's
    /// column is known; its borders depend on finished columns.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.measure, Measure::Score { .. }) && !self.is_fixed()
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
        Self { name, measure, optional: false, ..self.clone() }
    }

    /// The same feature of the events of one name among those that it counts.
    pub(super) fn of_event(mut self, name: &str) -> Self {
        self.filter.events = vec![name.to_owned()];
        self
    }

    /// What is wrong with it by itself, if anything.
    pub(super) fn fault(&self) -> Option<Cow<'static, str>> {
        self.own_fault().or_else(|| self.measure.fault())
    }

    fn own_fault(&self) -> Option<Cow<'static, str>> {
        if self.name.trim().is_empty() {
            return Some("it has no name".into());
        }
        let is_length = |days: Option<f64>| days.is_none_or(|d| d > 0.0 && d.is_finite());
        if !is_length(self.within_days) || !is_length(self.half_life_days) {
            return Some("a number of days must be above 0 and finite".into());
        }
        if self.half_life_days.is_some() && !self.measure.can_decay() {
            return Some("a half-life is for counts, sums, means and shares".into());
        }
        self.filter.fault().or_else(|| {
            self.reads().iter().find_map(|read| match read {
                Read::Property(name, _) => local_time::fault(name).or_else(|| formula::fault(name)),
                _ => None,
            })
        })
    }
}

/// A feature as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    measure: Measure,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    when: Vec<PropertyCondition>,
    #[serde(default)]
    #[serde(with = "crate::num::exact")]
    within_days: Option<f64>,
    #[serde(default)]
    #[serde(with = "crate::num::exact")]
    half_life_days: Option<f64>,
    #[serde(default)]
    optional: bool,
}

impl From<Stored> for Feature {
    fn from(stored: Stored) -> Self {
        Self {
            name: stored.name,
            measure: stored.measure,
            filter: EventFilter { events: stored.events, when: stored.when },
            within_days: stored.within_days,
            half_life_days: stored.half_life_days,
            optional: stored.optional,
        }
    }
}

impl From<Feature> for Stored {
    fn from(feature: Feature) -> Self {
        Self {
            name: feature.name,
            measure: feature.measure,
            events: feature.filter.events,
            when: feature.filter.when,
            within_days: feature.within_days,
            half_life_days: feature.half_life_days,
            optional: feature.optional,
        }
    }
}
