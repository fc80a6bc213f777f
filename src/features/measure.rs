//! What can be measured over the events of a person, each measure described in one place.
//!
//! A measure is a function of the *set* of a person's events up to a moment. Where nothing happened,
//! counts are 0 and everything else is missing. [`Measure::define`] says of each measure what it reads, of which
//! type its column is, whether events can fade in it, and how it is evaluated: from totals, which
//! a summary holds as well as a log, from the log alone, or from other columns.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::definition::{Definition, NameLookup, Output, Read};
use super::filter::EventFilter;
use super::funnel::Funnel;
use super::local_time::LOCAL_DAY;
use super::rhythm::{self, SessionMeasure};
use super::share::{self, Weight};
use super::totals::{Anchor, Keep};
use crate::num::stats;

/// What is measured over the events of a person.
///
/// A day is one of the person's own clock where the event's offset from UTC is known, else of UTC. A
/// blank text is a missing value. Properties are told apart by their text; a number by its shortest decimal
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
    Std(String),
    /// Its quantile, between 0 and 1 (0.5 is the median), by linear interpolation between the
    /// values (type 7 of Hyndman and Fan); missing if there are none.
    Quantile {
        /// The property.
        property: String,
        /// The probability, in [0, 1].
        #[serde(with = "crate::num::exact")]
        q: f64,
    },
    /// 1 if there is an event, 0 if not.
    Exists,
    /// The value of a property at the first event that has one; of several then, the smallest,
    /// numbers before texts.
    First {
        /// The property.
        property: String,
        /// The type of the column.
        #[serde(default)]
        column: ColumnType,
    },
    /// As [`Measure::First`], at the last event that has one.
    Last {
        /// The property.
        property: String,
        /// The type of the column.
        #[serde(default)]
        column: ColumnType,
    },
    /// The time of the first event, in days since 1970-01-01T00:00:00Z; missing without events.
    FirstTime,
    /// The time of the last event, in days since 1970-01-01T00:00:00Z; missing without events.
    LastTime,
    /// All distinct values of a property, in order of their text, as one category: `red, white`.
    /// Missing if there are none.
    UniqueList(String),
    /// Number of values of a property over the events, 0 if there are none: of `products.sku`, the
    /// number of items. A list has as many values as it is long.
    Values(String),
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
    /// Mean of a property's sums per day, over the days with the property, leaving out the first day with an
    /// event: the value of a repeat purchase, as the BG/NBD and Gamma-Gamma models use it. Missing if there
    /// are no such days.
    RepeatMean(String),
    /// Something about the person's sessions: runs of events less than so many minutes apart, each
    /// from the one before.
    Session {
        /// What about them.
        of: SessionMeasure,
        /// Minutes without an event that end a session; 30 is usual.
        #[serde(with = "crate::num::exact")]
        minutes: f64,
    },
    /// How many steps of a funnel were reached, from 0 to all of them.
    FurthestStep(Funnel),
    /// Days from the first step of a funnel to the last, of the [attempt that counts](Funnel);
    /// missing if the last was not reached.
    FunnelDays(Funnel),
    /// The most frequent transition from one event to the next within sessions, as a category:
    /// `visit → purchase`. The events of a session are less than this many minutes apart. Repetitions of an
    /// event are one step; events of equal time are ordered by name. Ties go to the smaller first name, then
    /// to the smaller second name. Missing below two transitions.
    #[serde(with = "crate::num::exact")]
    MostFrequentTransition(f64),
    /// How evenly the events spread over the values of a property: Shannon's entropy in bits, 0 if
    /// it is always the same one. Missing if no event has the property.
    Entropy(String),
    /// A part of a whole, between 0 and 1; missing if the whole is 0.
    Share(Share),
    /// [`Share::Value`] of each of the values that weigh most in the whole population up to the
    /// moment, heaviest first, ties by text. A column is called by the feature's name and the
    /// value.
    TopShares {
        /// The property.
        property: String,
        /// The property that weighs the events; none to count them.
        #[serde(default)]
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
    /// The most frequent value of a property, ties to the smaller text; missing below two events
    /// that have it. A category.
    MostFrequent(String),
    /// What was declared of a person: the newest value by the event's time, ties to the smaller value.
    /// An empty list, or `null` in a Segment call, says that there is no value any more.
    Attribute {
        /// The attribute.
        name: String,
        /// The type of the column.
        #[serde(default)]
        column: ColumnType,
    },
    /// [`Measure::Attribute`] for every attribute that occurs and is not asked for by name, in
    /// alphabetical order. Columns are called as the attributes. Where there are more than
    /// 256, the ones that most people declare are columns, ties by name, so that clients cannot make columns without end;
    /// [`FeatureTable::attributes_left_out`](crate::FeatureTable::attributes_left_out) counts the others. A store has
    /// room for 32,767 names, of which the first to come are stored until their events are forgotten. A value of any
    /// other name is not stored, and [`IngestReport`](crate::IngestReport) counts it as not read; with such names,
    /// what is kept depends on the order of arrival, and stores that together have more names do not merge. Where
    /// clients are not trusted, name the attributes that matter: they always have room.
    Attributes,
    /// A feature as a score of 1 to `n` by rank in the whole population: `n` is best. If `N` people
    /// have a value, a person who does better than `b` others gets 1 + ⌊`n` · `b` / `N`⌋, so that equal
    /// values score equally. Missing where the feature is. It must come earlier in the set, be a
    /// single number and not [`optional`](crate::features::Feature::optional).
    Score {
        /// Name of the feature.
        of: String,
        /// Number of scores, 2 to 100; 5 is usual.
        n: usize,
        /// Which end of the feature is good: of recency the low one.
        best: Best,
    },
    /// [`Measure::Score`] with its borders: 1 and one more for every border that is reached.
    /// [`Profiles::freeze`](crate::Profiles::freeze) makes one.
    ScoreFrom {
        /// Name of the feature.
        of: String,
        /// The borders, from bad to good.
        #[serde(with = "crate::num::exact")]
        borders: Vec<f64>,
        /// Which end of the feature is good.
        best: Best,
    },
    /// One feature divided by another; missing where either is, or the divisor is 0. Both must
    /// come earlier in the set, be single numbers and not [`optional`](crate::features::Feature::optional).
    Ratio {
        /// Name of the feature to divide.
        of: String,
        /// Name of the feature to divide by.
        per: String,
    },
}

