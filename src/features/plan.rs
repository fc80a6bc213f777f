//! A plan: a set of fixed features, bound to the schema and the dictionary once.
//!
//! Bound, a feature compares numbers only. Features of the same events are evaluated one after the
//! other, so that these events are selected once. A plan is valid as long as the texts it names keep
//! their codes: for ever if they are interned for it, else until the store changes.
//!
//! Cost of one person: that person's events for each distinct filter, and the measures.

use std::borrow::Cow;

use super::definition::{Definition, Evaluation, NameLookup, Output};
use super::dictionary::Dictionary;
use super::evaluate::{Answer, Selection};
use super::feature::Feature;
use super::filter::BoundFilter;
use super::history::Histories;
use super::measure::Measure;
use super::score;
use super::stored::StoredEvent;
use super::summary::{self, Layout, TotalsPlace};
use super::table::Values;
use super::totals::{Anchor, Totals};
use crate::Timestamp;

/// How many sets of events are compared with that of a further feature.
const MAX_COMPARED: usize = 16;

/// A set of fixed features, bound.
pub(crate) struct Plan {
    features: Vec<Feature>,
    bound: Vec<BoundFeature>,
    /// The features in the order in which they are evaluated.
    order: Vec<u32>,
}

struct BoundFeature {
    filter: BoundFilter,
    definition: Definition,
    /// Where a summary holds the totals.
    reading: Option<TotalsPlace>,
}

/// A person's events up to a moment.
pub(crate) struct PersonEvents<'h> {
    /// Those in the logs, in order.
    pub(crate) log: Vec<StoredEvent<'h>>,
    /// Of all events, if some are no longer in the logs.
    pub(crate) summary: Option<Cow<'h, [u64]>>,
}

impl PersonEvents<'_> {
    /// Time of the first event.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        match &self.summary {
            Some(summary) => {
                let times = summary::times(summary);
                (times.n > 0).then_some(times.first)
            }
            None => self.log.first().map(|event| event.at),
        }
    }

    /// Time of the last event that a summary has seen.
    pub(crate) fn newest_in_summary(&self) -> Option<Timestamp> {
        let times = summary::times(self.summary.as_deref()?);
        (times.n > 0).then_some(times.last)
    }

    /// Whether the log holds every event after a moment; `None` for the beginning of time.
    pub(crate) fn has_all_after(&self, after: Option<Timestamp>) -> bool {
        match self.summary.as_deref().and_then(summary::cut) {
            Some(cut) => after.is_some_and(|after| after >= cut),
            None => true,
        }
    }
}

impl Plan {
    /// Binds fixed features; scores may be among them.
    pub(crate) fn new(features: Vec<Feature>, histories: &Histories) -> Self {
        let (schema, dictionary) = (&histories.schema, &histories.dictionary);
        let mut layout: Layout = histories.layout().clone();
        let bind = |feature: &Feature| BoundFeature {
            filter: feature.bind(schema, dictionary),
            definition: feature.measure().define(NameLookup::new(schema, dictionary)),
            reading: feature.reserve(&mut layout, (schema, dictionary)),
        };
        let bound: Vec<BoundFeature> = features.iter().map(bind).collect();
        let order = by_events(&features, &bound);
        Self { features, bound, order }
    }

