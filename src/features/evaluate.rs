//! One measure of one profile's events.
//!
//! Sums go through fixed point and ties through texts, so nothing depends on any order but that of
//! time. Cost: one pass over the events, or a sort of them.

use super::definition::Feature;
use super::entry::{Cell, Entry};
use super::filter::BoundFilter;
use super::measure::Measure;
use super::texts::Texts;
use super::{rhythm, share};
use crate::Timestamp;
use crate::journey::{self, BoundFunnel};
use crate::num::fixed::Fixed;
use crate::num::moments::Squares;
use crate::num::stats;

/// A feature of one column with its words looked up, as of a moment.
pub(super) struct Single<'f> {
    pub(super) measure: &'f Measure,
    pub(super) filter: BoundFilter<'f>,
    /// Events count from after this moment on.
    pub(super) after: Option<Timestamp>,
    pub(super) as_of: Timestamp,
    pub(super) half_life_days: Option<f64>,
    /// The numbers of the words that the measure names, in order.
    pub(super) codes: [u32; 3],
    pub(super) further: Option<BoundFilter<'f>>,
    funnel: Option<BoundFunnel<'f>>,
    pub(super) texts: &'f Texts,
}

impl<'f> Single<'f> {
    pub(super) fn new(feature: &'f Feature, texts: &'f Texts, as_of: Timestamp) -> Self {
        let measure = feature.measure();
        let further = match measure {
            Measure::Fraction(further) => Some(further.bind(texts)),
            _ => None,
        };
        let funnel = match measure {
            Measure::FurthestStep(funnel) | Measure::FunnelDays(funnel) => {
                Some(BoundFunnel::new(funnel, texts))
            }
            _ => None,
        };
        Self {
            measure,
            filter: feature.filter().bind(texts),
            after: feature.after(as_of),
            as_of,
            half_life_days: feature.half_life(),
            codes: measure.words().map(|word| texts.code(word)),
            further,
            funnel,
            texts,
        }
    }

    /// Whether the same events count.
    pub(super) fn counts_as(&self, other: &Self) -> bool {
        self.after == other.after && self.filter == other.filter
    }