/// The type of a column that holds a property's or an attribute's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Numbers if all values that occur are numbers, else categories.
    #[default]
    Auto,
    /// Numbers; missing where the value is not one.
    Number,
    /// Categories; a number by its shortest decimal form.
    Category,
}

impl ColumnType {
    fn output(self) -> Output {
        match self {
            Self::Auto => Output::Auto,
            Self::Number => Output::Number,
            Self::Category => Output::Category,
        }
    }
}

/// A part of a whole. Weights below zero (refunds) are left out, so that shares lie in 0..=1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// The events that pass a further filter, among all that count.
    Events(EventFilter),
    /// One value among the events that have the property: by their number, or by the sum of a second
    /// property. A list counts as each of its values; an item of a list of objects weighs what a field of
    /// the same item says.
    Value {
        /// The property, such as `department`.
        property: String,
        /// Its value, such as `PRODUCE`.
        value: String,
        /// The property that weighs the events, such as `amount`; none to count them.
        #[serde(default)]
        by: Option<String>,
    },
    /// The sum of `part` divided by the sums of `part` and `rest` together, over the events where both are
    /// numbers of 0 or more. `discount` and `amount` give the share of the list price that was discounted.
    Part {
        /// The part.
        part: String,
        /// What is added to it to make the whole.
        rest: String,
    },
}

/// Which end of a feature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// Less is better.
    Low,
    /// More is better.
    High,
}

impl Measure {
    /// Columns of one [`Measure::Attributes`] at most: clients choose the names of attributes, and a table
    /// must not grow by a column for every name. Further attributes have columns when they are
    /// [asked for by name](Measure::Attribute).
    pub(crate) const MAX_ATTRIBUTES: usize = 256;

    /// Whether its number grows from day to day without events.
    pub(super) fn ages(&self) -> bool {
        matches!(self, Self::RecencyDays | Self::TenureDays)
    }

