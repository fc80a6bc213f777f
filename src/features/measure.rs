//! What can be measured over the events of a person.
//!
//! Every measure is a function of the *set* of a person's events up to a moment. About things
//! nobody did the rule is: numbers of things are 0, everything else is missing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::filter::EventFilter;
use crate::journey::Funnel;

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
    /// Its quantile, between 0 and 1 (0.5 is the median), by linear interpolation between the
    /// values (type 7 of Hyndman and Fan); missing if there are none.
    Quantile {
        /// The property.
        property: String,
        /// The share of the values that lie below.
        q: f64,
    },
    /// 1 if there is an event, 0 if not.
    Exists,
    /// The value of a property at the first event that has one; of several then, the smallest,
    /// numbers before texts. A column of numbers if all values that occur are, else of categories.
    First(String),
    /// [`Measure::First`] as a number; missing where it is not one.
    FirstNumber(String),
    /// [`Measure::First`] as a category.
    FirstCategory(String),
    /// As [`Measure::First`], at the last event that has one.
    Last(String),
    /// [`Measure::Last`] as a number; missing where it is not one.
    LastNumber(String),
    /// [`Measure::Last`] as a category.
    LastCategory(String),
    /// The time of the first event, in days since 1970-01-01T00:00:00Z; missing without events.
    FirstTime,
    /// The time of the last event, in days since 1970-01-01T00:00:00Z; missing without events.
    LastTime,
    /// All distinct values of a property, in order of their text, as one category: `red, white`.
    /// Missing if there are none.
    UniqueList(String),
    /// Number of distinct values of a property; 0 if there are none.
    Distinct(String),
    /// Number of orders: distinct values of the property that holds the order's id, and for
    /// events without one or with an empty text, the days on which they happened. 0 if there are none.
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
    /// Mean over the days with events but for the first of a property's sum on that day: the
    /// value of a repeated purchase, as BG/NBD and Gamma-Gamma take it. Missing below two such days.
    RepeatMean(String),
    /// Number of sessions: runs of events less than this many minutes apart, each from the one
    /// before; 30 is usual. 0 without events.
    Sessions(f64),
    /// Mean number of events in a session; missing without events.
    EventsPerSession(f64),
    /// Mean length of a session, from its first event to its last, in minutes; missing without
    /// events.
    SessionMinutes(f64),
    /// Mean time from the end of a session to the start of the next, in days; missing below two.
    SessionGapDays(f64),
    /// How irregular those times are: their standard deviation (divisor n) divided by their mean.
    /// 0 for the regular, about 1 for what comes by chance, above for bursts. Missing below three
    /// sessions.
    SessionGapVariation(f64),
    /// How many steps of a funnel were reached, from 0 to all of them.
    FurthestStep(Funnel),
    /// Days from the first step of a funnel to the last, of the [attempt that counts](Funnel);
    /// missing if the last was not reached.
    FunnelDays(Funnel),
    /// What most often follows what within sessions, of events less than so many minutes apart:
    /// `visit → purchase`. Repetitions of an event are one step; events of the same time come in
    /// order of their names. Ties to the smaller first name, then to the smaller second; missing
    /// below two transitions. A category.
    MostFrequentTransition(f64),
    /// Share of the events that pass a further filter; missing without events.
    Fraction(EventFilter),
    /// How evenly the events spread over the values of a property: Shannon's entropy in bits, 0 if
    /// it is always the same one. Missing if no event has the property.
    Entropy(String),
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
    /// alphabetical order. Columns are called as the attributes. Of more than
    /// [`Measure::MAX_ATTRIBUTES`], those that most people declare, ties by name;
    /// [`Features::attributes_left_out`](crate::Features::attributes_left_out) counts the others.
    Attributes,
    /// A feature as a score of 1 to `n` by rank in the whole population: `n` is best. Of `N` people
    /// with a value, one who does better than `b` others gets 1 + ⌊`n` · `b` / `N`⌋, so that equal
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
    /// [`Profiles::settle`](crate::Profiles::settle) makes one.
    ScoreFrom {
        /// Name of the feature.
        of: String,
        /// The borders, from bad to good.
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
    /// Columns of one [`Measure::Attributes`] at most: what clients declare, they name, and a table
    /// must not grow by a column for every name that somebody thinks of. Others are there when
    /// [asked for by name](Measure::Attribute).
    pub const MAX_ATTRIBUTES: usize = 256;

    /// Whether it is one column, whatever the data; the feature's name is the column's.
    pub(crate) fn is_one_column(&self) -> bool {
        !matches!(self, Self::TopShares { .. } | Self::EventCounts { .. } | Self::Attributes)
    }

    /// Whether its column is of categories, whatever the data.
    pub(crate) fn is_category(&self) -> bool {
        matches!(
            self,
            Self::MostFrequent(_)
                | Self::AttributeCategory(_)
                | Self::FirstCategory(_)
                | Self::LastCategory(_)
                | Self::UniqueList(_)
                | Self::MostFrequentTransition(_)
        )
    }

    /// Whether neither its column nor the type of it depends on the data.
    pub(crate) fn is_settled(&self) -> bool {
        let is_open = matches!(
            self,
            Self::Attribute(_) | Self::First(_) | Self::Last(_) | Self::Score { .. }
        );
        self.is_one_column() && !is_open
    }

    /// Whether events can count less the older they are.
    pub(crate) fn can_decay(&self) -> bool {
        matches!(
            self,
            Self::Count
                | Self::Sum(_)
                | Self::Mean(_)
                | Self::Share { .. }
                | Self::TopShares { .. }
                | Self::EventCounts { .. }
                | Self::Fraction(_)
        )
    }

    /// What keeps it from making sense.
    pub(crate) fn fault(&self) -> Option<Cow<'static, str>> {
        if let Self::FurthestStep(funnel) | Self::FunnelDays(funnel) = self {
            return funnel.check().err().map(|error| error.to_string().into());
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
            Self::Sessions(minutes)
            | Self::EventsPerSession(minutes)
            | Self::SessionMinutes(minutes)
            | Self::SessionGapDays(minutes)
            | Self::SessionGapVariation(minutes)
            | Self::MostFrequentTransition(minutes)
                if !(*minutes > 0.0 && minutes.is_finite()) =>
            {
                Some("a number of minutes must be above 0 and finite")
            }
            Self::Fraction(further) => further.fault(),
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

    /// The words by which one profile's events are looked at: properties, and a value.
    pub(crate) fn words(&self) -> [&str; 3] {
        match self {
            Self::Share { property, value, by } => {
                [property, value, by.as_deref().unwrap_or_default()]
            }
            Self::Portion { part, rest } => [part, rest, ""],
            Self::Sum(word)
            | Self::Mean(word)
            | Self::Min(word)
            | Self::Max(word)
            | Self::Deviation(word)
            | Self::Quantile { property: word, .. }
            | Self::RepeatMean(word)
            | Self::FirstNumber(word)
            | Self::FirstCategory(word)
            | Self::LastNumber(word)
            | Self::LastCategory(word)
            | Self::UniqueList(word)
            | Self::Distinct(word)
            | Self::Orders(word)
            | Self::Entropy(word)
            | Self::MostFrequent(word)
            | Self::AttributeNumber(word)
            | Self::AttributeCategory(word) => [word, "", ""],
            _ => [""; 3],
        }
    }

    /// Tells which properties are read and how, and which attributes (`None`: all).
    pub(crate) fn needs(
        &self,
        property: &mut impl FnMut(&str, Need),
        attribute: &mut impl FnMut(Option<&str>),
    ) {
        match self {
            Self::Sum(p)
            | Self::Mean(p)
            | Self::Min(p)
            | Self::Max(p)
            | Self::Deviation(p)
            | Self::RepeatMean(p)
            | Self::Quantile { property: p, .. } => property(p, Need::NUMBER),
            Self::Distinct(p)
            | Self::Orders(p)
            | Self::MostFrequent(p)
            | Self::UniqueList(p)
            | Self::Entropy(p) => property(p, Need::LABEL),
            Self::First(p)
            | Self::FirstNumber(p)
            | Self::FirstCategory(p)
            | Self::Last(p)
            | Self::LastNumber(p)
            | Self::LastCategory(p) => property(p, Need::BOTH),
            Self::Share { property: p, by, .. } | Self::TopShares { property: p, by, .. } => {
                property(p, Need::LABEL);
                by.iter().for_each(|by| property(by, Need::NUMBER));
            }
            Self::Portion { part, rest } => {
                property(part, Need::NUMBER);
                property(rest, Need::NUMBER);
            }
            Self::Fraction(further) => further.needs().for_each(|(p, need)| property(p, need)),
            Self::FurthestStep(funnel) | Self::FunnelDays(funnel) => {
                funnel.needs().for_each(|(p, need)| property(p, need));
            }
            Self::Attribute(name) | Self::AttributeNumber(name) | Self::AttributeCategory(name) => {
                attribute(Some(name))
            }
            Self::Attributes => attribute(None),
            Self::Count
            | Self::Exists
            | Self::RecencyDays
            | Self::TenureDays
            | Self::SpanDays
            | Self::ActiveDays
            | Self::GapDays
            | Self::FirstTime
            | Self::LastTime
            | Self::Sessions(_)
            | Self::EventsPerSession(_)
            | Self::SessionMinutes(_)
            | Self::SessionGapDays(_)
            | Self::SessionGapVariation(_)
            | Self::MostFrequentTransition(_)
            | Self::EventCounts { .. }
            | Self::Score { .. }
            | Self::ScoreFrom { .. }
            | Self::Ratio { .. } => {}
        }
    }
}

/// How a property is read: as a number, as a text, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) number: bool,
    pub(crate) label: bool,
}

impl Need {
    pub(crate) const NUMBER: Self = Self { number: true, label: false };
    pub(crate) const LABEL: Self = Self { number: false, label: true };
    pub(crate) const BOTH: Self = Self { number: true, label: true };

    /// Whether what is kept for this serves another need too.
    pub(crate) fn covers(self, other: Self) -> bool {
        (self.number || !other.number) && (self.label || !other.label)
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.number |= other.number;
        self.label |= other.label;
    }
}