    /// The events that count, of a profile's in order.
    pub(super) fn counted<'e>(&self, events: &[&'e Entry], counted: &mut Vec<&'e Entry>) {
        let start = match self.after {
            Some(after) => events.partition_point(|entry| entry.at <= after),
            None => 0,
        };
        counted.clear();
        counted.extend(events[start..].iter().filter(|entry| self.filter.passes(entry)));
    }

    /// How much an event counts.
    fn weight(&self, entry: &Entry) -> f64 {
        self.fading(entry, self.as_of)
    }

    /// How much is left of an event by a moment.
    pub(super) fn fading(&self, entry: &Entry, by: Timestamp) -> f64 {
        match self.half_life_days {
            None => 1.0,
            Some(days) => (-by.days_since(entry.at) / days).exp2(),
        }
    }

    /// The measure of the events that count, given in order of time; never NaN or infinite. What
    /// is made of other columns, not of events, has none.
    pub(super) fn cell(&self, events: &[&Entry]) -> Option<Cell> {
        let property = self.codes[0];
        match self.measure {
            Measure::MostFrequent(_) => {
                share::most_frequent(events, property, self.texts).map(Cell::Label)
            }
            Measure::AttributeNumber(_) | Measure::AttributeCategory(_) => {
                self.latest(events, |entry| entry.attribute(property).next())
            }
            Measure::LastNumber(_) | Measure::LastCategory(_) => {
                self.latest(events, |entry| entry.property(property).next())
            }
            Measure::FirstNumber(_) | Measure::FirstCategory(_) => {
                let said = |entry: &&Entry| Some((entry.at, entry.property(property).next()?));
                let mut values = events.iter().filter_map(said);
                let (at, first) = values.next()?;
                let same_time = values.take_while(|&(time, _)| time == at);
                Some(same_time.fold(first, |best, (_, next)| best.min(next, self.texts)))
            }
            _ => self.number(events).filter(|number| number.is_finite()).map(Cell::Number),
        }
    }

    /// The value that was said last; of several at the same time, the smallest.
    fn latest(&self, events: &[&Entry], value: impl Fn(&Entry) -> Option<Cell>) -> Option<Cell> {
        let mut values = events.iter().rev().filter_map(|entry| Some((entry.at, value(entry)?)));
        let (at, last) = values.next()?;
        let same_time = values.take_while(|&(time, _)| time == at);
        Some(same_time.fold(last, |best, (_, next)| best.min(next, self.texts)))
    }

    /// A measure that gives a number.
    fn number(&self, events: &[&Entry]) -> Option<f64> {
        let [property, second, _] = self.codes;
        let first = events.first().map(|entry| entry.at);
        let last = events.last().map(|entry| entry.at);
        let days = || events.iter().map(|entry| entry.at.day());
        match self.measure {
            Measure::Count if self.half_life_days.is_some() => {
                Some(fixed_sum(events.iter().map(|entry| self.weight(entry))).value())
            }
            Measure::Count => Some(events.len() as f64),
            Measure::Exists => Some(if events.is_empty() { 0.0 } else { 1.0 }),
            Measure::Sum(_) => Some(self.sums(events, self.as_of).0.value()),
            Measure::Mean(_) => {
                // The newest value has the full weight, so that a mean does not fade.
                let has_number =
                    |entry: &&&Entry| entry.property(property).any(|cell| cell.number().is_some());
                let newest = events.iter().rfind(has_number)?.at;
                let (sum, weights) = self.sums(events, newest);
                Some(sum.value() / weights.value())
            }
            Measure::Min(_) => self.values(events).reduce(f64::min),
            Measure::Max(_) => self.values(events).reduce(f64::max),
            Measure::Deviation(_) => {
                let values: Vec<Fixed> = self.values(events).map(fixed).collect();
                let squares = values.iter().map(|&value| Squares::of(value));
                let squares = squares.fold(Squares::default(), Squares::add);
                let sum = values.iter().copied().sum();
                (values.len() > 1).then(|| squares.deviation(sum, values.len() as u64))
            }
            Measure::Quantile { q, .. } => {
                let values = stats::sorted(&self.values(events).collect::<Vec<_>>());
                (!values.is_empty()).then(|| stats::quantile(&values, *q))
            }
            Measure::Distinct(_) => Some(distinct(labels(events, property)) as f64),
            Measure::Orders(_) => {
                // An exporter's empty column is no id; the measure's second word is the empty one.
                let is_id = |label: &u32| *label != second;
                let has_id = |entry: &Entry| {
                    entry.property(property).filter_map(Cell::label).any(|l| is_id(&l))
                };
                let without = events.iter().filter(|entry| !has_id(entry));
                let days = without.map(|entry| entry.at.day());
                Some((distinct(labels(events, property).filter(is_id)) + distinct(days)) as f64)
            }
            Measure::RecencyDays => last.map(|last| self.as_of.days_since(last)),
            Measure::TenureDays => first.map(|first| self.as_of.days_since(first)),
            Measure::SpanDays => first.zip(last).map(|(first, last)| last.days_since(first)),
            Measure::FirstTime => first.map(Timestamp::days),
            Measure::LastTime => last.map(Timestamp::days),
            Measure::ActiveDays => Some(distinct(days()) as f64),
            Measure::GapDays => {
                let n_days = distinct(days());
                let (first, last) = first.zip(last)?;
                // The gaps add up to the way from the first day to the last.
                let span = last.day() - first.day();
                (n_days > 1).then(|| span as f64 / (n_days - 1) as f64)
            }
            Measure::RepeatMean(_) => rhythm::repeat_mean(events, property),
            Measure::Sessions(minutes)
            | Measure::EventsPerSession(minutes)
            | Measure::SessionMinutes(minutes)
            | Measure::SessionGapDays(minutes)
            | Measure::SessionGapVariation(minutes) => {
                rhythm::session_measure(self.measure, events, *minutes)
            }
            Measure::Share { by, .. } => {
                share::share(self, events, property, second, by.as_ref().map(|_| self.codes[2]))
            }
            Measure::Portion { .. } => share::portion(events, property, second),
            Measure::Fraction(_) => share::fraction(self, events),
            Measure::FurthestStep(_) => Some(self.funnel.as_ref()?.times(events).len() as f64),
            Measure::FunnelDays(_) => {
                let funnel = self.funnel.as_ref()?;
                let times = funnel.times(events);
                let (first, last) = times.first().zip(times.last())?;
                (times.len() == funnel.n_steps()).then(|| last.days_since(*first))
            }
            Measure::Entropy(_) => share::entropy(labels(events, property)),
            // Not numbers of one profile's events: see `cell`, and the settling of columns.
            Measure::MostFrequent(_)
            | Measure::UniqueList(_)
            | Measure::MostFrequentTransition(_)
            | Measure::First(_)
            | Measure::FirstNumber(_)
            | Measure::FirstCategory(_)
            | Measure::Last(_)
            | Measure::LastNumber(_)
            | Measure::LastCategory(_)
            | Measure::Attribute(_)
            | Measure::AttributeNumber(_)
            | Measure::AttributeCategory(_)
            | Measure::TopShares { .. }
            | Measure::EventCounts { .. }
            | Measure::Attributes
            | Measure::Score { .. }
            | Measure::ScoreFrom { .. }
            | Measure::Ratio { .. } => None,
        }
    }

    /// A measure that gives a text of its own making.
    pub(super) fn text(&self, events: &[&Entry]) -> Option<String> {
        match self.measure {
            Measure::UniqueList(_) => self.list(events),
            Measure::MostFrequentTransition(minutes) => {
                journey::most_frequent_transition(events, *minutes, self.texts)
            }
            _ => None,
        }
    }

    /// The distinct values of the property in order, as one text; `None` if there are none.
    fn list(&self, events: &[&Entry]) -> Option<String> {
        let mut texts: Vec<&str> =
            labels(events, self.codes[0]).map(|label| self.texts.text(label)).collect();
        texts.sort_unstable();
        texts.dedup();
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    /// The numbers that the first property has.
    fn values(&self, events: &[&Entry]) -> impl Iterator<Item = f64> {
        let property = self.codes[0];
        events.iter().flat_map(move |entry| entry.property(property).filter_map(Cell::number))
    }

    /// The sum of the first property as of a moment, and that of the weights of its values.
    fn sums(&self, events: &[&Entry], by: Timestamp) -> (Fixed, Fixed) {
        let (mut sum, mut weights) = (Fixed::default(), Fixed::default());
        for entry in events {
            let weight = self.fading(entry, by);
            for number in entry.property(self.codes[0]).filter_map(Cell::number) {
                sum = sum.add(fixed(number * weight));
                weights = weights.add(fixed(weight));
            }
        }
        (sum, weights)
    }
}

/// Exact in any order.
pub(super) fn fixed_sum(values: impl Iterator<Item = f64>) -> Fixed {
    values.map(fixed).sum()
}

/// A value that was checked when it came in, or less of one.
pub(super) fn fixed(value: f64) -> Fixed {
    Fixed::new(value).unwrap_or_default()
}

/// The labels of a property over all events.
pub(super) fn labels(events: &[&Entry], property: u32) -> impl Iterator<Item = u32> {
    events.iter().flat_map(move |entry| entry.property(property).filter_map(Cell::label))
}

pub(super) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values.len()
}