    /// What it reads, which column it makes, and how it is evaluated.
    // One arm per measure, so that a measure is described in one place.
    pub(super) fn define(&self, names: NameLookup<'_>) -> Definition {
        use Keep::{First, Last, Max, Min, Squares, Sum, Times};
        match self {
            Self::Count => Definition::totals(Times, Read::Nothing, names, |t, half_life, _| {
                Some(if half_life { t.weight.value() } else { t.n as f64 })
            })
            .decaying(Anchor::AsOf),
            Self::Exists => Definition::totals(Times, Read::Nothing, names, |t, _, _| {
                Some(if t.n > 0 { 1.0 } else { 0.0 })
            }),
            Self::Sum(p) => {
                Definition::totals(Sum, Read::number(p), names, |t, _, _| Some(t.sum.value()))
                    .decaying(Anchor::AsOf)
            }
            // The newest value has the full weight, so that a mean does not fade.
            Self::Mean(p) => Definition::totals(Sum, Read::number(p), names, |t, half_life, _| {
                let n = if half_life { t.value_weight.value() } else { t.n_values as f64 };
                (t.n_values > 0).then(|| t.sum.value() / n)
            })
            .decaying(Anchor::Newest),
            Self::Min(p) => {
                Definition::totals(Min, Read::number(p), names, |t, _, _| Some(t.extreme))
            }
            Self::Max(p) => {
                Definition::totals(Max, Read::number(p), names, |t, _, _| Some(t.extreme))
            }
            Self::Std(p) => Definition::totals(Squares, Read::number(p), names, |t, _, _| {
                (t.n_values > 1).then(|| t.squares.std(t.sum, t.n_values))
            }),
            Self::RecencyDays => Definition::totals(Times, Read::Nothing, names, |t, _, as_of| {
                (t.n > 0).then(|| as_of.days_since(t.last))
            }),
            Self::TenureDays => Definition::totals(Times, Read::Nothing, names, |t, _, as_of| {
                (t.n > 0).then(|| as_of.days_since(t.first))
            }),
            Self::SpanDays => Definition::totals(Times, Read::Nothing, names, |t, _, _| {
                (t.n > 0).then(|| t.last.days_since(t.first))
            }),
            Self::FirstTime => Definition::totals(Times, Read::Nothing, names, |t, _, _| {
                (t.n > 0).then(|| t.first.days())
            }),
            Self::LastTime => Definition::totals(Times, Read::Nothing, names, |t, _, _| {
                (t.n > 0).then(|| t.last.days())
            }),
            Self::First { property, column } => {
                Definition::value(First, Read::both(property), names, column.output())
            }
            Self::Last { property, column } => {
                Definition::value(Last, Read::both(property), names, column.output())
            }
            Self::Attribute { name, column } => {
                Definition::value(Last, Read::Attribute(name.clone()), names, column.output())
            }
            Self::Quantile { property, q } => {
                let (field, q) = (names.property(property), *q);
                Definition::log([Read::number(property)], move |s| {
                    let values = stats::sorted(&s.numbers(field).collect::<Vec<_>>());
                    (!values.is_empty()).then(|| stats::quantile(&values, q))
                })
            }
            Self::Distinct(p) => {
                let field = names.property(p);
                Definition::log([Read::label(p)], move |s| {
                    Some(s.n_distinct(field, |_| true) as f64)
                })
            }
            Self::Values(p) => {
                let field = names.property(p);
                Definition::log([Read::label(p)], move |s| Some(s.labels(field).count() as f64))
            }
            Self::Orders(p) => {
                let (field, day) = (names.property(p), names.property(LOCAL_DAY));
                let reads = [Read::label(p), Read::number(LOCAL_DAY)];
                Definition::log(reads, move |s| Some(rhythm::orders(s, field, day)))
            }
            Self::ActiveDays => {
                let day = names.property(LOCAL_DAY);
                Definition::log([Read::number(LOCAL_DAY)], move |s| Some(s.n_days(day) as f64))
            }
            Self::GapDays => {
                let day = names.property(LOCAL_DAY);
                Definition::log([Read::number(LOCAL_DAY)], move |s| rhythm::gap_days(s, day))
            }
            Self::RepeatMean(p) => {
                let (field, day) = (names.property(p), names.property(LOCAL_DAY));
                let reads = [Read::number(p), Read::number(LOCAL_DAY)];
                Definition::log(reads, move |s| rhythm::repeat_mean(s, field, day))
            }
            Self::Session { of, minutes } => {
                let (of, minutes) = (*of, *minutes);
                Definition::log([], move |s| rhythm::session_measure(of, s.events, minutes))
            }
            Self::FurthestStep(funnel) => {
                let bound = names.funnel(funnel);
                Definition::log(Read::of_funnel(funnel), move |s| {
                    Some(bound.times(s.events, s.dictionary).len() as f64)
                })
            }
            Self::FunnelDays(funnel) => {
                let bound = names.funnel(funnel);
                Definition::log(Read::of_funnel(funnel), move |s| {
                    let times = bound.times(s.events, s.dictionary);
                    let (first, last) = times.first().zip(times.last())?;
                    (times.len() == bound.n_steps()).then(|| last.days_since(*first))
                })
            }
            Self::Entropy(p) => {
                let field = names.property(p);
                Definition::log([Read::label(p)], move |s| share::entropy(s.labels(field)))
            }
            Self::Share(Share::Events(further)) => {
                let bound = names.filter(further);
                Definition::log(Read::of_filter(further), move |s| share::of_events(s, &bound))
                    .decaying(Anchor::Newest)
            }
            Self::Share(Share::Value { property, value, by }) => {
                let (field, value) = (names.property(property), names.code(value));
                let by = by.as_deref();
                let weight = Weight::of(property, by, names);
                let reads = [Read::label(property)].into_iter().chain(by.map(Read::number));
                Definition::log(reads, move |s| share::of_value(s, field, value, weight))
                    .decaying(Anchor::Newest)
            }
            Self::Share(Share::Part { part, rest }) => {
                let (part_field, rest_field) = (names.property(part), names.property(rest));
                Definition::log([Read::number(part), Read::number(rest)], move |s| {
                    share::of_part(s, part_field, rest_field)
                })
            }
            Self::MostFrequent(p) => {
                let field = names.property(p);
                Definition::text([Read::label(p)], move |s| {
                    let label = share::most_frequent(s, field)?;
                    Some(s.dictionary.text(label).to_owned())
                })
            }
            Self::UniqueList(p) => {
                let field = names.property(p);
                Definition::text([Read::label(p)], move |s| s.unique_list(field))
            }
            Self::MostFrequentTransition(minutes) => {
                let minutes = *minutes;
                Definition::text([], move |s| rhythm::most_frequent_transition(s, minutes))
            }
            Self::TopShares { property, by, .. } => {
                let reads =
                    [Read::label(property)].into_iter().chain(by.as_deref().map(Read::number));
                Definition::open(reads).decaying(Anchor::Newest)
            }
            Self::EventCounts { .. } => Definition::open([]).decaying(Anchor::AsOf),
            Self::Attributes => Definition::open([Read::AllAttributes]),
            Self::Ratio { .. } | Self::Score { .. } | Self::ScoreFrom { .. } => {
                Definition::columns()
            }
        }
    }