    pub(crate) fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Evaluates all features of one person that are made of events; calls `each` with the
    /// place of the feature and its answer.
    pub(super) fn evaluate<'e>(
        &self,
        events: &PersonEvents<'e>,
        as_of: Timestamp,
        dictionary: &'e Dictionary,
        selected: &mut Vec<StoredEvent<'e>>,
        mut each: impl FnMut(usize, Option<Answer>),
    ) {
        let mut before: Option<u32> = None;
        for &place in &self.order {
            let (feature, bound) = (&self.features[place as usize], &self.bound[place as usize]);
            if matches!(bound.definition.how, Evaluation::Columns | Evaluation::Open) {
                continue;
            }
            let after = feature.after(as_of);
            if !events.has_all_after(after) {
                let answer = match (&events.summary, bound.reading) {
                    (Some(summary), Some(reading)) => {
                        bound.definition.read_totals(&reading.totals(summary), false, as_of)
                    }
                    _ => Some(Answer::Cut),
                };
                each(place as usize, answer);
                continue;
            }
            if !before.is_some_and(|before| self.is_of_same_events(before, place)) {
                let start = after.map_or(0, |after| events.log.partition_point(|e| e.at <= after));
                selected.clear();
                let counts = |event: &&StoredEvent<'e>| bound.filter.passes(**event, dictionary);
                selected.extend(events.log[start..].iter().filter(counts));
                before = Some(place);
            }
            each(place as usize, bound.definition.evaluate(selected, feature, as_of, dictionary));
        }
    }

    fn is_of_same_events(&self, a: u32, b: u32) -> bool {
        is_of_same_events(&self.features, &self.bound, a, b)
    }

    /// Whether a feature's column is of categories.
    pub(super) fn is_category(&self, place: usize) -> bool {
        self.bound[place].definition.output == Output::Category
    }

    /// The column of a feature that is made of other columns, which `column` finds by name, and the
    /// feature itself if its borders are fixed by the column.
    pub(super) fn finish<'c>(
        &self,
        place: usize,
        column: impl Fn(&str) -> Option<&'c Values>,
        n: usize,
    ) -> (Option<Feature>, Values) {
        let numbers = |name: &str| match column(name) {
            Some(Values::Numeric(values)) => Cow::Borrowed(values.as_slice()),
            // An attribute that turned out to be a category.
            _ => Cow::Owned(vec![None; n]),
        };
        let feature = &self.features[place];
        match feature.measure() {
            Measure::Ratio { of, per } => {
                let divide = |(of, per): (&Option<f64>, &Option<f64>)| {
                    let quotient = of.as_ref()? / per.as_ref().filter(|per| **per != 0.0)?;
                    quotient.is_finite().then_some(quotient)
                };
                let (of, per) = (numbers(of), numbers(per));
                (None, Values::Numeric(of.iter().zip(per.iter()).map(divide).collect()))
            }
            Measure::Score { of, n, best } => {
                let column = numbers(of);
                let borders = score::borders(&column, *n, *best);
                let values = score::scores(&column, &borders, *best);
                let measure = Measure::ScoreFrom { of: of.clone(), borders, best: *best };
                (Some(feature.clone().measuring(measure)), values)
            }
            Measure::ScoreFrom { of, borders, best } => {
                (None, score::scores(&numbers(of), borders, *best))
            }
            _ => (None, Values::Numeric(vec![None; n])),
        }
    }
}

impl Definition {
    /// The measure of the events that count; a number that is not finite is missing.
    fn evaluate(
        &self,
        selected: &[StoredEvent<'_>],
        feature: &Feature,
        as_of: Timestamp,
        dictionary: &Dictionary,
    ) -> Option<Answer> {
        let half_life_days = feature.half_life();
        match &self.how {
            Evaluation::Totals { keep, field, .. } | Evaluation::Value { keep, field } => {
                let anchor = (self.anchor.unwrap_or(Anchor::AsOf), as_of);
                let totals =
                    Totals::of(selected, (*keep, *field), half_life_days, anchor, dictionary);
                self.read_totals(&totals, half_life_days.is_some(), as_of)
            }
            Evaluation::Log(from) => {
                let answer = from(Selection { events: selected, half_life_days, dictionary });
                answer.filter(|answer| !matches!(answer, Answer::Number(n) if !n.is_finite()))
            }
            Evaluation::Columns | Evaluation::Open => None,
        }
    }

    fn read_totals(&self, totals: &Totals, fades: bool, as_of: Timestamp) -> Option<Answer> {
        match &self.how {
            Evaluation::Totals { read, .. } => {
                read(totals, fades, as_of).filter(|number| number.is_finite()).map(Answer::Number)
            }
            Evaluation::Value { .. } => {
                totals.value.filter(|value| !value.is_gone()).map(Answer::Value)
            }
            _ => None,
        }
    }
}

fn is_of_same_events(features: &[Feature], bound: &[BoundFeature], a: u32, b: u32) -> bool {
    let (a, b) = (a as usize, b as usize);
    features[a].window() == features[b].window() && bound[a].filter == bound[b].filter
}

/// The places of features, those of the same events mostly one after the other.
fn by_events(features: &[Feature], bound: &[BoundFeature]) -> Vec<u32> {
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for place in 0..features.len() as u32 {
        // There can be a group for every event name; not all of them are compared.
        let mut newest = groups.iter_mut().rev().take(MAX_COMPARED);
        match newest.find(|group| is_of_same_events(features, bound, group[0], place)) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups.concat()
}