    /// Whether it makes one column whatever the data; the feature's name is the column's.
    pub(crate) fn is_one_column(&self) -> bool {
        !matches!(self, Self::TopShares { .. } | Self::EventCounts { .. } | Self::Attributes)
    }

    /// Whether its column is of categories whatever the data.
    pub(crate) fn is_category(&self) -> bool {
        self.define(NameLookup::NONE).output == Output::Category
    }

    /// Whether neither its column nor the type of it depends on the data.
    pub(crate) fn is_fixed(&self) -> bool {
        let is_auto = self.define(NameLookup::NONE).output == Output::Auto;
        self.is_one_column() && !is_auto && !matches!(self, Self::Score { .. })
    }

    /// Whether events can count less the older they are.
    pub(crate) fn can_decay(&self) -> bool {
        self.define(NameLookup::NONE).anchor.is_some()
    }

    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<Cow<'static, str>> {
        if let Self::FurthestStep(funnel) | Self::FunnelDays(funnel) = self {
            return funnel.check().err().map(|error| error.to_string().into());
        }
        if let Self::Share(Share::Events(further)) = self {
            return further.fault();
        }
        self.setting_fault().map(Cow::Borrowed)
    }

    fn setting_fault(&self) -> Option<&'static str> {
        match self {
            Self::TopShares { n: 0, .. } | Self::EventCounts { n: 0, .. } => {
                Some("n must be at least 1")
            }
            Self::Score { n, .. } if !(2..=100).contains(n) => Some("n must lie between 2 and 100"),
            Self::ScoreFrom { borders, best, .. } => {
                let ascends = |pair: &[f64]| match best {
                    Best::High => pair[0] <= pair[1],
                    Best::Low => pair[0] >= pair[1],
                };
                let is_fine =
                    borders.iter().all(|b| b.is_finite()) && borders.windows(2).all(ascends);
                (!is_fine).then_some("the borders of a score must go from bad to good")
            }
            Self::Quantile { q, .. } if !(0.0..=1.0).contains(q) => {
                Some("q must lie between 0 and 1")
            }
            Self::Session { minutes, .. } | Self::MostFrequentTransition(minutes)
                if !(*minutes > 0.0 && minutes.is_finite()) =>
            {
                Some("minutes must be above 0 and finite")
            }
            _ => None,
        }
    }

    /// The earlier features it is made of; none if it is made of events.
    pub(crate) fn made_of(&self) -> impl Iterator<Item = &str> {
        let (a, b) = match self {
            Self::Ratio { of, per } => (Some(of), Some(per)),
            Self::Score { of, .. } | Self::ScoreFrom { of, .. } => (Some(of), None),
            _ => (None, None),
        };
        a.into_iter().chain(b).map(String::as_str)
    }

    /// The texts whose codes it compares.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Share(Share::Value { value, .. }) => vec![value],
            Self::Share(Share::Events(filter)) => filter.texts().collect(),
            Self::FurthestStep(funnel) | Self::FunnelDays(funnel) => funnel.texts().collect(),
            _ => Vec::new(),
        }
    }
}
